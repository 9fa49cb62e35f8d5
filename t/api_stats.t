# The figures: in one piece, minute by minute, and as they happen.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;
use Time::HiRes qw(time);

defaults(
    mock => "a\nb\n",
    http_config => $AdminKey . $Pid . <<'_EOC_',
    llm_router_key sk-alice-0123456789 name=alice max_concurrent=1000;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m,n;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=o;
_EOC_
    config => "    $Listen\n    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

sub alice { return ('x-api-key' => 'sk-alice-0123456789') }
sub stats { return api('GET', '/stats')->json }
sub sum { my $n = 0; $n += $_ // 0 for @_; return $n }

sub series {
    my ($args) = @_;
    return api('GET', '/stats/series' . ($args ? "?$args" : ''))->json;
}

# three that are served, one that is not, one that its node refuses

sub five {
    chat({ model => 'm' }, { alice(), 'X-Mock' => 'prompt=5;tokens=6' });
    chat({ model => 'm' }, { alice(), 'X-Mock' => 'prompt=5;tokens=6' });
    chat({ model => 'o' }, { alice(), 'X-Mock' => 'prompt=1;tokens=2' });
    chat({ model => 'none' }, { alice() });
    chat({ model => 'n' }, { alice(), 'X-Mock' => 'status=400' });
    return wait_until(sub { stats()->{day}{requests} == 5 });
}

# the next event of this kind

sub event {
    my ($s, $name, $fits) = @_;

    while (my $e = $s->read_event(10)) {
        next if ($e->{event} // '') ne $name;
        my $data = json_decode($e->{data});
        return $data if !$fits || $fits->($data);
    }

    return;
}

sub events_of {
    my (%headers) = @_;
    %headers = (Authorization => "Bearer $LLMTest::Admin::Admin")
        if !%headers;
    return open_stream('GET', '/api/events', \%headers);
}

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: all of them
--- perl
ok(five(), 'five are counted');
my $s = stats();

like($s->{time}, qr/^20\d\d-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/, 'when');
is($s->{totals}{requests}, 5, 'requests since the start');
is($s->{totals}{prompt_tokens}, 11, 'what was read');
is($s->{totals}{completion_tokens}, 14, 'and written');
is_deeply([ @{ $s->{day} }{qw(requests errors cancelled prompt_tokens
                              completion_tokens)} ],
          [ 5, 2, 0, 11, 14 ], 'of a day');
is_deeply([ sort keys %{ $s->{day}{duration_ms} } ], [qw(p50 p90 p99)],
          'percentiles');
cmp_ok($s->{day}{ttft_ms}{p50}, '<=', $s->{day}{ttft_ms}{p99}, 'in order');
is_deeply($s->{now}, { in_flight => 0, queued => 0,
                       nodes => { total => 2, online => 2 } }, 'now');
cmp_ok($s->{last_minute}{requests_per_s}, '>', 0, 'a rate');
cmp_ok($s->{last_minute}{error_rate}, '>', 0.3, 'and of errors');

is_deeply([ map { "$_->{model} $_->{requests} $_->{errors}" }
                @{ $s->{models} } ], [ 'm 2 0', 'n 1 1', 'o 1 0' ],
          'models, the most asked first; one that nobody has is none');
is_deeply([ map { "$_->{name} $_->{requests} $_->{completion_tokens}" }
                @{ $s->{nodes} } ], [ 'a 3 12', 'b 1 2' ], 'nodes');
is($s->{nodes}[0]{id}, node('a')->{id}, 'by their id');
is($s->{history}{source}, 'ring', 'the history');
is($s->{history}{kept}, 5, 'that it has');



=== TEST 2: minute by minute
--- perl
ok(five(), 'five are counted');
my $s = series();

is($s->{step}, 60, 'a minute each');
is(scalar @{ $s->{time} }, 60, 'of an hour');
is(scalar(grep { @{ $s->{$_} } != 60 } grep { ref $s->{$_} } keys %$s), 0,
   'all columns are as long');
is($s->{time}[59] - $s->{time}[0], 59 * 60, 'the last one is now');
is($s->{time}[0] % 60, 0, 'they begin with the minute');
is(sum(@{ $s->{requests} }), 5, 'requests');
is(sum(@{ $s->{errors} }), 2, 'errors');
is(sum(@{ $s->{completion_tokens} }), 14, 'tokens');

my ($i) = grep { $s->{requests}[$_] } 0 .. 59;
ok(defined $s->{duration_p50}[$i], 'percentiles where something was');
is($s->{duration_p50}[0], undef, 'and none where nothing was');

my $six = series('window=6h&step=300');
is(scalar @{ $six->{time} }, 72, 'six hours by five minutes');
is(sum(@{ $six->{requests} }), 5, 'the same requests');
is(scalar @{ series('window=24h&step=3600')->{time} }, 24, 'a day by hours');
is(scalar @{ series('window=600')->{time} }, 10, 'ten minutes, in seconds');

my $m = series('model=m&window=24h&step=600');
is(sum(@{ $m->{requests} }), 2, 'of a model');
ok(!exists $m->{duration_p50}, 'without percentiles');
my $b = node('b')->{id};
is(sum(@{ series("node=$b&step=600")->{requests} }), 1, 'of a node');
is(sum(@{ series('model=gone&step=600')->{requests} }), 0, 'of none');

is(api('GET', "/stats/series?$_")->status, 400, $_)
    for qw(window=0 window=25h window=x step=61 step=0 step=86401
           model=m&node=node-1);



=== TEST 3: as they happen
--- perl
my $s = events_of();
is($s->status, 200, 'a stream');
like($s->header('content-type'), qr{^text/event-stream}, 'of events');
like($s->header('cache-control'), qr/no-store/, 'that nobody keeps');

my $stats = event($s, 'stats');
is($stats->{now}{in_flight}, 0, 'the figures');

chat({ model => 'm' }, { alice(), 'x-request-id' => 'one' });
my $r = event($s, 'request');
is($r->{request_id}, 'one', 'a request');
is($r->{status}, 'success', 'how it ended');
is_deeply($r, api('GET', '/history/one')->json, 'as the history has it');
ok(event($s, 'stats', sub { $_[0]{totals}{requests} == 1 }), 'it is counted');

my $a = node('a')->{id};
api('POST', "/nodes/$a/drain");
is_deeply(event($s, 'node'), { id => $a, name => 'a', state => 'draining' },
          'a node that is drained');
api('POST', "/nodes/$a/resume");
is(event($s, 'node')->{state}, 'online', 'and resumed');

my $made = add_node({ name => 'c',
                      base_url => 'http://127.0.0.1:' . closed_port() });
is(event($s, 'node', sub { $_[0]{id} eq $made->{id} })->{name}, 'c',
   'one that is made');
api('DELETE', "/nodes/$made->{id}");
ok(event($s, 'node', sub { $_[0]{id} eq $made->{id}
                           && $_[0]{state} eq 'deleted' }), 'and deleted');

burst(map { [ {}, { alice() }, port => port() ] } 1 .. 60);
ok(event($s, 'skipped', sub { $_[0]{requests} > 0 }),
   'of many at once some are only counted');
$s->close;



=== TEST 4: for whom, and for how long
--- perl
is(http('GET', '/api/events')->status, 401, 'not for everybody');

my $ends = sub {
    my ($s, $end) = @_;
    ok(event($s, 'stats'), 'a stream');
    my $start = time;
    $end->();
    1 while $s->read_event(10);
    ok($s->complete, 'which ends');
    return time - $start;
};

# within a second each, on a machine that has time for it

my @took;

for (1 .. 4) {
    my $login = http('POST', '/api/auth/login', {},
                     { username => 'admin', password => 'test' })->json;
    my %who = (Authorization => "Bearer $login->{token}");
    push @took, $ends->(events_of(%who), sub {
        is(http('POST', '/api/auth/logout', \%who)->status, 204, 'logged out');
    });
}

for my $end (sub { api('DELETE', "/keys/$_[0]{id}") },
             sub { api('PATCH', "/keys/$_[0]{id}",
                       { scopes => ['inference'] }) },
             sub { api('PATCH', "/keys/$_[0]{id}",
                       { expires_at => '2020-01-01T00:00:00Z' }) })
{
    my $key = add_key({ name => 'watch' . @took, scopes => ['admin'] });
    push @took, $ends->(events_of(Authorization => "Bearer $key->{key}"),
                        sub { is($end->($key)->status =~ /^20[04]$/, 1,
                                 'its key may no more') });
}

is(scalar(grep { $_ > 1.5 } @took), 0, 'soon') or diag("@took");
