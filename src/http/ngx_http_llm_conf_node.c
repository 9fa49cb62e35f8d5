
/*
 * llm_router_node: the rows of the node table to be.
 */


#include "ngx_llm_node_url.h"
#include "ngx_http_llm_conf_node.h"
#include "ngx_http_llm_conf_param.h"
#include "ngx_http_llm_secret.h"


static ngx_int_t ngx_http_llm_node_where(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf, ngx_llm_node_conf_t *node, ngx_str_t *url);
static ngx_int_t ngx_http_llm_node_resolve(ngx_conf_t *cf,
    ngx_llm_node_conf_t *node, ngx_str_t *url);
static ngx_int_t ngx_http_llm_node_twice(ngx_conf_t *cf, ngx_uint_t n,
    uint64_t id);
static ngx_int_t ngx_http_llm_node_grow(ngx_conf_t *cf);
static void ngx_http_llm_node_insert(uint64_t id);
static ngx_int_t ngx_http_llm_node_param(ngx_conf_t *cf,
    ngx_http_llm_static_node_t *node, ngx_str_t *param);
static ngx_llm_list_t *ngx_http_llm_node_models(ngx_conf_t *cf,
    ngx_str_t *value);


/* the ids of the nodes so far, 0: none; good while nginx.conf is read */

static uint64_t    *ngx_http_llm_node_ids;
static ngx_uint_t   ngx_http_llm_node_nids;     /* a power of two */


char *
ngx_http_llm_node_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t  *mcf = conf;

    u_char                      *p;
    ngx_str_t                   *value;
    ngx_uint_t                   i;
    ngx_llm_node_conf_t         *c;
    ngx_http_llm_static_node_t  *node;

    value = cf->args->elts;

    node = ngx_array_push(&mcf->nodes);
    if (node == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(node, sizeof(ngx_http_llm_static_node_t));

    c = &node->conf;

    c->weight = 1;
    c->check = 1;
    c->discover = 1;
    c->is_static = 1;

    if (ngx_http_llm_node_where(cf, mcf, c, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_llm_node_param(cf, node, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (!c->check && node->models == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_router_node \"%V\": check=off needs models=, "
                           "nobody would ask it for them", &value[1]);
        return NGX_CONF_ERROR;
    }

    c->discover = (node->models == NULL);

    if (c->name[0] == '\0') {

        /* "host:port", cut if need be */

        p = ngx_snprintf(c->name, NGX_LLM_NODE_NAME - 1, "%s:%ui", c->host,
                         (ngx_uint_t) c->port);
        *p = '\0';
    }

    return NGX_CONF_OK;
}


char *
ngx_http_llm_nodes_of_env(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf)
{
    return ngx_http_llm_param_env(cf, "LLM_ROUTER_NODES", "llm_router_node",
                               ngx_http_llm_node_slot, mcf);
}


static ngx_int_t
ngx_http_llm_node_where(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf,
    ngx_llm_node_conf_t *node, ngx_str_t *url)
{
    ngx_int_t    rc;
    const char  *err;

    err = ngx_llm_node_url(node, url);

    if (err) {
        return ngx_http_llm_param_bad(cf, url, err);
    }

    if (node->named && ngx_http_llm_node_resolve(cf, node, url) != NGX_OK) {
        return NGX_ERROR;
    }

    node->id = ngx_llm_nodes_id(node);

    rc = ngx_http_llm_node_twice(cf, mcf->nodes.nelts, node->id);

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_router_node \"%V\" is duplicate", url);
        return NGX_ERROR;
    }

    return rc;
}


/* a name of nginx.conf is to be known when nginx starts */

static ngx_int_t
ngx_http_llm_node_resolve(ngx_conf_t *cf, ngx_llm_node_conf_t *node,
    ngx_str_t *url)
{
    ngx_url_t   u;
    ngx_uint_t  i;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url.data = node->host;
    u.url.len = ngx_strlen(node->host);
    u.default_port = node->port;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        return ngx_http_llm_param_bad(cf, url, u.err ? u.err : "is invalid");
    }

    for (i = 0; i < u.naddrs && node->naddrs < NGX_LLM_NODE_ADDRS; i++) {

        if (u.addrs[i].socklen > (socklen_t) sizeof(struct sockaddr_in6)) {
            return ngx_http_llm_param_bad(cf, url, "is no IP address");
        }

        node->addrs[node->naddrs].socklen = u.addrs[i].socklen;

        ngx_memcpy(&node->addrs[node->naddrs].sockaddr, u.addrs[i].sockaddr,
                   u.addrs[i].socklen);

        node->naddrs++;
    }

    return NGX_OK;
}


/*
 * Remembers the id of the n-th node.  NGX_DECLINED: there was one with it,
 * which has the same URL then.
 */

