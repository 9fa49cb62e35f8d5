# The budget of retries: a tenth of the requests, ten a second, a hundred
# saved at most.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Nodes;
use Time::HiRes qw(time);

workers(4);

our $Nodes = $LogFormat . <<'_EOC_';
    llm_router_key sk-test-0123456789abcdef;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m,x
                    check=off;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=m,y
                    check=off;
_EOC_

# N requests, and after each four of them a good one to the node that has this
# model alone: four failures in a row open no circuit

sub tide {
    my ($n, $model) = @_;
    my @r;
    for (1 .. $n) {
        push @r, chat({}, {}, port => port());
        chat({ model => $model }, { 'X-Mock' => 'status=200' },
             port => port()) if $_ % 4 == 0;
    }
    return @r;
}

# requests until a retry is refused

sub spend_all {
    my ($model) = @_;
    for (1 .. 100) {
        return 1 if statuses(tide(20, $model))->{429};
    }

    return 0;
}

defaults(
    config => "    location /v1/ { llm_router on; }\n",
    http_config => $Nodes . $Server,
    mock => "a\nb\n",
);

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: beyond it the failure's own answer is the client's
--- perl
mock_set('a', 'status=429');

my $start = time;
my @r = tide(800, 'x');
my $n = statuses(@r);
my $failovers = total('failovers');
my $seconds = time - $start;
my $asked = mock_stats('a')->{requests} - 200;

is($n->{200} + $n->{429}, 800, 'each has an answer');
is($n->{429}, $asked - $failovers, 'what was not tried again: its own answer');
cmp_ok($n->{429}, '>', 0, 'which there were');
cmp_ok($failovers, '>=', 100, 'a hundred retries that were saved');
cmp_ok($failovers, '<=', 100 + 100 + 10 * $seconds + 1,
       'a tenth of the requests, ten a second');

my ($r) = grep { $_->status == 429 } @r;
is($r->json->{error}{code}, 'mock', 'whole');
is($r->header('x-llm-router-node'), 'a', 'from its node');

my $lines = () = error_log_text() =~ /the budget of retries is spent/g;
cmp_ok($lines, '>=', 1, 'it is told in the log');
cmp_ok($lines, '<=', 4 * ($seconds + 2), 'once a second, by each worker');

# time fills it again

mock_set('b', 'status=200');
$failovers = total('failovers');
ok(wait_until(sub { chat(); total('failovers') > $failovers }),
   'retries come with time');
is(total('in_flight'), 0, 'no slot is left');
--- error_log eval
qr/\[warn\].* llm node "a" failed and no other is tried: the budget of retries is spent/



=== TEST 2: a connection that was closed while idle costs nothing
--- mock
a --behave keepalive_timeout=1
b
--- perl
# the budget is spent first
mock_set('b', 'status=429');

ok(spend_all('y'), 'the budget is spent');

mock_reset('b');
mock_stop('b');
my $before = total('failovers');
my %status;
$status{ chat({ model => 'x' })->status }++ for 1 .. 100;
is_deeply(\%status, { 200 => 100 }, 'none of 100 fails');
is(total('failovers'), $before, 'and none was a retry');



=== TEST 3: a node that is not reached costs one, and then its answer is 502
--- perl
mock_set('b', 'status=429');
ok(spend_all('y'), 'the budget is spent');
mock_stop('b');

my @r = map { chat() } 1 .. 20;
my $n = statuses(@r);
is(($n->{200} // 0) + ($n->{502} // 0), 20, 'served, or told');
--- error_log
Connection refused
