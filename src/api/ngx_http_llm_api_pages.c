
#include "ngx_http_llm_api_pages.h"
#include "ngx_llm_time.h"


#define NGX_HTTP_LLM_API_PAGE     50

/* a look at the ring takes so many us; the clock is asked every few records */
#define NGX_HTTP_LLM_API_LOOK_US  1000
#define NGX_HTTP_LLM_API_LOOK     32

/* bytes of bodies in a page: one of large records has fewer of them */
#define NGX_HTTP_LLM_API_BODIES   (1024 * 1024)


static void ngx_http_llm_api_pages_cleanup(void *data);
static ngx_int_t ngx_http_llm_api_pages_args(ngx_http_llm_api_t *api,
    ngx_http_llm_api_pages_t *pages, ngx_uint_t max);
static ngx_int_t ngx_http_llm_api_pages_text(ngx_http_llm_api_t *api,
    const char *name, ngx_str_t *text);
static ngx_int_t ngx_http_llm_api_pages_status(ngx_http_llm_api_t *api,
    ngx_llm_record_filter_t *filter);
static ngx_int_t ngx_http_llm_api_pages_time(ngx_http_llm_api_t *api,
    const char *name, uint64_t *ms);
static ngx_int_t ngx_http_llm_api_pages_limit(ngx_http_llm_api_t *api,
    ngx_uint_t max, ngx_uint_t *limit);
static ngx_int_t ngx_http_llm_api_pages_cursor(ngx_http_llm_api_t *api,
    ngx_http_llm_api_pages_t *pages);
static void ngx_http_llm_api_page_done(ngx_llm_query_t *query);
static void ngx_http_llm_api_page_got(ngx_http_llm_api_t *api);
static void ngx_http_llm_api_page_ring(ngx_http_llm_api_pages_t *pages);
static void ngx_http_llm_api_page_look(ngx_event_t *ev);
static ngx_uint_t ngx_http_llm_api_page_some(ngx_http_llm_api_pages_t *pages);
static ngx_int_t ngx_http_llm_api_page_add(ngx_llm_query_t *query,
    const ngx_llm_record_t *record, uint64_t zone);


ngx_http_llm_api_pages_t *
ngx_http_llm_api_pages(ngx_http_llm_api_t *api, ngx_uint_t max)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_llm_api_pages_t  *pages;

    cln = ngx_pool_cleanup_add(api->request->pool,
                               sizeof(ngx_http_llm_api_pages_t));
    if (cln == NULL) {
        ngx_http_llm_api_reply(api, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
        return NULL;
    }

    pages = cln->data;

    ngx_memzero(pages, sizeof(ngx_http_llm_api_pages_t));

    cln->handler = ngx_http_llm_api_pages_cleanup;

    pages->api = api;
    pages->query.data = pages;
    pages->query.done = ngx_http_llm_api_page_done;

    pages->look.handler = ngx_http_llm_api_page_look;
    pages->look.data = pages;
    pages->look.log = api->request->connection->log;

    api->data = pages;

    if (ngx_http_llm_api_pages_args(api, pages, max) != NGX_OK) {
        return NULL;
    }

    return pages;
}


static void
ngx_http_llm_api_pages_cleanup(void *data)
{
    ngx_http_llm_api_pages_t  *pages = data;

    if (pages->look.posted) {
        ngx_delete_posted_event(&pages->look);
    }

    free(pages->record);
    ngx_llm_query_free(&pages->query);
}


