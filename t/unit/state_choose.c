
/*
 * The choice of a node and the slot reserved at it: what comes of it in each
 * state, nodes that rest, exact shares, more candidates than are looked at, and
 * exact limits and trials over several processes.
 */


#include "../../src/base/ngx_llm_text.c"
#include "../../src/base/ngx_llm_pick.c"
#include "../../src/state/ngx_llm_keys.c"
#include "../../src/state/ngx_llm_keys_redo.c"
#include "../../src/state/ngx_llm_queue.c"
#include "../../src/state/ngx_llm_limits.c"
#include "../../src/state/ngx_llm_node.c"
#include "../../src/state/ngx_llm_nodes.c"
#include "../../src/state/ngx_llm_nodes_redo.c"
#include "../../src/state/ngx_llm_models.c"
#include "../../src/state/ngx_llm_sessions.c"
#include "../../src/state/ngx_llm_zone.c"
#include "../../src/state/ngx_llm_breaker.c"
#include "../../src/state/ngx_llm_choose.c"
#include "shm.h"


#define MB       (1024 * 1024)
#define WORKERS  4
#define CHOICES  25000          /* of each worker */
#define HELD     4              /* at most, by each */
#define CLOCK    100000         /* ms */
#define TRIAL    5000           /* ms that a trial may take */


static void test_results(void);
static void test_tried(void);
static void test_reserve(void);
static void test_shares(void);
static void test_weights(void);
static void test_load(void);
static void test_many(void);
static void test_many_bounds(void);
static void test_lists(void);
static void test_rest(void);
static void test_rest_many(void);
static void test_trial(void);
static void test_processes(void);
static void test_trials(void);
static void try_trial(ngx_uint_t slot);
static void work(ngx_uint_t slot);
static void prepare(void);
static uint32_t node(const char *model, ngx_uint_t weight, ngx_uint_t max);
static void build(void);
static ngx_int_t choose(const char *model, uint32_t *i);
static ngx_int_t choose_by(ngx_uint_t slot, ngx_uint_t policy,
    const char *model, uint32_t *i);
static void release(ngx_uint_t slot, uint32_t i);
static void first_token(ngx_uint_t slot, uint32_t i);
static ngx_uint_t idle(void *data, uint32_t i);


/* what the processes really are in: of each node a byte a process */

typedef struct {
    ngx_atomic_t  inside[3];
    ngx_atomic_t  exceeded;
    ngx_atomic_t  chosen[3];
    ngx_atomic_t  busy;
    ngx_atomic_t  other;
} truth_t;


static truth_t           *truth;
static uint32_t          *tried;
static ngx_uint_t         ntried;
static uint64_t           random_state = 12345;
static ngx_llm_zone_t    *zone;
static ngx_llm_choice_t   last;         /* as it came back */
static ngx_slab_pool_t   *pool;
static ngx_llm_ledger_t  *ledgers[WORKERS];


int
main(void)
{
    test_results();
    test_tried();
    test_reserve();
    test_shares();
    test_weights();
    test_load();
    test_many();
    test_many_bounds();
    test_lists();
    test_rest();
    test_rest_many();
    test_trial();
    test_processes();
    test_trials();

    return test_done();
}


