
/*
 * The requests by which a test looks at the node and steers it.  They are
 * answered at once, whatever the node does to others.
 */


#include <stddef.h>
#include <stdlib.h>

#include "mock_node.h"


typedef struct {
    const char  *name;
    size_t       offset;
} mock_stat_t;


static void mock_control_stats(mock_draft_t *d, mock_conn_t *c);
static void mock_control_all(mock_draft_t *d);
static void mock_control_last(mock_draft_t *d, mock_conn_t *c);
static void mock_control_set(mock_draft_t *d, mock_conn_t *c);
static void mock_control_reset(mock_conn_t *c);
static uint64_t *mock_stat(mock_node_t *node, const mock_stat_t *s);


#define mock_row(name)  { #name, offsetof(mock_stats_t, name) }

static const mock_stat_t  mock_stats[] = {
    mock_row(requests),
    mock_row(models_requests),
    mock_row(probes),
    mock_row(in_flight),
    mock_row(max_in_flight),
    mock_row(completed),
    mock_row(aborted),
    mock_row(faulted),
    mock_row(errors),
    mock_row(streams),
    mock_row(connections),
    mock_row(open_connections),
    mock_row(evicted),
    mock_row(leaked_headers),
    mock_row(hop_headers),
    mock_row(unauthorized),
    mock_row(malformed),
    mock_row(invalid_bodies),
    mock_row(over_slots),
    mock_row(body_bytes),
    { NULL, 0 }
};


void
mock_control(mock_conn_t *c)
{
    int            post;
    const char    *what;
    mock_draft_t  *d;

    d = mock_draft();
    post = c->request.method == MOCK_POST;
    what = c->request.path + sizeof("/mock/") - 1;

    if (strcmp(what, "stats") == 0) {
        if (strcmp(c->request.args, "all") == 0) {
            mock_control_all(d);

        } else {
            mock_control_stats(d, c);
        }

    } else if (strcmp(what, "last") == 0) {
        mock_control_last(d, c);

    } else if (post && strcmp(what, "set") == 0) {
        mock_control_set(d, c);

    } else if (post && strcmp(what, "reset") == 0) {
        mock_control_reset(c);
        mock_buf_str(&d->body, "{\"ok\":true}");

    } else {
        mock_text_error(d, 404, "invalid_request_error", NULL, "unknown_url",
                        "stats, last, set or reset");
    }

    mock_answer_make(c, d);
}


static void
mock_control_stats(mock_draft_t *d, mock_conn_t *c)
{
    mock_buf_t         *b;
    const mock_stat_t  *s;

    b = &d->body;
    mock_buf_str(b, "{\"name\":\"");
    mock_buf_json(b, c->node->name, strlen(c->node->name));
    mock_buf_fmt(b, "\",\"port\":%d", c->node->port);

    for (s = mock_stats; s->name; s++) {
        mock_buf_fmt(b, ",\"%s\":%llu", s->name,
                     (unsigned long long) *mock_stat(c->node, s));
    }

    mock_buf_str(b, ",\"last_user\":\"");
    mock_buf_str(b, c->node->user);
    mock_buf_str(b, "\"}");
}


/* the sums over all nodes of this process */

static void
mock_control_all(mock_draft_t *d)
{
    size_t              i;
    uint64_t            sum, low, high, n;
    mock_buf_t         *b;
    const mock_stat_t  *s;

    b = &d->body;
    low = UINT64_MAX;
    high = 0;

    for (i = 0; i < mock_nnodes; i++) {
        n = mock_nodes[i].stats.requests;
        low = n < low ? n : low;
        high = n > high ? n : high;
    }

    mock_buf_fmt(b, "{\"nodes\":%llu,\"min_requests\":%llu,"
                    "\"max_requests\":%llu",
                 (unsigned long long) mock_nnodes, (unsigned long long) low,
                 (unsigned long long) high);

    for (s = mock_stats; s->name; s++) {
        sum = 0;

        for (i = 0; i < mock_nnodes; i++) {
            sum += *mock_stat(&mock_nodes[i], s);
        }

        mock_buf_fmt(b, ",\"%s\":%llu", s->name, (unsigned long long) sum);
    }

    mock_buf_str(b, "}");
}


static uint64_t *
mock_stat(mock_node_t *node, const mock_stat_t *s)
{
    return (uint64_t *) ((char *) &node->stats + s->offset);
}


static void
mock_control_last(mock_draft_t *d, mock_conn_t *c)
{
    mock_buf_t  *last;

    last = strcmp(c->request.args, "other") == 0 ? &c->node->last_other
                                                 : &c->node->last;
    d->type = "text/plain";
    mock_buf_put(&d->body, last->data, last->len);
}


static void
mock_control_set(mock_draft_t *d, mock_conn_t *c)
{
    char         err[256];
    size_t       head;
    mock_buf_t  *record;

    record = &c->record;
    head = c->request.head;

    if (mock_rules_set(c->node, record->data + head, record->len - head, err)
        != MOCK_OK)
    {
        mock_text_error(d, 400, "invalid_request_error", NULL, "mock", err);
        return;
    }

    mock_buf_str(&d->body, "{\"ok\":true}");
}


static void
mock_control_reset(mock_conn_t *c)
{
    uint64_t       running, open;
    mock_node_t   *node;
    mock_stats_t  *st;

    node = c->node;
    st = &node->stats;

    running = st->in_flight;
    open = st->open_connections;

    memset(st, 0, sizeof(mock_stats_t));

    st->in_flight = running;
    st->max_in_flight = running;
    st->open_connections = open;

    node->user[0] = '\0';
    mock_buf_clear(&node->last, 0);
    mock_buf_clear(&node->last_other, 0);
    mock_rules_clear(node);
}


void
mock_control_record(mock_conn_t *c)
{
    mock_buf_t  *last, spare;

    last = c->request.v1 ? &c->node->last : &c->node->last_other;

    spare = *last;
    *last = c->record;
    c->record = spare;
}
