
/* What tests see of a table's chains. */


#ifndef _NGX_LLM_TEST_CHAIN_H_INCLUDED_
#define _NGX_LLM_TEST_CHAIN_H_INCLUDED_


#include "../../src/state/ngx_llm_chain.h"
#include "shm.h"


/* places in all chains of a table of max places */

static ngx_uint_t
chain_linked(const ngx_llm_chain_t *chain, ngx_uint_t max)
{
    uint32_t    b, k;
    ngx_uint_t  n;

    n = 0;

    for (b = 0; b <= chain->mask; b++) {
        for (k = chain->head[b]; k; k = chain->next[k - 1]) {

            if (++n > max) {
                shm_die("a chain has no end");
            }
        }
    }

    return n;
}


#endif /* _NGX_LLM_TEST_CHAIN_H_INCLUDED_ */
