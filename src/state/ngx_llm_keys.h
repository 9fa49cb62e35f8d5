
/*
 * API keys, found by the SHA-256 of the clear key, which is kept nowhere.
 *
 * A place is
 *
 *     free       nobody's
 *     used       of a key: valid, or revoked
 *     leaving    its key was removed; nobody finds it any more, but requests
 *                under way may still hold the place: it is used again when
 *                nothing is in flight and NGX_LLM_KEY_REST ms went by
 *
 * and its next owner has another generation, by which a request sees that the
 * place it remembers is another key's.  When all places are taken, those of
 * keys that left nginx.conf are used again, too.
 *
 * Who writes: everything under the zone's mutex, by a journal, as nodes do.
 * Readers take no lock.  What is said of a key is copied between two equal,
 * even versions of its own, or from the journal while it is odd.  A place
 * gets its generation before its key and is valid at last, so that a look-up
 * finds the right key or none; one that finds none looks again when the
 * table's version moved.
 * How much of a key is in flight stands in the limits.
 */


#ifndef _NGX_LLM_KEYS_H_INCLUDED_
#define _NGX_LLM_KEYS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_key.h"
#include "ngx_llm_keys_redo.h"
#include "ngx_llm_prefetch.h"


/* Makes a table of max keys.  NULL: the zone is full. */
ngx_llm_keys_t *ngx_llm_keys_create(ngx_slab_pool_t *shpool, ngx_uint_t max);

/*
 * Adds a key, or changes the one of this hash, which is valid then unless it
 * was revoked; its totals, its id and created are kept.  The mutex is held.
 * Returns its place, NGX_LLM_KEY_NONE when the table is full.
 */
uint32_t ngx_llm_keys_set_locked(ngx_llm_keys_t *keys,
    const ngx_llm_key_conf_t *conf);

/*
 * The key passes no more, in any worker, from the next look-up on, also when
 * it is set again, until it is removed.  The mutex is held.
 */
void ngx_llm_keys_revoke_locked(ngx_llm_keys_t *keys, uint32_t i);

/*
 * The key left nginx.conf: it passes no more until it is set again.  Its place
 * is kept for its hash, so that its counts return to it.  The mutex is held.
 */
void ngx_llm_keys_leave_locked(ngx_llm_keys_t *keys, uint32_t i);

/*
 * The key is gone for good: its place is used again, with another generation,
 * when nothing of it is in flight and not before NGX_LLM_KEY_REST ms.  The
 * mutex is held.
 */
void ngx_llm_keys_remove_locked(ngx_llm_keys_t *keys, uint32_t i,
    ngx_msec_t now);

/*
 * The key of this id, revoked ones too, or NGX_LLM_KEY_NONE.  No lock; who
 * has none compares the id with that of the copy he reads.
 */
uint32_t ngx_llm_keys_find_id(ngx_llm_keys_t *keys, uint64_t id);

/*
 * Copies what is said of key i, revoked or not.  No lock.  NGX_DECLINED:
 * nobody is there.
 */
ngx_int_t ngx_llm_keys_read(ngx_llm_keys_t *keys, uint32_t i,
    ngx_llm_key_conf_t *conf);

/*
 * The valid key of this hash, expired or not; NGX_LLM_KEY_NONE when there is
 * none.  *generation is that of its place, for ngx_llm_keys_holds().  No lock.
 */
uint32_t ngx_llm_keys_find(ngx_llm_keys_t *keys,
    const u_char hash[NGX_LLM_KEY_HASH], ngx_atomic_uint_t *generation);

/* Is what was found then still that key, and valid? */
#define ngx_llm_keys_holds(keys, i, gen)                                      \
    ((keys)->key[i].valid && (keys)->key[i].generation == (gen))

/* Has what a request reads and writes of the key at this place come near. */
#define ngx_llm_keys_near(keys, i)                                            \
    do {                                                                      \
        ngx_llm_prefetch(&(keys)->key[i].use);                                \
        ngx_llm_prefetch(&(keys)->key[i].valid);                              \
        ngx_llm_prefetch((keys)->key[i].conf.name);                           \
        ngx_llm_prefetch(&(keys)->key[i].conf.rpm);                           \
    } while (0)

/* May the key at this place use this model?  No lock. */
ngx_uint_t ngx_llm_keys_allows(ngx_llm_keys_t *keys, uint32_t i,
    const ngx_str_t *model);


#endif /* _NGX_LLM_KEYS_H_INCLUDED_ */
