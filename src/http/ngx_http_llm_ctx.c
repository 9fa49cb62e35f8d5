
/*
 * The context of a request, and its id.
 */


#include "ngx_llm_text.h"
#include "ngx_http_llm_ctx.h"
#include "ngx_http_llm_finish.h"
#include "ngx_http_llm_header.h"
#include "ngx_http_llm_spare.h"


static ngx_http_llm_ctx_t *ngx_http_llm_ctx_create(ngx_http_request_t *r);
static void ngx_http_llm_ctx_free(void *data);
static ngx_int_t ngx_http_llm_ctx_id(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);


ngx_http_llm_ctx_t *
ngx_http_llm_get_ctx(ngx_http_request_t *r)
{
    ngx_http_cleanup_t  *cln;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_ctx(r);

    if (ctx) {
        return ctx;
    }

    if (ngx_http_llm_worker.zone == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "llm router has no shared memory in this worker");
        return NULL;
    }

    ctx = ngx_http_llm_ctx_create(r);
    if (ctx == NULL) {
        return NULL;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    /* the one whose place this is left without an end, to another location */

    if (ngx_http_llm_worker.intended == ctx) {
        ngx_http_llm_worker.intended = NULL;
    }

    ctx->request = r;
    ctx->llcf = ngx_http_llm_conf(r);
    ctx->key = NGX_LLM_KEY_NONE;
    ctx->node = NGX_LLM_NODE_NONE;
    ctx->next_node = NGX_LLM_NODE_NONE;
    ctx->waiter = NGX_LLM_WAITER_NONE;
    ctx->start = ngx_current_msec;

    if (ngx_http_llm_ctx_id(r, ctx) != NGX_OK) {
        return NULL;
    }

    cln->handler = ngx_http_llm_cleanup;
    cln->data = ctx;

    ngx_http_set_ctx(r, ctx, ngx_http_llm_router_module);

    return ctx;
}


/*
 * Not in the pool of the request, which would need a third block of memory for
 * it, but used again by the worker's next one.
 */

static ngx_http_llm_ctx_t *
ngx_http_llm_ctx_create(ngx_http_request_t *r)
{
    volatile size_t         size;
    ngx_pool_cleanup_t     *cln;
    ngx_http_llm_ctx_t     *ctx;
    ngx_http_llm_worker_t  *w;

    w = &ngx_http_llm_worker;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    ctx = ngx_http_llm_spare_take(&w->contexts, sizeof(ngx_http_llm_ctx_t),
                                  r->connection->log);
    if (ctx == NULL) {
        return NULL;
    }

    /* of a size that GCC knows it would make a loop over eight bytes */

    size = offsetof(ngx_http_llm_ctx_t, facts.model);

    ngx_memzero(ctx, size);

    cln->handler = ngx_http_llm_ctx_free;
    cln->data = ctx;

    return ctx;
}


static void
ngx_http_llm_ctx_free(void *data)
{
    ngx_http_llm_ctx_t  *ctx = data;

    /* the client left before its body was read */

    if (ctx->scan) {
        ngx_http_llm_spare_give(&ngx_http_llm_worker.scanners, ctx->scan);
    }

    if (ctx->buffer) {
        ngx_http_llm_spare_give(&ngx_http_llm_worker.buffers, ctx->buffer);
    }

    ngx_http_llm_spare_give(&ngx_http_llm_worker.contexts, ctx);
}


/* the client's own when it is sane, otherwise 32 digits drawn for it */

static ngx_int_t
ngx_http_llm_ctx_id(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    u_char               *p;
    ngx_table_elt_t      *h;
    ngx_http_llm_walk_t   walk;

    for (h = ngx_http_llm_header_first(r, &walk);
         h;
         h = ngx_http_llm_header_next(&walk))
    {
        if (ngx_http_llm_header_is(h, "x-request-id")
            && ngx_llm_sane_id(h->value.data, h->value.len))
        {
            ctx->id = h->value;
            return NGX_OK;
        }
    }

    p = ngx_pnalloc(r->pool, 32);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->id.data = p;
    ctx->id.len = 32;
    ctx->drawn = 1;

    /*
     * Ids must differ, they need not be secret: digits of this worker's own,
     * then those of a count that an odd factor spreads over all of them.
     */

    ngx_memcpy(p, ngx_http_llm_worker.id, 16);

    ngx_llm_hex64(p + 16, ++ngx_http_llm_worker.ids * 0x9e3779b97f4a7c15ULL);

    return NGX_OK;
}
