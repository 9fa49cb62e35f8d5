
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_error.h"
#include "ngx_llm_openai.h"


static void ngx_llm_openai_place(ngx_llm_place_t *place,
    const ngx_llm_json_value_t *v);
static void ngx_llm_openai_model(ngx_llm_facts_t *facts,
    const ngx_llm_json_value_t *v);


/* OpenAI's API reference; the first that fits counts */

static const ngx_llm_url_t  ngx_llm_openai_urls[] = {
    { ngx_string("chat/completions"),     NGX_LLM_CHAT,        1, 1, 1, 0 },
    { ngx_string("completions"),          NGX_LLM_COMPLETIONS, 1, 1, 1, 0 },
    { ngx_string("embeddings"),           NGX_LLM_EMBEDDINGS,  1, 0, 0, 0 },
    { ngx_string("responses"),            NGX_LLM_RESPONSES,   1, 0, 0, 1 },
    { ngx_string("rerank"),               NGX_LLM_GENERIC,     1, 0, 0, 0 },
    { ngx_string("moderations"),          NGX_LLM_GENERIC,     1, 0, 0, 0 },
    { ngx_string("audio/speech"),         NGX_LLM_GENERIC,     1, 0, 0, 0 },
    { ngx_string("audio/transcriptions"), NGX_LLM_GENERIC,     1, 0, 0, 0 },
    { ngx_string("audio/translations"),   NGX_LLM_GENERIC,     1, 0, 0, 0 },
    { ngx_string("images/generations"),   NGX_LLM_GENERIC,     1, 0, 0, 0 },
    { ngx_string("images/edits"),         NGX_LLM_GENERIC,     1, 0, 0, 0 },
    { ngx_string("images/variations"),    NGX_LLM_GENERIC,     1, 0, 0, 0 },
    { ngx_string("models"),               NGX_LLM_MODELS,      1, 0, 0, 0 },
    { ngx_string("models/"),              NGX_LLM_MODEL,       1, 0, 0, 0 }
};

static const ngx_llm_url_t  ngx_llm_openai_generic = {
    ngx_null_string, NGX_LLM_GENERIC, 0, 0, 0, 0
};


const ngx_llm_json_watch_t  ngx_llm_openai_watch[NGX_LLM_IN_MAX] = {
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "model"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "stream"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "stream_options"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "messages"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "prompt"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "input"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "max_tokens"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "max_completion_tokens"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "max_output_tokens"),
    ngx_llm_json_member(NGX_LLM_IN_OPTIONS, "include_usage")
};


const ngx_llm_url_t *
ngx_llm_openai_url(const u_char *path, size_t n)
{
    ngx_uint_t            i;
    const ngx_llm_url_t  *url;

    for (i = 0;
         i < sizeof(ngx_llm_openai_urls) / sizeof(ngx_llm_url_t);
         i++)
    {
        url = &ngx_llm_openai_urls[i];

        if (url->endpoint == NGX_LLM_MODEL) {

            if (n > url->path.len
                && ngx_memcmp(path, url->path.data, url->path.len) == 0)
            {
                return url;
            }

            continue;
        }

        if (n == url->path.len && ngx_memcmp(path, url->path.data, n) == 0) {
            return url;
        }
    }

    return &ngx_llm_openai_generic;
}


void
ngx_llm_openai_value(void *data, ngx_uint_t id, const ngx_llm_json_value_t *v)
{
    ngx_llm_facts_t  *facts = data;

    switch (id) {

    case NGX_LLM_IN_MODEL:
        ngx_llm_openai_model(facts, v);
        break;

    case NGX_LLM_IN_STREAM:
        facts->stream = (v->kind == NGX_LLM_JSON_TRUE);
        break;

    case NGX_LLM_IN_OPTIONS:

        /* the members of options were reported before it; is it the same? */

        ngx_llm_openai_place(&facts->options, v);

        if (facts->usage.start < v->start) {
            facts->usage.kind = NGX_LLM_JSON_NONE;
        }

        break;

    case NGX_LLM_IN_USAGE:
        ngx_llm_openai_place(&facts->usage, v);
        break;

    case NGX_LLM_IN_MESSAGES:
        ngx_llm_openai_place(&facts->messages, v);
        break;

    case NGX_LLM_IN_PROMPT:
        ngx_llm_openai_place(&facts->prompt, v);
        break;

    case NGX_LLM_IN_INPUT:
        ngx_llm_openai_place(&facts->input, v);
        break;

    default: /* one of the limits on what is made */
        if (v->kind == NGX_LLM_JSON_NUMBER) {
            facts->max_tokens = ngx_max(v->number, 0);
        }
    }
}


