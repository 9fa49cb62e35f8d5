
/*
 * What events of OpenAI's streams say: those that only carry usage, and those
 * without a word for their reader.
 */


#include "../../src/base/ngx_llm_json.c"
#include "../../src/base/ngx_llm_json_number.c"
#include "../../src/base/ngx_llm_json_string.c"
#include "../../src/base/ngx_llm_json_watch.c"
#include "../../src/dialect/ngx_llm_openai_event.c"
#include "test.h"


#define CHOICE(text)  "data: {\"choices\":[{" text "}]}\n\n"


static const struct {
    const char  *input;
    int          usage;
} chunks[] = {
    { "data: {\"id\":\"x\",\"choices\":[],\"usage\":{\"total_tokens\":1}}\n\n",
      1 },
    { "data:{\"usage\":{},\"choices\" : [ ] }\r\n\r\n", 1 },
    { "event: e\ndata: {\"choices\":[],\ndata: \"usage\":{}}\n\n", 1 },
    { "id: 1\rdata: {\"choices\":[],\"usage\":{}}\r\r", 1 },
    { "data: {\"choices\":[],\"usage\":{}}", 1 },
    { "data: {\"usage\":{}}\n\n", 1 },
    { "data: {\"id\":\"x\",\"usage\":{\"total_tokens\":1}}\n\n", 1 },

    { "data: {\"error\":{},\"usage\":{}}\n\n", 0 },
    { "data: {\"usage\":null}\n\n", 0 },
    { "data: {\"usage\":{}\n\n", 0 },
    { "data: {\"x\":{\"usage\":{}}}\n\n", 0 },
    { "data: {\"x\":\"\\\"usage\\\":{}\"}\n\n", 0 },
    { "", 0 },
    { "\n", 0 },
    { "data: [DONE]\n\n", 0 },
    { "data: {\"choices\":[],\"usage\":null}\n\n", 0 },
    { "data: {\"choices\":[]}\n\n", 0 },
    { "data: {\"choices\":[{}],\"usage\":{}}\n\n", 0 },
    { "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":{}}\n\n",
      0 },
    { "data: {\"choices\":null,\"usage\":{}}\n\n", 0 },
    { "data: {\"choices\":{},\"usage\":{}}\n\n", 0 },
    { "data: {\"choices\":[],\"usage\":{}\n\n", 0 },
    { "data: {\"choices\":[],\"usage\":{}}}\n\n", 0 },
    { "data: [{\"choices\":[],\"usage\":{}}]\n\n", 0 },
    { ": {\"choices\":[],\"usage\":{}}\n\n", 0 },

    /* what a text or another member holds does not count */
    { "data: {\"a\":\"\\\"choices\\\":[],\\\"usage\\\":{}\",\"choices\":[{}],"
      "\"usage\":{}}\n\n", 0 },
    { "data: {\"x\":{\"choices\":[]},\"choices\":[{}],\"usage\":{}}\n\n", 0 },
    { "data: {\"x\":{\"choices\":[],\"usage\":{}}}\n\n", 0 },
    { "data: {\"x\":{\"choices\":[],\"usage\":{}},\"choices\":[{}]}\n\n", 0 },
    { "data: {\"choices\":[],\"usage\":{},\"choices\":[{\"index\":0}]}\n\n",
      0 },
    { "data: {\"choices\":[],\"usage\":{},\"ch\\u006fices\":[1]}\n\n", 0 },
    { "data: {\"choices\":[],\"usage\":{},\"usage\":null}\n\n", 0 },
    { "data: {\"choices", 0 },
    { "data: {\"choices\"", 0 },
    { "data: {\"choices\":", 0 },
    { "data: {\"choices\":[", 0 },
    { "data: {\"choices\":[]", 0 },
    { "data: {\"c", 0 },
    { "oices\":[],\"usage\":{}}\n\n", 0 },
    { "hoices\":[],\"usage\":{}}\n\n", 0 }
};


static void
test_usage(void)
{
    size_t   i, n;
    u_char  *p;

    for (i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
        n = strlen(chunks[i].input);
        p = test_copy(chunks[i].input, n);

        is_number(ngx_llm_openai_event_is_usage(p, p + n), chunks[i].usage,
                  "chunk %d", (int) i);
        free(p);
    }
}


