# A zone that is full: what finds no room is told so, and nothing else stops.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;
use LLMTest::Load;

defaults(
    mock => "a --models m\n",
    http_config => $AdminKey . $Pid . <<'_EOC_',
    llm_router_zone small:1m;
    llm_router_state state/state.json;
    llm_router_health interval=100ms timeout=2s;
    llm_router_admin user=root "password=right horse";
    llm_router_key sk-test-0123456789abcdef max_concurrent=1000;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
_EOC_
    config => "    listen 127.0.0.1:\$TEST_NGINX_SPREAD_PORT;\n"
              . "    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

sub with { return { Authorization => "Bearer $_[0]{key}" } }

sub make_node {
    my ($k, %m) = @_;
    return api('POST', '/nodes', { base_url => "http://127.0.0.1:9/$k",
                                   name => "n$k", models => ['x'],
                                   check => false, %m });
}

# makes them until one is refused: what was made, and the refusal

sub fill {
    my ($make) = @_;
    my @made;

    for my $k (1 .. 5000) {
        my $r = $make->($k);
        return ($r, @made) if $r->status != 201;
        push @made, $r->json;
    }

    return (undef, @made);
}

# a list of n names, of about so many bytes each

sub models {
    my ($n, $size) = @_;
    return [map { sprintf "%0${size}d", $_ } 1 .. $n];
}

sub goes_on {
    my ($name, @load) = @_;
    my %n;

    for my $l (map { $_->stop } @load) { $n{$_} += $l->{$_} for keys %$l }
    cmp_ok(delete $n{200} // 0, '>', 10, "$name: requests were served");
    is_deeply(\%n, {}, 'and each of them');
    ok(totals_are(in_flight => 0, keys_in_flight => 0, queued => 0),
       'every slot is free');
}

sub saved {
    open my $in, '<', "$ENV{TEST_NGINX_SERVROOT}/state/state.json" or return {};
    local $/;
    return eval { json_decode(scalar <$in>) } || {};
}

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: nodes
--- slow_stop
--- perl
my $load = begin_load(2, chats(port => port()));
my ($r, @n) = fill(\&make_node);
api_error($r, 507, 'zone_full', undef, 'at some time there is no room');
cmp_ok(scalar @n, '>=', 100, 'but for many');
is(scalar(rows('/nodes?limit=10000')), 1 + @n, 'all that were made are there');
is(api('PATCH', "/nodes/$n[0]{id}", { notes => 'x' })->status, 200,
   'they can be changed');
is(make_node(1, weight => 9)->status, 200, 'also by their URL');
is(each_worker(sub { http('GET', '/api/nodes?limit=1',
                          { Authorization => "Bearer $Admin" }, undef,
                          port => $_[0]) }), '200', 'every worker answers');
is(api('GET', '/models')->status, 200, 'models, too');

for my $round (1 .. 3) {
    my @out = splice @n, 0, 20;
    is(scalar(grep { api('DELETE', "/nodes/$_->{id}")->status == 204 } @out),
       20, 'twenty are deleted');
    my $k = 0;
    ok(wait_until(sub {
        my $made = make_node("again$round-$k");
        push @n, $made->json if $made->status == 201;
        return $made->status == 201 && ++$k == 20;
    }, 20), 'and as many find room again');
}

my %seen;
$seen{ $_->{id} }++ for rows('/nodes?limit=10000');
is_deeply([grep { $_ > 1 } values %seen], [], 'none is there twice');
is(CORE::join(' ', sort map { $_->{id} } grep { !$seen{ $_->{id} } } @n), '',
   'and none is missing');
goes_on('nodes', $load);
ok(wait_until(sub { @{ saved()->{nodes} // [] } == @n }), 'all are written');



=== TEST 2: keys
--- slow_stop
--- perl
my $load = begin_load(2, chats(port => port()));
my ($r, @k) = fill(sub { api('POST', '/keys', { name => "k$_[0]" }) });
api_error($r, 507, 'zone_full', undef, 'at some time there is no room');
cmp_ok(scalar @k, '>=', 100, 'but for many');
is(scalar(grep { chat({}, with($_))->status != 200 } @k[0, 1, -2, -1]), 0,
   'those that were made are good');
is(api('PATCH', "/keys/$k[0]{id}", { rpm => 1000 })->status, 200,
   'they can be changed');
is(api('DELETE', "/keys/$_->{id}")->status, 204, 'deleted') for @k[0 .. 4];
is(chat({}, with($_))->status, 401, 'and are over') for @k[0 .. 4];

# its place rests for some seconds: who is on the way with it must not be
# taken for another one

my $new;
ok(wait_until(sub {
    my $made = api('POST', '/keys', { name => 'again' });
    return $made->status == 201 && ($new = $made->json);
}, 30), 'then there is room again');
is(chat({}, with($new))->status, 200, 'for one that is good');
is(chat({}, with($_))->status, 401, 'and is no other') for @k[0 .. 4];
goes_on('keys', $load);
--- timeout: 60



=== TEST 3: lists of models
--- slow_stop
--- perl
my $load = begin_load(2, chats(port => port()));
my $n = make_node('first')->json;
my ($r, @n) = fill(sub { make_node($_[0], models => models(800, 60)) });
api_error($r, 507, 'zone_full', undef, 'at some time there is no room');
my $shown = shown();
api_error(api('PATCH', "/nodes/$n->{id}", { models => models(1024, 200),
                                            weight => 9, name => 'other' }),
          507, 'zone_full', undef, 'nor for another list');
is(shown(), $shown, 'of which nothing was taken');
is(api('PATCH', "/nodes/$n->{id}", { weight => 7 })->json->{weight}, 7,
   'what needs no room is done');
is(api('POST', '/keys', { name => 'k' })->status, 201,
   'keys have a place of their own');
is(chat()->status, 200, 'requests are served');
is(api('DELETE', "/nodes/$_->{id}")->status, 204, 'deleted') for @n;
ok(wait_until(sub { make_node('long', models => models(400, 60))->status
                    =~ /^20[01]$/ }, 30), 'then there is room again');
ok(wait_until(sub { chat({ model => sprintf '%060d', 400 })->status != 404 },
              20), 'and the list is in force');
goes_on('lists', $load);



=== TEST 4: reload, and workers that die, while it is full
--- slow_stop
--- allow_signal
--- perl
my ($r, @n) = fill(sub { make_node($_[0], models => models(800, 60)) });
is($r->status, 507, 'full of lists');

# where the index finds no room an answer takes some seconds: not too many

for my $k (1 .. 8) {
    my $small = make_node("s$k", models => models(20, 60));
    last if $small->status == 507;
}

my $nodes = rows('/nodes?limit=10000');
my $load = begin_load(2, chats(port => port()));

for my $round (1 .. 4) {
    ok(reload(20), "round $round: reloaded");
    is(chat()->status, 200, 'served');
}

goes_on('reloads', $load);

for my $round (1 .. 4) {
    kill9_worker();
    is(chat()->status, 200, "round $round: a worker died, served");
}

is(scalar(rows('/nodes?limit=10000')), $nodes, 'all nodes are there');
my $login = http('POST', '/api/auth/login', {}, {
    username => 'root', password => 'right horse' });
is($login->status, 200, 'an administrator may log in, to delete some');
is(http('DELETE', "/api/nodes/$n[0]{id}",
        { Authorization => 'Bearer ' . $login->json->{token} })->status, 204,
   'which he does');
