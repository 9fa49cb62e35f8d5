
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_llm_flush.h"
#include "ngx_llm_flush_batch.h"
#include "ngx_llm_flush_script.h"
#include "ngx_llm_text.h"


/* all in ms */
#define NGX_LLM_FLUSH_TICK     100
#define NGX_LLM_FLUSH_TIMEOUT  2000
#define NGX_LLM_FLUSH_AGAIN    500      /* after a failure */
#define NGX_LLM_FLUSH_STUCK    10000    /* for a record that is not finished */
#define NGX_LLM_FLUSH_EXIT     1000
#define NGX_LLM_FLUSH_TRIM     60000    /* while there is nothing to write */
#define NGX_LLM_FLUSH_SAY      10000    /* one reason after many others */

#define NGX_LLM_FLUSH_TELL     5        /* reasons, one after the other */

/* of its command: but for models and records */
#define NGX_LLM_FLUSH_ARGS     14


typedef enum {
    NGX_LLM_FLUSH_DOWN = 0,
    NGX_LLM_FLUSH_HELLO,            /* connecting, asking how far it is */
    NGX_LLM_FLUSH_IDLE,
    NGX_LLM_FLUSH_BUSY              /* a batch is under way */
} ngx_llm_flush_state_e;


typedef struct {
    ngx_llm_flush_conf_t    conf;
    ngx_llm_redis_t         redis;
    ngx_event_t             event;
    ngx_connection_t        dummy;      /* of the event */
    ngx_uint_t              state;
    ngx_msec_t              again;      /* not before */
    ngx_msec_t              trimmed;    /* when something was written */
    ngx_uint_t              told;       /* why it is down, so often */
    ngx_msec_t              said;       /* when, last */

    uint64_t                stuck;      /* number that is not finished */
    ngx_msec_t              since;

    ngx_llm_record_t       *record;     /* room for one */
    ngx_llm_flush_batch_t  *batch;      /* the present one */
    ngx_llm_flush_batch_t  *ahead;      /* made while that is under way */
    ngx_event_t             make;       /* it, when nothing else is to do */
    ngx_llm_flush_batch_t   batches[2];
} ngx_llm_flush_t;


static void ngx_llm_flush_tick(ngx_event_t *ev);
static ngx_uint_t ngx_llm_flush_mine(ngx_llm_flush_t *flush);
static void ngx_llm_flush_step(ngx_llm_flush_t *flush);
static void ngx_llm_flush_up(void *data);
static void ngx_llm_flush_cursor(void *data, redisReply *reply);
static void ngx_llm_flush_down(void *data, const char *why);
static void ngx_llm_flush_set_up(ngx_llm_flush_t *flush, ngx_uint_t up,
    const char *why);

static void ngx_llm_flush_batch(ngx_llm_flush_t *flush);
static void ngx_llm_flush_collect(ngx_llm_flush_t *flush);
static ngx_uint_t ngx_llm_flush_wait(ngx_llm_flush_t *flush, uint64_t number);
static void ngx_llm_flush_make(ngx_event_t *ev);
static void ngx_llm_flush_send(ngx_llm_flush_t *flush);
static void ngx_llm_flush_written(void *data, redisReply *reply);
static ngx_uint_t ngx_llm_flush_drained(void *data);


static ngx_llm_flush_t  *ngx_llm_flush;


ngx_int_t
ngx_llm_flush_start(ngx_cycle_t *cycle, const ngx_llm_flush_conf_t *conf)
{
    ngx_event_t      *ev;
    ngx_llm_flush_t  *flush;

    ngx_llm_flush = NULL;

    if (conf->redis == NULL) {
        conf->history->redis.up = 0;
        return NGX_OK;
    }

    flush = ngx_pcalloc(cycle->pool, sizeof(ngx_llm_flush_t));
    if (flush == NULL) {
        return NGX_ERROR;
    }

    flush->conf = *conf;

    flush->record = ngx_palloc(cycle->pool,
                               ngx_llm_ring_copy_size(conf->history->ring));
    if (flush->record == NULL) {
        return NGX_ERROR;
    }

    flush->batch = &flush->batches[0];
    flush->ahead = &flush->batches[1];

    flush->make.handler = ngx_llm_flush_make;
    flush->make.data = flush;
    flush->make.log = cycle->log;

    flush->again = ngx_current_msec;
    flush->dummy.fd = (ngx_socket_t) -1;

    flush->redis.conf = conf->redis;
    flush->redis.log = cycle->log;
    flush->redis.timeout = NGX_LLM_FLUSH_TIMEOUT;
    flush->redis.up = ngx_llm_flush_up;
    flush->redis.down = ngx_llm_flush_down;
    flush->redis.data = flush;

    ev = &flush->event;

    ev->handler = ngx_llm_flush_tick;
    ev->data = &flush->dummy;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_LLM_FLUSH_TICK);

    ngx_llm_flush = flush;

    return NGX_OK;
}


