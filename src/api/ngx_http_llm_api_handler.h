
#ifndef _NGX_HTTP_LLM_API_HANDLER_H_INCLUDED_
#define _NGX_HTTP_LLM_API_HANDLER_H_INCLUDED_


#include "ngx_http_llm_api.h"


/* The content handler of locations with "llm_router_api on". */
ngx_int_t ngx_http_llm_api_handler(ngx_http_request_t *r);

/* llm_router_api */
char *ngx_http_llm_api_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* _NGX_HTTP_LLM_API_HANDLER_H_INCLUDED_ */
