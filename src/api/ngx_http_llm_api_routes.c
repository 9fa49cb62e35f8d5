
/*
 * What there is: the table of the admin API.
 */


#include "ngx_http_llm_api_routes.h"
#include "ngx_http_llm_api_events.h"
#include "ngx_http_llm_api_export.h"
#include "ngx_http_llm_api_health.h"
#include "ngx_http_llm_api_history.h"
#include "ngx_http_llm_api_keys.h"
#include "ngx_http_llm_api_models.h"
#include "ngx_http_llm_api_nodes.h"
#include "ngx_http_llm_api_register.h"
#include "ngx_http_llm_api_session.h"
#include "ngx_http_llm_api_stats.h"


static ngx_uint_t ngx_http_llm_api_fits(const char *pattern,
    const ngx_str_t *path, ngx_str_t *id);
static void ngx_http_llm_api_allow(ngx_pool_t *pool, ngx_uint_t methods,
    ngx_str_t *allow);


#define NGX_HTTP_LLM_OPEN    NGX_LLM_ROLE_NONE      /* or it checks itself */
#define NGX_HTTP_LLM_VIEWER  NGX_LLM_ROLE_VIEWER
#define NGX_HTTP_LLM_ADMIN   NGX_LLM_ROLE_ADMIN

#define NGX_HTTP_LLM_TAGGED  NGX_HTTP_LLM_API_TAGGED
#define NGX_HTTP_LLM_SAVED   NGX_HTTP_LLM_API_SAVED


static const ngx_http_llm_api_route_t  ngx_http_llm_api_routes[] = {

    { NGX_HTTP_GET, "/version", NGX_HTTP_LLM_OPEN,
      ngx_http_llm_api_version, 0 },

    { NGX_HTTP_GET, "/health", NGX_HTTP_LLM_OPEN,
      ngx_http_llm_api_health, 0 },

    { NGX_HTTP_POST, "/auth/login", NGX_HTTP_LLM_OPEN,
      ngx_http_llm_api_login, 0 },

    { NGX_HTTP_GET, "/auth/me", NGX_HTTP_LLM_VIEWER,
      ngx_http_llm_api_me, 0 },

    { NGX_HTTP_POST, "/auth/logout", NGX_HTTP_LLM_VIEWER,
      ngx_http_llm_api_logout, 0 },

    { NGX_HTTP_GET, "/nodes", NGX_HTTP_LLM_VIEWER,
      ngx_http_llm_api_nodes, 0 },

    { NGX_HTTP_POST, "/nodes", NGX_HTTP_LLM_ADMIN,
      ngx_http_llm_api_node_create,
      NGX_HTTP_LLM_TAGGED|NGX_HTTP_LLM_SAVED },

    { NGX_HTTP_POST, "/nodes/register", NGX_HTTP_LLM_OPEN,
      ngx_http_llm_api_node_register,
      NGX_HTTP_LLM_SAVED },

    { NGX_HTTP_GET, "/nodes/{id}", NGX_HTTP_LLM_VIEWER,
      ngx_http_llm_api_node, 0 },

    { NGX_HTTP_PATCH, "/nodes/{id}", NGX_HTTP_LLM_ADMIN,
      ngx_http_llm_api_node_change,
      NGX_HTTP_LLM_TAGGED|NGX_HTTP_LLM_SAVED },

    { NGX_HTTP_DELETE, "/nodes/{id}", NGX_HTTP_LLM_ADMIN,
      ngx_http_llm_api_node_delete,
      NGX_HTTP_LLM_TAGGED|NGX_HTTP_LLM_SAVED },

    { NGX_HTTP_POST, "/nodes/{id}/drain", NGX_HTTP_LLM_ADMIN,
      ngx_http_llm_api_node_drain,
      NGX_HTTP_LLM_TAGGED|NGX_HTTP_LLM_SAVED },

    { NGX_HTTP_POST, "/nodes/{id}/resume", NGX_HTTP_LLM_ADMIN,
      ngx_http_llm_api_node_resume,
      NGX_HTTP_LLM_TAGGED|NGX_HTTP_LLM_SAVED },

    { NGX_HTTP_POST, "/nodes/{id}/check", NGX_HTTP_LLM_ADMIN,
      ngx_http_llm_api_node_check, 0 },

    { NGX_HTTP_POST, "/nodes/{id}/approve", NGX_HTTP_LLM_ADMIN,
      ngx_http_llm_api_node_approve,
      NGX_HTTP_LLM_TAGGED|NGX_HTTP_LLM_SAVED },

    { NGX_HTTP_POST, "/nodes/{id}/heartbeat", NGX_HTTP_LLM_OPEN,
      ngx_http_llm_api_node_heartbeat, 0 },

    { NGX_HTTP_GET, "/keys", NGX_HTTP_LLM_VIEWER,
      ngx_http_llm_api_keys, 0 },

    { NGX_HTTP_POST, "/keys", NGX_HTTP_LLM_ADMIN,
      ngx_http_llm_api_key_create,
      NGX_HTTP_LLM_SAVED },

    { NGX_HTTP_GET, "/keys/{id}", NGX_HTTP_LLM_VIEWER,
      ngx_http_llm_api_key, 0 },

    { NGX_HTTP_PATCH, "/keys/{id}", NGX_HTTP_LLM_ADMIN,
      ngx_http_llm_api_key_change,
      NGX_HTTP_LLM_TAGGED|NGX_HTTP_LLM_SAVED },

    { NGX_HTTP_DELETE, "/keys/{id}", NGX_HTTP_LLM_ADMIN,
      ngx_http_llm_api_key_delete,
      NGX_HTTP_LLM_TAGGED|NGX_HTTP_LLM_SAVED },

    { NGX_HTTP_GET, "/models", NGX_HTTP_LLM_VIEWER,
      ngx_http_llm_api_models, 0 },

    { NGX_HTTP_GET, "/history", NGX_HTTP_LLM_VIEWER,
      ngx_http_llm_api_history, 0 },

    { NGX_HTTP_GET, "/history/export", NGX_HTTP_LLM_VIEWER,
      ngx_http_llm_api_export, 0 },
    { NGX_HTTP_GET, "/history/{id}", NGX_HTTP_LLM_VIEWER,
      ngx_http_llm_api_history_one, 0 },

    { NGX_HTTP_GET, "/stats", NGX_HTTP_LLM_VIEWER,
      ngx_http_llm_api_stats, 0 },

    { NGX_HTTP_GET, "/stats/series", NGX_HTTP_LLM_VIEWER,
      ngx_http_llm_api_series, 0 },

    { NGX_HTTP_GET, "/events", NGX_HTTP_LLM_VIEWER,
      ngx_http_llm_api_events, 0 },

    { 0, NULL, 0, NULL, 0 }
};


