
/*
 * Logging in and out.
 *
 * A password is looked at in a thread, two at a time in each worker, and not
 * before its sender's address and the user's name have a try left.  An unknown
 * name takes as long as a wrong password and is told the same.
 */


#include "ngx_llm_password.h"
#include "ngx_llm_sha256.h"
#include "ngx_llm_token.h"
#include "ngx_http_llm_api_input.h"
#include "ngx_http_llm_api_origin.h"
#include "ngx_http_llm_api_session.h"


#define NGX_HTTP_LLM_LOGINS_AT_ONCE  2

#define NGX_HTTP_LLM_COOKIE_ATTRS    "; Path=/; HttpOnly; SameSite=Strict"


typedef struct {
    ngx_llm_user_t   user;
    u_char           password[NGX_LLM_USER_PASSWORD];
    ngx_str_t        name;      /* as it was sent */
    ngx_uint_t       known;     /* that is the user's */
    ngx_uint_t       right;     /* so is the password: set in the thread */
} ngx_http_llm_login_t;


static ngx_int_t ngx_http_llm_login_allowed(ngx_http_llm_api_t *api,
    const ngx_http_llm_login_t *login);
static void ngx_http_llm_login_later(ngx_http_llm_api_t *api, ngx_msec_t wait,
    const char *message);
static void ngx_http_llm_login_run(void *data);
static void ngx_http_llm_login_then(ngx_http_llm_api_t *api);
static ngx_int_t ngx_http_llm_login_enter(ngx_http_llm_login_t *login,
    u_char *token);
static void ngx_http_llm_login_reply(ngx_http_llm_api_t *api,
    const ngx_llm_user_t *user, const u_char *token);
static ngx_int_t ngx_http_llm_login_cookie(ngx_http_llm_api_t *api,
    const u_char *token, size_t len, ngx_uint_t seconds);
static ngx_uint_t ngx_http_llm_login_secure(ngx_http_request_t *r);
static ngx_uint_t ngx_http_llm_login_default(void);


static const ngx_http_llm_api_field_t  ngx_http_llm_login_fields[] = {
    { "username", NGX_HTTP_LLM_API_TEXT, 1, NGX_LLM_USER_NAME - 1, 1, 0 },
    { "password", NGX_HTTP_LLM_API_TEXT, 1, NGX_LLM_USER_PASSWORD - 1, 1, 0 },
    { NULL, 0, 0, 0, 0, 0 }
};


/* passwords that are being looked at in this worker */

static ngx_uint_t  ngx_http_llm_logins;


void
ngx_http_llm_api_login(ngx_http_llm_api_t *api)
{
    ngx_http_llm_login_t      *login;
    ngx_http_llm_api_value_t   value[2];

    if (ngx_http_llm_api_input(api, ngx_http_llm_login_fields, value)
        != NGX_OK)
    {
        return;
    }

    login = ngx_pcalloc(api->request->pool, sizeof(ngx_http_llm_login_t));
    if (login == NULL) {
        ngx_http_llm_api_fail(api, NGX_HTTP_INTERNAL_SERVER_ERROR,
                              "internal_error", NULL, "Out of resources");
        return;
    }

    login->name = value[0].text;

    ngx_cpystrn(login->password, value[1].text.data, value[1].text.len + 1);

    login->known = (ngx_llm_sessions_user(ngx_http_llm_worker.zone->sessions,
                                          &login->name, &login->user)
                    == NGX_OK);

    if (ngx_http_llm_login_allowed(api, login) != NGX_OK
        || ngx_http_llm_api_task(api, ngx_http_llm_login_run,
                                 ngx_http_llm_login_then, login)
           != NGX_OK)
    {
        ngx_explicit_memzero(login, sizeof(ngx_http_llm_login_t));
        return;
    }

    ngx_http_llm_logins++;
}


