
/*
 * Who changed what: the log of the admin API.
 */


#include "ngx_http_llm_api_audit.h"


void
ngx_http_llm_api_audit(ngx_http_llm_api_t *api, const char *what,
    const char *kind, const u_char *name, uint64_t id)
{
    ngx_log_error(NGX_LOG_NOTICE, api->request->connection->log, 0,
                  "llm %s \"%s\" (%s-%016xL) was %s by %s \"%V\"",
                  kind, name, kind, id, what,
                  api->who.in_session ? "user" : "key", &api->who.name);
}
