
/*
 * A body is scanned before jansson has it: for what costs it too much time,
 * for numbers that it would not keep as they are written, and afterwards once
 * more up to where it found something wrong, for the member that stands there.
 */


#include "ngx_http_llm_api_body.h"


/* bytes that are parsed at once; more are by a thread, 1 MB takes 20 ms */
#define NGX_HTTP_LLM_API_AT_ONCE  (32 * 1024)

/* what any double keeps, and no exponent that leaves its range */
#define NGX_HTTP_LLM_API_DIGITS   15
#define NGX_HTTP_LLM_API_EXPONENT  2

#define NGX_HTTP_LLM_API_MEMBER   64


typedef struct {
    const u_char           *name;       /* of a member of the outermost ... */
    size_t                  len;        /* ... object; 0: none yet */
    ngx_uint_t              depth;
    ngx_uint_t              values;
    unsigned                value:1;    /* the name's colon was there */
    unsigned                inexact:1;  /* the number that it ended at */
} ngx_http_llm_api_scan_t;


typedef struct {
    ngx_str_t               text;
    json_t                 *json;
    json_error_t            error;
    ngx_http_llm_api_pt     then;
} ngx_http_llm_api_parse_t;


static ngx_int_t ngx_http_llm_api_body_text(ngx_http_request_t *r,
    ngx_str_t *body);
static ngx_int_t ngx_http_llm_api_body_scan(ngx_http_llm_api_t *api,
    const ngx_str_t *text);
static void ngx_http_llm_api_body_parse(void *data);
static void ngx_http_llm_api_body_parsed(ngx_http_llm_api_t *api);
static void ngx_http_llm_api_body_wrong(ngx_http_llm_api_t *api,
    ngx_http_llm_api_parse_t *parse);
static void ngx_http_llm_api_scan(ngx_http_llm_api_scan_t *scan,
    const u_char *p, const u_char *last);
static const u_char *ngx_http_llm_api_scan_string(
    ngx_http_llm_api_scan_t *scan, const u_char *p, const u_char *last);
static const u_char *ngx_http_llm_api_scan_number(
    ngx_http_llm_api_scan_t *scan, const u_char *p, const u_char *last);
static const char *ngx_http_llm_api_scan_name(
    const ngx_http_llm_api_scan_t *scan, u_char *name);


void
ngx_http_llm_api_body(ngx_http_llm_api_t *api, ngx_http_llm_api_pt then)
{
    ngx_int_t                  rc;
    ngx_str_t                  text;
    ngx_http_llm_api_parse_t  *parse;

    rc = ngx_http_llm_api_body_text(api->request, &text);

    if (rc == NGX_DECLINED) {
        ngx_http_llm_api_fail(api, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                              "request_too_large", NULL,
                              "The request body is larger than 1 MB");
        return;
    }

    if (rc != NGX_OK) {
        ngx_http_llm_api_fail(api, NGX_HTTP_INTERNAL_SERVER_ERROR,
                              "internal_error", NULL, "Out of resources");
        return;
    }

    if (text.len == 0 || api->route->method == NGX_HTTP_GET) {
        then(api);
        return;
    }

    if (ngx_http_llm_api_body_scan(api, &text) != NGX_OK) {
        return;
    }

    parse = ngx_pcalloc(api->request->pool, sizeof(ngx_http_llm_api_parse_t));
    if (parse == NULL) {
        ngx_http_llm_api_reply(api, NGX_HTTP_INTERNAL_SERVER_ERROR, NULL);
        return;
    }

    parse->text = text;
    parse->then = then;

    if (text.len > NGX_HTTP_LLM_API_AT_ONCE) {
        (void) ngx_http_llm_api_task(api, ngx_http_llm_api_body_parse,
                                     ngx_http_llm_api_body_parsed, parse);
        return;
    }

    api->data = parse;

    ngx_http_llm_api_body_parse(parse);
    ngx_http_llm_api_body_parsed(api);
}


/*
 * The body in one piece, from memory or file.  NGX_DECLINED: it is too large;
 * NGX_ERROR: no memory, or the file can't be read.
 */

static ngx_int_t
ngx_http_llm_api_body_text(ngx_http_request_t *r, ngx_str_t *body)
{
    off_t         size;
    u_char       *p;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    ngx_str_null(body);

    if (r->request_body == NULL) {
        return NGX_OK;
    }

    size = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    if (size == 0) {
        return NGX_OK;
    }

    if (size > NGX_HTTP_LLM_API_BODY) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;
    body->len = size;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (!b->in_file) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        n = ngx_read_file(b->file, p, b->file_last - b->file_pos,
                          b->file_pos);

        if (n != b->file_last - b->file_pos) {
            return NGX_ERROR;
        }

        p += n;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_api_body_scan(ngx_http_llm_api_t *api, const ngx_str_t *text)
{
    u_char                    room[NGX_HTTP_LLM_API_MEMBER];
    const char               *name;
    ngx_http_llm_api_scan_t   scan;

    ngx_memzero(&scan, sizeof(ngx_http_llm_api_scan_t));

    ngx_http_llm_api_scan(&scan, text->data, text->data + text->len);

    if (!scan.inexact && scan.values <= NGX_HTTP_LLM_API_VALUES) {
        return NGX_OK;
    }

    name = scan.value ? ngx_http_llm_api_scan_name(&scan, room) : NULL;

    ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_value", name,
                          "\"%s\" has %s", name ? name : "The request body",
                          scan.inexact ? "a number of more digits than are "
                                         "kept"
                                       : "too many entries");
    return NGX_ERROR;
}


