
/*
 * The form scanner: slices make no difference, and what it finds stands in
 * the input between a part's headers and the next boundary.  The same input
 * is tried as a Content-Type.
 */


#include "../../src/base/ngx_llm_boundary.c"
#include "../../src/base/ngx_llm_multipart.c"
#include "fuzz.h"


#define BOUNDARY  "XyZ"


static void
scan(ngx_llm_multipart_t *m, ngx_int_t *end, const uint8_t *data, size_t size,
    size_t most)
{
    size_t      at, n;
    u_char     *slice;
    ngx_int_t   rc;
    ngx_str_t   boundary = ngx_string(BOUNDARY);

    ngx_llm_multipart_init(m, &boundary);

    rc = NGX_OK;

    for (at = 0; at < size; at += n) {
        slice = fuzz_slice(data + at, size - at, most, &n);

        if (ngx_llm_multipart_feed(m, slice, n) == NGX_OK && rc != NGX_OK) {
            fuzz_fail("declined and then not", data, size);
        }

        rc = (m->error == NULL) ? NGX_OK : NGX_DECLINED;
        free(slice);
    }

    *end = ngx_llm_multipart_end(m);

    if (*end == NGX_OK && rc != NGX_OK) {
        fuzz_fail("declined, but not in the end", data, size);
    }
}


static int
same_value(const ngx_llm_multipart_value_t *a,
    const ngx_llm_multipart_value_t *b)
{
    if (a->found != b->found) {
        return 0;
    }

    return !a->found
           || (a->start == b->start && a->end == b->end && a->len == b->len
               && a->truncated == b->truncated
               && memcmp(a->text, b->text, a->len) == 0);
}


static void
same(const ngx_llm_multipart_t *a, const ngx_llm_multipart_t *b,
    ngx_int_t a_end, ngx_int_t b_end, const uint8_t *data, size_t size)
{
    if (a_end != b_end || a->error != b->error
        || !same_value(&a->model, &b->model)
        || !same_value(&a->stream, &b->stream))
    {
        fuzz_fail("slices make a difference", data, size);
    }
}


static void
check_value(const ngx_llm_multipart_value_t *v, const char *name,
    const uint8_t *data, size_t size)
{
    size_t          n;
    const uint8_t  *p;

    static const char  delimiter[] = "\r\n--" BOUNDARY;

    if (!v->found) {
        return;
    }

    if (v->start < 4 || v->end < v->start || (size_t) v->end > size) {
        fuzz_fail("offsets out of the input", data, size);
    }

    p = data + v->start;
    n = v->end - v->start;

    if (v->len != ngx_min(n, NGX_LLM_MULTIPART_VALUE)
        || v->truncated != (n > v->len)
        || memcmp(v->text, p, v->len) != 0)
    {
        fuzz_fail("another text than at the offsets", data, size);
    }

    if (memcmp(p - 4, "\r\n\r\n", 4) != 0
        || memmem(data, v->start, BOUNDARY, 3) == NULL)
    {
        fuzz_fail("no headers before the value", data, size);
    }

    /* the delimiter's CRLF may be the one of the empty line */

    if (n == 0 && size - v->start >= 5
        && memcmp(p, delimiter + 2, 5) == 0)
    {
        return;
    }

    if (size - v->start < n + 7
        || memmem(p, n + 7, delimiter, 7) != p + n
        || (n >= 5 && memcmp(p, delimiter + 2, 5) == 0))
    {
        fuzz_fail("not the first boundary behind the value", data, size);
    }

    /* its name, as it is or with backslashes, which are taken out here */

    if (memmem(data, size, "\\", 1) == NULL
        && memmem(data, v->start, name, strlen(name)) == NULL)
    {
        fuzz_fail("no such name", data, size);
    }
}


/* what a Content-Type gives must be sound and lie within it */

static void
check_boundary(const uint8_t *data, size_t size)
{
    size_t      i;
    u_char     *copy;
    ngx_str_t   type, boundary;

    copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    type.data = copy;
    type.len = size;

    if (ngx_llm_boundary(&type, &boundary) == NGX_OK) {

        if (boundary.len < 1 || boundary.len > 70
            || boundary.data < copy
            || boundary.data + boundary.len > copy + size)
        {
            fuzz_fail("a boundary out of its header", data, size);
        }

        for (i = 0; i < boundary.len; i++) {

            if (boundary.data[i] < ' ' || boundary.data[i] > '~') {
                fuzz_fail("not a sound boundary", data, size);
            }
        }
    }

    free(copy);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t            end, cut_end;
    ngx_llm_multipart_t  whole, cut;

    fuzz_seed(data, size);
    check_boundary(data, size);

    scan(&whole, &end, data, size, 0);
    check_value(&whole.model, "model", data, size);
    check_value(&whole.stream, "stream", data, size);

    scan(&cut, &cut_end, data, size, 1 + fuzz_random(32));
    same(&whole, &cut, end, cut_end, data, size);

    scan(&cut, &cut_end, data, size, 1);
    same(&whole, &cut, end, cut_end, data, size);

    return 0;
}


#ifdef STANDALONE

#define FIELD(n)  "Content-Disposition: form-data; name=" n "\r\n\r\n"

int
main(int argc, char **argv)
{
    static const char  *seeds[] = {
        "--XyZ\r\n" FIELD("\"model\"") "m\r\n--XyZ--\r\n",
        "--XyZ\r\n" FIELD("model") "\r\n--XyZ\r\n" FIELD("stream")
            "true\r\n--XyZ--",
        "--XyZ\r\n" FIELD("\"file\"; filename=\"f\"") "RIFF\r\n\r\n--Xy\r\n"
            "\r\n--XyZ\r\n" FIELD("\"model\"") "one\r\n--XyZ\r\n"
            FIELD("\"model\"") "two\r\n--XyZ--\r\n",
        "pre\r\n--XyZ \r\n" FIELD("\"mo\\del\"") "--XyZ--epi",
        "multipart/form-data; boundary=abc",
        "multipart/form-data; charset=x; boundary=\"a b\"; y=z",
        NULL
    };

    static const char  *pieces[] = {
        "--XyZ", "--XyZ--", "\r\n--XyZ\r\n", "\r\n", "\r", "\n", "\r\n\r\n",
        "-", "--", ";", "=", "\"", "\\", " ", "\t", "name=", "name=\"model\"",
        "model", "stream", "; filename=\"x\"", "filename*=x",
        FIELD("\"model\""), FIELD("stream"), "Content-Disposition:",
        "X: y\r\n", "XyZ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "boundary=", "; boundary=x",
        NULL
    };

    static const fuzz_t  f = {
        "multipart", seeds, pieces, "\r\n-XyZ:;=\"\\ \tmx"
    };

    return fuzz_main(&f, argc, argv);
}

#endif
