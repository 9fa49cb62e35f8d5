
/*
 * Changes of keys, instruction by instruction: a writer that is killed at any
 * of them leaves nothing of its change or all of it, also when the one that
 * ends it is killed; and writers that are killed anywhere, again and again.
 */


#include "../../src/base/ngx_llm_text.c"
#include "../../src/state/ngx_llm_keys.c"
#include "step.h"


#define MAX     6
#define POOL    (12 * 1024)
#define ALWAYS  1               /* the key and place that nobody touches */
#define KILLS   200


typedef struct {
    const char  *name;
    step_pt      what;
    ngx_uint_t   least;         /* changes of memory */
} operation_t;


static void test_killed(void);
static void killed(void);
static void test_killed_twice(void);
static void killed_first(void);
static void killed_again(void);
static void test_kills(void);
static void write_forever(void);
static void set_new(void);
static void set_reused(void);
static void set_left(void);
static void set_again(void);
static void set_revoked(void);
static void set_first_id(void);
static void remove_one(void);
static void remove_revoked(void);
static void revoke_one(void);
static void recover(void);
static void prepare(void);
static void fill(void);
static void describe(char *text, size_t size);
static ngx_uint_t sound(void);
static ngx_uint_t linked(const ngx_llm_chain_t *chain);
static ngx_uint_t readable(void);
static void conf_of(ngx_llm_key_conf_t *conf, ngx_uint_t k, ngx_uint_t rpm);
static ngx_uint_t whole(const ngx_llm_key_conf_t *conf);
static uint32_t set(ngx_uint_t k, ngx_uint_t rpm, uint64_t id);
static uint32_t find(const u_char *hash);
static void discard(uint32_t i);
static void withdraw(uint32_t i);


static const operation_t  operations[] = {
    { "a new key", set_new, 50 },
    { "a new key in a used place", set_reused, 50 },
    { "a new key in the place of one that left nginx.conf", set_left, 50 },
    { "a key that is set again", set_again, 50 },
    { "a revoked key that is set again", set_revoked, 50 },
    { "a key that had no id", set_first_id, 50 },
    { "a key that is removed", remove_one, 5 },
    { "a revoked key that is removed", remove_revoked, 5 },
    { "a key that is revoked", revoke_one, 1 }
};

#define NOPERATIONS  (sizeof(operations) / sizeof(operations[0]))


static char               before[2048], after[2048];
static ngx_uint_t         wrong, calls, done;
static ngx_atomic_t      *rounds;
static ngx_llm_keys_t    *keys;
static ngx_slab_pool_t   *pool;


int
main(void)
{
    test_kills();

    if (step_works()) {
        test_killed();
        test_killed_twice();
    }

    return test_done();
}


static void
test_killed(void)
{
    u_char      *copy;
    ngx_uint_t   i, n;

    copy = malloc(POOL);

    for (i = 0; i < NOPERATIONS; i++) {
        prepare();

        if (operations[i].what == set_reused
            || operations[i].what == set_left)
        {
            fill();
        }

        /* what it is, and what it is to be */

        describe(before, sizeof(before));
        ngx_memcpy(copy, pool, POOL);

        operations[i].what();
        describe(after, sizeof(after));
        ngx_memcpy(pool, copy, POOL);

        ok(strcmp(before, after) != 0 && strstr(before, "wrong") == NULL
           && strstr(after, "wrong") == NULL,
           "%s makes a difference", operations[i].name);

        wrong = 0;
        calls = 0;
        done = 0;

        n = step_through(pool, operations[i].what, killed, NULL);

        ok(n >= operations[i].least && calls == n,
           "... killed at %u changes of memory", (unsigned) n);
        ok(done > 1 && done < n, "... %u of them when it was committed",
           (unsigned) done);
        is_number(wrong, 0, "... all of it is there then, and before nothing");
    }

    free(copy);
}


static void
killed(void)
{
    char        text[2048];
    uint32_t    i;
    ngx_uint_t  committed, counted;

    calls++;

    /* readers, who take no lock, before anybody knows of it */

    wrong += !readable();

    committed = ngx_llm_keys_torn(keys);

    /* what is counted of a new key before anybody knows of the dead one */

    counted = (committed && keys->redo.op == NGX_LLM_KEY_REDO_SET
               && keys->key[keys->redo.i].valid);
    i = keys->redo.i;

    if (counted) {
        keys->key[i].requests = 5;
    }

    recover();

    if (counted) {
        wrong += (keys->key[i].requests != 5);
        keys->key[i].requests = 0;
    }

    wrong += ngx_llm_keys_torn(keys);
    wrong += !sound() || !readable();

    describe(text, sizeof(text));

    if (strcmp(text, after) == 0) {
        done++;

    } else {
        wrong += committed || strcmp(text, before) != 0;
    }

    /* the next ones find their way */

    if (keys->used < MAX) {
        i = set(40, 3, 40);
        wrong += (i == NGX_LLM_KEY_NONE || keys->key[i].conf.rpm != 3);
    }

    discard(0);
    wrong += !sound() || !readable();
    wrong += (pool->lock.lock != 0);
}


