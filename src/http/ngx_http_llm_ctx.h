
/*
 * The context of a request.
 */


#ifndef _NGX_HTTP_LLM_CTX_H_INCLUDED_
#define _NGX_HTTP_LLM_CTX_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * The request's context, made when there is none yet; NULL: no memory.  What
 * it comes to hold is released when the request ends, whatever happens.
 */
ngx_http_llm_ctx_t *ngx_http_llm_get_ctx(ngx_http_request_t *r);


#endif /* _NGX_HTTP_LLM_CTX_H_INCLUDED_ */
