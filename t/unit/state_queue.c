
/*
 * The queue: who is called, chains of calls, what leaves and what is
 * forgotten, against a plain model, and through processes that are killed
 * inside the lock.
 */


#include "../../src/base/ngx_llm_text.c"
#include "../../src/state/ngx_llm_keys.c"
#include "../../src/state/ngx_llm_keys_redo.c"
#include "../../src/state/ngx_llm_queue.c"
#include "step.h"


#define MAX    16
#define KEYS   8
#define SLOTS  4
#define KILLS  200

#define ROUTER  NGX_LLM_WAIT_ROUTER
#define MODEL   NGX_LLM_WAIT_MODEL
#define NONE    NGX_LLM_WAITER_NONE
#define NO_KEY  NGX_LLM_KEY_NONE


static void test_order(void);
static void test_reasons(void);
static void test_priority(void);
static void test_keys(void);
static void test_burst(void);
static void test_again(void);
static void test_vain(void);
static void test_chain(void);
static void test_limits(void);
static void test_ahead(void);
static void test_forget(void);
static void test_retry_after(void);
static void test_no_memory(void);
static void test_random(void);
static void test_random_call(void);
static void test_killed(void);
static void killed(void);
static void do_enter(void);
static void do_leave(void);
static void do_leave_middle(void);
static void do_call(void);
static void do_again(void);
static void do_forget(void);
static void test_kills(void);
static void work(ngx_uint_t slot);
static void prepare(void);
static uint32_t enter(ngx_uint_t slot, uint32_t key, ngx_uint_t priority,
    ngx_uint_t reason, ngx_uint_t what);
static uint32_t call(ngx_uint_t reason, ngx_uint_t what);
static uint32_t call_fits(ngx_uint_t mask);
static uint32_t newly_called(void);
static void again(uint32_t i, ngx_uint_t reason, ngx_uint_t what);
static void leave(uint32_t i, ngx_uint_t served);
static void forget(ngx_uint_t slot);
static ngx_uint_t fits(void *data, uint32_t model);
static void notify(ngx_uint_t slot);
static ngx_uint_t sound(void);


/* what stands in the queue, in the order of arrival, as the test knows it */

typedef struct {
    uint32_t           i;
    ngx_llm_waiter_t   w;
    ngx_uint_t         called;
    uint64_t           turn;        /* its key's, before it was called */
    uint64_t           given;
} known_t;

static void test_random_vain(const known_t *o);


static known_t            known[MAX];
static uint64_t           served[KEYS + 1], served_clock;
static uint64_t           state_;
static ngx_uint_t         nknown, notified, group;
static ngx_uint_t         wrong, calls;
static ngx_atomic_t      *stop;
static ngx_llm_keys_t    *keys;
static ngx_slab_pool_t   *pool;
static ngx_llm_queue_t   *queue;


/* what a killed one was at */

static const struct {
    const char  *name;
    step_pt      what;
} operations[] = {
    { "enter", do_enter },
    { "leave at the end", do_leave },
    { "leave in the middle", do_leave_middle },
    { "call", do_call },
    { "again", do_again },
    { "forget", do_forget }
};


int
main(void)
{
    test_order();
    test_reasons();
    test_priority();
    test_keys();
    test_burst();
    test_again();
    test_vain();
    test_chain();
    test_limits();
    test_ahead();
    test_forget();
    test_retry_after();
    test_no_memory();
    test_random();

    if (step_works()) {
        test_killed();
    }

    test_kills();

    return test_done();
}


static void
test_order(void)
{
    uint32_t  a, b, c;

    prepare();

    is_number(call(ROUTER, 0), NONE, "nobody waits");
    is_number(notified, 0, "... nobody is told");

    a = enter(1, NO_KEY, 0, ROUTER, 0);
    b = enter(2, NO_KEY, 0, ROUTER, 0);
    c = enter(1, NO_KEY, 0, ROUTER, 0);

    ok(a != b && b != c && a != c && a != NONE, "three wait");
    is_number(queue->n, 3, "... in the queue");

    is_number(call(ROUTER, 0), a, "the first is called first");
    is_number(notified, 1 << 1, "... its worker is told");
    ok(ngx_llm_queue_called(queue, a), "... it can see it");
    ok(!ngx_llm_queue_called(queue, b), "... the others can't");

    is_number(call(ROUTER, 0), b, "then the second");
    is_number(notified, 1 << 2, "... its worker is told");

    leave(a, 1);
    leave(b, 1);

    is_number(call(ROUTER, 0), c, "then the third");
    is_number(call(ROUTER, 0), NONE, "then nobody");
    is_number(notified, 0, "... and nobody is told");

    leave(c, 0);
    is_number(queue->n, 0, "all have left");
    ok(sound(), "the lists are sound");
}


