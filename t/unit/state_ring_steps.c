
/*
 * The ring, instruction by instruction: whoever is killed at any of them, the
 * writer, or who carries out what it left, the record is there once; and who
 * stands still at any of them while another writes loses nothing.
 */


#include "../../src/base/ngx_llm_text.c"
#include "../../src/base/ngx_llm_time.c"
#include "../../src/dialect/ngx_llm_error.c"
#include "../../src/state/ngx_llm_record.c"
#include "../../src/state/ngx_llm_ring.c"
#include "core.h"
#include "step.h"


#define DEAD     1000000
#define LIVING   1
#define RECORDS  8              /* known by their time, from 1 */


static void test_killed(void);
static void reclaimed(void);
static void succeeded(void);
static void ended(void);
static void test_both_killed(void);
static void reclaim_stepped(void);
static void reclaim(void);
static void both_killed(void);
static void test_stopped(void);
static void test_late(void);
static void test_passed_over(void);
static void prepare_late(void);
static ngx_uint_t stop_at(ngx_uint_t changes, ngx_uint_t others);
static void prepare(void);
static void work(void);
static void work_more(void);
static void append(ngx_uint_t slot, ngx_llm_intent_t *intent, uint64_t k);
static size_t fill(ngx_llm_record_t *record, uint64_t k);
static ngx_uint_t whole(const ngx_llm_record_t *record);
static void check(ngx_uint_t ended);
static ngx_uint_t flush(void);
static ngx_uint_t dead(ngx_pid_t pid);


static ngx_uint_t         wrong, calls, seen[RECORDS + 1];
static uint64_t           flushed;
static ngx_atomic_t      *is_ended;
static ngx_slab_pool_t   *pool;
static ngx_llm_ring_t    *ring;
static ngx_llm_intent_t  *theirs, *mine, *late;


int
main(void)
{
    if (!step_works()) {
        ok(1, "nothing was tested");
        return test_done();
    }

    test_killed();
    test_both_killed();
    test_stopped();
    test_late();
    test_passed_over();

    return test_done();
}


static void
test_killed(void)
{
    ngx_uint_t  n;

    prepare();
    wrong = 0;
    calls = 0;

    n = step_through(pool, work, reclaimed, ended);

    ok(n > 10 && calls == n, "a writer is killed at each of %u changes",
       (unsigned) n);
    is_number(wrong, 0, "... its record is there once, when others take over");

    prepare();
    wrong = 0;

    n = step_through(pool, work, succeeded, ended);

    ok(n > 10, "... killed at each once more");
    is_number(wrong, 0, "... its record is there once with its successor");

    prepare();
    wrong = 0;

    n = step_through(pool, work_more, reclaimed, NULL);

    ok(n > 50, "a writer of several, in a ring that is full, %u changes",
       (unsigned) n);
    is_number(wrong, 0, "... they are there once");
}


static void
reclaimed(void)
{
    calls++;
    theirs->pid = DEAD;

    wrong += (ngx_llm_ring_reclaim(ring, dead) != 1);
    wrong += (ngx_llm_ring_reclaim(ring, dead) != 0);

    check(*is_ended);
}


static void
succeeded(void)
{
    wrong += (ngx_llm_ring_open(ring, 1, LIVING) != theirs);
    wrong += (ngx_llm_ring_open(ring, 1, LIVING) != theirs);

    check(*is_ended);
}


static void
ended(void)
{
    check(1);
}


/* who takes over is killed, too, and the next one does */

static void
test_both_killed(void)
{
    ngx_uint_t  n;

    prepare();
    wrong = 0;
    calls = 0;

    n = step_through(pool, work, reclaim_stepped, NULL);

    ok(calls > 5 * n, "a writer is killed, and who takes over: at %u changes",
       (unsigned) calls);
    is_number(wrong, 0, "... the record is there once");
}


static void
reclaim_stepped(void)
{
    pid_t  pid;

    pid = step_pid;
    theirs->pid = DEAD;

    (void) step_through(pool, reclaim, both_killed, both_killed);

    step_pid = pid;
}


static void
reclaim(void)
{
    (void) ngx_llm_ring_reclaim(ring, dead);
}


static void
both_killed(void)
{
    calls++;

    (void) ngx_llm_ring_reclaim(ring, dead);
    check(*is_ended);
}


/* others write while a living one stands still, and Redis is written to */

static void
test_stopped(void)
{
    ngx_uint_t  n, k;

    prepare();
    n = step_through(pool, work, prepare, NULL);

    wrong = 0;

    for (k = 1; k <= n; k++) {
        wrong += (stop_at(k, 2) != 3);
        wrong += (seen[1] != 1 || seen[2] != 1 || seen[3] != 1);
    }

    is_number(wrong, 0, "who stands still at any of %u changes while others "
              "write and read: each record is there once", (unsigned) n);
}


/* a whole lap and more */

static void
test_late(void)
{
    uint64_t    number;
    ngx_uint_t  n, k, i;

    prepare();
    n = step_through(pool, work, prepare, NULL);

    wrong = 0;

    for (k = 1; k <= n; k++) {
        (void) stop_at(k, 5);

        for (i = 1; i <= 6; i++) {
            wrong += (seen[i] > 1);
        }

        /* whatever became of it, the ring goes on */

        append(0, mine, 7);
        number = ngx_llm_ring_head(ring) - 1;
        wrong += (flush() != 1 || seen[7] != 1);
        wrong += (number < 5 || number > 8);
    }

    is_number(wrong, 0, "... for more than a lap: none is there twice or torn");
}


/*
 * One is a lap late in its place, and comes to its end while another one is
 * about to take that place: the number that was passed over must not be used.
 */

