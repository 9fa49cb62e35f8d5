
/*
 * How often who may try to log in: bursts, waits, what is given back, whose
 * address is whose, many processes at once.
 */


#include "../../src/base/ngx_llm_rate.c"
#include "../../src/base/ngx_llm_siphash.c"
#include "../../src/state/ngx_llm_logins.c"
#include <arpa/inet.h>
#include "shm.h"


#define NOW  1000000


static void test_address(void);
static void test_user(void);
static void test_one_address(void);
static void test_back(void);
static void test_families(void);
static void test_place(void);
static void test_clock(void);
static void test_at_once(void);
static ngx_msec_t try(const char *address, const char *user, ngx_msec_t now);
static void back(const char *address, const char *user, ngx_msec_t now);
static struct sockaddr *address_of(const char *text);
static ngx_str_t name_of(const char *text);
static void prepare(void);


static ngx_llm_logins_t  *logins;


int
main(void)
{
    test_address();
    test_user();
    test_one_address();
    test_back();
    test_families();
    test_place();
    test_clock();
    test_at_once();

    return test_done();
}


static void
test_address(void)
{
    char        name[16];
    ngx_uint_t  i, passed;

    prepare();

    passed = 0;

    for (i = 0; i < 30; i++) {
        sprintf(name, "u%u", (unsigned) i);
        passed += (try("10.0.0.1", name, NOW) == 0);
    }

    is_number(passed, 10, "an address tries ten times at once");
    is_number(try("10.0.0.1", "x", NOW), 6000, "... then waits for 6 s");
    is_number(try("10.0.0.1", "x", NOW + 5000), 1000, "... of which 5 pass");
    is_number(try("10.0.0.1", "x", NOW + 5999), 1, "... and almost all");
    is_number(try("10.0.0.1", "x", NOW + 6000), 0, "... and may try again");
    ok(try("10.0.0.1", "y", NOW + 6000) != 0, "... once");
    is_number(try("10.0.0.2", "x", NOW), 0, "another address may");

    passed = 0;

    for (i = 0; i < 30; i++) {
        passed += (try("10.0.0.1", "z", NOW + 1000000) == 0);
    }

    is_number(passed, 10, "after a long rest it is ten again, no more");
}


static void
test_user(void)
{
    char        address[32];
    ngx_uint_t  i, passed;

    prepare();

    passed = 0;

    for (i = 0; i < 60; i++) {
        sprintf(address, "10.0.1.%u", (unsigned) i);
        passed += (try(address, "admin", NOW) == 0);
    }

    is_number(passed, 20, "one is tried twenty times at once, from anywhere");
    is_number(try("10.0.2.1", "admin", NOW), 3000, "... then each 3 s");
    is_number(try("10.0.2.1", "admin", NOW + 3000), 0, "... that is it");
    is_number(try("10.0.2.1", "other", NOW), 0, "another one may log in");
}


/* who is refused for the name has not paid for the address, nor the reverse */

static void
test_one_address(void)
{
    char        address[32];
    ngx_uint_t  i, passed;

    prepare();

    for (i = 0; i < 20; i++) {
        sprintf(address, "10.0.1.%u", (unsigned) i);
        (void) try(address, "admin", NOW);
    }

    for (i = 0; i < 50; i++) {
        (void) try("10.0.3.1", "admin", NOW);
    }

    for (passed = 0, i = 0; i < 10; i++) {
        passed += (try("10.0.3.1", "other", NOW) == 0);
    }

    is_number(passed, 10, "a refused name costs the address nothing");

    prepare();

    for (i = 0; i < 1000; i++) {
        (void) try("10.0.4.1", "admin", NOW + i * 10);
    }

    is_number(try("10.0.5.1", "admin", NOW + 10000), 0,
              "one address can't shut a user out");
}


static void
test_back(void)
{
    ngx_uint_t  i, passed;

    prepare();

    for (passed = 0, i = 0; i < 100; i++) {
        if (try("10.0.0.1", "admin", NOW) == 0) {
            back("10.0.0.1", "admin", NOW);
            passed++;
        }
    }

    is_number(passed, 100, "who knows the password is not limited");

    for (i = 0; i < 10; i++) {
        back("10.0.0.1", "admin", NOW);
    }

    for (passed = 0, i = 0; i < 30; i++) {
        passed += (try("10.0.0.1", "admin", NOW) == 0);
    }

    is_number(passed, 10, "... and gets no more back than all of it");
}


