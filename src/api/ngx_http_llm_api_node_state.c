
/*
 * What an operator is told of a node's state.
 */


#include "ngx_llm_heartbeat.h"
#include "ngx_http_llm_api_input.h"
#include "ngx_http_llm_api_node_view.h"


static const char *ngx_http_llm_view_offline(const ngx_http_llm_view_t *v);
static json_t *ngx_http_llm_view_cooling(const ngx_http_llm_view_t *v);
static ngx_uint_t ngx_http_llm_view_is_open(const ngx_http_llm_view_t *v);
static json_t *ngx_http_llm_view_opened(const ngx_http_llm_view_t *v);


#define NGX_HTTP_LLM_VIEW_BUSY   "busy: it asked for a rest"
#define NGX_HTTP_LLM_VIEW_SPENT  "too many requests were tried again"


json_t *
ngx_http_llm_view_time(const ngx_http_llm_view_t *v, ngx_msec_t time)
{
    int64_t          ms;
    ngx_time_t      *tp;
    ngx_msec_int_t   ahead;

    tp = ngx_timeofday();
    ahead = (ngx_msec_int_t) (time - v->now);

    ms = (int64_t) tp->sec * 1000 + tp->msec + ahead;

    if (ahead > 0) {
        ms += 999;
    }

    return ngx_http_llm_api_json_time((time_t) (ms / 1000));
}


json_t *
ngx_http_llm_view_state(const ngx_http_llm_view_t *v, size_t offset)
{
    return json_string(ngx_llm_node_state_name(v->state));
}


json_t *
ngx_http_llm_view_reason(const ngx_http_llm_view_t *v, size_t offset)
{
    switch (v->state) {

    case NGX_LLM_STATE_PENDING:
        return json_string("it waits for approval");

    case NGX_LLM_STATE_DRAINING:
        return json_string("it was told to take nothing new");

    case NGX_LLM_STATE_OFFLINE:
        return json_string(ngx_http_llm_view_offline(v));

    case NGX_LLM_STATE_COOLING:
        return ngx_http_llm_view_cooling(v);

    default:
        return json_null();
    }
}


static const char *
ngx_http_llm_view_offline(const ngx_http_llm_view_t *v)
{
    if (v->conf.naddrs == 0) {
        return v->conf.named ? "its name has no address"
                             : "llm_router_node_allow has no place for it";
    }

    if (ngx_llm_heartbeat_silent(v->node, v->now)) {
        return "no heartbeat for 60 s";
    }

    if (v->node->checked == 0) {
        return "not checked yet";
    }

    return v->node->fails ? "no good answer to the last check"
                          : "too few good answers yet";
}


static json_t *
ngx_http_llm_view_cooling(const ngx_http_llm_view_t *v)
{
    json_t  *json, *why;

    if (v->node->circuit == 0) {
        return json_string(NGX_HTTP_LLM_VIEW_BUSY);
    }

    why = ngx_http_llm_view_opened(v);

    json = json_sprintf("circuit %s: %s", ngx_http_llm_view_is_open(v)
                                          ? "open" : "half open",
                        why ? json_string_value(why) : "");
    json_decref(why);

    return json;
}


static ngx_uint_t
ngx_http_llm_view_is_open(const ngx_http_llm_view_t *v)
{
    return v->node->circuit
           && (ngx_msec_int_t) ((ngx_msec_t) v->node->circuit - v->now) > 0;
}


/* why a circuit that is not closed is as it is */

static json_t *
ngx_http_llm_view_opened(const ngx_http_llm_view_t *v)
{
    if (!ngx_http_llm_view_is_open(v)) {
        return json_string("one request tries it");
    }

    return json_sprintf("%u failures in a row, the last: %s",
                        (unsigned) v->node->row,
                        ngx_llm_cause_name(v->node->cause));
}


json_t *
ngx_http_llm_view_until(const ngx_http_llm_view_t *v, size_t offset)
{
    ngx_msec_t  rest;

    if (v->state != NGX_LLM_STATE_COOLING) {
        return json_null();
    }

    rest = ngx_llm_breaker_rest(v->node, v->now);

    return ngx_http_llm_view_time(v, v->now + rest);
}


json_t *
ngx_http_llm_view_circuit(const ngx_http_llm_view_t *v, size_t offset)
{
    json_t             *until, *reason;
    const char         *state;
    ngx_llm_node_t     *node;
    ngx_atomic_uint_t   circuit;

    node = v->node;
    circuit = node->circuit;

    state = "closed";
    until = NULL;
    reason = NULL;

    if (circuit) {
        state = "half_open";
        reason = ngx_http_llm_view_opened(v);
    }

    if (circuit && ngx_http_llm_view_is_open(v)) {
        state = "open";
        until = ngx_http_llm_view_time(v, (ngx_msec_t) circuit);
    }

    return json_pack("{s:s,s:I,s:I,s:o?,s:o?}", "state", state,
                     "failures_in_a_row", (json_int_t) node->row,
                     "opened", (json_int_t) node->opened,
                     "reason", reason, "until", until);
}


json_t *
ngx_http_llm_view_cooldown(const ngx_http_llm_view_t *v, size_t offset)
{
    ngx_atomic_uint_t  cooling;

    cooling = v->node->cooling;

    if (cooling == 0
        || (ngx_msec_int_t) ((ngx_msec_t) cooling - v->now) <= 0)
    {
        return json_null();
    }

    return json_pack("{s:s,s:s,s:o}", "state", "cooling",
                     "reason", NGX_HTTP_LLM_VIEW_BUSY,
                     "until", ngx_http_llm_view_time(v, (ngx_msec_t) cooling));
}


/* of all nodes; what came with the time since the last retry is added */

json_t *
ngx_http_llm_view_budget(const ngx_http_llm_view_t *v, size_t offset)
{
    json_t            *until;
    ngx_uint_t         left, spent;
    ngx_msec_int_t     ms;
    ngx_llm_budget_t  *budget;

    budget = &v->zone->budget;

    left = budget->left;
    ms = (ngx_msec_int_t) (v->now - (ngx_msec_t) budget->refilled);

    if (ms > 0) {
        left += ngx_min(ms, NGX_LLM_BUDGET_FULL * 1000)
                * NGX_LLM_BUDGET_SECOND / 1000;
    }

    left = ngx_min(left, NGX_LLM_BUDGET_FULL);
    spent = (left < NGX_LLM_BUDGET_RETRY);
    until = NULL;

    if (spent) {
        ms = (NGX_LLM_BUDGET_RETRY - left) * 1000 / NGX_LLM_BUDGET_SECOND;
        until = ngx_http_llm_view_time(v, v->now + ms);
    }

    return json_pack("{s:I,s:s,s:s?,s:o?}",
                     "left", (json_int_t) (left / NGX_LLM_BUDGET_RETRY),
                     "state", spent ? "spent" : "available",
                     "reason", spent ? NGX_HTTP_LLM_VIEW_SPENT : NULL,
                     "until", until);
}
