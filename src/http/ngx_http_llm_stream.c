
/*
 * Reading from the node of a stream.
 *
 * The engine reads through ngx_http_llm_stream_recv(), where a node that
 * broke off is made to say so: the error event comes in as if the node had
 * sent it, and the answer ends well, however slowly the client reads.
 */


#include "ngx_http_llm_stream.h"
#include "ngx_http_llm_error.h"


static ssize_t ngx_http_llm_stream_recv(ngx_connection_t *c, u_char *buf,
    size_t size);
static void ngx_http_llm_stream_read(ngx_http_request_t *r,
    ngx_http_upstream_t *u);
static ssize_t ngx_http_llm_stream_eof(ngx_connection_t *c);
static void ngx_http_llm_stream_late(ngx_event_t *ev);
static ngx_uint_t ngx_http_llm_stream_ended(ngx_http_llm_ctx_t *ctx);


/* how long a node may take to end its answer after [DONE], ms */
#define NGX_HTTP_LLM_STREAM_DONE  1000


/* the engine's own handler, the same for all */

static ngx_http_upstream_handler_pt  ngx_http_llm_stream_engine;


void
ngx_http_llm_stream_begin(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_connection_t     *c;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    c = u->peer.connection;

    ctx->recv = c->recv;
    c->recv = ngx_http_llm_stream_recv;

    ngx_http_llm_stream_engine = u->read_event_handler;
    u->read_event_handler = ngx_http_llm_stream_read;
}


void
ngx_http_llm_stream_break(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_uint_t error)
{
    u_char  *p;

    ctx->broken = 1;
    ctx->held = NULL;

    (void) ngx_http_llm_error_node(r, error);

    p = ngx_pnalloc(r->pool, sizeof("\n\ndata: \n\n") + 6 * 1024
                             + NGX_LLM_ERROR_ROOM);
    if (p == NULL) {
        return;
    }

    ctx->tail.data = p;

    if (ctx->passing) {

        /* ends the event that was passed on in part */

        p = ngx_cpymem(p, "\n\n", 2);
    }

    p = ngx_cpymem(p, "data: ", sizeof("data: ") - 1);
    p = ngx_llm_error_json(p, ctx->error, ctx->message.len ? &ctx->message
                                                           : NULL);
    p = ngx_cpymem(p, "\n\n", 2);

    ctx->tail.len = p - ctx->tail.data;
}


/*
 * Reads from the node of a stream.  When the node ended before its answer
 * did, what it should have said comes in here.
 */

static ssize_t
ngx_http_llm_stream_recv(ngx_connection_t *c, u_char *buf, size_t size)
{
    size_t               len;
    ssize_t              n;
    ngx_http_request_t  *r;
    ngx_http_llm_ctx_t  *ctx;

    r = c->data;
    ctx = ngx_http_llm_ctx(r);

    if (!ctx->broken) {
        n = ctx->late ? 0 : ctx->recv(c, buf, size);

        if (n > 0 || n == NGX_AGAIN) {
            return n;
        }

        if (ctx->done || (n == 0 && ngx_http_llm_stream_ended(ctx))) {
            return ngx_http_llm_stream_eof(c);
        }

        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "llm node \"%V\" broke off a stream", &ctx->node_name);

        ngx_http_llm_stream_break(r, ctx, NGX_LLM_ERR_UPSTREAM);
    }

    if (ctx->tail.len == 0) {
        return ngx_http_llm_stream_eof(c);
    }

    len = ngx_min(size, ctx->tail.len);

    ngx_memcpy(buf, ctx->tail.data, len);

    ctx->tail.data += len;
    ctx->tail.len -= len;

    c->read->ready = 1;
    c->read->error = 0;
    c->read->eof = 0;

    return len;
}


/*
 * The engine ends well what ends with eof, when its client has all.  Not
 * ready, or it would read on and on while the client is slow.
 */

static ssize_t
ngx_http_llm_stream_eof(ngx_connection_t *c)
{
    c->read->ready = 0;
    c->read->error = 0;
    c->read->eof = 1;

    return 0;
}


/* the engine's own handler, but for a node that fell silent */

static void
ngx_http_llm_stream_read(ngx_http_request_t *r, ngx_http_upstream_t *u)
{
    ngx_event_t         *rev;
    ngx_http_llm_ctx_t  *ctx;

    rev = u->peer.connection->read;

    if (rev->timedout) {
        ctx = ngx_http_llm_ctx(r);

        if (ctx->done) {
            ctx->late = 1;

        } else {
            ngx_log_error(NGX_LOG_ERR, rev->log, NGX_ETIMEDOUT,
                          "llm node \"%V\" fell silent", &ctx->node_name);

            ngx_http_llm_stream_break(r, ctx, NGX_LLM_ERR_TIMEOUT);
        }

        rev->timedout = 0;
        rev->ready = 1;
    }

    ngx_http_llm_stream_engine(r, u);
}


void
ngx_http_llm_stream_done(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->timer.timer_set || ctx->late) {
        return;
    }

    ctx->timer.handler = ngx_http_llm_stream_late;
    ctx->timer.data = ctx;
    ctx->timer.log = ctx->request->connection->log;

    ngx_add_timer(&ctx->timer, NGX_HTTP_LLM_STREAM_DONE);
}


static void
ngx_http_llm_stream_late(ngx_event_t *ev)
{
    ngx_event_t         *rev;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ev->data;
    rev = ctx->request->upstream->peer.connection->read;

    ngx_log_error(NGX_LOG_INFO, ev->log, 0,
                  "llm node \"%V\" does not end its stream after [DONE]",
                  &ctx->node_name);

    /* as if it had been silent for as long as it may */

    rev->timedout = 1;
    rev->handler(rev);
}


/* may the answer end here? */

static ngx_uint_t
ngx_http_llm_stream_ended(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->done || ctx->answer.whole) {
        return 1;
    }

    /* neither chunks nor a length: the node's close ends it, if it says so */

    return !ctx->answer.chunked
           && ctx->left == -1
           && ctx->held == NULL
           && !ctx->passing
           && !ctx->url->done;
}
