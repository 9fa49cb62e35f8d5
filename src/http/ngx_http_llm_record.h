
/*
 * What the history keeps of a request: written when its answer is whole, put
 * into the ring when it has ended.
 */


#ifndef _NGX_HTTP_LLM_RECORD_H_INCLUDED_
#define _NGX_HTTP_LLM_RECORD_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * Before the last bytes of an answer go out: should this worker die just
 * after, the request is in the history all the same.
 */
void ngx_http_llm_record_intend(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/* In the log phase. */
ngx_int_t ngx_http_llm_record_handler(ngx_http_request_t *r);

/*
 * How the request ended, as a ngx_llm_record_status_e.  *error is a
 * ngx_llm_error_e; it is NONE with NGX_LLM_RECORD_ERROR where the answer is the
 * node's own, of a status of 400 or more.
 */
ngx_uint_t ngx_http_llm_record_status(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_uint_t *error);


#endif /* _NGX_HTTP_LLM_RECORD_H_INCLUDED_ */
