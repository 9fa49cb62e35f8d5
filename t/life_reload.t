# Reload under load: no stream is cut, no request fails, nothing is miscounted.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;

sub true { return JSON::PP::true() }

# n streams of some seconds, each with its own connection

sub streams {
    my ($n, $x) = @_;
    return begin_burst(map {
        [ { stream => true() }, { 'X-Mock' => $x }, port => port(),
          timeout => 60 ]
    } 1 .. $n);
}

sub whole_is {
    my ($name, @r) = @_;
    my @bad = grep {
        $_->status != 200 || !$_->complete || $_->body !~ /\[DONE\]\n\n\z/
    } @r;
    is(scalar @bad, 0, "$name: all streams are whole")
        or diag(map { $_->status . ' ' . substr($_->body, -300) . "\n" } @bad);
}

sub shorts_are {
    my ($name, $n) = @_;
    my @r = burst(map { [ {}, {}, port => port(), timeout => 60 ] } 1 .. $n);
    is(scalar(grep { $_->status == 200 && $_->complete } @r), $n,
       "$name: all of $n requests are answered");
    return @r;
}

our $Http = $LogFormat . <<'_EOC_';
    llm_router_key sk-test-0123456789abcdef;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=m;
_EOC_

defaults(
    mock => "a\nb\n",
    http_config => $Http,
    config => "    $Listen\n    location /v1/ { llm_router on; }\n",
);

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: streams live through reloads, requests between them are served
--- slow_stop
--- perl
my $b = streams(20, 'pace=60;tokens=60');

ok(wait_until(sub {
    mock_stats('a')->{in_flight} + mock_stats('b')->{in_flight} == 20
}), 'all are under way');

for my $round (1 .. 4) {
    ok(reload(), "round $round: reloaded");
    is(total('in_flight'), 20, "round $round: they are counted still");
    shorts_are("round $round", 60);
}

my @r = $b->wait;
whole_is('in the end', @r);

ok(totals_are(in_flight => 0, keys_in_flight => 0, queued => 0),
   'nothing is counted any more');
is(mock_stats('a')->{aborted} + mock_stats('b')->{aborted}, 0,
   'no node was left');



=== TEST 2: requests that arrive while it reloads
--- slow_stop
--- perl
my $master = master_pid();
my $b = begin_burst();

for my $round (1 .. 20) {
    $b->add(map { [ {}, { 'X-Mock' => 'delay=20' }, port => port(),
                    timeout => 60 ] } 1 .. 25);
    kill 'HUP', $master if $round % 4 == 0;
    $b->run(0.05);
}

my @r = $b->wait;
my @bad = grep { !$_ || $_->status != 200 } @r;

# reuseport: what the kernel gave to a listening socket of a worker that is
# going is reset by the kernel itself, none of ours
is(scalar(grep { $_ && $_->status && $_->status != 200 } @bad), 0,
   'no request gets an error')
    or diag(map { $_->status . ' ' . $_->body } @bad);
ok(totals_are(in_flight => 0, keys_in_flight => 0), 'all slots are free');



=== TEST 3: a waiter in an old worker is served by it
--- config
    listen 127.0.0.1:$TEST_NGINX_SPREAD_PORT;
    location /v1/ { llm_router on; llm_router_max_concurrent 1; }
--- slow_stop
--- perl
my $b = begin_burst([ {}, { 'X-Mock' => 'delay=1500' }, timeout => 30 ]);
ok(totals_are(in_flight => 1), 'one is served');

$b->add([ {}, {}, timeout => 30 ]);
ok(totals_are(queued => 1), 'one waits');
ok(reload(), 'reloaded');
is(total('queued'), 1, 'it waits still');

my @r = $b->wait;
is($r[0]->status, 200, 'the first is answered');
is($r[1]->status, 200, 'the second too');
ok($r[1]->header('x-queue-wait-ms') > 0, 'after a wait');



=== TEST 4: a node that nginx.conf lost gets nothing new, and ends what it has
--- slow_stop
--- perl
my $b = streams(6, 'pace=60;tokens=40');
ok(wait_until(sub {
    mock_stats('a')->{in_flight} == 3 && mock_stats('b')->{in_flight} == 3
}), 'three at each');

edit_conf(sub { s/llm_router_node [^;]*name=b[^;]*;// });
ok(reload(), 'reloaded');

my @r = shorts_are('without it', 10);
is_deeply(share(@r), { a => 10 }, 'only the other node is asked');

whole_is('what it had', $b->wait);
ok(totals_are(in_flight => 0, keys_in_flight => 0), 'all slots are free');
