
/*
 * What the parsers of this folder share: SSE2, AVX2, a search for two bytes.
 * SSE2 is used wherever the compiler has it, as always on x86-64, and AVX2
 * where the processor has it too, asked at run time, unless NGX_LLM_NO_SSE2
 * or NGX_LLM_NO_AVX2 is defined (unit tests do, to try the other code).
 */


#ifndef _NGX_LLM_SCAN_H_INCLUDED_
#define _NGX_LLM_SCAN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* what is seldom called stays out of the code that calls it */
#if (defined __GNUC__)
#define ngx_llm_noinline  __attribute__((noinline))
#else
#define ngx_llm_noinline
#endif


#if (defined __SSE2__ && defined __GNUC__ && !defined NGX_LLM_NO_SSE2)

#include <emmintrin.h>

#define NGX_LLM_SSE2  1

/* sixteen bytes at any address, and sixteen times the same byte */
#define ngx_llm_sse2_load(p)  _mm_loadu_si128((const __m128i *) (p))
#define ngx_llm_sse2_fill(c)  _mm_set1_epi8((char) (c))

/* the index of the lowest bit that is set; the mask must not be 0 */
#define ngx_llm_sse2_first(mask)  ((uint32_t) __builtin_ctz(mask))
#define ngx_llm_sse2_first64(mask)  ((uint32_t) __builtin_ctzll(mask))


#if (defined __x86_64__ && !defined NGX_LLM_NO_AVX2)

#include <immintrin.h>

#define NGX_LLM_AVX2  1

/* marks a function that uses it, and asks whether it may be called */
#define ngx_llm_avx2          __attribute__((target("avx2")))
#define ngx_llm_avx2_there()  __builtin_cpu_supports("avx2")

#define ngx_llm_avx2_load(p)  _mm256_loadu_si256((const __m256i *) (p))
#define ngx_llm_avx2_fill(c)  _mm256_set1_epi8((char) (c))

#else

#define NGX_LLM_AVX2  0

#endif


/* which of the 16 bytes at p are an a with a b behind it; reads 17 */

static ngx_inline __m128i
ngx_llm_sse2_pairs(const u_char *p, u_char a, u_char b)
{
    __m128i  u, v;

    u = _mm_cmpeq_epi8(ngx_llm_sse2_load(p), ngx_llm_sse2_fill(a));
    v = _mm_cmpeq_epi8(ngx_llm_sse2_load(p + 1), ngx_llm_sse2_fill(b));

    return _mm_and_si128(u, v);
}

#else

#define NGX_LLM_SSE2  0
#define NGX_LLM_AVX2  0

#endif


static ngx_inline const u_char *
ngx_llm_pair_portable(const u_char *p, const u_char *last, u_char a, u_char b)
{
    for ( /* void */ ; p < last; p++) {

        if (*p == a && (last - p == 1 || p[1] == b)) {
            break;
        }
    }

    return p;
}


/*
 * The first place in [p, last) where a needle that begins with the bytes a and
 * b may begin: both of them, or an a as the last byte.  Or last.
 */

static ngx_inline const u_char *
ngx_llm_pair(const u_char *p, const u_char *last, u_char a, u_char b)
{
#if (NGX_LLM_SSE2)

    __m128i        u, v;
    uint32_t       mask;
    const u_char  *stop;

    if (last - p < 17) {
        return ngx_llm_pair_portable(p, last, a, b);
    }

    stop = last - 17;

    while (stop - p >= 48) {
        u = _mm_or_si128(ngx_llm_sse2_pairs(p, a, b),
                         ngx_llm_sse2_pairs(p + 16, a, b));
        v = _mm_or_si128(ngx_llm_sse2_pairs(p + 32, a, b),
                         ngx_llm_sse2_pairs(p + 48, a, b));

        if (_mm_movemask_epi8(_mm_or_si128(u, v))) {
            break;
        }

        p += 64;
    }

    while (p < stop) {
        mask = _mm_movemask_epi8(ngx_llm_sse2_pairs(p, a, b));

        if (mask) {
            return p + ngx_llm_sse2_first(mask);
        }

        p += 16;
    }

    /* the last 16 pairs again, without those that were seen */

    mask = _mm_movemask_epi8(ngx_llm_sse2_pairs(stop, a, b)) >> (p - stop);

    if (mask) {
        return p + ngx_llm_sse2_first(mask);
    }

    return last - (last[-1] == a);

#else

    return ngx_llm_pair_portable(p, last, a, b);

#endif
}


#endif /* _NGX_LLM_SCAN_H_INCLUDED_ */
