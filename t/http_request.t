# A request on its way to a node, and the answer on its way back: what
# passes, what ends at the router, and what it adds.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use Digest::SHA qw(sha256_hex);

defaults(
    mock => "a --models m\n",
    http_config => <<'_EOC_',
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
_EOC_
    config => "    location /v1/ { llm_router on; }\n",
);

# the mock's own answer to the same request, without the router

sub direct {
    my ($path, $body, $headers) = @_;
    return post($path, $body, { no_key => 1, %{ $headers || {} } },
                port => mock_port('a'));
}

sub stream_of {
    return { model => 'm', stream => JSON::PP::true(),
             messages => [{ role => 'user', content => 'hi' }] };
}

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: OpenAI's URLs, and any other with a model
--- perl
my %body = (
    'chat/completions' => { model => 'm', messages => [{ role => 'user',
                                                         content => 'a b' }] },
    'completions' => { model => 'm', prompt => 'a b' },
    'embeddings' => { model => 'm', input => ['a', 'b'] },
    'responses' => { model => 'm', input => 'a b' },
    'rerank' => { model => 'm', query => 'a', documents => ['b'] },
    'moderations' => { model => 'm', input => 'a' },
    'audio/speech' => { model => 'm', input => 'a', voice => 'alloy' },
    'images/generations' => { model => 'm', prompt => 'a' },
    'fine_tuning/jobs' => { model => 'm', x => [1, { y => 2 }] },
    'messages/count_tokens' => { model => 'm' },
    'a' => { model => 'm' },
);

for my $url (sort keys %body) {
    my $want = direct("/v1/$url", $body{$url});
    my $r = post("/v1/$url", $body{$url});
    is($r->status, 200, $url);
    is($r->body, $want->body, "$url: the node's own answer");
    is($r->header('content-type'), $want->header('content-type'),
       "$url: its type");
    is(sent('a')->{line}, "POST /v1/$url HTTP/1.1", "$url: the line");
    is_deeply(json_decode(sent('a')->{body}), $body{$url}, "$url: the body");
}



=== TEST 2: what one does not know passes unchanged
--- perl
for ('{"model":"m","messages":[{"role":"invented","content":null,"x":{}}],'
     . '"tools":[{"type":"function","function":{"name":"f","parameters":'
     . '{"type":"object","properties":{"messages":{"type":"array"}}}}}],'
     . '"tool_choice":"auto","parallel_tool_calls":false,"seed":-1,'
     . '"logit_bias":{"50256":-100},"n":1,"new_field":[1.0,1e5,"\u0041"]}',
     '{"messages":[{"role":"user","content":[{"type":"image_url","image_url":'
     . '{"url":"data:image/png;base64,AAAA"}}]}],"model":"m"}',
     '{"z":1,"y":2,"model":"m","a":3,"messages":[1],"a":4}',
     '{"model":"m","messages":["x"],"stream":false,"stream_options":null}',
     '{"model":"m","messages":["x"],"stream":null}',
     '{"model":"m","messages":["x"],"max_tokens":"many"}')
{
    is(post('/v1/chat/completions', $_)->status, 200, substr $_, 0, 40);
    is(sent('a')->{body}, $_, 'the very same bytes');
}



=== TEST 3: the node's URL, with and without a path, /v1 and slashes
--- mock
p1 --prefix /base
p2 --prefix /base
p3 --prefix /base
p4 --prefix /base
p5 --prefix /a/v1/b
b1
b2
b3
b4
b5
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_P1/base name=p1 models=p1;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_P2/base/ name=p2 models=p2;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_P3/base/v1 name=p3 models=p3;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_P4/base/v1/ name=p4 models=p4;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_P5/a/v1/b name=p5 models=p5;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B1 name=b1 models=b1;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B2/ name=b2 models=b2;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B3/v1 name=b3 models=b3;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B4/v1/ name=b4 models=b4;
    llm_router_node http://localhost:$TEST_NGINX_NODE_B5/v1/ name=b5 models=b5;
    llm_router_key sk-test-0123456789abcdef;
