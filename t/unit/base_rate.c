
/*
 * The limit of rate: exact to one at any limit, paid back in time, settled
 * afterwards, and no overflow up to the largest numbers.
 */


#include "../../src/base/ngx_llm_rate.c"
#include "test.h"


/* some time in 2030, in us */
#define NOW     1900000000000000ULL
#define MINUTE  60000000ULL


static void test_exact(void);
static void test_remaining(void);
static void test_back(void);
static void test_steady(void);
static void test_mixed(void);
static void test_large(void);
static void test_settle(void);
static void test_settle_bounds(void);
static void test_bounds(void);
static ngx_uint_t burst(uint64_t limit, ngx_uint_t *wrong);
static uint64_t draw(uint64_t n);


static uint64_t  seed = 0x9e3779b97f4a7c15;


static const uint64_t  limits[] = {
    600, 1000, 7745, 7746, 7747, 8999, 9000, 10007, 59999, 60000, 60001,
    99991, 100000, 1000000, 3000000
};

#define NLIMITS  (sizeof(limits) / sizeof(limits[0]))


int
main(void)
{
    test_exact();
    test_remaining();
    test_back();
    test_steady();
    test_mixed();
    test_large();
    test_settle();
    test_settle_bounds();
    test_bounds();

    return test_done();
}


/* a limit of n lets n pass at once, and not one more */

static void
test_exact(void)
{
    uint64_t    limit;
    ngx_uint_t  i, wrong, left;

    wrong = 0;
    left = 0;

    for (limit = 1; limit <= 500; limit++) {
        wrong += burst(limit, &left) != limit;
    }

    is_number(wrong, 0, "limits from 1 to 500 let just as many pass");
    is_number(left, 0, "... and tell what remains each time");

    for (i = 0; i < NLIMITS; i++) {
        limit = limits[i];

        /* above, a microsecond is more than a hundredth of the cost of one */

        if (limit <= 9000 || MINUTE % limit == 0) {
            is_number(burst(limit, &left), limit, "%llu pass at once",
                      (unsigned long long) limit);

        } else {
            wrong = burst(limit, &left);
            ok(wrong <= limit && wrong >= limit - limit / 100,
               "%llu: never more, and 99 %% of it: %u",
               (unsigned long long) limit, (unsigned) wrong);
        }
    }
}


static void
test_remaining(void)
{
    ngx_llm_rate_t  rate;

    ngx_llm_rate_take(&rate, 0, 60, 1, NOW);

    ok(rate.ok, "the first passes");
    is_number(rate.remaining, 59, "59 remain of 60");
    is_number(rate.reset, 1000000, "all of it again in a second");
    is_number(rate.wait, 0, "no wait");
    is_number(rate.due, NOW + 1000000, "due in a second");

    ngx_llm_rate_take(&rate, rate.due, 60, 0, NOW);

    ok(rate.ok, "nothing can be taken always");
    is_number(rate.remaining, 59, "... and changes nothing");
    is_number(rate.due, NOW + 1000000, "... of what is due");

    ngx_llm_rate_take(&rate, rate.due, 60, 59, NOW);

    ok(rate.ok, "59 more");
    is_number(rate.remaining, 0, "nothing remains");
    is_number(rate.reset, MINUTE, "reset in a minute");

    ngx_llm_rate_take(&rate, rate.due, 60, 2, NOW + 500000);

    ok(!rate.ok, "no 2 more half a second later");
    is_number(rate.wait, 1500000, "... but in one and a half");
    is_number(rate.remaining, 0, "... nothing remains");
    is_number(rate.reset, MINUTE - 500000, "... reset");
    is_number(rate.due, NOW + MINUTE, "... the number is as before");

    ngx_llm_rate_take(&rate, NOW - 1, 60, 61, NOW);

    ok(rate.ok, "more than the limit passes when nothing was taken");
    is_number(rate.due, NOW + MINUTE, "... as the limit");

    ngx_llm_rate_take(&rate, NOW + 1, 60, UINT64_MAX, NOW);

    ok(!rate.ok, "... and not when something was");
    is_number(rate.wait, 1, "... but as soon as that is paid back");
}


/* after the wait that was told it passes, just before it does not */

