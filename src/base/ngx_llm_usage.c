
/*
 * The finder of token counts.  It is in one of three places:
 *
 *   SEARCH   looking for the needle, most of an answer's bytes; u->matched
 *            bytes of it ended the slice before
 *   COLON,   behind the needle; anything but the bytes expected there leads
 *   BRACE    back to SEARCH
 *   the rest in the object, byte by byte: u->depth is 1 in the usage object
 *            itself, and only there names are kept and numbers read
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_usage.h"
#include "ngx_llm_scan.h"


#define NGX_LLM_USAGE_NEEDLE  (sizeof(ngx_llm_usage_needle) - 1)


enum {
    NGX_LLM_USAGE_SEARCH = 0,
    NGX_LLM_USAGE_COLON,
    NGX_LLM_USAGE_BRACE,
    NGX_LLM_USAGE_KEY,          /* a name or a bracket comes */
    NGX_LLM_USAGE_IN_KEY,
    NGX_LLM_USAGE_AFTER_KEY,
    NGX_LLM_USAGE_VALUE,        /* a value comes */
    NGX_LLM_USAGE_IN_NUMBER,
    NGX_LLM_USAGE_IN_FRACTION,
    NGX_LLM_USAGE_SKIP,         /* to the next comma or bracket */
    NGX_LLM_USAGE_IN_STRING,
    NGX_LLM_USAGE_IN_ESCAPE
};


static const u_char *ngx_llm_usage_search(ngx_llm_usage_t *u,
    const u_char *start, const u_char *p, const u_char *last);
static const u_char *ngx_llm_usage_match(ngx_llm_usage_t *u, const u_char *p,
    const u_char *last);
static const u_char *ngx_llm_usage_members(ngx_llm_usage_t *u,
    const u_char *p, const u_char *last);
static void ngx_llm_usage_byte(ngx_llm_usage_t *u, u_char c);
static void ngx_llm_usage_outside(ngx_llm_usage_t *u, u_char c);
static void ngx_llm_usage_number(ngx_llm_usage_t *u, u_char c);
static void ngx_llm_usage_skip(ngx_llm_usage_t *u, u_char c);
static void ngx_llm_usage_count(ngx_llm_usage_t *u, const u_char *name,
    size_t len);
static void ngx_llm_usage_done(ngx_llm_usage_t *u);


static const u_char  ngx_llm_usage_needle[] = "\"usage\"";


void
ngx_llm_usage_init(ngx_llm_usage_t *u)
{
    ngx_memzero(u, sizeof(ngx_llm_usage_t));

    u->prompt = -1;
    u->completion = -1;
    u->total = -1;
}


void
ngx_llm_usage_feed(ngx_llm_usage_t *u, const u_char *p, size_t n)
{
    const u_char  *start, *last;

    if (n == 0) {
        return;
    }

    start = p;
    last = p + n;

    while (p < last) {

        if (u->state == NGX_LLM_USAGE_SEARCH) {
            p = ngx_llm_usage_search(u, start, p, last);
            continue;
        }

        if (u->state == NGX_LLM_USAGE_KEY && u->depth == 1) {
            p = ngx_llm_usage_members(u, p, last);

            if (p == last || u->state != NGX_LLM_USAGE_KEY) {
                continue;
            }
        }

        ngx_llm_usage_byte(u, *p++);
    }

    u->backslash = (last[-1] == '\\');
}


/* start is the slice's; returns what follows the needle, or last */

static const u_char *
ngx_llm_usage_search(ngx_llm_usage_t *u, const u_char *start,
    const u_char *p, const u_char *last)
{
    if (u->matched) {
        p = ngx_llm_usage_match(u, p, last);
    }

    while (u->state == NGX_LLM_USAGE_SEARCH && p < last) {

        p = ngx_llm_pair(p, last, '"', 'u');

        if (p == last) {
            break;
        }

        if ((p == start) ? u->backslash : p[-1] == '\\') {
            p++;
            continue;
        }

        if (last - p > 8 && ngx_memcmp(p, "\"usage\":", 8) == 0) {
            u->state = NGX_LLM_USAGE_BRACE;
            return p + 8;
        }

        u->matched = 1;
        p = ngx_llm_usage_match(u, p + 1, last);
    }

    return p;
}


