
/*
 * The general way through a string.  s->capture says that the decoded bytes
 * are copied to s->buf.  A slice may end within an escape or a character; its
 * bytes then wait in s->pending.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_json_string.h"
#include "ngx_llm_json_watch.h"


static const u_char *ngx_llm_json_string_rest(ngx_llm_json_t *s,
    const u_char *p, const u_char *last);
static const u_char *ngx_llm_json_string_end(ngx_llm_json_t *s,
    const u_char *p);
#if (NGX_LLM_AVX2)
static ngx_llm_avx2 const u_char *ngx_llm_json_skip_avx2(const u_char *p,
    const u_char *last);
static ngx_inline ngx_llm_avx2 uint32_t ngx_llm_json_plain_mask32(
    const u_char *p);
#endif
#if (NGX_LLM_SSE2)
static ngx_inline const u_char *ngx_llm_json_escapes(const u_char *p,
    uint64_t mask, const u_char *last);
#endif
static const u_char *ngx_llm_json_plain_portable(const u_char *p,
    const u_char *last);
static ngx_inline u_char ngx_llm_json_escaped(const u_char *p,
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


const u_char *
ngx_llm_json_string(ngx_llm_json_t *s, const u_char *p, const u_char *q,
    const u_char *last, ngx_uint_t key)
{
    s->len = 0;
    s->key = key;
    s->truncated = 0;
    s->start = ngx_llm_json_offset(s, p - 1);
    s->capture = key ? (s->level == s->depth) : (s->row >= 0);

    if (q != p && s->capture) {
        ngx_llm_json_append(s, p, q - p);
    }

    return ngx_llm_json_string_rest(s, q, last);
}


const u_char *
ngx_llm_json_string_resume(ngx_llm_json_t *s, const u_char *p,
    const u_char *last)
{
    if (s->state == NGX_LLM_JSON_IN_STRING) {
        return ngx_llm_json_string_rest(s, p, last);
    }

    return ngx_llm_json_pending(s, p, last);
}


/* the general way through a string: escapes, UTF-8, slices, a copy */

static const u_char *
ngx_llm_json_string_rest(ngx_llm_json_t *s, const u_char *p,
    const u_char *last)
{
    u_char         c;
    const u_char  *q;

    for ( ;; ) {

        if (s->capture) {
            q = ngx_llm_json_plain(p, s->base, last);

            if (q != p) {
                ngx_llm_json_append(s, p, q - p);
            }

        } else {
            q = ngx_llm_json_skip(p, s->base, last);
        }

        if (q == last) {
            s->state = NGX_LLM_JSON_IN_STRING;
            return last;
        }

        if (*q == '"') {
            return ngx_llm_json_string_end(s, q + 1);
        }

        if (*q < ' ') {
            return ngx_llm_json_fail(s, q, "a control character in a string");
        }

        c = ngx_llm_json_escaped(q, last);

        if (c) {
            p = q + 2;

            if (s->capture) {
                ngx_llm_json_append(s, &c, 1);
            }

            continue;
        }

        p = ngx_llm_json_special(s, q, last);

        if (p == NULL || p == last) {
            return p;
        }
    }
}


/* p is after the closing quote */

static const u_char *
ngx_llm_json_string_end(ngx_llm_json_t *s, const u_char *p)
{
    ngx_llm_json_frame_t  *frame;

    if (!s->key) {
        s->state = NGX_LLM_JSON_AFTER;

        if (s->row != NGX_LLM_JSON_NO_ROW) {
            ngx_llm_json_watch_string(s, p, s->buf, s->len, s->truncated);
        }

        return p;
    }

    s->state = NGX_LLM_JSON_COLON;

    frame = ngx_llm_json_frame(s);

    if (frame != NULL && !s->truncated) {
        ngx_llm_json_watch_name(s, frame, s->buf, s->len);
    }

    return p;
}


