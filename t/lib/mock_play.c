
/*
 * Sends an answer piece by piece.  While a piece waits for its time a timer
 * is set and nothing else moves; while the socket is full epoll calls again.
 */


#include <errno.h>
#include <signal.h>
#include <sys/socket.h>

#include "mock_node.h"


static int mock_play_send(mock_conn_t *c, mock_answer_t *a);
static int mock_play_end(mock_conn_t *c, mock_answer_t *a);
static void mock_play_count(mock_conn_t *c, int fault);


int
mock_play(mock_conn_t *c)
{
    int             rc;
    mock_piece_t   *p;
    mock_answer_t  *a;

    if (c->timer.index) {
        return MOCK_AGAIN;
    }

    a = c->answer;

    while (c->piece < a->npieces) {
        p = &a->pieces[c->piece];

        if (p->wait && !c->waited) {
            mock_timer_set(&c->timer, p->wait);
            return MOCK_AGAIN;
        }

        rc = mock_play_send(c, a);

        if (rc == MOCK_ERROR) {
            mock_conn_close(c, 0, 0);
            return MOCK_OK;
        }

        if (c->sent == p->end) {
            c->piece++;
            c->waited = 0;
        }

        if (rc == MOCK_AGAIN) {
            return MOCK_AGAIN;
        }
    }

    if (a->end_wait && !c->waited) {
        mock_timer_set(&c->timer, a->end_wait);
        return MOCK_AGAIN;
    }

    return mock_play_end(c, a);
}


static int
mock_play_send(mock_conn_t *c, mock_answer_t *a)
{
    size_t   n;
    ssize_t  sent;

    n = a->pieces[c->piece].end - c->sent;

    if (a->drip >= 0) {
        n = 1;
    }

    sent = send(c->source.fd, a->out.data + c->sent, n, MSG_NOSIGNAL);

    if (sent == -1) {
        if (errno != EAGAIN) {
            return MOCK_ERROR;
        }

        /* the piece has begun: it must not wait again */

        c->waited = 1;
        return MOCK_AGAIN;
    }

    c->sent += (size_t) sent;

    if (a->drip >= 0 && c->sent < a->out.len) {
        mock_timer_set(&c->timer, a->drip);
        return MOCK_AGAIN;
    }

    return MOCK_OK;
}


static int
mock_play_end(mock_conn_t *c, mock_answer_t *a)
{
    switch (a->end) {

    case MOCK_END_HOLD:
        return MOCK_AGAIN;

    case MOCK_END_KILL:
        raise(SIGKILL);
        return MOCK_AGAIN;

    case MOCK_END_RESET:
        mock_conn_close(c, 1, 1);
        return MOCK_OK;

    default:
        break;
    }

    mock_play_count(c, a->fault);

    c->answer = NULL;

    if (a->end == MOCK_END_KEEP) {
        mock_conn_done(c);

    } else if (c->unread || c->pending || c->readable) {
        mock_conn_linger(c);

    } else {
        mock_conn_close(c, 0, a->fault);
    }

    mock_answer_free(a);

    return MOCK_OK;
}


static void
mock_play_count(mock_conn_t *c, int fault)
{
    mock_stats_t  *st;

    if (!c->counted) {
        return;
    }

    st = &c->node->stats;

    c->counted = 0;
    st->in_flight--;

    if (fault) {
        st->faulted++;

    } else {
        st->completed++;
    }
}
