
/*
 * $llm_router_...: what the access log may say of a request.
 */


#include "ngx_http_llm_record.h"
#include "ngx_http_llm_variables.h"


typedef enum {
    NGX_HTTP_LLM_VAR_MODEL = 0,
    NGX_HTTP_LLM_VAR_NODE,
    NGX_HTTP_LLM_VAR_KEY,
    NGX_HTTP_LLM_VAR_STATUS,
    NGX_HTTP_LLM_VAR_PROMPT,
    NGX_HTTP_LLM_VAR_COMPLETION,
    NGX_HTTP_LLM_VAR_TTFT,
    NGX_HTTP_LLM_VAR_QUEUE,
    NGX_HTTP_LLM_VAR_ATTEMPTS,
    NGX_HTTP_LLM_VAR_STREAM
} ngx_http_llm_variable_e;


static ngx_int_t ngx_http_llm_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_str_t ngx_http_llm_variable_text(ngx_http_llm_ctx_t *ctx,
    uintptr_t data);
static ngx_str_t ngx_http_llm_variable_status(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_variable_number(ngx_http_llm_ctx_t *ctx,
    uintptr_t data, u_char *p);


static ngx_http_variable_t  ngx_http_llm_variables[] = {

    { ngx_string("llm_router_model"), NULL, ngx_http_llm_variable,
      NGX_HTTP_LLM_VAR_MODEL, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_router_node"), NULL, ngx_http_llm_variable,
      NGX_HTTP_LLM_VAR_NODE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_router_key"), NULL, ngx_http_llm_variable,
      NGX_HTTP_LLM_VAR_KEY, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_router_status"), NULL, ngx_http_llm_variable,
      NGX_HTTP_LLM_VAR_STATUS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_router_prompt_tokens"), NULL, ngx_http_llm_variable,
      NGX_HTTP_LLM_VAR_PROMPT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_router_completion_tokens"), NULL, ngx_http_llm_variable,
      NGX_HTTP_LLM_VAR_COMPLETION, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_router_ttft"), NULL, ngx_http_llm_variable,
      NGX_HTTP_LLM_VAR_TTFT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_router_queue_time"), NULL, ngx_http_llm_variable,
      NGX_HTTP_LLM_VAR_QUEUE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_router_attempts"), NULL, ngx_http_llm_variable,
      NGX_HTTP_LLM_VAR_ATTEMPTS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_router_stream"), NULL, ngx_http_llm_variable,
      NGX_HTTP_LLM_VAR_STREAM, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


static ngx_int_t
ngx_http_llm_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    u_char              *p;
    ngx_int_t            n;
    ngx_str_t            text;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_ctx(r);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    text = ngx_http_llm_variable_text(ctx, data);

    if (text.len == 0) {

        p = ngx_pnalloc(r->pool, NGX_INT64_LEN + 4);
        if (p == NULL) {
            return NGX_ERROR;
        }

        n = ngx_http_llm_variable_number(ctx, data, p);

        if (n == 0) {
            v->not_found = 1;
            return NGX_OK;
        }

        text.data = p;
        text.len = n;
    }

    v->data = text.data;
    v->len = text.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_llm_variables; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_str_t
ngx_http_llm_variable_text(ngx_http_llm_ctx_t *ctx, uintptr_t data)
{
    ngx_str_t  text;

    ngx_str_null(&text);

    switch (data) {

    case NGX_HTTP_LLM_VAR_MODEL:
        text = ctx->model;
        break;

    case NGX_HTTP_LLM_VAR_NODE:
        text = ctx->node_name;
        break;

    case NGX_HTTP_LLM_VAR_KEY:
        if (ctx->key != NGX_LLM_KEY_NONE) {
            text.data = ngx_http_llm_worker.zone->keys->key[ctx->key].conf.name;
            text.len = ngx_strlen(text.data);

            /* it may be given another one while the log is written */

            text.data = ngx_pstrdup(ctx->request->pool, &text);

            if (text.data == NULL) {
                text.len = 0;
            }
        }

        break;

    case NGX_HTTP_LLM_VAR_STATUS:
        return ngx_http_llm_variable_status(ctx);

    case NGX_HTTP_LLM_VAR_STREAM:
        if (ctx->facts.stream || ctx->answer.sse) {
            ngx_str_set(&text, "1");

        } else {
            ngx_str_set(&text, "0");
        }

        break;
    }

    return text;
}


static ngx_str_t
ngx_http_llm_variable_status(ngx_http_llm_ctx_t *ctx)
{
    ngx_str_t   text;
    ngx_uint_t  error;

    switch (ngx_http_llm_record_status(ctx->request, ctx, &error)) {

    case NGX_LLM_RECORD_SUCCESS:
        ngx_str_set(&text, "ok");
        return text;

    case NGX_LLM_RECORD_CANCELLED:
        ngx_str_set(&text, "cancelled");
        return text;
    }

    if (error == NGX_LLM_ERR_NONE) {
        ngx_str_set(&text, "node_error");
        return text;
    }

    /* the admin API has codes of its own */

    text.data = (u_char *) (ctx->code ? ctx->code
                                      : ngx_llm_errors[error].code);
    text.len = ngx_strlen(text.data);

    return text;
}


/* writes it at p, and returns its length; 0: there is none */

static ngx_int_t
ngx_http_llm_variable_number(ngx_http_llm_ctx_t *ctx, uintptr_t data,
    u_char *p)
{
    ngx_msec_t  ms;

    switch (data) {

    case NGX_HTTP_LLM_VAR_PROMPT:
        if (!ctx->usage.found || ctx->usage.prompt < 0) {
            return 0;
        }

        return ngx_sprintf(p, "%L", ctx->usage.prompt) - p;

    case NGX_HTTP_LLM_VAR_COMPLETION:
        if (ctx->usage.found && ctx->usage.completion >= 0) {
            return ngx_sprintf(p, "%L", ctx->usage.completion) - p;
        }

        if (ctx->events) {

            /* as many as there were events: an estimate */

            return ngx_sprintf(p, "~%ui", ctx->events) - p;
        }

        return 0;

    case NGX_HTTP_LLM_VAR_TTFT:
        if (ctx->first == 0) {
            return 0;
        }

        ms = ctx->first - ctx->start;
        break;

    case NGX_HTTP_LLM_VAR_QUEUE:
        ms = ctx->queue_time;
        break;

    case NGX_HTTP_LLM_VAR_ATTEMPTS:
        return ngx_sprintf(p, "%ui", ctx->attempts) - p;

    default:
        return 0;
    }

    return ngx_sprintf(p, "%M.%03M", ms / 1000, ms % 1000) - p;
}
