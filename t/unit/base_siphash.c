
/*
 * SipHash: a plain one with any number of rounds, which the vectors of its
 * authors prove, and the real one against it.
 */


#include "../../src/base/ngx_llm_siphash.c"
#include "test.h"


static void test_plain(void);
static void test_lengths(void);
static void test_bits(void);
static void plain(ngx_uint_t rounds, ngx_uint_t last, const uint64_t key[2],
    const u_char *p, size_t n, uint64_t hash[2]);
static void mix(uint64_t v[4], ngx_uint_t rounds);
static uint64_t turn(uint64_t x, ngx_uint_t bits);
static uint64_t draw(void);


static uint64_t  seed = 0x9e3779b97f4a7c15;


int
main(void)
{
    test_plain();
    test_lengths();
    test_bits();

    return test_done();
}


/* SipHash-2-4 with 128 bits of 00 01 02 ..., under the key 00 01 ... 0f */

static void
test_plain(void)
{
    u_char                 text[2] = { 0, 1 };
    uint64_t               hash[2];
    static const uint64_t  key[] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

    plain(2, 4, key, text, 0, hash);
    ok(hash[0] == 0xe6a825ba047f81a3 && hash[1] == 0x930255c71472f66d,
       "the authors' first vector");

    plain(2, 4, key, text, 1, hash);
    ok(hash[0] == 0x44af996bd8c187da && hash[1] == 0x45fc229b11597634,
       "... and their second");
}


static void
test_lengths(void)
{
    u_char      *copy, text[200];
    size_t       n, i;
    uint64_t     key[2], hash[2], want[2];
    ngx_uint_t   k, wrong;

    wrong = 0;

    for (n = 0; n <= sizeof(text); n++) {
        for (k = 0; k < 20; k++) {
            key[0] = draw();
            key[1] = draw();

            for (i = 0; i < n; i++) {
                text[i] = draw() >> 32;
            }

            copy = test_copy(text, n);
            ngx_llm_siphash(key, copy, n, hash);
            free(copy);

            plain(1, 3, key, text, n, want);
            wrong += (hash[0] != want[0] || hash[1] != want[1]);
        }
    }

    is_number(wrong, 0, "texts of 0 to 200 bytes under random keys");
}


/* each bit of the text and of the key changes about half of the hash */

static void
test_bits(void)
{
    u_char      text[33];
    uint64_t    key[2], one[2], two[2];
    ngx_uint_t  i, bits, least, most;

    key[0] = draw();
    key[1] = draw();
    ngx_memset(text, 'a', sizeof(text));

    ngx_llm_siphash(key, text, sizeof(text), one);

    least = 128;
    most = 0;

    for (i = 0; i < 8 * sizeof(text) + 128; i++) {

        if (i < 128) {
            key[i / 64] ^= (uint64_t) 1 << (i % 64);

        } else {
            text[i / 8 - 16] ^= 1 << (i % 8);
        }

        ngx_llm_siphash(key, text, sizeof(text), two);

        if (i < 128) {
            key[i / 64] ^= (uint64_t) 1 << (i % 64);

        } else {
            text[i / 8 - 16] ^= 1 << (i % 8);
        }

        bits = __builtin_popcountll(one[0] ^ two[0])
               + __builtin_popcountll(one[1] ^ two[1]);

        least = ngx_min(least, bits);
        most = ngx_max(most, bits);
    }

    ok(least >= 32 && most <= 96, "one bit changes %u to %u of 128",
       (unsigned) least, (unsigned) most);
}


static void
plain(ngx_uint_t rounds, ngx_uint_t last, const uint64_t key[2],
    const u_char *p, size_t n, uint64_t hash[2])
{
    size_t    i, k;
    uint64_t  v[4], word;

    v[0] = key[0] ^ 0x736f6d6570736575;
    v[1] = key[1] ^ 0x646f72616e646f6d ^ 0xee;
    v[2] = key[0] ^ 0x6c7967656e657261;
    v[3] = key[1] ^ 0x7465646279746573;

    for (i = 0; i <= n / 8; i++) {
        word = (i == n / 8) ? (uint64_t) n << 56 : 0;

        for (k = 0; k < 8 && 8 * i + k < n; k++) {
            word |= (uint64_t) p[8 * i + k] << (8 * k);
        }

        v[3] ^= word;
        mix(v, rounds);
        v[0] ^= word;
    }

    v[2] ^= 0xee;
    mix(v, last);
    hash[0] = v[0] ^ v[1] ^ v[2] ^ v[3];

    v[1] ^= 0xdd;
    mix(v, last);
    hash[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}


static void
mix(uint64_t v[4], ngx_uint_t rounds)
{
    while (rounds--) {
        v[0] += v[1];
        v[1] = turn(v[1], 13) ^ v[0];
        v[0] = turn(v[0], 32);

        v[2] += v[3];
        v[3] = turn(v[3], 16) ^ v[2];

        v[0] += v[3];
        v[3] = turn(v[3], 21) ^ v[0];

        v[2] += v[1];
        v[1] = turn(v[1], 17) ^ v[2];
        v[2] = turn(v[2], 32);
    }
}


static uint64_t
turn(uint64_t x, ngx_uint_t bits)
{
    return x << bits | x >> (64 - bits);
}


static uint64_t
draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return seed;
}
