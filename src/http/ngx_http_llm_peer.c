
#include "ngx_llm_siphash.h"
#include "ngx_http_llm_peer.h"


typedef struct {
    ngx_queue_t           queue;
    ngx_connection_t     *connection;
    ngx_http_llm_peer_t  *peer;
    ngx_uint_t            addr;         /* of the peer's */
} ngx_http_llm_idle_t;


static ngx_http_llm_peer_t *ngx_http_llm_peer_renew(
    ngx_http_llm_peer_t *peer, uint32_t node);
static ngx_http_llm_peer_t *ngx_http_llm_peer_make(
    const ngx_llm_node_conf_t *conf, uint32_t node);
static void ngx_http_llm_peer_way(const ngx_llm_node_conf_t *conf,
    uint64_t way[2]);
static ngx_int_t ngx_http_llm_peer_texts(ngx_http_llm_peer_t *peer,
    const ngx_llm_node_conf_t *conf);
static ngx_int_t ngx_http_llm_peer_fixed(ngx_http_llm_peer_t *peer,
    const ngx_llm_node_conf_t *conf);
static ngx_int_t ngx_http_llm_peer_addrs(ngx_http_llm_peer_t *peer,
    const ngx_llm_node_conf_t *conf);
static void ngx_http_llm_peer_drop(ngx_http_llm_peer_t *peer);
static void ngx_http_llm_peer_idle_handler(ngx_event_t *ev);
static void ngx_http_llm_peer_dummy_handler(ngx_event_t *ev);
static void ngx_http_llm_peer_close(ngx_http_llm_idle_t *idle);
static void ngx_http_llm_peer_shut(ngx_connection_t *c);


ngx_http_llm_peer_t *
ngx_http_llm_peer_get(uint32_t node)
{
    ngx_http_llm_peer_t  *peer, **place;

    place = &ngx_http_llm_worker.peers[node];
    peer = *place;

    if (peer == NULL
        || peer->version != ngx_http_llm_worker.zone->nodes->node[node].version)
    {
        peer = ngx_http_llm_peer_renew(peer, node);

        *place = peer;

        if (peer == NULL) {
            return NULL;
        }
    }

    peer->refs++;

    return peer;
}


void
ngx_http_llm_peer_put(ngx_http_llm_peer_t *peer)
{
    if (--peer->refs) {
        return;
    }

    ngx_http_llm_peer_close_idle(peer);

#if (NGX_HTTP_SSL)
    if (peer->session) {
        ngx_ssl_free_session(peer->session);
    }
#endif

    if (peer->fixed.len) {
        ngx_explicit_memzero(peer->fixed.data, peer->fixed.len);
    }

    ngx_destroy_pool(peer->pool);
}


ngx_connection_t *
ngx_http_llm_peer_connection(ngx_http_llm_peer_t *peer, ngx_uint_t addr,
    ngx_log_t *log)
{
    ngx_queue_t          *q;
    ngx_connection_t     *c;
    ngx_http_llm_idle_t  *idle;

    for (q = ngx_queue_head(&peer->idle);
         q != ngx_queue_sentinel(&peer->idle);
         q = ngx_queue_next(q))
    {
        idle = ngx_queue_data(q, ngx_http_llm_idle_t, queue);

        if (idle->addr == addr) {
            goto found;
        }
    }

    return NULL;

found:

    ngx_queue_remove(q);
    peer->nidle--;

    c = idle->connection;

    ngx_queue_insert_head(&peer->free, q);

    c->idle = 0;
    c->sent = 0;
    c->data = NULL;
    c->log = log;
    c->read->log = log;
    c->write->log = log;
    c->pool->log = log;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    return c;
}


void
ngx_http_llm_peer_keep(ngx_http_llm_peer_t *peer, ngx_connection_t *c,
    ngx_uint_t addr)
{
    ngx_queue_t          *q;
    ngx_http_llm_idle_t  *idle;

    if (peer->nidle == NGX_HTTP_LLM_IDLE_MAX) {
        ngx_http_llm_peer_close(ngx_queue_data(ngx_queue_last(&peer->idle),
                                               ngx_http_llm_idle_t, queue));
    }

    if (ngx_queue_empty(&peer->free)) {

        idle = ngx_palloc(peer->pool, sizeof(ngx_http_llm_idle_t));
        if (idle == NULL) {
            ngx_http_llm_peer_shut(c);
            return;
        }

    } else {
        q = ngx_queue_head(&peer->free);
        ngx_queue_remove(q);
        idle = ngx_queue_data(q, ngx_http_llm_idle_t, queue);
    }

    idle->connection = c;
    idle->peer = peer;
    idle->addr = addr;

    ngx_queue_insert_head(&peer->idle, &idle->queue);
    peer->nidle++;

    c->read->delayed = 0;
    ngx_add_timer(c->read, peer->idle_time);

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    c->write->handler = ngx_http_llm_peer_dummy_handler;
    c->read->handler = ngx_http_llm_peer_idle_handler;

    c->data = idle;
    c->idle = 1;
    c->log = ngx_cycle->log;
    c->read->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;
    c->pool->log = ngx_cycle->log;

    if (c->read->ready) {
        ngx_http_llm_peer_idle_handler(c->read);
    }
}


