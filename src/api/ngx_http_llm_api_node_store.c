
/*
 * The second step of a node's change: everything is checked against the table
 * and written under the mutex, all or nothing.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/rand.h>
#include "ngx_http_llm_api_node_edit.h"
#include "ngx_http_llm_finish.h"


static ngx_int_t ngx_http_llm_edit_conf(ngx_http_llm_edit_t *edit,
    ngx_llm_node_conf_t *conf, ngx_llm_node_conf_t *old);
static ngx_int_t ngx_http_llm_edit_place(ngx_http_llm_edit_t *edit,
    ngx_llm_node_conf_t *conf, ngx_llm_node_conf_t *old);
static void ngx_http_llm_edit_default_name(ngx_llm_node_conf_t *conf);
static ngx_uint_t ngx_http_llm_edit_name_in_use(const u_char *name,
    uint64_t id);
static ngx_int_t ngx_http_llm_edit_create_locked(ngx_http_llm_edit_t *edit,
    ngx_llm_node_conf_t *conf);
static ngx_int_t ngx_http_llm_edit_change_locked(ngx_http_llm_edit_t *edit,
    ngx_llm_node_conf_t *conf);
static ngx_uint_t ngx_http_llm_edit_same_list(const ngx_llm_list_t *old,
    const ngx_llm_list_t *list);
static void ngx_http_llm_edit_state(ngx_http_llm_edit_t *edit,
    const ngx_llm_node_conf_t *conf, const ngx_llm_node_conf_t *old);
static void ngx_http_llm_edit_call(ngx_http_llm_api_t *api);
static ngx_int_t ngx_http_llm_edit_refuse(ngx_http_llm_edit_t *edit,
    const ngx_http_llm_edit_error_t *error);


static const ngx_http_llm_edit_error_t  ngx_http_llm_edit_gone = {
    NGX_HTTP_NOT_FOUND, "node_not_found", NULL,
    "There is no such node"
};

static const ngx_http_llm_edit_error_t  ngx_http_llm_edit_named = {
    NGX_HTTP_CONFLICT, "name_in_use", "name",
    "Another node has this name"
};

static const ngx_http_llm_edit_error_t  ngx_http_llm_edit_exists = {
    NGX_HTTP_CONFLICT, "node_exists", "base_url",
    "Another node has this URL"
};

static const ngx_http_llm_edit_error_t  ngx_http_llm_edit_full = {
    507, "zone_full", NULL,
    "The shared memory zone is full: llm_router_zone must be larger"
};

static const ngx_http_llm_edit_error_t  ngx_http_llm_edit_random = {
    NGX_HTTP_INTERNAL_SERVER_ERROR, "internal_error", NULL,
    "No random bytes"
};

static const ngx_http_llm_edit_error_t  ngx_http_llm_edit_unasked = {
    NGX_HTTP_BAD_REQUEST, "invalid_value", "check",
    "Without \"check\" a node needs \"models\": nobody would ask it for them"
};

static const ngx_http_llm_edit_error_t  ngx_http_llm_edit_keyless = {
    NGX_HTTP_BAD_REQUEST, "missing_required_parameter", "api_key",
    "The node has an API key, which its new URL must not get unasked: give "
    "\"api_key\" together with \"base_url\", or null"
};


ngx_int_t
ngx_http_llm_edit_locked(ngx_http_llm_edit_t *edit, uint32_t i)
{
    ngx_int_t             rc;
    ngx_llm_nodes_t      *nodes;
    ngx_llm_node_conf_t   conf, old;

    nodes = ngx_http_llm_worker.zone->nodes;

    ngx_memzero(&old, sizeof(ngx_llm_node_conf_t));

    edit->place = i;
    edit->created = (i == NGX_LLM_NODE_NONE);

    if (edit->created) {
        old.weight = 1;
        old.check = 1;
        old.discover = 1;
        old.created = ngx_time();

        if (RAND_bytes((u_char *) &old.id, sizeof(old.id)) != 1
            || old.id == 0)
        {
            return ngx_http_llm_edit_refuse(edit, &ngx_http_llm_edit_random);
        }

    } else {
        old = nodes->node[i].conf;
    }

    conf = old;

    rc = ngx_http_llm_edit_conf(edit, &conf, &old);

    if (rc == NGX_OK) {
        rc = ngx_http_llm_edit_place(edit, &conf, &old);
    }

    if (rc == NGX_OK) {
        rc = edit->created ? ngx_http_llm_edit_create_locked(edit, &conf)
                           : ngx_http_llm_edit_change_locked(edit, &conf);
    }

    if (rc == NGX_OK) {
        ngx_http_llm_edit_state(edit, &conf, &old);
    }

    if (edit->changed) {
        ngx_llm_zone_changed(ngx_http_llm_worker.zone);
    }

    edit->id = conf.id;
    ngx_memcpy(edit->name, conf.name, NGX_LLM_NODE_NAME);

    ngx_explicit_memzero(conf.api_key, NGX_LLM_NODE_KEY);
    ngx_explicit_memzero(old.api_key, NGX_LLM_NODE_KEY);

    return rc;
}


/* what was given, put in place of what was there */

