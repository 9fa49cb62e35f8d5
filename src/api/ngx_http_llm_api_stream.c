
#include "ngx_http_llm_api_stream.h"


#define NGX_HTTP_LLM_API_PART     (32 * 1024)
#define NGX_HTTP_LLM_API_PART_US  1000


static ngx_int_t ngx_http_llm_api_stream_begin(
    ngx_http_llm_api_stream_t *stream);
static void ngx_http_llm_api_stream_cleanup(void *data);
static void ngx_http_llm_api_stream_writer(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_api_stream_send(ngx_http_request_t *r,
    ngx_http_llm_api_stream_t *stream);
static ngx_int_t ngx_http_llm_api_stream_part(
    ngx_http_llm_api_stream_t *stream);


void
ngx_http_llm_api_stream(ngx_http_llm_api_t *api,
    ngx_http_llm_api_stream_t *stream)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = api->request;

    api->stream = stream;
    stream->api = api;

    if (ngx_http_llm_api_stream_begin(stream) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    r->write_event_handler = ngx_http_llm_api_stream_writer;

    ngx_http_llm_api_stream_writer(r);
}


static ngx_int_t
ngx_http_llm_api_stream_begin(ngx_http_llm_api_stream_t *stream)
{
    ngx_pool_cleanup_t  *cln;
    ngx_http_request_t  *r;

    r = stream->api->request;

    stream->buf = ngx_calloc_buf(r->pool);

    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (stream->buf == NULL
        || cln == NULL
        || ngx_http_llm_api_headers(stream->api) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_llm_api_stream_cleanup;
    cln->data = stream;

    if (stream->type.len) {
        r->headers_out.content_type = stream->type;
        r->headers_out.content_type_len = stream->type.len;
    }

    r->headers_out.status = NGX_HTTP_OK;

    return NGX_OK;
}


static void
ngx_http_llm_api_stream_cleanup(void *data)
{
    ngx_http_llm_api_stream_t  *stream = data;

    free(stream->text);
}


void
ngx_http_llm_api_stream_go(ngx_http_llm_api_stream_t *stream)
{
    stream->waiting = 0;

    ngx_http_llm_api_stream_writer(stream->api->request);
}


static void
ngx_http_llm_api_stream_writer(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_event_t               *wev;
    ngx_http_llm_ctx_t        *ctx;
    ngx_http_llm_api_t        *api;
    ngx_http_core_loc_conf_t  *clcf;

    ctx = ngx_http_llm_ctx(r);
    api = ctx->api;
    wev = r->connection->write;

    if (wev->timedout) {
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    rc = ngx_http_llm_api_stream_send(r, api->stream);

    if (rc != NGX_AGAIN) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    if (wev->timer_set && !wev->delayed) {
        ngx_del_timer(wev);
    }

    if (!r->buffered && !r->connection->buffered && !wev->delayed) {

        /* it takes more: others first */

        if (!api->stream->waiting) {
            ngx_post_event(wev, &ngx_posted_next_events);
        }

        return;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


/* NGX_AGAIN: not all is out; otherwise how it ended */

static ngx_int_t
ngx_http_llm_api_stream_send(ngx_http_request_t *r,
    ngx_http_llm_api_stream_t *stream)
{
    ngx_buf_t    *b;
    ngx_chain_t   out;

    b = stream->buf;

    if (ngx_buf_size(b) || stream->done || stream->waiting) {

        /* what is under way goes on */

        if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
            return NGX_ERROR;
        }

        return (ngx_buf_size(b) == 0 && stream->done) ? NGX_OK : NGX_AGAIN;
    }

    if (ngx_http_llm_api_stream_part(stream) != NGX_OK) {
        return NGX_ERROR;
    }

    if (stream->len == 0 && !stream->done) {
        return NGX_AGAIN;
    }

    b->pos = stream->text;
    b->last = stream->text + stream->len;
    b->memory = 1;
    b->flush = !stream->done;
    b->last_buf = stream->done;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    if (ngx_http_output_filter(r, &out) == NGX_ERROR) {
        return NGX_ERROR;
    }

    return (ngx_buf_size(b) == 0 && stream->done) ? NGX_OK : NGX_AGAIN;
}


static ngx_int_t
ngx_http_llm_api_stream_part(ngx_http_llm_api_stream_t *stream)
{
    ngx_int_t  rc;

    stream->len = 0;
    stream->until = ngx_http_llm_api_clock() + NGX_HTTP_LLM_API_PART_US;

    rc = stream->part(stream);

    if (rc == NGX_ERROR || stream->failed) {
        return NGX_ERROR;
    }

    stream->done = (rc == NGX_DONE);
    stream->waiting = (rc == NGX_AGAIN);

    return NGX_OK;
}


int
ngx_http_llm_api_stream_add(const char *text, size_t n, void *data)
{
    ngx_http_llm_api_stream_t  *stream = data;

    u_char  *p;

    p = ngx_http_llm_api_stream_room(stream, n);
    if (p == NULL) {
        return -1;
    }

    ngx_memcpy(p, text, n);

    stream->len += n;

    return 0;
}


u_char *
ngx_http_llm_api_stream_room(ngx_http_llm_api_stream_t *stream, size_t n)
{
    size_t   size;
    u_char  *p;

    if (n > stream->size - stream->len) {
        size = 2 * (stream->len + n) + NGX_HTTP_LLM_API_PART;

        p = realloc(stream->text, size);
        if (p == NULL) {
            stream->failed = 1;
            return NULL;
        }

        stream->text = p;
        stream->size = size;
    }

    return stream->text + stream->len;
}


ngx_uint_t
ngx_http_llm_api_stream_full(ngx_http_llm_api_stream_t *stream)
{
    return stream->len >= NGX_HTTP_LLM_API_PART
           || ngx_http_llm_api_clock() >= stream->until;
}