void
ngx_http_llm_peer_close_idle(ngx_http_llm_peer_t *peer)
{
    while (!ngx_queue_empty(&peer->idle)) {
        ngx_http_llm_peer_close(ngx_queue_data(ngx_queue_head(&peer->idle),
                                               ngx_http_llm_idle_t, queue));
    }
}


void
ngx_http_llm_peers_drop(void)
{
    ngx_uint_t            i;
    ngx_http_llm_peer_t  *peer;

    for (i = 0; i < ngx_http_llm_worker.zone->nodes->max; i++) {
        peer = ngx_http_llm_worker.peers[i];

        if (peer) {
            ngx_http_llm_worker.peers[i] = NULL;
            ngx_http_llm_peer_drop(peer);
        }
    }
}


/*
 * The peer as the table says now: the old one, which may be NULL and is
 * dropped otherwise, when the change does not concern its connections.
 */

static ngx_http_llm_peer_t *
ngx_http_llm_peer_renew(ngx_http_llm_peer_t *peer, uint32_t node)
{
    uint64_t             way[2];
    ngx_int_t            rc;
    ngx_atomic_uint_t    version;
    ngx_llm_node_conf_t  conf;

    version = 0;
    ngx_memzero(way, sizeof(way));

    rc = ngx_llm_nodes_read(ngx_http_llm_worker.zone->nodes, node, &conf,
                            &version);

    if (rc == NGX_OK) {
        ngx_http_llm_peer_way(&conf, way);
    }

    if (peer
        && (rc != NGX_OK || way[0] != peer->way[0] || way[1] != peer->way[1]))
    {
        ngx_http_llm_peer_drop(peer);
        peer = NULL;
    }

    if (peer == NULL && rc == NGX_OK) {
        peer = ngx_http_llm_peer_make(&conf, node);
    }

    if (peer) {
        peer->version = version;
        peer->way[0] = way[0];
        peer->way[1] = way[1];
    }

    ngx_explicit_memzero(&conf, sizeof(ngx_llm_node_conf_t));

    return peer;
}


