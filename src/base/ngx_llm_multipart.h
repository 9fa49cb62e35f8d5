
/*
 * Finds the form fields "model" and "stream" in a multipart/form-data body
 * (RFC 7578, RFC 2046) that arrives in slices cut anywhere.  Files pass by
 * without a copy.
 */


#ifndef _NGX_LLM_MULTIPART_H_INCLUDED_
#define _NGX_LLM_MULTIPART_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_boundary.h"


#define NGX_LLM_MULTIPART_HEADERS   8192   /* bytes of one part's headers */
#define NGX_LLM_MULTIPART_VALUE     256    /* a longer value is cut */


/* a field's value; of a field given twice the last one */

typedef struct {
    off_t        start;                /* offset of its first byte */
    off_t        end;                  /* after its last byte */
    size_t       len;                  /* bytes in text */
    unsigned     found:1;
    unsigned     truncated:1;          /* it was longer than text */
    u_char       text[NGX_LLM_MULTIPART_VALUE];
} ngx_llm_multipart_value_t;


typedef struct {
    /* result; a value is whole when the next boundary was seen */
    ngx_llm_multipart_value_t   model;
    ngx_llm_multipart_value_t   stream;
    const char                 *error;     /* why feed or end declined */

    off_t                       offset;    /* of the next byte */
    ngx_llm_multipart_value_t  *value;     /* of the open part, or NULL */

    u_char                      state;
    u_char                      folded;    /* the state if the line goes on */
    u_char                      matched;   /* bytes of the delimiter ... */
    u_char                      assumed;   /* ... of which not in this part */
    u_char                      delimiter_len;
    uint16_t                    headers;   /* bytes in the part's headers */
    u_char                      len;       /* bytes in word */
    u_char                      word[24];  /* a name or value in a header */
    unsigned                    name:2;    /* which parameter is open */
    unsigned                    field:2;   /* which field the part is */
    unsigned                    file:1;    /* it has a file name */

    u_char                      delimiter[NGX_LLM_BOUNDARY + 4];
} ngx_llm_multipart_t;


/* The boundary has 1 to 70 bytes; it is copied. */
void ngx_llm_multipart_init(ngx_llm_multipart_t *m, const ngx_str_t *boundary);

/*
 * Takes the next n bytes.  NGX_OK: good so far; NGX_DECLINED: malformed,
 * m->error says why, further calls decline too.
 */
ngx_int_t ngx_llm_multipart_feed(ngx_llm_multipart_t *m, const u_char *p,
    size_t n);

/* The body is over.  NGX_OK: the closing boundary was there. */
ngx_int_t ngx_llm_multipart_end(ngx_llm_multipart_t *m);


#endif /* _NGX_LLM_MULTIPART_H_INCLUDED_ */
