
/*
 * mock_node: an LLM node for tests, benchmarks and demonstrations.
 *
 *     cc -O2 -Wall -Wextra -Werror -o build/mock_node t/lib/mock_*.c
 *
 * The text of --help below is its manual: options, directives, what can be
 * asked of it.  This file owns the command line; mock_node.h says where the
 * rest is.  No TLS: where a test needs it, an nginx server block in front of
 * a mock node does it.
 */


#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mock_node.h"


typedef enum {
    MOCK_OPT_PORT = 1,
    MOCK_OPT_PORTS,
    MOCK_OPT_SLOTS,
    MOCK_OPT_IDLE,
    MOCK_OPT_DELAY,
    MOCK_OPT_TOKENS,
    MOCK_OPT_PACE,
    MOCK_OPT_COALESCE,
    MOCK_OPT_USAGE_NULL,
    MOCK_OPT_STRICT,
    MOCK_OPT_QUIET,
    MOCK_OPT_DEATH,
    MOCK_OPT_HELP,
    MOCK_OPT_TYPE,
    MOCK_OPT_HOST,
    MOCK_OPT_PREFIX,
    MOCK_OPT_KEY,
    MOCK_OPT_BEHAVE,
    MOCK_OPT_MODELS,
    MOCK_OPT_NAME,
    MOCK_OPT_PID
} mock_opt_e;


static void mock_options(int argc, char **argv);
static void mock_option(int opt, const char *value);
static int mock_option_number(const char *name, const char *value, int max);
static void mock_option_ports(const char *value);
static void mock_option_type(const char *value);
static void mock_port(int port);
static void mock_nodes_start(void);
static void mock_nodes_tell(void);
static void mock_limits(void);
static void mock_signals(void);
static void mock_end(int signo);
static void mock_pid(void);
static void mock_parent_death(pid_t parent);
static void mock_fail(const char *what, const char *value);


mock_conf_t           mock_conf = {
    .host = "127.0.0.1",
    .type = "openai",
    .models = "mock-model",
    .idle = 60000
};

mock_node_t          *mock_nodes;
size_t                mock_nnodes;

static mock_behave_t  mock_base;


static const char     mock_help[] =
"usage: mock_node --port N [option ...]\n"
"\n"
"  --port N, --listen N   a node at this port, may be given again for more\n"
"                         nodes in one process; 0: a free port\n"
"  --ports A-B            a node at each of these ports\n"
"  --host IP              127.0.0.1\n"
"  --prefix /base         the API is below this path\n"
"  --name X               \"mock\"; said in answers and in X-Mock-Node; with\n"
"                         several nodes X-1, X-2, ...\n"
"  --models a,b           \"mock-model\"\n"
"  --strict-models        404 for others\n"
"  --type T               openai, ollama, llamacpp, vllm, sglang, tgi or\n"
"                         lmstudio: which endpoints tell what it is\n"
"  --slots N              said by /props; requests above are only counted\n"
"  --key SECRET           401 without this bearer token; without --key every\n"
"                         Authorization is counted as leaked\n"
"  --delay MS --pace MS --tokens N --coalesce --usage-null\n"
"                         defaults for the directives of these names\n"
"  --behave TEXT          directives for all requests, see /mock/set\n"
"  --idle MS              60000: idle connections are closed after that,\n"
"                         within a second\n"
"  --pid-file F\n"
"  --parent-death         ends when its parent does\n"
"  --quiet                no \"listening on 127.0.0.1:PORT\" on stdout\n"
"\n"
"It answers GET /v1/models[/ID] and POST /v1/chat/completions, completions,\n"
"embeddings, responses, rerank, moderations, audio/transcriptions,\n"
"images/edits, audio/speech as OpenAI does; any other POST /v1/... says\n"
"{\"object\":\"echo\",...}.  prompt_tokens are the words of the last user\n"
"message (prompt, input), at least 1.\n"
"\n"
"Directives, separated by \";\", in a request's header X-Mock, in --behave or\n"
"in the body of POST /mock/set; %XX stands for a byte of a value:\n"
"\n"
"  delay=MS first=MS pace=MS    before the header, after it, before a token\n"
"  tokens=N size=BYTES prompt=N content, its size, prompt_tokens\n"
"  status=N retry_after=S       an error from 400 on; below, just the status\n"
"  reset= close= silence= kill= RST, FIN, nothing more, death of the process;\n"
"                               at body (it is not read), before (an answer),\n"
"                               headers (after them) or mid; after=N tokens.\n"
"                               silence and kill alone are \"before\"\n"
"  close                        Connection: close\n"
"  broken=json|http|chunk       wrong JSON, no HTTP, a wrong chunk size\n"
"  cut=event|clean              half an event, then FIN or the last chunk\n"
"  nodone noterm                no [DONE]; no last chunk, but FIN\n"
"  nochunk length               framed by FIN; a stream with Content-Length\n"
"  drip[=MS]                    byte by byte\n"
"  coalesce                     all that need not wait in one write\n"
"  crlf nousage usagenull       of streams\n"
"  accel bigheader=N header=L   X-Accel-*, Set-Cookie, Server ...; N bytes;\n"
"                               a line \"Name: value\"\n"
"  interim gzip                 100 and 103 first; Content-Encoding, a lie\n"
"  keepalive_timeout=MS         closes the connection when idle for so long\n"
"  refuse_stream_options        400 when the request has them\n"
"  echo sha                     the answer holds the request's head and body\n"
"                               (64 KB), or SHA-256 and length of the body\n"
"  models=a,b refuse=MS         done at once: the list; no connections for\n"
"                               so long (idle ones are closed)\n"
"\n"
"A name unknown is a 400.  In /mock/set and --behave:\n"
"\n"
"  times=N                      the rule is for N requests only\n"
"  path=/v1/models              for paths that begin so, any method; without\n"
"                               it for POST /v1/...\n"
"  reset                        forgets the rules before\n"
"\n"
"A line is a rule; the first that matches is taken, X-Mock on top of it.\n"
"A set replaces the older rules of the same path.\n"
"\n"
"GET /mock/stats[?all]          counters (of all nodes of the process)\n"
"GET /mock/last[?other]         head and 64 KB of the body of the last POST\n"
"                               /v1/...; of the last other request\n"
"POST /mock/reset               counters to 0, rules to those of --behave\n"
"\n"
"A client that closes, or shuts its side down, before the answer is complete\n"
"counts as aborted.  SIGTERM ends it.\n";


