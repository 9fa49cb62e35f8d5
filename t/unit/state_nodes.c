
/*
 * The table of nodes: places and their owners, lists, copies taken while the
 * entry is written, and writers that are killed.
 */


#include "../../src/state/ngx_llm_node.c"
#include "../../src/state/ngx_llm_nodes.c"
#include "../../src/state/ngx_llm_nodes_redo.c"
#include "step.h"


#define MAX     4
#define ROUNDS  100000


static void test_set(void);
static void test_same_url(void);
static void test_reuse(void);
static void test_change(void);
static void test_expect(void);
static void test_static(void);
static void test_ids(void);
static void test_many(void);
static void test_wanted(void);
static void test_shown(void);
static void test_state(void);
static void test_types(void);
static void test_list_add(void);
static void test_list(void);
static void test_read(void);
static void test_no_memory(void);
static void test_readers(void);
static void read_until_stop(void);
static void test_killed(void);
static void prepare(void);
static void conf_of(ngx_llm_node_conf_t *conf, const char *host,
    ngx_uint_t k);
static void change_url(ngx_llm_node_conf_t *conf, ngx_uint_t part);
static ngx_uint_t whole(const ngx_llm_node_conf_t *conf);
static uint32_t set(const char *host, ngx_uint_t k);
static void leave(uint32_t i);
static ngx_int_t list_of(uint32_t i, ngx_uint_t n);
static ngx_uint_t listed(uint32_t i);
static ngx_uint_t idle(void *data, uint32_t i);
static void write_again(void);
static void write_new(void);
static void write_reused(void);
static void write_list(void);
static void write_leave(void);
static void killed(void);


/* what readers and the writer tell each other */

typedef struct {
    ngx_atomic_t  stop;
    ngx_atomic_t  copies;
    ngx_atomic_t  others;
    ngx_atomic_t  declined;
    ngx_atomic_t  torn;
    ngx_atomic_t  changed;      /* copies that differ from the one before */
} told_t;


static ngx_uint_t         busy;     /* mask of places that are not idle */
static ngx_uint_t         wrong, calls;
static told_t            *told;
static ngx_slab_pool_t   *pool;
static ngx_llm_nodes_t   *nodes;


/* what a killed one was at */

static const struct {
    const char  *name;
    step_pt      what;
    ngx_uint_t   least;
} operations[] = {
    { "a change of a node", write_again, 20 },
    { "a new node", write_new, 20 },
    { "a new node in a used place", write_reused, 20 },
    { "a new list", write_list, 5 },
    { "a node that leaves", write_leave, 2 }
};


int
main(void)
{
    test_set();
    test_same_url();
    test_reuse();
    test_change();
    test_expect();
    test_static();
    test_ids();
    test_many();
    test_wanted();
    test_shown();
    test_state();
    test_types();
    test_list_add();
    test_list();
    test_read();
    test_no_memory();
    test_readers();

    if (step_works()) {
        test_killed();
    }

    return test_done();
}


static void
test_set(void)
{
    ngx_uint_t       i;
    ngx_llm_node_t  *node;

    prepare();

    ok(nodes && nodes->max == MAX && nodes->used == 0, "an empty table");

    for (i = 0; i < MAX; i++) {
        is_number(set(i == 0 ? "a" : i == 1 ? "b" : i == 2 ? "c" : "d", i), i,
                  "the next place");
    }

    is_number(nodes->used, MAX, "all are used");
    is_number(set("e", 9), NGX_LLM_NODE_NONE, "no place is left");

    for (i = 0; i < MAX; i++) {
        node = &nodes->node[i];

        ok(node->use == NGX_LLM_NODE_USED && !node->online && !node->draining
           && node->check_now == 1 && node->generation == 1
           && node->list == NULL && node->version % 2 == 0,
           "a new node is offline and wants to be checked");
        ok(node->weight == i + 1 && node->max == 10 * i,
           "... its weight and limit are as said");
    }
}


