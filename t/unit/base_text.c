
/*
 * Small work on text: patterns against a plain recursion, escaping of every
 * byte, pair and triple against a decoder of its own, ids.
 */


#include "../../src/base/ngx_llm_text.c"
#include "../../src/base/ngx_llm_json.c"
#include "../../src/base/ngx_llm_json_number.c"
#include "../../src/base/ngx_llm_json_string.c"
#include "../../src/base/ngx_llm_json_watch.c"
#include "test.h"


typedef struct {
    u_char      text[64];
    size_t      len;
    ngx_uint_t  calls;
} decoded_t;


static void test_glob(void);
static void test_glob_all(void);
static void test_glob_long(void);
static ngx_uint_t matches(const u_char *p, const u_char *pe, const u_char *t,
    const u_char *te);
static size_t word(ngx_uint_t i, const char *letters, u_char *dst);
static void test_escape(void);
static void test_escape_forms(void);
static void test_escape_all(void);
static ngx_uint_t escapes(const u_char *p, size_t n);
static size_t well_formed(const u_char *p, size_t n);
static void decoded(void *data, ngx_uint_t id, const ngx_llm_json_value_t *v);
static void test_same(void);
static void test_ids(void);
static void test_hex(void);
static void test_hex_number(void);
static void test_decimal(void);


static const ngx_llm_json_watch_t  rows[] = {
    ngx_llm_json_member(NGX_LLM_JSON_ROOT, "x")
};


int
main(void)
{
    test_glob();
    test_glob_all();
    test_glob_long();
    test_escape();
    test_escape_forms();
    test_escape_all();
    test_same();
    test_ids();
    test_hex();
    test_hex_number();
    test_decimal();

    return test_done();
}


static void
test_glob(void)
{
    u_char      *p, *t;
    size_t       plen, n;
    ngx_uint_t   i;

    static const struct {
        const char  *pattern;
        const char  *text;
        ngx_uint_t   fits;
    } globs[] = {
        { "", "", 1 }, { "", "a", 0 }, { "a", "", 0 }, { "*", "", 1 },
        { "*", "anything", 1 }, { "**", "", 1 }, { "gpt-4", "gpt-4", 1 },
        { "gpt-4", "gpt-4o", 0 }, { "gpt-4", "GPT-4", 0 },
        { "gpt-*", "gpt-", 1 }, { "gpt-*", "gpt-4o", 1 },
        { "gpt-*", "xgpt-4o", 0 }, { "*-mini", "gpt-4o-mini", 1 },
        { "*-mini", "gpt-4o-mini-x", 0 }, { "*-mini", "-mini-mini", 1 },
        { "a*b*c", "abc", 1 }, { "a*b*c", "aXbYc", 1 },
        { "a*b*c", "abcb", 0 }, { "a*b*c", "acbc", 1 },
        { "*a*", "bab", 1 }, { "*a*", "bbb", 0 }, { "*ab", "aab", 1 },
        { "*aab", "aaab", 1 }, { "a*a", "a", 0 }, { "a**a", "aa", 1 },
        { "llama-*:8b", "llama-3.1:8b", 1 }, { "a?c", "abc", 0 },
        { "[ab]", "a", 0 }, { "a.c", "abc", 0 }, { "a*", "*", 0 },
        { "*", "*", 1 }, { "\\*", "a", 0 }, { "\xc3\xa9*", "\xc3\xa9x", 1 }
    };

    for (i = 0; i < sizeof(globs) / sizeof(globs[0]); i++) {
        plen = strlen(globs[i].pattern);
        n = strlen(globs[i].text);
        p = test_copy(globs[i].pattern, plen);
        t = test_copy(globs[i].text, n);

        is_number(ngx_llm_glob(p, plen, t, n), globs[i].fits,
                  "\"%s\" %s \"%s\"", globs[i].pattern,
                  globs[i].fits ? "fits" : "does not fit", globs[i].text);

        free(p);
        free(t);
    }
}


/* all patterns of up to 5 of "ab*", all texts of up to 5 of "ab" */

static void
test_glob_all(void)
{
    u_char      p[8], t[8];
    size_t      plen, n;
    ngx_uint_t  i, k, wrong, fit;

    wrong = 0;
    fit = 0;

    for (i = 0; i < 364; i++) {
        plen = word(i, "ab*", p);

        for (k = 0; k < 63; k++) {
            n = word(k, "ab", t);

            fit += ngx_llm_glob(p, plen, t, n);
            wrong += ngx_llm_glob(p, plen, t, n)
                     != matches(p, p + plen, t, t + n);
        }
    }

    ok(fit > 1000, "some short patterns fit: %u", (unsigned) fit);
    is_number(wrong, 0, "all short patterns against all short texts");
}


/* the worst case is a product, not a power */

