
/*
 * Choose one of some candidates by their numbers.  Pure functions: no shared
 * memory, no clock; the caller reads the numbers and reserves what was chosen.
 */


#ifndef _NGX_LLM_PICK_H_INCLUDED_
#define _NGX_LLM_PICK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* more candidates than this are sampled: two by chance */
#define NGX_LLM_PICK_ALL  64


typedef struct {
    uint32_t    node;       /* what the caller calls it */
    uint32_t    weight;     /* 1 or more */
    uint32_t    waiting;    /* requests that wait for their first token */
    uint32_t    in_flight;  /* requests in all */
    uint64_t    stamp;      /* when it was last chosen, in choices */
    uint64_t    turn;       /* its weighted count of turns */
} ngx_llm_candidate_t;


/* Returns the index of the chosen one; n is 1 or more. */
typedef ngx_uint_t (*ngx_llm_pick_pt)(ngx_llm_candidate_t *c, ngx_uint_t n);


/*
 * The fewest waiting for their first token by weight, then the fewest in
 * flight by weight, then the one that was chosen longest ago.
 */
ngx_uint_t ngx_llm_pick_least_load(ngx_llm_candidate_t *c, ngx_uint_t n);

/*
 * The one with the fewest turns, then the one that was chosen longest ago.
 * A turn that lags by more than one behind the foremost is raised in c, so
 * that a node that stayed away is not given at once what it missed.  The
 * caller adds NGX_LLM_PICK_TURN / weight to the turn of what was chosen.
 */
ngx_uint_t ngx_llm_pick_round_robin(ngx_llm_candidate_t *c, ngx_uint_t n);

#define NGX_LLM_PICK_TURN  (1 << 20)

/*
 * Draws two different numbers below n (n is 2 or more) from a state of 64
 * bits that is not 0: the power of two choices.
 */
void ngx_llm_pick_two(uint64_t *state, uint32_t n, uint32_t two[2]);


#endif /* _NGX_LLM_PICK_H_INCLUDED_ */
