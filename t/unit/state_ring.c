
/*
 * The ring of records: laps, readers beside writers, what a dead process left,
 * and several processes that are killed while they write.
 */


#include "../../src/base/ngx_llm_text.c"
#include "../../src/base/ngx_llm_time.c"
#include "../../src/dialect/ngx_llm_error.c"
#include "../../src/state/ngx_llm_record.c"
#include "../../src/state/ngx_llm_ring.c"
#include "core.h"
#include "shm.h"


#define DEAD     1000000        /* process ids from here on */

#define WRITERS  4
#define KILLS    300
#define MOST     2000000        /* records of a writer */
#define PLACES   1024           /* of the ring in which none may be lost */
#define LAPS     100000         /* records of the small one */


/* what the killed processes know, in shared memory */

typedef struct {
    ngx_atomic_t    stop;
    ngx_atomic_t    flushed;            /* the ring has room from here on */
    ngx_atomic_t    begun[WRITERS];     /* the last record of each */
    u_char          ended[WRITERS][MOST];
    u_char          seen[WRITERS][MOST];
} known_t;


static void test_empty(void);
static void test_small(void);
static void test_laps(void);
static void test_high(void);
static void test_texts(void);
static void test_bodies(void);
static void test_settled(void);
static void test_reclaimed(void);
static void test_insane(void);
static void test_late(void);
static void test_readers(void);
static void lap(ngx_uint_t w);
static void test_kills(void);
static pid_t start(ngx_uint_t w);
static void work(ngx_uint_t w);
static void flush(void);
static void check_kills(void);
static void prepare(ngx_uint_t n, size_t bodies);
static size_t fill(ngx_llm_record_t *record, ngx_uint_t slot, uint64_t k);
static ngx_uint_t whole(const ngx_llm_record_t *record);
static void append(ngx_uint_t slot, uint64_t k);
static ngx_int_t get(uint64_t number);
static ngx_uint_t dead(ngx_pid_t pid);


static known_t           *known;
static ngx_uint_t         torn;
static ngx_slab_pool_t   *pool;
static ngx_llm_ring_t    *ring;
static ngx_llm_intent_t  *intents[WRITERS];
static ngx_llm_record_t  *copy;


int
main(void)
{
    test_empty();
    test_small();
    test_laps();
    test_high();
    test_texts();
    test_bodies();
    test_settled();
    test_reclaimed();
    test_insane();
    test_late();
    test_readers();
    test_kills();

    free(copy);

    return test_done();
}


static void
test_empty(void)
{
    pool = shm_pool(64 * 1024);

    ok(ngx_llm_ring_create(pool, 1000, 0, 1) == NULL, "too many for the zone");

    prepare(4, 0);

    is_number(ngx_llm_ring_head(ring), 1, "the first number is 1");
    is_number(ngx_llm_ring_tail(ring), 1, "... and the oldest");
    is_number(get(0), NGX_DECLINED, "none is 0");
    is_number(get(1), NGX_DECLINED, "there is none yet");

    ngx_llm_ring_begin(intents[0]);
    (void) fill(&intents[0]->record, 0, 1);
    ngx_llm_ring_intend(intents[0]);

    is_number(get(1), NGX_DECLINED, "one that is intended is not there");
}


static void
test_small(void)
{
    uint64_t  k;

    prepare(1, 0);

    for (k = 1; k <= 3; k++) {
        append(0, k);

        ok(get(k) == NGX_OK && copy->time == k && whole(copy),
           "a ring of one has the last one, %u", (unsigned) k);
        is_number(get(k - 1), NGX_DECLINED, "... and not the one before");
        is_number(ngx_llm_ring_tail(ring), k, "... says its tail");
    }
}


static void
test_laps(void)
{
    uint64_t    k;
    ngx_uint_t  wrong;

    prepare(4, 0);

    wrong = 0;

    for (k = 1; k <= 11; k++) {
        append(k % WRITERS, k);
    }

    for (k = 0; k <= 12; k++) {
        wrong += (get(k) != (k > 7 && k < 12 ? NGX_OK : NGX_DECLINED));
        wrong += (k > 7 && k < 12
                  && (copy->number != k || copy->time != k || !whole(copy)));
    }

    is_number(wrong, 0, "of eleven the last four are there");
    is_number(ngx_llm_ring_head(ring), 12, "the next number");
    is_number(ngx_llm_ring_tail(ring), 8, "the oldest one");
}


