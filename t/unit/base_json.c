
/*
 * The JSON scanner: what is valid, what is reported, and that slices cut
 * anywhere change nothing.
 */


#include "../../src/base/ngx_llm_json.c"
#include "../../src/base/ngx_llm_json_number.c"
#include "../../src/base/ngx_llm_json_string.c"
#include "../../src/base/ngx_llm_json_watch.c"
#include "test.h"


enum {
    MODEL = 0,
    STREAM,
    OPTIONS,
    MESSAGES,
    COUNT,
    DATA,
    USAGE,
    ITEM,
    ID,
    EMPTY,
    ROWS
};


static const ngx_llm_json_watch_t  rows[] = {
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "model"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "stream"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "stream_options"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "messages"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "n"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "data"),
    ngx_llm_json_member(OPTIONS, "include_usage"),
    ngx_llm_json_element(DATA),
    ngx_llm_json_member(ITEM, "id"),
    ngx_llm_json_member(ITEM, "")
};


typedef struct {
    char   text[16384];
    size_t len;
} record_t;


typedef struct {
    const char  *input;
    const char  *reports;
} sample_t;


/* valid inputs and what is reported of them: see report() */

static const sample_t  good[] = {
    { "{}", "" },
    { "[]", "" },
    { " \t\r\n[ \n] \n", "" },
    { "null", "" }, { "true", "" }, { "false", "" },
    { "0", "" }, { "-0", "" }, { "12", "" }, { "-1.5e+10", "" },
    { "1E5", "" }, { "1e-5", "" }, { "0.0", "" }, { "0e0", "" },
    { "\"\"", "" }, { "\"a\"", "" }, { "  \"a\"  ", "" },
    { "[1,2,3]", "" }, { "[[],[[]],{}]", "" },
    { "[1 , 2 ,3 ]", "" }, { "{\"a\" : 1 , \"b\" : [ ] }", "" },
    { "[\"\\u0000\"]", "" }, { "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "" },
    { "[\"\\ud83d\\ude00\"]", "" }, { "[\"\\uDBFF\\uDFFF\"]", "" },
    { "[\"\x7f\"]", "" },
    { "[\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\"]", "" },
    { "[\"\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"]", "" },
    { "[123456789012345678901234567890, 1e999, -1E-999]", "" },

    { "{\"model\":\"m\"}", "0 STRING 9-12 'm';" },
    { "{ \"model\" : \"m\" }", "0 STRING 12-15 'm';" },
    { "{\"model\":\"\"}", "0 STRING 9-11 '';" },
    { "{\"mod\\u0065l\":\"a\\u0041\\n\\ud83d\\ude00\xc3\xa9\"}",
      "0 STRING 14-39 'aA\n\xf0\x9f\x98\x80\xc3\xa9';" },
    { "{\"model\":\"a\",\"model\":\"b\"}",
      "0 STRING 9-12 'a';0 STRING 21-24 'b';" },
    { "{\"model\":null,\"stream\":true}", "0 NULL 9-13;1 TRUE 23-27;" },
    { "{\"stream\":false,\"model\":7}", "1 FALSE 10-15;0 NUMBER 24-25 7i;" },
    { "{\"Model\":\"m\",\"mode\":1,\"models\":2}", "" },
    { "{\"x\":{\"model\":\"m\"},\"y\":[{\"model\":1}]}", "" },
    { "{\"model\\u0000\":1,\"model\":\"a\\u0000b\"}",
      "0 STRING 25-35 'a\\0b';" },
    { "{\"messages\":[]}", "3 ARRAY 12-14 0;" },
    { "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
      "3 ARRAY 12-43 1;" },
    { "{\"messages\":[1,[2,3],{\"a\":4,\"b\":5}]}", "3 ARRAY 12-35 3;" },
    { "{\"messages\":[{\"a\":\"b\"},{\"c\":\"d\"},{\"e\":\"f\"}  ],\"n\":1}",
      "3 ARRAY 12-45 3;4 NUMBER 50-51 1i;" },
    { "{\"messages\":[[{\"a\":\"b\"},{\"c\":\"d\"},{\"e\":\"f\"}],"
      "{\"g\":[{\"h\":\"i\"},{\"model\":\"k\"},{\"l\":\"m\"}]},{\"n\":\"o\"}],"
      "\"model\":\"p\"         }",
      "3 ARRAY 12-97 3;0 STRING 106-109 'p';" },
    { "[{\"a\":\"b\"},{\"model\":\"d\"},{\"e\":\"f\"}              ]", "" },
    { "{\"stream_options\":{\"include_usage\":true}}",
      "6 TRUE 35-39;2 OBJECT 18-40 1;" },
    { "{\"stream_options\":{}}", "2 OBJECT 18-20 0;" },
    { "{\"stream_options\":[{\"include_usage\":true}]}",
      "2 ARRAY 18-42 1;" },
    { "{\"include_usage\":1,\"x\":{\"include_usage\":1}}", "" },
    { "{\"data\":[{\"id\":\"a\",\"\":1},{\"id\":\"b\"},2,\"s\"]}",
      "8 STRING 15-18 'a';9 NUMBER 22-23 1i;7 OBJECT 9-24 2;"
      "8 STRING 31-34 'b';7 OBJECT 25-35 1;7 NUMBER 36-37 2i;"
      "7 STRING 38-41 's';5 ARRAY 8-42 4;" },
    { "{\"data\":[[{\"id\":1}]]}", "7 ARRAY 9-19 1;5 ARRAY 8-20 1;" },
    { "{\"data\":{\"id\":1}}", "5 OBJECT 8-16 1;" },
    { "[{\"model\":1}]", "" },

    { "{\"n\":0}", "4 NUMBER 5-6 0i;" },
    { "{\"n\":-0 }", "4 NUMBER 5-7 0i;" },
    { "{\"n\":9223372036854775807}",
      "4 NUMBER 5-24 9223372036854775807i;" },
    { "{\"n\":9223372036854775808}",
      "4 NUMBER 5-24 9223372036854775807i;" },
    { "{\"n\":-9223372036854775808}",
      "4 NUMBER 5-25 -9223372036854775808i;" },
    { "{\"n\":-99999999999999999999999}",
      "4 NUMBER 5-29 -9223372036854775808i;" },
    { "{\"n\":123456789012345678}", "4 NUMBER 5-23 123456789012345678i;" },
    { "{\"n\":1.5}", "4 NUMBER 5-8 1;" },
    { "{\"n\":-1.999}", "4 NUMBER 5-11 -1;" },
    { "{\"n\":1.5e3}", "4 NUMBER 5-10 1500;" },
    { "{\"n\":1E+3}", "4 NUMBER 5-9 1000;" },
    { "{\"n\":1250e-1}", "4 NUMBER 5-12 125;" },
    { "{\"n\":1e99999999999}",
      "4 NUMBER 5-18 9223372036854775807;" },
    { "{\"n\":-1e400}", "4 NUMBER 5-11 -9223372036854775808;" },
    { "{\"n\":1e-99999999999}", "4 NUMBER 5-19 0;" },
    { "{\"n\":0e99999999999}", "4 NUMBER 5-18 0;" },
    { "{\"n\":1000000000000000000000000e-20}", "4 NUMBER 5-34 10000;" },
    { "{\"n\":0.00000000000000000000000001e26}",
      "4 NUMBER 5-36 1;" },

    /* the texts are cut to 16 bytes, at a character */

    { "{\"model\":\"0123456789abcdef\"}", "0 STRING 9-27 '0123456789abcdef';" },
    { "{\"model\":\"0123456789abcdefg\"}",
      "0 STRING 9-28 '0123456789abcdef'cut;" },
    { "{\"model\":\"0123456789abcdef\\n\"}",
      "0 STRING 9-29 '0123456789abcdef'cut;" },
    { "{\"model\":\"0123456789abcd\xe2\x82\xacxyz\"}",
      "0 STRING 9-31 '0123456789abcd'cut;" },
    { "{\"model\":\"0123456789\\n\xe2\x82\xac" "efghijklmnopq\"}",
      "0 STRING 9-39 '0123456789\n\xe2\x82\xac" "ef'cut;" },
    { "{\"a name that is longer than the buffer\\n\":{\"model\":1}}", "" }
};


/* invalid inputs and where that shows */

static const struct {
    const char  *input;
    const char  *error;
    off_t        at;
} bad[] = {
    { "", "unexpected end", 0 },
    { "  ", "unexpected end", 2 },
    { "[", "unexpected end", 1 },
    { "{", "unexpected end", 1 },
    { "{\"a\"", "unexpected end", 4 },
    { "{\"a\":", "unexpected end", 5 },
    { "{\"a\":1", "unexpected end", 6 },
    { "{\"a\":1,", "unexpected end", 7 },
    { "[1,", "unexpected end", 3 },
    { "\"abc", "unexpected end", 4 },
    { "\"\\", "unexpected end", 2 },
    { "\"\\ud800", "unexpected end", 7 },
    { "\"\xe2\x82", "unexpected end", 3 },
    { "tru", "unexpected end", 3 },
    { "[]]", "garbage after the value", 2 },
    { "{} {}", "garbage after the value", 3 },
    { "1 2", "garbage after the value", 2 },
    { "\"a\",", "garbage after the value", 3 },
    { "nullx", "garbage after the value", 4 },
    { "[1}", "a comma or a bracket expected", 2 },
    { "{\"a\":1]", "a comma or a bracket expected", 6 },
    { "[1 2]", "a comma or a bracket expected", 3 },
    { "[\"a\"\"b\"]", "a comma or a bracket expected", 4 },
    { "[1:2]", "a comma or a bracket expected", 2 },
    { "{\"a\":{\"b\":\"c\"},{\"d\":1}                  }",
      "a member's name expected", 15 },
    { "{\"b\":\"c\"},{\"d\":1}                  ",
      "garbage after the value", 9 },
    { "[{\"b\":\"c\"},{\"d\":1},{\"e\":\"f\"]              ]",
      "a comma or a bracket expected", 27 },
    { "{\"a\" 1}", "a colon expected", 5 },
    { "{\"a\",1}", "a colon expected", 4 },
    { "{a:1}", "a member's name expected", 1 },
    { "{'a':1}", "a member's name expected", 1 },
    { "{1:1}", "a member's name expected", 1 },
    { "{\"a\":1,}", "a member's name expected", 7 },
    { "{,}", "a member's name expected", 1 },
    { "[,1]", "a value expected", 1 },
    { "[1,]", "a value expected", 3 },
    { "[1,,2]", "a value expected", 3 },
    { "{\"a\"::1}", "a value expected", 5 },
    { "]", "a value expected", 0 },
    { "[}", "a value expected", 1 },
    { "\xef\xbb\xbf{}", "a value expected", 0 },
    { "[NaN]", "a value expected", 1 },
    { "[True]", "a value expected", 1 },
    { "[trux]", "a value expected", 4 },
    { "[nul]", "a value expected", 4 },
    { "[/**/1]", "a value expected", 1 },
    { "[\v1]", "a value expected", 1 },
    { "[1\f]", "a comma or a bracket expected", 2 },
    { "[+1]", "a value expected", 1 },
    { "[.5]", "a value expected", 1 },
    { "[-]", "a bad number", 2 },
    { "[-a]", "a bad number", 2 },
    { "[1.]", "a bad number", 3 },
    { "[1.e5]", "a bad number", 3 },
    { "[1e]", "a bad number", 3 },
    { "[1e+]", "a bad number", 4 },
    { "-", "a bad number", 1 },
    { "1e", "a bad number", 2 },
    { "[01]", "a comma or a bracket expected", 2 },
    { "[-01]", "a comma or a bracket expected", 3 },
    { "[00]", "a comma or a bracket expected", 2 },
    { "[0x1]", "a comma or a bracket expected", 2 },
    { "[1.5.2]", "a comma or a bracket expected", 4 },
    { "[1e5e]", "a comma or a bracket expected", 4 },
    { "[1+2]", "a comma or a bracket expected", 2 },
    { "[\"a\nb\"]", "a control character in a string", 3 },
    { "[\"\t\"]", "a control character in a string", 2 },
    { "[\"\x1f\"]", "a control character in a string", 2 },
    { "[\"0123456789abcdef\x01\"]", "a control character in a string", 18 },
    { "[\"\\x\"]", "a bad escape", 2 },
    { "[\"\\\n\"]", "a bad escape", 2 },
    { "[\"\\U0041\"]", "a bad escape", 2 },
    { "[\"\\u004\"]", "a bad escape", 2 },
    { "[\"\\u00g0\"]", "a bad escape", 2 },
    { "[\"\\u00\xc3\xa9\"]", "a bad escape", 2 },
    { "[\"\\ud800\"]", "a bad escape", 2 },
    { "[\"\\ud800x\"]", "a bad escape", 2 },
    { "[\"\\ud800\\n\"]", "a bad escape", 2 },
    { "[\"\\ud800\\ud800\"]", "a bad escape", 2 },
    { "[\"\\ud800\\u0041\"]", "a bad escape", 2 },
    { "[\"a\\udc00\"]", "a bad escape", 3 },
    { "[\"\\ude00\\ud83d\"]", "a bad escape", 2 },
    { "[\"\x80\"]", "not UTF-8", 2 },
    { "[\"\xbf\"]", "not UTF-8", 2 },
    { "[\"\xc0\xaf\"]", "not UTF-8", 2 },
    { "[\"\xc1\xbf\"]", "not UTF-8", 2 },
    { "[\"\xc3\"]", "not UTF-8", 2 },
    { "[\"\xe0\x9f\xbf\"]", "not UTF-8", 2 },
    { "[\"\xe2\x82\"]", "not UTF-8", 2 },
    { "[\"\xe2\x28\xa1\"]", "not UTF-8", 2 },
    { "[\"\xed\xa0\x80\"]", "not UTF-8", 2 },
    { "[\"\xed\xbf\xbf\"]", "not UTF-8", 2 },
    { "[\"\xf0\x8f\xbf\xbf\"]", "not UTF-8", 2 },
    { "[\"\xf0\x9f\x98\"]", "not UTF-8", 2 },
    { "[\"\xf4\x90\x80\x80\"]", "not UTF-8", 2 },
    { "[\"\xf5\x80\x80\x80\"]", "not UTF-8", 2 },
    { "[\"\xff\"]", "not UTF-8", 2 },
    { "[\xc3\xa9]", "a value expected", 1 },
    { "{\"model\":\"\xff\"}", "not UTF-8", 10 }
};


static const char  *kinds[] = {
    "NONE", "NULL", "FALSE", "TRUE", "NUMBER", "STRING", "ARRAY", "OBJECT"
};


/* at two places, or, where step is not 0, into slices of that size */

typedef struct {
    size_t  first;
    size_t  second;
    size_t  step;
} cut_t;


static void
add(record_t *r, const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    r->len += vsnprintf(r->text + r->len, sizeof(r->text) - r->len, format,
                        args);
    va_end(args);

    if (r->len >= sizeof(r->text)) {
        abort();
    }
}


static void
report(void *data, ngx_uint_t id, const ngx_llm_json_value_t *v)
{
    size_t     i;
    record_t  *r = data;

    add(r, "%d %s %ld-%ld", (int) id, kinds[v->kind], (long) v->start,
        (long) v->end);

    switch (v->kind) {

    case NGX_LLM_JSON_STRING:
        add(r, " '");

        for (i = 0; i < v->text.len; i++) {
            add(r, v->text.data[i] ? "%c" : "\\0", v->text.data[i]);
        }

        add(r, "'%s", v->truncated ? "cut" : "");
        break;

    case NGX_LLM_JSON_NUMBER:
        add(r, " %lld%s", (long long) v->number, v->integer ? "i" : "");
        break;

    case NGX_LLM_JSON_ARRAY:
    case NGX_LLM_JSON_OBJECT:
        add(r, " %d", (int) v->count);
        break;

    default:
        break;
    }

    add(r, ";");
}


static ngx_int_t
feed(ngx_llm_json_t *s, const char *input, size_t from, size_t to)
{
    u_char     *slice;
    ngx_int_t   rc;

    slice = test_copy(input + from, to - from);
    rc = ngx_llm_json_feed(s, slice, to - from);
    memset(slice, 0xee, to - from);
    free(slice);

    return rc;
}


/* the verdict and all that was found, as one text */

static void
scan(record_t *r, const char *input, size_t n, const cut_t *cut)
{
    size_t          at, end;
    u_char         *buf;
    ngx_int_t       rc;
    ngx_llm_json_t  s;

    r->len = 0;
    r->text[0] = '\0';

    /* whatever is not set must not matter */

    memset(&s, 0x5a, sizeof(s));
    buf = malloc(16);

    ngx_llm_json_init(&s, rows, ROWS, buf, 16, report, r);

    rc = NGX_OK;

    if (cut->step) {

        for (at = 0; at < n && rc == NGX_OK; at = end) {
            end = ngx_min(at + cut->step, n);
            rc = feed(&s, input, at, end);
        }

    } else {
        rc = feed(&s, input, 0, cut->first);

        if (rc == NGX_OK) {
            rc = feed(&s, input, cut->first, cut->second);
        }

        if (rc == NGX_OK) {
            rc = feed(&s, input, cut->second, n);
        }
    }

    if (rc != NGX_OK && feed(&s, " ", 0, 1) != NGX_DECLINED) {
        add(r, " DECLINED ONCE ONLY");
    }

    rc = ngx_llm_json_end(&s);

    if (rc == NGX_OK) {
        add(r, " valid, %s, open %ld, count %d", kinds[s.root_kind],
            (long) s.root_open, (int) s.root_count);

    } else {
        add(r, " invalid at %ld: %s", (long) s.error_at, s.error);
    }

    free(buf);
}


/* every cut into two and three, and slices of all small sizes */

static int
same_in_slices(const char *input, size_t n, const record_t *want)
{
    cut_t            cut;
    static record_t  got;

    memset(&cut, 0, sizeof(cut));

    for (cut.step = 1; cut.step < 20 && cut.step <= n; cut.step++) {
        scan(&got, input, n, &cut);

        if (strcmp(got.text, want->text) != 0) {
            printf("# step %d: %s\n", (int) cut.step, got.text);
            return 0;
        }
    }

    cut.step = 0;

    for (cut.first = 0; cut.first <= n; cut.first++) {

        for (cut.second = cut.first; cut.second <= n; cut.second++) {

            if (n > 200 && cut.second != n) {
                continue;
            }

            scan(&got, input, n, &cut);

            if (strcmp(got.text, want->text) != 0) {
                printf("# cut at %d and %d: %s\n", (int) cut.first,
                       (int) cut.second, got.text);
                return 0;
            }
        }
    }

    return 1;
}


static void
whole(record_t *r, const char *input, size_t n)
{
    cut_t  cut = { n, n, 0 };

    scan(r, input, n, &cut);
}


static void
test_good(void)
{
    char             want[1024];
    size_t           i, n;
    static record_t  got, start;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        n = strlen(good[i].input);
        whole(&got, good[i].input, n);

        snprintf(want, sizeof(want), "%s valid", good[i].reports);
        start = got;
        start.text[strlen(want)] = '\0';

        is_text(start.text, want, "good %d", (int) i);
        ok(same_in_slices(good[i].input, n, &got), "good %d in slices",
           (int) i);
    }
}


