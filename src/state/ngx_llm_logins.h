
/*
 * How often who tried to log in: the number of ngx_llm_rate.h for each of a
 * fixed count of places, to which addresses and names are dealt by a keyed
 * hash.  So nothing grows with the number of those who try, and nobody can
 * tell whose place he shares.  Shared memory, no lock.
 *
 * An address may try 10 times at once, then every 6 s; a name 20 times, then
 * every 3 s: one address alone can't shut a user out.
 */


#ifndef _NGX_LLM_LOGINS_H_INCLUDED_
#define _NGX_LLM_LOGINS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_LLM_LOGIN_PLACES   1024

/* tries a minute, and at once */
#define NGX_LLM_LOGIN_ADDRESS  10
#define NGX_LLM_LOGIN_USER     20


typedef struct {
    uint64_t            key[2];     /* random, of the hash */
    ngx_atomic_t        by_address[NGX_LLM_LOGIN_PLACES];   /* due, us */
    ngx_atomic_t        by_user[NGX_LLM_LOGIN_PLACES];
} ngx_llm_logins_t;


/*
 * May he try, from this address (IPv6: its /64) and as this user?  Takes the
 * price of a try and returns 0; or takes nothing, and returns the ms to wait,
 * up to a minute.  now is ngx_current_msec.
 */
ngx_msec_t ngx_llm_logins_try(ngx_llm_logins_t *logins,
    const struct sockaddr *sa, const ngx_str_t *user, ngx_msec_t now);

/* The price is given back: the password was right, or not looked at. */
void ngx_llm_logins_passed(ngx_llm_logins_t *logins,
    const struct sockaddr *sa, const ngx_str_t *user, ngx_msec_t now);


#endif /* _NGX_LLM_LOGINS_H_INCLUDED_ */
