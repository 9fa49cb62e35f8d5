
/*
 * A snapshot on its way into the zone: which rows are as they must be, and is
 * there room for them?  A row that is not is null from then on.
 */


#ifndef _NGX_LLM_SNAPSHOT_CHECK_H_INCLUDED_
#define _NGX_LLM_SNAPSHOT_CHECK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_snapshot.h"
#include "ngx_llm_snapshot_in.h"


typedef struct {
    ngx_llm_zone_t             *zone;
    const ngx_llm_snapshot_source_t  *source;
    json_t                     *root;
    json_t                     *totals;         /* these may be NULL: none */
    json_t                     *nodes;
    json_t                     *keys;
    json_t                     *static_nodes;
    json_t                     *static_keys;
    size_t                      new_nodes;      /* to the zone */
    size_t                      new_keys;
    ngx_llm_in_t                in;
    ngx_llm_snapshot_result_t  *result;
} ngx_llm_snapshot_reader_t;


/*
 * Looks at every row, and touches nothing in the zone.  NGX_ERROR: no memory;
 * NGX_ABORT: no room; it was told.
 */
ngx_int_t ngx_llm_snapshot_check(ngx_llm_snapshot_reader_t *r);

/*
 * Reads a row of nodes, and what becomes of it.  row->models is to be freed
 * in any case.  NGX_ERROR: r->in tells.
 */
ngx_int_t ngx_llm_snapshot_node(ngx_llm_snapshot_reader_t *r,
    const json_t *json, ngx_llm_row_node_t *row, ngx_llm_node_conf_t *conf);

/* Tells in the result what is wrong with all of it; NGX_ERROR. */
ngx_int_t ngx_llm_snapshot_bad(ngx_llm_snapshot_reader_t *r,
    const char *fmt, ...);


#endif /* _NGX_LLM_SNAPSHOT_CHECK_H_INCLUDED_ */
