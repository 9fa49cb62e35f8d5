# kill -9 of a worker under load: only its own connections are lost, what it
# held is free again, exactly.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;

sub true { return JSON::PP::true() }

our $Http = $LogFormat . <<'_EOC_';
    llm_router_key sk-test-0123456789abcdef max_concurrent=1000;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=m;
_EOC_

defaults(
    mock => "a\nb\n",
    http_config => $Http,
    config => "    $Listen\n    location /v1/ { llm_router on; }\n",
);

workers(4);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: ten workers die under load
--- allow_signal
--- slow_stop
--- perl
my $lost = 0;

for my $round (1 .. 10) {
    my $b = begin_burst(map {
        [ { stream => true() }, { 'X-Mock' => 'pace=20;tokens=60' },
          port => port(), timeout => 60 ]
    } 1 .. 40);

    ok(wait_until(sub {
        mock_stats('a')->{in_flight} + mock_stats('b')->{in_flight} == 40
    }), "round $round: all are under way");

    my @pids = worker_pids();
    kill9_worker($pids[$round % @pids]);

    my @r = $b->wait;
    my @whole = grep { $_->status == 200 && $_->complete
                       && $_->body =~ /\[DONE\]\n\n\z/ } @r;
    my @cut = grep { !$_->complete } @r;

    is(@whole + @cut, 40, "round $round: each is whole or was the dead one's");
    cmp_ok(scalar @whole, '>=', 10, "round $round: those of others go on");
    $lost += @cut;

    ok(totals_are(in_flight => 0, keys_in_flight => 0, queued => 0),
       "round $round: nothing is held any more")
        or diag(explain(status_page()));

    my @after = burst(map { [ {}, {}, port => port() ] } 1 .. 12);
    is(scalar(grep { $_->status == 200 } @after), 12,
       "round $round: all workers serve");
}

cmp_ok($lost, '>', 0, 'some were lost: the test did kill');



=== TEST 2: what a dead worker held is given to those who wait
--- allow_signal
--- slow_stop
--- config
    listen 127.0.0.1:$TEST_NGINX_SPREAD_PORT reuseport;
    location /v1/ { llm_router on; llm_router_max_concurrent 4; }
--- perl
my $b = begin_burst(map {
    [ {}, { 'X-Mock' => 'delay=3000' }, port => port(), timeout => 60 ]
} 1 .. 24);

ok(totals_are(in_flight => 4, queued => 20), 'four are served, the rest waits');

# until one was killed that served

for my $pid (worker_pids()) {
    kill9_worker($pid);
    last;
}

ok(wait_until(sub {
    my $page = status_page() or return 0;
    return $page->{in_flight} == 4 || $page->{queued} == 0;
}), 'four are served again');

my @r = $b->wait;
my @ok = grep { $_->status == 200 } @r;

is(scalar(grep { $_->status && $_->status != 200 } @r), 0,
   'nobody gets an error');
cmp_ok(scalar @ok, '>=', 6, 'those of other workers are served');
cmp_ok(mock_stats('a')->{max_in_flight}, '<=', 4, 'never more than four');
ok(totals_are(in_flight => 0, keys_in_flight => 0, queued => 0),
   'nothing is held any more');



=== TEST 3: just its own connections
--- allow_signal
--- slow_stop
--- config
    listen 127.0.0.1:$TEST_NGINX_SPREAD_PORT reuseport;
    location /v1/ { llm_router on; add_header X-Worker $pid always; }
--- perl
for my $round (1 .. 5) {
    my $b = begin_burst(map {
        [ { stream => true() }, { 'X-Mock' => 'pace=20;tokens=80' },
          port => port() ]
    } 1 .. 24);

    ok(wait_until(sub {
        mock_stats('a')->{in_flight} + mock_stats('b')->{in_flight} == 24
    }), "round $round: all are under way");

    my $dead = (worker_pids())[$round % 4];
    kill 'KILL', $dead;
    my @r = $b->wait;

    my @of_dead = grep { $_->header('x-worker') == $dead } @r;
    my @others = grep { $_->header('x-worker') != $dead } @r;
    is(scalar(grep { $_->complete || $_->body =~ /\[DONE\]/ } @of_dead), 0,
       "round $round: its own are cut, and do not pretend");
    is(scalar(grep { !$_->complete || $_->body !~ /\[DONE\]\n\n\z/ } @others),
       0, "round $round: the others are whole");
    cmp_ok(scalar @others, '>=', 6, "round $round: which are most");
    ok(totals_are(in_flight => 0, keys_in_flight => 0, queued => 0),
       "round $round: nothing is held any more");
    is(node_row($_)->{waiting}, 0, "round $round: nobody waits at $_")
        for qw(a b);
    ok(wait_until(sub { worker_pids() == 4 }), "round $round: a successor");
}



