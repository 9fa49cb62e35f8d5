
/*
 * Which URL it is, and what follows for it.
 */


#include "ngx_http_llm_request.h"
#include "ngx_http_llm_admit.h"
#include "ngx_http_llm_auth.h"
#include "ngx_http_llm_body.h"
#include "ngx_http_llm_ctx.h"
#include "ngx_http_llm_early.h"
#include "ngx_http_llm_error.h"
#include "ngx_http_llm_models.h"


static ngx_int_t ngx_http_llm_path(ngx_http_request_t *r, ngx_str_t *path);
static ngx_int_t ngx_http_llm_post(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_post_early(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_method(ngx_http_request_t *r,
    const char *allow);


ngx_int_t
ngx_http_llm_handler(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* what "satisfy any" let pass is no error, nor what error_page led here */

    ctx->error = NGX_LLM_ERR_NONE;
    r->err_status = 0;

    if (r != r->main) {
        rc = ngx_http_llm_access_handler(r);

        if (rc != NGX_OK && rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (ngx_http_llm_path(r, &ctx->path) != NGX_OK) {
        return ngx_http_llm_error_url(r);
    }

    ctx->url = ngx_llm_openai_url(ctx->path.data, ctx->path.len);

    if (ctx->url->endpoint == NGX_LLM_MODELS
        || ctx->url->endpoint == NGX_LLM_MODEL)
    {
        if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
            return ngx_http_llm_method(r, "GET");
        }

        return ngx_http_llm_models_handler(r, ctx);
    }

    if (r->method != NGX_HTTP_POST) {
        return ctx->url->known ? ngx_http_llm_method(r, "POST")
                               : ngx_http_llm_error_url(r);
    }

    return ngx_http_llm_post(r, ctx);
}


static ngx_int_t
ngx_http_llm_post(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_llm_body_init(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    if (r->request_body || r->discard_body || r != r->main) {
        return ngx_http_llm_post_early(r);
    }

    rc = ngx_http_read_client_request_body(r, ngx_http_llm_admit_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static ngx_int_t
ngx_http_llm_post_early(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_llm_early_check(r);

    if (rc != NGX_OK) {
        return rc;
    }

    /* nginx reads nothing then, but counts */

    (void) ngx_http_read_client_request_body(r, ngx_http_llm_early_handler);

    return NGX_DONE;
}


/* what follows the first "/v1/" */

static ngx_int_t
ngx_http_llm_path(ngx_http_request_t *r, ngx_str_t *path)
{
    u_char  *p, *last;

    last = r->uri.data + r->uri.len;
    p = r->uri.data;

    if (r->uri.len < 4 || ngx_strncmp(p, "/v1/", 4) != 0) {

        p = ngx_strlcasestrn(p, last, (u_char *) "/v1/", 4 - 1);

        if (p == NULL || ngx_strncmp(p, "/v1/", 4) != 0) {
            return NGX_DECLINED;
        }
    }

    path->data = p + 4;
    path->len = last - path->data;

    return path->len ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_llm_method(ngx_http_request_t *r, const char *allow)
{
    ngx_str_t  value;

    value.data = (u_char *) allow;
    value.len = ngx_strlen(allow);

    if (ngx_http_llm_add_header(r, "Allow", &value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_llm_error(r, NGX_LLM_ERR_METHOD,
                              "Method %V is not allowed for this URL, use %s",
                              &r->method_name, allow);
}
