
/*
 * Changes of nodes, instruction by instruction: a writer that is killed at any
 * of them leaves nothing of its change or all of it, also when the one that
 * ends it is killed; and writers that are killed anywhere, again and again.
 */


#include "../../src/state/ngx_llm_node.c"
#include "../../src/state/ngx_llm_nodes.c"
#include "../../src/state/ngx_llm_nodes_redo.c"
#include "step.h"


#define MAX     6
#define POOL    (16 * 1024)
#define ALWAYS  1               /* the place that no operation touches */
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
static void set_again(void);
static void set_new(void);
static void set_reused(void);
static void set_static(void);
static void change(void);
static void change_url(void);
static void leave_one(void);
static void leave_listed(void);
static void list_first(void);
static void list_other(void);
static void recover(void);
static void prepare(void);
static void describe(char *text, size_t size);
static ngx_uint_t sound(void);
static ngx_uint_t readable(void);
static void conf_of(ngx_llm_node_conf_t *conf, ngx_uint_t host, ngx_uint_t k);
static ngx_uint_t whole(const ngx_llm_node_conf_t *conf);
static uint32_t set(ngx_uint_t host, ngx_uint_t k);
static void leave(uint32_t i);
static ngx_int_t list_of(uint32_t i, ngx_uint_t n);
static ngx_uint_t idle(void *data, uint32_t i);


static const operation_t  operations[] = {
    { "a node that is set again", set_again, 100 },
    { "a new node", set_new, 100 },
    { "a new node in a used place", set_reused, 100 },
    { "a node that nginx.conf takes over", set_static, 100 },
    { "a change", change, 100 },
    { "a change of the URL", change_url, 100 },
    { "a node that leaves", leave_one, 5 },
    { "a node with a list that leaves", leave_listed, 5 },
    { "a first list", list_first, 5 },
    { "another list", list_other, 5 }
};

#define NOPERATIONS  (sizeof(operations) / sizeof(operations[0]))


static char               before[2048], after[2048];
static size_t             used;
static ngx_uint_t         busy;     /* what left is not idle yet */
static ngx_uint_t         wrong, calls, done, ids;
static ngx_atomic_t      *rounds;
static ngx_slab_pool_t   *pool;
static ngx_llm_nodes_t   *nodes;


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

        /* what it is, and what it is to be */

        describe(before, sizeof(before));
        ngx_memcpy(copy, pool, POOL);

        ids = 0;
        operations[i].what();
        ids = 0;
        describe(after, sizeof(after));
        ngx_memcpy(pool, copy, POOL);
        busy = 0;

        ok(strcmp(before, after) != 0 && strstr(before, "wrong") == NULL
           && strstr(after, "wrong") == NULL,
           "%s makes a difference", operations[i].name);

        used = shm_used(pool);
        wrong = 0;
        calls = 0;
        done = 0;

        n = step_through(pool, operations[i].what, killed, NULL);

        ok(n >= operations[i].least && calls == n,
           "... killed at %u changes of memory", (unsigned) n);
        ok(done > 3 && done < n, "... %u of them when it was committed",
           (unsigned) done);
        is_number(wrong, 0, "... all of it is there then, and before nothing");
    }

    free(copy);
}


static void
killed(void)
{
    char        text[2048];
    ngx_uint_t  committed;

    calls++;

    /* readers, who take no lock, before anybody knows of it */

    wrong += !readable();

    committed = ngx_llm_nodes_torn(nodes);

    recover();

    wrong += ngx_llm_nodes_torn(nodes);
    wrong += !sound() || !readable();

    describe(text, sizeof(text));

    if (strcmp(text, after) == 0) {
        done++;

    } else {
        wrong += committed || strcmp(text, before) != 0;
    }

    /* one list at most is lost with the dead */

    wrong += (shm_used(pool) > used + 2 * 1024);

    /* the next ones find their way */

    wrong += (set(40, 3) == NGX_LLM_NODE_NONE) || !sound();
    wrong += (pool->lock.lock != 0);
}


/* the one that ends what the dead one began is killed as well */

