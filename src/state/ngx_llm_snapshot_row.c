
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_rate.h"
#include "ngx_llm_snapshot_row.h"


/* counts go on for ever; what jansson reads ends here */
#define NGX_LLM_ROW_COUNT  0x7fffffffffffffffULL

/* the last second of the year 9999 */
#define NGX_LLM_ROW_TIME   253402300799ULL

#define NGX_LLM_ROW_CONCURRENT  1000000
#define NGX_LLM_ROW_WEIGHT      1000
#define NGX_LLM_ROW_PRIORITY    100


#define ngx_llm_row_count(row, name)                                          \
    { #name, NGX_LLM_ROW_NUMBER, offsetof(row, name), 0, NGX_LLM_ROW_COUNT,   \
      0, 0 }
#define ngx_llm_row_flag(row, name, absent)                                   \
    { #name, NGX_LLM_ROW_FLAG, offsetof(row, name), 0, 1, absent, 0 }

#define ngx_llm_row_node_totals                                               \
    ngx_llm_row_count(ngx_llm_row_node_t, requests),                          \
    ngx_llm_row_count(ngx_llm_row_node_t, failures),                          \
    ngx_llm_row_count(ngx_llm_row_node_t, prompt_tokens),                     \
    ngx_llm_row_count(ngx_llm_row_node_t, completion_tokens)

#define ngx_llm_row_key_totals                                                \
    ngx_llm_row_count(ngx_llm_row_key_t, requests),                           \
    ngx_llm_row_count(ngx_llm_row_key_t, prompt_tokens),                      \
    ngx_llm_row_count(ngx_llm_row_key_t, completion_tokens),                  \
    { "last_used", NGX_LLM_ROW_NUMBER,                                        \
      offsetof(ngx_llm_row_key_t, last_used), 0, NGX_LLM_ROW_TIME, 0, 0 }

#define ngx_llm_row_end  { NULL, 0, 0, 0, 0, 0, 0 }


const ngx_llm_row_field_t  ngx_llm_row_node[] = {

    { "id", NGX_LLM_ROW_NODE_ID, offsetof(ngx_llm_row_node_t, id),
      0, 0, 0, 1 },
    { "name", NGX_LLM_ROW_TEXT, offsetof(ngx_llm_row_node_t, name),
      1, NGX_LLM_NODE_NAME - 1, 0, 1 },
    { "base_url", NGX_LLM_ROW_TEXT, offsetof(ngx_llm_row_node_t, base_url),
      1, NGX_LLM_NODE_URL - 1, 0, 1 },
    { "api_key", NGX_LLM_ROW_TEXT, offsetof(ngx_llm_row_node_t, api_key),
      0, NGX_LLM_NODE_KEY - 1, 0, 0 },
    { "notes", NGX_LLM_ROW_TEXT, offsetof(ngx_llm_row_node_t, notes),
      0, NGX_LLM_NODE_NOTES - 1, 0, 0 },
    { "models", NGX_LLM_ROW_LIST, offsetof(ngx_llm_row_node_t, models),
      0, NGX_LLM_NODE_MODELS, 0, 0 },
    { "max_concurrent", NGX_LLM_ROW_NUMBER,
      offsetof(ngx_llm_row_node_t, max_concurrent),
      0, NGX_LLM_ROW_CONCURRENT, 0, 0 },
    { "weight", NGX_LLM_ROW_NUMBER, offsetof(ngx_llm_row_node_t, weight),
      1, NGX_LLM_ROW_WEIGHT, 1, 0 },
    { "type", NGX_LLM_ROW_TYPE, offsetof(ngx_llm_row_node_t, type),
      0, 0, NGX_LLM_TYPE_UNKNOWN, 0 },
    ngx_llm_row_flag(ngx_llm_row_node_t, check, 1),
    ngx_llm_row_flag(ngx_llm_row_node_t, draining, 0),
    ngx_llm_row_flag(ngx_llm_row_node_t, pending, 0),
    ngx_llm_row_flag(ngx_llm_row_node_t, registered, 0),
    { "token", NGX_LLM_ROW_HASH, offsetof(ngx_llm_row_node_t, token),
      0, 0, 0, 0 },
    { "created", NGX_LLM_ROW_NUMBER, offsetof(ngx_llm_row_node_t, created),
      0, NGX_LLM_ROW_TIME, 0, 0 },
    ngx_llm_row_node_totals,

    ngx_llm_row_end
};


const ngx_llm_row_field_t  ngx_llm_row_static_node[] = {

    { "id", NGX_LLM_ROW_NODE_ID, offsetof(ngx_llm_row_node_t, id),
      0, 0, 0, 1 },
    ngx_llm_row_flag(ngx_llm_row_node_t, draining, 0),
    ngx_llm_row_node_totals,

    ngx_llm_row_end
};


const ngx_llm_row_field_t  ngx_llm_row_key[] = {

    { "id", NGX_LLM_ROW_KEY_ID, offsetof(ngx_llm_row_key_t, id),
      0, 0, 0, 1 },
    { "sha256", NGX_LLM_ROW_HASH, offsetof(ngx_llm_row_key_t, hash),
      0, 0, 0, 1 },
    { "name", NGX_LLM_ROW_TEXT, offsetof(ngx_llm_row_key_t, name),
      1, NGX_LLM_KEY_NAME - 1, 0, 1 },
    { "prefix", NGX_LLM_ROW_TEXT, offsetof(ngx_llm_row_key_t, prefix),
      0, NGX_LLM_KEY_PREFIX - 1, 0, 0 },
    { "scopes", NGX_LLM_ROW_SCOPES, offsetof(ngx_llm_row_key_t, scopes),
      0, 0, 0, 1 },
    { "models", NGX_LLM_ROW_PATTERNS, offsetof(ngx_llm_row_key_t, models),
      0, NGX_LLM_KEY_MODELS - 1, 0, 0 },
    { "rpm", NGX_LLM_ROW_NUMBER, offsetof(ngx_llm_row_key_t, rpm),
      0, NGX_LLM_RATE_MAX, 0, 0 },
    { "tpm", NGX_LLM_ROW_NUMBER, offsetof(ngx_llm_row_key_t, tpm),
      0, NGX_LLM_RATE_MAX, 0, 0 },
    { "max_concurrent", NGX_LLM_ROW_NUMBER,
      offsetof(ngx_llm_row_key_t, max_concurrent),
      0, NGX_LLM_ROW_CONCURRENT, 0, 0 },
    { "expires_at", NGX_LLM_ROW_NUMBER, offsetof(ngx_llm_row_key_t, expires),
      0, NGX_LLM_ROW_TIME, 0, 0 },
    { "priority", NGX_LLM_ROW_NUMBER, offsetof(ngx_llm_row_key_t, priority),
      0, NGX_LLM_ROW_PRIORITY, 0, 0 },
    { "created", NGX_LLM_ROW_NUMBER, offsetof(ngx_llm_row_key_t, created),
      0, NGX_LLM_ROW_TIME, 0, 0 },
    ngx_llm_row_flag(ngx_llm_row_key_t, revoked, 0),
    ngx_llm_row_key_totals,

    ngx_llm_row_end
};


const ngx_llm_row_field_t  ngx_llm_row_static_key[] = {

    { "sha256", NGX_LLM_ROW_HASH, offsetof(ngx_llm_row_key_t, hash),
      0, 0, 0, 1 },
    ngx_llm_row_flag(ngx_llm_row_key_t, revoked, 0),
    ngx_llm_row_key_totals,

    ngx_llm_row_end
};


const ngx_llm_row_field_t  ngx_llm_row_totals[] = {

    ngx_llm_row_count(ngx_llm_row_totals_t, requests),
    ngx_llm_row_count(ngx_llm_row_totals_t, errors),
    ngx_llm_row_count(ngx_llm_row_totals_t, cancelled),
    ngx_llm_row_count(ngx_llm_row_totals_t, failovers),
    ngx_llm_row_count(ngx_llm_row_totals_t, queued),
    ngx_llm_row_count(ngx_llm_row_totals_t, prompt_tokens),
    ngx_llm_row_count(ngx_llm_row_totals_t, completion_tokens),

    ngx_llm_row_end
};


const ngx_llm_row_scope_t  ngx_llm_row_scopes[] = {
    { "inference", NGX_LLM_SCOPE_INFERENCE },
    { "node", NGX_LLM_SCOPE_NODE },
    { "admin", NGX_LLM_SCOPE_ADMIN },
    { "approve", NGX_LLM_SCOPE_APPROVE },
    { NULL, 0 }
};
