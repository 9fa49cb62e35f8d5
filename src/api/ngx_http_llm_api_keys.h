
/*
 * The handlers of /keys.
 */


#ifndef _NGX_HTTP_LLM_API_KEYS_H_INCLUDED_
#define _NGX_HTTP_LLM_API_KEYS_H_INCLUDED_


#include "ngx_http_llm_api.h"


/* GET /keys, /keys/{id} */
void ngx_http_llm_api_keys(ngx_http_llm_api_t *api);
void ngx_http_llm_api_key(ngx_http_llm_api_t *api);

/* POST /keys: the answer holds the clear key, which is kept nowhere */
void ngx_http_llm_api_key_create(ngx_http_llm_api_t *api);

/* PATCH /keys/{id}: all but the key itself, in force for the next request */
void ngx_http_llm_api_key_change(ngx_http_llm_api_t *api);

/* DELETE /keys/{id}: for good, or of nginx.conf until the next reload */
void ngx_http_llm_api_key_delete(ngx_http_llm_api_t *api);


#endif /* _NGX_HTTP_LLM_API_KEYS_H_INCLUDED_ */
