
/*
 * The errors: each row as a client sees it is one JSON object of the four
 * members, with any message; and the rows for nginx's own statuses.
 */


#include "../../src/base/ngx_llm_json.c"
#include "../../src/base/ngx_llm_json_number.c"
#include "../../src/base/ngx_llm_json_string.c"
#include "../../src/base/ngx_llm_json_watch.c"
#include "../../src/base/ngx_llm_text.c"
#include "../../src/dialect/ngx_llm_error.c"
#include "test.h"


enum {
    ERROR = 0,
    MESSAGE,
    TYPE,
    PARAM,
    CODE,
    MEMBERS
};


typedef struct {
    char        text[MEMBERS][1024];    /* "null" without quotes: null */
    ngx_uint_t  calls[MEMBERS];
    ngx_uint_t  count;                  /* of the error's members */
} seen_t;


static void test_contract(void);
static void test_rows(void);
static void test_messages(void);
static void test_status(void);
static ngx_uint_t read_error(const u_char *p, size_t n, seen_t *seen);
static void member(void *data, ngx_uint_t id, const ngx_llm_json_value_t *v);


static const ngx_llm_json_watch_t  rows[MEMBERS] = {
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "error"),
    ngx_llm_json_member(ERROR, "message"),
    ngx_llm_json_member(ERROR, "type"),
    ngx_llm_json_member(ERROR, "param"),
    ngx_llm_json_member(ERROR, "code")
};


/* what clients were promised; message NULL: any */

static const struct {
    ngx_uint_t   error;
    ngx_uint_t   status;
    const char  *type, *code, *param, *message;
} promised[] = {
    { NGX_LLM_ERR_INVALID_KEY, 401, "authentication_error",
      "invalid_api_key", "null", "Invalid API key" },
    { NGX_LLM_ERR_SCOPE, 403, "permission_error", "insufficient_scope",
      "null", "This API key may not be used for inference" },
    { NGX_LLM_ERR_MODEL_NOT_ALLOWED, 403, "permission_error",
      "model_not_allowed", NULL, NULL },
    { NGX_LLM_ERR_INVALID_JSON, 400, "invalid_request_error",
      "invalid_json", "null", NULL },
    { NGX_LLM_ERR_MODEL_REQUIRED, 400, "invalid_request_error",
      "missing_required_parameter", "model", "Model name is required" },
    { NGX_LLM_ERR_MESSAGES_REQUIRED, 400, "invalid_request_error",
      "missing_required_parameter", "messages",
      "At least one message is required" },
    { NGX_LLM_ERR_PROMPT_REQUIRED, 400, "invalid_request_error",
      "missing_required_parameter", "prompt", NULL },
    { NGX_LLM_ERR_INPUT_REQUIRED, 400, "invalid_request_error",
      "missing_required_parameter", "input", "Input text is required" },
    { NGX_LLM_ERR_UNKNOWN_URL, 404, "invalid_request_error",
      "unknown_url", "null", NULL },
    { NGX_LLM_ERR_METHOD, 405, "invalid_request_error",
      "method_not_allowed", "null", NULL },
    { NGX_LLM_ERR_MODEL_NOT_FOUND, 404, "invalid_request_error",
      "model_not_found", NULL, NULL },
    { NGX_LLM_ERR_NO_NODES, 503, "service_unavailable", "no_nodes", "null",
      "No available nodes" },
    { NGX_LLM_ERR_TOO_LARGE, 413, "invalid_request_error",
      "request_too_large", "null", NULL },
    { NGX_LLM_ERR_RATE_LIMIT, 429, "rate_limit_error",
      "rate_limit_exceeded", "null", NULL },
    { NGX_LLM_ERR_QUEUE_FULL, 429, "rate_limit_error", "queue_full", "null",
      NULL },
    { NGX_LLM_ERR_QUEUE_TIMEOUT, 504, "gateway_timeout", "queue_timeout",
      "null", NULL },
    { NGX_LLM_ERR_TIMEOUT, 504, "gateway_timeout", "timeout", "null", NULL },
    { NGX_LLM_ERR_UPSTREAM, 502, "bad_gateway", "upstream_error", "null",
      NULL },
    { NGX_LLM_ERR_INTERNAL, 500, "server_error", "internal_error", "null",
      NULL }
};

