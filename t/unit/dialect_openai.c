
/*
 * The OpenAI dialect: URLs, what is known of a request from its body, what is
 * wrong with one, and the edit that asks for usage on a stream.
 */


#include "../../src/base/ngx_llm_json.c"
#include "../../src/base/ngx_llm_json_number.c"
#include "../../src/base/ngx_llm_json_string.c"
#include "../../src/base/ngx_llm_json_watch.c"
#include "../../src/dialect/ngx_llm_openai.c"
#include "test.h"


typedef struct {
    const char  *body;
    const char  *facts;         /* see describe() */
} fact_t;

typedef struct {
    const char  *path;
    const char  *body;
    ngx_uint_t   error;
} check_t;

typedef struct {
    const char  *name;
    const char  *before;
    const char  *after;
    ngx_uint_t   asks;          /* it asks itself */
} usage_t;


static void test_urls(void);
static void test_facts(void);
static void test_names(void);
static void test_checks(void);
static void test_usage(void);
static void test_spaced(void);
static ngx_int_t scan(const char *body, size_t n, size_t step,
    ngx_llm_facts_t *facts);
static void describe(const ngx_llm_facts_t *f, const char *body, char *text,
    size_t size);
static size_t edit(const char *body, const ngx_llm_edit_t *e, char *dst);


/* "model" stream limit, then the kind of each place and its bytes */

static const fact_t  facts_of[] = {
    { "{\"model\":\"a\"}", "a 0 0" },
    { "{\"model\":\"a\",\"stream\":true,\"max_tokens\":5}", "a 1 5" },
    { "{\"stream\":true,\"stream\":false,\"model\":\"a\"}", "a 0 0" },
    { "{\"stream\":false,\"stream\":true,\"model\":\"a\"}", "a 1 0" },
    { "{\"stream\":\"true\"}", " 0 0" },
    { "{\"stream\":1}", " 0 0" },
    { "{\"stream\":true,\"stream\":null}", " 0 0" },
    { "{\"model\":\"a\",\"model\":\"bc\"}", "bc 0 0" },
    { "{\"model\":\"a\",\"model\":7}", " 0 0" },
    { "{\"model\":7,\"model\":\"a\"}", "a 0 0" },
    { "{\"model\":\"\"}", " 0 0" },
    { "{\"mod\\u0065l\":\"\\u0061\\/b\"}", "a/b 0 0" },
    { "{\"x\":{\"model\":\"b\",\"stream\":true}}", " 0 0" },
    { "[{\"model\":\"b\"}]", " 0 0" },

    { "{\"max_tokens\":5,\"max_completion_tokens\":7}", " 0 7" },
    { "{\"max_completion_tokens\":7,\"max_tokens\":5}", " 0 5" },
    { "{\"max_output_tokens\":9}", " 0 9" },
    { "{\"max_tokens\":5,\"max_tokens\":null}", " 0 5" },
    { "{\"max_tokens\":-5}", " 0 0" },
    { "{\"max_tokens\":\"5\"}", " 0 0" },
    { "{\"max_tokens\":5.9}", " 0 5" },
    { "{\"max_tokens\":1e30}", " 0 9223372036854775807" },

    { "{\"messages\":[1,2],\"prompt\":\"p\",\"input\":[ ]}",
      " 0 0 messages ARRAY 2 [1,2] prompt STRING 0 \"p\""
      " input ARRAY 0 [ ]" },
    { "{\"messages\":[1,2],\"messages\":null}",
      " 0 0 messages NULL 0 null" },
    { "{\"stream_options\":{\"include_usage\":true,\"x\":1}}",
      " 0 0 options OBJECT 2 {\"include_usage\":true,\"x\":1}"
      " usage TRUE 0 true" },
    { "{\"stream_options\":{\"include_usage\":true},\"stream_options\":{}}",
      " 0 0 options OBJECT 0 {}" },
    { "{\"stream_options\":{},\"stream_options\":{\"include_usage\":false}}",
      " 0 0 options OBJECT 1 {\"include_usage\":false}"
      " usage FALSE 0 false" },
    { "{\"stream_options\":{\"include_usage\":true},\"stream_options\":null}",
      " 0 0 options NULL 0 null" },
    { "{\"stream_options\":{\"a\":{\"include_usage\":true}}}",
      " 0 0 options OBJECT 1 {\"a\":{\"include_usage\":true}}" },
    { "{\"include_usage\":true}", " 0 0" }
};

