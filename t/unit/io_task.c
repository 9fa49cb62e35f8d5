
/*
 * Tasks in threads: run aside, done in the loop, in turn when there are many,
 * signals blocked, waited for at exit or left alone.  The loop is poll() on
 * the one descriptor here.
 */


#include <ngx_config.h>
#include <pthread.h>

static int create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*run)(void *), void *data);

#define pthread_create  create
#include "../../src/io/ngx_llm_eventfd.c"
#include "../../src/io/ngx_llm_task.c"
#undef  pthread_create

#include <poll.h>
#include <semaphore.h>
#include "test.h"


#define MANY  200


typedef struct {
    ngx_llm_task_t      task;
    sem_t               go;         /* posted: it may end */
    pthread_t           runner;
    volatile int        ran;
    int                 done;
    int                 order;
    sigset_t            mask;
} job_t;


static void test_before(void);
static void test_one(void);
static void test_many(void);
static void test_turns(void);
static void test_again(void);
static void test_post_in_done(void);
static void test_stop(void);
static void start(void);
static void job_init(job_t *job, unsigned wait, unsigned go);
static void job_end(job_t *job);
static void job_run(ngx_llm_task_t *task);
static void job_done(ngx_llm_task_t *task);
static void post_again(ngx_llm_task_t *task);
static void loop_until(ngx_uint_t *what, ngx_uint_t n);
static void *release_later(void *data);


ngx_event_actions_t      ngx_event_actions;
ngx_rbtree_t             ngx_event_timer_rbtree;
volatile ngx_msec_t      ngx_current_msec = 1000;
volatile ngx_cycle_t    *ngx_cycle;

static ngx_cycle_t       cycle;
static ngx_log_t         logger;
static ngx_connection_t  conn;
static ngx_event_t       read_event, write_event;
static ngx_uint_t        ndone, nran, timers, creates, refuse;
static pthread_mutex_t   count = PTHREAD_MUTEX_INITIALIZER;


/* threads that can't be made: refuse so many */

static int
create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
    void *data)
{
    creates++;

    if (refuse) {
        refuse--;
        return EAGAIN;
    }

    return pthread_create(thread, attr, run, data);
}


int
main(void)
{
    test_before();
    start();
    test_one();
    test_many();
    test_turns();
    test_again();
    test_post_in_done();
    test_stop();

    return test_done();
}


static void
test_before(void)
{
    job_t  job;

    job_init(&job, 0, 1);

    is_number(ngx_llm_task_post(&job.task), NGX_ERROR, "none before start");

    ngx_llm_tasks_stop();
    ok(1, "stop before start");

    job_end(&job);
}


static void
test_one(void)
{
    job_t  job;

    job_init(&job, 0, 0);

    is_number(ngx_llm_task_post(&job.task), NGX_OK, "a task");
    is_number(job.done, 0, "... is not done before it is posted");

    sem_post(&job.go);
    loop_until(&ndone, 1);

    is_number(job.done, 1, "... is done once");
    ok(!pthread_equal(job.runner, pthread_self()), "... was run in a thread");
    ok(sigismember(&job.mask, SIGTERM) == 1
       && sigismember(&job.mask, SIGALRM) == 1
       && sigismember(&job.mask, SIGCHLD) == 1,
       "... with signals blocked");

    pthread_sigmask(SIG_BLOCK, NULL, &job.mask);
    ok(sigismember(&job.mask, SIGTERM) == 0, "... but not in the loop");

    job_end(&job);
}


static void
test_many(void)
{
    int          bad;
    job_t       *jobs;
    ngx_uint_t   i;

    jobs = calloc(MANY, sizeof(job_t));
    bad = 0;
    ndone = 0;

    for (i = 0; i < MANY; i++) {
        job_init(&jobs[i], i & 1, 1);
        bad += (ngx_llm_task_post(&jobs[i].task) != NGX_OK);
    }

    is_number(bad, 0, "%d tasks", MANY);
    loop_until(&ndone, MANY);

    for (i = 0; i < MANY; i++) {
        bad += (jobs[i].ran != 1 || jobs[i].done != 1);
        job_end(&jobs[i]);
    }

    is_number(bad, 0, "... each ran once and was done once");
    is_number(ngx_llm_task_shared.waited, 0, "... none is waited for");
    is_number(ngx_llm_tasks.running, 0, "... none runs");

    free(jobs);
}