static const struct {
    ngx_uint_t   method;
    const char  *name;
} ngx_http_llm_api_methods[] = {
    { NGX_HTTP_GET, "GET, HEAD" },
    { NGX_HTTP_POST, "POST" },
    { NGX_HTTP_PATCH, "PATCH" },
    { NGX_HTTP_DELETE, "DELETE" }
};


const ngx_http_llm_api_route_t *
ngx_http_llm_api_find(ngx_pool_t *pool, ngx_uint_t method,
    const ngx_str_t *path, ngx_str_t *id, ngx_str_t *allow)
{
    ngx_str_t                        found;
    ngx_uint_t                       methods;
    const ngx_http_llm_api_route_t  *row;

    methods = 0;

    for (row = ngx_http_llm_api_routes; row->path; row++) {

        if (!ngx_http_llm_api_fits(row->path, path, &found)) {
            continue;
        }

        if (row->method == method) {
            *id = found;
            return row;
        }

        methods |= row->method;
    }

    ngx_http_llm_api_allow(pool, methods, allow);

    return NULL;
}


static ngx_uint_t
ngx_http_llm_api_fits(const char *pattern, const ngx_str_t *path,
    ngx_str_t *id)
{
    u_char  *p, *last;

    ngx_str_null(id);

    p = path->data;
    last = p + path->len;

    while (*pattern) {

        if (*pattern != '{') {

            if (p == last || *p++ != (u_char) *pattern++) {
                return 0;
            }

            continue;
        }

        pattern += sizeof("{id}") - 1;

        id->data = p;

        while (p < last && *p != '/') {
            p++;
        }

        id->len = p - id->data;

        if (id->len == 0) {
            return 0;
        }
    }

    return p == last;
}


static void
ngx_http_llm_api_allow(ngx_pool_t *pool, ngx_uint_t methods,
    ngx_str_t *allow)
{
    u_char      *p;
    ngx_uint_t   i, n;

    ngx_str_null(allow);

    if (methods == 0) {
        return;
    }

    p = ngx_pnalloc(pool, sizeof("GET, HEAD, POST, PATCH, DELETE"));
    if (p == NULL) {
        return;
    }

    allow->data = p;

    n = sizeof(ngx_http_llm_api_methods) / sizeof(ngx_http_llm_api_methods[0]);

    for (i = 0; i < n; i++) {
        if (methods & ngx_http_llm_api_methods[i].method) {
            p = ngx_sprintf(p, "%s%s", (p == allow->data) ? "" : ", ",
                            ngx_http_llm_api_methods[i].name);
        }
    }

    allow->len = p - allow->data;
}
