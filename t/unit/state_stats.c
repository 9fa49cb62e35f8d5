
/*
 * The figures of 24 hours: minutes and steps that roll over, a clock that
 * stands, jumps and goes back, tables that are full, several processes.
 */


#include "../../src/base/ngx_llm_text.c"
#include "../../src/base/ngx_llm_time.c"
#include "../../src/base/ngx_llm_histogram.c"
#include "../../src/dialect/ngx_llm_error.c"
#include "../../src/state/ngx_llm_record.c"
#include "../../src/state/ngx_llm_stats.c"
#include "core.h"
#include "shm.h"


/* a minute, and the second it begins with; it begins a step, too */
#define NOW      29000000
#define AT       ((time_t) NOW * 60)
#define STEP     (NOW / 10)

#define WORKERS  4
#define MINUTES  5
#define TIMES    20000


static void test_counts(void);
static void test_minutes(void);
static void test_day(void);
static void test_gap(void);
static void test_back(void);
static void test_tick(void);
static void test_subjects(void);
static void test_not_counted(void);
static void test_steps(void);
static void test_full(void);
static void test_reused(void);
static void test_processes(void);
static void work(ngx_atomic_t *minute);
static void prepare(void);
static void count(time_t when);
static void count_as(const char *model, uint64_t node, time_t when);
static void set(const char *model, const char *node, uint64_t node_id);
static ngx_uint_t requests(ngx_uint_t first, ngx_uint_t last);
static ngx_uint_t of_model(const char *model, ngx_uint_t first,
    ngx_uint_t last);
static ngx_uint_t of_node(uint64_t id, ngx_uint_t first, ngx_uint_t last);


static ngx_llm_sum_t      sum;
static ngx_slab_pool_t   *pool;
static ngx_llm_stats_t   *stats;
static ngx_llm_record_t   record;


int
main(void)
{
    test_counts();
    test_minutes();
    test_day();
    test_gap();
    test_back();
    test_tick();
    test_subjects();
    test_not_counted();
    test_steps();
    test_full();
    test_reused();
    test_processes();

    return test_done();
}


static void
test_counts(void)
{
    pool = shm_pool(64 * 1024);

    ok(ngx_llm_stats_create(pool) == NULL, "a zone that is too small");

    prepare();

    is_number(requests(0, NOW), 0, "nothing was counted");

    record.prompt_tokens = 10;
    record.completion_tokens = 20;
    record.duration = 500;
    record.ttft = 100;
    count(AT);

    record.status = NGX_LLM_RECORD_ERROR;
    record.prompt_tokens = -1;
    record.completion_tokens = -1;
    record.ttft = -1;
    count(AT);

    record.status = NGX_LLM_RECORD_CANCELLED;
    count(AT + 59);

    is_number(requests(NOW, NOW), 3, "three");
    is_number(sum.errors, 1, "... one an error");
    is_number(sum.cancelled, 1, "... one cancelled");
    is_number(sum.prompt_tokens, 10, "... the prompts");
    is_number(sum.completion_tokens, 20, "... the answers");
    is_number(sum.duration[ngx_llm_bucket(500)], 3, "... how long they took");
    is_number(sum.ttft[ngx_llm_bucket(100)], 1, "... and to the first byte");
    is_number(ngx_llm_quantile(sum.ttft, 1000) >> 5, 100 >> 5,
              "... of who had one");

    (void) requests(NOW, NOW);
    ngx_llm_stats_sum(stats, NOW, NOW, &sum);

    is_number(sum.requests, 6, "a sum is added to what was there");
}


static void
test_minutes(void)
{
    prepare();

    count(AT - 1);
    count(AT);
    count(AT + 59);
    count(AT + 60);

    is_number(requests(NOW - 1, NOW - 1), 1, "the minute before");
    is_number(requests(NOW, NOW), 2, "this one");
    is_number(requests(NOW + 1, NOW + 1), 1, "the next one");
    is_number(requests(NOW - 1, NOW + 1), 4, "all");
    is_number(requests(NOW + 1, NOW), 0, "none");
}


static void
test_day(void)
{
    ngx_uint_t  i;

    prepare();

    for (i = 0; i < 2 * NGX_LLM_STATS_MINUTES; i++) {
        count(AT + i * 60);
    }

    i = NOW + 2 * NGX_LLM_STATS_MINUTES;

    is_number(requests(i - NGX_LLM_STATS_MINUTES, i - 1), NGX_LLM_STATS_MINUTES,
              "after two days there is one");
    is_number(requests(NOW, i - 1), NGX_LLM_STATS_MINUTES,
              "... and nothing of the first");

    count(AT + 2 * NGX_LLM_STATS_MINUTES * 60);

    is_number(requests(NOW, i), NGX_LLM_STATS_MINUTES,
              "a minute more, and the oldest is gone");
    is_number(sum.duration[ngx_llm_bucket(record.duration)],
              NGX_LLM_STATS_MINUTES, "... from its histogram, too");
}


