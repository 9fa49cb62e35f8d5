
/*
 * The snapshot is written: whose file it is, a temporary file beside it, row
 * by row, fsync, rename.
 *
 * Runs in a thread.  A row is a copy, taken without a lock or, of a list, in
 * a moment under the mutex; the disk is never waited for with it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdlib.h>
#include "ngx_llm_snapshot_file.h"
#include "ngx_llm_snapshot_out.h"


/* room for the head's numbers and time */
#define NGX_LLM_SNAPSHOT_HEAD  256


typedef struct {
    ngx_llm_zone_t             *zone;
    ngx_llm_snapshot_file_t     file;
    ngx_llm_list_t             *list;   /* a copy of a node's */
    size_t                      room;   /* bytes of it */
    ngx_llm_snapshot_result_t  *result;
    ngx_llm_out_t               out;
} ngx_llm_snapshot_writer_t;

/* is the rest in vain? */
#define ngx_llm_snapshot_ended(w)  ((w)->file.failed || (w)->out.err)


static void ngx_llm_snapshot_head(ngx_llm_snapshot_writer_t *w,
    ngx_uint_t epoch, ngx_pid_t master);
static void ngx_llm_snapshot_nodes(ngx_llm_snapshot_writer_t *w,
    ngx_uint_t is_static);
static ngx_int_t ngx_llm_snapshot_node(ngx_llm_snapshot_writer_t *w,
    uint32_t i, ngx_llm_node_conf_t *conf);
static void ngx_llm_snapshot_node_row(ngx_llm_snapshot_writer_t *w,
    uint32_t i, const ngx_llm_node_conf_t *conf, ngx_llm_row_node_t *row);
static ngx_llm_list_t *ngx_llm_snapshot_list(ngx_llm_snapshot_writer_t *w,
    uint32_t i);
static void ngx_llm_snapshot_keys(ngx_llm_snapshot_writer_t *w,
    ngx_uint_t is_static);
static void ngx_llm_snapshot_key_row(ngx_llm_snapshot_writer_t *w,
    uint32_t i, const ngx_llm_key_conf_t *conf, ngx_llm_row_key_t *row);


ngx_int_t
ngx_llm_snapshot_write(ngx_llm_zone_t *zone, const char *path,
    ngx_uint_t epoch, ngx_pid_t master, ngx_llm_snapshot_result_t *result)
{
    ngx_int_t                   rc;
    const char                 *slash;
    ngx_llm_snapshot_writer_t  *w;

    ngx_memzero(result, sizeof(ngx_llm_snapshot_result_t));

    w = calloc(1, sizeof(ngx_llm_snapshot_writer_t));

    if (w == NULL) {
        result->err = ENOMEM;
        ngx_cpystrn(result->text, (u_char *) "no memory", sizeof("no memory"));
        return NGX_ERROR;
    }

    slash = strrchr(path, '/');

    w->zone = zone;
    w->result = result;
    w->file.path = path;
    w->file.dir = slash ? (size_t) (slash + 1 - path) : 0;
    w->file.result = result;

    rc = ngx_llm_snapshot_file_owner(&w->file, &epoch, master);

    if (rc == NGX_OK) {
        rc = ngx_llm_snapshot_file_open(&w->file);
    }

    if (rc == NGX_OK) {
        result->epoch = epoch;

        w->out.fd = w->file.fd;
        w->out.pos = w->out.buffer;

        ngx_llm_snapshot_head(w, epoch, master);
        ngx_llm_snapshot_nodes(w, 0);
        ngx_llm_snapshot_keys(w, 0);
        ngx_llm_snapshot_nodes(w, 1);
        ngx_llm_snapshot_keys(w, 1);
        ngx_llm_out_put(&w->out, ",\n\"end\":true}\n");
        ngx_llm_out_flush(&w->out);

        if (w->out.err && !w->file.failed) {
            ngx_set_errno(w->out.err);
            (void) ngx_llm_snapshot_file_failed(&w->file, "write() to",
                                                w->file.temp);
        }

        rc = ngx_llm_snapshot_file_close(&w->file);
    }

    free(w->list);
    free(w->file.temp);
    free(w);

    return rc;
}


