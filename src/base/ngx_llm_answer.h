
/*
 * The head of an HTTP/1 answer: status line and header lines, read in place.
 * Pure: bytes in, positions out; made for the few headers that matter, each
 * line costs one memchr().
 */


#ifndef _NGX_LLM_ANSWER_H_INCLUDED_
#define _NGX_LLM_ANSWER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    u_char      *name;
    u_char      *value;
    size_t       name_len;      /* 1 or more */
    size_t       value_len;     /* white space around it is cut off */
} ngx_llm_header_t;


/*
 * The end of the head, that is the byte after its empty line.
 * Returns NULL while it has not come.  from lets a caller who asked before
 * skip what was searched: it is moved.
 */
u_char *ngx_llm_answer_end(u_char **from, u_char *last);

/*
 * Reads "HTTP/1.x NNN text" at *p, which stands at its line's end then.
 * Returns the status (100 to 999), or NGX_ERROR when this is not HTTP.
 * minor is x, 0 or 1.
 */
ngx_int_t ngx_llm_answer_status(u_char **p, u_char *last, ngx_uint_t *minor);

/*
 * Reads one header line at *p, up to last, the end of the head.
 * NGX_OK a header, NGX_DONE the empty line, NGX_ERROR a malformed line
 * (no colon, an empty name, a control character, folding).
 */
ngx_int_t ngx_llm_answer_header(u_char **p, u_char *last,
    ngx_llm_header_t *h);

/*
 * One whole chunk (RFC 9112, 7.1) without extensions that lies in [p, last),
 * as most chunks of a stream do: its data and their length, which is not 0.
 * Returns the byte after its CRLF, or NULL: it must be read step by step.
 */
u_char *ngx_llm_answer_chunk(u_char *p, u_char *last, u_char **data,
    size_t *n);

/* Is this its name, in any case?  The text is given in lower case. */
#define ngx_llm_header_is(h, text)                                            \
    ((h)->name_len == sizeof(text) - 1                                        \
     && ngx_llm_header_same((h)->name, (u_char *) text, sizeof(text) - 1))

/* What ngx_llm_header_is() asks; lower has n bytes. */
ngx_uint_t ngx_llm_header_same(const u_char *name, const u_char *lower,
    size_t n);

/*
 * Does a comma-separated list hold this token, in any case?  The token is
 * given in lower case.
 */
ngx_uint_t ngx_llm_header_holds(const u_char *list, size_t n,
    const char *token);


#endif /* _NGX_LLM_ANSWER_H_INCLUDED_ */
