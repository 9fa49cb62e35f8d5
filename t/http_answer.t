# What a node may say that is not as one would wish, byte by byte.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Daemon ();
use LLMTest::Flow;
use LLMTest::Script;

sub true { return JSON::PP::true() }

# a chunk of a chat's stream, and the one with the usage

sub token { return '{"choices":[{"index":0,"delta":{"content":"' . $_[0]
                   . '"},"finish_reason":null}]}' }
sub usage { return '{"choices":[],"usage":{"prompt_tokens":3,'
                   . '"completion_tokens":' . $_[0] . '}}' }

# a stream as a node sends it, and with its end

sub told { return HEAD_SSE . sse(@_) }
sub whole { return told(@_, '[DONE]') . "0\r\n\r\n" }

my $Id = 0;

sub said {
    my ($says, $plain, %members) = @_;
    return chat({ stream => true(), %members },
                { 'X-Script' => $says, 'X-Test-Id' => ++$Id,
                  $plain ? ('X-Script-Plain' => $plain) : () },
                timeout => 6);
}

# how the log tells of the last request

sub logged { return log_of($Id) }

defaults(
    http_config => $LogFormat . <<'_EOC_',
    llm_router_key sk-test-0123456789abcdef;
    llm_router_key sk-test-limited-00000000 rpm=100 tpm=100000;
    llm_router_node http://127.0.0.1:$TEST_NGINX_SCRIPT_PORT name=s models=m
                    check=off;
_EOC_
    config => "    location /v1/ { llm_router on; }\n",
);

worker_connections(1024);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: an error in the node's place has none of its headers
--- config
    location /v1/ { llm_router on; llm_router_request_timeout 1s; }
--- perl
my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: "
           . "gzip\r\nETag: \"x\"\r\nCache-Control: max-age=99\r\n"
           . "X-Secret-Host: 10.0.0.9\r\nContent-Length: 20\r\n\r\n";

for ([[$head], 502, 'upstream_error'], [[$head, \'hold'], 504, 'timeout']) {
    my ($says, $status, $code) = @$_;
    my $r = chat({}, { 'X-Script' => script(@$says) }, timeout => 6);
    is($r->status, $status, $code);
    is($r->json->{error}{code}, $code, "$code: told");
    is($r->header($_), undef, "$code: no $_")
        for qw(content-encoding etag cache-control x-secret-host);
    is($r->header('content-type'), 'application/json', "$code: its own type");
}



=== TEST 2: who asks wrongly has no node taken for one without usage
--- perl
my $refusal = '{"error":{"message":"bad temperature","input":'
              . '{"stream_options":{"include_usage":true}}}}';
my $bad = script("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r"
                 . "\nContent-Length: " . length($refusal)
                 . "\r\n\r\n$refusal", \'keep');
my $good = script(whole(token('a'), token('b'), usage(7)), \'keep');

my $r = said($bad, $bad);
is($r->status, 400, 'the node\'s own answer');
is($r->body, $refusal, 'whole');

$r = said($good);
is(logged()->{completion}, 7, 'the next stream still tells its usage');
unlike($r->body, qr/usage/, 'which only the router asked for');
--- no_error_log
takes no stream_options



=== TEST 3: a refusal in pieces
--- perl
my $good = script(whole(token('a')), \'keep');
my @parts = ('{"error":', '{"message":"unknown field', ' stream_options"}}');
my $length = length join '', @parts;
my $head = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n";

for (['length', script($head . "Content-Length: $length\r\n\r\n",
                       map { \100, $_ } @parts)],
     ['chunks', script($head . "Transfer-Encoding: chunked\r\n\r\n",
                       (map { \100, chunk($_) } @parts), "0\r\n\r\n")])
{
    my ($way, $refusal) = @$_;
    my $r = said($refusal, $good, n => 1);
    is($r->status, 200, "$way: asked again without");
    is(($r->events)[-1], '[DONE]', "$way: to its end");
    edit_conf(sub { s/name=s /name=s2 / }, 'a node that is new') if $way eq
        'length';
}
--- error_log
takes no stream_options



=== TEST 4: a large refusal, one that is broken off
--- perl
my $head = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n";
my $long = '{"error":{"message":"' . 'x' x 3000 . '"}}';
my $r = said(script($head . 'Content-Length: ' . length($long)
                    . "\r\n\r\n" . substr($long, 0, 1000), \100,
                    substr $long, 1000));
is($r->status, 400, 'long');
is($r->body, $long, 'long: whole');
$r = said(script($head . "Content-Length: 100\r\n\r\n{\"error\":"));
is($r->status, 502, 'broken off');
$r = said(script($head . "Connection: close\r\n\r\n{\"error\":1}"));
is($r->status, 400, 'ended by its close');
is($r->body, '{"error":1}', 'ended by its close: whole');



=== TEST 5: after [DONE] nothing can go wrong
--- config
    location /v1/ { llm_router on; llm_router_request_timeout 20s; }