static void
test_same_url(void)
{
    ngx_uint_t           i;
    ngx_llm_node_t      *node;
    ngx_llm_node_conf_t  conf, base;

    prepare();

    is_number(set("a", 1), 0, "a node");

    node = &nodes->node[0];
    node->online = 1;
    node->requests = 7;
    node->slots = 3;
    (void) list_of(0, 5);

    is_number(set("a", 2), 0, "the same URL has the same place");

    ok(node->online == 1 && node->requests == 7 && node->generation == 1,
       "... its state is kept");
    is_number(listed(0), 5, "... and its list");
    is_number(node->conf.weight, 3, "... its configuration is the new one");
    is_number(node->weight, 3, "... the weight that counts, too");

    conf_of(&base, "a", 2);

    for (i = 0; i < 4; i++) {
        conf = base;

        if (i < 3) {
            change_url(&conf, i);

        } else {
            ngx_memcpy(conf.name, "renamed", 8);
        }

        ngx_shmtx_lock(&pool->mutex);
        is_number(ngx_llm_nodes_set_locked(nodes, &conf, idle, NULL),
                  i < 3 ? i + 1 : 0, "%s", i == 0 ? "another port"
                  : i == 1 ? "TLS" : i == 2 ? "another prefix"
                  : "another name is the same node");
        ngx_shmtx_unlock(&pool->mutex);
    }
}


static void
test_reuse(void)
{
    size_t           used;
    ngx_uint_t       i;
    ngx_llm_node_t  *node;

    prepare();

    used = shm_used(pool);

    (void) set("a", 0);
    (void) set("b", 1);
    (void) set("c", 2);
    (void) set("d", 3);

    node = &nodes->node[1];
    node->online = 1;
    node->requests = 9;
    node->turn = 99;
    node->stamp = 99;
    (void) list_of(1, 3);

    busy = 1 << 1;
    leave(1);

    ok(node->use == NGX_LLM_NODE_LEAVING && !node->online, "it leaves");
    is_number(set("e", 4), NGX_LLM_NODE_NONE,
              "its place is not free while something is in flight");
    is_number(set("b", 4), NGX_LLM_NODE_NONE, "... for the same URL neither");
    is_number(node->generation, 1, "... nobody else owns it");

    busy = 0;

    is_number(set("b", 5), 1, "idle: its place is free");
    is_number(node->generation, 2, "... its new owner is another one");
    ok(node->list == NULL && node->requests == 0 && node->turn == 0
       && node->stamp == 0 && !node->online,
       "... with nothing of the old one, though the URL is the same");
    is_number(shm_used(pool), used, "... the list is freed");

    is_number(set("a", 6), 0, "the others are where they were");

    for (i = 0; i < 20; i++) {
        leave(1);
        (void) set("f", i);
        (void) list_of(1, 3);
    }

    is_number(node->generation, 22, "twenty more owners");

    leave(1);
    (void) set("g", 1);
    is_number(shm_used(pool), used, "... leave nothing behind");
}


static void
test_change(void)
{
    ngx_llm_node_t       *node;
    ngx_llm_node_conf_t   conf, other;

    prepare();

    (void) set("a", 1);
    (void) set("b", 2);
    (void) list_of(0, 3);

    node = &nodes->node[0];
    node->online = 1;
    node->draining = 1;
    node->requests = 7;
    node->check_now = 0;

    conf_of(&conf, "a", 4);
    conf.id = 99;

    ngx_shmtx_lock(&pool->mutex);

    is_number(ngx_llm_nodes_change_locked(nodes, 0, &conf), NGX_OK,
              "a change");
    ok(node->conf.weight == 5 && node->weight == 5 && node->conf.id != 99,
       "... is in force, the id stays");
    ok(node->online && node->draining && node->requests == 7
       && node->check_now == 0 && node->generation == 1,
       "... and so does its state");

    conf_of(&conf, "c", 4);
    is_number(ngx_llm_nodes_change_locked(nodes, 0, &conf), NGX_OK,
              "a new URL");
    is_number(ngx_llm_nodes_find_url_locked(nodes, &conf), 0,
              "... it is found by it");
    ok(node->check_now == 1 && node->online, "... and wants to be checked");
    is_number(listed(0), 3, "... its list stays");

    conf_of(&other, "a", 1);
    is_number(ngx_llm_nodes_find_url_locked(nodes, &other),
              NGX_LLM_NODE_NONE, "... nobody is found by the old one");

    is_number(ngx_llm_nodes_change_locked(nodes, 1, &conf), NGX_DECLINED,
              "not the URL of another one");
    is_number(nodes->node[1].conf.weight, 3, "... nothing was changed");
    is_number(ngx_llm_nodes_change_locked(nodes, 2, &other), NGX_DECLINED,
              "nobody is there");
    is_number(ngx_llm_nodes_change_locked(nodes, MAX, &other), NGX_DECLINED,
              "... nor here");

    ngx_llm_nodes_leave_locked(nodes, 1);
    is_number(ngx_llm_nodes_change_locked(nodes, 1, &other), NGX_DECLINED,
              "not one that leaves");

    ngx_shmtx_unlock(&pool->mutex);

    is_number(set("b", 6), 1, "its URL is free for another one");
}


/* who is online without a check, and who is not */

