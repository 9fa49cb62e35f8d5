
/*
 * The JSON scanner: structure.  Strings, numbers and the watched places have
 * files of their own.  State, in a few words:
 *
 *   between tokens  s->state says what may come next; s->bits has a bit for
 *                   each open container, set for an object, the innermost one
 *                   lowest; every 64 levels s->stack keeps a copy
 *   in a token      IN_STRING and the states after it; only a slice that ended
 *                   within a token leaves these behind, and resume() goes on
 *   watching        frames[] are the open containers whose whole path is in
 *                   the table; only when level == depth is the innermost one
 *                   of them, below that names are not even looked at
 *
 * A string that lies whole and without escapes in one slice, the usual case,
 * is never copied.  Helpers take the next byte
 * and return the one to go on with, or NULL after fail().
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_json.h"
#include "ngx_llm_json_number.h"
#include "ngx_llm_json_state.h"
#include "ngx_llm_json_string.h"
#include "ngx_llm_json_watch.h"


static const u_char *ngx_llm_json_resume(ngx_llm_json_t *s, const u_char *p,
    const u_char *last);
static const u_char *ngx_llm_json_scan(ngx_llm_json_t *s, const u_char *p,
    const u_char *last);
static ngx_inline ngx_uint_t ngx_llm_json_token(const u_char **p,
    const u_char *last);
static ngx_llm_noinline const u_char *ngx_llm_json_space(const u_char *p,
    const u_char *last);
static ngx_inline const u_char *ngx_llm_json_pause(ngx_llm_json_t *s,
    ngx_uint_t state, const u_char *last);
static ngx_inline ngx_int_t ngx_llm_json_open(ngx_llm_json_t *s,
    const u_char *p);
static ngx_inline void ngx_llm_json_close(ngx_llm_json_t *s);
static const u_char *ngx_llm_json_scalar(ngx_llm_json_t *s, const u_char *p,
    const u_char *last);
static ngx_inline const u_char *ngx_llm_json_word(ngx_llm_json_t *s,
    const u_char *p, const u_char *last, const char *word, size_t len,
    ngx_uint_t kind);
static const u_char *ngx_llm_json_literal(ngx_llm_json_t *s, const u_char *p,
    const u_char *last);


/* the bracket that closes the innermost container */
#define ngx_llm_json_bracket(s)  ((s)->bits & 1 ? '}' : ']')


void
ngx_llm_json_init(ngx_llm_json_t *s, const ngx_llm_json_watch_t *watch,
    ngx_uint_t nwatch, u_char *buf, size_t size, ngx_llm_json_pt handler,
    void *data)
{
    /* the other fields are set before they are read */

    s->error = NULL;
    s->error_at = 0;
    s->root_open = 0;
    s->root_count = 0;
    s->root_kind = NGX_LLM_JSON_NONE;

    s->state = NGX_LLM_JSON_VALUE;
    s->level = 0;
    s->depth = 0;
    s->row = NGX_LLM_JSON_ROOT;
    s->bits = 0;
    s->offset = 0;

    s->buf = buf;
    s->size = size;
    s->data = data;
    s->handler = handler;
    s->nwatch = nwatch;
    s->watch = watch;
}


ngx_int_t
ngx_llm_json_feed(ngx_llm_json_t *s, const u_char *p, size_t n)
{
    const u_char  *last;

    if (n == 0) {
        return (s->state == NGX_LLM_JSON_FAILED) ? NGX_DECLINED : NGX_OK;
    }

    last = p + n;
    s->base = p;

    if (s->state >= NGX_LLM_JSON_IN_STRING) {
        p = ngx_llm_json_resume(s, p, last);
    }

    if (p == NULL || (p < last && ngx_llm_json_scan(s, p, last) == NULL)) {
        return NGX_DECLINED;
    }

    s->offset += n;

    return NGX_OK;
}


