
/*
 * What the fuzz targets share.  With libFuzzer a target is the function
 * LLVMFuzzerTestOneInput(); with -DSTANDALONE there is a main() that mutates
 * the seeds a number of times:
 *
 *     target [runs [seed]]
 *
 * It prints the runs made; a difference aborts, after the input was printed.
 */


#ifndef _NGX_LLM_FUZZ_H_INCLUDED_
#define _NGX_LLM_FUZZ_H_INCLUDED_


#include <stdio.h>
#include <stdlib.h>
#include <string.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static uint64_t  fuzz_state;


/* a number below n, which is not 0 */

static uint32_t
fuzz_random(uint32_t n)
{
    fuzz_state ^= fuzz_state << 13;
    fuzz_state ^= fuzz_state >> 7;
    fuzz_state ^= fuzz_state << 17;

    return (uint32_t) (fuzz_state >> 32) % n;
}


/* the same cuts for the same input */

static void
fuzz_seed(const uint8_t *data, size_t size)
{
    size_t  i;

    fuzz_state = 0x9e3779b97f4a7c15;

    for (i = 0; i < size; i++) {
        fuzz_state = (fuzz_state ^ data[i]) * 0x100000001b3;
    }

    fuzz_state |= 1;
}


/*
 * The next slice of data in a block of its own size, so that a sanitizer sees
 * each byte read beyond it: up to most bytes, 0: all that is left.  The caller
 * frees it.
 */

static unsigned char *
fuzz_slice(const uint8_t *data, size_t left, size_t most, size_t *n)
{
    unsigned char  *slice;

    *n = (most && left > most) ? 1 + fuzz_random(most) : left;

    slice = malloc(*n);
    memcpy(slice, data, *n);

    return slice;
}


static void
fuzz_fail(const char *why, const uint8_t *data, size_t size)
{
    size_t  i;

    fprintf(stderr, "%s, %zu bytes: \"", why, size);

    for (i = 0; i < size; i++) {
        fprintf(stderr, (data[i] < ' ' || data[i] > '~' || data[i] == '"'
                         || data[i] == '\\') ? "\\%03o" : "%c", data[i]);
    }

    fprintf(stderr, "\"\n");
    abort();
}


#ifdef STANDALONE

#define FUZZ_MAX  4096

/* seeds, pieces that are put into them, and the bytes that matter most */

typedef struct {
    const char   *name;
    const char  **seeds;
    const char  **pieces;
    const char   *bytes;
} fuzz_t;


static size_t
fuzz_insert(uint8_t *data, size_t size, const char *piece)
{
    size_t  n, at;

    n = strlen(piece);

    if (size + n > FUZZ_MAX) {
        return size;
    }

    at = fuzz_random(size + 1);
    memmove(data + at + n, data + at, size - at);
    memcpy(data + at, piece, n);

    return size + n;
}


static size_t
fuzz_delete(uint8_t *data, size_t size, size_t n)
{
    size_t  at;

    if (size == 0) {
        return 0;
    }

    at = fuzz_random(size);
    n = (n < size - at) ? n : size - at;
    memmove(data + at, data + at + n, size - at - n);

    return size - n;
}


static size_t
fuzz_mutate(const fuzz_t *f, uint8_t *data, size_t size)
{
    size_t  i;

    switch (fuzz_random(6)) {

    case 0:
        return fuzz_delete(data, size, 1 + fuzz_random(4));

    case 1:
        return fuzz_delete(data, size, fuzz_random(40));

    case 2:
        if (size) {
            data[fuzz_random(size)] = fuzz_random(256);
        }

        return size;

    case 3:
        if (size) {
            data[fuzz_random(size)] = f->bytes[fuzz_random(strlen(f->bytes))];
        }

        return size;

    default:
        for (i = 0; f->pieces[i]; i++) { /* void */ }

        return fuzz_insert(data, size, f->pieces[fuzz_random(i)]);
    }
}


static int
fuzz_main(const fuzz_t *f, int argc, char **argv)
{
    long      run, runs;
    size_t    i, n, size, seeds;
    uint64_t  state;

    static uint8_t  data[FUZZ_MAX];

    runs = (argc > 1) ? atol(argv[1]) : 100000;
    state = (argc > 2) ? strtoull(argv[2], NULL, 10) : 1;
    state = state * 0x9e3779b97f4a7c15 | 1;

    for (seeds = 0; f->seeds[seeds]; seeds++) { /* void */ }

    for (run = 0; run < runs; run++) {
        fuzz_state = state;

        i = fuzz_random(seeds);
        size = strlen(f->seeds[i]);
        memcpy(data, f->seeds[i], size);

        for (n = fuzz_random(6); n > 0; n--) {
            size = fuzz_mutate(f, data, size);
        }

        state = fuzz_state;

        /* in a block of its own size, so that a sanitizer sees each byte */

        LLVMFuzzerTestOneInput(data, size);
    }

    printf("%s: %ld inputs\n", f->name, runs);

    return 0;
}

#endif


#endif /* _NGX_LLM_FUZZ_H_INCLUDED_ */
