
/*
 * Streams go by events.  One that is not whole yet is held until it is, so
 * that a client never sees half an event when a node breaks off; an event
 * too long to hold is passed on in pieces.  In between:
 *
 *   held NULL, !passing   between events
 *   held                  its beginning stands there, nothing of it went out
 *   passing               it was too long: what is there of it went out
 */


#include "ngx_http_llm_finish.h"
#include "ngx_http_llm_relay_events.h"


static ngx_uint_t ngx_http_llm_relay_event(ngx_http_llm_ctx_t *ctx,
    const u_char *p, const u_char *last);
static ngx_inline void ngx_http_llm_relay_token(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_relay_hold(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, u_char *p, u_char *last);
static void ngx_http_llm_relay_held(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);


ngx_int_t
ngx_http_llm_relay_walk(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    u_char *p, u_char *last)
{
    u_char        *start, *event;
    const u_char  *end;

    ngx_llm_usage_feed(&ctx->usage, p, last - p);

    if (ctx->sse.cr && *p == LF && ctx->held == NULL && !ctx->passing) {

        /* of the CR that ended the event before: it goes the same way */

        ctx->sse.cr = 0;

        if (!ctx->stripped && ngx_http_llm_relay_emit(r, p, p + 1) != NGX_OK) {
            return NGX_ERROR;
        }

        p++;
    }

    start = p;              /* of what goes on in one piece */

    for (event = p; event < last; event = (u_char *) end) {

        if (ngx_llm_sse_next(&ctx->sse, event, last, &end) != NGX_OK) {

            if (ngx_http_llm_relay_emit(r, start, event) != NGX_OK) {
                return NGX_ERROR;
            }

            return ngx_http_llm_relay_hold(r, ctx, event, last);
        }

        if (ctx->held || ctx->passing) {

            /* the rest of one that began before */

            if (ngx_http_llm_relay_hold(r, ctx, event, (u_char *) end)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            ngx_http_llm_relay_held(r, ctx);

            start = (u_char *) end;
            continue;
        }

        if (ngx_http_llm_relay_event(ctx, event, end)) {
            continue;
        }

        if (ngx_http_llm_relay_emit(r, start, event) != NGX_OK) {
            return NGX_ERROR;
        }

        start = (u_char *) end;
    }

    return ngx_http_llm_relay_emit(r, start, last);
}


ngx_int_t
ngx_http_llm_relay_events_end(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    const u_char  *end;

    static const u_char  empty[] = "\n\n";

    if (ctx->held == NULL && !ctx->passing) {
        return NGX_OK;
    }

    (void) ngx_llm_sse_next(&ctx->sse, empty, empty + 2, &end);

    if (ctx->sse.done || ctx->done) {
        ngx_http_llm_relay_held(r, ctx);
        return NGX_OK;
    }

    return NGX_DECLINED;
}


/* notes an event; does it go on to the client? */

static ngx_uint_t
ngx_http_llm_relay_event(ngx_http_llm_ctx_t *ctx, const u_char *p,
    const u_char *last)
{
    ctx->stripped = 0;

    if (ctx->sse.done) {
        ctx->done = 1;
        return 1;
    }

    if (ctx->strip && ngx_llm_openai_event_is_usage(p, last)) {
        ctx->stripped = 1;
        return 0;
    }

    if (ctx->sse.data) {
        ngx_http_llm_relay_count(ctx, p, last);
    }

    return 1;
}


/* those that have something to say: about a token each */

void
ngx_http_llm_relay_count(ngx_http_llm_ctx_t *ctx, const u_char *p,
    const u_char *last)
{
    if (ngx_llm_openai_event_may_be_error(p, last)
        && ngx_llm_openai_event_is_error(p, last))
    {
        ctx->told = 1;
        return;
    }

    if (ctx->url->deltas) {

        if (!ngx_llm_openai_event_is_delta(p, last)) {
            return;
        }

    } else if ((ctx->events == 0 || ngx_llm_openai_event_may_be_mute(p, last))
               && ngx_llm_openai_event_is_mute(p, last))
    {
        return;
    }

    ngx_http_llm_relay_token(ctx);
}


static ngx_inline void
ngx_http_llm_relay_token(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->events++ == 0) {
        ngx_http_llm_first(ctx);
    }
}


/* holds the piece p .. last of an event, or passes it on if it is too long */

static ngx_int_t
ngx_http_llm_relay_hold(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    u_char *p, u_char *last)
{
    ngx_buf_t  *b;

    if (ctx->passing) {
        return ngx_http_llm_relay_emit(r, p, last);
    }

    if (ctx->held == NULL) {

        ctx->held = ngx_http_llm_relay_room(r);
        if (ctx->held == NULL) {
            return NGX_ERROR;
        }
    }

    b = ctx->held->buf;

    if (last - p <= b->end - b->last) {
        b->last = ngx_cpymem(b->last, p, last - p);
        return NGX_OK;
    }

    if (b->pos == b->last) {
        ngx_http_llm_relay_spare(r, ctx->held);

    } else {
        ngx_http_llm_relay_link(r, ctx->held);
    }

    ctx->held = NULL;
    ctx->passing = 1;

    return ngx_http_llm_relay_emit(r, p, last);
}


/* the held event is whole, or all that will come of it */

static void
ngx_http_llm_relay_held(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_buf_t    *b;
    ngx_chain_t  *held;

    if (ctx->passing) {
        ctx->passing = 0;
        ngx_http_llm_relay_token(ctx);
        return;
    }

    held = ctx->held;

    if (held == NULL) {
        return;
    }

    ctx->held = NULL;
    b = held->buf;

    if (ngx_http_llm_relay_event(ctx, b->pos, b->last)) {
        ngx_http_llm_relay_link(r, held);

    } else {
        ngx_http_llm_relay_spare(r, held);
    }
}