static void
test_glob_long(void)
{
    u_char      p[201], t[4096];
    ngx_uint_t  i;

    ngx_memset(t, 'a', sizeof(t));
    ngx_memset(p, 'a', sizeof(p));

    for (i = 0; i < 200; i += 2) {
        p[i] = '*';
    }

    p[200] = 'b';

    ok(!ngx_llm_glob(p, sizeof(p), t, sizeof(t)),
       "100 stars do not fit 4096 bytes");

    t[4095] = 'b';
    ok(ngx_llm_glob(p, sizeof(p), t, sizeof(t)), "... until the last one does");
}


static ngx_uint_t
matches(const u_char *p, const u_char *pe, const u_char *t, const u_char *te)
{
    if (p == pe) {
        return t == te;
    }

    if (*p == '*') {
        return matches(p + 1, pe, t, te)
               || (t < te && matches(p, pe, t + 1, te));
    }

    return t < te && *p == *t && matches(p + 1, pe, t + 1, te);
}


/* the i-th word of these letters, the shorter ones first */

static size_t
word(ngx_uint_t i, const char *letters, u_char *dst)
{
    size_t      n, len;
    ngx_uint_t  all;

    len = strlen(letters);
    all = 1;

    for (n = 0; i >= all; n++) {
        i -= all;
        all *= len;
    }

    for (all = 0; all < n; all++) {
        dst[all] = letters[i % len];
        i /= len;
    }

    return n;
}


static void
test_escape(void)
{
    size_t       n;
    u_char      *copy, dst[256], *last;
    ngx_uint_t   i;

    static const struct {
        const char  *text;
        const char  *escaped;
    } texts[] = {
        { "", "" },
        { "plain /text", "plain /text" },
        { "\"a\\b\"", "\\\"a\\\\b\\\"" },
        { "\n\r\t\b\f\x1f\x7f", "\\u000a\\u000d\\u0009\\u0008\\u000c"
                                "\\u001f\\u007f" },
        { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
          "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "a\xff" "b", "a\\ufffdb" },
        { "\xe2\x82", "\\ufffd\\ufffd" },
        { "\xe2\x82\"", "\\ufffd\\ufffd\\\"" },
        { "\xf0\x9f\x98", "\\ufffd\\ufffd\\ufffd" }
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        n = strlen(texts[i].text);
        copy = test_copy(texts[i].text, n);

        last = ngx_llm_json_escape(dst, copy, n);
        *last = '\0';

        is_text((char *) dst, texts[i].escaped, "escaped text %u",
                (unsigned) i);
        free(copy);
    }
}


/* the forms that Unicode rules out, and those just beside them */

static void
test_escape_forms(void)
{
    u_char      *copy, dst[64];
    size_t       n, len;
    ngx_uint_t   i;

    static const struct {
        const char  *name;
        const char  *text;
        ngx_uint_t   good;
    } forms[] = {
        { "lone continuation 80", "\x80", 0 },
        { "lone continuation bf", "\xbf", 0 },
        { "overlong c0 80", "\xc0\x80", 0 },
        { "overlong c1 bf", "\xc1\xbf", 0 },
        { "U+0080", "\xc2\x80", 1 },
        { "U+07FF", "\xdf\xbf", 1 },
        { "c2 alone", "\xc2", 0 },
        { "c2 and a letter", "\xc2" "a", 0 },
        { "c2 c2", "\xc2\xc2", 0 },
        { "overlong e0 80 80", "\xe0\x80\x80", 0 },
        { "overlong e0 9f bf", "\xe0\x9f\xbf", 0 },
        { "U+0800", "\xe0\xa0\x80", 1 },
        { "U+D7FF", "\xed\x9f\xbf", 1 },
        { "surrogate U+D800", "\xed\xa0\x80", 0 },
        { "surrogate U+DFFF", "\xed\xbf\xbf", 0 },
        { "U+E000", "\xee\x80\x80", 1 },
        { "U+FFFF", "\xef\xbf\xbf", 1 },
        { "e2 82 cut", "\xe2\x82", 0 },
        { "e2 82 and a letter", "\xe2\x82" "a", 0 },
        { "overlong f0 80 80 80", "\xf0\x80\x80\x80", 0 },
        { "overlong f0 8f bf bf", "\xf0\x8f\xbf\xbf", 0 },
        { "U+10000", "\xf0\x90\x80\x80", 1 },
        { "U+10FFFF", "\xf4\x8f\xbf\xbf", 1 },
        { "U+110000", "\xf4\x90\x80\x80", 0 },
        { "f5", "\xf5\x80\x80\x80", 0 },
        { "five bytes", "\xf8\x88\x80\x80\x80", 0 },
        { "six bytes", "\xfc\x84\x80\x80\x80\x80", 0 },
        { "fe", "\xfe", 0 },
        { "ff", "\xff", 0 },
        { "f0 90 80 cut", "\xf0\x90\x80", 0 },
        { "f0 90 cut", "\xf0\x90", 0 },
        { "f0 cut", "\xf0", 0 },
        { "f0 90 80 and a letter", "\xf0\x90\x80" "a", 0 },
        { "f0 90 and a start", "\xf0\x90\xc2\x80", 0 }
    };

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        n = strlen(forms[i].text);
        copy = test_copy(forms[i].text, n);
        len = ngx_llm_json_escape(dst, copy, n) - dst;

        ok((len == n && ngx_memcmp(dst, copy, n) == 0) == forms[i].good,
           "%s %s", forms[i].name, forms[i].good ? "stays" : "is replaced");
        is_number(escapes(copy, n), 1, "... and the text is right");

        free(copy);
    }
}


