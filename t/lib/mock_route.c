
/*
 * Which endpoint a request is for: OpenAI's, the ones by which the kinds of
 * servers are told apart, and this program's own.
 */


#define _GNU_SOURCE

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "mock_node.h"


typedef struct {
    const char    *path;
    mock_text_pt   text;
    unsigned       kind;            /* in the cache, 0: not */
} mock_endpoint_t;


typedef struct {
    const char    *type;
    const char    *path;
    mock_text_pt   text;
} mock_probe_t;


static void mock_route_post(mock_conn_t *c);
static void mock_route_get(mock_conn_t *c);
static int mock_route_refused(mock_conn_t *c);
static const mock_endpoint_t *mock_route_endpoint(const char *path);
static int mock_route_model(mock_conn_t *c, const char *id, size_t len);

static void mock_models(mock_conn_t *c);
static void mock_model(mock_conn_t *c, const char *id);
static void mock_model_put(mock_buf_t *b, const char *id, size_t len);
static void mock_route_decode(char *to, const char *s, size_t size);
static const char *mock_model_next(const char **p, size_t *len);

static void mock_probe_tags(mock_draft_t *d, mock_conn_t *c);
static void mock_probe_ollama(mock_draft_t *d, mock_conn_t *c);
static void mock_probe_props(mock_draft_t *d, mock_conn_t *c);
static void mock_probe_version(mock_draft_t *d, mock_conn_t *c);
static void mock_probe_sglang(mock_draft_t *d, mock_conn_t *c);
static void mock_probe_sglang_model(mock_draft_t *d, mock_conn_t *c);
static void mock_probe_tgi(mock_draft_t *d, mock_conn_t *c);
static void mock_probe_lmstudio(mock_draft_t *d, mock_conn_t *c);
static void mock_probe_health(mock_draft_t *d, mock_conn_t *c);
static void mock_probe_none(mock_draft_t *d, mock_conn_t *c);


static const mock_endpoint_t  mock_endpoints[] = {
    { "/v1/chat/completions",     mock_text_chat,          1 },
    { "/v1/completions",          mock_text_completion,    2 },
    { "/v1/embeddings",           mock_text_embeddings,    3 },
    { "/v1/responses",            mock_text_responses,     0 },
    { "/v1/rerank",               mock_text_rerank,        0 },
    { "/v1/moderations",          mock_text_moderations,   0 },
    { "/v1/audio/transcriptions", mock_text_transcription, 0 },
    { "/v1/audio/translations",   mock_text_transcription, 0 },
    { "/v1/images/edits",         mock_text_image,         0 },
    { "/v1/images/variations",    mock_text_image,         0 },
    { "/v1/images/generations",   mock_text_image,         0 },
    { "/v1/audio/speech",         mock_text_speech,        0 },
    { NULL,                       mock_text_echo,          0 }
};


static const mock_probe_t  mock_probes[] = {
    { "ollama",   "/api/tags",        mock_probe_tags },
    { "ollama",   "/api/version",     mock_probe_ollama },
    { "llamacpp", "/props",           mock_probe_props },
    { "llamacpp", "/health",          mock_probe_health },
    { "vllm",     "/version",         mock_probe_version },
    { "vllm",     "/health",          mock_probe_none },
    { "sglang",   "/get_server_info", mock_probe_sglang },
    { "sglang",   "/get_model_info",  mock_probe_sglang_model },
    { "sglang",   "/health",          mock_probe_none },
    { "tgi",      "/info",            mock_probe_tgi },
    { "tgi",      "/health",          mock_probe_none },
    { "lmstudio", "/api/v0/models",   mock_probe_lmstudio },
    { NULL, NULL, NULL }
};


void
mock_route(mock_conn_t *c)
{
    if (c->request.control) {
        mock_control(c);
        return;
    }

    if (c->behave->when == MOCK_WHEN_BEFORE) {
        mock_answer_none(c);
        return;
    }

    if (c->request.foreign || c->request.method == MOCK_OTHER) {
        mock_error(c, 404, "invalid_request_error", NULL, "unknown_url",
                   "Not found");
        return;
    }

    if (c->request.method == MOCK_GET) {
        mock_route_get(c);
        return;
    }

    mock_route_post(c);
}


static void
mock_route_post(mock_conn_t *c)
{
    mock_draft_t           *d;
    mock_text_pt            text;
    const mock_endpoint_t  *e;

    if (!c->request.v1) {
        mock_error(c, 404, "invalid_request_error", NULL, "unknown_url",
                   "Not found");
        return;
    }

    memcpy(c->node->user, c->body.said.user, MOCK_TEXT);
    c->node->stats.streams += c->body.said.stream;

    if (mock_route_refused(c)) {
        return;
    }

    e = mock_route_endpoint(c->request.path);

    if (e->kind && mock_cache_get(c, e->kind)) {
        return;
    }

    text = c->behave->sha ? mock_text_sha
           : c->behave->echo ? mock_text_request
           : e->text;

    d = mock_draft();
    text(d, c);
    mock_answer_make(c, d);

    if (e->kind) {
        mock_cache_put(c, e->kind);
    }
}


