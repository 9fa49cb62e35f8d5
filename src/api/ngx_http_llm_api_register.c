
/*
 * Nodes that announce themselves.  Who asks is known before anything of the
 * body is looked at, and an unknown node is told the same as a wrong token.
 */


#include "ngx_llm_heartbeat.h"
#include "ngx_llm_sha256.h"
#include "ngx_llm_text.h"
#include "ngx_http_llm_auth.h"
#include "ngx_http_llm_api_audit.h"
#include "ngx_http_llm_api_node_edit.h"
#include "ngx_http_llm_api_register.h"
#include "ngx_http_llm_api_secret.h"


typedef enum {
    NGX_HTTP_LLM_BEAT_IN_FLIGHT = 0,
    NGX_HTTP_LLM_BEAT_LOAD,
    NGX_HTTP_LLM_BEAT_MODELS,
    NGX_HTTP_LLM_BEAT_MAX_CONCURRENT,
    NGX_HTTP_LLM_BEAT_FIELDS
} ngx_http_llm_beat_field_e;


static ngx_uint_t ngx_http_llm_register_allowed(ngx_http_llm_api_t *api,
    ngx_llm_key_conf_t *conf);
static void ngx_http_llm_register_known(ngx_http_llm_api_t *api);
static const char *ngx_http_llm_register_taken(
    const ngx_http_llm_edit_t *edit, const ngx_llm_node_conf_t *conf);
static ngx_int_t ngx_http_llm_register_locked(ngx_http_llm_edit_t *edit,
    const char **taken);
static void ngx_http_llm_register_reply(ngx_http_llm_api_t *api,
    ngx_http_llm_edit_t *edit, const u_char *token);
static uint32_t ngx_http_llm_beat_node(ngx_http_llm_api_t *api,
    uint64_t *id);
static void ngx_http_llm_beat_unknown(ngx_http_llm_api_t *api);
static void ngx_http_llm_beat_reply(ngx_http_llm_api_t *api, uint32_t i);
static ngx_int_t ngx_http_llm_beat_token(ngx_http_request_t *r,
    ngx_str_t *token);
static ngx_http_llm_edit_t *ngx_http_llm_beat_edit(ngx_http_llm_api_t *api,
    ngx_http_llm_api_value_t *values);
static ngx_int_t ngx_http_llm_beat_locked(ngx_http_llm_edit_t *edit,
    uint32_t i, const ngx_http_llm_api_value_t *values, ngx_uint_t *silent);
static const char *ngx_http_llm_beat_state(uint32_t i);


static const ngx_http_llm_api_field_t  ngx_http_llm_beat_fields[] = {
    { "in_flight", NGX_HTTP_LLM_API_NUMBER, 0, 1000000, 0, 1 },
    { "load", NGX_HTTP_LLM_API_NUMBER, 0, 1000000, 0, 1 },
    { "models", NGX_HTTP_LLM_API_NAMES, 0, NGX_HTTP_LLM_API_NODE_MODELS, 0, 0 },
    { "max_concurrent", NGX_HTTP_LLM_API_NUMBER, 1, 1000000, 0, 1 },
    { NULL, 0, 0, 0, 0, 0 }
};


void
ngx_http_llm_api_node_register(ngx_http_llm_api_t *api)
{
    ngx_llm_key_conf_t  conf;

    if (!ngx_http_llm_register_allowed(api, &conf)) {
        return;
    }

    ngx_http_llm_edit(api, ngx_http_llm_edit_register,
                      ngx_http_llm_register_known);
}


/* the key's name is what the log will call who did it */

