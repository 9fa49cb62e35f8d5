
/*
 * The handlers of /nodes.
 *
 * A node is found by its id without a lock, and once more under the mutex
 * before it is changed.  No answer is made under it.
 */


#include "ngx_http_llm_api_audit.h"
#include "ngx_http_llm_api_list.h"
#include "ngx_http_llm_api_node_edit.h"
#include "ngx_http_llm_api_node_json.h"
#include "ngx_http_llm_api_nodes.h"
#include "ngx_http_llm_api_tag.h"


/* ms between two looks whether a node was checked, and after its time-out */
#define NGX_HTTP_LLM_API_LOOK  20
#define NGX_HTTP_LLM_API_LATE  1000


typedef struct {
    ngx_http_llm_api_t     *api;
    uint32_t                place;
    uint64_t                id;
    ngx_atomic_uint_t       checked;    /* before */
    ngx_msec_t              until;      /* it is not waited any longer */
    ngx_event_t             timer;
} ngx_http_llm_api_check_t;


typedef enum {
    NGX_HTTP_LLM_API_DRAIN = 0,
    NGX_HTTP_LLM_API_RESUME,
    NGX_HTTP_LLM_API_APPROVE
} ngx_http_llm_api_order_e;


static json_t *ngx_http_llm_api_nodes_row(ngx_http_llm_api_t *api,
    uint32_t i);
static uint32_t ngx_http_llm_api_node_find(ngx_http_llm_api_t *api,
    uint64_t *id);
static void ngx_http_llm_api_node_gone(ngx_http_llm_api_t *api);
static ngx_uint_t ngx_http_llm_api_node_matches(ngx_http_llm_api_t *api,
    uint32_t i);
static void ngx_http_llm_api_node_created(ngx_http_llm_api_t *api);
static void ngx_http_llm_api_node_location(ngx_http_llm_api_t *api,
    uint64_t id);
static void ngx_http_llm_api_node_changed(ngx_http_llm_api_t *api);
static void ngx_http_llm_api_node_order(ngx_http_llm_api_t *api,
    ngx_uint_t order);
static void ngx_http_llm_api_node_obey(ngx_llm_node_t *node,
    ngx_uint_t order);
static void ngx_http_llm_api_node_look(ngx_event_t *ev);
static void ngx_http_llm_api_node_checked(ngx_http_llm_api_t *api);


static const char  *ngx_http_llm_api_orders[] = {
    "drained", "resumed", "approved"
};


void
ngx_http_llm_api_nodes(ngx_http_llm_api_t *api)
{
    ngx_llm_nodes_t          *nodes;
    ngx_http_llm_api_rows_t   rows;

    nodes = ngx_http_llm_worker.zone->nodes;

    rows.n = nodes->used;
    rows.id = (const uint64_t *) nodes->id;
    rows.row = ngx_http_llm_api_nodes_row;

    ngx_http_llm_api_list(api, &rows);
}


static json_t *
ngx_http_llm_api_nodes_row(ngx_http_llm_api_t *api, uint32_t i)
{
    return ngx_http_llm_api_node_json(i, 0, NGX_HTTP_LLM_API_NODE_ROW, NULL);
}


void
ngx_http_llm_api_node(ngx_http_llm_api_t *api)
{
    uint32_t  i;
    uint64_t  id;

    i = ngx_http_llm_api_node_find(api, &id);

    if (i == NGX_LLM_NODE_NONE) {
        ngx_http_llm_api_node_gone(api);
        return;
    }

    ngx_http_llm_api_node_reply(api, NGX_HTTP_OK, i, id);
}


void
ngx_http_llm_api_node_reply(ngx_http_llm_api_t *api, ngx_uint_t status,
    uint32_t i, uint64_t id)
{
    json_t             *json;
    ngx_atomic_uint_t   version;

    json = ngx_http_llm_api_node_json(i, id, NGX_HTTP_LLM_API_NODE_MODELS,
                                      &version);

    if (json == NULL) {
        ngx_http_llm_api_node_gone(api);
        return;
    }

    ngx_http_llm_api_tag(api,
                     ngx_http_llm_worker.zone->nodes->node[i].generation,
                     version);

    ngx_http_llm_api_settle(api, status, json);
}


