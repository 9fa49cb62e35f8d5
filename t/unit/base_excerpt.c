
/*
 * The beginning of a text without its payloads and keys, cut at every place,
 * kept in every size.
 */


#include "../../src/base/ngx_llm_excerpt.c"
#include "core.h"
#include "test.h"


#define B16   "iVBORw0KGgoAAAAN"
#define B64   B16 B16 B16 B16
#define B255  B64 B64 B64 B16 B16 B16 "iVBORw0KGgoAAAA"
#define KEY   "sk-0123456789abcdefghij"


typedef struct {
    const char  *input;
    size_t       size;
    const char  *want;
    ngx_uint_t   cut;
} sample_t;


static const sample_t  samples[] = {
    { "", 10, "", 0 },
    { "{\"a\":1}", 10, "{\"a\":1}", 0 },
    { "{\"a\":1}", 7, "{\"a\":1}", 0 },
    { "{\"a\":1}", 6, "{\"a\":1", 1 },
    { "abc", 2, "ab", 1 },
    { "a \\\"b\\\\", 20, "a \\\"b\\\\", 0 },
    { "trailing \\", 20, "trailing \\", 0 },

    /* a payload, and what is none */
    { B255, 300, B255, 0 },
    { B255 "=", 300, "[base64, 256 characters]", 0 },
    { "\"" B255 "x\",1", 300, "\"[base64, 256 characters]\",1", 0 },
    { B255 " x", 300, B255 " x", 0 },
    { "data:image/png;base64," B255 B255 ", b", 60,
      "data:image/png;base64,[base64, 510 characters], b", 0 },
    { "\"" B255 B255 "\",\"tail\"", 34, "\"[base64, 510 characters]\",\"tail\"",
      0 },
    { "\"" B255 B255 "\",\"tail\"", 29, "\"[base64, 510 characters]\",\"t",
      1 },
    { "\"" B255 B255 "\"", 10, "\"[base64, ", 1 },
    { "\"" B255 "\",1", 100, "\"" B64 B16 B16 "iVB", 1 },
    { B255 "=," B255 "=.", 100,
      "[base64, 256 characters],[base64, 256 characters].", 0 },

    /* lines of it, with JSON's escapes or plain; lines of words are none */
    { B64 "\\n" B64 "\\n" B64 "\\n" B64 "\\n", 300,
      "[base64, 256 characters]", 0 },
    { B64 "\\r\\n" B64 "\\r\\n" B64 "\\r\\n" B64 "x", 300,
      "[base64, 257 characters]", 0 },
    { B64 "\n" B64 "\n" B64 "\n" B64 "\n.", 300,
      "[base64, 256 characters].", 0 },
    { B16 "\\n" B64 B64 B64 B16 B16 B16 B16, 400,
      B16 "\\n[base64, 256 characters]", 0 },
    { "ab\\ncd\\nef", 20, "ab\\ncd\\nef", 0 },
    { B64 "\\t" B64 "\\t" B64 "\\t" B64 "\\t", 300,
      B64 "\\t" B64 "\\t" B64 "\\t" B64 "\\t", 0 },
    { B64 "\\/" B64 "\\/" B64 "\\/" B64, 300, "[base64, 259 characters]", 0 },

    /* keys */
    { KEY, 50, "[key]", 0 },
    { "\"api_key\":\"" KEY "\"}", 50, "\"api_key\":\"[key]\"}", 0 },
    { "?key=" KEY "&b", 50, "?key=[key]&b", 0 },
    { "Bearer " KEY, 10, "Bearer [ke", 1 },
    { "Bearer " KEY, 20, "Bearer [key]", 0 },
    { "sk-short", 50, "sk-short", 0 },
    { "desk-0123456789abcdefghij", 50, "desk-0123456789abcdefghij", 0 },
    { "sk-" B255, 50, "[base64, 258 characters]", 0 },

    /* the last character is whole */
    { "x\xc3\xa4y", 2, "x", 1 },
    { "x\xc3\xa4y", 3, "x\xc3\xa4", 1 },
    { "\xe2\x82\xac\xe2\x82\xac", 5, "\xe2\x82\xac", 1 },
    { "\xf0\x9f\x98\x80", 3, "", 1 },
    { "x\xf0\x9f\x98\x80", 5, "x\xf0\x9f\x98\x80", 0 }
};


