
/*
 * From the ring to Redis: one worker writes all records there, in order, in
 * batches, each by one script.  The script also keeps, for each ring, the
 * number it has come to.  So after a lost connection, a lost worker or a Redis
 * that was started anew nothing is written twice, and what Redis lost is
 * written again, as long as the ring has it.
 *
 * In Redis, behind the prefix:
 *
 *     history             a stream: {"record": JSON} each
 *     history:cursors     a hash: "<ring>" to "<number> <ms since 1970>"
 *     history:models      a hash: names of models to ms when last seen
 *     history:index:n     how many records there ever were
 *     history:index:<b>   NGX_LLM_INDEX_ENTRY bytes a record, for
 *                         NGX_LLM_INDEX_BLOCK of them
 *     history:index:low   the first block that is still there
 */


#ifndef _NGX_LLM_FLUSH_H_INCLUDED_
#define _NGX_LLM_FLUSH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_history.h"
#include "ngx_llm_redis.h"


/*
 * An entry of the index, numbers with the highest byte first:
 *
 *     0   8  ms of the stream's id
 *     8   4  sequence of the stream's id
 *     12  8  when the request came, ms since 1970
 *     20  4  hash of the record's id
 *     24  4  hash of the request's id
 *     28  4  hash of the model
 *     32  4  hash of the node's name
 *     36  4  hash of the node's id
 *     40  4  hash of the key's name
 *     44  1  ngx_llm_record_status_e
 */
#define NGX_LLM_INDEX_ENTRY  45
#define NGX_LLM_INDEX_OWN    33     /* of them made here, the ids by Redis */
#define NGX_LLM_INDEX_BLOCK  512


typedef struct {
    ngx_llm_history_t      *history;
    const ngx_llm_redis_conf_t  *redis; /* NULL: there is none */
    ngx_str_t               router;     /* its name, in the records */
    ngx_uint_t              size;       /* records to be kept */
    time_t                  retention;  /* s */
} ngx_llm_flush_conf_t;


/* In each worker; conf is copied.  Who has history->lease writes. */
ngx_int_t ngx_llm_flush_start(ngx_cycle_t *cycle,
    const ngx_llm_flush_conf_t *conf);

/*
 * At exit, with the lease: writes what is left, for up to a second.
 */
void ngx_llm_flush_stop(void);

/* The index's hash of a text. */
#define ngx_llm_index_hash(text)  ngx_murmur_hash2((text)->data, (text)->len)


#endif /* _NGX_LLM_FLUSH_H_INCLUDED_ */
