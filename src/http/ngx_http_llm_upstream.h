
#ifndef _NGX_HTTP_LLM_UPSTREAM_H_INCLUDED_
#define _NGX_HTTP_LLM_UPSTREAM_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * Hands an admitted request, with its first node reserved, to nginx's
 * upstream engine.  It ends by itself.
 */
void ngx_http_llm_upstream(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx);


#endif /* _NGX_HTTP_LLM_UPSTREAM_H_INCLUDED_ */
