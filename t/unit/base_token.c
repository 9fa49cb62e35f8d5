
/*
 * Session tokens: made, known again, and refused for each bit that differs.
 *
 * build: -lcrypto
 */


#include "../../src/base/ngx_llm_token.c"
#include "test.h"


static void test_made(void);
static void test_vector(void);
static void test_forged(void);
static void test_length(void);
static ngx_uint_t known(const u_char *token, size_t n);


static u_char  secret[NGX_LLM_TOKEN_SECRET];


int
main(void)
{
    test_made();
    test_vector();
    test_forged();
    test_length();

    return test_done();
}


static void
test_made(void)
{
    u_char      a[NGX_LLM_TOKEN_LEN], b[NGX_LLM_TOKEN_LEN];
    ngx_uint_t  i, odd;

    is_number(ngx_llm_token_make(secret, a), NGX_OK, "a token");
    is_number(ngx_llm_token_make(secret, b), NGX_OK, "another");
    ok(known(a, sizeof(a)) && known(b, sizeof(b)), "both are known");
    ok(memcmp(a, b, 43) != 0 && memcmp(a + 43, b + 43, 43) != 0,
       "they differ in both halves");

    for (odd = 0, i = 0; i < NGX_LLM_TOKEN_LEN; i++) {
        odd += (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                       "0123456789-_", a[i])
                == NULL || a[i] == '\0');
    }

    is_number(odd, 0, "they may stand in a cookie and a header");

    secret[31] ^= 1;
    ok(!known(a, sizeof(a)), "not with another secret");
    secret[31] ^= 1;
}


/* made by another program: HMAC-SHA256 under 32 zero bytes of 43 "A" */

static void
test_vector(void)
{
    ok(known((u_char *) "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
             "WKmJlMEAT8cArQAJgF6oCb1TRLWf_odUROPCibeDiIg", NGX_LLM_TOKEN_LEN),
       "what others would sign alike");
}


static void
test_forged(void)
{
    u_char      token[NGX_LLM_TOKEN_LEN];
    ngx_uint_t  i, bit, passed;

    (void) ngx_llm_token_make(secret, token);

    for (passed = 0, i = 0; i < NGX_LLM_TOKEN_LEN; i++) {
        for (bit = 0; bit < 8; bit++) {
            token[i] ^= 1 << bit;
            passed += known(token, sizeof(token));
            token[i] ^= 1 << bit;
        }
    }

    is_number(passed, 0, "no bit may differ");
    ok(known(token, sizeof(token)), "... it is known as it was");
}


static void
test_length(void)
{
    u_char      token[NGX_LLM_TOKEN_LEN + 1], *copy;
    ngx_uint_t  n, passed;

    (void) ngx_llm_token_make(secret, token);
    token[NGX_LLM_TOKEN_LEN] = '=';

    for (passed = 0, n = 0; n <= NGX_LLM_TOKEN_LEN + 1; n++) {
        copy = test_copy(token, n);
        passed += known(copy, n);
        free(copy);
    }

    is_number(passed, 1, "it is known in its own length only");
}


static ngx_uint_t
known(const u_char *token, size_t n)
{
    ngx_str_t  s;

    s.data = (u_char *) token;
    s.len = n;

    return ngx_llm_token_is(secret, &s);
}


/* in place of nginx's own */

void
ngx_encode_base64url(ngx_str_t *dst, ngx_str_t *src)
{
    size_t         i, bit;
    unsigned       six;
    static u_char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "abcdefghijklmnopqrstuvwxyz0123456789-_";

    dst->len = 0;

    for (bit = 0; bit < src->len * 8; bit += 6) {

        for (six = 0, i = bit; i < bit + 6; i++) {
            six <<= 1;
            six |= (i < src->len * 8) ? src->data[i / 8] >> (7 - i % 8) & 1 : 0;
        }

        dst->data[dst->len++] = digits[six];
    }
}
