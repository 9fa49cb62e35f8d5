
/*
 * API keys, found by the SHA-256 of the clear key, which is kept nowhere.
 *
 * Entries are written under the zone's mutex, between two steps of the
 * table's version (odd: being written).  A reader takes no lock; one that
 * finds nothing while the version moved looks again.
 * How much of a key is in flight stands in the limits.
 */


#ifndef _NGX_LLM_KEYS_H_INCLUDED_
#define _NGX_LLM_KEYS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_LLM_KEY_HASH     32
#define NGX_LLM_KEY_NAME     64
#define NGX_LLM_KEY_MODELS   512

#define NGX_LLM_KEY_NONE     ((uint32_t) -1)


/* what is said of a key; texts end with a zero byte */

typedef struct {
    u_char              hash[NGX_LLM_KEY_HASH];
    u_char              name[NGX_LLM_KEY_NAME];
    u_char              models[NGX_LLM_KEY_MODELS]; /* "a,b*", "" any */
    uint64_t            rpm;                        /* 0: no limit */
    uint64_t            tpm;
    ngx_uint_t          max_concurrent;             /* 0: no limit */
    time_t              expires;                    /* 0: never */
    ngx_int_t           priority;                   /* more is sooner */
    unsigned            is_static:1;                /* of nginx.conf */
} ngx_llm_key_conf_t;


typedef struct {
    ngx_atomic_t        valid;      /* 0: free or revoked */
    ngx_atomic_t        requests_due;   /* see ngx_llm_rate.h, us */
    ngx_atomic_t        tokens_due;
    ngx_atomic_t        served;     /* when the queue last served it */
    ngx_atomic_t        requests;
    ngx_atomic_t        prompt_tokens;
    ngx_atomic_t        completion_tokens;
    ngx_atomic_t        last_used;  /* seconds since 1970 */
    ngx_llm_key_conf_t  conf;
} ngx_llm_key_t;


typedef struct {
    ngx_uint_t          max;
    ngx_atomic_t        version;
    uint32_t            used;       /* places used so far */
    uint32_t            nbuckets;   /* a power of two, over twice max */
    uint32_t           *buckets;    /* key + 1, open addressing */
    ngx_llm_key_t      *key;
} ngx_llm_keys_t;


/* Makes a table of max keys.  NULL: the zone is full. */
ngx_llm_keys_t *ngx_llm_keys_create(ngx_slab_pool_t *shpool, ngx_uint_t max);

/*
 * Adds a key, or changes the one of this hash; its totals are kept.  The
 * mutex is held.  Returns its place, NGX_LLM_KEY_NONE when the table is full.
 */
uint32_t ngx_llm_keys_set_locked(ngx_llm_keys_t *keys,
    const ngx_llm_key_conf_t *conf);

/*
 * The key passes no more, in any worker, from the next look-up on.  Its place
 * is kept for its hash, so that its counts return to it.
 */
void ngx_llm_keys_revoke_locked(ngx_llm_keys_t *keys, uint32_t i);

/*
 * The valid key of this hash, expired or not; NGX_LLM_KEY_NONE when there is
 * none.  No lock.
 */
uint32_t ngx_llm_keys_find(ngx_llm_keys_t *keys,
    const u_char hash[NGX_LLM_KEY_HASH]);

/* May this key use this model? */
ngx_uint_t ngx_llm_keys_allows(const ngx_llm_key_t *key,
    const ngx_str_t *model);


#endif /* _NGX_LLM_KEYS_H_INCLUDED_ */
