
/*
 * The head of a node's answer: read, judged, and turned into ours.
 */


#include "ngx_llm_answer.h"
#include "ngx_http_llm_answer.h"
#include "ngx_http_llm_error.h"
#include "ngx_http_llm_finish.h"


static ngx_uint_t ngx_http_llm_answer_judged(const ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_answer_no_usage(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_answer_headers(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, u_char *p, u_char *last);
static ngx_int_t ngx_http_llm_answer_header(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_header_t *h);
static ngx_uint_t ngx_http_llm_answer_what(const ngx_llm_header_t *h);
static void ngx_http_llm_answer_type(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_header_t *h);
static ngx_int_t ngx_http_llm_answer_length(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_llm_header_t *h);
static ngx_table_elt_t *ngx_http_llm_answer_push(ngx_http_request_t *r,
    const ngx_llm_header_t *h);
static void ngx_http_llm_answer_drop(ngx_http_request_t *r, const char *name);


#define NGX_HTTP_UNPROCESSABLE  422

/* for how long a node is not asked for usage that takes no such wish, s */
#define NGX_HTTP_LLM_NO_USAGE  3600


typedef enum {
    NGX_HTTP_LLM_DROP = 0,
    NGX_HTTP_LLM_TYPE,
    NGX_HTTP_LLM_LENGTH,
    NGX_HTTP_LLM_ENCODING,
    NGX_HTTP_LLM_TRANSFER,
    NGX_HTTP_LLM_CONNECTION,
    NGX_HTTP_LLM_LOCATION,
    NGX_HTTP_LLM_PASS
} ngx_http_llm_header_e;


/*
 * Headers of a node that mean something to the router or end here; all
 * others are passed on.  X-Accel-* would make nginx do things, Server and
 * Set-Cookie are the node's own business.  In the order of their lengths.
 */

typedef struct {
    ngx_str_t    name;
    ngx_uint_t   what;
} ngx_http_llm_known_t;

static const ngx_http_llm_known_t  ngx_http_llm_known[] = {
    { ngx_string("te"),                   NGX_HTTP_LLM_DROP },
    { ngx_string("date"),                 NGX_HTTP_LLM_DROP },
    { ngx_string("server"),               NGX_HTTP_LLM_DROP },
    { ngx_string("trailer"),              NGX_HTTP_LLM_DROP },
    { ngx_string("upgrade"),              NGX_HTTP_LLM_DROP },
    { ngx_string("location"),             NGX_HTTP_LLM_LOCATION },
    { ngx_string("set-cookie"),           NGX_HTTP_LLM_DROP },
    { ngx_string("keep-alive"),           NGX_HTTP_LLM_DROP },
    { ngx_string("connection"),           NGX_HTTP_LLM_CONNECTION },
    { ngx_string("content-type"),         NGX_HTTP_LLM_TYPE },
    { ngx_string("x-request-id"),         NGX_HTTP_LLM_DROP },
    { ngx_string("content-length"),       NGX_HTTP_LLM_LENGTH },
    { ngx_string("x-queue-wait-ms"),      NGX_HTTP_LLM_DROP },
    { ngx_string("content-encoding"),     NGX_HTTP_LLM_ENCODING },
    { ngx_string("proxy-connection"),     NGX_HTTP_LLM_DROP },
    { ngx_string("transfer-encoding"),    NGX_HTTP_LLM_TRANSFER },
    { ngx_string("x-llm-router-node"),    NGX_HTTP_LLM_DROP },
    { ngx_string("proxy-authenticate"),   NGX_HTTP_LLM_DROP },
    { ngx_null_string,                    NGX_HTTP_LLM_PASS }
};

/* the first row with a name of this length or more */

#define NGX_HTTP_LLM_KNOWN_MAX  18

static const u_char  ngx_http_llm_known_from[NGX_HTTP_LLM_KNOWN_MAX + 1] = {
    0, 0, 0, 1, 1, 2, 2, 3, 5, 6, 6, 9, 9, 11, 11, 12, 13, 15, 17
};


ngx_int_t
ngx_http_llm_answer_read(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    u_char                 *p, *end;
    ngx_int_t               status;
    ngx_uint_t              minor;
    ngx_http_upstream_t    *u;
    ngx_http_llm_answer_t  *answer;

    u = r->upstream;
    answer = &ctx->answer;

    for ( ;; ) {

        if (answer->scanned == NULL) {
            answer->scanned = u->buffer.pos;
        }

        end = ngx_llm_answer_end(&answer->scanned, u->buffer.last);

        if (end == NULL) {
            return NGX_AGAIN;
        }

        p = u->buffer.pos;
        status = ngx_llm_answer_status(&p, end, &minor);

        if (status == NGX_ERROR) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "llm node \"%V\" sent no valid HTTP answer",
                          &ctx->node_name);
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        u->buffer.pos = end;

        if (status >= 200) {
            break;
        }

        if (status == NGX_HTTP_SWITCHING_PROTOCOLS) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "llm node \"%V\" switches protocols, which was not "
                          "asked of it", &ctx->node_name);
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        /* 1xx: the answer is yet to come */

        answer->scanned = NULL;
    }

    answer->status = status;
    answer->length = -1;
    answer->close = (minor == 0);
    answer->head = 1;

    return ngx_http_llm_answer_headers(r, ctx, p, end);
}


