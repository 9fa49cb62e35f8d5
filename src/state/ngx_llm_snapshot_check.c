
/*
 * A snapshot that was parsed is looked through: each row, then all of them
 * together.  Of two that can't be both the first one counts.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdlib.h>
#include "ngx_llm_cidr.h"
#include "ngx_llm_snapshot_check.h"


/* for finding what stands there twice */

typedef struct {
    uint64_t                    value;
    size_t                      row;
    ngx_uint_t                  known;      /* to the zone */
} ngx_llm_snapshot_mark_t;


static void ngx_llm_snapshot_check_nodes(ngx_llm_snapshot_reader_t *r,
    ngx_llm_snapshot_mark_t *ids, ngx_llm_snapshot_mark_t *urls);
static void ngx_llm_snapshot_check_keys(ngx_llm_snapshot_reader_t *r,
    ngx_llm_snapshot_mark_t *ids, ngx_llm_snapshot_mark_t *hashes);
static uint64_t ngx_llm_snapshot_mix(const u_char hash[NGX_LLM_KEY_HASH]);
static ngx_uint_t ngx_llm_snapshot_has_node(ngx_llm_nodes_t *nodes,
    uint64_t id, uint64_t url);
static ngx_uint_t ngx_llm_snapshot_has_key(ngx_llm_keys_t *keys,
    const ngx_llm_row_key_t *row);
static void ngx_llm_snapshot_check_static(ngx_llm_snapshot_reader_t *r,
    const char *name, json_t *rows, const ngx_llm_row_field_t *fields);
static void ngx_llm_snapshot_check_totals(ngx_llm_snapshot_reader_t *r);
static ngx_int_t ngx_llm_snapshot_check_fits(ngx_llm_snapshot_reader_t *r);
static size_t ngx_llm_snapshot_new(json_t *rows,
    const ngx_llm_snapshot_mark_t *marks, size_t n);
static void ngx_llm_snapshot_twice(ngx_llm_snapshot_reader_t *r,
    const char *name, json_t *rows, const char *member,
    ngx_llm_snapshot_mark_t *marks, size_t n);
static int ngx_llm_snapshot_compare(const void *one, const void *two);
static void ngx_llm_snapshot_skip(ngx_llm_snapshot_reader_t *r,
    const char *name, json_t *rows, size_t i, const char *why);


/* everything, before anything is taken */

ngx_int_t
ngx_llm_snapshot_check(ngx_llm_snapshot_reader_t *r)
{
    size_t                    n;
    ngx_llm_snapshot_mark_t  *marks;

    n = ngx_max(json_array_size(r->nodes), json_array_size(r->keys));

    marks = malloc((2 * n + 1) * sizeof(ngx_llm_snapshot_mark_t));
    if (marks == NULL) {
        return ngx_llm_snapshot_bad(r, "there is no memory for it");
    }

    ngx_llm_snapshot_check_nodes(r, marks, marks + n);
    ngx_llm_snapshot_check_keys(r, marks, marks + n);

    free(marks);

    ngx_llm_snapshot_check_static(r, "static_nodes", r->static_nodes,
                                  ngx_llm_row_static_node);
    ngx_llm_snapshot_check_static(r, "static_keys", r->static_keys,
                                  ngx_llm_row_static_key);
    ngx_llm_snapshot_check_totals(r);

    return ngx_llm_snapshot_check_fits(r);
}


/* its models are to be freed, also when it fails */

