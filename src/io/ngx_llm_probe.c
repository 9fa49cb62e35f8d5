
/*
 * Who probes, and what is probed when.
 *
 * The process with the lease has ngx_llm_prober.places, the others have none.
 * It walks the table of nodes in small parts and starts what is due.  What
 * comes of a probe is the verdict's.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_llm_probe.h"
#include "ngx_llm_prober.h"
#include "ngx_llm_verdict.h"
#include "ngx_llm_index.h"


/* all in ms */
#define NGX_LLM_PROBE_TICK     100      /* between two tries for the lease */
#define NGX_LLM_PROBE_LEASE    1000
#define NGX_LLM_PROBE_WALK     50       /* between two walks */
#define NGX_LLM_PROBE_STEP     4        /* between two parts of a walk */
#define NGX_LLM_PROBE_FULL     20       /* while no more may be started */
#define NGX_LLM_PROBE_PAUSE    1000     /* after an error of our own */

/* of one part of a walk */
#define NGX_LLM_PROBE_LOOKS    1024
#define NGX_LLM_PROBE_STARTS   32

/* at once; at most a quarter of the connections */
#define NGX_LLM_PROBE_MAX      256

#define NGX_LLM_PROBE_POOL     4096


static void ngx_llm_probe_log(ngx_log_t *log);
static void ngx_llm_probe_tick(ngx_event_t *ev);
static ngx_int_t ngx_llm_probe_enter(void);
static void ngx_llm_probe_leave(void);

static ngx_msec_t ngx_llm_probe_walk(void);
static ngx_uint_t ngx_llm_probe_due(uint32_t i);
static ngx_uint_t ngx_llm_probe_waits(uint32_t i);
static void ngx_llm_probe_begin(uint32_t i);
static void ngx_llm_probe_end(ngx_llm_probe_t *probe);

static void ngx_llm_probe_done(ngx_llm_check_t *check);


/* what only this file needs beside ngx_llm_prober */

static ngx_llm_probe_conf_t  ngx_llm_probe_conf;
static ngx_uint_t            ngx_llm_probe_max;         /* of running */
static uint32_t              ngx_llm_probe_cursor;      /* of the walk */
static uint32_t              ngx_llm_probe_down_from;   /* offline: waits */
static uint32_t              ngx_llm_probe_down_next;   /* ... after this */
static ngx_event_t           ngx_llm_probe_event;
static ngx_connection_t      ngx_llm_probe_dummy;       /* of the event */
static ngx_log_t             ngx_llm_probe_quiet;       /* of connections */


ngx_int_t
ngx_llm_probe_start(ngx_cycle_t *cycle, const ngx_llm_probe_conf_t *conf)
{
    ngx_event_t       *ev;
    ngx_llm_prober_t  *pr;

    pr = &ngx_llm_prober;

    if (conf->zone == NULL || ngx_process == NGX_PROCESS_HELPER) {
        return NGX_OK;
    }

    ngx_memzero(pr, sizeof(ngx_llm_prober_t));

    ngx_llm_probe_conf = *conf;
    ngx_llm_probe_max = ngx_min(cycle->connection_n / 4 + 1,
                                NGX_LLM_PROBE_MAX);

    pr->zone = conf->zone;
    pr->fails = conf->fails;
    pr->passes = conf->passes;
    pr->interval = conf->interval;
    pr->online = conf->online;

    ngx_llm_probe_log(cycle->log);

    ngx_llm_probe_dummy.fd = (ngx_socket_t) -1;

    ev = &ngx_llm_probe_event;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->handler = ngx_llm_probe_tick;
    ev->data = &ngx_llm_probe_dummy;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, 1);

    return NGX_OK;
}


void
ngx_llm_probe_stop(void)
{
    ngx_llm_prober_t  *pr;

    pr = &ngx_llm_prober;

    if (pr->zone == NULL) {
        return;
    }

    if (ngx_llm_probe_event.timer_set) {
        ngx_del_timer(&ngx_llm_probe_event);
    }

    ngx_llm_probe_leave();

    pr->zone = NULL;
}


/*
 * A node that is down fails with each probe, and is told of once: what the
 * core would log for each connection is not logged, but alerts are.
 */

