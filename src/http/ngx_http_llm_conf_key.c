
/*
 * llm_router_key: the rows of the key table to be.
 */


#include "ngx_llm_rate.h"
#include "ngx_llm_sha256.h"
#include "ngx_http_llm_conf_key.h"
#include "ngx_http_llm_conf_param.h"
#include "ngx_http_llm_secret.h"


static ngx_int_t ngx_http_llm_key_value(ngx_conf_t *cf,
    ngx_llm_key_conf_t *key, ngx_str_t *value);
static ngx_int_t ngx_http_llm_key_param(ngx_conf_t *cf,
    ngx_llm_key_conf_t *key, ngx_str_t *param);
static ngx_int_t ngx_http_llm_key_scopes(ngx_conf_t *cf,
    ngx_llm_key_conf_t *key, ngx_str_t *param);


static const struct {
    ngx_str_t   name;
    ngx_uint_t  scope;
} ngx_http_llm_scopes[] = {
    { ngx_string("inference"), NGX_LLM_SCOPE_INFERENCE },
    { ngx_string("node"), NGX_LLM_SCOPE_NODE },
    { ngx_string("admin"), NGX_LLM_SCOPE_ADMIN },
    { ngx_string("approve"), NGX_LLM_SCOPE_APPROVE }
};


char *
ngx_http_llm_key_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t  *mcf = conf;

    u_char              *p;
    ngx_str_t           *value;
    ngx_uint_t           i;
    ngx_llm_key_conf_t  *key, *other;

    value = cf->args->elts;

    key = ngx_array_push(&mcf->keys);
    if (key == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(key, sizeof(ngx_llm_key_conf_t));

    key->is_static = 1;
    key->scopes = NGX_LLM_SCOPE_INFERENCE;

    if (ngx_http_llm_key_value(cf, key, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_llm_key_param(cf, key, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (key->name[0] == '\0') {
        p = ngx_snprintf(key->name, NGX_LLM_KEY_NAME - 1, "key-%ui",
                         mcf->keys.nelts);
        *p = '\0';
    }

    other = mcf->keys.elts;

    for (i = 0; i < mcf->keys.nelts - 1; i++) {
        if (ngx_memcmp(other[i].hash, key->hash, NGX_LLM_KEY_HASH) == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_router_key \"%s\" has the same value as "
                               "\"%s\"", key->name, other[i].name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_llm_keys_of_env(ngx_conf_t *cf, ngx_http_llm_main_conf_t *mcf)
{
    return ngx_http_llm_param_env(cf, "LLM_ROUTER_API_KEYS", "llm_router_key",
                               ngx_http_llm_key_slot, mcf);
}


static ngx_int_t
ngx_http_llm_key_value(ngx_conf_t *cf, ngx_llm_key_conf_t *key,
    ngx_str_t *value)
{
    u_char     secret[1024];
    size_t     i;
    ngx_int_t  n;

    if (ngx_http_llm_param_is(value, "sha256:")) {

        for (i = 0; i < NGX_LLM_KEY_HASH; i++) {

            if (value->len != 7 + 2 * NGX_LLM_KEY_HASH) {
                break;
            }

            n = ngx_hextoi(value->data + 7 + 2 * i, 2);
            if (n == NGX_ERROR) {
                break;
            }

            key->hash[i] = (u_char) n;
        }

        if (i == NGX_LLM_KEY_HASH) {
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_router_key: sha256: wants 64 hexadecimal "
                           "digits");
        return NGX_ERROR;
    }

    if (ngx_http_llm_secret(cf, "llm_router_key", value, secret,
                            sizeof(secret))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_llm_sha256(secret, ngx_strlen(secret), key->hash);

    ngx_explicit_memzero(secret, sizeof(secret));

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_key_param(ngx_conf_t *cf, ngx_llm_key_conf_t *key,
    ngx_str_t *param)
{
    ngx_int_t  n;

    if (ngx_http_llm_param_is(param, "name=")) {
        return ngx_http_llm_param_text(cf, param, 5, key->name,
                                       NGX_LLM_KEY_NAME);
    }

    if (ngx_http_llm_param_is(param, "models=")) {
        return ngx_http_llm_param_text(cf, param, 7, key->models,
                                       NGX_LLM_KEY_MODELS);
    }

    if (ngx_http_llm_param_is(param, "scopes=")) {
        return ngx_http_llm_key_scopes(cf, key, param);
    }

    if (ngx_http_llm_param_is(param, "rpm=")) {
        if (ngx_http_llm_param_number(cf, param, 4, NGX_LLM_RATE_MAX, &n)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        key->rpm = n;
        return NGX_OK;
    }

    if (ngx_http_llm_param_is(param, "tpm=")) {
        if (ngx_http_llm_param_number(cf, param, 4, NGX_LLM_RATE_MAX, &n)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        key->tpm = n;
        return NGX_OK;
    }

    if (ngx_http_llm_param_is(param, "max_concurrent=")) {
        if (ngx_http_llm_param_number(cf, param, 15, 1000000, &n) != NGX_OK) {
            return NGX_ERROR;
        }

        key->max_concurrent = n;
        return NGX_OK;
    }

    if (ngx_http_llm_param_is(param, "priority=")) {
        if (ngx_http_llm_param_number(cf, param, 9, 100, &n) != NGX_OK) {
            return NGX_ERROR;
        }

        key->priority = n;
        return NGX_OK;
    }

    if (ngx_http_llm_param_is(param, "expires=")) {
        return ngx_http_llm_expires(cf, param, 8, &key->expires);
    }

    return ngx_http_llm_param_bad(cf, param, "is invalid");
}


/* "scopes=inference,node": each one of the table, "approve" with "node" */

static ngx_int_t
ngx_http_llm_key_scopes(ngx_conf_t *cf, ngx_llm_key_conf_t *key,
    ngx_str_t *param)
{
    u_char      *p, *q, *last;
    ngx_uint_t   i, n, scopes;

    n = sizeof(ngx_http_llm_scopes) / sizeof(ngx_http_llm_scopes[0]);
    last = param->data + param->len;
    scopes = 0;

    for (p = param->data + sizeof("scopes=") - 1; p <= last; p = q + 1) {

        q = ngx_strlchr(p, last, ',');
        if (q == NULL) {
            q = last;
        }

        for (i = 0; i < n; i++) {
            if (ngx_http_llm_scopes[i].name.len == (size_t) (q - p)
                && ngx_strncmp(ngx_http_llm_scopes[i].name.data, p, q - p)
                   == 0)
            {
                break;
            }
        }

        if (i == n) {
            return ngx_http_llm_param_bad(cf, param, "must be of \"inference\","
                                          " \"node\", \"admin\", "
                                          "\"approve\"");
        }

        scopes |= ngx_http_llm_scopes[i].scope;
    }

    if ((scopes & NGX_LLM_SCOPE_APPROVE) && !(scopes & NGX_LLM_SCOPE_NODE)) {
        return ngx_http_llm_param_bad(cf, param,
                                      "has \"approve\" without \"node\"");
    }

    key->scopes = scopes;

    return NGX_OK;
}
