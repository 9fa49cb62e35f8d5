
/*
 * Shared memory for the tests of src/state: stand-ins for what these take
 * from nginx's core, and processes that can be killed.
 *
 * The pool is one shared mapping, at the same address in all processes.  Its
 * blocks stand side by side; a block is taken, freed, cut or joined by one
 * write of its head, so that a process may be killed anywhere in between: what
 * it had not yet linked is lost then, nothing else.  New memory is filled with
 * 0x5a, freed memory with 0xa5.  It aborts when the pool is touched without
 * the mutex, when a process locks twice, and when a block is freed twice.
 */


#ifndef _NGX_LLM_SHM_H_INCLUDED_
#define _NGX_LLM_SHM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include "test.h"


/* bytes of a block's head and the least of its body */
#define SHM_HEAD   16

/* the head: the block's bytes in all, and the lowest bit: it is taken */
#define shm_head(p)    (*(volatile uint64_t *) (p))
#define shm_size(p)    ((size_t) (shm_head(p) & ~(uint64_t) 1))
#define shm_taken(p)   (shm_head(p) & 1)


volatile ngx_msec_t  ngx_current_msec = 100000;
ngx_pid_t            ngx_pid;

/* the allocation after this many fails, in this process; 0: none */
static ngx_uint_t    shm_fail;


static void
shm_die(const char *why)
{
    fflush(stdout);
    fprintf(stderr, "process %d: %s\n", (int) getpid(), why);
    abort();
}


/* a pool of this size; it is never unmapped */

TEST_MAYBE_UNUSED
static ngx_slab_pool_t *
shm_pool(size_t size)
{
    u_char           *p;
    ngx_slab_pool_t  *pool;

    ngx_pid = getpid();

    p = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1,
             0);

    if (p == MAP_FAILED) {
        shm_die("no memory");
    }

    pool = (ngx_slab_pool_t *) p;
    pool->mutex.lock = &pool->lock.lock;
    pool->start = p + ngx_align(sizeof(ngx_slab_pool_t), SHM_HEAD);
    pool->end = p + size / SHM_HEAD * SHM_HEAD;

    shm_head(pool->start) = pool->end - pool->start;

    return pool;
}


/* bytes that are taken, the heads too */

TEST_MAYBE_UNUSED
static size_t
shm_used(ngx_slab_pool_t *pool)
{
    u_char  *p;
    size_t   used;

    used = 0;

    for (p = pool->start; p < pool->end; p += shm_size(p)) {
        used += shm_taken(p) ? shm_size(p) : 0;
    }

    return used;
}


ngx_uint_t
ngx_shmtx_trylock(ngx_shmtx_t *mtx)
{
    return ngx_atomic_cmp_set(mtx->lock, 0, ngx_pid);
}


void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    if (*mtx->lock == (ngx_atomic_t) ngx_pid) {
        shm_die("locks the mutex twice");
    }

    while (!ngx_shmtx_trylock(mtx)) {
        ngx_sched_yield();
    }
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    if (!ngx_atomic_cmp_set(mtx->lock, ngx_pid, 0)) {
        shm_die("unlocks a mutex that is not its own");
    }
}


ngx_uint_t
ngx_shmtx_force_unlock(ngx_shmtx_t *mtx, ngx_pid_t pid)
{
    return ngx_atomic_cmp_set(mtx->lock, pid, 0);
}


void *
ngx_slab_alloc_locked(ngx_slab_pool_t *pool, size_t size)
{
    u_char  *p, *next;
    size_t   rest;

    if (*pool->mutex.lock != (ngx_atomic_t) ngx_pid) {
        shm_die("allocates without the mutex");
    }

    if (shm_fail && --shm_fail == 0) {
        return NULL;
    }

    size = ngx_align(ngx_max(size, 1), SHM_HEAD) + SHM_HEAD;

    for (p = pool->start; p < pool->end; p += shm_size(p)) {

        if (shm_taken(p)) {
            continue;
        }

        for ( ;; ) {
            next = p + shm_size(p);

            if (next >= pool->end || shm_taken(next)) {
                break;
            }

            shm_head(p) += shm_size(next);
        }

        if (shm_size(p) < size) {
            continue;
        }

        rest = shm_size(p) - size;

        if (rest) {
            shm_head(p + size) = rest;
            ngx_memory_barrier();
        }

        shm_head(p) = size | 1;

        return memset(p + SHM_HEAD, 0x5a, size - SHM_HEAD);
    }

    return NULL;
}


void *
ngx_slab_calloc_locked(ngx_slab_pool_t *pool, size_t size)
{
    void  *p;

    p = ngx_slab_alloc_locked(pool, size);
    if (p) {
        ngx_memzero(p, size);
    }

    return p;
}


void *
ngx_slab_calloc(ngx_slab_pool_t *pool, size_t size)
{
    void  *p;

    ngx_shmtx_lock(&pool->mutex);
    p = ngx_slab_calloc_locked(pool, size);
    ngx_shmtx_unlock(&pool->mutex);

    return p;
}


void
ngx_slab_free_locked(ngx_slab_pool_t *pool, void *data)
{
    u_char  *p;

    if (*pool->mutex.lock != (ngx_atomic_t) ngx_pid) {
        shm_die("frees without the mutex");
    }

    p = (u_char *) data - SHM_HEAD;

    if (p < pool->start || p >= pool->end || !shm_taken(p)) {
        shm_die("frees what is not taken");
    }

    ngx_memset(data, 0xa5, shm_size(p) - SHM_HEAD);
    ngx_memory_barrier();

    shm_head(p) &= ~(uint64_t) 1;
}


/* any hash will do: FNV-1a, mixed once more */

uint32_t
ngx_murmur_hash2(u_char *data, size_t n)
{
    uint32_t  h;

    h = 2166136261U;

    while (n--) {
        h = (h ^ *data++) * 16777619;
    }

    return h ^ h >> 15;
}


/* -- processes ----------------------------------------------------------- */


/* like fork(); the child's output is lost, it ends by _exit() */

TEST_MAYBE_UNUSED
static pid_t
shm_fork(void)
{
    pid_t  pid;

    fflush(stdout);

    pid = fork();

    if (pid == -1) {
        shm_die("fork() failed");
    }

    if (pid == 0) {
        ngx_pid = getpid();
    }

    return pid;
}


/* waits for a child; returns 1 when it ended by _exit(0) */

TEST_MAYBE_UNUSED
static int
shm_wait(pid_t pid)
{
    int  status;

    while (waitpid(pid, &status, 0) == -1) {
        if (errno != EINTR) {
            shm_die("waitpid() failed");
        }
    }

    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}


/* kills a child and frees its mutex, as nginx's master does */

TEST_MAYBE_UNUSED
static void
shm_kill(ngx_slab_pool_t *pool, pid_t pid)
{
    kill(pid, SIGKILL);
    (void) shm_wait(pid);
    (void) ngx_shmtx_force_unlock(&pool->mutex, pid);
}


TEST_MAYBE_UNUSED
static void
shm_sleep_us(ngx_uint_t us)
{
    struct timespec  ts;

    ts.tv_sec = us / 1000000;
    ts.tv_nsec = us % 1000000 * 1000;

    (void) nanosleep(&ts, NULL);
}


/* ms of a clock that runs in all processes alike */

TEST_MAYBE_UNUSED
static uint64_t
shm_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


/* a number below n, from the caller's own state */

TEST_MAYBE_UNUSED
static uint32_t
shm_random(uint64_t *state, uint32_t n)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;

    return (uint32_t) ((*state >> 33) % n);
}


#endif /* _NGX_LLM_SHM_H_INCLUDED_ */
