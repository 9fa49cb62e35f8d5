
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_text.h"
#include "ngx_llm_keys.h"


#define NGX_LLM_KEYS_SPINS  1000


static ngx_inline ngx_uint_t ngx_llm_keys_same(const u_char *a,
    const u_char *b);
static uint32_t ngx_llm_keys_lookup(ngx_llm_keys_t *keys, const u_char *hash,
    uint32_t *bucket);


ngx_llm_keys_t *
ngx_llm_keys_create(ngx_slab_pool_t *shpool, ngx_uint_t max)
{
    ngx_llm_keys_t  *keys;

    keys = ngx_slab_calloc(shpool, sizeof(ngx_llm_keys_t));
    if (keys == NULL) {
        return NULL;
    }

    keys->max = max;

    for (keys->nbuckets = 16; keys->nbuckets < 2 * max; keys->nbuckets <<= 1) {
        /* void */
    }

    keys->buckets = ngx_slab_calloc(shpool,
                                    keys->nbuckets * sizeof(uint32_t));
    if (keys->buckets == NULL) {
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
    uint32_t        i, bucket;
    ngx_llm_key_t  *key;

    i = ngx_llm_keys_lookup(keys, conf->hash, &bucket);

    if (i == NGX_LLM_KEY_NONE && keys->used == keys->max) {
        return i;
    }

    keys->version |= 1;

    ngx_memory_barrier();

    if (i == NGX_LLM_KEY_NONE) {
        i = keys->used;
        keys->key[i].conf = *conf;

        ngx_memory_barrier();

        keys->buckets[bucket] = i + 1;
        keys->used++;
    }

    key = &keys->key[i];
    key->conf = *conf;
    key->valid = 1;

    ngx_memory_barrier();

    keys->version++;

    return i;
}


void
ngx_llm_keys_revoke_locked(ngx_llm_keys_t *keys, uint32_t i)
{
    keys->key[i].valid = 0;
}


uint32_t
ngx_llm_keys_find(ngx_llm_keys_t *keys, const u_char hash[NGX_LLM_KEY_HASH])
{
    uint32_t           i, bucket;
    ngx_uint_t         spins;
    ngx_atomic_uint_t  version;

    for (spins = 0; spins < NGX_LLM_KEYS_SPINS; spins++) {
        version = keys->version;

        i = ngx_llm_keys_lookup(keys, hash, &bucket);

        if (i != NGX_LLM_KEY_NONE && keys->key[i].valid) {
            return i;
        }

        ngx_memory_barrier();

        if (!(version & 1) && version == keys->version) {
            break;
        }

        ngx_cpu_pause();
    }

    return NGX_LLM_KEY_NONE;
}


ngx_uint_t
ngx_llm_keys_allows(const ngx_llm_key_t *key, const ngx_str_t *model)
{
    const u_char  *p, *q, *last;

    p = key->conf.models;

    if (*p == '\0') {
        return 1;
    }

    last = p + ngx_strlen(p);

    for ( /* void */ ; p < last; p = q + 1) {

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


/* the key of this hash, or the bucket where it would go */

static uint32_t
ngx_llm_keys_lookup(ngx_llm_keys_t *keys, const u_char *hash,
    uint32_t *bucket)
{
    uint32_t  b, i, n;

    ngx_memcpy(&b, hash, sizeof(uint32_t));

    for (n = 0; n < keys->nbuckets; n++, b++) {

        b &= keys->nbuckets - 1;
        i = keys->buckets[b];

        if (i == 0) {
            *bucket = b;
            return NGX_LLM_KEY_NONE;
        }

        if (ngx_llm_keys_same(keys->key[i - 1].conf.hash, hash)) {
            return i - 1;
        }
    }

    return NGX_LLM_KEY_NONE;
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
