
/*
 * The list of models, as one worker sees it in the index.  No lock.
 */


#include "ngx_llm_text.h"
#include "ngx_http_llm_models.h"
#include "ngx_http_llm_error.h"
#include "ngx_http_llm_finish.h"


#define NGX_HTTP_LLM_MODEL_ROOM                                               \
    (sizeof("{\"id\":\"\",\"object\":\"model\",\"created\":,"                 \
            "\"owned_by\":\"\"},") + NGX_INT64_LEN)


static ngx_int_t ngx_http_llm_models_list(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_models_one(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_uint_t ngx_http_llm_models_shown(ngx_http_llm_ctx_t *ctx,
    ngx_llm_image_t *image, ngx_llm_model_t *m);
static u_char *ngx_http_llm_models_json(u_char *p, ngx_llm_image_t *image,
    ngx_llm_model_t *m);
static ngx_int_t ngx_http_llm_models_send(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, u_char *start, u_char *last);


ngx_int_t
ngx_http_llm_models_handler(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    return (ctx->url->endpoint == NGX_LLM_MODELS)
           ? ngx_http_llm_models_list(r, ctx)
           : ngx_http_llm_models_one(r, ctx);
}


static ngx_int_t
ngx_http_llm_models_list(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    u_char           *p, *start;
    size_t            size;
    uint32_t          i;
    ngx_llm_image_t  *image;
    ngx_llm_model_t  *m;

    image = ngx_http_llm_worker.zone->models->image;

    size = sizeof("{\"object\":\"list\",\"data\":[]}" CRLF);

    for (i = 0; i < image->nmodels; i++) {
        m = &image->models[i];

        size += NGX_HTTP_LLM_MODEL_ROOM
                + 6 * (size_t) (m->name_len + m->owner_len);
    }

    start = ngx_pnalloc(r->pool, size);
    if (start == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_cpymem(start, "{\"object\":\"list\",\"data\":[",
                   sizeof("{\"object\":\"list\",\"data\":[") - 1);

    for (i = 0; i < image->nmodels; i++) {
        m = &image->models[i];

        if (!ngx_http_llm_models_shown(ctx, image, m)) {
            continue;
        }

        if (p[-1] == '}') {
            *p++ = ',';
        }

        p = ngx_http_llm_models_json(p, image, m);
    }

    p = ngx_cpymem(p, "]}\n", sizeof("]}\n") - 1);

    return ngx_http_llm_models_send(r, ctx, start, p);
}


static ngx_int_t
ngx_http_llm_models_one(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    u_char           *p, *start;
    ngx_str_t         name;
    ngx_llm_image_t  *image;
    ngx_llm_model_t  *m;

    name.data = ctx->path.data + sizeof("models/") - 1;
    name.len = ctx->path.len - (sizeof("models/") - 1);

    image = ngx_http_llm_worker.zone->models->image;

    m = ngx_llm_models_find(image, &name, ngx_llm_models_hash(&name));

    if (m == NULL || !ngx_http_llm_models_shown(ctx, image, m)) {
        return ngx_http_llm_error(r, NGX_LLM_ERR_MODEL_NOT_FOUND,
                                  "The model `%V` does not exist", &name);
    }

    start = ngx_pnalloc(r->pool, NGX_HTTP_LLM_MODEL_ROOM + 1
                                 + 6 * (size_t) (m->name_len + m->owner_len));
    if (start == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_http_llm_models_json(start, image, m);
    *p++ = LF;

    return ngx_http_llm_models_send(r, ctx, start, p);
}


/* is it online somewhere, and may the key use it? */

static ngx_uint_t
ngx_http_llm_models_shown(ngx_http_llm_ctx_t *ctx, ngx_llm_image_t *image,
    ngx_llm_model_t *m)
{
    uint32_t         i;
    ngx_str_t        name;
    ngx_llm_node_t  *node;
    ngx_llm_zone_t  *zone;

    zone = ngx_http_llm_worker.zone;

    if (ctx->key != NGX_LLM_KEY_NONE) {
        name.data = ngx_llm_model_name(image, m);
        name.len = m->name_len;

        if (!ngx_llm_keys_allows(zone->keys, ctx->key, &name)) {
            return 0;
        }
    }

    for (i = 0; i < m->nnodes; i++) {
        node = &zone->nodes->node[image->nodes[m->nodes + i]];

        if (node->online && !node->pending && !node->draining) {
            return 1;
        }
    }

    return 0;
}


static u_char *
ngx_http_llm_models_json(u_char *p, ngx_llm_image_t *image,
    ngx_llm_model_t *m)
{
    p = ngx_cpymem(p, "{\"id\":\"", sizeof("{\"id\":\"") - 1);
    p = ngx_llm_json_escape(p, ngx_llm_model_name(image, m), m->name_len);

    p = ngx_sprintf(p, "\",\"object\":\"model\",\"created\":%uL,"
                    "\"owned_by\":\"", m->created);

    p = ngx_llm_json_escape(p, ngx_llm_model_owner(image, m), m->owner_len);

    return ngx_cpymem(p, "\"}", 2);
}


static ngx_int_t
ngx_http_llm_models_send(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    u_char *start, u_char *last)
{
    ngx_int_t    rc;
    ngx_buf_t   *b;
    ngx_chain_t  out;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = last - start;

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_llm_add_headers(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = start;
    b->last = last;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
