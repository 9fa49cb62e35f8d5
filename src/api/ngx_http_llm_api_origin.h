
#ifndef _NGX_HTTP_LLM_API_ORIGIN_H_INCLUDED_
#define _NGX_HTTP_LLM_API_ORIGIN_H_INCLUDED_


#include "ngx_http_llm.h"


/* The value of the first header of this name (lower case), or NULL. */
ngx_str_t *ngx_http_llm_api_header_in(ngx_http_request_t *r,
    const char *name);

/*
 * Does it come from this machine?  Not if a proxy stands in between, nor if
 * it asks for a host that is not the loopback: then a page of somebody else's
 * may ask, whose name was made to lead here.
 */
ngx_uint_t ngx_http_llm_api_local(ngx_http_request_t *r);

/* Does a browser say that a page of another origin asks? */
ngx_uint_t ngx_http_llm_api_crossed(ngx_http_request_t *r);


#endif /* _NGX_HTTP_LLM_API_ORIGIN_H_INCLUDED_ */
