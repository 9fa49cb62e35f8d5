
/*
 * May it go on: the model, the permission, the rates, the slots.
 */


#include "ngx_llm_rate.h"
#include "ngx_http_llm_admit.h"
#include "ngx_http_llm_alias.h"
#include "ngx_http_llm_auth.h"
#include "ngx_http_llm_balance.h"
#include "ngx_http_llm_body.h"
#include "ngx_http_llm_error.h"
#include "ngx_http_llm_finish.h"
#include "ngx_http_llm_park.h"
#include "ngx_http_llm_upstream.h"


static ngx_int_t ngx_http_llm_admit(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_wait_t *wait, ngx_uint_t called);
static ngx_int_t ngx_http_llm_admit_request(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_admit_rates(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_uint_t ngx_http_llm_admit_rate(ngx_atomic_t *due, uint64_t limit,
    uint64_t n, ngx_llm_rate_t *rate);
static ngx_uint_t ngx_http_llm_admit_slots(ngx_http_llm_ctx_t *ctx,
    ngx_llm_wait_t *wait, ngx_uint_t called);
static ngx_int_t ngx_http_llm_admit_refused(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_int_t rc);


void
ngx_http_llm_admit_handler(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    ngx_llm_wait_t       wait;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_ctx(r);

    rc = ngx_http_llm_admit_request(r, ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_llm_admit(r, ctx, &wait, 0);
    }

    if (rc == NGX_BUSY) {
        ctx->admit = ngx_http_llm_admit;
        rc = ngx_http_llm_park(r, ctx, &wait);

        if (rc == NGX_OK) {
            return;
        }
    }

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    ngx_http_llm_upstream(r, ctx);
}


/*
 * Takes the slots of router, key and a node, all or none.  NGX_OK; NGX_BUSY:
 * it must wait, for what *wait says; or a status, with the error said.
 * called: it was its turn, nobody is before it.
 */

static ngx_int_t
ngx_http_llm_admit(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_wait_t *wait, ngx_uint_t called)
{
    uint32_t         node;
    ngx_int_t        rc;
    ngx_llm_zone_t  *zone;

    /* it may have been revoked while the request waited */

    if (!ngx_http_llm_auth_holds(ctx)) {
        return ngx_http_llm_error(r, NGX_LLM_ERR_INVALID_KEY, NULL);
    }

    ctx->rest = 0;

    if (!ngx_http_llm_admit_slots(ctx, wait, called)) {
        return NGX_BUSY;
    }

    zone = ngx_http_llm_worker.zone;

    rc = ngx_http_llm_balance_first(ctx);

    wait->reason = NGX_LLM_WAIT_MODEL;
    wait->what = ctx->hash;

    if (rc == NGX_OK) {
        node = ctx->node;

        if (called
            || !ngx_llm_queue_ahead(zone->queue, wait, ngx_http_llm_fits,
                                    &node))
        {
            return NGX_OK;
        }

        /* somebody else waits for just this slot */

        ngx_http_llm_release_node(ctx, &ctx->node);

        rc = NGX_BUSY;
    }

    ngx_http_llm_release(ctx);

    if (rc == NGX_BUSY
        || (rc == NGX_AGAIN && called && ngx_http_llm_park_outlasts(ctx)))
    {
        return NGX_BUSY;
    }

    return ngx_http_llm_admit_refused(r, ctx, rc);
}


static ngx_int_t
ngx_http_llm_admit_request(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t       rc;
    ngx_llm_key_t  *key;

    rc = ngx_http_llm_body_check(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llm_alias(r, ctx) != NGX_OK) {
        return ngx_http_llm_error(r, NGX_LLM_ERR_INTERNAL, NULL);
    }

    ctx->hash = ngx_llm_models_hash(&ctx->model);

    if (ctx->key == NGX_LLM_KEY_NONE) {
        return NGX_OK;
    }

    /* ... or while its body was read */

    if (!ngx_http_llm_auth_holds(ctx)) {
        return ngx_http_llm_error(r, NGX_LLM_ERR_INVALID_KEY, NULL);
    }

    key = &ngx_http_llm_worker.zone->keys->key[ctx->key];

    if (!ngx_llm_keys_allows(ngx_http_llm_worker.zone->keys, ctx->key,
                             &ctx->model))
    {
        return ngx_http_llm_error(r, NGX_LLM_ERR_MODEL_NOT_ALLOWED,
                                  "This API key may not use the model `%*s`",
                                  ctx->facts.model_len, ctx->facts.model);
    }

    if (key->conf.rpm || key->conf.tpm) {
        return ngx_http_llm_admit_rates(r, ctx);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_admit_rates(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    uint64_t         tokens, wait;
    ngx_llm_key_t   *key;
    ngx_llm_rate_t   rate;

    key = &ngx_http_llm_worker.zone->keys->key[ctx->key];

    ctx->limited = 1;
    wait = 0;

    if (key->conf.rpm) {

        if (!ngx_http_llm_admit_rate(&key->requests_due, key->conf.rpm, 1,
                                     &rate))
        {
            wait = rate.wait;
        }

        ctx->requests_left = rate.remaining;
        ctx->requests_reset = rate.reset;
    }

    if (key->conf.tpm) {

        /*
         * Four bytes a token, and what it may make; settled at the end.  One
         * that is refused already takes none, and is told what is left.
         */

        tokens = wait ? 0 : ctx->body_length / 4 + ctx->facts.max_tokens + 1;

        if (ngx_http_llm_admit_rate(&key->tokens_due, key->conf.tpm, tokens,
                                    &rate))
        {
            ctx->reserved_tokens = ngx_min(tokens, key->conf.tpm);

        } else {
            wait = ngx_max(wait, rate.wait);
        }

        ctx->tokens_left = rate.remaining;
        ctx->tokens_reset = rate.reset;
    }

    if (wait == 0) {
        return NGX_OK;
    }

    ctx->retry_after = ngx_min((wait + 999999) / 1000000, 60);

    return ngx_http_llm_error(r, NGX_LLM_ERR_RATE_LIMIT, NULL);
}


static ngx_uint_t
ngx_http_llm_admit_rate(ngx_atomic_t *due, uint64_t limit, uint64_t n,
    ngx_llm_rate_t *rate)
{
    uint64_t           now;
    ngx_atomic_uint_t  old;

    now = (uint64_t) ngx_current_msec * 1000;

    do {
        old = *due;
        ngx_llm_rate_take(rate, old, limit, n, now);

        if (!rate->ok) {
            return 0;
        }

    } while (!ngx_atomic_cmp_set(due, old, rate->due));

    return 1;
}


/* the slots of the router and of the key, both or none */

static ngx_uint_t
ngx_http_llm_admit_slots(ngx_http_llm_ctx_t *ctx, ngx_llm_wait_t *wait,
    ngx_uint_t called)
{
    ngx_uint_t       group;
    ngx_llm_key_t   *key;
    ngx_llm_zone_t  *zone;

    zone = ngx_http_llm_worker.zone;
    group = ngx_llm_group_in_flight(zone, ctx->llcf->group);

    if (ctx->key != NGX_LLM_KEY_NONE) {
        key = &zone->keys->key[ctx->key];

        wait->reason = NGX_LLM_WAIT_KEY;
        wait->what = ctx->key;

        if ((!called && ngx_llm_queue_ahead(zone->queue, wait, NULL, NULL))
            || !ngx_llm_limits_acquire(zone->limits,
                                       ngx_http_llm_worker.ledger,
                                       ngx_llm_key_in_flight(zone, ctx->key),
                                       key->conf.max_concurrent))
        {
            return 0;
        }
    }

    wait->reason = NGX_LLM_WAIT_ROUTER;
    wait->what = ctx->llcf->group;

    if ((!called && ngx_llm_queue_ahead(zone->queue, wait, NULL, NULL))
        || !ngx_llm_limits_acquire(zone->limits, ngx_http_llm_worker.ledger,
                                   group, ctx->llcf->max_concurrent))
    {
        if (ctx->key != NGX_LLM_KEY_NONE) {
            ngx_llm_limits_release(zone->limits, ngx_http_llm_worker.ledger,
                                   ngx_llm_key_in_flight(zone, ctx->key));
        }

        return 0;
    }

    ctx->admitted = 1;

    return 1;
}


static ngx_int_t
ngx_http_llm_admit_refused(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_int_t rc)
{
    if (rc == NGX_DONE) {
        return ngx_http_llm_error(r, NGX_LLM_ERR_MODEL_NOT_FOUND,
                                  "The model `%*s` does not exist",
                                  ctx->facts.model_len, ctx->facts.model);
    }

    if (rc == NGX_AGAIN) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "each llm node for model \"%V\" is cooling, the first "
                      "one for %M ms", &ctx->model, ctx->rest);

        ctx->retry_after = ngx_min((ctx->rest + 999) / 1000, 60);

        return ngx_http_llm_error(r, NGX_LLM_ERR_NO_NODES, NULL);
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "no llm node is online for model \"%V\"", &ctx->model);

    return ngx_http_llm_error(r, NGX_LLM_ERR_NO_NODES, NULL);
}
