
/*
 * The counts, instruction by instruction: a process that is killed at any of
 * them leaves what can be taken back, and one that stands still at any of them
 * while another takes back loses nothing.
 */


/* before the file that uses it: nobody else is there to wait for */

#include <ngx_config.h>
#include <ngx_core.h>

#undef  ngx_sched_yield
#define ngx_sched_yield()

/* ... but to take what another one is about to take */

#undef  ngx_atomic_cmp_set
#define ngx_atomic_cmp_set(lock, old, set)                                    \
    (hurry ? overtaken()                                                      \
           : __sync_bool_compare_and_swap(lock, old, set))

static int  hurry;
static ngx_uint_t overtaken(void);

#include "../../src/state/ngx_llm_limits.c"
#include "step.h"


#define COUNTERS  2

/* who is dead: of the slots 0 (the test itself) to 3 */
#define LIVING    1
#define DEAD      1000


typedef struct {
    const char  *name;
    step_pt      what;
    ngx_int_t    change;        /* of what the process holds of counter 1 */
    ngx_int_t    mine;          /* ... and of what the test itself holds */
} operation_t;


static void test_killed(void);
static void test_between(void);
static void between(const operation_t *op, ngx_uint_t changes);
static ngx_int_t meet(const operation_t *op, ngx_uint_t steps,
    ngx_uint_t changes, int *over);
static void prepare(void);
static void acquire(void);
static void acquire_full(void);
static void acquire_last(void);
static void release(void);
static void taken_back(void);
static void succeeded(void);
static void not_killed(void);
static void take_back(void);
static ngx_uint_t dead(ngx_pid_t pid);
static void forget(void *data, ngx_uint_t slot);


static const operation_t  operations[] = {
    { "acquire", acquire, 1, 0 },
    { "acquire the last", acquire_last, 1, 0 },
    { "acquire what another one gets", acquire_full, 0, 1 },
    { "release", release, -1, 0 }
};

#define NOPERATIONS  (sizeof(operations) / sizeof(operations[0]))


static ngx_uint_t          wrong, calls;
static ngx_llm_roll_t      roll;
static ngx_slab_pool_t    *pool;
static volatile ngx_int_t *result;      /* of take_back() */
static ngx_llm_limits_t   *limits;
static ngx_llm_ledger_t   *mine, *theirs, *other;


int
main(void)
{
    if (!step_works()) {
        ok(1, "nothing was tested");
        return test_done();
    }

    test_killed();
    test_between();

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

        n = step_through(pool, op->what, taken_back, not_killed);

        ok(n >= 3, "%s changes %u words", op->name, (unsigned) n);
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


/* the living one stands still anywhere while another's are taken back */

static void
test_between(void)
{
    ngx_uint_t  i, n;

    for (i = 0; i < NOPERATIONS; i++) {
        prepare();

        n = step_through(pool, operations[i].what, prepare, NULL);

        between(&operations[i], n);
    }
}


/*
 * Whoever takes back is stopped after each of its instructions; the living
 * one goes on by some of its changes then, and to its end when that was done.
 */

static void
between(const operation_t *op, ngx_uint_t changes)
{
    int         over;
    ngx_int_t   rc;
    ngx_uint_t  n, steps, done, again;

    wrong = 0;
    done = 0;
    again = 0;

    for (n = 1; n <= changes; n++) {
        over = 0;

        for (steps = 0; !over; steps++) {
            rc = meet(op, steps, n, &over);

            done += (rc == NGX_OK);
            again += (rc == NGX_AGAIN);
        }
    }

    ok(done > 20 && again > 20,
       "%s meets who takes back: %u times done, %u times not now", op->name,
       (unsigned) done, (unsigned) again);
    is_number(wrong, 0, "... and each time the counts are right");
}


static ngx_int_t
meet(const operation_t *op, ngx_uint_t steps, ngx_uint_t changes, int *over)
{
    pid_t       living, taker;
    u_char      now[4 * sizeof(ngx_llm_ledger_t) + 64];
    ngx_uint_t  n, own, left, count;

    prepare();

    taker = step_start(take_back);
    living = step_start(op->what);

    *over = steps ? !step_on(taker, steps) : 0;

    for (n = 0; n < changes; /* void */ ) {
        ngx_memcpy(now, theirs, sizeof(now));
        count = limits->count[1];

        if (!step_on(living, 1)) {
            break;
        }

        n += (count != limits->count[1]
              || ngx_memcmp(now, theirs, sizeof(now)) != 0);
    }

    if (!*over) {
        (void) step_on(taker, 0);
    }

    (void) step_on(living, 0);

    step_end(taker);
    step_end(living);

    own = 2 + op->change;
    left = (*result == NGX_OK) ? 0 : 3;

    wrong += (theirs->own[1] != own
              || mine->own[1] != (ngx_uint_t) (1 + op->mine)
              || other->own[1] != left
              || limits->count[1] != own + mine->own[1] + left);

    return *result;
}


/* of counter 1 one is the test's, two are theirs, and three the other's */

static void
prepare(void)
{
    ngx_uint_t  i;

    if (pool == NULL) {
        pool = shm_pool(32 * 1024);
        limits = ngx_llm_limits_create(pool, COUNTERS);
        mine = ngx_llm_limits_open(limits, pool, 0, LIVING);
        theirs = ngx_llm_limits_open(limits, pool, 1, LIVING + 1);
        other = ngx_llm_limits_open(limits, pool, 2, LIVING + 2);
        result = ngx_slab_calloc(pool, sizeof(ngx_int_t));
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

    *result = NGX_ERROR;

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


static void
acquire_full(void)
{
    hurry = 1;
    (void) ngx_llm_limits_acquire(limits, theirs, 1, 7);
}


static ngx_uint_t
overtaken(void)
{
    hurry = 0;
    (void) ngx_llm_limits_acquire(limits, mine, 1, NGX_LLM_UNLIMITED);

    return 0;
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

    /* the other one lives, and is inside no operation */

    other->sequence = 0;
    rest = mine->own[1] + other->own[1];

    wrong += (ngx_llm_limits_open(limits, pool, 1, LIVING + 7) != theirs);
    wrong += (limits->count[1] != rest || theirs->own[1] != 0);
    wrong += (theirs->pid != LIVING + 7 || theirs->sequence & 1);
}


static void
not_killed(void)
{
    taken_back();
}


static void
take_back(void)
{
    *result = ngx_llm_limits_take_back_locked(limits, &roll);
}


static ngx_uint_t
dead(ngx_pid_t pid)
{
    return pid > DEAD;
}


static void
forget(void *data, ngx_uint_t slot)
{
    wrong += (slot != 1 && slot != 2);
}
