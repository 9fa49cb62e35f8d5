
/*
 * What the files of the JSON scanner share: the states that a slice may end
 * in, offsets and failing.  Nothing else includes it.
 */


#ifndef _NGX_LLM_JSON_STATE_H_INCLUDED_
#define _NGX_LLM_JSON_STATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_json_type.h"


/* s->row: no row, the value is not watched */
#define NGX_LLM_JSON_NO_ROW  -2


enum {
    NGX_LLM_JSON_VALUE = 0,
    NGX_LLM_JSON_FIRST_VALUE,      /* or ']' */
    NGX_LLM_JSON_KEY,
    NGX_LLM_JSON_FIRST_KEY,        /* or '}' */
    NGX_LLM_JSON_COLON,
    NGX_LLM_JSON_AFTER,            /* a comma, a bracket, or the end */
    NGX_LLM_JSON_IN_STRING,
    NGX_LLM_JSON_IN_ESCAPE,
    NGX_LLM_JSON_IN_CHAR,          /* of several bytes */
    NGX_LLM_JSON_IN_NUMBER,
    NGX_LLM_JSON_IN_LITERAL,
    NGX_LLM_JSON_FAILED
};


static ngx_inline off_t
ngx_llm_json_offset(ngx_llm_json_t *s, const u_char *p)
{
    return s->offset + (p - s->base);
}


/* returns NULL, which stands for the byte to go on with */

static ngx_inline const u_char *
ngx_llm_json_fail(ngx_llm_json_t *s, const u_char *p, const char *error)
{
    s->state = NGX_LLM_JSON_FAILED;
    s->error = error;
    s->error_at = ngx_llm_json_offset(s, p);

    return NULL;
}


#endif /* _NGX_LLM_JSON_STATE_H_INCLUDED_ */
