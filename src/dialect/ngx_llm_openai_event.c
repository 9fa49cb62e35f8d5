
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_openai_event.h"
#include "ngx_llm_json.h"
#include "ngx_llm_scan.h"


enum {
    NGX_LLM_EVENT_CHOICES = 0,
    NGX_LLM_EVENT_USAGE,
    NGX_LLM_EVENT_CHOICE,
    NGX_LLM_EVENT_TEXT,
    NGX_LLM_EVENT_DELTA,
    NGX_LLM_EVENT_WORDS             /* and all behind it */
};


/* what was seen in an event */

typedef struct {
    unsigned  choices:1;            /* an array with something in it */
    unsigned  usage:1;              /* an object */
    unsigned  words:1;              /* of any kind */
} ngx_llm_openai_seen_t;


static ngx_uint_t ngx_llm_openai_event_begins(const u_char *p,
    const u_char *last, const char *text);
static ngx_int_t ngx_llm_openai_event_read(const u_char *p,
    const u_char *last, ngx_llm_openai_seen_t *seen);
static void ngx_llm_openai_event_member(void *data, ngx_uint_t id,
    const ngx_llm_json_value_t *v);
static ngx_uint_t ngx_llm_openai_event_may_be_usage(const u_char *p,
    const u_char *last);
static ngx_uint_t ngx_llm_openai_event_holds_usage(const u_char *p,
    const u_char *last);
static const u_char *ngx_llm_openai_event_skip(const u_char *p,
    const u_char *last, u_char c);


static const ngx_llm_json_watch_t  ngx_llm_openai_event_watch[] = {
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "choices"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "usage"),
    ngx_llm_json_element(NGX_LLM_EVENT_CHOICES),
    ngx_llm_json_member(NGX_LLM_EVENT_CHOICE, "text"),
    ngx_llm_json_member(NGX_LLM_EVENT_CHOICE, "delta"),
    ngx_llm_json_member(NGX_LLM_EVENT_DELTA, "content"),
    ngx_llm_json_member(NGX_LLM_EVENT_DELTA, "refusal"),
    ngx_llm_json_member(NGX_LLM_EVENT_DELTA, "reasoning"),
    ngx_llm_json_member(NGX_LLM_EVENT_DELTA, "reasoning_content"),
    ngx_llm_json_member(NGX_LLM_EVENT_DELTA, "tool_calls"),
    ngx_llm_json_member(NGX_LLM_EVENT_DELTA, "function_call"),
    ngx_llm_json_member(NGX_LLM_EVENT_DELTA, "audio")
};


ngx_uint_t
ngx_llm_openai_event_is_usage(const u_char *p, const u_char *last)
{
    ngx_llm_openai_seen_t  seen;

    return ngx_llm_openai_event_may_be_usage(p, last)
           && ngx_llm_openai_event_read(p, last, &seen) == NGX_OK
           && !seen.choices
           && seen.usage
           && !ngx_llm_openai_event_is_error(p, last);
}


ngx_uint_t
ngx_llm_openai_event_is_mute(const u_char *p, const u_char *last)
{
    ngx_llm_openai_seen_t  seen;

    return ngx_llm_openai_event_read(p, last, &seen) == NGX_OK
           && seen.choices
           && !seen.words;
}


ngx_uint_t
ngx_llm_openai_event_is_error(const u_char *p, const u_char *last)
{
    static const u_char  error[] = "\"error\"";

    if (*p != 'd') {
        return ngx_llm_openai_event_begins(p, last, "event: error")
               || ngx_llm_openai_event_begins(p, last, "error:");
    }

    /* nearly all say something else behind "data: {" */

    p += sizeof("data:") - 1;
    p += (p < last && *p == ' ');

    if (last - p < (ssize_t) sizeof(error) || p[0] != '{') {
        return 0;
    }

    for (p++; p < last && *p == ' '; p++) { /* void */ }

    if (last - p < (ssize_t) sizeof(error)
        || ngx_memcmp(p, error, sizeof(error) - 1) != 0)
    {
        return 0;
    }

    p = ngx_llm_openai_event_skip(p + sizeof(error) - 1, last, ':');

    while (p && p < last && *p == ' ') {
        p++;
    }

    return p && p < last && (*p == '{' || *p == '"');
}


static ngx_uint_t
ngx_llm_openai_event_begins(const u_char *p, const u_char *last,
    const char *text)
{
    size_t  n;

    n = ngx_strlen(text);

    return (size_t) (last - p) >= n && ngx_memcmp(p, text, n) == 0;
}


