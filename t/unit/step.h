
/*
 * A process that is stepped instruction by instruction, to see what it would
 * leave in shared memory if it were killed at any of them.
 *
 * What stands in the pool is all that a killed process leaves.  So it is
 * not killed each time: at each instruction that changed the pool the pool is
 * put aside, the mutex is taken from the process as nginx's master does, the
 * test repairs and checks, and the pool is put back as it was.
 */


#ifndef _NGX_LLM_STEP_H_INCLUDED_
#define _NGX_LLM_STEP_H_INCLUDED_


#include <sys/ptrace.h>
#include "shm.h"


/* what the stepped process does */
typedef void (*step_pt)(void);


static pid_t  step_pid;


/* is it allowed at all?  Not in some containers, nor under valgrind. */

TEST_MAYBE_UNUSED
static int
step_works(void)
{
    int    status;
    pid_t  pid;

    pid = shm_fork();

    if (pid == 0) {
        _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1
              || kill(getpid(), SIGSTOP) == -1);
    }

    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)
        || ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == -1)
    {
        kill(pid, SIGKILL);
        (void) waitpid(pid, &status, 0);
        printf("# ptrace() is not allowed here: no steps\n");
        return 0;
    }

    (void) waitpid(pid, &status, 0);
    kill(pid, SIGKILL);
    (void) waitpid(pid, &status, 0);

    return 1;
}


/* a process that stands at the beginning of what it does */

static pid_t
step_start(step_pt what)
{
    int    status;
    pid_t  pid;

    pid = shm_fork();

    if (pid == 0) {
        (void) ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        (void) kill(getpid(), SIGSTOP);
        what();
        (void) kill(getpid(), SIGSTOP);
        _exit(0);
    }

    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
        shm_die("the process to step did not stop");
    }

    return pid;
}


/* one instruction; returns 0 when it is over */

static int
step_one(pid_t pid)
{
    int  status;

    if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == -1
        || waitpid(pid, &status, 0) != pid)
    {
        shm_die("the process can't be stepped");
    }

    if (!WIFSTOPPED(status)
        || (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP))
    {
        shm_die("the stepped process died");
    }

    return WSTOPSIG(status) == SIGTRAP;
}


/* n steps, or all that are left when n is 0; returns 0 when it is over */

TEST_MAYBE_UNUSED
static int
step_on(pid_t pid, ngx_uint_t n)
{
    int  status;

    if (n == 0) {
        if (ptrace(PTRACE_CONT, pid, NULL, NULL) == -1
            || waitpid(pid, &status, 0) != pid
            || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP)
        {
            shm_die("the stepped process died");
        }

        return 0;
    }

    while (n--) {
        if (!step_one(pid)) {
            return 0;
        }
    }

    return 1;
}


static void
step_end(pid_t pid)
{
    int  status;

    kill(pid, SIGKILL);
    (void) waitpid(pid, &status, 0);
}


/*
 * Steps through what(); at each change of the pool calls killed(), for which
 * the process is dead: step_pid tells which.  At last the process comes to its
 * end and over(), if not NULL, is called.  Returns how many changes there were.
 */

TEST_MAYBE_UNUSED
static ngx_uint_t
step_through(ngx_slab_pool_t *pool, step_pt what, step_pt killed,
    step_pt over)
{
    size_t       size;
    u_char      *now;
    ngx_uint_t   n;

    size = pool->end - (u_char *) pool;
    now = malloc(size);

    if (now == NULL) {
        shm_die("no memory");
    }

    ngx_memcpy(now, pool, size);

    step_pid = step_start(what);
    n = 0;

    while (step_one(step_pid)) {

        if (ngx_memcmp(now, pool, size) == 0) {
            continue;
        }

        ngx_memcpy(now, pool, size);
        n++;

        (void) ngx_shmtx_force_unlock(&pool->mutex, step_pid);
        killed();

        ngx_memcpy(pool, now, size);
    }

    if (over) {
        over();
    }

    step_end(step_pid);
    free(now);

    return n;
}


#endif /* _NGX_LLM_STEP_H_INCLUDED_ */