static void
test_expect(void)
{
    uint32_t             i;
    ngx_uint_t           k;
    ngx_llm_node_t      *node;
    ngx_llm_node_conf_t  conf;

    static const struct {
        const char  *name;
        ngx_uint_t   check, discover, naddrs, online;
    } nodes_of[] = {
        { "one that nobody checks", 0, 1, 1, 1 },
        { "one whose models are said", 1, 0, 1, 1 },
        { "both", 0, 0, 1, 1 },
        { "one that has to be asked", 1, 1, 1, 0 },
        { "one without an address", 0, 0, 0, 0 }
    };

    for (k = 0; k < sizeof(nodes_of) / sizeof(nodes_of[0]); k++) {
        prepare();

        conf_of(&conf, "a", 1);
        conf.check = nodes_of[k].check;
        conf.discover = nodes_of[k].discover;
        conf.naddrs = nodes_of[k].naddrs;

        i = ngx_llm_nodes_set_locked(nodes, &conf, idle, NULL);
        node = &nodes->node[i];

        is_number(node->online, nodes_of[k].online, "new: %s",
                  nodes_of[k].name);
    }

    prepare();

    conf_of(&conf, "a", 1);
    conf.discover = 0;
    i = ngx_llm_nodes_set_locked(nodes, &conf, idle, NULL);
    node = &nodes->node[i];

    node->checked = 1;
    ngx_llm_nodes_failed(node, 1);
    conf.weight = 7;
    (void) ngx_llm_nodes_change_locked(nodes, i, &conf);
    is_number(node->online, 0, "what was found offline stays so");

    conf.check = 0;
    (void) ngx_llm_nodes_change_locked(nodes, i, &conf);
    is_number(node->online, 1, "... until nobody checks it any more");

    conf.naddrs = 0;
    (void) ngx_llm_nodes_change_locked(nodes, i, &conf);
    is_number(node->online, 0, "... or its name has no address");

    conf.naddrs = 1;
    node->heard = 1;
    (void) ngx_llm_nodes_change_locked(nodes, i, &conf);
    is_number(node->online, 0, "who sends heartbeats tells by them");
}


/* what was made at run time and now stands in nginx.conf, and back */

static void
test_static(void)
{
    uint64_t              id;
    ngx_llm_node_t       *node;
    ngx_llm_node_conf_t   conf;

    prepare();

    conf_of(&conf, "a", 1);
    conf.id = 77;
    conf.created = 1000;
    conf.registered = 1;
    conf.is_static = 0;

    ngx_shmtx_lock(&pool->mutex);

    (void) ngx_llm_nodes_set_locked(nodes, &conf, idle, NULL);

    node = &nodes->node[0];
    ok(node->pending, "a node that announced itself is pending");

    node->draining = 1;
    node->online = 1;

    conf.id = 78;
    conf.created = 2000;
    (void) ngx_llm_nodes_set_locked(nodes, &conf, idle, NULL);
    ok(node->pending && node->conf.id == 77 && node->conf.created == 1000,
       "it does so again: it is the same one");
    ok(!node->conf.static_url, "... whose URL is not nginx.conf's");

    conf_of(&conf, "a", 2);
    id = ngx_llm_nodes_id(&conf);
    conf.id = id;
    conf.is_static = 1;
    conf.registered = 0;

    is_number(ngx_llm_nodes_set_locked(nodes, &conf, idle, NULL), 0,
              "nginx.conf takes it over");
    ok(node->conf.is_static && node->conf.id == id && !node->pending
       && node->draining && node->online && node->conf.weight == 3,
       "... it is static and not pending, its state is kept");
    ok(node->conf.static_url, "... and its URL is nginx.conf's");
    ok(ngx_llm_nodes_find(nodes, id) == 0
       && ngx_llm_nodes_find(nodes, 77) == NGX_LLM_NODE_NONE,
       "... and it is found by its new id only");

    conf_of(&conf, "a", 3);
    conf.id = 79;
    conf.is_static = 0;

    is_number(ngx_llm_nodes_set_locked(nodes, &conf, idle, NULL), 0,
              "it is set at run time");
    ok(node->conf.is_static && node->conf.id == id && node->conf.weight == 4,
       "... changed, but static still");
    ok(node->conf.static_url, "... and so is its URL");

    ngx_shmtx_unlock(&pool->mutex);
}


