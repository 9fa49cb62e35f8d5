
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>
#include <poll.h>
#include "ngx_llm_redis.h"
#include "ngx_llm_tls.h"


#define NGX_LLM_REDIS_BUFFER  (64 * 1024)

/* what is read in a row before others have their turn */
#define NGX_LLM_REDIS_READS   8

/* an output buffer larger than this is not kept */
#define NGX_LLM_REDIS_KEPT    (1024 * 1024)


static ngx_int_t ngx_llm_redis_connect(ngx_llm_redis_t *redis);
static void ngx_llm_redis_timer(ngx_event_t *ev);
static void ngx_llm_redis_connecting(ngx_event_t *ev);
static void ngx_llm_redis_connected(ngx_llm_redis_t *redis);
#if (NGX_SSL)
static void ngx_llm_redis_handshake(ngx_llm_redis_t *redis);
static void ngx_llm_redis_shaken(ngx_connection_t *c);
#endif
static void ngx_llm_redis_hello(ngx_llm_redis_t *redis);
static void ngx_llm_redis_welcome(void *data, redisReply *reply);
static void ngx_llm_redis_write(ngx_event_t *wev);
static void ngx_llm_redis_read(ngx_event_t *rev);
static ngx_int_t ngx_llm_redis_replies(ngx_llm_redis_t *redis);
static ngx_int_t ngx_llm_redis_reply(ngx_llm_redis_t *redis,
    redisReply *reply);
static void ngx_llm_redis_wait(ngx_llm_redis_t *redis);
static void ngx_llm_redis_fail(ngx_llm_redis_t *redis, const char *why);


void
ngx_llm_redis_open(ngx_llm_redis_t *redis)
{
    ngx_memzero(&redis->timer, sizeof(ngx_event_t));

    redis->timer.handler = ngx_llm_redis_timer;
    redis->timer.data = redis;
    redis->timer.log = redis->log;
    redis->timer.cancelable = 1;

    redis->pool = ngx_create_pool(512, redis->log);
    redis->reader = redisReaderCreate();

    if (redis->pool == NULL
        || redis->reader == NULL
        || ngx_llm_redis_connect(redis) != NGX_OK)
    {
        /* said later: who calls does not expect it yet */

        ngx_add_timer(&redis->timer, 1);
        return;
    }

    ngx_add_timer(&redis->timer, redis->timeout);
}


static ngx_int_t
ngx_llm_redis_connect(ngx_llm_redis_t *redis)
{
    ngx_int_t               rc;
    ngx_addr_t             *addr;
    ngx_connection_t       *c;
    ngx_peer_connection_t   pc;

    addr = &redis->conf->addrs[redis->addr++ % redis->conf->naddrs];

    ngx_memzero(&pc, sizeof(ngx_peer_connection_t));

    pc.sockaddr = addr->sockaddr;
    pc.socklen = addr->socklen;
    pc.name = (ngx_str_t *) &redis->conf->name;
    pc.get = ngx_event_get_peer;
    pc.log = redis->log;
    pc.log_error = NGX_ERROR_INFO;

    rc = ngx_event_connect_peer(&pc);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        return NGX_ERROR;
    }

    c = pc.connection;

    c->data = redis;
    c->pool = redis->pool;
    c->read->handler = ngx_llm_redis_connecting;
    c->write->handler = ngx_llm_redis_connecting;

    redis->connection = c;

    if (rc == NGX_OK) {
        ngx_post_event(c->write, &ngx_posted_events);
    }

    return NGX_OK;
}


static void
ngx_llm_redis_timer(ngx_event_t *ev)
{
    ngx_llm_redis_t  *redis = ev->data;

    if (redis->connection == NULL) {
        ngx_llm_redis_fail(redis, "could not connect");
        return;
    }

    ngx_llm_redis_fail(redis, redis->ready ? "does not answer"
                                           : "timed out");
}


void
ngx_llm_redis_close(ngx_llm_redis_t *redis)
{
    if (redis->busy) {
        redis->closing = 1;
        return;
    }

    if (redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }

    if (redis->connection) {

#if (NGX_SSL)
        ngx_llm_tls_close(redis->connection);
#endif

        ngx_close_connection(redis->connection);
        redis->connection = NULL;
    }

    if (redis->reader) {
        redisReaderFree(redis->reader);
        redis->reader = NULL;
    }

    if (redis->pool) {
        ngx_destroy_pool(redis->pool);
        redis->pool = NULL;
    }

    if (redis->out) {

        /* a password may stand in it */

        ngx_explicit_memzero(redis->out, redis->size);
        ngx_free(redis->out);
        redis->out = NULL;
    }

    if (redis->pending) {
        ngx_free(redis->pending);
        redis->pending = NULL;
    }

    redis->size = 0;
    redis->pos = 0;
    redis->last = 0;
    redis->npending = 0;
    redis->first = 0;
    redis->max = 0;
    redis->ready = 0;
    redis->failed = 0;
    redis->closing = 0;
}


