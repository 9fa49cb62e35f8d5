
/*
 * What the process that has the lease knows of the probes; shared by the
 * files that start them (probe) and judge them (verdict), and nobody else's.
 *
 * A place of the table of nodes has at most one probe under way.
 */


#ifndef _NGX_LLM_PROBER_H_INCLUDED_
#define _NGX_LLM_PROBER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_llm_zone.h"
#include "ngx_llm_check.h"


/* each so many probes a llama.cpp is asked for its slots */
#define NGX_LLM_PROBE_ROUNDS  6


typedef struct {
    uint32_t                node;
    ngx_uint_t              generation; /* of the place, when it began */
    ngx_atomic_uint_t       version;    /* of the configuration */
    unsigned                down:1;     /* the node was offline */
    ngx_llm_check_t         check;      /* its data is the probe */
} ngx_llm_probe_t;


typedef enum {
    NGX_LLM_PROBE_UNTOLD = 0,
    NGX_LLM_PROBE_TOLD_ONLINE,
    NGX_LLM_PROBE_TOLD_OFFLINE
} ngx_llm_probe_told_e;


/* what is remembered of a place while this process has the lease */

typedef struct {
    ngx_llm_probe_t        *probe;      /* under way, or NULL */
    ngx_uint_t              generation; /* 0: nothing is remembered */
    ngx_msec_t              until;      /* it has a pause until then ... */
    unsigned                pause:1;    /* ... if it has one */
    unsigned                retype:1;   /* it was away: another server? */
    u_char                  told;       /* in the log */
    u_char                  addr;       /* answered last */
    u_char                  rounds;     /* since its slots were asked for */
    u_char                  types;      /* tries to find its type */
} ngx_llm_probe_place_t;


typedef struct {
    ngx_llm_zone_t         *zone;       /* NULL: it was not started */
    ngx_uint_t              fails;      /* this and the next as in its conf */
    ngx_uint_t              passes;
    ngx_msec_t              interval;
    void                  (*online)(uint32_t node);

    ngx_llm_probe_place_t  *places;     /* NULL: it has no lease */
    ngx_uint_t              running;
    ngx_uint_t              down;       /* of them, to nodes offline */
    ngx_uint_t              walking;    /* others wait to be started */
} ngx_llm_prober_t;


extern ngx_llm_prober_t  ngx_llm_prober;


#define ngx_llm_probe_node(i)   (&ngx_llm_prober.zone->nodes->node[i])
#define ngx_llm_probe_place(i)  (&ngx_llm_prober.places[i])

/* Forgets what was remembered of a place whose owner is another one now. */
void ngx_llm_prober_remember(uint32_t i);

/* The node has a pause of ms milliseconds: what failed isn't its fault. */
void ngx_llm_prober_pause(uint32_t i, ngx_msec_t ms);


#endif /* _NGX_LLM_PROBER_H_INCLUDED_ */
