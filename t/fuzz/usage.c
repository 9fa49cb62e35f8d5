
/*
 * The finder of token counts: slices make no difference, and it finds what a
 * plain search and jansson find, wherever jansson can read the object.
 */


#include "../../src/base/ngx_llm_usage.c"
#include "fuzz.h"
#include <jansson.h>


static void
scan(ngx_llm_usage_t *u, const uint8_t *data, size_t size, size_t most)
{
    size_t   at, n;
    u_char  *slice;

    ngx_llm_usage_init(u);

    for (at = 0; at < size; at += n) {
        slice = fuzz_slice(data + at, size - at, most, &n);
        ngx_llm_usage_feed(u, slice, n);
        free(slice);
    }
}


static int
same(const ngx_llm_usage_t *a, const ngx_llm_usage_t *b)
{
    return a->found == b->found && a->prompt == b->prompt
           && a->completion == b->completion && a->total == b->total;
}


static const uint8_t *
space(const uint8_t *p, const uint8_t *last)
{
    while (p < last
           && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
    {
        p++;
    }

    return p;
}


/* the object behind the next needle, or NULL */

static const uint8_t *
next_object(const uint8_t *start, const uint8_t *p, const uint8_t *last)
{
    const uint8_t  *q;

    for ( /* void */ ; last - p >= 7; p++) {

        if (memcmp(p, "\"usage\"", 7) != 0
            || (p > start && p[-1] == '\\'))
        {
            continue;
        }

        q = space(p + 7, last);

        if (q < last && *q == ':') {
            q = space(q + 1, last);

            if (q < last && *q == '{') {
                return q;
            }
        }

        /* its closing quote opens no other one */

        p += 6;
    }

    return NULL;
}


/* a count as it must be read; 0: it is none, or cannot be told from here */

static int
count(json_t *object, const char *name, int64_t *value)
{
    json_t  *v;

    v = json_object_get(object, name);

    if (v == NULL || !json_is_integer(v) || json_integer_value(v) < 0) {
        return 0;
    }

    *value = ngx_min(json_integer_value(v), NGX_LLM_USAGE_MAX);

    return 1;
}


/* names given twice, numbers that are no integers and escapes are left out */

static int
clear(json_t *object, const uint8_t *p, size_t n)
{
    json_t      *v;
    const char  *key;

    if (memchr(p, '\\', n) != NULL || memchr(p, '\0', n) != NULL) {
        return 0;
    }

    json_object_foreach(object, key, v) {

        if (json_is_real(v)
            || (json_is_integer(v) && json_integer_value(v) == 0))
        {
            return 0;
        }
    }

    return 1;
}


/* 1: u holds what must be found, 0: it cannot be told */

static int
reference(ngx_llm_usage_t *u, const uint8_t *data, size_t size)
{
    int             found;
    json_t         *object;
    json_error_t    e;
    const uint8_t  *p, *last;

    ngx_llm_usage_init(u);
    p = data;
    last = data + size;

    for ( ;; ) {
        p = next_object(data, p, last);

        if (p == NULL) {
            return 1;
        }

        object = json_loadb((const char *) p, last - p,
                            JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK,
                            &e);

        if (object == NULL) {
            return 0;
        }

        if (e.position - 1 > NGX_LLM_USAGE_OBJECT
            || !clear(object, p, e.position))
        {
            json_decref(object);
            return 0;
        }

        found = count(object, "input_tokens", &u->prompt);
        found += count(object, "prompt_tokens", &u->prompt);
        found += count(object, "output_tokens", &u->completion);
        found += count(object, "completion_tokens", &u->completion);
        found += count(object, "total_tokens", &u->total);
        u->found |= (found != 0);

        /* both spellings in one object: the later one counts */

        found = (json_object_get(object, "input_tokens")
                 && json_object_get(object, "prompt_tokens"))
                || (json_object_get(object, "output_tokens")
                    && json_object_get(object, "completion_tokens"));

        p += e.position;
        json_decref(object);

        if (found) {
            return 0;
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_llm_usage_t  whole, cut, want;

    fuzz_seed(data, size);

    scan(&whole, data, size, 0);

    if (reference(&want, data, size) && !same(&whole, &want)) {
        fprintf(stderr, "%lld %lld %lld, not %lld %lld %lld\n",
                (long long) whole.prompt, (long long) whole.completion,
                (long long) whole.total, (long long) want.prompt,
                (long long) want.completion, (long long) want.total);
        fuzz_fail("other counts", data, size);
    }

    scan(&cut, data, size, 1 + fuzz_random(32));

    if (!same(&whole, &cut)) {
        fuzz_fail("slices make a difference", data, size);
    }

    scan(&cut, data, size, 1);

    if (!same(&whole, &cut)) {
        fuzz_fail("single bytes make a difference", data, size);
    }

    return 0;
}


#ifdef STANDALONE

int
main(int argc, char **argv)
{
    static const char  *seeds[] = {
        "{\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":34,"
            "\"total_tokens\":46}}",
        "data: {\"choices\":[],\"usage\" : { \"input_tokens\" : 5 ,"
            "\"output_tokens\": 6 , \"d\":{\"total_tokens\":[1,2]}}}\n\n",
        "data: {\"text\":\"\\\"usage\\\":{\",\"usage\":null}\n\n"
            "data: {\"usage\":{\"total_tokens\":9}}\n\ndata: [DONE]\n\n",
        "{\"usage\":{\"a\":\"}\",\"total_tokens\":9007199254740993}}",
        NULL
    };

    static const char  *pieces[] = {
        "\"usage\":{", "\"usage\"", "\"usage\":null", "\"usa", "usage\"",
        "\\\"usage\\\":{", "}", "{", "[", "]", ",", ":", "\"", "\\", " ",
        "\n", "\"prompt_tokens\":7,", "\"total_tokens\":8",
        "\"completion_tokens\":", "\"x\":{\"total_tokens\":1},",
        "\"x\":\"}]{[,:\",", "1", "0", "-2", "3.5", "4e2", "null", "true",
        "99999999999999999999",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        NULL
    };

    static const fuzz_t  f = {
        "usage", seeds, pieces, "{}[]:,\"\\ \n0129-.eusag"
    };

    return fuzz_main(&f, argc, argv);
}

#endif
