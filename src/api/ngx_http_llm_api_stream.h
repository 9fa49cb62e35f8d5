
/*
 * An answer of any length, made and sent in parts: each of up to 1 ms or
 * 32 KB; the next one when this one is gone, and other events had their turn.
 */


#ifndef _NGX_HTTP_LLM_API_STREAM_H_INCLUDED_
#define _NGX_HTTP_LLM_API_STREAM_H_INCLUDED_


#include "ngx_http_llm_api.h"


typedef struct ngx_http_llm_api_stream_s  ngx_http_llm_api_stream_t;

struct ngx_http_llm_api_stream_s {

    /*
     * Adds to the present part until it is full.  NGX_OK: there is more;
     * NGX_DONE: that was the end; NGX_AGAIN: it waits for something, and
     * ngx_http_llm_api_stream_go() follows; NGX_ERROR: the answer breaks off
     * so that its client can see it.
     */
    ngx_int_t             (*part)(ngx_http_llm_api_stream_t *stream);

    ngx_str_t               type;       /* empty: application/json */

    /* its own */

    ngx_http_llm_api_t     *api;
    u_char                 *text;       /* of the part: malloc()ed */
    size_t                  len;
    size_t                  size;
    uint64_t                until;      /* us */
    ngx_buf_t              *buf;        /* it, on its way */
    unsigned                waiting:1;
    unsigned                done:1;     /* all was made */
    unsigned                failed:1;   /* no memory */
};


/* Begins the answer, 200, and ends the request after its last part. */
void ngx_http_llm_api_stream(ngx_http_llm_api_t *api,
    ngx_http_llm_api_stream_t *stream);

/* The part that waited may be made; not out of part(). */
void ngx_http_llm_api_stream_go(ngx_http_llm_api_stream_t *stream);

/* Adds n bytes; of jansson's type.  Without memory the answer breaks off. */
int ngx_http_llm_api_stream_add(const char *text, size_t n, void *stream);

/*
 * Room for n bytes more, or NULL, as above.  What is written there counts when
 * it is added to stream->len.
 */
u_char *ngx_http_llm_api_stream_room(ngx_http_llm_api_stream_t *stream,
    size_t n);

/* Has the present part taken its time, or its room? */
ngx_uint_t ngx_http_llm_api_stream_full(ngx_http_llm_api_stream_t *stream);


#endif /* _NGX_HTTP_LLM_API_STREAM_H_INCLUDED_ */