static void
test_results(void)
{
    uint32_t         a, b, i;
    ngx_llm_node_t  *nodes;

    prepare();
    nodes = zone->nodes->node;

    is_number(choose("m", &i), NGX_DECLINED, "no node at all");

    a = node("m", 1, 2);
    is_number(choose("m", &i), NGX_DECLINED, "... before the index is made");

    build();
    is_number(choose("x", &i), NGX_DONE, "no node lists it");
    is_number(choose("m", &i), NGX_OK, "a node that lists it");
    is_number(i, a, "... is chosen");

    nodes[a].online = 0;
    is_number(choose("m", &i), NGX_DECLINED, "it is offline");
    is_number(choose("x", &i), NGX_DONE, "what none lists, offline or not");

    nodes[a].online = 1;
    nodes[a].draining = 1;
    is_number(choose("m", &i), NGX_DECLINED, "it is draining");

    nodes[a].draining = 0;
    nodes[a].pending = 1;
    is_number(choose("m", &i), NGX_DECLINED, "it waits for approval");

    nodes[a].pending = 0;
    is_number(choose("m", &i), NGX_OK, "it is back");
    is_number(choose("m", &i), NGX_BUSY, "it is full");

    nodes[a].online = 0;
    is_number(choose("m", &i), NGX_DECLINED, "full and offline");
    nodes[a].online = 1;

    /* it leaves, and the index does not know yet */

    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_nodes_leave_locked(zone->nodes, a);
    ngx_shmtx_unlock(&pool->mutex);

    nodes[a].online = 1;
    is_number(choose("m", &i), NGX_DECLINED, "it leaves");

    b = node(NULL, 1, 0);
    build();
    is_number(choose("x", &i), NGX_DECLINED,
              "a node whose list was never heard might list it");

    nodes[b].list = NULL;
    a = node("*", 1, 0);
    build();
    is_number(choose("x", &i), NGX_OK, "a node that takes any");
    is_number(i, a, "... is chosen");
}


static void
test_tried(void)
{
    uint32_t  a, b, i, list[2];

    prepare();

    a = node("m", 1, 1);
    b = node("m", 1, 1);
    build();

    tried = list;
    list[0] = a;
    list[1] = b;

    ntried = 1;
    is_number(choose("m", &i), NGX_OK, "one was tried");
    is_number(i, b, "... the other one is chosen");
    is_number(choose("m", &i), NGX_BUSY, "... which is full then");

    ntried = 2;
    is_number(choose("m", &i), NGX_DECLINED, "all were tried");
    release(0, b);
    is_number(choose("m", &i), NGX_DECLINED, "... whether full or not");

    ntried = 0;
    is_number(choose("m", &i), NGX_OK, "another request may take one");
}


static void
test_reserve(void)
{
    uint32_t    a, i;
    ngx_uint_t  in_flight, waiting;

    prepare();

    a = node("m", 2, 3);
    (void) node("n", 1, 0);
    build();

    in_flight = ngx_llm_node_in_flight(zone, a);
    waiting = ngx_llm_node_waiting(zone, a);

    (void) choose("m", &i);

    is_number(ngx_llm_limits_count(zone->limits, in_flight), 1, "in flight");
    is_number(ngx_llm_limits_count(zone->limits, waiting), 1, "... waiting");
    is_number(ledgers[0]->own[in_flight], 1, "... in its ledger");
    is_number(ledgers[0]->own[waiting], 1, "... both");
    is_number(zone->nodes->node[a].stamp, 1, "... with a stamp");
    is_number(zone->nodes->node[a].turn, NGX_LLM_PICK_TURN / 2,
              "... and half a turn");

    (void) choose_by(1, NGX_LLM_LEAST_LOAD, "m", &i);
    (void) choose("m", &i);

    is_number(choose("m", &i), NGX_BUSY, "three are the limit");
    is_number(ngx_llm_limits_count(zone->limits, in_flight), 3,
              "... nothing is taken");
    is_number(ngx_llm_limits_count(zone->limits, waiting), 3, "... nor there");

    release(1, a);
    is_number(choose("m", &i), NGX_OK, "one was given back by another worker");
}


/* requests one after another, each from another worker */