/* the errors a node may give; 1: it did */

static int
mock_route_refused(mock_conn_t *c)
{
    char            text[64];
    const char     *type;
    mock_said_t    *said;
    mock_behave_t  *b;

    b = c->behave;
    said = &c->body.said;

    if (!c->request.authorized) {
        c->node->stats.unauthorized++;
        mock_error(c, 401, "authentication_error", NULL, "invalid_api_key",
                   "Incorrect API key provided");
        return 1;
    }

    if (b->status >= 400) {
        type = b->status == 429 ? "rate_limit_error"
               : b->status < 500 ? "invalid_request_error"
               : "server_error";

        snprintf(text, sizeof(text), "mock status %d", b->status);
        mock_error(c, b->status, type, NULL, "mock", text);
        return 1;
    }

    if (b->no_options && said->options) {
        mock_error(c, 400, "invalid_request_error", "stream_options",
                   "unknown_parameter", "Unknown parameter: 'stream_options'.");
        return 1;
    }

    if (b->sha || b->echo) {
        return 0;
    }

    if (c->body.bad) {
        c->node->stats.invalid_bodies++;
        mock_error(c, 400, "invalid_request_error", NULL, "invalid_json",
                   "The body is not what its type says");
        return 1;
    }

    if (mock_conf.strict_models
        && !mock_route_model(c, said->model, strlen(said->model)))
    {
        mock_error(c, 404, "invalid_request_error", "model",
                   "model_not_found", "The model does not exist");
        return 1;
    }

    return 0;
}


static const mock_endpoint_t *
mock_route_endpoint(const char *path)
{
    const mock_endpoint_t  *e;

    for (e = mock_endpoints; e->path; e++) {
        if (strcmp(e->path, path) == 0) {
            break;
        }
    }

    return e;
}


static void
mock_route_get(mock_conn_t *c)
{
    const char          *path;
    mock_draft_t        *d;
    const mock_probe_t  *p;

    path = c->request.path;

    if (c->behave->status >= 400) {
        mock_error(c, c->behave->status, "server_error", NULL, "mock",
                   "mock status");
        return;
    }

    if (strcmp(path, "/v1/models") == 0) {
        mock_models(c);
        return;
    }

    if (strncmp(path, mock_lit("/v1/models/")) == 0) {
        mock_model(c, path + sizeof("/v1/models/") - 1);
        return;
    }

    for (p = mock_probes; p->type; p++) {
        if (strcmp(p->type, mock_conf.type) == 0
            && strcmp(p->path, path) == 0)
        {
            d = mock_draft();
            p->text(d, c);
            mock_answer_make(c, d);
            return;
        }
    }

    mock_error(c, 404, "invalid_request_error", NULL, "unknown_url",
               "Not found");
}


void
mock_error(mock_conn_t *c, int status, const char *type, const char *param,
    const char *code, const char *message)
{
    mock_draft_t  *d;

    d = mock_draft();
    mock_text_error(d, status, type, param, code, message);

    c->node->stats.errors++;
    mock_answer_make(c, d);
}


/* one after the other out of "a,b" */

static const char *
mock_model_next(const char **p, size_t *len)
{
    const char  *start;

    start = *p;
    *len = strcspn(start, ",");
    *p = start[*len] == ',' ? start + *len + 1 : start + *len;

    return *len ? start : NULL;
}