static void
test_ids(void)
{
    uint64_t             id, other;
    ngx_uint_t           i, same;
    ngx_llm_node_conf_t  conf, base;

    prepare();
    conf_of(&base, "a", 1);
    id = ngx_llm_nodes_id(&base);

    conf_of(&conf, "a", 9);
    ok(ngx_llm_nodes_id(&conf) == id && id != 0, "an id follows from the URL");

    same = 0;

    for (i = 0; i < 5; i++) {
        conf = base;
        change_url(&conf, i);

        other = ngx_llm_nodes_id(&conf);
        same += (other == id);
    }

    is_number(same, 0, "... from each part of it");

    (void) set("a", 1);
    (void) set("b", 1);

    is_number(ngx_llm_nodes_find(nodes, id), 0, "it is found by it");
    is_number(ngx_llm_nodes_find(nodes, 0), NGX_LLM_NODE_NONE,
              "nobody has the id 0");

    leave(0);
    is_number(ngx_llm_nodes_find(nodes, id), NGX_LLM_NODE_NONE,
              "not when it left");
    is_number(set("a", 1), 0, "another one in its place");
    is_number(ngx_llm_nodes_find(nodes, id), 0, "... is found");
}


/* what it takes does not grow with the table: that shows in the steps */

static void
test_many(void)
{
    char        host[32];
    uint32_t    i, k;
    ngx_uint_t  bad, longest, n, b;

    pool = shm_pool(32 * 1024 * 1024);
    nodes = ngx_llm_nodes_create(pool, 10000);
    busy = 0;
    bad = 0;

    for (i = 0; i < 10000; i++) {
        (void) sprintf(host, "host-%u", i);
        bad += (set(host, i % 100) != i);
    }

    is_number(bad, 0, "10,000 nodes");
    is_number(set("more", 1), NGX_LLM_NODE_NONE, "... and no more");

    longest = 0;

    for (b = 0; b <= nodes->urls.mask; b++) {
        n = 0;

        for (k = nodes->urls.head[b]; k; k = nodes->urls.next[k - 1]) {
            n++;
        }

        longest = ngx_max(longest, n);
    }

    ok(longest < 12, "at most %u of them are looked at", (unsigned) longest);

    for (i = 5000; i < 10000; i += 1000) {
        leave(i);
    }

    for (i = 5000; i < 10000; i += 1000) {
        (void) sprintf(host, "new-%u", i);
        bad += (set(host, 1) != i);
    }

    for (i = 0; i < 10000; i++) {
        (void) sprintf(host, i >= 5000 && i % 1000 == 0 ? "new-%u"
                                                        : "host-%u", i);
        bad += (set(host, 2) != i);
    }

    is_number(bad, 0, "all are found, with some places used again");
}


static void
test_wanted(void)
{
    ngx_atomic_t  wanted;

    prepare();

    wanted = 0;
    nodes->wanted = &wanted;

    (void) set("a", 1);
    is_number(wanted, 1, "a node came: the index is to be made anew");
    (void) set("a", 2);
    is_number(wanted, 1, "... not for what is said of it");
    (void) list_of(0, 2);
    is_number(wanted, 2, "... for its list");
    (void) list_of(0, 2);
    is_number(wanted, 2, "... not for the same list");
    leave(0);
    is_number(wanted, 3, "... and when it left");
    is_number(nodes->node[0].left, 3, "which is noted");
    leave(0);
    is_number(wanted, 3, "it leaves once");
}


static void
test_shown(void)
{
    static const struct {
        ngx_uint_t      pending, draining, online;
        ngx_msec_int_t  circuit, trial, cooling;
        /* lint: sort */
        const char     *state;
    } rows[] = {
        { 0, 0, 1, 0, 0, 0, "online" },
        { 0, 0, 0, 0, 0, 0, "offline" },
        { 0, 0, 1, 1, 0, 0, "cooling" },
        { 0, 0, 1, -1, 0, 0, "online" },
        { 0, 0, 1, -1, 5, 0, "cooling" },
        { 0, 0, 1, -1, -5, 0, "online" },
        { 0, 0, 1, 0, 5, 0, "online" },
        { 0, 0, 1, 0, 0, 1, "cooling" },
        { 0, 0, 1, 0, 0, -1, "online" },
        { 0, 0, 0, 9, 0, 9, "offline" },
        { 0, 1, 0, 9, 0, 9, "draining" },
        { 0, 1, 1, 0, 0, 0, "draining" },
        { 1, 1, 1, 9, 0, 9, "pending" },
        { 1, 0, 0, 0, 0, 0, "pending" }
    };

    ngx_msec_t      now;
    ngx_uint_t      i;
    ngx_llm_node_t  node;

    now = 100000;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ngx_memzero(&node, sizeof(ngx_llm_node_t));

        node.pending = rows[i].pending;
        node.draining = rows[i].draining;
        node.online = rows[i].online;
        node.circuit = rows[i].circuit ? now + rows[i].circuit : 0;
        node.trial = rows[i].trial ? now + rows[i].trial : 0;
        node.cooling = rows[i].cooling ? now + rows[i].cooling : 0;

        is_text(ngx_llm_node_state_name(ngx_llm_node_state(&node, now)),
                rows[i].state, "state %u is %s", (unsigned) i,
                rows[i].state);
    }
}