#define NPROMISED  (sizeof(promised) / sizeof(promised[0]))


/* what nginx answers itself */

static const struct {
    ngx_uint_t   status;
    ngx_uint_t   shown;         /* 0: as it was */
    const char  *code;
} map[] = {
    { 400, 400, "bad_request" }, { 401, 401, "invalid_api_key" },
    { 403, 403, "forbidden" }, { 404, 404, "unknown_url" },
    { 405, 405, "method_not_allowed" }, { 408, 408, "request_timeout" },
    { 413, 413, "request_too_large" }, { 414, 400, "headers_too_large" },
    { 415, 415, "unsupported_media_type" },
    { 429, 429, "rate_limit_exceeded" }, { 494, 400, "headers_too_large" },
    { 500, 500, "internal_error" }, { 502, 502, "upstream_error" },
    { 503, 503, "unavailable" }, { 504, 504, "timeout" },
    { 505, 0, "error" }, { 506, 500, "internal_error" },
    { 507, 500, "internal_error" }, { 402, 0, "error" },
    { 416, 0, "error" }, { 421, 0, "error" }
};

#define NMAP  (sizeof(map) / sizeof(map[0]))


int
main(void)
{
    test_contract();
    test_rows();
    test_messages();
    test_status();

    return test_done();
}


static void
test_contract(void)
{
    u_char      dst[1024];
    size_t      n;
    seen_t      seen;
    ngx_uint_t  i, e;

    for (i = 0; i < NPROMISED; i++) {
        e = promised[i].error;
        n = ngx_llm_error_json(dst, e, NULL) - dst;

        ok(read_error(dst, n, &seen), "the error %s", promised[i].code);
        is_number(ngx_llm_errors[e].status, promised[i].status,
                  "... its status");
        is_text(seen.text[TYPE], promised[i].type, "... its type");
        is_text(seen.text[CODE], promised[i].code, "... its code");

        if (promised[i].param) {
            is_text(seen.text[PARAM], promised[i].param, "... its param");
        }

        if (promised[i].message) {
            is_text(seen.text[MESSAGE], promised[i].message,
                    "... its message");
        }
    }
}


/* each row, the ones without a promise too */

static void
test_rows(void)
{
    u_char                  dst[1024];
    size_t                  n;
    seen_t                  seen;
    ngx_uint_t              i;
    const ngx_llm_error_t  *e;

    for (i = NGX_LLM_ERR_NONE + 1; i < NGX_LLM_ERR_MAX; i++) {
        e = &ngx_llm_errors[i];

        ngx_memset(dst, '#', sizeof(dst));
        n = ngx_llm_error_json(dst, i, NULL) - dst;

        ok(read_error(dst, n, &seen), "row %u: %s", (unsigned) i, e->code);

        ok(e->type[0] && e->code[0] && e->message[0]
           && strcmp(seen.text[TYPE], e->type) == 0
           && strcmp(seen.text[CODE], e->code) == 0
           && strcmp(seen.text[PARAM], e->param ? e->param : "null") == 0
           && strcmp(seen.text[MESSAGE], e->message) == 0,
           "... has its members");

        ok(n <= 6 * strlen(e->message) + NGX_LLM_ERROR_ROOM,
           "... in its room");

        ok((e->status >= 400 && e->status < 600)
           || (e->status == 0 && i == NGX_LLM_ERR_OTHER),
           "... a status of an error");
    }

    ok(ngx_llm_errors[NGX_LLM_ERR_MAX - 1].code != NULL
       && NGX_LLM_ERR_OTHER == NGX_LLM_ERR_MAX - 1,
       "the table has a row for each error");
}


