
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_nodes.h"


#define NGX_LLM_NODES_SPINS    1000


static ngx_uint_t ngx_llm_nodes_is(const ngx_llm_nodes_t *nodes, uint32_t i,
    uint64_t id);
static ngx_llm_list_t *ngx_llm_nodes_copy_locked(ngx_llm_nodes_t *nodes,
    const ngx_llm_list_t *list);
static uint32_t ngx_llm_nodes_place_locked(ngx_llm_nodes_t *nodes,
    ngx_uint_t (*idle)(void *data, uint32_t i), void *data);
static ngx_int_t ngx_llm_nodes_read_redo(ngx_llm_nodes_t *nodes, uint32_t i,
    ngx_llm_node_conf_t *conf, ngx_atomic_uint_t version);


ngx_llm_nodes_t *
ngx_llm_nodes_create(ngx_slab_pool_t *shpool, ngx_uint_t max)
{
    ngx_llm_nodes_t  *nodes;

    nodes = ngx_slab_calloc(shpool, sizeof(ngx_llm_nodes_t));
    if (nodes == NULL) {
        return NULL;
    }

    nodes->max = max;
    nodes->shpool = shpool;

    nodes->hash = ngx_slab_calloc(shpool, max * sizeof(uint32_t));
    if (nodes->hash == NULL) {
        return NULL;
    }

    nodes->id = ngx_slab_calloc(shpool, max * sizeof(uint64_t));
    if (nodes->id == NULL) {
        return NULL;
    }

    if (ngx_llm_chain_create(&nodes->urls, shpool, max) != NGX_OK
        || ngx_llm_chain_create(&nodes->ids, shpool, max) != NGX_OK)
    {
        return NULL;
    }

    nodes->node = ngx_slab_calloc(shpool, max * sizeof(ngx_llm_node_t));
    if (nodes->node == NULL) {
        return NULL;
    }

    return nodes;
}


uint32_t
ngx_llm_nodes_set_list_locked(ngx_llm_nodes_t *nodes,
    const ngx_llm_node_conf_t *conf, const ngx_llm_list_t *list,
    ngx_uint_t (*idle)(void *data, uint32_t i), void *data)
{
    uint32_t              i;
    ngx_uint_t            op;
    ngx_llm_list_t       *copy;
    ngx_llm_node_t       *node;
    ngx_llm_node_redo_t  *redo;

    op = NGX_LLM_NODE_REDO_CHANGE;

    i = ngx_llm_nodes_find_url_locked(nodes, conf);

    if (i == NGX_LLM_NODE_NONE) {
        op = NGX_LLM_NODE_REDO_SET;
        i = ngx_llm_nodes_place_locked(nodes, idle, data);
    }

    if (i == NGX_LLM_NODE_NONE) {
        return i;
    }

    copy = ngx_llm_nodes_copy_locked(nodes, list);

    if (list && copy == NULL) {
        return NGX_LLM_NODE_NONE;
    }

    node = &nodes->node[i];
    redo = ngx_llm_nodes_begin_locked(nodes, i, conf);

    redo->conf.static_url = conf->is_static;
    redo->list = copy;

    if (copy || op == NGX_LLM_NODE_REDO_SET) {
        redo->old = node->list;
    }

    if (op == NGX_LLM_NODE_REDO_SET) {
        redo->generation = node->generation + 1;

    } else {
        redo->conf.created = node->conf.created;

        if (!conf->is_static || node->conf.is_static) {
            redo->conf.id = node->conf.id;
            redo->conf.is_static = node->conf.is_static;
        }

        if (!conf->is_static) {
            redo->conf.static_url = node->conf.static_url;
        }
    }

    ngx_llm_nodes_commit_locked(nodes, op);

    return i;
}


ngx_int_t
ngx_llm_nodes_change_list_locked(ngx_llm_nodes_t *nodes, uint32_t i,
    const ngx_llm_node_conf_t *conf, const ngx_llm_list_t *list)
{
    uint32_t              other;
    ngx_llm_list_t       *copy;
    ngx_llm_node_t       *node;
    ngx_llm_node_redo_t  *redo;

    other = ngx_llm_nodes_find_url_locked(nodes, conf);

    if (i >= nodes->used || (other != NGX_LLM_NODE_NONE && other != i)) {
        return NGX_DECLINED;
    }

    node = &nodes->node[i];

    if (node->use != NGX_LLM_NODE_USED) {
        return NGX_DECLINED;
    }

    copy = ngx_llm_nodes_copy_locked(nodes, list);

    if (list && copy == NULL) {
        return NGX_ERROR;
    }

    redo = ngx_llm_nodes_begin_locked(nodes, i, conf);

    redo->conf.id = node->conf.id;

    if (copy) {
        redo->list = copy;
        redo->old = node->list;
    }

    ngx_llm_nodes_commit_locked(nodes, NGX_LLM_NODE_REDO_CHANGE);

    return NGX_OK;
}


void
ngx_llm_nodes_leave_locked(ngx_llm_nodes_t *nodes, uint32_t i)
{
    ngx_llm_node_redo_t  *redo;

    ngx_llm_nodes_recover_locked(nodes);

    if (nodes->node[i].use != NGX_LLM_NODE_USED) {
        return;
    }

    redo = ngx_llm_nodes_begin_locked(nodes, i, NULL);

    redo->old = nodes->node[i].list;

    ngx_llm_nodes_commit_locked(nodes, NGX_LLM_NODE_REDO_LEAVE);
}


