
/*
 * What a body says of a key, read and checked by a table of its fields.
 */


#include "ngx_llm_rate.h"
#include "ngx_http_llm_api_key_edit.h"
#include "ngx_http_llm_api_key_json.h"


static ngx_int_t ngx_http_llm_api_key_scopes(ngx_http_llm_api_t *api,
    ngx_http_llm_key_edit_t *edit);
static ngx_int_t ngx_http_llm_api_key_models(ngx_http_llm_api_t *api,
    ngx_http_llm_key_edit_t *edit);


/* name, type, min, max, required, nullable; in the order of the enum */

#define NGX_HTTP_LLM_KEY_OF_BOTH                                              \
    { "scopes", NGX_HTTP_LLM_API_NAMES, 0, 3, 0, 0 },                         \
    { "models", NGX_HTTP_LLM_API_NAMES, 0, NGX_LLM_KEY_MODELS / 2, 0, 1 },    \
    { "rpm", NGX_HTTP_LLM_API_NUMBER, 1, NGX_LLM_RATE_MAX, 0, 1 },            \
    { "tpm", NGX_HTTP_LLM_API_NUMBER, 1, NGX_LLM_RATE_MAX, 0, 1 },            \
    { "max_concurrent", NGX_HTTP_LLM_API_NUMBER, 1, 1000000, 0, 1 },          \
    { "priority", NGX_HTTP_LLM_API_NUMBER, 1, 100, 0, 1 },                    \
    { "expires_at", NGX_HTTP_LLM_API_TIME, 1, 253402300799LL, 0, 1 },         \
    { "auto_approve", NGX_HTTP_LLM_API_FLAG, 0, 0, 0, 0 },                    \
    { NULL, 0, 0, 0, 0, 0 }


const ngx_http_llm_api_field_t  ngx_http_llm_api_key_creation[] = {
    { "name", NGX_HTTP_LLM_API_TEXT, 1, NGX_LLM_KEY_NAME - 1, 1, 0 },
    NGX_HTTP_LLM_KEY_OF_BOTH
};


const ngx_http_llm_api_field_t  ngx_http_llm_api_key_changes[] = {
    { "name", NGX_HTTP_LLM_API_TEXT, 1, NGX_LLM_KEY_NAME - 1, 0, 0 },
    NGX_HTTP_LLM_KEY_OF_BOTH
};


ngx_int_t
ngx_http_llm_api_key_edit(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_field_t *fields, ngx_http_llm_key_edit_t *edit)
{
    ngx_memzero(edit, sizeof(ngx_http_llm_key_edit_t));

    if (ngx_http_llm_api_input(api, fields, edit->values) != NGX_OK
        || ngx_http_llm_api_key_scopes(api, edit) != NGX_OK
        || ngx_http_llm_api_key_models(api, edit) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_api_key_scopes(ngx_http_llm_api_t *api,
    ngx_http_llm_key_edit_t *edit)
{
    size_t                           i;
    json_t                          *name;
    const ngx_http_llm_api_scope_t  *scope;

    if (!edit->values[NGX_HTTP_LLM_KEY_SCOPES].given) {
        return NGX_OK;
    }

    json_array_foreach(edit->values[NGX_HTTP_LLM_KEY_SCOPES].names, i, name) {

        for (scope = ngx_http_llm_api_scopes; scope->name; scope++) {
            if (ngx_strcmp(json_string_value(name), scope->name) == 0) {
                break;
            }
        }

        if (scope->name == NULL) {
            edit->scopes = 0;
            break;
        }

        edit->scopes |= scope->bit;
    }

    if (edit->scopes) {
        return NGX_OK;
    }

    ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value",
                          "scopes", "\"scopes\" must be one or more of "
                          "inference, node, admin");
    return NGX_ERROR;
}


/* the names as the table keeps them, by commas; "" would be any model */

static ngx_int_t
ngx_http_llm_api_key_models(ngx_http_llm_api_t *api,
    ngx_http_llm_key_edit_t *edit)
{
    size_t       i, n;
    u_char      *p, *last;
    json_t      *names, *name;
    const char  *wrong, *text;

    names = edit->values[NGX_HTTP_LLM_KEY_MODELS].names;

    if (names == NULL) {
        return NGX_OK;
    }

    p = edit->models;
    last = p + NGX_LLM_KEY_MODELS - 1;

    wrong = json_array_size(names) ? NULL
                                   : "is empty: null stands for any model";

    json_array_foreach(names, i, name) {
        text = json_string_value(name);
        n = json_string_length(name);

        if (ngx_strchr(text, ',')) {
            wrong = "holds a name with a comma";
            break;
        }

        if ((size_t) (last - p) < n + (i > 0)) {
            wrong = "has more than 511 bytes in all";
            break;
        }

        if (i) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, text, n);
    }

    if (wrong == NULL) {
        return NGX_OK;
    }

    ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value",
                          "models", "\"models\" %s", wrong);
    return NGX_ERROR;
}


ngx_int_t
ngx_http_llm_api_key_apply(const ngx_http_llm_key_edit_t *edit,
    ngx_llm_key_conf_t *conf)
{
    const ngx_http_llm_api_value_t  *v;

    v = edit->values;

    if (v[NGX_HTTP_LLM_KEY_NAME].given) {
        ngx_cpystrn(conf->name, v[NGX_HTTP_LLM_KEY_NAME].text.data,
                    v[NGX_HTTP_LLM_KEY_NAME].text.len + 1);
    }

    if (v[NGX_HTTP_LLM_KEY_SCOPES].given) {

        /* to approve means nothing without "node" */

        conf->scopes = edit->scopes
                       | ((edit->scopes & NGX_LLM_SCOPE_NODE)
                          ? conf->scopes & NGX_LLM_SCOPE_APPROVE : 0);
    }

    if (v[NGX_HTTP_LLM_KEY_MODELS].given) {
        ngx_memcpy(conf->models, edit->models, NGX_LLM_KEY_MODELS);
    }

    if (v[NGX_HTTP_LLM_KEY_RPM].given) {
        conf->rpm = v[NGX_HTTP_LLM_KEY_RPM].number;
    }

    if (v[NGX_HTTP_LLM_KEY_TPM].given) {
        conf->tpm = v[NGX_HTTP_LLM_KEY_TPM].number;
    }

    if (v[NGX_HTTP_LLM_KEY_MAX_CONCURRENT].given) {
        conf->max_concurrent = v[NGX_HTTP_LLM_KEY_MAX_CONCURRENT].number;
    }

    if (v[NGX_HTTP_LLM_KEY_PRIORITY].given) {
        conf->priority = v[NGX_HTTP_LLM_KEY_PRIORITY].number;
    }

    if (v[NGX_HTTP_LLM_KEY_EXPIRES_AT].given) {
        conf->expires = v[NGX_HTTP_LLM_KEY_EXPIRES_AT].number;
    }

    if (v[NGX_HTTP_LLM_KEY_AUTO_APPROVE].given) {
        conf->scopes &= ~NGX_LLM_SCOPE_APPROVE;

        if (v[NGX_HTTP_LLM_KEY_AUTO_APPROVE].number) {
            conf->scopes |= NGX_LLM_SCOPE_APPROVE;
        }
    }

    return ((conf->scopes & NGX_LLM_SCOPE_APPROVE)
            && !(conf->scopes & NGX_LLM_SCOPE_NODE)) ? NGX_DECLINED : NGX_OK;
}
