
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_ring.h"


/* a mark: the number, the process slot and 1 in 11 bits, whether it is busy */

#define NGX_LLM_MARK_BUSY  1

#define ngx_llm_mark(number, slot)  ((number) << 12 | ((slot) + 1) << 1)
#define ngx_llm_mark_number(mark)   ((mark) >> 12)
#define ngx_llm_mark_slot(mark)     (((mark) >> 1 & 0x7ff) - 1)

#define ngx_llm_ring_place(ring, number)                                      \
    ((ngx_llm_ring_place_t *) ((ring)->places                                 \
                               + (number) % (ring)->n * (ring)->stride))


static ngx_uint_t ngx_llm_ring_claim(ngx_llm_ring_t *ring, uint64_t number,
    ngx_uint_t slot);
static void ngx_llm_ring_write(ngx_llm_ring_t *ring, uint64_t number,
    ngx_uint_t slot, ngx_llm_intent_t *intent, size_t texts);
static void ngx_llm_ring_settle_locked(ngx_llm_ring_t *ring, ngx_uint_t slot);
static uint64_t ngx_llm_ring_busy(ngx_llm_ring_t *ring, ngx_uint_t slot);
static size_t ngx_llm_ring_texts(const ngx_llm_record_t *record);


ngx_llm_ring_t *
ngx_llm_ring_create(ngx_slab_pool_t *shpool, ngx_uint_t n, size_t bodies,
    uint64_t id)
{
    ngx_llm_ring_t  *ring;

    ring = ngx_slab_calloc(shpool, sizeof(ngx_llm_ring_t));
    if (ring == NULL) {
        return NULL;
    }

    ring->shpool = shpool;
    ring->id = id;
    ring->n = n;
    ring->stride = ngx_llm_ring_stride(bodies);
    ring->room = ring->stride - offsetof(ngx_llm_ring_place_t, record)
                 - offsetof(ngx_llm_record_t, text);
    ring->head = 1;

    ring->places = ngx_slab_calloc(shpool, n * ring->stride);
    if (ring->places == NULL) {
        return NULL;
    }

    return ring;
}


ngx_llm_intent_t *
ngx_llm_ring_open(ngx_llm_ring_t *ring, ngx_uint_t slot, ngx_pid_t pid)
{
    ngx_llm_intent_t  *intent;

    ngx_shmtx_lock(&ring->shpool->mutex);

    intent = ring->intents[slot];

    if (intent == NULL) {
        intent = ngx_slab_calloc_locked(ring->shpool, ring->stride
                                                   + sizeof(ngx_llm_intent_t));
        if (intent == NULL) {
            ngx_shmtx_unlock(&ring->shpool->mutex);
            return NULL;
        }

        ring->intents[slot] = intent;
        ring->slots = ngx_max(ring->slots, slot + 1);

    } else if (intent->pid) {
        ngx_llm_ring_settle_locked(ring, slot);
    }

    intent->pid = pid;

    ngx_shmtx_unlock(&ring->shpool->mutex);

    return intent;
}


void
ngx_llm_ring_close(ngx_llm_intent_t *intent)
{
    intent->pid = 0;
}


ngx_uint_t
ngx_llm_ring_reclaim(ngx_llm_ring_t *ring, ngx_uint_t (*dead)(ngx_pid_t pid))
{
    ngx_uint_t         i, n;
    ngx_llm_intent_t  *intent;

    n = 0;

    for (i = 0; i < ring->slots; i++) {
        intent = ring->intents[i];

        if (intent == NULL || intent->pid == 0
            || !dead((ngx_pid_t) intent->pid))
        {
            continue;
        }

        ngx_shmtx_lock(&ring->shpool->mutex);

        if (intent->pid && dead((ngx_pid_t) intent->pid)) {
            ngx_llm_ring_settle_locked(ring, i);
            intent->pid = 0;
            n++;
        }

        ngx_shmtx_unlock(&ring->shpool->mutex);
    }

    return n;
}


void
ngx_llm_ring_append(ngx_llm_ring_t *ring, ngx_uint_t slot,
    ngx_llm_intent_t *intent, size_t texts)
{
    uint64_t  number;

    do {
        number = ring->head;
    } while (!ngx_llm_ring_claim(ring, number, slot));

    ngx_llm_ring_write(ring, number, slot, intent, texts);
}


/* 1: the place is this process's; 0: the head stands elsewhere now */

