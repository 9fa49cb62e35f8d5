
/*
 * The names of all nodes are asked for again and again, each every 30 s, a
 * few at once, by the worker that has the lease of probes.
 */


#ifndef _NGX_LLM_RESOLVER_H_INCLUDED_
#define _NGX_LLM_RESOLVER_H_INCLUDED_


#include "ngx_llm_resolve.h"


/*
 * From now on a node whose addresses changed gets them, in force for the next
 * attempt of every worker.  Addresses of nodes that are not of nginx.conf must
 * be allowed by allow, which outlives ngx_llm_resolver_stop(); none left: the
 * old ones stay.  Called once by each worker, after ngx_llm_tasks_start().
 */
ngx_int_t ngx_llm_resolver_start(ngx_cycle_t *cycle, ngx_llm_zone_t *zone,
    const ngx_llm_cidrs_t *allow);

/* When the worker exits; it stops by itself as soon as it is told to exit. */
void ngx_llm_resolver_stop(void);


#endif /* _NGX_LLM_RESOLVER_H_INCLUDED_ */