static void
test_reasons(void)
{
    uint32_t  router, other, key, model, next;

    prepare();

    router = enter(0, NO_KEY, 0, ROUTER, 3);
    other = enter(0, NO_KEY, 0, ROUTER, 4);
    key = enter(0, 2, 0, NGX_LLM_WAIT_KEY, 2);
    model = enter(0, NO_KEY, 0, MODEL, 5);
    next = enter(0, NO_KEY, 0, MODEL, 6);

    is_number(call(ROUTER, 4), other, "who waits for this limit");
    is_number(call(ROUTER, 4), NONE, "... no other");
    is_number(call(ROUTER, 3), router, "who waits for that one");
    is_number(call(NGX_LLM_WAIT_KEY, 1), NONE, "nobody waits for this key");
    is_number(call(NGX_LLM_WAIT_KEY, 2), key, "who waits for its key");
    is_number(call(MODEL, 6), next, "who waits for this model");

    again(next, MODEL, 6);

    is_number(call_fits(1 << 7), NONE, "a node that lists neither model");
    is_number(call_fits(1 << 6), next, "a node that lists the second");
    is_number(call_fits(1 << 5 | 1 << 6), model, "a node that lists both");
    is_number(call_fits(1 << 5 | 1 << 6), NONE, "... all are called");
    ok(sound(), "the lists are sound");
}


static void
test_priority(void)
{
    uint32_t  low, high, middle, more;

    prepare();

    low = enter(0, 1, 0, ROUTER, 0);
    middle = enter(0, 2, 5, ROUTER, 0);
    high = enter(0, 3, 9, ROUTER, 0);
    more = enter(0, 3, 9, ROUTER, 0);

    keys->key[3].served = 1000;

    is_number(call(ROUTER, 0), high, "the highest priority first, though "
              "its key was served last");
    is_number(call(ROUTER, 0), more, "... all of it");
    is_number(call(ROUTER, 0), middle, "then the next");
    is_number(call(ROUTER, 0), low, "then the lowest");

    prepare();

    low = enter(0, NO_KEY, -3, ROUTER, 0);
    high = enter(0, NO_KEY, 0, ROUTER, 0);

    is_number(call(ROUTER, 0), high, "less than 0 is less");
    is_number(call(ROUTER, 0), low, "... and is called at last");
}


/* one key enters all its waiters before another one */

static void
test_keys(void)
{
    uint32_t    i, a[4], b[4], anonymous[4];
    ngx_uint_t  k;

    prepare();

    for (k = 0; k < 4; k++) {
        a[k] = enter(0, 1, 0, ROUTER, 0);
    }

    for (k = 0; k < 4; k++) {
        b[k] = enter(0, 2, 0, ROUTER, 0);
    }

    for (k = 0; k < 4; k++) {
        anonymous[k] = enter(0, NO_KEY, 0, ROUTER, 0);
    }

    for (k = 0; k < 4; k++) {
        i = call(ROUTER, 0);
        is_number(i, a[k], "turn %u: the first key", (unsigned) k);
        leave(i, 1);

        i = call(ROUTER, 0);
        is_number(i, b[k], "... the second one");
        leave(i, 1);

        i = call(ROUTER, 0);
        is_number(i, anonymous[k], "... those without a key");
        leave(i, 1);
    }

    is_number(queue->n, 0, "all were served");
}


/* several slots are free at once, before anybody who was called is served */

static void
test_burst(void)
{
    uint32_t    i;
    ngx_uint_t  k, got[3];

    prepare();

    for (k = 0; k < 6; k++) {
        (void) enter(0, 1, 0, ROUTER, 0);
    }

    (void) enter(0, 2, 0, ROUTER, 0);
    (void) enter(0, 2, 0, ROUTER, 0);

    ngx_memzero(got, sizeof(got));

    for (k = 0; k < 4; k++) {
        i = call(ROUTER, 0);
        got[queue->waiter[i].key]++;
    }

    ok(got[1] == 2 && got[2] == 2, "four calls at once are shared by the "
       "keys: %u, %u", (unsigned) got[1], (unsigned) got[2]);
}


