
/*
 * The OpenAI dialect: which URLs there are, what a request must hold, and
 * what the router changes in it.  Pure.
 */


#ifndef _NGX_LLM_OPENAI_H_INCLUDED_
#define _NGX_LLM_OPENAI_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_json.h"


/* bytes of a model's name */
#define NGX_LLM_MODEL_NAME  256


typedef enum {
    NGX_LLM_GENERIC = 0,        /* any other POST with a model */
    NGX_LLM_CHAT,
    NGX_LLM_COMPLETIONS,
    NGX_LLM_EMBEDDINGS,
    NGX_LLM_RESPONSES,
    NGX_LLM_MODELS,             /* the router answers these itself */
    NGX_LLM_MODEL
} ngx_llm_endpoint_e;


typedef struct {
    ngx_str_t           path;       /* after /v1/ */
    ngx_uint_t          endpoint;
    unsigned            known:1;    /* a URL of OpenAI's */
    unsigned            usage:1;    /* streams take stream_options */
    unsigned            done:1;     /* streams end with [DONE] */
    unsigned            deltas:1;   /* their events are named, text is deltas */
} ngx_llm_url_t;


/* members of a request that the router looks at */

typedef enum {
    NGX_LLM_IN_MODEL = 0,
    NGX_LLM_IN_STREAM,
    NGX_LLM_IN_OPTIONS,
    NGX_LLM_IN_MESSAGES,
    NGX_LLM_IN_PROMPT,
    NGX_LLM_IN_INPUT,
    NGX_LLM_IN_MAX_TOKENS,
    NGX_LLM_IN_MAX_COMPLETION,
    NGX_LLM_IN_MAX_OUTPUT,
    NGX_LLM_IN_USAGE,           /* of the options: apart from the root's */
    NGX_LLM_IN_MAX
} ngx_llm_in_e;

extern const ngx_llm_json_watch_t  ngx_llm_openai_watch[NGX_LLM_IN_MAX];


/* where a value stands in the body */

typedef struct {
    off_t               start;
    off_t               end;
    ngx_uint_t          count;      /* of an array's or object's items */
    ngx_uint_t          kind;       /* ngx_llm_json_kind_e */
} ngx_llm_place_t;


/* what is known of a request; the last of equal members counts */

typedef struct {
    size_t              model_len;
    unsigned            model_cut:1;    /* it was longer */
    unsigned            multipart:1;
    unsigned            stream:1;
    int64_t             max_tokens;     /* 0: not said */
    off_t               open;           /* after the root's "{" */
    ngx_llm_place_t     at_model;
    ngx_llm_place_t     options;
    ngx_llm_place_t     usage;          /* include_usage in options */
    ngx_llm_place_t     messages;
    ngx_llm_place_t     prompt;
    ngx_llm_place_t     input;
    u_char              model[NGX_LLM_MODEL_NAME];  /* need not be cleared */
} ngx_llm_facts_t;


/* a change of the body: bytes start .. end are replaced by the text */

typedef struct {
    off_t               start;
    off_t               end;
    ngx_str_t           text;
} ngx_llm_edit_t;

#define NGX_LLM_EDITS  2


/*
 * The URL of a path after "/v1/"; a generic one when it is not known.  For
 * NGX_LLM_MODEL the rest of the path, after "models/", is the model's name.
 */
const ngx_llm_url_t *ngx_llm_openai_url(const u_char *path, size_t n);

/* For the scanner: data is a ngx_llm_facts_t. */
void ngx_llm_openai_value(void *data, ngx_uint_t id,
    const ngx_llm_json_value_t *v);

/* What is wrong with a request, as a row of the errors, or NONE. */
ngx_uint_t ngx_llm_openai_check(const ngx_llm_url_t *url,
    const ngx_llm_facts_t *facts);

/* Does the request ask for usage on its stream itself? */
ngx_uint_t ngx_llm_openai_asks_usage(const ngx_llm_facts_t *facts);

/* The edit that makes a node tell usage on a stream. */
void ngx_llm_openai_ask_usage(const ngx_llm_facts_t *facts,
    ngx_llm_edit_t *edit);


#endif /* _NGX_LLM_OPENAI_H_INCLUDED_ */
