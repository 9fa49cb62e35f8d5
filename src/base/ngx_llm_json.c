
/*
 * The JSON scanner.  State, in a few words:
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
 * is found by one run of plain() and never copied.  Helpers take the next byte
 * and return the one to go on with, or NULL after fail().
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_json.h"
#include "ngx_llm_scan.h"


/* s->row: no row, the value is not watched */
#define NGX_LLM_JSON_NO_ROW    -2

/* a mantissa up to here takes one more digit without overflow */
#define NGX_LLM_JSON_MANTISSA  ((UINT64_MAX - 9) / 10)

#define NGX_LLM_JSON_INT_MAX   (UINT64_MAX / 2)
#define NGX_LLM_JSON_EXP_MAX   100000000


enum {
    NGX_LLM_JSON_VALUE = 0,
    NGX_LLM_JSON_FIRST_VALUE,      /* or ']' */
    NGX_LLM_JSON_KEY,
    NGX_LLM_JSON_FIRST_KEY,        /* or '}' */
    NGX_LLM_JSON_COLON,
    NGX_LLM_JSON_AFTER,            /* a comma, a bracket, or the end */
    NGX_LLM_JSON_IN_STRING,
    NGX_LLM_JSON_IN_ESCAPE,
    NGX_LLM_JSON_IN_CHAR,          /* of several bytes */
    NGX_LLM_JSON_IN_NUMBER,
    NGX_LLM_JSON_IN_LITERAL,
    NGX_LLM_JSON_FAILED
};


/* what the last byte of a number was; a number may end after a *_DIGIT */

enum {
    NGX_LLM_JSON_NUM_END = 0,
    NGX_LLM_JSON_NUM_MINUS,
    NGX_LLM_JSON_NUM_ZERO_DIGIT,
    NGX_LLM_JSON_NUM_DIGIT,
    NGX_LLM_JSON_NUM_POINT,
    NGX_LLM_JSON_NUM_FRACTION_DIGIT,
    NGX_LLM_JSON_NUM_E,
    NGX_LLM_JSON_NUM_SIGN,
    NGX_LLM_JSON_NUM_EXPONENT_DIGIT
};


static const u_char *ngx_llm_json_scan(ngx_llm_json_t *s, const u_char *p,
    const u_char *last);
static ngx_inline ngx_uint_t ngx_llm_json_token_next(const u_char **p,
    const u_char *last);
static const u_char *ngx_llm_json_space(const u_char *p, const u_char *last);
static const u_char *ngx_llm_json_resume(ngx_llm_json_t *s, const u_char *p,
    const u_char *last);
static const u_char *ngx_llm_json_scalar(ngx_llm_json_t *s, const u_char *p,
    const u_char *last);
static ngx_inline ngx_int_t ngx_llm_json_open(ngx_llm_json_t *s,
    const u_char *p);
static void ngx_llm_json_watch(ngx_llm_json_t *s, const u_char *p);
static ngx_inline void ngx_llm_json_close(ngx_llm_json_t *s, const u_char *p,
    ngx_uint_t more);
static void ngx_llm_json_unwatch(ngx_llm_json_t *s, const u_char *p,
    ngx_uint_t more);

static const u_char *ngx_llm_json_string(ngx_llm_json_t *s, const u_char *p,
    const u_char *last, ngx_uint_t key);
static const u_char *ngx_llm_json_string_rest(ngx_llm_json_t *s,
    const u_char *p, const u_char *last);
static ngx_inline const u_char *ngx_llm_json_plain(const u_char *p,
    const u_char *stop, const u_char *last);
static ngx_inline const u_char *ngx_llm_json_plain_stop(const u_char *p,
    const u_char *last);
static ngx_inline const u_char *ngx_llm_json_plain_portable(const u_char *p,
    const u_char *last);
static const u_char *ngx_llm_json_special(ngx_llm_json_t *s, const u_char *p,
    const u_char *last);
static const u_char *ngx_llm_json_pending(ngx_llm_json_t *s, const u_char *p,
    const u_char *last);
static const u_char *ngx_llm_json_bad_special(ngx_llm_json_t *s,
    const u_char *p);
static ngx_inline const u_char *ngx_llm_json_utf8_run(const u_char *p,
    const u_char *last);
static ngx_int_t ngx_llm_json_utf8(const u_char *p, const u_char *last);
static ngx_int_t ngx_llm_json_unescape(const u_char *p, const u_char *last,
    uint32_t *code);
static ngx_int_t ngx_llm_json_hex4(const u_char *p, const u_char *last,
    uint32_t *code);
static void ngx_llm_json_append(ngx_llm_json_t *s, const u_char *p, size_t n);
static void ngx_llm_json_append_code(ngx_llm_json_t *s, uint32_t code);
static ngx_inline void ngx_llm_json_name_end(ngx_llm_json_t *s,
    const u_char *text, size_t len);
