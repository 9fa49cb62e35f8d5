
/*
 * What setters of directives with name=value parameters share.
 */


#ifndef _NGX_HTTP_LLM_CONF_PARAM_H_INCLUDED_
#define _NGX_HTTP_LLM_CONF_PARAM_H_INCLUDED_


#include "ngx_http_llm.h"


/* Does the parameter begin with this?  name has its "=". */
#define ngx_http_llm_param_is(param, name)                                    \
    ((param)->len >= sizeof(name) - 1                                         \
     && ngx_strncmp((param)->data, name, sizeof(name) - 1) == 0)


/*
 * The value after the first name bytes of a parameter as a number from 1 to
 * max.  NGX_ERROR: it is none, which was said.
 */
ngx_int_t ngx_http_llm_param_number(ngx_conf_t *cf, ngx_str_t *param,
    size_t name, ngx_int_t max, ngx_int_t *n);

/* The same as text, with a zero byte, in size bytes at dst. */
ngx_int_t ngx_http_llm_param_text(ngx_conf_t *cf, ngx_str_t *param,
    size_t name, u_char *dst, size_t size);

/* Says that directive and parameter are wrong, and why.  NGX_ERROR. */
ngx_int_t ngx_http_llm_param_bad(ngx_conf_t *cf, ngx_str_t *param,
    const char *why);

/*
 * Sets each part of an environment variable's comma-separated value as if it
 * stood in the directive.
 */
char *ngx_http_llm_param_env(ngx_conf_t *cf, const char *name,
    const char *directive,
    char *(*set)(ngx_conf_t *cf, ngx_command_t *cmd, void *conf),
    ngx_http_llm_main_conf_t *mcf);


#endif /* _NGX_HTTP_LLM_CONF_PARAM_H_INCLUDED_ */
