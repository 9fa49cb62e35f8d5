
/*
 * A result counts only while
 *
 *     this process has the lease,
 *     the place belongs to the same node, which is in use,
 *     its configuration is the one that was probed.
 *
 * Order: the list is stored, the node is online, the index knows the list,
 * the waiters are told.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_heartbeat.h"
#include "ngx_llm_verdict.h"
#include "ngx_llm_index.h"


/* probes in which a type is looked for, when nodes do not answer */
#define NGX_LLM_VERDICT_TYPES  3


static ngx_uint_t ngx_llm_verdict_counts(ngx_llm_probe_t *probe);
static void ngx_llm_verdict_failed(ngx_llm_probe_t *probe, ngx_uint_t first);
static void ngx_llm_verdict_passed(ngx_llm_probe_t *probe, ngx_uint_t first);
static ngx_int_t ngx_llm_verdict_store(ngx_llm_probe_t *probe,
    ngx_uint_t *n);
static void ngx_llm_verdict_tell(ngx_llm_probe_t *probe, ngx_uint_t n);
static ngx_uint_t ngx_llm_verdict_more(ngx_llm_probe_t *probe);
static void ngx_llm_verdict_type(ngx_llm_probe_t *probe);
static void ngx_llm_verdict_slots(ngx_llm_probe_t *probe);
static void ngx_llm_verdict_online(uint32_t i);


ngx_uint_t
ngx_llm_verdict_health(ngx_llm_check_t *check)
{
    ngx_uint_t        first;
    ngx_llm_node_t   *node;
    ngx_llm_probe_t  *probe;

    probe = check->data;

    if (!ngx_llm_verdict_counts(probe)) {
        return NGX_LLM_CHECK_NOTHING;
    }

    if (check->ours) {
        ngx_llm_prober_pause(probe->node, ngx_llm_prober.interval);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, check->err,
                      "llm node \"%s\" can't be probed: %s",
                      check->conf.name, check->error);

        return NGX_LLM_CHECK_NOTHING;
    }

    node = ngx_llm_probe_node(probe->node);

    ngx_llm_probe_place(probe->node)->pause = 0;

    first = (node->checked == 0);
    node->checked = ngx_max(ngx_current_msec, 1);

    if (check->error) {
        ngx_llm_verdict_failed(probe, first);
        return NGX_LLM_CHECK_NOTHING;
    }

    ngx_llm_probe_place(probe->node)->addr = (u_char) check->addr;

    ngx_llm_verdict_passed(probe, first);

    if (first && ngx_llm_prober.walking) {

        /* health comes first: among many new nodes the rest can wait */

        node->check_now = 1;
        return NGX_LLM_CHECK_NOTHING;
    }

    return ngx_llm_verdict_more(probe);
}


void
ngx_llm_verdict_nature(ngx_llm_check_t *check)
{
    ngx_llm_probe_t  *probe;

    probe = check->data;

    if (check->more == NGX_LLM_CHECK_NOTHING
        || !ngx_llm_verdict_counts(probe))
    {
        return;
    }

    ngx_llm_verdict_type(probe);
    ngx_llm_verdict_slots(probe);
}


/* see the head of this file */

static ngx_uint_t
ngx_llm_verdict_counts(ngx_llm_probe_t *probe)
{
    ngx_llm_node_t  *node;

    node = ngx_llm_probe_node(probe->node);

    if (ngx_llm_prober.zone->probe.pid != (ngx_atomic_uint_t) ngx_pid
        || node->use != NGX_LLM_NODE_USED
        || node->generation != probe->generation)
    {
        return 0;
    }

    if (node->version != probe->version) {
        node->check_now = 1;
        return 0;
    }

    return 1;
}


/*
 * Without "check" a probe can find models, but can't take a node away.  Nor
 * can its silence while it serves: some engines answer one at a time.
 */

static void
ngx_llm_verdict_failed(ngx_llm_probe_t *probe, ngx_uint_t first)
{
    ngx_llm_zone_t  *zone;

    zone = ngx_llm_prober.zone;

    if (!probe->check.conf.check) {
        return;
    }

    if (probe->check.silent
        && ngx_llm_limits_count(zone->limits,
                                ngx_llm_node_in_flight(zone, probe->node)))
    {
        return;
    }

    ngx_llm_nodes_failed(ngx_llm_probe_node(probe->node),
                         first ? 1 : ngx_llm_prober.fails);

    ngx_llm_verdict_tell(probe, 0);
}


static void
ngx_llm_verdict_passed(ngx_llm_probe_t *probe, ngx_uint_t first)
{
    uint32_t                i;
    ngx_int_t               rc;
    ngx_uint_t              n, was;
    ngx_llm_node_t         *node;
    ngx_llm_probe_place_t  *place;

    i = probe->node;
    node = ngx_llm_probe_node(i);
    place = ngx_llm_probe_place(i);

    was = node->online;

    rc = ngx_llm_verdict_store(probe, &n);

    if (!ngx_llm_heartbeat_silent(node, ngx_current_msec)) {
        ngx_llm_nodes_passed(node, first ? 1 : ngx_llm_prober.passes);
    }

    if (node->online && !was) {
        place->retype = !first;
    }

    ngx_llm_verdict_tell(probe, n);

    if (rc == NGX_OK) {
        ngx_llm_index_changed(i);

    } else if (node->online && !was) {
        ngx_llm_verdict_online(i);
    }
}


