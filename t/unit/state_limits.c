
/*
 * The counts of what is under way: limits, ledgers, and processes that are
 * killed at random moments while others go on.
 */


#include "../../src/state/ngx_llm_limits.c"
#include "shm.h"


#define COUNTERS  8
#define SLOTS     4
#define KILLS     320

#define HELD      8         /* at most, by one process */


/*
 * What the processes really are in: a word a counter, a byte of it a slot, so
 * that one atomic operation tells how many there are at that very moment.
 */

typedef struct {
    ngx_atomic_t  inside[COUNTERS];
    ngx_atomic_t  exceeded;         /* times that were more than the maximum */
    ngx_atomic_t  absurd;           /* times that a counter was */
    ngx_atomic_t  full;             /* times that one was full */
    ngx_atomic_t  taken;
    ngx_atomic_t  again;            /* openings that had to be tried again */
    ngx_atomic_t  failed;
    ngx_atomic_t  stop;
} truth_t;


static void test_acquire(void);
static void test_open(void);
static void test_close(void);
static void test_reclaim(void);
static void test_no_memory(void);
static void test_maximum(void);
static void test_kills(void);
static ngx_uint_t kill_some(pid_t *pids, ngx_uint_t mask,
    ngx_uint_t *inside);
static void finish(pid_t *pids);
static void start(pid_t *pids, ngx_uint_t slot);
static void work(ngx_uint_t slot);
static ngx_llm_ledger_t *open_ledger(ngx_uint_t slot);
static ngx_uint_t enter(ngx_llm_ledger_t *ledger, ngx_uint_t slot,
    ngx_uint_t i);
static void leave(ngx_llm_ledger_t *ledger, ngx_uint_t slot, ngx_uint_t i);
static ngx_int_t reclaim(void);
static ngx_uint_t by_kill(ngx_pid_t pid);
static ngx_uint_t by_number(ngx_pid_t pid);
static void forget(void *data, ngx_uint_t slot);
static ngx_uint_t sum(ngx_atomic_uint_t word);


static truth_t           *truth;
static ngx_uint_t         forgotten[NGX_MAX_PROCESSES];
static ngx_slab_pool_t   *pool;
static ngx_llm_limits_t  *limits;

static const ngx_uint_t   maximum[COUNTERS] = { 1, 2, 3, 5, 8, 4, 0, 0 };


int
main(void)
{
    test_acquire();
    test_open();
    test_close();
    test_reclaim();
    test_no_memory();
    test_maximum();
    test_kills();

    return test_done();
}


static void
test_acquire(void)
{
    ngx_uint_t         i;
    ngx_llm_ledger_t  *one, *two;

    pool = shm_pool(256 * 1024);
    limits = ngx_llm_limits_create(pool, COUNTERS);

    if (!ok(limits != NULL, "counters")) {
        return;
    }

    one = ngx_llm_limits_open(limits, pool, 0, 11);
    two = ngx_llm_limits_open(limits, pool, 1, 12);

    ok(one && two && one != two, "two ledgers");

    for (i = 0; i < 3; i++) {
        is_number(ngx_llm_limits_acquire(limits, i ? two : one, 4, 3), 1,
                  "%u of 3", (unsigned) i + 1);
    }

    is_number(ngx_llm_limits_acquire(limits, one, 4, 3), 0, "no fourth");
    is_number(ngx_llm_limits_acquire(limits, two, 4, 3), 0, "... for anybody");
    is_number(ngx_llm_limits_acquire(limits, one, 4, 4), 1,
              "one more when the maximum is more");
    is_number(ngx_llm_limits_acquire(limits, one, 4, 2), 0,
              "none when it is less than is taken");
    is_number(ngx_llm_limits_acquire(limits, one, 4, NGX_LLM_UNLIMITED), 1,
              "any without a maximum");

    is_number(ngx_llm_limits_count(limits, 4), 5, "five in all");
    is_number(one->own[4], 3, "... three of the first");
    is_number(two->own[4], 2, "... two of the second");
    is_number(one->sequence & 1, 0, "nobody is inside an operation");

    for (i = 0; i < COUNTERS; i++) {
        is_number(ngx_llm_limits_count(limits, i), i == 4 ? 5 : 0,
                  "counter %u", (unsigned) i);
    }

    for (i = 0; i < 5; i++) {
        ngx_llm_limits_release(limits, i < 3 ? one : two, 4);
    }

    is_number(ngx_llm_limits_count(limits, 4), 0, "none after the releases");
    ok(one->own[4] == 0 && two->own[4] == 0, "... in no ledger");
    is_number(ngx_llm_limits_acquire(limits, one, 4, 1), 1,
              "then there is room again");
}