static ngx_uint_t
ngx_llm_ring_claim(ngx_llm_ring_t *ring, uint64_t number, ngx_uint_t slot)
{
    ngx_uint_t             claimed;
    ngx_atomic_uint_t      mark;
    ngx_llm_ring_place_t  *place;

    place = ngx_llm_ring_place(ring, number);

    mark = place->mark;

    ngx_memory_barrier();

    /* a place that was passed over may be free by now: the mark comes first */

    if (ring->head != number) {
        return 0;
    }

    claimed = 0;

    if (ngx_llm_mark_number(mark) < number && !(mark & NGX_LLM_MARK_BUSY)) {
        claimed = ngx_atomic_cmp_set(&place->mark, mark,
                                     ngx_llm_mark(number, slot)
                                     | NGX_LLM_MARK_BUSY);
        if (!claimed) {
            return 0;
        }
    }

    /* mine, another's, or to be passed over: the head goes on */

    (void) ngx_atomic_cmp_set(&ring->head, number, number + 1);

    return claimed;
}


static void
ngx_llm_ring_write(ngx_llm_ring_t *ring, uint64_t number, ngx_uint_t slot,
    ngx_llm_intent_t *intent, size_t texts)
{
    ngx_llm_ring_place_t  *place;

    place = ngx_llm_ring_place(ring, number);

    intent->record.number = number;
    intent->state = number << 1 | 1;

    ngx_memory_barrier();

    ngx_memcpy(&place->record, &intent->record,
               offsetof(ngx_llm_record_t, text) + texts);

    ngx_memory_barrier();

    place->mark = ngx_llm_mark(number, slot);

    ngx_memory_barrier();

    intent->state = 0;
}


/* what the process of this slot, which is gone, was about to do */

static void
ngx_llm_ring_settle_locked(ngx_llm_ring_t *ring, ngx_uint_t slot)
{
    size_t             texts;
    uint64_t           number;
    ngx_uint_t         whole;
    ngx_llm_intent_t  *intent;

    intent = ring->intents[slot];

    texts = ngx_llm_ring_texts(&intent->record);
    whole = (intent->state && texts <= ring->room);
    number = ngx_llm_ring_busy(ring, slot);

    if (number && whole) {

        /* the head, should it stand there still; after the record is written
           nobody knows of it any more */

        (void) ngx_atomic_cmp_set(&ring->head, number, number + 1);

        ngx_llm_ring_write(ring, number, slot, intent, texts);

    } else if (number) {

        /* a number without a record: the one that stands there has its own */

        (void) ngx_atomic_cmp_set(&ring->head, number, number + 1);

        ngx_llm_ring_place(ring, number)->mark = ngx_llm_mark(number, slot);

    } else if (whole && intent->state == 1) {
        ngx_llm_ring_append(ring, slot, intent, texts);
    }

    /* else it had been written, and just that was not noted yet */

    intent->state = 0;
}


/* the number at which this process was, or 0 */

static uint64_t
ngx_llm_ring_busy(ngx_llm_ring_t *ring, ngx_uint_t slot)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  mark;

    for (i = 0; i < ring->n; i++) {
        mark = ngx_llm_ring_place(ring, i)->mark;

        if ((mark & NGX_LLM_MARK_BUSY) && ngx_llm_mark_slot(mark) == slot) {
            return ngx_llm_mark_number(mark);
        }
    }

    return 0;
}


static size_t
ngx_llm_ring_texts(const ngx_llm_record_t *record)
{
    size_t      size;
    ngx_uint_t  i;

    size = 0;

    for (i = 0; i < NGX_LLM_RECORD_TEXTS; i++) {
        size += record->len[i];
    }

    return size;
}


ngx_int_t
ngx_llm_ring_read(ngx_llm_ring_t *ring, uint64_t number,
    ngx_llm_record_t *copy)
{
    size_t                 texts;
    ngx_atomic_uint_t      mark;
    ngx_llm_ring_place_t  *place;

    if (number == 0 || number >= ring->head) {
        return NGX_DECLINED;
    }

    place = ngx_llm_ring_place(ring, number);

    mark = place->mark;

    if (ngx_llm_mark_number(mark) != number) {
        return NGX_DECLINED;
    }

    if (mark & NGX_LLM_MARK_BUSY) {
        return NGX_AGAIN;
    }

    ngx_memory_barrier();

    ngx_memcpy(copy, &place->record, offsetof(ngx_llm_record_t, text));

    texts = ngx_llm_ring_texts(copy);

    if (texts <= ring->room) {
        ngx_memcpy(copy->text, place->record.text, texts);
    }

    ngx_memory_barrier();

    if (place->mark != mark
        || copy->number != number
        || !ngx_llm_record_sane(copy, ring->room))
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}
