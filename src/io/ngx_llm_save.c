
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_llm_save.h"
#include "ngx_llm_snapshot.h"
#include "ngx_llm_task.h"


/* all in ms */
#define NGX_LLM_SAVE_TICK    100
#define NGX_LLM_SAVE_PACE    700        /* from the start of one to the next */
#define NGX_LLM_SAVE_LEASE   30000      /* the dead are known before */
#define NGX_LLM_SAVE_TOTALS  60000
#define NGX_LLM_SAVE_AGAIN   2000       /* after a failure */
#define NGX_LLM_SAVE_REST    500        /* at most, after a long write */


typedef struct {
    ngx_llm_save_conf_t        conf;
    ngx_event_t                event;
    ngx_connection_t           dummy;   /* of the event */
    ngx_uint_t                 busy;    /* a write is under way */
    ngx_msec_t                 next;    /* no write before it */
    ngx_msec_t                 last;    /* when one ended well */

    /* of the present write */

    ngx_msec_t                 begun;
    ngx_atomic_uint_t          changes;
    ngx_atomic_uint_t          moved;   /* the totals */
    ngx_uint_t                 epoch;
    ngx_int_t                  rc;
    ngx_llm_task_t             task;
    ngx_llm_snapshot_result_t  result;
} ngx_llm_save_t;


static void ngx_llm_save_tick(ngx_event_t *ev);
static ngx_uint_t ngx_llm_save_due(ngx_llm_save_t *save);
static void ngx_llm_save_begin(ngx_llm_save_t *save);
static void ngx_llm_save_run(ngx_llm_task_t *task);
static void ngx_llm_save_done(ngx_llm_task_t *task);
static void ngx_llm_save_ended(ngx_llm_save_t *save);
static void ngx_llm_save_failed(ngx_llm_save_t *save);
static void ngx_llm_save_leave(ngx_llm_save_t *save);
static ngx_atomic_uint_t ngx_llm_save_totals(ngx_llm_zone_t *zone);


static ngx_llm_save_t  ngx_llm_save;


ngx_int_t
ngx_llm_save_start(ngx_cycle_t *cycle, const ngx_llm_save_conf_t *conf)
{
    ngx_event_t     *ev;
    ngx_llm_save_t  *save;

    save = &ngx_llm_save;

    ngx_memzero(save, sizeof(ngx_llm_save_t));

    if (conf->path.len == 0) {
        return NGX_OK;
    }

    save->conf = *conf;
    save->next = ngx_current_msec;
    save->last = ngx_current_msec;
    save->dummy.fd = (ngx_socket_t) -1;

    ev = &save->event;

    ev->handler = ngx_llm_save_tick;
    ev->data = &save->dummy;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_LLM_SAVE_TICK);

    return NGX_OK;
}


void
ngx_llm_save_stop(void)
{
    ngx_llm_zone_t  *zone;
    ngx_llm_save_t  *save;

    save = &ngx_llm_save;
    zone = save->conf.zone;

    if (zone == NULL) {
        return;
    }

    if (save->event.timer_set) {
        ngx_del_timer(&save->event);
    }

    /* of several that exit together the last one writes what is left */

    if (!save->busy
        && zone->saved.state != NGX_LLM_SAVED_REFUSED
        && ngx_llm_zone_lease(&zone->save, ngx_pid, NGX_LLM_SAVE_LEASE,
                              save->conf.dead))
    {
        if (zone->saved.changed != zone->saved.saved
            || zone->saved.totals != ngx_llm_save_totals(zone))
        {
            ngx_llm_save_begin(save);
            ngx_llm_save_run(&save->task);
            ngx_llm_save_ended(save);
        }

        ngx_llm_save_leave(save);
    }

    save->conf.zone = NULL;
}


static void
ngx_llm_save_tick(ngx_event_t *ev)
{
    ngx_llm_save_t  *save;

    save = &ngx_llm_save;

    if (ngx_exiting || ngx_terminate || ngx_quit) {

        /* those who stay go on with it */

        if (!save->busy) {
            ngx_llm_save_leave(save);
        }

        return;
    }

    ngx_add_timer(ev, NGX_LLM_SAVE_TICK);

    if (!ngx_llm_zone_lease(&save->conf.zone->save, ngx_pid,
                            NGX_LLM_SAVE_LEASE, save->conf.dead)
        || !ngx_llm_save_due(save))
    {
        return;
    }

    ngx_llm_save_begin(save);

    save->task.run = ngx_llm_save_run;
    save->task.done = ngx_llm_save_done;
    save->task.wait = 1;

    if (ngx_llm_task_post(&save->task) != NGX_OK) {
        save->busy = 0;
        save->next = ngx_current_msec + NGX_LLM_SAVE_AGAIN;
    }
}


