
/*
 * TLS to a node, as its client: who has to be at the other end, and is it?
 * Empty when nginx was built without OpenSSL.
 */


#ifndef _NGX_LLM_TLS_H_INCLUDED_
#define _NGX_LLM_TLS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


#if (NGX_SSL)

/*
 * Makes c a client's TLS connection to host, a name or a literal address
 * (IPv6 without brackets).  A name is sent (SNI); an address may not be (RFC
 * 6066, 3).  c->pool is set.  NGX_OK, or NGX_ERROR: no memory.
 */
ngx_int_t ngx_llm_tls_create(ngx_connection_t *c, ngx_ssl_t *ssl,
    const char *host);

/*
 * After the handshake: NULL, or why the other end is not to be trusted with
 * a key.  The certificate must be signed by one of the context's trusted
 * ones, be valid now, and be for host: for an address, hold just it among its
 * IP addresses.
 */
const char *ngx_llm_tls_refused(ngx_connection_t *c, const char *host);

/*
 * Before the handshake: has OpenSSL itself refuse an other end that is not to
 * be trusted, by the same rules.  For who is not asked after the handshake.
 */
ngx_int_t ngx_llm_tls_verify(ngx_connection_t *c, const char *host);

/* Ends TLS on c, which is about to be closed.  Sends nothing, never waits. */
void ngx_llm_tls_close(ngx_connection_t *c);

#endif


#endif /* _NGX_LLM_TLS_H_INCLUDED_ */