--- perl
for (['reset', \100, \'reset'], ['hold', \'hold'], ['close', \100],
     ['nonsense', \100, 'nonsense'])
{
    my ($way, @end) = @$_;
    my $r = said(script(told(token('a'), usage(5), '[DONE]'), @end));
    is($r->status, 200, $way);
    is_deeply([$r->events], [token('a'), '[DONE]'], "$way: as it should be");
    ok($r->complete, "$way: a clean end");
    ok(!$r->timed_out, "$way: soon");
    is(logged()->{code}, 'ok', "$way: all is well");
    is(node_row('s')->{failures}, 0, "$way: no failure");
}



=== TEST 6: the first token is no comment, no role
--- config
    location /v1/ { llm_router on; }
--- perl
my $role = '{"choices":[{"delta":{"role":"assistant"}}]}';
my $s = stream({}, { 'X-Script' => script(
    HEAD_SSE . chunk(": ping\n\n"), \300, sse($role), \700,
    sse(token('a')), \700, sse(usage(1), '[DONE]') . "0\r\n\r\n") });

is(read_event($s)->{data}, undef, 'a comment comes');
is(node_row('s')->{in_flight}, 1, 'it is served');
is(node_row('s')->{waiting}, 1, 'it waits');
is(read_event($s)->{data}, $role, 'its role comes');
is(node_row('s')->{waiting}, 1, 'it still waits');
is(read_event($s)->{data}, token('a'), 'its first token');
is(node_row('s')->{waiting}, 0, 'now it waits no more');
is(node_row('s')->{in_flight}, 1, 'and is still served');
1 while read_event($s);
close_stream($s);
cmp_ok(log_row(1)->{ttft}, '>=', 0.9, 'that is the time of the first token');



=== TEST 7: the Responses API: its text is in deltas
--- perl
sub event { my ($type, $more) = @_;
            return chunk("event: $type\ndata: {\"type\":\"$type\"$more}\n\n") }

my $r = post('/v1/responses', { model => 'm', input => 'x', stream => true() },
             { 'X-Test-Id' => 'responses', 'X-Script' => script(
    HEAD_SSE, event('response.created', ',"response":{"id":"r"}'), \50,
    event('response.in_progress', ''),
    event('response.output_item.added', ',"item":{}'),
    (map { event('response.output_text.delta', ',"delta":"a.delta"') } 1 .. 3),
    event('response.output_text.done', ',"text":"a.delta a.delta"'),
    event('response.completed', ',"response":{"id":"r"}'), "0\r\n\r\n") });
is(scalar($r->events), 8, 'each event comes');
is(log_of('responses')->{completion}, '~3', 'three of them are counted');
cmp_ok(log_of('responses')->{ttft}, '>=', 0.04, 'from the first one of these');



=== TEST 8: a node that tells of an error within its stream
--- perl
my $error = '{"error":{"message":"out of memory","code":500}}';

for (['object', "data: $error\n\n"], ['spaces', "data: { \"error\" : {}}\n\n"],
     ['text', "data:{\"error\":\"no\"}\n\n"],
     ['named', "event: error\ndata: {\"type\":\"error\"}\n\n"])
{
    my ($way, $bytes) = @$_;
    my $r = said(script(HEAD_SSE . sse(token('a')) . chunk($bytes)
                        . sse('[DONE]') . "0\r\n\r\n"));
    like($r->body, qr/\Q$bytes\E/, "$way: it passes");
    is(logged()->{code}, 'node_error', "$way: and is noticed");
    is(logged()->{completion}, '~1', "$way: it is no token");
}

my $r = said(script(whole('{"error":null,' . substr token('a'), 1)));
is(logged()->{code}, 'ok', 'no error: null');
is(logged()->{completion}, '~1', 'no error: a token');
is(node_row('s')->{failures}, 0, 'none of it is a failure of the node');



=== TEST 9: usage that only the router asked for, in any shape
--- perl
my $usage = '"usage":{"prompt_tokens":3,"completion_tokens":4}';

for my $last ("{\"choices\":[],$usage}", "{$usage}", "{\"id\":\"x\",$usage}") {
    my $r = said(script(whole(token('a'), $last)));
    is_deeply([$r->events], [token('a'), '[DONE]'], "$last is taken out");
    is(logged()->{completion}, 4, 'and counted');

    $r = said(script(whole(token('a'), $last)), undef,
              stream_options => { include_usage => true() });
    is_deeply([$r->events], [token('a'), $last, '[DONE]'],
              'who asked for it gets it');
}

my $last = "{\"error\":{},$usage}";
my $r = said(script(whole(token('a'), $last)));
is_deeply([$r->events], [token('a'), $last, '[DONE]'], 'an error passes');



=== TEST 10: limits of a node's own
--- perl
my $says = script("HTTP/1.1 200 OK\r\nx-ratelimit-limit-requests: 999\r\n"
                  . "X-RateLimit-Remaining-Tokens: 5\r\nX-Rate: 1\r\n"
                  . "Content-Length: 2\r\n\r\n{}");
my $r = chat({}, { Authorization => 'Bearer sk-test-limited-00000000',
                   'X-Script' => $says });
my @limits = $r->head =~ /^(x-ratelimit-[\w-]+)/gmi;
is_deeply([sort @limits], [map { ("x-ratelimit-$_-requests",
                                  "x-ratelimit-$_-tokens") }
                           qw(limit remaining reset)], 'each once');
