
/*
 * Users and sessions: who is in, who is out at once, a full table, a clock
 * that goes round, and workers that are killed between two steps.
 */


#include "../../src/base/ngx_llm_text.c"
#include "../../src/state/ngx_llm_sessions.c"
#include "step.h"


#define DAY    NGX_LLM_SESSION_MS
#define SHARE  NGX_LLM_SESSIONS_SHARE


static void test_users(void);
static void test_enter(void);
static void test_over(void);
static void test_wrap(void);
static void test_changed(void);
static void test_role(void);
static void test_meanwhile(void);
static void test_full(void);
static void test_share(void);
static void test_full_of_dead(void);
static void test_no_memory(void);
static void test_killed(void);
static void enter_new(void);
static void enter_over(void);
static void leave_it(void);
static void killed(void);
static void prepare(void);
static void user(ngx_llm_user_t *u, const char *name, const char *password,
    ngx_uint_t role);
static ngx_int_t enter(const char *name, ngx_uint_t token, ngx_msec_t now);
static ngx_int_t find(ngx_uint_t token, ngx_msec_t now);
static ngx_uint_t count(ngx_uint_t from, ngx_uint_t n, ngx_msec_t now);
static u_char *hash_of(ngx_uint_t token);


static ngx_llm_user_t       us[NGX_LLM_USERS];
static ngx_uint_t           calls, wrong;
static ngx_llm_session_t    session;
static ngx_llm_sessions_t  *sessions;
static ngx_slab_pool_t     *pool;


int
main(void)
{
    test_users();
    test_enter();
    test_over();
    test_wrap();
    test_changed();
    test_role();
    test_meanwhile();
    test_full();
    test_share();
    test_full_of_dead();
    test_no_memory();

    if (step_works()) {
        test_killed();
    }

    return test_done();
}


static void
test_users(void)
{
    ngx_str_t       name;
    ngx_llm_user_t  u;

    prepare();

    ngx_str_set(&name, "root");
    is_number(ngx_llm_sessions_user(sessions, &name, &u), NGX_OK, "a user");
    is_text((char *) u.password, "$r", "... his hash");
    is_number(u.role, NGX_LLM_ROLE_ADMIN, "... his role");

    ngx_str_set(&name, "roo");
    is_number(ngx_llm_sessions_user(sessions, &name, &u), NGX_DECLINED,
              "not half of a name");
    is_text((char *) u.password, "$r", "... there is a hash to look at");
    ngx_str_set(&name, "root2");
    is_number(ngx_llm_sessions_user(sessions, &name, &u), NGX_DECLINED,
              "not more than a name");
    ngx_str_set(&name, "ROOT");
    is_number(ngx_llm_sessions_user(sessions, &name, &u), NGX_DECLINED,
              "case matters");
    ngx_str_set(&name, "");
    is_number(ngx_llm_sessions_user(sessions, &name, &u), NGX_DECLINED,
              "nobody has no name");

    ngx_llm_sessions_users(sessions, us, 0);
    ngx_str_set(&name, "root");
    is_number(ngx_llm_sessions_user(sessions, &name, &u), NGX_DECLINED,
              "there need not be a user");
    is_text((char *) u.password, "*", "... then there is no hash");
    is_number(pool->lock.lock, 0, "the mutex is free");
}


static void
test_enter(void)
{
    prepare();

    is_number(find(1, 0), NGX_DECLINED, "nobody is in");
    is_number(enter("root", 1, 0), NGX_OK, "one is");
    is_number(enter("eve", 2, 10), NGX_OK, "another");
    is_number(find(1, 5), NGX_OK, "the first is found");
    is_text((char *) session.user, "root", "... by name");
    is_number(session.role, NGX_LLM_ROLE_ADMIN, "... role");
    is_number(session.left, DAY - 5, "... and what is left");
    is_number(find(2, 10), NGX_OK, "the second");
    is_text((char *) session.user, "eve", "... by name");
    is_number(session.role, NGX_LLM_ROLE_VIEWER, "... and role");
    is_number(find(3, 10), NGX_DECLINED, "no other");

    ngx_llm_sessions_leave(sessions, hash_of(1));
    is_number(find(1, 10), NGX_DECLINED, "he left");
    is_number(find(2, 10), NGX_OK, "... she did not");

    ngx_llm_sessions_leave(sessions, hash_of(1));
    ngx_llm_sessions_leave(sessions, hash_of(7));
    is_number(find(2, 10), NGX_OK, "... when he leaves again, neither");

    is_number(enter("root", 1, 20), NGX_OK, "the same one again");
    is_number(enter("root", 3, 1000), NGX_OK, "... and twice");
    is_number(find(1, 1000), NGX_OK, "the earlier one lives on");
    is_number(session.left, DAY - 980, "... and is not longer for it");
    is_number(pool->lock.lock, 0, "the mutex is free");
}


