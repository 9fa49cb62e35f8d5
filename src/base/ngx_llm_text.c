
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_text.h"


static ngx_inline uint64_t ngx_llm_hex_digits(uint32_t x);
static size_t ngx_llm_utf8_len(const u_char *p, size_t n);


ngx_uint_t
ngx_llm_glob(const u_char *pattern, size_t plen, const u_char *text, size_t n)
{
    const u_char  *p, *pe, *t, *te, *star, *back;

    p = pattern;
    pe = pattern + plen;
    t = text;
    te = text + n;
    star = NULL;
    back = NULL;

    while (t < te) {

        if (p < pe && *p == '*') {
            star = ++p;
            back = t;
            continue;
        }

        if (p < pe && *p == *t) {
            p++;
            t++;
            continue;
        }

        if (star == NULL) {
            return 0;
        }

        p = star;
        t = ++back;
    }

    while (p < pe && *p == '*') {
        p++;
    }

    return p == pe;
}


/* eight bytes of ASCII that stand for themselves in JSON: none with bit 7, none
   below 0x20, no quote, backslash or DEL */

static ngx_inline ngx_uint_t
ngx_llm_plain(uint64_t x)
{
    uint64_t  ones, high, found;

    ones = 0x0101010101010101ULL;
    high = 0x80 * ones;

    /* where bit 7 is not set a difference below 0 sets it */

    found = x
            | (x - 0x20 * ones)
            | ((x ^ (0x22 * ones)) - ones)
            | ((x ^ (0x5c * ones)) - ones)
            | ((x ^ (0x7f * ones)) - ones);

    return (found & high) == 0;
}


/* the same for up to 16 bytes, in two loads, which may overlap */

static ngx_inline ngx_uint_t
ngx_llm_plain_name(const u_char *p, size_t n)
{
    uint64_t  x;

    if (n >= 8) {
        return ngx_llm_plain(ngx_llm_load(p, 8))
               && ngx_llm_plain(ngx_llm_load(p + n - 8, 8));
    }

    if (n >= 4) {
        return ngx_llm_plain(ngx_llm_load(p, 4)
                             | ngx_llm_load(p + n - 4, 4) << 32);
    }

    for (x = 0x2020202020202020ULL; n; n--) {
        x = x << 8 | *p++;
    }

    return ngx_llm_plain(x);
}


/* copies what stands for itself at the beginning of a text; how much */

static ngx_inline size_t
ngx_llm_plain_copy(u_char *dst, const u_char *text, size_t n)
{
    size_t  i;

    if (n < 16) {

        if (!ngx_llm_plain_name(text, n)) {
            return 0;
        }

        ngx_llm_copy(dst, text, n);

        return n;
    }

    for (i = 0; i + 8 <= n; i += 8) {

        if (!ngx_llm_plain(ngx_llm_load(text + i, 8))) {
            return i;
        }

        ngx_memcpy(dst + i, text + i, 8);
    }

    if (!ngx_llm_plain(ngx_llm_load(text + n - 8, 8))) {
        return i;
    }

    ngx_memcpy(dst + n - 8, text + n - 8, 8);

    return n;
}


u_char *
ngx_llm_json_escape(u_char *dst, const u_char *text, size_t n)
{
    size_t         len;
    const u_char  *p, *last;

    static const u_char  hex[] = "0123456789abcdef";

    len = ngx_llm_plain_copy(dst, text, n);

    dst += len;
    last = text + n;

    for (p = text + len; p < last; p += len) {

        if (last - p >= 8 && ngx_llm_plain(ngx_llm_load(p, 8))) {
            dst = ngx_cpymem(dst, p, 8);
            len = 8;
            continue;
        }

        len = 1;

        if (*p == '"' || *p == '\\') {
            *dst++ = '\\';
            *dst++ = *p;
            continue;
        }

        if (*p < 0x20 || *p == 0x7f) {
            dst = ngx_cpymem(dst, "\\u00", 4);
            *dst++ = hex[*p >> 4];
            *dst++ = hex[*p & 0xf];
            continue;
        }

        if (*p < 0x80) {
            *dst++ = *p;
            continue;
        }

        len = ngx_llm_utf8_len(p, last - p);

        if (len == 0) {
            dst = ngx_cpymem(dst, "\\ufffd", 6);
            len = 1;
            continue;
        }

        dst = ngx_cpymem(dst, p, len);
    }

    return dst;
}


/* the digits of all bytes at once: each byte of a word becomes one of them */

void
ngx_llm_hex64(u_char *dst, uint64_t x)
{
    uint64_t  digits;

    digits = ngx_llm_hex_digits((uint32_t) x);
    ngx_memcpy(dst, &digits, 8);

    digits = ngx_llm_hex_digits((uint32_t) (x >> 32));
    ngx_memcpy(dst + 8, &digits, 8);
}


