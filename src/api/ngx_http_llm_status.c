
/*
 * The page of "llm_router_status".  Reads figures only, takes no lock.
 */


#include "ngx_llm_text.h"
#include "ngx_http_llm.h"
#include "ngx_http_llm_status.h"


/* a node's row at most, names apart */
#define NGX_HTTP_LLM_STATUS_ROW   512
#define NGX_HTTP_LLM_STATUS_HEAD  1024


static ngx_int_t ngx_http_llm_status_handler(ngx_http_request_t *r);
static u_char *ngx_http_llm_status_totals(u_char *p, ngx_llm_zone_t *zone);
static u_char *ngx_http_llm_status_node(u_char *p, ngx_llm_zone_t *zone,
    uint32_t i);


char *
ngx_http_llm_status_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_llm_status_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_status_handler(ngx_http_request_t *r)
{
    u_char          *p;
    uint32_t         i;
    ngx_int_t        rc;
    ngx_buf_t       *b;
    ngx_chain_t      out;
    ngx_llm_zone_t  *zone;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    zone = ngx_http_llm_worker.zone;

    if (zone == NULL) {
        return NGX_HTTP_NOT_FOUND;
    }

    b = ngx_create_temp_buf(r->pool, NGX_HTTP_LLM_STATUS_HEAD
                                     + zone->nodes->used
                                       * (NGX_HTTP_LLM_STATUS_ROW
                                          + 6 * NGX_LLM_NODE_NAME));
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_http_llm_status_totals(b->pos, zone);

    for (i = 0; i < zone->nodes->used; i++) {

        if (zone->nodes->node[i].use == NGX_LLM_NODE_USED) {

            if (p[-1] == '}') {
                *p++ = ',';
            }

            p = ngx_http_llm_status_node(p, zone, i);
        }
    }

    b->last = ngx_cpymem(p, "]}\n", 3);
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = b->last - b->pos;

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static u_char *
ngx_http_llm_status_totals(u_char *p, ngx_llm_zone_t *zone)
{
    ngx_llm_totals_t  *t;

    t = &zone->totals;

    return ngx_sprintf(p, "{\"in_flight\":%uL,\"keys_in_flight\":%uL,"
                       "\"queued\":%uA,\"requests\":%uA,\"errors\":%uA,"
                       "\"cancelled\":%uA,\"failovers\":%uA,"
                       "\"queued_total\":%uA,\"prompt_tokens\":%uA,"
                       "\"completion_tokens\":%uA,\"nodes\":[",
                       ngx_llm_limits_sum(zone->limits, 0,
                                          NGX_LLM_ZONE_GROUPS),
                       ngx_llm_limits_sum(zone->limits,
                                          ngx_llm_key_in_flight(zone, 0),
                                          zone->keys->used),
                       zone->queue->n, t->requests, t->errors, t->cancelled,
                       t->failovers, t->queued, t->prompt_tokens,
                       t->completion_tokens);
}


static u_char *
ngx_http_llm_status_node(u_char *p, ngx_llm_zone_t *zone, uint32_t i)
{
    ngx_llm_node_t  *node;

    node = &zone->nodes->node[i];

    p = ngx_cpymem(p, "{\"name\":\"", sizeof("{\"name\":\"") - 1);
    p = ngx_llm_json_escape(p, node->conf.name, ngx_strlen(node->conf.name));

    return ngx_sprintf(p, "\",\"state\":\"%s\",\"type\":\"%s\","
                       "\"in_flight\":%uA,\"waiting\":%uA,"
                       "\"max_concurrent\":%uA,\"requests\":%uA,"
                       "\"failures\":%uA,\"prompt_tokens\":%uA,"
                       "\"completion_tokens\":%uA}",
                       ngx_llm_node_state_name(
                                 ngx_llm_node_state(node, ngx_current_msec)),
                       ngx_llm_node_type_name(node->type ? node->type
                                                         : node->conf.type),
                       ngx_llm_limits_count(zone->limits,
                                            ngx_llm_node_in_flight(zone, i)),
                       ngx_llm_limits_count(zone->limits,
                                            ngx_llm_node_waiting(zone, i)),
                       node->max, node->requests, node->failures,
                       node->prompt_tokens, node->completion_tokens);
}
