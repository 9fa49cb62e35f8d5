
#include "ngx_http_llm_api_export.h"
#include "ngx_http_llm_api_pages.h"
#include "ngx_http_llm_api_stream.h"


/* rows that are fetched at a time */
#define NGX_HTTP_LLM_EXPORT_PAGE  200

/* the longest number, with its comma */
#define NGX_HTTP_LLM_EXPORT_NUMBER  (NGX_INT64_LEN + 1)


typedef struct ngx_http_llm_export_s  ngx_http_llm_export_t;

typedef struct {
    const char             *name;
    ngx_str_t               type;
    ngx_int_t             (*begin)(ngx_http_llm_export_t *export);
    ngx_int_t             (*row)(ngx_http_llm_export_t *export,
                                 ngx_str_t *row);
    ngx_int_t             (*end)(ngx_http_llm_export_t *export);
} ngx_http_llm_export_format_t;


struct ngx_http_llm_export_s {
    ngx_http_llm_api_stream_t  stream;
    const ngx_http_llm_export_format_t  *format;
    ngx_http_llm_api_pages_t  *pages;
    ngx_uint_t              i;          /* the next row of the page */
    ngx_uint_t              left;       /* rows that may follow */
    ngx_uint_t              rows;       /* there were */
    unsigned                begun:1;
};


static const ngx_http_llm_export_format_t *ngx_http_llm_export_format(
    ngx_http_llm_api_t *api);
static void ngx_http_llm_export_first(ngx_http_llm_api_t *api);
static void ngx_http_llm_export_next(ngx_http_llm_api_t *api);
static ngx_int_t ngx_http_llm_export_name(ngx_http_llm_api_t *api,
    const char *format);
static ngx_int_t ngx_http_llm_export_part(ngx_http_llm_api_stream_t *stream);
static ngx_int_t ngx_http_llm_export_json_begin(ngx_http_llm_export_t *export);
static ngx_int_t ngx_http_llm_export_json_row(ngx_http_llm_export_t *export,
    ngx_str_t *row);
static ngx_int_t ngx_http_llm_export_json_end(ngx_http_llm_export_t *export);
static ngx_int_t ngx_http_llm_export_csv_begin(ngx_http_llm_export_t *export);
static ngx_int_t ngx_http_llm_export_csv_row(ngx_http_llm_export_t *export,
    ngx_str_t *row);
static ngx_int_t ngx_http_llm_export_csv_end(ngx_http_llm_export_t *export);
static ngx_int_t ngx_http_llm_export_cell(ngx_http_llm_export_t *export,
    json_t *value);
static ngx_int_t ngx_http_llm_export_text(ngx_http_llm_export_t *export,
    json_t *value);
static ngx_uint_t ngx_http_llm_export_formula(const char *text);


static const ngx_http_llm_export_format_t  ngx_http_llm_export_formats[] = {
    { "json", ngx_string("application/json"), ngx_http_llm_export_json_begin,
      ngx_http_llm_export_json_row, ngx_http_llm_export_json_end },
    { "csv", ngx_string("text/csv; charset=utf-8; header=present"),
      ngx_http_llm_export_csv_begin, ngx_http_llm_export_csv_row,
      ngx_http_llm_export_csv_end }
};


static const char  *ngx_http_llm_export_columns[] = {
    "id", "time", "request_id", "router", "endpoint", "model",
    "requested_model", "node", "node_id", "key", "client_ip", "stream",
    "status", "http_status", "error_code", "duration_ms", "ttft_ms",
    "queue_ms", "attempts", "prompt_tokens", "completion_tokens",
    "total_tokens", "estimated", "request_bytes", "response_bytes", NULL
};


