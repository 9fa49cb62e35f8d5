
/*
 * A place is one of a node's; it says when its name is due.  The worker that
 * probes walks the table in small parts; only few names are asked for at
 * once, and of those that failed the last time fewer, so that a resolver that
 * is mute holds up neither the others nor the threads.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_llm_resolver.h"


/* all in ms */
#define NGX_LLM_RESOLVER_TICK      100
#define NGX_LLM_RESOLVER_INTERVAL  30000
#define NGX_LLM_RESOLVER_AGAIN     5000     /* it has no address at all */

/* at once; of those that failed */
#define NGX_LLM_RESOLVER_MAX       8
#define NGX_LLM_RESOLVER_MAX_BAD   4

/* places that are looked at in one part of a walk */
#define NGX_LLM_RESOLVER_LOOKS     1024

/* a text of all addresses */
#define NGX_LLM_RESOLVER_TEXT                                                 \
    (NGX_LLM_NODE_ADDRS * (NGX_SOCKADDR_STRLEN + sizeof(", ")))


typedef struct {
    ngx_atomic_uint_t    generation;    /* of the node; 0: never seen */
    ngx_atomic_uint_t    version;
    ngx_msec_t           due;
    unsigned             busy:1;
    unsigned             bad:1;         /* failed the last time: was logged */
} ngx_llm_resolver_place_t;


typedef struct {
    uint32_t             i;
    ngx_atomic_uint_t    generation;
    ngx_atomic_uint_t    version;       /* of conf */
    ngx_uint_t           round;         /* of the resolver's */
    ngx_uint_t           bad;
    ngx_llm_node_conf_t  conf;
    ngx_llm_resolve_t    resolve;
} ngx_llm_resolver_job_t;


typedef struct {
    ngx_llm_zone_t            *zone;    /* NULL: not started */
    const ngx_llm_cidrs_t     *allow;
    ngx_llm_resolver_place_t  *places;  /* NULL: another worker does it */
    ngx_uint_t                 round;   /* of having them */
    uint32_t                   cursor;
    ngx_uint_t                 running;
    ngx_uint_t                 bad;     /* of them, failed the last time */
    ngx_event_t                event;
    ngx_connection_t           dummy;   /* of the event */
} ngx_llm_resolver_t;


static void ngx_llm_resolver_tick(ngx_event_t *ev);
static void ngx_llm_resolver_walk(void);
static ngx_uint_t ngx_llm_resolver_due(uint32_t i);
static void ngx_llm_resolver_begin(uint32_t i);
static void ngx_llm_resolver_done(ngx_llm_resolve_t *resolve);
static void ngx_llm_resolver_end(ngx_llm_resolver_job_t *job);
static void ngx_llm_resolver_failed(ngx_llm_resolver_job_t *job,
    const char *why);
static ngx_uint_t ngx_llm_resolver_same(const ngx_llm_node_conf_t *conf,
    const ngx_llm_resolve_t *resolve);
static ngx_int_t ngx_llm_resolver_change(ngx_llm_resolver_job_t *job);
static void ngx_llm_resolver_text(const ngx_llm_resolve_t *resolve,
    ngx_str_t *text);
static void ngx_llm_resolver_leave(void);


static ngx_llm_resolver_t  ngx_llm_resolver;


ngx_int_t
ngx_llm_resolver_start(ngx_cycle_t *cycle, ngx_llm_zone_t *zone,
    const ngx_llm_cidrs_t *allow)
{
    ngx_event_t         *ev;
    ngx_llm_resolver_t  *rv;

    rv = &ngx_llm_resolver;

    ngx_memzero(rv, sizeof(ngx_llm_resolver_t));

    rv->zone = zone;
    rv->allow = allow;
    rv->dummy.fd = (ngx_socket_t) -1;

    ev = &rv->event;

    ev->handler = ngx_llm_resolver_tick;
    ev->data = &rv->dummy;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_LLM_RESOLVER_TICK);

    return NGX_OK;
}


void
ngx_llm_resolver_stop(void)
{
    if (ngx_llm_resolver.zone == NULL) {
        return;
    }

    if (ngx_llm_resolver.event.timer_set) {
        ngx_del_timer(&ngx_llm_resolver.event);
    }

    ngx_llm_resolver_leave();

    ngx_llm_resolver.zone = NULL;
}


