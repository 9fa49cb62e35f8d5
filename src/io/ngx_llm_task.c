
/*
 * A task waits its turn, is run by a thread, is done, in this order.  Those
 * that wait are a list of the event loop's own; those that are done go from
 * the threads to it by a list under the lock, and an eventfd tells it.
 * A thread touches nothing of its task once it stands in that list.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <pthread.h>
#include "ngx_llm_eventfd.h"
#include "ngx_llm_task.h"


#define NGX_LLM_TASK_STACK  (1024 * 1024)

/* ms until another try, when a task in turn got no thread */
#define NGX_LLM_TASK_AGAIN  100


typedef struct {
    ngx_llm_task_t     *first;
    ngx_llm_task_t    **last;
} ngx_llm_task_list_t;

#define ngx_llm_task_list_init(list)                                          \
    (list)->first = NULL;                                                     \
    (list)->last = &(list)->first

typedef struct {
    int                 fd;         /* -1: not started, or stopped */
    ngx_uint_t          running;
    ngx_llm_task_list_t waiting;
    ngx_event_t         again;
    ngx_connection_t    dummy;      /* of that event */
} ngx_llm_tasks_t;

/* what threads touch: under the lock, but for fd, which stays */

typedef struct {
    pthread_mutex_t     lock;
    pthread_cond_t      cond;       /* one with wait has run */
    ngx_uint_t          waited;     /* tasks with wait that have not */
    ngx_llm_task_list_t ended;
    int                 fd;
} ngx_llm_task_shared_t;


static void ngx_llm_task_pin(void);
static ngx_int_t ngx_llm_task_thread(ngx_llm_task_t *task);
static void *ngx_llm_task_run(void *data);
static void ngx_llm_task_told(ngx_event_t *ev);
static ngx_llm_task_t *ngx_llm_task_ended(void);
static void ngx_llm_task_next(void);
static void ngx_llm_task_again(ngx_event_t *ev);
static void ngx_llm_task_append(ngx_llm_task_list_t *list,
    ngx_llm_task_t *task);
static ngx_llm_task_t *ngx_llm_task_shift(ngx_llm_task_list_t *list);
static void ngx_llm_task_unshift(ngx_llm_task_list_t *list,
    ngx_llm_task_t *task);


static ngx_llm_tasks_t        ngx_llm_tasks = { .fd = -1 };

static ngx_llm_task_shared_t  ngx_llm_task_shared = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .cond = PTHREAD_COND_INITIALIZER
};


ngx_int_t
ngx_llm_tasks_start(ngx_cycle_t *cycle)
{
    int               fd;
    ngx_event_t      *ev;
    ngx_llm_tasks_t  *tasks;

    tasks = &ngx_llm_tasks;

    fd = ngx_llm_eventfd(cycle->log);

    if (fd == -1) {
        return NGX_ERROR;
    }

    if (ngx_llm_eventfd_listen(fd, ngx_llm_task_told, cycle->log) != NGX_OK) {
        (void) close(fd);
        return NGX_ERROR;
    }

    ngx_llm_task_pin();

    tasks->dummy.fd = (ngx_socket_t) -1;

    ev = &tasks->again;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->handler = ngx_llm_task_again;
    ev->data = &tasks->dummy;
    ev->log = cycle->log;
    ev->cancelable = 1;

    tasks->running = 0;
    tasks->fd = fd;

    ngx_llm_task_list_init(&tasks->waiting);
    ngx_llm_task_list_init(&ngx_llm_task_shared.ended);

    ngx_llm_task_shared.fd = fd;

    return NGX_OK;
}


ngx_int_t
ngx_llm_task_post(ngx_llm_task_t *task)
{
    ngx_llm_tasks_t  *tasks;

    tasks = &ngx_llm_tasks;

    if (tasks->fd == -1) {
        return NGX_ERROR;
    }

    if (tasks->running < NGX_LLM_TASKS_MAX && tasks->waiting.first == NULL) {
        return ngx_llm_task_thread(task);
    }

    ngx_llm_task_append(&tasks->waiting, task);

    return NGX_OK;
}


void
ngx_llm_tasks_stop(void)
{
    ngx_llm_task_t         *task;
    ngx_llm_tasks_t        *tasks;
    ngx_llm_task_shared_t  *shared;

    tasks = &ngx_llm_tasks;
    shared = &ngx_llm_task_shared;

    if (tasks->fd == -1) {
        return;
    }

    /* the descriptor stays open: threads that are left write to it */

    tasks->fd = -1;

    if (tasks->again.timer_set) {
        ngx_del_timer(&tasks->again);
    }

    pthread_mutex_lock(&shared->lock);

    while (shared->waited) {
        pthread_cond_wait(&shared->cond, &shared->lock);
    }

    pthread_mutex_unlock(&shared->lock);

    while ((task = ngx_llm_task_ended()) != NULL) {
        if (task->wait) {
            task->done(task);
        }
    }

    while ((task = ngx_llm_task_shift(&tasks->waiting)) != NULL) {
        if (task->wait) {
            task->run(task);
            task->done(task);
        }
    }
}


