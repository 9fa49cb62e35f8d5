# The client leaves: the node is told at once, and nothing is left behind.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use Time::HiRes qw(time);

sub true { return JSON::PP::true() }

# how long it takes until the node sees n requests aborted

sub aborted_after {
    my ($n, $node) = @_;
    my $start = time;
    my $ok = wait_until(sub { mock_stats($node // 'a')->{aborted} == $n });
    return $ok ? time - $start : 1e9;
}

sub cancelled_is {
    my ($n, $name) = @_;
    my $row = log_row($n);
    is($row->{status}, 499, "$name: 499 in the log");
    is($row->{code}, 'cancelled', "$name: told as cancelled");
    ok(totals_are(in_flight => 0, keys_in_flight => 0, queued => 0),
       "$name: all slots are free");
    return $row;
}

our $Http = $LogFormat . <<'_EOC_';
    llm_router_key sk-test-0123456789abcdef;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    check=off;
_EOC_

defaults(
    mock => "a\n",
    http_config => $Http,
    config => "    location /v1/ { llm_router on; }\n",
);

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: while it waits for the first byte
--- perl
my $n = 0;

for my $leave ('close', 'reset') {
    for my $x ('delay=20000', 'first=20000') {
        for my $stream (JSON::PP::false(), true()) {
            my $name = "$leave, $x" . ($stream ? ', stream' : '');
            my $s = stream({ stream => $stream }, { 'X-Mock' => $x },
                           no_head => 1);
            $n++;
            ok(wait_until(sub { mock_stats('a')->{in_flight} == 1 }),
               "$name: the node has it");
            is(node_row('a')->{waiting}, 1, "$name: it waits");
            $s->$leave;
            cmp_ok(aborted_after($n), '<', 0.5, "$name: the node is told");
            my $row = cancelled_is($n, $name);
            is($row->{node}, 'a', "$name: the log names the node");
            is($row->{ttft}, '-', "$name: nothing had come");
        }
    }
}

is(total('cancelled'), $n, 'each is counted as cancelled');
is(total('errors'), 0, 'and not as an error');
is(node_row('a')->{failures}, 0, 'nor as a failure of the node');
is(chat()->status, 200, 'the next one is served');



=== TEST 2: in the middle of a stream
--- perl
my $n = 0;

for my $leave ('close', 'reset') {
    for my $x ('tokens=2000;pace=10', 'tokens=2000;pace=10;nochunk',
               'tokens=2000;pace=10;crlf') {
        my $s = stream({}, { 'X-Mock' => $x });
        ok(defined read_event($s), "$leave, $x: it has begun") for 1 .. 3;
        my $row = node_row('a');
        is("$row->{in_flight} $row->{waiting}", '1 0', "$leave, $x: decodes");
        $s->$leave;
        cmp_ok(aborted_after(++$n), '<', 0.5, "$leave, $x: the node is told");
        $row = cancelled_is($n, "$leave, $x");
        like($row->{completion}, qr/^~\d+$/,
             "$leave, $x: what came is counted");
        cmp_ok(substr($row->{completion}, 1), '<', 500,
               "$leave, $x: and no more");
    }
}

is(total('cancelled'), $n, 'each is counted as cancelled');
is(total('errors'), 0, 'and not as an error');
unlike(error_log_text(), qr/broke off/, 'nor is the node blamed');



=== TEST 3: in the middle of an answer that is not streamed
--- perl
my $n = 0;

for my $leave ('close', 'reset') {
    my $s = stream({ stream => JSON::PP::false() },
                   { 'X-Mock' => 'drip=20;tokens=100' });
    is($s->status, 200, "$leave: it has begun");
    $s->$leave;
    cmp_ok(aborted_after(++$n), '<', 0.5, "$leave: the node is told");
    cancelled_is($n, $leave);
}



=== TEST 4: while it waits in the queue
--- config
    location /v1/ { llm_router on; llm_router_max_concurrent 1; }
--- perl
my $first = stream({}, { 'X-Mock' => 'first=20000' }, no_head => 1);
ok(wait_until(sub { mock_stats('a')->{in_flight} == 1 }), 'one has the slot');
my $n = 0;

for my $leave ('close', 'reset') {
    my $s = stream({}, {}, no_head => 1);
    ok(totals_are(queued => 1), "$leave: another waits");
    $s->$leave;
    ok(totals_are(queued => 0), "$leave: it waits no more");
    my $row = log_row(++$n);
    is("$row->{status} $row->{code}", '499 cancelled', "$leave: told");
    is($row->{node}, '-', "$leave: no node had it");
    is($row->{attempts}, 0, "$leave: nor was one asked");
}

# one that leaves does not keep those behind it

my $leaves = stream({}, {}, no_head => 1);
ok(totals_are(queued => 1), 'one waits that will leave');
my $stays = begin_burst([]);
ok(totals_are(queued => 2), 'and one that stays');
$leaves->close;
ok(totals_are(queued => 1), 'it left');
$first->close;
my ($r) = $stays->wait;
is($r->status, 200, 'the other one is served');
cmp_ok(aborted_after(1), '<', 0.5, 'the first was aborted');
is(mock_stats('a')->{requests}, 2, 'nobody else reached the node');
is(total('cancelled'), 4, 'four are cancelled');



=== TEST 5: before its own body is there
--- perl
my $body = '{"model":"m","messages":[{"role":"user","content":"'
           . 'x' x 3000000 . '"}]}';
my $n = 0;

for my $part (0, 10, 100000, length($body) - 1) {
    my $c = http_conn();
    $c->start('', '', {}, undef, raw =>
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
        . "Authorization: Bearer $Key\r\nContent-Type: application/json\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n"
        . substr($body, 0, $part));
    $c->close;
    my $row = log_row(++$n);
    like($row->{status}, qr/^(?:400|499)$/, "$part bytes: told");
}

is(mock_stats('a')->{requests}, 0, 'nothing reaches the node');
is(chat()->status, 200, 'the next one is served');



=== TEST 6: while its body is sent to a node that does not read it
--- perl
my $n = 0;

for my $leave ('close', 'reset') {
    my $s = stream({ user => 'x' x 20_000_000 },
                   { 'X-Mock' => 'silence=body' }, no_head => 1);
    ok(wait_until(sub { mock_stats('a')->{in_flight} == $n + 1 }),
       "$leave: the node has its head");
    is(node_row('a')->{in_flight}, 1, "$leave: under way");
    $s->$leave;

    # the node sees nothing of it, since it reads nothing
    my $start = time;
    ok(wait_until(sub { node_row('a')->{in_flight} == 0 }),
       "$leave: the router is rid of it");
    cmp_ok(time - $start, '<', 0.5, "$leave: at once");
    cancelled_is(++$n, $leave);
}



=== TEST 7: while a connection to the node is made
--- http_config eval
($::Port, $::Full) = ::full_port();
$::LogFormat . "    llm_router_key sk-test-0123456789abcdef;
    llm_router_node http://127.0.0.1:$::Port name=hole models=m check=off;\n"
--- perl
my $s = stream({}, {}, no_head => 1);
ok(wait_until(sub { node_row('hole')->{in_flight} == 1 }), 'under way');
$s->close;
cancelled_is(1, 'left');
is(node_row('hole')->{failures}, 0, 'the node is not blamed');
is(node_row('hole')->{state}, 'online', 'nor taken away');
undef $::Full;



=== TEST 8: a client that stops reading
--- config
    location /v1/ { llm_router on; send_timeout 1s; }
--- perl
my $s = stream({}, { 'X-Mock' => 'tokens=20000;size=100000000;coalesce' });
is($s->status, 200, 'it has begun');
cmp_ok(aborted_after(1), '<', 5, 'the node is told when it is enough');
my $row = log_row(1);
is($row->{code}, 'cancelled', 'told as cancelled');
ok(totals_are(in_flight => 0, keys_in_flight => 0), 'all slots are free');
$s->close;



=== TEST 9: a hundred leave, at any moment
--- config
    location /v1/ { llm_router on; llm_router_max_concurrent 20; }
--- perl
for my $round (1 .. 3) {
    my @s;

    for my $i (1 .. 100) {
        push @s, stream({}, { 'X-Mock' => $i % 3 ? 'tokens=500;pace=20'
                                                 : 'first=9000' },
                        no_head => 1);
        if ($i % 4 == 0) {
            my $gone = splice @s, rand @s, 1;
            rand() < 0.5 ? $gone->close : $gone->reset;
        }
    }

    while (@s) {
        my $gone = splice @s, rand @s, 1;
        rand() < 0.5 ? $gone->close : $gone->reset;
    }

    ok(totals_are(in_flight => 0, keys_in_flight => 0, queued => 0),
       "round $round: all slots are free");
    ok(wait_until(sub { mock_stats('a')->{in_flight} == 0 }),
       "round $round: the node has nothing left");
    is(node_row('a')->{waiting}, 0, "round $round: nobody waits there");
}

is(chat()->status, 200, 'the next one is served');
ok(wait_until(sub { log_fields() == 301 }), 'each is logged once');
is(scalar(grep { $_->{status} == 499 || $_->{code} eq 'cancelled' }
               log_fields()), 300, 'as cancelled');



=== TEST 10: who leaves while a node fails, is not served by another
--- mock
a --behave delay=300;status=500
b --behave delay=300;status=500
--- http_config eval
$::Http . '    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b
                    models=m check=off;' . "\n"
--- perl
my $s = stream({}, {}, no_head => 1);
my $under_way = sub { my ($x, $y) = map { mock_stats($_) } qw(a b);
                      return $x->{in_flight} + $y->{in_flight} };
ok(wait_until($under_way), 'one has it');
$s->close;
ok(wait_until(sub { !$under_way->() }), 'none has it');
my ($x, $y) = map { mock_stats($_) } qw(a b);
is($x->{requests} + $y->{requests}, 1, 'the other one was not asked');
is($x->{aborted} + $y->{aborted}, 1, 'the first was told');
cancelled_is(1, 'left');
is(total('failovers'), 0, 'no failover');
