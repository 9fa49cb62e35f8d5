
/*
 * The links that go out to the client.
 */


#ifndef _NGX_HTTP_LLM_RELAY_OUT_H_INCLUDED_
#define _NGX_HTTP_LLM_RELAY_OUT_H_INCLUDED_


#include "ngx_http_llm.h"


/* an event longer than this is not held; it carries no usage alone */
#define NGX_HTTP_LLM_HELD  4096


/*
 * Sends p .. last on, which stays where it is until it was sent: after all that
 * goes out already, at ctx->last_out.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_llm_relay_emit(ngx_http_request_t *r, u_char *p,
    u_char *last);

/*
 * A link with memory of its own, NGX_HTTP_LLM_HELD bytes, or NULL.  It comes
 * back to the engine's free buffers when it was sent, and is found there again.
 */
ngx_chain_t *ngx_http_llm_relay_room(ngx_http_request_t *r);

/* Gives a link of relay_room() back that is not needed now. */
void ngx_http_llm_relay_spare(ngx_http_request_t *r, ngx_chain_t *cl);

/* Sends a link of relay_room() on, as relay_emit() does. */
void ngx_http_llm_relay_link(ngx_http_request_t *r, ngx_chain_t *cl);


#endif /* _NGX_HTTP_LLM_RELAY_OUT_H_INCLUDED_ */
