# The status page: what it counts, node by node and in all.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;

defaults(
    mock => "a --models m\n",
    http_config => <<'_EOC_',
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef name=main;
_EOC_
    config => "    location /v1/ { llm_router on; }\n"
              . "    location = /status { llm_router_status; }\n",
);

sub page { return http('GET', '/status')->json }

sub node {
    my ($name) = @_;
    my ($row) = grep { $_->{name} eq $name } @{ page()->{nodes} };
    return $row;
}

# these members of a row, for is_deeply()

sub part {
    my ($row, @names) = @_;
    return { map { $_ => $row->{$_} } @names };
}

sub stream {
    my ($mock) = @_;
    return open_stream('POST', '/v1/chat/completions',
        with_key({ 'X-Mock' => $mock }),
        { model => 'm', stream => JSON::PP::true(),
          messages => [{ role => 'user', content => 'x' }] });
}

my @totals = qw(in_flight keys_in_flight queued requests errors cancelled
                failovers queued_total prompt_tokens completion_tokens);
# a client has its answer a moment before it is counted

sub requests_are {
    my ($n) = @_;
    return wait_until(sub { totals()->{requests} == $n });
}

sub totals { return part(page(), @totals) }

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: the members, before any request
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m type=vllm
                    max_concurrent=7;
    llm_router_node http://127.0.0.1:9 models=x check=off;
    llm_router_key sk-test-0123456789abcdef name=main;
--- perl
my $r = http('GET', '/status');
is($r->status, 200, 'open');
is($r->header('content-type'), 'application/json', 'type');
is($r->header('content-length'), length $r->body, 'length');
is_deeply($r->json, {
    in_flight => 0, keys_in_flight => 0, queued => 0, requests => 0,
    errors => 0, cancelled => 0, failovers => 0, queued_total => 0,
    prompt_tokens => 0, completion_tokens => 0,
    nodes => [
        { name => 'a', state => 'online', type => 'vllm', in_flight => 0,
          waiting => 0, max_concurrent => 7, requests => 0, failures => 0,
          prompt_tokens => 0, completion_tokens => 0 },
        { name => '127.0.0.1:9', state => 'online',
          type => 'unknown', in_flight => 0, waiting => 0, max_concurrent => 0,
          requests => 0, failures => 0, prompt_tokens => 0,
          completion_tokens => 0 } ],
}, 'all of it');
unlike($r->body, qr/sk-|main/, 'no key');



=== TEST 2: methods
--- perl
is(http('HEAD', '/status')->status, 200, 'HEAD');
is(http('HEAD', '/status')->body, '', 'without a body');
is(http($_, '/status', {}, 'x')->status, 405, $_) for qw(POST PUT DELETE);
is(http('GET', '/status', {}, 'a body')->status, 200, 'GET with a body');



=== TEST 3: requests, errors, tokens
--- perl
chat({}, { 'X-Mock' => 'prompt=5;tokens=6' }) for 1 .. 3;
ok(requests_are(3), 'each is counted');
is_deeply(totals(), { in_flight => 0, keys_in_flight => 0, queued => 0,
                      requests => 3, errors => 0, cancelled => 0,
                      failovers => 0, queued_total => 0, prompt_tokens => 15,
                      completion_tokens => 18 }, 'three requests');
is_deeply(part(node('a'), qw(requests failures prompt_tokens
                             completion_tokens)),
          { requests => 3, failures => 0, prompt_tokens => 15,
            completion_tokens => 18 }, 'at their node');

chat({ model => 'x' });
chat({}, { no_key => 1 });
chat({}, { 'X-Mock' => 'reset=before' });
ok(requests_are(6), 'those that failed are counted');
is(totals()->{errors}, 3, 'as errors, too');
is(node('a')->{failures} > 0, 1, 'one is the node\'s');

http('GET', '/v1/models', with_key());
ok(requests_are(7), 'the list of models is a request');
page();
is(totals()->{requests}, 7, 'the page is none');

my $s = stream('prompt=2;tokens=4');
while (read_event($s)) { }
ok(requests_are(8), 'a stream');
is(totals()->{prompt_tokens}, 17, 'its prompt');
is(totals()->{completion_tokens}, 22, 'its completion');



=== TEST 4: what is in flight, and where it is
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    max_concurrent=2;
    llm_router_key sk-test-0123456789abcdef name=main;