/* 1,000 years of a million a second are less than 2^55 */

static void
test_high(void)
{
    uint64_t  number;

    prepare(4, 0);

    number = 1ULL << 50;
    ring->head = number;

    append(1, 1);
    append(2, 2);

    ok(get(number) == NGX_OK && copy->number == number && copy->time == 1,
       "a very high number");
    ok(get(number + 1) == NGX_OK && copy->time == 2, "... and the next");
    is_number(get(number - 1), NGX_DECLINED, "... before it there is none");
}


static void
test_texts(void)
{
    ngx_str_t   text;
    ngx_uint_t  i;

    prepare(4, 0);

    ngx_llm_ring_begin(intents[0]);
    ngx_memzero(&intents[0]->record, sizeof(ngx_llm_record_t));
    intents[0]->record.len[NGX_LLM_RECORD_MODEL] = NGX_LLM_RECORD_TEXT;
    ngx_memset(intents[0]->record.text, 'm', NGX_LLM_RECORD_TEXT);
    ngx_llm_ring_append(ring, 0, intents[0], NGX_LLM_RECORD_TEXT);

    ok(get(1) == NGX_OK, "texts as long as there is room");

    text = ngx_llm_record_text(copy, NGX_LLM_RECORD_MODEL);

    for (i = 0; i < text.len && text.data[i] == 'm'; i++) { /* void */ }

    is_number(i, NGX_LLM_RECORD_TEXT, "... are there");

    ngx_llm_ring_begin(intents[0]);
    ngx_memzero(&intents[0]->record, sizeof(ngx_llm_record_t));
    ngx_llm_ring_append(ring, 0, intents[0], 0);

    ok(get(2) == NGX_OK && copy->len[NGX_LLM_RECORD_MODEL] == 0,
       "a record without a text");
}


static void
test_bodies(void)
{
    size_t      most;
    ngx_str_t   text;
    ngx_uint_t  wrong;

    prepare(4, 5000);

    most = NGX_LLM_RECORD_TEXT + 5000;
    wrong = 0;

    ngx_llm_ring_begin(intents[0]);
    ngx_memzero(&intents[0]->record, sizeof(ngx_llm_record_t));
    intents[0]->record.len[NGX_LLM_RECORD_RESPONSE] = most;
    memset((u_char *) &intents[0]->record + offsetof(ngx_llm_record_t, text),
           'b', most);
    ngx_llm_ring_intend(intents[0]);
    intents[0]->pid = DEAD;

    is_number(ngx_llm_ring_reclaim(ring, dead), 1, "a dead one's, with bodies");
    ok(get(1) == NGX_OK, "... is there");

    text = ngx_llm_record_text(copy, NGX_LLM_RECORD_RESPONSE);

    while (text.len && text.data[text.len - 1] == 'b') {
        text.len--;
        wrong++;
    }

    is_number(wrong, most, "... with all of its text");
}


/* the successor in the same slot finds what its predecessor left */

