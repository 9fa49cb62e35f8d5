
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_models.h"


/* no reader keeps an image for as long as this, in ms */
#define NGX_LLM_MODELS_RETIRED  2000


typedef struct {
    size_t       texts;     /* bytes of all names and owners */
    uint32_t     listed;    /* models over all lists, equal ones too */
    uint32_t     nodes;
} ngx_llm_models_size_t;


static void ngx_llm_models_tidy_locked(ngx_llm_models_t *models);
static void ngx_llm_models_measure(ngx_llm_nodes_t *nodes,
    ngx_llm_models_size_t *size);
static ngx_llm_image_t *ngx_llm_models_alloc_locked(ngx_slab_pool_t *shpool,
    const ngx_llm_models_size_t *size);
static void ngx_llm_models_count(ngx_llm_image_t *image,
    ngx_llm_nodes_t *nodes);
static void ngx_llm_models_fill(ngx_llm_image_t *image,
    ngx_llm_nodes_t *nodes);
static ngx_llm_model_t *ngx_llm_models_add(ngx_llm_image_t *image,
    const ngx_llm_listed_t *listed, size_t *text);


#define ngx_llm_listed_wild(m)  ((m)->name_len == 1 && (m)->text[0] == '*')


ngx_llm_models_t *
ngx_llm_models_create(ngx_slab_pool_t *shpool)
{
    ngx_llm_models_t       *models;
    ngx_llm_models_size_t   size;

    models = ngx_slab_calloc(shpool, sizeof(ngx_llm_models_t));
    if (models == NULL) {
        return NULL;
    }

    models->shpool = shpool;

    ngx_memzero(&size, sizeof(ngx_llm_models_size_t));

    ngx_shmtx_lock(&shpool->mutex);
    models->image = ngx_llm_models_alloc_locked(shpool, &size);
    ngx_shmtx_unlock(&shpool->mutex);

    return models->image ? models : NULL;
}


ngx_int_t
ngx_llm_models_build_locked(ngx_llm_models_t *models, ngx_llm_nodes_t *nodes)
{
    ngx_llm_image_t        *image, *old;
    ngx_atomic_uint_t       wanted;
    ngx_llm_models_size_t   size;

    ngx_llm_nodes_recover_locked(nodes);
    ngx_llm_models_tidy_locked(models);

    /* who counts a change later than this waits for the next one */

    wanted = models->wanted;

    ngx_memory_barrier();

    ngx_llm_models_measure(nodes, &size);

    image = ngx_llm_models_alloc_locked(models->shpool, &size);
    if (image == NULL) {
        return NGX_ERROR;
    }

    ngx_llm_models_count(image, nodes);
    ngx_llm_models_fill(image, nodes);

    /* who dies in between loses the old one: never is one in force retired */

    old = models->image;
    old->retired = models->retired;
    old->since = ngx_current_msec;

    ngx_memory_barrier();

    models->image = image;

    ngx_memory_barrier();

    models->retired = old;

    models->built_at = ngx_max(ngx_current_msec, 1);

    ngx_memory_barrier();

    models->built = wanted;

    return NGX_OK;
}


ngx_llm_model_t *
ngx_llm_models_find(ngx_llm_image_t *image, const ngx_str_t *name,
    uint32_t hash)
{
    uint32_t          i;
    ngx_llm_model_t  *m;

    i = image->buckets[hash & (image->nbuckets - 1)];

    while (i) {
        m = &image->models[i - 1];

        if (m->hash == hash
            && m->name_len == name->len
            && ngx_memcmp(ngx_llm_model_name(image, m), name->data, name->len)
               == 0)
        {
            return m;
        }

        i = m->next;
    }

    return NULL;
}


/* frees the images that no reader can hold any more */

static void
ngx_llm_models_tidy_locked(ngx_llm_models_t *models)
{
    ngx_llm_image_t  *image, **p;

    p = &models->retired;

    while (*p) {
        image = *p;

        /* by another worker's clock it may be in the future */

        if ((ngx_msec_int_t) (ngx_current_msec - image->since)
            < NGX_LLM_MODELS_RETIRED)
        {
            p = &image->retired;
            continue;
        }

        *p = image->retired;
        ngx_slab_free_locked(models->shpool, image);
    }
}


static void
ngx_llm_models_measure(ngx_llm_nodes_t *nodes, ngx_llm_models_size_t *size)
{
    uint32_t           i, k;
    ngx_llm_node_t    *node;
    ngx_llm_listed_t  *m;

    ngx_memzero(size, sizeof(ngx_llm_models_size_t));

    for (i = 0; i < nodes->used; i++) {
        node = &nodes->node[i];

        if (node->use != NGX_LLM_NODE_USED || node->list == NULL) {
            continue;
        }

        size->nodes++;
        size->listed += node->list->n;

        m = ngx_llm_list_first(node->list);

        for (k = 0; k < node->list->n; k++) {
            size->texts += m->name_len + m->owner_len;
            m = ngx_llm_list_next(m);
        }
    }
}