static ngx_inline void ngx_llm_json_string_end(ngx_llm_json_t *s,
    const u_char *p, const u_char *text, size_t len, ngx_uint_t truncated);
static void ngx_llm_json_find_row(ngx_llm_json_t *s, const u_char *name,
    size_t len);

static ngx_inline const u_char *ngx_llm_json_short_number(ngx_llm_json_t *s,
    const u_char *p, const u_char *last);
static const u_char *ngx_llm_json_number(ngx_llm_json_t *s, const u_char *p,
    const u_char *last);
static ngx_uint_t ngx_llm_json_number_next(ngx_uint_t state, u_char c);
static void ngx_llm_json_number_add(ngx_llm_json_t *s, ngx_uint_t state,
    u_char c);
static const u_char *ngx_llm_json_number_end(ngx_llm_json_t *s,
    const u_char *p);
static int64_t ngx_llm_json_number_value(ngx_llm_json_t *s);
static ngx_inline const u_char *ngx_llm_json_word(ngx_llm_json_t *s,
    const u_char *p, const u_char *last, const char *word, size_t len,
    ngx_uint_t kind);
static const u_char *ngx_llm_json_literal(ngx_llm_json_t *s, const u_char *p,
    const u_char *last);
static ngx_inline void ngx_llm_json_scalar_end(ngx_llm_json_t *s,
    ngx_uint_t kind, const u_char *p);

static void ngx_llm_json_report(ngx_llm_json_t *s, ngx_llm_json_value_t *v,
    ngx_uint_t kind, off_t start, const u_char *p);
static ngx_inline off_t ngx_llm_json_offset(ngx_llm_json_t *s,
    const u_char *p);
static const u_char *ngx_llm_json_fail(ngx_llm_json_t *s, const u_char *p,
    const char *error);


/* one bit for a name, to pass by most names without a look at the table */
#define ngx_llm_json_name_bit(name, len)                                      \
    ((uint64_t) 1 << ((len) ? (name)[0] & 63 : 0))

/* the bracket that closes the innermost container */
#define ngx_llm_json_bracket(s)  ((s)->bits & 1 ? '}' : ']')


void
ngx_llm_json_init(ngx_llm_json_t *s, const ngx_llm_json_watch_t *watch,
    ngx_uint_t nwatch, u_char *buf, size_t size, ngx_llm_json_pt handler,
    void *data)
{
    ngx_memzero(s, offsetof(ngx_llm_json_t, frames));

    s->row = NGX_LLM_JSON_ROOT;
    s->watch = watch;
    s->nwatch = nwatch;
    s->buf = buf;
    s->size = size;
    s->handler = handler;
    s->data = data;
}


