
/*
 * Passwords, as crypt(3) of libxcrypt hashes them.  Each hash takes some
 * 50 ms and 16 MB: never in the event loop of a worker.  May be called in any
 * thread.
 */


#ifndef _NGX_LLM_PASSWORD_H_INCLUDED_
#define _NGX_LLM_PASSWORD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Hashes a password by yescrypt with a salt of its own; both texts end with
 * a zero byte.  NGX_ERROR: it can't be done, or size bytes are too few.
 */
ngx_int_t ngx_llm_password_hash(const u_char *password, u_char *hash,
    size_t size);

/* Is it this password's hash, by whichever method of crypt(3)? */
ngx_uint_t ngx_llm_password_is(const u_char *password, const u_char *hash);

/* Is it a whole hash of a method that is known, and not a weak one? */
ngx_uint_t ngx_llm_password_known(const u_char *hash);


#endif /* _NGX_LLM_PASSWORD_H_INCLUDED_ */
