
/* The history as a file. */


#ifndef _NGX_HTTP_LLM_API_EXPORT_H_INCLUDED_
#define _NGX_HTTP_LLM_API_EXPORT_H_INCLUDED_


#include "ngx_http_llm_api.h"


/*
 * GET /api/history/export?format=csv|json: all records that pass the filters
 * of /api/history, newest first.  It ends whole or breaks off without its end;
 * 503 while Redis is away.
 */
void ngx_http_llm_api_export(ngx_http_llm_api_t *api);


#endif /* _NGX_HTTP_LLM_API_EXPORT_H_INCLUDED_ */
