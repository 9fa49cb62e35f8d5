# All nodes down for a minute, with clients who go on asking, and up again:
# each request is served or told at once what is wrong, and the first node
# that comes back is not overrun.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Load;

my $seconds = $ENV{LLMTEST_LONG} ? 60 : 8;

defaults(
    mock => "a --models m\nb --models m\n",
    http_config => $LogFormat . <<'_EOC_',
    llm_router_key sk-test-0123456789abcdef;
    llm_router_health interval=1s timeout=1s fails=1;
    llm_router_queue size=100 timeout=2s;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a
                    max_concurrent=3;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b
                    max_concurrent=3;
_EOC_
    config => "    listen 127.0.0.1:\$TEST_NGINX_SPREAD_PORT;\n"
              . "    location /v1/ { llm_router on; }\n",
);

sub seconds { return $seconds }

# How often each client was answered, by status, and the longest that an answer
# took; a client who is told that nobody is there asks again after a moment.

sub clients {
    my (%opt) = @_;
    my (%n, $longest);

    return sub {
        my $start = Time::HiRes::time();
        my $r = eval { chat({}, { 'X-Mock' => 'delay=20' }, %opt) };
        my $took = Time::HiRes::time() - $start;

        $n{ $r ? $r->status : 0 }++;
        $longest = $took if !$longest || $took > $longest;
        select undef, undef, undef, 0.05 if !$r || $r->status != 200;
        return { %n, longest => $longest };
    };
}

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: down for a minute and up again
--- slow_stop
--- perl
ok(models_are('m'), 'they are there');
my $load = begin_load(12, clients(port => port(), timeout => 30));
ok(wait_until(sub { total('requests') > 20 }), 'requests are served');

mock_stop($_) for qw(a b);
my $end = Time::HiRes::time() + seconds();
ok(wait_until(sub { node_row('a')->{state} eq 'offline'
                    && node_row('b')->{state} eq 'offline' }),
   'both are found away');
my $left = $end - Time::HiRes::time();
select undef, undef, undef, $left if $left > 0;
my $told = total('errors');
cmp_ok($told, '>', 12, 'who asks meanwhile is told');

mock_start('a');
ok(wait_until(sub { mock_stats('a')->{completed} > 50 }), 'one serves again');
cmp_ok(mock_stats('a')->{max_in_flight}, '<=', 3,
       'as many at once as it takes, from the first one on');
mock_start('b');
ok(wait_until(sub { mock_stats('b')->{completed} > 50 }), 'so does the other');
cmp_ok(mock_stats('b')->{max_in_flight}, '<=', 3, '... as many at once');

my %n;

for my $r ($load->stop(60)) {
    is($r->{died}, undef, 'a client lives') if $r->{died};
    $n{$_} += $r->{$_} for grep { $_ ne 'longest' } keys %$r;
    $n{longest} = $r->{longest} if $r->{longest} > ($n{longest} // 0);
}

my $longest = delete $n{longest};
cmp_ok($n{200}, '>', 100, 'requests were served');
my @other = grep { !/^(?:200|502|503)$/ } sort keys %n;
is("@other", '', 'the others were told, each in one of two ways')
    or diag(explain(\%n));
cmp_ok($longest, '<', 20, 'nobody waited without an end');
ok(totals_are(in_flight => 0, keys_in_flight => 0, queued => 0),
   'every slot is free') or diag(explain(status_page()));
--- error_log
is offline
