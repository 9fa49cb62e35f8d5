
/*
 * The index of models: what it holds, when old images are freed, and builders
 * that are killed.
 */


#include "../../src/state/ngx_llm_node.c"
#include "../../src/state/ngx_llm_nodes.c"
#include "../../src/state/ngx_llm_nodes_redo.c"
#include "../../src/state/ngx_llm_models.c"
#include "step.h"


#define MAX      8
#define RETIRED  2000           /* ms that an old image is kept */


static void test_empty(void);
static void test_build(void);
static void test_wild(void);
static void test_many(void);
static void test_retired(void);
static void test_skew(void);
static void test_full(void);
static void test_readers(void);
static void read_until_stop(void);
static void test_killed(void);
static void build_stepped(void);
static void killed(void);
static void prepare(size_t size);
static void node(const char *models);
static void list(uint32_t i, const char *models);
static void leave(uint32_t i);
static ngx_int_t build(void);
static void describe(const char *name, char *text, size_t size);
static ngx_uint_t kept(ngx_llm_image_t *image);
static ngx_uint_t sound(ngx_llm_image_t *image);


/* what readers and the builder tell each other */

typedef struct {
    ngx_atomic_t  stop;
    ngx_atomic_t  looks;
    ngx_atomic_t  images;       /* looks at another one than before */
    ngx_atomic_t  wrong;
} told_t;


static size_t              plain;       /* bytes taken with one image */
static ngx_uint_t          nodes_set, wrong, calls;
static told_t             *told;
static ngx_slab_pool_t    *pool;
static ngx_llm_nodes_t    *nodes;
static ngx_llm_models_t   *models;
static ngx_llm_image_t    *in_force;    /* before a builder was killed */


int
main(void)
{
    test_empty();
    test_build();
    test_wild();
    test_many();
    test_retired();
    test_skew();
    test_full();
    test_readers();

    if (step_works()) {
        test_killed();
    }

    return test_done();
}


static void
test_empty(void)
{
    char        text[256];
    ngx_uint_t  i;

    prepare(64 * 1024);

    describe("a", text, sizeof(text));
    is_text(text, "none", "an empty index has no model");
    ok(models->image->nmodels == 0 && models->image->unheard == 0
       && models->image->nwild == 0, "... and no nodes");

    is_number(build(), NGX_OK, "built of no nodes");
    describe("a", text, sizeof(text));
    is_text(text, "none", "... it is as empty");

    for (i = 1; i <= 2; i++) {
        shm_fail = i;
        ok(ngx_llm_models_create(pool) == NULL, "no index without memory, %u",
           (unsigned) i);
    }

    shm_fail = 0;
    is_number(pool->lock.lock, 0, "the mutex is free");
}


static void
test_build(void)
{
    char        text[256];
    ngx_uint_t  i;

    static const struct {
        const char  *name;
        const char  *model;
    } want[] = {
        { "a", "a/me@7: 0 1 3" },
        { "b", "b/me@7: 0" },
        { "c", "c/me@7: 1" },
        { "d", "d/me@7: 3" },
        { "ab", "none" },
        { "A", "none" },
        { "", "none" },
        { "*", "none" }
    };

    prepare(64 * 1024);

    node("a b a");
    node("a c a c");
    node(NULL);
    node("d a");
    node("gone a");
    node("");
    leave(4);

    is_number(build(), NGX_OK, "built");

    for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        describe(want[i].name, text, sizeof(text));
        is_text(text, want[i].model, "the model \"%s\"", want[i].name);
    }

    describe("gone", text, sizeof(text));
    is_text(text, "none", "a node that leaves lists nothing");

    is_number(models->image->nmodels, 4, "each name once");
    is_number(models->image->unheard, 1, "one never told its list");
    ok(sound(models->image), "the image is sound");

    list(2, "b e");
    list(0, "");
    is_number(build(), NGX_OK, "built anew");

    describe("b", text, sizeof(text));
    is_text(text, "b/me@7: 2", "another node lists it now");
    describe("a", text, sizeof(text));
    is_text(text, "a/me@7: 1 3", "one node less");
    describe("e", text, sizeof(text));
    is_text(text, "e/me@7: 2", "a new one");
    is_number(models->image->unheard, 0, "all were heard");
}