static void
test_families(void)
{
    ngx_uint_t  i;

    prepare();

    for (i = 0; i < 10; i++) {
        (void) try("2001:db8:1:2::1", "a", NOW);
        (void) try("::ffff:10.0.0.7", "b", NOW);
        (void) try(NULL, "c", NOW);
    }

    ok(try("2001:db8:1:2:ffff:1:2:3", "x", NOW) != 0, "a /64 is one address");
    is_number(try("2001:db8:1:3::1", "x", NOW), 0, "... the next is another");
    ok(try("10.0.0.7", "x", NOW) != 0, "a mapped IPv4 address is that address");
    is_number(try("10.0.0.8", "x", NOW), 0, "... and no other");
    ok(try(NULL, "x", NOW) != 0, "a unix socket is one address");
}


/* places follow from the key */

static void
test_place(void)
{
    ngx_str_t      name;
    ngx_uint_t     i, same;
    ngx_atomic_t  *place[64];

    prepare();

    for (i = 0; i < 64; i++) {
        logins->key[0] = i;
        name = name_of("admin");
        place[i] = ngx_llm_logins_place(logins, logins->by_user, name.data,
                                        name.len);
    }

    for (same = 0, i = 1; i < 64; i++) {
        same += (place[i] == place[0]);
    }

    ok(same < 4, "another key, another place");
}


/* the clock is monotonic but in a zone that is new: any start will do */

static void
test_clock(void)
{
    ngx_uint_t  i, passed;

    prepare();

    for (passed = 0, i = 0; i < 30; i++) {
        passed += (try("10.0.0.1", "a", 0) == 0);
    }

    is_number(passed, 10, "ten at the time 0");

    for (passed = 0, i = 0; i < 30; i++) {
        passed += (try("10.0.0.2", "b", 5) == 0);
    }

    is_number(passed, 10, "ten a moment later");
}


static void
test_at_once(void)
{
    pid_t             pid[4];
    ngx_uint_t        i, k;
    ngx_atomic_t     *passed;
    ngx_slab_pool_t  *pool;

    pool = shm_pool(65536);
    logins = ngx_slab_calloc(pool, sizeof(ngx_llm_logins_t));
    passed = ngx_slab_calloc(pool, sizeof(ngx_atomic_t));

    for (i = 0; i < 4; i++) {
        pid[i] = shm_fork();

        for (k = 0; pid[i] == 0 && k < 10000; k++) {
            if (try("10.0.0.1", "admin", NOW) == 0) {
                (void) ngx_atomic_fetch_add(passed, 1);
            }
        }

        if (pid[i] == 0) {
            _exit(0);
        }
    }

    for (i = 0; i < 4; i++) {
        (void) shm_wait(pid[i]);
    }

    is_number(*passed, 10, "four processes at once get ten tries in all");
}


static ngx_msec_t
try(const char *address, const char *user, ngx_msec_t now)
{
    ngx_str_t  name;

    name = name_of(user);

    return ngx_llm_logins_try(logins, address_of(address), &name, now);
}


static void
back(const char *address, const char *user, ngx_msec_t now)
{
    ngx_str_t  name;

    name = name_of(user);

    ngx_llm_logins_passed(logins, address_of(address), &name, now);
}


static struct sockaddr *
address_of(const char *text)
{
    static struct sockaddr_in   sin;
    static struct sockaddr_in6  sin6;
    static struct sockaddr      sun;

    if (text == NULL) {
        sun.sa_family = AF_UNIX;
        return &sun;
    }

    if (strchr(text, ':')) {
        sin6.sin6_family = AF_INET6;
        (void) inet_pton(AF_INET6, text, &sin6.sin6_addr);
        return (struct sockaddr *) &sin6;
    }

    sin.sin_family = AF_INET;
    (void) inet_pton(AF_INET, text, &sin.sin_addr);

    return (struct sockaddr *) &sin;
}


static ngx_str_t
name_of(const char *text)
{
    ngx_str_t  name;

    name.data = (u_char *) text;
    name.len = strlen(text);

    return name;
}


static void
prepare(void)
{
    free(logins);

    logins = calloc(1, sizeof(ngx_llm_logins_t));

    if (logins == NULL) {
        abort();
    }

    logins->key[0] = 0x0123456789abcdef;
    logins->key[1] = 0xfedcba9876543210;
}
