
/*
 * Times as text: what is one, what is none, and every one-byte change of one
 * that is.
 */


#include "../../src/base/ngx_llm_time.c"
#include "test.h"


static void good(const char *text, long long want);
static void bad(const char *text);
static void changed(void);
static ngx_int_t reads(const char *text, size_t n, time_t *time);


/* each day from 1970 to 9999, at another time of the day */

static void
test_written(void)
{
    char        want[80];
    u_char      text[NGX_LLM_TIME_LEN + 1];
    time_t      t;
    uint64_t    days, ms;
    struct tm   tm;
    ngx_uint_t  wrong;

    wrong = 0;

    for (days = 0; days < 2932897; days++) {
        ms = days * 86400000 + days * 7919 % 86400000;
        t = ms / 1000;
        gmtime_r(&t, &tm);
        sprintf(want, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                tm.tm_min, tm.tm_sec, (int) (ms % 1000));

        *ngx_llm_time_text(text, ms) = '\0';
        wrong += (strcmp((char *) text, want) != 0);
    }

    is_number(wrong, 0, "each day to the end of 9999");

    *ngx_llm_time_text(text, 253402300799999ULL) = '\0';
    is_text((char *) text, "9999-12-31T23:59:59.999Z", "the last moment");

    *ngx_llm_time_text(text, 253402300800000ULL) = '\0';
    is_text((char *) text, "9999-12-31T23:59:59.000Z", "none is later");
}


int
main(void)
{
    good("1970-01-01", 0);
    good("1970-01-01T00:00:00Z", 0);
    good("1970-01-01T23:59:59Z", 86399);
    good("2000-02-29", 951782400);
    good("2024-02-29T12:00:00Z", 1709208000);
    good("2038-01-19T03:14:08Z", 2147483648LL);
    good("9999-12-31T23:59:59Z", 253402300799LL);

    bad("");
    bad("1969-12-31");
    bad("0000-01-01");
    bad("2023-02-29");
    bad("1900-02-29");
    bad("2030-02-31");
    bad("2030-04-31");
    bad("2030-13-01");
    bad("2030-00-01");
    bad("2030-01-00");
    bad("2030-01-32");
    bad("2030-12-31T24:00:00Z");
    bad("2030-12-31T23:60:00Z");
    bad("2030-12-31T23:59:60Z");
    bad("2030-12-31T23:59:59");
    bad("2030-12-31T23:59:59+");
    bad("2030-12-31 23:59:59Z");
    bad("2030-12-31t23:59:59z");
    bad("2030-12-31T");
    bad("2030/12/31");
    bad("2030-1-31");
    bad("-030-12-31");
    bad("+203-12-31");
    bad(" 030-12-31");
    bad("12345678901234567890");

    changed();

    test_written();

    return test_done();
}


static ngx_int_t
reads(const char *text, size_t n, time_t *time)
{
    char       *copy;
    ngx_int_t   rc;
    ngx_str_t   s;

    /* in a block of its own size: a sanitizer sees each byte beyond */

    copy = malloc(n ? n : 1);

    if (copy == NULL) {
        abort();
    }

    memcpy(copy, text, n);

    s.data = (u_char *) copy;
    s.len = n;

    rc = ngx_llm_time(&s, time);

    free(copy);

    return rc;
}


static void
good(const char *text, long long want)
{
    time_t  time = -1;

    ok(reads(text, strlen(text), &time) == NGX_OK, "\"%s\" is a time", text);
    is_number(time, want, "\"%s\" is that one", text);
}


static void
bad(const char *text)
{
    time_t  time = 7;

    ok(reads(text, strlen(text), &time) == NGX_DECLINED, "\"%s\" is none",
       text);
    is_number(time, 7, "\"%s\" sets nothing", text);
}


/* a byte that is no digit is no time anywhere but where it stood */

static void
changed(void)
{
    int     c, bads;
    char    text[] = "2031-10-21T11:12:13Z", was;
    size_t  i;
    time_t  time;

    for (i = 0; i < sizeof(text) - 1; i++) {
        was = text[i];
        bads = 0;

        for (c = 0; c < 256; c++) {

            if (c == was || (c >= '0' && c <= '9')) {
                continue;
            }

            text[i] = (char) c;

            if (reads(text, sizeof(text) - 1, &time) != NGX_DECLINED) {
                bads++;
            }
        }

        text[i] = was;

        is_number(bads, 0, "byte %d changed", (int) i);
    }
}