static void
test_wild(void)
{
    char  text[256];

    prepare(64 * 1024);

    node("a");
    node("* a *");
    node("*");
    node("*x x*");

    (void) build();

    describe("a", text, sizeof(text));
    is_text(text, "a/me@7: 0 1", "listed by name");
    is_number(models->image->nwild, 2, "two take any model");
    ok(models->image->wild[0] == 1 && models->image->wild[1] == 2,
       "... once each");
    describe("*", text, sizeof(text));
    is_text(text, "none", "... which is no model");
    describe("*x", text, sizeof(text));
    is_text(text, "*x/me@7: 3", "a name with a star is a name");
    is_number(models->image->nmodels, 3, "names in all");
}


/* thousands of names, in chains of the same bucket, too */

static void
test_many(void)
{
    char              name[32];
    u_char            text[32];
    ngx_str_t         s, owner;
    ngx_uint_t        i, k, bad, chained;
    ngx_llm_list_t   *l;
    ngx_llm_model_t  *m;

    prepare(4 * 1024 * 1024);

    s.data = text;
    ngx_str_set(&owner, "owner");

    for (k = 0; k < 3; k++) {
        l = calloc(1, 512 * 1024);

        for (i = 0; i < 5000; i++) {
            s.len = sprintf((char *) text, "model-%u",
                            (unsigned) (i * (k + 1)));
            (void) ngx_llm_list_add(l, 512 * 1024, &s, &owner, k + 1);
        }

        node(NULL);
        ngx_shmtx_lock(&pool->mutex);
        (void) ngx_llm_nodes_list_locked(nodes, k, l);
        ngx_shmtx_unlock(&pool->mutex);
        free(l);
    }

    is_number(build(), NGX_OK, "built of 3 nodes with 5000 models each");

    bad = 0;
    chained = 0;

    for (i = 0; i < 15000; i++) {
        s.len = sprintf(name, "model-%u", (unsigned) i);
        s.data = (u_char *) name;

        m = ngx_llm_models_find(models->image, &s, ngx_llm_models_hash(&s));

        k = (i < 5000) + (i % 2 == 0 && i < 10000) + (i % 3 == 0);

        bad += m ? m->nnodes != k || m->name_len != s.len : k != 0;
        chained += (m && m->next);
    }

    is_number(bad, 0, "each is found, with as many nodes as list it");
    ok(chained > 100, "... though %u share a bucket", (unsigned) chained);
    ok(sound(models->image), "the image is sound");
}


static void
test_retired(void)
{
    size_t            most;
    ngx_uint_t        i, changed;
    ngx_llm_image_t  *image;

    prepare(64 * 1024);
    node("a b c");

    (void) build();
    ngx_current_msec += RETIRED;
    (void) build();
    ngx_current_msec += RETIRED;
    (void) build();

    plain = shm_used(pool);
    most = 0;
    changed = 0;

    for (i = 0; i < 100; i++) {
        image = models->image;

        (void) build();
        ngx_current_msec += RETIRED - 1;
        (void) build();

        /* just before its time a reader may still hold it */

        changed += !kept(image);
        most = ngx_max(most, shm_used(pool));

        ngx_current_msec += 1;
    }

    is_number(changed, 0, "an old image is kept for %u ms", RETIRED - 1);
    ok(most <= plain + 3 * 1024, "... and not for long: %u bytes at most, "
       "%u with one old", (unsigned) most, (unsigned) plain);

    ngx_current_msec += RETIRED;
    (void) build();
    is_number(shm_used(pool), plain, "then all old ones are freed");
}


/* another worker's clock is behind by what its events took */

static void
test_skew(void)
{
    ngx_llm_image_t  *image;

    prepare(64 * 1024);
    node("a b c");

    (void) build();
    image = models->image;
    (void) build();

    ngx_current_msec -= 5;
    (void) build();
    ok(kept(image), "an image that was retired in the future is kept");

    ngx_current_msec += 5 + RETIRED - 1;
    (void) build();
    ok(kept(image), "... for as long as any");

    ngx_current_msec += 1;
    (void) build();
    ok(!kept(image), "... and freed then");
}


