
/*
 * The request that a node gets.
 */


#include "ngx_llm_answer.h"
#include "ngx_llm_text.h"
#include "ngx_http_llm_head.h"
#include "ngx_http_llm_body.h"
#include "ngx_http_llm_header.h"
#include "ngx_http_llm_peer.h"


static void ngx_http_llm_head_again(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_uint_t ngx_http_llm_head_edits(ngx_http_llm_ctx_t *ctx,
    ngx_llm_edit_t *edits);
static ngx_buf_t *ngx_http_llm_head_buf(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, off_t length);
static size_t ngx_http_llm_head_size(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, ngx_uint_t *names);
static u_char *ngx_http_llm_head_path(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx, u_char *p);
static u_char *ngx_http_llm_head_headers(ngx_http_request_t *r, u_char *p,
    ngx_uint_t names);
static u_char *ngx_http_llm_head_part(ngx_http_request_t *r, u_char *p,
    const ngx_list_part_t *part, ngx_uint_t names);
static ngx_inline ngx_uint_t ngx_http_llm_head_whole(
    const ngx_table_elt_t *h);
static u_char *ngx_http_llm_head_piece(u_char *p, const ngx_table_elt_t *h,
    const ngx_table_elt_t *last);
static ngx_uint_t ngx_http_llm_head_uuid(const ngx_str_t *id);
static ngx_inline ngx_uint_t ngx_http_llm_head_private(
    const ngx_table_elt_t *h);
static ngx_uint_t ngx_http_llm_head_names(const ngx_table_elt_t *h);
static ngx_uint_t ngx_http_llm_head_named(ngx_http_request_t *r,
    const ngx_table_elt_t *h);


/*
 * Headers that end here: hop-by-hop (RFC 9110, 7.6.1), the client's secrets,
 * and those that the router writes itself.  Accept-Encoding too, since usage
 * could not be read in a compressed answer.
 */

static ngx_str_t  ngx_http_llm_private[] = {
    ngx_string("host"),
    ngx_string("connection"),
    ngx_string("keep-alive"),
    ngx_string("proxy-connection"),
    ngx_string("proxy-authorization"),
    ngx_string("proxy-authenticate"),
    ngx_string("te"),
    ngx_string("trailer"),
    ngx_string("transfer-encoding"),
    ngx_string("upgrade"),
    ngx_string("http2-settings"),
    ngx_string("expect"),
    ngx_string("content-length"),
    ngx_string("authorization"),
    ngx_string("x-api-key"),
    ngx_string("api-key"),
    ngx_string("cookie"),
    ngx_string("accept-encoding"),
    ngx_string("x-request-id")
};

#define NGX_HTTP_LLM_PRIVATE  (sizeof(ngx_http_llm_private) / sizeof(ngx_str_t))

/*
 * Found by nginx's own hash of a header's name: the row, + 1, by its low bits,
 * and the next one with the same.  Most headers end at the first look.
 */

static u_char  ngx_http_llm_private_at[256];
static u_char  ngx_http_llm_private_next[NGX_HTTP_LLM_PRIVATE];


void
ngx_http_llm_head_init(void)
{
    u_char      *at;
    ngx_str_t   *name;
    ngx_uint_t   i;

    ngx_memzero(ngx_http_llm_private_at, sizeof(ngx_http_llm_private_at));

    for (i = 0; i < NGX_HTTP_LLM_PRIVATE; i++) {
        name = &ngx_http_llm_private[i];
        at = &ngx_http_llm_private_at[ngx_hash_key(name->data, name->len)
                                      & 0xff];

        ngx_http_llm_private_next[i] = *at;
        *at = (u_char) (i + 1);
    }
}


ngx_int_t
ngx_http_llm_head(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    off_t                 length;
    ngx_buf_t            *b;
    ngx_uint_t            i, n;
    ngx_chain_t          *cl;
    ngx_llm_edit_t        edits[NGX_LLM_EDITS];
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (ctx->attempts > 1 || ctx->again) {
        ngx_http_llm_head_again(r, ctx);
    }

    n = ngx_http_llm_head_edits(ctx, edits);

    length = ctx->body_length;

    for (i = 0; i < n; i++) {
        length += edits[i].text.len - (edits[i].end - edits[i].start);
    }

    b = ngx_http_llm_head_buf(r, ctx, length);
    if (b == NULL) {
        return NGX_ERROR;
    }

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;

    u->request_bufs = cl;

    if (ngx_http_llm_body_chain(r, edits, n, &cl->next) != NGX_OK) {
        return NGX_ERROR;
    }

    /* TLS keeps back what is not flushed */

    while (cl->next) {
        cl = cl->next;
    }

    cl->buf->flush = 1;

    return NGX_OK;
}


/*
 * The request is made anew for each attempt, so that what the engine would
 * rewind must not be: it may be in a file, with an edit in the middle.  What
 * else it does before a second attempt is done here.
 */

static void
ngx_http_llm_head_again(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    u->request_sent = 0;
#if (NGX_HTTP_LLM_RESPONSE_RECEIVED)
    u->response_received = 0;
#endif

    u->keepalive = 0;
    u->upgrade = 0;
    u->error = 0;

    u->output.buf = NULL;
    u->output.in = NULL;
    u->output.busy = NULL;

    u->buffer.pos = u->buffer.start;
    u->buffer.last = u->buffer.start;

    ngx_memzero(&u->headers_in, sizeof(ngx_http_upstream_headers_in_t));
    u->headers_in.content_length_n = -1;
    u->headers_in.last_modified_time = -1;

    ngx_memzero(&ctx->answer, sizeof(ngx_http_llm_answer_t));
}


/* what is changed in the body for this node, in the order of the places */

static ngx_uint_t
ngx_http_llm_head_edits(ngx_http_llm_ctx_t *ctx, ngx_llm_edit_t *edits)
{
    ngx_uint_t        n;
    ngx_llm_edit_t    edit;
    ngx_llm_facts_t  *facts;

    n = 0;
    facts = &ctx->facts;

    if (ctx->model_json.len) {
        edits[n].start = facts->at_model.start;
        edits[n].end = facts->at_model.end;
        edits[n].text = ctx->model_json;
        n++;
    }

    ctx->strip = 0;

    if (!ctx->url->usage
        || !facts->stream
        || facts->multipart
        || ngx_llm_openai_asks_usage(facts)
        || ctx->plain
        || ngx_http_llm_worker.zone->nodes->node[ctx->node].no_usage
           > (ngx_atomic_uint_t) ngx_time())
    {
        return n;
    }

    ctx->strip = 1;

    ngx_llm_openai_ask_usage(facts, &edits[n++]);

    if (n == 2 && edits[1].start < edits[0].start) {
        edit = edits[0];
        edits[0] = edits[1];
        edits[1] = edit;
    }

    return n;
}


static ngx_buf_t *
ngx_http_llm_head_buf(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    off_t length)
{
    u_char      *p;
    size_t       size;
    ngx_buf_t   *b;
    ngx_uint_t   names;

    names = 0;
    size = ngx_http_llm_head_size(r, ctx, &names);

    p = (size <= NGX_HTTP_LLM_HEAD_SIZE) ? ctx->head
                                         : ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NULL;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NULL;
    }

    b->start = p;
    b->pos = p;
    b->end = p + size;
    b->temporary = 1;

    p = ngx_cpymem(p, "POST ", sizeof("POST ") - 1);
    p = ngx_cpymem(p, ctx->peer->prefix.data, ctx->peer->prefix.len);
    p = ngx_http_llm_head_path(r, ctx, p);
    p = ngx_cpymem(p, ctx->peer->fixed.data, ctx->peer->fixed.len);

    p = ngx_cpymem(p, "Content-Length: ", sizeof("Content-Length: ") - 1);
    p = ngx_llm_decimal(p, length);
    p = ngx_cpymem(p, CRLF, sizeof(CRLF) - 1);

    if (ctx->drawn || ngx_http_llm_head_uuid(&ctx->id)) {
        p = ngx_cpymem(p, "x-request-id: ", sizeof("x-request-id: ") - 1);
        p = ngx_cpymem(p, ctx->id.data, ctx->id.len);
        p = ngx_cpymem(p, CRLF, sizeof(CRLF) - 1);
    }

    p = ngx_http_llm_head_headers(r, p, names);

    b->last = ngx_cpymem(p, CRLF, sizeof(CRLF) - 1);

    return b;
}


