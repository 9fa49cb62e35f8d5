
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_excerpt.h"


/* lines of base64 have 64 or 76 characters, and end with \n or \r\n */
#define NGX_LLM_EXCERPT_LINE    60

/* a shorter secret may be a word */
#define NGX_LLM_EXCERPT_SECRET  8


static void ngx_llm_excerpt_char(ngx_llm_excerpt_t *e, u_char c);
static ngx_uint_t ngx_llm_excerpt_line_end(ngx_llm_excerpt_t *e);
static void ngx_llm_excerpt_escaped(ngx_llm_excerpt_t *e, u_char c);
static void ngx_llm_excerpt_run(ngx_llm_excerpt_t *e, u_char c);
static void ngx_llm_excerpt_run_end(ngx_llm_excerpt_t *e);
static u_char *ngx_llm_excerpt_key(ngx_llm_excerpt_t *e, uint64_t run);
static void ngx_llm_excerpt_put(ngx_llm_excerpt_t *e, u_char c);
static void ngx_llm_excerpt_say(ngx_llm_excerpt_t *e, const u_char *p,
    size_t n);


/* '+', '-', '/', digits, '=', letters, '_': both alphabets of RFC 4648 */

static const uint32_t  ngx_llm_excerpt_base64[] = {
    0x00000000, 0x23ffa800, 0x87fffffe, 0x07fffffe, 0, 0, 0, 0
};

#define ngx_llm_excerpt_is_base64(c)                                          \
    (ngx_llm_excerpt_base64[(c) >> 5] & (1U << ((c) & 0x1f)))


void
ngx_llm_excerpt_init(ngx_llm_excerpt_t *e, u_char *text, size_t size)
{
    ngx_memzero(e, sizeof(ngx_llm_excerpt_t));

    e->text = text;
    e->size = size;
}


void
ngx_llm_excerpt_feed(ngx_llm_excerpt_t *e, const u_char *p, size_t n)
{
    const u_char  *last;

    for (last = p + n; p < last; p++) {

        if (e->run >= NGX_LLM_EXCERPT_BASE64 && !e->escape) {

            /* a payload may be long */

            for (n = 0; p < last && ngx_llm_excerpt_is_base64(*p); p++, n++) {
                /* void */
            }

            e->run += n;
            e->line += n;

            if (p == last) {
                return;
            }
        }

        if (e->cut && e->run == 0) {
            return;
        }

        ngx_llm_excerpt_char(e, *p);
    }
}


static void
ngx_llm_excerpt_char(ngx_llm_excerpt_t *e, u_char c)
{
    if (e->escape) {
        ngx_llm_excerpt_escaped(e, c);

    } else if (c == '\\') {
        e->escape = 1;

    } else if (ngx_llm_excerpt_is_base64(c)) {
        ngx_llm_excerpt_run(e, c);

    } else if ((c == LF || c == CR) && ngx_llm_excerpt_line_end(e)) {
        ngx_llm_excerpt_put(e, c);

    } else {
        ngx_llm_excerpt_run_end(e);
        ngx_llm_excerpt_put(e, c);
    }
}


/* does the run go on in the next line? */

static ngx_uint_t
ngx_llm_excerpt_line_end(ngx_llm_excerpt_t *e)
{
    if (e->run == 0 || (e->line && e->line < NGX_LLM_EXCERPT_LINE)) {
        return 0;
    }

    e->line = 0;

    return 1;
}


/* "\/" is of base64, too */

static void
ngx_llm_excerpt_escaped(ngx_llm_excerpt_t *e, u_char c)
{
    e->escape = 0;

    if (c == '/') {
        ngx_llm_excerpt_run(e, c);
        return;
    }

    if (!((c == 'n' || c == 'r') && ngx_llm_excerpt_line_end(e))) {
        ngx_llm_excerpt_run_end(e);
    }

    ngx_llm_excerpt_put(e, '\\');
    ngx_llm_excerpt_put(e, c);
}


