
/*
 * The circuit breaker, the cool-down and the budget of retries: each step of
 * a circuit by a clock of our own, several processes that race for the trial,
 * one that died with it, and a budget that is never overdrawn.
 */


#include "../../src/state/ngx_llm_breaker.c"
#include "shm.h"


#define MB       (1024 * 1024)
#define WORKERS  4
#define ROUNDS   2000           /* circuits that come to their half open end */
#define TRIES    30000          /* retries that each worker asks for */
#define TRIAL    5000           /* ms that a trial may take */


static void test_closed(void);
static void test_open(void);
static void test_backoff(void);
static void test_trial(void);
static void test_trial_dead(void);
static void test_trial_late(void);
static void test_broken(void);
static void test_late(void);
static void test_cooling(void);
static void test_both(void);
static void test_reset(void);
static void test_names(void);
static void test_budget(void);
static void test_budget_time(void);
static void test_race(void);
static void race(void);
static void test_race_dead(void);
static void test_row(void);
static void test_budget_race(void);
static void prepare(void);
static ngx_uint_t enter(ngx_uint_t *trial);
static ngx_uint_t fail(ngx_uint_t n);
static ngx_uint_t forked(ngx_uint_t n, void (*work)(void));


typedef struct {
    ngx_llm_node_t    node;
    ngx_llm_budget_t  budget;
    ngx_atomic_t      round;
    ngx_atomic_t      ready;
    ngx_atomic_t      entered;      /* trials of this round */
    ngx_atomic_t      passed;       /* that went on and were no trial */
    ngx_atomic_t      several;      /* rounds with more than one */
    ngx_atomic_t      opened;
    ngx_atomic_t      spent;
} truth_t;


static truth_t         *truth;
static ngx_msec_t       now;
static ngx_llm_node_t  *node;


int
main(void)
{
    test_closed();
    test_open();
    test_backoff();
    test_trial();
    test_trial_dead();
    test_trial_late();
    test_broken();
    test_late();
    test_cooling();
    test_both();
    test_reset();
    test_names();
    test_budget();
    test_budget_time();
    test_race();
    test_race_dead();
    test_row();
    test_budget_race();

    return test_done();
}


static void
test_closed(void)
{
    ngx_uint_t  trial;

    prepare();

    ok(ngx_llm_breaker_quiet(node), "a new node is quiet");
    is_number(ngx_llm_breaker_rest(node, now), 0, "... and needs no rest");
    is_number(enter(&trial), 1, "... anybody may go on");
    is_number(trial, 0, "... and is no trial");
    is_number(fail(4), 0, "four failures open nothing");
    ok(ngx_llm_breaker_quiet(node), "... it is quiet");
    is_number(ngx_llm_breaker_success(node, 0), 4, "an answer ends a row of 4");
    is_number(fail(4), 0, "four more open nothing");
    ngx_llm_breaker_neither(node, 0);
    is_number(fail(1), 5, "what is neither ends no row: the fifth opens it");
    ok(!ngx_llm_breaker_quiet(node), "... it is not quiet then");
}


static void
test_open(void)
{
    ngx_uint_t  trial;

    prepare();
    (void) fail(5);

    is_number(ngx_llm_breaker_rest(node, now), NGX_LLM_BREAKER_FIRST,
              "open: for a second");
    is_number(node->cause, NGX_LLM_CAUSE_STATUS, "... for this cause");
    is_number(enter(&trial), 0, "... nobody goes on");
    is_number(fail(3), 0, "... failures of requests before open nothing more");
    is_number(ngx_llm_breaker_rest(node, now), NGX_LLM_BREAKER_FIRST,
              "... nor longer");
    is_number(ngx_llm_breaker_success(node, 0), 0,
              "... an answer of one before ends no row");
    is_number(ngx_llm_breaker_rest(node, now), NGX_LLM_BREAKER_FIRST,
              "... nor the rest");

    now += NGX_LLM_BREAKER_FIRST - 1;
    is_number(ngx_llm_breaker_rest(node, now), 1, "one ms before its end");
    is_number(enter(&trial), 0, "... nobody");

    now++;
    is_number(ngx_llm_breaker_rest(node, now), 0, "half open at its end");
    is_number(enter(&trial), 1, "... one goes on");
    is_number(trial, 1, "... as the trial");
    is_number(enter(&trial), 0, "... and nobody else");
    is_number(trial, 0, "... who is no trial");
    is_number(ngx_llm_breaker_rest(node, now), NGX_LLM_BREAKER_FIRST,
              "... another look is worth it in a second");
}