static void
test_messages(void)
{
    u_char      text[100], *dst;
    size_t      n, room;
    seen_t      seen;
    ngx_str_t   message;
    ngx_uint_t  i, wrong;

    room = 6 * sizeof(text) + NGX_LLM_ERROR_ROOM;
    dst = malloc(room);

    if (dst == NULL) {
        abort();
    }

    ngx_str_set(&message, "The model `a\"b\\c\n` does not exist");
    n = ngx_llm_error_json(dst, NGX_LLM_ERR_MODEL_NOT_FOUND, &message) - dst;

    ok(read_error(dst, n, &seen), "a message of one's own");
    is_text(seen.text[MESSAGE], "The model `a\"b\\c\n` does not exist",
            "... is what was said");
    is_text(seen.text[PARAM], "model", "... the rest is the row's");

    ngx_str_null(&message);
    n = ngx_llm_error_json(dst, NGX_LLM_ERR_TIMEOUT, &message) - dst;

    ok(read_error(dst, n, &seen), "an empty message");
    is_text(seen.text[MESSAGE], "", "... is empty");

    /* the longest row with what is escaped the longest */

    message.data = text;
    message.len = sizeof(text);
    wrong = 0;

    for (i = 0; i < 256 * NGX_LLM_ERR_MAX; i++) {
        ngx_memset(text, i & 0xff, sizeof(text));

        n = ngx_llm_error_json(dst, i >> 8, &message) - dst;

        wrong += (n > room || !read_error(dst, n, &seen));
    }

    is_number(wrong, 0, "any byte in the message of any row, in its room");

    free(dst);
}


static void
test_status(void)
{
    ngx_uint_t  i, e, wrong;

    for (i = 0; i < NMAP; i++) {
        e = ngx_llm_error_of_status(map[i].status);

        is_text(ngx_llm_errors[e].code, map[i].code, "nginx's own %u",
                (unsigned) map[i].status);
        is_number(ngx_llm_errors[e].status, map[i].shown,
                  "... is shown as %u", (unsigned) map[i].shown);
    }

    wrong = 0;

    for (i = 400; i < 600; i++) {
        e = ngx_llm_error_of_status(i);
        wrong += (e <= NGX_LLM_ERR_NONE || e >= NGX_LLM_ERR_MAX);
    }

    is_number(wrong, 0, "each status has a row");
}


/* one object of "error" with the four members, once each, of right kinds */

static ngx_uint_t
read_error(const u_char *p, size_t n, seen_t *seen)
{
    u_char          buf[1024], *copy;
    ngx_uint_t      i, good;
    ngx_llm_json_t  json;

    ngx_memzero(seen, sizeof(seen_t));

    ngx_llm_json_init(&json, rows, MEMBERS, buf, sizeof(buf), member, seen);

    copy = test_copy(p, n);
    (void) ngx_llm_json_feed(&json, copy, n);
    free(copy);

    good = (ngx_llm_json_end(&json) == NGX_OK
            && json.root_kind == NGX_LLM_JSON_OBJECT
            && json.root_count == 1
            && seen->count == 4);

    for (i = 0; i < MEMBERS; i++) {
        good = good && seen->calls[i] == 1;
    }

    return good;
}


static void
member(void *data, ngx_uint_t id, const ngx_llm_json_value_t *v)
{
    seen_t  *seen = data;

    switch (v->kind) {

    case NGX_LLM_JSON_OBJECT:
        seen->calls[id] += (id == ERROR);
        seen->count = v->count;
        break;

    case NGX_LLM_JSON_STRING:
        seen->calls[id] += (id != ERROR);
        memcpy(seen->text[id], v->text.data, v->text.len);
        seen->text[id][v->text.len] = '\0';
        break;

    case NGX_LLM_JSON_NULL:
        seen->calls[id] += (id == PARAM || id == CODE);
        strcpy(seen->text[id], "null");
        break;
    }
}
