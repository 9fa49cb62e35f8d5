
/*
 * The handlers of /keys.  A key is found by its id, and what is said of it is
 * read, changed and written under the mutex; no answer is made under it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/rand.h>
#include "ngx_http_llm_api_audit.h"
#include "ngx_http_llm_api_key_edit.h"
#include "ngx_http_llm_api_key_json.h"
#include "ngx_http_llm_api_keys.h"
#include "ngx_http_llm_api_list.h"
#include "ngx_http_llm_api_secret.h"
#include "ngx_http_llm_api_tag.h"


/* characters of a clear key that are kept, to know it by */
#define NGX_HTTP_LLM_KEY_PREFIX  8


static json_t *ngx_http_llm_api_keys_row(ngx_http_llm_api_t *api, uint32_t i);
static uint32_t ngx_http_llm_api_key_find(ngx_http_llm_api_t *api,
    uint64_t *id);
static json_t *ngx_http_llm_api_key_tagged(ngx_http_llm_api_t *api,
    uint32_t i, uint64_t id);
static ngx_uint_t ngx_http_llm_api_key_matches(ngx_http_llm_api_t *api,
    const ngx_llm_key_t *key);
static void ngx_http_llm_api_key_gone(ngx_http_llm_api_t *api);
static void ngx_http_llm_api_key_named(ngx_http_llm_api_t *api);
static ngx_uint_t ngx_http_llm_api_key_name_in_use(ngx_llm_keys_t *keys,
    const u_char *name, uint32_t but);
static ngx_uint_t ngx_http_llm_api_key_new(ngx_llm_key_conf_t *conf,
    u_char *secret);
static ngx_uint_t ngx_http_llm_api_key_store(ngx_llm_key_conf_t *conf,
    uint32_t *i);
static void ngx_http_llm_api_key_approve(ngx_http_llm_api_t *api);
static ngx_http_llm_api_pt ngx_http_llm_api_key_update(ngx_http_llm_api_t *api,
    const ngx_http_llm_key_edit_t *edit);
static void ngx_http_llm_api_key_revoked(ngx_http_llm_api_t *api);


void
ngx_http_llm_api_keys(ngx_http_llm_api_t *api)
{
    ngx_llm_keys_t           *keys;
    ngx_http_llm_api_rows_t   rows;

    keys = ngx_http_llm_worker.zone->keys;

    rows.n = keys->used;
    rows.id = keys->id;
    rows.row = ngx_http_llm_api_keys_row;

    ngx_http_llm_api_list(api, &rows);
}


static json_t *
ngx_http_llm_api_keys_row(ngx_http_llm_api_t *api, uint32_t i)
{
    return ngx_http_llm_api_key_json(i, 0);
}


void
ngx_http_llm_api_key(ngx_http_llm_api_t *api)
{
    json_t    *json;
    uint32_t   i;
    uint64_t   id;

    i = ngx_http_llm_api_key_find(api, &id);

    json = (i != NGX_LLM_KEY_NONE) ? ngx_http_llm_api_key_tagged(api, i, id)
                                   : NULL;

    if (json == NULL) {
        ngx_http_llm_api_key_gone(api);
        return;
    }

    ngx_http_llm_api_reply(api, NGX_HTTP_OK, json);
}


/* the place of the path's {id}, or NGX_LLM_KEY_NONE */

static uint32_t
ngx_http_llm_api_key_find(ngx_http_llm_api_t *api, uint64_t *id)
{
    *id = ngx_http_llm_api_id(&api->id, "key-");

    return *id ? ngx_llm_keys_find_id(ngx_http_llm_worker.zone->keys, *id)
               : NGX_LLM_KEY_NONE;
}


/* its version is read first: a tag is never younger than what it stands for */

static json_t *
ngx_http_llm_api_key_tagged(ngx_http_llm_api_t *api, uint32_t i, uint64_t id)
{
    json_t             *json;
    ngx_llm_key_t      *key;
    ngx_atomic_uint_t   version;

    key = &ngx_http_llm_worker.zone->keys->key[i];

    version = key->version;

    ngx_memory_barrier();

    json = ngx_http_llm_api_key_json(i, id);

    if (json) {
        ngx_http_llm_api_tag(api, key->generation, version);
    }

    return json;
}


static ngx_uint_t
ngx_http_llm_api_key_matches(ngx_http_llm_api_t *api, const ngx_llm_key_t *key)
{
    return ngx_http_llm_api_tag_matches(api, key->generation, key->version);
}


