# Health, discovery, type: what the probe finds out about nodes.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;

sub state_is {
    my ($name, $state) = @_;
    return wait_until(sub { (node_row($name)->{state} // '') eq $state });
}

defaults(
    mock => "a --models m,n --name a\n",
    http_config => $LogFormat . <<'_EOC_',
    llm_router_key sk-test-0123456789abcdef;
    llm_router_health interval=100ms timeout=500ms fails=2 passes=1;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;
_EOC_
    config => "    location /v1/ { llm_router on; }\n",
);

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: models are found, and followed
--- perl
ok(models_are('m', 'n'), 'the list is found');
is(chat({ model => 'n' })->status, 200, 'and served');

mock_set('a', 'models=n,o');
ok(models_are('n', 'o'), 'it changes');
is(chat({ model => 'm' })->status, 404, 'what is gone is unknown');
is(chat({ model => 'o' })->status, 200, 'what is new is served');



=== TEST 2: a node goes, and comes back
--- perl
ok(models_are('m', 'n'), 'it is there');

mock_set('a', 'status=500;path=/v1/models');
ok(state_is('a', 'offline'), 'it fails its checks');

my $r = chat({ model => 'm' });
is($r->status, 503, 'nobody serves its model');
is($r->json->{error}{code}, 'no_nodes', 'and says so');
is_deeply(http('GET', '/v1/models', LLMTest::Api::with_key())->json->{data},
          [], 'nothing is listed');

mock_set('a', 'reset');
ok(state_is('a', 'online'), 'it passes again');
is(chat({ model => 'm' })->status, 200, 'and serves');



=== TEST 3: silence while it serves does not take it away
--- perl
ok(models_are('m', 'n'), 'it is there');

my $b = begin_burst([ { model => 'm' }, { 'X-Mock' => 'delay=2500' } ]);
ok(totals_are(in_flight => 1), 'it is busy');

mock_set('a', 'silence;path=/v1/models');
$b->run(1.8);
is(node_row('a')->{state}, 'online', 'it stays, though it is silent');

is(($b->wait)[0]->status, 200, 'it answers');
ok(state_is('a', 'offline'), 'silent and idle it goes');
mock_set('a', 'reset');



=== TEST 4: types, and the slots of llama.cpp
--- mock
a --models m --type llamacpp --slots 2
b --models m --type ollama
c --models m --type vllm
d --models m
--- http_config
    llm_router_key sk-test-0123456789abcdef;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_C name=c;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_D name=d type=sglang;
--- perl
for ([ a => 'llamacpp' ], [ b => 'ollama' ], [ c => 'vllm' ],
     [ d => 'sglang' ])
{
    my ($name, $type) = @$_;
    ok(wait_until(sub { (node_row($name)->{type} // '') eq $type }),
       "$name is $type");
}

ok(wait_until(sub { node_row('a')->{max_concurrent} == 2 }),
   'its slots are its limit');
is(node_row('b')->{max_concurrent}, 0, 'others have none');



=== TEST 5: models= switches discovery off, check=off the probe
--- http_config
    llm_router_key sk-test-0123456789abcdef;
    llm_router_health interval=100ms;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=x check=off;
--- perl
ok(models_are('x'), 'only what was said');
is(chat({ model => 'x' })->status, 200, 'it is served');
is(chat({ model => 'm' })->status, 404, 'what it lists itself is not');
is(mock_stats('a')->{models_requests}, 0, 'it was never asked');



=== TEST 6: a node's key and prefix are used by the probe
--- mock
a --models m --key sk-node-abcdefghijklmnop --prefix /base
--- http_config
    llm_router_key sk-test-0123456789abcdef;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A/base/v1/ name=a
                    api_key=sk-node-abcdefghijklmnop;
--- perl
ok(models_are('m'), 'it is let in');
is(chat({ model => 'm' })->status, 200, 'requests too');
is(mock_stats('a')->{unauthorized}, 0, 'always');
