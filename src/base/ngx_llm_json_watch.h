
/*
 * The watched places of the JSON scanner: the frames of the open containers
 * whose whole path is in the table, the rows of names, the reports.  s->row
 * is the row of the value that comes, and NO_ROW wherever nobody waits for it.
 */


#ifndef _NGX_LLM_JSON_WATCH_H_INCLUDED_
#define _NGX_LLM_JSON_WATCH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_json_state.h"


/* opens the frame of the container at p, or sets s->row to NO_ROW */
void ngx_llm_json_watch_open(ngx_llm_json_t *s, const u_char *p);

/* the innermost frame ends before p; more: a value stands before the bracket */
void ngx_llm_json_watch_close(ngx_llm_json_t *s, const u_char *p,
    ngx_uint_t more);

/* sets s->row if the name is one of the innermost frame's */
void ngx_llm_json_watch_name(ngx_llm_json_t *s, ngx_llm_json_frame_t *frame,
    const u_char *name, size_t len);

/*
 * A value that somebody waits for ends before p, it began at s->start.  A
 * number's value is in s->mantissa, text is a string's decoded one.
 */
void ngx_llm_json_watch_scalar(ngx_llm_json_t *s, ngx_uint_t kind,
    const u_char *p);
void ngx_llm_json_watch_string(ngx_llm_json_t *s, const u_char *p,
    const u_char *text, size_t len, ngx_uint_t truncated);


/* the frame of the innermost container, NULL: it is not watched */

static ngx_inline ngx_llm_json_frame_t *
ngx_llm_json_frame(ngx_llm_json_t *s)
{
    return (s->level == s->depth && s->level) ? &s->frames[s->level - 1]
                                              : NULL;
}


static ngx_inline void
ngx_llm_json_scalar_end(ngx_llm_json_t *s, ngx_uint_t kind, const u_char *p)
{
    if (s->row != NGX_LLM_JSON_NO_ROW) {
        ngx_llm_json_watch_scalar(s, kind, p);
    }
}


#endif /* _NGX_LLM_JSON_WATCH_H_INCLUDED_ */
