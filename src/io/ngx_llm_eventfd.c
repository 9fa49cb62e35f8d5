
#include "ngx_llm_eventfd.h"
#include <sys/eventfd.h>


int
ngx_llm_eventfd(ngx_log_t *log)
{
    int  fd;

    fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

    if (fd == -1) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "eventfd() failed");
    }

    return fd;
}


ngx_int_t
ngx_llm_eventfd_listen(int fd, ngx_event_handler_pt handler, ngx_log_t *log)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(fd, log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->log = log;
    c->read->log = log;
    c->read->handler = handler;

    /* not a leak when the worker exits */
    c->read->channel = 1;
    c->write->channel = 1;

    if (ngx_add_event(c->read, NGX_READ_EVENT, 0) != NGX_OK) {
        ngx_free_connection(c);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_llm_eventfd_told(ngx_event_t *ev)
{
    uint64_t           n;
    ngx_connection_t  *c;

    c = ev->data;

    if (read(c->fd, &n, sizeof(uint64_t)) != -1) {
        return 1;
    }

    if (ngx_errno != NGX_EAGAIN) {
        ngx_log_error(NGX_LOG_ALERT, ev->log, ngx_errno,
                      "read() of eventfd failed");
    }

    return 0;
}


ngx_int_t
ngx_llm_eventfd_tell(int fd)
{
    ssize_t  n;

    static const uint64_t  one = 1;

    do {
        n = write(fd, &one, sizeof(uint64_t));
    } while (n == -1 && ngx_errno == NGX_EINTR);

    /* EAGAIN: it has yet to see some four billion billion others */

    return (n == -1 && ngx_errno != NGX_EAGAIN) ? NGX_ERROR : NGX_OK;
}
