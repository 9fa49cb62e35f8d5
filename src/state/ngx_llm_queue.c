
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_queue.h"


static void ngx_llm_queue_lock(ngx_llm_queue_t *queue);
static void ngx_llm_queue_unlock(ngx_llm_queue_t *queue);
static void ngx_llm_queue_begin_locked(ngx_llm_queue_t *queue);
static void ngx_llm_queue_end_locked(ngx_llm_queue_t *queue);
static void ngx_llm_queue_repair_locked(ngx_llm_queue_t *queue);
static void ngx_llm_queue_link_locked(ngx_llm_queue_t *queue, uint32_t i);
static void ngx_llm_queue_unlink_locked(ngx_llm_queue_t *queue, uint32_t i);
static void ngx_llm_queue_vain_locked(ngx_llm_queue_t *queue,
    const ngx_llm_waiter_t *w);
static ngx_uint_t ngx_llm_queue_match(const ngx_llm_waiter_t *w,
    const ngx_llm_wait_t *wait, ngx_llm_fits_pt fits, void *data);
static ngx_uint_t ngx_llm_queue_sooner(ngx_llm_queue_t *queue,
    const ngx_llm_waiter_t *a, const ngx_llm_waiter_t *b);
static ngx_atomic_t *ngx_llm_queue_served(ngx_llm_queue_t *queue,
    uint32_t key);


void  (*ngx_llm_queue_notify)(ngx_uint_t slot);


ngx_llm_queue_t *
ngx_llm_queue_create(ngx_slab_pool_t *shpool, ngx_llm_keys_t *keys,
    ngx_uint_t max)
{
    uint32_t          i;
    ngx_llm_queue_t  *queue;

    queue = ngx_slab_calloc(shpool, sizeof(ngx_llm_queue_t));
    if (queue == NULL) {
        return NULL;
    }

    queue->waiter = ngx_slab_calloc(shpool, max * sizeof(ngx_llm_waiter_t));
    if (queue->waiter == NULL) {
        return NULL;
    }

    queue->max = max;
    queue->shpool = shpool;
    queue->keys = keys;

    for (i = max; i; i--) {
        queue->waiter[i - 1].next = queue->free;
        queue->free = i;
    }

    return queue;
}


uint32_t
ngx_llm_queue_enter(ngx_llm_queue_t *queue, const ngx_llm_waiter_t *waiter,
    ngx_uint_t limit)
{
    uint32_t           i, n;
    ngx_llm_waiter_t  *w;

    ngx_llm_queue_lock(queue);

    n = 0;

    for (i = queue->first; i; i = queue->waiter[i - 1].next) {
        n += (queue->waiter[i - 1].group == waiter->group);
    }

    i = queue->free;

    if (i == 0 || n >= limit) {
        ngx_llm_queue_unlock(queue);
        return NGX_LLM_WAITER_NONE;
    }

    w = &queue->waiter[i - 1];

    queue->free = w->next;

    *w = *waiter;

    w->ticket = ++queue->tickets;

    ngx_memory_barrier();

    w->state = NGX_LLM_WAITER_WAITING;

    /* how fast it drains shows only while somebody waits */

    if (queue->n == 0) {
        queue->last_served = ngx_current_msec;
    }

    ngx_llm_queue_link_locked(queue, i - 1);

    ngx_llm_queue_unlock(queue);

    return i - 1;
}


void
ngx_llm_queue_again(ngx_llm_queue_t *queue, uint32_t i,
    const ngx_llm_wait_t *wait)
{
    ngx_llm_waiter_t  *w;

    ngx_llm_queue_lock(queue);

    w = &queue->waiter[i];

    if (w->state == NGX_LLM_WAITER_CALLED) {
        ngx_llm_queue_vain_locked(queue, w);
    }

    w->state = NGX_LLM_WAITER_WAITING;
    w->wait = *wait;

    ngx_llm_queue_unlock(queue);
}


