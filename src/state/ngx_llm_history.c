
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_history.h"


/* intents of 64 workers, and the slab's own */
#define NGX_LLM_HISTORY_WORKERS  64


ngx_uint_t
ngx_llm_history_records(ngx_uint_t size, size_t bodies)
{
    ngx_uint_t  most;

    most = NGX_LLM_HISTORY_BYTES / ngx_llm_ring_stride(2 * bodies);

    size = ngx_min(size, NGX_LLM_HISTORY_RING);

    return ngx_min(size, most);
}


size_t
ngx_llm_history_size(ngx_uint_t records, size_t bodies)
{
    size_t  size;

    size = (records + NGX_LLM_HISTORY_WORKERS)
           * ngx_llm_ring_stride(2 * bodies)
           + sizeof(ngx_llm_stats_t) + sizeof(ngx_llm_ring_t);

    /* a page of each allocation, and a table entry of each page */

    size += (NGX_LLM_HISTORY_WORKERS + 16) * ngx_pagesize + size / 64;

    return ngx_align(size, ngx_pagesize);
}


ngx_llm_history_t *
ngx_llm_history_create(ngx_slab_pool_t *shpool, ngx_uint_t records,
    size_t bodies, uint64_t id)
{
    ngx_llm_history_t  *history;

    history = ngx_slab_calloc(shpool, sizeof(ngx_llm_history_t));
    if (history == NULL) {
        return NULL;
    }

    history->version = NGX_LLM_HISTORY_VERSION;
    history->shpool = shpool;
    history->started = ngx_time();
    history->redis.flushed = 1;

    history->ring = ngx_llm_ring_create(shpool, records, 2 * bodies, id);
    if (history->ring == NULL) {
        return NULL;
    }

    history->stats = ngx_llm_stats_create(shpool);
    if (history->stats == NULL) {
        return NULL;
    }

    ngx_memory_barrier();

    history->magic = NGX_LLM_HISTORY_MAGIC;

    return history;
}


ngx_uint_t
ngx_llm_history_known(ngx_llm_history_t *history)
{
    return history
           && history->magic == NGX_LLM_HISTORY_MAGIC
           && history->version == NGX_LLM_HISTORY_VERSION;
}
