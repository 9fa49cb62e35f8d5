
#ifndef _NGX_HTTP_LLM_ALIAS_H_INCLUDED_
#define _NGX_HTTP_LLM_ALIAS_H_INCLUDED_


#include "ngx_http_llm.h"


/* "llm_router_alias name|~regex target" */
char *ngx_http_llm_alias_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Sets ctx->model to the name that the request is routed by, and, where that
 * is another than the client's, ctx->model_json to what goes in its place.
 * NGX_ERROR: no memory, or the alias makes an impossible name.
 */
ngx_int_t ngx_http_llm_alias(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx);


#endif /* _NGX_HTTP_LLM_ALIAS_H_INCLUDED_ */