static void
test_turns(void)
{
    int         bad;
    job_t       jobs[NGX_LLM_TASKS_MAX + 3];
    ngx_uint_t  i;

    ndone = nran = creates = 0;

    for (i = 0; i < NGX_LLM_TASKS_MAX + 3; i++) {
        job_init(&jobs[i], 0, 0);
        (void) ngx_llm_task_post(&jobs[i].task);
    }

    is_number(creates, NGX_LLM_TASKS_MAX, "no more threads than may be");

    sem_post(&jobs[5].go);
    loop_until(&ndone, 1);

    is_number(creates, NGX_LLM_TASKS_MAX + 1, "the next in turn gets one");
    is_number(jobs[5].done, 1, "... when another is done");

    sem_post(&jobs[NGX_LLM_TASKS_MAX].go);
    loop_until(&ndone, 2);

    is_number(jobs[NGX_LLM_TASKS_MAX].done, 1, "... it is that one");

    bad = 0;

    for (i = 0; i < NGX_LLM_TASKS_MAX + 3; i++) {
        if (i != 5 && i != NGX_LLM_TASKS_MAX) {
            sem_post(&jobs[i].go);
        }
    }

    loop_until(&ndone, NGX_LLM_TASKS_MAX + 3);

    for (i = 0; i < NGX_LLM_TASKS_MAX + 3; i++) {
        bad += (jobs[i].done != 1);
        job_end(&jobs[i]);
    }

    is_number(bad, 0, "... all are done");
}


static void
test_again(void)
{
    job_t       job, more[NGX_LLM_TASKS_MAX + 2];
    ngx_uint_t  i;

    job_init(&job, 1, 1);
    refuse = 1;

    is_number(ngx_llm_task_post(&job.task), NGX_ERROR,
              "no thread can be made: it is said");
    is_number(ngx_llm_task_shared.waited, 0, "... and not waited for");
    job_end(&job);

    ndone = 0;
    timers = 0;

    for (i = 0; i < NGX_LLM_TASKS_MAX + 2; i++) {
        job_init(&more[i], 0, 1);
        (void) ngx_llm_task_post(&more[i].task);
    }

    refuse = 1000000;
    loop_until(&ndone, NGX_LLM_TASKS_MAX);

    is_number(timers, 1, "none for one whose turn it is: a timer is set");
    ok(more[NGX_LLM_TASKS_MAX].done == 0
       && ngx_llm_tasks.waiting.first == &more[NGX_LLM_TASKS_MAX].task,
       "... and it keeps its turn");

    refuse = 0;
    ngx_llm_tasks.again.timer_set = 0;
    ngx_llm_tasks.again.handler(&ngx_llm_tasks.again);
    loop_until(&ndone, NGX_LLM_TASKS_MAX + 2);

    ok(more[NGX_LLM_TASKS_MAX].done == 1
       && more[NGX_LLM_TASKS_MAX + 1].done == 1, "... until there is one");

    for (i = 0; i < NGX_LLM_TASKS_MAX + 2; i++) {
        job_end(&more[i]);
    }
}


static void
test_post_in_done(void)
{
    job_t  job;

    job_init(&job, 0, 1);
    sem_post(&job.go);

    job.task.done = post_again;
    ndone = 0;

    (void) ngx_llm_task_post(&job.task);
    loop_until(&ndone, 2);

    is_number(job.ran, 2, "a task that is done may be posted again");

    job_end(&job);
}


/* at exit */