static void
test_state(void)
{
    ngx_llm_node_t  *node;

    prepare();
    (void) set("a", 0);

    node = &nodes->node[0];

    ngx_llm_nodes_passed(node, 2);
    is_number(node->online, 0, "one of two passes");
    ngx_llm_nodes_passed(node, 2);
    is_number(node->online, 1, "two of two: online");
    ngx_llm_nodes_failed(node, 3);
    ngx_llm_nodes_failed(node, 3);
    is_number(node->online, 1, "two of three failures");
    ngx_llm_nodes_passed(node, 2);
    ngx_llm_nodes_failed(node, 3);
    ngx_llm_nodes_failed(node, 3);
    is_number(node->online, 1, "only those one after another count");
    ngx_llm_nodes_failed(node, 3);
    is_number(node->online, 0, "three: offline");
    ngx_llm_nodes_passed(node, 2);
    is_number(node->online, 0, "passes count anew");

    leave(0);
    ngx_llm_nodes_passed(node, 1);
    is_number(node->online, 0, "one that leaves is never online again");

    (void) set("a", 0);
    is_number(node->max, 0, "no limit was said");
    node->slots = 6;
    ngx_llm_nodes_limit(node);
    is_number(node->max, 6, "it says its limit itself");
    (void) set("a", 2);
    is_number(node->max, 20, "what was said is stronger");
    ngx_llm_nodes_limit(node);
    is_number(node->max, 20, "... later on as well");
}


static void
test_types(void)
{
    const char  *name;
    ngx_uint_t   i;

    for (i = NGX_LLM_TYPE_OPENAI; i < NGX_LLM_TYPE_MAX; i++) {
        name = ngx_llm_node_type_name(i);
        is_number(ngx_llm_node_type((u_char *) name, strlen(name)), i,
                  "the type %s", name);
    }

    is_text(ngx_llm_node_type_name(NGX_LLM_TYPE_MAX), "unknown",
            "a number that is none");
    is_number(ngx_llm_node_type((u_char *) "vll", 3), NGX_LLM_TYPE_MAX,
              "a name cut short");
    is_number(ngx_llm_node_type((u_char *) "vllmx", 5), NGX_LLM_TYPE_MAX,
              "a longer one");
    is_number(ngx_llm_node_type((u_char *) "", 0), NGX_LLM_TYPE_MAX,
              "an empty one");
}


static void
test_list_add(void)
{
    size_t             i, size;
    u_char             text[NGX_LLM_MODEL_NAME + 1];
    ngx_str_t          name, owner;
    ngx_uint_t         n, fits;
    ngx_llm_list_t    *list;
    ngx_llm_listed_t  *m;

    ngx_memset(text, 'x', sizeof(text));

    name.data = text;
    owner.data = text;
    fits = 0;

    /* any size of memory: what does not fit is not written */

    for (size = sizeof(ngx_llm_list_t); size < 200; size++) {
        list = malloc(size);
        ngx_memzero(list, sizeof(ngx_llm_list_t));

        name.len = 5;
        owner.len = 3;

        for (n = 0; ngx_llm_list_add(list, size, &name, &owner, n) == NGX_OK;
             n++) { /* void */ }

        fits += (n == (size - sizeof(ngx_llm_list_t))
                      / ngx_llm_listed_size(5, 3) && list->n == n);
        free(list);
    }

    is_number(fits, 200 - sizeof(ngx_llm_list_t),
              "a list takes as many as fit its memory");

    size = 8192;
    list = calloc(1, size);

    name.len = 0;
    is_number(ngx_llm_list_add(list, size, &name, &owner, 0), NGX_DECLINED,
              "an empty name");
    name.len = NGX_LLM_MODEL_NAME + 1;
    is_number(ngx_llm_list_add(list, size, &name, &owner, 0), NGX_DECLINED,
              "a name that is too long");
    name.len = NGX_LLM_MODEL_NAME;
    owner.len = NGX_LLM_NODE_NAME + 1;
    is_number(ngx_llm_list_add(list, size, &name, &owner, 0), NGX_DECLINED,
              "an owner that is too long");
    is_number(list->n + list->size, 0, "... nothing was added");

    for (i = 1; i <= 7; i++) {
        name.len = i;
        owner.len = 7 - i;
        (void) ngx_llm_list_add(list, size, &name, &owner, 100 + i);
    }

    m = ngx_llm_list_first(list);
    n = 0;

    for (i = 1; i <= list->n; i++) {
        n += (m->name_len == i && m->owner_len == 7 - i
              && m->created == 100 + i && (uintptr_t) m % 8 == 0
              && ngx_memcmp(m->text, text, 7) == 0);
        m = ngx_llm_list_next(m);
    }

    is_number(n, 7, "each is read again as it was added");
    ok((u_char *) m == (u_char *) list + sizeof(ngx_llm_list_t) + list->size,
       "... up to the end");

    free(list);
}