static const struct {
    const char  *input;
    int          mute;
    int          may;
} voices[] = {
    { CHOICE("\"delta\":{\"role\":\"assistant\"},\"finish_reason\":null"),
      1, 0 },
    { CHOICE("\"delta\":{\"role\":\"assistant\",\"content\":\"\"}"), 1, 0 },
    { CHOICE("\"delta\":{\"role\":\"assistant\",\"content\":null}"), 1, 0 },
    { CHOICE("\"delta\":{},\"finish_reason\":\"stop\""), 1, 1 },
    { CHOICE("\"text\":\"\",\"finish_reason\":\"stop\""), 1, 1 },
    { CHOICE("\"delta\":{},\"x\":{\"content\":\"a\"}"), 1, 0 },

    /* spaces and line ends, as Python's json and sse-starlette write them */
    { "data: {\"id\": \"x\", \"choices\": [{\"index\": 0, \"delta\": "
      "{\"role\": \"assistant\"}, \"finish_reason\": null}]}\r\n\r\n", 1, 0 },
    { "data: {\"choices\": [{\"index\": 0, \"delta\": {}, "
      "\"finish_reason\": \"length\"}]}\r\n\r\n", 1, 1 },
    { "data: {\"choices\": [{\"text\": \"a\", "
      "\"finish_reason\": \"length\"}]}\r\n\r\n", 0, 1 },

    { CHOICE("\"text\":\"a\",\"finish_reason\":\"length\""), 0, 1 },
    { CHOICE("\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\""),
      0, 1 },
    { CHOICE("\"delta\":{\"content\":\"\\\"\"}"), 0, 0 },
    { CHOICE("\"delta\":{\"content\":\" \"}"), 0, 0 },
    { CHOICE("\"delta\":{\"content\":null,\"tool_calls\":[{}]}"), 0, 0 },
    { CHOICE("\"delta\":{\"content\":\"\",\"reasoning_content\":\"a\"}"),
      0, 0 },
    { CHOICE("\"delta\":{\"refusal\":\"no\"}"), 0, 0 },
    { CHOICE("\"delta\":{}},{\"delta\":{\"content\":\"b\"}"), 0, 0 },

    /* the cheap question has a false yes */
    { CHOICE("\"delta\":{\"function_call\":{\"name\":\"f\"}}"), 0, 1 },

    /* what is none of OpenAI's has something to say */
    { "data: {\"choices\":[]}\n\n", 0, 0 },
    { "data: {\"delta\":{}}\n\n", 0, 0 },
    { "data: {\"choices\":[{\"delta\":{}}]\n\n", 0, 0 },
    { "data: hello\n\n", 0, 0 },
    { "data: [DONE]\n\n", 0, 0 },
    { ": ping\n\n", 0, 0 },
    { "\n", 0, 0 },
    { "", 0, 0 }
};


static void
test_mute(void)
{
    size_t   i, n;
    u_char  *p;

    for (i = 0; i < sizeof(voices) / sizeof(voices[0]); i++) {
        n = strlen(voices[i].input);
        p = test_copy(voices[i].input, n);

        is_number(ngx_llm_openai_event_is_mute(p, p + n), voices[i].mute,
                  "voice %d", (int) i);
        is_number(ngx_llm_openai_event_may_be_mute(p, p + n), voices[i].may,
                  "... may it be mute: %d", voices[i].may);
        free(p);
    }
}


static const struct {
    const char  *input;
    int          error;
    int          delta;
} kinds[] = {
    { "data: {\"error\":{\"message\":\"x\"}}\n\n", 1, 0 },
    { "data:{ \"error\" : \"x\"}\n\n", 1, 0 },
    { "data: {\"error\":{", 1, 0 },
    { "event: error\ndata: {}\n\n", 1, 0 },
    { "error: {\"code\":500}\n\n", 1, 0 },

    { "data: {\"error\":null,\"choices\":[]}\n\n", 0, 0 },
    { "data: {\"error\":", 0, 0 },
    { "data: {\"error\"", 0, 0 },
    { "data: {\"errors\":{}}\n\n", 0, 0 },
    { "data: {\"id\":\"error\"}\n\n", 0, 0 },
    { "data: {\"a\":1,\"error\":{}}\n\n", 0, 0 },
    { "data: \"error\"\n\n", 0, 0 },
    { "data: {", 0, 0 },
    { "data:", 0, 0 },
    { "event: x\n\n", 0, 0 },
    { "\n", 0, 0 },

    { "event: response.output_text.delta\ndata: {\"type\":"
      "\"response.output_text.delta\",\"delta\":\"a\"}\n\n", 0, 1 },
    { "data: {\"type\": \"response.function_call_arguments.delta\"}\n\n",
      0, 1 },
    { "data: {\"a\":\"x.delta\",\"type\":\"response.refusal.delta\"}\n\n",
      0, 1 },

    { "data: {\"type\":\"response.output_text.done\",\"text\":\"a.delta\"}",
      0, 0 },
    { "data: {\"type\":\"xresponse.a.delta\"}", 0, 0 },
    { "data: {\"type\":\"a response.a.delta\"}", 0, 0 },
    { "response.a.delta\"", 0, 0 },
    { "data: {\"type\":\"response.a.delta", 0, 0 },
    { "event: response.output_text.delta\ndata: {}\n\n", 0, 0 }
};


static void
test_kinds(void)
{
    size_t   i, n;
    u_char  *p;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        n = strlen(kinds[i].input);
        p = test_copy(kinds[i].input, n);

        is_number(ngx_llm_openai_event_is_error(p, p + n), kinds[i].error,
                  "kind %d: an error", (int) i);
        is_number(ngx_llm_openai_event_may_be_error(p, p + n)
                  || !kinds[i].error, 1, "kind %d: may it be one?", (int) i);
        is_number(ngx_llm_openai_event_is_delta(p, p + n), kinds[i].delta,
                  "kind %d: a delta", (int) i);
        free(p);
    }
}


int
main(void)
{
    test_usage();
    test_mute();
    test_kinds();

    return test_done();
}
