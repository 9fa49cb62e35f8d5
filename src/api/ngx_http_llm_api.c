
/*
 * A request of the admin API that is not answered at once: it waits for a
 * thread, for a name, for the index of models.
 */


#include "ngx_llm_index.h"
#include "ngx_http_llm_api.h"


/*
 * ms between two looks whether the index of models is as wanted, and how many
 * there are: with a full zone it may take until old images are freed, or for
 * ever, and the change is made all the same
 */
#define NGX_HTTP_LLM_API_SETTLE  10
#define NGX_HTTP_LLM_API_LOOKS   400

/* ms, any will do: a worker that exits waits for timers, and for no thread */
#define NGX_HTTP_LLM_API_HOLD    60000


typedef struct {
    ngx_llm_task_t          task;
    ngx_http_llm_api_t     *api;
    void                  (*run)(void *data);
} ngx_http_llm_api_task_t;


static void ngx_http_llm_api_task_run(ngx_llm_task_t *task);
static void ngx_http_llm_api_task_done(ngx_llm_task_t *task);
static void ngx_http_llm_api_settled(ngx_http_llm_api_t *api);


ngx_int_t
ngx_http_llm_api_task(ngx_http_llm_api_t *api, void (*run)(void *data),
    ngx_http_llm_api_pt then, void *data)
{
    ngx_http_llm_api_task_t  *t;

    api->data = data;

    t = ngx_pcalloc(api->request->pool, sizeof(ngx_http_llm_api_task_t));

    if (t) {
        t->api = api;
        t->run = run;
        t->task.run = ngx_http_llm_api_task_run;
        t->task.done = ngx_http_llm_api_task_done;
        t->task.data = t;

        if (ngx_llm_task_post(&t->task) == NGX_OK) {
            ngx_http_llm_api_wait(api, then);
            return NGX_OK;
        }
    }

    ngx_http_llm_api_fail(api, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          "internal_error", NULL, "Out of resources");
    return NGX_ERROR;
}


/* blocked: nginx frees no request of which something will be heard */

void
ngx_http_llm_api_wait(ngx_http_llm_api_t *api, ngx_http_llm_api_pt then)
{
    api->then = then;
    api->request->main->blocked++;

    ngx_add_timer(&api->timer, NGX_HTTP_LLM_API_HOLD);
}


void
ngx_http_llm_api_go(ngx_http_llm_api_t *api)
{
    ngx_connection_t  *c;

    c = api->request->connection;

    ngx_http_set_log_request(c->log, api->request);

    if (api->timer.timer_set) {
        ngx_del_timer(&api->timer);
    }

    api->request->main->blocked--;
    api->then(api);

    ngx_http_run_posted_requests(c);
}


void
ngx_http_llm_api_settle(ngx_http_llm_api_t *api, ngx_uint_t status,
    json_t *json)
{
    ngx_llm_models_t  *models;

    models = ngx_http_llm_worker.zone->models;

    if (api->route->method == NGX_HTTP_GET) {

        /* it changed nothing */

        ngx_http_llm_api_reply(api, status, json);
        return;
    }

    /* who says again what was said just before may not be told sooner */

    api->status = status;
    api->result = json;
    api->wanted = models->wanted;

    if (ngx_llm_index_settle(ngx_http_llm_worker.zone, api->wanted)) {
        ngx_http_llm_api_settled(api);
        return;
    }

    ngx_http_llm_api_wait(api, ngx_http_llm_api_settled);
    ngx_add_timer(&api->timer, NGX_HTTP_LLM_API_SETTLE);
}


static void
ngx_http_llm_api_task_run(ngx_llm_task_t *task)
{
    ngx_http_llm_api_task_t  *t = task->data;

    t->run(t->api->data);
}


static void
ngx_http_llm_api_task_done(ngx_llm_task_t *task)
{
    ngx_http_llm_api_task_t  *t = task->data;

    ngx_http_llm_api_go(t->api);
}


static void
ngx_http_llm_api_settled(ngx_http_llm_api_t *api)
{
    json_t  *json;

    if (api->settled) {
        api->settled(api);
    }

    if (api->status == NGX_HTTP_NO_CONTENT) {
        ngx_http_llm_api_done(api);
        return;
    }

    json = api->result;
    api->result = NULL;

    ngx_http_llm_api_reply(api, api->status, json);
}


void
ngx_http_llm_api_timer(ngx_event_t *ev)
{
    ngx_http_llm_api_t  *api = ev->data;

    if (api->then != ngx_http_llm_api_settled) {
        ngx_add_timer(ev, NGX_HTTP_LLM_API_HOLD);
        return;
    }

    if (++api->looks < NGX_HTTP_LLM_API_LOOKS
        && !ngx_llm_index_settle(ngx_http_llm_worker.zone, api->wanted))
    {
        ngx_add_timer(ev, NGX_HTTP_LLM_API_SETTLE);
        return;
    }

    ngx_http_llm_api_go(api);
}


uint64_t
ngx_http_llm_api_clock(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
