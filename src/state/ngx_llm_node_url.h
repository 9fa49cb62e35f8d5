
/*
 * The URL of a node, read and written.  Pure; resolves nothing.
 */


#ifndef _NGX_LLM_NODE_URL_H_INCLUDED_
#define _NGX_LLM_NODE_URL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_nodes.h"


/* room for what ngx_llm_node_url_print() writes */
#define NGX_LLM_NODE_URL  (sizeof("https://[]:65535/v1") + NGX_LLM_NODE_HOST  \
                           + NGX_LLM_NODE_PREFIX)


/*
 * Reads "http[s]://host[:port][/prefix[/v1]]" into ssl, host (lower case, an
 * address in its shortest form), port, ipv6, prefix, named, and naddrs: 1 of
 * an address, which stands in addrs then, 0 of a name.  NULL, or what is
 * wrong with it, as the end of a sentence that begins with the URL ("must
 * begin with http:// or https://", "has too long a host"); these members are
 * anything then.
 *
 * A host that some resolver may take for an address is one or is refused:
 * what ends in a number must be four decimal ones.
 */
const char *ngx_llm_node_url(ngx_llm_node_conf_t *conf, const ngx_str_t *url);

/*
 * Writes it back, without a default port, with "/v1" only where the prefix
 * itself ends so, and a zero byte behind it, where it returns.  Read again it
 * is the same.
 */
u_char *ngx_llm_node_url_print(u_char *dst, const ngx_llm_node_conf_t *conf);


#endif /* _NGX_LLM_NODE_URL_H_INCLUDED_ */
