
/*
 * Pages of the history out of Redis, newest first.  The index is read from
 * its end, some blocks at a time, and compared here; the records that fit are
 * fetched then.  See ngx_llm_flush.h for what stands where.
 */


#ifndef _NGX_LLM_QUERY_H_INCLUDED_
#define _NGX_LLM_QUERY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_record.h"
#include "ngx_llm_redis.h"


#define NGX_LLM_QUERY_ROWS  1000


typedef struct {
    uint64_t                ms;         /* of the stream's id */
    uint32_t                sequence;
    uint64_t                place;      /* in the index */
} ngx_llm_query_found_t;


typedef struct ngx_llm_query_s  ngx_llm_query_t;

struct ngx_llm_query_s {

    /* what is asked; its texts must stay */

    ngx_llm_record_filter_t  filter;
    ngx_uint_t              limit;      /* rows, up to NGX_LLM_QUERY_ROWS */
    uint64_t                before;     /* a place; 0: from the newest on */
    void                  (*done)(ngx_llm_query_t *query);
    void                   *data;

    /* what was found */

    const char             *error;      /* why there is nothing, or NULL */
    uint64_t                total;      /* records there are, of any kind */
    uint64_t                next;       /* before, for the next page; 0: none */
    ngx_uint_t              nrows;
    u_char                 *text;       /* malloc()ed: rows side by side */
    size_t                  rows[NGX_LLM_QUERY_ROWS + 1];   /* where they begin,
                                                               and the end */

    /* its own */

    ngx_queue_t             queue;
    size_t                  size;
    uint64_t                low;        /* the first place in the index */
    uint64_t                at;         /* all from here on was looked at */
    ngx_uint_t              blocks;     /* that were asked for */
    ngx_uint_t              nfound;
    ngx_uint_t              replies;    /* to come */
    uint32_t               *models;     /* hashes, sorted; malloc()ed */
    ngx_uint_t              nmodels;
    char                    why[128];
    unsigned                end:1;      /* nothing older fits */
    ngx_llm_query_found_t   found[NGX_LLM_QUERY_ROWS];
};


/* In each worker.  redis may be NULL: then all queries fail. */
void ngx_llm_query_start(ngx_cycle_t *cycle, const ngx_llm_redis_conf_t *redis);

/* At exit: queries under way are forgotten. */
void ngx_llm_query_stop(void);

/*
 * Begins it.  done() follows, never out of this call.  The fields up to data
 * are set, the others zero or as ngx_llm_query_free() left them.
 */
void ngx_llm_query(ngx_llm_query_t *query);

/* Frees what a query found, so that it may be asked again. */
void ngx_llm_query_free(ngx_llm_query_t *query);


#endif /* _NGX_LLM_QUERY_H_INCLUDED_ */
