
/*
 * The life of the history's zone, and what a worker does for it.
 */


#ifndef _NGX_HTTP_LLM_HISTORY_H_INCLUDED_
#define _NGX_HTTP_LLM_HISTORY_H_INCLUDED_


#include "ngx_http_llm.h"


/* Adds the zone and the log phase's handler; the router's zone was added. */
ngx_int_t ngx_http_llm_add_history(ngx_conf_t *cf);

/* In each worker; the tasks of io were started.  NGX_ERROR: it was said. */
ngx_int_t ngx_http_llm_history_start(ngx_cycle_t *cycle,
    ngx_http_llm_main_conf_t *mcf, ngx_uint_t (*dead)(ngx_pid_t pid));

/* Each second. */
void ngx_http_llm_history_tick(void);

/* At exit. */
void ngx_http_llm_history_stop(void);


#endif /* _NGX_HTTP_LLM_HISTORY_H_INCLUDED_ */
