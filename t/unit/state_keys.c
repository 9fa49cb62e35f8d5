
/*
 * The table of keys: by hash, revoked and set again, which models a key may
 * use, look-ups while it is written, and writers that are killed.
 */


#include "../../src/base/ngx_llm_text.c"
#include "../../src/state/ngx_llm_keys.c"
#include "step.h"


#define MAX   64

/* in the test with readers: set once, changed all the time, revoked */
#define OLD   8
#define MANY  1000


static void test_set(void);
static void test_revoke(void);
static void test_chains(void);
static void test_full(void);
static void test_no_memory(void);
static void test_allows(void);
static void test_readers(void);
static void read_until_stop(void);
static void test_killed(void);
static void set_new(void);
static void set_again(void);
static void killed(void);
static void prepare(ngx_uint_t max);
static void hash_of(u_char *hash, ngx_uint_t k);
static uint32_t set(ngx_uint_t k, ngx_uint_t rpm);
static uint32_t find(ngx_uint_t k);
static void withdraw(uint32_t i);


/* what readers and the writer tell each other */

typedef struct {
    ngx_atomic_t  stop;
    ngx_atomic_t  looks;
    ngx_atomic_t  added;        /* keys up to this number are there */
    ngx_atomic_t  revoked;      /* ... and those up to this one no more */
    ngx_atomic_t  lost;         /* times that one which is there wasn't found */
    ngx_atomic_t  risen;        /* times that a revoked one was */
    ngx_atomic_t  other;        /* times that another one was */
} told_t;


static ngx_uint_t         alike;    /* all hashes begin alike */
static ngx_uint_t         wrong, calls;
static told_t            *told;
static ngx_llm_keys_t    *keys;
static ngx_slab_pool_t   *pool;


int
main(void)
{
    test_set();
    test_revoke();
    test_chains();
    test_full();
    test_no_memory();
    test_allows();
    test_readers();

    if (step_works()) {
        test_killed();
    }

    return test_done();
}


static void
test_set(void)
{
    ngx_llm_key_t  *key;

    prepare(MAX);

    is_number(find(1), NGX_LLM_KEY_NONE, "no key in an empty table");
    is_number(set(1, 10), 0, "the first");
    is_number(set(2, 20), 1, "the second");
    is_number(find(1), 0, "... both are found");
    is_number(find(2), 1, "... where they are");
    is_number(find(3), NGX_LLM_KEY_NONE, "... no other is");

    key = &keys->key[0];

    ok(key->conf.rpm == 10 && key->valid == 1 && key->requests == 0
       && key->requests_due == 0, "a new key has counted nothing");
    is_number(keys->version % 2, 0, "nobody is writing");

    key->requests = 5;
    key->tokens_due = 6;
    key->served = 7;

    is_number(set(1, 11), 0, "the same hash again is the same key");
    is_number(key->conf.rpm, 11, "... with its new limit");
    ok(key->requests == 5 && key->tokens_due == 6 && key->served == 7,
       "... and its old counts");
    is_number(keys->used, 2, "two places are used");
}


/* as a reload does: all are revoked, those that are still there set again */

static void
test_revoke(void)
{
    ngx_uint_t  i, bad;

    prepare(MAX);

    for (i = 0; i < 20; i++) {
        (void) set(i, i);
        keys->key[i].requests = 100 + i;
    }

    withdraw(7);
    is_number(find(7), NGX_LLM_KEY_NONE, "a revoked key is not found");
    is_number(find(8), 8, "... the next one is");
    is_number(set(7, 70), 7, "set again it has its old place");
    is_number(find(7), 7, "... and is found");
    is_number(keys->key[7].requests, 107, "... with its counts");

    for (i = 0; i < 20; i++) {
        withdraw(i);
    }

    bad = 0;

    for (i = 0; i < 20; i++) {
        bad += find(i) != NGX_LLM_KEY_NONE;
    }

    is_number(bad, 0, "all are revoked");

    for (i = 0; i < 20; i += 2) {
        (void) set(i, i);
    }

    for (i = 0; i < 20; i++) {
        bad += find(i) != (i % 2 ? NGX_LLM_KEY_NONE : i);
    }

    is_number(bad, 0, "every other one is set again");
    is_number(keys->used, 20, "... no new place is used");
}


/* hashes that begin alike share a bucket, and go round the table's end */

static void
test_chains(void)
{
    ngx_uint_t  i, bad;

    alike = 1;
    prepare(MAX);

    bad = 0;

    for (i = 0; i < MAX; i++) {
        bad += set(i, i) != i;
    }

    for (i = 0; i < MAX; i++) {
        bad += find(i) != i;
    }

    bad += find(MAX) != NGX_LLM_KEY_NONE;

    withdraw(3);
    bad += find(3) != NGX_LLM_KEY_NONE;
    bad += find(4) != 4;

    is_number(bad, 0, "%d keys in one chain", MAX);
    alike = 0;
}


