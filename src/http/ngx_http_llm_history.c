
#include "ngx_llm_flush.h"
#include "ngx_llm_query.h"
#include "ngx_http_llm_history.h"
#include "ngx_http_llm_record.h"


/* ms that a worker keeps the lease without a sign of life */
#define NGX_HTTP_LLM_HISTORY_LEASE  5000


static ngx_int_t ngx_http_llm_history_name(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf, ngx_str_t *name);
static ngx_int_t ngx_http_llm_history_init(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_int_t ngx_http_llm_history_flush(ngx_cycle_t *cycle,
    ngx_http_llm_main_conf_t *mcf);
static ngx_uint_t ngx_http_llm_history_lease(void);
static void ngx_http_llm_history_leave(void);


static ngx_uint_t (*ngx_http_llm_history_dead)(ngx_pid_t pid);


ngx_int_t
ngx_http_llm_add_history(ngx_conf_t *cf)
{
    ngx_str_t                   name;
    ngx_uint_t                  records;
    ngx_shm_zone_t             *zone;
    ngx_http_handler_pt        *h;
    ngx_http_llm_main_conf_t   *mcf;
    ngx_http_core_main_conf_t  *cmcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_router_module);

    if (mcf->shm_zone == NULL) {
        return NGX_OK;
    }

    if (ngx_http_llm_history_name(cf, mcf, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    records = ngx_llm_history_records(mcf->history_size, mcf->history_bodies);

    zone = ngx_shared_memory_add(cf, &name,
                                 ngx_llm_history_size(records,
                                                      mcf->history_bodies),
                                 &ngx_http_llm_router_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->init = ngx_http_llm_history_init;
    zone->data = mcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_llm_record_handler;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_history_name(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf,
    ngx_str_t *name)
{
    name->len = mcf->zone_name.len + sizeof("_history") - 1;

    name->data = ngx_pnalloc(cf->pool, name->len + 1);
    if (name->data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(name->data, "%V_history%Z", &mcf->zone_name);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_history_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_llm_main_conf_t  *mcf = shm_zone->data;
    ngx_http_llm_main_conf_t  *old = data;

    uint64_t          id;
    ngx_slab_pool_t  *shpool;

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (old || shm_zone->shm.exists) {
        mcf->history = old ? old->history : shpool->data;

        if (!ngx_llm_history_known(mcf->history)) {
            ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                          "zone \"%V\" is of another version",
                          &shm_zone->shm.name);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    if (RAND_bytes((u_char *) &id, sizeof(id)) != 1) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "RAND_bytes() failed");
        return NGX_ERROR;
    }

    mcf->history = ngx_llm_history_create(shpool,
                       ngx_llm_history_records(mcf->history_size,
                                               mcf->history_bodies),
                       mcf->history_bodies, id);

    if (mcf->history == NULL) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "zone \"%V\" is too small", &shm_zone->shm.name);
        return NGX_ERROR;
    }

    shpool->data = mcf->history;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_history_start(ngx_cycle_t *cycle, ngx_http_llm_main_conf_t *mcf,
    ngx_uint_t (*dead)(ngx_pid_t pid))
{
    ngx_http_llm_worker_t  *w;

    w = &ngx_http_llm_worker;

    ngx_http_llm_history_dead = dead;

    w->history = mcf->history;
    w->intent = ngx_llm_ring_open(mcf->history->ring, ngx_process_slot,
                                  ngx_pid);

    if (w->intent == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "the history's zone is too small for another worker");
        return NGX_ERROR;
    }

    if (ngx_http_llm_history_flush(cycle, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    /* at once, where who had it is dead */

    (void) ngx_http_llm_history_lease();

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_history_flush(ngx_cycle_t *cycle, ngx_http_llm_main_conf_t *mcf)
{
    ngx_llm_flush_conf_t  conf;

    if (mcf->redis && mcf->redis_tls) {
        mcf->redis->ssl = mcf->ssl;
    }

    conf.history = mcf->history;
    conf.redis = mcf->redis;
    conf.router = cycle->hostname;
    conf.size = mcf->history_size;
    conf.retention = mcf->history_retention;

    ngx_llm_query_start(cycle, mcf->redis);

    return ngx_llm_flush_start(cycle, &conf);
}


void
ngx_http_llm_history_tick(void)
{
    ngx_llm_zone_t         *zone;
    ngx_http_llm_worker_t  *w;

    w = &ngx_http_llm_worker;
    zone = w->zone;

    if (ngx_exiting) {

        /* those who stay go on with it */

        ngx_http_llm_history_leave();
        return;
    }

    if (!ngx_http_llm_history_lease()) {
        return;
    }

    (void) ngx_llm_ring_reclaim(w->history->ring, ngx_http_llm_history_dead);

    ngx_llm_stats_tick(w->history->stats, ngx_time(),
                       ngx_llm_limits_sum(zone->limits, 0,
                                          NGX_LLM_ZONE_GROUPS),
                       zone->queue->n);
}


static ngx_uint_t
ngx_http_llm_history_lease(void)
{
    return ngx_llm_zone_lease(&ngx_http_llm_worker.history->lease, ngx_pid,
                              NGX_HTTP_LLM_HISTORY_LEASE,
                              ngx_http_llm_history_dead);
}


static void
ngx_http_llm_history_leave(void)
{
    ngx_llm_history_t  *history;

    history = ngx_http_llm_worker.history;

    (void) ngx_atomic_cmp_set(&history->lease.pid, ngx_pid, 0);
}


void
ngx_http_llm_history_stop(void)
{
    ngx_http_llm_worker_t  *w;

    w = &ngx_http_llm_worker;

    if (w->history == NULL) {
        return;
    }

    ngx_llm_query_stop();

    /* of several that exit together the last one writes what is left */

    if (ngx_http_llm_history_lease()) {
        ngx_llm_flush_stop();
        ngx_http_llm_history_leave();
    }

    ngx_llm_ring_close(w->intent);

    w->history = NULL;
    w->intent = NULL;
}
