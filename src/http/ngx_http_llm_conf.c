
/*
 * The configuration: made, merged, checked.
 */


#include "ngx_http_llm_balance.h"
#include "ngx_http_llm_body_size.h"
#include "ngx_http_llm_buffer.h"
#include "ngx_http_llm_conf.h"
#include "ngx_http_llm_conf_admin.h"
#include "ngx_http_llm_conf_history.h"
#include "ngx_http_llm_conf_key.h"
#include "ngx_http_llm_conf_node.h"
#include "ngx_http_llm_request.h"


static char *ngx_http_llm_conf_ssl(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf);
static char *ngx_http_llm_conf_env(ngx_conf_t *cf,
    ngx_http_llm_loc_conf_t *llcf);
static char *ngx_http_llm_conf_env_number(ngx_conf_t *cf, const char *name,
    ngx_uint_t scale, ngx_uint_t *value);
static char *ngx_http_llm_conf_api(ngx_conf_t *cf,
    ngx_http_llm_loc_conf_t *conf);
static void ngx_http_llm_conf_upstream(ngx_http_llm_loc_conf_t *llcf);
static ngx_uint_t ngx_http_llm_conf_exposed(ngx_conf_t *cf);


void *
ngx_http_llm_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_llm_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&mcf->nodes, cf->pool, 4,
                       sizeof(ngx_http_llm_static_node_t))
        != NGX_OK
        || ngx_array_init(&mcf->keys, cf->pool, 4, sizeof(ngx_llm_key_conf_t))
           != NGX_OK)
    {
        return NULL;
    }

    mcf->groups = 1;        /* the first is that of http itself */

    mcf->health_interval = NGX_CONF_UNSET_MSEC;
    mcf->health_timeout = NGX_CONF_UNSET_MSEC;
    mcf->health_fails = NGX_CONF_UNSET_UINT;
    mcf->health_passes = NGX_CONF_UNSET_UINT;

    mcf->history_size = NGX_CONF_UNSET_UINT;

    return mcf;
}


/* the http block was read, and nothing is merged yet */

char *
ngx_http_llm_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_llm_main_conf_t  *mcf = conf;

    char *rv;

    ngx_conf_init_msec_value(mcf->health_interval, 10000);
    ngx_conf_init_msec_value(mcf->health_timeout, 5000);
    ngx_conf_init_uint_value(mcf->health_fails, 2);
    ngx_conf_init_uint_value(mcf->health_passes, 1);

    if (mcf->nodes.nelts == 0) {
        rv = ngx_http_llm_nodes_of_env(cf, mcf);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (mcf->keys.nelts == 0) {
        rv = ngx_http_llm_keys_of_env(cf, mcf);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (mcf->users.nelts == 0) {
        rv = ngx_http_llm_admin_of_env(cf, mcf);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    rv = ngx_http_llm_history_defaults(cf, mcf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_llm_conf_env(cf, ngx_http_conf_get_module_loc_conf(cf,
                                                ngx_http_llm_router_module));
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    ngx_http_llm_body_size_apply(cf);

    return ngx_http_llm_conf_ssl(cf, mcf);
}


void *
ngx_http_llm_create_srv_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_srv_conf_t));
}


void *
ngx_http_llm_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_loc_conf_t));
    if (llcf == NULL) {
        return NULL;
    }

    llcf->enable = NGX_CONF_UNSET;
    llcf->api = NGX_CONF_UNSET;
    llcf->keys_required = NGX_CONF_UNSET;
    llcf->aliases = NGX_CONF_UNSET_PTR;
    llcf->max_concurrent = NGX_CONF_UNSET_UINT;
    llcf->group = NGX_CONF_UNSET_UINT;
    llcf->queue_size = NGX_CONF_UNSET_UINT;
    llcf->queue_timeout = NGX_CONF_UNSET_MSEC;
    llcf->tries = NGX_CONF_UNSET;
    llcf->balance = NGX_CONF_UNSET_UINT;

    llcf->upstream.connect_timeout = NGX_CONF_UNSET_MSEC;
    llcf->upstream.read_timeout = NGX_CONF_UNSET_MSEC;

    return llcf;
}


