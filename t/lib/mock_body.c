
/*
 * What a request's body says, found while its bytes pass: any size, any
 * split.  JSON goes to mock_json.c; multipart is read here, line by line,
 * since all that is asked of it are the parts "model" and "stream".
 */


#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>

#include "mock_node.h"


static void mock_multipart_feed(mock_multipart_t *m, const char *p, size_t n);
static void mock_multipart_line(mock_multipart_t *m);
static void mock_multipart_value(mock_multipart_t *m);


void
mock_body_start(mock_body_t *b, mock_request_t *r, int hashed)
{
    mock_multipart_t  *m;

    b->said.model[0] = '\0';
    b->said.user[0] = '\0';
    b->said.words = 0;
    b->said.items = 0;
    b->said.stream = 0;
    b->said.options = 0;
    b->said.usage = 0;
    b->said.base64 = 0;

    b->total = 0;
    b->bad = 0;
    b->is_hashed = hashed != 0;
    b->is_multipart = r->multipart;
    b->is_json = r->v1 && !r->multipart;

    if (hashed) {
        mock_sha256_init(&b->sha);
    }

    if (b->is_json) {
        mock_json_start(&b->u.json, &b->said);

    } else if (b->is_multipart) {
        m = &b->u.multipart;
        memset(m, 0, sizeof(mock_multipart_t));
        m->said = &b->said;
        memcpy(m->boundary, r->boundary, sizeof(m->boundary));
    }
}


void
mock_body_feed(mock_body_t *b, const char *p, size_t n)
{
    b->total += n;

    if (b->is_hashed) {
        mock_sha256_add(&b->sha, p, n);
    }

    if (b->is_json && !b->bad) {
        b->bad = mock_json_feed(&b->u.json, p, n) != MOCK_OK;

    } else if (b->is_multipart) {
        mock_multipart_feed(&b->u.multipart, p, n);
    }
}


void
mock_body_finish(mock_body_t *b)
{
    mock_multipart_t  *m;

    if (b->is_json) {
        b->bad |= mock_json_finish(&b->u.json) != MOCK_OK;

    } else if (b->is_multipart) {
        m = &b->u.multipart;

        if (m->len) {
            mock_multipart_line(m);
        }

        b->bad = !m->closed;
    }
}


static void
mock_multipart_feed(mock_multipart_t *m, const char *p, size_t n)
{
    size_t       len, room;
    const char  *lf;

    while (n) {
        lf = memchr(p, '\n', n);
        len = lf ? (size_t) (lf - p) + 1 : n;
        room = sizeof(m->line) - 1 - m->len;

        m->overlong |= len > room;
        room = len < room ? len : room;

        memcpy(m->line + m->len, p, room);
        m->len += room;

        if (lf) {
            mock_multipart_line(m);
        }

        p += len;
        n -= len;
    }
}


static void
mock_multipart_line(mock_multipart_t *m)
{
    size_t  n;

    while (m->len && (m->line[m->len - 1] == '\n'
                      || m->line[m->len - 1] == '\r'))
    {
        m->len--;
    }

    m->line[m->len] = '\0';
    n = strlen(m->boundary);

    if (n > 2 && strncmp(m->line, m->boundary, n) == 0) {
        m->closed = strcmp(m->line + n, "--") == 0;
        m->headers = 1;
        m->model = 0;

    } else if (m->headers && m->len == 0) {
        m->headers = 0;
        m->fresh = 1;

    } else if (m->headers) {
        m->model |= strstr(m->line, "name=\"model\"") != NULL;

    } else if (m->fresh) {
        mock_multipart_value(m);
        m->fresh = 0;
    }

    m->len = 0;
    m->overlong = 0;
}


static void
mock_multipart_value(mock_multipart_t *m)
{
    mock_buf_t  b;

    if (!m->model || m->overlong) {
        return;
    }

    memset(&b, 0, sizeof(mock_buf_t));
    mock_buf_json(&b, m->line, m->len);

    snprintf(m->said->model, MOCK_TEXT, "%.*s", (int) b.len,
             b.data ? b.data : "");
    free(b.data);
}
