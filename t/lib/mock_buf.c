
/*
 * Memory and growing buffers of the mock node, and the three ways text gets
 * into them: as it is, as a JSON string, as base64.
 */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mock_node.h"


static void mock_buf_need(mock_buf_t *b, size_t n);


void *
mock_alloc(size_t size)
{
    void  *p;

    p = calloc(1, size);
    if (p == NULL) {
        fprintf(stderr, "mock_node: out of memory\n");
        exit(1);
    }

    return p;
}


void *
mock_grow(void *p, size_t size)
{
    p = realloc(p, size);
    if (p == NULL) {
        fprintf(stderr, "mock_node: out of memory\n");
        exit(1);
    }

    return p;
}


char *
mock_strdup(const char *s)
{
    char    *p;
    size_t   n;

    n = strlen(s) + 1;
    p = mock_alloc(n);
    memcpy(p, s, n);

    return p;
}


static void
mock_buf_need(mock_buf_t *b, size_t n)
{
    size_t  size;

    if (b->size - b->len >= n) {
        return;
    }

    size = b->size ? b->size : 512;

    while (size - b->len < n) {
        size *= 2;
    }

    b->data = mock_grow(b->data, size);
    b->size = size;
}


void
mock_buf_put(mock_buf_t *b, const char *p, size_t n)
{
    if (n == 0) {
        return;
    }

    mock_buf_need(b, n);
    memcpy(b->data + b->len, p, n);
    b->len += n;
}


void
mock_buf_str(mock_buf_t *b, const char *s)
{
    mock_buf_put(b, s, strlen(s));
}


void
mock_buf_num(mock_buf_t *b, uint64_t n)
{
    char  *p, text[20];

    p = text + sizeof(text);

    do {
        *--p = (char) ('0' + n % 10);
        n /= 10;
    } while (n);

    mock_buf_put(b, p, (size_t) (text + sizeof(text) - p));
}


void
mock_buf_fmt(mock_buf_t *b, const char *fmt, ...)
{
    int      n;
    va_list  args;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);

    mock_buf_need(b, (size_t) n + 1);

    va_start(args, fmt);
    vsnprintf(b->data + b->len, (size_t) n + 1, fmt, args);
    va_end(args);

    b->len += (size_t) n;
}


void
mock_buf_json(mock_buf_t *b, const char *p, size_t n)
{
    size_t         i;
    unsigned char  ch;

    for (i = 0; i < n; i++) {
        ch = (unsigned char) p[i];

        if (ch == '"' || ch == '\\') {
            mock_buf_need(b, 2);
            b->data[b->len++] = '\\';
            b->data[b->len++] = (char) ch;

        } else if (ch < 0x20) {
            mock_buf_fmt(b, "\\u%04x", ch);

        } else {
            mock_buf_need(b, 1);
            b->data[b->len++] = (char) ch;
        }
    }
}


void
mock_buf_base64(mock_buf_t *b, const unsigned char *p, size_t n)
{
    size_t       i;
    uint32_t     v;
    static char  set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "abcdefghijklmnopqrstuvwxyz0123456789+/";

    for (i = 0; i < n; i += 3) {
        v = (uint32_t) p[i] << 16;
        v |= i + 1 < n ? (uint32_t) p[i + 1] << 8 : 0;
        v |= i + 2 < n ? p[i + 2] : 0;

        mock_buf_need(b, 4);
        b->data[b->len++] = set[v >> 18];
        b->data[b->len++] = set[v >> 12 & 63];
        b->data[b->len++] = i + 1 < n ? set[v >> 6 & 63] : '=';
        b->data[b->len++] = i + 2 < n ? set[v & 63] : '=';
    }
}


void
mock_buf_shift(mock_buf_t *b, size_t n)
{
    if (n >= b->len) {
        b->len = 0;
        return;
    }

    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
}


void
mock_buf_clear(mock_buf_t *b, size_t keep)
{
    b->len = 0;

    if (b->size > keep) {
        free(b->data);
        b->data = NULL;
        b->size = 0;
    }
}
