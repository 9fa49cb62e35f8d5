
/*
 * What a body says of a node, read and checked, and how it gets into the
 * table: for those that create, change or announce one.
 */


#ifndef _NGX_HTTP_LLM_API_NODE_EDIT_H_INCLUDED_
#define _NGX_HTTP_LLM_API_NODE_EDIT_H_INCLUDED_


#include "ngx_http_llm_api_input.h"
#include "ngx_http_llm_api_node_json.h"


/* the fields; who announces itself may not set the last two */

typedef enum {
    NGX_HTTP_LLM_EDIT_BASE_URL = 0,
    NGX_HTTP_LLM_EDIT_NAME,
    NGX_HTTP_LLM_EDIT_MODELS,
    NGX_HTTP_LLM_EDIT_MAX_CONCURRENT,
    NGX_HTTP_LLM_EDIT_WEIGHT,
    NGX_HTTP_LLM_EDIT_TYPE,
    NGX_HTTP_LLM_EDIT_NOTES,
    NGX_HTTP_LLM_EDIT_API_KEY,
    NGX_HTTP_LLM_EDIT_CHECK,
    NGX_HTTP_LLM_EDIT_FIELDS
} ngx_http_llm_edit_field_e;


/* why it was refused, to be said when the mutex is free */

typedef struct {
    ngx_uint_t                status;
    const char               *code;
    const char               *param;
    const char               *message;
} ngx_http_llm_edit_error_t;


typedef struct {
    ngx_http_llm_api_value_t  values[NGX_HTTP_LLM_EDIT_FIELDS];
    ngx_llm_node_conf_t       url;      /* what base_url says, addresses too */
    ngx_uint_t                type;
    ngx_llm_list_t           *list;     /* models; NULL: not given, or null */
    ngx_http_llm_api_pt       then;

    /* set by who announces a node */

    unsigned                  registered:1;
    unsigned                  pending:1;    /* if it is new */
    unsigned                  approved:1;
    unsigned                  refused:1;    /* it may not be at its addresses */
    u_char                    token[NGX_LLM_NODE_TOKEN];

    /* result */

    uint32_t                  place;
    uint64_t                  id;
    u_char                    name[NGX_LLM_NODE_NAME];
    unsigned                  created:1;
    unsigned                  changed:1;    /* it is not as it was */
    const ngx_http_llm_edit_error_t  *error;
} ngx_http_llm_edit_t;


/* was it given; and not as null; and as what */

#define ngx_http_llm_edit_set(edit, field)                                    \
    ((edit)->values[NGX_HTTP_LLM_EDIT_##field].given                          \
     && !(edit)->values[NGX_HTTP_LLM_EDIT_##field].null)

#define ngx_http_llm_edit_given(edit, field)                                  \
    ((edit)->values[NGX_HTTP_LLM_EDIT_##field].given)

#define ngx_http_llm_edit_number(edit, field)                                 \
    ((ngx_uint_t) (edit)->values[NGX_HTTP_LLM_EDIT_##field].number)

#define ngx_http_llm_edit_text(edit, field)                                   \
    (&(edit)->values[NGX_HTTP_LLM_EDIT_##field].text)


/* bodies of POST, of PATCH, and of a node that announces itself */

extern const ngx_http_llm_api_field_t  ngx_http_llm_edit_create[];
extern const ngx_http_llm_api_field_t  ngx_http_llm_edit_change[];
extern const ngx_http_llm_api_field_t  ngx_http_llm_edit_register[];


/*
 * Reads the body by one of these tables, and asks for the addresses of a name
 * in base_url.  Then calls then(), at once or later, with a zeroed edit in
 * api->data but for what was read.  Otherwise the request was ended.
 */
void ngx_http_llm_edit(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_field_t *fields, ngx_http_llm_api_pt then);

/*
 * The list of models of an array of names, from the pool.  NULL: no memory.
 */
ngx_llm_list_t *ngx_http_llm_edit_list(ngx_pool_t *pool, json_t *names);

/*
 * Changes the node at place i by what was given, or makes a new one when i is
 * NGX_LLM_NODE_NONE.  The mutex is held.  NGX_OK and the edit's result;
 * NGX_DECLINED: nothing was changed, edit->error says why.
 */
ngx_int_t ngx_http_llm_edit_locked(ngx_http_llm_edit_t *edit, uint32_t i);

/* Ends the request with the edit's error. */
void ngx_http_llm_edit_fail(ngx_http_llm_api_t *api,
    const ngx_http_llm_edit_t *edit);

/*
 * More may go on at this node: who waits for it is called, now and once more
 * when its models are known to all.
 */
void ngx_http_llm_edit_more(ngx_http_llm_api_t *api, uint32_t i);


#endif /* _NGX_HTTP_LLM_API_NODE_EDIT_H_INCLUDED_ */
