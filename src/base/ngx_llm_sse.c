
/*
 * The event scanner.  Only the first bytes of a line matter, so a line that a
 * slice cuts leaves its first bytes in s->head (s->len of them) and nothing
 * else; a line that lies in one slice is looked at where it is.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_sse.h"
#include "ngx_llm_scan.h"


static ngx_inline ngx_uint_t ngx_llm_sse_special(const u_char *p,
    const u_char *last);
static ngx_inline const u_char *ngx_llm_sse_line_end(const u_char *p,
    const u_char *last);
static ngx_inline const u_char *ngx_llm_sse_line_end_portable(const u_char *p,
    const u_char *last);
static void ngx_llm_sse_keep(ngx_llm_sse_t *s, const u_char *p,
    const u_char *last);
static ngx_inline void ngx_llm_sse_line(ngx_llm_sse_t *s, const u_char *p,
    const u_char *last);


#if (NGX_HAVE_LITTLE_ENDIAN)
#define ngx_llm_sse_word(a, b, c, d)                                          \
    ((uint32_t) (a) | (uint32_t) (b) << 8 | (uint32_t) (c) << 16              \
     | (uint32_t) (d) << 24)
#else
#define ngx_llm_sse_word(a, b, c, d)                                          \
    ((uint32_t) (d) | (uint32_t) (c) << 8 | (uint32_t) (b) << 16              \
     | (uint32_t) (a) << 24)
#endif


void
ngx_llm_sse_init(ngx_llm_sse_t *s)
{
    ngx_memzero(s, sizeof(ngx_llm_sse_t));
}


ngx_int_t
ngx_llm_sse_next(ngx_llm_sse_t *s, const u_char *p, const u_char *last,
    const u_char **end)
{
    ngx_uint_t     empty;
    const u_char  *eol;

    if (s->cr && p < last) {
        s->cr = 0;
        p += (*p == '\n');
    }

    for ( ;; ) {
        eol = ngx_llm_sse_line_end(p, last);

        if (eol == last) {
            ngx_llm_sse_keep(s, p, last);
            *end = last;

            return NGX_AGAIN;
        }

        empty = 0;

        if (s->len) {
            ngx_llm_sse_keep(s, p, eol);
            ngx_llm_sse_line(s, s->head, s->head + s->len);
            s->len = 0;

        } else if (p < eol) {
            ngx_llm_sse_line(s, p, eol);

        } else {
            empty = 1;
        }

        p = eol + 1;

        if (*eol == '\r') {
            s->cr = (p == last);
            p += (p < last && *p == '\n');
        }

        if (empty) {
            break;
        }
    }

    s->data = (s->lines != 0);
    s->done = (s->lines == 1 && s->matched_done);
    s->lines = 0;
    *end = p;

    return NGX_OK;
}


ngx_uint_t
ngx_llm_sse_plain(ngx_llm_sse_t *s, const u_char *p, const u_char *last)
{
    uint32_t  head, more, tail;

    if (last - p < 32 || s->cr || s->len || s->lines || !s->started) {
        return 0;
    }

    ngx_memcpy(&head, p, 4);
    ngx_memcpy(&more, p + 3, 4);
    ngx_memcpy(&tail, last - 4, 4);

    if (head != ngx_llm_sse_word('d', 'a', 't', 'a')
        || more != ngx_llm_sse_word('a', ':', ' ', '{')
        || (tail | ngx_llm_sse_word(0xff, 0, 0, 0))
           != ngx_llm_sse_word(0xff, '}', '\n', '\n')
        || ngx_llm_sse_special(p, last - 2))
    {
        return 0;
    }

    s->data = 1;
    s->done = 0;

    return 1;
}


/* is there a line end, or a quote with a "u" behind it?  n is 16 or more */

