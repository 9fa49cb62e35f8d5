# Requests that wait for a slot: who is served when, who is sent away.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use Time::HiRes qw(time);

workers(4);

sub true { return JSON::PP::true() }

our $Http = $LogFormat . <<'_EOC_';
    llm_router_key sk-test-0123456789abcdef name=main;
    llm_router_key sk-test-second0000000000 name=second;
    llm_router_key sk-test-third00000000000 name=third;
    llm_router_key sk-test-urgent0000000000 name=urgent priority=5;
    llm_router_key sk-test-vip0000000000000 name=vip priority=100;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    check=off;
_EOC_

our $Server = "    server { $Listen location /v1/ { llm_router on; } }\n";

my %key = (main => $Key, second => 'sk-test-second0000000000',
           third => 'sk-test-third00000000000',
           urgent => 'sk-test-urgent0000000000',
           vip => 'sk-test-vip0000000000000');

# One takes the only slot, for as long as it is not closed.

sub take_slot {
    my (%opt) = @_;
    my $n = mock_stats('a')->{requests};
    my $s = stream({}, { 'X-Mock' => 'first=60000' }, no_head => 1,
                   port => port(), %opt);
    wait_until(sub {
        my $stats = mock_stats('a');
        return $stats->{requests} > $n && $stats->{in_flight} == 1;
    }) or die "the slot was not taken\n";
    return $s;
}

# Requests enter the queue one after another, so that their order is known,
# then the slot becomes free: in which order are they served?

sub order_of {
    my (@who) = @_;
    my $slot = take_slot();
    my $b = begin_burst();

    for my $i (0 .. $#who) {
        $b->add([{}, { Authorization => "Bearer $key{ $who[$i] }",
                       'X-Mock' => 'delay=30' }, port => port()]);
        totals_are(queued => $i + 1) or die "$i does not wait\n";
    }

    $slot->close;
    my @r = $b->wait;
    die "not served\n" if grep { $_->status != 200 } @r;
    die "not waited\n" if grep { !$_->header('x-queue-wait-ms') } @r;
    return map { $who[$_] } in_order(@r);
}

defaults(
    mock => "a\n",
    http_config => $Http . "    llm_router_max_concurrent 1;\n" . $Server,
    config => "    location /v1/ { llm_router on; }\n",
);

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: it waits, and is served
--- perl
my $slot = take_slot();
my $b = begin_burst([{ stream => true() }, { 'X-Test-Id' => 'waits' },
                     port => port()]);
ok(totals_are(queued => 1, in_flight => 1), 'one waits');
ok(!$b->run(0.3), 'for as long as the slot is taken');
is(mock_stats('a')->{requests}, 1, 'and no node knows of it');
$slot->close;
my $start = time;
my ($r) = $b->wait;
cmp_ok(time - $start, '<', 0.5, 'then it is served at once');
is($r->status, 200, 'wholly');
is(($r->events)[-1], '[DONE]', 'to its end');
my $ms = $r->header('x-queue-wait-ms');
cmp_ok($ms, '>=', 290, 'it is told how long it waited');
cmp_ok($ms, '<', 3000, 'not longer');
my $row = log_of('waits');
cmp_ok($row->{queue}, '>=', 0.29, 'so is the log');
cmp_ok($row->{ttft}, '>=', $row->{queue}, 'the first byte came later');
is(total('queued_total'), 1, 'and it is counted');

$r = chat({}, { 'X-Test-Id' => 'not' }, port => port());
is($r->status, 200, 'who needs not wait');
is($r->header('x-queue-wait-ms'), undef, 'has no such header');
is(log_of('not')->{queue}, '0.000', 'and no such time');



=== TEST 2: first come, first served
--- perl
my $slot = take_slot();
my $b = begin_burst();

for my $i (1 .. 12) {
    $b->add([{}, { 'X-Mock' => 'delay=30' }, port => port()]);
    ok(totals_are(queued => $i), "$i wait");
}

$slot->close;
is_deeply([in_order($b->wait)], [0 .. 11], 'in their order');
my %pid = map { $_->{pid} => 1 } log_fields();
cmp_ok(scalar keys %pid, '>=', 2, 'of several workers');



=== TEST 3: between keys they take turns
--- perl
is_deeply([order_of(qw(main main main main second second third))],
          [qw(main second third main second main main)],
          'each key in its turn');
is_deeply([order_of(qw(second second second main))],
          [qw(second main second second)], 'who was served last, waits');



