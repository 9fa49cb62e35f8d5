
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ngx_llm_entry.h"
#include "ngx_llm_query.h"


/* ms until Redis is taken to be away */
#define NGX_LLM_QUERY_TIMEOUT  1000

/* blocks of the index that are read at a time */
#define NGX_LLM_QUERY_BLOCKS   16


typedef struct {
    ngx_llm_redis_t         redis;
    ngx_queue_t             queries;    /* under way, or waiting for redis */
    unsigned                open:1;
} ngx_llm_query_redis_t;


static void ngx_llm_query_up(void *data);
static void ngx_llm_query_down(void *data, const char *why);
static void ngx_llm_query_done(ngx_llm_query_t *query, const char *error);

static void ngx_llm_query_begin(ngx_llm_query_t *query);
static void ngx_llm_query_ask(ngx_llm_query_t *query, const char *command,
    const char *key, ngx_llm_redis_reply_pt handler);
static uint64_t ngx_llm_query_number(redisReply *reply);
static void ngx_llm_query_n(void *data, redisReply *reply);
static void ngx_llm_query_low(void *data, redisReply *reply);
static void ngx_llm_query_total(void *data, redisReply *reply);
static void ngx_llm_query_models(void *data, redisReply *reply);
static int ngx_libc_cdecl ngx_llm_query_order(const void *one,
    const void *two);
static ngx_uint_t ngx_llm_query_answered(ngx_llm_query_t *query,
    redisReply *reply, int type);

static void ngx_llm_query_read(ngx_llm_query_t *query);
static void ngx_llm_query_blocks(void *data, redisReply *reply);
static void ngx_llm_query_block(ngx_llm_query_t *query, uint64_t first,
    const u_char *p, size_t n);
static ngx_uint_t ngx_llm_query_fits(ngx_llm_query_t *query,
    const ngx_llm_entry_t *entry);
static ngx_uint_t ngx_llm_query_model(ngx_llm_query_t *query, uint32_t hash);

static void ngx_llm_query_fetch(ngx_llm_query_t *query);
static ngx_uint_t ngx_llm_query_run(ngx_llm_query_t *query, ngx_uint_t i);
static void ngx_llm_query_id(ngx_llm_query_t *query, ngx_uint_t i);
static void ngx_llm_query_rows(void *data, redisReply *reply);
static ngx_int_t ngx_llm_query_row(ngx_llm_query_t *query,
    redisReply *entry);


static ngx_llm_query_redis_t  ngx_llm_queries;


void
ngx_llm_query_start(ngx_cycle_t *cycle, const ngx_llm_redis_conf_t *conf)
{
    ngx_llm_redis_t  *redis;

    ngx_memzero(&ngx_llm_queries, sizeof(ngx_llm_query_redis_t));

    ngx_queue_init(&ngx_llm_queries.queries);

    redis = &ngx_llm_queries.redis;

    redis->conf = conf;
    redis->log = cycle->log;
    redis->timeout = NGX_LLM_QUERY_TIMEOUT;
    redis->up = ngx_llm_query_up;
    redis->down = ngx_llm_query_down;
}


void
ngx_llm_query_stop(void)
{
    if (ngx_llm_queries.open) {
        ngx_llm_redis_close(&ngx_llm_queries.redis);
        ngx_llm_queries.open = 0;
    }
}


void
ngx_llm_query(ngx_llm_query_t *query)
{
    ngx_llm_redis_t  *redis;

    redis = &ngx_llm_queries.redis;

    query->error = NULL;
    query->nrows = 0;
    query->nfound = 0;
    query->next = 0;
    query->end = 0;

    ngx_queue_insert_tail(&ngx_llm_queries.queries, &query->queue);

    if (!ngx_llm_queries.open) {
        ngx_llm_queries.open = 1;
        ngx_llm_redis_open(redis);
    }

    if (redis->ready) {
        ngx_llm_query_begin(query);
        ngx_llm_redis_send(redis);
    }
}


void
ngx_llm_query_free(ngx_llm_query_t *query)
{
    free(query->text);
    free(query->models);

    query->text = NULL;
    query->size = 0;
    query->models = NULL;
    query->nmodels = 0;
}


