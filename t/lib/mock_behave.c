
/*
 * The directives that make a node misbehave, and the rules a node holds:
 * those of --behave and /mock/set.  A rule's behaviour is complete: what it
 * doesn't say is the node's base, filled in when the rule was set.
 */


#define _GNU_SOURCE

#include <ctype.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "mock_node.h"


typedef struct mock_directive_s  mock_directive_t;

struct mock_directive_s {
    const char   *name;
    int         (*set)(mock_rule_t *rule, mock_node_t *node,
                       const mock_directive_t *d, const char *value);
    size_t        offset;
    int           data;             /* the number without "=", or the end */
};


static int mock_set_num(mock_rule_t *rule, mock_node_t *node,
    const mock_directive_t *d, const char *value);
static int mock_set_flag(mock_rule_t *rule, mock_node_t *node,
    const mock_directive_t *d, const char *value);
static int mock_set_fault(mock_rule_t *rule, mock_node_t *node,
    const mock_directive_t *d, const char *value);
static int mock_set_broken(mock_rule_t *rule, mock_node_t *node,
    const mock_directive_t *d, const char *value);
static int mock_set_cut(mock_rule_t *rule, mock_node_t *node,
    const mock_directive_t *d, const char *value);
static int mock_set_header(mock_rule_t *rule, mock_node_t *node,
    const mock_directive_t *d, const char *value);
static int mock_set_path(mock_rule_t *rule, mock_node_t *node,
    const mock_directive_t *d, const char *value);
static int mock_set_times(mock_rule_t *rule, mock_node_t *node,
    const mock_directive_t *d, const char *value);
static int mock_set_models(mock_rule_t *rule, mock_node_t *node,
    const mock_directive_t *d, const char *value);
static int mock_set_refuse(mock_rule_t *rule, mock_node_t *node,
    const mock_directive_t *d, const char *value);

static int mock_behave_one(mock_rule_t *rule, mock_node_t *node, char *text);
static int mock_behave_number(const char *value, int *n);
static int mock_behave_word(const char *words, const char *value, int first);
static void mock_behave_decode(char *s);
static void mock_rules_drop(mock_node_t *node, const char *path);
static void mock_rules_remove(mock_node_t *node, size_t i);
static int mock_rule_matches(mock_rule_t *rule, mock_request_t *r);


#define mock_num(name, field, data)                                           \
    { name, mock_set_num, offsetof(mock_behave_t, field), data }
#define mock_flag(name, field)                                                \
    { name, mock_set_flag, offsetof(mock_behave_t, field), 0 }
#define mock_fault(name, end)                                                 \
    { name, mock_set_fault, 0, end }


/* -1 as data: the directive needs a value */

static const mock_directive_t  mock_directives[] = {
    mock_num("delay", delay, -1),
    mock_num("first", first, -1),
    mock_num("pace", pace, -1),
    mock_num("tokens", tokens, -1),
    mock_num("prompt", prompt, -1),
    mock_num("size", size, -1),
    mock_num("status", status, -1),
    mock_num("retry_after", retry_after, -1),
    mock_num("drip", drip, 1),
    mock_num("after", after, -1),
    mock_num("bigheader", bigheader, -1),
    mock_num("keepalive_timeout", keepalive, -1),

    mock_flag("nodone", nodone),
    mock_flag("noterm", noterm),
    mock_flag("nochunk", nochunk),
    mock_flag("length", length),
    mock_flag("accel", accel),
    mock_flag("interim", interim),
    mock_flag("crlf", crlf),
    mock_flag("nousage", nousage),
    mock_flag("usagenull", usagenull),
    mock_flag("refuse_stream_options", no_options),
    mock_flag("gzip", gzip),
    mock_flag("echo", echo),
    mock_flag("sha", sha),
    mock_flag("coalesce", coalesce),

    mock_fault("reset", MOCK_END_RESET),
    mock_fault("close", MOCK_END_CLOSE),
    mock_fault("silence", MOCK_END_HOLD),
    mock_fault("kill", MOCK_END_KILL),

    { "broken", mock_set_broken, 0, 0 },
    { "cut",    mock_set_cut,    0, 0 },
    { "header", mock_set_header, 0, 0 },
    { "path",   mock_set_path,   0, 0 },
    { "times",  mock_set_times,  0, 0 },
    { "models", mock_set_models, 0, 0 },
    { "refuse", mock_set_refuse, 0, 0 },

    { NULL, NULL, 0, 0 }
};


