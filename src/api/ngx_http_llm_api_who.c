
/*
 * Who asks for something of the admin API.
 */


#include "ngx_llm_answer.h"
#include "ngx_llm_sha256.h"
#include "ngx_llm_token.h"
#include "ngx_http_llm_auth.h"
#include "ngx_http_llm_header.h"
#include "ngx_http_llm_api_origin.h"
#include "ngx_http_llm_api_who.h"


static ngx_uint_t ngx_http_llm_api_who_bearer(ngx_http_request_t *r,
    ngx_str_t *token);
static ngx_int_t ngx_http_llm_api_who_token(ngx_http_llm_api_t *api,
    const ngx_str_t *token, ngx_llm_session_t *session);
static ngx_int_t ngx_http_llm_api_who_key(ngx_http_llm_api_t *api);
static ngx_int_t ngx_http_llm_api_who_cookie(ngx_http_llm_api_t *api,
    ngx_llm_session_t *session);
static ngx_uint_t ngx_http_llm_api_cookie(ngx_str_t *rest, ngx_str_t *token);
static ngx_int_t ngx_http_llm_api_who_set(ngx_http_llm_api_t *api,
    ngx_uint_t role, const u_char *name);
static ngx_int_t ngx_http_llm_api_who_session(ngx_http_llm_api_t *api,
    ngx_llm_session_t *session);
static ngx_int_t ngx_http_llm_api_who_none(ngx_http_llm_api_t *api);


ngx_int_t
ngx_http_llm_api_who(ngx_http_llm_api_t *api)
{
    ngx_str_t            token;
    ngx_uint_t           bearer;
    ngx_llm_session_t    session;
    ngx_http_request_t  *r;

    r = api->request;

    bearer = ngx_http_llm_api_who_bearer(r, &token);

    if (bearer
        && ngx_http_llm_api_who_token(api, &token, &session) == NGX_OK)
    {
        return ngx_http_llm_api_who_session(api, &session);
    }

    if (bearer
        || ngx_http_llm_api_header_in(r, "x-api-key")
        || ngx_http_llm_api_header_in(r, "api-key"))
    {
        return ngx_http_llm_api_who_key(api);
    }

    if (ngx_http_llm_api_who_cookie(api, &session) != NGX_OK) {
        return ngx_http_llm_api_who_none(api);
    }

    /* a browser sends the cookie whoever made it ask */

    if (r->method != NGX_HTTP_GET && r->method != NGX_HTTP_HEAD
        && (ngx_http_llm_api_header_in(r, "x-requested-with") == NULL
            || ngx_http_llm_api_crossed(r)))
    {
        ngx_http_llm_api_fail(api, NGX_HTTP_FORBIDDEN, "csrf", NULL,
                              "With the session's cookie a change needs the "
                              "header X-Requested-With, and to come from a "
                              "page of this origin");
        return NGX_ERROR;
    }

    return ngx_http_llm_api_who_session(api, &session);
}


ngx_int_t
ngx_http_llm_api_who_local(ngx_http_llm_api_t *api)
{
    if (ngx_http_llm_api_local(api->request)) {
        return NGX_OK;
    }

    ngx_http_llm_api_fail(api, NGX_HTTP_FORBIDDEN, "loopback_only", NULL,
                          "No password is configured, so the default user "
                          "may log in from the loopback only, to a host such "
                          "as localhost and through no proxy: set "
                          "llm_router_admin in nginx.conf, or "
                          "LLM_ROUTER_ADMIN_PASSWORD in the environment");
    return NGX_ERROR;
}


const char *
ngx_http_llm_api_role(ngx_uint_t role)
{
    switch (role) {

    case NGX_LLM_ROLE_ADMIN:
        return "admin";

    case NGX_LLM_ROLE_VIEWER:
        return "viewer";

    default:
        return "none";
    }
}


static ngx_uint_t
ngx_http_llm_api_who_bearer(ngx_http_request_t *r, ngx_str_t *token)
{
    size_t            n;
    ngx_table_elt_t  *h;

    n = sizeof("bearer ") - 1;
    h = r->headers_in.authorization;

    if (h == NULL
        || h->value.len < n
        || !ngx_llm_header_same(h->value.data, (u_char *) "bearer ", n))
    {
        return 0;
    }

    token->data = h->value.data + n;
    token->len = h->value.len - n;

    while (token->len && token->data[0] == ' ') {
        token->data++;
        token->len--;
    }

    return 1;
}


/* the session of a token, and which it is in api->who */

