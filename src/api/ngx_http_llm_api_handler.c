
/*
 * From a request of the admin API to its handler: the path, who asks, what it
 * wants to be true.
 */


#include "ngx_http_llm_api_body.h"
#include "ngx_http_llm_api_handler.h"
#include "ngx_http_llm_api_routes.h"
#include "ngx_http_llm_api_session.h"
#include "ngx_http_llm_api_tag.h"
#include "ngx_http_llm_ctx.h"
#include "ngx_http_llm_error.h"


static ngx_http_llm_api_t *ngx_http_llm_api_create(ngx_http_request_t *r);
static void ngx_http_llm_api_cleanup(void *data);
static void ngx_http_llm_api_begin(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_api_route(ngx_http_llm_api_t *api);
static ngx_int_t ngx_http_llm_api_path(ngx_http_request_t *r,
    ngx_str_t *path);
static ngx_int_t ngx_http_llm_api_allowed(ngx_http_llm_api_t *api);
static ngx_int_t ngx_http_llm_api_lasting(ngx_http_llm_api_t *api);
static void ngx_http_llm_api_call(ngx_http_llm_api_t *api);


ngx_int_t
ngx_http_llm_api_handler(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    ngx_http_llm_api_t  *api;

    api = ngx_http_llm_api_create(r);
    if (api == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* a body that is of no use is read all the same: keep-alive */

    rc = ngx_http_read_client_request_body(r, ngx_http_llm_api_begin);

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


char *
ngx_http_llm_api_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t  *llcf = conf;

    char                      *rv;
    ngx_http_llm_main_conf_t  *mcf;

    rv = ngx_conf_set_flag_slot(cf, cmd, conf);

    if (rv == NGX_CONF_OK && llcf->api) {
        mcf = ngx_http_conf_get_module_main_conf(cf,
                                                 ngx_http_llm_router_module);
        mcf->api = 1;
        mcf->api_handler = ngx_http_llm_api_handler;
    }

    return rv;
}


static ngx_http_llm_api_t *
ngx_http_llm_api_create(ngx_http_request_t *r)
{
    ngx_http_llm_api_t  *api;
    ngx_http_llm_ctx_t  *ctx;
    ngx_pool_cleanup_t  *cln;

    ctx = ngx_http_llm_get_ctx(r);
    if (ctx == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_llm_api_t));
    if (cln == NULL) {
        return NULL;
    }

    api = cln->data;

    ngx_memzero(api, sizeof(ngx_http_llm_api_t));

    /* its conditions are obeyed before anything is done, not afterwards */

    r->disable_not_modified = 1;

    api->request = r;
    api->who.key = NGX_LLM_KEY_NONE;

    api->timer.handler = ngx_http_llm_api_timer;
    api->timer.data = api;
    api->timer.log = r->connection->log;

    cln->handler = ngx_http_llm_api_cleanup;

    ctx->api = api;

    return api;
}


static void
ngx_http_llm_api_cleanup(void *data)
{
    ngx_http_llm_api_t  *api = data;

    if (api->timer.timer_set) {
        ngx_del_timer(&api->timer);
    }

    json_decref(api->body);
    json_decref(api->result);
}


static void
ngx_http_llm_api_begin(ngx_http_request_t *r)
{
    ngx_http_llm_ctx_t  *ctx;
    ngx_http_llm_api_t  *api;

    ctx = ngx_http_llm_ctx(r);
    api = ctx->api;

    /* nothing is read any more until the answer is out */

    r->read_event_handler = ngx_http_block_reading;

    if (ngx_http_llm_api_route(api) != NGX_OK
        || ngx_http_llm_api_allowed(api) != NGX_OK
        || ngx_http_llm_api_tag_conditions(api) != NGX_OK
        || ngx_http_llm_api_lasting(api) != NGX_OK)
    {
        return;
    }

    ngx_http_llm_api_body(api, ngx_http_llm_api_call);
}


static void
ngx_http_llm_api_call(ngx_http_llm_api_t *api)
{
    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, api->request->connection->log, 0,
                   "llm api: %s by \"%V\"", api->route->path, &api->who.name);

    api->route->handler(api);
}


/* the row of this method and path; otherwise the request was ended */

static ngx_int_t
ngx_http_llm_api_route(ngx_http_llm_api_t *api)
{
    ngx_str_t            path, allow;
    ngx_uint_t           method;
    ngx_http_request_t  *r;

    r = api->request;

    ngx_str_null(&allow);

    method = (r->method == NGX_HTTP_HEAD) ? NGX_HTTP_GET : r->method;

    if (ngx_http_llm_api_path(r, &path) == NGX_OK) {
        api->route = ngx_http_llm_api_find(r->pool, method, &path, &api->id,
                                           &allow);
        if (api->route) {
            return NGX_OK;
        }
    }

    if (allow.len == 0) {
        ngx_http_llm_api_fail(api, NGX_HTTP_NOT_FOUND, "unknown_url", NULL,
                              "Unknown URL");
        return NGX_ERROR;
    }

    (void) ngx_http_llm_api_header(api, "allow", &allow);

    ngx_http_llm_api_fail(api, NGX_HTTP_NOT_ALLOWED, "method_not_allowed",
                          NULL, "Method not allowed for this URL");
    return NGX_ERROR;
}


/*
 * The path after the first "/api" of the URI.  No path of ours wants an
 * escape, a dot or an empty segment: who sends one wants to get past a rule
 * of somebody's.
 */

static ngx_int_t
ngx_http_llm_api_path(ngx_http_request_t *r, ngx_str_t *path)
{
    u_char      ch, last, *p;
    size_t      i;
    ngx_str_t  *uri;

    last = '\0';
    uri = &r->unparsed_uri;

    for (i = 0; i < uri->len && uri->data[i] != '?'; i++) {
        ch = uri->data[i];

        if (ch == '%' || ch == '#' || (last == '/' && (ch == '/' || ch == '.')))
        {
            return NGX_DECLINED;
        }

        last = ch;
    }

    p = ngx_strnstr(r->uri.data, "/api/", r->uri.len);

    if (p == NULL) {
        return NGX_DECLINED;
    }

    path->data = p + sizeof("/api") - 1;
    path->len = r->uri.data + r->uri.len - path->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_api_allowed(ngx_http_llm_api_t *api)
{
    if (api->route->role == NGX_LLM_ROLE_NONE) {
        return NGX_OK;
    }

    if (ngx_http_llm_api_who(api) != NGX_OK) {
        return NGX_ERROR;
    }

    if (api->who.role >= api->route->role) {
        return NGX_OK;
    }

    ngx_http_llm_api_fail(api, NGX_HTTP_FORBIDDEN, "forbidden", NULL,
                          "This needs the role admin");
    return NGX_ERROR;
}


/*
 * Would a change be in the state file?  Not while a router that was started
 * later owns that, as in a binary upgrade: nobody is told that it was made.
 */

static ngx_int_t
ngx_http_llm_api_lasting(ngx_http_llm_api_t *api)
{
    static const ngx_str_t  later = ngx_string("1");

    if (!(api->route->flags & NGX_HTTP_LLM_API_SAVED)
        || ngx_http_llm_worker.zone->saved.failed != EBUSY)
    {
        return NGX_OK;
    }

    (void) ngx_http_llm_api_header(api, "retry-after", &later);

    ngx_http_llm_api_fail(api, NGX_HTTP_SERVICE_UNAVAILABLE, "state_in_use",
                          NULL, "Another router, which was started later, "
                          "has the state file: what is changed here would "
                          "be lost with this one");
    return NGX_ERROR;
}
