
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_entry.h"


static u_char *ngx_llm_entry_text(u_char *p, const ngx_llm_record_t *record,
    ngx_uint_t which);
static u_char *ngx_llm_entry_put(u_char *p, uint64_t n, ngx_uint_t bytes);
static const u_char *ngx_llm_entry_get(const u_char *p, ngx_uint_t bytes,
    uint64_t *n);
static const u_char *ngx_llm_entry_get32(const u_char *p, uint32_t *n);


void
ngx_llm_entry_write(u_char *p, const ngx_llm_record_t *record, uint64_t zone)
{
    u_char     id[NGX_LLM_RECORD_ID_LEN];
    ngx_str_t  text;

    p = ngx_llm_entry_put(p, record->time, 8);

    text.data = id;
    text.len = ngx_llm_record_id(id, record, zone) - id;
    p = ngx_llm_entry_put(p, ngx_llm_entry_hash(&text), 4);

    p = ngx_llm_entry_text(p, record, NGX_LLM_RECORD_ID);
    p = ngx_llm_entry_text(p, record, NGX_LLM_RECORD_MODEL);
    p = ngx_llm_entry_text(p, record, NGX_LLM_RECORD_NODE);

    text.len = ngx_llm_record_node_id(id, record) - id;
    p = ngx_llm_entry_put(p, ngx_llm_entry_hash(&text), 4);

    p = ngx_llm_entry_text(p, record, NGX_LLM_RECORD_KEY);

    *p = record->status;
}


static u_char *
ngx_llm_entry_text(u_char *p, const ngx_llm_record_t *record, ngx_uint_t which)
{
    ngx_str_t  text;

    text = ngx_llm_record_text(record, which);

    return ngx_llm_entry_put(p, ngx_llm_entry_hash(&text), 4);
}


static u_char *
ngx_llm_entry_put(u_char *p, uint64_t n, ngx_uint_t bytes)
{
    while (bytes--) {
        *p++ = (u_char) (n >> (8 * bytes));
    }

    return p;
}


void
ngx_llm_entry_read(const u_char *p, ngx_llm_entry_t *entry)
{
    p = ngx_llm_entry_get(p, 8, &entry->ms);
    p = ngx_llm_entry_get32(p, &entry->sequence);
    p = ngx_llm_entry_get(p, 8, &entry->time);
    p = ngx_llm_entry_get32(p, &entry->id);
    p = ngx_llm_entry_get32(p, &entry->request_id);
    p = ngx_llm_entry_get32(p, &entry->model);
    p = ngx_llm_entry_get32(p, &entry->node);
    p = ngx_llm_entry_get32(p, &entry->node_id);
    p = ngx_llm_entry_get32(p, &entry->key);

    entry->status = *p;
}


static const u_char *
ngx_llm_entry_get(const u_char *p, ngx_uint_t bytes, uint64_t *n)
{
    *n = 0;

    while (bytes--) {
        *n = *n << 8 | *p++;
    }

    return p;
}


static const u_char *
ngx_llm_entry_get32(const u_char *p, uint32_t *n)
{
    uint64_t  word;

    p = ngx_llm_entry_get(p, 4, &word);

    *n = (uint32_t) word;

    return p;
}
