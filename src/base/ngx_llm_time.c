
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_time.h"


static ngx_int_t ngx_llm_time_number(const u_char *p, size_t n, int *number);
static ngx_int_t ngx_llm_time_day(const u_char *p, struct tm *tm);
static ngx_int_t ngx_llm_time_clock(const u_char *p, struct tm *tm);


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
