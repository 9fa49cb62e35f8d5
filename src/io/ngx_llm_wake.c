
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_llm_eventfd.h"
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

        fd = ngx_llm_eventfd(log);

        if (fd == -1) {
            return;
        }

        ngx_llm_wake_fds[i] = fd + 1;
    }
}


ngx_int_t
ngx_llm_wake_listen(ngx_cycle_t *cycle, ngx_uint_t slot,
    void (*handler)(void))
{
    ngx_llm_wake_handler = handler;

    if (slot >= NGX_MAX_PROCESSES || ngx_llm_wake_fds[slot] == 0) {
        return NGX_OK;
    }

    return ngx_llm_eventfd_listen(ngx_llm_wake_fds[slot] - 1,
                                  ngx_llm_wake_read, cycle->log);
}


void
ngx_llm_wake(ngx_uint_t slot)
{
    if (slot >= NGX_MAX_PROCESSES || ngx_llm_wake_fds[slot] == 0) {
        return;
    }

    if (ngx_llm_eventfd_tell(ngx_llm_wake_fds[slot] - 1) != NGX_OK) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "write() to eventfd failed");
    }
}


static void
ngx_llm_wake_read(ngx_event_t *ev)
{
    if (ngx_llm_eventfd_told(ev)) {
        ngx_llm_wake_handler();
    }
}
