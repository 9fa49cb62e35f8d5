
/*
 * The page of "llm_router_status".
 */


#ifndef _NGX_HTTP_LLM_STATUS_H_INCLUDED_
#define _NGX_HTTP_LLM_STATUS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * "llm_router_status": a page like stub_status, in JSON: what is in flight,
 * and what nodes do.  No secret, no URL, no prompt.
 */
char *ngx_http_llm_status_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_LLM_STATUS_H_INCLUDED_ */
