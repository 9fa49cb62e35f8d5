
/*
 * The nodes and keys of nginx.conf on their way to the zone, in the master:
 * at start, and at each reload.
 */


#include "ngx_llm_node_url.h"
#include "ngx_http_llm_seed.h"


static void ngx_http_llm_seed_nodes(ngx_http_llm_main_conf_t *mcf,
    ngx_log_t *log);
static void ngx_http_llm_seed_node(ngx_llm_zone_t *zone,
    ngx_http_llm_static_node_t *node, u_char *seen, ngx_log_t *log);
static void ngx_http_llm_seed_keys(ngx_http_llm_main_conf_t *mcf,
    ngx_log_t *log);
static void ngx_http_llm_seed_key(ngx_llm_keys_t *keys,
    const ngx_llm_key_conf_t *conf, u_char *seen, ngx_log_t *log);
static void ngx_http_llm_seed_look_node(ngx_http_llm_main_conf_t *mcf,
    uint32_t i, ngx_log_t *log);


void
ngx_http_llm_seed(ngx_http_llm_main_conf_t *mcf, ngx_log_t *log)
{
    ngx_shmtx_lock(&mcf->zone->shpool->mutex);

    ngx_http_llm_seed_nodes(mcf, log);
    ngx_http_llm_seed_keys(mcf, log);

    ngx_shmtx_unlock(&mcf->zone->shpool->mutex);
}


/* nodes of nginx.conf come, change and go with it */

static void
ngx_http_llm_seed_nodes(ngx_http_llm_main_conf_t *mcf, ngx_log_t *log)
{
    u_char                      *seen;
    uint32_t                     i;
    ngx_uint_t                   k;
    ngx_llm_node_t              *node;
    ngx_llm_zone_t              *zone;
    ngx_http_llm_static_node_t  *nodes;

    zone = mcf->zone;
    nodes = mcf->nodes.elts;

    seen = ngx_calloc(zone->nodes->max, log);
    if (seen == NULL) {
        return;
    }

    for (k = 0; k < mcf->nodes.nelts; k++) {
        ngx_http_llm_seed_node(zone, &nodes[k], seen, log);
    }

    for (i = 0; i < zone->nodes->used; i++) {
        node = &zone->nodes->node[i];

        if (node->use == NGX_LLM_NODE_USED
            && node->conf.is_static
            && !seen[i])
        {
            ngx_llm_nodes_leave_locked(zone->nodes, i);
        }
    }

    ngx_free(seen);

    if (ngx_llm_models_build_locked(zone->models, zone->nodes) != NGX_OK) {
        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "llm_router_zone \"%V\" is full, the index of models is "
                      "the old one", &mcf->zone_name);
    }
}


static void
ngx_http_llm_seed_node(ngx_llm_zone_t *zone, ngx_http_llm_static_node_t *node,
    u_char *seen, ngx_log_t *log)
{
    uint32_t  i;

    /* it keeps those it had */

    node->conf.id = ngx_llm_nodes_id(&node->conf);
    node->conf.created = ngx_time();

    i = ngx_llm_nodes_set_locked(zone->nodes, &node->conf,
                                 ngx_llm_zone_node_idle, zone);

    if (i == NGX_LLM_NODE_NONE) {
        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "llm node \"%s\" has no place in the zone, which is full "
                      "of nodes that are leaving: reload again later",
                      node->conf.name);
        return;
    }

    seen[i] = 1;

    if (node->models
        && ngx_llm_nodes_list_locked(zone->nodes, i, node->models)
           == NGX_ERROR)
    {
        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "llm node \"%s\": its models find no room in the zone",
                      node->conf.name);
    }
}


/*
 * As nodes.  Those that stay are valid all the time: workers look them up
 * meanwhile.  One that was revoked stays so for as long as it is listed.
 */

