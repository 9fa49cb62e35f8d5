
/*
 * URLs of nodes: what is taken, how it is written back, and what is refused.
 */


#include "../../src/state/ngx_llm_node_url.c"
#include "test.h"
#include "core.h"


typedef struct {
    const char  *url;
    const char  *printed;
    const char  *addr;      /* NULL: a name */
} taken_t;

typedef struct {
    const char  *url;
    const char  *why;       /* the beginning of it */
} refused_t;


static void test_taken(void);
static void test_refused(void);
static void test_bytes(void);
static void test_lengths(void);
static void test_again(void);
static ngx_uint_t again(const ngx_llm_node_conf_t *conf);
static const char *parse(ngx_llm_node_conf_t *conf, const void *p, size_t n);


#define LABEL  "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"

static const taken_t  taken[] = {
    { "http://a", "http://a", NULL },
    { "http://a/", "http://a", NULL },
    { "http://a//", "http://a", NULL },
    { "HTTP://A.Example", "http://a.example", NULL },
    { "hTTpS://A", "https://a", NULL },
    { "http://a:80", "http://a", NULL },
    { "http://a:443", "http://a:443", NULL },
    { "https://a:443", "https://a", NULL },
    { "https://a:80/", "https://a:80", NULL },
    { "http://a:1", "http://a:1", NULL },
    { "http://a:65535", "http://a:65535", NULL },
    { "http://a:08080", "http://a:8080", NULL },
    { "http://a/v1", "http://a", NULL },
    { "http://a/v1/", "http://a", NULL },
    { "http://a/v1//", "http://a", NULL },
    { "http://a//v1", "http://a", NULL },
    { "http://a/base", "http://a/base", NULL },
    { "http://a/base/", "http://a/base", NULL },
    { "http://a/base/v1", "http://a/base", NULL },
    { "http://a/base//v1/", "http://a/base", NULL },
    { "http://a/Base/v1x", "http://a/Base/v1x", NULL },
    { "http://a/xv1", "http://a/xv1", NULL },
    { "http://a/v1/v1", "http://a/v1/v1", NULL },
    { "http://a/v1//v1/", "http://a/v1/v1", NULL },
    { "http://a/v1/v1/v1", "http://a/v1/v1/v1", NULL },
    { "http://a/base/v1/v1", "http://a/base/v1/v1", NULL },
    { "http://a/V1", "http://a/V1", NULL },
    { "http://a//base", "http://a//base", NULL },
    { "http://a/v1/b", "http://a/v1/b", NULL },
    { "http://a/a:b/c", "http://a/a:b/c", NULL },
    { "http://a/[x]", "http://a/[x]", NULL },
    { "http://a/%41%c3%a4", "http://a/%41%c3%a4", NULL },
    { "http://a/.well/..x/...", "http://a/.well/..x/...", NULL },
    { "http://llm_node-1.svc.cluster.local:8000",
      "http://llm_node-1.svc.cluster.local:8000", NULL },
    { "http://xn--bcher-kva.example", "http://xn--bcher-kva.example", NULL },
    { "http://1e100.net", "http://1e100.net", NULL },
    { "http://1.a", "http://1.a", NULL },
    { "http://0x7f.a", "http://0x7f.a", NULL },
    { "http://0xg", "http://0xg", NULL },
    { "http://127.0.0.1a", "http://127.0.0.1a", NULL },
    { "http://3com", "http://3com", NULL },
    { "http://" LABEL ".x", "http://" LABEL ".x", NULL },
    { "http://127.0.0.1", "http://127.0.0.1", "127.0.0.1" },
    { "http://127.0.0.1:8080/v1", "http://127.0.0.1:8080", "127.0.0.1" },
    { "http://255.255.255.255", "http://255.255.255.255",
      "255.255.255.255" },
    { "https://0.0.0.0", "https://0.0.0.0", "0.0.0.0" },
    { "http://[::1]", "http://[::1]", "::1" },
    { "http://[::1]:80", "http://[::1]", "::1" },
    { "http://[0:0:0:0:0:0:0:1]:8080/b/v1", "http://[::1]:8080/b", "::1" },
    { "https://[2001:DB8::A]", "https://[2001:db8::a]", "2001:db8::a" },
    { "http://[::ffff:127.0.0.1]", "http://[::ffff:127.0.0.1]",
      "::ffff:127.0.0.1" },
    { "http://[::ffff:7f00:1]", "http://[::ffff:127.0.0.1]",
      "::ffff:127.0.0.1" },
    { "http://[64:ff9b::a9fe:a9fe]", "http://[64:ff9b::a9fe:a9fe]",
      "64:ff9b::a9fe:a9fe" },
    { NULL, NULL, NULL }
};

