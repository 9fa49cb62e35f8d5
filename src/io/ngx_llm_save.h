
/*
 * When the snapshot is written: by one worker, in a thread, within a second
 * of a change, every minute for the totals, and when the worker exits.
 */


#ifndef _NGX_LLM_SAVE_H_INCLUDED_
#define _NGX_LLM_SAVE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_zone.h"


typedef struct {
    ngx_llm_zone_t       *zone;
    ngx_str_t             path;     /* ends with a zero byte; len 0: none */
    ngx_uid_t             user;     /* of the workers */
    ngx_uint_t          (*dead)(ngx_pid_t pid);
} ngx_llm_save_conf_t;


/*
 * In each worker, after ngx_llm_tasks_start(); conf is copied.  It competes
 * for the lease zone->save.
 */
ngx_int_t ngx_llm_save_start(ngx_cycle_t *cycle,
    const ngx_llm_save_conf_t *conf);

/* At exit, after ngx_llm_tasks_stop(): writes what was not written yet. */
void ngx_llm_save_stop(void);


#endif /* _NGX_LLM_SAVE_H_INCLUDED_ */
