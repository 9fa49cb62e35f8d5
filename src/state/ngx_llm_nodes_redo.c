
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_nodes_redo.h"


static void ngx_llm_nodes_apply_locked(ngx_llm_nodes_t *nodes);
static void ngx_llm_nodes_apply_set_locked(ngx_llm_nodes_t *nodes);
static void ngx_llm_nodes_apply_leave_locked(ngx_llm_nodes_t *nodes);
static void ngx_llm_nodes_url_locked(ngx_llm_nodes_t *nodes, uint32_t i,
    const ngx_llm_node_conf_t *conf);
static void ngx_llm_nodes_id_locked(ngx_llm_nodes_t *nodes, uint32_t i,
    uint64_t id);
static void ngx_llm_nodes_write_locked(ngx_llm_node_t *node,
    const ngx_llm_node_conf_t *conf);
static void ngx_llm_nodes_expect(ngx_llm_node_t *node);
static void ngx_llm_nodes_clear(ngx_llm_node_t *node);
static void ngx_llm_nodes_want(ngx_llm_nodes_t *nodes);


/* the journal, which is empty, with what all changes have */

ngx_llm_node_redo_t *
ngx_llm_nodes_begin_locked(ngx_llm_nodes_t *nodes, uint32_t i,
    const ngx_llm_node_conf_t *conf)
{
    ngx_llm_node_redo_t  *redo;

    redo = &nodes->redo;

    redo->i = i;
    redo->list = NULL;
    redo->old = NULL;

    if (conf) {
        redo->conf = *conf;

        if (conf->id == 0) {
            redo->conf.id = ngx_llm_nodes_id(conf);
        }
    }

    return redo;
}


void
ngx_llm_nodes_commit_locked(ngx_llm_nodes_t *nodes, ngx_uint_t op)
{
    ngx_memory_barrier();

    nodes->redo.op = op;

    ngx_memory_barrier();

    ngx_llm_nodes_apply_locked(nodes);
}


void
ngx_llm_nodes_recover_locked(ngx_llm_nodes_t *nodes)
{
    if (ngx_llm_nodes_torn(nodes)) {
        ngx_llm_nodes_apply_locked(nodes);
    }
}


/* does what the journal says, maybe once more */

static void
ngx_llm_nodes_apply_locked(ngx_llm_nodes_t *nodes)
{
    uint32_t              i;
    ngx_llm_list_t       *old;
    ngx_llm_node_redo_t  *redo;

    redo = &nodes->redo;
    old = redo->old;
    i = redo->i;

    switch (redo->op) {

    case NGX_LLM_NODE_REDO_SET:
        ngx_llm_nodes_apply_set_locked(nodes);
        break;

    case NGX_LLM_NODE_REDO_CHANGE:
        ngx_llm_nodes_url_locked(nodes, i, &redo->conf);
        ngx_llm_nodes_write_locked(&nodes->node[i], &redo->conf);

        if (redo->list == NULL) {
            break;
        }

        /* fall through */

    case NGX_LLM_NODE_REDO_LIST:
        nodes->node[i].list = redo->list;
        ngx_llm_nodes_want(nodes);
        break;

    default: /* NGX_LLM_NODE_REDO_LEAVE */
        ngx_llm_nodes_apply_leave_locked(nodes);
    }

    ngx_memory_barrier();

    redo->op = NGX_LLM_NODE_REDO_NONE;

    ngx_memory_barrier();

    /* who dies in between loses it, but nobody frees it twice */

    if (old) {
        ngx_slab_free_locked(nodes->shpool, old);
    }
}


static void
ngx_llm_nodes_apply_set_locked(ngx_llm_nodes_t *nodes)
{
    uint32_t              i;
    ngx_llm_node_t       *node;
    ngx_llm_node_redo_t  *redo;

    redo = &nodes->redo;
    i = redo->i;
    node = &nodes->node[i];

    /* its last step is this: what others did since then stays */

    if (node->use == NGX_LLM_NODE_USED) {
        return;
    }

    node->generation = redo->generation;

    ngx_llm_nodes_clear(node);

    node->list = redo->list;
    node->pending = redo->conf.registered;

    ngx_llm_nodes_url_locked(nodes, i, &redo->conf);
    ngx_llm_nodes_write_locked(node, &redo->conf);

    if (i >= nodes->used) {
        nodes->used = i + 1;
    }

    ngx_llm_nodes_want(nodes);

    ngx_memory_barrier();

    node->use = NGX_LLM_NODE_USED;
}


