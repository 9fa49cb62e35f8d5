
/*
 * One key: what is said of it, and its figures.
 */


#ifndef _NGX_LLM_KEY_H_INCLUDED_
#define _NGX_LLM_KEY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


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
    uint64_t            rpm;                        /* 0: no limit */
    uint64_t            tpm;
    ngx_uint_t          max_concurrent;             /* 0: no limit */
    time_t              expires;                    /* 0: never */
    ngx_int_t           priority;                   /* more is sooner */
    uint64_t            id;                         /* never 0, its own */
    time_t              created;
    unsigned            scopes:8;                   /* never 0 */
    unsigned            is_static:1;                /* of nginx.conf */
    unsigned            revoked:1;                  /* and stays so */
    u_char              models[NGX_LLM_KEY_MODELS]; /* "a,b*", "" any */
    u_char              prefix[NGX_LLM_KEY_PREFIX]; /* to know it by, or "" */
} ngx_llm_key_conf_t;


/*
 * One of very many keys is in no cache, so that a request shall read few lines
 * of 64 bytes: what it counts, what it finds the key by, the name, and the
 * limits with the beginning of models.
 */

#define NGX_LLM_KEY_LINE   64
#define NGX_LLM_KEY_LINES  4        /* see ngx_llm_keys_near() */

typedef struct {
    ngx_atomic_t        use;
    ngx_atomic_t        since;      /* ms, when it was revoked or removed */
    ngx_atomic_t        requests_due;   /* see ngx_llm_rate.h, us */
    ngx_atomic_t        tokens_due;
    ngx_atomic_t        served;     /* when the queue last served it */
    ngx_atomic_t        requests;
    ngx_atomic_t        prompt_tokens;
    ngx_atomic_t        completion_tokens;

    ngx_atomic_t        valid;      /* 0: free, revoked or removed */
    ngx_atomic_t        generation; /* of this place's owner, never 0 */
    ngx_atomic_t        version;    /* of conf */
    ngx_atomic_t        last_used;  /* seconds since 1970 */
    ngx_llm_key_conf_t  conf;

    u_char              pad[48];    /* to whole lines */
} ngx_llm_key_t;


#endif /* _NGX_LLM_KEY_H_INCLUDED_ */