void
ngx_http_llm_api_me(ngx_http_llm_api_t *api)
{
    json_t              *left;
    ngx_llm_key_conf_t   conf;

    left = NULL;

    if (api->who.in_session) {
        left = json_integer((api->who.until - ngx_current_msec) / 1000);

    } else if (ngx_llm_keys_read(ngx_http_llm_worker.zone->keys, api->who.key,
                                 &conf)
               == NGX_OK
               && conf.expires)
    {
        left = json_integer(ngx_max(conf.expires - ngx_time(), 0));
    }

    ngx_http_llm_api_reply(api, NGX_HTTP_OK,
                           json_pack("{s:s%,s:s,s:o?,s:b}", "username",
                                     api->who.name.data, api->who.name.len,
                                     "role",
                                     ngx_http_llm_api_role(api->who.role),
                                     "expires_in", left, "default_password",
                                     (int) ngx_http_llm_login_default()));
}


void
ngx_http_llm_api_logout(ngx_http_llm_api_t *api)
{
    if (api->who.in_session) {
        ngx_llm_sessions_leave(ngx_http_llm_worker.zone->sessions,
                               api->who.session);
    }

    (void) ngx_http_llm_login_cookie(api, NULL, 0, 0);

    ngx_http_llm_api_done(api);
}


/* before anything is spent on it */

