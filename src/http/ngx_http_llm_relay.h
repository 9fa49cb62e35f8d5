
#ifndef _NGX_HTTP_LLM_RELAY_H_INCLUDED_
#define _NGX_HTTP_LLM_RELAY_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * The input filter of nginx's upstream engine: passes an answer's bytes on as
 * they come, untouched.  Of a stream whole events are passed on, the usage
 * that only the router asked for is taken out, and a break is said as an
 * error event.  data is the request.
 */
ngx_int_t ngx_http_llm_relay_init(void *data);
ngx_int_t ngx_http_llm_relay(void *data, ssize_t bytes);


#endif /* _NGX_HTTP_LLM_RELAY_H_INCLUDED_ */
