
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_error.h"
#include "ngx_llm_record.h"
#include "ngx_llm_text.h"
#include "ngx_llm_time.h"


/* all of it but the texts, and "\u0000" a byte of these */
#define NGX_LLM_RECORD_JSON  768

/* the next member's name */
#define ngx_llm_record_member(p, name)                                        \
    ngx_cpymem(p, ",\"" name "\":", sizeof(",\"" name "\":") - 1)


static ngx_uint_t ngx_llm_record_has(const ngx_str_t *text,
    const ngx_str_t *part);
static ngx_uint_t ngx_llm_record_is(const ngx_str_t *text,
    const ngx_str_t *wanted);
static u_char *ngx_llm_record_json_who(u_char *p,
    const ngx_llm_record_t *record, const ngx_str_t *router);
static u_char *ngx_llm_record_json_end(u_char *p,
    const ngx_llm_record_t *record);
static u_char *ngx_llm_record_json_figures(u_char *p,
    const ngx_llm_record_t *record);
static u_char *ngx_llm_record_json_bodies(u_char *p,
    const ngx_llm_record_t *record);
static u_char *ngx_llm_record_json_own(u_char *p,
    const ngx_llm_record_t *record, ngx_uint_t which);
static u_char *ngx_llm_record_json_text(u_char *p, const ngx_str_t *text);
static u_char *ngx_llm_record_json_number(u_char *p, int64_t n);
static u_char *ngx_llm_record_json_flag(u_char *p, ngx_uint_t flag);


const char  *ngx_llm_record_statuses[NGX_LLM_RECORD_STATUSES] = {
    "success", "error", "cancelled"
};


ngx_str_t
ngx_llm_record_text(const ngx_llm_record_t *record, ngx_uint_t which)
{
    ngx_str_t   text;
    ngx_uint_t  i;

    text.data = (u_char *) record->text;

    for (i = 0; i < which; i++) {
        text.data += record->len[i];
    }

    text.len = record->len[which];

    return text;
}


ngx_uint_t
ngx_llm_record_sane(const ngx_llm_record_t *record, size_t room)
{
    size_t      size;
    ngx_uint_t  i;

    size = 0;

    for (i = 0; i < NGX_LLM_RECORD_TEXTS; i++) {
        size += record->len[i];
    }

    return size <= room
           && record->status < NGX_LLM_RECORD_STATUSES
           && record->error < NGX_LLM_ERR_MAX;
}


ngx_uint_t
ngx_llm_record_fits(const ngx_llm_record_t *record,
    const ngx_llm_record_filter_t *filter, uint64_t zone)
{
    u_char     id[NGX_LLM_RECORD_ID_LEN];
    ngx_str_t  text;

    if (record->time < filter->from
        || (filter->to && record->time > filter->to)
        || (filter->status && !(filter->status & (1u << record->status))))
    {
        return 0;
    }

    if (filter->model.len) {
        text = ngx_llm_record_text(record, NGX_LLM_RECORD_MODEL);

        if (!ngx_llm_record_has(&text, &filter->model)) {
            return 0;
        }
    }

    if (filter->key.len) {
        text = ngx_llm_record_text(record, NGX_LLM_RECORD_KEY);

        if (!ngx_llm_record_is(&text, &filter->key)) {
            return 0;
        }
    }

    if (filter->node.len) {
        text = ngx_llm_record_text(record, NGX_LLM_RECORD_NODE);

        if (!ngx_llm_record_is(&text, &filter->node)) {
            text.data = id;
            text.len = ngx_llm_record_node_id(id, record) - id;

            if (!ngx_llm_record_is(&text, &filter->node)) {
                return 0;
            }
        }
    }

    if (filter->id.len) {
        text = ngx_llm_record_text(record, NGX_LLM_RECORD_ID);

        if (!ngx_llm_record_is(&text, &filter->id)) {
            text.data = id;
            text.len = ngx_llm_record_id(id, record, zone) - id;

            if (!ngx_llm_record_is(&text, &filter->id)) {
                return 0;
            }
        }
    }

    return 1;
}


