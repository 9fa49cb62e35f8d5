
/*
 * The snapshot: what is written is read as the same, broken files of all
 * kinds, whose file it is, disks that fail, and how long it takes.
 *
 * build: -ljansson -lcrypto
 */


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
#include "../../src/state/ngx_llm_node_url.c"
#include "../../src/state/ngx_llm_cidr.c"
#include "../../src/state/ngx_llm_snapshot_row.c"

/* what is done for the disk, in its order */

#include <sys/stat.h>
#include <stdio.h>
#include <unistd.h>

static int synced(int fd);
static int renamed(const char *from, const char *to);

#define fsync   synced
#define rename  renamed
#include "../../src/state/ngx_llm_snapshot_file.c"
#undef  fsync
#undef  rename

#include "../../src/state/ngx_llm_snapshot_out.c"

/* statics of the same name in two files */
#define ngx_llm_snapshot_head  ngx_llm_snapshot_write_head
#define ngx_llm_snapshot_node  ngx_llm_snapshot_write_node
#include "../../src/state/ngx_llm_snapshot_write.c"
#undef  ngx_llm_snapshot_head
#undef  ngx_llm_snapshot_node

#include "../../src/state/ngx_llm_snapshot_in.c"
#include "../../src/state/ngx_llm_snapshot_check.c"
#include "../../src/state/ngx_llm_snapshot_apply.c"
#include "../../src/state/ngx_llm_snapshot_read.c"
#include <sys/resource.h>
#include "shm.h"
#include "core.h"


#define MB        (1024 * 1024)
#define MASTER    getpid()
#define HEAD      "{\"version\":1,\"epoch\":4,\"pid\":1,"
#define NODE(i)   "{\"id\":\"node-000000000000000" #i "\",\"name\":\"n" #i    \
                  "\",\"base_url\":\"http://10.0.0." #i "\""
#define HASH(c)   "\"sha256\":\"" c c c c c c c c c c c c c c c c "\""
#define ZEROS     "0000000000000000"
#define KEY(i)    "{\"id\":\"key-000000000000000" #i "\",\"name\":\"k" #i     \
                  "\",\"scopes\":[\"inference\"],"


typedef struct {
    const char  *text;
    const char  *why;
} broken_t;


static void test_again(void);
static void test_secret(void);
static void test_missing(void);
static void test_broken(void);
static void test_truncated(void);
static void test_mutants(void);
static void test_fine(void);
static void test_files(void);
static void test_precedence(void);
static void test_room(void);
static void test_skipped(void);
static void test_doubles(void);
static void test_forbidden(void);
static void test_lasting(void);
static void test_epochs(void);
static void test_foreign(void);
static void test_urls(void);
static void test_synced(void);
static void test_owner(void);
static void test_disk(void);
static void test_stale(void);
static void test_large(void);
static ngx_llm_zone_t *zone_of(ngx_uint_t nodes, ngx_uint_t keys);
static void fill(ngx_llm_zone_t *zone);
static uint32_t add_node(ngx_llm_zone_t *zone, const char *name,
    const char *url, uint64_t id, unsigned is_static);
static uint32_t add_key(ngx_llm_zone_t *zone, const char *name, uint64_t id,
    unsigned is_static);
static void add_list(ngx_llm_zone_t *zone, uint32_t i, const char *a,
    const char *b);
static ngx_int_t save(ngx_llm_zone_t *zone, ngx_uint_t epoch);
static ngx_llm_zone_t *saved(void);
static ngx_int_t load(ngx_llm_zone_t *zone);
static void put(const char *text, size_t n);
static char *get(size_t *n);
static ngx_uint_t empty(ngx_llm_zone_t *zone);
static ngx_uint_t files(void);
static ngx_uint_t skipped(const char *why);
static pid_t dead_process(void);
static uint64_t cpu_clock(void);


volatile ngx_time_t        *ngx_cached_time;

static ngx_time_t           now = { 1700000000, 0, 0 };
static char                 dir[] = "/tmp/llm-snapshot-XXXXXX";
static char                 path[64];
static ngx_slab_pool_t     *pool;
static ngx_llm_snapshot_result_t  result;
static ngx_llm_snapshot_source_t  source;
static char                 steps[1000];


int
main(void)
{
    ngx_cached_time = &now;

    if (mkdtemp(dir) == NULL) {
        perror("mkdtemp()");
        return 1;
    }

    sprintf(path, "%s/state.json", dir);
    source.path = path;
    source.user = (ngx_uid_t) -1;

    test_again();
    test_secret();
    test_missing();
    test_broken();
    test_truncated();
    test_mutants();
    test_fine();
    test_files();
    test_precedence();
    test_room();
    test_skipped();
    test_doubles();
    test_forbidden();
    test_lasting();
    test_epochs();
    test_foreign();
    test_urls();
    test_synced();
    test_owner();
    test_disk();
    test_stale();
    test_large();

    (void) unlink(path);
    is_number(rmdir(dir), 0, "nothing is left");

    return test_done();
}


