
/*
 * The body of a request as JSON.  How long that holds up a worker is bounded
 * before it is parsed: by its size, and by how many values are in it.
 */


#ifndef _NGX_HTTP_LLM_API_BODY_H_INCLUDED_
#define _NGX_HTTP_LLM_API_BODY_H_INCLUDED_


#include "ngx_http_llm_api.h"


/* bytes */
#define NGX_HTTP_LLM_API_BODY    (1024 * 1024)

/* values, the outermost one and those of all lists and objects in it */
#define NGX_HTTP_LLM_API_VALUES  4096


/*
 * Reads it into api->body, which stays NULL when there is none, and calls
 * then(), at once or later.  Otherwise the request was ended, with the name of
 * the member that is wrong, if one is.
 */
void ngx_http_llm_api_body(ngx_http_llm_api_t *api, ngx_http_llm_api_pt then);


#endif /* _NGX_HTTP_LLM_API_BODY_H_INCLUDED_ */