static void
test_stop(void)
{
    int         fd;
    pthread_t   thread;
    ngx_uint_t  i;

    /* threads that end may touch them for a moment longer */
    static job_t  waited, left, turn[NGX_LLM_TASKS_MAX], late, later;

    fd = ngx_llm_tasks.fd;

    job_init(&left, 0, 0);
    job_init(&waited, 1, 0);

    (void) ngx_llm_task_post(&left.task);
    (void) ngx_llm_task_post(&waited.task);

    for (i = 0; i < NGX_LLM_TASKS_MAX - 2; i++) {
        job_init(&turn[i], 0, 0);
        (void) ngx_llm_task_post(&turn[i].task);
    }

    job_init(&late, 1, 1);
    job_init(&later, 0, 1);
    (void) ngx_llm_task_post(&late.task);
    (void) ngx_llm_task_post(&later.task);

    pthread_create(&thread, NULL, release_later, &waited);
    ngx_llm_tasks_stop();
    pthread_join(thread, NULL);

    ok(waited.ran == 1 && waited.done == 1, "stop waits for one with wait");
    ok(late.ran == 1 && late.done == 1, "... that waits in turn too");
    ok(later.ran == 0 && later.done == 0, "... for no other in turn");
    ok(left.done == 0, "... and leaves others alone");
    is_number(ngx_llm_task_post(&later.task), NGX_ERROR, "none after stop");
    ok(fcntl(fd, F_GETFD) != -1, "the descriptor is still there");

    ndone = 0;
    nran = 0;

    for (i = 0; i < NGX_LLM_TASKS_MAX - 2; i++) {
        sem_post(&turn[i].go);
    }

    sem_post(&left.go);

    /* they end, and nobody is told: the last thing they do is to write */

    for ( ;; ) {
        pthread_mutex_lock(&ngx_llm_task_shared.lock);
        i = nran;
        pthread_mutex_unlock(&ngx_llm_task_shared.lock);

        if (i == NGX_LLM_TASKS_MAX - 1) {
            break;
        }

        sched_yield();
    }

    is_number(ndone, 0, "threads that are left end, and nobody is told");
    is_number(left.ran, 1, "... when they have run");

    ngx_llm_tasks_stop();
    ok(1, "stop again");
}


static void
start(void)
{
    conn.read = &read_event;
    conn.write = &write_event;

    cycle.log = &logger;
    ngx_cycle = &cycle;

    is_number(ngx_llm_tasks_start(&cycle), NGX_OK, "start");
    ok(read_event.channel && read_event.handler == ngx_llm_task_told,
       "... listens, and is no leak at exit");
    ok(fcntl(conn.fd, F_GETFD) & FD_CLOEXEC, "... but no child has it");
}


static void
job_init(job_t *job, unsigned wait, unsigned go)
{
    ngx_memzero(job, sizeof(job_t));
    sem_init(&job->go, 0, go);

    job->task.run = job_run;
    job->task.done = job_done;
    job->task.data = job;
    job->task.wait = wait;
}


static void
job_end(job_t *job)
{
    sem_destroy(&job->go);
}


static void
job_run(ngx_llm_task_t *task)
{
    job_t  *job = task->data;

    while (sem_wait(&job->go) == -1) {
        /* void */
    }

    job->runner = pthread_self();
    pthread_sigmask(SIG_BLOCK, NULL, &job->mask);

    pthread_mutex_lock(&count);
    job->ran++;
    nran++;
    pthread_mutex_unlock(&count);
}


static void
job_done(ngx_llm_task_t *task)
{
    job_t  *job = task->data;

    job->done++;
    ndone++;
}


static void
post_again(ngx_llm_task_t *task)
{
    job_t  *job = task->data;

    job->task.done = job_done;
    ndone++;

    (void) ngx_llm_task_post(task);
}


static void
loop_until(ngx_uint_t *what, ngx_uint_t n)
{
    struct pollfd  pfd;

    while (*what < n) {
        pfd.fd = conn.fd;
        pfd.events = POLLIN;

        if (poll(&pfd, 1, 10000) != 1) {
            ok(0, "nothing ended for 10 s");
            exit(test_done());
        }

        read_event.data = &conn;
        read_event.handler(&read_event);
    }
}


static void *
release_later(void *data)
{
    job_t  *job = data;

    usleep(20000);
    sem_post(&job->go);

    return NULL;
}


/* -- the core ------------------------------------------------------------ */


static ngx_int_t
add_event(ngx_event_t *ev, ngx_int_t event, ngx_uint_t flags)
{
    return NGX_OK;
}


ngx_connection_t *
ngx_get_connection(ngx_socket_t s, ngx_log_t *log)
{
    ngx_event_actions.add = add_event;
    conn.fd = s;

    return &conn;
}


void
ngx_free_connection(ngx_connection_t *c)
{
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
}


void
ngx_rbtree_insert(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    timers++;
}


void
ngx_rbtree_delete(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    timers--;
}
