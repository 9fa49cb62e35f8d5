
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_stats.h"
#include "ngx_llm_text.h"


typedef enum {
    NGX_LLM_SUBJECT_FREE = 0,
    NGX_LLM_SUBJECT_TAKEN,
    NGX_LLM_SUBJECT_USED
} ngx_llm_subject_use_e;


/* a place while it is being cleared */
#define NGX_LLM_STATS_CLEARING  ((ngx_atomic_uint_t) -1)


static ngx_uint_t ngx_llm_stats_fresh(ngx_atomic_t *when,
    ngx_atomic_uint_t now, void *rest, size_t size);
static void ngx_llm_stats_add(ngx_llm_counts_t *counts,
    const ngx_llm_record_t *record);
static void ngx_llm_stats_most(ngx_atomic_t *most, ngx_uint_t n);
static void ngx_llm_stats_count_subject(ngx_llm_stats_t *stats,
    ngx_llm_subject_t *table, uint64_t id, const ngx_str_t *name,
    const ngx_llm_record_t *record, ngx_uint_t step);
static ngx_llm_subject_t *ngx_llm_stats_find(ngx_llm_subject_t *table,
    uint64_t id, const ngx_str_t *name);
static ngx_llm_subject_t *ngx_llm_stats_take(ngx_llm_subject_t *table,
    uint64_t id, const ngx_str_t *name, ngx_uint_t step);

#define ngx_llm_stats_hash(name)  ngx_murmur_hash2((name)->data, (name)->len)

#define ngx_llm_stats_clear(place, now)                                       \
    ngx_llm_stats_fresh(&(place)->when, now, &(place)->counts,                \
                        sizeof(*(place)) - offsetof(__typeof__(*(place)),     \
                                                    counts))


ngx_llm_stats_t *
ngx_llm_stats_create(ngx_slab_pool_t *shpool)
{
    return ngx_slab_calloc(shpool, sizeof(ngx_llm_stats_t));
}


void
ngx_llm_stats_count(ngx_llm_stats_t *stats, const ngx_llm_record_t *record,
    time_t now)
{
    ngx_str_t          name;
    ngx_uint_t         n, step;
    ngx_llm_minute_t  *minute;

    n = (ngx_uint_t) now / 60;
    minute = &stats->minutes[n % NGX_LLM_STATS_MINUTES];

    if (ngx_llm_stats_clear(minute, n)) {
        ngx_llm_stats_add(&minute->counts, record);

        (void) ngx_atomic_fetch_add(
                        &minute->duration[ngx_llm_bucket(record->duration)], 1);

        if (record->ttft >= 0) {
            (void) ngx_atomic_fetch_add(
                                &minute->ttft[ngx_llm_bucket(record->ttft)], 1);
        }
    }

    /* a model that no node has is whatever a client may say */

    if (record->node_id == 0) {
        return;
    }

    step = n / (NGX_LLM_STATS_STEP / 60);

    /* as ngx_llm_record_text(): each request comes here */

    name.data = (u_char *) record->text + record->len[NGX_LLM_RECORD_ID]
                + record->len[NGX_LLM_RECORD_ENDPOINT];
    name.len = record->len[NGX_LLM_RECORD_MODEL];

    ngx_llm_stats_count_subject(stats, stats->models,
                                ngx_llm_stats_hash(&name), &name, record, step);

    name.data += name.len + record->len[NGX_LLM_RECORD_REQUESTED];
    name.len = record->len[NGX_LLM_RECORD_NODE];

    ngx_llm_stats_count_subject(stats, stats->nodes, record->node_id, &name,
                                record, step);
}


/*
 * Is this place of now?  One that is of an earlier time is cleared, and is so
 * then; not so for those who come while it is.
 */

