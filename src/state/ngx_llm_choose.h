
/*
 * Choose a node for a model, and reserve a slot at it.
 */


#ifndef _NGX_LLM_CHOOSE_H_INCLUDED_
#define _NGX_LLM_CHOOSE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_zone.h"


#define NGX_LLM_CHOOSE_TRIED  32


typedef enum {
    NGX_LLM_LEAST_LOAD = 0,
    NGX_LLM_ROUND_ROBIN
} ngx_llm_policy_e;


typedef struct {
    const ngx_str_t    *model;
    uint32_t            hash;           /* ngx_llm_models_hash(model) */
    ngx_uint_t          policy;
    uint64_t           *random;         /* the worker's, never 0 */
    uint32_t           *tried;          /* nodes that are out of question */
    ngx_uint_t          ntried;
    ngx_msec_t          now;
    ngx_msec_t          trial_time;     /* ms that a trial may take */

    /* what is told besides */

    ngx_uint_t          trial;          /* the attempt is a circuit's trial */
    ngx_msec_t          rest;           /* ms until the first of those that
                                           rest may be chosen, 0: none does */
    uint32_t            resting;        /* it */
} ngx_llm_choice_t;


/*
 * Chooses among the nodes that are online and list the model, or any model,
 * and takes one in flight and one waiting at the chosen in the ledger's name.
 *
 *   NGX_OK        *node was reserved; choice->trial must be ended, see
 *                 ngx_llm_breaker.h
 *   NGX_BUSY      some are at their limit; others may rest, choice->rest
 *   NGX_AGAIN     the only ones rest, for choice->rest
 *   NGX_DECLINED  none is online, or all that are were tried
 *   NGX_DONE      no node lists the model, in whatever state
 *
 * No lock.  Above 64 candidates two are drawn by chance and compared; when
 * no drawn one may be used, all are looked at.
 */
ngx_int_t ngx_llm_choose(ngx_llm_zone_t *zone, ngx_llm_ledger_t *ledger,
    ngx_llm_choice_t *choice, uint32_t *node);

/* Does this node list a model of this hash, or any model? */
ngx_uint_t ngx_llm_choose_lists(ngx_llm_zone_t *zone, uint32_t node,
    uint32_t hash);


#endif /* _NGX_LLM_CHOOSE_H_INCLUDED_ */
