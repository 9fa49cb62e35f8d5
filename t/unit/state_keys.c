
/*
 * The table of keys: by hash and by id, revoked and set again, removed and
 * their places used again, which models a key may use, look-ups while it is
 * written, and writers that are killed.
 */


#include <ngx_config.h>
#include <ngx_core.h>


/* who looks may meet a writer at its barriers */

static void meeting(void);

#undef  ngx_memory_barrier
#define ngx_memory_barrier()  meeting()


#include "../../src/base/ngx_llm_text.c"
#include "../../src/state/ngx_llm_keys.c"
#include "../../src/state/ngx_llm_keys_redo.c"
#include "chain.h"
#include "step.h"


#define MAX   64

/* in the test with readers: set once, changed all the time, revoked */
#define OLD   8
#define MANY  1000


static void test_lines(void);
static void test_set(void);
static void test_revoke(void);
static void test_chains(void);
static void test_full(void);
static void test_no_memory(void);
static void test_ids(void);
static void test_read(void);
static void test_remove(void);
static void test_left(void);
static void test_many(void);
static void test_allows(void);
static void test_readers(void);
static void read_until_stop(void);
static void test_meetings(void);
static void meet(ngx_uint_t n, void (*writer)(void));
static void meet_removed(void);
static void meet_reused(void);
static void test_owners(void);
static void look_until_stop(void);
static void test_killed(void);
static void set_new(void);
static void set_again(void);
static void killed(void);
static void prepare(ngx_uint_t max);
static void hash_of(u_char *hash, ngx_uint_t k);
static uint32_t set(ngx_uint_t k, ngx_uint_t rpm);
static uint32_t set_id(ngx_uint_t k, ngx_uint_t rpm, uint64_t id);
static uint32_t find(ngx_uint_t k);
static void withdraw(uint32_t i);
static void forbid(uint32_t i);
static void discard(uint32_t i);
static void recover(void);


/* what readers and the writer tell each other */

typedef struct {
    ngx_atomic_t  stop;
    ngx_atomic_t  looks;
    ngx_atomic_t  added;        /* keys up to this number are there */
    ngx_atomic_t  revoked;      /* ... and those up to this one no more */
    ngx_atomic_t  lost;         /* times that one which is there wasn't found */
    ngx_atomic_t  risen;        /* times that a revoked one was */
    ngx_atomic_t  other;        /* times that another one was */
    ngx_atomic_t  torn;         /* copies that were */
} told_t;


static ngx_uint_t         alike;    /* hashes begin in as many ways only */
static ngx_uint_t         filled;   /* what is said differs each time */
static ngx_uint_t         met_at, met_place;
static void             (*met)(void);
static ngx_atomic_t       in_flight[MAX];
static ngx_uint_t         wrong, calls;
static told_t            *told;
static ngx_llm_keys_t    *keys;
static ngx_slab_pool_t   *pool;


int
main(void)
{
    test_lines();
    test_set();
    test_revoke();
    test_chains();
    test_full();
    test_no_memory();
    test_ids();
    test_read();
    test_remove();
    test_left();
    test_many();
    test_allows();
    test_readers();
    test_meetings();
    test_owners();

    if (step_works()) {
        test_killed();
    }

    return test_done();
}


/* what a request reads of a key lies in the lines that are asked for */

static void
test_lines(void)
{
    ok(sizeof(ngx_llm_key_t) % NGX_LLM_KEY_LINE == 0,
       "a place begins with a line");
    ok(offsetof(ngx_llm_key_t, valid) / NGX_LLM_KEY_LINE
       == (offsetof(ngx_llm_key_t, conf.hash) + NGX_LLM_KEY_HASH - 1)
          / NGX_LLM_KEY_LINE,
       "a key is found in one");
    ok(offsetof(ngx_llm_key_t, conf.models)
       < NGX_LLM_KEY_LINES * NGX_LLM_KEY_LINE,
       "what a request reads stands before the rest");
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

    forbid(2);
    is_number(find(2), NGX_LLM_KEY_NONE, "one is revoked at run time");
    is_number(set(2, 77), 2, "set again it has its place");
    is_number(find(2), NGX_LLM_KEY_NONE, "... and is still revoked");
    is_number(keys->key[2].conf.rpm, 77, "... with what is said of it now");

    discard(2);
    ok(set(2, 2) == 20 && find(2) == 20, "removed, and set, it is a new one");
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

    for (i = 1; i <= 6; i++) {
        shm_fail = i;
        ok(ngx_llm_keys_create(pool, MAX) == NULL, "no table, %u",
           (unsigned) i);
    }

    shm_fail = 0;
    ok(ngx_llm_keys_create(pool, 10000) == NULL, "too small for 10,000");
    is_number(pool->lock.lock, 0, "the mutex is free");
}