static ngx_inline ngx_uint_t
ngx_llm_sse_special(const u_char *p, const u_char *last)
{
#if (NGX_LLM_SSE2)

    __m128i        u, low, found;
    const u_char  *stop;

    const __m128i  cr = ngx_llm_sse2_fill('\r');
    const __m128i  pair = _mm_set1_epi16('"' | ('u' << 8));

    /* the last byte has none behind it; what is before last - 17 is enough */

    stop = last - 17;
    low = ngx_llm_sse2_load(stop + 1);
    found = _mm_setzero_si128();

#define ngx_llm_sse_block(at)                                                 \
    u = ngx_llm_sse2_load(at);                                                \
    low = _mm_min_epu8(low, u);                                               \
    found = _mm_or_si128(found, _mm_cmpeq_epi16(u, pair));                    \
    found = _mm_or_si128(found,                                               \
                         _mm_cmpeq_epi16(ngx_llm_sse2_load((at) + 1), pair))

    for ( /* void */ ; stop - p >= 48; p += 64) {
        ngx_llm_sse_block(p);
        ngx_llm_sse_block(p + 16);
        ngx_llm_sse_block(p + 32);
        ngx_llm_sse_block(p + 48);
    }

    for ( /* void */ ; p < stop; p += 16) {
        ngx_llm_sse_block(p);
    }

    ngx_llm_sse_block(stop);

#undef ngx_llm_sse_block

    found = _mm_or_si128(found, _mm_cmpeq_epi8(_mm_min_epu8(low, cr), low));

    return _mm_movemask_epi8(found) != 0;

#else

    for ( /* void */ ; p < last; p++) {
        if (*p <= '\r' || (*p == '"' && last - p > 1 && p[1] == 'u')) {
            return 1;
        }
    }

    return 0;

#endif
}


/* the first LF or CR, or last */

static ngx_inline const u_char *
ngx_llm_sse_line_end(const u_char *p, const u_char *last)
{
#if (NGX_LLM_SSE2)

    __m128i        u, v;
    uint32_t       mask;
    const u_char  *stop;

    const __m128i  cr = ngx_llm_sse2_fill('\r');
    const __m128i  lf = ngx_llm_sse2_fill('\n');

    if (p < last && *p == '\n') {
        return p;
    }

    if (last - p < 16) {
        return ngx_llm_sse_line_end_portable(p, last);
    }

    stop = last - 16;

    /* a line end is a byte up to CR, and there are few of these */

    while (stop - p >= 48) {
        u = _mm_min_epu8(ngx_llm_sse2_load(p), ngx_llm_sse2_load(p + 16));
        v = _mm_min_epu8(ngx_llm_sse2_load(p + 32), ngx_llm_sse2_load(p + 48));
        u = _mm_min_epu8(u, v);

        if (_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(u, cr), u))) {
            break;
        }

        p += 64;
    }

    while (p < stop) {
        u = ngx_llm_sse2_load(p);
        mask = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(u, cr),
                                              _mm_cmpeq_epi8(u, lf)));

        if (mask) {
            return p + ngx_llm_sse2_first(mask);
        }

        p += 16;
    }

    /* the last 16 bytes again, without those that were seen */

    u = ngx_llm_sse2_load(stop);
    mask = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(u, cr),
                                          _mm_cmpeq_epi8(u, lf)));
    mask >>= p - stop;

    return mask ? p + ngx_llm_sse2_first(mask) : last;

#else

    return ngx_llm_sse_line_end_portable(p, last);

#endif
}


static ngx_inline const u_char *
ngx_llm_sse_line_end_portable(const u_char *p, const u_char *last)
{
    while (p < last && *p != '\n' && *p != '\r') {
        p++;
    }

    return p;
}


static void
ngx_llm_sse_keep(ngx_llm_sse_t *s, const u_char *p, const u_char *last)
{
    size_t  n;

    n = ngx_min((size_t) (last - p), sizeof(s->head) - s->len);

    if (n) {
        ngx_memcpy(s->head + s->len, p, n);
        s->len += n;
    }
}


/* a line that is not empty; a longer one than s->head was cut to its size */

static ngx_inline void
ngx_llm_sse_line(ngx_llm_sse_t *s, const u_char *p, const u_char *last)
{
    if (!s->started) {
        s->started = 1;

        if (last - p >= 3 && ngx_memcmp(p, "\xef\xbb\xbf", 3) == 0) {
            p += 3;
        }
    }

    if (last - p < 4
        || memcmp(p, "data", 4) != 0
        || (last - p > 4 && p[4] != ':'))
    {
        return;
    }

    if (s->lines < 2) {
        s->lines++;
    }

    s->matched_done = 0;

    if (last - p < 11 || last - p > 12) {
        return;
    }

    p += (p[5] == ' ') ? 6 : 5;

    s->matched_done = (last - p == 6 && memcmp(p, "[DONE]", 6) == 0);
}
