
/*
 * The text of one of OpenAI's event streams, piece by piece: of chat,
 * completions and responses.
 */


#ifndef _NGX_LLM_OPENAI_TEXT_H_INCLUDED_
#define _NGX_LLM_OPENAI_TEXT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_json.h"
#include "ngx_llm_excerpt.h"


/* of one event not more is kept */
#define NGX_LLM_OPENAI_TEXT  4096


typedef struct {
    ngx_llm_excerpt_t      *excerpt;
    ngx_uint_t              state;      /* bytes of "data:", or beyond */
    ngx_llm_json_t          json;
    u_char                  text[NGX_LLM_OPENAI_TEXT];
} ngx_llm_openai_text_t;


/* Makes it ready for a new stream; its text goes to the excerpt. */
void ngx_llm_openai_text_init(ngx_llm_openai_text_t *t,
    ngx_llm_excerpt_t *excerpt);

/* Takes the next n bytes of the stream, cut anywhere. */
void ngx_llm_openai_text_feed(ngx_llm_openai_text_t *t, const u_char *p,
    size_t n);


#endif /* _NGX_LLM_OPENAI_TEXT_H_INCLUDED_ */
