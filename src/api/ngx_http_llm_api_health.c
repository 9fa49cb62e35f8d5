
/*
 * What anybody may see: the version, and whether all is well.  Open, so it
 * names no node, no directory and no number of keys.
 */


#include "ngx_http_llm_api_health.h"
#include "ngx_http_llm_api_input.h"


static ngx_uint_t ngx_http_llm_api_health_away(void);
static json_t *ngx_http_llm_api_health_history(void);
static ngx_uint_t ngx_http_llm_api_health_lost(ngx_llm_zone_t *zone);
static json_t *ngx_http_llm_api_health_state(ngx_llm_zone_t *zone);
static json_t *ngx_http_llm_api_health_error(ngx_llm_zone_t *zone);
static json_t *ngx_http_llm_api_health_nodes(ngx_llm_zone_t *zone);


void
ngx_http_llm_api_version(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_reply(api, NGX_HTTP_OK,
                           json_pack("{s:s,s:s,s:s}", "name",
                                     "ngx_http_llm_router_module", "version",
                                     NGX_HTTP_LLM_VERSION, "nginx",
                                     NGINX_VERSION));
}


void
ngx_http_llm_api_health(ngx_http_llm_api_t *api)
{
    ngx_uint_t       bad;
    ngx_llm_zone_t  *zone;

    zone = ngx_http_llm_worker.zone;

    bad = ngx_http_llm_api_health_lost(zone)
          || ngx_http_llm_api_health_away();

    ngx_http_llm_api_reply(api, NGX_HTTP_OK,
                           json_pack("{s:s,s:o,s:o,s:o}",
                                     "status", bad ? "degraded" : "ok",
                                     "nodes",
                                     ngx_http_llm_api_health_nodes(zone),
                                     "state",
                                     ngx_http_llm_api_health_state(zone),
                                     "history",
                                     ngx_http_llm_api_health_history()));
}


static ngx_uint_t
ngx_http_llm_api_health_away(void)
{
    return ngx_http_llm_worker.mcf->redis != NULL
           && ngx_llm_flushed_away(&ngx_http_llm_worker.history->redis);
}


/* why it is away stands in /api/stats: that may name a host */

static json_t *
ngx_http_llm_api_health_history(void)
{
    if (ngx_http_llm_worker.mcf->redis == NULL) {
        return json_null();
    }

    return json_pack("{s:b}", "ok", !ngx_http_llm_api_health_away());
}


static json_t *
ngx_http_llm_api_health_nodes(ngx_llm_zone_t *zone)
{
    uint32_t    i;
    ngx_uint_t  state, online, total;

    online = 0;
    total = 0;

    for (i = 0; i < zone->nodes->used; i++) {

        if (zone->nodes->node[i].use != NGX_LLM_NODE_USED) {
            continue;
        }

        state = ngx_llm_node_state(&zone->nodes->node[i], ngx_current_msec);

        total++;
        online += (state == NGX_LLM_STATE_ONLINE);
    }

    return json_pack("{s:i,s:i}", "total", (int) total, "online",
                     (int) online);
}


static json_t *
ngx_http_llm_api_health_state(ngx_llm_zone_t *zone)
{
    if (ngx_http_llm_worker.mcf->state.len == 0) {
        return json_null();
    }

    return json_pack("{s:b,s:o,s:o,s:b}", "ok",
                     !ngx_http_llm_api_health_lost(zone), "error",
                     ngx_http_llm_api_health_error(zone), "written_at",
                     ngx_http_llm_api_json_time((time_t) zone->saved.when),
                     "pending", zone->saved.changed != zone->saved.saved);
}


/* something of it, when it was read, or when it is to be written */

static ngx_uint_t
ngx_http_llm_api_health_lost(ngx_llm_zone_t *zone)
{
    return zone->saved.failed || zone->saved.state != NGX_LLM_SAVED_WELL;
}


static json_t *
ngx_http_llm_api_health_error(ngx_llm_zone_t *zone)
{
    char        *name;
    time_t       aside;
    const char  *what;

    if (zone->saved.failed) {
        return json_string(strerror((int) zone->saved.failed));
    }

    switch (zone->saved.state) {

    case NGX_LLM_SAVED_WELL:
        return json_null();

    case NGX_LLM_SAVED_REFUSED:
        return json_string("not ours, neither read nor written");

    case NGX_LLM_SAVED_ASIDE:
        what = "could not be read";
        break;

    default: /* NGX_LLM_SAVED_SKIPPED */
        what = "rows of it were skipped";
    }

    aside = (time_t) zone->saved.aside;

    if (aside == 0) {
        return json_string(what);
    }

    name = strrchr((char *) ngx_http_llm_worker.mcf->state.data, '/');

    return json_sprintf("%s, set aside as %s.broken.%lld", what,
                        name ? name + 1 : "state", (long long) aside);
}
