
/*
 * A connection to Redis on nginx's events.  hiredis reads the protocol; the
 * socket, TLS and the time-outs are nginx's, as those of nodes: hiredis 0.14
 * has neither TLS nor time-outs, and would close the descriptor itself.
 *
 * Replies come in the order of commands.  When the connection fails, what was
 * asked is forgotten and down() is called, once; who needs the replies keeps
 * note of it himself.
 */


#ifndef _NGX_LLM_REDIS_H_INCLUDED_
#define _NGX_LLM_REDIS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <hiredis/hiredis.h>


#define NGX_LLM_REDIS_PASSWORD  256


typedef struct {
    ngx_str_t               name;       /* as in nginx.conf, for logs */
    ngx_addr_t             *addrs;      /* tried in turn */
    ngx_uint_t              naddrs;
    ngx_str_t               host;       /* of the certificate; ends with 0 */
    ngx_str_t               prefix;     /* of all keys */
    ngx_str_t               user;       /* empty: none */
    u_char                  password[NGX_LLM_REDIS_PASSWORD];  /* "": none */
    ngx_uint_t              db;
    ngx_ssl_t              *ssl;        /* NULL: no TLS */
} ngx_llm_redis_conf_t;


/* reply belongs to the connection: good until it returns */

typedef void (*ngx_llm_redis_reply_pt)(void *data, redisReply *reply);


typedef struct {
    ngx_llm_redis_reply_pt  handler;    /* NULL: it must not be an error */
    void                   *data;
} ngx_llm_redis_pending_t;


typedef struct {
    const ngx_llm_redis_conf_t  *conf;
    ngx_log_t              *log;
    ngx_msec_t              timeout;    /* to connect, and between replies */
    void                  (*up)(void *data);    /* commands may be sent */
    void                  (*down)(void *data, const char *why);
    void                   *data;

    /* its own */

    ngx_pool_t             *pool;       /* NULL: not open */
    ngx_connection_t       *connection;
    ngx_event_t             timer;
    ngx_uint_t              addr;       /* the next one */
    redisReader            *reader;
    u_char                 *out;        /* to be sent: from ngx_alloc() */
    size_t                  size;
    size_t                  pos;
    size_t                  last;
    ngx_llm_redis_pending_t  *pending;  /* from ngx_alloc() */
    ngx_uint_t              npending;
    ngx_uint_t              first;      /* of them that waits */
    ngx_uint_t              max;
    unsigned                ready:1;    /* said hello */
    unsigned                failed:1;   /* no memory */
    unsigned                busy:1;     /* inside a handler */
    unsigned                closing:1;  /* and to be closed after it */
} ngx_llm_redis_t;


/*
 * Connects; up() or down() follows, never out of this call.  The fields up to
 * data are set, the others zero or as a close left them.
 */
void ngx_llm_redis_open(ngx_llm_redis_t *redis);

/* Closes it without a word.  No harm if it is not open. */
void ngx_llm_redis_close(ngx_llm_redis_t *redis);

/*
 * A command: begun with the number of its arguments and who gets the reply,
 * then each argument, then sent, at once or with others.
 */
void ngx_llm_redis_begin(ngx_llm_redis_t *redis, ngx_uint_t argc,
    ngx_llm_redis_reply_pt handler, void *data);
void ngx_llm_redis_arg(ngx_llm_redis_t *redis, const void *p, size_t n);
void ngx_llm_redis_number(ngx_llm_redis_t *redis, uint64_t n);
void ngx_llm_redis_send(ngx_llm_redis_t *redis);

#define ngx_llm_redis_word(redis, text)                                       \
    ngx_llm_redis_arg(redis, text, sizeof(text) - 1)

/* The key "<prefix><name>". */
void ngx_llm_redis_key(ngx_llm_redis_t *redis, const char *name);

/*
 * At exit, outside of the event loop: goes on until done() says 1, it fails,
 * or ms have passed.
 */
void ngx_llm_redis_drain(ngx_llm_redis_t *redis, ngx_msec_t ms,
    ngx_uint_t (*done)(void *data));


#endif /* _NGX_LLM_REDIS_H_INCLUDED_ */
