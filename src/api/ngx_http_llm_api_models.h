
#ifndef _NGX_HTTP_LLM_API_MODELS_H_INCLUDED_
#define _NGX_HTTP_LLM_API_MODELS_H_INCLUDED_


#include "ngx_http_llm_api.h"


/*
 * GET /models: each model by name, with the nodes that list it and what they
 * can do; the row "*" stands for those that take any.
 */
void ngx_http_llm_api_models(ngx_http_llm_api_t *api);


#endif /* _NGX_HTTP_LLM_API_MODELS_H_INCLUDED_ */
