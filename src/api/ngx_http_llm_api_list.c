
/*
 * A list is sent in parts.  A part is made of rows for up to 1 ms or 32 KB;
 * the next one when this one is gone, and other events had their turn.
 */


#include "ngx_http_llm_api_list.h"
#include "ngx_http_llm_api_input.h"


#define NGX_HTTP_LLM_API_LIMIT      100
#define NGX_HTTP_LLM_API_LIMIT_MAX  10000
#define NGX_HTTP_LLM_API_PART       (32 * 1024)
#define NGX_HTTP_LLM_API_PART_US    1000


typedef struct {
    ngx_http_llm_api_rows_t  rows;
    ngx_uint_t               i;         /* the next place */
    ngx_uint_t               left;      /* rows that may follow */
    ngx_uint_t               total;
    u_char                  *text;      /* of the present part: malloc()ed */
    size_t                   len;
    size_t                   size;
    ngx_buf_t               *buf;       /* it, on its way */
    unsigned                 any:1;     /* a row was made */
    unsigned                 done:1;    /* all was made */
} ngx_http_llm_api_list_t;


static ngx_int_t ngx_http_llm_api_list_args(ngx_http_llm_api_t *api,
    ngx_http_llm_api_list_t *list);
static ngx_int_t ngx_http_llm_api_list_arg(ngx_http_llm_api_t *api,
    const char *name, ngx_uint_t max, ngx_uint_t *value);
static ngx_uint_t ngx_http_llm_api_list_total(
    const ngx_http_llm_api_rows_t *rows);
