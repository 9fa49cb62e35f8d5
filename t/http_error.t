# Every error a client may see: its status, and the four members, exactly.
# nginx's own pages never show.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;

sub invalid {
    my ($code, $param, $message) = @_;
    return (400, 'invalid_request_error', $code, $param, $message);
}

sub missing { return invalid('missing_required_parameter', @_) }

defaults(
    mock => "a --models m\n",
    http_config => <<'_EOC_',
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
_EOC_
    config => "    location /v1/ { llm_router on; }\n",
);

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: 401
--- perl
my @want = (401, 'authentication_error', 'invalid_api_key', undef,
            'Invalid API key');
error_is(chat({}, { no_key => 1 }), @want, 'none');
error_is(chat({}, { 'api-key' => 'sk-test-another0000' }), @want, 'unknown');
is(chat({}, { no_key => 1 })->body,
   '{"error":{"message":"Invalid API key","type":"authentication_error",'
   . '"param":null,"code":"invalid_api_key"}}' . "\n", 'its very bytes');
--- node_stats
a requests=0



=== TEST 2: 403, and names that JSON must escape
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef models=other;
--- perl
my @want = (403, 'permission_error', 'model_not_allowed', 'model');
error_is(chat(), @want, 'This API key may not use the model `m`', 'm');
error_is(chat({ model => qq(a"b\\c\n\t\x01) }), @want,
         qq(This API key may not use the model `a"b\\c\n\t\x01`), 'escapes');
error_is(chat({ model => "m\x{e9}\x{4e2d}\x{1f600}" }), @want,
         "This API key may not use the model `m\x{e9}\x{4e2d}\x{1f600}`",
         'not of ASCII');
error_is(chat({ model => '<script>alert(1)</script>' }), @want,
         'This API key may not use the model `<script>alert(1)</script>`',
         'no type but JSON');
--- node_stats
a requests=0



=== TEST 3: 400, what is no JSON
--- perl
for (['', 'unexpected end', 0], ['{', 'unexpected end', 1],
     ['{"model":"m"', 'unexpected end', 12],
     ['{"model":"m",}', 'a member\'s name expected', 13],
     ['{"model" "m"}', 'a colon expected', 9],
     ['{"model":}', 'a value expected', 9],
     ['{"model":"m" "x":1}', 'a comma or a bracket expected', 13],
     ['{"model":"m"} x', 'garbage after the value', 14],
     ['{"model":"m"}{}', 'garbage after the value', 13],
     ['{"model":01}', qr/./, undef], ['{"model":tru}', qr/./, undef],
     ["\xef\xbb\xbf{}", 'a value expected', 0],
     ["{\"model\":\"a\nb\"}", 'a control character in a string', 11],
     ['nonsense', qr/./, undef], ["{'model':'m'}", qr/./, undef])
{
    my ($body, $why, $at) = @$_;
    my $what = ref $why ? qr/^The request body is not valid JSON: .+ at byte \d+$/
             : "The request body is not valid JSON: $why at byte $at";
    error_is(post('/v1/chat/completions', $body),
             invalid('invalid_json', undef, $what),
             "\"$body\"" =~ s/[^ -~]/?/gr);
}

error_is(post('/v1/chat/completions', $_),
         invalid('invalid_json', undef,
                 'The request body must be a JSON object'), "the value $_")
    for '[]', '"model"', '1', 'null', 'true', '[{"model":"m"}]', ' [ ] ';
error_is(post('/v1/chat/completions', undef),
         invalid('invalid_json', undef, qr/^The request body is not valid/),
         'no body');
error_is(post('/v1/embeddings', '{"model":"m","input":' . '[' x 600 . ']' x 600
                                . '}'),
         invalid('invalid_json', undef, qr/: nested too deeply at byte \d+$/),
         'too deep');
--- node_stats
a requests=0



=== TEST 4: 400, what is missing
--- perl
my @messages = ('messages', 'At least one message is required');
my @model = ('model', 'Model name is required');
my @input = ('input', 'Input text is required');
my @prompt = ('prompt', 'Prompt is required');

for (['chat/completions', '{}', @model],
     ['chat/completions', '{"model":null}', @model],
     ['chat/completions', '{"model":""}', @model],
     ['chat/completions', '{"model":1}', @model],
     ['chat/completions', '{"model":["m"]}', @model],
     ['chat/completions', '{"Model":"m","messages":[{}]}', @model],
     ['chat/completions', '{"a":{"model":"m"},"messages":[{}]}', @model],
     ['chat/completions', '{"model":"m"}', @messages],
     ['chat/completions', '{"model":"m","messages":[]}', @messages],
     ['chat/completions', '{"model":"m","messages":[ ]}', @messages],
     ['chat/completions', '{"model":"m","messages":null}', @messages],
     ['chat/completions', '{"model":"m","messages":{}}', @messages],
     ['chat/completions', '{"model":"m","messages":"x"}', @messages],
     ['chat/completions', '{"model":"m","prompt":"x"}', @messages],
     ['completions', '{"model":"m"}', @prompt],
     ['completions', '{"model":"m","prompt":null}', @prompt],
     ['completions', '{"model":"m","messages":[{}]}', @prompt],
     ['embeddings', '{"model":"m"}', @input],
     ['embeddings', '{"model":"m","input":""}', @input],
     ['embeddings', '{"model":"m","input":[]}', @input],
     ['embeddings', '{"model":"m","input":null}', @input],
     ['embeddings', '{"input":"x"}', @model],
     ['responses', '{"input":"x"}', @model],
     ['moderations', '{"input":"x"}', @model],
     ['rerank', '{"query":"x"}', @model],
     ['audio/speech', '{"input":"x"}', @model],
     ['images/generations', '{"prompt":"x"}', @model])
{
    my ($url, $body, @what) = @$_;
    error_is(post("/v1/$url", $body), missing(@what), "$url $body");
}
--- node_stats
a requests=0



=== TEST 5: a model's name of 256 bytes, and of one more
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=*;
    llm_router_key sk-test-0123456789abcdef;
--- perl
is(chat({ model => 'x' x 256 })->status, 200, '256 bytes');
error_is(chat({ model => 'x' x $_ }),
         invalid('invalid_model', 'model',
                 'The model name is longer than 256 bytes'), "$_ bytes")
    for 257, 300, 5000;
--- node_stats
a requests=1



=== TEST 6: 404, unknown URLs
--- perl
my @want = (404, 'invalid_request_error', 'unknown_url', undef);
error_is(post($_->[1], '{}', {}, method => $_->[0]), @want,
         "Unknown request URL: $_->[0] $_->[1]", "$_->[0] $_->[1]")
    for ['GET', '/v1/nothing'], ['POST', '/v1/nothing'], ['PUT', '/v1/x/y'],
        ['GET', '/v1/'], ['POST', '/v1/'], ['GET', '/v1/models/'],
        ['DELETE', '/v1/nothing'], ['OPTIONS', '/v1/nothing'],
        ['GET', '/v1/engines'], ['GET', '/v1/chat'];
error_is(http('GET', '/v1/%3Chtml%3E%22%0a', with_key()), @want,
         "Unknown request URL: GET /v1/<html>\"\n", 'escaped');
error_is(http('GET', '/v1/%ff%C3%A9', with_key()), @want,
         "Unknown request URL: GET /v1/\x{fffd}\x{e9}", 'not UTF-8');
--- node_stats
a requests=0



=== TEST 7: 405 and Allow
--- perl
my @want = (405, 'invalid_request_error', 'method_not_allowed', undef);

for my $url (qw(chat/completions completions embeddings responses rerank
                moderations audio/speech audio/transcriptions
                images/generations images/edits))
{
    my $r = post("/v1/$url", undef, {}, method => 'GET');
    error_is($r, @want, 'Method GET is not allowed for this URL, use POST',
             "GET $url");
    is($r->header('allow'), 'POST', "Allow of $url");
}

for my $method (qw(PUT DELETE PATCH OPTIONS)) {
    my $r = chat({}, {}, method => $method);
    error_is($r, @want, "Method $method is not allowed for this URL, use POST",
             $method);
    is($r->header('allow'), 'POST', "Allow for $method");
}

for my $url (qw(models models/m)) {
    for my $method (qw(POST PUT DELETE)) {
        my $r = post("/v1/$url", '{}', {}, method => $method);
        error_is($r, @want,
                 "Method $method is not allowed for this URL, use GET",
                 "$method $url");
        is($r->header('allow'), 'GET', "Allow of $url for $method");
    }
}
--- node_stats
a requests=0



=== TEST 8: 404, a model that nobody lists
--- perl
my @want = (404, 'invalid_request_error', 'model_not_found', 'model');
error_is(chat({ model => 'x' }), @want, 'The model `x` does not exist', 'x');
error_is(chat({ model => 'M' }), @want, 'The model `M` does not exist', 'M');
error_is(chat({ model => "q\"\\" }), @want,
         "The model `q\"\\` does not exist", 'escapes');
error_is(http('GET', '/v1/models/x', with_key()), @want,
         'The model `x` does not exist', 'GET models/x');
error_is(http('GET', '/v1/models/a%22%3Cb%3E', with_key()), @want,
         'The model `a"<b>` does not exist', 'GET, escapes');
--- node_stats
a requests=0



=== TEST 9: 503, the nodes that list the model are offline
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_node http://127.0.0.1:$TEST_NGINX_RAND_PORT_1 name=off models=n;
    llm_router_key sk-test-0123456789abcdef;
--- perl
ok(node_online('off', 'offline'), 'one node is offline');
error_is(chat({ model => 'n' }), 503, 'service_unavailable', 'no_nodes',
         undef, 'No available nodes', 'its model');
is(chat()->status, 200, 'the other node\'s');
error_is(chat({ model => 'x' }), 404, 'invalid_request_error',
         'model_not_found', 'model', 'The model `x` does not exist',
         'nobody\'s');
--- error_log
no llm node is online for model "n"



=== TEST 10: 503, there is no node at all
--- mock
--- http_config
    llm_router_key sk-test-0123456789abcdef;
--- perl
error_is(chat(), 503, 'service_unavailable', 'no_nodes', undef,
         'No available nodes', 'a chat');
is(http('GET', '/v1/models', with_key())->body,
   qq({"object":"list","data":[]}\n), 'no models');
--- error_log
llm_router is on and there is no llm_router_node: each request will be answered 503



=== TEST 11: 413 by Content-Length and by chunks
--- config
    location /v1/ { llm_router on; client_max_body_size 1000; }
--- perl
my @want = (413, 'invalid_request_error', 'request_too_large', undef,
            'The request body is too large');
my $body = sub {
    my ($n) = @_;
    my $b = '{"model":"m","messages":[{"role":"user","content":""}]}';
    substr($b, -4, 0) = 'x' x ($n - length $b);
    return $b;
};

is(post('/v1/chat/completions', $body->(1000))->status, 200, '1000 bytes');
error_is(post('/v1/chat/completions', $body->(1001)), @want, '1001 bytes');
error_is(post('/v1/chat/completions', $body->(300_000)), @want, '300 KB');

my %te = ('Transfer-Encoding' => 'chunked');
is(post('/v1/chat/completions', chunked($body->(1000) =~ /(.{1,90})/gs),
        { %te })->status, 200, '1000 bytes in chunks');
error_is(post('/v1/chat/completions', chunked($body->(1001) =~ /(.{1,90})/gs),
              { %te }), @want, '1001 bytes in chunks');
error_is(post('/v1/chat/completions', chunked($body->(300_000)), { %te }),
         @want, '300 KB in one chunk');

my $c = http_conn();
$c->start('POST', '/v1/chat/completions',
          with_key({ 'Content-Length' => 5000, Expect => '100-continue' }));
ok($c->read_head(3), 'an answer without the body');
is($c->status, 413, 'too large by what was announced');
is(@{ $c->{interim} }, 0, 'and not asked for');
$c->close;
--- node_stats
a requests=2



=== TEST 12: 429, the rate
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef rpm=2;
--- perl
my @codes = map { my $r = chat(); $r } 1 .. 4;
is($codes[0]->status, 200, 'the first');
is($codes[0]->header('x-ratelimit-limit-requests'), 2, 'its limit');
my ($r) = grep { $_->status != 200 } @codes;
error_is($r, 429, 'rate_limit_error', 'rate_limit_exceeded', undef,
         'Rate limit exceeded, try again later', 'above');
like($r->header('retry-after'), qr/^(?:[1-9]|[1-5]\d|60)$/, 'Retry-After');
like($r->header('retry-after-ms'), qr/^[1-9]\d{2,4}$/, 'retry-after-ms');
is($r->header('x-ratelimit-limit-requests'), 2, 'limit');
is($r->header('x-ratelimit-remaining-requests'), 0, 'remaining');
like($r->header('x-ratelimit-reset-requests'), qr/^\d+$/, 'reset');



=== TEST 13: 429, a full queue
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
        max_concurrent=1;
    llm_router_key sk-test-0123456789abcdef;
    llm_router_queue size=0;
--- perl
my $s = open_stream('POST', '/v1/chat/completions',
    with_key({ 'X-Mock' => 'pace=50;tokens=100' }),
    { model => 'm', stream => JSON::PP::true(),
      messages => [{ role => 'user', content => 'x' }] });
is($s->status, 200, 'the only place is taken');
my $r = chat();
error_is($r, 429, 'rate_limit_error', 'queue_full', undef,
         'The queue is full, try again later', 'full');
like($r->header('retry-after'), qr/^(?:[1-9]|[1-5]\d|60)$/, 'Retry-After');
like($r->header('retry-after-ms'), qr/^\d+$/, 'retry-after-ms');
close_stream($s);



=== TEST 14: 504, too long in the queue
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
        max_concurrent=1;
    llm_router_key sk-test-0123456789abcdef;
    llm_router_queue size=10 timeout=200ms;
--- perl
my $s = open_stream('POST', '/v1/chat/completions',
    with_key({ 'X-Mock' => 'pace=50;tokens=100' }),
    { model => 'm', stream => JSON::PP::true(),
      messages => [{ role => 'user', content => 'x' }] });
is($s->status, 200, 'the only place is taken');
my $r = chat();
error_is($r, 504, 'gateway_timeout', 'queue_timeout', undef,
         'The request waited too long in the queue', 'waited in vain');
cmp_ok($r->header('x-queue-wait-ms'), '>=', 200, 'so long');
cmp_ok($r->time, '<', 3, 'and not longer');
close_stream($s);



=== TEST 15: 504, a silent node
--- config
    location /v1/ { llm_router on; llm_router_request_timeout 1s; }
    location /two/ { llm_router on; llm_router_request_timeout 1200ms; }
--- perl
my $r = chat({}, { 'X-Mock' => 'silence' });
error_is($r, 504, 'gateway_timeout', 'timeout', undef,
         'Request timeout after 1 second', 'not a byte');
is($r->header('x-llm-router-node'), 'a', 'of which node');
cmp_ok($r->time, '>', 0.9, 'waited for');
error_is(chat({}, { 'X-Mock' => 'silence=headers' }), 504, 'gateway_timeout',
         'timeout', undef, 'Request timeout after 1 second', 'headers only');

my $body = { model => 'm', messages => [{ role => 'user', content => 'x' }] };
error_is(post('/two/v1/chat/completions', $body, { 'X-Mock' => 'silence' }),
         504, 'gateway_timeout', 'timeout', undef,
         'Request timeout after 2 seconds', 'of the other location');
--- node_stats
a requests=3 aborted=3 in_flight=0



=== TEST 16: 502, a node that resets, closes, or speaks no HTTP
--- perl
my @want = (502, 'bad_gateway', 'upstream_error', undef,
            'The node could not be reached or broke off');

for my $how (qw(reset=before close=before reset=headers close=headers
                broken=http reset=body))
{
    my $r = chat({}, { 'X-Mock' => $how });
    error_is($r, @want, $how);
    is($r->header('x-llm-router-node'), 'a', "$how: at which node");

    # what it answers well in between keeps its circuit closed
    chat({}, { 'X-Mock' => 'close' });
}

mock_stop('a');
my $r = chat();
error_is($r, @want, 'not reachable');
unlike($r->head . $r->body, qr/127\.0\.0\.1|\b$ENV{TEST_NGINX_NODE_A}\b/,
       'no address');



=== TEST 17: 500, when the configuration makes no name
--- config
    location /v1/ { llm_router on; llm_router_alias ~^gone(.*)$ $1; }
--- perl
error_is(chat({ model => 'gone' }), 500, 'server_error', 'internal_error',
         undef, 'Internal error', 'an alias to nothing');
is(chat({ model => 'gonem' })->status, 200, 'to something');
error_is(chat({ model => 'gonewhere' }), 404, 'invalid_request_error',
         'model_not_found', 'model', 'The model `gonewhere` does not exist',
         'to what is nowhere');
--- error_log
llm alias makes a model name of 0 bytes



=== TEST 18: what nginx refuses before it looks for a location
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;   # small
        large_client_header_buffers 2 1k;
        client_header_buffer_size 1k;
        location /v1/ { llm_router on; }
    }
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_2;   # plain
        location / { return 200; }
    }
--- perl
my @bad = (400, 'invalid_request_error', 'bad_request', undef, 'Bad request');
my @large = (400, 'invalid_request_error', 'headers_too_large', undef,
             'The request line or headers are too large');
my $end = "Host: localhost\r\nConnection: close\r\n\r\n";
my $raw = sub { http('GET', '/', {}, undef, raw => $_[0], @_[1 .. $#_]) };

error_is($raw->("nonsense\r\n\r\n"), @bad, 'no request line');
error_is($raw->("GET\r\n$end"), @bad, 'no URI');
error_is($raw->("G\x01T / HTTP/1.1\r\n$end"), @bad, 'no method');
error_is($raw->("GET /v1/models HTTP/x.1\r\n$end"), @bad, 'no version');
error_is($raw->("GET /v1/%zz HTTP/1.1\r\n$end"), @bad, 'a bad escape');
error_is($raw->("GET /v1/%00 HTTP/1.1\r\n$end"), @bad, 'a zero byte');
error_is($raw->("GET /v1/../../x HTTP/1.1\r\n$end"), @bad, 'above the root');
error_is($raw->("GET /v1/models HTTP/1.1\r\n\r\n"), @bad, 'no Host');
error_is($raw->("GET /v1/models HTTP/1.1\r\nHost: a/b\r\n\r\n"), @bad,
         'a bad Host');
error_is($raw->("GET /v1/models HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
         @bad, 'two Hosts');
error_is($raw->("POST /v1/embeddings HTTP/1.1\r\nContent-Length: x\r\n$end"),
         @bad, 'a bad Content-Length');
error_is($raw->("POST /v1/embeddings HTTP/1.1\r\nContent-Length: 1\r\n"
                . "Transfer-Encoding: chunked\r\n$end"), @bad, 'both');

my $port = named_port('small');
error_is($raw->("GET /v1/" . 'x' x 3000 . " HTTP/1.1\r\n$end", port => $port),
         @large, 'a long URI');

error_is($raw->("GET /v1/models HTTP/1.1\r\nX-Long: " . 'x' x 3000
                . "\r\n$end", port => $port), @large, 'a long header');
error_is($raw->("GET /v1/models HTTP/1.1\r\n"
                . join('', map { "X-$_: " . 'x' x 500 . "\r\n" } 1 .. 9)
                . $end, port => $port), @large, 'many headers');
error_is(http('GET', '/', {}, undef,
              raw => "GET /v1/" . 'x' x 40000 . " HTTP/1.1\r\n$end"), @large,
         'a URI over 32 KB');

my $r = $raw->("nonsense\r\n\r\n", port => named_port('plain'));
is($r->status, 400, 'in a server without the router');
like($r->body, qr/<html>/, 'nginx\'s page stays');
--- node_stats
a requests=0



=== TEST 19: methods and versions that nginx refuses
--- perl
my $end = "Host: localhost\r\nConnection: close\r\n\r\n";

for ("TRACE /v1/models HTTP/1.1\r\n$end", "GET /v1/models HTTP/3.0\r\n$end",
     "POST /v1/embeddings HTTP/1.1\r\nTransfer-Encoding: gzip\r\n$end")
{
    my $r = http('GET', '/', {}, undef, raw => $_);
    my ($what) = /^(.*?)\r/;
    cmp_ok($r->status, '>=', 400, "$what: refused");
    is($r->header('content-type'), 'application/json', "$what: type");
    is_deeply([sort keys %{ $r->json->{error} }],
              [qw(code message param type)], "$what: shape");
    isnt($r->json->{error}{code}, 'internal_error',
         "$what: no fault of the router");
}



=== TEST 20: a body that does not come
--- config
    client_body_timeout 200ms;
    client_header_timeout 200ms;
    location /v1/ { llm_router on; }
--- perl
my $c = http_conn();
$c->start('POST', '/v1/chat/completions', with_key({ 'Content-Length' => 99 }),
          '{"model":"m",');
my $n = $c->read_head(5);
ok(!$n || $c->status == 408, 'closed, or 408');
ok($c->{eof}, 'and not kept');
unlike($c->{buf}, qr/html/i, 'no page');
ok(wait_until(sub { access_log_text() =~ m{POST /v1/chat/completions HTTP/1.1" 408 } }),
   '408 in the log');

$c = http_conn();
$c->start('POST', '/', {}, undef, raw => "POST /v1/chat/comp");
ok(!$c->read_head(5), 'half a request line: nothing is said');
ok($c->{eof}, 'and it is closed');
--- node_stats
a requests=0



=== TEST 21: the site's error_page has no effect
--- http_config
    error_page 400 401 403 404 405 413 429 500 502 503 504 /page.html;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;   # other
        error_page 404 =200 /page.html;
        llm_router on;
        location = /page.html { llm_router off; return 200 "<html>"; }
    }
--- config
    error_page 404 =200 /page.html;
    location = /page.html { return 200 "<html>"; }
    location /v1/ {
        llm_router on;
        client_max_body_size 5000;
        error_page 401 /page.html;
        location /v1/inner/ { }
    }
--- perl
is(http('GET', '/nothing')->body, '<html>', 'elsewhere it has');

my %r = (401 => chat({}, { no_key => 1 }), 400 => chat({ model => undef }),
         404 => chat({ model => 'x' }),
         405 => chat({}, {}, method => 'PUT'),
         413 => post('/v1/embeddings', 'x' x 6000),
         502 => chat({}, { 'X-Mock' => 'reset=before' }));
for (sort keys %r) {
    is($r{$_}->status, $_, "$_: status");
    is($r{$_}->header('content-type'), 'application/json', "$_: type");
    ok($r{$_}->json && $r{$_}->json->{error}{type}, "$_: shape");
}

my $r = post('/v1/inner/v1/nothing', '{}');
is($r->status, 404, 'in a location within');
ok($r->json && $r->json->{error}, 'its shape');
$r = post('/v1/nothing', '{}', {}, port => named_port('other'));
is($r->status, 404, 'in a server that is enabled as a whole');
ok($r->json && $r->json->{error}, 'its shape');



=== TEST 22: error_page and a request that is no request
--- http_config
    error_page 400 /page.html;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
--- config
    location = /page.html { internal; return 200 "<html>"; }
    location /v1/ { llm_router on; }
--- perl
my $r = http('GET', '/', {}, undef,
             raw => "GET /v1/models HTTP/1.1\r\nHost: a/b\r\n\r\n");
error_is($r, 400, 'invalid_request_error', 'bad_request', undef,
         'Bad request', 'no page either');



=== TEST 23: the rules of other modules
--- http_config
    limit_req_zone $http_x_limit zone=slow:1m rate=1r/m;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
--- config
    location /v1/ { llm_router on; limit_req zone=slow; }
    location /v1/denied/ { llm_router on; deny all; }
    location /v1/many/ { llm_router on; limit_req zone=slow;
                         limit_req_status 429; }
    location /v1/teapot/ { llm_router on; return 418; }
    location /v1/text/ { llm_router on; return 200 "as it is"; }
--- perl
error_is(post('/v1/denied/v1/x', '{}'), 403, 'permission_error', 'forbidden',
         undef, 'Forbidden', 'deny');
is(chat({}, { 'X-Limit' => 'a' })->status, 200, 'within the rate');
error_is(chat({}, { 'X-Limit' => 'a' }), 503, 'service_unavailable',
         'unavailable', undef, 'Service unavailable', 'limit_req');
error_is(post('/v1/many/v1/x', '{}', { 'X-Limit' => 'a' }), 429,
         'rate_limit_error', 'rate_limit_exceeded', undef,
         'Too many requests', 'limit_req_status');
error_is(post('/v1/teapot/v1/x', '{}'), 418, 'invalid_request_error', 'error',
         undef, 'The request failed', 'return');
is(post('/v1/text/v1/x', '{}')->body, 'as it is', 'what is no error stays');



=== TEST 24: HEAD has the header only
--- perl
for (['/v1/models', 200], ['/v1/models/m', 200], ['/v1/models/x', 404],
     ['/v1/nothing', 404], ['/v1/chat/completions', 405])
{
    my ($url, $status) = @$_;
    my $c = http_conn();
    $c->start('HEAD', $url, with_key());
    $c->read_head;
    is($c->status, $status, "HEAD $url");
    is($c->{headers}{'content-type'}[0], 'application/json', "$url: type");
    $c->fill(Time::HiRes::time() + 3);
    is($c->{buf}, '', "$url: no body");

    my $r = http('GET', $url, with_key());
    my $len = $c->{headers}{'content-length'}[0];
    ok($len > 2 && ($len == length $r->body || $r->body =~ /GET/),
       "$url: the length");
}

my $c = http_conn();
$c->start('HEAD', '/v1/models', { no => 'key' });
$c->read_head;
is($c->status, 401, 'HEAD without a key');



=== TEST 25: the request id of errors
--- perl
my %r = (
    own => chat({}, { 'X-Request-Id' => 'my-id.1_2' }),
    refused => chat({}, { no_key => 1, 'X-Request-Id' => 'my-id.1_2' }),
    unknown => http('GET', '/v1/nothing', with_key({ 'X-Request-Id' => 'my-id.1_2' })),
    broken => chat({}, { 'X-Mock' => 'reset=before',
                         'X-Request-Id' => 'my-id.1_2' }),
);
is($r{$_}->header('x-request-id'), 'my-id.1_2', $_) for sort keys %r;

my %seen;
for (1 .. 50) {
    my $id = http('GET', '/v1/models')->header('x-request-id');
    $seen{$id}++;
}
is(keys %seen, 50, 'all differ');
is(scalar(grep { !/^[0-9a-f]{32}$/ } keys %seen), 0, 'and are of 32 digits');



=== TEST 26: a connection is kept after an error
--- perl
my $c = http_conn();
for ([{ no_key => 1 }, 401], [{}, 404], [{}, 404], [{ no_key => 1 }, 401]) {
    my ($h, $status) = @$_;
    my $r = $c->http('POST', '/v1/chat/completions', with_key($h),
                     { model => 'x', messages => [{}] }, keepalive => 1);
    is($r->status, $status, $status . ' on one connection');
}
$c->close;
--- node_stats
a requests=0



=== TEST 27: a POST without a body
--- perl
for my $url (qw(/v1/responses/resp_1/cancel /v1/nothing /v1/files
                /v1/batches/b/cancel))
{
    my @want = (404, 'invalid_request_error', 'unknown_url', undef,
                "Unknown request URL: POST $url");
    error_is(http('POST', $url, with_key({ 'Content-Length' => 0 })), @want,
             "$url, Content-Length: 0");
    error_is(http('POST', $url, with_key()), @want, "$url, nothing");
    error_is(post($url, "0\r\n\r\n", { 'Transfer-Encoding' => 'chunked' }),
             @want, "$url, no chunk");
    error_is(post($url, undef, { 'Content-Type' => 'multipart/form-data; '
                                                   . 'boundary=x' }),
             @want, "$url, no part");
    error_is(post($url, ' '), invalid('invalid_json', undef, qr/end at byte 1/),
             "$url, a space");
}
error_is(http('POST', '/v1/responses', with_key()),
         invalid('invalid_json', undef, qr/unexpected end at byte 0$/),
         'a URL that is known');
--- node_stats
a requests=0



=== TEST 28: a body that is compressed
--- perl
my $gzip = "\x1f\x8b\x08\0\0\0\0\0\0\3\xab\x56\xca\xcd\x4f";
for my $encoding (qw(gzip br deflate zstd GZIP x-gzip)) {
    my @want = (415, 'invalid_request_error', 'unsupported_media_type', undef,
                "A request body with Content-Encoding \"$encoding\" is not "
                . 'supported, send it as it is');
    error_is(post($_->[0], $gzip, { 'Content-Encoding' => $encoding, %{ $_->[1] } }),
             @want, "$encoding for $_->[0]")
        for ['/v1/chat/completions', {}], ['/v1/any', {}],
            ['/v1/images/edits',
             { 'Content-Type' => 'multipart/form-data; boundary=x' }];
}

for ({ 'Content-Encoding' => 'identity' }, { 'Content-Encoding' => '' }, {}) {
    my ($value) = %$_ ? "\"$_->{'Content-Encoding'}\"" : 'none';
    error_is(post('/v1/any', $gzip, $_),
             invalid('invalid_json', undef, qr/a value expected at byte 0$/),
             "bytes, $value");
    is(chat({}, $_)->status, 200, "JSON, $value");
}
is(chat({}, { 'Content-Encoding' => 'gzip' })->status, 200, 'a header that lies');
--- node_stats
a requests=4



=== TEST 29: what the server returns before there is a location
--- config
    error_page 403 /page.html;
    if ($http_x_bad) { return 403; }
    if ($http_x_down) { return 503; }
    if ($http_x_text) { return 503 "by and by"; }
    if ($http_x_moved) { return 301 https://other.example$request_uri; }
    location /v1/ { llm_router on; }
    location /team/v1/ { llm_router on; }
    location / { return 200 "the site"; }
--- perl
for my $url ('/v1/chat/completions', '/team/v1/any', '/v1/', '/v1/models') {
    error_is(post($url, '{}', { 'X-Bad' => 1 }), 403, 'permission_error',
             'forbidden', undef, 'Forbidden', "$url: 403");
    error_is(http('GET', $url, { 'X-Down' => 1 }), 503, 'service_unavailable',
             'unavailable', undef, 'Service unavailable', "$url: 503");
    my $r = post($url, '{}', { 'X-Text' => 1 });
    is_deeply([$r->status, $r->body], [503, 'by and by'], "$url: a text");
    $r = post($url, '{}', { 'X-Moved' => 1 });
    is_deeply([$r->status, $r->header('location')],
              [301, "https://other.example$url"], "$url: moved");
    like($r->body, qr/<html>/, 'with nginx\'s own words');
}

for my $url ('/', '/v1', '/v1x/y', '/site/v1') {
    my $r = http('GET', $url, { 'X-Down' => 1 });
    is($r->status, 503, "$url: 503");
    like($r->body, qr/<html>/, "$url: nginx's page");
    is(http('GET', $url)->status, 200, "$url: the site")
        if $url ne '/v1';
}

is(chat()->status, 200, 'otherwise it serves');
--- node_stats
a requests=1



=== TEST 30: a redirect of the operator's
--- http_config
    log_format status '$status $llm_router_status';
    access_log logs/llm.log status;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
--- config
    location /v1/ {
        llm_router on;
        rewrite ^/v1/old/(.*) /v1/new/$1 permanent;
        if ($http_x_moved = 1) { return 308 https://other.example$request_uri; }
        if ($http_x_moved = 2) { return 302 /v1/models; }
        if ($http_x_moved = 3) { return 307 /v1/models; }
    }
--- perl
my %to = (1 => [308, 'https://other.example/v1/any'],
          2 => [302, '/v1/models'], 3 => [307, '/v1/models']);
for my $n (sort keys %to) {
    my $r = post('/v1/any', '{"model":"m"}', { 'X-Moved' => $n });
    is($r->status, $to{$n}[0], "$n: status");
    like($r->header('location'), qr/\Q$to{$n}[1]\E$/, "$n: where");
    is($r->header('content-type'), 'text/html', "$n: nginx's own");
    like($r->body, qr/<html>/, "$n: its words");
}

my $r = http('GET', '/v1/old/x');
is($r->status, 301, 'a rewrite');
like($r->header('location'), qr{/v1/new/x$}, 'where to');
ok(log_has(4), 'all logged');
is(sorted_log(), "301 -\n302 -\n307 -\n308 -\n", 'no error of ours');
--- node_stats
a requests=0