/* why may be the reader's own text, or a reply's */

static void
ngx_llm_redis_fail(ngx_llm_redis_t *redis, const char *why)
{
    char  text[128];

    ngx_cpystrn((u_char *) text, (u_char *) why, sizeof(text));

    redis->busy = 0;

    ngx_llm_redis_close(redis);

    redis->down(redis->data, text);
}


static void
ngx_llm_redis_connecting(ngx_event_t *ev)
{
    int                err;
    socklen_t          len;
    ngx_llm_redis_t   *redis;
    ngx_connection_t  *c;

    c = ev->data;
    redis = c->data;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_llm_redis_fail(redis, strerror(err));
        return;
    }

    ngx_llm_redis_connected(redis);
}


static void
ngx_llm_redis_connected(ngx_llm_redis_t *redis)
{
#if (NGX_SSL)

    if (redis->conf->ssl) {
        ngx_llm_redis_handshake(redis);
        return;
    }

#endif

    ngx_llm_redis_hello(redis);
}


#if (NGX_SSL)

static void
ngx_llm_redis_handshake(ngx_llm_redis_t *redis)
{
    ngx_connection_t  *c;

    c = redis->connection;

    if (ngx_llm_tls_create(c, redis->conf->ssl,
                           (char *) redis->conf->host.data)
        != NGX_OK)
    {
        ngx_llm_redis_fail(redis, "TLS could not be set up");
        return;
    }

    if (ngx_ssl_handshake(c) == NGX_AGAIN) {
        c->ssl->handler = ngx_llm_redis_shaken;
        return;
    }

    ngx_llm_redis_shaken(c);
}


static void
ngx_llm_redis_shaken(ngx_connection_t *c)
{
    const char       *error;
    ngx_llm_redis_t  *redis;

    redis = c->data;

    error = ngx_llm_tls_refused(c, (char *) redis->conf->host.data);

    if (error) {
        ngx_llm_redis_fail(redis, error);
        return;
    }

    ngx_llm_redis_hello(redis);
}

#endif


/* who we are, and which database; the last reply says that all is well */

static void
ngx_llm_redis_hello(ngx_llm_redis_t *redis)
{
    const ngx_llm_redis_conf_t  *conf;

    conf = redis->conf;

    redis->connection->read->handler = ngx_llm_redis_read;
    redis->connection->write->handler = ngx_llm_redis_write;

    if (conf->password[0]) {
        ngx_llm_redis_begin(redis, conf->user.len ? 3 : 2, NULL, NULL);
        ngx_llm_redis_word(redis, "AUTH");

        if (conf->user.len) {
            ngx_llm_redis_arg(redis, conf->user.data, conf->user.len);
        }

        ngx_llm_redis_arg(redis, conf->password, ngx_strlen(conf->password));
    }

    ngx_llm_redis_begin(redis, 2, ngx_llm_redis_welcome, redis);
    ngx_llm_redis_word(redis, "SELECT");
    ngx_llm_redis_number(redis, conf->db);

    ngx_llm_redis_send(redis);
}


static void
ngx_llm_redis_welcome(void *data, redisReply *reply)
{
    ngx_llm_redis_t  *redis = data;

    if (reply->type == REDIS_REPLY_ERROR) {
        return;
    }

    redis->ready = 1;

    redis->up(redis->data);
}


void
ngx_llm_redis_send(ngx_llm_redis_t *redis)
{
    ngx_llm_redis_wait(redis);

    /* not at once: it may fail, and its caller be surprised */

    if (redis->connection) {
        ngx_post_event(redis->connection->write, &ngx_posted_events);
    }
}


static void
ngx_llm_redis_write(ngx_event_t *wev)
{
    ssize_t            n;
    ngx_llm_redis_t   *redis;
    ngx_connection_t  *c;

    c = wev->data;
    redis = c->data;

    if (redis->failed) {
        ngx_llm_redis_fail(redis, "no memory");
        return;
    }

    while (redis->pos < redis->last) {

        n = c->send(c, redis->out + redis->pos, redis->last - redis->pos);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            ngx_llm_redis_fail(redis, "closed the connection");
            return;
        }

        redis->pos += n;
    }

    if (redis->pos == redis->last) {

        if (redis->size > NGX_LLM_REDIS_KEPT) {
            ngx_free(redis->out);
            redis->out = NULL;
            redis->size = 0;
        }

        redis->pos = 0;
        redis->last = 0;
    }

    if (ngx_handle_write_event(wev, 0) != NGX_OK
        || ngx_handle_read_event(c->read, 0) != NGX_OK)
    {
        ngx_llm_redis_fail(redis, "could not be waited for");
    }
}