static ngx_int_t
ngx_http_llm_api_who_token(ngx_http_llm_api_t *api, const ngx_str_t *token,
    ngx_llm_session_t *session)
{
    ngx_llm_sessions_t  *sessions;

    sessions = ngx_http_llm_worker.zone->sessions;

    if (!sessions->keyed || !ngx_llm_token_is(sessions->secret, token)) {
        return NGX_DECLINED;
    }

    ngx_llm_sha256(token->data, token->len, api->who.session);

    return ngx_llm_sessions_find(sessions, api->who.session, ngx_current_msec,
                                 session);
}


static ngx_int_t
ngx_http_llm_api_who_key(ngx_http_llm_api_t *api)
{
    uint32_t            i;
    ngx_llm_key_conf_t  conf;

    i = ngx_http_llm_auth_conf(api->request, &conf);

    if (i == NGX_LLM_KEY_NONE) {
        return ngx_http_llm_api_who_none(api);
    }

    api->who.key = i;
    api->who.key_id = conf.id;

    return ngx_http_llm_api_who_set(api, (conf.scopes & NGX_LLM_SCOPE_ADMIN)
                                         ? NGX_LLM_ROLE_ADMIN
                                         : NGX_LLM_ROLE_NONE,
                                    conf.name);
}


/* there may be several of this name: who sets cookies for a parent domain */

static ngx_int_t
ngx_http_llm_api_who_cookie(ngx_http_llm_api_t *api,
    ngx_llm_session_t *session)
{
    ngx_str_t             rest, token;
    ngx_table_elt_t      *h;
    ngx_http_llm_walk_t   walk;

    for (h = ngx_http_llm_header_first(api->request, &walk);
         h;
         h = ngx_http_llm_header_next(&walk))
    {
        if (!ngx_http_llm_header_is(h, "cookie")) {
            continue;
        }

        rest = h->value;

        while (ngx_http_llm_api_cookie(&rest, &token)) {
            if (ngx_http_llm_api_who_token(api, &token, session) == NGX_OK) {
                return NGX_OK;
            }
        }
    }

    return NGX_DECLINED;
}


/* the next of our cookies in "name=value; name=value"; 0: there is none */

static ngx_uint_t
ngx_http_llm_api_cookie(ngx_str_t *rest, ngx_str_t *token)
{
    size_t   n;
    u_char  *p, *end, *last;

    n = sizeof(NGX_HTTP_LLM_API_COOKIE "=") - 1;
    last = rest->data + rest->len;

    for (p = rest->data; p < last; p = end + 1) {

        while (p < last && *p == ' ') {
            p++;
        }

        end = ngx_strlchr(p, last, ';');
        if (end == NULL) {
            end = last;
        }

        if ((size_t) (end - p) < n
            || ngx_memcmp(p, NGX_HTTP_LLM_API_COOKIE "=", n) != 0)
        {
            continue;
        }

        token->data = p + n;
        token->len = end - token->data;

        rest->data = (end < last) ? end + 1 : last;
        rest->len = last - rest->data;

        return 1;
    }

    return 0;
}


static ngx_int_t
ngx_http_llm_api_who_set(ngx_http_llm_api_t *api, ngx_uint_t role,
    const u_char *name)
{
    ngx_str_t  text;

    text.data = (u_char *) name;
    text.len = ngx_strlen(name);

    api->who.name.len = text.len;
    api->who.name.data = ngx_pstrdup(api->request->pool, &text);

    if (api->who.name.data == NULL) {
        ngx_http_llm_api_fail(api, NGX_HTTP_INTERNAL_SERVER_ERROR,
                              "internal_error", NULL, "Out of resources");
        return NGX_ERROR;
    }

    api->who.role = role;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_api_who_session(ngx_http_llm_api_t *api,
    ngx_llm_session_t *session)
{
    if (session->loopback && ngx_http_llm_api_who_local(api) != NGX_OK) {
        return NGX_ERROR;
    }

    api->who.until = ngx_current_msec + session->left;
    api->who.in_session = 1;

    return ngx_http_llm_api_who_set(api, session->role, session->user);
}


static ngx_int_t
ngx_http_llm_api_who_none(ngx_http_llm_api_t *api)
{
    static const ngx_str_t  bearer = ngx_string("Bearer");

    (void) ngx_http_llm_api_header(api, "www-authenticate", &bearer);

    ngx_http_llm_api_fail(api, NGX_HTTP_UNAUTHORIZED, "invalid_session", NULL,
                          "Log in, or send a key that is valid");

    return NGX_ERROR;
}
