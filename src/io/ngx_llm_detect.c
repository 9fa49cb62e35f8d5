
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_detect.h"


/* llama.cpp that says more than this is not believed */
#define NGX_LLM_DETECT_SLOTS_MAX  65536


typedef struct {
    ngx_str_t             path;
    ngx_uint_t            type;
    ngx_uint_t            has;      /* bits: all of them stand there ... */
    ngx_uint_t            lacks;    /* ... and none of these */
} ngx_llm_detect_ask_t;


static void ngx_llm_detect_value(void *data, ngx_uint_t id,
    const ngx_llm_json_value_t *v);


/* the rows, and the bits of those that had the right kind */

enum {
    NGX_LLM_DETECT_TOTAL_SLOTS,
    NGX_LLM_DETECT_MODEL_PATH,
    NGX_LLM_DETECT_MODELS,
    NGX_LLM_DETECT_OBJECT,
    NGX_LLM_DETECT_VERSION,
    NGX_LLM_DETECT_MODEL_ID,
    NGX_LLM_DETECT_DATA,
    NGX_LLM_DETECT_DATA_ITEM,
    NGX_LLM_DETECT_STATE,
    NGX_LLM_DETECT_ROWS
};

#define ngx_llm_detect_bit(row)  (1 << (row))


static const ngx_llm_json_watch_t  ngx_llm_detect_watch[] = {
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "total_slots"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "model_path"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "models"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "object"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "version"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "model_id"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "data"),
    ngx_llm_json_element(NGX_LLM_DETECT_DATA),
    ngx_llm_json_member(NGX_LLM_DETECT_DATA_ITEM, "state")
};

static const ngx_uint_t  ngx_llm_detect_kinds[NGX_LLM_DETECT_ROWS] = {
    NGX_LLM_JSON_NUMBER, NGX_LLM_JSON_STRING, NGX_LLM_JSON_ARRAY,
    NGX_LLM_JSON_STRING, NGX_LLM_JSON_STRING, NGX_LLM_JSON_STRING,
    NGX_LLM_JSON_ARRAY, NGX_LLM_JSON_OBJECT, NGX_LLM_JSON_STRING
};


/*
 * llama.cpp and SGLang come before Ollama: newer ones answer to Ollama's
 * path as well, llama.cpp with the members of OpenAI's list beside.  vLLM is
 * late, its answer says little.
 */

static const ngx_llm_detect_ask_t  ngx_llm_detect_asks[] = {

    { ngx_string("/props"), NGX_LLM_TYPE_LLAMACPP,
      ngx_llm_detect_bit(NGX_LLM_DETECT_TOTAL_SLOTS), 0 },

    { ngx_string("/get_model_info"), NGX_LLM_TYPE_SGLANG,
      ngx_llm_detect_bit(NGX_LLM_DETECT_MODEL_PATH), 0 },

    { ngx_string("/get_server_info"), NGX_LLM_TYPE_SGLANG,
      ngx_llm_detect_bit(NGX_LLM_DETECT_MODEL_PATH), 0 },

    { ngx_string("/api/tags"), NGX_LLM_TYPE_OLLAMA,
      ngx_llm_detect_bit(NGX_LLM_DETECT_MODELS),
      ngx_llm_detect_bit(NGX_LLM_DETECT_OBJECT) },

    { ngx_string("/info"), NGX_LLM_TYPE_TGI,
      ngx_llm_detect_bit(NGX_LLM_DETECT_MODEL_ID), 0 },

    { ngx_string("/api/v0/models"), NGX_LLM_TYPE_LMSTUDIO,
      ngx_llm_detect_bit(NGX_LLM_DETECT_DATA)
      | ngx_llm_detect_bit(NGX_LLM_DETECT_STATE), 0 },

    { ngx_string("/version"), NGX_LLM_TYPE_VLLM,
      ngx_llm_detect_bit(NGX_LLM_DETECT_VERSION), 0 }
};

#define NGX_LLM_DETECT_ASKS                                                   \
    (sizeof(ngx_llm_detect_asks) / sizeof(ngx_llm_detect_asks[0]))


const ngx_str_t *
ngx_llm_detect_path(ngx_uint_t i)
{
    return (i < NGX_LLM_DETECT_ASKS) ? &ngx_llm_detect_asks[i].path : NULL;
}


void
ngx_llm_detect_init(ngx_llm_detect_t *d)
{
    d->slots = 0;
    d->seen = 0;

    ngx_llm_json_init(&d->json, ngx_llm_detect_watch, NGX_LLM_DETECT_ROWS,
                      d->text, sizeof(d->text), ngx_llm_detect_value, d);
}


ngx_int_t
ngx_llm_detect_feed(ngx_llm_detect_t *d, const u_char *p, size_t n)
{
    return ngx_llm_json_feed(&d->json, p, n);
}


ngx_uint_t
ngx_llm_detect_end(ngx_llm_detect_t *d, ngx_uint_t i)
{
    const ngx_llm_detect_ask_t  *ask;

    ask = &ngx_llm_detect_asks[i];

    if (ngx_llm_json_end(&d->json) != NGX_OK
        || d->json.root_kind != NGX_LLM_JSON_OBJECT
        || (d->seen & ask->has) != ask->has
        || (d->seen & ask->lacks))
    {
        return NGX_LLM_TYPE_UNKNOWN;
    }

    return ask->type;
}


static void
ngx_llm_detect_value(void *data, ngx_uint_t id, const ngx_llm_json_value_t *v)
{
    ngx_llm_detect_t  *d = data;

    if (v->kind != ngx_llm_detect_kinds[id]) {
        return;
    }

    d->seen |= ngx_llm_detect_bit(id);

    if (id == NGX_LLM_DETECT_TOTAL_SLOTS
        && v->number > 0
        && v->number <= NGX_LLM_DETECT_SLOTS_MAX)
    {
        d->slots = (ngx_uint_t) v->number;
    }
}
