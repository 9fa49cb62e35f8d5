
/*
 * A node as JSON: a member is a row of the table.  What is shown is read
 * first, the list of models under the mutex; JSON is made afterwards.
 */


#include "ngx_llm_node_url.h"
#include "ngx_http_llm_api_input.h"
#include "ngx_http_llm_api_node_json.h"
#include "ngx_http_llm_api_node_view.h"


static ngx_int_t ngx_http_llm_view_open(ngx_http_llm_view_t *v, uint32_t i,
    uint64_t id, ngx_uint_t models, ngx_atomic_uint_t *version);
static void ngx_http_llm_view_close(ngx_http_llm_view_t *v);
static ngx_int_t ngx_http_llm_view_list(ngx_http_llm_view_t *v, ngx_uint_t max);
static size_t ngx_http_llm_view_size(const ngx_llm_list_t *list,
    ngx_uint_t max, uint32_t *n);
static json_t *ngx_http_llm_view_json(const ngx_http_llm_view_t *v);
static json_t *ngx_http_llm_view_text(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_count(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_moment(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_id(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_url(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_source(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_type(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_models(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_total(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_discovered(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_check(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_max(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_has_key(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_addresses(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_limit(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_speed(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_load(const ngx_http_llm_view_t *v,
    size_t offset);
static json_t *ngx_http_llm_view_created(const ngx_http_llm_view_t *v,
    size_t offset);


#define ngx_http_llm_view_conf(field)  offsetof(ngx_llm_node_conf_t, field)
#define ngx_http_llm_view_node(field)  offsetof(ngx_llm_node_t, field)

/* for ngx_http_llm_view_limit() */
#define NGX_HTTP_LLM_VIEW_IN_FLIGHT  0
#define NGX_HTTP_LLM_VIEW_WAITING    1


static const ngx_http_llm_view_row_t  ngx_http_llm_api_node_rows[] = {

    { "id", ngx_http_llm_view_id, 0 },
    { "name", ngx_http_llm_view_text, ngx_http_llm_view_conf(name) },
    { "base_url", ngx_http_llm_view_url, 0 },
    { "source", ngx_http_llm_view_source, 0 },

    { "state", ngx_http_llm_view_state, 0 },
    { "reason", ngx_http_llm_view_reason, 0 },
    { "until", ngx_http_llm_view_until, 0 },
    { "circuit", ngx_http_llm_view_circuit, 0 },
    { "cooldown", ngx_http_llm_view_cooldown, 0 },
    { "retry_budget", ngx_http_llm_view_budget, 0 },

    { "type", ngx_http_llm_view_type, 0 },
    { "models", ngx_http_llm_view_models, 0 },
    { "models_total", ngx_http_llm_view_total, 0 },
    { "discovered", ngx_http_llm_view_discovered, 0 },
    { "check", ngx_http_llm_view_check, 0 },
    { "max_concurrent", ngx_http_llm_view_max, 0 },
    { "weight", ngx_http_llm_view_count, ngx_http_llm_view_node(weight) },
    { "notes", ngx_http_llm_view_text, ngx_http_llm_view_conf(notes) },
    { "has_api_key", ngx_http_llm_view_has_key, 0 },
    { "addresses", ngx_http_llm_view_addresses, 0 },

    { "in_flight", ngx_http_llm_view_limit,
      NGX_HTTP_LLM_VIEW_IN_FLIGHT },
    { "waiting", ngx_http_llm_view_limit, NGX_HTTP_LLM_VIEW_WAITING },
    { "requests", ngx_http_llm_view_count,
      ngx_http_llm_view_node(requests) },
    { "failures", ngx_http_llm_view_count,
      ngx_http_llm_view_node(failures) },
    { "prompt_tokens", ngx_http_llm_view_count,
      ngx_http_llm_view_node(prompt_tokens) },
    { "completion_tokens", ngx_http_llm_view_count,
      ngx_http_llm_view_node(completion_tokens) },
    { "tokens_per_second", ngx_http_llm_view_speed, 0 },
    { "load", ngx_http_llm_view_load, 0 },

    { "checked_at", ngx_http_llm_view_moment,
      ngx_http_llm_view_node(checked) },
    { "last_heartbeat", ngx_http_llm_view_moment,
      ngx_http_llm_view_node(heard) },
    { "created_at", ngx_http_llm_view_created, 0 },

    { NULL, NULL, 0 }
};


json_t *
ngx_http_llm_api_node_json(uint32_t i, uint64_t id, ngx_uint_t models,
    ngx_atomic_uint_t *version)
{
    json_t               *json;
    ngx_atomic_uint_t     v;
    ngx_http_llm_view_t   view;

    v = 0;
    json = NULL;

    if (ngx_http_llm_view_open(&view, i, id, models, &v) == NGX_OK) {
        json = ngx_http_llm_view_json(&view);
        ngx_http_llm_view_close(&view);
    }

    if (version) {
        *version = v;
    }

    return json;
}


/*
 * Reads the node; NGX_DECLINED if the place has another or none, NGX_ERROR
 * if memory ends.  After NGX_OK the view is to be closed.
 */

static ngx_int_t
ngx_http_llm_view_open(ngx_http_llm_view_t *v, uint32_t i, uint64_t id,
    ngx_uint_t models, ngx_atomic_uint_t *version)
{
    ngx_int_t  rc;

    v->zone = ngx_http_llm_worker.zone;
    v->place = i;
    v->node = &v->zone->nodes->node[i];
    v->now = ngx_current_msec;
    v->list = NULL;

    rc = ngx_llm_nodes_read(v->zone->nodes, i, &v->conf, version);

    if (rc == NGX_OK
        && (v->node->use != NGX_LLM_NODE_USED || (id && v->conf.id != id)))
    {
        rc = NGX_DECLINED;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_llm_view_list(v, models);
    }

    if (rc != NGX_OK) {
        ngx_http_llm_view_close(v);
        return rc;
    }

    v->state = ngx_llm_node_state(v->node, v->now);

    return NGX_OK;
}


static void
ngx_http_llm_view_close(ngx_http_llm_view_t *v)
{
    if (v->list && v->list != (ngx_llm_list_t *) v->room) {
        ngx_free(v->list);
    }

    ngx_explicit_memzero(v->conf.api_key, NGX_LLM_NODE_KEY);
}


/* copies the first models of the list; memory is got outside the mutex */

static ngx_int_t
ngx_http_llm_view_list(ngx_http_llm_view_t *v, ngx_uint_t max)
{
    size_t           size, need;
    uint32_t         n;
    ngx_llm_list_t  *list, *copy;

    copy = (ngx_llm_list_t *) v->room;
    size = NGX_HTTP_LLM_VIEW_ROOM;

    for ( ;; ) {

        ngx_shmtx_lock(&v->zone->shpool->mutex);

        list = (v->zone->nodes->id[v->place] == v->conf.id) ? v->node->list
                                                            : NULL;
        v->total = list ? list->n : 0;
        need = ngx_http_llm_view_size(list, max, &n);

        if (list && need <= size) {
            ngx_memcpy(copy, list, need);
        }

        ngx_shmtx_unlock(&v->zone->shpool->mutex);

        if (need <= size) {
            break;
        }

        if (copy != (ngx_llm_list_t *) v->room) {
            ngx_free(copy);
        }

        size = need;

        copy = ngx_alloc(size, ngx_cycle->log);
        if (copy == NULL) {
            return NGX_ERROR;
        }
    }

    v->list = copy;
    copy->n = n;

    return NGX_OK;
}


/* the bytes of a list's head and its first models, n; the mutex is held */

static size_t
ngx_http_llm_view_size(const ngx_llm_list_t *list, ngx_uint_t max, uint32_t *n)
{
    size_t             size;
    ngx_llm_listed_t  *m;

    *n = 0;

    if (list == NULL) {
        return 0;
    }

    size = sizeof(ngx_llm_list_t);
    m = ngx_llm_list_first(list);

    while (*n < ngx_min(list->n, max)
           && size + m->size <= NGX_HTTP_LLM_VIEW_LIST)
    {
        size += m->size;
        m = ngx_llm_list_next(m);
        (*n)++;
    }

    return size;
}


static json_t *
ngx_http_llm_view_json(const ngx_http_llm_view_t *v)
{
    json_t                         *json;
    const ngx_http_llm_view_row_t  *row;

    json = json_object();

    for (row = ngx_http_llm_api_node_rows; row->name; row++) {

        /* a NULL, of no memory, is refused there */

        if (json_object_set_new_nocheck(json, row->name,
                                        row->value(v, row->offset))
            != 0)
        {
            json_decref(json);
            return NULL;
        }
    }

    return json;
}


static json_t *
ngx_http_llm_view_text(const ngx_http_llm_view_t *v, size_t offset)
{
    return ngx_http_llm_api_json_text((u_char *) &v->conf + offset);
}


static json_t *
ngx_http_llm_view_count(const ngx_http_llm_view_t *v, size_t offset)
{
    ngx_atomic_t  *n;

    n = (ngx_atomic_t *) ((u_char *) v->node + offset);

    return json_integer((json_int_t) *n);
}


/* when something was; 0: it never was */

static json_t *
ngx_http_llm_view_moment(const ngx_http_llm_view_t *v, size_t offset)
{
    ngx_atomic_t  *n;

    n = (ngx_atomic_t *) ((u_char *) v->node + offset);

    return *n ? ngx_http_llm_view_time(v, (ngx_msec_t) *n) : json_null();
}


static json_t *
ngx_http_llm_view_id(const ngx_http_llm_view_t *v, size_t offset)
{
    return ngx_http_llm_api_json_id("node-", v->conf.id);
}


static json_t *
ngx_http_llm_view_url(const ngx_http_llm_view_t *v, size_t offset)
{
    u_char  url[NGX_LLM_NODE_URL];

    (void) ngx_llm_node_url_print(url, &v->conf);

    return ngx_http_llm_api_json_text(url);
}


static json_t *
ngx_http_llm_view_source(const ngx_http_llm_view_t *v, size_t offset)
{
    return json_string(v->conf.is_static ? "nginx.conf"
                                         : v->conf.registered ? "registered"
                                                              : "api");
}


static json_t *
ngx_http_llm_view_type(const ngx_http_llm_view_t *v, size_t offset)
{
    return json_string(ngx_llm_node_type_name(v->conf.type ? v->conf.type
                                                           : v->node->type));
}


static json_t *
ngx_http_llm_view_models(const ngx_http_llm_view_t *v, size_t offset)
{
    json_t            *array, *name;
    uint32_t           k;
    ngx_llm_listed_t  *m;

    array = json_array();

    m = ngx_llm_list_first(v->list);

    for (k = 0; k < v->list->n; k++) {
        name = json_stringn((char *) m->text, m->name_len);

        /* a name of nginx.conf need not be UTF-8 */

        if (json_array_append_new(array, name ? name : json_string("?"))
            != 0)
        {
            json_decref(array);
            return NULL;
        }

        m = ngx_llm_list_next(m);
    }

    return array;
}


static json_t *
ngx_http_llm_view_total(const ngx_http_llm_view_t *v, size_t offset)
{
    return json_integer((json_int_t) v->total);
}


static json_t *
ngx_http_llm_view_discovered(const ngx_http_llm_view_t *v, size_t offset)
{
    return json_boolean(v->conf.discover);
}


static json_t *
ngx_http_llm_view_check(const ngx_http_llm_view_t *v, size_t offset)
{
    return json_boolean(v->conf.check);
}


/* the limit in force, of its configuration or its own; null: there is none */

static json_t *
ngx_http_llm_view_max(const ngx_http_llm_view_t *v, size_t offset)
{
    return v->node->max ? json_integer((json_int_t) v->node->max)
                        : json_null();
}


static json_t *
ngx_http_llm_view_has_key(const ngx_http_llm_view_t *v, size_t offset)
{
    return json_boolean(v->conf.api_key[0] != '\0');
}


static json_t *
ngx_http_llm_view_addresses(const ngx_http_llm_view_t *v, size_t offset)
{
    size_t           n;
    u_char           text[NGX_SOCKADDR_STRLEN];
    json_t          *array;
    ngx_uint_t       i;
    ngx_llm_addr_t   addr;

    array = json_array();

    for (i = 0; i < v->conf.naddrs; i++) {
        addr = v->conf.addrs[i];

        n = ngx_sock_ntop((struct sockaddr *) &addr.sockaddr, addr.socklen,
                          text, NGX_SOCKADDR_STRLEN, 0);

        if (json_array_append_new(array, json_stringn((char *) text, n))
            != 0)
        {
            json_decref(array);
            return NULL;
        }
    }

    return array;
}


static json_t *
ngx_http_llm_view_limit(const ngx_http_llm_view_t *v, size_t offset)
{
    ngx_uint_t  i;

    i = (offset == NGX_HTTP_LLM_VIEW_WAITING)
        ? ngx_llm_node_waiting(v->zone, v->place)
        : ngx_llm_node_in_flight(v->zone, v->place);

    return json_integer((json_int_t) ngx_llm_limits_count(v->zone->limits,
                                                          i));
}


static json_t *
ngx_http_llm_view_speed(const ngx_http_llm_view_t *v, size_t offset)
{
    return v->node->speed ? json_real((double) v->node->speed / 1000)
                          : json_null();
}


/* as it says itself; null: it says nothing */

static json_t *
ngx_http_llm_view_load(const ngx_http_llm_view_t *v, size_t offset)
{
    return v->node->heard ? json_integer((json_int_t) v->node->load)
                          : json_null();
}


static json_t *
ngx_http_llm_view_created(const ngx_http_llm_view_t *v, size_t offset)
{
    return ngx_http_llm_api_json_time(v->conf.created);
}