static void
test_settled(void)
{
    ngx_uint_t  n;

    prepare(4, 0);

    intents[0]->pid = DEAD;
    ngx_llm_ring_begin(intents[0]);
    (void) fill(&intents[0]->record, 0, 1);

    ok(ngx_llm_ring_open(ring, 0, DEAD + 1) == intents[0],
       "the successor has the same intent");
    is_number(ngx_llm_ring_head(ring), 1, "one that was only begun is nothing");

    ngx_llm_ring_intend(intents[0]);
    (void) ngx_llm_ring_open(ring, 0, DEAD + 2);

    ok(get(1) == NGX_OK && whole(copy), "one that was intended is there");

    for (n = 0; n < 3; n++) {
        (void) ngx_llm_ring_open(ring, 0, DEAD + 3);
    }

    is_number(ngx_llm_ring_head(ring), 2, "... once");

    /* it had claimed its place, and the head was not moved yet */

    (void) fill(&intents[0]->record, 0, 2);
    ngx_llm_ring_intend(intents[0]);
    ngx_llm_ring_place(ring, 2)->mark = ngx_llm_mark(2, 0)
                                        | NGX_LLM_MARK_BUSY;
    (void) ngx_llm_ring_open(ring, 0, DEAD + 4);

    ok(get(2) == NGX_OK && copy->time == 2 && whole(copy),
       "one that had claimed its place is there");
    is_number(ngx_llm_ring_head(ring), 3, "... and the head is behind it");

    /* it had claimed a place for what it had not intended */

    ngx_llm_ring_begin(intents[0]);
    (void) ngx_llm_ring_claim(ring, 3, 0);

    is_number(get(3), NGX_AGAIN, "a claimed place is waited for");

    (void) ngx_llm_ring_open(ring, 0, DEAD + 5);

    is_number(get(3), NGX_DECLINED, "... and is empty, when it died");

    append(1, 4);

    ok(get(4) == NGX_OK && whole(copy), "... the next one is as any");

    ngx_llm_ring_begin(intents[0]);
    (void) fill(&intents[0]->record, 0, 5);
    ngx_llm_ring_intend(intents[0]);
    intents[0]->state = 4 << 1 | 1;
    (void) ngx_llm_ring_open(ring, 0, DEAD + 6);

    is_number(ngx_llm_ring_head(ring), 5,
              "one that was written is not written again");
}


static void
test_reclaimed(void)
{
    prepare(8, 0);

    (void) fill(&intents[0]->record, 0, 1);
    ngx_llm_ring_intend(intents[0]);
    (void) fill(&intents[1]->record, 1, 2);
    ngx_llm_ring_intend(intents[1]);

    is_number(ngx_llm_ring_reclaim(ring, dead), 0, "all live");
    is_number(ngx_llm_ring_head(ring), 1, "... and go on by themselves");

    intents[1]->pid = DEAD;

    is_number(ngx_llm_ring_reclaim(ring, dead), 1, "one is dead");
    ok(get(1) == NGX_OK && copy->time == 2, "... its record is there");
    is_number(ngx_llm_ring_head(ring), 2, "... and no other");
    is_number(ngx_llm_ring_reclaim(ring, dead), 0, "that was it");

    (void) fill(&intents[2]->record, 2, 3);
    ngx_llm_ring_intend(intents[2]);
    ngx_llm_ring_append(ring, 2, intents[2], ngx_llm_ring_texts(
                                                        &intents[2]->record));
    ngx_llm_ring_close(intents[2]);

    is_number(ngx_llm_ring_reclaim(ring, dead), 0, "who has ended is not dead");
    is_number(ngx_llm_ring_head(ring), 3, "... and its record is there once");
}


/* an intent that something has written over */

static void
test_insane(void)
{
    prepare(4, 0);

    (void) fill(&intents[0]->record, 0, 1);
    intents[0]->record.len[NGX_LLM_RECORD_KEY] = NGX_LLM_RECORD_TEXT + 1;
    ngx_llm_ring_intend(intents[0]);
    intents[0]->pid = DEAD;

    is_number(ngx_llm_ring_reclaim(ring, dead), 1, "texts beyond the room");
    is_number(ngx_llm_ring_head(ring), 1, "... are not written");

    append(1, 1);
    ngx_llm_ring_place(ring, 1)->record.status = NGX_LLM_RECORD_STATUSES;

    is_number(get(1), NGX_DECLINED, "a status that there is not");

    ngx_llm_ring_place(ring, 1)->record.status = 0;
    ngx_llm_ring_place(ring, 1)->record.error = NGX_LLM_ERR_MAX;

    is_number(get(1), NGX_DECLINED, "... an error");

    ngx_llm_ring_place(ring, 1)->record.error = 0;
    ngx_llm_ring_place(ring, 1)->record.len[3] = 0xffffffff;

    is_number(get(1), NGX_DECLINED, "... a text");
}


/* a writer that stands still in its place, while the others do a lap */