/* all of one, two and three bytes, and those of four that begin one */

static void
test_escape_all(void)
{
    u_char      p[4], text[20];
    ngx_uint_t  i, k, wrong;

    wrong = 0;

    for (i = 0; i < 0x100; i++) {
        p[0] = i;
        wrong += !escapes(p, 1);
    }

    is_number(wrong, 0, "each byte");

    /* eight plain ones are passed by at once */

    for (i = 0; i < 0x10000; i++) {

        for (k = 0; k < 20; k++) {
            ngx_memcpy(text, "abcdefghijklmnopqrst", 20);
            text[k] = i;
            text[(k + 1) % 20] = (i >= 0x100) ? i >> 8 : 'x';
            wrong += !escapes(text, 20);
        }
    }

    is_number(wrong, 0, "each pair of bytes at each place of twenty");

    for (i = 0; i < 0x100 * 20; i++) {

        for (k = 0; k <= i % 20; k++) {
            ngx_memcpy(text, "abcdefghijklmnopqrst", 20);
            text[k] = i / 20;
            wrong += !escapes(text, i % 20 + 1);
        }
    }

    is_number(wrong, 0, "each byte at each place of less");

    for (i = 0; i < 0x10000; i++) {
        p[0] = i >> 8;
        p[1] = i;
        wrong += !escapes(p, 2);
    }

    is_number(wrong, 0, "each pair of bytes");

    for (i = 0xc00000; i < 0x1000000; i += 7) {
        p[0] = i >> 16;
        p[1] = i >> 8;
        p[2] = i;
        wrong += !escapes(p, 3);
    }

    is_number(wrong, 0, "three bytes");

    for (i = 0; i < 0x9000000; i += 251) {
        p[0] = 0xef + (i >> 24);
        p[1] = i >> 16;
        p[2] = i >> 8;
        p[3] = i;
        wrong += !escapes(p, 4);
    }

    is_number(wrong, 0, "four bytes");
}


/* is the escaped text a JSON string, and means what the bytes do? */

static ngx_uint_t
escapes(const u_char *p, size_t n)
{
    size_t          i, len, want_len;
    u_char          dst[64], buf[64], want[32], *last;
    decoded_t       d;
    ngx_llm_json_t  json;

    last = ngx_cpymem(dst, "{\"x\":\"", 6);
    last = ngx_llm_json_escape(last, p, n);

    if (last > dst + 6 + 6 * n) {
        return 0;
    }

    last = ngx_cpymem(last, "\"}", 2);

    want_len = 0;

    for (i = 0; i < n; i += ngx_max(len, 1)) {
        len = well_formed(p + i, n - i);

        if (len) {
            ngx_memcpy(want + want_len, p + i, len);
            want_len += len;

        } else {
            ngx_memcpy(want + want_len, "\xef\xbf\xbd", 3);
            want_len += 3;
        }
    }

    d.calls = 0;

    ngx_llm_json_init(&json, rows, 1, buf, sizeof(buf), decoded, &d);

    return ngx_llm_json_feed(&json, dst, last - dst) == NGX_OK
           && ngx_llm_json_end(&json) == NGX_OK
           && d.calls == 1
           && d.len == want_len
           && ngx_memcmp(d.text, want, want_len) == 0;
}


/* by its value: the shortest form of a scalar value, or 0 */

static size_t
well_formed(const u_char *p, size_t n)
{
    size_t                 i, len;
    uint32_t               value;
    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    if (p[0] < 0x80) {
        return 1;
    }

    for (len = 0; p[0] & (0x80 >> len) && len < 8; len++) { /* void */ }

    if (len < 2 || len > 4 || len > n) {
        return 0;
    }

    value = p[0] & (0x7f >> len);

    for (i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        value = value << 6 | (p[i] & 0x3f);
    }

    if (value < least[len] || value > 0x10ffff
        || (value >= 0xd800 && value <= 0xdfff))
    {
        return 0;
    }

    return len;
}


