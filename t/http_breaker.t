# The circuit breaker of a node: what opens it, who gets the work meanwhile,
# the one request that tries it, and what closes it.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Nodes;

workers(4);

# Its circuit opens, which takes five failures in a row.

sub open_circuit {
    my ($node, $way) = @_;

    mock_set($node, $way // 'status=500');
    chat() for 1 .. 5;
    chat() for grep { state($node) ne 'cooling' } 1 .. 5;
    is(state($node), 'cooling', "the circuit of $node is open");
    mock_set($node, 'reset');
    mock_reset($node);
}

sub rested {
    my ($node) = @_;
    ok(wait_until(sub { state($node) eq 'online' }, 20),
       "$node rested for long enough");
}

# how many lines of error.log are so

sub lines {
    my ($re) = @_;
    return scalar(() = error_log_text() =~ /$re/g);
}

defaults(
    config => "    location /v1/ { llm_router on; }\n",
    http_config => nodes('check=off', qw(a b)) . $Server,
    mock => "a\nb\n",
);

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: five failures in a row open it, others get the work
--- perl
mock_set('a', 'status=500');
my @r = map { chat() } 1 .. 20;
is_deeply(share(@r), { b => 20 }, 'the other one answers all');
is(mock_stats('a')->{requests}, 5, 'five of them were tried here first');
is(state('a'), 'cooling', 'it rests');
is(state('b'), 'online', 'the other one does not');
is(total('failovers'), 5, 'failovers');
is(node_row('a')->{failures}, 5, 'failures');
is(lines(qr/is cooling/), 1, 'one line in the log');
--- error_log eval
qr/\[warn\].* llm node "a" is cooling for (?:1000|99\d) ms: 5 failures in a row, the last: status/



=== TEST 2: one alone: no nodes, until a trial closes it
--- http_config eval
::nodes('check=off', 'a') . $::Server
--- mock
a --behave status=500
--- perl
is_deeply(statuses(map { chat() } 1 .. 5), { 500 => 5 },
          'its own answers, five times');

my $r = chat();
error_is($r, 503, 'service_unavailable', 'no_nodes', undef,
         'No available nodes', 'then none is there');
is($r->header('retry-after'), 1, 'for a second');
is($r->header('retry-after-ms'), 1000, 'which is a thousand ms');
is(mock_stats('a')->{requests}, 5, 'it was not asked');

my $n = 5;

for my $seconds (2, 4) {
    rested('a');
    is(chat()->status, 500, 'the trial fails');
    is(mock_stats('a')->{requests}, ++$n, 'it was asked once more');
    is(state('a'), 'cooling', 'it rests again');
    $r = chat();
    is($r->status, 503, 'nobody else goes through');
    like($r->header('retry-after'), qr/^[1-$seconds]$/, "for $seconds s");
}

mock_set('a', 'status=200');
rested('a');
is_deeply(statuses(map { chat() } 1 .. 10), { 200 => 10 },
          'the trial succeeds: all are served');
is(lines(qr/is cooling for/), 3, 'a line for each time it opened');
is(lines(qr/\[notice\].* llm node "a" answered its trial/), 1,
   'and one when it closed');

mock_set('a', 'status=500');
chat() for 1 .. 5;
is(lines(qr/is cooling for (?:1000|99\d) ms: 5 failures/), 2,
   'the next time it begins with a second');
--- error_log eval
[qr/"a" is cooling for (?:2000|199\d) ms: 6 failures in a row, the last: status/,
 qr/"a" is cooling for (?:4000|399\d) ms: 7 failures in a row, the last: status/,
 qr/each llm node for model "m" is cooling/]



=== TEST 3: half open, one of many goes through, whatever worker it came to
--- http_config eval
::nodes('check=off', 'a') . $::Server
--- mock
a
--- perl
open_circuit('a');
mock_set('a', 'first=60000');
rested('a');

my $b = begin_burst(map { [{}, {}, port => port()] } 1 .. 60);
ok($b->run(sub { $b->answered == 59 }), 'all but one have an answer');
my $s = mock_stats('a');
is($s->{requests}, 1, 'one came to the node');
is($s->{in_flight}, 1, 'where it waits');
is(state('a'), 'cooling', 'the others are told that it cools');
$b->leave;
my @r = grep { defined } map { $_ && LLMTest::Burst::answer($_) }
        @{ $b->{done} };
is_deeply(statuses(@r), { 503 => 59 }, 'no nodes');
is(scalar(grep { $_->header('retry-after') == 1 } @r), 59, 'for a second');

my %pid = map { $_->{pid} => 1 } log_fields();
cmp_ok(scalar keys %pid, '>=', $ENV{LLMTEST_VALGRIND} ? 1 : 3,
       'three workers or four were asked');

# its client left, which says nothing of the node: the next one tries

ok(wait_until(sub { mock_stats('a')->{in_flight} == 0 }), 'the client leaves');
mock_set('a', 'reset');
rested('a');
@r = burst(map { [{}, {}, port => port()] } 1 .. 20);
cmp_ok(statuses(@r)->{200}, '>=', 1, 'the next trial succeeds');
is_deeply(statuses(burst(map { [{}, {}, port => port()] } 1 .. 20)),
          { 200 => 20 }, 'closed: all are served');
is(lines(qr/answered its trial/), 1, 'it was closed once');



=== TEST 4: a node that answers /v1/models but fails every request
--- http_config eval
::nodes('', qw(b))
. '    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;
    llm_router_health interval=100ms timeout=1s;' . "\n" . $::Server
--- mock
a --models m,of-a --behave status=500
b
--- perl
ok(models_are('m', 'of-a'), 'its checks pass');
is_deeply(statuses(map { chat() } 1 .. 20), { 200 => 20 }, 'all are served');
is(mock_stats('a')->{requests}, 5, 'five were tried here');

my $n = mock_stats('a')->{models_requests};
ok(wait_until(sub { mock_stats('a')->{models_requests} > $n + 4 }),
   'its checks pass on');
is_deeply(statuses(map { chat() } 1 .. 20), { 200 => 20 }, 'all are served');
is(mock_stats('a')->{requests}, 4 + lines(qr/"a" is cooling/),
   'which does not close the circuit: at most a trial, not five');

my $end = lines(qr/"a" is cooling/) + 2;
my %status;

ok(wait_until(sub { $status{ chat()->status }++;
                    lines(qr/"a" is cooling/) >= $end }, 20),
   'it is tried again and again');
is_deeply([keys %status], [200], 'no client sees any of it');
is(mock_stats('a')->{requests}, 5 + lines(qr/"a" is cooling/) - 1,
   'a trial each time it is half open, and nothing else');



=== TEST 5: a node that flaps
--- perl
for my $round (1 .. 3) {
    open_circuit('a', 'reset=before');

    my %status;
    ok(wait_until(sub { $status{ chat()->status }++;
                        lines(qr/answered its trial/) == $round }),
       "round $round: it is back");
    is_deeply([keys %status], [200], 'all are served meanwhile');
    is(state('a'), 'online', 'online');
    is(scalar(keys %{ share(map { chat() } 1 .. 4) }), 2, 'both serve');
}

is(lines(qr/5 failures in a row, the last: broken/), 3, 'it opened thrice');
is(total('errors'), 0, 'no client saw any of it');



=== TEST 6: all down and up again: no storm on the first one that comes back
--- http_config eval
::nodes('check=off max_concurrent=4', qw(a b)) . $::Server
--- perl
mock_stop($_) for qw(a b);
is_deeply(statuses(map { chat() } 1 .. 5), { 502 => 5 }, 'nobody is there');
is(state($_), 'cooling', "the circuit of $_ is open") for qw(a b);
is_deeply(statuses(burst(map { [{}, {}, port => port()] } 1 .. 20)),
          { 503 => 20 }, 'all are told so at once');

# one comes back, and all ask again until they are served

mock_start('a');
mock_set('a', 'delay=300');
my ($left, $n, @r) = (30, 0);
my $first;

while ($left && $n++ < 1000) {
    my $b = begin_burst(map { [{}, {}, port => port()] } 1 .. $left);
    $b->run(sub { $b->answered >= $left
                  || mock_stats('a')->{completed} == 0
                     && mock_stats('a')->{in_flight} > 0 && !$first++ });
    cmp_ok(mock_stats('a')->{max_in_flight}, '<=', 1, 'one request tries it')
        if !mock_stats('a')->{completed};
    my @now = $b->wait;
    my @bad = grep { $_->status !~ /^(?:200|502|503)$/ } @now;
    is(scalar @bad, 0, 'no other answer') if @bad;
    push @r, grep { $_->status == 200 } @now;
    $left -= grep { $_->status == 200 } @now;
}

is_deeply(share(@r), { a => 30 }, 'in the end all are served');
cmp_ok(mock_stats('a')->{max_in_flight}, '<=', 4, 'never too many at once');
is(lines(qr/"a" answered its trial/), 1, 'by one trial');
--- error_log
Connection refused



=== TEST 7: the same where checks find out
--- http_config eval
$::LogFormat . '    llm_router_key sk-test-0123456789abcdef;
    llm_router_health interval=100ms timeout=1s;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b;' . "\n"
. $::Server
--- mock
a --models m,of-a --slots 3 --type llamacpp
b --models m,of-b --slots 3 --type llamacpp
--- perl
ok(models_are('m', 'of-a', 'of-b'), 'they are found');
ok(wait_until(sub { node_row('a')->{max_concurrent}
                    && node_row('b')->{max_concurrent} }), 'both are there');
open_circuit('a');
mock_stop($_) for qw(a b);
my %seen = %{ statuses(burst(map { [{}, {}, port => port()] } 1 .. 30)) };
is(join(' ', grep { !/^50[23]$/ } keys %seen), '', 'all are told');
ok(node_online($_, 'offline'), "$_ is offline") for qw(a b);
error_is(chat(), 503, 'service_unavailable', 'no_nodes', undef,
         'No available nodes', 'none is there');

mock_start('a');
mock_set('a', 'delay=50');
ok(node_online('a'), 'one is back, half open at once');
my ($left, $n) = (30, 0);

while ($left && $n++ < 1000) {
    $left -= statuses(burst(map { [{}, {}, port => port()] }
                                1 .. $left))->{200} // 0;
}

is($left, 0, 'all are served');
cmp_ok(mock_stats('a')->{max_in_flight}, '<=', 3, 'three at once');
is(lines(qr/"a" answered its trial/), 1, 'after a trial');
--- error_log
is offline



=== TEST 8: who waits in the queue is served when a circuit closes
--- http_config eval
::nodes('check=off max_concurrent=1', qw(a b)) . $::Server
--- perl
open_circuit('a');
my $s = stream({}, { 'X-Mock' => 'first=60000' }, no_head => 1);
ok(wait_until(sub { mock_stats('b')->{in_flight} == 1 }), 'b is full');

my $b = begin_burst(map { [{}, {}, port => port()] } 1 .. 8);
ok(totals_are(queued => 8), 'a rests: eight wait');
is_deeply(share($b->wait), { a => 8 }, 'a rested: all are served');
is(mock_stats('a')->{max_in_flight}, 1, 'one after another');
is(lines(qr/"a" answered its trial/), 1, 'after a trial');
is(mock_stats('b')->{in_flight}, 1, 'b is full still');
$s->close;



=== TEST 9: who waits goes on waiting when its node gets a rest, or is told
--- http_config eval
::nodes('check=off max_concurrent=1', 'a') . $::Server
--- config
    location /v1/ { llm_router on; }
    location /short/v1/ { llm_router on; llm_router_queue timeout=500ms; }
--- mock
a
--- perl
mock_set('a', 'delay=100;status=500');
my $b = begin_burst(map { [{}, {}, port => port()] } 1 .. 10);
ok(wait_until(sub { mock_stats('a')->{requests} >= 4 }), 'four came');
mock_set('a', 'delay=100;status=500;times=2');
my @r = $b->wait;
my $n = statuses(@r);
cmp_ok($n->{500}, '>=', 5, 'five failed, and maybe a trial');
is($n->{500} + $n->{200}, 10, 'the others waited, and are served');
cmp_ok(lines(qr/is cooling/), '>=', 1, 'it rested');

# a rest of a minute is more than they have

rested('a');
mock_reset('a');
mock_set('a', 'delay=400;status=429;retry_after=60');
$b = begin_burst(map { [{}, {}, path => '/short/v1/chat/completions'] }
                     1 .. 5);
ok(totals_are(queued => 4), 'four wait');
@r = $b->wait;
is_deeply(statuses(@r), { 429 => 1, 503 => 4 }, 'they are told');
is(scalar(grep { $_->header('retry-after') >= 59 } @r), 5, 'for how long');
is(mock_stats('a')->{requests}, 1, 'one came to the node');



=== TEST 10: streams that break off are failures
--- http_config eval
::nodes('check=off', 'a') . $::Server
--- mock
a
--- perl
my $t = { stream => JSON::PP::true() };

for (1 .. 5) {
    is(state('a'), 'online', 'online');
    is(chat($t, { 'X-Mock' => 'reset=mid;after=3;tokens=8' })->status, 200,
       'a stream begins, and breaks off');
}

is(state('a'), 'cooling', 'five of them open the circuit');

# a trial's stream closes it when it begins, and opens it when it breaks

rested('a');
my $s = stream({}, { 'X-Mock' => 'tokens=8;after=3;pace=100;reset=mid' });
is($s->status, 200, 'the trial begins');
like(state('a'), qr/online|cooling/, 'it is closed');
events($s);
ok(wait_until(sub { state('a') eq 'cooling' }), 'and open when it breaks off');
rested('a');
is(chat($t)->status, 200, 'a good one');
is_deeply(statuses(map { chat($t) } 1 .. 4), { 200 => 4 }, 'closed');

# whole answers, too

for (1 .. 5) {
    chat({}, { 'X-Mock' => 'close=mid;size=100000' });
}

is(state('a'), 'cooling', 'whole answers that break off');
--- error_log eval
[qr/"a" is cooling for \d+ ms: 5 failures in a row, the last: broken/,
 qr/"a" is cooling for \d+ ms: 6 failures in a row, the last: broken/]



=== TEST 11: what counts and what does not
--- http_config eval
::nodes('check=off', 'a') . $::Server
--- config
    location /v1/ { llm_router on; llm_router_request_timeout 200ms; }
--- mock
a
--- perl
for my $good ('status=400', 'status=404', 'status=422', 'tokens=1') {
    chat({}, { 'X-Mock' => 'status=500' }) for 1 .. 4;
    chat({}, { 'X-Mock' => $good });
    is(state('a'), 'online', "$good ends the row");
}

chat({}, { 'X-Mock' => 'status=500' }) for 1 .. 4;

for (1 .. 3) {
    my $s = stream({}, { 'X-Mock' => 'first=60000' }, no_head => 1);
    ok(wait_until(sub { mock_stats('a')->{in_flight} == 1 }), 'in flight');
    $s->close;
    ok(wait_until(sub { mock_stats('a')->{in_flight} == 0 }), 'left');
}

is(state('a'), 'online', 'a client that leaves is no failure');
chat({}, { 'X-Mock' => 'status=500' });
is(state('a'), 'cooling', 'nor do they end a row');

rested('a');
chat();
chat({}, { 'X-Mock' => 'silence=before' }) for 1 .. 5;
is(state('a'), 'cooling', 'silence is a failure');

rested('a');
chat();
chat({}, { 'X-Mock' => 'status=429' }) for 1 .. 5;
is(state('a'), 'cooling', 'a 429 is one, that does not say for how long');
--- error_log eval
[qr/in a row, the last: silent/, 'upstream timed out']



=== TEST 12: a worker that dies with the trial
--- http_config eval
::nodes('check=off', 'a') . $::Server
--- config
    location /v1/ {
        llm_router on; llm_router_connect_timeout 1s;
        llm_router_request_timeout 1s;
    }
--- mock
a
--- allow_signal
--- perl
open_circuit('a');
rested('a');

my $s = stream({}, { 'X-Mock' => 'first=60000' }, no_head => 1);
ok(wait_until(sub { mock_stats('a')->{in_flight} == 1 }), 'the trial');
is(chat()->status, 503, 'nobody else goes through');
kill9_worker($_) for worker_pids();
$s->close;

ok(wait_until(sub { chat()->status == 200 }),
   'another trial follows when its time is over');
is_deeply(statuses(map { chat() } 1 .. 8), { 200 => 8 }, 'closed');



=== TEST 17: a node that has no time, ever, beside one that has
--- http_config eval
::nodes('check=off', 'a', 'b') . $::Server
--- mock
a --behave status=429
b
--- perl
my @r = map { chat() } 1 .. 60;
is(scalar(grep { $_->status == 200 } @r), 60, 'each request is served');
cmp_ok(mock_stats('a')->{requests}, '<=', 10, 'it is asked seldom');
is(state('a'), 'cooling', 'it rests');
