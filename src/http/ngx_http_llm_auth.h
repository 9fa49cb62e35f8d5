
#ifndef _NGX_HTTP_LLM_AUTH_H_INCLUDED_
#define _NGX_HTTP_LLM_AUTH_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * The access phase: finds the key of a request by its headers alone, before
 * a byte of the body is read.  Makes the request's context.
 * NGX_OK, NGX_DECLINED when the location is not ours or wants no key, or 401.
 */
ngx_int_t ngx_http_llm_access_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_LLM_AUTH_H_INCLUDED_ */
