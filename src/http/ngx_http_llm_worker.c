
#include "ngx_llm_heartbeat.h"
#include "ngx_llm_index.h"
#include "ngx_llm_load.h"
#include "ngx_llm_probe.h"
#include "ngx_llm_resolver.h"
#include "ngx_llm_save.h"
#include "ngx_llm_task.h"
#include "ngx_llm_text.h"
#include "ngx_llm_wake.h"
#include "ngx_http_llm_worker.h"
#include "ngx_http_llm_conf_admin.h"
#include "ngx_http_llm_finish.h"
#include "ngx_http_llm_history.h"
#include "ngx_http_llm_park.h"
#include "ngx_http_llm_peer.h"
#include "ngx_http_llm_seed.h"
#include "ngx_http_llm_seen.h"


/* ms between looks after workers that are gone and calls that were lost */
#define NGX_HTTP_LLM_TICK  1000

/* 10 ms each: master starts no worker again that gave up */
#define NGX_HTTP_LLM_LEDGER_TRIES  1000

/* process slots that are woken at once rather than by their own tick */
#define NGX_HTTP_LLM_WAKE  128


static ngx_int_t ngx_http_llm_init_zone(ngx_shm_zone_t *shm_zone, void *data);
static ngx_int_t ngx_http_llm_fits_zone(ngx_http_llm_main_conf_t *mcf,
    ngx_llm_zone_t *zone, ngx_log_t *log);
static ngx_int_t ngx_http_llm_read_state(ngx_http_llm_main_conf_t *mcf,
    ngx_uint_t is_new, ngx_log_t *log);
static ngx_int_t ngx_http_llm_take_state(ngx_http_llm_main_conf_t *mcf,
    ngx_log_t *log);
static ngx_int_t ngx_http_llm_start_background(ngx_cycle_t *cycle,
    ngx_http_llm_main_conf_t *mcf);
static ngx_int_t ngx_http_llm_start_probe(ngx_cycle_t *cycle,
    ngx_http_llm_main_conf_t *mcf);
static void ngx_http_llm_save_conf(ngx_http_llm_main_conf_t *mcf,
    ngx_llm_save_conf_t *conf);
static void ngx_http_llm_recover(ngx_llm_zone_t *zone);
static void ngx_http_llm_tick(ngx_event_t *ev);
static void ngx_http_llm_online(uint32_t node);
static void ngx_http_llm_forget(void *data, ngx_uint_t slot);
static ngx_uint_t ngx_http_llm_dead(ngx_pid_t pid);


ngx_http_llm_worker_t  ngx_http_llm_worker;

static ngx_event_t           ngx_http_llm_ticker;


