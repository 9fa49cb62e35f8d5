
/*
 * From a draft to the bytes that are sent, cut into the pieces in which they
 * are sent.  Every fault but the plain ones is a change of those pieces or of
 * what follows the last of them.  Owns the cache of undisturbed answers.
 */


#include <stdlib.h>

#include "mock_node.h"


#define MOCK_CACHED_SIZE  262144


/* how the body's end is told */

typedef enum {
    MOCK_FRAME_LENGTH = 0,
    MOCK_FRAME_CHUNKED,
    MOCK_FRAME_EOF
} mock_frame_e;


static mock_answer_t *mock_answer_new(void);
static void mock_answer_give(mock_conn_t *c, mock_answer_t *a);
static mock_frame_e mock_answer_framing(mock_conn_t *c, mock_draft_t *d);
static void mock_answer_fault(mock_answer_t *a, mock_behave_t *b);
static void mock_answer_head(mock_answer_t *a, mock_conn_t *c,
    mock_draft_t *d, mock_frame_e frame);
static void mock_answer_extra(mock_buf_t *out, mock_behave_t *b, int status);
static void mock_answer_body(mock_answer_t *a, mock_conn_t *c,
    mock_draft_t *d, mock_frame_e frame);
static size_t mock_answer_limit(mock_behave_t *b, mock_draft_t *d);
static void mock_answer_spoil(mock_answer_t *a, mock_behave_t *b,
    mock_draft_t *d, mock_frame_e frame, size_t i);
static void mock_answer_frame(mock_answer_t *a, const char *p, size_t n,
    mock_frame_e frame);
static void mock_answer_piece(mock_answer_t *a, int wait, int join);
static const char *mock_answer_reason(int status);
static unsigned char mock_cache_flags(mock_conn_t *c);


static mock_draft_t  mock_the_draft;


mock_draft_t *
mock_draft(void)
{
    mock_draft_t  *d;

    d = &mock_the_draft;

    mock_buf_clear(&d->headers, 65536);
    mock_buf_clear(&d->body, 1048576);

    d->nmarks = 0;
    d->lead = 0;
    d->type = "application/json";
    d->status = 200;
    d->stream = 0;
    d->close = 0;

    return d;
}


void
mock_draft_mark(mock_draft_t *d, int wait)
{
    if (d->nmarks == d->size) {
        d->size = d->size ? d->size * 2 : 64;
        d->marks = mock_grow(d->marks, d->size * sizeof(mock_piece_t));
    }

    d->marks[d->nmarks].end = d->body.len;
    d->marks[d->nmarks++].wait = wait;
}


static mock_answer_t *
mock_answer_new(void)
{
    mock_answer_t  *a;

    a = mock_alloc(sizeof(mock_answer_t));
    a->refs = 1;
    a->drip = -1;

    return a;
}


void
mock_answer_free(mock_answer_t *a)
{
    if (--a->refs) {
        return;
    }

    free(a->out.data);
    free(a->pieces);
    free(a);
}


static void
mock_answer_give(mock_conn_t *c, mock_answer_t *a)
{
    c->answer = a;
    c->piece = 0;
    c->sent = 0;
    c->waited = 0;
}


void
mock_answer_none(mock_conn_t *c)
{
    mock_answer_t  *a;

    a = mock_answer_new();
    a->end = c->behave->fault;
    a->end_wait = c->behave->delay;
    a->fault = 1;

    mock_answer_give(c, a);
}


