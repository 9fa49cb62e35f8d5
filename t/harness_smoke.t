# The harness tests itself: plain nginx configurations, no module needed.

use lib 't/lib';
use LLMTest;

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: a request, its status, header and body
--- config
    location = /t {
        add_header X-One 1;
        return 200 "hello\n";
    }
--- request
GET /t
--- response_headers
X-One: 1
! X-Two
--- response_body
hello
--- no_error_log
[error]



=== TEST 2: an error code, a body by pattern
--- config
    location = /t { return 418 "teapot\n"; }
--- request
POST /t
{"a":1}
--- more_headers
Content-Type: application/json
--- error_code: 418
--- response_headers_like
Content-Type: text/.*
--- response_body_like: ^tea.ot$



=== TEST 3: two requests, in packets, with arrays of expectations
--- config
    location = /a { return 200 "a\n"; }
    location = /b { return 404 "b\n"; }
--- request eval
["GET /a", [{value => "GET /"}, {value => "b", delay_before => 0.01}]]
--- error_code eval
[200, 404]
--- response_body eval
["a\n", "b\n"]



=== TEST 4: pipelined requests
--- config
    location = /a { return 200 "a\n"; }
    location = /b { return 200 "b\n"; }
--- pipelined_requests eval
["GET /a", "GET /b"]
--- response_body eval
["a\n", "b\n"]



=== TEST 5: a raw request
--- config
    location = /a { return 200 "a\n"; }
--- raw_request eval
"GET /a HTTP/1.0\r\nHost: x\r\n\r\n"
--- response_body
a



=== TEST 6: chunked answer, HEAD, user files, port and root in the config
--- config
    location = /here {
        return 200 "$TEST_NGINX_SERVER_PORT $TEST_NGINX_SERVROOT\n";
    }
    location /x { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/; }
--- user_files
>>> f.txt
one
two
--- request eval
["GET /here", "GET /f.txt", "HEAD /f.txt", "GET /x/f.txt"]
--- error_code eval
[200, 200, 200, 200]
--- response_body_like eval
['^\d+ /.*servroot.*\n$', '^one\ntwo\n$', '^$', '^one\ntwo\n$']



=== TEST 7: a bad configuration
--- config
    no_such_directive on;
--- must_die
--- error_log
unknown directive "no_such_directive"



