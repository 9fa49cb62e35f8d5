
/*
 * Names of nodes: what is asked of the system's resolver, and what is made of
 * its answer: families, order, duplicates, many, none, errors; and that an
 * address where no node may be is known as such when a name leads to it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <netdb.h>
#include <arpa/inet.h>

static int resolver(const char *host, const char *port,
    const struct addrinfo *hints, struct addrinfo **res);
static void resolver_free(struct addrinfo *res);

#define getaddrinfo   resolver
#define freeaddrinfo  resolver_free
#include "../../src/io/ngx_llm_resolve.c"
#undef  getaddrinfo
#undef  freeaddrinfo

#include "../../src/state/ngx_llm_cidr.c"
#include "test.h"


#define PORT  8000
#define TEXT  1024


static void test_question(void);
static void test_literals(void);
static void test_order(void);
static void test_twice(void);
static void test_many(void);
static void test_many_of_both(void);
static void test_looked_at(void);
static void test_none(void);
static void test_errors(void);
static void test_again(void);
static void test_refused(void);
static void test_post(void);
static void prepare(void);
static void add(const char *text);
static void add_family(int family);
static void ask(const char *host);
static const char *answer(void);
static void done(ngx_llm_resolve_t *resolve);


static ngx_llm_resolve_t        resolve;
static ngx_uint_t               ndone;
static ngx_int_t                post_rc;
static ngx_llm_task_t          *posted;

/* what the system's resolver says, and what it was asked */

static int                      rc;
static struct addrinfo          answers[128];
static struct sockaddr_storage  addresses[128];
static ngx_uint_t               nanswers;
static char                     asked[NGX_LLM_NODE_HOST];
static struct addrinfo          asked_hints;
static ngx_uint_t               asked_port, nasked, nfreed;


int
main(void)
{
    test_question();
    test_literals();
    test_order();
    test_twice();
    test_many();
    test_many_of_both();
    test_looked_at();
    test_none();
    test_errors();
    test_again();
    test_refused();
    test_post();

    return test_done();
}


static void
test_question(void)
{
    prepare();
    add("10.0.0.1");
    ask("node.test");

    is_number(nasked, 1, "a name is asked for once");
    is_text(asked, "node.test", "... as it is");
    is_number(asked_port, 0, "... without a port");
    is_number(asked_hints.ai_family, AF_UNSPEC, "... of either family");
    is_number(asked_hints.ai_socktype, SOCK_STREAM,
              "... and not each address for each type of socket");
    is_number(asked_hints.ai_flags, AI_ADDRCONFIG,
              "... of families that the machine has");
    is_text(answer(), "10.0.0.1:8000", "its address, with the node's port");
    ok(resolve.error == NULL, "... and no error");
    is_number(nfreed, 1, "what the system gave is given back");
    is_number(ndone, 1, "done is called once");
}


/* as the system gives them back for what is an address already */

static void
test_literals(void)
{
    struct sockaddr_in   *sin;
    struct sockaddr_in6  *sin6;

    prepare();
    add("127.0.0.1");
    ask("127.0.0.1");

    sin = (struct sockaddr_in *) &resolve.addrs[0].sockaddr;

    is_text(answer(), "127.0.0.1:8000", "an address of IPv4");
    is_number(sin->sin_family, AF_INET, "... its family");
    is_number(resolve.addrs[0].socklen, sizeof(struct sockaddr_in),
              "... its length");

    prepare();
    add("2001:db8::1");
    ask("2001:db8::1");

    sin6 = &resolve.addrs[0].sockaddr;

    is_text(answer(), "[2001:db8::1]:8000", "an address of IPv6");
    is_number(sin6->sin6_family, AF_INET6, "... its family");
    is_number(resolve.addrs[0].socklen, sizeof(struct sockaddr_in6),
              "... its length");
    is_number(sin6->sin6_scope_id, 0, "... of no interface");

    prepare();
    add("fe80::1");
    ((struct sockaddr_in6 *) &addresses[0])->sin6_scope_id = 7;
    ((struct sockaddr_in6 *) &addresses[0])->sin6_flowinfo = 9;
    ask("fe80::1%eth7");

    is_number(sin6->sin6_scope_id, 7, "one of an interface keeps it");
    is_number(sin6->sin6_flowinfo, 0, "... and nothing else");
}


/* the same answer in another order is the same result */

