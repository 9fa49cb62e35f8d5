
/*
 * A JSON scanner that validates (RFC 8259, strictly) while the bytes arrive
 * and reports the values at a few watched places.  It builds no tree,
 * allocates nothing, does not recurse, and may be fed in slices cut anywhere.
 */


#ifndef _NGX_LLM_JSON_H_INCLUDED_
#define _NGX_LLM_JSON_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_json_type.h"


/*
 * Makes s ready for a new input.  watch must outlive s; it may be NULL with
 * nwatch 0, then nothing is reported and handler, data and buf may be NULL.
 * buf holds a watched text while it is decoded: a longer text is cut to size
 * bytes, at a character's boundary, and a name that does not fit matches no
 * row.
 */
void ngx_llm_json_init(ngx_llm_json_t *s, const ngx_llm_json_watch_t *watch,
    ngx_uint_t nwatch, u_char *buf, size_t size, ngx_llm_json_pt handler,
    void *data);

/*
 * Takes the next n bytes; may call the handler.  NGX_OK: valid so far.
 * NGX_DECLINED: invalid whatever follows, s->error and s->error_at say why and
 * where; further calls decline too.
 */
ngx_int_t ngx_llm_json_feed(ngx_llm_json_t *s, const u_char *p, size_t n);

/*
 * The input is over.  NGX_OK: it was one complete JSON text, s->root_kind says
 * of which kind; NGX_DECLINED as above.
 */
ngx_int_t ngx_llm_json_end(ngx_llm_json_t *s);


#endif /* _NGX_LLM_JSON_H_INCLUDED_ */
