
/*
 * The boundary of a form, which its Content-Type names.
 */


#ifndef _NGX_LLM_BOUNDARY_H_INCLUDED_
#define _NGX_LLM_BOUNDARY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* bytes of the longest (RFC 2046, 5.1.1) */
#define NGX_LLM_BOUNDARY  70


/*
 * Takes the boundary out of a Content-Type header's value; it points into
 * that.  NGX_DECLINED: not multipart/form-data, or no sound boundary of 1 to
 * 70 characters.
 */
ngx_int_t ngx_llm_boundary(const ngx_str_t *content_type,
    ngx_str_t *boundary);


#endif /* _NGX_LLM_BOUNDARY_H_INCLUDED_ */
