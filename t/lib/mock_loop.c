
/*
 * Sockets and connections of the mock node.  Owns every connection's memory
 * and its place in the list.
 *
 * A connection is in epoll once, edge-triggered, for its whole life:
 * "readable" remembers an edge that came while an answer was being sent.  One
 * driver, mock_conn_run(), is called by events and timers alike and moves the
 * connection as far as it goes.  A closed connection has the descriptor -1
 * and stays in memory until the batch of events that may name it is over.
 */


#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "mock_node.h"


#define MOCK_EVENTS  256
#define MOCK_READ    262144
#define MOCK_SWEEP   1000


static int mock_bind(uint16_t *port);
static int mock_watch(mock_source_t *s, uint32_t events);
static void mock_accept(mock_node_t *node);
static int mock_evict(void);
static void mock_conn_open(mock_node_t *node, int fd);
static void mock_conn_event(mock_conn_t *c, uint32_t events);
static void mock_conn_timer(mock_timer_t *t);
static void mock_conn_run(mock_conn_t *c);
static int mock_conn_input(mock_conn_t *c);
static void mock_conn_take(mock_conn_t *c, const char *p, size_t n);
static int mock_conn_drain(mock_conn_t *c);
static void mock_conn_shut(mock_conn_t *c);
static void mock_conn_reap(void);
static void mock_sweep(mock_timer_t *t);
static void mock_resume(mock_timer_t *t);
static void mock_clock(void);


static int           mock_epoll = -1;
static mock_conn_t  *mock_conns;
static mock_conn_t  *mock_dead;
static mock_conn_t  *mock_spare;
static char          mock_read[MOCK_READ];


/*
 * A free port is found by a first socket, then bound by its number: only a
 * port asked for by number outlives mock_refuse().
 */

int
mock_listen(mock_node_t *node)
{
    int  fd, probe;

    probe = -1;

    if (node->port == 0) {
        probe = mock_bind(&node->port);

        if (probe == -1) {
            return MOCK_ERROR;
        }
    }

    fd = mock_bind(&node->port);

    if (probe != -1) {
        close(probe);
    }

    if (fd == -1) {
        return MOCK_ERROR;
    }

    node->source.fd = fd;
    node->source.listening = 1;

    if (listen(fd, 4096) == -1
        || mock_watch(&node->source, EPOLLIN) == MOCK_ERROR)
    {
        close(fd);
        return MOCK_ERROR;
    }

    return MOCK_OK;
}


/* a socket at the port, or at a free one, which is stored */

static int
mock_bind(uint16_t *port)
{
    int                 fd, on;
    socklen_t           len;
    struct sockaddr_in  sa;

    memset(&sa, 0, sizeof(sa));
    sa.sin_family = AF_INET;
    sa.sin_port = htons(*port);

    if (inet_pton(AF_INET, mock_conf.host, &sa.sin_addr) != 1) {
        errno = EINVAL;
        return -1;
    }

    fd = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);
    if (fd == -1) {
        return -1;
    }

    on = 1;
    len = sizeof(sa);

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1
        || bind(fd, (struct sockaddr *) &sa, sizeof(sa)) == -1
        || getsockname(fd, (struct sockaddr *) &sa, &len) == -1)
    {
        on = errno;
        close(fd);
        errno = on;
        return -1;
    }

    *port = ntohs(sa.sin_port);

    return fd;
}


static int
mock_watch(mock_source_t *s, uint32_t events)
{
    struct epoll_event  ev;

    if (mock_epoll == -1) {
        mock_epoll = epoll_create1(EPOLL_CLOEXEC);
    }

    ev.events = events;
    ev.data.ptr = s;

    return epoll_ctl(mock_epoll, EPOLL_CTL_ADD, s->fd, &ev);
}


void
mock_loop(void)
{
    int                  i, n;
    mock_source_t       *s;
    static mock_timer_t  sweep;
    struct epoll_event   events[MOCK_EVENTS];

    mock_clock();

    sweep.handler = mock_sweep;
    mock_timer_set(&sweep, MOCK_SWEEP);

    for ( ;; ) {
        n = epoll_wait(mock_epoll, events, MOCK_EVENTS,
                       mock_timer_next(MOCK_SWEEP));

        if (n == -1 && errno != EINTR) {
            perror("mock_node: epoll_wait");
            exit(1);
        }

        mock_clock();

        for (i = 0; i < n; i++) {
            s = events[i].data.ptr;

            if (s->listening) {
                mock_accept((mock_node_t *) s);

            } else {
                mock_conn_event((mock_conn_t *) s, events[i].events);
            }
        }

        mock_timer_run();
        mock_conn_reap();
    }
}


