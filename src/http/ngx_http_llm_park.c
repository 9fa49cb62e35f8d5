
/*
 * Requests that wait for a slot.  Each is in this worker's list and in the
 * shared queue; it leaves both at once: when it got its slots, when its time
 * is up, or when its client left (by finish).
 *
 * A waiter that looked and met a node which rests (see ngx_llm_breaker.h) has
 * its timer set to that rest's end, and calls then whom that node fits.  Who
 * makes a node rest gives back a slot of it, which calls a waiter: so there is
 * always one who knows, and who leaves calls the next.
 */


#include "ngx_http_llm_park.h"
#include "ngx_http_llm_error.h"
#include "ngx_http_llm_header.h"
#include "ngx_http_llm_outcome.h"
#include "ngx_http_llm_upstream.h"


static ngx_msec_t ngx_http_llm_park_time(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_park_timer(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_park_again(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_park_leave(ngx_http_llm_ctx_t *ctx,
    ngx_uint_t served);
static void ngx_http_llm_park_timeout(ngx_event_t *ev);
static void ngx_http_llm_park_rested(ngx_http_llm_ctx_t *ctx);


ngx_int_t
ngx_http_llm_park(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    const ngx_llm_wait_t *wait)
{
    ngx_llm_queue_t   *queue;
    ngx_llm_waiter_t   waiter;

    queue = ngx_http_llm_worker.zone->queue;

    ngx_memzero(&waiter, sizeof(ngx_llm_waiter_t));

    waiter.slot = ngx_process_slot;
    waiter.key = ctx->key;
    waiter.group = ctx->llcf->group;
    waiter.wait = *wait;

    if (ctx->key != NGX_LLM_KEY_NONE) {
        waiter.priority = queue->keys->key[ctx->key].conf.priority;
    }

    ctx->waiter = ngx_llm_queue_enter(queue, &waiter, ctx->llcf->queue_size);

    if (ctx->waiter == NGX_LLM_WAITER_NONE) {
        ctx->retry_after = ngx_llm_queue_retry_after(queue);

        return ngx_http_llm_error(r, NGX_LLM_ERR_QUEUE_FULL, NULL);
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "llm request is parked, reason %uD, %uA wait",
                   wait->reason, queue->n);

    (void) ngx_atomic_fetch_add(&ngx_http_llm_worker.zone->totals.queued, 1);

    ngx_queue_insert_tail(&ngx_http_llm_worker.parked, &ctx->parked);

    ctx->queued = 1;
    ctx->parked_at = ngx_current_msec;
    ctx->deadline = ngx_current_msec + ngx_http_llm_park_time(r, ctx);

    /* not cancelable: a worker that exits serves its waiters first */

    ctx->timer.handler = ngx_http_llm_park_timeout;
    ctx->timer.data = ctx;
    ctx->timer.log = r->connection->log;

    ngx_http_llm_park_timer(ctx);

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    /* what it waits for may have come free before it was in the queue */

    ngx_llm_queue_call(queue, wait, NULL, NULL);

    if (r->connection->read->ready) {

        /* the client may have left while its body was read */

        ngx_post_event(r->connection->read, &ngx_posted_events);

    } else if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_llm_unpark(void)
{
    ngx_queue_t         *q, *next;
    ngx_llm_queue_t     *queue;
    ngx_http_llm_ctx_t  *ctx;

    queue = ngx_http_llm_worker.zone->queue;

    for (q = ngx_queue_head(&ngx_http_llm_worker.parked);
         q != ngx_queue_sentinel(&ngx_http_llm_worker.parked);
         q = next)
    {
        next = ngx_queue_next(q);
        ctx = ngx_queue_data(q, ngx_http_llm_ctx_t, parked);

        if (ngx_llm_queue_called(queue, ctx->waiter)) {
            ngx_http_llm_park_again(ctx);

            /* others of the list may be gone with it */

            next = ngx_queue_head(&ngx_http_llm_worker.parked);
        }
    }
}


void
ngx_http_llm_park_look(void)
{
    ngx_queue_t  *q;

    if (ngx_queue_empty(&ngx_http_llm_worker.parked)) {
        return;
    }

    q = ngx_queue_head(&ngx_http_llm_worker.parked);

    ngx_http_llm_park_again(ngx_queue_data(q, ngx_http_llm_ctx_t, parked));
}


ngx_uint_t
ngx_http_llm_park_outlasts(ngx_http_llm_ctx_t *ctx)
{
    return (ngx_msec_int_t) (ctx->deadline - ngx_current_msec)
           > (ngx_msec_int_t) ctx->rest;
}


/* to the end of its wait, or of the rest that it waits for */

static void
ngx_http_llm_park_timer(ngx_http_llm_ctx_t *ctx)
{
    ngx_msec_int_t  left;

    left = (ngx_msec_int_t) (ctx->deadline - ngx_current_msec);
    left = ngx_max(left, 0);

    if (ctx->rest && ngx_http_llm_park_outlasts(ctx)) {
        left = ctx->rest;
    }

    /* a timer that is set anew stays where it is for some 100 ms */

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    ngx_add_timer(&ctx->timer, (ngx_msec_t) left);
}


static void
ngx_http_llm_park_again(ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_llm_wait_t       wait;
    ngx_llm_queue_t     *queue;
    ngx_connection_t    *c;
    ngx_atomic_uint_t    news;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    queue = ngx_http_llm_worker.zone->queue;

    do {
        news = ngx_llm_queue_news(queue);

        ngx_memory_barrier();

        rc = ctx->admit(r, ctx, &wait, 1);

        if (rc != NGX_BUSY) {
            break;
        }

        ngx_llm_queue_again(queue, ctx->waiter, &wait);

        /* what came free before it was known to wait for it? */

    } while (news != ngx_llm_queue_news(queue));

    if (rc == NGX_BUSY) {
        ngx_http_llm_park_timer(ctx);
        return;
    }

    ngx_http_llm_park_leave(ctx, rc == NGX_OK);

    if (rc == NGX_OK) {
        ngx_http_llm_upstream(r, ctx);

    } else {
        ngx_http_finalize_request(r, rc);
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_llm_park_leave(ngx_http_llm_ctx_t *ctx, ngx_uint_t served)
{
    ngx_llm_wait_t    wait;
    ngx_llm_queue_t  *queue;

    queue = ngx_http_llm_worker.zone->queue;

    wait = queue->waiter[ctx->waiter].wait;

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    ngx_queue_remove(&ctx->parked);
    ngx_llm_queue_leave(queue, ctx->waiter, served);

    ctx->waiter = NGX_LLM_WAITER_NONE;
    ctx->queue_time = ngx_current_msec - ctx->parked_at;

    /* there may be room for one more */

    ngx_llm_queue_call(queue, &wait, NULL, NULL);
}


static void
ngx_http_llm_park_timeout(ngx_event_t *ev)
{
    ngx_http_llm_ctx_t  *ctx = ev->data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    if ((ngx_msec_int_t) (ctx->deadline - ngx_current_msec) > 0) {
        ngx_http_llm_park_rested(ctx);
        return;
    }

    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_error(NGX_LOG_WARN, c->log, 0,
                  "llm request waited %M ms in the queue, which is too long",
                  ngx_current_msec - ctx->parked_at);

    ngx_http_llm_park_leave(ctx, 0);

    ngx_http_finalize_request(r, ngx_http_llm_error(r,
                                     NGX_LLM_ERR_QUEUE_TIMEOUT, NULL));

    ngx_http_run_posted_requests(c);
}


/* a node rested long enough: one waiter is called, who calls the next */

static void
ngx_http_llm_park_rested(ngx_http_llm_ctx_t *ctx)
{
    uint32_t          node;
    ngx_llm_wait_t    wait;
    ngx_llm_queue_t  *queue;

    ctx->rest = 0;

    ngx_http_llm_park_timer(ctx);

    queue = ngx_http_llm_worker.zone->queue;

    node = ctx->resting;
    wait.reason = NGX_LLM_WAIT_MODEL;
    wait.what = 0;

    ngx_llm_queue_tell(queue);
    ngx_llm_queue_call(queue, &wait, ngx_http_llm_fits, &node);
}


/* the queue's time-out, or the client's own if that is shorter */

static ngx_msec_t
ngx_http_llm_park_time(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    size_t                n;
    ngx_int_t             seconds;
    ngx_msec_t            time;
    ngx_table_elt_t      *h;
    ngx_http_llm_walk_t   walk;

    time = ctx->llcf->queue_timeout;

    for (h = ngx_http_llm_header_first(r, &walk);
         h;
         h = ngx_http_llm_header_next(&walk))
    {
        if (!ngx_http_llm_header_is(h, "x-stainless-timeout")) {
            continue;
        }

        /* seconds, maybe with a fraction, which is left out */

        for (n = 0; n < h->value.len && h->value.data[n] != '.'; n++) {
            /* void */
        }

        seconds = ngx_atoi(h->value.data, n);

        if (seconds > 0 && (ngx_msec_t) seconds < time / 1000) {
            time = 1000 * (ngx_msec_t) seconds;
        }
    }

    return time;
}