static void
test_bad(void)
{
    char             want[1024];
    char            *tail;
    size_t           i, n;
    static record_t  got;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        n = strlen(bad[i].input);
        whole(&got, bad[i].input, n);

        snprintf(want, sizeof(want), " invalid at %ld: %s", (long) bad[i].at,
                 bad[i].error);
        tail = strstr(got.text, " invalid");
        is_text(tail ? tail : got.text, want, "bad %d", (int) i);
        ok(same_in_slices(bad[i].input, n, &got), "bad %d in slices", (int) i);
    }
}


static void
test_root(void)
{
    static record_t  got;

    whole(&got, " { } ", 5);
    is_text(got.text, " valid, OBJECT, open 2, count 0", "an empty root");
    whole(&got, "{\"a\":[1,2],\"b\":{}}", 18);
    is_text(got.text, " valid, OBJECT, open 1, count 2", "a root of two");
    whole(&got, "[[1,2],3,4]", 11);
    is_text(got.text, " valid, ARRAY, open 1, count 3", "an array");
    whole(&got, "\"\\n\"", 4);
    is_text(got.text, " valid, STRING, open 0, count 0", "a string");
    whole(&got, "1", 1);
    is_text(got.text, " valid, NUMBER, open 0, count 0", "a number");
    whole(&got, "false", 5);
    is_text(got.text, " valid, FALSE, open 0, count 0", "a word");
    whole(&got, "[\0]", 3);
    is_text(got.text, " invalid at 1: a value expected", "a NUL");
    whole(&got, "[\"\0\"]", 5);
    is_text(got.text, " invalid at 2: a control character in a string",
            "a NUL in a string");
}