static ngx_uint_t
ngx_http_llm_register_allowed(ngx_http_llm_api_t *api,
    ngx_llm_key_conf_t *conf)
{
    u_char    *p;
    uint32_t   key;

    key = ngx_http_llm_auth_conf(api->request, conf);

    if (key == NGX_LLM_KEY_NONE) {
        ngx_http_llm_api_fail(api, NGX_HTTP_UNAUTHORIZED, "invalid_api_key",
                              NULL, "Invalid API key");
        return 0;
    }

    if (!(conf->scopes & NGX_LLM_SCOPE_NODE)) {
        ngx_http_llm_api_fail(api, NGX_HTTP_FORBIDDEN, "insufficient_scope",
                              NULL, "This needs a key of scope \"node\"");
        return 0;
    }

    p = ngx_pnalloc(api->request->pool, NGX_LLM_KEY_NAME);
    if (p == NULL) {
        ngx_http_llm_api_reply(api, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
        return 0;
    }

    api->who.name.data = p;
    api->who.name.len = ngx_cpystrn(p, conf->name, NGX_LLM_KEY_NAME) - p;
    api->who.key = key;

    return 1;
}


static void
ngx_http_llm_register_known(ngx_http_llm_api_t *api)
{
    u_char                token[NGX_HTTP_LLM_API_SECRET];
    ngx_int_t             rc;
    const char           *taken;
    ngx_llm_zone_t       *zone;
    ngx_llm_key_conf_t    conf;
    ngx_http_llm_edit_t  *edit;

    edit = api->data;
    zone = ngx_http_llm_worker.zone;

    /* the key may have gone while a name was asked for */

    if (!ngx_http_llm_register_allowed(api, &conf)) {
        return;
    }

    if (ngx_http_llm_api_secret("nt-", token, edit->token) != NGX_OK) {
        ngx_http_llm_api_reply(api, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
        return;
    }

    ngx_memcpy(edit->token + NGX_LLM_NODE_SECRET, conf.hash,
               NGX_LLM_NODE_TOKEN - NGX_LLM_NODE_SECRET);

    edit->registered = 1;
    edit->approved = ((conf.scopes & NGX_LLM_SCOPE_APPROVE) != 0);
    edit->pending = !edit->approved;

    ngx_shmtx_lock(&zone->shpool->mutex);
    rc = ngx_http_llm_register_locked(edit, &taken);
    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (taken) {
        ngx_http_llm_api_fail(api, NGX_HTTP_CONFLICT, "node_exists",
                              "base_url", "%s", taken);

    } else if (rc != NGX_OK) {
        ngx_http_llm_edit_fail(api, edit);

    } else {
        ngx_http_llm_edit_more(api, edit->place);
        ngx_http_llm_api_audit(api, "registered", "node", edit->name,
                               edit->id);
        ngx_http_llm_register_reply(api, edit, token);
    }

    ngx_explicit_memzero(token, sizeof(token));
}


static ngx_int_t
ngx_http_llm_register_locked(ngx_http_llm_edit_t *edit, const char **taken)
{
    uint32_t          i;
    ngx_llm_nodes_t  *nodes;

    nodes = ngx_http_llm_worker.zone->nodes;

    ngx_llm_nodes_recover_locked(nodes);

    i = ngx_llm_nodes_find_url_locked(nodes, &edit->url);

    *taken = (i != NGX_LLM_NODE_NONE)
             ? ngx_http_llm_register_taken(edit, &nodes->node[i].conf) : NULL;

    return *taken ? NGX_DECLINED : ngx_http_llm_edit_locked(edit, i);
}


/* why the node that has the URL is not the one that is announced, or NULL */

static const char *
ngx_http_llm_register_taken(const ngx_http_llm_edit_t *edit,
    const ngx_llm_node_conf_t *conf)
{
    size_t  n;

    if (conf->is_static || !conf->registered) {
        return "A node of this URL is there that did not announce itself";
    }

    n = NGX_LLM_NODE_SECRET;

    /* another key can't have the approval that this one was given */

    if (!edit->approved
        && !ngx_llm_same(conf->token + n, edit->token + n,
                         NGX_LLM_NODE_TOKEN - n))
    {
        return "The node of this URL announced itself with another key: use "
               "that one, or delete the node first";
    }

    return NULL;
}


static void
ngx_http_llm_register_reply(ngx_http_llm_api_t *api,
    ngx_http_llm_edit_t *edit, const u_char *token)
{
    json_t  *json;

    json = json_pack("{s:o,s:s,s:s,s:i}",
                     "node_id", ngx_http_llm_api_json_id("node-", edit->id),
                     "node_token", (char *) token,
                     "state", ngx_http_llm_beat_state(edit->place),
                     "heartbeat_interval", NGX_LLM_HEARTBEAT_NEXT);

    ngx_http_llm_api_settle(api, edit->created ? NGX_HTTP_CREATED
                                               : NGX_HTTP_OK, json);
}


void
ngx_http_llm_api_node_heartbeat(ngx_http_llm_api_t *api)
{
    uint32_t                   i;
    uint64_t                   id;
    ngx_int_t                  rc;
    ngx_uint_t                 silent;
    ngx_llm_zone_t            *zone;
    ngx_http_llm_edit_t       *edit;
    ngx_http_llm_api_value_t   values[NGX_HTTP_LLM_BEAT_FIELDS];

    zone = ngx_http_llm_worker.zone;

    if (ngx_http_llm_beat_node(api, &id) == NGX_LLM_NODE_NONE) {
        ngx_http_llm_beat_unknown(api);
        return;
    }

    if (ngx_http_llm_api_input(api, ngx_http_llm_beat_fields, values)
        != NGX_OK)
    {
        return;
    }

    edit = ngx_http_llm_beat_edit(api, values);
    if (edit == NULL) {
        ngx_http_llm_api_reply(api, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
        return;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_llm_nodes_recover_locked(zone->nodes);

    i = ngx_llm_nodes_find(zone->nodes, id);

    rc = (i != NGX_LLM_NODE_NONE)
         ? ngx_http_llm_beat_locked(edit, i, values, &silent) : NGX_ERROR;

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (i == NGX_LLM_NODE_NONE) {
        ngx_http_llm_beat_unknown(api);
        return;
    }

    if (rc != NGX_OK) {
        ngx_http_llm_edit_fail(api, edit);
        return;
    }

    if (silent) {
        ngx_log_error(NGX_LOG_NOTICE, api->request->connection->log, 0,
                      "llm node node-%016xL is heard again", id);
    }

    if (edit->changed || silent) {
        ngx_http_llm_edit_more(api, i);
    }

    ngx_http_llm_beat_reply(api, i);
}


static void
ngx_http_llm_beat_reply(ngx_http_llm_api_t *api, uint32_t i)
{
    ngx_http_llm_api_settle(api, NGX_HTTP_OK,
                            json_pack("{s:s,s:i}", "state",
                                      ngx_http_llm_beat_state(i), "next_in",
                                      NGX_LLM_HEARTBEAT_NEXT));
}


static void
ngx_http_llm_beat_unknown(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_fail(api, NGX_HTTP_UNAUTHORIZED, "invalid_node_token",
                          NULL, "There is no such node, or its token is "
                          "another one: register again");
}


/* the node of the path's {id}, if the request bears its token */

static uint32_t
ngx_http_llm_beat_node(ngx_http_llm_api_t *api, uint64_t *id)
{
    u_char                hash[32];
    uint32_t              i;
    ngx_str_t             token;
    ngx_uint_t            same;
    ngx_llm_nodes_t      *nodes;
    ngx_atomic_uint_t     version;
    ngx_llm_node_conf_t   conf;

    nodes = ngx_http_llm_worker.zone->nodes;

    if (ngx_http_llm_beat_token(api->request, &token) != NGX_OK) {
        return NGX_LLM_NODE_NONE;
    }

    ngx_llm_sha256(token.data, token.len, hash);

    *id = ngx_http_llm_api_id(&api->id, "node-");

    i = *id ? ngx_llm_nodes_find(nodes, *id) : NGX_LLM_NODE_NONE;

    ngx_memzero(&conf, sizeof(ngx_llm_node_conf_t));

    if (i != NGX_LLM_NODE_NONE
        && ngx_llm_nodes_read(nodes, i, &conf, &version) != NGX_OK)
    {
        i = NGX_LLM_NODE_NONE;
    }

    same = ngx_llm_same(conf.token, hash, NGX_LLM_NODE_SECRET);

    ngx_explicit_memzero(conf.api_key, NGX_LLM_NODE_KEY);

    return (same && conf.registered && conf.id == *id) ? i
                                                       : NGX_LLM_NODE_NONE;
}


static ngx_int_t
ngx_http_llm_beat_token(ngx_http_request_t *r, ngx_str_t *token)
{
    ngx_table_elt_t  *h;

    h = r->headers_in.authorization;

    if (h == NULL
        || h->value.len <= sizeof("Bearer ") - 1
        || ngx_strncasecmp(h->value.data, (u_char *) "Bearer ",
                           sizeof("Bearer ") - 1)
           != 0)
    {
        return NGX_DECLINED;
    }

    token->data = h->value.data + sizeof("Bearer ") - 1;
    token->len = h->value.len - (sizeof("Bearer ") - 1);

    return NGX_OK;
}


/* what a heartbeat says, as a change; NULL: no memory */

static ngx_http_llm_edit_t *
ngx_http_llm_beat_edit(ngx_http_llm_api_t *api,
    ngx_http_llm_api_value_t *values)
{
    ngx_http_llm_edit_t  *edit;

    edit = ngx_pcalloc(api->request->pool, sizeof(ngx_http_llm_edit_t));
    if (edit == NULL) {
        return NULL;
    }

    edit->values[NGX_HTTP_LLM_EDIT_MODELS] = values[NGX_HTTP_LLM_BEAT_MODELS];
    edit->values[NGX_HTTP_LLM_EDIT_MAX_CONCURRENT] =
                                    values[NGX_HTTP_LLM_BEAT_MAX_CONCURRENT];

    if (values[NGX_HTTP_LLM_BEAT_MODELS].given) {
        edit->list = ngx_http_llm_edit_list(api->request->pool,
                                    values[NGX_HTTP_LLM_BEAT_MODELS].names);
        if (edit->list == NULL) {
            return NULL;
        }
    }

    return edit;
}


/* who was silent is checked at once, and online when that is well */

static ngx_int_t
ngx_http_llm_beat_locked(ngx_http_llm_edit_t *edit, uint32_t i,
    const ngx_http_llm_api_value_t *values, ngx_uint_t *silent)
{
    ngx_int_t                        rc;
    ngx_llm_node_t                  *node;
    const ngx_http_llm_api_value_t  *load;

    node = &ngx_http_llm_worker.zone->nodes->node[i];

    /* it lives, whatever becomes of what it says */

    *silent = ngx_llm_heartbeat_silent(node, ngx_current_msec);

    if (*silent) {
        node->check_now = 1;
    }

    node->heard = ngx_max(ngx_current_msec, 1);

    if (!node->conf.check && node->conf.naddrs) {
        node->online = 1;
    }

    if (values[NGX_HTTP_LLM_BEAT_MODELS].given
        || (values[NGX_HTTP_LLM_BEAT_MAX_CONCURRENT].given
            && (ngx_uint_t) values[NGX_HTTP_LLM_BEAT_MAX_CONCURRENT].number
               != node->conf.max_concurrent))
    {
        rc = ngx_http_llm_edit_locked(edit, i);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* what it does not say is as it was */

    load = &values[NGX_HTTP_LLM_BEAT_LOAD];

    if (!load->given || load->null) {
        load = &values[NGX_HTTP_LLM_BEAT_IN_FLIGHT];
    }

    if (load->given && !load->null) {
        node->load = (ngx_uint_t) load->number;
    }

    return NGX_OK;
}


static const char *
ngx_http_llm_beat_state(uint32_t i)
{
    ngx_llm_node_t  *node;

    node = &ngx_http_llm_worker.zone->nodes->node[i];

    return ngx_llm_node_state_name(ngx_llm_node_state(node,
                                                      ngx_current_msec));
}
