
/*
 * Who changed what: the log of the admin API.
 */


#ifndef _NGX_HTTP_LLM_API_AUDIT_H_INCLUDED_
#define _NGX_HTTP_LLM_API_AUDIT_H_INCLUDED_


#include "ngx_http_llm_api.h"


/*
 * One line in the log for a change: who made it, what ("created"), of which
 * kind ("node", "key") the thing is, its name and its id.  Never a secret.
 */
void ngx_http_llm_api_audit(ngx_http_llm_api_t *api, const char *what,
    const char *kind, const u_char *name, uint64_t id);


#endif /* _NGX_HTTP_LLM_API_AUDIT_H_INCLUDED_ */
