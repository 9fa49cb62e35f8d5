
/*
 * The front door: directives, contexts, phases.  Wiring only; each directive
 * and each step of a request has its room under src/.
 */


#include "ngx_http_llm.h"
#include "ngx_http_llm_alias.h"
#include "ngx_http_llm_api_handler.h"
#include "ngx_http_llm_auth.h"
#include "ngx_http_llm_body.h"
#include "ngx_http_llm_body_size.h"
#include "ngx_http_llm_conf.h"
#include "ngx_http_llm_conf_admin.h"
#include "ngx_http_llm_conf_history.h"
#include "ngx_http_llm_conf_key.h"
#include "ngx_http_llm_conf_node.h"
#include "ngx_http_llm_conf_set.h"
#include "ngx_http_llm_conf_state.h"
#include "ngx_http_llm_error.h"
#include "ngx_http_llm_head.h"
#include "ngx_http_llm_history.h"
#include "ngx_http_llm_record.h"
#include "ngx_http_llm_status.h"
#include "ngx_http_llm_variables.h"
#include "ngx_http_llm_worker.h"


static ngx_int_t ngx_http_llm_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_llm_postconfiguration(ngx_conf_t *cf);


#define NGX_HTTP_LLM_ANY  (NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF               \
                           |NGX_HTTP_LOC_CONF)


static ngx_command_t  ngx_http_llm_commands[] = {

    { ngx_string("llm_router"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, enable),
      NULL },

    { ngx_string("llm_router_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_zone_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_router_node"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_llm_node_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_router_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_llm_key_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_router_keys_required"),
      NGX_HTTP_LLM_ANY|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, keys_required),
      NULL },

    { ngx_string("llm_router_alias"),
      NGX_HTTP_LLM_ANY|NGX_CONF_TAKE2,
      ngx_http_llm_alias_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_router_max_concurrent"),
      NGX_HTTP_LLM_ANY|NGX_CONF_TAKE1,
      ngx_http_llm_max_concurrent_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_router_queue"),
      NGX_HTTP_LLM_ANY|NGX_CONF_TAKE12,
      ngx_http_llm_queue_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_router_connect_timeout"),
      NGX_HTTP_LLM_ANY|NGX_CONF_TAKE1,
      ngx_http_llm_time_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, upstream.connect_timeout),
      NULL },

    { ngx_string("llm_router_request_timeout"),
      NGX_HTTP_LLM_ANY|NGX_CONF_TAKE1,
      ngx_http_llm_time_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, upstream.read_timeout),
      NULL },

    { ngx_string("llm_router_tries"),
      NGX_HTTP_LLM_ANY|NGX_CONF_TAKE1,
      ngx_http_llm_tries_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_router_balance"),
      NGX_HTTP_LLM_ANY|NGX_CONF_TAKE1,
      ngx_http_llm_balance_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_router_health"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_llm_health_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_router_trusted_certificate"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_llm_main_conf_t, trusted_certificate),
      NULL },

    { ngx_string("llm_router_state"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_state_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_router_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_llm_redis_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_router_history"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_llm_history_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_router_admin"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_llm_admin_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_router_node_allow"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_llm_node_allow_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_router_api"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_http_llm_api_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llm_loc_conf_t, api),
      NULL },

    { ngx_string("llm_router_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_llm_status_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_llm_router_module_ctx = {
    ngx_http_llm_preconfiguration,         /* preconfiguration */
    ngx_http_llm_postconfiguration,        /* postconfiguration */

    ngx_http_llm_create_main_conf,         /* create main configuration */
    ngx_http_llm_init_main_conf,           /* init main configuration */

    ngx_http_llm_create_srv_conf,          /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_llm_create_loc_conf,          /* create location configuration */
    ngx_http_llm_merge_loc_conf            /* merge location configuration */
};


ngx_module_t  ngx_http_llm_router_module = {
    NGX_MODULE_V1,
    &ngx_http_llm_router_module_ctx,       /* module context */
    ngx_http_llm_commands,                 /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_llm_init_module,              /* init module */
    ngx_http_llm_init_process,             /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_llm_exit_process,             /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_llm_preconfiguration(ngx_conf_t *cf)
{
    ngx_http_llm_head_init();

    if (ngx_http_llm_body_size_watch(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_add_variables(cf);
}


static ngx_int_t
ngx_http_llm_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_llm_access_handler;

    ngx_http_llm_record_filters();
    ngx_http_llm_error_filters();
    ngx_http_llm_body_filters();
    ngx_http_llm_conf_pages(cf);

    if (ngx_http_llm_conf_warn(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_add_zone(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_add_history(cf);
}