static void
ngx_llm_nodes_apply_leave_locked(ngx_llm_nodes_t *nodes)
{
    uint32_t         i;
    ngx_llm_node_t  *node;

    i = nodes->redo.i;
    node = &nodes->node[i];

    node->use = NGX_LLM_NODE_LEAVING;
    node->online = 0;

    /* at once: until places are used again, an index may need the room */

    node->list = NULL;

    ngx_llm_chain_unlink(&nodes->urls, nodes->hash[i], i);

    ngx_llm_nodes_id_locked(nodes, i, 0);

    nodes->lowest = ngx_min(nodes->lowest, i);

    /* an index that was made before may name the place */

    ngx_llm_nodes_want(nodes);

    node->left = nodes->wanted ? *nodes->wanted : 0;
}


/* enters the place under its URL and its id */

static void
ngx_llm_nodes_url_locked(ngx_llm_nodes_t *nodes, uint32_t i,
    const ngx_llm_node_conf_t *conf)
{
    uint32_t  hash;

    hash = ngx_llm_nodes_hash(conf);

    if (nodes->hash[i] != hash) {
        ngx_llm_chain_unlink(&nodes->urls, nodes->hash[i], i);

        nodes->node[i].check_now = 1;

        ngx_memory_barrier();

        nodes->hash[i] = hash;
    }

    ngx_memory_barrier();

    ngx_llm_chain_link(&nodes->urls, hash, i);

    ngx_llm_nodes_id_locked(nodes, i, conf->id);
}


/* gives the place this id; 0: none */

static void
ngx_llm_nodes_id_locked(ngx_llm_nodes_t *nodes, uint32_t i, uint64_t id)
{
    if (nodes->id[i] != id) {

        if (nodes->id[i]) {
            ngx_llm_chain_unlink(&nodes->ids,
                                 ngx_llm_nodes_id_hash(nodes->id[i]), i);
            ngx_memory_barrier();
        }

        nodes->id[i] = id;
    }

    ngx_memory_barrier();

    if (id) {
        ngx_llm_chain_link(&nodes->ids, ngx_llm_nodes_id_hash(id), i);
    }
}


static void
ngx_llm_nodes_write_locked(ngx_llm_node_t *node,
    const ngx_llm_node_conf_t *conf)
{
    /* an owner that died here left it odd */

    node->version |= 1;

    ngx_memory_barrier();

    node->conf = *conf;
    node->weight = conf->weight;

    if (conf->is_static) {
        node->pending = 0;
    }

    ngx_llm_nodes_limit(node);
    ngx_llm_nodes_expect(node);

    ngx_memory_barrier();

    node->version++;
}


/*
 * As any upstream server: one whose models are said is online until it is
 * found offline, one that nobody checks always is.  A name without an address
 * never is.  Whoever sends heartbeats tells by them.
 */

static void
ngx_llm_nodes_expect(ngx_llm_node_t *node)
{
    if (node->conf.naddrs == 0) {
        node->online = 0;

    } else if (node->heard == 0
               && (!node->conf.check
                   || (!node->conf.discover && node->checked == 0)))
    {
        node->online = 1;
    }
}


/* nothing of the place's last owner is left but its versions */

static void
ngx_llm_nodes_clear(ngx_llm_node_t *node)
{
    node->online = 0;
    node->draining = 0;
    node->pending = 0;
    node->turn = 0;
    node->stamp = 0;

    node->circuit = 0;
    node->trial = 0;
    node->opened = 0;
    node->row = 0;
    node->cooling = 0;
    node->cause = 0;

    node->addr = 0;
    node->fails = 0;
    node->passes = 0;
    node->checked = 0;
    node->check_now = 1;
    node->slots = 0;
    node->type = NGX_LLM_TYPE_UNKNOWN;
    node->no_usage = 0;
    node->heard = 0;
    node->load = 0;
    node->speed = 0;

    node->requests = 0;
    node->failures = 0;
    node->prompt_tokens = 0;
    node->completion_tokens = 0;

    node->list = NULL;
}


/* the index is to be made anew */

static void
ngx_llm_nodes_want(ngx_llm_nodes_t *nodes)
{
    if (nodes->wanted) {
        (void) ngx_atomic_fetch_add(nodes->wanted, 1);
    }
}
