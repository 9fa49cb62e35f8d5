
/*
 * The handlers of /nodes.
 */


#ifndef _NGX_HTTP_LLM_API_NODES_H_INCLUDED_
#define _NGX_HTTP_LLM_API_NODES_H_INCLUDED_


#include "ngx_http_llm_api.h"


/* GET /nodes, /nodes/{id} */
void ngx_http_llm_api_nodes(ngx_http_llm_api_t *api);
void ngx_http_llm_api_node(ngx_http_llm_api_t *api);

/* POST /nodes: 201, or 200 where there is a node of this URL, changed then */
void ngx_http_llm_api_node_create(ngx_http_llm_api_t *api);

/* PATCH, DELETE /nodes/{id}; If-Match is obeyed */
void ngx_http_llm_api_node_change(ngx_http_llm_api_t *api);
void ngx_http_llm_api_node_delete(ngx_http_llm_api_t *api);

/* POST /nodes/{id}/drain, /resume, /approve */
void ngx_http_llm_api_node_drain(ngx_http_llm_api_t *api);
void ngx_http_llm_api_node_resume(ngx_http_llm_api_t *api);
void ngx_http_llm_api_node_approve(ngx_http_llm_api_t *api);

/* POST /nodes/{id}/check: the answer comes after the check */
void ngx_http_llm_api_node_check(ngx_http_llm_api_t *api);

/*
 * Ends the request with the node of this id at place i, and its entity tag;
 * 404 if it is gone.
 */
void ngx_http_llm_api_node_reply(ngx_http_llm_api_t *api, ngx_uint_t status,
    uint32_t i, uint64_t id);


#endif /* _NGX_HTTP_LLM_API_NODES_H_INCLUDED_ */
