
/*
 * llm_router_node: the rows of the node table to be.
 */


#include "ngx_http_llm_conf_node.h"
#include "ngx_http_llm_conf_param.h"
#include "ngx_http_llm_secret.h"


static ngx_uint_t ngx_http_llm_node_twice(ngx_http_llm_main_conf_t *mcf,
    const ngx_llm_node_conf_t *c);
static ngx_int_t ngx_http_llm_node_url(ngx_conf_t *cf,
    ngx_llm_node_conf_t *node, ngx_str_t *url);
static ngx_int_t ngx_http_llm_node_host(ngx_conf_t *cf,
    ngx_llm_node_conf_t *node, ngx_str_t *url, ngx_url_t *u);
static ngx_int_t ngx_http_llm_node_prefix(ngx_conf_t *cf,
    ngx_llm_node_conf_t *node, ngx_str_t *url, ngx_str_t *path);
static ngx_int_t ngx_http_llm_node_param(ngx_conf_t *cf,
    ngx_http_llm_static_node_t *node, ngx_str_t *param);
static ngx_llm_list_t *ngx_http_llm_node_models(ngx_conf_t *cf,
    ngx_str_t *value);


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

    if (ngx_http_llm_node_url(cf, c, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_llm_node_twice(mcf, c)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_router_node \"%V\" is duplicate", &value[1]);
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


/* is there one with this URL before the last, which is c? */

static ngx_uint_t
ngx_http_llm_node_twice(ngx_http_llm_main_conf_t *mcf,
    const ngx_llm_node_conf_t *c)
{
    ngx_uint_t                   i;
    ngx_llm_node_conf_t         *other;
    ngx_http_llm_static_node_t  *nodes;

    nodes = mcf->nodes.elts;

    for (i = 0; i < mcf->nodes.nelts - 1; i++) {
        other = &nodes[i].conf;

        if (other->port == c->port
            && other->ssl == c->ssl
            && ngx_strcmp(other->host, c->host) == 0
            && ngx_strcmp(other->prefix, c->prefix) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_llm_node_url(ngx_conf_t *cf, ngx_llm_node_conf_t *node,
    ngx_str_t *url)
{
    size_t      scheme;
    ngx_url_t   u;
    ngx_uint_t  i;

    if (ngx_http_llm_param_is(url, "http://")) {
        scheme = sizeof("http://") - 1;

    } else if (ngx_http_llm_param_is(url, "https://")) {
        scheme = sizeof("https://") - 1;
        node->ssl = 1;

    } else {
        return ngx_http_llm_param_bad(cf, url,
                                      "must begin with http:// or https://");
    }

#if !(NGX_HTTP_SSL)
    if (node->ssl) {
        return ngx_http_llm_param_bad(cf, url, "needs nginx with SSL");
    }
#endif

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url.data = url->data + scheme;
    u.url.len = url->len - scheme;
    u.default_port = node->ssl ? 443 : 80;
    u.uri_part = 1;

    if (ngx_strlchr(u.url.data, u.url.data + u.url.len, '@')
        || ngx_strlchr(u.url.data, u.url.data + u.url.len, '?')
        || ngx_strlchr(u.url.data, u.url.data + u.url.len, '#'))
    {
        return ngx_http_llm_param_bad(cf, url,
                                      "may hold scheme, host, port and path "
                                      "only");
    }

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        return ngx_http_llm_param_bad(cf, url, u.err ? u.err : "is invalid");
    }

    if (ngx_http_llm_node_host(cf, node, url, &u) != NGX_OK
        || ngx_http_llm_node_prefix(cf, node, url, &u.uri) != NGX_OK)
    {
        return NGX_ERROR;
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


static ngx_int_t
ngx_http_llm_node_host(ngx_conf_t *cf, ngx_llm_node_conf_t *node,
    ngx_str_t *url, ngx_url_t *u)
{
    ngx_str_t  host;

    host = u->host;

    if (host.len && host.data[0] == '[') {
        node->ipv6 = 1;
        host.data++;
        host.len -= 2;
    }

    if (u->family == AF_UNIX || host.len == 0) {
        return ngx_http_llm_param_bad(cf, url, "has no host");
    }

    if (host.len >= NGX_LLM_NODE_HOST) {
        return ngx_http_llm_param_bad(cf, url, "has too long a host");
    }

    ngx_strlow(node->host, host.data, host.len);
    node->host[host.len] = '\0';
    node->port = u->port;

    return NGX_OK;
}


/* https://host/base/v1/, https://host/base/v1 and https://host/base are one */

static ngx_int_t
ngx_http_llm_node_prefix(ngx_conf_t *cf, ngx_llm_node_conf_t *node,
    ngx_str_t *url, ngx_str_t *path)
{
    size_t  i, len;

    len = path->len;

    while (len && path->data[len - 1] == '/') {
        len--;
    }

    if (len >= 3 && ngx_strncmp(path->data + len - 3, "/v1", 3) == 0) {
        len -= 3;
    }

    if (len >= NGX_LLM_NODE_PREFIX) {
        return ngx_http_llm_param_bad(cf, url, "has too long a path");
    }

    for (i = 0; i < len; i++) {
        if (path->data[i] <= ' ' || path->data[i] >= 0x7f) {
            return ngx_http_llm_param_bad(cf, url,
                                          "has a character in its path that "
                                          "must be escaped");
        }
    }

    ngx_cpystrn(node->prefix, path->data, len + 1);

    return NGX_OK;
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
