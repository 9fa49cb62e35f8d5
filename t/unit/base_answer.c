
/*
 * The head of an answer: its end at any split, status lines, header lines,
 * names and tokens.
 */


#include "../../src/base/ngx_llm_answer.c"
#include "test.h"


typedef struct {
    const char  *head;
    const char  *fields;        /* see parse() */
} sample_t;


static void test_heads(void);
static void test_ends(void);
static void test_split(const char *name, const char *head, size_t end);
static void test_status(void);
static void test_lines(void);
static void test_names(void);
static void test_names_all(void);
static void test_values(void);
static void test_chunks(void);
static void test_tokens(void);
static void parse(const char *head, char *text, size_t size);


/* whole heads: "status minor name=value;name=value" and how it ended */

static const sample_t  heads[] = {
    { "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n",
      "200 1 Content-Type=text/plain;done" },
    { "HTTP/1.1 200 OK\nA: b\nC: d\n\n", "200 1 A=b;C=d;done" },
    { "HTTP/1.0 404 Not Found\r\nA: b\nC: d\r\n\n", "404 0 A=b;C=d;done" },
    { "HTTP/1.1 200 OK\r\n\r\n", "200 1 done" },
    { "HTTP/1.1 200\r\nA:\r\nB:b\r\nC: \t \r\nD: \t d e \t\r\n\r\n",
      "200 1 A=;B=b;C=;D=d e;done" },
    { "HTTP/1.1 200 OK\r\nT: 12:30:00\r\nU: a=b; c=\"d,e\"\r\n\r\n",
      "200 1 T=12:30:00;U=a=b; c=\"d,e\";done" },
    { "HTTP/1.1 200 OK\r\nname-of_it.x!#$%: \xc3\xa9\r\n\r\n",
      "200 1 name-of_it.x!#$%=\xc3\xa9;done" },

    /* malformed ones, and what was read before */

    { "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n", "200 1 A=b;error" },
    { "HTTP/1.1 200 OK\r\nA: b\r\n\tfolded: c\r\n\r\n", "200 1 A=b;error" },
    { "HTTP/1.1 200 OK\r\n folded: at once\r\n\r\n", "200 1 error" },
    { "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "200 1 error" },
    { "HTTP/1.1 200 OK\r\n: no name\r\n\r\n", "200 1 error" },
    { "HTTP/1.1 200 OK\r\nname : a space\r\n\r\n", "200 1 error" },
    { "HTTP/1.1 200 OK\r\nna me: a space\r\n\r\n", "200 1 error" },
    { "HTTP/1.1 200 OK\r\nna\tme: a tab\r\n\r\n", "200 1 error" },
    { "HTTP/1.1 200 OK\r\nna\x7fme: delete\r\n\r\n", "200 1 error" },
    { "HTTP/1.1 200 OK\r\nna\x01me: control\r\n\r\n", "200 1 error" },
    { "HTTP/1.1 200 OK\r\nna\rme: a bare CR\r\n\r\n", "200 1 error" },
    { "HTTP/1.1 200 OK\r\nA: a\rb\r\n\r\n", "200 1 error" },
    { "HTTP/1.1 200 OK\r\nA: a\r\r\n\r\n", "200 1 error" },
    { "HTTP/1.1 200 OK\r\n\r\r\n\r\n", "200 1 error" }
};

#define NHEADS  (sizeof(heads) / sizeof(heads[0]))


static const struct {
    const char  *line;
    ngx_int_t    status;
} lines[] = {
    { "HTTP/1.1 200 OK\r\n", 200 },
    { "HTTP/1.0 200 OK\r\n", 200 },
    { "HTTP/1.1 200\r\n", 200 },
    { "HTTP/1.1 200\n", 200 },
    { "HTTP/1.1 200 \n", 200 },
    { "HTTP/1.1 100 Continue\n", 100 },
    { "HTTP/1.1 999 Odd\n", 999 },
    { "HTTP/1.1 503 \xc3\xa9 : \x01\n", 503 },

    { "", NGX_ERROR },
    { "HTTP/1.1", NGX_ERROR },
    { "HTTP/1.1 200", NGX_ERROR },
    { "HTTP/1.1 200 OK", NGX_ERROR },
    { "HTTP/1.1 200 OK\r", NGX_ERROR },
    { "HTTP/1.1 20\r\n", NGX_ERROR },
    { "HTTP/1.1 20 \r\n ", NGX_ERROR },
    { "HTTP/1.1 2000 OK\r\n", NGX_ERROR },
    { "HTTP/1.1 099 OK\r\n", NGX_ERROR },
    { "HTTP/1.1 000 OK\r\n", NGX_ERROR },
    { "HTTP/1.1 2x0 OK\r\n", NGX_ERROR },
    { "HTTP/1.1 -20 OK\r\n", NGX_ERROR },
    { "HTTP/1.1  200 OK\r\n", NGX_ERROR },
    { "HTTP/1.1\t200 OK\r\n", NGX_ERROR },
    { "HTTP/1.1 200\tOK\r\n", NGX_ERROR },
    { "HTTP/1.2 200 OK\r\n", NGX_ERROR },
    { "HTTP/2.0 200 OK\r\n", NGX_ERROR },
    { "HTTP/1.11 200 OK\r\n", NGX_ERROR },
    { "HTTP/2 200 OK and more\r\n", NGX_ERROR },
    { "http/1.1 200 OK\r\n", NGX_ERROR },
    { " HTTP/1.1 200 OK\r\n", NGX_ERROR },
    { "ICY 200 OK and some more\r\n", NGX_ERROR },
    { "<html><body>no HTTP</body>\r\n", NGX_ERROR }
};

#define NLINES  (sizeof(lines) / sizeof(lines[0]))


static const struct {
    const char  *name;
    const char  *head;
    size_t       end;
} ends[] = {
    { "CRLF", "HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\r\n\r\n", 25 },
    { "LF", "HTTP/1.1 200 OK\nA: b\n\nbody\n\n", 22 },
    { "LF, then CRLF", "HTTP/1.1 200 OK\nA: b\n\r\nbody\n\n", 23 },
    { "CRLF, then LF", "HTTP/1.1 200 OK\r\nA: b\r\n\nbody", 24 },
    { "no headers", "HTTP/1.1 200 OK\r\n\r\n\r\n", 19 },
    { "no body", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", 25 },
    { "CRs that end nothing", "a\r\n\ra\r\n\r\r\nb\r\r\n\r\n", 16 },
    { "folded", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", 29 },
    { "none", "HTTP/1.1 200 OK\r\nA: b\r\n", 0 },
    { "none, a CR last", "HTTP/1.1 200 OK\r\nA: b\r\n\r", 0 },
    { "none at all", "HTTP/1.1 200 OK", 0 }
};

#define NENDS  (sizeof(ends) / sizeof(ends[0]))


/* chunks: where they end, 0: it is none that is read at once */

static const struct {
    const char  *text;
    size_t       end;
    size_t       n;
} chunks[] = {
    { "1\r\na\r\n", 6, 1 },
    { "a\r\n0123456789\r\n1\r\nb\r\n", 15, 10 },
    { "B\r\n0123456789a\r\n0\r\n\r\n", 16, 11 },
    { "0010\r\n0123456789abcdef\r\n", 24, 16 },
    { "00000c\r\n\r\n0\r\n\r\n\r\n\r\n\r\n", 0, 0 },
    { "00000c\r\n\r\n0\r\n\r\nabcde\r\nx", 22, 12 },
    { "5\r\n\r\n\r\na\r\n", 10, 5 },

    { "0\r\n\r\n", 0, 0 },
    { "\r\na\r\n", 0, 0 },
    { "g\r\na\r\n", 0, 0 },
    { "1 \r\na\r\n", 0, 0 },
    { " 1\r\na\r\n", 0, 0 },
    { "1;x=y\r\na\r\n", 0, 0 },
    { "1\na\n", 0, 0 },
    { "1\n\na\r\n", 0, 0 },
    { "1\r\na\n\n", 0, 0 },
    { "1\r\nab\r\n", 0, 0 },
    { "2\r\na\r\n", 0, 0 },
    { "-1\r\na\r\n", 0, 0 },
    { "0x1\r\na\r\n", 0, 0 },
    { "0000001\r\na\r\n", 0, 0 },
    { "fffffffffffffffff\r\na\r\n", 0, 0 },
    { "ffffff\r\na\r\n", 0, 0 }
};

#define NCHUNKS  (sizeof(chunks) / sizeof(chunks[0]))


int
main(void)
{
    test_heads();
    test_ends();
    test_status();
    test_lines();
    test_names();
    test_names_all();
    test_values();
    test_chunks();
    test_tokens();

    return test_done();
}


/* nginx's: a decimal number of n digits, or NGX_ERROR */

ngx_int_t
ngx_atoi(u_char *line, size_t n)
{
    ngx_int_t  value;

    value = 0;

    while (n--) {
        if (*line < '0' || *line > '9') {
            return NGX_ERROR;
        }

        value = 10 * value + (*line++ - '0');
    }

    return value;
}


static void
test_heads(void)
{
    char        text[512];
    ngx_uint_t  i;

    for (i = 0; i < NHEADS; i++) {
        parse(heads[i].head, text, sizeof(text));
        is_text(text, heads[i].fields, "head %u", (unsigned) i);
    }
}


/* the end is found in the same place whatever the slices */

static void
test_ends(void)
{
    ngx_uint_t  i;

    for (i = 0; i < NENDS; i++) {
        test_split(ends[i].name, ends[i].head, ends[i].end);
    }
}


/* in two slices cut anywhere, and byte by byte */

static void
test_split(const char *name, const char *head, size_t end)
{
    size_t      n, len, cut;
    u_char     *copy, *from, *p;
    ngx_uint_t  wrong;

    len = strlen(head);
    wrong = 0;

    for (cut = 0; cut <= len; cut++) {
        copy = test_copy(head, cut);
        from = copy;
        p = ngx_llm_answer_end(&from, copy + cut);
        n = from - copy;

        if (end && cut >= end) {
            wrong += (p == NULL || (size_t) (p - copy) != end);
            free(copy);
            continue;
        }

        wrong += (p != NULL || n > cut);
        free(copy);

        copy = test_copy(head, len);
        from = copy + n;
        p = ngx_llm_answer_end(&from, copy + len);

        wrong += end ? (p == NULL || (size_t) (p - copy) != end) : p != NULL;
        free(copy);
    }

    n = 0;
    p = NULL;

    for (cut = 0; cut <= len && p == NULL; cut++) {
        copy = test_copy(head, cut);
        from = copy + n;
        p = ngx_llm_answer_end(&from, copy + cut);
        n = p ? (size_t) (p - copy) : (size_t) (from - copy);

        wrong += (p != NULL && (end == 0 || cut != end || n != end));
        free(copy);
    }

    wrong += (end != 0) != (p != NULL);

    is_number(wrong, 0, "the head's end at each split: %s", name);
}


static void
test_status(void)
{
    size_t       len;
    u_char      *copy, *p;
    ngx_int_t    status;
    ngx_uint_t   i, minor;

    for (i = 0; i < NLINES; i++) {
        len = strlen(lines[i].line);
        copy = test_copy(lines[i].line, len);
        p = copy;
        minor = 9;

        status = ngx_llm_answer_status(&p, copy + len, &minor);

        ok(status == lines[i].status
           && (status == NGX_ERROR
               || (p == copy + len
                   && minor == (ngx_uint_t) (lines[i].line[7] - '0'))),
           "status line %u is %d (%d)", (unsigned) i,
           (int) lines[i].status, (int) status);

        free(copy);
    }
}


/* lines that end early, and NULs */

static void
test_lines(void)
{
    u_char            *copy, *p;
    size_t             i, len;
    ngx_int_t          rc;
    ngx_llm_header_t   h;
    static const char  line[] = "Name: value\r\n";
    static const char  nul[] = "Name: va\0ue\r\n";
    static const char  name[] = "Na\0e: value\r\n";

    len = sizeof(line) - 1;

    for (i = 0; i < len; i++) {
        copy = test_copy(line, i);
        p = copy;

        rc = ngx_llm_answer_header(&p, copy + i, &h);
        ok(rc == NGX_ERROR && p == copy, "%u bytes of a line are none",
           (unsigned) i);
        free(copy);
    }

    copy = test_copy(line, len);
    p = copy;
    rc = ngx_llm_answer_header(&p, copy + len, &h);

    ok(rc == NGX_OK && p == copy + len, "the whole line");
    ok(h.name == copy && h.name_len == 4, "... its name");
    ok(h.value == copy + 6 && h.value_len == 5, "... its value");
    free(copy);

    copy = test_copy(nul, sizeof(nul) - 1);
    p = copy;
    rc = ngx_llm_answer_header(&p, copy + sizeof(nul) - 1, &h);
    is_number(rc, NGX_ERROR, "a NUL in a value");
    free(copy);

    copy = test_copy(name, sizeof(name) - 1);
    p = copy;
    rc = ngx_llm_answer_header(&p, copy + sizeof(name) - 1, &h);
    is_number(rc, NGX_ERROR, "a NUL in a name");
    free(copy);
}


static void
test_names(void)
{
    ngx_llm_header_t  h;

    h.name = (u_char *) "Content-LENGTH";
    h.name_len = 14;

    ok(ngx_llm_header_is(&h, "content-length"), "a name in any case");
    ok(!ngx_llm_header_is(&h, "content-lengtg"), "another one as long");
    ok(!ngx_llm_header_is(&h, "content-length-"), "a longer one");
    ok(!ngx_llm_header_is(&h, "content"), "a shorter one");
}


/* any character of a name at any place in one of any length */

static void
test_names_all(void)
{
    u_char             name[40], lower[40];
    size_t             n, i;
    ngx_uint_t         c, k, same, wrong;
    static const char  chars[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnop"
                                 "qrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char  wanted[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

    wrong = 0;

    for (n = 1; n <= 25; n++) {
        ngx_memset(name, 'X', n);
        ngx_memset(lower, 'x', n);

        wrong += !ngx_llm_header_same(name, lower, n);

        for (i = 0; i < n; i++) {
            for (c = 0; c < sizeof(chars) - 1; c++) {
                for (k = 0; k < sizeof(wanted) - 1; k++) {
                    name[i] = chars[c];
                    lower[i] = wanted[k];

                    same = (ngx_tolower(name[i]) == lower[i]);
                    wrong += (ngx_llm_header_same(name, lower, n) != same);
                }
            }

            name[i] = 'X';
            lower[i] = 'x';
        }
    }

    is_number(wrong, 0, "each character of a name against each of another, "
              "at each place");
}


/* no control character but a tab, at any place */

static void
test_values(void)
{
    u_char            *copy, *p;
    size_t             n, i;
    ngx_int_t          rc;
    ngx_uint_t         c, wrong;
    ngx_llm_header_t   h;

    wrong = 0;

    for (n = 1; n <= 20; n++) {
        for (i = 0; i < n; i++) {
            for (c = 0; c < 256; c++) {

                if (c == LF || c == ' ' || c == '\t') {
                    continue;
                }

                copy = test_copy("N:vvvvvvvvvvvvvvvvvvvvvvvv", n + 4);
                copy[2 + i] = c;
                copy[n + 2] = CR;
                copy[n + 3] = LF;
                p = copy;

                rc = ngx_llm_answer_header(&p, copy + n + 4, &h);

                wrong += (rc != (c < 0x20 ? NGX_ERROR : NGX_OK));
                wrong += (rc == NGX_OK && (h.value != copy + 2
                                           || h.value_len != n));
                free(copy);
            }
        }
    }

    is_number(wrong, 0, "each byte at each place of a value");

    copy = test_copy("N: a\tb\t c \r\n", 13);
    p = copy;
    rc = ngx_llm_answer_header(&p, copy + 13, &h);
    ok(rc == NGX_OK && h.value_len == 6, "tabs and spaces inside a value");
    free(copy);
}


/* a chunk is seen when it is whole and plain, and nothing else is */

static void
test_chunks(void)
{
    size_t       len, cut, n;
    u_char      *copy, *data, *end;
    ngx_uint_t   i, wrong;

    for (i = 0; i < NCHUNKS; i++) {
        len = strlen(chunks[i].text);
        wrong = 0;

        for (cut = 0; cut <= len; cut++) {
            copy = test_copy(chunks[i].text, cut);
            end = ngx_llm_answer_chunk(copy, copy + cut, &data, &n);

            if (chunks[i].end && cut >= chunks[i].end) {
                wrong += (end != copy + chunks[i].end
                          || n != chunks[i].n
                          || data + n + 2 != end);

            } else {
                wrong += (end != NULL);
            }

            free(copy);
        }

        is_number(wrong, 0, "the chunk %u, cut anywhere", (unsigned) i);
    }
}


static void
test_tokens(void)
{
    size_t       len;
    u_char      *copy;
    ngx_uint_t   i;

    static const struct {
        const char  *list;
        ngx_uint_t   holds;     /* "close" */
    } lists[] = {
        { "close", 1 }, { "Close", 1 }, { " close", 1 }, { "close\t", 1 },
        { "a,close", 1 }, { "close,a", 1 }, { "a, close", 1 },
        { "a ,\tCLOSE , b", 1 }, { "a,,close", 1 }, { ",close", 1 },
        { "close;q=1", 1 }, { "close ;q=1", 1 }, { "closed, close", 1 },

        { "", 0 }, { " ", 0 }, { ",", 0 }, { ",,", 0 }, { "clos", 0 },
        { "closed", 0 }, { "aclose", 0 }, { "not-close", 0 },
        { "clo se", 0 }, { "clo,se", 0 }, { "keep-alive, TE", 0 },
        { "a;close", 0 }, { "close-", 0 }, { "\"close\"", 0 }
    };

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        len = strlen(lists[i].list);
        copy = test_copy(lists[i].list, len);

        is_number(ngx_llm_header_holds(copy, len, "close"), lists[i].holds,
                  "\"%s\" %s", lists[i].list,
                  lists[i].holds ? "holds it" : "doesn't hold it");

        free(copy);
    }
}


static void
parse(const char *head, char *text, size_t size)
{
    size_t             n, len;
    u_char            *copy, *p, *from, *end;
    ngx_int_t          rc;
    ngx_uint_t         minor;
    ngx_llm_header_t   h;

    len = strlen(head);
    copy = test_copy(head, len);
    from = copy;
    p = copy;

    end = ngx_llm_answer_end(&from, copy + len);

    if (end == NULL) {
        snprintf(text, size, "no end");
        free(copy);
        return;
    }

    minor = 9;
    rc = ngx_llm_answer_status(&p, end, &minor);
    n = snprintf(text, size, "%d %d ", (int) rc, (int) minor);

    while ((rc = ngx_llm_answer_header(&p, end, &h)) == NGX_OK) {
        n += snprintf(text + n, size - n, "%.*s=%.*s;", (int) h.name_len,
                      h.name, (int) h.value_len, h.value);
    }

    snprintf(text + n, size - n, "%s", rc == NGX_DONE ? "done" : "error");

    free(copy);
}
