
/*
 * What nginx's upstream engine asks of us: the head of an answer read, held
 * back until its first body byte, and decided on; and the end.
 */


#include "ngx_http_llm_upstream.h"
#include "ngx_http_llm_answer.h"
#include "ngx_http_llm_balance.h"
#include "ngx_http_llm_finish.h"
#include "ngx_http_llm_relay.h"


static ngx_int_t ngx_http_llm_create_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_reinit_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_process_header(ngx_http_request_t *r);
static void ngx_http_llm_abort_request(ngx_http_request_t *r);
static void ngx_http_llm_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);


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

    u->create_request = ngx_http_llm_create_request;
    u->reinit_request = ngx_http_llm_reinit_request;
    u->process_header = ngx_http_llm_process_header;
    u->abort_request = ngx_http_llm_abort_request;
    u->finalize_request = ngx_http_llm_finalize_request;

    u->input_filter_init = ngx_http_llm_relay_init;
    u->input_filter = ngx_http_llm_relay;
    u->input_filter_ctx = r;

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
    ngx_uint_t            status;
    ngx_http_llm_ctx_t   *ctx;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    ctx = ngx_http_llm_ctx(r);

    if (!ctx->answer.head) {
        rc = ngx_http_llm_answer_read(r, ctx);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    status = ctx->answer.status;

    if ((status == NGX_HTTP_TOO_MANY_REQUESTS || status >= 500)
        && ngx_http_llm_balance_next(ctx))
    {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "llm node \"%V\" answered %ui, trying another",
                      &ctx->node_name, status);

        /* a status that the engine goes on from */

        u->headers_in.status_n = NGX_HTTP_BAD_GATEWAY;
        u->peer.tries = 2;

        return NGX_OK;
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

    if (ngx_http_llm_answer_refuses(r, ctx)) {
        u->headers_in.status_n = NGX_HTTP_BAD_GATEWAY;
        u->peer.tries = 2;

        return NGX_OK;
    }

    return ngx_http_llm_answer_commit(r, ctx);
}
