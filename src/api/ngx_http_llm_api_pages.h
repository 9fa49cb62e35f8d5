
/*
 * Pages of the history, newest first: out of Redis while it is there,
 * otherwise out of the ring in shared memory, which says so.
 */


#ifndef _NGX_HTTP_LLM_API_PAGES_H_INCLUDED_
#define _NGX_HTTP_LLM_API_PAGES_H_INCLUDED_


#include "ngx_http_llm_api.h"
#include "ngx_llm_query.h"


typedef struct {
    ngx_llm_query_t         query;      /* what is asked; the rows, too */
    ngx_http_llm_api_t     *api;
    ngx_http_llm_api_pt     then;
    u_char                  cursor[2 * NGX_INT64_LEN];  /* of the next page */
    size_t                  cursor_len; /* 0: there is none */
    const char             *stale;      /* why it is not Redis, or NULL */
    char                    why[192];
    unsigned                ring:1;     /* where the rows are from */

    /* its own: the ring is looked at some records at a time */

    ngx_event_t             look;
    uint64_t                number;     /* down to here, so far */
    ngx_llm_record_t       *record;     /* room for one */
} ngx_http_llm_api_pages_t;


/*
 * Made for the request, by its arguments model=, node=, key=, status=, from=,
 * to=, limit= (up to max) and cursor=.  NULL: the request was ended with an
 * error.
 */
ngx_http_llm_api_pages_t *ngx_http_llm_api_pages(ngx_http_llm_api_t *api,
    ngx_uint_t max);

/*
 * Fetches a page, the one after it when called again.  then() follows, never
 * out of this call.
 */
void ngx_http_llm_api_page(ngx_http_llm_api_pages_t *pages,
    ngx_http_llm_api_pt then);

/* The i-th row: a JSON object, with its bodies. */
ngx_str_t ngx_http_llm_api_page_row(ngx_http_llm_api_pages_t *pages,
    ngx_uint_t i);

/* How much of it stands before its bodies; a brace is to follow. */
size_t ngx_http_llm_api_page_short(const ngx_str_t *row);


#endif /* _NGX_HTTP_LLM_API_PAGES_H_INCLUDED_ */