static void
ngx_llm_probe_log(ngx_log_t *log)
{
    ngx_llm_probe_quiet = *log;

    if (!(log->log_level & NGX_LOG_DEBUG_ALL)
        && log->log_level > NGX_LOG_ALERT)
    {
        ngx_llm_probe_quiet.log_level = NGX_LOG_ALERT;
    }
}


static void
ngx_llm_probe_tick(ngx_event_t *ev)
{
    ngx_msec_t         next;
    ngx_llm_prober_t  *pr;

    pr = &ngx_llm_prober;

    if (ngx_exiting || ngx_terminate || ngx_quit) {
        ngx_llm_probe_stop();
        return;
    }

    next = NGX_LLM_PROBE_TICK + ngx_random() % (NGX_LLM_PROBE_TICK / 2);

    if (!ngx_llm_zone_lease(&pr->zone->probe, ngx_pid,
                            NGX_LLM_PROBE_LEASE, ngx_llm_probe_conf.dead))
    {
        ngx_llm_probe_leave();

    } else if (ngx_llm_probe_enter() == NGX_OK) {
        next = ngx_llm_probe_walk();
    }

    ngx_add_timer(ev, next);
}


/* this process has the lease, since just now perhaps */

static ngx_int_t
ngx_llm_probe_enter(void)
{
    ngx_llm_prober_t  *pr;

    pr = &ngx_llm_prober;

    if (pr->places) {
        return NGX_OK;
    }

    pr->places = ngx_calloc(pr->zone->nodes->max
                            * sizeof(ngx_llm_probe_place_t), ngx_cycle->log);
    if (pr->places == NULL) {
        return NGX_ERROR;
    }

    if (ngx_llm_index_start(pr->zone, pr->online) != NGX_OK) {
        ngx_free(pr->places);
        pr->places = NULL;
        return NGX_ERROR;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, ngx_cycle->log, 0,
                   "llm probes are made by %P", ngx_pid);

    ngx_llm_probe_cursor = 0;
    ngx_llm_probe_down_from = 0;
    ngx_llm_probe_down_next = 0;

    return NGX_OK;
}


/* leaves all probes to the next one, and the lease if it is ours */

static void
ngx_llm_probe_leave(void)
{
    uint32_t           i;
    ngx_llm_prober_t  *pr;

    pr = &ngx_llm_prober;

    if (pr->places == NULL) {
        return;
    }

    for (i = 0; pr->running && i < pr->zone->nodes->max; i++) {
        if (pr->places[i].probe) {
            ngx_llm_check_cancel(&pr->places[i].probe->check);
            ngx_llm_probe_end(pr->places[i].probe);

            ngx_llm_probe_node(i)->check_now = 1;
        }
    }

    ngx_llm_index_stop();

    ngx_free(pr->places);
    pr->places = NULL;

    (void) ngx_atomic_cmp_set(&pr->zone->probe.pid, ngx_pid, 0);
}


/*
 * Goes on with the walk over the table and starts what is due.  Returns when
 * to come back.
 */

static ngx_msec_t
ngx_llm_probe_walk(void)
{
    uint32_t           i;
    ngx_uint_t         looks, starts;
    ngx_llm_prober_t  *pr;

    pr = &ngx_llm_prober;

    starts = 0;
    pr->walking = 1;

    for (looks = 0; ngx_llm_probe_cursor < pr->zone->nodes->used; looks++) {

        if (pr->running >= ngx_llm_probe_max) {
            return NGX_LLM_PROBE_FULL;
        }

        if (looks == NGX_LLM_PROBE_LOOKS || starts == NGX_LLM_PROBE_STARTS) {
            return NGX_LLM_PROBE_STEP;
        }

        i = ngx_llm_probe_cursor++;

        if (ngx_llm_probe_due(i) && !ngx_llm_probe_waits(i)) {
            ngx_llm_probe_begin(i);
            starts++;
        }
    }

    pr->walking = 0;

    ngx_llm_probe_cursor = 0;
    ngx_llm_probe_down_from = ngx_llm_probe_down_next;
    ngx_llm_probe_down_next = 0;

    return NGX_LLM_PROBE_WALK;
}


