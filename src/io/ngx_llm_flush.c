
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_llm_entry.h"
#include "ngx_llm_flush.h"
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

/* a batch: records, bytes of JSON, names of models */
#define NGX_LLM_FLUSH_RECORDS  512
#define NGX_LLM_FLUSH_BYTES    (512 * 1024)
#define NGX_LLM_FLUSH_MODELS   16

#define NGX_LLM_FLUSH_TELL     5        /* reasons, one after the other */

#define NGX_LLM_FLUSH_ARGS     2        /* of a record */


typedef enum {
    NGX_LLM_FLUSH_DOWN = 0,
    NGX_LLM_FLUSH_HELLO,            /* connecting, asking how far it is */
    NGX_LLM_FLUSH_IDLE,
    NGX_LLM_FLUSH_BUSY              /* a batch is under way */
} ngx_llm_flush_state_e;


/* a record of a batch, ready to be sent */

typedef struct {
    u_char                  entry[NGX_LLM_ENTRY_OWN];
    size_t                  start;  /* in the text */
    size_t                  len;
} ngx_llm_flush_row_t;


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

    uint64_t                first;      /* number of the batch */
    uint64_t                next;       /* after it */
    uint64_t                end;        /* ms since 1970: of its last request */
    uint64_t                stuck;      /* that is not finished */
    ngx_msec_t              since;

    ngx_llm_record_t       *record;     /* room for one */
    u_char                 *text;       /* of the batch */
    size_t                  size;
    size_t                  len;
    ngx_llm_flush_row_t     rows[NGX_LLM_FLUSH_RECORDS];
    ngx_uint_t              nrows;
    ngx_str_t               models[NGX_LLM_FLUSH_MODELS];   /* in the text */
    ngx_uint_t              nmodels;
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
static ngx_int_t ngx_llm_flush_add(ngx_llm_flush_t *flush);
static u_char *ngx_llm_flush_room(ngx_llm_flush_t *flush, size_t n);
static void ngx_llm_flush_model(ngx_llm_flush_t *flush);
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
    ngx_llm_flush_collect(flush);

    if (flush->nrows
        || ngx_current_msec - flush->trimmed >= NGX_LLM_FLUSH_TRIM)
    {
        flush->trimmed = ngx_current_msec;
        flush->state = NGX_LLM_FLUSH_BUSY;
        ngx_llm_flush_send(flush);
        return;
    }

    flush->conf.history->redis.flushed = flush->next;
    flush->state = NGX_LLM_FLUSH_IDLE;
}


/* from where Redis is, as many as make a batch */