static void
ngx_http_llm_api_key_gone(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_fail(api, NGX_HTTP_NOT_FOUND, "key_not_found", NULL,
                          "There is no such key");
}


static void
ngx_http_llm_api_key_named(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_fail(api, NGX_HTTP_CONFLICT, "name_in_use", "name",
                          "Another key has this name");
}


void
ngx_http_llm_api_key_create(ngx_http_llm_api_t *api)
{
    u_char                    secret[NGX_HTTP_LLM_API_SECRET];
    json_t                   *json;
    uint32_t                  i;
    ngx_llm_key_conf_t        conf;
    ngx_http_llm_key_edit_t   edit;

    if (ngx_http_llm_api_key_edit(api, ngx_http_llm_api_key_creation, &edit)
        != NGX_OK)
    {
        return;
    }

    if (edit.values[NGX_HTTP_LLM_KEY_EXPIRES_AT].number
        && edit.values[NGX_HTTP_LLM_KEY_EXPIRES_AT].number <= ngx_time())
    {
        ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value",
                              "expires_at", "\"expires_at\" is in the past");
        return;
    }

    ngx_memzero(&conf, sizeof(ngx_llm_key_conf_t));

    conf.scopes = NGX_LLM_SCOPE_INFERENCE;

    if (ngx_http_llm_api_key_apply(&edit, &conf) != NGX_OK) {
        ngx_http_llm_api_key_approve(api);
        return;
    }

    if (!ngx_http_llm_api_key_new(&conf, secret)) {
        ngx_http_llm_api_reply(api, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
        return;
    }

    if (!ngx_http_llm_api_key_store(&conf, &i)) {
        ngx_http_llm_api_key_named(api);

    } else if (i == NGX_LLM_KEY_NONE) {
        ngx_http_llm_api_fail(api, 507, "zone_full", NULL,
                              "The shared memory zone is full: "
                              "llm_router_zone must be larger");

    } else {
        ngx_http_llm_api_audit(api, "created", "key", conf.name, conf.id);

        json = ngx_http_llm_api_key_tagged(api, i, conf.id);

        (void) json_object_set_new(json, "key", json_string((char *) secret));

        ngx_http_llm_api_reply(api, NGX_HTTP_CREATED, json);
    }

    ngx_explicit_memzero(secret, sizeof(secret));
}


static void
ngx_http_llm_api_key_approve(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value",
                          "auto_approve",
                          "\"auto_approve\" needs the scope \"node\"");
}


static ngx_uint_t
ngx_http_llm_api_key_new(ngx_llm_key_conf_t *conf, u_char *secret)
{
    if (RAND_bytes((u_char *) &conf->id, sizeof(conf->id)) != 1
        || conf->id == 0
        || ngx_http_llm_api_secret("sk-", secret, conf->hash) != NGX_OK)
    {
        return 0;
    }

    ngx_memcpy(conf->prefix, secret, NGX_HTTP_LLM_KEY_PREFIX);

    conf->created = ngx_time();

    return 1;
}


/*
 * Puts a new key into the table.  0: its name is in use.  All names are looked
 * at before the mutex is taken, and once more if another key came meanwhile.
 */

