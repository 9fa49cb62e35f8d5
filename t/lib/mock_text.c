
/*
 * What the endpoints answer, in OpenAI's format.  Everything is deterministic:
 * the words, the ids, the time; only name, model and counts differ.
 */


#include "mock_node.h"


#define MOCK_CREATED  "\"created\":1700000000,"


typedef struct {
    mock_draft_t  *draft;
    mock_conn_t   *conn;
    const char    *eol;
    int            sequence;
} mock_sse_t;


static void mock_sse_start(mock_sse_t *s, mock_draft_t *d, mock_conn_t *c);
static void mock_sse_begin(mock_sse_t *s, const char *name);
static void mock_sse_end(mock_sse_t *s, int wait);
static void mock_sse_done(mock_sse_t *s);

static void mock_text_model(mock_buf_t *b, mock_conn_t *c);
static void mock_text_token(mock_buf_t *b, mock_conn_t *c, int i);
static void mock_text_content(mock_buf_t *b, mock_conn_t *c);
static int mock_text_prompt(mock_conn_t *c);
static void mock_text_usage(mock_buf_t *b, mock_conn_t *c, const char *in,
    const char *out);
static void mock_text_end(mock_buf_t *b, mock_conn_t *c);
static void mock_text_vector(mock_buf_t *b, int i, int base64);

static void mock_chat_stream(mock_draft_t *d, mock_conn_t *c);
static void mock_chat_head(mock_buf_t *b, mock_conn_t *c, const char *object);
static void mock_chat_tail(mock_buf_t *b, mock_conn_t *c);
static void mock_completion_stream(mock_draft_t *d, mock_conn_t *c);
static void mock_completion_head(mock_buf_t *b, mock_conn_t *c);
static void mock_stream_usage(mock_sse_t *s, const char *object);
static void mock_responses_stream(mock_draft_t *d, mock_conn_t *c);
static void mock_responses_begin(mock_sse_t *s, const char *name);
static void mock_responses_object(mock_buf_t *b, mock_conn_t *c, int done);
static void mock_responses_item(mock_buf_t *b, mock_conn_t *c, int done);
static void mock_responses_part(mock_buf_t *b, mock_conn_t *c, int done);


static void
mock_sse_start(mock_sse_t *s, mock_draft_t *d, mock_conn_t *c)
{
    s->draft = d;
    s->conn = c;
    s->eol = c->behave->crlf ? "\r\n" : "\n";
    s->sequence = 0;

    d->stream = 1;
    d->type = "text/event-stream";
    mock_buf_str(&d->headers, "Cache-Control: no-cache\r\n");
}


static void
mock_sse_begin(mock_sse_t *s, const char *name)
{
    mock_buf_t  *b;

    b = &s->draft->body;

    if (name) {
        mock_buf_str(b, "event: ");
        mock_buf_str(b, name);
        mock_buf_str(b, s->eol);
    }

    mock_buf_str(b, "data: ");
}


static void
mock_sse_end(mock_sse_t *s, int wait)
{
    mock_buf_str(&s->draft->body, s->eol);
    mock_buf_str(&s->draft->body, s->eol);
    mock_draft_mark(s->draft, wait);
}


static void
mock_sse_done(mock_sse_t *s)
{
    if (s->conn->behave->nodone) {
        return;
    }

    mock_sse_begin(s, NULL);
    mock_buf_str(&s->draft->body, "[DONE]");
    mock_sse_end(s, 0);
}


static void
mock_text_model(mock_buf_t *b, mock_conn_t *c)
{
    mock_buf_str(b, "\"model\":\"");
    mock_buf_str(b, c->body.said.model);
    mock_buf_str(b, "\"");
}


/* token i, with "size" a share of that many bytes */

static void
mock_text_token(mock_buf_t *b, mock_conn_t *c, int i)
{
    size_t          start, share;
    mock_behave_t  *behave;

    behave = c->behave;
    start = b->len;

    if (i == 0) {
        mock_buf_str(b, "Hello from ");
        mock_buf_json(b, c->node->name, strlen(c->node->name));
        mock_buf_str(b, ".");

    } else {
        mock_buf_str(b, " w");
        mock_buf_num(b, (uint64_t) i);
    }

    if (behave->size <= 0 || behave->tokens == 0) {
        return;
    }

    share = (size_t) (behave->size / behave->tokens);

    while (b->len - start < share) {
        mock_buf_put(b, "xxxxxxxxxxxxxxxx", share - (b->len - start) < 16
                                            ? share - (b->len - start) : 16);
    }
}


