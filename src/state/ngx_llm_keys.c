
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_text.h"
#include "ngx_llm_keys.h"


#define NGX_LLM_KEYS_SPINS  1000


static ngx_uint_t ngx_llm_keys_settled(const ngx_llm_keys_t *keys,
    ngx_atomic_uint_t version);
static uint32_t ngx_llm_keys_owner_locked(ngx_llm_keys_t *keys,
    const u_char *hash);
static uint32_t ngx_llm_keys_place_locked(ngx_llm_keys_t *keys);
static ngx_uint_t ngx_llm_keys_rested(ngx_llm_keys_t *keys, uint32_t i,
    ngx_uint_t left);
static ngx_int_t ngx_llm_keys_look(ngx_llm_keys_t *keys, const u_char *hash,
    uint32_t *i, ngx_atomic_uint_t *generation);
static uint32_t ngx_llm_keys_look_id(ngx_llm_keys_t *keys, uint64_t id);
static const ngx_llm_key_conf_t *ngx_llm_keys_conf(ngx_llm_keys_t *keys,
    uint32_t i, ngx_atomic_uint_t *version);
static ngx_uint_t ngx_llm_keys_lists(const u_char *models,
    const ngx_str_t *model);
static ngx_inline ngx_uint_t ngx_llm_keys_same(const u_char *a,
    const u_char *b);


ngx_llm_keys_t *
ngx_llm_keys_create(ngx_slab_pool_t *shpool, ngx_uint_t max)
{
    ngx_llm_keys_t  *keys;

    keys = ngx_slab_calloc(shpool, sizeof(ngx_llm_keys_t));
    if (keys == NULL) {
        return NULL;
    }

    keys->max = max;

    if (ngx_llm_chain_create(&keys->hashes, shpool, max) != NGX_OK
        || ngx_llm_chain_create(&keys->ids, shpool, max) != NGX_OK)
    {
        return NULL;
    }

    keys->id = ngx_slab_calloc(shpool, max * sizeof(uint64_t));
    if (keys->id == NULL) {
        return NULL;
    }

    keys->key = ngx_slab_calloc(shpool, max * sizeof(ngx_llm_key_t));
    if (keys->key == NULL) {
        return NULL;
    }

    return keys;
}


uint32_t
ngx_llm_keys_set_locked(ngx_llm_keys_t *keys, const ngx_llm_key_conf_t *conf)
{
    uint32_t             i;
    ngx_llm_key_t       *key;
    ngx_llm_key_redo_t  *redo;

    ngx_llm_keys_recover_locked(keys);

    redo = &keys->redo;

    i = ngx_llm_keys_owner_locked(keys, conf->hash);

    if (i != NGX_LLM_KEY_NONE) {
        key = &keys->key[i];

        redo->i = i;
        redo->since = key->since;
        redo->conf = *conf;
        redo->conf.revoked = key->conf.revoked;

        if (key->conf.id) {
            redo->conf.id = key->conf.id;
            redo->conf.created = key->conf.created;
        }

        ngx_llm_keys_commit_locked(keys, NGX_LLM_KEY_REDO_CHANGE);

        return i;
    }

    i = ngx_llm_keys_place_locked(keys);

    if (i == NGX_LLM_KEY_NONE) {
        return i;
    }

    redo->i = i;
    redo->conf = *conf;
    redo->generation = keys->key[i].generation + 1;

    ngx_llm_keys_commit_locked(keys, NGX_LLM_KEY_REDO_SET);

    return i;
}


void
ngx_llm_keys_revoke_locked(ngx_llm_keys_t *keys, uint32_t i)
{
    ngx_llm_keys_recover_locked(keys);

    keys->redo.i = i;
    keys->redo.since = ngx_current_msec;
    keys->redo.conf = keys->key[i].conf;
    keys->redo.conf.revoked = 1;

    ngx_llm_keys_commit_locked(keys, NGX_LLM_KEY_REDO_CHANGE);
}


void
ngx_llm_keys_leave_locked(ngx_llm_keys_t *keys, uint32_t i)
{
    ngx_llm_keys_recover_locked(keys);

    keys->key[i].since = ngx_current_msec;
    keys->key[i].valid = 0;
}


