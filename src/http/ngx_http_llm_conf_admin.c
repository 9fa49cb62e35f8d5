
/*
 * llm_router_admin: who may log in to the admin API.
 */


#include "ngx_llm_password.h"
#include "ngx_http_llm_conf_admin.h"
#include "ngx_http_llm_conf_param.h"
#include "ngx_http_llm_secret.h"


#define NGX_HTTP_LLM_ADMIN_NAME      "LLM_ROUTER_ADMIN_USERNAME"
#define NGX_HTTP_LLM_ADMIN_PASSWORD  "LLM_ROUTER_ADMIN_PASSWORD"


static ngx_int_t ngx_http_llm_admin_param(ngx_conf_t *cf,
    ngx_llm_user_t *user, ngx_str_t *param);
static ngx_int_t ngx_http_llm_admin_name(ngx_conf_t *cf, ngx_llm_user_t *user,
    ngx_str_t *param);
static char *ngx_http_llm_admin_check(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf, ngx_llm_user_t *user);
static ngx_int_t ngx_http_llm_admin_secret(ngx_llm_sessions_t *sessions,
    ngx_log_t *log);
static ngx_uint_t ngx_http_llm_admin_default(ngx_llm_user_t *user,
    ngx_log_t *log);
static void ngx_http_llm_admin_hash(ngx_llm_sessions_t *sessions,
    ngx_llm_user_t *user, ngx_log_t *log);