static void
test_late(void)
{
    uint64_t    k;
    ngx_uint_t  n;

    prepare(4, 0);

    (void) fill(&intents[0]->record, 0, 100);
    ngx_llm_ring_intend(intents[0]);
    (void) ngx_llm_ring_claim(ring, 1, 0);

    for (k = 2; k <= 7; k++) {
        append(1, k);
    }

    n = 0;

    for (k = 5; k <= 8; k++) {
        n += (get(k) == NGX_OK && whole(copy));
    }

    is_number(n, 3, "the others have all places but the late one's");
    is_number(get(5), NGX_DECLINED, "... whose number is passed over");

    ngx_llm_ring_write(ring, 1, 0, intents[0],
                       ngx_llm_ring_texts(&intents[0]->record));

    is_number(get(1), NGX_OK, "it comes to its end");
    is_number(get(5), NGX_DECLINED, "... which changes nothing for the others");

    append(1, 8);

    is_number(get(5), NGX_DECLINED, "the ring goes on");
    ok(get(9) == NGX_OK && copy->time == 8 && get(1) == NGX_DECLINED,
       "... in that place, too");
}


/* four write a small ring around and around, one reads */

static void
test_readers(void)
{
    pid_t       pids[WRITERS];
    uint64_t    number, last[WRITERS];
    ngx_int_t   rc;
    ngx_uint_t  i, n, wrong;

    prepare(8, 0);
    ngx_memzero(last, sizeof(last));

    for (i = 0; i < WRITERS; i++) {
        pids[i] = shm_fork();

        if (pids[i] == 0) {
            lap(i);
            _exit(0);
        }
    }

    n = 0;
    wrong = 0;
    torn = 0;
    number = 1;

    while (n < 2000 || ring->head < LAPS) {

        rc = get(number);

        if (rc == NGX_OK) {
            n++;
            i = copy->node_id;
            torn += !whole(copy);
            wrong += (copy->number != number || i >= WRITERS
                      || copy->time <= last[i % WRITERS]);
            last[i % WRITERS] = copy->time;
            number++;

        } else if (number < ring->head) {

            /* in a small ring most are overtaken: on with a late one */

            number = ngx_max(number + 1, ngx_llm_ring_tail(ring) + 5);
        }
    }

    known->stop = 1;

    for (i = 0; i < WRITERS; i++) {
        (void) shm_wait(pids[i]);
    }

    ok(1, "%u records are read beside their writers, in %u laps", (unsigned) n,
       (unsigned) (ring->head / 8));
    is_number(torn, 0, "none of them is torn");
    is_number(wrong, 0, "... each has its number, a writer's are in order");
}


static void
lap(ngx_uint_t w)
{
    uint64_t  k;

    for (k = 1; !known->stop; k++) {
        append(w, k);
    }
}


/*
 * Writers are killed at any moment, and others take their slot, or only take
 * over what they left: each record of a request that had ended is there, once.
 */

static void
test_kills(void)
{
    pid_t       pids[WRITERS];
    uint64_t    state;
    ngx_uint_t  i, kills, reclaimed;

    prepare(PLACES, 0);

    state = 1;
    torn = 0;
    reclaimed = 0;

    for (i = 0; i < WRITERS; i++) {
        pids[i] = start(i);
    }

    for (kills = 0; kills < KILLS; kills++) {
        i = shm_random(&state, WRITERS);

        shm_sleep_us(shm_random(&state, 1000));
        flush();

        shm_kill(pool, pids[i]);
        intents[i]->pid = DEAD;

        if (kills % 2) {
            reclaimed += ngx_llm_ring_reclaim(ring, dead);
        }

        flush();
        pids[i] = start(i);
    }

    known->stop = 1;

    for (i = 0; i < WRITERS; i++) {
        while (waitpid(pids[i], NULL, WNOHANG) != pids[i]) {
            flush();
        }
    }

    flush();

    ok(reclaimed >= KILLS / 2, "who was killed was seen");
    check_kills();
}


static pid_t
start(ngx_uint_t w)
{
    pid_t  pid;

    pid = shm_fork();

    if (pid == 0) {
        (void) ngx_llm_ring_open(ring, w, ngx_pid);
        work(w);
        _exit(0);
    }

    return pid;
}


static void
work(ngx_uint_t w)
{
    size_t    texts;
    uint64_t  k;

    while (!known->stop) {

        while (ring->head - known->flushed > PLACES - 2 * WRITERS) {
            if (known->stop) {
                return;
            }

            ngx_sched_yield();
        }

        k = ++known->begun[w];

        if (k >= MOST) {
            return;
        }

        ngx_llm_ring_begin(intents[w]);
        texts = fill(&intents[w]->record, w, k);

        /* each tenth ended otherwise: it may be lost */

        if (k % 10) {
            ngx_llm_ring_intend(intents[w]);
            known->ended[w][k] = 1;
        }

        ngx_llm_ring_append(ring, w, intents[w], texts);
    }
}


