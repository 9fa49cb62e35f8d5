
/*
 * The choice among candidates: the order of the keys, exact shares, weights,
 * and that a node which was away is not flooded.
 */


#include "../../src/base/ngx_llm_pick.c"
#include "test.h"


#define MANY  64


static void test_order(void);
static void test_cross(void);
static void test_shares(void);
static void test_held(void);
static void test_turns(void);
static void test_returning(void);
static void test_two(void);
static void test_two_pairs(void);
static ngx_uint_t choose(ngx_llm_pick_pt pick, ngx_llm_candidate_t *c,
    ngx_uint_t n);
static void candidates(ngx_llm_candidate_t *c, ngx_uint_t n);
static uint32_t draw(uint32_t n);


static uint64_t  clock_;        /* choices made */
static uint64_t  seed = 0x9e3779b97f4a7c15;


/* of each pair the first one is chosen, wherever it stands */

static const struct {
    const char           *name;
    ngx_llm_candidate_t   better, worse;
} pairs[] = {
    /*   node  weight  waiting  in_flight  stamp  turn */
    { "waiting counts first",
      { 0,     1,      1,       9,         9,     9 },
      { 1,     1,      2,       2,         1,     0 } },
    { "then what is in flight",
      { 0,     1,      2,       3,         9,     9 },
      { 1,     1,      2,       4,         1,     0 } },
    { "then who was chosen longest ago",
      { 0,     1,      2,       3,         4,     9 },
      { 1,     1,      2,       3,         5,     0 } },
    { "waiting by weight",
      { 0,     3,      2,       9,         9,     9 },
      { 1,     1,      1,       1,         1,     0 } },
    { "in flight by weight",
      { 0,     3,      0,       8,         9,     9 },
      { 1,     2,      0,       6,         1,     0 } },
    { "equal by weight: in flight",
      { 0,     4,      2,       4,         9,     9 },
      { 1,     2,      1,       3,         1,     0 } },
    { "equal by weight: stamp",
      { 0,     4,      2,       6,         1,     9 },
      { 1,     2,      1,       3,         2,     0 } },
    { "idle ones are equal whatever their weight",
      { 0,     1,      0,       0,         1,     9 },
      { 1,     9,      0,       0,         2,     0 } },
    { "the largest numbers don't wrap",
      { 0, UINT32_MAX, UINT32_MAX - 1, 0,  9,     9 },
      { 1, UINT32_MAX, UINT32_MAX, 0,      1,     0 } },
    { "nor do they in flight",
      { 0, UINT32_MAX, 0, UINT32_MAX - 1,  9,     9 },
      { 1, UINT32_MAX - 1, 0, UINT32_MAX,  1,     0 } },
    { "stamps of 64 bits",
      { 0,     1,      0,       0, 0x0fffffffff,  9 },
      { 1,     1,      0,       0, 0x1000000000,  0 } }
};

#define NPAIRS  (sizeof(pairs) / sizeof(pairs[0]))


int
main(void)
{
    test_order();
    test_cross();
    test_shares();
    test_held();
    test_turns();
    test_returning();
    test_two();
    test_two_pairs();

    return test_done();
}


static void
test_order(void)
{
    ngx_uint_t           i;
    ngx_llm_candidate_t  c[2];

    for (i = 0; i < NPAIRS; i++) {
        c[0] = pairs[i].better;
        c[1] = pairs[i].worse;

        is_number(c[ngx_llm_pick_least_load(c, 2)].node, 0, "%s",
                  pairs[i].name);

        c[0] = pairs[i].worse;
        c[1] = pairs[i].better;

        is_number(c[ngx_llm_pick_least_load(c, 2)].node, 0,
                  "%s, the other way round", pairs[i].name);
    }

    candidates(c, 1);

    is_number(ngx_llm_pick_least_load(c, 1), 0, "the only one");
    is_number(ngx_llm_pick_round_robin(c, 1), 0, "the only one, by turns");
}


/* against quotients: those of numbers to 1000 differ by 1e-6 at least */

