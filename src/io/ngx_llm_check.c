
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_llm_check.h"


static ngx_int_t ngx_llm_check_get(ngx_llm_check_t *check,
    const ngx_str_t *path);
static const char *ngx_llm_check_list_body(void *data, u_char *p, size_t n);
static void ngx_llm_check_list_done(ngx_llm_http_t *h);
static void ngx_llm_check_judge(ngx_llm_check_t *check);
static ngx_int_t ngx_llm_check_status(ngx_llm_check_t *check);

static void ngx_llm_check_ask(ngx_llm_check_t *check, ngx_uint_t question);
static const char *ngx_llm_check_more_body(void *data, u_char *p, size_t n);
static void ngx_llm_check_more_done(ngx_llm_http_t *h);


static const ngx_str_t  ngx_llm_check_models = ngx_string("/v1/models");


ngx_int_t
ngx_llm_check_start(ngx_llm_check_t *check)
{
    check->http.addr = check->addr;
    check->http.done = ngx_llm_check_list_done;

    if (check->conf.discover) {
        check->catalog = ngx_palloc(check->pool, sizeof(ngx_llm_catalog_t));
        if (check->catalog == NULL) {
            return NGX_ERROR;
        }

        ngx_llm_catalog_init(check->catalog, check->pool);

        check->http.body = ngx_llm_check_list_body;
    }

    return ngx_llm_check_get(check, &ngx_llm_check_models);
}


void
ngx_llm_check_cancel(ngx_llm_check_t *check)
{
    ngx_llm_http_cancel(&check->http);
}


static ngx_int_t
ngx_llm_check_get(ngx_llm_check_t *check, const ngx_str_t *path)
{
    ngx_llm_http_t  *h;

    h = &check->http;

    h->node = &check->conf;
    h->path = *path;
    h->timeout = check->timeout;
    h->ssl = check->ssl;
    h->log = check->log;
    h->pool = check->pool;
    h->data = check;

    return ngx_llm_http_get(h);
}


static const char *
ngx_llm_check_list_body(void *data, u_char *p, size_t n)
{
    ngx_llm_check_t  *check = data;

    (void) ngx_llm_catalog_feed(check->catalog, p, n);

    return check->catalog->error;
}


static void
ngx_llm_check_list_done(ngx_llm_http_t *h)
{
    ngx_llm_check_t  *check;

    check = h->data;

    ngx_llm_check_judge(check);

    check->more = check->heard(check);

    if (check->more == NGX_LLM_CHECK_NOTHING) {
        check->done(check);
        return;
    }

    /* the slots stand in the answer to the first question */

    ngx_llm_check_ask(check, NGX_LLM_DETECT_SLOTS);
}


/* is it well? */

static void
ngx_llm_check_judge(ngx_llm_check_t *check)
{
    ngx_llm_http_t  *h;

    h = &check->http;

    check->addr = h->addr;
    check->ours = h->ours;
    check->error = h->error;
    check->err = h->err;
    check->silent = h->silent;

    if (h->error || ngx_llm_check_status(check) != NGX_OK) {
        return;
    }

    if (!check->conf.discover) {
        return;
    }

    if (ngx_llm_catalog_end(check->catalog) != NGX_OK) {
        check->error = check->catalog->error;
        return;
    }

    check->list = check->catalog->list;
    check->left_out = check->catalog->left_out;
}


/* a node whose models are given speaks HTTP and lets us in: that will do */

static ngx_int_t
ngx_llm_check_status(ngx_llm_check_t *check)
{
    ngx_uint_t  status;

    status = check->http.reply.status;

    if (status == 200) {
        return NGX_OK;
    }

    if (!check->conf.discover
        && status < 500
        && status != 401
        && status != 403)
    {
        return NGX_OK;
    }

    *ngx_sprintf(check->text, "answered %ui", status) = '\0';

    check->error = (char *) check->text;

    return NGX_DECLINED;
}


static void
ngx_llm_check_ask(ngx_llm_check_t *check, ngx_uint_t question)
{
    u_char          *buffer;
    ngx_llm_http_t  *h;

    h = &check->http;
    buffer = h->buffer;

    ngx_memzero(h, sizeof(ngx_llm_http_t));

    h->buffer = buffer;
    h->addr = check->addr;
    h->body = ngx_llm_check_more_body;
    h->done = ngx_llm_check_more_done;

    check->question = question;

    ngx_llm_detect_init(&check->detect);

    if (ngx_llm_check_get(check, ngx_llm_detect_path(question)) != NGX_OK) {
        check->broken = 1;
        check->done(check);
    }
}


static const char *
ngx_llm_check_more_body(void *data, u_char *p, size_t n)
{
    ngx_llm_check_t  *check = data;

    if (ngx_llm_detect_feed(&check->detect, p, n) != NGX_OK) {
        return "not JSON";
    }

    return NULL;
}


static void
ngx_llm_check_more_done(ngx_llm_http_t *h)
{
    ngx_uint_t        type;
    ngx_llm_check_t  *check;

    check = h->data;

    if (h->reply.status == 0) {
        check->broken = 1;
        check->done(check);
        return;
    }

    type = NGX_LLM_TYPE_UNKNOWN;

    if (h->reply.status == 200 && h->error == NULL) {
        type = ngx_llm_detect_end(&check->detect, check->question);
    }

    if (type == NGX_LLM_TYPE_LLAMACPP) {
        check->slots = check->detect.slots;
    }

    if (check->more == NGX_LLM_CHECK_TYPE) {
        check->type = type;

        if (type == NGX_LLM_TYPE_UNKNOWN
            && ngx_llm_detect_path(check->question + 1))
        {
            ngx_llm_check_ask(check, check->question + 1);
            return;
        }
    }

    check->done(check);
}