--- perl
for my $node (qw(p1 p2 p3 p4 p5 b1 b2 b3 b4 b5)) {
    my $prefix = $node =~ /b/ ? '' : $node eq 'p5' ? '/a/v1/b' : '/base';
    my $host = $node eq 'b5' ? 'localhost' : '127.0.0.1';
    my $r = chat({ model => $node });
    is($r->status, 200, $node);
    is($r->header('x-llm-router-node'), $node, "$node: its name");
    is(sent($node)->{line}, "POST $prefix/v1/chat/completions HTTP/1.1",
       "$node: the path");
    is(sent($node)->{headers}{host}, "$host:" . mock_port($node),
       "$node: its own Host");
}



=== TEST 4: the client's URL: arguments, escapes, a path before /v1
--- config
    location /v1/ { llm_router on; }
    location /openai/ { llm_router on; }
    location ~ ^/re/ { llm_router on; }
    location = /v1/exact { llm_router on; }
    location /old/ { rewrite ^/old/(.*)$ /v1/$1 last; }
    location /kept/ { llm_router on; rewrite ^/kept/(.*)$ /v1/$1 break; }
--- perl
for (['/v1/x?a=b', '/v1/x?a=b'], ['/v1/x?', '/v1/x'],
     ['/v1/x?a=b&c=%20%26+d&e', '/v1/x?a=b&c=%20%26+d&e'],
     ['/v1/x?a=/v1/y', '/v1/x?a=/v1/y'],
     ['/v1/embeddings?api-version=2024-02-01',
      '/v1/embeddings?api-version=2024-02-01'],
     ['/v1/a%20b', '/v1/a%20b'], ['/v1/a%3Fb', '/v1/a%3Fb'],
     ['/v1/a%23b', '/v1/a%23b'], ['/v1/a%25b', '/v1/a%25b'],
     ['/v1/%C3%A9', '/v1/%C3%A9'], ['/v1/a:b', '/v1/a:b'],
     ['/v1/threads/t_1/runs', '/v1/threads/t_1/runs'],
     ['/v1/x/../y', '/v1/y'], ['/v1//x', '/v1/x'], ['/v1/./x', '/v1/x'],
     ['/v1/v1/x', '/v1/v1/x'], ['/v1/x/', '/v1/x/'],
     ['/openai/v1/x?a=b', '/v1/x?a=b'],
     ['/openai/deployments/d/v1/x', '/v1/x'],
     ['/re/v1/x', '/v1/x'], ['/v1/exact', '/v1/exact'],
     ['/old/x?a=b', '/v1/x?a=b'], ['/kept/x?a=b', '/v1/x?a=b'])
{
    my ($url, $want) = @$_;
    my $r = post($url, { model => 'm', input => 'x' });
    is($r->status, 200, $url);
    is(sent('a')->{line}, "POST $want HTTP/1.1", "$url: the node's");
}

my $r = post('/v1/a%0d%0aX-Evil:%201%0d%0a%0d%0a', { model => 'm' });
is(sent('a')->{headers}{'x-evil'}, undef, 'no header by the URL');
is(scalar(split ' ', sent('a')->{line}), 3, 'one line');
is(post('/openai/x', { model => 'm' })->status, 404, 'no /v1/ in it');
--- node_stats
a malformed=0



=== TEST 5: headers that end at the router
--- perl
my %secret = (
    'Cookie' => 'session=secret', 'x-api-key' => 'sk-other-00000000',
    'api-key' => 'sk-other-00000000', 'Proxy-Authorization' => 'Basic secret',
    'Keep-Alive' => 'timeout=5', 'TE' => 'trailers', 'Trailer' => 'X-T',
    'Proxy-Connection' => 'keep-alive', 'Upgrade' => 'h2c',
    'HTTP2-Settings' => 'AAAA', 'Proxy-Authenticate' => 'Basic',
    'Accept-Encoding' => 'gzip, br', 'Expect' => '100-continue',
);
my %pass = (
    'Accept' => 'application/json', 'User-Agent' => 'OpenAI/Python 1.2.3',
    'OpenAI-Organization' => 'org-1', 'OpenAI-Project' => 'proj_1',
    'OpenAI-Beta' => 'assistants=v2', 'X-Stainless-Lang' => 'python',
    'X-Stainless-Retry-Count' => '0', 'Idempotency-Key' => 'k-1',
    'Accept-Language' => 'en', 'X-Custom-Header' => 'a, b;c="d"  e',
    'traceparent' => '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    'Content-Type' => 'application/json', 'Referer' => 'http://x/',
    'X-Empty' => '', 'X-Bytes' => "\xc3\xa9",
);

