
/*
 * The histogram: where a bucket begins, and what share of counts is below,
 * against the exact answer of a sorted array.
 */


#include "../../src/base/ngx_llm_histogram.c"
#include "test.h"


#define MAX   2000

/* the last bucket's first ms */
#define LAST  3670016


static void test_bounds(void);
static void test_empty(void);
static void test_one(void);
static void test_overflow(void);
static void test_exact(void);
static uint64_t fill(uint64_t *values, ngx_uint_t n, ngx_uint_t kind);
static ngx_uint_t compare(const uint64_t *values, ngx_uint_t n,
    const uint64_t *all);
static void count(uint64_t *all, const uint64_t *values, ngx_uint_t n);
static void test_merge(void);
static int order(const void *one, const void *two);


static const ngx_uint_t  permilles[] = { 0, 1, 250, 500, 900, 950, 990, 999,
                                         1000 };

#define NPERMILLES  (sizeof(permilles) / sizeof(permilles[0]))


int
main(void)
{
    srand(1);

    test_bounds();
    test_empty();
    test_one();
    test_overflow();
    test_exact();
    test_merge();

    return test_done();
}


static void
test_bounds(void)
{
    uint64_t    start, end;
    ngx_uint_t  i, wrong, wide;

    wrong = 0;
    wide = 0;

    for (i = 0; i < NGX_LLM_BUCKETS; i++) {
        start = ngx_llm_bucket_start(i);
        end = ngx_llm_bucket_start(i + 1);

        wrong += (end <= start);
        wrong += (ngx_llm_bucket(start) != i || ngx_llm_bucket(end - 1) != i);
        wide += (start >= 4 && 4 * (end - start) > start);
    }

    is_number(ngx_llm_bucket_start(0), 0, "the first one begins at 0");
    is_number(wrong, 0, "each goes from its start to the next one's");
    is_number(wide, 0, "... and is at most a quarter of it wide");
    is_number(ngx_llm_bucket_start(NGX_LLM_BUCKETS - 1), LAST,
              "where the last one begins");
}


static void
test_empty(void)
{
    uint64_t  all[NGX_LLM_BUCKETS];

    ngx_memzero(all, sizeof(all));

    is_number(ngx_llm_quantile(all, 0), -1, "nothing was counted: the least");
    is_number(ngx_llm_quantile(all, 500), -1, "... the middle");
    is_number(ngx_llm_quantile(all, 1000), -1, "... the most");
}


static void
test_one(void)
{
    uint64_t  all[NGX_LLM_BUCKETS];

    ngx_memzero(all, sizeof(all));
    all[ngx_llm_bucket(3)] = 1;

    is_number(ngx_llm_quantile(all, 0), 3, "one of 3 ms: the least");
    is_number(ngx_llm_quantile(all, 500), 3, "... the middle");
    is_number(ngx_llm_quantile(all, 1000), 3, "... the most");

    all[ngx_llm_bucket(0)] = 99;

    is_number(ngx_llm_quantile(all, 990), 0, "99 of 100 are below");
    is_number(ngx_llm_quantile(all, 991), 3, "... and no more");

    ngx_memzero(all, sizeof(all));
    all[ngx_llm_bucket(64)] = 4;

    is_number(ngx_llm_quantile(all, 250), 66, "four of 64 to 80: the first");
    is_number(ngx_llm_quantile(all, 1000), 78, "... and the last of them");
}


static void
test_overflow(void)
{
    uint64_t  all[NGX_LLM_BUCKETS];

    is_number(ngx_llm_bucket(LAST - 1), NGX_LLM_BUCKETS - 2,
              "just before the last bucket");
    is_number(ngx_llm_bucket(UINT64_MAX), NGX_LLM_BUCKETS - 1,
              "the longest there is is in the last one");

    ngx_memzero(all, sizeof(all));
    count(all, (uint64_t[]) { UINT64_MAX, 1ULL << 40 }, 2);

    ok(ngx_llm_quantile(all, 1000) >= LAST
       && (uint64_t) ngx_llm_quantile(all, 1000)
          < ngx_llm_bucket_start(NGX_LLM_BUCKETS),
       "what is too long is told as the last one's");

    all[NGX_LLM_BUCKETS - 1] = 1ULL << 40;

    ok(ngx_llm_quantile(all, 500) >= LAST, "many of them");
}


static void
test_exact(void)
{
    uint64_t    values[MAX], all[NGX_LLM_BUCKETS];
    ngx_uint_t  kind, n, round, wrong;

    for (kind = 0; kind < 3; kind++) {
        wrong = 0;

        for (round = 0; round < 200; round++) {
            ngx_memzero(all, sizeof(all));

            n = 1 + rand() % MAX;
            count(all, values, fill(values, n, kind));
            wrong += compare(values, n, all);
        }

        is_number(wrong, 0, "shares of random times are as exact as their "
                  "bucket, kind %u", (unsigned) kind);
    }
}


/* even, over all sizes, or a few values only; returns n */

static uint64_t
fill(uint64_t *values, ngx_uint_t n, ngx_uint_t kind)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        values[i] = (kind == 0) ? (uint64_t) rand() % 10000
                    : (kind == 1) ? (uint64_t) rand() % LAST >> rand() % 22
                    : (uint64_t) rand() % 3 * 1000;
    }

    qsort(values, n, sizeof(uint64_t), order);

    return n;
}


static ngx_uint_t
compare(const uint64_t *values, ngx_uint_t n, const uint64_t *all)
{
    int64_t     got;
    uint64_t    exact;
    ngx_uint_t  i, rank, wrong;

    wrong = 0;

    for (i = 0; i < NPERMILLES; i++) {
        rank = (n * permilles[i] + 999) / 1000;
        exact = values[rank ? rank - 1 : 0];
        got = ngx_llm_quantile(all, permilles[i]);

        wrong += (got < 0 || ngx_llm_bucket(got) != ngx_llm_bucket(exact));
        wrong += (4 * llabs(got - (int64_t) exact) > (int64_t) exact);
    }

    return wrong;
}


static void
count(uint64_t *all, const uint64_t *values, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        all[ngx_llm_bucket(values[i])]++;
    }
}


/* minutes are added bucket by bucket */

static void
test_merge(void)
{
    uint64_t    values[MAX], one[NGX_LLM_BUCKETS], two[NGX_LLM_BUCKETS];
    ngx_uint_t  i;

    ngx_memzero(one, sizeof(one));
    ngx_memzero(two, sizeof(two));

    (void) fill(values, MAX, 1);

    count(one, values, MAX / 3);
    count(two, values + MAX / 3, MAX - MAX / 3);

    for (i = 0; i < NGX_LLM_BUCKETS; i++) {
        one[i] += two[i];
    }

    is_number(compare(values, MAX, one), 0, "two that were added");
}


static int
order(const void *one, const void *two)
{
    const uint64_t  *a = one;
    const uint64_t  *b = two;

    return (*a > *b) - (*a < *b);
}
