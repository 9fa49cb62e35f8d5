
/*
 * SHA-256: the vectors of FIPS 180-4 and its successors' examples.
 *
 * build: -lcrypto
 */


#include "../../src/base/ngx_llm_sha256.c"
#include "test.h"


static void check(const char *name, const void *p, size_t n,
    const char *want);


int
main(void)
{
    u_char  *many;

    check("nothing", "", 0,
          "e3b0c44298fc1c149afbf4c8996fb924"
          "27ae41e4649b934ca495991b7852b855");

    check("abc", "abc", 3,
          "ba7816bf8f01cfea414140de5dae2223"
          "b00361a396177a9cb410ff61f20015ad");

    check("448 bits",
          "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
          "248d6a61d20638b8e5c026930c3e6039"
          "a33ce45964ff2167f6ecedd419db06c1");

    check("a NUL counts", "\0", 1,
          "6e340b9cffb37a989ca544e6bb780a2c"
          "78901d3fb33738768511a30617afa01d");

    many = malloc(1000000);

    if (many == NULL) {
        abort();
    }

    ngx_memset(many, 'a', 1000000);

    check("a million a", many, 1000000,
          "cdc76e5c9914fb9281a1c7e284d73e67"
          "f1809a48a497200e046d39ccc7112cd0");

    free(many);

    return test_done();
}


static void
check(const char *name, const void *p, size_t n, const char *want)
{
    char        hex[65];
    u_char     *copy, digest[34];
    ngx_uint_t  i;

    copy = test_copy(p, n);

    digest[0] = 0xa5;
    digest[33] = 0xa5;

    ngx_llm_sha256(copy, n, digest + 1);

    for (i = 0; i < 32; i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i + 1]);
    }

    is_text(hex, want, "%s", name);
    ok(digest[0] == 0xa5 && digest[33] == 0xa5, "... in 32 bytes");

    free(copy);
}
