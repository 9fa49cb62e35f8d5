
/*
 * The headers of a client's request, one after the other: of a name that may
 * be there more than once each caller knows best which one counts.
 *
 *     for (h = ngx_http_llm_header_first(r, &walk);
 *          h;
 *          h = ngx_http_llm_header_next(&walk))
 *     {
 *         if (ngx_http_llm_header_is(h, "x-request-id")) {
 */


#ifndef _NGX_HTTP_LLM_HEADER_H_INCLUDED_
#define _NGX_HTTP_LLM_HEADER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* where a walk is; nothing of it needs to be freed */

typedef struct {
    const ngx_list_part_t  *part;
    ngx_table_elt_t        *h;
    ngx_table_elt_t        *end;        /* of this part */
} ngx_http_llm_walk_t;


/* Is this its name?  The text is a literal in lower case. */
#define ngx_http_llm_header_is(h, text)                                       \
    ((h)->key.len == sizeof(text) - 1                                         \
     && ngx_memcmp((h)->lowcase_key, text, sizeof(text) - 1) == 0)


static ngx_inline ngx_table_elt_t *
ngx_http_llm_header_part(ngx_http_llm_walk_t *walk,
    const ngx_list_part_t *part)
{
    while (part && part->nelts == 0) {
        part = part->next;
    }

    if (part == NULL) {
        return NULL;
    }

    walk->part = part;
    walk->h = part->elts;
    walk->end = walk->h + part->nelts;

    return walk->h;
}


/*
 * The request's first header, or NULL: begins a walk, during which none may be
 * added.  They come in the order in which the client sent them.
 */
static ngx_inline ngx_table_elt_t *
ngx_http_llm_header_first(ngx_http_request_t *r, ngx_http_llm_walk_t *walk)
{
    return ngx_http_llm_header_part(walk, &r->headers_in.headers.part);
}


/* The one after it, or NULL: then the walk has ended. */
static ngx_inline ngx_table_elt_t *
ngx_http_llm_header_next(ngx_http_llm_walk_t *walk)
{
    if (++walk->h != walk->end) {
        return walk->h;
    }

    return ngx_http_llm_header_part(walk, walk->part->next);
}


#endif /* _NGX_HTTP_LLM_HEADER_H_INCLUDED_ */