static void
ngx_llm_flush_tick(ngx_event_t *ev)
{
    ngx_llm_flush_t  *flush;

    flush = ngx_llm_flush;

    ngx_add_timer(ev, NGX_LLM_FLUSH_TICK);

    ngx_llm_flush_step(flush);
}


static ngx_uint_t
ngx_llm_flush_mine(ngx_llm_flush_t *flush)
{
    return flush->conf.history->lease.pid == (ngx_atomic_uint_t) ngx_pid;
}


static void
ngx_llm_flush_step(ngx_llm_flush_t *flush)
{
    if (!ngx_llm_flush_mine(flush)) {

        if (flush->state != NGX_LLM_FLUSH_DOWN) {
            ngx_llm_redis_close(&flush->redis);
            flush->state = NGX_LLM_FLUSH_DOWN;
        }

        flush->told = 0;
        return;
    }

    switch (flush->state) {

    case NGX_LLM_FLUSH_DOWN:
        if ((ngx_msec_int_t) (ngx_current_msec - flush->again) >= 0) {
            flush->state = NGX_LLM_FLUSH_HELLO;
            ngx_llm_redis_open(&flush->redis);
        }

        return;

    case NGX_LLM_FLUSH_IDLE:
        ngx_llm_flush_batch(flush);
        return;
    }
}


static void
ngx_llm_flush_up(void *data)
{
    ngx_llm_flush_t  *flush = data;

    u_char       ring[16];
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    ngx_llm_hex64(ring, flush->conf.history->ring->id);

    ngx_llm_redis_begin(&flush->redis, 7, ngx_llm_flush_cursor, flush);
    ngx_llm_redis_word(&flush->redis, "EVAL");
    ngx_llm_redis_arg(&flush->redis, ngx_llm_flush_hello.data,
                      ngx_llm_flush_hello.len);
    ngx_llm_redis_number(&flush->redis, 2);
    ngx_llm_redis_key(&flush->redis, "history:cursors");
    ngx_llm_redis_key(&flush->redis, "history:models");
    ngx_llm_redis_arg(&flush->redis, ring, 16);
    ngx_llm_redis_number(&flush->redis,
                         (tp->sec - ngx_min(tp->sec, flush->conf.retention))
                         * (uint64_t) 1000);
    ngx_llm_redis_send(&flush->redis);
}


static void
ngx_llm_flush_cursor(void *data, redisReply *reply)
{
    ngx_llm_flush_t  *flush = data;

    if (reply->type != REDIS_REPLY_INTEGER) {
        ngx_llm_redis_close(&flush->redis);
        ngx_llm_flush_down(flush, (reply->type == REDIS_REPLY_ERROR)
                                  ? reply->str : "gave no number");
        return;
    }

    flush->conf.history->redis.flushed = reply->integer + 1;

    ngx_llm_flush_set_up(flush, 1, "");

    flush->state = NGX_LLM_FLUSH_IDLE;

    ngx_llm_flush_batch(flush);
}


static void
ngx_llm_flush_down(void *data, const char *why)
{
    ngx_llm_flush_t  *flush = data;

    flush->state = NGX_LLM_FLUSH_DOWN;
    flush->again = ngx_current_msec + NGX_LLM_FLUSH_AGAIN;

    ngx_llm_flush_set_up(flush, 0, why);
}


/* said once each time */

