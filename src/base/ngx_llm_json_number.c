
/*
 * Numbers, for ngx_llm_json.c, which calls at a number's first byte and again
 * with the slices after it.  Owns s->number, the state within one, and what is
 * gathered of a watched one: s->mantissa, scale, exponent and their flags.
 * A short number that lies whole in the slice touches none but the mantissa.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_json_number.h"
#include "ngx_llm_json_watch.h"


/* a mantissa up to here takes one more digit without overflow */
#define NGX_LLM_JSON_MANTISSA  ((UINT64_MAX - 9) / 10)

#define NGX_LLM_JSON_INT_MAX   (UINT64_MAX / 2)
#define NGX_LLM_JSON_EXP_MAX   100000000


/* what the last byte of a number was; a number may end after a *_DIGIT */

enum {
    NGX_LLM_JSON_NUM_END = 0,
    NGX_LLM_JSON_NUM_MINUS,
    NGX_LLM_JSON_NUM_ZERO_DIGIT,
    NGX_LLM_JSON_NUM_DIGIT,
    NGX_LLM_JSON_NUM_POINT,
    NGX_LLM_JSON_NUM_FRACTION_DIGIT,
    NGX_LLM_JSON_NUM_E,
    NGX_LLM_JSON_NUM_SIGN,
    NGX_LLM_JSON_NUM_EXPONENT_DIGIT
};


static ngx_inline const u_char *ngx_llm_json_short_number(ngx_llm_json_t *s,
    const u_char *p, const u_char *last);
static ngx_uint_t ngx_llm_json_number_next(ngx_uint_t state, u_char c);
static void ngx_llm_json_number_add(ngx_llm_json_t *s, ngx_uint_t state,
    u_char c);
static int64_t ngx_llm_json_number_value(ngx_llm_json_t *s);


const u_char *
ngx_llm_json_number(ngx_llm_json_t *s, const u_char *p, const u_char *last)
{
    const u_char  *q;

    q = ngx_llm_json_short_number(s, p, last);

    if (q != NULL) {
        return q;
    }

    s->number = NGX_LLM_JSON_NUM_END;
    s->negative = 0;
    s->shrink = 0;
    s->integer = 1;
    s->scale = 0;
    s->exponent = 0;
    s->mantissa = 0;

    return ngx_llm_json_number_resume(s, p, last);
}


/*
 * The usual number: short, whole in the slice, no exponent.  NULL: it is none
 * of these, or is bad, or has a fraction that somebody watches.
 */

static ngx_inline const u_char *
ngx_llm_json_short_number(ngx_llm_json_t *s, const u_char *p,
    const u_char *last)
{
    uint64_t       value;
    const u_char  *q, *first;

    first = (*p == '-') ? p + 1 : p;
    value = 0;

    for (q = first; q < last && *q >= '0' && *q <= '9'; q++) {
        value = value * 10 + (*q - '0');
    }

    if (q == first || q - first > 18 || (*first == '0' && q - first > 1)) {
        return NULL;
    }

    if (q < last && *q == '.' && s->row < 0) {
        first = q + 1;

        for (q = first; q < last && *q >= '0' && *q <= '9'; q++) {
            /* void */
        }

        if (q == first) {
            return NULL;
        }
    }

    if (q == last || *q == '.' || *q == 'e' || *q == 'E') {
        return NULL;
    }

    s->integer = 1;
    s->mantissa = (*p == '-') ? -value : value;
    ngx_llm_json_scalar_end(s, NGX_LLM_JSON_NUMBER, q);

    return q;
}


const u_char *
ngx_llm_json_number_resume(ngx_llm_json_t *s, const u_char *p,
    const u_char *last)
{
    ngx_uint_t  next, state, watched;

    state = s->number;
    watched = (s->row >= 0);

    for ( /* void */ ; p < last; p++) {

        next = ngx_llm_json_number_next(state, *p);

        if (next == NGX_LLM_JSON_NUM_END) {
            s->number = state;
            return ngx_llm_json_number_end(s, p);
        }

        state = next;

        if (watched) {
            ngx_llm_json_number_add(s, state, *p);
        }
    }

    s->number = state;
    s->state = NGX_LLM_JSON_IN_NUMBER;

    return last;
}


