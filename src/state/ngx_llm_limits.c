
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_limits.h"


#define NGX_LLM_LIMITS_SPINS  2000


typedef struct {
    ngx_uint_t          ngone;
    ngx_uint_t          nliving;
    ngx_llm_ledger_t   *gone[NGX_MAX_PROCESSES];
    ngx_llm_ledger_t   *living[NGX_MAX_PROCESSES];
} ngx_llm_roll_t;


static ngx_llm_ledger_t *ngx_llm_limits_closed_locked(
    ngx_llm_limits_t *limits);
static ngx_int_t ngx_llm_limits_take_back_locked(ngx_llm_limits_t *limits,
    ngx_llm_roll_t *roll);
static ngx_int_t ngx_llm_limits_settle_locked(ngx_llm_limits_t *limits,
    ngx_llm_roll_t *roll, ngx_uint_t i);
static ngx_int_t ngx_llm_limits_living_locked(ngx_llm_roll_t *roll,
    ngx_uint_t i, ngx_atomic_uint_t *sum, ngx_atomic_uint_t *sequences);


ngx_llm_limits_t *
ngx_llm_limits_create(ngx_slab_pool_t *shpool, ngx_uint_t n)
{
    ngx_llm_limits_t  *limits;

    limits = ngx_slab_calloc(shpool, sizeof(ngx_llm_limits_t));
    if (limits == NULL) {
        return NULL;
    }

    limits->n = n;

    limits->count = ngx_slab_calloc(shpool, n * sizeof(ngx_atomic_t));
    if (limits->count == NULL) {
        return NULL;
    }

    limits->ledgers = ngx_slab_calloc(shpool, NGX_MAX_PROCESSES
                                              * sizeof(ngx_llm_ledger_t *));
    if (limits->ledgers == NULL) {
        return NULL;
    }

    return limits;
}


ngx_llm_ledger_t *
ngx_llm_limits_open(ngx_llm_limits_t *limits, ngx_slab_pool_t *shpool,
    ngx_uint_t slot, ngx_pid_t pid)
{
    ngx_uint_t         i;
    ngx_llm_roll_t     roll;
    ngx_llm_ledger_t  *ledger;

    ngx_shmtx_lock(&shpool->mutex);

    ledger = limits->ledgers[slot];

    if (ledger == NULL) {
        ledger = ngx_slab_calloc_locked(shpool,
                                        offsetof(ngx_llm_ledger_t, own)
                                        + limits->n * sizeof(uint32_t));
        if (ledger == NULL) {
            ledger = ngx_llm_limits_closed_locked(limits);
        }

        if (ledger == NULL) {
            ngx_shmtx_unlock(&shpool->mutex);
            return NULL;
        }

        limits->ledgers[slot] = ledger;
    }

    limits->slots = ngx_max(limits->slots, slot + 1);

    if (ledger->pid && ledger->pid != (ngx_atomic_t) pid) {

        /* this slot's last owner died: nobody else can be in it */

        roll.ngone = 1;
        roll.gone[0] = ledger;
        roll.nliving = 0;

        for (i = 0; i < limits->slots; i++) {
            if (i != slot && limits->ledgers[i] && limits->ledgers[i]->pid) {
                roll.living[roll.nliving++] = limits->ledgers[i];
            }
        }

        if (ngx_llm_limits_take_back_locked(limits, &roll) != NGX_OK) {
            ngx_shmtx_unlock(&shpool->mutex);
            return NULL;
        }
    }

    ledger->pid = pid;
    ledger->sequence = 0;

    ngx_shmtx_unlock(&shpool->mutex);

    return ledger;
}


/* the ledger of a slot that nobody is in, which has none then; or NULL */

static ngx_llm_ledger_t *
ngx_llm_limits_closed_locked(ngx_llm_limits_t *limits)
{
    ngx_uint_t         i;
    ngx_llm_ledger_t  *ledger;

    for (i = 0; i < limits->slots; i++) {
        ledger = limits->ledgers[i];

        if (ledger && ledger->pid == 0) {

            /* who dies here loses the memory of one, and nobody shares it */

            limits->ledgers[i] = NULL;

            return ledger;
        }
    }

    return NULL;
}


void
ngx_llm_limits_close(ngx_llm_limits_t *limits, ngx_llm_ledger_t *ledger)
{
    ngx_uint_t  i;

    for (i = 0; i < limits->n; i++) {
        if (ledger->own[i]) {
            return;
        }
    }

    ledger->pid = 0;
}