void
ngx_http_llm_api_export(ngx_http_llm_api_t *api)
{
    ngx_str_t                            text;
    ngx_http_llm_export_t               *export;
    const ngx_http_llm_export_format_t  *format;

    format = ngx_http_llm_export_format(api);
    if (format == NULL) {
        return;
    }

    export = ngx_pcalloc(api->request->pool, sizeof(ngx_http_llm_export_t));
    if (export == NULL) {
        ngx_http_llm_api_reply(api, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
        return;
    }

    export->pages = ngx_http_llm_api_pages(api, NGX_MAX_INT32_VALUE);
    if (export->pages == NULL) {
        return;
    }

    /* all of them, where nothing else is said */

    export->left = NGX_MAX_INT32_VALUE;

    if (ngx_http_arg(api->request, (u_char *) "limit", 5, &text) == NGX_OK) {
        export->left = export->pages->query.limit;
    }

    export->format = format;
    export->stream.part = ngx_http_llm_export_part;
    export->stream.type = format->type;
    export->pages->query.limit = NGX_HTTP_LLM_EXPORT_PAGE;

    api->stream = &export->stream;

    ngx_http_llm_api_page(export->pages, ngx_http_llm_export_first);
}


/* NULL: the request was ended with an error */

static const ngx_http_llm_export_format_t *
ngx_http_llm_export_format(ngx_http_llm_api_t *api)
{
    ngx_str_t    text;
    ngx_uint_t   i;
    const char  *name;

    if (ngx_http_arg(api->request, (u_char *) "format", 6, &text) != NGX_OK) {
        return &ngx_http_llm_export_formats[0];
    }

    for (i = 0; i < 2; i++) {
        name = ngx_http_llm_export_formats[i].name;

        if (text.len == ngx_strlen(name)
            && ngx_strncmp(text.data, name, text.len) == 0)
        {
            return &ngx_http_llm_export_formats[i];
        }
    }

    ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value", "format",
                          "\"format\" must be json or csv");
    return NULL;
}


/* until here it may still fail with an error that says why */