static ngx_uint_t
ngx_llm_json_number_next(ngx_uint_t state, u_char c)
{
    /* what a digit, '.', 'e', '+' and '-' make of each state */

    static const u_char  digit[] = { 3, 3, 0, 3, 5, 5, 8, 8, 8 };
    static const u_char  point[] = { 0, 0, 4, 4, 0, 0, 0, 0, 0 };
    static const u_char  e[] =     { 0, 0, 6, 6, 0, 6, 0, 0, 0 };
    static const u_char  plus[] =  { 0, 0, 0, 0, 0, 0, 7, 0, 0 };
    static const u_char  minus[] = { 1, 0, 0, 0, 0, 0, 7, 0, 0 };

    if (c >= '0' && c <= '9') {
        if (c == '0' && state < NGX_LLM_JSON_NUM_ZERO_DIGIT) {
            return NGX_LLM_JSON_NUM_ZERO_DIGIT;
        }

        return digit[state];
    }

    switch (c) {
    case '.':
        return point[state];
    case 'e':
    case 'E':
        return e[state];
    case '+':
        return plus[state];
    case '-':
        return minus[state];
    default:
        return NGX_LLM_JSON_NUM_END;
    }
}


/* digits that no longer fit are dropped, s->scale remembers how many */

static void
ngx_llm_json_number_add(ngx_llm_json_t *s, ngx_uint_t state, u_char c)
{
    ngx_uint_t  fits;

    fits = (s->mantissa <= NGX_LLM_JSON_MANTISSA);

    switch (state) {

    case NGX_LLM_JSON_NUM_MINUS:
        s->negative = 1;
        break;

    case NGX_LLM_JSON_NUM_ZERO_DIGIT:
    case NGX_LLM_JSON_NUM_DIGIT:
        if (fits) {
            s->mantissa = s->mantissa * 10 + (c - '0');

        } else if (s->scale < NGX_LLM_JSON_EXP_MAX) {
            s->scale++;
        }

        break;

    case NGX_LLM_JSON_NUM_FRACTION_DIGIT:
        if (fits && s->scale > -NGX_LLM_JSON_EXP_MAX) {
            s->mantissa = s->mantissa * 10 + (c - '0');
            s->scale--;
        }

        break;

    case NGX_LLM_JSON_NUM_EXPONENT_DIGIT:
        if (s->exponent < NGX_LLM_JSON_EXP_MAX) {
            s->exponent = s->exponent * 10 + (c - '0');
        }

        break;

    default: /* NGX_LLM_JSON_NUM_POINT, _E, _SIGN */
        s->integer = 0;
        s->shrink = (c == '-');
    }
}


const u_char *
ngx_llm_json_number_end(ngx_llm_json_t *s, const u_char *p)
{
    switch (s->number) {

    case NGX_LLM_JSON_NUM_ZERO_DIGIT:
    case NGX_LLM_JSON_NUM_DIGIT:
    case NGX_LLM_JSON_NUM_FRACTION_DIGIT:
    case NGX_LLM_JSON_NUM_EXPONENT_DIGIT:
        break;

    default:
        return ngx_llm_json_fail(s, p, "a bad number");
    }

    if (s->row >= 0) {
        s->mantissa = (uint64_t) ngx_llm_json_number_value(s);
    }

    s->state = NGX_LLM_JSON_AFTER;
    ngx_llm_json_scalar_end(s, NGX_LLM_JSON_NUMBER, p);

    return p;
}


static int64_t
ngx_llm_json_number_value(ngx_llm_json_t *s)
{
    int64_t   scale;
    uint64_t  value;

    value = s->mantissa;
    scale = (int64_t) s->scale + (s->shrink ? -(int64_t) s->exponent
                                            : (int64_t) s->exponent);

    for ( /* void */ ; scale > 0 && value; scale--) {

        if (value > NGX_LLM_JSON_INT_MAX / 10) {
            value = UINT64_MAX;
            break;
        }

        value *= 10;
    }

    for ( /* void */ ; scale < 0 && value; scale++) {
        value /= 10;
    }

    if (value > NGX_LLM_JSON_INT_MAX) {
        return s->negative ? INT64_MIN : INT64_MAX;
    }

    return s->negative ? -(int64_t) value : (int64_t) value;
}