static void
test_open(void)
{
    ngx_llm_ledger_t  *one, *next;

    pool = shm_pool(256 * 1024);
    limits = ngx_llm_limits_create(pool, COUNTERS);

    one = ngx_llm_limits_open(limits, pool, 7, 11);

    (void) ngx_llm_limits_acquire(limits, one, 1, 0);
    (void) ngx_llm_limits_acquire(limits, one, 1, 0);
    (void) ngx_llm_limits_acquire(limits, one, 2, 0);
    (void) ngx_llm_limits_acquire(limits,
                                  ngx_llm_limits_open(limits, pool, 8, 12),
                                  1, 0);

    next = ngx_llm_limits_open(limits, pool, 7, 13);

    ok(next == one, "a successor has the ledger of its slot");
    is_number(next->pid, 13, "... in its name");
    is_number(ngx_llm_limits_count(limits, 1), 1,
              "... what its predecessor held is free");
    is_number(ngx_llm_limits_count(limits, 2), 0, "... of each counter");
    is_number(next->own[1], 0, "... and not its own");

    /* one that is inside an operation can't be told apart from the dead */

    (void) ngx_llm_limits_acquire(limits, next, 1, 0);
    limits->ledgers[8]->sequence++;

    ok(ngx_llm_limits_open(limits, pool, 7, 14) == NULL,
       "no opening while another is inside an operation");
    is_number(next->pid, 13, "... nothing changed");
    is_number(ngx_llm_limits_count(limits, 1), 2, "... of the counts");
    is_number(pool->lock.lock, 0, "... and the mutex is free");

    limits->ledgers[8]->sequence++;

    ok(ngx_llm_limits_open(limits, pool, 7, 14) == next,
       "it opens when that one is through");
    is_number(ngx_llm_limits_count(limits, 1), 1, "... and takes back");

    /* two that died at once inside operations stand in each other's way */

    one = ngx_llm_limits_open(limits, pool, 7, 1001);
    next = ngx_llm_limits_open(limits, pool, 9, 1002);

    (void) ngx_llm_limits_acquire(limits, one, 1, 0);
    (void) ngx_llm_limits_acquire(limits, next, 1, 0);

    one->sequence++;
    next->sequence++;

    ok(ngx_llm_limits_open(limits, pool, 7, 15) == NULL
       && ngx_llm_limits_open(limits, pool, 9, 16) == NULL,
       "no opening while another one dead stands inside an operation");
    is_number(reclaim(), 2, "... until both were reclaimed");
    ok(ngx_llm_limits_open(limits, pool, 7, 15) != NULL
       && ngx_llm_limits_open(limits, pool, 9, 16) != NULL,
       "... then both open");
}


static void
test_close(void)
{
    ngx_llm_ledger_t  *one, *two;

    pool = shm_pool(256 * 1024);
    limits = ngx_llm_limits_create(pool, COUNTERS);

    one = ngx_llm_limits_open(limits, pool, 0, 1001);
    two = ngx_llm_limits_open(limits, pool, 1, 1002);

    (void) ngx_llm_limits_acquire(limits, one, 1, 0);
    ngx_llm_limits_release(limits, one, 1);
    (void) ngx_llm_limits_acquire(limits, two, 1, 0);

    ngx_llm_limits_close(limits, one);
    ngx_llm_limits_close(limits, two);

    is_number(one->pid, 0, "closed with nothing held: nobody's");
    is_number(two->pid, 1002, "closed with something held: still there");
    is_number(ngx_llm_limits_count(limits, 1), 1, "... with what it holds");

    is_number(ngx_llm_limits_reclaim(limits, pool, by_number, forget, NULL),
              1, "it is taken back as that of one that died");
    is_number(ngx_llm_limits_count(limits, 1), 0, "... exactly");
    is_number(two->pid, 0, "... then it is nobody's");
}


