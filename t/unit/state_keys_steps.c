
/* Changes of keys whose writer is killed: see journal.h. */


#include "../../src/base/ngx_llm_text.c"
#include "../../src/state/ngx_llm_keys.c"
#include "../../src/state/ngx_llm_keys_redo.c"


#define POOL    (12 * 1024)
#define EVERY   20

#include "journal.h"


#define MAX     6
#define ALWAYS  1               /* the key and place that nobody touches */


static void set_new(void);
static void set_reused(void);
static void set_left(void);
static void set_again(void);
static void set_revoked(void);
static void set_first_id(void);
static void remove_one(void);
static void remove_revoked(void);
static void leave_one(void);
static void revoke_one(void);
static void set_revoked_one(void);
static void forbid(void);
static void fill(void);
static void conf_of(ngx_llm_key_conf_t *conf, ngx_uint_t k, ngx_uint_t rpm);
static ngx_uint_t whole(const ngx_llm_key_conf_t *conf);
static uint32_t set(ngx_uint_t k, ngx_uint_t rpm, uint64_t id);
static uint32_t find(const u_char *hash);
static void discard(uint32_t i);
static void withdraw(uint32_t i);


static const journal_operation_t  operations[] = {
    { "a new key", set_new, 50, NULL },
    { "a new key in a used place", set_reused, 50, fill },
    { "a new key in the place of one that left nginx.conf", set_left, 50,
      fill },
    { "a key that is set again", set_again, 50, NULL },
    { "a revoked key that is set again", set_revoked, 50, NULL },
    { "a key that had no id", set_first_id, 50, NULL },
    { "a key that is removed", remove_one, 5, NULL },
    { "a revoked key that is removed", remove_revoked, 5, NULL },
    { "a key that leaves nginx.conf", leave_one, 1, NULL },
    { "a key that is revoked", revoke_one, 50, NULL },
    { "a revoked key that nginx.conf still has", set_revoked_one, 50, forbid }
};


static uint32_t         counted;    /* place of a new key, or MAX */
static ngx_llm_keys_t  *keys;


int
main(void)
{
    journal_tests(operations, sizeof(operations) / sizeof(operations[0]));

    return test_done();
}


static void
begin(void)
{
    /* void */
}


static ngx_uint_t
torn(void)
{
    return ngx_llm_keys_torn(keys);
}


/* a new key is used before anybody knows of the dead one: that counts */

static void
killed_before(void)
{
    counted = MAX;

    if (torn() && keys->redo.op == NGX_LLM_KEY_REDO_SET
        && keys->key[keys->redo.i].valid)
    {
        counted = keys->redo.i;
        keys->key[counted].requests = 5;
    }
}


static ngx_uint_t
killed_recovered(void)
{
    if (counted == MAX) {
        return 0;
    }

    if (keys->key[counted].requests != 5) {
        return 1;
    }

    keys->key[counted].requests = 0;

    return 0;
}


static ngx_uint_t
killed_after(void)
{
    uint32_t    i;
    ngx_uint_t  bad;

    bad = 0;

    if (keys->used < MAX) {
        i = set(40, 3, 40);
        bad += (i == NGX_LLM_KEY_NONE || keys->key[i].conf.rpm != 3);
    }

    discard(0);

    return bad;
}


static void
write_always(void)
{
    (void) set(ALWAYS, ALWAYS, 1);
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
leave_one(void)
{
    withdraw(2);
}


static void
revoke_one(void)
{
    forbid();
}


static void
set_revoked_one(void)
{
    (void) set(2, 9, 77);
}


static void
forbid(void)
{
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_keys_revoke_locked(keys, 2);
    ngx_shmtx_unlock(&pool->mutex);
}


static void
recover(void)
{
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_keys_recover_locked(keys);
    ngx_shmtx_unlock(&pool->mutex);
}


/*
 * Places 0 to 2 are used, 0 has no id; 3 was removed, 4 was of nginx.conf and
 * left it.  All share a bucket.
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
                 && !(key->valid && key->conf.revoked)
                 && ngx_llm_keys_owner_locked(keys, key->conf.hash) == i
                 && find(key->conf.hash) == (key->valid ? i
                                                        : NGX_LLM_KEY_NONE));

        if (key->conf.id) {
            good &= (ngx_llm_keys_find_id(keys, key->conf.id) == i);
        }
    }

    return good && chain_linked(&keys->hashes, MAX) == there
           && chain_linked(&keys->ids, MAX) == named;
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
    want.revoked = conf->revoked;

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
    ngx_llm_keys_leave_locked(keys, i);
    ngx_shmtx_unlock(&pool->mutex);
}