static ngx_uint_t
ngx_llm_record_has(const ngx_str_t *text, const ngx_str_t *part)
{
    return text->len
           && memmem(text->data, text->len, part->data, part->len) != NULL;
}


static ngx_uint_t
ngx_llm_record_is(const ngx_str_t *text, const ngx_str_t *wanted)
{
    return text->len == wanted->len
           && ngx_memcmp(text->data, wanted->data, text->len) == 0;
}


u_char *
ngx_llm_record_id(u_char *p, const ngx_llm_record_t *record, uint64_t zone)
{
    ngx_llm_hex64(p, zone);

    p += 16;
    *p++ = '-';

    return ngx_llm_hex(p, record->number, 1);
}


u_char *
ngx_llm_record_node_id(u_char *p, const ngx_llm_record_t *record)
{
    if (record->node_id == 0) {
        return p;
    }

    p = ngx_cpymem(p, "node-", 5);

    return ngx_llm_hex(p, record->node_id, 16);
}


const char *
ngx_llm_record_error(const ngx_llm_record_t *record)
{
    if (record->node_error) {
        return "node_error";
    }

    return record->error ? ngx_llm_errors[record->error].code : NULL;
}


size_t
ngx_llm_record_json_size(const ngx_llm_record_t *record, size_t router_len)
{
    size_t      size;
    ngx_uint_t  i;

    size = NGX_LLM_RECORD_JSON + 6 * router_len;

    for (i = 0; i < NGX_LLM_RECORD_TEXTS; i++) {
        size += 6 * record->len[i];
    }

    /* the model may stand for the requested one, too */

    return size + 6 * record->len[NGX_LLM_RECORD_MODEL];
}


u_char *
ngx_llm_record_json(u_char *p, const ngx_llm_record_t *record, uint64_t zone,
    const ngx_str_t *router)
{
    p = ngx_cpymem(p, "{\"id\":\"", 7);
    p = ngx_llm_record_id(p, record, zone);
    p = ngx_cpymem(p, "\",\"time\":\"", 10);
    p = ngx_llm_time_text(p, record->time);
    *p++ = '"';

    p = ngx_llm_record_json_who(p, record, router);
    p = ngx_llm_record_json_end(p, record);
    p = ngx_llm_record_json_figures(p, record);
    p = ngx_llm_record_json_bodies(p, record);

    *p++ = '}';

    return p;
}


static u_char *
ngx_llm_record_json_who(u_char *p, const ngx_llm_record_t *record,
    const ngx_str_t *router)
{
    u_char      id[NGX_LLM_RECORD_NODE_LEN];
    ngx_str_t   text;
    ngx_uint_t  requested;

    p = ngx_llm_record_member(p, "request_id");
    p = ngx_llm_record_json_own(p, record, NGX_LLM_RECORD_ID);

    p = ngx_llm_record_member(p, "router");
    p = ngx_llm_record_json_text(p, router);

    p = ngx_llm_record_member(p, "endpoint");
    p = ngx_llm_record_json_own(p, record, NGX_LLM_RECORD_ENDPOINT);

    p = ngx_llm_record_member(p, "model");
    p = ngx_llm_record_json_own(p, record, NGX_LLM_RECORD_MODEL);

    requested = record->len[NGX_LLM_RECORD_REQUESTED]
                ? NGX_LLM_RECORD_REQUESTED : NGX_LLM_RECORD_MODEL;

    p = ngx_llm_record_member(p, "requested_model");
    p = ngx_llm_record_json_own(p, record, requested);

    p = ngx_llm_record_member(p, "node");
    p = ngx_llm_record_json_own(p, record, NGX_LLM_RECORD_NODE);

    text.data = id;
    text.len = ngx_llm_record_node_id(id, record) - id;

    p = ngx_llm_record_member(p, "node_id");
    p = ngx_llm_record_json_text(p, &text);

    p = ngx_llm_record_member(p, "key");
    p = ngx_llm_record_json_own(p, record, NGX_LLM_RECORD_KEY);

    p = ngx_llm_record_member(p, "client_ip");

    return ngx_llm_record_json_own(p, record, NGX_LLM_RECORD_CLIENT);
}


