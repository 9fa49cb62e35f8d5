
#ifndef _NGX_HTTP_LLM_BALANCE_H_INCLUDED_
#define _NGX_HTTP_LLM_BALANCE_H_INCLUDED_


#include "ngx_http_llm.h"


/* For nginx's upstream engine: who is asked for a connection. */
ngx_int_t ngx_http_llm_balance_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);

/*
 * Chooses and reserves the node of the first attempt.  The results are those
 * of ngx_llm_choose(); ctx->rest and ctx->resting say of a node that rests.
 */
ngx_int_t ngx_http_llm_balance_first(ngx_http_llm_ctx_t *ctx);

/*
 * Is there another node for this request, and a retry left in the budget?  It
 * is reserved for the next attempt then, and given back by finish if none
 * follows.
 */
ngx_uint_t ngx_http_llm_balance_next(ngx_http_llm_ctx_t *ctx);


#endif /* _NGX_HTTP_LLM_BALANCE_H_INCLUDED_ */
