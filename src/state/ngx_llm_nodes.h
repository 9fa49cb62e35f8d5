
/*
 * The table of nodes.
 *
 * An entry is free, used or leaving.  A leaving one is never chosen and
 * becomes free when nothing is in flight at it; the next owner of its place
 * gets another generation.
 *
 * Who writes: configuration and model lists are written under the zone's
 * mutex.  The configuration is written between two steps of the entry's
 * version (odd: being written), so that a reader takes a copy without a lock
 * and sees whether it is whole; a list is read under the mutex only.
 * The figures of the first lines are single words that anybody may read, and
 * are changed by atomic operations.  What is in flight stands in the limits,
 * at ngx_llm_node_in_flight() and ngx_llm_node_waiting().
 */


#ifndef _NGX_LLM_NODES_H_INCLUDED_
#define _NGX_LLM_NODES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_openai.h"


#define NGX_LLM_NODE_NAME       64
#define NGX_LLM_NODE_HOST       256
#define NGX_LLM_NODE_PREFIX     128
#define NGX_LLM_NODE_KEY        256
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
    in_port_t           port;
    unsigned            ssl:1;
    unsigned            ipv6:1;                     /* host wants [] */
    unsigned            check:1;                    /* probe its health */
    unsigned            discover:1;                 /* ask for its models */
    unsigned            is_static:1;                /* of nginx.conf */
    ngx_uint_t          type;                       /* as said, or unknown */
    ngx_uint_t          weight;
    ngx_uint_t          max_concurrent;             /* 0: not said */
    ngx_uint_t          naddrs;
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
    ngx_atomic_t        weight;
    ngx_atomic_t        max;        /* in flight at most, 0: no limit */
    ngx_atomic_t        stamp;      /* last chosen */
    ngx_atomic_t        turn;
    ngx_atomic_t        version;    /* of conf */

    ngx_atomic_t        generation; /* of this place's owner */
    ngx_atomic_t        addr;       /* next address to try */
    ngx_atomic_t        fails;      /* one after another */
    ngx_atomic_t        passes;
    ngx_atomic_t        checked;    /* ms, 0: never; by the probing worker */
    ngx_atomic_t        check_now;  /* somebody wants it probed at once */
    ngx_atomic_t        slots;      /* max_concurrent as it says itself */
    ngx_atomic_t        type;       /* as found out */
    ngx_atomic_t        no_usage;   /* refuses stream_options */

    ngx_atomic_t        requests;   /* attempts */
    ngx_atomic_t        failures;
    ngx_atomic_t        prompt_tokens;
    ngx_atomic_t        completion_tokens;

    ngx_llm_list_t     *list;       /* NULL: never heard of one */
    ngx_llm_node_conf_t conf;
} ngx_llm_node_t;


typedef struct {
    ngx_uint_t          max;
    ngx_atomic_t        used;       /* places used so far: 0 .. used - 1 */
    ngx_atomic_t        clock;      /* choices made: stamps */
    ngx_slab_pool_t    *shpool;
    uint32_t           *hash;       /* of each place's URL */
    ngx_llm_node_t     *node;
} ngx_llm_nodes_t;


/* Makes a table of max places.  NULL: the zone is full. */
ngx_llm_nodes_t *ngx_llm_nodes_create(ngx_slab_pool_t *shpool,
    ngx_uint_t max);

/*
 * The node of this URL (scheme, host, port, prefix) that is not leaving, or
 * a new one in a free place.  Its configuration is replaced, its state and
 * its list are kept when it was there.  idle(data, i) says whether nothing is
 * in flight at a leaving one.  The mutex is held.
 * Returns the place, or NGX_LLM_NODE_NONE when the table is full.
 */
uint32_t ngx_llm_nodes_set_locked(ngx_llm_nodes_t *nodes,
    const ngx_llm_node_conf_t *conf,
    ngx_uint_t (*idle)(void *data, uint32_t i), void *data);

/* The node gets nothing new and its place is free when it is idle. */
void ngx_llm_nodes_leave_locked(ngx_llm_nodes_t *nodes, uint32_t i);

/*
 * Replaces a node's list of models by a copy.  The mutex is held.
 * NGX_OK, NGX_DONE when it was the same, NGX_ERROR when the zone is full
 * (the old list stays).
 */
ngx_int_t ngx_llm_nodes_list_locked(ngx_llm_nodes_t *nodes, uint32_t i,
    const ngx_llm_list_t *list);

/*
 * Copies the configuration of place i.  No lock.  NGX_OK, NGX_DECLINED when
 * nothing is there (or it is being written for too long).  *version tells
 * later whether the copy is still true.
 */
ngx_int_t ngx_llm_nodes_read(ngx_llm_nodes_t *nodes, uint32_t i,
    ngx_llm_node_conf_t *conf, ngx_atomic_uint_t *version);

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


#endif /* _NGX_LLM_NODES_H_INCLUDED_ */
