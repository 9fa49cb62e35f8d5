# The end of nginx: QUIT lets what is under way end well, TERM does not wait.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use Time::HiRes qw(time);

workers(2);

sub true { return JSON::PP::true() }

sub send_master {
    my ($signal) = @_;
    my $pid = master_pid() or die "nginx does not run\n";
    kill $signal, $pid;
}

our $Http = $LogFormat . <<'_EOC_';
    llm_router_key sk-test-0123456789abcdef;
    llm_router_health interval=100ms;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
_EOC_

our $Server = "    server { $Listen location /v1/ { llm_router on; } }\n";

defaults(
    mock => "a\n",
    http_config => $Http . $Server,
    config => "    location /v1/ { llm_router on; }\n",
);

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: QUIT with streams open: they end as they would have
--- slow_stop
--- slots_zero: off
--- perl
my $b = begin_burst(map { [{ stream => true() },
                           { 'X-Mock' => 'tokens=30;pace=40' },
                           port => port()] } 1 .. 20);
ok(wait_until(sub { mock_stats('a')->{in_flight} == 20 }), 'all under way');
my $start = time;
send_master('QUIT');
my @r = $b->wait;
is(scalar(grep { $_->complete && ($_->events)[-1] eq '[DONE]' } @r), 20,
   'all are whole');
cmp_ok(time - $start, '>', 0.6, 'though nginx was told to end long before');
ok(wait_until(sub { !master_pid() }), 'then it is gone');
is(mock_stats('a')->{aborted}, 0, 'no node was left');
is(scalar(grep { $_->{code} eq 'ok' && $_->{completion} == 30 }
               log_fields()), 20, 'all are logged, and counted');



=== TEST 2: QUIT with answers that have not begun
--- slow_stop
--- slots_zero: off
--- perl
my $b = begin_burst(map { [{}, { 'X-Mock' => 'delay=700' }, port => port()] }
                    1 .. 10);
ok(wait_until(sub { mock_stats('a')->{in_flight} == 10 }), 'all under way');
send_master('QUIT');
is(scalar(grep { $_->status == 200 && $_->complete } $b->wait), 10,
   'all are whole');
ok(wait_until(sub { !master_pid() }), 'then it is gone');



=== TEST 3: QUIT with requests in the queue: they are served, then it ends
--- http_config eval
$::Http . "    llm_router_max_concurrent 2;\n" . $::Server
--- slow_stop
--- slots_zero: off
--- perl
my $b = begin_burst(map { [{}, { 'X-Mock' => 'delay=150' }, port => port()] }
                    1 .. 12);
ok(totals_are(queued => 10), 'ten wait');
send_master('QUIT');
is(scalar(grep { $_->status == 200 && $_->complete } $b->wait), 12,
   'all are served');
ok(wait_until(sub { !master_pid() }), 'then it is gone');
is(mock_stats('a')->{max_in_flight}, 2, 'two at a time to the end');



=== TEST 4: QUIT with nothing under way, but kept connections and probes
--- slots_zero: off
--- perl
is(scalar(grep { $_->status == 200 }
               burst(map { [{}, {}, port => port()] } 1 .. 20)), 20, 'served');
cmp_ok(mock_stats('a')->{open_connections}, '>=', 1, 'connections are kept');
ok(wait_until(sub { mock_stats('a')->{models_requests} >= 3 }), 'probes run');
mock_set('a', 'silence=before;path=/v1/models');
my $n = mock_stats('a')->{models_requests};
ok(wait_until(sub { mock_stats('a')->{models_requests} > $n }),
   'one is not answered');
my $start = time;
send_master('QUIT');
ok(wait_until(sub { !master_pid() }), 'it ends');
cmp_ok(time - $start, '<', 1, 'at once');
ok(wait_until(sub { mock_stats('a')->{open_connections} <= 1 }),
   'its connections are closed');



=== TEST 5: TERM: it waits for nothing
--- slots_zero: off
--- perl
my $b = begin_burst((map { [{ stream => true() },
                            { 'X-Mock' => 'tokens=2000;pace=20' },
                            port => port()] } 1 .. 10),
                    (map { [{}, { 'X-Mock' => 'delay=20000' },
                            port => port()] } 1 .. 10));
ok(wait_until(sub { mock_stats('a')->{in_flight} == 20 }), 'all under way');
my $start = time;
send_master('TERM');
ok(wait_until(sub { !master_pid() }), 'it ends');
cmp_ok(time - $start, '<', 1, 'at once');
my @r = $b->wait;
is(scalar(grep { $_->complete } @r), 0, 'no answer pretends to be whole');
is(scalar(grep { /\[DONE\]|"finish_reason":"stop"/ } map { $_->body } @r), 0,
   'nor to be at its end');
ok(wait_until(sub { mock_stats('a')->{in_flight} == 0 }),
   'the nodes are told');
is(mock_stats('a')->{aborted}, 20, 'of each');



=== TEST 6: TERM with requests in the queue
--- http_config eval
$::Http . "    llm_router_max_concurrent 1;\n" . $::Server
--- slots_zero: off
--- perl
my $b = begin_burst(map { [{}, { 'X-Mock' => 'delay=20000' },
                           port => port()] } 1 .. 6);
ok(totals_are(queued => 5), 'five wait');
my $start = time;
send_master('TERM');
ok(wait_until(sub { !master_pid() }), 'it ends');
cmp_ok(time - $start, '<', 1, 'at once');
is(scalar(grep { $_->complete && $_->status == 200 } $b->wait), 0,
   'none is served');
is(mock_stats('a')->{requests}, 1, 'none reached a node');



=== TEST 7: a client that leaves while nginx ends
--- slow_stop
--- slots_zero: off
--- perl
my @s = map { stream({}, { 'X-Mock' => 'tokens=2000;pace=20' },
                     port => port()) } 1 .. 4;
ok(defined read_event($_), 'a stream has begun') for @s;
send_master('QUIT');
ok(defined read_event($_), 'it goes on') for @s, @s;
$_->close for @s;
ok(wait_until(sub { !master_pid() }), 'nginx ends when they have left');
is(mock_stats('a')->{aborted}, 4, 'the node is told');
