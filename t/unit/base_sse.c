
/*
 * The event scanner: where events end, what they hold, and that slices cut
 * anywhere change nothing.
 */


#include "../../src/base/ngx_llm_sse.c"
#include "test.h"


#define LONG                                                                  \
    "data: {\"choices\":[{\"delta\":{\"content\":\"some words that make "      \
    "this line longer than a few blocks of the search\"}}]}"


/*
 * An event is the offset of its end and D for data, F for [DONE], - for none;
 * slices may put the LF of the last CRLF into the next event, see moved().
 */

typedef struct {
    const char  *input;
    const char  *events;
} sample_t;


static const sample_t  samples[] = {
    { "", "" },
    { "data: x", "" },
    { "data: x\n", "" },
    { "data: x\n\n", "9D " },
    { "data:x\n\n", "8D " },
    { "data\n\n", "6D " },
    { "data:\n\n", "7D " },
    { "x: data: x\n\n", "12- " },
    { "dat: x\n\n", "8- " },
    { "datas: x\n\n", "10- " },
    { "data : x\n\n", "10- " },
    { " data: x\n\n", "10- " },
    { "Data: x\n\n", "9- " },
    { ": ping\n\n", "8- " },
    { "\n\n", "1- 2- " },
    { "data: x\n\n\n", "9D 10- " },
    { "event: a\nid: 1\ndata: x\nretry: 5\n\n", "33D " },
    { "data: a\n\ndata: b\n\nevent: c\n\n", "9D 18D 28- " },

    { "data: [DONE]\n\n", "14F " },
    { "data:[DONE]\n\n", "13F " },
    { "data:  [DONE]\n\n", "15D " },
    { "data: [DONE] \n\n", "15D " },
    { "data: [DONE]x\n\n", "15D " },
    { "data: [DONE\n\n", "13D " },
    { "data: xDONE]\n\n", "14D " },
    { "data: [DONE]\ndata: x\n\n", "22D " },
    { "data: x\ndata: [DONE]\n\n", "22D " },
    { "data: [DONE]\ndata: [DONE]\n\n", "27D " },
    { "data: [DONE]\nid: 7\n\n", "20F " },
    { "event: end\ndata: [DONE]\n\n", "25F " },
    { "data: x\n\ndata: [DONE]\n\ndata: y\n\n", "9D 23F 32D " },
    { "data: [DONE]\n\n: c\n\n", "14F 19- " },
    { ": data: [DONE]\n\n", "16- " },

    { "data: a\r\n\r\n", "11D " },
    { "data: a\r\rdata: b\r\n\r\n", "9D 20D " },
    { "data: a\r\n\ndata: b\n\r\n", "10D 20D " },
    { "data: a\r\ndata: b\r\r\n", "19D " },
    { "data: [DONE]\r\n\r\n", "16F " },
    { "data: [DONE]\r\rdata: x\r\r", "14F 23D " },
    { "data: a\r\n\r\ndata: b\r\n\r\n\r\n", "11D 22D 24- " },
    { "\r\n\r\n", "2- 4- " },

    { "\xef\xbb\xbf" "data: [DONE]\n\n", "17F " },
    { "\xef\xbb\xbf: x\n\xef\xbb\xbf" "data: x\n\n", "19- " },
    { "data: x\n\n\xef\xbb\xbf" "data: x\n\n", "9D 21- " },

    { LONG "\n\n", "115D " },
    { LONG "\r\n\r\n" LONG "\r\n\r\n", "117D 234D " },
    { LONG "\n" LONG "\n\n" "data: [DONE]\n\n", "229D 243F " },
    { LONG "\rdata: x\r\r", "123D " },
    { ": " LONG "\t\t\n\ndata: [DONE]\n\n", "119- 133F " }
};


/* whole events in one line; is it usage only? */

static void
add(char *events, long end, const ngx_llm_sse_t *s)
{
    sprintf(events + strlen(events), "%ld%s%s ", end, s->data ? "" : "-",
            s->done ? "F" : s->data ? "D" : "");
}


/* all events that end within a slice; at is the slice's offset */