ngx_int_t
ngx_http_llm_add_zone(ngx_conf_t *cf)
{
    ngx_http_llm_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_router_module);

    if (!mcf->enabled && !mcf->api) {
        return NGX_OK;
    }

    if (mcf->zone_size == 0) {
        ngx_str_set(&mcf->zone_name, "llm_router");
        mcf->zone_size = 32 * 1024 * 1024;
    }

    mcf->shm_zone = ngx_shared_memory_add(cf, &mcf->zone_name, mcf->zone_size,
                                          &ngx_http_llm_router_module);
    if (mcf->shm_zone == NULL) {
        return NGX_ERROR;
    }

    mcf->cycle = cf->cycle;

    mcf->shm_zone->init = ngx_http_llm_init_zone;
    mcf->shm_zone->data = mcf;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_init_module(ngx_cycle_t *cycle)
{
    ngx_core_conf_t           *ccf;
    ngx_http_llm_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_llm_router_module);

    if (mcf == NULL || ngx_test_config) {
        return NGX_OK;
    }

    if (mcf->zone == NULL) {

        /* nobody can log in, and no password is left */

        ngx_http_llm_conf_admin_seed(mcf, cycle->log);
        return NGX_OK;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    ngx_llm_wake_create(cycle->log,
                        ngx_max(4 * (ngx_uint_t) ccf->worker_processes,
                                NGX_HTTP_LLM_WAKE));

    ngx_llm_queue_notify = ngx_llm_wake;

    if (!mcf->seeded) {
        ngx_http_llm_seed(mcf, cycle->log);
    }

    if (ngx_http_llm_take_state(mcf, cycle->log) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_llm_seed_look(mcf, cycle->log);

    ngx_http_llm_conf_admin_seed(mcf, cycle->log);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_init_process(ngx_cycle_t *cycle)
{
    uint64_t                   id;
    ngx_uint_t                 i;
    ngx_llm_zone_t            *zone;
    ngx_http_llm_worker_t     *w;
    ngx_http_llm_main_conf_t  *mcf;

    /* for the debug log of timers, which wants a descriptor */
    static ngx_connection_t    dummy;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_llm_router_module);

    if (mcf == NULL || mcf->zone == NULL) {
        return NGX_OK;
    }

    w = &ngx_http_llm_worker;
    zone = mcf->zone;

    ngx_memzero(w, sizeof(ngx_http_llm_worker_t));
    ngx_queue_init(&w->parked);

    w->mcf = mcf;

    w->peers = ngx_pcalloc(cycle->pool, zone->nodes->max
                                        * sizeof(ngx_http_llm_peer_t *));
    if (w->peers == NULL) {
        return NGX_ERROR;
    }

    /*
     * Its predecessor's holdings may take a moment to be told apart; and in a
     * full zone one that ends leaves its ledger to the next.
     */

    for (i = 0; w->ledger == NULL && i < NGX_HTTP_LLM_LEDGER_TRIES; i++) {

        if (i) {
            (void) ngx_llm_limits_reclaim(zone->limits, zone->shpool,
                                          ngx_http_llm_dead,
                                          ngx_http_llm_forget, zone);
            ngx_msleep(10);
        }

        w->ledger = ngx_llm_limits_open(zone->limits, zone->shpool,
                                        ngx_process_slot, ngx_pid);
    }

    if (w->ledger == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "llm_router_zone \"%V\" is too small for another worker",
                      &mcf->zone_name);
        return NGX_ERROR;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);
    ngx_llm_queue_forget_locked(zone->queue, ngx_process_slot);
    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (RAND_bytes((u_char *) &id, sizeof(id)) != 1
        || RAND_bytes((u_char *) &w->random, sizeof(w->random)) != 1
        || RAND_bytes((u_char *) w->hash_key, sizeof(w->hash_key)) != 1)
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "RAND_bytes() failed");
        return NGX_ERROR;
    }

    ngx_llm_hex64(w->id, id);
    w->random |= 1;

    if (ngx_http_llm_seen_create(zone->keys->max, cycle->log) != NGX_OK
        || ngx_llm_wake_listen(cycle, ngx_process_slot, ngx_http_llm_unpark)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    w->zone = zone;

    dummy.fd = (ngx_socket_t) -1;

    ngx_http_llm_ticker.handler = ngx_http_llm_tick;
    ngx_http_llm_ticker.log = cycle->log;
    ngx_http_llm_ticker.data = &dummy;
    ngx_http_llm_ticker.cancelable = 1;

    ngx_add_timer(&ngx_http_llm_ticker, NGX_HTTP_LLM_TICK);

    return ngx_http_llm_start_background(cycle, mcf);
}


/* what a worker does beside its requests */

