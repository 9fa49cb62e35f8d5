# The clock of the machine goes back, or far ahead, while nginx runs: only
# what is said in dates follows it.  libfaketime gives nginx a wall clock
# that a file sets; the clock that only goes forward is the real one.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;
use Time::HiRes qw(time);

my ($lib) = grep { -f } map { "$_/faketime/libfaketimeMT.so.1" }
            '/usr/lib', '/usr/local/lib', glob('/usr/lib/*-linux-gnu');

# neither a sanitizer nor valgrind can be preloaded besides
for ([!$lib, 'no libfaketime: install the package faketime'],
     [$ENV{LLMTEST_VALGRIND}, 'valgrind has the place of libfaketime'],
     [$ENV{ASAN_OPTIONS}, 'a sanitizer has the place of libfaketime'])
{
    my ($is, $why) = @$_;
    next if !$is;
    print "1..1\nok 1 # skip $why\n";
    exit 0;
}

$ENV{TEST_NGINX_FAKETIME} = $lib;
# Test::Nginx::Socket sets LD_PRELOAD itself, to what it was at its start
$Test::Nginx::Util::ld_preload = $Test::Nginx::Util::ld_preload = $lib;
$ENV{TEST_NGINX_CLOCK} = "$ENV{TEST_NGINX_SERVROOT}.clock";

our $Http = $AdminKey . $Pid . <<'_EOC_';
    llm_router_admin user=root "password=right horse";
    llm_router_state state/state.json;
    llm_router_health interval=100ms timeout=2s;
    llm_router_key sk-test-0123456789abcdef max_concurrent=1000;
    llm_router_key sk-test-nodes-0123456789 name=nodes scopes=node;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
_EOC_

our $Env = <<'_EOC_';
LD_PRELOAD=$TEST_NGINX_FAKETIME
FAKETIME_TIMESTAMP_FILE=$TEST_NGINX_CLOCK
FAKETIME_DONT_FAKE_MONOTONIC=1
FAKETIME_NO_CACHE=1
_EOC_

defaults(
    mock => "a --models m\nb --models other\n",
    env => $Env,
    main_config => CORE::join('', map { "env $_;\n" } $Env =~ /^(\w+)=/mg),
    http_config => $Http,
    config => "    $Listen\n    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

# nginx's clock is so many seconds from the real one.  It is seen in all
# workers before this returns.

sub clock {
    my ($offset) = @_;

    open my $out, '>', "$ENV{TEST_NGINX_CLOCK}.new" or die "clock: $!\n";
    printf $out "%+d\n", $offset;
    close $out;
    rename "$ENV{TEST_NGINX_CLOCK}.new", $ENV{TEST_NGINX_CLOCK}
        or die "clock: $!\n";

    # the answers' Date is what nginx believes
    my %seen;
    return wait_until(sub {
        my $r = http('GET', '/api/version', {}, undef, port => port());
        my $t = of_date($r->header('date'));
        $seen{ $r->header('x-pid') } = 1
            if abs($t - time - $offset) < 30;
        return keys %seen == 2;
    }, 15);
}

sub of_date {
    my ($d, $m, $y, $h, $min, $s) =
        $_[0] =~ /(\d+) (\w+) (\d+) (\d+):(\d+):(\d+)/ or return 0;
    my %m = (Jan => 0, Feb => 1, Mar => 2, Apr => 3, May => 4, Jun => 5,
             Jul => 6, Aug => 7, Sep => 8, Oct => 9, Nov => 10, Dec => 11);
    require Time::Local;
    return Time::Local::timegm($s, $min, $h, $d, $m{$m}, $y);
}

sub start_clock {
    open my $out, '>', $ENV{TEST_NGINX_CLOCK};
    print $out "+0\n";
    close $out;
}

sub with { return { Authorization => "Bearer $_[0]{key}" } }

sub rfc3339 {
    require POSIX;
    return POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $_[0]);
}

# a day back, a day ahead, and right again

our @Jumps = (-86_400, 86_400, -3_000_000, 0);

add_block_preprocessor(sub { start_clock() });
END { unlink $ENV{TEST_NGINX_CLOCK} if $ENV{TEST_NGINX_CLOCK} }

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: sessions, checks, streams and the state file do not mind
--- perl
ok(clock(0), 'the right time');
my $token = http('POST', '/api/auth/login', {}, {
    username => 'root', password => 'right horse' })->json->{token};
my $s = stream({}, { 'X-Mock' => 'tokens=4000;pace=20' }, port => port());
ok(read_event($s), 'a stream');

for my $jump (@::Jumps) {
    ok(clock($jump), "the clock is $jump s off");
    my $me = http('GET', '/api/auth/me', { Authorization => "Bearer $token" });
    is($me->status, 200, 'the session goes on');
    cmp_ok(abs($me->json->{expires_in} - 86_400), '<', 300,
           'and ends when it would have');
    my $n = mock_stats('a')->{models_requests};
    ok(wait_until(sub { mock_stats('a')->{models_requests} >= $n + 3 }),
       'nodes are checked');
    is(node('a')->{state}, 'online', 'and online');
    ok(read_event($s), 'the stream goes on') for 1 .. 3;
    is(chat()->status, 200, 'requests are served');

    my $k = add_key({ name => "key $jump" });
    ok(wait_until(sub {
        open my $in, '<', "$ENV{TEST_NGINX_SERVROOT}/state/state.json"
            or return;
        local $/;
        return grep { $_->{name} eq "key $jump" }
               @{ (eval { json_decode(<$in>) } || {})->{keys} };
    }), 'what is made is written');
    is(http('GET', '/api/health')->json->{status}, 'ok', 'all is well');
}