char *
ngx_http_llm_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_llm_loc_conf_t  *prev = parent;
    ngx_http_llm_loc_conf_t  *conf = child;

    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_llm_srv_conf_t   *lscf;
    ngx_http_llm_main_conf_t  *mcf;

    /* a location is the one or the other, whatever is around it */

    if (conf->api == 1 && conf->enable == NGX_CONF_UNSET) {
        conf->enable = 0;
    }

    if (conf->enable == 1 && conf->api == NGX_CONF_UNSET) {
        conf->api = 0;
    }

    ngx_conf_merge_value(conf->enable, prev->enable, 0);
    ngx_conf_merge_value(conf->api, prev->api, 0);
    ngx_conf_merge_value(conf->keys_required, prev->keys_required, 1);
    ngx_conf_merge_ptr_value(conf->aliases, prev->aliases, NULL);
    ngx_conf_merge_uint_value(conf->max_concurrent, prev->max_concurrent,
                              100);
    ngx_conf_merge_uint_value(conf->group, prev->group, 0);
    ngx_conf_merge_uint_value(conf->queue_size, prev->queue_size, 100);
    ngx_conf_merge_msec_value(conf->queue_timeout, prev->queue_timeout,
                              60000);
    ngx_conf_merge_value(conf->tries, prev->tries, 3);
    ngx_conf_merge_uint_value(conf->balance, prev->balance,
                              NGX_LLM_LEAST_LOAD);
    ngx_conf_merge_msec_value(conf->upstream.connect_timeout,
                              prev->upstream.connect_timeout, 5000);
    ngx_conf_merge_msec_value(conf->upstream.read_timeout,
                              prev->upstream.read_timeout, 60000);

    if (conf->api) {
        return ngx_http_llm_conf_api(cf, conf);
    }

    if (!conf->enable) {
        return NGX_CONF_OK;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_router_module);
    lscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_llm_router_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    mcf->enabled = 1;
    mcf->anonymous |= !conf->keys_required;
    lscf->routes = 1;

    if (clcf->handler == NULL) {
        clcf->handler = ngx_http_llm_handler;
    }

    /* an error_page of the site around it is not for programs */

    clcf->error_pages = NULL;

    ngx_http_llm_conf_upstream(conf);

    conf->upstream.ssl = mcf->ssl;

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_conf_api(ngx_conf_t *cf, ngx_http_llm_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_llm_main_conf_t  *mcf;

    if (conf->enable) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_router and llm_router_api are both on in one "
                           "location");
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_router_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == NULL) {
        clcf->handler = mcf->api_handler;
    }

    clcf->error_pages = NULL;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_llm_conf_warn(ngx_conf_t *cf)
{
    ngx_http_llm_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_router_module);

    if (!mcf->enabled) {
        return NGX_OK;
    }

    if (mcf->nodes.nelts == 0 && !mcf->api && mcf->state.len == 0) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "llm_router is on and there is no llm_router_node: "
                           "each request will be answered 503");
    }

    if (mcf->keys.nelts == 0 && !mcf->anonymous && !mcf->api
        && mcf->state.len == 0)
    {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "llm_router is on and there is no llm_router_key: "
                           "each request will be answered 401");
    }

    if (mcf->anonymous && ngx_http_llm_conf_exposed(cf)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "llm_router_keys_required is off and nginx listens "
                           "on more than the loopback: anybody may use the "
                           "nodes");
    }

    return NGX_OK;
}


/*
 * What is refused before a location is known is answered by the server's own
 * configuration.  All is merged: its locations keep the pages they got.
 */

void
ngx_http_llm_conf_pages(ngx_conf_t *cf)
{
    ngx_uint_t                   i;
    ngx_http_llm_srv_conf_t     *lscf;
    ngx_http_core_srv_conf_t   **cscf;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_core_main_conf_t   *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    cscf = cmcf->servers.elts;

    for (i = 0; i < cmcf->servers.nelts; i++) {

        lscf = cscf[i]->ctx->srv_conf[ngx_http_llm_router_module.ctx_index];

        if (lscf->routes) {
            clcf = cscf[i]->ctx->loc_conf[ngx_http_core_module.ctx_index];
            clcf->error_pages = NULL;
        }
    }
}


/* the context of TLS to nodes: the system's certificates, or those given */

