# The history: what is recorded, in shared memory and in Redis, and how it is
# asked for.  Nothing is lost and nothing is there twice, whatever happens to
# Redis or to a worker.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;
use LLMTest::Redis;

BEGIN { $ENV{TEST_NGINX_REDIS} = LLMTest::free_port() }

our $Redis = own_redis($ENV{TEST_NGINX_REDIS}, append => 1);

defaults(
    mock => "a\n",
    http_config => $AdminKey . $Pid . <<'_EOC_',
    llm_router_key sk-alice-0123456789 name=alice max_concurrent=1000;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m,n,org/x;
    llm_router_redis 127.0.0.1:$TEST_NGINX_REDIS prefix=t:;
    llm_router_history size=500;
    llm_router_alias nick org/x;
_EOC_
    config => "    $Listen\n    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

sub redis { return $Redis }
sub alice { return ('x-api-key' => 'sk-alice-0123456789') }

sub history {
    my ($args) = @_;
    return api('GET', '/history' . ($args ? "?$args" : ''))->json;
}

sub told { return api('GET', '/stats')->json->{history} }

# a request is recorded when it has ended, just after its answer

sub recorded {
    my ($n, $args) = @_;
    return wait_until(sub { @{ history($args)->{data} } >= $n });
}

sub written {
    my ($n) = @_;
    return wait_until(sub { $Redis->ask('XLEN', 't:history') == $n });
}

sub ids { return join ' ', sort map { $_->{request_id} } @_ }

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: without Redis the ring answers, and says so
--- error_log
the records wait in shared memory
--- perl
chat({ model => 'nick' }, { alice(), 'x-request-id' => 'first',
                            'X-Mock' => 'prompt=5;tokens=6' });
chat({ model => 'none' }, { alice() });
chat({}, { 'x-api-key' => 'sk-wrong' });
chat({ stream => JSON::PP::true() }, { alice() });
ok(recorded(4), 'all four');

my $page = history();
is($page->{source}, 'ring', 'the ring');
like($page->{stale}, qr/^Redis is away/, 'which says so');
is($page->{next_cursor}, undef, 'no more');

my ($first) = grep { $_->{request_id} eq 'first' } @{ $page->{data} };
like(delete $first->{time}, qr/^20\d\d-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/, 'time');
like(delete $first->{id}, qr/^[0-9a-f]{16}-[0-9a-f]+$/, 'id');
like(delete $first->{$_}, qr/^\d+$/, $_)
    for qw(duration_ms ttft_ms request_bytes response_bytes);
is($first->{node_id}, (rows('/nodes'))[0]{id}, 'the id of the node');
delete $first->{$_} for qw(node_id router);
is_deeply($first, {
    request_id => 'first', endpoint => '/v1/chat/completions',
    model => 'org/x', requested_model => 'nick', node => 'a', key => 'alice',
    client_ip => '127.0.0.1', stream => JSON::PP::false(),
    status => 'success', http_status => 200, error_code => undef,
    queue_ms => 0, attempts => 1, prompt_tokens => 5, completion_tokens => 6,
    total_tokens => 11, estimated => JSON::PP::false(),
}, 'all the rest');

my @failed = @{ history('status=error')->{data} };
is_deeply([ sort map { $_->{error_code} } @failed ],
          [qw(invalid_api_key model_not_found)], 'those that failed');
is(scalar @{ history('model=rg/')->{data} }, 1, 'by a part of the model');
is(scalar @{ history('key=alice')->{data} }, 3, 'by key');
is(scalar @{ history('node=a&status=success')->{data} }, 2, 'by node');
is(scalar @{ history('to=2020-01-01')->{data} }, 0, 'by time');
is(scalar @{ history('from=2020-01-01')->{data} }, 4, 'from then on');
is(api('GET', '/history/first')->json->{key}, 'alice', 'one of them');
is(api('GET', '/history/other')->status, 404, 'none');

my $two = history('limit=3');
is(scalar @{ $two->{data} }, 3, 'a page');
is(scalar @{ history("limit=3&cursor=$two->{next_cursor}")->{data} }, 1,
   'and the next one');

is(api('GET', "/history?$_")->status, 400, $_)
    for qw(limit=0 limit=1001 limit=x cursor=5 cursor=r status=bad from=x);

my $told = told();
is($told->{source}, 'ring', 'the source');
is($told->{pending}, 4, 'that many wait');
like($told->{error}, qr/refused|not connected/i, 'and why');

my $health = http('GET', '/api/health')->json;
is($health->{status}, 'degraded', 'health shows it');
is_deeply($health->{history}, { ok => JSON::PP::false() }, 'what it is');

my $text = JSON::PP->new->encode($page);
unlike($text, qr/sk-/, 'no key in it');



=== TEST 2: with Redis; it goes away in each way, and comes back
--- slow_stop
--- perl
ok(redis()->begin, 'it is there');
ok(wait_until(sub { told()->{source} eq 'redis' }), 'and seen');

my $n = 0;
my $ask = sub {
    my ($count) = @_;
    chat({}, { alice(), 'x-request-id' => 'r' . ++$n }) for 1 .. $count;
};

$ask->(20);
ok(written(20), 'all are written');

my $page = history('limit=7');
is($page->{source}, 'redis', 'and read there');
is(http('GET', '/api/health')->json->{status}, 'ok', 'health shows it');
is($page->{stale}, undef, 'not stale');
my %page = map { $_->{request_id} => 1 } map { @{ $_->{data} } }
    $page, history("limit=13&cursor=$page->{next_cursor}");
is(scalar keys %page, 20, 'this page and the next have all');
is(api('GET', '/history/r3')->json->{request_id}, 'r3', 'one of them');
is(scalar @{ history('model=none')->{data} }, 0, 'no such model');
is(scalar @{ history('model=m&key=alice&status=success&node=a')->{data} }, 20,
   'by all at once');

redis()->freeze;
$ask->(10);
ok(wait_until(sub { history('limit=1')->{source} eq 'ring' }), 'frozen');
ok(wait_until(sub {
    grep { $_->{request_id} eq 'r30' } @{ history()->{data} }
}), 'the ring has it');
redis()->thaw;
ok(written(30), 'thawed: written');

redis()->kill9;
$ask->(10);
ok(wait_until(sub { told()->{source} eq 'ring' }), 'killed');
redis()->begin;
ok(written(40), 'back: written');

redis()->ask(qw(CONFIG SET maxmemory 1));
$ask->(10);
ok(wait_until(sub { (told()->{error} // '') =~ /OOM/ }), 'full');
redis()->ask(qw(CONFIG SET maxmemory 0));
ok(written(50), 'room again: written');

redis()->ask(qw(REPLICAOF 127.0.0.1 1));
$ask->(10);
ok(wait_until(sub { (told()->{error} // '') =~ /READONLY/ }), 'read-only');
redis()->ask(qw(REPLICAOF NO ONE));
ok(written(60), 'writable: written');

redis()->ask(qw(CONFIG SET requirepass x));
redis()->ask(qw(-a x --no-auth-warning CLIENT KILL TYPE normal));
$ask->(10);
ok(wait_until(sub { (told()->{error} // '') =~ /NOAUTH/ }), 'wants a password');
redis()->ask(qw(-a x --no-auth-warning CONFIG SET requirepass), '');
ok(written(70), 'does not: written');

redis()->ask(qw(CLIENT PAUSE 700));
$ask->(10);
ok(written(80), 'slow: written');

my @all = redis()->records('t:');
is(ids(@all), ids(map { { request_id => "r$_" } } 1 .. 80),
   'each of them once');
my @numbers = map { hex +($_->{id} =~ /-(.*)/)[0] } @all;
is("@numbers", join(' ', sort { $a <=> $b } @numbers), 'as they ended');
is(told()->{dropped}, 0, 'none was dropped');

burst(map { [ { model => "none-$_" }, { alice() }, port => port() ] } 1 .. 150);
ok(written(230), 'many models');
is(scalar @{ history("model=none-$_&limit=1")->{data} }, 1, "$_ is found")
    for 1, 64, 65, 150;

redis()->ask('FLUSHALL');
$ask->(1);
ok(wait_until(sub { redis()->ask('XLEN', 't:history') >= 1 }), 'emptied');
redis()->ask('FLUSHALL');
redis()->end;
ok(wait_until(sub { told()->{source} eq 'ring' }), 'ended');



=== TEST 3: workers die, nginx is reloaded: none is lost, none is there twice
--- allow_signal
--- slow_stop
--- perl
ok(redis()->begin, 'it is there');
ok(wait_until(sub { told()->{source} eq 'redis' }), 'and seen');

my ($n, @answered) = (0);

for my $round (1 .. 10) {
    my @names = map { 'k' . ++$n } 1 .. 40;
    my $b = begin_burst(map {
        [ {}, { alice(), 'x-request-id' => $_, 'X-Mock' => 'delay=' . $n % 5 },
          port => port() ]
    } @names);

    my @pids = worker_pids();
    kill9_worker($pids[$round % @pids]) if $round % 2;
    kill 'HUP', master_pid() if $round % 4 == 2;

    my @r = $b->wait;
    push @answered, map { $names[$_] }
        grep { $r[$_]->status == 200 && $r[$_]->complete } 0 .. $#names;
}

my %want = map { $_ => 1 } @answered;
my %seen;

wait_until(sub {
    %seen = ();
    $seen{ $_->{request_id} }++ for redis()->records('t:');
    !grep { !$seen{$_} } keys %want;
});

cmp_ok(scalar @answered, '>', 200, 'most were answered');
is(join(' ', grep { !$seen{$_} } sort keys %want), '', 'each is there');
is(join(' ', grep { $seen{$_} > 1 } sort keys %seen), '', 'and once');
is(told()->{dropped}, 0, 'none was dropped');