static void
test_full(void)
{
    char              text[256];
    ngx_int_t         rc;
    ngx_uint_t        i;
    ngx_llm_image_t  *image;

    prepare(32 * 1024);
    node("a b");
    (void) build();

    image = models->image;
    rc = NGX_OK;

    list(0, "a b c");

    for (i = 0; i < 1000; i++) {
        rc = build();

        if (rc != NGX_OK) {
            break;
        }

        image = models->image;
    }

    is_number(rc, NGX_ERROR, "the zone is full of old images, %u of them",
              (unsigned) i);
    ok(models->image == image && sound(image), "... the last one stays");
    describe("c", text, sizeof(text));
    is_text(text, "c/me@7: 0", "... and serves");

    ngx_current_msec += RETIRED;
    is_number(build(), NGX_OK, "later on there is room again");
    ok(sound(models->image), "... and the image is sound");
}


/* one builds all the time, three look: what they hold is always sound */

static void
test_readers(void)
{
    pid_t       pids[3];
    uint64_t    until;
    ngx_uint_t  i, builds, good;

    prepare(8 * 1024 * 1024);

    told = ngx_slab_calloc(pool, sizeof(told_t));

    node("always a b c d e f g");
    node("always sometimes");
    (void) build();

    for (i = 0; i < 3; i++) {
        pids[i] = shm_fork();

        if (pids[i] == 0) {
            read_until_stop();
            _exit(0);
        }
    }

    wrong = 0;
    builds = 0;
    until = shm_clock() + 10000;

    while ((builds < 300 || told->images < 200) && shm_clock() < until
           && wrong == 0)
    {
        ngx_current_msec = shm_clock();

        list(1, builds++ % 2 ? "always sometimes" : "x y always z");
        wrong += (build() != NGX_OK);

        ngx_sched_yield();

        if (builds % 50 == 0) {
            shm_sleep_us(2000);
        }
    }

    ngx_current_msec = 100000;

    told->stop = 1;
    good = 0;

    for (i = 0; i < 3; i++) {
        good += shm_wait(pids[i]);
    }

    is_number(good, 3, "three readers");
    ok(told->images >= 200, "... saw %u images of %u",
       (unsigned) told->images, (unsigned) builds);
    is_number(told->wrong, 0, "... each of them sound");
}


static void
read_until_stop(void)
{
    char              text[256];
    ngx_llm_image_t  *image, *last;

    last = NULL;

    while (!told->stop) {
        image = models->image;

        if (image != last) {
            (void) ngx_atomic_fetch_add(&told->images, 1);
        }

        last = image;

        describe("always", text, sizeof(text));

        if (strcmp(text, "always/me@7: 0 1") != 0) {
            (void) ngx_atomic_fetch_add(&told->wrong, 1);
        }

        (void) ngx_atomic_fetch_add(&told->looks, 1);
    }
}


/* a builder is killed at any of its instructions */

static void
test_killed(void)
{
    ngx_uint_t  n;

    prepare(32 * 1024);
    node("a b");
    node("a");
    (void) build();

    ngx_current_msec += RETIRED;
    (void) build();
    (void) build();

    ngx_current_msec += RETIRED;
    list(1, "a c");

    plain = shm_used(pool);
    in_force = models->image;
    wrong = 0;
    calls = 0;

    n = step_through(pool, build_stepped, killed, killed);

    ok(n > 30 && calls == n + 1, "a builder killed at %u changes",
       (unsigned) n);
    is_number(wrong, 0, "... an image is in force each time, and the next "
              "builders find their way");
}


static void
build_stepped(void)
{
    (void) build();
}


static void
killed(void)
{
    char              text[256];
    size_t            used;
    ngx_msec_t        now;
    ngx_llm_image_t  *image;

    calls++;
    now = ngx_current_msec;

    image = models->image;
    wrong += !sound(image);
    describe("a", text, sizeof(text));
    wrong += (strcmp(text, "a/me@7: 0 1") != 0);

    /* the old one or the new one */

    describe("c", text, sizeof(text));
    wrong += strcmp(text, image == in_force ? "none" : "c/me@7: 1") != 0;

    /* at once, while readers hold what was in force */

    wrong += (build() != NGX_OK);
    wrong += !sound(image) || !sound(models->image);
    describe("c", text, sizeof(text));
    wrong += (strcmp(text, "c/me@7: 1") != 0);

    /* and later on, when nobody does */

    ngx_current_msec += RETIRED;
    wrong += (build() != NGX_OK);
    wrong += !sound(models->image);
    ngx_current_msec += RETIRED;
    wrong += (build() != NGX_OK);
    wrong += !sound(models->image);

    /* an image or two may be lost with the dead one, not more */

    used = shm_used(pool);
    wrong += (used > plain + 3 * 1024);

    ngx_current_msec += RETIRED;
    wrong += (build() != NGX_OK);
    ngx_current_msec += RETIRED;
    wrong += (build() != NGX_OK);
    wrong += (shm_used(pool) != used);

    ngx_current_msec = now;
}


