
/*
 * llm_router_history and llm_router_redis: how much of the history is kept,
 * and where.
 */


#ifndef _NGX_HTTP_LLM_CONF_HISTORY_H_INCLUDED_
#define _NGX_HTTP_LLM_CONF_HISTORY_H_INCLUDED_


#include "ngx_http_llm.h"


/* The setter of llm_router_history. */
char *ngx_http_llm_history_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* The setter of llm_router_redis. */
char *ngx_http_llm_redis_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* After the http block was read: the environment, and what was not said. */
char *ngx_http_llm_history_defaults(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf);


#endif /* _NGX_HTTP_LLM_CONF_HISTORY_H_INCLUDED_ */
