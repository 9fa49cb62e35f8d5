
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_llm_index.h"


/* all in ms */
#define NGX_LLM_INDEX_SETTLE   2        /* between two for the admin API */
#define NGX_LLM_INDEX_GAP      20       /* between two images, doubled ... */
#define NGX_LLM_INDEX_GAP_MAX  1000     /* ... up to this */
#define NGX_LLM_INDEX_QUIET    2000     /* after which it is short again */
#define NGX_LLM_INDEX_MUTE     60000    /* between two lines in the log */


typedef struct {
    ngx_llm_zone_t     *zone;           /* NULL: not started */
    void              (*online)(uint32_t node);
    u_char             *changed;        /* by node: its list is new */
    ngx_uint_t          nchanged;
    ngx_msec_t          gap;
    ngx_msec_t          built;          /* 0: never */
    ngx_msec_t          warned[NGX_LLM_FULL_MAX];   /* 0: never */
    ngx_event_t         event;
    ngx_connection_t    dummy;          /* for debug lines of the event */
} ngx_llm_indexer_t;


static void ngx_llm_index_schedule(void);
static void ngx_llm_index_build(ngx_event_t *ev);
static void ngx_llm_index_tell(void);


static ngx_llm_indexer_t  ngx_llm_indexer;


ngx_int_t
ngx_llm_index_start(ngx_llm_zone_t *zone, void (*online)(uint32_t node))
{
    ngx_llm_indexer_t  *x;

    x = &ngx_llm_indexer;

    x->changed = ngx_calloc(zone->nodes->max, ngx_cycle->log);
    if (x->changed == NULL) {
        return NGX_ERROR;
    }

    x->zone = zone;
    x->online = online;
    x->nchanged = 0;

    x->dummy.fd = (ngx_socket_t) -1;

    ngx_memzero(&x->event, sizeof(ngx_event_t));

    x->event.handler = ngx_llm_index_build;
    x->event.data = &x->dummy;
    x->event.log = ngx_cycle->log;
    x->event.cancelable = 1;

    ngx_llm_index_schedule();

    return NGX_OK;
}


void
ngx_llm_index_stop(void)
{
    ngx_llm_indexer_t  *x;

    x = &ngx_llm_indexer;

    if (x->zone == NULL) {
        return;
    }

    if (x->event.timer_set) {
        ngx_del_timer(&x->event);
    }

    ngx_free(x->changed);

    x->changed = NULL;
    x->zone = NULL;
}


void
ngx_llm_index_changed(uint32_t node)
{
    ngx_llm_indexer_t  *x;

    x = &ngx_llm_indexer;

    x->nchanged += !x->changed[node];
    x->changed[node] = 1;

    ngx_llm_index_schedule();
}


ngx_uint_t
ngx_llm_index_settle(ngx_llm_zone_t *zone, ngx_atomic_uint_t wanted)
{
    ngx_int_t          rc;
    ngx_msec_t         gap;
    ngx_llm_models_t  *models;

    models = zone->models;

    if ((ngx_atomic_int_t) (models->built - wanted) >= 0) {
        return 1;
    }

    /* the more nodes, the longer it takes, and old images need memory */

    gap = NGX_LLM_INDEX_SETTLE + zone->nodes->used / 100;

    if (models->built_at && ngx_current_msec - models->built_at < gap) {
        return 0;
    }

    rc = NGX_OK;

    ngx_shmtx_lock(&zone->shpool->mutex);

    if ((ngx_atomic_int_t) (models->built - wanted) < 0) {
        rc = ngx_llm_models_build_locked(models, zone->nodes);
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (rc != NGX_OK) {
        ngx_llm_index_full(NGX_LLM_FULL_INDEX);
    }

    return rc == NGX_OK;
}


void
ngx_llm_index_full(ngx_uint_t what)
{
    ngx_msec_t  *warned;

    static const char  *texts[] = {
        "a list of models was not stored",
        "the index of models was not made anew"
    };

    warned = &ngx_llm_indexer.warned[what];

    if (*warned && ngx_current_msec - *warned < NGX_LLM_INDEX_MUTE) {
        return;
    }

    *warned = ngx_max(ngx_current_msec, 1);

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "llm zone is full: %s", texts[what]);
}


static void
ngx_llm_index_schedule(void)
{
    ngx_msec_t          since;
    ngx_llm_indexer_t  *x;

    x = &ngx_llm_indexer;

    if (x->event.timer_set) {
        return;
    }

    since = ngx_current_msec - x->built;

    if (x->built == 0 || since >= NGX_LLM_INDEX_QUIET) {
        x->gap = NGX_LLM_INDEX_GAP;
        ngx_add_timer(&x->event, 1);
        return;
    }

    ngx_add_timer(&x->event, (since < x->gap) ? x->gap - since : 1);

    x->gap = ngx_min(2 * x->gap, NGX_LLM_INDEX_GAP_MAX);
}


static void
ngx_llm_index_build(ngx_event_t *ev)
{
    ngx_int_t           rc;
    ngx_llm_zone_t     *zone;
    ngx_llm_indexer_t  *x;

    x = &ngx_llm_indexer;
    zone = x->zone;

    ngx_shmtx_lock(&zone->shpool->mutex);
    rc = ngx_llm_models_build_locked(zone->models, zone->nodes);
    ngx_shmtx_unlock(&zone->shpool->mutex);

    x->built = ngx_max(ngx_current_msec, 1);

    if (rc != NGX_OK) {

        /* in some seconds old images will be gone */

        ngx_llm_index_full(NGX_LLM_FULL_INDEX);

        ngx_add_timer(ev, NGX_LLM_INDEX_GAP_MAX);
        return;
    }

    ngx_llm_index_tell();
}


static void
ngx_llm_index_tell(void)
{
    uint32_t            i;
    ngx_llm_indexer_t  *x;

    x = &ngx_llm_indexer;

    for (i = 0; x->nchanged && i < x->zone->nodes->max; i++) {

        if (!x->changed[i]) {
            continue;
        }

        x->changed[i] = 0;
        x->nchanged--;

        if (x->online && x->zone->nodes->node[i].online) {
            x->online(i);
        }
    }
}