static void
mock_text_content(mock_buf_t *b, mock_conn_t *c)
{
    int  i;

    for (i = 0; i < c->behave->tokens; i++) {
        mock_text_token(b, c, i);
    }
}


static int
mock_text_prompt(mock_conn_t *c)
{
    int  n;

    n = c->behave->prompt;

    if (n < 0) {
        n = c->body.said.words;
    }

    return n ? n : 1;
}


/* out NULL: an answer without tokens of its own */

static void
mock_text_usage(mock_buf_t *b, mock_conn_t *c, const char *in, const char *out)
{
    int  prompt, tokens;

    prompt = mock_text_prompt(c);
    tokens = out ? c->behave->tokens : 0;

    mock_buf_str(b, "\"usage\":{\"");
    mock_buf_str(b, in);
    mock_buf_str(b, "\":");
    mock_buf_num(b, (uint64_t) prompt);

    if (out) {
        mock_buf_str(b, ",\"");
        mock_buf_str(b, out);
        mock_buf_str(b, "\":");
        mock_buf_num(b, (uint64_t) tokens);
    }

    mock_buf_str(b, ",\"total_tokens\":");
    mock_buf_num(b, (uint64_t) prompt + (uint64_t) tokens);
    mock_buf_str(b, "}");
}


static void
mock_text_end(mock_buf_t *b, mock_conn_t *c)
{
    if (!c->behave->nousage) {
        mock_buf_str(b, ",");
        mock_text_usage(b, c, "prompt_tokens", "completion_tokens");
    }

    mock_buf_str(b, "}");
}


void
mock_text_error(mock_draft_t *d, int status, const char *type,
    const char *param, const char *code, const char *message)
{
    mock_buf_t  *b;

    b = &d->body;
    d->status = status;

    mock_buf_str(b, "{\"error\":{\"message\":\"");
    mock_buf_json(b, message, strlen(message));
    mock_buf_str(b, "\",\"type\":\"");
    mock_buf_str(b, type);
    mock_buf_str(b, "\",\"param\":");
    mock_buf_fmt(b, param ? "\"%s\"" : "null", param);
    mock_buf_str(b, ",\"code\":");
    mock_buf_fmt(b, code ? "\"%s\"" : "null", code);
    mock_buf_str(b, "}}");
}


void
mock_text_chat(mock_draft_t *d, mock_conn_t *c)
{
    mock_buf_t  *b;

    if (c->body.said.stream) {
        mock_chat_stream(d, c);
        return;
    }

    b = &d->body;

    mock_chat_head(b, c, "chat.completion");
    mock_buf_str(b, "\"message\":{\"role\":\"assistant\",\"content\":\"");
    mock_text_content(b, c);
    mock_buf_str(b, "\"},\"logprobs\":null,\"finish_reason\":\"stop\"}]");
    mock_text_end(b, c);
}


static void
mock_chat_head(mock_buf_t *b, mock_conn_t *c, const char *object)
{
    mock_buf_str(b, "{\"id\":\"chatcmpl-mock\",\"object\":\"");
    mock_buf_str(b, object);
    mock_buf_str(b, "\"," MOCK_CREATED);
    mock_text_model(b, c);
    mock_buf_str(b, ",\"choices\":[{\"index\":0,");
}


static void
mock_chat_tail(mock_buf_t *b, mock_conn_t *c)
{
    mock_buf_str(b, c->behave->usagenull && c->body.said.usage
                    ? "}],\"usage\":null}" : "}]}");
}


static void
mock_chat_stream(mock_draft_t *d, mock_conn_t *c)
{
    int          i;
    mock_buf_t  *b;
    mock_sse_t   s;

    b = &d->body;
    d->lead = 1;
    mock_sse_start(&s, d, c);

    for (i = -1; i <= c->behave->tokens; i++) {
        mock_sse_begin(&s, NULL);
        mock_chat_head(b, c, "chat.completion.chunk");

        if (i == -1) {
            mock_buf_str(b, "\"delta\":{\"role\":\"assistant\","
                            "\"content\":\"\"},\"finish_reason\":null");

        } else if (i < c->behave->tokens) {
            mock_buf_str(b, "\"delta\":{\"content\":\"");
            mock_text_token(b, c, i);
            mock_buf_str(b, "\"},\"finish_reason\":null");

        } else {
            mock_buf_str(b, "\"delta\":{},\"finish_reason\":\"stop\"");
        }

        mock_chat_tail(b, c);
        mock_sse_end(&s, i >= 0 && i < c->behave->tokens ? c->behave->pace : 0);
    }

    mock_stream_usage(&s, "chat.completion.chunk");
    mock_sse_done(&s);
}


