
/*
 * The texts of request and answer that the history keeps, where
 * llm_router_history says so: JSON as it is, the words of a stream.  Nothing of
 * multipart bodies and of answers that are no text.
 */


#ifndef _NGX_HTTP_LLM_BODIES_H_INCLUDED_
#define _NGX_HTTP_LLM_BODIES_H_INCLUDED_


#include "ngx_http_llm.h"


/* Makes ctx->bodies, or leaves it NULL.  NGX_ERROR: no memory. */
ngx_int_t ngx_http_llm_bodies_init(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/* The next n bytes of a request in JSON. */
void ngx_http_llm_bodies_request(ngx_http_llm_ctx_t *ctx, const u_char *p,
    size_t n);

/* What goes out to the client next. */
void ngx_http_llm_bodies_answer(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_chain_t *in);

/* Writes both to p, of the record's texts.  Returns the end. */
u_char *ngx_http_llm_bodies_texts(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, u_char *p, ngx_llm_record_t *record);


#endif /* _NGX_HTTP_LLM_BODIES_H_INCLUDED_ */
