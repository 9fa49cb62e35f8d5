
/*
 * The beginning of a text that passes by in slices cut anywhere, without what
 * nobody wants to keep: payloads in base64 are replaced by their length, keys
 * of the form sk-... by a word.  Pure.
 */


#ifndef _NGX_LLM_EXCERPT_H_INCLUDED_
#define _NGX_LLM_EXCERPT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* so many characters of base64 in a row are a payload, so many may be a key */
#define NGX_LLM_EXCERPT_BASE64  256
#define NGX_LLM_EXCERPT_KEY     20


typedef struct {
    u_char             *text;       /* the caller's */
    size_t              size;
    size_t              len;

    /* a run of characters of base64 */
    uint64_t            run;        /* how many so far */
    uint64_t            line;       /* of them since its last line end */
    size_t              start;      /* where it begins in text */

    unsigned            escape:1;   /* a backslash is to be put yet */
    unsigned            over:1;     /* not all of the run is in text */
    unsigned            cut:1;      /* there was more than size */
} ngx_llm_excerpt_t;


/* Makes it ready for a new text, of which up to size bytes are kept. */
void ngx_llm_excerpt_init(ngx_llm_excerpt_t *e, u_char *text, size_t size);

/* Takes the next n bytes; JSON with its escapes, or plain text. */
void ngx_llm_excerpt_feed(ngx_llm_excerpt_t *e, const u_char *p, size_t n);

/*
 * The text is over, or is looked at: what is kept is complete, and ends with
 * a whole character.
 */
void ngx_llm_excerpt_end(ngx_llm_excerpt_t *e);

/* Puts asterisks over this word, over its beginning where it was cut, too. */
void ngx_llm_excerpt_hide(ngx_llm_excerpt_t *e, const ngx_str_t *word);


#endif /* _NGX_LLM_EXCERPT_H_INCLUDED_ */