static void
ngx_llm_redis_read(ngx_event_t *rev)
{
    u_char             buf[NGX_LLM_REDIS_BUFFER];
    ssize_t            n;
    ngx_uint_t         i;
    ngx_llm_redis_t   *redis;
    ngx_connection_t  *c;

    c = rev->data;
    redis = c->data;

    for (i = 0; i < NGX_LLM_REDIS_READS; i++) {

        n = c->recv(c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {

            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                ngx_llm_redis_fail(redis, "could not be waited for");
            }

            return;
        }

        if (n <= 0) {
            ngx_llm_redis_fail(redis, "closed the connection");
            return;
        }

        if (redisReaderFeed(redis->reader, (char *) buf, n) != REDIS_OK) {
            ngx_llm_redis_fail(redis, redis->reader->errstr);
            return;
        }

        if (ngx_llm_redis_replies(redis) != NGX_OK) {
            return;
        }
    }

    ngx_post_event(rev, &ngx_posted_next_events);
}


/* NGX_OK, or NGX_DONE: it is closed */

static ngx_int_t
ngx_llm_redis_replies(ngx_llm_redis_t *redis)
{
    void       *reply;
    ngx_int_t   rc;

    for ( ;; ) {

        if (redisReaderGetReply(redis->reader, &reply) != REDIS_OK) {
            ngx_llm_redis_fail(redis, redis->reader->errstr);
            return NGX_DONE;
        }

        if (reply == NULL) {
            break;
        }

        rc = ngx_llm_redis_reply(redis, reply);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* it lives: the time begins anew */

    ngx_llm_redis_wait(redis);

    return NGX_OK;
}


static ngx_int_t
ngx_llm_redis_reply(ngx_llm_redis_t *redis, redisReply *reply)
{
    char                     why[128];
    ngx_llm_redis_pending_t  pending;

    if (redis->first == redis->npending) {
        freeReplyObject(reply);
        ngx_llm_redis_fail(redis, "answered what it was not asked");
        return NGX_DONE;
    }

    pending = redis->pending[redis->first++];

    if (reply->type == REDIS_REPLY_ERROR && !redis->ready) {
        ngx_cpystrn((u_char *) why, (u_char *) reply->str, sizeof(why));
        freeReplyObject(reply);
        ngx_llm_redis_fail(redis, why);
        return NGX_DONE;
    }

    if (pending.handler) {
        redis->busy = 1;
        pending.handler(pending.data, reply);
        redis->busy = 0;
    }

    freeReplyObject(reply);

    if (redis->closing) {
        ngx_llm_redis_close(redis);
        return NGX_DONE;
    }

    return NGX_OK;
}


/* the timer runs while something is waited for */

static void
ngx_llm_redis_wait(ngx_llm_redis_t *redis)
{
    if (redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }

    if (redis->first < redis->npending || !redis->ready) {
        ngx_add_timer(&redis->timer, redis->timeout);
    }
}


void
ngx_llm_redis_drain(ngx_llm_redis_t *redis, ngx_msec_t ms,
    ngx_uint_t (*done)(void *data))
{
    ngx_msec_t         end;
    ngx_event_t       *ev;
    struct pollfd      pfd;
    ngx_connection_t  *c;

    ngx_time_update();

    end = ngx_current_msec + ms;

    while (redis->connection
           && !done(redis->data)
           && (ngx_msec_int_t) (end - ngx_current_msec) > 0)
    {
        c = redis->connection;

        pfd.fd = c->fd;
        pfd.events = POLLIN;

        if (!redis->ready || redis->pos < redis->last || c->write->posted) {
            pfd.events |= POLLOUT;
        }

        (void) poll(&pfd, 1, (int) (end - ngx_current_msec));

        ngx_time_update();

        if (pfd.revents & POLLOUT) {
            ev = c->write;

        } else if (pfd.revents) {
            ev = c->read;

        } else {
            continue;
        }

        if (ev->posted) {
            ngx_delete_posted_event(ev);
        }

        /* as the event module would: how much there is, is not known */

        ev->ready = 1;
        ev->available = -1;

        ev->handler(ev);
    }
}
