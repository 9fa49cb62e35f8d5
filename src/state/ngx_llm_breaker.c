
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_breaker.h"


/* ms of a clock that never says 0, which stands for none */
#define ngx_llm_breaker_time(ms)       ngx_max((ms), 1)

/* ms from now until then; 0: it is over, or there is none */
#define ngx_llm_breaker_left(then, now)                                       \
    (((then) && (ngx_msec_int_t) ((then) - (now)) > 0) ? (then) - (now) : 0)

/* ms in which the budget gets a tenth of a retry */
#define NGX_LLM_BUDGET_TENTH  (1000 / NGX_LLM_BUDGET_SECOND)


static ngx_uint_t ngx_llm_breaker_open(ngx_llm_node_t *node,
    ngx_atomic_uint_t circuit, ngx_uint_t cause, ngx_msec_t now);
static void ngx_llm_budget_refill(ngx_llm_budget_t *budget, ngx_msec_t now);


static const char  *ngx_llm_causes[] = {
    "", "connect", "broken", "silent", "status", "busy"
};


ngx_msec_t
ngx_llm_breaker_rest(const ngx_llm_node_t *node, ngx_msec_t now)
{
    ngx_msec_t  then, rest, cooling;

    then = node->circuit;
    rest = ngx_llm_breaker_left(then, now);

    if (then && rest == 0) {
        then = node->trial;
        rest = ngx_llm_breaker_left(then, now);
        rest = ngx_min(rest, NGX_LLM_BREAKER_FIRST);
    }

    then = node->cooling;
    cooling = ngx_llm_breaker_left(then, now);

    return ngx_max(rest, cooling);
}


ngx_uint_t
ngx_llm_breaker_enter(ngx_llm_node_t *node, ngx_msec_t now, ngx_msec_t ms,
    ngx_uint_t *trial)
{
    ngx_atomic_uint_t  circuit, cooling, mark, old;

    *trial = 0;

    if (ngx_llm_breaker_rest(node, now)) {
        return 0;
    }

    cooling = node->cooling;

    if (cooling && ngx_llm_breaker_left(cooling, now) == 0) {
        (void) ngx_atomic_cmp_set(&node->cooling, cooling, 0);
    }

    circuit = node->circuit;

    if (circuit == 0) {
        return 1;
    }

    old = node->trial;
    mark = ngx_llm_breaker_time(now + ms);

    if (ngx_llm_breaker_left(circuit, now)
        || ngx_llm_breaker_left(old, now)
        || !ngx_atomic_cmp_set(&node->trial, old, mark))
    {
        return 0;
    }

    /* another trial may have come to its end before this one was marked */

    if (node->circuit != circuit) {
        (void) ngx_atomic_cmp_set(&node->trial, mark, 0);

        return node->circuit == 0;
    }

    *trial = 1;

    return 1;
}


ngx_uint_t
ngx_llm_breaker_success(ngx_llm_node_t *node, ngx_uint_t trial)
{
    ngx_uint_t         row;
    ngx_atomic_uint_t  mark;

    row = node->row;

    if (trial) {
        mark = node->trial;

        node->row = 0;
        node->opened = 0;

        ngx_memory_barrier();

        node->circuit = 0;

        (void) ngx_atomic_cmp_set(&node->trial, mark, 0);

    } else if (row) {

        if (node->circuit) {
            return 0;
        }

        node->row = 0;
    }

    return ngx_min(row, NGX_LLM_BREAKER_ROW);
}


ngx_uint_t
ngx_llm_breaker_failure(ngx_llm_node_t *node, ngx_uint_t trial,
    ngx_uint_t row, ngx_uint_t cause, ngx_msec_t now)
{
    ngx_atomic_uint_t  circuit, mark;

    row = ngx_atomic_fetch_add(&node->row, row + 1) + row + 1;

    circuit = node->circuit;

    if (trial && circuit) {

        mark = node->trial;

        if (!ngx_llm_breaker_open(node, circuit, cause, now)) {
            row = 0;
        }

        /* not the mark of one that came since */

        (void) ngx_atomic_cmp_set(&node->trial, mark, 0);

        return row;
    }

    if (circuit
        || row < NGX_LLM_BREAKER_ROW
        || !ngx_llm_breaker_open(node, 0, cause, now))
    {
        return 0;
    }

    return row;
}


