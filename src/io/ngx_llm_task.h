
/*
 * What would block a worker is done beside it: by a thread of its own, with
 * the end told in the event loop.  For password hashes, names and files.
 *
 * run() is called in the thread.  It may touch what the task's data holds and
 * shared memory by functions without ngx_pool, ngx_log and ngx_cycle in them;
 * nothing else of nginx is made for threads.  All signals are blocked in it.
 * done() is called in the event loop, exactly once, never before post returns.
 *
 * A task does not keep a worker alive that is told to quit: who waits for one
 * with a client in mind has a timer of its own that is not cancelable.
 */


#ifndef _NGX_LLM_TASK_H_INCLUDED_
#define _NGX_LLM_TASK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


#define NGX_LLM_TASKS_MAX  32       /* threads at once; more wait in turn */


typedef struct ngx_llm_task_s  ngx_llm_task_t;

struct ngx_llm_task_s {

    /* set by the caller; it lives until done() was called */

    void              (*run)(ngx_llm_task_t *task);
    void              (*done)(ngx_llm_task_t *task);
    void               *data;
    unsigned            wait:1;     /* at exit: stop waits until it has run */

    /* its own */

    ngx_llm_task_t     *next;
};


/* Once in each worker, before the first post.  NGX_ERROR: it was logged. */
ngx_int_t ngx_llm_tasks_start(ngx_cycle_t *cycle);

/*
 * NGX_ERROR: no thread could be made, or the process exits; nothing will be
 * called.
 */
ngx_int_t ngx_llm_task_post(ngx_llm_task_t *task);

/*
 * The process exits.  Tasks with wait are waited for, and their done() is
 * called; others are left alone: neither they nor their done() matter any
 * more, and what they use must not be freed.
 */
void ngx_llm_tasks_stop(void);


#endif /* _NGX_LLM_TASK_H_INCLUDED_ */
