# A node that asks for a rest gets it: 429 and 503 with Retry-After.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Nodes;
use POSIX ();

workers(4);

# a header of the mock's, as its directives want it
sub header {
    my ($line) = @_;
    $line =~ s/([^\w])/sprintf '%%%02X', ord $1/ge;
    return "header=$line";
}

sub date {
    my ($seconds) = @_;
    return 'Retry-After: ' . POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT',
                                             gmtime(time + $seconds));
}

defaults(
    config => "    location /v1/ { llm_router on; }\n",
    http_config => nodes('check=off', 'a') . $Server,
    mock => "a\n",
);

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: others get the work until its rest is over
--- http_config eval
::nodes('check=off', qw(a b)) . $::Server
--- mock
a
b
--- perl
for my $status (429, 503) {
    mock_set('a', "status=$status;retry_after=1");
    mock_reset('b');
    is_deeply(share(map { chat() } 1 .. 10), { b => 10 },
              "$status: the other one answers all");
    is(mock_stats('a')->{requests}, 1, 'one was tried here');
    is(state('a'), 'cooling', 'it rests');
    mock_set('a', 'status=200');
    ok(wait_until(sub { state('a') eq 'online' }), 'its rest is over');
    my %n = %{ share(burst(map { [{}, {}, port => port()] } 1 .. 20)) };
    is($n{a} + $n{b}, 20, 'all are served, without a trial');
    cmp_ok($n{a}, '>', 5, 'by both');
    totals_are(in_flight => 0);
    mock_reset('a');
}

is(total('failovers'), 2, 'failovers');
--- error_log eval
qr/\[warn\].* llm node "a" is cooling for (?:1000|99\d) ms: it asked for it/
--- no_error_log
failures in a row



=== TEST 2: how long, in all ways to say it
--- perl
my @ways = (
    ['retry_after=7', 6, 7],
    ['retry_after=3600', 59, 60],
    [::header('Retry-After: 20'), 19, 20],
    [::header('retry-after: 2.5'), 2, 3],
    [::header('Retry-After: 99999999999999999999999'), 59, 60],
    [::header('Retry-After-Ms: 1500'), 1, 2],
    ['retry_after=9;' . ::header('retry-after-ms: 2500'), 2, 3],
    [sub { ::header(::date(30)) }, 28, 30],
    [sub { ::header(::date(86400 * 365)) }, 59, 60],
);

for my $way (@ways) {
    for my $status (429, 503) {
        my ($mock, $least, $most) = @$way;
        $mock = $mock->() if ref $mock;
        my $name = "$status, $mock";

        # each of them in a zone of its own: nothing ends a rest early
        my $r = chat({ model => 'm' },
                     { 'X-Mock' => "status=$status;$mock" });
        is($r->status, $status, "$name: its own answer");
        like($r->body, qr/mock/, 'whole');
        $r = chat();
        error_is($r, 503, 'service_unavailable', 'no_nodes', undef,
                 'No available nodes', 'the next finds none');
        my $s = $r->header('retry-after');
        ok($s >= $least && $s <= $most, "for $least to $most s: $s");
        is($r->header('retry-after-ms'), 1000 * $s, 'in ms, too');
        restart();
    }
}

# nginx begins anew, and its zone with it

sub restart {
    my $conf = conf_file();
    (my $name = 'z' . ++$::Zone) =~ s/\W//g;
    edit_conf(sub { s/llm_router_zone \w+:/llm_router_zone $name:/ });
    reload();
    ok(wait_until(sub { state('a') eq 'online' }), 'a new zone');
}
--- http_config eval
"    llm_router_zone z:4m;\n" . ::nodes('check=off', 'a')



=== TEST 3: what asks for no rest
--- http_config eval
::nodes('check=off', 'a')
--- perl
for my $mock ('status=429', 'status=429;retry_after=0',
              'status=429;' . ::header('Retry-After: soon'),
              'status=429;' . ::header('Retry-After: -5'),
              'status=429;' . ::header('Retry-After:'),
              'status=429;' . ::header(::date(-30)),
              'status=429;' . ::header('X-Retry-After: 5'),
              'status=400;' . ::header('Retry-After: 5'),
              'status=404;' . ::header('Retry-After: 5'),
              'status=200;' . ::header('Retry-After: 5'))
{
    my ($status) = $mock =~ /status=(\d+)/;

    # five failures in a row would open the circuit

    for my $n ($status == 429 ? (4, 4) : 8) {
        is_deeply(statuses(map { chat({}, { 'X-Mock' => $mock }) } 1 .. $n),
                  { $status => $n }, "$mock: passes each time");
        is(state('a'), 'online', 'online');
        is(chat()->status, 200, 'a good one');
    }
}

is(mock_stats('a')->{requests}, 97, 'each came to the node');



=== TEST 4: 503 without it is a failure, with it it is not
--- http_config eval
::nodes('check=off', 'a')
--- perl
chat({}, { 'X-Mock' => 'status=503' }) for 1 .. 4;
is(chat({}, { 'X-Mock' => 'status=503;retry_after=1' })->status, 503,
   'the next asks for a rest');
is(state('a'), 'cooling', 'it rests');
ok(wait_until(sub { state('a') eq 'online' }), 'its rest is over');
is(chat({}, { 'X-Mock' => 'status=503' })->status, 503, 'the fifth');
is(state('a'), 'cooling', 'which opens the circuit');
--- error_log eval
[qr/"a" is cooling for .* it asked for it/,
 qr/"a" is cooling for .* 5 failures in a row, the last: status/]



=== TEST 5: who waits in the queue waits on
--- http_config eval
::nodes('check=off max_concurrent=1', 'a') . $::Server
--- perl
mock_set('a', 'delay=300;status=429;retry_after=1;times=1');
my $b = begin_burst(map { [{}, {}, port => port()] } 1 .. 8);
ok(totals_are(queued => 7), 'seven wait');
ok($b->run(sub { $b->answered == 1 }), 'one has its answer');
is(state('a'), 'cooling', 'the node rests');
is(total('queued'), 7, 'seven wait on');
my @r = $b->wait;
is_deeply(statuses(@r), { 429 => 1, 200 => 7 }, 'and are served after it');
is(mock_stats('a')->{max_in_flight}, 1, 'one after another');



=== TEST 6: who waits for a full node is served by one that rested
--- http_config eval
::nodes('check=off max_concurrent=1', qw(a b)) . $::Server
--- mock
a
b
--- perl
mock_set('a', 'status=429;retry_after=1');
chat() for 1 .. 3;
is(state('a'), 'cooling', 'a rests');
mock_set('a', 'status=200');
my $s = stream({}, { 'X-Mock' => 'first=60000' }, no_head => 1);
ok(wait_until(sub { mock_stats('b')->{in_flight} == 1 }), 'b is full');
my $b = begin_burst(map { [{}, {}, port => port()] } 1 .. 6);
ok(totals_are(queued => 6), 'six wait');
is_deeply(share($b->wait), { a => 6 }, 'a serves them');
$s->close;
