
/*
 * Records with neighbouring numbers, made ready to be written to Redis by one
 * script: their JSON, their entries of the index, the models they name.
 */


#ifndef _NGX_LLM_FLUSH_BATCH_H_INCLUDED_
#define _NGX_LLM_FLUSH_BATCH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_entry.h"
#include "ngx_llm_record.h"
#include "ngx_llm_redis.h"


/* of a batch: records, bytes of JSON, names of models */
#define NGX_LLM_FLUSH_RECORDS  512
#define NGX_LLM_FLUSH_BYTES    (512 * 1024)
#define NGX_LLM_FLUSH_MODELS   64


typedef struct {
    u_char                  entry[NGX_LLM_ENTRY_OWN];
    size_t                  start;      /* of its JSON, in the text */
    size_t                  len;
} ngx_llm_flush_row_t;


typedef struct {
    uint64_t                from;       /* the number it was begun with */
    uint64_t                first;      /* of its records */
    uint64_t                next;       /* to be looked at after it */
    uint64_t                end;        /* ms since 1970: of its last request */
    ngx_llm_flush_row_t     rows[NGX_LLM_FLUSH_RECORDS];
    ngx_uint_t              nrows;

    /* its own */

    u_char                 *text;       /* malloc()ed */
    size_t                  size;
    size_t                  len;
    ngx_str_t               models[NGX_LLM_FLUSH_MODELS];   /* in the text */
    ngx_uint_t              nmodels;
    unsigned                over:1;     /* a record was declined */
} ngx_llm_flush_batch_t;


/* Makes it empty, to begin with this number. */
void ngx_llm_flush_batch_begin(ngx_llm_flush_batch_t *batch, uint64_t from);

/*
 * Adds the record whose number is batch->next, which the caller moves on.
 * NGX_DECLINED: it is for another batch, as there was a gap before it, or one
 * model too many; NGX_ERROR: no memory.
 */
ngx_int_t ngx_llm_flush_batch_add(ngx_llm_flush_batch_t *batch,
    const ngx_llm_record_t *record, uint64_t ring, const ngx_str_t *router);

/* Is it as large as it may become, so that another one follows at once? */
#define ngx_llm_flush_batch_full(batch)                                       \
    ((batch)->nrows == NGX_LLM_FLUSH_RECORDS                                  \
     || (batch)->len >= NGX_LLM_FLUSH_BYTES                                   \
     || (batch)->over)

/* Arguments of a command for its models, and for its records. */
#define ngx_llm_flush_batch_args(batch)  (1 + (batch)->nmodels                \
                                          + 1 + 2 * (batch)->nrows)

/* Writes them: how many models, these; */
void ngx_llm_flush_batch_models(const ngx_llm_flush_batch_t *batch,
    ngx_llm_redis_t *redis);

/* the first one's number; of each the entry and JSON. */
void ngx_llm_flush_batch_rows(const ngx_llm_flush_batch_t *batch,
    ngx_llm_redis_t *redis);

/* Frees its text. */
void ngx_llm_flush_batch_free(ngx_llm_flush_batch_t *batch);


#endif /* _NGX_LLM_FLUSH_BATCH_H_INCLUDED_ */
