
/*
 * Bytes to a request: the head, then the body by Content-Length or chunks.
 * Strict: what a well-made client never sends is counted as malformed and
 * answered with 400.
 */


#define _GNU_SOURCE

#include <ctype.h>
#include <strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "mock_node.h"


/* states of the chunk parser */

#define MOCK_CHUNK_START   0        /* the first digit */
#define MOCK_CHUNK_SIZE    1        /* more of them */
#define MOCK_CHUNK_EXT     2        /* up to the end of that line */
#define MOCK_CHUNK_DATA    3
#define MOCK_CHUNK_CR      4        /* behind the data */
#define MOCK_CHUNK_LF      5
#define MOCK_CHUNK_LAST    6        /* start of a line behind the last one */
#define MOCK_CHUNK_FIELD   7        /* in a trailer */
#define MOCK_CHUNK_END     8        /* the LF of the empty line */


typedef struct {
    const char  *name;
    size_t       name_len;
    const char  *value;
    size_t       value_len;
} mock_line_t;


typedef struct {
    mock_conn_t  *conn;
    mock_line_t   mock;             /* X-Mock, if value isn't NULL */
    unsigned      hosts;
    unsigned      lengths;
    unsigned      encodings;
    unsigned      leaked:1;
    unsigned      hop:1;
    unsigned      bad:1;
} mock_head_t;


typedef void (*mock_field_pt)(mock_head_t *h, mock_line_t *l);


typedef struct {
    const char     *name;
    size_t          len;
    mock_field_pt   handler;
} mock_field_t;


static size_t mock_http_head(mock_conn_t *c, const char *p, size_t n);
static void mock_http_begin(mock_conn_t *c, mock_head_t *h);
static int mock_http_behave(mock_conn_t *c, mock_head_t *h);
static void mock_http_count(mock_conn_t *c, mock_head_t *h);
static void mock_http_complete(mock_conn_t *c);
static void mock_http_malformed(mock_conn_t *c, const char *why);
static size_t mock_http_body(mock_conn_t *c, const char *p, size_t n);
static size_t mock_http_chunks(mock_conn_t *c, const char *p, size_t n);
static int mock_http_chunk(mock_conn_t *c, int ch);
static int mock_http_chunk_size(mock_conn_t *c, int ch);
static void mock_http_data(mock_conn_t *c, const char *p, size_t n);

static int mock_http_request(mock_request_t *r, const char *p, const char *end);
static int mock_http_path(mock_request_t *r, const char *p, const char *end);
static int mock_http_field(mock_head_t *h, const char *p, const char *end);
static int mock_http_is(mock_line_t *l, const char *s);
static void mock_field_host(mock_head_t *h, mock_line_t *l);
static void mock_field_length(mock_head_t *h, mock_line_t *l);
static void mock_field_encoding(mock_head_t *h, mock_line_t *l);
static void mock_field_connection(mock_head_t *h, mock_line_t *l);
static void mock_field_expect(mock_head_t *h, mock_line_t *l);
static void mock_field_type(mock_head_t *h, mock_line_t *l);
static void mock_field_authorization(mock_head_t *h, mock_line_t *l);
static void mock_field_key(mock_head_t *h, mock_line_t *l);
static void mock_field_hop(mock_head_t *h, mock_line_t *l);
static void mock_field_mock(mock_head_t *h, mock_line_t *l);


static const mock_field_t  mock_fields[] = {
    { mock_lit("host"),                 mock_field_host },
    { mock_lit("content-length"),       mock_field_length },
    { mock_lit("transfer-encoding"),    mock_field_encoding },
    { mock_lit("connection"),           mock_field_connection },
    { mock_lit("expect"),               mock_field_expect },
    { mock_lit("content-type"),         mock_field_type },
    { mock_lit("authorization"),        mock_field_authorization },
    { mock_lit("x-api-key"),            mock_field_key },
    { mock_lit("api-key"),              mock_field_key },
    { mock_lit("x-goog-api-key"),       mock_field_key },
    { mock_lit("cookie"),               mock_field_key },
    { mock_lit("keep-alive"),           mock_field_hop },
    { mock_lit("proxy-authorization"),  mock_field_hop },
    { mock_lit("proxy-connection"),     mock_field_hop },
    { mock_lit("te"),                   mock_field_hop },
    { mock_lit("trailer"),              mock_field_hop },
    { mock_lit("upgrade"),              mock_field_hop },
    { mock_lit("x-mock"),               mock_field_mock },
    { NULL, 0, NULL }
};