static void
test_again(void)
{
    uint32_t  a, b;

    prepare();

    a = enter(0, NO_KEY, 0, ROUTER, 0);
    b = enter(0, NO_KEY, 0, ROUTER, 0);

    is_number(call(ROUTER, 0), a, "the first is called");

    again(a, ROUTER, 0);
    is_number(call(ROUTER, 0), a, "it found nothing: it is still the first");

    again(a, MODEL, 7);
    is_number(call(ROUTER, 0), b, "it waits for something else now");
    is_number(call(MODEL, 7), a, "... and is called for that");
    ok(sound() && queue->n == 2, "both stand in the queue");
}


/* to be called in vain costs a key nothing */

static void
test_vain(void)
{
    uint32_t  a, b;

    prepare();

    a = enter(0, 1, 0, ROUTER, 0);
    b = enter(1, 2, 0, ROUTER, 0);

    is_number(call(ROUTER, 0), a, "the first of two keys is called");

    again(a, ROUTER, 0);
    is_number(call(ROUTER, 0), a, "... in vain: it is its turn again");
    is_number(call(ROUTER, 0), b, "... then the other's");

    again(a, ROUTER, 0);
    again(b, ROUTER, 0);
    is_number(call(ROUTER, 0), a, "... and neither lost its turn");

    leave(a, 1);
    a = enter(0, 1, 0, ROUTER, 0);
    is_number(call(ROUTER, 0), b, "who was served has had it");

    /* two of one key, called one after the other */

    prepare();

    a = enter(0, 1, 0, ROUTER, 0);
    b = enter(1, 1, 0, ROUTER, 0);
    (void) call(ROUTER, 0);
    (void) call(ROUTER, 0);
    (void) enter(2, 2, 0, ROUTER, 0);

    again(a, ROUTER, 0);
    again(b, ROUTER, 0);
    is_number(call(ROUTER, 0), a, "the turns of two are given back");
}


/* who leaves calls the next: one free slot is used by all, one by one */

static void
test_chain(void)
{
    uint32_t    i, last;
    uint64_t    state;
    ngx_uint_t  k, count;

    prepare();

    for (k = 0; k < MAX; k++) {
        (void) enter(k % SLOTS, k % KEYS, k % 3, ROUTER, 0);
    }

    state = 7;
    count = 0;
    last = NONE;

    for (i = call(ROUTER, 0); i != NONE; i = call(ROUTER, 0)) {
        ok(i != last, "waiter %u is called", (unsigned) i);
        last = i;

        /* some are served, of some the client has left */

        leave(i, shm_random(&state, 2));
        count++;
    }

    is_number(count, MAX, "all were called");
    ok(queue->n == 0 && sound(), "... and have left");
}


static void
test_limits(void)
{
    uint32_t          i;
    ngx_uint_t        k;
    ngx_llm_waiter_t  w;

    prepare();
    ngx_memzero(&w, sizeof(ngx_llm_waiter_t));
    w.key = NO_KEY;

    is_number(ngx_llm_queue_enter(queue, &w, 0), NONE,
              "nobody may wait where the limit is 0");

    for (k = 0; k < 3; k++) {
        w.group = 1;
        ok(ngx_llm_queue_enter(queue, &w, 3) != NONE, "group 1: %u of 3",
           (unsigned) k);
        w.group = 2;
        ok(ngx_llm_queue_enter(queue, &w, 9) != NONE, "group 2: %u of 9",
           (unsigned) k);
    }

    w.group = 1;
    is_number(ngx_llm_queue_enter(queue, &w, 3), NONE, "group 1 is full");
    ok(ngx_llm_queue_enter(queue, &w, 4) != NONE, "... with 3");
    w.group = 2;
    i = ngx_llm_queue_enter(queue, &w, 4);
    ok(i != NONE, "group 2 isn't");
    leave(i, 0);
    i = ngx_llm_queue_enter(queue, &w, 4);
    ok(i != NONE, "... nor after one has left");

    for (k = queue->n; k < MAX; k++) {
        w.group = 3;
        i = ngx_llm_queue_enter(queue, &w, 100);
    }

    is_number(queue->n, MAX, "the whole queue is full");
    is_number(ngx_llm_queue_enter(queue, &w, 100), NONE, "... for any group");
    leave(i, 1);
    ok(ngx_llm_queue_enter(queue, &w, 100) != NONE, "... until one leaves");
    ok(sound(), "the lists are sound");
}


