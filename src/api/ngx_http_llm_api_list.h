
/*
 * Lists, however long: {"data":[...],"total":N,"next_cursor":...}, made in
 * parts of up to 1 ms, each sent before the next one is made.
 */


#ifndef _NGX_HTTP_LLM_API_LIST_H_INCLUDED_
#define _NGX_HTTP_LLM_API_LIST_H_INCLUDED_


#include "ngx_http_llm_api.h"


typedef struct {
    ngx_uint_t              n;          /* places to look at */
    const uint64_t         *id;         /* 0: nobody's place; NULL: all are */

    /*
     * The row of place i, or NULL: it is gone, or not of this list.  Called
     * between events, in the order of places.
     */
    json_t               *(*row)(ngx_http_llm_api_t *api, uint32_t i);
} ngx_http_llm_api_rows_t;


/* Ends the request with a list, by its arguments limit= and cursor=. */
void ngx_http_llm_api_list(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_rows_t *rows);


#endif /* _NGX_HTTP_LLM_API_LIST_H_INCLUDED_ */
