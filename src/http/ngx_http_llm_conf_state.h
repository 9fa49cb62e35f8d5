
#ifndef _NGX_HTTP_LLM_CONF_STATE_H_INCLUDED_
#define _NGX_HTTP_LLM_CONF_STATE_H_INCLUDED_


#include "ngx_http_llm.h"


/* "llm_router_state path" */
char *ngx_http_llm_state_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* "llm_router_node_allow CIDR ...", also several times */
char *ngx_http_llm_node_allow_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_LLM_CONF_STATE_H_INCLUDED_ */