/*
 * A worker that exits unloads this module while threads may still be in some
 * function of the system that returns here: it stays where it is.
 */

static void
ngx_llm_task_pin(void)
{
#if (NGX_HAVE_DLOPEN)

    Dl_info  info;

    if (dladdr((void *) &ngx_llm_task_shared, &info) && info.dli_fname) {
        (void) dlopen(info.dli_fname, RTLD_NOW|RTLD_NODELETE|RTLD_NOLOAD);
    }

#endif
}


static ngx_int_t
ngx_llm_task_thread(ngx_llm_task_t *task)
{
    int                     err;
    sigset_t                all, old;
    pthread_t               thread;
    pthread_attr_t          attr;
    ngx_llm_task_shared_t  *shared;

    shared = &ngx_llm_task_shared;

    err = pthread_attr_init(&attr);
    if (err) {
        goto failed;
    }

    (void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void) pthread_attr_setstacksize(&attr, NGX_LLM_TASK_STACK);

    pthread_mutex_lock(&shared->lock);
    shared->waited += task->wait;
    pthread_mutex_unlock(&shared->lock);

    /* it inherits the mask; signals are for the event loop */

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old);

    err = pthread_create(&thread, &attr, ngx_llm_task_run, task);

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
    (void) pthread_attr_destroy(&attr);

    if (err == 0) {
        ngx_llm_tasks.running++;
        return NGX_OK;
    }

    pthread_mutex_lock(&shared->lock);
    shared->waited -= task->wait;
    pthread_mutex_unlock(&shared->lock);

failed:

    ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, err,
                  "pthread_create() failed");

    return NGX_ERROR;
}


static void *
ngx_llm_task_run(void *data)
{
    ngx_llm_task_t  *task = data;

    ngx_uint_t              wait;
    ngx_llm_task_shared_t  *shared;

    shared = &ngx_llm_task_shared;
    wait = task->wait;

    task->run(task);

    pthread_mutex_lock(&shared->lock);

    ngx_llm_task_append(&shared->ended, task);

    if (wait) {
        shared->waited--;
        pthread_cond_signal(&shared->cond);
    }

    pthread_mutex_unlock(&shared->lock);

    (void) ngx_llm_eventfd_tell(shared->fd);

    return NULL;
}


/* in the event loop: some have ended */

static void
ngx_llm_task_told(ngx_event_t *ev)
{
    ngx_llm_task_t  *task;

    if (!ngx_llm_eventfd_told(ev)) {
        return;
    }

    while ((task = ngx_llm_task_ended()) != NULL) {
        ngx_llm_tasks.running--;
        task->done(task);
    }

    ngx_llm_task_next();
}


static ngx_llm_task_t *
ngx_llm_task_ended(void)
{
    ngx_llm_task_t  *task;

    pthread_mutex_lock(&ngx_llm_task_shared.lock);
    task = ngx_llm_task_shift(&ngx_llm_task_shared.ended);
    pthread_mutex_unlock(&ngx_llm_task_shared.lock);

    return task;
}


/* starts those whose turn it is; one that gets no thread keeps its turn */

static void
ngx_llm_task_next(void)
{
    ngx_llm_task_t   *task;
    ngx_llm_tasks_t  *tasks;

    tasks = &ngx_llm_tasks;

    while (tasks->running < NGX_LLM_TASKS_MAX) {

        /* out of the list first: once it runs, its link is the thread's */

        task = ngx_llm_task_shift(&tasks->waiting);

        if (task == NULL) {
            return;
        }

        if (ngx_llm_task_thread(task) != NGX_OK) {
            ngx_llm_task_unshift(&tasks->waiting, task);

            if (!tasks->again.timer_set) {
                ngx_add_timer(&tasks->again, NGX_LLM_TASK_AGAIN);
            }

            return;
        }
    }
}


static void
ngx_llm_task_again(ngx_event_t *ev)
{
    ngx_llm_task_next();
}


static void
ngx_llm_task_append(ngx_llm_task_list_t *list, ngx_llm_task_t *task)
{
    task->next = NULL;

    *list->last = task;
    list->last = &task->next;
}


static ngx_llm_task_t *
ngx_llm_task_shift(ngx_llm_task_list_t *list)
{
    ngx_llm_task_t  *task;

    task = list->first;

    if (task) {
        list->first = task->next;

        if (list->first == NULL) {
            list->last = &list->first;
        }
    }

    return task;
}


static void
ngx_llm_task_unshift(ngx_llm_task_list_t *list, ngx_llm_task_t *task)
{
    task->next = list->first;
    list->first = task;

    if (task->next == NULL) {
        list->last = &task->next;
    }
}