#define NFACTS  (sizeof(facts_of) / sizeof(facts_of[0]))


#define M  "{\"model\":\"m\""

static const check_t  checks[] = {
    { "chat/completions", M ",\"messages\":[{}]}", NGX_LLM_ERR_NONE },
    { "chat/completions", M ",\"messages\":[]}",
      NGX_LLM_ERR_MESSAGES_REQUIRED },
    { "chat/completions", M ",\"messages\":{\"a\":1}}",
      NGX_LLM_ERR_MESSAGES_REQUIRED },
    { "chat/completions", M ",\"messages\":null}",
      NGX_LLM_ERR_MESSAGES_REQUIRED },
    { "chat/completions", M "}", NGX_LLM_ERR_MESSAGES_REQUIRED },
    { "chat/completions", M ",\"messages\":[],\"messages\":[1]}",
      NGX_LLM_ERR_NONE },
    { "chat/completions", "{\"messages\":[{}]}", NGX_LLM_ERR_MODEL_REQUIRED },
    { "chat/completions", "{\"model\":null,\"messages\":[{}]}",
      NGX_LLM_ERR_MODEL_REQUIRED },
    { "chat/completions", "{\"model\":\"\",\"messages\":[{}]}",
      NGX_LLM_ERR_MODEL_REQUIRED },
    { "chat/completions", "{}", NGX_LLM_ERR_MODEL_REQUIRED },

    { "completions", M ",\"prompt\":\"\"}", NGX_LLM_ERR_NONE },
    { "completions", M ",\"prompt\":[1,2]}", NGX_LLM_ERR_NONE },
    { "completions", M ",\"prompt\":null}", NGX_LLM_ERR_PROMPT_REQUIRED },
    { "completions", M "}", NGX_LLM_ERR_PROMPT_REQUIRED },

    { "embeddings", M ",\"input\":\"a\"}", NGX_LLM_ERR_NONE },
    { "embeddings", M ",\"input\":[1]}", NGX_LLM_ERR_NONE },
    { "embeddings", M ",\"input\":\"\"}", NGX_LLM_ERR_INPUT_REQUIRED },
    { "embeddings", M ",\"input\":[]}", NGX_LLM_ERR_INPUT_REQUIRED },
    { "embeddings", M ",\"input\":null}", NGX_LLM_ERR_INPUT_REQUIRED },
    { "embeddings", M "}", NGX_LLM_ERR_INPUT_REQUIRED },

    { "responses", M "}", NGX_LLM_ERR_NONE },
    { "rerank", M "}", NGX_LLM_ERR_NONE },
    { "rerank", "{}", NGX_LLM_ERR_MODEL_REQUIRED },
    { "audio/speech", "{}", NGX_LLM_ERR_MODEL_REQUIRED },
    { "some/thing", M "}", NGX_LLM_ERR_NONE },
    { "some/thing", "{}", NGX_LLM_ERR_UNKNOWN_URL },
    { "some/thing", "{\"model\":\"\"}", NGX_LLM_ERR_UNKNOWN_URL }
};

#define NCHECKS  (sizeof(checks) / sizeof(checks[0]))


#define O  "\"stream_options\":"
#define U  "\"include_usage\":"