static void                                 /* lint: length, a row a field */
test_again(void)
{
    char               *one, *two;
    u_char              hash[NGX_LLM_KEY_HASH];
    size_t              n, m;
    uint32_t            i;
    struct stat         st;
    ngx_llm_key_t      *key;
    ngx_llm_node_t     *node;
    ngx_llm_zone_t     *zone, *other;
    ngx_atomic_uint_t   generation;

    zone = zone_of(16, 16);
    fill(zone);

    umask(0);
    is_number(save(zone, 7), NGX_OK, "written (%s)", result.text);
    umask(022);

    is_number(result.nodes, 3, "... three nodes");
    is_number(result.keys, 3, "... three keys");
    is_number(result.epoch, 7, "... its number");
    ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600,
       "... nobody else may read it");
    is_number(files(), 1, "... no other file is left");

    one = get(&n);

    other = zone_of(16, 16);
    (void) add_node(other, "static", "http://10.0.0.9:8000", 0, 1);
    (void) add_key(other, "static", 9, 1);
    is_number(load(other), NGX_OK, "read (%s)", result.text);
    is_number(result.nodes, 3, "... three nodes");
    is_number(result.keys, 3, "... three keys");
    is_number(result.epoch, 7, "... its number");
    is_number(result.unknown, 0, "... nothing is unknown");
    is_number(result.dropped, 0, "... nothing found no room");
    ok(!result.exposed && !result.missing, "... its file is well");

    i = ngx_llm_nodes_find(other->nodes, 0x123456789abcdef0ULL);
    node = &other->nodes->node[i];

    is_text((char *) node->conf.name, "n\303\266de \"<b>\" \\", "its name");
    is_text((char *) node->conf.host, "fd00::1", "... host");
    is_text((char *) node->conf.prefix, "/base", "... prefix");
    is_text((char *) node->conf.api_key, "sk-of-a-node", "... key");
    is_text((char *) node->conf.notes, "</script>", "... notes");
    ok(node->conf.ssl && node->conf.ipv6 && !node->conf.named
       && node->conf.naddrs == 1 && node->conf.port == 8443, "... URL");
    ok(node->conf.type == NGX_LLM_TYPE_VLLM && node->conf.weight == 5
       && node->conf.max_concurrent == 12 && !node->conf.check
       && !node->conf.discover && node->conf.created == 1600000000
       && !node->conf.is_static && node->conf.registered,
       "... all that is said of it");
    is_number(node->conf.token[0] + node->conf.token[31], 0x1ab,
              "... its token");
    ok(node->draining == 1 && node->pending == 0 && node->heard != 0
       && node->online == 1, "... its state");
    ok(node->requests == 10 && node->failures == 11
       && node->prompt_tokens == 12 && node->completion_tokens == 13,
       "... its totals");
    ok(node->list && node->list->n == 2
       && ngx_llm_list_first(node->list)->name_len == 5
       && memcmp(ngx_llm_list_first(node->list)->text, "a/b:c", 5) == 0,
       "... its models");

    i = ngx_llm_nodes_find(other->nodes, 2);
    node = &other->nodes->node[i];

    ok(node->conf.named && node->conf.naddrs == 0
       && ngx_strcmp(node->conf.host, "llm.example") == 0,
       "a name is left to be resolved");
    ok(node->conf.check && node->conf.discover && node->conf.weight == 1
       && node->online == 0 && node->pending == 1 && node->check_now == 1,
       "... its node is probed");

    i = ngx_llm_keys_find_id(other->keys, 0xfedcba9876543210ULL);
    key = &other->keys->key[i];

    ok(ngx_strcmp(key->conf.name, "k\303\251y") == 0
       && ngx_strcmp(key->conf.prefix, "sk-abcd") == 0
       && ngx_strcmp(key->conf.models, "a,b*,c/d") == 0
       && key->conf.scopes == (NGX_LLM_SCOPE_INFERENCE|NGX_LLM_SCOPE_APPROVE)
       && key->conf.rpm == 60 && key->conf.tpm == 10000000000ULL
       && key->conf.max_concurrent == 3 && key->conf.expires == 1900000000
       && key->conf.priority == 100 && key->conf.created == 1600000001
       && !key->conf.is_static, "all that is said of a key");
    ok(key->valid && key->requests == 20 && key->prompt_tokens == 21
       && key->completion_tokens == 22 && key->last_used == 1700000001,
       "... its totals");

    i = ngx_llm_keys_find_id(other->keys, 3);
    ok(i != NGX_LLM_KEY_NONE && !other->keys->key[i].valid,
       "a revoked key is there, and revoked");
    memset(hash, 3, sizeof(hash));
    is_number(ngx_llm_keys_find(other->keys, hash, &generation),
              NGX_LLM_KEY_NONE, "... it passes no more");

    is_number(other->nodes->node[0].requests, 77,
              "the totals of a static node");
    is_number(other->keys->key[0].completion_tokens, 88, "... of a static key");
    ok(other->totals.requests == 1 && other->totals.errors == 2
       && other->totals.cancelled == 3 && other->totals.failovers == 4
       && other->totals.queued == 5 && other->totals.prompt_tokens == 6
       && other->totals.completion_tokens == 7, "... of all");
    ok(other->models->image && other->models->image->nmodels == 2,
       "the index knows the models");
    is_number(pool->lock.lock, 0, "the mutex is free");

    is_number(save(other, 7), NGX_OK, "written again");
    two = get(&m);

    ok(n == m && strcmp(strchr(one, '\n'), strchr(two, '\n')) == 0,
       "... it is the same");

    free(one);
    free(two);
}


/* no clear key of a client was there to be written; no address of ours is */

static void
test_secret(void)
{
    char   *text;
    size_t  n;

    text = get(&n);

    ok(strstr(text, "\"sha256\"") && strstr(text, "\"end\":true}\n"),
       "keys by their SHA-256 only");
    ok(strstr(text, "http://10.0.0.9") == NULL,
       "of what stands in nginx.conf only totals");

    free(text);
}


static void
test_missing(void)
{
    ngx_llm_zone_t  *zone;

    (void) unlink(path);

    zone = zone_of(4, 4);

    is_number(load(zone), NGX_OK, "no file");
    ok(result.missing && result.text[0] == '\0' && result.epoch == 0,
       "... is well");

    source.path = "/nowhere/at/all";
    is_number(ngx_llm_snapshot_read(zone, &source, &result), NGX_OK,
              "no directory");
    source.path = path;
    is_number(result.missing, 1, "... is no file");
}


#define NODES(rest)  HEAD "\"nodes\":[" rest "],\"end\":true}"
#define KEYS(rest)   HEAD "\"keys\":[" rest "],\"end\":true}"

static const broken_t  broken[] = {
    { " ", "it is truncated" },
    { "{", "it is truncated" },
    { "{\"version\":1", "it is truncated" },
    { HEAD "\"nodes\":[]}", "it is truncated: \"end\"" },
    { HEAD "\"end\":false}", "it is truncated: \"end\"" },
    { "x", "line 1: it is no JSON" },
    { HEAD "\n\n\"nodes\":[}", "line 3: it is no JSON" },
    { HEAD "\"end\":true}x", "line 1: it is no JSON" },
    { HEAD "\"end\":true,\"end\":true}", "line 1: a member" },
    { HEAD "\"x\":\"\377\",\"end\":true}", "line 1: it is not UTF-8" },
    { "\0\0\0\0", "it is truncated" },
    { "[]", "it has no version" },
    { "1", "line 1: it is no JSON" },
    { "{\"end\":true}", "it has no version" },
    { "{\"version\":\"1\",\"end\":true}", "it has no version" },
    { "{\"version\":7,\"end\":true}", "its version 7 is not known" },
    { "{\"version\":0,\"end\":true}", "its version 0 is not known" },
    { "{\"version\":1,\"end\":true}", "its \"epoch\" must" },
    { "{\"version\":1,\"epoch\":-1,\"end\":true}", "its \"epoch\" must" },
    { "{\"version\":1,\"epoch\":1e3,\"end\":true}", "its \"epoch\" must" },
    { HEAD "\"nodes\":{},\"end\":true}", "its \"nodes\" must be an array" },
    { HEAD "\"keys\":1,\"end\":true}", "its \"keys\" must be an array" },
    { HEAD "\"static_nodes\":null,\"end\":true}",
      "its \"static_nodes\" must be an array" },
    { HEAD "\"static_keys\":\"\",\"end\":true}",
      "its \"static_keys\" must be an array" },
    { NODES("{\"id\":\"node-0000000000000001\",\"name\":\"a\\u0000\"}"),
      "line 1: it is no JSON" },
    { NODES(NODE(1) ",\"weight\":99999999999999999999}"),
      "line 1: it is no JSON" },
    { NULL, NULL }
};

