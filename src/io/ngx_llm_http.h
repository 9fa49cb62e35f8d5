
/*
 * One GET to a node, asynchronous, on a connection of its own that is closed
 * afterwards.  For what is said in the background only.
 *
 * A GET is connecting (to one address after another), shaking hands (TLS),
 * sending, reading, and over.  One timer covers it all; it is cancelable, as
 * a worker that exits waits for no probe.
 */


#ifndef _NGX_LLM_HTTP_H_INCLUDED_
#define _NGX_LLM_HTTP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_llm_nodes.h"
#include "ngx_llm_reply.h"


typedef struct ngx_llm_http_s  ngx_llm_http_t;

struct ngx_llm_http_s {

    /* set by the caller, the rest zeroed */

    const ngx_llm_node_conf_t  *node;       /* outlives the GET */
    ngx_str_t                   path;       /* after the node's prefix */
    ngx_msec_t                  timeout;    /* for all of it, ms */
    ngx_uint_t                  addr;       /* try this one first */
    ngx_ssl_t                  *ssl;        /* for nodes with ssl; or NULL */
    ngx_log_t                  *log;
    ngx_pool_t                 *pool;
    void                       *data;
    ngx_llm_reply_pt            body;       /* gets data; may be NULL */

    /* It is over; h and its pool may be destroyed.  Called exactly once. */
    void                      (*done)(ngx_llm_http_t *h);

    /* result, at done(); addr is the address that was tried last */

    const char                 *error;      /* NULL: reply is an answer */
    ngx_err_t                   err;        /* of the system, or 0 */
    unsigned                    ours:1;     /* the node isn't to blame */
    unsigned                    silent:1;   /* it did not answer in time */
    ngx_llm_reply_t             reply;

    /* its own */

    ngx_uint_t                  tried;      /* addresses */
    ngx_connection_t           *connection;
    ngx_event_t                 timer;
    ngx_str_t                   request;    /* what is left of it */
    ngx_str_t                   name;       /* the node's, for the log */
    u_char                     *buffer;     /* kept for another GET, or NULL */
};


/*
 * Starts it.  Calls done(), but never before it returns.  NGX_ERROR: no
 * memory, done() won't be called.
 */
ngx_int_t ngx_llm_http_get(ngx_llm_http_t *h);

/* Ends it without done().  May be called when it is over or never began. */
void ngx_llm_http_cancel(ngx_llm_http_t *h);


#endif /* _NGX_LLM_HTTP_H_INCLUDED_ */