static ngx_int_t
ngx_http_llm_api_pages_args(ngx_http_llm_api_t *api,
    ngx_http_llm_api_pages_t *pages, ngx_uint_t max)
{
    ngx_llm_record_filter_t  *filter;

    filter = &pages->query.filter;

    if (ngx_http_llm_api_pages_text(api, "model", &filter->model) != NGX_OK
        || ngx_http_llm_api_pages_text(api, "node", &filter->node) != NGX_OK
        || ngx_http_llm_api_pages_text(api, "key", &filter->key) != NGX_OK
        || ngx_http_llm_api_pages_status(api, filter) != NGX_OK
        || ngx_http_llm_api_pages_time(api, "from", &filter->from) != NGX_OK
        || ngx_http_llm_api_pages_time(api, "to", &filter->to) != NGX_OK
        || ngx_http_llm_api_pages_limit(api, max, &pages->query.limit)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llm_api_pages_cursor(api, pages);
}


/* an argument, unescaped; empty: not given */

static ngx_int_t
ngx_http_llm_api_pages_text(ngx_http_llm_api_t *api, const char *name,
    ngx_str_t *text)
{
    u_char     *dst, *src;
    ngx_str_t   value;

    if (ngx_http_arg(api->request, (u_char *) name, ngx_strlen(name), &value)
        != NGX_OK
        || value.len == 0)
    {
        return NGX_OK;
    }

    dst = ngx_pnalloc(api->request->pool, value.len);
    if (dst == NULL) {
        ngx_http_llm_api_reply(api, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
        return NGX_ERROR;
    }

    text->data = dst;
    src = value.data;

    ngx_unescape_uri(&dst, &src, value.len, 0);

    text->len = dst - text->data;

    if (text->len > NGX_LLM_MODEL_NAME) {
        ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value", name,
                              "\"%s\" is longer than %d bytes", name,
                              NGX_LLM_MODEL_NAME);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_api_pages_status(ngx_http_llm_api_t *api,
    ngx_llm_record_filter_t *filter)
{
    ngx_str_t   text;
    ngx_uint_t  i;

    ngx_str_null(&text);

    if (ngx_http_llm_api_pages_text(api, "status", &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (text.len == 0) {
        return NGX_OK;
    }

    for (i = 0; i < NGX_LLM_RECORD_STATUSES; i++) {

        if (text.len == ngx_strlen(ngx_llm_record_statuses[i])
            && ngx_strncmp(text.data, ngx_llm_record_statuses[i], text.len)
               == 0)
        {
            filter->status = 1u << i;
            return NGX_OK;
        }
    }

    ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value", "status",
                          "\"status\" must be success, error or cancelled");
    return NGX_ERROR;
}


/* RFC 3339 in UTC, with or without a fraction, or seconds since 1970 */

static ngx_int_t
ngx_http_llm_api_pages_time(ngx_http_llm_api_t *api, const char *name,
    uint64_t *ms)
{
    time_t     time;
    ngx_int_t  n;
    ngx_str_t  text;

    ngx_str_null(&text);

    if (ngx_http_llm_api_pages_text(api, name, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (text.len == 0) {
        return NGX_OK;
    }

    n = ngx_atoi(text.data, text.len);

    if (n >= 0 && n <= 253402300799) {
        *ms = (uint64_t) n * 1000;
        return NGX_OK;
    }

    if (text.len == NGX_LLM_TIME_LEN && text.data[19] == '.') {
        n = ngx_atoi(text.data + 20, 3);
        text.data[19] = 'Z';
        text.len = 20;

    } else {
        n = 0;
    }

    if (n >= 0 && ngx_llm_time(&text, &time) == NGX_OK) {
        *ms = (uint64_t) time * 1000 + n;
        return NGX_OK;
    }

    ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value", name,
                          "\"%s\" must be a time such as 2030-12-31T23:59:59Z "
                          "or seconds since 1970", name);
    return NGX_ERROR;
}


static ngx_int_t
ngx_http_llm_api_pages_limit(ngx_http_llm_api_t *api, ngx_uint_t max,
    ngx_uint_t *limit)
{
    ngx_int_t  n;
    ngx_str_t  text;

    *limit = ngx_min(max, NGX_HTTP_LLM_API_PAGE);

    if (ngx_http_arg(api->request, (u_char *) "limit", 5, &text) != NGX_OK) {
        return NGX_OK;
    }

    n = ngx_atoi(text.data, text.len);

    if (n < 1 || (ngx_uint_t) n > max) {
        ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value",
                              "limit", "\"limit\" must be a whole number from "
                              "1 to %ui", max);
        return NGX_ERROR;
    }

    *limit = n;

    return NGX_OK;
}


/* "r" or "m", as it is of Redis or of shared memory, and a place there */

static ngx_int_t
ngx_http_llm_api_pages_cursor(ngx_http_llm_api_t *api,
    ngx_http_llm_api_pages_t *pages)
{
    ngx_int_t  n;
    ngx_str_t  text;

    if (ngx_http_arg(api->request, (u_char *) "cursor", 6, &text) != NGX_OK) {
        return NGX_OK;
    }

    n = NGX_ERROR;

    if (text.len > 1 && (text.data[0] == 'r' || text.data[0] == 'm')) {
        n = ngx_atoi(text.data + 1, text.len - 1);
    }

    if (n < 1) {
        ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value",
                              "cursor", "\"cursor\" is none of a page's "
                              "next_cursor");
        return NGX_ERROR;
    }

    pages->query.before = n;
    pages->ring = (text.data[0] == 'm');

    return NGX_OK;
}


void
ngx_http_llm_api_page(ngx_http_llm_api_pages_t *pages,
    ngx_http_llm_api_pt then)
{
    size_t              bodies;
    ngx_uint_t          ring;
    ngx_llm_history_t  *history;

    history = ngx_http_llm_worker.history;
    bodies = 2 * ngx_http_llm_worker.mcf->history_bodies;
    ring = pages->ring;

    if (bodies) {
        pages->query.limit = ngx_min(pages->query.limit,
                                     NGX_HTTP_LLM_API_BODIES / bodies);
    }

    pages->then = then;
    pages->stale = NULL;
    pages->ring = (ngx_http_llm_worker.mcf->redis == NULL);

    if (!pages->ring && (ring || ngx_llm_flushed_away(&history->redis))) {

        /* the pages before were of the ring, or Redis is away */

        pages->ring = 1;
        pages->stale = "Redis is away: only the requests in this router's "
                       "memory are shown";
    }

    ngx_http_llm_api_wait(pages->api, ngx_http_llm_api_page_got);

    if (!pages->ring) {
        ngx_llm_query(&pages->query);
        return;
    }

    if (!ring) {

        /* a place in Redis means nothing here */

        pages->query.before = 0;
    }

    ngx_http_llm_api_page_ring(pages);
}


static void
ngx_http_llm_api_page_done(ngx_llm_query_t *query)
{
    ngx_http_llm_api_pages_t  *pages = query->data;

    if (query->error == NULL) {
        ngx_http_llm_api_go(pages->api);
        return;
    }

    ngx_snprintf((u_char *) pages->why, sizeof(pages->why) - 1,
                 "Redis is away (%s): only the requests in this router's "
                 "memory are shown%Z", query->error);

    pages->stale = pages->why;
    pages->ring = 1;
    query->before = 0;

    ngx_http_llm_api_page_ring(pages);
}


static void
ngx_http_llm_api_page_got(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_pages_t  *pages = api->data;

    pages->cursor_len = 0;
    pages->query.before = pages->query.next;

    if (pages->query.next) {
        pages->cursor_len = ngx_sprintf(pages->cursor, "%c%uL",
                                        pages->ring ? 'm' : 'r',
                                        pages->query.next)
                            - pages->cursor;
    }

    pages->then(api);
}


static void
ngx_http_llm_api_page_ring(ngx_http_llm_api_pages_t *pages)
{
    ngx_llm_ring_t   *ring;
    ngx_llm_query_t  *query;

    query = &pages->query;
    ring = ngx_http_llm_worker.history->ring;

    query->nrows = 0;
    query->rows[0] = 0;
    query->next = 0;
    query->total = ngx_llm_ring_head(ring) - ngx_llm_ring_tail(ring);

    pages->number = ngx_llm_ring_head(ring);

    if (query->before && query->before < pages->number) {
        pages->number = query->before;
    }

    if (pages->record == NULL) {
        pages->record = malloc(ngx_llm_ring_copy_size(ring));
    }

    ngx_post_event(&pages->look, &ngx_posted_next_events);
}


static void
ngx_http_llm_api_page_look(ngx_event_t *ev)
{
    ngx_http_llm_api_pages_t  *pages = ev->data;

    uint64_t          until;
    ngx_llm_query_t  *query;

    query = &pages->query;
    until = ngx_http_llm_api_clock() + NGX_HTTP_LLM_API_LOOK_US;

    while (ngx_http_llm_api_page_some(pages)) {

        if (ngx_http_llm_api_clock() >= until) {
            ngx_post_event(&pages->look, &ngx_posted_next_events);
            return;
        }
    }

    if (pages->number > ngx_llm_ring_tail(ngx_http_llm_worker.history->ring)) {
        query->next = pages->number;
    }

    ngx_http_llm_api_go(pages->api);
}


/* 0: the page is full, or there are no more */

static ngx_uint_t
ngx_http_llm_api_page_some(ngx_http_llm_api_pages_t *pages)
{
    uint64_t          tail;
    ngx_uint_t        n;
    ngx_llm_ring_t   *ring;
    ngx_llm_query_t  *query;

    query = &pages->query;
    ring = ngx_http_llm_worker.history->ring;
    tail = ngx_llm_ring_tail(ring);

    if (pages->record == NULL) {
        return 0;
    }

    for (n = 0; n < NGX_HTTP_LLM_API_LOOK; n++) {

        if (pages->number <= tail || query->nrows == query->limit) {
            return 0;
        }

        pages->number--;

        if (ngx_llm_ring_read(ring, pages->number, pages->record) == NGX_OK
            && ngx_llm_record_fits(pages->record, &query->filter, ring->id)
            && ngx_http_llm_api_page_add(query, pages->record, ring->id)
               != NGX_OK)
        {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_http_llm_api_page_add(ngx_llm_query_t *query,
    const ngx_llm_record_t *record, uint64_t zone)
{
    size_t      size, used;
    u_char     *p;
    ngx_str_t  *router;

    router = (ngx_str_t *) &ngx_cycle->hostname;

    used = query->rows[query->nrows];
    size = ngx_llm_record_json_size(record, router->len);

    if (query->size - used < size) {
        size = 2 * (used + size);

        p = realloc(query->text, size);
        if (p == NULL) {
            return NGX_ERROR;
        }

        query->text = p;
        query->size = size;
    }

    p = ngx_llm_record_json(query->text + used, record, zone, router);

    query->rows[++query->nrows] = p - query->text;

    return NGX_OK;
}


ngx_str_t
ngx_http_llm_api_page_row(ngx_http_llm_api_pages_t *pages, ngx_uint_t i)
{
    ngx_str_t         row;
    ngx_llm_query_t  *query;

    query = &pages->query;

    row.data = query->text + query->rows[i];
    row.len = query->rows[i + 1] - query->rows[i];

    return row;
}


/* a quote inside of a text is escaped, so this is the member */

size_t
ngx_http_llm_api_page_short(const ngx_str_t *row)
{
    u_char  *p;

    p = memmem(row->data, row->len, ",\"bodies\":{",
               sizeof(",\"bodies\":{") - 1);

    return p ? (size_t) (p - row->data) : row->len - 1;
}
