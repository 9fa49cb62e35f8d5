
/*
 * Names of nodes: resolved in a thread, and again every 30 s by the worker
 * that probes.  The system's resolver is asked, so that /etc/hosts counts.
 */


#ifndef _NGX_LLM_RESOLVE_H_INCLUDED_
#define _NGX_LLM_RESOLVE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_zone.h"
#include "ngx_llm_cidr.h"
#include "ngx_llm_task.h"


typedef struct ngx_llm_resolve_s  ngx_llm_resolve_t;

struct ngx_llm_resolve_s {

    /* set by the caller, the rest zeroed; from ngx_alloc(), not of a pool */

    u_char              host[NGX_LLM_NODE_HOST];
    in_port_t           port;
    const ngx_llm_cidrs_t  *allow;  /* others are left out; NULL: none are */
    void               *data;

    /* Called once, in the event loop; frees the memory. */
    void              (*done)(ngx_llm_resolve_t *resolve);

    /*
     * Result: the addresses in an order that does not depend on that of the
     * answer, so that names with many look the same each time.
     */

    const char         *error;      /* NULL: naddrs is 1 or more */
    ngx_uint_t          refused;    /* addresses that were left out */
    ngx_uint_t          naddrs;
    ngx_llm_addr_t      addrs[NGX_LLM_NODE_ADDRS];

    /* its own */

    ngx_llm_task_t      task;
};


/* Asks for one name.  NGX_ERROR: done() won't be called. */
ngx_int_t ngx_llm_resolve(ngx_llm_resolve_t *resolve);


#endif /* _NGX_LLM_RESOLVE_H_INCLUDED_ */
