
/*
 * What a snapshot says is taken into the zone.  It was checked; rows that
 * were skipped are null, which is no object.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdlib.h>
#include "ngx_llm_snapshot_apply.h"


static void ngx_llm_snapshot_key(const ngx_llm_row_key_t *row,
    ngx_llm_key_conf_t *conf);
static void ngx_llm_snapshot_apply_totals(ngx_llm_snapshot_reader_t *r);
static void ngx_llm_snapshot_apply_node_locked(ngx_llm_snapshot_reader_t *r,
    const ngx_llm_row_node_t *row, const ngx_llm_node_conf_t *conf);
static void ngx_llm_snapshot_apply_new_locked(ngx_llm_snapshot_reader_t *r,
    uint32_t i, const ngx_llm_row_node_t *row);
static void ngx_llm_snapshot_apply_key_locked(ngx_llm_snapshot_reader_t *r,
    const ngx_llm_row_key_t *row);
static void ngx_llm_snapshot_known_node(ngx_llm_node_t *node,
    const ngx_llm_row_node_t *row);
static void ngx_llm_snapshot_known_key_locked(ngx_llm_keys_t *keys,
    uint32_t i, const ngx_llm_row_key_t *row);
static void ngx_llm_snapshot_count_node(ngx_llm_node_t *node,
    const ngx_llm_row_node_t *row);
static void ngx_llm_snapshot_count_key(ngx_llm_key_t *key,
    const ngx_llm_row_key_t *row);


/* to a counter that others may be adding to */
#define ngx_llm_snapshot_add(counter, n)                                      \
    (void) ngx_atomic_fetch_add(&(counter), (ngx_atomic_int_t) (n))


void
ngx_llm_snapshot_apply_locked(ngx_llm_snapshot_reader_t *r)
{
    size_t               i;
    uint32_t             k;
    ngx_llm_zone_t      *zone;
    ngx_llm_row_key_t    key;
    ngx_atomic_uint_t    generation;
    ngx_llm_row_node_t   node;
    ngx_llm_node_conf_t  conf;

    zone = r->zone;

    ngx_llm_snapshot_apply_totals(r);

    for (i = 0; i < json_array_size(r->nodes); i++) {

        if (ngx_llm_snapshot_node(r, json_array_get(r->nodes, i), &node, &conf)
            == NGX_OK)
        {
            ngx_llm_snapshot_apply_node_locked(r, &node, &conf);
        }

        free(node.models);
    }

    for (i = 0; i < json_array_size(r->keys); i++) {

        if (ngx_llm_in_object(&r->in, json_array_get(r->keys, i),
                              ngx_llm_row_key, &key, sizeof(key))
            == NGX_OK)
        {
            ngx_llm_snapshot_apply_key_locked(r, &key);
        }
    }

    for (i = 0; i < json_array_size(r->static_nodes); i++) {

        if (ngx_llm_in_object(&r->in, json_array_get(r->static_nodes, i),
                              ngx_llm_row_static_node, &node, sizeof(node))
            != NGX_OK)
        {
            continue;
        }

        k = ngx_llm_nodes_find(zone->nodes, node.id);

        if (k != NGX_LLM_NODE_NONE) {
            ngx_llm_snapshot_known_node(&zone->nodes->node[k], &node);
        }
    }

    for (i = 0; i < json_array_size(r->static_keys); i++) {

        if (ngx_llm_in_object(&r->in, json_array_get(r->static_keys, i),
                              ngx_llm_row_static_key, &key, sizeof(key))
            != NGX_OK)
        {
            continue;
        }

        k = ngx_llm_keys_find(zone->keys, key.hash, &generation);

        if (k != NGX_LLM_KEY_NONE) {
            ngx_llm_snapshot_known_key_locked(zone->keys, k, &key);
        }
    }
}


static void
ngx_llm_snapshot_key(const ngx_llm_row_key_t *row, ngx_llm_key_conf_t *conf)
{
    ngx_memzero(conf, sizeof(ngx_llm_key_conf_t));

    ngx_memcpy(conf->hash, row->hash, sizeof(row->hash));
    ngx_memcpy(conf->name, row->name, sizeof(row->name));
    ngx_memcpy(conf->prefix, row->prefix, sizeof(row->prefix));
    ngx_memcpy(conf->models, row->models, sizeof(row->models));

    conf->id = row->id;
    conf->created = row->created;
    conf->rpm = row->rpm;
    conf->tpm = row->tpm;
    conf->max_concurrent = row->max_concurrent;
    conf->expires = row->expires;
    conf->priority = row->priority;
    conf->scopes = (unsigned) row->scopes & 0xff;
}


