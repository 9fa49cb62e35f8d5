
/*
 * The way of an answer's bytes from node to client.
 *
 * Whole answers: bytes are passed on as they are, the usage finder looks on.
 *
 * Streams go by events.  One that is not whole yet is held until it is, so
 * that a client never sees half an event when a node breaks off; an event
 * too long to hold is passed on in pieces.
 */


#include "ngx_llm_answer.h"
#include "ngx_llm_openai_event.h"
#include "ngx_http_llm_finish.h"
#include "ngx_http_llm_relay.h"
#include "ngx_http_llm_stream.h"


/* an event longer than this is not held; it carries no usage alone */
#define NGX_HTTP_LLM_HELD  4096


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
static ngx_int_t ngx_http_llm_relay_events(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, u_char *p, u_char *last);
static ngx_uint_t ngx_http_llm_relay_event(ngx_http_llm_ctx_t *ctx,
    const u_char *p, const u_char *last);
static ngx_inline void ngx_http_llm_relay_count(ngx_http_llm_ctx_t *ctx,
    const u_char *p, const u_char *last);
static ngx_inline void ngx_http_llm_relay_token(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_relay_hold(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, u_char *p, u_char *last);
static ngx_int_t ngx_http_llm_relay_held(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_relay_spare(ngx_http_request_t *r, ngx_chain_t *cl);
static ngx_int_t ngx_http_llm_relay_whole(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_relay_end(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_chain_t *ngx_http_llm_relay_room(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_relay_emit(ngx_http_request_t *r, u_char *p,
    u_char *last);
static void ngx_http_llm_relay_link(ngx_http_request_t *r, ngx_chain_t *cl);


ngx_int_t
ngx_http_llm_relay_init(void *data)
{
    ngx_http_request_t  *r = data;

    ngx_http_llm_ctx_t   *ctx;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    ctx = ngx_http_llm_ctx(r);

    ngx_llm_usage_init(&ctx->usage);

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

        if (ctx->held == NULL
            && !ctx->passing
            && ngx_llm_sse_plain(&ctx->sse, p, last))
        {
            ngx_http_llm_relay_count(ctx, p, last);

            return ngx_http_llm_relay_emit(r, p, last);
        }

        return ngx_http_llm_relay_events(r, ctx, p, last);
    }

    ngx_llm_usage_feed(&ctx->usage, p, last - p);

    return ngx_http_llm_relay_emit(r, p, last);
}


/* p .. last of a stream: what is whole goes on at once */

static ngx_int_t
ngx_http_llm_relay_events(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    u_char *p, u_char *last)
{
    u_char        *start, *event;
    const u_char  *end;

    ngx_llm_usage_feed(&ctx->usage, p, last - p);

    if (ctx->sse.cr && *p == LF && ctx->held == NULL && !ctx->passing) {

        /* of the CR that ended the event before: it goes the same way */

        ctx->sse.cr = 0;

        if (!ctx->stripped && ngx_http_llm_relay_emit(r, p, p + 1) != NGX_OK) {
            return NGX_ERROR;
        }

        p++;
    }

    start = p;              /* of what goes on in one piece */

    for (event = p; event < last; event = (u_char *) end) {

        if (ngx_llm_sse_next(&ctx->sse, event, last, &end) != NGX_OK) {

            if (ngx_http_llm_relay_emit(r, start, event) != NGX_OK) {
                return NGX_ERROR;
            }

            return ngx_http_llm_relay_hold(r, ctx, event, last);
        }

        if (ctx->held || ctx->passing) {

            /* the rest of one that began before */

            if (ngx_http_llm_relay_hold(r, ctx, event, (u_char *) end)
                != NGX_OK
                || ngx_http_llm_relay_held(r, ctx) != NGX_OK)
            {
                return NGX_ERROR;
            }

            start = (u_char *) end;
            continue;
        }

        if (ngx_http_llm_relay_event(ctx, event, end)) {
            continue;
        }

        if (ngx_http_llm_relay_emit(r, start, event) != NGX_OK) {
            return NGX_ERROR;
        }

        start = (u_char *) end;
    }

    return ngx_http_llm_relay_emit(r, start, last);
}


/* notes an event; does it go on to the client? */

static ngx_uint_t
ngx_http_llm_relay_event(ngx_http_llm_ctx_t *ctx, const u_char *p,
    const u_char *last)
{
    ctx->stripped = 0;

    if (ctx->sse.done) {
        ctx->done = 1;
        return 1;
    }

    if (ctx->strip && ngx_llm_openai_event_is_usage(p, last)) {
        ctx->stripped = 1;
        return 0;
    }

    if (ctx->sse.data) {
        ngx_http_llm_relay_count(ctx, p, last);
    }

    return 1;
}


/* those that have something to say: about a token each */

static ngx_inline void
ngx_http_llm_relay_count(ngx_http_llm_ctx_t *ctx, const u_char *p,
    const u_char *last)
{
    if (ngx_llm_openai_event_may_be_error(p, last)
        && ngx_llm_openai_event_is_error(p, last))
    {
        ctx->told = 1;
        return;
    }

    if (ctx->url->deltas) {

        if (!ngx_llm_openai_event_is_delta(p, last)) {
            return;
        }

    } else if ((ctx->events == 0 || ngx_llm_openai_event_may_be_mute(p, last))
               && ngx_llm_openai_event_is_mute(p, last))
    {
        return;
    }

    ngx_http_llm_relay_token(ctx);
}


static ngx_inline void
ngx_http_llm_relay_token(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->events++ == 0) {
        ngx_http_llm_first(ctx);
    }
}


/* holds the piece p .. last of an event, or passes it on if it is too long */

static ngx_int_t
ngx_http_llm_relay_hold(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    u_char *p, u_char *last)
{
    ngx_buf_t  *b;

    if (ctx->passing) {
        return ngx_http_llm_relay_emit(r, p, last);
    }

    if (ctx->held == NULL) {

        ctx->held = ngx_http_llm_relay_room(r);
        if (ctx->held == NULL) {
            return NGX_ERROR;
        }
    }

    b = ctx->held->buf;

    if (last - p <= b->end - b->last) {
        b->last = ngx_cpymem(b->last, p, last - p);
        return NGX_OK;
    }

    if (b->pos == b->last) {
        ngx_http_llm_relay_spare(r, ctx->held);

    } else {
        ngx_http_llm_relay_link(r, ctx->held);
    }

    ctx->held = NULL;
    ctx->passing = 1;

    return ngx_http_llm_relay_emit(r, p, last);
}


/* the held event is whole, or all that will come of it */

static ngx_int_t
ngx_http_llm_relay_held(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_buf_t    *b;
    ngx_chain_t  *held;

    if (ctx->passing) {
        ctx->passing = 0;
        ngx_http_llm_relay_token(ctx);
        return NGX_OK;
    }

    held = ctx->held;

    if (held == NULL) {
        return NGX_OK;
    }

    ctx->held = NULL;
    b = held->buf;

    if (ngx_http_llm_relay_event(ctx, b->pos, b->last)) {
        ngx_http_llm_relay_link(r, held);
        return NGX_OK;
    }

    ngx_http_llm_relay_spare(r, held);

    return NGX_OK;
}


/* a link with memory that is not needed now */

static void
ngx_http_llm_relay_spare(ngx_http_request_t *r, ngx_chain_t *cl)
{
    cl->buf->pos = cl->buf->start;
    cl->buf->last = cl->buf->start;

    cl->next = r->upstream->free_bufs;
    r->upstream->free_bufs = cl;
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
    const u_char  *end;

    static const u_char  empty[] = "\n\n";

    if (!ctx->answer.sse || (ctx->held == NULL && !ctx->passing)) {
        return NGX_OK;
    }

    (void) ngx_llm_sse_next(&ctx->sse, empty, empty + 2, &end);

    if (ctx->sse.done || ctx->done) {
        return ngx_http_llm_relay_held(r, ctx);
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


/*
 * A link with memory of its own.  It comes back to the engine's free buffers
 * when it was sent, and is found there again.
 */

static ngx_chain_t *
ngx_http_llm_relay_room(ngx_http_request_t *r)
{
    ngx_buf_t            *b;
    ngx_chain_t          *cl, **ll;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    for (ll = &u->free_bufs; *ll; ll = &(*ll)->next) {
        cl = *ll;

        if (cl->buf->start) {
            *ll = cl->next;
            return cl;
        }
    }

    b = ngx_create_temp_buf(r->pool, NGX_HTTP_LLM_HELD);
    if (b == NULL) {
        return NULL;
    }

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NULL;
    }

    cl->buf = b;

    return cl;
}


static ngx_int_t
ngx_http_llm_relay_emit(ngx_http_request_t *r, u_char *p, u_char *last)
{
    ngx_chain_t  *cl;

    if (p == last) {
        return NGX_OK;
    }

    cl = ngx_chain_get_free_buf(r->pool, &r->upstream->free_bufs);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf->pos = p;
    cl->buf->last = last;

    ngx_http_llm_relay_link(r, cl);

    return NGX_OK;
}


static void
ngx_http_llm_relay_link(ngx_http_request_t *r, ngx_chain_t *cl)
{
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_ctx(r);

    *ctx->last_out = cl;
    ctx->last_out = &cl->next;

    cl->next = NULL;

    cl->buf->flush = 1;
    cl->buf->memory = 1;
    cl->buf->temporary = 0;
    cl->buf->tag = r->upstream->output.tag;
}
