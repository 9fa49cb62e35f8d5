# A node fails before a byte of its answer was sent on: another one answers.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use Digest::SHA qw(sha256_hex);

sub nodes {
    return $LogFormat . "    llm_router_key sk-test-0123456789abcdef;\n"
        . CORE::join '', map {
            '    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_' . uc($_)
            . " name=$_ models=m,target check=off;\n"
        } @_;
}

# how many requests each node got since the last time

sub requests_of {
    my @n = map { mock_stats($_)->{requests} } @_;
    mock_reset($_) for @_;
    return "@n";
}

# A node that answers the first request of each connection and closes it
# when a second one has come.

my $stale_pid;

sub stale_node {
    my $sock = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16)
        or die "listen: $!\n";
    $stale_pid = fork() // die "fork: $!\n";

    if ($stale_pid == 0) {
        $SIG{ALRM} = 'DEFAULT';
        alarm 60;
        my $seconds = 0;

        while (my $c = $sock->accept) {
            fork() and next;
            read_request($c);
            print $c "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
                     . "Content-Type: application/json\r\n\r\n{}\n";
            read_request($c);
            POSIX::_exit(0);
        }
        POSIX::_exit(0);
    }

    return { port => $sock->sockport };
}

sub read_request {
    my ($c) = @_;
    my $buf = '';

    while (sysread $c, $buf, 65536, length $buf) {
        return if $buf =~ /\r\n\r\n/ && $buf =~ /content-length: *(\d+)/i
                  && length($buf) >= $1 + index($buf, "\r\n\r\n") + 4;
    }
}

sub stale_end {
    kill 'TERM', $stale_pid;
    waitpid $stale_pid, 0;
}

defaults(
    config => "    location /v1/ { llm_router on; }\n",
    http_config => nodes(qw(a b)),
    mock => "a\nb\n",
);

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: what has a request go to another node
--- perl
my $n = 0;

for my $way ('reset=before', 'close=before', 'broken=http', 'reset=body',
             'close=body', 'reset=headers', 'close=headers', 'status=500',
             'status=502', 'status=503', 'status=504', 'status=529',
             'status=599', 'status=429')
{
    for my $stream (0, 1) {
        mock_reset('b');
        mock_set('a', $way);

        # the one that was chosen last stands back: a is first each time
        my @r = map { chat({ stream => $stream ? JSON::PP::true()
                                               : JSON::PP::false() }) } 1, 2;
        my $name = $way . ($stream ? ', stream' : '');
        is_deeply(share(@r), { b => 2 }, "$name: the other one answers both");
        is(scalar(grep { $_->complete } @r), 2, "$name: wholly");
        is(text_of($r[0]->events), text_of($r[1]->events), "$name: the same")
            if $stream;
        is(mock_stats('a')->{requests}, 2, "$name: the first was asked once");
        is(mock_stats('b')->{requests}, 2, "$name: the second once");
        $n += 2;

        # what it answers well in between keeps its circuit closed
        mock_set('a', 'reset');
        is_deeply(share(map { chat({}, { 'X-Mock' => 'close' }) } 1, 2),
                  { a => 1, b => 1 }, "$name: both serve again");
        totals_are(in_flight => 0);
        mock_reset('a');
    }
}

is(total('failovers'), $n, 'failovers are counted');
is(total('errors'), 0, 'they are no errors');
is(node_row('a')->{failures}, $n, "the node's failures are counted");
is(node_row('b')->{failures}, 0, 'of the other one there are none');
is(node_row('a')->{state}, 'online', 'an answer of 500 takes no node away');



=== TEST 2: a stream that ends before it began is no answer
--- perl
for my $way ('close=headers', 'reset=headers') {
    mock_set('a', $way);

    for my $i (1, 2) {
        my $s = stream({}, { 'X-Mock' => '' });
        is($s->status, 200, "$way: 200");
        is(served_by($s), 'b', "$way: from the other one");
        my @data = events($s);
        is($data[-1], '[DONE]', "$way: to its end");
        is(scalar(grep { /error/ } @data), 0, "$way: without an error");
    }
}

