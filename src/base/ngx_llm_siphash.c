
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_siphash.h"


#define ngx_llm_rotl(x, b)  (((x) << (b)) | ((x) >> (64 - (b))))

static ngx_inline void ngx_llm_sip_round(uint64_t v[4]);
static ngx_inline uint64_t ngx_llm_sip_word(const u_char *p, size_t n);


void
ngx_llm_siphash(const uint64_t key[2], const u_char *p, size_t n,
    uint64_t hash[2])
{
    size_t      left;
    uint64_t    v[4], m;
    ngx_uint_t  i;

    v[0] = key[0] ^ 0x736f6d6570736575ULL;
    v[1] = key[1] ^ 0x646f72616e646f6dULL ^ 0xee;
    v[2] = key[0] ^ 0x6c7967656e657261ULL;
    v[3] = key[1] ^ 0x7465646279746573ULL;

    for (left = n; left >= 8; left -= 8, p += 8) {
        m = ngx_llm_sip_word(p, 8);

        v[3] ^= m;
        ngx_llm_sip_round(v);
        v[0] ^= m;
    }

    if (left && n >= 8) {

        /* the last eight bytes hold the rest, behind some that went in */

        m = ngx_llm_sip_word(p + left - 8, 8) >> (64 - 8 * left);

    } else {
        m = ngx_llm_sip_word(p, left);
    }

    m |= (uint64_t) n << 56;

    v[3] ^= m;
    ngx_llm_sip_round(v);
    v[0] ^= m;

    v[2] ^= 0xee;

    for (i = 0; i < 3; i++) {
        ngx_llm_sip_round(v);
    }

    hash[0] = v[0] ^ v[1] ^ v[2] ^ v[3];

    v[1] ^= 0xdd;

    for (i = 0; i < 3; i++) {
        ngx_llm_sip_round(v);
    }

    hash[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}


static ngx_inline void
ngx_llm_sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = ngx_llm_rotl(v[1], 13) ^ v[0];
    v[0] = ngx_llm_rotl(v[0], 32);

    v[2] += v[3];
    v[3] = ngx_llm_rotl(v[3], 16) ^ v[2];

    v[0] += v[3];
    v[3] = ngx_llm_rotl(v[3], 21) ^ v[0];

    v[2] += v[1];
    v[1] = ngx_llm_rotl(v[1], 17) ^ v[2];
    v[2] = ngx_llm_rotl(v[2], 32);
}


/* up to 8 bytes, the first one lowest */

static ngx_inline uint64_t
ngx_llm_sip_word(const u_char *p, size_t n)
{
    size_t    i;
    uint64_t  m;

#if (NGX_HAVE_LITTLE_ENDIAN)

    if (n == 8) {
        ngx_memcpy(&m, p, 8);
        return m;
    }

#endif

    m = 0;

    for (i = 0; i < n; i++) {
        m |= (uint64_t) p[i] << (8 * i);
    }

    return m;
}