static void
ngx_llm_query_up(void *data)
{
    ngx_queue_t      *q;
    ngx_llm_query_t  *query;

    for (q = ngx_queue_head(&ngx_llm_queries.queries);
         q != ngx_queue_sentinel(&ngx_llm_queries.queries);
         q = ngx_queue_next(q))
    {
        query = ngx_queue_data(q, ngx_llm_query_t, queue);
        ngx_llm_query_begin(query);
    }

    ngx_llm_redis_send(&ngx_llm_queries.redis);
}


static void
ngx_llm_query_down(void *data, const char *why)
{
    ngx_queue_t       all, *q;
    ngx_llm_query_t  *query;

    ngx_llm_queries.open = 0;

    /* one that is over may ask again */

    ngx_queue_init(&all);
    ngx_queue_add(&all, &ngx_llm_queries.queries);
    ngx_queue_init(&ngx_llm_queries.queries);

    while (!ngx_queue_empty(&all)) {
        q = ngx_queue_head(&all);
        query = ngx_queue_data(q, ngx_llm_query_t, queue);

        ngx_llm_query_done(query, why);
    }
}


static void
ngx_llm_query_done(ngx_llm_query_t *query, const char *error)
{
    ngx_queue_remove(&query->queue);

    if (error) {
        ngx_cpystrn((u_char *) query->why, (u_char *) error,
                    sizeof(query->why));
        query->error = query->why;
    }

    query->done(query);
}


/* how many there are, from where on, and which models are meant */

static void
ngx_llm_query_begin(ngx_llm_query_t *query)
{
    query->low = 0;
    query->at = query->before;

    ngx_llm_query_ask(query, "GET", "history:index:low", ngx_llm_query_low);
    ngx_llm_query_ask(query, "XLEN", "history", ngx_llm_query_total);

    if (query->filter.model.len && query->models == NULL) {
        ngx_llm_query_ask(query, "HKEYS", "history:models",
                          ngx_llm_query_models);
    }

    ngx_llm_query_ask(query, "GET", "history:index:n", ngx_llm_query_n);
}


static void
ngx_llm_query_ask(ngx_llm_query_t *query, const char *command,
    const char *key, ngx_llm_redis_reply_pt handler)
{
    ngx_llm_redis_t  *redis;

    redis = &ngx_llm_queries.redis;

    ngx_llm_redis_begin(redis, 2, handler, query);
    ngx_llm_redis_arg(redis, command, ngx_strlen(command));
    ngx_llm_redis_key(redis, key);
}


/* 0 where there is nothing yet */

static uint64_t
ngx_llm_query_number(redisReply *reply)
{
    ngx_int_t  n;

    if (reply->type == REDIS_REPLY_INTEGER) {
        return reply->integer;
    }

    if (reply->type != REDIS_REPLY_STRING) {
        return 0;
    }

    n = ngx_atoi((u_char *) reply->str, reply->len);

    return (n == NGX_ERROR) ? 0 : n;
}


static void
ngx_llm_query_low(void *data, redisReply *reply)
{
    ngx_llm_query_t  *query = data;

    query->low = ngx_llm_query_number(reply) * NGX_LLM_ENTRY_BLOCK;
}


static void
ngx_llm_query_total(void *data, redisReply *reply)
{
    ngx_llm_query_t  *query = data;

    query->total = ngx_llm_query_number(reply);
}


/* those whose name has the part that is asked for */

static void
ngx_llm_query_models(void *data, redisReply *reply)
{
    ngx_llm_query_t  *query = data;

    size_t       i;
    ngx_str_t    name, *part;
    redisReply  *element;

    query->models = malloc((reply->elements + 1) * sizeof(uint32_t));

    if (query->models == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return;
    }

    part = &query->filter.model;

    for (i = 0; i < reply->elements; i++) {
        element = reply->element[i];

        if (element->type == REDIS_REPLY_STRING
            && memmem(element->str, element->len, part->data, part->len))
        {
            name.data = (u_char *) element->str;
            name.len = element->len;

            query->models[query->nmodels++] = ngx_llm_entry_hash(&name);
        }
    }

    qsort(query->models, query->nmodels, sizeof(uint32_t),
          ngx_llm_query_order);
}


static int ngx_libc_cdecl
ngx_llm_query_order(const void *one, const void *two)
{
    const uint32_t  *a = one;
    const uint32_t  *b = two;

    return (*a > *b) - (*a < *b);
}


/* the last of the first answers */

