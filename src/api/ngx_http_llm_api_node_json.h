
#ifndef _NGX_HTTP_LLM_API_NODE_JSON_H_INCLUDED_
#define _NGX_HTTP_LLM_API_NODE_JSON_H_INCLUDED_


#include "ngx_http_llm_api.h"


/*
 * Models that a row of a list shows; and that a request says or an answer about
 * one node shows: more would hold up the worker
 */
#define NGX_HTTP_LLM_API_NODE_ROW     100
#define NGX_HTTP_LLM_API_NODE_MODELS  1024


/*
 * The node at place i as JSON, with up to so many names of models; its API
 * key and its token are never in it.  id 0: whoever is there.  version, which
 * may be NULL, is that of what is said of it.  Takes the zone's mutex.
 * NULL: it is gone, or there is no memory.
 */
json_t *ngx_http_llm_api_node_json(uint32_t i, uint64_t id,
    ngx_uint_t models, ngx_atomic_uint_t *version);


#endif /* _NGX_HTTP_LLM_API_NODE_JSON_H_INCLUDED_ */