static ngx_uint_t
ngx_llm_save_due(ngx_llm_save_t *save)
{
    ngx_llm_zone_t  *zone;

    zone = save->conf.zone;

    if (save->busy
        || zone->saved.state == NGX_LLM_SAVED_REFUSED
        || (ngx_msec_int_t) (save->next - ngx_current_msec) > 0)
    {
        return 0;
    }

    if (zone->saved.changed != zone->saved.saved) {
        return 1;
    }

    return ngx_current_msec - save->last >= NGX_LLM_SAVE_TOTALS
           && ngx_llm_save_totals(zone) != zone->saved.totals;
}


/* what changes from here on is not in it for sure */

static void
ngx_llm_save_begin(ngx_llm_save_t *save)
{
    ngx_llm_zone_t  *zone;

    zone = save->conf.zone;

    save->busy = 1;
    save->begun = ngx_current_msec;
    save->epoch = zone->saved.epoch;
    save->moved = ngx_llm_save_totals(zone);
    save->changes = zone->saved.changed;

    save->task.data = save;

    ngx_memory_barrier();
}


/* in a thread */

static void
ngx_llm_save_run(ngx_llm_task_t *task)
{
    ngx_llm_save_t  *save = task->data;

    save->rc = ngx_llm_snapshot_write(save->conf.zone,
                                      (char *) save->conf.path.data,
                                      save->epoch,
                                      ngx_process == NGX_PROCESS_SINGLE
                                      ? ngx_pid : ngx_parent,
                                      &save->result);
}


static void
ngx_llm_save_done(ngx_llm_task_t *task)
{
    ngx_llm_save_t  *save = task->data;

    ngx_llm_save_ended(save);

    if (ngx_exiting && !save->event.timer_set) {
        ngx_llm_save_leave(save);
    }
}


static void
ngx_llm_save_ended(ngx_llm_save_t *save)
{
    ngx_msec_t       took;
    ngx_llm_zone_t  *zone;

    zone = save->conf.zone;

    save->busy = 0;

    if (save->rc != NGX_OK) {
        ngx_llm_save_failed(save);
        return;
    }

    /* a long one shall not be followed by the next without a pause */

    took = ngx_current_msec - save->begun;

    save->next = ngx_max(save->begun + NGX_LLM_SAVE_PACE,
                         ngx_current_msec + ngx_min(took, NGX_LLM_SAVE_REST));
    save->last = ngx_current_msec;

    zone->saved.saved = save->changes;
    zone->saved.totals = save->moved;
    zone->saved.epoch = save->result.epoch;
    zone->saved.when = ngx_time();

    if (zone->saved.failed) {
        zone->saved.failed = 0;

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "llm_router_state \"%V\" is written again",
                      &save->conf.path);
    }
}


/* told once for each reason, and tried again */

static void
ngx_llm_save_failed(ngx_llm_save_t *save)
{
    ngx_err_t        err;
    const char      *hint;
    ngx_llm_zone_t  *zone;

    zone = save->conf.zone;

    err = save->result.err ? save->result.err : EIO;

    save->next = ngx_current_msec + NGX_LLM_SAVE_AGAIN;

    if (zone->saved.failed == (ngx_atomic_uint_t) err) {
        return;
    }

    zone->saved.failed = err;

    if (save->rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "llm_router_state \"%V\" is not written: %s",
                      &save->conf.path, save->result.text);
        return;
    }

    switch (err) {

    case NGX_EACCES:
    case NGX_EPERM:
        hint = "; its directory must belong to the user of the workers";
        break;

    case NGX_ENOENT:
        hint = "; its directory is missing";
        break;

    default:
        hint = "";
    }

    ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, err,
                  "llm_router_state \"%V\" could not be written: %s%s",
                  &save->conf.path, save->result.text, hint);
}


/* the lease, if it is ours */

static void
ngx_llm_save_leave(ngx_llm_save_t *save)
{
    (void) ngx_atomic_cmp_set(&save->conf.zone->save.pid, ngx_pid, 0);
}


static ngx_atomic_uint_t
ngx_llm_save_totals(ngx_llm_zone_t *zone)
{
    return zone->totals.requests + zone->totals.prompt_tokens
           + zone->totals.completion_tokens;
}
