
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_answer.h"


static ngx_uint_t ngx_llm_answer_token(const u_char *p, size_t n);


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

    status = ngx_atoi(s + 9, 3);

    if (status < 100 || (s[12] != ' ' && s[12] != CR && s[12] != LF)) {
        return NGX_ERROR;
    }

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

    if (memchr(s, '\0', e - s) || memchr(s, CR, e - s)) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_llm_header_same(const u_char *name, const u_char *lower, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (ngx_tolower(name[i]) != lower[i]) {
            return 0;
        }
    }

    return 1;
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


/* a token of RFC 9110, 5.6.2, less strict: no space, no control character */

static ngx_uint_t
ngx_llm_answer_token(const u_char *p, size_t n)
{
    u_char    low;
    uint64_t  w;

    if (n == 0) {
        return 0;
    }

    /*
     * Eight at a time: none is a space or below when taking 0x21 from each
     * borrows nowhere, which is seen in its highest bit; bytes from 0x80 on
     * and 0x7f are looked at one by one.
     */

    for ( /* void */ ; n >= 8; n -= 8, p += 8) {
        ngx_memcpy(&w, p, 8);

        if (((w - 0x2121212121212121ULL) | w | (w + 0x0101010101010101ULL))
            & 0x8080808080808080ULL)
        {
            break;
        }
    }

    for (low = 0; n; n--, p++) {
        low |= (*p <= ' ' || *p == 0x7f);
    }

    return !low;
}
