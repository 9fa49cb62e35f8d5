
/*
 * Where nodes may be: each border of each range, IPv4 within IPv6, lists.
 */


#include "../../src/state/ngx_llm_cidr.c"
#include <arpa/inet.h>
#include "test.h"


static void test_any(void);
static void test_never(void);
static void test_list(void);
static void test_families(void);
static ngx_uint_t allows(ngx_llm_cidrs_t *cidrs, const char *text);
static void add(const char *text, unsigned bits);


/* what is at, just below and just above each range that is never allowed */

static const char  *never[] = {
    "0.0.0.0", "0.0.0.1", "0.255.255.255",
    "169.254.0.0", "169.254.169.254", "169.254.255.255",
    "100.100.100.200", "192.0.0.192", "168.63.129.16",
    "224.0.0.0", "239.255.255.255", "255.255.255.255",
    "::", "fe80::", "fe80::1", "febf:ffff::1", "ff00::", "ff02::1",
    "ffff::", "fd00:ec2::254", "fd00:ec2::", "fd00:ec2:ffff::1",
    "fd20:ce::254",
    "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::ffff:0.0.0.0",
    "::ffff:100.100.100.200", "::ffff:224.0.0.1",
    "64:ff9b::169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b::0.0.0.0",
    "64:ff9b:1::a9fe:a9fe", "64:ff9b:1:2:3:4:169.254.169.254",
    "2002:a9fe:a9fe::1", "2002:a9fe:0:1:2:3:4:5", "2002:e000:1::",
    "2002:6464:64c8::1", "2002::1",
    "::169.254.169.254", "::a9fe:1", "::2", "::224.0.0.1",
    "::ffff:0:a9fe:a9fe", "::ffff:0:169.254.0.1", "::ffff:0:0.0.0.0",
    NULL
};

static const char  *fine[] = {
    "1.0.0.0", "127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1",
    "169.253.255.255", "169.255.0.0", "100.100.100.199", "100.100.100.201",
    "192.0.0.191", "192.0.0.193", "168.63.129.15", "168.63.129.17",
    "223.255.255.255", "240.0.0.0", "255.255.255.254",
    "::1", "fe7f:ffff::1", "fec0::1", "feff::1", "2001:db8::1",
    "fd00:ec1::254", "fd00:ec3::254", "fd20:ce::253", "fd20:cd::254",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1",
    "64:ff9b:1::10.0.0.1", "2002:a00:1::a9fe:a9fe", "2002:a9fd:ffff::1",
    "2002:a9ff::1", "2003:a9fe:a9fe::1", "2001:a9fe:a9fe::1", "::10.0.0.1",
    "::ffff:0:10.0.0.1", "64:ff9b:2::169.254.169.254",
    "::1:0:169.254.169.254", "1::ffff:169.254.169.254",
    NULL
};

static ngx_cidr_t   rules[8];
static ngx_array_t  list = { rules, 0, sizeof(ngx_cidr_t), 8, NULL };


int
main(void)
{
    test_any();
    test_never();
    test_list();
    test_families();

    return test_done();
}


static void
test_any(void)
{
    ngx_uint_t       i;
    ngx_llm_cidrs_t  none = { NULL };

    for (i = 0; never[i]; i++) {
        ok(!allows(&none, never[i]), "never %s", never[i]);
    }

    for (i = 0; fine[i]; i++) {
        ok(allows(&none, fine[i]), "%s is fine", fine[i]);
    }
}


static void
test_never(void)
{
    ngx_uint_t       i;
    ngx_llm_cidrs_t  all = { &list };

    list.nelts = 0;

    ok(!allows(&all, "127.0.0.1") && !allows(&all, "::1"),
       "an empty list allows nothing");

    add("0.0.0.0", 0);
    add("::", 0);

    for (i = 0; never[i]; i++) {
        ok(!allows(&all, never[i]), "... nor %s when all is said", never[i]);
    }

    for (i = 0; fine[i]; i++) {
        ok(allows(&all, fine[i]), "... but %s", fine[i]);
    }

    list.nelts = 0;
    add("169.254.0.0", 16);
    add("fe80::", 10);

    ok(!allows(&all, "169.254.1.1") && !allows(&all, "fe80::1"),
       "link-local ones are not, though listed");
}


