
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_openai_text.h"


/* the state behind "data:", and in a line of another kind */
#define NGX_LLM_TEXT_DATA  5
#define NGX_LLM_TEXT_SKIP  6


enum {
    NGX_LLM_TEXT_CHOICES = 0,
    NGX_LLM_TEXT_CHOICE,
    NGX_LLM_TEXT_DELTA,
    NGX_LLM_TEXT_TOOLS,
    NGX_LLM_TEXT_TOOL,
    NGX_LLM_TEXT_FUNCTION,
    NGX_LLM_TEXT_ERROR,
    NGX_LLM_TEXT_WORDS                  /* and all behind it */
};


static void ngx_llm_openai_text_line(ngx_llm_openai_text_t *t);
static void ngx_llm_openai_text_words(void *data, ngx_uint_t id,
    const ngx_llm_json_value_t *v);


static const ngx_llm_json_watch_t  ngx_llm_openai_text_watch[] = {
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "choices"),
    ngx_llm_json_element(NGX_LLM_TEXT_CHOICES),
    ngx_llm_json_member(NGX_LLM_TEXT_CHOICE, "delta"),
    ngx_llm_json_member(NGX_LLM_TEXT_DELTA, "tool_calls"),
    ngx_llm_json_element(NGX_LLM_TEXT_TOOLS),
    ngx_llm_json_member(NGX_LLM_TEXT_TOOL, "function"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "error"),

    ngx_llm_json_member(NGX_LLM_TEXT_FUNCTION, "name"),
    ngx_llm_json_member(NGX_LLM_TEXT_FUNCTION, "arguments"),
    ngx_llm_json_member(NGX_LLM_TEXT_CHOICE, "text"),
    ngx_llm_json_member(NGX_LLM_TEXT_DELTA, "content"),
    ngx_llm_json_member(NGX_LLM_TEXT_DELTA, "refusal"),
    ngx_llm_json_member(NGX_LLM_TEXT_DELTA, "reasoning_content"),
    ngx_llm_json_member(NGX_LLM_TEXT_ERROR, "message"),

    /* of responses */
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "delta")
};


void
ngx_llm_openai_text_init(ngx_llm_openai_text_t *t, ngx_llm_excerpt_t *excerpt)
{
    t->excerpt = excerpt;
    t->state = 0;

    ngx_llm_openai_text_line(t);
}


/* an event of more than one line of data is of no dialect that is known */

static void
ngx_llm_openai_text_line(ngx_llm_openai_text_t *t)
{
    ngx_llm_json_init(&t->json, ngx_llm_openai_text_watch,
                      sizeof(ngx_llm_openai_text_watch)
                      / sizeof(ngx_llm_json_watch_t),
                      t->text, sizeof(t->text), ngx_llm_openai_text_words, t);
}


void
ngx_llm_openai_text_feed(ngx_llm_openai_text_t *t, const u_char *p, size_t n)
{
    const u_char  *eol, *last;

    static const u_char  data[] = "data:";

    for (last = p + n; p < last; p = eol) {

        for (eol = p; eol < last && *eol != LF && *eol != CR; eol++) {

            if (t->state < NGX_LLM_TEXT_DATA) {
                t->state = (*eol == data[t->state]) ? t->state + 1
                                                    : NGX_LLM_TEXT_SKIP;
                p = eol + 1;
            }
        }

        if (t->state == NGX_LLM_TEXT_DATA) {
            (void) ngx_llm_json_feed(&t->json, p, eol - p);
        }

        if (eol < last) {
            t->state = 0;
            ngx_llm_openai_text_line(t);
            eol++;
        }
    }
}


static void
ngx_llm_openai_text_words(void *data, ngx_uint_t id,
    const ngx_llm_json_value_t *v)
{
    ngx_llm_openai_text_t  *t = data;

    if (id < NGX_LLM_TEXT_WORDS || v->kind != NGX_LLM_JSON_STRING) {
        return;
    }

    ngx_llm_excerpt_feed(t->excerpt, v->text.data, v->text.len);

    if (v->truncated) {
        t->excerpt->cut = 1;
    }
}