ngx_int_t
ngx_llm_json_feed(ngx_llm_json_t *s, const u_char *p, size_t n)
{
    if (n == 0) {
        return (s->state == NGX_LLM_JSON_FAILED) ? NGX_DECLINED : NGX_OK;
    }

    s->base = p;

    if (ngx_llm_json_scan(s, p, p + n) == NULL) {
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


/*
 * The whole of a slice.  What may come next is where the code stands, not a
 * state that is looked up for each token: this is the hot loop of the module,
 * hence one long function, with labels.
 */

static const u_char *
ngx_llm_json_scan(ngx_llm_json_t *s, const u_char *p, const u_char *last)
{
    const u_char  *q, *stop;

    stop = ngx_llm_json_plain_stop(p, last);

    if (s->state >= NGX_LLM_JSON_IN_STRING) {
        p = ngx_llm_json_resume(s, p, last);

        if (p == NULL || p == last) {
            return p;
        }
    }

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

    if (!ngx_llm_json_token_next(&p, last)) {
        s->state = NGX_LLM_JSON_FIRST_KEY;
        return last;
    }

    if (*p == '}') {
        ngx_llm_json_close(s, ++p, 0);
        goto after;
    }

key:

    if (!ngx_llm_json_token_next(&p, last)) {
        s->state = NGX_LLM_JSON_KEY;
        return last;
    }

    if (*p != '"') {
        return ngx_llm_json_fail(s, p, "a member's name expected");
    }

    q = ngx_llm_json_plain(++p, stop, last);

    if (q < last && *q == '"') {
        ngx_llm_json_name_end(s, p, q - p);
        p = q + 1;

    } else {
        p = ngx_llm_json_string(s, p, last, 1);

        if (p == NULL || p == last) {
            return p;
        }
    }

colon:

    if (!ngx_llm_json_token_next(&p, last)) {
        s->state = NGX_LLM_JSON_COLON;
        return last;
    }

    if (*p != ':') {
        return ngx_llm_json_fail(s, p, "a colon expected");
    }

    p++;

value:

    if (!ngx_llm_json_token_next(&p, last)) {
        s->state = NGX_LLM_JSON_VALUE;
        return last;
    }

    if (*p == '"') {
        q = ngx_llm_json_plain(++p, stop, last);

        if (q < last && *q == '"') {
            s->start = ngx_llm_json_offset(s, p - 1);
            ngx_llm_json_string_end(s, q + 1, p, q - p, 0);
            p = q + 1;
            goto after;
        }

        p = ngx_llm_json_string(s, p, last, 0);

        if (p == NULL || p == last) {
            return p;
        }

        goto after;
    }

    if (*p != '{' && *p != '[') {
        p = ngx_llm_json_scalar(s, p, last);

        if (p == NULL || p == last) {
            return p;
        }

        goto after;
    }

    if (ngx_llm_json_open(s, p) != NGX_OK) {
        return ngx_llm_json_fail(s, p, "nested too deeply");
    }

    if (*p++ == '{') {
        goto first_key;
    }

first_value:

    if (!ngx_llm_json_token_next(&p, last)) {
        s->state = NGX_LLM_JSON_FIRST_VALUE;
        return last;
    }

    if (*p != ']') {
        goto value;
    }

    ngx_llm_json_close(s, ++p, 0);

after:

    if (!ngx_llm_json_token_next(&p, last)) {
        s->state = NGX_LLM_JSON_AFTER;
        return last;
    }

    if (s->depth == 0) {
        return ngx_llm_json_fail(s, p, "garbage after the value");
    }

    if (*p == ',') {
        p++;

        if (s->level == s->depth) {
            s->frames[s->level - 1].count++;
            s->row = s->frames[s->level - 1].element;
        }

        if (s->bits & 1) {
            goto key;
        }

        goto value;
    }

    if (*p == ngx_llm_json_bracket(s)) {
        ngx_llm_json_close(s, ++p, 1);
        goto after;
    }

    return ngx_llm_json_fail(s, p, "a comma or a bracket expected");
}


/* passes white space by; is there anything after it? */

static ngx_inline ngx_uint_t
ngx_llm_json_token_next(const u_char **p, const u_char *last)
{
    if (*p < last && **p > ' ') {
        return 1;
    }

    *p = ngx_llm_json_space(*p, last);

    return *p < last;
}


static const u_char *
ngx_llm_json_space(const u_char *p, const u_char *last)
{
    while (p < last
           && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
    {
        p++;
    }

    return p;
}


/* goes on with the token in which the slice before this one ended */

static const u_char *
ngx_llm_json_resume(ngx_llm_json_t *s, const u_char *p, const u_char *last)
{
    switch (s->state) {

    case NGX_LLM_JSON_IN_STRING:
        return ngx_llm_json_string_rest(s, p, last);

    case NGX_LLM_JSON_IN_ESCAPE:
    case NGX_LLM_JSON_IN_CHAR:
        return ngx_llm_json_pending(s, p, last);

    case NGX_LLM_JSON_IN_NUMBER:
        return ngx_llm_json_number(s, p, last);

    case NGX_LLM_JSON_IN_LITERAL:
        return ngx_llm_json_literal(s, p, last);

    default: /* NGX_LLM_JSON_FAILED */
        return NULL;
    }
}


/* a number, true, false, or null */

static const u_char *
ngx_llm_json_scalar(ngx_llm_json_t *s, const u_char *p, const u_char *last)
{
    const u_char  *q;

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
        break;

    default:
        return ngx_llm_json_fail(s, p, "a value expected");
    }

    q = ngx_llm_json_short_number(s, p, last);

    if (q != NULL) {
        return q;
    }

    s->number = NGX_LLM_JSON_NUM_END;
    s->negative = 0;
    s->shrink = 0;
    s->integer = 1;
    s->scale = 0;
    s->exponent = 0;
    s->mantissa = 0;

    return ngx_llm_json_number(s, p, last);
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

    if (s->row != NGX_LLM_JSON_NO_ROW) {
        ngx_llm_json_watch(s, p);
    }

    return NGX_OK;
}


/* opens the frame of a watched container; s->row is its row */

static void
ngx_llm_json_watch(ngx_llm_json_t *s, const u_char *p)
{
    ngx_uint_t                   i;
    ngx_llm_json_frame_t        *frame;
    const ngx_llm_json_watch_t  *w;

    if (s->level == NGX_LLM_JSON_LEVELS) {
        s->row = NGX_LLM_JSON_NO_ROW;
        return;
    }

    if (s->level == 0) {
        s->root_kind = (*p == '{') ? NGX_LLM_JSON_OBJECT : NGX_LLM_JSON_ARRAY;
        s->root_open = ngx_llm_json_offset(s, p + 1);
    }

    frame = &s->frames[s->level++];

    frame->start = ngx_llm_json_offset(s, p);
    frame->mask = 0;
    frame->count = 0;
    frame->row = s->row;
    frame->element = NGX_LLM_JSON_NO_ROW;

    for (i = 0; i < s->nwatch; i++) {
        w = &s->watch[i];

        if (w->parent != frame->row) {

            if (frame->mask) {
                break;
            }

            continue;
        }

        if (w->name.data != NULL && *p == '{') {
            frame->mask |= ngx_llm_json_name_bit(w->name.data, w->name.len);

        } else if (w->name.data == NULL && *p == '[') {
            frame->element = i;
        }
    }

    s->row = frame->element;
}


/* p is after the bracket, more: a value stands before it */

static ngx_inline void
ngx_llm_json_close(ngx_llm_json_t *s, const u_char *p, ngx_uint_t more)
{
    if (s->level == s->depth) {
        ngx_llm_json_unwatch(s, p, more);
    }

    s->depth--;
    s->bits >>= 1;
    s->row = NGX_LLM_JSON_NO_ROW;

    if ((s->depth & 63) == 0) {
        s->bits = s->stack[s->depth >> 6];
    }
}


static void
ngx_llm_json_unwatch(ngx_llm_json_t *s, const u_char *p, ngx_uint_t more)
{
    ngx_llm_json_frame_t  *frame;
    ngx_llm_json_value_t   v;

    frame = &s->frames[--s->level];
    v.count = frame->count + more;

    if (frame->row < 0) {
        s->root_count = v.count;
        return;
    }

    s->row = frame->row;
    ngx_llm_json_report(s, &v, (s->bits & 1) ? NGX_LLM_JSON_OBJECT
                                             : NGX_LLM_JSON_ARRAY,
                        frame->start, p);
}


/* a string that is not plain or not whole; p is after the opening quote */

static const u_char *
ngx_llm_json_string(ngx_llm_json_t *s, const u_char *p, const u_char *last,
    ngx_uint_t key)
{
    s->len = 0;
    s->key = key;
    s->truncated = 0;
    s->start = ngx_llm_json_offset(s, p - 1);
    s->capture = key ? (s->level == s->depth) : (s->row >= 0);

    return ngx_llm_json_string_rest(s, p, last);
}


/* the general way through a string: escapes, UTF-8, slices, a copy */

static const u_char *
ngx_llm_json_string_rest(ngx_llm_json_t *s, const u_char *p,
    const u_char *last)
{
    const u_char  *q, *stop;

    stop = ngx_llm_json_plain_stop(p, last);

    for ( ;; ) {
        q = ngx_llm_json_plain(p, stop, last);

        if (q != p && s->capture) {
            ngx_llm_json_append(s, p, q - p);
        }

        if (q == last) {
            s->state = NGX_LLM_JSON_IN_STRING;
            return last;
        }

        if (*q == '"') {
            break;
        }

        if (*q < ' ') {
            return ngx_llm_json_fail(s, q, "a control character in a string");
        }

        p = ngx_llm_json_special(s, q, last);

        if (p == NULL || p == last) {
            return p;
        }
    }

    if (s->key) {
        s->state = NGX_LLM_JSON_COLON;

        if (!s->truncated) {
            ngx_llm_json_name_end(s, s->buf, s->len);
        }

    } else {
        s->state = NGX_LLM_JSON_AFTER;
        ngx_llm_json_string_end(s, q + 1, s->buf, s->len, s->truncated);
    }

    return q + 1;
}


/* the first byte that is not plain content of a string, or last */

static ngx_inline const u_char *
ngx_llm_json_plain(const u_char *p, const u_char *stop, const u_char *last)
{
#if (NGX_LLM_SSE2)

    __m128i   v, m;
    uint32_t  mask;

    while (p < stop) {
        v = ngx_llm_sse2_load(p);

        /*
         * xor 2 swaps '"' and ' ', and keeps what is below it there; compared
         * as signed, bytes from 0x80 up are not greater than ' ' either
         */

        m = _mm_xor_si128(v, ngx_llm_sse2_fill(2));
        m = _mm_cmpgt_epi8(m, ngx_llm_sse2_fill(' '));
        v = _mm_cmpeq_epi8(v, ngx_llm_sse2_fill('\\'));

        mask = _mm_movemask_epi8(_mm_andnot_si128(v, m));

        if (mask != 0xffff) {
            return p + ngx_llm_sse2_first(mask ^ 0xffff);
        }

        p += 16;
    }

#endif

    return ngx_llm_json_plain_portable(p, last);
}


/* sixteen bytes can be read at any address before the stop */

static ngx_inline const u_char *
ngx_llm_json_plain_stop(const u_char *p, const u_char *last)
{
    return (last - p >= 15) ? last - 15 : p;
}


/* eight bytes a step; a byte's top bit is set in m when it is not plain */

static ngx_inline const u_char *
ngx_llm_json_plain_portable(const u_char *p, const u_char *last)
{
    uint64_t        v, m;
    const uint64_t  ones = (uint64_t) 0x0101010101010101;

    while (last - p >= 8) {
        ngx_memcpy(&v, p, 8);

        m = (v - ones * ' ');
        m |= (v ^ ones * '"') - ones;
        m |= (v ^ ones * '\\') - ones;

        if ((m | v) & ones * 0x80) {
            break;
        }

        p += 8;
    }

    while (p < last
           && *p >= ' ' && *p != '"' && *p != '\\' && *p < 0x80)
    {
        p++;
    }

    return p;
}


/* runs of escapes and of characters of several bytes; *p is one of these */

static const u_char *
ngx_llm_json_special(ngx_llm_json_t *s, const u_char *p, const u_char *last)
{
    uint32_t   code;
    ngx_int_t  n;

    do {
        if (*p == '\\') {
            n = ngx_llm_json_unescape(p, last, &code);

            if (n > 0 && s->capture) {
                ngx_llm_json_append_code(s, code);
            }

        } else if (s->capture) {
            n = ngx_llm_json_utf8(p, last);

            if (n > 0) {
                ngx_llm_json_append(s, p, n);
            }

        } else {
            n = ngx_llm_json_utf8_run(p, last) - p;

            if (n == 0) {
                n = ngx_llm_json_utf8(p, last);
            }
        }

        if (n <= 0) {
            break;
        }

        p += n;

        if (p == last) {
            s->state = NGX_LLM_JSON_IN_STRING;
            return last;
        }

    } while (*p == '\\' || *p >= 0x80);

    if (n > 0) {
        return p;
    }

    s->state = (*p == '\\') ? NGX_LLM_JSON_IN_ESCAPE : NGX_LLM_JSON_IN_CHAR;

    if (n < 0) {
        return ngx_llm_json_bad_special(s, p);
    }

    s->npending = last - p;
    ngx_memcpy(s->pending, p, last - p);

    return last;
}


/* an escape or a character whose first bytes came in an earlier slice */

static const u_char *
ngx_llm_json_pending(ngx_llm_json_t *s, const u_char *p, const u_char *last)
{
    uint32_t   code;
    ngx_int_t  n;

    while (p < last) {
        s->pending[s->npending++] = *p++;

        if (s->state == NGX_LLM_JSON_IN_ESCAPE) {
            n = ngx_llm_json_unescape(s->pending, s->pending + s->npending,
                                    &code);

            if (n > 0 && s->capture) {
                ngx_llm_json_append_code(s, code);
            }

        } else {
            n = ngx_llm_json_utf8(s->pending, s->pending + s->npending);

            if (n > 0 && s->capture) {
                ngx_llm_json_append(s, s->pending, n);
            }
        }

        if (n < 0) {
            return ngx_llm_json_bad_special(s, p - s->npending);
        }

        if (n > 0) {
            return ngx_llm_json_string_rest(s, p, last);
        }
    }

    return last;
}


static const u_char *
ngx_llm_json_bad_special(ngx_llm_json_t *s, const u_char *p)
{
    return ngx_llm_json_fail(s, p, (s->state == NGX_LLM_JSON_IN_ESCAPE)
                                   ? "a bad escape" : "not UTF-8");
}


/* passes by characters of two and three bytes that need no closer look */

static ngx_inline const u_char *
ngx_llm_json_utf8_run(const u_char *p, const u_char *last)
{
    while (last - p >= 3 && (p[1] & 0xc0) == 0x80) {

        if (*p >= 0xc2 && *p <= 0xdf) {
            p += 2;

        } else if (*p > 0xe0 && *p <= 0xef && *p != 0xed
                   && (p[2] & 0xc0) == 0x80)
        {
            p += 3;

        } else {
            break;
        }
    }

    return p;
}


/* the length of the character at p, 0: it goes on after last, or NGX_ERROR */

static ngx_int_t
ngx_llm_json_utf8(const u_char *p, const u_char *last)
{
    u_char     low, high;
    ngx_int_t  i, n;

    if (*p < 0xc2 || *p > 0xf4) {
        return NGX_ERROR;
    }

    if (last - p < 2) {
        return 0;
    }

    n = (*p < 0xe0) ? 2 : (*p < 0xf0) ? 3 : 4;

    /* no overlong forms, no surrogates, nothing after U+10FFFF */

    low = (*p == 0xe0) ? 0xa0 : (*p == 0xf0) ? 0x90 : 0x80;
    high = (*p == 0xed) ? 0x9f : (*p == 0xf4) ? 0x8f : 0xbf;

    if (p[1] < low || p[1] > high) {
        return NGX_ERROR;
    }

    for (i = 2; i < n; i++) {

        if (last - p == i) {
            return 0;
        }

        if ((p[i] & 0xc0) != 0x80) {
            return NGX_ERROR;
        }
    }

    return n;
}


/* the same for an escape; *code is the character that it stands for */

static ngx_int_t
ngx_llm_json_unescape(const u_char *p, const u_char *last, uint32_t *code)
{
    uint32_t   low;
    ngx_int_t  rc;

    if (last - p < 2) {
        return 0;
    }

    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
        *code = p[1];
        return 2;
    case 'b':
        *code = '\b';
        return 2;
    case 'f':
        *code = '\f';
        return 2;
    case 'n':
        *code = '\n';
        return 2;
    case 'r':
        *code = '\r';
        return 2;
    case 't':
        *code = '\t';
        return 2;
    case 'u':
        break;
    default:
        return NGX_ERROR;
    }

    rc = ngx_llm_json_hex4(p + 2, last, code);

    if (rc <= 0 || *code < 0xd800 || *code > 0xdfff) {
        return (rc > 0) ? 6 : rc;
    }

    if (*code > 0xdbff
        || (last - p > 6 && p[6] != '\\')
        || (last - p > 7 && p[7] != 'u'))
    {
        return NGX_ERROR;
    }

    rc = (last - p > 8) ? ngx_llm_json_hex4(p + 8, last, &low) : 0;

    if (rc <= 0) {
        return rc;
    }

    if (low < 0xdc00 || low > 0xdfff) {
        return NGX_ERROR;
    }

    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);

    return 12;
}


