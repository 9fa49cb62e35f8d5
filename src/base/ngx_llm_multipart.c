
/*
 * The form scanner.  Two states, PREAMBLE and BODY, look for the delimiter
 * (CRLF, "--", the boundary) with a fast search; the others take what stands
 * between two bodies, byte by byte.
 *
 * A CR is the first byte of the delimiter and nowhere else in it, so a partial
 * match that fails never hides the start of another one.  The CRLF of the
 * first delimiter, and of one that follows a part's headers at once, belongs
 * to what stands before: m->assumed counts these bytes.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_multipart.h"
#include "ngx_llm_scan.h"


enum {
    NGX_LLM_MULTIPART_PREAMBLE = 0,
    NGX_LLM_MULTIPART_BODY,
    NGX_LLM_MULTIPART_BOUNDARY_END,  /* right behind a boundary */
    NGX_LLM_MULTIPART_PADDING,
    NGX_LLM_MULTIPART_BOUNDARY_LF,
    NGX_LLM_MULTIPART_CLOSE,         /* the second "-" behind the last one */
    NGX_LLM_MULTIPART_EPILOGUE,
    NGX_LLM_MULTIPART_LINE,          /* a header, or the empty line */
    NGX_LLM_MULTIPART_LAST_LF,
    NGX_LLM_MULTIPART_HEADER,        /* its name */
    NGX_LLM_MULTIPART_SKIP,          /* a value that does not matter */
    NGX_LLM_MULTIPART_HEADER_LF,
    NGX_LLM_MULTIPART_DISPOSITION,   /* to the next ";" */
    NGX_LLM_MULTIPART_PARAMETER,     /* its name */
    NGX_LLM_MULTIPART_VALUE_START,
    NGX_LLM_MULTIPART_QUOTED,
    NGX_LLM_MULTIPART_ESCAPED,
    NGX_LLM_MULTIPART_TOKEN,
    NGX_LLM_MULTIPART_FAILED
};


enum {
    NGX_LLM_MULTIPART_OTHER = 0,
    NGX_LLM_MULTIPART_NAME,          /* parameters */
    NGX_LLM_MULTIPART_FILENAME
};


enum {
    NGX_LLM_MULTIPART_MODEL = 1,     /* fields; 0: another one */
    NGX_LLM_MULTIPART_STREAM
};


static const u_char *ngx_llm_multipart_search(ngx_llm_multipart_t *m,
    const u_char *p, const u_char *last);
static void ngx_llm_multipart_keep(ngx_llm_multipart_t *m, const u_char *p,
    size_t n);
static void ngx_llm_multipart_delimiter(ngx_llm_multipart_t *m);
static void ngx_llm_multipart_byte(ngx_llm_multipart_t *m, u_char c);
static void ngx_llm_multipart_boundary_line(ngx_llm_multipart_t *m, u_char c);
static void ngx_llm_multipart_header(ngx_llm_multipart_t *m, u_char c);
static void ngx_llm_multipart_header_start(ngx_llm_multipart_t *m, u_char c);
static void ngx_llm_multipart_parameter(ngx_llm_multipart_t *m, u_char c);
static void ngx_llm_multipart_parameter_value(ngx_llm_multipart_t *m,
    u_char c);
static void ngx_llm_multipart_parameter_name(ngx_llm_multipart_t *m);
static void ngx_llm_multipart_parameter_end(ngx_llm_multipart_t *m);
static void ngx_llm_multipart_part(ngx_llm_multipart_t *m);
static void ngx_llm_multipart_word(ngx_llm_multipart_t *m, u_char c);
static ngx_uint_t ngx_llm_multipart_is(ngx_llm_multipart_t *m, const char *s);
static void ngx_llm_multipart_fail(ngx_llm_multipart_t *m, const char *error);


void
ngx_llm_multipart_init(ngx_llm_multipart_t *m, const ngx_str_t *boundary)
{
    size_t  len;

    ngx_memzero(m, sizeof(ngx_llm_multipart_t));

    len = ngx_min(boundary->len, NGX_LLM_BOUNDARY);

    ngx_memcpy(m->delimiter, "\r\n--", 4);
    ngx_memcpy(m->delimiter + 4, boundary->data, len);
    m->delimiter_len = len + 4;

    m->matched = 2;
    m->assumed = 2;
}


