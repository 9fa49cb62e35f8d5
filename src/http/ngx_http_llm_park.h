
#ifndef _NGX_HTTP_LLM_PARK_H_INCLUDED_
#define _NGX_HTTP_LLM_PARK_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * Parks a request in the queue until a slot is free, and ctx->admit() says
 * so when its turn has come.
 * NGX_OK: it is parked, and will go on or be ended by itself.  Otherwise a
 * status, with the error said: the queue is full.
 */
ngx_int_t ngx_http_llm_park(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    const ngx_llm_wait_t *wait);

/*
 * Does a waiter's time outlast the rest of the node that it met?  Then it
 * waits on.
 */
ngx_uint_t ngx_http_llm_park_outlasts(ngx_http_llm_ctx_t *ctx);

/* This worker was woken: goes on with those of its waiters that were called. */
void ngx_http_llm_unpark(void);

/*
 * From time to time: has the oldest of this worker's waiters look again,
 * called or not.  A net under the calls, so that one that was lost with a
 * killed worker costs a second, not a request.
 */
void ngx_http_llm_park_look(void);


#endif /* _NGX_HTTP_LLM_PARK_H_INCLUDED_ */
