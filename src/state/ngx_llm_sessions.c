
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_text.h"
#include "ngx_llm_sessions.h"


#define NGX_LLM_USER_NONE  ((ngx_uint_t) -1)


static ngx_uint_t ngx_llm_sessions_by_name(ngx_llm_sessions_t *sessions,
    const u_char *name, size_t len);
static ngx_uint_t ngx_llm_sessions_by_epoch(ngx_llm_sessions_t *sessions,
    ngx_uint_t epoch);
static ngx_llm_session_row_t *ngx_llm_sessions_by_hash_locked(
    ngx_llm_sessions_t *sessions, const u_char *hash);
static ngx_llm_session_row_t *ngx_llm_sessions_place_locked(
    ngx_llm_sessions_t *sessions, ngx_uint_t user, ngx_msec_t now);
static ngx_uint_t ngx_llm_sessions_over(const ngx_llm_session_row_t *row,
    ngx_msec_t now);
static void ngx_llm_sessions_clear(ngx_llm_session_row_t *row);


ngx_llm_sessions_t *
ngx_llm_sessions_create(ngx_slab_pool_t *shpool)
{
    ngx_llm_sessions_t  *sessions;

    sessions = ngx_slab_calloc(shpool, sizeof(ngx_llm_sessions_t));
    if (sessions == NULL) {
        return NULL;
    }

    sessions->shpool = shpool;

    return sessions;
}


void
ngx_llm_sessions_users(ngx_llm_sessions_t *sessions,
    const ngx_llm_user_t *users, ngx_uint_t n)
{
    ngx_uint_t       i, k;
    ngx_llm_user_t  *old, next[NGX_LLM_USERS];

    ngx_shmtx_lock(&sessions->shpool->mutex);

    for (i = 0; i < n; i++) {
        next[i] = users[i];

        k = ngx_llm_sessions_by_name(sessions, users[i].name,
                                     ngx_strlen(users[i].name));
        old = (k == NGX_LLM_USER_NONE) ? NULL : &sessions->users[k];

        if (old
            && ngx_strcmp(old->password, users[i].password) == 0
            && old->loopback == users[i].loopback)
        {
            next[i].epoch = old->epoch;

        } else {
            next[i].epoch = ++sessions->epochs;
        }
    }

    sessions->nusers = 0;

    ngx_memory_barrier();

    ngx_memzero(sessions->users, sizeof(sessions->users));
    ngx_memcpy(sessions->users, next, n * sizeof(ngx_llm_user_t));

    ngx_memory_barrier();

    sessions->nusers = n;

    ngx_shmtx_unlock(&sessions->shpool->mutex);
}