static void
test_depth(void)
{
    int              i, depth;
    char            *input, *p;
    static record_t  got;

    input = malloc(8 * (NGX_LLM_JSON_DEPTH + 2));

    for (depth = 60; depth <= NGX_LLM_JSON_DEPTH + 1; depth++) {

        if (depth > 70 && depth < NGX_LLM_JSON_DEPTH - 1) {
            continue;
        }

        /* arrays and objects in turn, so that a wrong bit shows */

        for (i = 0, p = input; i < depth; i++) {
            p += sprintf(p, (i % 3) ? "[" : "{\"a\":");
        }

        p += sprintf(p, "0");

        while (i-- > 0) {
            *p++ = (i % 3) ? ']' : '}';
        }

        whole(&got, input, p - input);

        if (depth <= NGX_LLM_JSON_DEPTH) {
            is_text(got.text, " valid, OBJECT, open 1, count 1", "depth %d",
                    depth);

        } else {
            ok(strstr(got.text, ": nested too deeply") != NULL,
               "depth %d: %s", depth, got.text);
        }

        ok(same_in_slices(input, p - input, &got), "depth %d in slices",
           depth);
    }

    free(input);
}


/* a body like those of a chat, in every cut */

static void
test_chat(void)
{
    static const char  body[] =
        "{\"model\":\"llama-3.1:8b\",\"messages\":[{\"role\":\"system\","
        "\"content\":\"You are a helpful assistant that answers shortly.\"},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
        "\"Gr\xc3\xbc\xc3\x9f" "e \\\"quoted\\\" \\u00e9 \xe2\x82\xac "
        "\xf0\x9f\x98\x80 and then some more text\"},{\"type\":\"image_url\","
        "\"image_url\":{\"url\":\"data:image/png;base64,iVBORw0KGgo=\"}}]}],"
        "\"temperature\":0.7,\"n\":1,\"stream\":true,"
        "\"stream_options\":{\"include_usage\":false},"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"parameters\":{\"model\":\"no\",\"stream\":[null,{}]}}}]}\n";

    static record_t    got;

    whole(&got, body, sizeof(body) - 1);
    is_text(got.text, "0 STRING 9-23 'llama-3.1:8b';3 ARRAY 35-306 2;"
            "4 NUMBER 329-330 1i;1 TRUE 340-344;6 FALSE 379-384;"
            "2 OBJECT 362-385 1; valid, OBJECT, open 1, count 7", "a chat");
    ok(same_in_slices(body, sizeof(body) - 1, &got), "a chat in slices");
}


