
/*
 * The answer to a GET, read while its bytes arrive: the status, then the body
 * with its framing taken off (Content-Length, chunked, or until the end of
 * the connection).  Interim answers are skipped.  Pure: bytes in, pieces out;
 * it may be fed in slices cut anywhere.
 */


#ifndef _NGX_LLM_REPLY_H_INCLUDED_
#define _NGX_LLM_REPLY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_chunk.h"


/* bytes: of all heads before the body, and read at once */
#define NGX_LLM_REPLY_BUFFER  8192

/* bytes of a body */
#define NGX_LLM_REPLY_BODY    (4 * 1024 * 1024)


/*
 * Takes a piece of the body of a 200; the body of others is not read.
 * NULL, or why no more is wanted.
 */
typedef const char *(*ngx_llm_reply_pt)(void *data, u_char *p, size_t n);


typedef struct {
    /* result */
    ngx_uint_t           status;    /* 0: no head came */
    const char          *error;     /* why it is not a whole answer */

    /* its own */
    unsigned             headed:1;  /* the head was read */
    unsigned             chunked:1;
    unsigned             sized:1;   /* left is known */
    ngx_llm_chunk_t      chunk;
    off_t                left;
    off_t                total;
    u_char              *buffer;
    u_char              *pos;       /* read, but not taken */
    u_char              *last;
    u_char              *scan;      /* see ngx_llm_answer_end() */
    void                *data;
    ngx_llm_reply_pt     body;
} ngx_llm_reply_t;


/*
 * Makes it ready for an answer.  buffer holds NGX_LLM_REPLY_BUFFER bytes.
 * body is called with data; it may be NULL, then the head is enough.
 */
void ngx_llm_reply_init(ngx_llm_reply_t *reply, u_char *buffer,
    ngx_llm_reply_pt body, void *data);

/* Where to read to, *n bytes at most, at least one. */
u_char *ngx_llm_reply_space(ngx_llm_reply_t *reply, size_t *n);

/*
 * n bytes were read to there, 0: the connection ended.  May call body().
 * NGX_AGAIN: there is more to come; NGX_DONE: that was all of interest;
 * NGX_ERROR and reply->error.
 */
ngx_int_t ngx_llm_reply_take(ngx_llm_reply_t *reply, size_t n);


#endif /* _NGX_LLM_REPLY_H_INCLUDED_ */
