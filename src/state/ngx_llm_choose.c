
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_pick.h"
#include "ngx_llm_choose.h"


/* draws before all candidates are looked at */
#define NGX_LLM_CHOOSE_DRAWS  16


typedef struct {
    ngx_llm_image_t    *image;      /* that they are of */
    uint32_t           *listed;     /* nodes that list the model */
    uint32_t           *wild;       /* nodes that take any */
    uint32_t            nlisted;
    uint32_t            n;          /* of both */
} ngx_llm_candidates_t;


static ngx_int_t ngx_llm_choose_candidates(ngx_llm_zone_t *zone,
    const ngx_llm_choice_t *choice, ngx_llm_candidates_t *all);
static ngx_int_t ngx_llm_choose_one(ngx_llm_zone_t *zone,
    ngx_llm_choice_t *choice, const ngx_llm_candidates_t *all,
    ngx_llm_candidate_t *best);
static ngx_uint_t ngx_llm_choose_drawn(ngx_llm_zone_t *zone,
    ngx_llm_choice_t *choice, const ngx_llm_candidates_t *all,
    ngx_llm_candidate_t *best);
static ngx_int_t ngx_llm_choose_read(ngx_llm_zone_t *zone,
    ngx_llm_choice_t *choice, uint32_t node, ngx_llm_candidate_t *c);
static ngx_uint_t ngx_llm_choose_rests(ngx_llm_choice_t *choice,
    uint32_t node, const ngx_llm_node_t *nd);
static ngx_uint_t ngx_llm_choose_reserve(ngx_llm_zone_t *zone,
    ngx_llm_ledger_t *ledger, ngx_llm_choice_t *choice,
    const ngx_llm_image_t *image, const ngx_llm_candidate_t *c);


#define ngx_llm_candidate(all, i)                                             \
    ((i) < (all)->nlisted ? (all)->listed[i]                                  \
                          : (all)->wild[(i) - (all)->nlisted])


static ngx_llm_pick_pt  ngx_llm_policies[] = {
    ngx_llm_pick_least_load,
    ngx_llm_pick_round_robin
};


ngx_int_t
ngx_llm_choose(ngx_llm_zone_t *zone, ngx_llm_ledger_t *ledger,
    ngx_llm_choice_t *choice, uint32_t *node)
{
    ngx_int_t             rc;
    ngx_llm_candidate_t   best;
    ngx_llm_candidates_t  all;

    choice->trial = 0;
    choice->rest = 0;

    do {
        rc = ngx_llm_choose_candidates(zone, choice, &all);

        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_llm_choose_one(zone, choice, &all, &best);

        if (rc != NGX_OK) {
            return rc;
        }

        /* another worker may have taken its last slot, or the trial */

    } while (!ngx_llm_choose_reserve(zone, ledger, choice, all.image, &best));

    *node = best.node;

    return NGX_OK;
}


ngx_uint_t
ngx_llm_choose_lists(ngx_llm_zone_t *zone, uint32_t node, uint32_t hash)
{
    uint32_t          i, k;
    ngx_llm_image_t  *image;
    ngx_llm_model_t  *m;

    image = zone->models->image;

    for (k = 0; k < image->nwild; k++) {
        if (image->wild[k] == node) {
            return 1;
        }
    }

    i = image->buckets[hash & (image->nbuckets - 1)];

    for ( /* void */ ; i; i = m->next) {
        m = &image->models[i - 1];

        if (m->hash != hash) {
            continue;
        }

        for (k = 0; k < m->nnodes; k++) {
            if (image->nodes[m->nodes + k] == node) {
                return 1;
            }
        }
    }

    return 0;
}


static ngx_int_t
ngx_llm_choose_candidates(ngx_llm_zone_t *zone,
    const ngx_llm_choice_t *choice, ngx_llm_candidates_t *all)
{
    ngx_llm_image_t  *image;
    ngx_llm_model_t  *m;

    image = zone->models->image;

    all->image = image;
    all->listed = NULL;
    all->nlisted = 0;
    all->wild = image->wild;

    m = ngx_llm_models_find(image, choice->model, choice->hash);

    if (m) {
        all->listed = &image->nodes[m->nodes];
        all->nlisted = m->nnodes;
    }

    all->n = all->nlisted + image->nwild;

    if (all->n) {
        return NGX_OK;
    }

    /* a node that was never heard may list it: that is not "no such model" */

    return (image->unheard || image->nmodels == 0) ? NGX_DECLINED : NGX_DONE;
}


