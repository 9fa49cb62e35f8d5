
/*
 * Places of a table, found by a hash: a chain of places a bucket.
 *
 * A place is linked and unlinked by one word each, and either may be done
 * again: so a writer may be killed anywhere, and a reader without a lock
 * meets all others of the chain while one comes or goes.  It may lose its way
 * only at a place that went from one chain into another while it stood there,
 * which the table's version tells it.
 * Writers hold the zone's mutex.
 */


#ifndef _NGX_LLM_CHAIN_H_INCLUDED_
#define _NGX_LLM_CHAIN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* heads and links are a place + 1; 0: the end */

typedef struct {
    uint32_t            mask;       /* buckets - 1 */
    volatile uint32_t  *head;
    volatile uint32_t  *next;       /* by place */
} ngx_llm_chain_t;


#define ngx_llm_chain_first(chain, hash)                                      \
    ((chain)->head[(hash) & (chain)->mask])
#define ngx_llm_chain_next(chain, i)      ((chain)->next[i])


/* Chains for places below max.  NGX_ERROR: the zone is full. */

static ngx_inline ngx_int_t
ngx_llm_chain_create(ngx_llm_chain_t *chain, ngx_slab_pool_t *shpool,
    ngx_uint_t max)
{
    ngx_uint_t  n;

    for (n = 16; n < 2 * max; n <<= 1) { /* void */ }

    chain->mask = (uint32_t) (n - 1);

    chain->head = ngx_slab_calloc(shpool, n * sizeof(uint32_t));
    if (chain->head == NULL) {
        return NGX_ERROR;
    }

    chain->next = ngx_slab_calloc(shpool, max * sizeof(uint32_t));

    return chain->next ? NGX_OK : NGX_ERROR;
}


/* Takes place i out of the chain of this hash, if it is there. */

static ngx_inline void
ngx_llm_chain_unlink(ngx_llm_chain_t *chain, uint32_t hash, uint32_t i)
{
    volatile uint32_t  *p;

    p = &chain->head[hash & chain->mask];

    while (*p) {

        if (*p == i + 1) {

            /* its own link stays for who stands there */

            *p = chain->next[i];
            return;
        }

        p = &chain->next[*p - 1];
    }
}


/* Puts place i, which is in no other chain, in front, if it isn't there. */

static ngx_inline void
ngx_llm_chain_link(ngx_llm_chain_t *chain, uint32_t hash, uint32_t i)
{
    uint32_t            k;
    volatile uint32_t  *head;

    head = &chain->head[hash & chain->mask];

    for (k = *head; k; k = chain->next[k - 1]) {
        if (k == i + 1) {
            return;
        }
    }

    chain->next[i] = *head;

    ngx_memory_barrier();

    *head = i + 1;
}


#endif /* _NGX_LLM_CHAIN_H_INCLUDED_ */
