
/*
 * API keys, found by the SHA-256 of the clear key, which is kept nowhere.
 *
 * A place is
 *
 *     free       nobody's
 *     used       of a key: valid, or revoked
 *     leaving    its key was removed; nobody finds it any more, but requests
 *                under way may still hold the place: it is used again when
 *                nothing is in flight and NGX_LLM_KEY_REST ms went by
 *
 * and its next owner has another generation, by which a request sees that the
 * place it remembers is another key's.  When all places are taken, those of
 * keys that left nginx.conf are used again, too.
 *
 * Who writes: everything under the zone's mutex, by a journal, as nodes do.
 * Readers take no lock.  What is said of a key is copied between two equal,
 * even versions of its own, or from the journal while it is odd.  A place
 * gets its generation before its key and is valid at last, so that a look-up
 * finds the right key or none; one that finds none looks again when the
 * table's version moved.
 * How much of a key is in flight stands in the limits.
 */


#ifndef _NGX_LLM_KEYS_H_INCLUDED_
#define _NGX_LLM_KEYS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_chain.h"


#define NGX_LLM_KEY_HASH     32
#define NGX_LLM_KEY_NAME     64
#define NGX_LLM_KEY_MODELS   512
#define NGX_LLM_KEY_PREFIX   16

#define NGX_LLM_KEY_NONE     ((uint32_t) -1)

/* ms that no place is used again for */
#define NGX_LLM_KEY_REST     10000


typedef enum {
    NGX_LLM_KEY_FREE = 0,
    NGX_LLM_KEY_USED,
    NGX_LLM_KEY_LEAVING
} ngx_llm_key_use_e;


/* what a key may do, bits */

#define NGX_LLM_SCOPE_INFERENCE     0x01    /* /v1 */
#define NGX_LLM_SCOPE_NODE          0x02    /* to announce itself as a node */
#define NGX_LLM_SCOPE_ADMIN         0x04    /* the admin API */
#define NGX_LLM_SCOPE_APPROVE       0x08    /* its nodes need no approval */


/* what is said of a key; texts end with a zero byte */

typedef struct {
    u_char              hash[NGX_LLM_KEY_HASH];
    u_char              name[NGX_LLM_KEY_NAME];
    u_char              prefix[NGX_LLM_KEY_PREFIX]; /* to know it by, or "" */
    u_char              models[NGX_LLM_KEY_MODELS]; /* "a,b*", "" any */
    uint64_t            rpm;                        /* 0: no limit */
    uint64_t            tpm;
    ngx_uint_t          max_concurrent;             /* 0: no limit */
    time_t              expires;                    /* 0: never */
    ngx_int_t           priority;                   /* more is sooner */
    uint64_t            id;                         /* never 0, its own */
    time_t              created;
    unsigned            scopes:8;                   /* never 0 */
    unsigned            is_static:1;                /* of nginx.conf */
} ngx_llm_key_conf_t;


typedef struct {
    ngx_atomic_t        valid;      /* 0: free, revoked or removed */
    ngx_atomic_t        generation; /* of this place's owner, never 0 */
    ngx_atomic_t        version;    /* of conf */
    ngx_atomic_t        use;
    ngx_atomic_t        since;      /* ms, when it was revoked or removed */
    ngx_atomic_t        requests_due;   /* see ngx_llm_rate.h, us */
    ngx_atomic_t        tokens_due;
    ngx_atomic_t        served;     /* when the queue last served it */
    ngx_atomic_t        requests;
    ngx_atomic_t        prompt_tokens;
    ngx_atomic_t        completion_tokens;
    ngx_atomic_t        last_used;  /* seconds since 1970 */
    ngx_llm_key_conf_t  conf;
} ngx_llm_key_t;


/* a change that is under way */