=== TEST 4: priority first
--- perl
is_deeply([order_of(qw(main second urgent main urgent vip urgent vip))],
          [qw(vip vip urgent urgent urgent main second main)],
          'by priority, then in turns');



=== TEST 5: the queue is full
--- config
    location /v1/ { llm_router on; }
    location /none/v1/ { llm_router on; llm_router_queue size=0; }
--- http_config eval
$::Http . "    llm_router_max_concurrent 1;
    llm_router_queue size=3;\n" . $::Server
--- perl
my $slot = take_slot();
my $b = begin_burst(map { [{}, {}, port => port()] } 1 .. 3);
ok(totals_are(queued => 3), 'three wait');

for my $r (chat({}, {}, port => port()), chat(),
           post('/none/v1/chat/completions',
                { model => 'm', messages => [{}] }))
{
    error_is($r, 429, 'rate_limit_error', 'queue_full', undef,
             'The queue is full, try again later', 'a fourth is refused');
    cmp_ok($r->header('retry-after'), '>=', 1, 'Retry-After');
    cmp_ok($r->header('retry-after'), '<=', 60, 'not for ever');
    is($r->header('retry-after-ms'), 1000 * $r->header('retry-after'),
       'in ms as well');
    is($r->header('x-queue-wait-ms'), undef, 'it did not wait');
}

is(log_row(1)->{code}, 'queue_full', 'told in the log');
is(total('queued'), 3, 'the three wait on');
$slot->close;
is_deeply([map { $_->status } $b->wait], [200, 200, 200], 'and are served');
is(chat({}, {}, port => port())->status, 200, 'there is room again');



=== TEST 6: each place has a queue of its own length
--- config
    location /v1/ { llm_router on; }
--- http_config eval
$::Http . "    server { $::Listen
    location /v1/   { llm_router on; llm_router_max_concurrent 1;
                      llm_router_queue size=2; }
    location /b/v1/ { llm_router on; llm_router_max_concurrent 1;
                      llm_router_queue size=4; } }\n"
--- perl
my $slot = take_slot();
my $other = stream({}, { 'X-Mock' => 'first=60000' }, no_head => 1,
                   port => port(), path => '/b/v1/chat/completions');
ok(wait_until(sub { mock_stats('a')->{in_flight} == 2 }), 'both are taken');
my $a = begin_burst(map { [{}, {}, port => port()] } 1 .. 2);
my $b = begin_burst(map { [{}, {}, port => port(),
                           path => '/b/v1/chat/completions'] } 1 .. 4);
ok(totals_are(queued => 6), 'two and four wait');
is(chat({}, {}, port => port())->status, 429, 'the one is full');
is(post('/b/v1/chat/completions', { model => 'm', messages => [{}] }, {},
        port => port())->status, 429, 'the other too');
is(chat()->status, 200, 'a third is free');
$slot->close;
is_deeply([map { $_->status } $a->wait], [200, 200], 'the one is served');
is(total('queued'), 4, 'while the other waits on');
$other->close;
is_deeply([map { $_->status } $b->wait], [(200) x 4], 'and is served then');



=== TEST 7: waited too long
--- http_config eval
$::Http . "    llm_router_max_concurrent 1;
    llm_router_queue timeout=400ms;\n" . $::Server
--- perl
my $slot = take_slot();
my @r = burst(map { [{}, {}, port => port()] } 1 .. 3);

for (@r) {
    error_is($_, 504, 'gateway_timeout', 'queue_timeout', undef,
             'The request waited too long in the queue', 'sent away');
    cmp_ok($_->time, '>=', 0.39, 'after its time');
    cmp_ok($_->time, '<', 1.2, 'not later');
    cmp_ok($_->header('x-queue-wait-ms'), '>=', 390, 'it is told how long');
}

is(total('queued'), 0, 'nobody waits');
is(log_row(1)->{code}, 'queue_timeout', 'told in the log');
is(mock_stats('a')->{requests}, 1, 'no node knows of them');
$slot->close;
is(chat({}, {}, port => port())->status, 200, 'the next one is served');
--- error_log
which is too long



=== TEST 8: the client's own deadline counts
--- perl
my $slot = take_slot();

for my $timeout ('1', '1.9', '01') {
    my $r = chat({}, { 'X-Stainless-Timeout' => $timeout }, port => port());
    is($r->status, 504, "$timeout: sent away");
    is($r->json->{error}{code}, 'queue_timeout', "$timeout: from the queue");
    cmp_ok($r->time, '>=', 0.9, "$timeout: after it");
    cmp_ok($r->time, '<', 30, "$timeout: not after the queue's own");
}