/* eight of them, the lowest one in the lowest byte */

static ngx_inline uint64_t
ngx_llm_hex_digits(uint32_t x)
{
    uint64_t  word, letters;

    /* spread over the eight bytes of a word */

    word = x;
    word = (word | (word << 16)) & 0x0000ffff0000ffffULL;
    word = (word | (word << 8)) & 0x00ff00ff00ff00ffULL;
    word = (word | (word << 4)) & 0x0f0f0f0f0f0f0f0fULL;

    /* 1 in each byte that is 10 or more */

    letters = ((word + 0x0606060606060606ULL) >> 4) & 0x0101010101010101ULL;

    return word + 0x3030303030303030ULL + letters * ('a' - '0' - 10);
}


/*
 * Eight bytes at a time: in none a sum carries into the next one unless a byte
 * is not ASCII, and the highest bit says that a byte is not below a bound.
 */

u_char *
ngx_llm_hex(u_char *dst, uint64_t x, ngx_uint_t width)
{
    u_char      text[16];
    uint64_t    high, low;
    ngx_uint_t  digits;

    high = ngx_llm_hex_digits((uint32_t) (x >> 32));
    low = ngx_llm_hex_digits((uint32_t) x);

#if (NGX_HAVE_LITTLE_ENDIAN)
    high = __builtin_bswap64(high);
    low = __builtin_bswap64(low);
#endif

    ngx_memcpy(text, &high, 8);
    ngx_memcpy(text + 8, &low, 8);

    digits = x ? (67 - __builtin_clzll(x)) / 4 : 1;
    digits = ngx_min(ngx_max(digits, width), 16);

    return ngx_llm_copy(dst, text + 16 - digits, digits);
}


ngx_uint_t
ngx_llm_is_hex(const u_char *p, size_t n)
{
    uint64_t        x, small, digit, letter, all;
    const uint64_t  ones = 0x0101010101010101ULL;

    all = ones * 0x80;

    for ( /* void */ ; n; n -= 8, p += 8) {
        ngx_memcpy(&x, p, 8);

        small = x | (ones * 0x20);

        digit = (x + ones * (0x80 - '0')) & ~(x + ones * (0x7f - '9'));
        letter = (small + ones * (0x80 - 'a'))
                 & ~(small + ones * (0x7f - 'f'));

        all &= (digit | letter) & ~x;
    }

    return all == ones * 0x80;
}


u_char *
ngx_llm_decimal(u_char *dst, uint64_t x)
{
    u_char  *p, text[20];

    /* most are small */

    if (x < 10) {
        *dst++ = (u_char) ('0' + x);
        return dst;
    }

    if (x < 100) {
        *dst++ = (u_char) ('0' + x / 10);
        *dst++ = (u_char) ('0' + x % 10);
        return dst;
    }

    p = text + sizeof(text);

    do {
        *--p = (u_char) ('0' + x % 10);
        x /= 10;
    } while (x);

    do {
        *dst++ = *p++;
    } while (p < text + sizeof(text));

    return dst;
}


ngx_uint_t
ngx_llm_same(const u_char *a, const u_char *b, size_t n)
{
    size_t           i;
    volatile u_char  diff;

    diff = 0;

    for (i = 0; i < n; i++) {
        diff |= a[i] ^ b[i];
    }

    return diff == 0;
}


ngx_uint_t
ngx_llm_sane_id(const u_char *p, size_t n)
{
    if (n == 0 || n > 128) {
        return 0;
    }

    while (n--) {

        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
              || (*p >= '0' && *p <= '9')
              || *p == '-' || *p == '_' || *p == '.'))
        {
            return 0;
        }

        p++;
    }

    return 1;
}


/* the length of the well-formed character at p, or 0 (Unicode, table 3-7) */

static size_t
ngx_llm_utf8_len(const u_char *p, size_t n)
{
    size_t  i, len;
    u_char  low, high;

    low = 0x80;
    high = 0xbf;

    if (*p >= 0xc2 && *p <= 0xdf) {
        len = 2;

    } else if (*p >= 0xe0 && *p <= 0xef) {
        len = 3;
        low = (*p == 0xe0) ? 0xa0 : 0x80;
        high = (*p == 0xed) ? 0x9f : 0xbf;

    } else if (*p >= 0xf0 && *p <= 0xf4) {
        len = 4;
        low = (*p == 0xf0) ? 0x90 : 0x80;
        high = (*p == 0xf4) ? 0x8f : 0xbf;

    } else {
        return 0;
    }

    if (n < len || p[1] < low || p[1] > high) {
        return 0;
    }

    for (i = 2; i < len; i++) {
        if (p[i] < 0x80 || p[i] > 0xbf) {
            return 0;
        }
    }

    return len;
}