/* the fast search against the plainest one, for each byte at each place */

static void
test_plain(void)
{
    int            c, wrong;
    size_t         n, at, from;
    u_char        *p;
    const u_char  *q, *want;

    wrong = 0;

    for (n = 0; n < 40; n++) {

        for (at = 0; at < n; at++) {
            p = malloc(n);
            memset(p, 'x', n);

            for (c = 0; c < 256; c++) {
                p[at] = c;
                want = (c < ' ' || c == '"' || c == '\\' || c > 0x7f)
                       ? p + at : p + n;

                for (from = 0; from <= at; from++) {
                    q = ngx_llm_json_plain(p + from, p, p + n);
                    wrong += (q != want);
                }

                q = ngx_llm_json_short(p, (n >= 16) ? p + n - 15 : NULL);
                wrong += (q != NULL && (q != want || *q != '"'));
                wrong += (ngx_llm_json_plain_portable(p, p + n) != want);
            }

            free(p);
        }
    }

    is_number(wrong, 0, "every byte at every place");
}


/* what a text that nobody waits for is left at, a byte a step */

static const u_char *
skipped(const u_char *p, const u_char *last)
{
    while (p < last) {

        if (*p == '\\') {

            if (last - p < 2 || memchr("\"\\/bfnrt", p[1], 8) == NULL) {
                break;
            }

            p += 2;
            continue;
        }

        if (*p < ' ' || *p == '"' || *p > 0x7f) {
            break;
        }

        p++;
    }

    return p;
}