ngx_int_t
ngx_llm_multipart_feed(ngx_llm_multipart_t *m, const u_char *p, size_t n)
{
    const u_char  *last, *start;

    if (n == 0) {
        return (m->state == NGX_LLM_MULTIPART_FAILED) ? NGX_DECLINED : NGX_OK;
    }

    last = p + n;

    while (p < last) {
        start = p;

        switch (m->state) {

        case NGX_LLM_MULTIPART_PREAMBLE:
        case NGX_LLM_MULTIPART_BODY:
            p = ngx_llm_multipart_search(m, p, last);
            m->offset += p - start;

            if (m->matched == m->delimiter_len) {
                ngx_llm_multipart_delimiter(m);
            }

            break;

        case NGX_LLM_MULTIPART_EPILOGUE:
            m->offset += last - p;
            return NGX_OK;

        case NGX_LLM_MULTIPART_FAILED:
            return NGX_DECLINED;

        default:
            m->offset++;
            ngx_llm_multipart_byte(m, *p++);
        }
    }

    return (m->state == NGX_LLM_MULTIPART_FAILED) ? NGX_DECLINED : NGX_OK;
}


ngx_int_t
ngx_llm_multipart_end(ngx_llm_multipart_t *m)
{
    switch (m->state) {

    case NGX_LLM_MULTIPART_EPILOGUE:
        return NGX_OK;

    case NGX_LLM_MULTIPART_PREAMBLE:
        ngx_llm_multipart_fail(m, "no opening boundary");
        return NGX_DECLINED;

    case NGX_LLM_MULTIPART_FAILED:
        return NGX_DECLINED;

    default:
        ngx_llm_multipart_fail(m, "no closing boundary");
        return NGX_DECLINED;
    }
}


/* stops after the whole delimiter, or at last */

static const u_char *
ngx_llm_multipart_search(ngx_llm_multipart_t *m, const u_char *p,
    const u_char *last)
{
    const u_char  *q;

    for ( ;; ) {

        if (m->matched == 0) {
            q = ngx_llm_pair(p, last, '\r', '\n');
            ngx_llm_multipart_keep(m, p, q - p);

            if (q == last) {
                return last;
            }

            m->matched = 1;
            p = q + 1;
        }

        while (p < last && *p == m->delimiter[m->matched]) {
            p++;

            if (++m->matched == m->delimiter_len) {
                return p;
            }
        }

        if (p == last) {
            return last;
        }

        ngx_llm_multipart_keep(m, m->delimiter + m->assumed,
                               m->matched - m->assumed);
        m->matched = 0;
        m->assumed = 0;
    }
}


static void
ngx_llm_multipart_keep(ngx_llm_multipart_t *m, const u_char *p, size_t n)
{
    size_t                      left;
    ngx_llm_multipart_value_t  *v;

    v = m->value;

    if (v == NULL || n == 0) {
        return;
    }

    left = NGX_LLM_MULTIPART_VALUE - v->len;

    if (n > left) {
        v->truncated = 1;
        n = left;
    }

    ngx_memcpy(v->text + v->len, p, n);
    v->len += n;
}


static void
ngx_llm_multipart_delimiter(ngx_llm_multipart_t *m)
{
    if (m->value != NULL) {
        m->value->end = m->offset - m->delimiter_len + m->assumed;
        m->value->found = 1;
        m->value = NULL;
    }

    m->matched = 0;
    m->assumed = 0;
    m->state = NGX_LLM_MULTIPART_BOUNDARY_END;
}


static void
ngx_llm_multipart_byte(ngx_llm_multipart_t *m, u_char c)
{
    if (m->state < NGX_LLM_MULTIPART_LINE) {
        ngx_llm_multipart_boundary_line(m, c);
        return;
    }

    if (++m->headers > NGX_LLM_MULTIPART_HEADERS) {
        ngx_llm_multipart_fail(m, "too large headers in a part");
        return;
    }

    if (m->state >= NGX_LLM_MULTIPART_DISPOSITION) {
        ngx_llm_multipart_parameter(m, c);
        return;
    }

    ngx_llm_multipart_header(m, c);
}


