# A list of models that finds no room in the zone, told by a probe, a heartbeat
# or an announcement: it is left out and that is said, the list before it stays
# in force, and requests go on.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;
use LLMTest::Load;

our $Nodes = 'sk-trust-0123456789abcdef';

defaults(
    mock => "a --models m\nb --models n\nc --models c\n",
    http_config => $AdminKey . $Pid . <<'_EOC_',
    llm_router_zone small:1m;
    llm_router_health interval=100ms timeout=2s fails=1;
    llm_router_key sk-test-0123456789abcdef max_concurrent=1000;
    llm_router_key sk-trust-0123456789abcdef name=trusted scopes=node,approve;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_C name=c models=c;
_EOC_
    config => "    listen 127.0.0.1:\$TEST_NGINX_SPREAD_PORT reuseport;\n"
              . "    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

# n names of 250 bytes

sub names {
    my ($n, $first) = @_;
    return map { sprintf '%s%0249d', $first // 'x', $_ } 1 .. $n;
}

# A node whose list, with its index, takes so much of the zone that there is no
# room for another of this length.

our $Long = 500;

sub fill {
    return add_node({ base_url => 'http://127.0.0.1:9', name => 'large',
                      models => [names($Long, 'f')], check => false })->{id};
}

# another server at the place of the node, with these models

sub other_a {
    my $port = mock_port('a');
    mock_stop('a');
    LLMTest::Mock::start('a', '--port', $port, '--models', CORE::join ',', @_);
}

sub empty { is(api('DELETE', "/nodes/$_[0]")->status, 204, 'room') }

sub announce {
    my ($members) = @_;
    return api('POST', '/nodes/register', {
        base_url => 'http://127.0.0.1:' . mock_port('b'), name => 'b',
        %$members }, { Authorization => "Bearer $::Nodes" });
}

sub beat {
    my ($n, $members) = @_;
    return api('POST', "/nodes/$n->{node_id}/heartbeat", $members,
               { Authorization => "Bearer $n->{node_token}" });
}

sub without_times {
    my $node = node($_[0]{node_id});
    delete @$node{qw(last_heartbeat checked_at requests)};
    return $node;
}

sub served {
    my ($model) = @_;
    return each_worker(sub { chat({ model => $model }, {}, port => $_[0]) });
}

sub told { return scalar(() = error_log_text() =~ /$_[0]/g) }

our $Full = qr/\[error\].* llm zone is full: a list of models was not stored/;

sub goes_on {
    my ($load) = @_;
    my %n;

    for my $l ($load->stop) { $n{$_} += $l->{$_} for keys %$l }
    cmp_ok(delete $n{200} // 0, '>', 10, 'requests were served');
    is_deeply(\%n, {}, 'and each of them');
    ok(totals_are(in_flight => 0, keys_in_flight => 0, queued => 0),
       'every slot is free');
}

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: a list that a probe brings
--- slow_stop
--- perl
ok(models_are('c', 'm'), 'the list that fits');
my $load = begin_load(1, chats(members => { model => 'c' }, port => port()));
my $large = fill();
is(told($::Full), 0, 'nothing is said yet');

other_a('m', names($::Long));
ok(wait_log($::Full), 'it found no room, and the log says so');
my $asked = mock_stats('a')->{models_requests};
ok(wait_until(sub { mock_stats('a')->{models_requests} > $asked + 5 }),
   'it is asked on');
my $was = node('a');
is_deeply([@$was{qw(models state)}], [['m'], 'online'],
          'the list before it stays, and the node is online');
is(served('m'), '200', 'every worker serves');
is(served('x' . '0' x 248 . '1'), '404', '... and nothing of the other list');
is(told($::Full), 1, 'it was said once, not with each probe');

# one that fits again is taken

other_a('m', 'other');
ok(wait_until(sub { @{ node($was->{id})->{models} } == 2 }),
   'a short list is taken');
other_a('m', names($::Long));
empty($large);
ok(wait_until(sub { (node($was->{id})->{models_total} // 0) == 501 }, 30),
   'when there is room the long one is stored');
ok(wait_until(sub { served('x' . '0' x 246 . '500') eq '200' }, 20),
   'and served');
is(served('other'), '404', 'what it no longer has is not');
goes_on($load);
--- timeout: 60



=== TEST 2: a list that a heartbeat or an announcement brings
--- slow_stop
--- http_config
    llm_router_zone small:1m;
    llm_router_health interval=10s timeout=2s;
    llm_router_key sk-admin-0123456789abcdef name=robot scopes=admin;
    llm_router_key sk-test-0123456789abcdef max_concurrent=1000;
    llm_router_key sk-trust-0123456789abcdef name=trusted scopes=node,approve;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_C name=c models=c;
    add_header X-Pid $pid always;
--- perl
my $r = announce({ models => ['n', 'o'], max_concurrent => 5 });
is($r->status, 201, 'announced');
my $n = $r->json;
is(beat($n, { load => 1 })->status, 200, 'heard');
ok(wait_until(sub { served('n') eq '200' }), 'it serves');
my $load = begin_load(1, chats(members => { model => 'c' }, port => port()));
my $large = fill();
my $shown = without_times($n);

api_error(beat($n, { models => [names($::Long)], max_concurrent => 9, load => 7 }),
          507, 'zone_full', undef, 'a heartbeat with a long list');
is_deeply(without_times($n), $shown, 'nothing of it was taken');
my $heard = node($n->{node_id})->{last_heartbeat};
ok(wait_until(sub {
    beat($n, { models => [names($::Long)] })->status == 507
        && node($n->{node_id})->{last_heartbeat} ne $heard;
}), 'but that it lives');
is_deeply([@$shown{qw(models load max_concurrent)}], [['n', 'o'], 1, 5],
          'the list before it stays, and what else was said');
is(served($_), '200', "every worker serves $_") for qw(c n o);
is(served('x' . '0' x 248 . '1'), '404', '... and nothing of the other list');

is(beat($n, { load => 3 })->status, 200, 'one without a list is heard');
is(node($n->{node_id})->{load}, 3, '... and taken');
is(beat($n, { models => ['n', 'o'], max_concurrent => 6 })->status, 200,
   'so is one with the list it had');
is(node($n->{node_id})->{max_concurrent}, 6, '... with what else it says');

# nor does one that announces itself lose what it has

$shown = without_times($n);
api_error(announce({ models => [names($::Long)], max_concurrent => 7 }), 507,
          'zone_full', undef, 'an announcement with a long list');
is_deeply(without_times($n), $shown, 'nothing of it was taken');
is(beat($n, { load => 3 })->status, 200, 'the token is what it was');
is(served('o'), '200', 'it serves');

# and a new one is not made by half

api_error(api('POST', '/nodes/register', {
    base_url => 'http://127.0.0.1:9/new', models => [names($::Long)] },
    { Authorization => "Bearer $::Nodes" }), 507, 'zone_full', undef,
    'a new one with a long list');
is(scalar(rows('/nodes')), 3, 'it is not there');

empty($large);
ok(wait_until(sub { beat($n, { models => [names($::Long)] })->status == 200 }, 30),
   'when there is room the list is taken');
ok(wait_until(sub { served('x' . '0' x 246 . '500') eq '200' }, 20),
   'and served');
ok(wait_until(sub { served('o') eq '404' }), 'what it no longer has is not');
goes_on($load);
--- timeout: 60