static void
test_shares(void)
{
    uint32_t    i;
    ngx_uint_t  k, n, p, bad, got[64];

    for (p = 0; p < 2; p++) {
        prepare();

        for (k = 0; k < 3; k++) {
            (void) node("m", 1, 0);
        }

        build();
        ngx_memzero(got, sizeof(got));

        for (k = 0; k < 9; k++) {
            (void) choose_by(k * 7 % WORKERS, p, "m", &i);
            got[i]++;
            release(k * 7 % WORKERS, i);
        }

        ok(got[0] == 3 && got[1] == 3 && got[2] == 3,
           "9 requests at 3 idle nodes, %s: %u/%u/%u",
           p ? "round robin" : "least load", (unsigned) got[0],
           (unsigned) got[1], (unsigned) got[2]);
    }

    bad = 0;

    for (n = 1; n <= 64; n += 7) {
        prepare();

        for (k = 0; k < n; k++) {
            (void) node(k % 3 ? "m" : "*", 1, 0);
        }

        build();
        ngx_memzero(got, sizeof(got));

        for (k = 0; k < 4 * n; k++) {
            (void) choose_by(k % WORKERS, NGX_LLM_LEAST_LOAD, "m", &i);
            got[i]++;
            release(k % WORKERS, i);
        }

        for (k = 0; k < n; k++) {
            bad += (got[k] != 4);
        }
    }

    is_number(bad, 0, "the same for up to 64 nodes, that list it or take any");
}


static void
test_weights(void)
{
    uint32_t    i;
    ngx_uint_t  k, got[2];

    prepare();
    (void) node("m", 3, 0);
    (void) node("m", 1, 0);
    build();

    ngx_memzero(got, sizeof(got));

    for (k = 0; k < 400; k++) {
        (void) choose_by(0, NGX_LLM_ROUND_ROBIN, "m", &i);
        got[i]++;
        release(0, i);
    }

    ok(got[0] == 300 && got[1] == 100, "round robin, weights 3:1: %u/%u",
       (unsigned) got[0], (unsigned) got[1]);

    ngx_memzero(got, sizeof(got));

    for (k = 0; k < 40; k++) {
        (void) choose_by(0, NGX_LLM_LEAST_LOAD, "m", &i);
        got[i]++;
    }

    ok(got[0] == 30 && got[1] == 10, "40 held, weights 3:1: %u/%u",
       (unsigned) got[0], (unsigned) got[1]);
}


/* a request that waits for its first token weighs more than those behind it */

static void
test_load(void)
{
    uint32_t    a, b, i;
    ngx_uint_t  k;

    prepare();

    a = node("m", 1, 0);
    b = node("m", 1, 0);
    build();

    (void) choose("m", &i);
    is_number(i, a, "the first goes here");

    for (k = 0; k < 5; k++) {
        (void) choose("m", &i);
        is_number(i, b, "the next ones there, as each has its first token");
        first_token(0, i);
    }

    first_token(0, a);
    (void) choose("m", &i);
    is_number(i, a, "none waits: where less is in flight");
}


/* more than 64: two by chance */

static void
test_many(void)
{
    uint32_t           i;
    ngx_uint_t         k, least, most;
    static ngx_uint_t  got[200];

    prepare();

    for (k = 0; k < 200; k++) {
        (void) node("m", 1, 0);
    }

    build();
    ngx_memzero(got, sizeof(got));

    for (k = 0; k < 200 * 50; k++) {
        (void) choose("m", &i);
        got[i]++;
        release(0, i);
    }

    least = 1000;
    most = 0;

    for (k = 0; k < 200; k++) {
        least = ngx_min(least, got[k]);
        most = ngx_max(most, got[k]);
    }

    ok(least >= 30 && most <= 70, "200 idle nodes get 50 each: %u to %u",
       (unsigned) least, (unsigned) most);

    /* held requests are spread much better than by one draw */

    for (k = 0; k < 200 * 10; k++) {
        (void) choose("m", &i);
    }

    most = 0;

    for (k = 0; k < 200; k++) {
        most = ngx_max(most, ngx_llm_limits_count(zone->limits,
                                       ngx_llm_node_in_flight(zone, k)));
    }

    ok(most <= 13, "10 held at each of 200: at most %u", (unsigned) most);
}


/* none that may be used is missed, whatever the draws */

