
/*
 * The zone: what is made in it and that it fits, a clean end when it does not,
 * the counters' places, and the lease.
 */


#include <ngx_config.h>
#include <ngx_core.h>


/* another one may come in between, right after a swap */

static ngx_uint_t swap(ngx_atomic_t *lock, ngx_atomic_uint_t old,
    ngx_atomic_uint_t set);

#undef  ngx_atomic_cmp_set
#define ngx_atomic_cmp_set(lock, old, set)                                    \
    swap((ngx_atomic_t *) (lock), (ngx_atomic_uint_t) (old),                  \
         (ngx_atomic_uint_t) (set))


#include "../../src/base/ngx_llm_text.c"
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
#include "shm.h"


#define MB  (1024 * 1024)


static void test_sizes(void);
static void test_large(void);
static void test_idle(void);
static void test_small(void);
static void test_known(void);
static void test_counters(void);
static void test_lease(void);
static void test_race(void);
static ngx_uint_t dead(ngx_pid_t pid);


static ngx_llm_lease_t   *contended;    /* by pid 8, after the next swap */
static ngx_uint_t         got;
static ngx_slab_pool_t   *pool;


int
main(void)
{
    test_sizes();
    test_large();
    test_idle();
    test_small();
    test_known();
    test_counters();
    test_lease();
    test_race();

    return test_done();
}


/* what is made leaves room for ledgers, lists and images */

static void
test_sizes(void)
{
    size_t           size, used;
    ngx_uint_t       i;
    ngx_llm_zone_t  *zone;

    for (size = NGX_LLM_ZONE_MIN; size <= 64 * MB; size *= 4) {
        pool = shm_pool(size);
        zone = ngx_llm_zone_create(pool, size);

        if (!ok(zone != NULL, "a zone of %u MB", (unsigned) (size / MB))) {
            continue;
        }

        ok(zone->nodes->max >= 128 && zone->keys->max >= 400
           && zone->queue->max >= 128,
           "... for %u nodes, %u keys, %u waiters", (unsigned) zone->nodes->max,
           (unsigned) zone->keys->max, (unsigned) zone->queue->max);

        for (i = 0; i < 16; i++) {
            (void) ngx_llm_limits_open(zone->limits, pool, i, i + 1);
        }

        used = shm_used(pool);

        ok(zone->limits->ledgers[15] != NULL && used < size / 100 * 90,
           "... and 16 workers, of which %u %% are used",
           (unsigned) (used / (size / 100)));
        is_number(pool->lock.lock, 0, "... the mutex is free");
    }
}


/* 10,000 nodes with their models, 100,000 keys: what 256 MB are said to hold */

static void
test_large(void)
{
    u_char               text[8192];
    uint32_t             i;
    ngx_str_t            name, owner;
    ngx_uint_t           k, full;
    ngx_llm_list_t      *list;
    ngx_llm_zone_t      *zone;
    ngx_llm_key_conf_t   key;
    ngx_llm_node_conf_t  node;

    pool = shm_pool(256 * MB);
    zone = ngx_llm_zone_create(pool, 256 * MB);

    if (!ok(zone && zone->nodes->max >= 10000 && zone->keys->max >= 100000,
            "a zone of 256 MB"))
    {
        return;
    }

    for (i = 0; i < 8; i++) {
        (void) ngx_llm_limits_open(zone->limits, pool, i, i + 1);
    }

    list = (ngx_llm_list_t *) text;
    ngx_memzero(list, sizeof(ngx_llm_list_t));
    ngx_str_set(&name, "organization/some-model-of-70b-instruct:q4");
    ngx_str_set(&owner, "organization");

    for (k = 0; k < 40; k++) {
        (void) ngx_llm_list_add(list, sizeof(text), &name, &owner, k);
    }

    ngx_memzero(&node, sizeof(ngx_llm_node_conf_t));
    ngx_memzero(&key, sizeof(ngx_llm_key_conf_t));

    full = 0;

    ngx_shmtx_lock(&pool->mutex);

    for (i = 0; i < 10000; i++) {
        (void) sprintf((char *) node.host, "host-%u", (unsigned) i);

        full += (ngx_llm_nodes_set_locked(zone->nodes, &node,
                                          ngx_llm_zone_node_idle, zone) != i);

        if (i < 1000) {
            full += (ngx_llm_nodes_list_locked(zone->nodes, i, list)
                     != NGX_OK);
        }
    }

    for (i = 0; i < 100000; i++) {
        key.id = i + 1;
        ngx_memcpy(key.hash, &key.id, sizeof(uint64_t));

        full += (ngx_llm_keys_set_locked(zone->keys, &key) != i);
    }

    for (i = 0; i < 3; i++) {
        full += (ngx_llm_models_build_locked(zone->models, zone->nodes)
                 != NGX_OK);
    }

    ngx_shmtx_unlock(&pool->mutex);

    is_number(full, 0, "... has room for 10,000 nodes, 100,000 keys, 1,000 "
              "lists of 40 models, and the index thrice");
    ok(shm_used(pool) < 256 * (size_t) MB / 100 * 75,
       "... %u %% are used then",
       (unsigned) (shm_used(pool) / (256 * (size_t) MB / 100)));
}