static void
test_over(void)
{
    prepare();

    (void) enter("root", 1, 1000);

    is_number(find(1, 1000 + DAY - 1), NGX_OK, "one to the last ms");
    is_number(session.left, 1, "... which is left");
    is_number(find(1, 1000 + DAY), NGX_DECLINED, "is over then");
    is_number(find(1, 1000), NGX_DECLINED, "... for good");
}


/* a clock that goes round in the middle of a session */

static void
test_wrap(void)
{
    ngx_msec_t  now;

    prepare();

    now = (ngx_msec_t) -1000;

    is_number(enter("root", 1, now), NGX_OK, "just before the clock turns");
    is_number(find(1, now), NGX_OK, "... it is");
    is_number(find(1, (ngx_msec_t) -1), NGX_OK, "... still");
    is_number(find(1, 0), NGX_OK, "... and when it went round");
    is_number(find(1, (ngx_msec_t) DAY - 1001), NGX_OK, "... to the last ms");
    is_number(session.left, 1, "... which is left");
    is_number(find(1, (ngx_msec_t) DAY - 1000), NGX_DECLINED, "... no longer");

    (void) enter("root", 2, 5);
    is_number(find(2, 0), NGX_OK,
              "another worker's clock may be some ms behind");
}


static void
test_changed(void)
{
    prepare();

    (void) enter("root", 1, 0);
    (void) enter("eve", 2, 0);

    ngx_llm_sessions_users(sessions, us, 2);

    ok(find(1, 1) == NGX_OK && find(2, 1) == NGX_OK,
       "a reload with the same users ends nothing");

    user(&us[2], "new", "$n", NGX_LLM_ROLE_ADMIN);
    us[3] = us[0];
    us[0] = us[2];
    us[2] = us[3];

    ngx_llm_sessions_users(sessions, us, 3);

    is_number(find(1, 1), NGX_OK, "nor does one with another user before");
    is_text((char *) session.user, "root", "... it is still his");
    is_number(find(2, 1), NGX_OK, "... and hers");
    is_text((char *) session.user, "eve", "... of the same name");

    user(&us[2], "root", "$other", NGX_LLM_ROLE_ADMIN);
    ngx_llm_sessions_users(sessions, us, 3);

    is_number(find(1, 1), NGX_DECLINED, "another password ends his");
    is_number(find(2, 1), NGX_OK, "... not hers");

    user(&us[2], "root", "$r", NGX_LLM_ROLE_ADMIN);
    ngx_llm_sessions_users(sessions, us, 3);

    is_number(find(1, 1), NGX_DECLINED, "... for good");

    us[1].loopback = 1;
    ngx_llm_sessions_users(sessions, us, 3);
    is_number(find(2, 1), NGX_DECLINED, "who is of the loopback now is out");

    us[1].loopback = 0;
    ngx_llm_sessions_users(sessions, us, 3);
    (void) enter("eve", 3, 1);

    ngx_llm_sessions_users(sessions, us, 1);
    is_number(find(3, 1), NGX_DECLINED, "a user that is gone is out");

    ngx_llm_sessions_users(sessions, us, 3);
    is_number(find(3, 1), NGX_DECLINED, "... also when he comes again");
    is_number(pool->lock.lock, 0, "the mutex is free");
}


static void
test_role(void)
{
    prepare();

    (void) enter("eve", 1, 0);

    us[1].role = NGX_LLM_ROLE_ADMIN;
    ngx_llm_sessions_users(sessions, us, 2);

    is_number(find(1, 1), NGX_OK, "another role ends nothing");
    is_number(session.role, NGX_LLM_ROLE_ADMIN, "... and is in force");
}


/* a reload between the look at the password and the session */