static const usage_t  usages[] = {
    { "none", M "}", "{" O "{" U "true}," "\"model\":\"m\"}", 0 },
    { "null", M "," O "null}", M "," O "{" U "true}}", 0 },
    { "true", M "," O "true}", M "," O "{" U "true}}", 0 },
    { "a number", M "," O "17}", M "," O "{" U "true}}", 0 },
    { "a text", M "," O "\"x\"}", M "," O "{" U "true}}", 0 },
    { "an array", M "," O "[{" U "true}]}", M "," O "{" U "true}}", 0 },
    { "empty", M "," O "{}}", M "," O "{" U "true}}", 0 },
    { "empty with space", M "," O "{ \n }}", M "," O "{" U "true}}", 0 },
    { "of other members", M "," O "{\"a\":1}}",
      M "," O "{" U "true,\"a\":1}}", 0 },
    { "of other members and space", M "," O " { \"a\" : [] } }",
      M "," O " {" U "true, \"a\" : [] } }", 0 },
    { "false", M "," O "{" U "false}}", M "," O "{" U "true}}", 0 },
    { "null inside", M "," O "{" U "null,\"a\":1}}",
      M "," O "{" U "true,\"a\":1}}", 0 },
    { "a number inside", M "," O "{\"a\":1," U " 1 }}",
      M "," O "{\"a\":1," U " true }}", 0 },
    { "an object inside", M "," O "{" U "{\"b\":[1]}}}",
      M "," O "{" U "true}}", 0 },
    { "true inside", M "," O "{" U "true}}", M "," O "{" U "true}}", 1 },
    { "an escaped name", M ",\"stream_opti\\u006fns\":{\"a\":1}}",
      M ",\"stream_opti\\u006fns\":{" U "true,\"a\":1}}", 0 },
    { "an escaped name inside", M "," O "{\"includ\\u0065_usage\":false}}",
      M "," O "{\"includ\\u0065_usage\":true}}", 0 },
    { "usage twice", M "," O "{" U "true," U "false}}",
      M "," O "{" U "true," U "true}}", 0 },
    { "usage twice, the last true", M "," O "{" U "false," U "true}}",
      M "," O "{" U "false," U "true}}", 1 },
    { "options twice", M "," O "{" U "true}," O "{\"a\":1}}",
      M "," O "{" U "true}," O "{" U "true,\"a\":1}}", 0 },
    { "options twice, the last empty", M "," O "{" U "true}," O "{}}",
      M "," O "{" U "true}," O "{" U "true}}", 0 },
    { "options twice, the last null", M "," O "{" U "true}," O "null}",
      M "," O "{" U "true}," O "{" U "true}}", 0 },
    { "options twice, the last true", M "," O "null," O "{" U "true}}",
      M "," O "null," O "{" U "true}}", 1 },
    { "options twice, usage in both", M "," O "{" U "true}," O "{" U "false}}",
      M "," O "{" U "true}," O "{" U "true}}", 0 },
    { "deeper", M ",\"x\":{" O "{" U "true}}}",
      "{" O "{" U "true},\"model\":\"m\",\"x\":{" O "{" U "true}}}", 0 },
    { "space first", " \n { \"model\" : \"m\" }\n",
      " \n {" O "{" U "true}, \"model\" : \"m\" }\n", 0 }
};

#define NUSAGES  (sizeof(usages) / sizeof(usages[0]))


/* how facts are described */

static const char  *kinds[] = {
    "NONE", "NULL", "FALSE", "TRUE", "NUMBER", "STRING", "ARRAY", "OBJECT"
};

static const struct {
    const char  *name;
    size_t       offset;
} places[] = {
    { "options", offsetof(ngx_llm_facts_t, options) },
    { "usage", offsetof(ngx_llm_facts_t, usage) },
    { "messages", offsetof(ngx_llm_facts_t, messages) },
    { "prompt", offsetof(ngx_llm_facts_t, prompt) },
    { "input", offsetof(ngx_llm_facts_t, input) }
};


int
main(void)
{
    test_urls();
    test_facts();
    test_names();
    test_checks();
    test_usage();
    test_spaced();

    return test_done();
}


