
/*
 * Event streams: slices make no difference, events are those of a plain
 * reading of WHATWG's rules, and what is said of an event is what jansson
 * says, wherever it can read the data.
 */


#include "../../src/base/ngx_llm_json.c"
#include "../../src/base/ngx_llm_json_number.c"
#include "../../src/base/ngx_llm_json_string.c"
#include "../../src/base/ngx_llm_json_watch.c"
#include "../../src/base/ngx_llm_sse.c"
#include "../../src/dialect/ngx_llm_openai_event.c"
#include "fuzz.h"
#include <jansson.h>


#define EVENTS  4096            /* of an input, whose bytes are fewer */


/* the events with data, in their order: D, or F for [DONE] */

typedef struct {
    char    kinds[EVENTS + 1];
    size_t  n;
} events_t;


static void
walk(events_t *e, const uint8_t *data, size_t size, size_t most)
{
    size_t          at, n;
    u_char         *slice;
    ngx_int_t       rc;
    const u_char   *p, *end;
    ngx_llm_sse_t   s;

    e->n = 0;
    ngx_llm_sse_init(&s);

    for (at = 0; at < size; at += n) {
        slice = fuzz_slice(data + at, size - at, most, &n);

        for (p = slice; p < slice + n; p = end) {
            rc = ngx_llm_sse_next(&s, p, slice + n, &end);

            if (rc == NGX_OK && s.data) {
                e->kinds[e->n++] = s.done ? 'F' : 'D';
            }
        }

        free(slice);
    }

    e->kinds[e->n] = '\0';
}


/* line by line; returns the bytes up to the end of the last event */

static size_t
reference(events_t *e, const uint8_t *data, size_t size)
{
    int             any, done;
    size_t          n, whole;
    const uint8_t  *p, *eol, *last;

    e->n = 0;
    whole = 0;
    any = 0;
    done = 0;
    last = data + size;

    for (p = data; p < last; p = eol) {

        for (eol = p; eol < last && *eol != '\n' && *eol != '\r'; eol++) {
            /* void */
        }

        if (eol == last) {
            break;
        }

        n = eol - p;
        eol += (*eol == '\r' && eol + 1 < last && eol[1] == '\n') ? 2 : 1;

        if (n == 0) {

            if (any) {
                e->kinds[e->n++] = (any == 1 && done) ? 'F' : 'D';
            }

            whole = eol - data;
            any = 0;
            continue;
        }

        if (p == data && n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
            p += 3;
            n -= 3;
        }

        if (n >= 4 && memcmp(p, "data", 4) == 0 && (n == 4 || p[4] == ':')) {
            any++;
            done = (n == 11 && memcmp(p + 4, ":[DONE]", 7) == 0)
                   || (n == 12 && memcmp(p + 4, ": [DONE]", 8) == 0);
        }
    }

    e->kinds[e->n] = '\0';

    return whole;
}


static int
has_words(json_t *choice)
{
    json_t  *v, *delta;
    size_t   i;

    static const char  *words[] = {
        "content", "refusal", "reasoning", "reasoning_content", "tool_calls",
        "function_call", "audio"
    };

    v = json_object_get(choice, "text");
    delta = json_object_get(choice, "delta");

    if (json_string_length(v) || json_array_size(v) || json_object_size(v)) {
        return 1;
    }

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        v = json_object_get(delta, words[i]);

        if (json_string_length(v) || json_array_size(v)
            || json_object_size(v))
        {
            return 1;
        }
    }

    return 0;
}


/* an event of one line, whose JSON both can read */

static void
judge(const uint8_t *data, size_t size)
{
    int            mute, usage;
    size_t         i, n;
    json_t        *root, *choices, *choice;
    u_char        *event;
    json_error_t   e;

    n = sizeof("data: \n\n") - 1 + size;
    event = malloc(n);
    memcpy(event, "data: ", 6);
    memcpy(event + 6, data, size);
    memcpy(event + 6 + size, "\n\n", 2);

    usage = ngx_llm_openai_event_is_usage(event, event + n);
    mute = ngx_llm_openai_event_is_mute(event, event + n);

    free(event);

    if (memchr(data, '\n', size) || memchr(data, '\r', size)) {
        return;
    }

    root = json_loadb((const char *) data, size, JSON_REJECT_DUPLICATES, &e);

    if (root == NULL) {
        return;
    }

    choices = json_object_get(root, "choices");

    /* another "choices" before it, or its name escaped, hides it: no harm */

    if (usage && !(json_is_array(choices) && json_array_size(choices) == 0
                   && json_is_object(json_object_get(root, "usage"))))
    {
        fuzz_fail("not only usage", data, size);
    }

    if (mute && json_array_size(choices) == 0) {
        fuzz_fail("mute without choices", data, size);
    }

    json_array_foreach(choices, i, choice) {

        if (has_words(choice)) {

            if (mute) {
                fuzz_fail("mute, but it has words", data, size);
            }

            json_decref(root);
            return;
        }
    }

    if (json_array_size(choices) && !mute) {
        fuzz_fail("not mute, but without words", data, size);
    }

    json_decref(root);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    whole;
    events_t  want, got;

    if (size >= EVENTS) {
        return 0;
    }

    fuzz_seed(data, size);

    whole = reference(&want, data, size);

    walk(&got, data, whole, 0);

    if (strcmp(got.kinds, want.kinds) != 0) {
        fprintf(stderr, "%s, not %s\n", got.kinds, want.kinds);
        fuzz_fail("other events", data, size);
    }

    walk(&got, data, whole, 1 + fuzz_random(32));

    if (strcmp(got.kinds, want.kinds) != 0) {
        fuzz_fail("slices make a difference", data, size);
    }

    walk(&got, data, whole, 1);

    if (strcmp(got.kinds, want.kinds) != 0) {
        fuzz_fail("single bytes make a difference", data, size);
    }

    judge(data, size);

    return 0;
}


#ifdef STANDALONE

int
main(int argc, char **argv)
{
    static const char  *seeds[] = {
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
            "data: [DONE]\n\n",
        "event: x\r\ndata: 1\r\ndata: [DONE]\r\n\r\ndata:[DONE]\r\r",
        "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
        "{\"choices\":[{\"text\":\"\",\"index\":0}],\"usage\":null}",
        "{\"choices\": [], \"usage\": {\"total_tokens\": 3}}",
        NULL
    };

    static const char  *pieces[] = {
        "data:", "data: ", "data", "[DONE]", "\n", "\r\n", "\r", "\n\n",
        ": ping\n", "event: e\n", "\xef\xbb\xbf", "{", "}", "[", "]", ",",
        "\"choices\":[", "\"delta\":{", "\"content\":\"\"", "\"text\":\"x\"",
        "\"content\":\"x\"", "\"tool_calls\":[{}]", "\"usage\":{}",
        "\"refusal\":null", "{\"delta\":{}}", ",\"audio\":{\"id\":\"a\"}",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        NULL
    };

    static const fuzz_t  f = {
        "sse", seeds, pieces, "{}[]:,\"\\ \n\rdat1D"
    };

    return fuzz_main(&f, argc, argv);
}

#endif