typedef enum {
    NGX_LLM_KEY_REDO_NONE = 0,
    NGX_LLM_KEY_REDO_SET,           /* a new owner of the place */
    NGX_LLM_KEY_REDO_CHANGE,        /* other words on its owner */
    NGX_LLM_KEY_REDO_REMOVE
} ngx_llm_key_redo_e;


typedef struct {
    ngx_atomic_t        op;         /* the word that commits it */
    uint32_t            i;
    ngx_atomic_uint_t   generation; /* set: of the new owner */
    ngx_msec_t          since;      /* remove */
    ngx_llm_key_conf_t  conf;       /* set, change */
} ngx_llm_key_redo_t;


typedef struct {
    ngx_uint_t          max;
    ngx_atomic_t        version;    /* of the chains; odd: being changed */
    uint32_t            used;       /* places used so far: 0 .. used - 1 */
    uint32_t            cursor;     /* where to look for one to use again */
    ngx_atomic_t       *in_flight;  /* by place, of the limits; or NULL */
    uint64_t           *id;         /* by place, 0: nobody's or removed */
    ngx_llm_chain_t     hashes;     /* of used places, revoked ones too */
    ngx_llm_chain_t     ids;
    ngx_llm_key_redo_t  redo;
    ngx_llm_key_t      *key;
} ngx_llm_keys_t;


/* Makes a table of max keys.  NULL: the zone is full. */
ngx_llm_keys_t *ngx_llm_keys_create(ngx_slab_pool_t *shpool, ngx_uint_t max);

/*
 * Adds a key, or changes the one of this hash, which is valid then; its
 * totals, its id and created are kept.  The mutex is held.
 * Returns its place, NGX_LLM_KEY_NONE when the table is full.
 */
uint32_t ngx_llm_keys_set_locked(ngx_llm_keys_t *keys,
    const ngx_llm_key_conf_t *conf);

/*
 * The key passes no more, in any worker, from the next look-up on.  Its place
 * is kept for its hash, so that its counts return to it.  The mutex is held.
 */
void ngx_llm_keys_revoke_locked(ngx_llm_keys_t *keys, uint32_t i);

/*
 * The key is gone for good: its place is used again, with another generation,
 * when nothing of it is in flight and not before NGX_LLM_KEY_REST ms.  The
 * mutex is held.
 */
void ngx_llm_keys_remove_locked(ngx_llm_keys_t *keys, uint32_t i,
    ngx_msec_t now);

/*
 * The key of this id, revoked ones too, or NGX_LLM_KEY_NONE.  No lock; who
 * has none compares the id with that of the copy he reads.
 */
uint32_t ngx_llm_keys_find_id(ngx_llm_keys_t *keys, uint64_t id);

/*
 * Copies what is said of key i, revoked or not.  No lock.  NGX_DECLINED:
 * nobody is there.
 */
ngx_int_t ngx_llm_keys_read(ngx_llm_keys_t *keys, uint32_t i,
    ngx_llm_key_conf_t *conf);

/* As those of nodes. */
void ngx_llm_keys_recover_locked(ngx_llm_keys_t *keys);

#define ngx_llm_keys_torn(keys)                                               \
    ((keys)->redo.op != NGX_LLM_KEY_REDO_NONE)

/*
 * The valid key of this hash, expired or not; NGX_LLM_KEY_NONE when there is
 * none.  *generation is that of its place, for ngx_llm_keys_holds().  No lock.
 */
uint32_t ngx_llm_keys_find(ngx_llm_keys_t *keys,
    const u_char hash[NGX_LLM_KEY_HASH], ngx_atomic_uint_t *generation);

/* Is what was found then still that key, and valid? */
#define ngx_llm_keys_holds(keys, i, gen)                                      \
    ((keys)->key[i].valid && (keys)->key[i].generation == (gen))

/* May the key at this place use this model?  No lock. */
ngx_uint_t ngx_llm_keys_allows(ngx_llm_keys_t *keys, uint32_t i,
    const ngx_str_t *model);


#endif /* _NGX_LLM_KEYS_H_INCLUDED_ */