void
ngx_llm_breaker_neither(ngx_llm_node_t *node, ngx_uint_t trial)
{
    if (trial) {
        node->trial = 0;
    }
}


ngx_uint_t
ngx_llm_breaker_cool(ngx_llm_node_t *node, ngx_msec_t ms, ngx_msec_t now)
{
    ngx_msec_t         until;
    ngx_atomic_uint_t  old;

    if (ms == 0) {
        return 0;
    }

    until = ngx_llm_breaker_time(now + ngx_min(ms, NGX_LLM_COOLING_MAX));

    do {
        old = node->cooling;

        if (ngx_llm_breaker_left(old, until)) {
            return 0;
        }

    } while (!ngx_atomic_cmp_set(&node->cooling, old, until));

    if (node->circuit == 0) {
        node->cause = NGX_LLM_CAUSE_BUSY;
    }

    return ngx_llm_breaker_left(old, now) == 0;
}


void
ngx_llm_breaker_reset(ngx_llm_node_t *node)
{
    node->cooling = 0;
    node->cause = NGX_LLM_CAUSE_NONE;

    (void) ngx_llm_breaker_success(node, 1);
}


const char *
ngx_llm_cause_name(ngx_uint_t cause)
{
    return (cause <= NGX_LLM_CAUSE_BUSY) ? ngx_llm_causes[cause] : "";
}


void
ngx_llm_budget_earn(ngx_llm_budget_t *budget)
{
    /* a full one is only read, by all workers */

    if (budget->left < NGX_LLM_BUDGET_FULL) {
        (void) ngx_atomic_fetch_add(&budget->left, 1);
    }
}


ngx_uint_t
ngx_llm_budget_spend(ngx_llm_budget_t *budget, ngx_msec_t now)
{
    ngx_atomic_uint_t  left;

    ngx_llm_budget_refill(budget, now);

    do {
        left = budget->left;

        if (left < NGX_LLM_BUDGET_RETRY) {
            (void) ngx_atomic_fetch_add(&budget->refused, 1);
            return 0;
        }

    } while (!ngx_atomic_cmp_set(&budget->left, left,
                                 ngx_min(left, NGX_LLM_BUDGET_FULL)
                                 - NGX_LLM_BUDGET_RETRY));

    (void) ngx_atomic_fetch_add(&budget->spent, 1);

    return 1;
}


/* opens a circuit that is as it was seen, for longer each time */

static ngx_uint_t
ngx_llm_breaker_open(ngx_llm_node_t *node, ngx_atomic_uint_t circuit,
    ngx_uint_t cause, ngx_msec_t now)
{
    ngx_msec_t         ms;
    ngx_atomic_uint_t  opened;

    opened = circuit ? node->opened : 0;

    /* 2^16 times the first is more than the last */

    ms = (ngx_msec_t) NGX_LLM_BREAKER_FIRST << ngx_min(opened, 16);
    ms = ngx_min(ms, NGX_LLM_BREAKER_LAST);

    if (!ngx_atomic_cmp_set(&node->circuit, circuit,
                            ngx_llm_breaker_time(now + ms)))
    {
        return 0;
    }

    (void) ngx_atomic_fetch_add(&node->opened, 1);

    node->cause = cause;

    return 1;
}


/* the tenths that came with the time since it was looked at last */

static void
ngx_llm_budget_refill(ngx_llm_budget_t *budget, ngx_msec_t now)
{
    ngx_msec_t         then;
    ngx_uint_t         n;
    ngx_atomic_uint_t  refilled;

    refilled = budget->refilled;

    if ((ngx_msec_int_t) (now - refilled) < NGX_LLM_BUDGET_TENTH) {
        return;
    }

    n = (now - refilled) / NGX_LLM_BUDGET_TENTH;
    then = refilled + n * NGX_LLM_BUDGET_TENTH;

    n = ngx_min(n, NGX_LLM_BUDGET_FULL);

    if (ngx_atomic_cmp_set(&budget->refilled, refilled, then)
        && budget->left < NGX_LLM_BUDGET_FULL)
    {
        (void) ngx_atomic_fetch_add(&budget->left, n);
    }
}