static ngx_uint_t
ngx_http_llm_api_key_store(ngx_llm_key_conf_t *conf, uint32_t *i)
{
    ngx_uint_t          taken;
    ngx_llm_keys_t     *keys;
    ngx_llm_zone_t     *zone;
    ngx_atomic_uint_t   changes;

    zone = ngx_http_llm_worker.zone;
    keys = zone->keys;

    changes = zone->saved.changed;

    taken = ngx_http_llm_api_key_name_in_use(keys, conf->name,
                                             NGX_LLM_KEY_NONE);

    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_llm_keys_recover_locked(keys);

    if (zone->saved.changed != changes) {
        taken = ngx_http_llm_api_key_name_in_use(keys, conf->name,
                                                 NGX_LLM_KEY_NONE);
    }

    if (!taken) {
        *i = ngx_llm_keys_set_locked(keys, conf);

        if (*i != NGX_LLM_KEY_NONE) {
            ngx_llm_zone_changed(zone);
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return !taken;
}


static ngx_uint_t
ngx_http_llm_api_key_name_in_use(ngx_llm_keys_t *keys, const u_char *name,
    uint32_t but)
{
    uint32_t        i;
    ngx_llm_key_t  *key;

    for (i = 0; i < keys->used; i++) {
        key = &keys->key[i];

        if (key->conf.name[0] == name[0]
            && ngx_strncmp(key->conf.name, name, NGX_LLM_KEY_NAME) == 0
            && key->use == NGX_LLM_KEY_USED
            && i != but)
        {
            return 1;
        }
    }

    return 0;
}


void
ngx_http_llm_api_key_change(ngx_http_llm_api_t *api)
{
    uint64_t                 id;
    ngx_http_llm_api_pt      refuse;
    ngx_http_llm_key_edit_t  edit;

    if (ngx_http_llm_api_key_find(api, &id) == NGX_LLM_KEY_NONE) {
        ngx_http_llm_api_key_gone(api);
        return;
    }

    if (ngx_http_llm_api_key_edit(api, ngx_http_llm_api_key_changes, &edit)
        != NGX_OK)
    {
        return;
    }

    refuse = ngx_http_llm_api_key_update(api, &edit);

    if (refuse) {
        refuse(api);
        return;
    }

    ngx_http_llm_api_key(api);
}


/* NULL, or who says why nothing was changed */

static ngx_http_llm_api_pt
ngx_http_llm_api_key_update(ngx_http_llm_api_t *api,
    const ngx_http_llm_key_edit_t *edit)
{
    uint32_t              i;
    uint64_t              id;
    ngx_llm_keys_t       *keys;
    ngx_llm_zone_t       *zone;
    ngx_llm_key_conf_t    conf;
    ngx_http_llm_api_pt   refuse;

    zone = ngx_http_llm_worker.zone;
    keys = zone->keys;

    refuse = NULL;

    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_llm_keys_recover_locked(keys);

    i = ngx_http_llm_api_key_find(api, &id);

    if (i == NGX_LLM_KEY_NONE) {
        ngx_shmtx_unlock(&zone->shpool->mutex);
        return ngx_http_llm_api_key_gone;
    }

    conf = keys->key[i].conf;

    if (!ngx_http_llm_api_key_matches(api, &keys->key[i])) {
        refuse = ngx_http_llm_api_tag_fail;

    } else if (!keys->key[i].valid) {
        refuse = ngx_http_llm_api_key_revoked;

    } else if (ngx_http_llm_api_key_apply(edit, &conf) != NGX_OK) {
        refuse = ngx_http_llm_api_key_approve;

    } else if (edit->values[NGX_HTTP_LLM_KEY_NAME].given
               && ngx_http_llm_api_key_name_in_use(keys, conf.name, i))
    {
        refuse = ngx_http_llm_api_key_named;

    } else if (json_object_size(api->body)) {
        (void) ngx_llm_keys_set_locked(keys, &conf);
        ngx_llm_zone_changed(zone);
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (refuse == NULL && json_object_size(api->body)) {
        ngx_http_llm_api_audit(api, "changed", "key", conf.name, id);
    }

    return refuse;
}


static void
ngx_http_llm_api_key_revoked(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_fail(api, NGX_HTTP_CONFLICT, "key_revoked", NULL,
                          "The key was revoked");
}


void
ngx_http_llm_api_key_delete(ngx_http_llm_api_t *api)
{
    u_char           name[NGX_LLM_KEY_NAME];
    uint32_t         i;
    uint64_t         id;
    ngx_uint_t       matches;
    ngx_llm_keys_t  *keys;
    ngx_llm_zone_t  *zone;

    zone = ngx_http_llm_worker.zone;
    keys = zone->keys;

    matches = 1;
    name[0] = '\0';

    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_llm_keys_recover_locked(keys);

    i = ngx_http_llm_api_key_find(api, &id);

    if (i != NGX_LLM_KEY_NONE) {
        matches = ngx_http_llm_api_key_matches(api, &keys->key[i]);
    }

    if (i != NGX_LLM_KEY_NONE && matches) {
        ngx_memcpy(name, keys->key[i].conf.name, NGX_LLM_KEY_NAME);

        if (keys->key[i].conf.is_static) {
            ngx_llm_keys_revoke_locked(keys, i);

        } else {
            ngx_llm_keys_remove_locked(keys, i, ngx_current_msec);
        }

        ngx_llm_zone_changed(zone);
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (i == NGX_LLM_KEY_NONE) {
        ngx_http_llm_api_key_gone(api);
        return;
    }

    if (!matches) {
        ngx_http_llm_api_tag_fail(api);
        return;
    }

    ngx_http_llm_api_audit(api, "revoked", "key", name, id);

    ngx_http_llm_api_done(api);
}
