
#ifndef _NGX_HTTP_LLM_API_WHO_H_INCLUDED_
#define _NGX_HTTP_LLM_API_WHO_H_INCLUDED_


#include "ngx_http_llm_api.h"


#define NGX_HTTP_LLM_API_COOKIE  "llm_router_session"


/*
 * Who asks: fills api->who by a session's token (Authorization: Bearer), a
 * key (there or in x-api-key) or a session's cookie, in this order; who sends
 * one of the former is not asked for the latter.  A key without the scope
 * "admin" is known, with no role.
 * NGX_ERROR: the request was ended, with 401 or 403.
 */
ngx_int_t ngx_http_llm_api_who(ngx_http_llm_api_t *api);

/* May a user log in, or go on, whom only the loopback may be?  As above. */
ngx_int_t ngx_http_llm_api_who_local(ngx_http_llm_api_t *api);

/* What a role is called. */
const char *ngx_http_llm_api_role(ngx_uint_t role);


#endif /* _NGX_HTTP_LLM_API_WHO_H_INCLUDED_ */