/* as who writes to Redis: in order, it waits for a record that is written */

static void
flush(void)
{
    ngx_int_t  rc;

    while (known->flushed < ngx_llm_ring_head(ring)) {
        rc = get(known->flushed);

        if (rc == NGX_AGAIN) {
            return;
        }

        if (rc == NGX_OK) {
            torn += !whole(copy);
            known->seen[copy->node_id % WRITERS][copy->time % MOST]++;
        }

        known->flushed++;
    }
}


static void
check_kills(void)
{
    uint64_t    k;
    ngx_uint_t  w, ended, lost, twice, other;

    ended = 0;
    lost = 0;
    twice = 0;
    other = 0;

    for (w = 0; w < WRITERS; w++) {
        for (k = 0; k < MOST; k++) {
            ended += known->ended[w][k];
            lost += (known->ended[w][k] && !known->seen[w][k]);
            twice += (known->seen[w][k] > 1);
            other += (known->seen[w][k] && k > known->begun[w]);
        }
    }

    ok(ended > KILLS && ended < WRITERS * MOST / 10 * 9,
       "%u ended, %u writers were killed", (unsigned) ended, KILLS);
    is_number(known->flushed, ring->head, "all of the ring was read");
    is_number(lost, 0, "none that had ended is lost");
    is_number(twice, 0, "none is there twice");
    is_number(torn, 0, "none is torn");
    is_number(other, 0, "none is there that there was not");
}


static void
prepare(ngx_uint_t n, size_t bodies)
{
    ngx_uint_t  i;

    pool = shm_pool((n + WRITERS + 32) * (ngx_llm_ring_stride(bodies) + 64));
    ring = ngx_llm_ring_create(pool, n, bodies, 0x1234);
    free(copy);
    copy = ring ? malloc(ngx_llm_ring_copy_size(ring)) : NULL;

    if (copy == NULL) {
        shm_die("no ring");
    }

    for (i = 0; i < WRITERS; i++) {
        intents[i] = ngx_llm_ring_open(ring, i, 1 + i);

        if (intents[i] == NULL) {
            shm_die("no intent");
        }
    }

    known = mmap(NULL, sizeof(known_t), PROT_READ|PROT_WRITE,
                 MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (known == MAP_FAILED) {
        shm_die("no memory");
    }

    known->flushed = 1;
}


/* the k-th of a slot: each byte of it follows from these two */

static size_t
fill(ngx_llm_record_t *record, ngx_uint_t slot, uint64_t k)
{
    size_t      texts;
    ngx_uint_t  i;

    ngx_memzero(record, offsetof(ngx_llm_record_t, text));

    record->time = k;
    record->node_id = slot;
    record->duration = k * 7 + slot;
    record->status = k % NGX_LLM_RECORD_STATUSES;

    texts = 0;

    for (i = 0; i < NGX_LLM_RECORD_TEXTS; i++) {
        record->len[i] = (k * (i + 1) + slot) % 90;
        texts += record->len[i];
    }

    ngx_memset(record->text, (int) (k * 31 + slot), texts);

    return texts;
}


static ngx_uint_t
whole(const ngx_llm_record_t *record)
{
    size_t            texts;
    ngx_llm_record_t  wanted;

    texts = fill(&wanted, record->node_id, record->time);
    wanted.number = record->number;

    return ngx_memcmp(record, &wanted, offsetof(ngx_llm_record_t, text) + texts)
           == 0;
}


static void
append(ngx_uint_t slot, uint64_t k)
{
    size_t  texts;

    ngx_llm_ring_begin(intents[slot]);
    texts = fill(&intents[slot]->record, slot, k);
    ngx_llm_ring_append(ring, slot, intents[slot], texts);
}


static ngx_int_t
get(uint64_t number)
{
    return ngx_llm_ring_read(ring, number, copy);
}


static ngx_uint_t
dead(ngx_pid_t pid)
{
    return pid >= DEAD;
}
