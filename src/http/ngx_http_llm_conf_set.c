
/*
 * Setters of directives with values of their own.
 */


#include "ngx_http_llm_conf_set.h"


static const ngx_conf_enum_t  ngx_http_llm_balances[] = {
    { ngx_string("least_load"), NGX_LLM_LEAST_LOAD },
    { ngx_string("round_robin"), NGX_LLM_ROUND_ROBIN },
    { ngx_null_string, 0 }
};


char *
ngx_http_llm_zone_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t  *mcf = conf;

    u_char     *p;
    ssize_t     size;
    ngx_str_t  *value, s;

    if (mcf->zone_size) {
        return "is duplicate";
    }

    value = cf->args->elts;

    p = (u_char *) ngx_strchr(value[1].data, ':');

    if (p == NULL || p == value[1].data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_router_zone \"%V\" must be name:size",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    s.data = p + 1;
    s.len = value[1].data + value[1].len - s.data;

    size = ngx_parse_size(&s);

    if (size < (ssize_t) NGX_LLM_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_router_zone \"%V\": the size must be 1m or "
                           "more", &value[1]);
        return NGX_CONF_ERROR;
    }

    mcf->zone_name.data = value[1].data;
    mcf->zone_name.len = p - value[1].data;
    mcf->zone_size = size;

    return NGX_CONF_OK;
}


char *
ngx_http_llm_health_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t  *mcf = conf;

    ngx_int_t    n;
    ngx_str_t   *value, s;
    ngx_uint_t   i;

    if (mcf->health_interval != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    mcf->health_interval = 10000;
    mcf->health_timeout = 5000;
    mcf->health_fails = 2;
    mcf->health_passes = 1;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        s.data = (u_char *) ngx_strchr(value[i].data, '=');

        if (s.data == NULL) {
            goto invalid;
        }

        s.data++;
        s.len = value[i].data + value[i].len - s.data;

        if (ngx_strncmp(value[i].data, "interval=", 9) == 0) {
            n = ngx_parse_time(&s, 0);

            if (n < 100) {
                goto invalid;
            }

            mcf->health_interval = n;

        } else if (ngx_strncmp(value[i].data, "timeout=", 8) == 0) {
            n = ngx_parse_time(&s, 0);

            if (n < 1) {
                goto invalid;
            }

            mcf->health_timeout = n;

        } else if (ngx_strncmp(value[i].data, "fails=", 6) == 0) {
            n = ngx_atoi(s.data, s.len);

            if (n < 1) {
                goto invalid;
            }

            mcf->health_fails = n;

        } else if (ngx_strncmp(value[i].data, "passes=", 7) == 0) {
            n = ngx_atoi(s.data, s.len);

            if (n < 1) {
                goto invalid;
            }

            mcf->health_passes = n;

        } else {
            goto invalid;
        }
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "llm_router_health: \"%V\" is none of interval=TIME "
                       "(100ms or more), timeout=TIME, fails=N, passes=N",
                       &value[i]);

    return NGX_CONF_ERROR;
}


char *
ngx_http_llm_queue_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t  *llcf = conf;

    ngx_int_t    n;
    ngx_str_t   *value, s;
    ngx_uint_t   i;

    if (llcf->queue_size != NGX_CONF_UNSET_UINT
        || llcf->queue_timeout != NGX_CONF_UNSET_MSEC)
    {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "size=", 5) == 0) {
            n = ngx_atoi(value[i].data + 5, value[i].len - 5);

            if (n == NGX_ERROR || n > NGX_HTTP_LLM_QUEUE_MAX) {
                goto invalid;
            }

            llcf->queue_size = n;
            continue;
        }

        if (ngx_strncmp(value[i].data, "timeout=", 8) == 0) {
            s.data = value[i].data + 8;
            s.len = value[i].len - 8;

            n = ngx_parse_time(&s, 0);

            if (n < 1) {
                goto invalid;
            }

            llcf->queue_timeout = n;
            continue;
        }

        goto invalid;
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "llm_router_queue: \"%V\" is none of size=N (0 to "
                       "%d), timeout=TIME", &value[i], NGX_HTTP_LLM_QUEUE_MAX);

    return NGX_CONF_ERROR;
}


char *
ngx_http_llm_max_concurrent_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_llm_loc_conf_t  *llcf = conf;

    ngx_int_t                  n;
    ngx_str_t                 *value;
    ngx_http_llm_main_conf_t  *mcf;

    if (llcf->max_concurrent != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > 1000000) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_router_max_concurrent: \"%V\" must be a "
                           "number from 1 to 1000000", &value[1]);
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_router_module);

    llcf->max_concurrent = n;
    llcf->group = 0;

    if (cf->cmd_type == NGX_HTTP_MAIN_CONF) {
        return NGX_CONF_OK;
    }

    if (mcf->groups == NGX_LLM_ZONE_GROUPS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_router_max_concurrent: at most %ui servers and "
                           "locations may have their own",
                           (ngx_uint_t) NGX_LLM_ZONE_GROUPS - 1);
        return NGX_CONF_ERROR;
    }

    llcf->group = mcf->groups++;

    return NGX_CONF_OK;
}


char *
ngx_http_llm_tries_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t  *llcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (llcf->tries != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > NGX_LLM_CHOOSE_TRIED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_router_tries: \"%V\" must be a number from 1 "
                           "to %d", &value[1], NGX_LLM_CHOOSE_TRIED);
        return NGX_CONF_ERROR;
    }

    llcf->tries = n;

    return NGX_CONF_OK;
}


char *
ngx_http_llm_balance_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t  *llcf = conf;

    ngx_str_t              *value;
    const ngx_conf_enum_t  *e;

    if (llcf->balance != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (e = ngx_http_llm_balances; e->name.len; e++) {

        if (e->name.len == value[1].len
            && ngx_strncmp(e->name.data, value[1].data, value[1].len) == 0)
        {
            llcf->balance = e->value;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "llm_router_balance: \"%V\" is none of least_load, "
                       "round_robin", &value[1]);

    return NGX_CONF_ERROR;
}


char *
ngx_http_llm_time_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_int_t    n;
    ngx_str_t   *value;
    ngx_msec_t  *time;

    time = (ngx_msec_t *) ((u_char *) conf + cmd->offset);

    if (*time != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_parse_time(&value[1], 0);

    if (n < 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%V: \"%V\" is no time of 1ms or more", &value[0],
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    *time = n;

    return NGX_CONF_OK;
}