ngx_int_t
ngx_llm_limits_reclaim(ngx_llm_limits_t *limits, ngx_slab_pool_t *shpool,
    ngx_uint_t (*dead)(ngx_pid_t pid),
    void (*forget)(void *data, ngx_uint_t slot), void *data)
{
    ngx_int_t          rc;
    ngx_uint_t         slot;
    ngx_llm_roll_t     roll;
    ngx_llm_ledger_t  *ledger;

    roll.ngone = 0;
    roll.nliving = 0;

    ngx_shmtx_lock(&shpool->mutex);

    for (slot = 0; slot < limits->slots; slot++) {
        ledger = limits->ledgers[slot];

        if (ledger == NULL || ledger->pid == 0) {
            continue;
        }

        if (dead((ngx_pid_t) ledger->pid)) {
            forget(data, slot);
            roll.gone[roll.ngone++] = ledger;

        } else {
            roll.living[roll.nliving++] = ledger;
        }
    }

    rc = NGX_OK;

    if (roll.ngone) {
        rc = ngx_llm_limits_take_back_locked(limits, &roll);
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return (rc == NGX_OK) ? (ngx_int_t) roll.ngone : rc;
}


ngx_uint_t
ngx_llm_limits_acquire(ngx_llm_limits_t *limits, ngx_llm_ledger_t *ledger,
    ngx_uint_t i, ngx_uint_t max)
{
    ngx_uint_t          ok;
    ngx_atomic_t       *count;
    ngx_atomic_uint_t   n;

    count = &limits->count[i];

    if (max != NGX_LLM_UNLIMITED && *count >= max) {
        return 0;
    }

    ledger->sequence++;

    ngx_memory_barrier();

    /* an atomic operation is a barrier, too: the counter comes after it */

    ledger->own[i]++;

    if (max == NGX_LLM_UNLIMITED) {
        (void) ngx_atomic_fetch_add(count, 1);
        ok = 1;

    } else {

        do {
            n = *count;
            ok = (n < max);
        } while (ok && !ngx_atomic_cmp_set(count, n, n + 1));

        if (!ok) {
            ledger->own[i]--;
        }
    }

    ngx_memory_barrier();
    ledger->sequence++;

    return ok;
}


void
ngx_llm_limits_release(ngx_llm_limits_t *limits, ngx_llm_ledger_t *ledger,
    ngx_uint_t i)
{
    ledger->sequence++;

    (void) ngx_atomic_fetch_add(&limits->count[i], -1);

    ledger->own[i]--;

    ngx_memory_barrier();

    ledger->sequence++;
}


/*
 * What the gone hold of every counter is taken back.  NGX_AGAIN: some is
 * left, and stands in their ledgers as before.
 */

static ngx_int_t
ngx_llm_limits_take_back_locked(ngx_llm_limits_t *limits,
    ngx_llm_roll_t *roll)
{
    ngx_uint_t  i, k;

    for (k = 0; k < roll->ngone; k++) {
        for (i = 0; i < limits->n; i++) {

            if (roll->gone[k]->own[i]
                && ngx_llm_limits_settle_locked(limits, roll, i) != NGX_OK)
            {
                return NGX_AGAIN;
            }
        }
    }

    for (k = 0; k < roll->ngone; k++) {
        roll->gone[k]->sequence = 0;
        roll->gone[k]->pid = 0;
    }

    return NGX_OK;
}


/* sets counter i to what the living hold of it */

static ngx_int_t
ngx_llm_limits_settle_locked(ngx_llm_limits_t *limits, ngx_llm_roll_t *roll,
    ngx_uint_t i)
{
    ngx_uint_t         k, spins;
    ngx_atomic_uint_t  n, sum, before, again, after;

    for (spins = 0; spins < NGX_LLM_LIMITS_SPINS; spins++) {

        if (spins) {
            ngx_sched_yield();
        }

        if (ngx_llm_limits_living_locked(roll, i, &sum, &before) != NGX_OK) {
            continue;
        }

        n = limits->count[i];

        ngx_memory_barrier();

        /* of an unchanged ledger the first sum holds; the second may not */

        if (ngx_llm_limits_living_locked(roll, i, &again, &after) != NGX_OK
            || before != after
            || !ngx_atomic_cmp_set(&limits->count[i], n, sum))
        {
            continue;
        }

        for (k = 0; k < roll->ngone; k++) {
            roll->gone[k]->own[i] = 0;
        }

        return NGX_OK;
    }

    return NGX_AGAIN;
}


/*
 * How much of counter i the living hold, and the sum of their sequences, by
 * which a change is seen; NGX_AGAIN while one of them is inside an operation.
 */

static ngx_int_t
ngx_llm_limits_living_locked(ngx_llm_roll_t *roll, ngx_uint_t i,
    ngx_atomic_uint_t *sum, ngx_atomic_uint_t *sequences)
{
    ngx_uint_t         k;
    ngx_atomic_uint_t  sequence;

    *sum = 0;
    *sequences = 0;

    for (k = 0; k < roll->nliving; k++) {
        sequence = roll->living[k]->sequence;

        if (sequence & 1) {
            return NGX_AGAIN;
        }

        *sequences += sequence;

        ngx_memory_barrier();

        *sum += roll->living[k]->own[i];
    }

    return NGX_OK;
}


uint64_t
ngx_llm_limits_sum(ngx_llm_limits_t *limits, ngx_uint_t first, ngx_uint_t n)
{
    uint64_t    sum;
    ngx_uint_t  i;

    sum = 0;

    for (i = first; i < first + n; i++) {
        sum += ngx_llm_limits_count(limits, i);
    }

    return sum;
}
