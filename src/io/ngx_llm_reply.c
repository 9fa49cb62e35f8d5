
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_reply.h"
#include "ngx_llm_answer.h"


static ngx_int_t ngx_llm_reply_end(ngx_llm_reply_t *reply);
static ngx_int_t ngx_llm_reply_head(ngx_llm_reply_t *reply);
static ngx_int_t ngx_llm_reply_headers(ngx_llm_reply_t *reply, u_char *p,
    u_char *end);
static ngx_int_t ngx_llm_reply_chunks(ngx_llm_reply_t *reply);
static ngx_int_t ngx_llm_reply_plain(ngx_llm_reply_t *reply);
static ngx_int_t ngx_llm_reply_pass(ngx_llm_reply_t *reply, u_char *p,
    size_t n);
static ngx_int_t ngx_llm_reply_error(ngx_llm_reply_t *reply,
    const char *error);


void
ngx_llm_reply_init(ngx_llm_reply_t *reply, u_char *buffer,
    ngx_llm_reply_pt body, void *data)
{
    ngx_memzero(reply, sizeof(ngx_llm_reply_t));

    reply->buffer = buffer;
    reply->pos = buffer;
    reply->last = buffer;
    reply->scan = buffer;
    reply->body = body;
    reply->data = data;
}


u_char *
ngx_llm_reply_space(ngx_llm_reply_t *reply, size_t *n)
{
    *n = reply->buffer + NGX_LLM_REPLY_BUFFER - reply->last;

    return reply->last;
}


ngx_int_t
ngx_llm_reply_take(ngx_llm_reply_t *reply, size_t n)
{
    ngx_int_t  rc;

    if (n == 0) {
        return ngx_llm_reply_end(reply);
    }

    reply->last += n;

    if (!reply->headed) {
        rc = ngx_llm_reply_head(reply);

        if (rc != NGX_OK) {
            return rc;
        }

        if (reply->status != 200 || reply->body == NULL) {
            return NGX_DONE;
        }
    }

    rc = reply->chunked ? ngx_llm_reply_chunks(reply)
                        : ngx_llm_reply_plain(reply);

    reply->pos = reply->buffer;
    reply->last = reply->buffer;

    return rc;
}


static ngx_int_t
ngx_llm_reply_end(ngx_llm_reply_t *reply)
{
    if (!reply->headed) {
        return ngx_llm_reply_error(reply,
                                   "closed the connection without an answer");
    }

    if (reply->sized || reply->chunked) {
        return ngx_llm_reply_error(reply, "the answer was cut short");
    }

    return NGX_DONE;
}


/* NGX_OK: the head is over */

static ngx_int_t
ngx_llm_reply_head(ngx_llm_reply_t *reply)
{
    u_char      *p, *end;
    ngx_int_t    status;
    ngx_uint_t   minor;

    do {
        end = ngx_llm_answer_end(&reply->scan, reply->last);

        if (end == NULL) {

            if (reply->last == reply->buffer + NGX_LLM_REPLY_BUFFER) {
                return ngx_llm_reply_error(reply,
                                           "the answer's header is too big");
            }

            return NGX_AGAIN;
        }

        p = reply->pos;
        status = ngx_llm_answer_status(&p, end, &minor);

        if (status == NGX_ERROR || status == 101) {
            return ngx_llm_reply_error(reply, "the answer is not HTTP");
        }

        reply->pos = end;
        reply->scan = end;

    } while (status < 200);

    reply->headed = 1;
    reply->status = status;

    return ngx_llm_reply_headers(reply, p, end);
}


/* how long is the body? */

static ngx_int_t
ngx_llm_reply_headers(ngx_llm_reply_t *reply, u_char *p, u_char *end)
{
    ngx_int_t         rc;
    ngx_llm_header_t  h;

    while ((rc = ngx_llm_answer_header(&p, end, &h)) == NGX_OK) {

        if (ngx_llm_header_is(&h, "content-length")) {
            reply->sized = 1;
            reply->left = ngx_atoof(h.value, h.value_len);

            if (reply->left == NGX_ERROR) {
                break;
            }

        } else if (ngx_llm_header_is(&h, "transfer-encoding")
                   && ngx_llm_header_holds(h.value, h.value_len, "chunked"))
        {
            reply->chunked = 1;
        }
    }

    if (rc != NGX_DONE) {
        return ngx_llm_reply_error(reply, "the answer is not HTTP");
    }

    if (reply->chunked) {
        reply->sized = 0;
    }

    if (reply->sized && reply->left > NGX_LLM_REPLY_BODY) {
        return ngx_llm_reply_error(reply, "the answer is too big");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_reply_chunks(ngx_llm_reply_t *reply)
{
    ngx_int_t  rc;
    ngx_str_t  data;

    for ( ;; ) {
        rc = ngx_llm_chunk_next(&reply->chunk, &reply->pos, reply->last,
                                &data);

        if (rc == NGX_ERROR) {
            return ngx_llm_reply_error(reply,
                                       "the answer's chunks are broken");
        }

        if (rc != NGX_OK) {
            return rc;
        }

        if (ngx_llm_reply_pass(reply, data.data, data.len) != NGX_OK) {
            return NGX_ERROR;
        }
    }
}


static ngx_int_t
ngx_llm_reply_plain(ngx_llm_reply_t *reply)
{
    size_t  n;

    n = reply->last - reply->pos;

    if (reply->sized) {
        n = (size_t) ngx_min((off_t) n, reply->left);
        reply->left -= n;
    }

    if (n && ngx_llm_reply_pass(reply, reply->pos, n) != NGX_OK) {
        return NGX_ERROR;
    }

    return (reply->sized && reply->left == 0) ? NGX_DONE : NGX_AGAIN;
}


static ngx_int_t
ngx_llm_reply_pass(ngx_llm_reply_t *reply, u_char *p, size_t n)
{
    const char  *error;

    reply->total += n;

    if (reply->total > NGX_LLM_REPLY_BODY) {
        return ngx_llm_reply_error(reply, "the answer is too big");
    }

    error = reply->body(reply->data, p, n);

    return error ? ngx_llm_reply_error(reply, error) : NGX_OK;
}


static ngx_int_t
ngx_llm_reply_error(ngx_llm_reply_t *reply, const char *error)
{
    reply->error = error;

    return NGX_ERROR;
}