static void
ngx_http_llm_seed_keys(ngx_http_llm_main_conf_t *mcf, ngx_log_t *log)
{
    u_char              *seen;
    uint32_t             i;
    ngx_uint_t           k;
    ngx_llm_key_t       *key;
    ngx_llm_keys_t      *keys;
    ngx_llm_key_conf_t  *conf;

    keys = mcf->zone->keys;
    conf = mcf->keys.elts;

    seen = ngx_calloc(keys->max, log);
    if (seen == NULL) {
        return;
    }

    for (k = 0; k < mcf->keys.nelts; k++) {
        ngx_http_llm_seed_key(keys, &conf[k], seen, log);
    }

    for (i = 0; i < keys->used; i++) {
        key = &keys->key[i];

        if (key->use != NGX_LLM_KEY_USED || !key->conf.is_static || seen[i]) {
            continue;
        }

        if (key->conf.revoked) {
            ngx_llm_keys_remove_locked(keys, i, ngx_current_msec);

        } else if (key->valid) {
            ngx_llm_keys_leave_locked(keys, i);
        }
    }

    ngx_free(seen);
}


static void
ngx_http_llm_seed_key(ngx_llm_keys_t *keys, const ngx_llm_key_conf_t *conf,
    u_char *seen, ngx_log_t *log)
{
    uint32_t            i;
    ngx_llm_key_conf_t  key;

    key = *conf;
    key.created = ngx_time();

    if (RAND_bytes((u_char *) &key.id, sizeof(key.id)) != 1) {
        ngx_log_error(NGX_LOG_CRIT, log, 0, "RAND_bytes() failed");
        return;
    }

    /* 0 means none; it keeps the one it had */

    key.id |= (key.id == 0);

    i = ngx_llm_keys_set_locked(keys, &key);

    if (i == NGX_LLM_KEY_NONE) {
        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "llm key \"%s\" has no place in the zone, which is full "
                      "of keys: reload again later", conf->name);
        return;
    }

    seen[i] = 1;
}


void
ngx_http_llm_seed_look(ngx_http_llm_main_conf_t *mcf, ngx_log_t *log)
{
    uint32_t         i;
    ngx_llm_key_t   *key;
    ngx_llm_zone_t  *zone;

    zone = mcf->zone;

    ngx_shmtx_lock(&zone->shpool->mutex);

    for (i = 0; i < zone->nodes->used; i++) {
        ngx_http_llm_seed_look_node(mcf, i, log);
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    for (i = 0; i < zone->keys->used; i++) {
        key = &zone->keys->key[i];

        if (key->use == NGX_LLM_KEY_USED
            && key->conf.is_static
            && key->conf.revoked)
        {
            ngx_log_error(NGX_LOG_WARN, log, 0,
                          "llm key \"%s\" was revoked by the API, and is "
                          "refused though nginx.conf has it: remove it there",
                          key->conf.name);
        }
    }
}


/* names are looked up again, and what they lead to with them */

static void
ngx_http_llm_seed_look_node(ngx_http_llm_main_conf_t *mcf, uint32_t i,
    ngx_log_t *log)
{
    u_char                url[NGX_LLM_NODE_URL];
    ngx_str_t             text;
    ngx_uint_t            naddrs;
    ngx_llm_node_t       *node;
    ngx_llm_node_conf_t   conf;

    node = &mcf->zone->nodes->node[i];

    if (node->use != NGX_LLM_NODE_USED
        || node->conf.is_static
        || node->conf.named)
    {
        return;
    }

    conf = node->conf;
    naddrs = conf.naddrs;

    text.data = url;
    text.len = ngx_llm_node_url_print(url, &conf) - url;

    if (ngx_llm_node_url(&conf, &text) != NULL
        || !ngx_llm_cidr_allows(&mcf->node_allow,
                                (struct sockaddr *) &conf.addrs[0].sockaddr))
    {
        conf.naddrs = 0;

        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "llm node \"%s\" of the API is offline: "
                      "llm_router_node_allow does not have its address, %s",
                      conf.name, url);
    }

    if (conf.naddrs != naddrs) {
        (void) ngx_llm_nodes_change_locked(mcf->zone->nodes, i, &conf);
        node->check_now = 1;
    }
}