/*
 * At most; what is left out in the end is small.  *names: some header names
 * others that are meant for us only.
 */

static size_t
ngx_http_llm_head_size(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    ngx_uint_t *names)
{
    size_t                size;
    ngx_table_elt_t      *h;
    ngx_http_llm_walk_t   walk;

    size = sizeof("POST /v1/?" CRLF "Content-Length: " CRLF
                  "x-request-id: " CRLF CRLF)
           + ctx->peer->prefix.len + 3 * ctx->path.len + r->args.len
           + ctx->peer->fixed.len + NGX_OFF_T_LEN + ctx->id.len;

    for (h = ngx_http_llm_header_first(r, &walk);
         h;
         h = ngx_http_llm_header_next(&walk))
    {
        size += h->key.len + h->value.len + sizeof(": " CRLF) - 1;

        if (ngx_http_llm_header_is(h, "connection")) {
            *names |= ngx_http_llm_head_names(h);
        }
    }

    return size;
}


static u_char *
ngx_http_llm_head_path(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx,
    u_char *p)
{
    p = ngx_cpymem(p, "/v1/", sizeof("/v1/") - 1);

    if (ctx->url->known) {
        p = ngx_cpymem(p, ctx->path.data, ctx->path.len);

    } else {

        /* r->uri was decoded */

        p = (u_char *) ngx_escape_uri(p, ctx->path.data, ctx->path.len,
                                      NGX_ESCAPE_URI);
    }

    if (r->args.len) {
        *p++ = '?';
        p = ngx_cpymem(p, r->args.data, r->args.len);
    }

    return p;
}