/* the one that ends what the dead one began is killed as well */

static void
test_killed_twice(void)
{
    u_char      *copy;
    ngx_uint_t   i;

    copy = malloc(POOL);

    for (i = 0; i < NOPERATIONS - 1; i++) {
        prepare();

        if (operations[i].what == set_reused
            || operations[i].what == set_left)
        {
            fill();
        }

        ngx_memcpy(copy, pool, POOL);
        operations[i].what();
        describe(after, sizeof(after));
        ngx_memcpy(pool, copy, POOL);

        wrong = 0;
        calls = 0;
        done = 0;

        (void) step_through(pool, operations[i].what, killed_first, NULL);

        ok(done > 5, "%s: killed, and who ends it %u times",
           operations[i].name, (unsigned) done);
        is_number(wrong, 0, "... who comes then ends it");
    }

    free(copy);
}


static void
killed_first(void)
{
    pid_t  pid;

    /* every so often, but each time when it is short */

    if (!ngx_llm_keys_torn(keys) || calls++ % 20 > 3) {
        return;
    }

    pid = step_pid;

    (void) step_through(pool, recover, killed_again, NULL);

    step_pid = pid;
}


static void
killed_again(void)
{
    char  text[2048];

    done++;

    wrong += !readable();

    recover();
    describe(text, sizeof(text));

    wrong += (strcmp(text, after) != 0 || !sound());
}


/* not stepped, but killed indeed, at any time */

static void
test_kills(void)
{
    pid_t       pid;
    uint64_t    state;
    ngx_uint_t  i, bad, torn;

    prepare();

    rounds = ngx_slab_calloc(pool, sizeof(ngx_atomic_t));
    state = 7;
    bad = 0;
    torn = 0;

    for (i = 0; i < KILLS; i++) {
        pid = shm_fork();

        if (pid == 0) {
            write_forever();
        }

        *rounds = 0;

        while (*rounds < 20) {
            bad += !readable();
        }

        shm_sleep_us(shm_random(&state, 500));
        shm_kill(pool, pid);

        torn += ngx_llm_keys_torn(keys);
        bad += !readable();

        if (i % 2) {
            recover();
        }

        (void) set(ALWAYS, ALWAYS, 1);
        bad += !sound() || !readable();
    }

    ok(torn > 0, "%u writers were killed, %u of them in the middle",
       (unsigned) KILLS, (unsigned) torn);
    is_number(bad, 0, "... and the table is sound each time");
}


static void
write_forever(void)
{
    uint32_t  i, k;
    uint64_t  state;

    state = ngx_pid;

    for ( ;; ) {
        k = 10 + shm_random(&state, 8);
        (void) set(k, shm_random(&state, 200), k);

        i = shm_random(&state, MAX);

        if (i != ALWAYS && i < keys->used) {
            if (shm_random(&state, 2)) {
                discard(i);

            } else if (keys->key[i].use == NGX_LLM_KEY_USED) {
                withdraw(i);
            }
        }

        ngx_current_msec += NGX_LLM_KEY_REST;

        (void) ngx_atomic_fetch_add(rounds, 1);
    }
}


static void
set_new(void)
{
    (void) set(30, 9, 30);
}


static void
set_reused(void)
{
    ngx_current_msec += NGX_LLM_KEY_REST;
    (void) set(30, 9, 30);
}


/* as above, but the one that was removed has something in flight */

static void
set_left(void)
{
    keys->key[3].since = ngx_current_msec;
    keys->key[4].since -= NGX_LLM_KEY_REST;
    (void) set(30, 9, 30);
}


static void
set_again(void)
{
    (void) set(2, 9, 77);
}


static void
set_revoked(void)
{
    (void) set(4, 9, 77);
}


static void
set_first_id(void)
{
    (void) set(0, 9, 77);
}


static void
remove_one(void)
{
    discard(2);
}


static void
remove_revoked(void)
{
    discard(4);
}


static void
revoke_one(void)
{
    withdraw(2);
}


static void
recover(void)
{
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_keys_recover_locked(keys);
    ngx_shmtx_unlock(&pool->mutex);
}


/*
 * Places 0 to 2 are used, 0 has no id; 3 was removed, 4 is of nginx.conf and
 * revoked.  All share a bucket.
 */

static void
prepare(void)
{
    ngx_uint_t  i;

    ngx_current_msec = 100000;
    rounds = NULL;
    pool = shm_pool(POOL);
    keys = ngx_llm_keys_create(pool, MAX);

    for (i = 0; i < 5; i++) {
        (void) set(i, i, i);
        keys->key[i].requests = 100 + i;
    }

    discard(3);

    keys->key[4].conf.is_static = 1;
    withdraw(4);
}


static void
fill(void)
{
    (void) set(5, 5, 5);
}


