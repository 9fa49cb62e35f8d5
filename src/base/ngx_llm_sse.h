
/*
 * Walks the events of an event stream (WHATWG: lines end with LF, CRLF or CR,
 * an empty line ends an event) in slices cut anywhere.
 */


#ifndef _NGX_LLM_SSE_H_INCLUDED_
#define _NGX_LLM_SSE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    /* the event that ended; valid until the next call */
    u_char  data;             /* it has a data line */
    u_char  done;             /* its data is exactly [DONE] */

    /* the event and the line that are open */
    u_char  lines;            /* data lines of the event, 2: or more */
    u_char  matched_done;     /* the last one was [DONE] */
    u_char  cr;               /* a CR ended the slice: pass by its LF */
    u_char  started;          /* a byte order mark can no longer come */
    u_char  len;              /* bytes in head */
    u_char  head[16];         /* the line's start, when a slice cut it */
} ngx_llm_sse_t;


/* Makes s ready for the first slice. */
void ngx_llm_sse_init(ngx_llm_sse_t *s);

/*
 * NGX_OK: an event ends in [p, last); *end is after the empty line that ends
 * it, s->data and s->done tell of it; go on from there.  NGX_AGAIN: the slice
 * is used up, *end is last.  When a slice ends between the CR and the LF of
 * that empty line, the event ends at the CR, the LF begins the next one.
 * Empty lines alone make an event without data.
 */
ngx_int_t ngx_llm_sse_next(ngx_llm_sse_t *s, const u_char *p,
    const u_char *last, const u_char **end);

/*
 * Is all of [p, last) one event as nearly all are, and the scanner between
 * events: one line "data: {...}", ended by two LF, in which "usage" does not
 * stand?  s is then as if it had been walked.  0 says only that it must be.
 */
ngx_uint_t ngx_llm_sse_plain(ngx_llm_sse_t *s, const u_char *p,
    const u_char *last);


#endif /* _NGX_LLM_SSE_H_INCLUDED_ */
