
/*
 * The buffer of a node's answer.  The engine reads into u->buffer, as far as
 * it goes; what a kept connection is read by is ours until something comes.
 */


#include "ngx_http_llm_buffer.h"
#include "ngx_http_llm_spare.h"


static ssize_t ngx_http_llm_buffer_recv(ngx_connection_t *c, u_char *buf,
    size_t size);
static ngx_int_t ngx_http_llm_buffer_take(ngx_http_llm_ctx_t *ctx);


void
ngx_http_llm_buffer_init(ngx_http_llm_ctx_t *ctx)
{
    ngx_buf_t  *b;

    b = &ctx->request->upstream->buffer;

    /* room for one byte, never written: without room nothing is read */

    b->start = ctx->head;
    b->pos = ctx->head;
    b->last = ctx->head;
    b->end = ctx->head + 1;
    b->temporary = 1;
    b->tag = ctx->request->upstream->output.tag;
}


ngx_int_t
ngx_http_llm_buffer_await(ngx_http_llm_ctx_t *ctx, ngx_connection_t *c)
{
    ctx->recv = NULL;

    if (ctx->buffer) {
        return NGX_OK;
    }

    if (c == NULL) {
        return ngx_http_llm_buffer_take(ctx);
    }

    ctx->recv = c->recv;
    c->recv = ngx_http_llm_buffer_recv;

    return NGX_OK;
}


/* the first read of an answer; where the engine would have it is of no use */

static ssize_t
ngx_http_llm_buffer_recv(ngx_connection_t *c, u_char *buf, size_t size)
{
    ngx_buf_t           *b;
    ngx_http_request_t  *r;
    ngx_http_llm_ctx_t  *ctx;

    r = c->data;
    ctx = ngx_http_llm_ctx(r);

    c->recv = ctx->recv;
    ctx->recv = NULL;

    if (ngx_http_llm_buffer_take(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    b = &r->upstream->buffer;

    return c->recv(c, b->last, b->end - b->last);
}


static ngx_int_t
ngx_http_llm_buffer_take(ngx_http_llm_ctx_t *ctx)
{
    ngx_buf_t  *b;

    ctx->buffer = ngx_http_llm_spare_take(&ngx_http_llm_worker.buffers,
                                          NGX_HTTP_LLM_BUFFER_SIZE,
                                          ctx->request->connection->log);
    if (ctx->buffer == NULL) {
        return NGX_ERROR;
    }

    b = &ctx->request->upstream->buffer;

    b->start = ctx->buffer;
    b->pos = ctx->buffer;
    b->last = ctx->buffer;
    b->end = ctx->buffer + NGX_HTTP_LLM_BUFFER_SIZE;

    return NGX_OK;
}
