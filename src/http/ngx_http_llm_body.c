
/*
 * The body of a request: scanned while it arrives, slice by slice, whether
 * nginx keeps it in memory or in a file; never read again for that.  Only one
 * that was read before it was ours is fed by ngx_http_llm_early.c.
 */


#include "ngx_http_llm_body.h"
#include "ngx_http_llm_bodies.h"
#include "ngx_http_llm_error.h"
#include "ngx_http_llm_header.h"
#include "ngx_http_llm_spare.h"


static ngx_int_t ngx_http_llm_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_llm_body_boundary(ngx_http_request_t *r,
    ngx_str_t *boundary);
static ngx_int_t ngx_http_llm_body_scanned(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_body_multipart(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_body_alien(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_str_t *ngx_http_llm_body_encoding(ngx_http_request_t *r);
static ngx_uint_t ngx_http_llm_body_as_is(ngx_http_request_t *r,
    ngx_uint_t edits);
static void ngx_http_llm_body_rewind(ngx_chain_t *cl);
static ngx_chain_t **ngx_http_llm_body_text(ngx_http_request_t *r,
    const ngx_str_t *text, ngx_chain_t **last);
static ngx_chain_t **ngx_http_llm_body_slice(ngx_http_request_t *r,
    ngx_buf_t *from, off_t start, off_t end, ngx_chain_t **last);


static ngx_http_request_body_filter_pt  ngx_http_next_request_body_filter;


ngx_int_t
ngx_http_llm_body_init(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t             rc;
    ngx_str_t             boundary;
    ngx_http_llm_scan_t  *scan;

    if (ngx_http_llm_bodies_init(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_llm_body_boundary(r, &boundary);

    if (rc == NGX_ERROR) {
        return ngx_http_llm_error(r, NGX_LLM_ERR_INVALID_MULTIPART,
                                  "The Content-Type has no valid boundary");
    }

    scan = ngx_http_llm_spare_take(&ngx_http_llm_worker.scanners,
                                   sizeof(ngx_http_llm_scan_t),
                                   r->connection->log);
    if (scan == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->scan = scan;

    if (rc == NGX_OK) {
        ctx->facts.multipart = 1;

        ngx_llm_multipart_init(&scan->multipart, &boundary);

        return NGX_OK;
    }

    ngx_llm_json_init(&scan->json.scanner, ngx_llm_openai_watch,
                      NGX_LLM_IN_MAX, scan->json.text,
                      sizeof(scan->json.text), ngx_llm_openai_value,
                      &ctx->facts);

    return NGX_OK;
}


/* NGX_OK: it is multipart; NGX_ERROR: with none; NGX_DECLINED: it is JSON */

static ngx_int_t
ngx_http_llm_body_boundary(ngx_http_request_t *r, ngx_str_t *boundary)
{
    ngx_str_t  *type;

    if (r->headers_in.content_type == NULL) {
        return NGX_DECLINED;
    }

    type = &r->headers_in.content_type->value;

    if (type->len < sizeof("multipart/form-data") - 1
        || ngx_strncasecmp(type->data, (u_char *) "multipart/form-data",
                           sizeof("multipart/form-data") - 1)
           != 0)
    {
        return NGX_DECLINED;
    }

    return ngx_llm_boundary(type, boundary) == NGX_OK ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_llm_body_check(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_llm_body_scanned(r, ctx);

    ngx_http_llm_spare_give(&ngx_http_llm_worker.scanners, ctx->scan);
    ctx->scan = NULL;

    return rc;
}


static ngx_int_t
ngx_http_llm_body_scanned(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t        rc;
    ngx_uint_t       error;
    ngx_llm_json_t  *json;

    if (ctx->facts.multipart) {
        rc = ngx_http_llm_body_multipart(r, ctx);

        if (rc != NGX_OK) {
            return rc;
        }

    } else {
        json = &ctx->scan->json.scanner;

        if (ngx_llm_json_end(json) != NGX_OK) {
            rc = ngx_http_llm_body_alien(r, ctx);

            if (rc != NGX_OK) {
                return rc;
            }

            return ngx_http_llm_error(r, NGX_LLM_ERR_INVALID_JSON,
                                      "The request body is not valid JSON: "
                                      "%s at byte %O", json->error,
                                      json->error_at);
        }

        if (json->root_kind != NGX_LLM_JSON_OBJECT) {
            return ngx_http_llm_error(r, NGX_LLM_ERR_INVALID_JSON,
                                      "The request body must be a JSON "
                                      "object");
        }

        ctx->facts.open = json->root_open;
    }

    error = ngx_llm_openai_check(ctx->url, &ctx->facts);

    if (error == NGX_LLM_ERR_UNKNOWN_URL) {
        return ngx_http_llm_error_url(r);
    }

    return error ? ngx_http_llm_error(r, error, NULL) : NGX_OK;
}


ngx_int_t
ngx_http_llm_body_chain(ngx_http_request_t *r, const ngx_llm_edit_t *edits,
    ngx_uint_t n, ngx_chain_t **last)
{
    off_t         size, from, start, end;
    ngx_uint_t    i;
    ngx_chain_t  *cl;

    if (ngx_http_llm_body_as_is(r, n)) {
        *last = r->request_body->bufs;
        return NGX_OK;
    }

    i = 0;
    start = 0;      /* of this buffer, in the body */
    from = 0;       /* what comes before is done */

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        size = ngx_buf_size(cl->buf);
        end = start + size;

        while (i < n && edits[i].start < end) {

            last = ngx_http_llm_body_slice(r, cl->buf, from - start,
                                           edits[i].start - start, last);
            if (last == NULL) {
                return NGX_ERROR;
            }

            last = ngx_http_llm_body_text(r, &edits[i].text, last);
            if (last == NULL) {
                return NGX_ERROR;
            }

            from = edits[i].end;
            i++;
        }

        /* an edit may reach into the next buffer */

        if (from < end) {
            last = ngx_http_llm_body_slice(r, cl->buf, from - start, size,
                                           last);
            if (last == NULL) {
                return NGX_ERROR;
            }

            from = end;
        }

        start = end;
    }

    *last = NULL;

    return NGX_OK;
}


void
ngx_http_llm_body_filters(void)
{
    ngx_http_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_llm_body_filter;
}


static ngx_int_t
ngx_http_llm_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t         *cl;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_ctx(r);

    if (ctx && ctx->scan) {
        for (cl = in; cl; cl = cl->next) {
            ngx_http_llm_body_feed(ctx, cl->buf->pos,
                                   cl->buf->last - cl->buf->pos);
        }
    }

    return ngx_http_next_request_body_filter(r, in);
}


void
ngx_http_llm_body_feed(ngx_http_llm_ctx_t *ctx, const u_char *p, size_t n)
{
    if (n == 0) {
        return;
    }

    ctx->body_length += n;

    /* an invalid body is read to its end, and answered then */

    if (ctx->facts.multipart) {
        (void) ngx_llm_multipart_feed(&ctx->scan->multipart, p, n);

    } else {
        (void) ngx_llm_json_feed(&ctx->scan->json.scanner, p, n);

        if (ctx->bodies) {
            ngx_http_llm_bodies_request(ctx, p, n);
        }
    }
}


static ngx_int_t
ngx_http_llm_body_multipart(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t             rc;
    ngx_llm_facts_t      *facts;
    ngx_llm_multipart_t  *m;

    m = &ctx->scan->multipart;
    facts = &ctx->facts;

    if (ngx_llm_multipart_end(m) != NGX_OK) {
        rc = ngx_http_llm_body_alien(r, ctx);

        if (rc != NGX_OK) {
            return rc;
        }

        return ngx_http_llm_error(r, NGX_LLM_ERR_INVALID_MULTIPART,
                                  "The request body is not valid "
                                  "multipart/form-data: %s", m->error);
    }

    facts->model_len = m->model.len;
    facts->model_cut = m->model.truncated;
    ngx_memcpy(facts->model, m->model.text, m->model.len);

    facts->at_model.kind = NGX_LLM_JSON_STRING;
    facts->at_model.start = m->model.start;
    facts->at_model.end = m->model.end;

    facts->stream = (m->stream.len == 4
                     && ngx_strncmp(m->stream.text, "true", 4) == 0);

    return NGX_OK;
}


/* a body that is no good: is it none at all, or packed?  NGX_OK: neither */

static ngx_int_t
ngx_http_llm_body_alien(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    ngx_str_t  *encoding;

    if (ctx->body_length == 0) {
        return ctx->url->known ? NGX_OK : ngx_http_llm_error_url(r);
    }

    encoding = ngx_http_llm_body_encoding(r);

    if (encoding == NULL) {
        return NGX_OK;
    }

    return ngx_http_llm_error(r, NGX_LLM_ERR_CONTENT_TYPE,
                              "A request body with Content-Encoding \"%V\" "
                              "is not supported, send it as it is", encoding);
}


static ngx_str_t *
ngx_http_llm_body_encoding(ngx_http_request_t *r)
{
    ngx_table_elt_t      *h;
    ngx_http_llm_walk_t   walk;

    for (h = ngx_http_llm_header_first(r, &walk);
         h;
         h = ngx_http_llm_header_next(&walk))
    {
        if (ngx_http_llm_header_is(h, "content-encoding")
            && h->value.len
            && ngx_strcasecmp(h->value.data, (u_char *) "identity") != 0)
        {
            return &h->value;
        }
    }

    return NULL;
}


/* may its own buffers be sent?  They are rewound for that or for slices */

static ngx_uint_t
ngx_http_llm_body_as_is(ngx_http_request_t *r, ngx_uint_t edits)
{
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_ctx(r);

    /* what was read for others they may have to send: it is never used up */

    if (ctx->early) {
        return 0;
    }

    /* an attempt before this one may have sent it */

    if (edits == 0 || ctx->attempts > 1 || ctx->again) {
        ngx_http_llm_body_rewind(r->request_body->bufs);
    }

    return edits == 0;
}


static void
ngx_http_llm_body_rewind(ngx_chain_t *cl)
{
    for ( /* void */ ; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->start;

        /* one file at most, and nothing else then */

        if (cl->buf->in_file) {
            cl->buf->file_pos = 0;
        }
    }
}


static ngx_chain_t **
ngx_http_llm_body_text(ngx_http_request_t *r, const ngx_str_t *text,
    ngx_chain_t **last)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NULL;
    }

    b->start = text->data;
    b->pos = text->data;
    b->last = text->data + text->len;
    b->end = b->last;
    b->memory = 1;

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NULL;
    }

    cl->buf = b;
    *last = cl;

    return &cl->next;
}


/* bytes start .. end of one buffer of the body, in a buffer of its own */

static ngx_chain_t **
ngx_http_llm_body_slice(ngx_http_request_t *r, ngx_buf_t *from, off_t start,
    off_t end, ngx_chain_t **last)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (start >= end) {
        return last;
    }

    b = ngx_alloc_buf(r->pool);
    if (b == NULL) {
        return NULL;
    }

    ngx_memcpy(b, from, sizeof(ngx_buf_t));

    if (ngx_buf_in_memory(from)) {
        b->pos = from->pos + start;
        b->start = b->pos;
        b->last = from->pos + end;
        b->end = b->last;
    }

    if (from->in_file) {
        b->file_pos = from->file_pos + start;
        b->file_last = from->file_pos + end;
    }

    b->shadow = NULL;
    b->last_buf = 0;
    b->last_in_chain = 0;

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NULL;
    }

    cl->buf = b;
    *last = cl;

    return &cl->next;
}