=== TEST 8: a TCP server of one connection
--- config
    location = /t { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
"HTTP/1.0 200 OK\r\n\r\nfrom tcp\n"
--- tcp_query eval
qr/\AGET \/t HTTP\/1.0\r\n/
--- request
GET /t
--- response_body
from tcp



=== TEST 9: a client that leaves
--- config
    location = /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply: none
--- tcp_reply_delay: 5s
--- tcp_no_close
--- request
GET /t
--- timeout: 100ms
--- abort
--- ignore_response
--- wait: 0.05
--- error_log
client prematurely closed connection



=== TEST 10: the access log and the error log
--- config
    location = /log { return 200; }
--- request
GET /log
--- access_log
GET /log HTTP/1.1
--- no_access_log
POST
--- grep_error_log eval: qr/start worker process \d/
--- grep_error_log_out eval
qr/(?:start worker process \d\n)*/



=== TEST 11: Perl against the server
--- config
    location = /t { return 200 '{"a":[1,2]}'; }
    location = /big {
        proxy_buffering off;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/f.txt;
    }
--- user_files
>>> f.txt
0123456789
--- perl
my $r = http('GET', '/t');
is($r->status, 200, 'status');
is_deeply($r->json, { a => [1, 2] }, 'json');
ok($r->complete, 'whole');
like($r->header('content-type'), qr/^text\/plain/, 'type');
is(http('GET', '/big')->body, "0123456789\n", 'proxied');

my $c = http_conn();
is($c->http('GET', '/t', {}, undef, keepalive => 1)->status, 200, 'first');
is($c->http('GET', '/t', {}, undef, keepalive => 1)->status, 200, 'second');
$c->close;

my @codes = concurrently(8, sub { http('GET', '/t')->status });
is_deeply(\@codes, [(200) x 8], 'eight at once');
ok(wait_until(sub { 3 == (() = access_log_text() =~ m{GET /(?:big|f)}g) - 0
                    || access_log_text() =~ m{GET /big} }), 'logged');
--- no_error_log
[error]
--- access_log
GET /big



=== TEST 12: workers, reload, a killed worker
--- skip_eval: 6: $ENV{LLMTEST_VALGRIND}
--- config
    location = /t { return 200; }
--- perl
my @old = worker_pids();
is(@old, 2, 'two workers');
ok(reload(), 'reloaded');
my @new = worker_pids();
is(@new, 2, 'two again');
is(scalar(grep { my $p = $_; grep { $_ == $p } @old } @new), 0, 'others');
my $dead = kill9_worker();
ok(!kill(0, $dead), 'dead');
is(http('GET', '/t')->status, 200, 'serves on');
--- allow_signal



=== TEST 13: the environment of nginx
--- main_config
    env LLMTEST_X;
    env LLMTEST_Y=$TEST_NGINX_SERVER_PORT;
--- config
    location = /t { return 200; }
--- env
LLMTEST_X=abc
--- perl
is($ENV{LLMTEST_X}, 'abc', 'set');
--- request
GET /t



=== TEST 14: a log line that is expected
--- config
    location = /t { return 200 "x"; error_log logs/error.log info; }
--- must_pass



=== TEST 15: skipped by version
--- skip_nginx: 2: > 0.1.0: for good
--- config
    location = /t { return 200; }
--- request
GET /t



=== TEST 16: mock nodes
--- mock
a --models m1 --tokens 3
b-2 --models m2
--- config
    location /a/ {
        proxy_pass http://127.0.0.1:$TEST_NGINX_NODE_A/;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
    }
    location /b/ { proxy_pass http://127.0.0.1:$TEST_NGINX_NODE_B_2/; }
--- request eval
["GET /a/v1/models", qq(POST /a/v1/chat/completions
{"model":"m1","messages":[{"role":"user","content":"hi"}]})]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/"id": ?"m1"/, qr/"choices"/]
--- node_stats
a requests=1 aborted=0 in_flight=0
b-2 requests=0 models_requests<1
--- no_error_log
[error]



=== TEST 17: a stream, event by event; a client that leaves it
--- mock
a --pace 20 --tokens 5
--- config
    location / {
        proxy_pass http://127.0.0.1:$TEST_NGINX_NODE_A;
        proxy_http_version 1.1;
        proxy_buffering off;
    }
--- perl
my $body = { model => 'm', stream => JSON::PP::true(),
             messages => [{ role => 'user', content => 'hi' }] };
my $s = open_stream('POST', '/v1/chat/completions', {}, $body);
is($s->status, 200, 'status');
my ($first, @rest);
while (my $e = read_event($s)) {
    $first //= $e;
    push @rest, $e;
}
ok(@rest > 5, 'events');
is($rest[-1]{data}, '[DONE]', 'the last one');
ok($rest[-2]{t} - $first->{t} > 0.05, 'not all at once');
ok($s->complete, 'a clean end');
ok(json_decode($first->{data})->{choices}, 'an event holds JSON');

$s = open_stream('POST', '/v1/chat/completions', {}, $body);
read_event($s);
close_stream($s);
ok(wait_until(sub { mock_stats('a')->{aborted} == 1 }), 'aborted');
reset_stream(open_stream('POST', '/v1/chat/completions', {}, $body));
--- node_stats
a requests=3 aborted=2 in_flight=0



=== TEST 18: a node told how to behave, stopped and started again
--- mock
a
--- config
    location / { proxy_pass http://127.0.0.1:$TEST_NGINX_NODE_A; }
--- perl
my @post = ('POST', '/v1/chat/completions', {},
            { model => 'm', messages => [{ role => 'user', content => 'x' }] });
mock_set('a', 'status=500;times=1');
is(http(@post)->status, 500, 'told to fail once');
is(http(@post)->status, 200, 'then well again');
like(mock_last('a'), qr/"messages"/, 'the last request');
my $port = mock_port('a');
mock_stop('a');
is(http(@post)->status, 502, 'away');
mock_start('a');
is(mock_port('a'), $port, 'on the same port');
is(http(@post)->status, 200, 'back');
mock_set('a', 'reset=mid');
my $r = http(@post);
ok(!$r->complete, 'a cut answer is not complete');
--- error_log
Connection refused