static void
mock_stream_usage(mock_sse_t *s, const char *object)
{
    mock_buf_t   *b;
    mock_conn_t  *c;

    c = s->conn;
    b = &s->draft->body;

    if (!c->body.said.usage || c->behave->nousage) {
        return;
    }

    mock_sse_begin(s, NULL);
    mock_buf_str(b, "{\"id\":\"chatcmpl-mock\",\"object\":\"");
    mock_buf_str(b, object);
    mock_buf_str(b, "\"," MOCK_CREATED);
    mock_text_model(b, c);
    mock_buf_str(b, ",\"choices\":[]");
    mock_text_end(b, c);
    mock_sse_end(s, 0);
}


void
mock_text_completion(mock_draft_t *d, mock_conn_t *c)
{
    mock_buf_t  *b;

    if (c->body.said.stream) {
        mock_completion_stream(d, c);
        return;
    }

    b = &d->body;

    mock_completion_head(b, c);
    mock_text_content(b, c);
    mock_buf_str(b, "\",\"logprobs\":null,\"finish_reason\":\"stop\"}]");
    mock_text_end(b, c);
}


static void
mock_completion_head(mock_buf_t *b, mock_conn_t *c)
{
    mock_buf_str(b, "{\"id\":\"cmpl-mock\",\"object\":\"text_completion\","
                    MOCK_CREATED);
    mock_text_model(b, c);
    mock_buf_str(b, ",\"choices\":[{\"index\":0,\"text\":\"");
}


static void
mock_completion_stream(mock_draft_t *d, mock_conn_t *c)
{
    int          i;
    mock_buf_t  *b;
    mock_sse_t   s;

    b = &d->body;
    mock_sse_start(&s, d, c);

    for (i = 0; i <= c->behave->tokens; i++) {
        mock_sse_begin(&s, NULL);
        mock_completion_head(b, c);

        if (i < c->behave->tokens) {
            mock_text_token(b, c, i);
            mock_buf_str(b, "\",\"logprobs\":null,\"finish_reason\":null");

        } else {
            mock_buf_str(b, "\",\"logprobs\":null,\"finish_reason\":\"stop\"");
        }

        mock_chat_tail(b, c);
        mock_sse_end(&s, i < c->behave->tokens ? c->behave->pace : 0);
    }

    mock_stream_usage(&s, "text_completion");
    mock_sse_done(&s);
}


void
mock_text_embeddings(mock_draft_t *d, mock_conn_t *c)
{
    int          i;
    mock_buf_t  *b;

    b = &d->body;
    mock_buf_str(b, "{\"object\":\"list\",\"data\":[");

    for (i = 0; i == 0 || i < c->body.said.items; i++) {
        mock_buf_str(b, i ? "," : "");
        mock_buf_str(b, "{\"object\":\"embedding\",\"index\":");
        mock_buf_num(b, (uint64_t) i);
        mock_buf_str(b, ",\"embedding\":");
        mock_text_vector(b, i, c->body.said.base64);
        mock_buf_str(b, "}");
    }

    mock_buf_str(b, "],");
    mock_text_model(b, c);

    if (!c->behave->nousage) {
        mock_buf_str(b, ",");
        mock_text_usage(b, c, "prompt_tokens", NULL);
    }

    mock_buf_str(b, "}");
}


/* eight numbers a float holds exactly: quarters */

static void
mock_text_vector(mock_buf_t *b, int i, int base64)
{
    int    k;
    float  v[8];

    for (k = 0; k < 8; k++) {
        v[k] = (float) ((i + k) % 8 - 4) / 4;
    }

    if (base64) {
        mock_buf_str(b, "\"");
        mock_buf_base64(b, (unsigned char *) v, sizeof(v));
        mock_buf_str(b, "\"");
        return;
    }

    for (k = 0; k < 8; k++) {
        mock_buf_fmt(b, "%c%.2f", k ? ',' : '[', (double) v[k]);
    }

    mock_buf_str(b, "]");
}


void
mock_text_responses(mock_draft_t *d, mock_conn_t *c)
{
    if (c->body.said.stream) {
        mock_responses_stream(d, c);
        return;
    }

    mock_responses_object(&d->body, c, 1);
}


