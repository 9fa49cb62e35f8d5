
#include "ngx_http_llm_bodies.h"
#include "ngx_http_llm_record.h"
#include "ngx_llm_scan.h"
#include "ngx_llm_text.h"


/* an address as text, "unix:" or IPv6 */
#define NGX_HTTP_LLM_RECORD_CLIENT  46


static ngx_int_t ngx_http_llm_record_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_llm_noinline ngx_int_t ngx_http_llm_record_body(
    ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx, ngx_chain_t *in);
static void ngx_http_llm_record_intend(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_record_out(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_record_put(ngx_http_llm_ctx_t *ctx,
    ngx_llm_record_t *record);
static ngx_uint_t ngx_http_llm_record_due(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_record_fill(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_record_t *record);
static size_t ngx_http_llm_record_texts(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_record_t *record);
static ngx_inline u_char *ngx_http_llm_record_text(u_char *p, uint32_t *len,
    const u_char *text, size_t n, size_t max);
static u_char *ngx_http_llm_record_key(u_char *p, uint32_t *len,
    ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_record_usage(ngx_http_llm_ctx_t *ctx,
    ngx_llm_record_t *record);
static void ngx_http_llm_record_end(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_record_t *record);
static uint64_t ngx_http_llm_record_duration(const ngx_llm_record_t *record);


static ngx_http_output_body_filter_pt  ngx_http_next_body_filter;


void
ngx_http_llm_record_filters(void)
{
    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_llm_record_filter;
}


/*
 * The log phase may come seconds after the client has all: nginx waits for it
 * to close the connection.
 */

static ngx_int_t
ngx_http_llm_record_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t         *cl;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_ctx(r);

    if (ctx == NULL || r != r->main) {
        return ngx_http_next_body_filter(r, in);
    }

    for (cl = in; cl; cl = cl->next) {
        if (cl->buf->last_buf) {
            ctx->last = 1;
        }
    }

    /* in the middle of an answer, as a rule */

    if (!ctx->last && !ctx->answer.whole && ctx->bodies == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    return ngx_http_llm_record_body(r, ctx, in);
}


static ngx_int_t
ngx_http_llm_record_body(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_int_t  rc;

    if (ctx->bodies) {
        ngx_http_llm_bodies_answer(r, ctx, in);
    }

    if (ctx->answer.whole || ctx->last) {
        ngx_http_llm_record_intend(r, ctx);
    }

    rc = ngx_http_next_body_filter(r, in);

    if (rc == NGX_OK && ctx->last && !r->connection->buffered) {
        ngx_http_llm_record_out(r, ctx);
    }

    return rc;
}


static void
ngx_http_llm_record_intend(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_worker_t  *w;

    w = &ngx_http_llm_worker;

    if (w->intended == ctx || !ngx_http_llm_record_due(r, ctx)) {
        return;
    }

    ngx_llm_ring_begin(w->intent);

    ngx_http_llm_record_fill(r, ctx, &w->intent->record);
    ngx_http_llm_record_end(r, ctx, &w->intent->record);

    ngx_llm_ring_intend(w->intent);

    w->intended = ctx;
}


/* all of it is out: what was written down holds, but for what came since */

static void
ngx_http_llm_record_out(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_llm_record_t  *record;

    if (ngx_http_llm_worker.intended != ctx || ctx->bodies) {
        (void) ngx_http_llm_record_handler(r);
        return;
    }

    record = &ngx_http_llm_worker.intent->record;

    record->duration = ngx_http_llm_record_duration(record);
    record->response_bytes = r->connection->sent;

    ngx_http_llm_record_put(ctx, record);
}


ngx_int_t
ngx_http_llm_record_handler(ngx_http_request_t *r)
{
    ngx_llm_record_t       *record;
    ngx_http_llm_ctx_t     *ctx;
    ngx_http_llm_worker_t  *w;

    w = &ngx_http_llm_worker;
    ctx = ngx_http_llm_ctx(r);

    if (ctx == NULL || !ngx_http_llm_record_due(r, ctx)) {
        return NGX_OK;
    }

    record = &w->intent->record;

    if (w->intended != ctx || ctx->bodies) {
        ngx_llm_ring_begin(w->intent);
        ngx_http_llm_record_fill(r, ctx, record);
    }

    ngx_http_llm_record_end(r, ctx, record);

    ngx_llm_ring_intend(w->intent);

    ngx_http_llm_record_put(ctx, record);

    return NGX_OK;
}


static void
ngx_http_llm_record_put(ngx_http_llm_ctx_t *ctx, ngx_llm_record_t *record)
{
    ngx_http_llm_worker_t  *w;

    w = &ngx_http_llm_worker;

    ngx_llm_stats_count(w->history->stats, record, ngx_time());
    ngx_llm_ring_append(w->history->ring, ngx_process_slot, w->intent,
                        w->intent_texts);

    w->intended = NULL;
    ctx->recorded = 1;
}


/* what is asked of nodes; who only lists models is of no interest */

static ngx_uint_t
ngx_http_llm_record_due(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    return !ctx->recorded
           && r->method == NGX_HTTP_POST
           && ctx->api == NULL
           && ngx_http_llm_worker.intent != NULL;
}


static void
ngx_http_llm_record_fill(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_record_t *record)
{
    record->time = (uint64_t) r->start_sec * 1000 + r->start_msec;
    record->node_id = ctx->node_name.len ? ctx->node_id : 0;

    record->stream = (ctx->facts.stream || ctx->answer.sse);

    ngx_http_llm_worker.intent_texts = ngx_http_llm_record_texts(r, ctx,
                                                                 record);
}


/* in the order of ngx_llm_record_text_e */

static size_t
ngx_http_llm_record_texts(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_record_t *record)
{
    u_char     *p;
    uint32_t   *len;
    ngx_str_t   asked, model;

    len = record->len;

    p = ngx_http_llm_record_text(record->text, &len[NGX_LLM_RECORD_ID],
                                 ctx->id.data, ctx->id.len, 128);

    p = ngx_http_llm_record_text(p, &len[NGX_LLM_RECORD_ENDPOINT],
                                 r->uri.data, r->uri.len,
                                 NGX_LLM_RECORD_ENDPOINT_MAX);

    asked.data = ctx->facts.model;
    asked.len = ctx->facts.model_len;

    /* refused before its alias was looked for */

    model = ctx->model.len ? ctx->model : asked;

    p = ngx_http_llm_record_text(p, &len[NGX_LLM_RECORD_MODEL], model.data,
                                 model.len, NGX_LLM_MODEL_NAME);

    p = ngx_http_llm_record_text(p, &len[NGX_LLM_RECORD_REQUESTED], asked.data,
                                 (model.data == asked.data) ? 0 : asked.len,
                                 NGX_LLM_MODEL_NAME);

    p = ngx_http_llm_record_text(p, &len[NGX_LLM_RECORD_NODE],
                                 ctx->node_name.data, ctx->node_name.len,
                                 NGX_LLM_NODE_NAME);

    p = ngx_http_llm_record_key(p, &len[NGX_LLM_RECORD_KEY], ctx);

    p = ngx_http_llm_record_text(p, &len[NGX_LLM_RECORD_CLIENT],
                                 r->connection->addr_text.data,
                                 r->connection->addr_text.len,
                                 NGX_HTTP_LLM_RECORD_CLIENT);

    len[NGX_LLM_RECORD_REQUEST] = 0;
    len[NGX_LLM_RECORD_RESPONSE] = 0;
    record->cut = 0;

    if (ctx->bodies) {
        p = ngx_http_llm_bodies_texts(r, ctx, p, record);
    }

    return p - record->text;
}


static ngx_inline u_char *
ngx_http_llm_record_text(u_char *p, uint32_t *len, const u_char *text,
    size_t n, size_t max)
{
    n = ngx_min(n, max);

    *len = (uint32_t) n;

    return ngx_llm_copy(p, text, n);
}


static u_char *
ngx_http_llm_record_key(u_char *p, uint32_t *len, ngx_http_llm_ctx_t *ctx)
{
    ngx_llm_key_t  *key;

    *len = 0;

    if (ctx->key == NGX_LLM_KEY_NONE) {
        return p;
    }

    key = &ngx_http_llm_worker.zone->keys->key[ctx->key];

    /* one that was removed may have left its place to another */

    if (key->generation != ctx->key_generation) {
        return p;
    }

    return ngx_http_llm_record_text(p, len, key->conf.name,
                                    strnlen((char *) key->conf.name,
                                            NGX_LLM_KEY_NAME),
                                    NGX_LLM_KEY_NAME);
}


/* what the last attempt's node said, or a token an event */

static void
ngx_http_llm_record_usage(ngx_http_llm_ctx_t *ctx, ngx_llm_record_t *record)
{
    record->prompt_tokens = -1;
    record->completion_tokens = -1;
    record->estimated = 0;

    if (ctx->usage.found) {
        record->prompt_tokens = ctx->usage.prompt;
        record->completion_tokens = ctx->usage.completion;

    } else if (ctx->events) {
        record->completion_tokens = ctx->events;
        record->estimated = 1;
    }
}


/* what is known at the end only; may be called before it, too */

static void
ngx_http_llm_record_end(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_record_t *record)
{
    ngx_uint_t  error, status;

    record->ttft = ctx->first ? (int64_t) (ctx->first - ctx->start) : -1;
    record->duration = ngx_http_llm_record_duration(record);
    record->queue = ctx->queue_time;
    record->attempts = ngx_min(ctx->attempts, 255);
    record->request_bytes = r->request_length;
    record->response_bytes = r->connection->sent;

    ngx_http_llm_record_usage(ctx, record);

    record->status = ngx_http_llm_record_status(r, ctx, &error);
    record->error = error;
    record->node_error = (record->status == NGX_LLM_RECORD_ERROR
                          && error == NGX_LLM_ERR_NONE);

    status = r->err_status ? r->err_status : r->headers_out.status;

    record->http_status = (record->status == NGX_LLM_RECORD_CANCELLED)
                          ? NGX_HTTP_CLIENT_CLOSED_REQUEST : status;
}


/* the clock may have been set back, and is not the one of the first byte */

static uint64_t
ngx_http_llm_record_duration(const ngx_llm_record_t *record)
{
    int64_t      ms;
    ngx_time_t  *tp;

    tp = ngx_timeofday();
    ms = (int64_t) tp->sec * 1000 + tp->msec - record->time;

    return ngx_max(ms, ngx_max(record->ttft, 0));
}


ngx_uint_t
ngx_http_llm_record_status(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_uint_t *error)
{
    ngx_uint_t  status;

    *error = NGX_LLM_ERR_NONE;
    status = r->headers_out.status;

    if (ctx->cancelled || status == NGX_HTTP_CLIENT_CLOSED_REQUEST) {
        return NGX_LLM_RECORD_CANCELLED;
    }

    *error = ctx->error;

    if (ctx->error == NGX_LLM_ERR_NONE
        && !ctx->answer.head
        && status >= NGX_HTTP_BAD_REQUEST)
    {
        /* nginx gave it up: the body did not come */

        *error = ngx_llm_error_of_status(status);
    }

    if (*error) {
        return NGX_LLM_RECORD_ERROR;
    }

    return (ctx->answer.status >= NGX_HTTP_BAD_REQUEST || ctx->told)
           ? NGX_LLM_RECORD_ERROR : NGX_LLM_RECORD_SUCCESS;
}