is(chat({}, { %secret, %pass, Authorization => "Bearer $Key" })->status, 200,
   'passes');
my $h = sent('a')->{headers};
is($h->{lc $_}, undef, "not $_") for sort(keys %secret), 'Authorization',
                                     'Connection', 'Transfer-Encoding';
is($h->{lc $_}, $pass{$_}, $_) for sort keys %pass;
is($h->{host}, '127.0.0.1:' . mock_port('a'), 'Host is the node\'s');
like(mock_last('a'), qr/^X-Custom-Header: a, b;c="d"  e\r?$/m,
     'as the client wrote it');
unlike(mock_last('a'), qr/sk-|secret/, 'no secret at all');
--- node_stats
a requests=1 leaked_headers=0 hop_headers=0 malformed=0



=== TEST 6: headers that a Connection header names
--- perl
for my $connection ('close, X-Secret, X-Also', 'X-Secret, X-Also',
                    'keep-alive, x-secret ,x-ALSO', 'X-Secret,X-Also,close',
                    "X-Also,\tX-Secret")
{
    my $c = http_conn();
    my $r = $c->http('POST', '/v1/any', with_key({
        Connection => $connection, 'X-Secret' => '1', 'X-Also' => '2',
        'X-Secret-2' => '3', 'Secret' => '4' }), { model => 'm' },
        timeout => 3);
    $c->close;
    is($r->status, 200, $connection);
    my $h = sent('a')->{headers};
    is_deeply([@$h{qw(x-secret x-also x-secret-2 secret connection)}],
              [undef, undef, 3, 4, undef], 'those named are dropped');
}

my $r = post('/v1/any', { model => 'm' },
             { Connection => ['X-Secret', 'close', 'X-Also'],
               'X-Secret' => '1', 'X-Also' => '2' });
is_deeply([@{ sent('a')->{headers} }{qw(x-secret x-also)}], [undef, undef],
          'of several Connection headers, too');

$r = post('/v1/any', { model => 'm' }, { Connection => 'close',
                                         'Close' => '1', 'X-Plain' => '2' });
is_deeply([@{ sent('a')->{headers} }{qw(x-plain)}], [2],
          'a plain one drops nothing else');
$r = post('/v1/any', { model => 'm' },
          { Connection => 'close, content-length, content-type, host' });
is($r->status, 200, 'not what the message needs');
is(sent('a')->{body}, '{"model":"m"}', 'its body is whole');
--- node_stats
a malformed=0 hop_headers=0



=== TEST 7: a node's own key
--- mock
env --models m --key node-secret-1
file --models m --key node-secret-1
plain --models m --key node-secret-1
wrong --models m --key node-secret-1
found --models found --key node-secret-1
none --models m
--- user_files
>>> node.key
node-secret-1
--- env
ROUTER_NODE_KEY=node-secret-1
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_ENV name=env models=env
                    api_key=env:ROUTER_NODE_KEY;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_FILE name=file models=file
                    api_key=file:$TEST_NGINX_HTML_DIR/node.key;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_PLAIN name=plain models=plain
                    api_key=node-secret-1;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_WRONG name=wrong models=wrong
                    api_key=node-secret-2 check=off;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_FOUND name=found
                    api_key=env:ROUTER_NODE_KEY;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_NONE name=none models=none;
    llm_router_key sk-test-0123456789abcdef;
--- perl
for (qw(env file plain)) {
    is(chat({ model => $_ })->status, 200, $_);
    is(sent($_)->{headers}{authorization}, 'Bearer node-secret-1',
       "$_: its own key");
}

ok(model_listed('found'), 'a node is asked for its models with its key');
is(chat({ model => 'found' })->status, 200, 'and then used');
is(chat({ model => 'none' })->status, 200, 'a node without one');
is(sent('none')->{headers}{authorization}, undef, 'gets none');
is(chat({ model => 'wrong' })->status, 401, 'a node says that its key is wrong');

my $logs = error_log_text() . access_log_text();
unlike($logs, qr/node-secret/, 'no log holds it');
unlike(http('GET', '/llm-status')->body, qr/node-secret/, 'nor the page');
--- node_stats
env leaked_headers=0 unauthorized=0
none leaked_headers=0