static void
test_cross(void)
{
    double               x, y;
    ngx_uint_t           i, k, n, wrong;
    ngx_llm_candidate_t  c[MANY], *a, *b;

    wrong = 0;

    for (i = 0; i < 20000; i++) {
        n = 1 + draw(MANY);

        for (k = 0; k < n; k++) {
            c[k].node = k;
            c[k].weight = 1 + draw(i % 2 ? 4 : 1000);
            c[k].waiting = draw(i % 3 ? 4 : 1000);
            c[k].in_flight = c[k].waiting + draw(4);
            c[k].stamp = k * 7919 % 61 * MANY + k;
            c[k].turn = 0;
        }

        a = &c[ngx_llm_pick_least_load(c, n)];

        for (k = 0; k < n; k++) {
            b = &c[k];
            x = (double) a->waiting / a->weight;
            y = (double) b->waiting / b->weight;

            if (x == y) {
                x = (double) a->in_flight / a->weight;
                y = (double) b->in_flight / b->weight;
            }

            wrong += x > y || (x == y && b->stamp < a->stamp);
        }
    }

    is_number(wrong, 0, "20,000 random choices are the best by division too");
}


/* one request after another at idle nodes: each gets the same */

static void
test_shares(void)
{
    ngx_uint_t           i, k, n, wrong, got[MANY];
    ngx_llm_candidate_t  c[MANY];

    for (k = 0; k < 2; k++) {
        wrong = 0;

        for (n = 1; n <= MANY; n++) {
            candidates(c, n);
            ngx_memzero(got, sizeof(got));

            for (i = 0; i < 3 * n; i++) {
                got[choose(k ? ngx_llm_pick_round_robin
                             : ngx_llm_pick_least_load, c, n)]++;
            }

            for (i = 0; i < n; i++) {
                wrong += (got[i] != 3);
            }

            if (n == 3) {
                ok(got[0] == 3 && got[1] == 3 && got[2] == 3,
                   "9 requests at 3 idle nodes, %s: %u/%u/%u",
                   k ? "round robin" : "least load", (unsigned) got[0],
                   (unsigned) got[1], (unsigned) got[2]);
            }
        }

        is_number(wrong, 0, "3 n requests at n idle nodes are 3 each, "
                  "n to %d", MANY);
    }
}


/* requests that stay are spread by weight exactly, at any moment */

static void
test_held(void)
{
    ngx_uint_t           i, n, wrong;
    ngx_llm_candidate_t  c[3];

    candidates(c, 3);

    c[0].weight = 5;
    c[1].weight = 2;
    c[2].weight = 1;

    wrong = 0;

    for (i = 1; i <= 800; i++) {
        n = choose(ngx_llm_pick_least_load, c, 3);
        c[n].waiting++;
        c[n].in_flight++;

        if (i % 8 == 0) {
            wrong += c[0].waiting != i / 8 * 5 || c[1].waiting != i / 8 * 2;
        }
    }

    is_number(wrong, 0, "weights 5:2:1 hold 5:2:1 after each 8 requests");

    /* decoding, not waiting any more: a newcomer may go there */

    c[0].waiting = 0;
    is_number(choose(ngx_llm_pick_least_load, c, 3), 0,
              "the one where nothing waits, though it has 500 in flight");
}


static void
test_turns(void)
{
    double               ideal;
    ngx_uint_t           i, k, n, round, total, behind, ahead, got[MANY];
    ngx_llm_candidate_t  c[MANY];

    candidates(c, 2);

    c[0].weight = 3;
    ngx_memzero(got, sizeof(got));

    for (i = 0; i < 4000; i++) {
        got[choose(ngx_llm_pick_round_robin, c, 2)]++;
    }

    is_number(got[0], 3000, "round robin 3:1 of 4000");

    behind = 0;
    ahead = 0;

    for (round = 0; round < 300; round++) {
        n = 2 + draw(8);
        total = 0;
        candidates(c, n);
        ngx_memzero(got, sizeof(got));

        for (k = 0; k < n; k++) {
            c[k].weight = 1 + draw(9);
            total += c[k].weight;
        }

        for (i = 1; i <= 500; i++) {
            got[choose(ngx_llm_pick_round_robin, c, n)]++;

            for (k = 0; k < n; k++) {
                ideal = (double) i * c[k].weight / total;
                ahead += (got[k] > ideal + 1.001);
                behind += (got[k] < ideal - 1.001 * n * c[k].weight / total);
            }
        }
    }

    is_number(ahead, 0, "no node is ever a turn ahead of its weight");
    is_number(behind, 0, "... nor behind by more than the others' turns");
}


/* a node that was away, or is new, gets no more than one turn in advance */

