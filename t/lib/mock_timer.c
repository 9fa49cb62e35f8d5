
/*
 * The timers of the mock node: a binary heap of pointers, ordered by time.
 * Owns mock_now, which the loop refreshes after each wait.
 */


#include "mock_node.h"


static void mock_timer_put(size_t i, mock_timer_t *t);
static void mock_timer_up(size_t i, mock_timer_t *t);
static void mock_timer_down(size_t i, mock_timer_t *t);


int64_t               mock_now;

static mock_timer_t **mock_heap;        /* places 1 .. mock_heap_n */
static size_t         mock_heap_n;
static size_t         mock_heap_size;


void
mock_timer_set(mock_timer_t *t, int ms)
{
    mock_timer_off(t);

    if (mock_heap_n + 2 > mock_heap_size) {
        mock_heap_size = mock_heap_size ? mock_heap_size * 2 : 256;
        mock_heap = mock_grow(mock_heap, mock_heap_size * sizeof(t));
    }

    t->when = mock_now + ms;
    mock_timer_up(++mock_heap_n, t);
}


void
mock_timer_off(mock_timer_t *t)
{
    size_t         i;
    mock_timer_t  *last;

    i = t->index;
    if (i == 0) {
        return;
    }

    t->index = 0;
    last = mock_heap[mock_heap_n--];

    if (last == t) {
        return;
    }

    if (i > 1 && last->when < mock_heap[i / 2]->when) {
        mock_timer_up(i, last);

    } else {
        mock_timer_down(i, last);
    }
}


void
mock_timer_run(void)
{
    size_t         n;
    mock_timer_t  *t;

    /* a timer set for at once by a handler waits for the next turn */

    for (n = mock_heap_n; n && mock_heap_n; n--) {
        t = mock_heap[1];

        if (t->when > mock_now) {
            return;
        }

        mock_timer_off(t);
        t->handler(t);
    }
}


int
mock_timer_next(int max)
{
    int64_t  ms;

    if (mock_heap_n == 0) {
        return max;
    }

    ms = mock_heap[1]->when - mock_now;

    return ms < 0 ? 0 : ms > max ? max : (int) ms;
}


static void
mock_timer_put(size_t i, mock_timer_t *t)
{
    mock_heap[i] = t;
    t->index = i;
}


static void
mock_timer_up(size_t i, mock_timer_t *t)
{
    while (i > 1 && t->when < mock_heap[i / 2]->when) {
        mock_timer_put(i, mock_heap[i / 2]);
        i /= 2;
    }

    mock_timer_put(i, t);
}


static void
mock_timer_down(size_t i, mock_timer_t *t)
{
    size_t  child;

    for (child = i * 2; child <= mock_heap_n; child = i * 2) {

        if (child < mock_heap_n
            && mock_heap[child + 1]->when < mock_heap[child]->when)
        {
            child++;
        }

        if (t->when <= mock_heap[child]->when) {
            break;
        }

        mock_timer_put(i, mock_heap[child]);
        i = child;
    }

    mock_timer_put(i, t);
}