static const struct option  mock_option_table[] = {
    { "port",          required_argument, NULL, MOCK_OPT_PORT },
    { "listen",        required_argument, NULL, MOCK_OPT_PORT },
    { "ports",         required_argument, NULL, MOCK_OPT_PORTS },
    { "host",          required_argument, NULL, MOCK_OPT_HOST },
    { "prefix",        required_argument, NULL, MOCK_OPT_PREFIX },
    { "name",          required_argument, NULL, MOCK_OPT_NAME },
    { "models",        required_argument, NULL, MOCK_OPT_MODELS },
    { "strict-models", no_argument,       NULL, MOCK_OPT_STRICT },
    { "type",          required_argument, NULL, MOCK_OPT_TYPE },
    { "slots",         required_argument, NULL, MOCK_OPT_SLOTS },
    { "idle",          required_argument, NULL, MOCK_OPT_IDLE },
    { "key",           required_argument, NULL, MOCK_OPT_KEY },
    { "delay",         required_argument, NULL, MOCK_OPT_DELAY },
    { "pace",          required_argument, NULL, MOCK_OPT_PACE },
    { "tokens",        required_argument, NULL, MOCK_OPT_TOKENS },
    { "coalesce",      no_argument,       NULL, MOCK_OPT_COALESCE },
    { "usage-null",    no_argument,       NULL, MOCK_OPT_USAGE_NULL },
    { "behave",        required_argument, NULL, MOCK_OPT_BEHAVE },
    { "pid-file",      required_argument, NULL, MOCK_OPT_PID },
    { "parent-death",  no_argument,       NULL, MOCK_OPT_DEATH },
    { "quiet",         no_argument,       NULL, MOCK_OPT_QUIET },
    { "help",          no_argument,       NULL, MOCK_OPT_HELP },
    { NULL, 0, NULL, 0 }
};


int
main(int argc, char **argv)
{
    mock_behave_init(&mock_base);
    mock_options(argc, argv);

    mock_limits();
    mock_signals();
    mock_nodes_start();
    mock_pid();
    mock_nodes_tell();

    mock_loop();

    return 0;
}


static void
mock_options(int argc, char **argv)
{
    int    opt;
    pid_t  parent;

    parent = getppid();

    while ((opt = getopt_long(argc, argv, "", mock_option_table, NULL)) != -1) {

        switch (opt) {

        case MOCK_OPT_HELP:
            fputs(mock_help, stdout);
            exit(0);

        case MOCK_OPT_DEATH:
            mock_parent_death(parent);
            break;

        case '?':
            exit(2);

        default:
            mock_option(opt, optarg);
        }
    }

    if (optind < argc) {
        mock_fail("unexpected argument", argv[optind]);
    }

    if (mock_nnodes == 0) {
        mock_fail("--port is missing", "see --help");
    }
}


