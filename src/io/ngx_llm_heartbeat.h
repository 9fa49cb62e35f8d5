
/*
 * Heartbeats of the nodes that announced themselves: one that is silent for
 * too long is offline, whatever its probes say.
 */


#ifndef _NGX_LLM_HEARTBEAT_H_INCLUDED_
#define _NGX_LLM_HEARTBEAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_zone.h"


#define NGX_LLM_HEARTBEAT_NEXT    20        /* s: a node is asked for one */
#define NGX_LLM_HEARTBEAT_SILENT  60000     /* ms without one: offline */


/* Is it one that owes a heartbeat, and did none come for too long? */
ngx_uint_t ngx_llm_heartbeat_silent(const ngx_llm_node_t *node,
    ngx_msec_t now);

/*
 * Takes those that are silent offline, with a line in the log; called each
 * second by the worker that has the lease of probes.  Of one that was not
 * heard since the zone was made the time counts from its first call.  No
 * lock.
 */
void ngx_llm_heartbeat_tick(ngx_llm_zone_t *zone, ngx_msec_t now);


#endif /* _NGX_LLM_HEARTBEAT_H_INCLUDED_ */
