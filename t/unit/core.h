
/*
 * Stand-ins for what nginx's core has in files that its headers alone do not
 * bring: small functions on text, the same in all that is asked of them here.
 * ngx_sprintf() and its like know %s, %V, %*s, %c, %d, %i, %ui, %uD, %uL,
 * %L, %P, %T, %O, %uz, %xL (all with width and zeros) and %%, and abort at
 * others.
 */


#ifndef _NGX_LLM_CORE_H_INCLUDED_
#define _NGX_LLM_CORE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdio.h>
#include <stdlib.h>


void
ngx_strlow(u_char *dst, u_char *src, size_t n)
{
    while (n--) {
        *dst++ = ngx_tolower(*src);
        src++;
    }
}


u_char *
ngx_cpystrn(u_char *dst, u_char *src, size_t n)
{
    if (n == 0) {
        return dst;
    }

    for ( /* void */ ; --n; dst++, src++) {
        *dst = *src;

        if (*dst == '\0') {
            return dst;
        }
    }

    *dst = '\0';

    return dst;
}


ngx_int_t
ngx_strncasecmp(u_char *s1, u_char *s2, size_t n)
{
    ngx_uint_t  c1, c2;

    for ( /* void */ ; n; n--) {
        c1 = ngx_tolower(*s1);
        c2 = ngx_tolower(*s2);

        if (c1 != c2 || c1 == 0) {
            return c1 - c2;
        }

        s1++;
        s2++;
    }

    return 0;
}


void
ngx_explicit_memzero(void *buf, size_t n)
{
    ngx_memzero(buf, n);
    ngx_memory_barrier();
}


ngx_int_t
ngx_atoi(u_char *line, size_t n)
{
    ngx_int_t  value;

    if (n == 0) {
        return NGX_ERROR;
    }

    for (value = 0; n--; line++) {

        if (*line < '0'
            || *line > '9'
            || value > (NGX_MAX_INT_T_VALUE - (*line - '0')) / 10)
        {
            return NGX_ERROR;
        }

        value = value * 10 + (*line - '0');
    }

    return value;
}


ngx_int_t
ngx_hextoi(u_char *line, size_t n)
{
    u_char     ch;
    ngx_int_t  value;

    if (n == 0 || n > 15) {
        return NGX_ERROR;
    }

    for (value = 0; n--; line++) {
        ch = (u_char) (*line | 0x20);

        if (*line >= '0' && *line <= '9') {
            value = value * 16 + (*line - '0');

        } else if (ch >= 'a' && ch <= 'f') {
            value = value * 16 + (ch - 'a' + 10);

        } else {
            return NGX_ERROR;
        }
    }

    return value;
}


static u_char *
core_put(u_char *buf, u_char *last, const u_char *p, size_t n)
{
    n = ngx_min(n, (size_t) (last - buf));

    return ngx_cpymem(buf, p, n);
}


static uint64_t
core_number(const char **fmt, va_list *args, ngx_uint_t sign,
    ngx_uint_t *negative)
{
    int64_t  value;

    switch (**fmt) {

    case 'd':
    case 'D':
    case 'P':
        value = sign ? (int64_t) va_arg(*args, int)
                     : (int64_t) va_arg(*args, unsigned);
        break;

    case 'i':
    case 'L':
    case 'T':
    case 'O':
    case 'z':
        value = va_arg(*args, int64_t);
        break;

    default:
        fprintf(stderr, "core.h: no such format: %s\n", *fmt);
        abort();
    }

    *negative = (sign && value < 0);

    return *negative ? (uint64_t) -value : (uint64_t) value;
}


u_char *
ngx_vslprintf(u_char *buf, u_char *last, const char *fmt, va_list args)
{
    char        text[96], form[16];
    size_t      len;
    va_list     copy;
    uint64_t    value;
    ngx_str_t  *v;
    ngx_uint_t  zero, width, sign, hex, star, negative;

    va_copy(copy, args);

    for ( /* void */ ; *fmt; fmt++) {

        if (*fmt != '%') {
            buf = core_put(buf, last, (const u_char *) fmt, 1);
            continue;
        }

        zero = (*++fmt == '0');
        width = 0;
        sign = 1;
        hex = 0;
        star = 0;
        len = 0;

        while (*fmt >= '0' && *fmt <= '9') {
            width = width * 10 + (*fmt++ - '0');
        }

        if (*fmt == '*') {
            len = va_arg(copy, size_t);
            star = 1;
            fmt++;
        }

        if (*fmt == 'u') {
            sign = 0;
            fmt++;
        }

        if (*fmt == 'x') {
            hex = 1;
            sign = 0;
            fmt++;
        }

        switch (*fmt) {

        case '%':
            buf = core_put(buf, last, (const u_char *) "%", 1);
            continue;

        case 's':
            v = NULL;
            {
                u_char  *s = va_arg(copy, u_char *);

                buf = core_put(buf, last, s, star ? len : ngx_strlen(s));
            }
            continue;

        case 'V':
            v = va_arg(copy, ngx_str_t *);
            buf = core_put(buf, last, v->data, v->len);
            continue;

        case 'c':
            text[0] = (char) va_arg(copy, int);
            buf = core_put(buf, last, (u_char *) text, 1);
            continue;
        }

        value = core_number(&fmt, &copy, sign, &negative);

        snprintf(form, sizeof(form), zero ? "%%s%%0%ul%s" : "%%s%%%ul%s",
                 (unsigned) width, hex ? "x" : "u");
        len = snprintf(text, sizeof(text), form, negative ? "-" : "",
                       (unsigned long) value);
        buf = core_put(buf, last, (u_char *) text, len);
    }

    va_end(copy);

    return buf;
}


u_char * ngx_cdecl
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, (u_char *) -1, fmt, args);
    va_end(args);

    return p;
}


u_char * ngx_cdecl
ngx_snprintf(u_char *buf, size_t max, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + max, fmt, args);
    va_end(args);

    return p;
}


u_char * ngx_cdecl
ngx_slprintf(u_char *buf, u_char *last, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, last, fmt, args);
    va_end(args);

    return p;
}


#endif /* _NGX_LLM_CORE_H_INCLUDED_ */
