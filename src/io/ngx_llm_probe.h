
/*
 * The health of all nodes, by one worker at a time.
 *
 * Each worker tries to get the zone's lease.  The one that has it walks the
 * table of nodes, probes those that are due, many at once but never too many,
 * and writes what it finds out into the zone: online or offline, the list of
 * models, the type, the slots.  When it exits or dies another one goes on.
 */


#ifndef _NGX_LLM_PROBE_H_INCLUDED_
#define _NGX_LLM_PROBE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_llm_zone.h"


typedef struct {
    ngx_llm_zone_t       *zone;     /* NULL: there is nothing to probe */
    ngx_msec_t            interval; /* from one result to the next probe */
    ngx_msec_t            timeout;  /* for an answer, connecting included */
    ngx_uint_t            fails;    /* in a row: it is offline */
    ngx_uint_t            passes;   /* in a row: it is online again */

    /*
     * The client's context for nodes with ssl, with the trusted certificates;
     * whether the certificate was accepted and whose it is is looked at here.
     * NULL: such nodes are offline.
     */
    ngx_ssl_t            *ssl;

    /* Is this process gone? */
    ngx_uint_t          (*dead)(ngx_pid_t pid);

    /*
     * More may go on at a node: it came online, the index knows its models,
     * or its slots grew.  The mutex isn't held.  May be NULL.
     */
    void                (*online)(uint32_t node);
} ngx_llm_probe_conf_t;


/*
 * Called once by each process when it starts; does nothing in helpers.  conf
 * is copied; what it points to outlives ngx_llm_probe_stop().
 */
ngx_int_t ngx_llm_probe_start(ngx_cycle_t *cycle,
    const ngx_llm_probe_conf_t *conf);

/*
 * Closes what is open, frees all, gives the lease back.  Called when the
 * process exits, but it stops by itself as soon as it is told to exit.
 */
void ngx_llm_probe_stop(void);


#endif /* _NGX_LLM_PROBE_H_INCLUDED_ */
