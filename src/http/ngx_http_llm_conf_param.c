
#include "ngx_http_llm_conf_param.h"


/* each part of a comma-separated value as if it stood in the directive */

char *
ngx_http_llm_param_env(ngx_conf_t *cf, const char *name, const char *directive,
    char *(*set)(ngx_conf_t *cf, ngx_command_t *cmd, void *conf),
    ngx_http_llm_main_conf_t *mcf)
{
    char         *rv;
    u_char       *p, *q, *last;
    ngx_str_t     args[2], value;
    ngx_array_t  *saved, fake;

    value.data = (u_char *) getenv(name);

    if (value.data == NULL) {
        return NGX_CONF_OK;
    }

    value.len = ngx_strlen(value.data);
    value.data = ngx_pstrdup(cf->pool, &value);
    if (value.data == NULL) {
        return NGX_CONF_ERROR;
    }

    rv = NGX_CONF_OK;
    saved = cf->args;
    last = value.data + value.len;

    args[0].data = (u_char *) directive;
    args[0].len = ngx_strlen(directive);

    fake = *saved;
    fake.elts = args;
    fake.nelts = 2;

    cf->args = &fake;

    for (p = value.data; p < last && rv == NGX_CONF_OK; p = q + 1) {

        q = ngx_strlchr(p, last, ',');
        if (q == NULL) {
            q = last;
        }

        args[1].data = p;
        args[1].len = q - p;

        while (args[1].len && args[1].data[0] == ' ') {
            args[1].data++;
            args[1].len--;
        }

        while (args[1].len && args[1].data[args[1].len - 1] == ' ') {
            args[1].len--;
        }

        if (args[1].len) {
            rv = set(cf, NULL, mcf);
        }
    }

    cf->args = saved;

    return rv;
}


ngx_int_t
ngx_http_llm_param_number(ngx_conf_t *cf, ngx_str_t *param, size_t name,
    ngx_int_t max, ngx_int_t *n)
{
    *n = ngx_atoi(param->data + name, param->len - name);

    if (*n < 1 || *n > max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%V: \"%V\" must be a number from 1 to %i",
                           (ngx_str_t *) cf->args->elts, param, max);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_param_text(ngx_conf_t *cf, ngx_str_t *param, size_t name,
    u_char *dst, size_t size)
{
    size_t  i;

    if (param->len == name || param->len - name >= size) {
        return ngx_http_llm_param_bad(cf, param, "is empty or too long");
    }

    /* it stands in headers and logs */

    for (i = name; i < param->len; i++) {
        if (param->data[i] < ' ' || param->data[i] == 0x7f) {
            return ngx_http_llm_param_bad(cf, param,
                                          "holds a control character");
        }
    }

    ngx_cpystrn(dst, param->data + name, param->len - name + 1);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_param_bad(ngx_conf_t *cf, ngx_str_t *param, const char *why)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V: \"%V\" %s",
                       (ngx_str_t *) cf->args->elts, param, why);

    return NGX_ERROR;
}