size_t
mock_http_feed(mock_conn_t *c, const char *p, size_t n)
{
    size_t  used;

    used = 0;

    if (c->state == MOCK_STATE_HEAD) {
        used = mock_http_head(c, p, n);

        if (c->state != MOCK_STATE_BODY) {
            return used;
        }

        if (used == n && c->request.expect) {
            send(c->source.fd, mock_lit("HTTP/1.1 100 Continue\r\n\r\n"),
                 MSG_NOSIGNAL);
        }
    }

    if (c->request.chunked) {
        return used + mock_http_chunks(c, p + used, n - used);
    }

    return used + mock_http_body(c, p + used, n - used);
}


static size_t
mock_http_head(mock_conn_t *c, const char *p, size_t n)
{
    size_t        used;
    const char   *end, *last, *start, *eol;
    mock_head_t   h;

    end = n ? memmem(p, n, mock_lit("\r\n\r\n")) : NULL;

    if (end == NULL || (size_t) (end - p) > MOCK_HEAD) {

        if (n >= MOCK_HEAD || (n && (unsigned char) *p < 0x20)) {
            mock_http_malformed(c, "request head too long or not HTTP");
            return n;
        }

        return 0;
    }

    used = (size_t) (end - p) + 4;

    memset(&h, 0, sizeof(h));
    h.conn = c;

    mock_timer_off(&c->timer);
    mock_buf_clear(&c->record, 4096);
    mock_buf_put(&c->record, p, used);

    last = end + 2;
    eol = memmem(p, used, mock_lit("\r\n"));

    if (mock_http_request(&c->request, p, eol) != MOCK_OK) {
        mock_http_malformed(c, "bad request line");
        return used;
    }

    c->request.head = used;

    for (start = eol + 2; start < last; start = eol + 2) {
        eol = memmem(start, (size_t) (end + 4 - start), mock_lit("\r\n"));

        if (mock_http_field(&h, start, eol) != MOCK_OK) {
            mock_http_malformed(c, "bad header line");
            return used;
        }
    }

    mock_http_begin(c, &h);

    return used;
}


/* the head is read: count the request, see what comes */

static void
mock_http_begin(mock_conn_t *c, mock_head_t *h)
{
    mock_request_t  *r;

    r = &c->request;

    if (h->bad
        || h->hosts > 1 || (h->hosts == 0 && r->minor)
        || h->lengths > 1 || h->encodings > 1 || (h->lengths && h->encodings))
    {
        mock_http_malformed(c, "headers contradict each other");
        return;
    }

    mock_http_count(c, h);

    c->state = MOCK_STATE_BODY;
    c->left = r->length > 0 ? r->length : 0;
    c->chunk = MOCK_CHUNK_START;

    if (mock_http_behave(c, h) != MOCK_OK) {
        return;
    }

    if (c->behave->when == MOCK_WHEN_BODY) {
        c->state = MOCK_STATE_ANSWER;
        c->unread = 1;
        mock_answer_none(c);
        return;
    }

    mock_body_start(&c->body, r, c->behave->sha);

    if (c->left == 0 && !r->chunked) {
        mock_http_complete(c);
    }
}


static int
mock_http_behave(mock_conn_t *c, mock_head_t *h)
{
    char         err[256];
    mock_rule_t  rule;

    if (c->request.control) {
        c->behave = &c->own;
        mock_behave_init(&c->own);
        return MOCK_OK;
    }

    c->behave = &c->node->base;
    mock_rules_apply(c->node, c);

    if (h->mock.value == NULL) {
        return MOCK_OK;
    }

    rule.behave = *c->behave;

    if (mock_behave_parse(&rule, c->node, h->mock.value, h->mock.value_len,
                          err)
        != MOCK_OK)
    {
        mock_http_malformed(c, err);
        return MOCK_ERROR;
    }

    if (rule.clear || rule.path[0] || rule.times != -1) {
        mock_http_malformed(c, "reset, path and times are for /mock/set");
        return MOCK_ERROR;
    }

    c->own = rule.behave;
    c->behave = &c->own;

    return MOCK_OK;
}


