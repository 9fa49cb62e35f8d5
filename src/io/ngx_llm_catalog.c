
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_catalog.h"


#define NGX_LLM_CATALOG_SHELF  4096

/* FNV-1a, 64 bits */
#define NGX_LLM_CATALOG_BASIS  0xcbf29ce484222325ULL
#define NGX_LLM_CATALOG_PRIME  0x100000001b3ULL


static void ngx_llm_catalog_value(void *data, ngx_uint_t id,
    const ngx_llm_json_value_t *v);
static void ngx_llm_catalog_name(ngx_llm_catalog_t *c,
    const ngx_llm_json_value_t *v);
static void ngx_llm_catalog_owner(ngx_llm_catalog_t *c,
    const ngx_llm_json_value_t *v);
static void ngx_llm_catalog_model(ngx_llm_catalog_t *c,
    ngx_llm_shelf_t *shelf);
static ngx_int_t ngx_llm_catalog_room(ngx_llm_catalog_t *c,
    ngx_llm_shelf_t *shelf, size_t need);
static uint64_t ngx_llm_catalog_sum(uint64_t sum, const u_char *p, size_t n);


/* rows of one parent stand together */

enum {
    NGX_LLM_CATALOG_DATA,
    NGX_LLM_CATALOG_MODELS,
    NGX_LLM_CATALOG_BARE_ITEM,
    NGX_LLM_CATALOG_DATA_ITEM,
    NGX_LLM_CATALOG_DATA_ID,
    NGX_LLM_CATALOG_DATA_CREATED,
    NGX_LLM_CATALOG_DATA_OWNER,
    NGX_LLM_CATALOG_MODELS_ITEM,
    NGX_LLM_CATALOG_MODELS_NAME,
    NGX_LLM_CATALOG_BARE_ID,
    NGX_LLM_CATALOG_BARE_CREATED,
    NGX_LLM_CATALOG_BARE_OWNER
};


static const ngx_llm_json_watch_t  ngx_llm_catalog_watch[] = {
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "data"),
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "models"),
    ngx_llm_json_element(NGX_LLM_JSON_ROOT),
    ngx_llm_json_element(NGX_LLM_CATALOG_DATA),
    ngx_llm_json_member(NGX_LLM_CATALOG_DATA_ITEM, "id"),
    ngx_llm_json_member(NGX_LLM_CATALOG_DATA_ITEM, "created"),
    ngx_llm_json_member(NGX_LLM_CATALOG_DATA_ITEM, "owned_by"),
    ngx_llm_json_element(NGX_LLM_CATALOG_MODELS),
    ngx_llm_json_member(NGX_LLM_CATALOG_MODELS_ITEM, "name"),
    ngx_llm_json_member(NGX_LLM_CATALOG_BARE_ITEM, "id"),
    ngx_llm_json_member(NGX_LLM_CATALOG_BARE_ITEM, "created"),
    ngx_llm_json_member(NGX_LLM_CATALOG_BARE_ITEM, "owned_by")
};

#define NGX_LLM_CATALOG_ROWS                                                  \
    (sizeof(ngx_llm_catalog_watch) / sizeof(ngx_llm_catalog_watch[0]))


void
ngx_llm_catalog_init(ngx_llm_catalog_t *c, ngx_pool_t *pool)
{
    ngx_memzero(c, offsetof(ngx_llm_catalog_t, json));

    c->pool = pool;

    ngx_llm_json_init(&c->json, ngx_llm_catalog_watch, NGX_LLM_CATALOG_ROWS,
                      c->text, sizeof(c->text), ngx_llm_catalog_value, c);
}


ngx_int_t
ngx_llm_catalog_feed(ngx_llm_catalog_t *c, const u_char *p, size_t n)
{
    if (c->error == NULL && ngx_llm_json_feed(&c->json, p, n) != NGX_OK) {
        c->error = "the list of models is not JSON";
    }

    return c->error ? NGX_DECLINED : NGX_OK;
}


ngx_int_t
ngx_llm_catalog_end(ngx_llm_catalog_t *c)
{
    if (c->error) {
        return NGX_DECLINED;
    }

    if (ngx_llm_json_end(&c->json) != NGX_OK) {
        c->error = "the list of models is not JSON";
        return NGX_DECLINED;
    }

    if (c->json.root_kind == NGX_LLM_JSON_ARRAY
        && (c->data.list || c->json.root_count == 0))
    {
        c->known = 1;
    }

    if (!c->known) {
        c->error = "the answer is not a list of models";
        return NGX_DECLINED;
    }

    c->list = c->data.list ? c->data.list : c->models.list;

    if (c->list) {
        return NGX_OK;
    }

    if (ngx_llm_catalog_room(c, &c->data, 0) != NGX_OK) {
        return NGX_DECLINED;
    }

    c->list = c->data.list;

    return NGX_OK;
}


ngx_uint_t
ngx_llm_catalog_same(const ngx_llm_list_t *old, const ngx_llm_list_t *list)
{
    return old
           && old->n == list->n
           && old->size == list->size
           && old->checksum == list->checksum;
}