static ngx_int_t
ngx_http_llm_login_allowed(ngx_http_llm_api_t *api,
    const ngx_http_llm_login_t *login)
{
    ngx_msec_t           wait;
    struct sockaddr     *sa;
    ngx_llm_sessions_t  *sessions;

    sessions = ngx_http_llm_worker.zone->sessions;
    sa = api->request->connection->sockaddr;

    if (ngx_http_llm_api_crossed(api->request)) {
        ngx_http_llm_api_fail(api, NGX_HTTP_FORBIDDEN, "csrf", NULL,
                              "A page of another origin may not log in");
        return NGX_ERROR;
    }

    if (login->known
        && login->user.loopback
        && ngx_http_llm_api_who_local(api) != NGX_OK)
    {
        return NGX_ERROR;
    }

    wait = ngx_llm_logins_try(&sessions->logins, sa, &login->name,
                              ngx_current_msec);

    if (wait) {
        ngx_http_llm_login_later(api, wait, "Too many login attempts");
        return NGX_ERROR;
    }

    if (ngx_http_llm_logins >= NGX_HTTP_LLM_LOGINS_AT_ONCE) {
        ngx_llm_logins_passed(&sessions->logins, sa, &login->name,
                              ngx_current_msec);
        ngx_http_llm_login_later(api, 1000, "Too many logins at once");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_llm_login_later(ngx_http_llm_api_t *api, ngx_msec_t wait,
    const char *message)
{
    ngx_str_t  seconds;

    seconds.data = ngx_pnalloc(api->request->pool, NGX_INT_T_LEN);

    if (seconds.data) {
        seconds.len = ngx_sprintf(seconds.data, "%M", (wait + 999) / 1000)
                      - seconds.data;
        (void) ngx_http_llm_api_header(api, "retry-after", &seconds);
    }

    ngx_http_llm_api_fail(api, NGX_HTTP_TOO_MANY_REQUESTS, "too_many_logins",
                          NULL, "%s", message);
}


static void
ngx_http_llm_login_run(void *data)
{
    ngx_http_llm_login_t  *login = data;

    login->right = ngx_llm_password_is(login->password, login->user.password);
}


static void
ngx_http_llm_login_then(ngx_http_llm_api_t *api)
{
    u_char                 token[NGX_LLM_TOKEN_LEN];
    ngx_int_t              rc;
    ngx_llm_user_t         user;
    ngx_http_llm_login_t  *login;

    login = api->data;

    ngx_http_llm_logins--;

    rc = NGX_DECLINED;

    if (login->known && login->right) {
        ngx_llm_logins_passed(&ngx_http_llm_worker.zone->sessions->logins,
                              api->request->connection->sockaddr,
                              &login->name, ngx_current_msec);

        rc = ngx_http_llm_login_enter(login, token);
    }

    user = login->user;

    ngx_explicit_memzero(login, sizeof(ngx_http_llm_login_t));

    if (rc == NGX_OK) {
        ngx_http_llm_login_reply(api, &user, token);
        return;
    }

    if (rc == NGX_DECLINED) {
        ngx_http_llm_api_fail(api, NGX_HTTP_UNAUTHORIZED,
                              "invalid_credentials", NULL,
                              "Wrong user name or password");
        return;
    }

    ngx_http_llm_api_fail(api, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          "internal_error", NULL, "No token could be made");
}


/* NGX_DECLINED: meanwhile he has another password, or is gone */

static ngx_int_t
ngx_http_llm_login_enter(ngx_http_llm_login_t *login, u_char *token)
{
    u_char               hash[NGX_LLM_SESSION_HASH];
    ngx_llm_sessions_t  *sessions;

    sessions = ngx_http_llm_worker.zone->sessions;

    if (!sessions->keyed
        || ngx_llm_token_make(sessions->secret, token) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_llm_sha256(token, NGX_LLM_TOKEN_LEN, hash);

    return ngx_llm_sessions_enter(sessions, &login->user, hash,
                                  ngx_current_msec);
}


static void
ngx_http_llm_login_reply(ngx_http_llm_api_t *api, const ngx_llm_user_t *user,
    const u_char *token)
{
    ngx_log_error(NGX_LOG_NOTICE, api->request->connection->log, 0,
                  "llm api: \"%s\" logged in", user->name);

    if (ngx_http_llm_login_cookie(api, token, NGX_LLM_TOKEN_LEN,
                                  NGX_LLM_SESSION_MS / 1000)
        != NGX_OK)
    {
        ngx_http_llm_api_fail(api, NGX_HTTP_INTERNAL_SERVER_ERROR,
                              "internal_error", NULL, "Out of resources");
        return;
    }

    ngx_http_llm_api_reply(api, NGX_HTTP_OK,
                           json_pack("{s:s%,s:i,s:{s:s,s:s}}", "token",
                                     token, (size_t) NGX_LLM_TOKEN_LEN,
                                     "expires_in", NGX_LLM_SESSION_MS / 1000,
                                     "user", "username", user->name, "role",
                                     ngx_http_llm_api_role(user->role)));
}


/* the cookie with this token; without one it is to be forgotten */

static ngx_int_t
ngx_http_llm_login_cookie(ngx_http_llm_api_t *api, const u_char *token,
    size_t len, ngx_uint_t seconds)
{
    u_char     *p;
    ngx_str_t   value;

    p = ngx_pnalloc(api->request->pool, len + NGX_INT_T_LEN
                    + sizeof(NGX_HTTP_LLM_API_COOKIE "=; Max-Age="
                             NGX_HTTP_LLM_COOKIE_ATTRS "; Secure"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;

    p = ngx_cpymem(p, NGX_HTTP_LLM_API_COOKIE "=",
                   sizeof(NGX_HTTP_LLM_API_COOKIE "=") - 1);

    if (len) {
        p = ngx_cpymem(p, token, len);
    }

    p = ngx_sprintf(p, "; Max-Age=%ui" NGX_HTTP_LLM_COOKIE_ATTRS "%s",
                    seconds,
                    ngx_http_llm_login_secure(api->request) ? "; Secure" : "");

    value.len = p - value.data;

    return ngx_http_llm_api_header(api, "set-cookie", &value);
}


/* over TLS, here or to the proxy in front */

static ngx_uint_t
ngx_http_llm_login_secure(ngx_http_request_t *r)
{
    ngx_str_t  *proto;

#if (NGX_HTTP_SSL)

    if (r->connection->ssl) {
        return 1;
    }

#endif

    proto = ngx_http_llm_api_header_in(r, "x-forwarded-proto");

    return proto && proto->len == 5
           && ngx_strncasecmp(proto->data, (u_char *) "https", 5) == 0;
}


/* no password is configured: anybody knows the one that is in force */

static ngx_uint_t
ngx_http_llm_login_default(void)
{
    ngx_llm_user_t          user;
    static const ngx_str_t  admin = ngx_string("admin");

    return ngx_llm_sessions_user(ngx_http_llm_worker.zone->sessions, &admin,
                                 &user)
           == NGX_OK
           && user.loopback;
}