static void
mock_http_count(mock_conn_t *c, mock_head_t *h)
{
    mock_stats_t    *st;
    mock_request_t  *r;

    r = &c->request;
    st = &c->node->stats;

    if (r->control) {
        return;
    }

    st->leaked_headers += h->leaked;
    st->hop_headers += h->hop;

    if (!r->v1) {
        if (strncmp(r->path, mock_lit("/v1/models")) == 0) {
            st->models_requests++;

        } else {
            st->probes++;
        }

        return;
    }

    if (mock_conf.slots && st->in_flight >= (uint64_t) mock_conf.slots) {
        st->over_slots++;
    }

    st->requests++;
    st->in_flight++;
    c->counted = 1;

    if (st->in_flight > st->max_in_flight) {
        st->max_in_flight = st->in_flight;
    }
}


static void
mock_http_complete(mock_conn_t *c)
{
    c->state = MOCK_STATE_ANSWER;
    c->unread = 0;

    mock_body_finish(&c->body);
    mock_route(c);

    if (!c->request.control) {
        mock_control_record(c);
    }
}


static void
mock_http_malformed(mock_conn_t *c, const char *why)
{
    c->node->stats.malformed++;

    c->own = c->node->base;
    c->behave = &c->own;

    mock_behave_init(c->behave);

    c->state = MOCK_STATE_ANSWER;
    c->unread = 1;
    c->request.keep = 0;
    c->request.minor = 1;

    mock_error(c, 400, "invalid_request_error", NULL, "malformed_request",
               why);
}


static size_t
mock_http_body(mock_conn_t *c, const char *p, size_t n)
{
    if ((int64_t) n > c->left) {
        n = (size_t) c->left;
    }

    mock_http_data(c, p, n);
    c->left -= (int64_t) n;

    if (c->left == 0) {
        mock_http_complete(c);
    }

    return n;
}


static void
mock_http_data(mock_conn_t *c, const char *p, size_t n)
{
    size_t  have, keep;

    c->node->stats.body_bytes += n;

    have = c->record.len - c->request.head;

    if (have < MOCK_RECORD) {
        keep = MOCK_RECORD - have;
        mock_buf_put(&c->record, p, n < keep ? n : keep);
    }

    mock_body_feed(&c->body, p, n);
}


static size_t
mock_http_chunks(mock_conn_t *c, const char *p, size_t n)
{
    int     rc;
    size_t  i, take;

    for (i = 0; i < n; i += take) {

        if (c->chunk == MOCK_CHUNK_DATA) {
            take = n - i;

            if ((int64_t) take >= c->left) {
                take = (size_t) c->left;
                c->chunk = MOCK_CHUNK_CR;
            }

            mock_http_data(c, p + i, take);
            c->left -= (int64_t) take;
            continue;
        }

        take = 1;
        rc = mock_http_chunk(c, (unsigned char) p[i]);

        if (rc == MOCK_ERROR) {
            mock_http_malformed(c, "bad chunk");
            return n;
        }

        if (rc == MOCK_OK) {
            mock_http_complete(c);
            return i + 1;
        }
    }

    return n;
}


/* MOCK_OK: that was the last byte of the body */

