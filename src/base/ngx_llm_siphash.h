
/*
 * SipHash-1-3 with 128 bits (Aumasson, Bernstein: SipHash, a fast short-input
 * PRF): tells texts apart for whoever has the key, and for nobody else.
 */


#ifndef _NGX_LLM_SIPHASH_H_INCLUDED_
#define _NGX_LLM_SIPHASH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* The hash of n bytes under a key of 128 random bits. */
void ngx_llm_siphash(const uint64_t key[2], const u_char *p, size_t n,
    uint64_t hash[2]);


#endif /* _NGX_LLM_SIPHASH_H_INCLUDED_ */
