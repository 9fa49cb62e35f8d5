
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

extern ngx_conf_enum_t  ngx_http_llm_balances[];
extern ngx_conf_num_bounds_t  ngx_http_llm_tries_bounds;


#endif /* _NGX_HTTP_LLM_CONF_SET_H_INCLUDED_ */