static ngx_int_t
ngx_http_llm_edit_conf(ngx_http_llm_edit_t *edit, ngx_llm_node_conf_t *conf,
    ngx_llm_node_conf_t *old)
{
    ngx_str_t  *text;

    if (ngx_http_llm_edit_given(edit, NAME)) {
        text = ngx_http_llm_edit_text(edit, NAME);
        ngx_cpystrn(conf->name, text->data, text->len + 1);
    }

    if (ngx_http_llm_edit_given(edit, NOTES)) {
        text = ngx_http_llm_edit_text(edit, NOTES);
        ngx_cpystrn(conf->notes, text->data, text->len + 1);
    }

    if (ngx_http_llm_edit_given(edit, API_KEY)) {
        text = ngx_http_llm_edit_text(edit, API_KEY);
        ngx_memzero(conf->api_key, NGX_LLM_NODE_KEY);
        ngx_cpystrn(conf->api_key, text->data, text->len + 1);
    }

    if (ngx_http_llm_edit_given(edit, MODELS)) {
        conf->discover = (edit->list == NULL);
    }

    if (ngx_http_llm_edit_given(edit, MAX_CONCURRENT)) {
        conf->max_concurrent = ngx_http_llm_edit_number(edit, MAX_CONCURRENT);
    }

    if (ngx_http_llm_edit_given(edit, WEIGHT)) {
        conf->weight = ngx_max(ngx_http_llm_edit_number(edit, WEIGHT), 1);
    }

    if (ngx_http_llm_edit_given(edit, TYPE)) {
        conf->type = edit->type;
    }

    if (ngx_http_llm_edit_given(edit, CHECK)) {
        conf->check = (ngx_http_llm_edit_number(edit, CHECK) != 0);
    }

    if (edit->registered) {
        conf->registered = 1;
        ngx_memcpy(conf->token, edit->token, NGX_LLM_NODE_TOKEN);
    }

    if (!conf->check && conf->discover && (!old->discover || old->check)) {
        return ngx_http_llm_edit_refuse(edit, &ngx_http_llm_edit_unasked);
    }

    return NGX_OK;
}


/* where it is, and that its URL and its name are its own */

