
/*
 * /api/stats: how it goes now, and how it went for 24 hours.
 */


#ifndef _NGX_HTTP_LLM_API_STATS_H_INCLUDED_
#define _NGX_HTTP_LLM_API_STATS_H_INCLUDED_


#include "ngx_http_llm_api.h"


/* The handler of GET /stats. */
void ngx_http_llm_api_stats(ngx_http_llm_api_t *api);

/* The handler of GET /stats/series: columns of equal length. */
void ngx_http_llm_api_series(ngx_http_llm_api_t *api);

/* What changes each second, as an object; NULL: no memory. */
json_t *ngx_http_llm_api_stats_live(void);


#endif /* _NGX_HTTP_LLM_API_STATS_H_INCLUDED_ */
