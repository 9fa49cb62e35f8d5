
/*
 * A body that was read before it came to us: by mirror, by a proxy_pass whose
 * error_page leads here, by a script.  The scanner has seen nothing of it.
 */


#ifndef _NGX_HTTP_LLM_EARLY_H_INCLUDED_
#define _NGX_HTTP_LLM_EARLY_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * May the body of this request be read, or read again?  NGX_OK, or a status,
 * with the error said.
 */
ngx_int_t ngx_http_llm_early_check(ngx_http_request_t *r);

/*
 * In place of ngx_http_llm_admit_handler(), which it calls when the scanner
 * has seen all of the body.
 */
void ngx_http_llm_early_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_LLM_EARLY_H_INCLUDED_ */
