
/*
 * When the index of models is made anew, by the worker that probes.
 *
 * Lists are stored one by one, but the index is made once for many: at once
 * after a quiet time, then after 20 ms, 40 ms .. 1 s, as each image takes
 * memory until no reader can hold it any more.
 */


#ifndef _NGX_LLM_INDEX_H_INCLUDED_
#define _NGX_LLM_INDEX_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_llm_zone.h"


/* what found no room, for ngx_llm_index_full() */

typedef enum {
    NGX_LLM_FULL_LIST = 0,
    NGX_LLM_FULL_INDEX,
    NGX_LLM_FULL_MAX
} ngx_llm_full_e;


/*
 * This worker makes the index from now on.  It is made once at the start: the
 * predecessor may have died with a list stored.  online() is called for a
 * node whose new list is in force; it may be NULL.  The mutex isn't held.
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_llm_index_start(ngx_llm_zone_t *zone,
    void (*online)(uint32_t node));

/* The contrary.  May be called when it was not started. */
void ngx_llm_index_stop(void);

/* The list of this node was stored. */
void ngx_llm_index_changed(uint32_t node);

/*
 * Does the index hold all changes up to this one (zone->models->wanted as it
 * was)?  In any worker: when not, and it was not made just now, it is made.
 * 0: ask again in some milliseconds.  Takes the mutex.
 */
ngx_uint_t ngx_llm_index_settle(ngx_llm_zone_t *zone,
    ngx_atomic_uint_t wanted);

/* Says in the log for what the zone is too full, each once a minute. */
void ngx_llm_index_full(ngx_uint_t what);


#endif /* _NGX_LLM_INDEX_H_INCLUDED_ */
