
/*
 * Finds the token counts in the bytes of an answer, JSON or an event stream,
 * as they pass by in slices cut anywhere.  It does not parse: it looks for the
 * name "usage" with an object behind it and reads that object's members.
 */


#ifndef _NGX_LLM_USAGE_H_INCLUDED_
#define _NGX_LLM_USAGE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* a longer object is given up */
#define NGX_LLM_USAGE_OBJECT  2048

/* counts are cut to what a JSON number holds exactly */
#define NGX_LLM_USAGE_MAX     ((int64_t) 1 << 53)

#define NGX_LLM_USAGE_NAME    20


typedef struct {
    /* what was seen last, -1: not at all */
    int64_t   prompt;         /* prompt_tokens or input_tokens */
    int64_t   completion;     /* completion_tokens or output_tokens */
    int64_t   total;          /* total_tokens */

    /* of the object that is open */
    int64_t   value;
    int64_t   counts[3];
    uint32_t  left;           /* bytes it may still have */
    uint16_t  depth;
    u_char    len;            /* of the name */
    u_char    name[NGX_LLM_USAGE_NAME];

    u_char    state;
    u_char    matched;        /* bytes of the needle that ended the slice */
    unsigned  found:1;        /* a usage object with a count was complete */
    unsigned  backslash:1;    /* the slice before ended with one */
} ngx_llm_usage_t;


/* Makes u ready for a new answer. */
void ngx_llm_usage_init(ngx_llm_usage_t *u);

/*
 * Takes the next n bytes.  When a usage object ends, its counts replace those
 * of an earlier one; a count that it lacks is kept.  Anything odd is skipped.
 */
void ngx_llm_usage_feed(ngx_llm_usage_t *u, const u_char *p, size_t n);


#endif /* _NGX_LLM_USAGE_H_INCLUDED_ */
