
/*
 * The form scanner: the fields that are found, what is malformed, and that
 * slices cut anywhere change nothing.
 */


#include "../../src/base/ngx_llm_boundary.c"
#include "../../src/base/ngx_llm_multipart.c"
#include "test.h"


#define OPEN        "--XyZ\r\n"
#define NEXT        "\r\n--XyZ\r\n"
#define CLOSE       "\r\n--XyZ--\r\n"
#define FIELD(n)    "Content-Disposition: form-data; name=" n "\r\n\r\n"
#define FILE_PART   "Content-Disposition: form-data; name=\"file\"; "          \
                    "filename=\"a;name=model.wav\"\r\n"                        \
                    "Content-Type: audio/wav\r\n\r\n"                          \
                    "RIFF\r\n\r\r\n--XyY\r\n-\r\n--Xy\r\n--\r\n\n--XyZ\r"

#define TEXT32      "0123456789abcdef0123456789abcdef"
#define TEXT64      TEXT32 TEXT32


/* what is found: M model, S stream, text and the offsets; or E and the error */

typedef struct {
    const char  *input;
    const char  *found;
} sample_t;


static const sample_t  samples[] = {
    { OPEN FIELD("\"model\"") "whisper-1" CLOSE, "M'whisper-1' 55-64 " },
    { OPEN FIELD("model") "whisper-1" CLOSE, "M'whisper-1' 53-62 " },
    { OPEN FIELD("\"mo\\del\"") "m" CLOSE, "M'm' 56-57 " },
    { OPEN FIELD("\"model\"") CLOSE, "M'' 55-55 " },
    { OPEN FIELD("\"model\"") "--XyZ--", "M'' 55-55 " },
    { OPEN FIELD("\"model\"") "--XyQ" CLOSE, "M'--XyQ' 55-60 " },
    { OPEN FIELD("\"model\"") "\r\n" CLOSE, "M'\r\n' 55-57 " },
    { OPEN FIELD("\"model\"") "a\r\n--Xy\r\nb\r" CLOSE,
      "M'a\r\n--Xy\r\nb\r' 55-66 " },
    { OPEN FIELD("\"stream\"") "true" CLOSE, "S'true' 56-60 " },
    { OPEN FIELD("\"model\"") "m" NEXT FIELD("\"stream\"") "false" CLOSE,
      "M'm' 55-56 S'false' 114-119 " },
    { OPEN FIELD("\"stream\"") "1" NEXT FIELD("\"x\"") "y" NEXT
      FIELD("\"model\"") "m" CLOSE, "M'm' 168-169 S'1' 56-57 " },
    { OPEN FIELD("\"model\"") "one" NEXT FIELD("\"model\"") "two" CLOSE,
      "M'two' 115-118 " },
    { OPEN FILE_PART NEXT FIELD("\"model\"") "m" CLOSE, "M'm' 201-202 " },
    { OPEN FILE_PART CLOSE, "" },

    /* what is not the model */
    { OPEN FIELD("\"Model\"") "m" CLOSE, "" },
    { OPEN FIELD("\"models\"") "m" CLOSE, "" },
    { OPEN FIELD("\"model\"; filename=\"f\"") "m" CLOSE, "" },
    { OPEN FIELD("\"model\"; filename=f") "m" CLOSE, "" },
    { OPEN FIELD("\"model\"; filename=\"\"") "m" CLOSE, "" },
    { OPEN FIELD("\"model\"; filename*=UTF-8''f") "m" CLOSE, "" },
    { OPEN "Content-Disposition: form-data; filename=f; name=model\r\n\r\nm"
      CLOSE, "" },
    { OPEN FIELD("\"a\\\"; name=model\"") "m" CLOSE, "" },
    { OPEN FIELD("\"a; name=model\"") "m" CLOSE, "" },
    { OPEN FIELD("\"\"") "m" CLOSE, "" },
    { OPEN "X-Content-Disposition: form-data; name=model\r\n\r\nm" CLOSE, "" },
    { OPEN "Content-Disposition; name=model\r\n\r\nm" CLOSE, "" },
    { OPEN "\r\nm" CLOSE, "" },
    { OPEN FIELD("\"model\"") "m" NEXT FIELD("\"x\"") "y" CLOSE,
      "M'm' 55-56 " },

    /* headers in other shapes */
    { OPEN "CONTENT-DISPOSITION:form-data;NAME=model\r\n\r\nm" CLOSE,
      "M'm' 51-52 " },
    { OPEN "Content-Type: text/plain\r\nContent-Disposition: form-data ; "
      "x=\"y\" ;  name=\"model\" ; z\r\nX: y\r\n\r\nm" CLOSE, "M'm' 101-102 " },
    { OPEN "Content-Disposition: form-data;\r\n\tname=\"model\"\r\n\r\nm" CLOSE,
      "M'm' 57-58 " },
    { OPEN "Content-Disposition: form-data\r\n ;name=model\r\n\r\nm" CLOSE,
      "M'm' 55-56 " },
    { OPEN "X: y\r\n name=model\r\n\r\nm" CLOSE, "" },
    { OPEN "Content-Disposition: form-data; name=model\r\nX: y\r\n ;filename=f"
      "\r\n\r\nm" CLOSE, "M'm' 73-74 " },

    /* around the parts */
    { "preamble\r\n--Xy\r\n" OPEN FIELD("\"model\"") "m" CLOSE "epilogue"
      "\r\n--XyZ\r\n" FIELD("\"model\"") "no", "M'm' 71-72 " },
    { "--XyZ \t\r\n" FIELD("\"model\"") "m\r\n--XyZ--", "M'm' 57-58 " },
    { "--XyZ--", "" },
    { "\r\n--XyZ--", "" },

    /* malformed */
    { "", "E'no opening boundary'" },
    { "--Xy", "E'no opening boundary'" },
    { "x--XyZ\r\n\r\n", "E'no opening boundary'" },
    { "--XyZ", "E'no closing boundary'" },
    { OPEN, "E'no closing boundary'" },
    { OPEN FIELD("\"model\"") "m", "E'no closing boundary'" },
    { OPEN FIELD("\"model\"") "one" NEXT FIELD("\"model\"") "tw",
      "E'no closing boundary'" },
    { OPEN FIELD("\"model\"") "m\r\n--XyZ",
      "M'm' 55-56 E'no closing boundary'" },
    { OPEN FIELD("\"model\"") "m\r\n--XyZ-",
      "M'm' 55-56 E'no closing boundary'" },
    { OPEN FIELD("\"model\"") "m\r\n--XyZ-x",
      "M'm' 55-56 E'a bad boundary line'" },
    { OPEN FIELD("\"model\"") "m\r\n--XyZx\r\n",
      "M'm' 55-56 E'a bad boundary line'" },
    { "--XyZ\n", "E'a bad boundary line'" },
    { "--XyZ\r\r\n", "E'a bad boundary line'" },
    { "--XyZ --\r\n", "E'a bad boundary line'" },
    { OPEN "X: y\rz\r\n", "E'a bad header in a part'" },
    { OPEN "X: y\r\n\rz", "E'a bad header in a part'" }
};