static void
test_skip(void)
{
    int      wrong;
    size_t   n, at, from, i, k;
    u_char  *p;

    static const char  *parts[] = { "\\n", "\\\\", "\\\"", "\\u", "\\\\\\",
                                    "\\n\\t\\/\\b", "\"", "\n", "\x7f", "\x80",
                                    "\\\\\"", "\\", "\\ " };

    wrong = 0;

    for (n = 0; n < 200; n++) {
        p = malloc(n);

        for (i = 0; i < sizeof(parts) / sizeof(char *); i++) {

            for (at = 0; at < n; at++) {
                memset(p, 'x', n);

                for (k = at; k < n; k += 67) {
                    memcpy(p + k, parts[i], ngx_min(strlen(parts[i]), n - k));
                }

                for (from = 0; from <= n; from += 1 + n / 9) {
                    wrong += (ngx_llm_json_skip(p + from, p, p + n)
                              != skipped(p + from, p + n));
                }
            }
        }

        free(p);
    }

    is_number(wrong, 0, "texts that are skipped, escapes at every place");
}


/* every sequence of four bytes whose first one is not ASCII, by the tables */

static int
is_utf8(const u_char *p)
{
    int            i, n;
    unsigned long  code;

    n = (*p >= 0xf0 && *p <= 0xf7) ? 4 : (*p >= 0xe0 && *p < 0xf0) ? 3
        : (*p >= 0xc0 && *p < 0xe0) ? 2 : 0;

    if (n == 0) {
        return 0;
    }

    code = *p & (0xff >> (n + 1));

    for (i = 1; i < n; i++) {

        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        code = (code << 6) | (p[i] & 0x3f);
    }

    return (code >= (n == 2 ? 0x80ul : n == 3 ? 0x800ul : 0x10000ul)
            && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)) ? n : 0;
}


