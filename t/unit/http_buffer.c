
/*
 * The buffer of an answer: none before an answer can come, whole when it does,
 * and a connection is read by its own function again from the first read on.
 */


#include "../../src/http/ngx_http_llm_buffer.c"
#include "test.h"


static void test_kept(void);
static void test_new(void);
static void test_other(void);
static void test_second(void);
static void test_no_memory(void);
static void begin(void);
static void end(void);
static ssize_t plain(ngx_connection_t *c, u_char *buf, size_t size);
static ssize_t other(ngx_connection_t *c, u_char *buf, size_t size);


ngx_http_llm_worker_t  ngx_http_llm_worker;
ngx_module_t           ngx_http_llm_router_module;

static ngx_http_llm_ctx_t   *ctx;
static ngx_http_request_t    request;
static ngx_http_upstream_t   upstream;
static ngx_connection_t      client, kept;
static ngx_buf_t            *b;
static void                 *contexts[1];
static ngx_uint_t            allocs, fail;

static u_char               *read_at;
static size_t                read_size;


int
main(void)
{
    ctx = malloc(sizeof(ngx_http_llm_ctx_t));

    if (ctx == NULL) {
        return 1;
    }

    b = &upstream.buffer;

    test_kept();
    test_new();
    test_other();
    test_second();
    test_no_memory();

    free(ctx);

    return test_done();
}


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    if (fail) {
        return NULL;
    }

    allocs++;

    return malloc(size);
}


static void
test_kept(void)
{
    begin();

    ok(ngx_http_llm_buffer_await(ctx, &kept) == NGX_OK, "a kept connection");
    ok(ctx->buffer == NULL && allocs == 0,
       "... has no buffer before it is read");
    ok(b->start != NULL && b->pos == b->last && b->last < b->end,
       "... though the engine sees an empty one");

    is_number(kept.recv(&kept, b->last, b->end - b->last), 7, "it is read");
    ok(ctx->buffer != NULL && read_at == ctx->buffer,
       "... into a buffer, not to where the engine said");
    is_number(read_size, NGX_HTTP_LLM_BUFFER_SIZE, "... of the whole size");
    ok(b->start == ctx->buffer && b->pos == b->start && b->last == b->start
       && b->end == b->start + NGX_HTTP_LLM_BUFFER_SIZE,
       "... which the engine goes on with");
    ok(kept.recv == plain && ctx->recv == NULL,
       "and the connection has its own function again");

    end();
}


static void
test_new(void)
{
    begin();

    ok(ngx_http_llm_buffer_await(ctx, NULL) == NGX_OK
       && ctx->buffer != NULL && b->start == ctx->buffer
       && b->end == b->start + NGX_HTTP_LLM_BUFFER_SIZE,
       "a new connection has a buffer at once");
    ok(ctx->recv == NULL, "... and is read as it is");

    end();
}


/* the kept one broke before it was read */

static void
test_other(void)
{
    ngx_connection_t  tls;

    begin();

    (void) ngx_http_llm_buffer_await(ctx, &kept);
    ok(ngx_http_llm_buffer_await(ctx, NULL) == NGX_OK && ctx->recv == NULL,
       "nothing of a connection that broke is left to the next, a new one");

    end();
    begin();

    tls = kept;
    tls.recv = other;

    (void) ngx_http_llm_buffer_await(ctx, &kept);
    (void) ngx_http_llm_buffer_await(ctx, &tls);
    is_number(tls.recv(&tls, b->last, 1), 9, "... nor to another kept one");
    ok(tls.recv == other, "... which has its own function again");

    end();
}


/* an attempt after one that was read */

static void
test_second(void)
{
    u_char  *first;

    begin();

    (void) ngx_http_llm_buffer_await(ctx, &kept);
    (void) kept.recv(&kept, b->last, 1);
    first = ctx->buffer;

    ok(ngx_http_llm_buffer_await(ctx, &kept) == NGX_OK && ctx->buffer == first
       && kept.recv == plain && allocs == 1,
       "a second attempt goes on with the buffer of the first");

    end();
}


static void
test_no_memory(void)
{
    begin();
    fail = 1;

    ok(ngx_http_llm_buffer_await(ctx, NULL) == NGX_ERROR,
       "no memory for a new connection");
    ok(ngx_http_llm_buffer_await(ctx, &kept) == NGX_OK
       && kept.recv(&kept, b->last, 1) == NGX_ERROR && kept.recv == plain,
       "no memory for an answer: an error, its connection is as it was");

    fail = 0;
    end();
}


static void
begin(void)
{
    memset(ctx, 0, sizeof(ngx_http_llm_ctx_t));
    memset(&upstream, 0, sizeof(ngx_http_upstream_t));

    contexts[0] = ctx;
    ctx->request = &request;
    request.ctx = contexts;
    request.connection = &client;
    request.upstream = &upstream;

    kept.data = &request;
    kept.recv = plain;
    allocs = 0;

    ngx_http_llm_buffer_init(ctx);
}


static void
end(void)
{
    free(ctx->buffer);
}


static ssize_t
plain(ngx_connection_t *c, u_char *buf, size_t size)
{
    read_at = buf;
    read_size = size;

    return 7;
}


static ssize_t
other(ngx_connection_t *c, u_char *buf, size_t size)
{
    return 9;
}
