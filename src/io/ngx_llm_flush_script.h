
/*
 * The scripts that write the history into Redis.
 *
 * In Redis, behind the prefix:
 *
 *     history             a stream: {"record": JSON} each
 *     history:cursors     a hash: "<ring>" to "<number> <ms since 1970>"
 *     history:models      a hash: names of models to ms when last seen
 *     history:index:n     how many records there ever were
 *     history:index:<b>   NGX_LLM_ENTRY_SIZE bytes a record, for
 *                         NGX_LLM_ENTRY_BLOCK of them
 *     history:index:low   the first block that is still there
 */


#ifndef _NGX_LLM_FLUSH_SCRIPT_H_INCLUDED_
#define _NGX_LLM_FLUSH_SCRIPT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Writes a batch.  Returns the number of the last record that is there.
 *
 * KEYS: stream, cursors, models, index:n, index:low, "index:".
 * ARGV: ring, now (ms), size, retention (ms), n of models, the models, a time
 * (ms) at which all records had ended, the first one's number; then of each
 * its entry of the index and its JSON.  Their numbers have no gap.
 */
extern const ngx_str_t  ngx_llm_flush_script;

/*
 * Returns the number of the last record of this ring.  Other rings that
 * nothing was heard of for longer than records are kept are forgotten, models
 * too.
 *
 * KEYS: cursors, models.  ARGV: ring, ms before which something is old.
 */
extern const ngx_str_t  ngx_llm_flush_hello;


#endif /* _NGX_LLM_FLUSH_SCRIPT_H_INCLUDED_ */
