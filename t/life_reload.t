# Reload under load: no stream is cut, no request fails, nothing is miscounted.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Nodes;

sub true { return JSON::PP::true() }

# n streams of some seconds, each with its own connection

sub streams {
    my ($n, $x) = @_;
    return begin_burst(map {
        [ { stream => true() }, { 'X-Mock' => $x }, port => port(),
          timeout => 60 ]
    } 1 .. $n);
}

# The same, each when the one before it has begun: they are shared evenly.

sub even_streams {
    my ($n, $x) = @_;
    my $b = begin_burst();

    for my $k (1 .. $n) {
        $b->add([ { stream => true() }, { 'X-Mock' => $x }, port => port(),
                  timeout => 60 ]);
        ok(wait_until(sub {
            my $page = status_page() or return;
            return $page->{in_flight} == $k
                   && !grep { $_->{waiting} } @{ $page->{nodes} };
        }), "stream $k has begun");
    }

    return $b;
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

our $Http = nodes('', qw(a b));

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
my $b = begin_burst([ {}, { 'X-Mock' => 'delay=4000' }, timeout => 30 ]);
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
my $b = even_streams(6, 'pace=60;tokens=40');
ok(wait_until(sub {
    mock_stats('a')->{in_flight} == 3 && mock_stats('b')->{in_flight} == 3
}), 'three at each');

edit_conf(sub { s/llm_router_node [^;]*name=b[^;]*;// });
ok(reload(), 'reloaded');

my @r = shorts_are('without it', 10);
is_deeply(share(@r), { a => 10 }, 'only the other node is asked');

whole_is('what it had', $b->wait);
ok(totals_are(in_flight => 0, keys_in_flight => 0), 'all slots are free');



=== TEST 5: none of 500 requests fails, none of 20 streams is cut
--- config
    listen 127.0.0.1:$TEST_NGINX_SPREAD_PORT;
    location /v1/ { llm_router on; }
--- slow_stop
--- perl
my $b = streams(20, 'pace=100;tokens=60');
ok(wait_until(sub {
    mock_stats('a')->{in_flight} + mock_stats('b')->{in_flight} == 20
}), 'twenty streams');

my $master = master_pid();
my $shorts = begin_burst();

for my $round (1 .. 50) {
    $shorts->add(map { [ {}, { 'X-Mock' => 'delay=10' }, port => port(),
                         timeout => 60 ] } 1 .. 10);
    kill 'HUP', $master if $round % 12 == 0;
    $shorts->run(0.04);
}

my @r = $shorts->wait;
my %n;
$n{ $_->status . ($_->complete ? '' : ' cut') }++ for @r;
is_deeply(\%n, { 200 => 500 }, 'each is answered');
whole_is('the streams', $b->wait);
ok(totals_are(in_flight => 0, keys_in_flight => 0, queued => 0),
   'nothing is counted any more');
is(total('requests'), 520, 'the totals went on');
is(mock_stats('a')->{aborted} + mock_stats('b')->{aborted}, 0,
   'no node was left');



=== TEST 6: a node that nginx.conf gained, or that changed
--- mock
a
b
c
--- http_config eval
(my $http = $::Http) =~ s/name=a/name=a weight=1/;
"$http#new\n"
--- slow_stop
--- perl
is_deeply(share(map { chat({}, {}, port => port()) } 1 .. 8),
          { a => 4, b => 4 }, 'two have a half each');

edit_conf(sub { s{#new}{llm_router_node
                 http://127.0.0.1:$ENV{TEST_NGINX_NODE_C} name=c models=m;} });
ok(reload(), 'reloaded');
my %n = (a => 0, b => 0, c => 0);

for (1 .. 9) {
    $n{ served_by(chat({}, {}, port => port())) }++;
    totals_are(in_flight => 0);
}

is_deeply(\%n, { a => 3, b => 3, c => 3 }, 'the third has its share');

# the same node with another limit, while it is used

my $b = even_streams(6, 'pace=50;tokens=60');
edit_conf(sub { s/name=a weight=1/name=a max_concurrent=1/;
                s/name=b models=m/name=b models=x/ });
ok(reload(), 'reloaded');
is(node_row('a')->{max_concurrent}, 1, 'its limit is known');
is(node_row('a')->{in_flight}, 2, 'so is what it has');
is_deeply(share(map { chat({}, {}, port => port()) } 1 .. 4), { c => 4 },
          'who has more than its limit gets no more, nor who lost the model');
is_deeply(share(map { chat({ model => 'x' }, {}, port => port()) } 1 .. 2),
          { b => 2 }, 'it serves the other model');
whole_is('what they had', $b->wait);
ok(totals_are(in_flight => 0, keys_in_flight => 0), 'all slots are free');



=== TEST 7: a key that nginx.conf lost, while it is used
--- http_config eval
$::Http . "    llm_router_key sk-test-second0000000000 name=second;
    llm_router_key sk-test-third00000000000 name=third max_concurrent=3;\n"
--- slow_stop
--- perl
my %h = map { $_ => { Authorization => "Bearer sk-test-$_" } }
        qw(second0000000000 third00000000000);
my ($second, $third) = map { $h{$_} } sort keys %h;
my $b = begin_burst(map { [ { stream => true() },
                            { 'X-Mock' => 'pace=50;tokens=50', %$_ },
                            port => port() ] }
                    ($second) x 3, ($third) x 3);
ok(totals_are(in_flight => 6, keys_in_flight => 6), 'three of each');

edit_conf(sub { s/llm_router_key sk-test-second[^;]*;// });
ok(reload(), 'reloaded');
is(chat({}, $second, port => port())->status, 401, 'it is no key any more');
is(total('keys_in_flight'), 6, 'what it had goes on, and is counted');

# the other one still has what it had: three are its limit
my $wait = begin_burst([ {}, $third, port => port() ]);
ok(totals_are(queued => 1), 'the limit of the other one holds');

whole_is('the streams', $b->wait);
is(($wait->wait)[0]->status, 200, 'then it is served');
ok(totals_are(in_flight => 0, keys_in_flight => 0, queued => 0),
   'all slots are free');

edit_conf(sub { s/(llm_router_key sk-test-third)/llm_router_key
                sk-test-second0000000000 name=again max_concurrent=1;\n$1/ });
ok(reload(), 'reloaded');
is(chat({}, $second, port => port())->status, 200, 'the key is back');
is_deeply([(map { $_->status } burst(map { [ {}, $third, port => port() ] }
           1 .. 10))], [(200) x 10], 'the other one is the same');



=== TEST 8: nodes found by checks are known after a reload at once
--- mock
a --models m
b --models m
--- http_config eval
(my $http = $::Http) =~ s/ models=m//g;
$http
--- slow_stop
--- perl
ok(models_are('m'), 'found');
ok(wait_until(sub { !grep { (node_row($_)->{state} // '') ne 'online' }
                    qw(a b) }), 'both are online');

for my $round (1 .. 3) {
    mock_reset($_) for qw(a b);
    ok(reload(), "round $round: reloaded");
    my @r = map { chat({}, {}, port => port()) } 1 .. 4;
    is(scalar(grep { $_->status == 200 } @r), 4,
       "round $round: served without waiting for a check");
}



=== TEST 9: a configuration that is wrong changes nothing
--- slow_stop
--- perl
my $b = streams(4, 'pace=50;tokens=30');
ok(wait_until(sub { total('in_flight') == 4 }), 'four are under way');
my @pids = worker_pids();
edit_conf(sub { s/name=b models=m/name=b weight=0/ });
kill 'HUP', master_pid();
ok(wait_log(qr/llm_router_node: "weight=0" must be a number/), 'refused');
is_deeply([worker_pids()], \@pids, 'the workers are the same');
shorts_are('as before', 10);
whole_is('the streams', $b->wait);
--- allow_log
"weight=0" must be a number
