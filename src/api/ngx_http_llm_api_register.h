
/*
 * Nodes that announce themselves, and their heartbeats.  Both are asked for
 * without a session: a key of scope "node", then the node's own token.
 */


#ifndef _NGX_HTTP_LLM_API_REGISTER_H_INCLUDED_
#define _NGX_HTTP_LLM_API_REGISTER_H_INCLUDED_


#include "ngx_http_llm_api.h"


/*
 * POST /nodes/register: {node_id, node_token, state, heartbeat_interval}.
 * Again from the same URL it gets another token.
 */
void ngx_http_llm_api_node_register(ngx_http_llm_api_t *api);

/* POST /nodes/{id}/heartbeat: {state, next_in} */
void ngx_http_llm_api_node_heartbeat(ngx_http_llm_api_t *api);


#endif /* _NGX_HTTP_LLM_API_REGISTER_H_INCLUDED_ */