static const struct {
    const char  *header;
    const char  *boundary;    /* NULL: declined */
} types[] = {
    { "multipart/form-data; boundary=abc", "abc" },
    { "multipart/form-data;boundary=abc", "abc" },
    { "Multipart/Form-Data ; BOUNDARY=aBc", "aBc" },
    { " multipart/form-data ;\t boundary=abc ", "abc" },
    { "multipart/form-data; boundary=\"abc\"", "abc" },
    { "multipart/form-data; boundary=\"a b:c\"; x=y", "a b:c" },
    { "multipart/form-data; charset=utf-8; boundary=abc", "abc" },
    { "multipart/form-data; x=\"; boundary=no\"; boundary=abc", "abc" },
    { "multipart/form-data; x; boundary=abc", "abc" },
    { "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxk",
      "----WebKitFormBoundary7MA4YWxk" },
    { "multipart/form-data; boundary===abc==", "==abc==" },
    { "multipart/form-data; boundary=a; boundary=b", "a" },
    { "multipart/form-data; boundary=a b", "a" },
    { "multipart/form-data; boundary=" TEXT64 "012345", TEXT64 "012345" },

    { "", NULL },
    { "multipart/form-data", NULL },
    { "multipart/form-data;", NULL },
    { "multipart/form-data; boundary", NULL },
    { "multipart/form-data; boundary=", NULL },
    { "multipart/form-data; boundary=;", NULL },
    { "multipart/form-data; boundary=\"\"", NULL },
    { "multipart/form-data; boundary=\"abc", NULL },
    { "multipart/form-data; boundary=\"a\\bc\"", NULL },
    { "multipart/form-data; boundary=\"abc \"", NULL },
    { "multipart/form-data; boundary=\"a\tc\"", NULL },
    { "multipart/form-data; boundary=\"a\xc3\xa9\"", NULL },
    { "multipart/form-data; xboundary=abc", NULL },
    { "multipart/form-data boundary=abc", NULL },
    { "multipart/mixed; boundary=abc", NULL },
    { "multipart/form-datax; boundary=abc", NULL },
    { "application/json; boundary=abc", NULL },
    { "multipart/form-data; boundary=" TEXT64 "0123456", NULL }
};


