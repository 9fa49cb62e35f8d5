
/*
 * What the rooms of a request share: the configuration, the worker, and the
 * request's own context.  The order in which they follow each other:
 *
 *     auth  request  body  admit  (park)  balance  upstream  relay  finish
 */


#ifndef _NGX_HTTP_LLM_H_INCLUDED_
#define _NGX_HTTP_LLM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_llm_json.h"
#include "ngx_llm_multipart.h"
#include "ngx_llm_usage.h"
#include "ngx_llm_sse.h"
#include "ngx_llm_error.h"
#include "ngx_llm_openai.h"
#include "ngx_llm_zone.h"
#include "ngx_llm_history.h"
#include "ngx_llm_choose.h"
#include "ngx_llm_cidr.h"
#include "ngx_llm_redis.h"


/* what may be asked for in one place's queue */
#define NGX_HTTP_LLM_QUEUE_MAX  16384


typedef struct ngx_http_llm_ctx_s   ngx_http_llm_ctx_t;
typedef struct ngx_http_llm_peer_s  ngx_http_llm_peer_t;
typedef struct ngx_http_llm_bodies_s  ngx_http_llm_bodies_t;


/* a node or key of nginx.conf, on its way to the zone */

typedef struct {
    ngx_llm_node_conf_t   conf;
    ngx_llm_list_t       *models;       /* NULL: to be discovered */
} ngx_http_llm_static_node_t;


typedef struct {
    ngx_str_t             name;         /* exact */
#if (NGX_PCRE)
    ngx_http_regex_t     *regex;        /* or by pattern */
#endif
    ngx_http_complex_value_t  target;
} ngx_http_llm_alias_t;


typedef struct {
    ngx_str_t             zone_name;
    size_t                zone_size;
    ngx_shm_zone_t       *shm_zone;
    ngx_llm_zone_t       *zone;         /* set when the zone is made */
    ngx_cycle_t          *cycle;        /* that it is made for */
    ngx_uint_t            seeded;       /* what nginx.conf has stands in it */

    ngx_llm_redis_conf_t *redis;        /* NULL: none */
    ngx_uint_t            redis_tls;    /* unsigned  redis_tls:1; */
    ngx_uint_t            history_size; /* records, in Redis */
    time_t                history_retention;    /* s */
    size_t                history_bodies;       /* bytes of each, 0: none */
    ngx_llm_history_t    *history;      /* set when its zone is made */

    ngx_array_t           nodes;        /* ngx_http_llm_static_node_t */
    ngx_array_t           keys;         /* ngx_llm_key_conf_t */

    ngx_uint_t            groups;       /* limits of their own so far */
    ngx_uint_t            enabled;      /* "llm_router on" somewhere */
    ngx_uint_t            anonymous;    /* and keys are not required */

    ngx_msec_t            health_interval;
    ngx_msec_t            health_timeout;
    ngx_uint_t            health_fails;
    ngx_uint_t            health_passes;

    ngx_str_t             trusted_certificate;
    ngx_ssl_t            *ssl;

    ngx_uint_t            api;          /* "llm_router_api on" somewhere */
    ngx_http_handler_pt   api_handler;
    ngx_str_t             state;        /* path of the snapshot, or empty */
    ngx_llm_cidrs_t       node_allow;
    ngx_array_t           users;        /* ngx_llm_user_t, password in clear
                                           until init_module hashes it */
} ngx_http_llm_main_conf_t;


typedef struct {
    ngx_flag_t            routes;       /* some location of it is enabled */
} ngx_http_llm_srv_conf_t;


typedef struct {
    ngx_flag_t            enable;
    ngx_flag_t            api;          /* the admin API */
    ngx_flag_t            keys_required;
    ngx_array_t          *aliases;      /* ngx_http_llm_alias_t */
    ngx_uint_t            max_concurrent;
    ngx_uint_t            group;        /* its counter in the limits */
    ngx_uint_t            queue_size;
    ngx_msec_t            queue_timeout;
    ngx_int_t             tries;
    ngx_uint_t            balance;      /* ngx_llm_policy_e */
    ngx_http_upstream_conf_t  upstream; /* of it: the time-outs */
    ngx_http_upstream_srv_conf_t  peer; /* so that nginx asks balance */
} ngx_http_llm_loc_conf_t;


/* an API key that was right, see ngx_http_llm_seen.h */