static void
ngx_llm_snapshot_head(ngx_llm_snapshot_writer_t *w, ngx_uint_t epoch,
    ngx_pid_t master)
{
    char                  written[sizeof("9999-12-31T23:59:59Z")];
    time_t                now;
    struct tm             tm;
    ngx_llm_totals_t     *totals;
    ngx_llm_row_totals_t  row;

    now = time(NULL);

    if (gmtime_r(&now, &tm) == NULL
        || strftime(written, sizeof(written), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
    {
        written[0] = '\0';
    }

    totals = &w->zone->totals;

    row.requests = totals->requests;
    row.errors = totals->errors;
    row.cancelled = totals->cancelled;
    row.failovers = totals->failovers;
    row.queued = totals->queued;
    row.prompt_tokens = totals->prompt_tokens;
    row.completion_tokens = totals->completion_tokens;

    w->out.pos = ngx_snprintf(w->out.pos, NGX_LLM_SNAPSHOT_HEAD,
                          "{\"version\":%d,\"epoch\":%ui,\"pid\":%P,"
                          "\"written\":\"%s\",\n\"totals\":",
                          NGX_LLM_SNAPSHOT_VERSION, epoch, master, written);

    ngx_llm_out_object(&w->out, ngx_llm_row_totals, &row);
}


static void
ngx_llm_snapshot_nodes(ngx_llm_snapshot_writer_t *w, ngx_uint_t is_static)
{
    uint32_t             i;
    ngx_llm_row_node_t   row;
    ngx_llm_node_conf_t  conf;

    ngx_llm_out_begin(&w->out, is_static ? "static_nodes" : "nodes");

    for (i = 0; i < w->zone->nodes->used && !ngx_llm_snapshot_ended(w); i++) {

        if (ngx_llm_snapshot_node(w, i, &conf) != NGX_OK
            || conf.is_static != is_static)
        {
            continue;
        }

        ngx_llm_snapshot_node_row(w, i, &conf, &row);

        if (is_static) {
            ngx_llm_out_row(&w->out, ngx_llm_row_static_node, &row);
            continue;
        }

        ngx_llm_out_row(&w->out, ngx_llm_row_node, &row);
        w->result->nodes++;
    }

    ngx_llm_out_put(&w->out, "\n]");
}


/* a node that is half written is not left out: its writer may be dead */

static ngx_int_t
ngx_llm_snapshot_node(ngx_llm_snapshot_writer_t *w, uint32_t i,
    ngx_llm_node_conf_t *conf)
{
    ngx_int_t          rc;
    ngx_llm_nodes_t   *nodes;
    ngx_atomic_uint_t  version;

    nodes = w->zone->nodes;

    rc = ngx_llm_nodes_read(nodes, i, conf, &version);

    if (rc != NGX_OK && nodes->node[i].use == NGX_LLM_NODE_USED) {

        ngx_shmtx_lock(&w->zone->shpool->mutex);

        ngx_llm_nodes_recover_locked(nodes);
        rc = ngx_llm_nodes_read(nodes, i, conf, &version);

        ngx_shmtx_unlock(&w->zone->shpool->mutex);
    }

    if (rc != NGX_OK || nodes->node[i].use != NGX_LLM_NODE_USED) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_llm_snapshot_node_row(ngx_llm_snapshot_writer_t *w, uint32_t i,
    const ngx_llm_node_conf_t *conf, ngx_llm_row_node_t *row)
{
    ngx_llm_node_t  *node;

    node = &w->zone->nodes->node[i];

    row->id = conf->id;

    ngx_memcpy(row->name, conf->name, sizeof(row->name));
    ngx_memcpy(row->api_key, conf->api_key, sizeof(row->api_key));
    ngx_memcpy(row->notes, conf->notes, sizeof(row->notes));
    ngx_memcpy(row->token, conf->token, sizeof(row->token));

    (void) ngx_llm_node_url_print(row->base_url, conf);

    row->max_concurrent = conf->max_concurrent;
    row->weight = conf->weight;
    row->type = conf->type;
    row->check = conf->check;
    row->registered = conf->registered;
    row->created = conf->created;
    row->draining = (node->draining != 0);
    row->pending = (node->pending != 0);
    row->requests = node->requests;
    row->failures = node->failures;
    row->prompt_tokens = node->prompt_tokens;
    row->completion_tokens = node->completion_tokens;

    row->models = (conf->discover || conf->is_static)
                  ? NULL : ngx_llm_snapshot_list(w, i);
}


/* a copy of a node's list, taken under the mutex, good until the next */

static ngx_llm_list_t *
ngx_llm_snapshot_list(ngx_llm_snapshot_writer_t *w, uint32_t i)
{
    size_t           size;
    ngx_llm_list_t  *list;

    for ( ;; ) {

        ngx_shmtx_lock(&w->zone->shpool->mutex);

        list = w->zone->nodes->node[i].list;
        size = list ? sizeof(ngx_llm_list_t) + list->size : 0;

        if (size && size <= w->room) {
            ngx_memcpy(w->list, list, size);
        }

        ngx_shmtx_unlock(&w->zone->shpool->mutex);

        if (size <= w->room) {
            return size ? w->list : NULL;
        }

        free(w->list);

        w->room = 2 * size;
        w->list = malloc(w->room);

        if (w->list == NULL) {
            w->room = 0;
            (void) ngx_llm_snapshot_file_failed(&w->file, "malloc()",
                                                w->file.path);
            return NULL;
        }
    }
}


static void
ngx_llm_snapshot_keys(ngx_llm_snapshot_writer_t *w, ngx_uint_t is_static)
{
    uint32_t            i;
    ngx_llm_keys_t     *keys;
    ngx_llm_row_key_t   row;
    ngx_llm_key_conf_t  conf;

    keys = w->zone->keys;

    ngx_llm_out_begin(&w->out, is_static ? "static_keys" : "keys");

    for (i = 0; i < keys->used && !ngx_llm_snapshot_ended(w); i++) {

        if (ngx_llm_keys_read(keys, i, &conf) != NGX_OK
            || conf.is_static != is_static)
        {
            continue;
        }

        ngx_llm_snapshot_key_row(w, i, &conf, &row);

        if (is_static) {

            /* one that nginx.conf has no more is counted no more */

            if (row.revoked || keys->key[i].valid) {
                ngx_llm_out_row(&w->out, ngx_llm_row_static_key, &row);
            }

            continue;
        }

        ngx_llm_out_row(&w->out, ngx_llm_row_key, &row);
        w->result->keys++;
    }

    ngx_llm_out_put(&w->out, "\n]");
}


static void
ngx_llm_snapshot_key_row(ngx_llm_snapshot_writer_t *w, uint32_t i,
    const ngx_llm_key_conf_t *conf, ngx_llm_row_key_t *row)
{
    ngx_llm_key_t  *key;

    key = &w->zone->keys->key[i];

    row->id = conf->id;

    ngx_memcpy(row->hash, conf->hash, sizeof(row->hash));
    ngx_memcpy(row->name, conf->name, sizeof(row->name));
    ngx_memcpy(row->prefix, conf->prefix, sizeof(row->prefix));
    ngx_memcpy(row->models, conf->models, sizeof(row->models));

    row->scopes = conf->scopes;
    row->rpm = conf->rpm;
    row->tpm = conf->tpm;
    row->max_concurrent = conf->max_concurrent;
    row->expires = conf->expires;
    row->priority = conf->priority;
    row->created = conf->created;
    row->revoked = conf->revoked;
    row->last_used = key->last_used;
    row->requests = key->requests;
    row->prompt_tokens = key->prompt_tokens;
    row->completion_tokens = key->completion_tokens;
}
