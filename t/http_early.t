# Bodies that were read before they came to the router: by mirror, or by a
# proxy_pass whose error_page leads here.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use Digest::SHA qw(sha256_hex);
use Time::HiRes ();

defaults(
    mock => "a --models m\nb --models m\n",
    http_config => <<'_EOC_',
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
    upstream gone { server 127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
_EOC_
    config => <<'_EOC_',
    location /v1/ { llm_router on; mirror /copy; }
    location = /copy {
        internal;
        proxy_pass http://127.0.0.1:$TEST_NGINX_NODE_B/v1/copy;
    }
    location /gone/ {
        client_max_body_size 64m;
        proxy_pass http://gone;
        error_page 502 = @llm;
    }
    location /memory/ {
        client_max_body_size 64m;
        client_body_buffer_size 64m;
        proxy_pass http://gone;
        error_page 502 = @llm;
    }
    location @llm { llm_router on; }
_EOC_
);

# a chat of some bytes more than this

sub body_of {
    my ($size, $more) = @_;
    return '{"messages":[{"role":"user","content":"'
           . substr('0123456789abcdef' x ($size / 16 + 1), 0, $size)
           . '"}],' . ($more // '') . '"model":"m"}';
}

sub sha_is {
    my ($r, $body, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $d = $r->json || {};

    is_deeply([$r->status, @$d{qw(length sha256)}],
              [200, length $body, sha256_hex($body)], $name);
}

# as many small values as fit: the slowest there is to scan

sub slow_body {
    my ($size) = @_;
    return '{"model":"m","messages":[' . '[],' x ($size / 3) . '[]]}';
}

sub sha_of {
    my ($url, $body, $headers) = @_;
    return post($url, $body, { 'X-Mock' => 'sha', %{ $headers || {} } });
}

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: mirror: both get all of it
--- perl
for my $size (10, 1000, 15_000, 40_000, 3_000_000) {
    my $body = body_of($size);
    mock_reset('b');
    sha_is(sha_of('/v1/chat/completions', $body), $body, "$size bytes");
    ok(wait_until(sub { mock_stats('b')->{requests} }), 'and its copy');
    is(sent('b')->{headers}{'content-length'}, length $body, 'of that length');
    is(sent('b')->{body}, substr($body, 0, 65536), 'the same bytes');
}
--- node_stats
a requests=5 malformed=0 invalid_bodies=0 in_flight=0
b malformed=0 invalid_bodies=0 in_flight=0



=== TEST 2: proxy_pass that can't, in a file and in memory
--- perl
for my $where (qw(gone memory)) {
    for my $size (10, 1000, 15_000, 40_000, 3_000_000, 20_000_000) {
        my $body = body_of($size);
        sha_is(sha_of("/$where/v1/chat/completions", $body), $body,
               "$where: $size bytes");
    }

    my @piece = unpack '(a5000)*', body_of(100_000);
    sha_is(sha_of("/$where/v1/chat/completions", chunked(@piece),
                  { 'Transfer-Encoding' => 'chunked' }),
           CORE::join('', @piece), "$where: in chunks");

    my $body = slow_body(6_000_000);
    sha_is(sha_of("/$where/v1/chat/completions", $body), $body,
           "$where: what takes long to scan");
}
--- node_stats
a malformed=0 invalid_bodies=0 in_flight=0
--- allow_log
connect\(\) failed



=== TEST 3: the answer has its own status
--- config
    location /v1/ { proxy_pass http://gone; error_page 502 @llm; }
    location /site/ { error_page 404 /v1/models; root /nonexistent; }
    location = /v1/models { llm_router on; }
    location @llm { llm_router on; }
--- perl
my $body = body_of(10);
sha_is(sha_of('/v1/chat/completions', $body), $body, 'error_page without "="');
is(http('GET', '/site/x', with_key())->status, 200, 'nor that of a list');
error_is(post('/v1/chat/completions', '{'), 400, 'invalid_request_error',
         'invalid_json', undef, qr/^The request body is not valid/,
         'and an error has its own');
--- allow_log
connect\(\) failed|open\(\)



=== TEST 4: an edit in it, a stream, and the history's texts
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
    llm_router_history bodies=4k;
    upstream gone { server 127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- config
    location /v1/ { llm_router on; mirror /copy; }
    location /gone/ { proxy_pass http://gone; error_page 502 = @llm;
                      client_max_body_size 9m; }
    location @llm { llm_router on; llm_router_alias other m; }
    location = /copy { internal; return 200; }
--- perl
for my $size (10, 100_000) {
    my $body = body_of($size) =~ s/"model":"m"/"model":"other"/r;
    my $want = body_of($size);
    sha_is(sha_of('/gone/v1/chat/completions', $body), $want,
           "an alias in $size bytes");
}

my $body = body_of(10, '"stream":true,');
for my $url (qw(/gone/v1/chat/completions /v1/chat/completions)) {
    like(post($url, $body, {})->body, qr/data: \[DONE\]\n\n\z/, "$url: streams");
    like(sent('a')->{body}, qr/^\{"stream_options":\{"include_usage":true\},"m/,
         "$url: usage is asked for");
}



=== TEST 5: more than one node
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=m;
    llm_router_key sk-test-0123456789abcdef;
    upstream gone { server 127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- perl
mock_set('a', 'status=503');
for my $size (10, 1000, 100_000) {
    my $body = body_of($size);
    for (1 .. 2) {
        my $r = sha_of('/gone/v1/chat/completions', $body);
        sha_is($r, $body, "$size bytes");
        is($r->header('x-llm-router-node'), 'b', 'at the other node');
    }
}
--- node_stats
b requests=6 malformed=0 invalid_bodies=0



=== TEST 6: multipart
--- perl
for my $size (10, 1000, 100_000, 3_000_000) {
    my $body = "--XyZ\r\nContent-Disposition: form-data; name=\"file\"; "
               . "filename=\"a.wav\"\r\n\r\n" . ("\0\1\2\xff" x ($size / 4))
               . "\r\n--XyZ\r\nContent-Disposition: form-data; name=\"model\""
               . "\r\n\r\nm\r\n--XyZ--\r\n";

    for my $where ('', '/gone', '/memory') {
        sha_is(sha_of("$where/v1/audio/transcriptions", $body,
                      { 'Content-Type' => 'multipart/form-data; boundary=XyZ' }),
               $body, "$where/v1: $size bytes");
    }
}



=== TEST 7: what is wrong with it is told as ever
--- perl
my @json = (400, 'invalid_request_error', 'invalid_json', undef);

for my $url (map { "$_/v1/chat/completions" } '', '/gone', '/memory') {
    error_is(post($url, '{"model":"m",}'), @json, 'The request body is not '
             . 'valid JSON: a member\'s name expected at byte 13', "$url: JSON");
    error_is(post($url, body_of(200_000) . 'x'), @json, 'The request body is '
             . 'not valid JSON: garbage after the value at byte 200055',
             "$url: a large one");
    error_is(post($url, '{"model":"m","messages":[]}'), 400,
             'invalid_request_error', 'missing_required_parameter', 'messages',
             'At least one message is required', "$url: no message");
    error_is(post($url, body_of(10), { no_key => 1 }), 401,
             'authentication_error', 'invalid_api_key', undef,
             'Invalid API key', "$url: no key");
    error_is(post($url, ''), @json, 'The request body is not valid JSON: '
             . 'unexpected end at byte 0', "$url: no body");
}
--- node_stats
a requests=0



=== TEST 8: a body that is gone
--- config
    location /v1/ {
        proxy_request_buffering off;
        proxy_pass http://gone;
        error_page 502 = @llm;
    }
    location @llm { llm_router on; }
--- perl
my @want = (500, 'server_error', 'internal_error', undef, 'Internal error');
my $body = body_of(100);
my $c = http_conn();
$c->start('POST', '/v1/chat/completions',
          with_key({ 'Content-Length' => length $body }), substr $body, 0, 20);
ok($c->read_head, 'an answer to half a body');
is($c->status, 500, 'its status');
like(error_log_text(), qr/body of this llm request was passed on or dropped/,
     'and why');
$c->close;
is(post('/v1/chat/completions', $body)->status, 200, 'one that came at once');
--- node_stats
a requests=1



=== TEST 9: the client leaves while it is scanned
--- log_level: debug
--- config
    location /gone/ {
        client_max_body_size 64m;
        client_body_buffer_size 64m;
        proxy_pass http://gone;
        error_page 502 = @llm;
    }
    location @llm { llm_router on; llm_router_keys_required off; }
--- perl
my $body = slow_body(60_000_000);
my $head = "POST /gone/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
           . 'Content-Length: ' . length($body) . "\r\n\r\n";
my @pid = worker_pids();

for my $n (1, 2) {
    my $c = http_conn();
    $c->start('POST', '/', {}, undef, raw => $head . $body);
    ok(wait_until(sub {
        my %by = map { $_ => 1 } error_log_text() =~ /(\*\d+) llm body is scan/g;
        return keys %by == $n;
    }), 'it has begun');
    $n == 1 ? $c->close : $c->reset;
}

ok(wait_until(sub { 2 == (() = access_log_text()
   =~ m{POST /gone/v1/chat/completions HTTP/1.1" 499 }g) }, 10), 'both are 499')
    or diag(access_log_text());
is(http('GET', '/nothing')->status, 404, 'the worker goes on');
is_deeply([worker_pids()], \@pid, 'each of them');
--- node_stats
a requests=0



=== TEST 10: by and by, so that others are served meanwhile
--- log_level: debug
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_keys_required off;
    upstream gone { server 127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- perl
my $body = slow_body($ENV{ASAN_OPTIONS} ? 6_000_000 : 30_000_000);
my $seen = 0;

for my $where (qw(gone memory)) {
    sha_is(sha_of("/$where/v1/chat/completions", $body, { no_key => 1 }),
           $body, $where);
    my @at = error_log_text() =~ /llm body is scanned up to byte (\d+)/g;
    my @new = @at[$seen .. $#at];
    $seen = @at;
    cmp_ok(scalar @new, '>', 5, "$where: in many slices");
    is_deeply(\@new, [sort { $a <=> $b } @new], "$where: one after the other");
}
