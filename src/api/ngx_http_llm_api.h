
/*
 * The admin API: one request of it, and what its handlers are given.
 *
 * A request is routed by a table of rows (method, path, role, handler).  Who
 * asks is known, may do so, and the body is read and parsed before a handler
 * is called.  Each handler ends the request by exactly one of
 *
 *     ngx_http_llm_api_reply(), ..._raw(), ..._done(), ..._fail(),
 *     ..._list(), ..._stream()
 *
 * at once, or later out of ngx_http_llm_api_task() or ..._wait().
 * Nothing here is on the path of /v1.
 */


#ifndef _NGX_HTTP_LLM_API_H_INCLUDED_
#define _NGX_HTTP_LLM_API_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>
#include "ngx_http_llm.h"
#include "ngx_llm_task.h"


typedef struct ngx_http_llm_api_s  ngx_http_llm_api_t;
struct ngx_http_llm_api_stream_s;

typedef void (*ngx_http_llm_api_pt)(ngx_http_llm_api_t *api);


typedef struct {
    ngx_uint_t              method;     /* NGX_HTTP_GET ... */
    const char             *path;       /* "/nodes/{id}": one segment */
    ngx_uint_t              role;       /* at least; NONE: open */
    ngx_http_llm_api_pt     handler;
    ngx_uint_t              flags;
} ngx_http_llm_api_route_t;

/* of a route: If-Match is its handler's to obey; what it changes is saved */

#define NGX_HTTP_LLM_API_TAGGED  0x01
#define NGX_HTTP_LLM_API_SAVED   0x02


/* who asks, see ngx_http_llm_api_session.h */

typedef struct {
    ngx_uint_t              role;       /* ngx_llm_role_e */
    ngx_str_t               name;       /* of the user or the key */
    uint32_t                key;        /* or NGX_LLM_KEY_NONE */
    uint64_t                key_id;     /* of it */
    ngx_msec_t              until;      /* the session's end */
    u_char                  session[NGX_LLM_SESSION_HASH];
    unsigned                in_session:1;
} ngx_http_llm_api_who_t;


struct ngx_http_llm_api_s {
    ngx_http_request_t     *request;
    const ngx_http_llm_api_route_t  *route;
    ngx_http_llm_api_who_t  who;
    ngx_str_t               id;         /* of the path's {id} */
    json_t                 *body;       /* an object; NULL: there is none */
    json_t                 *result;     /* for what is waited for: owned */
    ngx_uint_t              status;     /* and its status */
    ngx_atomic_uint_t       wanted;     /* see ngx_http_llm_api_settle() */
    ngx_uint_t              looks;
    ngx_http_llm_api_pt     settled;    /* called when the index is as wanted,
                                           before the answer; or NULL */
    uint32_t                place;      /* for it */
    void                   *data;       /* the handler's own */

    /* the core's own */

    ngx_http_llm_api_pt     then;
    ngx_event_t             timer;
    struct ngx_http_llm_api_stream_s  *stream;  /* an answer in parts */
};


/*
 * Ends the request with this status and JSON, which is freed here; NULL (no
 * memory, say) is answered 500.
 */
void ngx_http_llm_api_reply(ngx_http_llm_api_t *api, ngx_uint_t status,
    json_t *json);

/* The same with JSON that is text already, and stays the caller's. */
void ngx_http_llm_api_raw(ngx_http_llm_api_t *api, ngx_uint_t status,
    const char *text, size_t n);

/* Ends it with 204. */
void ngx_http_llm_api_done(ngx_http_llm_api_t *api);

/*
 * Ends it with an error.  Its type follows from the status; param is the
 * member or argument that is to blame, or NULL; format as of ngx_slprintf(),
 * the result is cut at 1 KB.
 */
void ngx_http_llm_api_fail(ngx_http_llm_api_t *api, ngx_uint_t status,
    const char *code, const char *param, const char *format, ...);

/* Adds a header to the answer to come; name is in lower case, value kept. */
ngx_int_t ngx_http_llm_api_header(ngx_http_llm_api_t *api, const char *name,
    const ngx_str_t *value);

/* Adds those of every answer: its type, and that nobody keeps it. */
ngx_int_t ngx_http_llm_api_headers(ngx_http_llm_api_t *api);

/*
 * Calls run() in a thread and then() in the event loop; data goes to both
 * as api->data and must stay true: the request is kept alive meanwhile.
 * NGX_ERROR: the request was ended with an error.
 */
ngx_int_t ngx_http_llm_api_task(ngx_http_llm_api_t *api,
    void (*run)(void *data), ngx_http_llm_api_pt then, void *data);

/* The request is kept alive until ngx_http_llm_api_go() calls then(). */
void ngx_http_llm_api_wait(ngx_http_llm_api_t *api, ngx_http_llm_api_pt then);
void ngx_http_llm_api_go(ngx_http_llm_api_t *api);

/*
 * Replies, as ngx_http_llm_api_reply(), when the index of models holds all
 * lists as they are now: at once, or some milliseconds later.  204 has no json.
 */
void ngx_http_llm_api_settle(ngx_http_llm_api_t *api, ngx_uint_t status,
    json_t *json);

/* us, of a clock that only goes forward. */
uint64_t ngx_http_llm_api_clock(void);

/* The handler of api->timer. */
void ngx_http_llm_api_timer(ngx_event_t *ev);


#endif /* _NGX_HTTP_LLM_API_H_INCLUDED_ */
