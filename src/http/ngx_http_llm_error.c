
/*
 * Errors in the OpenAI shape: our own, and those nginx makes in our
 * locations, which come here as an HTML page on its way out.
 */


#include "ngx_llm_scan.h"
#include "ngx_llm_text.h"
#include "ngx_http_llm_ctx.h"
#include "ngx_http_llm_error.h"


#define NGX_HTTP_LLM_MESSAGE  1024


static ngx_int_t ngx_http_llm_error_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_error_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_llm_noinline ngx_int_t ngx_http_llm_error_body(
    ngx_http_request_t *r, ngx_chain_t *in);
static ngx_uint_t ngx_http_llm_error_ours(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_error_render(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_llm_error(ngx_http_request_t *r, ngx_uint_t error,
    const char *format, ...)
{
    u_char              *p;
    va_list              args;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_ctx(r);

    ctx->error = error;
    ctx->message.len = 0;

    if (format) {

        ctx->message.data = ngx_pnalloc(r->pool, NGX_HTTP_LLM_MESSAGE);
        if (ctx->message.data == NULL) {
            ctx->error = NGX_LLM_ERR_INTERNAL;
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        va_start(args, format);
        p = ngx_vslprintf(ctx->message.data,
                          ctx->message.data + NGX_HTTP_LLM_MESSAGE, format,
                          args);
        va_end(args);

        ctx->message.len = p - ctx->message.data;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "llm error: %ui %s", ngx_llm_errors[error].status,
                   ngx_llm_errors[error].code);

    return ngx_llm_errors[error].status;
}


ngx_int_t
ngx_http_llm_error_node(ngx_http_request_t *r, ngx_uint_t error)
{
    ngx_msec_t  timeout;

    if (error != NGX_LLM_ERR_TIMEOUT) {
        return ngx_http_llm_error(r, error, NULL);
    }

    timeout = ngx_http_llm_conf(r)->upstream.read_timeout;

    return ngx_http_llm_error(r, error, "Request timeout after %M second%s",
                              (timeout + 999) / 1000,
                              (timeout > 1000) ? "s" : "");
}


ngx_int_t
ngx_http_llm_error_url(ngx_http_request_t *r)
{
    return ngx_http_llm_error(r, NGX_LLM_ERR_UNKNOWN_URL,
                              "Unknown request URL: %V %V", &r->method_name,
                              &r->uri);
}


ngx_int_t
ngx_http_llm_add_header(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    ngx_http_llm_unlinked(h);
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

    /* for $sent_http_...; our own names are written in lower case */
    h->lowcase_key = h->key.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_add_number(ngx_http_request_t *r, const char *name, uint64_t n)
{
    ngx_str_t  value;

    value.data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_llm_decimal(value.data, n) - value.data;

    return ngx_http_llm_add_header(r, name, &value);
}


ngx_int_t
ngx_http_llm_add_headers(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    const ngx_llm_key_conf_t  *key;

    if (ctx->id.len
        && ngx_http_llm_add_header(r, "x-request-id", &ctx->id) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->node_name.len
        && ngx_http_llm_add_header(r, "x-llm-router-node", &ctx->node_name)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->queued
        && ngx_http_llm_add_number(r, "x-queue-wait-ms", ctx->queue_time)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!ctx->limited) {
        return NGX_OK;
    }

    key = &ngx_http_llm_worker.zone->keys->key[ctx->key].conf;

    if (key->rpm
        && (ngx_http_llm_add_number(r, "x-ratelimit-limit-requests", key->rpm)
            != NGX_OK
            || ngx_http_llm_add_number(r, "x-ratelimit-remaining-requests",
                                       ctx->requests_left)
               != NGX_OK
            || ngx_http_llm_add_number(r, "x-ratelimit-reset-requests",
                                       (ctx->requests_reset + 999999)
                                       / 1000000)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (key->tpm
        && (ngx_http_llm_add_number(r, "x-ratelimit-limit-tokens", key->tpm)
            != NGX_OK
            || ngx_http_llm_add_number(r, "x-ratelimit-remaining-tokens",
                                       ctx->tokens_left)
               != NGX_OK
            || ngx_http_llm_add_number(r, "x-ratelimit-reset-tokens",
                                       (ctx->tokens_reset + 999999) / 1000000)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_llm_forget_node(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].hash == NGX_HTTP_LLM_OF_NODE) {
                h[i].hash = 0;
            }
        }
    }

    ngx_str_null(&r->headers_out.content_type);
    r->headers_out.content_type_len = 0;
    r->headers_out.content_encoding = NULL;
}


void
ngx_http_llm_error_filters(void)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_llm_error_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_llm_error_body_filter;
}


static ngx_int_t
ngx_http_llm_error_header_filter(ngx_http_request_t *r)
{
    ngx_http_llm_ctx_t  *ctx;

    /* a redirect is no error, and the operator's own */

    if (r->err_status < NGX_HTTP_BAD_REQUEST
        || r != r->main
        || !ngx_http_llm_error_ours(r))
    {
        return ngx_http_next_header_filter(r);
    }

    /* nginx may have refused it before it was ours */

    ctx = ngx_http_llm_get_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_error_render(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_llm_error_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    if (r->err_status == 0 || in == NULL || r != r->main) {
        return ngx_http_next_body_filter(r, in);
    }

    return ngx_http_llm_error_body(r, in);
}


static ngx_int_t
ngx_http_llm_error_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t           *b;
    ngx_chain_t         *cl, out;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_ctx(r);

    if (ctx == NULL || ctx->error_body.len == 0) {
        return ngx_http_next_body_filter(r, in);
    }

    /* nginx's page is swallowed, ours goes out once */

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = ctx->error_body.data;
    b->last = b->pos + ctx->error_body.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    ctx->error_body.len = 0;

    out.buf = b;
    out.next = NULL;

    return ngx_http_next_body_filter(r, &out);
}


/*
 * Our location's, or in a server that has such locations one that was refused
 * before a location was looked for: by nginx, as no request at all, or by the
 * server's own "return", where the URI is one for us.
 */

static ngx_uint_t
ngx_http_llm_error_ours(ngx_http_request_t *r)
{
    ngx_int_t                   rewrite;
    ngx_http_llm_srv_conf_t    *lscf;
    ngx_http_core_srv_conf_t   *cscf;
    ngx_http_core_main_conf_t  *cmcf;

    if (ngx_http_llm_conf(r)->enable || ngx_http_llm_conf(r)->api) {
        return 1;
    }

    lscf = ngx_http_get_module_srv_conf(r, ngx_http_llm_router_module);

    if (!lscf->routes) {
        return 0;
    }

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    if (r->loc_conf != cscf->ctx->loc_conf) {
        return 0;
    }

    if (r->phase_handler == 0) {
        return 1;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    rewrite = (ngx_int_t) cmcf->phase_engine.location_rewrite_index;

    /* the location is looked for in the phase before that */

    return r->phase_handler < rewrite - 1
           && ngx_strnstr(r->uri.data, "/v1/", r->uri.len) != NULL;
}


static ngx_int_t
ngx_http_llm_error_render(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    size_t      size;
    u_char     *p;
    ngx_uint_t  status;

    if (ctx->error == NGX_LLM_ERR_NONE) {
        status = r->err_status;

        /* nginx makes a 400 of headers that are too long, but lingers */

        if (status == NGX_HTTP_BAD_REQUEST && r->lingering_close
            && r->phase_handler == 0)
        {
            status = NGX_HTTP_REQUEST_HEADER_TOO_LARGE;
        }

        (void) ngx_http_llm_error_node(r, ngx_llm_error_of_status(status));
    }

    /* a node may have begun an answer that was none in the end */

    ngx_http_llm_forget_node(r);

    size = 6 * (ctx->message.len ? ctx->message.len : NGX_HTTP_LLM_MESSAGE / 6)
           + NGX_LLM_ERROR_ROOM;

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->error_body.data = p;

    p = ngx_llm_error_json(p, ctx->error, ctx->message.len ? &ctx->message
                                                           : NULL);
    *p++ = LF;

    ctx->error_body.len = p - ctx->error_body.data;

    status = ngx_llm_errors[ctx->error].status;

    if (status) {
        r->headers_out.status = status;
    }

    ngx_str_null(&r->headers_out.status_line);

    r->headers_out.content_length_n = ctx->error_body.len;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_llm_add_headers(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->retry_after
        && (ngx_http_llm_add_number(r, "retry-after", ctx->retry_after)
            != NGX_OK
            || ngx_http_llm_add_number(r, "retry-after-ms",
                                       1000 * ctx->retry_after)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}
