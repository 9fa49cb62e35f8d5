
/*
 * One look at a node: is it well, which models has it, what kind of server
 * is it?  First its list of models is asked for; when that is settled the
 * owner says what else it wants to know, and that is asked one after another.
 * It knows of no shared memory: it takes a copy of a node's configuration and
 * gives results.
 */


#ifndef _NGX_LLM_CHECK_H_INCLUDED_
#define _NGX_LLM_CHECK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_llm_nodes.h"
#include "ngx_llm_catalog.h"
#include "ngx_llm_detect.h"
#include "ngx_llm_http.h"


typedef enum {
    NGX_LLM_CHECK_NOTHING = 0,
    NGX_LLM_CHECK_SLOTS,            /* of a llama.cpp */
    NGX_LLM_CHECK_TYPE              /* and its slots, if it is one */
} ngx_llm_check_more_e;


typedef struct ngx_llm_check_s  ngx_llm_check_t;

struct ngx_llm_check_s {

    /* set by the caller, the rest zeroed */

    ngx_llm_node_conf_t      conf;
    ngx_msec_t               timeout;   /* for each answer, ms */
    ngx_uint_t               addr;      /* the address to try first */
    ngx_ssl_t               *ssl;       /* NULL: no https */
    ngx_log_t               *log;
    ngx_pool_t              *pool;      /* outlives the check */
    void                    *data;

    /* It is known whether the node is well.  Returns what else to ask. */
    ngx_uint_t             (*heard)(ngx_llm_check_t *check);

    /* It is over; its pool may be destroyed.  Called exactly once. */
    void                   (*done)(ngx_llm_check_t *check);

    /* result, at heard() */

    const char              *error;     /* NULL: it is well */
    ngx_err_t                err;       /* of the system, or 0 */
    unsigned                 ours:1;    /* not the node's error */
    unsigned                 silent:1;   /* it did not answer in time */
    ngx_llm_list_t          *list;      /* NULL: not asked for */
    ngx_uint_t               left_out;  /* models that are not in list */

    /* result, at done() */

    unsigned                 broken:1;  /* a question got no answer at all */
    ngx_uint_t               type;      /* UNKNOWN: it was not found out */
    ngx_uint_t               slots;     /* 0: not said */

    /* its own */

    ngx_uint_t               more;
    ngx_uint_t               question;
    u_char                   text[sizeof("answered 999")];
    ngx_llm_http_t           http;
    ngx_llm_catalog_t       *catalog;
    ngx_llm_detect_t         detect;
};


/*
 * Starts it.  Calls back, but never before it returns.  NGX_ERROR: no memory,
 * nothing will be called.
 */
ngx_int_t ngx_llm_check_start(ngx_llm_check_t *check);

/* Ends it; neither heard() nor done() is called any more. */
void ngx_llm_check_cancel(ngx_llm_check_t *check);


#endif /* _NGX_LLM_CHECK_H_INCLUDED_ */