/*
 * Stores the list that was read.  *n is how many models the node has then.
 * NGX_OK, NGX_DONE when nothing changed, NGX_ERROR when the zone is full.
 */

static ngx_int_t
ngx_llm_verdict_store(ngx_llm_probe_t *probe, ngx_uint_t *n)
{
    ngx_int_t         rc;
    ngx_llm_list_t   *list;
    ngx_llm_node_t   *node;
    ngx_llm_zone_t   *zone;
    ngx_llm_check_t  *check;

    check = &probe->check;
    zone = ngx_llm_prober.zone;
    node = ngx_llm_probe_node(probe->node);

    rc = NGX_DONE;

    ngx_shmtx_lock(&zone->shpool->mutex);

    list = node->list;

    if (check->list
        && node->generation == probe->generation
        && !ngx_llm_catalog_same(list, check->list))
    {
        rc = ngx_llm_nodes_list_locked(zone->nodes, probe->node, check->list);
        list = node->list;
    }

    *n = list ? list->n : 0;

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (rc == NGX_ERROR) {
        ngx_llm_index_full(NGX_LLM_FULL_LIST);
    }

    if (rc == NGX_OK && check->left_out) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "llm node \"%s\": %ui models are left out",
                      check->conf.name, check->left_out);
    }

    return rc;
}


/* one line when it comes or goes */

static void
ngx_llm_verdict_tell(ngx_llm_probe_t *probe, ngx_uint_t n)
{
    ngx_uint_t              told;
    ngx_llm_check_t        *check;
    ngx_llm_probe_place_t  *place;

    check = &probe->check;
    place = ngx_llm_probe_place(probe->node);

    told = ngx_llm_probe_node(probe->node)->online
           ? NGX_LLM_PROBE_TOLD_ONLINE : NGX_LLM_PROBE_TOLD_OFFLINE;

    if (place->told == told) {
        return;
    }

    if (told == NGX_LLM_PROBE_TOLD_ONLINE) {

        /* it is still online, though this probe failed: later */

        if (check->error) {
            return;
        }

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "llm node \"%s\" is online, %ui models",
                      check->conf.name, n);

    } else {

        /* and it passed, but not often enough */

        if (check->error == NULL) {
            return;
        }

        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, check->err,
                      "llm node \"%s\" is offline: %s",
                      check->conf.name, check->error);
    }

    place->told = (u_char) told;
}


/* what else is to be asked of a node that passed? */

static ngx_uint_t
ngx_llm_verdict_more(ngx_llm_probe_t *probe)
{
    ngx_llm_node_t         *node;
    ngx_llm_check_t        *check;
    ngx_llm_probe_place_t  *place;

    check = &probe->check;
    node = ngx_llm_probe_node(probe->node);
    place = ngx_llm_probe_place(probe->node);

    if (check->conf.type != NGX_LLM_TYPE_UNKNOWN) {
        node->type = check->conf.type;

    } else if (check->conf.ssl) {
        node->type = NGX_LLM_TYPE_OPENAI;

    } else if (node->type == NGX_LLM_TYPE_UNKNOWN || place->retype) {
        place->rounds = 0;
        return NGX_LLM_CHECK_TYPE;
    }

    if (node->type != NGX_LLM_TYPE_LLAMACPP) {
        return NGX_LLM_CHECK_NOTHING;
    }

    if (++place->rounds < NGX_LLM_PROBE_ROUNDS) {
        return NGX_LLM_CHECK_NOTHING;
    }

    place->rounds = 0;

    return NGX_LLM_CHECK_SLOTS;
}


static void
ngx_llm_verdict_type(ngx_llm_probe_t *probe)
{
    ngx_uint_t              type;
    ngx_llm_node_t         *node;
    ngx_llm_check_t        *check;
    ngx_llm_probe_place_t  *place;

    check = &probe->check;
    node = ngx_llm_probe_node(probe->node);
    place = ngx_llm_probe_place(probe->node);

    if (check->more != NGX_LLM_CHECK_TYPE) {
        return;
    }

    if (check->broken && ++place->types < NGX_LLM_VERDICT_TYPES) {
        return;
    }

    type = check->type;

    if (type == NGX_LLM_TYPE_UNKNOWN) {
        type = (check->broken && node->type) ? node->type
                                             : NGX_LLM_TYPE_OPENAI;
    }

    if (node->type != type) {
        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                      "llm node \"%s\" is of type %s",
                      check->conf.name, ngx_llm_node_type_name(type));
    }

    node->type = type;

    place->types = 0;
    place->retype = 0;
}


static void
ngx_llm_verdict_slots(ngx_llm_probe_t *probe)
{
    ngx_uint_t       slots, grew;
    ngx_llm_node_t  *node;
    ngx_llm_zone_t  *zone;

    zone = ngx_llm_prober.zone;
    node = ngx_llm_probe_node(probe->node);

    slots = probe->check.slots;

    if (node->type != NGX_LLM_TYPE_LLAMACPP) {

        /* another server came in its place */

        slots = 0;

    } else if (slots == 0) {
        return;
    }

    if (node->slots == slots) {
        return;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    grew = (node->slots && (slots > node->slots || slots == 0));

    node->slots = slots;
    ngx_llm_nodes_limit(node);

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (grew) {
        ngx_llm_verdict_online(probe->node);
    }
}


static void
ngx_llm_verdict_online(uint32_t i)
{
    if (ngx_llm_prober.online) {
        ngx_llm_prober.online(i);
    }
}
