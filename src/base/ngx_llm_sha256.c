
/* before nginx's headers, which may include OpenSSL's */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/sha.h>
#include "ngx_llm_sha256.h"


void
ngx_llm_sha256(const u_char *p, size_t n, u_char digest[32])
{
    SHA256_CTX  sha;

    SHA256_Init(&sha);
    SHA256_Update(&sha, p, n);
    SHA256_Final(digest, &sha);
}
