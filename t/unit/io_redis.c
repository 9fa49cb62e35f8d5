
/*
 * The connection to Redis: what is sent, replies cut at any byte, errors while
 * it says hello, and that whoever opened it hears of its end once.
 *
 * build: -lhiredis
 */


#include "../../src/base/ngx_llm_text.c"
#include "../../src/io/ngx_llm_redis.c"
#include "../../src/io/ngx_llm_redis_command.c"
#include "core.h"
#include "test.h"


static void test_hello(void);
static void test_password(void);
static void test_refused(void);
static void test_commands(void);
static void test_split(void);
static void test_order(void);
static void test_error_reply(void);
static void test_closed(void);
static void test_silent(void);
static void test_nonsense(void);
static void test_unasked(void);
static void test_close_in_handler(void);
static void start(void);
static void greet(void);
static void hear(const char *bytes, size_t n);
static const char *said(void);
static void up(void *data);
static void down(void *data, const char *why);
static void got(void *data, redisReply *reply);
static void close_it(void *data, redisReply *reply);
static ssize_t take(ngx_connection_t *c, u_char *buf, size_t n);
static ssize_t give(ngx_connection_t *c, u_char *buf, size_t n);


volatile ngx_msec_t   ngx_current_msec = 1000;
ngx_rbtree_t          ngx_event_timer_rbtree;
ngx_queue_t           ngx_posted_events;
ngx_queue_t           ngx_posted_next_events;

static int                    ups, downs, closed;
static char                   why_[128], sent[4096], replies[256];
static size_t                 nsent, window;
static const char            *incoming;
static size_t                 nincoming;
static ngx_uint_t             at_end;
static ngx_event_t            rev, wev;
static ngx_log_t              logger;
static ngx_addr_t             addr;
static ngx_connection_t       conn;
static ngx_llm_redis_t        redis;
static ngx_llm_redis_conf_t   conf;


int
main(void)
{
    ngx_queue_init(&ngx_posted_events);
    ngx_queue_init(&ngx_posted_next_events);

    test_hello();
    test_password();
    test_refused();
    test_commands();
    test_split();
    test_order();
    test_error_reply();
    test_closed();
    test_silent();
    test_nonsense();
    test_unasked();
    test_close_in_handler();

    return test_done();
}


static void
test_hello(void)
{
    start();
    conf.db = 7;
    greet();

    is_text(said(), "*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n", "it says hello");
    is_number(ups, 0, "... and is not up yet");

    hear("+OK\r\n", 5);

    is_number(ups, 1, "up");
    is_number(downs, 0, "... and not down");
    ok(!redis.timer.timer_set, "it waits for nothing");
}


static void
test_password(void)
{
    start();
    strcpy((char *) conf.password, "se cret");
    greet();

    is_text(said(), "*2\r\n$4\r\nAUTH\r\n$7\r\nse cret\r\n"
            "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", "with a password");

    start();
    strcpy((char *) conf.password, "x");
    ngx_str_set(&conf.user, "me");
    greet();

    is_text(said(), "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$1\r\nx\r\n"
            "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", "... and a user");

    hear("+OK\r\n", 5);
    is_number(ups, 0, "the password was right");
    hear("+OK\r\n", 5);
    is_number(ups, 1, "... and the database");
}


static void
test_refused(void)
{
    start();
    strcpy((char *) conf.password, "x");
    greet();
    hear("-WRONGPASS no\r\n+OK\r\n", 20);

    is_number(ups, 0, "a wrong password: not up");
    is_number(downs, 1, "... down, once");
    is_text(why_, "WRONGPASS no", "... and why");
    is_number(closed, 1, "the connection is closed");
}


static void
test_commands(void)
{
    static const char  command[] = "*4\r\n$3\r\nSET\r\n$9\r\nt:history\r\n"
                                   "$4\r\n\r\n\0$\r\n"
                                   "$20\r\n18446744073709551615\r\n";

    start();
    window = 1;
    greet();
    hear("+OK\r\n", 5);
    (void) said();

    ngx_llm_redis_begin(&redis, 4, got, "a");
    ngx_llm_redis_word(&redis, "SET");
    ngx_llm_redis_key(&redis, "history");
    ngx_llm_redis_arg(&redis, "\r\n\0$", 4);
    ngx_llm_redis_number(&redis, UINT64_MAX);
    ngx_llm_redis_send(&redis);

    is_number(nsent, 0, "nothing is sent before the loop goes on");
    ok(redis.timer.timer_set, "it is waited for");

    while (redis.pos < redis.last) {
        wev.handler(&wev);
    }

    ok(nsent == sizeof(command) - 1
       && memcmp(sent, command, sizeof(command) - 1) == 0,
       "a command with any bytes, sent a byte at a time");
}