static void
test_gap(void)
{
    prepare();

    count(AT);
    count(AT + 5 * 3600);

    is_number(requests(NOW, NOW + 5 * 60), 2, "hours later");
    is_number(requests(NOW + 1, NOW + 5 * 60 - 1), 0, "... none in between");

    count(AT + 4 * 86400);

    is_number(requests(NOW, NOW + 1439), 1, "days later: its place was taken");
    is_number(requests(NOW + 4 * 1440, NOW + 4 * 1440), 1,
              "... there is what is counted now");
}


static void
test_back(void)
{
    prepare();

    count(AT);
    count(AT + 3600);
    count(AT + 60);
    count(AT);

    is_number(requests(NOW, NOW), 2, "the clock goes back: as before");
    is_number(requests(NOW + 1, NOW + 1), 1, "... to what was not");
    is_number(requests(NOW + 60, NOW + 60), 1, "... what came after stays");

    /* by a day: it was wrong then */

    count(AT - NGX_LLM_STATS_MINUTES * 60);

    is_number(requests(NOW, NOW), 0, "by a day: what was counted goes");
    is_number(requests(NOW - NGX_LLM_STATS_MINUTES, NOW - 1), 1,
              "... and it is counted");

    /* somebody died while he cleared it */

    stats->minutes[(NOW + 9) % NGX_LLM_STATS_MINUTES].when
        = NGX_LLM_STATS_CLEARING;
    ngx_llm_stats_tick(stats, AT + 8 * 60, 0, 0);
    count(AT + 9 * 60);

    is_number(requests(NOW + 9, NOW + 9), 1, "a tick frees what is left of it");
}


static void
test_tick(void)
{
    prepare();

    ngx_llm_stats_tick(stats, AT, 3, 7);
    ngx_llm_stats_tick(stats, AT + 20, 5, 2);
    ngx_llm_stats_tick(stats, AT + 40, 4, 0);

    is_number(requests(NOW, NOW), 0, "a tick counts no request");
    is_number(sum.in_flight, 5, "... the most in flight");
    is_number(sum.queued, 7, "... and in the queue");

    ngx_llm_stats_tick(stats, AT + 60, 1, 0);

    is_number(requests(NOW + 1, NOW + 1), 0, "the next minute");
    is_number(sum.in_flight, 1, "... has its own");
    (void) requests(NOW, NOW + 1);
    is_number(sum.in_flight, 5, "... of both it is the most");

    /* the next one's place was cleared ahead */

    is_number(stats->minutes[(NOW + 2) % NGX_LLM_STATS_MINUTES].when, NOW + 2,
              "a tick makes the place of the next minute");

    count(AT + 2 * 60);
    ngx_llm_stats_tick(stats, AT + 2 * 60 - 1, 0, 0);

    is_number(requests(NOW + 2, NOW + 2), 1,
              "... and not again what was counted there");
}


static void
test_subjects(void)
{
    ngx_str_t                 name;
    ngx_llm_subject_sum_t     one;
    const ngx_llm_subject_t  *subject;

    prepare();

    record.duration = 500;
    record.ttft = 100;
    record.completion_tokens = 20;
    set("m", "a", 1);
    count(AT);

    record.ttft = -1;
    record.completion_tokens = -1;
    record.status = NGX_LLM_RECORD_ERROR;
    set("m", "b", 2);
    count(AT + 1);

    ngx_str_set(&name, "m");
    subject = ngx_llm_stats_model(stats, &name);

    ok(subject && ngx_llm_stats_used(subject), "the model is there");

    ngx_memzero(&one, sizeof(one));

    if (subject) {
        ngx_llm_stats_subject(subject, STEP, STEP, &one);
    }

    is_number(one.requests, 2, "... its requests");
    is_number(one.errors, 1, "... errors");
    is_number(one.completion_tokens, 20, "... tokens");
    is_number(one.duration, 1000, "... ms");
    is_number(one.ttft, 100, "... ms to the first byte");
    is_number(one.ttfts, 1, "... of who had one");

    is_number(of_node(1, STEP, STEP), 1, "a node");
    is_number(of_node(2, STEP, STEP), 1, "... the other");
    is_number(of_node(3, STEP, STEP), 0, "... none");
    is_number(of_model("M", STEP, STEP), 0, "no such model");

    subject = ngx_llm_stats_node(stats, 2);

    ok(subject && subject->len == 1 && subject->name[0] == 'b', "its name");
}