/* when a place that a node left is free */

static void
test_idle(void)
{
    ngx_llm_zone_t       *zone;
    ngx_llm_node_conf_t   node;

    pool = shm_pool(MB);
    zone = ngx_llm_zone_create(pool, MB);

    ngx_memzero(&node, sizeof(ngx_llm_node_conf_t));

    ngx_shmtx_lock(&pool->mutex);

    node.port = 1;
    (void) ngx_llm_nodes_set_locked(zone->nodes, &node,
                                    ngx_llm_zone_node_idle, zone);
    (void) ngx_llm_models_build_locked(zone->models, zone->nodes);

    ok(zone->models->wanted == 1 && zone->models->built == 1
       && zone->models->built_at == ngx_current_msec,
       "a node came, and the index was made");

    ngx_llm_nodes_leave_locked(zone->nodes, 0);
    ok(!ngx_llm_zone_node_idle(zone, 0), "it left: the index names its place");

    node.port = 2;
    is_number(ngx_llm_nodes_set_locked(zone->nodes, &node,
                                       ngx_llm_zone_node_idle, zone), 1,
              "... which is not used again yet");

    (void) ngx_llm_models_build_locked(zone->models, zone->nodes);
    ok(ngx_llm_zone_node_idle(zone, 0), "the index was made anew: it is free");
    is_number(zone->models->built, zone->models->wanted, "... as is seen");

    node.port = 3;
    is_number(ngx_llm_nodes_set_locked(zone->nodes, &node,
                                       ngx_llm_zone_node_idle, zone), 0,
              "... and used again");

    ngx_shmtx_unlock(&pool->mutex);

    is_number(zone->budget.left, NGX_LLM_BUDGET_FULL,
              "the budget of retries begins full");
    ok(zone->keys->in_flight == &zone->limits->count[
                                              ngx_llm_key_in_flight(zone, 0)],
       "keys know where theirs is counted");
}


/* any allocation may fail, and any pool be too small for what was said */

static void
test_small(void)
{
    size_t           size;
    ngx_uint_t       i, none, held;
    ngx_llm_zone_t  *zone;

    pool = shm_pool(4 * MB);
    zone = NULL;
    held = 0;

    for (i = 1; zone == NULL && i < 100; i++) {
        pool = shm_pool(4 * MB);

        shm_fail = i;
        zone = ngx_llm_zone_create(pool, MB);
        held += (pool->lock.lock != 0);
    }

    shm_fail = 0;

    ok(i > 10 && i < 100, "any of %u allocations may fail", (unsigned) i - 2);
    ok(zone && zone->limits && zone->nodes && zone->models && zone->keys
       && zone->queue && zone->sessions, "... and the zone has all of them");
    is_number(held, 0, "... the mutex is free each time");

    none = 0;
    i = 0;

    for (size = 8192; size < 512 * 1024; size += 8192) {
        pool = shm_pool(size);
        i++;
        none += (ngx_llm_zone_create(pool, MB) == NULL);
        held += (pool->lock.lock != 0);
    }

    is_number(none, i, "none of %u pools is large enough", (unsigned) i);
    is_number(held, 0, "... the mutex is free each time");
}


