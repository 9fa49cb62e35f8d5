
/*
 * What is kept of a request: one record of the history.  Never a key, a
 * secret or an address of a node.
 */


#ifndef _NGX_LLM_RECORD_H_INCLUDED_
#define _NGX_LLM_RECORD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_openai.h"


typedef enum {
    NGX_LLM_RECORD_SUCCESS = 0,
    NGX_LLM_RECORD_ERROR,
    NGX_LLM_RECORD_CANCELLED,
    NGX_LLM_RECORD_STATUSES
} ngx_llm_record_status_e;


/* its texts, in the order in which they stand */

typedef enum {
    NGX_LLM_RECORD_ID = 0,          /* x-request-id */
    NGX_LLM_RECORD_ENDPOINT,        /* "/v1/chat/completions" */
    NGX_LLM_RECORD_MODEL,           /* after the alias */
    NGX_LLM_RECORD_REQUESTED,       /* as the client said; empty: the same */
    NGX_LLM_RECORD_NODE,            /* its name */
    NGX_LLM_RECORD_KEY,             /* its name */
    NGX_LLM_RECORD_CLIENT,          /* its address */
    NGX_LLM_RECORD_REQUEST,         /* the bodies, where they are kept */
    NGX_LLM_RECORD_RESPONSE,
    NGX_LLM_RECORD_TEXTS
} ngx_llm_record_text_e;

/* bytes of all texts but the bodies: the longest of each fit */
#define NGX_LLM_RECORD_TEXT          880
#define NGX_LLM_RECORD_ENDPOINT_MAX  64


typedef struct {
    uint64_t            number;     /* in its ring, from 1 */
    uint64_t            time;       /* when it came, ms since 1970 */
    uint64_t            node_id;    /* 0: none */
    uint64_t            request_bytes;
    uint64_t            response_bytes;
    int64_t             prompt_tokens;      /* -1: not known */
    int64_t             completion_tokens;  /* -1: not known */
    int64_t             ttft;       /* ms to the first byte, -1: none */
    uint64_t            duration;   /* ms */
    uint64_t            queue;      /* ms in the queue */
    uint16_t            http_status;
    uint8_t             status;     /* ngx_llm_record_status_e */
    uint8_t             error;      /* ngx_llm_error_e */
    uint8_t             attempts;
    unsigned            stream:1;
    unsigned            estimated:1;    /* completion_tokens are */
    unsigned            node_error:1;   /* the error is the node's own */
    unsigned            cut:1;      /* a body is longer than what is kept */
    uint32_t            len[NGX_LLM_RECORD_TEXTS];
    u_char              text[NGX_LLM_RECORD_TEXT];
} ngx_llm_record_t;


/* what a record may be asked for; zero: any */

typedef struct {
    ngx_str_t           id;         /* the record's or the request's */
    ngx_str_t           model;      /* a part of it */
    ngx_str_t           node;       /* its name, or "node-…" */
    ngx_str_t           key;        /* its name */
    ngx_uint_t          status;     /* its bit: 1 << ngx_llm_record_status_e */
    uint64_t            from;       /* ms since 1970 */
    uint64_t            to;         /* up to and with; 0: any */
} ngx_llm_record_filter_t;


/* the tokens in all, -1: not known */
#define ngx_llm_record_total(record)                                          \
    (((record)->prompt_tokens < 0 && (record)->completion_tokens < 0) ? -1    \
     : ngx_max((record)->prompt_tokens, 0)                                    \
       + ngx_max((record)->completion_tokens, 0))

/*
 * A text of it.  Bounds are not checked: of a copy only, after
 * ngx_llm_record_sane().
 */
ngx_str_t ngx_llm_record_text(const ngx_llm_record_t *record,
    ngx_uint_t which);

/* Do its texts fit into room bytes? */
ngx_uint_t ngx_llm_record_sane(const ngx_llm_record_t *record, size_t room);

/* Does it pass? zone as for ngx_llm_record_id(). */
ngx_uint_t ngx_llm_record_fits(const ngx_llm_record_t *record,
    const ngx_llm_record_filter_t *filter, uint64_t zone);

#define NGX_LLM_RECORD_ID_LEN  33

/* Writes "<zone>-<number>", in hexadecimal, up to NGX_LLM_RECORD_ID_LEN. */
u_char *ngx_llm_record_id(u_char *p, const ngx_llm_record_t *record,
    uint64_t zone);

#define NGX_LLM_RECORD_NODE_LEN  (sizeof("node-") - 1 + 16)

/* Writes "node-" and 16 digits, or nothing where it had no node. */
u_char *ngx_llm_record_node_id(u_char *p, const ngx_llm_record_t *record);

/* Bytes that its JSON may take, the router's name being router_len long. */
size_t ngx_llm_record_json_size(const ngx_llm_record_t *record,
    size_t router_len);

/*
 * Writes it as a JSON object: members as in C5 of the contract, "bodies" only
 * if there are some.  Returns the end.
 */
u_char *ngx_llm_record_json(u_char *p, const ngx_llm_record_t *record,
    uint64_t zone, const ngx_str_t *router);

/* Its error as a word, or NULL. */
const char *ngx_llm_record_error(const ngx_llm_record_t *record);

extern const char  *ngx_llm_record_statuses[NGX_LLM_RECORD_STATUSES];


#endif /* _NGX_LLM_RECORD_H_INCLUDED_ */