static void
test_order(void)
{
    prepare();
    add("10.0.0.2");
    add("10.0.0.10");
    add("10.0.0.1");
    ask("order.test");

    is_text(answer(), "10.0.0.1:8000 10.0.0.2:8000 10.0.0.10:8000",
            "several addresses, by their bytes");

    prepare();
    add("10.0.0.10");
    add("10.0.0.1");
    add("10.0.0.2");
    ask("order.test");

    is_text(answer(), "10.0.0.1:8000 10.0.0.2:8000 10.0.0.10:8000",
            "... whatever order they came in");

    prepare();
    add("2001:db8::2");
    add("10.0.0.1");
    add("2001:db8::1");
    add("10.0.0.0");
    ask("order.test");

    is_text(answer(), "[2001:db8::1]:8000 [2001:db8::2]:8000 "
            "10.0.0.0:8000 10.0.0.1:8000", "IPv6 first, if it came first");

    prepare();
    add("10.0.0.1");
    add("2001:db8::2");
    add("2001:db8::1");
    add("10.0.0.0");
    ask("order.test");

    is_text(answer(), "10.0.0.0:8000 10.0.0.1:8000 "
            "[2001:db8::1]:8000 [2001:db8::2]:8000", "IPv4 first, if it did");
}


static void
test_twice(void)
{
    prepare();
    add("10.0.0.2");
    add("10.0.0.1");
    add("10.0.0.2");
    add("10.0.0.1");
    add("10.0.0.1");
    ask("twice.test");

    is_text(answer(), "10.0.0.1:8000 10.0.0.2:8000", "each address once");

    prepare();
    add("2001:db8::1");
    add("10.0.0.1");
    add("2001:db8::1");
    add("10.0.0.1");
    add("::ffff:10.0.0.1");
    ask("twice.test");

    is_text(answer(), "[::ffff:10.0.0.1]:8000 [2001:db8::1]:8000 "
            "10.0.0.1:8000", "... of each family");

    prepare();
    add("fe80::1");
    add("fe80::1");
    ((struct sockaddr_in6 *) &addresses[1])->sin6_scope_id = 2;
    ask("twice.test");

    is_number(resolve.naddrs, 2, "two interfaces are two addresses");
}


static void
test_many(void)
{
    char        text[32];
    ngx_uint_t  i;

    prepare();

    for (i = 0; i < NGX_LLM_NODE_ADDRS; i++) {
        snprintf(text, sizeof(text), "10.0.0.%d", (int) (20 - i));
        add(text);
    }

    ask("many.test");

    is_number(resolve.naddrs, NGX_LLM_NODE_ADDRS, "as many as a node may have");
    is_text(answer(), "10.0.0.13:8000 10.0.0.14:8000 10.0.0.15:8000 "
            "10.0.0.16:8000 10.0.0.17:8000 10.0.0.18:8000 10.0.0.19:8000 "
            "10.0.0.20:8000", "... all of them");

    add("10.0.0.99");
    add("10.0.0.1");
    ask("many.test");

    is_number(resolve.naddrs, NGX_LLM_NODE_ADDRS, "more than that");
    is_text(answer(), "10.0.0.1:8000 10.0.0.13:8000 10.0.0.14:8000 "
            "10.0.0.15:8000 10.0.0.16:8000 10.0.0.17:8000 10.0.0.18:8000 "
            "10.0.0.19:8000", "... the same ones each time: the first by "
            "their bytes");

    prepare();

    for (i = 0; i < 60; i++) {
        add(i == 59 ? "10.0.0.2" : "10.0.0.1");
    }

    ask("many.test");

    is_text(answer(), "10.0.0.1:8000 10.0.0.2:8000",
            "one that comes often takes no place of another's");
}


static void
test_many_of_both(void)
{
    char        text[32];
    ngx_uint_t  i;

    prepare();

    for (i = 0; i < 6; i++) {
        snprintf(text, sizeof(text), "2001:db8::%d", (int) i);
        add(text);
        snprintf(text, sizeof(text), "10.0.0.%d", (int) i);
        add(text);
    }

    ask("both.test");

    is_text(answer(), "[2001:db8::]:8000 [2001:db8::1]:8000 "
            "[2001:db8::2]:8000 [2001:db8::3]:8000 [2001:db8::4]:8000 "
            "[2001:db8::5]:8000 10.0.0.0:8000 10.0.0.1:8000",
            "more of both than may be: the first family goes first");
}


/* more than are looked at: no byte is written elsewhere, see the sanitizer */

static void
test_looked_at(void)
{
    char        text[32];
    ngx_uint_t  i;

    prepare();

    for (i = 0; i < 128; i++) {
        snprintf(text, sizeof(text), "10.0.0.%d", (int) (200 - i));
        add(text);
    }

    ask("huge.test");

    is_number(resolve.naddrs, NGX_LLM_NODE_ADDRS, "a very long answer");
    is_text(answer(), "10.0.0.137:8000 10.0.0.138:8000 10.0.0.139:8000 "
            "10.0.0.140:8000 10.0.0.141:8000 10.0.0.142:8000 10.0.0.143:8000 "
            "10.0.0.144:8000", "... is looked at up to its 64th address");

    /* what is no address does not count */

    prepare();

    for (i = 0; i < 100; i++) {
        add_family(AF_UNIX);
    }

    add("10.0.0.1");
    ask("huge.test");

    is_text(answer(), "10.0.0.1:8000", "others than IP are passed by");
}


