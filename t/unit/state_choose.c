
/*
 * The choice of a node and the slot reserved at it: what comes of it in each
 * state, exact shares, more candidates than are looked at, and exact limits
 * over several processes.
 */


#include "../../src/base/ngx_llm_text.c"
#include "../../src/base/ngx_llm_pick.c"
#include "../../src/state/ngx_llm_keys.c"
#include "../../src/state/ngx_llm_queue.c"
#include "../../src/state/ngx_llm_limits.c"
#include "../../src/state/ngx_llm_nodes.c"
#include "../../src/state/ngx_llm_models.c"
#include "../../src/state/ngx_llm_zone.c"
#include "../../src/state/ngx_llm_choose.c"
#include "shm.h"


#define MB       (1024 * 1024)
#define WORKERS  4
#define CHOICES  25000          /* of each worker */
#define HELD     4              /* at most, by each */


static void test_results(void);
static void test_tried(void);
static void test_reserve(void);
static void test_shares(void);
static void test_weights(void);
static void test_load(void);
static void test_many(void);
static void test_many_bounds(void);
static void test_lists(void);
static void test_processes(void);
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
    test_processes();

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

    return ngx_llm_choose(zone, ledgers[slot], &choice, i);
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