=== TEST 4: counts are right while others hold as much
--- allow_signal
--- slow_stop
--- config
    listen 127.0.0.1:$TEST_NGINX_SPREAD_PORT reuseport;
    location /v1/ { llm_router on; add_header X-Worker $pid always; }
--- perl
my @s = map { stream({}, { 'X-Mock' => 'tokens=3000;pace=20' },
                     port => port()) } 1 .. 30;
my %of;
push @{ $of{ $_->header('x-worker') } }, $_ for @s;
is(total('in_flight'), 30, 'thirty streams');
cmp_ok(scalar keys %of, '>=', 2, 'of several workers');
my $left = 30;

for my $pid (sort keys %of) {
    kill9_worker($pid);
    $left -= @{ $of{$pid} };
    ok(totals_are(in_flight => $left, keys_in_flight => $left),
       "$left are counted")
        or diag(explain(status_page()));
    is(node_row('a')->{in_flight} + node_row('b')->{in_flight}, $left,
       'at the nodes too');
}

is($left, 0, 'none is left');
is(scalar(grep { $_->status == 200 }
               burst(map { [ {}, {}, port => port() ] } 1 .. 30)), 30,
   'all serve');
close_stream($_) for @s;



=== TEST 5: a dead worker's waiters are gone, those of others go on in order
--- allow_signal
--- slow_stop
--- config
    listen 127.0.0.1:$TEST_NGINX_SPREAD_PORT reuseport;
    location /v1/ { llm_router on; llm_router_max_concurrent 1;
                    add_header X-Worker $pid always; }
--- perl
for my $round (1 .. 4) {
    my $slot = stream({}, { 'X-Mock' => 'tokens=3000;pace=20' },
                      port => port());
    my $holder = $slot->header('x-worker');
    my $b = begin_burst(map { [ {}, {}, port => port() ] } 1 .. 16);
    ok(totals_are(queued => 16), "round $round: sixteen wait");

    # the one with the slot, or one that has waiters only
    my ($dead) = $round % 2 ? ($holder)
                            : grep { $_ != $holder } worker_pids();
    kill9_worker($dead);
    $slot->close if $round % 2 == 0;

    my @r = $b->wait;
    my @ok = grep { $_->status == 200 && $_->complete } @r;
    my @lost = grep { $_->status == 0 } @r;
    is(@ok + @lost, 16, "round $round: each is served or was the dead one's");
    cmp_ok(scalar @ok, '>=', 4, "round $round: most are served");
    is(scalar(grep { $_->header('x-worker') == $dead } @ok), 0,
       "round $round: by others");
    ok(totals_are(in_flight => 0, keys_in_flight => 0, queued => 0),
       "round $round: nothing is left");
    close_stream($slot);
}



=== TEST 6: who makes the checks dies: they go on
--- allow_signal
--- slow_stop
--- mock
a --models m
b --models m
--- http_config
    llm_router_key sk-test-0123456789abcdef;
    llm_router_health interval=100ms timeout=1s;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b;
--- log_level: debug
--- perl
ok(models_are('m'), 'they are made');

for my $round (1 .. 4) {
    my ($holder) = error_log_text() =~ /.*llm probes are made by (\d+)/s;

    if (!defined $holder) {
        # no debug log in this nginx: each in its turn
        ($holder) = (worker_pids())[$round - 1];
    }

    kill9_worker($holder);
    my $n = mock_stats('a')->{models_requests};
    ok(wait_until(sub { mock_stats('a')->{models_requests} >= $n + 3 }),
       "round $round: they go on");

    mock_set('b', $round % 2 ? 'models=n' : 'models=m');
    ok(models_are($round % 2 ? qw(m n) : 'm'),
       "round $round: and what they find is known");
}



=== TEST 7: all workers die at once
--- allow_signal
--- slow_stop
--- config
    listen 127.0.0.1:$TEST_NGINX_SPREAD_PORT;
    location /v1/ { llm_router on; }
--- perl
my @s = map { stream({}, { 'X-Mock' => 'tokens=3000;pace=20' },
                     port => port()) } 1 .. 20;
is(total('in_flight'), 20, 'twenty streams');
my @pids = worker_pids();
kill 'KILL', @pids;
ok(wait_until(sub { my @now = worker_pids();
                    my %old = map { $_ => 1 } @pids;
                    @now == 4 && !grep { $old{$_} } @now }), 'four others');
ok(totals_are(in_flight => 0, keys_in_flight => 0, queued => 0),
   'nothing is held any more') or diag(explain(status_page()));
is(scalar(grep { $_->status == 200 }
               burst(map { [ {}, {}, port => port() ] } 1 .. 30)), 30,
   'all serve');
close_stream($_) for @s;
