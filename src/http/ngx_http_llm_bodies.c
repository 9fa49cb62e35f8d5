
#include "ngx_llm_excerpt.h"
#include "ngx_llm_openai_text.h"
#include "ngx_http_llm_auth.h"
#include "ngx_http_llm_bodies.h"


/* what an answer is */

typedef enum {
    NGX_HTTP_LLM_BODY_UNKNOWN = 0,
    NGX_HTTP_LLM_BODY_TEXT,
    NGX_HTTP_LLM_BODY_STREAM,
    NGX_HTTP_LLM_BODY_OTHER
} ngx_http_llm_body_kind_e;


struct ngx_http_llm_bodies_s {
    ngx_llm_excerpt_t       request;
    ngx_llm_excerpt_t       answer;
    ngx_uint_t              kind;       /* ngx_http_llm_body_kind_e */
    ngx_llm_openai_text_t  *stream;
};


static ngx_uint_t ngx_http_llm_bodies_kind(ngx_http_request_t *r,
    ngx_http_llm_bodies_t *bodies);
static ngx_uint_t ngx_http_llm_bodies_is(const ngx_str_t *type,
    const char *start);
static u_char *ngx_http_llm_bodies_text(u_char *p, ngx_llm_excerpt_t *e,
    const ngx_str_t *secret, size_t max, uint32_t *len);


ngx_int_t
ngx_http_llm_bodies_init(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    size_t                  size;
    u_char                 *text;
    ngx_http_llm_bodies_t  *bodies;

    size = ngx_http_llm_worker.mcf->history_bodies;

    if (size == 0) {
        return NGX_OK;
    }

    bodies = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_bodies_t));
    text = ngx_pnalloc(r->pool, 2 * size);

    if (bodies == NULL || text == NULL) {
        return NGX_ERROR;
    }

    ngx_llm_excerpt_init(&bodies->request, text, size);
    ngx_llm_excerpt_init(&bodies->answer, text + size, size);

    ctx->bodies = bodies;

    return NGX_OK;
}


void
ngx_http_llm_bodies_request(ngx_http_llm_ctx_t *ctx, const u_char *p, size_t n)
{
    ngx_llm_excerpt_feed(&ctx->bodies->request, p, n);
}


void
ngx_http_llm_bodies_answer(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_buf_t              *b;
    ngx_chain_t            *cl;
    ngx_http_llm_bodies_t  *bodies;

    bodies = ctx->bodies;

    if (bodies->kind == NGX_HTTP_LLM_BODY_UNKNOWN) {
        bodies->kind = ngx_http_llm_bodies_kind(r, bodies);
    }

    if (bodies->kind == NGX_HTTP_LLM_BODY_OTHER) {
        return;
    }

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (!ngx_buf_in_memory(b)) {
            continue;
        }

        if (bodies->stream) {
            ngx_llm_openai_text_feed(bodies->stream, b->pos, b->last - b->pos);

        } else {
            ngx_llm_excerpt_feed(&bodies->answer, b->pos, b->last - b->pos);
        }
    }
}


static ngx_uint_t
ngx_http_llm_bodies_kind(ngx_http_request_t *r, ngx_http_llm_bodies_t *bodies)
{
    ngx_str_t  *type;

    type = &r->headers_out.content_type;

    if (ngx_http_llm_bodies_is(type, "text/event-stream")) {

        bodies->stream = ngx_palloc(r->pool, sizeof(ngx_llm_openai_text_t));
        if (bodies->stream == NULL) {
            return NGX_HTTP_LLM_BODY_OTHER;
        }

        ngx_llm_openai_text_init(bodies->stream, &bodies->answer);

        return NGX_HTTP_LLM_BODY_STREAM;
    }

    return (ngx_http_llm_bodies_is(type, "application/json")
            || ngx_http_llm_bodies_is(type, "text/"))
           ? NGX_HTTP_LLM_BODY_TEXT : NGX_HTTP_LLM_BODY_OTHER;
}


static ngx_uint_t
ngx_http_llm_bodies_is(const ngx_str_t *type, const char *start)
{
    size_t  n;

    n = ngx_strlen(start);

    return type->len >= n
           && ngx_strncasecmp(type->data, (u_char *) start, n) == 0;
}


u_char *
ngx_http_llm_bodies_texts(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    u_char *p, ngx_llm_record_t *record)
{
    size_t                  max;
    ngx_str_t               secret;
    ngx_llm_ring_t         *ring;
    ngx_http_llm_bodies_t  *bodies;

    bodies = ctx->bodies;
    ring = ngx_http_llm_worker.history->ring;

    /* a zone that another configuration made may have less room */

    max = (ring->room - NGX_LLM_RECORD_TEXT) / 2;

    if (ngx_http_llm_auth_secret(r, &secret) != NGX_OK) {
        ngx_str_null(&secret);
    }

    p = ngx_http_llm_bodies_text(p, &bodies->request, &secret, max,
                                 &record->len[NGX_LLM_RECORD_REQUEST]);

    p = ngx_http_llm_bodies_text(p, &bodies->answer, &secret, max,
                                 &record->len[NGX_LLM_RECORD_RESPONSE]);

    record->cut = (bodies->request.cut || bodies->answer.cut);

    return p;
}


static u_char *
ngx_http_llm_bodies_text(u_char *p, ngx_llm_excerpt_t *e,
    const ngx_str_t *secret, size_t max, uint32_t *len)
{
    size_t  n;

    ngx_llm_excerpt_end(e);
    ngx_llm_excerpt_hide(e, secret);

    n = ngx_min(e->len, max);

    *len = (uint32_t) n;

    return ngx_cpymem(p, e->text, n);
}