mock_set('b', 'close=headers');
error_is(chat({ stream => JSON::PP::true() }), 502, 'bad_gateway',
         'upstream_error', undef,
         'The node could not be reached or broke off', 'no node is left');



=== TEST 3: never twice to the same node; the last node's answer passes
--- mock
a --behave status=500
b --behave status=503
c --behave status=502
--- http_config eval
::nodes(qw(a b c)) . "    llm_router_tries 8;\n"
--- perl
for my $i (1 .. 3) {
    my $r = chat();
    my $node = served_by($r);
    my %status = (a => 500, b => 503, c => 502);

    is($r->status, $status{$node}, "the last was $node");
    is($r->header('content-type'), 'application/json', 'its type');
    is($r->json->{error}{code}, 'mock', 'its own body')
        or diag($r->body);
    is(requests_of(qw(a b c)), '1 1 1', 'each was asked once');
    is(log_row($i)->{attempts}, 3, 'three attempts');
    is(log_row($i)->{code}, 'node_error', 'it is told as the node\'s error');
}



=== TEST 4: llm_router_tries
--- mock
a --behave status=500
b --behave status=500
c --behave status=500
d --behave status=500
--- http_config eval
::nodes(qw(a b c d))
--- config
    location /one/v1/ { llm_router on; llm_router_tries 1; }
    location /two/v1/ { llm_router on; llm_router_tries 2; }
    location /v1/     { llm_router on; }
    location /all/v1/ { llm_router on; llm_router_tries 8; }
--- perl
my %want = ('/one' => 1, '/two' => 2, '' => 3, '/all' => 4);
my $n = 0;

for my $at (sort keys %want) {
    my $r = post("$at/v1/chat/completions",
                 { model => 'm', messages => [{ role => 'user',
                                                content => 'x' }] });
    is($r->status, 500, "$at: 500");
    my $sum = 0;
    $sum += $_ for split / /, requests_of(qw(a b c d));
    is($sum, $want{$at}, "$at: attempts");
    is(log_row(++$n)->{attempts}, $want{$at}, "$at: told in the log");
}



=== TEST 5: what has not
--- perl
my $n = 0;

for my $status (400, 401, 402, 403, 404, 405, 408, 409, 413, 415, 418, 422,
                451, 499)
{
    mock_set($_, "status=$status") for qw(a b);
    my $r = chat({}, { 'X-Mock' => '' });
    is($r->status, $status, "$status passes");
    is($r->json->{error}{code}, 'mock', "$status: the node's own body")
        or diag($r->body);
    my ($x, $y) = split / /, requests_of(qw(a b));
    is($x + $y, 1, "$status: one attempt");
}

is(total('failovers'), 0, 'no failovers');
is(total('errors'), 0, 'no errors of the router');



=== TEST 6: a node that is silent has no successor
--- config
    location /v1/ { llm_router on; llm_router_request_timeout 1s; }
    location /two/v1/ { llm_router on; llm_router_request_timeout 1500ms; }
--- perl
mock_set($_, 'silence=before') for qw(a b);
my $r = chat();
error_is($r, 504, 'gateway_timeout', 'timeout', undef,
         'Request timeout after 1 second', 'before its answer');
cmp_ok($r->time, '>=', 0.9, 'after one second');
my ($x, $y) = split / /, requests_of(qw(a b));
is($x + $y, 1, 'one attempt');
is(log_row(1)->{code}, 'timeout', 'told in the log');

mock_set($_, 'silence=headers') for qw(a b);
error_is(chat(), 504, 'gateway_timeout', 'timeout', undef,
         'Request timeout after 1 second', 'after its head');
error_is(chat({ stream => JSON::PP::true() }), 504, 'gateway_timeout',
         'timeout', undef, 'Request timeout after 1 second', 'a stream');
error_is(post('/two/v1/embeddings', { model => 'm', input => 'x' }), 504,
         'gateway_timeout', 'timeout', undef,
         'Request timeout after 2 seconds', 'rounded up');
is(total('failovers'), 0, 'no failovers');
ok(wait_until(sub { my ($x, $y) = map { mock_stats($_)->{aborted} } qw(a b);
                    $x + $y == 3 }), 'the nodes are told at once');