static void
test_split(void)
{
    size_t             i;
    ngx_uint_t         wrong;
    static const char  bytes[] = "$5\r\na\r\nbc\r\n*2\r\n:7\r\n$-1\r\n";

    wrong = 0;

    for (i = 0; i < sizeof(bytes); i++) {
        start();
        greet();
        hear("+OK\r\n", 5);

        ngx_llm_redis_begin(&redis, 1, got, "a");
        ngx_llm_redis_begin(&redis, 1, got, "b");

        hear(bytes, i);
        hear(bytes + i, sizeof(bytes) - 1 - i);

        wrong += (strcmp(replies, "a1 b2 ") != 0 || downs != 0);
    }

    is_number(wrong, 0, "replies cut at each byte");
}


static void
test_order(void)
{
    ngx_uint_t  i;

    start();
    greet();
    hear("+OK\r\n", 5);

    for (i = 0; i < 20; i++) {
        ngx_llm_redis_begin(&redis, 1, got, i % 2 ? "o" : "e");
        ngx_llm_redis_word(&redis, "PING");
    }

    for (i = 0; i < 10; i++) {
        hear("+P\r\n", 4);
    }

    for (i = 0; i < 20; i++) {
        ngx_llm_redis_begin(&redis, 1, i % 2 ? NULL : got, "n");
        ngx_llm_redis_word(&redis, "PING");
    }

    for (i = 0; i < 30; i++) {
        hear("+P\r\n", 4);
    }

    is_text(replies, "e5 o5 e5 o5 e5 o5 e5 o5 e5 o5 e5 o5 e5 o5 e5 o5 e5 o5 "
            "e5 o5 n5 n5 n5 n5 n5 n5 n5 n5 n5 n5 ",
            "replies in the order of commands, many under way");
    ok(!redis.timer.timer_set, "none is waited for any more");
}


static void
test_error_reply(void)
{
    start();
    greet();
    hear("+OK\r\n", 5);

    ngx_llm_redis_begin(&redis, 1, got, "a");
    hear("-OOM full\r\n", 11);

    is_text(replies, "a6 ", "an error is a reply");
    is_number(downs, 0, "... and the connection stays");
}


static void
test_closed(void)
{
    start();
    greet();
    hear("+OK\r\n", 5);

    ngx_llm_redis_begin(&redis, 1, got, "a");
    at_end = 1;
    hear("", 0);

    is_number(downs, 1, "Redis closes: down, once");
    is_text(replies, "", "... what was asked is forgotten");
    ok(redis.out == NULL && redis.pending == NULL && redis.reader == NULL,
       "... nothing is kept");

    ngx_llm_redis_close(&redis);

    is_number(downs, 1, "a close of what is closed says nothing");
    is_number(closed, 1, "... and closes nothing");
}


static void
test_silent(void)
{
    start();
    greet();
    ok(redis.timer.timer_set, "the hello is waited for");
    redis.timer.timer_set = 0;
    redis.timer.handler(&redis.timer);

    is_number(downs, 1, "nobody answers: down");
    is_text(why_, "timed out", "... and why");

    start();
    greet();
    hear("+OK\r\n", 5);
    ngx_llm_redis_begin(&redis, 1, got, "a");
    ngx_llm_redis_send(&redis);
    redis.timer.timer_set = 0;
    redis.timer.handler(&redis.timer);

    is_text(why_, "does not answer", "later on");
}


static void
test_nonsense(void)
{
    start();
    greet();
    hear("HTTP/1.1 400 Bad Request\r\n\r\n", 28);

    is_number(downs, 1, "it is no Redis: down");
    ok(strstr(why_, "Protocol error") != NULL, "... and why");
}


static void
test_unasked(void)
{
    start();
    greet();
    hear("+OK\r\n+MORE\r\n", 12);

    is_number(downs, 1, "a reply too many: down");
}


static void
test_close_in_handler(void)
{
    start();
    greet();
    hear("+OK\r\n", 5);

    ngx_llm_redis_begin(&redis, 1, close_it, "a");
    ngx_llm_redis_begin(&redis, 1, got, "b");
    hear("+P\r\n+P\r\n", 8);

    is_text(replies, "a5 ", "closed by who got a reply: no more replies");
    is_number(downs, 0, "... and no word of it");
    is_number(closed, 1, "... closed it is");
}


