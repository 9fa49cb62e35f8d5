
/*
 * Every error a client may see, in one table, and its OpenAI shape
 * {"error":{"message","type","param","code"}}.
 */


#ifndef _NGX_LLM_ERROR_H_INCLUDED_
#define _NGX_LLM_ERROR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef enum {
    NGX_LLM_ERR_NONE = 0,
    NGX_LLM_ERR_INVALID_KEY,
    NGX_LLM_ERR_SCOPE,
    NGX_LLM_ERR_MODEL_NOT_ALLOWED,
    NGX_LLM_ERR_INVALID_JSON,
    NGX_LLM_ERR_INVALID_MULTIPART,
    NGX_LLM_ERR_MODEL_REQUIRED,
    NGX_LLM_ERR_MODEL_TOO_LONG,
    NGX_LLM_ERR_MESSAGES_REQUIRED,
    NGX_LLM_ERR_PROMPT_REQUIRED,
    NGX_LLM_ERR_INPUT_REQUIRED,
    NGX_LLM_ERR_CONTENT_TYPE,
    NGX_LLM_ERR_UNKNOWN_URL,
    NGX_LLM_ERR_METHOD,
    NGX_LLM_ERR_MODEL_NOT_FOUND,
    NGX_LLM_ERR_NO_NODES,
    NGX_LLM_ERR_TOO_LARGE,
    NGX_LLM_ERR_RATE_LIMIT,
    NGX_LLM_ERR_QUEUE_FULL,
    NGX_LLM_ERR_QUEUE_TIMEOUT,
    NGX_LLM_ERR_TIMEOUT,
    NGX_LLM_ERR_UPSTREAM,
    NGX_LLM_ERR_INTERNAL,

    /* nginx's own */

    NGX_LLM_ERR_BAD_REQUEST,
    NGX_LLM_ERR_REQUEST_TIMEOUT,
    NGX_LLM_ERR_HEADERS_TOO_LARGE,
    NGX_LLM_ERR_FORBIDDEN,
    NGX_LLM_ERR_NOT_FOUND,
    NGX_LLM_ERR_TOO_MANY,
    NGX_LLM_ERR_UNAVAILABLE,
    NGX_LLM_ERR_OTHER,
    NGX_LLM_ERR_MAX
} ngx_llm_error_e;


typedef struct {
    ngx_uint_t           status;
    const char          *type;
    const char          *code;      /* NULL: null */
    const char          *param;     /* NULL: null */
    const char          *message;   /* the default one */
} ngx_llm_error_t;


/* a rendered error is never longer than its message * 6 and this */
#define NGX_LLM_ERROR_ROOM  256


extern const ngx_llm_error_t  ngx_llm_errors[NGX_LLM_ERR_MAX];


/* The row for a status of nginx's own. */
ngx_uint_t ngx_llm_error_of_status(ngx_uint_t status);

/*
 * Writes the error's JSON object, without a line end, to dst.  message may be
 * NULL: the default one.  Returns the end.
 */
u_char *ngx_llm_error_json(u_char *dst, ngx_uint_t error,
    const ngx_str_t *message);


#endif /* _NGX_LLM_ERROR_H_INCLUDED_ */
