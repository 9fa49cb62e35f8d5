
/*
 * Members of bodies, checked against a table.
 */


#include "ngx_llm_time.h"
#include "ngx_http_llm_api_input.h"


/* a longer name of a field is told in part */
#define NGX_HTTP_LLM_API_UNKNOWN  256


static const ngx_http_llm_api_field_t *ngx_http_llm_api_field(
    const ngx_http_llm_api_field_t *fields, const char *name);
static ngx_int_t ngx_http_llm_api_value(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_field_t *field, ngx_http_llm_api_value_t *value,
    json_t *json);
static ngx_int_t ngx_http_llm_api_text(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_field_t *field, ngx_str_t *text, json_t *json);
static ngx_int_t ngx_http_llm_api_number(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_field_t *field, int64_t *number, json_t *json);
static ngx_int_t ngx_http_llm_api_names(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_field_t *field, json_t *json);
static ngx_int_t ngx_http_llm_api_time(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_field_t *field, int64_t *number, json_t *json);
static ngx_int_t ngx_http_llm_api_wrong(ngx_http_llm_api_t *api,
    const char *name, const char *what);


static const ngx_http_llm_api_field_t  ngx_http_llm_api_name = {
    "name", NGX_HTTP_LLM_API_TEXT, 1, 256, 0, 0
};


