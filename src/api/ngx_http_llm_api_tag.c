
#include "ngx_http_llm_api_tag.h"


/* room for a tag */
#define NGX_HTTP_LLM_API_TAG  (3 * NGX_ATOMIC_T_LEN + sizeof("\"--\""))


static u_char *ngx_http_llm_api_tag_print(u_char *dst,
    ngx_atomic_uint_t generation, ngx_atomic_uint_t version);
static ngx_uint_t ngx_http_llm_api_tag_any(const ngx_table_elt_t *h);


void
ngx_http_llm_api_tag(ngx_http_llm_api_t *api, ngx_atomic_uint_t generation,
    ngx_atomic_uint_t version)
{
    u_char     *p;
    ngx_str_t   tag;

    p = ngx_pnalloc(api->request->pool, NGX_HTTP_LLM_API_TAG);

    if (p) {
        tag.data = p;
        tag.len = ngx_http_llm_api_tag_print(p, generation, version) - p;

        (void) ngx_http_llm_api_header(api, "etag", &tag);
    }
}


ngx_uint_t
ngx_http_llm_api_tag_matches(ngx_http_llm_api_t *api,
    ngx_atomic_uint_t generation, ngx_atomic_uint_t version)
{
    size_t            n;
    u_char            tag[NGX_HTTP_LLM_API_TAG], *p, *last;
    ngx_table_elt_t  *h;

    h = api->request->headers_in.if_match;

    if (h == NULL || ngx_http_llm_api_tag_any(h)) {
        return 1;
    }

    n = ngx_http_llm_api_tag_print(tag, generation, version) - tag;

    last = h->value.data + h->value.len;

    /* a tag in a list; not one that is weak */

    for (p = h->value.data; p + n <= last; p++) {
        if (ngx_memcmp(p, tag, n) == 0
            && (p == h->value.data || p[-1] != '/'))
        {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_llm_api_tag_absent(ngx_http_llm_api_t *api)
{
    return api->request->headers_in.if_match == NULL;
}


void
ngx_http_llm_api_tag_fail(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_fail(api, NGX_HTTP_PRECONDITION_FAILED,
                          "precondition_failed", NULL,
                          "It was changed by somebody else: read it again");
}


ngx_int_t
ngx_http_llm_api_tag_conditions(ngx_http_llm_api_t *api)
{
    const char       *name;
    ngx_table_elt_t  *match, *none;

    /* what is read is always answered: its figures have no tag */

    if (api->route->method == NGX_HTTP_GET) {
        return NGX_OK;
    }

    match = api->request->headers_in.if_match;
    none = api->request->headers_in.if_none_match;

    if (none && ngx_http_llm_api_tag_any(none)) {
        name = "If-None-Match";

    } else if (match && !ngx_http_llm_api_tag_any(match)
               && !(api->route->flags & NGX_HTTP_LLM_API_TAGGED))
    {
        name = "If-Match";

    } else {
        return NGX_OK;
    }

    ngx_http_llm_api_fail(api, NGX_HTTP_PRECONDITION_FAILED,
                          "precondition_failed", NULL,
                          "Nothing that is changed here answers to this %s",
                          name);
    return NGX_ERROR;
}


static u_char *
ngx_http_llm_api_tag_print(u_char *dst, ngx_atomic_uint_t generation,
    ngx_atomic_uint_t version)
{
    return ngx_sprintf(dst, "\"%uA-%uA-%uA\"",
                       ngx_http_llm_worker.zone->saved.epoch, generation,
                       version);
}


static ngx_uint_t
ngx_http_llm_api_tag_any(const ngx_table_elt_t *h)
{
    return h->value.len == 1 && h->value.data[0] == '*';
}
