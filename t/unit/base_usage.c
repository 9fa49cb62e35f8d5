
/*
 * The finder of token counts: what is found, and that slices cut anywhere
 * change nothing.
 */


#include "../../src/base/ngx_llm_usage.c"
#include "test.h"


#define FILL  "0123456789 \"text\" and \"uses\" of a needle \"usag\" \"usagf\" "


typedef struct {
    const char  *input;
    const char  *found;       /* prompt completion total, - for none at all */
} sample_t;


static const sample_t  samples[] = {
    { "", "-" },
    { "{}", "-" },
    { "{\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":34,"
      "\"total_tokens\":46}}", "12 34 46" },
    { "{\"usage\" : { \"prompt_tokens\" : 12 ,\n\t\"completion_tokens\": 34\r\n"
      "} }", "12 34 -1" },
    { "{\"usage\":{\"input_tokens\":5,\"output_tokens\":6}}", "5 6 -1" },
    { "{\"usage\":{\"prompt_tokens\":0}}", "0 -1 -1" },

    /* not the needle */
    { "\\\"usage\":{\"prompt_tokens\":1}", "-" },
    { "{\"text\":\"\\\"usage\\\":{\\\"prompt_tokens\\\":1}\"}", "-" },
    { "{\"usage\":null}", "-" },
    { "{\"usage\":[{\"prompt_tokens\":1}]}", "-" },
    { "{\"usage\":\"{\",\"prompt_tokens\":1}", "-" },
    { "{\"usages\":{\"prompt_tokens\":1}}", "-" },
    { "{\"Usage\":{\"prompt_tokens\":1}}", "-" },
    { "{usage:{\"prompt_tokens\":1}}", "-" },
    { "[\"usage\",{\"prompt_tokens\":1}]", "-" },
    { "\"usage\"{\"prompt_tokens\":1}", "-" },
    { "\"usage\"::{\"prompt_tokens\":1}", "-" },

    /* a needle right behind something like it */
    { "\"\"usage\":{\"prompt_tokens\":1}", "1 -1 -1" },
    { "\"usa\"usage\":{\"prompt_tokens\":1}", "1 -1 -1" },
    { "\"usage\"usage\":{\"prompt_tokens\":1}", "-" },
    { "\"usage\"\"usage\":{\"prompt_tokens\":1}", "1 -1 -1" },
    { "\"usage\":\"usage\":{\"prompt_tokens\":1}", "1 -1 -1" },
    { "\"usage\":null,\"usage\":{\"prompt_tokens\":1}", "1 -1 -1" },

    /* the last one wins, and what it lacks is kept */
    { "data: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\n"
      "data: {\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3}}\n\n"
      "data: {\"usage\":null}\n\ndata: [DONE]\n\n", "2 3 -1" },
    { "{\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}"
      "{\"usage\":{\"output_tokens\":20}}", "9 20 -1" },
    { "{\"usage\":{\"prompt_tokens\":1}}{\"usage\":{}}", "1 -1 -1" },
    { "{\"usage\":{\"prompt_tokens\":,\"total_tokens\":3}}", "-1 -1 3" },
    { "{\"usage\":{\"prompt_tokens\":}}", "-" },
    { "{\"usage\":{\"prompt_tokens\": }}", "-" },
    { "{\"usage\":{\"prompt_tokens\":1,\"prompt_tokens\":2}}", "2 -1 -1" },

    /* an object without its end is nothing */
    { "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2", "-" },

    /* only direct members */
    { "{\"usage\":{\"d\":{\"prompt_tokens\":7,\"e\":[{\"total_tokens\":8}]},"
      "\"prompt_tokens\":1,\"completion_tokens_details\":{\"completion_tokens\""
      ":9},\"completion_tokens\":2}}", "1 2 -1" },
    { "{\"usage\":{\"d\":{\"x\":1,\"prompt_tokens\":7},\"total_tokens\":4}}",
      "-1 -1 4" },
    { "{\"usage\":{\"a\":[1,2,\"prompt_tokens\",3],\"total_tokens\":4}}",
      "-1 -1 4" },
    { "{\"usage\":{\"a\":\"}\\\"}\",\"b\":\"\\\\\",\"prompt_tokens\":1}}",
      "1 -1 -1" },
    { "{\"usage\":{\"a\":\"prompt_tokens\",\"prompt_tokens\":3}}",
      "3 -1 -1" },
    { "{\"usage\":{\"prompt_tokens\":{\"prompt_tokens\":3}}}", "-" },
    { "{\"usage\":{\"p\\rompt_tokens\":3,\"total_tokens\":4}}", "-1 -1 4" },
    { "{\"usage\":{\"a name of more than twenty bytes\":3,\"total_tokens\":4}}",
      "-1 -1 4" },
    { "{\"usage\":{\"prompt_tokens_\":3,\"prompt_token\":3,\"\":3,"
      "\"total_tokens\":4}}", "-1 -1 4" },

    /* values */
    { "{\"usage\":{\"prompt_tokens\":null,\"total_tokens\":4}}", "-1 -1 4" },
    { "{\"usage\":{\"prompt_tokens\":-3,\"total_tokens\":4}}", "-1 -1 4" },
    { "{\"usage\":{\"prompt_tokens\":\"3\",\"total_tokens\":4}}", "-1 -1 4" },
    { "{\"usage\":{\"prompt_tokens\":3.9,\"total_tokens\":4.0}}", "3 -1 4" },
    { "{\"usage\":{\"prompt_tokens\":3e2,\"total_tokens\":4}}", "-1 -1 4" },
    { "{\"usage\":{\"prompt_tokens\":9007199254740992}}",
      "9007199254740992 -1 -1" },
    { "{\"usage\":{\"prompt_tokens\":9007199254740993}}",
      "9007199254740992 -1 -1" },
    { "{\"usage\":{\"prompt_tokens\":99999999999999999999999999999999}}",
      "9007199254740992 -1 -1" },

    { FILL FILL "{\"usage\":{\"prompt_tokens\":1}}" FILL, "1 -1 -1" },
    { FILL FILL "{\"usage\":null}" FILL "{\"usage\":{\"total_tokens\":2}}" FILL
      FILL, "-1 -1 2" }
};


