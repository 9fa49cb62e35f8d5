
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_cidr.h"


typedef struct {
    uint32_t            addr;
    uint32_t            mask;
} ngx_llm_cidr_v4_t;

typedef struct {
    u_char              addr[16];
    ngx_uint_t          bits;
} ngx_llm_cidr_v6_t;

typedef struct {
    ngx_llm_cidr_v6_t   prefix;
    size_t              offset;     /* of the IPv4 address */
} ngx_llm_cidr_within_t;


static ngx_uint_t ngx_llm_cidr_v4_within(const u_char *addr, in_addr_t *v4);
static ngx_uint_t ngx_llm_cidr_v4_allows(const ngx_llm_cidrs_t *cidrs,
    in_addr_t addr);
static ngx_uint_t ngx_llm_cidr_v6_allows(const ngx_llm_cidrs_t *cidrs,
    const u_char *addr);
static ngx_uint_t ngx_llm_cidr_same(const u_char *a, const u_char *b,
    ngx_uint_t bits);


/* where no node is, in the order of the host */

static const ngx_llm_cidr_v4_t  ngx_llm_cidr_v4_never[] = {
    { 0x00000000, 0xff000000 },     /* 0.0.0.0/8, this host */
    { 0xa9fe0000, 0xffff0000 },     /* 169.254.0.0/16, link-local, metadata */
    { 0x646464c8, 0xffffffff },     /* 100.100.100.200, metadata */
    { 0xc00000c0, 0xffffffff },     /* 192.0.0.192, metadata */
    { 0xa83f8110, 0xffffffff },     /* 168.63.129.16, the host's services */
    { 0xe0000000, 0xf0000000 },     /* 224.0.0.0/4, multicast */
    { 0xffffffff, 0xffffffff }      /* broadcast */
};

static const ngx_llm_cidr_v6_t  ngx_llm_cidr_v6_never[] = {
    { { 0xfe, 0x80 }, 10 },                         /* link-local */
    { { 0xff }, 8 },                                /* multicast */
    { { 0xfd, 0x00, 0x0e, 0xc2 }, 32 },             /* metadata and others */
    { { 0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54 },
      128 }                                         /* metadata */
};

/* IPv4 within IPv6: an address of a prefix stands for the one in it */

static const ngx_llm_cidr_within_t  ngx_llm_cidr_within[] = {
    { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96 }, 12 },  /* mapped */
    { { { 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96 }, 12 },        /* SIIT */
    { { { 0 }, 96 }, 12 },                                  /* compatible */
    { { { 0x00, 0x64, 0xff, 0x9b }, 96 }, 12 },             /* NAT64 */
    { { { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48 }, 12 }, /* local NAT64 */
    { { { 0x20, 0x02 }, 16 }, 2 }                           /* 6to4 */
};

static const u_char  ngx_llm_cidr_loopback[16] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
};


ngx_uint_t
ngx_llm_cidr_allows(const ngx_llm_cidrs_t *cidrs, const struct sockaddr *sa)
{
    in_addr_t                   v4;
    const u_char               *p;
    const struct sockaddr_in   *sin;
    const struct sockaddr_in6  *sin6;

    switch (sa->sa_family) {

    case AF_INET:
        sin = (const struct sockaddr_in *) sa;

        return ngx_llm_cidr_v4_allows(cidrs, sin->sin_addr.s_addr);

    case AF_INET6:
        sin6 = (const struct sockaddr_in6 *) sa;
        p = sin6->sin6_addr.s6_addr;

        return ngx_llm_cidr_v4_within(p, &v4)
               ? ngx_llm_cidr_v4_allows(cidrs, v4)
               : ngx_llm_cidr_v6_allows(cidrs, p);

    default:
        return 0;
    }
}


static ngx_uint_t
ngx_llm_cidr_v4_within(const u_char *addr, in_addr_t *v4)
{
    ngx_uint_t                    i;
    const ngx_llm_cidr_within_t  *within;

    if (ngx_memcmp(addr, ngx_llm_cidr_loopback, 16) == 0) {
        return 0;
    }

    for (i = 0; i < sizeof(ngx_llm_cidr_within) / sizeof(*within); i++) {
        within = &ngx_llm_cidr_within[i];

        if (ngx_llm_cidr_same(addr, within->prefix.addr,
                              within->prefix.bits))
        {
            ngx_memcpy(v4, addr + within->offset, 4);
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_llm_cidr_v4_allows(const ngx_llm_cidrs_t *cidrs, in_addr_t addr)
{
    ngx_uint_t                i;
    ngx_cidr_t               *cidr;
    const ngx_llm_cidr_v4_t  *never;

    for (i = 0; i < sizeof(ngx_llm_cidr_v4_never) / sizeof(*never); i++) {
        never = &ngx_llm_cidr_v4_never[i];

        if ((ntohl(addr) & never->mask) == never->addr) {
            return 0;
        }
    }

    if (cidrs->allow == NULL) {
        return 1;
    }

    cidr = cidrs->allow->elts;

    for (i = 0; i < cidrs->allow->nelts; i++) {

        if (cidr[i].family == AF_INET
            && (addr & cidr[i].u.in.mask) == cidr[i].u.in.addr)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_llm_cidr_v6_allows(const ngx_llm_cidrs_t *cidrs, const u_char *addr)
{
    ngx_uint_t                i;
    const ngx_llm_cidr_v6_t  *never;
#if (NGX_HAVE_INET6)
    ngx_uint_t                n;
    ngx_cidr_t               *cidr;
#endif

    for (i = 0; i < sizeof(ngx_llm_cidr_v6_never) / sizeof(*never); i++) {
        never = &ngx_llm_cidr_v6_never[i];

        if (ngx_llm_cidr_same(addr, never->addr, never->bits)) {
            return 0;
        }
    }

    if (cidrs->allow == NULL) {
        return 1;
    }

#if (NGX_HAVE_INET6)

    cidr = cidrs->allow->elts;

    for (i = 0; i < cidrs->allow->nelts; i++) {

        if (cidr[i].family != AF_INET6) {
            continue;
        }

        for (n = 0; n < 16; n++) {
            if ((addr[n] & cidr[i].u.in6.mask.s6_addr[n])
                != cidr[i].u.in6.addr.s6_addr[n])
            {
                break;
            }
        }

        if (n == 16) {
            return 1;
        }
    }

#endif

    return 0;
}


/* are the first bits the same? */

static ngx_uint_t
ngx_llm_cidr_same(const u_char *a, const u_char *b, ngx_uint_t bits)
{
    return ngx_memcmp(a, b, bits / 8) == 0
           && (bits % 8 == 0
               || ((a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8)) == 0);
}
