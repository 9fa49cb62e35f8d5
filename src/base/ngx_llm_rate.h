
/*
 * A rate limit in one number: the generic cell rate algorithm.  The number
 * is the time at which all that was taken will have been paid back; a minute
 * of it may be taken at once.  Pure: the time is passed in, the caller swaps
 * the number (several workers share one).
 */


#ifndef _NGX_LLM_RATE_H_INCLUDED_
#define _NGX_LLM_RATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_LLM_RATE_MAX     10000000000LL
#define NGX_LLM_RATE_WINDOW  60000000        /* a minute, in us */


typedef struct {
    ngx_uint_t  ok;         /* it may be taken, and due is the new number */
    uint64_t    due;
    uint64_t    remaining;  /* what may still be taken */
    uint64_t    reset;      /* us until all of it may be taken again */
    uint64_t    wait;       /* us until as much may be taken, when not ok */
} ngx_llm_rate_t;


/*
 * Take n of limit a minute at the time now (us); due is the number so far.
 * n over the limit is treated as the limit, so that it passes when nothing
 * else was taken.  limit is from 1 to NGX_LLM_RATE_MAX; one up to 7745 is
 * exact, of a larger one each n may cost up to 1 us too much.
 */
void ngx_llm_rate_take(ngx_llm_rate_t *rate, uint64_t due, uint64_t limit,
    uint64_t n, uint64_t now);

/*
 * The number after n more (or fewer) turned out to have been taken: never
 * refused, it delays who comes next.  At most ten minutes of debt are kept.
 */
uint64_t ngx_llm_rate_settle(uint64_t due, uint64_t limit, int64_t n,
    uint64_t now);


#endif /* _NGX_LLM_RATE_H_INCLUDED_ */