# what is none, or more than the queue's own, changes nothing

my $b = begin_burst(map { [{}, { 'X-Stainless-Timeout' => $_ },
                           port => port()] } '600', 'not-given', '-1', '0', '',
                    '99999999999999999999');
ok(totals_are(queued => 6), 'six wait');
ok(!$b->run(1.2), 'for longer');
is($b->answered, 0, 'none is sent away');
$slot->close;
is_deeply([map { $_->status } $b->wait], [(200) x 6], 'they are served');



=== TEST 9: a slot that becomes free wakes a waiter of any worker at once
--- perl
my (@late, %pid);

for my $round (1 .. 40) {
    my $slot = take_slot();
    my $b = begin_burst([{}, {}, port => port()]);
    totals_are(queued => 1) or die "it does not wait\n";
    $slot->close;
    my $start = time;
    my ($r) = $b->wait;
    push @late, time - $start;
    die "not served\n" if $r->status != 200;
}

@late = sort { $a <=> $b } @late;
cmp_ok($late[20], '<', 0.1, "half of them in $late[20] s");
cmp_ok($late[-1], '<', 0.8, "all before somebody looks for them: $late[-1] s");
$pid{ $_->{pid} }++ for log_fields();
cmp_ok(scalar keys %pid, '>=', 3, 'of three workers or four');



=== TEST 10: 200 through three slots
--- mock
a --behave delay=15
--- http_config eval
$::Http . "    llm_router_max_concurrent 3;
    llm_router_queue size=200;\n" . $::Server
--- perl
for my $round (1 .. 3) {
    my @r = burst(map { [{}, {}, port => port(), timeout => 60] } 1 .. 200);
    is(scalar(grep { $_->status == 200 && $_->complete } @r), 200,
       "round $round: all are served");

    # somebody looks after who waits each second: nobody may need that
    my @end = sort { $a <=> $b } map { $_->end } @r;
    my $gap = 0;
    for (1 .. $#end) {
        my $is = $end[$_] - $end[$_ - 1];
        $gap = $is if $is > $gap;
    }
    cmp_ok($gap, '<', 0.7, "round $round: without a pause ($gap s)");
}

my %pid;
$pid{ $_->{pid} }++ for log_fields();
cmp_ok(scalar keys %pid, '>=', 3, 'by three workers or four');
ok(totals_are(queued => 0, in_flight => 0), 'nothing is left');
--- node_stats
a requests=600 max_in_flight=3



=== TEST 11: through a node's slots, a key's, and the router's
--- mock
a --behave delay=15
--- http_config eval
(my $http = $::Http) =~ s/check=off/check=off max_concurrent=4/;
$http =~ s/name=second/name=second max_concurrent=2/;
$http . "    llm_router_max_concurrent 5;\n    llm_router_queue size=300;\n"
. $::Server
--- perl
for my $round (1, 2) {
    my @r = burst(map { [{}, $_ % 2 ? {} : { Authorization =>
                         'Bearer sk-test-second0000000000' },
                         port => port(), timeout => 60] } 1 .. 160);
    is(scalar(grep { $_->status == 200 && $_->complete } @r), 160,
       "round $round: all are served");
}

ok(totals_are(queued => 0, in_flight => 0, keys_in_flight => 0),
   'nothing is left');
--- node_stats
a requests=320 max_in_flight=4



=== TEST 12: a node comes online while somebody waits for its model
--- mock
a --models m --slots 1
b --models m,b
--- http_config eval
$::LogFormat . '    llm_router_key sk-test-0123456789abcdef;
    llm_router_health interval=100ms timeout=1s;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a
                    max_concurrent=1;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b
                    max_concurrent=1;' . "\n" . $::Server
--- perl
ok(models_are(qw(m b)), 'both are online');
mock_stop('b');
ok(node_online('b', 'offline'), 'b is away');
my $slot = take_slot();
my $b = begin_burst([{}, {}, port => port()]);
ok(totals_are(queued => 1), 'one waits');
mock_start('b');
my ($r) = $b->wait;
is($r->status, 200, 'it is served');
is(served_by($r), 'b', 'by the node that came');
is(total('in_flight'), 1, 'while the other one is busy');
$slot->close;



=== TEST 13: the last node goes offline while somebody waits for it
--- mock
a --models m
--- http_config eval
$::LogFormat . '    llm_router_key sk-test-0123456789abcdef;
    llm_router_health interval=100ms timeout=1s;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a
                    max_concurrent=1;' . "\n" . $::Server
