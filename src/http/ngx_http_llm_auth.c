
/*
 * Who asks: Authorization: Bearer, x-api-key or api-key.
 */


#include "ngx_llm_answer.h"
#include "ngx_llm_sha256.h"
#include "ngx_llm_siphash.h"
#include "ngx_http_llm_auth.h"
#include "ngx_http_llm_ctx.h"
#include "ngx_http_llm_error.h"


static ngx_int_t ngx_http_llm_auth_secret(ngx_http_request_t *r,
    ngx_str_t *secret);
static ngx_int_t ngx_http_llm_auth_other(ngx_http_request_t *r,
    ngx_str_t *secret);
static uint32_t ngx_http_llm_auth_key(const ngx_str_t *secret);


ngx_int_t
ngx_http_llm_access_handler(ngx_http_request_t *r)
{
    ngx_str_t                 secret;
    ngx_llm_key_t            *key;
    ngx_http_llm_ctx_t       *ctx;
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ngx_http_llm_conf(r);

    if (!llcf->enable || r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_llm_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_llm_auth_secret(r, &secret) == NGX_OK) {
        ctx->key = ngx_http_llm_auth_key(&secret);
    }

    if (ctx->key == NGX_LLM_KEY_NONE) {

        if (!llcf->keys_required) {
            return NGX_DECLINED;
        }

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "llm request without a valid key");

        return ngx_http_llm_error(r, NGX_LLM_ERR_INVALID_KEY, NULL);
    }

    key = &ngx_http_llm_worker.zone->keys->key[ctx->key];

    key->last_used = ngx_time();

    return NGX_OK;
}


static ngx_int_t
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
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NGX_DECLINED;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if ((h[i].key.len == sizeof("x-api-key") - 1
             && ngx_strncmp(h[i].lowcase_key, "x-api-key",
                            sizeof("x-api-key") - 1)
                == 0)
            || (h[i].key.len == sizeof("api-key") - 1
                && ngx_strncmp(h[i].lowcase_key, "api-key",
                               sizeof("api-key") - 1)
                   == 0))
        {
            *secret = h[i].value;
            return NGX_OK;
        }
    }
}


/*
 * The place of the key with this secret.  Those that were right are known
 * again by a keyed hash for as long as the table does not change, which takes
 * a fifth of what SHA-256 takes; the secret itself is kept nowhere.
 */

static uint32_t
ngx_http_llm_auth_key(const ngx_str_t *secret)
{
    u_char                hash[NGX_LLM_KEY_HASH];
    uint32_t              i;
    uint64_t              tag[2];
    ngx_llm_keys_t       *keys;
    ngx_atomic_uint_t     version;
    ngx_http_llm_seen_t  *seen;

    keys = ngx_http_llm_worker.zone->keys;
    version = keys->version;

    ngx_llm_siphash(ngx_http_llm_worker.seen_key, secret->data, secret->len,
                    tag);

    seen = &ngx_http_llm_worker.seen[tag[0] % NGX_HTTP_LLM_SEEN];

    if (((seen->tag[0] ^ tag[0]) | (seen->tag[1] ^ tag[1])) == 0
        && seen->version == version
        && !(version & 1))
    {
        i = seen->key;

    } else {
        ngx_llm_sha256(secret->data, secret->len, hash);

        i = ngx_llm_keys_find(keys, hash);

        if (i == NGX_LLM_KEY_NONE) {
            return i;
        }

        seen->tag[0] = tag[0];
        seen->tag[1] = tag[1];
        seen->version = version;
        seen->key = i;
    }

    if (!keys->key[i].valid
        || (keys->key[i].conf.expires
            && keys->key[i].conf.expires <= ngx_time()))
    {
        return NGX_LLM_KEY_NONE;
    }

    return i;
}
