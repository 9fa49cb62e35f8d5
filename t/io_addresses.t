# A node whose name has several addresses: each is used, and one that is away
# is passed by.  A name with two is made up by a library that is loaded into
# nginx before the others.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use File::Temp qw(tempdir);

my $dir = tempdir(CLEANUP => 1);
my $cc = $ENV{CC} || 'cc';

open my $c, '>', "$dir/two.c" or die "$dir/two.c: $!\n";
print $c <<'_EOC_';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stddef.h>
#include <string.h>

typedef int (*resolve_pt)(const char *, const char *, const struct addrinfo *,
    struct addrinfo **);

int
getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
    struct addrinfo **res)
{
    int               rc;
    resolve_pt        real;
    struct addrinfo  *last;

    *(void **) &real = dlsym(RTLD_NEXT, "getaddrinfo");

    if (host == NULL || strcmp(host, "two.test") != 0) {
        return real(host, port, hints, res);
    }

    rc = real("127.0.0.2", port, hints, res);

    for (last = *res; rc == 0 && last->ai_next; last = last->ai_next) { }

    return rc ? rc : real("127.0.0.1", port, hints, &last->ai_next);
}
_EOC_
close $c;

system("$cc -shared -fPIC -o $dir/two.so $dir/two.c -ldl") == 0
    or die "no library\n";

# a sanitizer wants to be the first library itself
$ENV{TEST_NGINX_TWO} = "$dir/two.so";
$ENV{TEST_NGINX_LD_PRELOAD} = "$dir/two.so";     # Test::Nginx::Socket's own
if (`$ENV{TEST_NGINX_BINARY} -V 2>&1` =~ /-fsanitize/) {
    print "1..1\nok 1 # skip nginx is built with a sanitizer\n";
    exit 0;
}

# the second address, with the port of the first

sub start_two {
    LLMTest::Mock::start('two', '--host', '127.0.0.2', '--models', 'm,n',
                         '--port', mock_port('a'));
}

# LLMTest's client talks to the nodes on 127.0.0.1
sub two_stats {
    return LLMTest::Client->connect(host => '127.0.0.2',
                                    port => mock_port('a'))
           ->http('GET', '/mock/stats', {})->json;
}

our $Http = $LogFormat . <<'_EOC_';
    llm_router_key sk-test-0123456789abcdef;
    llm_router_health interval=100ms timeout=1s;
    llm_router_connect_timeout 500ms;
_EOC_

defaults(
    env => "LD_PRELOAD=\$TEST_NGINX_TWO\n",
    mock => "a --models m,n\n",
    http_config => $Http . <<'_EOC_',
    llm_router_node http://two.test:$TEST_NGINX_NODE_A name=two models=m
                    check=off;
_EOC_
    config => "    location /v1/ { llm_router on; }\n",
);

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: one of two is away: no request fails
--- perl
my @r = map { chat() } 1 .. 10;
is(scalar(grep { $_->status == 200 } @r), 10, 'all are served');
ok(wait_until(sub { log_fields() == 10 }), 'logged');
is(scalar(grep { $_->{attempts} == 1 } log_fields()), 10,
   'which is one attempt each');
is(total('failovers'), 0, 'and no failover');
like(error_log_text(), qr/connect\(\) failed .*127\.0\.0\.2/,
     'the other address was tried');
is(node_row('two')->{state}, 'online', 'the node stays');



=== TEST 2: both are there: each has its part
--- perl
start_two();
my @r = burst(map { [] } 1 .. 20);
is(scalar(grep { $_->status == 200 } @r), 20, 'all are served');
my ($x, $y) = (mock_stats('a')->{requests}, two_stats()->{requests});
is($x + $y, 20, 'by the two');
cmp_ok($x, '>=', 5, "the one has some ($x)");
cmp_ok($y, '>=', 5, "the other too ($y)");



=== TEST 3: none is there
--- perl
mock_stop('a');
my $r = chat();
is($r->status, 502, 'it fails');
is($r->json->{error}{code}, 'upstream_error', 'and says so');
is(scalar(() = error_log_text() =~ /connect\(\) failed/g), 2,
   'each address was tried once');
mock_start('a');
is(chat()->status, 200, 'it is back');



=== TEST 4: the check finds the address that answers
--- http_config eval
$::Http . '
    llm_router_node http://two.test:$TEST_NGINX_NODE_A name=two;' . "\n"
--- perl
ok(models_are(qw(m n)), 'online');
is(scalar(grep { $_->status == 200 } map { chat() } 1 .. 6), 6, 'it serves');
ok(wait_until(sub { mock_stats('a')->{models_requests} >= 6 }), 'asked on');
is(node_row('two')->{state}, 'online', 'it stays online');

start_two();
mock_stop('a');
ok(wait_until(sub { two_stats()->{models_requests} >= 3 }),
   'the other one is asked when the first goes');
is(scalar(grep { $_->status == 200 } map { chat() } 1 .. 6), 6, 'it serves');
unlike(error_log_text(), qr/is offline/, 'it was never offline');



=== TEST 5: an address whose connection is not accepted
--- http_config eval
($::Port, $::Full) = ::full_port();
$::Http . "
    llm_router_node http://two.test:$::Port name=two models=m check=off;\n"
--- perl
# the one refuses, the other never answers: an error, not a long wait
my $r = chat();
is($r->status, 502, 'it fails');
cmp_ok($r->time, '<', 2, 'in time');
undef $::Full;
