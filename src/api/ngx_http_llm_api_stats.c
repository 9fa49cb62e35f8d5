
#include "ngx_http_llm_api_input.h"
#include "ngx_http_llm_api_stats.h"
#include "ngx_llm_time.h"


#define NGX_HTTP_LLM_API_DAY       86400
#define NGX_HTTP_LLM_API_SUBJECTS  100


/* a subject and its sums, to be sorted */

typedef struct {
    const ngx_llm_subject_t  *subject;
    ngx_llm_subject_sum_t     sum;
} ngx_http_llm_api_subject_t;


/* a series that is being made: one array a column */

typedef struct {
    ngx_uint_t              first;      /* in steps since 1970 */
    ngx_uint_t              last;
    ngx_uint_t              step;       /* s */
    const ngx_llm_subject_t  *subject;  /* NULL: all */
    unsigned                of_subject:1;
} ngx_http_llm_api_series_t;


static json_t *ngx_http_llm_api_stats_time(void);
static json_t *ngx_http_llm_api_stats_totals(ngx_llm_zone_t *zone);
static json_t *ngx_http_llm_api_stats_now(ngx_llm_zone_t *zone);
static json_t *ngx_http_llm_api_stats_minute(ngx_llm_stats_t *stats);
static json_t *ngx_http_llm_api_stats_day(ngx_llm_stats_t *stats);
static json_t *ngx_http_llm_api_stats_quantiles(const uint64_t *counts);
static json_t *ngx_http_llm_api_stats_subjects(
    const ngx_llm_subject_t *table, ngx_uint_t nodes);
static int ngx_libc_cdecl ngx_http_llm_api_stats_order(const void *one,
    const void *two);
static json_t *ngx_http_llm_api_stats_subject(
    const ngx_http_llm_api_subject_t *s, ngx_uint_t node);
static json_t *ngx_http_llm_api_stats_mean(uint64_t sum, uint64_t n);
static json_t *ngx_http_llm_api_stats_history(ngx_llm_history_t *history);

static ngx_int_t ngx_http_llm_api_series_args(ngx_http_llm_api_t *api,
    ngx_http_llm_api_series_t *series);
static ngx_int_t ngx_http_llm_api_series_arg(ngx_http_llm_api_t *api,
    const char *name, ngx_uint_t unit, ngx_uint_t max, ngx_uint_t *value);
static ngx_int_t ngx_http_llm_api_series_subject(ngx_http_llm_api_t *api,
    ngx_http_llm_api_series_t *series);
static json_t *ngx_http_llm_api_series_all(
    const ngx_http_llm_api_series_t *series);
static json_t *ngx_http_llm_api_series_one(
    const ngx_http_llm_api_series_t *series);
static void ngx_http_llm_api_series_add(json_t *json, const char *name,
    int64_t n);


void
ngx_http_llm_api_stats(ngx_http_llm_api_t *api)
{
    ngx_llm_zone_t     *zone;
    ngx_llm_stats_t    *stats;
    ngx_llm_history_t  *history;

    zone = ngx_http_llm_worker.zone;
    history = ngx_http_llm_worker.history;
    stats = history->stats;

    ngx_http_llm_api_reply(api, NGX_HTTP_OK,
        json_pack("{s:o,s:s,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o}",
                  "time", ngx_http_llm_api_stats_time(),
                  "version", NGX_HTTP_LLM_VERSION,
                  "uptime_s", (json_int_t) (ngx_time() - history->started),
                  "totals", ngx_http_llm_api_stats_totals(zone),
                  "now", ngx_http_llm_api_stats_now(zone),
                  "last_minute", ngx_http_llm_api_stats_minute(stats),
                  "day", ngx_http_llm_api_stats_day(stats),
                  "models", ngx_http_llm_api_stats_subjects(stats->models, 0),
                  "nodes", ngx_http_llm_api_stats_subjects(stats->nodes, 1),
                  "history", ngx_http_llm_api_stats_history(history)));
}


