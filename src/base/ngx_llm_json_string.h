
/*
 * The strings of the JSON scanner: plain runs, escapes, UTF-8, and the copy
 * of a text that somebody waits for.  The search for the end of a short string
 * is inline: it costs a load, three comparisons and a count.
 */


#ifndef _NGX_LLM_JSON_STRING_H_INCLUDED_
#define _NGX_LLM_JSON_STRING_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_json_state.h"
#include "ngx_llm_scan.h"


/*
 * Goes through a string that is not plain or not whole; p is after its opening
 * quote, up to q it is plain.  Returns where to go on, last with s->state when
 * the slice ended, or NULL.
 */
const u_char *ngx_llm_json_string(ngx_llm_json_t *s, const u_char *p,
    const u_char *q, const u_char *last, ngx_uint_t key);

/* goes on with one that an earlier slice cut, by s->state */
const u_char *ngx_llm_json_string_resume(ngx_llm_json_t *s, const u_char *p,
    const u_char *last);

/*
 * The first byte from p on that is not plain content of a string, or last.
 * first is the slice's first byte.
 */
const u_char *ngx_llm_json_plain(const u_char *p, const u_char *first,
    const u_char *last);

/* the same for a text that nobody waits for: passes by short escapes too */
const u_char *ngx_llm_json_skip(const u_char *p, const u_char *first,
    const u_char *last);


#if (NGX_LLM_SSE2)

/* which of the 16 bytes at p are plain content of a string */

static ngx_inline uint32_t
ngx_llm_json_plain_mask(const u_char *p)
{
    __m128i  v, m;

    v = ngx_llm_sse2_load(p);

    /*
     * xor 2 swaps '"' and ' ', and keeps what is below it there; compared
     * as signed, bytes from 0x80 up are not greater than ' ' either
     */

    m = _mm_xor_si128(v, ngx_llm_sse2_fill(2));
    m = _mm_cmpgt_epi8(m, ngx_llm_sse2_fill(' '));
    v = _mm_cmpeq_epi8(v, ngx_llm_sse2_fill('\\'));

    return _mm_movemask_epi8(_mm_andnot_si128(v, m));
}


static ngx_inline uint64_t
ngx_llm_json_plain_mask64(const u_char *p)
{
    return (uint64_t) ngx_llm_json_plain_mask(p)
           | (uint64_t) ngx_llm_json_plain_mask(p + 16) << 16
           | (uint64_t) ngx_llm_json_plain_mask(p + 32) << 32
           | (uint64_t) ngx_llm_json_plain_mask(p + 48) << 48;
}

#endif


/*
 * The closing quote of a plain string of up to 15 bytes at p, or NULL.  Before
 * the stop sixteen bytes can be read.
 */

static ngx_inline const u_char *
ngx_llm_json_short(const u_char *p, const u_char *stop)
{
#if (NGX_LLM_SSE2)

    uint32_t  mask;

    if (p < stop) {
        mask = ngx_llm_json_plain_mask(p);

        if (mask != 0xffff) {
            p += ngx_llm_sse2_first(~mask);

            return (*p == '"') ? p : NULL;
        }
    }

#endif

    return NULL;
}


#endif /* _NGX_LLM_JSON_STRING_H_INCLUDED_ */