static void
test_utf8(void)
{
    int             wrong, want, i;
    u_char          c[8];
    unsigned        first, second, third;
    ngx_llm_json_t  s;

    static const u_char  thirds[] = { 'a', 0x7f, 0x80, 0xa5, 0xbf, 0xc0, 0xff };

    wrong = 0;

    for (first = 0x80; first < 0x100; first++) {
        for (second = 0x20; second < 0x100; second++) {
            for (third = 0; third < sizeof(thirds) * sizeof(thirds); third++) {
                c[0] = first;
                c[1] = second;
                c[2] = thirds[third / sizeof(thirds)];
                c[3] = thirds[third % sizeof(thirds)];

                /* in a string, the bytes after the character left out */

                want = is_utf8(c);
                i = want ? want : 4;
                c[i] = '"';

                ngx_llm_json_init(&s, NULL, 0, NULL, 0, NULL, NULL);
                ngx_llm_json_feed(&s, (u_char *) "\"", 1);
                ngx_llm_json_feed(&s, c, i + 1);
                wrong += ((ngx_llm_json_end(&s) == NGX_OK) != (want != 0));
                wrong += (want == 0 && s.error_at != 1
                          && strcmp(s.error, "not UTF-8") == 0);
            }
        }
    }

    is_number(wrong, 0, "every first and second byte of a character");
}


