
/*
 * Memory of one kind that a worker's requests take by turns: what was given
 * back last is taken first, as it is still near the processor.
 */


#ifndef _NGX_HTTP_LLM_SPARE_H_INCLUDED_
#define _NGX_HTTP_LLM_SPARE_H_INCLUDED_


#include "ngx_http_llm.h"


/* size bytes, which must be the same for all of its kind; NULL: no memory */

static ngx_inline void *
ngx_http_llm_spare_take(ngx_http_llm_spare_t *spare, size_t size,
    ngx_log_t *log)
{
    return spare->n ? spare->kept[--spare->n] : ngx_alloc(size, log);
}


/* p is no more the caller's: it is kept for the next one, or freed */

static ngx_inline void
ngx_http_llm_spare_give(ngx_http_llm_spare_t *spare, void *p)
{
    if (spare->n != NGX_HTTP_LLM_SPARE) {
        spare->kept[spare->n++] = p;
        return;
    }

    ngx_free(p);
}


#endif /* _NGX_HTTP_LLM_SPARE_H_INCLUDED_ */
