# Which engine a node is, found out by asking, and what follows from it.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;

sub type_is {
    my ($name, $type) = @_;
    return wait_until(sub { (node_row($name)->{type} // '') eq $type });
}

sub max_is {
    my ($name, $max) = @_;
    return wait_until(sub { (node_row($name)->{max_concurrent} // -1) == $max });
}

our $Keys = $LogFormat . <<'_EOC_';
    llm_router_key sk-test-0123456789abcdef;
    llm_router_health interval=100ms timeout=1s fails=1;
_EOC_

defaults(
    config => "    location /v1/ { llm_router on; }\n",
);

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: each is found
--- mock
openai --models m --type openai
llamacpp --models m --type llamacpp --slots 3
vllm --models m --type vllm
ollama --models m --type ollama
sglang --models m --type sglang
tgi --models m --type tgi
lmstudio --models m --type lmstudio
--- http_config
    llm_router_key sk-test-0123456789abcdef;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_OPENAI name=openai;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_LLAMACPP name=llamacpp;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_VLLM name=vllm;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_OLLAMA name=ollama;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_SGLANG name=sglang;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_TGI name=tgi;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_LMSTUDIO name=lmstudio;
--- perl
for (qw(openai llamacpp vllm ollama sglang tgi lmstudio)) {
    ok(type_is($_, $_), $_) or diag(explain(node_row($_)));
    is(node_row($_)->{max_concurrent}, $_ eq 'llamacpp' ? 3 : 0,
       "$_: its limit") if $_ ne 'llamacpp';
}

ok(max_is('llamacpp', 3), 'llamacpp: its slots are its limit');
is(scalar(keys %{ share(burst(map { [] } 1 .. 21)) }), 7, 'all serve');



=== TEST 2: below a prefix, with a key
--- mock
a --models m --type llamacpp --slots 2 --prefix /base --key sk-node-0123456789
b --models m --type ollama --prefix /x/y
--- http_config eval
$::Keys . '
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A/base name=a
                    api_key=sk-node-0123456789;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B/x/y/v1 name=b;' . "\n"
--- perl
ok(type_is('a', 'llamacpp'), 'llamacpp');
ok(max_is('a', 2), 'with its slots');
ok(type_is('b', 'ollama'), 'ollama');
is(mock_stats('a')->{unauthorized}, 0, 'each question had the key');



=== TEST 3: what is told is not asked for
--- mock
a --models m --type ollama
b --models m --type llamacpp --slots 5
--- http_config eval
$::Keys . '
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a type=vllm;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b type=llamacpp
                    max_concurrent=2;' . "\n"
--- perl
ok(wait_until(sub { mock_stats('b')->{models_requests} >= 10 }), 'asked on');
is(node_row('a')->{type}, 'vllm', 'the type is the told one');
is(mock_stats('a')->{probes}, 0, 'and nobody looked for it');
is(node_row('b')->{max_concurrent}, 2, 'so is the limit');



=== TEST 4: slots are a limit that holds, and follow the node
--- mock
a --models m --type llamacpp --slots 2 --behave delay=50
--- http_config eval
$::Keys . '
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;' . "\n"
--- perl
ok(models_are('m'), 'online');
ok(max_is('a', 2), 'two slots');
is(scalar(grep { $_->status == 200 } burst(map { [] } 1 .. 20)), 20,
   'all are served');
is(mock_stats('a')->{max_in_flight}, 2, 'by two at a time');

# it comes back with more

mock_stop('a');
ok(node_online('a', 'offline'), 'it is away');
mock_start('a', qw(--models m --type llamacpp --slots 6 --behave delay=50));
ok(max_is('a', 6), 'six slots now');
ok(models_are('m'), 'it is online');
is(scalar(grep { $_->status == 200 } burst(map { [] } 1 .. 30)), 30,
   'all are served');
is(mock_stats('a')->{max_in_flight}, 6, 'by six at a time');



=== TEST 5: more slots let those go on that wait, fewer hold
--- mock
a
--- user_files
>>> list.json
{"data":[{"id":"m"}]}
>>> props.json
{"total_slots":1}
--- http_config eval
my $p = ::free_ports(1);
$::Keys . "
    llm_router_node http://127.0.0.1:$p name=a type=llamacpp;" . '
    server { listen 127.0.0.1:' . $p . '; root $TEST_NGINX_HTML_DIR;
             access_log off;
             location = /v1/models { try_files /list.json =404; }
             location = /props     { try_files /props.json =404; }
             location /v1/ { proxy_pass http://127.0.0.1:$TEST_NGINX_NODE_A;
                             proxy_buffering off; } }' . "\n"
--- perl
my $props = sub {
    my ($text) = @_;
    my $file = "$ENV{TEST_NGINX_HTML_DIR}/props.json";
    open my $out, '>', "$file.new" or die "$file: $!\n";
    print $out $text;
    close $out;
    rename "$file.new", $file or die "$file: $!\n";
};

ok(models_are('m'), 'online');
ok(max_is('a', 1), 'one slot');
my @s = stream({}, { 'X-Mock' => 'tokens=5000;pace=20' });
my $b = begin_burst(map { [{ stream => JSON::PP::true() },
                           { 'X-Mock' => 'tokens=50;pace=20' }] } 1 .. 3);
ok(totals_are(queued => 3), 'three wait');

$props->('{"total_slots":"many"}');
$b->run(1);
is(total('queued'), 3, 'an answer without slots changes nothing');

$props->('{"total_slots":3}');
ok($b->run(sub { total('queued') == 1 }), 'two more slots serve two');
is(node_row('a')->{max_concurrent}, 3, 'three are known');
is(node_row('a')->{in_flight}, 3, 'and used');

$props->('{"total_slots":1}');
ok($b->run(sub { node_row('a')->{max_concurrent} == 1 }), 'one is left');
$_->close for @s;
is_deeply([map { $_->status } $b->wait], [200, 200, 200], 'all are served');
is(mock_stats('a')->{max_in_flight}, 3, 'three at a time at most');



=== TEST 6: another engine at the same address
--- mock
a --models m --type llamacpp --slots 4
--- http_config eval
$::Keys . '
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;' . "\n"
--- perl
ok(type_is('a', 'llamacpp'), 'llamacpp');
ok(max_is('a', 4), 'with slots');
mock_stop('a');
ok(node_online('a', 'offline'), 'it is away');
mock_start('a', qw(--models m --type vllm));
ok(type_is('a', 'vllm'), 'vllm');
ok(max_is('a', 0), 'without');



=== TEST 7: a node that answers nothing but its list is of OpenAI's kind
--- http_config eval
my ($p, $q) = (::free_ports(1), ::free_ports(1));
$::Keys . "
    llm_router_node http://127.0.0.1:$p name=a;
    llm_router_node http://127.0.0.1:$q name=b;
    server { listen 127.0.0.1:$p;
             location = /v1/models { return 200 '{\"data\":[{\"id\":\"m\"}]}'; }
             location / { return 404; } }
    server { listen 127.0.0.1:$q;
             location = /v1/models { return 200 '{\"data\":[{\"id\":\"m\"}]}'; }
             location / { return 200 '{\"models\":\"no\",\"version\":5,
                                       \"total_slots\":\"many\"}'; } }\n"
--- perl
ok(models_are('m'), 'online');
ok(type_is($_, 'openai'), "$_: openai") for qw(a b);
is(node_row('b')->{max_concurrent}, 0, 'no limit');
--- no_error_log
[alert]
