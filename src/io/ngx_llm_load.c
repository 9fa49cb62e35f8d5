
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_load.h"
#include "ngx_llm_snapshot.h"


/* what became of the first step */

typedef struct {
    ngx_llm_zone_t             *zone;   /* it is in there; or NULL */
    ngx_int_t                   rc;
    ngx_llm_snapshot_result_t   result;
} ngx_llm_load_t;


static ngx_uint_t ngx_llm_load_known(const ngx_llm_save_conf_t *conf);
static ngx_int_t ngx_llm_load_remember(const ngx_llm_save_conf_t *conf,
    ngx_log_t *log);
static ngx_int_t ngx_llm_load_file(const ngx_llm_save_conf_t *conf,
    ngx_uint_t look, ngx_llm_snapshot_result_t *result);
static void ngx_llm_load_result(const ngx_llm_save_conf_t *conf, ngx_int_t rc,
    const ngx_llm_snapshot_result_t *result, ngx_log_t *log);
static void ngx_llm_load_directory(const ngx_llm_save_conf_t *conf,
    ngx_log_t *log);
static void ngx_llm_load_aside(const ngx_llm_save_conf_t *conf,
    ngx_log_t *log);
static void ngx_llm_load_tell(const ngx_llm_save_conf_t *conf,
    const ngx_llm_snapshot_result_t *result, ngx_log_t *log);
static void ngx_llm_load_tell_file(const ngx_llm_save_conf_t *conf,
    const ngx_llm_snapshot_result_t *result, ngx_log_t *log);
static void ngx_llm_load_skipped(const ngx_llm_save_conf_t *conf,
    const ngx_llm_snapshot_result_t *result, ngx_log_t *log);


static ngx_llm_load_t  ngx_llm_load;

/* what was read the last time; from ngx_alloc() */
static ngx_str_t       ngx_llm_load_path;


ngx_int_t
ngx_llm_load_read(const ngx_llm_save_conf_t *conf, ngx_llm_load_e how,
    ngx_log_t *log)
{
    ngx_llm_snapshot_result_t  *result;

    ngx_llm_load.zone = NULL;

    if (conf->path.len == 0 || ngx_llm_load_known(conf)) {
        return NGX_OK;
    }

    result = &ngx_llm_load.result;

    ngx_llm_load.rc = ngx_llm_load_file(conf, how == NGX_LLM_LOAD_LATER,
                                        result);

    if (ngx_llm_load.rc == NGX_ABORT) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "llm_router_state \"%V\" does not fit: %s", &conf->path,
                      result->text);
        return NGX_ERROR;
    }

    if (how == NGX_LLM_LOAD_LATER) {
        return NGX_OK;
    }

    if (result->dropped) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "llm_router_state \"%V\" does not fit: the models of "
                      "%ui nodes find no room, make llm_router_zone larger",
                      &conf->path, result->dropped);
        return NGX_ERROR;
    }

    if (ngx_llm_load.rc != NGX_OK && how == NGX_LLM_LOAD_REPLACE) {
        ngx_log_error(NGX_LOG_EMERG, log, result->err,
                      "llm_router_state \"%V\" can't be used: %s; another "
                      "llm_router_zone would have lost what it should hold",
                      &conf->path, result->text);
        return NGX_ERROR;
    }

    if (ngx_llm_load.rc == NGX_ERROR && ngx_test_config) {
        ngx_log_error(NGX_LOG_WARN, log, result->err,
                      "llm_router_state \"%V\" can't be used: %s; it will be "
                      "set aside", &conf->path, result->text);
    }

    ngx_llm_load.zone = conf->zone;

    return NGX_OK;
}