json_t *
ngx_http_llm_api_stats_live(void)
{
    ngx_llm_zone_t     *zone;
    ngx_llm_history_t  *history;

    zone = ngx_http_llm_worker.zone;
    history = ngx_http_llm_worker.history;

    return json_pack("{s:o,s:o,s:o,s:o,s:o}",
                     "time", ngx_http_llm_api_stats_time(),
                     "totals", ngx_http_llm_api_stats_totals(zone),
                     "now", ngx_http_llm_api_stats_now(zone),
                     "last_minute",
                     ngx_http_llm_api_stats_minute(history->stats),
                     "history", ngx_http_llm_api_stats_history(history));
}


static json_t *
ngx_http_llm_api_stats_time(void)
{
    u_char       text[NGX_LLM_TIME_LEN], *p;
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    p = ngx_llm_time_text(text, (uint64_t) tp->sec * 1000 + tp->msec);

    return json_stringn((char *) text, p - text);
}


static json_t *
ngx_http_llm_api_stats_totals(ngx_llm_zone_t *zone)
{
    ngx_llm_totals_t  *t;

    t = &zone->totals;

    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}",
                     "requests", (json_int_t) t->requests,
                     "errors", (json_int_t) t->errors,
                     "cancelled", (json_int_t) t->cancelled,
                     "failovers", (json_int_t) t->failovers,
                     "queued", (json_int_t) t->queued,
                     "prompt_tokens", (json_int_t) t->prompt_tokens,
                     "completion_tokens", (json_int_t) t->completion_tokens);
}


static json_t *
ngx_http_llm_api_stats_now(ngx_llm_zone_t *zone)
{
    uint32_t    i;
    ngx_uint_t  total, online;

    total = 0;
    online = 0;

    for (i = 0; i < zone->nodes->used; i++) {

        if (zone->nodes->node[i].use == NGX_LLM_NODE_USED) {
            total++;
            online += (ngx_llm_node_state(&zone->nodes->node[i],
                                          ngx_current_msec)
                       == NGX_LLM_STATE_ONLINE);
        }
    }

    return json_pack("{s:I,s:I,s:{s:I,s:I}}",
                     "in_flight",
                     (json_int_t) ngx_llm_limits_sum(zone->limits, 0,
                                                     NGX_LLM_ZONE_GROUPS),
                     "queued", (json_int_t) zone->queue->n,
                     "nodes", "total", (json_int_t) total, "online",
                     (json_int_t) online);
}


/* the present minute and the one before, by the seconds they have */

static json_t *
ngx_http_llm_api_stats_minute(ngx_llm_stats_t *stats)
{
    double         seconds;
    ngx_uint_t     now;
    ngx_llm_sum_t  sum;

    ngx_memzero(&sum, sizeof(ngx_llm_sum_t));

    now = ngx_time() / 60;
    seconds = 60 + ngx_time() % 60;

    ngx_llm_stats_sum(stats, now - 1, now, &sum);

    return json_pack("{s:f,s:f,s:f,s:o,s:o}",
                     "requests_per_s", (double) sum.requests / seconds,
                     "tokens_per_s", (double) sum.completion_tokens / seconds,
                     "error_rate", sum.requests ? (double) sum.errors
                                                  / (double) sum.requests : 0.0,
                     "ttft_ms", ngx_http_llm_api_stats_quantiles(sum.ttft),
                     "duration_ms",
                     ngx_http_llm_api_stats_quantiles(sum.duration));
}


