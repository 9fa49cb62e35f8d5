
/*
 * The first step of a node's change: what a body says, as far as that can be
 * judged without the table of nodes.
 */


#include "ngx_llm_node_url.h"
#include "ngx_llm_resolve.h"
#include "ngx_http_llm_api_node_edit.h"


static ngx_int_t ngx_http_llm_edit_values(ngx_http_llm_api_t *api,
    ngx_http_llm_edit_t *edit);
static ngx_int_t ngx_http_llm_edit_url(ngx_http_llm_api_t *api,
    ngx_http_llm_edit_t *edit);
static void ngx_http_llm_edit_resolve(ngx_http_llm_api_t *api,
    ngx_http_llm_edit_t *edit);
static void ngx_http_llm_edit_resolved(ngx_llm_resolve_t *resolve);
static void ngx_http_llm_edit_addresses(ngx_http_llm_api_t *api);


/* name, type, min, max, required, nullable; in the order of the enum */

#define NGX_HTTP_LLM_EDIT_OF_ALL                                              \
    { "name", NGX_HTTP_LLM_API_TEXT, 1, NGX_LLM_NODE_NAME - 1, 0, 0 },        \
    { "models", NGX_HTTP_LLM_API_NAMES, 0, NGX_HTTP_LLM_API_NODE_MODELS,      \
      0, 1 },                                                                 \
    { "max_concurrent", NGX_HTTP_LLM_API_NUMBER, 1, 1000000, 0, 1 },          \
    { "weight", NGX_HTTP_LLM_API_NUMBER, 1, 1000, 0, 1 },                     \
    { "type", NGX_HTTP_LLM_API_TEXT, 1, 32, 0, 1 },                           \
    { "notes", NGX_HTTP_LLM_API_TEXT, 0, NGX_LLM_NODE_NOTES - 1, 0, 1 }

#define NGX_HTTP_LLM_EDIT_OF_ADMINS                                           \
    { "api_key", NGX_HTTP_LLM_API_TEXT, 0, NGX_LLM_NODE_KEY - 1, 0, 1 },      \
    { "check", NGX_HTTP_LLM_API_FLAG, 0, 0, 0, 0 }


const ngx_http_llm_api_field_t  ngx_http_llm_edit_create[] = {
    { "base_url", NGX_HTTP_LLM_API_TEXT, 1, 1024, 1, 0 },
    NGX_HTTP_LLM_EDIT_OF_ALL,
    NGX_HTTP_LLM_EDIT_OF_ADMINS,
    { NULL, 0, 0, 0, 0, 0 }
};


const ngx_http_llm_api_field_t  ngx_http_llm_edit_change[] = {
    { "base_url", NGX_HTTP_LLM_API_TEXT, 1, 1024, 0, 0 },
    NGX_HTTP_LLM_EDIT_OF_ALL,
    NGX_HTTP_LLM_EDIT_OF_ADMINS,
    { NULL, 0, 0, 0, 0, 0 }
};


const ngx_http_llm_api_field_t  ngx_http_llm_edit_register[] = {
    { "base_url", NGX_HTTP_LLM_API_TEXT, 1, 1024, 1, 0 },
    NGX_HTTP_LLM_EDIT_OF_ALL,
    { NULL, 0, 0, 0, 0, 0 }
};


