
/*
 * The rows of a snapshot: one table a kind says what is written and what is
 * read, in plain records that stand between the file and the zone.
 */


#ifndef _NGX_LLM_SNAPSHOT_ROW_H_INCLUDED_
#define _NGX_LLM_SNAPSHOT_ROW_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_zone.h"
#include "ngx_llm_node_url.h"


typedef enum {
    NGX_LLM_ROW_NODE_ID = 0,        /* uint64_t: "node-0123456789abcdef" */
    NGX_LLM_ROW_KEY_ID,             /* the same with "key-" */
    NGX_LLM_ROW_TEXT,               /* u_char[max + 1], min .. max bytes */
    NGX_LLM_ROW_HASH,               /* u_char[32]: hexadecimal */
    NGX_LLM_ROW_NUMBER,             /* uint64_t, min .. max */
    NGX_LLM_ROW_FLAG,               /* uint64_t, 0 or 1 */
    NGX_LLM_ROW_TYPE,               /* uint64_t: the name of a node's type */
    NGX_LLM_ROW_SCOPES,             /* uint64_t, bits: names */
    NGX_LLM_ROW_PATTERNS,           /* as text, with commas: names */
    NGX_LLM_ROW_LIST                /* ngx_llm_list_t *, malloc'd: names */
} ngx_llm_row_type_e;


typedef struct {
    const char         *name;
    ngx_uint_t          type;       /* ngx_llm_row_type_e */
    size_t              offset;     /* in the record */
    uint64_t            min;
    uint64_t            max;
    uint64_t            absent;     /* a number that is not written */
    unsigned            required:1;
} ngx_llm_row_field_t;


typedef struct {
    uint64_t            id;
    u_char              name[NGX_LLM_NODE_NAME];
    u_char              base_url[NGX_LLM_NODE_URL];
    u_char              api_key[NGX_LLM_NODE_KEY];
    u_char              notes[NGX_LLM_NODE_NOTES];
    u_char              token[NGX_LLM_NODE_TOKEN];
    uint64_t            max_concurrent;
    uint64_t            weight;
    uint64_t            type;
    uint64_t            check;
    uint64_t            draining;
    uint64_t            pending;
    uint64_t            registered;
    uint64_t            created;
    uint64_t            requests;
    uint64_t            failures;
    uint64_t            prompt_tokens;
    uint64_t            completion_tokens;
    ngx_llm_list_t     *models;     /* NULL: to be discovered */
} ngx_llm_row_node_t;


typedef struct {
    uint64_t            id;
    u_char              hash[NGX_LLM_KEY_HASH];
    u_char              name[NGX_LLM_KEY_NAME];
    u_char              prefix[NGX_LLM_KEY_PREFIX];
    u_char              models[NGX_LLM_KEY_MODELS];
    uint64_t            scopes;
    uint64_t            rpm;
    uint64_t            tpm;
    uint64_t            max_concurrent;
    uint64_t            expires;
    uint64_t            priority;
    uint64_t            created;
    uint64_t            revoked;
    uint64_t            last_used;
    uint64_t            requests;
    uint64_t            prompt_tokens;
    uint64_t            completion_tokens;
} ngx_llm_row_key_t;


typedef struct {
    uint64_t            requests;
    uint64_t            errors;
    uint64_t            cancelled;
    uint64_t            failovers;
    uint64_t            queued;
    uint64_t            prompt_tokens;
    uint64_t            completion_tokens;
} ngx_llm_row_totals_t;


typedef struct {
    const char         *name;
    unsigned            bit;
} ngx_llm_row_scope_t;


/*
 * Each ends with a NULL name.  Of static ones, id or hash, totals, and what
 * was done to them at run time and lasts.
 */

extern const ngx_llm_row_field_t  ngx_llm_row_node[];
extern const ngx_llm_row_field_t  ngx_llm_row_static_node[];
extern const ngx_llm_row_field_t  ngx_llm_row_key[];
extern const ngx_llm_row_field_t  ngx_llm_row_static_key[];
extern const ngx_llm_row_field_t  ngx_llm_row_totals[];

extern const ngx_llm_row_scope_t  ngx_llm_row_scopes[];


#define ngx_llm_row_number(row, field)                                        \
    (*(uint64_t *) (void *) ((u_char *) (row) + (field)->offset))
#define ngx_llm_row_text(row, field)  ((u_char *) (row) + (field)->offset)
#define ngx_llm_row_list(row, field)                                          \
    (*(ngx_llm_list_t **) (void *) ((u_char *) (row) + (field)->offset))


#endif /* _NGX_LLM_SNAPSHOT_ROW_H_INCLUDED_ */
