
#ifndef _NGX_HTTP_LLM_CONF_SET_H_INCLUDED_
#define _NGX_HTTP_LLM_CONF_SET_H_INCLUDED_


#include "ngx_http_llm.h"


/* setters of directives */

char *ngx_http_llm_zone_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_llm_health_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_llm_queue_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_llm_max_concurrent_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_llm_tries_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_llm_balance_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* cmd->offset leads to a ngx_msec_t */
char *ngx_http_llm_time_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* _NGX_HTTP_LLM_CONF_SET_H_INCLUDED_ */
