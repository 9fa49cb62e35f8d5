
/*
 * Session tokens: 256 random bits and their HMAC-SHA256 under a secret of the
 * router, each as 43 characters of base64url.  A forged one is told without
 * a look at any table.
 */


#ifndef _NGX_LLM_TOKEN_H_INCLUDED_
#define _NGX_LLM_TOKEN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_LLM_TOKEN_LEN     86
#define NGX_LLM_TOKEN_SECRET  32


/* Writes a new token, without a zero byte.  NGX_ERROR: there is no chance. */
ngx_int_t ngx_llm_token_make(const u_char secret[NGX_LLM_TOKEN_SECRET],
    u_char token[NGX_LLM_TOKEN_LEN]);

/* Was it made with this secret?  Takes the same time wherever it differs. */
ngx_uint_t ngx_llm_token_is(const u_char secret[NGX_LLM_TOKEN_SECRET],
    const ngx_str_t *token);


#endif /* _NGX_LLM_TOKEN_H_INCLUDED_ */