static void
test_ahead(void)
{
    uint32_t        i;
    ngx_uint_t      mask;
    ngx_llm_wait_t  wait;

    prepare();

    wait.reason = ROUTER;
    wait.what = 0;

    is_number(ngx_llm_queue_ahead(queue, &wait, NULL, NULL), 0,
              "nobody is ahead in an empty queue");

    i = enter(0, NO_KEY, 0, ROUTER, 0);
    (void) enter(0, NO_KEY, 0, MODEL, 5);

    is_number(ngx_llm_queue_ahead(queue, &wait, NULL, NULL), 1,
              "who waits is ahead");
    (void) call(ROUTER, 0);
    is_number(ngx_llm_queue_ahead(queue, &wait, NULL, NULL), 1,
              "... who was called, too");

    wait.what = 1;
    is_number(ngx_llm_queue_ahead(queue, &wait, NULL, NULL), 0,
              "not of what waits for something else");

    wait.reason = MODEL;
    mask = 1 << 5;
    is_number(ngx_llm_queue_ahead(queue, &wait, fits, &mask), 1,
              "by what fits");
    mask = 1 << 6;
    is_number(ngx_llm_queue_ahead(queue, &wait, fits, &mask), 0,
              "... and what does not");

    leave(i, 1);
    wait.reason = ROUTER;
    wait.what = 0;
    is_number(ngx_llm_queue_ahead(queue, &wait, NULL, NULL), 0,
              "who has left is ahead of nobody");
}


static void
test_forget(void)
{
    uint32_t    i, w[12];
    ngx_uint_t  k;

    prepare();

    for (k = 0; k < 12; k++) {
        w[k] = enter(k % 3, NO_KEY, 0, ROUTER, 0);
    }

    forget( 3);
    is_number(queue->n, 12, "a worker without waiters");

    forget( 0);
    is_number(queue->n, 8, "the waiters of one are dropped");
    ok(sound(), "... the lists are sound");

    for (k = 0; k < 12; k++) {

        if (k % 3 == 0) {
            continue;
        }

        i = call(ROUTER, 0);
        is_number(i, w[k], "the others are called in their order");
    }

    forget( 2);
    forget( 1);
    ok(queue->n == 0 && sound(), "all are forgotten, though they were called");
}


static void
test_retry_after(void)
{
    uint32_t    i;
    ngx_uint_t  k;

    prepare();

    is_number(ngx_llm_queue_retry_after(queue), 1, "an empty queue: 1 s");

    for (k = 0; k < 10; k++) {
        (void) enter(0, NO_KEY, 0, ROUTER, 0);
    }

    is_number(ngx_llm_queue_retry_after(queue), 1,
              "nobody was served yet: 1 s");

    for (k = 0; k < 5; k++) {
        ngx_current_msec += 2000;
        leave(call(ROUTER, 0), 1);
    }

    is_number(ngx_llm_queue_retry_after(queue), 11,
              "one in 2 s, five wait: 11 s");

    for (k = 0; k < 5; k++) {
        leave(call(ROUTER, 0), 0);
    }

    /* an hour in which nobody waited says nothing of the rate */

    ngx_current_msec += 3600000;

    (void) enter(0, NO_KEY, 0, ROUTER, 0);
    ngx_current_msec += 2000;
    leave(call(ROUTER, 0), 1);

    for (k = 0; k < 5; k++) {
        (void) enter(0, NO_KEY, 0, ROUTER, 0);
    }

    is_number(ngx_llm_queue_retry_after(queue), 11,
              "an hour without waiters changes nothing");

    /* another worker's clock is behind */

    ngx_current_msec -= 3;
    leave(call(ROUTER, 0), 1);
    i = enter(0, NO_KEY, 0, ROUTER, 0);
    ok(i != NONE && ngx_llm_queue_retry_after(queue) <= 10
       && ngx_llm_queue_retry_after(queue) >= 9,
       "nor does a clock that is behind: %u",
       (unsigned) ngx_llm_queue_retry_after(queue));

    for (k = 0; k < 10; k++) {
        ngx_current_msec += 600000;
        leave(call(ROUTER, 0), 1);
        (void) enter(0, NO_KEY, 0, ROUTER, 0);
    }

    is_number(ngx_llm_queue_retry_after(queue), 60, "never more than 60 s");
}


