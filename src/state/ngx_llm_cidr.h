
/*
 * Where nodes that the API adds may be: llm_router_node_allow.
 */


#ifndef _NGX_LLM_CIDR_H_INCLUDED_
#define _NGX_LLM_CIDR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_array_t        *allow;      /* ngx_cidr_t; NULL: all */
} ngx_llm_cidrs_t;


/*
 * May a node be at this address?  Never at a link-local one (169.254.0.0/16,
 * fe80::/10), another known address of cloud metadata (100.100.100.200,
 * 192.0.0.192, 168.63.129.16, fd00:ec2::/32, fd20:ce::254), an unspecified,
 * a broadcast or a multicast one, whatever allow says; IPv4 within IPv6
 * (::ffff:0:0/96, 64:ff9b::/96) counts as what it stands for.  Pure.
 */
ngx_uint_t ngx_llm_cidr_allows(const ngx_llm_cidrs_t *cidrs,
    const struct sockaddr *sa);


#endif /* _NGX_LLM_CIDR_H_INCLUDED_ */