void
ngx_llm_keys_remove_locked(ngx_llm_keys_t *keys, uint32_t i, ngx_msec_t now)
{
    ngx_llm_keys_recover_locked(keys);

    if (i >= keys->used || keys->key[i].use != NGX_LLM_KEY_USED) {
        return;
    }

    keys->redo.i = i;
    keys->redo.since = now;

    ngx_llm_keys_commit_locked(keys, NGX_LLM_KEY_REDO_REMOVE);
}


uint32_t
ngx_llm_keys_find(ngx_llm_keys_t *keys, const u_char hash[NGX_LLM_KEY_HASH],
    ngx_atomic_uint_t *generation)
{
    uint32_t           i;
    ngx_uint_t         spins;
    ngx_atomic_uint_t  version;

    for (spins = 0; spins < NGX_LLM_KEYS_SPINS; spins++) {
        version = keys->version;

        ngx_memory_barrier();

        if (ngx_llm_keys_look(keys, hash, &i, generation) == NGX_OK) {
            return i;
        }

        if (ngx_llm_keys_settled(keys, version)) {
            break;
        }
    }

    return NGX_LLM_KEY_NONE;
}


uint32_t
ngx_llm_keys_find_id(ngx_llm_keys_t *keys, uint64_t id)
{
    uint32_t           i;
    ngx_uint_t         spins;
    ngx_atomic_uint_t  version;

    for (spins = 0; spins < NGX_LLM_KEYS_SPINS; spins++) {
        version = keys->version;

        ngx_memory_barrier();

        i = ngx_llm_keys_look_id(keys, id);

        if (i != NGX_LLM_KEY_NONE) {
            return i;
        }

        if (ngx_llm_keys_settled(keys, version)) {
            break;
        }
    }

    return NGX_LLM_KEY_NONE;
}


/* did nobody write since the version was read, or is it worth another look? */

static ngx_uint_t
ngx_llm_keys_settled(const ngx_llm_keys_t *keys, ngx_atomic_uint_t version)
{
    ngx_memory_barrier();

    if (!(version & 1) && version == keys->version) {
        return 1;
    }

    ngx_cpu_pause();

    return 0;
}


ngx_int_t
ngx_llm_keys_read(ngx_llm_keys_t *keys, uint32_t i, ngx_llm_key_conf_t *conf)
{
    ngx_uint_t                 spins;
    ngx_atomic_uint_t          version;
    const ngx_llm_key_conf_t  *c;

    for (spins = 0; spins < NGX_LLM_KEYS_SPINS; spins++) {

        if (i >= keys->used || keys->key[i].use != NGX_LLM_KEY_USED) {
            return NGX_DECLINED;
        }

        c = ngx_llm_keys_conf(keys, i, &version);

        if (c) {
            *conf = *c;

            ngx_memory_barrier();

            if (keys->key[i].version == version) {
                return NGX_OK;
            }
        }

        ngx_cpu_pause();
    }

    return NGX_DECLINED;
}


ngx_uint_t
ngx_llm_keys_allows(ngx_llm_keys_t *keys, uint32_t i, const ngx_str_t *model)
{
    ngx_uint_t                 spins, allows;
    ngx_atomic_uint_t          version;
    const ngx_llm_key_conf_t  *c;

    for (spins = 0; spins < NGX_LLM_KEYS_SPINS; spins++) {

        c = ngx_llm_keys_conf(keys, i, &version);

        if (c) {
            allows = ngx_llm_keys_lists(c->models, model);

            ngx_memory_barrier();

            if (keys->key[i].version == version) {
                return allows;
            }
        }

        ngx_cpu_pause();
    }

    return 0;
}


/* who has this hash, valid or revoked */

static uint32_t
ngx_llm_keys_owner_locked(ngx_llm_keys_t *keys, const u_char *hash)
{
    uint32_t  i;

    for (i = ngx_llm_chain_first(&keys->hashes, ngx_llm_keys_bucket(hash));
         i;
         i = ngx_llm_chain_next(&keys->hashes, i - 1))
    {
        if (ngx_llm_keys_same(keys->key[i - 1].conf.hash, hash)) {
            return i - 1;
        }
    }

    return NGX_LLM_KEY_NONE;
}


/*
 * A place for a new key: one that was never used, one whose key was removed,
 * one whose key left nginx.conf.
 */

