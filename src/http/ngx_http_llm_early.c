
/*
 * The scanner is fed from memory or from the file, piece by piece.  What takes
 * longer than a millisecond or two goes on by a timer, which the cleanup
 * deletes when the client leaves meanwhile.
 */


#include "ngx_http_llm_early.h"
#include "ngx_http_llm_admit.h"
#include "ngx_http_llm_body.h"
#include "ngx_http_llm_error.h"


#define NGX_HTTP_LLM_EARLY_PIECE  (64 * 1024)


typedef struct {
    ngx_http_request_t  *request;
    ngx_event_t          timer;
    ngx_chain_t         *cl;        /* the buffer that is scanned ... */
    off_t                from;      /* ... from this byte of it on */
    u_char              *piece;     /* of a file */
} ngx_http_llm_early_t;


static ngx_int_t ngx_http_llm_early_begin(ngx_http_request_t *r,
    ngx_http_llm_early_t **early);
static void ngx_http_llm_early_cleanup(void *data);
static void ngx_http_llm_early_timer(ngx_event_t *ev);
static ngx_int_t ngx_http_llm_early_wait(ngx_http_llm_early_t *early);
static ngx_int_t ngx_http_llm_early_scan(ngx_http_llm_early_t *early);
static ngx_int_t ngx_http_llm_early_piece(ngx_http_llm_early_t *early);
static ssize_t ngx_http_llm_early_read(ngx_http_llm_early_t *early,
    ngx_buf_t *b, size_t size);


ngx_int_t
ngx_http_llm_early_check(ngx_http_request_t *r)
{
    if (r->discard_body || r->reading_body || r->request_body_no_buffering) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "the body of this llm request was passed on or dropped "
                      "before it came here: proxy_request_buffering off?");

        return ngx_http_llm_error(r, NGX_LLM_ERR_INTERNAL, NULL);
    }

    if (r->subrequest_in_memory) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "an llm request can't be answered into memory");

        return ngx_http_llm_error(r, NGX_LLM_ERR_INTERNAL, NULL);
    }

    return NGX_OK;
}


void
ngx_http_llm_early_handler(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_http_llm_early_t  *early;

    rc = ngx_http_llm_early_begin(r, &early);

    if (rc == NGX_OK) {
        rc = ngx_http_llm_early_scan(early);
    }

    if (rc == NGX_AGAIN) {
        rc = ngx_http_llm_early_wait(early);

        if (rc == NGX_OK) {
            return;
        }
    }

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    ngx_http_llm_admit_handler(r);
}


static ngx_int_t
ngx_http_llm_early_begin(ngx_http_request_t *r, ngx_http_llm_early_t **early)
{
    ngx_http_cleanup_t    *cln;
    ngx_http_llm_early_t  *e;

    e = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_early_t));
    if (e == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_llm_early_cleanup;
    cln->data = e;

    e->request = r;
    e->timer.handler = ngx_http_llm_early_timer;
    e->timer.data = e;
    e->timer.log = r->connection->log;

    /* a subrequest may have none at all */

    if (r->request_body) {
        e->cl = r->request_body->bufs;
    }

    ngx_http_llm_ctx(r)->early = 1;

    *early = e;

    return NGX_OK;
}


static void
ngx_http_llm_early_cleanup(void *data)
{
    ngx_http_llm_early_t  *early = data;

    if (early->timer.timer_set) {
        ngx_del_timer(&early->timer);
    }
}


static void
ngx_http_llm_early_timer(ngx_event_t *ev)
{
    ngx_int_t              rc;
    ngx_connection_t      *c;
    ngx_http_request_t    *r;
    ngx_http_llm_early_t  *early = ev->data;

    r = early->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    rc = ngx_http_llm_early_scan(early);

    if (rc == NGX_AGAIN) {
        ngx_add_timer(&early->timer, 1);
        return;
    }

    if (rc == NGX_OK) {
        ngx_http_llm_admit_handler(r);

    } else {
        ngx_http_finalize_request(r, rc);
    }

    ngx_http_run_posted_requests(c);
}


/* others first */

static ngx_int_t
ngx_http_llm_early_wait(ngx_http_llm_early_t *early)
{
    ngx_event_t         *rev;
    ngx_http_request_t  *r;

    r = early->request;

    /* not cancelable: a worker that exits ends its requests first */

    ngx_add_timer(&early->timer, 1);

    if (r != r->main) {
        return NGX_OK;
    }

    /* the client may leave, or have left */

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    rev = r->connection->read;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);

    } else if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_OK;
}


/* NGX_OK: all was seen; NGX_AGAIN: not yet; or a status */

static ngx_int_t
ngx_http_llm_early_scan(ngx_http_llm_early_t *early)
{
    ngx_msec_t  start;

    start = ngx_current_msec;

    while (early->cl) {

        if (ngx_http_llm_early_piece(early) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_time_update();

        if (early->cl && ngx_current_msec - start > 1) {
            ngx_log_debug1(NGX_LOG_DEBUG_HTTP, early->timer.log, 0,
                           "llm body is scanned up to byte %O",
                           ngx_http_llm_ctx(early->request)->body_length);
            return NGX_AGAIN;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_early_piece(ngx_http_llm_early_t *early)
{
    off_t       left;
    u_char     *p;
    ssize_t     n;
    ngx_buf_t  *b;

    b = early->cl->buf;

    left = ngx_buf_size(b) - early->from;
    n = (ssize_t) ngx_min(left, NGX_HTTP_LLM_EARLY_PIECE);

    if (ngx_buf_in_memory(b)) {
        p = b->pos + early->from;

    } else {
        n = ngx_http_llm_early_read(early, b, n);

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        p = early->piece;
    }

    ngx_http_llm_body_feed(ngx_http_llm_ctx(early->request), p, n);

    early->from += n;

    if (n == left) {
        early->cl = early->cl->next;
        early->from = 0;
    }

    return NGX_OK;
}


static ssize_t
ngx_http_llm_early_read(ngx_http_llm_early_t *early, ngx_buf_t *b,
    size_t size)
{
    ssize_t  n;

    if (early->piece == NULL) {
        early->piece = ngx_palloc(early->request->pool,
                                  NGX_HTTP_LLM_EARLY_PIECE);
        if (early->piece == NULL) {
            return NGX_ERROR;
        }
    }

    if (size == 0) {
        return 0;
    }

    n = ngx_read_file(b->file, early->piece, size, b->file_pos + early->from);

    if (n == 0) {
        ngx_log_error(NGX_LOG_CRIT, early->request->connection->log, 0,
                      "the file \"%V\" ends before the request's body does",
                      &b->file->name);
        return NGX_ERROR;
    }

    return n;
}
