
#include "ngx_http_llm_conf_history.h"
#include "ngx_http_llm_conf_param.h"
#include "ngx_http_llm_secret.h"


#define NGX_HTTP_LLM_HISTORY_SIZE       10000
#define NGX_HTTP_LLM_HISTORY_SIZE_MAX   10000000
#define NGX_HTTP_LLM_HISTORY_RETENTION  (7 * 24 * 3600)

#define NGX_HTTP_LLM_HISTORY_BODIES_MAX  (64 * 1024)

#define NGX_HTTP_LLM_REDIS_PREFIX       64


static ngx_int_t ngx_http_llm_history_param(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf, ngx_str_t *param);
static ngx_int_t ngx_http_llm_history_keep(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf, ngx_str_t *param);
static ngx_int_t ngx_http_llm_history_keep_bodies(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf, ngx_str_t *param);
static ngx_int_t ngx_http_llm_redis_where(ngx_conf_t *cf,
    ngx_llm_redis_conf_t *redis, ngx_str_t *value);
static ngx_int_t ngx_http_llm_redis_host(ngx_conf_t *cf,
    ngx_llm_redis_conf_t *redis, const ngx_str_t *host);
static ngx_int_t ngx_http_llm_redis_param(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf, ngx_str_t *param);
static ngx_int_t ngx_http_llm_redis_tls(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf, ngx_str_t *param);
static ngx_int_t ngx_http_llm_redis_text(ngx_conf_t *cf, ngx_str_t *param,
    size_t name, ngx_str_t *text);