static void
test_returning(void)
{
    ngx_uint_t           i, weight, got, row, worst;
    ngx_llm_candidate_t  c[3], two[2];

    for (weight = 1; weight <= 4; weight += 3) {
        candidates(c, 3);
        c[2].weight = weight;

        for (i = 0; i < 30; i++) {
            (void) choose(ngx_llm_pick_round_robin, c, 3);
        }

        two[0] = c[0];
        two[1] = c[1];

        for (i = 0; i < 10000; i++) {
            (void) choose(ngx_llm_pick_round_robin, two, 2);
        }

        c[0] = two[0];
        c[1] = two[1];

        got = 0;
        row = 0;
        worst = 0;

        for (i = 0; i < 10 * (2 + weight); i++) {

            if (choose(ngx_llm_pick_round_robin, c, 3) == 2) {
                got++;
                row++;

            } else {
                row = 0;
            }

            worst = ngx_max(worst, row);
        }

        ok(got >= 10 * weight && got <= 11 * weight + 1,
           "weight %u: back after 10,000 turns, it gets its %u (%u)",
           (unsigned) weight, (unsigned) (10 * weight), (unsigned) got);

        ok(worst <= 2 * weight, "... and at most %u in a row (%u)",
           (unsigned) (2 * weight), (unsigned) worst);
    }
}


/* each number as often as the others, first and second, within 5 sigma */

static void
test_two(void)
{
    double                 mean, sigma;
    uint32_t               two[2];
    uint64_t               state;
    ngx_uint_t             i, k, n, equal, over, odd;
    static uint32_t        got[2][1000];
    static const uint32_t  sizes[] = { 2, 3, 65, 1000 };

    state = 1;
    equal = 0;
    over = 0;

    for (k = 0; k < 4; k++) {
        n = sizes[k];
        odd = 0;
        ngx_memzero(got, sizeof(got));

        for (i = 0; i < 2000 * n; i++) {
            ngx_llm_pick_two(&state, n, two);

            equal += (two[0] == two[1]);
            over += (two[0] >= n || two[1] >= n);

            got[0][two[0] % 1000]++;
            got[1][two[1] % 1000]++;
        }

        mean = 2000;
        sigma = 45;

        for (i = 0; i < n; i++) {
            odd += got[0][i] < mean - 5 * sigma || got[0][i] > mean + 5 * sigma;
            odd += got[1][i] < mean - 5 * sigma || got[1][i] > mean + 5 * sigma;
        }

        is_number(odd, 0, "two of %u: all equally often", (unsigned) n);
    }

    is_number(equal, 0, "the two are never the same");
    is_number(over, 0, "... and below n");
    ok(state != 0, "the state is never 0");
}


static void
test_two_pairs(void)
{
    uint32_t    two[2];
    uint64_t    state;
    ngx_uint_t  i, k, odd, got[5][5];

    state = 0xdeadbeef;
    ngx_memzero(got, sizeof(got));

    for (i = 0; i < 20 * 10000; i++) {
        ngx_llm_pick_two(&state, 5, two);
        got[two[0]][two[1]]++;
    }

    odd = 0;

    for (i = 0; i < 5; i++) {
        for (k = 0; k < 5; k++) {
            odd += (i != k) && (got[i][k] < 9500 || got[i][k] > 10500);
        }
    }

    is_number(odd, 0, "each of the 20 pairs of 5 equally often");

    for (i = 0; i < 10; i++) {
        ngx_llm_pick_two(&state, UINT32_MAX, two);
        ok(two[0] != two[1], "two of 2^32 - 1: %u, %u", two[0], two[1]);
    }
}


/* what the caller does with the choice */

static ngx_uint_t
choose(ngx_llm_pick_pt pick, ngx_llm_candidate_t *c, ngx_uint_t n)
{
    ngx_uint_t  i;

    i = pick(c, n);

    c[i].stamp = ++clock_;
    c[i].turn += NGX_LLM_PICK_TURN / c[i].weight;

    return i;
}


static void
candidates(ngx_llm_candidate_t *c, ngx_uint_t n)
{
    ngx_uint_t  i;

    ngx_memzero(c, n * sizeof(ngx_llm_candidate_t));

    for (i = 0; i < n; i++) {
        c[i].node = i;
        c[i].weight = 1;
    }
}


static uint32_t
draw(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed >> 16) % n;
}