static void
test_no_memory(void)
{
    ngx_uint_t  i;

    prepare();

    for (i = 1; i <= 2; i++) {
        shm_fail = i;
        ok(ngx_llm_queue_create(pool, keys, MAX) == NULL, "no queue, %u",
           (unsigned) i);
    }

    shm_fail = 0;
    ok(ngx_llm_queue_create(pool, keys, 100000) == NULL,
       "too small for 100,000");
    is_number(pool->lock.lock, 0, "the mutex is free");
}


/* against a plain model: an array in the order of arrival */

static void
test_random(void)
{
    uint32_t    i;
    uint64_t    ticks;
    ngx_uint_t  k;

    prepare();

    nknown = 0;
    served_clock = 0;
    ngx_memzero(served, sizeof(served));
    state_ = 99;
    wrong = 0;
    calls = 0;

    for (ticks = 0; ticks < 50000; ticks++) {

        switch (shm_random(&state_, 4)) {

        case 0:
            i = enter(shm_random(&state_, SLOTS), shm_random(&state_, KEYS),
                      shm_random(&state_, 2), ROUTER, shm_random(&state_, 2));

            wrong += (i == NONE) != (nknown == MAX);

            if (i != NONE) {
                known[nknown].i = i;
                known[nknown].w = queue->waiter[i];
                known[nknown++].called = 0;
            }

            break;

        case 1:
            test_random_call();
            break;

        case 2:
            if (nknown == 0) {
                break;
            }

            k = shm_random(&state_, nknown);
            leave(known[k].i, known[k].called);

            if (known[k].called) {
                served[known[k].w.key] = ++served_clock;
            }

            nknown--;
            memmove(&known[k], &known[k + 1], (nknown - k) * sizeof(known_t));
            break;

        default:
            k = shm_random(&state_, MAX);

            if (k < nknown && known[k].called) {
                known[k].called = 0;

                test_random_vain(&known[k]);

                known[k].w.wait.what = shm_random(&state_, 2);
                again(known[k].i, ROUTER, known[k].w.wait.what);
            }
        }

        wrong += (queue->n != nknown);

        if (ticks % 64 == 0) {
            wrong += !sound();
        }
    }

    ok(calls > 5000, "%u were called", (unsigned) calls);
    is_number(wrong, 0, "... each the one that a plain model calls");
}


/* the turn that was given for nothing is as if it had not been */

static void
test_random_vain(const known_t *o)
{
    ngx_uint_t  k;

    if (served[o->w.key] == o->given) {
        served[o->w.key] = o->turn;
    }

    for (k = 0; k < nknown; k++) {
        if (known[k].called
            && known[k].w.key == o->w.key
            && known[k].turn == o->given)
        {
            known[k].turn = o->turn;
        }
    }
}


static void
test_random_call(void)
{
    known_t     *best, *o;
    uint32_t     i;
    ngx_uint_t   k, what;

    what = shm_random(&state_, 2);
    best = NULL;

    for (k = 0; k < nknown; k++) {
        o = &known[k];

        if (o->called || o->w.wait.what != what) {
            continue;
        }

        if (best == NULL
            || o->w.priority > best->w.priority
            || (o->w.priority == best->w.priority
                && served[o->w.key] < served[best->w.key]))
        {
            best = o;
        }
    }

    i = call(ROUTER, what);
    wrong += (i != (best ? best->i : NONE));

    if (best) {
        best->called = 1;
        best->turn = served[best->w.key];
        best->given = ++served_clock;
        served[best->w.key] = best->given;
        calls++;
    }
}


/* a process is killed at any instruction of an operation */

static void
test_killed(void)
{
    ngx_uint_t  i, k, n;

    for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        prepare();

        /* waiters 0 to 8: those of slot 1 are the dead one's */

        for (k = 0; k < 9; k++) {
            (void) enter(k % 3, NO_KEY, 0, ROUTER, 0);
        }

        wrong = 0;
        calls = 0;

        n = step_through(pool, operations[i].what, killed, killed);

        ok(n >= 4 && calls == n + 1, "%s, killed at %u changes",
           operations[i].name, (unsigned) n);
        is_number(wrong, 0, "... each time the queue goes on");
    }
}


