
#include "ngx_http_llm_outcome.h"


static void ngx_http_llm_outcome_closed(ngx_http_llm_ctx_t *ctx);


#define ngx_http_llm_outcome_node(ctx)                                        \
    (&ngx_http_llm_worker.zone->nodes->node[(ctx)->node])


void
ngx_http_llm_outcome_begin(ngx_http_llm_ctx_t *ctx, ngx_uint_t trial)
{
    ctx->outcome = NGX_HTTP_LLM_UNTOLD;
    ctx->trial = trial;
    ctx->row = 0;
}


void
ngx_http_llm_outcome_success(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->outcome != NGX_HTTP_LLM_UNTOLD) {
        return;
    }

    ctx->outcome = NGX_HTTP_LLM_ANSWERED;

    ctx->row = ngx_llm_breaker_success(ngx_http_llm_outcome_node(ctx),
                                       ctx->trial);

    if (ctx->trial) {
        ctx->trial = 0;
        ngx_http_llm_outcome_closed(ctx);
    }
}


void
ngx_http_llm_outcome_failure(ngx_http_llm_ctx_t *ctx, ngx_uint_t cause)
{
    ngx_uint_t       n;
    ngx_llm_node_t  *node;

    if (ctx->outcome == NGX_HTTP_LLM_TOLD) {
        return;
    }

    node = ngx_http_llm_outcome_node(ctx);

    (void) ngx_atomic_fetch_add(&node->failures, 1);

    n = ngx_llm_breaker_failure(node, ctx->trial, ctx->row, cause,
                                ngx_current_msec);

    ctx->outcome = NGX_HTTP_LLM_TOLD;
    ctx->trial = 0;

    if (n) {
        ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                      "llm node \"%V\" is cooling for %M ms: %ui failures in a "
                      "row, the last: %s", &ctx->node_name,
                      ngx_llm_breaker_rest(node, ngx_current_msec), n,
                      ngx_llm_cause_name(cause));
    }
}


void
ngx_http_llm_outcome_busy(ngx_http_llm_ctx_t *ctx, ngx_msec_t ms)
{
    ngx_llm_node_t  *node;

    if (ctx->outcome != NGX_HTTP_LLM_UNTOLD) {
        return;
    }

    node = ngx_http_llm_outcome_node(ctx);

    (void) ngx_atomic_fetch_add(&node->failures, 1);

    if (ngx_llm_breaker_cool(node, ms, ngx_current_msec)) {
        ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                      "llm node \"%V\" is cooling for %M ms: it asked for it",
                      &ctx->node_name,
                      ngx_llm_breaker_rest(node, ngx_current_msec));
    }

    ngx_http_llm_outcome_neither(ctx);
}


void
ngx_http_llm_outcome_end(ngx_http_llm_ctx_t *ctx, ngx_int_t rc)
{
    if (ctx->outcome != NGX_HTTP_LLM_ANSWERED) {
        return;
    }

    if (ctx->broken) {
        ngx_http_llm_outcome_failure(ctx, ctx->error == NGX_LLM_ERR_TIMEOUT
                                          ? NGX_LLM_CAUSE_SILENT
                                          : NGX_LLM_CAUSE_BROKEN);
        return;
    }

    if (ctx->cancelled) {
        return;
    }

    switch (rc) {

    case NGX_HTTP_GATEWAY_TIME_OUT:
        ngx_http_llm_outcome_failure(ctx, NGX_LLM_CAUSE_SILENT);
        return;

    case NGX_ERROR:                     /* a chunk that is none, say */
    case NGX_HTTP_BAD_GATEWAY:
        ngx_http_llm_outcome_failure(ctx, NGX_LLM_CAUSE_BROKEN);
        return;
    }
}


void
ngx_http_llm_outcome_neither(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->trial) {
        ctx->trial = 0;
        ngx_llm_breaker_neither(ngx_http_llm_outcome_node(ctx), 1);
    }

    ctx->outcome = NGX_HTTP_LLM_TOLD;
}


ngx_uint_t
ngx_http_llm_fits(void *data, uint32_t model)
{
    uint32_t  *node = data;

    return ngx_llm_choose_lists(ngx_http_llm_worker.zone, *node, model);
}


/* the node takes requests again: one waiter is called, who calls the next */

static void
ngx_http_llm_outcome_closed(ngx_http_llm_ctx_t *ctx)
{
    uint32_t          node;
    ngx_llm_wait_t    wait;
    ngx_llm_queue_t  *queue;

    ngx_log_error(NGX_LOG_NOTICE, ctx->request->connection->log, 0,
                  "llm node \"%V\" answered its trial and cools no longer",
                  &ctx->node_name);

    queue = ngx_http_llm_worker.zone->queue;

    node = ctx->node;
    wait.reason = NGX_LLM_WAIT_MODEL;
    wait.what = 0;

    ngx_llm_queue_tell(queue);
    ngx_llm_queue_call(queue, &wait, ngx_http_llm_fits, &node);
}