void
mock_answer_make(mock_conn_t *c, mock_draft_t *d)
{
    mock_frame_e    frame;
    mock_answer_t  *a;
    mock_behave_t  *b;

    b = c->behave;
    a = mock_answer_new();
    a->drip = b->drip;
    mock_answer_give(c, a);

    if (b->broken == MOCK_BROKEN_HTTP) {
        mock_buf_str(&a->out, "\x16\x03\x01 this is not HTTP\r\n\r\n");
        mock_answer_piece(a, b->delay, 0);
        a->end = MOCK_END_CLOSE;
        a->fault = 1;
        return;
    }

    if (!d->stream) {
        if (b->broken == MOCK_BROKEN_JSON) {
            d->body.len -= d->body.len / 3;
        }

        d->nmarks = 0;
        mock_draft_mark(d, 0);
    }

    if (b->status >= 200 && b->status < 400) {
        d->status = b->status;
    }

    if (b->interim) {
        mock_buf_str(&a->out, "HTTP/1.1 100 Continue\r\n\r\n"
                              "HTTP/1.1 103 Early Hints\r\n"
                              "Link: </mock>; rel=preload\r\n\r\n");
        mock_answer_piece(a, 0, 0);
    }

    a->status = d->status;
    frame = mock_answer_framing(c, d);

    mock_answer_fault(a, b);
    mock_answer_head(a, c, d, frame);

    if (b->fault == MOCK_END_KEEP || b->when == MOCK_WHEN_MID) {
        mock_answer_body(a, c, d, frame);
    }
}


static mock_frame_e
mock_answer_framing(mock_conn_t *c, mock_draft_t *d)
{
    mock_behave_t  *b;

    b = c->behave;

    if (b->nochunk) {
        return MOCK_FRAME_EOF;
    }

    if (b->broken == MOCK_BROKEN_CHUNK) {
        return MOCK_FRAME_CHUNKED;
    }

    if (!d->stream || b->length) {
        return MOCK_FRAME_LENGTH;
    }

    return c->request.minor ? MOCK_FRAME_CHUNKED : MOCK_FRAME_EOF;
}


/* what follows the last byte */

static void
mock_answer_fault(mock_answer_t *a, mock_behave_t *b)
{
    if (b->fault != MOCK_END_KEEP) {
        a->end = b->fault;
        a->fault = 1;

        /* let the peer see the bytes before the reset */

        a->end_wait = b->fault == MOCK_END_RESET ? 10 : 0;
        return;
    }

    if (b->cut == MOCK_CUT_EVENT || b->noterm) {
        a->end = MOCK_END_CLOSE;
    }

    if (b->broken == MOCK_BROKEN_CHUNK) {
        a->end = MOCK_END_HOLD;
    }

    a->fault = b->cut || b->noterm || b->broken;
}


static void
mock_answer_head(mock_answer_t *a, mock_conn_t *c, mock_draft_t *d,
    mock_frame_e frame)
{
    int          keep;
    mock_buf_t  *out;

    out = &a->out;

    mock_buf_str(out, "HTTP/1.1 ");
    mock_buf_num(out, (uint64_t) d->status);
    mock_buf_str(out, mock_answer_reason(d->status));
    mock_buf_str(out, "\r\nContent-Type: ");
    mock_buf_str(out, d->type);

    if (frame == MOCK_FRAME_LENGTH) {
        mock_buf_str(out, "\r\nContent-Length: ");
        mock_buf_num(out, d->body.len);

    } else if (frame == MOCK_FRAME_CHUNKED) {
        mock_buf_str(out, "\r\nTransfer-Encoding: chunked");
    }

    keep = c->request.keep && !c->unread && !c->behave->close && !d->close
           && frame != MOCK_FRAME_EOF && c->request.method != MOCK_OTHER;

    if (!keep) {
        mock_buf_str(out, "\r\nConnection: close");

        if (a->end == MOCK_END_KEEP) {
            a->end = MOCK_END_CLOSE;
        }

    } else if (!c->request.minor) {
        mock_buf_str(out, "\r\nConnection: keep-alive");
    }

    mock_buf_str(out, "\r\nX-Mock-Node: ");
    mock_buf_str(out, c->node->name);
    mock_buf_str(out, "\r\n");
    mock_buf_put(out, d->headers.data, d->headers.len);
    mock_answer_extra(out, c->behave, d->status);
    mock_buf_str(out, "\r\n");

    mock_answer_piece(a, c->behave->delay, 0);
}