static void
test_reclaim(void)
{
    ngx_uint_t         i, k;
    ngx_llm_ledger_t  *ledger[5];

    pool = shm_pool(256 * 1024);
    limits = ngx_llm_limits_create(pool, COUNTERS);
    ngx_memzero(forgotten, sizeof(forgotten));

    /* slots 10, 11, 12 live, 13 and 14 will be dead */

    for (i = 0; i < 5; i++) {
        ledger[i] = ngx_llm_limits_open(limits, pool, 10 + i,
                                        i < 3 ? 11 + i : 1001 + i);

        for (k = 0; k <= i; k++) {
            (void) ngx_llm_limits_acquire(limits, ledger[i], 3, 0);
        }
    }

    (void) ngx_llm_limits_acquire(limits, ledger[4], 5, 0);

    is_number(ngx_llm_limits_count(limits, 3), 15, "1 + 2 + 3 + 4 + 5");

    ledger[2]->sequence++;

    is_number(reclaim(), NGX_AGAIN, "not while the living don't stand still");
    is_number(ngx_llm_limits_count(limits, 3), 15, "... nothing is lost");
    ok(ledger[3]->pid && ledger[4]->pid, "... nobody is half gone");
    is_number(pool->lock.lock, 0, "... the mutex is free");

    ledger[2]->sequence++;
    ledger[3]->sequence++;

    ngx_memzero(forgotten, sizeof(forgotten));

    is_number(reclaim(), 2, "two dead at once, one inside an operation");
    is_number(ngx_llm_limits_count(limits, 3), 6, "1 + 2 + 3 are left");
    is_number(ngx_llm_limits_count(limits, 5), 0, "... nothing elsewhere");
    ok(forgotten[13] == 1 && forgotten[14] == 1, "both are forgotten");
    is_number(forgotten[10] + forgotten[11] + forgotten[12], 0,
              "... none of the living");
    ok(ledger[3]->pid == 0 && ledger[4]->pid == 0, "their slots are free");
    is_number(ledger[3]->sequence & 1, 0, "... inside no operation");

    is_number(reclaim(), 0, "nothing to do then");
    is_number(ngx_llm_limits_count(limits, 3), 6, "... and nothing done");
}


static void
test_no_memory(void)
{
    ngx_uint_t         i;
    ngx_llm_ledger_t  *ledger;
    ngx_llm_limits_t  *l;

    pool = shm_pool(256 * 1024);

    for (i = 1; i <= 3; i++) {
        shm_fail = i;
        l = ngx_llm_limits_create(pool, COUNTERS);

        ok(l == NULL, "no counters without memory, %u", (unsigned) i);
    }

    shm_fail = 0;

    limits = ngx_llm_limits_create(pool, COUNTERS);
    ok(limits != NULL, "counters with memory");

    shm_fail = 1;
    ok(ngx_llm_limits_open(limits, pool, 3, 11) == NULL,
       "no ledger without memory");
    is_number(pool->lock.lock, 0, "... and the mutex is free");

    shm_fail = 0;
    ledger = ngx_llm_limits_open(limits, pool, 3, 11);
    ok(ledger != NULL, "a ledger with memory");

    shm_fail = 1;
    ok(ngx_llm_limits_open(limits, pool, 5, 12) == NULL,
       "nobody gets that of a process that is there");

    ngx_llm_limits_close(limits, ledger);

    shm_fail = 1;
    ok(ngx_llm_limits_open(limits, pool, 5, 12) == ledger,
       "one that ended leaves it to another slot");
    is_number(ledger->pid, 12, "... whose it is");

    shm_fail = 1;
    ok(ngx_llm_limits_open(limits, pool, 3, 13) == NULL,
       "... and to no second one");

    shm_fail = 0;
    ok(ngx_llm_limits_open(limits, pool, 3, 13) != ledger,
       "the slot that it left gets one of its own");
    is_number(pool->lock.lock, 0, "... and the mutex is free");
}


/* nobody is killed: four processes at one counter, a million times */

