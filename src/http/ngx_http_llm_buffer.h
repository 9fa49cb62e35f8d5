
/*
 * The memory that a node's answer is read into.  Who waits in the queue has
 * none.  On a kept connection it is taken when the answer begins, so that it
 * goes from request to request while it is still near the processor.
 */


#ifndef _NGX_HTTP_LLM_BUFFER_H_INCLUDED_
#define _NGX_HTTP_LLM_BUFFER_H_INCLUDED_


#include "ngx_http_llm.h"


/* of a node's answer: its head, then what is relayed at a time */
#define NGX_HTTP_LLM_BUFFER_SIZE  8192


/* Makes u->buffer, still without memory, so that the engine makes no other. */
void ngx_http_llm_buffer_init(ngx_http_llm_ctx_t *ctx);

/*
 * Before an attempt: its answer has memory when something can be read of it.
 * c is the kept connection that it goes over, or NULL when a new one will be
 * made: then it has it now.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_llm_buffer_await(ngx_http_llm_ctx_t *ctx,
    ngx_connection_t *c);


#endif /* _NGX_HTTP_LLM_BUFFER_H_INCLUDED_ */