--- perl
my $one = stream('tokens=200;pace=50');
ok(read_event($one), 'one decodes');
ok(wait_until(sub { node('a')->{waiting} == 0 }), 'it waits no more');
is_deeply(part(page(), qw(in_flight keys_in_flight queued)),
          { in_flight => 1, keys_in_flight => 1, queued => 0 }, 'in all');
is(node('a')->{in_flight}, 1, 'at its node');

my $two = http_conn();
$two->start('POST', '/v1/chat/completions', with_key({ 'X-Mock' => 'silence' }),
            { model => 'm', messages => [{}] });
ok(wait_until(sub { node('a')->{in_flight} == 2 }), 'another');
is(node('a')->{waiting}, 1, 'that waits for its first token');

my $three = http_conn();
$three->start('POST', '/v1/chat/completions', with_key(),
              { model => 'm', messages => [{}] });
ok(wait_until(sub { page()->{queued} == 1 }), 'a third is in the queue');
is(page()->{queued_total}, 1, 'counted');
is_deeply(part(node('a'), qw(in_flight waiting)),
          { in_flight => 2, waiting => 1 }, 'not at the node');

close_stream($one);
ok($three->read_head(5), 'it comes to its turn');
is($three->status, 200, 'and is served');
$_->close for $two, $three;
ok(wait_until(sub {
    my $p = page();
    return !$p->{in_flight} && !$p->{keys_in_flight} && !$p->{queued};
}), 'nothing is left');
is(page()->{cancelled}, 2, 'two were left by their clients');
is(page()->{queued_total}, 1, 'one was in the queue');



=== TEST 5: state and type
--- mock
a --models m --type ollama
b --models m --type llamacpp --slots 3
--- http_config
    llm_router_health interval=100ms timeout=1s fails=1;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b;
    llm_router_node http://127.0.0.1:$TEST_NGINX_RAND_PORT_1 name=off;
    llm_router_key sk-test-0123456789abcdef name=main;
--- perl
ok(wait_until(sub { node('a')->{type} eq 'ollama' }), 'ollama');
ok(wait_until(sub { node('b')->{type} eq 'llamacpp' }), 'llamacpp');
ok(wait_until(sub { node('b')->{max_concurrent} == 3 }), 'its slots');
ok(node_online('a'), 'online');
is(node('off')->{state}, 'offline', 'offline');
mock_stop('a');
ok(node_online('a', 'offline'), 'one goes offline');
mock_start('a');
ok(node_online('a'), 'and comes back');
--- error_log
llm node "a" is offline



=== TEST 6: another node is tried
--- mock
a
b
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=m;
    llm_router_key sk-test-0123456789abcdef name=main;
--- perl
mock_set('a', 'status=500');
chat() for 1 .. 6;
my ($a, $b) = (node('a'), node('b'));
cmp_ok($a->{failures}, '>', 0, 'failures');
is($a->{failures}, $a->{requests}, 'each of its requests');
is($b->{requests}, 6, 'the other answered all');
is($b->{failures}, 0, 'without a failure');
is(page()->{failovers}, $a->{requests}, 'failovers');
is(page()->{errors}, 0, 'no error of a client\'s');



=== TEST 7: names that JSON must escape
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A
                    "name=a \"b\" \\c é <d>" models=m;
    llm_router_key sk-test-0123456789abcdef name=main;
--- perl
is(page()->{nodes}[0]{name}, "a \"b\" \\c \x{e9} <d>", 'escaped');



=== TEST 8: a reload keeps the counts, and shows the nodes that are there
--- mock
a
b
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=n;
    llm_router_key sk-test-0123456789abcdef name=main;
--- perl
chat() for 1 .. 2;
edit_conf(sub { s/^.*name=b models=n;\n//m; s/name=a/name=new/ });
ok(reload(), 'reloaded');
is_deeply([map { $_->{name} } @{ page()->{nodes} }], ['new'], 'one is left');
is(page()->{requests}, 2, 'the totals stay');
chat();
is(page()->{requests}, 3, 'and go on');



=== TEST 9: where there is no router
--- config
    location = /status { llm_router_status; }
--- perl
is(http('GET', '/status')->status, 404, 'there is no page');



=== TEST 10: where it may stand
--- config
    location /v1/ { llm_router on; }
    llm_router_status;
--- must_die
--- error_log
"llm_router_status" directive is not allowed here



=== TEST 11: it takes no value
--- config
    location /v1/ { llm_router on; }
    location /s { llm_router_status on; }
--- must_die
--- error_log
invalid number of arguments in "llm_router_status" directive
