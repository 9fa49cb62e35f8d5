
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>
#include "ngx_llm_http.h"
#include "ngx_llm_tls.h"


/* reads in a row before others have their turn */
#define NGX_LLM_HTTP_READS  32


static void ngx_llm_http_timer(ngx_event_t *ev);
static void ngx_llm_http_finish(ngx_llm_http_t *h, const char *error);
static void ngx_llm_http_close(ngx_llm_http_t *h);

static ngx_int_t ngx_llm_http_connect(ngx_llm_http_t *h);
static ngx_int_t ngx_llm_http_connect_to(ngx_llm_http_t *h, ngx_uint_t i);
static void ngx_llm_http_next(ngx_llm_http_t *h);
static void ngx_llm_http_connecting(ngx_event_t *ev);
static void ngx_llm_http_connected(ngx_llm_http_t *h);

#if (NGX_SSL)
static void ngx_llm_http_handshake(ngx_llm_http_t *h);
static void ngx_llm_http_shaken(ngx_connection_t *c);
#endif

static ngx_int_t ngx_llm_http_request(ngx_llm_http_t *h);
static ngx_uint_t ngx_llm_http_unfit(const u_char *text);
static void ngx_llm_http_write(ngx_event_t *wev);
static void ngx_llm_http_read(ngx_event_t *rev);


