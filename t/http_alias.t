# Other names for models: which alias counts, and that nothing but the name
# changes in the body.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use Digest::SHA qw(sha256_hex);

defaults(
    mock => "a --models m\n",
    http_config => <<'_EOC_',
    log_format alias '$llm_router_model';
    access_log logs/llm.log alias;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=*;
    llm_router_key sk-test-0123456789abcdef;
_EOC_
    config => "    location /v1/ { llm_router on; }\n",
);

# the name under which a node gets a model

sub becomes {
    my ($name, @port) = @_;
    my $r = chat({ model => $name }, {}, @port);

    return $r->status if $r->status != 200;
    return json_decode(sent('a')->{body})->{model};
}

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: exact names, patterns, and which is first
--- config
    llm_router_alias ~^gpt-(.*)$ pattern-$1;
    llm_router_alias gpt-4 exact;
    llm_router_alias gpt-4 second;
    llm_router_alias ~^gpt-3 too-late;
    llm_router_alias ~(?<size>\d+)b$ sized-$size;
    llm_router_alias ~(?i)^upper$ any-case;
    llm_router_alias "~^(a+)-(b+)$" $2-$1;
    llm_router_alias to-itself to-itself;
    llm_router_alias chain gpt-4;
    location /v1/ { llm_router on; }
--- perl
my %want = (
    'gpt-4' => 'exact', 'gpt-3.5' => 'pattern-3.5', 'gpt-' => 'pattern-',
    'GPT-4' => 'GPT-4', 'gpt' => 'gpt', 'xgpt-4' => 'xgpt-4',
    'llama-70b' => 'sized-70', 'aa-bbb' => 'bbb-aa', 'aa-bbb-' => 'aa-bbb-',
    'UPPER' => 'any-case', 'Upper' => 'any-case',
    'to-itself' => 'to-itself', 'chain' => 'gpt-4', 'untouched' => 'untouched',
    'gpt-4 ' => 'pattern-4 ', "gpt-\x{4e2d}\"\\" => "pattern-\x{4e2d}\"\\",
);

is(becomes($_), $want{$_}, s/[^ -~]/?/gr) for sort keys %want;



=== TEST 2: the bytes around the name stay
--- config
    llm_router_alias short a-much-longer-name-than-it-was;
    llm_router_alias a-long-name-which-becomes-short s;
    llm_router_alias same1 same2;
    llm_router_alias quote "a\"b\\c";
    location /v1/ { llm_router on; }
--- perl
my $to = 'a-much-longer-name-than-it-was';

for (['{"model":"short"}', qq({"model":"$to"})],
     ["\r\n{ \"model\" :\t\"short\" , \"x\" : 1 }\n ",
      "\r\n{ \"model\" :\t\"$to\" , \"x\" : 1 }\n "],
     ['{"x":"short","model":"short","y":["short",{"model":"short"}]}',
      qq({"x":"short","model":"$to","y":["short",{"model":"short"}]})],
     ['{"a":"\u00e9\/","model":"\u0073hort","b":1.0e0}',
      qq({"a":"\\u00e9\\/","model":"$to","b":1.0e0})],
     ['{"mod\u0065l":"short"}', qq({"mod\\u0065l":"$to"})],
     ['{"model":"x","model":"short"}', qq({"model":"x","model":"$to"})],
     ['{"model":"a-long-name-which-becomes-short","z":[]}',
      '{"model":"s","z":[]}'],
     ['{"model":"same1"}', '{"model":"same2"}'],
     ['{"model":"quote"}', '{"model":"a\"b\\\\c"}'],
     ['{"model":"other"}', '{"model":"other"}'],
     ['{"model":"oth\u0065r"}', '{"model":"oth\u0065r"}'])
{
    my ($body, $want) = @$_;
    is(post('/v1/any', $body)->status, 200, $body =~ s/\s/ /gr);
    is(sent('a')->{body}, $want, 'becomes ' . $want =~ s/\s/ /gr);
    is(sent('a')->{headers}{'content-length'}, length $want, 'its length');
}
--- node_stats
a malformed=0 invalid_bodies=0



