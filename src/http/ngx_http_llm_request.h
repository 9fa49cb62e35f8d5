
#ifndef _NGX_HTTP_LLM_REQUEST_H_INCLUDED_
#define _NGX_HTTP_LLM_REQUEST_H_INCLUDED_


#include "ngx_http_llm.h"


/* The content phase of a location with "llm_router on". */
ngx_int_t ngx_http_llm_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_LLM_REQUEST_H_INCLUDED_ */
