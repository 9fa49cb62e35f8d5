
/*
 * /api/events: what happens, as it does, for the live page.
 */


#ifndef _NGX_HTTP_LLM_API_EVENTS_H_INCLUDED_
#define _NGX_HTTP_LLM_API_EVENTS_H_INCLUDED_


#include "ngx_http_llm_api.h"


/* The handler of GET /events: goes on until its client leaves. */
void ngx_http_llm_api_events(ngx_http_llm_api_t *api);


#endif /* _NGX_HTTP_LLM_API_EVENTS_H_INCLUDED_ */