char *
ngx_http_llm_admin_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t  *mcf = conf;

    ngx_str_t       *value;
    ngx_uint_t       i;
    ngx_llm_user_t  *user;

    if (mcf->users.elts == NULL
        && ngx_array_init(&mcf->users, cf->pool, NGX_LLM_USERS,
                          sizeof(ngx_llm_user_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (mcf->users.nelts == NGX_LLM_USERS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_router_admin: there may be %d users",
                           NGX_LLM_USERS);
        return NGX_CONF_ERROR;
    }

    user = ngx_array_push(&mcf->users);
    if (user == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(user, sizeof(ngx_llm_user_t));

    user->role = NGX_LLM_ROLE_ADMIN;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_llm_admin_param(cf, user, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_http_llm_admin_check(cf, mcf, user);
}


char *
ngx_http_llm_admin_of_env(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf)
{
    char         *name, *password, *rv;
    ngx_str_t     args[3];
    ngx_array_t  *saved, fake;

    name = getenv(NGX_HTTP_LLM_ADMIN_NAME);
    password = getenv(NGX_HTTP_LLM_ADMIN_PASSWORD);

    name = (name && *name) ? name : NULL;
    password = (password && *password) ? password : NULL;

    if (mcf->users.nelts || (name == NULL && password == NULL)) {
        return NGX_CONF_OK;
    }

    if (password == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the environment variable "
                           NGX_HTTP_LLM_ADMIN_NAME " is set and "
                           NGX_HTTP_LLM_ADMIN_PASSWORD " is not");
        return NGX_CONF_ERROR;
    }

    if (name == NULL) {
        name = "admin";
    }

    ngx_str_set(&args[0], "llm_router_admin");

    args[1].len = sizeof("user=") - 1 + ngx_strlen(name);
    args[1].data = ngx_pnalloc(cf->pool, args[1].len + 1);
    if (args[1].data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_sprintf(args[1].data, "user=%s%Z", name);

    ngx_str_set(&args[2], "password=env:" NGX_HTTP_LLM_ADMIN_PASSWORD);

    saved = cf->args;

    fake = *saved;
    fake.elts = args;
    fake.nelts = 3;

    cf->args = &fake;

    rv = ngx_http_llm_admin_slot(cf, NULL, mcf);

    cf->args = saved;

    return rv;
}


void
ngx_http_llm_conf_admin_seed(ngx_http_llm_main_conf_t *mcf, ngx_log_t *log)
{
    ngx_uint_t           i, n;
    ngx_llm_user_t      *users, def;
    ngx_llm_sessions_t  *sessions;

    users = mcf->users.elts;
    n = mcf->users.nelts;

    if (mcf->zone) {
        sessions = mcf->zone->sessions;

        if (n == 0 && mcf->api) {
            users = &def;
            n = ngx_http_llm_admin_default(&def, log);
        }

        for (i = 0; i < n; i++) {
            ngx_http_llm_admin_hash(sessions, &users[i], log);
        }

        if (ngx_http_llm_admin_secret(sessions, log) == NGX_OK) {
            ngx_llm_sessions_users(sessions, users, n);
        }
    }

    if (n) {
        ngx_explicit_memzero(users, n * sizeof(ngx_llm_user_t));
    }
}


static ngx_int_t
ngx_http_llm_admin_param(ngx_conf_t *cf, ngx_llm_user_t *user,
    ngx_str_t *param)
{
    ngx_str_t  password;

    if (ngx_http_llm_param_is(param, "user=")) {
        return ngx_http_llm_admin_name(cf, user, param);
    }

    if (ngx_http_llm_param_is(param, "password=")) {
        password.data = param->data + sizeof("password=") - 1;
        password.len = param->len - (sizeof("password=") - 1);

        return ngx_http_llm_password(cf, "llm_router_admin", &password,
                                     user->password, NGX_LLM_USER_PASSWORD);
    }

    if (param->len == sizeof("role=admin") - 1
        && ngx_http_llm_param_is(param, "role=admin"))
    {
        user->role = NGX_LLM_ROLE_ADMIN;
        return NGX_OK;
    }

    if (param->len == sizeof("role=viewer") - 1
        && ngx_http_llm_param_is(param, "role=viewer"))
    {
        user->role = NGX_LLM_ROLE_VIEWER;
        return NGX_OK;
    }

    if (ngx_http_llm_param_is(param, "role=")) {
        return ngx_http_llm_param_bad(cf, param, "must be admin or viewer");
    }

    /* it may be a password that went astray, so it is not repeated */

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "llm_router_admin takes user=, password= and role=, "
                       "and nothing else");

    return NGX_ERROR;
}


/* it goes to JSON, so it must be UTF-8 */

static ngx_int_t
ngx_http_llm_admin_name(ngx_conf_t *cf, ngx_llm_user_t *user,
    ngx_str_t *param)
{
    u_char  *p, *last;

    p = param->data;
    last = p + param->len;

    while (p < last) {
        if (*p < 0x80) {
            p++;

        } else if (ngx_utf8_decode(&p, last - p) > 0x10ffff) {
            return ngx_http_llm_param_bad(cf, param, "is not UTF-8");
        }
    }

    return ngx_http_llm_param_text(cf, param, sizeof("user=") - 1, user->name,
                                   NGX_LLM_USER_NAME);
}


static char *
ngx_http_llm_admin_check(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf,
    ngx_llm_user_t *user)
{
    ngx_uint_t       i;
    ngx_llm_user_t  *other;

    if (user->name[0] == '\0' || user->password[0] == '\0') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_router_admin wants user= and password=");
        return NGX_CONF_ERROR;
    }

    if (user->password[0] == '$'
        && !ngx_llm_password_known(user->password))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_router_admin: the password of \"%s\" begins "
                           "with \"$\" and is no whole hash that crypt(3) "
                           "takes for strong", user->name);
        return NGX_CONF_ERROR;
    }

    other = mcf->users.elts;

    for (i = 0; i < mcf->users.nelts - 1; i++) {
        if (ngx_strcmp(other[i].name, user->name) == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_router_admin: there are two users \"%s\"",
                               user->name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* once a zone; without it nobody is let in */

static ngx_int_t
ngx_http_llm_admin_secret(ngx_llm_sessions_t *sessions, ngx_log_t *log)
{
    if (sessions->keyed) {
        return NGX_OK;
    }

    if (RAND_bytes(sessions->secret, NGX_LLM_SESSION_SECRET) != 1
        || RAND_bytes((u_char *) sessions->logins.key,
                      sizeof(sessions->logins.key))
           != 1)
    {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "RAND_bytes() failed, nobody can log in");
        return NGX_ERROR;
    }

    sessions->keyed = 1;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llm_admin_default(ngx_llm_user_t *user, ngx_log_t *log)
{
    ngx_memzero(user, sizeof(ngx_llm_user_t));

    ngx_cpystrn(user->name, (u_char *) "admin", NGX_LLM_USER_NAME);
    ngx_cpystrn(user->password, (u_char *) "test", NGX_LLM_USER_PASSWORD);

    user->role = NGX_LLM_ROLE_ADMIN;
    user->loopback = 1;

    ngx_log_error(NGX_LOG_WARN, log, 0,
                  "llm_router_api is on and no password is set: user \"admin\" "
                  "with the password \"test\" may log in, from the loopback "
                  "only; set llm_router_admin, or "
                  NGX_HTTP_LLM_ADMIN_PASSWORD " in the environment");

    return 1;
}


/* a hash takes the place of the clear password: the old one, if it fits */

static void
ngx_http_llm_admin_hash(ngx_llm_sessions_t *sessions, ngx_llm_user_t *user,
    ngx_log_t *log)
{
    u_char          clear[NGX_LLM_USER_PASSWORD];
    ngx_str_t       name;
    ngx_llm_user_t  old;

    if (user->password[0] == '$') {
        return;
    }

    name.data = user->name;
    name.len = ngx_strlen(user->name);

    ngx_memcpy(clear, user->password, NGX_LLM_USER_PASSWORD);

    if (ngx_llm_sessions_user(sessions, &name, &old) == NGX_OK
        && ngx_llm_password_is(clear, old.password))
    {
        ngx_memcpy(user->password, old.password, NGX_LLM_USER_PASSWORD);

    } else if (ngx_llm_password_hash(clear, user->password,
                                     NGX_LLM_USER_PASSWORD)
               != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "crypt() failed, \"%s\" can't log in", user->name);

        ngx_cpystrn(user->password, (u_char *) "*", NGX_LLM_USER_PASSWORD);
    }

    ngx_explicit_memzero(clear, sizeof(clear));
}
