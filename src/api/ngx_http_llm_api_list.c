
#include "ngx_http_llm_api_list.h"
#include "ngx_http_llm_api_stream.h"


#define NGX_HTTP_LLM_API_LIMIT      100
#define NGX_HTTP_LLM_API_LIMIT_MAX  10000


typedef struct {
    ngx_http_llm_api_stream_t  stream;
    ngx_http_llm_api_rows_t    rows;
    ngx_uint_t                 i;       /* the next place */
    ngx_uint_t                 left;    /* rows that may follow */
    ngx_uint_t                 total;
    unsigned                   begun:1;
    unsigned                   any:1;   /* a row was made */
} ngx_http_llm_api_list_t;


static ngx_int_t ngx_http_llm_api_list_args(ngx_http_llm_api_t *api,
    ngx_http_llm_api_list_t *list);
static ngx_int_t ngx_http_llm_api_list_arg(ngx_http_llm_api_t *api,
    const char *name, ngx_uint_t max, ngx_uint_t *value);
static ngx_uint_t ngx_http_llm_api_list_total(
    const ngx_http_llm_api_rows_t *rows);
static ngx_int_t ngx_http_llm_api_list_part(ngx_http_llm_api_stream_t *stream);
static ngx_int_t ngx_http_llm_api_list_row(ngx_http_llm_api_list_t *list);
static ngx_int_t ngx_http_llm_api_list_end(ngx_http_llm_api_list_t *list);


void
ngx_http_llm_api_list(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_rows_t *rows)
{
    ngx_http_llm_api_list_t  *list;

    list = ngx_pcalloc(api->request->pool, sizeof(ngx_http_llm_api_list_t));
    if (list == NULL) {
        ngx_http_finalize_request(api->request,
                                  NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    list->rows = *rows;
    list->stream.part = ngx_http_llm_api_list_part;

    if (ngx_http_llm_api_list_args(api, list) != NGX_OK) {
        return;
    }

    list->total = ngx_http_llm_api_list_total(rows);

    ngx_http_llm_api_stream(api, &list->stream);
}


static ngx_int_t
ngx_http_llm_api_list_args(ngx_http_llm_api_t *api,
    ngx_http_llm_api_list_t *list)
{
    list->left = NGX_HTTP_LLM_API_LIMIT;

    if (ngx_http_llm_api_list_arg(api, "limit", NGX_HTTP_LLM_API_LIMIT_MAX,
                                  &list->left)
        != NGX_OK
        || ngx_http_llm_api_list_arg(api, "cursor", NGX_MAX_INT32_VALUE,
                                     &list->i)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (list->left == 0) {
        ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value",
                              "limit", "\"limit\" must be 1 or more");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_api_list_arg(ngx_http_llm_api_t *api, const char *name,
    ngx_uint_t max, ngx_uint_t *value)
{
    ngx_int_t  n;
    ngx_str_t  text;

    if (ngx_http_arg(api->request, (u_char *) name, ngx_strlen(name), &text)
        != NGX_OK)
    {
        return NGX_OK;
    }

    n = ngx_atoi(text.data, text.len);

    if (n == NGX_ERROR || (ngx_uint_t) n > max) {
        ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value", name,
                              "\"%s\" must be a whole number up to %ui",
                              name, max);
        return NGX_ERROR;
    }

    *value = n;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llm_api_list_total(const ngx_http_llm_api_rows_t *rows)
{
    ngx_uint_t  i, n;

    if (rows->id == NULL) {
        return rows->n;
    }

    n = 0;

    for (i = 0; i < rows->n; i++) {
        n += (rows->id[i] != 0);
    }

    return n;
}


static ngx_int_t
ngx_http_llm_api_list_part(ngx_http_llm_api_stream_t *stream)
{
    ngx_http_llm_api_list_t  *list = (ngx_http_llm_api_list_t *) stream;

    if (!list->begun) {
        list->begun = 1;
        ngx_http_llm_api_stream_add("{\"data\":[", 9, stream);
    }

    while (list->left && list->i < list->rows.n) {

        if (ngx_http_llm_api_stream_full(stream)) {
            return NGX_OK;
        }

        if (ngx_http_llm_api_list_row(list) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_llm_api_list_end(list);
}


/* looks at one place */

static ngx_int_t
ngx_http_llm_api_list_row(ngx_http_llm_api_list_t *list)
{
    int       rc;
    json_t   *row;
    uint32_t  i;

    i = (uint32_t) list->i++;

    if (list->rows.id && list->rows.id[i] == 0) {
        return NGX_OK;
    }

    row = list->rows.row(list->stream.api, i);
    if (row == NULL) {
        return NGX_OK;
    }

    if (list->any) {
        ngx_http_llm_api_stream_add(",", 1, &list->stream);
    }

    rc = json_dump_callback(row, ngx_http_llm_api_stream_add, &list->stream,
                            JSON_COMPACT);

    json_decref(row);

    list->any = 1;
    list->left--;

    return (rc == 0) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_llm_api_list_end(ngx_http_llm_api_list_t *list)
{
    u_char      text[sizeof("],\"total\":,\"next_cursor\":\"\"}\n")
                     + 2 * NGX_INT64_LEN], *p;
    ngx_uint_t  i;

    p = ngx_sprintf(text, "],\"total\":%ui,\"next_cursor\":", list->total);

    /* the next place that is somebody's */

    for (i = list->i; i < list->rows.n; i++) {
        if (list->rows.id == NULL || list->rows.id[i]) {
            break;
        }
    }

    p = (i < list->rows.n) ? ngx_sprintf(p, "\"%ui\"}\n", i)
                           : ngx_sprintf(p, "null}\n");

    ngx_http_llm_api_stream_add((char *) text, p - text, &list->stream);

    return NGX_DONE;
}