static void
test_known(void)
{
    ngx_llm_zone_t  *zone;

    pool = shm_pool(MB);
    zone = ngx_llm_zone_create(pool, MB);

    ok(ngx_llm_zone_known(zone), "a zone of ours");
    ok(!ngx_llm_zone_known(NULL), "no zone");

    zone->version++;
    ok(!ngx_llm_zone_known(zone), "a zone of another version");
    zone->version--;
    zone->magic ^= 1;
    ok(!ngx_llm_zone_known(zone), "something else");
}


/* each has a place of its own within the limits */

static void
test_counters(void)
{
    u_char          *seen;
    ngx_uint_t       i, k, n, twice;
    ngx_llm_zone_t  *zone;

    pool = shm_pool(MB);
    zone = ngx_llm_zone_create(pool, MB);
    seen = calloc(1, zone->limits->n);

    twice = 0;
    n = 0;

    for (i = 0; i < NGX_LLM_ZONE_GROUPS; i++, n++) {
        twice += seen[ngx_llm_group_in_flight(zone, i)]++;
    }

    for (i = 0; i < zone->nodes->max; i++, n += 2) {
        twice += seen[ngx_llm_node_in_flight(zone, i)]++;
        twice += seen[ngx_llm_node_waiting(zone, i)]++;
    }

    for (i = 0; i < zone->keys->max; i++, n++) {
        k = ngx_llm_key_in_flight(zone, i);
        twice += (k >= zone->limits->n) || seen[k]++;
    }

    is_number(twice, 0, "each counter has its own place");
    is_number(n, zone->limits->n, "... and there is no other");
    free(seen);

    (void) ngx_llm_limits_acquire(zone->limits,
                                  ngx_llm_limits_open(zone->limits, pool, 0, 1),
                                  ngx_llm_node_in_flight(zone, 7), 0);

    ok(!ngx_llm_zone_node_idle(zone, 7), "a node with something in flight");
    ok(ngx_llm_zone_node_idle(zone, 6) && ngx_llm_zone_node_idle(zone, 8),
       "... its neighbors are idle");
}


static void
test_lease(void)
{
    ngx_llm_lease_t  lease;

    ngx_memzero(&lease, sizeof(ngx_llm_lease_t));

    ok(ngx_llm_zone_lease(&lease, 7, 1000, dead), "nobody's lease is taken");
    ok(!ngx_llm_zone_lease(&lease, 8, 1000, dead), "... not by two");

    ngx_current_msec += 999;
    ok(!ngx_llm_zone_lease(&lease, 8, 1000, dead), "... for its time");
    ok(ngx_llm_zone_lease(&lease, 7, 1000, dead), "it is kept");

    ngx_current_msec += 999;
    ok(!ngx_llm_zone_lease(&lease, 8, 1000, dead), "... for its time again");

    ngx_current_msec += 1;
    ok(ngx_llm_zone_lease(&lease, 8, 1000, dead), "then it is another's");
    ok(!ngx_llm_zone_lease(&lease, 7, 1000, dead), "... and not the first's");

    ngx_current_msec += 1001;
    ok(ngx_llm_zone_lease(&lease, 8, 1000, dead), "who is late may keep it");

    lease.pid = 1001;
    ok(ngx_llm_zone_lease(&lease, 7, 1000, dead), "a dead one's is taken");

    ngx_current_msec -= 5;
    ok(!ngx_llm_zone_lease(&lease, 8, 1000, dead),
       "a clock that is behind takes nothing");
}


/* two want it at once: one gets it */

static void
test_race(void)
{
    ngx_llm_lease_t  lease;

    lease.pid = 9;
    lease.until = ngx_current_msec;

    contended = &lease;
    got = 2;

    ok(ngx_llm_zone_lease(&lease, 7, 1000, dead), "one wants it and gets it");
    is_number(got, 0, "... another one, who wants it just then, does not");
    is_number(lease.pid, 7, "... it has one holder");
}


static ngx_uint_t
swap(ngx_atomic_t *lock, ngx_atomic_uint_t old, ngx_atomic_uint_t set)
{
    ngx_uint_t        rc;
    ngx_llm_lease_t  *lease;

    rc = __sync_bool_compare_and_swap(lock, old, set);

    lease = contended;
    contended = NULL;

    if (lease) {
        got = ngx_llm_zone_lease(lease, 8, 1000, dead);
    }

    return rc;
}


static ngx_uint_t
dead(ngx_pid_t pid)
{
    return pid > 1000;
}