static ngx_int_t
ngx_llm_json_hex4(const u_char *p, const u_char *last, uint32_t *code)
{
    u_char      c;
    uint32_t    value;
    ngx_uint_t  i;

    value = 0;

    for (i = 0; i < 4; i++) {

        if (p + i == last) {
            return 0;
        }

        c = p[i];

        if (c >= '0' && c <= '9') {
            value = value * 16 + (c - '0');
            continue;
        }

        c |= 0x20;

        if (c < 'a' || c > 'f') {
            return NGX_ERROR;
        }

        value = value * 16 + (c - 'a' + 10);
    }

    *code = value;

    return 4;
}


/* adds whole characters to the captured text, as many as fit */

static void
ngx_llm_json_append(ngx_llm_json_t *s, const u_char *p, size_t n)
{
    if (s->truncated) {
        return;
    }

    if (n > s->size - s->len) {
        s->truncated = 1;
        n = (*p < 0x80) ? s->size - s->len : 0;
    }

    if (n) {
        ngx_memcpy(s->buf + s->len, p, n);
        s->len += n;
    }
}


static void
ngx_llm_json_append_code(ngx_llm_json_t *s, uint32_t code)
{
    size_t  n;
    u_char  c[4];

    if (code < 0x80) {
        c[0] = (u_char) code;
        n = 1;

    } else if (code < 0x800) {
        c[0] = (u_char) (0xc0 | (code >> 6));
        c[1] = (u_char) (0x80 | (code & 0x3f));
        n = 2;

    } else if (code < 0x10000) {
        c[0] = (u_char) (0xe0 | (code >> 12));
        c[1] = (u_char) (0x80 | ((code >> 6) & 0x3f));
        c[2] = (u_char) (0x80 | (code & 0x3f));
        n = 3;

    } else {
        c[0] = (u_char) (0xf0 | (code >> 18));
        c[1] = (u_char) (0x80 | ((code >> 12) & 0x3f));
        c[2] = (u_char) (0x80 | ((code >> 6) & 0x3f));
        c[3] = (u_char) (0x80 | (code & 0x3f));
        n = 4;
    }

    ngx_llm_json_append(s, c, n);
}