static void
test_none(void)
{
    prepare();
    ask("none.test");

    is_number(resolve.naddrs, 0, "an empty answer");
    is_text(resolve.error, "no address", "... is an error");

    prepare();
    add_family(AF_UNIX);
    add_family(AF_UNSPEC);
    ask("none.test");

    is_number(resolve.naddrs, 0, "nothing of a family that is known");
    is_text(resolve.error, "no address", "... is an error");
    is_number(nfreed, 1, "... and is given back");
}


static void
test_errors(void)
{
    prepare();
    rc = EAI_NONAME;
    ask("unknown.test");

    is_number(resolve.naddrs, 0, "a name that is not known");
    is_text(resolve.error, gai_strerror(EAI_NONAME), "... it is said");
    is_number(nfreed, 0, "... there is nothing to give back");
    is_number(ndone, 1, "... and done is called");

    prepare();
    rc = EAI_AGAIN;
    add("10.0.0.1");
    ask("unknown.test");

    is_text(resolve.error, gai_strerror(EAI_AGAIN), "a server that is away");
    is_number(resolve.naddrs, 0, "... has no answer");

    prepare();
    rc = EAI_SYSTEM;
    errno = ENOMEM;
    ask("unknown.test");

    is_text(resolve.error, "system error",
            "an error of the system: errno is this thread's, it is not said");
}


/* the same memory for another question */

static void
test_again(void)
{
    prepare();
    add("10.0.0.1");
    add("10.0.0.2");
    ask("again.test");
    rc = EAI_AGAIN;
    ask("again.test");

    is_number(resolve.naddrs, 0, "nothing of an earlier answer is left");
    ok(resolve.error != NULL, "... when there is none now");

    rc = 0;
    nanswers = 1;
    ask("again.test");

    is_text(answer(), "10.0.0.1:8000", "nor an earlier error");
    ok(resolve.error == NULL, "... when there is none");
}


/*
 * Whoever asked judges by these addresses: where no node may be is seen in
 * what a name leads to as in what was said.
 */

static void
test_refused(void)
{
    ngx_uint_t       i, n;
    ngx_llm_cidrs_t  all = { NULL };

    static const char  *never[] = {
        "169.254.169.254", "169.254.0.1", "169.254.255.255", "fe80::1",
        "febf::1", "0.0.0.0", "100.100.100.200", "192.0.0.192",
        "168.63.129.16", "224.0.0.1", "255.255.255.255", "::",
        "fd00:ec2::254", "fd20:ce::254", "ff02::1",
        "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"
    };

    for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        prepare();
        add(never[i]);
        ask("metadata.test");

        ok(resolve.naddrs == 1
           && !ngx_llm_cidr_allows(&all, (struct sockaddr *)
                                         &resolve.addrs[0].sockaddr),
           "a name of %s: no node may be there", never[i]);
    }

    prepare();
    add("169.254.169.254");
    add("10.0.0.1");
    add("fe80::1");
    add("2001:db8::1");
    add("::ffff:a9fe:a9fe");
    ask("mixed.test");

    for (i = 0, n = 0; i < resolve.naddrs; i++) {
        n += ngx_llm_cidr_allows(&all, (struct sockaddr *)
                                       &resolve.addrs[i].sockaddr);
    }

    is_number(resolve.naddrs, 5, "a name of good ones and others: all come");
    is_number(n, 2, "... and the good ones are told apart");

    resolve.allow = &all;
    ask("mixed.test");

    is_text(answer(), "10.0.0.1:8000 [2001:db8::1]:8000",
            "with a list of who is allowed only these come");
    is_number(resolve.refused, 3, "... and how many do not");

    /* more that are not allowed than there is room for */

    prepare();

    for (i = 0; i < 70; i++) {
        add("169.254.1.1");
    }

    add("10.0.0.2");
    resolve.allow = &all;
    ask("many.test");

    is_text(answer(), "10.0.0.2:8000", "they take nobody's room");

    prepare();
    add("169.254.1.1");
    resolve.allow = &all;
    ask("none.test");

    ok(resolve.naddrs == 0 && resolve.error && resolve.refused == 1,
       "none is allowed: an error, which is known for what it is");
}


