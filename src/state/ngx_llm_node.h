
/*
 * One node, as it stands in the table (ngx_llm_nodes.h): what is said of it,
 * its figures, its list of models.
 */


#ifndef _NGX_LLM_NODE_H_INCLUDED_
#define _NGX_LLM_NODE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_openai.h"


#define NGX_LLM_NODE_NAME       64
#define NGX_LLM_NODE_HOST       256
#define NGX_LLM_NODE_PREFIX     128
#define NGX_LLM_NODE_KEY        256
#define NGX_LLM_NODE_NOTES      256
#define NGX_LLM_NODE_TOKEN      32
#define NGX_LLM_NODE_SECRET     24      /* of it are the token's: SHA-256; the
                                           rest is its key's, by SHA-256 */
#define NGX_LLM_NODE_ADDRS      8
#define NGX_LLM_NODE_MODELS     16384   /* models a node may list */

#define NGX_LLM_NODE_NONE       ((uint32_t) -1)


typedef enum {
    NGX_LLM_NODE_FREE = 0,
    NGX_LLM_NODE_USED,
    NGX_LLM_NODE_LEAVING
} ngx_llm_node_use_e;


typedef enum {
    NGX_LLM_TYPE_UNKNOWN = 0,
    NGX_LLM_TYPE_OPENAI,            /* nothing more is known of it */
    NGX_LLM_TYPE_LLAMACPP,
    NGX_LLM_TYPE_VLLM,
    NGX_LLM_TYPE_OLLAMA,
    NGX_LLM_TYPE_SGLANG,
    NGX_LLM_TYPE_TGI,
    NGX_LLM_TYPE_LMSTUDIO,
    NGX_LLM_TYPE_MAX
} ngx_llm_node_type_e;


/* what an operator sees of it, in the order of precedence */

typedef enum {
    NGX_LLM_STATE_PENDING = 0,      /* announced itself, not approved yet */
    NGX_LLM_STATE_DRAINING,         /* ends what it has, gets nothing new */
    NGX_LLM_STATE_OFFLINE,
    NGX_LLM_STATE_COOLING,          /* see ngx_llm_breaker.h */
    NGX_LLM_STATE_ONLINE
} ngx_llm_node_state_e;


typedef struct {
    socklen_t           socklen;
    struct sockaddr_in6 sockaddr;   /* or a sockaddr_in */
} ngx_llm_addr_t;


/* what is said of a node; texts end with a zero byte */

typedef struct {
    u_char              name[NGX_LLM_NODE_NAME];
    u_char              host[NGX_LLM_NODE_HOST];    /* a name or address */
    u_char              prefix[NGX_LLM_NODE_PREFIX];/* "" or "/base" */
    u_char              api_key[NGX_LLM_NODE_KEY];  /* secret; "" none */
    u_char              notes[NGX_LLM_NODE_NOTES];
    u_char              token[NGX_LLM_NODE_TOKEN];  /* of its heartbeats */
    uint64_t            id;                         /* never 0, its own */
    time_t              created;                    /* seconds since 1970 */
    in_port_t           port;
    unsigned            ssl:1;
    unsigned            ipv6:1;                     /* host wants [] */
    unsigned            check:1;                    /* probe its health */
    unsigned            discover:1;                 /* ask for its models */
    unsigned            is_static:1;                /* of nginx.conf */
    unsigned            static_url:1;               /* its URL is, too */
    unsigned            registered:1;               /* announced itself */
    unsigned            named:1;                    /* host is a name: DNS */
    ngx_uint_t          type;                       /* as said, or unknown */
    ngx_uint_t          weight;
    ngx_uint_t          max_concurrent;             /* 0: not said */
    ngx_uint_t          naddrs;                     /* 0: not resolved yet */
    ngx_llm_addr_t      addrs[NGX_LLM_NODE_ADDRS];
} ngx_llm_node_conf_t;


/* one model of a node's list, packed: name, then owned_by */

typedef struct {
    uint64_t            created;
    uint16_t            name_len;
    uint16_t            owner_len;
    uint16_t            size;       /* of this record, a multiple of 8 */
    u_char              text[1];
} ngx_llm_listed_t;

