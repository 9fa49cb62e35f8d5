
/*
 * Reading a node's list of models: the shapes of it, what is left out, what
 * is not a list, and that slices cut anywhere change nothing.
 */


#include "../../src/base/ngx_llm_json.c"
#include "../../src/base/ngx_llm_json_number.c"
#include "../../src/base/ngx_llm_json_string.c"
#include "../../src/base/ngx_llm_json_watch.c"
#include "../../src/state/ngx_llm_node.c"
#include "../../src/state/ngx_llm_nodes.c"
#include "../../src/state/ngx_llm_nodes_redo.c"
#include "../../src/io/ngx_llm_catalog.c"
#include "test.h"


typedef struct {
    const char  *name;
    const char  *input;
    const char  *list;          /* see show(); NULL: it declines */
    unsigned     left_out;
} sample_t;


/* memory of a pool: a block for each piece, all freed by clear() */

static void  *blocks[64];
static int    fail_alloc;


static int run(ngx_llm_catalog_t *c, const char *input, size_t n,
    size_t first, size_t step);
static void show(ngx_llm_catalog_t *c, char *text, size_t size);
static void clear(void);
static void test_samples(void);
static void test_splits(void);
static void test_same(void);
static void test_limits(void);
static void test_memory(void);


static const sample_t  samples[] = {

    { "OpenAI's",
      "{\"object\":\"list\",\"data\":[{\"id\":\"a\",\"object\":\"model\","
      "\"created\":12,\"owned_by\":\"me\"},{\"id\":\"b/c:d\"}]}",
      "a/me@12 b/c:d/@0 ", 0 },

    { "members in another order",
      "{\"data\":[{\"owned_by\":\"o\",\"x\":{\"id\":\"no\"},\"created\":1,"
      "\"id\":\"a\"}],\"object\":\"list\"}",
      "a/o@1 ", 0 },

    { "Ollama's",
      "{\"models\":[{\"name\":\"a:1b\",\"size\":5,\"details\":{\"name\":"
      "\"no\"}},{\"name\":\"b\"}]}",
      "a:1b/@0 b/@0 ", 0 },

    { "llama.cpp's: data counts",
      "{\"models\":[{\"name\":\"m\",\"model\":\"m\"}],\"object\":\"list\","
      "\"data\":[{\"id\":\"d\",\"owned_by\":\"llamacpp\"}]}",
      "d/llamacpp@0 ", 0 },

    { "data is empty, models are there",
      "{\"data\":[],\"models\":[{\"name\":\"m\"}]}", "m/@0 ", 0 },

    { "a bare array",
      "[{\"id\":\"a\",\"created\":3,\"owned_by\":\"x\"},{\"id\":\"b\"}]",
      "a/x@3 b/@0 ", 0 },

    { "no models", "{\"data\":[]}", "", 0 },
    { "null for no models", "{\"object\":\"list\",\"data\":null}", "", 0 },
    { "models null", "{\"models\":null}", "", 0 },
    { "a bare array of nothing", "[]", "", 0 },

    { "white space and escapes",
      " { \"d\\u0061ta\" : [ { \"i\\u0064\" : \"\\u00e9\\/\\ud83d\\ude00\" }"
      " ] } \r\n",
      "\xc3\xa9/\xf0\x9f\x98\x80/@0 ", 0 },

    { "owner and date of one model don't go to the next",
      "{\"data\":[{\"id\":\"a\",\"owned_by\":\"o\",\"created\":9},"
      "{\"id\":\"b\"},{\"owned_by\":\"p\"},{\"id\":\"c\"}]}",
      "a/o@9 b/@0 c/@0 ", 1 },

    { "what is no name is left out",
      "{\"data\":[{\"id\":\"\"},{\"id\":7},{\"id\":\"a\\u0000b\"},"
      "{\"id\":\"a\\nb\"},{\"id\":\"\\u007f\"},5,null,[],\"x\",{},"
      "{\"id\":\"ok\"}]}",
      "ok/@0 ", 10 },

    { "odd dates",
      "{\"data\":[{\"id\":\"a\",\"created\":-5},{\"id\":\"b\",\"created\":"
      "\"7\"},{\"id\":\"c\",\"created\":17e8},{\"id\":\"d\",\"created\":"
      "1.9},{\"id\":\"e\",\"created\":null}]}",
      "a/@0 b/@0 c/@1700000000 d/@1 e/@0 ", 0 },

    { "the last id counts",
      "{\"data\":[{\"id\":\"a\",\"id\":\"b\"},{\"id\":1,\"id\":\"c\"},"
      "{\"id\":\"d\",\"id\":1}]}",
      "b/@0 c/@0 ", 1 },

    { "an error of the node's", "{\"error\":{\"message\":\"x\"}}", NULL, 0 },
    { "an object", "{}", NULL, 0 },
    { "data is an object", "{\"data\":{\"id\":\"a\"}}", NULL, 0 },
    { "data is a text", "{\"data\":\"a\"}", NULL, 0 },
    { "data is deeper", "{\"x\":{\"data\":[{\"id\":\"a\"}]}}", NULL, 0 },
    { "an array of others", "[1,2,3]", NULL, 0 },
    { "a text", "\"data\"", NULL, 0 },
    { "null", "null", NULL, 0 },
    { "nothing", "", NULL, 0 },
    { "cut short", "{\"data\":[{\"id\":\"a\"}]", NULL, 0 },
    { "HTML", "<html><body>404</body></html>", NULL, 0 },
    { "two texts", "{\"data\":[]}{}", NULL, 0 },
    { "wrong afterwards", "{\"data\":[{\"id\":\"a\"}],}", NULL, 0 }
};