/* who is where, and what there is of him */

static void
describe(char *text, size_t size)
{
    char           *p, *last;
    uint32_t        i;
    ngx_llm_key_t  *key;

    p = text;
    last = text + size;
    *p = '\0';

    for (i = 0; i < keys->used; i++) {
        key = &keys->key[i];

        if (key->use != NGX_LLM_KEY_USED) {
            continue;
        }

        p += snprintf(p, last - p,
                      "%u: %s%s %s generation %u id %u rpm %u requests %u\n",
                      (unsigned) i, (char *) key->conf.name,
                      whole(&key->conf) ? "" : " wrong",
                      key->valid ? "valid" : "revoked",
                      (unsigned) key->generation, (unsigned) key->conf.id,
                      (unsigned) key->conf.rpm, (unsigned) key->requests);
    }
}


/* each that is there is found, and nobody else */

static ngx_uint_t
sound(void)
{
    uint32_t        i;
    ngx_uint_t      there, named, good;
    ngx_llm_key_t  *key;

    good = (keys->version % 2 == 0);
    there = 0;
    named = 0;

    for (i = 0; i < MAX; i++) {
        key = &keys->key[i];

        if (key->use != NGX_LLM_KEY_USED) {
            good &= !key->valid;
            continue;
        }

        there++;
        named += (key->conf.id != 0);

        good &= (i < keys->used && key->version % 2 == 0
                 && whole(&key->conf)
                 && ngx_llm_keys_owner_locked(keys, key->conf.hash) == i
                 && find(key->conf.hash) == (key->valid ? i
                                                        : NGX_LLM_KEY_NONE));

        if (key->conf.id) {
            good &= (ngx_llm_keys_find_id(keys, key->conf.id) == i);
        }
    }

    return good && linked(&keys->hashes) == there
           && linked(&keys->ids) == named;
}


static ngx_uint_t
linked(const ngx_llm_chain_t *chain)
{
    uint32_t    b, k;
    ngx_uint_t  n;

    n = 0;

    for (b = 0; b <= chain->mask; b++) {
        for (k = chain->head[b]; k; k = chain->next[k - 1]) {

            if (++n > MAX) {
                shm_die("a chain has no end");
            }
        }
    }

    return n;
}


/* without a lock: the one that is always there, and no torn copy */

static ngx_uint_t
readable(void)
{
    uint32_t            i;
    ngx_uint_t          good;
    ngx_llm_key_conf_t  conf;

    conf_of(&conf, ALWAYS, 0);

    good = (find(conf.hash) == ALWAYS)
           && ngx_llm_keys_find_id(keys, ALWAYS) == ALWAYS;

    for (i = 0; i < MAX; i++) {

        if (ngx_llm_keys_read(keys, i, &conf) == NGX_OK) {
            good &= whole(&conf);

        } else {
            good &= (i != ALWAYS);
        }
    }

    return good;
}


/* all of it follows from its number and its limit */

static void
conf_of(ngx_llm_key_conf_t *conf, ngx_uint_t k, ngx_uint_t rpm)
{
    ngx_memzero(conf, sizeof(ngx_llm_key_conf_t));

    ngx_memset(conf->hash, 'a' + k, NGX_LLM_KEY_HASH);
    ngx_memzero(conf->hash, 4);

    ngx_memset(conf->models, 'a' + rpm % 20, NGX_LLM_KEY_MODELS - 1);

    (void) sprintf((char *) conf->name, "key-%u", (unsigned) k);

    conf->rpm = rpm;
    conf->tpm = rpm;
    conf->scopes = 1;
}


static ngx_uint_t
whole(const ngx_llm_key_conf_t *conf)
{
    unsigned            k;
    ngx_llm_key_conf_t  want;

    if (sscanf((char *) conf->name, "key-%u", &k) != 1) {
        return 0;
    }

    conf_of(&want, k, conf->rpm);

    want.id = conf->id;
    want.is_static = conf->is_static;

    return memcmp(&want, conf, sizeof(want)) == 0;
}


static uint32_t
set(ngx_uint_t k, ngx_uint_t rpm, uint64_t id)
{
    uint32_t            i;
    ngx_llm_key_conf_t  conf;

    conf_of(&conf, k, rpm);
    conf.id = id;

    ngx_shmtx_lock(&pool->mutex);
    i = ngx_llm_keys_set_locked(keys, &conf);
    ngx_shmtx_unlock(&pool->mutex);

    return i;
}


static uint32_t
find(const u_char *hash)
{
    ngx_atomic_uint_t  generation;

    return ngx_llm_keys_find(keys, hash, &generation);
}


static void
discard(uint32_t i)
{
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_keys_remove_locked(keys, i, ngx_current_msec);
    ngx_shmtx_unlock(&pool->mutex);
}


static void
withdraw(uint32_t i)
{
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_keys_revoke_locked(keys, i);
    ngx_shmtx_unlock(&pool->mutex);
}
