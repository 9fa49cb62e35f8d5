
/*
 * The counts, instruction by instruction: a process that is killed at any of
 * them leaves what can be taken back, and one that stands still at any of them
 * while another takes back loses nothing.
 */


#include <ngx_config.h>
#include <ngx_core.h>


/* nobody else is there to wait for */

#undef  ngx_sched_yield
#define ngx_sched_yield()


/* who takes back meets another one at its barriers, and before it swaps */

static void meeting(void);

#undef  ngx_memory_barrier
#define ngx_memory_barrier()  meeting()


/* ... and who acquires may be overtaken just there */

static int overtaken(void);

#undef  ngx_atomic_cmp_set
#define ngx_atomic_cmp_set(lock, old, set)                                    \
    (overtaken() ? 0 : __sync_bool_compare_and_swap(lock, old, set))


#include "../../src/state/ngx_llm_limits.c"
#include "step.h"


#define COUNTERS  4

/* process ids: those above DEAD are dead */
#define LIVING    1
#define DEAD      1000

/* the points at which who takes back is met; the last one is never reached */
#define MEETINGS  8
#define NEVER     1000000


typedef struct {
    const char  *name;
    step_pt      what;
    ngx_int_t    change;        /* of what the process holds of counter 1 */
    ngx_int_t    mine;          /* ... and of what the test itself holds */
} operation_t;


static void test_killed(void);
static void test_opened(void);
static void opened(void);
static void open_new(void);
static void test_meetings(void);
static ngx_int_t meet(const operation_t *op, ngx_uint_t first,
    ngx_uint_t second, ngx_uint_t changes);
static void go_on(ngx_uint_t changes);
static void prepare(void);
static void acquire(void);
static void acquire_last(void);
static void acquire_full(void);
static void release(void);
static void taken_back(void);
static void succeeded(void);
static ngx_uint_t dead(ngx_pid_t pid);
static void forget(void *data, ngx_uint_t slot);


static const operation_t  operations[] = {
    { "acquire", acquire, 1, 0 },
    { "acquire the last", acquire_last, 1, 0 },
    { "acquire what another one gets", acquire_full, 0, 1 },
    { "release", release, -1, 0 }
};

#define NOPERATIONS  (sizeof(operations) / sizeof(operations[0]))


/* the living one that is met: where, how far it goes then, is it over */

static struct {
    pid_t              pid;
    int                over;
    ngx_uint_t         n;
    ngx_uint_t         first, second;
    ngx_uint_t         changes;
} met;


static int                hurry;
static ngx_uint_t         wrong, calls;
static ngx_llm_roll_t     roll;
static ngx_slab_pool_t   *pool;
static ngx_llm_limits_t  *limits;
static ngx_llm_ledger_t  *mine, *theirs, *other;


int
main(void)
{
    if (!step_works()) {
        ok(1, "nothing was tested");
        return test_done();
    }

    test_killed();
    test_opened();
    test_meetings();

    return test_done();
}


static void
test_killed(void)
{
    ngx_uint_t          i, n;
    const operation_t  *op;

    for (i = 0; i < NOPERATIONS; i++) {
        op = &operations[i];

        prepare();

        theirs->pid = DEAD + 1;
        other->pid = DEAD + 2;
        wrong = 0;
        calls = 0;

        n = step_through(pool, op->what, taken_back, taken_back);

        ok(n >= 4, "%s changes %u words", op->name, (unsigned) n);
        is_number(calls, n + 1, "... killed at each");
        is_number(wrong, 0, "... what it held is taken back by others, with "
                  "that of another one dead");

        prepare();

        theirs->pid = DEAD + 1;
        wrong = 0;
        calls = 0;

        (void) step_through(pool, op->what, succeeded, NULL);

        is_number(calls, n, "... killed at each once more");
        is_number(wrong, 0, "... what it held is taken back by its successor");
    }
}


/* a worker is killed while it opens its ledger, for the first time */

static void
test_opened(void)
{
    ngx_uint_t  n;

    prepare();

    theirs->pid = DEAD + 1;
    wrong = 0;
    calls = 0;

    n = step_through(pool, open_new, opened, opened);

    ok(n > 4 && calls == n + 1, "opening a ledger, killed at %u changes",
       (unsigned) n);
    is_number(wrong, 0, "... each time a successor opens it, and its counts "
              "are as good as any");
}


static void
open_new(void)
{
    (void) ngx_llm_limits_open(limits, pool, 3, DEAD + 3);
}


static void
opened(void)
{
    ngx_llm_ledger_t  *ledger;

    calls++;
    other->sequence = 0;

    wrong += (ngx_llm_limits_reclaim(limits, pool, dead, forget, NULL) < 1);
    wrong += (limits->count[1] != 4);

    ledger = ngx_llm_limits_open(limits, pool, 3, LIVING + 3);

    if (ledger == NULL) {
        wrong++;
        return;
    }

    (void) ngx_llm_limits_acquire(limits, ledger, 1, NGX_LLM_UNLIMITED);
    (void) ngx_llm_limits_acquire(limits, ledger, 1, NGX_LLM_UNLIMITED);

    other->pid = DEAD + 2;

    wrong += (ngx_llm_limits_reclaim(limits, pool, dead, forget, NULL) != 1);
    wrong += (limits->count[1] != 3 || ledger->own[1] != 2);
}


/*
 * The living one does some of its changes at one point of taking back, and
 * the others at a later one, or afterwards.
 */

