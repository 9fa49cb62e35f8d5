
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <sys/eventfd.h>
#include "ngx_llm_wake.h"


static void ngx_llm_wake_read(ngx_event_t *ev);


/* + 1, so that 0 is none; inherited by the workers */

static int  ngx_llm_wake_fds[NGX_MAX_PROCESSES];

static void  (*ngx_llm_wake_handler)(void);


void
ngx_llm_wake_create(ngx_log_t *log, ngx_uint_t n)
{
    int         fd;
    ngx_uint_t  i;

    for (i = 0; i < ngx_min(n, NGX_MAX_PROCESSES); i++) {

        if (ngx_llm_wake_fds[i]) {
            continue;
        }

        fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

        if (fd == -1) {
            ngx_log_error(NGX_LOG_WARN, log, ngx_errno, "eventfd() failed");
            return;
        }

        ngx_llm_wake_fds[i] = fd + 1;
    }
}


ngx_int_t
ngx_llm_wake_listen(ngx_cycle_t *cycle, ngx_uint_t slot,
    void (*handler)(void))
{
    ngx_connection_t  *c;

    ngx_llm_wake_handler = handler;

    if (slot >= NGX_MAX_PROCESSES || ngx_llm_wake_fds[slot] == 0) {
        return NGX_OK;
    }

    c = ngx_get_connection(ngx_llm_wake_fds[slot] - 1, cycle->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->log = cycle->log;
    c->read->log = cycle->log;
    c->read->handler = ngx_llm_wake_read;

    /* not a leak when the worker exits */
    c->read->channel = 1;
    c->write->channel = 1;

    if (ngx_add_event(c->read, NGX_READ_EVENT, 0) != NGX_OK) {
        ngx_free_connection(c);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_llm_wake(ngx_uint_t slot)
{
    int  fd;

    static const uint64_t  one = 1;

    if (slot >= NGX_MAX_PROCESSES || ngx_llm_wake_fds[slot] == 0) {
        return;
    }

    fd = ngx_llm_wake_fds[slot] - 1;

    /* EAGAIN: it has yet to see some four billion billion others */

    if (write(fd, &one, sizeof(uint64_t)) == -1 && ngx_errno != NGX_EAGAIN) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "write() to eventfd failed");
    }
}


static void
ngx_llm_wake_read(ngx_event_t *ev)
{
    uint64_t           n;
    ngx_connection_t  *c;

    c = ev->data;

    if (read(c->fd, &n, sizeof(uint64_t)) == -1) {

        if (ngx_errno != NGX_EAGAIN) {
            ngx_log_error(NGX_LOG_ALERT, ev->log, ngx_errno,
                          "read() of eventfd failed");
        }

        return;
    }

    ngx_llm_wake_handler();
}
