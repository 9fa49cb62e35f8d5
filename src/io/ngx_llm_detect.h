
/*
 * What kind of server is a node?  Each kind answers a path of its own with
 * JSON of its own; they are asked for in the order of a table, and the first
 * answer that fits decides.  Pure: bytes in, a type out.
 */


#ifndef _NGX_LLM_DETECT_H_INCLUDED_
#define _NGX_LLM_DETECT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_json.h"
#include "ngx_llm_nodes.h"


/* the question whose answer holds llama.cpp's slots */
#define NGX_LLM_DETECT_SLOTS  0


typedef struct {
    ngx_uint_t            slots;    /* of llama.cpp; 0: not said */
    ngx_uint_t            seen;     /* what stood in the answer */
    ngx_llm_json_t        json;
    u_char                text[64];
} ngx_llm_detect_t;


/* The path to ask for, from 0 on; NULL: there is no more. */
const ngx_str_t *ngx_llm_detect_path(ngx_uint_t i);

/* Makes it ready for the answer to any of the paths. */
void ngx_llm_detect_init(ngx_llm_detect_t *d);

/* Takes the next n bytes.  NGX_OK; NGX_DECLINED: it isn't JSON. */
ngx_int_t ngx_llm_detect_feed(ngx_llm_detect_t *d, const u_char *p, size_t n);

/*
 * The answer to path i is over.  Returns the type it shows, or
 * NGX_LLM_TYPE_UNKNOWN.
 */
ngx_uint_t ngx_llm_detect_end(ngx_llm_detect_t *d, ngx_uint_t i);


#endif /* _NGX_LLM_DETECT_H_INCLUDED_ */
