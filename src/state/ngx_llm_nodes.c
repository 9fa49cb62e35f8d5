
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_nodes.h"


#define NGX_LLM_NODES_SPINS    1000


static uint32_t ngx_llm_nodes_place_locked(ngx_llm_nodes_t *nodes,
    ngx_uint_t (*idle)(void *data, uint32_t i), void *data);
static ngx_llm_node_redo_t *ngx_llm_nodes_begin_locked(ngx_llm_nodes_t *nodes,
    uint32_t i, const ngx_llm_node_conf_t *conf);
static void ngx_llm_nodes_commit_locked(ngx_llm_nodes_t *nodes,
    ngx_uint_t op);
static void ngx_llm_nodes_apply_locked(ngx_llm_nodes_t *nodes);
static void ngx_llm_nodes_apply_set_locked(ngx_llm_nodes_t *nodes);
static void ngx_llm_nodes_apply_leave_locked(ngx_llm_nodes_t *nodes);
static ngx_uint_t ngx_llm_nodes_is(const ngx_llm_nodes_t *nodes, uint32_t i,
    uint64_t id);
static void ngx_llm_nodes_id_locked(ngx_llm_nodes_t *nodes, uint32_t i,
    uint64_t id);
static void ngx_llm_nodes_url_locked(ngx_llm_nodes_t *nodes, uint32_t i,
    const ngx_llm_node_conf_t *conf);
static void ngx_llm_nodes_write_locked(ngx_llm_node_t *node,
    const ngx_llm_node_conf_t *conf);
static void ngx_llm_nodes_clear(ngx_llm_node_t *node);
static void ngx_llm_nodes_want(ngx_llm_nodes_t *nodes);
static ngx_int_t ngx_llm_nodes_read_redo(ngx_llm_nodes_t *nodes, uint32_t i,
    ngx_llm_node_conf_t *conf, ngx_atomic_uint_t version);
static uint64_t ngx_llm_nodes_mix(uint64_t h, const void *data, size_t n);


#define ngx_llm_nodes_hash(conf)  ((uint32_t) ngx_llm_nodes_id(conf))

/* has this time, 0: none, not come yet? */
#define ngx_llm_node_until(ms, now)                                           \
    ((ms) && (ngx_msec_int_t) ((ms) - (now)) > 0)


#define ngx_llm_nodes_id_hash(id)  ((uint32_t) ((id) ^ (id) >> 32))


static const char  *ngx_llm_node_types[NGX_LLM_TYPE_MAX] = {
    "unknown", "openai", "llamacpp", "vllm", "ollama", "sglang", "tgi",
    "lmstudio"
};

