
/*
 * Which answer shows which kind of server, cut anywhere.
 */


#include "../../src/base/ngx_llm_json.c"
#include "../../src/base/ngx_llm_json_number.c"
#include "../../src/base/ngx_llm_json_string.c"
#include "../../src/base/ngx_llm_json_watch.c"
#include "../../src/io/ngx_llm_detect.c"
#include "test.h"


typedef struct {
    const char  *path;
    const char  *answer;
    unsigned     type;
    unsigned     slots;
} sample_t;


static const sample_t  samples[] = {

    { "/props", "{\"default_generation_settings\":{\"total_slots\":9},"
      "\"total_slots\":4,\"model_path\":\"x\"}", NGX_LLM_TYPE_LLAMACPP, 4 },
    { "/props", "{\"total_slots\":0}", NGX_LLM_TYPE_LLAMACPP, 0 },
    { "/props", "{\"total_slots\":-1}", NGX_LLM_TYPE_LLAMACPP, 0 },
    { "/props", "{\"total_slots\":99999999999}", NGX_LLM_TYPE_LLAMACPP, 0 },
    { "/props", "{\"total_slots\":\"4\"}", NGX_LLM_TYPE_UNKNOWN, 0 },
    { "/props", "{\"total_slots\":4", NGX_LLM_TYPE_UNKNOWN, 0 },
    { "/props", "{\"error\":{\"code\":501}}", NGX_LLM_TYPE_UNKNOWN, 0 },
    { "/get_model_info", "{\"model_path\":\"x\"}", NGX_LLM_TYPE_SGLANG, 0 },
    { "/get_server_info", "{\"model_path\":\"x\"}", NGX_LLM_TYPE_SGLANG, 0 },
    { "/get_model_info", "{\"version\":\"1\"}", NGX_LLM_TYPE_UNKNOWN, 0 },

    { "/api/tags", "{\"models\":[{\"name\":\"a\"}]}",
      NGX_LLM_TYPE_OLLAMA, 0 },
    { "/api/tags", "{\"models\":[]}", NGX_LLM_TYPE_OLLAMA, 0 },
    { "/api/tags", "{\"models\":[{\"name\":\"a\"}],\"object\":\"list\","
      "\"data\":[]}", NGX_LLM_TYPE_UNKNOWN, 0 },
    { "/info", "{\"model_id\":\"a\"}", NGX_LLM_TYPE_TGI, 0 },
    { "/api/v0/models", "{\"object\":\"list\",\"data\":[{\"id\":\"a\","
      "\"state\":\"loaded\"}]}", NGX_LLM_TYPE_LMSTUDIO, 0 },
    { "/api/v0/models", "{\"object\":\"list\",\"data\":[{\"id\":\"a\"}]}",
      NGX_LLM_TYPE_UNKNOWN, 0 },
    { "/version", "{\"version\":\"0.8.4\"}", NGX_LLM_TYPE_VLLM, 0 },
    { "/version", "{\"version\":8}", NGX_LLM_TYPE_UNKNOWN, 0 },
    { "/version", "[\"version\"]", NGX_LLM_TYPE_UNKNOWN, 0 },
    { "/version", "{\"error\":\"Unexpected endpoint\"}",
      NGX_LLM_TYPE_UNKNOWN, 0 },
    { "/version", "not found", NGX_LLM_TYPE_UNKNOWN, 0 },
    { "/version", "", NGX_LLM_TYPE_UNKNOWN, 0 }
};


static ngx_uint_t
find(const char *path)
{
    ngx_uint_t        i;
    const ngx_str_t  *p;

    for (i = 0; (p = ngx_llm_detect_path(i)) != NULL; i++) {
        if (p->len == strlen(path) && memcmp(p->data, path, p->len) == 0) {
            return i;
        }
    }

    abort();
}


static void
test_sample(const sample_t *s)
{
    int               bad;
    size_t            k, n;
    u_char           *a, *b;
    ngx_uint_t        i;
    ngx_llm_detect_t  d;

    i = find(s->path);
    n = strlen(s->answer);
    bad = 0;

    for (k = 0; k <= n; k++) {
        memset(&d, 0x5a, sizeof(ngx_llm_detect_t));
        ngx_llm_detect_init(&d);

        a = test_copy(s->answer, k);
        b = test_copy(s->answer + k, n - k);

        (void) ngx_llm_detect_feed(&d, a, k);
        (void) ngx_llm_detect_feed(&d, b, n - k);

        bad += ngx_llm_detect_end(&d, i) != s->type
               || (s->type != NGX_LLM_TYPE_UNKNOWN && d.slots != s->slots);

        free(a);
        free(b);
    }

    is_number(bad, 0, "%s: %s", s->path, s->answer);
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        test_sample(&samples[i]);
    }

    is_number(find("/props"), NGX_LLM_DETECT_SLOTS,
              "the slots stand in the first answer");

    return test_done();
}