static void ngx_http_llm_api_list_cleanup(void *data);
static void ngx_http_llm_api_list_begin(ngx_http_llm_api_t *api);
static void ngx_http_llm_api_list_writer(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_api_list_send(ngx_http_request_t *r,
    ngx_http_llm_api_list_t *list);
static ngx_int_t ngx_http_llm_api_list_part(ngx_http_llm_api_t *api,
    ngx_http_llm_api_list_t *list);
static ngx_int_t ngx_http_llm_api_list_row(ngx_http_llm_api_t *api,
    ngx_http_llm_api_list_t *list);
static ngx_int_t ngx_http_llm_api_list_end(ngx_http_llm_api_list_t *list);
static int ngx_http_llm_api_list_add(const char *text, size_t n, void *data);
static uint64_t ngx_http_llm_api_list_now(void);


void
ngx_http_llm_api_list(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_rows_t *rows)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_llm_api_list_t  *list;

    cln = ngx_pool_cleanup_add(api->request->pool,
                               sizeof(ngx_http_llm_api_list_t));
    if (cln == NULL) {
        ngx_http_finalize_request(api->request,
                                  NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    list = cln->data;

    ngx_memzero(list, sizeof(ngx_http_llm_api_list_t));

    cln->handler = ngx_http_llm_api_list_cleanup;

    list->rows = *rows;
    api->list = list;

    if (ngx_http_llm_api_list_args(api, list) != NGX_OK) {
        return;
    }

    list->total = ngx_http_llm_api_list_total(rows);

    ngx_http_llm_api_list_begin(api);
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


static void
ngx_http_llm_api_list_cleanup(void *data)
{
    ngx_http_llm_api_list_t  *list = data;

    free(list->text);
}


static void
ngx_http_llm_api_list_begin(ngx_http_llm_api_t *api)
{
    ngx_int_t                 rc;
    ngx_http_request_t       *r;
    ngx_http_llm_api_list_t  *list;

    r = api->request;
    list = api->list;

    list->buf = ngx_calloc_buf(r->pool);

    if (list->buf == NULL || ngx_http_llm_api_headers(api) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    r->headers_out.status = NGX_HTTP_OK;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    r->write_event_handler = ngx_http_llm_api_list_writer;

    ngx_http_llm_api_list_writer(r);
}


static void
ngx_http_llm_api_list_writer(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_event_t               *wev;
    ngx_http_llm_ctx_t        *ctx;
    ngx_http_llm_api_t        *api;
    ngx_http_core_loc_conf_t  *clcf;

    ctx = ngx_http_llm_ctx(r);
    api = ctx->api;
    wev = r->connection->write;

    if (wev->timedout) {
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    rc = ngx_http_llm_api_list_send(r, api->list);

    if (rc != NGX_AGAIN) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    if (wev->timer_set && !wev->delayed) {
        ngx_del_timer(wev);
    }

    if (!r->buffered && !r->connection->buffered && !wev->delayed) {

        /* it takes more: others first */

        ngx_post_event(wev, &ngx_posted_next_events);
        return;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


/* NGX_AGAIN: not all is out; otherwise how it ended */

static ngx_int_t
ngx_http_llm_api_list_send(ngx_http_request_t *r,
    ngx_http_llm_api_list_t *list)
{
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_llm_ctx_t  *ctx;

    b = list->buf;
    ctx = ngx_http_llm_ctx(r);

    if (ngx_buf_size(b) || list->done) {

        /* what is under way goes on */

        if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
            return NGX_ERROR;
        }

        return (ngx_buf_size(b) == 0 && list->done) ? NGX_OK : NGX_AGAIN;
    }

    if (ngx_http_llm_api_list_part(ctx->api, list) != NGX_OK) {
        return NGX_ERROR;
    }

    b->pos = list->text;
    b->last = list->text + list->len;
    b->memory = 1;
    b->flush = !list->done;
    b->last_buf = list->done;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    if (ngx_http_output_filter(r, &out) == NGX_ERROR) {
        return NGX_ERROR;
    }

    return (ngx_buf_size(b) == 0 && list->done) ? NGX_OK : NGX_AGAIN;
}


static ngx_int_t
ngx_http_llm_api_list_part(ngx_http_llm_api_t *api,
    ngx_http_llm_api_list_t *list)
{
    uint64_t  until;

    list->len = 0;

    if (!list->any
        && ngx_http_llm_api_list_add("{\"data\":[", sizeof("{\"data\":[") - 1,
                                     list)
           != 0)
    {
        return NGX_ERROR;
    }

    until = ngx_http_llm_api_list_now() + NGX_HTTP_LLM_API_PART_US;

    while (list->left && list->i < list->rows.n) {

        if (ngx_http_llm_api_list_row(api, list) != NGX_OK) {
            return NGX_ERROR;
        }

        if (list->len >= NGX_HTTP_LLM_API_PART
            || ngx_http_llm_api_list_now() >= until)
        {
            return NGX_OK;
        }
    }

    list->done = 1;

    return ngx_http_llm_api_list_end(list);
}


/* looks at one place */

static ngx_int_t
ngx_http_llm_api_list_row(ngx_http_llm_api_t *api,
    ngx_http_llm_api_list_t *list)
{
    int       rc;
    json_t   *row;
    uint32_t  i;

    i = (uint32_t) list->i++;

    if (list->rows.id && list->rows.id[i] == 0) {
        return NGX_OK;
    }

    row = list->rows.row(api, i);
    if (row == NULL) {
        return NGX_OK;
    }

    rc = list->any ? ngx_http_llm_api_list_add(",", 1, list) : 0;

    if (rc == 0) {
        rc = json_dump_callback(row, ngx_http_llm_api_list_add, list,
                                JSON_COMPACT);
    }

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

    return ngx_http_llm_api_list_add((char *) text, p - text, list);
}


/* of jansson's type: 0, or -1 */

static int
ngx_http_llm_api_list_add(const char *text, size_t n, void *data)
{
    ngx_http_llm_api_list_t  *list = data;

    size_t   size;
    u_char  *p;

    if (n > list->size - list->len) {
        size = 2 * (list->len + n) + NGX_HTTP_LLM_API_PART;

        p = realloc(list->text, size);
        if (p == NULL) {
            return -1;
        }

        list->text = p;
        list->size = size;
    }

    ngx_memcpy(list->text + list->len, text, n);
    list->len += n;

    return 0;
}


/* us, of a clock that only goes forward */

static uint64_t
ngx_http_llm_api_list_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
