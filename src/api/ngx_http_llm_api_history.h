
/*
 * /api/history: pages of it, and one record.
 */


#ifndef _NGX_HTTP_LLM_API_HISTORY_H_INCLUDED_
#define _NGX_HTTP_LLM_API_HISTORY_H_INCLUDED_


#include "ngx_http_llm_api.h"


/* The handlers of GET /history and GET /history/{id}. */
void ngx_http_llm_api_history(ngx_http_llm_api_t *api);
/* The second takes the record's id, or the request's: then its last one. */
void ngx_http_llm_api_history_one(ngx_http_llm_api_t *api);


#endif /* _NGX_HTTP_LLM_API_HISTORY_H_INCLUDED_ */
