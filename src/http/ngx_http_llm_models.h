
/*
 * The list of models.
 */


#ifndef _NGX_HTTP_LLM_MODELS_H_INCLUDED_
#define _NGX_HTTP_LLM_MODELS_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * GET /v1/models and /v1/models/{id}: what nodes that are online list, and
 * the key may use.  OpenAI's reference, "Models".
 */
ngx_int_t ngx_http_llm_models_handler(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);


#endif /* _NGX_HTTP_LLM_MODELS_H_INCLUDED_ */