ngx_int_t
ngx_llm_load_take(const ngx_llm_save_conf_t *conf, ngx_log_t *log)
{
    ngx_int_t                   rc;
    ngx_llm_zone_t             *zone;
    ngx_llm_snapshot_result_t  *result;

    zone = conf->zone;
    result = &ngx_llm_load.result;

    if (conf->path.len == 0) {
        return NGX_OK;
    }

    if (ngx_llm_load_known(conf)) {
        zone->saved.state = NGX_LLM_SAVED_WELL;
        return NGX_OK;
    }

    if (ngx_llm_load_remember(conf, log) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = (ngx_llm_load.zone == zone) ? ngx_llm_load.rc
                                     : ngx_llm_load_file(conf, 0, result);
    ngx_llm_load.zone = NULL;

    ngx_llm_load_directory(conf, log);
    ngx_llm_load_result(conf, rc, result, log);

    /* younger than who wrote it, and to be seen so by him */

    zone->saved.epoch = ngx_max(zone->saved.epoch, result->epoch) + 1;
    zone->saved.epoch = ngx_min(zone->saved.epoch, NGX_LLM_SNAPSHOT_EPOCH);

    ngx_llm_zone_changed(zone);

    return NGX_OK;
}


/* was it read into this zone? */

static ngx_uint_t
ngx_llm_load_known(const ngx_llm_save_conf_t *conf)
{
    return conf->zone->saved.epoch
           && conf->zone->saved.state != NGX_LLM_SAVED_REFUSED
           && conf->path.len == ngx_llm_load_path.len
           && ngx_memcmp(conf->path.data, ngx_llm_load_path.data,
                         conf->path.len) == 0;
}


static ngx_int_t
ngx_llm_load_remember(const ngx_llm_save_conf_t *conf, ngx_log_t *log)
{
    u_char  *path;

    path = ngx_alloc(conf->path.len, log);
    if (path == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(path, conf->path.data, conf->path.len);

    if (ngx_llm_load_path.data) {
        ngx_free(ngx_llm_load_path.data);
    }

    ngx_llm_load_path.data = path;
    ngx_llm_load_path.len = conf->path.len;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_load_file(const ngx_llm_save_conf_t *conf, ngx_uint_t look,
    ngx_llm_snapshot_result_t *result)
{
    ngx_llm_snapshot_source_t  source;

    source.path = (char *) conf->path.data;
    source.user = conf->user;
    source.look = look;
    source.keep = (look || ngx_test_config);

    return ngx_llm_snapshot_read(conf->zone, &source, result);
}


static void
ngx_llm_load_result(const ngx_llm_save_conf_t *conf, ngx_int_t rc,
    const ngx_llm_snapshot_result_t *result, ngx_log_t *log)
{
    ngx_llm_saved_t  *saved;

    saved = &conf->zone->saved;

    saved->aside = 0;

    if (rc == NGX_OK) {
        saved->state = (result->skipped || result->dropped)
                       ? NGX_LLM_SAVED_SKIPPED : NGX_LLM_SAVED_WELL;
        ngx_llm_load_tell(conf, result, log);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, log, result->err,
                  "llm_router_state \"%V\" can't be used: %s", &conf->path,
                  result->text);

    if (rc == NGX_ERROR) {
        saved->state = NGX_LLM_SAVED_ASIDE;
        ngx_llm_load_aside(conf, log);
        return;
    }

    saved->state = NGX_LLM_SAVED_REFUSED;

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "llm_router_state \"%V\" is left as it is and nothing is "
                  "kept: mend it or move it away, then reload", &conf->path);
}


/* one that is missing is made, for the user of the workers */

static void
ngx_llm_load_directory(const ngx_llm_save_conf_t *conf, ngx_log_t *log)
{
    u_char  *p, dir[NGX_MAX_PATH];
    size_t   len;

    len = conf->path.len;

    while (len && conf->path.data[len - 1] != '/') {
        len--;
    }

    if (len <= 1 || len > NGX_MAX_PATH) {
        return;
    }

    p = ngx_cpymem(dir, conf->path.data, len - 1);
    *p = '\0';

    if (ngx_create_dir(dir, 0700) == NGX_FILE_ERROR) {

        if (ngx_errno != NGX_EEXIST) {
            ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                          "llm_router_state: the directory \"%s\" could not "
                          "be made", dir);
        }

        return;
    }

    if (geteuid() == 0
        && conf->user != (ngx_uid_t) NGX_CONF_UNSET_UINT
        && chown((const char *) dir, conf->user, (gid_t) -1) == -1)
    {
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                      "llm_router_state: chown() of \"%s\" failed", dir);
    }
}


/* the file, or when rows of it are in force, another link to it */

static void
ngx_llm_load_aside(const ngx_llm_save_conf_t *conf, ngx_log_t *log)
{
    int               rc;
    u_char           *p, name[NGX_MAX_PATH + 1];
    ngx_llm_saved_t  *saved;

    saved = &conf->zone->saved;
    saved->aside = ngx_time();

    p = ngx_snprintf(name, NGX_MAX_PATH, "%V.broken.%T", &conf->path,
                     (time_t) saved->aside);
    *p = '\0';

    rc = (saved->state == NGX_LLM_SAVED_SKIPPED)
         ? link((char *) conf->path.data, (char *) name)
         : ngx_rename_file(conf->path.data, name);

    if (rc == -1) {
        saved->aside = 0;
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                      "llm_router_state \"%V\" could not be set aside as "
                      "\"%s\", it will be written over", &conf->path, name);
        return;
    }

    if (saved->state == NGX_LLM_SAVED_SKIPPED) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "llm_router_state \"%V\" is kept as \"%s\", with what "
                      "was skipped", &conf->path, name);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "llm_router_state \"%V\" was set aside as \"%s\", the nodes "
                  "and keys of nginx.conf are all there are", &conf->path,
                  name);
}


static void
ngx_llm_load_tell(const ngx_llm_save_conf_t *conf,
    const ngx_llm_snapshot_result_t *result, ngx_log_t *log)
{
    if (result->missing) {
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "llm_router_state \"%V\": %ui nodes and %ui keys were read",
                  &conf->path, result->nodes, result->keys);

    ngx_llm_load_tell_file(conf, result, log);

    if (result->unknown) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "llm_router_state \"%V\": %ui members are not known "
                      "here and were dropped", &conf->path, result->unknown);
    }

    if (result->dropped) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "llm_router_state \"%V\": %ui nodes, keys or lists of "
                      "models found no room, make llm_router_zone larger",
                      &conf->path, result->dropped);
    }

    if (result->skipped || result->dropped) {
        ngx_llm_load_skipped(conf, result, log);
        ngx_llm_load_aside(conf, log);
    }
}


static void
ngx_llm_load_tell_file(const ngx_llm_save_conf_t *conf,
    const ngx_llm_snapshot_result_t *result, ngx_log_t *log)
{
    if (result->open) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "llm_router_state \"%V\" could be written by others, "
                      "who may have made up nodes and keys in it: look "
                      "through them; its mode is 600 again", &conf->path);

    } else if (result->exposed) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "llm_router_state \"%V\" was open to others, who may "
                      "know the keys of nodes now; its mode is 600 again",
                      &conf->path);
    }
}


static void
ngx_llm_load_skipped(const ngx_llm_save_conf_t *conf,
    const ngx_llm_snapshot_result_t *result, ngx_log_t *log)
{
    ngx_uint_t  i, n;

    n = ngx_min(result->skipped, NGX_LLM_SNAPSHOT_TOLD);

    for (i = 0; i < n; i++) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "llm_router_state \"%V\": skipped %s", &conf->path,
                      result->told[i]);
    }

    if (result->skipped > n) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "llm_router_state \"%V\": skipped %ui more rows",
                      &conf->path, result->skipped - n);
    }
}