static json_t *
ngx_http_llm_api_stats_day(ngx_llm_stats_t *stats)
{
    ngx_uint_t     now;
    ngx_llm_sum_t  sum;

    ngx_memzero(&sum, sizeof(ngx_llm_sum_t));

    now = ngx_time() / 60;

    ngx_llm_stats_sum(stats, now - NGX_LLM_STATS_MINUTES + 2, now, &sum);

    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:o,s:o}",
                     "requests", (json_int_t) sum.requests,
                     "errors", (json_int_t) sum.errors,
                     "cancelled", (json_int_t) sum.cancelled,
                     "prompt_tokens", (json_int_t) sum.prompt_tokens,
                     "completion_tokens", (json_int_t) sum.completion_tokens,
                     "ttft_ms", ngx_http_llm_api_stats_quantiles(sum.ttft),
                     "duration_ms",
                     ngx_http_llm_api_stats_quantiles(sum.duration));
}


static json_t *
ngx_http_llm_api_stats_quantiles(const uint64_t *counts)
{
    int64_t  p50;

    p50 = ngx_llm_quantile(counts, 500);

    if (p50 < 0) {
        return json_null();
    }

    return json_pack("{s:I,s:I,s:I}", "p50", (json_int_t) p50,
                     "p90", (json_int_t) ngx_llm_quantile(counts, 900),
                     "p99", (json_int_t) ngx_llm_quantile(counts, 990));
}


/* those of the last 24 hours, by how much was asked of them */

static json_t *
ngx_http_llm_api_stats_subjects(const ngx_llm_subject_t *table,
    ngx_uint_t nodes)
{
    json_t                      *list;
    ngx_uint_t                   i, n, step;
    ngx_http_llm_api_subject_t   all[NGX_LLM_STATS_SUBJECTS];

    ngx_memzero(all, sizeof(all));

    n = 0;
    step = ngx_time() / NGX_LLM_STATS_STEP;

    for (i = 0; i < NGX_LLM_STATS_SUBJECTS; i++) {

        if (!ngx_llm_stats_used(&table[i])) {
            continue;
        }

        all[n].subject = &table[i];

        ngx_llm_stats_subject(&table[i], step - NGX_LLM_STATS_STEPS + 1, step,
                              &all[n].sum);

        n += (all[n].sum.requests != 0);
    }

    qsort(all, n, sizeof(ngx_http_llm_api_subject_t),
          ngx_http_llm_api_stats_order);

    list = json_array();

    for (i = 0; i < ngx_min(n, NGX_HTTP_LLM_API_SUBJECTS); i++) {
        (void) json_array_append_new(list,
                               ngx_http_llm_api_stats_subject(&all[i], nodes));
    }

    return list;
}


static int ngx_libc_cdecl
ngx_http_llm_api_stats_order(const void *one, const void *two)
{
    const ngx_http_llm_api_subject_t  *a = one;
    const ngx_http_llm_api_subject_t  *b = two;

    if (a->sum.requests != b->sum.requests) {
        return (a->sum.requests < b->sum.requests) ? 1 : -1;
    }

    return ngx_memn2cmp((u_char *) a->subject->name,
                        (u_char *) b->subject->name,
                        a->subject->len, b->subject->len);
}


static json_t *
ngx_http_llm_api_stats_subject(const ngx_http_llm_api_subject_t *s,
    ngx_uint_t node)
{
    json_t                       *json, *name;
    const ngx_llm_subject_sum_t  *sum;

    sum = &s->sum;

    json = json_pack("{s:I,s:I,s:I,s:I,s:I,s:o,s:o}",
                     "requests", (json_int_t) sum->requests,
                     "errors", (json_int_t) sum->errors,
                     "cancelled", (json_int_t) sum->cancelled,
                     "prompt_tokens", (json_int_t) sum->prompt_tokens,
                     "completion_tokens", (json_int_t) sum->completion_tokens,
                     "ttft_ms", ngx_http_llm_api_stats_mean(sum->ttft,
                                                            sum->ttfts),
                     "duration_ms", ngx_http_llm_api_stats_mean(sum->duration,
                                                            sum->requests));

    /* one that is no UTF-8 is none that a node may list */

    name = json_stringn((char *) s->subject->name, s->subject->len);

    (void) json_object_set_new(json, node ? "name" : "model",
                               name ? name : json_string("?"));

    if (node) {
        (void) json_object_set_new(json, "id",
                                   ngx_http_llm_api_json_id("node-",
                                                            s->subject->id));
    }

    return json;
}