typedef struct {
    uint32_t            n;
    uint32_t            size;       /* bytes that follow */
    uint64_t            checksum;   /* of them: the same list again? */
} ngx_llm_list_t;


typedef struct {

    /* what a choice reads */

    ngx_atomic_t        use;
    ngx_atomic_t        online;
    ngx_atomic_t        draining;
    ngx_atomic_t        pending;    /* waits for approval */
    ngx_atomic_t        weight;
    ngx_atomic_t        max;        /* in flight at most, 0: no limit */
    ngx_atomic_t        stamp;      /* last chosen */
    ngx_atomic_t        turn;
    ngx_atomic_t        version;    /* of conf */

    /* breaker and cool-down, see ngx_llm_breaker.h; 0: none */

    ngx_atomic_t        circuit;    /* ms: open until then */
    ngx_atomic_t        trial;      /* ms: a trial is under way until then */
    ngx_atomic_t        opened;     /* times in a row, for the back-off */
    ngx_atomic_t        row;        /* failures one after another */
    ngx_atomic_t        cooling;    /* ms: it asked for a rest until then */
    ngx_atomic_t        cause;      /* of either, ngx_llm_cause_e */

    ngx_atomic_t        generation; /* of this place's owner, never 0 */
    ngx_atomic_t        left;       /* nodes->wanted when it left */
    ngx_atomic_t        addr;       /* next address to try */
    ngx_atomic_t        fails;      /* one after another */
    ngx_atomic_t        passes;
    ngx_atomic_t        checked;    /* ms, 0: never; by the probing worker */
    ngx_atomic_t        check_now;  /* somebody wants it probed at once */
    ngx_atomic_t        slots;      /* max_concurrent as it says itself */
    ngx_atomic_t        type;       /* as found out */
    ngx_atomic_t        no_usage;   /* refuses stream_options until, s */
    ngx_atomic_t        heard;      /* ms, its last heartbeat; 0: none */
    ngx_atomic_t        load;       /* requests as its heartbeat says */
    ngx_atomic_t        speed;      /* tokens a 1000 s a stream, smoothed */

    ngx_atomic_t        requests;   /* attempts */
    ngx_atomic_t        failures;
    ngx_atomic_t        prompt_tokens;
    ngx_atomic_t        completion_tokens;

    ngx_llm_list_t     *list;       /* NULL: never heard of one */
    ngx_llm_node_conf_t conf;
} ngx_llm_node_t;


/* An id for a node of nginx.conf, the same at each start: by its URL. */
uint64_t ngx_llm_nodes_id(const ngx_llm_node_conf_t *conf);

/* What an operator is shown.  No lock. */
ngx_uint_t ngx_llm_node_state(const ngx_llm_node_t *node, ngx_msec_t now);
const char *ngx_llm_node_state_name(ngx_uint_t state);

/* The result of a probe, or of a request that could not connect. */
void ngx_llm_nodes_passed(ngx_llm_node_t *node, ngx_uint_t passes);
void ngx_llm_nodes_failed(ngx_llm_node_t *node, ngx_uint_t fails);

/* Sets the limit from what was said and what the node says itself. */
void ngx_llm_nodes_limit(ngx_llm_node_t *node);

/* The name of a type ("llamacpp"), and back; unknown names: MAX. */
const char *ngx_llm_node_type_name(ngx_uint_t type);
ngx_uint_t ngx_llm_node_type(const u_char *name, size_t n);


/* walking a list */

#define ngx_llm_list_first(list)                                              \
    ((ngx_llm_listed_t *) ((u_char *) (list) + sizeof(ngx_llm_list_t)))

#define ngx_llm_list_next(listed)                                             \
    ((ngx_llm_listed_t *) ((u_char *) (listed) + (listed)->size))

/* the bytes of a record with these texts */
#define ngx_llm_listed_size(name, owner)                                      \
    ngx_align(offsetof(ngx_llm_listed_t, text) + (name) + (owner), 8)

/*
 * Appends one model to a list that is being made in size bytes of memory at
 * list.  NGX_DECLINED: no room, or the name is too long or empty.
 */
ngx_int_t ngx_llm_list_add(ngx_llm_list_t *list, size_t size,
    const ngx_str_t *name, const ngx_str_t *owner, uint64_t created);


#endif /* _NGX_LLM_NODE_H_INCLUDED_ */
