
/*
 * What nginx's upstream engine asks of us: the head of an answer read, held
 * back until its first body byte, and decided on; and the end.
 */


#include "ngx_http_llm_upstream.h"
#include "ngx_http_llm_answer.h"
#include "ngx_http_llm_balance.h"
#include "ngx_http_llm_buffer.h"
#include "ngx_http_llm_finish.h"
#include "ngx_http_llm_relay.h"


static ngx_int_t ngx_http_llm_create_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_reinit_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_process_header(ngx_http_request_t *r);
static void ngx_http_llm_abort_request(ngx_http_request_t *r);
static void ngx_http_llm_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);
static ngx_uint_t ngx_http_llm_upstream_next(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_msec_t ngx_http_llm_retry_after(ngx_http_request_t *r);
static ngx_msec_t ngx_http_llm_retry_after_value(const ngx_str_t *value,
    ngx_msec_t unit);


void
ngx_http_llm_upstream(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_http_upstream_t  *u;

    if (ngx_http_upstream_create(r) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    u = r->upstream;

    ngx_str_set(&u->schema, "http://");
    u->output.tag = (ngx_buf_tag_t) &ngx_http_llm_router_module;

    u->conf = &ctx->llcf->upstream;
    u->buffering = 0;

    ngx_http_llm_buffer_init(ctx);

    u->create_request = ngx_http_llm_create_request;
    u->reinit_request = ngx_http_llm_reinit_request;
    u->process_header = ngx_http_llm_process_header;
    u->abort_request = ngx_http_llm_abort_request;
    u->finalize_request = ngx_http_llm_finalize_request;

    u->input_filter_init = ngx_http_llm_relay_init;
    u->input_filter = ngx_http_llm_relay;
    u->input_filter_ctx = r;

    ngx_llm_budget_earn(&ngx_http_llm_worker.zone->budget);

    ngx_http_upstream_init(r);
}


/* the request is made when its node is known, see ngx_http_llm_head() */

static ngx_int_t
ngx_http_llm_create_request(ngx_http_request_t *r)
{
    r->upstream->request_bufs = NULL;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_reinit_request(ngx_http_request_t *r)
{
    return NGX_OK;
}


static void
ngx_http_llm_abort_request(ngx_http_request_t *r)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "abort llm request");
}


static void
ngx_http_llm_finalize_request(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_ctx(r);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "finalize llm request: %i", rc);

    if (rc == NGX_HTTP_CLIENT_CLOSED_REQUEST
        || r->connection->error
        || r->connection->timedout)
    {
        ctx->cancelled = 1;

        /* for the log, where the status was sent already */

        r->headers_out.status = NGX_HTTP_CLIENT_CLOSED_REQUEST;
    }

    ngx_http_llm_outcome_end(ctx, rc);
    ngx_http_llm_finish(ctx);
}


/*
 * NGX_AGAIN until the first byte of the body is there: up to then another
 * node may answer in this one's place.
 */

static ngx_int_t
ngx_http_llm_process_header(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_http_llm_ctx_t   *ctx;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    ctx = ngx_http_llm_ctx(r);

    if (!ctx->answer.head) {
        rc = ngx_http_llm_answer_read(r, ctx);

        if (rc != NGX_OK) {
            return rc;
        }

        if (ngx_http_llm_upstream_next(r, ctx)) {

            /* a status that the engine goes on from */

            u->headers_in.status_n = NGX_HTTP_BAD_GATEWAY;
            u->peer.tries = 2;

            return NGX_OK;
        }
    }

    u->peer.tries = 1;

    if (u->buffer.pos == u->buffer.last
        && !ngx_http_llm_answer_empty(ctx))
    {
        return NGX_AGAIN;
    }

    if (ngx_http_llm_answer_hollow(r, ctx)) {
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (ngx_http_llm_answer_partial(r, ctx)) {
        return NGX_AGAIN;
    }

    if (ngx_http_llm_answer_refuses(r, ctx)) {
        u->headers_in.status_n = NGX_HTTP_BAD_GATEWAY;
        u->peer.tries = 2;

        return NGX_OK;
    }

    ngx_http_llm_outcome_success(ctx);

    return ngx_http_llm_answer_commit(r, ctx);
}


/* does the head tell of a failure, and is there another node for it? */

static ngx_uint_t
ngx_http_llm_upstream_next(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_msec_t  ms;
    ngx_uint_t  status;

    status = ctx->answer.status;

    if (status != NGX_HTTP_TOO_MANY_REQUESTS && status < 500) {
        return 0;
    }

    ms = 0;

    if (status == NGX_HTTP_TOO_MANY_REQUESTS
        || status == NGX_HTTP_SERVICE_UNAVAILABLE)
    {
        ms = ngx_http_llm_retry_after(r);
    }

    if (ms) {
        ngx_http_llm_outcome_busy(ctx, ms);

    } else {
        ngx_http_llm_outcome_failure(ctx, NGX_LLM_CAUSE_STATUS);
    }

    if (!ngx_http_llm_balance_next(ctx)) {
        return 0;
    }

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "llm node \"%V\" answered %ui, trying another",
                  &ctx->node_name, status);

    return 1;
}


/*
 * For how many ms the node wants to be left alone; 0: it does not say.  What
 * is more than the router takes is less for the client, too.
 */

static ngx_msec_t
ngx_http_llm_retry_after(ngx_http_request_t *r)
{
    ngx_uint_t        i, fine;
    ngx_msec_t        ms, coarse;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    ms = 0;
    coarse = 0;
    fine = 0;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].hash == 0) {
                continue;
            }

            if (h[i].key.len == sizeof("retry-after-ms") - 1
                && ngx_strncasecmp(h[i].key.data, (u_char *) "retry-after-ms",
                                   sizeof("retry-after-ms") - 1)
                   == 0)
            {
                /* it counts where both are said */

                ms = ngx_http_llm_retry_after_value(&h[i].value, 1);
                fine = 1;

                if (ms == NGX_LLM_COOLING_MAX) {
                    ngx_str_set(&h[i].value, "60000");
                }
            }

            if (h[i].key.len == sizeof("retry-after") - 1
                && ngx_strncasecmp(h[i].key.data, (u_char *) "retry-after",
                                   sizeof("retry-after") - 1)
                   == 0)
            {
                coarse = ngx_http_llm_retry_after_value(&h[i].value, 1000);

                if (coarse == NGX_LLM_COOLING_MAX) {
                    ngx_str_set(&h[i].value, "60");
                }
            }
        }
    }

    return fine ? ms : coarse;
}


/* a number of units, whose fraction counts as a whole one, or a date */

static ngx_msec_t
ngx_http_llm_retry_after_value(const ngx_str_t *value, ngx_msec_t unit)
{
    size_t      i;
    time_t      date, now;
    ngx_msec_t  n;

    n = 0;

    for (i = 0; i < value->len; i++) {

        if (value->data[i] < '0' || value->data[i] > '9') {
            break;
        }

        n = ngx_min(10 * n + value->data[i] - '0', NGX_LLM_COOLING_MAX);
    }

    if (i) {
        n += (i < value->len && value->data[i] == '.');

        return ngx_min(n * unit, NGX_LLM_COOLING_MAX);
    }

    now = ngx_time();
    date = ngx_parse_http_time(value->data, value->len);

    if (date == (time_t) NGX_ERROR || date <= now) {
        return 0;
    }

    return ngx_min((ngx_msec_t) (date - now) * 1000, NGX_LLM_COOLING_MAX);
}
