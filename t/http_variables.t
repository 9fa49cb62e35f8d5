# What the access log may say of a request.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;

defaults(
    mock => "a --models m\n",
    http_config => <<'_EOC_',
    log_format llm '$request_method|$status|$llm_router_model|$llm_router_node|'
                   '$llm_router_key|$llm_router_status|'
                   '$llm_router_prompt_tokens|$llm_router_completion_tokens|'
                   '$llm_router_attempts|$llm_router_stream|'
                   '$llm_router_ttft|$llm_router_queue_time';
    access_log logs/llm.log llm;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef name=main;
_EOC_
    config => "    location /v1/ { llm_router on; }\n",
);

# The next line of the log, without the times unless they are asked for.

my $seen;
my $root = '';

sub logged {
    my ($times) = @_;
    my @lines;

    $seen = 0 if !defined $seen || $root ne main::conf_mark();
    $root = main::conf_mark();
    wait_until(sub { @lines = split /\n/, own_log(); @lines > $seen })
        or return 'nothing';
    my @field = split /\|/, $lines[$seen++], -1;
    return $times ? @field[10, 11] : CORE::join '|', @field[0 .. 9];
}

sub conf_mark { return master_pid() }

sub stream {
    return chat({ stream => JSON::PP::true(), %{ $_[0] || {} } }, $_[1]);
}

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: a request that went well
--- perl
is(chat({}, { 'X-Mock' => 'prompt=7;tokens=5' })->status, 200, 'whole');
is(logged(), 'POST|200|m|a|main|ok|7|5|1|0', 'its line');
is(stream({}, { 'X-Mock' => 'prompt=9;tokens=6' })->status, 200, 'a stream');
is(logged(), 'POST|200|m|a|main|ok|9|6|1|1', 'its line');
is(stream({ stream_options => { include_usage => JSON::PP::true() } },
          { 'X-Mock' => 'prompt=3;tokens=4' })->status, 200, 'with usage');
is(logged(), 'POST|200|m|a|main|ok|3|4|1|1', 'its line');
is(post('/v1/embeddings', { model => 'm', input => 'a b c' })->status, 200,
   'embeddings');
like(logged(), qr/^POST\|200\|m\|a\|main\|ok\|\d+\|-\|1\|0$|^POST\|200\|m\|a\|main\|ok\|\d+\|0\|1\|0$/,
     'no completion');
is(post('/v1/responses', { model => 'm', input => 'a',
                           stream => JSON::PP::true() })->status, 200,
   'a response, streamed');
like(logged(), qr/^POST\|200\|m\|a\|main\|ok\|[1-9]\d*\|[1-9]\d*\|1\|1$/,
     'its line');
is(post('/v1/audio/speech', { model => 'm', input => 'x', voice => 'v' })
   ->status, 200, 'sound');
is(logged(), 'POST|200|m|a|main|ok|-|-|1|0', 'has no tokens');
is(http('GET', '/v1/models', with_key())->status, 200, 'the models');
is(logged(), 'GET|200|-|-|main|ok|-|-|0|0', 'without a node');



=== TEST 2: tokens that are counted by events are marked
--- perl
is(stream({}, { 'X-Mock' => 'nousage;tokens=12' })->status, 200, 'no usage');
like(logged(), qr/^POST\|200\|m\|a\|main\|ok\|-\|~1[2-4]\|1\|1$/, 'an estimate');
is(chat({}, { 'X-Mock' => 'nousage' })->status, 200, 'whole, no usage');
is(logged(), 'POST|200|m|a|main|ok|-|-|1|0', 'nothing is made up');