static void
test_meanwhile(void)
{
    ngx_str_t       name;
    ngx_llm_user_t  u;

    prepare();

    ngx_str_set(&name, "root");
    (void) ngx_llm_sessions_user(sessions, &name, &u);

    ngx_llm_sessions_users(sessions, us, 2);
    is_number(ngx_llm_sessions_enter(sessions, &u, hash_of(1), 0), NGX_OK,
              "a reload while he logs in");

    user(&us[0], "root", "$other", NGX_LLM_ROLE_ADMIN);
    ngx_llm_sessions_users(sessions, us, 2);
    is_number(ngx_llm_sessions_enter(sessions, &u, hash_of(2), 0),
              NGX_DECLINED, "... with another password");
    is_number(find(2, 0), NGX_DECLINED, "... leaves him out");

    (void) ngx_llm_sessions_user(sessions, &name, &u);
    ngx_llm_sessions_users(sessions, &us[1], 1);
    is_number(ngx_llm_sessions_enter(sessions, &u, hash_of(3), 0),
              NGX_DECLINED, "... or without him");
    is_number(pool->lock.lock, 0, "the mutex is free");
}


static void
test_full(void)
{
    ngx_uint_t  i;

    prepare();

    (void) enter("root", 5000, 500);

    for (i = 0; i < NGX_LLM_SESSIONS - 1; i++) {
        (void) enter("root", i, (i == 7) ? 100 : 1000);
    }

    is_number(count(0, NGX_LLM_SESSIONS - 1, 1000), NGX_LLM_SESSIONS - 1,
              "one user may have all of the table");

    is_number(enter("root", 2000, 1000), NGX_OK, "... and one more");
    is_number(find(7, 1000), NGX_DECLINED, "... for which the oldest goes");
    is_number(find(2000, 1000), NGX_OK, "... the new one is there");
    is_number(find(5000, 1000), NGX_OK, "... and the second oldest");

    is_number(enter("root", 2001, 1000), NGX_OK, "... which goes next");
    is_number(find(5000, 1000), NGX_DECLINED, "... it is gone");
    is_number(count(0, 3000, 1000), NGX_LLM_SESSIONS,
              "the table is full then as before");
}


/* who takes all of it does not shut others out */

static void
test_share(void)
{
    ngx_uint_t  i;

    prepare();

    for (i = 0; i < NGX_LLM_SESSIONS; i++) {
        (void) enter("root", i, 1000 + i);
    }

    for (i = 0; i < 3 * SHARE; i++) {
        (void) enter("eve", 2000 + i, 5000 + i);
    }

    is_number(count(2000, 3 * SHARE, 6000), SHARE, "she gets her share");
    is_number(find(2000 + 3 * SHARE - 1, 6000), NGX_OK, "... the last ones");
    is_number(count(0, SHARE, 6000), 0, "... for his oldest");
    is_number(count(0, NGX_LLM_SESSIONS, 6000), NGX_LLM_SESSIONS - SHARE,
              "... and no more of his");

    for (i = 0; i < NGX_LLM_SESSIONS; i++) {
        (void) enter("root", 4000 + i, 7000 + i);
    }

    is_number(count(2000, 3 * SHARE, 9000), SHARE, "... which she keeps");
}


static void
test_full_of_dead(void)
{
    ngx_uint_t  i;

    prepare();

    for (i = 0; i < NGX_LLM_SESSIONS; i++) {
        (void) enter("root", i, 0);
    }

    user(&us[0], "root", "$other", NGX_LLM_ROLE_ADMIN);
    ngx_llm_sessions_users(sessions, us, 2);

    for (i = 0; i < 200; i++) {
        (void) enter("eve", 2000 + i, 10);
    }

    is_number(count(2000, 200, 10), 200, "those of an old password make room");

    for (i = 0; i < NGX_LLM_SESSIONS; i++) {
        (void) enter("root", 3000 + i, 10 + DAY);
    }

    is_number(count(3000, NGX_LLM_SESSIONS, 10 + DAY), NGX_LLM_SESSIONS,
              "those that are over make room");
}


static void
test_no_memory(void)
{
    pool = shm_pool(4096);

    ok(ngx_llm_sessions_create(pool) == NULL, "no room in the zone");
    is_number(pool->lock.lock, 0, "the mutex is free");
}


