
/*
 * The shared memory zone: what lives in it, where, and how much of it.
 */


#ifndef _NGX_LLM_ZONE_H_INCLUDED_
#define _NGX_LLM_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_limits.h"
#include "ngx_llm_nodes.h"
#include "ngx_llm_models.h"
#include "ngx_llm_keys.h"
#include "ngx_llm_queue.h"
#include "ngx_llm_breaker.h"
#include "ngx_llm_sessions.h"


#define NGX_LLM_ZONE_MAGIC    0x6e67785f6c6c6d00ULL
#define NGX_LLM_ZONE_VERSION  4

#define NGX_LLM_ZONE_MIN      (1024 * 1024)

/* places that have a limit of their own: http, servers, locations */
#define NGX_LLM_ZONE_GROUPS   64


/* one worker does what needs one only */

typedef struct {
    ngx_atomic_t        pid;
    ngx_atomic_t        until;      /* ms */
} ngx_llm_lease_t;


typedef struct {
    ngx_atomic_t        requests;   /* answered, in any way */
    ngx_atomic_t        errors;     /* of them with an error of our own */
    ngx_atomic_t        cancelled;  /* of them left by their client */
    ngx_atomic_t        failovers;
    ngx_atomic_t        queued;
    ngx_atomic_t        prompt_tokens;
    ngx_atomic_t        completion_tokens;
} ngx_llm_totals_t;


/* why the snapshot is not what it should be; until the next (re)load */

typedef enum {
    NGX_LLM_SAVED_WELL = 0,
    NGX_LLM_SAVED_ASIDE,            /* it was broken, and was set aside */
    NGX_LLM_SAVED_SKIPPED,          /* rows were; a copy was set aside */
    NGX_LLM_SAVED_REFUSED           /* it is not ours: no read, no write */
} ngx_llm_saved_e;


/* the snapshot, see ngx_llm_load.h and ngx_llm_save.h */

typedef struct {
    ngx_atomic_t        changed;    /* changes so far */
    ngx_atomic_t        saved;      /* of them, in the file */
    ngx_atomic_t        failed;     /* errno of the last write, 0: well */
    ngx_atomic_t        totals;     /* the sum of totals in the file */
    ngx_atomic_t        when;       /* of the last write, s since 1970 */
    ngx_atomic_t        epoch;      /* of this zone's start */
    ngx_atomic_t        state;      /* ngx_llm_saved_e */
    ngx_atomic_t        aside;      /* s since 1970, ends that name; or 0 */
} ngx_llm_saved_t;

#define ngx_llm_zone_changed(zone)                                            \
    (void) ngx_atomic_fetch_add(&(zone)->saved.changed, 1)


typedef struct {
    uint64_t            magic;
    ngx_uint_t          version;
    ngx_slab_pool_t    *shpool;
    ngx_llm_limits_t   *limits;
    ngx_llm_nodes_t    *nodes;
    ngx_llm_models_t   *models;
    ngx_llm_keys_t     *keys;
    ngx_llm_queue_t    *queue;
    ngx_llm_sessions_t *sessions;
    ngx_llm_budget_t    budget;
    ngx_llm_lease_t     probe;
    ngx_llm_lease_t     save;
    ngx_llm_saved_t     saved;
    ngx_llm_totals_t    totals;
} ngx_llm_zone_t;


/* the counters of the limits: groups, then nodes, then keys */

#define ngx_llm_group_in_flight(zone, i)  (i)
#define ngx_llm_node_in_flight(zone, i)   (NGX_LLM_ZONE_GROUPS + 2 * (i))
#define ngx_llm_node_waiting(zone, i)     (NGX_LLM_ZONE_GROUPS + 2 * (i) + 1)
#define ngx_llm_key_in_flight(zone, i)                                        \
    (NGX_LLM_ZONE_GROUPS + 2 * (zone)->nodes->max + (i))


/*
 * Has all come near that a request reads and writes of key i: one of very many
 * is in no cache.  ledger is the worker's.  No lock.
 */
#define ngx_llm_zone_key_near(zone, ledger, i)                                \
    do {                                                                      \
        ngx_llm_keys_near((zone)->keys, i);                                   \
        ngx_llm_limits_near((zone)->limits, ledger,                           \
                            ngx_llm_key_in_flight(zone, i));                  \
    } while (0)


/*
 * What a zone of this size holds.  The tables and the ledgers of 16 workers
 * take less than two thirds of it: the rest is for lists of models and the
 * indexes made of them, of which there are several for 2 s after changes.
 */
#define NGX_LLM_ZONE_NODE         8192
#define NGX_LLM_ZONE_KEY          2560

#define ngx_llm_zone_nodes(size)  ((size) / NGX_LLM_ZONE_NODE)
#define ngx_llm_zone_keys(size)   ((size) / NGX_LLM_ZONE_KEY)
#define ngx_llm_zone_queue(size)  ngx_min((size) / 8192, 16384)


/*
 * Makes everything in a new zone.  NULL: it is too small.
 */
ngx_llm_zone_t *ngx_llm_zone_create(ngx_slab_pool_t *shpool, size_t size);

/* Is this a zone of ours that this build can use? */
ngx_uint_t ngx_llm_zone_known(ngx_llm_zone_t *zone);

/*
 * For ngx_llm_nodes_set_locked(): data is the zone.  May this place, which a
 * node left, be used again?  When nothing is in flight at it, and the index
 * no longer names it.
 */
ngx_uint_t ngx_llm_zone_node_idle(void *data, uint32_t i);

/*
 * Takes or keeps a lease for ms milliseconds.  Returns 1 when this process
 * has it.  dead() says whether another holder is gone.
 */
ngx_uint_t ngx_llm_zone_lease(ngx_llm_lease_t *lease, ngx_pid_t pid,
    ngx_msec_t ms, ngx_uint_t (*dead)(ngx_pid_t pid));


#endif /* _NGX_LLM_ZONE_H_INCLUDED_ */
