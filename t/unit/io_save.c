
/*
 * When the snapshot is written: how soon after a change, how often, again
 * after a failure, and never where the file is not ours.  Time is a number
 * here, and a write takes as long as it is told to.
 */


#include <stdarg.h>
#include "../../src/io/ngx_llm_save.c"
#include "test.h"


/* ms from a change to the end of the write that has it */
#define SOON  1000


static void test_soon(void);
static void test_pace(void);
static void test_slow(void);
static void test_failure(void);
static void test_refused(void);
static void prepare(ngx_msec_t took);
static void run(ngx_msec_t ms, ngx_uint_t changing);
static ngx_msec_t until_saved(ngx_msec_t limit);


volatile ngx_msec_t      ngx_current_msec;
volatile ngx_time_t     *ngx_cached_time;
volatile ngx_cycle_t    *ngx_cycle;
ngx_rbtree_t             ngx_event_timer_rbtree;
ngx_uint_t               ngx_process;
ngx_uint_t               ngx_exiting;
sig_atomic_t             ngx_terminate;
sig_atomic_t             ngx_quit;
ngx_pid_t                ngx_pid;
ngx_pid_t                ngx_parent;

static ngx_log_t         log_;
static ngx_time_t        now;
static ngx_cycle_t       cycle;
static ngx_llm_zone_t    zone;
static ngx_msec_t        writes_for;    /* what a write takes */
static ngx_msec_t        done_at;       /* the present one */
static ngx_uint_t        begun;         /* writes */
static ngx_int_t         written;       /* what the next one comes to */
static ngx_llm_task_t   *posted;


int
main(void)
{
    cycle.log = &log_;
    ngx_cycle = &cycle;
    ngx_cached_time = &now;

    test_soon();
    test_pace();
    test_slow();
    test_failure();
    test_refused();

    return test_done();
}


/* a change at any moment, also just after a write of another one */

static void
test_soon(void)
{
    ngx_msec_t  ms, longest, took;

    longest = 0;

    for (ms = 0; ms < 2000; ms += 7) {
        prepare(50);
        run(3000, 0);

        ngx_llm_zone_changed(&zone);
        run(ms, 0);
        ngx_llm_zone_changed(&zone);

        took = until_saved(10000);
        longest = ngx_max(longest, took);
    }

    ok(longest <= SOON, "a change is in the file after %lu ms at most",
       (unsigned long) longest);

    prepare(50);
    run(120000, 0);
    is_number(begun, 0, "without one nothing is written");
}


static void
test_pace(void)
{
    prepare(20);
    run(60000, 1);

    ok(begun >= 60 && begun <= 100, "changes all the time: %d writes a minute",
       (int) begun);
}


/* a disk that is slow is left in peace for a moment */

static void
test_slow(void)
{
    prepare(3000);
    run(60000, 1);

    ok(begun >= 15 && begun <= 18, "slow writes: %d a minute", (int) begun);
}


static void
test_failure(void)
{
    prepare(20);
    written = NGX_ERROR;
    ngx_llm_zone_changed(&zone);
    run(60000, 0);

    ok(begun >= 25 && begun <= 30, "failures: %d tries a minute", (int) begun);
    is_number(zone.saved.failed, EIO, "... which is shown");

    written = NGX_OK;
    ok(until_saved(10000) <= 2500, "... and it is written when it can be");
    is_number(zone.saved.failed, 0, "... and shown no more");
}


static void
test_refused(void)
{
    prepare(20);
    zone.saved.state = NGX_LLM_SAVED_REFUSED;
    ngx_llm_zone_changed(&zone);
    run(120000, 1);
    ngx_llm_save_stop();

    is_number(begun, 0, "a file that is not ours is never written");

    prepare(20);
    ngx_llm_zone_changed(&zone);
    ngx_llm_save_stop();

    is_number(begun, 1, "another one at the end, too");
}


static void
prepare(ngx_msec_t took)
{
    ngx_llm_save_conf_t  conf;

    ngx_memzero(&zone, sizeof(zone));
    ngx_memzero(&conf, sizeof(conf));
    ngx_str_set(&conf.path, "state.json");
    conf.zone = &zone;

    ngx_current_msec = 1000000;
    writes_for = took;
    written = NGX_OK;
    posted = NULL;
    begun = 0;

    (void) ngx_llm_save_start(&cycle, &conf);
}


/* the loop of a worker, for so long */

static void
run(ngx_msec_t ms, ngx_uint_t changing)
{
    ngx_event_t     *ev;
    ngx_llm_task_t  *task;

    ev = &ngx_llm_save.event;

    while (ms--) {
        ngx_current_msec++;

        if (changing) {
            ngx_llm_zone_changed(&zone);
        }

        if (posted && ngx_current_msec >= done_at) {
            task = posted;
            posted = NULL;
            task->run(task);
            task->done(task);
        }

        if (ev->timer_set && ev->timer.key <= ngx_current_msec) {
            ev->timer_set = 0;
            ev->handler(ev);
        }
    }
}


static ngx_msec_t
until_saved(ngx_msec_t limit)
{
    ngx_msec_t  ms;

    for (ms = 0; zone.saved.changed != zone.saved.saved && ms < limit; ms++) {
        run(1, 0);
    }

    return ms;
}


/* -- stand-ins ------------------------------------------------------------ */


ngx_int_t
ngx_llm_task_post(ngx_llm_task_t *task)
{
    posted = task;
    done_at = ngx_current_msec + writes_for;

    return NGX_OK;
}


ngx_int_t
ngx_llm_snapshot_write(ngx_llm_zone_t *z, const char *path, ngx_uint_t epoch,
    ngx_pid_t master, ngx_llm_snapshot_result_t *result)
{
    begun++;
    ngx_memzero(result, sizeof(ngx_llm_snapshot_result_t));

    return written;
}


ngx_uint_t
ngx_llm_zone_lease(ngx_llm_lease_t *lease, ngx_pid_t pid, ngx_msec_t ms,
    ngx_uint_t (*dead)(ngx_pid_t pid))
{
    return 1;
}


void
ngx_rbtree_insert(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    /* the event has its time */
}


void
ngx_rbtree_delete(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    /* void */
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    /* void */
}