static ngx_uint_t
ngx_llm_probe_due(uint32_t i)
{
    ngx_msec_t              interval;
    ngx_llm_node_t         *node;
    ngx_llm_probe_place_t  *place;

    node = ngx_llm_probe_node(i);

    if (node->use != NGX_LLM_NODE_USED) {
        return 0;
    }

    place = ngx_llm_probe_place(i);

    if (place->probe || (!node->conf.check && !node->conf.discover)) {
        return 0;
    }

    if (place->pause
        && place->generation == node->generation
        && (ngx_msec_int_t) (place->until - ngx_current_msec) > 0)
    {
        return 0;
    }

    if (node->checked == 0 || node->check_now) {
        return 1;
    }

    /* up to a tenth earlier, so that those that began as one drift apart */

    interval = ngx_llm_prober.interval;
    interval -= (i * 2654435761U >> 16) % (interval / 10 + 1);

    return ngx_current_msec - (ngx_msec_t) node->checked >= interval;
}


/*
 * Nodes that are offline tend to be mute and to keep a place until the time
 * is over: they get one half of the places only, and take turns.
 */

static ngx_uint_t
ngx_llm_probe_waits(uint32_t i)
{
    ngx_llm_node_t    *node;
    ngx_llm_prober_t  *pr;

    pr = &ngx_llm_prober;
    node = ngx_llm_probe_node(i);

    if (node->checked == 0 || node->online || node->check_now) {
        return 0;
    }

    if (i < ngx_llm_probe_down_from) {
        return 1;
    }

    if (pr->down < ngx_llm_probe_max / 2) {
        return 0;
    }

    if (ngx_llm_probe_down_next == 0) {
        ngx_llm_probe_down_next = i;
    }

    return 1;
}


static void
ngx_llm_probe_begin(uint32_t i)
{
    ngx_pool_t       *pool;
    ngx_llm_node_t   *node;
    ngx_llm_probe_t  *probe;
    ngx_llm_check_t  *check;

    node = ngx_llm_probe_node(i);

    ngx_llm_prober_remember(i);

    pool = ngx_create_pool(NGX_LLM_PROBE_POOL, &ngx_llm_probe_quiet);
    if (pool == NULL) {
        ngx_llm_prober_pause(i, NGX_LLM_PROBE_PAUSE);
        return;
    }

    probe = ngx_pcalloc(pool, sizeof(ngx_llm_probe_t));
    if (probe == NULL) {
        goto failed;
    }

    probe->node = i;
    probe->generation = node->generation;
    probe->down = (node->checked && !node->online);

    check = &probe->check;

    check->timeout = ngx_llm_probe_conf.timeout;
    check->addr = ngx_llm_prober.places[i].addr;
    check->ssl = ngx_llm_probe_conf.ssl;
    check->log = &ngx_llm_probe_quiet;
    check->pool = pool;
    check->data = probe;
    check->heard = ngx_llm_verdict_health;
    check->done = ngx_llm_probe_done;

    node->check_now = 0;

    ngx_memory_barrier();

    if (ngx_llm_nodes_read(ngx_llm_prober.zone->nodes, i, &check->conf,
                           &probe->version)
        != NGX_OK
        || ngx_llm_check_start(check) != NGX_OK)
    {
        node->check_now = 1;
        goto failed;
    }

    ngx_llm_prober.places[i].probe = probe;
    ngx_llm_prober.running++;
    ngx_llm_prober.down += probe->down;

    return;

failed:

    ngx_llm_prober_pause(i, NGX_LLM_PROBE_PAUSE);
    ngx_destroy_pool(pool);
}


static void
ngx_llm_probe_end(ngx_llm_probe_t *probe)
{
    ngx_llm_prober.running--;
    ngx_llm_prober.down -= probe->down;
    ngx_llm_prober.places[probe->node].probe = NULL;

    ngx_destroy_pool(probe->check.pool);
}


static void
ngx_llm_probe_done(ngx_llm_check_t *check)
{
    ngx_llm_verdict_nature(check);

    ngx_llm_probe_end(check->data);
}