static void
feed(ngx_llm_usage_t *u, const char *input, size_t from, size_t to)
{
    u_char  *slice;

    slice = test_copy(input + from, to - from);
    ngx_llm_usage_feed(u, slice, to - from);
    free(slice);
}


static const char *
result(const ngx_llm_usage_t *u)
{
    static char  text[100];

    if (!u->found) {
        return (u->prompt == -1 && u->completion == -1 && u->total == -1)
               ? "-" : "counts, but not found";
    }

    snprintf(text, sizeof(text), "%lld %lld %lld", (long long) u->prompt,
             (long long) u->completion, (long long) u->total);

    return text;
}


static int
same_in_slices(const char *input, size_t n, const char *want)
{
    size_t           a, b, step;
    ngx_llm_usage_t  u;

    for (a = 0; a <= n; a++) {

        for (b = a; b <= n; b++) {
            ngx_llm_usage_init(&u);
            feed(&u, input, 0, a);
            feed(&u, input, a, b);
            feed(&u, input, b, n);

            if (strcmp(result(&u), want) != 0) {
                printf("# cut at %d and %d: %s\n", (int) a, (int) b,
                       result(&u));
                return 0;
            }
        }
    }

    for (step = 1; step < 20; step++) {
        ngx_llm_usage_init(&u);

        for (a = 0; a < n; a += step) {
            feed(&u, input, a, ngx_min(a + step, n));
        }

        if (strcmp(result(&u), want) != 0) {
            printf("# step %d: %s\n", (int) step, result(&u));
            return 0;
        }
    }

    return 1;
}


static void
test_samples(void)
{
    size_t           i, n;
    ngx_llm_usage_t  u;

    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        n = strlen(samples[i].input);

        memset(&u, 0x5a, sizeof(u));
        ngx_llm_usage_init(&u);
        feed(&u, samples[i].input, 0, n);

        is_text(result(&u), samples[i].found, "sample %d", (int) i);
        ok(same_in_slices(samples[i].input, n, samples[i].found),
           "sample %d in slices", (int) i);
    }
}


/* the needle at every place of a block */

static void
test_places(void)
{
    int              wrong;
    char             input[256];
    size_t           at, n;
    ngx_llm_usage_t  u;

    static const char  object[] = "\"usage\":{\"total_tokens\":7}";

    wrong = 0;

    for (n = sizeof(object) - 1; n < 200; n++) {

        for (at = 0; at + sizeof(object) - 1 <= n; at++) {
            memset(input, '"', n);
            memcpy(input + at, object, sizeof(object) - 1);

            ngx_llm_usage_init(&u);
            feed(&u, input, 0, n);
            wrong += (!u.found || u.total != 7);
        }
    }

    is_number(wrong, 0, "the needle at every place");
}


/* the search by blocks against the plain one, from and to every place */

static void
test_pairs(void)
{
    int      wrong;
    size_t   n, at, from;
    u_char  *p;

    wrong = 0;

    for (n = 1; n < 150; n++) {
        p = malloc(n);

        for (at = 0; at < n; at++) {
            memset(p, (n & 1) ? 'u' : 'x', n);
            p[at] = '"';

            if (at + 1 < n) {
                p[at + 1] = (at % 3) ? 'u' : '"';
            }

            for (from = 0; from < n; from++) {
                wrong += (ngx_llm_pair(p + from, p + n, '"', 'u')
                          != ngx_llm_pair_portable(p + from, p + n, '"', 'u'));
            }
        }

        free(p);
    }

    is_number(wrong, 0, "pairs at every place");
}


static void
test_bound(void)
{
    int              i, size;
    char            *input;
    ngx_llm_usage_t  u;

    /* the object's bytes after its brace, the last one included */

    for (i = -1; i < 2; i++) {
        size = NGX_LLM_USAGE_OBJECT + i;
        input = malloc(size + 100);
        strcpy(input, "\"usage\":{\"total_tokens\":7,\"a\":\"");
        memset(input + strlen(input), 'x', size + 9 - strlen(input));
        strcpy(input + size + 9 - 2, "\"}");

        ngx_llm_usage_init(&u);
        feed(&u, input, 0, size + 9);
        is_text(result(&u), (i <= 0) ? "-1 -1 7" : "-", "%d bytes", size);

        /* and it goes on behind */

        strcpy(input, "\"usage\":{\"total_tokens\":8}");
        feed(&u, input, 0, strlen(input));
        ok(u.total == 8, "%d bytes and another one", size);
        free(input);
    }

    /* an endless one */

    input = malloc(100000);
    memset(input, '[', 100000);
    ngx_llm_usage_init(&u);
    feed(&u, "\"usage\":{", 0, 9);
    feed(&u, input, 0, 100000);
    feed(&u, "\"usage\":{\"total_tokens\":8}", 0, 26);
    is_text(result(&u), "-1 -1 8", "an endless object is left");
    free(input);

    ok(sizeof(ngx_llm_usage_t) < 128, "the state has %d bytes",
       (int) sizeof(ngx_llm_usage_t));

    ngx_llm_usage_feed(&u, NULL, 0);
    is_text(result(&u), "-1 -1 8", "an empty slice");
}


int
main(void)
{
    test_samples();
    test_places();
    test_pairs();
    test_bound();

    return test_done();
}