ngx_uint_t
ngx_llm_openai_event_is_delta(const u_char *p, const u_char *last)
{
    const u_char  *start, *type;

    static const u_char  delta[] = ".delta\"";

    start = p;

    for ( ;; ) {
        p = ngx_llm_pair(p, last, '.', 'd');

        if (last - p < (ssize_t) sizeof(delta) - 1) {
            return 0;
        }

        if (ngx_memcmp(p, delta, sizeof(delta) - 1) == 0) {

            /* back to the quote before it: a text may end so, too */

            for (type = p;
                 type > start
                 && ((type[-1] >= 'a' && type[-1] <= 'z')
                     || type[-1] == '_' || type[-1] == '.');
                 type--)
            {
                /* void */
            }

            if (ngx_llm_openai_event_begins(type, last, "response.")
                && type > start && type[-1] == '"')
            {
                return 1;
            }
        }

        p++;
    }
}


/* NGX_DECLINED: its data is no object */

static ngx_int_t
ngx_llm_openai_event_read(const u_char *p, const u_char *last,
    ngx_llm_openai_seen_t *seen)
{
    u_char          text[sizeof("reasoning_content")];
    const u_char   *eol;
    ngx_llm_json_t  json;

    ngx_memzero(seen, sizeof(ngx_llm_openai_seen_t));

    ngx_llm_json_init(&json, ngx_llm_openai_event_watch,
                      sizeof(ngx_llm_openai_event_watch)
                      / sizeof(ngx_llm_json_watch_t),
                      text, sizeof(text), ngx_llm_openai_event_member, seen);

    for ( /* void */ ; p < last; p = eol + 1) {

        for (eol = p; eol < last && *eol != LF && *eol != CR; eol++) {
            /* void */
        }

        if (eol - p >= 5 && ngx_memcmp(p, "data:", 5) == 0
            && (ngx_llm_json_feed(&json, p + 5, eol - p - 5) != NGX_OK
                || ngx_llm_json_feed(&json, (u_char *) "\n", 1) != NGX_OK))
        {
            return NGX_DECLINED;
        }
    }

    return (ngx_llm_json_end(&json) == NGX_OK
            && json.root_kind == NGX_LLM_JSON_OBJECT) ? NGX_OK : NGX_DECLINED;
}


static void
ngx_llm_openai_event_member(void *data, ngx_uint_t id,
    const ngx_llm_json_value_t *v)
{
    ngx_llm_openai_seen_t  *seen = data;

    switch (id) {

    case NGX_LLM_EVENT_CHOICES:
        seen->choices = (v->kind == NGX_LLM_JSON_ARRAY && v->count);
        break;

    case NGX_LLM_EVENT_USAGE:
        seen->usage = (v->kind == NGX_LLM_JSON_OBJECT);
        break;

    case NGX_LLM_EVENT_CHOICE:
    case NGX_LLM_EVENT_DELTA:
        break;

    default: /* NGX_LLM_EVENT_TEXT, NGX_LLM_EVENT_WORDS, ... */
        seen->words |= (v->text.len || v->count);
    }
}


/* a quick look: is the first "choices" an empty array, or is there none? */

static ngx_uint_t
ngx_llm_openai_event_may_be_usage(const u_char *p, const u_char *last)
{
    const u_char  *start = p;

    static const u_char  choices[] = "\"choices\"";

    /* two of its letters that seldom stand together */

    for ( ;; ) {
        p = ngx_llm_pair(p, last, 'o', 'i');

        if (last - p < (ssize_t) sizeof(choices) - 4) {
            return ngx_llm_openai_event_holds_usage(start, last);
        }

        if (p - start >= 3
            && ngx_memcmp(p - 3, choices, sizeof(choices) - 1) == 0)
        {
            p += sizeof(choices) - 4;
            break;
        }

        p++;
    }

    p = ngx_llm_openai_event_skip(p, last, ':');

    if (p != NULL) {
        p = ngx_llm_openai_event_skip(p, last, '[');
    }

    if (p != NULL) {
        p = ngx_llm_openai_event_skip(p, last, ']');
    }

    return p != NULL;
}


static ngx_uint_t
ngx_llm_openai_event_holds_usage(const u_char *p, const u_char *last)
{
    static const u_char  usage[] = "\"usage\"";

    for ( ;; ) {
        p = ngx_llm_pair(p, last, '"', 'u');

        if (last - p < (ssize_t) sizeof(usage) - 1) {
            return 0;
        }

        if (ngx_memcmp(p, usage, sizeof(usage) - 1) == 0) {
            return 1;
        }

        p++;
    }
}


/* after white space and c, or NULL */

static const u_char *
ngx_llm_openai_event_skip(const u_char *p, const u_char *last, u_char c)
{
    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return (p < last && *p == c) ? p + 1 : NULL;
}
