
/*
 * Heartbeats: who is silent, and when he is taken offline.
 */


#include <stdarg.h>
#include "../../src/io/ngx_llm_heartbeat.c"
#include "test.h"


#define NODES   5
#define LATE    (NGX_LLM_HEARTBEAT_SILENT + 1)


typedef enum {
    HEARD = 0,      /* announced itself */
    MUTE,           /* did so, too, and says nothing more */
    NEW,            /* was not heard since the zone was made */
    MADE,           /* announced nothing */
    LEAVING
} node_e;


static void test_silent(void);
static void test_tick(void);
static void test_first(void);
static void test_wrap(void);
static void prepare(ngx_msec_t now);


volatile ngx_cycle_t   *ngx_cycle;

static ngx_log_t         log_;
static ngx_cycle_t       cycle;
static ngx_llm_zone_t    zone;
static ngx_llm_nodes_t   nodes;
static ngx_llm_node_t    node[NODES];
static ngx_uint_t        lines;
static char              line[256];


int
main(void)
{
    log_.log_level = NGX_LOG_INFO;
    cycle.log = &log_;
    ngx_cycle = &cycle;

    test_silent();
    test_tick();
    test_first();
    test_wrap();

    return test_done();
}


static void
test_silent(void)
{
    prepare(1000);

    ok(!ngx_llm_heartbeat_silent(&node[HEARD], 1000), "just heard");
    ok(!ngx_llm_heartbeat_silent(&node[HEARD], 1000 + LATE - 1),
       "60 s ago");
    ok(ngx_llm_heartbeat_silent(&node[HEARD], 1000 + LATE), "longer ago");
    ok(!ngx_llm_heartbeat_silent(&node[HEARD], 990),
       "in the future, by another worker's clock");
    ok(!ngx_llm_heartbeat_silent(&node[NEW], 1000 + LATE), "never heard");
    ok(!ngx_llm_heartbeat_silent(&node[MADE], 1000 + LATE),
       "nobody waits for it");
}


static void
test_tick(void)
{
    prepare(1000);

    ngx_llm_heartbeat_tick(&zone, 1000 + LATE - 1);

    is_number(lines, 0, "in time: nothing is said");
    ok(node[HEARD].online && node[MUTE].online, "all are online");

    node[HEARD].heard = 1000 + LATE;

    ngx_llm_heartbeat_tick(&zone, 1000 + LATE);

    ok(node[HEARD].online, "one was heard");
    ok(!node[MUTE].online, "one is silent: offline");
    is_number(node[MUTE].passes, 0, "it needs all its passes again");
    ok(node[MADE].online, "one that announced nothing stays");
    ok(node[LEAVING].online, "one that leaves is left alone");
    is_number(lines, 1, "it is said");
    is_text(line, "llm node \"node1\" is offline: no heartbeat for 60 s",
            "the line");

    ngx_llm_heartbeat_tick(&zone, 2000 + LATE);

    is_number(lines, 1, "once");

    node[MUTE].heard = 3000 + LATE;
    node[MUTE].online = 1;

    ngx_llm_heartbeat_tick(&zone, 3000 + LATE);

    ok(node[MUTE].online, "it is heard again");
}


/* the time of one that was not heard counts from the first look */

static void
test_first(void)
{
    prepare(1000);

    ngx_llm_heartbeat_tick(&zone, 5000);

    is_number(node[NEW].heard, 5000, "it has its time from now on");
    is_number(node[MADE].heard, 0, "one that announced nothing has none");

    node[HEARD].heard = node[MUTE].heard = 5000 + LATE;

    ngx_llm_heartbeat_tick(&zone, 5000 + LATE - 1);

    ok(node[NEW].online, "within it");

    ngx_llm_heartbeat_tick(&zone, 5000 + LATE);

    ok(!node[NEW].online, "after it");

    prepare(1000);

    ngx_llm_heartbeat_tick(&zone, 0);

    is_number(node[NEW].heard, 1, "0 is no time");
}


static void
test_wrap(void)
{
    prepare((ngx_msec_t) -1000);

    ok(!ngx_llm_heartbeat_silent(&node[HEARD], 500), "over the clock's end");
    ok(ngx_llm_heartbeat_silent(&node[HEARD], LATE), "and long after");
}


static void
prepare(ngx_msec_t now)
{
    ngx_uint_t  i;

    ngx_memzero(node, sizeof(node));

    for (i = 0; i < NODES; i++) {
        node[i].use = NGX_LLM_NODE_USED;
        node[i].online = 1;
        node[i].passes = 3;
        node[i].heard = now;
        node[i].conf.registered = 1;

        ngx_memcpy(node[i].conf.name, "node0", sizeof("node0"));
        node[i].conf.name[4] += i;
    }

    node[NEW].heard = 0;
    node[MADE].heard = 0;
    node[MADE].conf.registered = 0;
    node[LEAVING].use = NGX_LLM_NODE_LEAVING;

    nodes.node = node;
    nodes.used = NODES;
    zone.nodes = &nodes;

    lines = 0;
}


/* what it takes from others */

ngx_int_t
ngx_llm_nodes_read(ngx_llm_nodes_t *table, uint32_t i,
    ngx_llm_node_conf_t *conf, ngx_atomic_uint_t *version)
{
    *conf = table->node[i].conf;
    *version = 0;

    return NGX_OK;
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    va_list  args;

    lines++;

    va_start(args, fmt);
    (void) vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
}
