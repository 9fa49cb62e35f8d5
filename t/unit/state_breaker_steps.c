
/*
 * Who asks for the trial, instruction by instruction: at each of them it is
 * overtaken by another one, who asks too and may end the trial at once.
 */


#include "../../src/state/ngx_llm_breaker.c"
#include "step.h"


#define TRIAL  5000             /* ms that a trial may take */


typedef enum {
    LEFT = 0,                   /* the trial is under way still */
    FAILED,
    SUCCEEDED,
    NEITHER
} end_e;


typedef struct {
    ngx_llm_node_t  node;
    ngx_atomic_t    entered;    /* of the stepped process */
    ngx_atomic_t    trial;
} truth_t;


static void test_overtaken(const char *name, ngx_uint_t end);
static ngx_uint_t overtake(ngx_uint_t end);
static void stepped(void);
static void prepare(void);
static ngx_uint_t bad(ngx_uint_t end, ngx_uint_t trial);


static truth_t          *truth;
static ngx_msec_t        now;
static ngx_llm_node_t   *node;
static ngx_slab_pool_t  *pool;


int
main(void)
{
    if (!step_works()) {
        ok(1, "nothing was tested");
        return test_done();
    }

    pool = shm_pool(65536);
    truth = ngx_slab_calloc(pool, sizeof(truth_t));
    node = &truth->node;

    test_overtaken("whose trial is under way", LEFT);
    test_overtaken("whose trial failed", FAILED);
    test_overtaken("whose trial succeeded", SUCCEEDED);
    test_overtaken("whose trial was neither", NEITHER);

    return test_done();
}


static void
test_overtaken(const char *name, ngx_uint_t end)
{
    int         on;
    pid_t       pid;
    ngx_uint_t  n, wrong, first, trial;

    wrong = 0;
    first = 0;
    on = 1;

    for (n = 1; on; n++) {
        prepare();

        pid = step_start(stepped);
        on = step_on(pid, n);

        trial = overtake(end);
        first += trial;

        if (on) {
            (void) step_on(pid, 0);
        }

        step_end(pid);

        wrong += bad(end, trial);
    }

    ok(n > 20 && first > 0 && first < n,
       "overtaken by one %s: at %u instructions, who is first %u times", name,
       (unsigned) n, (unsigned) first);
    is_number(wrong, 0, "... and always one trial at a time");
}


static ngx_uint_t
overtake(ngx_uint_t end)
{
    ngx_uint_t  trial;

    if (!ngx_llm_breaker_enter(node, now, TRIAL, &trial)) {
        return 0;
    }

    switch (end) {

    case FAILED:
        (void) ngx_llm_breaker_failure(node, trial, 0, NGX_LLM_CAUSE_STATUS,
                                       now);
        break;

    case SUCCEEDED:
        (void) ngx_llm_breaker_success(node, trial);
        break;

    case NEITHER:
        ngx_llm_breaker_neither(node, trial);
        break;
    }

    return trial;
}


static void
stepped(void)
{
    ngx_uint_t  trial;

    truth->entered = ngx_llm_breaker_enter(node, now, TRIAL, &trial);
    truth->trial = trial;
}


/* what both were told must be true of one trial at a time */

static ngx_uint_t
bad(ngx_uint_t end, ngx_uint_t trial)
{
    if (truth->trial && !truth->entered) {
        return 1;
    }

    if (!trial) {
        return !truth->trial || node->trial == 0;
    }

    switch (end) {

    case LEFT:
    case FAILED:
        return truth->entered != 0
               || (end == FAILED) != (node->trial == 0);

    case SUCCEEDED:
        return truth->trial != 0
               || node->trial != 0
               || node->circuit != 0;

    default: /* NEITHER */
        return truth->entered != truth->trial
               || (truth->trial != 0) != (node->trial != 0);
    }
}


/* a circuit that is half open */

static void
prepare(void)
{
    ngx_uint_t  n;

    ngx_memzero(truth, sizeof(truth_t));

    now = 100000;

    for (n = 0; n < NGX_LLM_BREAKER_ROW; n++) {
        (void) ngx_llm_breaker_failure(node, 0, 0, NGX_LLM_CAUSE_STATUS, now);
    }

    now += NGX_LLM_BREAKER_FIRST;
}