--- perl
ok(models_are('m'), 'it is online');
my $slot = take_slot();
my $b = begin_burst([{}, {}, port => port()], [{}, {}, port => port()]);
ok(totals_are(queued => 2), 'two wait');
mock_stop('a');
my @r = $b->wait;
like(join(' ', map { $_->status } @r), qr/^(?:502|503) (?:502|503)$/,
     'they are told');
cmp_ok($_->time, '<', 5, 'soon') for @r;
is($slot->read_head, 1, 'so is the one');
is($slot->status, 502, 'that had it');



=== TEST 14: a newcomer does not pass by those who wait
--- perl
my $slot = take_slot();
my $all = begin_burst(map { [{}, { 'X-Mock' => 'delay=20' }, port => port()] }
                    1 .. 10);
ok(totals_are(queued => 10), 'ten wait');
$all->add([{}, { 'X-Mock' => 'delay=20' }, port => port()]);
ok(totals_are(queued => 11), 'one comes last');
$slot->close;

# others come while slots become free
for (1 .. 20) {
    $all->add([{}, { 'X-Mock' => 'delay=50' }, port => port()]);
    $all->run(0.005);
}

my @r = $all->wait;
my @order = in_order(@r);
is_deeply([sort { $a <=> $b } map { $_->status } @r], [(200) x 31],
          'all are served');
is($order[10], 10, 'the last of the first is served before the others')
    or diag("@order");



=== TEST 15: who waits for a key does not keep others
--- http_config eval
(my $http = $::Http) =~ s/name=second/name=second max_concurrent=1/;
$http . $::Server
--- perl
my $second = { Authorization => 'Bearer sk-test-second0000000000' };
my $slot = stream({}, { %$second, 'X-Mock' => 'first=60000' },
                  no_head => 1, port => port());
ok(wait_until(sub { mock_stats('a')->{in_flight} == 1 }), 'it has its slot');
my $b = begin_burst(map { [{}, $second, port => port()] } 1 .. 5);
ok(totals_are(queued => 5), 'five of its key wait');
is_deeply(share(map { chat({}, {}, port => port()) } 1 .. 5), { a => 5 },
          'others are served');
is(total('queued'), 5, 'meanwhile');
$slot->close;
is_deeply([map { $_->status } $b->wait], [(200) x 5], 'then they are');



=== TEST 16: who waits for a model does not keep others
--- mock
a
b
--- http_config eval
(my $http = $::Http) =~ s/check=off/check=off max_concurrent=1/;
$http . '    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b
                    models=n check=off;' . "\n    llm_router_max_concurrent 2;
$::Server"
--- perl
my $slot = take_slot();
my $b = begin_burst(map { [{}, {}, port => port()] } 1 .. 5);
ok(totals_are(queued => 5), 'five wait for one model');
is_deeply(share(map { chat({ model => 'n' }, {}, port => port()) } 1 .. 5),
          { b => 5 }, 'the other one is served');
is(total('queued'), 5, 'meanwhile');
$slot->close;
is_deeply([map { $_->status } $b->wait], [(200) x 5], 'then they are');



=== TEST 17: what waits keeps its body, also a large one
--- config
    location /v1/ { llm_router on; }
--- perl
use Digest::SHA qw(sha256_hex);

my $slot = take_slot();
my @body = map { my $c = $_; { user => $c x 300000 } } 'a' .. 'f';
my $b = begin_burst(map { [$_, { 'X-Mock' => 'sha' }, port => port()] } @body);
ok(totals_are(queued => 6), 'six wait');
$slot->close;
my @r = $b->wait;
my @want = map { sha256_hex(json_encode({ model => 'm', %$_, messages =>
                 [{ role => 'user', content => 'hi' }] })) } @body;
is_deeply([map { $_->json->{sha256} } @r], \@want, 'each has its own bytes');



=== TEST 18: the only one that waits misses no slot
--- mock
a --tokens 1
--- http_config eval
$::Http . "    llm_router_max_concurrent 1;\n" . $::Server
--- perl
my @late = map { @$_ } concurrently(3, sub {
    my ($n) = @_;
    my @late;
    for (1 .. 400) {
        my $r = chat({}, { 'X-Mock' => 'delay=' . $_ % 2 }, port => port());
        die 'status ' . $r->status . "\n" if $r->status != 200;
        my $ms = $r->header('x-queue-wait-ms') // 0;
        push @late, $ms if $ms > 300;
    }
    return \@late;
}, 60);

is_deeply(\@late, [], 'nobody waited until somebody looked for it');
cmp_ok(total('queued_total'), '>', 200, 'many have waited');
