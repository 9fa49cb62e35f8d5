
#ifndef _NGX_HTTP_LLM_API_KEY_JSON_H_INCLUDED_
#define _NGX_HTTP_LLM_API_KEY_JSON_H_INCLUDED_


#include "ngx_http_llm_api.h"


typedef struct {
    const char             *name;
    ngx_uint_t              bit;        /* NGX_LLM_SCOPE_... */
} ngx_http_llm_api_scope_t;

/* the scopes by name; the last one's name is NULL */
extern const ngx_http_llm_api_scope_t  ngx_http_llm_api_scopes[];


/*
 * The key at place i as JSON; neither the clear key nor its hash is in it.
 * id 0: whoever is there.  NULL: it is gone, or there is no memory.
 */
json_t *ngx_http_llm_api_key_json(uint32_t i, uint64_t id);


#endif /* _NGX_HTTP_LLM_API_KEY_JSON_H_INCLUDED_ */