/* has the answer no body, or one that must not be waited for? */

ngx_uint_t
ngx_http_llm_answer_empty(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_answer_t  *answer;

    answer = &ctx->answer;

    if (answer->status == NGX_HTTP_NO_CONTENT
        || answer->status == NGX_HTTP_NOT_MODIFIED
        || answer->length == 0)
    {
        return 1;
    }

    return answer->status >= NGX_HTTP_BAD_REQUEST && !ctx->strip;
}


/* a stream that ends before it began, as llama-cpp-python's server does it */

ngx_uint_t
ngx_http_llm_answer_hollow(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_buf_t  *b;

    b = &r->upstream->buffer;

    if (!ctx->answer.sse
        || !ctx->answer.chunked
        || b->last - b->pos < 3
        || ngx_strncmp(b->pos, "0" CRLF, 3) != 0)
    {
        return 0;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "llm node \"%V\" sent a stream without an event",
                  &ctx->node_name);

    return 1;
}


/*
 * May more of a refusal come, in which its reason stands?  One that ends by
 * the node's close, or fills the buffer, is judged by what is there.
 */

ngx_uint_t
ngx_http_llm_answer_partial(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_buf_t  *b;

    b = &r->upstream->buffer;

    if (!ngx_http_llm_answer_judged(ctx) || b->last == b->end) {
        return 0;
    }

    if (ctx->answer.chunked) {
        return b->last - b->pos < 5
               || ngx_memcmp(b->last - 5, "0" CRLF CRLF, 5) != 0;
    }

    return b->last - b->pos < ctx->answer.length;
}


/*
 * Does the node seem to refuse the wish for usage that the router put in?
 * Then it is asked again without.
 */

ngx_uint_t
ngx_http_llm_answer_refuses(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_buf_t  *b;

    b = &r->upstream->buffer;

    if (!ngx_http_llm_answer_judged(ctx)
        || ngx_strlcasestrn(b->pos, b->last, (u_char *) "stream_options",
                            sizeof("stream_options") - 2)
           == NULL)
    {
        return 0;
    }

    ctx->refused = 1;

    return 1;
}


static ngx_uint_t
ngx_http_llm_answer_judged(const ngx_http_llm_ctx_t *ctx)
{
    return ctx->strip
           && (ctx->answer.status == NGX_HTTP_BAD_REQUEST
               || ctx->answer.status == NGX_HTTP_UNPROCESSABLE);
}


/*
 * It was the wish for usage that the node refused: without, it answers.  A
 * request that is wrong otherwise may tell of that wish, too.
 */