static ngx_int_t
ngx_http_llm_start_background(ngx_cycle_t *cycle,
    ngx_http_llm_main_conf_t *mcf)
{
    ngx_llm_save_conf_t  save;

    ngx_http_llm_save_conf(mcf, &save);

    if (ngx_llm_tasks_start(cycle) != NGX_OK
        || ngx_llm_save_start(cycle, &save) != NGX_OK
        || ngx_llm_resolver_start(cycle, mcf->zone, &mcf->node_allow)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llm_history_start(cycle, mcf, ngx_http_llm_dead) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_start_probe(cycle, mcf);
}


/*
 * The master.  A zone that is new gets all there is while a reload can still
 * be given up: were init_module to fail, nginx would exit.
 */

static ngx_int_t
ngx_http_llm_read_state(ngx_http_llm_main_conf_t *mcf, ngx_uint_t is_new,
    ngx_log_t *log)
{
    ngx_llm_load_e             how;
    ngx_llm_save_conf_t        save;
    ngx_http_llm_main_conf_t  *old;

    if (mcf->state.len == 0) {
        return NGX_OK;
    }

    how = NGX_LLM_LOAD_LATER;

    if (is_new) {
        ngx_http_llm_seed(mcf, log);
        mcf->seeded = 1;

        old = ngx_is_init_cycle(ngx_cycle)
              ? NULL
              : ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                                  ngx_http_llm_router_module);

        how = (old && old->zone) ? NGX_LLM_LOAD_REPLACE : NGX_LLM_LOAD_NEW;
    }

    ngx_http_llm_save_conf(mcf, &save);

    return ngx_llm_load_read(&save, how, log);
}


/* when nginx.conf's nodes and keys stand in the zone */

static ngx_int_t
ngx_http_llm_take_state(ngx_http_llm_main_conf_t *mcf, ngx_log_t *log)
{
    ngx_llm_save_conf_t  save;

    ngx_http_llm_save_conf(mcf, &save);

    return ngx_llm_load_take(&save, log);
}


static void
ngx_http_llm_save_conf(ngx_http_llm_main_conf_t *mcf,
    ngx_llm_save_conf_t *conf)
{
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(mcf->cycle->conf_ctx,
                                           ngx_core_module);

    conf->zone = mcf->zone;
    conf->path = mcf->state;
    conf->user = ccf->user;
    conf->dead = ngx_http_llm_dead;
}


static ngx_int_t
ngx_http_llm_start_probe(ngx_cycle_t *cycle, ngx_http_llm_main_conf_t *mcf)
{
    ngx_llm_probe_conf_t  conf;

    conf.zone = mcf->zone;
    conf.interval = mcf->health_interval;
    conf.timeout = mcf->health_timeout;
    conf.fails = mcf->health_fails;
    conf.passes = mcf->health_passes;
    conf.ssl = mcf->ssl;
    conf.dead = ngx_http_llm_dead;
    conf.online = ngx_http_llm_online;

    return ngx_llm_probe_start(cycle, &conf);
}


void
ngx_http_llm_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_llm_worker_t  *w;

    w = &ngx_http_llm_worker;

    if (w->zone == NULL) {
        return;
    }

    ngx_llm_resolver_stop();
    ngx_llm_probe_stop();
    ngx_llm_tasks_stop();
    ngx_llm_save_stop();
    ngx_http_llm_peers_drop();
    ngx_http_llm_history_stop();

    ngx_llm_limits_close(w->zone->limits, w->ledger);

    w->zone = NULL;
}


static ngx_int_t
ngx_http_llm_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_llm_main_conf_t  *mcf = shm_zone->data;
    ngx_http_llm_main_conf_t  *old = data;

    ngx_log_t        *log;
    ngx_slab_pool_t  *shpool;

    log = shm_zone->shm.log;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (old) {
        mcf->zone = old->zone;

        if (ngx_http_llm_fits_zone(mcf, mcf->zone, log) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_http_llm_read_state(mcf, 0, log);
    }

    if (shm_zone->shm.exists) {
        mcf->zone = shpool->data;

        if (!ngx_llm_zone_known(mcf->zone)) {
            ngx_log_error(NGX_LOG_EMERG, log, 0,
                          "llm_router_zone \"%V\" is of another version",
                          &mcf->zone_name);
            return NGX_ERROR;
        }

        return ngx_http_llm_fits_zone(mcf, mcf->zone, log);
    }

    shpool->log_ctx = ngx_slab_alloc(shpool, sizeof(" in llm_router_zone"));
    if (shpool->log_ctx) {
        ngx_memcpy(shpool->log_ctx, " in llm_router_zone",
                   sizeof(" in llm_router_zone"));

    } else {
        shpool->log_ctx = &shpool->zero;
    }

    /* a full zone is told by who meets it */

    shpool->log_nomem = 0;

    mcf->zone = ngx_llm_zone_create(shpool, shm_zone->shm.size);

    if (mcf->zone == NULL) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "llm_router_zone \"%V\" is too small",
                      &mcf->zone_name);
        return NGX_ERROR;
    }

    shpool->data = mcf->zone;

    if (ngx_http_llm_fits_zone(mcf, mcf->zone, log) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_read_state(mcf, 1, log);
}


