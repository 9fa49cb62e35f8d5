
/*
 * One node: its health and state, its limit, its type, its list.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_node.h"


/* has this time, 0: none, not come yet? */
#define ngx_llm_node_until(ms, now)                                           \
    ((ms) && (ngx_msec_int_t) ((ms) - (now)) > 0)


static uint64_t ngx_llm_nodes_mix(uint64_t h, const void *data, size_t n);


static const char  *ngx_llm_node_types[NGX_LLM_TYPE_MAX] = {
    "unknown", "openai", "llamacpp", "vllm", "ollama", "sglang", "tgi",
    "lmstudio"
};

static const char  *ngx_llm_node_states[] = {
    "pending", "draining", "offline", "cooling", "online"
};


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