static void
test_backoff(void)
{
    ngx_uint_t               k, trial;
    static const ngx_msec_t  ms[] = { 1000, 2000, 4000, 8000, 16000, 32000,
                                      60000, 60000, 60000 };

    prepare();
    (void) fail(5);

    for (k = 0; k < sizeof(ms) / sizeof(ms[0]); k++) {
        is_number(ngx_llm_breaker_rest(node, now), ms[k], "open for %u ms",
                  (unsigned) ms[k]);

        now += ms[k];
        ok(enter(&trial) && trial, "... a trial");
        is_number(ngx_llm_breaker_failure(node, 1, 0, NGX_LLM_CAUSE_CONNECT,
                                          now),
                  6 + k, "... which fails: %u in a row", (unsigned) (6 + k));
        is_number(node->trial, 0, "... and is over");
    }

    for (k = 0; k < 100; k++) {
        now += NGX_LLM_BREAKER_LAST;
        (void) enter(&trial);
        (void) ngx_llm_breaker_failure(node, 1, 0, NGX_LLM_CAUSE_STATUS, now);
    }

    is_number(ngx_llm_breaker_rest(node, now), NGX_LLM_BREAKER_LAST,
              "never for longer");

    now += NGX_LLM_BREAKER_LAST;
    (void) enter(&trial);
    (void) ngx_llm_breaker_success(node, 1);
    is_number(fail(5), 5, "closed, then open again");
    is_number(ngx_llm_breaker_rest(node, now), 1000, "... for a second");
}


static void
test_trial(void)
{
    ngx_uint_t  trial;

    prepare();
    (void) fail(5);
    now += NGX_LLM_BREAKER_FIRST;

    (void) enter(&trial);
    ngx_llm_breaker_neither(node, trial);
    is_number(ngx_llm_breaker_rest(node, now), 0, "neither: half open still");
    ok(enter(&trial) && trial, "... another trial");
    is_number(ngx_llm_breaker_success(node, 1), 5,
              "a success: it ended a row of 5");
    ok(ngx_llm_breaker_quiet(node), "... the circuit is closed");
    is_number(node->trial | node->row | node->opened, 0,
              "... nothing is left of it");
    ok(enter(&trial) && !trial, "... anybody may go on");
}


static void
test_trial_dead(void)
{
    pid_t       pid;
    ngx_uint_t  trial;

    prepare();
    (void) fail(5);
    now += NGX_LLM_BREAKER_FIRST;

    pid = shm_fork();

    if (pid == 0) {
        _exit(enter(&trial) && trial ? 0 : 1);
    }

    is_number(shm_wait(pid), 1, "a worker takes the trial and dies");
    is_number(enter(&trial), 0, "nobody else goes on");

    now += TRIAL - 1;
    is_number(enter(&trial), 0, "... until a trial's time");
    is_number(ngx_llm_breaker_rest(node, now), 1, "... of which 1 ms is left");

    now++;
    ok(enter(&trial) && trial, "then another trial goes through");
    is_number(enter(&trial), 0, "... one");
    (void) ngx_llm_breaker_success(node, 1);
    ok(ngx_llm_breaker_quiet(node), "... and closes the circuit");
}


/* a trial that takes too long, and another one beside it */