static ngx_int_t
ngx_http_llm_node_twice(ngx_conf_t *cf, ngx_uint_t n, uint64_t id)
{
    ngx_uint_t  i;

    if (n == 1) {
        ngx_http_llm_node_nids = 0;     /* those of another nginx.conf */
    }

    if (2 * n > ngx_http_llm_node_nids
        && ngx_http_llm_node_grow(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = id; ngx_http_llm_node_ids[i & (ngx_http_llm_node_nids - 1)]; i++) {
        if (ngx_http_llm_node_ids[i & (ngx_http_llm_node_nids - 1)] == id) {
            return NGX_DECLINED;
        }
    }

    ngx_http_llm_node_insert(id);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_node_grow(ngx_conf_t *cf)
{
    uint64_t    *old;
    ngx_uint_t   i, n;

    old = ngx_http_llm_node_ids;
    n = ngx_http_llm_node_nids;

    ngx_http_llm_node_nids = n ? 2 * n : 64;

    ngx_http_llm_node_ids = ngx_pcalloc(cf->temp_pool, sizeof(uint64_t)
                                                  * ngx_http_llm_node_nids);
    if (ngx_http_llm_node_ids == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (old[i]) {
            ngx_http_llm_node_insert(old[i]);
        }
    }

    return NGX_OK;
}


static void
ngx_http_llm_node_insert(uint64_t id)
{
    ngx_uint_t  i, mask;

    mask = ngx_http_llm_node_nids - 1;

    for (i = id & mask; ngx_http_llm_node_ids[i]; i = (i + 1) & mask) {
        /* void */
    }

    ngx_http_llm_node_ids[i] = id;
}


static ngx_int_t
ngx_http_llm_node_param(ngx_conf_t *cf, ngx_http_llm_static_node_t *node,
    ngx_str_t *param)
{
    ngx_int_t             n;
    ngx_str_t             value;
    ngx_llm_node_conf_t  *c;

    c = &node->conf;

    if (ngx_http_llm_param_is(param, "name=")) {
        return ngx_http_llm_param_text(cf, param, 5, c->name,
                                       NGX_LLM_NODE_NAME);
    }

    if (ngx_http_llm_param_is(param, "models=")) {
        value.data = param->data + 7;
        value.len = param->len - 7;

        node->models = ngx_http_llm_node_models(cf, &value);

        return node->models ? NGX_OK
                            : ngx_http_llm_param_bad(cf, param,
                                      "is no list of names with up to 256 "
                                      "bytes");
    }

    if (ngx_http_llm_param_is(param, "max_concurrent=")) {
        if (ngx_http_llm_param_number(cf, param, 15, 1000000, &n) != NGX_OK) {
            return NGX_ERROR;
        }

        c->max_concurrent = n;
        return NGX_OK;
    }

    if (ngx_http_llm_param_is(param, "weight=")) {
        if (ngx_http_llm_param_number(cf, param, 7, 1000, &n) != NGX_OK) {
            return NGX_ERROR;
        }

        c->weight = n;
        return NGX_OK;
    }

    if (ngx_http_llm_param_is(param, "type=")) {
        c->type = ngx_llm_node_type(param->data + 5, param->len - 5);

        return (c->type < NGX_LLM_TYPE_MAX) ? NGX_OK
                                            : ngx_http_llm_param_bad(cf, param,
                                      "is none of openai, llamacpp, vllm, "
                                      "ollama, sglang, tgi, lmstudio");
    }

    if (ngx_http_llm_param_is(param, "api_key=")) {
        value.data = param->data + 8;
        value.len = param->len - 8;

        return ngx_http_llm_secret(cf, "llm_router_node api_key=", &value,
                                   c->api_key, NGX_LLM_NODE_KEY);
    }

    if (ngx_http_llm_param_is(param, "check=")) {

        if (ngx_strcmp(param->data + 6, "on") == 0) {
            return NGX_OK;
        }

        if (ngx_strcmp(param->data + 6, "off") == 0) {
            c->check = 0;
            return NGX_OK;
        }
    }

    return ngx_http_llm_param_bad(cf, param, "is invalid");
}


static ngx_llm_list_t *
ngx_http_llm_node_models(ngx_conf_t *cf, ngx_str_t *value)
{
    size_t           size;
    u_char          *p, *q, *last;
    ngx_str_t        name, owner;
    ngx_llm_list_t  *list;

    size = sizeof(ngx_llm_list_t) + 40 * (value->len + 1);

    list = ngx_pcalloc(cf->pool, size);
    if (list == NULL) {
        return NULL;
    }

    ngx_str_set(&owner, "llm-router");

    last = value->data + value->len;

    for (p = value->data; p <= last; p = q + 1) {

        q = ngx_strlchr(p, last, ',');
        if (q == NULL) {
            q = last;
        }

        name.data = p;
        name.len = q - p;

        if (ngx_llm_list_add(list, size, &name, &owner, ngx_time())
            != NGX_OK)
        {
            return NULL;
        }
    }

    return list;
}
