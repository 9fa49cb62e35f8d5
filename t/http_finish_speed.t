# How fast a node decodes, by its streams.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;

defaults(
    mock => "a\n",
    http_config => $AdminKey . <<'_EOC_',
    llm_router_key sk-test-0123456789abcdef name=plain;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    check=off;
_EOC_
    config => "    $Listen\n    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

sub speed {
    my ($m) = rows('/models');
    return $m->{nodes}[0]{tokens_per_second};
}

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: tokens a second of a stream
--- perl
my $t = { stream => JSON::PP::true() };

chat({}, { 'X-Mock' => 'tokens=50' });
chat($t, { 'X-Mock' => 'tokens=1' });
chat($t, { 'X-Mock' => 'tokens=11;pace=10;after=5;reset=mid' });
my $s = stream({}, { 'X-Mock' => 'tokens=1000;pace=10' });
read_event($s) for 1 .. 3;
$s->close;
ok(totals_are(in_flight => 0), 'all are over');
is(speed(), undef, 'not by whole answers, one token, what broke or was left');

chat($t, { 'X-Mock' => 'tokens=11;pace=20' });
ok(wait_until(sub { defined speed() }), 'by a stream that ended');
my $first = speed();
cmp_ok($first, '>', 0, 'it has a speed');
cmp_ok($first, '<=', 56, 'of 50 at most, but for the clock');

chat($t, { 'X-Mock' => 'tokens=11;pace=2' }) for 1 .. 3;
ok(wait_until(sub { speed() > $first }), 'faster streams raise it');
cmp_ok(speed(), '<', 510, 'slowly');
