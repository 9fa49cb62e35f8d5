
/*
 * The table of nodes.
 *
 * An entry is free, used or leaving.  A leaving one is never chosen and
 * becomes free when nothing is in flight at it; the next owner of its place
 * gets another generation.
 *
 * Who writes: configuration and model lists are written under the zone's
 * mutex.  A change is written whole into the journal first, committed by one
 * word, applied, and done when the word is 0 again.  A writer that is killed
 * leaves nothing of it, or what the next one under the mutex ends: each step
 * of applying may be done twice.
 * The configuration is written between two steps of the entry's version (odd:
 * being written), so that a reader takes a copy without a lock and sees
 * whether it is whole; while it is odd, the journal has the whole one.
 * A list is read under the mutex only.
 * One block of the zone may be lost with a killed writer: a list that was not
 * committed yet, or an old one that was replaced and not freed yet.  None is
 * freed twice.
 *
 * The figures of the first lines are single words that anybody may read, and
 * are changed by atomic operations.  What is in flight stands in the limits,
 * at ngx_llm_node_in_flight() and ngx_llm_node_waiting().
 */


#ifndef _NGX_LLM_NODES_H_INCLUDED_
#define _NGX_LLM_NODES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_node.h"
#include "ngx_llm_nodes_redo.h"


/* Makes a table of max places.  NULL: the zone is full. */
ngx_llm_nodes_t *ngx_llm_nodes_create(ngx_slab_pool_t *shpool,
    ngx_uint_t max);

/*
 * The node of this URL (scheme, host, port, prefix) that is not leaving, or
 * a new one in a free place.  Its configuration is replaced, its state and
 * its list are kept when it was there, and so are its id and created; but one
 * that was made at run time and now stands in nginx.conf gets the id in conf,
 * and is pending no more.  A static one stays static.  An id of 0 in conf
 * means ngx_llm_nodes_id().  static_url is set for a static conf; otherwise it
 * stays as it was.
 * A new node wants a check, and is pending if conf->registered.  It is offline
 * until one succeeds, unless conf says its models, or that nobody checks it.
 * idle(data, i) says whether a leaving one's place may be used again.  The
 * mutex is held.
 * With a list its models are a copy of that, in the same step.
 * Returns the place, or NGX_LLM_NODE_NONE when the table or the zone is full.
 */
uint32_t ngx_llm_nodes_set_list_locked(ngx_llm_nodes_t *nodes,
    const ngx_llm_node_conf_t *conf, const ngx_llm_list_t *list,
    ngx_uint_t (*idle)(void *data, uint32_t i), void *data);

#define ngx_llm_nodes_set_locked(nodes, conf, idle, data)                     \
    ngx_llm_nodes_set_list_locked(nodes, conf, NULL, idle, data)

/*
 * Replaces what is said of the node at place i, its URL too; its id, its
 * state, its figures and its list stay, but a new URL is probed at once, one
 * without an address is offline, and one that is no longer checked online.
 * The mutex is held.
 * With a list its models are a copy of that, in the same step.
 * NGX_OK; NGX_DECLINED: nobody is there, or another node has that URL;
 * NGX_ERROR: the zone is full.  Nothing was changed then.
 */
ngx_int_t ngx_llm_nodes_change_list_locked(ngx_llm_nodes_t *nodes,
    uint32_t i, const ngx_llm_node_conf_t *conf, const ngx_llm_list_t *list);

#define ngx_llm_nodes_change_locked(nodes, i, conf)                           \
    ngx_llm_nodes_change_list_locked(nodes, i, conf, NULL)

/* The node of this id that is not leaving, or NGX_LLM_NODE_NONE.  No lock. */
uint32_t ngx_llm_nodes_find(ngx_llm_nodes_t *nodes, uint64_t id);

/* The same by the URL in conf.  The mutex is held. */
uint32_t ngx_llm_nodes_find_url_locked(ngx_llm_nodes_t *nodes,
    const ngx_llm_node_conf_t *conf);

/* The node gets nothing new and its place is free when it is idle. */
void ngx_llm_nodes_leave_locked(ngx_llm_nodes_t *nodes, uint32_t i);

/*
 * Replaces a node's list of models by a copy.  The mutex is held.
 * NGX_OK, NGX_DONE when it was the same, NGX_ERROR when the zone is full
 * (the old list stays).
 */
ngx_int_t ngx_llm_nodes_list_locked(ngx_llm_nodes_t *nodes, uint32_t i,
    const ngx_llm_list_t *list);

/*
 * It has another version, though what is said of it is the same: its orders
 * are others.  The mutex is held, and the journal empty.
 */
#define ngx_llm_nodes_touch_locked(node)                                      \
    (void) ngx_atomic_fetch_add(&(node)->version, 2)

/*
 * Copies the configuration of place i, also of a leaving one.  No lock.
 * NGX_OK, NGX_DECLINED when nobody is there.  *version tells later whether
 * the copy is still true.  Who found the place by an id compares it with the
 * copy's: the place may have changed hands.
 */
ngx_int_t ngx_llm_nodes_read(ngx_llm_nodes_t *nodes, uint32_t i,
    ngx_llm_node_conf_t *conf, ngx_atomic_uint_t *version);


#endif /* _NGX_LLM_NODES_H_INCLUDED_ */
