
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_time.h"


static ngx_int_t ngx_llm_time_number(const u_char *p, size_t n, int *number);
static ngx_int_t ngx_llm_time_day(const u_char *p, struct tm *tm);
static ngx_int_t ngx_llm_time_clock(const u_char *p, struct tm *tm);
static u_char *ngx_llm_time_date(u_char *p, ngx_uint_t days);
static u_char *ngx_llm_time_digits(u_char *p, ngx_uint_t n, ngx_uint_t width);


ngx_int_t
ngx_llm_time(const ngx_str_t *text, time_t *time)
{
    time_t     t;
    struct tm  tm, again;

    ngx_memzero(&tm, sizeof(struct tm));

    if (text->len == sizeof("2030-12-31T23:59:59Z") - 1) {

        if (text->data[10] != 'T'
            || text->data[19] != 'Z'
            || ngx_llm_time_clock(text->data + 11, &tm) != NGX_OK)
        {
            return NGX_DECLINED;
        }

    } else if (text->len != sizeof("2030-12-31") - 1) {
        return NGX_DECLINED;
    }

    if (ngx_llm_time_day(text->data, &tm) != NGX_OK) {
        return NGX_DECLINED;
    }

    again = tm;
    t = timegm(&again);

    /* the 31st of February would be the 3rd of March */

    if (t < 0 || again.tm_mon != tm.tm_mon || again.tm_mday != tm.tm_mday) {
        return NGX_DECLINED;
    }

    *time = t;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_time_day(const u_char *p, struct tm *tm)
{
    if (ngx_llm_time_number(p, 4, &tm->tm_year) != NGX_OK
        || p[4] != '-'
        || ngx_llm_time_number(p + 5, 2, &tm->tm_mon) != NGX_OK
        || p[7] != '-'
        || ngx_llm_time_number(p + 8, 2, &tm->tm_mday) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (tm->tm_year < 1970 || tm->tm_mon < 1 || tm->tm_mon > 12
        || tm->tm_mday < 1)
    {
        return NGX_DECLINED;
    }

    tm->tm_year -= 1900;
    tm->tm_mon--;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_time_clock(const u_char *p, struct tm *tm)
{
    if (ngx_llm_time_number(p, 2, &tm->tm_hour) != NGX_OK
        || p[2] != ':'
        || ngx_llm_time_number(p + 3, 2, &tm->tm_min) != NGX_OK
        || p[5] != ':'
        || ngx_llm_time_number(p + 6, 2, &tm->tm_sec) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return (tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60)
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_llm_time_number(const u_char *p, size_t n, int *number)
{
    for (*number = 0; n; n--, p++) {

        if (*p < '0' || *p > '9') {
            return NGX_DECLINED;
        }

        *number = *number * 10 + (*p - '0');
    }

    return NGX_OK;
}


u_char *
ngx_llm_time_text(u_char *p, uint64_t ms)
{
    uint64_t  s, days;

    /* years have four digits here */

    s = ngx_min(ms / 1000, 253402300799ULL);
    days = s / 86400;
    s %= 86400;

    p = ngx_llm_time_date(p, days);
    *p++ = 'T';
    p = ngx_llm_time_digits(p, s / 3600, 2);
    *p++ = ':';
    p = ngx_llm_time_digits(p, s / 60 % 60, 2);
    *p++ = ':';
    p = ngx_llm_time_digits(p, s % 60, 2);
    *p++ = '.';
    p = ngx_llm_time_digits(p, ms % 1000, 3);
    *p++ = 'Z';

    return p;
}


/*
 * Of days since 1970.  Years begin with March here, so that a leap day is the
 * last one of its year; months have 153 days in five, 400 years 146097.
 */

static u_char *
ngx_llm_time_date(u_char *p, ngx_uint_t days)
{
    ngx_uint_t  year, month, day, era;

    days += 719468;                 /* since March 1 of the year 0 */

    era = days / 146097;
    day = days % 146097;

    year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    year += 400 * era;

    month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5;

    month += 3;

    if (month > 12) {
        month -= 12;
        year++;
    }

    p = ngx_llm_time_digits(p, year, 4);
    *p++ = '-';
    p = ngx_llm_time_digits(p, month, 2);
    *p++ = '-';

    return ngx_llm_time_digits(p, day + 1, 2);
}


static u_char *
ngx_llm_time_digits(u_char *p, ngx_uint_t n, ngx_uint_t width)
{
    ngx_uint_t  i;

    for (i = width; i; i--) {
        p[i - 1] = (u_char) ('0' + n % 10);
        n /= 10;
    }

    return p + width;
}