/* the others' waiters 0 2 3 5 6 8 are in the queue, in this order */

static void
killed(void)
{
    uint32_t               i;
    ngx_uint_t             k, more;
    static const uint32_t  left[] = { 0, 2, 3, 5, 6, 8 };

    calls++;

    forget( 1);

    wrong += !sound();
    more = (queue->n != 6);

    /* one that the dead one entered for nobody: see do_enter() */

    wrong += (queue->n > 6);

    for (i = queue->first, k = 0; i && k < 6;
         i = queue->waiter[i - 1].next, k++)
    {
        wrong += (i - 1 != left[k]);
    }

    wrong += (k != 6 || more);

    /* all places can be used */

    for (k = queue->n; k < MAX; k++) {
        i = enter(2, 1, 0, ROUTER, 0);
        wrong += (i == NONE || queue->last != i + 1);
    }

    wrong += (enter(2, 1, 0, ROUTER, 0) != NONE);
    wrong += !sound();

    leave(3, 1);
    leave(8, 0);

    for (k = 0; k < 3; k++) {
        forget( k);
    }

    wrong += (queue->n != 0 || !sound());
    wrong += (pool->lock.lock != 0 || queue->dirty);
}


static void
do_enter(void)
{
    (void) enter(1, 1, 0, ROUTER, 0);
}


static void
do_leave(void)
{
    leave(7, 1);
}


static void
do_leave_middle(void)
{
    leave(4, 1);
}


static void
do_call(void)
{
    (void) call(ROUTER, 0);
    (void) call(ROUTER, 0);
}


static void
do_again(void)
{
    again(1, MODEL, 5);
}


static void
do_forget(void)
{
    forget( 1);
}


/* workers that enter, call and leave, and are killed at random moments */

static void
test_kills(void)
{
    pid_t       pids[SLOTS];
    uint64_t    state;
    ngx_uint_t  kills, slot, inside, unsound, ended;

    prepare();

    stop = ngx_slab_calloc(pool, sizeof(ngx_atomic_t));
    ngx_llm_queue_notify = NULL;
    state = 5;
    inside = 0;
    unsound = 0;

    for (slot = 0; slot < SLOTS; slot++) {
        pids[slot] = shm_fork();

        if (pids[slot] == 0) {
            work(slot);
        }
    }

    for (kills = 0; kills < KILLS; kills++) {
        shm_sleep_us(shm_random(&state, 1000));

        slot = shm_random(&state, SLOTS);

        kill(pids[slot], SIGKILL);
        (void) shm_wait(pids[slot]);
        inside += (pool->lock.lock == (ngx_atomic_t) pids[slot]);
        (void) ngx_shmtx_force_unlock(&pool->mutex, pids[slot]);

        forget( slot);

        ngx_llm_queue_lock(queue);
        unsound += !sound();
        ngx_llm_queue_unlock(queue);

        pids[slot] = shm_fork();

        if (pids[slot] == 0) {
            work(slot);
        }
    }

    *stop = 1;
    ended = 0;

    for (slot = 0; slot < SLOTS; slot++) {
        ended += shm_wait(pids[slot]);
    }

    ok(inside > 3, "%d kills, %u of them inside the lock", KILLS,
       (unsigned) inside);
    is_number(unsound, 0, "... the lists are sound after each");
    is_number(ended, SLOTS, "the others come to their end");
    ok(queue->n == 0 && sound(), "... and nobody is left in the queue");
}


static void
work(ngx_uint_t slot)
{
    uint32_t        mine[4];
    uint64_t        state;
    ngx_uint_t      i, n;
    ngx_llm_wait_t  wait;

    n = 0;
    state = ngx_pid;

    while (!*stop) {
        wait.reason = ROUTER;
        wait.what = shm_random(&state, 3);

        i = shm_random(&state, 4);

        if (i == 0 && n < 4) {
            mine[n] = enter(slot, shm_random(&state, KEYS), 0, ROUTER,
                            wait.what);
            n += (mine[n] != NONE);

        } else if (i == 1 && n) {
            i = shm_random(&state, n);
            leave(mine[i], 1);
            mine[i] = mine[--n];

        } else if (i == 2 && n) {
            ngx_llm_queue_again(queue, mine[n - 1], &wait);

        } else {
            ngx_llm_queue_call(queue, &wait, NULL, NULL);
        }

        /* who is not in the queue any more was forgotten while it lives */

        for (i = 0; i < n; i++) {
            if (queue->waiter[mine[i]].state == NGX_LLM_WAITER_FREE
                || queue->waiter[mine[i]].slot != slot)
            {
                _exit(1);
            }
        }
    }

    while (n) {
        leave(mine[--n], 0);
    }

    _exit(0);
}


