
/*
 * The index of models: which nodes list a name.
 *
 * It is one image, made whole from the nodes' lists whenever one of them
 * changes, under the zone's mutex, and published by one pointer.  Readers
 * take no lock: an image never changes, and an old one is freed only seconds
 * after it was replaced, while a reader keeps it for one event at most.
 * A worker that dies while it makes one leaves the old one in force.
 */


#ifndef _NGX_LLM_MODELS_H_INCLUDED_
#define _NGX_LLM_MODELS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_nodes.h"


typedef struct {
    uint32_t            hash;
    uint32_t            next;       /* in the bucket, + 1; 0: the last */
    uint32_t            name;       /* offset in the image */
    uint16_t            name_len;
    uint16_t            owner_len;  /* follows the name */
    uint64_t            created;    /* seconds since 1970 */
    uint32_t            nodes;      /* first of its nodes in the image's */
    uint32_t            nnodes;
} ngx_llm_model_t;


typedef struct ngx_llm_image_s  ngx_llm_image_t;

struct ngx_llm_image_s {
    ngx_llm_image_t    *retired;    /* the one that was retired before it */
    ngx_msec_t          since;      /* when it was retired */
    size_t              texts;      /* where the next name goes */
    uint32_t            nmodels;
    uint32_t            nbuckets;   /* a power of two */
    uint32_t            nwild;      /* nodes that take any model: "*" */
    uint32_t            unheard;    /* nodes that never told their list */
    uint32_t           *buckets;    /* model + 1 */
    uint32_t           *wild;
    uint32_t           *nodes;
    ngx_llm_model_t    *models;
};


typedef struct {
    ngx_atomic_t        wanted;     /* changes so far: of lists, and nodes that
                                       came or left; counted by nodes */
    ngx_atomic_t        built;      /* of them, in the image or a newer one */
    ngx_atomic_t        built_at;   /* ms; 0: never */
    ngx_llm_image_t    *volatile image;
    ngx_llm_image_t    *retired;    /* the newest of them */
    ngx_slab_pool_t    *shpool;
} ngx_llm_models_t;


/* Makes an empty index.  NULL: the zone is full. */
ngx_llm_models_t *ngx_llm_models_create(ngx_slab_pool_t *shpool);

/*
 * Makes the index anew from all nodes that are in use: all changes that were
 * counted before it are in it when built says so.  The mutex is held.
 * NGX_ERROR: the zone is full, the old index stays in force.
 */
ngx_int_t ngx_llm_models_build_locked(ngx_llm_models_t *models,
    ngx_llm_nodes_t *nodes);

/*
 * The model of this name in an image, NULL when no node lists it.  No lock;
 * the result is good until the caller returns to the event loop.
 */
ngx_llm_model_t *ngx_llm_models_find(ngx_llm_image_t *image,
    const ngx_str_t *name, uint32_t hash);

#define ngx_llm_models_hash(name)  ngx_murmur_hash2((name)->data, (name)->len)

#define ngx_llm_model_name(image, m)  ((u_char *) (image) + (m)->name)
#define ngx_llm_model_owner(image, m)                                         \
    ((u_char *) (image) + (m)->name + (m)->name_len)


#endif /* _NGX_LLM_MODELS_H_INCLUDED_ */
