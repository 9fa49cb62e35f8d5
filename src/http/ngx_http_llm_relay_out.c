
/*
 * The links that go out to the client: those that show bytes of the engine's
 * buffer, and those with memory of their own.  Both come from its free buffers.
 */


#include "ngx_http_llm_relay_out.h"


ngx_int_t
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


ngx_chain_t *
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


void
ngx_http_llm_relay_spare(ngx_http_request_t *r, ngx_chain_t *cl)
{
    cl->buf->pos = cl->buf->start;
    cl->buf->last = cl->buf->start;

    cl->next = r->upstream->free_bufs;
    r->upstream->free_bufs = cl;
}


void
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
