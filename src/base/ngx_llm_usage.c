
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


typedef struct {
    size_t      len;
    u_char      name[24];
    ngx_uint_t  index;          /* of u->counts */
} ngx_llm_usage_known_t;


static const u_char *ngx_llm_usage_search(ngx_llm_usage_t *u,
    const u_char *start, const u_char *p, const u_char *last);
static const u_char *ngx_llm_usage_match(ngx_llm_usage_t *u, const u_char *p,
    const u_char *last);
static const u_char *ngx_llm_usage_members(ngx_llm_usage_t *u,
    const u_char *p, const u_char *last);
static const ngx_llm_usage_known_t *ngx_llm_usage_name(const u_char *p,
    const u_char *last);
static void ngx_llm_usage_byte(ngx_llm_usage_t *u, u_char c);
static void ngx_llm_usage_outside(ngx_llm_usage_t *u, u_char c);
static void ngx_llm_usage_open(ngx_llm_usage_t *u);
static void ngx_llm_usage_number(ngx_llm_usage_t *u, u_char c);
static void ngx_llm_usage_skip(ngx_llm_usage_t *u, u_char c);
static void ngx_llm_usage_count(ngx_llm_usage_t *u);
static void ngx_llm_usage_done(ngx_llm_usage_t *u);


static const u_char  ngx_llm_usage_needle[] = "\"usage\"";


/* members as they stand in an object */

#define ngx_llm_usage_member(name, index)                                     \
    { sizeof("\"" name "\":") - 1, "\"" name "\":", index }

static const ngx_llm_usage_known_t  ngx_llm_usage_known[] = {
    ngx_llm_usage_member("prompt_tokens", 0),
    ngx_llm_usage_member("completion_tokens", 1),
    ngx_llm_usage_member("total_tokens", 2),
    ngx_llm_usage_member("input_tokens", 0),
    ngx_llm_usage_member("output_tokens", 1),
    { 0, "", 0 }
};


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

        if (last - p > 8 && ngx_memcmp(p, "\"usage\":{", 9) == 0) {
            ngx_llm_usage_open(u);
            return p + 9;
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
 * Takes known members with plain numbers that lie in this slice, as nearly all
 * do, at once.  Returns where something else begins, which goes byte by byte.
 */

static const u_char *
ngx_llm_usage_members(ngx_llm_usage_t *u, const u_char *p,
    const u_char *last)
{
    int64_t                       value;
    const u_char                 *q, *end;
    const ngx_llm_usage_known_t  *known;

    while (u->left > 2 * NGX_LLM_USAGE_NAME + 2) {

        for (q = p; q < last && (*q == ' ' || *q == '\n'); q++) {
            /* void */
        }

        known = ngx_llm_usage_name(q, last);

        if (known == NULL || q - p > NGX_LLM_USAGE_NAME) {
            return p;
        }

        q += known->len;
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

        u->counts[known->index] = ngx_min(value, NGX_LLM_USAGE_MAX);
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


/*
 * The known name at p with its quotes and the colon, and one byte at least
 * behind it.  Three loads of eight bytes that overlap compare 11 to 24.
 */

static const ngx_llm_usage_known_t *
ngx_llm_usage_name(const u_char *p, const u_char *last)
{
    size_t                        n;
    const ngx_llm_usage_known_t  *known;

    for (known = ngx_llm_usage_known; known->len; known++) {
        n = known->len;

        if ((size_t) (last - p) > n
            && ngx_memcmp(p, known->name, 8) == 0
            && ngx_memcmp(p + n - 8, known->name + n - 8, 8) == 0
            && ngx_memcmp(p + (n - 8) / 2, known->name + (n - 8) / 2, 8) == 0)
        {
            return known;
        }
    }

    return NULL;
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

    ngx_llm_usage_open(u);
}


static void
ngx_llm_usage_open(ngx_llm_usage_t *u)
{
    u->state = NGX_LLM_USAGE_KEY;
    u->depth = 1;
    u->left = NGX_LLM_USAGE_OBJECT;

    u->counts[0] = -1;
    u->counts[1] = -1;
    u->counts[2] = -1;
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
        ngx_llm_usage_count(u);
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


static void
ngx_llm_usage_count(ngx_llm_usage_t *u)
{
    const ngx_llm_usage_known_t  *known;

    for (known = ngx_llm_usage_known; known->len; known++) {

        if (u->len == known->len - 3
            && ngx_memcmp(u->name, known->name + 1, u->len) == 0)
        {
            u->counts[known->index] = u->value;
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
