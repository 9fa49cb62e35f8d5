
/*
 * How it went, in shared memory: each minute of the last 24 hours for all
 * requests, each ten minutes for the models and nodes there were, up to a
 * number.  Counted with atomic additions, without a lock.
 *
 * A minute's place is cleared for its next use by one worker, a minute ahead
 * (ngx_llm_stats_tick).  Where nobody did, as after a machine slept, the first
 * one to count does; who counts meanwhile is not counted.
 */


#ifndef _NGX_LLM_STATS_H_INCLUDED_
#define _NGX_LLM_STATS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_histogram.h"
#include "ngx_llm_record.h"


#define NGX_LLM_STATS_MINUTES   1440
#define NGX_LLM_STATS_STEPS     144     /* of a subject */
#define NGX_LLM_STATS_STEP      600     /* s */
#define NGX_LLM_STATS_SUBJECTS  128     /* of a kind */


/* what is counted, in the order of the table's columns */

typedef struct {
    ngx_atomic_t        requests;
    ngx_atomic_t        errors;
    ngx_atomic_t        cancelled;
    ngx_atomic_t        prompt_tokens;
    ngx_atomic_t        completion_tokens;
} ngx_llm_counts_t;


typedef struct {
    ngx_atomic_t        when;       /* minutes since 1970; 0: never used */
    ngx_llm_counts_t    counts;
    ngx_atomic_t        in_flight;  /* the most there were */
    ngx_atomic_t        queued;
    ngx_atomic_t        ttft[NGX_LLM_BUCKETS];
    ngx_atomic_t        duration[NGX_LLM_BUCKETS];
} ngx_llm_minute_t;


typedef struct {
    ngx_atomic_t        when;       /* steps since 1970 */
    ngx_llm_counts_t    counts;
    ngx_atomic_t        ttft;       /* ms, of those that had one */
    ngx_atomic_t        ttfts;      /* how many had */
    ngx_atomic_t        duration;   /* ms */
} ngx_llm_step_t;


/* a model or node */

typedef struct {
    ngx_atomic_t        use;        /* 0: free; 1: being taken; 2: used */
    uint64_t            id;         /* of a node; of a model its hash */
    ngx_atomic_t        last;       /* step in which it was last counted */
    size_t              len;
    u_char              name[NGX_LLM_MODEL_NAME];   /* or of the node */
    ngx_llm_step_t      steps[NGX_LLM_STATS_STEPS];
} ngx_llm_subject_t;


typedef struct {
    ngx_atomic_t        others;     /* requests of what found no place */
    ngx_llm_minute_t    minutes[NGX_LLM_STATS_MINUTES];
    ngx_llm_subject_t   models[NGX_LLM_STATS_SUBJECTS];
    ngx_llm_subject_t   nodes[NGX_LLM_STATS_SUBJECTS];
} ngx_llm_stats_t;


/* sums over a time, as plain numbers */

typedef struct {
    uint64_t            requests;
    uint64_t            errors;
    uint64_t            cancelled;
    uint64_t            prompt_tokens;
    uint64_t            completion_tokens;
    uint64_t            in_flight;  /* the most */
    uint64_t            queued;
    uint64_t            ttft[NGX_LLM_BUCKETS];
    uint64_t            duration[NGX_LLM_BUCKETS];
} ngx_llm_sum_t;

typedef struct {
    uint64_t            requests;
    uint64_t            errors;
    uint64_t            cancelled;
    uint64_t            prompt_tokens;
    uint64_t            completion_tokens;
    uint64_t            ttft;       /* ms in all, of so many */
    uint64_t            ttfts;
    uint64_t            duration;   /* ms in all */
} ngx_llm_subject_sum_t;


/* Makes them in a new zone, all 0.  NULL: it is too small. */
ngx_llm_stats_t *ngx_llm_stats_create(ngx_slab_pool_t *shpool);

/* Counts a request that ended now, s since 1970.  No lock. */
void ngx_llm_stats_count(ngx_llm_stats_t *stats,
    const ngx_llm_record_t *record, time_t now);

/*
 * By one worker, several times a minute: notes how many there are just now,
 * and clears the next minute's place.
 */
void ngx_llm_stats_tick(ngx_llm_stats_t *stats, time_t now,
    ngx_uint_t in_flight, ngx_uint_t queued);

/* Adds the minutes first to last, since 1970, to sum. */
void ngx_llm_stats_sum(ngx_llm_stats_t *stats, ngx_uint_t first,
    ngx_uint_t last, ngx_llm_sum_t *sum);

/* Adds a subject's steps first to last, since 1970, to sum. */
void ngx_llm_stats_subject(const ngx_llm_subject_t *subject,
    ngx_uint_t first, ngx_uint_t last, ngx_llm_subject_sum_t *sum);

/* Is there a subject in this place? */
#define ngx_llm_stats_used(subject)  ((subject)->use == 2)

/* The subject of this name (a model) or id (a node; name NULL), or NULL. */
const ngx_llm_subject_t *ngx_llm_stats_model(ngx_llm_stats_t *stats,
    const ngx_str_t *name);
const ngx_llm_subject_t *ngx_llm_stats_node(ngx_llm_stats_t *stats,
    uint64_t id);


#endif /* _NGX_LLM_STATS_H_INCLUDED_ */
