
/*
 * The watched places, for the other files of the scanner.  Owns s->frames,
 * s->level and s->parents; s->row is set here and by the scanner after a
 * comma.  The only caller of the user's handler.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_text.h"
#include "ngx_llm_json_watch.h"


/* one bit for a row that has rows in it */
#define ngx_llm_json_row_bit(row)  ((uint64_t) 1 << ((row) & 63))


static ngx_int_t ngx_llm_json_watch_element(ngx_llm_json_t *s, ngx_int_t row);
static void ngx_llm_json_report(ngx_llm_json_t *s, ngx_llm_json_value_t *v,
    ngx_uint_t kind, off_t start, const u_char *p);


void
ngx_llm_json_watch_open(ngx_llm_json_t *s, const u_char *p)
{
    uint64_t                     mask, parents;
    ngx_int_t                    row, element;
    ngx_llm_json_frame_t        *frame;
    const ngx_llm_json_watch_t  *w, *last;

    if (s->level == NGX_LLM_JSON_LEVELS) {
        s->row = NGX_LLM_JSON_NO_ROW;
        return;
    }

    if (s->level == 0) {
        s->root_kind = (*p == '{') ? NGX_LLM_JSON_OBJECT : NGX_LLM_JSON_ARRAY;
        s->root_open = ngx_llm_json_offset(s, p + 1);
    }

    row = s->row;
    mask = 0;

    /* the root's pass finds out which rows have others in them */

    parents = (s->level == 0) ? ngx_llm_json_row_bit(row) : s->parents;

    last = s->watch + ((parents & ngx_llm_json_row_bit(row)) ? s->nwatch : 0);

    for (w = s->watch; w < last; w++) {

        if (w->parent == row) {
            mask |= w->bit;

        } else {
            parents |= ngx_llm_json_row_bit(w->parent);
        }
    }

    s->parents = parents;

    element = (mask && *p == '[') ? ngx_llm_json_watch_element(s, row)
                                  : NGX_LLM_JSON_NO_ROW;

    frame = &s->frames[s->level++];

    frame->start = ngx_llm_json_offset(s, p);
    frame->mask = mask;
    frame->count = 0;
    frame->row = row;
    frame->element = element;

    s->row = element;
}


/* the row of an array's elements */

static ngx_int_t
ngx_llm_json_watch_element(ngx_llm_json_t *s, ngx_int_t row)
{
    ngx_uint_t  i;

    for (i = 0; i < s->nwatch; i++) {
        if (s->watch[i].parent == row && s->watch[i].name.data == NULL) {
            return i;
        }
    }

    return NGX_LLM_JSON_NO_ROW;
}


void
ngx_llm_json_watch_close(ngx_llm_json_t *s, const u_char *p, ngx_uint_t more)
{
    ngx_llm_json_frame_t  *frame;
    ngx_llm_json_value_t   v;

    frame = &s->frames[--s->level];
    v.count = frame->count + more;

    if (frame->row < 0) {
        s->root_count = v.count;

    } else {
        s->row = frame->row;
        ngx_llm_json_report(s, &v, (s->bits & 1) ? NGX_LLM_JSON_OBJECT
                                                 : NGX_LLM_JSON_ARRAY,
                            frame->start, p);
    }

    s->row = NGX_LLM_JSON_NO_ROW;
}


void
ngx_llm_json_watch_name(ngx_llm_json_t *s, ngx_llm_json_frame_t *frame,
    const u_char *name, size_t len)
{
    ngx_int_t                    parent;
    ngx_uint_t                   i;
    const ngx_llm_json_watch_t  *w;

    if (len > s->size) {
        return;
    }

    w = s->watch;
    parent = frame->row;

    for (i = 0; i < s->nwatch; i++, w++) {

        if (w->name.len == len
            && w->parent == parent
            && w->name.data != NULL
            && ngx_llm_equal(w->name.data, name, len))
        {
            s->row = i;
            return;
        }
    }
}


void
ngx_llm_json_watch_scalar(ngx_llm_json_t *s, ngx_uint_t kind, const u_char *p)
{
    ngx_llm_json_value_t  v;

    if (s->row == NGX_LLM_JSON_ROOT) {
        s->root_kind = kind;

    } else {
        v.number = (int64_t) s->mantissa;
        ngx_llm_json_report(s, &v, kind, s->start, p);
    }

    s->row = NGX_LLM_JSON_NO_ROW;
}


void
ngx_llm_json_watch_string(ngx_llm_json_t *s, const u_char *p,
    const u_char *text, size_t len, ngx_uint_t truncated)
{
    ngx_llm_json_value_t  v;

    if (s->row == NGX_LLM_JSON_ROOT) {
        s->root_kind = NGX_LLM_JSON_STRING;

    } else {
        v.text.data = (u_char *) text;
        v.text.len = ngx_min(len, s->size);
        v.truncated = truncated || len > s->size;
        ngx_llm_json_report(s, &v, NGX_LLM_JSON_STRING, s->start, p);
    }

    s->row = NGX_LLM_JSON_NO_ROW;
}


/*
 * Tells the owner of a value that ends before p.  The caller has set the field
 * of v that its kind has: number, count, or text.
 */

static void
ngx_llm_json_report(ngx_llm_json_t *s, ngx_llm_json_value_t *v,
    ngx_uint_t kind, off_t start, const u_char *p)
{
    v->kind = kind;
    v->start = start;
    v->end = ngx_llm_json_offset(s, p);
    v->integer = (kind == NGX_LLM_JSON_NUMBER && s->integer);

    if (kind != NGX_LLM_JSON_NUMBER) {
        v->number = 0;
    }

    if (kind != NGX_LLM_JSON_STRING) {
        v->truncated = 0;
        ngx_str_null(&v->text);
    }

    if (kind < NGX_LLM_JSON_ARRAY) {
        v->count = 0;
    }

    s->handler(s->data, s->row, v);
}