static void
ngx_llm_flush_set_up(ngx_llm_flush_t *flush, ngx_uint_t up, const char *why)
{
    ngx_uint_t          say;
    ngx_llm_flushed_t  *redis;

    redis = &flush->conf.history->redis;

    /* another reason is news, too, but not for ever */

    say = flush->told == 0
          || (ngx_strcmp(redis->error, why) != 0
              && (flush->told < NGX_LLM_FLUSH_TELL
                  || ngx_current_msec - flush->said >= NGX_LLM_FLUSH_SAY));

    ngx_cpystrn(redis->error, (u_char *) why, sizeof(redis->error));

    if (redis->up != up) {
        redis->since = ngx_current_msec;
    }

    redis->up = up;

    if (up && flush->told) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "llm history: redis \"%V\" is there again",
                      &flush->conf.redis->name);

    } else if (!up && say) {
        flush->told++;
        flush->said = ngx_current_msec;

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "llm history: redis \"%V\": %s; the records wait in "
                      "shared memory", &flush->conf.redis->name, why);
    }

    if (up) {
        flush->told = 0;
    }
}


static void
ngx_llm_flush_batch(ngx_llm_flush_t *flush)
{
    ngx_llm_flush_batch_t  *batch;

    if (flush->ahead->nrows
        && flush->ahead->from == flush->conf.history->redis.flushed)
    {
        batch = flush->ahead;
        flush->ahead = flush->batch;
        flush->batch = batch;

    } else {
        batch = flush->batch;
        ngx_llm_flush_collect(flush);
    }

    flush->ahead->nrows = 0;

    if (batch->nrows
        || ngx_current_msec - flush->trimmed >= NGX_LLM_FLUSH_TRIM)
    {
        flush->trimmed = ngx_current_msec;
        flush->state = NGX_LLM_FLUSH_BUSY;

        ngx_llm_flush_send(flush);

        if (ngx_llm_flush_batch_full(batch)) {
            ngx_post_event(&flush->make, &ngx_posted_next_events);
        }

        return;
    }

    flush->conf.history->redis.flushed = batch->next;
    flush->state = NGX_LLM_FLUSH_IDLE;
}


/* from where Redis is, as many as make a batch */

static void
ngx_llm_flush_collect(ngx_llm_flush_t *flush)
{
    uint64_t                tail;
    ngx_int_t               rc;
    ngx_llm_ring_t         *ring;
    ngx_llm_flushed_t      *redis;
    ngx_llm_flush_batch_t  *batch;

    batch = flush->batch;
    ring = flush->conf.history->ring;
    redis = &flush->conf.history->redis;

    tail = ngx_llm_ring_tail(ring);

    if (redis->flushed < tail) {
        (void) ngx_atomic_fetch_add(&redis->dropped, tail - redis->flushed);
        redis->flushed = tail;
    }

    ngx_llm_flush_batch_begin(batch, redis->flushed);

    while (batch->next < ngx_llm_ring_head(ring)
           && !ngx_llm_flush_batch_full(batch))
    {
        rc = ngx_llm_ring_read(ring, batch->next, flush->record);

        if (rc == NGX_AGAIN && ngx_llm_flush_wait(flush, batch->next)) {
            return;
        }

        if (rc == NGX_OK
            && ngx_llm_flush_batch_add(batch, flush->record, ring->id,
                                       &flush->conf.router)
               != NGX_OK)
        {
            return;
        }

        if (rc != NGX_OK && batch->next < ngx_llm_ring_tail(ring)) {

            /* just written over */

            (void) ngx_atomic_fetch_add(&redis->dropped, 1);
        }

        batch->next++;
    }
}


/* is it to be waited for a record that is being written? */

static ngx_uint_t
ngx_llm_flush_wait(ngx_llm_flush_t *flush, uint64_t number)
{
    if (flush->stuck != number) {
        flush->stuck = number;
        flush->since = ngx_current_msec;
    }

    return ngx_current_msec - flush->since < NGX_LLM_FLUSH_STUCK;
}


/*
 * While Redis is at a full batch the next one is made, up to the first number
 * about which there is something to be decided.
 */

static void
ngx_llm_flush_make(ngx_event_t *ev)
{
    ngx_llm_flush_t  *flush = ev->data;

    ngx_llm_ring_t         *ring;
    ngx_llm_flush_batch_t  *batch;

    batch = flush->ahead;
    ring = flush->conf.history->ring;

    if (flush->state != NGX_LLM_FLUSH_BUSY) {
        return;
    }

    ngx_llm_flush_batch_begin(batch, flush->batch->next);

    while (batch->next < ngx_llm_ring_head(ring)
           && !ngx_llm_flush_batch_full(batch)
           && ngx_llm_ring_read(ring, batch->next, flush->record) == NGX_OK
           && ngx_llm_flush_batch_add(batch, flush->record, ring->id,
                                      &flush->conf.router)
              == NGX_OK)
    {
        batch->next++;
    }
}


