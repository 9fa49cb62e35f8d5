
/*
 * Rows of a snapshot as JSON, by their tables, through a buffer into a file.
 * Fit for a thread: no log, no pool.
 */


#ifndef _NGX_LLM_SNAPSHOT_OUT_H_INCLUDED_
#define _NGX_LLM_SNAPSHOT_OUT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_snapshot_row.h"


#define NGX_LLM_OUT_BUFFER  65536


/* zeroed by its owner but for fd and pos */

typedef struct {
    int                 fd;
    ngx_err_t           err;        /* of a write: no more are made then */
    ngx_uint_t          rows;       /* of the present array */
    u_char             *pos;        /* where the next byte goes */
    u_char              buffer[NGX_LLM_OUT_BUFFER];
} ngx_llm_out_t;


/* Text as it is, shorter than the buffer. */
void ngx_llm_out_put(ngx_llm_out_t *out, const char *text);

/* Begins an array that is a member of the file; the caller ends it. */
void ngx_llm_out_begin(ngx_llm_out_t *out, const char *name);

/* One row of the array, on a line of its own; the table says what of it. */
void ngx_llm_out_row(ngx_llm_out_t *out, const ngx_llm_row_field_t *field,
    const void *row);

/* The same as a value anywhere. */
void ngx_llm_out_object(ngx_llm_out_t *out, const ngx_llm_row_field_t *field,
    const void *row);

/* Writes what is in the buffer. */
void ngx_llm_out_flush(ngx_llm_out_t *out);


#endif /* _NGX_LLM_SNAPSHOT_OUT_H_INCLUDED_ */