static void
feed(ngx_llm_sse_t *s, const char *input, size_t from, size_t to, char *events)
{
    int            rounds;
    u_char        *slice;
    const u_char  *p, *end;

    slice = test_copy(input + from, to - from);
    p = slice;

    for (rounds = 0; rounds < 1000; rounds++) {

        if (ngx_llm_sse_next(s, p, slice + (to - from), &end) == NGX_AGAIN) {

            if (end != slice + (to - from)) {
                strcat(events, "NOT USED UP ");
            }

            free(slice);
            return;
        }

        if (end <= p || end > slice + (to - from)) {
            strcat(events, "A BAD END ");
        }

        add(events, from + (end - slice), s);
        p = end;
    }

    strcat(events, "AN ENDLESS LOOP ");
    free(slice);
}


/*
 * The events as they must come when the input is cut at these offsets: a cut
 * between the CR and the LF of an empty line ends the event before the LF.
 */

static const char *
moved(const sample_t *sample, const char *cuts)
{
    int          n;
    char         kind[8];
    long         end;
    const char  *p;
    static char  text[1000];

    text[0] = '\0';

    for (p = sample->events; sscanf(p, "%ld%7[^ ] %n", &end, kind, &n) == 2;
         p += n)
    {
        if (cuts[end - 1] && end >= 2 && sample->input[end - 1] == '\n'
            && sample->input[end - 2] == '\r')
        {
            end--;
        }

        sprintf(text + strlen(text), "%ld%s ", end, kind);
    }

    return text;
}


static int
same_in_slices(const sample_t *sample)
{
    char           events[1000], cuts[1000];
    size_t         a, b, n, step;
    ngx_llm_sse_t  s;

    n = strlen(sample->input);

    for (a = 0; a <= n; a++) {

        for (b = a; b <= n; b++) {
            events[0] = '\0';
            memset(cuts, 0, sizeof(cuts));
            cuts[a] = 1;
            cuts[b] = 1;

            ngx_llm_sse_init(&s);
            feed(&s, sample->input, 0, a, events);
            feed(&s, sample->input, a, b, events);
            feed(&s, sample->input, b, n, events);

            if (strcmp(events, moved(sample, cuts)) != 0) {
                printf("# cut at %d and %d: %s\n", (int) a, (int) b, events);
                return 0;
            }
        }
    }

    for (step = 1; step < 20; step++) {
        events[0] = '\0';
        memset(cuts, 0, sizeof(cuts));
        ngx_llm_sse_init(&s);

        for (a = 0; a < n; a += step) {
            cuts[a] = 1;
            feed(&s, sample->input, a, ngx_min(a + step, n), events);
        }

        if (strcmp(events, moved(sample, cuts)) != 0) {
            printf("# step %d: %s\n", (int) step, events);
            return 0;
        }
    }

    return 1;
}


static void
test_samples(void)
{
    char           events[1000];
    size_t         i;
    ngx_llm_sse_t  s;

    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        events[0] = '\0';
        memset(&s, 0x5a, sizeof(s));
        ngx_llm_sse_init(&s);
        feed(&s, samples[i].input, 0, strlen(samples[i].input), events);

        is_text(events, samples[i].events, "sample %d", (int) i);
        ok(same_in_slices(&samples[i]), "sample %d in slices", (int) i);
    }
}


/* each line end at each place, among bytes that are close to it */

static void
test_line_end(void)
{
    int      wrong;
    size_t   n, at, from;
    u_char  *p;

    wrong = 0;

    for (n = 1; n < 200; n++) {
        p = malloc(n);

        for (at = 0; at <= n; at++) {
            memset(p, (at & 1) ? '\t' : '\f', n);

            if (at < n) {
                p[at] = (at & 2) ? '\r' : '\n';
            }

            for (from = 0; from < n && from <= at; from += 7) {
                wrong += (ngx_llm_sse_line_end(p + from, p + n) != p + at);
                wrong += (ngx_llm_sse_line_end_portable(p + from, p + n)
                          != p + at);
            }
        }

        free(p);
    }

    is_number(wrong, 0, "each line end at each place");
}


int
main(void)
{
    test_samples();
    test_line_end();

    return test_done();
}