static void
ngx_llm_flush_send(ngx_llm_flush_t *flush)
{
    u_char                  ring[16];
    uint64_t                now;
    ngx_time_t             *tp;
    ngx_llm_redis_t        *redis;
    ngx_llm_flush_batch_t  *batch;

    batch = flush->batch;
    redis = &flush->redis;
    tp = ngx_timeofday();
    now = tp->sec * (uint64_t) 1000 + tp->msec;

    ngx_llm_hex64(ring, flush->conf.history->ring->id);

    ngx_llm_redis_begin(redis, NGX_LLM_FLUSH_ARGS
                               + ngx_llm_flush_batch_args(batch),
                        ngx_llm_flush_written, flush);
    ngx_llm_redis_word(redis, "EVAL");
    ngx_llm_redis_arg(redis, ngx_llm_flush_script.data,
                      ngx_llm_flush_script.len);
    ngx_llm_redis_number(redis, 6);
    ngx_llm_redis_key(redis, "history");
    ngx_llm_redis_key(redis, "history:cursors");
    ngx_llm_redis_key(redis, "history:models");
    ngx_llm_redis_key(redis, "history:index:n");
    ngx_llm_redis_key(redis, "history:index:low");
    ngx_llm_redis_key(redis, "history:index:");
    ngx_llm_redis_arg(redis, ring, 16);
    ngx_llm_redis_number(redis, now);
    ngx_llm_redis_number(redis, flush->conf.size);
    ngx_llm_redis_number(redis, flush->conf.retention * (uint64_t) 1000);

    ngx_llm_flush_batch_models(batch, redis);

    /* later than now where the clock was set back */

    ngx_llm_redis_number(redis, ngx_max(now, batch->end));

    ngx_llm_flush_batch_rows(batch, redis);

    ngx_llm_redis_send(redis);
}


static void
ngx_llm_flush_written(void *data, redisReply *reply)
{
    ngx_llm_flush_t  *flush = data;

    if (reply->type != REDIS_REPLY_INTEGER) {

        /* full, read-only, loading: as if it were away */

        ngx_llm_redis_close(&flush->redis);
        ngx_llm_flush_down(flush, (reply->type == REDIS_REPLY_ERROR)
                                  ? reply->str : "gave no number");
        return;
    }

    flush->conf.history->redis.flushed = flush->batch->next;

    (void) ngx_atomic_fetch_add(&flush->conf.history->redis.written,
                                flush->batch->nrows);

    /* a little at a time while there is little, all at once otherwise */

    if (ngx_llm_flush_batch_full(flush->batch)) {
        ngx_llm_flush_batch(flush);
        return;
    }

    flush->state = NGX_LLM_FLUSH_IDLE;
}


void
ngx_llm_flush_stop(void)
{
    ngx_llm_flush_t    *flush;
    ngx_llm_history_t  *history;

    flush = ngx_llm_flush;

    if (flush == NULL) {
        return;
    }

    history = flush->conf.history;

    if (ngx_llm_flush_mine(flush)
        && history->redis.flushed < ngx_llm_ring_head(history->ring)
        && !ngx_llm_flushed_away(&history->redis))
    {
        if (flush->state == NGX_LLM_FLUSH_DOWN) {
            flush->again = ngx_current_msec;
        }

        ngx_llm_flush_step(flush);
        ngx_llm_redis_drain(&flush->redis, NGX_LLM_FLUSH_EXIT,
                            ngx_llm_flush_drained);
    }

    ngx_llm_redis_close(&flush->redis);

    if (flush->event.timer_set) {
        ngx_del_timer(&flush->event);
    }

    if (flush->make.posted) {
        ngx_delete_posted_event(&flush->make);
    }

    ngx_llm_flush_batch_free(&flush->batches[0]);
    ngx_llm_flush_batch_free(&flush->batches[1]);

    ngx_llm_flush = NULL;
}


static ngx_uint_t
ngx_llm_flush_drained(void *data)
{
    ngx_llm_flush_t  *flush = data;

    if (flush->state == NGX_LLM_FLUSH_IDLE) {
        ngx_llm_flush_batch(flush);
    }

    return flush->state == NGX_LLM_FLUSH_DOWN
           || (flush->state == NGX_LLM_FLUSH_IDLE && flush->batch->nrows == 0);
}