static void
start(void)
{
    ngx_llm_redis_close(&redis);

    ngx_memzero(&redis, sizeof(redis));
    ngx_memzero(&conf, sizeof(conf));
    ngx_memzero(&conn, sizeof(conn));
    ngx_memzero(&rev, sizeof(rev));
    ngx_memzero(&wev, sizeof(wev));

    ups = 0;
    downs = 0;
    closed = 0;
    nsent = 0;
    at_end = 0;
    window = sizeof(sent);
    replies[0] = '\0';

    ngx_str_set(&conf.prefix, "t:");
    conf.addrs = &addr;
    conf.naddrs = 1;

    redis.conf = &conf;
    redis.log = &logger;
    redis.timeout = 2000;
    redis.up = up;
    redis.down = down;
}


/* it connects, and says hello */

static void
greet(void)
{
    ngx_llm_redis_open(&redis);
    wev.handler(&wev);

    do {
        wev.handler(&wev);
    } while (redis.pos < redis.last);
}


static void
hear(const char *bytes, size_t n)
{
    incoming = bytes;
    nincoming = n;

    if (redis.connection) {
        rev.handler(&rev);
    }
}


/* what was sent since the last time */

static const char *
said(void)
{
    sent[nsent] = '\0';
    nsent = 0;

    return sent;
}


static void
up(void *data)
{
    ups++;
}


static void
down(void *data, const char *why)
{
    downs++;
    strcpy(why_, why);
}


static void
got(void *data, redisReply *reply)
{
    sprintf(replies + strlen(replies), "%s%d ", (char *) data, reply->type);
}


static void
close_it(void *data, redisReply *reply)
{
    got(data, reply);
    ngx_llm_redis_close(&redis);
}


static ssize_t
take(ngx_connection_t *c, u_char *buf, size_t n)
{
    n = ngx_min(n, nincoming);

    if (n == 0) {
        return at_end ? 0 : NGX_AGAIN;
    }

    ngx_memcpy(buf, incoming, n);
    incoming += n;
    nincoming -= n;

    return n;
}


static ssize_t
give(ngx_connection_t *c, u_char *buf, size_t n)
{
    n = ngx_min(n, ngx_min(window, sizeof(sent) - 1 - nsent));
    ngx_memcpy(sent + nsent, buf, n);
    nsent += n;

    return n;
}


/* -- what nginx has ------------------------------------------------------ */


ngx_int_t
ngx_event_connect_peer(ngx_peer_connection_t *pc)
{
    conn.read = &rev;
    conn.write = &wev;
    conn.recv = take;
    conn.send = give;
    rev.log = &logger;
    wev.log = &logger;
    rev.data = &conn;
    wev.data = &conn;
    pc->connection = &conn;

    /* one that getsockopt() takes */

    conn.fd = socket(AF_UNIX, SOCK_STREAM, 0);

    return NGX_AGAIN;
}


ngx_int_t
ngx_event_get_peer(ngx_peer_connection_t *pc, void *data)
{
    return NGX_OK;
}


void
ngx_close_connection(ngx_connection_t *c)
{
    closed++;
    (void) close(c->fd);

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }
}


ngx_int_t
ngx_handle_read_event(ngx_event_t *ev, ngx_uint_t flags)
{
    return NGX_OK;
}


ngx_int_t
ngx_handle_write_event(ngx_event_t *ev, size_t lowat)
{
    return NGX_OK;
}


ngx_pool_t *
ngx_create_pool(size_t size, ngx_log_t *log)
{
    return malloc(size);
}


void
ngx_destroy_pool(ngx_pool_t *pool)
{
    free(pool);
}


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    return malloc(size);
}


void
ngx_rbtree_insert(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
}


void
ngx_rbtree_delete(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
}


#if (NGX_HAVE_VARIADIC_MACROS)

void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
}

#endif


void
ngx_time_update(void)
{
}


ngx_int_t
ngx_ssl_handshake(ngx_connection_t *c)
{
    return NGX_ERROR;
}


ngx_int_t
ngx_llm_tls_create(ngx_connection_t *c, ngx_ssl_t *ssl, const char *name)
{
    return NGX_ERROR;
}


const char *
ngx_llm_tls_refused(ngx_connection_t *c, const char *name)
{
    return NULL;
}


void
ngx_llm_tls_close(ngx_connection_t *c)
{
}
