
#ifndef _NGX_HTTP_LLM_ANSWER_H_INCLUDED_
#define _NGX_HTTP_LLM_ANSWER_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * Reads the head of the answer out of the engine's buffer, and puts what is
 * passed on into r->headers_out.  NGX_OK, NGX_AGAIN while it is not whole,
 * NGX_HTTP_UPSTREAM_INVALID_HEADER, or NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_llm_answer_read(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/* Has the answer no body, or one that must not be waited for? */
ngx_uint_t ngx_http_llm_answer_empty(ngx_http_llm_ctx_t *ctx);

/* Is it a stream that ends before it began?  Such a node failed. */
ngx_uint_t ngx_http_llm_answer_hollow(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/* Must more of it be there before it is known whether it refuses? */
ngx_uint_t ngx_http_llm_answer_partial(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/*
 * Does the node seem to refuse the wish for usage that the router put in?
 * Then it is asked again without; when it answers that, it is not asked with
 * it for an hour.
 */
ngx_uint_t ngx_http_llm_answer_refuses(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/*
 * This answer is it: no other node will be asked.  Completes the headers.
 * NGX_OK, or NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_llm_answer_commit(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);


#endif /* _NGX_HTTP_LLM_ANSWER_H_INCLUDED_ */
