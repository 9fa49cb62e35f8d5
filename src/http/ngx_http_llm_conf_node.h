
#ifndef _NGX_HTTP_LLM_CONF_NODE_H_INCLUDED_
#define _NGX_HTTP_LLM_CONF_NODE_H_INCLUDED_


#include "ngx_http_llm.h"


/* "llm_router_node url [name=] [models=] ..." */
char *ngx_http_llm_node_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* The same from LLM_ROUTER_NODES, where nginx.conf says nothing. */
char *ngx_http_llm_nodes_of_env(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf);


#endif /* _NGX_HTTP_LLM_CONF_NODE_H_INCLUDED_ */
