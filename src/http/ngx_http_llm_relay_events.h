
/*
 * The events of a stream.
 */


#ifndef _NGX_HTTP_LLM_RELAY_EVENTS_H_INCLUDED_
#define _NGX_HTTP_LLM_RELAY_EVENTS_H_INCLUDED_


#include "ngx_llm_openai_event.h"
#include "ngx_http_llm.h"
#include "ngx_http_llm_relay_out.h"


/*
 * The answer is whole.  NGX_OK: it ended between events, or what lacked was
 * the empty line after [DONE], and that event goes on; NGX_DECLINED: inside of
 * one.
 */
ngx_int_t ngx_http_llm_relay_events_end(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/* For relay_events(): any slice; a whole event that is counted or not. */
ngx_int_t ngx_http_llm_relay_walk(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, u_char *p, u_char *last);
void ngx_http_llm_relay_count(ngx_http_llm_ctx_t *ctx, const u_char *p,
    const u_char *last);


/*
 * p .. last of a stream, not empty: what is whole goes on at once, in place.
 * Events are counted, the usage that only the router asked for is taken out,
 * ctx->done is set at [DONE].  NGX_ERROR: no memory.
 *
 * Nearly all slices are one event that says something, as the one before it
 * did.  They are known here, since a call more for each would cost a hundredth
 * of all that an event costs.
 */
static ngx_inline ngx_int_t
ngx_http_llm_relay_events(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    u_char *p, u_char *last)
{
    if (ctx->held
        || ctx->passing
        || !ngx_llm_sse_plain(&ctx->sse, p, last))
    {
        return ngx_http_llm_relay_walk(r, ctx, p, last);
    }

    if (ctx->events == 0
        || ctx->url->deltas
        || ngx_llm_openai_event_may_be_error(p, last)
        || ngx_llm_openai_event_may_be_mute(p, last))
    {
        ngx_http_llm_relay_count(ctx, p, last);

    } else {
        ctx->events++;
    }

    return ngx_http_llm_relay_emit(r, p, last);
}


#endif /* _NGX_HTTP_LLM_RELAY_EVENTS_H_INCLUDED_ */