static void
test_trial_late(void)
{
    ngx_uint_t  trial;

    prepare();
    (void) fail(5);
    now += NGX_LLM_BREAKER_FIRST;
    (void) enter(&trial);
    now += TRIAL;
    ok(enter(&trial) && trial, "a second trial beside a slow one");

    (void) ngx_llm_breaker_success(node, 1);
    is_number(ngx_llm_breaker_failure(node, 1, 0, NGX_LLM_CAUSE_SILENT, now),
              0, "the second succeeds, then the slow one fails: one failure");
    ok(ngx_llm_breaker_quiet(node), "... closed");
    is_number(node->row, 1, "... of which it is the first");

    (void) fail(4);
    now += NGX_LLM_BREAKER_FIRST;
    (void) enter(&trial);
    now += TRIAL;
    (void) enter(&trial);
    (void) ngx_llm_breaker_failure(node, 1, 0, NGX_LLM_CAUSE_SILENT, now);
    ok(ngx_llm_breaker_rest(node, now) == 2000, "the slow one fails: open");
    (void) ngx_llm_breaker_success(node, 1);
    ok(ngx_llm_breaker_quiet(node), "... the second succeeds: closed");
}


/* answers that break off after they began */

static void
test_broken(void)
{
    ngx_uint_t  k, row, trial, opened;

    prepare();
    opened = 0;

    for (k = 0; k < 5; k++) {
        row = ngx_llm_breaker_success(node, 0);
        is_number(row, k, "an answer begins, %u broke before it",
                  (unsigned) k);
        opened = ngx_llm_breaker_failure(node, 0, row, NGX_LLM_CAUSE_BROKEN,
                                         now);
    }

    is_number(opened, 5, "five that broke off in a row open it");

    now += NGX_LLM_BREAKER_FIRST;
    (void) enter(&trial);
    row = ngx_llm_breaker_success(node, trial);
    ok(ngx_llm_breaker_quiet(node), "the trial's answer begins: closed");
    is_number(ngx_llm_breaker_failure(node, 0, row, NGX_LLM_CAUSE_BROKEN, now),
              6, "... and breaks off: open again");

    prepare();

    for (k = 0; k < 20; k++) {
        row = ngx_llm_breaker_success(node, 0);
        (void) ngx_llm_breaker_failure(node, 0, row, NGX_LLM_CAUSE_BROKEN,
                                       now);
        (void) ngx_llm_breaker_success(node, 0);
    }

    ok(ngx_llm_breaker_quiet(node), "each second one is well: closed");
}


/* requests from before the circuit opened, that end after it closed */

static void
test_late(void)
{
    ngx_uint_t  trial;

    prepare();
    (void) fail(8);
    now += NGX_LLM_BREAKER_FIRST;
    (void) enter(&trial);
    is_number(fail(1), 0, "a failure beside the trial");
    ok(ngx_llm_breaker_rest(node, now) > 0 && node->trial,
       "... does not end it");
    (void) ngx_llm_breaker_success(node, 0);
    ok(node->circuit && node->trial, "nor does an answer");
    (void) ngx_llm_breaker_success(node, 1);
    is_number(fail(4), 0, "four more after it closed");
    ok(ngx_llm_breaker_quiet(node), "... are four in a row");
}