void
mock_behave_init(mock_behave_t *b)
{
    memset(b, 0, sizeof(mock_behave_t));

    b->tokens = 8;
    b->prompt = -1;
    b->size = -1;
    b->status = -1;
    b->retry_after = -1;
    b->drip = -1;
    b->after = -1;
    b->keepalive = -1;
}


int
mock_behave_parse(mock_rule_t *rule, mock_node_t *node, const char *text,
    size_t len, char *err)
{
    char  *s, *next, line[1024];

    rule->path[0] = '\0';
    rule->times = -1;
    rule->empty = 1;
    rule->clear = 0;

    if (len >= sizeof(line)) {
        snprintf(err, 256, "mock directives too long");
        return MOCK_ERROR;
    }

    memcpy(line, text, len);
    line[len] = '\0';

    for (s = line; s; s = next) {
        next = strchr(s, ';');

        if (next) {
            *next++ = '\0';
        }

        while (isspace((unsigned char) *s)) {
            s++;
        }

        len = strlen(s);

        while (len && isspace((unsigned char) s[len - 1])) {
            s[--len] = '\0';
        }

        if (len && mock_behave_one(rule, node, s) != MOCK_OK) {
            snprintf(err, 256, "bad mock directive \"%s\"", s);
            return MOCK_ERROR;
        }
    }

    return MOCK_OK;
}


/* leaves the text as it was, for the message */

static int
mock_behave_one(mock_rule_t *rule, mock_node_t *node, char *text)
{
    char                    *eq, value[512];
    size_t                   n;
    const mock_directive_t  *d;

    eq = strchr(text, '=');
    n = eq ? (size_t) (eq - text) : strlen(text);

    if (eq && strlen(eq) > sizeof(value)) {
        return MOCK_ERROR;
    }

    snprintf(value, sizeof(value), "%s", eq ? eq + 1 : "");
    mock_behave_decode(value);

    for (d = mock_directives; d->name; d++) {
        if (strlen(d->name) == n && memcmp(d->name, text, n) == 0) {
            return d->set(rule, node, d, eq ? value : NULL);
        }
    }

    return MOCK_ERROR;
}


static int
mock_set_num(mock_rule_t *rule, mock_node_t *node, const mock_directive_t *d,
    const char *value)
{
    int  n;

    (void) node;

    n = d->data;

    if ((value && mock_behave_number(value, &n) != MOCK_OK) || n == -1) {
        return MOCK_ERROR;
    }

    if (d->offset == offsetof(mock_behave_t, status) && (n < 200 || n > 999)) {
        return MOCK_ERROR;
    }

    *(int *) ((char *) &rule->behave + d->offset) = n;
    rule->empty = 0;

    return MOCK_OK;
}


static int
mock_set_flag(mock_rule_t *rule, mock_node_t *node, const mock_directive_t *d,
    const char *value)
{
    (void) node;

    if (value && strcmp(value, "0") != 0 && strcmp(value, "1") != 0) {
        return MOCK_ERROR;
    }

    *((unsigned char *) &rule->behave + d->offset) =
                                             value == NULL || value[0] == '1';
    rule->empty = 0;

    return MOCK_OK;
}


