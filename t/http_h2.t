# HTTP/2 without TLS: the same requests, answers, streams and errors, by curl
# and by a client that sends what it is told.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::H2;
use Digest::SHA qw(sha256_hex);
use IO::Select;
use Time::HiRes ();

my $skip;

sub curl_missing {
    return $skip //= `curl --version 2>/dev/null` =~ /HTTP2/ ? 0 : 1;
}

if (curl_missing()) {
    plan(skip_all => 'curl without HTTP/2');
    exit;
}

defaults(
    mock => "a --models m\n",
    http_config => <<'_EOC_',
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 http2;   # h2
        client_max_body_size 30m;
        location /v1/ { llm_router on; }
        location /small/ { llm_router on; client_max_body_size 1000; }
        location /mem/ { llm_router on; client_body_buffer_size 12m; }
    }
_EOC_
    config => "    location /v1/ { llm_router on; }\n",
);

# Starts curl, with its answer's head and body on a pipe: { pid, out }.

sub h2_start {
    my ($path, $body, %opt) = @_;
    my $file = "$ENV{TEST_NGINX_SERVROOT}/logs/body";
    my @cmd = (qw(curl -s -S -i -N --http2-prior-knowledge --max-time), 20);

    if (defined $body) {
        $body = json_encode($body) if ref $body;
        open my $out, '>', $file or die "$file: $!\n";
        binmode $out;
        print $out $body;
        close $out;
        push @cmd, '--data-binary', "\@$file";
    }

    push @cmd, '-H', "Authorization: Bearer $Key" if !$opt{no_key};
    push @cmd, '-H', 'Content-Type: application/json';
    push @cmd, map { ('-H', $_) } @{ $opt{headers} || [] };
    push @cmd, @{ $opt{args} || [] };
    push @cmd, 'http://127.0.0.1:' . named_port('h2') . $path;

    my $pid = open my $out, '-|', @cmd or die "curl: $!\n";
    binmode $out;
    return { pid => $pid, out => $out, buf => '' };
}

sub h2 {
    my $c = h2_start(@_);
    my $fh = $c->{out};
    local $/;
    my $text = <$fh>;
    CORE::close($fh);
    return answer($text, $? >> 8);
}

# An answer in the form that error_is() looks at.

sub answer {
    my ($text, $exit) = @_;
    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    ($head, $body) = split /\r\n\r\n/, $body, 2 while $head =~ m{^HTTP/2 1};
    my ($status) = $head =~ m{^HTTP/2 (\d+)};
    my %h;

    push @{ $h{lc $1} }, $2 while $head =~ /^([^:\s]+): *(.*?)\r?$/mg;
    return bless { status => $status, head => $head, headers => \%h,
                   body => $body // '', complete => $exit == 0 ? 1 : 0,
                   exit => $exit }, 'LLMTest::Response';
}

# On a connection of the other client: an id, and its answer.

sub ask {
    my ($c, $path, $body, $headers, %opt) = @_;
    $body = json_encode($body) if ref $body;
    return $c->request($opt{method} // (defined $body ? 'POST' : 'GET'), $path,
                       { 'content-type' => 'application/json',
                         %{ with_key($headers) } }, $body, %opt);
}

sub frames { return LLMTest::H2->connect(named_port('h2')) }

# The status, and of an error its code.

sub outcome {
    my ($c, $id) = @_;
    my $s = $c->stream($id);
    my $data = eval { json_decode($s->{body}) };

    return 'no end' if !$c->wait_end($id);
    $data = eval { json_decode($s->{body}) };
    return $s->{status} . ($s->{ended} ? '' : ' cut')
           . ($data && $data->{error} ? " $data->{error}{code}" : '');
}

sub body_of {
    my ($size) = @_;
    my $body = '{"messages":[{"role":"user","content":""}],"model":"m"}';
    substr($body, index($body, '""') + 1, 0) = 'x' x ($size - length $body);
    return $body;
}

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: models, a chat, embeddings
--- perl
my $r = h2('/v1/models');
is($r->status, 200, 'models');
is($r->json->{data}[0]{id}, 'm', 'the list');

