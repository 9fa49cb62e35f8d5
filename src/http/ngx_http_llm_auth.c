
/*
 * Who asks: Authorization: Bearer, x-api-key or api-key.
 */


#include "ngx_llm_answer.h"
#include "ngx_llm_sha256.h"
#include "ngx_http_llm_auth.h"
#include "ngx_http_llm_ctx.h"
#include "ngx_http_llm_error.h"
#include "ngx_http_llm_header.h"
#include "ngx_http_llm_seen.h"


/* a secret, and what it is known by */

typedef struct {
    ngx_str_t  text;
    uint64_t   tag[2];
} ngx_http_llm_secret_t;


static ngx_int_t ngx_http_llm_auth_read(ngx_http_request_t *r,
    ngx_http_llm_secret_t *secret);
static ngx_int_t ngx_http_llm_auth_other(ngx_http_request_t *r,
    ngx_str_t *secret);
static uint32_t ngx_http_llm_auth_key(const ngx_http_llm_secret_t *secret,
    ngx_atomic_uint_t *generation);
static uint32_t ngx_http_llm_auth_find(const ngx_http_llm_secret_t *secret,
    ngx_atomic_uint_t *generation);


ngx_int_t
ngx_http_llm_access_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_llm_ctx_t       *ctx;
    ngx_http_llm_secret_t     secret;
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ngx_http_llm_conf(r);

    if (!llcf->enable) {
        return NGX_DECLINED;
    }

    /* what is known of the secret comes near while the context is made */

    rc = ngx_http_llm_auth_read(r, &secret);

    ctx = ngx_http_llm_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->key = (rc == NGX_OK)
               ? ngx_http_llm_auth_key(&secret, &ctx->key_generation)
               : NGX_LLM_KEY_NONE;

    if (ctx->key == NGX_LLM_KEY_NONE) {

        if (!llcf->keys_required) {
            return NGX_DECLINED;
        }

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "llm request without a valid key");

        return ngx_http_llm_error(r, NGX_LLM_ERR_INVALID_KEY, NULL);
    }

    if (!(ngx_http_llm_worker.zone->keys->key[ctx->key].conf.scopes
          & NGX_LLM_SCOPE_INFERENCE))
    {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "llm request with a key that is not for inference");

        return ngx_http_llm_error(r, NGX_LLM_ERR_SCOPE, NULL);
    }

    return NGX_OK;
}


uint32_t
ngx_http_llm_auth_conf(ngx_http_request_t *r, ngx_llm_key_conf_t *conf)
{
    uint32_t                i;
    ngx_llm_keys_t         *keys;
    ngx_atomic_uint_t       generation;
    ngx_http_llm_secret_t   secret;

    if (ngx_http_llm_auth_read(r, &secret) != NGX_OK) {
        return NGX_LLM_KEY_NONE;
    }

    keys = ngx_http_llm_worker.zone->keys;
    i = ngx_http_llm_auth_key(&secret, &generation);

    if (i == NGX_LLM_KEY_NONE
        || ngx_llm_keys_read(keys, i, conf) != NGX_OK
        || !ngx_llm_keys_holds(keys, i, generation))
    {
        return NGX_LLM_KEY_NONE;
    }

    return i;
}


/* NGX_DECLINED: there is none, or nothing that would know it */

static ngx_int_t
ngx_http_llm_auth_read(ngx_http_request_t *r, ngx_http_llm_secret_t *secret)
{
    if (ngx_http_llm_worker.zone == NULL
        || ngx_http_llm_auth_secret(r, &secret->text) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_http_llm_seen_tag(&secret->text, secret->tag);

    return NGX_OK;
}


ngx_uint_t
ngx_http_llm_auth_holds(const ngx_http_llm_ctx_t *ctx)
{
    return ctx->key == NGX_LLM_KEY_NONE
           || ngx_llm_keys_holds(ngx_http_llm_worker.zone->keys, ctx->key,
                                 ctx->key_generation);
}


ngx_int_t
ngx_http_llm_auth_secret(ngx_http_request_t *r, ngx_str_t *secret)
{
    ngx_table_elt_t  *h;

    h = r->headers_in.authorization;

    if (h == NULL) {
        return ngx_http_llm_auth_other(r, secret);
    }

    if (h->value.len <= sizeof("Bearer ") - 1
        || !ngx_llm_header_same(h->value.data, (u_char *) "bearer ",
                                sizeof("bearer ") - 1))
    {
        return ngx_http_llm_auth_other(r, secret);
    }

    secret->data = h->value.data + sizeof("Bearer ") - 1;
    secret->len = h->value.len - (sizeof("Bearer ") - 1);

    while (secret->len && secret->data[0] == ' ') {
        secret->data++;
        secret->len--;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_auth_other(ngx_http_request_t *r, ngx_str_t *secret)
{
    ngx_table_elt_t      *h;
    ngx_http_llm_walk_t   walk;

    for (h = ngx_http_llm_header_first(r, &walk);
         h;
         h = ngx_http_llm_header_next(&walk))
    {
        if (ngx_http_llm_header_is(h, "x-api-key")
            || ngx_http_llm_header_is(h, "api-key"))
        {
            *secret = h->value;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* the place of the valid key with this secret that has not ended */

static uint32_t
ngx_http_llm_auth_key(const ngx_http_llm_secret_t *secret,
    ngx_atomic_uint_t *generation)
{
    time_t          now;
    uint32_t        i;
    ngx_llm_key_t  *key;

    i = ngx_http_llm_auth_find(secret, generation);

    if (i == NGX_LLM_KEY_NONE) {
        return i;
    }

    ngx_llm_zone_key_near(ngx_http_llm_worker.zone, ngx_http_llm_worker.ledger,
                          i);

    key = &ngx_http_llm_worker.zone->keys->key[i];
    now = ngx_time();

    if (key->conf.expires && key->conf.expires <= now) {
        return NGX_LLM_KEY_NONE;
    }

    if (key->last_used != (ngx_atomic_uint_t) now) {
        key->last_used = now;
    }

    return i;
}


static uint32_t
ngx_http_llm_auth_find(const ngx_http_llm_secret_t *secret,
    ngx_atomic_uint_t *generation)
{
    u_char           hash[NGX_LLM_KEY_HASH];
    uint32_t         i;
    ngx_llm_keys_t  *keys;

    keys = ngx_http_llm_worker.zone->keys;

    i = ngx_http_llm_seen_find(secret->tag, generation);

    if (i != NGX_LLM_KEY_NONE && ngx_llm_keys_holds(keys, i, *generation)) {
        return i;
    }

    ngx_llm_sha256(secret->text.data, secret->text.len, hash);

    i = ngx_llm_keys_find(keys, hash, generation);

    if (i != NGX_LLM_KEY_NONE) {
        ngx_http_llm_seen_add(secret->tag, i, *generation);
    }

    return i;
}