static void
test_urls(void)
{
    u_char               *copy;
    size_t                n;
    ngx_uint_t            i;
    const ngx_llm_url_t  *url;

    static const struct {
        const char  *path;
        ngx_uint_t   endpoint, known, usage, done;
    } urls[] = {
        { "chat/completions", NGX_LLM_CHAT, 1, 1, 1 },
        { "completions", NGX_LLM_COMPLETIONS, 1, 1, 1 },
        { "embeddings", NGX_LLM_EMBEDDINGS, 1, 0, 0 },
        { "responses", NGX_LLM_RESPONSES, 1, 0, 0 },
        { "rerank", NGX_LLM_GENERIC, 1, 0, 0 },
        { "moderations", NGX_LLM_GENERIC, 1, 0, 0 },
        { "audio/speech", NGX_LLM_GENERIC, 1, 0, 0 },
        { "audio/transcriptions", NGX_LLM_GENERIC, 1, 0, 0 },
        { "audio/translations", NGX_LLM_GENERIC, 1, 0, 0 },
        { "images/generations", NGX_LLM_GENERIC, 1, 0, 0 },
        { "images/edits", NGX_LLM_GENERIC, 1, 0, 0 },
        { "images/variations", NGX_LLM_GENERIC, 1, 0, 0 },
        { "models", NGX_LLM_MODELS, 1, 0, 0 },
        { "models/a", NGX_LLM_MODEL, 1, 0, 0 },
        { "models/a/b:c", NGX_LLM_MODEL, 1, 0, 0 },

        { "", NGX_LLM_GENERIC, 0, 0, 0 },
        { "models/", NGX_LLM_GENERIC, 0, 0, 0 },
        { "model", NGX_LLM_GENERIC, 0, 0, 0 },
        { "modelsx", NGX_LLM_GENERIC, 0, 0, 0 },
        { "chat", NGX_LLM_GENERIC, 0, 0, 0 },
        { "chat/completions/", NGX_LLM_GENERIC, 0, 0, 0 },
        { "chat/completionsx", NGX_LLM_GENERIC, 0, 0, 0 },
        { "Chat/completions", NGX_LLM_GENERIC, 0, 0, 0 },
        { "/chat/completions", NGX_LLM_GENERIC, 0, 0, 0 }
    };

    for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        n = strlen(urls[i].path);
        copy = test_copy(urls[i].path, n);

        url = ngx_llm_openai_url(copy, n);

        ok(url->endpoint == urls[i].endpoint
           && url->known == urls[i].known
           && url->usage == urls[i].usage
           && url->done == urls[i].done,
           "the URL \"%s\"", urls[i].path);

        free(copy);
    }
}


static void
test_facts(void)
{
    char             text[512];
    size_t           n, step;
    ngx_uint_t       i, wrong;
    const char      *body;
    ngx_llm_facts_t  facts;

    for (i = 0; i < NFACTS; i++) {
        body = facts_of[i].body;
        n = strlen(body);
        wrong = 0;

        for (step = 1; step <= n; step++) {
            wrong += (scan(body, n, step, &facts) != NGX_OK);

            describe(&facts, body, text, sizeof(text));
            wrong += (strcmp(text, facts_of[i].facts) != 0);
        }

        describe(&facts, body, text, sizeof(text));

        is_text(text, facts_of[i].facts, "%s", body);
        is_number(wrong, 0, "... in slices of any size");
    }
}


/* model names up to and over their length */

static void
test_names(void)
{
    char             body[1024];
    size_t           n, len;
    ngx_llm_facts_t  facts;

    for (len = 255; len <= 513; len += len < 258 ? 1 : 85) {
        n = sprintf(body, "{\"model\":\"%0*d\"}", (int) len, 7);

        (void) scan(body, n, n, &facts);

        is_number(facts.model_len, ngx_min(len, 256), "a name of %u bytes",
                  (unsigned) len);
        is_number(facts.model_cut, len > 256, "... is %s",
                  len > 256 ? "too long" : "whole");

        is_number(ngx_llm_openai_check(
                      ngx_llm_openai_url((u_char *) "rerank", 6), &facts),
                  len > 256 ? NGX_LLM_ERR_MODEL_TOO_LONG : NGX_LLM_ERR_NONE,
                  "... and is told");
    }

    /* what was cut before does not count */

    n = sprintf(body, "{\"model\":\"%0300d\",\"model\":\"b\"}", 7);
    (void) scan(body, n, n, &facts);

    ok(facts.model_len == 1 && facts.model[0] == 'b' && !facts.model_cut,
       "a short name after one that is too long");
}


static void
test_checks(void)
{
    ngx_uint_t            i;
    const check_t        *c;
    ngx_llm_facts_t       facts;
    const ngx_llm_url_t  *url;

    for (i = 0; i < NCHECKS; i++) {
        c = &checks[i];

        url = ngx_llm_openai_url((u_char *) c->path, strlen(c->path));
        (void) scan(c->body, strlen(c->body), 7, &facts);

        is_number(ngx_llm_openai_check(url, &facts), c->error, "%s: %s",
                  c->path, c->body);
    }
}


