
/*
 * A record: its JSON, member by member, texts that must be escaped, how long it
 * can become, what a filter lets pass, and its ids.
 */


#include "../../src/base/ngx_llm_text.c"
#include "../../src/base/ngx_llm_time.c"
#include "../../src/dialect/ngx_llm_error.c"
#include "../../src/state/ngx_llm_record.c"
#include "core.h"
#include "test.h"


/* its digits are written from the lowest on */
#define ZONE    0xfedcba9876543210ULL
#define ID      "0123456789abcdef-2a"
#define TIME    1700000000123ULL
#define ROOM    (2 * NGX_LLM_RECORD_TEXT)


static void test_json(void);
static void test_null(void);
static void test_errors(void);
static void test_bodies(void);
static void test_escaped(void);
static void test_longest(void);
static void longest(const char *what, int byte);
static void test_texts(void);
static void test_filter_texts(void);
static void test_filter_ids(void);
static void test_filter_status(void);
static void test_filter_time(void);
static void test_ids(void);
static void prepare(void);
static void put(ngx_uint_t which, const char *text, size_t n);
static const char *json(void);
static const char *member(const char *name);
static ngx_uint_t fits(ngx_uint_t which, const char *text);


static ngx_str_t                 router = ngx_string("host");
static ngx_llm_record_t         *record;
static ngx_llm_record_filter_t   filter;


int
main(void)
{
    record = malloc(sizeof(ngx_llm_record_t) + ROOM);

    if (record == NULL) {
        return 1;
    }

    test_json();
    test_null();
    test_errors();
    test_bodies();
    test_escaped();
    test_longest();
    test_texts();
    test_filter_texts();
    test_filter_ids();
    test_filter_status();
    test_filter_time();
    test_ids();

    free(record);

    return test_done();
}


static void
test_json(void)
{
    prepare();

    is_text(json(), "{\"id\":\"" ID "\",\"time\":\"2023-11-14T22:13:20.123Z\","
            "\"request_id\":\"r1\",\"router\":\"host\","
            "\"endpoint\":\"/v1/chat/completions\",\"model\":\"org/model\","
            "\"requested_model\":\"nick\",\"node\":\"a\","
            "\"node_id\":\"node-00000000000000ff\",\"key\":\"alice\","
            "\"client_ip\":\"::1\",\"stream\":true,\"status\":\"success\","
            "\"http_status\":200,\"error_code\":null,\"duration_ms\":500,"
            "\"ttft_ms\":100,\"queue_ms\":7,\"attempts\":2,"
            "\"prompt_tokens\":5,\"completion_tokens\":6,\"total_tokens\":11,"
            "\"estimated\":true,\"request_bytes\":123,"
            "\"response_bytes\":4567}", "all members");
}


static void
test_null(void)
{
    ngx_memzero(record, sizeof(ngx_llm_record_t));

    record->number = 1;
    record->status = NGX_LLM_RECORD_CANCELLED;
    record->http_status = 499;
    record->prompt_tokens = -1;
    record->completion_tokens = -1;
    record->ttft = -1;

    is_text(json(), "{\"id\":\"0123456789abcdef-1\","
            "\"time\":\"1970-01-01T00:00:00.000Z\","
            "\"request_id\":null,\"router\":\"host\",\"endpoint\":null,"
            "\"model\":null,\"requested_model\":null,\"node\":null,"
            "\"node_id\":null,\"key\":null,\"client_ip\":null,"
            "\"stream\":false,\"status\":\"cancelled\",\"http_status\":499,"
            "\"error_code\":null,\"duration_ms\":0,\"ttft_ms\":null,"
            "\"queue_ms\":0,\"attempts\":0,\"prompt_tokens\":null,"
            "\"completion_tokens\":null,\"total_tokens\":null,"
            "\"estimated\":false,\"request_bytes\":0,\"response_bytes\":0}",
            "what is not known is null");

    put(NGX_LLM_RECORD_MODEL, "m", 1);
    is_text(member("requested_model"), "\"m\"", "asked for by its own name");

    record->completion_tokens = 3;
    is_text(member("total_tokens"), "3", "one of two numbers is known");

    record->prompt_tokens = 4;
    record->completion_tokens = -1;
    is_text(member("total_tokens"), "4", "... the other one");
}