static char *
ngx_http_llm_conf_ssl(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf)
{
#if (NGX_HTTP_SSL)

    ngx_pool_cleanup_t  *cln;

    mcf->ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (mcf->ssl == NULL) {
        return NGX_CONF_ERROR;
    }

    mcf->ssl->log = cf->log;

    if (ngx_ssl_create(mcf->ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(mcf->ssl);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = mcf->ssl;

    if (mcf->trusted_certificate.len) {

        if (ngx_ssl_trusted_certificate(cf, mcf->ssl,
                                        &mcf->trusted_certificate, 4)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

    } else if (SSL_CTX_set_default_verify_paths(mcf->ssl->ctx) == 0) {
        ngx_ssl_error(NGX_LOG_WARN, cf->log, 0,
                      "SSL_CTX_set_default_verify_paths() failed");
    }

    /* the handshake goes on, and nginx looks at the result then */

    SSL_CTX_set_verify_depth(mcf->ssl->ctx, 4);

    if (ngx_ssl_client_session_cache(cf, mcf->ssl, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

#endif

    return NGX_CONF_OK;
}


/* what the environment says where the http block does not */

static char *
ngx_http_llm_conf_env(ngx_conf_t *cf, ngx_http_llm_loc_conf_t *llcf)
{
    if (ngx_http_llm_conf_env_number(cf, "LLM_ROUTER_REQUEST_TIMEOUT", 1000,
                                     &llcf->upstream.read_timeout)
        != NGX_CONF_OK
        || ngx_http_llm_conf_env_number(cf, "LLM_ROUTER_CONNECT_TIMEOUT",
                                        1000,
                                        &llcf->upstream.connect_timeout)
           != NGX_CONF_OK
        || ngx_http_llm_conf_env_number(cf, "LLM_ROUTER_MAX_CONCURRENT", 1,
                                        &llcf->max_concurrent)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* one directive: what it leaves out has its default */

    if (llcf->queue_size != NGX_CONF_UNSET_UINT
        || llcf->queue_timeout != NGX_CONF_UNSET_MSEC)
    {
        return NGX_CONF_OK;
    }

    if (ngx_http_llm_conf_env_number(cf, "LLM_ROUTER_QUEUE_MAX", 1,
                                     &llcf->queue_size)
        != NGX_CONF_OK
        || ngx_http_llm_conf_env_number(cf, "LLM_ROUTER_QUEUE_TIMEOUT_SECS",
                                        1000, &llcf->queue_timeout)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_conf_env_number(ngx_conf_t *cf, const char *name,
    ngx_uint_t scale, ngx_uint_t *value)
{
    char        *text;
    ngx_int_t    n, max;
    ngx_uint_t   queue;

    text = getenv(name);

    if (*value != NGX_CONF_UNSET_UINT || text == NULL || *text == '\0') {
        return NGX_CONF_OK;
    }

    n = ngx_atoi((u_char *) text, ngx_strlen(text));

    queue = (ngx_strcmp(name, "LLM_ROUTER_QUEUE_MAX") == 0);
    max = queue ? NGX_HTTP_LLM_QUEUE_MAX : 1000000;

    if (n == NGX_ERROR || n > max || (n == 0 && !queue)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the environment variable %s=\"%s\" must be a "
                           "whole number up to %i", name, text, max);
        return NGX_CONF_ERROR;
    }

    *value = n * scale;

    return NGX_CONF_OK;
}


/* what nginx's upstream engine is told */

static void
ngx_http_llm_conf_upstream(ngx_http_llm_loc_conf_t *llcf)
{
    ngx_http_upstream_conf_t  *u;

    static ngx_str_t  host = ngx_string("llm_router");

    u = &llcf->upstream;

    llcf->peer.host = host;
    llcf->peer.peer.init = ngx_http_llm_balance_init;

    u->upstream = &llcf->peer;
    u->send_timeout = u->read_timeout;
    u->buffer_size = NGX_HTTP_LLM_BUFFER_SIZE;

    u->next_upstream = NGX_HTTP_UPSTREAM_FT_ERROR
                       |NGX_HTTP_UPSTREAM_FT_TIMEOUT
                       |NGX_HTTP_UPSTREAM_FT_INVALID_HEADER
                       |NGX_HTTP_UPSTREAM_FT_HTTP_500
                       |NGX_HTTP_UPSTREAM_FT_HTTP_502
                       |NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT;

    u->ignore_headers = 0xffff;
    u->pass_request_headers = 1;
    u->pass_request_body = 1;
    u->module.len = sizeof("llm_router") - 1;
    u->module.data = (u_char *) "llm_router";

#if (NGX_HTTP_SSL)
    u->ssl_session_reuse = 1;
    u->ssl_server_name = 1;     /* balance verifies */
#endif
}


/* does some server listen on more than the loopback? */

static ngx_uint_t
ngx_http_llm_conf_exposed(ngx_conf_t *cf)
{
    ngx_uint_t                  i, k;
    struct sockaddr            *sa;
    ngx_http_conf_port_t       *port;
    ngx_http_conf_addr_t       *addr;
    ngx_http_core_main_conf_t  *cmcf;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6        *sin6;
#endif

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (cmcf->ports == NULL) {
        return 0;
    }

    port = cmcf->ports->elts;

    for (i = 0; i < cmcf->ports->nelts; i++) {
        addr = port[i].addrs.elts;

        for (k = 0; k < port[i].addrs.nelts; k++) {
            sa = addr[k].opt.sockaddr;

            if (sa->sa_family == AF_INET
                && (ntohl(((struct sockaddr_in *) sa)->sin_addr.s_addr) >> 24)
                   != 127)
            {
                return 1;
            }

#if (NGX_HAVE_INET6)

            sin6 = (struct sockaddr_in6 *) sa;

            if (sa->sa_family == AF_INET6
                && !IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr))
            {
                return 1;
            }

#endif
        }
    }

    return 0;
}