static const refused_t  refused[] = {
    { "", "must begin with http" },
    { "http:/", "must begin with http" },
    { "http:/a", "must begin with http" },
    { "http:a", "must begin with http" },
    { "a", "must begin with http" },
    { "//a", "must begin with http" },
    { " http://a", "must begin with http" },
    { "ftp://a", "must begin with http" },
    { "unix:/tmp/x", "must begin with http" },
    { "httpx://a", "must begin with http" },
    { "http://unix:/tmp/x", "is a unix: socket" },
    { "https://Unix:/tmp/x:/v1", "is a unix: socket" },
    { "http://unix:", "has a port" },
    { "http://", "has no host" },
    { "https://", "has no host" },
    { "http:///", "has no host" },
    { "http:///v1", "has no host" },
    { "http://:80", "has no host" },
    { "http://:", "has no host" },
    { "http://u@a", "may hold scheme" },
    { "http://u:p@a:80/", "may hold scheme" },
    { "http://a/@b", "may hold scheme" },
    { "http://a?b", "may hold scheme" },
    { "http://a/b?c", "may hold scheme" },
    { "http://a#b", "may hold scheme" },
    { "http://169.254.169.254@a", "may hold scheme" },
    { "http://a:", "has a port" },
    { "http://a:/", "has a port" },
    { "http://a:0", "has a port" },
    { "http://a:00000", "has a port" },
    { "http://a:65536", "has a port" },
    { "http://a:000080", "has a port" },
    { "http://a:99999999999999999999", "has a port" },
    { "http://a:-1", "has a port" },
    { "http://a:+1", "has a port" },
    { "http://a: 80", "has a port" },
    { "http://a:80 ", "has a port" },
    { "http://a:0x50", "has a port" },
    { "http://a:80:90", "has a port" },
    { "http://a:b", "has a port" },
    { "http://::1", "has no host" },
    { "http://fe80::1", "has a port" },
    { "http://1", "has a host that ends in a number" },
    { "http://0", "has a host that ends in a number" },
    { "http://127.1", "has a host that ends in a number" },
    { "http://127.0.1", "has a host that ends in a number" },
    { "http://127.0.0.1.1", "has a host that ends in a number" },
    { "http://2130706433", "has a host that ends in a number" },
    { "http://017700000001", "has a host that ends in a number" },
    { "http://0177.0.0.1", "has a host that ends in a number" },
    { "http://127.0.0.01", "has a host that ends in a number" },
    { "http://127.0.0.001", "has a host that ends in a number" },
    { "http://0x7f.1", "has a host that ends in a number" },
    { "http://0x7f.0.0.1", "has a host that ends in a number" },
    { "http://0x7f000001", "has a host that ends in a number" },
    { "http://0X7F000001", "has a host that ends in a number" },
    { "http://127.0.0.0x1", "has a host that ends in a number" },
    { "http://a.0x", "has a host that ends in a number" },
    { "http://a.0xA9FEA9FE", "has a host that ends in a number" },
    { "http://256.0.0.1", "has a host that ends in a number" },
    { "http://1.2.3.4.5", "has a host that ends in a number" },
    { "http://a.b.1", "has a host that ends in a number" },
    { "http://1.2.3.256", "has a host that ends in a number" },
    { "http://99999999999999999999", "has a host that ends in a number" },
    { "http://127.0.0.1.", "has an empty part" },
    { "http://2130706433.", "has an empty part" },
    { "http://a.", "has an empty part" },
    { "http://.a", "has an empty part" },
    { "http://a..b", "has an empty part" },
    { "http://.", "has an empty part" },
    { "http://-a", "has a hyphen" },
    { "http://a-", "has a hyphen" },
    { "http://a.-b", "has a hyphen" },
    { "http://a-.b", "has a hyphen" },
    { "http://b\303\274cher.example", "has a host that is not ASCII" },
    { "http://\357\274\221\357\274\222", "has a host that is not ASCII" },
    { "http://a\302\240", "has a host that is not ASCII" },
    { "http://a b", "has an invalid character" },
    { "http://a%00", "has an invalid character" },
    { "http://a%2eb", "has an invalid character" },
    { "http://127%2e0.0.1", "has an invalid character" },
    { "http://a\\b", "has an invalid character" },
    { "http://a\tb", "has an invalid character" },
    { "http://a,b", "has an invalid character" },
    { "http://a*", "has an invalid character" },
    { "http://$a", "has an invalid character" },
    { "http://a[b]", "has an invalid character" },
    { "http://a]", "has an invalid character" },
    { "http://" LABEL "g.x", "has too long a part" },
    { "http://[", "has no valid IPv6" },
    { "http://[]", "has no valid IPv6" },
    { "http://[:", "has no valid IPv6" },
    { "http://[::1", "has no valid IPv6" },
    { "http://[::1/", "has no valid IPv6" },
    { "http://[::1]a", "has no valid IPv6" },
    { "http://[::1]]", "has no valid IPv6" },
    { "http://[[::1]]", "has no valid IPv6" },
    { "http://[::1%25eth0]", "has no valid IPv6" },
    { "http://[fe80::1%eth0]", "has no valid IPv6" },
    { "http://[127.0.0.1]", "has no valid IPv6" },
    { "http://[a]", "has no valid IPv6" },
    { "http://[ ::1]", "has no valid IPv6" },
    { "http://[::1 ]", "has no valid IPv6" },
    { "http://[1:2:3:4:5:6:7:8:9]", "has no valid IPv6" },
    { "http://[1234:1234:1234:1234:1234:1234:255.255.255.2555]",
      "has no valid IPv6" },
    { "http://[::1]:0", "has a port" },
    { "http://[::1]:", "has a port" },
    { "http://[::1]:65536", "has a port" },
    { "http://a/b c", "has a character in its path" },
    { "http://a/b\nc", "has a character in its path" },
    { "http://a/\303\274", "has a character in its path" },
    { "http://a/\177", "has a character in its path" },
    { "http://a/\"", "has a character in its path" },
    { "http://a/<b>", "has a character in its path" },
    { "http://a/\\b", "has a character in its path" },
    { "http://a/b%", "has a \"%\" in its path" },
    { "http://a/b%4", "has a \"%\" in its path" },
    { "http://a/b%zz", "has a \"%\" in its path" },
    { "http://a/b%4/v1", "has a \"%\" in its path" },
    { "http://a/b%00", "has an escaped control" },
    { "http://a/b%0d%0ac", "has an escaped control" },
    { "http://a/%1f", "has an escaped control" },
    { "http://a/%7F", "has an escaped control" },
    { "http://a/.", "has \".\" or \"..\"" },
    { "http://a/..", "has \".\" or \"..\"" },
    { "http://a/../v1", "has \".\" or \"..\"" },
    { "http://a/b/./c", "has \".\" or \"..\"" },
    { "http://a/b/../c", "has \".\" or \"..\"" },
    { "http://a/b/%2e%2E/c", "has \".\" or \"..\"" },
    { "http://a/b/.%2e", "has \".\" or \"..\"" },
    { NULL, NULL }
};


