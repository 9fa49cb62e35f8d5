
/*
 * The chunked transfer coding (RFC 9112, 7.1), undone while the bytes arrive.
 * Pure: it may be fed in slices cut anywhere, copies nothing, and hands out
 * pieces of the very slice that it was given.
 */


#ifndef _NGX_LLM_CHUNK_H_INCLUDED_
#define _NGX_LLM_CHUNK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_uint_t           state;     /* 0 at the start */
    ngx_uint_t           digits;    /* of the size, so far */
    off_t                left;      /* of this chunk */
} ngx_llm_chunk_t;


/* Makes it ready for a new body. */
#define ngx_llm_chunk_init(ch)  ngx_memzero(ch, sizeof(ngx_llm_chunk_t))

/*
 * Reads on at *p, which is moved.
 *
 *   NGX_OK     data is the body's next piece, 1 byte or more; call again
 *   NGX_AGAIN  all was read, the body goes on
 *   NGX_DONE   the body is over, trailers included; *p is the byte after it
 *   NGX_ERROR  this is not the coding; it stays so
 */
ngx_int_t ngx_llm_chunk_next(ngx_llm_chunk_t *ch, u_char **p, u_char *last,
    ngx_str_t *data);


#endif /* _NGX_LLM_CHUNK_H_INCLUDED_ */
