
/*
 * A snapshot that was parsed is looked through: each row, then all of them
 * together.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdlib.h>
#include "ngx_llm_snapshot_check.h"


/* for finding what stands there twice */

typedef struct {
    uint64_t                    value;
    size_t                      row;
} ngx_llm_snapshot_mark_t;


static ngx_int_t ngx_llm_snapshot_check_nodes(ngx_llm_snapshot_reader_t *r,
    ngx_llm_snapshot_mark_t *ids, ngx_llm_snapshot_mark_t *urls);
static ngx_int_t ngx_llm_snapshot_check_keys(ngx_llm_snapshot_reader_t *r,
    ngx_llm_snapshot_mark_t *ids, ngx_llm_snapshot_mark_t *hashes);
static ngx_int_t ngx_llm_snapshot_check_statics(
    ngx_llm_snapshot_reader_t *r);
static ngx_int_t ngx_llm_snapshot_check_fits(ngx_llm_snapshot_reader_t *r);
static ngx_int_t ngx_llm_snapshot_twice(ngx_llm_snapshot_reader_t *r,
    const char *array, const char *member, ngx_llm_snapshot_mark_t *marks,
    size_t n);
static int ngx_llm_snapshot_compare(const void *one, const void *two);


/* everything, before anything is taken */

ngx_int_t
ngx_llm_snapshot_check(ngx_llm_snapshot_reader_t *r)
{
    size_t                    n;
    ngx_int_t                 rc;
    ngx_llm_snapshot_mark_t  *marks;

    if (ngx_llm_snapshot_check_fits(r) != NGX_OK
        || ngx_llm_snapshot_check_statics(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    n = ngx_max(json_array_size(r->nodes), json_array_size(r->keys));

    if (n == 0) {
        return NGX_OK;
    }

    marks = malloc(2 * n * sizeof(ngx_llm_snapshot_mark_t));
    if (marks == NULL) {
        return ngx_llm_snapshot_bad(r, "there is no memory for it");
    }

    rc = ngx_llm_snapshot_check_nodes(r, marks, marks + n);

    if (rc == NGX_OK) {
        rc = ngx_llm_snapshot_check_keys(r, marks, marks + n);
    }

    free(marks);

    return rc;
}


/* its models are to be freed, also when it fails */

ngx_int_t
ngx_llm_snapshot_node(ngx_llm_snapshot_reader_t *r, const json_t *json,
    ngx_llm_row_node_t *row, ngx_llm_node_conf_t *conf)
{
    ngx_str_t    url;
    const char  *err;

    ngx_memzero(conf, sizeof(ngx_llm_node_conf_t));

    if (ngx_llm_in_object(&r->in, json, ngx_llm_row_node, row,
                          sizeof(ngx_llm_row_node_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    url.data = row->base_url;
    url.len = ngx_strlen(row->base_url);

    err = ngx_llm_node_url(conf, &url);
    if (err) {
        return ngx_llm_in_bad(&r->in, "base_url", err);
    }

    ngx_memcpy(conf->name, row->name, sizeof(row->name));
    ngx_memcpy(conf->api_key, row->api_key, sizeof(row->api_key));
    ngx_memcpy(conf->notes, row->notes, sizeof(row->notes));
    ngx_memcpy(conf->token, row->token, sizeof(row->token));

    conf->id = row->id;
    conf->created = row->created;
    conf->check = (row->check != 0);
    conf->discover = (row->models == NULL);
    conf->registered = (row->registered != 0);
    conf->type = row->type;
    conf->weight = row->weight;
    conf->max_concurrent = row->max_concurrent;

    return NGX_OK;
}


ngx_int_t
ngx_llm_snapshot_bad(ngx_llm_snapshot_reader_t *r, const char *fmt, ...)
{
    u_char   *p, *last;
    va_list   args;

    last = r->result->text + sizeof(r->result->text) - 1;

    va_start(args, fmt);
    p = ngx_vslprintf(r->result->text, last, fmt, args);
    va_end(args);

    *p = '\0';

    return NGX_ERROR;
}


static ngx_int_t
ngx_llm_snapshot_check_nodes(ngx_llm_snapshot_reader_t *r,
    ngx_llm_snapshot_mark_t *ids, ngx_llm_snapshot_mark_t *urls)
{
    size_t               i, n;
    ngx_int_t            rc;
    ngx_llm_row_node_t   row;
    ngx_llm_node_conf_t  conf;

    n = json_array_size(r->nodes);

    for (i = 0; i < n; i++) {

        rc = ngx_llm_snapshot_node(r, json_array_get(r->nodes, i), &row,
                                   &conf);
        free(row.models);

        if (rc != NGX_OK) {
            return ngx_llm_snapshot_bad(r, "nodes[%uz]: %s", i, r->in.why);
        }

        ids[i].value = row.id;
        ids[i].row = i;
        urls[i].value = ngx_llm_nodes_id(&conf);
        urls[i].row = i;
    }

    if (ngx_llm_snapshot_twice(r, "nodes", "id", ids, n) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_llm_snapshot_twice(r, "nodes", "base_url", urls, n);
}


static ngx_int_t
ngx_llm_snapshot_check_keys(ngx_llm_snapshot_reader_t *r,
    ngx_llm_snapshot_mark_t *ids, ngx_llm_snapshot_mark_t *hashes)
{
    size_t             i, n;
    ngx_llm_row_key_t  row;

    n = json_array_size(r->keys);

    for (i = 0; i < n; i++) {

        if (ngx_llm_in_object(&r->in, json_array_get(r->keys, i),
                              ngx_llm_row_key, &row, sizeof(row))
            != NGX_OK)
        {
            return ngx_llm_snapshot_bad(r, "keys[%uz]: %s", i, r->in.why);
        }

        ids[i].value = row.id;
        ids[i].row = i;
        ngx_memcpy(&hashes[i].value, row.hash, sizeof(uint64_t));
        hashes[i].row = i;
    }

    if (ngx_llm_snapshot_twice(r, "keys", "id", ids, n) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_llm_snapshot_twice(r, "keys", "sha256", hashes, n);
}


static ngx_int_t
ngx_llm_snapshot_check_statics(ngx_llm_snapshot_reader_t *r)
{
    size_t                i;
    json_t               *totals;
    ngx_llm_row_key_t     key;
    ngx_llm_row_node_t    node;
    ngx_llm_row_totals_t  row;

    totals = json_object_get(r->root, "totals");

    if (totals
        && ngx_llm_in_object(&r->in, totals, ngx_llm_row_totals, &row,
                             sizeof(row))
           != NGX_OK)
    {
        return ngx_llm_snapshot_bad(r, "totals: %s", r->in.why);
    }

    for (i = 0; i < json_array_size(r->static_nodes); i++) {
        if (ngx_llm_in_object(&r->in, json_array_get(r->static_nodes, i),
                              ngx_llm_row_static_node, &node, sizeof(node))
            != NGX_OK)
        {
            return ngx_llm_snapshot_bad(r, "static_nodes[%uz]: %s", i,
                                        r->in.why);
        }
    }

    for (i = 0; i < json_array_size(r->static_keys); i++) {
        if (ngx_llm_in_object(&r->in, json_array_get(r->static_keys, i),
                              ngx_llm_row_static_key, &key, sizeof(key))
            != NGX_OK)
        {
            return ngx_llm_snapshot_bad(r, "static_keys[%uz]: %s", i,
                                        r->in.why);
        }
    }

    return NGX_OK;
}


/* what stands in the zone keeps its place */

static ngx_int_t
ngx_llm_snapshot_check_fits(ngx_llm_snapshot_reader_t *r)
{
    uint32_t         i;
    ngx_uint_t       nodes, keys;
    ngx_llm_zone_t  *zone;

    zone = r->zone;
    nodes = 0;

    for (i = 0; i < zone->nodes->used; i++) {
        nodes += (zone->nodes->node[i].use == NGX_LLM_NODE_FREE);
    }

    nodes += zone->nodes->max - zone->nodes->used;
    keys = zone->keys->max - zone->keys->used;

    if (json_array_size(r->nodes) > nodes || json_array_size(r->keys) > keys) {
        return ngx_llm_snapshot_bad(r, "it has %uz nodes and %uz keys, the "
                                    "zone has room for %ui and %ui more: make "
                                    "llm_router_zone larger",
                                    json_array_size(r->nodes),
                                    json_array_size(r->keys), nodes, keys);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_snapshot_twice(ngx_llm_snapshot_reader_t *r, const char *array,
    const char *member, ngx_llm_snapshot_mark_t *marks, size_t n)
{
    size_t  i;

    qsort(marks, n, sizeof(ngx_llm_snapshot_mark_t),
          ngx_llm_snapshot_compare);

    for (i = 1; i < n; i++) {
        if (marks[i].value == marks[i - 1].value) {
            return ngx_llm_snapshot_bad(r, "%s[%uz]: \"%s\" is that of "
                                        "%s[%uz]", array, marks[i].row, member,
                                        array, marks[i - 1].row);
        }
    }

    return NGX_OK;
}


static int
ngx_llm_snapshot_compare(const void *one, const void *two)
{
    const ngx_llm_snapshot_mark_t  *a = one;
    const ngx_llm_snapshot_mark_t  *b = two;

    if (a->value != b->value) {
        return (a->value < b->value) ? -1 : 1;
    }

    return (a->row < b->row) ? -1 : 1;
}
