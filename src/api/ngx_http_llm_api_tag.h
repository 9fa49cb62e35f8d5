
/*
 * Entity tags and what a request makes of them (RFC 9110, 13).  Nothing that
 * was changed is told as refused: nginx's own filter of conditions, which
 * looks at an answer, is left out for all of the admin API.
 */


#ifndef _NGX_HTTP_LLM_API_TAG_H_INCLUDED_
#define _NGX_HTTP_LLM_API_TAG_H_INCLUDED_


#include "ngx_http_llm_api.h"


/*
 * Of a place of nodes or keys with this generation and version: another one
 * after each change.
 */

/* Adds it to the answer. */
void ngx_http_llm_api_tag(ngx_http_llm_api_t *api,
    ngx_atomic_uint_t generation, ngx_atomic_uint_t version);

/* May it be changed, as far as If-Match says? */
ngx_uint_t ngx_http_llm_api_tag_matches(ngx_http_llm_api_t *api,
    ngx_atomic_uint_t generation, ngx_atomic_uint_t version);

/* The same of what is not there. */
ngx_uint_t ngx_http_llm_api_tag_absent(ngx_http_llm_api_t *api);

/* Ends the request, whose tag was another one. */
void ngx_http_llm_api_tag_fail(ngx_http_llm_api_t *api);

/*
 * The conditions of a request that its route can't obey.  NGX_ERROR: it was
 * ended, and nothing was changed.
 */
ngx_int_t ngx_http_llm_api_tag_conditions(ngx_http_llm_api_t *api);


#endif /* _NGX_HTTP_LLM_API_TAG_H_INCLUDED_ */