static void
test_cooling(void)
{
    ngx_uint_t  trial;

    prepare();

    is_number(ngx_llm_breaker_cool(node, 0, now), 0, "no rest is asked for");
    ok(ngx_llm_breaker_quiet(node), "... none is given");

    is_number(ngx_llm_breaker_cool(node, 3000, now), 1, "it asks for 3 s");
    is_number(ngx_llm_breaker_rest(node, now), 3000, "... and has them");
    is_number(node->cause, NGX_LLM_CAUSE_BUSY, "... for this cause");
    is_number(enter(&trial), 0, "... nobody goes on");

    is_number(ngx_llm_breaker_cool(node, 1000, now), 0, "1 s");
    is_number(ngx_llm_breaker_rest(node, now), 3000, "... is no less");
    is_number(ngx_llm_breaker_cool(node, 5000, now), 0, "5 s");
    is_number(ngx_llm_breaker_rest(node, now), 5000, "... are more");
    (void) ngx_llm_breaker_success(node, 0);
    is_number(ngx_llm_breaker_rest(node, now), 5000,
              "an answer of a request before changes nothing");

    now += 5000;
    is_number(ngx_llm_breaker_rest(node, now), 0, "it is over");
    ok(enter(&trial) && !trial, "... all may go on, without a trial");
    ok(ngx_llm_breaker_quiet(node), "... and it is quiet again");

    is_number(ngx_llm_breaker_cool(node, 3600000, now), 1, "an hour");
    is_number(ngx_llm_breaker_rest(node, now), NGX_LLM_COOLING_MAX,
              "... is a minute");

    now += NGX_LLM_COOLING_MAX + 1;
    is_number(ngx_llm_breaker_cool(node, 1000, now), 1,
              "another rest begins after the first");
    is_number(ngx_llm_breaker_rest(node, now), 1000, "... of its own length");
}


static void
test_both(void)
{
    ngx_uint_t  trial;

    prepare();
    (void) fail(5);
    (void) ngx_llm_breaker_cool(node, 5000, now);

    is_number(node->cause, NGX_LLM_CAUSE_STATUS, "the circuit's cause counts");
    is_number(ngx_llm_breaker_rest(node, now), 5000, "the longer rest counts");
    now += 1000;
    is_number(enter(&trial), 0, "half open, and cooling: nobody");
    now += 4000;
    ok(enter(&trial) && trial, "after it: the trial");
    (void) ngx_llm_breaker_cool(node, 2000, now);
    (void) ngx_llm_breaker_success(node, 1);
    is_number(ngx_llm_breaker_rest(node, now), 2000,
              "closed, and what it asked for holds");
}


static void
test_reset(void)
{
    ngx_uint_t  trial;

    prepare();
    (void) fail(5);
    now += NGX_LLM_BREAKER_FIRST;
    (void) enter(&trial);
    (void) ngx_llm_breaker_cool(node, 2000, now);
    ngx_llm_breaker_reset(node);

    ok(ngx_llm_breaker_quiet(node), "reset: quiet");
    is_number(node->trial | node->row | node->opened | node->cause, 0,
              "... as new");
    is_number(ngx_llm_breaker_failure(node, 1, 0, NGX_LLM_CAUSE_STATUS, now),
              0, "the trial that was under way fails: an ordinary failure");
    is_number(node->row, 1, "... the first");
}


static void
test_names(void)
{
    is_text(ngx_llm_cause_name(NGX_LLM_CAUSE_NONE), "", "no cause");
    is_text(ngx_llm_cause_name(NGX_LLM_CAUSE_CONNECT), "connect", "connect");
    is_text(ngx_llm_cause_name(NGX_LLM_CAUSE_BROKEN), "broken", "broken");
    is_text(ngx_llm_cause_name(NGX_LLM_CAUSE_SILENT), "silent", "silent");
    is_text(ngx_llm_cause_name(NGX_LLM_CAUSE_STATUS), "status", "status");
    is_text(ngx_llm_cause_name(NGX_LLM_CAUSE_BUSY), "busy", "busy");
    is_text(ngx_llm_cause_name(99), "", "and no other");
}


