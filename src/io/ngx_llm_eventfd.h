
/*
 * A descriptor by which another process or thread tells an event loop to look.
 */


#ifndef _NGX_LLM_EVENTFD_H_INCLUDED_
#define _NGX_LLM_EVENTFD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


/* A new one that is not inherited by exec(); -1, and log said why. */
int ngx_llm_eventfd(ngx_log_t *log);

/*
 * Has the handler called in this process's event loop when fd is told.
 * NGX_ERROR: fd is still the caller's.
 */
ngx_int_t ngx_llm_eventfd_listen(int fd, ngx_event_handler_pt handler,
    ngx_log_t *log);

/* For the handler: was it told, since the last time? */
ngx_uint_t ngx_llm_eventfd_told(ngx_event_t *ev);

/*
 * Tells it; from any thread or process.  NGX_ERROR, with errno.  One that was
 * told already is told.
 */
ngx_int_t ngx_llm_eventfd_tell(int fd);


#endif /* _NGX_LLM_EVENTFD_H_INCLUDED_ */