static void
test_ids(void)
{
    ngx_uint_t  i, bad;

    prepare(MAX);

    for (i = 0; i < 40; i++) {
        (void) set_id(i, 1, 1000 + i);
    }

    (void) set(50, 1);
    bad = 0;

    for (i = 0; i < 40; i++) {
        bad += ngx_llm_keys_find_id(keys, 1000 + i) != i;
    }

    is_number(bad, 0, "keys are found by their ids");
    is_number(ngx_llm_keys_find_id(keys, 7), NGX_LLM_KEY_NONE,
              "... not by others");
    is_number(ngx_llm_keys_find_id(keys, 0), NGX_LLM_KEY_NONE,
              "... nor by 0, though one has none");

    (void) set_id(3, 2, 55);
    ok(ngx_llm_keys_find_id(keys, 1003) == 3
       && ngx_llm_keys_find_id(keys, 55) == NGX_LLM_KEY_NONE
       && keys->key[3].conf.rpm == 2, "set again it keeps its id");

    (void) set_id(50, 1, 60);
    is_number(ngx_llm_keys_find_id(keys, 60), 40, "one that had none gets it");

    withdraw(4);
    is_number(ngx_llm_keys_find_id(keys, 1004), 4, "a revoked one is found");

    discard(5);
    is_number(ngx_llm_keys_find_id(keys, 1005), NGX_LLM_KEY_NONE,
              "a removed one is not");
}


static void
test_read(void)
{
    ngx_llm_key_conf_t  conf;

    prepare(MAX);

    is_number(ngx_llm_keys_read(keys, 0, &conf), NGX_DECLINED,
              "nobody is there");
    is_number(ngx_llm_keys_read(keys, NGX_LLM_KEY_NONE, &conf), NGX_DECLINED,
              "... nor here");

    (void) set(1, 11);
    is_number(ngx_llm_keys_read(keys, 0, &conf), NGX_OK, "a copy");
    is_number(conf.rpm, 11, "... of what is said");

    withdraw(0);
    is_number(ngx_llm_keys_read(keys, 0, &conf), NGX_OK, "of a revoked one");

    keys->key[0].version++;
    is_number(ngx_llm_keys_read(keys, 0, &conf), NGX_DECLINED,
              "not while it is being written");

    keys->redo.i = 1;
    keys->redo.conf.rpm = 12;
    keys->redo.op = NGX_LLM_KEY_REDO_CHANGE;
    is_number(ngx_llm_keys_read(keys, 0, &conf), NGX_DECLINED,
              "... when the journal is another's");

    keys->redo.i = 0;
    is_number(ngx_llm_keys_read(keys, 0, &conf), NGX_OK,
              "... but its own has it");
    is_number(conf.rpm, 12, "... whole");

    recover();
    ok(keys->key[0].version % 2 == 0 && keys->key[0].conf.rpm == 12
       && !ngx_llm_keys_torn(keys), "then it is in force");

    discard(0);
    is_number(ngx_llm_keys_read(keys, 0, &conf), NGX_DECLINED,
              "nobody, when it was removed");
}


/* its place rests; then it is another's, with another generation */

