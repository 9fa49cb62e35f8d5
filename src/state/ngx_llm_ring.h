
/*
 * The recent history: a ring of records in shared memory, written by all
 * workers without a lock.
 *
 * A record's number is its place in all there were, from 1; it stands at
 * number % n, over the one that was there a lap before.  Each place has a mark:
 * the number of its record, who writes it, and whether he is still at it.  A
 * writer claims a place by a swap of its mark, and moves the head then; one
 * that finds the head behind a claimed place moves it on.  So a number below
 * the head was claimed, or was passed over because its place was still being
 * written by somebody who is a lap late: who reads can tell.
 *
 * A request must not be forgotten when its worker dies just after the last byte
 * was sent.  So its record is written before, to an intent, of which each
 * worker has one; once the request has ended, the record goes from there to
 * the ring.  An intent that is found when its worker is gone is carried out.
 */


#ifndef _NGX_LLM_RING_H_INCLUDED_
#define _NGX_LLM_RING_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_record.h"


#define NGX_LLM_RING_SLOTS  1024    /* workers: nginx's process slots */


typedef struct {
    ngx_atomic_t        mark;       /* 0: never used */
    ngx_llm_record_t    record;
} ngx_llm_ring_place_t;


typedef struct {
    ngx_atomic_t        pid;        /* 0: nobody's */
    ngx_atomic_t        state;      /* 0: none; 1: whole; else: its number,
                                       shifted, and 1: on its way there */
    ngx_llm_record_t    record;
} ngx_llm_intent_t;


typedef struct {
    ngx_slab_pool_t    *shpool;
    uint64_t            id;         /* random: of this ring's life */
    ngx_uint_t          n;          /* places */
    size_t              stride;     /* bytes of a place */
    size_t              room;       /* of them for texts */
    ngx_atomic_t        head;       /* the next number */
    ngx_uint_t          slots;      /* of intents: up to this one */
    ngx_llm_intent_t   *intents[NGX_LLM_RING_SLOTS];
    u_char             *places;
} ngx_llm_ring_t;


/* Bytes of a place with so many bytes of bodies. */
#define ngx_llm_ring_stride(bodies)                                           \
    ngx_align(sizeof(ngx_llm_ring_place_t) + (bodies), 64)

/*
 * Makes a ring of n places in a new zone.  NULL: it is too small.
 */
ngx_llm_ring_t *ngx_llm_ring_create(ngx_slab_pool_t *shpool, ngx_uint_t n,
    size_t bodies, uint64_t id);

/*
 * Opens the intent of the process in this slot, and carries out what its
 * predecessor left.  Takes the zone's mutex.  NULL: the zone is full.
 */
ngx_llm_intent_t *ngx_llm_ring_open(ngx_llm_ring_t *ring, ngx_uint_t slot,
    ngx_pid_t pid);

/* The process ends. */
void ngx_llm_ring_close(ngx_llm_intent_t *intent);

/*
 * Carries out what processes that are gone left.  Takes the zone's mutex, if
 * there are any.  Returns how many there were.
 */
ngx_uint_t ngx_llm_ring_reclaim(ngx_llm_ring_t *ring,
    ngx_uint_t (*dead)(ngx_pid_t pid));

/*
 * The intent's record is about to be written, and was.  In between it counts
 * for nothing, and what it was before is forgotten.
 */
static ngx_inline void ngx_llm_ring_begin(ngx_llm_intent_t *intent);
static ngx_inline void ngx_llm_ring_intend(ngx_llm_intent_t *intent);

/*
 * Puts the intent's record, which is whole, into the ring.  texts is the sum
 * of its lengths.  No lock.
 */
void ngx_llm_ring_append(ngx_llm_ring_t *ring, ngx_uint_t slot,
    ngx_llm_intent_t *intent, size_t texts);

/*
 * Copies the record of this number, all of its texts, to stride bytes at copy.
 * NGX_OK; NGX_AGAIN: it is being written; NGX_DECLINED: there is none, or no
 * more.
 */
ngx_int_t ngx_llm_ring_read(ngx_llm_ring_t *ring, uint64_t number,
    ngx_llm_record_t *copy);

/* The oldest number that may still be there, and the one after the last. */
#define ngx_llm_ring_head(ring)  ((ring)->head)
#define ngx_llm_ring_tail(ring)                                               \
    ((ring)->head > (ring)->n ? (ring)->head - (ring)->n : 1)

/* bytes that a copy needs */
#define ngx_llm_ring_copy_size(ring)  ((ring)->stride)


static ngx_inline void
ngx_llm_ring_begin(ngx_llm_intent_t *intent)
{
    intent->state = 0;
    ngx_memory_barrier();
}


static ngx_inline void
ngx_llm_ring_intend(ngx_llm_intent_t *intent)
{
    ngx_memory_barrier();
    intent->state = 1;
}


#endif /* _NGX_LLM_RING_H_INCLUDED_ */
