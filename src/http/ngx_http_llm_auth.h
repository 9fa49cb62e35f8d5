
#ifndef _NGX_HTTP_LLM_AUTH_H_INCLUDED_
#define _NGX_HTTP_LLM_AUTH_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * The access phase: finds the key of a request by its headers alone, before
 * a byte of the body is read.  Makes the request's context.
 * NGX_OK, NGX_DECLINED when the location is not ours or wants no key, 401, or
 * 403 for a key that is not for inference.  nginx leaves the phase out for
 * subrequests: the content phase calls it for those.
 */
ngx_int_t ngx_http_llm_access_handler(ngx_http_request_t *r);

/*
 * The place of the valid key that a request carries in its headers, whatever
 * its scopes, and a copy of what is said of it; NGX_LLM_KEY_NONE when it
 * carries none.  Needs no context.
 */
uint32_t ngx_http_llm_auth_conf(ngx_http_request_t *r,
    ngx_llm_key_conf_t *conf);

/* The secret that a request's headers carry, as it is; NGX_DECLINED: none. */
ngx_int_t ngx_http_llm_auth_secret(ngx_http_request_t *r, ngx_str_t *secret);

/* Is the request's key, if it has one, still there and not revoked? */
ngx_uint_t ngx_http_llm_auth_holds(const ngx_http_llm_ctx_t *ctx);


#endif /* _NGX_HTTP_LLM_AUTH_H_INCLUDED_ */
