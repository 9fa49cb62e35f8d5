
#ifndef _NGX_HTTP_LLM_FINISH_H_INCLUDED_
#define _NGX_HTTP_LLM_FINISH_H_INCLUDED_


#include "ngx_http_llm.h"
#include "ngx_http_llm_outcome.h"


/*
 * The first byte of an answer came: the request waits no longer, it is being
 * decoded.  Idempotent within an attempt.
 */
void ngx_http_llm_first(ngx_http_llm_ctx_t *ctx);

/*
 * Gives back the node's slot of an attempt that ended, and calls who waits
 * for one.  Idempotent.
 */
void ngx_http_llm_release_node(ngx_http_llm_ctx_t *ctx, uint32_t *node);

/*
 * The node's whole answer is there, or the request is over: its tokens are
 * counted at the node, and its slot is given back.  Idempotent.
 */
void ngx_http_llm_finish_node(ngx_http_llm_ctx_t *ctx);

/*
 * The request is over, in whatever way: every slot is released, what was used
 * is counted, the next waiters are called.  Idempotent; nothing for a request
 * of the admin API.
 */
void ngx_http_llm_finish(ngx_http_llm_ctx_t *ctx);

/* The same as the cleanup of a request, the net under all paths. */
void ngx_http_llm_cleanup(void *data);

/* Gives back the slots of the router and of the key. */
void ngx_http_llm_release(ngx_http_llm_ctx_t *ctx);


#endif /* _NGX_HTTP_LLM_FINISH_H_INCLUDED_ */