static void
test_not_counted(void)
{
    char  longest[NGX_LLM_MODEL_NAME + 1];

    prepare();

    set("whatever a client says", "", 0);
    count(AT);

    is_number(requests(NOW, NOW), 1, "what no node had is counted");
    is_number(of_model("whatever a client says", STEP, STEP), 0,
              "... but no model");
    is_number(stats->others, 0, "... nor elsewhere");

    ngx_memset(longest, 'x', NGX_LLM_MODEL_NAME);
    longest[NGX_LLM_MODEL_NAME] = '\0';

    count_as(longest, 1, AT);
    is_number(of_model(longest, STEP, STEP), 1, "the longest name");

    count_as("", 1, AT);
    is_number(stats->others, 1, "an empty one is one of the others");
}


static void
test_steps(void)
{
    ngx_uint_t  i;

    prepare();

    count_as("m", 1, AT - 1);
    count_as("m", 1, AT);
    count_as("m", 1, AT + 599);
    count_as("m", 1, AT + 600);

    is_number(of_model("m", STEP - 1, STEP - 1), 1, "the ten minutes before");
    is_number(of_model("m", STEP, STEP), 2, "these");
    is_number(of_model("m", STEP + 1, STEP + 1), 1, "the next");

    for (i = 0; i < 2 * NGX_LLM_STATS_STEPS; i++) {
        count_as("m", 1, AT + i * 600);
    }

    is_number(of_model("m", STEP, STEP + 2 * NGX_LLM_STATS_STEPS),
              NGX_LLM_STATS_STEPS, "after two days there is one");

    count_as("m", 1, AT);

    is_number(of_model("m", STEP, STEP), 1,
              "the clock was wrong by two days: it is counted anew");
}


/* one more than there are places */

static void
test_full(void)
{
    char        name[16];
    ngx_uint_t  i, n;

    prepare();

    for (i = 0; i <= NGX_LLM_STATS_SUBJECTS; i++) {
        sprintf(name, "model%u", (unsigned) i);
        count_as(name, 7, AT);
    }

    n = 0;

    for (i = 0; i < NGX_LLM_STATS_SUBJECTS; i++) {
        sprintf(name, "model%u", (unsigned) i);
        n += of_model(name, STEP, STEP);
    }

    is_number(n, NGX_LLM_STATS_SUBJECTS, "as many models as there are places");
    is_number(of_model(name, STEP, STEP), 1, "... each has its own");
    is_number(of_model("model128", STEP, STEP), 0, "the next one has none");
    is_number(stats->others, 1, "... and is one of the others");
    is_number(of_node(7, STEP, STEP), NGX_LLM_STATS_SUBJECTS + 1,
              "... its node counts it");
    is_number(requests(NOW, NOW), NGX_LLM_STATS_SUBJECTS + 1,
              "... and all together do");

    for (i = 1; i <= NGX_LLM_STATS_SUBJECTS + 1; i++) {
        count_as("model0", 1000 + i, AT);
    }

    is_number(of_node(1000 + NGX_LLM_STATS_SUBJECTS - 1, STEP, STEP), 1,
              "nodes: the last place");
    is_number(of_node(1000 + NGX_LLM_STATS_SUBJECTS, STEP, STEP), 0,
              "... and none");
    is_number(stats->others, 3, "... two nodes are of the others");
    is_number(of_model("model0", STEP, STEP), NGX_LLM_STATS_SUBJECTS + 2,
              "... their model is not");
}


/* places of those of which nothing was heard for a day */

static void
test_reused(void)
{
    char        name[16];
    time_t      later;
    ngx_uint_t  i;

    prepare();

    for (i = 0; i < NGX_LLM_STATS_SUBJECTS; i++) {
        sprintf(name, "model%u", (unsigned) i);
        count_as(name, 1, AT);
    }

    later = AT + 24 * 3600;

    count_as("model5", 1, later);
    count_as("new", 1, later);

    is_number(of_model("new", 0, 2 * STEP), 0, "a day later all are there");

    later += 600;

    count_as("new", 1, later);
    count_as("newer", 1, later);

    is_number(of_model("new", 0, 2 * STEP), 1, "then a new one takes a place");
    is_number(of_model("newer", 0, 2 * STEP), 1, "... and another");
    is_number(of_model("model5", 0, 2 * STEP), 1,
              "... not of one that was there since");
    is_number(stats->others, 1, "... one had none");

    count_as("model5", 1, later);
    is_number(of_model("model5", 0, 2 * STEP), 2, "which is found as before");
}