const u_char *
ngx_llm_json_plain(const u_char *p, const u_char *first, const u_char *last)
{
#if (NGX_LLM_SSE2)

    uint32_t   mask;
    ptrdiff_t  seen;

    for ( /* void */ ; last - p >= 16; p += 16) {
        mask = ngx_llm_json_plain_mask(p);

        if (mask != 0xffff) {
            return p + ngx_llm_sse2_first(~mask);
        }
    }

    seen = 16 - (last - p);

    if (p < last && p - first >= seen) {

        /* the last 16 bytes again, without those that were seen */

        mask = (ngx_llm_json_plain_mask(last - 16) ^ 0xffff) >> seen;

        return mask ? p + ngx_llm_sse2_first(mask) : last;
    }

#endif

    return ngx_llm_json_plain_portable(p, last);
}


const u_char *
ngx_llm_json_skip(const u_char *p, const u_char *first, const u_char *last)
{
#if (NGX_LLM_SSE2)

    ptrdiff_t      seen;
    const u_char  *q;

#if (NGX_LLM_AVX2)

    if (last - p >= 64 && ngx_llm_avx2_there()) {
        p = ngx_llm_json_skip_avx2(p, last);

        if (last - p >= 64) {
            return p;
        }
    }

#endif

    for ( /* void */ ; last - p >= 64; p = q) {
        q = ngx_llm_json_escapes(p, ~ngx_llm_json_plain_mask64(p), last);

        if (q < p + 64) {
            return q;
        }
    }

    seen = 64 - (last - p);

    if (p < last && p - first >= seen) {

        /* the last 64 bytes again, without those that were seen */

        q = ngx_llm_json_escapes(p, ~ngx_llm_json_plain_mask64(last - 64)
                                    >> seen, last);

        return ngx_min(q, last);
    }

#endif

    for ( ;; ) {
        p = ngx_llm_json_plain_portable(p, last);

        if (p == last || ngx_llm_json_escaped(p, last) == 0) {
            return p;
        }

        p += 2;
    }
}


#if (NGX_LLM_AVX2)

/* in steps of 64 bytes; fewer than that at the end are not looked at */

static ngx_llm_avx2 const u_char *
ngx_llm_json_skip_avx2(const u_char *p, const u_char *last)
{
    uint64_t       low, high;
    const u_char  *q;

    for ( /* void */ ; last - p >= 64; p = q) {
        low = ngx_llm_json_plain_mask32(p);
        high = ngx_llm_json_plain_mask32(p + 32);

        q = ngx_llm_json_escapes(p, ~(low | high << 32), last);

        if (q < p + 64) {
            return q;
        }
    }

    return p;
}


/* ngx_llm_json_plain_mask() of 32 bytes */

static ngx_inline ngx_llm_avx2 uint32_t
ngx_llm_json_plain_mask32(const u_char *p)
{
    __m256i  v, m;

    v = ngx_llm_avx2_load(p);

    m = _mm256_xor_si256(v, ngx_llm_avx2_fill(2));
    m = _mm256_cmpgt_epi8(m, ngx_llm_avx2_fill(' '));
    v = _mm256_cmpeq_epi8(v, ngx_llm_avx2_fill('\\'));

    return _mm256_movemask_epi8(_mm256_andnot_si256(v, m));
}

#endif


#if (NGX_LLM_SSE2)

/*
 * The first place marked of 64 bytes at p where no short escape stands.  When
 * there is none, the byte after them, or after an escape that ends behind.
 */

static ngx_inline const u_char *
ngx_llm_json_escapes(const u_char *p, uint64_t mask, const u_char *last)
{
    uint32_t  i;

    for (i = 0; mask; mask &= ~((uint64_t) 3 << i)) {
        i = ngx_llm_sse2_first64(mask);

        if (ngx_llm_json_escaped(p + i, last) == 0) {
            return p + i;
        }
    }

    return (i == 63) ? p + 65 : p + 64;
}

#endif


/* eight bytes a step; a byte's top bit is set in m when it is not plain */

static const u_char *
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


/* what a backslash and one letter at p stand for; 0: there is no such thing */

static ngx_inline u_char
ngx_llm_json_escaped(const u_char *p, const u_char *last)
{
    static const u_char  escapes[256] = {
        ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'
    };

    return (*p == '\\' && p + 1 < last) ? escapes[p[1]] : 0;
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

    *code = ngx_llm_json_escaped(p, last);

    if (*code) {
        return 2;
    }

    if (p[1] != 'u') {
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
