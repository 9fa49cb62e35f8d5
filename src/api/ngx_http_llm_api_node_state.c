
/*
 * What an operator is told of a node's state.
 */


#include "ngx_llm_heartbeat.h"
#include "ngx_http_llm_api_input.h"
#include "ngx_http_llm_api_node_view.h"


static const char *ngx_http_llm_view_offline(const ngx_http_llm_view_t *v);
static json_t *ngx_http_llm_view_cooling(const ngx_http_llm_view_t *v);


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
    ngx_llm_node_t  *node;

    node = v->node;

    if (node->circuit == 0) {
        return json_string("busy: it asked for a rest");
    }

    if ((ngx_msec_int_t) ((ngx_msec_t) node->circuit - v->now) <= 0) {
        return json_string("circuit half open: one request tries it");
    }

    return json_sprintf("circuit open: %u failures in a row, the last: %s",
                        (unsigned) node->row,
                        ngx_llm_cause_name(node->cause));
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
    json_t             *until;
    const char         *state;
    ngx_llm_node_t     *node;
    ngx_atomic_uint_t   circuit;

    node = v->node;
    circuit = node->circuit;

    state = "closed";
    until = NULL;

    if (circuit) {
        state = "half_open";

        if ((ngx_msec_int_t) ((ngx_msec_t) circuit - v->now) > 0) {
            state = "open";
            until = ngx_http_llm_view_time(v, (ngx_msec_t) circuit);
        }
    }

    return json_pack("{s:s,s:I,s:I,s:o}", "state", state,
                     "failures_in_a_row", (json_int_t) node->row,
                     "opened", (json_int_t) node->opened,
                     "until", until ? until : json_null());
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

    return json_pack("{s:o}", "until",
                     ngx_http_llm_view_time(v, (ngx_msec_t) cooling));
}


/* of all nodes; what the seconds since the last retry gave is added */

json_t *
ngx_http_llm_view_budget(const ngx_http_llm_view_t *v, size_t offset)
{
    ngx_uint_t         left;
    ngx_msec_int_t     ms;
    ngx_llm_budget_t  *budget;

    budget = &v->zone->budget;

    left = budget->left;
    ms = (ngx_msec_int_t) (v->now - (ngx_msec_t) budget->refilled);

    if (ms > 0) {
        left += ngx_min(ms / 1000, NGX_LLM_BUDGET_FULL)
                * NGX_LLM_BUDGET_SECOND;
    }

    left = ngx_min(left, NGX_LLM_BUDGET_FULL);

    return json_pack("{s:I,s:s}",
                     "left", (json_int_t) (left / NGX_LLM_BUDGET_RETRY),
                     "state", (left >= NGX_LLM_BUDGET_RETRY) ? "available"
                                                             : "spent");
}