/* the place of the path's {id}, or NGX_LLM_NODE_NONE */

static uint32_t
ngx_http_llm_api_node_find(ngx_http_llm_api_t *api, uint64_t *id)
{
    *id = ngx_http_llm_api_id(&api->id, "node-");

    return *id ? ngx_llm_nodes_find(ngx_http_llm_worker.zone->nodes, *id)
               : NGX_LLM_NODE_NONE;
}


static void
ngx_http_llm_api_node_gone(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_fail(api, NGX_HTTP_NOT_FOUND, "node_not_found", NULL,
                          "There is no such node");
}


/* the mutex is held */

static ngx_uint_t
ngx_http_llm_api_node_matches(ngx_http_llm_api_t *api, uint32_t i)
{
    ngx_llm_node_t  *node;

    if (i == NGX_LLM_NODE_NONE) {
        return ngx_http_llm_api_tag_absent(api);
    }

    node = &ngx_http_llm_worker.zone->nodes->node[i];

    return ngx_http_llm_api_tag_matches(api, node->generation, node->version);
}


void
ngx_http_llm_api_node_create(ngx_http_llm_api_t *api)
{
    ngx_http_llm_edit(api, ngx_http_llm_edit_create,
                      ngx_http_llm_api_node_created);
}


static void
ngx_http_llm_api_node_created(ngx_http_llm_api_t *api)
{
    uint32_t              i;
    ngx_int_t             rc;
    ngx_uint_t            matches;
    ngx_llm_zone_t       *zone;
    ngx_http_llm_edit_t  *edit;

    edit = api->data;
    zone = ngx_http_llm_worker.zone;

    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_llm_nodes_recover_locked(zone->nodes);

    i = ngx_llm_nodes_find_url_locked(zone->nodes, &edit->url);

    matches = ngx_http_llm_api_node_matches(api, i);

    rc = matches ? ngx_http_llm_edit_locked(edit, i) : NGX_DECLINED;

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (!matches) {
        ngx_http_llm_api_tag_fail(api);
        return;
    }

    if (rc != NGX_OK) {
        ngx_http_llm_edit_fail(api, edit);
        return;
    }

    ngx_http_llm_edit_more(api, edit->place);

    if (!edit->created) {
        ngx_http_llm_api_audit(api, "changed", "node", edit->name, edit->id);
        ngx_http_llm_api_node_reply(api, NGX_HTTP_OK, edit->place, edit->id);
        return;
    }

    ngx_http_llm_api_audit(api, "created", "node", edit->name, edit->id);
    ngx_http_llm_api_node_location(api, edit->id);
    ngx_http_llm_api_node_reply(api, NGX_HTTP_CREATED, edit->place, edit->id);
}


/* the URL of this request, escaped again, and the new id */

static void
ngx_http_llm_api_node_location(ngx_http_llm_api_t *api, uint64_t id)
{
    u_char     *p;
    uintptr_t   escape;
    ngx_str_t  *uri, value;

    uri = &api->request->uri;

    escape = 2 * ngx_escape_uri(NULL, uri->data, uri->len, NGX_ESCAPE_URI);

    p = ngx_pnalloc(api->request->pool, uri->len + escape
                                        + sizeof("/node-0123456789abcdef"));
    if (p == NULL) {
        return;
    }

    value.data = p;

    p = (u_char *) ngx_escape_uri(p, uri->data, uri->len, NGX_ESCAPE_URI);
    p = ngx_sprintf(p, "/node-%016xL", id);

    value.len = p - value.data;

    (void) ngx_http_llm_api_header(api, "location", &value);
}


void
ngx_http_llm_api_node_change(ngx_http_llm_api_t *api)
{
    uint64_t  id;

    if (ngx_http_llm_api_node_find(api, &id) == NGX_LLM_NODE_NONE) {
        ngx_http_llm_api_node_gone(api);
        return;
    }

    ngx_http_llm_edit(api, ngx_http_llm_edit_change,
                      ngx_http_llm_api_node_changed);
}


