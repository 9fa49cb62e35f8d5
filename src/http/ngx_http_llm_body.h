
#ifndef _NGX_HTTP_LLM_BODY_H_INCLUDED_
#define _NGX_HTTP_LLM_BODY_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * Makes the scanner for the body of this request, before it is read.
 * NGX_OK, or a status.
 */
ngx_int_t ngx_http_llm_body_init(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/* The next n bytes of the body, for the scanner. */
void ngx_http_llm_body_feed(ngx_http_llm_ctx_t *ctx, const u_char *p,
    size_t n);

/*
 * The body was read: is it what its URL wants?  NGX_OK, the facts are
 * complete then; or a status, with the error said.  Ends the scanner.
 */
ngx_int_t ngx_http_llm_body_check(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/*
 * Appends the body to a chain, with n edits in it in the order of their
 * places; neither memory nor file is copied.  *last is where it is linked.
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_llm_body_chain(ngx_http_request_t *r,
    const ngx_llm_edit_t *edits, ngx_uint_t n, ngx_chain_t **last);

/* Installs the filter by which the scanner sees the body as it arrives. */
void ngx_http_llm_body_filters(void);


#endif /* _NGX_HTTP_LLM_BODY_H_INCLUDED_ */