static ngx_uint_t
ngx_llm_stats_fresh(ngx_atomic_t *when, ngx_atomic_uint_t now, void *rest,
    size_t size)
{
    ngx_atomic_uint_t  old;

    old = *when;

    if (old == now) {
        return 1;
    }

    /* one of a later day is of a clock that was wrong then */

    if (old == NGX_LLM_STATS_CLEARING
        || !ngx_atomic_cmp_set(when, old, NGX_LLM_STATS_CLEARING))
    {
        return 0;
    }

    ngx_memzero(rest, size);

    ngx_memory_barrier();

    *when = now;

    return 1;
}


static void
ngx_llm_stats_add(ngx_llm_counts_t *counts, const ngx_llm_record_t *record)
{
    (void) ngx_atomic_fetch_add(&counts->requests, 1);

    if (record->status == NGX_LLM_RECORD_ERROR) {
        (void) ngx_atomic_fetch_add(&counts->errors, 1);
    }

    if (record->status == NGX_LLM_RECORD_CANCELLED) {
        (void) ngx_atomic_fetch_add(&counts->cancelled, 1);
    }

    if (record->prompt_tokens > 0) {
        (void) ngx_atomic_fetch_add(&counts->prompt_tokens,
                                    record->prompt_tokens);
    }

    if (record->completion_tokens > 0) {
        (void) ngx_atomic_fetch_add(&counts->completion_tokens,
                                    record->completion_tokens);
    }
}


static void
ngx_llm_stats_count_subject(ngx_llm_stats_t *stats, ngx_llm_subject_t *table,
    uint64_t id, const ngx_str_t *name, const ngx_llm_record_t *record,
    ngx_uint_t step)
{
    ngx_llm_step_t     *s;
    ngx_llm_subject_t  *subject;

    subject = ngx_llm_stats_find(table, id, name);

    if (subject == NULL) {
        subject = ngx_llm_stats_take(table, id, name, step);
    }

    if (subject == NULL) {
        (void) ngx_atomic_fetch_add(&stats->others, 1);
        return;
    }

    subject->last = step;

    s = &subject->steps[step % NGX_LLM_STATS_STEPS];

    if (!ngx_llm_stats_clear(s, step)) {
        return;
    }

    ngx_llm_stats_add(&s->counts, record);

    (void) ngx_atomic_fetch_add(&s->duration, record->duration);

    if (record->ttft >= 0) {
        (void) ngx_atomic_fetch_add(&s->ttft, record->ttft);
        (void) ngx_atomic_fetch_add(&s->ttfts, 1);
    }
}


/* from the place of its hash on; a free one ends the search */

static ngx_llm_subject_t *
ngx_llm_stats_find(ngx_llm_subject_t *table, uint64_t id,
    const ngx_str_t *name)
{
    ngx_uint_t          i, n;
    ngx_llm_subject_t  *subject;

    i = id % NGX_LLM_STATS_SUBJECTS;

    for (n = 0; n < NGX_LLM_STATS_SUBJECTS; n++) {
        subject = &table[i];

        if (subject->use == NGX_LLM_SUBJECT_FREE) {
            return NULL;
        }

        if (subject->use == NGX_LLM_SUBJECT_USED
            && subject->id == id
            && (name == NULL
                || (subject->len == name->len
                    && ngx_llm_equal(subject->name, name->data, name->len))))
        {
            return subject;
        }

        i = (i + 1) % NGX_LLM_STATS_SUBJECTS;
    }

    return NULL;
}


/*
 * A free place, or one that nothing was counted for in 24 hours.  Two workers
 * may each take one for the same: the first is found from then on, and the sums
 * lack what the other counted once.
 */