=== TEST 8: request ids
--- perl
my $uuid = '123e4567-e89b-12d3-a456-426614174000';
for ($uuid, uc $uuid, '0123456789abcdef0123456789abcdef') {
    my $r = chat({}, { 'X-Request-Id' => $_ });
    is($r->header('x-request-id'), $_, "the client's: $_");
    is(sent('a')->{headers}{'x-request-id'}, $_, 'the node\'s, too');
}

for ('req_42', 'a', 'a.b-c_d', 'A' x 128) {
    my $r = chat({}, { 'X-Request-Id' => $_ });
    is($r->header('x-request-id'), $_, 'sane: ' . substr $_, 0, 20);
    is(sent('a')->{headers}{'x-request-id'}, undef,
       'but no UUID, which some nodes refuse');
}

for ('', ' ', 'a b', 'a,b', 'a/b', 'a;b', "\xc3\xa9", 'A' x 129, '"x"',
     '<x>', "a\tb", '${jndi}')
{
    my $r = chat({}, { 'X-Request-Id' => $_ });
    like($r->header('x-request-id'), qr/^[0-9a-f]{32}$/,
         'a new one for: ' . substr($_, 0, 20) =~ s/[^ -~]/?/gr);
    is(sent('a')->{headers}{'x-request-id'}, $r->header('x-request-id'),
       'and so at the node');
}

my %seen;
$seen{ chat()->header('x-request-id') }++ for 1 .. 50;
is(keys %seen, 50, 'no two are the same');
my $r = chat({}, { 'X-Mock' => 'header=X-Request-Id: of-the-node' });
isnt($r->header('x-request-id'), 'of-the-node', 'not the node\'s');
unlike($r->head, qr/of-the-node/, 'not as a second one either');

$r = open_stream('POST', '/v1/chat/completions',
                 with_key({ 'X-Request-Id' => 'my-stream' }), stream_of());
is($r->header('x-request-id'), 'my-stream', 'on a stream');



=== TEST 9: headers of a node that end at the router
--- config
    location /v1/ { llm_router on; }
    location /internal { internal; return 200 "redirected"; }
--- perl
for my $body ({ model => 'm', messages => [{}] }, stream_of()) {
    my $what = $body->{stream} ? 'stream' : 'whole';
    my $r = post('/v1/chat/completions', $body, { 'X-Mock' => 'accel;tokens=3' });
    is($r->status, 200, "$what: status");
    unlike($r->body, qr/redirected/, "$what: X-Accel-Redirect has no effect");
    like($r->body, qr/choices/, "$what: the node's answer");
    like($r->header('server'), qr/^nginx/, "$what: our own Server");
    unlike($r->head, qr/mock\/1|koi8/, "$what: not the node's");
    is($r->header('set-cookie'), undef, "$what: no cookie");
    is($r->header("x-accel-$_"), undef, "$what: no X-Accel-\u$_")
        for qw(redirect limit-rate expires charset);
    is($r->header('x-accel-buffering'), $body->{stream} ? 'no' : undef,
       "$what: X-Accel-Buffering is ours");
    is($r->header('expires'), undef, "$what: no Expires");
    is($r->header('x-custom'), 'custom', "$what: others pass");
    is($r->header('x-llm-router-node'), 'a', "$what: which node");
    cmp_ok($r->time, '<', 2, "$what: X-Accel-Limit-Rate has no effect");
}