static void
ngx_llm_query_n(void *data, redisReply *reply)
{
    ngx_llm_query_t  *query = data;

    uint64_t  n;

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_llm_query_done(query, reply->str);
        return;
    }

    n = ngx_llm_query_number(reply);

    if (query->before == 0 || query->before > n) {
        query->at = n;
    }

    if (query->filter.model.len && query->nmodels == 0) {
        query->at = query->low;
    }

    ngx_llm_query_read(query);
}


/* the next blocks, or what was found in those before */

static void
ngx_llm_query_read(ngx_llm_query_t *query)
{
    u_char            name[sizeof("history:index:") + NGX_INT64_LEN];
    uint64_t          block, low;
    ngx_uint_t        i;
    ngx_llm_redis_t  *redis;

    if (query->end || query->at <= query->low || query->nfound == query->limit)
    {
        ngx_llm_query_fetch(query);
        return;
    }

    redis = &ngx_llm_queries.redis;

    block = (query->at - 1) / NGX_LLM_ENTRY_BLOCK;
    low = query->low / NGX_LLM_ENTRY_BLOCK;

    query->blocks = ngx_min(block - low + 1, NGX_LLM_QUERY_BLOCKS);

    ngx_llm_redis_begin(redis, 1 + query->blocks, ngx_llm_query_blocks, query);
    ngx_llm_redis_word(redis, "MGET");

    for (i = 0; i < query->blocks; i++) {
        ngx_sprintf(name, "history:index:%uL%Z", block - i);
        ngx_llm_redis_key(redis, (char *) name);
    }

    ngx_llm_redis_send(redis);
}


static void
ngx_llm_query_blocks(void *data, redisReply *reply)
{
    ngx_llm_query_t  *query = data;

    uint64_t     first;
    ngx_uint_t   i;
    redisReply  *element;

    if (!ngx_llm_query_answered(query, reply, REDIS_REPLY_ARRAY)) {
        return;
    }

    for (i = 0; i < reply->elements; i++) {
        element = reply->element[i];

        first = (query->at - 1) / NGX_LLM_ENTRY_BLOCK * NGX_LLM_ENTRY_BLOCK;

        if (element->type == REDIS_REPLY_STRING) {
            ngx_llm_query_block(query, first, (u_char *) element->str,
                                element->len / NGX_LLM_ENTRY_SIZE);
        }

        if (query->end || query->nfound == query->limit || first == 0) {
            query->end |= (first == 0 && query->nfound < query->limit);
            break;
        }

        query->at = first;
    }

    ngx_llm_query_read(query);
}


/* is it as expected?  Otherwise the query is over. */

static ngx_uint_t
ngx_llm_query_answered(ngx_llm_query_t *query, redisReply *reply, int type)
{
    if (reply->type == type) {
        return 1;
    }

    ngx_llm_query_done(query, (reply->type == REDIS_REPLY_ERROR)
                              ? reply->str : "answered something else");
    return 0;
}


/* n entries, the first one's place is first; from the last one back */

static void
ngx_llm_query_block(ngx_llm_query_t *query, uint64_t first, const u_char *p,
    size_t n)
{
    ngx_llm_entry_t         entry;
    ngx_llm_query_found_t  *found;

    n = ngx_min(n, query->at - first);

    while (n--) {
        ngx_llm_entry_read(p + n * NGX_LLM_ENTRY_SIZE, &entry);

        if (entry.ms < query->filter.from) {
            query->end = 1;
            return;
        }

        if (!ngx_llm_query_fits(query, &entry)) {
            continue;
        }

        found = &query->found[query->nfound++];

        found->ms = entry.ms;
        found->sequence = entry.sequence;
        found->place = first + n;

        if (query->nfound == query->limit) {
            query->at = found->place;
            return;
        }
    }
}


