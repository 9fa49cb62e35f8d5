
/*
 * The end of a request, and of an attempt: what was acquired is released
 * here and nowhere else.
 */


#include "ngx_llm_rate.h"
#include "ngx_http_llm_finish.h"


/* the highest speed that is believed, in tokens a 1000 s */
#define NGX_HTTP_LLM_SPEED_MAX  100000000


static void ngx_http_llm_call(ngx_http_llm_ctx_t *ctx,
    const ngx_llm_wait_t *wait, ngx_llm_fits_pt fits, void *data);
static void ngx_http_llm_leave_queue(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_count(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_tokens(ngx_http_llm_ctx_t *ctx, uint64_t *prompt,
    uint64_t *completion);
static void ngx_http_llm_speed(ngx_http_llm_ctx_t *ctx, ngx_llm_node_t *node,
    uint64_t tokens);
static void ngx_http_llm_settle(ngx_http_llm_ctx_t *ctx, ngx_llm_key_t *key,
    uint64_t used);


void
ngx_http_llm_first(ngx_http_llm_ctx_t *ctx)
{
    ngx_llm_zone_t  *zone;

    ctx->first = ngx_current_msec;

    /* most answers end soon after they began */

    if (ctx->key != NGX_LLM_KEY_NONE) {
        ngx_llm_zone_key_near(ngx_http_llm_worker.zone,
                              ngx_http_llm_worker.ledger, ctx->key);
    }

    if (!ctx->waiting) {
        return;
    }

    zone = ngx_http_llm_worker.zone;

    ctx->waiting = 0;

    ngx_llm_limits_release(zone->limits, ngx_http_llm_worker.ledger,
                           ngx_llm_node_waiting(zone, ctx->node));
}


void
ngx_http_llm_release_node(ngx_http_llm_ctx_t *ctx, uint32_t *node)
{
    uint32_t         n;
    ngx_llm_wait_t   wait;
    ngx_llm_zone_t  *zone;

    n = *node;

    if (n == NGX_LLM_NODE_NONE) {
        return;
    }

    zone = ngx_http_llm_worker.zone;

    if (node != &ctx->node || ctx->waiting) {
        ngx_llm_limits_release(zone->limits, ngx_http_llm_worker.ledger,
                               ngx_llm_node_waiting(zone, n));
    }

    if (node == &ctx->node) {
        ctx->waiting = 0;
        ngx_http_llm_outcome_neither(ctx);

    } else {
        ngx_llm_breaker_neither(&zone->nodes->node[n], ctx->next_trial);
        ctx->next_trial = 0;
    }

    *node = NGX_LLM_NODE_NONE;

    ngx_llm_limits_release(zone->limits, ngx_http_llm_worker.ledger,
                           ngx_llm_node_in_flight(zone, n));

    wait.reason = NGX_LLM_WAIT_MODEL;
    wait.what = 0;

    ngx_http_llm_call(ctx, &wait, ngx_http_llm_fits, &n);
}


void
ngx_http_llm_release(ngx_http_llm_ctx_t *ctx)
{
    ngx_llm_wait_t   wait;
    ngx_llm_zone_t  *zone;

    if (!ctx->admitted) {
        return;
    }

    zone = ngx_http_llm_worker.zone;

    ctx->admitted = 0;

    ngx_llm_limits_release(zone->limits, ngx_http_llm_worker.ledger,
                           ngx_llm_group_in_flight(zone, ctx->llcf->group));

    wait.reason = NGX_LLM_WAIT_ROUTER;
    wait.what = ctx->llcf->group;

    ngx_http_llm_call(ctx, &wait, NULL, NULL);

    if (ctx->key == NGX_LLM_KEY_NONE) {
        return;
    }

    ngx_llm_limits_release(zone->limits, ngx_http_llm_worker.ledger,
                           ngx_llm_key_in_flight(zone, ctx->key));

    wait.reason = NGX_LLM_WAIT_KEY;
    wait.what = ctx->key;

    ngx_http_llm_call(ctx, &wait, NULL, NULL);
}


void
ngx_http_llm_finish(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->finished || ctx->api) {
        return;
    }

    ctx->finished = 1;

    ngx_http_llm_leave_queue(ctx);
    ngx_http_llm_count(ctx);

    ngx_http_llm_release_node(ctx, &ctx->next_node);
    ngx_http_llm_finish_node(ctx);
    ngx_http_llm_release(ctx);
}


void
ngx_http_llm_finish_node(ngx_http_llm_ctx_t *ctx)
{
    uint64_t         prompt, completion;
    ngx_llm_node_t  *node;

    if (ctx->node == NGX_LLM_NODE_NONE) {
        return;
    }

    ngx_http_llm_tokens(ctx, &prompt, &completion);

    if (prompt || completion) {
        node = &ngx_http_llm_worker.zone->nodes->node[ctx->node];

        (void) ngx_atomic_fetch_add(&node->prompt_tokens, prompt);
        (void) ngx_atomic_fetch_add(&node->completion_tokens, completion);

        if (completion > 1 && ctx->answer.sse && ctx->answer.whole) {
            ngx_http_llm_speed(ctx, node, completion);
        }
    }

    ngx_http_llm_release_node(ctx, &ctx->node);
}


void
ngx_http_llm_cleanup(void *data)
{
    ngx_http_llm_ctx_t  *ctx = data;

    /* its client left before there was a node: in the queue, for one */

    if (!ctx->finished
        && !ctx->api
        && ctx->error == NGX_LLM_ERR_NONE
        && ctx->request->connection->error)
    {
        ctx->cancelled = 1;
    }

    ngx_http_llm_finish(ctx);
}


/* something was released: calls who waits for it */

static void
ngx_http_llm_call(ngx_http_llm_ctx_t *ctx, const ngx_llm_wait_t *wait,
    ngx_llm_fits_pt fits, void *data)
{
    ngx_llm_queue_t  *queue;

    queue = ngx_http_llm_worker.zone->queue;

    if (ctx->finished || ctx->attempts) {
        ngx_llm_queue_tell(queue);
    }

    ngx_llm_queue_call(queue, wait, fits, data);
}


static void
ngx_http_llm_leave_queue(ngx_http_llm_ctx_t *ctx)
{
    ngx_llm_wait_t    wait;
    ngx_llm_queue_t  *queue;

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    if (ctx->waiter == NGX_LLM_WAITER_NONE) {
        return;
    }

    queue = ngx_http_llm_worker.zone->queue;

    wait = queue->waiter[ctx->waiter].wait;

    ngx_queue_remove(&ctx->parked);
    ngx_llm_queue_leave(queue, ctx->waiter, 0);

    ctx->waiter = NGX_LLM_WAITER_NONE;
    ctx->queue_time = ngx_current_msec - ctx->parked_at;

    /* it may have been called: the call goes to the next */

    ngx_llm_queue_call(queue, &wait, NULL, NULL);
}


static void
ngx_http_llm_count(ngx_http_llm_ctx_t *ctx)
{
    uint64_t           prompt, completion;
    ngx_llm_key_t     *key;
    ngx_llm_totals_t  *totals;

    ngx_http_llm_tokens(ctx, &prompt, &completion);

    totals = &ngx_http_llm_worker.zone->totals;

    (void) ngx_atomic_fetch_add(&totals->requests, 1);

    if (ctx->error) {
        (void) ngx_atomic_fetch_add(&totals->errors, 1);
    }

    if (ctx->cancelled) {
        (void) ngx_atomic_fetch_add(&totals->cancelled, 1);
    }

    if (prompt || completion) {
        (void) ngx_atomic_fetch_add(&totals->prompt_tokens, prompt);
        (void) ngx_atomic_fetch_add(&totals->completion_tokens, completion);
    }

    /* a key that was removed meanwhile may have left its place to another */

    if (ctx->key == NGX_LLM_KEY_NONE
        || ngx_http_llm_worker.zone->keys->key[ctx->key].generation
           != ctx->key_generation)
    {
        return;
    }

    key = &ngx_http_llm_worker.zone->keys->key[ctx->key];

    (void) ngx_atomic_fetch_add(&key->requests, 1);
    (void) ngx_atomic_fetch_add(&key->prompt_tokens, prompt);
    (void) ngx_atomic_fetch_add(&key->completion_tokens, completion);

    ngx_http_llm_settle(ctx, key, prompt + completion);
}


/* what the node said, or a token an event, as nearly all engines send them */

static void
ngx_http_llm_tokens(ngx_http_llm_ctx_t *ctx, uint64_t *prompt,
    uint64_t *completion)
{
    *prompt = 0;
    *completion = 0;

    if (ctx->usage.found) {
        *prompt = ngx_max(ctx->usage.prompt, 0);
        *completion = ngx_max(ctx->usage.completion, 0);

    } else if (ctx->events) {
        ctx->estimated = 1;
        ctx->usage.completion = ctx->events;
        *completion = ctx->events;
    }
}


/*
 * How fast the node decodes: the tokens after the first one by the time they
 * took, smoothed over some streams.  Two that end at once may lose one.
 */

static void
ngx_http_llm_speed(ngx_http_llm_ctx_t *ctx, ngx_llm_node_t *node,
    uint64_t tokens)
{
    uint64_t           speed;
    ngx_msec_t         ms;
    ngx_atomic_uint_t  old;

    ms = ngx_current_msec - ctx->first;

    if (ctx->first == 0 || ms == 0 || ctx->broken || ctx->cancelled) {
        return;
    }

    tokens = ngx_min(tokens - 1, NGX_HTTP_LLM_SPEED_MAX);

    speed = tokens * 1000000 / ms;
    speed = ngx_min(speed, NGX_HTTP_LLM_SPEED_MAX);

    old = node->speed;

    node->speed = old ? (7 * old + speed) / 8 : speed;
}


/* what was reserved of the key's tokens a minute becomes what was used */

static void
ngx_http_llm_settle(ngx_http_llm_ctx_t *ctx, ngx_llm_key_t *key,
    uint64_t used)
{
    int64_t            n;
    uint64_t           now;
    ngx_atomic_uint_t  due;

    if (ctx->reserved_tokens == 0 || key->conf.tpm == 0) {
        return;
    }

    n = (int64_t) used - (int64_t) ctx->reserved_tokens;
    now = (uint64_t) ngx_current_msec * 1000;

    ctx->reserved_tokens = 0;

    do {
        due = key->tokens_due;
    } while (!ngx_atomic_cmp_set(&key->tokens_due, due,
                                 ngx_llm_rate_settle(due, key->conf.tpm, n,
                                                     now)));
}