/* text is where the decoded bytes of a member's name are */

static ngx_inline void
ngx_llm_json_name_end(ngx_llm_json_t *s, const u_char *text, size_t len)
{
    if (s->level == s->depth
        && (s->frames[s->level - 1].mask & ngx_llm_json_name_bit(text, len)))
    {
        ngx_llm_json_find_row(s, text, len);
    }
}


/* the same for a value; p is after its closing quote */

static ngx_inline void
ngx_llm_json_string_end(ngx_llm_json_t *s, const u_char *p, const u_char *text,
    size_t len, ngx_uint_t truncated)
{
    ngx_llm_json_value_t  v;

    if (s->row == NGX_LLM_JSON_NO_ROW) {
        return;
    }

    if (s->row == NGX_LLM_JSON_ROOT) {
        s->root_kind = NGX_LLM_JSON_STRING;

    } else {
        v.text.data = (u_char *) text;
        v.text.len = ngx_min(len, s->size);
        v.truncated = truncated || len > s->size;
        ngx_llm_json_report(s, &v, NGX_LLM_JSON_STRING, s->start, p);
    }

    s->row = NGX_LLM_JSON_NO_ROW;
}


static void
ngx_llm_json_find_row(ngx_llm_json_t *s, const u_char *name, size_t len)
{
    ngx_int_t                    parent;
    ngx_uint_t                   i;
    const ngx_llm_json_watch_t  *w;

    if (len > s->size) {
        return;
    }

    parent = s->frames[s->level - 1].row;

    for (i = 0; i < s->nwatch; i++) {
        w = &s->watch[i];

        if (w->name.len == len
            && w->parent == parent
            && w->name.data != NULL
            && ngx_memcmp(w->name.data, name, len) == 0)
        {
            s->row = i;
            return;
        }
    }
}