static void
mock_answer_extra(mock_buf_t *out, mock_behave_t *b, int status)
{
    int  i;

    if (status >= 300 && status < 400) {
        mock_buf_str(out, "Location: http://127.0.0.1:9/elsewhere\r\n");
    }

    if (b->retry_after >= 0) {
        mock_buf_fmt(out, "Retry-After: %d\r\n", b->retry_after);
    }

    if (b->keepalive >= 0) {
        mock_buf_fmt(out, "Keep-Alive: timeout=%d\r\n", b->keepalive / 1000);
    }

    if (b->gzip) {
        mock_buf_str(out, "Content-Encoding: gzip\r\n");
    }

    if (b->accel) {
        mock_buf_str(out, "X-Accel-Redirect: /internal\r\n"
                          "X-Accel-Buffering: yes\r\n"
                          "X-Accel-Limit-Rate: 1\r\n"
                          "X-Accel-Expires: 60\r\n"
                          "X-Accel-Charset: koi8-r\r\n"
                          "Set-Cookie: mock=1\r\n"
                          "Server: mock/1\r\n"
                          "X-Custom: custom\r\n");
    }

    if (b->bigheader > 0) {
        mock_buf_str(out, "X-Big: ");

        for (i = 0; i < b->bigheader; i++) {
            mock_buf_put(out, "a", 1);
        }

        mock_buf_str(out, "\r\n");
    }

    mock_buf_str(out, b->header);
}


static void
mock_answer_body(mock_answer_t *a, mock_conn_t *c, mock_draft_t *d,
    mock_frame_e frame)
{
    int             join, wait;
    size_t          i, start, limit;
    mock_behave_t  *b;

    b = c->behave;
    start = 0;
    limit = mock_answer_limit(b, d);

    for (i = 0; i < d->nmarks; i++) {

        if (i == limit) {
            mock_answer_spoil(a, b, d, frame, i);

            if (b->broken != MOCK_BROKEN_JSON) {
                break;
            }

        } else {
            mock_answer_frame(a, d->body.data + start, d->marks[i].end - start,
                              frame);
        }

        wait = d->marks[i].wait + (i == 0 ? b->first : 0);
        join = (!d->stream || b->coalesce) && wait == 0;
        mock_answer_piece(a, wait, join);

        start = d->marks[i].end;
    }

    if (frame != MOCK_FRAME_CHUNKED || b->fault != MOCK_END_KEEP || b->noterm
        || b->cut == MOCK_CUT_EVENT || b->broken == MOCK_BROKEN_CHUNK)
    {
        return;
    }

    mock_buf_str(&a->out, "0\r\n\r\n");
    mock_answer_piece(a, 0, b->coalesce || !d->stream);
}


/* the event at which the answer is spoiled; nmarks: none */

static size_t
mock_answer_limit(mock_behave_t *b, mock_draft_t *d)
{
    size_t  n;

    if (b->when != MOCK_WHEN_MID && !b->cut && b->broken != MOCK_BROKEN_CHUNK
        && (b->broken != MOCK_BROKEN_JSON || !d->stream))
    {
        return d->nmarks;
    }

    n = d->nmarks / 2;

    if (b->after == 0) {
        n = 0;

    } else if (b->after > 0) {
        n = (size_t) b->after + d->lead;
    }

    return n < d->nmarks ? n : d->nmarks - 1;
}


/* what stands in the place of event i, and is the last thing mostly */

static void
mock_answer_spoil(mock_answer_t *a, mock_behave_t *b, mock_draft_t *d,
    mock_frame_e frame, size_t i)
{
    size_t       n, start;
    mock_buf_t   half;
    const char  *p;

    start = i ? d->marks[i - 1].end : 0;
    p = d->body.data + start;
    n = d->marks[i].end - start;

    if (b->broken == MOCK_BROKEN_CHUNK) {
        mock_buf_str(&a->out, "zz\r\n");
        mock_answer_frame(a, p, n, MOCK_FRAME_EOF);
        mock_answer_piece(a, d->marks[i].wait, 0);
        return;
    }

    if (b->broken == MOCK_BROKEN_JSON) {
        memset(&half, 0, sizeof(mock_buf_t));
        mock_buf_put(&half, p, n / 2);
        mock_buf_str(&half, b->crlf ? "\r\n\r\n" : "\n\n");
        mock_answer_frame(a, half.data, half.len, frame);
        free(half.data);
        return;
    }

    /* a stream that ends "mid" ends between events, a whole answer in itself */

    if (b->cut || !d->stream) {
        mock_answer_frame(a, p, n / 2, frame);
        mock_answer_piece(a, d->marks[i].wait, 0);
    }
}