static void
test_post(void)
{
    prepare();
    add("10.0.0.1");
    post_rc = NGX_ERROR;

    is_number(ngx_llm_resolve(&resolve), NGX_ERROR, "no thread: it is said");
    is_number(ndone, 0, "... and done is not called");
    is_number(nasked, 0, "... nor is anybody asked");

    post_rc = NGX_OK;

    is_number(ngx_llm_resolve(&resolve), NGX_OK, "a thread");
    is_number(nasked, 0, "... asks, and not who called");
    ok(!posted->wait, "... at exit nobody waits for it");

    posted->run(posted);

    is_number(nasked, 1, "... it did");
    is_number(ndone, 0, "... but done is the loop's");

    posted->done(posted);

    is_number(ndone, 1, "... which calls it");
}


static void
prepare(void)
{
    rc = 0;
    nanswers = 0;
    nasked = 0;
    nfreed = 0;
    ndone = 0;
    post_rc = NGX_OK;
    posted = NULL;

    ngx_memzero(&resolve, sizeof(resolve));
    ngx_memzero(answers, sizeof(answers));
    ngx_memzero(addresses, sizeof(addresses));

    resolve.port = PORT;
    resolve.done = done;
}


/* an address of the answer; it has a port, which must not matter */

static void
add(const char *text)
{
    struct addrinfo      *ai;
    struct sockaddr_in   *sin;
    struct sockaddr_in6  *sin6;

    ai = &answers[nanswers];
    sin = (struct sockaddr_in *) &addresses[nanswers];
    sin6 = (struct sockaddr_in6 *) &addresses[nanswers];

    if (inet_pton(AF_INET, text, &sin->sin_addr) == 1) {
        ai->ai_family = AF_INET;
        ai->ai_addrlen = sizeof(struct sockaddr_in);
        sin->sin_family = AF_INET;
        sin->sin_port = htons(53);

    } else if (inet_pton(AF_INET6, text, &sin6->sin6_addr) == 1) {
        ai->ai_family = AF_INET6;
        ai->ai_addrlen = sizeof(struct sockaddr_in6);
        sin6->sin6_family = AF_INET6;
        sin6->sin6_port = htons(53);

    } else {
        abort();
    }

    ai->ai_addr = (struct sockaddr *) &addresses[nanswers++];
}


static void
add_family(int family)
{
    answers[nanswers].ai_family = family;
    answers[nanswers].ai_addr = (struct sockaddr *) &addresses[nanswers];
    nanswers++;
}


static void
ask(const char *host)
{
    (void) ngx_cpystrn(resolve.host, (u_char *) host, NGX_LLM_NODE_HOST);

    ndone = 0;

    if (ngx_llm_resolve(&resolve) == NGX_OK) {
        posted->run(posted);
        posted->done(posted);
    }
}


static const char *
answer(void)
{
    size_t                len;
    u_char               *a;
    ngx_uint_t            i;
    struct sockaddr_in   *sin;
    struct sockaddr_in6  *sin6;

    char         one[INET6_ADDRSTRLEN];
    static char  text[TEXT];

    text[0] = '\0';

    for (i = 0; i < resolve.naddrs; i++) {
        sin = (struct sockaddr_in *) &resolve.addrs[i].sockaddr;
        sin6 = &resolve.addrs[i].sockaddr;

        a = (sin->sin_family == AF_INET) ? (u_char *) &sin->sin_addr
                                         : (u_char *) &sin6->sin6_addr;

        (void) inet_ntop(sin->sin_family, a, one, sizeof(one));

        len = strlen(text);

        (void) snprintf(text + len, sizeof(text) - len,
                        (sin->sin_family == AF_INET) ? "%s%s:%d"
                                                     : "%s[%s]:%d",
                        i ? " " : "", one, ntohs(sin6->sin6_port));
    }

    return text;
}


static void
done(ngx_llm_resolve_t *done_resolve)
{
    ok(done_resolve == &resolve && done_resolve == posted->data,
       "done has what was asked");

    ndone++;
}


/* the system's resolver */

static int
resolver(const char *host, const char *port, const struct addrinfo *hints,
    struct addrinfo **res)
{
    ngx_uint_t  i;

    nasked++;
    asked_port = (port != NULL);
    asked_hints = *hints;
    (void) snprintf(asked, sizeof(asked), "%s", host);

    for (i = 0; i + 1 < nanswers; i++) {
        answers[i].ai_next = &answers[i + 1];
    }

    if (nanswers) {
        answers[nanswers - 1].ai_next = NULL;
    }

    /* an error leaves it as it was, so nobody may look at it */

    if (rc == 0) {
        *res = nanswers ? answers : NULL;
    }

    return rc;
}


static void
resolver_free(struct addrinfo *res)
{
    nfreed++;
}


/* what it takes from others */

ngx_int_t
ngx_llm_task_post(ngx_llm_task_t *task)
{
    posted = task;

    return post_rc;
}


u_char *
ngx_cpystrn(u_char *dst, u_char *src, size_t n)
{
    (void) snprintf((char *) dst, n, "%s", (char *) src);

    return dst + ngx_strlen(dst);
}