static void
is_excerpt(ngx_llm_excerpt_t *e, const sample_t *s, const char *how)
{
    u_char  got[1024];

    ngx_memcpy(got, e->text, e->len);
    got[e->len] = '\0';

    is_text((char *) got, s->want, "%s: %s", how, s->input);
    is_number(e->cut, s->cut, "%s: %s: cut", how, s->input);
}


static void
cut_anywhere(const sample_t *s)
{
    size_t             i, n, bad;
    u_char             text[1024];
    ngx_llm_excerpt_t  e;

    n = strlen(s->input);
    bad = 0;

    for (i = 0; i <= n; i++) {
        ngx_memset(text, '#', sizeof(text));
        ngx_llm_excerpt_init(&e, text, s->size);
        ngx_llm_excerpt_feed(&e, (u_char *) s->input, i);
        ngx_llm_excerpt_feed(&e, (u_char *) s->input + i, n - i);
        ngx_llm_excerpt_end(&e);

        bad += (e.len != strlen(s->want)
                || memcmp(text, s->want, e.len) != 0
                || e.cut != s->cut
                || text[s->size] != '#');
    }

    is_number(bad, 0, "cut anywhere: %s", s->input);

    ngx_llm_excerpt_init(&e, text, s->size);

    for (i = 0; i < n; i++) {
        ngx_llm_excerpt_feed(&e, (u_char *) s->input + i, 1);
    }

    ngx_llm_excerpt_end(&e);
    is_excerpt(&e, s, "byte by byte");
}


/* of any size: never more, never a key, and less is the beginning of more */

static void
any_size(void)
{
    size_t             n, bad;
    u_char             text[600];
    ngx_llm_excerpt_t  e;

    static const char  input[] = "{\"a\":\"" B255 B64 "\",\"key\":\"" KEY
                                  "\",\"words\":\"one two\\n\"}";

    bad = 0;

    for (n = 1; n < 500; n++) {
        ngx_memset(text, '#', sizeof(text));
        ngx_llm_excerpt_init(&e, text, n);
        ngx_llm_excerpt_feed(&e, (u_char *) input, sizeof(input) - 1);
        ngx_llm_excerpt_end(&e);

        bad += (e.len > n || text[n] != '#'
                || memmem(text, e.len, "sk-", 3) != NULL
                || memmem(text, e.len, B16, 16) != NULL);
    }

    is_number(bad, 0, "any size");
}


static void
hides(const char *input, size_t size, const char *secret, const char *want)
{
    u_char             text[100];
    ngx_str_t          s;
    ngx_llm_excerpt_t  e;

    s.data = (u_char *) secret;
    s.len = strlen(secret);

    ngx_llm_excerpt_init(&e, text, size);
    ngx_llm_excerpt_feed(&e, (u_char *) input, strlen(input));
    ngx_llm_excerpt_end(&e);
    ngx_llm_excerpt_hide(&e, &s);

    text[e.len] = '\0';
    is_text((char *) text, want, "%s hides %s", input, secret);
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < sizeof(samples) / sizeof(sample_t); i++) {
        cut_anywhere(&samples[i]);
    }

    any_size();

    hides("my-secret and my-secret", 50, "my-secret",
          "********* and *********");
    hides("is my-secret", 8, "my-secret", "is *****");
    hides("is my-secret", 5, "my-secret", "is my");
    hides("is my-secret", 12, "my-secret", "is *********");
    hides("is my-sec", 50, "my-secret", "is my-sec");
    hides("a short one", 50, "short", "a short one");
    hides("", 50, "my-secret", "");

    return test_done();
}
