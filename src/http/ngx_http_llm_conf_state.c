
/*
 * llm_router_state and llm_router_node_allow: where what is made at run time
 * is kept, and where nodes may be that are.
 */


#include "ngx_http_llm_conf_state.h"
#include "ngx_http_llm_conf_param.h"


/* room for ".broken." and a time, ".tmp." and a pid behind the path */
#define NGX_HTTP_LLM_STATE_PATH  (NGX_MAX_PATH - 32)


static ngx_int_t ngx_http_llm_node_allow(ngx_conf_t *cf, ngx_array_t *allow,
    ngx_str_t *value);


char *
ngx_http_llm_state_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t  *mcf = conf;

    ngx_str_t  *value;

    if (mcf->state.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0 || value[1].data[value[1].len - 1] == '/') {
        (void) ngx_http_llm_param_bad(cf, &value[1], "is no name of a file");
        return NGX_CONF_ERROR;
    }

    mcf->state = value[1];

    if (ngx_conf_full_name(cf->cycle, &mcf->state, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (mcf->state.len > NGX_HTTP_LLM_STATE_PATH) {
        (void) ngx_http_llm_param_bad(cf, &value[1], "is too long a path");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_llm_node_allow_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t  *mcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    if (mcf->node_allow.allow == NULL) {
        mcf->node_allow.allow = ngx_array_create(cf->pool, 4,
                                                 sizeof(ngx_cidr_t));
        if (mcf->node_allow.allow == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_llm_node_allow(cf, mcf->node_allow.allow, &value[i])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_node_allow(ngx_conf_t *cf, ngx_array_t *allow, ngx_str_t *value)
{
    ngx_int_t    rc;
    ngx_cidr_t  *cidr;

    cidr = ngx_array_push(allow);
    if (cidr == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(cidr, sizeof(ngx_cidr_t));

    if (ngx_strcmp(value->data, "all") == 0) {

        /* zeros: any address of IPv4, and of IPv6 */

        cidr->family = AF_INET;

#if (NGX_HAVE_INET6)

        cidr = ngx_array_push(allow);
        if (cidr == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(cidr, sizeof(ngx_cidr_t));

        cidr->family = AF_INET6;

#endif

        return NGX_OK;
    }

    rc = ngx_ptocidr(value, cidr);

    if (rc == NGX_ERROR) {
        return ngx_http_llm_param_bad(cf, value,
                                      "is no address, CIDR or \"all\"");
    }

    if (rc == NGX_DONE) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "llm_router_node_allow: low address bits of \"%V\" "
                           "are meaningless", value);
    }

    return NGX_OK;
}