/*
 * The usual number: short, whole in the slice, no exponent.  NULL: it is none
 * of these, or is bad, or has a fraction that somebody watches.
 */

static ngx_inline const u_char *
ngx_llm_json_short_number(ngx_llm_json_t *s, const u_char *p,
    const u_char *last)
{
    uint64_t       value;
    const u_char  *q, *first;

    first = (*p == '-') ? p + 1 : p;
    value = 0;

    for (q = first; q < last && *q >= '0' && *q <= '9'; q++) {
        value = value * 10 + (*q - '0');
    }

    if (q == first || q - first > 18 || (*first == '0' && q - first > 1)) {
        return NULL;
    }

    if (q < last && *q == '.' && s->row < 0) {
        first = q + 1;

        for (q = first; q < last && *q >= '0' && *q <= '9'; q++) {
            /* void */
        }

        if (q == first) {
            return NULL;
        }
    }

    if (q == last || *q == '.' || *q == 'e' || *q == 'E') {
        return NULL;
    }

    s->integer = 1;
    s->mantissa = (*p == '-') ? -value : value;
    ngx_llm_json_scalar_end(s, NGX_LLM_JSON_NUMBER, q);

    return q;
}


static const u_char *
ngx_llm_json_number(ngx_llm_json_t *s, const u_char *p, const u_char *last)
{
    ngx_uint_t  next, state, watched;

    state = s->number;
    watched = (s->row >= 0);

    for ( /* void */ ; p < last; p++) {

        next = ngx_llm_json_number_next(state, *p);

        if (next == NGX_LLM_JSON_NUM_END) {
            s->number = state;
            return ngx_llm_json_number_end(s, p);
        }

        state = next;

        if (watched) {
            ngx_llm_json_number_add(s, state, *p);
        }
    }

    s->number = state;
    s->state = NGX_LLM_JSON_IN_NUMBER;

    return last;
}


