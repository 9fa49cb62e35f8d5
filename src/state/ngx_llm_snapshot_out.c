
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_text.h"
#include "ngx_llm_snapshot_out.h"


static ngx_uint_t ngx_llm_out_absent(const ngx_llm_row_field_t *field,
    const void *row);
static void ngx_llm_out_value(ngx_llm_out_t *out,
    const ngx_llm_row_field_t *field, const void *row);
static void ngx_llm_out_id(ngx_llm_out_t *out, const char *prefix,
    uint64_t id);
static void ngx_llm_out_hash(ngx_llm_out_t *out, const u_char *hash);
static void ngx_llm_out_scopes(ngx_llm_out_t *out, uint64_t scopes);
static void ngx_llm_out_patterns(ngx_llm_out_t *out, const u_char *text);
static void ngx_llm_out_names(ngx_llm_out_t *out, ngx_llm_list_t *list);
static void ngx_llm_out_text(ngx_llm_out_t *out, const u_char *text,
    size_t n);
static void ngx_llm_out_room(ngx_llm_out_t *out, size_t n);


void
ngx_llm_out_begin(ngx_llm_out_t *out, const char *name)
{
    out->rows = 0;

    ngx_llm_out_put(out, ",\n\"");
    ngx_llm_out_put(out, name);
    ngx_llm_out_put(out, "\":[");
}


void
ngx_llm_out_row(ngx_llm_out_t *out,
    const ngx_llm_row_field_t *field, const void *row)
{
    ngx_llm_out_put(out, out->rows++ ? ",\n" : "\n");
    ngx_llm_out_object(out, field, row);
}


void
ngx_llm_out_object(ngx_llm_out_t *out,
    const ngx_llm_row_field_t *field, const void *row)
{
    const char  *before;

    before = "{\"";

    for ( /* void */ ; field->name; field++) {

        if (ngx_llm_out_absent(field, row)) {
            continue;
        }

        ngx_llm_out_put(out, before);
        ngx_llm_out_put(out, field->name);
        ngx_llm_out_put(out, "\":");
        ngx_llm_out_value(out, field, row);

        before = ",\"";
    }

    ngx_llm_out_put(out, before[0] == '{' ? "{}" : "}");
}


/* what says nothing is not written */

static ngx_uint_t
ngx_llm_out_absent(const ngx_llm_row_field_t *field, const void *row)
{
    static const u_char  none[32];

    switch (field->type) {

    case NGX_LLM_ROW_TEXT:
    case NGX_LLM_ROW_PATTERNS:
        return ngx_llm_row_text(row, field)[0] == '\0';

    case NGX_LLM_ROW_HASH:
        return ngx_memcmp(ngx_llm_row_text(row, field), none, 32) == 0;

    case NGX_LLM_ROW_LIST:
        return ngx_llm_row_list(row, field) == NULL;

    default:
        return !field->required
               && ngx_llm_row_number(row, field) == field->absent;
    }
}


static void
ngx_llm_out_value(ngx_llm_out_t *out,
    const ngx_llm_row_field_t *field, const void *row)
{
    u_char  *text;

    text = ngx_llm_row_text(row, field);

    switch (field->type) {

    case NGX_LLM_ROW_NODE_ID:
        ngx_llm_out_id(out, "\"node-", ngx_llm_row_number(row, field));
        break;

    case NGX_LLM_ROW_KEY_ID:
        ngx_llm_out_id(out, "\"key-", ngx_llm_row_number(row, field));
        break;

    case NGX_LLM_ROW_TEXT:
        ngx_llm_out_text(out, text, ngx_strlen(text));
        break;

    case NGX_LLM_ROW_HASH:
        ngx_llm_out_hash(out, text);
        break;

    case NGX_LLM_ROW_FLAG:
        ngx_llm_out_put(out, ngx_llm_row_number(row, field) ? "true"
                                                               : "false");
        break;

    case NGX_LLM_ROW_TYPE:
        text = (u_char *) ngx_llm_node_type_name(
                                             ngx_llm_row_number(row, field));
        ngx_llm_out_text(out, text, ngx_strlen(text));
        break;

    case NGX_LLM_ROW_SCOPES:
        ngx_llm_out_scopes(out, ngx_llm_row_number(row, field));
        break;

    case NGX_LLM_ROW_PATTERNS:
        ngx_llm_out_patterns(out, text);
        break;

    case NGX_LLM_ROW_LIST:
        ngx_llm_out_names(out, ngx_llm_row_list(row, field));
        break;

    default: /* NGX_LLM_ROW_NUMBER */
        ngx_llm_out_room(out, NGX_INT64_LEN);
        out->pos = ngx_llm_decimal(out->pos,
                                 ngx_min(ngx_llm_row_number(row, field),
                                         field->max));
    }
}