static void
ngx_llm_resolver_tick(ngx_event_t *ev)
{
    ngx_llm_resolver_t  *rv;

    rv = &ngx_llm_resolver;

    if (ngx_exiting || ngx_terminate || ngx_quit) {
        ngx_llm_resolver_stop();
        return;
    }

    if (rv->zone->probe.pid != (ngx_atomic_uint_t) ngx_pid) {
        ngx_llm_resolver_leave();

    } else {

        if (rv->places == NULL) {
            rv->places = ngx_calloc(rv->zone->nodes->max
                                    * sizeof(ngx_llm_resolver_place_t),
                                    ev->log);
        }

        if (rv->places) {
            ngx_llm_resolver_walk();
        }
    }

    ngx_add_timer(ev, NGX_LLM_RESOLVER_TICK);
}


static void
ngx_llm_resolver_walk(void)
{
    uint32_t             i;
    ngx_uint_t           looks;
    ngx_llm_resolver_t  *rv;

    rv = &ngx_llm_resolver;

    for (looks = 0; looks < NGX_LLM_RESOLVER_LOOKS; looks++) {

        if (rv->running >= NGX_LLM_RESOLVER_MAX) {
            return;
        }

        if (rv->cursor >= rv->zone->nodes->used) {
            rv->cursor = 0;
            return;
        }

        i = rv->cursor++;

        if (ngx_llm_resolver_due(i)) {
            ngx_llm_resolver_begin(i);
        }
    }
}


static ngx_uint_t
ngx_llm_resolver_due(uint32_t i)
{
    ngx_llm_node_t            *node;
    ngx_llm_resolver_place_t  *place;

    node = &ngx_llm_resolver.zone->nodes->node[i];
    place = &ngx_llm_resolver.places[i];

    if (node->use != NGX_LLM_NODE_USED || !node->conf.named || place->busy) {
        return 0;
    }

    if (place->generation != node->generation
        || (place->version != node->version && node->conf.naddrs == 0))
    {
        /* those that have addresses drift apart */

        place->due = ngx_current_msec;
        place->bad = 0;

        if (node->conf.naddrs) {
            place->due += (i * 2654435761U >> 8) % NGX_LLM_RESOLVER_INTERVAL;
        }

        place->generation = node->generation;
    }

    place->version = node->version;

    if ((ngx_msec_int_t) (place->due - ngx_current_msec) > 0) {
        return 0;
    }

    return !place->bad || ngx_llm_resolver.bad < NGX_LLM_RESOLVER_MAX_BAD;
}


static void
ngx_llm_resolver_begin(uint32_t i)
{
    ngx_llm_resolver_t        *rv;
    ngx_llm_resolver_job_t    *job;
    ngx_llm_resolver_place_t  *place;

    rv = &ngx_llm_resolver;
    place = &rv->places[i];

    /* in case of an error of our own */

    place->due = ngx_current_msec + NGX_LLM_RESOLVER_AGAIN;

    job = ngx_calloc(sizeof(ngx_llm_resolver_job_t), ngx_cycle->log);
    if (job == NULL) {
        return;
    }

    job->i = i;
    job->round = rv->round;
    job->bad = place->bad;
    job->generation = rv->zone->nodes->node[i].generation;

    ngx_memory_barrier();

    if (ngx_llm_nodes_read(rv->zone->nodes, i, &job->conf, &job->version)
        != NGX_OK
        || !job->conf.named)
    {
        ngx_free(job);
        return;
    }

    ngx_memcpy(job->resolve.host, job->conf.host, NGX_LLM_NODE_HOST);

    job->resolve.port = job->conf.port;
    job->resolve.allow = job->conf.static_url ? NULL : rv->allow;
    job->resolve.data = job;
    job->resolve.done = ngx_llm_resolver_done;

    if (ngx_llm_resolve(&job->resolve) != NGX_OK) {
        ngx_free(job);
        return;
    }

    place->busy = 1;
    rv->running++;
    rv->bad += job->bad;
}


static void
ngx_llm_resolver_done(ngx_llm_resolve_t *resolve)
{
    ngx_llm_resolver_job_t  *job = resolve->data;

    ngx_str_t            text;
    u_char               buf[NGX_LLM_RESOLVER_TEXT];
    ngx_llm_resolver_t  *rv;

    rv = &ngx_llm_resolver;

    /* another worker does it by now */

    if (rv->zone == NULL || rv->places == NULL || job->round != rv->round) {
        ngx_free(job);
        return;
    }

    ngx_llm_resolver_end(job);

    if (resolve->error) {
        ngx_llm_resolver_failed(job, resolve->error);
        goto done;
    }

    rv->places[job->i].bad = 0;

    if (ngx_llm_resolver_same(&job->conf, resolve)
        || ngx_llm_resolver_change(job) != NGX_OK)
    {
        goto done;
    }

    text.data = buf;
    ngx_llm_resolver_text(resolve, &text);

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "llm node \"%s\": the addresses of \"%s\" are %V now",
                  job->conf.name, job->conf.host, &text);

