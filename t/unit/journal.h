
/*
 * Tables with a journal, instruction by instruction: a writer that is killed
 * at any of them leaves nothing of its change or all of it, also when the one
 * that ends it is killed; and writers that are killed anywhere, again and
 * again.
 *
 * The test that includes this defines POOL (bytes), EVERY (of the changes of
 * memory, at how many the one that ends it is killed, too), the operations,
 * and the functions declared here.
 */


#ifndef _JOURNAL_H_INCLUDED_
#define _JOURNAL_H_INCLUDED_


#include "chain.h"
#include "step.h"


#define JOURNAL_KILLS  200
#define JOURNAL_TEXT   2048


typedef struct {
    const char  *name;
    step_pt      what;
    ngx_uint_t   least;         /* changes of memory */
    void       (*first)(void);  /* done before, or NULL */
} journal_operation_t;


/* a new table, with what the operations need; pool is its memory */
static void prepare(void);

/* done before each operation, also before a step */
static void begin(void);

/* is a change under way? */
static ngx_uint_t torn(void);

/* the next one under the mutex ends it */
static void recover(void);

/* who is where, and what there is of him; "wrong" if that can't be */
static void describe(char *text, size_t size);

/* is each found that is there, and nobody else? */
static ngx_uint_t sound(void);

/* the same for readers, who take no lock, of the one that is always there */
static ngx_uint_t readable(void);

/*
 * What else there is to do and see after a kill: before and after recover(),
 * and in the end.  How much is wrong.
 */
static void killed_before(void);
static ngx_uint_t killed_recovered(void);
static ngx_uint_t killed_after(void);

/* any changes, counted in *rounds */
static void write_forever(void);

/* writes the one that is always there */
static void write_always(void);


static char              journal_before[JOURNAL_TEXT];
static char              journal_after[JOURNAL_TEXT];
static ngx_uint_t        wrong, calls, done;
static ngx_atomic_t     *rounds;
static ngx_slab_pool_t  *pool;


/* what it is, and what it is to be; then all is as it was */

static void
journal_prepare(const journal_operation_t *op, u_char *copy)
{
    prepare();

    if (op->first) {
        op->first();
    }

    describe(journal_before, JOURNAL_TEXT);
    ngx_memcpy(copy, pool, POOL);

    begin();
    op->what();

    describe(journal_after, JOURNAL_TEXT);
    ngx_memcpy(pool, copy, POOL);

    begin();

    wrong = 0;
    calls = 0;
    done = 0;
}


static void
journal_killed(void)
{
    char        text[JOURNAL_TEXT];
    ngx_uint_t  committed;

    calls++;

    /* readers before anybody knows of it */

    wrong += !readable();

    committed = torn();

    killed_before();
    recover();

    wrong += killed_recovered();
    wrong += torn() || !sound() || !readable();

    describe(text, JOURNAL_TEXT);

    if (strcmp(text, journal_after) == 0) {
        done++;

    } else {
        wrong += committed || strcmp(text, journal_before) != 0;
    }

    /* the next ones find their way */

    wrong += killed_after();
    wrong += !sound() || !readable();
    wrong += (pool->lock.lock != 0);
}


static void
journal_test(const journal_operation_t *op, u_char *copy)
{
    ngx_uint_t  n;

    journal_prepare(op, copy);

    ok(strcmp(journal_before, journal_after) != 0
       && strstr(journal_before, "wrong") == NULL
       && strstr(journal_after, "wrong") == NULL,
       "%s makes a difference", op->name);

    n = step_through(pool, op->what, journal_killed, NULL);

    ok(n >= op->least && calls == n, "... killed at %u changes of memory",
       (unsigned) n);
    ok(done > 1 && done < n, "... %u of them when it was committed",
       (unsigned) done);
    is_number(wrong, 0, "... all of it is there then, and before nothing");
}


static void
journal_killed_again(void)
{
    char  text[JOURNAL_TEXT];

    done++;

    wrong += !readable();

    recover();
    describe(text, JOURNAL_TEXT);

    wrong += (strcmp(text, journal_after) != 0 || !sound());
}


static void
journal_killed_first(void)
{
    pid_t  pid;

    /* every so often, but each time when it is short */

    if (!torn() || calls++ % EVERY > 3) {
        return;
    }

    pid = step_pid;

    (void) step_through(pool, recover, journal_killed_again, NULL);

    step_pid = pid;
}


/* the one that ends what the dead one began is killed as well */

static void
journal_test_twice(const journal_operation_t *op, u_char *copy)
{
    journal_prepare(op, copy);

    (void) step_through(pool, op->what, journal_killed_first, NULL);

    ok(done > 5, "%s: killed, and who ends it %u times", op->name,
       (unsigned) done);
    is_number(wrong, 0, "... who comes then ends it");
}


/* not stepped, but killed indeed, at any time */

static void
journal_test_kills(void)
{
    pid_t       pid;
    uint64_t    state;
    ngx_uint_t  i, bad, middle;

    prepare();

    rounds = ngx_slab_calloc(pool, sizeof(ngx_atomic_t));
    state = 7;
    bad = 0;
    middle = 0;

    for (i = 0; i < JOURNAL_KILLS; i++) {
        pid = shm_fork();

        if (pid == 0) {
            write_forever();
        }

        *rounds = 0;

        while (*rounds < 20) {
            bad += !readable();
        }

        shm_sleep_us(shm_random(&state, 500));
        shm_kill(pool, pid);

        middle += torn();
        bad += !readable();

        if (i % 2) {
            recover();
        }

        write_always();
        bad += !sound() || !readable();
    }

    ok(middle > 0, "%u writers were killed, %u of them in the middle",
       (unsigned) JOURNAL_KILLS, (unsigned) middle);
    is_number(bad, 0, "... and the table is sound each time");
}


/* all of it; an operation of one step can't be ended twice */

static void
journal_tests(const journal_operation_t *ops, ngx_uint_t n)
{
    u_char      *copy;
    ngx_uint_t   i;

    journal_test_kills();

    if (!step_works()) {
        return;
    }

    copy = malloc(POOL);

    for (i = 0; i < n; i++) {
        journal_test(&ops[i], copy);

        if (ops[i].least > 1) {
            journal_test_twice(&ops[i], copy);
        }
    }

    free(copy);
}


#endif /* _JOURNAL_H_INCLUDED_ */