static void
mock_responses_object(mock_buf_t *b, mock_conn_t *c, int done)
{
    mock_buf_str(b, "{\"id\":\"resp_mock\",\"object\":\"response\","
                    "\"created_at\":1700000000,\"status\":\"");
    mock_buf_str(b, done ? "completed" : "in_progress");
    mock_buf_str(b, "\",\"error\":null,\"incomplete_details\":null,"
                    "\"instructions\":null,\"metadata\":{},");
    mock_text_model(b, c);
    mock_buf_str(b, ",\"parallel_tool_calls\":true,\"temperature\":1.0,"
                    "\"tool_choice\":\"auto\",\"tools\":[],\"top_p\":1.0,"
                    "\"output\":[");

    if (done) {
        mock_responses_item(b, c, 1);
    }

    mock_buf_str(b, "]");

    if (done && !c->behave->nousage) {
        mock_buf_str(b, ",");
        mock_text_usage(b, c, "input_tokens", "output_tokens");
        b->len--;
        mock_buf_str(b, ",\"input_tokens_details\":{\"cached_tokens\":0},"
                        "\"output_tokens_details\":{\"reasoning_tokens\":0}}");

    } else {
        mock_buf_str(b, ",\"usage\":null");
    }

    mock_buf_str(b, "}");
}


static void
mock_responses_item(mock_buf_t *b, mock_conn_t *c, int done)
{
    mock_buf_str(b, "{\"id\":\"msg_mock\",\"type\":\"message\",\"status\":\"");
    mock_buf_str(b, done ? "completed" : "in_progress");
    mock_buf_str(b, "\",\"role\":\"assistant\",\"content\":[");

    if (done) {
        mock_responses_part(b, c, 1);
    }

    mock_buf_str(b, "]}");
}


static void
mock_responses_part(mock_buf_t *b, mock_conn_t *c, int done)
{
    mock_buf_str(b, "{\"type\":\"output_text\",\"annotations\":[],"
                    "\"text\":\"");

    if (done) {
        mock_text_content(b, c);
    }

    mock_buf_str(b, "\"}");
}


static void
mock_responses_begin(mock_sse_t *s, const char *name)
{
    mock_sse_begin(s, name);
    mock_buf_fmt(&s->draft->body, "{\"type\":\"%s\",\"sequence_number\":%d,",
                 name, s->sequence++);
}


static void
mock_responses_stream(mock_draft_t *d, mock_conn_t *c)
{
    int          i;
    mock_buf_t  *b;
    mock_sse_t   s;
    const char  *at;

    b = &d->body;
    d->lead = 3;
    at = "\"item_id\":\"msg_mock\",\"output_index\":0,\"content_index\":0,";
    mock_sse_start(&s, d, c);

    mock_responses_begin(&s, "response.created");
    mock_buf_str(b, "\"response\":");
    mock_responses_object(b, c, 0);
    mock_buf_str(b, "}");
    mock_sse_end(&s, 0);

    mock_responses_begin(&s, "response.output_item.added");
    mock_buf_str(b, "\"output_index\":0,\"item\":");
    mock_responses_item(b, c, 0);
    mock_buf_str(b, "}");
    mock_sse_end(&s, 0);

    mock_responses_begin(&s, "response.content_part.added");
    mock_buf_str(b, at);
    mock_buf_str(b, "\"part\":");
    mock_responses_part(b, c, 0);
    mock_buf_str(b, "}");
    mock_sse_end(&s, 0);

    for (i = 0; i < c->behave->tokens; i++) {
        mock_responses_begin(&s, "response.output_text.delta");
        mock_buf_str(b, at);
        mock_buf_str(b, "\"logprobs\":[],\"delta\":\"");
        mock_text_token(b, c, i);
        mock_buf_str(b, "\"}");
        mock_sse_end(&s, c->behave->pace);
    }

    mock_responses_begin(&s, "response.output_text.done");
    mock_buf_str(b, at);
    mock_buf_str(b, "\"logprobs\":[],\"text\":\"");
    mock_text_content(b, c);
    mock_buf_str(b, "\"}");
    mock_sse_end(&s, 0);

    mock_responses_begin(&s, "response.content_part.done");
    mock_buf_str(b, at);
    mock_buf_str(b, "\"part\":");
    mock_responses_part(b, c, 1);
    mock_buf_str(b, "}");
    mock_sse_end(&s, 0);

    mock_responses_begin(&s, "response.output_item.done");
    mock_buf_str(b, "\"output_index\":0,\"item\":");
    mock_responses_item(b, c, 1);
    mock_buf_str(b, "}");
    mock_sse_end(&s, 0);

    if (c->behave->nodone) {
        return;
    }

    mock_responses_begin(&s, "response.completed");
    mock_buf_str(b, "\"response\":");
    mock_responses_object(b, c, 1);
    mock_buf_str(b, "}");
    mock_sse_end(&s, 0);
}