static void
test_list(void)
{
    size_t           used;
    ngx_llm_list_t  *old;

    prepare();
    (void) set("a", 0);

    used = shm_used(pool);

    is_number(list_of(0, 3), NGX_OK, "a list");
    is_number(listed(0), 3, "... of three");

    old = nodes->node[0].list;

    is_number(list_of(0, 3), NGX_DONE, "the same list");
    ok(nodes->node[0].list == old, "... is not copied");
    is_number(list_of(0, 40), NGX_OK, "another one");
    is_number(listed(0), 40, "... of forty");

    shm_fail = 1;
    is_number(list_of(0, 41), NGX_ERROR, "the zone is full");
    shm_fail = 0;
    is_number(listed(0), 40, "... the old list stays");

    is_number(list_of(0, 0), NGX_OK, "an empty list");
    ok(nodes->node[0].list != NULL && listed(0) == 0, "... is a list");
    is_number(list_of(0, 0), NGX_DONE, "... and the same again");

    leave(0);
    (void) set("b", 0);
    is_number(shm_used(pool), used, "all of them are freed");
}


static void
test_read(void)
{
    ngx_llm_node_t       *node;
    ngx_atomic_uint_t     version, again;
    ngx_llm_node_conf_t   conf;

    prepare();

    is_number(ngx_llm_nodes_read(nodes, 0, &conf, &version), NGX_DECLINED,
              "nothing is there");
    is_number(ngx_llm_nodes_read(nodes, MAX, &conf, &version), NGX_DECLINED,
              "no such place");
    is_number(ngx_llm_nodes_read(nodes, NGX_LLM_NODE_NONE, &conf, &version),
              NGX_DECLINED, "... nor this");

    (void) set("a", 3);
    is_number(ngx_llm_nodes_read(nodes, 0, &conf, &version), NGX_OK, "a copy");
    ok(whole(&conf) && conf.weight == 4, "... is whole");

    is_number(ngx_llm_nodes_read(nodes, 0, &conf, &again), NGX_OK,
              "a second copy");
    is_number(again, version, "... of the same version");

    (void) set("a", 5);
    (void) ngx_llm_nodes_read(nodes, 0, &conf, &again);
    ok(again != version && conf.weight == 6, "a new one has another version");

    leave(0);
    is_number(ngx_llm_nodes_read(nodes, 0, &conf, &version), NGX_OK,
              "a leaving one is read for what is in flight");

    node = &nodes->node[0];
    node->version++;
    is_number(ngx_llm_nodes_read(nodes, 0, &conf, &version), NGX_DECLINED,
              "not while it is being written");

    conf_of(&nodes->redo.conf, "a", 8);
    nodes->redo.conf.id = 7;
    nodes->redo.i = 1;
    nodes->redo.op = NGX_LLM_NODE_REDO_CHANGE;
    is_number(ngx_llm_nodes_read(nodes, 0, &conf, &version), NGX_DECLINED,
              "... when the journal is another's");

    nodes->redo.i = 0;
    is_number(ngx_llm_nodes_read(nodes, 0, &conf, &version), NGX_OK,
              "... but its own has it");
    ok(whole(&conf) && conf.weight == 9, "... whole");

    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_nodes_recover_locked(nodes);
    ngx_shmtx_unlock(&pool->mutex);

    ok(node->version == version && !ngx_llm_nodes_torn(nodes)
       && node->conf.weight == 9, "... of the version that it has then");
}


static void
test_no_memory(void)
{
    ngx_uint_t  i;

    pool = shm_pool(64 * 1024);

    for (i = 1; i <= 6; i++) {
        shm_fail = i;
        ok(ngx_llm_nodes_create(pool, MAX) == NULL, "no table, %u",
           (unsigned) i);
    }

    shm_fail = 0;
    ok(ngx_llm_nodes_create(pool, 1000) == NULL, "too small for 1000 nodes");
    is_number(pool->lock.lock, 0, "the mutex is free");
}