#define NSAMPLES  (sizeof(samples) / sizeof(samples[0]))


int
main(void)
{
    test_samples();
    test_splits();
    test_same();
    test_limits();
    test_memory();

    return test_done();
}


void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    int  i;

    (void) pool;

    if (fail_alloc && --fail_alloc == 0) {
        return NULL;
    }

    for (i = 0; i < 64; i++) {
        if (blocks[i] == NULL) {
            blocks[i] = malloc(size);
            return blocks[i];
        }
    }

    abort();
}


ngx_int_t
ngx_pfree(ngx_pool_t *pool, void *p)
{
    int  i;

    (void) pool;

    for (i = 0; i < 64; i++) {
        if (blocks[i] == p) {
            free(p);
            blocks[i] = NULL;
            return NGX_OK;
        }
    }

    abort();
}


/* of the table of nodes, which is not used here */

void *
ngx_slab_calloc(ngx_slab_pool_t *pool, size_t size)
{
    (void) pool;
    (void) size;
    abort();
}


void *
ngx_slab_alloc_locked(ngx_slab_pool_t *pool, size_t size)
{
    (void) pool;
    (void) size;
    abort();
}


void
ngx_slab_free_locked(ngx_slab_pool_t *pool, void *p)
{
    (void) pool;
    (void) p;
    abort();
}


uint32_t
ngx_murmur_hash2(u_char *data, size_t len)
{
    (void) data;
    (void) len;
    abort();
}


static void
clear(void)
{
    int  i;

    for (i = 0; i < 64; i++) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
}


/* feeds a slice of "first" bytes, then slices of "step" */

static int
run(ngx_llm_catalog_t *c, const char *input, size_t n, size_t first,
    size_t step)
{
    size_t   i, len;
    u_char  *slice;

    clear();
    memset(c, 0x5a, sizeof(ngx_llm_catalog_t));
    ngx_llm_catalog_init(c, NULL);

    for (i = 0; i < n; i += len) {
        len = (i == 0) ? first : step;
        len = ngx_min(len, n - i);

        slice = test_copy(input + i, len);
        (void) ngx_llm_catalog_feed(c, slice, len);
        free(slice);
    }

    return ngx_llm_catalog_end(c) == NGX_OK;
}


static void
show(ngx_llm_catalog_t *c, char *text, size_t size)
{
    char              *p;
    unsigned           i;
    ngx_llm_listed_t  *m;

    p = text;
    *p = '\0';
    m = ngx_llm_list_first(c->list);

    for (i = 0; i < c->list->n; i++, m = ngx_llm_list_next(m)) {
        p += snprintf(p, text + size - p, "%.*s/%.*s@%llu ",
                      (int) m->name_len, m->text, (int) m->owner_len,
                      m->text + m->name_len,
                      (unsigned long long) m->created);
    }
}


static void
test_samples(void)
{
    char               text[1024];
    size_t             i, n;
    const sample_t    *s;
    ngx_llm_catalog_t  c;

    for (i = 0; i < NSAMPLES; i++) {
        s = &samples[i];
        n = strlen(s->input);

        if (s->list == NULL) {
            ok(!run(&c, s->input, n, n, n) && c.error, "declined: %s",
               s->name);
            continue;
        }

        if (!ok(run(&c, s->input, n, n, n), "read: %s", s->name)) {
            continue;
        }

        show(&c, text, sizeof(text));
        is_text(text, s->list, "the models: %s", s->name);
        is_number(c.left_out, s->left_out, "left out: %s", s->name);
    }
}


static void
test_splits(void)
{
    int                 good, bad;
    char                text[1024];
    size_t              i, k, n;
    const sample_t     *s;
    ngx_llm_catalog_t   c;

    for (i = 0; i < NSAMPLES; i++) {
        s = &samples[i];
        n = strlen(s->input);
        bad = 0;

        /* in two slices, cut everywhere; then byte by byte */

        for (k = 1; k <= n; k++) {
            good = (k < n) ? run(&c, s->input, n, k, n)
                           : run(&c, s->input, n, 1, 1);

            if (good != (s->list != NULL)) {
                bad++;
                continue;
            }

            if (good) {
                show(&c, text, sizeof(text));
                bad += strcmp(text, s->list) != 0
                       || c.left_out != s->left_out;
            }
        }

        is_number(bad, 0, "cut anywhere: %s", s->name);
    }
}


