
/*
 * From the ring to Redis: one worker writes all records there, in order, in
 * batches, each by one script.  The script also keeps, for each ring, the
 * number it has come to.  So after a lost connection, a lost worker or a Redis
 * that was started anew nothing is written twice, and what Redis lost is
 * written again, as long as the ring has it.
 */


#ifndef _NGX_LLM_FLUSH_H_INCLUDED_
#define _NGX_LLM_FLUSH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_history.h"
#include "ngx_llm_redis.h"


typedef struct {
    ngx_llm_history_t      *history;
    const ngx_llm_redis_conf_t  *redis; /* NULL: there is none */
    ngx_str_t               router;     /* its name, in the records */
    ngx_uint_t              size;       /* records to be kept */
    time_t                  retention;  /* s */
} ngx_llm_flush_conf_t;


/* In each worker; conf is copied.  Who has history->lease writes. */
ngx_int_t ngx_llm_flush_start(ngx_cycle_t *cycle,
    const ngx_llm_flush_conf_t *conf);

/*
 * At exit, with the lease: writes what is left, for up to a second.
 */
void ngx_llm_flush_stop(void);


#endif /* _NGX_LLM_FLUSH_H_INCLUDED_ */