static ngx_llm_image_t *
ngx_llm_models_alloc_locked(ngx_slab_pool_t *shpool,
    const ngx_llm_models_size_t *size)
{
    size_t            total;
    u_char           *p;
    uint32_t          nbuckets;
    ngx_llm_image_t  *image;

    for (nbuckets = 16; nbuckets < size->listed; nbuckets <<= 1) {
        /* void */
    }

    total = sizeof(ngx_llm_image_t)
            + size->listed * sizeof(ngx_llm_model_t)
            + nbuckets * sizeof(uint32_t)
            + (size->nodes + size->listed) * sizeof(uint32_t)
            + size->texts;

    p = ngx_slab_alloc_locked(shpool, total);
    if (p == NULL) {
        return NULL;
    }

    ngx_memzero(p, total - size->texts);

    image = (ngx_llm_image_t *) p;
    image->texts = total - size->texts;
    image->nbuckets = nbuckets;

    p += sizeof(ngx_llm_image_t);
    image->models = (ngx_llm_model_t *) p;

    p += size->listed * sizeof(ngx_llm_model_t);
    image->buckets = (uint32_t *) p;

    p += nbuckets * sizeof(uint32_t);
    image->wild = (uint32_t *) p;

    p += size->nodes * sizeof(uint32_t);
    image->nodes = (uint32_t *) p;

    return image;
}


/* enters each name once, with how many nodes list it */

static void
ngx_llm_models_count(ngx_llm_image_t *image, ngx_llm_nodes_t *nodes)
{
    uint32_t           i, k, first;
    ngx_llm_node_t    *node;
    ngx_llm_model_t   *model;
    ngx_llm_listed_t  *m;

    for (i = 0; i < nodes->used; i++) {
        node = &nodes->node[i];

        if (node->use != NGX_LLM_NODE_USED) {
            continue;
        }

        if (node->list == NULL) {
            image->unheard++;
            continue;
        }

        m = ngx_llm_list_first(node->list);

        for (k = 0; k < node->list->n; k++, m = ngx_llm_list_next(m)) {

            if (ngx_llm_listed_wild(m)) {
                continue;
            }

            model = ngx_llm_models_add(image, m, &image->texts);
            model->nnodes++;
        }
    }

    first = 0;

    for (i = 0; i < image->nmodels; i++) {
        model = &image->models[i];
        model->nodes = first;
        first += model->nnodes;
        model->nnodes = 0;
    }
}


static void
ngx_llm_models_fill(ngx_llm_image_t *image, ngx_llm_nodes_t *nodes)
{
    uint32_t           i, k;
    ngx_llm_node_t    *node;
    ngx_llm_model_t   *model;
    ngx_llm_listed_t  *m;

    for (i = 0; i < nodes->used; i++) {
        node = &nodes->node[i];

        if (node->use != NGX_LLM_NODE_USED || node->list == NULL) {
            continue;
        }

        m = ngx_llm_list_first(node->list);

        for (k = 0; k < node->list->n; k++, m = ngx_llm_list_next(m)) {

            if (ngx_llm_listed_wild(m)) {

                if (image->nwild == 0 || image->wild[image->nwild - 1] != i) {
                    image->wild[image->nwild++] = i;
                }

                continue;
            }

            model = ngx_llm_models_add(image, m, &image->texts);

            /* a list may name a model twice */

            if (model->nnodes == 0
                || image->nodes[model->nodes + model->nnodes - 1] != i)
            {
                image->nodes[model->nodes + model->nnodes++] = i;
            }
        }
    }
}


/* the model of this name, added when it is new */

static ngx_llm_model_t *
ngx_llm_models_add(ngx_llm_image_t *image, const ngx_llm_listed_t *listed,
    size_t *text)
{
    uint32_t         *bucket;
    ngx_str_t         name;
    ngx_llm_model_t  *m;

    name.data = (u_char *) listed->text;
    name.len = listed->name_len;

    m = ngx_llm_models_find(image, &name, ngx_llm_models_hash(&name));
    if (m) {
        return m;
    }

    m = &image->models[image->nmodels++];

    m->hash = ngx_llm_models_hash(&name);
    m->created = listed->created;
    m->name = (uint32_t) *text;
    m->name_len = listed->name_len;
    m->owner_len = listed->owner_len;

    ngx_memcpy((u_char *) image + *text, listed->text,
               listed->name_len + listed->owner_len);

    *text += listed->name_len + listed->owner_len;

    bucket = &image->buckets[m->hash & (image->nbuckets - 1)];
    m->next = *bucket;
    *bucket = image->nmodels;

    return m;
}
