
/*
 * The answer to a GET: heads, interim answers, the three framings of a body,
 * what is not HTTP, and that slices cut anywhere change nothing.
 */


#include "../../src/base/ngx_llm_answer.c"
#include "../../src/io/ngx_llm_chunk.c"
#include "../../src/io/ngx_llm_reply.c"
#include "test.h"


typedef struct {
    const char  *name;
    const char  *input;
    unsigned     status;
    const char  *body;          /* NULL: it fails */
} sample_t;


typedef struct {
    char         text[256];
    size_t       len;
    size_t       total;
    const char  *error;         /* given back by the handler */
} body_t;


static ngx_int_t run(ngx_llm_reply_t *r, body_t *body, const char *input,
    size_t n, size_t first, size_t step);
static const char *take(void *data, u_char *p, size_t n);
static void test_samples(void);
static void test_splits(void);
static void test_head_only(void);
static void test_limits(void);


static const sample_t  samples[] = {

    { "a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200,
      "hello" },
    { "a length, and more than it", "HTTP/1.1 200 OK\r\ncontent-length:3\r\n"
      "\r\nhello", 200, "hel" },
    { "a length of nothing", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
      200, "" },
    { "until the end", "HTTP/1.0 200 OK\r\n\r\nhello", 200, "hello" },
    { "until the end, nothing", "HTTP/1.1 200 OK\r\n\r\n", 200, "" },
    { "bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\nab", 200,
      "ab" },
    { "chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n0a;x=\"y\"\r\n0123456789\r\n0\r\n\r\n", 200,
      "abc0123456789" },
    { "chunks with bare line feeds", "HTTP/1.1 200 OK\nTransfer-Encoding: "
      "Chunked\n\n3\nabc\n0\n\n", 200, "abc" },
    { "chunks with trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, "
      "chunked\r\n\r\n1 \r\na\r\n0\r\nX: y\r\nZ:\r\n\r\nrest", 200, "a" },
    { "chunks win over a length", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
      "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", 200, "ab" },
    { "interim answers", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n"
      "Link: x\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\n"
      "Content-Length: 1\r\n\r\nz", 200, "z" },
    { "another status", "HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\nhello",
      503, "" },
    { "a status without text", "HTTP/1.1 404\r\n\r\n", 404, "" },

    { "not HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", 0, NULL },
    { "another protocol", "HTTP/1.1 101 Switching\r\n\r\n", 0, NULL },
    { "a broken header", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", 200, NULL },
    { "a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n"
      "\r\n", 200, NULL },
    { "nothing at all", "", 0, NULL },
    { "half a head", "HTTP/1.1 200 OK\r\nContent-", 0, NULL },
    { "only an interim answer", "HTTP/1.1 100 Continue\r\n\r\n", 0, NULL },
    { "a body cut short", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
      200, NULL },
    { "chunks cut short", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
      "\r\n3\r\nabc\r\n0\r\n", 200, NULL },
    { "a chunk without size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
      "\r\n\r\n\r\nabc\r\n0\r\n\r\n", 200, NULL },
    { "a chunk of a wrong size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", 200, NULL },
    { "a size that is none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
      "\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n", 200, NULL },
    { "a size out of bounds", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
      "\r\n\r\n1000000000000000\r\nabc\r\n0\r\n\r\n", 200, NULL },
    { "a size cut by CR", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
      "\r\n\r\n1\rX\na\r\n0\r\n\r\n", 200, NULL },
    { "too much is announced", "HTTP/1.1 200 OK\r\nContent-Length: "
      "67108864\r\n\r\nhell", 200, NULL }
};

#define NSAMPLES  (sizeof(samples) / sizeof(samples[0]))


int
main(void)
{
    test_samples();
    test_splits();
    test_head_only();
    test_limits();

    return test_done();
}


/* nginx's, of which this file needs little */

off_t
ngx_atoof(u_char *line, size_t n)
{
    off_t  value;

    if (n == 0 || n > 15) {
        return NGX_ERROR;
    }

    for (value = 0; n--; line++) {
        if (*line < '0' || *line > '9') {
            return NGX_ERROR;
        }

        value = value * 10 + (*line - '0');
    }

    return value;
}


ngx_int_t
ngx_atoi(u_char *line, size_t n)
{
    return (ngx_int_t) ngx_atoof(line, n);
}


static const char *
take(void *data, u_char *p, size_t n)
{
    body_t  *body = data;

    if (body->len + n < sizeof(body->text)) {
        memcpy(body->text + body->len, p, n);
        body->len += n;
    }

    body->total += n;

    return body->error;
}


/* NGX_DONE or NGX_ERROR; reads "first" bytes, then "step" at a time */

static ngx_int_t
run(ngx_llm_reply_t *r, body_t *body, const char *input, size_t n,
    size_t first, size_t step)
{
    size_t      i, len, room;
    u_char     *p, *buffer;
    ngx_int_t   rc;

    buffer = malloc(NGX_LLM_REPLY_BUFFER);

    memset(r, 0x5a, sizeof(ngx_llm_reply_t));
    ngx_llm_reply_init(r, buffer, body ? take : NULL, body);

    rc = NGX_AGAIN;
    len = first;

    for (i = 0; rc == NGX_AGAIN; i += len, len = step) {
        p = ngx_llm_reply_space(r, &room);

        if (room == 0) {
            abort();
        }

        len = ngx_min(ngx_min(len, room), n - i);
        memcpy(p, input + i, len);

        rc = ngx_llm_reply_take(r, len);
    }

    free(buffer);

    return rc;
}


static void
test_samples(void)
{
    size_t           i, n;
    body_t           body;
    ngx_int_t        rc;
    const sample_t  *s;
    ngx_llm_reply_t  r;

    for (i = 0; i < NSAMPLES; i++) {
        s = &samples[i];
        n = strlen(s->input);
        memset(&body, 0, sizeof(body_t));

        rc = run(&r, &body, s->input, n, n, n);

        is_number(r.status, s->status, "status: %s", s->name);

        if (s->body == NULL) {
            ok(rc == NGX_ERROR && r.error, "fails: %s", s->name);
            continue;
        }

        ok(rc == NGX_DONE && r.error == NULL, "is whole: %s", s->name);
        is_text(body.text, s->body, "body: %s", s->name);
    }
}


static void
test_splits(void)
{
    int              bad;
    size_t           i, k, n;
    body_t           body;
    ngx_int_t        rc;
    const sample_t  *s;
    ngx_llm_reply_t  r;

    for (i = 0; i < NSAMPLES; i++) {
        s = &samples[i];
        n = strlen(s->input);
        bad = 0;

        for (k = 1; k <= n; k++) {
            memset(&body, 0, sizeof(body_t));

            rc = (k < n) ? run(&r, &body, s->input, n, k, n)
                         : run(&r, &body, s->input, n, 1, 1);

            bad += r.status != s->status
                   || (rc == NGX_DONE) != (s->body != NULL)
                   || (s->body && strcmp(body.text, s->body) != 0);
        }

        is_number(bad, 0, "cut anywhere: %s", s->name);
    }
}


static void
test_head_only(void)
{
    body_t           body;
    ngx_llm_reply_t  r;

    static const char  *input = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";

    is_number(run(&r, NULL, input, strlen(input), 7, 7), NGX_DONE,
              "nobody wants the body: the head is enough");

    memset(&body, 0, sizeof(body_t));
    body.error = "enough";

    is_number(run(&r, &body, "HTTP/1.1 200 OK\r\n\r\nab", 21, 20, 1),
              NGX_ERROR, "who takes the body may end it");
    is_text(r.error, "enough", "and says why");
    is_number(body.total, 1, "and is asked no more");
}


static void
test_limits(void)
{
    char            *text;
    size_t           n, head;
    body_t           body;
    ngx_llm_reply_t  r;

    /* a head that fills the buffer, and one that does not fit */

    text = malloc(NGX_LLM_REPLY_BUFFER + 1);

    for (n = NGX_LLM_REPLY_BUFFER; n <= NGX_LLM_REPLY_BUFFER + 1; n++) {
        memset(text, 'x', n);
        memcpy(text, "HTTP/1.1 404 No\r\nX: ", 20);
        memcpy(text + n - 4, "\r\n\r\n", 4);

        is_number(run(&r, NULL, text, n, 1000, 1000),
                  n == NGX_LLM_REPLY_BUFFER ? NGX_DONE : NGX_ERROR,
                  "a head of %zu bytes", n);
    }

    free(text);

    /* bodies of the largest size, and of one byte more, without a length */

    text = malloc(NGX_LLM_REPLY_BODY + 64);
    head = sprintf(text, "HTTP/1.1 200 OK\r\n\r\n");

    for (n = NGX_LLM_REPLY_BODY; n <= NGX_LLM_REPLY_BODY + 1; n++) {
        memset(text + head, 'x', n);
        memset(&body, 0, sizeof(body_t));

        is_number(run(&r, &body, text, head + n, 100, 8192),
                  n == NGX_LLM_REPLY_BODY ? NGX_DONE : NGX_ERROR,
                  "a body of %zu bytes", n);
        ok(body.total <= NGX_LLM_REPLY_BODY, "%zu: no more is passed on", n);
    }

    free(text);
}