int
main(void)
{
    test_taken();
    test_refused();
    test_bytes();
    test_lengths();
    test_again();

    return test_done();
}


static void
test_taken(void)
{
    char                 text[INET6_ADDRSTRLEN];
    u_char               printed[NGX_LLM_NODE_URL], *end;
    const char          *err;
    const taken_t       *t;
    ngx_llm_addr_t      *addr;
    ngx_llm_node_conf_t  conf;

    for (t = taken; t->url; t++) {

        /* what was there before does not count */
        ngx_memset(&conf, 0xff, sizeof(conf));

        err = parse(&conf, t->url, strlen(t->url));

        if (!ok(err == NULL, "%s%s%s", t->url, err ? " " : "",
                err ? err : ""))
        {
            continue;
        }

        end = ngx_llm_node_url_print(printed, &conf);

        is_text((char *) printed, t->printed, "... is %s", t->printed);
        is_number(end - printed, strlen(t->printed), "... of that length");
        is_number(conf.ssl, t->printed[4] == 's', "... its scheme");
        is_number(conf.named, t->addr == NULL, "... a name or not");
        is_number(conf.naddrs, t->addr != NULL, "... an address or none");

        if (t->addr == NULL) {
            is_number(conf.ipv6, 0, "... no brackets");
            continue;
        }

        addr = &conf.addrs[0];

        is_number(conf.ipv6, strchr(t->addr, ':') != NULL, "... brackets");

        if (conf.ipv6) {
            inet_ntop(AF_INET6, &addr->sockaddr.sin6_addr, text,
                      sizeof(text));
            is_number(addr->sockaddr.sin6_family, AF_INET6, "... IPv6");
            is_number(addr->sockaddr.sin6_scope_id, 0, "... no scope");
            is_number(addr->socklen, sizeof(struct sockaddr_in6),
                      "... its length");

        } else {
            inet_ntop(AF_INET,
                      &((struct sockaddr_in *) &addr->sockaddr)->sin_addr,
                      text, sizeof(text));
            is_number(addr->sockaddr.sin6_family, AF_INET, "... IPv4");
            is_number(addr->socklen, sizeof(struct sockaddr_in),
                      "... its length");
        }

        is_text(text, t->addr, "... its address");
        is_number(ntohs(addr->sockaddr.sin6_port), conf.port, "... its port");
    }
}


