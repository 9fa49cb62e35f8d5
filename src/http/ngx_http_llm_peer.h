
/*
 * A node as this worker knows it: what of a request to it is always the
 * same, ready made; its idle connections; its TLS session.
 *
 * It is made from the node table when it is first needed, and anew when the
 * table's entry has another version.  Requests hold it by a reference while
 * an attempt lasts, so that an old one goes when its last attempt ends.
 */


#ifndef _NGX_HTTP_LLM_PEER_H_INCLUDED_
#define _NGX_HTTP_LLM_PEER_H_INCLUDED_


#include "ngx_http_llm.h"


/* idle connections kept a node and worker, and for how long, in ms */
#define NGX_HTTP_LLM_IDLE_MAX   64
#define NGX_HTTP_LLM_IDLE_TIME  60000


struct ngx_http_llm_peer_s {
    ngx_pool_t           *pool;
    ngx_uint_t            refs;         /* attempts, and one of the table */
    ngx_atomic_uint_t     version;      /* of the table's entry */
    uint64_t              way[2];       /* a hash of what leads to the node */
    uint32_t              node;
    uint64_t              id;           /* of the node */

    ngx_str_t             name;
    ngx_str_t             prefix;       /* before "/v1/" */
    ngx_str_t             fixed;        /* " HTTP/1.1" and its own headers */
    ngx_str_t             host;         /* for SNI and the certificate */
    ngx_uint_t            ssl;          /* unsigned  ssl:1; */

    ngx_uint_t            naddrs;
    ngx_llm_addr_t       *addrs;
    ngx_str_t            *texts;        /* of the addresses */

    ngx_queue_t           idle;         /* last used first */
    ngx_queue_t           free;         /* places of idle connections */
    ngx_uint_t            nidle;
    ngx_msec_t            idle_time;
    ngx_ssl_session_t    *session;
};


/*
 * The peer of a node, with one reference more, as the table says now.
 * NULL: out of memory, or the node is gone.
 */
ngx_http_llm_peer_t *ngx_http_llm_peer_get(uint32_t node);

/* Gives the reference back. */
void ngx_http_llm_peer_put(ngx_http_llm_peer_t *peer);

/*
 * An idle connection to one of its addresses, taken out; NULL: there is none.
 */
ngx_connection_t *ngx_http_llm_peer_connection(ngx_http_llm_peer_t *peer,
    ngx_uint_t addr, ngx_log_t *log);

/* Keeps a connection that is at rest; c is the peer's from here on. */
void ngx_http_llm_peer_keep(ngx_http_llm_peer_t *peer, ngx_connection_t *c,
    ngx_uint_t addr);

/* Closes all idle connections: the node seems to have gone away. */
void ngx_http_llm_peer_close_idle(ngx_http_llm_peer_t *peer);

/* Drops all peers of this worker, at its exit. */
void ngx_http_llm_peers_drop(void);


#endif /* _NGX_HTTP_LLM_PEER_H_INCLUDED_ */