static void
mock_option(int opt, const char *value)
{
    switch (opt) {

    case MOCK_OPT_PORT:
        mock_port(mock_option_number("--port", value, 65535));
        break;

    case MOCK_OPT_PORTS:
        mock_option_ports(value);
        break;

    case MOCK_OPT_SLOTS:
        mock_conf.slots = mock_option_number("--slots", value, INT_MAX);
        break;

    case MOCK_OPT_IDLE:
        mock_conf.idle = mock_option_number("--idle", value, INT_MAX);
        break;

    case MOCK_OPT_DELAY:
        mock_base.delay = mock_option_number("--delay", value, INT_MAX);
        break;

    case MOCK_OPT_TOKENS:
        mock_base.tokens = mock_option_number("--tokens", value, INT_MAX);
        break;

    case MOCK_OPT_PACE:
        mock_base.pace = mock_option_number("--pace", value, INT_MAX);
        break;

    case MOCK_OPT_COALESCE:
        mock_base.coalesce = 1;
        break;

    case MOCK_OPT_USAGE_NULL:
        mock_base.usagenull = 1;
        break;

    case MOCK_OPT_STRICT:
        mock_conf.strict_models = 1;
        break;

    case MOCK_OPT_QUIET:
        mock_conf.quiet = 1;
        break;

    case MOCK_OPT_TYPE:
        mock_option_type(value);
        break;

    case MOCK_OPT_HOST:
        mock_conf.host = value;
        break;

    case MOCK_OPT_PREFIX:
        mock_conf.prefix = value;
        break;

    case MOCK_OPT_KEY:
        mock_conf.key = value;
        break;

    case MOCK_OPT_BEHAVE:
        mock_conf.behave = value;
        break;

    case MOCK_OPT_MODELS:
        mock_conf.models = value;
        break;

    case MOCK_OPT_NAME:
        mock_conf.name = value;
        break;

    default: /* MOCK_OPT_PID */
        mock_conf.pid_file = value;
    }
}


static int
mock_option_number(const char *name, const char *value, int max)
{
    long   n;
    char  *end;

    n = strtol(value, &end, 10);

    if (end == value || *end || n < 0 || n > max) {
        mock_fail(name, value);
    }

    return (int) n;
}


static void
mock_option_ports(const char *value)
{
    int  port, first, last;

    if (sscanf(value, "%d-%d", &first, &last) != 2
        || first < 1 || last < first || last > 65535)
    {
        mock_fail("--ports", value);
    }

    for (port = first; port <= last; port++) {
        mock_port(port);
    }
}


static void
mock_option_type(const char *value)
{
    size_t              i;
    static const char  *types[] = {
        "openai", "ollama", "llamacpp", "vllm", "sglang", "tgi", "lmstudio"
    };

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i], value) == 0) {
            mock_conf.type = value;
            return;
        }
    }

    mock_fail("--type", value);
}


static void
mock_port(int port)
{
    mock_nodes = mock_grow(mock_nodes,
                           (mock_nnodes + 1) * sizeof(mock_node_t));

    memset(&mock_nodes[mock_nnodes], 0, sizeof(mock_node_t));
    mock_nodes[mock_nnodes++].port = (uint16_t) port;
}


static void
mock_nodes_start(void)
{
    char          err[256], text[64];
    size_t        i;
    const char   *name;
    mock_node_t  *node;

    name = mock_conf.name ? mock_conf.name : "mock";

    for (i = 0; i < mock_nnodes; i++) {
        node = &mock_nodes[i];

        snprintf(node->name, sizeof(node->name),
                 mock_nnodes > 1 ? "%.40s-%zu" : "%.60s", name, i + 1);

        node->base = mock_base;
        node->models = mock_strdup(mock_conf.models);

        if (mock_listen(node) != MOCK_OK) {
            snprintf(text, sizeof(text), "%d: %s", node->port,
                     strerror(errno));
            mock_fail("can't listen at port", text);
        }

        if (mock_conf.behave
            && mock_rules_set(node, mock_conf.behave, strlen(mock_conf.behave),
                              err)
               != MOCK_OK)
        {
            mock_fail("--behave", err);
        }
    }
}


static void
mock_nodes_tell(void)
{
    size_t  i;

    for (i = 0; i < mock_nnodes && !mock_conf.quiet; i++) {
        printf("listening on %s:%d\n", mock_conf.host, mock_nodes[i].port);
    }

    fflush(stdout);
}


/* as many descriptors as the system gives */

static void
mock_limits(void)
{
    struct rlimit  limit;

    limit.rlim_cur = 1048576;
    limit.rlim_max = 1048576;

    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) {
        return;
    }

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}


static void
mock_signals(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, mock_end);
    signal(SIGINT, mock_end);
}


static void
mock_end(int signo)
{
    (void) signo;

    if (mock_conf.pid_file) {
        unlink(mock_conf.pid_file);
    }

    _exit(0);
}


static void
mock_pid(void)
{
    FILE  *f;

    if (mock_conf.pid_file == NULL) {
        return;
    }

    f = fopen(mock_conf.pid_file, "w");

    if (f == NULL || fprintf(f, "%d\n", (int) getpid()) < 0 || fclose(f) != 0) {
        mock_fail("can't write --pid-file", mock_conf.pid_file);
    }
}


static void
mock_parent_death(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);

    /* it may have died before */

    if (getppid() != parent) {
        exit(0);
    }
}


static void
mock_fail(const char *what, const char *value)
{
    fprintf(stderr, "mock_node: %s: %s\n", what, value);
    exit(2);
}
