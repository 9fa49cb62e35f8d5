
/*
 * When the snapshot is read: by the master, before there are workers that
 * could need what is in it, in two steps.  The first one may still fail, and
 * then leaves everything as it is, also the file; the second one is for good.
 *
 * It is read into a zone that is new; into one that serves only when the path
 * is another one, or when it was refused before.
 */


#ifndef _NGX_LLM_LOAD_H_INCLUDED_
#define _NGX_LLM_LOAD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_save.h"


typedef enum {
    NGX_LLM_LOAD_LATER = 0,         /* the zone serves: a look only */
    NGX_LLM_LOAD_NEW,               /* it is new, and nginx.conf's nodes and
                                       keys stand there: read into it */
    NGX_LLM_LOAD_REPLACE            /* the same, and one that serves goes */
} ngx_llm_load_e;


/*
 * As the zone is prepared, also by nginx -t.  NGX_ERROR, which was told: there
 * is no room for what is in the file, or it can't be used and what an old zone
 * has were lost with that.
 */
ngx_int_t ngx_llm_load_read(const ngx_llm_save_conf_t *conf,
    ngx_llm_load_e how, ngx_log_t *log);

/*
 * As the configuration is in force, when nginx.conf's nodes and keys stand in
 * the zone: tells what came of it, sets a broken file aside, makes the
 * directory, and has the file written soon, so that it is ours.  NGX_OK in any
 * case but one: no memory.
 */
ngx_int_t ngx_llm_load_take(const ngx_llm_save_conf_t *conf, ngx_log_t *log);


#endif /* _NGX_LLM_LOAD_H_INCLUDED_ */
