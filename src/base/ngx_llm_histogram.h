
/*
 * How long things took, counted in buckets of growing width: four to each
 * doubling, so that a bucket is at most a quarter of its value wide, from 0 ms
 * to more than an hour.  Pure.
 */


#ifndef _NGX_LLM_HISTOGRAM_H_INCLUDED_
#define _NGX_LLM_HISTOGRAM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* the last one takes all from 3,670,016 ms on */
#define NGX_LLM_BUCKETS  84


/* The bucket of ms milliseconds. */
static ngx_inline ngx_uint_t ngx_llm_bucket(uint64_t ms);

/* The first ms of a bucket; of the one after the last: its end. */
uint64_t ngx_llm_bucket_start(ngx_uint_t bucket);

/*
 * The ms that permille of 1000 of all counts are below, taken to be spread
 * evenly in their bucket; -1: nothing was counted.
 */
int64_t ngx_llm_quantile(const uint64_t *counts, ngx_uint_t permille);


static ngx_inline ngx_uint_t
ngx_llm_bucket(uint64_t ms)
{
    ngx_uint_t  log, bucket;

    if (ms < 4) {
        return ms;
    }

    log = 63 - __builtin_clzll(ms);

    bucket = 4 * (log - 1) + ((ms >> (log - 2)) & 3);

    return ngx_min(bucket, NGX_LLM_BUCKETS - 1);
}


#endif /* _NGX_LLM_HISTOGRAM_H_INCLUDED_ */
