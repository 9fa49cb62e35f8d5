
/*
 * Secrets that were right before: known again by a keyed hash, which takes a
 * fifth of what SHA-256 takes; the secret itself is kept nowhere.  Each worker
 * has a table of its own, in which any may be missing.
 */


#ifndef _NGX_HTTP_LLM_SEEN_H_INCLUDED_
#define _NGX_HTTP_LLM_SEEN_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * Makes the worker's table, for so many keys; it takes memory as it fills.
 * NGX_ERROR: there is none.
 */
ngx_int_t ngx_http_llm_seen_create(ngx_uint_t keys, ngx_log_t *log);

/*
 * What a secret is known by.  Has its place in the table come near, so that
 * it is there when it is looked for a little later.
 */
void ngx_http_llm_seen_tag(const ngx_str_t *secret, uint64_t tag[2]);

/*
 * The key that had this secret, and its generation then: ask whether it holds
 * still.  NGX_LLM_KEY_NONE: it was not seen.
 */
uint32_t ngx_http_llm_seen_find(const uint64_t tag[2],
    ngx_atomic_uint_t *generation);

/* This key has the secret, as SHA-256 said. */
void ngx_http_llm_seen_add(const uint64_t tag[2], uint32_t key,
    ngx_atomic_uint_t generation);


#endif /* _NGX_HTTP_LLM_SEEN_H_INCLUDED_ */
