
/*
 * SHA-256 as FIPS 180-4 describes it, so that a test can compare a body of
 * any size with the one it sent.
 */


#include <stdio.h>

#include "mock_node.h"


#define mock_rot(x, n)  ((x) >> (n) | (x) << (32 - (n)))


static void mock_sha256_block(mock_sha256_t *s, const unsigned char *p);


static const uint32_t  mock_sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};


void
mock_sha256_init(mock_sha256_t *s)
{
    static const uint32_t  h[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
    };

    memcpy(s->h, h, sizeof(h));
    s->len = 0;
}


void
mock_sha256_add(mock_sha256_t *s, const char *p, size_t n)
{
    size_t  have, take;

    while (n) {
        have = s->len % 64;

        if (have == 0 && n >= 64) {
            mock_sha256_block(s, (const unsigned char *) p);
            take = 64;

        } else {
            take = n < 64 - have ? n : 64 - have;
            memcpy(s->block + have, p, take);

            if (have + take == 64) {
                mock_sha256_block(s, s->block);
            }
        }

        s->len += take;
        p += take;
        n -= take;
    }
}


void
mock_sha256_hex(mock_sha256_t *s, char hex[65])
{
    int       i;
    char      end[72];
    size_t    pad;
    uint64_t  bits;

    bits = s->len * 8;
    pad = 64 - (s->len + 8) % 64;

    memset(end, 0, sizeof(end));
    end[0] = (char) 0x80;

    for (i = 0; i < 8; i++) {
        end[pad + i] = (char) (bits >> (56 - 8 * i));
    }

    mock_sha256_add(s, end, pad + 8);

    for (i = 0; i < 8; i++) {
        snprintf(hex + i * 8, 9, "%08x", s->h[i]);
    }
}


static void
mock_sha256_block(mock_sha256_t *s, const unsigned char *p)
{
    int       i;
    uint32_t  t1, t2, v[8], w[64];

    for (i = 0; i < 16; i++) {
        w[i] = (uint32_t) p[i * 4] << 24 | (uint32_t) p[i * 4 + 1] << 16
               | (uint32_t) p[i * 4 + 2] << 8 | p[i * 4 + 3];
    }

    for (i = 16; i < 64; i++) {
        t1 = mock_rot(w[i - 2], 17) ^ mock_rot(w[i - 2], 19) ^ w[i - 2] >> 10;
        t2 = mock_rot(w[i - 15], 7) ^ mock_rot(w[i - 15], 18) ^ w[i - 15] >> 3;
        w[i] = t1 + w[i - 7] + t2 + w[i - 16];
    }

    memcpy(v, s->h, sizeof(v));

    for (i = 0; i < 64; i++) {
        t1 = mock_rot(v[4], 6) ^ mock_rot(v[4], 11) ^ mock_rot(v[4], 25);
        t1 += v[7] + ((v[4] & v[5]) ^ (~v[4] & v[6])) + mock_sha256_k[i] + w[i];
        t2 = mock_rot(v[0], 2) ^ mock_rot(v[0], 13) ^ mock_rot(v[0], 22);
        t2 += (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);

        memmove(v + 1, v, 7 * sizeof(uint32_t));
        v[4] += t1;
        v[0] = t1 + t2;
    }

    for (i = 0; i < 8; i++) {
        s->h[i] += v[i];
    }
}
