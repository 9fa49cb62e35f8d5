
#ifndef _NGX_HTTP_LLM_ERROR_H_INCLUDED_
#define _NGX_HTTP_LLM_ERROR_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * Says what went wrong: the error that the client will be told.  format may
 * be NULL: the error's default message; otherwise it is that of
 * ngx_slprintf(), and the result is cut at 1 KB.
 * Returns the status, for ngx_http_finalize_request() or a phase handler.
 */
ngx_int_t ngx_http_llm_error(ngx_http_request_t *r, ngx_uint_t error,
    const char *format, ...);

/*
 * The same for an error of a node: a time-out says how long it was waited.
 */
ngx_int_t ngx_http_llm_error_node(ngx_http_request_t *r, ngx_uint_t error);

/* The same for a URL that there is not. */
ngx_int_t ngx_http_llm_error_url(ngx_http_request_t *r);

/* Adds a header to the answer; the value is not copied. */
ngx_int_t ngx_http_llm_add_header(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value);

/* The same with a number. */
ngx_int_t ngx_http_llm_add_number(ngx_http_request_t *r, const char *name,
    uint64_t n);

/* The headers that every answer has, and those of limits. */
ngx_int_t ngx_http_llm_add_headers(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);

/* the hash of a header that a node said */
#define NGX_HTTP_LLM_OF_NODE  2

/* Drops what an attempt's node had said of its answer. */
void ngx_http_llm_forget_node(ngx_http_request_t *r);

/* Installs the filters that give nginx's own errors the OpenAI shape. */
void ngx_http_llm_error_filters(void);


#endif /* _NGX_HTTP_LLM_ERROR_H_INCLUDED_ */
