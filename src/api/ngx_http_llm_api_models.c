
/*
 * The models and their nodes, as the index has them.  A list takes several
 * events, and the index is another one after each: so its names are copied
 * and sorted at the start, and each row is looked up anew.
 */


#include "ngx_http_llm_api_input.h"
#include "ngx_http_llm_api_list.h"
#include "ngx_http_llm_api_models.h"


/* nodes that a row shows */
#define NGX_HTTP_LLM_API_MODEL_NODES  100


/* one row: what it says of its nodes together */

typedef struct {
    const uint32_t         *nodes;
    uint32_t                n;
    uint64_t                max;        /* of those online */
    uint64_t                in_flight;
    uint64_t                speed;
    ngx_uint_t              online;
    unsigned                unlimited:1;
} ngx_http_llm_api_model_t;


static ngx_int_t ngx_http_llm_api_models_names(ngx_http_llm_api_t *api,
    ngx_http_llm_api_rows_t *rows);
static int ngx_libc_cdecl ngx_http_llm_api_models_order(const void *one,
    const void *two);
static json_t *ngx_http_llm_api_models_row(ngx_http_llm_api_t *api,
    uint32_t i);
static void ngx_http_llm_api_models_sum(ngx_http_llm_api_model_t *model);
static json_t *ngx_http_llm_api_models_nodes(
    const ngx_http_llm_api_model_t *model);
static json_t *ngx_http_llm_api_models_node(uint32_t i);
static json_t *ngx_http_llm_api_models_text(const u_char *p, size_t n);
static json_t *ngx_http_llm_api_models_number(uint64_t n);
static json_t *ngx_http_llm_api_models_speed(uint64_t speed);