static void
feed(ngx_llm_multipart_t *m, ngx_int_t *rc, const char *input, size_t from,
    size_t to)
{
    u_char  *slice;

    slice = test_copy(input + from, to - from);
    *rc = ngx_llm_multipart_feed(m, slice, to - from);
    free(slice);
}


static void
value(char *text, const char *name, const ngx_llm_multipart_value_t *v)
{
    if (v->found) {
        sprintf(text + strlen(text), "%s'%.*s'%s %ld-%ld ", name, (int) v->len,
                v->text, v->truncated ? "cut" : "", (long) v->start,
                (long) v->end);
    }
}


static const char *
result(ngx_llm_multipart_t *m, ngx_int_t rc)
{
    ngx_int_t    end;
    static char  text[2000];

    text[0] = '\0';
    end = ngx_llm_multipart_end(m);

    value(text, "M", &m->model);
    value(text, "S", &m->stream);

    if (end != NGX_OK) {
        sprintf(text + strlen(text), "E'%s'", m->error);
    }

    if (rc != NGX_OK && end == NGX_OK) {
        strcat(text, " declined, but not in the end");
    }

    return text;
}


static void
init(ngx_llm_multipart_t *m)
{
    ngx_str_t  boundary = ngx_string("XyZ");

    memset(m, 0x5a, sizeof(ngx_llm_multipart_t));
    ngx_llm_multipart_init(m, &boundary);
}


static int
same_in_slices(const char *input, size_t n, const char *want)
{
    size_t               a, b, step;
    ngx_int_t            rc;
    ngx_llm_multipart_t  m;

    for (a = 0; a <= n; a++) {

        for (b = a; b <= n; b++) {
            init(&m);
            feed(&m, &rc, input, 0, a);
            feed(&m, &rc, input, a, b);
            feed(&m, &rc, input, b, n);

            if (strcmp(result(&m, rc), want) != 0) {
                printf("# cut at %d and %d: %s\n", (int) a, (int) b,
                       result(&m, rc));
                return 0;
            }
        }
    }

    for (step = 1; step < 20; step++) {
        init(&m);
        rc = NGX_OK;

        for (a = 0; a < n; a += step) {
            feed(&m, &rc, input, a, ngx_min(a + step, n));
        }

        if (strcmp(result(&m, rc), want) != 0) {
            printf("# step %d: %s\n", (int) step, result(&m, rc));
            return 0;
        }
    }

    return 1;
}


static void
test_samples(void)
{
    size_t               i, n;
    ngx_int_t            rc;
    ngx_llm_multipart_t  m;

    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        n = strlen(samples[i].input);
        init(&m);
        feed(&m, &rc, samples[i].input, 0, n);

        is_text(result(&m, rc), samples[i].found, "sample %d", (int) i);
        ok(same_in_slices(samples[i].input, n, samples[i].found),
           "sample %d in slices", (int) i);
    }
}


/* the offsets, by another way: they must cut the value out of the input */

