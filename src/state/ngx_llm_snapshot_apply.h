
#ifndef _NGX_LLM_SNAPSHOT_APPLY_H_INCLUDED_
#define _NGX_LLM_SNAPSHOT_APPLY_H_INCLUDED_


#include "ngx_llm_snapshot_check.h"


/*
 * Nodes and keys that are not in the zone yet, and all totals.  What finds no
 * room is counted in the result.  The mutex is held.
 */
void ngx_llm_snapshot_apply_locked(ngx_llm_snapshot_reader_t *r);


#endif /* _NGX_LLM_SNAPSHOT_APPLY_H_INCLUDED_ */