static void
test_refused(void)
{
    const char          *err;
    const refused_t     *t;
    ngx_llm_node_conf_t  conf;

    for (t = refused; t->url; t++) {
        err = parse(&conf, t->url, strlen(t->url));

        ok(err && strncmp(err, t->why, strlen(t->why)) == 0,
           "\"%s\" %s", t->url, err ? err : "was taken");
    }
}


/* each byte in each place where one may stand */

static void
test_bytes(void)
{
    int                  ch;
    char                 host[] = "http://axb", path[] = "http://a/x";
    char                 v6[] = "http://[::1x]", port[] = "http://a:8x";
    ngx_uint_t           bad, nul;
    ngx_llm_node_conf_t  conf;

    static const char  letters[] = "abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789-_.";
    static const char  paths[] = "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789-_~!$&'()*+,;=:[]/";

    bad = 0;

    for (ch = 0; ch < 256; ch++) {
        host[8] = path[9] = v6[11] = port[10] = (char) ch;
        nul = (ch == 0);

        bad += (parse(&conf, host, sizeof(host) - 1) == NULL)
               != (!nul && (strchr(letters, ch) || ch == '/'
                            || 0));
        bad += (parse(&conf, path, sizeof(path) - 1) == NULL)
               != (!nul && strchr(paths, ch) != NULL);
        bad += (parse(&conf, v6, sizeof(v6) - 1) == NULL)
               != (!nul && strchr("0123456789abcdefABCDEF", ch) != NULL);
        bad += (parse(&conf, port, sizeof(port) - 1) == NULL)
               != (!nul && strchr("0123456789/", ch) != NULL);

        if (bad) {
            break;
        }
    }

    is_number(bad, 0, "each byte in host, path, address and port (%d)", ch);
}