static void
test_back(void)
{
    uint64_t        limit, n, due;
    ngx_uint_t      i, wrong, refused;
    ngx_llm_rate_t  rate;

    wrong = 0;
    refused = 0;

    for (i = 0; i < 200000; i++) {
        limit = 1 + draw(i % 2 ? 100 : NGX_LLM_RATE_MAX);
        due = NOW + draw(3 * MINUTE);
        n = 1 + draw(limit + limit / 8);

        ngx_llm_rate_take(&rate, due, limit, n, NOW);

        if (rate.ok) {
            wrong += (rate.wait != 0 || rate.due < due);
            continue;
        }

        refused++;
        wrong += (rate.wait == 0 || rate.due != due);

        n = ngx_min(n, limit);

        due = rate.wait;
        ngx_llm_rate_take(&rate, rate.due, limit, n, NOW + due - 1);
        wrong += rate.ok;

        ngx_llm_rate_take(&rate, rate.due, limit, n, NOW + due);
        wrong += !rate.ok;
    }

    ok(refused > 10000, "some are refused: %u", (unsigned) refused);
    is_number(wrong, 0, "... until the very microsecond that was told");
}


/* ten minutes of asking all the time: the burst, then the rate */

static void
test_steady(void)
{
    uint64_t               now, due, most;
    ngx_uint_t             i, passed;
    ngx_llm_rate_t         rate;
    static const uint64_t  some[] = { 1, 7, 60, 61, 1000, 7001 };

    for (i = 0; i < 6; i++) {
        passed = 0;
        due = 0;

        for (now = NOW; now < NOW + 10 * MINUTE; now += 1000) {
            ngx_llm_rate_take(&rate, due, some[i], 1, now);
            passed += rate.ok;
            due = rate.due;
        }

        /* of 7001 one more is due to rounding, in 8 minutes */

        most = 11 * some[i] + some[i] / 7000 * 2;

        ok(passed <= most && passed >= 11 * some[i] - 1,
           "%u a minute: %u pass in 10 minutes after the burst",
           (unsigned) some[i], (unsigned) passed);
    }
}


/* tokens: pieces of all sizes, at any moment never one more than allowed */

static void
test_mixed(void)
{
    double          sum, most;
    uint64_t        limit, now, due, n;
    ngx_uint_t      i, k, over, passed;
    ngx_llm_rate_t  rate;

    over = 0;
    passed = 0;

    for (i = 0; i < 400; i++) {
        limit = 1 + draw(i % 2 ? 1000 : 10000000);
        now = NOW;
        due = 0;
        sum = 0;

        for (k = 0; k < 500; k++) {
            n = 1 + draw(limit / (1 + draw(100)));

            ngx_llm_rate_take(&rate, due, limit, n, now);

            if (rate.ok) {
                passed++;
                sum += (double) ngx_min(n, limit);
                due = rate.due;
            }

            most = limit * (1 + (double) (now - NOW) / MINUTE);
            over += (sum > most + 1);

            now += draw(MINUTE / 50);
        }
    }

    ok(passed > 50000, "pieces of all sizes pass: %u", (unsigned) passed);
    is_number(over, 0, "... never one more than the limit and the time allow");
}


/* against 128 bits */

static void
test_large(void)
{
    uint64_t           limit, n, used;
    ngx_uint_t         i, wrong;
    ngx_llm_rate_t     rate;
    unsigned __int128  cost, left;

    wrong = 0;

    for (i = 0; i < 100000; i++) {
        limit = NGX_LLM_RATE_MAX - draw(NGX_LLM_RATE_MAX / 2);
        n = 1 + draw(limit);
        used = draw(MINUTE);

        cost = ((unsigned __int128) n * MINUTE + limit - 1) / limit;

        ngx_llm_rate_take(&rate, NOW + used, limit, n, NOW);

        wrong += (rate.ok != (used + cost <= MINUTE));

        if (rate.ok) {
            used += cost;
        }

        left = (unsigned __int128) limit * (MINUTE - used) / MINUTE;

        wrong += (rate.due != NOW + used || rate.remaining != left);
    }

    is_number(wrong, 0, "no overflow at the largest limits");
}