static u_char *
ngx_http_llm_head_headers(ngx_http_request_t *r, u_char *p,
    ngx_uint_t names)
{
    ngx_list_part_t  *part;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        p = ngx_http_llm_head_part(r, p, part, names);
    }

    return p;
}


/*
 * Headers that follow each other in the client's request go in one piece: one
 * that stands at next is joined to the one before it.
 */

static u_char *
ngx_http_llm_head_part(ngx_http_request_t *r, u_char *p,
    const ngx_list_part_t *part, ngx_uint_t names)
{
    u_char           *next;
    ngx_uint_t        whole;
    ngx_table_elt_t  *h, *last, *first;

    next = NULL;
    first = NULL;
    h = part->elts;
    last = h + part->nelts;

    for ( /* void */ ; h < last; h++) {

        if (ngx_http_llm_head_private(h)
            || (names && ngx_http_llm_head_named(r, h)))
        {
            if (first) {
                p = ngx_http_llm_head_piece(p, first, h);
                first = NULL;
            }

            continue;
        }

        whole = ngx_http_llm_head_whole(h);

        if (first && (!whole || h->key.data != next)) {
            p = ngx_http_llm_head_piece(p, first, h);
            first = NULL;
        }

        if (first == NULL) {
            first = h;
        }

        next = whole ? h->value.data + h->value.len + 2 : NULL;
    }

    return first ? ngx_http_llm_head_piece(p, first, h) : p;
}


/* in HTTP/1 a header still stands in one piece, "name\0 value" */

static ngx_inline ngx_uint_t
ngx_http_llm_head_whole(const ngx_table_elt_t *h)
{
    return h->value.data == h->key.data + h->key.len + 2;
}


/* h .. last: one header, or such that are joined */

static u_char *
ngx_http_llm_head_piece(u_char *p, const ngx_table_elt_t *h,
    const ngx_table_elt_t *last)
{
    u_char  *start;

    start = h->key.data;

    if (ngx_http_llm_head_whole(h)) {
        ngx_memcpy(p, start,
                   last[-1].value.data + last[-1].value.len - start);

    } else {
        ngx_memcpy(p, start, h->key.len);
        ngx_memcpy(p + h->key.len + 2, h->value.data, h->value.len);
    }

    do {
        p += h->key.len;
        *p++ = ':';
        *p++ = ' ';

        p += h->value.len;
        *p++ = CR;
        *p++ = LF;

    } while (++h < last);

    return p;
}


/* some nodes answer 400 to an id that is no UUID, with or without dashes */

static ngx_uint_t
ngx_http_llm_head_uuid(const ngx_str_t *id)
{
    size_t  i;

    if (id->len == 32) {
        return ngx_llm_is_hex(id->data, 32);
    }

    if (id->len != 36) {
        return 0;
    }

    for (i = 0; i < 36; i++) {

        if ((id->data[i] < '0' || id->data[i] > '9')
            && ((id->data[i] | 0x20) < 'a' || (id->data[i] | 0x20) > 'f')
            && id->data[i] != '-')
        {
            return 0;
        }
    }

    return 1;
}


static ngx_inline ngx_uint_t
ngx_http_llm_head_private(const ngx_table_elt_t *h)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    for (i = ngx_http_llm_private_at[h->hash & 0xff];
         i;
         i = ngx_http_llm_private_next[i - 1])
    {
        name = &ngx_http_llm_private[i - 1];

        if (name->len == h->key.len
            && ngx_llm_equal(name->data, h->lowcase_key, name->len))
        {
            return 1;
        }
    }

    return 0;
}


/*
 * Does this Connection header name others?  Nearly all say "keep-alive" or
 * "close" only.  nginx keeps no pointer to it before 1.23.
 */

static ngx_uint_t
ngx_http_llm_head_names(const ngx_table_elt_t *h)
{
    return (h->value.len != sizeof("close") - 1
            || !ngx_llm_header_same(h->value.data, (u_char *) "close",
                                    sizeof("close") - 1))
           && (h->value.len != sizeof("keep-alive") - 1
               || !ngx_llm_header_same(h->value.data,
                                       (u_char *) "keep-alive",
                                       sizeof("keep-alive") - 1));
}


static ngx_uint_t
ngx_http_llm_head_named(ngx_http_request_t *r, const ngx_table_elt_t *h)
{
    u_char                token[64];
    ngx_table_elt_t      *c;
    ngx_http_llm_walk_t   walk;

    if (h->key.len >= sizeof(token)) {
        return 0;
    }

    ngx_cpystrn(token, h->lowcase_key, h->key.len + 1);

    for (c = ngx_http_llm_header_first(r, &walk);
         c;
         c = ngx_http_llm_header_next(&walk))
    {
        if (ngx_http_llm_header_is(c, "connection")
            && ngx_llm_header_holds(c->value.data, c->value.len,
                                    (char *) token))
        {
            return 1;
        }
    }

    return 0;
}