static ngx_int_t
ngx_http_llm_edit_place(ngx_http_llm_edit_t *edit, ngx_llm_node_conf_t *conf,
    ngx_llm_node_conf_t *old)
{
    uint32_t              other;
    ngx_uint_t            moved;
    ngx_llm_node_conf_t  *url;

    url = &edit->url;

    if (ngx_http_llm_edit_given(edit, BASE_URL)) {

        moved = url->ssl != old->ssl
                || url->port != old->port
                || ngx_strcmp(url->host, old->host) != 0;

        if (moved && conf->api_key[0] && !edit->created
            && !ngx_http_llm_edit_given(edit, API_KEY))
        {
            return ngx_http_llm_edit_refuse(edit, &ngx_http_llm_edit_keyless);
        }

        conf->ssl = url->ssl;
        conf->port = url->port;
        conf->ipv6 = url->ipv6;
        conf->named = url->named;

        /* what nginx.conf may was said of its own URL only */

        conf->static_url = old->static_url && !moved;

        ngx_memcpy(conf->host, url->host, NGX_LLM_NODE_HOST);
        ngx_memcpy(conf->prefix, url->prefix, NGX_LLM_NODE_PREFIX);

        if (moved || url->naddrs) {
            conf->naddrs = url->naddrs;
            ngx_memcpy(conf->addrs, url->addrs, sizeof(conf->addrs));
        }

        other = ngx_llm_nodes_find_url_locked(ngx_http_llm_worker.zone->nodes,
                                              conf);

        if (other != NGX_LLM_NODE_NONE && other != edit->place) {
            return ngx_http_llm_edit_refuse(edit, &ngx_http_llm_edit_exists);
        }
    }

    if (conf->name[0] == '\0') {
        ngx_http_llm_edit_default_name(conf);
    }

    if (ngx_strcmp(conf->name, old->name) != 0
        && ngx_http_llm_edit_name_in_use(conf->name, conf->id))
    {
        return ngx_http_llm_edit_refuse(edit, &ngx_http_llm_edit_named);
    }

    return NGX_OK;
}


/* "host:port", cut if need be; if that is taken, with a part of its id */

static void
ngx_http_llm_edit_default_name(ngx_llm_node_conf_t *conf)
{
    u_char  *p;

    p = ngx_snprintf(conf->name, NGX_LLM_NODE_NAME - 1, "%s:%ui", conf->host,
                     (ngx_uint_t) conf->port);
    *p = '\0';

    if (ngx_http_llm_edit_name_in_use(conf->name, conf->id)) {
        p = ngx_snprintf(conf->name, NGX_LLM_NODE_NAME - 1, "%*s:%ui-%08xD",
                         ngx_min(ngx_strlen(conf->host), 40), conf->host,
                         (ngx_uint_t) conf->port, (uint32_t) conf->id);
        *p = '\0';
    }
}


