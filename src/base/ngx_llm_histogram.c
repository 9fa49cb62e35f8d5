
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_histogram.h"


uint64_t
ngx_llm_bucket_start(ngx_uint_t bucket)
{
    if (bucket < 4) {
        return bucket;
    }

    return (uint64_t) (4 + bucket % 4) << (bucket / 4 - 1);
}


int64_t
ngx_llm_quantile(const uint64_t *counts, ngx_uint_t permille)
{
    uint64_t    all, rank, below, start, end;
    ngx_uint_t  i;

    all = 0;

    for (i = 0; i < NGX_LLM_BUCKETS; i++) {
        all += counts[i];
    }

    if (all == 0) {
        return -1;
    }

    /* the one that is meant, from 1 */

    rank = (all * permille + 999) / 1000;
    rank = ngx_max(rank, 1);

    below = 0;

    for (i = 0; below + counts[i] < rank; i++) {
        below += counts[i];
    }

    start = ngx_llm_bucket_start(i);
    end = ngx_llm_bucket_start(i + 1);

    /* the middle of its share of the bucket */

    return start + (end - start) * (2 * (rank - below) - 1) / (2 * counts[i]);
}
