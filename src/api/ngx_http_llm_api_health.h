
#ifndef _NGX_HTTP_LLM_API_HEALTH_H_INCLUDED_
#define _NGX_HTTP_LLM_API_HEALTH_H_INCLUDED_


#include "ngx_http_llm_api.h"


/* GET /version: {"name","version","nginx"} */
void ngx_http_llm_api_version(ngx_http_llm_api_t *api);

/*
 * GET /health: liveness, and whether what was made at run time is kept:
 * {"status":"ok"|"degraded","uptime","nodes":{...},"state":{...}}.  Always 200
 * while a worker answers.
 */
void ngx_http_llm_api_health(ngx_http_llm_api_t *api);


#endif /* _NGX_HTTP_LLM_API_HEALTH_H_INCLUDED_ */