/* goes on with the needle, of which u->matched bytes are there */

static const u_char *
ngx_llm_usage_match(ngx_llm_usage_t *u, const u_char *p, const u_char *last)
{
    while (p < last && *p == ngx_llm_usage_needle[u->matched]) {
        p++;

        if (++u->matched == NGX_LLM_USAGE_NEEDLE) {
            u->matched = 0;
            u->state = NGX_LLM_USAGE_COLON;
            return p;
        }
    }

    if (p < last) {
        u->matched = 0;
    }

    return p;
}


/*
 * Takes members with plain numbers that lie in this slice, as nearly all do,
 * at once.  Returns where something else begins, which goes byte by byte.
 */

static const u_char *
ngx_llm_usage_members(ngx_llm_usage_t *u, const u_char *p,
    const u_char *last)
{
    size_t         len;
    int64_t        value;
    const u_char  *q, *end, *name;

    while (u->left > 2 * NGX_LLM_USAGE_NAME + 2) {

        for (q = p; q < last && (*q == ' ' || *q == '\n'); q++) {
            /* void */
        }

        end = ngx_min(last, q + NGX_LLM_USAGE_NAME + 2);

        if (q == end || *q != '"') {
            return p;
        }

        end = memchr(q + 1, '"', end - q - 1);

        if (end == NULL || last - end < 4 || end[-1] == '\\') {
            return p;
        }

        name = q + 1;
        len = end - name;

        if (end[1] != ':') {
            return p;
        }

        q = end + 2;
        q += (*q == ' ');

        end = ngx_min(last, q + 16);

        for (value = 0; q < end && *q >= '0' && *q <= '9'; q++) {
            value = value * 10 + (*q - '0');
        }

        if (q == end || (*q != ',' && *q != '}')
            || q[-1] < '0' || q[-1] > '9')
        {
            return p;
        }

        u->value = ngx_min(value, NGX_LLM_USAGE_MAX);
        ngx_llm_usage_count(u, name, len);

        u->left -= (uint32_t) (q + 1 - p);
        p = q + 1;

        if (*q == '}') {
            u->depth = 0;
            ngx_llm_usage_done(u);

            return p;
        }
    }

    return p;
}


static void
ngx_llm_usage_byte(ngx_llm_usage_t *u, u_char c)
{
    if (u->state <= NGX_LLM_USAGE_BRACE) {
        ngx_llm_usage_outside(u, c);
        return;
    }

    if (u->left-- == 0) {
        u->state = NGX_LLM_USAGE_SEARCH;
        return;
    }

    switch (u->state) {

    case NGX_LLM_USAGE_IN_KEY:
        if (c == '"') {
            u->state = NGX_LLM_USAGE_AFTER_KEY;

        } else if (c == '\\' || u->len == NGX_LLM_USAGE_NAME) {
            u->len = 0;
            u->state = (c == '\\') ? NGX_LLM_USAGE_IN_ESCAPE
                                   : NGX_LLM_USAGE_IN_STRING;

        } else {
            u->name[u->len++] = c;
        }

        return;

    case NGX_LLM_USAGE_IN_STRING:
        if (c == '"') {
            u->state = NGX_LLM_USAGE_SKIP;

        } else if (c == '\\') {
            u->state = NGX_LLM_USAGE_IN_ESCAPE;
        }

        return;

    case NGX_LLM_USAGE_IN_ESCAPE:
        u->state = NGX_LLM_USAGE_IN_STRING;
        return;

    case NGX_LLM_USAGE_IN_NUMBER:
    case NGX_LLM_USAGE_IN_FRACTION:
        ngx_llm_usage_number(u, c);
        return;

    default:
        ngx_llm_usage_skip(u, c);
    }
}


/* between the needle and the object */