static int
mock_set_fault(mock_rule_t *rule, mock_node_t *node, const mock_directive_t *d,
    const char *value)
{
    int             when;
    mock_behave_t  *b;

    (void) node;

    b = &rule->behave;

    if (value == NULL && d->data == MOCK_END_CLOSE) {
        b->close = 1;
        rule->empty = 0;
        return MOCK_OK;
    }

    if (value == NULL && d->data == MOCK_END_RESET) {
        rule->clear = 1;
        return MOCK_OK;
    }

    when = MOCK_WHEN_BEFORE;

    if (value) {
        when = mock_behave_word("body before headers mid", value,
                                MOCK_WHEN_BODY);
    }

    if (when == MOCK_ERROR) {
        return MOCK_ERROR;
    }

    b->fault = (mock_end_e) d->data;
    b->when = (mock_when_e) when;
    rule->empty = 0;

    return MOCK_OK;
}


static int
mock_set_broken(mock_rule_t *rule, mock_node_t *node,
    const mock_directive_t *d, const char *value)
{
    int  n;

    (void) node;
    (void) d;

    n = mock_behave_word("json http chunk", value, MOCK_BROKEN_JSON);

    if (n == MOCK_ERROR) {
        return MOCK_ERROR;
    }

    rule->behave.broken = (mock_broken_e) n;
    rule->empty = 0;

    return MOCK_OK;
}


static int
mock_set_cut(mock_rule_t *rule, mock_node_t *node, const mock_directive_t *d,
    const char *value)
{
    int  n;

    (void) node;
    (void) d;

    n = mock_behave_word("event clean", value, MOCK_CUT_EVENT);

    if (n == MOCK_ERROR) {
        return MOCK_ERROR;
    }

    rule->behave.cut = (mock_cut_e) n;
    rule->empty = 0;

    return MOCK_OK;
}


static int
mock_set_header(mock_rule_t *rule, mock_node_t *node,
    const mock_directive_t *d, const char *value)
{
    size_t  len;

    (void) node;
    (void) d;

    len = strlen(rule->behave.header);

    if (value == NULL || strchr(value, ':') == NULL
        || len + strlen(value) + 3 > sizeof(rule->behave.header))
    {
        return MOCK_ERROR;
    }

    snprintf(rule->behave.header + len, sizeof(rule->behave.header) - len,
             "%s\r\n", value);
    rule->empty = 0;

    return MOCK_OK;
}


static int
mock_set_path(mock_rule_t *rule, mock_node_t *node, const mock_directive_t *d,
    const char *value)
{
    (void) node;
    (void) d;

    if (value == NULL || value[0] != '/'
        || strlen(value) >= sizeof(rule->path))
    {
        return MOCK_ERROR;
    }

    snprintf(rule->path, sizeof(rule->path), "%s", value);

    return MOCK_OK;
}


static int
mock_set_times(mock_rule_t *rule, mock_node_t *node, const mock_directive_t *d,
    const char *value)
{
    (void) node;
    (void) d;

    return value ? mock_behave_number(value, &rule->times) : MOCK_ERROR;
}


static int
mock_set_models(mock_rule_t *rule, mock_node_t *node,
    const mock_directive_t *d, const char *value)
{
    (void) rule;
    (void) d;

    if (value == NULL || node == NULL) {
        return MOCK_ERROR;
    }

    free(node->models);
    node->models = mock_strdup(value);

    return MOCK_OK;
}


static int
mock_set_refuse(mock_rule_t *rule, mock_node_t *node,
    const mock_directive_t *d, const char *value)
{
    int  ms;

    (void) rule;
    (void) d;

    if (value == NULL || node == NULL
        || mock_behave_number(value, &ms) != MOCK_OK)
    {
        return MOCK_ERROR;
    }

    mock_refuse(node, ms);

    return MOCK_OK;
}


static int
mock_behave_number(const char *value, int *n)
{
    long   l;
    char  *end;

    l = strtol(value, &end, 10);

    if (end == value || *end || l < 0 || l > INT_MAX) {
        return MOCK_ERROR;
    }

    *n = (int) l;

    return MOCK_OK;
}


