
/*
 * A key as JSON: a member is a row of the table.
 */


#include "ngx_http_llm_api_input.h"
#include "ngx_http_llm_api_key_json.h"


typedef struct {
    ngx_llm_zone_t         *zone;
    ngx_llm_key_t          *key;
    uint32_t                place;
    ngx_llm_key_conf_t      conf;
} ngx_http_llm_key_view_t;


typedef struct {
    const char             *name;
    json_t               *(*value)(const ngx_http_llm_key_view_t *v, size_t n);
    size_t                  n;
} ngx_http_llm_key_row_t;


static json_t *ngx_http_llm_key_id(const ngx_http_llm_key_view_t *v,
    size_t n);
static json_t *ngx_http_llm_key_text(const ngx_http_llm_key_view_t *v,
    size_t n);
static json_t *ngx_http_llm_key_source(const ngx_http_llm_key_view_t *v,
    size_t n);
static json_t *ngx_http_llm_key_scopes(const ngx_http_llm_key_view_t *v,
    size_t n);
static json_t *ngx_http_llm_key_models(const ngx_http_llm_key_view_t *v,
    size_t n);
static json_t *ngx_http_llm_key_rate(const ngx_http_llm_key_view_t *v,
    size_t n);
static json_t *ngx_http_llm_key_max(const ngx_http_llm_key_view_t *v,
    size_t n);
static json_t *ngx_http_llm_key_priority(const ngx_http_llm_key_view_t *v,
    size_t n);
static json_t *ngx_http_llm_key_time(const ngx_http_llm_key_view_t *v,
    size_t n);
static json_t *ngx_http_llm_key_approve(const ngx_http_llm_key_view_t *v,
    size_t n);
static json_t *ngx_http_llm_key_state(const ngx_http_llm_key_view_t *v,
    size_t n);
static json_t *ngx_http_llm_key_in_flight(const ngx_http_llm_key_view_t *v,
    size_t n);
static json_t *ngx_http_llm_key_count(const ngx_http_llm_key_view_t *v,
    size_t n);
static json_t *ngx_http_llm_key_used(const ngx_http_llm_key_view_t *v,
    size_t n);


const ngx_http_llm_api_scope_t  ngx_http_llm_api_scopes[] = {
    { "inference", NGX_LLM_SCOPE_INFERENCE },
    { "node", NGX_LLM_SCOPE_NODE },
    { "admin", NGX_LLM_SCOPE_ADMIN },
    { NULL, 0 }
};


#define ngx_http_llm_key_conf(field)   offsetof(ngx_llm_key_conf_t, field)
#define ngx_http_llm_key_place(field)  offsetof(ngx_llm_key_t, field)


static const ngx_http_llm_key_row_t  ngx_http_llm_key_rows[] = {

    { "id", ngx_http_llm_key_id, 0 },
    { "name", ngx_http_llm_key_text, ngx_http_llm_key_conf(name) },
    { "prefix", ngx_http_llm_key_text, ngx_http_llm_key_conf(prefix) },
    { "source", ngx_http_llm_key_source, 0 },

    { "scopes", ngx_http_llm_key_scopes, 0 },
    { "models", ngx_http_llm_key_models, 0 },
    { "rpm", ngx_http_llm_key_rate, ngx_http_llm_key_conf(rpm) },
    { "tpm", ngx_http_llm_key_rate, ngx_http_llm_key_conf(tpm) },
    { "max_concurrent", ngx_http_llm_key_max, 0 },
    { "priority", ngx_http_llm_key_priority, 0 },
    { "expires_at", ngx_http_llm_key_time, ngx_http_llm_key_conf(expires) },
    { "auto_approve", ngx_http_llm_key_approve, 0 },
    { "state", ngx_http_llm_key_state, 0 },

    { "in_flight", ngx_http_llm_key_in_flight, 0 },
    { "requests", ngx_http_llm_key_count, ngx_http_llm_key_place(requests) },
    { "prompt_tokens", ngx_http_llm_key_count,
      ngx_http_llm_key_place(prompt_tokens) },
    { "completion_tokens", ngx_http_llm_key_count,
      ngx_http_llm_key_place(completion_tokens) },

    { "created_at", ngx_http_llm_key_time, ngx_http_llm_key_conf(created) },
    { "last_used_at", ngx_http_llm_key_used, 0 },

    { NULL, NULL, 0 }
};