static void
ngx_llm_excerpt_run(ngx_llm_excerpt_t *e, u_char c)
{
    if (e->run == 0) {
        e->start = e->len;
    }

    e->run++;
    e->line++;

    if (e->run < NGX_LLM_EXCERPT_BASE64) {
        ngx_llm_excerpt_put(e, c);

    } else if (e->run == NGX_LLM_EXCERPT_BASE64) {
        e->len = e->start;
    }
}


static void
ngx_llm_excerpt_run_end(ngx_llm_excerpt_t *e)
{
    u_char      text[sizeof("[base64,  characters]") + NGX_INT64_LEN];
    u_char     *p;
    uint64_t    run;
    ngx_uint_t  over;

    run = e->run;
    over = e->over;

    p = ngx_llm_excerpt_key(e, run);

    e->run = 0;
    e->line = 0;
    e->over = 0;

    if (run >= NGX_LLM_EXCERPT_BASE64) {
        p = ngx_sprintf(text, "[base64, %uL characters]", run);
        ngx_llm_excerpt_say(e, text, p - text);

    } else if (p) {
        e->len = p - e->text;
        ngx_llm_excerpt_say(e, (u_char *) "[key]", 5);

    } else if (over) {
        e->cut = 1;
    }
}


/* where the run has a key, behind "key=" maybe, or NULL */

static u_char *
ngx_llm_excerpt_key(ngx_llm_excerpt_t *e, uint64_t run)
{
    u_char  *p, *start, *last;

    start = e->text + e->start;
    last = e->text + e->len;

    for (p = start; run >= NGX_LLM_EXCERPT_KEY && last - p >= 3; p++, run--) {

        if (ngx_memcmp(p, "sk-", 3) == 0
            && (p == start || p[-1] == '=' || p[-1] == '/' || p[-1] == '+'))
        {
            return p;
        }
    }

    return NULL;
}


/* a run that becomes a payload, or a key, gives its room back */

static void
ngx_llm_excerpt_put(ngx_llm_excerpt_t *e, u_char c)
{
    if (e->run >= NGX_LLM_EXCERPT_BASE64) {
        return;
    }

    if (e->len < e->size && !e->cut) {
        e->text[e->len++] = c;

    } else if (e->run) {
        e->over = 1;

    } else {
        e->cut = 1;
    }
}


static void
ngx_llm_excerpt_say(ngx_llm_excerpt_t *e, const u_char *p, size_t n)
{
    while (n--) {
        ngx_llm_excerpt_put(e, *p++);
    }
}


void
ngx_llm_excerpt_end(ngx_llm_excerpt_t *e)
{
    size_t  i, n;
    u_char  c;

    ngx_llm_excerpt_run_end(e);

    if (e->escape) {
        e->escape = 0;
        ngx_llm_excerpt_put(e, '\\');
    }

    if (!e->cut) {
        return;
    }

    /* is the last character's first byte the first of more than are there? */

    for (i = 1; i <= 4 && i <= e->len; i++) {
        c = e->text[e->len - i];

        if ((c & 0xc0) != 0x80) {
            n = (c >= 0xf0) ? 4 : (c >= 0xe0) ? 3 : (c >= 0xc0) ? 2 : 1;

            if (n > i) {
                e->len -= i;
            }

            return;
        }
    }
}


void
ngx_llm_excerpt_hide(ngx_llm_excerpt_t *e, const ngx_str_t *word)
{
    size_t   n;
    u_char  *p, *last;

    if (word->len < NGX_LLM_EXCERPT_SECRET) {
        return;
    }

    p = e->text;
    last = e->text + e->len;

    while ((p = memmem(p, last - p, word->data, word->len)) != NULL) {
        ngx_memset(p, '*', word->len);
        p += word->len;
    }

    for (n = ngx_min(word->len - 1, e->len); e->cut && n > 2; n--) {

        if (ngx_memcmp(last - n, word->data, n) == 0) {
            ngx_memset(last - n, '*', n);
            return;
        }
    }
}