static const broken_t  bad_rows[] = {
    { HEAD "\"totals\":[],\"end\":true}", "totals: is no object" },
    { HEAD "\"totals\":{\"requests\":-1},\"end\":true}",
      "totals: \"requests\" must be a whole number from 0" },
    { HEAD "\"static_nodes\":[{}],\"end\":true}",
      "static_nodes[0]: \"id\" is missing" },
    { HEAD "\"static_keys\":[{\"sha256\":\"00\"}],\"end\":true}",
      "static_keys[0]: \"sha256\" must be 64" },

    { NODES("1"), "nodes[0]: is no object" },
    { NODES(NODE(1) "},null"), "nodes[1]: is no object" },
    { NODES("{}"), "nodes[0]: \"id\" is missing" },
    { NODES("{\"id\":null}"), "nodes[0]: \"id\" must be \"node-\"" },
    { NODES("{\"id\":\"node-1\"}"), "nodes[0]: \"id\" must be \"node-\"" },
    { NODES("{\"id\":\"key-0000000000000001\"}"), "nodes[0]: \"id\" must" },
    { NODES("{\"id\":\"node-000000000000000g\"}"), "nodes[0]: \"id\" must" },
    { NODES("{\"id\":\"node-0000000000000000\"}"), "nodes[0]: \"id\" must" },
    { NODES("{\"id\":\"node-0000000000000001\"}"),
      "nodes[0]: \"name\" is missing" },
    { NODES("{\"id\":\"node-0000000000000001\",\"name\":\"\"}"),
      "nodes[0]: \"name\" must be a text of 1 to 63 bytes" },
    { NODES("{\"id\":\"node-0000000000000001\",\"name\":\"a\\r\\nb\"}"),
      "nodes[0]: \"name\" must be a text" },
    { NODES("{\"id\":\"node-0000000000000001\",\"name\":\"a\\u007f\"}"),
      "nodes[0]: \"name\" must be a text" },
    { NODES("{\"id\":\"node-0000000000000001\",\"name\":7}"),
      "nodes[0]: \"name\" must be a text" },
    { NODES("{\"id\":\"node-0000000000000001\",\"name\":\""
            "0123456789012345678901234567890123456789012345678901234567890123"
            "\"}"), "nodes[0]: \"name\" must be a text" },
    { NODES("{\"id\":\"node-0000000000000001\",\"name\":\"a\"}"),
      "nodes[0]: \"base_url\" is missing" },
    { NODES("{\"id\":\"node-0000000000000001\",\"name\":\"a\","
            "\"base_url\":\"ftp://a\"}"),
      "nodes[0]: \"base_url\" must begin with http" },
    { NODES("{\"id\":\"node-0000000000000001\",\"name\":\"a\","
            "\"base_url\":\"http://0x7f.1\"}"),
      "nodes[0]: \"base_url\" has a host that ends in a number" },
    { NODES(NODE(1) ",\"api_key\":\"a\\nb\"}"),
      "nodes[0]: \"api_key\" must be a text" },
    { NODES(NODE(1) ",\"notes\":[]}"), "nodes[0]: \"notes\" must be" },
    { NODES(NODE(1) ",\"weight\":0}"),
      "nodes[0]: \"weight\" must be a whole number from 1 to 1000" },
    { NODES(NODE(1) ",\"weight\":1001}"), "nodes[0]: \"weight\" must" },
    { NODES(NODE(1) ",\"weight\":1.5}"), "nodes[0]: \"weight\" must" },
    { NODES(NODE(1) ",\"weight\":\"1\"}"), "nodes[0]: \"weight\" must" },
    { NODES(NODE(1) ",\"max_concurrent\":-1}"),
      "nodes[0]: \"max_concurrent\" must" },
    { NODES(NODE(1) ",\"max_concurrent\":1000001}"),
      "nodes[0]: \"max_concurrent\" must" },
    { NODES(NODE(1) ",\"type\":\"gpt\"}"), "nodes[0]: \"type\" is no type" },
    { NODES(NODE(1) ",\"type\":3}"), "nodes[0]: \"type\" is no type" },
    { NODES(NODE(1) ",\"check\":1}"),
      "nodes[0]: \"check\" must be true or false" },
    { NODES(NODE(1) ",\"draining\":\"yes\"}"), "nodes[0]: \"draining\"" },
    { NODES(NODE(1) ",\"token\":\"00\"}"), "nodes[0]: \"token\" must be 64" },
    { NODES(NODE(1) ",\"created\":253402300800}"),
      "nodes[0]: \"created\" must" },
    { NODES(NODE(1) ",\"requests\":-5}"), "nodes[0]: \"requests\" must" },
    { NODES(NODE(1) ",\"models\":\"a\"}"),
      "nodes[0]: \"models\" must be an array" },
    { NODES(NODE(1) ",\"models\":[1]}"), "nodes[0]: \"models\" must" },
    { NODES(NODE(1) ",\"models\":[\"a\",\"\"]}"), "nodes[0]: \"models\" must" },
    { NODES(NODE(1) ",\"models\":[\"a\\tb\"]}"), "nodes[0]: \"models\" must" },
    { NODES(NODE(1) "}," NODE(1) "}"),
      "nodes[1]: \"id\" is that of nodes[0]" },
    { NODES(NODE(1) "}," NODE(2) "}," "{\"id\":\"node-0000000000000003\","
            "\"name\":\"a\",\"base_url\":\"HTTP://10.0.0.1:80/v1/\"}"),
      "nodes[2]: \"base_url\" is that of nodes[0]" },

    { KEYS("[]"), "keys[0]: is no object" },
    { KEYS("{}"), "keys[0]: \"id\" is missing" },
    { KEYS("{\"id\":\"node-0000000000000001\"}"), "keys[0]: \"id\" must" },
    { KEYS("{\"id\":\"key-0000000000000001\"}"),
      "keys[0]: \"sha256\" is missing" },
    { KEYS(KEY(1) "\"sha256\":\"zz\"}"), "keys[0]: \"sha256\" must be 64" },
    { KEYS("{\"id\":\"key-0000000000000001\"," HASH("0123") "}"),
      "keys[0]: \"name\" is missing" },
    { KEYS("{\"id\":\"key-0000000000000001\"," HASH("0123")
           ",\"name\":\"a\"}"), "keys[0]: \"scopes\" is missing" },
    { KEYS("{\"id\":\"key-0000000000000001\"," HASH("0123")
           ",\"name\":\"a\",\"scopes\":[]}"), "keys[0]: \"scopes\" must" },
    { KEYS("{\"id\":\"key-0000000000000001\"," HASH("0123")
           ",\"name\":\"a\",\"scopes\":[\"inference\",\"root\"]}"),
      "keys[0]: \"scopes\" must" },
    { KEYS("{\"id\":\"key-0000000000000001\"," HASH("0123")
           ",\"name\":\"a\",\"scopes\":\"admin\"}"),
      "keys[0]: \"scopes\" must" },
    { KEYS(KEY(1) HASH("0123") ",\"models\":\"*\"}"),
      "keys[0]: \"models\" must be an array" },
    { KEYS(KEY(1) HASH("0123") ",\"models\":[\"a,b\"]}"),
      "keys[0]: \"models\" must be an array" },
    { KEYS(KEY(1) HASH("0123") ",\"models\":[\"\"]}"),
      "keys[0]: \"models\" must be an array" },
    { KEYS(KEY(1) HASH("0123") ",\"rpm\":10000000001}"),
      "keys[0]: \"rpm\" must" },
    { KEYS(KEY(1) HASH("0123") ",\"priority\":101}"),
      "keys[0]: \"priority\" must" },
    { KEYS(KEY(1) HASH("0123") ",\"expires_at\":\"2030-01-01\"}"),
      "keys[0]: \"expires_at\" must" },
    { KEYS(KEY(1) HASH("0123") ",\"revoked\":0}"),
      "keys[0]: \"revoked\" must be true" },
    { KEYS(KEY(1) HASH("0123") "}," KEY(1) HASH("4567") "}"),
      "keys[1]: \"id\" is that of keys[0]" },
    { KEYS(KEY(1) HASH("0123") "}," KEY(2) HASH("0123") "}"),
      "keys[1]: \"sha256\" is that of keys[0]" },
    { NULL, NULL }
};


static void
test_broken(void)
{
    ngx_int_t        rc;
    const broken_t  *b;
    ngx_llm_zone_t  *zone;

    zone = zone_of(4, 4);

    for (b = broken; b->text; b++) {
        put(b->text, b->text[0] ? strlen(b->text) : 4);

        rc = load(zone);

        ok(rc == NGX_ERROR
           && strncmp((char *) result.text, b->why, strlen(b->why)) == 0,
           "%s: %s", b->text, result.text);
    }

    ok(empty(zone), "nothing of it was taken");

    for (b = bad_rows; b->text; b++) {
        put(b->text, strlen(b->text));
        zone = zone_of(4, 4);

        ok(load(zone) == NGX_OK && skipped(b->why), "%s: %s", b->text,
           result.told[0]);
    }
}


/* one row, as "nodes[1]: why"; its name may stand in between */