static void
ngx_http_llm_answer_no_usage(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                  "llm node \"%V\" takes no stream_options, its streams "
                  "tell no usage", &ctx->node_name);

    ngx_http_llm_worker.zone->nodes->node[ctx->node].no_usage =
                                         ngx_time() + NGX_HTTP_LLM_NO_USAGE;
}


/* this answer is it: no other node will be asked */

ngx_int_t
ngx_http_llm_answer_commit(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_http_upstream_t  *u;

    static ngx_str_t  no_cache = ngx_string("no-cache");
    static ngx_str_t  no = ngx_string("no");

    u = r->upstream;

    ctx->error = NGX_LLM_ERR_NONE;

    if (ctx->limited) {
        ngx_http_llm_answer_drop(r, "x-ratelimit-");
    }

    u->headers_in.status_n = ctx->answer.status;
    u->state->status = ctx->answer.status;
    u->headers_in.content_length_n = ctx->answer.length;

    if (ngx_http_llm_add_headers(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ctx->answer.sse) {
        ngx_http_llm_first(ctx);
        return NGX_OK;
    }

    if (ctx->plain && ctx->answer.status < NGX_HTTP_SPECIAL_RESPONSE) {
        ngx_http_llm_answer_no_usage(r, ctx);
    }

    /* events may be taken out, and an error put in */

    u->headers_in.content_length_n = -1;

    ngx_http_llm_answer_drop(r, "cache-control");

    if (ngx_http_llm_add_header(r, "Cache-Control", &no_cache) != NGX_OK
        || ngx_http_llm_add_header(r, "X-Accel-Buffering", &no) != NGX_OK)
    {
        return NGX_ERROR;
    }

#if (NGX_HTTP_GZIP)

    /* the gzip filter would hold events back */

    r->gzip_tested = 1;
    r->gzip_ok = 0;

#endif

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_answer_headers(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    u_char *p, u_char *last)
{
    u_char            *copy;
    ngx_int_t          rc;
    ngx_llm_header_t   h;

    /* the buffer will be used again while the log may want the headers */

    copy = ngx_pnalloc(r->pool, last - p);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    last = ngx_cpymem(copy, p, last - p);
    p = copy;

    ngx_http_llm_forget_node(r);

    for ( ;; ) {

        rc = ngx_llm_answer_header(&p, last, &h);

        if (rc == NGX_DONE) {
            break;
        }

        if (rc == NGX_ERROR) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "llm node \"%V\" sent an invalid header",
                          &ctx->node_name);
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        if (rc == NGX_OK) {
            rc = ngx_http_llm_answer_header(r, ctx, &h);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* RFC 9112, 6.3: with both the chunks count */

    if (ctx->answer.chunked) {
        ctx->answer.length = -1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_answer_header(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_header_t *h)
{
    ngx_table_elt_t  *pushed;

    switch (ngx_http_llm_answer_what(h)) {

    case NGX_HTTP_LLM_TYPE:
        ngx_http_llm_answer_type(r, ctx, h);
        return NGX_OK;

    case NGX_HTTP_LLM_LENGTH:
        return ngx_http_llm_answer_length(r, ctx, h);

    case NGX_HTTP_LLM_ENCODING:
        pushed = ngx_http_llm_answer_push(r, h);
        r->headers_out.content_encoding = pushed;
        return pushed ? NGX_OK : NGX_ERROR;

    case NGX_HTTP_LLM_TRANSFER:
        ctx->answer.chunked = ngx_llm_header_holds(h->value, h->value_len,
                                                   "chunked");
        return NGX_OK;

    case NGX_HTTP_LLM_CONNECTION:
        if (ngx_llm_header_holds(h->value, h->value_len, "close")) {
            ctx->answer.close = 1;

        } else if (ngx_llm_header_holds(h->value, h->value_len,
                                        "keep-alive"))
        {
            ctx->answer.close = 0;
        }

        return NGX_OK;

    case NGX_HTTP_LLM_LOCATION:
        if (ctx->answer.status >= NGX_HTTP_SPECIAL_RESPONSE
            && ctx->answer.status < NGX_HTTP_BAD_REQUEST)
        {
            /* its client would go past the router, with its key */

            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                          "llm node \"%V\" redirects its clients, is its "
                          "URL right?", &ctx->node_name);
            return NGX_OK;
        }

        /* fall through */

    case NGX_HTTP_LLM_PASS:
        return ngx_http_llm_answer_push(r, h) ? NGX_OK : NGX_ERROR;

    default: /* NGX_HTTP_LLM_DROP */
        return NGX_OK;
    }
}


static ngx_uint_t
ngx_http_llm_answer_what(const ngx_llm_header_t *h)
{
    const ngx_http_llm_known_t  *known;

    if (h->name_len <= NGX_HTTP_LLM_KNOWN_MAX) {

        known = &ngx_http_llm_known[ngx_http_llm_known_from[h->name_len]];

        for ( /* void */ ; known->name.len == h->name_len; known++) {
            if ((h->name[0] | 0x20) == known->name.data[0]
                && ngx_llm_header_same(h->name, known->name.data,
                                       known->name.len))
            {
                return known->what;
            }
        }
    }

    if (h->name_len > sizeof("x-accel-") - 1
        && h->name[1] == '-'
        && ngx_llm_header_same(h->name, (u_char *) "x-accel-",
                               sizeof("x-accel-") - 1))
    {
        return NGX_HTTP_LLM_DROP;
    }

    return NGX_HTTP_LLM_PASS;
}


static void
ngx_http_llm_answer_type(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_header_t *h)
{
    u_char  *p, *last;

    r->headers_out.content_type.data = h->value;
    r->headers_out.content_type.len = h->value_len;

    last = h->value + h->value_len;
    p = memchr(h->value, ';', h->value_len);

    for (last = p ? p : last; last > h->value && last[-1] == ' '; last--) {
        /* void */
    }

    r->headers_out.content_type_len = last - h->value;
    r->headers_out.content_type_lowcase = NULL;

    ctx->answer.sse =
                 (r->headers_out.content_type_len
                  == sizeof("text/event-stream") - 1
                  && ngx_llm_header_same(h->value,
                                         (u_char *) "text/event-stream",
                                         sizeof("text/event-stream") - 1));
}


static ngx_int_t
ngx_http_llm_answer_length(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_llm_header_t *h)
{
    off_t  length;

    length = ngx_atoof(h->value, h->value_len);

    /* two that differ are an attempt to smuggle (RFC 9112, 6.3) */

    if (length == NGX_ERROR
        || (ctx->answer.length != -1 && ctx->answer.length != length))
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "llm node \"%V\" sent an invalid Content-Length",
                      &ctx->node_name);
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    ctx->answer.length = length;

    return NGX_OK;
}


static ngx_table_elt_t *
ngx_http_llm_answer_push(ngx_http_request_t *r, const ngx_llm_header_t *h)
{
    ngx_table_elt_t  *pushed;

    pushed = ngx_list_push(&r->headers_out.headers);
    if (pushed == NULL) {
        return NULL;
    }

    pushed->hash = NGX_HTTP_LLM_OF_NODE;
    ngx_http_llm_unlinked(pushed);
    pushed->key.data = h->name;
    pushed->key.len = h->name_len;
    pushed->value.data = h->value;
    pushed->value.len = h->value_len;
    pushed->lowcase_key = NULL;

    return pushed;
}


/* the node's headers that are called so, or whose names begin like this */

static void
ngx_http_llm_answer_drop(ngx_http_request_t *r, const char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].hash == NGX_HTTP_LLM_OF_NODE
                && h[i].key.len >= len
                && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
            {
                h[i].hash = 0;
            }
        }
    }
}