static void
ngx_llm_out_id(ngx_llm_out_t *out, const char *prefix, uint64_t id)
{
    ngx_llm_out_put(out, prefix);
    ngx_llm_out_room(out, 17);

    out->pos = ngx_sprintf(out->pos, "%016xL\"", id);
}


static void
ngx_llm_out_hash(ngx_llm_out_t *out, const u_char *hash)
{
    ngx_uint_t  i;

    static const char  digits[] = "0123456789abcdef";

    ngx_llm_out_room(out, 66);

    *out->pos++ = '"';

    for (i = 0; i < 32; i++) {
        *out->pos++ = digits[hash[i] >> 4];
        *out->pos++ = digits[hash[i] & 0xf];
    }

    *out->pos++ = '"';
}


static void
ngx_llm_out_scopes(ngx_llm_out_t *out, uint64_t scopes)
{
    const char                 *before;
    const ngx_llm_row_scope_t  *scope;

    before = "[\"";

    for (scope = ngx_llm_row_scopes; scope->name; scope++) {
        if (scopes & scope->bit) {
            ngx_llm_out_put(out, before);
            ngx_llm_out_put(out, scope->name);
            before = "\",\"";
        }
    }

    ngx_llm_out_put(out, before[0] == '[' ? "[]" : "\"]");
}


static void
ngx_llm_out_patterns(ngx_llm_out_t *out, const u_char *text)
{
    const char    *before;
    const u_char  *comma;

    before = "[";

    for ( ;; ) {
        comma = (u_char *) ngx_strchr(text, ',');

        ngx_llm_out_put(out, before);
        ngx_llm_out_text(out, text,
                              comma ? (size_t) (comma - text)
                                    : ngx_strlen(text));

        if (comma == NULL) {
            break;
        }

        text = comma + 1;
        before = ",";
    }

    ngx_llm_out_put(out, "]");
}


static void
ngx_llm_out_names(ngx_llm_out_t *out, ngx_llm_list_t *list)
{
    uint32_t           i;
    ngx_llm_listed_t  *listed;

    listed = ngx_llm_list_first(list);

    ngx_llm_out_put(out, "[");

    for (i = 0; i < list->n; i++) {
        ngx_llm_out_put(out, i ? "," : "");
        ngx_llm_out_text(out, listed->text, listed->name_len);

        listed = ngx_llm_list_next(listed);
    }

    ngx_llm_out_put(out, "]");
}


/* texts of the zone are short: escaped they fit into the buffer */

static void
ngx_llm_out_text(ngx_llm_out_t *out, const u_char *text,
    size_t n)
{
    ngx_llm_out_room(out, 6 * n + 2);

    *out->pos++ = '"';
    out->pos = ngx_llm_json_escape(out->pos, text, n);
    *out->pos++ = '"';
}


void
ngx_llm_out_put(ngx_llm_out_t *out, const char *text)
{
    size_t  n;

    n = ngx_strlen(text);

    ngx_llm_out_room(out, n);

    out->pos = ngx_cpymem(out->pos, text, n);
}


static void
ngx_llm_out_room(ngx_llm_out_t *out, size_t n)
{
    if ((size_t) (out->buffer + NGX_LLM_OUT_BUFFER - out->pos) < n) {
        ngx_llm_out_flush(out);
    }
}


void
ngx_llm_out_flush(ngx_llm_out_t *out)
{
    u_char   *p;
    ssize_t   n;

    for (p = out->buffer; p < out->pos && out->err == 0; p += n) {
        n = write(out->fd, p, out->pos - p);

        if (n == -1) {

            if (ngx_errno == NGX_EINTR) {
                n = 0;
                continue;
            }

            out->err = ngx_errno;
        }
    }

    out->pos = out->buffer;
}
