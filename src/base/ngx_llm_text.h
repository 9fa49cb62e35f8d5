
/*
 * Small work on text.  Pure.
 */


#ifndef _NGX_LLM_TEXT_H_INCLUDED_
#define _NGX_LLM_TEXT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* Does a pattern, in which a * stands for any text, fit all of the text? */
ngx_uint_t ngx_llm_glob(const u_char *pattern, size_t plen,
    const u_char *text, size_t n);

/*
 * Writes the text as the inside of a JSON string: what must be escaped is,
 * what is not UTF-8 becomes U+FFFD.  dst has room for 6 bytes a byte.
 * Returns the end.
 */
u_char *ngx_llm_json_escape(u_char *dst, const u_char *text, size_t n);

/* Writes x as 16 hexadecimal digits. */
void ngx_llm_hex64(u_char *dst, uint64_t x);

/* Are these n bytes, eight or a multiple, all hexadecimal digits? */
ngx_uint_t ngx_llm_is_hex(const u_char *p, size_t n);

/* Writes x in decimal; dst has room for 20 digits.  Returns the end. */
u_char *ngx_llm_decimal(u_char *dst, uint64_t x);

/* Are they the same?  Takes a time that depends on n only. */
ngx_uint_t ngx_llm_same(const u_char *a, const u_char *b, size_t n);

/*
 * May this be a request's id: 1 to 128 letters, digits, "-", "_", "." ?
 */
ngx_uint_t ngx_llm_sane_id(const u_char *p, size_t n);


#endif /* _NGX_LLM_TEXT_H_INCLUDED_ */