void
ngx_http_llm_edit(ngx_http_llm_api_t *api,
    const ngx_http_llm_api_field_t *fields, ngx_http_llm_api_pt then)
{
    ngx_http_llm_edit_t  *edit;

    edit = ngx_pcalloc(api->request->pool, sizeof(ngx_http_llm_edit_t));
    if (edit == NULL) {
        ngx_http_llm_api_reply(api, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
        return;
    }

    edit->then = then;
    edit->place = NGX_LLM_NODE_NONE;

    api->data = edit;

    if (ngx_http_llm_api_input(api, fields, edit->values) != NGX_OK
        || ngx_http_llm_edit_values(api, edit) != NGX_OK
        || ngx_http_llm_edit_url(api, edit) != NGX_OK)
    {
        return;
    }

    if (edit->url.named) {
        ngx_http_llm_edit_resolve(api, edit);
        return;
    }

    ngx_http_llm_edit_addresses(api);
}


/* what the table of fields can't say */

static ngx_int_t
ngx_http_llm_edit_values(ngx_http_llm_api_t *api, ngx_http_llm_edit_t *edit)
{
    size_t      i;
    ngx_str_t  *text;

    text = ngx_http_llm_edit_text(edit, TYPE);

    if (ngx_http_llm_edit_set(edit, TYPE)) {
        edit->type = ngx_llm_node_type(text->data, text->len);

        if (edit->type == NGX_LLM_TYPE_MAX) {
            ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value",
                                  "type", "\"type\" must be one of openai, "
                                  "llamacpp, vllm, ollama, sglang, tgi, "
                                  "lmstudio");
            return NGX_ERROR;
        }
    }

    /* it is to stand in a header */

    text = ngx_http_llm_edit_text(edit, API_KEY);

    for (i = 0; i < text->len; i++) {
        if (text->data[i] <= ' ' || text->data[i] > '~') {
            ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value",
                                  "api_key", "\"api_key\" holds a character "
                                  "that is not printable ASCII");
            return NGX_ERROR;
        }
    }

    if (ngx_http_llm_edit_set(edit, MODELS)) {
        edit->list = ngx_http_llm_edit_list(api->request->pool,
                               edit->values[NGX_HTTP_LLM_EDIT_MODELS].names);
        if (edit->list == NULL) {
            ngx_http_llm_api_reply(api, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_llm_list_t *
ngx_http_llm_edit_list(ngx_pool_t *pool, json_t *names)
{
    size_t           i, size;
    json_t          *json;
    ngx_str_t        name, owner;
    ngx_llm_list_t  *list;

    ngx_str_set(&owner, "llm-router");

    size = sizeof(ngx_llm_list_t);

    json_array_foreach(names, i, json) {
        size += ngx_llm_listed_size(json_string_length(json), owner.len);
    }

    list = ngx_pcalloc(pool, size);
    if (list == NULL) {
        return NULL;
    }

    json_array_foreach(names, i, json) {
        name.data = (u_char *) json_string_value(json);
        name.len = json_string_length(json);

        if (ngx_llm_list_add(list, size, &name, &owner, ngx_time())
            != NGX_OK)
        {
            return NULL;
        }
    }

    return list;
}


static ngx_int_t
ngx_http_llm_edit_url(ngx_http_llm_api_t *api, ngx_http_llm_edit_t *edit)
{
    const char  *wrong;

    if (!ngx_http_llm_edit_given(edit, BASE_URL)) {
        return NGX_OK;
    }

    wrong = ngx_llm_node_url(&edit->url,
                             ngx_http_llm_edit_text(edit, BASE_URL));

    if (wrong == NULL) {
        return NGX_OK;
    }

    /* a URL may hold a password: it is not said again */

    ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value",
                          "base_url", "\"base_url\" %s", wrong);
    return NGX_ERROR;
}


static void
ngx_http_llm_edit_resolve(ngx_http_llm_api_t *api, ngx_http_llm_edit_t *edit)
{
    ngx_llm_resolve_t  *resolve;

    resolve = ngx_calloc(sizeof(ngx_llm_resolve_t),
                         api->request->connection->log);

    if (resolve) {
        ngx_memcpy(resolve->host, edit->url.host, NGX_LLM_NODE_HOST);
        resolve->port = edit->url.port;
        resolve->allow = &ngx_http_llm_worker.mcf->node_allow;
        resolve->data = api;
        resolve->done = ngx_http_llm_edit_resolved;

        if (ngx_llm_resolve(resolve) == NGX_OK) {
            ngx_http_llm_api_wait(api, ngx_http_llm_edit_addresses);
            return;
        }

        ngx_free(resolve);
    }

    ngx_http_llm_api_reply(api, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
}


/* a name without an address is no error: it may get one */

static void
ngx_http_llm_edit_resolved(ngx_llm_resolve_t *resolve)
{
    ngx_http_llm_api_t   *api;
    ngx_http_llm_edit_t  *edit;

    api = resolve->data;
    edit = api->data;

    edit->refused = (resolve->naddrs == 0 && resolve->refused);

    if (resolve->error == NULL) {
        edit->url.naddrs = resolve->naddrs;

        ngx_memcpy(edit->url.addrs, resolve->addrs,
                   resolve->naddrs * sizeof(ngx_llm_addr_t));
    }

    ngx_free(resolve);

    ngx_http_llm_api_go(api);
}


/* those of a name are allowed, others were left out */

static void
ngx_http_llm_edit_addresses(ngx_http_llm_api_t *api)
{
    ngx_llm_node_conf_t  *url;
    ngx_http_llm_edit_t  *edit;

    edit = api->data;
    url = &edit->url;

    if (edit->refused
        || (url->naddrs
            && !ngx_llm_cidr_allows(&ngx_http_llm_worker.mcf->node_allow,
                                    (struct sockaddr *)
                                    &url->addrs[0].sockaddr)))
    {
        ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST,
                              "address_not_allowed", "base_url",
                              "No node may be at this address: see "
                              "llm_router_node_allow");
        return;
    }

    edit->then(api);
}