close_stream($s);



=== TEST 2: a key's end is a date: it follows the clock
--- perl
ok(clock(0), 'the right time');
my $k = add_key({ name => 'k', expires_at => rfc3339(time + 3600) });
is(each_worker(sub { chat({}, with($k), port => $_[0]) }), '200', 'good');

for (1 .. 2) {
    ok(clock(7200), 'two hours later');
    is(each_worker(sub { chat({}, with($k), port => $_[0]) }), '401', 'over');
    is(key($k->{id})->{state}, 'expired', 'as is shown');
    ok(clock(-7200), 'four hours back');
    is(each_worker(sub { chat({}, with($k), port => $_[0]) }), '200', 'good');
    is(key($k->{id})->{state}, 'active', 'as is shown');
}



=== TEST 3: rates
--- perl
ok(clock(0), 'the right time');

for my $jump (@::Jumps) {
    my $k = add_key({ name => "k$jump", rpm => 60 });
    my $r;
    for (1 .. 200) {
        $r = chat({}, with($k), port => port());
        last if $r->status != 200;
    }
    is($r->status, 429, 'the rate is used up');
    ok(clock($jump), "the clock is $jump s off");
    $r = chat({}, with($k), port => port());
    my $n = 0;
    while ($r->status == 200 && $n < 40) {
        $n++;
        $r = chat({}, with($k), port => port());
    }
    is($r->status, 429, 'no more than the time that really went by gave');
    cmp_ok($r->header('retry-after'), '<=', 60, 'it is told a real time');
    ok(wait_until(sub { chat({}, with($k), port => port())->status == 200 },
                  10), 'and let in when that is over');
}



=== TEST 4: the queue
--- config
    listen 127.0.0.1:$TEST_NGINX_SPREAD_PORT;
    location /v1/ { llm_router on; llm_router_max_concurrent 1;
                    llm_router_queue size=10 timeout=3s; }
    location /api/ { llm_router_api on; }
--- slow_stop
--- perl
ok(clock(0), 'the right time');

for my $jump (@::Jumps) {
    # who waits is neither told that it is over nor kept for ever
    my $b = begin_burst([ {}, { 'X-Mock' => 'delay=1500' }, port => port() ]);
    ok(totals_are(in_flight => 1), 'one is served');
    $b->add([ {}, {}, port => port() ]);
    ok(totals_are(queued => 1), 'one waits');
    ok(clock($jump), "the clock is $jump s off");
    my @r = $b->wait;
    is_deeply([map { $_->status } @r], [200, 200], 'both are served');
}

my $s = stream({}, { 'X-Mock' => 'tokens=4000;pace=20' }, port => port());
my $b = begin_burst([ {}, {}, port => port() ]);
ok(totals_are(queued => 1), 'one waits');
ok(clock(-7200), 'the clock goes back');
is(($b->wait)[0]->status, 504, 'it is told when its time is over');
close_stream($s);



=== TEST 5: circuits and rests
--- http_config eval
(my $http = $::Http) =~ s/llm_router_health .*/llm_router_health interval=10s;/;
$http
--- perl
ok(clock(0), 'the right time');

for my $jump (@::Jumps) {
    mock_set('a', 'reset;status=500;times=5');
    chat() for 1 .. 6;
    isnt(node('a')->{circuit}{state}, 'closed', 'the circuit is open');
    ok(clock($jump), "the clock is $jump s off");
    ok(wait_until(sub { chat()->status == 200 }, 15), 'it closes in time');

    mock_set('a', 'reset;status=429;retry_after=2;times=1');
    chat();
    is(node('a')->{state}, 'cooling', 'a rest');
    ok(clock($jump + 5000), 'the clock is elsewhere');
    my $until = node('a')->{until};
    ok(wait_until(sub { chat()->status == 200 }, 15), 'it is over in time');
    ok(clock($jump), 'and back');
}



=== TEST 6: nodes that announce themselves
--- perl
ok(clock(0), 'the right time');
my $r = api('POST', '/nodes/register', {
    name => 'b', base_url => 'http://127.0.0.1:' . mock_port('b'),
    models => ['other'] },
    { Authorization => 'Bearer sk-test-nodes-0123456789' });
is($r->status, 201, 'registered') or diag($r->body);
my ($id, $token) = @{ $r->json }{qw(node_id node_token)};
is(api('POST', "/nodes/$id/approve")->status, 200, 'and approved');
my $beat = sub {
    return api('POST', "/nodes/$id/heartbeat", { load => 1 },
               { Authorization => "Bearer $token" });
};
is($beat->()->status, 200, 'a heartbeat') or diag($beat->()->body);
ok(wait_until(sub { chat({ model => 'other' })->status == 200 }), 'it serves');

for my $jump (@::Jumps) {
    ok(clock($jump), "the clock is $jump s off");
    my $n = mock_stats('b')->{models_requests};
    ok(wait_until(sub { mock_stats('b')->{models_requests} >= $n + 15 }),
       'a second and more go by');
    is(node($id)->{state}, 'online', 'it was not silent for that long');
    is(chat({ model => 'other' })->status, 200, 'it serves');
    is($beat->()->status, 200, 'a heartbeat');
    my ($from, $to) = map { rfc3339(time + $jump + $_) } -60, 5;
    my $at = node($id)->{last_heartbeat};
    ok($at ge $from && $at le $to, 'shown by the clock as it is')
        or diag("$at, not $from to $to");
}
