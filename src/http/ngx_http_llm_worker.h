
/*
 * The life of the zone and of the workers: made when the configuration is
 * read, seeded by the master, opened by each worker, closed at its exit.
 */


#ifndef _NGX_HTTP_LLM_WORKER_H_INCLUDED_
#define _NGX_HTTP_LLM_WORKER_H_INCLUDED_


#include "ngx_http_llm.h"


/* Adds the zone; after the configuration was read. */
ngx_int_t ngx_http_llm_add_zone(ngx_conf_t *cf);

/* The master: puts nginx.conf's nodes and keys into the zone. */
ngx_int_t ngx_http_llm_init_module(ngx_cycle_t *cycle);

/* A worker: opens its ledger, starts what runs in the background. */
ngx_int_t ngx_http_llm_init_process(ngx_cycle_t *cycle);

/* Its end: closes what is open; what it still holds others take back. */
void ngx_http_llm_exit_process(ngx_cycle_t *cycle);


#endif /* _NGX_HTTP_LLM_WORKER_H_INCLUDED_ */
