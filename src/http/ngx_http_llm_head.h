
#ifndef _NGX_HTTP_LLM_HEAD_H_INCLUDED_
#define _NGX_HTTP_LLM_HEAD_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * Makes the request of this attempt for its node, ctx->peer: the head, with
 * the client's own headers less those that are none of the node's business,
 * and the body with the model's name and the wish for usage put in.
 * Called by each peer.get().  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_llm_head(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx);

/* Prepares the filter of headers; once, when the configuration is read. */
void ngx_http_llm_head_init(void);


#endif /* _NGX_HTTP_LLM_HEAD_H_INCLUDED_ */