=== TEST 3: together with the wish for usage
--- config
    llm_router_alias short a-much-longer-name;
    location /v1/ { llm_router on; }
--- perl
my $ask = '"stream_options":{"include_usage":true},';

for (['{"model":"short","stream":true,"messages":[{}]}',
      qq({$ask"model":"a-much-longer-name","stream":true,"messages":[{}]})],
     ['{"stream_options":{"include_usage":false},"model":"short",'
      . '"stream":true,"messages":[{}]}',
      '{"stream_options":{"include_usage":true},"model":"a-much-longer-name",'
      . '"stream":true,"messages":[{}]}'],
     ['{"model":"short","stream":true,"messages":[{}],"stream_options":{}}',
      '{"model":"a-much-longer-name","stream":true,"messages":[{}],'
      . '"stream_options":{"include_usage":true}}'],
     ['{"model":"short","stream":true,"messages":[{}],'
      . '"stream_options":{"include_usage":true}}',
      '{"model":"a-much-longer-name","stream":true,"messages":[{}],'
      . '"stream_options":{"include_usage":true}}'])
{
    my ($body, $want) = @$_;
    is(post('/v1/chat/completions', $body)->status, 200, $body);
    is(sent('a')->{body}, $want, 'both are changed');
}



=== TEST 4: on a body in memory, in a file, and at any place of it
--- config
    llm_router_alias short a-much-longer-name;
    llm_router_alias a-name-that-is-long x;
    location /v1/ { llm_router on; }
    location /mem/ { llm_router on; client_body_buffer_size 12m; }
    location /file/ { llm_router on; client_body_in_file_only clean; }
    location /tiny/ { llm_router on; client_body_buffer_size 128; }
--- perl
my $words = '';
$words .= sprintf '%09d ', $_ * 7919 for 1 .. 1_048_576;