ngx_int_t
ngx_llm_http_get(ngx_llm_http_t *h)
{
    h->name.data = (u_char *) h->node->name;
    h->name.len = ngx_strlen(h->node->name);

    if (h->buffer == NULL) {
        h->buffer = ngx_palloc(h->pool, NGX_LLM_REPLY_BUFFER);
        if (h->buffer == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_llm_reply_init(&h->reply, h->buffer, h->body, h->data);

    if (ngx_llm_http_request(h) != NGX_OK) {
        return NGX_ERROR;
    }

    h->timer.handler = ngx_llm_http_timer;
    h->timer.data = h;
    h->timer.log = h->log;
    h->timer.cancelable = 1;

    if (h->error || ngx_llm_http_connect(h) != NGX_OK) {
        ngx_add_timer(&h->timer, 0);
        return NGX_OK;
    }

    ngx_add_timer(&h->timer, h->timeout);

    return NGX_OK;
}


void
ngx_llm_http_cancel(ngx_llm_http_t *h)
{
    if (h->timer.timer_set) {
        ngx_del_timer(&h->timer);
    }

    ngx_llm_http_close(h);
}


/* the time is over, or it failed before it began */

static void
ngx_llm_http_timer(ngx_event_t *ev)
{
    ngx_llm_http_t  *h;

    h = ev->data;

    /* it took the question, and may be busy */

    h->silent = (h->error == NULL && h->connection && h->request.len == 0);

    ngx_llm_http_finish(h, h->error ? h->error : "timed out");
}


/* over; error is NULL when all went well */

static void
ngx_llm_http_finish(ngx_llm_http_t *h, const char *error)
{
    h->error = error;

    ngx_llm_http_cancel(h);

    h->done(h);
}


static void
ngx_llm_http_close(ngx_llm_http_t *h)
{
    ngx_connection_t  *c;

    c = h->connection;

    if (c == NULL) {
        return;
    }

    h->connection = NULL;

#if (NGX_SSL)
    ngx_llm_tls_close(c);
#endif

    ngx_close_connection(c);
}


/* connects to the next address; NGX_ERROR and h->error when none is left */

static ngx_int_t
ngx_llm_http_connect(ngx_llm_http_t *h)
{
    ngx_uint_t  n;

    n = h->node->naddrs;

    if (n == 0) {
        h->error = "has no address";
        return NGX_ERROR;
    }

    while (h->tried < n) {

        if (h->tried++) {
            h->addr++;
        }

        h->addr %= n;

        if (ngx_llm_http_connect_to(h, h->addr) == NGX_OK) {
            h->error = NULL;
            h->err = 0;
            h->ours = 0;
            return NGX_OK;
        }
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_llm_http_connect_to(ngx_llm_http_t *h, ngx_uint_t i)
{
    ngx_int_t               rc;
    ngx_connection_t       *c;
    ngx_peer_connection_t   pc;

    ngx_memzero(&pc, sizeof(ngx_peer_connection_t));

    pc.sockaddr = (struct sockaddr *) &h->node->addrs[i].sockaddr;
    pc.socklen = h->node->addrs[i].socklen;
    pc.name = &h->name;
    pc.get = ngx_event_get_peer;
    pc.log = h->log;
    pc.log_error = NGX_ERROR_INFO;

    rc = ngx_event_connect_peer(&pc);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        h->err = ngx_socket_errno;
        h->error = "could not connect";
        h->ours = (rc == NGX_ERROR);
        return NGX_ERROR;
    }

    c = pc.connection;

    c->data = h;
    c->pool = h->pool;
    c->read->handler = ngx_llm_http_connecting;
    c->write->handler = ngx_llm_http_connecting;

    h->connection = c;

    if (rc == NGX_OK) {
        ngx_post_event(c->write, &ngx_posted_events);
        return NGX_OK;
    }

    /* an address that is mute leaves some time to the others */

    if (h->tried < h->node->naddrs) {
        c->write->cancelable = 1;
        ngx_add_timer(c->write, h->timeout / h->node->naddrs);
    }

    return NGX_OK;
}


/* this address failed, h->error says why */

static void
ngx_llm_http_next(ngx_llm_http_t *h)
{
    ngx_llm_http_close(h);

    if (ngx_llm_http_connect(h) != NGX_OK) {
        ngx_llm_http_finish(h, h->error);
    }
}


static void
ngx_llm_http_connecting(ngx_event_t *ev)
{
    int                err;
    socklen_t          len;
    ngx_llm_http_t    *h;
    ngx_connection_t  *c;

    c = ev->data;
    h = c->data;

    if (c->write->timedout) {
        h->error = "timed out";
        ngx_llm_http_next(h);
        return;
    }

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        h->err = err;
        h->error = "could not connect";
        ngx_llm_http_next(h);
        return;
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    ngx_llm_http_connected(h);
}


static void
ngx_llm_http_connected(ngx_llm_http_t *h)
{
    if (!h->node->ssl) {
        h->connection->read->handler = ngx_llm_http_read;
        h->connection->write->handler = ngx_llm_http_write;

        ngx_llm_http_write(h->connection->write);
        return;
    }

#if (NGX_SSL)

    if (h->ssl) {
        ngx_llm_http_handshake(h);
        return;
    }

#endif

    ngx_llm_http_finish(h, "https is not built in");
}


#if (NGX_SSL)

static void
ngx_llm_http_handshake(ngx_llm_http_t *h)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = h->connection;

    if (ngx_llm_tls_create(c, h->ssl, (char *) h->node->host) != NGX_OK) {
        h->ours = 1;
        ngx_llm_http_finish(h, "TLS could not be set up");
        return;
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_llm_http_shaken;
        return;
    }

    ngx_llm_http_shaken(c);
}


static void
ngx_llm_http_shaken(ngx_connection_t *c)
{
    const char      *error;
    ngx_llm_http_t  *h;

    h = c->data;

    error = ngx_llm_tls_refused(c, (char *) h->node->host);

    if (error) {
        ngx_llm_http_finish(h, error);
        return;
    }

    c->read->handler = ngx_llm_http_read;
    c->write->handler = ngx_llm_http_write;

    ngx_llm_http_write(c->write);
}

#endif


/* NGX_ERROR: no memory; h->error: it can't be said in HTTP */

static ngx_int_t
ngx_llm_http_request(ngx_llm_http_t *h)
{
    size_t                      size;
    u_char                     *p;
    const ngx_llm_node_conf_t  *node;

    static const char           tail[] = "User-Agent: llm-router" CRLF
                                         "Accept: application/json" CRLF
                                         "Connection: close" CRLF CRLF;

    node = h->node;

    if (ngx_llm_http_unfit(node->prefix)
        || ngx_llm_http_unfit(node->host)
        || ngx_llm_http_unfit(node->api_key))
    {
        h->error = "its URL or key holds what can't be sent";
        return NGX_OK;
    }

    size = sizeof("GET  HTTP/1.1" CRLF "Host: []:65535" CRLF
                  "Authorization: Bearer " CRLF) - 1
           + NGX_LLM_NODE_PREFIX + h->path.len + NGX_LLM_NODE_HOST
           + NGX_LLM_NODE_KEY + sizeof(tail);

    p = ngx_pnalloc(h->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    h->request.data = p;

    p = ngx_sprintf(p, "GET %s%V HTTP/1.1" CRLF, node->prefix, &h->path);
    p = ngx_sprintf(p, node->ipv6 ? "Host: [%s]" : "Host: %s", node->host);

    if (node->port != (node->ssl ? 443 : 80)) {
        p = ngx_sprintf(p, ":%ui", (ngx_uint_t) node->port);
    }

    p = ngx_cpymem(p, CRLF, sizeof(CRLF) - 1);

    if (node->api_key[0]) {
        p = ngx_sprintf(p, "Authorization: Bearer %s" CRLF, node->api_key);
    }

    p = ngx_cpymem(p, tail, sizeof(tail) - 1);

    h->request.len = p - h->request.data;

    return NGX_OK;
}


/* would this break out of its header line? */

static ngx_uint_t
ngx_llm_http_unfit(const u_char *text)
{
    for ( /* void */ ; *text; text++) {
        if (*text < ' ' || *text == 0x7f) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_llm_http_write(ngx_event_t *wev)
{
    ssize_t            n;
    ngx_llm_http_t    *h;
    ngx_connection_t  *c;

    c = wev->data;
    h = c->data;

    while (h->request.len) {
        n = c->send(c, h->request.data, h->request.len);

        if (n == NGX_ERROR) {
            ngx_llm_http_finish(h, "the connection broke");
            return;
        }

        if (n == NGX_AGAIN || n == 0) {
            break;
        }

        h->request.data += n;
        h->request.len -= n;
    }

    if (ngx_handle_write_event(wev, 0) != NGX_OK) {
        h->ours = 1;
        ngx_llm_http_finish(h, "internal error");
        return;
    }

    /* with TLS the answer may have been read along with the handshake */

    if (h->request.len == 0 && c->read->ready) {
        ngx_llm_http_read(c->read);
    }
}


static void
ngx_llm_http_read(ngx_event_t *rev)
{
    size_t             size;
    u_char            *p;
    ssize_t            n;
    ngx_uint_t         reads;
    ngx_llm_http_t    *h;
    ngx_connection_t  *c;

    c = rev->data;
    h = c->data;

    for (reads = 0; reads < NGX_LLM_HTTP_READS; reads++) {

        p = ngx_llm_reply_space(&h->reply, &size);

        n = c->recv(c, p, size);

        if (n == NGX_AGAIN) {

            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                h->ours = 1;
                ngx_llm_http_finish(h, "internal error");
            }

            return;
        }

        if (n == NGX_ERROR) {
            ngx_llm_http_finish(h, "the connection broke");
            return;
        }

        if (ngx_llm_reply_take(&h->reply, n) != NGX_AGAIN) {
            ngx_llm_http_finish(h, h->reply.error);
            return;
        }
    }

    ngx_post_event(rev, &ngx_posted_next_events);
}