static ngx_uint_t
skipped(const char *why)
{
    size_t       n;
    const char  *told;

    told = (char *) result.told[0];
    n = strcspn(why, ":");

    return result.skipped == 1
           && strncmp(told, why, n) == 0
           && (told[n] == ':' || told[n] == ' ')
           && strstr(told + n, why + n) != NULL;
}


/* however much of it is there */

static void
test_truncated(void)
{
    char            *text;
    size_t           n, m;
    ngx_uint_t       bad;
    ngx_llm_zone_t  *zone;

    (void) saved();
    text = get(&n);
    zone = zone_of(16, 16);
    bad = 0;

    /* its last byte is a line feed */

    for (m = 0; m < n - 1; m++) {
        put(text, m);

        bad += (load(zone) != NGX_ERROR
                || (strstr((char *) result.text, "truncated") == NULL
                    && strstr((char *) result.text, "empty") == NULL));
    }

    is_number(bad, 0, "truncated at each of %d bytes", (int) n);
    ok(empty(zone), "... nothing of it was taken");

    free(text);
}


static void
test_mutants(void)
{
    char            *text, *copy;
    size_t           n;
    uint64_t         seed;
    ngx_uint_t       i, k, bad, errors;
    ngx_llm_zone_t  *zone;

    zone = saved();
    text = get(&n);
    bad = errors = 0;
    seed = 42;

    for (i = 0; i < 3000; i++) {

        if (i % 50 == 0) {
            zone = zone_of(16, 16);
        }

        copy = (char *) test_copy(text, n);

        for (k = 0; k < 1 + i % 3; k++) {
            copy[shm_random(&seed, n)] = (char) shm_random(&seed, 256);
        }

        put(copy, n);
        free(copy);

        switch (load(zone)) {

        case NGX_OK:
            errors += (result.skipped > 0);
            bad += (result.skipped && result.told[0][0] == '\0');
            break;

        case NGX_ABORT:
        case NGX_ERROR:
            errors++;
            bad += (result.text[0] == '\0');
            break;

        default:
            bad++;
        }
    }

    ok(bad == 0 && errors > 1000, "%d mutants are refused or lose a row, "
       "with a reason, the others are taken", (int) errors);

    free(text);
}


static void
test_fine(void)
{
    ngx_llm_zone_t  *zone;

    static const char  least[] = "{\"version\":1,\"epoch\":0,\"end\":true}";
    static const char  more[] = "{\"end\":true,\"nodes\":[" NODE(1)
        ",\"models\":[],\"colour\":\"red\",\"x\":null}],\"new\":{},"
        "\"keys\":[" KEY(1) HASH("abCD") ",\"expires_at\":null,"
        "\"models\":[]}],\"epoch\":2,\"version\":1}";

    zone = zone_of(4, 4);

    put(least, sizeof(least) - 1);
    is_number(load(zone), NGX_OK, "the least there may be (%s)", result.text);

    put(more, sizeof(more) - 1);
    is_number(load(zone), NGX_OK, "in another order, with more (%s)",
              result.text);
    is_number(result.unknown, 3, "... which is counted");
    ok(result.nodes == 1 && result.keys == 1, "... and the rest taken");
    ok(zone->nodes->node[0].list && zone->nodes->node[0].list->n == 0
       && !zone->nodes->node[0].conf.discover, "a node may list no model");
    is_number(zone->keys->key[0].conf.models[0], 0, "a key may use any");
    is_number(zone->keys->key[0].conf.hash[1], 0xcd, "digits of either case");
}


/* what is no file of ours */

static void
test_files(void)
{
    char             other[80];
    struct stat      st;
    ngx_llm_zone_t  *zone;

    zone = zone_of(4, 4);

    put("{\"version\":1,\"epoch\":3,\"end\":true}", 34);
    (void) chmod(path, 0644);

    is_number(load(zone), NGX_OK, "others may read it");
    ok(result.exposed && !result.open, "... it is told");
    ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600, "... and mended");

    is_number(load(zone), NGX_OK, "read again");
    is_number(result.exposed, 0, "... it is well now");

    (void) chmod(path, 0420);
    is_number(load(zone), NGX_OK, "others may write it");
    ok(result.exposed && result.open, "... it is told");

    sprintf(other, "%s/other", dir);
    (void) rename(path, other);
    (void) symlink(other, path);

    is_number(load(zone), NGX_ERROR, "a symbolic link");
    is_text((char *) result.text, "it is a symbolic link", "... is told");

    (void) unlink(path);
    (void) unlink(other);
    (void) mkdir(path, 0700);

    is_number(load(zone), NGX_ERROR, "a directory");
    is_text((char *) result.text, "it is no regular file", "... is told");
    is_number(save(zone, 1), NGX_ERROR, "... is not written over");
    ok(result.err == EISDIR && strstr((char *) result.text, "rename()"),
       "... which is told");
    is_number(files(), 1, "... the temporary file is gone");

    (void) rmdir(path);
    (void) mkfifo(path, 0600);

    is_number(load(zone), NGX_ERROR, "a pipe does not hold it up");
    is_text((char *) result.text, "it is no regular file", "... is told");

    (void) unlink(path);
    put("", 0);

    is_number(load(zone), NGX_ERROR, "an empty file");
    is_text((char *) result.text, "it is empty", "... is told");
}


/* what nginx.conf, or a zone that serves, has by now */

static void
test_precedence(void)
{
    uint32_t         i;
    ngx_uint_t       used;
    ngx_llm_zone_t  *zone;

    static const char  text[] = HEAD "\"nodes\":["
        NODE(1) ",\"weight\":9,\"requests\":5},"
        NODE(2) ",\"weight\":9,\"requests\":6},"
        NODE(3) "}],\"keys\":["
        KEY(1) HASH("0101") ",\"rpm\":9,\"requests\":7},"
        KEY(2) HASH("2222") ",\"rpm\":9}],\"end\":true}";

    zone = zone_of(16, 16);

    i = add_node(zone, "static", "http://10.0.0.1", 0, 1);
    zone->nodes->node[i].requests = 100;
    (void) add_node(zone, "moved", "http://10.0.0.22", 2, 0);
    (void) add_key(zone, "static", 1, 1);
    i = add_key(zone, "revoked", 2, 0);
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_keys_revoke_locked(zone->keys, i);
    ngx_shmtx_unlock(&pool->mutex);
    used = zone->nodes->used;

    put(text, sizeof(text) - 1);
    is_number(load(zone), NGX_OK, "read into a zone that has some (%s)",
              result.text);
    ok(result.nodes == 1 && result.keys == 0, "... the others are taken");
    is_number(zone->nodes->used, used + 1, "... by places of their own");
    ok(zone->nodes->node[0].conf.is_static
       && zone->nodes->node[0].conf.weight == 1,
       "a node of nginx.conf stays what it is");
    is_number(zone->nodes->node[0].requests, 105, "... and gets its totals");
    is_text((char *) zone->nodes->node[1].conf.host, "10.0.0.22",
            "one of the same id, too");
    is_number(zone->keys->key[0].conf.rpm, 0, "a key of nginx.conf, too");
    is_number(zone->keys->key[0].requests, 7, "... and gets its totals");
    is_number(zone->keys->key[1].valid, 0, "a revoked one stays revoked");
}