ngx_int_t
ngx_llm_nodes_list_locked(ngx_llm_nodes_t *nodes, uint32_t i,
    const ngx_llm_list_t *list)
{
    ngx_llm_list_t       *old, *copy;
    ngx_llm_node_redo_t  *redo;

    ngx_llm_nodes_recover_locked(nodes);

    /* it may have left while it was asked */

    if (nodes->node[i].use != NGX_LLM_NODE_USED) {
        return NGX_DONE;
    }

    old = nodes->node[i].list;

    if (old
        && old->n == list->n
        && old->size == list->size
        && ngx_memcmp(old, list, sizeof(ngx_llm_list_t) + list->size) == 0)
    {
        return NGX_DONE;
    }

    copy = ngx_llm_nodes_copy_locked(nodes, list);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    redo = ngx_llm_nodes_begin_locked(nodes, i, NULL);

    redo->list = copy;
    redo->old = old;

    ngx_llm_nodes_commit_locked(nodes, NGX_LLM_NODE_REDO_LIST);

    return NGX_OK;
}


uint32_t
ngx_llm_nodes_find(ngx_llm_nodes_t *nodes, uint64_t id)
{
    uint32_t  i;

    for (i = ngx_llm_chain_first(&nodes->ids, ngx_llm_nodes_id_hash(id));
         i;
         i = ngx_llm_chain_next(&nodes->ids, i - 1))
    {
        if (ngx_llm_nodes_is(nodes, i - 1, id)) {
            return i - 1;
        }
    }

    /* the way there may have been changed meanwhile, and few look in vain */

    for (i = 0; i < nodes->used; i++) {
        if (ngx_llm_nodes_is(nodes, i, id)) {
            return i;
        }
    }

    return NGX_LLM_NODE_NONE;
}


static ngx_uint_t
ngx_llm_nodes_is(const ngx_llm_nodes_t *nodes, uint32_t i, uint64_t id)
{
    return id
           && nodes->id[i] == id
           && nodes->node[i].use == NGX_LLM_NODE_USED;
}


uint32_t
ngx_llm_nodes_find_url_locked(ngx_llm_nodes_t *nodes,
    const ngx_llm_node_conf_t *conf)
{
    uint32_t              i, hash;
    ngx_llm_node_conf_t  *c;

    ngx_llm_nodes_recover_locked(nodes);

    hash = ngx_llm_nodes_hash(conf);

    for (i = ngx_llm_chain_first(&nodes->urls, hash);
         i;
         i = ngx_llm_chain_next(&nodes->urls, i - 1))
    {
        c = &nodes->node[i - 1].conf;

        if (nodes->hash[i - 1] == hash
            && c->port == conf->port
            && c->ssl == conf->ssl
            && ngx_strcmp(c->host, conf->host) == 0
            && ngx_strcmp(c->prefix, conf->prefix) == 0)
        {
            return i - 1;
        }
    }

    return NGX_LLM_NODE_NONE;
}


ngx_int_t
ngx_llm_nodes_read(ngx_llm_nodes_t *nodes, uint32_t i,
    ngx_llm_node_conf_t *conf, ngx_atomic_uint_t *version)
{
    ngx_uint_t       spins;
    ngx_llm_node_t  *node;

    if (i >= nodes->max) {
        return NGX_DECLINED;
    }

    node = &nodes->node[i];

    for (spins = 0; spins < NGX_LLM_NODES_SPINS; spins++) {

        if (node->use == NGX_LLM_NODE_FREE) {
            return NGX_DECLINED;
        }

        *version = node->version;

        if (*version & 1) {

            if (ngx_llm_nodes_read_redo(nodes, i, conf, *version) == NGX_OK) {
                (*version)++;
                return NGX_OK;
            }

            ngx_cpu_pause();
            continue;
        }

        ngx_memory_barrier();

        *conf = node->conf;

        ngx_memory_barrier();

        if (node->version == *version) {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static uint32_t
ngx_llm_nodes_place_locked(ngx_llm_nodes_t *nodes,
    ngx_uint_t (*idle)(void *data, uint32_t i), void *data)
{
    uint32_t         i;
    ngx_llm_node_t  *node;

    while (nodes->lowest < nodes->used && nodes->id[nodes->lowest]) {
        nodes->lowest++;
    }

    for (i = nodes->lowest; i < nodes->used; i++) {

        if (nodes->id[i]) {
            continue;
        }

        node = &nodes->node[i];

        if (node->use == NGX_LLM_NODE_LEAVING && idle(data, i)) {
            node->use = NGX_LLM_NODE_FREE;
        }

        if (node->use == NGX_LLM_NODE_FREE) {
            return i;
        }
    }

    return (i < nodes->max) ? i : NGX_LLM_NODE_NONE;
}


/*
 * What is being written stands in the journal, whole, for as long as the
 * version is the same.
 */

static ngx_int_t
ngx_llm_nodes_read_redo(ngx_llm_nodes_t *nodes, uint32_t i,
    ngx_llm_node_conf_t *conf, ngx_atomic_uint_t version)
{
    ngx_memory_barrier();

    if (!ngx_llm_nodes_torn(nodes) || nodes->redo.i != i) {
        return NGX_AGAIN;
    }

    *conf = nodes->redo.conf;

    ngx_memory_barrier();

    return (nodes->node[i].version == version) ? NGX_OK : NGX_AGAIN;
}


/* NULL: there is none to be copied, or the zone is full */

static ngx_llm_list_t *
ngx_llm_nodes_copy_locked(ngx_llm_nodes_t *nodes, const ngx_llm_list_t *list)
{
    size_t           size;
    ngx_llm_list_t  *copy;

    if (list == NULL) {
        return NULL;
    }

    size = sizeof(ngx_llm_list_t) + list->size;

    copy = ngx_slab_alloc_locked(nodes->shpool, size);

    if (copy) {
        ngx_memcpy(copy, list, size);
    }

    return copy;
}