static void
test_offsets(void)
{
    size_t               i, n;
    ngx_int_t            rc;
    ngx_llm_multipart_t  m;

    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        init(&m);
        feed(&m, &rc, samples[i].input, 0, strlen(samples[i].input));

        if (!m.model.found) {
            continue;
        }

        n = m.model.end - m.model.start;

        ok(n == m.model.len
           && memcmp(samples[i].input + m.model.start, m.model.text, n) == 0
           && memcmp(samples[i].input + m.model.start - 2, "\r\n", 2) == 0,
           "sample %d at its offsets", (int) i);
    }
}


static void
test_bounds(void)
{
    int                   n;
    char                 *input;
    ngx_int_t             rc;
    ngx_llm_multipart_t   m;

    input = malloc(20000);

    for (n = 255; n <= 257; n++) {
        strcpy(input, OPEN FIELD("\"model\""));
        memset(input + strlen(input), 'm', 300);
        strcpy(input + sizeof(OPEN FIELD("\"model\"")) - 1 + n, CLOSE);

        init(&m);
        feed(&m, &rc, input, 0, strlen(input));
        ok(rc == NGX_OK && m.model.found
           && m.model.len == (size_t) ngx_min(n, 256)
           && m.model.end - m.model.start == n
           && m.model.truncated == (n > 256), "a value of %d bytes", n);
    }

    /* the headers with the empty line */

    for (n = 8191; n <= 8193; n++) {
        strcpy(input, OPEN "X: ");
        memset(input + strlen(input), 'x', n);
        strcpy(input + sizeof(OPEN) - 1 + n - 4, "\r\n\r\nbody" CLOSE);

        init(&m);
        feed(&m, &rc, input, 0, strlen(input));
        is_text(result(&m, rc),
                (n <= 8192) ? "" : "E'too large headers in a part'",
                "headers of %d bytes", n);
    }

    free(input);
}


static void
test_boundary(void)
{
    size_t                i;
    u_char               *copy;
    ngx_int_t             rc;
    ngx_str_t             type, boundary;
    ngx_llm_multipart_t   m;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        type.len = strlen(types[i].header);
        type.data = test_copy(types[i].header, type.len);
        rc = ngx_llm_boundary(&type, &boundary);

        if (types[i].boundary == NULL) {
            is_number(rc, NGX_DECLINED, "type %d", (int) i);

        } else {
            ok(rc == NGX_OK && boundary.len == strlen(types[i].boundary)
               && memcmp(boundary.data, types[i].boundary, boundary.len) == 0,
               "type %d", (int) i);
        }

        free(type.data);
    }

    /* the longest one */

    boundary.len = 70;
    boundary.data = (u_char *) TEXT64 "012345";
    copy = (u_char *) "--" TEXT64 "012345\r\n" FIELD("model") "m\r\n"
           "--" TEXT64 "01234\r\n--" TEXT64 "012345--";

    ngx_llm_multipart_init(&m, &boundary);
    rc = ngx_llm_multipart_feed(&m, copy, strlen((char *) copy));
    ok(rc == NGX_OK && ngx_llm_multipart_end(&m) == NGX_OK && m.model.found
       && m.model.len == 1 + 2 + 2 + 69, "a boundary of 70 bytes");
}


/* the search at each place of a block, among bytes like the boundary's */

static void
test_places(void)
{
    int                   wrong;
    char                 *input;
    size_t                n, fill;
    ngx_int_t             rc;
    ngx_llm_multipart_t   m;

    static const char     start[] = OPEN FIELD("\"x\"");
    static const char     rest[] = NEXT FIELD("\"model\"") "m" CLOSE;
    static const char     fills[] = "\r\n-x";

    wrong = 0;
    input = malloc(1000);

    for (fill = 0; fill < 4; fill++) {

        for (n = 0; n < 200; n++) {
            memcpy(input, start, sizeof(start) - 1);
            memset(input + sizeof(start) - 1, fills[fill], n);
            strcpy(input + sizeof(start) - 1 + n, rest);

            init(&m);
            feed(&m, &rc, input, 0, strlen(input));
            wrong += (rc != NGX_OK || ngx_llm_multipart_end(&m) != NGX_OK
                      || !m.model.found || m.model.len != 1);
        }
    }

    free(input);
    is_number(wrong, 0, "the boundary at every place");
}


int
main(void)
{
    test_samples();
    test_offsets();
    test_bounds();
    test_boundary();
    test_places();

    return test_done();
}
