
/*
 * The JSON scanner against jansson: the same verdict, model and stream for
 * every input, in one slice and in slices cut at random.
 */


#include "../../src/base/ngx_llm_json.c"
#include "../../src/base/ngx_llm_json_number.c"
#include "../../src/base/ngx_llm_json_string.c"
#include "../../src/base/ngx_llm_json_watch.c"
#include "fuzz.h"
#include <jansson.h>


enum {
    MODEL = 0,
    STREAM,
    ROWS
};


static const ngx_llm_json_watch_t  rows[] = {
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "model"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "stream")
};


/* all that one pass found; compared as a whole, so it is zeroed before */

typedef struct {
    ngx_int_t    rc;
    ngx_uint_t   kind[ROWS];
    off_t        start[ROWS];
    off_t        end[ROWS];
    size_t       len;
    u_char       text[256];
    int64_t      number;
    ngx_uint_t   count;
    ngx_uint_t   truncated;
    ngx_uint_t   root_kind;
    ngx_uint_t   root_count;
    off_t        root_open;
    off_t        error_at;
    const char  *error;
} found_t;


static void
report(void *data, ngx_uint_t id, const ngx_llm_json_value_t *v)
{
    found_t  *f = data;

    f->kind[id] = v->kind;
    f->start[id] = v->start;
    f->end[id] = v->end;

    if (id != MODEL) {
        return;
    }

    f->number = v->number;
    f->count = v->count;
    f->truncated = v->truncated;
    f->len = v->text.len;
    memset(f->text, 0, sizeof(f->text));

    if (f->len) {
        memcpy(f->text, v->text.data, f->len);
    }
}


static ngx_int_t
feed(ngx_llm_json_t *s, const uint8_t *data, size_t n)
{
    u_char     *slice;
    ngx_int_t   rc;

    slice = malloc(n ? n : 1);
    memcpy(slice, data, n);
    rc = ngx_llm_json_feed(s, slice, n);
    free(slice);

    return rc;
}


/* most: the longest slice, 0 for all at once */

static void
scan(found_t *f, const uint8_t *data, size_t size, size_t most)
{
    size_t          at, n;
    u_char          buf[256];
    ngx_llm_json_t  s;

    memset(f, 0, sizeof(found_t));
    ngx_llm_json_init(&s, rows, ROWS, buf, sizeof(buf), report, f);

    f->rc = NGX_OK;

    for (at = 0; at < size && f->rc == NGX_OK; at += n) {
        n = size - at;

        if (most && n > most) {
            n = 1 + fuzz_random(most);
        }

        f->rc = feed(&s, data + at, n);
    }

    if (f->rc == NGX_OK) {
        f->rc = ngx_llm_json_end(&s);
    }

    f->root_kind = s.root_kind;
    f->root_count = s.root_count;
    f->root_open = s.root_open;

    if (f->rc != NGX_OK) {
        f->error_at = s.error_at;
        f->error = s.error;
    }
}


static ngx_uint_t
kind_of(json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return NGX_LLM_JSON_OBJECT;
    case JSON_ARRAY:
        return NGX_LLM_JSON_ARRAY;
    case JSON_STRING:
        return NGX_LLM_JSON_STRING;
    case JSON_INTEGER:
    case JSON_REAL:
        return NGX_LLM_JSON_NUMBER;
    case JSON_TRUE:
        return NGX_LLM_JSON_TRUE;
    case JSON_FALSE:
        return NGX_LLM_JSON_FALSE;
    default:
        return NGX_LLM_JSON_NULL;
    }
}


/* what jansson refuses although RFC 8259 allows it */

static int
known(const json_error_t *e, const uint8_t *data, size_t size)
{
    switch (json_error_code(e)) {

    case json_error_numeric_overflow:
        /* numbers outside of int64_t and double; the scanner clamps these */
        return 1;

    case json_error_null_byte_in_key:
        /* JSON_ALLOW_NUL is for values only */
        return memmem(data, size, "\\u0000", 6) != NULL;

    default:
        return 0;
    }
}


/* what jansson takes although it should not, or at its choice */

static int
allowed(const found_t *f, const uint8_t *data, size_t size)
{
    size_t  at;

    /* it has a limit of 2048 levels */

    if (strcmp(f->error, "nested too deeply") == 0) {
        return 1;
    }

    /*
     * it loses a NUL byte right behind a number or a word: there it puts the
     * byte back into a buffer that ends with a NUL
     */

    at = f->error_at;

    return at > 0 && at < size && data[at] == '\0'
           && ((data[at - 1] >= '0' && data[at - 1] <= '9')
               || (data[at - 1] >= 'a' && data[at - 1] <= 'z'));
}


/* where both must agree on a value: text, kind, and an integer */