static void
ngx_http_llm_export_first(ngx_http_llm_api_t *api)
{
    ngx_http_llm_export_t  *export;

    export = (ngx_http_llm_export_t *) api->stream;

    if (export->pages->stale) {
        ngx_http_llm_api_fail(api, NGX_HTTP_SERVICE_UNAVAILABLE,
                              "history_unavailable", NULL,
                              "Redis is away, so the history is not whole and "
                              "was not exported. Try again when it is back; "
                              "/api/history shows what is in memory");
        return;
    }

    if (ngx_http_llm_export_name(api, export->format->name) != NGX_OK) {
        ngx_http_llm_api_reply(api, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
        return;
    }

    ngx_http_llm_api_stream(api, &export->stream);
}


static void
ngx_http_llm_export_next(ngx_http_llm_api_t *api)
{
    ngx_http_llm_export_t  *export;

    export = (ngx_http_llm_export_t *) api->stream;
    export->i = 0;

    ngx_http_llm_api_stream_go(&export->stream);
}


/* RFC 6266: to be saved, as "history-20301231-235959.csv" */

static ngx_int_t
ngx_http_llm_export_name(ngx_http_llm_api_t *api, const char *format)
{
    ngx_tm_t   tm;
    ngx_str_t  value;

    value.data = ngx_pnalloc(api->request->pool, 80);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    ngx_gmtime(ngx_time(), &tm);

    value.len = ngx_sprintf(value.data, "attachment; filename=\"history-"
                            "%4d%02d%02d-%02d%02d%02d.%s\"",
                            tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                            tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec,
                            format)
                - value.data;

    return ngx_http_llm_api_header(api, "content-disposition", &value);
}


static ngx_int_t
ngx_http_llm_export_part(ngx_http_llm_api_stream_t *stream)
{
    ngx_http_llm_export_t  *export = (ngx_http_llm_export_t *) stream;

    ngx_str_t                  row;
    ngx_http_llm_api_pages_t  *pages;

    pages = export->pages;

    if (!export->begun) {
        export->begun = 1;

        if (export->format->begin(export) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (pages->stale) {
        ngx_log_error(NGX_LOG_ERR, stream->api->request->connection->log, 0,
                      "llm api: an export broke off after %ui records: %s",
                      export->rows, pages->stale);
        return NGX_ERROR;
    }

    while (export->i < pages->query.nrows && export->left) {

        if (ngx_http_llm_api_stream_full(stream)) {
            return NGX_OK;
        }

        row = ngx_http_llm_api_page_row(pages, export->i);

        if (export->format->row(export, &row) != NGX_OK) {
            return NGX_ERROR;
        }

        export->i++;
        export->rows++;
        export->left--;
    }

    if (pages->query.next && export->left) {
        ngx_http_llm_api_page(pages, ngx_http_llm_export_next);
        return NGX_AGAIN;
    }

    return (export->format->end(export) == NGX_OK) ? NGX_DONE : NGX_ERROR;
}


static ngx_int_t
ngx_http_llm_export_json_begin(ngx_http_llm_export_t *export)
{
    return ngx_http_llm_api_stream_add("{\"data\":[\n", 10, &export->stream);
}


static ngx_int_t
ngx_http_llm_export_json_row(ngx_http_llm_export_t *export, ngx_str_t *row)
{
    if (export->rows) {
        ngx_http_llm_api_stream_add(",\n", 2, &export->stream);
    }

    return ngx_http_llm_api_stream_add((char *) row->data, row->len,
                                       &export->stream);
}


/* who finds the total knows that it is whole */

static ngx_int_t
ngx_http_llm_export_json_end(ngx_http_llm_export_t *export)
{
    u_char  text[sizeof("\n],\"total\":}\n") + NGX_INT64_LEN], *p;

    p = ngx_sprintf(text, "\n],\"total\":%ui}\n", export->rows);

    return ngx_http_llm_api_stream_add((char *) text, p - text,
                                       &export->stream);
}


/* RFC 4180 */

static ngx_int_t
ngx_http_llm_export_csv_begin(ngx_http_llm_export_t *export)
{
    const char                 **name;
    ngx_http_llm_api_stream_t   *stream;

    stream = &export->stream;

    for (name = ngx_http_llm_export_columns; *name; name++) {
        ngx_http_llm_api_stream_add(*name, ngx_strlen(*name), stream);
        ngx_http_llm_api_stream_add(name[1] ? "," : "\r\n", name[1] ? 1 : 2,
                                    stream);
    }

    return NGX_OK;
}


/* without its bodies: nobody wants them in a table */

static ngx_int_t
ngx_http_llm_export_csv_row(ngx_http_llm_export_t *export, ngx_str_t *row)
{
    size_t        n;
    json_t       *record;
    ngx_int_t     rc;
    const char  **name;

    n = ngx_http_llm_api_page_short(row);
    row->data[n] = '}';

    record = json_loadb((char *) row->data, n + 1, 0, NULL);

    if (!json_is_object(record)) {
        ngx_log_error(NGX_LOG_ERR,
                      export->stream.api->request->connection->log, 0,
                      "llm api: an export broke off: a record in Redis is no "
                      "JSON object");
        json_decref(record);
        return NGX_ERROR;
    }

    rc = NGX_OK;

    for (name = ngx_http_llm_export_columns; *name && rc == NGX_OK; name++) {
        rc = ngx_http_llm_export_cell(export, json_object_get(record, *name));
    }

    json_decref(record);

    /* the end of the line is in place of the last comma */

    export->stream.len--;

    ngx_http_llm_api_stream_add("\r\n", 2, &export->stream);

    return rc;
}


static ngx_int_t
ngx_http_llm_export_csv_end(ngx_http_llm_export_t *export)
{
    return NGX_OK;
}


/* with a comma; null and what is not there are empty */

static ngx_int_t
ngx_http_llm_export_cell(ngx_http_llm_export_t *export, json_t *value)
{
    u_char  text[NGX_HTTP_LLM_EXPORT_NUMBER], *p;

    if (json_is_string(value)) {
        return ngx_http_llm_export_text(export, value);
    }

    p = text;

    if (json_is_integer(value)) {
        p = ngx_sprintf(p, "%L", (int64_t) json_integer_value(value));

    } else if (json_is_boolean(value)) {
        p = ngx_sprintf(p, "%s", json_is_true(value) ? "true" : "false");
    }

    *p++ = ',';

    return ngx_http_llm_api_stream_add((char *) text, p - text,
                                       &export->stream);
}


/* always in quotes: a program may take ";" to separate cells, too */

static ngx_int_t
ngx_http_llm_export_text(ngx_http_llm_export_t *export, json_t *value)
{
    u_char                     *p;
    const char                 *text, *end;
    ngx_http_llm_api_stream_t  *stream;

    stream = &export->stream;

    text = json_string_value(value);
    end = text + json_string_length(value);

    p = ngx_http_llm_api_stream_room(stream, 2 * (end - text)
                                             + sizeof("\"'\","));
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p++ = '"';

    if (ngx_http_llm_export_formula(text)) {
        *p++ = '\'';
    }

    for ( /* void */ ; text < end; text++) {

        if (*text == '"') {
            *p++ = '"';
        }

        *p++ = *text;
    }

    *p++ = '"';
    *p++ = ',';

    stream->len = p - stream->text;

    return NGX_OK;
}


/*
 * Spreadsheets run a text that begins so, in quotes or not (OWASP, "CSV
 * Injection"); the last ones are the wide forms of the first four.
 */

static ngx_uint_t
ngx_http_llm_export_formula(const char *text)
{
    ngx_uint_t  i;

    static const char  *wide[] = {
        "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"
    };

    if (*text && strchr("=+-@\t\r\n", *text)) {
        return 1;
    }

    for (i = 0; i < 4; i++) {
        if (ngx_strncmp(text, wide[i], 3) == 0) {
            return 1;
        }
    }

    return 0;
}
