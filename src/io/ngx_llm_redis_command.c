
/*
 * Commands for Redis, written side by side until they are sent: RESP 2,
 * https://redis.io/docs/reference/protocol-spec.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_redis.h"
#include "ngx_llm_text.h"


static ngx_int_t ngx_llm_redis_pend(ngx_llm_redis_t *redis);
static u_char *ngx_llm_redis_room(ngx_llm_redis_t *redis, size_t n);
static void ngx_llm_redis_head(ngx_llm_redis_t *redis, u_char type,
    uint64_t n);


void
ngx_llm_redis_begin(ngx_llm_redis_t *redis, ngx_uint_t argc,
    ngx_llm_redis_reply_pt handler, void *data)
{
    if (redis->first == redis->npending) {
        redis->first = 0;
        redis->npending = 0;
    }

    if (redis->npending == redis->max && ngx_llm_redis_pend(redis) != NGX_OK) {
        redis->failed = 1;
        return;
    }

    redis->pending[redis->npending].handler = handler;
    redis->pending[redis->npending].data = data;
    redis->npending++;

    ngx_llm_redis_head(redis, '*', argc);
}


/* room for more replies that are waited for */

static ngx_int_t
ngx_llm_redis_pend(ngx_llm_redis_t *redis)
{
    ngx_uint_t                n;
    ngx_llm_redis_pending_t  *pending;

    n = 2 * redis->max + 16;

    pending = ngx_alloc(n * sizeof(ngx_llm_redis_pending_t), redis->log);
    if (pending == NULL) {
        return NGX_ERROR;
    }

    if (redis->pending) {
        redis->npending -= redis->first;

        ngx_memcpy(pending, redis->pending + redis->first,
                   redis->npending * sizeof(ngx_llm_redis_pending_t));
        ngx_free(redis->pending);

        redis->first = 0;
    }

    redis->pending = pending;
    redis->max = n;

    return NGX_OK;
}


void
ngx_llm_redis_arg(ngx_llm_redis_t *redis, const void *arg, size_t n)
{
    u_char  *p;

    ngx_llm_redis_head(redis, '$', n);

    p = ngx_llm_redis_room(redis, n + 2);

    if (p) {
        p = ngx_cpymem(p, arg, n);
        *p++ = CR;
        *p = LF;
    }
}


void
ngx_llm_redis_number(ngx_llm_redis_t *redis, uint64_t n)
{
    u_char  text[NGX_INT64_LEN];

    ngx_llm_redis_arg(redis, text, ngx_llm_decimal(text, n) - text);
}


void
ngx_llm_redis_key(ngx_llm_redis_t *redis, const char *name)
{
    u_char           *p;
    size_t            n;
    const ngx_str_t  *prefix;

    n = ngx_strlen(name);
    prefix = &redis->conf->prefix;

    ngx_llm_redis_head(redis, '$', prefix->len + n);

    p = ngx_llm_redis_room(redis, prefix->len + n + 2);

    if (p) {
        p = ngx_cpymem(p, prefix->data, prefix->len);
        p = ngx_cpymem(p, name, n);
        *p++ = CR;
        *p = LF;
    }
}


static void
ngx_llm_redis_head(ngx_llm_redis_t *redis, u_char type, uint64_t n)
{
    u_char  *p, text[NGX_INT64_LEN + 3];

    text[0] = type;
    p = ngx_llm_decimal(text + 1, n);
    *p++ = CR;
    *p++ = LF;

    n = p - text;
    p = ngx_llm_redis_room(redis, n);

    if (p) {
        ngx_memcpy(p, text, n);
    }
}


/* room for n bytes more, which count as written; NULL: no memory */

static u_char *
ngx_llm_redis_room(ngx_llm_redis_t *redis, size_t n)
{
    size_t   size;
    u_char  *p;

    if (redis->failed) {
        return NULL;
    }

    if (redis->size - redis->last < n) {
        size = 2 * (redis->last + n) + 4096;

        p = ngx_alloc(size, redis->log);
        if (p == NULL) {
            redis->failed = 1;
            return NULL;
        }

        if (redis->out) {
            ngx_memcpy(p, redis->out, redis->last);
            ngx_explicit_memzero(redis->out, redis->last);
            ngx_free(redis->out);
        }

        redis->out = p;
        redis->size = size;
    }

    p = redis->out + redis->last;
    redis->last += n;

    return p;
}