static ngx_uint_t
ngx_llm_json_number_next(ngx_uint_t state, u_char c)
{
    /* what a digit, '.', 'e', '+' and '-' make of each state */

    static const u_char  digit[] = { 3, 3, 0, 3, 5, 5, 8, 8, 8 };
    static const u_char  point[] = { 0, 0, 4, 4, 0, 0, 0, 0, 0 };
    static const u_char  e[] =     { 0, 0, 6, 6, 0, 6, 0, 0, 0 };
    static const u_char  plus[] =  { 0, 0, 0, 0, 0, 0, 7, 0, 0 };
    static const u_char  minus[] = { 1, 0, 0, 0, 0, 0, 7, 0, 0 };

    if (c >= '0' && c <= '9') {
        return (c == '0' && state <= NGX_LLM_JSON_NUM_MINUS)
               ? NGX_LLM_JSON_NUM_ZERO_DIGIT : digit[state];
    }

    switch (c) {
    case '.':
        return point[state];
    case 'e':
    case 'E':
        return e[state];
    case '+':
        return plus[state];
    case '-':
        return minus[state];
    default:
        return NGX_LLM_JSON_NUM_END;
    }
}


/* digits that no longer fit are dropped, s->scale remembers how many */

static void
ngx_llm_json_number_add(ngx_llm_json_t *s, ngx_uint_t state, u_char c)
{
    ngx_uint_t  fits;

    fits = (s->mantissa <= NGX_LLM_JSON_MANTISSA);

    switch (state) {

    case NGX_LLM_JSON_NUM_MINUS:
        s->negative = 1;
        break;

    case NGX_LLM_JSON_NUM_ZERO_DIGIT:
    case NGX_LLM_JSON_NUM_DIGIT:
        if (fits) {
            s->mantissa = s->mantissa * 10 + (c - '0');

        } else if (s->scale < NGX_LLM_JSON_EXP_MAX) {
            s->scale++;
        }

        break;

    case NGX_LLM_JSON_NUM_FRACTION_DIGIT:
        if (fits && s->scale > -NGX_LLM_JSON_EXP_MAX) {
            s->mantissa = s->mantissa * 10 + (c - '0');
            s->scale--;
        }

        break;

    case NGX_LLM_JSON_NUM_EXPONENT_DIGIT:
        if (s->exponent < NGX_LLM_JSON_EXP_MAX) {
            s->exponent = s->exponent * 10 + (c - '0');
        }

        break;

    default: /* NGX_LLM_JSON_NUM_POINT, _E, _SIGN */
        s->integer = 0;
        s->shrink = (c == '-');
    }
}


