
/*
 * The table of nodes as it lies in memory, and its journal.  What may be done
 * with it stands in ngx_llm_nodes.h.
 *
 * A change is begun (written here whole), committed by one word, applied in
 * steps of which each may be done twice, and done when the word is 0 again.
 * Who is killed before the commit changed nothing; later, whoever takes the
 * mutex next ends it (ngx_llm_nodes_recover_locked()).
 */


#ifndef _NGX_LLM_NODES_REDO_H_INCLUDED_
#define _NGX_LLM_NODES_REDO_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_chain.h"
#include "ngx_llm_node.h"


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
    ngx_llm_list_t     *list;       /* the new one; set, change: or NULL */
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


/* a URL's, and an id's, in their chains */
#define ngx_llm_nodes_hash(conf)   ((uint32_t) ngx_llm_nodes_id(conf))
#define ngx_llm_nodes_id_hash(id)  ((uint32_t) ((id) ^ (id) >> 32))


/*
 * The journal, which is empty, with what all changes have; conf may be NULL.
 * The mutex is held, and what was torn is recovered.
 */
ngx_llm_node_redo_t *ngx_llm_nodes_begin_locked(ngx_llm_nodes_t *nodes,
    uint32_t i, const ngx_llm_node_conf_t *conf);

/* Commits what was begun as this (ngx_llm_node_redo_e), and applies it. */
void ngx_llm_nodes_commit_locked(ngx_llm_nodes_t *nodes, ngx_uint_t op);

/*
 * Ends what a worker began that died inside the mutex.  Each function with
 * "locked" in its name that writes does so first; who keeps time calls it
 * when ngx_llm_nodes_torn() says so.
 */
void ngx_llm_nodes_recover_locked(ngx_llm_nodes_t *nodes);

/* Is a change under way, or was left so?  No lock. */
#define ngx_llm_nodes_torn(nodes)                                             \
    ((nodes)->redo.op != NGX_LLM_NODE_REDO_NONE)


#endif /* _NGX_LLM_NODES_REDO_H_INCLUDED_ */
