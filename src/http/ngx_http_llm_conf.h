
#ifndef _NGX_HTTP_LLM_CONF_H_INCLUDED_
#define _NGX_HTTP_LLM_CONF_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * For the module's context, in the order in which nginx calls them.  All
 * allocate from the configuration's pool; NULL or NGX_CONF_ERROR: no memory,
 * or a wrong value, which was said.
 */

void *ngx_http_llm_create_main_conf(ngx_conf_t *cf);
char *ngx_http_llm_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_http_llm_create_srv_conf(ngx_conf_t *cf);
void *ngx_http_llm_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_llm_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);

/* After all was read: an error_page is not for what is no request, either. */
void ngx_http_llm_conf_pages(ngx_conf_t *cf);

/* After all was read: warnings about what is open to the world. */
ngx_int_t ngx_http_llm_conf_warn(ngx_conf_t *cf);


#endif /* _NGX_HTTP_LLM_CONF_H_INCLUDED_ */