void
ngx_llm_queue_leave(ngx_llm_queue_t *queue, uint32_t i, ngx_uint_t served)
{
    ngx_msec_t         gap;
    ngx_llm_waiter_t  *w;

    ngx_llm_queue_lock(queue);

    w = &queue->waiter[i];

    if (served) {
        *ngx_llm_queue_served(queue, w->key) = ++queue->clock;

        /* another worker's clock may be ahead by some ms */

        gap = ngx_current_msec - queue->last_served;
        gap = ((ngx_msec_int_t) gap < 0) ? 0 : ngx_min(gap, 60000);

        queue->gap = queue->gap ? (7 * queue->gap + gap) / 8 : gap;
        queue->last_served = ngx_current_msec;
    }

    ngx_llm_queue_unlink_locked(queue, i);

    ngx_llm_queue_unlock(queue);
}


void
ngx_llm_queue_call(ngx_llm_queue_t *queue, const ngx_llm_wait_t *wait,
    ngx_llm_fits_pt fits, void *data)
{
    uint32_t           i;
    ngx_uint_t         slot;
    ngx_atomic_t      *served;
    ngx_llm_waiter_t  *w, *best;

    if (queue->n == 0) {
        return;
    }

    best = NULL;
    slot = 0;

    ngx_llm_queue_lock(queue);

    for (i = queue->first; i; i = w->next) {
        w = &queue->waiter[i - 1];

        if (w->state == NGX_LLM_WAITER_WAITING
            && (best == NULL || ngx_llm_queue_sooner(queue, w, best))
            && ngx_llm_queue_match(w, wait, fits, data))
        {
            best = w;
        }
    }

    if (best) {
        best->state = NGX_LLM_WAITER_CALLED;
        slot = best->slot;

        /* the next call, which may come before this one leaves, is another's */

        served = ngx_llm_queue_served(queue, best->key);

        best->turn = *served;
        best->given = ++queue->clock;
        *served = best->given;
    }

    ngx_llm_queue_unlock(queue);

    if (best && ngx_llm_queue_notify) {
        ngx_llm_queue_notify(slot);
    }
}


ngx_uint_t
ngx_llm_queue_ahead(ngx_llm_queue_t *queue, const ngx_llm_wait_t *wait,
    ngx_llm_fits_pt fits, void *data)
{
    uint32_t           i;
    ngx_uint_t         found;
    ngx_llm_waiter_t  *w;

    if (queue->n == 0) {
        return 0;
    }

    found = 0;

    ngx_llm_queue_lock(queue);

    for (i = queue->first; i && !found; i = w->next) {
        w = &queue->waiter[i - 1];
        found = ngx_llm_queue_match(w, wait, fits, data);
    }

    ngx_llm_queue_unlock(queue);

    return found;
}


void
ngx_llm_queue_forget_locked(ngx_llm_queue_t *queue, ngx_uint_t slot)
{
    uint32_t           i, next;
    ngx_llm_waiter_t  *w;

    ngx_llm_queue_begin_locked(queue);

    for (i = queue->first; i; i = next) {
        w = &queue->waiter[i - 1];
        next = w->next;

        if (w->slot == slot) {
            ngx_llm_queue_unlink_locked(queue, i - 1);
        }
    }

    ngx_llm_queue_end_locked(queue);
}


ngx_uint_t
ngx_llm_queue_retry_after(ngx_llm_queue_t *queue)
{
    ngx_uint_t  seconds;

    seconds = queue->n * queue->gap / 1000 + 1;

    return ngx_min(seconds, 60);
}


static void
ngx_llm_queue_lock(ngx_llm_queue_t *queue)
{
    ngx_shmtx_lock(&queue->shpool->mutex);
    ngx_llm_queue_begin_locked(queue);
}


static void
ngx_llm_queue_unlock(ngx_llm_queue_t *queue)
{
    ngx_llm_queue_end_locked(queue);
    ngx_shmtx_unlock(&queue->shpool->mutex);
}


static void
ngx_llm_queue_begin_locked(ngx_llm_queue_t *queue)
{
    if (queue->dirty) {
        ngx_llm_queue_repair_locked(queue);
    }

    queue->dirty = 1;

    ngx_memory_barrier();
}


