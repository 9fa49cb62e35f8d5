
/*
 * What the unit tests share: counted checks in TAP's format, and slices in
 * blocks of their own size, so that a sanitizer sees each byte read outside.
 */


#ifndef _NGX_LLM_TEST_H_INCLUDED_
#define _NGX_LLM_TEST_H_INCLUDED_


#include <stdio.h>
#include <stdlib.h>
#include <stdarg.h>
#include <string.h>


/* what the functions return is for the tests that want it */
#define TEST_MAYBE_UNUSED  __attribute__((unused))

/* a check with its own name, formatted as by printf(); returns the condition */
#define ok(cond, ...)                                                         \
    test_check((cond) ? 1 : 0, __FILE__, __LINE__, __VA_ARGS__)

/* the same for two strings and two numbers, which are shown when they differ */
#define is_text(got, want, ...)                                               \
    test_text((got), (want), __FILE__, __LINE__, __VA_ARGS__)
#define is_number(got, want, ...)                                             \
    test_number((long long) (got), (long long) (want), __FILE__, __LINE__,    \
                __VA_ARGS__)


static int  test_passed;
static int  test_failed;


static int
test_report(int passed, const char *file, int line, const char *format,
    va_list args)
{
    if (passed) {
        test_passed++;

    } else {
        test_failed++;
    }

    printf("%s %d - ", passed ? "ok" : "not ok", test_passed + test_failed);
    vprintf(format, args);
    printf("\n");

    if (!passed) {
        printf("#   at %s line %d\n", file, line);
    }

    return passed;
}


TEST_MAYBE_UNUSED __attribute__((format(printf, 4, 5)))
static int
test_check(int passed, const char *file, int line, const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    test_report(passed, file, line, format, args);
    va_end(args);

    return passed;
}


TEST_MAYBE_UNUSED __attribute__((format(printf, 5, 6)))
static int
test_text(const char *got, const char *want, const char *file, int line,
    const char *format, ...)
{
    int      passed;
    va_list  args;

    passed = (strcmp(got, want) == 0);

    va_start(args, format);
    test_report(passed, file, line, format, args);
    va_end(args);

    if (!passed) {
        printf("#   got:  %s\n#   want: %s\n", got, want);
    }

    return passed;
}


TEST_MAYBE_UNUSED __attribute__((format(printf, 5, 6)))
static int
test_number(long long got, long long want, const char *file, int line,
    const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    test_report(got == want, file, line, format, args);
    va_end(args);

    if (got != want) {
        printf("#   got:  %lld\n#   want: %lld\n", got, want);
    }

    return got == want;
}


/* a copy of n bytes in a block of just that size; free() it */

TEST_MAYBE_UNUSED
static unsigned char *
test_copy(const void *p, size_t n)
{
    unsigned char  *copy;

    copy = malloc(n ? n : 1);

    if (copy == NULL) {
        abort();
    }

    memcpy(copy, p, n);

    return copy;
}


/* the plan and the totals; what main() returns */

TEST_MAYBE_UNUSED
static int
test_done(void)
{
    printf("1..%d\n", test_passed + test_failed);
    printf("%d passed, %d failed\n", test_passed, test_failed);

    return (test_failed || test_passed == 0) ? 1 : 0;
}


#endif /* _NGX_LLM_TEST_H_INCLUDED_ */
