
/*
 * The queue of requests that must wait for a slot, over all workers.
 *
 * A waiter is one of
 *
 *     free      in the free list
 *     waiting   in the list, in the order of arrival; blocked on one reason
 *     called    the same, and its worker was told to try again
 *
 * and is written under the zone's mutex only.  It belongs to the worker that
 * entered it.  A slot that becomes free calls one waiter; a waiter that leaves,
 * for whatever reason, calls the next for what it was blocked on: so no call
 * is lost with a client that left or a worker that died, and one too many
 * costs a look only.
 *
 * Who is called: the highest priority first, then the key that was served
 * longest ago, then the one that came first.
 */


#ifndef _NGX_LLM_QUEUE_H_INCLUDED_
#define _NGX_LLM_QUEUE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_keys.h"


#define NGX_LLM_WAITER_NONE  ((uint32_t) -1)


typedef enum {
    NGX_LLM_WAIT_ROUTER = 0,    /* what: the group of the limit */
    NGX_LLM_WAIT_KEY,           /* what: the key's place */
    NGX_LLM_WAIT_MODEL          /* what: the hash of the model's name */
} ngx_llm_wait_e;


typedef struct {
    uint32_t            reason;
    uint32_t            what;
} ngx_llm_wait_t;


typedef struct {
    uint32_t            next;       /* + 1; 0: none */
    uint32_t            prev;
    uint32_t            state;
    uint32_t            slot;       /* the worker's */
    uint32_t            key;        /* or NGX_LLM_KEY_NONE */
    uint32_t            group;
    int32_t             priority;
    uint64_t            ticket;     /* order of arrival, from 1 */
    ngx_atomic_uint_t   turn;       /* its key's, before it was called */
    ngx_atomic_uint_t   given;      /* and since */
    ngx_llm_wait_t      wait;
} ngx_llm_waiter_t;


typedef struct {
    ngx_uint_t          max;
    ngx_atomic_t        n;          /* in the list */
    ngx_atomic_t        clock;      /* served so far, over all */
    ngx_atomic_t        anonymous;  /* when requests without key were */
    ngx_atomic_t        news;       /* see ngx_llm_queue_news() */
    uint64_t            tickets;
    ngx_uint_t          dirty;      /* somebody is, or died, inside the lock */
    ngx_msec_t          last_served;
    ngx_msec_t          gap;        /* between two served, smoothed, ms */
    uint32_t            first;
    uint32_t            last;
    uint32_t            free;
    ngx_slab_pool_t    *shpool;
    ngx_llm_keys_t     *keys;
    ngx_llm_waiter_t   *waiter;
} ngx_llm_queue_t;


/*
 * Tells a worker that one of its waiters was called; NULL: nobody is told.
 * It is each process's own: a module whose file was replaced before a reload
 * stands elsewhere in the workers of the old configuration.
 */
extern void (*ngx_llm_queue_notify)(ngx_uint_t slot);


/*
 * Says whether a request that waits could go on now: at a node that became
 * free, the model of this hash.  Called under the mutex, may not block.
 */
typedef ngx_uint_t (*ngx_llm_fits_pt)(void *data, uint32_t model);


/* Makes an empty queue of max waiters.  NULL: the zone is full. */
ngx_llm_queue_t *ngx_llm_queue_create(ngx_slab_pool_t *shpool,
    ngx_llm_keys_t *keys, ngx_uint_t max);

/*
 * Enters a waiter at the end.  limit is how many of its group may wait.
 * Takes the mutex.  NGX_LLM_WAITER_NONE: the queue is full.
 */
uint32_t ngx_llm_queue_enter(ngx_llm_queue_t *queue,
    const ngx_llm_waiter_t *waiter, ngx_uint_t limit);

/*
 * A called waiter found nothing: it waits on, in its place, for this, and its
 * key gets its turn back.  A call that came while it looked was not for it: it
 * must look again when ngx_llm_queue_news() is not what it was before.
 */
void ngx_llm_queue_again(ngx_llm_queue_t *queue, uint32_t i,
    const ngx_llm_wait_t *wait);

/* Takes a waiter out.  served: it got what it waited for. */
void ngx_llm_queue_leave(ngx_llm_queue_t *queue, uint32_t i,
    ngx_uint_t served);

/*
 * Calls the next waiter that this fits: waiters on a node's models when fits
 * is given, otherwise those on reason and what of wait.  The notice may reach
 * this very process, later.  No cost while nobody waits.
 */
void ngx_llm_queue_call(ngx_llm_queue_t *queue, const ngx_llm_wait_t *wait,
    ngx_llm_fits_pt fits, void *data);

/*
 * Something came free for good, and the call follows.  Not for what was taken
 * for a moment only: two that look would keep each other looking.
 */
#define ngx_llm_queue_tell(queue)                                             \
    if ((queue)->n) {                                                         \
        (void) ngx_atomic_fetch_add(&(queue)->news, 1);                       \
    }

#define ngx_llm_queue_news(queue)  ((queue)->news)

/* Does somebody wait already for what a newcomer would take? */
ngx_uint_t ngx_llm_queue_ahead(ngx_llm_queue_t *queue,
    const ngx_llm_wait_t *wait, ngx_llm_fits_pt fits, void *data);

/* Was this waiter called?  No lock. */
#define ngx_llm_queue_called(queue, i)                                        \
    ((queue)->waiter[i].state == NGX_LLM_WAITER_CALLED)

/* Drops the waiters of a worker that is gone.  The mutex is held. */
void ngx_llm_queue_forget_locked(ngx_llm_queue_t *queue, ngx_uint_t slot);

/* Seconds after which a client may try again, from the drain rate: 1 .. 60. */
ngx_uint_t ngx_llm_queue_retry_after(ngx_llm_queue_t *queue);


#define NGX_LLM_WAITER_FREE     0
#define NGX_LLM_WAITER_WAITING  1
#define NGX_LLM_WAITER_CALLED   2


#endif /* _NGX_LLM_QUEUE_H_INCLUDED_ */