static void
ngx_llm_snapshot_apply_totals(ngx_llm_snapshot_reader_t *r)
{
    ngx_llm_totals_t      *totals;
    ngx_llm_row_totals_t   row;

    if (ngx_llm_in_object(&r->in, r->totals, ngx_llm_row_totals, &row,
                          sizeof(row))
        != NGX_OK)
    {
        return;
    }

    totals = &r->zone->totals;

    ngx_llm_snapshot_add(totals->requests, row.requests);
    ngx_llm_snapshot_add(totals->errors, row.errors);
    ngx_llm_snapshot_add(totals->cancelled, row.cancelled);
    ngx_llm_snapshot_add(totals->failovers, row.failovers);
    ngx_llm_snapshot_add(totals->queued, row.queued);
    ngx_llm_snapshot_add(totals->prompt_tokens, row.prompt_tokens);
    ngx_llm_snapshot_add(totals->completion_tokens, row.completion_tokens);
}


/* one that nginx.conf has by now, or the zone for another reason, goes on */

static void
ngx_llm_snapshot_apply_node_locked(ngx_llm_snapshot_reader_t *r,
    const ngx_llm_row_node_t *row, const ngx_llm_node_conf_t *conf)
{
    uint32_t          i;
    ngx_llm_nodes_t  *nodes;

    nodes = r->zone->nodes;

    i = ngx_llm_nodes_find_url_locked(nodes, conf);

    if (i == NGX_LLM_NODE_NONE) {
        i = ngx_llm_nodes_find(nodes, row->id);
    }

    if (i != NGX_LLM_NODE_NONE) {
        ngx_llm_snapshot_known_node(&nodes->node[i], row);
        return;
    }

    i = ngx_llm_nodes_set_locked(nodes, conf, ngx_llm_zone_node_idle, r->zone);

    if (i == NGX_LLM_NODE_NONE) {
        r->result->dropped++;
        return;
    }

    ngx_llm_snapshot_apply_new_locked(r, i, row);
    ngx_llm_snapshot_count_node(&nodes->node[i], row);
}


static void
ngx_llm_snapshot_apply_new_locked(ngx_llm_snapshot_reader_t *r, uint32_t i,
    const ngx_llm_row_node_t *row)
{
    ngx_llm_node_t  *node;

    node = &r->zone->nodes->node[i];

    node->draining = row->draining;
    node->pending = row->pending;

    if (row->registered) {

        /* silence counts from now on */

        node->heard = ngx_current_msec ? ngx_current_msec : 1;
    }

    r->result->nodes++;

    if (row->models == NULL) {
        return;
    }

    if (ngx_llm_nodes_list_locked(r->zone->nodes, i, row->models)
        == NGX_ERROR)
    {
        r->result->dropped++;
    }

    /* as any upstream server: up until it is found down */

    node->online = 1;
}


static void
ngx_llm_snapshot_apply_key_locked(ngx_llm_snapshot_reader_t *r,
    const ngx_llm_row_key_t *row)
{
    uint32_t             i;
    ngx_llm_keys_t      *keys;
    ngx_atomic_uint_t    generation;
    ngx_llm_key_conf_t   conf;

    keys = r->zone->keys;

    i = ngx_llm_keys_find(keys, row->hash, &generation);

    if (i == NGX_LLM_KEY_NONE) {
        i = ngx_llm_keys_find_id(keys, row->id);    /* a revoked one, too */
    }

    if (i == NGX_LLM_KEY_NONE) {

        ngx_llm_snapshot_key(row, &conf);

        i = ngx_llm_keys_set_locked(keys, &conf);

        if (i == NGX_LLM_KEY_NONE) {
            r->result->dropped++;
            return;
        }

        r->result->keys++;
    }

    ngx_llm_snapshot_known_key_locked(keys, i, row);
}


/* what was done at run time is in force where nginx.conf has it, too */

static void
ngx_llm_snapshot_known_node(ngx_llm_node_t *node,
    const ngx_llm_row_node_t *row)
{
    if (row->draining) {
        node->draining = 1;
    }

    ngx_llm_snapshot_count_node(node, row);
}


static void
ngx_llm_snapshot_known_key_locked(ngx_llm_keys_t *keys, uint32_t i,
    const ngx_llm_row_key_t *row)
{
    if (row->revoked && keys->key[i].valid) {
        ngx_llm_keys_revoke_locked(keys, i);
    }

    ngx_llm_snapshot_count_key(&keys->key[i], row);
}


static void
ngx_llm_snapshot_count_node(ngx_llm_node_t *node,
    const ngx_llm_row_node_t *row)
{
    ngx_llm_snapshot_add(node->requests, row->requests);
    ngx_llm_snapshot_add(node->failures, row->failures);
    ngx_llm_snapshot_add(node->prompt_tokens, row->prompt_tokens);
    ngx_llm_snapshot_add(node->completion_tokens, row->completion_tokens);
}


static void
ngx_llm_snapshot_count_key(ngx_llm_key_t *key, const ngx_llm_row_key_t *row)
{
    ngx_llm_snapshot_add(key->requests, row->requests);
    ngx_llm_snapshot_add(key->prompt_tokens, row->prompt_tokens);
    ngx_llm_snapshot_add(key->completion_tokens, row->completion_tokens);

    if (key->last_used < row->last_used) {
        key->last_used = row->last_used;
    }
}
