
/* Changes of nodes whose writer is killed: see journal.h. */


#include "../../src/state/ngx_llm_node.c"
#include "../../src/state/ngx_llm_nodes.c"
#include "../../src/state/ngx_llm_nodes_redo.c"


#define POOL    (16 * 1024)
#define EVERY   40

#include "journal.h"


#define MAX     6
#define ALWAYS  1               /* the place that no operation touches */
#define UNCHECKED  11           /* a conf that says so follows from this k */


static void set_again(void);
static void set_again_listed(void);
static void set_new(void);
static void set_new_listed(void);
static void set_new_unchecked(void);
static void set_reused(void);
static void set_static(void);
static void change(void);
static void change_listed(void);
static void change_unchecked(void);
static void change_url(void);
static void change_to(ngx_uint_t host, ngx_uint_t k, ngx_uint_t models);
static void leave_one(void);
static void leave_listed(void);
static void list_first(void);
static void list_other(void);
static void conf_of(ngx_llm_node_conf_t *conf, ngx_uint_t host, ngx_uint_t k);
static ngx_uint_t whole(const ngx_llm_node_conf_t *conf);
static uint32_t set(ngx_uint_t host, ngx_uint_t k);
static uint32_t set_listed(ngx_uint_t host, ngx_uint_t k, ngx_uint_t models);
static void leave(uint32_t i);
static ngx_int_t list_of(uint32_t i, ngx_uint_t n);
static ngx_llm_list_t *models_of(ngx_uint_t n);
static ngx_uint_t idle(void *data, uint32_t i);


static const journal_operation_t  operations[] = {
    { "a node that is set again", set_again, 100, NULL },
    { "a node that is set again with a list", set_again_listed, 100, NULL },
    { "a new node", set_new, 100, NULL },
    { "a new node with a list", set_new_listed, 100, NULL },
    { "a new node that nobody checks", set_new_unchecked, 100, NULL },
    { "a new node in a used place", set_reused, 100, NULL },
    { "a node that nginx.conf takes over", set_static, 100, NULL },
    { "a change", change, 100, NULL },
    { "a change with a list", change_listed, 100, NULL },
    { "a change that ends its checks", change_unchecked, 100, NULL },
    { "a change of the URL", change_url, 100, NULL },
    { "a node that leaves", leave_one, 5, NULL },
    { "a node with a list that leaves", leave_listed, 5, NULL },
    { "a first list", list_first, 5, NULL },
    { "another list", list_other, 5, NULL }
};


static size_t             used;
static ngx_uint_t         busy;     /* what left is not idle yet */
static ngx_uint_t         ids;
static ngx_llm_nodes_t   *nodes;


int
main(void)
{
    journal_tests(operations, sizeof(operations) / sizeof(operations[0]));

    return test_done();
}


static void
begin(void)
{
    ids = 0;
    busy = 0;
    used = shm_used(pool);
}


static ngx_uint_t
torn(void)
{
    return ngx_llm_nodes_torn(nodes);
}


static void
killed_before(void)
{
    /* void */
}


static ngx_uint_t
killed_recovered(void)
{
    return 0;
}


static ngx_uint_t
killed_after(void)
{
    ngx_uint_t  bad;

    /* one list at most is lost with the dead */

    bad = (shm_used(pool) > used + 2 * 1024);

    return bad + (set(40, 3) == NGX_LLM_NODE_NONE);
}


static void
write_always(void)
{
    (void) set(ALWAYS, 2);
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

            (void) list_of(i, 1 + shm_random(&state, 4));
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
set_again_listed(void)
{
    (void) set_listed(2, 9, 5);
}


static void
set_new(void)
{
    busy = 1;
    (void) set(30, 9);
}


static void
set_new_listed(void)
{
    busy = 1;
    (void) set_listed(30, 9, 5);
}


static void
set_new_unchecked(void)
{
    busy = 1;
    (void) set(30, UNCHECKED);
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
    change_to(2, 9, 0);
}


static void
change_listed(void)
{
    change_to(2, 9, 5);
}


static void
change_unchecked(void)
{
    change_to(2, UNCHECKED, 0);
}


static void
change_url(void)
{
    change_to(33, 9, 0);
}


static void
change_to(ngx_uint_t host, ngx_uint_t k, ngx_uint_t models)
{
    ngx_llm_node_conf_t  conf;

    conf_of(&conf, host, k);

    ngx_shmtx_lock(&pool->mutex);
    (void) ngx_llm_nodes_change_list_locked(nodes, 2, &conf,
                                            models_of(models));
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
                      "%d %s draining %u requests %u\n",
                      (unsigned) i, (char *) node->conf.host,
                      whole(&node->conf) ? "" : " wrong",
                      (unsigned) node->generation,
                      (unsigned long long) node->conf.id,
                      (unsigned) node->weight, (unsigned) node->max,
                      node->list ? (int) node->list->n : -1,
                      node->online ? "online" : "offline",
                      (unsigned) node->draining, (unsigned) node->requests);
    }
}


/* each that is there is found, and nobody else */

static ngx_uint_t
sound(void)
{
    uint32_t         i;
    ngx_uint_t       linked, there, good;
    ngx_llm_node_t  *node;

    good = 1;
    there = 0;

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

    linked = chain_linked(&nodes->urls, MAX);

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
    conf->check = (k != UNCHECKED);
    conf->discover = 1;
    conf->naddrs = 1;
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
    want.static_url = conf->is_static;

    return conf->id && memcmp(&want, conf, sizeof(want)) == 0;
}


static uint32_t
set(ngx_uint_t host, ngx_uint_t k)
{
    return set_listed(host, k, 0);
}


static uint32_t
set_listed(ngx_uint_t host, ngx_uint_t k, ngx_uint_t models)
{
    uint32_t             i;
    ngx_llm_node_conf_t  conf;

    conf_of(&conf, host, k);

    /* a change may take it along to another URL */

    if (host >= 10) {
        conf.id = ((uint64_t) (rounds ? ngx_pid : 1) << 32) + 100 * ids++ + 7;
    }

    ngx_shmtx_lock(&pool->mutex);
    i = ngx_llm_nodes_set_list_locked(nodes, &conf, models_of(models), idle,
                                      NULL);
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


static ngx_int_t
list_of(uint32_t i, ngx_uint_t n)
{
    ngx_int_t  rc;

    ngx_shmtx_lock(&pool->mutex);
    rc = ngx_llm_nodes_list_locked(nodes, i, models_of(n));
    ngx_shmtx_unlock(&pool->mutex);

    return rc;
}


/* a list of n models, until the next one; NULL: of none */

static ngx_llm_list_t *
models_of(ngx_uint_t n)
{
    u_char           name[8];
    ngx_str_t        model, owner;
    ngx_llm_list_t  *list;

    static u_char    text[1024];

    if (n == 0) {
        return NULL;
    }

    list = (ngx_llm_list_t *) text;
    ngx_memzero(text, sizeof(text));

    model.data = name;
    ngx_str_set(&owner, "me");

    while (n--) {
        model.len = sprintf((char *) name, "m%d", (int) n);
        (void) ngx_llm_list_add(list, sizeof(text), &model, &owner, 1);
    }

    return list;
}


static ngx_uint_t
idle(void *data, uint32_t i)
{
    return !busy;
}