static void
test_budget(void)
{
    ngx_uint_t         k, n;
    ngx_llm_budget_t  *b;

    prepare();
    b = &truth->budget;

    for (n = 0; ngx_llm_budget_spend(b, now); n++) { /* void */ }

    is_number(n, NGX_LLM_BUDGET_FULL / NGX_LLM_BUDGET_RETRY,
              "a full budget at first: 100 retries");
    is_number(b->spent, 100, "... counted");
    is_number(b->refused, 1, "... and the one that was refused");

    for (k = 0; k < 9; k++) {
        ngx_llm_budget_earn(b);
    }

    is_number(ngx_llm_budget_spend(b, now), 0, "nine requests are not enough");
    ngx_llm_budget_earn(b);
    is_number(ngx_llm_budget_spend(b, now), 1, "ten are one retry");
    is_number(ngx_llm_budget_spend(b, now), 0, "... and not two");

    for (k = 0; k < 5000; k++) {
        ngx_llm_budget_earn(b);
    }

    for (n = 0; ngx_llm_budget_spend(b, now); n++) { /* void */ }

    is_number(n, 100, "5000 requests fill it: 100");
}


static void
test_budget_time(void)
{
    ngx_uint_t         k, n;
    ngx_llm_budget_t  *b;

    prepare();
    b = &truth->budget;

    while (ngx_llm_budget_spend(b, now)) { /* void */ }

    now += 99;
    is_number(ngx_llm_budget_spend(b, now), 0, "99 ms give nothing yet");
    now += 1;
    is_number(ngx_llm_budget_spend(b, now), 1, "100 ms give a retry");

    now += 1000;
    for (n = 0; ngx_llm_budget_spend(b, now); n++) { /* void */ }
    is_number(n, 10, "a second gives ten");

    n = 0;

    for (k = 0; k < 1000; k++) {
        now += 7;
        n += ngx_llm_budget_spend(b, now);
    }

    is_number(n, 70, "7 s in small steps give 70");

    is_number(ngx_llm_budget_spend(b, now - 50), 0,
              "a worker whose clock is behind gets nothing");

    now += 3600000;
    for (n = 0; ngx_llm_budget_spend(b, now); n++) { /* void */ }
    is_number(n, 100, "an hour fills it, no more");
}


/*
 * In each round a circuit comes to its half open end, four processes try to
 * enter at once, and the one that has the trial ends it.
 */

static void
test_race(void)
{
    ngx_uint_t  ended;

    prepare();
    (void) fail(5);
    truth->round = 1;

    ended = forked(WORKERS, race);

    is_number(ended, WORKERS, "four processes race for the trial");
    is_number(truth->round, ROUNDS + 1, "... through 2,000 rounds");
    is_number(truth->several, 0, "... and never two of them had it");
    is_number(truth->passed, 0, "... nor went anybody on beside it");
    is_number(node->opened, ROUNDS + 1, "... it opened as often");
}


static void
race(void)
{
    ngx_msec_t  then;
    ngx_uint_t  round, trial;

    for ( ;; ) {
        round = truth->round;

        if (round > ROUNDS) {
            _exit(0);
        }

        ngx_memory_barrier();

        then = node->circuit;

        if (!ngx_llm_breaker_enter(node, then, TRIAL, &trial)) {
            ngx_sched_yield();
            continue;
        }

        if (!trial) {
            (void) ngx_atomic_fetch_add(&truth->passed, 1);
            continue;
        }

        if (ngx_atomic_fetch_add(&truth->entered, 1) != 0) {
            (void) ngx_atomic_fetch_add(&truth->several, 1);
        }

        if (round % 16 == 0) {
            ngx_sched_yield();
        }

        (void) ngx_atomic_fetch_add(&truth->entered, -1);
        (void) ngx_atomic_fetch_add(&truth->round, 1);
        (void) ngx_llm_breaker_failure(node, 1, 0, NGX_LLM_CAUSE_STATUS,
                                       then);
    }
}


static void
dies(void)
{
    ngx_uint_t  trial;

    for ( ;; ) {
        if (ngx_llm_breaker_enter(node, now, TRIAL, &trial) && trial) {
            (void) ngx_atomic_fetch_add(&truth->entered, 1);
            kill(getpid(), SIGKILL);
        }

        if (truth->ready) {
            _exit(0);
        }

        ngx_sched_yield();
    }
}