static void
prepare(void)
{
    pool = shm_pool(16 * 1024);
    keys = ngx_llm_keys_create(pool, KEYS);
    queue = ngx_llm_queue_create(pool, keys, MAX);

    if (keys == NULL || queue == NULL) {
        shm_die("no queue");
    }

    group = 0;
    ngx_llm_queue_notify = notify;
}


static uint32_t
enter(ngx_uint_t slot, uint32_t key, ngx_uint_t priority, ngx_uint_t reason,
    ngx_uint_t what)
{
    ngx_llm_waiter_t  w;

    ngx_memzero(&w, sizeof(ngx_llm_waiter_t));

    w.slot = slot;
    w.key = key;
    w.group = group;
    w.priority = priority;
    w.wait.reason = reason;
    w.wait.what = what;

    return ngx_llm_queue_enter(queue, &w, MAX);
}


/* who is called, or NONE */

static uint32_t
call(ngx_uint_t reason, ngx_uint_t what)
{
    ngx_llm_wait_t  wait;

    notified = 0;
    wait.reason = reason;
    wait.what = what;

    (void) newly_called();
    ngx_llm_queue_call(queue, &wait, NULL, NULL);

    return newly_called();
}


static uint32_t
call_fits(ngx_uint_t mask)
{
    ngx_llm_wait_t  wait;

    notified = 0;
    wait.reason = MODEL;
    wait.what = 0;

    (void) newly_called();
    ngx_llm_queue_call(queue, &wait, fits, &mask);

    return newly_called();
}


/* the one that was not called at the last look */

static uint32_t
newly_called(void)
{
    uint32_t       i, found;
    static u_char  before[MAX];

    found = NONE;

    for (i = 0; i < MAX; i++) {

        if (queue->waiter[i].state == NGX_LLM_WAITER_CALLED && !before[i]) {
            found = i;
        }

        before[i] = (queue->waiter[i].state == NGX_LLM_WAITER_CALLED);
    }

    return found;
}


static void
again(uint32_t i, ngx_uint_t reason, ngx_uint_t what)
{
    ngx_llm_wait_t  wait;

    wait.reason = reason;
    wait.what = what;

    ngx_llm_queue_again(queue, i, &wait);
}


static void
leave(uint32_t i, ngx_uint_t is_served)
{
    ngx_llm_queue_leave(queue, i, is_served);
}


static void
forget(ngx_uint_t slot)
{
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_queue_forget_locked(queue, slot);
    ngx_shmtx_unlock(&pool->mutex);
}


static ngx_uint_t
fits(void *data, uint32_t model)
{
    ngx_uint_t  *mask = data;

    return (*mask & (1 << model)) != 0;
}


static void
notify(ngx_uint_t slot)
{
    notified |= 1 << slot;
}


/* the list is one both ways, by ticket; each other place is free, once */

static ngx_uint_t
sound(void)
{
    uint32_t           i, last;
    uint64_t           ticket;
    ngx_uint_t         n, nfree;
    ngx_llm_waiter_t  *w;

    n = 0;
    last = 0;
    ticket = 0;

    for (i = queue->first; i; i = w->next) {
        w = &queue->waiter[i - 1];

        if (i > MAX || ++n > MAX || w->prev != last
            || w->state == NGX_LLM_WAITER_FREE || w->ticket <= ticket)
        {
            return 0;
        }

        ticket = w->ticket;
        last = i;
    }

    nfree = 0;

    for (i = queue->free; i; i = queue->waiter[i - 1].next) {
        if (i > MAX || ++nfree > MAX
            || queue->waiter[i - 1].state != NGX_LLM_WAITER_FREE)
        {
            return 0;
        }
    }

    return queue->last == last && queue->n == n && n + nfree == MAX;
}