ngx_int_t
ngx_llm_json_end(ngx_llm_json_t *s)
{
    static const u_char  end[] = "";

    if (s->state == NGX_LLM_JSON_FAILED) {
        return NGX_DECLINED;
    }

    s->base = end;

    if (s->state == NGX_LLM_JSON_IN_NUMBER
        && ngx_llm_json_number_end(s, end) == NULL)
    {
        return NGX_DECLINED;
    }

    if (s->state != NGX_LLM_JSON_AFTER || s->depth) {
        ngx_llm_json_fail(s, end, "unexpected end");
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* goes on with the token in which the slice before this one ended */

static const u_char *
ngx_llm_json_resume(ngx_llm_json_t *s, const u_char *p, const u_char *last)
{
    switch (s->state) {

    case NGX_LLM_JSON_IN_STRING:
    case NGX_LLM_JSON_IN_ESCAPE:
    case NGX_LLM_JSON_IN_CHAR:
        return ngx_llm_json_string_resume(s, p, last);

    case NGX_LLM_JSON_IN_NUMBER:
        return ngx_llm_json_number_resume(s, p, last);

    case NGX_LLM_JSON_IN_LITERAL:
        return ngx_llm_json_literal(s, p, last);

    default: /* NGX_LLM_JSON_FAILED */
        return NULL;
    }
}


/*
 * All of a slice between two tokens.  What may come next is where the code
 * stands, not a state that is looked up for each token: s->state is read once,
 * as the slice begins.  This is the hot loop of the module, hence one long
 * function, with labels.  They jump to each other both ways, so functions in
 * their place would have to return what comes next to a switch, which is that
 * look-up, and would share p, stop and frame by memory.
 *
 * Before the stop some bytes ahead can be looked at: there a name, its colon,
 * a string and the next comma are passed without a test for the slice's end at
 * each of them.
 */

static const u_char *               /* lint: length */
ngx_llm_json_scan(ngx_llm_json_t *s, const u_char *p, const u_char *last)
{
    const u_char          *q, *stop;
    ngx_llm_json_frame_t  *frame;

    stop = (last - p >= 16) ? last - 15 : NULL;
    frame = ngx_llm_json_frame(s);

    switch (s->state) {

    case NGX_LLM_JSON_VALUE:
        goto value;

    case NGX_LLM_JSON_FIRST_VALUE:
        goto first_value;

    case NGX_LLM_JSON_KEY:
        goto key;

    case NGX_LLM_JSON_FIRST_KEY:
        goto first_key;

    case NGX_LLM_JSON_COLON:
        goto colon;

    default:
        goto after;
    }

first_key:

    if (!ngx_llm_json_token(&p, last)) {
        return ngx_llm_json_pause(s, NGX_LLM_JSON_FIRST_KEY, last);
    }

    if (*p == '"') {
        p++;
        goto name;
    }

    if (*p == '}') {
        p++;

        if (frame != NULL) {
            ngx_llm_json_watch_close(s, p, 0);
        }

        goto close;
    }

key:

    if (!ngx_llm_json_token(&p, last)) {
        return ngx_llm_json_pause(s, NGX_LLM_JSON_KEY, last);
    }

    if (*p++ != '"') {
        return ngx_llm_json_fail(s, p - 1, "a member's name expected");
    }

name:

    q = ngx_llm_json_short(p, stop);

    if (q == NULL) {
        q = ngx_llm_json_plain(p, s->base, last);

        if (q == last || *q != '"') {
            p = ngx_llm_json_string(s, p, q, last, 1);

            if (p == NULL || p == last) {
                return p;
            }

            goto colon;
        }
    }

    if (frame != NULL && (frame->mask & ngx_llm_json_name_bit(q - p))) {
        ngx_llm_json_watch_name(s, frame, p, q - p);
    }

    p = q + 1;

    if (p < stop) {

        if (ngx_memcmp(p, ":\"", 2) == 0) {
            p += 2;
            goto text;
        }

        if (ngx_memcmp(p, ": \"", 3) == 0) {
            p += 3;
            goto text;
        }
    }

colon:

    if (!ngx_llm_json_token(&p, last)) {
        return ngx_llm_json_pause(s, NGX_LLM_JSON_COLON, last);
    }

    if (*p++ != ':') {
        return ngx_llm_json_fail(s, p - 1, "a colon expected");
    }

value:

    if (!ngx_llm_json_token(&p, last)) {
        return ngx_llm_json_pause(s, NGX_LLM_JSON_VALUE, last);
    }

    if (*p == '"') {
        p++;
        goto text;
    }

    if (*p == '{' || *p == '[') {
        goto open;
    }

    p = ngx_llm_json_scalar(s, p, last);

    if (p == NULL || p == last) {
        return p;
    }

    goto after;

text:

    q = ngx_llm_json_short(p, stop);

    if (q == NULL) {
        q = (s->row == NGX_LLM_JSON_NO_ROW)
            ? ngx_llm_json_skip(p, s->base, last)
            : ngx_llm_json_plain(p, s->base, last);

        if (q == last || *q != '"') {
            p = ngx_llm_json_string(s, p, q, last, 0);

            if (p == NULL || p == last) {
                return p;
            }

            goto after;
        }
    }

    if (s->row != NGX_LLM_JSON_NO_ROW) {
        s->start = ngx_llm_json_offset(s, p - 1);
        ngx_llm_json_watch_string(s, q + 1, p, q - p, 0);
    }

    p = q + 1;

    if (p < stop) {

        if (ngx_memcmp(p, ",\"", 2) == 0 && (s->bits & 1)) {
            p += 2;

            if (frame != NULL) {
                frame->count++;
            }

            goto name;
        }

        /* from one object of an array to the next, which is not watched */

        if (frame == NULL
            && ngx_memcmp(p, "},{\"", 4) == 0
            && (s->bits & 3) == 1)
        {
            p += 4;

            if (s->level == s->depth - 1) {
                s->frames[s->level - 1].count++;
            }

            goto name;
        }
    }

    goto after;

open:

    if (ngx_llm_json_open(s, p) != NGX_OK) {
        return ngx_llm_json_fail(s, p, "nested too deeply");
    }

    frame = NULL;

    if (s->row != NGX_LLM_JSON_NO_ROW) {
        ngx_llm_json_watch_open(s, p);
        frame = ngx_llm_json_frame(s);
    }

    if (*p++ == '{') {
        goto first_key;
    }

first_value:

    if (!ngx_llm_json_token(&p, last)) {
        return ngx_llm_json_pause(s, NGX_LLM_JSON_FIRST_VALUE, last);
    }

    if (*p != ']') {
        goto value;
    }

    p++;

    if (frame != NULL) {
        ngx_llm_json_watch_close(s, p, 0);
    }

close:

    ngx_llm_json_close(s);
    frame = ngx_llm_json_frame(s);

after:

    if (!ngx_llm_json_token(&p, last)) {
        return ngx_llm_json_pause(s, NGX_LLM_JSON_AFTER, last);
    }

    if (s->depth == 0) {
        return ngx_llm_json_fail(s, p, "garbage after the value");
    }

    if (*p == ',') {
        p++;

        if (frame != NULL) {
            frame->count++;
            s->row = frame->element;
        }

        if (s->bits & 1) {
            goto key;
        }

        goto value;
    }

    if (*p == ngx_llm_json_bracket(s)) {
        p++;

        if (frame != NULL) {
            ngx_llm_json_watch_close(s, p, 1);
        }

        goto close;
    }

    return ngx_llm_json_fail(s, p, "a comma or a bracket expected");
}


/* passes white space by; is there anything after it? */

static ngx_inline ngx_uint_t
ngx_llm_json_token(const u_char **p, const u_char *last)
{
    if (*p < last && **p > ' ') {
        return 1;
    }

    *p = ngx_llm_json_space(*p, last);

    return *p < last;
}


static ngx_llm_noinline const u_char *
ngx_llm_json_space(const u_char *p, const u_char *last)
{
    while (p < last
           && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
    {
        p++;
    }

    return p;
}


/* the slice ends between two tokens */

static ngx_inline const u_char *
ngx_llm_json_pause(ngx_llm_json_t *s, ngx_uint_t state, const u_char *last)
{
    s->state = state;

    return last;
}


static ngx_inline ngx_int_t
ngx_llm_json_open(ngx_llm_json_t *s, const u_char *p)
{
    if ((s->depth & 63) == 0) {

        if (s->depth == NGX_LLM_JSON_DEPTH) {
            return NGX_ERROR;
        }

        s->stack[s->depth >> 6] = s->bits;
    }

    s->depth++;
    s->bits = (s->bits << 1) | (*p == '{');

    return NGX_OK;
}


static ngx_inline void
ngx_llm_json_close(ngx_llm_json_t *s)
{
    s->depth--;
    s->bits >>= 1;

    if ((s->depth & 63) == 0) {
        s->bits = s->stack[s->depth >> 6];
    }
}


/* a number, true, false, or null */

static const u_char *
ngx_llm_json_scalar(ngx_llm_json_t *s, const u_char *p, const u_char *last)
{
    if (s->row >= 0) {
        s->start = ngx_llm_json_offset(s, p);
    }

    switch (*p) {

    case 't':
        return ngx_llm_json_word(s, p, last, "true", 4, NGX_LLM_JSON_TRUE);

    case 'f':
        return ngx_llm_json_word(s, p, last, "false", 5, NGX_LLM_JSON_FALSE);

    case 'n':
        return ngx_llm_json_word(s, p, last, "null", 4, NGX_LLM_JSON_NULL);

    case '-': case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9':
        return ngx_llm_json_number(s, p, last);

    default:
        return ngx_llm_json_fail(s, p, "a value expected");
    }
}


/* the usual case at once: the word lies whole in the slice */

static ngx_inline const u_char *
ngx_llm_json_word(ngx_llm_json_t *s, const u_char *p, const u_char *last,
    const char *word, size_t len, ngx_uint_t kind)
{
    if ((size_t) (last - p) >= len && memcmp(p, word, len) == 0) {
        s->state = NGX_LLM_JSON_AFTER;
        ngx_llm_json_scalar_end(s, kind, p + len);
        return p + len;
    }

    s->literal = word;

    return ngx_llm_json_literal(s, p, last);
}


/* s->literal is what has yet to come of the word */

static const u_char *
ngx_llm_json_literal(ngx_llm_json_t *s, const u_char *p, const u_char *last)
{
    ngx_uint_t   kind;
    const char  *word;

    word = s->literal;

    for ( /* void */ ; *word; word++, p++) {

        if (p == last) {
            s->literal = word;
            s->state = NGX_LLM_JSON_IN_LITERAL;
            return last;
        }

        if (*p != (u_char) *word) {
            return ngx_llm_json_fail(s, p, "a value expected");
        }
    }

    /* only two letters at the end tell the three words apart */

    kind = (word[-1] == 'l') ? NGX_LLM_JSON_NULL
           : (word[-2] == 's') ? NGX_LLM_JSON_FALSE : NGX_LLM_JSON_TRUE;

    s->state = NGX_LLM_JSON_AFTER;
    ngx_llm_json_scalar_end(s, kind, p);

    return p;
}