/* the place of a word among words, the first of them being number first */

static int
mock_behave_word(const char *words, const char *value, int first)
{
    size_t       n;
    const char  *p;

    if (value == NULL) {
        return MOCK_ERROR;
    }

    for (p = words; *p; first++) {
        n = strcspn(p, " ");

        if (strlen(value) == n && memcmp(p, value, n) == 0) {
            return first;
        }

        p += n + (p[n] == ' ');
    }

    return MOCK_ERROR;
}


/* %3B for a semicolon within a value */

static void
mock_behave_decode(char *s)
{
    char          *to;
    unsigned int   ch;

    for (to = s; *s; s++) {
        if (*s == '%' && sscanf(s + 1, "%2x", &ch) == 1
            && isxdigit((unsigned char) s[2]))
        {
            *to++ = (char) ch;
            s += 2;

        } else {
            *to++ = *s;
        }
    }

    *to = '\0';
}


int
mock_rules_set(mock_node_t *node, const char *text, size_t len, char *err)
{
    size_t       i, n, count;
    mock_rule_t  rules[MOCK_RULES];

    count = 0;

    while (len) {
        n = 0;

        while (n < len && text[n] != '\n') {
            n++;
        }

        if (count == MOCK_RULES) {
            snprintf(err, 256, "more than %d rules", MOCK_RULES);
            return MOCK_ERROR;
        }

        rules[count].behave = node->base;

        if (mock_behave_parse(&rules[count], node, text, n, err) != MOCK_OK) {
            return MOCK_ERROR;
        }

        if (rules[count].clear) {
            mock_rules_drop(node, NULL);
        }

        count += !rules[count].empty;

        text += n + (n < len);
        len -= n + (n < len);
    }

    for (i = 0; i < count; i++) {
        mock_rules_drop(node, rules[i].path);
    }

    if (node->nrules + count > MOCK_RULES) {
        snprintf(err, 256, "more than %d rules", MOCK_RULES);
        return MOCK_ERROR;
    }

    if (node->rules == NULL && count) {
        node->rules = mock_alloc(MOCK_RULES * sizeof(mock_rule_t));
    }

    for (i = 0; i < count; i++) {
        node->rules[node->nrules++] = rules[i];
    }

    return MOCK_OK;
}


/* of this path, or all of them */

static void
mock_rules_drop(mock_node_t *node, const char *path)
{
    size_t  i;

    for (i = node->nrules; i > 0; i--) {
        if (path == NULL || strcmp(node->rules[i - 1].path, path) == 0) {
            mock_rules_remove(node, i - 1);
        }
    }
}


static void
mock_rules_remove(mock_node_t *node, size_t i)
{
    node->nrules--;
    memmove(node->rules + i, node->rules + i + 1,
            (node->nrules - i) * sizeof(mock_rule_t));
}


void
mock_rules_clear(mock_node_t *node)
{
    char  err[256];

    node->nrules = 0;

    if (mock_conf.behave) {
        mock_rules_set(node, mock_conf.behave, strlen(mock_conf.behave), err);
    }
}


void
mock_rules_apply(mock_node_t *node, mock_conn_t *c)
{
    size_t        i;
    mock_rule_t  *rule;

    for (i = 0; i < node->nrules; i++) {
        rule = &node->rules[i];

        if (rule->times == 0 || !mock_rule_matches(rule, &c->request)) {
            continue;
        }

        c->own = rule->behave;
        c->behave = &c->own;

        if (rule->times > 0 && --rule->times == 0) {
            mock_rules_remove(node, i);
        }

        return;
    }
}


static int
mock_rule_matches(mock_rule_t *rule, mock_request_t *r)
{
    if (rule->path[0] == '\0') {
        return r->v1;
    }

    return strncmp(r->path, rule->path, strlen(rule->path)) == 0;
}
