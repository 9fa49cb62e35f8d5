
/*
 * An entry of the history's index in Redis: what a filter may ask of a record,
 * texts as hashes.  Numbers with the highest byte first:
 *
 *     0   8  ms of the stream's id
 *     8   4  sequence of the stream's id
 *     12  8  when the request came, ms since 1970
 *     20  4  hash of the record's id
 *     24  4  hash of the request's id
 *     28  4  hash of the model
 *     32  4  hash of the node's name
 *     36  4  hash of the node's id
 *     40  4  hash of the key's name
 *     44  1  ngx_llm_record_status_e
 */


#ifndef _NGX_LLM_ENTRY_H_INCLUDED_
#define _NGX_LLM_ENTRY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_record.h"


#define NGX_LLM_ENTRY_SIZE   45
#define NGX_LLM_ENTRY_OWN    33     /* of them made here, the ids by Redis */
#define NGX_LLM_ENTRY_BLOCK  512    /* entries in a key of Redis */


typedef struct {
    uint64_t    ms;
    uint32_t    sequence;
    uint64_t    time;
    uint32_t    id;
    uint32_t    request_id;
    uint32_t    model;
    uint32_t    node;
    uint32_t    node_id;
    uint32_t    key;
    ngx_uint_t  status;
} ngx_llm_entry_t;


/* Writes NGX_LLM_ENTRY_OWN bytes, from 12 on; zone is the ring's id. */
void ngx_llm_entry_write(u_char *p, const ngx_llm_record_t *record,
    uint64_t zone);

/* Reads NGX_LLM_ENTRY_SIZE bytes. */
void ngx_llm_entry_read(const u_char *p, ngx_llm_entry_t *entry);

/* The hash of a text. */
#define ngx_llm_entry_hash(text)  ngx_murmur_hash2((text)->data, (text)->len)


#endif /* _NGX_LLM_ENTRY_H_INCLUDED_ */
