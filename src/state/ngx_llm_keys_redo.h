
/*
 * The table of keys as it lies in memory, and its journal, which works as that
 * of nodes does: see ngx_llm_nodes_redo.h.  What may be done with the table
 * stands in ngx_llm_keys.h.
 */


#ifndef _NGX_LLM_KEYS_REDO_H_INCLUDED_
#define _NGX_LLM_KEYS_REDO_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_chain.h"
#include "ngx_llm_key.h"


/* a change that is under way */

typedef enum {
    NGX_LLM_KEY_REDO_NONE = 0,
    NGX_LLM_KEY_REDO_SET,           /* a new owner of the place */
    NGX_LLM_KEY_REDO_CHANGE,        /* other words on its owner, or revoked */
    NGX_LLM_KEY_REDO_REMOVE
} ngx_llm_key_redo_e;


typedef struct {
    ngx_atomic_t        op;         /* the word that commits it */
    uint32_t            i;
    ngx_atomic_uint_t   generation; /* set: of the new owner */
    ngx_msec_t          since;      /* remove; change, if it is revoked */
    ngx_llm_key_conf_t  conf;       /* set, change */
} ngx_llm_key_redo_t;


typedef struct {
    ngx_uint_t          max;
    ngx_atomic_t        version;    /* of the chains; odd: being changed */
    uint32_t            used;       /* places used so far: 0 .. used - 1 */
    uint32_t            cursor;     /* where to look for one to use again */
    ngx_atomic_t       *in_flight;  /* by place, of the limits; or NULL */
    uint64_t           *id;         /* by place, 0: nobody's or removed */
    ngx_llm_chain_t     hashes;     /* of used places, revoked ones too */
    ngx_llm_chain_t     ids;
    ngx_llm_key_redo_t  redo;
    ngx_llm_key_t      *key;
} ngx_llm_keys_t;


/* a hash's, and an id's, in their chains */
#define ngx_llm_keys_id_bucket(id)  ((uint32_t) ((id) ^ ((id) >> 32)))

static ngx_inline uint32_t ngx_llm_keys_bucket(const u_char *hash);


/*
 * Commits what keys->redo holds as this (ngx_llm_key_redo_e), and applies it.
 * The mutex is held, and what was torn is recovered.
 */
void ngx_llm_keys_commit_locked(ngx_llm_keys_t *keys, ngx_uint_t op);

/* Ends what a worker began that died inside the mutex, as with nodes. */
void ngx_llm_keys_recover_locked(ngx_llm_keys_t *keys);

#define ngx_llm_keys_torn(keys)                                               \
    ((keys)->redo.op != NGX_LLM_KEY_REDO_NONE)


static ngx_inline uint32_t
ngx_llm_keys_bucket(const u_char *hash)
{
    uint32_t  b;

    ngx_memcpy(&b, hash, sizeof(uint32_t));

    return b;
}


#endif /* _NGX_LLM_KEYS_REDO_H_INCLUDED_ */
