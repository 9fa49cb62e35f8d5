
/*
 * Attempts: which node each one goes to, over which connection, and whether
 * another follows.  The engine calls get() before and free() after each one.
 */


#include "ngx_llm_tls.h"
#include "ngx_http_llm_balance.h"
#include "ngx_http_llm_buffer.h"
#include "ngx_http_llm_finish.h"
#include "ngx_http_llm_head.h"
#include "ngx_http_llm_peer.h"


static void ngx_http_llm_balance_choice(ngx_http_llm_ctx_t *ctx,
    ngx_llm_choice_t *choice);
static void ngx_http_llm_balance_spent(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_balance_get(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_llm_balance_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state);
static void ngx_http_llm_balance_failed(ngx_peer_connection_t *pc,
    ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_balance_keep(ngx_peer_connection_t *pc,
    ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_balance_address(ngx_peer_connection_t *pc,
    ngx_http_llm_ctx_t *ctx);
#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_llm_balance_set_session(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_llm_balance_save_session(ngx_peer_connection_t *pc,
    void *data);
#endif


ngx_int_t
ngx_http_llm_balance_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    u->peer.data = ngx_http_llm_ctx(r);
    u->peer.get = ngx_http_llm_balance_get;
    u->peer.free = ngx_http_llm_balance_free;
    u->peer.tries = 1;

#if (NGX_HTTP_SSL)
    u->peer.set_session = ngx_http_llm_balance_set_session;
    u->peer.save_session = ngx_http_llm_balance_save_session;
#endif

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_balance_first(ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t         rc;
    ngx_llm_choice_t  choice;

    ngx_http_llm_balance_choice(ctx, &choice);

    rc = ngx_llm_choose(ngx_http_llm_worker.zone, ngx_http_llm_worker.ledger,
                        &choice, &ctx->node);

    ctx->rest = choice.rest;
    ctx->resting = choice.resting;

    if (rc == NGX_OK) {
        ctx->waiting = 1;
        ctx->rest = 0;

        ngx_http_llm_outcome_begin(ctx, choice.trial);
    }

    return rc;
}


ngx_uint_t
ngx_http_llm_balance_next(ngx_http_llm_ctx_t *ctx)
{
    ngx_llm_choice_t  choice;

    if (ctx->next_node != NGX_LLM_NODE_NONE) {
        return 1;
    }

    if (ctx->attempts >= (ngx_uint_t) ctx->llcf->tries
        || ctx->ntried == NGX_LLM_CHOOSE_TRIED)
    {
        return 0;
    }

    /* never twice to the same */

    ctx->tried[ctx->ntried++] = ctx->peer->node;

    ngx_http_llm_balance_choice(ctx, &choice);

    if (ngx_llm_choose(ngx_http_llm_worker.zone, ngx_http_llm_worker.ledger,
                       &choice, &ctx->next_node)
        != NGX_OK)
    {
        return 0;
    }

    ctx->next_trial = choice.trial;

    if (!ngx_llm_budget_spend(&ngx_http_llm_worker.zone->budget,
                              ngx_current_msec))
    {
        ngx_http_llm_release_node(ctx, &ctx->next_node);
        ngx_http_llm_balance_spent(ctx);

        return 0;
    }

    return 1;
}


/* a cluster that fails as a whole would fill the log: a line a second */

static void
ngx_http_llm_balance_spent(ngx_http_llm_ctx_t *ctx)
{
    static time_t  logged;

    if (logged == ngx_time()) {
        return;
    }

    logged = ngx_time();

    ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                  "llm node \"%V\" failed and no other is tried: the budget "
                  "of retries is spent", &ctx->node_name);
}


static void
ngx_http_llm_balance_choice(ngx_http_llm_ctx_t *ctx,
    ngx_llm_choice_t *choice)
{
    ngx_http_upstream_conf_t  *conf;

    choice->model = &ctx->model;
    choice->hash = ctx->hash;
    choice->policy = ctx->llcf->balance;
    choice->random = &ngx_http_llm_worker.random;
    choice->tried = ctx->tried;
    choice->ntried = ctx->ntried;
    choice->now = ngx_current_msec;

    conf = &ctx->llcf->upstream;

    choice->trial_time = conf->connect_timeout + conf->read_timeout;
}


static ngx_int_t
ngx_http_llm_balance_get(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_llm_ctx_t  *ctx = data;

    ngx_connection_t     *c;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = ctx->request;
    u = r->upstream;

    if (ctx->node == NGX_LLM_NODE_NONE) {

        if (ctx->next_node == NGX_LLM_NODE_NONE) {
            return NGX_BUSY;
        }

        ctx->node = ctx->next_node;
        ctx->next_node = NGX_LLM_NODE_NONE;
        ctx->waiting = 1;

        ngx_http_llm_outcome_begin(ctx, ctx->next_trial);

        ctx->next_trial = 0;
    }

    ctx->peer = ngx_http_llm_peer_get(ctx->node);
    if (ctx->peer == NULL) {
        return NGX_ERROR;
    }

    if (!ctx->again) {
        ctx->attempts++;
        ctx->addresses = 0;
        ctx->plain = 0;

        (void) ngx_atomic_fetch_add(
             &ngx_http_llm_worker.zone->nodes->node[ctx->node].requests, 1);
    }

    if (ngx_http_llm_balance_address(pc, ctx) != NGX_OK
        || ngx_http_llm_head(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

#if (NGX_HTTP_SSL)
    u->ssl = ctx->peer->ssl;
    u->ssl_name = ctx->peer->host;
#endif

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, pc->log, 0,
                   "llm attempt %ui at node \"%V\" of \"%V\"",
                   ctx->attempts, &ctx->node_name, &ctx->model);

    pc->cached = 0;
    pc->connection = NULL;

    c = ctx->again ? NULL : ngx_http_llm_peer_connection(ctx->peer, ctx->addr,
                                                       pc->log);

    if (ngx_http_llm_buffer_await(ctx, c) != NGX_OK) {
        return NGX_ERROR;
    }

    if (c == NULL) {
        return NGX_OK;
    }

    pc->connection = c;
    pc->cached = 1;

    return NGX_DONE;
}


static void
ngx_http_llm_balance_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_llm_ctx_t  *ctx = data;

    pc->tries = 0;

    if (ctx->peer == NULL) {
        return;
    }

    if (state & NGX_PEER_FAILED) {
        ngx_http_llm_balance_failed(pc, ctx);

    } else {
        ngx_http_llm_balance_keep(pc, ctx);
    }

    if (!ctx->again || pc->tries == 0) {
        ngx_http_llm_release_node(ctx, &ctx->node);
    }

    ngx_http_llm_peer_put(ctx->peer);
    ctx->peer = NULL;
}


/*
 * An attempt failed before any byte of its answer was sent on: does another
 * follow?  Not after a node that was silent: the client waited long enough.
 */

static void
ngx_http_llm_balance_failed(ngx_peer_connection_t *pc,
    ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t            silent;
    ngx_llm_node_t       *node;
    ngx_connection_t     *c;
    ngx_http_upstream_t  *u;

    c = pc->connection;
    u = ctx->request->upstream;
    node = &ngx_http_llm_worker.zone->nodes->node[ctx->peer->node];

    ctx->again = 0;

    if (ctx->refused) {
        ctx->refused = 0;
        ctx->plain = 1;
        ctx->again = 1;
        pc->tries = 1;
        return;
    }

    ctx->error = NGX_LLM_ERR_UPSTREAM;

    silent = c && (c->read->timedout
                   || (c->write->timedout && u->request_sent));

    if (!silent
        && pc->cached
        && !ctx->answer.head
        && u->state->bytes_received == 0)
    {
        /* a kept connection that the node had closed: it is asked anew */

        ngx_http_llm_peer_close_idle(ctx->peer);

        ctx->again = 1;
        pc->tries = 1;
        return;
    }

    if (silent) {
        ctx->error = NGX_LLM_ERR_NONE;      /* nginx's 504 */
        ngx_http_llm_outcome_failure(ctx, NGX_LLM_CAUSE_SILENT);
        return;
    }

    if (c == NULL || !u->request_sent) {

        if (++ctx->addresses < ctx->peer->naddrs) {
            ctx->again = 1;
            pc->tries = 1;
            return;
        }

        ngx_http_llm_outcome_failure(ctx, NGX_LLM_CAUSE_CONNECT);

        /* it was not reached: as good as a failed check, where it has any */

        if (node->conf.check) {
            ngx_llm_nodes_failed(node, ngx_http_llm_worker.mcf->health_fails);
            node->check_now = 1;
        }
    }

    /* unless its answer said so already */

    ngx_http_llm_outcome_failure(ctx, NGX_LLM_CAUSE_BROKEN);

    if (ngx_http_llm_balance_next(ctx)) {
        (void) ngx_atomic_fetch_add(
                          &ngx_http_llm_worker.zone->totals.failovers, 1);
        pc->tries = 1;
    }
}


/* the attempt is over: its connection is kept when it is at rest */

static void
ngx_http_llm_balance_keep(ngx_peer_connection_t *pc, ngx_http_llm_ctx_t *ctx)
{
    ngx_connection_t     *c;
    ngx_http_upstream_t  *u;

    c = pc->connection;
    u = ctx->request->upstream;

    if (c == NULL) {
        return;
    }

    if (ctx->recv) {
        c->recv = ctx->recv;
        ctx->recv = NULL;
    }

    if (!u->keepalive
        || !u->request_body_sent
        || c->read->eof
        || c->read->error
        || c->read->timedout
        || c->write->error
        || c->write->timedout
        || ngx_terminate
        || ngx_exiting
        || ngx_handle_read_event(c->read, 0) != NGX_OK)
    {
        return;
    }

    pc->connection = NULL;

    ngx_http_llm_peer_keep(ctx->peer, c, ctx->addr);
}


/*
 * The addresses of a node are used in turn.  What logs say of it is copied:
 * a peer that was replaced is gone with its last attempt, before the log.
 */

static ngx_int_t
ngx_http_llm_balance_address(ngx_peer_connection_t *pc,
    ngx_http_llm_ctx_t *ctx)
{
    ngx_str_t            *text;
    ngx_uint_t            i;
    ngx_llm_node_t       *node;
    ngx_http_llm_peer_t  *peer;

    peer = ctx->peer;

    if (peer->naddrs == 0) {
        return NGX_ERROR;
    }

    i = 0;

    if (peer->naddrs > 1) {
        node = &ngx_http_llm_worker.zone->nodes->node[peer->node];
        i = ngx_atomic_fetch_add(&node->addr, 1) % peer->naddrs;
    }

    ctx->addr = i;

    pc->sockaddr = (struct sockaddr *) &peer->addrs[i].sockaddr;
    pc->socklen = peer->addrs[i].socklen;

    text = ngx_palloc(ctx->request->pool,
                      sizeof(ngx_str_t) + peer->texts[i].len + peer->name.len);
    if (text == NULL) {
        return NGX_ERROR;
    }

    text->len = peer->texts[i].len;
    text->data = (u_char *) text + sizeof(ngx_str_t);

    ctx->node_id = peer->id;
    ctx->node_name.len = peer->name.len;
    ctx->node_name.data = ngx_cpymem(text->data, peer->texts[i].data,
                                     text->len);
    ngx_memcpy(ctx->node_name.data, peer->name.data, peer->name.len);

    pc->name = text;

    return NGX_OK;
}


#if (NGX_HTTP_SSL)

static ngx_int_t
ngx_http_llm_balance_set_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_llm_ctx_t  *ctx = data;

    /*
     * The engine calls this before each handshake.  It would compare names
     * only, and nodes have addresses as well.
     */

    if (ngx_llm_tls_verify(pc->connection, (char *) ctx->peer->host.data)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->peer->session == NULL) {
        return NGX_OK;
    }

    return ngx_ssl_set_session(pc->connection, ctx->peer->session);
}


static void
ngx_http_llm_balance_save_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_llm_ctx_t  *ctx = data;

    ngx_ssl_session_t  *session;

    if (ctx->peer == NULL) {
        return;
    }

    session = ngx_ssl_get_session(pc->connection);

    if (session == NULL) {
        return;
    }

    if (ctx->peer->session) {
        ngx_ssl_free_session(ctx->peer->session);
    }

    ctx->peer->session = session;
}

#endif