static void
test_usage(void)
{
    char             after[512];
    size_t           n;
    ngx_uint_t       i;
    const usage_t   *u;
    ngx_llm_edit_t   e;
    ngx_llm_facts_t  facts;

    for (i = 0; i < NUSAGES; i++) {
        u = &usages[i];

        is_number(scan(u->before, strlen(u->before), 5, &facts), NGX_OK,
                  "stream_options: %s", u->name);
        is_number(ngx_llm_openai_asks_usage(&facts), u->asks, "... %s",
                  u->asks ? "asks itself" : "does not ask");

        ngx_llm_openai_ask_usage(&facts, &e);
        n = edit(u->before, &e, after);
        is_text(after, u->after, "... the edited body");

        is_number(scan(after, n, 3, &facts), NGX_OK, "... is valid");
        is_number(ngx_llm_openai_asks_usage(&facts), 1, "... and asks");
        ok(facts.model_len == 1 && facts.model[0] == 'm',
           "... for the same model");
    }
}


/* the edit fits whatever white space stands in between */

static void
test_spaced(void)
{
    char               body[512], after[512];
    size_t             n;
    ngx_uint_t         i, k, wrong;
    ngx_llm_edit_t     e;
    ngx_llm_facts_t    facts;
    static const char *parts[4][10] = {
        { "{", "\"model\"", ":", "\"m\"", "}" },
        { "{", "\"model\"", ":", "\"m\"", ",", "\"stream_options\"", ":",
          "null", "}" },
        { "{", "\"stream_options\"", ":", "{", "}", ",", "\"model\"", ":",
          "\"m\"", "}" },
        { "{", "\"model\"", ":", "\"m\"", ",", "\"stream_options\"", ":",
          "{\"a\": 1}", "}" }
    };

    wrong = 0;

    for (i = 0; i < 4 * 1024; i++) {
        n = 0;

        for (k = 0; k < 10 && parts[i % 4][k]; k++) {
            n += sprintf(body + n, "%s%s", (i >> 2) & (1 << k) ? " \t" : "",
                         parts[i % 4][k]);
        }

        wrong += (scan(body, n, n, &facts) != NGX_OK);

        ngx_llm_openai_ask_usage(&facts, &e);
        n = edit(body, &e, after);

        wrong += (scan(after, n, n, &facts) != NGX_OK)
                 || !ngx_llm_openai_asks_usage(&facts);
    }

    is_number(wrong, 0, "the edit fits with white space anywhere");
}


static ngx_int_t
scan(const char *body, size_t n, size_t step, ngx_llm_facts_t *facts)
{
    size_t           i, len;
    u_char          *copy, buf[512];
    ngx_int_t        rc;
    ngx_llm_json_t   json;

    ngx_memzero(facts, sizeof(ngx_llm_facts_t));

    ngx_llm_json_init(&json, ngx_llm_openai_watch, NGX_LLM_IN_MAX, buf,
                      sizeof(buf), ngx_llm_openai_value, facts);

    for (i = 0; i < n; i += step) {
        len = ngx_min(step, n - i);
        copy = test_copy(body + i, len);
        (void) ngx_llm_json_feed(&json, copy, len);
        free(copy);
    }

    rc = ngx_llm_json_end(&json);
    facts->open = json.root_open;

    return rc;
}


static void
describe(const ngx_llm_facts_t *f, const char *body, char *text, size_t size)
{
    size_t                  n;
    ngx_uint_t              i;
    const ngx_llm_place_t  *p;

    n = snprintf(text, size, "%.*s %d %lld", (int) f->model_len, f->model,
                 f->stream, (long long) f->max_tokens);

    for (i = 0; i < 5; i++) {
        p = (const ngx_llm_place_t *) ((const char *) f + places[i].offset);

        if (p->kind == NGX_LLM_JSON_NONE) {
            continue;
        }

        n += snprintf(text + n, size - n, " %s %s %d %.*s", places[i].name,
                      kinds[p->kind], (int) p->count,
                      (int) (p->end - p->start), body + p->start);
    }
}


static size_t
edit(const char *body, const ngx_llm_edit_t *e, char *dst)
{
    return sprintf(dst, "%.*s%.*s%s", (int) e->start, body,
                   (int) e->text.len, e->text.data, body + e->end);
}
