
#include <ngx_config.h>
#include <ngx_core.h>
#include <netdb.h>
#include "ngx_llm_resolve.h"


/* addresses of a name that are looked at */
#define NGX_LLM_RESOLVE_MAX  64


static void ngx_llm_resolve_run(ngx_llm_task_t *task);
static void ngx_llm_resolve_done(ngx_llm_task_t *task);
static void ngx_llm_resolve_take(ngx_llm_resolve_t *resolve,
    const struct addrinfo *ai);
static ngx_uint_t ngx_llm_resolve_addr(ngx_llm_resolve_t *resolve,
    const struct addrinfo *ai, ngx_llm_addr_t *addr);
static int ngx_llm_resolve_compare(const void *one, const void *two);


ngx_int_t
ngx_llm_resolve(ngx_llm_resolve_t *resolve)
{
    resolve->task.run = ngx_llm_resolve_run;
    resolve->task.done = ngx_llm_resolve_done;
    resolve->task.data = resolve;

    return ngx_llm_task_post(&resolve->task);
}


/* in a thread */

static void
ngx_llm_resolve_run(ngx_llm_task_t *task)
{
    ngx_llm_resolve_t  *resolve = task->data;

    int               rc;
    struct addrinfo   hints, *res;

    ngx_memzero(&hints, sizeof(struct addrinfo));

    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
#ifdef AI_ADDRCONFIG
    hints.ai_flags = AI_ADDRCONFIG;
#endif

    resolve->naddrs = 0;
    resolve->refused = 0;
    resolve->error = NULL;

    rc = getaddrinfo((char *) resolve->host, NULL, &hints, &res);

    if (rc != 0) {
        resolve->error = (rc == EAI_SYSTEM) ? "system error"
                                            : gai_strerror(rc);
        return;
    }

    ngx_llm_resolve_take(resolve, res);
    freeaddrinfo(res);

    if (resolve->naddrs == 0) {
        resolve->error = resolve->refused
                         ? "llm_router_node_allow allows none of its addresses"
                         : "no address";
    }
}


static void
ngx_llm_resolve_done(ngx_llm_task_t *task)
{
    ngx_llm_resolve_t  *resolve = task->data;

    resolve->done(resolve);
}


/*
 * The family that came first stays first, as the system prefers it; within a
 * family by their bytes, each once.
 */

static void
ngx_llm_resolve_take(ngx_llm_resolve_t *resolve, const struct addrinfo *ai)
{
    int              first;
    ngx_uint_t       i, n, pass;
    ngx_llm_addr_t  *addr, addrs[NGX_LLM_RESOLVE_MAX];

    for (n = 0; ai && n < NGX_LLM_RESOLVE_MAX; ai = ai->ai_next) {

        if (!ngx_llm_resolve_addr(resolve, ai, &addrs[n])) {
            continue;
        }

        if (resolve->allow
            && !ngx_llm_cidr_allows(resolve->allow, (struct sockaddr *)
                                                    &addrs[n].sockaddr))
        {
            resolve->refused++;
            continue;
        }

        n++;
    }

    if (n == 0) {
        return;
    }

    first = addrs[0].sockaddr.sin6_family;

    qsort(addrs, n, sizeof(ngx_llm_addr_t), ngx_llm_resolve_compare);

    for (pass = 0; pass < 2; pass++) {
        for (i = 0; i < n && resolve->naddrs < NGX_LLM_NODE_ADDRS; i++) {
            addr = &addrs[i];

            if ((addr->sockaddr.sin6_family == first) == (pass == 0)
                && (i == 0 || ngx_llm_resolve_compare(addr, addr - 1) != 0))
            {
                resolve->addrs[resolve->naddrs++] = *addr;
            }
        }
    }
}


static ngx_uint_t
ngx_llm_resolve_addr(ngx_llm_resolve_t *resolve, const struct addrinfo *ai,
    ngx_llm_addr_t *addr)
{
    struct sockaddr_in   *sin;
    struct sockaddr_in6  *sin6;

    ngx_memzero(addr, sizeof(ngx_llm_addr_t));

    switch (ai->ai_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) &addr->sockaddr;

        sin->sin_family = AF_INET;
        sin->sin_addr = ((struct sockaddr_in *) (void *) ai->ai_addr)
                        ->sin_addr;
        sin->sin_port = htons(resolve->port);

        addr->socklen = sizeof(struct sockaddr_in);
        return 1;

    case AF_INET6:
        sin6 = &addr->sockaddr;

        sin6->sin6_family = AF_INET6;
        sin6->sin6_addr = ((struct sockaddr_in6 *) (void *) ai->ai_addr)
                          ->sin6_addr;
        sin6->sin6_scope_id = ((struct sockaddr_in6 *) (void *) ai->ai_addr)
                              ->sin6_scope_id;
        sin6->sin6_port = htons(resolve->port);

        addr->socklen = sizeof(struct sockaddr_in6);
        return 1;

    default:
        return 0;
    }
}


/* what is not used of them is zero */

static int
ngx_llm_resolve_compare(const void *one, const void *two)
{
    const ngx_llm_addr_t  *a = one;
    const ngx_llm_addr_t  *b = two;

    return ngx_memcmp(&a->sockaddr, &b->sockaddr, sizeof(a->sockaddr));
}