static void
test_many_bounds(void)
{
    uint32_t    i;
    ngx_uint_t  k, n, bad;

    for (n = 63; n <= 130; n += n < 66 ? 1 : 32) {
        prepare();

        for (k = 0; k < n; k++) {
            (void) node("m", 1, 1);
            zone->nodes->node[k].online = 0;
        }

        build();
        bad = 0;

        for (k = 0; k < n; k++) {
            zone->nodes->node[k].online = 1;

            bad += (choose("m", &i) != NGX_OK || i != k);
            bad += (choose("m", &i) != NGX_BUSY);

            zone->nodes->node[k].online = 0;
        }

        bad += (choose("m", &i) != NGX_DECLINED);

        is_number(bad, 0, "the only one of %u that is online", (unsigned) n);

        for (k = 0; k < n; k++) {
            zone->nodes->node[k].online = 1;
        }

        release(0, n / 2);
        ok(choose("m", &i) == NGX_OK && i == n / 2,
           "the only one of %u that isn't full", (unsigned) n);
        is_number(choose("m", &i), NGX_BUSY, "then all %u are full",
                  (unsigned) n);

        for (k = 0; k < n; k++) {
            release(0, k);
        }

        for (k = 0; k < n; k++) {
            bad += (choose("m", &i) != NGX_OK);
        }

        is_number(bad, 0, "each of %u slots is found", (unsigned) n);
        is_number(choose("m", &i), NGX_BUSY, "... and no other");
    }
}


static void
test_lists(void)
{
    uint32_t   a, b, c, d;
    uint32_t   m, n;
    ngx_str_t  name;

    prepare();

    a = node("m", 1, 0);
    b = node("n", 1, 0);
    c = node("*", 1, 0);
    d = node(NULL, 1, 0);
    build();

    ngx_str_set(&name, "m");
    m = ngx_llm_models_hash(&name);
    ngx_str_set(&name, "none");
    n = ngx_llm_models_hash(&name);

    ok(ngx_llm_choose_lists(zone, a, m), "a node lists the model");
    ok(!ngx_llm_choose_lists(zone, b, m), "another one does not");
    ok(ngx_llm_choose_lists(zone, c, m), "one takes any");
    ok(!ngx_llm_choose_lists(zone, d, m), "one never told");
    ok(!ngx_llm_choose_lists(zone, a, n), "a model that none lists");
    ok(ngx_llm_choose_lists(zone, c, n), "... by that which takes any");
}


/* nodes that rest */

static void
test_rest(void)
{
    uint32_t         a, b, i;
    ngx_llm_node_t  *nodes;

    prepare();
    nodes = zone->nodes->node;

    a = node("m", 1, 2);
    b = node("m", 1, 1);
    build();

    nodes[a].circuit = CLOCK + 3000;

    is_number(choose("m", &i), NGX_OK, "one rests");
    is_number(i, b, "... the other is chosen");
    is_number(last.trial, 0, "... and it is no trial");
    is_number(choose("m", &i), NGX_BUSY, "the other is full");
    is_number(last.rest, 3000, "... it may be worth to wait so long");
    is_number(last.resting, a, "... for this one");

    nodes[b].cooling = CLOCK + 500;
    is_number(choose("m", &i), NGX_AGAIN, "the other is full, and rests");
    is_number(last.rest, 500, "... until the first one's end");
    is_number(last.resting, b, "... which is this one's");

    nodes[b].online = 0;
    is_number(choose("m", &i), NGX_AGAIN, "the other is offline");
    is_number(last.rest, 3000, "... the one that rests counts");

    nodes[a].draining = 1;
    is_number(choose("m", &i), NGX_DECLINED, "all are out of question");
    is_number(last.rest, 0, "... and no rest is told");

    nodes[a].draining = 0;
    nodes[a].circuit = 0;
    nodes[a].cooling = CLOCK;
    is_number(choose("m", &i), NGX_OK, "the rest is over");
    is_number(i, a, "... it is chosen");
    is_number(last.trial, 0, "... and that is no trial");
    is_number(nodes[a].cooling, 0, "... it is forgotten");
}