static ngx_uint_t
ngx_http_llm_edit_name_in_use(const u_char *name, uint64_t id)
{
    uint32_t          i;
    ngx_llm_node_t   *node;
    ngx_llm_nodes_t  *nodes;

    nodes = ngx_http_llm_worker.zone->nodes;

    for (i = 0; i < nodes->used; i++) {
        node = &nodes->node[i];

        if (node->use == NGX_LLM_NODE_USED
            && ngx_strcmp(node->conf.name, name) == 0
            && node->conf.id != id)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_llm_edit_create_locked(ngx_http_llm_edit_t *edit,
    ngx_llm_node_conf_t *conf)
{
    ngx_llm_node_t  *node;
    ngx_llm_zone_t  *zone;

    zone = ngx_http_llm_worker.zone;

    edit->place = ngx_llm_nodes_set_list_locked(zone->nodes, conf, edit->list,
                                                ngx_llm_zone_node_idle, zone);

    if (edit->place == NGX_LLM_NODE_NONE) {
        return ngx_http_llm_edit_refuse(edit, &ngx_http_llm_edit_full);
    }

    node = &zone->nodes->node[edit->place];

    node->pending = edit->pending;

    edit->changed = 1;

    return NGX_OK;
}


/* what is as it was is left alone: the version and the state file, too */

static ngx_int_t
ngx_http_llm_edit_change_locked(ngx_http_llm_edit_t *edit,
    ngx_llm_node_conf_t *conf)
{
    ngx_int_t         rc;
    ngx_llm_list_t   *list;
    ngx_llm_node_t   *node;
    ngx_llm_nodes_t  *nodes;

    nodes = ngx_http_llm_worker.zone->nodes;
    node = &nodes->node[edit->place];
    list = edit->list;

    if (list && ngx_http_llm_edit_same_list(node->list, list)) {
        list = NULL;
    }

    if (list == NULL
        && ngx_memcmp(&node->conf, conf, sizeof(ngx_llm_node_conf_t)) == 0)
    {
        return NGX_OK;
    }

    rc = ngx_llm_nodes_change_list_locked(nodes, edit->place, conf, list);

    if (rc != NGX_OK) {
        return ngx_http_llm_edit_refuse(edit, (rc == NGX_ERROR)
                                              ? &ngx_http_llm_edit_full
                                              : &ngx_http_llm_edit_gone);
    }

    edit->changed = 1;

    return NGX_OK;
}


/* when they were created does not matter: that is the time of this request */

static ngx_uint_t
ngx_http_llm_edit_same_list(const ngx_llm_list_t *old,
    const ngx_llm_list_t *list)
{
    uint32_t           i;
    ngx_llm_listed_t  *a, *b;

    if (old == NULL || old->n != list->n || old->size != list->size) {
        return 0;
    }

    a = ngx_llm_list_first(old);
    b = ngx_llm_list_first(list);

    for (i = 0; i < old->n; i++) {

        if (a->name_len != b->name_len
            || a->owner_len != b->owner_len
            || ngx_memcmp(a->text, b->text, a->name_len + a->owner_len) != 0)
        {
            return 0;
        }

        a = ngx_llm_list_next(a);
        b = ngx_llm_list_next(b);
    }

    return 1;
}


/* what is no part of the configuration; a heartbeat may come with it */

static void
ngx_http_llm_edit_state(ngx_http_llm_edit_t *edit,
    const ngx_llm_node_conf_t *conf, const ngx_llm_node_conf_t *old)
{
    ngx_llm_node_t  *node;

    node = &ngx_http_llm_worker.zone->nodes->node[edit->place];

    if (edit->approved) {
        node->pending = 0;
    }

    if (edit->registered) {
        node->heard = ngx_max(ngx_current_msec, 1);

        if (!conf->check && conf->naddrs) {
            node->online = 1;
        }
    }

    if (conf->type != old->type) {
        node->type = conf->type;
    }

    /* what it was asked may be another question now */

    if (conf->discover != old->discover
        || conf->check != old->check
        || conf->type != old->type
        || ngx_strcmp(conf->api_key, old->api_key) != 0)
    {
        node->check_now = 1;
    }
}


static ngx_int_t
ngx_http_llm_edit_refuse(ngx_http_llm_edit_t *edit,
    const ngx_http_llm_edit_error_t *error)
{
    edit->error = error;

    return NGX_DECLINED;
}


void
ngx_http_llm_edit_fail(ngx_http_llm_api_t *api,
    const ngx_http_llm_edit_t *edit)
{
    ngx_http_llm_api_fail(api, edit->error->status, edit->error->code,
                          edit->error->param, "%s", edit->error->message);
}


void
ngx_http_llm_edit_more(ngx_http_llm_api_t *api, uint32_t i)
{
    api->place = i;
    api->settled = ngx_http_llm_edit_call;

    ngx_http_llm_edit_call(api);
}


static void
ngx_http_llm_edit_call(ngx_http_llm_api_t *api)
{
    ngx_llm_wait_t   wait;
    ngx_llm_zone_t  *zone;

    zone = ngx_http_llm_worker.zone;

    wait.reason = NGX_LLM_WAIT_MODEL;
    wait.what = 0;

    ngx_llm_queue_tell(zone->queue);
    ngx_llm_queue_call(zone->queue, &wait, ngx_http_llm_fits, &api->place);
}