done:

    ngx_free(job);

    /* the next at once: they are as fast as the answers */

    ngx_llm_resolver_walk();
}


/* its place is free for the next time */

static void
ngx_llm_resolver_end(ngx_llm_resolver_job_t *job)
{
    ngx_msec_t                 wait;
    ngx_llm_resolver_place_t  *place;

    place = &ngx_llm_resolver.places[job->i];

    wait = NGX_LLM_RESOLVER_INTERVAL - ngx_random() % 2000;

    if (job->conf.naddrs == 0 && job->resolve.error && !job->resolve.refused) {
        wait = NGX_LLM_RESOLVER_AGAIN;
    }

    place->busy = 0;
    place->due = ngx_current_msec + wait;

    ngx_llm_resolver.running--;
    ngx_llm_resolver.bad -= job->bad;
}


/* told once, until it succeeds */

static void
ngx_llm_resolver_failed(ngx_llm_resolver_job_t *job, const char *why)
{
    ngx_llm_resolver_place_t  *place;

    place = &ngx_llm_resolver.places[job->i];

    if (place->bad || place->generation != job->generation) {
        return;
    }

    place->bad = 1;

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "llm node \"%s\": \"%s\" could not be resolved: %s%s",
                  job->conf.name, job->conf.host, why,
                  job->conf.naddrs ? ", it keeps its addresses" : "");
}


/* the same addresses, in any order */

static ngx_uint_t
ngx_llm_resolver_same(const ngx_llm_node_conf_t *conf,
    const ngx_llm_resolve_t *resolve)
{
    ngx_uint_t             i, k;
    const ngx_llm_addr_t  *a, *b;

    if (conf->naddrs != resolve->naddrs) {
        return 0;
    }

    for (i = 0; i < conf->naddrs; i++) {
        a = &conf->addrs[i];

        for (k = 0; k < resolve->naddrs; k++) {
            b = &resolve->addrs[k];

            if (a->socklen == b->socklen
                && ngx_memcmp(&a->sockaddr, &b->sockaddr, a->socklen) == 0)
            {
                break;
            }
        }

        if (k == resolve->naddrs) {
            return 0;
        }
    }

    return 1;
}


/* if it is still the node that was asked for, as it was then */

static ngx_int_t
ngx_llm_resolver_change(ngx_llm_resolver_job_t *job)
{
    ngx_int_t        rc;
    ngx_llm_node_t  *node;
    ngx_llm_zone_t  *zone;

    zone = ngx_llm_resolver.zone;
    node = &zone->nodes->node[job->i];
    rc = NGX_DECLINED;

    job->conf.naddrs = job->resolve.naddrs;
    ngx_memcpy(job->conf.addrs, job->resolve.addrs, sizeof(job->conf.addrs));

    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_llm_nodes_recover_locked(zone->nodes);

    if (node->use == NGX_LLM_NODE_USED
        && node->generation == job->generation
        && node->version == job->version)
    {
        rc = ngx_llm_nodes_change_locked(zone->nodes, job->i, &job->conf);
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (rc == NGX_OK) {
        node->check_now = 1;

    } else {
        ngx_llm_resolver.places[job->i].due = ngx_current_msec;
    }

    return rc;
}


static void
ngx_llm_resolver_text(const ngx_llm_resolve_t *resolve, ngx_str_t *text)
{
    u_char                *p;
    ngx_uint_t             i;
    const ngx_llm_addr_t  *addr;

    p = text->data;

    for (i = 0; i < resolve->naddrs; i++) {
        addr = &resolve->addrs[i];

        if (i) {
            *p++ = ',';
            *p++ = ' ';
        }

        p += ngx_sock_ntop((struct sockaddr *) &addr->sockaddr, addr->socklen,
                           p, NGX_SOCKADDR_STRLEN, 0);
    }

    text->len = p - text->data;
}


/* what is under way ends in vain */

static void
ngx_llm_resolver_leave(void)
{
    ngx_llm_resolver_t  *rv;

    rv = &ngx_llm_resolver;

    if (rv->places == NULL) {
        return;
    }

    ngx_free(rv->places);

    rv->places = NULL;
    rv->round++;
    rv->cursor = 0;
    rv->running = 0;
    rv->bad = 0;
}
