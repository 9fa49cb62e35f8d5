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
        [ { stream => true() }, { 'X-Mock' => 'pace=20;tokens=20' },
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
