
#ifndef _NGX_HTTP_LLM_API_ROUTES_H_INCLUDED_
#define _NGX_HTTP_LLM_API_ROUTES_H_INCLUDED_


#include "ngx_http_llm_api.h"


/*
 * The row of a method and a path, and what stands in the path for {id}.
 * NULL: there is none; *allow then lists the methods that this path has,
 * empty if it is unknown.  Case matters, so does a slash at the end.
 */
const ngx_http_llm_api_route_t *ngx_http_llm_api_find(ngx_pool_t *pool,
    ngx_uint_t method, const ngx_str_t *path, ngx_str_t *id,
    ngx_str_t *allow);


#endif /* _NGX_HTTP_LLM_API_ROUTES_H_INCLUDED_ */
