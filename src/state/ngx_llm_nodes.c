
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_nodes.h"


#define NGX_LLM_NODES_SPINS    1000


static uint32_t ngx_llm_nodes_find_locked(ngx_llm_nodes_t *nodes,
    const ngx_llm_node_conf_t *conf);
static uint32_t ngx_llm_nodes_place_locked(ngx_llm_nodes_t *nodes,
    ngx_uint_t (*idle)(void *data, uint32_t i), void *data);
static void ngx_llm_nodes_write_locked(ngx_llm_node_t *node,
    const ngx_llm_node_conf_t *conf);
static uint32_t ngx_llm_nodes_hash(const ngx_llm_node_conf_t *conf);


static const char  *ngx_llm_node_types[NGX_LLM_TYPE_MAX] = {
    "unknown", "openai", "llamacpp", "vllm", "ollama", "sglang", "tgi",
    "lmstudio"
};


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

    nodes->node = ngx_slab_calloc(shpool, max * sizeof(ngx_llm_node_t));
    if (nodes->node == NULL) {
        return NULL;
    }

    return nodes;
}


uint32_t
ngx_llm_nodes_set_locked(ngx_llm_nodes_t *nodes,
    const ngx_llm_node_conf_t *conf,
    ngx_uint_t (*idle)(void *data, uint32_t i), void *data)
{
    uint32_t         i;
    ngx_llm_list_t  *list;
    ngx_llm_node_t  *node;

    i = ngx_llm_nodes_find_locked(nodes, conf);

    if (i != NGX_LLM_NODE_NONE) {
        ngx_llm_nodes_write_locked(&nodes->node[i], conf);
        return i;
    }

    i = ngx_llm_nodes_place_locked(nodes, idle, data);

    if (i == NGX_LLM_NODE_NONE) {
        return i;
    }

    node = &nodes->node[i];

    node->online = 0;
    node->draining = 0;
    node->turn = 0;
    node->stamp = 0;
    node->addr = 0;
    node->fails = 0;
    node->passes = 0;
    node->checked = 0;
    node->check_now = 1;
    node->slots = 0;
    node->type = NGX_LLM_TYPE_UNKNOWN;
    node->no_usage = 0;
    node->requests = 0;
    node->failures = 0;
    node->prompt_tokens = 0;
    node->completion_tokens = 0;
    node->generation++;

    list = node->list;

    if (list) {

        /* who dies in between loses it, but nobody frees it twice */

        node->list = NULL;

        ngx_memory_barrier();

        ngx_slab_free_locked(nodes->shpool, list);
    }

    nodes->hash[i] = ngx_llm_nodes_hash(conf);

    ngx_llm_nodes_write_locked(node, conf);

    ngx_memory_barrier();

    node->use = NGX_LLM_NODE_USED;

    if (i >= nodes->used) {
        nodes->used = i + 1;
    }

    return i;
}


void
ngx_llm_nodes_leave_locked(ngx_llm_nodes_t *nodes, uint32_t i)
{
    nodes->node[i].use = NGX_LLM_NODE_LEAVING;
    nodes->node[i].online = 0;
}


ngx_int_t
ngx_llm_nodes_list_locked(ngx_llm_nodes_t *nodes, uint32_t i,
    const ngx_llm_list_t *list)
{
    size_t           size;
    ngx_llm_list_t  *old, *copy;

    old = nodes->node[i].list;

    if (old
        && old->n == list->n
        && old->size == list->size
        && ngx_memcmp(old, list, sizeof(ngx_llm_list_t) + list->size) == 0)
    {
        return NGX_DONE;
    }

    size = sizeof(ngx_llm_list_t) + list->size;

    copy = ngx_slab_alloc_locked(nodes->shpool, size);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy, list, size);

    nodes->node[i].list = copy;

    if (old) {
        ngx_slab_free_locked(nodes->shpool, old);
    }

    return NGX_OK;
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


void
ngx_llm_nodes_passed(ngx_llm_node_t *node, ngx_uint_t passes)
{
    node->fails = 0;

    if (ngx_atomic_fetch_add(&node->passes, 1) + 1 >= passes
        && node->use == NGX_LLM_NODE_USED)
    {
        node->online = 1;
    }
}