ngx_int_t
ngx_http_llm_api_input(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_field_t *fields, ngx_http_llm_api_value_t *values)
{
    void                            *iter;
    ngx_uint_t                       i;
    const char                      *name;
    const ngx_http_llm_api_field_t  *field;

    for (i = 0; fields[i].name; i++) {
        ngx_memzero(&values[i], sizeof(ngx_http_llm_api_value_t));
    }

    for (iter = json_object_iter(api->body); iter;
         iter = json_object_iter_next(api->body, iter))
    {
        name = json_object_iter_key(iter);
        field = ngx_http_llm_api_field(fields, name);

        if (field == NULL) {
            ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "unknown_field",
                                  ngx_strlen(name) < NGX_HTTP_LLM_API_UNKNOWN
                                  ? name : NULL,
                                  "There is no field \"%s\"", name);
            return NGX_ERROR;
        }

        if (ngx_http_llm_api_value(api, field, &values[field - fields],
                                   json_object_iter_value(iter))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    for (i = 0; fields[i].name; i++) {
        if (fields[i].required && !values[i].given) {
            ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST,
                                  "missing_required_parameter",
                                  fields[i].name,
                                  "The field \"%s\" is required",
                                  fields[i].name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_api_input_none(ngx_http_llm_api_t *api)
{
    static const ngx_http_llm_api_field_t  none[] = {
        { NULL, 0, 0, 0, 0, 0 }
    };

    return ngx_http_llm_api_input(api, none, NULL);
}


uint64_t
ngx_http_llm_api_id(const ngx_str_t *text, const char *prefix)
{
    u_char    ch;
    size_t    i, n;
    uint64_t  id;

    n = ngx_strlen(prefix);

    if (text->len != n + 16 || ngx_memcmp(text->data, prefix, n) != 0) {
        return 0;
    }

    id = 0;

    for (i = n; i < text->len; i++) {
        ch = text->data[i];

        if (ch >= '0' && ch <= '9') {
            ch -= '0';

        } else if (ch >= 'a' && ch <= 'f') {
            ch -= 'a' - 10;

        } else {
            return 0;
        }

        id = (id << 4) | ch;
    }

    return id;
}


json_t *
ngx_http_llm_api_json_id(const char *prefix, uint64_t id)
{
    u_char  digits[16];

    (void) ngx_sprintf(digits, "%016xL", (int64_t) id);

    return json_sprintf("%s%.16s", prefix, (char *) digits);
}


json_t *
ngx_http_llm_api_json_time(time_t time)
{
    ngx_tm_t  tm;

    if (time == 0) {
        return json_null();
    }

    ngx_gmtime(time, &tm);

    return json_sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", tm.ngx_tm_year,
                        tm.ngx_tm_mon, tm.ngx_tm_mday, tm.ngx_tm_hour,
                        tm.ngx_tm_min, tm.ngx_tm_sec);
}


json_t *
ngx_http_llm_api_json_text(const u_char *text)
{
    json_t  *json;

    json = json_string((const char *) text);

    /* a name of nginx.conf need not be UTF-8 */

    return json ? json : json_string("?");
}


static const ngx_http_llm_api_field_t *
ngx_http_llm_api_field(const ngx_http_llm_api_field_t *fields,
    const char *name)
{
    for ( /* void */ ; fields->name; fields++) {
        if (ngx_strcmp(fields->name, name) == 0) {
            return fields;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_llm_api_value(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_field_t *field, ngx_http_llm_api_value_t *value,
    json_t *json)
{
    value->given = 1;

    if (json_is_null(json)) {
        value->null = 1;

        return field->nullable
               ? NGX_OK
               : ngx_http_llm_api_wrong(api, field->name, "may not be null");
    }

    switch (field->type) {

    case NGX_HTTP_LLM_API_TEXT:
        return ngx_http_llm_api_text(api, field, &value->text, json);

    case NGX_HTTP_LLM_API_NUMBER:
        return ngx_http_llm_api_number(api, field, &value->number, json);

    case NGX_HTTP_LLM_API_FLAG:
        value->number = json_is_true(json);

        return json_is_boolean(json)
               ? NGX_OK
               : ngx_http_llm_api_wrong(api, field->name,
                                        "must be true or false");

    case NGX_HTTP_LLM_API_NAMES:
        value->names = json;
        return ngx_http_llm_api_names(api, field, json);

    default: /* NGX_HTTP_LLM_API_TIME */
        return ngx_http_llm_api_time(api, field, &value->number, json);
    }
}


static ngx_int_t
ngx_http_llm_api_text(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_field_t *field, ngx_str_t *text, json_t *json)
{
    size_t  i;

    if (!json_is_string(json)) {
        return ngx_http_llm_api_wrong(api, field->name, "must be a string");
    }

    text->data = (u_char *) json_string_value(json);
    text->len = json_string_length(json);

    if ((int64_t) text->len < field->min || (int64_t) text->len > field->max) {
        ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value",
                              field->name,
                              "\"%s\" must have %L to %L bytes",
                              field->name, field->min, field->max);
        return NGX_ERROR;
    }

    for (i = 0; i < text->len; i++) {
        if (text->data[i] < ' ' || text->data[i] == 0x7f) {
            return ngx_http_llm_api_wrong(api, field->name,
                                          "holds a control character");
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_api_number(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_field_t *field, int64_t *number, json_t *json)
{
    double  x;

    if (!json_is_number(json)) {
        return ngx_http_llm_api_wrong(api, field->name, "must be a number");
    }

    x = json_number_value(json);

    if (x < (double) field->min || x > (double) field->max
        || x != (double) (int64_t) x)
    {
        ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value",
                              field->name,
                              "\"%s\" must be a whole number from %L to %L",
                              field->name, field->min, field->max);
        return NGX_ERROR;
    }

    *number = (int64_t) x;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_api_names(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_field_t *field, json_t *json)
{
    json_t     *seen;
    size_t      i;
    ngx_int_t   rc;
    ngx_str_t   text;

    ngx_http_llm_api_field_t  name;

    if (!json_is_array(json)) {
        return ngx_http_llm_api_wrong(api, field->name,
                                      "must be an array of strings");
    }

    if ((int64_t) json_array_size(json) > field->max) {
        ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value",
                              field->name, "\"%s\" has more than %L entries",
                              field->name, field->max);
        return NGX_ERROR;
    }

    name = ngx_http_llm_api_name;
    name.name = field->name;

    seen = json_object();
    rc = NGX_OK;

    for (i = 0; i < json_array_size(json) && rc == NGX_OK; i++) {

        rc = ngx_http_llm_api_text(api, &name, &text, json_array_get(json, i));

        if (rc != NGX_OK) {
            break;
        }

        if (json_object_get(seen, (char *) text.data)) {
            rc = ngx_http_llm_api_wrong(api, field->name,
                                        "names something twice");

        } else if (json_object_set_new_nocheck(seen, (char *) text.data,
                                               json_null())
                   != 0)
        {
            rc = ngx_http_llm_api_wrong(api, field->name, "is too long");
        }
    }

    json_decref(seen);

    return rc;
}


static ngx_int_t
ngx_http_llm_api_time(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_field_t *field, int64_t *number, json_t *json)
{
    time_t     time;
    ngx_str_t  text;

    if (json_is_number(json)) {
        return ngx_http_llm_api_number(api, field, number, json);
    }

    if (json_is_string(json)) {
        text.data = (u_char *) json_string_value(json);
        text.len = json_string_length(json);

        if (ngx_llm_time(&text, &time) == NGX_OK
            && time >= field->min && time <= field->max)
        {
            *number = time;
            return NGX_OK;
        }
    }

    return ngx_http_llm_api_wrong(api, field->name,
                                  "must be a time such as "
                                  "2030-12-31T23:59:59Z");
}


static ngx_int_t
ngx_http_llm_api_wrong(ngx_http_llm_api_t *api, const char *name,
    const char *what)
{
    ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value", name,
                          "\"%s\" %s", name, what);

    return NGX_ERROR;
}
