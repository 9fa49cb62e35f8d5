
#ifndef _NGX_HTTP_LLM_API_SESSION_H_INCLUDED_
#define _NGX_HTTP_LLM_API_SESSION_H_INCLUDED_


#include "ngx_http_llm_api.h"
#include "ngx_http_llm_api_who.h"


/* POST /auth/login, GET /auth/me, POST /auth/logout */
void ngx_http_llm_api_login(ngx_http_llm_api_t *api);
void ngx_http_llm_api_me(ngx_http_llm_api_t *api);
void ngx_http_llm_api_logout(ngx_http_llm_api_t *api);


#endif /* _NGX_HTTP_LLM_API_SESSION_H_INCLUDED_ */
