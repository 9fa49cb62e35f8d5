
/*
 * A stream of events (WHATWG HTML, server-sent events): the figures each
 * second, requests as they end, up to so many a second, nodes whose state is
 * another one.  Each stream looks by itself, out of a timer: nothing of it is
 * on the path of a request.  One whose client does not read skips.
 */


#include "ngx_http_llm_api_events.h"
#include "ngx_http_llm_api_input.h"
#include "ngx_http_llm_api_stats.h"


/* ms between two looks, and how many of them make a second, and a check */
#define NGX_HTTP_LLM_EVENTS_TICK    250
#define NGX_HTTP_LLM_EVENTS_SECOND  4
#define NGX_HTTP_LLM_EVENTS_CHECK   2

/* a look tells of so many requests and nodes */
#define NGX_HTTP_LLM_EVENTS_ROWS    5
#define NGX_HTTP_LLM_EVENTS_NODES   50

/* "event: skipped\ndata: {...}\n\n", and the comment */
#define NGX_HTTP_LLM_EVENTS_ROOM    128


typedef struct {
    ngx_http_llm_api_t     *api;
    ngx_event_t             timer;
    uint64_t                next;       /* the record to be told next */
    ngx_uint_t              looks;
    u_char                 *states;     /* of the nodes, as told; malloc()ed */
    ngx_llm_record_t       *record;     /* room for one */
    u_char                 *text;       /* of the present look; malloc()ed */
    size_t                  size;
    size_t                  len;
    ngx_buf_t               buf;        /* it, on its way */
} ngx_http_llm_api_events_t;


static ngx_int_t ngx_http_llm_api_events_begin(ngx_http_llm_api_t *api);
static void ngx_http_llm_api_events_cleanup(void *data);
static void ngx_http_llm_api_events_writer(ngx_http_request_t *r);
static void ngx_http_llm_api_events_timer(ngx_event_t *ev);
static ngx_uint_t ngx_http_llm_api_events_over(
    ngx_http_llm_api_events_t *events);
static void ngx_http_llm_api_events_look(ngx_http_llm_api_events_t *events);
static void ngx_http_llm_api_events_requests(
    ngx_http_llm_api_events_t *events);
static void ngx_http_llm_api_events_skipped(
    ngx_http_llm_api_events_t *events, uint64_t n);
static void ngx_http_llm_api_events_nodes(ngx_http_llm_api_events_t *events,
    ngx_uint_t tell);
static void ngx_http_llm_api_events_node(ngx_http_llm_api_events_t *events,
    uint32_t i, ngx_uint_t state);
static void ngx_http_llm_api_events_say(ngx_http_llm_api_events_t *events,
    const char *name, json_t *json);
static u_char *ngx_http_llm_api_events_room(ngx_http_llm_api_events_t *events,
    size_t n);
static ngx_int_t ngx_http_llm_api_events_send(
    ngx_http_llm_api_events_t *events);


void
ngx_http_llm_api_events(ngx_http_llm_api_t *api)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = api->request;

    rc = ngx_http_llm_api_events_begin(api);

    if (rc != NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    /* finalized when its client is gone, or it may see this no longer */

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_llm_api_events_writer;

    ngx_http_llm_api_events_writer(r);
}


