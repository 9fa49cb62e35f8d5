
/*
 * Small work on text.  Pure.
 */


#ifndef _NGX_LLM_TEXT_H_INCLUDED_
#define _NGX_LLM_TEXT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* Does a pattern, in which a * stands for any text, fit all of the text? */
ngx_uint_t ngx_llm_glob(const u_char *pattern, size_t plen,
    const u_char *text, size_t n);

/*
 * Writes the text as the inside of a JSON string: what must be escaped is,
 * what is not UTF-8 becomes U+FFFD.  dst has room for 6 bytes a byte.
 * Returns the end.
 */
u_char *ngx_llm_json_escape(u_char *dst, const u_char *text, size_t n);

/* Writes x as 16 hexadecimal digits, the lowest ones first: for random x. */
void ngx_llm_hex64(u_char *dst, uint64_t x);

/*
 * Writes x in hexadecimal, in width digits at least; dst has room for 16.
 * Returns the end.
 */
u_char *ngx_llm_hex(u_char *dst, uint64_t x, ngx_uint_t width);

/* Are these n bytes, eight or a multiple, all hexadecimal digits? */
ngx_uint_t ngx_llm_is_hex(const u_char *p, size_t n);

/* Writes x in decimal; dst has room for 20 digits.  Returns the end. */
u_char *ngx_llm_decimal(u_char *dst, uint64_t x);

/* Are they the same?  Takes a time that depends on n only. */
ngx_uint_t ngx_llm_same(const u_char *a, const u_char *b, size_t n);

/*
 * Are they the same?  For names, which are short: two loads, which may
 * overlap, do for nearly all.  Its time tells where they differ.
 */
static ngx_inline ngx_uint_t ngx_llm_equal(const u_char *a, const u_char *b,
    size_t n);

/*
 * As ngx_cpymem(), for names: one of up to 16 bytes is two loads and two
 * stores, which may overlap.
 */
static ngx_inline u_char *ngx_llm_copy(u_char *dst, const u_char *src,
    size_t n);

/*
 * May this be a request's id: 1 to 128 letters, digits, "-", "_", "." ?
 */
ngx_uint_t ngx_llm_sane_id(const u_char *p, size_t n);


static ngx_inline uint64_t
ngx_llm_load(const u_char *p, size_t n)
{
    uint64_t  v;

    v = 0;
    ngx_memcpy(&v, p, n);

    return v;
}


static ngx_inline u_char *
ngx_llm_copy(u_char *dst, const u_char *src, size_t n)
{
    uint32_t  low, high;
    uint64_t  first, last;

    if (n > 16) {
        return ngx_cpymem(dst, src, n);
    }

    if (n >= 8) {
        first = ngx_llm_load(src, 8);
        last = ngx_llm_load(src + n - 8, 8);
        ngx_memcpy(dst, &first, 8);
        ngx_memcpy(dst + n - 8, &last, 8);

    } else if (n >= 4) {
        low = (uint32_t) ngx_llm_load(src, 4);
        high = (uint32_t) ngx_llm_load(src + n - 4, 4);
        ngx_memcpy(dst, &low, 4);
        ngx_memcpy(dst + n - 4, &high, 4);

    } else {
        while (n) {
            n--;
            *dst++ = *src++;
        }
    }

    return dst + n;
}


static ngx_inline ngx_uint_t
ngx_llm_equal(const u_char *a, const u_char *b, size_t n)
{
    for ( /* void */ ; n > 16; n -= 8, a += 8, b += 8) {

        if (ngx_llm_load(a, 8) != ngx_llm_load(b, 8)) {
            return 0;
        }
    }

    if (n >= 8) {
        return ngx_llm_load(a, 8) == ngx_llm_load(b, 8)
               && ngx_llm_load(a + n - 8, 8) == ngx_llm_load(b + n - 8, 8);
    }

    if (n >= 4) {
        return ngx_llm_load(a, 4) == ngx_llm_load(b, 4)
               && ngx_llm_load(a + n - 4, 4) == ngx_llm_load(b + n - 4, 4);
    }

    while (n && a[n - 1] == b[n - 1]) {
        n--;
    }

    return n == 0;
}


#endif /* _NGX_LLM_TEXT_H_INCLUDED_ */
