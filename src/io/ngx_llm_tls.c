
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_llm_tls.h"


#if (NGX_SSL)

static int ngx_llm_tls_verify_callback(int ok, X509_STORE_CTX *store);
static ngx_uint_t ngx_llm_tls_literal(const char *host);


ngx_int_t
ngx_llm_tls_create(ngx_connection_t *c, ngx_ssl_t *ssl, const char *host)
{
    X509_VERIFY_PARAM  *param;

    if (ngx_ssl_create_connection(ssl, c, NGX_SSL_BUFFER|NGX_SSL_CLIENT)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!ngx_llm_tls_literal(host)) {
        return SSL_set_tlsext_host_name(c->ssl->connection, host) ? NGX_OK
                                                                  : NGX_ERROR;
    }

    /* compared by OpenSSL while it verifies; names are compared afterwards */

    param = SSL_get0_param(c->ssl->connection);

    return X509_VERIFY_PARAM_set1_ip_asc(param, host) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_llm_tls_verify(ngx_connection_t *c, const char *host)
{
    X509_VERIFY_PARAM  *param;

    param = SSL_get0_param(c->ssl->connection);

    SSL_set_verify(c->ssl->connection, SSL_VERIFY_PEER,
                   ngx_llm_tls_verify_callback);

    if (X509_VERIFY_PARAM_set1_ip_asc(param, host)
        || X509_VERIFY_PARAM_set1_host(param, host, 0))
    {
        return NGX_OK;
    }

    return NGX_ERROR;
}


/* nginx's own, of the context, lets all pass to look at them later */

static int
ngx_llm_tls_verify_callback(int ok, X509_STORE_CTX *store)
{
    return ok;
}


const char *
ngx_llm_tls_refused(ngx_connection_t *c, const char *host)
{
    long       rc;
    ngx_str_t  name;

    if (!c->ssl->handshaked) {
        return "the TLS handshake failed";
    }

    rc = SSL_get_verify_result(c->ssl->connection);

    if (rc != X509_V_OK) {
        return X509_verify_cert_error_string(rc);
    }

    if (ngx_llm_tls_literal(host)) {
        return NULL;
    }

    name.data = (u_char *) host;
    name.len = ngx_strlen(host);

    if (ngx_ssl_check_host(c, &name) != NGX_OK) {
        return "the certificate is for another host";
    }

    return NULL;
}


void
ngx_llm_tls_close(ngx_connection_t *c)
{
    if (c->ssl == NULL) {
        return;
    }

    c->ssl->no_wait_shutdown = 1;
    c->ssl->no_send_shutdown = 1;

    (void) ngx_ssl_shutdown(c);
}


/* is it an address, not a name? */

static ngx_uint_t
ngx_llm_tls_literal(const char *host)
{
    size_t   n;
    u_char  *p;

    p = (u_char *) host;
    n = ngx_strlen(host);

    return ngx_strlchr(p, p + n, ':') != NULL
           || ngx_inet_addr(p, n) != INADDR_NONE;
}

#endif
