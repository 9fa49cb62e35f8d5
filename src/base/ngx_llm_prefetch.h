
/*
 * Memory that is asked for before it is used, so that nobody waits for it.
 */


#ifndef _NGX_LLM_PREFETCH_H_INCLUDED_
#define _NGX_LLM_PREFETCH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Has the processor fetch the line at p, which is read or written soon.  What
 * is made of it is a macro, too: GCC drops calls of a function that only
 * fetches, as one without effect.
 */
#if (__GNUC__)
#define ngx_llm_prefetch(p)  __builtin_prefetch((const void *) (p))
#else
#define ngx_llm_prefetch(p)
#endif


#endif /* _NGX_LLM_PREFETCH_H_INCLUDED_ */