static ngx_uint_t
ngx_llm_query_fits(ngx_llm_query_t *query, const ngx_llm_entry_t *entry)
{
    uint32_t                        hash;
    const ngx_llm_record_filter_t  *filter;

    filter = &query->filter;

    if (entry->time < filter->from
        || (filter->to && entry->time > filter->to)
        || (filter->status && !(filter->status & (1u << entry->status))))
    {
        return 0;
    }

    if (filter->model.len && !ngx_llm_query_model(query, entry->model)) {
        return 0;
    }

    if (filter->node.len) {
        hash = ngx_llm_entry_hash(&filter->node);

        if (hash != entry->node && hash != entry->node_id) {
            return 0;
        }
    }

    if (filter->key.len && ngx_llm_entry_hash(&filter->key) != entry->key) {
        return 0;
    }

    if (filter->id.len) {
        hash = ngx_llm_entry_hash(&filter->id);

        if (hash != entry->id && hash != entry->request_id) {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_llm_query_model(ngx_llm_query_t *query, uint32_t hash)
{
    return bsearch(&hash, query->models, query->nmodels, sizeof(uint32_t),
                   ngx_llm_query_order)
           != NULL;
}


/* what was found, a command for each run of neighbours */

static void
ngx_llm_query_fetch(ngx_llm_query_t *query)
{
    ngx_uint_t        i, n;
    ngx_llm_redis_t  *redis;

    redis = &ngx_llm_queries.redis;

    if (query->nfound == query->limit && !query->end
        && query->at > query->low)
    {
        query->next = query->at;
    }

    query->replies = 0;
    query->rows[0] = 0;

    for (i = 0; i < query->nfound; i += n) {
        n = ngx_llm_query_run(query, i);

        ngx_llm_redis_begin(redis, 4, ngx_llm_query_rows, query);
        ngx_llm_redis_word(redis, "XREVRANGE");
        ngx_llm_redis_key(redis, "history");
        ngx_llm_query_id(query, i);
        ngx_llm_query_id(query, i + n - 1);

        query->replies++;
    }

    if (query->replies == 0) {
        ngx_llm_query_done(query, NULL);
        return;
    }

    ngx_llm_redis_send(redis);
}


/* how many from the i-th on stand side by side in the stream */

static ngx_uint_t
ngx_llm_query_run(ngx_llm_query_t *query, ngx_uint_t i)
{
    ngx_uint_t              n;
    ngx_llm_query_found_t  *found;

    found = &query->found[i];

    for (n = 1; i + n < query->nfound; n++) {
        if (found[n].place != found[0].place - n) {
            break;
        }
    }

    return n;
}


static void
ngx_llm_query_id(ngx_llm_query_t *query, ngx_uint_t i)
{
    u_char  id[2 * NGX_INT64_LEN + 1], *p;

    p = ngx_sprintf(id, "%uL-%uD", query->found[i].ms,
                    query->found[i].sequence);

    ngx_llm_redis_arg(&ngx_llm_queries.redis, id, p - id);
}


static void
ngx_llm_query_rows(void *data, redisReply *reply)
{
    ngx_llm_query_t  *query = data;

    size_t       i;
    const char  *error;

    /* the first that is wrong counts, and all of them are waited for */

    if (reply->type != REDIS_REPLY_ARRAY) {
        error = (reply->type == REDIS_REPLY_ERROR) ? reply->str
                                                   : "answered something else";
        ngx_cpystrn((u_char *) query->why, (u_char *) error,
                    sizeof(query->why));
        query->error = query->why;

    } else {
        for (i = 0; i < reply->elements; i++) {
            if (ngx_llm_query_row(query, reply->element[i]) != NGX_OK) {
                query->error = "no memory";
                break;
            }
        }
    }

    if (--query->replies == 0) {
        ngx_llm_query_done(query, NULL);
    }
}


/* [id, ["record", JSON]] */

static ngx_int_t
ngx_llm_query_row(ngx_llm_query_t *query, redisReply *entry)
{
    size_t       size, used;
    u_char      *p;
    redisReply  *json;

    if (entry->type != REDIS_REPLY_ARRAY
        || entry->elements != 2
        || entry->element[1]->type != REDIS_REPLY_ARRAY
        || entry->element[1]->elements < 2
        || entry->element[1]->element[1]->type != REDIS_REPLY_STRING
        || query->nrows == NGX_LLM_QUERY_ROWS)
    {
        return NGX_OK;
    }

    json = entry->element[1]->element[1];

    used = query->rows[query->nrows];

    if (query->size - used < (size_t) json->len) {
        size = 2 * (used + json->len);

        p = realloc(query->text, size);
        if (p == NULL) {
            return NGX_ERROR;
        }

        query->text = p;
        query->size = size;
    }

    ngx_memcpy(query->text + used, json->str, json->len);

    query->rows[++query->nrows] = used + json->len;

    return NGX_OK;
}