static void
ngx_llm_usage_outside(ngx_llm_usage_t *u, u_char c)
{
    ngx_uint_t  i;

    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        return;
    }

    if (u->state == NGX_LLM_USAGE_COLON && c == ':') {
        u->state = NGX_LLM_USAGE_BRACE;
        return;
    }

    if (u->state == NGX_LLM_USAGE_COLON || c != '{') {
        u->state = NGX_LLM_USAGE_SEARCH;
        u->matched = (c == '"');
        return;
    }

    u->state = NGX_LLM_USAGE_KEY;
    u->depth = 1;
    u->left = NGX_LLM_USAGE_OBJECT;

    for (i = 0; i < 3; i++) {
        u->counts[i] = -1;
    }
}


/* only what is a plain number up to its end is taken */

static void
ngx_llm_usage_number(ngx_llm_usage_t *u, u_char c)
{
    if (c >= '0' && c <= '9') {

        if (u->state == NGX_LLM_USAGE_IN_NUMBER) {
            u->value = ngx_min(u->value * 10 + (c - '0'), NGX_LLM_USAGE_MAX);
        }

        return;
    }

    if (c == '.' && u->state == NGX_LLM_USAGE_IN_NUMBER) {
        u->state = NGX_LLM_USAGE_IN_FRACTION;
        return;
    }

    if (c == ',' || c == '}' || c == ' '
        || c == '\t' || c == '\n' || c == '\r')
    {
        ngx_llm_usage_count(u, u->name, u->len);
    }

    ngx_llm_usage_skip(u, c);
}


/* between names and values, and in all that does not matter */

static void
ngx_llm_usage_skip(ngx_llm_usage_t *u, u_char c)
{
    switch (c) {

    case '"':
        if (u->state == NGX_LLM_USAGE_KEY) {
            u->len = 0;
            u->state = NGX_LLM_USAGE_IN_KEY;

        } else {
            u->state = NGX_LLM_USAGE_IN_STRING;
        }

        return;

    case '{':
    case '[':
        u->depth++;
        u->state = NGX_LLM_USAGE_SKIP;
        return;

    case '}':
    case ']':
        if (--u->depth == 0) {
            ngx_llm_usage_done(u);

        } else {
            u->state = NGX_LLM_USAGE_SKIP;
        }

        return;

    case ',':
        u->state = (u->depth == 1) ? NGX_LLM_USAGE_KEY : NGX_LLM_USAGE_SKIP;
        return;

    case ':':
        u->state = (u->state == NGX_LLM_USAGE_AFTER_KEY)
                   ? NGX_LLM_USAGE_VALUE : NGX_LLM_USAGE_SKIP;
        return;

    case ' ': case '\t': case '\n': case '\r':
        if (u->state > NGX_LLM_USAGE_VALUE) {
            u->state = NGX_LLM_USAGE_SKIP;
        }

        return;

    default:
        if (u->state == NGX_LLM_USAGE_VALUE && c >= '0' && c <= '9') {
            u->value = c - '0';
            u->state = NGX_LLM_USAGE_IN_NUMBER;

        } else {
            u->state = NGX_LLM_USAGE_SKIP;
        }
    }
}


/* name has room for 8 bytes */

static void
ngx_llm_usage_count(ngx_llm_usage_t *u, const u_char *name, size_t len)
{
    ngx_uint_t  i;

    static const struct {
        size_t      len;
        u_char      name[24];
        ngx_uint_t  index;
    } names[] = {
        { 13, "prompt_tokens",     0 },
        { 17, "completion_tokens", 1 },
        { 12, "total_tokens",      2 },
        { 12, "input_tokens",      0 },
        { 13, "output_tokens",     1 }
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        /* the first eight bytes tell most of them apart, at once */

        if (len == names[i].len
            && ngx_memcmp(name, names[i].name, 8) == 0
            && ngx_memcmp(name + 8, names[i].name + 8, len - 8) == 0)
        {
            u->counts[names[i].index] = u->value;
            return;
        }
    }
}


static void
ngx_llm_usage_done(ngx_llm_usage_t *u)
{
    u->state = NGX_LLM_USAGE_SEARCH;

    if (u->counts[0] < 0 && u->counts[1] < 0 && u->counts[2] < 0) {
        return;
    }

    u->found = 1;

    if (u->counts[0] >= 0) {
        u->prompt = u->counts[0];
    }

    if (u->counts[1] >= 0) {
        u->completion = u->counts[1];
    }

    if (u->counts[2] >= 0) {
        u->total = u->counts[2];
    }
}