json_t *
ngx_http_llm_api_key_json(uint32_t i, uint64_t id)
{
    json_t                        *json;
    ngx_llm_keys_t                *keys;
    ngx_http_llm_key_view_t        view;
    const ngx_http_llm_key_row_t  *row;

    keys = ngx_http_llm_worker.zone->keys;

    if (ngx_llm_keys_read(keys, i, &view.conf) != NGX_OK
        || (id && view.conf.id != id))
    {
        return NULL;
    }

    view.zone = ngx_http_llm_worker.zone;
    view.key = &keys->key[i];
    view.place = i;

    json = json_object();

    for (row = ngx_http_llm_key_rows; row->name; row++) {

        /* a NULL, of no memory, is refused there */

        if (json_object_set_new_nocheck(json, row->name,
                                        row->value(&view, row->n))
            != 0)
        {
            json_decref(json);
            return NULL;
        }
    }

    return json;
}


static json_t *
ngx_http_llm_key_id(const ngx_http_llm_key_view_t *v, size_t n)
{
    return ngx_http_llm_api_json_id("key-", v->conf.id);
}


static json_t *
ngx_http_llm_key_text(const ngx_http_llm_key_view_t *v, size_t n)
{
    return ngx_http_llm_api_json_text((u_char *) &v->conf + n);
}


static json_t *
ngx_http_llm_key_source(const ngx_http_llm_key_view_t *v, size_t n)
{
    return json_string(v->conf.is_static ? "nginx.conf" : "api");
}


static json_t *
ngx_http_llm_key_scopes(const ngx_http_llm_key_view_t *v, size_t n)
{
    json_t                          *array;
    const ngx_http_llm_api_scope_t  *scope;

    array = json_array();

    for (scope = ngx_http_llm_api_scopes; scope->name; scope++) {
        if (v->conf.scopes & scope->bit) {
            (void) json_array_append_new(array, json_string(scope->name));
        }
    }

    return array;
}


/* null: any */

static json_t *
ngx_http_llm_key_models(const ngx_http_llm_key_view_t *v, size_t n)
{
    json_t      *array, *name;
    const char  *p, *q;

    p = (const char *) v->conf.models;

    if (*p == '\0') {
        return json_null();
    }

    array = json_array();

    for ( ;; ) {
        q = ngx_strchr(p, ',');

        if (q == NULL) {
            q = p + ngx_strlen(p);
        }

        name = json_stringn(p, q - p);

        /* a name of nginx.conf need not be UTF-8 */

        (void) json_array_append_new(array, name ? name : json_string("?"));

        if (*q == '\0') {
            return array;
        }

        p = q + 1;
    }
}


/* null: no limit */

static json_t *
ngx_http_llm_key_rate(const ngx_http_llm_key_view_t *v, size_t n)
{
    uint64_t  rate;

    rate = *(uint64_t *) ((u_char *) &v->conf + n);

    return rate ? json_integer((json_int_t) rate) : json_null();
}


static json_t *
ngx_http_llm_key_max(const ngx_http_llm_key_view_t *v, size_t n)
{
    return v->conf.max_concurrent
           ? json_integer((json_int_t) v->conf.max_concurrent) : json_null();
}


static json_t *
ngx_http_llm_key_priority(const ngx_http_llm_key_view_t *v, size_t n)
{
    return v->conf.priority ? json_integer(v->conf.priority) : json_null();
}


static json_t *
ngx_http_llm_key_time(const ngx_http_llm_key_view_t *v, size_t n)
{
    return ngx_http_llm_api_json_time(*(time_t *) ((u_char *) &v->conf + n));
}


static json_t *
ngx_http_llm_key_approve(const ngx_http_llm_key_view_t *v, size_t n)
{
    return json_boolean(v->conf.scopes & NGX_LLM_SCOPE_APPROVE);
}


static json_t *
ngx_http_llm_key_state(const ngx_http_llm_key_view_t *v, size_t n)
{
    if (!v->key->valid) {
        return json_string("revoked");
    }

    return json_string((v->conf.expires && v->conf.expires <= ngx_time())
                       ? "expired" : "active");
}


static json_t *
ngx_http_llm_key_in_flight(const ngx_http_llm_key_view_t *v, size_t n)
{
    return json_integer((json_int_t) ngx_llm_limits_count(v->zone->limits,
                                 ngx_llm_key_in_flight(v->zone, v->place)));
}


static json_t *
ngx_http_llm_key_count(const ngx_http_llm_key_view_t *v, size_t n)
{
    ngx_atomic_t  *count;

    count = (ngx_atomic_t *) ((u_char *) v->key + n);

    return json_integer((json_int_t) *count);
}


static json_t *
ngx_http_llm_key_used(const ngx_http_llm_key_view_t *v, size_t n)
{
    return ngx_http_llm_api_json_time((time_t) v->key->last_used);
}