=== TEST 3: errors by their code
--- perl
my $end = '|-|-|0|0';
chat({}, { no_key => 1 });
is(logged(), "POST|401|-|-|-|invalid_api_key$end", 'no key');
chat({ model => undef });
is(logged(), "POST|400|-|-|main|missing_required_parameter$end", 'no model');
post('/v1/chat/completions', '{');
is(logged(), "POST|400|-|-|main|invalid_json$end", 'no JSON');
chat({ model => 'x' });
is(logged(), "POST|404|x|-|main|model_not_found$end", 'no such model');
http('GET', '/v1/nothing', with_key());
is(logged(), "GET|404|-|-|main|unknown_url$end", 'no such URL');
chat({}, {}, method => 'PUT');
is(logged(), "PUT|405|-|-|main|method_not_allowed$end", 'no such method');
post('/v1/chat/completions', 'x' x 40_000_000);
is(logged(), "POST|413|-|-|-|request_too_large$end", 'too large');
chat({}, { 'X-Mock' => 'reset=before' });
is(logged(), 'POST|502|m|a|main|upstream_error|-|-|1|0', 'a reset');
chat({}, { 'X-Mock' => 'status=404' });
is(logged(), 'POST|404|m|a|main|node_error|-|-|1|0', 'the node\'s own');
--- allow_log
client intended to send too large body



=== TEST 4: a broken stream
--- perl
stream({}, { 'X-Mock' => 'tokens=9;reset=mid' });
like(logged(), qr/^POST\|200\|m\|a\|main\|upstream_error\|/, 'reset');
stream({}, { 'X-Mock' => 'tokens=9;cut=event' });
like(logged(), qr/^POST\|200\|m\|a\|main\|upstream_error\|/, 'cut off');



=== TEST 5: a client that leaves
--- perl
my $s = open_stream('POST', '/v1/chat/completions',
    with_key({ 'X-Mock' => 'tokens=100;pace=50' }),
    { model => 'm', stream => JSON::PP::true(), messages => [{}] });
read_event($s) for 1 .. 3;      # the role, and two with text
close_stream($s);
like(logged(), qr/^POST\|\d+\|m\|a\|main\|cancelled\|-\|~[2-9]\|1\|1$/,
     'while it is answered');

my $c = http_conn();
$c->start('POST', '/v1/chat/completions', with_key({ 'X-Mock' => 'silence' }),
          { model => 'm', messages => [{}] });
ok(wait_until(sub { mock_stats('a')->{in_flight} == 1 }), 'at the node');
$c->close;
is(logged(), 'POST|499|m|a|main|cancelled|-|-|1|0', 'before an answer');
--- node_stats
a aborted=2 in_flight=0



=== TEST 6: attempts, and the last node
--- mock
a
b
--- http_config
    log_format llm '$request_method|$status|$llm_router_model|$llm_router_node|'
                   '$llm_router_key|$llm_router_status|'
                   '$llm_router_prompt_tokens|$llm_router_completion_tokens|'
                   '$llm_router_attempts|$llm_router_stream|'
                   '$llm_router_ttft|$llm_router_queue_time';
    access_log logs/llm.log llm;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=m;
    llm_router_keys_required off;
    llm_router_alias nick m;