static json_t *
ngx_http_llm_api_stats_mean(uint64_t sum, uint64_t n)
{
    return n ? json_integer((json_int_t) (sum / n)) : json_null();
}


static json_t *
ngx_http_llm_api_stats_history(ngx_llm_history_t *history)
{
    uint64_t            head, pending;
    ngx_uint_t          redis;
    ngx_llm_flushed_t  *flushed;

    flushed = &history->redis;
    redis = (ngx_http_llm_worker.mcf->redis != NULL);

    head = ngx_llm_ring_head(history->ring);
    pending = redis ? head - ngx_min(flushed->flushed, head) : 0;

    return json_pack("{s:s,s:I,s:I,s:I,s:I,s:s?}",
                     "source", (redis && flushed->up) ? "redis" : "ring",
                     "kept",
                     (json_int_t) (head - ngx_llm_ring_tail(history->ring)),
                     "pending", (json_int_t) pending,
                     "dropped", (json_int_t) flushed->dropped,
                     "written", (json_int_t) flushed->written,
                     "error", (redis && !flushed->up)
                              ? (flushed->error[0] ? (char *) flushed->error
                                                   : "not connected yet")
                              : NULL);
}


void
ngx_http_llm_api_series(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_series_t  series;

    ngx_memzero(&series, sizeof(ngx_http_llm_api_series_t));

    if (ngx_http_llm_api_series_args(api, &series) != NGX_OK) {
        return;
    }

    ngx_http_llm_api_reply(api, NGX_HTTP_OK,
                           series.of_subject
                           ? ngx_http_llm_api_series_one(&series)
                           : ngx_http_llm_api_series_all(&series));
}


