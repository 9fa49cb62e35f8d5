
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_flush_batch.h"


static ngx_int_t ngx_llm_flush_model(ngx_llm_flush_batch_t *batch,
    const ngx_llm_record_t *record);
static u_char *ngx_llm_flush_room(ngx_llm_flush_batch_t *batch, size_t n);


void
ngx_llm_flush_batch_begin(ngx_llm_flush_batch_t *batch, uint64_t from)
{
    batch->from = from;
    batch->first = from;
    batch->next = from;
    batch->end = 0;
    batch->nrows = 0;
    batch->nmodels = 0;
    batch->len = 0;
    batch->over = 0;
}


ngx_int_t
ngx_llm_flush_batch_add(ngx_llm_flush_batch_t *batch,
    const ngx_llm_record_t *record, uint64_t ring, const ngx_str_t *router)
{
    u_char               *p, *start;
    ngx_int_t             rc;
    ngx_llm_flush_row_t  *row;

    if (batch->nrows == 0) {
        batch->first = batch->next;
    }

    rc = (batch->next == batch->first + batch->nrows)
         ? ngx_llm_flush_model(batch, record) : NGX_DECLINED;

    if (rc != NGX_OK) {
        batch->over = (rc == NGX_DECLINED);
        return rc;
    }

    start = ngx_llm_flush_room(batch, ngx_llm_record_json_size(record,
                                                               router->len));
    if (start == NULL) {
        return NGX_ERROR;
    }

    p = ngx_llm_record_json(start, record, ring, router);

    row = &batch->rows[batch->nrows++];

    row->start = batch->len;
    row->len = p - start;

    ngx_llm_entry_write(row->entry, record, ring);

    batch->len += row->len;
    batch->end = ngx_max(batch->end, record->time + record->duration);

    return NGX_OK;
}


/* its model is among those that are told; NGX_DECLINED: no more fit */

static ngx_int_t
ngx_llm_flush_model(ngx_llm_flush_batch_t *batch,
    const ngx_llm_record_t *record)
{
    u_char      *p;
    ngx_str_t    text, *known;
    ngx_uint_t   i;

    text = ngx_llm_record_text(record, NGX_LLM_RECORD_MODEL);

    if (text.len == 0) {
        return NGX_OK;
    }

    for (i = 0; i < batch->nmodels; i++) {
        known = &batch->models[i];

        if (known->len == text.len
            && ngx_memcmp(batch->text + (size_t) known->data, text.data,
                          text.len)
               == 0)
        {
            return NGX_OK;
        }
    }

    if (batch->nmodels == NGX_LLM_FLUSH_MODELS) {
        return NGX_DECLINED;
    }

    p = ngx_llm_flush_room(batch, text.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, text.data, text.len);

    /* where it stands, as the text may move */

    known = &batch->models[batch->nmodels++];

    known->data = (u_char *) batch->len;
    known->len = text.len;

    batch->len += text.len;

    return NGX_OK;
}


static u_char *
ngx_llm_flush_room(ngx_llm_flush_batch_t *batch, size_t n)
{
    size_t   size;
    u_char  *p;

    if (batch->size - batch->len < n) {
        size = 2 * (batch->len + n);

        p = realloc(batch->text, size);
        if (p == NULL) {
            return NULL;
        }

        batch->text = p;
        batch->size = size;
    }

    return batch->text + batch->len;
}


void
ngx_llm_flush_batch_models(const ngx_llm_flush_batch_t *batch,
    ngx_llm_redis_t *redis)
{
    ngx_uint_t        i;
    const ngx_str_t  *model;

    ngx_llm_redis_number(redis, batch->nmodels);

    for (i = 0; i < batch->nmodels; i++) {
        model = &batch->models[i];

        ngx_llm_redis_arg(redis, batch->text + (size_t) model->data,
                          model->len);
    }
}


void
ngx_llm_flush_batch_rows(const ngx_llm_flush_batch_t *batch,
    ngx_llm_redis_t *redis)
{
    ngx_uint_t                  i;
    const ngx_llm_flush_row_t  *row;

    ngx_llm_redis_number(redis, batch->first);

    for (i = 0; i < batch->nrows; i++) {
        row = &batch->rows[i];

        ngx_llm_redis_arg(redis, row->entry, NGX_LLM_ENTRY_OWN);
        ngx_llm_redis_arg(redis, batch->text + row->start, row->len);
    }
}


void
ngx_llm_flush_batch_free(ngx_llm_flush_batch_t *batch)
{
    free(batch->text);

    batch->text = NULL;
    batch->size = 0;
    batch->len = 0;
    batch->nrows = 0;
}