static void
test_room(void)
{
    ngx_llm_zone_t  *zone;

    static const char  text[] = HEAD "\"nodes\":[" NODE(1) "}," NODE(2) "},"
        NODE(3) "}],\"keys\":[" KEY(1) HASH("0101") "}],\"end\":true}";

    put(text, sizeof(text) - 1);

    zone = zone_of(3, 1);
    is_number(load(zone), NGX_OK, "just so much room (%s)", result.text);

    zone = zone_of(3, 1);
    (void) add_node(zone, "static", "http://10.0.0.9", 0, 1);
    is_number(load(zone), NGX_ABORT, "one node too many");
    is_text((char *) result.text, "it has 3 nodes and 1 keys, the zone has "
            "room for 2 and 1 more: make llm_router_zone 1m or larger",
            "... is told");
    is_number(zone->nodes->used, 1, "... nothing of it was taken");

    zone = zone_of(3, 1);
    (void) add_node(zone, "static", "http://10.0.0.3/v1", 0, 1);
    is_number(load(zone), NGX_OK, "one of them stands in nginx.conf (%s)",
              result.text);
    is_number(result.nodes, 2, "... the others are taken");

    zone = zone_of(3, 1);
    (void) add_key(zone, "static", 9, 1);
    is_number(load(zone), NGX_ABORT, "one key too many");
    is_number(zone->nodes->used, 0, "... nothing of it was taken");

    zone = zone_of(3, 1);
    (void) add_key(zone, "static", 1, 1);
    is_number(load(zone), NGX_OK, "it stands in nginx.conf (%s)",
              result.text);

    zone = zone_of(3, 1);
    source.look = 1;
    is_number(load(zone), NGX_OK, "a look only");
    ok(empty(zone), "... nothing of it was taken");
    (void) add_node(zone, "static", "http://10.0.0.9", 0, 1);
    is_number(load(zone), NGX_ABORT, "... but seen that it does not fit");
    source.look = 0;
}


/* what is wrong costs its own row */

static void
test_skipped(void)
{
    ngx_uint_t       i;
    ngx_llm_zone_t  *zone;

    static const char  text[] = HEAD "\"totals\":{\"requests\":\"7\"},"
        "\"nodes\":["
        NODE(1) ",\"weight\":0},"
        NODE(2) "},"
        "{\"id\":\"node-0000000000000003\",\"name\":\"a\\u0007b\"},"
        NODE(4) "}],\"keys\":["
        KEY(1) HASH("0101") "},"
        KEY(2) HASH("xyz") "},"
        KEY(3) HASH("0303") "}],"
        "\"static_nodes\":[7],\"static_keys\":[{}],\"end\":true}";

    static const char  *told[] = {
        "nodes[0] \"n1\": \"weight\" must be a whole number from 1 to 1000",
        "nodes[2]: \"name\" must be a text of 1 to 63 bytes without control "
            "characters",
        "keys[1] \"k2\": \"sha256\" must be 64 hexadecimal digits",
        "static_nodes[0]: is no object",
        "static_keys[0]: \"sha256\" is missing",
        "totals: \"requests\" must be a whole number from 0 to "
            "9223372036854775807"
    };

    put(text, sizeof(text) - 1);

    zone = zone_of(2, 2);
    is_number(load(zone), NGX_OK, "rows are wrong, room is for the others (%s)",
              result.text);
    ok(result.nodes == 2 && result.keys == 2 && zone->nodes->used == 2
       && ngx_llm_nodes_find(zone->nodes, 4) == 1
       && ngx_llm_keys_find_id(zone->keys, 3) == 1, "... which are taken");
    is_number(result.skipped, sizeof(told) / sizeof(told[0]), "... all told");

    for (i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        is_text((char *) result.told[i], told[i], "... which and why");
    }
}


/* the first of two counts, and one that was skipped is nobody's double */

static void
test_doubles(void)
{
    char             text[8000], *p;
    ngx_uint_t       i;
    ngx_llm_zone_t  *zone;

    static const char  few[] = HEAD "\"nodes\":["
        NODE(1) "},"
        "{\"id\":\"node-0000000000000001\",\"name\":\"x\",\"base_url\":"
        "\"http://10.0.0.2\"},"
        NODE(2) "}," NODE(2) "}],\"keys\":["
        KEY(1) HASH("0101") "}," KEY(2) HASH("0101") "},"
        KEY(2) HASH("0202") "}," KEY(2) HASH("0303") "},"
        KEY(3) "\"sha256\":\"" ZEROS ZEROS ZEROS "0000000000000001\"},"
        KEY(4) "\"sha256\":\"" ZEROS ZEROS ZEROS "0000000000000002\"}],"
        "\"end\":true}";

    put(few, sizeof(few) - 1);

    zone = zone_of(8, 8);
    is_number(load(zone), NGX_OK, "doubles (%s)", result.text);
    ok(result.nodes == 2 && result.keys == 3, "... one of each is taken");
    is_text((char *) zone->nodes->node[1].conf.name, "n2", "... the first");
    is_number(result.skipped, 5, "... the others are told");
    is_text((char *) result.told[0],
            "nodes[1] \"x\": \"id\" is that of nodes[0]", "... which");

    p = text + sprintf(text, HEAD "\"nodes\":[" NODE(1) "}");

    for (i = 0; i < 40; i++) {
        p += sprintf(p, "," NODE(1) "}");
    }

    p += sprintf(p, "],\"end\":true}");
    put(text, p - text);

    zone = zone_of(8, 8);
    ok(load(zone) == NGX_OK && result.nodes == 1 && result.skipped == 40,
       "as many as there may be");
    ok(result.told[NGX_LLM_SNAPSHOT_TOLD - 1][0] != '\0',
       "... some are told one by one");
}


/* addresses that no node of the API ever had */

static void
test_forbidden(void)
{
    char             text[1000];
    ngx_uint_t       i;
    ngx_llm_zone_t  *zone;

    static const char  *urls[] = {
        "http://169.254.169.254", "https://169.254.169.254:8443/latest",
        "http://[fe80::1]", "http://[::ffff:169.254.169.254]",
        "http://0.0.0.0:8000", "http://100.100.100.200"
    };

    for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        sprintf(text, HEAD "\"nodes\":[{\"id\":\"node-0000000000000003\","
                "\"name\":\"meta\",\"base_url\":\"%s\"}," NODE(1)
                "}],\"end\":true}", urls[i]);
        put(text, strlen(text));

        zone = zone_of(4, 4);
        ok(load(zone) == NGX_OK && result.nodes == 1
           && skipped("nodes[0]: \"base_url\" has an address at which no"),
           "%s: %s", urls[i], result.told[0]);
    }
}


/* what was done to nodes and keys of nginx.conf at run time */

static void
test_lasting(void)
{
    u_char              hash[NGX_LLM_KEY_HASH];
    uint32_t            i, k;
    ngx_uint_t          round;
    ngx_llm_zone_t     *zone;
    ngx_atomic_uint_t   generation;

    (void) unlink(path);

    zone = zone_of(4, 4);
    i = add_node(zone, "static", "http://10.0.0.9", 0, 1);
    zone->nodes->node[i].draining = 1;
    (void) add_node(zone, "other", "http://10.0.0.8", 0, 1);
    k = add_key(zone, "static", 9, 1);
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_keys_revoke_locked(zone->keys, k);
    ngx_shmtx_unlock(&pool->mutex);
    (void) add_key(zone, "other", 8, 1);
    k = add_key(zone, "left", 7, 1);
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_keys_leave_locked(zone->keys, k);
    ngx_shmtx_unlock(&pool->mutex);

    for (round = 0; round < 2; round++) {
        is_number(save(zone, 1), NGX_OK, "written");

        zone = zone_of(4, 4);
        (void) add_node(zone, "static", "http://10.0.0.9", 0, 1);
        (void) add_node(zone, "other", "http://10.0.0.8", 0, 1);
        (void) add_key(zone, "static", 9, 1);
        (void) add_key(zone, "other", 8, 1);
        (void) add_key(zone, "left", 7, 1);

        is_number(load(zone), NGX_OK, "read (%s)", result.text);
        is_number(result.unknown + result.skipped, 0, "... all of it");
        ok(zone->nodes->node[0].draining && !zone->nodes->node[1].draining,
           "a node of nginx.conf drains still");
        memset(hash, 9, sizeof(hash));
        is_number(ngx_llm_keys_find(zone->keys, hash, &generation),
                  NGX_LLM_KEY_NONE, "a revoked key of nginx.conf stays so");
        (void) add_key(zone, "static", 9, 1);
        is_number(ngx_llm_keys_find(zone->keys, hash, &generation),
                  NGX_LLM_KEY_NONE, "... when it is set again");
        memset(hash, 8, sizeof(hash));
        is_number(ngx_llm_keys_find(zone->keys, hash, &generation), 1,
                  "another one does not");
        memset(hash, 7, sizeof(hash));
        is_number(ngx_llm_keys_find(zone->keys, hash, &generation), 2,
                  "nor one that left, and came again");
    }
}