static void
test_errors(void)
{
    ngx_uint_t   i, n;
    const char  *code;

    prepare();
    record->status = NGX_LLM_RECORD_ERROR;

    n = 0;

    for (i = 1; i < NGX_LLM_ERR_MAX; i++) {
        record->error = i;
        code = ngx_llm_record_error(record);
        n += (code != NULL && code[0] != '\0');
    }

    is_number(n, NGX_LLM_ERR_MAX - 1, "each error has a word");

    is_text(member("status"), "\"error\"", "its status");

    record->error = 0;
    record->node_error = 1;
    is_text(member("error_code"), "\"node_error\"", "the node's own");
}


static void
test_bodies(void)
{
    prepare();
    put(NGX_LLM_RECORD_REQUEST, "{\"a\":1}", 7);

    is_text(member("bodies"), "{\"request\":\"{\\\"a\\\":1}\","
            "\"response\":null,\"cut\":false}", "the request alone");

    put(NGX_LLM_RECORD_RESPONSE, "line\n", 5);
    record->cut = 1;

    is_text(member("bodies"), "{\"request\":\"{\\\"a\\\":1}\","
            "\"response\":\"line\\u000a\",\"cut\":true}", "both, one was cut");

    prepare();
    ok(strstr(json(), "bodies") == NULL, "without bodies no member");
}