static void
ngx_llm_queue_end_locked(ngx_llm_queue_t *queue)
{
    ngx_memory_barrier();

    queue->dirty = 0;
}


/* a worker died inside the lock: the lists are made again from the states */

static void
ngx_llm_queue_repair_locked(ngx_llm_queue_t *queue)
{
    uint32_t           i, last;
    uint64_t           ticket;
    ngx_llm_waiter_t  *w;

    queue->n = 0;
    queue->first = 0;
    queue->last = 0;
    queue->free = 0;

    for (i = queue->max; i; i--) {
        w = &queue->waiter[i - 1];

        if (w->state == NGX_LLM_WAITER_FREE) {
            w->next = queue->free;
            queue->free = i;
        }
    }

    for (ticket = 0; /* void */ ; ticket = queue->waiter[last - 1].ticket) {

        last = 0;

        for (i = 1; i <= queue->max; i++) {
            w = &queue->waiter[i - 1];

            if (w->state != NGX_LLM_WAITER_FREE
                && w->ticket > ticket
                && (last == 0 || w->ticket < queue->waiter[last - 1].ticket))
            {
                last = i;
            }
        }

        if (last == 0) {
            return;
        }

        ngx_llm_queue_link_locked(queue, last - 1);
    }
}


static void
ngx_llm_queue_link_locked(ngx_llm_queue_t *queue, uint32_t i)
{
    ngx_llm_waiter_t  *w;

    w = &queue->waiter[i];

    w->next = 0;
    w->prev = queue->last;

    if (queue->last) {
        queue->waiter[queue->last - 1].next = i + 1;

    } else {
        queue->first = i + 1;
    }

    queue->last = i + 1;
    queue->n++;
}


static void
ngx_llm_queue_unlink_locked(ngx_llm_queue_t *queue, uint32_t i)
{
    ngx_llm_waiter_t  *w;

    w = &queue->waiter[i];

    if (w->prev) {
        queue->waiter[w->prev - 1].next = w->next;

    } else {
        queue->first = w->next;
    }

    if (w->next) {
        queue->waiter[w->next - 1].prev = w->prev;

    } else {
        queue->last = w->prev;
    }

    w->state = NGX_LLM_WAITER_FREE;
    w->next = queue->free;

    queue->free = i + 1;
    queue->n--;
}


/* the key gets its turn back, or the one that was called after this one */

static void
ngx_llm_queue_vain_locked(ngx_llm_queue_t *queue, const ngx_llm_waiter_t *w)
{
    uint32_t           i;
    ngx_atomic_t      *served;
    ngx_llm_waiter_t  *next;

    served = ngx_llm_queue_served(queue, w->key);

    if (*served == w->given) {
        *served = w->turn;
        return;
    }

    for (i = queue->first; i; i = next->next) {
        next = &queue->waiter[i - 1];

        if (next->state == NGX_LLM_WAITER_CALLED
            && next->key == w->key
            && next->turn == w->given)
        {
            next->turn = w->turn;
            return;
        }
    }
}


static ngx_uint_t
ngx_llm_queue_match(const ngx_llm_waiter_t *w, const ngx_llm_wait_t *wait,
    ngx_llm_fits_pt fits, void *data)
{
    if (w->wait.reason != wait->reason) {
        return 0;
    }

    return fits ? fits(data, w->wait.what) : w->wait.what == wait->what;
}


static ngx_uint_t
ngx_llm_queue_sooner(ngx_llm_queue_t *queue, const ngx_llm_waiter_t *a,
    const ngx_llm_waiter_t *b)
{
    if (a->priority != b->priority) {
        return a->priority > b->priority;
    }

    return *ngx_llm_queue_served(queue, a->key)
           < *ngx_llm_queue_served(queue, b->key);
}


static ngx_atomic_t *
ngx_llm_queue_served(ngx_llm_queue_t *queue, uint32_t key)
{
    return (key == NGX_LLM_KEY_NONE) ? &queue->anonymous
                                     : &queue->keys->key[key].served;
}