void
mock_text_rerank(mock_draft_t *d, mock_conn_t *c)
{
    int          i;
    mock_buf_t  *b;

    b = &d->body;
    mock_buf_str(b, "{\"id\":\"rerank-mock\",");
    mock_text_model(b, c);
    mock_buf_str(b, ",\"results\":[");

    for (i = 0; i < c->body.said.items; i++) {
        mock_buf_fmt(b, "%s{\"index\":%d,\"relevance_score\":%.4f}",
                     i ? "," : "", i, 1.0 / (i + 1));
    }

    mock_buf_str(b, "]");

    if (!c->behave->nousage) {
        mock_buf_str(b, ",");
        mock_text_usage(b, c, "prompt_tokens", NULL);
    }

    mock_buf_str(b, "}");
}


void
mock_text_moderations(mock_draft_t *d, mock_conn_t *c)
{
    int          i;
    mock_buf_t  *b;

    b = &d->body;
    mock_buf_str(b, "{\"id\":\"modr-mock\",");
    mock_text_model(b, c);
    mock_buf_str(b, ",\"results\":[");

    for (i = 0; i == 0 || i < c->body.said.items; i++) {
        mock_buf_str(b, i ? "," : "");
        mock_buf_str(b, "{\"flagged\":false,\"categories\":{\"violence\":"
                        "false},\"category_scores\":{\"violence\":0.01}}");
    }

    mock_buf_str(b, "]}");
}


void
mock_text_transcription(mock_draft_t *d, mock_conn_t *c)
{
    mock_buf_str(&d->body, "{\"text\":\"");
    mock_text_content(&d->body, c);
    mock_buf_str(&d->body, "\",");
    mock_text_usage(&d->body, c, "input_tokens", "output_tokens");
    d->body.len--;
    mock_buf_str(&d->body, ",\"type\":\"tokens\"}}");
}


/* a picture of one dot */

void
mock_text_image(mock_draft_t *d, mock_conn_t *c)
{
    static const unsigned char  gif[] = {
        'G', 'I', 'F', '8', '9', 'a', 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0,
        255, 255, 255, ',', 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 'D', 1, 0, ';'
    };

    mock_buf_str(&d->body, "{" MOCK_CREATED);
    mock_text_model(&d->body, c);
    mock_buf_str(&d->body, ",\"data\":[{\"b64_json\":\"");
    mock_buf_base64(&d->body, gif, sizeof(gif));
    mock_buf_str(&d->body, "\"}]}");
}


/* every byte there is, again and again */

void
mock_text_speech(mock_draft_t *d, mock_conn_t *c)
{
    int   i, n;
    char  ch;

    d->type = "audio/mpeg";
    n = c->behave->size >= 0 ? c->behave->size : 4096;

    for (i = 0; i < n; i++) {
        ch = (char) i;
        mock_buf_put(&d->body, &ch, 1);
    }
}


void
mock_text_echo(mock_draft_t *d, mock_conn_t *c)
{
    mock_buf_str(&d->body, "{\"object\":\"echo\",\"path\":\"");
    mock_buf_json(&d->body, c->request.path, strlen(c->request.path));
    mock_buf_str(&d->body, "\",\"node\":\"");
    mock_buf_json(&d->body, c->node->name, strlen(c->node->name));
    mock_buf_str(&d->body, "\",");
    mock_text_model(&d->body, c);
    mock_buf_str(&d->body, "}");
}


void
mock_text_request(mock_draft_t *d, mock_conn_t *c)
{
    size_t       head;
    mock_buf_t  *b;

    b = &d->body;
    head = c->request.head;

    mock_text_echo(d, c);
    b->len--;
    mock_buf_str(b, ",\"head\":\"");
    mock_buf_json(b, c->record.data, head);
    mock_buf_str(b, "\",\"echo\":\"");
    mock_buf_json(b, c->record.data + head, c->record.len - head);
    mock_buf_str(b, "\"");
    mock_text_end(b, c);
}


void
mock_text_sha(mock_draft_t *d, mock_conn_t *c)
{
    char  hex[65];

    mock_sha256_hex(&c->body.sha, hex);

    mock_text_echo(d, c);
    d->body.len--;
    mock_buf_fmt(&d->body, ",\"sha256\":\"%s\",\"length\":%llu", hex,
                 (unsigned long long) c->body.total);
    mock_text_end(&d->body, c);
}
