
/*
 * What a probe found out, written into the zone: online or offline, the list
 * of models, the type, the slots; and a line in the log when a node comes or
 * goes.
 */


#ifndef _NGX_LLM_VERDICT_H_INCLUDED_
#define _NGX_LLM_VERDICT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_prober.h"


/*
 * For ngx_llm_check_t's heard(): the node is well or not.  Returns what else
 * is to be asked.
 */
ngx_uint_t ngx_llm_verdict_health(ngx_llm_check_t *check);

/* And when it is over: what it answered to that. */
void ngx_llm_verdict_nature(ngx_llm_check_t *check);


#endif /* _NGX_LLM_VERDICT_H_INCLUDED_ */