typedef struct {
    uint64_t              tag[2];       /* of the secret, by SipHash */
    ngx_atomic_uint_t     generation;   /* of the key's place then */
    uint32_t              key;
} ngx_http_llm_seen_t;


/*
 * What requests gave back and the next ones take, see ngx_http_llm_spare.h;
 * nothing is kept where a sanitizer shall see that it is used later.
 */
#ifdef __SANITIZE_ADDRESS__
#define NGX_HTTP_LLM_SPARE  0
#else
#define NGX_HTTP_LLM_SPARE  64
#endif

typedef struct {
    ngx_uint_t            n;
    void                 *kept[NGX_HTTP_LLM_SPARE + 1];
} ngx_http_llm_spare_t;


/* of the request's head for a node; a longer one is taken from the pool */
#define NGX_HTTP_LLM_HEAD_SIZE  2048


/* what a worker keeps */

typedef struct {
    ngx_llm_zone_t       *zone;         /* NULL: not running */
    ngx_llm_ledger_t     *ledger;
    ngx_llm_history_t    *history;      /* its own zone */
    ngx_llm_intent_t     *intent;       /* this worker's, in it */
    ngx_http_llm_ctx_t   *intended;     /* whose request stands there */
    size_t                intent_texts; /* bytes of its texts */
    ngx_http_llm_main_conf_t  *mcf;
    uint64_t              random;       /* never 0 */
    u_char                id[16];       /* begins its requests' ids */
    uint64_t              ids;          /* how many there were */
    ngx_queue_t           parked;       /* requests in the queue */
    ngx_http_llm_peer_t **peers;        /* by node's place */
    ngx_http_llm_spare_t  contexts;
    ngx_http_llm_spare_t  scanners;
    ngx_http_llm_spare_t  buffers;
    uint64_t              hash_key[2];  /* random, of this worker only */
    ngx_http_llm_seen_t  *seen;
    ngx_uint_t            seen_mask;    /* of a pair's first place */
} ngx_http_llm_worker_t;

extern ngx_http_llm_worker_t  ngx_http_llm_worker;


/* the body's scanner, while it arrives */

typedef union {
    ngx_llm_multipart_t       multipart;
    struct {
        ngx_llm_json_t        scanner;
        u_char                text[NGX_LLM_MODEL_NAME + 4];
    } json;
} ngx_http_llm_scan_t;


/* how the answer of the present attempt is framed */

typedef struct {
    u_char               *scanned;      /* the head was searched up to here */
    ngx_uint_t            status;
    off_t                 length;       /* of its body, -1: not said */
    unsigned              chunked:1;
    unsigned              close:1;
    unsigned              sse:1;
    unsigned              whole:1;      /* its end was seen */
    unsigned              head:1;       /* its head was read */
} ngx_http_llm_answer_t;


struct ngx_http_llm_ctx_s {
    ngx_http_request_t   *request;
    ngx_http_llm_loc_conf_t  *llcf;
    void                 *api;          /* of the admin API, or NULL */
    const char           *code;         /* of its error, or NULL */

    /* who and what */

    uint32_t              key;          /* or NGX_LLM_KEY_NONE */
    ngx_atomic_uint_t     key_generation;   /* of its place's owner */
    const ngx_llm_url_t  *url;
    ngx_str_t             path;         /* after "/v1/", in r->uri */
    ngx_str_t             model;        /* as routed: after the alias */
    uint32_t              hash;         /* of it */
    ngx_str_t             id;           /* x-request-id */
    ngx_str_t             node_name;    /* of the last attempt */
    uint64_t              node_id;

    /* the body */

    ngx_http_llm_scan_t  *scan;         /* its scanner, until it was read */
    off_t                 body_length;
    ngx_str_t             model_json;   /* what goes in place of the model */
    ngx_http_llm_bodies_t  *bodies;     /* what the history keeps, or NULL */

    /* what it holds: released by finish, whatever happens */

    uint32_t              node;         /* reserved, or NGX_LLM_NODE_NONE */
    uint32_t              next_node;    /* reserved for the next attempt */
    uint32_t              waiter;       /* or NGX_LLM_WAITER_NONE */
    ngx_queue_t           parked;
    ngx_event_t           timer;        /* of the queue */
    ngx_msec_t            deadline;     /* when it waited long enough */
    ngx_msec_t            rest;         /* ms until this node may be chosen */
    uint32_t              resting;
    ngx_int_t           (*admit)(ngx_http_request_t *r,
                                 ngx_http_llm_ctx_t *ctx,
                                 ngx_llm_wait_t *wait, ngx_uint_t called);

