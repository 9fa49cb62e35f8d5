
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_keys_redo.h"


static void ngx_llm_keys_apply_locked(ngx_llm_keys_t *keys);
static void ngx_llm_keys_apply_set_locked(ngx_llm_keys_t *keys);
static void ngx_llm_keys_write_locked(ngx_llm_keys_t *keys,
    ngx_llm_key_t *key);
static void ngx_llm_keys_clear(ngx_llm_key_t *key);


void
ngx_llm_keys_commit_locked(ngx_llm_keys_t *keys, ngx_uint_t op)
{
    ngx_memory_barrier();

    keys->redo.op = op;

    ngx_memory_barrier();

    ngx_llm_keys_apply_locked(keys);
}


void
ngx_llm_keys_recover_locked(ngx_llm_keys_t *keys)
{
    if (ngx_llm_keys_torn(keys)) {
        ngx_llm_keys_apply_locked(keys);
    }
}


/* does what the journal says, maybe once more */

static void
ngx_llm_keys_apply_locked(ngx_llm_keys_t *keys)
{
    uint32_t             i;
    ngx_llm_key_t       *key;
    ngx_llm_key_redo_t  *redo;

    redo = &keys->redo;
    i = redo->i;
    key = &keys->key[i];

    switch (redo->op) {

    case NGX_LLM_KEY_REDO_SET:
        ngx_llm_keys_apply_set_locked(keys);
        break;

    case NGX_LLM_KEY_REDO_CHANGE:

        if (redo->conf.revoked) {
            key->since = redo->since;
            key->valid = 0;
        }

        ngx_llm_keys_write_locked(keys, key);
        key->valid = !redo->conf.revoked;
        break;

    default: /* NGX_LLM_KEY_REDO_REMOVE */

        key->valid = 0;
        key->since = redo->since;
        key->use = NGX_LLM_KEY_LEAVING;
        keys->id[i] = 0;

        ngx_llm_chain_unlink(&keys->hashes,
                             ngx_llm_keys_bucket(key->conf.hash), i);
        ngx_llm_chain_unlink(&keys->ids,
                             ngx_llm_keys_id_bucket(key->conf.id), i);
    }

    ngx_memory_barrier();

    redo->op = NGX_LLM_KEY_REDO_NONE;
}


static void
ngx_llm_keys_apply_set_locked(ngx_llm_keys_t *keys)
{
    uint32_t             i;
    ngx_llm_key_t       *key;
    ngx_llm_key_redo_t  *redo;

    redo = &keys->redo;
    i = redo->i;
    key = &keys->key[i];

    /* one that died here left it odd */

    keys->version |= 1;

    ngx_memory_barrier();

    if (!key->valid) {
        key->generation = redo->generation;

        /*
         * A revoked key's place is still in its chains; once conf is being
         * written it is in none.
         */

        ngx_llm_chain_unlink(&keys->hashes,
                             ngx_llm_keys_bucket(key->conf.hash), i);
        ngx_llm_chain_unlink(&keys->ids,
                             ngx_llm_keys_id_bucket(key->conf.id), i);

        ngx_llm_keys_clear(key);

        ngx_memory_barrier();

        key->use = NGX_LLM_KEY_FREE;

        ngx_llm_keys_write_locked(keys, key);

        ngx_llm_chain_link(&keys->hashes,
                           ngx_llm_keys_bucket(key->conf.hash), i);

        if (i >= keys->used) {
            keys->used = i + 1;
        }

        key->use = NGX_LLM_KEY_USED;

        ngx_memory_barrier();

        key->valid = 1;
    }

    ngx_memory_barrier();

    keys->version = (keys->version | 1) + 1;
}


/* writes what the journal says of its key, and enters its id */

static void
ngx_llm_keys_write_locked(ngx_llm_keys_t *keys, ngx_llm_key_t *key)
{
    key->version |= 1;

    ngx_memory_barrier();

    key->conf = keys->redo.conf;

    ngx_memory_barrier();

    key->version++;

    if (key->conf.id) {
        ngx_llm_chain_link(&keys->ids, ngx_llm_keys_id_bucket(key->conf.id),
                           keys->redo.i);
    }

    keys->id[keys->redo.i] = key->conf.id;
}


static void
ngx_llm_keys_clear(ngx_llm_key_t *key)
{
    key->requests_due = 0;
    key->tokens_due = 0;
    key->served = 0;
    key->requests = 0;
    key->prompt_tokens = 0;
    key->completion_tokens = 0;
    key->last_used = 0;
}