static void
test_lengths(void)
{
    char                *p;
    size_t               n;
    u_char               printed[NGX_LLM_NODE_URL];
    ngx_llm_node_conf_t  conf;

    p = malloc(2000);
    if (p == NULL) {
        abort();
    }

    for (n = 1; n < 400; n++) {
        memcpy(p, "http://", 7);
        memset(p + 7, 'a', n);

        if (n > 50) { memset(p + 7 + 50, '.', 1); }
        if (n > 100) { memset(p + 7 + 100, '.', 1); }
        if (n > 150) { memset(p + 7 + 150, '.', 1); }
        if (n > 200) { memset(p + 7 + 200, '.', 1); }

        if (n > 252 || n % 50 == 1) {
            continue;
        }

        if (parse(&conf, p, 7 + n) != NULL) {
            break;
        }
    }

    is_number(n, 400, "hosts of up to 252 bytes");

    memcpy(p + 7 + 250, "aaa", 3);
    p[7 + 250] = '.';
    ok(parse(&conf, p, 7 + 253) == NULL, "... of 253");
    p[7 + 253] = 'a';
    is_text(parse(&conf, p, 7 + 254), "has too long a host", "... not of 254");
    p[7 + 254] = 'a';
    p[7 + 255] = 'a';
    is_text(parse(&conf, p, 7 + 256), "has too long a host", "... nor 256");

    memcpy(p, "http://a/", 9);
    memset(p + 9, 'b', 400);
    ok(parse(&conf, p, 8 + NGX_LLM_NODE_PREFIX - 1) == NULL,
       "the longest path");
    (void) ngx_llm_node_url_print(printed, &conf);
    is_number(strlen((char *) printed), 8 + NGX_LLM_NODE_PREFIX - 1,
              "... comes back whole");
    is_text(parse(&conf, p, 8 + NGX_LLM_NODE_PREFIX), "has too long a path",
            "... and not one more");

    memset(p + 7, 'a', 253);
    p[7 + 60] = p[7 + 120] = p[7 + 180] = p[7 + 240] = '.';
    memcpy(p + 260, ":65535/", 7);
    memset(p + 267, 'b', 400);
    memcpy(p + 266 + NGX_LLM_NODE_PREFIX - 4, "/v1/v1", 6);
    ok(parse(&conf, p, 266 + NGX_LLM_NODE_PREFIX + 2) == NULL && again(&conf),
       "the longest of all comes back, too");

    free(p);
}


/* what was printed is read as the same; paths are made up of odd parts */

static void
test_again(void)
{
    char                 url[400];
    ngx_uint_t           i, k, bad, good;
    const taken_t       *t;
    ngx_llm_node_conf_t  conf;

    static const char  *hosts[] = {
        "http://a", "HTTPS://A.b", "http://10.0.0.1:80", "https://[::1]:80",
        "https://[0:0:0:0:0:0:0:1]:443", "http://a_-b.c:65535"
    };
    static const char  *parts[] = {
        "/v1", "/v1", "/", "/base", "/V1", "v1", "/v1x", "/%76%31", "/...", "1"
    };

    bad = 0;

    for (t = taken; t->url; t++) {
        (void) parse(&conf, t->url, strlen(t->url));
        bad += !again(&conf);
    }

    is_number(bad, 0, "what is printed is read as the same");

    bad = 0;
    good = 0;

    for (i = 0; i < 60000; i++) {
        strcpy(url, hosts[i % 6]);

        for (k = i / 6; k; k /= 10) {
            strcat(url, parts[k % 10]);
        }

        if (parse(&conf, url, strlen(url)) == NULL) {
            good++;
            bad += !again(&conf);
        }
    }

    ok(good > 20000 && bad == 0, "... with %d paths", (int) good);
}


/* is it the same when it was printed and read? */

static ngx_uint_t
again(const ngx_llm_node_conf_t *conf)
{
    u_char               first[NGX_LLM_NODE_URL], second[NGX_LLM_NODE_URL];
    ngx_llm_node_conf_t  other;

    (void) ngx_llm_node_url_print(first, conf);

    if (parse(&other, first, strlen((char *) first)) != NULL) {
        return 0;
    }

    (void) ngx_llm_node_url_print(second, &other);

    return strcmp((char *) first, (char *) second) == 0
           && strcmp((char *) conf->prefix, (char *) other.prefix) == 0
           && strcmp((char *) conf->host, (char *) other.host) == 0
           && conf->port == other.port
           && conf->ssl == other.ssl
           && conf->ipv6 == other.ipv6
           && conf->named == other.named;
}


static const char *
parse(ngx_llm_node_conf_t *conf, const void *p, size_t n)
{
    ngx_str_t    url;
    const char  *err;

    url.data = test_copy(p, n);
    url.len = n;

    err = ngx_llm_node_url(conf, &url);

    free(url.data);

    return err;
}