static const u_char *
ngx_llm_json_number_end(ngx_llm_json_t *s, const u_char *p)
{
    switch (s->number) {

    case NGX_LLM_JSON_NUM_ZERO_DIGIT:
    case NGX_LLM_JSON_NUM_DIGIT:
    case NGX_LLM_JSON_NUM_FRACTION_DIGIT:
    case NGX_LLM_JSON_NUM_EXPONENT_DIGIT:
        break;

    default:
        return ngx_llm_json_fail(s, p, "a bad number");
    }

    if (s->row >= 0) {
        s->mantissa = (uint64_t) ngx_llm_json_number_value(s);
    }

    ngx_llm_json_scalar_end(s, NGX_LLM_JSON_NUMBER, p);

    return p;
}


static int64_t
ngx_llm_json_number_value(ngx_llm_json_t *s)
{
    int64_t   scale;
    uint64_t  value;

    value = s->mantissa;
    scale = (int64_t) s->scale + (s->shrink ? -(int64_t) s->exponent
                                            : (int64_t) s->exponent);

    for ( /* void */ ; scale > 0 && value; scale--) {

        if (value > NGX_LLM_JSON_INT_MAX / 10) {
            value = UINT64_MAX;
            break;
        }

        value *= 10;
    }

    for ( /* void */ ; scale < 0 && value; scale++) {
        value /= 10;
    }

    if (value > NGX_LLM_JSON_INT_MAX) {
        return s->negative ? INT64_MIN : INT64_MAX;
    }

    return s->negative ? -(int64_t) value : (int64_t) value;
}


/* the usual case at once: the word lies whole in the slice */

static ngx_inline const u_char *
ngx_llm_json_word(ngx_llm_json_t *s, const u_char *p, const u_char *last,
    const char *word, size_t len, ngx_uint_t kind)
{
    if ((size_t) (last - p) >= len && memcmp(p, word, len) == 0) {
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

    ngx_llm_json_scalar_end(s, kind, p);

    return p;
}


/* a number's value is in s->mantissa when it is watched */

static ngx_inline void
ngx_llm_json_scalar_end(ngx_llm_json_t *s, ngx_uint_t kind, const u_char *p)
{
    ngx_llm_json_value_t  v;

    s->state = NGX_LLM_JSON_AFTER;

    if (s->row == NGX_LLM_JSON_NO_ROW) {
        return;
    }

    if (s->row == NGX_LLM_JSON_ROOT) {
        s->root_kind = kind;

    } else {
        v.number = (int64_t) s->mantissa;
        ngx_llm_json_report(s, &v, kind, s->start, p);
    }

    s->row = NGX_LLM_JSON_NO_ROW;
}


/*
 * Tells the owner of a value that ends before p.  The caller has set the field
 * of v that its kind has: number, count, or text.
 */

static void
ngx_llm_json_report(ngx_llm_json_t *s, ngx_llm_json_value_t *v,
    ngx_uint_t kind, off_t start, const u_char *p)
{
    v->kind = kind;
    v->start = start;
    v->end = ngx_llm_json_offset(s, p);
    v->integer = (kind == NGX_LLM_JSON_NUMBER && s->integer);

    if (kind != NGX_LLM_JSON_NUMBER) {
        v->number = 0;
    }

    if (kind != NGX_LLM_JSON_STRING) {
        v->truncated = 0;
        ngx_str_null(&v->text);
    }

    if (kind < NGX_LLM_JSON_ARRAY) {
        v->count = 0;
    }

    s->handler(s->data, s->row, v);
}


static ngx_inline off_t
ngx_llm_json_offset(ngx_llm_json_t *s, const u_char *p)
{
    return s->offset + (p - s->base);
}


static const u_char *
ngx_llm_json_fail(ngx_llm_json_t *s, const u_char *p, const char *error)
{
    s->state = NGX_LLM_JSON_FAILED;
    s->error = error;
    s->error_at = ngx_llm_json_offset(s, p);

    return NULL;
}