ngx_uint_t
ngx_llm_openai_check(const ngx_llm_url_t *url, const ngx_llm_facts_t *facts)
{
    const ngx_llm_place_t  *p;

    if (facts->model_len == 0) {
        return url->known ? NGX_LLM_ERR_MODEL_REQUIRED
                          : NGX_LLM_ERR_UNKNOWN_URL;
    }

    if (facts->model_cut) {
        return NGX_LLM_ERR_MODEL_TOO_LONG;
    }

    switch (url->endpoint) {

    case NGX_LLM_CHAT:
        if (facts->messages.kind != NGX_LLM_JSON_ARRAY
            || facts->messages.count == 0)
        {
            return NGX_LLM_ERR_MESSAGES_REQUIRED;
        }

        break;

    case NGX_LLM_COMPLETIONS:
        if (facts->prompt.kind <= NGX_LLM_JSON_NULL) {
            return NGX_LLM_ERR_PROMPT_REQUIRED;
        }

        break;

    case NGX_LLM_EMBEDDINGS:
        p = &facts->input;

        if (p->kind <= NGX_LLM_JSON_NULL
            || (p->kind == NGX_LLM_JSON_STRING && p->end - p->start == 2)
            || (p->kind == NGX_LLM_JSON_ARRAY && p->count == 0))
        {
            return NGX_LLM_ERR_INPUT_REQUIRED;
        }
    }

    return NGX_LLM_ERR_NONE;
}


ngx_uint_t
ngx_llm_openai_asks_usage(const ngx_llm_facts_t *facts)
{
    return facts->options.kind == NGX_LLM_JSON_OBJECT
           && facts->usage.kind == NGX_LLM_JSON_TRUE;
}


void
ngx_llm_openai_ask_usage(const ngx_llm_facts_t *facts, ngx_llm_edit_t *edit)
{
    if (facts->options.kind == NGX_LLM_JSON_NONE) {
        edit->start = facts->open;
        edit->end = facts->open;
        ngx_str_set(&edit->text,
                    "\"stream_options\":{\"include_usage\":true},");
        return;
    }

    if (facts->options.kind != NGX_LLM_JSON_OBJECT
        || facts->options.count == 0)
    {
        edit->start = facts->options.start;
        edit->end = facts->options.end;
        ngx_str_set(&edit->text, "{\"include_usage\":true}");
        return;
    }

    if (facts->usage.kind == NGX_LLM_JSON_NONE) {
        edit->start = facts->options.start + 1;
        edit->end = edit->start;
        ngx_str_set(&edit->text, "\"include_usage\":true,");
        return;
    }

    edit->start = facts->usage.start;
    edit->end = facts->usage.end;
    ngx_str_set(&edit->text, "true");
}


static void
ngx_llm_openai_place(ngx_llm_place_t *place, const ngx_llm_json_value_t *v)
{
    place->kind = v->kind;
    place->start = v->start;
    place->end = v->end;
    place->count = v->count;
}


static void
ngx_llm_openai_model(ngx_llm_facts_t *facts, const ngx_llm_json_value_t *v)
{
    ngx_llm_openai_place(&facts->at_model, v);

    facts->model_len = 0;
    facts->model_cut = 0;

    if (v->kind != NGX_LLM_JSON_STRING) {
        return;
    }

    facts->model_len = ngx_min(v->text.len, NGX_LLM_MODEL_NAME);
    facts->model_cut = v->truncated || v->text.len > NGX_LLM_MODEL_NAME;

    ngx_memcpy(facts->model, v->text.data, facts->model_len);
}