/* whoever has the trial dies with it: one a time, however many wait */

static void
test_race_dead(void)
{
    pid_t       pids[WORKERS];
    ngx_uint_t  k, died;

    prepare();
    (void) fail(5);
    now += NGX_LLM_BREAKER_FIRST;

    for (k = 0; k < WORKERS; k++) {
        pids[k] = shm_fork();

        if (pids[k] == 0) {
            dies();
        }
    }

    while (truth->entered == 0) {
        shm_sleep_us(100);
    }

    shm_sleep_us(20000);
    truth->ready = 1;

    died = 0;

    for (k = 0; k < WORKERS; k++) {
        died += !shm_wait(pids[k]);
    }

    is_number(died, 1, "one of four died with the trial");
    is_number(truth->entered, 1, "... nobody else got it");

    now += TRIAL;
    ok(enter(&k) && k, "... another may, when its time is over");
}


static void
failing(void)
{
    ngx_uint_t  k;

    for (k = 0; k < 1000; k++) {
        (void) ngx_atomic_fetch_add(&truth->opened,
                                    ngx_llm_breaker_failure(node, 0, 0,
                                             NGX_LLM_CAUSE_STATUS, now) != 0);
    }

    _exit(0);
}


/* failures that come from all workers at once open it once */

static void
test_row(void)
{
    prepare();

    is_number(forked(WORKERS, failing), WORKERS, "4,000 failures at once");
    is_number(truth->opened, 1, "... open the circuit once");
    is_number(node->row, WORKERS * 1000, "... none is lost");
    is_number(ngx_llm_breaker_rest(node, now), 1000, "... for a second");
}


static void
spending(void)
{
    ngx_uint_t  k, n;

    n = 0;

    for (k = 0; k < TRIES; k++) {
        ngx_llm_budget_earn(&truth->budget);
        n += ngx_llm_budget_spend(&truth->budget, now);
    }

    (void) ngx_atomic_fetch_add(&truth->spent, n);

    _exit(0);
}


static void
test_budget_race(void)
{
    prepare();

    is_number(forked(WORKERS, spending), WORKERS,
              "four processes earn and spend");
    ok(truth->spent <= 100 + WORKERS * TRIES / 10
       && truth->spent >= 99 + WORKERS * TRIES / 10,
       "... a tenth of what they asked for, and what there was: %u",
       (unsigned) truth->spent);
    is_number(truth->budget.spent, truth->spent, "... which is counted");
    is_number(truth->budget.refused, WORKERS * TRIES - truth->spent,
              "... and what was refused");
    ok(truth->budget.left < NGX_LLM_BUDGET_RETRY, "... nothing is left");
}


static void
prepare(void)
{
    truth = ngx_slab_calloc(shm_pool(MB), sizeof(truth_t));

    node = &truth->node;
    now = 100000;
}


static ngx_uint_t
enter(ngx_uint_t *trial)
{
    return ngx_llm_breaker_enter(node, now, TRIAL, trial);
}


/* n failures; what the last one said */

static ngx_uint_t
fail(ngx_uint_t n)
{
    ngx_uint_t  opened;

    opened = 0;

    while (n--) {
        opened = ngx_llm_breaker_failure(node, 0, 0, NGX_LLM_CAUSE_STATUS,
                                         now);
    }

    return opened;
}


/* n processes at once; returns how many ended well */

static ngx_uint_t
forked(ngx_uint_t n, void (*work)(void))
{
    pid_t       pids[WORKERS];
    ngx_uint_t  k, ended;

    for (k = 0; k < n; k++) {
        pids[k] = shm_fork();

        if (pids[k] == 0) {
            work();
        }
    }

    ended = 0;

    for (k = 0; k < n; k++) {
        ended += shm_wait(pids[k]);
    }

    return ended;
}