static void
mock_clock(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    mock_now = (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


static void
mock_accept(mock_node_t *node)
{
    int  i, fd;

    for (i = 0; i < 64; i++) {
        fd = accept4(node->source.fd, NULL, NULL, SOCK_NONBLOCK|SOCK_CLOEXEC);

        if (fd != -1) {
            mock_conn_open(node, fd);
            continue;
        }

        if ((errno == EMFILE || errno == ENFILE) && mock_evict()) {
            continue;
        }

        return;
    }
}


/* out of descriptors: the connection that is idle for longest gives one */

static int
mock_evict(void)
{
    static int    told;
    mock_conn_t  *c, *oldest;

    if (!told) {
        told = 1;
        fprintf(stderr, "mock_node: out of descriptors (ulimit -n), "
                        "closing idle connections\n");
    }

    oldest = NULL;

    for (c = mock_conns; c; c = c->next) {
        if (c->state == MOCK_STATE_HEAD && !c->readable && c->in.len == 0
            && (oldest == NULL || c->active < oldest->active))
        {
            oldest = c;
        }
    }

    if (oldest == NULL) {
        usleep(1000);
        return 0;
    }

    oldest->node->stats.evicted++;
    mock_conn_close(oldest, 0, 0);

    return 1;
}


static void
mock_conn_open(mock_node_t *node, int fd)
{
    mock_conn_t  *c;

    c = mock_spare;

    if (c) {
        mock_spare = c->next;
        c->prev = NULL;

    } else {
        c = mock_alloc(sizeof(mock_conn_t));
        c->timer.handler = mock_conn_timer;
        c->timer.data = c;
    }

    c->source.fd = fd;
    c->node = node;
    c->state = MOCK_STATE_HEAD;
    c->active = mock_now;
    c->readable = 0;
    c->pending = 0;
    c->unread = 0;
    c->counted = 0;

    c->next = mock_conns;
    if (mock_conns) {
        mock_conns->prev = c;
    }

    mock_conns = c;

    node->stats.connections++;
    node->stats.open_connections++;

    if (mock_watch(&c->source, EPOLLIN|EPOLLOUT|EPOLLRDHUP|EPOLLET)
        == MOCK_ERROR)
    {
        mock_conn_close(c, 1, 0);
    }
}


static void
mock_conn_event(mock_conn_t *c, uint32_t events)
{
    if (c->source.fd == -1) {
        return;
    }

    if (events & EPOLLIN) {
        c->readable = 1;
    }

    if (events & (EPOLLERR|EPOLLHUP)) {
        mock_conn_close(c, 0, 0);
        return;
    }

    mock_conn_run(c);

    /* what it sent before it left was read, and counted, by now */

    if (events & EPOLLRDHUP && c->source.fd != -1) {
        mock_conn_close(c, 0, 0);
    }
}


static void
mock_conn_timer(mock_timer_t *t)
{
    mock_conn_t  *c;

    c = t->data;

    if (c->state != MOCK_STATE_ANSWER) {

        /* the keep-alive time, or the lingering, is over */

        mock_conn_close(c, 0, 0);
        return;
    }

    c->waited = 1;
    mock_conn_run(c);
}


static void
mock_conn_run(mock_conn_t *c)
{
    int  rc;

    do {
        switch (c->state) {

        case MOCK_STATE_ANSWER:
            rc = mock_play(c);
            break;

        case MOCK_STATE_LINGER:
            rc = mock_conn_drain(c);
            break;

        default:
            rc = mock_conn_input(c);
        }

    } while (rc == MOCK_OK && c->source.fd != -1);
}


/* one read, or what was left of the one before */

static int
mock_conn_input(mock_conn_t *c)
{
    ssize_t  n;

    if (c->pending) {
        c->pending = 0;
        mock_conn_take(c, NULL, 0);
        return MOCK_OK;
    }

    if (!c->readable) {
        return MOCK_AGAIN;
    }

    n = recv(c->source.fd, mock_read, MOCK_READ, 0);

    if (n == -1 && errno == EAGAIN) {
        c->readable = 0;
        return MOCK_AGAIN;
    }

    if (n <= 0) {
        mock_conn_close(c, 0, 0);
        return MOCK_OK;
    }

    if (n < MOCK_READ) {
        c->readable = 0;
    }

    c->active = mock_now;
    mock_conn_take(c, mock_read, (size_t) n);

    return MOCK_OK;
}


static void
mock_conn_take(mock_conn_t *c, const char *p, size_t n)
{
    size_t  used;

    if (c->in.len == 0) {
        used = mock_http_feed(c, p, n);
        mock_buf_put(&c->in, p + used, n - used);

    } else {
        mock_buf_put(&c->in, p, n);
        used = mock_http_feed(c, c->in.data, c->in.len);
        mock_buf_shift(&c->in, used);
    }

    if (c->state == MOCK_STATE_ANSWER && c->in.len) {
        c->pending = 1;
    }
}


void
mock_conn_done(mock_conn_t *c)
{
    mock_behave_t  *b;

    b = c->behave;
    c->state = MOCK_STATE_HEAD;
    c->active = mock_now;

    if (b->keepalive >= 0) {
        mock_timer_set(&c->timer, b->keepalive);
    }
}


void
mock_conn_linger(mock_conn_t *c)
{
    c->state = MOCK_STATE_LINGER;
    shutdown(c->source.fd, SHUT_WR);
    mock_timer_set(&c->timer, 2000);
}


static int
mock_conn_drain(mock_conn_t *c)
{
    ssize_t  n;

    if (!c->readable) {
        return MOCK_AGAIN;
    }

    n = recv(c->source.fd, mock_read, MOCK_READ, 0);

    if (n > 0) {
        return MOCK_OK;
    }

    if (n == -1 && errno == EAGAIN) {
        c->readable = 0;
        return MOCK_AGAIN;
    }

    mock_conn_close(c, 0, 0);

    return MOCK_OK;
}


void
mock_conn_close(mock_conn_t *c, int reset, int fault)
{
    mock_stats_t   *st;
    struct linger   linger;

    st = &c->node->stats;

    if (c->counted) {
        c->counted = 0;
        st->in_flight--;

        if (fault) {
            st->faulted++;

        } else {
            st->aborted++;
        }
    }

    if (reset) {
        linger.l_onoff = 1;
        linger.l_linger = 0;
        setsockopt(c->source.fd, SOL_SOCKET, SO_LINGER, &linger,
                   sizeof(linger));
    }

    mock_conn_shut(c);
}


static void
mock_conn_shut(mock_conn_t *c)
{
    close(c->source.fd);
    c->source.fd = -1;
    c->node->stats.open_connections--;

    mock_timer_off(&c->timer);

    if (c->answer) {
        mock_answer_free(c->answer);
        c->answer = NULL;
    }

    mock_buf_clear(&c->in, 4096);
    mock_buf_clear(&c->record, 4096);

    if (c->prev) {
        c->prev->next = c->next;

    } else {
        mock_conns = c->next;
    }

    if (c->next) {
        c->next->prev = c->prev;
    }

    c->next = mock_dead;
    mock_dead = c;
}


static void
mock_conn_reap(void)
{
    mock_conn_t  *c;

    while (mock_dead) {
        c = mock_dead;
        mock_dead = c->next;

        c->next = mock_spare;
        mock_spare = c;
    }
}


static void
mock_sweep(mock_timer_t *t)
{
    mock_conn_t  *c, *next;

    for (c = mock_conns; c; c = next) {
        next = c->next;

        if (c->state == MOCK_STATE_HEAD
            && mock_now - c->active >= mock_conf.idle)
        {
            mock_conn_close(c, 0, 0);
        }
    }

    mock_timer_set(t, MOCK_SWEEP);
}


/*
 * A socket that was shut down while listening refuses connections, keeps its
 * port and can listen again: nobody can take the port in between.
 */

void
mock_refuse(mock_node_t *node, int ms)
{
    mock_conn_t  *c, *next;

    if (node->timer.index == 0) {
        epoll_ctl(mock_epoll, EPOLL_CTL_DEL, node->source.fd, NULL);
        shutdown(node->source.fd, SHUT_RDWR);
    }

    for (c = mock_conns; c; c = next) {
        next = c->next;

        if (c->node == node && c->state == MOCK_STATE_HEAD) {
            mock_conn_close(c, 0, 0);
        }
    }

    node->timer.handler = mock_resume;
    node->timer.data = node;
    mock_timer_set(&node->timer, ms);
}


static void
mock_resume(mock_timer_t *t)
{
    mock_node_t  *node;

    node = t->data;

    if (listen(node->source.fd, 4096) == -1
        || mock_watch(&node->source, EPOLLIN) == MOCK_ERROR)
    {
        perror("mock_node: listen again");
        exit(1);
    }
}
