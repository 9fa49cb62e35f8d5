
#include <ngx_config.h>
#include <ngx_core.h>
#include <arpa/inet.h>
#include "ngx_llm_node_url.h"


/* of DNS */
#define NGX_LLM_NODE_URL_NAME   253
#define NGX_LLM_NODE_URL_LABEL  63

/* does a text end in "/v1"? */
#define ngx_llm_node_url_version(p, last)                                     \
    ((last) - (p) >= 3 && ngx_strncmp((last) - 3, "/v1", 3) == 0)


static const char *ngx_llm_node_url_host(ngx_llm_node_conf_t *conf,
    const u_char *p, const u_char *last);
static const char *ngx_llm_node_url_ipv6(ngx_llm_node_conf_t *conf,
    const u_char *p, const u_char *last);
static const char *ngx_llm_node_url_name(const u_char *p,
    const u_char *last);
static ngx_uint_t ngx_llm_node_url_numeric(const u_char *p,
    const u_char *last);
static const char *ngx_llm_node_url_ipv4(ngx_llm_node_conf_t *conf);
static const char *ngx_llm_node_url_port(ngx_llm_node_conf_t *conf,
    const u_char *p, const u_char *last);
static const char *ngx_llm_node_url_prefix(ngx_llm_node_conf_t *conf,
    const u_char *p, const u_char *last);
static const char *ngx_llm_node_url_escape(const u_char *p,
    const u_char *last);
static ngx_uint_t ngx_llm_node_url_dots(const u_char *p, const u_char *last);
static void ngx_llm_node_url_addr(ngx_llm_node_conf_t *conf);


const char *
ngx_llm_node_url(ngx_llm_node_conf_t *conf, const ngx_str_t *url)
{
    const char    *err;
    const u_char  *p, *last, *slash, *colon;

    p = url->data;
    last = p + url->len;

    if (url->len >= 7
        && ngx_strncasecmp((u_char *) p, (u_char *) "http://", 7) == 0)
    {
        conf->ssl = 0;
        p += 7;

    } else if (url->len >= 8
               && ngx_strncasecmp((u_char *) p, (u_char *) "https://", 8) == 0)
    {
        conf->ssl = 1;
        p += 8;

    } else {
        return "must begin with http:// or https://";
    }

#if !(NGX_HTTP_SSL)
    if (conf->ssl) {
        return "needs nginx with SSL";
    }
#endif

    if (last - p >= 6
        && ngx_strncasecmp((u_char *) p, (u_char *) "unix:/", 6) == 0)
    {
        return "is a unix: socket, which is not supported";
    }

    if (memchr(p, '@', last - p)
        || memchr(p, '?', last - p)
        || memchr(p, '#', last - p))
    {
        return "may hold scheme, host, port and path only";
    }

    slash = memchr(p, '/', last - p);
    if (slash == NULL) {
        slash = last;
    }

    /* the port's colon, not those of an IPv6 address */

    colon = memchr(p, ']', slash - p);
    colon = memchr(colon ? colon : p, ':', slash - (colon ? colon : p));
    if (colon == NULL) {
        colon = slash;
    }

    conf->ipv6 = 0;
    conf->named = 0;
    conf->naddrs = 0;

    err = ngx_llm_node_url_host(conf, p, colon);
    if (err) {
        return err;
    }

    err = ngx_llm_node_url_port(conf, colon, slash);
    if (err) {
        return err;
    }

    ngx_llm_node_url_addr(conf);

    return ngx_llm_node_url_prefix(conf, slash, last);
}


u_char *
ngx_llm_node_url_print(u_char *dst, const ngx_llm_node_conf_t *conf)
{
    const u_char  *last;

    dst = ngx_sprintf(dst, conf->ipv6 ? "http%s://[%s]" : "http%s://%s",
                      conf->ssl ? "s" : "", conf->host);

    if (conf->port != (conf->ssl ? 443 : 80)) {
        dst = ngx_sprintf(dst, ":%ui", (ngx_uint_t) conf->port);
    }

    dst = ngx_sprintf(dst, "%s", conf->prefix);

    /* whoever reads it takes one off */

    last = conf->prefix + ngx_strlen(conf->prefix);

    if (ngx_llm_node_url_version(conf->prefix, last)) {
        dst = ngx_cpymem(dst, "/v1", 3);
    }

    *dst = '\0';

    return dst;
}