static void
test_epochs(void)
{
    char             text[200];
    ngx_uint_t       i;
    ngx_llm_zone_t  *zone;

    static const char  *epochs[] = {
        "2147483646", "2147483647", "2147483648", "4611686018427387902",
        "4611686018427387903", "4611686018427387904", "9223372036854775807"
    };

    zone = zone_of(4, 4);

    for (i = 0; i < sizeof(epochs) / sizeof(epochs[0]); i++) {
        sprintf(text, "{\"version\":1,\"epoch\":%s,\"pid\":%d,\"end\":true}",
                epochs[i], (int) MASTER);
        put(text, strlen(text));

        is_number(load(zone), NGX_OK, "number %s (%s)", epochs[i],
                  result.text);
        ok(result.epoch <= NGX_LLM_SNAPSHOT_EPOCH, "... is bounded");
        is_number(save(zone, ngx_min(result.epoch + 1,
                                     NGX_LLM_SNAPSHOT_EPOCH)),
                  NGX_OK, "... the next one is written (%s)", result.text);
        is_number(load(zone), NGX_OK, "... and read (%s)", result.text);
    }

    sprintf(text, "{\"version\":1,\"epoch\":%s,\"pid\":%d,\"end\":true}",
            epochs[i - 1], (int) dead_process());
    put(text, strlen(text));
    is_number(save(zone, 1), NGX_OK, "the largest, of one that is dead");
    is_number(load(zone), NGX_OK, "... is bounded, too (%s)", result.text);
}


/* who may own the file */

static void
test_foreign(void)
{
    struct stat      st;
    ngx_llm_zone_t  *zone;

    static const char  text[] = HEAD "\"nodes\":[" NODE(1) "}],\"end\":true}";

    zone = zone_of(4, 4);

    if (geteuid() != 0) {
        return;
    }

    put(text, sizeof(text) - 1);
    (void) chmod(path, 0644);
    (void) chown(path, 12345, (gid_t) -1);

    is_number(load(zone), NGX_DECLINED, "a file of somebody else");
    ok(strstr((char *) result.text, "the user 12345,") != NULL,
       "... is told (%s)", result.text);
    ok(empty(zone), "... nothing of it was taken");
    ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0644
       && st.st_uid == 12345, "... and nothing was done to it");

    put("", 0);
    (void) chown(path, 12345, (gid_t) -1);
    is_number(load(zone), NGX_DECLINED, "an empty one, too");

    put(text, sizeof(text) - 1);
    (void) chown(path, 12345, (gid_t) -1);
    source.user = 12345;
    is_number(load(zone), NGX_OK, "that of the workers' user (%s)",
              result.text);
    source.user = (ngx_uid_t) -1;
}


/* what may be a node's URL comes back as that, each as a node of its own */

static void
test_urls(void)
{
    char             text[100], url[NGX_LLM_NODE_URL];
    ngx_uint_t       i, k, bad;
    ngx_llm_zone_t  *zone, *other;

    static const char  *parts[] = {
        "/v1", "/base", "/V1", "/v1x", "/%76%31"
    };
    static const char  *hosts[] = {
        "http://a", "https://a", "http://10.0.0.1", "https://[fd00::1]:80",
        "http://a_b-c.example:65535"
    };

    zone = zone_of(2000, 4);

    for (i = 0; i < 1000; i++) {
        strcpy(text, hosts[i % 5]);

        for (k = i / 5 + 1; k; k /= 5) {
            strcat(text, parts[k % 5]);
        }

        sprintf(url, "n%u", (unsigned) i);
        (void) add_node(zone, url, text, i + 1, 0);
    }

    ok(zone->nodes->used > 700, "%u nodes of odd URLs",
       (unsigned) zone->nodes->used);

    (void) unlink(path);
    is_number(save(zone, 1), NGX_OK, "written");
    other = zone_of(2000, 4);
    is_number(load(other), NGX_OK, "read (%s)", result.text);
    is_number(result.skipped, 0, "... each of them (%s)", result.told[0]);
    is_number(result.nodes, zone->nodes->used, "... as a node of its own");

    bad = (other->nodes->used != zone->nodes->used);

    for (i = 0; i < zone->nodes->used && !bad; i++) {
        bad += strcmp((char *) zone->nodes->node[i].conf.prefix,
                      (char *) other->nodes->node[i].conf.prefix) != 0
               || strcmp((char *) zone->nodes->node[i].conf.host,
                         (char *) other->nodes->node[i].conf.host) != 0
               || zone->nodes->node[i].conf.id != other->nodes->node[i].conf.id;
    }

    is_number(bad, 0, "... at the URL it had");
}


/* the file is on the disk before it has its name, and its name at the end */

static void
test_synced(void)
{
    ngx_llm_zone_t  *zone;

    zone = zone_of(4, 4);

    is_number(save(zone, 1000), NGX_OK, "written");
    is_text(steps, "whole file, rename, directory, ",
            "... synced before and after it was renamed");
}


/* pid 1 is alive, one that was waited for is not */

static void
test_owner(void)
{
    char             text[256];
    pid_t            dead;
    ngx_llm_zone_t  *zone;

    dead = dead_process();
    zone = zone_of(4, 4);

    sprintf(text, "{\"version\":1,\"epoch\":5,\"pid\":1,\"written\":\"\",\n"
            "\"end\":true}");

    put(text, strlen(text));
    is_number(save(zone, 4), NGX_DECLINED, "a younger router lives");
    ok(result.err == EBUSY && strstr((char *) result.text, "process 1,"),
       "... it is told (%s)", result.text);
    is_number(result.epoch, 5, "... with its number");
    is_number(files(), 1, "... no temporary file");

    is_number(save(zone, 5), NGX_DECLINED, "one of the same age lives");
    is_number(save(zone, 6), NGX_OK, "an older one lives");

    sprintf(text, "{\"version\":1,\"epoch\":5,\"pid\":%d,", (int) dead);
    put(text, strlen(text));
    is_number(save(zone, 4), NGX_OK, "a younger one is dead");
    is_number(result.epoch, 6, "... its number is passed");
    is_number(load(zone), NGX_OK, "... in the file");
    is_number(result.epoch, 6, "... too");

    sprintf(text, "{\"version\":1,\"epoch\":5,\"pid\":%d,", (int) MASTER);
    put(text, strlen(text));
    is_number(save(zone, 5), NGX_OK, "it is our own");

    put(text, strlen(text));
    is_number(save(zone, 4), NGX_DECLINED,
              "it is our master's, of a later zone");

    put("{\"version\":1,\"epoch\":99999999999999999999,\"pid\":1,", 49);
    is_number(save(zone, 1), NGX_OK, "what is no head of ours");
}