    ngx_uint_t            ntried;
    ngx_uint_t            attempts;
    ngx_uint_t            addresses;    /* of this node that failed */
    ngx_uint_t            addr;         /* the one that is tried */
    ngx_http_llm_peer_t  *peer;         /* held while an attempt lasts */

    /* the answer */

    ngx_http_llm_answer_t answer;
    ngx_llm_usage_t       usage;
    ngx_uint_t            events;       /* with data */
    ngx_chain_t          *held;         /* an event that is not whole yet */
    ngx_chain_t         **last_out;     /* the end of what goes out */
    ngx_str_t             tail;         /* said in a broken node's place */
    off_t                 left;         /* of a stream, -1: not said */
    u_char               *buffer;       /* of what is read, or NULL yet */
    ngx_recv_pt           recv;         /* the connection's, under ours */

    ngx_uint_t            error;        /* ngx_llm_error_e */
    ngx_str_t             message;      /* of it; empty: the default */
    ngx_str_t             error_body;

    /* when, ms of ngx_current_msec */

    ngx_msec_t            start;
    ngx_msec_t            first;        /* the first byte of the answer */
    ngx_msec_t            parked_at;
    ngx_msec_t            queue_time;   /* how long it waited */
    uint64_t              reserved_tokens;
    ngx_uint_t            retry_after;  /* s */
    uint64_t              requests_left;
    uint64_t              requests_reset;   /* us */
    uint64_t              tokens_left;
    uint64_t              tokens_reset;

    unsigned              admitted:1;   /* holds router's and key's slot */
    unsigned              waiting:1;    /* counted as such at its node */
    unsigned              trial:1;      /* this attempt decides a circuit */
    unsigned              next_trial:1; /* and so does the next one */
    unsigned              outcome:2;    /* ngx_http_llm_outcome_e */
    unsigned              row:3;        /* failures that its success ended */
    unsigned              queued:1;     /* it was in the queue */
    unsigned              strip:1;      /* the router asked for usage */
    unsigned              stripped:1;   /* the last event was taken out */
    unsigned              passing:1;    /* a long event goes on unheld */
    unsigned              broken:1;     /* the stream did not end well */
    unsigned              done:1;       /* [DONE] was seen */
    unsigned              late:1;       /* and no end of the answer */
    unsigned              again:1;      /* the same node, a new connection */
    unsigned              refused:1;    /* the node seems to take no options */
    unsigned              plain:1;      /* it is asked again without them */
    unsigned              told:1;       /* of an error, in a node's stream */
    unsigned              cancelled:1;
    unsigned              estimated:1;  /* usage was counted by events */
    unsigned              finished:1;
    unsigned              last:1;       /* its end was handed to nginx */
    unsigned              recorded:1;
    unsigned              limited:1;    /* rate limit headers are due */
    unsigned              drawn:1;      /* the id is the router's own */
    unsigned              early:1;      /* its body was read for others */

    ngx_llm_facts_t       facts;        /* of the body */

    /* from its model's text on not cleared */

    ngx_llm_sse_t         sse;          /* by relay, when the answer begins */
    uint32_t              tried[NGX_LLM_CHOOSE_TRIED];
    ngx_http_chunked_t    chunked;      /* and this one */
    u_char                head[NGX_HTTP_LLM_HEAD_SIZE];
};


#define NGX_HTTP_LLM_VERSION  "0.4.0"


extern ngx_module_t  ngx_http_llm_router_module;


#define ngx_http_llm_ctx(r)                                                   \
    ((ngx_http_llm_ctx_t *) ngx_http_get_module_ctx(r,                        \
                                                ngx_http_llm_router_module))

#define ngx_http_llm_conf(r)                                                  \
    ((ngx_http_llm_loc_conf_t *) ngx_http_get_module_loc_conf(r,              \
                                                ngx_http_llm_router_module))

/* before nginx 1.23 headers of one name were not linked */
#if (nginx_version >= 1023000)
#define ngx_http_llm_unlinked(h)  (h)->next = NULL
#else
#define ngx_http_llm_unlinked(h)
#endif


#endif /* _NGX_HTTP_LLM_H_INCLUDED_ */