static void
test_killed_twice(void)
{
    u_char      *copy;
    ngx_uint_t   i;

    copy = malloc(POOL);

    for (i = 0; i < NOPERATIONS; i++) {
        prepare();

        ngx_memcpy(copy, pool, POOL);
        ids = 0;
        operations[i].what();
        ids = 0;
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

    if (!ngx_llm_nodes_torn(nodes) || calls++ % 40 > 3) {
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

        torn += ngx_llm_nodes_torn(nodes);
        bad += !readable();

        if (i % 2) {
            recover();
        }

        (void) set(ALWAYS, 2);
        bad += !sound() || !readable();
    }

    ok(torn > 0, "%u writers were killed, %u of them in the middle",
       (unsigned) KILLS, (unsigned) torn);
    is_number(bad, 0, "... and the table is sound each time");
}


static void
write_forever(void)
{
    uint32_t             i;
    uint64_t             state;
    ngx_llm_node_conf_t  conf;

    state = ngx_pid;

    for ( ;; ) {
        i = set(10 + shm_random(&state, 5), shm_random(&state, 200));

        if (i != NGX_LLM_NODE_NONE) {
            conf_of(&conf, 10 + shm_random(&state, 5),
                    shm_random(&state, 200));

            ngx_shmtx_lock(&pool->mutex);
            (void) ngx_llm_nodes_change_locked(nodes, i, &conf);
            ngx_shmtx_unlock(&pool->mutex);

            (void) list_of(i, shm_random(&state, 4));
        }

        i = shm_random(&state, MAX);

        if (i != ALWAYS) {
            leave(i);
        }

        (void) ngx_atomic_fetch_add(rounds, 1);
    }
}


static void
set_again(void)
{
    (void) set(2, 9);
}


static void
set_new(void)
{
    busy = 1;
    (void) set(30, 9);
}


static void
set_reused(void)
{
    (void) set(30, 9);
}


static void
set_static(void)
{
    ngx_llm_node_conf_t  conf;

    conf_of(&conf, 2, 9);
    conf.is_static = 1;
    conf.id = 4711;

    ngx_shmtx_lock(&pool->mutex);
    (void) ngx_llm_nodes_set_locked(nodes, &conf, idle, NULL);
    ngx_shmtx_unlock(&pool->mutex);
}


static void
change(void)
{
    ngx_llm_node_conf_t  conf;

    conf_of(&conf, 2, 9);

    ngx_shmtx_lock(&pool->mutex);
    (void) ngx_llm_nodes_change_locked(nodes, 2, &conf);
    ngx_shmtx_unlock(&pool->mutex);
}


static void
change_url(void)
{
    ngx_llm_node_conf_t  conf;

    conf_of(&conf, 33, 9);

    ngx_shmtx_lock(&pool->mutex);
    (void) ngx_llm_nodes_change_locked(nodes, 2, &conf);
    ngx_shmtx_unlock(&pool->mutex);
}


static void
leave_one(void)
{
    leave(0);
}


static void
leave_listed(void)
{
    leave(2);
}


static void
list_first(void)
{
    (void) list_of(0, 5);
}


static void
list_other(void)
{
    (void) list_of(2, 5);
}


static void
recover(void)
{
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_nodes_recover_locked(nodes);
    ngx_shmtx_unlock(&pool->mutex);
}


/* places 0 to 2 are used, 2 has a list; 3 was left, with a list */

static void
prepare(void)
{
    ngx_uint_t  i;

    busy = 0;
    rounds = NULL;
    pool = shm_pool(POOL);
    nodes = ngx_llm_nodes_create(pool, MAX);

    for (i = 0; i < 4; i++) {
        (void) set(i, i);
    }

    (void) list_of(2, 3);
    (void) list_of(3, 2);
    leave(3);

    nodes->node[2].draining = 1;
    nodes->node[2].requests = 7;
}


/* who is where, and what there is of him */

static void
describe(char *text, size_t size)
{
    char            *p, *last;
    uint32_t         i;
    ngx_llm_node_t  *node;

    p = text;
    last = text + size;
    *p = '\0';

    for (i = 0; i < nodes->used; i++) {
        node = &nodes->node[i];

        if (node->use != NGX_LLM_NODE_USED) {
            continue;
        }

        p += snprintf(p, last - p,
                      "%u: %s%s generation %u id %llx weight %u max %u list "
                      "%d draining %u requests %u\n",
                      (unsigned) i, (char *) node->conf.host,
                      whole(&node->conf) ? "" : " wrong",
                      (unsigned) node->generation,
                      (unsigned long long) node->conf.id,
                      (unsigned) node->weight, (unsigned) node->max,
                      node->list ? (int) node->list->n : -1,
                      (unsigned) node->draining, (unsigned) node->requests);
    }
}


/* each that is there is found, and nobody else */

static ngx_uint_t
sound(void)
{
    uint32_t         i, k, b;
    ngx_uint_t       linked, there, good;
    ngx_llm_node_t  *node;

    good = 1;
    there = 0;
    linked = 0;

    ngx_shmtx_lock(&pool->mutex);

    for (i = 0; i < nodes->max; i++) {
        node = &nodes->node[i];

        if (node->use != NGX_LLM_NODE_USED) {
            good &= (nodes->id[i] == 0 && nodes->lowest <= i);
            continue;
        }

        there++;

        good &= (i < nodes->used && node->version % 2 == 0
                 && whole(&node->conf)
                 && nodes->id[i] == node->conf.id
                 && ngx_llm_nodes_find(nodes, node->conf.id) == i
                 && ngx_llm_nodes_find_url_locked(nodes, &node->conf) == i);
    }

    for (b = 0; b <= nodes->urls.mask; b++) {
        for (k = nodes->urls.head[b]; k; k = nodes->urls.next[k - 1]) {

            if (++linked > MAX) {
                shm_die("a chain has no end");
            }
        }
    }

    ngx_shmtx_unlock(&pool->mutex);

    return good && linked == there;
}


/* without a lock: the one that is always there, and no torn copy */

static ngx_uint_t
readable(void)
{
    uint32_t             i;
    ngx_uint_t           good;
    ngx_atomic_uint_t    version;
    ngx_llm_node_conf_t  conf;

    conf_of(&conf, ALWAYS, 1);

    good = (ngx_llm_nodes_find(nodes, ngx_llm_nodes_id(&conf)) == ALWAYS);

    for (i = 0; i < MAX; i++) {

        if (ngx_llm_nodes_read(nodes, i, &conf, &version) == NGX_OK) {
            good &= whole(&conf) && version % 2 == 0;

        } else {
            good &= (i != ALWAYS && (i > 2 || rounds));
        }
    }

    return good;
}


/* all of it follows from k, but for the URL */

static void
conf_of(ngx_llm_node_conf_t *conf, ngx_uint_t host, ngx_uint_t k)
{
    ngx_memzero(conf, sizeof(ngx_llm_node_conf_t));

    ngx_memset(conf->name, 'a' + k % 20, NGX_LLM_NODE_NAME - 1);
    ngx_memset(conf->api_key, 'a' + k % 20, NGX_LLM_NODE_KEY - 1);
    ngx_memset(conf->notes, 'a' + k % 20, NGX_LLM_NODE_NOTES - 1);
    ngx_memset(conf->addrs, 'a' + k % 20, sizeof(conf->addrs));

    (void) sprintf((char *) conf->host, "host-%u", (unsigned) host);

    conf->port = 8080;
    conf->weight = k + 1;
    conf->max_concurrent = 10 * k;
}


static ngx_uint_t
whole(const ngx_llm_node_conf_t *conf)
{
    unsigned             host;
    ngx_llm_node_conf_t  want;

    if (sscanf((char *) conf->host, "host-%u", &host) != 1) {
        return 0;
    }

    conf_of(&want, host, conf->weight - 1);

    want.id = conf->id;
    want.created = conf->created;
    want.is_static = conf->is_static;

    return conf->id && memcmp(&want, conf, sizeof(want)) == 0;
}


static uint32_t
set(ngx_uint_t host, ngx_uint_t k)
{
    uint32_t             i;
    ngx_llm_node_conf_t  conf;

    conf_of(&conf, host, k);

    /* a change may take it along to another URL */

    if (host >= 10) {
        conf.id = ((uint64_t) (rounds ? ngx_pid : 1) << 32) + 100 * ids++ + 7;
    }

    ngx_shmtx_lock(&pool->mutex);
    i = ngx_llm_nodes_set_locked(nodes, &conf, idle, NULL);
    ngx_shmtx_unlock(&pool->mutex);

    return i;
}


static void
leave(uint32_t i)
{
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_nodes_leave_locked(nodes, i);
    ngx_shmtx_unlock(&pool->mutex);
}


/* n models */

static ngx_int_t
list_of(uint32_t i, ngx_uint_t n)
{
    u_char           name[8], text[1024];
    ngx_int_t        rc;
    ngx_str_t        model, owner;
    ngx_llm_list_t  *list;

    list = (ngx_llm_list_t *) text;
    ngx_memzero(text, sizeof(text));

    model.data = name;
    ngx_str_set(&owner, "me");

    while (n--) {
        model.len = sprintf((char *) name, "m%d", (int) n);
        (void) ngx_llm_list_add(list, sizeof(text), &model, &owner, 1);
    }

    ngx_shmtx_lock(&pool->mutex);
    rc = ngx_llm_nodes_list_locked(nodes, i, list);
    ngx_shmtx_unlock(&pool->mutex);

    return rc;
}


static ngx_uint_t
idle(void *data, uint32_t i)
{
    return !busy;
}