static void
mock_answer_frame(mock_answer_t *a, const char *p, size_t n,
    mock_frame_e frame)
{
    char    *h, hex[20];
    size_t   len;

    if (n == 0) {
        return;
    }

    if (frame != MOCK_FRAME_CHUNKED) {
        mock_buf_put(&a->out, p, n);
        return;
    }

    h = hex + sizeof(hex);
    *--h = '\n';
    *--h = '\r';

    for (len = n; len; len /= 16) {
        *--h = "0123456789abcdef"[len % 16];
    }

    mock_buf_put(&a->out, h, (size_t) (hex + sizeof(hex) - h));
    mock_buf_put(&a->out, p, n);
    mock_buf_put(&a->out, "\r\n", 2);
}


/* what was added to the bytes is a piece; join: a part of the last one */

static void
mock_answer_piece(mock_answer_t *a, int wait, int join)
{
    if (a->npieces && a->pieces[a->npieces - 1].end == a->out.len) {
        return;
    }

    if (join && a->npieces) {
        a->pieces[a->npieces - 1].end = a->out.len;
        return;
    }

    if (a->npieces == a->size) {
        a->size = a->size ? a->size * 2 : 4;
        a->pieces = mock_grow(a->pieces, a->size * sizeof(mock_piece_t));
    }

    a->pieces[a->npieces].end = a->out.len;
    a->pieces[a->npieces++].wait = wait;
}


static const char *
mock_answer_reason(int status)
{
    switch (status) {
    case 200: return " OK";
    case 400: return " Bad Request";
    case 401: return " Unauthorized";
    case 404: return " Not Found";
    case 429: return " Too Many Requests";
    case 500: return " Internal Server Error";
    case 502: return " Bad Gateway";
    case 503: return " Service Unavailable";
    default: return " Mock";
    }
}


static unsigned char
mock_cache_flags(mock_conn_t *c)
{
    mock_said_t  *said;

    said = &c->body.said;

    return (unsigned char) (said->stream | said->usage << 1
                            | c->request.keep << 2 | c->request.minor << 3
                            | said->base64 << 4);
}


int
mock_cache_get(mock_conn_t *c, unsigned kind)
{
    mock_said_t    *said;
    mock_cached_t  *e;

    said = &c->body.said;

    if (c->node->cache == NULL || c->behave != &c->node->base) {
        return 0;
    }

    e = &c->node->cache[kind * 2 + said->stream];

    if (e->answer == NULL || e->words != said->words
        || e->items != said->items || e->flags != mock_cache_flags(c)
        || strcmp(e->model, said->model) != 0)
    {
        return 0;
    }

    e->answer->refs++;
    mock_answer_give(c, e->answer);

    return 1;
}


void
mock_cache_put(mock_conn_t *c, unsigned kind)
{
    mock_said_t    *said;
    mock_node_t    *node;
    mock_cached_t  *e;

    node = c->node;
    said = &c->body.said;

    if (c->behave != &node->base || c->answer->out.len > MOCK_CACHED_SIZE) {
        return;
    }

    if (node->cache == NULL) {
        node->cache = mock_alloc(MOCK_CACHE * sizeof(mock_cached_t));
    }

    e = &node->cache[kind * 2 + said->stream];

    if (e->answer) {
        mock_answer_free(e->answer);
    }

    e->answer = c->answer;
    e->answer->refs++;
    e->words = said->words;
    e->items = said->items;
    e->flags = mock_cache_flags(c);
    memcpy(e->model, said->model, MOCK_TEXT);
}
