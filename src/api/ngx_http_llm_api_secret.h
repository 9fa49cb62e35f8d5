
/*
 * New keys of clients, new tokens of nodes.
 */


#ifndef _NGX_HTTP_LLM_API_SECRET_H_INCLUDED_
#define _NGX_HTTP_LLM_API_SECRET_H_INCLUDED_


#include "ngx_http_llm_api.h"


/* three characters before it, 43 of base64url, a zero byte */
#define NGX_HTTP_LLM_API_SECRET  (3 + 43 + 1)


/*
 * Makes a new secret of 256 random bits that begins with these three
 * characters, and its SHA-256.  The caller wipes it.  NGX_ERROR: no random
 * bytes.
 */
ngx_int_t ngx_http_llm_api_secret(const char *prefix,
    u_char secret[NGX_HTTP_LLM_API_SECRET], u_char hash[32]);


#endif /* _NGX_HTTP_LLM_API_SECRET_H_INCLUDED_ */
