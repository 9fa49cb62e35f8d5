# kill -9 of workers while nodes and keys are changed: each change was made
# whole or not at all, what was answered holds, and nothing is held for ever.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;
use LLMTest::Load;

our $Http = $AdminKey . $Pid . <<'_EOC_';
    llm_router_key sk-test-0123456789abcdef max_concurrent=1000;
    llm_router_state $TEST_NGINX_SERVROOT/state.json;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=m;
_EOC_

defaults(
    mock => "a\nb\nn0\nn1\nn2\n",
    http_config => $Http,
    config => "    $Listen\n    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

my @names = map { "n$_" } 0 .. 2;

# an own node each, found by its URL whatever its answer was

sub nodes_of_their_own {
    my @sub = map {
        my $url = 'http://127.0.0.1:' . mock_port($names[$_]);
        admin_node($_, url => sub { $url });
    } 0 .. $#names;
    return sub { $sub[$_[0]]->(@_) };
}

sub keys_of_their_own {
    my @sub = map { admin_key($_) } 0 .. 2;
    return sub { $sub[$_[0]]->(@_) };
}

# a list is JSON, each row once and whole

sub list_is_sound {
    my ($path, $name) = @_;
    my $r;

    wait_until(sub { $r = ask('GET', "$path?limit=10000") });
    my $list = $r ? $r->json : undef;
    my @rows = $list ? @{ $list->{data} } : ();
    my (%id, %name);
    my @wrong = grep { $id{ $_->{id} }++ || $name{ $_->{name} }++
                       || $_->{id} !~ /^(?:node|key)-[0-9a-f]{16}$/ } @rows;

    ok($list && !@wrong && defined $list->{total}, $name)
        or diag($r ? $r->body : 'no answer', explain(\@wrong));
}

sub nothing_bad {
    my ($name, @r) = @_;
    my @bad = map { @{ $_->{bad} // [] }, $_->{died} // () } @r;
    is(scalar @bad, 0, $name) or diag(map { "$_\n" } @bad[0 .. ($#bad > 9
                                                            ? 9 : $#bad)]);
}

workers(4);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: a hundred workers die while nodes and keys are changed
--- allow_signal
--- slow_stop
--- perl
my $chats = begin_load(2, chats());
my $nodes = begin_load(3, nodes_of_their_own());
my $keys = begin_load(3, keys_of_their_own());

for my $round (1 .. 100) {
    my @pids = worker_pids();

    # at any moment
    select undef, undef, undef, rand 0.05;
    kill 'KILL', $pids[rand @pids] if @pids;

    # often the next one dies before this one's successor is there
    wait_until(sub { worker_pids() >= 3 }, 10) or diag("round $round");

    if ($round % 20 == 0) {
        list_is_sound('/nodes', "round $round: the nodes are sound");
        list_is_sound('/keys', "round $round: the keys, too");
    }
}

my ($n0, $n1, @more) = ($chats->stop, $nodes->stop, $keys->stop);
my @chats = ($n0, $n1);
my @admins = @more;
ok(wait_until(sub { worker_pids() == 4 }, 10), 'four workers');

my %n;
for my $c (@chats) { $n{$_} += $c->{$_} for keys %$c }
my $served = $n{200};
delete @n{0, 200, '200 cut'};
cmp_ok($served, '>', 100, 'requests were served all the time');
is_deeply(\%n, {}, 'each was served, or was of a worker that died');

nothing_bad('no change is half made, lost or undone', @admins);
my ($changes, $lost) = (0, 0);
$changes += $_->{changes}, $lost += $_->{lost} for @admins;
cmp_ok($changes, '>', 100, 'nodes and keys were changed all the time');
cmp_ok($lost, '>', 0, 'and some changes lost their worker');
note("$served requests, $changes changes, $lost lost");

is(CORE::join('', map { in_force($_) } @admins), '',
   'what was answered is there');
list_is_sound('/nodes', 'the nodes are sound');
list_is_sound('/keys', 'the keys, too');

my @left = grep { $_->{left} } @admins;
my $want = grep { $_->{path} eq '/nodes' } @left;
is(scalar(rows('/nodes?limit=100')), 2 + $want, 'no other node is left');
is(scalar(rows('/keys?limit=100')), 2 + @left - $want, 'nor another key');

ok(totals_are(in_flight => 0, keys_in_flight => 0, queued => 0),
   'every slot is free') or diag(explain(status_page()));
is(scalar(grep { $_->{in_flight} || $_->{waiting} // 0 }
               rows('/nodes?limit=100'), rows('/keys?limit=100')), 0,
   'of each node and key');

for (@left) {
    is(api('DELETE', "$_->{path}/$_->{left}{id}")->status, 204,
       'what is left is deleted');
}

is(each_worker(sub { chat({}, {}, port => $_[0]) }), '200', 'all serve');
--- timeout: 90
--- allow_log
shared memory zone "llm_router" was locked by
