
/*
 * The numbers of the JSON scanner.  A watched one is read as an integer:
 * toward 0, clamped, whatever its fraction and exponent are.
 */


#ifndef _NGX_LLM_JSON_NUMBER_H_INCLUDED_
#define _NGX_LLM_JSON_NUMBER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_json_state.h"


/*
 * Goes through the number at p; returns where to go on, last with s->state
 * when the slice ended, or NULL.  The number may go on behind last.
 */
const u_char *ngx_llm_json_number(ngx_llm_json_t *s, const u_char *p,
    const u_char *last);

/* goes on with one that an earlier slice cut */
const u_char *ngx_llm_json_number_resume(ngx_llm_json_t *s, const u_char *p,
    const u_char *last);

/* such a one ends before p; returns p or NULL */
const u_char *ngx_llm_json_number_end(ngx_llm_json_t *s, const u_char *p);


#endif /* _NGX_LLM_JSON_NUMBER_H_INCLUDED_ */