static void
test_maximum(void)
{
    int                wrong;
    pid_t              pids[4];
    ngx_uint_t         i, slot;
    ngx_llm_ledger_t  *ledger;

    pool = shm_pool(256 * 1024);
    limits = ngx_llm_limits_create(pool, COUNTERS);
    truth = ngx_slab_calloc(pool, sizeof(truth_t));

    for (slot = 0; slot < 4; slot++) {
        pids[slot] = shm_fork();

        if (pids[slot] == 0) {
            ledger = open_ledger(slot);

            for (i = 0; i < 100000; i++) {
                if (enter(ledger, slot, 1)) {
                    leave(ledger, slot, 1);
                }
            }

            _exit(0);
        }
    }

    wrong = 0;

    for (slot = 0; slot < 4; slot++) {
        wrong += !shm_wait(pids[slot]);
    }

    is_number(wrong, 0, "four processes took and gave back");
    ok(truth->taken > 10000, "... %u times", (unsigned) truth->taken);
    is_number(truth->exceeded, 0, "... never more than two at once");
    is_number(ngx_llm_limits_count(limits, 1), 0, "... nothing is left");
}


static void
test_kills(void)
{
    pid_t       pids[SLOTS];
    uint64_t    state;
    ngx_int_t   rc;
    ngx_uint_t  i, kills, slot, inside, opened, wrong;

    pool = shm_pool(256 * 1024);
    limits = ngx_llm_limits_create(pool, COUNTERS);
    truth = ngx_slab_calloc(pool, sizeof(truth_t));

    state = 1;
    inside = 0;
    opened = 0;
    wrong = 0;

    for (slot = 0; slot < SLOTS; slot++) {
        start(pids, slot);
    }

    for (kills = 0; kills < KILLS; /* void */ ) {
        shm_sleep_us(shm_random(&state, 1500));

        /* some at once; then they are taken back, or not yet */

        i = shm_random(&state, 1 << SLOTS);
        kills += kill_some(pids, i, &inside);

        if (shm_random(&state, 2)) {
            rc = reclaim();
            wrong += (rc < 0 && rc != NGX_AGAIN);

        } else {
            opened++;
        }

        for (slot = 0; slot < SLOTS; slot++) {
            if (pids[slot] == 0 && shm_random(&state, 4)) {
                start(pids, slot);
            }
        }
    }

    ok(kills >= KILLS && opened > 10,
       "%u kills, %u of them inside an operation, %u times not taken back "
       "but by their successors", (unsigned) kills, (unsigned) inside,
       (unsigned) opened);
    is_number(wrong, 0, "... taken back, or to be tried again");

    finish(pids);
}


/* those of the slots in the mask; returns how many there were */

static ngx_uint_t
kill_some(pid_t *pids, ngx_uint_t mask, ngx_uint_t *inside)
{
    ngx_uint_t         i, n, slot;
    ngx_llm_ledger_t  *ledger;

    n = 0;

    for (slot = 0; slot < SLOTS; slot++) {
        if (pids[slot] && (mask & (1 << slot))) {
            kill(pids[slot], SIGKILL);
        }
    }

    for (slot = 0; slot < SLOTS; slot++) {

        if (pids[slot] == 0 || !(mask & (1 << slot))) {
            continue;
        }

        shm_kill(pool, pids[slot]);
        pids[slot] = 0;
        n++;

        ledger = limits->ledgers[slot];
        *inside += (ledger && ledger->sequence & 1);

        for (i = 0; i < COUNTERS; i++) {
            (void) __sync_fetch_and_and(&truth->inside[i],
                                        ~(0xffUL << (8 * slot)));
        }
    }

    return n;
}


static void
finish(pid_t *pids)
{
    ngx_uint_t  i, slot, wrong;

    truth->stop = 1;
    wrong = 0;

    for (slot = 0; slot < SLOTS; slot++) {
        if (pids[slot]) {
            wrong += !shm_wait(pids[slot]);
        }
    }

    is_number(wrong, 0, "the others come to their end");
    is_number(truth->failed, 0, "... all could open their ledgers, %u at "
              "another try", (unsigned) truth->again);

    for (i = 0; i < 100 && reclaim() == NGX_AGAIN; i++) { /* void */ }

    for (i = 0; i < COUNTERS; i++) {
        is_number(ngx_llm_limits_count(limits, i), 0, "counter %u is 0",
                  (unsigned) i);
    }

    ok(truth->taken > 10000 && truth->full > 100,
       "%u were taken, %u times it was full", (unsigned) truth->taken,
       (unsigned) truth->full);
    is_number(truth->exceeded, 0, "never more than the maximum at once");
    is_number(truth->absurd, 0, "never a count that can't be");
}