--- error_log
upstream timed out



=== TEST 7: a node that closes idle connections, and one that restarted
--- mock
a --behave keepalive_timeout=30
--- http_config eval
::nodes('a')
--- perl
# around the moment of closing, where the router may not know of it yet

my %status;

for my $i (1 .. 60) {
    $status{ chat()->status }++;
    select undef, undef, undef, 0.028 + $i % 10 / 2500;
}

is_deeply(\%status, { 200 => 60 }, 'none of 60 requests fails');
my $s = mock_stats('a');
cmp_ok($s->{connections}, '>', 3, 'connections were closed and made anew');
is($s->{requests}, $s->{completed}, 'no request was made twice in vain');

%status = ();

for (1 .. 10) {
    $status{ chat()->status }++;
    mock_stop('a');
    mock_start('a');
    $status{ chat()->status }++;
}

is_deeply(\%status, { 200 => 20 }, 'none fails after a restart');
is(node_row('a')->{failures}, 0, 'and none counts as a failure');



=== TEST 8: a kept connection that the node closes when it is used again
--- mock
a
--- http_config eval
$::Stale = ::stale_node();
$::LogFormat . "    llm_router_key sk-test-0123456789abcdef;
    llm_router_node http://127.0.0.1:$::Stale->{port} name=s models=m
        check=off;\n"
--- perl
my $body = 'x' x 100;
my @r = map { chat({ user => $body }) } 1 .. 6;
is_deeply([map { $_->status } @r], [(200) x 6], 'each is answered');
is_deeply([map { $_->body } @r], [("{}\n") x 6], 'wholly');
is(log_row(6)->{attempts}, 1, 'it is one attempt');
is(total('failovers'), 0, 'and no failover');
::stale_end();
--- no_error_log
[crit]



=== TEST 9: nobody is there
--- http_config eval
my @p = (::closed_port(), ::closed_port());
$::LogFormat . "    llm_router_key sk-test-0123456789abcdef;
    llm_router_node http://127.0.0.1:$p[0] name=x models=m check=off;
    llm_router_node http://127.0.0.1:$p[1] name=y models=m check=off;\n"
--- perl
for my $i (1 .. 4) {
    my $r = chat();
    error_is($r, 502, 'bad_gateway', 'upstream_error', undef,
             'The node could not be reached or broke off', "request $i");
    unlike($r->body . $r->head, qr/127\.0\.0\.1/, 'no address is told');
    is(log_row($i)->{attempts}, 2, 'both were tried');
}
--- error_log
Connection refused



=== TEST 10: nobody is there, and checks find out
--- http_config eval
$::LogFormat . '    llm_router_key sk-test-0123456789abcdef;
    llm_router_health interval=100ms timeout=1s;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b;' . "\n"
--- mock
a --models m,of-a
b --models m,of-b
--- perl
ok(models_are(qw(m of-a of-b)), 'both are online');
is(chat()->status, 200, 'served');
mock_stop($_) for qw(a b);
ok(node_online($_, 'offline'), "$_ is offline") for qw(a b);
error_is(chat(), 503, 'service_unavailable', 'no_nodes', undef,
         'No available nodes', 'none is online');
mock_start('b');
ok(models_are(qw(m of-b)), 'b is back');
is_deeply(share(map { chat() } 1 .. 3), { b => 3 }, 'b serves');
--- error_log eval
[qr/llm node "a" is offline: .*/, qr/llm node "b" is online, 2 models/]



=== TEST 11: a node without checks comes back when it is there again
--- perl
mock_stop('a');
is_deeply(share(map { chat() } 1 .. 4), { b => 4 }, 'the other one serves');
mock_start('a');

# one whose answer was read may still hold its slot
is_deeply(share(map { totals_are(in_flight => 0); chat() } 1 .. 6),
          { a => 3, b => 3 }, 'both serve again');



=== TEST 12: a node that is found away is not asked again until it is checked
--- http_config eval
$::LogFormat . '    llm_router_key sk-test-0123456789abcdef;
    llm_router_health interval=60s timeout=1s fails=2;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b;' . "\n"