/* the rest of the line on which a boundary stands */

static void
ngx_llm_multipart_boundary_line(ngx_llm_multipart_t *m, u_char c)
{
    switch (m->state) {

    case NGX_LLM_MULTIPART_CLOSE:
        if (c == '-') {
            m->state = NGX_LLM_MULTIPART_EPILOGUE;
            return;
        }

        break;

    case NGX_LLM_MULTIPART_BOUNDARY_LF:
        if (c == '\n') {
            m->state = NGX_LLM_MULTIPART_LINE;
            m->headers = 0;
            m->field = 0;
            m->file = 0;
            m->folded = NGX_LLM_MULTIPART_SKIP;
            return;
        }

        break;

    default: /* NGX_LLM_MULTIPART_BOUNDARY_END, _PADDING */
        if (c == '-' && m->state == NGX_LLM_MULTIPART_BOUNDARY_END) {
            m->state = NGX_LLM_MULTIPART_CLOSE;
            return;
        }

        if (c == ' ' || c == '\t') {
            m->state = NGX_LLM_MULTIPART_PADDING;
            return;
        }

        if (c == '\r') {
            m->state = NGX_LLM_MULTIPART_BOUNDARY_LF;
            return;
        }
    }

    ngx_llm_multipart_fail(m, "a bad boundary line");
}


/* a header outside of Content-Disposition's value */

static void
ngx_llm_multipart_header(ngx_llm_multipart_t *m, u_char c)
{
    switch (m->state) {

    case NGX_LLM_MULTIPART_LINE:
        ngx_llm_multipart_header_start(m, c);
        return;

    case NGX_LLM_MULTIPART_HEADER:
        if (c == ':') {
            m->state = NGX_LLM_MULTIPART_SKIP;

            if (ngx_llm_multipart_is(m, "content-disposition")) {
                m->state = NGX_LLM_MULTIPART_DISPOSITION;
            }

        } else if (c == '\r') {
            m->state = NGX_LLM_MULTIPART_HEADER_LF;

        } else {
            ngx_llm_multipart_word(m, ngx_tolower(c));
        }

        return;

    case NGX_LLM_MULTIPART_SKIP:
        if (c == '\r') {
            m->folded = NGX_LLM_MULTIPART_SKIP;
            m->state = NGX_LLM_MULTIPART_HEADER_LF;
        }

        return;

    default: /* NGX_LLM_MULTIPART_LAST_LF, _HEADER_LF */
        if (c != '\n') {
            ngx_llm_multipart_fail(m, "a bad header in a part");

        } else if (m->state == NGX_LLM_MULTIPART_LAST_LF) {
            ngx_llm_multipart_part(m);

        } else {
            m->state = NGX_LLM_MULTIPART_LINE;
        }
    }
}


static void
ngx_llm_multipart_header_start(ngx_llm_multipart_t *m, u_char c)
{
    if (c == '\r') {
        m->state = NGX_LLM_MULTIPART_LAST_LF;
        return;
    }

    if (c == ' ' || c == '\t') {
        m->state = m->folded;
        return;
    }

    m->len = 0;
    m->folded = NGX_LLM_MULTIPART_SKIP;
    m->state = NGX_LLM_MULTIPART_HEADER;
    ngx_llm_multipart_header(m, c);
}


/* within the value of Content-Disposition */

static void
ngx_llm_multipart_parameter(ngx_llm_multipart_t *m, u_char c)
{
    if (c == '\r') {

        if (m->state == NGX_LLM_MULTIPART_TOKEN) {
            ngx_llm_multipart_parameter_end(m);
        }

        m->folded = (m->state == NGX_LLM_MULTIPART_PARAMETER)
                    ? NGX_LLM_MULTIPART_PARAMETER
                    : NGX_LLM_MULTIPART_DISPOSITION;
        m->state = NGX_LLM_MULTIPART_HEADER_LF;
        return;
    }

    switch (m->state) {

    case NGX_LLM_MULTIPART_DISPOSITION:
        if (c == ';') {
            m->len = 0;
            m->state = NGX_LLM_MULTIPART_PARAMETER;
        }

        return;

    case NGX_LLM_MULTIPART_PARAMETER:
        if (c == ';') {
            m->len = 0;

        } else if (c == '=') {
            ngx_llm_multipart_parameter_name(m);

        } else if (c != ' ' && c != '\t') {
            ngx_llm_multipart_word(m, ngx_tolower(c));
        }

        return;

    default:
        ngx_llm_multipart_parameter_value(m, c);
    }
}


