
/*
 * client_max_body_size in our locations, see the header.
 */


#include "ngx_http_llm_body_size.h"


#define NGX_HTTP_LLM_BODY_SIZE  (64 * 1024 * 1024)


static char *ngx_http_llm_body_size_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_command_t *ngx_http_llm_body_size_command(void);
static void ngx_http_llm_body_size_in(ngx_http_core_loc_conf_t *clcf,
    ngx_flag_t enable, ngx_uint_t set);
static ngx_uint_t ngx_http_llm_body_size_set(ngx_http_core_loc_conf_t *clcf);


/* nginx's own setter, while ours stands in its place */

static char  *(*ngx_http_llm_body_size_next)(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);

/* the configurations in which the directive stands */

static ngx_array_t  *ngx_http_llm_body_size_places;


ngx_int_t
ngx_http_llm_body_size_watch(ngx_conf_t *cf)
{
    ngx_command_t  *cmd;

    ngx_http_llm_body_size_places = ngx_array_create(cf->temp_pool, 4,
                                        sizeof(ngx_http_core_loc_conf_t *));
    if (ngx_http_llm_body_size_places == NULL) {
        return NGX_ERROR;
    }

    cmd = ngx_http_llm_body_size_command();

    /* a configuration that failed may have left ours there */

    if (cmd && cmd->set != ngx_http_llm_body_size_slot) {
        ngx_http_llm_body_size_next = cmd->set;
        cmd->set = ngx_http_llm_body_size_slot;
    }

    return NGX_OK;
}


void
ngx_http_llm_body_size_apply(ngx_conf_t *cf)
{
    ngx_uint_t                   i;
    ngx_command_t               *cmd;
    ngx_http_conf_ctx_t         *ctx;
    ngx_http_llm_loc_conf_t     *llcf, *sllcf;
    ngx_http_core_srv_conf_t   **cscfp;
    ngx_http_core_main_conf_t   *cmcf;

    cmd = ngx_http_llm_body_size_command();

    if (cmd && cmd->set == ngx_http_llm_body_size_slot) {
        cmd->set = ngx_http_llm_body_size_next;
    }

    ctx = cf->ctx;
    cmcf = ctx->main_conf[ngx_http_core_module.ctx_index];
    llcf = ctx->loc_conf[ngx_http_llm_router_module.ctx_index];

    if (ngx_http_llm_body_size_set(
                           ctx->loc_conf[ngx_http_core_module.ctx_index]))
    {
        return;
    }

    cscfp = cmcf->servers.elts;

    for (i = 0; i < cmcf->servers.nelts; i++) {
        ctx = cscfp[i]->ctx;
        sllcf = ctx->loc_conf[ngx_http_llm_router_module.ctx_index];

        ngx_http_llm_body_size_in(
                             ctx->loc_conf[ngx_http_core_module.ctx_index],
                             (sllcf->enable == NGX_CONF_UNSET) ? llcf->enable
                                                               : sllcf->enable,
                             0);
    }
}


static char *
ngx_http_llm_body_size_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    void  **place;

    place = ngx_array_push(ngx_http_llm_body_size_places);
    if (place == NULL) {
        return NGX_CONF_ERROR;
    }

    *place = conf;

    return ngx_http_llm_body_size_next(cf, cmd, conf);
}


static ngx_command_t *
ngx_http_llm_body_size_command(void)
{
    ngx_command_t  *cmd;

    for (cmd = ngx_http_core_module.commands; cmd->name.len; cmd++) {
        if (ngx_strcmp(cmd->name.data, "client_max_body_size") == 0) {
            return cmd;
        }
    }

    return NULL;
}


static void
ngx_http_llm_body_size_in(ngx_http_core_loc_conf_t *clcf, ngx_flag_t enable,
    ngx_uint_t set)
{
    ngx_queue_t                *q;
    ngx_http_llm_loc_conf_t    *llcf;
    ngx_http_location_queue_t  *lq;

    set |= ngx_http_llm_body_size_set(clcf);

    if (clcf->loc_conf) {
        llcf = clcf->loc_conf[ngx_http_llm_router_module.ctx_index];

        if (llcf->enable != NGX_CONF_UNSET) {
            enable = llcf->enable;
        }
    }

    if (!set && enable == 1) {
        clcf->client_max_body_size = NGX_HTTP_LLM_BODY_SIZE;
    }

    if (clcf->locations == NULL) {
        return;
    }

    for (q = ngx_queue_head(clcf->locations);
         q != ngx_queue_sentinel(clcf->locations);
         q = ngx_queue_next(q))
    {
        lq = (ngx_http_location_queue_t *) q;

        ngx_http_llm_body_size_in(lq->exact ? lq->exact : lq->inclusive,
                                  enable, set);
    }
}


static ngx_uint_t
ngx_http_llm_body_size_set(ngx_http_core_loc_conf_t *clcf)
{
    void        **place;
    ngx_uint_t    i;

    place = ngx_http_llm_body_size_places->elts;

    for (i = 0; i < ngx_http_llm_body_size_places->nelts; i++) {
        if (place[i] == clcf) {
            return 1;
        }
    }

    return 0;
}
