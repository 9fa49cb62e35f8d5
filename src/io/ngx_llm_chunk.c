
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_chunk.h"


/* a chunk's size has this many hex digits at most */
#define NGX_LLM_CHUNK_DIGITS  15


typedef enum {
    NGX_LLM_CHUNK_SIZE = 0,
    NGX_LLM_CHUNK_EXTENSION,
    NGX_LLM_CHUNK_SIZE_LF,
    NGX_LLM_CHUNK_DATA,
    NGX_LLM_CHUNK_DATA_END,         /* CR or LF after the data */
    NGX_LLM_CHUNK_DATA_LF,
    NGX_LLM_CHUNK_TRAILER,          /* at a line's start */
    NGX_LLM_CHUNK_TRAILER_LINE,
    NGX_LLM_CHUNK_LAST_LF,
    NGX_LLM_CHUNK_OVER,
    NGX_LLM_CHUNK_BAD
} ngx_llm_chunk_state_e;


static ngx_uint_t ngx_llm_chunk_step(ngx_llm_chunk_t *ch, u_char c);
static ngx_uint_t ngx_llm_chunk_size(ngx_llm_chunk_t *ch, u_char c);
static ngx_uint_t ngx_llm_chunk_sized(ngx_llm_chunk_t *ch);


ngx_int_t
ngx_llm_chunk_next(ngx_llm_chunk_t *ch, u_char **p, u_char *last,
    ngx_str_t *data)
{
    while (ch->state != NGX_LLM_CHUNK_OVER && ch->state != NGX_LLM_CHUNK_BAD) {

        if (*p == last) {
            return NGX_AGAIN;
        }

        if (ch->state == NGX_LLM_CHUNK_DATA) {
            data->data = *p;
            data->len = (size_t) ngx_min(last - *p, ch->left);

            *p += data->len;
            ch->left -= data->len;

            if (ch->left == 0) {
                ch->state = NGX_LLM_CHUNK_DATA_END;
            }

            return NGX_OK;
        }

        ch->state = ngx_llm_chunk_step(ch, *(*p)++);
    }

    return (ch->state == NGX_LLM_CHUNK_OVER) ? NGX_DONE : NGX_ERROR;
}


/* the state after a byte that is not data */

static ngx_uint_t
ngx_llm_chunk_step(ngx_llm_chunk_t *ch, u_char c)
{
    switch (ch->state) {

    case NGX_LLM_CHUNK_SIZE:
        return ngx_llm_chunk_size(ch, c);

    case NGX_LLM_CHUNK_EXTENSION:
        return (c == LF) ? ngx_llm_chunk_sized(ch) : ch->state;

    case NGX_LLM_CHUNK_SIZE_LF:
        return (c == LF) ? ngx_llm_chunk_sized(ch) : NGX_LLM_CHUNK_BAD;

    case NGX_LLM_CHUNK_DATA_END:
        if (c == CR) {
            return NGX_LLM_CHUNK_DATA_LF;
        }

        /* fall through */

    case NGX_LLM_CHUNK_DATA_LF:
        return (c == LF) ? NGX_LLM_CHUNK_SIZE : NGX_LLM_CHUNK_BAD;

    case NGX_LLM_CHUNK_TRAILER:
        if (c == LF) {
            return NGX_LLM_CHUNK_OVER;
        }

        return (c == CR) ? NGX_LLM_CHUNK_LAST_LF : NGX_LLM_CHUNK_TRAILER_LINE;

    case NGX_LLM_CHUNK_TRAILER_LINE:
        return (c == LF) ? NGX_LLM_CHUNK_TRAILER : ch->state;

    default: /* NGX_LLM_CHUNK_LAST_LF */
        return (c == LF) ? NGX_LLM_CHUNK_OVER : NGX_LLM_CHUNK_BAD;
    }
}


static ngx_uint_t
ngx_llm_chunk_size(ngx_llm_chunk_t *ch, u_char c)
{
    u_char  lower;

    lower = (u_char) (c | 0x20);

    if ((c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f')) {

        if (ch->digits++ == NGX_LLM_CHUNK_DIGITS) {
            return NGX_LLM_CHUNK_BAD;
        }

        ch->left = ch->left * 16 + (c <= '9' ? c - '0' : lower - 'a' + 10);

        return NGX_LLM_CHUNK_SIZE;
    }

    if (ch->digits == 0) {
        return NGX_LLM_CHUNK_BAD;
    }

    switch (c) {

    case LF:
        return ngx_llm_chunk_sized(ch);

    case CR:
        return NGX_LLM_CHUNK_SIZE_LF;

    case ';':
    case ' ':
    case '\t':
        return NGX_LLM_CHUNK_EXTENSION;

    default:
        return NGX_LLM_CHUNK_BAD;
    }
}


/* the line of the size is over */

static ngx_uint_t
ngx_llm_chunk_sized(ngx_llm_chunk_t *ch)
{
    ch->digits = 0;

    return ch->left ? NGX_LLM_CHUNK_DATA : NGX_LLM_CHUNK_TRAILER;
}