static void
test_list(void)
{
    ngx_llm_cidrs_t  some = { &list };

    list.nelts = 0;
    add("10.1.0.0", 16);
    add("192.168.7.9", 32);
    add("2001:db8:8000::", 33);

    ok(allows(&some, "10.1.0.0") && allows(&some, "10.1.255.255"),
       "within a list's range");
    ok(!allows(&some, "10.0.255.255") && !allows(&some, "10.2.0.0"),
       "... and beside it");
    ok(allows(&some, "192.168.7.9"), "a single one");
    ok(!allows(&some, "192.168.7.8"), "... and another");
    ok(allows(&some, "2001:db8:8000::") && allows(&some, "2001:db8:ffff::1"),
       "within a range of IPv6");
    ok(!allows(&some, "2001:db8:7fff:ffff::1") && !allows(&some, "::1"),
       "... and beside it");
    ok(allows(&some, "::ffff:10.1.2.3") && allows(&some, "64:ff9b::a01:203"),
       "IPv4 within IPv6 is what it stands for");
    ok(allows(&some, "2002:a01:203::1") && !allows(&some, "2002:a02:203::1")
       && allows(&some, "64:ff9b:1::a01:203") && allows(&some, "::10.1.2.3")
       && !allows(&some, "::ffff:0:10.2.2.3"),
       "... in all ways to write it");
    ok(!allows(&some, "::ffff:10.2.2.3") && !allows(&some, "64:ff9b::a02:203"),
       "... there too");

    list.nelts = 0;
    add("::", 0);

    ok(!allows(&some, "127.0.0.1") && !allows(&some, "::ffff:127.0.0.1"),
       "all of IPv6 is nothing of IPv4");
}


static void
test_families(void)
{
    ngx_llm_cidrs_t  none = { NULL };
    struct sockaddr  sa;

    ngx_memzero(&sa, sizeof(sa));

    sa.sa_family = AF_UNIX;
    ok(!ngx_llm_cidr_allows(&none, &sa), "no Unix socket");

    sa.sa_family = AF_UNSPEC;
    ok(!ngx_llm_cidr_allows(&none, &sa), "nothing unknown");
}


static ngx_uint_t
allows(ngx_llm_cidrs_t *cidrs, const char *text)
{
    struct sockaddr_in   sin;
    struct sockaddr_in6  sin6;

    ngx_memzero(&sin, sizeof(sin));
    ngx_memzero(&sin6, sizeof(sin6));

    if (inet_pton(AF_INET, text, &sin.sin_addr) == 1) {
        sin.sin_family = AF_INET;
        return ngx_llm_cidr_allows(cidrs, (struct sockaddr *) &sin);
    }

    if (inet_pton(AF_INET6, text, &sin6.sin6_addr) == 1) {
        sin6.sin6_family = AF_INET6;
        return ngx_llm_cidr_allows(cidrs, (struct sockaddr *) &sin6);
    }

    abort();
}


static void
add(const char *text, unsigned bits)
{
    unsigned     i;
    ngx_cidr_t  *cidr;

    cidr = &rules[list.nelts++];

    ngx_memzero(cidr, sizeof(ngx_cidr_t));

    if (inet_pton(AF_INET, text, &cidr->u.in.addr) == 1) {
        cidr->family = AF_INET;
        cidr->u.in.mask = bits ? htonl((uint32_t) (0xffffffffU << (32 - bits)))
                               : 0;
        return;
    }

    cidr->family = AF_INET6;

    if (inet_pton(AF_INET6, text, &cidr->u.in6.addr) != 1) {
        abort();
    }

    for (i = 0; i < bits; i++) {
        cidr->u.in6.mask.s6_addr[i / 8] |= (u_char) (0x80 >> i % 8);
    }
}
