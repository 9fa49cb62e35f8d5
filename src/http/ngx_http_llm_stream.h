
#ifndef _NGX_HTTP_LLM_STREAM_H_INCLUDED_
#define _NGX_HTTP_LLM_STREAM_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * Has the engine read this stream through us.  What was the connection's own
 * is put back by balance when it keeps the connection.
 */
void ngx_http_llm_stream_begin(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/*
 * [DONE] came, but not the end of the answer: the node is given a second for
 * it, and its close or silence is as good.
 */
void ngx_http_llm_stream_done(ngx_http_llm_ctx_t *ctx);

/*
 * The node broke off: nothing more is read from it, the error event comes in
 * its place.
 */
void ngx_http_llm_stream_break(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_uint_t error);


#endif /* _NGX_HTTP_LLM_STREAM_H_INCLUDED_ */
