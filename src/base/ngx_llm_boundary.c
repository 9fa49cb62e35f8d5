
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_boundary.h"


static u_char *ngx_llm_boundary_token(u_char *p, u_char *last, u_char stop,
    ngx_str_t *token);
static u_char *ngx_llm_boundary_quoted(u_char *p, u_char *last,
    ngx_str_t *text);
static u_char *ngx_llm_boundary_space(u_char *p, u_char *last);
static ngx_uint_t ngx_llm_boundary_same(const u_char *p, size_t n,
    const char *lower);
static ngx_int_t ngx_llm_boundary_sound(const ngx_str_t *boundary);


ngx_int_t
ngx_llm_boundary(const ngx_str_t *content_type, ngx_str_t *boundary)
{
    u_char     *p, *last;
    ngx_str_t   name, value;

    last = content_type->data + content_type->len;
    p = ngx_llm_boundary_space(content_type->data, last);
    p = ngx_llm_boundary_token(p, last, '=', &name);

    if (!ngx_llm_boundary_same(name.data, name.len, "multipart/form-data")) {
        return NGX_DECLINED;
    }

    for ( ;; ) {
        p = ngx_llm_boundary_space(p, last);

        if (p == last || *p != ';') {
            return NGX_DECLINED;
        }

        p = ngx_llm_boundary_space(p + 1, last);
        p = ngx_llm_boundary_token(p, last, '=', &name);

        if (p == last || *p != '=') {
            continue;
        }

        if (++p < last && *p == '"') {
            p = ngx_llm_boundary_quoted(p, last, &value);

        } else {
            p = ngx_llm_boundary_token(p, last, ';', &value);
        }

        if (p == NULL) {
            return NGX_DECLINED;
        }

        if (ngx_llm_boundary_same(name.data, name.len, "boundary")) {
            *boundary = value;
            return ngx_llm_boundary_sound(boundary);
        }
    }
}


/* the text up to white space, a quote, ";" or the stop; returns its end */

static u_char *
ngx_llm_boundary_token(u_char *p, u_char *last, u_char stop, ngx_str_t *token)
{
    token->data = p;

    while (p < last && *p > ' ' && *p < 0x7f
           && *p != ';' && *p != '"' && *p != '\\' && *p != stop)
    {
        p++;
    }

    token->len = p - token->data;

    return p;
}


/* p is at the opening quote; NULL: it does not end, or has an escape */

static u_char *
ngx_llm_boundary_quoted(u_char *p, u_char *last, ngx_str_t *text)
{
    text->data = ++p;

    while (p < last && *p != '"') {

        if (*p == '\\') {
            return NULL;
        }

        p++;
    }

    if (p == last) {
        return NULL;
    }

    text->len = p - text->data;

    return p + 1;
}


static u_char *
ngx_llm_boundary_space(u_char *p, u_char *last)
{
    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p;
}


static ngx_uint_t
ngx_llm_boundary_same(const u_char *p, size_t n, const char *lower)
{
    size_t  i;

    if (n != ngx_strlen(lower)) {
        return 0;
    }

    for (i = 0; i < n; i++) {

        if (ngx_tolower(p[i]) != (u_char) lower[i]) {
            return 0;
        }
    }

    return 1;
}


/* printable ASCII that does not end with a space */

static ngx_int_t
ngx_llm_boundary_sound(const ngx_str_t *boundary)
{
    size_t  i;

    if (boundary->len == 0
        || boundary->len > NGX_LLM_BOUNDARY
        || boundary->data[boundary->len - 1] == ' ')
    {
        return NGX_DECLINED;
    }

    for (i = 0; i < boundary->len; i++) {

        if (boundary->data[i] < ' ' || boundary->data[i] > '~') {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}
