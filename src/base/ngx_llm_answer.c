
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_answer.h"


static ngx_inline ngx_uint_t ngx_llm_answer_text(const u_char *p, size_t n);
static ngx_inline uint64_t ngx_llm_header_differ(uint64_t name,
    uint64_t lower);
static ngx_uint_t ngx_llm_answer_token(const u_char *p, size_t n);
static ngx_inline ngx_uint_t ngx_llm_answer_above(const u_char *p, size_t n,
    uint64_t low);


#define X  0xff

static const u_char  ngx_llm_answer_hex[256] = {
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, X, X, X, X, X, X,
    X, 10, 11, 12, 13, 14, 15, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, 10, 11, 12, 13, 14, 15, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X
};

#undef X


u_char *
ngx_llm_answer_end(u_char **from, u_char *last)
{
    u_char  *p, *q;

    p = *from;

    for ( ;; ) {
        q = memchr(p, LF, last - p);

        if (q == NULL) {
            *from = p;
            return NULL;
        }

        if (last - q < 2) {
            break;
        }

        if (q[1] == LF) {
            return q + 2;
        }

        if (q[1] == CR) {

            if (last - q < 3) {
                break;
            }

            if (q[2] == LF) {
                return q + 3;
            }
        }

        p = q + 1;
    }

    *from = q;

    return NULL;
}


ngx_int_t
ngx_llm_answer_status(u_char **p, u_char *last, ngx_uint_t *minor)
{
    u_char     *s;
    ngx_int_t   status;

    s = *p;

    if (last - s < (ssize_t) sizeof("HTTP/1.1 200\n") - 1
        || ngx_strncmp(s, "HTTP/1.", 7) != 0
        || (s[7] != '0' && s[7] != '1')
        || s[8] != ' ')
    {
        return NGX_ERROR;
    }

    if (s[9] < '1' || s[9] > '9'
        || s[10] < '0' || s[10] > '9'
        || s[11] < '0' || s[11] > '9'
        || (s[12] != ' ' && s[12] != CR && s[12] != LF))
    {
        return NGX_ERROR;
    }

    status = (s[9] - '0') * 100 + (s[10] - '0') * 10 + (s[11] - '0');

    *minor = s[7] - '0';

    s = memchr(s + 12, LF, last - s - 12);
    if (s == NULL) {
        return NGX_ERROR;
    }

    *p = s + 1;

    return status;
}


ngx_int_t
ngx_llm_answer_header(u_char **p, u_char *last, ngx_llm_header_t *h)
{
    u_char  *s, *e, *eol;

    s = *p;

    eol = memchr(s, LF, last - s);
    if (eol == NULL) {
        return NGX_ERROR;
    }

    *p = eol + 1;
    e = eol;

    if (e > s && e[-1] == CR) {
        e--;
    }

    if (e == s) {
        return NGX_DONE;
    }

    h->name = s;

    s = memchr(s, ':', e - s);
    if (s == NULL) {
        return NGX_ERROR;
    }

    h->name_len = s - h->name;

    if (!ngx_llm_answer_token(h->name, h->name_len)) {
        return NGX_ERROR;
    }

    for (s++; s < e && (*s == ' ' || *s == '\t'); s++) { /* void */ }

    while (e > s && (e[-1] == ' ' || e[-1] == '\t')) {
        e--;
    }

    h->value = s;
    h->value_len = e - s;

    return ngx_llm_answer_text(s, e - s) ? NGX_OK : NGX_ERROR;
}


u_char *
ngx_llm_answer_chunk(u_char *p, u_char *last, u_char **data, size_t *n)
{
    size_t   size;
    u_char  *end, digit;

    end = ngx_min(last, p + 6);

    for (size = 0; p < end; p++) {
        digit = ngx_llm_answer_hex[*p];

        if (digit == 0xff) {
            break;
        }

        size = size * 16 + digit;
    }

    if (size == 0
        || last - p < 4
        || (size_t) (last - p - 4) < size
        || p[0] != CR || p[1] != LF
        || p[size + 2] != CR || p[size + 3] != LF)
    {
        return NULL;
    }

    *data = p + 2;
    *n = size;

    return p + size + 4;
}