static int
mock_route_model(mock_conn_t *c, const char *id, size_t len)
{
    size_t       n;
    const char  *p, *name;

    p = c->node->models;

    while ((name = mock_model_next(&p, &n)) != NULL) {
        if (n == len && memcmp(name, id, n) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
mock_models(mock_conn_t *c)
{
    size_t         n;
    const char    *p, *name;
    mock_draft_t  *d;

    if (!c->request.authorized) {
        c->node->stats.unauthorized++;
        mock_error(c, 401, "authentication_error", NULL, "invalid_api_key",
                   "Incorrect API key provided");
        return;
    }

    d = mock_draft();
    mock_buf_str(&d->body, "{\"object\":\"list\",\"data\":[");

    p = c->node->models;

    while ((name = mock_model_next(&p, &n)) != NULL) {
        if (d->body.data[d->body.len - 1] == '}') {
            mock_buf_put(&d->body, ",", 1);
        }

        mock_model_put(&d->body, name, n);
    }

    mock_buf_str(&d->body, "]}");
    mock_answer_make(c, d);
}


static void
mock_model(mock_conn_t *c, const char *id)
{
    char           name[MOCK_PATH];
    mock_draft_t  *d;

    mock_route_decode(name, id, sizeof(name));

    if (!mock_route_model(c, name, strlen(name))) {
        mock_error(c, 404, "invalid_request_error", "model",
                   "model_not_found", "The model does not exist");
        return;
    }

    d = mock_draft();
    mock_model_put(&d->body, name, strlen(name));
    mock_answer_make(c, d);
}


static void
mock_model_put(mock_buf_t *b, const char *id, size_t len)
{
    mock_buf_str(b, "{\"id\":\"");
    mock_buf_json(b, id, len);
    mock_buf_str(b, "\",\"object\":\"model\",\"created\":1700000000,"
                    "\"owned_by\":\"");
    mock_buf_str(b, mock_conf.type);
    mock_buf_str(b, "\"}");
}


static void
mock_route_decode(char *to, const char *s, size_t size)
{
    size_t        n;
    unsigned int  ch;

    for (n = 0; *s && n + 1 < size; s++) {
        if (*s == '%' && isxdigit((unsigned char) s[1])
            && isxdigit((unsigned char) s[2])
            && sscanf(s + 1, "%2x", &ch) == 1)
        {
            to[n++] = (char) ch;
            s += 2;

        } else {
            to[n++] = *s;
        }
    }

    to[n] = '\0';
}


static void
mock_probe_tags(mock_draft_t *d, mock_conn_t *c)
{
    size_t       n;
    const char  *p, *name;

    p = c->node->models;
    mock_buf_str(&d->body, "{\"models\":[");

    while ((name = mock_model_next(&p, &n)) != NULL) {
        if (d->body.data[d->body.len - 1] == '}') {
            mock_buf_put(&d->body, ",", 1);
        }

        mock_buf_str(&d->body, "{\"name\":\"");
        mock_buf_json(&d->body, name, n);
        mock_buf_str(&d->body, "\",\"model\":\"");
        mock_buf_json(&d->body, name, n);
        mock_buf_str(&d->body, "\",\"size\":1000000000,\"details\":{"
                               "\"format\":\"gguf\",\"family\":\"mock\"}}");
    }

    mock_buf_str(&d->body, "]}");
}


static void
mock_probe_ollama(mock_draft_t *d, mock_conn_t *c)
{
    (void) c;
    mock_buf_str(&d->body, "{\"version\":\"0.6.2\"}");
}


static void
mock_probe_props(mock_draft_t *d, mock_conn_t *c)
{
    size_t       n;
    const char  *p, *name;

    p = c->node->models;
    name = mock_model_next(&p, &n);

    mock_buf_fmt(&d->body, "{\"total_slots\":%d,\"model_path\":\"/models/",
                 mock_conf.slots ? mock_conf.slots : 1);
    mock_buf_json(&d->body, name ? name : "", name ? n : 0);
    mock_buf_str(&d->body, ".gguf\",\"default_generation_settings\":"
                           "{\"n_ctx\":4096},\"chat_template\":\"\","
                           "\"build_info\":\"b5000-mock\"}");
}


static void
mock_probe_version(mock_draft_t *d, mock_conn_t *c)
{
    (void) c;
    mock_buf_str(&d->body, "{\"version\":\"0.8.4\"}");
}


static void
mock_probe_sglang(mock_draft_t *d, mock_conn_t *c)
{
    (void) c;
    mock_buf_fmt(&d->body, "{\"version\":\"0.4.5\",\"model_path\":\"mock\","
                           "\"max_running_requests\":%d}",
                 mock_conf.slots ? mock_conf.slots : 1);
}


static void
mock_probe_sglang_model(mock_draft_t *d, mock_conn_t *c)
{
    (void) c;
    mock_buf_str(&d->body, "{\"model_path\":\"mock\",\"is_generation\":true}");
}


static void
mock_probe_tgi(mock_draft_t *d, mock_conn_t *c)
{
    size_t       n;
    const char  *p, *name;

    p = c->node->models;
    name = mock_model_next(&p, &n);

    mock_buf_str(&d->body, "{\"model_id\":\"");
    mock_buf_json(&d->body, name ? name : "", name ? n : 0);
    mock_buf_fmt(&d->body, "\",\"max_concurrent_requests\":%d,"
                           "\"version\":\"3.2.0\","
                           "\"router\":\"text-generation-router\"}",
                 mock_conf.slots ? mock_conf.slots : 128);
}


static void
mock_probe_lmstudio(mock_draft_t *d, mock_conn_t *c)
{
    size_t       n;
    const char  *p, *name;

    p = c->node->models;
    mock_buf_str(&d->body, "{\"object\":\"list\",\"data\":[");

    while ((name = mock_model_next(&p, &n)) != NULL) {
        if (d->body.data[d->body.len - 1] == '}') {
            mock_buf_put(&d->body, ",", 1);
        }

        mock_buf_str(&d->body, "{\"id\":\"");
        mock_buf_json(&d->body, name, n);
        mock_buf_str(&d->body, "\",\"object\":\"model\",\"type\":\"llm\","
                               "\"state\":\"loaded\"}");
    }

    mock_buf_str(&d->body, "]}");
}


static void
mock_probe_health(mock_draft_t *d, mock_conn_t *c)
{
    (void) c;
    mock_buf_str(&d->body, "{\"status\":\"ok\"}");
}


static void
mock_probe_none(mock_draft_t *d, mock_conn_t *c)
{
    (void) d;
    (void) c;
}