static const char  *ngx_llm_node_states[] = {
    "pending", "draining", "offline", "cooling", "online"
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
ngx_llm_nodes_set_locked(ngx_llm_nodes_t *nodes,
    const ngx_llm_node_conf_t *conf,
    ngx_uint_t (*idle)(void *data, uint32_t i), void *data)
{
    uint32_t              i;
    ngx_llm_node_t       *node;
    ngx_llm_node_redo_t  *redo;

    i = ngx_llm_nodes_find_url_locked(nodes, conf);

    if (i != NGX_LLM_NODE_NONE) {
        node = &nodes->node[i];
        redo = ngx_llm_nodes_begin_locked(nodes, i, conf);

        redo->conf.created = node->conf.created;

        if (!conf->is_static || node->conf.is_static) {
            redo->conf.id = node->conf.id;
            redo->conf.is_static = node->conf.is_static;
        }

        ngx_llm_nodes_commit_locked(nodes, NGX_LLM_NODE_REDO_CHANGE);

        return i;
    }

    i = ngx_llm_nodes_place_locked(nodes, idle, data);

    if (i == NGX_LLM_NODE_NONE) {
        return i;
    }

    node = &nodes->node[i];
    redo = ngx_llm_nodes_begin_locked(nodes, i, conf);

    redo->generation = node->generation + 1;
    redo->old = node->list;

    ngx_llm_nodes_commit_locked(nodes, NGX_LLM_NODE_REDO_SET);

    return i;
}


ngx_int_t
ngx_llm_nodes_change_locked(ngx_llm_nodes_t *nodes, uint32_t i,
    const ngx_llm_node_conf_t *conf)
{
    uint32_t              other;
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

    redo = ngx_llm_nodes_begin_locked(nodes, i, conf);
    redo->conf.id = node->conf.id;

    ngx_llm_nodes_commit_locked(nodes, NGX_LLM_NODE_REDO_CHANGE);

    return NGX_OK;
}


void
ngx_llm_nodes_leave_locked(ngx_llm_nodes_t *nodes, uint32_t i)
{
    ngx_llm_nodes_recover_locked(nodes);

    if (nodes->node[i].use != NGX_LLM_NODE_USED) {
        return;
    }

    (void) ngx_llm_nodes_begin_locked(nodes, i, NULL);

    ngx_llm_nodes_commit_locked(nodes, NGX_LLM_NODE_REDO_LEAVE);
}


ngx_int_t
ngx_llm_nodes_list_locked(ngx_llm_nodes_t *nodes, uint32_t i,
    const ngx_llm_list_t *list)
{
    size_t                size;
    ngx_llm_list_t       *old, *copy;
    ngx_llm_node_redo_t  *redo;

    ngx_llm_nodes_recover_locked(nodes);

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

    redo = ngx_llm_nodes_begin_locked(nodes, i, NULL);

    redo->list = copy;
    redo->old = old;

    ngx_llm_nodes_commit_locked(nodes, NGX_LLM_NODE_REDO_LIST);

    return NGX_OK;
}


void
ngx_llm_nodes_recover_locked(ngx_llm_nodes_t *nodes)
{
    if (ngx_llm_nodes_torn(nodes)) {
        ngx_llm_nodes_apply_locked(nodes);
    }
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


uint64_t
ngx_llm_nodes_id(const ngx_llm_node_conf_t *conf)
{
    uint64_t  h;
    uint32_t  rest;

    rest = ((uint32_t) conf->port << 1) | conf->ssl;

    /* the texts' zero bytes, too: they keep them apart */

    h = ngx_llm_nodes_mix(0xcbf29ce484222325ULL, conf->host,
                          ngx_strlen(conf->host) + 1);
    h = ngx_llm_nodes_mix(h, conf->prefix, ngx_strlen(conf->prefix) + 1);
    h = ngx_llm_nodes_mix(h, &rest, sizeof(uint32_t));

    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
    h ^= h >> 31;

    return h ? h : 1;
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


void
ngx_llm_nodes_passed(ngx_llm_node_t *node, ngx_uint_t passes)
{
    node->fails = 0;

    if (ngx_atomic_fetch_add(&node->passes, 1) + 1 >= passes
        && node->use == NGX_LLM_NODE_USED)
    {
        /* an open circuit is half open then: one request goes first */

        if (!node->online && node->circuit) {
            node->circuit = 1;
        }

        node->online = 1;
    }
}


void
ngx_llm_nodes_failed(ngx_llm_node_t *node, ngx_uint_t fails)
{
    node->passes = 0;

    if (ngx_atomic_fetch_add(&node->fails, 1) + 1 >= fails) {
        node->online = 0;
    }
}


void
ngx_llm_nodes_limit(ngx_llm_node_t *node)
{
    node->max = node->conf.max_concurrent ? node->conf.max_concurrent
                                          : node->slots;
}


ngx_uint_t
ngx_llm_node_state(const ngx_llm_node_t *node, ngx_msec_t now)
{
    if (node->pending) {
        return NGX_LLM_STATE_PENDING;
    }

    if (node->draining) {
        return NGX_LLM_STATE_DRAINING;
    }

    if (!node->online) {
        return NGX_LLM_STATE_OFFLINE;
    }

    /* open, half open with its trial under way, or at rest */

    if (ngx_llm_node_until(node->cooling, now)
        || (node->circuit && (ngx_llm_node_until(node->circuit, now)
                              || ngx_llm_node_until(node->trial, now))))
    {
        return NGX_LLM_STATE_COOLING;
    }

    return NGX_LLM_STATE_ONLINE;
}


const char *
ngx_llm_node_state_name(ngx_uint_t state)
{
    return ngx_llm_node_states[ngx_min(state, NGX_LLM_STATE_ONLINE)];
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


/* the journal, which is empty, with what all changes have */

static ngx_llm_node_redo_t *
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


static void
ngx_llm_nodes_commit_locked(ngx_llm_nodes_t *nodes, ngx_uint_t op)
{
    ngx_memory_barrier();

    nodes->redo.op = op;

    ngx_memory_barrier();

    ngx_llm_nodes_apply_locked(nodes);
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
        break;

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

    ngx_memory_barrier();

    node->version++;
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


/* FNV-1a */

static uint64_t
ngx_llm_nodes_mix(uint64_t h, const void *data, size_t n)
{
    const u_char  *p;

    for (p = data; n; n--, p++) {
        h = (h ^ *p) * 0x100000001b3ULL;
    }

    return h;
}