ngx_int_t
ngx_llm_sessions_user(ngx_llm_sessions_t *sessions, const ngx_str_t *name,
    ngx_llm_user_t *user)
{
    ngx_uint_t  i;

    ngx_shmtx_lock(&sessions->shpool->mutex);

    i = ngx_llm_sessions_by_name(sessions, name->data, name->len);

    if (sessions->nusers) {
        *user = sessions->users[(i == NGX_LLM_USER_NONE) ? 0 : i];

    } else {
        ngx_memzero(user, sizeof(ngx_llm_user_t));
        user->password[0] = '*';
    }

    ngx_shmtx_unlock(&sessions->shpool->mutex);

    return (i != NGX_LLM_USER_NONE) ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_llm_sessions_enter(ngx_llm_sessions_t *sessions,
    const ngx_llm_user_t *user, const u_char *hash, ngx_msec_t now)
{
    ngx_uint_t              i;
    ngx_llm_session_row_t  *row;

    ngx_shmtx_lock(&sessions->shpool->mutex);

    i = ngx_llm_sessions_by_epoch(sessions, user->epoch);

    if (i == NGX_LLM_USER_NONE) {
        ngx_shmtx_unlock(&sessions->shpool->mutex);
        return NGX_DECLINED;
    }

    row = ngx_llm_sessions_place_locked(sessions, i, now);

    ngx_llm_sessions_clear(row);

    ngx_memcpy(row->hash, hash, NGX_LLM_SESSION_HASH);
    row->epoch = user->epoch;
    row->until = now + NGX_LLM_SESSION_MS;

    ngx_memory_barrier();

    row->used = 1;

    ngx_shmtx_unlock(&sessions->shpool->mutex);

    return NGX_OK;
}


ngx_int_t
ngx_llm_sessions_find(ngx_llm_sessions_t *sessions, const u_char *hash,
    ngx_msec_t now, ngx_llm_session_t *session)
{
    ngx_uint_t              i;
    ngx_llm_session_row_t  *row;

    ngx_shmtx_lock(&sessions->shpool->mutex);

    row = ngx_llm_sessions_by_hash_locked(sessions, hash);

    if (row == NULL) {
        goto none;
    }

    i = ngx_llm_sessions_by_epoch(sessions, row->epoch);

    if (i == NGX_LLM_USER_NONE || ngx_llm_sessions_over(row, now)) {
        ngx_llm_sessions_clear(row);
        goto none;
    }

    ngx_memcpy(session->user, sessions->users[i].name, NGX_LLM_USER_NAME);
    session->role = sessions->users[i].role;
    session->loopback = sessions->users[i].loopback;
    session->left = row->until - now;

    ngx_shmtx_unlock(&sessions->shpool->mutex);

    return NGX_OK;

none:

    ngx_shmtx_unlock(&sessions->shpool->mutex);

    return NGX_DECLINED;
}


void
ngx_llm_sessions_leave(ngx_llm_sessions_t *sessions, const u_char *hash)
{
    ngx_llm_session_row_t  *row;

    ngx_shmtx_lock(&sessions->shpool->mutex);

    row = ngx_llm_sessions_by_hash_locked(sessions, hash);

    if (row) {
        ngx_llm_sessions_clear(row);
    }

    ngx_shmtx_unlock(&sessions->shpool->mutex);
}


static ngx_uint_t
ngx_llm_sessions_by_name(ngx_llm_sessions_t *sessions, const u_char *name,
    size_t len)
{
    ngx_uint_t       i;
    ngx_llm_user_t  *user;

    for (i = 0; i < sessions->nusers; i++) {
        user = &sessions->users[i];

        if (len == ngx_strlen(user->name)
            && ngx_memcmp(user->name, name, len) == 0)
        {
            return i;
        }
    }

    return NGX_LLM_USER_NONE;
}


static ngx_uint_t
ngx_llm_sessions_by_epoch(ngx_llm_sessions_t *sessions, ngx_uint_t epoch)
{
    ngx_uint_t  i;

    for (i = 0; i < sessions->nusers; i++) {
        if (sessions->users[i].epoch == epoch) {
            return i;
        }
    }

    return NGX_LLM_USER_NONE;
}


static ngx_llm_session_row_t *
ngx_llm_sessions_by_hash_locked(ngx_llm_sessions_t *sessions,
    const u_char *hash)
{
    ngx_uint_t              i;
    ngx_llm_session_row_t  *row;

    for (i = 0; i < NGX_LLM_SESSIONS; i++) {
        row = &sessions->session[i];

        if (row->used && ngx_llm_same(row->hash, hash, NGX_LLM_SESSION_HASH)) {
            return row;
        }
    }

    return NULL;
}


/* a row for another session of this user: a free one, or who makes room */

static ngx_llm_session_row_t *
ngx_llm_sessions_place_locked(ngx_llm_sessions_t *sessions, ngx_uint_t user,
    ngx_msec_t now)
{
    ngx_uint_t              i, u, n[NGX_LLM_USERS];
    ngx_llm_session_row_t  *row, *first[NGX_LLM_USERS];

    ngx_memzero(n, sizeof(n));

    for (i = 0; i < NGX_LLM_SESSIONS; i++) {
        row = &sessions->session[i];

        if (!row->used || ngx_llm_sessions_over(row, now)) {
            return row;
        }

        u = ngx_llm_sessions_by_epoch(sessions, row->epoch);

        if (u == NGX_LLM_USER_NONE) {
            return row;
        }

        if (n[u]++ == 0
            || (ngx_msec_int_t) (row->until - first[u]->until) < 0)
        {
            first[u] = row;
        }
    }

    if (n[user] >= NGX_LLM_SESSIONS_SHARE) {
        return first[user];
    }

    /* somebody has more than his share, else the table would not be full */

    for (u = 0, i = 1; i < NGX_LLM_USERS; i++) {
        if (n[i] > n[u]) {
            u = i;
        }
    }

    return first[u];
}


static ngx_uint_t
ngx_llm_sessions_over(const ngx_llm_session_row_t *row, ngx_msec_t now)
{
    return (ngx_msec_int_t) (row->until - now) <= 0;
}


static void
ngx_llm_sessions_clear(ngx_llm_session_row_t *row)
{
    row->used = 0;

    ngx_memory_barrier();

    ngx_memzero(row->hash, NGX_LLM_SESSION_HASH);
}
