# What an operator is shown of a node's circuit, of the rest it asked for and
# of the budget of retries; and that who waits for a node goes on as soon as the
# API lets it.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;
use Time::HiRes qw(time);

our $Node = 'sk-nodes-0123456789abcdef';
our $Guest = 'sk-guest-0123456789abcdef';

defaults(
    mock => "a --models m\nb --models m\n",
    http_config => $AdminKey . <<'_EOC_',
    llm_router_health interval=1h;
    llm_router_key sk-test-0123456789abcdef name=plain;
    llm_router_key sk-nodes-0123456789abcdef name=rack scopes=node,approve;
    llm_router_key sk-guest-0123456789abcdef name=guest scopes=node;
_EOC_
    config => "    $Listen\n    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

our $Time = qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

sub url { return 'http://127.0.0.1:' . mock_port($_[0]) }

sub make {
    my ($name, %m) = @_;
    return add_node({ base_url => url($name), name => $name, models => ['m'],
                      check => false, %m });
}

# seconds from a change to the answer of a request that waited for it; the
# middle one of seven, for each worker looks at its waiters once a second too

sub waits {
    my ($change, $back) = @_;
    my @took;

    for (1 .. 7) {
        my $b = begin_burst([{}, {}, port => port()]);
        $b->run(sub { total('queued') == 1 });
        my $start = time;
        $change->();
        my ($r) = $b->wait;
        push @took, $r->status == 200 ? $r->end - $start : 99;
        $back->();
    }

    return (sort { $a <=> $b } @took)[3];
}

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: a circuit: closed, open, half open
--- perl
my $n = make('a');
my $c = node('a')->{circuit};
is_deeply($c, { state => 'closed', failures_in_a_row => 0, opened => 0,
                reason => undef, until => undef }, 'closed');

mock_set('a', 'status=500');
ok(wait_until(sub { chat(); node('a')->{circuit}{state} eq 'open' }),
   'it opens');
my $m = node('a');
$c = $m->{circuit};
like($c->{reason}, qr/^\d+ failures in a row, the last: status$/, 'why');
like($c->{until}, $::Time, 'until when');
is_deeply([@$m{qw(state reason until)}],
          ['cooling', "circuit open: $c->{reason}", $c->{until}],
          'as the node says');
is($m->{cooldown}, undef, 'it asked for no rest');

# whatever hides it

api('POST', "/nodes/$n->{id}/drain");
$m = node('a');
is_deeply([@$m{qw(state reason)}],
          ['draining', 'it was told to take nothing new'], 'drained');
like($m->{circuit}{reason}, qr/failures in a row/, 'its circuit is shown');
mock_set('a', 'status=500');
api('POST', "/nodes/$n->{id}/resume");
ok(wait_until(sub { chat(); node('a')->{circuit}{state} eq 'open' }),
   'resumed, it opens again');

# the trial takes its time

mock_set('a', 'status=200');
my $s;
ok(wait_until(sub {
    $s = stream({}, { 'X-Mock' => 'first=60000' }, no_head => 1,
                port => port());
    return 1 if wait_until(sub { node('a')->{in_flight} == 1 }, 0.2);
    close_stream($s);
    return 0;
}), 'a trial is under way');
$m = node('a');
is_deeply([@{ $m->{circuit} }{qw(state reason until)}],
          ['half_open', 'one request tries it', undef], 'half open');
is_deeply([@$m{qw(state reason)}],
          ['cooling', 'circuit half open: one request tries it'],
          'as the node says');
close_stream($s);
ok(wait_until(sub { chat()->status == 200 }), 'it serves');
is_deeply(node('a')->{circuit}, { state => 'closed', failures_in_a_row => 0,
                                  opened => 0, reason => undef,
                                  until => undef }, 'closed again');



=== TEST 2: a rest that was asked for
--- perl
make('a');
is(node('a')->{cooldown}, undef, 'none');
chat({}, { 'X-Mock' => 'status=429;retry_after=30' });
my $m = node('a');
is_deeply([@$m{qw(state reason)}], ['cooling', 'busy: it asked for a rest'],
          'it cools');
like($m->{until}, $::Time, 'until when');
is_deeply($m->{cooldown}, { state => 'cooling', until => $m->{until},
                            reason => 'busy: it asked for a rest' },
          'its rest');
is($m->{circuit}{state}, 'closed', 'its circuit has nothing to do with it');
api('POST', "/nodes/$m->{id}/resume");
is(node('a')->{cooldown}, undef, 'it is over');



=== TEST 3: the budget of retries
--- perl
my @n = map { make($_)->{id} } qw(a b);
is_deeply(node('a')->{retry_budget}, { left => 100, state => 'available',
                                       reason => undef, until => undef },
          'all of it');
mock_set($_, 'status=429') for qw(a b);
my $m;

# four failures open no circuit, and then it is closed by hand

ok(wait_until(sub {
    burst(map { [{}, {}, port => port()] } 1 .. 4);
    $m = api('POST', "/nodes/$_/resume")->json->{retry_budget} for @n;
    return $m->{state} eq 'spent';
}, 30), 'it is spent');
is_deeply([@$m{qw(left reason)}], [0, 'too many requests were tried again'],
          'which is said');
like($m->{until}, $::Time, 'until when');
ok(wait_until(sub { node('b')->{retry_budget}{state} eq 'available' }),
   'time fills it again');
ok(wait_until(sub { node('b')->{retry_budget}{left} > 10 }), 'by and by');
is(node('b')->{retry_budget}{$_}, undef, "no $_") for qw(reason until);



=== TEST 4: who waits goes on at once
--- perl
my $n = make('a', max_concurrent => 1);
my $s = stream({}, { 'X-Mock' => 'first=60000' }, no_head => 1,
               port => port());
ok(totals_are(in_flight => 1), 'it has what it can take');
my $patch = sub { api('PATCH', "/nodes/$n->{id}", { max_concurrent => $_[0] }) };

cmp_ok(waits(sub { $patch->(2) }, sub { $patch->(1) }), '<', 0.2,
       'a higher limit');
cmp_ok(waits(sub { api('POST', '/nodes', { base_url => url('a'),
                                           max_concurrent => 2 }) },
             sub { $patch->(1) }), '<', 0.2, '... by POST');

my $o = make('b');
my $order = sub { api('POST', "/nodes/$o->{id}/$_[0]") };
$order->('drain');
cmp_ok(waits(sub { $order->('resume') }, sub { $order->('drain') }), '<', 0.2,
       'another node is resumed');
api('DELETE', "/nodes/$o->{id}");

my $r;
my $leave = sub { api('DELETE', "/nodes/$r->{node_id}") };
my $announce = sub {
    $r = api('POST', '/nodes/register', { base_url => url('b'),
                                          models => ['m'],
                                          max_concurrent => 1 },
             { Authorization => "Bearer $_[0]" })->json;
};
cmp_ok(waits(sub { $announce->($::Node) }, $leave), '<', 0.2,
       'one announces itself');

$announce->($::Guest);
is($r->{state}, 'pending', 'one of a key that may not approve');
cmp_ok(waits(sub { api('POST', "/nodes/$r->{node_id}/approve") },
             sub { $leave->(); $announce->($::Guest) }), '<', 0.2,
       '... is approved');
$leave->();

$announce->($::Node);
my $beat = sub {
    is(api('POST', "/nodes/$r->{node_id}/heartbeat", { models => $_[0] },
           { Authorization => "Bearer $r->{node_token}" })->status, 200,
       'heard');
};
$beat->([]);
cmp_ok(waits(sub { $beat->(['m']) }, sub { $beat->([]) }), '<', 0.2,
       'its heartbeat names the model');
close_stream($s);
