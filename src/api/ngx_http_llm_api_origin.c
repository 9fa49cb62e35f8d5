
/*
 * Where a request comes from, by its connection and its headers.
 */


#include "ngx_http_llm_header.h"
#include "ngx_http_llm_api_origin.h"


static ngx_uint_t ngx_http_llm_api_proxied(ngx_http_request_t *r);
static ngx_uint_t ngx_http_llm_api_loopback(const struct sockaddr *sa);
static ngx_uint_t ngx_http_llm_api_loopback_host(const ngx_str_t *host);


ngx_str_t *
ngx_http_llm_api_header_in(ngx_http_request_t *r, const char *name)
{
    size_t                len;
    ngx_table_elt_t      *h;
    ngx_http_llm_walk_t   walk;

    len = ngx_strlen(name);

    for (h = ngx_http_llm_header_first(r, &walk);
         h;
         h = ngx_http_llm_header_next(&walk))
    {
        if (h->key.len == len
            && ngx_memcmp(h->lowcase_key, name, len) == 0)
        {
            return &h->value;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_http_llm_api_local(ngx_http_request_t *r)
{
    return ngx_http_llm_api_loopback(r->connection->sockaddr)
           && ngx_http_llm_api_loopback_host(&r->headers_in.server)
           && !ngx_http_llm_api_proxied(r);
}


ngx_uint_t
ngx_http_llm_api_crossed(ngx_http_request_t *r)
{
    u_char      *p;
    ngx_str_t   *site, *origin, *host[2], name;
    ngx_uint_t   i;

    site = ngx_http_llm_api_header_in(r, "sec-fetch-site");

    if (site) {
        return !(site->len == 11 && ngx_strncmp(site->data, "same-origin", 11)
                                    == 0)
               && !(site->len == 4 && ngx_strncmp(site->data, "none", 4) == 0);
    }

    /* older browsers, and plain HTTP */

    origin = ngx_http_llm_api_header_in(r, "origin");

    if (origin == NULL) {
        return 0;
    }

    p = ngx_strlcasestrn(origin->data, origin->data + origin->len,
                         (u_char *) "://", 3 - 1);
    if (p == NULL) {
        return 1;
    }

    name.data = p + 3;
    name.len = origin->data + origin->len - name.data;

    /* a proxy may ask with a name of its own; a page can't send the other */

    host[0] = ngx_http_llm_api_header_in(r, "host");
    host[1] = ngx_http_llm_api_header_in(r, "x-forwarded-host");

    for (i = 0; i < 2; i++) {
        if (host[i]
            && host[i]->len == name.len
            && ngx_strncasecmp(host[i]->data, name.data, name.len) == 0)
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_http_llm_api_proxied(ngx_http_request_t *r)
{
    ngx_uint_t  i;

    static const char  *names[] = {
        "forwarded", "via", "x-forwarded-for", "x-forwarded-host",
        "x-forwarded-proto", "x-forwarded-server", "x-real-ip", NULL
    };

    for (i = 0; names[i]; i++) {
        if (ngx_http_llm_api_header_in(r, names[i])) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_llm_api_loopback(const struct sockaddr *sa)
{
    const u_char  *p;

    switch (sa->sa_family) {

    case AF_INET:
        p = (const u_char *) &((const struct sockaddr_in *) sa)->sin_addr;
        return p[0] == 127;

#if (NGX_HAVE_INET6)

    case AF_INET6:
        p = ((const struct sockaddr_in6 *) sa)->sin6_addr.s6_addr;

        if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *) p)) {
            return p[12] == 127;
        }

        return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *) p);

#endif

#if (NGX_HAVE_UNIX_DOMAIN)

    case AF_UNIX:
        return 1;

#endif

    default:
        return 0;
    }
}


/* in lower case and without its port, as nginx keeps it; "": none was sent */

static ngx_uint_t
ngx_http_llm_api_loopback_host(const ngx_str_t *host)
{
    size_t     n;
    in_addr_t  addr;

    n = sizeof("localhost") - 1;

    if (host->len == 0
        || (host->len == n && ngx_strncmp(host->data, "localhost", n) == 0)
        || (host->len == sizeof("[::1]") - 1
            && ngx_strncmp(host->data, "[::1]", sizeof("[::1]") - 1) == 0))
    {
        return 1;
    }

    if (host->len > n
        && ngx_strncmp(host->data + host->len - n - 1, ".localhost", n + 1)
           == 0)
    {
        return 1;
    }

    addr = ngx_inet_addr(host->data, host->len);

    return addr != INADDR_NONE && (ntohl(addr) >> 24) == 127;
}