static void
test_meetings(void)
{
    ngx_int_t           rc;
    ngx_uint_t          i, n, k, first, second, done, again;
    const operation_t  *op;

    for (i = 0; i < NOPERATIONS; i++) {
        op = &operations[i];

        prepare();
        n = step_through(pool, op->what, prepare, NULL);

        wrong = 0;
        done = 0;
        again = 0;

        for (first = 1; first < MEETINGS; first++) {
            for (second = first + 1; second <= MEETINGS; second++) {
                for (k = 1; k <= n; k++) {
                    rc = meet(op, first, second < MEETINGS ? second : NEVER,
                              k);

                    done += (rc == NGX_OK);
                    again += (rc == NGX_AGAIN);
                }
            }
        }

        ok(done > 20 && again > 10,
           "%s meets who takes back: %u times done, %u times not now",
           op->name, (unsigned) done, (unsigned) again);
        is_number(wrong, 0, "... and each time the counts are right");
    }
}


static ngx_int_t
meet(const operation_t *op, ngx_uint_t first, ngx_uint_t second,
    ngx_uint_t changes)
{
    ngx_int_t   rc;
    ngx_uint_t  own, left;

    prepare();

    met.pid = step_start(op->what);
    met.over = 0;
    met.n = 0;
    met.first = first;
    met.second = second;
    met.changes = changes;

    rc = ngx_llm_limits_take_back_locked(limits, &roll);

    met.first = 0;

    if (!met.over) {
        (void) step_on(met.pid, 0);
    }

    step_end(met.pid);

    own = 2 + op->change;
    left = (rc == NGX_OK) ? 0 : 3;

    /* there is room for another one where three were taken back before */

    if (op->what == acquire_full && rc == NGX_OK && theirs->own[1] == 3) {
        own = 3;
    }

    wrong += (theirs->own[1] != own
              || mine->own[1] != (ngx_uint_t) (1 + op->mine)
              || other->own[1] != left
              || limits->count[1] != own + mine->own[1] + left);

    return rc;
}


static void
meeting(void)
{
    __sync_synchronize();

    if (met.first == 0) {
        return;
    }

    met.n++;

    if (met.n == met.first) {
        go_on(met.changes);

    } else if (met.n == met.second && !met.over) {
        met.over = !step_on(met.pid, 0);
    }
}


/* the living one, by this many changes of the pool */

static void
go_on(ngx_uint_t changes)
{
    ngx_uint_t     n;
    static u_char  before[16 * 1024];

    for (n = 0; n < changes && !met.over; /* void */ ) {
        ngx_memcpy(before, pool, sizeof(before));
        met.over = !step_one(met.pid);
        n += (ngx_memcmp(before, pool, sizeof(before)) != 0);
    }
}


/* of counter 1 one is the test's, two are theirs, and three the other's */

static void
prepare(void)
{
    ngx_uint_t  i;

    if (pool == NULL) {
        pool = shm_pool(16 * 1024);
        limits = ngx_llm_limits_create(pool, COUNTERS);
        mine = ngx_llm_limits_open(limits, pool, 0, LIVING);
        theirs = ngx_llm_limits_open(limits, pool, 1, LIVING + 1);
        other = ngx_llm_limits_open(limits, pool, 2, LIVING + 2);
    }

    for (i = 0; i < COUNTERS; i++) {
        mine->own[i] = (i == 1);
        theirs->own[i] = 2 * (i == 1);
        other->own[i] = 3 * (i == 1);
        limits->count[i] = mine->own[i] + theirs->own[i] + other->own[i];
    }

    mine->pid = LIVING;
    theirs->pid = LIVING + 1;
    other->pid = LIVING + 2;

    /* the other one died inside an operation */

    mine->sequence = 0;
    theirs->sequence = 0;
    other->sequence = 1;

    roll.ngone = 1;
    roll.gone[0] = other;
    roll.nliving = 2;
    roll.living[0] = mine;
    roll.living[1] = theirs;
}


static void
acquire(void)
{
    (void) ngx_llm_limits_acquire(limits, theirs, 1, NGX_LLM_UNLIMITED);
}


static void
acquire_last(void)
{
    (void) ngx_llm_limits_acquire(limits, theirs, 1, 7);
}


/* there is room at the first look, and none when it swaps */

static void
acquire_full(void)
{
    hurry = 1;
    (void) ngx_llm_limits_acquire(limits, theirs, 1, 7);
}


static int
overtaken(void)
{
    meeting();

    if (!hurry) {
        return 0;
    }

    hurry = 0;
    (void) ngx_llm_limits_acquire(limits, mine, 1, NGX_LLM_UNLIMITED);

    return 1;
}


static void
release(void)
{
    ngx_llm_limits_release(limits, theirs, 1);
}


static void
taken_back(void)
{
    calls++;

    /* not while the living one is inside its operation */

    if (mine->sequence & 1) {
        return;
    }

    /* what it holds stands in its ledger */

    wrong += (limits->count[1] > mine->own[1] + theirs->own[1] + 3);

    wrong += (ngx_llm_limits_reclaim(limits, pool, dead, forget, NULL) != 2);

    wrong += (limits->count[1] != mine->own[1]);
    wrong += (theirs->own[1] != 0 || other->own[1] != 0);
    wrong += (theirs->pid != 0 || theirs->sequence & 1);
}


static void
succeeded(void)
{
    ngx_uint_t  rest;

    calls++;

    if (mine->sequence & 1) {
        return;
    }

    /* the other one lives, and is inside no operation */

    other->sequence = 0;
    rest = mine->own[1] + other->own[1];

    wrong += (ngx_llm_limits_open(limits, pool, 1, LIVING + 7) != theirs);
    wrong += (limits->count[1] != rest || theirs->own[1] != 0);
    wrong += (theirs->pid != LIVING + 7 || theirs->sequence & 1);
}


static ngx_uint_t
dead(ngx_pid_t pid)
{
    return pid > DEAD;
}


static void
forget(void *data, ngx_uint_t slot)
{
    wrong += (slot < 1 || slot > 3);
}