static ngx_int_t
ngx_http_llm_api_events_begin(ngx_http_llm_api_t *api)
{
    ngx_llm_history_t          *history;
    ngx_http_request_t         *r;
    ngx_pool_cleanup_t         *cln;
    ngx_http_llm_api_events_t  *events;

    static const ngx_str_t      no = ngx_string("no");

    r = api->request;
    history = ngx_http_llm_worker.history;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_llm_api_events_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    events = cln->data;

    ngx_memzero(events, sizeof(ngx_http_llm_api_events_t));

    cln->handler = ngx_http_llm_api_events_cleanup;

    api->data = events;

    events->api = api;
    events->next = ngx_llm_ring_head(history->ring);
    events->timer.handler = ngx_http_llm_api_events_timer;
    events->timer.data = events;
    events->timer.log = r->connection->log;
    events->timer.cancelable = 1;

    events->states = calloc(1, ngx_http_llm_worker.zone->nodes->max);
    events->record = ngx_palloc(r->pool,
                                ngx_llm_ring_copy_size(history->ring));

    if (events->states == NULL
        || events->record == NULL
        || ngx_http_llm_api_headers(api) != NGX_OK
        || ngx_http_llm_api_header(api, "x-accel-buffering", &no) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_llm_api_events_nodes(events, 0);

    r->headers_out.status = NGX_HTTP_OK;
    r->keepalive = 0;

    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    if (ngx_http_send_header(r) == NGX_ERROR) {
        return NGX_ERROR;
    }

    ngx_add_timer(&events->timer, 1);

    return NGX_OK;
}


static void
ngx_http_llm_api_events_cleanup(void *data)
{
    ngx_http_llm_api_events_t  *events = data;

    if (events->timer.timer_set) {
        ngx_del_timer(&events->timer);
    }

    free(events->states);
    free(events->text);
}


/* what is under way goes on */

static void
ngx_http_llm_api_events_writer(ngx_http_request_t *r)
{
    ngx_event_t  *wev;

    wev = r->connection->write;

    if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (ngx_handle_write_event(wev, 0) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


static void
ngx_http_llm_api_events_timer(ngx_event_t *ev)
{
    ngx_http_llm_api_events_t  *events = ev->data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = events->api->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (ngx_exiting || ngx_http_llm_api_events_over(events)) {

        /* the page opens another one, or has to log in */

        ngx_http_finalize_request(r, ngx_http_send_special(r, NGX_HTTP_LAST));
        ngx_http_run_posted_requests(c);
        return;
    }

    ngx_add_timer(ev, NGX_HTTP_LLM_EVENTS_TICK);

    if (ngx_buf_size(&events->buf)) {

        /* its client is slow */

        return;
    }

    ngx_http_llm_api_events_look(events);

    if (ngx_http_llm_api_events_send(events) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }

    ngx_http_run_posted_requests(c);
}


/* was the session ended, or the key revoked, say? */

static ngx_uint_t
ngx_http_llm_api_events_over(ngx_http_llm_api_events_t *events)
{
    ngx_llm_zone_t          *zone;
    ngx_llm_session_t        session;
    ngx_llm_key_conf_t       conf;
    ngx_http_llm_api_who_t  *who;

    if (++events->looks % NGX_HTTP_LLM_EVENTS_CHECK) {
        return 0;
    }

    who = &events->api->who;
    zone = ngx_http_llm_worker.zone;

    if (who->in_session) {
        return ngx_llm_sessions_find(zone->sessions, who->session,
                                     ngx_current_msec, &session)
               != NGX_OK;
    }

    return !zone->keys->key[who->key].valid
           || ngx_llm_keys_read(zone->keys, who->key, &conf) != NGX_OK
           || conf.id != who->key_id
           || !(conf.scopes & NGX_LLM_SCOPE_ADMIN)
           || (conf.expires && conf.expires <= ngx_time());
}


static void
ngx_http_llm_api_events_look(ngx_http_llm_api_events_t *events)
{
    events->len = 0;

    ngx_http_llm_api_events_requests(events);

    if (events->looks % NGX_HTTP_LLM_EVENTS_SECOND == 1) {
        ngx_http_llm_api_events_nodes(events, 1);
        ngx_http_llm_api_events_say(events, "stats",
                                    ngx_http_llm_api_stats_live());
    }
}


static void
ngx_http_llm_api_events_requests(ngx_http_llm_api_events_t *events)
{
    u_char          *p;
    size_t           size;
    uint64_t         head;
    ngx_str_t       *router;
    ngx_llm_ring_t  *ring;

    ring = ngx_http_llm_worker.history->ring;
    router = (ngx_str_t *) &ngx_cycle->hostname;

    head = ngx_llm_ring_head(ring);

    if (head - events->next > NGX_HTTP_LLM_EVENTS_ROWS) {
        ngx_http_llm_api_events_skipped(events, head - events->next
                                                - NGX_HTTP_LLM_EVENTS_ROWS);
        events->next = head - NGX_HTTP_LLM_EVENTS_ROWS;
    }

    for ( /* void */ ; events->next < head; events->next++) {

        if (ngx_llm_ring_read(ring, events->next, events->record) != NGX_OK) {
            continue;
        }

        events->record->len[NGX_LLM_RECORD_REQUEST] = 0;
        events->record->len[NGX_LLM_RECORD_RESPONSE] = 0;

        size = ngx_llm_record_json_size(events->record, router->len);

        p = ngx_http_llm_api_events_room(events, size
                                                 + NGX_HTTP_LLM_EVENTS_ROOM);
        if (p == NULL) {
            return;
        }

        p = ngx_cpymem(p, "event: request\ndata: ", 21);
        p = ngx_llm_record_json(p, events->record, ring->id, router);
        p = ngx_cpymem(p, "\n\n", 2);

        events->len = p - events->text;
    }
}


static void
ngx_http_llm_api_events_skipped(ngx_http_llm_api_events_t *events, uint64_t n)
{
    ngx_http_llm_api_events_say(events, "skipped",
                                json_pack("{s:I}", "requests",
                                          (json_int_t) n));
}


/* a state is kept one higher: 0 is a place without a node */

static void
ngx_http_llm_api_events_nodes(ngx_http_llm_api_events_t *events,
    ngx_uint_t tell)
{
    uint32_t          i;
    ngx_uint_t        state, told;
    ngx_llm_nodes_t  *nodes;

    told = 0;
    nodes = ngx_http_llm_worker.zone->nodes;

    for (i = 0; i < nodes->used && told < NGX_HTTP_LLM_EVENTS_NODES; i++) {

        state = 0;

        if (nodes->node[i].use == NGX_LLM_NODE_USED) {
            state = 1 + ngx_llm_node_state(&nodes->node[i], ngx_current_msec);
        }

        if (state == events->states[i]) {
            continue;
        }

        events->states[i] = (u_char) state;

        if (tell) {
            told++;
            ngx_http_llm_api_events_node(events, i, state);
        }
    }
}


static void
ngx_http_llm_api_events_node(ngx_http_llm_api_events_t *events, uint32_t i,
    ngx_uint_t state)
{
    const ngx_llm_node_t  *node;

    node = &ngx_http_llm_worker.zone->nodes->node[i];

    ngx_http_llm_api_events_say(events, "node",
                    json_pack("{s:o,s:o,s:s}",
                              "id", ngx_http_llm_api_json_id("node-",
                                                             node->conf.id),
                              "name",
                              ngx_http_llm_api_json_text(node->conf.name),
                              "state", state ? ngx_llm_node_state_name(
                                                                 state - 1)
                                             : "deleted"));
}


/* one event; json is freed; without memory it is left out */

static void
ngx_http_llm_api_events_say(ngx_http_llm_api_events_t *events,
    const char *name, json_t *json)
{
    char    *data;
    u_char  *p;

    data = json ? json_dumps(json, JSON_COMPACT) : NULL;

    json_decref(json);

    if (data == NULL) {
        return;
    }

    p = ngx_http_llm_api_events_room(events, ngx_strlen(data)
                                             + NGX_HTTP_LLM_EVENTS_ROOM);
    if (p) {
        p = ngx_sprintf(p, "event: %s\ndata: %s\n\n", name, data);
        events->len = p - events->text;
    }

    free(data);
}


static u_char *
ngx_http_llm_api_events_room(ngx_http_llm_api_events_t *events, size_t n)
{
    size_t   size;
    u_char  *p;

    if (events->size - events->len < n) {
        size = 2 * (events->len + n);

        p = realloc(events->text, size);
        if (p == NULL) {
            return NULL;
        }

        events->text = p;
        events->size = size;
    }

    return events->text + events->len;
}


static ngx_int_t
ngx_http_llm_api_events_send(ngx_http_llm_api_events_t *events)
{
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    if (events->len == 0) {
        return NGX_OK;
    }

    r = events->api->request;
    b = &events->buf;

    b->start = events->text;
    b->pos = events->text;
    b->last = events->text + events->len;
    b->memory = 1;
    b->flush = 1;

    out.buf = b;
    out.next = NULL;

    if (ngx_http_output_filter(r, &out) == NGX_ERROR) {
        return NGX_ERROR;
    }

    return ngx_handle_write_event(r->connection->write, 0);
}