static const char *
ngx_llm_node_url_host(ngx_llm_node_conf_t *conf, const u_char *p,
    const u_char *last)
{
    const char    *err;
    const u_char  *label;

    if (p == last) {
        return "has no host";
    }

    if (last - p >= NGX_LLM_NODE_HOST) {
        return "has too long a host";
    }

    if (*p == '[') {
        return ngx_llm_node_url_ipv6(conf, p, last);
    }

    err = ngx_llm_node_url_name(p, last);
    if (err) {
        return err;
    }

    ngx_strlow(conf->host, (u_char *) p, last - p);
    conf->host[last - p] = '\0';

    for (label = last; label > p && label[-1] != '.'; label--) {
        /* void */
    }

    if (ngx_llm_node_url_numeric(label, last)) {
        return ngx_llm_node_url_ipv4(conf);
    }

    conf->named = 1;

    return NULL;
}


static const char *
ngx_llm_node_url_ipv6(ngx_llm_node_conf_t *conf, const u_char *p,
    const u_char *last)
{
    char                  text[INET6_ADDRSTRLEN];
    size_t                len;
    struct sockaddr_in6  *sin6;

    len = last - p - 1;

    if (last[-1] != ']' || len == 0 || len > sizeof(text)) {
        return "has no valid IPv6 address in brackets";
    }

    ngx_cpystrn((u_char *) text, (u_char *) p + 1, len);

    sin6 = &conf->addrs[0].sockaddr;

    ngx_memzero(sin6, sizeof(struct sockaddr_in6));

    /* a zero byte would end the text for it */

    if (ngx_strlen(text) != len - 1
        || inet_pton(AF_INET6, text, &sin6->sin6_addr) != 1
        || inet_ntop(AF_INET6, &sin6->sin6_addr, (char *) conf->host,
                     NGX_LLM_NODE_HOST)
           == NULL)
    {
        return "has no valid IPv6 address in brackets";
    }

    conf->ipv6 = 1;

    return NULL;
}


/* labels of letters, digits, "-" and "_" */

static const char *
ngx_llm_node_url_name(const u_char *p, const u_char *last)
{
    u_char         ch;
    const u_char  *label;

    if (last - p > NGX_LLM_NODE_URL_NAME) {
        return "has too long a host";
    }

    for (label = p; p <= last; p++) {

        if (p == last || *p == '.') {

            if (p == label) {
                return "has an empty part in its host";
            }

            if (p - label > NGX_LLM_NODE_URL_LABEL) {
                return "has too long a part in its host";
            }

            if (*label == '-' || p[-1] == '-') {
                return "has a hyphen at the edge of a part of its host";
            }

            label = p + 1;
            continue;
        }

        if (*p >= 0x80) {
            return "has a host that is not ASCII: write its \"xn--\" form";
        }

        ch = (u_char) (*p | 0x20);

        if (!(ch >= 'a' && ch <= 'z')
            && !(*p >= '0' && *p <= '9')
            && *p != '-'
            && *p != '_')
        {
            return "has an invalid character in its host";
        }
    }

    return NULL;
}


/* a number, decimal, octal or "0x", for those who read addresses so */

static ngx_uint_t
ngx_llm_node_url_numeric(const u_char *p, const u_char *last)
{
    u_char      ch;
    ngx_uint_t  hex;

    hex = (last - p >= 2 && p[0] == '0' && (p[1] | 0x20) == 'x');

    for (p += hex ? 2 : 0; p < last; p++) {
        ch = (u_char) (*p | 0x20);

        if (!(*p >= '0' && *p <= '9')
            && !(hex && ch >= 'a' && ch <= 'f'))
        {
            return 0;
        }
    }

    return 1;
}


