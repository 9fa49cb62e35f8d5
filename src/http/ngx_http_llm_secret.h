
/*
 * Values of nginx.conf that are not what stands there, and dates.
 */


#ifndef _NGX_HTTP_LLM_SECRET_H_INCLUDED_
#define _NGX_HTTP_LLM_SECRET_H_INCLUDED_


#include "ngx_http_llm.h"


/*
 * Reads a secret of nginx.conf: "env:NAME", "file:path" (its first line), or
 * the text itself, which warns.  dst of size bytes gets it with a zero byte.
 * An error is logged with the directive's name, never with the secret.
 */
ngx_int_t ngx_http_llm_secret(ngx_conf_t *cf, const char *directive,
    const ngx_str_t *value, u_char *dst, size_t size);

/*
 * Reads a password the same way.  It does not stand in a header, so all but
 * control characters may be in it; one that begins with "$" is a hash, which
 * may stand in nginx.conf without a warning.  The text in nginx.conf's own
 * memory is wiped.
 */
ngx_int_t ngx_http_llm_password(ngx_conf_t *cf, const char *directive,
    const ngx_str_t *value, u_char *dst, size_t size);

/*
 * Reads "expires=" of a key: "YYYY-MM-DD" or "YYYY-MM-DDThh:mm:ssZ" in UTC,
 * or seconds since 1970.  name is the length of the parameter's name.
 */
ngx_int_t ngx_http_llm_expires(ngx_conf_t *cf, const ngx_str_t *param,
    size_t name, time_t *expires);


#endif /* _NGX_HTTP_LLM_SECRET_H_INCLUDED_ */