static void
test_passed_over(void)
{
    pid_t       pid;
    ngx_uint_t  n, k, over;

    wrong = 0;
    over = 0;

    for (n = 0; !over; n++) {
        prepare();
        prepare_late();

        pid = step_start(work);

        for (k = 0; k < n && !over; k++) {
            over = !step_one(pid);
        }

        append(0, mine, 3);
        (void) flush();

        ngx_llm_ring_write(ring, 1, 2, late, 7);

        if (!over) {
            (void) step_on(pid, 0);
        }

        step_end(pid);
        (void) flush();

        wrong += (seen[1] != 1 || seen[3] != 1);
    }

    ok(n > 50, "a place becomes free at each of %u instructions of another's",
       (unsigned) n);
    is_number(wrong, 0, "... its record is there once");
}


/* the fifth record's place is still being written by the first one */

static void
prepare_late(void)
{
    uint64_t  k;

    (void) fill(&late->record, 2);
    ngx_llm_ring_intend(late);
    (void) ngx_llm_ring_claim(ring, 1, 2);

    for (k = 4; k <= 6; k++) {
        append(0, mine, k);
    }

    flushed = ngx_llm_ring_head(ring);
}


/* the writer, stopped after so many changes; how many records were read */

static ngx_uint_t
stop_at(ngx_uint_t changes, ngx_uint_t others)
{
    pid_t          pid;
    ngx_uint_t     i, n;
    static u_char  before[32 * 1024];

    prepare();

    pid = step_start(work);
    n = 0;

    while (n < changes) {
        ngx_memcpy(before, pool, sizeof(before));

        if (!step_one(pid)) {
            shm_die("it is over before its last change");
        }

        n += (ngx_memcmp(before, pool, sizeof(before)) != 0);
    }

    n = 0;

    for (i = 0; i < others; i++) {
        append(0, mine, 2 + i);
        n += flush();
    }

    (void) step_on(pid, 0);
    step_end(pid);

    return n + flush();
}


/* a ring of four places, and 1 where a request has ended, in the pool */

static void
prepare(void)
{
    ngx_uint_t  i;

    if (pool == NULL) {
        pool = shm_pool(32 * 1024);
        is_ended = ngx_slab_calloc(pool, sizeof(ngx_atomic_t));
        ring = ngx_llm_ring_create(pool, 4, 0, 1);
        mine = ngx_llm_ring_open(ring, 0, LIVING);
        theirs = ngx_llm_ring_open(ring, 1, LIVING + 1);
        late = ngx_llm_ring_open(ring, 2, LIVING + 2);
    }

    ngx_memzero(ring->places, ring->n * ring->stride);
    ngx_memzero(mine, sizeof(ngx_llm_intent_t));
    ngx_memzero(theirs, sizeof(ngx_llm_intent_t));
    ngx_memzero(late, sizeof(ngx_llm_intent_t));

    mine->pid = LIVING;
    theirs->pid = LIVING + 1;
    late->pid = LIVING + 2;
    ring->head = 1;
    *is_ended = 0;

    for (i = 0; i <= RECORDS; i++) {
        seen[i] = 0;
    }

    flushed = 1;
}


static void
work(void)
{
    append(1, theirs, 1);
}


static void
work_more(void)
{
    uint64_t  k;

    for (k = 1; k <= 6; k++) {
        append(1, theirs, k);
    }
}


static void
append(ngx_uint_t slot, ngx_llm_intent_t *intent, uint64_t k)
{
    size_t  texts;

    ngx_llm_ring_begin(intent);
    texts = fill(&intent->record, k);
    ngx_llm_ring_intend(intent);

    if (intent == theirs) {
        *is_ended = k;
    }

    ngx_llm_ring_append(ring, slot, intent, texts);
}


static size_t
fill(ngx_llm_record_t *record, uint64_t k)
{
    record->time = k;
    record->duration = 3 * k;
    record->len[NGX_LLM_RECORD_ID] = 4;
    record->len[NGX_LLM_RECORD_CLIENT] = 3;
    ngx_memset(record->text, (int) ('a' + k), 7);

    return 7;
}


static ngx_uint_t
whole(const ngx_llm_record_t *record)
{
    ngx_uint_t  i;

    for (i = 0; i < 7 && record->text[i] == 'a' + record->time; i++) {
        /* void */
    }

    return i == 7
           && record->time >= 1 && record->time <= RECORDS
           && record->duration == 3 * record->time
           && record->len[NGX_LLM_RECORD_ID] == 4
           && record->len[NGX_LLM_RECORD_CLIENT] == 3;
}


/* the last of those that had ended is there, none twice */

static void
check(ngx_uint_t last)
{
    ngx_uint_t  i;

    for (i = 0; i <= RECORDS; i++) {
        seen[i] = 0;
    }

    flushed = ngx_llm_ring_tail(ring);
    (void) flush();

    for (i = 1; i <= RECORDS; i++) {
        wrong += (seen[i] > 1);
        wrong += (i <= last && i + 3 > last && seen[i] == 0);
    }

    wrong += (flushed != ngx_llm_ring_head(ring));
}


static ngx_uint_t
flush(void)
{
    ngx_int_t         rc;
    ngx_uint_t        n;
    ngx_llm_record_t  copy[2];

    n = 0;

    for ( /* void */ ; flushed < ngx_llm_ring_head(ring); flushed++) {
        rc = ngx_llm_ring_read(ring, flushed, copy);

        if (rc == NGX_AGAIN) {
            break;
        }

        if (rc == NGX_OK) {
            n++;
            wrong += !whole(copy);
            seen[copy->time % (RECORDS + 1)]++;
        }
    }

    return n;
}


static ngx_uint_t
dead(ngx_pid_t pid)
{
    return pid >= DEAD;
}