/* how it ended */

static u_char *
ngx_llm_record_json_end(u_char *p, const ngx_llm_record_t *record)
{
    ngx_str_t    text;
    const char  *error;

    p = ngx_llm_record_member(p, "stream");
    p = ngx_llm_record_json_flag(p, record->stream);

    text.data = (u_char *) ngx_llm_record_statuses[record->status];
    text.len = ngx_strlen(text.data);

    p = ngx_llm_record_member(p, "status");
    p = ngx_llm_record_json_text(p, &text);

    p = ngx_llm_record_member(p, "http_status");
    p = ngx_llm_decimal(p, record->http_status);

    error = ngx_llm_record_error(record);

    text.data = (u_char *) error;
    text.len = error ? ngx_strlen(error) : 0;

    p = ngx_llm_record_member(p, "error_code");

    return ngx_llm_record_json_text(p, &text);
}


static u_char *
ngx_llm_record_json_figures(u_char *p, const ngx_llm_record_t *record)
{
    p = ngx_llm_record_member(p, "duration_ms");
    p = ngx_llm_decimal(p, record->duration);

    p = ngx_llm_record_member(p, "ttft_ms");
    p = ngx_llm_record_json_number(p, record->ttft);

    p = ngx_llm_record_member(p, "queue_ms");
    p = ngx_llm_decimal(p, record->queue);

    p = ngx_llm_record_member(p, "attempts");
    p = ngx_llm_decimal(p, record->attempts);

    p = ngx_llm_record_member(p, "prompt_tokens");
    p = ngx_llm_record_json_number(p, record->prompt_tokens);

    p = ngx_llm_record_member(p, "completion_tokens");
    p = ngx_llm_record_json_number(p, record->completion_tokens);

    p = ngx_llm_record_member(p, "total_tokens");
    p = ngx_llm_record_json_number(p, ngx_llm_record_total(record));

    p = ngx_llm_record_member(p, "estimated");
    p = ngx_llm_record_json_flag(p, record->estimated);

    p = ngx_llm_record_member(p, "request_bytes");
    p = ngx_llm_decimal(p, record->request_bytes);

    p = ngx_llm_record_member(p, "response_bytes");

    return ngx_llm_decimal(p, record->response_bytes);
}


static u_char *
ngx_llm_record_json_bodies(u_char *p, const ngx_llm_record_t *record)
{
    if (record->len[NGX_LLM_RECORD_REQUEST] == 0
        && record->len[NGX_LLM_RECORD_RESPONSE] == 0)
    {
        return p;
    }

    p = ngx_llm_record_member(p, "bodies");
    p = ngx_cpymem(p, "{\"request\":", 11);
    p = ngx_llm_record_json_own(p, record, NGX_LLM_RECORD_REQUEST);

    p = ngx_llm_record_member(p, "response");
    p = ngx_llm_record_json_own(p, record, NGX_LLM_RECORD_RESPONSE);

    p = ngx_llm_record_member(p, "cut");
    p = ngx_llm_record_json_flag(p, record->cut);

    *p++ = '}';

    return p;
}


static u_char *
ngx_llm_record_json_own(u_char *p, const ngx_llm_record_t *record,
    ngx_uint_t which)
{
    ngx_str_t  text;

    text = ngx_llm_record_text(record, which);

    return ngx_llm_record_json_text(p, &text);
}


/* one that is empty is null */

static u_char *
ngx_llm_record_json_text(u_char *p, const ngx_str_t *text)
{
    if (text->len == 0) {
        return ngx_cpymem(p, "null", 4);
    }

    *p++ = '"';
    p = ngx_llm_json_escape(p, text->data, text->len);
    *p++ = '"';

    return p;
}


/* one below 0 is null */

static u_char *
ngx_llm_record_json_number(u_char *p, int64_t n)
{
    return (n < 0) ? ngx_cpymem(p, "null", 4) : ngx_llm_decimal(p, n);
}


static u_char *
ngx_llm_record_json_flag(u_char *p, ngx_uint_t flag)
{
    return flag ? ngx_cpymem(p, "true", 4) : ngx_cpymem(p, "false", 5);
}
