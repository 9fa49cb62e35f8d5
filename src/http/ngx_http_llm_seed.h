
#ifndef _NGX_HTTP_LLM_SEED_H_INCLUDED_
#define _NGX_HTTP_LLM_SEED_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * Brings the nodes and keys of nginx.conf to the zone: new ones come, others
 * are as they are said now, those that are gone from nginx.conf leave.  What
 * was made at run time stays.  Takes the mutex; no room for one is logged.
 */
void ngx_http_llm_seed(ngx_http_llm_main_conf_t *mcf, ngx_log_t *log);

/*
 * Then at what the API made, and nginx.conf does not agree with: takes the
 * address from nodes that are at one which llm_router_node_allow has no more,
 * and gives it back to those that may have it; tells of these, and of keys in
 * nginx.conf that are revoked.  Takes the mutex.
 */
void ngx_http_llm_seed_look(ngx_http_llm_main_conf_t *mcf, ngx_log_t *log);


#endif /* _NGX_HTTP_LLM_SEED_H_INCLUDED_ */