/* some count through minutes whose places were made ahead: nothing is lost */

static void
test_processes(void)
{
    pid_t          pids[WORKERS];
    ngx_uint_t     i, ended;
    ngx_atomic_t  *minute;

    prepare();

    minute = mmap(NULL, sizeof(*minute), PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (minute == MAP_FAILED) {
        shm_die("no memory");
    }

    /* of an earlier day: they are to be cleared */

    for (i = 0; i < MINUTES; i++) {
        count_as("m", 1, AT - 86400 + i * 60);
    }

    *minute = NOW;
    ngx_llm_stats_tick(stats, AT, 0, 0);
    count_as("m", 1, AT);

    for (i = 0; i < WORKERS; i++) {
        pids[i] = shm_fork();

        if (pids[i] == 0) {
            work(minute);
            _exit(0);
        }
    }

    for (i = 1; i < MINUTES; i++) {
        while (requests(NOW, NOW + i) < i * WORKERS * TIMES / MINUTES) {
            ngx_sched_yield();
        }

        ngx_llm_stats_tick(stats, (time_t) (NOW + i) * 60, i, 0);
        *minute = NOW + i;
    }

    ended = 0;

    for (i = 0; i < WORKERS; i++) {
        ended += shm_wait(pids[i]);
    }

    is_number(ended, WORKERS, "processes count through some minutes");
    is_number(requests(NOW, NOW + MINUTES), WORKERS * TIMES + 1,
              "... all is counted");
    is_number(sum.duration[ngx_llm_bucket(record.duration)],
              WORKERS * TIMES + 1, "... in the histogram");
    is_number(of_model("m", STEP, STEP), WORKERS * TIMES + 1,
              "... for the model");
    is_number(sum.in_flight, MINUTES - 1, "... with what the ticks saw");
    ok(requests(NOW, NOW) > 1 && requests(NOW + MINUTES - 1, NOW + MINUTES),
       "... in several minutes");
}


static void
work(ngx_atomic_t *minute)
{
    ngx_uint_t  i;

    for (i = 0; i < TIMES; i++) {
        count_as("m", 1, (time_t) *minute * 60);

        if (i % 16 == 0) {
            ngx_sched_yield();
        }
    }
}


static void
prepare(void)
{
    pool = shm_pool(8 * 1024 * 1024);
    stats = ngx_llm_stats_create(pool);

    if (stats == NULL) {
        shm_die("no figures");
    }

    ngx_memzero(&record, sizeof(record));
    record.duration = 1;
    record.ttft = -1;
    record.prompt_tokens = -1;
    record.completion_tokens = -1;
}


static void
count(time_t when)
{
    ngx_llm_stats_count(stats, &record, when);
}


static void
count_as(const char *model, uint64_t node, time_t when)
{
    set(model, "node", node);
    count(when);
}


static void
set(const char *model, const char *node, uint64_t node_id)
{
    record.node_id = node_id;
    record.len[NGX_LLM_RECORD_MODEL] = strlen(model);
    record.len[NGX_LLM_RECORD_NODE] = strlen(node);

    ngx_memcpy(record.text, model, strlen(model));
    ngx_memcpy(record.text + strlen(model), node, strlen(node));
}


static ngx_uint_t
requests(ngx_uint_t first, ngx_uint_t last)
{
    first = ngx_max(first, last - ngx_min(last, 10000));

    ngx_memzero(&sum, sizeof(sum));
    ngx_llm_stats_sum(stats, first, last, &sum);

    return sum.requests;
}


static ngx_uint_t
of_model(const char *model, ngx_uint_t first, ngx_uint_t last)
{
    ngx_str_t                 name;
    ngx_llm_subject_sum_t     one;
    const ngx_llm_subject_t  *subject;

    name.data = (u_char *) model;
    name.len = strlen(model);

    subject = ngx_llm_stats_model(stats, &name);

    ngx_memzero(&one, sizeof(one));

    if (subject) {
        ngx_llm_stats_subject(subject, first, last, &one);
    }

    return one.requests;
}


static ngx_uint_t
of_node(uint64_t id, ngx_uint_t first, ngx_uint_t last)
{
    ngx_llm_subject_sum_t     one;
    const ngx_llm_subject_t  *subject;

    subject = ngx_llm_stats_node(stats, id);

    ngx_memzero(&one, sizeof(one));

    if (subject) {
        ngx_llm_stats_subject(subject, first, last, &one);
    }

    return one.requests;
}