static void
test_same(void)
{
    size_t              i, n;
    ngx_llm_list_t     *first;
    ngx_llm_catalog_t   c;

    static const char   list[] =
        "{\"data\":[{\"id\":\"ab\",\"owned_by\":\"c\",\"created\":1},"
        "{\"id\":\"d\"}]}";

    static const char   later[] =
        "{\"data\":[{\"id\":\"ab\",\"owned_by\":\"c\",\"created\":2},"
        "{\"id\":\"d\",\"created\":9}]}";

    static const char  *others[] = {
        "{\"data\":[{\"id\":\"ab\",\"owned_by\":\"c\"}]}",
        "{\"data\":[{\"id\":\"ab\",\"owned_by\":\"c\"},{\"id\":\"e\"}]}",
        "{\"data\":[{\"id\":\"a\",\"owned_by\":\"bc\"},{\"id\":\"d\"}]}",
        "{\"data\":[{\"id\":\"d\"},{\"id\":\"ab\",\"owned_by\":\"c\"}]}",
        "{\"data\":[]}"
    };

    run(&c, list, sizeof(list) - 1, 9, 9);

    n = sizeof(ngx_llm_list_t) + c.list->size;
    first = (ngx_llm_list_t *) test_copy(c.list, n);

    ok(!ngx_llm_catalog_same(NULL, c.list), "another one than none");
    ok(ngx_llm_catalog_same(first, c.list), "the same again");

    run(&c, later, sizeof(later) - 1, 7, 7);
    ok(ngx_llm_catalog_same(first, c.list), "the same with later dates");

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        n = strlen(others[i]);
        run(&c, others[i], n, n, n);
        ok(!ngx_llm_catalog_same(first, c.list), "another: %s", others[i]);
    }

    free(first);
}


static void
test_limits(void)
{
    char               *text, *p;
    size_t              i, n;
    ngx_llm_listed_t   *m;
    ngx_llm_catalog_t   c;

    /* more models than a node may have */

    n = NGX_LLM_NODE_MODELS + 3;
    text = malloc(n * 32 + 32);
    p = text + sprintf(text, "{\"data\":[");

    for (i = 0; i < n; i++) {
        p += sprintf(p, "%s{\"id\":\"model-%zu\"}", i ? "," : "", i);
    }

    p += sprintf(p, "]}");

    ok(run(&c, text, p - text, 4096, 4096), "a long list is read");
    is_number(c.list->n, NGX_LLM_NODE_MODELS, "and cut at the limit");
    is_number(c.left_out, 3, "the rest is counted");

    m = ngx_llm_list_first(c.list);

    for (i = 1; i < c.list->n; i++) {
        m = ngx_llm_list_next(m);
    }

    is_number(m->name_len, 11, "the last one's name");
    ok(memcmp(m->text, "model-16383", 11) == 0, "is model-16383");

    free(text);

    /* the longest name; one byte more; an owner that must be cut */

    text = malloc(2048);
    p = text + sprintf(text, "[{\"id\":\"%0*d\"},{\"id\":\"%0*d\"},",
                       NGX_LLM_MODEL_NAME, 1, NGX_LLM_MODEL_NAME + 1, 2);
    p += sprintf(p, "{\"id\":\"o\",\"owned_by\":\"%0*d\xc3\xa9\xc3\xa9\"}]",
                 NGX_LLM_NODE_NAME - 1, 3);

    ok(run(&c, text, p - text, 100, 100), "long names are read");
    is_number(c.list->n, 2, "the longest one is taken");
    is_number(c.left_out, 1, "a longer one is left out");

    m = ngx_llm_list_first(c.list);
    is_number(m->name_len, NGX_LLM_MODEL_NAME, "the longest is whole");

    m = ngx_llm_list_next(m);
    is_number(m->owner_len, NGX_LLM_NODE_NAME - 1,
              "an owner is cut between characters");

    free(text);
    clear();
}


static void
test_memory(void)
{
    int                 i, k;
    char               *text, *p;
    ngx_llm_catalog_t   c;

    text = malloc(65536);
    p = text + sprintf(text, "{\"data\":[");

    for (i = 0; i < 1000; i++) {
        p += sprintf(p, "%s{\"id\":\"model-%d\"}", i ? "," : "", i);
    }

    p += sprintf(p, "]}");

    for (k = 1; k < 5; k++) {
        fail_alloc = k;
        ok(!run(&c, text, p - text, 50, 50) && c.error,
           "allocation %d fails", k);
    }

    fail_alloc = 0;

    ok(run(&c, text, p - text, 50, 50), "none fails");
    is_number(c.list->n, 1000, "all are there");

    free(text);
    clear();
}