static void
test_escaped(void)
{
    ngx_uint_t  i;

    static const struct {
        size_t       n;
        const char  *text;
        const char  *json;
    } cases[] = {
        { 3, "a\"b", "\"a\\\"b\"" },
        { 3, "a\\b", "\"a\\\\b\"" },
        { 3, "a\nb", "\"a\\u000ab\"" },
        { 3, "a\0b", "\"a\\u0000b\"" },
        { 1, "\x01", "\"\\u0001\"" },
        { 1, "\x1f", "\"\\u001f\"" },
        { 9, "</script>", "\"</script>\"" },
        { 5, "Ren\xc3\xa9", "\"Ren\xc3\xa9\"" },
        { 4, "\xf0\x9f\xa6\x99", "\"\xf0\x9f\xa6\x99\"" },
        { 1, "\xff", "\"\\ufffd\"" },
        { 2, "a\xc3", "\"a\\ufffd\"" },    /* cut in a character */
        { 3, "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        prepare();
        put(NGX_LLM_RECORD_KEY, cases[i].text, cases[i].n);

        is_text(member("key"), cases[i].json, "escaped: case %u", (unsigned) i);
    }
}


static void
test_longest(void)
{
    longest("zeros", 0);
    longest("bytes that are not UTF-8", 0xff);
    longest("letters", 'x');
}


/* all texts of that byte, numbers as long as they can be */

static void
longest(const char *what, int byte)
{
    size_t       i, size;
    u_char      *p, name[64];
    ngx_str_t    host;
    ngx_uint_t   wrong;

    ngx_memset(record, 0xff, sizeof(ngx_llm_record_t));
    ngx_memset(record->text, byte, NGX_LLM_RECORD_TEXT);
    ngx_memset(name, byte, sizeof(name));

    host.data = name;
    host.len = sizeof(name);

    record->status = NGX_LLM_RECORD_CANCELLED;
    record->error = 0;
    record->time = 253402300799999ULL;
    record->prompt_tokens = INT64_MAX / 2;
    record->completion_tokens = INT64_MAX / 2;
    record->ttft = INT64_MAX;

    wrong = 0;

    /* each text has all the room once, or each its share */

    for (i = 0; i <= NGX_LLM_RECORD_TEXTS; i++) {
        ngx_memzero(record->len, sizeof(record->len));

        if (i < NGX_LLM_RECORD_TEXTS) {
            record->len[i] = NGX_LLM_RECORD_TEXT;

        } else {
            for (size = 0; size < NGX_LLM_RECORD_TEXTS; size++) {
                record->len[size] = NGX_LLM_RECORD_TEXT / NGX_LLM_RECORD_TEXTS;
            }
        }

        size = ngx_llm_record_json_size(record, host.len);
        p = malloc(size);

        if (p == NULL) {
            abort();
        }

        wrong += ((size_t) (ngx_llm_record_json(p, record, UINT64_MAX, &host)
                            - p)
                  > size);
        free(p);
    }

    is_number(wrong, 0, "the size is enough for %s", what);
}


static void
test_texts(void)
{
    ngx_str_t  text;

    prepare();

    text = ngx_llm_record_text(record, NGX_LLM_RECORD_CLIENT);
    ok(text.len == 3 && ngx_memcmp(text.data, "::1", 3) == 0,
       "a text behind others");

    text = ngx_llm_record_text(record, NGX_LLM_RECORD_RESPONSE);
    is_number(text.len, 0, "an empty one");

    ok(ngx_llm_record_sane(record, NGX_LLM_RECORD_TEXT), "it is sane");
    ok(!ngx_llm_record_sane(record, 5), "... not where it has no room");

    record->len[0] = 0xffffffff;
    record->len[1] = 0xffffffff;
    ok(!ngx_llm_record_sane(record, NGX_LLM_RECORD_TEXT),
       "lengths whose sum has more than 32 bits");

    prepare();
    record->status = NGX_LLM_RECORD_STATUSES;
    ok(!ngx_llm_record_sane(record, NGX_LLM_RECORD_TEXT), "no such status");

    prepare();
    record->error = NGX_LLM_ERR_MAX;
    ok(!ngx_llm_record_sane(record, NGX_LLM_RECORD_TEXT), "no such error");
}


static void
test_filter_texts(void)
{
    prepare();

    ok(fits(NGX_LLM_RECORD_TEXTS, ""), "any");

    ok(fits(NGX_LLM_RECORD_MODEL, "org/model"), "the model");
    ok(fits(NGX_LLM_RECORD_MODEL, "g/mo"), "... a part of it");
    ok(!fits(NGX_LLM_RECORD_MODEL, "ORG"), "... letters as they are");
    ok(!fits(NGX_LLM_RECORD_MODEL, "org/model2"), "... no more than it");
    ok(!fits(NGX_LLM_RECORD_MODEL, "nick"), "... not as it was asked for");
    ok(!fits(NGX_LLM_RECORD_MODEL, "a"), "... nor what stands behind it");

    ok(fits(NGX_LLM_RECORD_KEY, "alice"), "the key");
    ok(!fits(NGX_LLM_RECORD_KEY, "alic"), "... not a part of it");
    ok(!fits(NGX_LLM_RECORD_KEY, "bob"), "... another");

    put(NGX_LLM_RECORD_MODEL, "", 0);
    ok(!fits(NGX_LLM_RECORD_MODEL, "m"), "a record without a model");
}


static void
test_filter_ids(void)
{
    prepare();

    ok(fits(NGX_LLM_RECORD_NODE, "a"), "the node by its name");
    ok(fits(NGX_LLM_RECORD_NODE, "node-00000000000000ff"), "... by its id");
    ok(!fits(NGX_LLM_RECORD_NODE, "node-ff"), "... not by half of it");
    ok(!fits(NGX_LLM_RECORD_NODE, "b"), "... another");

    ok(fits(NGX_LLM_RECORD_ID, "r1"), "the request's id");
    ok(fits(NGX_LLM_RECORD_ID, ID), "the record's");
    ok(!fits(NGX_LLM_RECORD_ID, "0123456789ABCDEF-2A"), "... as it is written");
    ok(!fits(NGX_LLM_RECORD_ID, "0123456789abcdef-2b"), "... the next one");
    ok(!fits(NGX_LLM_RECORD_ID, "1123456789abcdef-2a"), "... of another ring");
    ok(!fits(NGX_LLM_RECORD_ID, "0123456789abcdef-"), "... half of it");
    ok(!fits(NGX_LLM_RECORD_ID, ID "0"), "... and more");
}


static void
test_filter_status(void)
{
    ngx_uint_t  i, wrong;

    prepare();
    ngx_memzero(&filter, sizeof(filter));

    wrong = 0;

    for (i = 0; i < NGX_LLM_RECORD_STATUSES; i++) {
        record->status = i;
        filter.status = 1 << i;
        wrong += !ngx_llm_record_fits(record, &filter, ZONE);
        filter.status = 7 & ~(1 << i);
        wrong += ngx_llm_record_fits(record, &filter, ZONE);
    }

    is_number(wrong, 0, "by status");
}


static void
test_filter_time(void)
{
    prepare();
    ngx_memzero(&filter, sizeof(filter));

    filter.from = TIME;
    filter.to = TIME;
    ok(ngx_llm_record_fits(record, &filter, ZONE), "just then");

    filter.from = TIME + 1;
    filter.to = 0;
    ok(!ngx_llm_record_fits(record, &filter, ZONE), "before it begins");

    filter.from = 0;
    filter.to = TIME - 1;
    ok(!ngx_llm_record_fits(record, &filter, ZONE), "after its end");

    filter.to = TIME + 1;
    filter.status = 1 << NGX_LLM_RECORD_ERROR;
    ok(!ngx_llm_record_fits(record, &filter, ZONE), "all must fit");
}


static void
test_ids(void)
{
    u_char  id[NGX_LLM_RECORD_ID_LEN + 1], *p;

    prepare();

    p = ngx_llm_record_id(id, record, 0);
    *p = '\0';
    is_text((char *) id, "0000000000000000-2a", "an id");

    record->number = UINT64_MAX;
    p = ngx_llm_record_id(id, record, UINT64_MAX);
    *p = '\0';
    is_text((char *) id, "ffffffffffffffff-ffffffffffffffff", "the highest");
    is_number(p - id, NGX_LLM_RECORD_ID_LEN, "... is as long as it may be");

    record->node_id = UINT64_MAX;
    p = ngx_llm_record_node_id(id, record);
    is_number(p - id, NGX_LLM_RECORD_NODE_LEN, "a node's, too");
}


static void
prepare(void)
{
    ngx_memzero(record, sizeof(ngx_llm_record_t));

    record->number = 42;
    record->time = TIME;
    record->node_id = 0xff;
    record->request_bytes = 123;
    record->response_bytes = 4567;
    record->prompt_tokens = 5;
    record->completion_tokens = 6;
    record->ttft = 100;
    record->duration = 500;
    record->queue = 7;
    record->http_status = 200;
    record->attempts = 2;
    record->stream = 1;
    record->estimated = 1;

    put(NGX_LLM_RECORD_ID, "r1", 2);
    put(NGX_LLM_RECORD_ENDPOINT, "/v1/chat/completions", 20);
    put(NGX_LLM_RECORD_MODEL, "org/model", 9);
    put(NGX_LLM_RECORD_REQUESTED, "nick", 4);
    put(NGX_LLM_RECORD_NODE, "a", 1);
    put(NGX_LLM_RECORD_KEY, "alice", 5);
    put(NGX_LLM_RECORD_CLIENT, "::1", 3);
}


/* in the place of what it was; those behind it move */

static void
put(ngx_uint_t which, const char *text, size_t n)
{
    size_t      behind;
    ngx_str_t   old;
    ngx_uint_t  i;

    old = ngx_llm_record_text(record, which);
    behind = 0;

    for (i = which + 1; i < NGX_LLM_RECORD_TEXTS; i++) {
        behind += record->len[i];
    }

    memmove(old.data + n, old.data + old.len, behind);
    ngx_memcpy(old.data, text, n);

    record->len[which] = n;
}


static const char *
json(void)
{
    u_char       *p;
    static char   text[16384];

    p = ngx_llm_record_json((u_char *) text, record, ZONE, &router);
    *p = '\0';

    return text;
}


/* the value of a member, up to the next one's comma or the end */

static const char *
member(const char *name)
{
    char         *end, find[64];
    const char   *p;
    static char   value[16384];

    sprintf(find, "\"%s\":", name);

    p = strstr(json(), find);

    if (p == NULL) {
        return "none";
    }

    strcpy(value, p + strlen(find));

    end = (value[0] == '{') ? strrchr(value, '}') : strstr(value, ",\"");

    if (end == NULL) {
        end = strrchr(value, '}');
    }

    *end = '\0';

    return value;
}


/* asked for this text alone */

static ngx_uint_t
fits(ngx_uint_t which, const char *text)
{
    ngx_str_t  *s;

    ngx_memzero(&filter, sizeof(filter));

    s = (which == NGX_LLM_RECORD_MODEL) ? &filter.model
        : (which == NGX_LLM_RECORD_KEY) ? &filter.key
        : (which == NGX_LLM_RECORD_NODE) ? &filter.node : &filter.id;

    s->data = (u_char *) text;
    s->len = strlen(text);

    return ngx_llm_record_fits(record, &filter, ZONE);
}