/* of more nodes than are looked at, the only one that does not rest */

static void
test_rest_many(void)
{
    uint32_t    i;
    ngx_uint_t  k, bad;

    prepare();

    for (k = 0; k < 200; k++) {
        (void) node("m", 1, 0);
        zone->nodes->node[k].circuit = CLOCK + 1000 + k;
    }

    build();
    bad = 0;

    for (k = 0; k < 200; k++) {
        zone->nodes->node[k].circuit = 0;
        bad += (choose("m", &i) != NGX_OK || i != k);
        zone->nodes->node[k].circuit = CLOCK + 1000 + k;
    }

    is_number(bad, 0, "the only one of 200 that does not rest is found");
    is_number(choose("m", &i), NGX_AGAIN, "then all rest");
    is_number(last.rest, 1000, "... until the first one's end");
    is_number(last.resting, 0, "... which is told");
}


static void
test_trial(void)
{
    uint32_t         a, i;
    ngx_uint_t       in_flight;
    ngx_llm_node_t  *nodes;

    prepare();
    nodes = zone->nodes->node;
    a = node("m", 1, 0);
    build();

    in_flight = ngx_llm_node_in_flight(zone, a);
    nodes[a].circuit = CLOCK;

    is_number(choose("m", &i), NGX_OK, "half open: one goes on");
    is_number(last.trial, 1, "... as the trial");
    is_number(nodes[a].trial, CLOCK + TRIAL, "... for its time");
    is_number(choose("m", &i), NGX_AGAIN, "the next does not");
    is_number(last.rest, NGX_LLM_BREAKER_FIRST, "... and may look again");
    is_number(ngx_llm_limits_count(zone->limits, in_flight), 1,
              "... and holds nothing");

    ngx_llm_breaker_neither(&nodes[a], 1);
    nodes[a].max = 1;
    is_number(choose("m", &i), NGX_BUSY, "neither, and it is full");
    is_number(nodes[a].trial, 0, "... no trial is taken");

    release(0, a);
    is_number(choose("m", &i), NGX_OK, "it has a slot again");
    is_number(last.trial, 1, "... another trial");

    (void) ngx_llm_breaker_success(&nodes[a], 1);
    release(0, a);
    is_number(choose("m", &i), NGX_OK, "closed");
    is_number(last.trial, 0, "... no trial any more");
}


/* 100,000 choices by four processes, while the index is made all the time */

static void
test_processes(void)
{
    pid_t       pids[WORKERS];
    uint32_t    i;
    ngx_uint_t  k, slot, left, ended;

    prepare();
    truth = ngx_slab_calloc(pool, sizeof(truth_t));

    (void) node("m", 1, 2);
    (void) node("m", 1, 3);
    (void) node("*", 2, 4);
    build();

    for (slot = 0; slot < WORKERS; slot++) {
        pids[slot] = shm_fork();

        if (pids[slot] == 0) {
            work(slot);
        }
    }

    for (k = 0; k < 100; k++) {
        ngx_current_msec = shm_clock();
        build();
        shm_sleep_us(1000);
    }

    ended = 0;

    for (slot = 0; slot < WORKERS; slot++) {
        ended += shm_wait(pids[slot]);
    }

    is_number(ended, WORKERS, "four processes choose");
    is_number(truth->chosen[0] + truth->chosen[1] + truth->chosen[2]
              + truth->busy, WORKERS * CHOICES, "... 100,000 times");
    is_number(truth->other, 0, "... with no other result");
    ok(truth->chosen[0] > 1000 && truth->chosen[1] > 1000
       && truth->chosen[2] > 1000, "... %u, %u and %u, %u times all are full",
       (unsigned) truth->chosen[0], (unsigned) truth->chosen[1],
       (unsigned) truth->chosen[2], (unsigned) truth->busy);
    is_number(truth->exceeded, 0, "never more than 2, 3 and 4 at once");

    left = 0;

    for (k = 0; k < zone->limits->n; k++) {
        left += zone->limits->count[k];
    }

    is_number(left, 0, "nothing is left");
    is_number(zone->nodes->clock, truth->chosen[0] + truth->chosen[1]
              + truth->chosen[2], "each choice had a stamp of its own");
    is_number(choose("m", &i), NGX_OK, "and it goes on");
}