static const char *
ngx_llm_node_url_ipv4(ngx_llm_node_conf_t *conf)
{
    struct sockaddr_in  *sin;

    sin = (struct sockaddr_in *) &conf->addrs[0].sockaddr;

    ngx_memzero(&conf->addrs[0].sockaddr, sizeof(struct sockaddr_in6));

    /* it takes four decimal numbers without zeros before them only */

    if (inet_pton(AF_INET, (char *) conf->host, &sin->sin_addr) != 1) {
        return "has a host that ends in a number and is no IPv4 address of "
               "four decimal ones";
    }

    return NULL;
}


static const char *
ngx_llm_node_url_port(ngx_llm_node_conf_t *conf, const u_char *p,
    const u_char *last)
{
    ngx_int_t  n;

    if (p == last) {
        conf->port = conf->ssl ? 443 : 80;
        return NULL;
    }

    p++;

    n = (last - p > 5) ? NGX_ERROR : ngx_atoi((u_char *) p, last - p);

    if (n < 1 || n > 65535) {
        return "has a port that is no number from 1 to 65535";
    }

    conf->port = (in_port_t) n;

    return NULL;
}


/*
 * https://host/base/v1/, https://host/base/v1 and https://host/base are one;
 * of https://host/v1/v1 the first is a part of the path.
 */

static const char *
ngx_llm_node_url_prefix(ngx_llm_node_conf_t *conf, const u_char *p,
    const u_char *last)
{
    const char    *err;
    const u_char  *q;

    while (last > p && last[-1] == '/') {
        last--;
    }

    if (ngx_llm_node_url_version(p, last)) {
        last -= 3;

        while (last > p && last[-1] == '/') {
            last--;
        }
    }

    if (last - p >= NGX_LLM_NODE_PREFIX) {
        return "has too long a path";
    }

    for (q = p; q < last; q++) {

        if (*q <= ' ' || *q >= 0x7f || ngx_strchr("\"<>\\^`{|}", *q)) {
            return "has a character in its path that must be escaped";
        }

        if (*q == '%') {
            err = ngx_llm_node_url_escape(q, last);
            if (err) {
                return err;
            }
        }
    }

    if (ngx_llm_node_url_dots(p, last)) {
        return "has \".\" or \"..\" as a part of its path";
    }

    ngx_cpystrn(conf->prefix, (u_char *) p, last - p + 1);

    return NULL;
}


static const char *
ngx_llm_node_url_escape(const u_char *p, const u_char *last)
{
    ngx_int_t  n;

    n = (last - p < 3) ? NGX_ERROR : ngx_hextoi((u_char *) p + 1, 2);

    if (n == NGX_ERROR) {
        return "has a \"%\" in its path that begins no escape";
    }

    return (n < ' ' || n == 0x7f) ? "has an escaped control character in its "
                                    "path"
                                  : NULL;
}


/* is some part of the path "." or ".."? */

static ngx_uint_t
ngx_llm_node_url_dots(const u_char *p, const u_char *last)
{
    ngx_uint_t  dots, others;

    dots = 0;
    others = 1;

    for ( /* void */ ; p <= last; p++) {

        if (p == last || *p == '/') {

            if (!others && (dots == 1 || dots == 2)) {
                return 1;
            }

            dots = 0;
            others = 0;

        } else if (*p == '.') {
            dots++;

        } else if (last - p >= 3 && ngx_strncasecmp((u_char *) p,
                                                    (u_char *) "%2e", 3) == 0)
        {
            dots++;
            p += 2;

        } else {
            others = 1;
        }
    }

    return 0;
}


/* an address is known already, the port is now too */

static void
ngx_llm_node_url_addr(ngx_llm_node_conf_t *conf)
{
    ngx_llm_addr_t      *addr;
    struct sockaddr_in  *sin;

    if (conf->named) {
        return;
    }

    conf->naddrs = 1;
    addr = &conf->addrs[0];

    if (conf->ipv6) {
        addr->sockaddr.sin6_family = AF_INET6;
        addr->sockaddr.sin6_port = htons(conf->port);
        addr->socklen = sizeof(struct sockaddr_in6);
        return;
    }

    sin = (struct sockaddr_in *) &addr->sockaddr;

    sin->sin_family = AF_INET;
    sin->sin_port = htons(conf->port);
    addr->socklen = sizeof(struct sockaddr_in);
}