/*
 * One changes a node all the time, and has others come and go; three read: a
 * copy is the one or the other, and the node is always there.
 */

static void
test_readers(void)
{
    pid_t       pids[3];
    uint64_t    until;
    ngx_uint_t  i, writes, good;

    prepare();
    (void) set("a", 0);

    told = ngx_slab_calloc(pool, sizeof(told_t));

    for (i = 0; i < 3; i++) {
        pids[i] = shm_fork();

        if (pids[i] == 0) {
            read_until_stop();
            _exit(0);
        }
    }

    writes = 0;
    until = shm_clock() + 60000;

    while ((told->changed < 500 || writes < ROUNDS) && shm_clock() < until) {
        for (i = 0; i < 50; i++) {
            (void) set("a", ++writes % 200);
            (void) set(writes % 3 ? "b" : "c", writes % 200);

            if (writes % 2) {
                leave(1 + writes % 2);
            }
        }

        ngx_sched_yield();
    }

    told->stop = 1;
    good = 0;

    for (i = 0; i < 3; i++) {
        good += shm_wait(pids[i]);
    }

    is_number(good, 3, "three readers");
    ok(told->changed >= 500, "... saw %u copies in %u writes",
       (unsigned) told->changed, (unsigned) writes);
    is_number(told->torn, 0, "... none of them torn");
    is_number(told->declined, 0, "... and each time there was one");
    ok(told->others > 500, "%u copies of nodes that come and go",
       (unsigned) told->others);
}


static void
read_until_stop(void)
{
    uint64_t             id;
    ngx_uint_t           last;
    ngx_atomic_uint_t    version;
    ngx_llm_node_conf_t  conf;

    last = 0;
    conf_of(&conf, "a", 1);
    id = ngx_llm_nodes_id(&conf);

    while (!told->stop) {

        if (ngx_llm_nodes_read(nodes, 1, &conf, &version) == NGX_OK) {
            (void) ngx_atomic_fetch_add(&told->others, 1);

            if (!whole(&conf)) {
                (void) ngx_atomic_fetch_add(&told->torn, 1);
            }
        }

        if (ngx_llm_nodes_find(nodes, id) != 0
            || ngx_llm_nodes_read(nodes, 0, &conf, &version) != NGX_OK)
        {
            (void) ngx_atomic_fetch_add(&told->declined, 1);
            continue;
        }

        (void) ngx_atomic_fetch_add(&told->copies, 1);

        if (!whole(&conf)) {
            (void) ngx_atomic_fetch_add(&told->torn, 1);
        }

        if (conf.weight != last) {
            (void) ngx_atomic_fetch_add(&told->changed, 1);
        }

        last = conf.weight;
    }
}


/* the writer is killed at any of its instructions: the table goes on */

static void
test_killed(void)
{
    size_t      used;
    ngx_uint_t  i, n;

    for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        prepare();

        (void) set("a", 1);
        (void) set("b", 2);
        (void) list_of(1, 3);
        (void) list_of(0, 3);

        if (operations[i].what == write_reused) {
            leave(1);
        }

        wrong = 0;
        calls = 0;
        used = shm_used(pool);

        n = step_through(pool, operations[i].what, killed, NULL);

        ok(n >= operations[i].least && calls == n, "%s, killed at %u changes",
           operations[i].name, (unsigned) n);
        is_number(wrong, 0, "... each time the table goes on");

        ok(shm_used(pool) <= used + 256, "... and not more is taken");
    }
}


static void
killed(void)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_atomic_uint_t    version;
    ngx_llm_node_conf_t  conf;

    calls++;

    /* a copy is whole, or there is none; the next writer makes it good */

    for (i = 0; i < 3; i++) {
        rc = ngx_llm_nodes_read(nodes, i, &conf, &version);
        wrong += (rc == NGX_OK && !whole(&conf));
    }

    wrong += (nodes->node[0].list->n != 3 && nodes->node[0].list->n != 9);

    wrong += (set("a", 7) != 0);
    wrong += (ngx_llm_nodes_read(nodes, 0, &conf, &version) != NGX_OK
              || !whole(&conf) || conf.weight != 8);

    /* others may have lost their place to the dead one, for a while */

    i = set("n", 8);
    wrong += (i >= MAX || nodes->node[i].use != NGX_LLM_NODE_USED);
    wrong += (ngx_llm_nodes_read(nodes, i, &conf, &version) != NGX_OK
              || !whole(&conf) || conf.weight != 9);
    wrong += (list_of(i, 4) == NGX_ERROR || listed(i) != 4);

    leave(i);
    i = set("o", 9);
    wrong += (i >= MAX || nodes->node[i].list != NULL);
    wrong += (list_of(0, 5) != NGX_OK || listed(0) != 5);
    wrong += (pool->lock.lock != 0);
}