static ngx_int_t
ngx_llm_choose_one(ngx_llm_zone_t *zone, ngx_llm_choice_t *choice,
    const ngx_llm_candidates_t *all, ngx_llm_candidate_t *best)
{
    ngx_int_t            rc;
    ngx_uint_t           i, n, busy;
    ngx_llm_pick_pt      pick;
    ngx_llm_candidate_t  c[NGX_LLM_PICK_ALL];

    if (all->n > NGX_LLM_PICK_ALL
        && ngx_llm_choose_drawn(zone, choice, all, best))
    {
        return NGX_OK;
    }

    n = 0;
    busy = 0;
    pick = ngx_llm_policies[choice->policy];

    for (i = 0; i < all->n; i++) {

        rc = ngx_llm_choose_read(zone, choice, ngx_llm_candidate(all, i),
                                 &c[n]);
        if (rc == NGX_OK) {

            if (++n == NGX_LLM_PICK_ALL) {
                c[0] = c[pick(c, n)];
                n = 1;
            }

            continue;
        }

        busy |= (rc == NGX_BUSY);
    }

    if (n == 0) {
        return busy ? NGX_BUSY : choice->rest ? NGX_AGAIN : NGX_DECLINED;
    }

    *best = c[pick(c, n)];

    return NGX_OK;
}


/* the better of two by chance */

static ngx_uint_t
ngx_llm_choose_drawn(ngx_llm_zone_t *zone, ngx_llm_choice_t *choice,
    const ngx_llm_candidates_t *all, ngx_llm_candidate_t *best)
{
    uint32_t             two[2];
    ngx_uint_t           i, k, n;
    ngx_llm_candidate_t  c[2];

    for (i = 0; i < NGX_LLM_CHOOSE_DRAWS; i++) {

        ngx_llm_pick_two(choice->random, all->n, two);

        n = 0;

        for (k = 0; k < 2; k++) {

            if (ngx_llm_choose_read(zone, choice,
                                    ngx_llm_candidate(all, two[k]), &c[n])
                == NGX_OK)
            {
                n++;
            }
        }

        if (n) {
            *best = c[ngx_llm_policies[choice->policy](c, n)];
            return 1;
        }
    }

    return 0;
}


/* NGX_OK: it may be chosen; NGX_BUSY: it is full; NGX_AGAIN; NGX_DECLINED */

static ngx_int_t
ngx_llm_choose_read(ngx_llm_zone_t *zone, ngx_llm_choice_t *choice,
    uint32_t node, ngx_llm_candidate_t *c)
{
    ngx_uint_t       i;
    ngx_llm_node_t  *nd;

    nd = &zone->nodes->node[node];

    if (!nd->online
        || nd->draining
        || nd->pending
        || nd->use != NGX_LLM_NODE_USED)
    {
        return NGX_DECLINED;
    }

    for (i = 0; i < choice->ntried; i++) {
        if (choice->tried[i] == node) {
            return NGX_DECLINED;
        }
    }

    if (!ngx_llm_breaker_quiet(nd)
        && ngx_llm_choose_rests(choice, node, nd))
    {
        return NGX_AGAIN;
    }

    c->node = node;
    c->weight = nd->weight;
    c->in_flight = ngx_llm_limits_count(zone->limits,
                                        ngx_llm_node_in_flight(zone, node));
    c->waiting = ngx_llm_limits_count(zone->limits,
                                      ngx_llm_node_waiting(zone, node));
    c->stamp = nd->stamp;
    c->turn = nd->turn;

    if (nd->max && c->in_flight >= nd->max) {
        return NGX_BUSY;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_llm_choose_rests(ngx_llm_choice_t *choice, uint32_t node,
    const ngx_llm_node_t *nd)
{
    ngx_msec_t  rest;

    rest = ngx_llm_breaker_rest(nd, choice->now);

    if (rest && (choice->rest == 0 || rest < choice->rest)) {
        choice->rest = rest;
        choice->resting = node;
    }

    return rest != 0;
}


static ngx_uint_t
ngx_llm_choose_reserve(ngx_llm_zone_t *zone, ngx_llm_ledger_t *ledger,
    ngx_llm_choice_t *choice, const ngx_llm_image_t *image,
    const ngx_llm_candidate_t *c)
{
    ngx_llm_node_t  *node;

    node = &zone->nodes->node[c->node];

    if (!ngx_llm_limits_acquire(zone->limits, ledger,
                                ngx_llm_node_in_flight(zone, c->node),
                                node->max))
    {
        return 0;
    }

    /*
     * From here on the place can't change its owner.  It did not before: that
     * takes another image.
     */

    if (node->use != NGX_LLM_NODE_USED || zone->models->image != image) {
        ngx_llm_limits_release(zone->limits, ledger,
                               ngx_llm_node_in_flight(zone, c->node));
        return 0;
    }

    if (!ngx_llm_breaker_quiet(node)
        && !ngx_llm_breaker_enter(node, choice->now, choice->trial_time,
                                  &choice->trial))
    {
        ngx_llm_limits_release(zone->limits, ledger,
                               ngx_llm_node_in_flight(zone, c->node));
        return 0;
    }

    (void) ngx_llm_limits_acquire(zone->limits, ledger,
                                  ngx_llm_node_waiting(zone, c->node),
                                  NGX_LLM_UNLIMITED);

    node->stamp = ngx_atomic_fetch_add(&zone->nodes->clock, 1) + 1;

    node->turn = c->turn + NGX_LLM_PICK_TURN / c->weight;

    return 1;
}