static void
test_full(void)
{
    ngx_uint_t  i, max, bad;

    bad = 0;

    for (max = 1; max <= 40; max++) {
        prepare(max);

        for (i = 0; i < max; i++) {
            bad += set(i, i) != i;
        }

        bad += set(max, 1) != NGX_LLM_KEY_NONE;
        bad += find(max) != NGX_LLM_KEY_NONE;
        bad += keys->version % 2;

        for (i = 0; i < max; i++) {
            bad += find(i) != i;
        }

        bad += set(max - 1, 99) != max - 1 || keys->key[max - 1].conf.rpm != 99;
        withdraw(0);
        bad += set(max, 1) != NGX_LLM_KEY_NONE;
    }

    is_number(bad, 0, "full tables of 1 to 40: none more, all others work");
}


static void
test_no_memory(void)
{
    ngx_uint_t  i;

    pool = shm_pool(64 * 1024);

    for (i = 1; i <= 3; i++) {
        shm_fail = i;
        ok(ngx_llm_keys_create(pool, MAX) == NULL, "no table, %u",
           (unsigned) i);
    }

    shm_fail = 0;
    ok(ngx_llm_keys_create(pool, 10000) == NULL, "too small for 10,000");
    is_number(pool->lock.lock, 0, "the mutex is free");
}


static void
test_allows(void)
{
    ngx_str_t      model;
    ngx_uint_t     i;
    ngx_llm_key_t  key;

    static const struct {
        const char  *models;
        const char  *model;
        ngx_uint_t   allows;
    } rules[] = {
        { "", "any", 1 }, { "*", "any", 1 }, { "a", "a", 1 },
        { "a", "b", 0 }, { "a", "aa", 0 }, { "aa", "a", 0 },
        { "a,b", "a", 1 }, { "a,b", "b", 1 }, { "a,b", "c", 0 },
        { "a,b", "a,b", 0 }, { "gpt-*", "gpt-4", 1 }, { "gpt-*", "o1", 0 },
        { "x,gpt-*,y", "gpt-4", 1 }, { "x,gpt-*", "y", 0 },
        { "*-mini,o*", "o3-mini", 1 }, { "*-mini,o*", "4o-mini", 1 },
        { "*-mini,q*", "o3", 0 }, { "a,", "b", 0 }, { "a,,b", "b", 1 },
        { "meta/*:8b", "meta/llama:8b", 1 }, { "A", "a", 0 }
    };

    ngx_memzero(&key, sizeof(ngx_llm_key_t));

    for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        strcpy((char *) key.conf.models, rules[i].models);
        model.data = (u_char *) rules[i].model;
        model.len = strlen(rules[i].model);

        is_number(ngx_llm_keys_allows(&key, &model), rules[i].allows,
                  "\"%s\" %s \"%s\"", rules[i].models,
                  rules[i].allows ? "allow" : "don't allow", rules[i].model);
    }

    /* the longest text there is */

    ngx_memset(key.conf.models, 'a', NGX_LLM_KEY_MODELS);
    key.conf.models[NGX_LLM_KEY_MODELS - 1] = '\0';
    ngx_memcpy(key.conf.models + NGX_LLM_KEY_MODELS - 4, ",zz", 3);

    ngx_str_set(&model, "zz");
    ok(ngx_llm_keys_allows(&key, &model), "the last of a long list");
    ngx_str_set(&model, "z");
    ok(!ngx_llm_keys_allows(&key, &model), "... and what is not in it");
}


/*
 * One adds, changes and revokes, three look: a key that is there is found at
 * once, one that was revoked is not found any more.
 */

static void
test_readers(void)
{
    pid_t       pids[3];
    uint64_t    state;
    ngx_uint_t  i, k, good;

    prepare(MANY + OLD);
    told = ngx_slab_calloc(pool, sizeof(told_t));

    for (i = 0; i < OLD; i++) {
        (void) set(i, 1);
    }

    told->added = OLD;
    told->revoked = OLD;

    for (i = 0; i < 3; i++) {
        pids[i] = shm_fork();

        if (pids[i] == 0) {
            read_until_stop();
            _exit(0);
        }
    }

    state = 1;

    for (k = OLD; k < MANY; k++) {
        (void) set(k, 1);
        told->added = k + 1;

        (void) set(shm_random(&state, OLD), k);

        if (k > OLD + 50) {
            withdraw(k - 50);
            told->revoked = k - 49;
        }

        if (k % 20 == 0) {
            shm_sleep_us(300);
        }
    }

    told->stop = 1;
    good = 0;

    for (i = 0; i < 3; i++) {
        good += shm_wait(pids[i]);
    }

    is_number(good, 3, "three readers");
    ok(told->looks > 1000, "... looked %u times", (unsigned) told->looks);
    is_number(told->lost, 0, "... and found each key that was there");
    is_number(told->risen, 0, "... and no key that was revoked");
    is_number(told->other, 0, "... and never another one");
}