/* maybe in a thread */

static void
ngx_http_llm_api_body_parse(void *data)
{
    ngx_http_llm_api_parse_t  *parse = data;

    parse->json = json_loadb((char *) parse->text.data, parse->text.len,
                             JSON_REJECT_DUPLICATES|JSON_DECODE_INT_AS_REAL,
                             &parse->error);
}


static void
ngx_http_llm_api_body_parsed(ngx_http_llm_api_t *api)
{
    ngx_http_llm_api_parse_t  *parse;

    parse = api->data;

    api->data = NULL;
    api->body = parse->json;

    if (api->body == NULL) {
        ngx_http_llm_api_body_wrong(api, parse);
        return;
    }

    if (!json_is_object(api->body)) {
        ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_json", NULL,
                              "The request body must be a JSON object");
        return;
    }

    parse->then(api);
}


static void
ngx_http_llm_api_body_wrong(ngx_http_llm_api_t *api,
    ngx_http_llm_api_parse_t *parse)
{
    int                       end;
    char                     *near;
    u_char                    room[NGX_HTTP_LLM_API_MEMBER], *p;
    ngx_uint_t                twice;
    const char               *name;
    ngx_http_llm_api_scan_t   scan;

    /* what stands there may be a secret */

    near = strstr(parse->error.text, " near '");

    if (near) {
        *near = '\0';
    }

    /* jansson has read the byte that it does not like; a second name, whole */

    twice = (ngx_strncmp(parse->error.text, "duplicate", 9) == 0);
    end = parse->error.position - !twice;
    end = ngx_max(ngx_min(end, (int) parse->text.len), 0);

    ngx_memzero(&scan, sizeof(ngx_http_llm_api_scan_t));

    p = parse->text.data;
    ngx_http_llm_api_scan(&scan, p, p + end);

    name = (scan.value || twice) ? ngx_http_llm_api_scan_name(&scan, room)
                                 : NULL;

    ngx_http_llm_api_fail(api, NGX_HTTP_BAD_REQUEST, "invalid_json", name,
                          "The request body is not valid JSON: line %d, "
                          "column %d: %s", parse->error.line,
                          parse->error.column, parse->error.text);
}


/* of what is no JSON it says something, too */

static void
ngx_http_llm_api_scan(ngx_http_llm_api_scan_t *scan, const u_char *p,
    const u_char *last)
{
    scan->values = 1;

    while (p < last && !scan->inexact
           && scan->values <= NGX_HTTP_LLM_API_VALUES)
    {
        switch (*p) {

        case '"':
            p = ngx_http_llm_api_scan_string(scan, p, last);
            continue;

        case '{':
        case '[':
            scan->depth++;
            scan->values++;
            break;

        case '}':
        case ']':
            scan->depth -= (scan->depth > 0);
            scan->value &= (scan->depth > 0);
            break;

        case ':':
            scan->value |= (scan->depth == 1);
            break;

        case ',':
            scan->values++;

            if (scan->depth == 1) {
                scan->value = 0;
                scan->len = 0;
            }

            break;

        default:
            if (*p == '-' || (*p >= '0' && *p <= '9')) {
                p = ngx_http_llm_api_scan_number(scan, p, last);
                continue;
            }
        }

        p++;
    }
}


/* of a member's name, too; returns where it goes on */

static const u_char *
ngx_http_llm_api_scan_string(ngx_http_llm_api_scan_t *scan, const u_char *p,
    const u_char *last)
{
    const u_char  *start;

    start = ++p;

    while (p < last && *p != '"') {
        p += (*p == '\\') ? 2 : 1;
    }

    p = ngx_min(p, last);

    if (scan->depth == 1 && !scan->value) {
        scan->name = start;
        scan->len = p - start;
    }

    return (p < last) ? p + 1 : p;
}


static const u_char *
ngx_http_llm_api_scan_number(ngx_http_llm_api_scan_t *scan, const u_char *p,
    const u_char *last)
{
    ngx_uint_t  digits, exponent;

    digits = 0;
    exponent = 0;

    if (*p == '-') {
        p++;
    }

    for ( /* void */ ;
         p < last && (*p == '.' || (*p >= '0' && *p <= '9'));
         p++)
    {
        digits += (*p != '.' && (digits || *p != '0'));
    }

    if (p < last && (*p | 0x20) == 'e') {
        p++;

        if (p < last && (*p == '+' || *p == '-')) {
            p++;
        }

        for ( /* void */ ; p < last && *p >= '0' && *p <= '9'; p++) {
            exponent++;
        }
    }

    scan->inexact = (digits > NGX_HTTP_LLM_API_DIGITS
                     || exponent > NGX_HTTP_LLM_API_EXPONENT);

    return p;
}


/* a copy in room; NULL: it is none of ours anyway */

static const char *
ngx_http_llm_api_scan_name(const ngx_http_llm_api_scan_t *scan, u_char *name)
{
    size_t  i;

    if (scan->len == 0 || scan->len >= NGX_HTTP_LLM_API_MEMBER) {
        return NULL;
    }

    for (i = 0; i < scan->len; i++) {
        if ((scan->name[i] | 0x20) < 'a' || (scan->name[i] | 0x20) > 'z') {
            if (scan->name[i] != '_') {
                return NULL;
            }
        }
    }

    ngx_cpystrn(name, (u_char *) scan->name, scan->len + 1);

    return (char *) name;
}
