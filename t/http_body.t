# The body of a request: what is found in it, in whichever form it comes, and
# that a node gets the very same bytes.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use Digest::SHA qw(sha256_hex);
use Time::HiRes ();

defaults(
    mock => "a --models m\n",
    http_config => <<'_EOC_',
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a
        models=m,n,org/x,a"b,ünï-模型;
    llm_router_key sk-test-0123456789abcdef;
_EOC_
    config => "    location /v1/ { llm_router on; }\n",
);

# was the model found, and the body passed on as it is?

sub model_of {
    my ($body) = @_;
    my $r = post('/v1/any', $body);

    return $r->status if $r->status != 200;
    return sent('a')->{body} eq $body ? 'the same bytes' : 'other bytes';
}

# a chat of this many bytes

sub body_of {
    my ($size, $model) = @_;
    my $body = '{"messages":[{"role":"user","content":""}],"model":"'
               . ($model // 'm') . '"}';
    my $pad = '';
    my $i = 0;

    while (length $pad < $size) {
        $pad .= sprintf '%08x ünï %s ', $i++ * 2654435761 % 4294967296,
                        "\\u00e9\\n";
    }

    utf8::encode($pad) if utf8::is_utf8($pad);
    $pad = substr $pad, 0, $size - length($body) - 16;
    $pad =~ s/[\\\x80-\xff][^ ]*\z//;
    $pad .= 'x' x ($size - length($body) - length $pad);
    substr($body, index($body, '""') + 1, 0) = $pad;
    return $body;
}

sub sha_is {
    my ($r, $body, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $d = $r->json || {};

    is_deeply([$r->status, @$d{qw(length sha256)}],
              [200, length $body, sha256_hex($body)], $name);
}

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: the model in any place
--- http_config
    log_format model '$llm_router_model';
    access_log logs/llm.log model;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m,n,org/x;
    llm_router_key sk-test-0123456789abcdef;
--- perl
my @body = (
    '{"model":"m"}', ' { "model" : "m" } ', "\r\n\t{\n\"model\"\t:\r\"m\"\n}\n",
    '{"a":1,"model":"m"}', '{"model":"m","z":[1,2,{"model":"x"}]}',
    '{"a":{"model":"x"},"model":"m"}', '{"a":[{"model":"x"}],"model":"m"}',
    '{"a":"\"model\":\"x\"","model":"m"}', '{"model":"m","b":"model"}',
    '{"model2":"x","mode":"x","Model":"x","model":"m"}',
    '{"a":"{\"model\":\"x\"","b":"\\\\","model":"m"}',
    '{"":"x","model":"m"}', '{"a":null,"b":true,"c":-1.5e+3,"model":"m"}',
    '{"a":[],"b":{},"c":[[],{}],"model":"m","d":0}',
);

for my $body (@body) {
    is(model_of($body), 'the same bytes', $body =~ s/\s/ /gr);
}

is(model_of('{"a":{"model":"m"}}'), 404, 'one within another does not count');
is(model_of('{"a":["model","m"]}'), 404, 'nor does one in a list');
ok(log_has(@body + 2), 'all logged');
is(sorted_log(), "-\n-\n" . "m\n" x @body, 'each time the right one');



=== TEST 2: names written with escapes
--- http_config
    log_format model escape=none '$llm_router_model';
    access_log logs/llm.log model;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a
        models=*;
    llm_router_key sk-test-0123456789abcdef;
--- perl
my @in = (
    ['{"mod\u0065l":"m"}', 'm'],
    ['{"\u006d\u006f\u0064\u0065\u006c":"\u006d"}', 'm'],
    ['{"\u006D\u006F\u0064\u0065\u006C":"m"}', 'm'],
    ['{"model":"org\/x"}', 'org/x'],
    ['{"model":"a\"b"}', 'a"b'],
    ['{"model":"a\\\\b"}', 'a\\b'],
    ['{"model":"\u00fcn\u00ef-\u6a21"}', "\xc3\xbcn\xc3\xaf-\xe6\xa8\xa1"],
    ["{\"model\":\"\xc3\xbcn\xc3\xaf-\xe6\xa8\xa1\"}",
     "\xc3\xbcn\xc3\xaf-\xe6\xa8\xa1"],
    ['{"model":"\ud83d\ude00"}', "\xf0\x9f\x98\x80"],
    ['{"model\u0000":"x","model":"m"}', 'm'],
    ['{"mod\\\\u0065l":"x","model":"m"}', 'm'],
);

for (@in) {
    my ($body) = @$_;
    is(model_of($body), 'the same bytes', $body =~ s/[^ -~]/?/gr);
}

ok(log_has(scalar @in), 'all logged');
is(sorted_log(), CORE::join('', sort map { "$_->[1]\n" } @in),
   'each resolved');



=== TEST 3: of equal members the last counts
--- perl
for (['{"model":"m","model":"x"}', 404], ['{"model":"x","model":"m"}', 200],
     ['{"model":"m","model":null}', 404],
     ['{"model":1,"model":"m"}', 200], ['{"model":"","model":"m"}', 200],
     ['{"model":"m","mod\u0065l":"x"}', 404],
     ["{\"model\":\"" . 'x' x 400 . '","model":"m"}', 200],
     ["{\"model\":\"m\",\"model\":\"" . 'x' x 400 . '"}', 400])
{
    my ($body, $want) = @$_;
    is(post('/v1/any', $body)->status, $want, substr $body, 0, 50);
}

for (['{"model":"m","messages":[{}],"messages":[]}', 400],
     ['{"model":"m","messages":[],"messages":[{}]}', 200],
     ['{"model":"m","messages":[{}],"messages":"x"}', 400])
{
    my ($body, $want) = @$_;
    is(post('/v1/chat/completions', $body)->status, $want, $body);
}

for (['"stream":true,"stream":false', 'application/json'],
     ['"stream":false,"stream":true', 'text/event-stream'])
{
    my $r = post('/v1/chat/completions',
                 qq({"model":"m","messages":[{}],$_->[0]}));
    like($r->header('content-type'), qr/^$_->[1]/, $_->[0]);
}



=== TEST 4: nesting
--- perl
my $nest = sub {
    my ($n, $open, $close) = @_;
    return '{"a":' . $open x $n . '1' . $close x $n . ',"model":"m"}';
};

# the node may have a limit of its own

for my $n (1, 10, 100, 510, 511) {
    for (['[', ']'], ['{"a":', '}']) {
        my $body = $nest->($n, @$_);
        post('/v1/any', $body);
        is(sent('a')->{body}, $body, "$n times $_->[0]");
    }
}

for my $n (512, 513, 5000, 100_000) {
    is(model_of($nest->($n, '[', ']')), 400, "$n arrays");
    is(model_of($nest->($n, '{"a":', '}')), 400, "$n objects");
}

is(model_of('{"a":[[[1]}]],"model":"m"}'), 400, 'closed by another');
is(model_of('{"a":[1,2},"model":"m"}'), 400, 'closed by the wrong one');



=== TEST 5: UTF-8
--- perl
for ("\xc3\xa9", "\xe4\xb8\xad", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf",
     "\xed\x9f\xbf", "\xee\x80\x80", "\xc2\x80", "\x7f", "\xef\xbb\xbf",
     '\ud83d\ude00', '\u0000', '\b\f\n\r\t\"\\\\\/')
{
    my $body = qq({"x":"a$_","model":"m","$_":1});
    is(model_of($body), 'the same bytes', 'good: ' . unpack 'H*', $_);
}

for ("\x80", "\xff", "\xc3", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf",
     "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
     "\xf5\x80\x80\x80", "\xe4\xb8", "\xe4\xb8\"", "\xc3(", "\xf8\x88\x80\x80",
     '\ud83d', '\ude00', '\ud83dx', '\ud83d\u0041', '\x', '\u12', '\u12G4')
{
    error_is(post('/v1/any', qq({"x":"a$_","model":"m"})),
             400, 'invalid_request_error', 'invalid_json', undef,
             qr/^The request body is not valid JSON: /,
             'bad: ' . unpack('H*', $_));
}
--- node_stats
a requests=12



=== TEST 6: bytes that are no JSON outside of strings
--- perl
for ("{\"model\":\"m\"\x00}", "{\"model\":\"m\"}\x00", "\x00{\"model\":\"m\"}",
     "{\"model\":\"m\",\x0b\"a\":1}", "{\"model\":\"m\"}\x{a0}",
     '{"model":"m",/* */"a":1}', '{"model":"m","a":NaN}',
     '{"model":"m","a":Infinity}', '{"model":"m","a":+1}',
     '{"model":"m","a":.5}', '{"model":"m","a":1.}', '{"model":"m","a":1e}',
     '{"model":"m","a":0x10}', '{"model":"m","a":-}', '{"model":"m","a":[1,]}',
     '{"model":"m","a":True}', '{"model":"m",a:1}')
{
    is(post('/v1/any', $_)->status, 400, s/[^ -~]/?/gr);
}

is(post('/v1/any', $_)->status, 200, $_)
    for '{"model":"m","a":-0}', '{"model":"m","a":1E400}',
        '{"model":"m","a":123456789012345678901234567890}',
        '{"model":"m","a":-0.0e-0}';



=== TEST 7: sizes, in memory and in a file
--- config
    location /v1/ { llm_router on; }
    location /mem/ { llm_router on; client_body_buffer_size 11m; }
    location /one/ { llm_router on; client_body_buffer_size 11m;
                     client_body_in_single_buffer on; }
    location /file/ { llm_router on; client_body_in_file_only clean; }
    location /tiny/ { llm_router on; client_body_buffer_size 128; }
--- perl
for my $size (200, 1000, 1023, 1024, 8192, 16383, 16384, 16385, 100_000,
              1_048_576, 10_485_760)
{
    my $body = body_of($size);
    is(length $body, $size, "a body of $size bytes");

    for my $where (qw(v1 mem one file tiny)) {
        next if $where eq 'tiny' && $size > 200_000;
        my $url = ($where eq 'v1' ? '' : "/$where") . '/v1/chat/completions';
        sha_is(post($url, $body, { 'X-Mock' => 'sha' }), $body,
               "$where: $size bytes");
    }
}
--- node_stats
a malformed=0 invalid_bodies=0 leaked_headers=0 in_flight=0



=== TEST 8: bodies in chunks
--- config
    location /v1/ { llm_router on; }
    location /tiny/ { llm_router on; client_body_buffer_size 128; }
--- perl
my $te = { 'Transfer-Encoding' => 'chunked', 'X-Mock' => 'sha' };

for my $size (100, 1000, 20_000, 100_000, 3_000_000) {
    my $body = body_of($size);

    for my $n (1, 7, 1000, 65536) {
        next if $size / $n > 30_000;
        my @piece = unpack "(a$n)*", $body;
        sha_is(post('/v1/chat/completions', chunked(@piece), { %$te }), $body,
               "$size bytes in chunks of $n");
        sha_is(post('/tiny/v1/chat/completions', chunked(@piece), { %$te }),
               $body, "a small buffer, $size bytes in chunks of $n")
            if $size < 200_000;
    }
}

my $r = post('/v1/chat/completions', "5;a=b\r\n" . '{"mod' . "\r\n33\r\n"
             . 'el":"m","messages":[{"role":"user","content":"x"}]}'
             . "\r\n0\r\nTrailer: x\r\n\r\n", { %$te });
is($r->status, 200, 'chunks with extensions and a trailer');
is($r->json->{length}, 56, 'their bytes alone');

for ("zz\r\n{}\r\n0\r\n\r\n", "2\r\n{}x\r\n0\r\n\r\n",
     "fffffffffffffffff\r\n{}\r\n0\r\n\r\n", "-1\r\n{}\r\n0\r\n\r\n")
{
    error_is(post('/v1/chat/completions', $_, { %$te }), 400,
             'invalid_request_error', 'bad_request', undef, 'Bad request',
             'no chunk: ' . s/\r\n/|/gr);
}

is(sent('a')->{headers}{'transfer-encoding'}, undef, 'a node gets a length');
is(sent('a')->{headers}{'content-length'}, 56, 'the right one');



=== TEST 9: a body that comes in pieces
--- perl
my $body = '{"messages":[{"role":"user","content":"x"}],"mod\u0065l":"\u006d",'
           . '"x":[1.5e3,true,null,"\ud83d\ude00"]}';
my $head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
           . "Connection: close\r\nAuthorization: Bearer $Key\r\n"
           . "X-Mock: sha\r\nContent-Length: " . length($body) . "\r\n\r\n";

for my $n (1, 2, 3, 5) {
    my $c = http_conn();
    $c->start('POST', '/', {}, undef, raw => $head);
    for my $piece (unpack "(a$n)*", $body) {
        $c->send($piece);
        Time::HiRes::usleep(500);
    }
    my $r = $c->http('POST', '/', {}, undef, raw => ' ' x 0);
    is_deeply([$r->status, ($r->json // {})->{sha256}],
              [200, sha256_hex($body)], "pieces of $n bytes");
    $c->close;
}

for my $cut (20, 150, length($head) - 3, length($head) + 10) {
    my $c = http_conn();
    my $all = $head . $body;
    $c->start('POST', '/', {}, undef, raw => substr $all, 0, $cut);
    Time::HiRes::usleep(20_000);
    my $r = $c->http('POST', '/', {}, undef, raw => substr $all, $cut);
    is_deeply([$r->status, ($r->json // {})->{sha256}],
              [200, sha256_hex($body)], "cut at $cut");
    $c->close;
}



=== TEST 10: one request after another on a connection
--- perl
my $c = http_conn();

for my $size (100, 50_000, 130, 100_000, 200, 400_000) {
    my $body = body_of($size);
    my $r = $c->http('POST', '/v1/chat/completions',
                     with_key({ 'X-Mock' => 'sha' }), $body, keepalive => 1);
    sha_is($r, $body, "$size bytes");
}

my $bad = $c->http('POST', '/v1/chat/completions', with_key(), '{"model":',
                   keepalive => 1);
is($bad->status, 400, 'a bad one');
is($bad->header('connection'), 'close', 'after which nginx closes');
$c->close;

my $two = join '', map {
    my $b = body_of($_);
    "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
    . "Authorization: Bearer $Key\r\nX-Mock: sha\r\n"
    . 'Content-Length: ' . length($b) . "\r\n\r\n$b"
} 500, 600;
$c = http_conn();
my $r = $c->http('POST', '/', {}, undef, raw => $two);
sha_is($r, body_of(500), 'pipelined, the first');
$r = $c->http('POST', '/', {}, undef, raw => '');
sha_is($r, body_of(600), 'pipelined, the second');
$c->close;



=== TEST 11: what the Content-Type says
--- perl
my $body = body_of(300);
for my $type ('application/json', 'application/json; charset=utf-8',
              'text/plain', 'Application/JSON', 'x')
{
    sha_is(post('/v1/chat/completions', $body,
                { 'Content-Type' => $type, 'X-Mock' => 'sha' }), $body, $type);
    is(sent('a')->{headers}{'content-type'}, $type, "$type goes on");
}

my $c = http_conn();
my $r = $c->http('POST', '/v1/chat/completions',
                 with_key({ 'X-Mock' => 'sha' }), $body);
sha_is($r, $body, 'no Content-Type');



=== TEST 12: 64m where no size was set, else the operator's own
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;   # other
        server_name unset;
        location /v1/ { llm_router on; location /v1/in/ { } }
        location ~ ^/regex/ { llm_router on; }
        location = /exact/v1/embeddings { llm_router on; }
        location /set/ { llm_router on; client_max_body_size 3m;
                         location /set/in/ { } }
        location /above/ { client_max_body_size 4m;
                           location /above/v1/ { llm_router on; } }
        location /zero/ { llm_router on; client_max_body_size 0; }
        location /one/ { llm_router on; client_max_body_size 1m; }
        location /off/ { return 200; }
        location /plain/ { proxy_pass http://127.0.0.1:$TEST_NGINX_NODE_A; }
    }
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;   # other
        server_name sized;
        client_max_body_size 5m;
        location /v1/ { llm_router on; }
        location /set/ { llm_router on; client_max_body_size 6m; }
    }
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;   # other
        server_name whole;
        llm_router on;
        location /in/ { }
        location /plain/ { llm_router off;
                           proxy_pass http://127.0.0.1:$TEST_NGINX_NODE_A; }
    }
--- perl
# a body that is only announced: 100 or 413

my $takes = sub {
    my ($host, $url, $size) = @_;
    my $c = http_conn(port => named_port('other'));
    $c->start('POST', $url, with_key({ Host => $host, Expect => '100-continue',
                                       'Content-Length' => $size }));
    Time::HiRes::usleep(1000) until !$c->fill(Time::HiRes::time() + 3)
                                    || $c->{buf} =~ /\r\n\r\n/;
    my ($status) = $c->{buf} =~ m{^HTTP/1.1 (\d+)};
    $c->close;
    return $status;
};

my $m = 1024 * 1024;

for (['unset', '/v1/embeddings', 64], ['unset', '/v1/in/v1/embeddings', 64],
     ['unset', '/regex/v1/embeddings', 64],
     ['unset', '/exact/v1/embeddings', 64], ['unset', '/set/v1/embeddings', 3],
     ['unset', '/set/in/v1/embeddings', 3],
     ['unset', '/above/v1/embeddings', 4], ['unset', '/one/v1/embeddings', 1],
     ['unset', '/plain/v1/embeddings', 1],
     ['sized', '/v1/embeddings', 5], ['sized', '/set/v1/embeddings', 6],
     ['whole', '/v1/embeddings', 64], ['whole', '/in/v1/embeddings', 64],
     ['whole', '/plain/v1/embeddings', 1])
{
    my ($host, $url, $size) = @$_;
    is($takes->($host, $url, $size * $m), 100, "$host $url takes ${size}m");
    is($takes->($host, $url, $size * $m + 1), 413, "$host $url and no more");
}

is($takes->('unset', '/zero/v1/embeddings', 9000 * $m), 100, '0: any');

my $body = '{"model":"m","messages":[{}],"x":"' . 'x' x (2 * $m) . '"}';
sha_is(post('/v1/chat/completions', $body,
            { Host => 'unset', 'X-Mock' => 'sha' },
            port => named_port('other')), $body, 'over the 1m of nginx');
--- allow_log
client intended to send too large body



=== TEST 13: the http level's own size
--- http_config
    client_max_body_size 7m;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;   # other
        server_name unset;
        location /v1/ { llm_router on; }
        location /set/ { llm_router on; client_max_body_size 8m; }
    }
--- perl
my $m = 1024 * 1024;
for (['/v1', 7, 1, 413], ['/set/v1', 8, 1, 413], ['/set/v1', 7, 1, 400],
     ['/v1', 7, 0, 400])
{
    my ($url, $size, $more, $want) = @$_;
    my $r = post("$url/embeddings", 'x' x ($size * $m + $more), {},
                 port => named_port('other'));
    is($r->status, $want, "$url, ${size}m and $more");
}



=== TEST 14: as it is at one node, and with an edit at the next
--- mock
a --models m
b --models m
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=m;
    llm_router_key sk-test-0123456789abcdef;
    llm_router_request_timeout 2s;
--- config
    location /v1/ { llm_router on; }
    location /file/ { llm_router on; client_body_in_file_only clean; }
--- perl
my $body = body_of(50_000) =~ s/\{/{"stream":true,/r;
mock_set('a', 'refuse_stream_options');
ok(wait_until(sub {
    return post('/v1/chat/completions', $body)->header('x-llm-router-node')
           eq 'a';
}), 'one of them takes no options');

mock_set('a', 'status=503');
for my $url (map { ($_) x 4 } '/v1/chat/completions',
             '/file/v1/chat/completions')
{
    my $r = post($url, $body);
    is($r->status, 200, "$url: an answer");
    is($r->header('x-llm-router-node'), 'b', 'of the other');
    is(sent('b')->{body},
       $body =~ s/\{/{"stream_options":{"include_usage":true},/r,
       'which got all of it');
}
--- node_stats
b malformed=0 invalid_bodies=0
