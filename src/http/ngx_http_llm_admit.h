
#ifndef _NGX_HTTP_LLM_ADMIT_H_INCLUDED_
#define _NGX_HTTP_LLM_ADMIT_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * The body was read: checks it, the model and the limits, and goes on to a
 * node, or parks the request in the queue, or ends it with an error.
 * The handler of ngx_http_read_client_request_body().
 */
void ngx_http_llm_admit_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_LLM_ADMIT_H_INCLUDED_ */