static ngx_llm_subject_t *
ngx_llm_stats_take(ngx_llm_subject_t *table, uint64_t id,
    const ngx_str_t *name, ngx_uint_t step)
{
    ngx_uint_t          i, n;
    ngx_atomic_uint_t   use;
    ngx_llm_subject_t  *subject;

    if (name->len == 0 || name->len > NGX_LLM_MODEL_NAME) {
        return NULL;
    }

    i = id % NGX_LLM_STATS_SUBJECTS;

    for (n = 0; n < NGX_LLM_STATS_SUBJECTS; n++) {
        subject = &table[i];
        use = subject->use;

        if ((use == NGX_LLM_SUBJECT_FREE
             || (use == NGX_LLM_SUBJECT_USED
                 && subject->last + NGX_LLM_STATS_STEPS < step))
            && ngx_atomic_cmp_set(&subject->use, use, NGX_LLM_SUBJECT_TAKEN))
        {
            subject->id = id;
            subject->len = name->len;
            ngx_memcpy(subject->name, name->data, name->len);
            ngx_memzero(subject->steps, sizeof(subject->steps));
            subject->last = step;

            ngx_memory_barrier();

            subject->use = NGX_LLM_SUBJECT_USED;

            return subject;
        }

        i = (i + 1) % NGX_LLM_STATS_SUBJECTS;
    }

    return NULL;
}


void
ngx_llm_stats_tick(ngx_llm_stats_t *stats, time_t now, ngx_uint_t in_flight,
    ngx_uint_t queued)
{
    ngx_llm_minute_t  *minute;

    minute = &stats->minutes[now / 60 % NGX_LLM_STATS_MINUTES];

    if (ngx_llm_stats_clear(minute, now / 60)) {
        ngx_llm_stats_most(&minute->in_flight, in_flight);
        ngx_llm_stats_most(&minute->queued, queued);
    }

    minute = &stats->minutes[(now / 60 + 1) % NGX_LLM_STATS_MINUTES];

    /* who was at it has died, or will clear it twice */

    (void) ngx_atomic_cmp_set(&minute->when, NGX_LLM_STATS_CLEARING, 0);

    (void) ngx_llm_stats_clear(minute, now / 60 + 1);
}


/* one worker only writes it */

static void
ngx_llm_stats_most(ngx_atomic_t *most, ngx_uint_t n)
{
    if (n > *most) {
        *most = n;
    }
}


void
ngx_llm_stats_sum(ngx_llm_stats_t *stats, ngx_uint_t first, ngx_uint_t last,
    ngx_llm_sum_t *sum)
{
    ngx_uint_t         m, i;
    ngx_llm_minute_t  *minute;

    for (m = first; m <= last; m++) {
        minute = &stats->minutes[m % NGX_LLM_STATS_MINUTES];

        if (minute->when != m) {
            continue;
        }

        sum->requests += minute->counts.requests;
        sum->errors += minute->counts.errors;
        sum->cancelled += minute->counts.cancelled;
        sum->prompt_tokens += minute->counts.prompt_tokens;
        sum->completion_tokens += minute->counts.completion_tokens;
        sum->in_flight = ngx_max(sum->in_flight, minute->in_flight);
        sum->queued = ngx_max(sum->queued, minute->queued);

        for (i = 0; i < NGX_LLM_BUCKETS; i++) {
            sum->ttft[i] += minute->ttft[i];
            sum->duration[i] += minute->duration[i];
        }
    }
}


void
ngx_llm_stats_subject(const ngx_llm_subject_t *subject, ngx_uint_t first,
    ngx_uint_t last, ngx_llm_subject_sum_t *sum)
{
    ngx_uint_t             i;
    const ngx_llm_step_t  *step;

    for (i = first; i <= last; i++) {
        step = &subject->steps[i % NGX_LLM_STATS_STEPS];

        if (step->when != i) {
            continue;
        }

        sum->requests += step->counts.requests;
        sum->errors += step->counts.errors;
        sum->cancelled += step->counts.cancelled;
        sum->prompt_tokens += step->counts.prompt_tokens;
        sum->completion_tokens += step->counts.completion_tokens;
        sum->ttft += step->ttft;
        sum->ttfts += step->ttfts;
        sum->duration += step->duration;
    }
}


const ngx_llm_subject_t *
ngx_llm_stats_model(ngx_llm_stats_t *stats, const ngx_str_t *name)
{
    return ngx_llm_stats_find(stats->models, ngx_llm_stats_hash(name), name);
}


const ngx_llm_subject_t *
ngx_llm_stats_node(ngx_llm_stats_t *stats, uint64_t id)
{
    return ngx_llm_stats_find(stats->nodes, id, NULL);
}