is($r->header('x-ratelimit-limit-requests'), 100, 'the router\'s');
is($r->header('x-rate'), 1, 'others pass');
$r = chat({}, { 'X-Script' => $says });
is($r->header('x-ratelimit-limit-requests'), 999,
   'a key without limits: the node\'s own pass');



=== TEST 11: a node's address stays where it is
--- perl
for my $status (301, 302, 307, 308) {
    my $r = chat({}, { 'X-Script' => script("HTTP/1.1 $status X\r\nLocation: "
        . "http://10.0.0.9/\r\nContent-Length: 2\r\n\r\n{}") });
    is($r->status, $status, "$status: passes");
    is($r->header('location'), undef, "$status: without its Location");
}
is(chat({}, { 'X-Script' => script("HTTP/1.1 201 X\r\nLocation: /v1/x\r\n"
                                   . "Content-Length: 2\r\n\r\n{}") })
   ->header('location'), '/v1/x', '201: with it');
--- error_log
redirects its clients, is its URL right?



=== TEST 12: 101 is no answer to wait behind
--- perl
my $r = chat({}, { 'X-Script' => script("HTTP/1.1 101 Switching Protocols\r\n"
    . "Upgrade: x\r\n\r\n", \'hold') }, timeout => 5);
is($r->status, 502, 'told at once');
--- error_log
switches protocols



=== TEST 13: how long a client is told to wait
--- http_config eval
$LLMTest::Flow::LogFormat . "llm_router_key sk-test-0123456789abcdef;\n"
. CORE::join '', map { "llm_router_node http://127.0.0.1:\$TEST_NGINX_SCRIPT_PORT/$_"
                 . " models=m$_ check=off;\n" } 1 .. 5
--- perl
my $n = 0;
for (['Retry-After: 3600', 60, undef], ['Retry-After: 7', 7, undef],
     ["Retry-After: 120\r\nretry-after-ms: 90000", 60, 60000],
     ["retry-after-ms: 1500\r\nRetry-After: 100", 60, 1500],
     ['Retry-After: Fri, 31 Dec 2099 23:59:59 GMT', 60, undef])
{
    my ($lines, $s, $ms) = @$_;
    my $r = chat({ model => 'm' . ++$n }, { 'X-Script' => script(
        "HTTP/1.1 503 X\r\n$lines\r\nContent-Length: 2\r\n\r\n{}") });
    is($r->body, '{}', "$n: the node's own answer");
    is($r->header('retry-after'), $s, "$n: seconds");
    is($r->header('retry-after-ms'), $ms, "$n: milliseconds");
}



=== TEST 14: clients that do not read cost nothing while they wait
--- http_config eval
"llm_router_key sk-test-0123456789abcdef;\n"
. CORE::join '', map {
      "llm_router_node http://127.0.0.1:\$TEST_NGINX_SCRIPT_PORT/$_"
      . " models=m$_ check=off;\n" } 0 .. 14
--- config
    listen 127.0.0.1:$TEST_NGINX_SPREAD_PORT sndbuf=32k;
    location /v1/ {
        llm_router on; llm_router_request_timeout 20s;
        llm_router_max_concurrent 1000;
    }
--- perl
sub ticks {
    my $n = 0;
    for my $pid (workers()) {
        my @f = split ' ', LLMTest::Daemon::slurp("/proc/$pid/stat")
                           =~ s/.*\) //sr;
        $n += $f[11] + $f[12];
    }
    return $n;
}

# Streams that end, or break off, at a moment when their clients' buffers are
# full: of so many lengths some do.  Four broken ones at a node give it no rest.

my @open;
for my $n (1 .. 60) {
    for my $end (script(sse('[DONE]') . "0\r\n\r\n"), '') {
        my $sock = IO::Socket::INET->new(Proto => 'tcp') or die;
        setsockopt $sock, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), 4096;
        connect $sock, Socket::pack_sockaddr_in(
            port(), Socket::inet_aton('127.0.0.1')) or die;
        my $body = json_encode({ model => 'm' . $n % 15, stream => true(),
                                 messages => [{}] });
        my $says = script(HEAD_SSE =~ s/\r\n\r\n/\r\nConnection: close$&/r,
                          \('98x' . (200 + 30 * $n))) . $end;
        syswrite $sock, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
            . "Authorization: Bearer $Key\r\nConnection: close\r\nX-Script: "
            . "$says\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
        push @open, $sock;
    }
}

select undef, undef, undef, 2;
my $before = ticks();
select undef, undef, undef, 1;
cmp_ok(ticks() - $before, '<', 50, 'a worker has nothing to do');

my @texts = map { my $sock = $_; local $/; scalar <$sock> } @open;
is(scalar(grep { /\[DONE\]\n\n/ } @texts), 60, 'who reads then has all');
is(scalar(grep { /"upstream_error"/ } @texts), 60, 'or hears of the break');
diag(substr($_, 0, 200), ' ... ', substr $_, -200)
    for grep { !/\[DONE\]\n\n|"upstream_error"/ } @texts;