$r = h2('/v1/chat/completions',
        { model => 'm', messages => [{ role => 'user', content => 'hi' }] });
is($r->status, 200, 'a chat');
ok($r->json->{choices}, 'its answer');
is($r->header('content-type'), 'application/json', 'its type');
is($r->header('x-llm-router-node'), 'a', 'its node');
like($r->header('x-request-id'), qr/^[0-9a-f]{32}$/, 'its id');
is(sent('a')->{line}, 'POST /v1/chat/completions HTTP/1.1', 'the node\'s line');
is(sent('a')->{headers}{authorization}, undef, 'the key ends at the router');
is(sent('a')->{headers}{host}, '127.0.0.1:' . mock_port('a'), 'Host');

is(h2('/v1/embeddings', { model => 'm', input => 'x' })->status, 200,
   'embeddings');
--- node_stats
a leaked_headers=0 hop_headers=0 malformed=0 requests=2



=== TEST 2: bodies of any size
--- perl
for my $where ('', '/mem') {
    for my $size (100, 1000, 16_384, 65_535, 65_536, 1_000_000, 10_485_760) {
        my $body = body_of($size);
        my $r = h2("$where/v1/chat/completions", $body,
                   headers => ['X-Mock: sha', 'Expect:']);
        is_deeply([$r->status, ($r->json // {})->{sha256}],
                  [200, sha256_hex($body)], "$where $size bytes");
    }
}

my $body = body_of(200_000);
my $r = h2('/v1/chat/completions', $body,
           headers => ['X-Mock: sha', 'Content-Length:', 'Expect:']);
is_deeply([$r->status, ($r->json // {})->{sha256}], [200, sha256_hex($body)],
          'of a length that was not told');
$r = h2('/v1/chat/completions', body_of(300),
        headers => ['X-Mock: size=1000000']);
is($r->status, 200, 'a long answer');
ok(length $r->body > 1_000_000 && $r->json, 'is whole');
--- node_stats
a malformed=0 invalid_bodies=0 in_flight=0



=== TEST 3: a stream, event by event
--- perl
my $c = h2_start('/v1/chat/completions',
    { model => 'm', stream => JSON::PP::true(), messages => [{}] },
    headers => ['X-Mock: tokens=6;pace=60']);
my ($text, @when) = ('');
my $end = Time::HiRes::time() + 10;

while (IO::Select->new($c->{out})->can_read($end - Time::HiRes::time())) {
    my $n = sysread $c->{out}, $text, 65536, length $text;
    last if !$n;
    push @when, Time::HiRes::time() if $text =~ /\r\n\r\n.*data:/s;
}

CORE::close($c->{out});
my $r = answer($text, $? >> 8);
is($r->status, 200, 'status');
ok($r->complete, 'a clean end');
is($r->header('content-type'), 'text/event-stream', 'type');
is($r->header('cache-control'), 'no-cache', 'Cache-Control');
is($r->header('x-accel-buffering'), 'no', 'X-Accel-Buffering');
is(($r->events)[-1], '[DONE]', 'up to its end');
ok(@when >= 4, 'in pieces');
cmp_ok($when[-1] - $when[0], '>', 0.15, 'as they were made');
is(scalar(grep { /"usage":\{/ } $r->events), 0, 'no usage, it was not asked');



=== TEST 4: a client that leaves a stream
--- perl
my $c = h2_start('/v1/chat/completions',
    { model => 'm', stream => JSON::PP::true(), messages => [{}] },
    headers => ['X-Mock: tokens=500;pace=50']);
ok(IO::Select->new($c->{out})->can_read(5), 'it began');
ok(wait_until(sub { mock_stats('a')->{in_flight} == 1 }), 'at the node');
kill 'KILL', $c->{pid};
CORE::close($c->{out});
ok(wait_until(sub { mock_stats('a')->{aborted} == 1 }), 'the node is told');

$c = h2_start('/v1/chat/completions', { model => 'm', messages => [{}] },
              headers => ['X-Mock: silence']);
ok(wait_until(sub { mock_stats('a')->{in_flight} == 1 }), 'one that waits');
kill 'KILL', $c->{pid};
CORE::close($c->{out});
--- node_stats
a aborted=2 in_flight=0



=== TEST 5: one stream of a connection is left, the others go on
--- perl
my $c = frames();
my $body = { model => 'm', stream => JSON::PP::true(), messages => [{}] };
my @id = map {
    ask($c, '/v1/chat/completions', $body, { 'x-mock' => 'tokens=30;pace=30' })
} 1 .. 3;
ok($c->wait_for(sub { !grep { !$c->stream($_)->{pieces} } @id }),
   'all three have begun');
$c->reset($id[1]);
ok(wait_until(sub { mock_stats('a')->{aborted} == 1 }), 'one is left');

for (@id[0, 2]) {
    is(outcome($c, $_), '200', "stream $_ ends");
    like($c->stream($_)->{body}, qr/^data: \[DONE\]$/m, "stream $_ is whole");
}

my $id = ask($c, '/v1/chat/completions', { model => 'm', messages => [{}] },
             { 'x-mock' => 'silence' });
ok(wait_until(sub { mock_stats('a')->{in_flight} == 1 }), 'one that waits');
$c->reset($id);
ok(wait_until(sub { mock_stats('a')->{aborted} == 2 }), 'is left');
is(outcome($c, ask($c, '/v1/models')), '200', 'the connection goes on');

@id = map {
    ask($c, '/v1/chat/completions', $body, { 'x-mock' => 'tokens=99;pace=30' })
} 1 .. 3;
ok(wait_until(sub { mock_stats('a')->{in_flight} == 3 }), 'three more');
$c->close;
--- node_stats
a aborted=5 in_flight=0 requests=7



=== TEST 6: errors
--- perl
my $c = frames();
my $chat = { model => 'm', messages => [{}] };
my $url = '/v1/chat/completions';

for ([$url, $chat, { no_key => 1 }, '401 invalid_api_key'],
     [$url, { model => 'm' }, {}, '400 missing_required_parameter'],
     [$url, '{', {}, '400 invalid_json'],
     [$url, { %$chat, model => 'x' }, {}, '404 model_not_found'],
     ['/v1/nothing', undef, {}, '404 unknown_url'],
     [$url, undef, {}, '405 method_not_allowed'],
     [$url, $chat, { 'x-mock' => 'reset=before' }, '502 upstream_error'],
     [$url, $chat, { 'x-mock' => 'status=422' }, qr/^422 /],
     ["/small$url", body_of(1001), {}, '413 request_too_large'],
     ["/small$url", body_of(50_000), {}, '413 request_too_large'],
     ["/small$url", body_of(1000), {}, '200'],
     [$url, $chat, {}, '200'])
{
    my ($path, $body, $headers, $want) = @$_;
    my $id = ask($c, $path, $body, $headers);
    my $got = outcome($c, $id);
    my $name = (ref $want ? 'the node\'s 422' : $want) . " at $path, $id";
    ref $want ? like($got, $want, $name) : is($got, $want, $name);
}

is(outcome($c, ask($c, "/small$url", body_of(50_000), {}, length => 0)),
   '413 request_too_large', 'too large, of a length that was not told');
is(outcome($c, ask($c, '/v1/models', undef, {}, method => 'HEAD')), '200',
   'HEAD');
ok(!$c->{goaway}, 'the connection is not given up');
$c->close;

error_is(h2('/v1/nothing'), 404, 'invalid_request_error', 'unknown_url', undef,
         'Unknown request URL: GET /v1/nothing', 'its whole shape');
my $r = h2($url);
error_is($r, 405, 'invalid_request_error', 'method_not_allowed', undef,
         'Method GET is not allowed for this URL, use POST', 'of a method');
is($r->header('allow'), 'POST', 'Allow');
error_is(h2($url, { %$chat, model => 'x' }), 404, 'invalid_request_error',
         'model_not_found', 'model', 'The model `x` does not exist',
         'of a model');
--- allow_log
client intended to send too large body



=== TEST 7: a stream that breaks
--- perl
my $stream = { model => 'm', stream => JSON::PP::true(), messages => [{}] };
for my $how ('reset=mid', 'close=mid', 'cut=event') {
    my $r = h2('/v1/chat/completions', $stream,
               headers => ["X-Mock: tokens=8;$how"]);
    is($r->status, 200, "$how: it had begun");
    ok($r->complete, "$how: ends cleanly");
    my @events = $r->events;
    my $last = json_decode($events[-1]);
    is($last->{error}{code}, 'upstream_error', "$how: with an error");
    is(scalar(grep { $_ eq '[DONE]' } @events), 0, "$how: without [DONE]");
}



=== TEST 8: many requests of one connection, at once
--- perl
my $c = frames();
my $big = body_of(20_000);
my @id;

for my $n (1 .. 40) {
    push @id, ask($c, '/v1/chat/completions',
                  $n % 3 ? { model => 'm', messages => [{ n => $n }] } : $big,
                  { 'x-mock' => "delay=100;size=" . $n * 100 });
}

is_deeply([map { outcome($c, $_) } @id], [('200') x 40], 'all are answered');
is(scalar(grep {
       my $s = $c->stream($id[$_]);
       length $s->{body} >= ($_ + 1) * 100 && length $s->{body} < $_ * 100 + 700
       && json_decode($s->{body})->{choices}
   } 0 .. 39), 40, 'each with its own answer');
cmp_ok(mock_stats('a')->{max_in_flight}, '>', 20, 'at once');
$c->close;
--- node_stats
a requests=40 in_flight=0 malformed=0



=== TEST 9: a body in small frames, slowly, and one that is cut
--- perl
my $c = frames();
my $body = body_of(3000);
my $sha = sha256_hex($body);
my $mock = { 'x-mock' => 'sha' };

for my $piece (1, 7, 100, 999) {
    my $id = ask($c, '/v1/chat/completions', $body, $mock, piece => $piece,
                 length => 0);
    is(outcome($c, $id), '200', "frames of $piece bytes");
    is(json_decode($c->stream($id)->{body})->{sha256}, $sha, 'its bytes');
}

my $id = ask($c, '/v1/chat/completions', '', $mock, end => 0);
for my $part (unpack '(a500)*', $body) {
    Time::HiRes::usleep(10_000);
    $c->data($id, $part, 0);
}
$c->data($id, '', 1);
is(outcome($c, $id), '200', 'in seven parts, and an empty one');
is(json_decode($c->stream($id)->{body})->{sha256}, $sha, 'its bytes');

my $cut = ask($c, '/v1/chat/completions', substr($body, 0, 100), $mock,
              end => 0);
Time::HiRes::usleep(20_000);
$c->reset($cut);
is(outcome($c, ask($c, '/v1/models')), '200', 'one that was cut hurts nobody');
$c->close;
--- node_stats
a requests=5 malformed=0



=== TEST 10: HTTP/1.1 on the same server stays
--- perl
my $r = post('/v1/chat/completions', { model => 'm', messages => [{}] });
is($r->status, 200, 'as before');



=== TEST 11: a body that was read before it came here
--- mock
a --models m
b --models m
--- http_config
    upstream gone { server 127.0.0.1:$TEST_NGINX_RAND_PORT_2; }
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 http2;   # h2
        client_max_body_size 64m;
        location /v1/ { llm_router on; mirror /copy; }
        location = /copy {
            internal;
            proxy_pass http://127.0.0.1:$TEST_NGINX_NODE_B/v1/copy;
        }
        location /gone/ { proxy_pass http://gone; error_page 502 = @llm; }
        location @llm { llm_router on; }
    }
--- perl
for my $size (100, 10_000, 100_000, 3_000_000) {
    my $body = body_of($size);

    for my $where ('', '/gone') {
        my $r = h2("$where/v1/chat/completions", $body,
                   headers => ['X-Mock: sha', 'Expect:']);
        is_deeply([$r->status, ($r->json // {})->{sha256}],
                  [200, sha256_hex($body)], "$where/v1: $size bytes");
    }
}

ok(wait_until(sub { mock_stats('b')->{requests} == 4 }), 'and the copies');
--- node_stats
a malformed=0 invalid_bodies=0 in_flight=0
b malformed=0 invalid_bodies=0 in_flight=0
--- allow_log
connect\(\) failed