static int
mock_http_chunk(mock_conn_t *c, int ch)
{
    switch (c->chunk) {

    case MOCK_CHUNK_START:
    case MOCK_CHUNK_SIZE:
    case MOCK_CHUNK_EXT:
        return mock_http_chunk_size(c, ch);

    case MOCK_CHUNK_CR:
        c->chunk = MOCK_CHUNK_LF;
        return ch == '\r' ? MOCK_AGAIN : MOCK_ERROR;

    case MOCK_CHUNK_LF:
        c->chunk = MOCK_CHUNK_START;
        c->left = 0;
        return ch == '\n' ? MOCK_AGAIN : MOCK_ERROR;

    case MOCK_CHUNK_LAST:
        c->chunk = ch == '\r' ? MOCK_CHUNK_END : MOCK_CHUNK_FIELD;
        return MOCK_AGAIN;

    case MOCK_CHUNK_FIELD:
        c->chunk = ch == '\n' ? MOCK_CHUNK_LAST : MOCK_CHUNK_FIELD;
        return MOCK_AGAIN;

    default: /* MOCK_CHUNK_END */
        return ch == '\n' ? MOCK_OK : MOCK_ERROR;
    }
}


static int
mock_http_chunk_size(mock_conn_t *c, int ch)
{
    if (ch == '\n' && c->chunk == MOCK_CHUNK_EXT) {
        c->chunk = c->left ? MOCK_CHUNK_DATA : MOCK_CHUNK_LAST;
        return MOCK_AGAIN;
    }

    if (c->chunk == MOCK_CHUNK_EXT) {
        return MOCK_AGAIN;
    }

    if (c->chunk == MOCK_CHUNK_SIZE && (ch == '\r' || ch == ';')) {
        c->chunk = MOCK_CHUNK_EXT;
        return MOCK_AGAIN;
    }

    if (!isxdigit(ch) || c->left > INT64_MAX / 32) {
        return MOCK_ERROR;
    }

    c->chunk = MOCK_CHUNK_SIZE;
    c->left = c->left * 16 + (isdigit(ch) ? ch - '0' : (ch | 0x20) - 'a' + 10);

    return MOCK_AGAIN;
}


static int
mock_http_request(mock_request_t *r, const char *p, const char *end)
{
    const char  *sp, *proto;

    sp = memchr(p, ' ', (size_t) (end - p));

    if (sp == NULL || end - sp < 11) {
        return MOCK_ERROR;
    }

    proto = end - 9;

    if (memcmp(proto, " HTTP/1.", 8) != 0
        || (end[-1] != '0' && end[-1] != '1')
        || proto <= sp)
    {
        return MOCK_ERROR;
    }

    r->method = sp - p == 3 && memcmp(p, "GET", 3) == 0 ? MOCK_GET
                : sp - p == 4 && memcmp(p, "POST", 4) == 0 ? MOCK_POST
                : MOCK_OTHER;

    r->boundary[0] = '\0';
    r->length = -1;
    r->minor = end[-1] == '1';
    r->keep = r->minor;
    r->chunked = 0;
    r->expect = 0;
    r->multipart = 0;
    r->authorized = mock_conf.key == NULL;

    if (mock_http_path(r, sp + 1, proto) != MOCK_OK) {
        return MOCK_ERROR;
    }

    r->control = strncmp(r->path, mock_lit("/mock/")) == 0;
    r->v1 = r->method == MOCK_POST && !r->control && !r->foreign
            && strncmp(r->path, mock_lit("/v1/")) == 0;

    return MOCK_OK;
}


static int
mock_http_path(mock_request_t *r, const char *p, const char *end)
{
    size_t       n, len;
    const char  *args;

    if (*p != '/' || memchr(p, ' ', (size_t) (end - p))) {
        return MOCK_ERROR;
    }

    args = memchr(p, '?', (size_t) (end - p));

    snprintf(r->args, sizeof(r->args), "%.*s",
             args ? (int) (end - args - 1) : 0, args ? args + 1 : "");

    n = (size_t) ((args ? args : end) - p);
    len = mock_conf.prefix ? strlen(mock_conf.prefix) : 0;

    r->foreign = 0;

    if (len && !(n >= 6 && memcmp(p, "/mock/", 6) == 0)) {

        if (n > len && memcmp(p, mock_conf.prefix, len) == 0 && p[len] == '/') {
            p += len;
            n -= len;

        } else {
            r->foreign = 1;
        }
    }

    if (n >= MOCK_PATH) {
        return MOCK_ERROR;
    }

    memcpy(r->path, p, n);
    r->path[n] = '\0';

    return MOCK_OK;
}