static void
ngx_llm_flush_collect(ngx_llm_flush_t *flush)
{
    uint64_t            tail;
    ngx_int_t           rc;
    ngx_llm_ring_t     *ring;
    ngx_llm_flushed_t  *redis;

    ring = flush->conf.history->ring;
    redis = &flush->conf.history->redis;

    flush->nrows = 0;
    flush->nmodels = 0;
    flush->len = 0;
    flush->end = 0;
    flush->next = redis->flushed;

    tail = ngx_llm_ring_tail(ring);

    if (flush->next < tail) {
        (void) ngx_atomic_fetch_add(&redis->dropped, tail - flush->next);
        flush->next = tail;
        redis->flushed = tail;
    }

    while (flush->next < ngx_llm_ring_head(ring)
           && flush->nrows < NGX_LLM_FLUSH_RECORDS
           && flush->len < NGX_LLM_FLUSH_BYTES)
    {
        rc = ngx_llm_ring_read(ring, flush->next, flush->record);

        if (rc == NGX_AGAIN && ngx_llm_flush_wait(flush, flush->next)) {
            return;
        }

        if (rc == NGX_OK) {

            if (flush->nrows == 0) {
                flush->first = flush->next;
            }

            /* behind a number that was lost another batch begins */

            if (flush->next != flush->first + flush->nrows
                || ngx_llm_flush_add(flush) != NGX_OK)
            {
                return;
            }
        }

        if (rc != NGX_OK && flush->next < ngx_llm_ring_tail(ring)) {

            /* just written over */

            (void) ngx_atomic_fetch_add(&redis->dropped, 1);
        }

        flush->next++;
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


static ngx_int_t
ngx_llm_flush_add(ngx_llm_flush_t *flush)
{
    u_char               *p, *start;
    ngx_llm_record_t     *record;
    ngx_llm_flush_row_t  *row;

    record = flush->record;

    start = ngx_llm_flush_room(flush,
                               ngx_llm_record_json_size(record,
                                                     flush->conf.router.len));
    if (start == NULL) {
        return NGX_ERROR;
    }

    p = ngx_llm_record_json(start, record, flush->conf.history->ring->id,
                            &flush->conf.router);

    row = &flush->rows[flush->nrows++];

    flush->end = ngx_max(flush->end, record->time + record->duration);
    row->start = flush->len;
    row->len = p - start;

    flush->len += row->len;

    ngx_llm_entry_write(row->entry, record, flush->conf.history->ring->id);
    ngx_llm_flush_model(flush);

    return NGX_OK;
}


static u_char *
ngx_llm_flush_room(ngx_llm_flush_t *flush, size_t n)
{
    size_t   size;
    u_char  *p;

    if (flush->size - flush->len < n) {
        size = 2 * (flush->len + n);

        p = realloc(flush->text, size);
        if (p == NULL) {
            return NULL;
        }

        flush->text = p;
        flush->size = size;
    }

    return flush->text + flush->len;
}


/* names that were not among the last ones; the record's text goes away */

static void
ngx_llm_flush_model(ngx_llm_flush_t *flush)
{
    u_char      *p;
    ngx_str_t    text, *known;
    ngx_uint_t   i;

    text = ngx_llm_record_text(flush->record, NGX_LLM_RECORD_MODEL);

    if (text.len == 0) {
        return;
    }

    for (i = 0; i < flush->nmodels; i++) {
        known = &flush->models[i];

        if (known->len == text.len
            && ngx_memcmp(flush->text + (size_t) known->data, text.data,
                          text.len)
               == 0)
        {
            return;
        }
    }

    p = ngx_llm_flush_room(flush, text.len);

    if (p == NULL || flush->nmodels == NGX_LLM_FLUSH_MODELS) {
        return;
    }

    ngx_memcpy(p, text.data, text.len);

    /* where it stands, as the text may move */

    flush->models[flush->nmodels].data = (u_char *) flush->len;
    flush->models[flush->nmodels].len = text.len;
    flush->nmodels++;

    flush->len += text.len;
}


static void
ngx_llm_flush_send(ngx_llm_flush_t *flush)
{
    u_char                ring[16];
    uint64_t              now;
    ngx_uint_t            i;
    ngx_time_t           *tp;
    ngx_llm_redis_t      *redis;
    ngx_llm_flush_row_t  *row;

    redis = &flush->redis;
    tp = ngx_timeofday();
    now = tp->sec * (uint64_t) 1000 + tp->msec;

    ngx_llm_hex64(ring, flush->conf.history->ring->id);

    ngx_llm_redis_begin(redis, 16 + flush->nmodels
                               + NGX_LLM_FLUSH_ARGS * flush->nrows,
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
    ngx_llm_redis_number(redis, flush->nmodels);

    for (i = 0; i < flush->nmodels; i++) {
        ngx_llm_redis_arg(redis, flush->text
                                 + (size_t) flush->models[i].data,
                          flush->models[i].len);
    }

    /* later than now where the clock was set back */

    ngx_llm_redis_number(redis, ngx_max(now, flush->end));
    ngx_llm_redis_number(redis, flush->first);

    for (i = 0; i < flush->nrows; i++) {
        row = &flush->rows[i];

        ngx_llm_redis_arg(redis, row->entry, NGX_LLM_ENTRY_OWN);
        ngx_llm_redis_arg(redis, flush->text + row->start, row->len);
    }

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

    flush->conf.history->redis.flushed = flush->next;

    (void) ngx_atomic_fetch_add(&flush->conf.history->redis.written,
                                flush->nrows);

    /* a little at a time while there is little, all at once otherwise */

    if (flush->nrows == NGX_LLM_FLUSH_RECORDS
        || flush->len >= NGX_LLM_FLUSH_BYTES)
    {
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

    free(flush->text);

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
           || (flush->state == NGX_LLM_FLUSH_IDLE && flush->nrows == 0);
}