static void
start(pid_t *pids, ngx_uint_t slot)
{
    pids[slot] = shm_fork();

    if (pids[slot] == 0) {
        work(slot);
    }
}


/* takes and gives back until it is killed or told to stop */

static void
work(ngx_uint_t slot)
{
    uint64_t           state;
    ngx_uint_t         i, n, held[HELD];
    ngx_llm_ledger_t  *ledger;

    ledger = open_ledger(slot);

    if (ledger == NULL) {
        (void) ngx_atomic_fetch_add(&truth->failed, 1);
        _exit(1);
    }

    n = 0;
    state = ngx_pid * 2654435761U;

    while (!truth->stop) {

        if (n < HELD && shm_random(&state, 2)) {
            held[n] = shm_random(&state, COUNTERS);
            n += enter(ledger, slot, held[n]);

        } else if (n) {
            i = shm_random(&state, n);
            leave(ledger, slot, held[i]);
            held[i] = held[--n];
        }

        /* it has other things to do too */

        for (i = shm_random(&state, 8); i; i--) {
            ngx_cpu_pause();
        }
    }

    /* every other one ends with what it holds, as one does that must */

    while (n && slot % 2) {
        leave(ledger, slot, held[--n]);
    }

    ngx_llm_limits_close(limits, ledger);

    _exit(0);
}


/* as a worker does */

static ngx_llm_ledger_t *
open_ledger(ngx_uint_t slot)
{
    ngx_uint_t         i;
    ngx_llm_ledger_t  *ledger;

    for (i = 0; i < 1000; i++) {
        ledger = ngx_llm_limits_open(limits, pool, slot, ngx_pid);

        if (ledger) {
            return ledger;
        }

        (void) ngx_atomic_fetch_add(&truth->again, 1);
        (void) reclaim();
        shm_sleep_us(1000);
    }

    return NULL;
}


static ngx_uint_t
enter(ngx_llm_ledger_t *ledger, ngx_uint_t slot, ngx_uint_t i)
{
    ngx_atomic_uint_t  word;

    if (!ngx_llm_limits_acquire(limits, ledger, i, maximum[i])) {
        (void) ngx_atomic_fetch_add(&truth->full, 1);
        return 0;
    }

    word = __sync_add_and_fetch(&truth->inside[i], 1UL << (8 * slot));

    if (maximum[i] && sum(word) > maximum[i]) {
        (void) ngx_atomic_fetch_add(&truth->exceeded, 1);
    }

    if (ngx_llm_limits_count(limits, i) > 10 * HELD) {
        (void) ngx_atomic_fetch_add(&truth->absurd, 1);
    }

    (void) ngx_atomic_fetch_add(&truth->taken, 1);

    return 1;
}


static void
leave(ngx_llm_ledger_t *ledger, ngx_uint_t slot, ngx_uint_t i)
{
    (void) __sync_sub_and_fetch(&truth->inside[i], 1UL << (8 * slot));

    ngx_llm_limits_release(limits, ledger, i);
}


static ngx_int_t
reclaim(void)
{
    return ngx_llm_limits_reclaim(limits, pool, truth ? by_kill : by_number,
                                  forget, NULL);
}


static ngx_uint_t
by_kill(ngx_pid_t pid)
{
    return pid != ngx_pid && kill(pid, 0) == -1 && errno == ESRCH;
}


/* in the tests without processes */

static ngx_uint_t
by_number(ngx_pid_t pid)
{
    return pid > 1000;
}


static void
forget(void *data, ngx_uint_t slot)
{
    forgotten[slot]++;

    if (pool->lock.lock != (ngx_atomic_t) ngx_pid) {
        shm_die("a ledger is given up without the mutex");
    }
}


static ngx_uint_t
sum(ngx_atomic_uint_t word)
{
    ngx_uint_t  n;

    for (n = 0; word; word >>= 8) {
        n += word & 0xff;
    }

    return n;
}