/*
 * A worker dies at any instruction: whoever was in is in, whoever was out
 * is out, and what it was at is done or not.
 */

static void
test_killed(void)
{
    ngx_uint_t  i, n;

    prepare();

    for (i = 0; i < NGX_LLM_SESSIONS; i++) {
        (void) enter((i == 1023) ? "eve" : "root", i + 1, i);
    }

    wrong = 0;
    n = step_through(pool, enter_new, killed, NULL);
    ok(n > 4 && wrong == 0, "killed in any of %u steps of a login in a full "
       "table: %u wrong", (unsigned) n, (unsigned) wrong);

    wrong = 0;
    n = step_through(pool, leave_it, killed, NULL);
    ok(n > 3 && wrong == 0, "killed in any of %u steps of a logout: %u wrong",
       (unsigned) n, (unsigned) wrong);

    wrong = 0;
    n = step_through(pool, enter_over, killed, NULL);
    ok(n > 4 && wrong == 0, "killed in any of %u steps of a login in place of "
       "one that is over: %u wrong", (unsigned) n, (unsigned) wrong);
}


static void
enter_new(void)
{
    (void) enter("root", 9000, 5000);
}


static void
enter_over(void)
{
    (void) enter("root", 9000, 5 + DAY);
}


static void
leave_it(void)
{
    ngx_llm_sessions_leave(sessions, hash_of(3));
}


/* tokens from 10 on were in before and have nothing to do with it */

static void
killed(void)
{
    calls++;

    wrong += (find(1024, 3) != NGX_OK || ngx_strcmp(session.user, "eve") != 0);
    wrong += (find(10, 3) != NGX_OK || ngx_strcmp(session.user, "root") != 0);
    wrong += (find(500, 3) != NGX_OK);
    wrong += (find(8000, 3) != NGX_DECLINED);

    if (find(9000, 5000) == NGX_OK) {
        wrong += (ngx_strcmp(session.user, "root") != 0
                  || session.left < DAY - 1);
    }

    /* and it goes on */

    wrong += (enter("eve", 7000 + calls, 3) != NGX_OK
              || find(7000 + calls, 3) != NGX_OK);
    ngx_llm_sessions_leave(sessions, hash_of(7000 + calls));
    wrong += (find(7000 + calls, 3) != NGX_DECLINED);
}


static void
prepare(void)
{
    pool = shm_pool(512 * 1024);
    sessions = ngx_llm_sessions_create(pool);

    if (sessions == NULL) {
        abort();
    }

    ngx_memzero(us, sizeof(us));

    user(&us[0], "root", "$r", NGX_LLM_ROLE_ADMIN);
    user(&us[1], "eve", "$e", NGX_LLM_ROLE_VIEWER);

    ngx_llm_sessions_users(sessions, us, 2);
}


static void
user(ngx_llm_user_t *u, const char *name, const char *password,
    ngx_uint_t role)
{
    ngx_memzero(u, sizeof(ngx_llm_user_t));

    strcpy((char *) u->name, name);
    strcpy((char *) u->password, password);
    u->role = role;
    u->epoch = 12345;
}


static ngx_int_t
enter(const char *name, ngx_uint_t token, ngx_msec_t now)
{
    ngx_str_t       s;
    ngx_llm_user_t  u;

    s.data = (u_char *) name;
    s.len = strlen(name);

    if (ngx_llm_sessions_user(sessions, &s, &u) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_llm_sessions_enter(sessions, &u, hash_of(token), now);
}


static ngx_int_t
find(ngx_uint_t token, ngx_msec_t now)
{
    ngx_memset(&session, 0x5a, sizeof(session));

    return ngx_llm_sessions_find(sessions, hash_of(token), now, &session);
}


static ngx_uint_t
count(ngx_uint_t from, ngx_uint_t n, ngx_msec_t now)
{
    ngx_uint_t  i, found;

    for (found = 0, i = 0; i < n; i++) {
        found += (find(from + i, now) == NGX_OK);
    }

    return found;
}


static u_char *
hash_of(ngx_uint_t token)
{
    static u_char  hash[NGX_LLM_SESSION_HASH];

    ngx_memset(hash, 0x11, sizeof(hash));
    ngx_memcpy(hash + 20, &token, sizeof(token));

    return hash;
}