--- perl
mock_set('a', 'status=500');
my %tries;
for (1 .. 4) {
    my $r = chat({ model => 'nick' }, { 'X-Mock' => 'prompt=2;tokens=3' });
    is($r->status, 200, 'answered by the other');
    my $line = logged();
    $tries{$1}++ if $line =~ /^POST\|200\|m\|b\|-\|ok\|2\|3\|([12])\|0$/;
}
is(($tries{1} // 0) + ($tries{2} // 0), 4, 'each line is right');
cmp_ok($tries{2} // 0, '>', 0, 'some had two attempts');

mock_set('b', 'status=500');
chat();
like(logged(), qr/^POST\|500\|m\|[ab]\|-\|node_error\|-\|-\|2\|0$/, 'both failed');



=== TEST 7: times
--- http_config
    log_format llm '$request_method|$status|$llm_router_model|$llm_router_node|'
                   '$llm_router_key|$llm_router_status|'
                   '$llm_router_prompt_tokens|$llm_router_completion_tokens|'
                   '$llm_router_attempts|$llm_router_stream|'
                   '$llm_router_ttft|$llm_router_queue_time';
    access_log logs/llm.log llm;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    max_concurrent=1;
    llm_router_key sk-test-0123456789abcdef name=main;
--- perl
chat({}, { 'X-Mock' => 'delay=300' });
my ($ttft, $queue) = logged(1);
like($ttft, qr/^0\.(?:29|[3-9]\d)\d$|^1\.\d\d\d$/, 'the node\'s delay');
is($queue, '0.000', 'no queue');

stream({}, { 'X-Mock' => 'first=200;pace=50;tokens=8' });
($ttft, $queue) = logged(1);
like($ttft, qr/^0\.\d\d\d$/, 'of a stream');
cmp_ok($ttft, '>=', 0.19, 'up to its first token');
cmp_ok($ttft, '<', 0.55, 'not to its end');

my $s = open_stream('POST', '/v1/chat/completions',
    with_key({ 'X-Mock' => 'tokens=8;pace=50' }),
    { model => 'm', stream => JSON::PP::true(), messages => [{}] });
my $r = chat();
is($r->status, 200, 'it waited for the stream');
my @first = logged(1);
my @second = logged(1);
($ttft, $queue) = $first[1] > $second[1] ? @first : @second;
cmp_ok($queue, '>=', 0.1, 'in the queue');
cmp_ok($ttft, '>=', $queue, 'which counts as waiting for the first token');
is(sprintf('%d', $queue * 1000 + 0.5), $r->header('x-queue-wait-ms'),
   'as the client was told');
close_stream($s);

chat({ model => 'x' });
is_deeply([logged(1)], ['-', '0.000'], 'no first token');



=== TEST 8: outside of the router, and in a header
--- http_config
    log_format llm '$request_method|$status|$llm_router_model|$llm_router_node|'
                   '$llm_router_key|$llm_router_status|'
                   '$llm_router_prompt_tokens|$llm_router_completion_tokens|'
                   '$llm_router_attempts|$llm_router_stream|'
                   '$llm_router_ttft|$llm_router_queue_time';
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef name=main;
--- config
    location /v1/ {
        llm_router on;
        access_log logs/llm.log llm;
        add_header X-Seen $llm_router_model/$llm_router_node/$llm_router_key;
    }
    location /t { access_log logs/llm.log llm; return 200; }
--- perl
http('GET', '/t');
is(logged(), 'GET|200|-|-|-|-|-|-|-|-', 'no value');
is(chat()->header('x-seen'), 'm/a/main', 'in a header');
is(logged(), 'POST|200|m|a|main|ok|1|8|1|0', 'and in the log');



=== TEST 9: a body that did not come
--- config
    client_body_timeout 500ms;
    location /v1/ { llm_router on; }
--- perl
my $c = http_conn();
$c->start('POST', '/v1/chat/completions', with_key({ 'Content-Length' => 99 }),
          '{"model":"m",');
is(logged(), 'POST|408|-|-|main|request_timeout|-|-|0|0', 'too late');
$c->close;

$c = http_conn();
$c->start('POST', '/v1/chat/completions', with_key({ 'Content-Length' => 99 }),
          '{"model":"m",');
$c->close;
like(logged(), qr/^POST\|4\d\d\|-\|-\|main\|(?:cancelled|bad_request)\|-\|-\|0\|0$/,
     'the client left');



=== TEST 10: names that would break a line
--- http_config
    log_format llm '$request_method|$status|$llm_router_model|$llm_router_node|'
                   '$llm_router_key|$llm_router_status|'
                   '$llm_router_prompt_tokens|$llm_router_completion_tokens|'
                   '$llm_router_attempts|$llm_router_stream|'
                   '$llm_router_ttft|$llm_router_queue_time';
    access_log logs/llm.log llm;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A "name=a \"b\"" models=m;
    llm_router_key sk-test-0123456789abcdef "name=k y";
--- perl
chat({ model => "x\n\"y\"\\\x00" });
is(logged(), 'POST|404|x\x0A\x22y\x22\x5C\x00|-|k y|model_not_found|-|-|0|0',
   'escaped');
my $r = chat();
is($r->header('x-llm-router-node'), 'a "b"', 'in a header');
is(logged(), 'POST|200|m|a \x22b\x22|k y|ok|1|8|1|0', 'in the log');
