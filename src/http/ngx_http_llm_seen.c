
#include "ngx_llm_prefetch.h"
#include "ngx_llm_siphash.h"
#include "ngx_http_llm_seen.h"


/* two secrets share a processor's line: either may stand in either place */
#define NGX_HTTP_LLM_SEEN_PAIR  2

/* 8 MB, for 100,000 keys and more */
#define NGX_HTTP_LLM_SEEN_MAX   (256 * 1024)


ngx_int_t
ngx_http_llm_seen_create(ngx_uint_t keys, ngx_log_t *log)
{
    void        *p;
    ngx_uint_t   n;

    for (n = 256; n < 2 * keys && n < NGX_HTTP_LLM_SEEN_MAX; n <<= 1) {
        /* void */
    }

    /* pages that nobody touched are none */

    p = mmap(NULL, n * sizeof(ngx_http_llm_seen_t), PROT_READ|PROT_WRITE,
             MAP_PRIVATE|MAP_ANON, -1, 0);

    if (p == MAP_FAILED) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "mmap() failed");
        return NGX_ERROR;
    }

    ngx_http_llm_worker.seen = p;
    ngx_http_llm_worker.seen_mask = n - NGX_HTTP_LLM_SEEN_PAIR;

    return NGX_OK;
}


void
ngx_http_llm_seen_tag(const ngx_str_t *secret, uint64_t tag[2])
{
    ngx_http_llm_worker_t  *w;

    w = &ngx_http_llm_worker;

    ngx_llm_siphash(w->hash_key, secret->data, secret->len, tag);

    ngx_llm_prefetch(&w->seen[tag[0] & w->seen_mask]);
}


uint32_t
ngx_http_llm_seen_find(const uint64_t tag[2], ngx_atomic_uint_t *generation)
{
    ngx_uint_t            i;
    ngx_http_llm_seen_t  *seen;

    seen = &ngx_http_llm_worker.seen[tag[0] & ngx_http_llm_worker.seen_mask];

    for (i = 0; i < NGX_HTTP_LLM_SEEN_PAIR; i++) {

        if (((seen[i].tag[0] ^ tag[0]) | (seen[i].tag[1] ^ tag[1])) == 0) {
            *generation = seen[i].generation;
            return seen[i].key;
        }
    }

    return NGX_LLM_KEY_NONE;
}


void
ngx_http_llm_seen_add(const uint64_t tag[2], uint32_t key,
    ngx_atomic_uint_t generation)
{
    ngx_http_llm_seen_t  *seen;

    seen = &ngx_http_llm_worker.seen[tag[0] & ngx_http_llm_worker.seen_mask];

    /* its own place, the free one, or either */

    if (seen[0].generation && seen[0].tag[0] != tag[0]
        && (seen[1].generation == 0 || seen[1].tag[0] == tag[0]
            || (tag[1] & 1)))
    {
        seen++;
    }

    seen->tag[0] = tag[0];
    seen->tag[1] = tag[1];
    seen->generation = generation;
    seen->key = key;
}
