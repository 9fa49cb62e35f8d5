
/*
 * How an attempt ends, for its node's circuit: as a success, as a failure or
 * as neither, see ngx_llm_breaker.h.  It is told once; only an answer that
 * breaks off after it had counted as a success is a failure then.
 */


#ifndef _NGX_HTTP_LLM_OUTCOME_H_INCLUDED_
#define _NGX_HTTP_LLM_OUTCOME_H_INCLUDED_


#include "ngx_http_llm.h"


typedef enum {
    NGX_HTTP_LLM_TOLD = 0,      /* or there is no attempt */
    NGX_HTTP_LLM_UNTOLD,
    NGX_HTTP_LLM_ANSWERED       /* a success so far */
} ngx_http_llm_outcome_e;


/* ctx->node was reserved; trial: this attempt decides on its circuit. */
void ngx_http_llm_outcome_begin(ngx_http_llm_ctx_t *ctx, ngx_uint_t trial);

/* The first byte of an answer is there that is no failure. */
void ngx_http_llm_outcome_success(ngx_http_llm_ctx_t *ctx);

/* The node failed, ngx_llm_cause_e. */
void ngx_http_llm_outcome_failure(ngx_http_llm_ctx_t *ctx, ngx_uint_t cause);

/* It has no time now, and wants ms of rest. */
void ngx_http_llm_outcome_busy(ngx_http_llm_ctx_t *ctx, ngx_msec_t ms);

/*
 * The request is over with what nginx's upstream engine says, while it holds
 * its node: did the answer break off?
 */
void ngx_http_llm_outcome_end(ngx_http_llm_ctx_t *ctx, ngx_int_t rc);

/* The attempt is over, and nothing more is known.  Idempotent. */
void ngx_http_llm_outcome_neither(ngx_http_llm_ctx_t *ctx);

/* For ngx_llm_queue_call(): data is a node's place. */
ngx_uint_t ngx_http_llm_fits(void *data, uint32_t model);


#endif /* _NGX_HTTP_LLM_OUTCOME_H_INCLUDED_ */