static void
decoded(void *data, ngx_uint_t id, const ngx_llm_json_value_t *v)
{
    decoded_t  *d = data;

    d->calls++;
    d->len = v->text.len;
    ngx_memcpy(d->text, v->text.data, ngx_min(v->text.len, sizeof(d->text)));
}


static void
test_same(void)
{
    u_char      a[64], b[64];
    ngx_uint_t  i, bit, wrong;

    for (i = 0; i < 64; i++) {
        a[i] = b[i] = i * 37;
    }

    ok(ngx_llm_same(a, b, 64), "the same");
    ok(ngx_llm_same(a, b + 1, 0), "nothing is the same");

    wrong = 0;

    for (i = 0; i < 64; i++) {
        for (bit = 0; bit < 8; bit++) {
            b[i] ^= 1 << bit;
            wrong += ngx_llm_same(a, b, 64);
            wrong += ngx_llm_same(a, b, i + 1);
            wrong += !ngx_llm_same(a, b, i);
            b[i] ^= 1 << bit;
        }
    }

    is_number(wrong, 0, "one bit anywhere makes them differ");

    b[0] ^= 0x10;
    b[1] ^= 0x10;
    ok(!ngx_llm_same(a, b, 64), "two equal differences don't cancel out");
}


static void
test_ids(void)
{
    u_char             id[130];
    ngx_uint_t         c, wrong;
    static const char  good[] = "0123456789-_.abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    ngx_memset(id, 'a', sizeof(id));

    ok(!ngx_llm_sane_id(id, 0), "an empty id");
    ok(ngx_llm_sane_id(id, 1), "one letter");
    ok(ngx_llm_sane_id(id, 128), "128 letters");
    ok(!ngx_llm_sane_id(id, 129), "129 letters");

    wrong = 0;

    for (c = 0; c < 256; c++) {
        id[0] = c;
        wrong += ngx_llm_sane_id(id, 1)
                 != (memchr(good, c, sizeof(good) - 1) != NULL);

        id[0] = 'a';
        id[127] = c;
        wrong += ngx_llm_sane_id(id, 128)
                 != (memchr(good, c, sizeof(good) - 1) != NULL);
    }

    is_number(wrong, 0, "each byte, first and last: letters, digits, -_.");
}


static void
test_hex(void)
{
    char        want[17];
    u_char      text[32];
    uint64_t    x;
    ngx_uint_t  c, i, wrong;

    wrong = 0;

    for (i = 0, x = 1; i < 1000; i++, x = x * 6364136223846793005ULL + 1) {
        ngx_llm_hex64(text, x);

        for (c = 0; c < 16; c++) {
            want[c] = "0123456789abcdef"[(x >> (4 * c)) & 0xf];
        }

        wrong += !ngx_llm_is_hex(text, 16);

        /* the digits of each half stand in an order of their own */

        for (c = 0; c < 16; c++) {
            wrong += (memchr(want, text[c], 16) == NULL);
        }
    }

    is_number(wrong, 0, "64 bits in digits");

    wrong = 0;

    for (c = 0; c < 256; c++) {
        for (i = 0; i < 32; i++) {
            ngx_memcpy(text, "0123456789abcdefABCDEFfF09aA3c7d", 32);
            text[i] = c;

            wrong += ngx_llm_is_hex(text, 32)
                     != (c != 0 && strchr("0123456789abcdefABCDEF", c) != NULL);
        }
    }

    is_number(wrong, 0, "each byte at each place: hexadecimal digits");
}


static void
test_hex_number(void)
{
    char        want[24];
    u_char      text[24], *end;
    uint64_t    x;
    ngx_uint_t  i, width, wrong;

    wrong = 0;

    for (i = 0, x = 0; i < 64; i++, x = x << 1 | 1) {

        for (width = 1; width <= 16; width++) {
            sprintf(want, "%0*llx", (int) width, (unsigned long long) x);
            end = ngx_llm_hex(text, x, width);
            *end = '\0';

            wrong += (strcmp((char *) text, want) != 0);
        }
    }

    is_number(wrong, 0, "numbers in hexadecimal");
}


static void
test_decimal(void)
{
    char        want[24];
    u_char      text[20], *end;
    uint64_t    x;
    ngx_uint_t  i, k, wrong;

    wrong = 0;

    for (i = 0, x = 1; i < 20; i++, x *= 10) {

        for (k = 0; k < 3; k++) {
            sprintf(want, "%llu", (unsigned long long) (x + k - 1));
            end = ngx_llm_decimal(text, x + k - 1);

            wrong += ((size_t) (end - text) != strlen(want)
                      || memcmp(text, want, end - text) != 0);
        }
    }

    sprintf(want, "%llu", (unsigned long long) UINT64_MAX);
    end = ngx_llm_decimal(text, UINT64_MAX);
    wrong += (end - text != 20 || memcmp(text, want, 20) != 0);

    is_number(wrong, 0, "numbers around each power of ten");
}