static void
write_again(void)
{
    (void) set("a", 5);
}


static void
write_new(void)
{
    (void) set("n", 5);
}


static void
write_reused(void)
{
    (void) set("n", 5);
}


static void
write_list(void)
{
    (void) list_of(0, 9);
}


static void
write_leave(void)
{
    leave(1);
}


static void
prepare(void)
{
    busy = 0;
    pool = shm_pool(32 * 1024);
    nodes = ngx_llm_nodes_create(pool, MAX);
}


/* all of it follows from k, but for the URL */

static void
conf_of(ngx_llm_node_conf_t *conf, const char *host, ngx_uint_t k)
{
    ngx_memset(conf, 'a' + k % 20, sizeof(ngx_llm_node_conf_t));

    conf->name[NGX_LLM_NODE_NAME - 1] = '\0';
    conf->api_key[NGX_LLM_NODE_KEY - 1] = '\0';

    ngx_memcpy(conf->host, host, strlen(host) + 1);
    ngx_memcpy(conf->prefix, "/v", 3);

    conf->port = 8080;
    conf->id = 0;
    conf->ssl = 0;
    conf->is_static = 0;
    conf->registered = 0;
    conf->check = 1;
    conf->discover = 1;
    conf->naddrs = 1;
    conf->weight = k + 1;
    conf->max_concurrent = 10 * k;
}


/* another URL, by one part of it; 4: that of the same text, cut elsewhere */

static void
change_url(ngx_llm_node_conf_t *conf, ngx_uint_t part)
{
    switch (part) {

    case 0:
        conf->port++;
        break;

    case 1:
        conf->ssl = 1;
        break;

    case 2:
        conf->prefix[1] = 'x';
        break;

    case 3:
        conf->prefix[0] = '\0';
        break;

    default:
        ngx_memcpy(conf->host, "a/v", 4);
        conf->prefix[0] = '\0';
    }
}


static ngx_uint_t
whole(const ngx_llm_node_conf_t *conf)
{
    ngx_uint_t  i, k;

    k = conf->weight - 1;

    for (i = 0; i < NGX_LLM_NODE_NAME - 1; i++) {
        if (conf->name[i] != 'a' + k % 20) {
            return 0;
        }
    }

    for (i = 0; i < NGX_LLM_NODE_KEY - 1; i++) {
        if (conf->api_key[i] != 'a' + k % 20) {
            return 0;
        }
    }

    for (i = 0; i < sizeof(conf->addrs); i++) {
        if (((u_char *) conf->addrs)[i] != 'a' + k % 20) {
            return 0;
        }
    }

    return conf->max_concurrent == 10 * k;
}


static uint32_t
set(const char *host, ngx_uint_t k)
{
    uint32_t             i;
    ngx_llm_node_conf_t  conf;

    conf_of(&conf, host, k);

    ngx_shmtx_lock(&pool->mutex);
    i = ngx_llm_nodes_set_locked(nodes, &conf, idle, &busy);
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
    u_char           text[8];
    ngx_int_t        rc;
    ngx_str_t        name, owner;
    ngx_llm_list_t  *list;

    list = calloc(1, 8192);
    name.data = text;
    ngx_str_set(&owner, "me");

    while (n--) {
        name.len = sprintf((char *) text, "m%d", (int) n);
        (void) ngx_llm_list_add(list, 8192, &name, &owner, 1);
    }

    ngx_shmtx_lock(&pool->mutex);
    rc = ngx_llm_nodes_list_locked(nodes, i, list);
    ngx_shmtx_unlock(&pool->mutex);

    free(list);

    return rc;
}


/* the models of a list, when it is a sound one */

static ngx_uint_t
listed(uint32_t i)
{
    ngx_uint_t         n;
    ngx_llm_list_t    *list;
    ngx_llm_listed_t  *m;

    list = nodes->node[i].list;
    m = ngx_llm_list_first(list);

    for (n = 0; n < list->n; n++) {
        if (m->text[0] != 'm' || m->owner_len != 2) {
            return 1000000;
        }

        m = ngx_llm_list_next(m);
    }

    return (u_char *) m == (u_char *) ngx_llm_list_first(list) + list->size
           ? n : 1000000;
}


static ngx_uint_t
idle(void *data, uint32_t i)
{
    return i > 31 || !(busy & (1 << i));
}
