
/*
 * The way of an answer's bytes from node to client: how it is framed, by its
 * length, by chunks or by the connection's end.  Whole answers: bytes are
 * passed on as they are, the usage finder looks on.
 */


#include "ngx_llm_answer.h"
#include "ngx_http_llm_finish.h"
#include "ngx_http_llm_relay.h"
#include "ngx_http_llm_relay_events.h"
#include "ngx_http_llm_relay_out.h"
#include "ngx_http_llm_stream.h"


static ngx_int_t ngx_http_llm_relay_plain(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ssize_t bytes);
static ngx_int_t ngx_http_llm_relay_chunked(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ssize_t bytes);
static ngx_int_t ngx_http_llm_relay_part(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_buf_t *b);
static ngx_int_t ngx_http_llm_relay_parse(ngx_http_request_t *r,
    ngx_buf_t *b, ngx_http_chunked_t *chunked);
static ngx_inline ngx_int_t ngx_http_llm_relay_body(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, u_char *p, u_char *last);
static ngx_int_t ngx_http_llm_relay_whole(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_relay_end(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);


ngx_int_t
ngx_http_llm_relay_init(void *data)
{
    ngx_http_request_t  *r = data;

    ngx_http_llm_ctx_t   *ctx;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    ctx = ngx_http_llm_ctx(r);

    ngx_llm_usage_init(&ctx->usage);
    ngx_memzero(&ctx->chunked, sizeof(ngx_http_chunked_t));

    /* what is left to come; 0 ends it, -1 leaves it to us or to the node */

    u->length = ctx->answer.chunked ? -1 : ctx->answer.length;

    if (ctx->answer.status == NGX_HTTP_NO_CONTENT
        || ctx->answer.status == NGX_HTTP_NOT_MODIFIED)
    {
        u->length = 0;
    }

    if (u->length == 0) {
        ctx->answer.whole = 1;
        u->keepalive = !ctx->answer.close;
        return NGX_OK;
    }

    if (ctx->answer.chunked && !ctx->answer.sse) {

        /* so that a node that closes too soon is an error */
        u->length = 1;
    }

    if (!ctx->answer.sse) {
        return NGX_OK;
    }

    ngx_llm_sse_init(&ctx->sse);

    ctx->left = u->length;
    u->length = -1;

    ngx_http_llm_stream_begin(r, ctx);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_relay(void *data, ssize_t bytes)
{
    ngx_http_request_t  *r = data;

    ngx_int_t             rc;
    ngx_buf_t            *b;
    ngx_chain_t         **ll;
    ngx_http_llm_ctx_t   *ctx;

    ctx = ngx_http_llm_ctx(r);

    for (ll = &r->upstream->out_bufs; *ll; ll = &(*ll)->next) { /* void */ }

    ctx->last_out = ll;

    if (ctx->broken) {

        /* our own words */

        b = &r->upstream->buffer;
        b->last += bytes;

        return ngx_http_llm_relay_emit(r, b->last - bytes, b->last);
    }

    if (ctx->answer.whole) {
        r->upstream->keepalive = 0;

        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "llm node \"%V\" sent more than its answer",
                      &ctx->node_name);
        return NGX_OK;
    }

    rc = ctx->answer.chunked ? ngx_http_llm_relay_chunked(r, ctx, bytes)
                             : ngx_http_llm_relay_plain(r, ctx, bytes);

    if (ctx->done && !ctx->answer.whole) {
        ngx_http_llm_stream_done(ctx);
    }

    return rc;
}


static ngx_int_t
ngx_http_llm_relay_plain(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ssize_t bytes)
{
    off_t                *left;
    u_char               *p;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    p = u->buffer.last;
    u->buffer.last += bytes;

    left = ctx->answer.sse ? &ctx->left : &u->length;

    if (*left == -1) {
        return ngx_http_llm_relay_body(r, ctx, p, p + bytes);
    }

    if (bytes > *left) {
        ctx->answer.close = 1;
        bytes = (ssize_t) *left;

        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "llm node \"%V\" sent more than its Content-Length",
                      &ctx->node_name);
    }

    *left -= bytes;

    if (ngx_http_llm_relay_body(r, ctx, p, p + bytes) != NGX_OK) {
        return NGX_ERROR;
    }

    if (*left) {
        return NGX_OK;
    }

    u->length = 0;
    u->keepalive = !ctx->answer.close;

    return ngx_http_llm_relay_whole(r, ctx);
}