/* a disk that is full, as far as a limit can play it */

static void
test_disk(void)
{
    char            *one, *two, name[100];
    size_t           n, m;
    struct rlimit    limit, old;
    ngx_llm_zone_t  *zone;

    zone = saved();
    one = get(&n);

    (void) signal(SIGXFSZ, SIG_IGN);
    (void) getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = 1000;
    (void) setrlimit(RLIMIT_FSIZE, &limit);

    is_number(save(zone, 2), NGX_ERROR, "no room on the disk");
    ok(result.err == EFBIG && strstr((char *) result.text, "write() to \"/tmp"),
       "... is told (%s)", result.text);
    is_number(files(), 1, "... the temporary file is gone");

    (void) setrlimit(RLIMIT_FSIZE, &old);

    two = get(&m);
    ok(n == m && memcmp(one, two, n) == 0, "... the old file is as it was");
    free(one);
    free(two);

    is_number(save(zone, 2), NGX_OK, "well again");

    is_number(ngx_llm_snapshot_write(zone, "/nowhere/at/all", 1, MASTER,
                                     &result),
              NGX_ERROR, "no directory");
    ok(result.err == ENOENT && strstr((char *) result.text, "open()"),
       "... is told (%s)", result.text);

    if (geteuid() != 0) {
        (void) chmod(dir, 0500);
        is_number(save(zone, 2), NGX_ERROR, "a directory of others");
        is_number(result.err, EACCES, "... is told");
        (void) chmod(dir, 0700);
    }

    /* somebody waits where the temporary file is to be */

    sprintf(name, "%s.tmp.%d", path, (int) getpid());
    (void) symlink("/tmp/llm-snapshot-elsewhere", name);
    is_number(save(zone, 2), NGX_OK, "a link in the way is removed");
    ok(access("/tmp/llm-snapshot-elsewhere", F_OK) == -1,
       "... and not followed");
}


static void
test_stale(void)
{
    int              fd;
    char             name[3][100];
    pid_t            dead;
    ngx_uint_t       i;
    ngx_llm_zone_t  *zone;

    dead = dead_process();

    sprintf(name[0], "%s.tmp.%d", path, (int) dead);
    sprintf(name[1], "%s.tmp.1", path);
    sprintf(name[2], "%s.tmp.x", path);

    for (i = 0; i < 3; i++) {
        fd = open(name[i], O_CREAT|O_WRONLY, 0600);
        (void) close(fd);
    }

    zone = zone_of(4, 4);
    is_number(save(zone, 9), NGX_OK, "written beside others' files");
    ok(access(name[0], F_OK) == -1, "... a dead one's is removed");
    ok(access(name[1], F_OK) == 0 && access(name[2], F_OK) == 0,
       "... and no other");

    (void) unlink(name[1]);
    (void) unlink(name[2]);
}


static void
test_large(void)
{
    char             name[64], url[64];
    uint32_t         i, k;
    uint64_t         start, written, read_;
    struct stat      st;
    ngx_llm_zone_t  *zone, *other;

    zone = zone_of(10000, 100000);

    for (i = 0; i < 10000; i++) {
        sprintf(name, "node %u", i);
        sprintf(url, "https://n%u.llm.example:8443/base", i);
        k = add_node(zone, name, url, i + 1, 0);
        zone->nodes->node[k].requests = i;

        if (i % 2) {
            add_list(zone, k, "some/model-of-70b-instruct", "another:8b");
        }
    }

    for (i = 0; i < 100000; i++) {
        sprintf(name, "key %u", i);
        k = add_key(zone, name, i + 1, 0);
        zone->keys->key[k].requests = i;
        zone->keys->key[k].last_used = 1700000000 + i;
    }

    start = cpu_clock();
    is_number(save(zone, 10), NGX_OK, "10,000 nodes, 100,000 keys");
    written = cpu_clock() - start;

    other = zone_of(10000, 100000);

    start = cpu_clock();
    is_number(load(other), NGX_OK, "... read (%s)", result.text);
    read_ = cpu_clock() - start;

    (void) stat(path, &st);
    printf("# %.1f MB, written in %lu ms, read in %lu ms of the processor\n",
           st.st_size / 1e6, (unsigned long) written, (unsigned long) read_);

    ok(result.nodes == 10000 && result.keys == 100000, "... all of them");
    is_number(other->keys->key[99999].requests, 99999, "... with their totals");
    ok(ngx_strcmp(other->nodes->node[9999].conf.host, "n9999.llm.example")
       == 0, "... in their order");
}


/* -- helpers ------------------------------------------------------------- */


/* each in a pool of its own; the old ones stay for as long as we run */

static ngx_llm_zone_t *
zone_of(ngx_uint_t nodes, ngx_uint_t keys)
{
    ngx_llm_zone_t  *zone;

    pool = shm_pool(2 * MB + nodes * 5000 + keys * 1500);
    zone = ngx_slab_calloc(pool, sizeof(ngx_llm_zone_t));

    zone->shpool = pool;
    zone->limits = ngx_llm_limits_create(pool, NGX_LLM_ZONE_GROUPS
                                               + 2 * nodes + keys);
    zone->nodes = ngx_llm_nodes_create(pool, nodes);
    zone->keys = ngx_llm_keys_create(pool, keys);
    zone->models = ngx_llm_models_create(pool);

    return zone;
}


static void
fill(ngx_llm_zone_t *zone)
{
    uint32_t             i;
    ngx_llm_key_t       *key;
    ngx_llm_node_t      *node;
    ngx_llm_key_conf_t   kc;
    ngx_llm_node_conf_t  conf;

    zone->totals.requests = 1;
    zone->totals.errors = 2;
    zone->totals.cancelled = 3;
    zone->totals.failovers = 4;
    zone->totals.queued = 5;
    zone->totals.prompt_tokens = 6;
    zone->totals.completion_tokens = 7;

    i = add_node(zone, "n\303\266de \"<b>\" \\",
                 "https://[fd00::1]:8443/base/v1", 0x123456789abcdef0ULL, 0);
    node = &zone->nodes->node[i];

    conf = node->conf;
    strcpy((char *) conf.api_key, "sk-of-a-node");
    strcpy((char *) conf.notes, "</script>");
    conf.token[0] = 0xac;
    conf.token[31] = 0xff;
    conf.type = NGX_LLM_TYPE_VLLM;
    conf.weight = 5;
    conf.max_concurrent = 12;
    conf.check = 0;
    conf.discover = 0;
    conf.registered = 1;
    conf.created = 1600000000;

    ngx_shmtx_lock(&pool->mutex);
    (void) ngx_llm_nodes_change_locked(zone->nodes, i, &conf);
    ngx_shmtx_unlock(&pool->mutex);

    add_list(zone, i, "a/b:c", "\303\244\"");
    node->draining = 1;
    node->requests = 10;
    node->failures = 11;
    node->prompt_tokens = 12;
    node->completion_tokens = 13;

    i = add_node(zone, "name", "http://llm.example", 2, 0);
    zone->nodes->node[i].pending = 1;
    i = add_node(zone, "gone", "http://10.0.0.8", 8, 0);
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_nodes_leave_locked(zone->nodes, i);
    ngx_shmtx_unlock(&pool->mutex);
    (void) add_node(zone, "plain", "http://127.0.0.1:11434", 4, 0);
    i = add_node(zone, "static", "http://10.0.0.9:8000", 0, 1);
    zone->nodes->node[i].requests = 77;

    i = add_key(zone, "k\303\251y", 0xfedcba9876543210ULL, 0);
    key = &zone->keys->key[i];

    kc = key->conf;
    strcpy((char *) kc.prefix, "sk-abcd");
    strcpy((char *) kc.models, "a,b*,c/d");
    kc.scopes = NGX_LLM_SCOPE_INFERENCE|NGX_LLM_SCOPE_APPROVE;
    kc.rpm = 60;
    kc.tpm = 10000000000ULL;
    kc.max_concurrent = 3;
    kc.expires = 1900000000;
    kc.priority = 100;

    ngx_shmtx_lock(&pool->mutex);
    (void) ngx_llm_keys_set_locked(zone->keys, &kc);
    ngx_shmtx_unlock(&pool->mutex);

    key->requests = 20;
    key->prompt_tokens = 21;
    key->completion_tokens = 22;
    key->last_used = 1700000001;

    i = add_key(zone, "revoked", 3, 0);
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_keys_revoke_locked(zone->keys, i);
    ngx_shmtx_unlock(&pool->mutex);

    i = add_key(zone, "removed", 4, 0);
    ngx_shmtx_lock(&pool->mutex);
    ngx_llm_keys_remove_locked(zone->keys, i, ngx_current_msec);
    ngx_shmtx_unlock(&pool->mutex);

    (void) add_key(zone, "plain", 5, 0);
    i = add_key(zone, "static", 9, 1);
    zone->keys->key[i].completion_tokens = 88;
}


