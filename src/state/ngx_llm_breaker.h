
/*
 * When a node gets a rest: the circuit breaker, the cool-down that a node
 * asks for, and the budget of retries over all nodes.
 *
 * The circuit of a node is
 *
 *     closed     circuit is 0: failures in a row are counted
 *     open       until the time in circuit: it gets nothing
 *     half open  that time is over: one request, the trial, goes through;
 *                it ends as a success (closed), as a failure (open, for
 *                twice as long) or as neither (another trial may follow)
 *
 * All words are atomic, nothing is locked.  A trial whose worker died ends by
 * the time in trial; so does one that takes longer, and then two may be under
 * way.  What requests do that were sent before the circuit opened changes
 * nothing in one that is not closed.  Times are ngx_current_msec's and passed
 * in: the wall clock does not matter.
 */


#ifndef _NGX_LLM_BREAKER_H_INCLUDED_
#define _NGX_LLM_BREAKER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_nodes.h"


#define NGX_LLM_BREAKER_ROW    5        /* failures in a row that open it */
#define NGX_LLM_BREAKER_FIRST  1000     /* ms open at first, then doubled ... */
#define NGX_LLM_BREAKER_LAST   60000    /* ... up to this */
#define NGX_LLM_COOLING_MAX    60000    /* ms that a node may ask for */

/* the budget, in tenths of a retry */
#define NGX_LLM_BUDGET_FULL    1000     /* it never holds more */
#define NGX_LLM_BUDGET_RETRY   10       /* what a retry costs */
#define NGX_LLM_BUDGET_SECOND  100      /* what each second gives: 10 retries,
                                           so that a quiet router may, too */


typedef enum {
    NGX_LLM_CAUSE_NONE = 0,
    NGX_LLM_CAUSE_CONNECT,      /* not reached */
    NGX_LLM_CAUSE_BROKEN,       /* reset, broken off, not HTTP */
    NGX_LLM_CAUSE_SILENT,       /* a time-out */
    NGX_LLM_CAUSE_STATUS,       /* answered 5xx */
    NGX_LLM_CAUSE_BUSY          /* 429 or 503 with Retry-After */
} ngx_llm_cause_e;


/* of all nodes, in the zone */

typedef struct {
    ngx_atomic_t        left;       /* tenths of a retry */
    ngx_atomic_t        refilled;   /* ms, when the seconds were counted */
    ngx_atomic_t        spent;      /* retries that were paid so far */
    ngx_atomic_t        refused;    /* and that were not */
} ngx_llm_budget_t;


/*
 * May it be chosen now?  0: yes; otherwise ms until it may, 1 or more.  Half
 * open with no trial under way it may; ngx_llm_breaker_enter() decides who.
 * With one under way nobody knows: it is worth another look after
 * NGX_LLM_BREAKER_FIRST at most.
 */
ngx_msec_t ngx_llm_breaker_rest(const ngx_llm_node_t *node, ngx_msec_t now);

/* cheap: whether ngx_llm_breaker_rest() need be asked at all */
#define ngx_llm_breaker_quiet(node)  (((node)->circuit | (node)->cooling) == 0)

/*
 * It was chosen.  1: go on; *trial says whether this attempt is the trial and
 * must be ended by one of the three below.  0: another took the trial, or the
 * node rests since.  ms: how long the trial may take until another is let
 * through.
 */
ngx_uint_t ngx_llm_breaker_enter(ngx_llm_node_t *node, ngx_msec_t now,
    ngx_msec_t ms, ngx_uint_t *trial);

/*
 * The attempt brought an answer: the row of failures ends, and the circuit is
 * closed when it was the trial.  Returns how many failures that row had, at
 * most NGX_LLM_BREAKER_ROW: an answer that breaks off later was a failure
 * after all, and hands them in again.
 */
ngx_uint_t ngx_llm_breaker_success(ngx_llm_node_t *node, ngx_uint_t trial);

/*
 * The attempt failed.  Opens the circuit after NGX_LLM_BREAKER_ROW of them,
 * or at once when it was the trial.  row: what ngx_llm_breaker_success() had
 * returned for this attempt, else 0.  Returns how many failures in a row
 * opened it when it was opened by this one, else 0.
 */
ngx_uint_t ngx_llm_breaker_failure(ngx_llm_node_t *node, ngx_uint_t trial,
    ngx_uint_t row, ngx_uint_t cause, ngx_msec_t now);

/* It ended as neither: its client left, say. */
void ngx_llm_breaker_neither(ngx_llm_node_t *node, ngx_uint_t trial);

/*
 * The node asked for ms of rest, capped at NGX_LLM_COOLING_MAX; 0: nothing.
 * 1: it begins with this one, 0: it was resting.
 */
ngx_uint_t ngx_llm_breaker_cool(ngx_llm_node_t *node, ngx_msec_t ms,
    ngx_msec_t now);

/* Closes the circuit and ends the rest, as when an operator resumes it. */
void ngx_llm_breaker_reset(ngx_llm_node_t *node);

/* "connect", "broken", "silent", "status", "busy", "" */
const char *ngx_llm_cause_name(ngx_uint_t cause);

/* A request came: it gives a tenth of a retry.  One atomic operation. */
void ngx_llm_budget_earn(ngx_llm_budget_t *budget);

/* May one more attempt be made?  Takes its price if so. */
ngx_uint_t ngx_llm_budget_spend(ngx_llm_budget_t *budget, ngx_msec_t now);


#endif /* _NGX_LLM_BREAKER_H_INCLUDED_ */