for ('Keep-Alive: timeout=5', 'Proxy-Connection: x', 'Proxy-Authenticate: x',
     'TE: x', 'Trailer: x', 'Upgrade: x', 'X-LLM-Router-Node: fake',
     'X-Queue-Wait-Ms: 1', 'X-Accel-Anything: x', 'x-accel-redirect: /internal',
     'Set-Cookie: a=b', 'SERVER: x', 'Date: x')
{
    my ($name, $value) = split /: /;
    my $r = chat({}, { 'X-Mock' => "header=$_" });
    is($r->status, 200, $_);
    isnt($r->header($name) // '', $value, "$name: not the node's");
}

for ('X-RateLimit-Limit-Requests: 5', 'openai-processing-ms: 12',
     'OpenAI-Version: 2020-10-01', 'Cache-Control: private, max-age=1',
     'ETag: "x"', 'Link: <x>', 'Access-Control-Allow-Origin: *',
     'Location: http://other/', 'Refresh: 0', 'Vary: Origin',
     'WWW-Authenticate: Basic', 'X-Empty: ', 'Content-Language: en',
     'Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT', 'Retry-After: 3')
{
    my ($name, $value) = split /: /;
    my $r = chat({}, { 'X-Mock' => "header=$_" });
    is($r->status, 200, $_);
    is($r->header($name), $value // '', "$name passes");
}



=== TEST 10: an answer's framing is sound, or it is an error
--- perl
for ('header=Content-Length: 5', 'header=Content-Length: x',
     'header=Content-Length: -1', 'header=Bad Header: x', 'broken=http',
     'bigheader=20000')
{
    error_is(chat({}, { 'X-Mock' => $_ }), 502, 'bad_gateway',
             'upstream_error', undef,
             'The node could not be reached or broke off', $_);

    # or the node would get a rest after five of them

    is(chat({})->status, 200, 'a good one');
}

my $r = chat({}, { 'X-Mock' => 'bigheader=5000' });
is(length $r->header('x-big'), 5000, 'a long header');
ok($r->complete, 'and the whole answer');



=== TEST 11: 1xx before the answer
--- perl
for my $body ({ model => 'm', messages => [{}] }, stream_of()) {
    my $what = $body->{stream} ? 'stream' : 'whole';
    my $r = post('/v1/chat/completions', $body, { 'X-Mock' => 'interim' });
    is($r->status, 200, "$what: status");
    is(@{ $r->interim }, 0, "$what: they end at the router");
    like($r->body, qr/choices/, "$what: the answer after them");
    ok($r->complete, "$what: whole");
}

my $c = http_conn();
my $body = json_encode({ model => 'm', messages => [{}] });
$c->start('POST', '/v1/chat/completions',
          with_key({ Expect => '100-continue',
                     'Content-Length' => length $body }));
$c->fill(Time::HiRes::time() + 3) until $c->{buf} =~ /\r\n\r\n/ || $c->{eof};
like($c->{buf}, qr{^HTTP/1.1 100 }, 'a client that expects 100');
$c->send($body);
ok($c->read_head(5), 'gets its answer then');
is($c->status, 200, 'a good one');
is(sent('a')->{headers}{expect}, undef, 'the node was not asked to');
$c->close;



=== TEST 12: a node's own status and body pass
--- perl
for my $status (400, 401, 402, 403, 404, 405, 409, 413, 415, 418, 422, 429,
                451, 500, 501, 502, 503, 504, 529)
{
    my $want = direct('/v1/chat/completions',
                      { model => 'm', messages => [{}] },
                      { 'X-Mock' => "status=$status" });
    my $r = chat({}, { 'X-Mock' => "status=$status" });
    is($r->status, $status, "status $status");
    is($r->body, $want->body, "$status: the node's body");
    is($r->header('content-type'), $want->header('content-type'),
       "$status: its type");
    is($r->header('x-llm-router-node'), 'a', "$status: of which node");
    like($r->header('x-request-id'), qr/^[0-9a-f]{32}$/, "$status: the id");

    # or the node would get a rest after five of them

    is(chat({})->status, 200, 'a good one');
}

for my $status (201, 202, 206, 299, 301, 302, 307, 308) {
    my $r = chat({}, { 'X-Mock' => "status=$status" });
    is($r->status, $status, "status $status");
    is($r->header('location'), undef,
       "$status: its clients are not sent past the router") if $status >= 300;
}

is(post('/v1/chat/completions', stream_of(), { 'X-Mock' => 'status=400' })
   ->status, 400, 'in answer to a stream, too');

# the last one: the node rests then

my $r = chat({}, { 'X-Mock' => 'status=429;retry_after=7' });
is($r->header('retry-after'), 7, 'Retry-After');
--- allow_log
answered



=== TEST 13: 204 and 304 have no body, and the connection goes on
--- perl
my $c = http_conn();
for my $status (204, 304, 200, 204) {
    my $r = $c->http('POST', '/v1/any', with_key({ 'X-Mock' => "status=$status" }),
                     { model => 'm' }, keepalive => 1, timeout => 3);
    is($r->status, $status, "status $status");
    is($r->body, '', "$status: no body") if $status != 200;
}
$c->close;



=== TEST 14: bodies of any size and framing come back whole
--- perl
for my $how ('', ';nochunk', ';length', ';drip=0') {
    for my $size (1, 1000, 4096, 8192, 100_000, 2_000_000) {
        next if $how =~ /drip/ && $size > 10_000;
        my $mock = { 'X-Mock' => "size=$size$how" };
        my $want = direct('/v1/chat/completions',
                          { model => 'm', messages => [{}] }, $mock);
        my $r = chat({ messages => [{}] }, $mock);
        is($r->status, 200, "size=$size$how");
        ok($r->complete, "size=$size$how: complete");
        ok($r->body eq $want->body, "size=$size$how: the same bytes")
            or diag(length($r->body) . ' of ' . length $want->body);
    }
}

my $audio = { model => 'm', input => 'x', voice => 'v' };
my $r = post('/v1/audio/speech', $audio, { 'X-Mock' => 'size=300000' });
is(sha256_hex($r->body),
   sha256_hex(direct('/v1/audio/speech', $audio,
                     { 'X-Mock' => 'size=300000' })->body), 'bytes of sound');
like($r->header('content-type'), qr/^audio\//, 'its type');
$r = chat({}, { 'X-Mock' => 'gzip' });
is($r->header('content-encoding'), 'gzip', 'an encoding is the node\'s matter');



=== TEST 15: clients of HTTP/1.0
--- perl
my $body = json_encode({ model => 'm', messages => [{}] });
my $head = "POST /v1/chat/completions HTTP/1.0\r\nAuthorization: Bearer $Key\r\n"
           . "X-Mock: nochunk\r\n";
my $r = http('POST', '/', {}, undef, raw => $head . 'Content-Length: '
             . length($body) . "\r\n\r\n$body");
is($r->status, 200, 'whole');
ok($r->complete && $r->json->{choices}, 'its answer');
unlike($r->head, qr/transfer-encoding/i, 'no chunks');

$body = json_encode(stream_of());
$r = http('POST', '/', {}, undef, raw => $head . 'Content-Length: '
          . length($body) . "\r\n\r\n$body");
unlike($r->head, qr/transfer-encoding/i, 'a stream without chunks');
is(($r->events)[-1], '[DONE]', 'up to its end');
is(sent('a')->{line}, 'POST /v1/chat/completions HTTP/1.1',
   'a node is spoken to in 1.1');



=== TEST 16: answers one after another on a connection
--- perl
my $c = http_conn();
for my $n (1 .. 3) {
    for (['tokens=2', 200], ['status=404', 404], ['nochunk', 200],
         ['size=100000', 200])
    {
        my ($mock, $status) = @$_;
        my $r = $c->http('POST', '/v1/chat/completions',
                         with_key({ 'X-Mock' => $mock }),
                         { model => 'm', messages => [{}] }, keepalive => 1);
        is($r->status, $status, "$n: \"$mock\"");
        ok($r->complete, "$n: whole");
    }

    my $r = $c->http('POST', '/v1/chat/completions', with_key(), stream_of(),
                     keepalive => 1);
    is(($r->events)[-1], '[DONE]', "$n: a stream");
}
$c->close;



=== TEST 17: heads of any length
--- perl
my $c = http_conn();
for my $n (1, 1000, (map { 850 + 8 * $_ } 0 .. 30), 4000, 7900) {
    my $long = join '', map { chr(97 + ($_ * 7 + $n) % 26) } 1 .. $n;
    my $r = $c->http('POST', '/v1/chat/completions',
                     with_key({ 'X-Long' => $long, 'X-Long-2' => $long,
                                'X-After' => $n }),
                     { model => 'm', messages => [{ content => $n }] },
                     keepalive => 1);
    is($r->status, 200, "$n bytes");
    my $h = sent('a')->{headers};
    ok($h->{'x-long'} eq $long && $h->{'x-long-2'} eq $long
       && $h->{'x-after'} eq $n, "$n: whole");
    is_deeply(json_decode(sent('a')->{body})->{messages},
              [{ content => $n }], "$n: and the body");
}
$c->close;
--- node_stats
a malformed=0
