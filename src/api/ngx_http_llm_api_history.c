
#include "ngx_http_llm_api_history.h"
#include "ngx_http_llm_api_pages.h"
#include "ngx_llm_text.h"


static void ngx_http_llm_api_history_page(ngx_http_llm_api_t *api);
static void ngx_http_llm_api_history_record(ngx_http_llm_api_t *api);


void
ngx_http_llm_api_history(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_pages_t  *pages;

    pages = ngx_http_llm_api_pages(api, NGX_LLM_QUERY_ROWS);

    if (pages) {
        ngx_http_llm_api_page(pages, ngx_http_llm_api_history_page);
    }
}


static void
ngx_http_llm_api_history_page(ngx_http_llm_api_t *api)
{
    u_char                    *text, *p;
    size_t                     n;
    ngx_str_t                  row;
    ngx_uint_t                 i;
    ngx_http_llm_api_pages_t  *pages;

    pages = api->data;

    n = pages->query.nrows
        ? pages->query.rows[pages->query.nrows] + 2 * pages->query.nrows : 0;

    text = ngx_palloc(api->request->pool, n + 1024 + 6 * sizeof(pages->why));
    if (text == NULL) {
        ngx_http_llm_api_reply(api, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
        return;
    }

    p = ngx_cpymem(text, "{\"data\":[", 9);

    for (i = 0; i < pages->query.nrows; i++) {
        row = ngx_http_llm_api_page_row(pages, i);

        if (i) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, row.data, ngx_http_llm_api_page_short(&row));
        *p++ = '}';
    }

    p = ngx_sprintf(p, "],\"total\":%uL,\"next_cursor\":",
                    pages->query.total);

    if (pages->cursor_len) {
        p = ngx_sprintf(p, "\"%*s\"", pages->cursor_len, pages->cursor);

    } else {
        p = ngx_cpymem(p, "null", 4);
    }

    p = ngx_sprintf(p, ",\"source\":\"%s\",\"stale\":",
                    pages->ring ? "ring" : "redis");

    if (pages->stale) {
        *p++ = '"';
        p = ngx_llm_json_escape(p, (u_char *) pages->stale,
                                ngx_strlen(pages->stale));
        *p++ = '"';

    } else {
        p = ngx_cpymem(p, "null", 4);
    }

    *p++ = '}';

    ngx_http_llm_api_raw(api, NGX_HTTP_OK, (char *) text, p - text);
}


void
ngx_http_llm_api_history_one(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_pages_t  *pages;

    pages = ngx_http_llm_api_pages(api, 1);

    if (pages) {
        ngx_memzero(&pages->query.filter, sizeof(ngx_llm_record_filter_t));
        pages->query.filter.id = api->id;
        pages->query.before = 0;

        ngx_http_llm_api_page(pages, ngx_http_llm_api_history_record);
    }
}


static void
ngx_http_llm_api_history_record(ngx_http_llm_api_t *api)
{
    ngx_str_t                  row;
    ngx_http_llm_api_pages_t  *pages;

    pages = api->data;

    /* Redis was asked by the hash of its id, so it is looked at once more */

    if (pages->query.nrows) {
        row = ngx_http_llm_api_page_row(pages, 0);

        if (memmem(row.data, row.len, api->id.data, api->id.len)) {
            ngx_http_llm_api_raw(api, NGX_HTTP_OK, (char *) row.data,
                                  row.len);
            return;
        }
    }

    ngx_http_llm_api_fail(api, NGX_HTTP_NOT_FOUND, "not_found", NULL,
                          "There is no such request in the history%s",
                          pages->stale ? ", as far as it can be seen while "
                          "Redis is away" : "");
}