static ngx_http_llm_peer_t *
ngx_http_llm_peer_make(const ngx_llm_node_conf_t *conf, uint32_t node)
{
    ngx_pool_t           *pool;
    ngx_http_llm_peer_t  *peer;

    pool = ngx_create_pool(2048, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    peer = ngx_pcalloc(pool, sizeof(ngx_http_llm_peer_t));
    if (peer == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    peer->pool = pool;
    peer->refs = 1;
    peer->node = node;
    peer->id = conf->id;
    peer->ssl = conf->ssl;
    peer->idle_time = NGX_HTTP_LLM_IDLE_TIME;

    ngx_queue_init(&peer->idle);
    ngx_queue_init(&peer->free);

    if (ngx_http_llm_peer_texts(peer, conf) != NGX_OK
        || ngx_http_llm_peer_fixed(peer, conf) != NGX_OK
        || ngx_http_llm_peer_addrs(peer, conf) != NGX_OK)
    {
        ngx_http_llm_peer_put(peer);
        return NULL;
    }

    return peer;
}


/* of all that a peer is made of: its name, where it is, its key */

static void
ngx_http_llm_peer_way(const ngx_llm_node_conf_t *conf, uint64_t way[2])
{
    ngx_llm_node_conf_t  c;

    c = *conf;

    ngx_memzero(c.notes, NGX_LLM_NODE_NOTES);
    ngx_memzero(c.token, NGX_LLM_NODE_TOKEN);

    c.created = 0;
    c.check = 0;
    c.discover = 0;
    c.is_static = 0;
    c.registered = 0;
    c.type = 0;
    c.weight = 0;
    c.max_concurrent = 0;

    ngx_llm_siphash(ngx_http_llm_worker.hash_key, (u_char *) &c,
                    sizeof(ngx_llm_node_conf_t), way);

    ngx_explicit_memzero(&c, sizeof(ngx_llm_node_conf_t));
}


static ngx_int_t
ngx_http_llm_peer_texts(ngx_http_llm_peer_t *peer,
    const ngx_llm_node_conf_t *conf)
{
    ngx_str_t  text;

    text.data = (u_char *) conf->name;
    text.len = ngx_strlen(conf->name);

    peer->name.len = text.len;
    peer->name.data = ngx_pstrdup(peer->pool, &text);

    text.data = (u_char *) conf->prefix;
    text.len = ngx_strlen(conf->prefix);

    peer->prefix.len = text.len;
    peer->prefix.data = ngx_pstrdup(peer->pool, &text);

    /* with its zero byte, for OpenSSL */

    text.data = (u_char *) conf->host;
    text.len = ngx_strlen(conf->host) + 1;

    peer->host.len = text.len - 1;
    peer->host.data = ngx_pstrdup(peer->pool, &text);

    if (peer->name.data == NULL
        || peer->prefix.data == NULL
        || peer->host.data == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_peer_fixed(ngx_http_llm_peer_t *peer,
    const ngx_llm_node_conf_t *conf)
{
    u_char  *p;
    size_t   size;

    size = sizeof(" HTTP/1.1" CRLF "Host: []:65535" CRLF
                  "Authorization: Bearer " CRLF)
           + peer->host.len + ngx_strlen(conf->api_key);

    p = ngx_pnalloc(peer->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    peer->fixed.data = p;

    p = ngx_sprintf(p, " HTTP/1.1" CRLF "Host: %s%V%s",
                    conf->ipv6 ? "[" : "", &peer->host, conf->ipv6 ? "]" : "");

    if (conf->port != (conf->ssl ? 443 : 80)) {
        p = ngx_sprintf(p, ":%ui", (ngx_uint_t) conf->port);
    }

    p = ngx_cpymem(p, CRLF, 2);

    if (conf->api_key[0]) {
        p = ngx_sprintf(p, "Authorization: Bearer %s" CRLF, conf->api_key);
    }

    peer->fixed.len = p - peer->fixed.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_peer_addrs(ngx_http_llm_peer_t *peer,
    const ngx_llm_node_conf_t *conf)
{
    u_char      *p;
    ngx_uint_t   i;

    peer->naddrs = conf->naddrs;

    peer->addrs = ngx_palloc(peer->pool,
                             conf->naddrs * sizeof(ngx_llm_addr_t));
    peer->texts = ngx_palloc(peer->pool, conf->naddrs * sizeof(ngx_str_t));

    if (peer->addrs == NULL || peer->texts == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < conf->naddrs; i++) {
        peer->addrs[i] = conf->addrs[i];

        p = ngx_pnalloc(peer->pool, NGX_SOCKADDR_STRLEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        peer->texts[i].data = p;
        peer->texts[i].len = ngx_sock_ntop((struct sockaddr *)
                                           &peer->addrs[i].sockaddr,
                                           peer->addrs[i].socklen, p,
                                           NGX_SOCKADDR_STRLEN, 1);
    }

    return NGX_OK;
}


/* the table knows it no more; attempts that hold it go on */

static void
ngx_http_llm_peer_drop(ngx_http_llm_peer_t *peer)
{
    ngx_http_llm_peer_close_idle(peer);
    ngx_http_llm_peer_put(peer);
}


/* an idle connection has something to say: it is closing, or gone bad */

static void
ngx_http_llm_peer_idle_handler(ngx_event_t *ev)
{
    int                n;
    char               buf[1];
    ngx_connection_t  *c;

    c = ev->data;

    if (!c->close && !c->read->timedout) {

        n = recv(c->fd, buf, 1, MSG_PEEK);

        if (n == -1 && ngx_socket_errno == NGX_EAGAIN) {
            ev->ready = 0;

            if (ngx_handle_read_event(c->read, 0) == NGX_OK) {
                return;
            }
        }
    }

    ngx_http_llm_peer_close(c->data);
}


static void
ngx_http_llm_peer_dummy_handler(ngx_event_t *ev)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, ev->log, 0, "llm idle dummy handler");
}


static void
ngx_http_llm_peer_close(ngx_http_llm_idle_t *idle)
{
    ngx_queue_remove(&idle->queue);
    ngx_queue_insert_head(&idle->peer->free, &idle->queue);

    idle->peer->nidle--;

    ngx_http_llm_peer_shut(idle->connection);
}


static void
ngx_http_llm_peer_shut(ngx_connection_t *c)
{
#if (NGX_HTTP_SSL)

    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;

        (void) ngx_ssl_shutdown(c);
    }

#endif

    ngx_destroy_pool(c->pool);
    ngx_close_connection(c);
}