static int
same_value(const found_t *f, json_t *root, const char *name, ngx_uint_t id)
{
    size_t   len;
    json_t  *v;

    v = json_object_get(root, name);

    if (v == NULL) {
        return f->kind[id] == NGX_LLM_JSON_NONE;
    }

    if (f->kind[id] != kind_of(v)) {
        return 0;
    }

    if (id != MODEL) {
        return 1;
    }

    switch (json_typeof(v)) {

    case JSON_STRING:
        len = json_string_length(v);

        if (len > sizeof(f->text)) {
            return f->truncated && f->len + 4 > sizeof(f->text)
                   && memcmp(f->text, json_string_value(v), f->len) == 0;
        }

        return !f->truncated && f->len == len
               && memcmp(f->text, json_string_value(v), len) == 0;

    case JSON_INTEGER:
        return f->number == json_integer_value(v);

    case JSON_ARRAY:
        return f->count == json_array_size(v);

    case JSON_OBJECT:
        /* jansson keeps one of the members of the same name */
        return f->count >= json_object_size(v)
               && (f->count == 0) == (json_object_size(v) == 0);

    default:
        return 1;
    }
}


static void
against_jansson(const found_t *f, const uint8_t *data, size_t size)
{
    json_t        *root;
    json_error_t   e;

    root = json_loadb((const char *) data, size,
                      JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);

    if (root == NULL) {

        if (f->rc == NGX_OK && !known(&e, data, size)) {
            fprintf(stderr, "jansson: %s\n", e.text);
            fuzz_fail("valid, but not for jansson", data, size);
        }

        return;
    }

    if (f->rc != NGX_OK) {

        if (!allowed(f, data, size)) {
            fprintf(stderr, "%s at %ld\n", f->error, (long) f->error_at);
            fuzz_fail("invalid, but not for jansson", data, size);
        }

        json_decref(root);
        return;
    }

    if (f->root_kind != kind_of(root)) {
        fuzz_fail("another kind of root", data, size);
    }

    if (json_is_object(root)
        && (!same_value(f, root, "model", MODEL)
            || !same_value(f, root, "stream", STREAM)
            || data[f->root_open - 1] != '{'
            || (f->root_count == 0) != (json_object_size(root) == 0)))
    {
        fuzz_fail("another value", data, size);
    }

    json_decref(root);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static found_t  whole, cut;

    fuzz_seed(data, size);

    scan(&whole, data, size, 0);
    against_jansson(&whole, data, size);

    scan(&cut, data, size, 1 + fuzz_random(32));

    if (memcmp(&cut, &whole, sizeof(found_t)) != 0) {
        fuzz_fail("slices make a difference", data, size);
    }

    scan(&cut, data, size, 1);

    if (memcmp(&cut, &whole, sizeof(found_t)) != 0) {
        fuzz_fail("single bytes make a difference", data, size);
    }

    return 0;
}


#ifdef STANDALONE

int
main(int argc, char **argv)
{
    static const char  *seeds[] = {
        "{\"model\":\"m\",\"stream\":true}",
        "{\"model\":\"\\u00e9\xc3\xa9\\ud83d\\ude00\xf0\x9f\x98\x80\"}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hello there, world\"}]"
            ",\"model\":\"llama\",\"stream\":false,\"temperature\":0.7}",
        " { \"model\" : 12 , \"stream\" : null } ",
        "{\"model\":[1,-2.5e10,0.1E-3,[],{}],\"model\":{\"a\":1,\"a\":2}}",
        "[true,false,null,\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"0123456789abcdef\"]",
        "[[[[[[{\"a\":[{}]}]]]]]]",
        "{\"mod\\u0065l\":\"\xe2\x82\xac\",\"x\":-0}",
        "\"text\"", "0", "",
        NULL
    };

    static const char  *pieces[] = {
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud83d", "\\ude00",
        "\\u0000", "\\n", "\\\"", "\"model\"", "\"model\":", "\"stream\":true,",
        "\"stream\":", "true", "false", "null", "0", "-", "1", "12345678901",
        "9223372036854775807", "9223372036854775808", "e", "E+", ".", "1e400",
        " ", "\n", "\t", "\xc3\xa9", "\xe2\x82\xac", "\xed\xa0\x80",
        "\xf0\x9f\x98\x80", "\xf4\x90\x80\x80", "\xc0\x80", "\xef\xbb\xbf",
        "[[[[[[[[", "]]]]]]]]", "{\"a\":", "[1,2],", "\"x\":{},", "\"\",",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        NULL
    };

    static const fuzz_t  f = {
        "json_jansson", seeds, pieces, "{}[]:,\"\\ \n0129-+.eEutfn/\x7f\x80\xc3"
    };

    return fuzz_main(&f, argc, argv);
}

#endif
