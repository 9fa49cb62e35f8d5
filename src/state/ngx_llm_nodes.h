
/*
 * The table of nodes.
 *
 * An entry is free, used or leaving.  A leaving one is never chosen and
 * becomes free when nothing is in flight at it; the next owner of its place
 * gets another generation.
 *
 * Who writes: configuration and model lists are written under the zone's
 * mutex.  A change is written whole into the journal first, committed by one
 * word, applied, and done when the word is 0 again.  A writer that is killed
 * leaves nothing of it, or what the next one under the mutex ends: each step
 * of applying may be done twice.
 * The configuration is written between two steps of the entry's version (odd:
 * being written), so that a reader takes a copy without a lock and sees
 * whether it is whole; while it is odd, the journal has the whole one.
 * A list is read under the mutex only.
 * One block of the zone may be lost with a killed writer: a list that was not
 * committed yet, or an old one that was replaced and not freed yet.  None is
 * freed twice.
 *
 * The figures of the first lines are single words that anybody may read, and
 * are changed by atomic operations.  What is in flight stands in the limits,
 * at ngx_llm_node_in_flight() and ngx_llm_node_waiting().
 */


#ifndef _NGX_LLM_NODES_H_INCLUDED_
#define _NGX_LLM_NODES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_chain.h"
#include "ngx_llm_openai.h"


#define NGX_LLM_NODE_NAME       64
#define NGX_LLM_NODE_HOST       256
#define NGX_LLM_NODE_PREFIX     128
#define NGX_LLM_NODE_KEY        256
#define NGX_LLM_NODE_NOTES      256
#define NGX_LLM_NODE_TOKEN      32      /* SHA-256 */
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
    ngx_atomic_t        no_usage;   /* refuses stream_options */
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


/* a change that is under way */

typedef enum {
    NGX_LLM_NODE_REDO_NONE = 0,
    NGX_LLM_NODE_REDO_SET,          /* a new owner of the place */
    NGX_LLM_NODE_REDO_CHANGE,       /* another configuration of its owner */
    NGX_LLM_NODE_REDO_LIST,
    NGX_LLM_NODE_REDO_LEAVE
} ngx_llm_node_redo_e;


typedef struct {
    ngx_atomic_t        op;         /* the word that commits it */
    uint32_t            i;
    ngx_atomic_uint_t   generation; /* set: of the new owner */
    ngx_llm_list_t     *list;       /* list: the new one */
    ngx_llm_list_t     *old;        /* freed when all is done; or NULL */
    ngx_llm_node_conf_t conf;       /* set, change */
} ngx_llm_node_redo_t;


typedef struct {
    ngx_uint_t          max;
    ngx_atomic_t        used;       /* places used so far: 0 .. used - 1 */
    ngx_atomic_t        clock;      /* choices made: stamps */
    ngx_slab_pool_t    *shpool;
    ngx_atomic_t       *wanted;     /* counts what an index is made of, see
                                       ngx_llm_models.h; or NULL */
    uint32_t            lowest;     /* all places below it are taken */
    uint32_t           *hash;       /* of each place's URL */
    volatile uint64_t  *id;         /* of each place's owner, 0: none */
    ngx_llm_chain_t     urls;       /* of those that are not leaving */
    ngx_llm_chain_t     ids;        /* the same */
    ngx_llm_node_redo_t redo;
    ngx_llm_node_t     *node;
} ngx_llm_nodes_t;


/* Makes a table of max places.  NULL: the zone is full. */
ngx_llm_nodes_t *ngx_llm_nodes_create(ngx_slab_pool_t *shpool,
    ngx_uint_t max);

/*
 * The node of this URL (scheme, host, port, prefix) that is not leaving, or
 * a new one in a free place.  Its configuration is replaced, its state and
 * its list are kept when it was there, and so are its id and created; but one
 * that was made at run time and now stands in nginx.conf gets the id in conf,
 * and is pending no more.  A static one stays static.  An id of 0 in conf
 * means ngx_llm_nodes_id().
 * A new node is offline, wants a check, and is pending if conf->registered.
 * idle(data, i) says whether a leaving one's place may be used again.  The
 * mutex is held.
 * Returns the place, or NGX_LLM_NODE_NONE when the table is full.
 */
uint32_t ngx_llm_nodes_set_locked(ngx_llm_nodes_t *nodes,
    const ngx_llm_node_conf_t *conf,
    ngx_uint_t (*idle)(void *data, uint32_t i), void *data);

/*
 * Replaces what is said of the node at place i, its URL too; its id, its
 * state, its figures and its list stay, but a new URL is probed at once.  The
 * mutex is held.
 * NGX_OK; NGX_DECLINED: nobody is there, or another node has that URL.
 */
ngx_int_t ngx_llm_nodes_change_locked(ngx_llm_nodes_t *nodes, uint32_t i,
    const ngx_llm_node_conf_t *conf);

/* The node of this id that is not leaving, or NGX_LLM_NODE_NONE.  No lock. */
uint32_t ngx_llm_nodes_find(ngx_llm_nodes_t *nodes, uint64_t id);

/* The same by the URL in conf.  The mutex is held. */
uint32_t ngx_llm_nodes_find_url_locked(ngx_llm_nodes_t *nodes,
    const ngx_llm_node_conf_t *conf);

/* An id for a node of nginx.conf, the same at each start: by its URL. */
uint64_t ngx_llm_nodes_id(const ngx_llm_node_conf_t *conf);

/*
 * Ends what a worker began that died inside the mutex.  Each function with
 * "locked" in its name that writes does so first; who keeps time calls it
 * when ngx_llm_nodes_torn() says so.
 */
void ngx_llm_nodes_recover_locked(ngx_llm_nodes_t *nodes);

/* Is a change under way, or was left so?  No lock. */
#define ngx_llm_nodes_torn(nodes)                                             \
    ((nodes)->redo.op != NGX_LLM_NODE_REDO_NONE)

/* What an operator is shown.  No lock. */
ngx_uint_t ngx_llm_node_state(const ngx_llm_node_t *node, ngx_msec_t now);
const char *ngx_llm_node_state_name(ngx_uint_t state);

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
 * Copies the configuration of place i, also of a leaving one.  No lock.
 * NGX_OK, NGX_DECLINED when nobody is there.  *version tells later whether
 * the copy is still true.  Who found the place by an id compares it with the
 * copy's: the place may have changed hands.
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
