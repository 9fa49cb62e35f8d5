
/*
 * New keys of clients, new tokens of nodes.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/rand.h>
#include "ngx_llm_sha256.h"
#include "ngx_http_llm_api_secret.h"


ngx_int_t
ngx_http_llm_api_secret(const char *prefix,
    u_char secret[NGX_HTTP_LLM_API_SECRET], u_char hash[32])
{
    u_char     random[32];
    ngx_str_t  src, dst;

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    src.data = random;
    src.len = sizeof(random);

    ngx_memcpy(secret, prefix, 3);

    dst.data = secret + 3;

    ngx_encode_base64url(&dst, &src);

    secret[NGX_HTTP_LLM_API_SECRET - 1] = '\0';

    ngx_llm_sha256(secret, NGX_HTTP_LLM_API_SECRET - 1, hash);

    ngx_explicit_memzero(random, sizeof(random));

    return NGX_OK;
}
