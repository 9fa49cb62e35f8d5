
/*
 * Who may log in to the admin API, and who is logged in.
 *
 * Users come from nginx.conf and are written by the master at (re)load.  A
 * session is a row in a table of fixed size; of its token the table keeps
 * the SHA-256.  A token is valid while its row is there, not over, and of the
 * epoch of one of the present users.  An epoch is given once, to one user with
 * one password: so a logout, a new password and a user that is gone end it at
 * once, in every worker.  A new role is in force at once.
 *
 * When the table is full, a user with his share of it or more loses his
 * session that would end first; for one with less another's makes room, who
 * has more than his share.  So nobody shuts others out.
 *
 * Rows are written and read under the zone's mutex: the admin API is not a
 * request's path.  A row's "used" is set last and cleared first: what a worker
 * that died left half-written is a free row.  Times are ngx_current_msec's:
 * the wall clock does not matter.
 */


#ifndef _NGX_LLM_SESSIONS_H_INCLUDED_
#define _NGX_LLM_SESSIONS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_logins.h"


#define NGX_LLM_USERS            16
#define NGX_LLM_USER_NAME        64
#define NGX_LLM_USER_PASSWORD    256    /* in clear, or as hashed */
#define NGX_LLM_SESSIONS         1024
#define NGX_LLM_SESSIONS_SHARE   (NGX_LLM_SESSIONS / NGX_LLM_USERS)
#define NGX_LLM_SESSION_HASH     32
#define NGX_LLM_SESSION_SECRET   32     /* see ngx_llm_token.h */
#define NGX_LLM_SESSION_MS       (24 * 3600 * 1000)


typedef enum {
    NGX_LLM_ROLE_NONE = 0,
    NGX_LLM_ROLE_VIEWER,
    NGX_LLM_ROLE_ADMIN
} ngx_llm_role_e;


/* texts end with a zero byte */

typedef struct {
    u_char              name[NGX_LLM_USER_NAME];
    u_char              password[NGX_LLM_USER_PASSWORD];
    ngx_uint_t          role;
    ngx_uint_t          epoch;      /* of this user with this password */
    unsigned            loopback:1; /* may log in from there only */
} ngx_llm_user_t;


typedef struct {
    u_char              hash[NGX_LLM_SESSION_HASH]; /* of its token */
    ngx_uint_t          epoch;                      /* of its user */
    ngx_msec_t          until;
    ngx_atomic_t        used;
} ngx_llm_session_row_t;


/* what is told of a session */

typedef struct {
    u_char              user[NGX_LLM_USER_NAME];
    ngx_uint_t          role;
    ngx_msec_t          left;       /* ms until it ends */
    unsigned            loopback:1; /* of a user of the loopback only */
} ngx_llm_session_t;


typedef struct {
    ngx_slab_pool_t    *shpool;
    ngx_uint_t          keyed;      /* secret and logins.key are set */
    u_char              secret[NGX_LLM_SESSION_SECRET]; /* signs tokens */
    ngx_uint_t          epochs;     /* the last one that was given */
    ngx_uint_t          nusers;
    ngx_llm_user_t      users[NGX_LLM_USERS];
    ngx_llm_session_row_t  session[NGX_LLM_SESSIONS];
    ngx_llm_logins_t    logins;
} ngx_llm_sessions_t;


/* NULL: the zone is full. */
ngx_llm_sessions_t *ngx_llm_sessions_create(ngx_slab_pool_t *shpool);

/*
 * Replaces the users; n is NGX_LLM_USERS at most, their passwords are hashed,
 * their epochs are not looked at.  Who has the name and the hash of before
 * keeps his sessions.  Called by the master only; takes the mutex.
 */
void ngx_llm_sessions_users(ngx_llm_sessions_t *sessions,
    const ngx_llm_user_t *users, ngx_uint_t n);

/*
 * Copies a user.  Takes the mutex.  NGX_OK; NGX_DECLINED: there is none of
 * this name, and another one was copied, or none with the password "*": a look
 * at it in vain takes as long.
 */
ngx_int_t ngx_llm_sessions_user(ngx_llm_sessions_t *sessions,
    const ngx_str_t *name, ngx_llm_user_t *user);

/*
 * Logs a user in who was copied before; hash is that of his new token.
 * Takes the mutex.  NGX_DECLINED: he is gone or has another password now.
 */
ngx_int_t ngx_llm_sessions_enter(ngx_llm_sessions_t *sessions,
    const ngx_llm_user_t *user, const u_char *hash, ngx_msec_t now);

/* What is known of this token.  Takes the mutex.  NGX_OK, NGX_DECLINED. */
ngx_int_t ngx_llm_sessions_find(ngx_llm_sessions_t *sessions,
    const u_char *hash, ngx_msec_t now, ngx_llm_session_t *session);

/* Ends it, if it is there.  Takes the mutex. */
void ngx_llm_sessions_leave(ngx_llm_sessions_t *sessions,
    const u_char *hash);


#endif /* _NGX_LLM_SESSIONS_H_INCLUDED_ */
