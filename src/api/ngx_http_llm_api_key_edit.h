
/*
 * What a body says of a key, read and checked.
 */


#ifndef _NGX_HTTP_LLM_API_KEY_EDIT_H_INCLUDED_
#define _NGX_HTTP_LLM_API_KEY_EDIT_H_INCLUDED_


#include "ngx_http_llm_api_input.h"


typedef enum {
    NGX_HTTP_LLM_KEY_NAME = 0,
    NGX_HTTP_LLM_KEY_SCOPES,
    NGX_HTTP_LLM_KEY_MODELS,
    NGX_HTTP_LLM_KEY_RPM,
    NGX_HTTP_LLM_KEY_TPM,
    NGX_HTTP_LLM_KEY_MAX_CONCURRENT,
    NGX_HTTP_LLM_KEY_PRIORITY,
    NGX_HTTP_LLM_KEY_EXPIRES_AT,
    NGX_HTTP_LLM_KEY_AUTO_APPROVE,
    NGX_HTTP_LLM_KEY_FIELDS
} ngx_http_llm_key_field_e;


/* zeroed but for what was given */

typedef struct {
    ngx_http_llm_api_value_t  values[NGX_HTTP_LLM_KEY_FIELDS];
    ngx_uint_t                scopes;
    u_char                    models[NGX_LLM_KEY_MODELS];
} ngx_http_llm_key_edit_t;


/* bodies of POST and of PATCH */

extern const ngx_http_llm_api_field_t  ngx_http_llm_api_key_creation[];
extern const ngx_http_llm_api_field_t  ngx_http_llm_api_key_changes[];


/* Reads the body by one of these tables.  NGX_ERROR: the request was ended. */
ngx_int_t ngx_http_llm_api_key_edit(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_field_t *fields, ngx_http_llm_key_edit_t *edit);

/*
 * Puts what was given in place of what was there.  NGX_DECLINED: it may not
 * approve nodes without the scope "node".
 */
ngx_int_t ngx_http_llm_api_key_apply(const ngx_http_llm_key_edit_t *edit,
    ngx_llm_key_conf_t *conf);


#endif /* _NGX_HTTP_LLM_API_KEY_EDIT_H_INCLUDED_ */