/* four processes, two nodes: a half open one and one that is well */

static void
test_trials(void)
{
    pid_t       pids[WORKERS];
    uint32_t    i;
    ngx_uint_t  k, slot, ended;

    prepare();
    truth = ngx_slab_calloc(pool, sizeof(truth_t));

    (void) node("m", 1, 0);
    (void) node("m", 1, 0);
    build();

    zone->nodes->node[0].circuit = CLOCK;

    for (slot = 0; slot < WORKERS; slot++) {
        pids[slot] = shm_fork();

        if (pids[slot] == 0) {
            try_trial(slot);
        }
    }

    ended = 0;

    for (slot = 0; slot < WORKERS; slot++) {
        ended += shm_wait(pids[slot]);
    }

    is_number(ended, WORKERS, "four processes and a half open node");
    ok(truth->chosen[0] > 10, "... it had %u trials",
       (unsigned) truth->chosen[0]);
    is_number(truth->exceeded, 0, "... never more than one at once");
    is_number(truth->other, 0, "... and nothing but trials");
    is_number(truth->chosen[0] + truth->chosen[1], WORKERS * CHOICES,
              "... the other one had the rest");

    for (k = 0, slot = 0; k < zone->limits->n; k++) {
        slot += zone->limits->count[k];
    }

    is_number(slot, 0, "nothing is left");
    is_number(choose("m", &i), NGX_OK, "and it goes on");
}


static void
try_trial(ngx_uint_t slot)
{
    uint32_t    i;
    ngx_uint_t  k;

    random_state += slot;

    for (k = 0; k < CHOICES; k++) {

        if (choose_by(slot, k % 2, "m", &i) != NGX_OK) {
            (void) ngx_atomic_fetch_add(&truth->other, 1);
            continue;
        }

        (void) ngx_atomic_fetch_add(&truth->chosen[i], 1);

        if (i == 0) {

            if (!last.trial) {
                (void) ngx_atomic_fetch_add(&truth->other, 1);
            }

            if (ngx_atomic_fetch_add(&truth->inside[0], 1)) {
                (void) ngx_atomic_fetch_add(&truth->exceeded, 1);
            }

            if (k % 8 == 0) {
                ngx_sched_yield();
            }

            (void) ngx_atomic_fetch_add(&truth->inside[0], -1);
            ngx_llm_breaker_neither(&zone->nodes->node[0], 1);
        }

        release(slot, i);

        if (k % 64 == 0) {
            ngx_sched_yield();
        }
    }

    _exit(0);
}


static void
work(ngx_uint_t slot)
{
    uint32_t                 i, held[HELD];
    uint64_t                 state;
    ngx_int_t                rc;
    ngx_uint_t               k, n, sum;
    ngx_atomic_uint_t        word;
    static const ngx_uint_t  max[] = { 2, 3, 4 };

    n = 0;
    state = slot + 1;
    random_state += slot;

    for (k = 0; k < CHOICES; k++) {

        while (n && (n == HELD || shm_random(&state, 2))) {
            i = held[--n];
            (void) __sync_sub_and_fetch(&truth->inside[i], 1UL << (8 * slot));
            release(slot, i);
        }

        rc = choose_by(slot, k % 2, "m", &i);

        if (rc != NGX_OK) {
            (void) ngx_atomic_fetch_add(rc == NGX_BUSY ? &truth->busy
                                                       : &truth->other, 1);
            continue;
        }

        held[n++] = i;

        word = __sync_add_and_fetch(&truth->inside[i], 1UL << (8 * slot));

        for (sum = 0; word; word >>= 8) {
            sum += word & 0xff;
        }

        if (sum > max[i]) {
            (void) ngx_atomic_fetch_add(&truth->exceeded, 1);
        }

        (void) ngx_atomic_fetch_add(&truth->chosen[i], 1);

        if (k % 64 == 0) {
            ngx_sched_yield();
        }
    }

    while (n) {
        i = held[--n];
        (void) __sync_sub_and_fetch(&truth->inside[i], 1UL << (8 * slot));
        release(slot, i);
    }

    _exit(0);
}