void
ngx_http_llm_api_models(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_rows_t  rows;

    if (ngx_http_llm_api_models_names(api, &rows) != NGX_OK) {
        ngx_http_llm_api_reply(api, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
        return;
    }

    rows.id = NULL;
    rows.row = ngx_http_llm_api_models_row;

    ngx_http_llm_api_list(api, &rows);
}


static ngx_int_t
ngx_http_llm_api_models_names(ngx_http_llm_api_t *api,
    ngx_http_llm_api_rows_t *rows)
{
    size_t            size;
    u_char           *p;
    uint32_t          i;
    ngx_str_t        *name;
    ngx_llm_image_t  *image;
    ngx_llm_model_t  *m;

    image = ngx_http_llm_worker.zone->models->image;

    size = 1;

    for (i = 0; i < image->nmodels; i++) {
        size += image->models[i].name_len;
    }

    p = ngx_pnalloc(api->request->pool, size);
    name = ngx_palloc(api->request->pool,
                      (image->nmodels + 1) * sizeof(ngx_str_t));

    if (p == NULL || name == NULL) {
        return NGX_ERROR;
    }

    api->data = name;

    for (i = 0; i < image->nmodels; i++) {
        m = &image->models[i];

        name[i].data = p;
        name[i].len = m->name_len;

        p = ngx_cpymem(p, ngx_llm_model_name(image, m), m->name_len);
    }

    if (image->nwild) {
        *p = '*';

        name[i].data = p;
        name[i].len = 1;

        i++;
    }

    ngx_qsort(name, i, sizeof(ngx_str_t), ngx_http_llm_api_models_order);

    rows->n = i;

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_http_llm_api_models_order(const void *one, const void *two)
{
    const ngx_str_t  *a = one;
    const ngx_str_t  *b = two;

    return (int) ngx_memn2cmp(a->data, b->data, a->len, b->len);
}


static json_t *
ngx_http_llm_api_models_row(ngx_http_llm_api_t *api, uint32_t i)
{
    json_t                    *owner, *created;
    ngx_str_t                 *name;
    ngx_llm_image_t           *image;
    ngx_llm_model_t           *m;
    ngx_http_llm_api_model_t   model;

    name = (ngx_str_t *) api->data + i;
    image = ngx_http_llm_worker.zone->models->image;

    ngx_memzero(&model, sizeof(ngx_http_llm_api_model_t));

    if (name->len == 1 && name->data[0] == '*') {
        model.nodes = image->wild;
        model.n = image->nwild;

        owner = json_null();
        created = json_null();

    } else {
        m = ngx_llm_models_find(image, name, ngx_llm_models_hash(name));

        if (m == NULL) {
            return NULL;
        }

        model.nodes = image->nodes + m->nodes;
        model.n = m->nnodes;

        owner = ngx_http_llm_api_models_text(ngx_llm_model_owner(image, m),
                                             m->owner_len);
        created = json_integer((json_int_t) m->created);
    }

    ngx_http_llm_api_models_sum(&model);

    return json_pack("{s:o,s:o,s:o,s:o,s:I,s:{s:o,s:I,s:I},s:o}",
                     "id", ngx_http_llm_api_models_text(name->data, name->len),
                     "owned_by", owner,
                     "created", created,
                     "nodes", ngx_http_llm_api_models_nodes(&model),
                     "nodes_total", (json_int_t) model.n,
                     "capacity",
                     "max_concurrent",
                     ngx_http_llm_api_models_number(model.unlimited
                                                    ? 0 : model.max),
                     "in_flight", (json_int_t) model.in_flight,
                     "online_nodes", (json_int_t) model.online,
                     "tokens_per_second",
                     ngx_http_llm_api_models_speed(model.speed));
}


static void
ngx_http_llm_api_models_sum(ngx_http_llm_api_model_t *model)
{
    uint32_t         k, i;
    ngx_msec_t       now;
    ngx_llm_node_t  *node;
    ngx_llm_zone_t  *zone;

    now = ngx_current_msec;
    zone = ngx_http_llm_worker.zone;

    for (k = 0; k < model->n; k++) {
        i = model->nodes[k];
        node = &zone->nodes->node[i];

        model->in_flight += ngx_llm_limits_count(zone->limits,
                                             ngx_llm_node_in_flight(zone, i));

        if (node->use != NGX_LLM_NODE_USED
            || ngx_llm_node_state(node, now) != NGX_LLM_STATE_ONLINE)
        {
            continue;
        }

        model->online++;
        model->max += node->max;
        model->unlimited |= (node->max == 0);
        model->speed += node->speed;
    }
}


static json_t *
ngx_http_llm_api_models_nodes(const ngx_http_llm_api_model_t *model)
{
    json_t    *array, *node;
    uint32_t   k, n;

    array = json_array();
    n = ngx_min(model->n, NGX_HTTP_LLM_API_MODEL_NODES);

    for (k = 0; k < n; k++) {
        node = ngx_http_llm_api_models_node(model->nodes[k]);

        /* NULL: it has gone since the index was made */

        if (node) {
            (void) json_array_append_new(array, node);
        }
    }

    return array;
}


static json_t *
ngx_http_llm_api_models_node(uint32_t i)
{
    json_t               *json;
    ngx_llm_node_t       *node;
    ngx_llm_zone_t       *zone;
    ngx_atomic_uint_t     version;
    ngx_llm_node_conf_t   conf;

    zone = ngx_http_llm_worker.zone;
    node = &zone->nodes->node[i];

    if (node->use != NGX_LLM_NODE_USED
        || ngx_llm_nodes_read(zone->nodes, i, &conf, &version) != NGX_OK)
    {
        return NULL;
    }

    json = json_pack("{s:o,s:o,s:s,s:I,s:o,s:o}",
                     "id", ngx_http_llm_api_json_id("node-", conf.id),
                     "name", ngx_http_llm_api_json_text(conf.name),
                     "state", ngx_llm_node_state_name(
                                 ngx_llm_node_state(node, ngx_current_msec)),
                     "in_flight",
                     (json_int_t) ngx_llm_limits_count(zone->limits,
                                             ngx_llm_node_in_flight(zone, i)),
                     "max_concurrent",
                     ngx_http_llm_api_models_number(node->max),
                     "tokens_per_second",
                     ngx_http_llm_api_models_speed(node->speed));

    ngx_explicit_memzero(conf.api_key, NGX_LLM_NODE_KEY);

    return json;
}


static json_t *
ngx_http_llm_api_models_text(const u_char *p, size_t n)
{
    json_t  *json;

    json = json_stringn((const char *) p, n);

    /* a name of nginx.conf need not be UTF-8 */

    return json ? json : json_string("?");
}


/* 0: there is no limit */

static json_t *
ngx_http_llm_api_models_number(uint64_t n)
{
    return n ? json_integer((json_int_t) n) : json_null();
}


/* of tokens a 1000 s; 0: nothing was measured yet */

static json_t *
ngx_http_llm_api_models_speed(uint64_t speed)
{
    return speed ? json_real((double) speed / 1000) : json_null();
}
