
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_pick.h"


static ngx_inline ngx_int_t ngx_llm_pick_lighter(const ngx_llm_candidate_t *a,
    const ngx_llm_candidate_t *b);


ngx_uint_t
ngx_llm_pick_least_load(ngx_llm_candidate_t *c, ngx_uint_t n)
{
    ngx_uint_t  i, best;

    best = 0;

    for (i = 1; i < n; i++) {
        if (ngx_llm_pick_lighter(&c[i], &c[best])) {
            best = i;
        }
    }

    return best;
}


ngx_uint_t
ngx_llm_pick_round_robin(ngx_llm_candidate_t *c, ngx_uint_t n)
{
    uint64_t    first;
    ngx_uint_t  i, best;

    first = 0;

    for (i = 0; i < n; i++) {
        first = ngx_max(first, c[i].turn);
    }

    best = 0;

    for (i = 0; i < n; i++) {

        if (c[i].turn + NGX_LLM_PICK_TURN < first) {
            c[i].turn = first - NGX_LLM_PICK_TURN;
        }

        if (c[i].turn != c[best].turn) {
            if (c[i].turn < c[best].turn) {
                best = i;
            }

            continue;
        }

        if (c[i].stamp < c[best].stamp) {
            best = i;
        }
    }

    return best;
}


void
ngx_llm_pick_two(uint64_t *state, uint32_t n, uint32_t two[2])
{
    uint64_t  x;

    x = *state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;

    *state = x;

    two[0] = ((x & 0xffffffff) * n) >> 32;
    two[1] = ((x >> 32) * (n - 1)) >> 32;

    if (two[1] >= two[0]) {
        two[1]++;
    }
}


/* a / b < c / d without a division: a * d < c * b */

static ngx_inline ngx_int_t
ngx_llm_pick_lighter(const ngx_llm_candidate_t *a,
    const ngx_llm_candidate_t *b)
{
    uint64_t  x, y;

    x = (uint64_t) a->waiting * b->weight;
    y = (uint64_t) b->waiting * a->weight;

    if (x != y) {
        return x < y;
    }

    x = (uint64_t) a->in_flight * b->weight;
    y = (uint64_t) b->in_flight * a->weight;

    if (x != y) {
        return x < y;
    }

    return a->stamp < b->stamp;
}
