
/*
 * A node as it is shown, read at one moment; shared by the files that make
 * JSON of it, and nobody else's.
 */


#ifndef _NGX_HTTP_LLM_API_NODE_VIEW_H_INCLUDED_
#define _NGX_HTTP_LLM_API_NODE_VIEW_H_INCLUDED_


#include "ngx_http_llm_api.h"


/* a list of up to this size is copied without an allocation */
#define NGX_HTTP_LLM_VIEW_ROOM  4096

/* and of more than this is shown in part */
#define NGX_HTTP_LLM_VIEW_LIST  (96 * 1024)


typedef struct {
    ngx_llm_zone_t         *zone;
    ngx_llm_node_t         *node;
    uint32_t                place;
    ngx_msec_t              now;
    ngx_uint_t              state;      /* ngx_llm_node_state_e */
    ngx_uint_t              total;      /* of the models */
    ngx_llm_list_t         *list;       /* those that are shown */
    ngx_llm_node_conf_t     conf;
    uint64_t                room[NGX_HTTP_LLM_VIEW_ROOM / 8];
} ngx_http_llm_view_t;


/* a member of the JSON; value's offset is the row's */

typedef struct {
    const char             *name;
    json_t               *(*value)(const ngx_http_llm_view_t *v, size_t offset);
    size_t                  offset;
} ngx_http_llm_view_row_t;


/*
 * A time of ngx_current_msec by the wall clock, in whole seconds: the next one
 * if it is still to come.
 */
json_t *ngx_http_llm_view_time(const ngx_http_llm_view_t *v,
    ngx_msec_t time);

/*
 * The values of rows: state, why it is the one, and until when; the circuit,
 * the rest that the node asked for, the budget of all nodes.
 */
json_t *ngx_http_llm_view_state(const ngx_http_llm_view_t *v, size_t n);
json_t *ngx_http_llm_view_reason(const ngx_http_llm_view_t *v, size_t n);
json_t *ngx_http_llm_view_until(const ngx_http_llm_view_t *v, size_t n);
json_t *ngx_http_llm_view_circuit(const ngx_http_llm_view_t *v, size_t n);
json_t *ngx_http_llm_view_cooldown(const ngx_http_llm_view_t *v, size_t n);
json_t *ngx_http_llm_view_budget(const ngx_http_llm_view_t *v, size_t n);


#endif /* _NGX_HTTP_LLM_API_NODE_VIEW_H_INCLUDED_ */
