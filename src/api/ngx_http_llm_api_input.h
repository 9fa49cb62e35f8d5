
/*
 * What comes in, checked by tables: the members of a body and the arguments
 * of a list.  What is wrong is told with the member's name, and nothing was
 * changed yet.
 */


#ifndef _NGX_HTTP_LLM_API_INPUT_H_INCLUDED_
#define _NGX_HTTP_LLM_API_INPUT_H_INCLUDED_


#include "ngx_http_llm_api.h"


typedef enum {
    NGX_HTTP_LLM_API_TEXT = 0,  /* min .. max bytes, no control character */
    NGX_HTTP_LLM_API_NUMBER,    /* whole, min .. max */
    NGX_HTTP_LLM_API_FLAG,
    NGX_HTTP_LLM_API_NAMES,     /* an array of up to max texts, 1 .. 256 bytes
                                   each, none twice */
    NGX_HTTP_LLM_API_TIME       /* RFC 3339 in UTC, or seconds since 1970 */
} ngx_http_llm_api_type_e;


typedef struct {
    const char             *name;
    ngx_uint_t              type;
    int64_t                 min;
    int64_t                 max;
    unsigned                required:1;
    unsigned                nullable:1; /* null: as if it were never set */
} ngx_http_llm_api_field_t;


/* one a row of the table; texts and names live as long as api->body */

typedef struct {
    unsigned                given:1;
    unsigned                null:1;     /* given, as null */
    ngx_str_t               text;
    int64_t                 number;     /* of a flag: 0, 1; a time: seconds */
    json_t                 *names;
} ngx_http_llm_api_value_t;


/*
 * Reads the body by a table of n fields that ends with a NULL name; values
 * has as many places.  An absent body is an empty object.  NGX_ERROR: the
 * request was ended.
 */
ngx_int_t ngx_http_llm_api_input(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_field_t *fields, ngx_http_llm_api_value_t *values);

/* The same for a body that may hold nothing. */
ngx_int_t ngx_http_llm_api_input_none(ngx_http_llm_api_t *api);

/*
 * Reads "{prefix}{16 hex digits}", as in "node-0123456789abcdef".  0: it is
 * none.
 */
uint64_t ngx_http_llm_api_id(const ngx_str_t *text, const char *prefix);

/* Its contrary, and a time, as JSON; NULL: no memory.  Time 0 is null. */
json_t *ngx_http_llm_api_json_id(const char *prefix, uint64_t id);
json_t *ngx_http_llm_api_json_time(time_t time);

/* A text of the zone, which ends with a zero byte. */
json_t *ngx_http_llm_api_json_text(const u_char *text);


#endif /* _NGX_HTTP_LLM_API_INPUT_H_INCLUDED_ */