void
ngx_llm_nodes_failed(ngx_llm_node_t *node, ngx_uint_t fails)
{
    node->passes = 0;

    if (ngx_atomic_fetch_add(&node->fails, 1) + 1
        >= fails)
    {
        node->online = 0;
    }
}


void
ngx_llm_nodes_limit(ngx_llm_node_t *node)
{
    node->max = node->conf.max_concurrent ? node->conf.max_concurrent
                                          : node->slots;
}


const char *
ngx_llm_node_type_name(ngx_uint_t type)
{
    return ngx_llm_node_types[type < NGX_LLM_TYPE_MAX ? type : 0];
}


ngx_uint_t
ngx_llm_node_type(const u_char *name, size_t n)
{
    ngx_uint_t  i;

    for (i = NGX_LLM_TYPE_OPENAI; i < NGX_LLM_TYPE_MAX; i++) {
        if (ngx_strlen(ngx_llm_node_types[i]) == n
            && ngx_strncmp(ngx_llm_node_types[i], name, n) == 0)
        {
            break;
        }
    }

    return i;
}


ngx_int_t
ngx_llm_list_add(ngx_llm_list_t *list, size_t size, const ngx_str_t *name,
    const ngx_str_t *owner, uint64_t created)
{
    size_t             need;
    u_char            *p;
    ngx_llm_listed_t  *m;

    need = ngx_llm_listed_size(name->len, owner->len);

    if (name->len == 0
        || name->len > NGX_LLM_MODEL_NAME
        || owner->len > NGX_LLM_NODE_NAME
        || list->n == NGX_LLM_NODE_MODELS
        || sizeof(ngx_llm_list_t) + list->size + need > size)
    {
        return NGX_DECLINED;
    }

    m = (ngx_llm_listed_t *) ((u_char *) list + sizeof(ngx_llm_list_t)
                              + list->size);

    ngx_memzero(m, need);

    m->created = created;
    m->name_len = (uint16_t) name->len;
    m->owner_len = (uint16_t) owner->len;
    m->size = (uint16_t) need;

    p = ngx_cpymem(m->text, name->data, name->len);
    ngx_memcpy(p, owner->data, owner->len);

    list->n++;
    list->size += need;

    return NGX_OK;
}


static uint32_t
ngx_llm_nodes_find_locked(ngx_llm_nodes_t *nodes,
    const ngx_llm_node_conf_t *conf)
{
    uint32_t              i, hash;
    ngx_llm_node_conf_t  *c;

    hash = ngx_llm_nodes_hash(conf);

    for (i = 0; i < nodes->used; i++) {

        if (nodes->hash[i] != hash) {
            continue;
        }

        c = &nodes->node[i].conf;

        if (nodes->node[i].use == NGX_LLM_NODE_USED
            && c->port == conf->port
            && c->ssl == conf->ssl
            && ngx_strcmp(c->host, conf->host) == 0
            && ngx_strcmp(c->prefix, conf->prefix) == 0)
        {
            return i;
        }
    }

    return NGX_LLM_NODE_NONE;
}


static uint32_t
ngx_llm_nodes_place_locked(ngx_llm_nodes_t *nodes,
    ngx_uint_t (*idle)(void *data, uint32_t i), void *data)
{
    uint32_t         i;
    ngx_llm_node_t  *node;

    for (i = 0; i < nodes->used; i++) {
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


static void
ngx_llm_nodes_write_locked(ngx_llm_node_t *node,
    const ngx_llm_node_conf_t *conf)
{
    /* an owner that died here left it odd */

    node->version |= 1;

    ngx_memory_barrier();

    node->conf = *conf;
    node->weight = conf->weight;

    ngx_llm_nodes_limit(node);

    ngx_memory_barrier();

    node->version++;
}


static uint32_t
ngx_llm_nodes_hash(const ngx_llm_node_conf_t *conf)
{
    return ngx_murmur_hash2((u_char *) conf->host, ngx_strlen(conf->host))
           ^ ngx_murmur_hash2((u_char *) conf->prefix,
                              ngx_strlen(conf->prefix))
           ^ ((uint32_t) conf->port << 1) ^ conf->ssl;
}