static void
ngx_llm_multipart_parameter_name(ngx_llm_multipart_t *m)
{
    if (ngx_llm_multipart_is(m, "name")) {
        m->name = NGX_LLM_MULTIPART_NAME;

    } else if (ngx_llm_multipart_is(m, "filename")
               || ngx_llm_multipart_is(m, "filename*"))
    {
        m->name = NGX_LLM_MULTIPART_FILENAME;

    } else {
        m->name = NGX_LLM_MULTIPART_OTHER;
    }

    m->len = 0;
    m->state = NGX_LLM_MULTIPART_VALUE_START;
}


static void
ngx_llm_multipart_parameter_value(ngx_llm_multipart_t *m, u_char c)
{
    switch (m->state) {

    case NGX_LLM_MULTIPART_VALUE_START:
        if (c == '"') {
            m->state = NGX_LLM_MULTIPART_QUOTED;
            return;
        }

        if (c == ' ' || c == '\t') {
            return;
        }

        m->state = NGX_LLM_MULTIPART_TOKEN;

        /* fall through */

    case NGX_LLM_MULTIPART_TOKEN:
        if (c == ';' || c == ' ' || c == '\t') {
            ngx_llm_multipart_parameter_end(m);

            if (c == ';') {
                m->state = NGX_LLM_MULTIPART_PARAMETER;
            }

        } else {
            ngx_llm_multipart_word(m, c);
        }

        return;

    case NGX_LLM_MULTIPART_QUOTED:
        if (c == '"') {
            ngx_llm_multipart_parameter_end(m);

        } else if (c == '\\') {
            m->state = NGX_LLM_MULTIPART_ESCAPED;

        } else {
            ngx_llm_multipart_word(m, c);
        }

        return;

    default: /* NGX_LLM_MULTIPART_ESCAPED */
        ngx_llm_multipart_word(m, c);
        m->state = NGX_LLM_MULTIPART_QUOTED;
    }
}


static void
ngx_llm_multipart_parameter_end(ngx_llm_multipart_t *m)
{
    if (m->name == NGX_LLM_MULTIPART_FILENAME) {
        m->file = 1;

    } else if (m->name == NGX_LLM_MULTIPART_NAME) {
        m->field = ngx_llm_multipart_is(m, "model")
                   ? NGX_LLM_MULTIPART_MODEL
                   : ngx_llm_multipart_is(m, "stream")
                   ? NGX_LLM_MULTIPART_STREAM : 0;
    }

    m->len = 0;
    m->state = NGX_LLM_MULTIPART_DISPOSITION;
}


/* the headers of a part are over */

static void
ngx_llm_multipart_part(ngx_llm_multipart_t *m)
{
    m->state = NGX_LLM_MULTIPART_BODY;
    m->matched = 2;
    m->assumed = 2;

    if (m->file || m->field == 0) {
        return;
    }

    m->value = (m->field == NGX_LLM_MULTIPART_MODEL) ? &m->model : &m->stream;

    m->value->start = m->offset;
    m->value->len = 0;
    m->value->found = 0;
    m->value->truncated = 0;
}


/* one more byte of m->word; a word that does not fit is like no other */

static void
ngx_llm_multipart_word(ngx_llm_multipart_t *m, u_char c)
{
    if (m->len < sizeof(m->word)) {
        m->word[m->len++] = c;
    }
}


static ngx_uint_t
ngx_llm_multipart_is(ngx_llm_multipart_t *m, const char *s)
{
    return m->len == ngx_strlen(s) && ngx_memcmp(m->word, s, m->len) == 0;
}


static void
ngx_llm_multipart_fail(ngx_llm_multipart_t *m, const char *error)
{
    m->state = NGX_LLM_MULTIPART_FAILED;
    m->error = error;
}
