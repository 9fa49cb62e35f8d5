
/*
 * Times as text (RFC 3339, in UTC).  Pure.
 */


#ifndef _NGX_LLM_TIME_H_INCLUDED_
#define _NGX_LLM_TIME_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Reads "2030-12-31T23:59:59Z" or "2030-12-31", from 1970 to 9999, as
 * seconds since 1970.  NGX_OK, NGX_DECLINED: it is no such time.
 */
ngx_int_t ngx_llm_time(const ngx_str_t *text, time_t *time);

#define NGX_LLM_TIME_LEN  (sizeof("2030-12-31T23:59:59.123Z") - 1)

/* Writes "2030-12-31T23:59:59.123Z", of ms since 1970.  Returns the end. */
u_char *ngx_llm_time_text(u_char *p, uint64_t ms);


#endif /* _NGX_LLM_TIME_H_INCLUDED_ */
