
/*
 * What the history keeps of a request: written down when its answer is whole,
 * put into the ring when its last byte is out, or it has ended otherwise.
 */


#ifndef _NGX_HTTP_LLM_RECORD_H_INCLUDED_
#define _NGX_HTTP_LLM_RECORD_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * Hooks in the filter that sees the last bytes of an answer go out: before,
 * what is to be recorded is written down, should this worker die just after;
 * when they are out it is recorded.  Called before the other filters of ours
 * are installed: it is to see what they make.
 */
void ngx_http_llm_record_filters(void);

/* In the log phase, for what did not end so. */
ngx_int_t ngx_http_llm_record_handler(ngx_http_request_t *r);

/*
 * How the request ended, as a ngx_llm_record_status_e.  *error is a
 * ngx_llm_error_e; it is NONE with NGX_LLM_RECORD_ERROR where the answer is the
 * node's own, of a status of 400 or more.
 */
ngx_uint_t ngx_http_llm_record_status(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_uint_t *error);


#endif /* _NGX_HTTP_LLM_RECORD_H_INCLUDED_ */
