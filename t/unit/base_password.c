
/*
 * Password hashes, of our own and of others.
 *
 * build: -lcrypt
 */


#include "../../src/base/ngx_llm_text.c"
#include "../../src/base/ngx_llm_password.c"
#include "test.h"


static void test_own(void);
static void test_others(void);
static void test_known(void);


static ngx_uint_t  wiped;


int
main(void)
{
    test_own();
    test_others();
    test_known();

    return test_done();
}


static void
test_own(void)
{
    char         longest[256], other[256];
    u_char       a[256], b[256];
    ngx_uint_t   i;
    const char  *text[] = { "test", "", " a b ", "\xc3\xbc\xc3\x9f", longest };

    ngx_memset(longest, 'x', 255);
    longest[255] = '\0';

    for (i = 0; i < 5; i++) {
        wiped = 0;

        is_number(ngx_llm_password_hash((u_char *) text[i], a, sizeof(a)),
                  NGX_OK, "password %u is hashed", (unsigned) i);
        ok(ngx_strncmp(a, "$y$", 3) == 0, "... by yescrypt");
        ok(ngx_llm_password_is((u_char *) text[i], a), "... it is that");
        ok(wiped >= 2 * sizeof(struct crypt_data), "... and nothing is left");

        sprintf(other, "%.250s.", text[i]);
        ok(!ngx_llm_password_is((u_char *) other, a), "... another is not");
    }

    (void) ngx_llm_password_hash((u_char *) "test", a, sizeof(a));
    (void) ngx_llm_password_hash((u_char *) "test", b, sizeof(b));
    ok(ngx_strcmp(a, b) != 0, "each has a salt of its own");
    ok(ngx_llm_password_known(a), "it is known");

    ok(!ngx_llm_password_is((u_char *) "longest", (u_char *) longest),
       "what is no hash is nobody's");

    longest[254] = '\0';
    (void) ngx_llm_password_hash((u_char *) text[4], a, sizeof(a));
    longest[254] = 'x';
    ok(!ngx_llm_password_is((u_char *) longest, a), "all bytes count");

    is_number(ngx_llm_password_hash((u_char *) "test", a, 20), NGX_ERROR,
              "no room");
}


/* as mkpasswd and others write them */

static void
test_others(void)
{
    struct crypt_data  *data;

    data = calloc(1, sizeof(struct crypt_data));

    if (data == NULL) {
        abort();
    }

    ok(ngx_llm_password_is((u_char *) "secret",
                           (u_char *) crypt_r("secret", "$6$saltsalt$", data)),
       "SHA-512");
    ok(ngx_llm_password_is((u_char *) "secret",
                           (u_char *) crypt_r("secret", "$2b$04$abcdefghijklm"
                                              "nopqrstuu", data)),
       "bcrypt");
    ok(!ngx_llm_password_is((u_char *) "Secret",
                            (u_char *) crypt_r("secret", "$6$saltsalt$",
                                               data)),
       "... of another");

    free(data);
}


static void
test_known(void)
{
    u_char  hash[256];

    (void) ngx_llm_password_hash((u_char *) "test", hash, sizeof(hash));

    hash[ngx_strlen(hash) - 1] = '\0';
    ok(!ngx_llm_password_known(hash), "one that was cut is not known");
    ok(!ngx_llm_password_is((u_char *) "test", hash), "... nor anybody's");

    ok(!ngx_llm_password_known((u_char *) "$y$j9T$"), "nor a salt alone");
    ok(!ngx_llm_password_known((u_char *) "$x$abc$def"), "nor another method");
    ok(!ngx_llm_password_known((u_char *) "$1$abc$def"), "nor a weak one");
    ok(!ngx_llm_password_known((u_char *) "*0"), "nor crypt's own error");
    ok(!ngx_llm_password_known((u_char *) ""), "nor nothing");
    ok(!ngx_llm_password_is((u_char *) "", (u_char *) ""),
       "no hash is nobody's");
}


/* nginx's own */

void
ngx_explicit_memzero(void *buf, size_t n)
{
    ngx_memzero(buf, n);
    wiped += n;
}
