
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_heartbeat.h"


ngx_uint_t
ngx_llm_heartbeat_silent(const ngx_llm_node_t *node, ngx_msec_t now)
{
    ngx_atomic_uint_t  heard;

    heard = node->heard;

    /* heard by another worker it may be in the future */

    return node->conf.registered
           && heard
           && (ngx_msec_int_t) (now - (ngx_msec_t) heard)
              > NGX_LLM_HEARTBEAT_SILENT;
}


void
ngx_llm_heartbeat_tick(ngx_llm_zone_t *zone, ngx_msec_t now)
{
    uint32_t              i;
    ngx_llm_node_t       *node;
    ngx_atomic_uint_t     version;
    ngx_llm_node_conf_t   conf;

    for (i = 0; i < zone->nodes->used; i++) {
        node = &zone->nodes->node[i];

        if (node->use != NGX_LLM_NODE_USED || !node->conf.registered) {
            continue;
        }

        if (node->heard == 0) {
            (void) ngx_atomic_cmp_set(&node->heard, 0, ngx_max(now, 1));
            continue;
        }

        if (!node->online || !ngx_llm_heartbeat_silent(node, now)) {
            continue;
        }

        node->online = 0;
        node->passes = 0;

        if (ngx_llm_nodes_read(zone->nodes, i, &conf, &version) == NGX_OK) {
            ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                          "llm node \"%s\" is offline: no heartbeat for %d s",
                          conf.name, NGX_LLM_HEARTBEAT_SILENT / 1000);
        }
    }
}