static uint32_t
ngx_llm_keys_place_locked(ngx_llm_keys_t *keys)
{
    uint32_t    i;
    ngx_uint_t  n, left;

    if (keys->used < keys->max) {
        return keys->used;
    }

    for (left = 0; left < 2; left++) {
        for (n = 0; n < keys->max; n++) {

            i = keys->cursor;
            keys->cursor = (i + 1 < keys->max) ? i + 1 : 0;

            if (ngx_llm_keys_rested(keys, i, left)) {
                return i;
            }
        }
    }

    return NGX_LLM_KEY_NONE;
}


static ngx_uint_t
ngx_llm_keys_rested(ngx_llm_keys_t *keys, uint32_t i, ngx_uint_t left)
{
    ngx_llm_key_t  *key;

    key = &keys->key[i];

    if (key->valid
        || (left ? !key->conf.is_static || key->conf.revoked
                 : key->use == NGX_LLM_KEY_USED))
    {
        return 0;
    }

    return (ngx_msec_int_t) (ngx_current_msec - key->since)
           >= NGX_LLM_KEY_REST
           && (keys->in_flight == NULL || keys->in_flight[i] == 0);
}


/* NGX_DECLINED: it was not met, or its place was changing hands */

static ngx_int_t
ngx_llm_keys_look(ngx_llm_keys_t *keys, const u_char *hash, uint32_t *i,
    ngx_atomic_uint_t *generation)
{
    uint32_t        k;
    ngx_uint_t      n;
    ngx_llm_key_t  *key;

    k = ngx_llm_chain_first(&keys->hashes, ngx_llm_keys_bucket(hash));

    for (n = 0; k && n <= keys->max; n++) {

        key = &keys->key[k - 1];
        *generation = key->generation;

        ngx_memory_barrier();

        if (ngx_llm_keys_same(key->conf.hash, hash)) {

            ngx_memory_barrier();

            *i = k - 1;

            return (key->valid && key->generation == *generation)
                   ? NGX_OK : NGX_DECLINED;
        }

        k = ngx_llm_chain_next(&keys->hashes, k - 1);
    }

    return NGX_DECLINED;
}


static uint32_t
ngx_llm_keys_look_id(ngx_llm_keys_t *keys, uint64_t id)
{
    uint32_t        i;
    ngx_uint_t      n;
    ngx_llm_key_t  *key;

    i = ngx_llm_chain_first(&keys->ids, ngx_llm_keys_id_bucket(id));

    for (n = 0; i && n <= keys->max; n++) {

        key = &keys->key[i - 1];

        if (key->conf.id == id && id && key->use == NGX_LLM_KEY_USED) {
            return i - 1;
        }

        i = ngx_llm_chain_next(&keys->ids, i - 1);
    }

    return NGX_LLM_KEY_NONE;
}


/*
 * What is said of key i, whole if its version is still the same when it was
 * read: where it is being written, the journal's.  NULL: not now.
 */

static const ngx_llm_key_conf_t *
ngx_llm_keys_conf(ngx_llm_keys_t *keys, uint32_t i,
    ngx_atomic_uint_t *version)
{
    *version = keys->key[i].version;

    ngx_memory_barrier();

    if (!(*version & 1)) {
        return &keys->key[i].conf;
    }

    return (ngx_llm_keys_torn(keys) && keys->redo.i == i) ? &keys->redo.conf
                                                          : NULL;
}


static ngx_uint_t
ngx_llm_keys_lists(const u_char *models, const ngx_str_t *model)
{
    const u_char  *p, *q, *last;

    if (*models == '\0') {
        return 1;
    }

    /* while it is being written it may have no end */

    last = memchr(models, '\0', NGX_LLM_KEY_MODELS);
    if (last == NULL) {
        return 0;
    }

    for (p = models; p < last; p = q + 1) {

        q = memchr(p, ',', last - p);
        if (q == NULL) {
            q = last;
        }

        if (ngx_llm_glob(p, q - p, model->data, model->len)) {
            return 1;
        }
    }

    return 0;
}


/* takes the same time wherever they differ */

static ngx_inline ngx_uint_t
ngx_llm_keys_same(const u_char *a, const u_char *b)
{
    uint64_t  x[4], y[4];

    ngx_memcpy(x, a, NGX_LLM_KEY_HASH);
    ngx_memcpy(y, b, NGX_LLM_KEY_HASH);

    return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3])) == 0;
}
