
/*
 * The secrets that were right before: each is known at once, none is taken for
 * another, and of two that share a line both stay.
 */


#include "../../src/base/ngx_llm_siphash.c"
#include "../../src/http/ngx_http_llm_seen.c"
#include "test.h"


#define SECRETS  5000
#define LINES    50


static void test_empty(void);
static void test_many(void);
static void test_pair(void);
static void test_halves(void);
static void test_again(void);
static void fill(ngx_uint_t i, ngx_uint_t line[3]);
static void add(ngx_uint_t i);
static void tag(ngx_uint_t i, uint64_t t[2]);
static ngx_uint_t known(ngx_uint_t i);


ngx_http_llm_worker_t  ngx_http_llm_worker;


int
main(void)
{
    ngx_http_llm_worker.hash_key[0] = 0x0123456789abcdef;
    ngx_http_llm_worker.hash_key[1] = 0xfedcba9876543210;

    ok(ngx_http_llm_seen_create(10, NULL) == NGX_OK, "a table for few keys");
    test_empty();
    test_many();
    test_pair();
    test_halves();
    test_again();

    ok(ngx_http_llm_seen_create(SECRETS, NULL) == NGX_OK, "... and for more");
    test_many();

    ok(ngx_http_llm_seen_create(100000000, NULL) == NGX_OK
       && ngx_http_llm_worker.seen_mask < NGX_HTTP_LLM_SEEN_MAX,
       "no table is larger than the largest");

    return test_done();
}


/* nothing fails here */

void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    abort();
}


static void
test_empty(void)
{
    uint64_t           t[2];
    ngx_uint_t         i, found;
    ngx_atomic_uint_t  generation;

    found = 0;

    for (i = 0; i < SECRETS; i++) {
        tag(i, t);
        found += (ngx_http_llm_seen_find(t, &generation) != NGX_LLM_KEY_NONE);
    }

    ok(found == 0, "nothing is known at first");
}


/* more than there are places, or fewer */

static void
test_many(void)
{
    uint32_t           key;
    uint64_t           t[2];
    ngx_uint_t         i, places, right, wrong, at_once;
    ngx_atomic_uint_t  generation;

    right = wrong = at_once = 0;

    for (i = 0; i < SECRETS; i++) {
        add(i);
        at_once += known(i);
    }

    for (i = 0; i < SECRETS; i++) {
        tag(i, t);
        key = ngx_http_llm_seen_find(t, &generation);

        if (key != NGX_LLM_KEY_NONE) {
            right += (key == i && generation == i + 1);
            wrong += (key != i || generation != i + 1);
        }
    }

    places = ngx_http_llm_worker.seen_mask + NGX_HTTP_LLM_SEEN_PAIR;

    ok(at_once == SECRETS, "a secret is known as soon as it was right");
    ok(wrong == 0, "none is taken for another");

    /* where there is room for all, a few meet two others in their line */

    ok(right <= places
       && right * 10 >= 9 * (places < SECRETS ? places : SECRETS),
       "as many stay as there is room for");
}


static void
test_pair(void)
{
    ngx_uint_t  i, k, two, third, line[3];

    two = third = 0;

    for (i = 0; i < LINES; i++) {
        fill(i, line);
        two += known(line[0]) && known(line[1]);

        add(line[2]);
        third += known(line[2]) && known(line[0]) + known(line[1]) == 1;
    }

    ok(two == LINES, "two of a line are both known");
    ok(third == LINES, "a third takes the place of one");

    for (i = 0, two = 0; i < LINES; i++) {
        fill(i, line);

        for (k = 0; k < 2; k++) {
            add(line[k]);
            two += known(line[0]) && known(line[1]);
        }
    }

    ok(two == 2 * LINES, "one that is added again stays in its place");
}


/* both halves of what a secret is known by must be the same */

static void
test_halves(void)
{
    uint64_t           t[2];
    ngx_atomic_uint_t  generation;

    tag(3, t);
    add(3);

    t[0] ^= (uint64_t) 1 << 63;
    ok(ngx_http_llm_seen_find(t, &generation) == NGX_LLM_KEY_NONE,
       "one whose first half differs is not known");

    t[0] ^= (uint64_t) 1 << 63;
    t[1] ^= 1;
    ok(ngx_http_llm_seen_find(t, &generation) == NGX_LLM_KEY_NONE,
       "... nor one whose second does");
}


/* as of a key that was made anew with the secret of one that is gone */

static void
test_again(void)
{
    uint64_t           t[2];
    ngx_atomic_uint_t  generation;

    tag(7, t);
    ngx_http_llm_seen_add(t, 7, 8);
    ngx_http_llm_seen_add(t, 9, 10);

    generation = 0;

    ok(ngx_http_llm_seen_find(t, &generation) == 9 && generation == 10,
       "a secret is known as it was right last");
}


/* two of the three secrets in i's line, alone there */

static void
fill(ngx_uint_t i, ngx_uint_t line[3])
{
    uint64_t    t[2], first[2];
    ngx_uint_t  n;

    tag(i, first);

    for (n = 0; n < 3; i++) {
        tag(i, t);

        if (((t[0] ^ first[0]) & ngx_http_llm_worker.seen_mask) == 0) {
            line[n++] = i;
        }
    }

    ngx_memzero(&ngx_http_llm_worker.seen[first[0]
                                          & ngx_http_llm_worker.seen_mask],
                NGX_HTTP_LLM_SEEN_PAIR * sizeof(ngx_http_llm_seen_t));

    add(line[0]);
    add(line[1]);
}


static void
add(ngx_uint_t i)
{
    uint64_t  t[2];

    tag(i, t);
    ngx_http_llm_seen_add(t, (uint32_t) i, i + 1);
}


static void
tag(ngx_uint_t i, uint64_t t[2])
{
    u_char     text[32];
    ngx_str_t  secret;

    secret.data = text;
    secret.len = (size_t) snprintf((char *) text, sizeof(text), "sk-%lu",
                                   (unsigned long) i);

    ngx_http_llm_seen_tag(&secret, t);
}


static ngx_uint_t
known(ngx_uint_t i)
{
    uint64_t           t[2];
    ngx_atomic_uint_t  generation;

    generation = 0;
    tag(i, t);

    return ngx_http_llm_seen_find(t, &generation) == i && generation == i + 1;
}
