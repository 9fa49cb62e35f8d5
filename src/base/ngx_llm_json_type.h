
/*
 * The types of the JSON scanner: its state, the rows of what is watched and
 * what is reported.  For ngx_llm_json.h, which users include, and for the
 * scanner's own files.
 */


#ifndef _NGX_LLM_JSON_TYPE_H_INCLUDED_
#define _NGX_LLM_JSON_TYPE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* containers open at once; one more is the error "nested too deeply" */
#define NGX_LLM_JSON_DEPTH   512

/* watched containers open at once, the root being the first */
#define NGX_LLM_JSON_LEVELS  7

/* the parent of the rows that stand in the root */
#define NGX_LLM_JSON_ROOT    -1


typedef enum {
    NGX_LLM_JSON_NONE = 0,
    NGX_LLM_JSON_NULL,
    NGX_LLM_JSON_FALSE,
    NGX_LLM_JSON_TRUE,
    NGX_LLM_JSON_NUMBER,
    NGX_LLM_JSON_STRING,
    NGX_LLM_JSON_ARRAY,
    NGX_LLM_JSON_OBJECT
} ngx_llm_json_kind_e;


/* what was found at a watched place; offsets count from the input's start */

typedef struct {
    ngx_uint_t                   kind;       /* ngx_llm_json_kind_e */
    off_t                        start;      /* of the value's first byte */
    off_t                        end;        /* after its last byte */
    ngx_str_t                    text;       /* STRING: decoded, may hold NUL */
    int64_t                      number;     /* NUMBER: toward 0, clamped */
    ngx_uint_t                   count;      /* ARRAY, OBJECT: its items */
    unsigned                     truncated:1;  /* text was cut */
    unsigned                     integer:1;  /* no fraction, no exponent */
} ngx_llm_json_value_t;


/*
 * The watched places are the rows of a static table.  A row names a member of
 * the container that its parent row stands for; its own index is its id:
 *
 *     enum { MODEL, OPTIONS, DATA, USAGE, ITEM, ID };
 *
 *     static const ngx_llm_json_watch_t  watch[] = {
 *         ngx_llm_json_member(NGX_LLM_JSON_ROOT, "model"),
 *         ngx_llm_json_member(NGX_LLM_JSON_ROOT, "stream_options"),
 *         ngx_llm_json_member(NGX_LLM_JSON_ROOT, "data"),
 *         ngx_llm_json_member(OPTIONS, "include_usage"),
 *         ngx_llm_json_element(DATA),
 *         ngx_llm_json_member(ITEM, "id")
 *     };
 *
 * Each place has one row; a container deeper than NGX_LLM_JSON_LEVELS is not
 * reported.
 */

typedef struct {
    ngx_int_t                    parent;
    ngx_str_t                    name;       /* data NULL: any array element */
    uint64_t                     bit;        /* of the name's length */
} ngx_llm_json_watch_t;

/* one bit for a name, to pass by most names without a look at the table */
#define ngx_llm_json_name_bit(len)  ((uint64_t) 1 << ((len) & 63))

#define ngx_llm_json_member(parent, name)                                     \
    { parent, ngx_string(name), ngx_llm_json_name_bit(sizeof(name) - 1) }
#define ngx_llm_json_element(parent)                                          \
    { parent, ngx_null_string, ngx_llm_json_name_bit(0) }


/*
 * Called when a watched value ends, before feed() returns, once for each time
 * it occurs: of members given twice the last call is the last one, as most
 * parsers take it.  id is the row's index.  v and v->text are valid during
 * the call only.  Values of an input that turns out to be invalid later were
 * reported as well.
 */

typedef void (*ngx_llm_json_pt)(void *data, ngx_uint_t id,
    const ngx_llm_json_value_t *v);


/* an open container that is watched */

typedef struct {
    off_t                        start;
    uint64_t                     mask;       /* of its rows' names; 0: none */
    uint32_t                     count;      /* commas so far */
    int16_t                      row;
    int16_t                      element;    /* the row of its elements */
} ngx_llm_json_frame_t;


/*
 * The fields under "result" may be read between calls; the others are the
 * scanner's own.
 */

typedef struct {
    /* result */
    const char                  *error;      /* why feed or end declined */
    off_t                        error_at;   /* offset of what is wrong */
    off_t                        root_open;  /* after the root's '{' or '[' */
    ngx_uint_t                   root_count; /* the root's items, at its end */
    u_char                       root_kind;  /* NONE until it has begun */

    /* what stands open */
    u_char                       state;
    u_char                       level;      /* frames in use */
    uint16_t                     depth;      /* containers open */
    int16_t                      row;        /* of the value that comes */
    uint64_t                     bits;       /* the stack's top, see the .c */
    uint64_t                     parents;    /* the rows that have others */

    /* a token that may go on in the next slice */
    u_char                       number;     /* state within a number */
    u_char                       npending;
    u_char                       pending[12];  /* a cut escape or UTF-8 char */
    unsigned                     key:1;      /* the string is a name */
    unsigned                     capture:1;  /* ... that somebody wants */
    unsigned                     truncated:1;
    unsigned                     negative:1;
    unsigned                     shrink:1;   /* the exponent is negative */
    unsigned                     integer:1;
    int32_t                      scale;      /* powers of ten left out */
    int32_t                      exponent;
    uint64_t                     mantissa;
    const char                  *literal;    /* what is left of the word */

    const u_char                *base;       /* the slice's first byte ... */
    off_t                        offset;     /* ... and its offset */
    off_t                        start;      /* of the watched scalar */

    u_char                      *buf;
    size_t                       size;
    size_t                       len;
    void                        *data;
    ngx_llm_json_pt              handler;
    ngx_uint_t                   nwatch;
    const ngx_llm_json_watch_t  *watch;

    ngx_llm_json_frame_t         frames[NGX_LLM_JSON_LEVELS];
    uint64_t                     stack[NGX_LLM_JSON_DEPTH / 64];
} ngx_llm_json_t;


#endif /* _NGX_LLM_JSON_TYPE_H_INCLUDED_ */