static void
test_remove(void)
{
    u_char             hash[NGX_LLM_KEY_HASH];
    ngx_uint_t         i, bad;
    ngx_atomic_uint_t  generation;

    prepare(4);
    keys->in_flight = in_flight;

    for (i = 0; i < 4; i++) {
        (void) set(i, i);
        keys->key[i].requests = 100 + i;
    }

    hash_of(hash, 2);
    is_number(ngx_llm_keys_find(keys, hash, &generation), 2, "a key");
    ok(ngx_llm_keys_holds(keys, 2, generation) && generation == 1,
       "... of a generation");

    discard(2);
    ok(!ngx_llm_keys_holds(keys, 2, generation), "it was removed");
    is_number(find(2), NGX_LLM_KEY_NONE, "... and is not found");
    is_number(set(9, 9), NGX_LLM_KEY_NONE, "its place is not free yet");
    is_number(set(2, 9), NGX_LLM_KEY_NONE, "... for the same key neither");

    ngx_current_msec += NGX_LLM_KEY_REST - 1;
    is_number(set(9, 9), NGX_LLM_KEY_NONE, "... and not a little later");

    ngx_current_msec += 1;
    in_flight[2] = 1;
    is_number(set(9, 9), NGX_LLM_KEY_NONE, "... nor while it is in flight");

    in_flight[2] = 0;
    is_number(set(9, 9), 2, "then it is another's");
    ok(keys->key[2].requests == 0 && keys->key[2].generation == 2
       && !ngx_llm_keys_holds(keys, 2, generation),
       "... who has nothing of the old one, whom nobody takes him for");
    ok(find(9) == 2 && find(2) == NGX_LLM_KEY_NONE, "... and is found");

    bad = 0;

    for (i = 0; i < 4; i++) {
        bad += (i != 2 && (find(i) != i || keys->key[i].requests != 100 + i));
    }

    is_number(bad, 0, "the others are what they were");

    for (i = 100; i < 400; i++) {
        discard(i % 4);
        ngx_current_msec += NGX_LLM_KEY_REST;
        bad += (set(i, i) != i % 4 || find(i) != i % 4);
    }

    is_number(bad, 0, "300 owners one after another");
    ok(chain_linked(&keys->hashes, keys->max) == 4
       && chain_linked(&keys->ids, keys->max) == 0,
       "... leave nothing behind");
}


/* keys that left nginx.conf: their places are used again when all are taken */

static void
test_left(void)
{
    prepare(3);

    (void) set(0, 0);
    (void) set(1, 1);
    (void) set_id(2, 2, 22);

    keys->key[1].conf.is_static = 1;
    keys->key[2].conf.is_static = 1;
    keys->key[2].requests = 7;

    withdraw(0);
    forbid(1);
    withdraw(2);

    is_number(set(9, 9), NGX_LLM_KEY_NONE, "all places are taken");
    ngx_current_msec += NGX_LLM_KEY_REST;

    is_number(set(9, 9), 2, "one left nginx.conf some time ago");
    ok(keys->key[2].generation == 2 && keys->key[2].requests == 0,
       "... its place is another's");
    ok(find(2) == NGX_LLM_KEY_NONE
       && ngx_llm_keys_find_id(keys, 22) == NGX_LLM_KEY_NONE,
       "... it is forgotten");
    ok(chain_linked(&keys->hashes, keys->max) == 3
       && chain_linked(&keys->ids, keys->max) == 0,
       "... and in no chain");

    ngx_current_msec += NGX_LLM_KEY_REST;
    is_number(set(8, 8), NGX_LLM_KEY_NONE,
              "those in force, and those revoked at run time, keep theirs");
    ok(find(1) == NGX_LLM_KEY_NONE && find(9) == 2, "... as is seen");
}


/* 100,000: no look-up meets more than a few */

static void
test_many(void)
{
    uint32_t    b, k;
    ngx_uint_t  i, n, bad, longest, steps;

    pool = shm_pool(128 * 1024 * 1024);
    keys = ngx_llm_keys_create(pool, 100000);
    bad = 0;

    for (i = 0; i < 100000; i++) {
        bad += set_id(i, 1, 7 * i + 1) != i;
    }

    for (i = 0; i < 100000; i++) {
        bad += find(i) != i;
        bad += ngx_llm_keys_find_id(keys, 7 * i + 1) != i;
    }

    is_number(bad, 0, "100,000 keys are found");

    longest = 0;
    steps = 0;

    for (b = 0; b <= keys->hashes.mask; b++) {
        n = 0;

        for (k = keys->hashes.head[b]; k; k = keys->hashes.next[k - 1]) {
            steps += ++n;
        }

        longest = ngx_max(longest, n);
    }

    ok(longest < 12 && steps < 130000,
       "... each after %u steps at most, %u in all", (unsigned) longest,
       (unsigned) steps);
    is_number(set(100000, 1), NGX_LLM_KEY_NONE, "there is no place for more");
}


