
/*
 * Other names for models: exact ones first, then patterns in their order.
 */


#include "ngx_llm_text.h"
#include "ngx_http_llm_alias.h"


static ngx_int_t ngx_http_llm_alias_find(ngx_http_request_t *r,
    ngx_array_t *aliases, ngx_str_t *name, ngx_http_llm_alias_t **found);
static ngx_int_t ngx_http_llm_alias_text(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);


char *
ngx_http_llm_alias_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t  *llcf = conf;

    ngx_str_t                         *value;
    ngx_http_llm_alias_t              *alias;
    ngx_http_compile_complex_value_t   ccv;
#if (NGX_PCRE)
    ngx_regex_compile_t                rc;
    u_char                             errstr[NGX_MAX_CONF_ERRSTR];
#endif

    value = cf->args->elts;

    if (llcf->aliases == NGX_CONF_UNSET_PTR) {
        llcf->aliases = ngx_array_create(cf->pool, 4,
                                         sizeof(ngx_http_llm_alias_t));
        if (llcf->aliases == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    alias = ngx_array_push(llcf->aliases);
    if (alias == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(alias, sizeof(ngx_http_llm_alias_t));

    if (value[1].len == 0 || value[2].len == 0) {
        return "has an empty name";
    }

    if (value[1].data[0] == '~') {

#if (NGX_PCRE)
        ngx_memzero(&rc, sizeof(ngx_regex_compile_t));

        rc.pattern.data = value[1].data + 1;
        rc.pattern.len = value[1].len - 1;
        rc.err.len = NGX_MAX_CONF_ERRSTR;
        rc.err.data = errstr;

        alias->regex = ngx_http_regex_compile(cf, &rc);
        if (alias->regex == NULL) {
            return NGX_CONF_ERROR;
        }
#else
        return "wants a pattern, which needs PCRE";
#endif

    } else {
        alias->name = value[1];
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[2];
    ccv.complex_value = &alias->target;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_llm_alias(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t              rc;
    ngx_http_llm_alias_t  *alias;

    ctx->model.data = ctx->facts.model;
    ctx->model.len = ctx->facts.model_len;

    if (ctx->llcf->aliases == NULL) {
        return NGX_OK;
    }

    rc = ngx_http_llm_alias_find(r, ctx->llcf->aliases, &ctx->model, &alias);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    if (ngx_http_complex_value(r, &alias->target, &ctx->model) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->model.len == 0 || ctx->model.len > NGX_LLM_MODEL_NAME) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "llm alias makes a model name of %uz bytes",
                      ctx->model.len);
        return NGX_ERROR;
    }

    return ngx_http_llm_alias_text(r, ctx);
}


static ngx_int_t
ngx_http_llm_alias_find(ngx_http_request_t *r, ngx_array_t *aliases,
    ngx_str_t *name, ngx_http_llm_alias_t **found)
{
    ngx_uint_t             i;
    ngx_http_llm_alias_t  *alias;
#if (NGX_PCRE)
    ngx_int_t              rc;
#endif

    alias = aliases->elts;

    for (i = 0; i < aliases->nelts; i++) {

        if (alias[i].name.len == name->len
            && ngx_memcmp(alias[i].name.data, name->data, name->len) == 0)
        {
            *found = &alias[i];
            return NGX_OK;
        }
    }

#if (NGX_PCRE)

    for (i = 0; i < aliases->nelts; i++) {

        if (alias[i].regex == NULL) {
            continue;
        }

        rc = ngx_http_regex_exec(r, alias[i].regex, name);

        if (rc != NGX_DECLINED) {
            *found = &alias[i];
            return rc;
        }
    }

#endif

    return NGX_DECLINED;
}


/* the new name as it will stand in the body */

static ngx_int_t
ngx_http_llm_alias_text(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    u_char  *p;

    if (ctx->facts.multipart) {
        ctx->model_json = ctx->model;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, 6 * ctx->model.len + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->model_json.data = p;

    *p++ = '"';
    p = ngx_llm_json_escape(p, ctx->model.data, ctx->model.len);
    *p++ = '"';

    ctx->model_json.len = p - ctx->model_json.data;

    return NGX_OK;
}