static void
test_levels(void)
{
    record_t        *got;
    ngx_llm_json_t   s;

    static const char      body[] =
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
        "{\"a\":{\"a\":1},\"b\":2}}}}}}}";
    static const ngx_llm_json_watch_t  deep[] = {
        ngx_llm_json_member(NGX_LLM_JSON_ROOT, "a"),
        ngx_llm_json_member(0, "a"),
        ngx_llm_json_member(1, "a"),
        ngx_llm_json_member(2, "a"),
        ngx_llm_json_member(3, "a"),
        ngx_llm_json_member(4, "a"),
        ngx_llm_json_member(5, "a"),
        ngx_llm_json_member(5, "b"),
        ngx_llm_json_member(6, "a")
    };

    got = calloc(1, sizeof(record_t));
    ngx_llm_json_init(&s, deep, 9, NULL, 0, report, got);
    ngx_llm_json_feed(&s, (u_char *) body, sizeof(body) - 1);
    ok(ngx_llm_json_end(&s) == NGX_OK, "a deep path");
    is_text(got->text, "", "no name fits into no buffer");

    got->len = 0;
    got->text[0] = '\0';
    ngx_llm_json_init(&s, deep, 9, (u_char *) got->text + 8192, 8, report,
                      got);
    ngx_llm_json_feed(&s, (u_char *) body, sizeof(body) - 1);
    ok(ngx_llm_json_end(&s) == NGX_OK, "a deep path");
    is_text(got->text, "7 NUMBER 47-48 2i;5 OBJECT 30-49 2;"
            "4 OBJECT 25-50 1;3 OBJECT 20-51 1;2 OBJECT 15-52 1;"
            "1 OBJECT 10-53 1;0 OBJECT 5-54 1;",
            "what lies too deep is not reported");
    free(got);

    /* a name that is cut to one that is watched is another name */

    got = calloc(1, sizeof(record_t));
    ngx_llm_json_init(&s, deep, 1, (u_char *) got->text + 8192, 1, report,
                      got);
    ok(ngx_llm_json_feed(&s, (u_char *) "{\"a\\n\":1,\"\\u0061\":2}", 20)
       == NGX_OK, "a cut name");
    is_text(got->text, "0 NUMBER 18-19 2i;", "a cut name is not reported");
    free(got);

    ngx_llm_json_init(&s, NULL, 0, NULL, 0, NULL, NULL);
    ok(ngx_llm_json_feed(&s, (u_char *) "{\"a\\n\":[\"\\n\"]}", 14) == NGX_OK
       && ngx_llm_json_end(&s) == NGX_OK, "nothing watched");
    ok(ngx_llm_json_feed(&s, NULL, 0) == NGX_OK, "an empty slice");
    ok(sizeof(ngx_llm_json_t) < 450, "the state has %d bytes",
       (int) sizeof(ngx_llm_json_t));
}


