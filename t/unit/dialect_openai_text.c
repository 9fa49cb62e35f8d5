
/* The words of OpenAI's streams, cut at every place. */


#include "../../src/base/ngx_llm_excerpt.c"
#include "../../src/base/ngx_llm_json.c"
#include "../../src/base/ngx_llm_json_number.c"
#include "../../src/base/ngx_llm_json_string.c"
#include "../../src/base/ngx_llm_json_watch.c"
#include "../../src/dialect/ngx_llm_openai_text.c"
#include "core.h"
#include "test.h"


#define DELTA(text)  "data: {\"choices\":[{\"delta\":{" text "}}]}\n\n"


static const struct {
    const char  *input;
    const char  *want;
} samples[] = {
    { "", "" },
    { DELTA("\"role\":\"assistant\",\"content\":\"\"")
      DELTA("\"content\":\"Hel\"") DELTA("\"content\":\"lo\"")
      DELTA("") "data: [DONE]\n\n", "Hello" },
    { DELTA("\"content\":\"a\\n\\u00e4\"") ": ping\n\n"
      DELTA("\"content\":\"b\""), "a\n\xc3\xa4" "b" },
    { "data: {\"choices\":[{\"text\":\"one\"}]}\r\n\r\n"
      "data: {\"choices\":[{\"text\":\" two\"}]}\r\n\r\n", "one two" },
    { DELTA("\"reasoning_content\":\"so: \"") DELTA("\"content\":\"x\""),
      "so: x" },
    { DELTA("\"refusal\":\"no\""), "no" },
    { DELTA("\"tool_calls\":[{\"index\":0,\"function\":"
            "{\"name\":\"f\",\"arguments\":\"\"}}]")
      DELTA("\"tool_calls\":[{\"function\":{\"arguments\":\"(1)\"}}]"),
      "f(1)" },
    { "event: response.output_text.delta\n"
      "data: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n"
      "event: response.completed\ndata: {\"response\":{\"x\":1}}\n\n", "Hi" },
    { DELTA("\"content\":\"a\"")
      "data: {\"error\":{\"message\":\" broke\"}}\n\n", "a broke" },
    { "data:{\"choices\":[{\"delta\":{\"content\":\"tight\"}}]}\n\n", "tight" },

    /* none of it */
    { "datas: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n", "" },
    { " data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n", "" },
    { ": data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n", "" },
    { "data: nonsense\n\n" DELTA("\"content\":\"x\""), "x" },
    { DELTA("\"content\":7") DELTA("\"content\":null"), "" },
    { "data: {\"delta\":{\"content\":\"x\"}}\n\n", "" },
    { DELTA("\"content\":\"sk-0123456789abcdefghij\""), "[key]" }
};


static void
is_stream(const char *input, const char *want)
{
    size_t                 i, n, bad;
    u_char                 text[256];
    ngx_llm_excerpt_t      e;
    ngx_llm_openai_text_t  t;

    n = strlen(input);
    bad = 0;

    for (i = 0; i <= n; i++) {
        ngx_llm_excerpt_init(&e, text, sizeof(text) - 1);
        ngx_llm_openai_text_init(&t, &e);
        ngx_llm_openai_text_feed(&t, (u_char *) input, i);
        ngx_llm_openai_text_feed(&t, (u_char *) input + i, n - i);
        ngx_llm_excerpt_end(&e);

        text[e.len] = '\0';
        bad += (strcmp((char *) text, want) != 0);
    }

    is_text((char *) text, want, "%s", input);
    is_number(bad, 0, "cut anywhere: %s", input);
}


static void
long_ones(void)
{
    u_char                 text[8192], input[8192], *p;
    ngx_llm_excerpt_t      e;
    ngx_llm_openai_text_t  t;

    p = ngx_cpymem(input, "data: {\"choices\":[{\"text\":\"", 27);
    p = ngx_cpymem(p, "x ", 2);

    while (p - input < 6000) {
        p = ngx_cpymem(p, "words ", 6);
    }

    p = ngx_cpymem(p, "\"}]}\n\n", 6);

    ngx_llm_excerpt_init(&e, text, sizeof(text));
    ngx_llm_openai_text_init(&t, &e);
    ngx_llm_openai_text_feed(&t, input, p - input);
    ngx_llm_excerpt_end(&e);

    ok(e.len > NGX_LLM_OPENAI_TEXT - 8 && e.len <= NGX_LLM_OPENAI_TEXT,
       "of a long event the beginning");
    ok(e.cut, "and that it was cut");
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        is_stream(samples[i].input, samples[i].want);
    }

    long_ones();

    return test_done();
}
