
/*
 * SHA-256, by OpenSSL's direct functions: the newer interface looks its
 * algorithm up by name each time, which costs more than hashing a key.
 */


#ifndef _NGX_LLM_SHA256_H_INCLUDED_
#define _NGX_LLM_SHA256_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* The digest of n bytes. */
void ngx_llm_sha256(const u_char *p, size_t n, u_char digest[32]);


#endif /* _NGX_LLM_SHA256_H_INCLUDED_ */
