
#ifndef _NGX_HTTP_LLM_CONF_ADMIN_H_INCLUDED_
#define _NGX_HTTP_LLM_CONF_ADMIN_H_INCLUDED_


#include "ngx_http_llm.h"


/* "llm_router_admin user=NAME password=... [role=admin|viewer]" */
char *ngx_http_llm_admin_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * One admin from LLM_ROUTER_ADMIN_USERNAME ("admin" if that is not set) and
 * LLM_ROUTER_ADMIN_PASSWORD, where nginx.conf has none.
 */
char *ngx_http_llm_admin_of_env(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf);

/*
 * In the master, before there are workers: brings the users to the zone and
 * wipes their clear passwords.  Takes the zone's mutex and some 50 ms a user,
 * which without the mutex.
 */
void ngx_http_llm_conf_admin_seed(ngx_http_llm_main_conf_t *mcf,
    ngx_log_t *log);


#endif /* _NGX_HTTP_LLM_CONF_ADMIN_H_INCLUDED_ */
