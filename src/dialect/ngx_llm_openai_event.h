
/*
 * What an event of OpenAI's streams says: a chunk of a chat or a completion.
 */


#ifndef _NGX_LLM_OPENAI_EVENT_H_INCLUDED_
#define _NGX_LLM_OPENAI_EVENT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Is this whole event a chunk that only carries usage: an object with "usage"
 * an object and "choices" an empty array, or none?  Never for an event with
 * anything in its choices; such a one is recognized cheaply.
 */
ngx_uint_t ngx_llm_openai_event_is_usage(const u_char *p, const u_char *last);

/*
 * Has this whole event choices, but nothing in them for its reader, as the one
 * with the role has that begins a stream, and the one with the reason that
 * ends it?
 */
ngx_uint_t ngx_llm_openai_event_is_mute(const u_char *p, const u_char *last);

/*
 * Does this whole event tell of an error, as engines do it in mid-stream: its
 * data begins with an "error" that is an object or a text, or it is named so?
 */
ngx_uint_t ngx_llm_openai_event_is_error(const u_char *p, const u_char *last);

/*
 * Of the Responses API: is its type one of "response.….delta"?  Nothing else
 * there has something for its reader.
 */
ngx_uint_t ngx_llm_openai_event_is_delta(const u_char *p, const u_char *last);

/* Cheap: may it be one?  Nearly all begin with "data: {" and another name. */
#define ngx_llm_openai_event_may_be_error(p, last)                            \
    ((last) - (p) > 8                                                         \
     && (ngx_memcmp(p, "data: {\"", 8) != 0 || (p)[8] == 'e'))

/* Cheap: may one that isn't the first be mute? */
#define ngx_llm_openai_event_may_be_mute(p, last)                             \
    (ngx_llm_openai_event_ends(p, last, 2)                                    \
     || ngx_llm_openai_event_ends(p, last, 4))

/* behind a text, with n bytes of line ends */
#define ngx_llm_openai_event_ends(p, last, n)                                 \
    ((last) - (p) > (n) + 4                                                   \
     && (last)[-(n) - 4] == '"' && (last)[-(n) - 3] == '}')


#endif /* _NGX_LLM_OPENAI_EVENT_H_INCLUDED_ */