static int
mock_http_field(mock_head_t *h, const char *p, const char *end)
{
    const char          *colon;
    mock_line_t          l;
    const mock_field_t  *f;

    colon = memchr(p, ':', (size_t) (end - p));

    if (colon == NULL || colon == p || isspace((unsigned char) *p)
        || colon[-1] == ' ' || memchr(p, '\n', (size_t) (end - p)))
    {
        return MOCK_ERROR;
    }

    l.name = p;
    l.name_len = (size_t) (colon - p);

    for (p = colon + 1; p < end && (*p == ' ' || *p == '\t'); p++) {
        /* void */
    }

    while (end > p && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    l.value = p;
    l.value_len = (size_t) (end - p);

    for (f = mock_fields; f->name; f++) {
        if (f->len == l.name_len && strncasecmp(f->name, l.name, f->len) == 0) {
            f->handler(h, &l);
            break;
        }
    }

    return MOCK_OK;
}


static int
mock_http_is(mock_line_t *l, const char *s)
{
    return l->value_len == strlen(s)
           && strncasecmp(l->value, s, l->value_len) == 0;
}


static void
mock_field_host(mock_head_t *h, mock_line_t *l)
{
    h->hosts++;
    h->bad |= l->value_len == 0;
}


static void
mock_field_length(mock_head_t *h, mock_line_t *l)
{
    size_t   i;
    int64_t  n;

    n = 0;
    h->lengths++;
    h->bad |= l->value_len == 0 || l->value_len > 15;

    for (i = 0; i < l->value_len && !h->bad; i++) {
        h->bad |= !isdigit((unsigned char) l->value[i]);
        n = n * 10 + l->value[i] - '0';
    }

    h->conn->request.length = n;
}


static void
mock_field_encoding(mock_head_t *h, mock_line_t *l)
{
    h->encodings++;
    h->bad |= !mock_http_is(l, "chunked") || !h->conn->request.minor;
    h->conn->request.chunked = 1;
}


static void
mock_field_connection(mock_head_t *h, mock_line_t *l)
{
    if (mock_http_is(l, "close")) {
        h->conn->request.keep = 0;

    } else if (mock_http_is(l, "keep-alive")) {
        h->conn->request.keep = 1;

    } else if (l->value_len) {
        h->hop = 1;
    }
}


static void
mock_field_expect(mock_head_t *h, mock_line_t *l)
{
    h->conn->request.expect = mock_http_is(l, "100-continue");
}


static void
mock_field_type(mock_head_t *h, mock_line_t *l)
{
    size_t           n;
    const char      *p, *end;
    mock_request_t  *r;

    r = &h->conn->request;

    if (l->value_len < 20
        || strncasecmp(l->value, mock_lit("multipart/form-data;")) != 0)
    {
        return;
    }

    r->multipart = 1;
    end = l->value + l->value_len;
    p = memmem(l->value, l->value_len, mock_lit("boundary="));

    if (p == NULL) {
        return;
    }

    p += sizeof("boundary=") - 1;

    if (p < end && *p == '"') {
        p++;
        n = strcspn(p, "\"\r");

    } else {
        n = strcspn(p, "; \r");
    }

    snprintf(r->boundary, sizeof(r->boundary), "--%.*s", (int) n, p);
}


static void
mock_field_authorization(mock_head_t *h, mock_line_t *l)
{
    size_t       n;
    const char  *key;

    key = mock_conf.key;
    n = key ? strlen(key) : 0;

    if (key && l->value_len == n + 7
        && strncasecmp(l->value, mock_lit("bearer ")) == 0
        && memcmp(l->value + 7, key, n) == 0)
    {
        h->conn->request.authorized = 1;
        return;
    }

    h->leaked = 1;
}


static void
mock_field_key(mock_head_t *h, mock_line_t *l)
{
    (void) l;
    h->leaked = 1;
}


static void
mock_field_hop(mock_head_t *h, mock_line_t *l)
{
    (void) l;
    h->hop = 1;
}


static void
mock_field_mock(mock_head_t *h, mock_line_t *l)
{
    h->mock = *l;
}