ngx_int_t
ngx_llm_snapshot_node(ngx_llm_snapshot_reader_t *r, const json_t *json,
    ngx_llm_row_node_t *row, ngx_llm_node_conf_t *conf)
{
    ngx_str_t    url;
    const char  *err;

    static const ngx_llm_cidrs_t  any;

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

    if (conf->naddrs
        && !ngx_llm_cidr_allows(&any, (struct sockaddr *)
                                      &conf->addrs[0].sockaddr))
    {
        return ngx_llm_in_bad(&r->in, "base_url", "has an address at which no "
                              "node may be, link-local or the like");
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


static void
ngx_llm_snapshot_check_nodes(ngx_llm_snapshot_reader_t *r,
    ngx_llm_snapshot_mark_t *ids, ngx_llm_snapshot_mark_t *urls)
{
    size_t               i, n;
    ngx_int_t            rc;
    ngx_llm_row_node_t   row;
    ngx_llm_node_conf_t  conf;

    for (i = 0, n = 0; i < json_array_size(r->nodes); i++) {

        rc = ngx_llm_snapshot_node(r, json_array_get(r->nodes, i), &row,
                                   &conf);
        free(row.models);

        if (rc != NGX_OK) {
            ngx_llm_snapshot_skip(r, "nodes", r->nodes, i, (char *) r->in.why);
            continue;
        }

        ids[n].value = row.id;
        ids[n].row = i;
        urls[n].value = ngx_llm_nodes_id(&conf);
        urls[n].known = ngx_llm_snapshot_has_node(r->zone->nodes, row.id,
                                                  urls[n].value);
        urls[n++].row = i;
    }

    ngx_llm_snapshot_twice(r, "nodes", r->nodes, "id", ids, n);
    ngx_llm_snapshot_twice(r, "nodes", r->nodes, "base_url", urls, n);

    r->new_nodes = ngx_llm_snapshot_new(r->nodes, urls, n);
}


static void
ngx_llm_snapshot_check_keys(ngx_llm_snapshot_reader_t *r,
    ngx_llm_snapshot_mark_t *ids, ngx_llm_snapshot_mark_t *hashes)
{
    size_t             i, n;
    ngx_llm_row_key_t  row;

    for (i = 0, n = 0; i < json_array_size(r->keys); i++) {

        if (ngx_llm_in_object(&r->in, json_array_get(r->keys, i),
                              ngx_llm_row_key, &row, sizeof(row))
            != NGX_OK)
        {
            ngx_llm_snapshot_skip(r, "keys", r->keys, i, (char *) r->in.why);
            continue;
        }

        ids[n].value = row.id;
        ids[n].row = i;
        hashes[n].value = ngx_llm_snapshot_mix(row.hash);
        hashes[n].known = ngx_llm_snapshot_has_key(r->zone->keys, &row);
        hashes[n++].row = i;
    }

    ngx_llm_snapshot_twice(r, "keys", r->keys, "id", ids, n);
    ngx_llm_snapshot_twice(r, "keys", r->keys, "sha256", hashes, n);

    r->new_keys = ngx_llm_snapshot_new(r->keys, hashes, n);
}


static uint64_t
ngx_llm_snapshot_mix(const u_char hash[NGX_LLM_KEY_HASH])
{
    uint64_t    h, words[NGX_LLM_KEY_HASH / 8];
    ngx_uint_t  i;

    ngx_memcpy(words, hash, NGX_LLM_KEY_HASH);

    for (i = 0, h = 0; i < NGX_LLM_KEY_HASH / 8; i++) {
        h = (h ^ words[i]) * 0x9e3779b97f4a7c15ULL;
    }

    return h;
}


/* a node of nginx.conf has the id that follows from its URL */

static ngx_uint_t
ngx_llm_snapshot_has_node(ngx_llm_nodes_t *nodes, uint64_t id, uint64_t url)
{
    return ngx_llm_nodes_find(nodes, id) != NGX_LLM_NODE_NONE
           || ngx_llm_nodes_find(nodes, url) != NGX_LLM_NODE_NONE;
}


static ngx_uint_t
ngx_llm_snapshot_has_key(ngx_llm_keys_t *keys, const ngx_llm_row_key_t *row)
{
    ngx_atomic_uint_t  generation;

    return ngx_llm_keys_find_id(keys, row->id) != NGX_LLM_KEY_NONE
           || ngx_llm_keys_find(keys, row->hash, &generation)
              != NGX_LLM_KEY_NONE;
}


/* rows that were not skipped and that the zone does not know */

static size_t
ngx_llm_snapshot_new(json_t *rows, const ngx_llm_snapshot_mark_t *marks,
    size_t n)
{
    size_t  i, count;

    for (i = 0, count = 0; i < n; i++) {
        count += !marks[i].known
                 && !json_is_null(json_array_get(rows, marks[i].row));
    }

    return count;
}


/* of nginx.conf's nodes or keys */

static void
ngx_llm_snapshot_check_static(ngx_llm_snapshot_reader_t *r, const char *name,
    json_t *rows, const ngx_llm_row_field_t *fields)
{
    size_t  i;

    union {
        ngx_llm_row_key_t   key;
        ngx_llm_row_node_t  node;
    } row;

    for (i = 0; i < json_array_size(rows); i++) {
        if (ngx_llm_in_object(&r->in, json_array_get(rows, i), fields, &row,
                              sizeof(row))
            != NGX_OK)
        {
            ngx_llm_snapshot_skip(r, name, rows, i, (char *) r->in.why);
        }
    }
}


static void
ngx_llm_snapshot_check_totals(ngx_llm_snapshot_reader_t *r)
{
    ngx_llm_row_totals_t  row;

    if (r->totals
        && ngx_llm_in_object(&r->in, r->totals, ngx_llm_row_totals, &row,
                             sizeof(row))
           != NGX_OK)
    {
        r->totals = NULL;
        ngx_llm_snapshot_skip(r, "totals", NULL, 0, (char *) r->in.why);
    }
}


/* what stands in the zone keeps its place */

static ngx_int_t
ngx_llm_snapshot_check_fits(ngx_llm_snapshot_reader_t *r)
{
    size_t           size;
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

    if (r->new_nodes <= nodes && r->new_keys <= keys) {
        return NGX_OK;
    }

    size = ngx_max((zone->nodes->max - nodes + r->new_nodes)
                   * NGX_LLM_ZONE_NODE,
                   (zone->keys->max - keys + r->new_keys) * NGX_LLM_ZONE_KEY);

    (void) ngx_llm_snapshot_bad(r, "it has %uz nodes and %uz keys, the zone "
                                "has room for %ui and %ui more: make "
                                "llm_router_zone %uzm or larger",
                                r->new_nodes, r->new_keys, nodes, keys,
                                size / (1024 * 1024) + 1);

    return NGX_ABORT;
}


/* the first one of them counts; those that were skipped before do not */

static void
ngx_llm_snapshot_twice(ngx_llm_snapshot_reader_t *r, const char *name,
    json_t *rows, const char *member, ngx_llm_snapshot_mark_t *marks,
    size_t n)
{
    size_t                          i;
    u_char                         *p, why[96];
    const ngx_llm_snapshot_mark_t  *first;

    qsort(marks, n, sizeof(ngx_llm_snapshot_mark_t),
          ngx_llm_snapshot_compare);

    first = NULL;

    for (i = 0; i < n; i++) {

        if (json_is_null(json_array_get(rows, marks[i].row))) {
            continue;
        }

        if (first == NULL || first->value != marks[i].value) {
            first = &marks[i];
            continue;
        }

        p = ngx_snprintf(why, sizeof(why) - 1, "\"%s\" is that of %s[%uz]",
                         member, name, first->row);
        *p = '\0';

        ngx_llm_snapshot_skip(r, name, rows, marks[i].row, (char *) why);
    }
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


/* which it is, by its place and its name; rows is NULL where there is one */

static void
ngx_llm_snapshot_skip(ngx_llm_snapshot_reader_t *r, const char *name,
    json_t *rows, size_t i, const char *why)
{
    u_char        *p, *last;
    const json_t  *called;

    if (r->result->skipped < NGX_LLM_SNAPSHOT_TOLD) {
        p = r->result->told[r->result->skipped];
        last = p + sizeof(r->result->told[0]) - 1;

        p = ngx_slprintf(p, last, "%s", name);

        if (rows) {
            p = ngx_slprintf(p, last, "[%uz]", i);
        }

        called = json_object_get(json_array_get(rows, i), "name");

        if (ngx_llm_in_clean(called, 1, NGX_LLM_NODE_NAME - 1)) {
            p = ngx_slprintf(p, last, " \"%s\"", json_string_value(called));
        }

        p = ngx_slprintf(p, last, ": %s", why);
        *p = '\0';
    }

    r->result->skipped++;

    if (rows) {
        (void) json_array_set_new(rows, i, json_null());
    }
}