static ngx_int_t
ngx_http_llm_relay_chunked(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ssize_t bytes)
{
    size_t                n;
    u_char               *p, *next;
    ngx_int_t             rc;
    ngx_buf_t            *b;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    b = &u->buffer;

    b->pos = b->last;
    b->last += bytes;

    for ( ;; ) {

        if (b->pos == b->last) {
            return NGX_OK;
        }

        if (ctx->chunked.state == 0) {

            /* between chunks, and the next one is whole: as a rule */

            next = ngx_llm_answer_chunk(b->pos, b->last, &p, &n);

            if (next) {
                b->pos = next;

                if (ngx_http_llm_relay_body(r, ctx, p, p + n) != NGX_OK) {
                    return NGX_ERROR;
                }

                continue;
            }
        }

        rc = ngx_http_llm_relay_part(r, ctx, b);

        if (rc == NGX_OK) {
            continue;
        }

        if (rc == NGX_ABORT) {
            return NGX_ERROR;
        }

        if (rc == NGX_AGAIN) {
            return NGX_OK;
        }

        break;
    }

    if (rc == NGX_DONE || ctx->done) {
        u->length = 0;
        u->keepalive = rc == NGX_DONE
                       && !ctx->answer.close
                       && b->pos == b->last;

        return ngx_http_llm_relay_whole(r, ctx);
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "llm node \"%V\" sent an invalid chunk", &ctx->node_name);

    if (!ctx->answer.sse) {
        return NGX_ERROR;
    }

    ngx_http_llm_stream_break(r, ctx, NGX_LLM_ERR_UPSTREAM);

    /* has the engine read on, that is, what stands in the node's place */

    u->peer.connection->read->ready = 1;

    return NGX_OK;
}


/*
 * What is there of a chunk.  NGX_OK; NGX_AGAIN, NGX_DONE and NGX_ERROR as the
 * parser says them; NGX_ABORT: no memory.
 */

static ngx_int_t
ngx_http_llm_relay_part(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_buf_t *b)
{
    u_char     *p, *last;
    ngx_int_t   rc;

    rc = ngx_http_llm_relay_parse(r, b, &ctx->chunked);

    if (rc != NGX_OK) {
        return rc;
    }

    p = b->pos;
    last = p + ngx_min(b->last - p, ctx->chunked.size);

    b->pos = last;
    ctx->chunked.size -= last - p;

    if (ctx->chunked.size == 0
        && b->last - last >= 2
        && last[0] == CR && last[1] == LF)
    {
        /* between chunks again, where the parser does not stop by itself */

        b->pos += 2;
        ctx->chunked.state = 0;
    }

    rc = ngx_http_llm_relay_body(r, ctx, p, last);

    return (rc == NGX_OK) ? NGX_OK : NGX_ABORT;
}


static ngx_int_t
ngx_http_llm_relay_parse(ngx_http_request_t *r, ngx_buf_t *b,
    ngx_http_chunked_t *chunked)
{
#if (nginx_version >= 1027002)
    return ngx_http_parse_chunked(r, b, chunked, 0);
#else
    return ngx_http_parse_chunked(r, b, chunked);
#endif
}


static ngx_inline ngx_int_t
ngx_http_llm_relay_body(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    u_char *p, u_char *last)
{
    if (p == last) {
        return NGX_OK;
    }

    if (ctx->answer.sse) {
        return ngx_http_llm_relay_events(r, ctx, p, last);
    }

    ngx_llm_usage_feed(&ctx->usage, p, last - p);

    return ngx_http_llm_relay_emit(r, p, last);
}


/*
 * The node is free before its client has the last byte: who asks again by then
 * finds it so.
 */

static ngx_int_t
ngx_http_llm_relay_whole(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ctx->answer.whole = 1;

    if (ngx_http_llm_relay_end(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ctx->broken) {
        ngx_http_llm_finish_node(ctx);
    }

    return NGX_OK;
}


/*
 * The node ended its answer as HTTP wants it.  An event that is open still
 * was cut, by a proxy before the node maybe, unless only the empty line after
 * [DONE] is missing.
 */

static ngx_int_t
ngx_http_llm_relay_end(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (!ctx->answer.sse) {
        return NGX_OK;
    }

    rc = ngx_http_llm_relay_events_end(r, ctx);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "llm node \"%V\" ended a stream inside an event",
                  &ctx->node_name);

    r->upstream->length = -1;
    r->upstream->keepalive = 0;

    ngx_http_llm_stream_break(r, ctx, NGX_LLM_ERR_UPSTREAM);

    /* has the engine read on, that is, what stands in the node's place */

    r->upstream->peer.connection->read->ready = 1;

    return NGX_OK;
}
