
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_zone.h"


ngx_llm_zone_t *
ngx_llm_zone_create(ngx_slab_pool_t *shpool, size_t size)
{
    ngx_uint_t       nodes, keys;
    ngx_llm_zone_t  *zone;

    nodes = ngx_llm_zone_nodes(size);
    keys = ngx_llm_zone_keys(size);

    zone = ngx_slab_calloc(shpool, sizeof(ngx_llm_zone_t));
    if (zone == NULL) {
        return NULL;
    }

    zone->version = NGX_LLM_ZONE_VERSION;
    zone->shpool = shpool;

    zone->limits = ngx_llm_limits_create(shpool, NGX_LLM_ZONE_GROUPS
                                                 + 2 * nodes + keys);
    if (zone->limits == NULL) {
        return NULL;
    }

    zone->nodes = ngx_llm_nodes_create(shpool, nodes);
    if (zone->nodes == NULL) {
        return NULL;
    }

    zone->models = ngx_llm_models_create(shpool);
    if (zone->models == NULL) {
        return NULL;
    }

    zone->nodes->wanted = &zone->models->wanted;

    zone->keys = ngx_llm_keys_create(shpool, keys);
    if (zone->keys == NULL) {
        return NULL;
    }

    zone->keys->in_flight = &zone->limits->count[
                                             ngx_llm_key_in_flight(zone, 0)];

    zone->queue = ngx_llm_queue_create(shpool, zone->keys,
                                       ngx_llm_zone_queue(size));
    if (zone->queue == NULL) {
        return NULL;
    }

    zone->sessions = ngx_llm_sessions_create(shpool);
    if (zone->sessions == NULL) {
        return NULL;
    }

    zone->budget.left = NGX_LLM_BUDGET_FULL;

    ngx_memory_barrier();

    zone->magic = NGX_LLM_ZONE_MAGIC;

    return zone;
}


ngx_uint_t
ngx_llm_zone_known(ngx_llm_zone_t *zone)
{
    return zone
           && zone->magic == NGX_LLM_ZONE_MAGIC
           && zone->version == NGX_LLM_ZONE_VERSION;
}


ngx_uint_t
ngx_llm_zone_node_idle(void *data, uint32_t i)
{
    ngx_llm_zone_t  *zone = data;

    return ngx_llm_limits_count(zone->limits,
                                ngx_llm_node_in_flight(zone, i))
           == 0
           && (ngx_atomic_int_t) (zone->models->built
                                  - zone->nodes->node[i].left)
              >= 0;
}


ngx_uint_t
ngx_llm_zone_lease(ngx_llm_lease_t *lease, ngx_pid_t pid, ngx_msec_t ms,
    ngx_uint_t (*dead)(ngx_pid_t pid))
{
    ngx_atomic_uint_t  holder;

    holder = lease->pid;

    if (holder != (ngx_atomic_uint_t) pid) {

        if (holder
            && !dead((ngx_pid_t) holder)
            && (ngx_msec_int_t) (lease->until - ngx_current_msec) > 0)
        {
            return 0;
        }

        /* before the swap: who comes just behind it finds it taken */

        lease->until = ngx_current_msec + ms;

        return ngx_atomic_cmp_set(&lease->pid, holder, pid);
    }

    lease->until = ngx_current_msec + ms;

    return 1;
}