static void
prepare(void)
{
    ngx_uint_t  i;

    pool = shm_pool(4 * MB);
    zone = ngx_llm_zone_create(pool, 2 * MB);

    if (zone == NULL) {
        shm_die("no zone");
    }

    for (i = 0; i < WORKERS; i++) {
        ledgers[i] = ngx_llm_limits_open(zone->limits, pool, i, i + 1);
    }

    tried = NULL;
    ntried = 0;
}


/* a node that is online and lists this model; NULL: never told its list */

static uint32_t
node(const char *model, ngx_uint_t weight, ngx_uint_t max)
{
    u_char               text[256];
    uint32_t             i;
    ngx_str_t            name, owner;
    ngx_llm_list_t      *list;
    ngx_llm_node_conf_t  conf;

    static in_port_t  port;

    ngx_memzero(&conf, sizeof(ngx_llm_node_conf_t));

    conf.port = ++port;
    conf.weight = weight;
    conf.max_concurrent = max;

    ngx_shmtx_lock(&pool->mutex);

    i = ngx_llm_nodes_set_locked(zone->nodes, &conf, idle, NULL);

    if (model) {
        list = (ngx_llm_list_t *) text;
        ngx_memzero(list, sizeof(ngx_llm_list_t));
        ngx_str_set(&owner, "me");
        name.data = (u_char *) model;
        name.len = strlen(model);

        (void) ngx_llm_list_add(list, sizeof(text), &name, &owner, 0);
        (void) ngx_llm_nodes_list_locked(zone->nodes, i, list);
    }

    ngx_shmtx_unlock(&pool->mutex);

    zone->nodes->node[i].online = 1;

    return i;
}


static void
build(void)
{
    ngx_shmtx_lock(&pool->mutex);
    (void) ngx_llm_models_build_locked(zone->models, zone->nodes);
    ngx_shmtx_unlock(&pool->mutex);
}


static ngx_int_t
choose(const char *model, uint32_t *i)
{
    return choose_by(0, NGX_LLM_LEAST_LOAD, model, i);
}


static ngx_int_t
choose_by(ngx_uint_t slot, ngx_uint_t policy, const char *model, uint32_t *i)
{
    ngx_int_t         rc;
    ngx_str_t         name;
    ngx_llm_choice_t  choice;

    name.data = (u_char *) model;
    name.len = strlen(model);

    choice.model = &name;
    choice.hash = ngx_llm_models_hash(&name);
    choice.policy = policy;
    choice.random = &random_state;
    choice.tried = tried;
    choice.ntried = ntried;
    choice.now = CLOCK;
    choice.trial_time = TRIAL;

    rc = ngx_llm_choose(zone, ledgers[slot], &choice, i);

    last = choice;

    return rc;
}


/* at its end: before its first token, when that has not come */

static void
release(ngx_uint_t slot, uint32_t i)
{
    if (ledgers[slot]->own[ngx_llm_node_waiting(zone, i)]) {
        first_token(slot, i);
    }

    ngx_llm_limits_release(zone->limits, ledgers[slot],
                           ngx_llm_node_in_flight(zone, i));
}


static void
first_token(ngx_uint_t slot, uint32_t i)
{
    ngx_llm_limits_release(zone->limits, ledgers[slot],
                           ngx_llm_node_waiting(zone, i));
}


static ngx_uint_t
idle(void *data, uint32_t i)
{
    return 1;
}