static ngx_int_t
ngx_http_llm_fits_zone(ngx_http_llm_main_conf_t *mcf, ngx_llm_zone_t *zone,
    ngx_log_t *log)
{
    if (mcf->nodes.nelts <= zone->nodes->max
        && mcf->keys.nelts <= zone->keys->max)
    {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, log, 0,
                  "llm_router_zone \"%V\" has room for %ui nodes and %ui keys, "
                  "there are %ui and %ui: make it larger",
                  &mcf->zone_name, zone->nodes->max, zone->keys->max,
                  mcf->nodes.nelts, mcf->keys.nelts);

    return NGX_ERROR;
}


static void
ngx_http_llm_tick(ngx_event_t *ev)
{
    ngx_int_t        n;
    ngx_llm_zone_t  *zone;

    zone = ngx_http_llm_worker.zone;

    n = ngx_llm_limits_reclaim(zone->limits, zone->shpool, ngx_http_llm_dead,
                               ngx_http_llm_forget, zone);

    if (n > 0) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "llm slots of %i workers that are gone were taken back",
                      n);
    }

    ngx_http_llm_recover(zone);

    if (zone->probe.pid == (ngx_atomic_uint_t) ngx_pid) {
        ngx_llm_heartbeat_tick(zone, ngx_current_msec);

        /* whoever changed a list may have died before the index knew it */

        (void) ngx_llm_index_settle(zone, zone->models->wanted);
    }

    ngx_http_llm_history_tick();
    ngx_http_llm_park_look();

    if (!ngx_exiting || !ngx_queue_empty(&ngx_http_llm_worker.parked)) {
        ngx_add_timer(ev, NGX_HTTP_LLM_TICK);
    }
}


/* a worker may have died in the middle of a change */

static void
ngx_http_llm_recover(ngx_llm_zone_t *zone)
{
    if (!ngx_llm_nodes_torn(zone->nodes) && !ngx_llm_keys_torn(zone->keys)) {
        return;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_llm_nodes_recover_locked(zone->nodes);
    ngx_llm_keys_recover_locked(zone->keys);

    ngx_llm_zone_changed(zone);

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


/* a node can take requests again: one waiter is called, who calls the next */

static void
ngx_http_llm_online(uint32_t node)
{
    ngx_llm_wait_t  wait;

    wait.reason = NGX_LLM_WAIT_MODEL;
    wait.what = 0;

    ngx_llm_queue_tell(ngx_http_llm_worker.zone->queue);

    ngx_llm_queue_call(ngx_http_llm_worker.zone->queue, &wait,
                       ngx_http_llm_fits, &node);
}


/* a worker is gone: its waiters are no more.  The mutex is held. */

static void
ngx_http_llm_forget(void *data, ngx_uint_t slot)
{
    ngx_llm_zone_t  *zone = data;

    ngx_llm_queue_forget_locked(zone->queue, slot);
}


static ngx_uint_t
ngx_http_llm_dead(ngx_pid_t pid)
{
    return pid != ngx_pid && kill(pid, 0) == -1 && ngx_errno == ESRCH;
}