static void
ngx_llm_catalog_value(void *data, ngx_uint_t id,
    const ngx_llm_json_value_t *v)
{
    ngx_llm_catalog_t  *c = data;

    switch (id) {

    case NGX_LLM_CATALOG_DATA:
    case NGX_LLM_CATALOG_MODELS:

        /* null: some write it for a list of nothing */

        if (v->kind == NGX_LLM_JSON_ARRAY || v->kind == NGX_LLM_JSON_NULL) {
            c->known = 1;
        }

        break;

    case NGX_LLM_CATALOG_DATA_ID:
    case NGX_LLM_CATALOG_BARE_ID:
    case NGX_LLM_CATALOG_MODELS_NAME:
        ngx_llm_catalog_name(c, v);
        break;

    case NGX_LLM_CATALOG_DATA_OWNER:
    case NGX_LLM_CATALOG_BARE_OWNER:
        ngx_llm_catalog_owner(c, v);
        break;

    case NGX_LLM_CATALOG_DATA_CREATED:
    case NGX_LLM_CATALOG_BARE_CREATED:
        if (v->kind == NGX_LLM_JSON_NUMBER && v->number > 0) {
            c->created = (uint64_t) v->number;
        }

        break;

    case NGX_LLM_CATALOG_MODELS_ITEM:
        ngx_llm_catalog_model(c, &c->models);
        break;

    default: /* NGX_LLM_CATALOG_DATA_ITEM, NGX_LLM_CATALOG_BARE_ITEM */
        ngx_llm_catalog_model(c, &c->data);
        break;
    }
}


static void
ngx_llm_catalog_name(ngx_llm_catalog_t *c, const ngx_llm_json_value_t *v)
{
    size_t  i;

    c->name_len = 0;
    c->unfit = 1;

    if (v->kind != NGX_LLM_JSON_STRING || v->truncated) {
        return;
    }

    for (i = 0; i < v->text.len; i++) {
        if (v->text.data[i] < ' ' || v->text.data[i] == 0x7f) {
            return;
        }
    }

    ngx_memcpy(c->name, v->text.data, v->text.len);

    c->name_len = v->text.len;
    c->unfit = 0;
}


/* an owner is for show: one that is too long is cut, between two characters */

static void
ngx_llm_catalog_owner(ngx_llm_catalog_t *c, const ngx_llm_json_value_t *v)
{
    size_t  n;

    c->owner_len = 0;

    if (v->kind != NGX_LLM_JSON_STRING) {
        return;
    }

    n = v->text.len;

    if (n > NGX_LLM_NODE_NAME) {
        n = NGX_LLM_NODE_NAME;

        while (n && (v->text.data[n] & 0xc0) == 0x80) {
            n--;
        }
    }

    ngx_memcpy(c->owner, v->text.data, n);

    c->owner_len = n;
}


/* a model was read: adds it, and is ready for the next one */

static void
ngx_llm_catalog_model(ngx_llm_catalog_t *c, ngx_llm_shelf_t *shelf)
{
    ngx_str_t        name, owner;
    ngx_llm_list_t  *list;

    name.data = c->name;
    name.len = c->name_len;
    owner.data = c->owner;
    owner.len = c->owner_len;

    if (name.len == 0 || c->unfit) {
        c->left_out++;
        goto next;
    }

    if (ngx_llm_catalog_room(c, shelf,
                             ngx_llm_listed_size(name.len, owner.len))
        != NGX_OK)
    {
        goto next;
    }

    list = shelf->list;

    if (ngx_llm_list_add(list, shelf->size, &name, &owner, c->created)
        != NGX_OK)
    {
        c->left_out++;
        goto next;
    }

    list->checksum = ngx_llm_catalog_sum(list->checksum, name.data, name.len);
    list->checksum = ngx_llm_catalog_sum(list->checksum, owner.data,
                                         owner.len);

next:

    c->name_len = 0;
    c->owner_len = 0;
    c->created = 0;
    c->unfit = 0;
}


/* makes the shelf big enough for need bytes more */

static ngx_int_t
ngx_llm_catalog_room(ngx_llm_catalog_t *c, ngx_llm_shelf_t *shelf,
    size_t need)
{
    size_t           size, used;
    ngx_llm_list_t  *list;

    used = sizeof(ngx_llm_list_t) + (shelf->list ? shelf->list->size : 0);

    if (shelf->list && used + need <= shelf->size) {
        return NGX_OK;
    }

    size = shelf->list ? 2 * shelf->size : NGX_LLM_CATALOG_SHELF;

    list = ngx_palloc(c->pool, size);
    if (list == NULL) {
        c->error = "no memory for the list of models";
        return NGX_ERROR;
    }

    if (shelf->list) {
        ngx_memcpy(list, shelf->list, used);
        (void) ngx_pfree(c->pool, shelf->list);

    } else {
        ngx_memzero(list, sizeof(ngx_llm_list_t));
        list->checksum = NGX_LLM_CATALOG_BASIS;
    }

    shelf->list = list;
    shelf->size = size;

    return NGX_OK;
}


/* adds a text and its end to a checksum */

static uint64_t
ngx_llm_catalog_sum(uint64_t sum, const u_char *p, size_t n)
{
    while (n--) {
        sum = (sum ^ *p++) * NGX_LLM_CATALOG_PRIME;
    }

    return (sum ^ 0xff) * NGX_LLM_CATALOG_PRIME;
}
