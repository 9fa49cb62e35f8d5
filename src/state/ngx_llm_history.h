
/*
 * The history's own shared memory zone: the ring of recent records, the
 * figures of 24 hours, and how far the records are in Redis.  A zone beside
 * the router's, as its size follows from llm_router_history, and the tables of
 * nodes and keys shall not be lost when that is changed.
 */


#ifndef _NGX_LLM_HISTORY_H_INCLUDED_
#define _NGX_LLM_HISTORY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_ring.h"
#include "ngx_llm_stats.h"
#include "ngx_llm_zone.h"


#define NGX_LLM_HISTORY_MAGIC    0x6e67785f6c6c6801ULL
#define NGX_LLM_HISTORY_VERSION  1

/* records that the ring holds at most, and what all of them may take */
#define NGX_LLM_HISTORY_RING     16384
#define NGX_LLM_HISTORY_BYTES    (64 * 1024 * 1024)


/* what goes on with Redis; written by who has the lease */

typedef struct {
    ngx_atomic_t        up;         /* it answers */
    ngx_atomic_t        flushed;    /* numbers below it are there, or lost */
    ngx_atomic_t        written;    /* records */
    ngx_atomic_t        dropped;    /* records the ring had to let go */
    ngx_atomic_t        since;      /* ms, when up changed */
    u_char              error[128]; /* why it is not up; ends with a zero */
} ngx_llm_flushed_t;

/* it does not answer; not so where nobody has asked it yet */
#define ngx_llm_flushed_away(redis)  (!(redis)->up && (redis)->error[0])


typedef struct {
    uint64_t            magic;
    ngx_uint_t          version;
    ngx_slab_pool_t    *shpool;
    time_t              started;    /* s since 1970 */
    ngx_llm_ring_t     *ring;
    ngx_llm_stats_t    *stats;
    ngx_llm_lease_t     lease;
    ngx_llm_flushed_t   redis;
} ngx_llm_history_t;


/* How many records the ring has for llm_router_history's size= and bodies=. */
ngx_uint_t ngx_llm_history_records(ngx_uint_t size, size_t bodies);

/* Bytes of a zone for so many. */
size_t ngx_llm_history_size(ngx_uint_t records, size_t bodies);

/*
 * Makes everything in a new zone; id is random.  NULL: it is too small.
 */
ngx_llm_history_t *ngx_llm_history_create(ngx_slab_pool_t *shpool,
    ngx_uint_t records, size_t bodies, uint64_t id);

/* Is this one of ours that this build can use? */
ngx_uint_t ngx_llm_history_known(ngx_llm_history_t *history);


#endif /* _NGX_LLM_HISTORY_H_INCLUDED_ */