/* rows of one container that stand apart, and a row in an array's element */

static void
test_order(void)
{
    record_t        *got;
    ngx_llm_json_t   s;

    static const char                  body[] =
        "{\"b\":[{\"x\":1}],\"a\":{\"x\":2},\"c\":[3]}";
    static const ngx_llm_json_watch_t  mixed[] = {
        ngx_llm_json_member(2, "x"),
        ngx_llm_json_member(NGX_LLM_JSON_ROOT, "a"),
        ngx_llm_json_element(4),
        ngx_llm_json_member(1, "x"),
        ngx_llm_json_member(NGX_LLM_JSON_ROOT, "b"),
        ngx_llm_json_member(NGX_LLM_JSON_ROOT, "c")
    };

    got = calloc(1, sizeof(record_t));
    ngx_llm_json_init(&s, mixed, 6, (u_char *) got->text + 8192, 8, report,
                      got);
    ngx_llm_json_feed(&s, (u_char *) body, sizeof(body) - 1);
    ok(ngx_llm_json_end(&s) == NGX_OK, "rows in any order");
    is_text(got->text, "0 NUMBER 11-12 1i;2 OBJECT 6-13 1;4 ARRAY 5-14 1;"
            "3 NUMBER 24-25 2i;1 OBJECT 19-26 1;5 ARRAY 31-34 1;",
            "all of them are found");
    free(got);
}


/* names of each length, and each of them with one byte changed */

static void
test_names(void)
{
    int                   wrong;
    char                  body[128];
    u_char                name[48], buf[48];
    size_t                n, at, len;
    record_t             *got;
    ngx_llm_json_t        s;
    ngx_llm_json_watch_t  one;

    wrong = 0;
    got = calloc(1, sizeof(record_t));

    for (n = 1; n < sizeof(name); n++) {
        memset(name, 'n', n);
        one.parent = NGX_LLM_JSON_ROOT;
        one.name.data = test_copy(name, n);
        one.name.len = n;
        one.bit = ngx_llm_json_name_bit(n);

        for (at = 0; at <= n; at++) {
            len = sprintf(body, "{\"%.*s\":null}", (int) n, name);

            if (at < n) {
                body[2 + at] = 'm';
            }

            got->len = 0;
            ngx_llm_json_init(&s, &one, 1, buf, sizeof(buf), report, got);
            ngx_llm_json_feed(&s, (u_char *) body, len);
            wrong += (ngx_llm_json_end(&s) != NGX_OK);
            wrong += ((got->len != 0) != (at == n));
        }

        free(one.name.data);
    }

    free(got);
    is_number(wrong, 0, "names of each length, one byte changed");
}


int
main(void)
{
    test_good();
    test_bad();
    test_root();
    test_depth();
    test_chat();
    test_plain();
    test_skip();
    test_utf8();
    test_levels();
    test_order();
    test_names();

    return test_done();
}