static ngx_int_t
ngx_http_llm_api_series_args(ngx_http_llm_api_t *api,
    ngx_http_llm_api_series_t *series)
{
    ngx_uint_t  window, step;

    window = 3600;
    step = 60;

    if (ngx_http_llm_api_series_arg(api, "window", 60, NGX_HTTP_LLM_API_DAY,
                                    &window)
        != NGX_OK
        || ngx_http_llm_api_series_arg(api, "step", 60, 3600, &step) != NGX_OK
        || ngx_http_llm_api_series_subject(api, series) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (series->of_subject) {
        step = (step + NGX_LLM_STATS_STEP - 1) / NGX_LLM_STATS_STEP
               * NGX_LLM_STATS_STEP;
    }

    series->step = step;
    series->last = ngx_time() / step;
    series->first = series->last + 1 - ngx_max(window / step, 1);

    return NGX_OK;
}


/* a time as in nginx.conf, "1h", of 60 s at least and a multiple of unit */

static ngx_int_t
ngx_http_llm_api_series_arg(ngx_http_llm_api_t *api, const char *name,
    ngx_uint_t unit, ngx_uint_t max, ngx_uint_t *value)
{
    ngx_int_t  n;
    ngx_str_t  text;

    if (ngx_http_arg(api->request, (u_char *) name, ngx_strlen(name), &text)
        != NGX_OK)
    {
        return NGX_OK;
    }

    n = ngx_parse_time(&text, 1);

    if (n < 60 || (ngx_uint_t) n > max || n % unit) {
        ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value", name,
                              "\"%s\" must be whole minutes from 60s to %uis",
                              name, max);
        return NGX_ERROR;
    }

    *value = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_api_series_subject(ngx_http_llm_api_t *api,
    ngx_http_llm_api_series_t *series)
{
    u_char           *dst, *src;
    ngx_str_t         text, model;
    ngx_llm_stats_t  *stats;

    stats = ngx_http_llm_worker.history->stats;

    if (ngx_http_arg(api->request, (u_char *) "node", 4, &text) == NGX_OK) {

        if (ngx_http_arg(api->request, (u_char *) "model", 5, &model)
            == NGX_OK)
        {
            ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value",
                                  "model", "\"model\" and \"node\" can't be "
                                  "asked for together");
            return NGX_ERROR;
        }

        series->of_subject = 1;
        series->subject = ngx_llm_stats_node(stats,
                                         ngx_http_llm_api_id(&text, "node-"));
        return NGX_OK;
    }

    if (ngx_http_arg(api->request, (u_char *) "model", 5, &text) != NGX_OK) {
        return NGX_OK;
    }

    dst = ngx_pnalloc(api->request->pool, text.len + 1);
    if (dst == NULL) {
        ngx_http_llm_api_reply(api, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
        return NGX_ERROR;
    }

    src = text.data;
    text.data = dst;

    ngx_unescape_uri(&dst, &src, text.len, 0);

    text.len = dst - text.data;

    series->of_subject = 1;
    series->subject = ngx_llm_stats_model(stats, &text);

    return NGX_OK;
}


static json_t *
ngx_http_llm_api_series_all(const ngx_http_llm_api_series_t *series)
{
    json_t         *json;
    ngx_uint_t      i, minutes;
    ngx_llm_sum_t   sum;

    json = json_pack("{s:I}", "step", (json_int_t) series->step);

    minutes = series->step / 60;

    for (i = series->first; i <= series->last; i++) {
        ngx_memzero(&sum, sizeof(ngx_llm_sum_t));

        ngx_llm_stats_sum(ngx_http_llm_worker.history->stats, i * minutes,
                          i * minutes + minutes - 1, &sum);

#define add(name, n)  ngx_http_llm_api_series_add(json, name, n)

        add("time", (int64_t) (i * series->step));
        add("requests", sum.requests);
        add("errors", sum.errors);
        add("cancelled", sum.cancelled);
        add("prompt_tokens", sum.prompt_tokens);
        add("completion_tokens", sum.completion_tokens);
        add("ttft_p50", ngx_llm_quantile(sum.ttft, 500));
        add("ttft_p90", ngx_llm_quantile(sum.ttft, 900));
        add("ttft_p99", ngx_llm_quantile(sum.ttft, 990));
        add("duration_p50", ngx_llm_quantile(sum.duration, 500));
        add("duration_p90", ngx_llm_quantile(sum.duration, 900));
        add("duration_p99", ngx_llm_quantile(sum.duration, 990));
        add("in_flight", sum.in_flight);
        add("queued", sum.queued);
    }

    return json;
}


static json_t *
ngx_http_llm_api_series_one(const ngx_http_llm_api_series_t *series)
{
    json_t                 *json;
    ngx_uint_t              i, steps;
    ngx_llm_subject_sum_t   sum;

    json = json_pack("{s:I}", "step", (json_int_t) series->step);

    steps = series->step / NGX_LLM_STATS_STEP;

    for (i = series->first; i <= series->last; i++) {
        ngx_memzero(&sum, sizeof(ngx_llm_subject_sum_t));

        if (series->subject) {
            ngx_llm_stats_subject(series->subject, i * steps,
                                  i * steps + steps - 1, &sum);
        }

        add("time", (int64_t) (i * series->step));
        add("requests", sum.requests);
        add("errors", sum.errors);
        add("cancelled", sum.cancelled);
        add("prompt_tokens", sum.prompt_tokens);
        add("completion_tokens", sum.completion_tokens);

#undef add
    }

    return json;
}


/* one below 0 is null */

static void
ngx_http_llm_api_series_add(json_t *json, const char *name, int64_t n)
{
    json_t  *column;

    column = json_object_get(json, name);

    if (column == NULL) {
        column = json_array();

        if (json_object_set_new(json, name, column) != 0) {
            return;
        }
    }

    (void) json_array_append_new(column, (n < 0) ? json_null()
                                                 : json_integer(n));
}
