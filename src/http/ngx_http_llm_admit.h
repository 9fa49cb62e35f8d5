
#ifndef _NGX_HTTP_LLM_ADMIT_H_INCLUDED_
#define _NGX_HTTP_LLM_ADMIT_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * The body was read: checks it, the model and the limits, and goes on to a
 * node, or parks the request in the queue, or ends it with an error.
 * The handler of ngx_http_read_client_request_body().
 */
void ngx_http_llm_admit_handler(ngx_http_request_t *r);

/*
 * Takes the slots of router, key and a node, all or none.
 * NGX_OK; NGX_BUSY: it must wait, for what *wait says; or a status, with the
 * error said.  called: it was its turn, nobody is before it.
 */
ngx_int_t ngx_http_llm_admit(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_wait_t *wait, ngx_uint_t called);

/* How nodes are chosen for this request. */
void ngx_http_llm_choice(ngx_http_llm_ctx_t *ctx, ngx_llm_choice_t *choice);


#endif /* _NGX_HTTP_LLM_ADMIT_H_INCLUDED_ */
