
/*
 * How a request of the admin API ends.
 */


#include "ngx_http_llm_api.h"
#include "ngx_http_llm_error.h"


#define NGX_HTTP_LLM_API_MESSAGE  1024


static ngx_int_t ngx_http_llm_api_send(ngx_http_llm_api_t *api,
    ngx_uint_t status, const char *text, size_t n);
static const char *ngx_http_llm_api_error_type(ngx_uint_t status);


void
ngx_http_llm_api_reply(ngx_http_llm_api_t *api, ngx_uint_t status,
    json_t *json)
{
    char       *text;
    ngx_int_t   rc;

    text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    json_decref(json);

    if (text == NULL) {
        ngx_http_finalize_request(api->request,
                                  NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    rc = ngx_http_llm_api_send(api, status, text, ngx_strlen(text));

    /* a new key may stand in it */

    ngx_explicit_memzero(text, ngx_strlen(text));
    free(text);

    ngx_http_finalize_request(api->request, rc);
}


void
ngx_http_llm_api_raw(ngx_http_llm_api_t *api, ngx_uint_t status,
    const char *text, size_t n)
{
    ngx_http_finalize_request(api->request,
                              ngx_http_llm_api_send(api, status, text, n));
}


void
ngx_http_llm_api_done(ngx_http_llm_api_t *api)
{
    ngx_http_request_t  *r;

    r = api->request;

    if (ngx_http_llm_api_headers(api) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    ngx_http_finalize_request(r, ngx_http_send_header(r));
}


void
ngx_http_llm_api_fail(ngx_http_llm_api_t *api, ngx_uint_t status,
    const char *code, const char *param, const char *format, ...)
{
    u_char               text[NGX_HTTP_LLM_API_MESSAGE], *p;
    json_t              *error, *message;
    va_list              args;
    ngx_http_llm_ctx_t  *ctx;

    va_start(args, format);
    p = ngx_vslprintf(text, text + sizeof(text), format, args);
    va_end(args);

    /* cut in the middle of a character, say: then it is said in general */

    message = json_stringn((char *) text, p - text);
    if (message == NULL) {
        message = json_string("The request failed");
    }

    error = json_pack("{s:{s:o,s:s,s:s?,s:s}}", "error", "message", message,
                      "type", ngx_http_llm_api_error_type(status),
                      "param", param, "code", code);

    ctx = ngx_http_llm_ctx(api->request);

    if (ctx) {
        ctx->code = code;
    }

    ngx_log_error(NGX_LOG_INFO, api->request->connection->log, 0,
                  "llm api: %ui %s", status, code);

    ngx_http_llm_api_reply(api, status, error);
}


ngx_int_t
ngx_http_llm_api_header(ngx_http_llm_api_t *api, const char *name,
    const ngx_str_t *value)
{
    return ngx_http_llm_add_header(api->request, name, value);
}


ngx_int_t
ngx_http_llm_api_headers(ngx_http_llm_api_t *api)
{
    ngx_http_request_t  *r;

    static const ngx_str_t  no_store = ngx_string("no-store");
    static const ngx_str_t  nosniff = ngx_string("nosniff");

    r = api->request;

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_llm_add_header(r, "cache-control", &no_store) != NGX_OK
        || ngx_http_llm_add_header(r, "x-content-type-options", &nosniff)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_api_send(ngx_http_llm_api_t *api, ngx_uint_t status,
    const char *text, size_t n)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = api->request;

    b = ngx_create_temp_buf(r->pool, n + 1);

    if (b == NULL || ngx_http_llm_api_headers(api) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_cpymem(b->last, text, n);
    *b->last++ = LF;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    r->headers_out.status = status;
    r->headers_out.content_length_n = n + 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static const char *
ngx_http_llm_api_error_type(ngx_uint_t status)
{
    switch (status) {

    case NGX_HTTP_UNAUTHORIZED:
        return "authentication_error";

    case NGX_HTTP_FORBIDDEN:
        return "permission_error";

    case NGX_HTTP_TOO_MANY_REQUESTS:
        return "rate_limit_error";

    default:
        return (status >= NGX_HTTP_INTERNAL_SERVER_ERROR)
               ? "server_error" : "invalid_request_error";
    }
}