for my $size (10, 1000, 16_300, 16_384, 100_000, 10_485_760) {
    my $text = substr $words, 0, $size;

    for my $where (qw(v1 mem file tiny)) {
        next if $where eq 'tiny' && $size > 200_000;

        for (['short', 'a-much-longer-name'], ['a-name-that-is-long', 'x']) {
            my ($alias, $name) = @$_;
            my $half = int(length($text) / 2);

            for my $cut (0, $half, length $text) {
                next if $size > 200_000 && $cut == $half && $where ne 'v1';
                my ($x, $y) = (substr($text, 0, $cut), substr($text, $cut));
                my $make = sub {
                    return qq({"x":"$x","model":"$_[0]","y":"$y",)
                           . '"stream":true,"messages":[{}]}';
                };
                my $want = $make->($name);
                substr($want, 1, 0) = '"stream_options":{"include_usage":true},';
                my $r = post(($where eq 'v1' ? '' : "/$where")
                             . '/v1/chat/completions', $make->($alias),
                             { 'X-Mock' => 'sha' });
                my $d = $r->json
                        || json_decode(($r->events)[0] // '{}');
                my $at = sent('a')->{headers}{'content-length'};
                is_deeply([$r->status, $at, $d->{sha256}],
                          [200, length $want, sha256_hex($want)],
                          "$where, $size bytes, $alias after $cut");
            }
        }
    }
}
--- node_stats
a malformed=0 invalid_bodies=0 in_flight=0



=== TEST 5: with a second node after a first that failed
--- mock
a --models m
b --models m
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=target;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=target;
    llm_router_key sk-test-0123456789abcdef;
    llm_router_alias mine target;
--- config
    location /v1/ { llm_router on; }
--- perl
mock_set('a', 'reset=before');
my $big = 'y' x 3_000_000;

for (['{"model":"mine","messages":[{}]}', 'small'],
     [qq({"x":"$big","model":"mine","messages":[{}]}), 'in a file'],
     [qq({"model":"mine","messages":[{}],"x":"$big"}), 'in a file, the name first'],
     ['{"model":"mine","stream":true,"messages":[{}]}', 'a stream'])
{
    my ($body, $what) = @$_;
    (my $want = $body) =~ s/mine/target/;
    $want =~ s/^\{/{"stream_options":{"include_usage":true},/
        if $what eq 'a stream';

    # until the broken one was tried first

    for my $n (1 .. 4) {
        my $before = mock_stats('a')->{requests};
        my $r = post('/v1/chat/completions', $body, { 'X-Mock' => 'sha' });
        my $d = $r->json || json_decode(($r->events)[0] // '{}');
        is_deeply([$r->status, $d->{sha256}, $r->header('x-llm-router-node')],
                  [200, sha256_hex($want), 'b'], "$what: from the other node");
        last if mock_stats('a')->{requests} > $before;
    }
}

my ($a, $b) = (mock_stats('a'), mock_stats('b'));
cmp_ok($a->{requests}, '>=', 4, 'the first was tried with each');
is($b->{invalid_bodies} + $b->{malformed}, 0, 'the second got sound bodies');



=== TEST 6: on each level; the innermost that has any
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=*;
    llm_router_key sk-test-0123456789abcdef;
    llm_router_alias x of-http;
    llm_router_alias y of-http;
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;   # other
        llm_router_alias x of-server;
        location /v1/ { llm_router on; }
        location /in/ { llm_router on; llm_router_alias x of-location; }
    }
--- perl
is(becomes('x'), 'of-http', 'http');
my @other = (port => named_port('other'));
is(becomes('x', @other), 'of-server', 'server');
is(becomes('y', @other), 'y', 'what the server does not say is not inherited');
my $r = post('/in/v1/any', '{"model":"x"}', {}, @other);
is(sent('a')->{body}, '{"model":"of-location"}', 'location');



=== TEST 7: what the client and the log are told
--- http_config
    log_format alias '$llm_router_model $llm_router_status';
    access_log logs/llm.log alias;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=real,free;
    llm_router_key sk-test-0123456789abcdef models=free,nowhere;
    llm_router_alias nick real;
    llm_router_alias pet free;
    llm_router_alias lost nowhere;
--- perl
is(chat({ model => 'pet' })->status, 200, 'the key may use the real one');
error_is(chat({ model => 'nick' }), 403, 'permission_error',
         'model_not_allowed', 'model',
         'This API key may not use the model `nick`',
         'the client reads its own name for it');
error_is(chat({ model => 'lost' }), 404, 'invalid_request_error',
         'model_not_found', 'model', 'The model `lost` does not exist',
         'so also here');
ok(log_has(3), 'logged');
is(sorted_log(),
   "free ok\nnowhere model_not_found\nreal model_not_allowed\n",
   'the log knows the real one');
is_deeply([map { $_->{id} }
           @{ http('GET', '/v1/models', with_key())->json->{data} }],
          ['free'], 'an alias is not in the list');



=== TEST 8: nginx's variables in a target
--- http_config
    map $http_x_tier $tier { default small; gold large; }
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=*;
    llm_router_key sk-test-0123456789abcdef;
    llm_router_alias auto $tier;
    llm_router_alias ~^(.+)@auto$ $1-$tier;
--- perl
chat({ model => 'auto' }, { 'X-Tier' => 'gold' });
is(json_decode(sent('a')->{body})->{model}, 'large', 'gold');
is(becomes('auto'), 'small', 'default');
is(becomes('llama@auto'), 'llama-small', 'with a part of the name');



=== TEST 9: names made too long
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=*;
    llm_router_key sk-test-0123456789abcdef;
    llm_router_alias ~^(x+)$ $1$1;
--- perl
is(becomes('x' x 128), 'x' x 256, '256 bytes');
error_is(chat({ model => 'x' x 129 }), 500, 'server_error', 'internal_error',
         undef, 'Internal error', 'longer');
--- error_log
llm alias makes a model name of 258 bytes
