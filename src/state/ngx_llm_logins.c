
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_rate.h"
#include "ngx_llm_siphash.h"
#include "ngx_llm_logins.h"


static ngx_atomic_t *ngx_llm_logins_address(ngx_llm_logins_t *logins,
    const struct sockaddr *sa);
static ngx_atomic_t *ngx_llm_logins_place(ngx_llm_logins_t *logins,
    ngx_atomic_t *places, const u_char *p, size_t n);
static ngx_msec_t ngx_llm_logins_take(ngx_atomic_t *due, ngx_uint_t limit,
    uint64_t now);
static void ngx_llm_logins_return(ngx_atomic_t *due, ngx_uint_t limit,
    uint64_t now);


ngx_msec_t
ngx_llm_logins_try(ngx_llm_logins_t *logins, const struct sockaddr *sa,
    const ngx_str_t *user, ngx_msec_t now)
{
    uint64_t       us;
    ngx_msec_t     wait;
    ngx_atomic_t  *address, *name;

    us = (uint64_t) now * 1000;
    address = ngx_llm_logins_address(logins, sa);
    name = ngx_llm_logins_place(logins, logins->by_user, user->data,
                                user->len);

    wait = ngx_llm_logins_take(address, NGX_LLM_LOGIN_ADDRESS, us);
    if (wait) {
        return wait;
    }

    wait = ngx_llm_logins_take(name, NGX_LLM_LOGIN_USER, us);
    if (wait) {
        ngx_llm_logins_return(address, NGX_LLM_LOGIN_ADDRESS, us);
    }

    return wait;
}


void
ngx_llm_logins_passed(ngx_llm_logins_t *logins, const struct sockaddr *sa,
    const ngx_str_t *user, ngx_msec_t now)
{
    uint64_t  us;

    us = (uint64_t) now * 1000;

    ngx_llm_logins_return(ngx_llm_logins_address(logins, sa),
                          NGX_LLM_LOGIN_ADDRESS, us);
    ngx_llm_logins_return(ngx_llm_logins_place(logins, logins->by_user,
                                               user->data, user->len),
                          NGX_LLM_LOGIN_USER, us);
}


/* all addresses of a /64 are one customer's; what is not IP is one place */

static ngx_atomic_t *
ngx_llm_logins_address(ngx_llm_logins_t *logins, const struct sockaddr *sa)
{
    size_t         n;
    const u_char  *p;

    p = NULL;
    n = 0;

    if (sa->sa_family == AF_INET) {
        p = (const u_char *) &((const struct sockaddr_in *) sa)->sin_addr;
        n = 4;
    }

#if (NGX_HAVE_INET6)

    if (sa->sa_family == AF_INET6) {
        p = ((const struct sockaddr_in6 *) sa)->sin6_addr.s6_addr;
        n = 8;

        if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *) p)) {
            p += 12;
            n = 4;
        }
    }

#endif

    return ngx_llm_logins_place(logins, logins->by_address, p, n);
}


static ngx_atomic_t *
ngx_llm_logins_place(ngx_llm_logins_t *logins, ngx_atomic_t *places,
    const u_char *p, size_t n)
{
    uint64_t  hash[2];

    ngx_llm_siphash(logins->key, p, n, hash);

    return &places[hash[0] % NGX_LLM_LOGIN_PLACES];
}


/* one of limit a minute; returns 0, or ms to wait */

static ngx_msec_t
ngx_llm_logins_take(ngx_atomic_t *due, ngx_uint_t limit, uint64_t now)
{
    ngx_llm_rate_t     rate;
    ngx_atomic_uint_t  old;

    do {
        old = *due;

        ngx_llm_rate_take(&rate, old, limit, 1, now);

        if (!rate.ok) {
            return (ngx_msec_t) ((rate.wait + 999) / 1000);
        }

    } while (!ngx_atomic_cmp_set(due, old, (ngx_atomic_uint_t) rate.due));

    return 0;
}


static void
ngx_llm_logins_return(ngx_atomic_t *due, ngx_uint_t limit, uint64_t now)
{
    uint64_t           settled;
    ngx_atomic_uint_t  old;

    do {
        old = *due;
        settled = ngx_llm_rate_settle(old, limit, -1, now);

    } while (!ngx_atomic_cmp_set(due, old, (ngx_atomic_uint_t) settled));
}
