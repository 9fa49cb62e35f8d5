
/*
 * Reading a node's list of models while its bytes arrive.
 *
 * Three shapes are known:
 *
 *     {"data":[{"id":"a","created":1,"owned_by":"b"}, ...]}     OpenAI
 *     {"models":[{"name":"a"}, ...]}                            Ollama
 *     [{"id":"a"}, ...]
 *
 * Where "data" and "models" both stand (llama.cpp), "data" counts unless it
 * is empty.  No request, no shared memory, no clock: it takes a pool only.
 */


#ifndef _NGX_LLM_CATALOG_H_INCLUDED_
#define _NGX_LLM_CATALOG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_json.h"
#include "ngx_llm_nodes.h"


/* a list that grows in the pool */

typedef struct {
    size_t                size;     /* bytes there are at list */
    ngx_llm_list_t       *list;     /* NULL: nothing was added */
} ngx_llm_shelf_t;


typedef struct {
    /* result */
    const char           *error;    /* why feed or end declined */
    ngx_llm_list_t       *list;     /* after end */
    ngx_uint_t            left_out; /* models over the limit or unfit */

    /* the model that is being read */
    uint64_t              created;
    size_t                name_len;
    size_t                owner_len;
    u_char                name[NGX_LLM_MODEL_NAME];
    u_char                owner[NGX_LLM_NODE_NAME];

    unsigned              known:1;  /* one of the shapes was seen */
    unsigned              unfit:1;  /* the model's name can't be taken */
    ngx_llm_shelf_t       data;
    ngx_llm_shelf_t       models;

    ngx_pool_t           *pool;
    ngx_llm_json_t        json;
    u_char                text[NGX_LLM_MODEL_NAME];
} ngx_llm_catalog_t;


/* Makes it ready for a new list.  What it reads is allocated from pool. */
void ngx_llm_catalog_init(ngx_llm_catalog_t *c, ngx_pool_t *pool);

/* Takes the next n bytes.  NGX_OK, or NGX_DECLINED and c->error. */
ngx_int_t ngx_llm_catalog_feed(ngx_llm_catalog_t *c, const u_char *p,
    size_t n);

/*
 * The bytes are over.  NGX_OK: c->list is the list, of no model perhaps;
 * its checksum is one of names and owners.  NGX_DECLINED and c->error.
 * A model is left out whose name is empty, too long or holds a control
 * character; so is what comes after NGX_LLM_NODE_MODELS of them.
 */
ngx_int_t ngx_llm_catalog_end(ngx_llm_catalog_t *c);

/*
 * Do they name the same models?  "created" is not compared: llama.cpp and
 * vLLM fill in the time of the answer.  old may be NULL.
 */
ngx_uint_t ngx_llm_catalog_same(const ngx_llm_list_t *old,
    const ngx_llm_list_t *list);


#endif /* _NGX_LLM_CATALOG_H_INCLUDED_ */