static uint32_t
add_node(ngx_llm_zone_t *zone, const char *name, const char *url, uint64_t id,
    unsigned is_static)
{
    uint32_t             i;
    ngx_str_t            s;
    ngx_llm_node_conf_t  conf;

    ngx_memzero(&conf, sizeof(conf));

    s.data = (u_char *) url;
    s.len = strlen(url);

    if (ngx_llm_node_url(&conf, &s) != NULL) {
        abort();
    }

    strcpy((char *) conf.name, name);
    conf.id = id ? id : ngx_llm_nodes_id(&conf);
    conf.created = 1600000000;
    conf.weight = 1;
    conf.check = 1;
    conf.discover = 1;
    conf.is_static = is_static;

    ngx_shmtx_lock(&pool->mutex);
    i = ngx_llm_nodes_set_locked(zone->nodes, &conf, ngx_llm_zone_node_idle,
                                 zone);
    ngx_shmtx_unlock(&pool->mutex);

    return i;
}


static uint32_t
add_key(ngx_llm_zone_t *zone, const char *name, uint64_t id,
    unsigned is_static)
{
    uint32_t            i;
    ngx_llm_key_conf_t  conf;

    ngx_memzero(&conf, sizeof(conf));

    if (id < 256) {
        memset(conf.hash, (int) id, sizeof(conf.hash));

    } else {
        for (i = 0; i < sizeof(conf.hash); i++) {
            conf.hash[i] = (u_char) ((id + i) * 0x9e3779b97f4a7c15ULL >> 56);
        }

        memcpy(conf.hash, &id, sizeof(id));
    }

    strcpy((char *) conf.name, name);
    conf.id = id;
    conf.created = 1600000001;
    conf.scopes = NGX_LLM_SCOPE_INFERENCE;
    conf.is_static = is_static;

    ngx_shmtx_lock(&pool->mutex);
    i = ngx_llm_keys_set_locked(zone->keys, &conf);
    ngx_shmtx_unlock(&pool->mutex);

    return i;
}


static void
add_list(ngx_llm_zone_t *zone, uint32_t i, const char *a, const char *b)
{
    uint64_t              room[64];
    ngx_str_t             name, owner = ngx_string("llm-router");
    ngx_llm_list_t       *list;
    ngx_llm_node_conf_t   conf;

    ngx_memzero(room, sizeof(room));
    list = (ngx_llm_list_t *) room;

    name.data = (u_char *) a;
    name.len = strlen(a);
    (void) ngx_llm_list_add(list, sizeof(room), &name, &owner, 1);
    name.data = (u_char *) b;
    name.len = strlen(b);
    (void) ngx_llm_list_add(list, sizeof(room), &name, &owner, 1);

    conf = zone->nodes->node[i].conf;
    conf.discover = 0;

    ngx_shmtx_lock(&pool->mutex);
    (void) ngx_llm_nodes_change_locked(zone->nodes, i, &conf);
    (void) ngx_llm_nodes_list_locked(zone->nodes, i, list);
    ngx_shmtx_unlock(&pool->mutex);
}


static ngx_int_t
save(ngx_llm_zone_t *zone, ngx_uint_t epoch)
{
    steps[0] = '\0';

    return ngx_llm_snapshot_write(zone, path, epoch, MASTER, &result);
}


/* a zone with something of all kinds, in a new file */

static ngx_llm_zone_t *
saved(void)
{
    ngx_llm_zone_t  *zone;

    (void) unlink(path);

    zone = zone_of(16, 16);
    fill(zone);
    is_number(save(zone, 1), NGX_OK, "written");

    return zone;
}


static ngx_int_t
load(ngx_llm_zone_t *zone)
{
    return ngx_llm_snapshot_read(zone, &source, &result);
}


static void
put(const char *text, size_t n)
{
    int  fd;

    (void) unlink(path);

    fd = open(path, O_CREAT|O_WRONLY|O_TRUNC, 0600);

    if (fd == -1 || write(fd, text, n) != (ssize_t) n) {
        abort();
    }

    (void) close(fd);
}


static char *
get(size_t *n)
{
    int          fd;
    char        *p;
    struct stat  st;

    fd = open(path, O_RDONLY);

    if (fd == -1 || fstat(fd, &st) == -1) {
        abort();
    }

    p = malloc(st.st_size + 1);

    if (p == NULL || read(fd, p, st.st_size) != st.st_size) {
        abort();
    }

    p[st.st_size] = '\0';
    *n = st.st_size;
    (void) close(fd);

    return p;
}


static ngx_uint_t
empty(ngx_llm_zone_t *zone)
{
    return zone->nodes->used == 0 && zone->keys->used == 0
           && zone->totals.requests == 0 && pool->lock.lock == 0;
}


/* the id of a process that was, and is no more */

static pid_t
dead_process(void)
{
    pid_t  pid;

    pid = fork();

    if (pid == 0) {
        _exit(0);
    }

    (void) shm_wait(pid);

    return pid;
}


/* ms of the processor, which others may be using too */

static uint64_t
cpu_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return (uint64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


/* what the writer does, and what of it there is */

static int
synced(int fd)
{
    int          again;
    char         name[64], end[13];
    struct stat  st;

    if (fstat(fd, &st) == -1) {
        return -1;
    }

    if (S_ISDIR(st.st_mode)) {
        strcat(steps, "directory, ");
        return fsync(fd);
    }

    /* it is open for writing only */

    sprintf(name, "/proc/self/fd/%d", fd);
    ngx_memzero(end, sizeof(end));

    again = open(name, O_RDONLY);
    (void) pread(again, end, sizeof(end) - 1,
                 st.st_size - (off_t) sizeof(end) + 1);
    (void) close(again);

    strcat(steps, strcmp(end, "\"end\":true}\n") == 0 ? "whole file, "
                                                        : "file, ");

    return fsync(fd);
}


static int
renamed(const char *from, const char *to)
{
    strcat(steps, "rename, ");

    return rename(from, to);
}


/* in the directory */

static ngx_uint_t
files(void)
{
    DIR            *d;
    ngx_uint_t      n;
    struct dirent  *de;

    d = opendir(dir);
    n = 0;

    while (d && (de = readdir(d)) != NULL) {
        n += (de->d_name[0] != '.');
    }

    (void) closedir(d);

    return n;
}