static void
prepare(size_t size)
{
    nodes_set = 0;
    pool = shm_pool(size);
    nodes = ngx_llm_nodes_create(pool, MAX);
    models = ngx_llm_models_create(pool);
}


/* one more node, with these models or without a list */

static void
node(const char *names)
{
    uint32_t             i;
    ngx_llm_node_conf_t  conf;

    ngx_memzero(&conf, sizeof(ngx_llm_node_conf_t));

    conf.weight = 1;
    conf.port = ++nodes_set;

    ngx_shmtx_lock(&pool->mutex);
    i = ngx_llm_nodes_set_locked(nodes, &conf, NULL, NULL);
    ngx_shmtx_unlock(&pool->mutex);

    if (names) {
        list(i, names);
    }
}


/* names with a space in between */

static void
list(uint32_t i, const char *names)
{
    u_char           text[1024];
    ngx_str_t        name, owner;
    ngx_llm_list_t  *l;

    l = (ngx_llm_list_t *) text;
    ngx_memzero(l, sizeof(ngx_llm_list_t));
    ngx_str_set(&owner, "me");

    while (*names) {
        name.data = (u_char *) names;
        name.len = strcspn(names, " ");

        (void) ngx_llm_list_add(l, sizeof(text), &name, &owner, 7);

        names += name.len;
        names += (*names == ' ');
    }

    ngx_shmtx_lock(&pool->mutex);
    (void) ngx_llm_nodes_list_locked(nodes, i, l);
    ngx_shmtx_unlock(&pool->mutex);
}


static void
leave(uint32_t i)
{
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_nodes_leave_locked(nodes, i);
    ngx_shmtx_unlock(&pool->mutex);
}


static ngx_int_t
build(void)
{
    ngx_int_t  rc;

    ngx_shmtx_lock(&pool->mutex);
    rc = ngx_llm_models_build_locked(models, nodes);
    ngx_shmtx_unlock(&pool->mutex);

    return rc;
}


/* "name/owner@created: nodes", or "none" */

static void
describe(const char *name, char *text, size_t size)
{
    size_t            n;
    ngx_str_t         s;
    ngx_uint_t        i;
    ngx_llm_image_t  *image;
    ngx_llm_model_t  *m;

    s.data = (u_char *) name;
    s.len = strlen(name);

    image = models->image;
    m = ngx_llm_models_find(image, &s, ngx_llm_models_hash(&s));

    if (m == NULL) {
        snprintf(text, size, "none");
        return;
    }

    n = snprintf(text, size, "%.*s/%.*s@%d:", (int) m->name_len,
                 ngx_llm_model_name(image, m), (int) m->owner_len,
                 ngx_llm_model_owner(image, m), (int) m->created);

    for (i = 0; i < m->nnodes && n < size; i++) {
        n += snprintf(text + n, size - n, " %u",
                      (unsigned) image->nodes[m->nodes + i]);
    }
}


/* is this old image still what it was? */

static ngx_uint_t
kept(ngx_llm_image_t *image)
{
    return sound(image) && image != models->image
           && shm_taken((u_char *) image - SHM_HEAD);
}


/* all of it is where it should be, and no model has no node */

static ngx_uint_t
sound(ngx_llm_image_t *image)
{
    uint32_t          i, k, n;
    ngx_llm_model_t  *m;

    if (image->nbuckets < 16 || (image->nbuckets & (image->nbuckets - 1))
        || image->buckets == NULL || image->nmodels > 100000
        || (u_char *) image->models != (u_char *) (image + 1))
    {
        return 0;
    }

    n = 0;

    for (k = 0; k < image->nbuckets; k++) {
        for (i = image->buckets[k]; i; i = m->next) {

            if (i > image->nmodels || n++ > image->nmodels) {
                return 0;
            }

            m = &image->models[i - 1];

            if ((m->hash & (image->nbuckets - 1)) != k || m->nnodes == 0
                || m->nnodes > MAX)
            {
                return 0;
            }
        }
    }

    return n == image->nmodels;
}