static void
ngx_http_llm_api_node_changed(ngx_http_llm_api_t *api)
{
    uint32_t              i;
    uint64_t              id;
    ngx_int_t             rc;
    ngx_uint_t            matches;
    ngx_llm_zone_t       *zone;
    ngx_http_llm_edit_t  *edit;

    edit = api->data;
    zone = ngx_http_llm_worker.zone;

    rc = NGX_ERROR;
    matches = 1;

    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_llm_nodes_recover_locked(zone->nodes);

    i = ngx_http_llm_api_node_find(api, &id);

    if (i != NGX_LLM_NODE_NONE) {
        matches = ngx_http_llm_api_node_matches(api, i);

        if (matches && json_object_size(api->body)) {
            rc = ngx_http_llm_edit_locked(edit, i);
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (i == NGX_LLM_NODE_NONE) {
        ngx_http_llm_api_node_gone(api);
        return;
    }

    if (!matches) {
        ngx_http_llm_api_tag_fail(api);
        return;
    }

    if (rc == NGX_DECLINED) {
        ngx_http_llm_edit_fail(api, edit);
        return;
    }

    if (rc == NGX_OK) {
        ngx_http_llm_edit_more(api, i);
        ngx_http_llm_api_audit(api, "changed", "node", edit->name, id);
    }

    ngx_http_llm_api_node_reply(api, NGX_HTTP_OK, i, id);
}


/* what it serves ends by itself; its place is free when that is done */

void
ngx_http_llm_api_node_delete(ngx_http_llm_api_t *api)
{
    u_char           name[NGX_LLM_NODE_NAME];
    uint32_t         i;
    uint64_t         id;
    ngx_uint_t       matches;
    ngx_llm_zone_t  *zone;

    zone = ngx_http_llm_worker.zone;

    matches = 1;
    name[0] = '\0';

    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_llm_nodes_recover_locked(zone->nodes);

    i = ngx_http_llm_api_node_find(api, &id);

    if (i != NGX_LLM_NODE_NONE) {
        matches = ngx_http_llm_api_node_matches(api, i);

        if (matches) {
            ngx_memcpy(name, zone->nodes->node[i].conf.name,
                       NGX_LLM_NODE_NAME);

            ngx_llm_nodes_leave_locked(zone->nodes, i);
            ngx_llm_zone_changed(zone);
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (i == NGX_LLM_NODE_NONE) {
        ngx_http_llm_api_node_gone(api);
        return;
    }

    if (!matches) {
        ngx_http_llm_api_tag_fail(api);
        return;
    }

    ngx_http_llm_api_audit(api, "deleted", "node", name, id);

    ngx_http_llm_api_settle(api, NGX_HTTP_NO_CONTENT, NULL);
}


void
ngx_http_llm_api_node_drain(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_node_order(api, NGX_HTTP_LLM_API_DRAIN);
}


void
ngx_http_llm_api_node_resume(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_node_order(api, NGX_HTTP_LLM_API_RESUME);
}


void
ngx_http_llm_api_node_approve(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_node_order(api, NGX_HTTP_LLM_API_APPROVE);
}


/* one word is changed; the mutex keeps its place from another owner */

static void
ngx_http_llm_api_node_order(ngx_http_llm_api_t *api, ngx_uint_t order)
{
    u_char           name[NGX_LLM_NODE_NAME];
    uint32_t         i;
    uint64_t         id;
    ngx_uint_t       matches;
    ngx_llm_node_t  *node;
    ngx_llm_zone_t  *zone;

    if (ngx_http_llm_api_input_none(api) != NGX_OK) {
        return;
    }

    zone = ngx_http_llm_worker.zone;

    matches = 1;
    name[0] = '\0';

    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_llm_nodes_recover_locked(zone->nodes);

    i = ngx_http_llm_api_node_find(api, &id);

    if (i != NGX_LLM_NODE_NONE) {
        node = &zone->nodes->node[i];
        matches = ngx_http_llm_api_node_matches(api, i);

        if (matches) {
            ngx_memcpy(name, node->conf.name, NGX_LLM_NODE_NAME);

            ngx_http_llm_api_node_obey(node, order);
            ngx_llm_zone_changed(zone);
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (i == NGX_LLM_NODE_NONE) {
        ngx_http_llm_api_node_gone(api);
        return;
    }

    if (!matches) {
        ngx_http_llm_api_tag_fail(api);
        return;
    }

    if (order != NGX_HTTP_LLM_API_DRAIN) {
        ngx_http_llm_edit_more(api, i);
    }

    ngx_http_llm_api_audit(api, ngx_http_llm_api_orders[order], "node", name,
                           id);

    ngx_http_llm_api_node_reply(api, NGX_HTTP_OK, i, id);
}


/* and it has another tag if it was not so before */

static void
ngx_http_llm_api_node_obey(ngx_llm_node_t *node, ngx_uint_t order)
{
    ngx_uint_t  draining, pending;

    draining = node->draining;
    pending = node->pending;

    switch (order) {

    case NGX_HTTP_LLM_API_DRAIN:
        node->draining = 1;
        break;

    case NGX_HTTP_LLM_API_RESUME:
        ngx_llm_breaker_reset(node);
        node->check_now = 1;
        node->draining = 0;
        break;

    default: /* NGX_HTTP_LLM_API_APPROVE */
        node->check_now = 1;
        node->pending = 0;
    }

    if (node->draining != draining || node->pending != pending) {
        ngx_llm_nodes_touch_locked(node);
    }
}


void
ngx_http_llm_api_node_check(ngx_http_llm_api_t *api)
{
    uint32_t                   i;
    uint64_t                   id;
    ngx_llm_node_t            *node;
    ngx_http_llm_api_check_t  *check;

    if (ngx_http_llm_api_input_none(api) != NGX_OK) {
        return;
    }

    i = ngx_http_llm_api_node_find(api, &id);

    if (i == NGX_LLM_NODE_NONE) {
        ngx_http_llm_api_node_gone(api);
        return;
    }

    node = &ngx_http_llm_worker.zone->nodes->node[i];

    if (!node->conf.check && !node->conf.discover) {
        ngx_http_llm_api_fail(api, NGX_HTTP_CONFLICT, "check_off", NULL,
                              "This node is never checked: its \"check\" is "
                              "false");
        return;
    }

    check = ngx_pcalloc(api->request->pool, sizeof(ngx_http_llm_api_check_t));
    if (check == NULL) {
        ngx_http_llm_api_reply(api, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
        return;
    }

    check->api = api;
    check->place = i;
    check->id = id;
    check->checked = node->checked;
    check->until = ngx_current_msec + NGX_HTTP_LLM_API_LATE
                   + ngx_http_llm_worker.mcf->health_timeout;

    check->timer.handler = ngx_http_llm_api_node_look;
    check->timer.data = check;
    check->timer.log = api->request->connection->log;

    api->data = check;

    node->check_now = 1;

    ngx_http_llm_api_wait(api, ngx_http_llm_api_node_checked);
    ngx_add_timer(&check->timer, NGX_HTTP_LLM_API_LOOK);
}


/* a probe that was under way counts: it ended after it was asked for */

static void
ngx_http_llm_api_node_look(ngx_event_t *ev)
{
    ngx_http_llm_api_check_t  *check = ev->data;

    ngx_llm_nodes_t  *nodes;

    nodes = ngx_http_llm_worker.zone->nodes;

    if (nodes->id[check->place] == check->id
        && nodes->node[check->place].checked == check->checked
        && (ngx_msec_int_t) (check->until - ngx_current_msec) > 0)
    {
        ngx_add_timer(ev, NGX_HTTP_LLM_API_LOOK);
        return;
    }

    ngx_http_llm_api_go(check->api);
}


static void
ngx_http_llm_api_node_checked(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_check_t  *check;

    check = api->data;

    ngx_http_llm_api_node_reply(api, NGX_HTTP_OK, check->place, check->id);
}