static void
test_allows(void)
{
    ngx_str_t       model;
    ngx_uint_t      i;
    ngx_llm_key_t  *key;

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
        { "meta/" "*:8b", "meta/llama:8b", 1 }, { "A", "a", 0 }
    };

    prepare(MAX);
    key = &keys->key[set(1, 1)];

    for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        strcpy((char *) key->conf.models, rules[i].models);
        model.data = (u_char *) rules[i].model;
        model.len = strlen(rules[i].model);

        is_number(ngx_llm_keys_allows(keys, 0, &model), rules[i].allows,
                  "\"%s\" %s \"%s\"", rules[i].models,
                  rules[i].allows ? "allow" : "don't allow", rules[i].model);
    }

    /* the longest text there is */

    ngx_memset(key->conf.models, 'a', NGX_LLM_KEY_MODELS);
    key->conf.models[NGX_LLM_KEY_MODELS - 1] = '\0';
    ngx_memcpy(key->conf.models + NGX_LLM_KEY_MODELS - 4, ",zz", 3);

    ngx_str_set(&model, "zz");
    ok(ngx_llm_keys_allows(keys, 0, &model), "the last of a long list");
    ngx_str_set(&model, "z");
    ok(!ngx_llm_keys_allows(keys, 0, &model), "... and what is not in it");

    /* while it is being written the journal has it */

    ngx_str_set(&model, "new");
    key->version++;
    ok(!ngx_llm_keys_allows(keys, 0, &model), "nothing, if nobody knows");

    strcpy((char *) keys->redo.conf.models, "n*");
    keys->redo.i = 0;
    keys->redo.op = NGX_LLM_KEY_REDO_CHANGE;
    ok(ngx_llm_keys_allows(keys, 0, &model), "what is being written");
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

    /* on a busy machine they may not have begun */

    for (k = 0; told->looks <= 1000 && k < 100000; k++) {
        shm_sleep_us(100);
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


/*
 * Who looks stands at any of a chain's places, when that one's key is removed,
 * or goes to a key of another chain.
 */

static void
test_meetings(void)
{
    ngx_uint_t  n, lost, risen;

    alike = 2;
    lost = 0;
    risen = 0;

    for (n = 1; n < 12; n++) {
        for (met_place = 1; met_place < 4; met_place++) {

            meet(n, meet_removed);
            lost += (find(0) != 0);

            meet(n, meet_reused);
            lost += (find(0) != 0);

            meet(n, meet_reused);
            lost += (ngx_llm_keys_find_id(keys, 64) != 0);

            meet(n, meet_reused);
            risen += (find(2 * met_place) != NGX_LLM_KEY_NONE && met == NULL);
        }
    }

    met = NULL;

    is_number(lost, 0, "who met a writer found what is there");
    is_number(risen, 0, "... and not whose place was given away");

    alike = 0;
}


/* the writer comes at the nth barrier from now on; all are in one chain */

static void
meet(ngx_uint_t n, void (*writer)(void))
{
    ngx_uint_t  i;

    met = NULL;
    prepare(4);

    for (i = 0; i < 4; i++) {
        (void) set_id(2 * i, 1, 64 * (i + 1));
    }

    met_at = n;
    met = writer;
}


static void
meeting(void)
{
    void  (*writer)(void);

    __sync_synchronize();

    if (met && --met_at == 0) {
        writer = met;
        met = NULL;
        writer();
    }
}


static void
meet_removed(void)
{
    discard(met_place);
}


static void
meet_reused(void)
{
    discard(met_place);
    ngx_current_msec += NGX_LLM_KEY_REST;
    (void) set(9, 9);
}


/*
 * Keys come and go in few places all the time, which are used again at once
 * as this one's clock runs: a look-up finds a key that is always there, never
 * one that isn't, and never takes a place for its former owner's.
 */

static void
test_owners(void)
{
    pid_t       pids[2];
    uint64_t    state;
    uint32_t    k;
    ngx_uint_t  i, good;

    alike = 3;
    filled = 1;
    prepare(16);
    told = ngx_slab_calloc(pool, sizeof(told_t));

    for (i = 0; i < OLD; i++) {
        (void) set_id(i, i, 1000 + i);
    }

    for (i = 0; i < 2; i++) {
        pids[i] = shm_fork();

        if (pids[i] == 0) {
            look_until_stop();
            _exit(0);
        }
    }

    state = 1;

    for (i = 0; i < 100000; i++) {
        k = OLD + shm_random(&state, 40);

        switch (shm_random(&state, 4)) {

        case 0:
            discard(OLD + shm_random(&state, 8));
            break;

        case 1:
            k = shm_random(&state, OLD);
            (void) set_id(k, k, 1);
            break;

        default:
            (void) set_id(k, k, 1000 + k);
        }

        ngx_current_msec += NGX_LLM_KEY_REST;
    }

    told->stop = 1;
    good = 0;

    for (i = 0; i < 2; i++) {
        good += shm_wait(pids[i]);
    }

    is_number(good, 2, "two readers");
    ok(told->looks > 1000 && told->added > 1000,
       "... looked %u times, %u times for one that was just there",
       (unsigned) told->looks, (unsigned) told->added);
    is_number(told->lost, 0, "... found each key that is always there");
    is_number(told->risen, 0, "... none that never was");
    is_number(told->other, 0, "... and none of whom another had the place");
    is_number(told->torn, 0, "... and no torn copy");
    ok(keys->key[15].generation > 1000, "the places had %u owners",
       (unsigned) keys->key[15].generation);

    alike = 0;
    filled = 0;
}


static void
look_until_stop(void)
{
    u_char              hash[NGX_LLM_KEY_HASH];
    uint32_t            i, k;
    uint64_t            state;
    ngx_uint_t          n;
    ngx_atomic_uint_t   generation;
    ngx_llm_key_conf_t  conf;

    state = ngx_pid;

    while (!told->stop) {

        (void) ngx_atomic_fetch_add(&told->looks, 1);

        k = shm_random(&state, OLD);

        if (find(k) != k || ngx_llm_keys_find_id(keys, 1000 + k) != k
            || ngx_llm_keys_read(keys, k, &conf) != NGX_OK || conf.rpm != k)
        {
            (void) ngx_atomic_fetch_add(&told->lost, 1);
        }

        for (n = 0; n < NGX_LLM_KEY_MODELS - 1; n++) {
            if (conf.models[n] != 'a' + conf.tpm % 20) {
                (void) ngx_atomic_fetch_add(&told->torn, 1);
                break;
            }
        }

        if (find(5000 + k) != NGX_LLM_KEY_NONE) {
            (void) ngx_atomic_fetch_add(&told->risen, 1);
        }

        k = OLD + shm_random(&state, 40);
        hash_of(hash, k);

        i = ngx_llm_keys_find(keys, hash, &generation);

        if (i == NGX_LLM_KEY_NONE
            || ngx_llm_keys_read(keys, i, &conf) != NGX_OK)
        {
            continue;
        }

        ngx_memory_barrier();

        if (!ngx_llm_keys_holds(keys, i, generation)) {
            continue;
        }

        (void) ngx_atomic_fetch_add(&told->added, 1);

        if (ngx_memcmp(conf.hash, hash, NGX_LLM_KEY_HASH) != 0
            || conf.rpm != k || conf.id != 1000 + k)
        {
            (void) ngx_atomic_fetch_add(&told->other, 1);
        }
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
        ngx_memset(hash, 0xff - k % alike, 4);
    }
}


static uint32_t
set(ngx_uint_t k, ngx_uint_t rpm)
{
    return set_id(k, rpm, 0);
}


static uint32_t
set_id(ngx_uint_t k, ngx_uint_t rpm, uint64_t id)
{
    uint32_t            i;
    ngx_llm_key_conf_t  conf;

    ngx_memzero(&conf, sizeof(ngx_llm_key_conf_t));
    hash_of(conf.hash, k);
    conf.rpm = rpm;
    conf.id = id;

    if (filled) {
        conf.tpm = filled++;
        ngx_memset(conf.models, 'a' + conf.tpm % 20, NGX_LLM_KEY_MODELS - 1);
    }

    ngx_shmtx_lock(&pool->mutex);
    i = ngx_llm_keys_set_locked(keys, &conf);
    ngx_shmtx_unlock(&pool->mutex);

    return i;
}


static uint32_t
find(ngx_uint_t k)
{
    u_char             hash[NGX_LLM_KEY_HASH];
    ngx_atomic_uint_t  generation;

    hash_of(hash, k);

    return ngx_llm_keys_find(keys, hash, &generation);
}


static void
withdraw(uint32_t i)
{
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_keys_leave_locked(keys, i);
    ngx_shmtx_unlock(&pool->mutex);
}


static void
forbid(uint32_t i)
{
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_keys_revoke_locked(keys, i);
    ngx_shmtx_unlock(&pool->mutex);
}


static void
discard(uint32_t i)
{
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_keys_remove_locked(keys, i, ngx_current_msec);
    ngx_shmtx_unlock(&pool->mutex);
}


static void
recover(void)
{
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_keys_recover_locked(keys);
    ngx_shmtx_unlock(&pool->mutex);
}