char *
ngx_http_llm_history_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t  *mcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    if (mcf->history_size != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    mcf->history_size = NGX_HTTP_LLM_HISTORY_SIZE;
    mcf->history_retention = NGX_HTTP_LLM_HISTORY_RETENTION;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_llm_history_param(cf, mcf, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_history_param(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf,
    ngx_str_t *param)
{
    ngx_int_t  n;

    if (ngx_http_llm_param_is(param, "size=")) {

        if (ngx_http_llm_param_number(cf, param, sizeof("size=") - 1,
                                      NGX_HTTP_LLM_HISTORY_SIZE_MAX, &n)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        mcf->history_size = n;

        return NGX_OK;
    }

    if (ngx_http_llm_param_is(param, "retention=")) {
        return ngx_http_llm_history_keep(cf, mcf, param);
    }

    if (ngx_http_llm_param_is(param, "bodies=")) {
        return ngx_http_llm_history_keep_bodies(cf, mcf, param);
    }

    return ngx_http_llm_param_bad(cf, param, "is none of size=N, "
                                  "retention=TIME, bodies=off|SIZE");
}


static ngx_int_t
ngx_http_llm_history_keep(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf,
    ngx_str_t *param)
{
    ngx_int_t  n;
    ngx_str_t  text;

    text.data = param->data + sizeof("retention=") - 1;
    text.len = param->len - (sizeof("retention=") - 1);

    n = ngx_parse_time(&text, 1);

    if (n < 1) {
        return ngx_http_llm_param_bad(cf, param, "is no time of 1s or more");
    }

    mcf->history_retention = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_history_keep_bodies(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *mcf, ngx_str_t *param)
{
    ssize_t    n;
    ngx_str_t  text;

    text.data = param->data + sizeof("bodies=") - 1;
    text.len = param->len - (sizeof("bodies=") - 1);

    if (text.len == 3 && ngx_strncmp(text.data, "off", 3) == 0) {
        mcf->history_bodies = 0;
        return NGX_OK;
    }

    n = ngx_parse_size(&text);

    if (n < 1 || n > NGX_HTTP_LLM_HISTORY_BODIES_MAX) {
        return ngx_http_llm_param_bad(cf, param, "must be \"off\" or a size "
                                      "up to 64k");
    }

    mcf->history_bodies = n;

    return NGX_OK;
}


char *
ngx_http_llm_redis_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t  *mcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    if (mcf->redis) {
        return "is duplicate";
    }

    mcf->redis = ngx_pcalloc(cf->pool, sizeof(ngx_llm_redis_conf_t));
    if (mcf->redis == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&mcf->redis->prefix, "llm:");

    value = cf->args->elts;

    if (ngx_http_llm_redis_where(cf, mcf->redis, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_llm_redis_param(cf, mcf, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* names are looked up now, as those of nodes in nginx.conf are */

static ngx_int_t
ngx_http_llm_redis_where(ngx_conf_t *cf, ngx_llm_redis_conf_t *redis,
    ngx_str_t *value)
{
    ngx_url_t  u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *value;
    u.default_port = 6379;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs == 0) {
        return ngx_http_llm_param_bad(cf, value, u.err ? u.err
                                                    : "has no address");
    }

    redis->name = *value;
    redis->addrs = u.addrs;
    redis->naddrs = u.naddrs;

    return ngx_http_llm_redis_host(cf, redis, &u.host);
}


/* as the certificate has it: without the brackets of IPv6 */

static ngx_int_t
ngx_http_llm_redis_host(ngx_conf_t *cf, ngx_llm_redis_conf_t *redis,
    const ngx_str_t *host)
{
    ngx_str_t  h;

    h = *host;

    if (h.len > 2 && h.data[0] == '[') {
        h.data++;
        h.len -= 2;
    }

    redis->host.len = h.len;
    redis->host.data = ngx_pnalloc(cf->pool, h.len + 1);
    if (redis->host.data == NULL) {
        return NGX_ERROR;
    }

    ngx_cpystrn(redis->host.data, h.data, h.len + 1);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_redis_param(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf,
    ngx_str_t *param)
{
    ngx_int_t              n;
    ngx_str_t              password;
    ngx_llm_redis_conf_t  *redis;

    redis = mcf->redis;

    if (ngx_http_llm_param_is(param, "password=")) {
        password.data = param->data + sizeof("password=") - 1;
        password.len = param->len - (sizeof("password=") - 1);

        return ngx_http_llm_password(cf, "llm_router_redis", &password,
                                     redis->password, NGX_LLM_REDIS_PASSWORD);
    }

    if (ngx_http_llm_param_is(param, "user=")) {
        return ngx_http_llm_redis_text(cf, param, sizeof("user=") - 1,
                                       &redis->user);
    }

    if (ngx_http_llm_param_is(param, "prefix=")) {
        return ngx_http_llm_redis_text(cf, param, sizeof("prefix=") - 1,
                                       &redis->prefix);
    }

    if (ngx_http_llm_param_is(param, "db=")) {
        n = ngx_atoi(param->data + 3, param->len - 3);

        if (n == NGX_ERROR || n > 65535) {
            return ngx_http_llm_param_bad(cf, param,
                                          "must be a number from 0 to 65535");
        }

        redis->db = n;

        return NGX_OK;
    }

    if (param->len == 3 && ngx_http_llm_param_is(param, "tls")) {
        return ngx_http_llm_redis_tls(cf, mcf, param);
    }

    /* not which one: it may be a password under a mistyped name */

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "llm_router_redis takes db=, user=, password=, prefix= "
                       "and tls, and nothing else");

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_llm_redis_tls(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf,
    ngx_str_t *param)
{
    if (mcf->redis->addrs[0].sockaddr->sa_family == AF_UNIX) {
        return ngx_http_llm_param_bad(cf, param, "is not for unix:");
    }

    mcf->redis_tls = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_redis_text(ngx_conf_t *cf, ngx_str_t *param, size_t name,
    ngx_str_t *text)
{
    text->data = ngx_pnalloc(cf->pool, NGX_HTTP_LLM_REDIS_PREFIX);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    text->len = param->len - name;

    return ngx_http_llm_param_text(cf, param, name, text->data,
                                   NGX_HTTP_LLM_REDIS_PREFIX);
}


char *
ngx_http_llm_history_defaults(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf)
{
    char  *rv;

    if (mcf->history_size == NGX_CONF_UNSET_UINT) {
        mcf->history_size = NGX_HTTP_LLM_HISTORY_SIZE;
        mcf->history_retention = NGX_HTTP_LLM_HISTORY_RETENTION;
    }

    if (mcf->redis) {
        return NGX_CONF_OK;
    }

    rv = ngx_http_llm_param_env(cf, "LLM_ROUTER_REDIS", "llm_router_redis",
                                ngx_http_llm_redis_slot, mcf);

    if (rv != NGX_CONF_OK && rv != NGX_CONF_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "LLM_ROUTER_REDIS holds more than one address");
        return NGX_CONF_ERROR;
    }

    return rv;
}
