
#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include "ngx_llm_token.h"


#define NGX_LLM_TOKEN_HALF  (NGX_LLM_TOKEN_LEN / 2)


static ngx_int_t ngx_llm_token_sign(const u_char *secret,
    const u_char *half, u_char *signature);
static void ngx_llm_token_encode(u_char *dst, u_char *bytes);


ngx_int_t
ngx_llm_token_make(const u_char secret[NGX_LLM_TOKEN_SECRET],
    u_char token[NGX_LLM_TOKEN_LEN])
{
    u_char  random[32];

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    ngx_llm_token_encode(token, random);

    return ngx_llm_token_sign(secret, token, token + NGX_LLM_TOKEN_HALF);
}


ngx_uint_t
ngx_llm_token_is(const u_char secret[NGX_LLM_TOKEN_SECRET],
    const ngx_str_t *token)
{
    u_char  signature[NGX_LLM_TOKEN_HALF];

    return token->len == NGX_LLM_TOKEN_LEN
           && ngx_llm_token_sign(secret, token->data, signature) == NGX_OK
           && CRYPTO_memcmp(signature, token->data + NGX_LLM_TOKEN_HALF,
                            NGX_LLM_TOKEN_HALF)
              == 0;
}


/* of the text, not of its bytes: there is but one way to write a token */

static ngx_int_t
ngx_llm_token_sign(const u_char *secret, const u_char *half,
    u_char *signature)
{
    u_char        mac[EVP_MAX_MD_SIZE];
    unsigned int  n;

    if (HMAC(EVP_sha256(), secret, NGX_LLM_TOKEN_SECRET, half,
             NGX_LLM_TOKEN_HALF, mac, &n)
        == NULL)
    {
        return NGX_ERROR;
    }

    ngx_llm_token_encode(signature, mac);

    return NGX_OK;
}


static void
ngx_llm_token_encode(u_char *dst, u_char *bytes)
{
    ngx_str_t  to, from;

    to.data = dst;
    from.data = bytes;
    from.len = 32;

    ngx_encode_base64url(&to, &from);
}
