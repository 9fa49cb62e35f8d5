
/*
 * client_max_body_size in our locations.
 */


#ifndef _NGX_HTTP_LLM_BODY_SIZE_H_INCLUDED_
#define _NGX_HTTP_LLM_BODY_SIZE_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * In our locations client_max_body_size is 64m where nobody set it: nginx's
 * 1m would refuse an image.  Once merged, a default can't be told from what
 * somebody wrote, so it is noted while the configuration is read: watch()
 * before that, apply() after, and before our own locations are merged.
 */
ngx_int_t ngx_http_llm_body_size_watch(ngx_conf_t *cf);
void ngx_http_llm_body_size_apply(ngx_conf_t *cf);


#endif /* _NGX_HTTP_LLM_BODY_SIZE_H_INCLUDED_ */