static void
test_settle(void)
{
    uint64_t        due;
    ngx_llm_rate_t  rate;

    ngx_llm_rate_take(&rate, 0, 6000, 1000, NOW);
    is_number(rate.due, NOW + 10000000, "1000 of 6000 tokens are 10 s");

    due = ngx_llm_rate_settle(rate.due, 6000, -400, NOW);
    is_number(due, NOW + 6000000, "it were 600: 6 s");

    due = ngx_llm_rate_settle(rate.due, 6000, 500, NOW);
    is_number(due, NOW + 15000000, "it were 1500: 15 s");

    due = ngx_llm_rate_settle(rate.due, 6000, 0, NOW);
    is_number(due, rate.due, "it were as many");

    due = ngx_llm_rate_settle(rate.due, 6000, -1001, NOW);
    is_number(due, NOW, "not before now");

    due = ngx_llm_rate_settle(rate.due, 6000, 100, NOW + MINUTE);
    is_number(due, NOW + MINUTE + 1000000, "long paid back: from now on");

    due = ngx_llm_rate_settle(rate.due, 6000, -100, NOW + MINUTE);
    is_number(due, NOW + MINUTE, "... and nothing in advance");

    /* never refused; who comes next waits */

    due = ngx_llm_rate_settle(rate.due, 6000, 9000, NOW);
    is_number(due, NOW + 100000000, "debts of 100 s");

    ngx_llm_rate_take(&rate, due, 6000, 1, NOW);
    ok(!rate.ok, "then none passes");
    is_number(rate.wait, 40010000, "... for 40 s and one token");
    is_number(rate.remaining, 0, "... nothing remains");
    is_number(rate.reset, 100000000, "... reset");
    is_number(rate.due, due, "... the debts stay");
}


static void
test_settle_bounds(void)
{
    uint64_t               due;
    ngx_uint_t             i, k;
    static const int64_t   many[] = { INT64_MAX, 100000000000LL, 600 };
    static const uint64_t  some[] = { 1, 60, NGX_LLM_RATE_MAX };

    for (i = 0; i < 3; i++) {
        for (k = 0; k < 2; k++) {
            due = ngx_llm_rate_settle(NOW + 5, some[i], many[k], NOW);
            is_number(due, NOW + 10 * MINUTE,
                      "%lld of %llu: ten minutes of debts",
                      (long long) many[k], (unsigned long long) some[i]);
        }

        due = ngx_llm_rate_settle(NOW + 5 * MINUTE, some[i], INT64_MIN, NOW);
        is_number(due, NOW, "the least number, limit %llu",
                  (unsigned long long) some[i]);
    }

    due = ngx_llm_rate_settle(NOW + 10 * MINUTE, 60, 600, NOW);
    is_number(due, NOW + 10 * MINUTE, "debts don't add up beyond");

    due = ngx_llm_rate_settle(NOW, NGX_LLM_RATE_MAX,
                              10 * NGX_LLM_RATE_MAX - 1, NOW);
    ok(due > NOW + 10 * MINUTE - 2 && due <= NOW + 10 * MINUTE,
       "almost ten times the largest limit");
}


static void
test_bounds(void)
{
    ngx_llm_rate_t  rate;

    ngx_llm_rate_take(&rate, 0, 1, 1, 0);
    ok(rate.ok && rate.due == MINUTE && rate.remaining == 0,
       "one of one, at the time 0");

    ngx_llm_rate_take(&rate, rate.due, 1, 1, MINUTE - 1);
    ok(!rate.ok && rate.wait == 1, "not again within the minute");

    ngx_llm_rate_take(&rate, rate.due, 1, 1, MINUTE);
    ok(rate.ok && rate.due == 2 * MINUTE, "again after it");

    ngx_llm_rate_take(&rate, 0, NGX_LLM_RATE_MAX, NGX_LLM_RATE_MAX, NOW);
    ok(rate.ok && rate.due == NOW + MINUTE && rate.remaining == 0,
       "the largest limit at once");

    ngx_llm_rate_take(&rate, rate.due, NGX_LLM_RATE_MAX, 1, NOW);
    ok(!rate.ok && rate.wait == 1, "... and then not one");

    ngx_llm_rate_take(&rate, 0, NGX_LLM_RATE_MAX, 1, NOW);
    ok(rate.due > NOW, "one of the largest limit costs something");
}


/* how many pass at once; wrong counts when what remains is told wrongly */

static ngx_uint_t
burst(uint64_t limit, ngx_uint_t *wrong)
{
    uint64_t        due;
    ngx_uint_t      n;
    ngx_llm_rate_t  rate;

    due = 0;

    for (n = 0; n <= limit + 1; n++) {
        ngx_llm_rate_take(&rate, due, limit, 1, NOW);

        if (!rate.ok) {
            *wrong += (rate.remaining != 0 || rate.wait == 0);
            break;
        }

        *wrong += (rate.remaining != limit - n - 1);
        due = rate.due;
    }

    return n;
}


static uint64_t
draw(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed >> 3) % (n ? n : 1);
}
