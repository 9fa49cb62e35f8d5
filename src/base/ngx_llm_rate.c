
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_rate.h"


#define NGX_LLM_RATE_DEBT  (10 * (uint64_t) NGX_LLM_RATE_WINDOW)


static uint64_t ngx_llm_rate_cost(uint64_t limit, uint64_t n);


void
ngx_llm_rate_take(ngx_llm_rate_t *rate, uint64_t due, uint64_t limit,
    uint64_t n, uint64_t now)
{
    uint64_t  cost, used;

    used = (due > now) ? due - now : 0;
    cost = ngx_llm_rate_cost(limit, ngx_min(n, limit));

    rate->ok = (used + cost <= NGX_LLM_RATE_WINDOW);

    if (rate->ok) {
        used += cost;
        rate->wait = 0;

    } else {
        rate->wait = used + cost - NGX_LLM_RATE_WINDOW;
    }

    rate->due = now + used;
    rate->reset = used;

    if (used >= NGX_LLM_RATE_WINDOW) {
        rate->remaining = 0;
        return;
    }

    rate->remaining = limit * (NGX_LLM_RATE_WINDOW - used)
                      / NGX_LLM_RATE_WINDOW;
}


uint64_t
ngx_llm_rate_settle(uint64_t due, uint64_t limit, int64_t n, uint64_t now)
{
    uint64_t  used, cost;

    used = (due > now) ? due - now : 0;

    if (n < 0) {
        cost = ngx_llm_rate_cost(limit, -(uint64_t) n);
        return now + ((cost < used) ? used - cost : 0);
    }

    used += ngx_llm_rate_cost(limit, (uint64_t) n);

    return now + ngx_min(used, NGX_LLM_RATE_DEBT);
}


/*
 * What n cost, in us.  Rounded down, so that all of the limit passes, unless
 * these roundings add up to one more than the limit.
 */

static uint64_t
ngx_llm_rate_cost(uint64_t limit, uint64_t n)
{
    uint64_t  one;

    if (n / limit >= 10) {
        return NGX_LLM_RATE_DEBT;
    }

    one = NGX_LLM_RATE_WINDOW / limit;

    if ((limit + 1) * one > NGX_LLM_RATE_WINDOW) {
        return n * NGX_LLM_RATE_WINDOW / limit;
    }

    return (n * NGX_LLM_RATE_WINDOW + limit - 1) / limit;
}
