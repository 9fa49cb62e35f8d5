
/*
 * Rows of a snapshot read from JSON, by their tables.
 */


#ifndef _NGX_LLM_SNAPSHOT_IN_H_INCLUDED_
#define _NGX_LLM_SNAPSHOT_IN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>
#include "ngx_llm_snapshot_row.h"


typedef struct {
    ngx_uint_t          unknown;    /* members that no table has, so far */
    u_char              why[256];   /* what is wrong, with the member */
} ngx_llm_in_t;


/*
 * Reads an object into a record, which it zeroes first: size bytes.  What is
 * absent, or null and not required, is what the table says.  Lists are from
 * malloc() and freed by the caller, also when it fails.  NGX_OK, NGX_ERROR:
 * in->why tells.
 */
ngx_int_t ngx_llm_in_object(ngx_llm_in_t *in, const json_t *object,
    const ngx_llm_row_field_t *field, void *row, size_t size);

/* Is it a text of min to max bytes, without control characters? */
ngx_uint_t ngx_llm_in_clean(const json_t *value, size_t min, size_t max);

/* Says that member is wrong; NGX_ERROR. */
ngx_int_t ngx_llm_in_bad(ngx_llm_in_t *in, const char *member,
    const char *why);


#endif /* _NGX_LLM_SNAPSHOT_IN_H_INCLUDED_ */