ngx_uint_t
ngx_llm_header_same(const u_char *name, const u_char *lower, size_t n)
{
    size_t    i;
    uint32_t  a, b;
    uint64_t  x, y;

    if (n < 4) {

        while (n--) {
            if ((name[n] | 0x20) != lower[n] || name[n] < 0x20) {
                return 0;
            }
        }

        return 1;
    }

    if (n < 8) {
        ngx_memcpy(&a, name, 4);
        ngx_memcpy(&b, name + n - 4, 4);
        x = a | (uint64_t) b << 32;

        ngx_memcpy(&a, lower, 4);
        ngx_memcpy(&b, lower + n - 4, 4);
        y = a | (uint64_t) b << 32;

        return !ngx_llm_header_differ(x, y);
    }

    /* eight at a time, the last ones maybe twice */

    for (i = 0; /* void */ ; i = ngx_min(i + 8, n - 8)) {
        ngx_memcpy(&x, name + i, 8);
        ngx_memcpy(&y, lower + i, 8);

        if (ngx_llm_header_differ(x, y)) {
            return 0;
        }

        if (i == n - 8) {
            return 1;
        }
    }
}


/*
 * Names hold letters, digits and "-" only, and the bit that makes letters
 * small is set in the others already.  It makes others of control characters
 * only, which are told by a borrow when 0x20 is taken from them.
 */

static ngx_inline uint64_t
ngx_llm_header_differ(uint64_t name, uint64_t lower)
{
    const uint64_t  bits = 0x2020202020202020ULL;

    return ((name | bits) ^ lower)
           | ((name - bits) & ~name & 0x8080808080808080ULL);
}


ngx_uint_t
ngx_llm_header_holds(const u_char *list, size_t n, const char *token)
{
    size_t         len;
    const u_char  *p, *q, *last;

    len = ngx_strlen(token);
    last = list + n;

    for (p = list; p < last; p = q + 1) {

        q = memchr(p, ',', last - p);
        if (q == NULL) {
            q = last;
        }

        while (p < q && (*p == ' ' || *p == '\t')) {
            p++;
        }

        if ((size_t) (q - p) >= len
            && ngx_llm_header_same(p, (const u_char *) token, len)
            && (p + len == q || p[len] == ' ' || p[len] == '\t'
                || p[len] == ';'))
        {
            return 1;
        }
    }

    return 0;
}


/* a value without control characters but tabs (RFC 9110, 5.5) */

static ngx_inline ngx_uint_t
ngx_llm_answer_text(const u_char *p, size_t n)
{
    if (n >= 8 && ngx_llm_answer_above(p, n, 0x20)) {
        return 1;
    }

    for ( /* void */ ; n; n--, p++) {
        if (*p < 0x20 && *p != '\t') {
            return 0;
        }
    }

    return 1;
}


/* a token of RFC 9110, 5.6.2, less strict: no space, no control character */

static ngx_uint_t
ngx_llm_answer_token(const u_char *p, size_t n)
{
    u_char  low;

    if (n >= 8 && ngx_llm_answer_above(p, n, 0x21)) {
        return 1;
    }

    low = (n == 0);

    for ( /* void */ ; n; n--, p++) {
        low |= (*p <= ' ' || *p == 0x7f);
    }

    return !low;
}


/*
 * Are n bytes, 8 or more, from low to 0x7e?  Eight at a time, the last ones
 * maybe twice: a byte below low borrows when that is taken from it, and 0x7f
 * and above have the highest bit set when 1 is added.
 */

static ngx_inline ngx_uint_t
ngx_llm_answer_above(const u_char *p, size_t n, uint64_t low)
{
    uint64_t       w, bad;
    const u_char  *last;

    bad = 0;
    last = p + n - 8;

    for ( ;; ) {
        ngx_memcpy(&w, p, 8);

        bad |= (w - low * 0x0101010101010101ULL)
               | w | (w + 0x0101010101010101ULL);

        if (p == last) {
            return !(bad & 0x8080808080808080ULL);
        }

        p = ngx_min(p + 8, last);
    }
}
