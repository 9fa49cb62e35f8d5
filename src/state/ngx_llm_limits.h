
/*
 * Counts of what is under way, exact over all workers and through any death.
 *
 * A counter is an index into one array of shared words.  Each worker keeps a
 * ledger beside it: how much of each counter is its own, written by itself
 * only.  An acquire adds to the ledger first and to the counter then, a
 * release the other way round, so that at any moment
 *
 *     the sum of all ledgers >= the counter,
 *
 * and they differ only inside the few instructions of an operation, while the
 * ledger's sequence is odd.  What a worker that died still held is therefore
 * the counter less the ledgers of the living, whatever instruction it died
 * at: ngx_llm_limits_reclaim() takes exactly that back.
 */


#ifndef _NGX_LLM_LIMITS_H_INCLUDED_
#define _NGX_LLM_LIMITS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_prefetch.h"


/* the limit that is none */
#define NGX_LLM_UNLIMITED  0


typedef struct {
    ngx_atomic_t        pid;        /* 0: nobody's */
    ngx_atomic_t        sequence;   /* odd inside an operation */
    uint32_t            own[1];     /* how much of each counter */
} ngx_llm_ledger_t;


typedef struct {
    ngx_uint_t          n;          /* counters */
    ngx_atomic_t       *count;
    ngx_uint_t          slots;      /* ledgers looked at: up to this slot */
    ngx_llm_ledger_t  **ledgers;    /* by process slot; NULL: never used */
} ngx_llm_limits_t;


/*
 * Makes n counters, all 0, in a new zone.  NULL: the zone is full.
 */
ngx_llm_limits_t *ngx_llm_limits_create(ngx_slab_pool_t *shpool,
    ngx_uint_t n);

/*
 * Opens the ledger of the process in this slot and takes back what its
 * predecessor left.  A full zone gives the ledger of a slot that nobody is in.
 * Takes the zone's mutex.  NULL: there is none, or the predecessor's holdings
 * could not be told apart yet, as while another one that died with it is to be
 * reclaimed (do so, and try again).
 */
ngx_llm_ledger_t *ngx_llm_limits_open(ngx_llm_limits_t *limits,
    ngx_slab_pool_t *shpool, ngx_uint_t slot, ngx_pid_t pid);

/*
 * The process ends.  What it still holds, as a worker does that is told to
 * end at once, is taken back like that of one which died.
 */
void ngx_llm_limits_close(ngx_llm_limits_t *limits,
    ngx_llm_ledger_t *ledger);

/*
 * Takes back what processes that are gone still hold.  Takes the zone's
 * mutex.  dead() says whether a process is gone.  Calls forget() for each of
 * them, under the mutex, so that no successor is in the slot yet.  Returns how
 * many were taken back; NGX_AGAIN when the living did not stand still long
 * enough: try later, nothing is lost.
 */
ngx_int_t ngx_llm_limits_reclaim(ngx_llm_limits_t *limits,
    ngx_slab_pool_t *shpool, ngx_uint_t (*dead)(ngx_pid_t pid),
    void (*forget)(void *data, ngx_uint_t slot), void *data);

/*
 * Adds one to counter i if that leaves it at max or below (NGX_LLM_UNLIMITED:
 * always).  Returns 1, or 0 when it was full.  No lock, may not block.
 */
ngx_uint_t ngx_llm_limits_acquire(ngx_llm_limits_t *limits,
    ngx_llm_ledger_t *ledger, ngx_uint_t i, ngx_uint_t max);

/* Gives one back that this ledger acquired. */
void ngx_llm_limits_release(ngx_llm_limits_t *limits,
    ngx_llm_ledger_t *ledger, ngx_uint_t i);


/* The sum of n counters from the first on. */
uint64_t ngx_llm_limits_sum(ngx_llm_limits_t *limits, ngx_uint_t first,
    ngx_uint_t n);


#define ngx_llm_limits_count(limits, i)  ((limits)->count[i])

/* Has counter i come near, which will be acquired or released soon. */
#define ngx_llm_limits_near(limits, ledger, i)                                \
    do {                                                                      \
        ngx_llm_prefetch(&(limits)->count[i]);                                \
        ngx_llm_prefetch(&(ledger)->own[i]);                                  \
    } while (0)


#endif /* _NGX_LLM_LIMITS_H_INCLUDED_ */