--- mock
a --models m,of-a
b --models m,of-b
--- perl
ok(models_are(qw(m of-a of-b)), 'both are online');
mock_stop('a');
is_deeply(share(map { chat() } 1 .. 6), { b => 6 }, 'b serves');
ok(node_online('a', 'offline'), 'a is offline long before its next check');
cmp_ok(node_row('a')->{failures}, '<=', 3, 'a was not asked on and on');



=== TEST 13: a body of 5 MB goes to the second node byte by byte
--- config
    location /v1/ { llm_router on; llm_router_alias named target; }
--- perl
my $text = join '', map { sprintf "%08x line \\u00e9 \\\"%d\\\" ",
                                  $_ * 2654435761 % 2**32, $_ } 1 .. 160000;
my $n = 0;

for my $way ('status=500', 'reset=before', 'reset=body', 'close=body',
             'broken=http')
{
    mock_set('a', $way);
    mock_set('b', 'sha');

    for my $model ('m', 'named') {
        my $head = qq({"messages":[{"role":"user","content":"$text"}],)
                   . qq( "x":1, "model" : );
        my $tail = qq(,"user":"u"});
        my $target = $model eq 'm' ? 'm' : 'target';

        for (1, 2) {
            my $r = post('/v1/chat/completions', qq($head"$model"$tail));
            is($r->status, 200, "$way, $model: 200");
            is($r->json->{sha256}, sha256_hex(qq($head"$target"$tail)),
               "$way, $model: the same bytes");
            $n++;
        }
    }

    cmp_ok(mock_stats('a')->{requests}, '>=', 1, "$way: the first was asked");
    mock_set('a', 'reset');

    # what it answers well in between keeps its circuit closed
    chat({}, { 'X-Mock' => 'close' }) for 1, 2;
    mock_reset($_) for qw(a b);
}

is(total('failovers'), $n, 'each was a second attempt');



=== TEST 14: a chunked body too
--- perl
my $body = '{"model":"m","messages":[{"role":"user","content":"'
           . 'abcdefgh' x 40000 . '"}]}';
mock_set('a', 'reset=before');
mock_set('b', 'sha');

for (1, 2) {
    my $r = post('/v1/chat/completions', chunked($body =~ /.{1,7001}/gs),
                 { 'Transfer-Encoding' => 'chunked' });
    is($r->status, 200, "request $_");
    is($r->json->{sha256}, sha256_hex($body), "request $_: the same bytes");
}

is(mock_stats('a')->{requests}, 2, 'the first was asked');



=== TEST 15: a connection that is not accepted in time
--- http_config eval
($::Port, $::Full) = ::full_port();
$::LogFormat . '    llm_router_key sk-test-0123456789abcdef;
    llm_router_connect_timeout 300ms;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
        check=off;' . "
    llm_router_node http://127.0.0.1:$::Port name=hole models=m,h check=off;\n"
--- mock
a
--- perl
my @r = map { chat() } 1 .. 2;
is_deeply(share(@r), { a => 2 }, 'the other one serves');
my @slow = grep { $_->time > 0.25 } @r;
is(@slow, 1, 'one of two waited');
cmp_ok($slow[0]->time, '<', 1, 'not for long');
is(total('failovers'), 1, 'a failover');

my $r = chat({ model => 'h' });
is($r->status, 502, 'without another node: 502');
is($r->json->{error}{code}, 'upstream_error', 'not a time-out of the answer');
undef $::Full;
--- error_log
upstream timed out



=== TEST 16: the client's headers go to the second node as to the first
--- perl
mock_set('a', 'status=500');
mock_set('b', 'echo');

for (1, 2) {
    my $r = chat({}, { 'X-Own' => 'one', 'X-Request-Id' => 'my-id' });
    is($r->status, 200, 'served');
    like($r->body, qr/X-Own: one/, 'an own header');
    unlike($r->body, qr/sk-test/, 'no key');
    is($r->header('x-request-id'), 'my-id', 'the id');
    is(served_by($r), 'b', 'the last node is named');
    is(scalar(() = $r->head =~ /^x-llm-router-node:/mgi), 1, 'once');
}
