
#include <ngx_config.h>
#include <ngx_core.h>
#include <stdlib.h>
#include "ngx_llm_snapshot_in.h"


static ngx_int_t ngx_llm_in_value(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row);
static ngx_int_t ngx_llm_in_number(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row);
static ngx_int_t ngx_llm_in_text(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row);
static ngx_int_t ngx_llm_in_id(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row);
static ngx_int_t ngx_llm_in_hash(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row);
static ngx_int_t ngx_llm_in_type(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row);
static ngx_int_t ngx_llm_in_scopes(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row);
static ngx_int_t ngx_llm_in_patterns(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row);
static ngx_int_t ngx_llm_in_list(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row);


ngx_int_t
ngx_llm_in_object(ngx_llm_in_t *in, const json_t *object,
    const ngx_llm_row_field_t *field, void *row, size_t size)
{
    size_t         known;
    const json_t  *value;

    ngx_memzero(row, size);

    if (!json_is_object(object)) {
        ngx_cpystrn(in->why, (u_char *) "is no object", sizeof(in->why));
        return NGX_ERROR;
    }

    for (known = 0; field->name; field++) {
        value = json_object_get(object, field->name);

        known += (value != NULL);

        if (value == NULL || (json_is_null(value) && !field->required)) {

            if (field->required) {
                return ngx_llm_in_bad(in, field->name, "is missing");
            }

            if (field->type == NGX_LLM_ROW_NUMBER
                || field->type == NGX_LLM_ROW_FLAG)
            {
                ngx_llm_row_number(row, field) = field->absent;
            }

            continue;
        }

        if (ngx_llm_in_value(in, value, field, row) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    in->unknown += json_object_size(object) - known;

    return NGX_OK;
}


ngx_int_t
ngx_llm_in_bad(ngx_llm_in_t *in, const char *member, const char *why)
{
    u_char  *p;

    p = ngx_snprintf(in->why, sizeof(in->why) - 1, "\"%s\" %s", member, why);
    *p = '\0';

    return NGX_ERROR;
}


static ngx_int_t
ngx_llm_in_value(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row)
{
    switch (field->type) {

    case NGX_LLM_ROW_NODE_ID:
    case NGX_LLM_ROW_KEY_ID:
        return ngx_llm_in_id(in, value, field, row);

    case NGX_LLM_ROW_TEXT:
        return ngx_llm_in_text(in, value, field, row);

    case NGX_LLM_ROW_HASH:
        return ngx_llm_in_hash(in, value, field, row);

    case NGX_LLM_ROW_FLAG:

        if (!json_is_boolean(value)) {
            return ngx_llm_in_bad(in, field->name, "must be true or false");
        }

        ngx_llm_row_number(row, field) = json_is_true(value);
        return NGX_OK;

    case NGX_LLM_ROW_TYPE:
        return ngx_llm_in_type(in, value, field, row);

    case NGX_LLM_ROW_SCOPES:
        return ngx_llm_in_scopes(in, value, field, row);

    case NGX_LLM_ROW_PATTERNS:
        return ngx_llm_in_patterns(in, value, field, row);

    case NGX_LLM_ROW_LIST:
        return ngx_llm_in_list(in, value, field, row);

    default: /* NGX_LLM_ROW_NUMBER */
        return ngx_llm_in_number(in, value, field, row);
    }
}


static ngx_int_t
ngx_llm_in_number(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row)
{
    u_char        why[sizeof("must be a whole number from  to ")
                      + 2 * NGX_INT64_LEN];
    json_int_t    n;

    n = json_integer_value(value);

    if (json_is_integer(value)
        && n >= 0
        && (uint64_t) n >= field->min
        && (uint64_t) n <= field->max)
    {
        ngx_llm_row_number(row, field) = n;
        return NGX_OK;
    }

    *ngx_snprintf(why, sizeof(why) - 1, "must be a whole number from %uL to "
                  "%uL", field->min, field->max)
        = '\0';

    return ngx_llm_in_bad(in, field->name, (char *) why);
}


static ngx_int_t
ngx_llm_in_text(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row)
{
    u_char  why[sizeof("must be a text of  to  bytes without control "
                       "characters") + 2 * NGX_INT64_LEN];

    if (ngx_llm_in_clean(value, field->min, field->max)) {
        ngx_memcpy(ngx_llm_row_text(row, field), json_string_value(value),
                   json_string_length(value) + 1);
        return NGX_OK;
    }

    *ngx_snprintf(why, sizeof(why) - 1, "must be a text of %uL to %uL bytes "
                  "without control characters", field->min, field->max)
        = '\0';

    return ngx_llm_in_bad(in, field->name, (char *) why);
}


static ngx_int_t
ngx_llm_in_id(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row)
{
    char         why[sizeof("must be \"node-\" and 16 hexadecimal digits")];
    size_t       n;
    u_char      *p;
    uint64_t     id;
    ngx_int_t    high, low;
    const char  *prefix;

    prefix = (field->type == NGX_LLM_ROW_NODE_ID) ? "node-" : "key-";
    n = ngx_strlen(prefix);

    p = (u_char *) json_string_value(value);

    if (p
        && json_string_length(value) == n + 16
        && ngx_strncmp(p, prefix, n) == 0)
    {
        high = ngx_hextoi(p + n, 8);
        low = ngx_hextoi(p + n + 8, 8);
        id = (uint64_t) high << 32 | (uint64_t) low;

        if (high != NGX_ERROR && low != NGX_ERROR && id) {
            ngx_llm_row_number(row, field) = id;
            return NGX_OK;
        }
    }

    *ngx_snprintf((u_char *) why, sizeof(why) - 1,
                  "must be \"%s\" and 16 hexadecimal digits", prefix)
        = '\0';

    return ngx_llm_in_bad(in, field->name, why);
}


static ngx_int_t
ngx_llm_in_hash(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row)
{
    u_char      *p, *dst;
    ngx_int_t    n;
    ngx_uint_t   i;

    p = (u_char *) json_string_value(value);
    dst = ngx_llm_row_text(row, field);

    for (i = 0; p && json_string_length(value) == 64 && i < 32; i++) {
        n = ngx_hextoi(p + 2 * i, 2);

        if (n == NGX_ERROR) {
            break;
        }

        dst[i] = (u_char) n;
    }

    return (i == 32) ? NGX_OK
                     : ngx_llm_in_bad(in, field->name,
                                      "must be 64 hexadecimal digits");
}


static ngx_int_t
ngx_llm_in_type(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row)
{
    ngx_uint_t  type;

    type = NGX_LLM_TYPE_MAX;

    if (json_is_string(value)) {
        type = ngx_llm_node_type((u_char *) json_string_value(value),
                                 json_string_length(value));
    }

    if (type >= NGX_LLM_TYPE_MAX) {
        return ngx_llm_in_bad(in, field->name, "is no type of a node");
    }

    ngx_llm_row_number(row, field) = type;

    return NGX_OK;
}


static ngx_int_t
ngx_llm_in_scopes(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row)
{
    size_t                      i;
    uint64_t                    scopes;
    const char                 *name;
    const ngx_llm_row_scope_t  *scope;

    scopes = 0;

    for (i = 0; i < json_array_size(value); i++) {
        name = json_string_value(json_array_get(value, i));

        for (scope = ngx_llm_row_scopes; scope->name; scope++) {
            if (name && ngx_strcmp(name, scope->name) == 0) {
                break;
            }
        }

        if (scope->name == NULL) {
            scopes = 0;
            break;
        }

        scopes |= scope->bit;
    }

    if (scopes == 0) {
        return ngx_llm_in_bad(in, field->name,
                              "must be an array of \"inference\", \"node\", "
                              "\"admin\", \"approve\"");
    }

    ngx_llm_row_number(row, field) = scopes;

    return NGX_OK;
}


/* names, and patterns of them, in one text: "a,b*" */

static ngx_int_t
ngx_llm_in_patterns(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row)
{
    size_t         i, n, room;
    u_char        *dst;
    const json_t  *name;

    if (!json_is_array(value)) {
        return ngx_llm_in_bad(in, field->name, "must be an array of names");
    }

    dst = ngx_llm_row_text(row, field);
    room = field->max;

    for (i = 0; i < json_array_size(value); i++) {
        name = json_array_get(value, i);
        n = json_string_length(name);

        if (!ngx_llm_in_clean(name, 1, NGX_LLM_MODEL_NAME)
            || ngx_strchr(json_string_value(name), ','))
        {
            return ngx_llm_in_bad(in, field->name,
                                  "must be an array of names without commas "
                                  "and control characters");
        }

        if (n + (i > 0) > room) {
            return ngx_llm_in_bad(in, field->name, "is too long");
        }

        if (i) {
            *dst++ = ',';
        }

        dst = ngx_cpymem(dst, json_string_value(name), n);
        room -= n + (i > 0);
    }

    *dst = '\0';

    return NGX_OK;
}


static ngx_int_t
ngx_llm_in_list(ngx_llm_in_t *in, const json_t *value,
    const ngx_llm_row_field_t *field, void *row)
{
    size_t           i, size;
    ngx_str_t        name, owner;
    const json_t    *item;
    ngx_llm_list_t  *list;

    if (!json_is_array(value) || json_array_size(value) > field->max) {
        return ngx_llm_in_bad(in, field->name,
                              "must be an array of up to 16384 names");
    }

    ngx_str_set(&owner, "llm-router");

    size = sizeof(ngx_llm_list_t);

    for (i = 0; i < json_array_size(value); i++) {
        item = json_array_get(value, i);

        if (!ngx_llm_in_clean(item, 1, NGX_LLM_MODEL_NAME)) {
            return ngx_llm_in_bad(in, field->name,
                                  "must be an array of names of 1 to 256 "
                                  "bytes without control characters");
        }

        size += ngx_llm_listed_size(json_string_length(item), owner.len);
    }

    list = calloc(1, size);

    if (list == NULL) {
        return ngx_llm_in_bad(in, field->name, "finds no memory");
    }

    ngx_llm_row_list(row, field) = list;

    for (i = 0; i < json_array_size(value); i++) {
        item = json_array_get(value, i);

        name.data = (u_char *) json_string_value(item);
        name.len = json_string_length(item);

        if (ngx_llm_list_add(list, size, &name, &owner, ngx_time())
            != NGX_OK)
        {
            return ngx_llm_in_bad(in, field->name, "is too long");
        }
    }

    return NGX_OK;
}


ngx_uint_t
ngx_llm_in_clean(const json_t *value, size_t min, size_t max)
{
    size_t         n;
    const u_char  *p;

    n = json_string_length(value);

    if (!json_is_string(value) || n < min || n > max) {
        return 0;
    }

    for (p = (const u_char *) json_string_value(value); *p; p++) {
        if (*p < ' ' || *p == 0x7f) {
            return 0;
        }
    }

    return 1;
}