static void
read_until_stop(void)
{
    u_char      hash[NGX_LLM_KEY_HASH];
    uint64_t    state;
    uint32_t    i;
    ngx_uint_t  k;

    state = ngx_pid;

    while (!told->stop) {

        k = shm_random(&state, OLD);
        i = find(k);

        if (i == NGX_LLM_KEY_NONE) {
            (void) ngx_atomic_fetch_add(&told->lost, 1);

        } else {
            hash_of(hash, k);

            if (ngx_memcmp(keys->key[i].conf.hash, hash, sizeof(hash)) != 0) {
                (void) ngx_atomic_fetch_add(&told->other, 1);
            }
        }

        /* the newest one, unless it was revoked since */

        k = told->added - 1;
        ngx_memory_barrier();

        if (find(k) == NGX_LLM_KEY_NONE) {
            ngx_memory_barrier();

            if (told->revoked <= k && told->added < k + 40) {
                (void) ngx_atomic_fetch_add(&told->lost, 1);
            }
        }

        k = told->revoked;
        ngx_memory_barrier();

        if (k > OLD + 60
            && find(k - 1 - shm_random(&state, 40)) != NGX_LLM_KEY_NONE)
        {
            (void) ngx_atomic_fetch_add(&told->risen, 1);
        }

        (void) ngx_atomic_fetch_add(&told->looks, 1);
    }
}


/* the writer is killed at any of its instructions */

static void
test_killed(void)
{
    ngx_uint_t  i, n;

    for (i = 0; i < 2; i++) {
        prepare(8);

        alike = 1;
        (void) set(1, 1);
        (void) set(2, 2);
        (void) set(3, 3);
        withdraw(1);

        wrong = 0;
        calls = 0;

        n = step_through(pool, i ? set_again : set_new, killed, killed);

        ok(n >= 5 && calls == n + 1, "%s, killed at %u changes",
           i ? "a key that is set again" : "a new key", (unsigned) n);
        is_number(wrong, 0, "... each time the table goes on");
    }

    alike = 0;
}


static void
set_new(void)
{
    (void) set(9, 9);
}


static void
set_again(void)
{
    (void) set(3, 9);
}


static void
killed(void)
{
    uint32_t    i;
    ngx_uint_t  k;

    calls++;

    /* the others are as they were, the one is there or not */

    wrong += (find(1) != 0 || keys->key[0].conf.rpm != 1);
    wrong += (find(2) != NGX_LLM_KEY_NONE);
    wrong += (find(3) != 2);
    wrong += (find(4) != NGX_LLM_KEY_NONE);

    i = find(9);
    wrong += (i != NGX_LLM_KEY_NONE && keys->key[i].conf.rpm != 9);

    /* another one may take the place that it had not yet got */

    i = set(5, 55);
    wrong += (i == NGX_LLM_KEY_NONE || find(5) != i
              || keys->key[i].conf.rpm != 55 || keys->version % 2);

    i = set(9, 99);
    wrong += (i == NGX_LLM_KEY_NONE || find(9) != i || find(5) == i
              || keys->key[i].conf.rpm != 99);

    wrong += (find(1) != 0 || find(3) != 2 || find(4) != NGX_LLM_KEY_NONE);

    /* no place is lost */

    for (k = 20; keys->used < keys->max; k++) {
        i = set(k, k);
        wrong += (i == NGX_LLM_KEY_NONE || find(k) != i);
    }

    wrong += (k != 23 || set(k, k) != NGX_LLM_KEY_NONE);
    wrong += (find(5) == NGX_LLM_KEY_NONE || find(9) == NGX_LLM_KEY_NONE);
}


static void
prepare(ngx_uint_t max)
{
    pool = shm_pool(max > 100 ? 4 * 1024 * 1024 : 64 * 1024);
    keys = ngx_llm_keys_create(pool, max);

    if (keys == NULL) {
        shm_die("no table of keys");
    }
}


static void
hash_of(u_char *hash, ngx_uint_t k)
{
    uint64_t    state;
    ngx_uint_t  i;

    state = k + 1;

    for (i = 0; i < NGX_LLM_KEY_HASH; i++) {
        hash[i] = shm_random(&state, 256);
    }

    if (alike) {
        ngx_memset(hash, 0xff, 4);
    }
}


static uint32_t
set(ngx_uint_t k, ngx_uint_t rpm)
{
    uint32_t            i;
    ngx_llm_key_conf_t  conf;

    ngx_memzero(&conf, sizeof(ngx_llm_key_conf_t));
    hash_of(conf.hash, k);
    conf.rpm = rpm;

    ngx_shmtx_lock(&pool->mutex);
    i = ngx_llm_keys_set_locked(keys, &conf);
    ngx_shmtx_unlock(&pool->mutex);

    return i;
}


static uint32_t
find(ngx_uint_t k)
{
    u_char  hash[NGX_LLM_KEY_HASH];

    hash_of(hash, k);

    return ngx_llm_keys_find(keys, hash);
}


static void
withdraw(uint32_t i)
{
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_keys_revoke_locked(keys, i);
    ngx_shmtx_unlock(&pool->mutex);
}
