# HUP again and again while nodes and keys are changed: no request fails, no
# change is lost, sessions go on, and what nginx.conf says is read each time.
# Also administrators who change the same node at once.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;
use LLMTest::Load;

my $rounds = $ENV{LLMTEST_LONG} ? 60 : 20;

defaults(
    mock => "a --models m\nb --models m\nn0 --models m\nn1 --models m\n",
    http_config => $AdminKey . <<'_EOC_',
    llm_router_admin user=root "password=right horse";
    llm_router_key sk-test-0123456789abcdef max_concurrent=1000;
    llm_router_state state/state.json;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    weight=1;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=m;
_EOC_
    # not by reuseport: the kernel resets what it gave to a socket that goes
    config => "    listen 127.0.0.1:\$TEST_NGINX_SPREAD_PORT;\n"
              . "    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

sub url { return 'http://127.0.0.1:' . mock_port($_[0]) }
sub rounds { return $rounds }

sub of_each {
    my @sub = @_;
    return sub { $sub[$_[0]]->(@_) };
}

sub patch {
    my ($n, $members, $headers) = @_;
    return api('PATCH', "/nodes/$n->{id}", $members, $headers);
}

sub state_file {
    open my $in, '<', "$ENV{TEST_NGINX_SERVROOT}/state/state.json" or return;
    local $/;
    return eval { json_decode(scalar <$in>) };
}

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: HUP every second under load and changes
--- slow_stop
--- perl
my $token = http('POST', '/api/auth/login', {}, {
    username => 'root', password => 'right horse' })->json->{token};
my $node = add_node({ name => 'mine', base_url => url('a') . '/mine',
                      models => ['mine'], check => false, weight => 3 });
my $key = add_key({ name => 'mine' });
my $gone = add_key({ name => 'gone' });
is(api('DELETE', "/keys/$gone->{id}")->status, 204, 'a key is deleted');

my $streams = begin_burst(map {
    [ { stream => true }, { 'X-Mock' => 'pace=100;tokens=' . 12 * rounds() },
      port => port(), timeout => 300 ]
} 1 .. 6);
my @urls = map { url($_) } qw(n0 n1);
my $chats = begin_load(2, chats(port => port()));
my $nodes = begin_load(2, of_each(map {
    my $url = $urls[$_];
    admin_node($_, url => sub { $url }, whole => 1);
} 0, 1));
my $keys = begin_load(2, of_each(map { admin_key($_, whole => 1) } 0, 1));
my (@bad, @late);

for my $round (1 .. rounds()) {
    my $end = Time::HiRes::time() + 1;

    edit_conf(sub { s/weight=\d+;/weight=@{[ 1 + $round % 9 ]};/ });
    reload(20) or push @late, $round;

    my %is = (
        weight => (node('a') // {})->{weight} == 1 + $round % 9,
        session => http('GET', '/api/auth/me',
                        { Authorization => "Bearer $token" })->status == 200,
        node => (node($node->{id}) // {})->{weight} == 3,
        key => chat({}, { Authorization => "Bearer $key->{key}" })->status
               == 200,
        gone => chat({}, { Authorization => "Bearer $gone->{key}" })->status
                == 401,
    );
    push @bad, map { "round $round: $_" } grep { !$is{$_} } sort keys %is;

    my $left = $end - Time::HiRes::time();
    select undef, undef, undef, $left if $left > 0;
}

is_deeply(\@late, [], 'each reload comes to its end');
is_deeply(\@bad, [], 'sessions, nodes and keys live on, static ones follow');

my @r = ($chats->stop(90), $nodes->stop(90), $keys->stop(90));
my ($x, $y, @admins) = @r;
my %n = map { $_ => ($x->{$_} // 0) + ($y->{$_} // 0) } keys %$x, keys %$y;
cmp_ok(delete $n{200}, '>', 5 * rounds(), 'requests were served');
is_deeply(\%n, {}, 'no request failed');

my @wrong = map { @{ $_->{bad} // [] }, $_->{died} // () } @admins;
is_deeply(\@wrong, [], 'no change failed, or was lost');
my $changes = 0;
$changes += $_->{changes} // 0 for @admins;
cmp_ok($changes, '>', 5 * rounds(), 'there were changes all the time');
is(CORE::join('', map { in_force($_) } @admins), '', 'the last ones are there');

my @s = $streams->wait;
is(scalar(grep { $_->status == 200 && $_->complete
                 && $_->body =~ /\[DONE\]\n\n\z/ } @s), 6,
   'streams go on through all of them');
ok(totals_are(in_flight => 0, keys_in_flight => 0, queued => 0),
   'every slot is free') or diag(explain(status_page()));

my $want = CORE::join ' ', sort grep { !/^(?:a|b)$/ } map { $_->{name} }
           rows('/nodes?limit=1000');
ok(wait_until(sub {
    my $s = state_file() or return;
    return $want eq CORE::join ' ', sort map { $_->{name} } @{ $s->{nodes} };
}), 'and all is in the state file');
--- timeout: 60



=== TEST 2: each of several administrators changes his member of one node
--- perl
my $n = add_node({ base_url => url('a') . '/x', models => ['x'],
                   check => false });
my @value = (
    [weight => sub { 1 + $_[0] % 1000 }],
    [max_concurrent => sub { 1 + $_[0] }],
    [notes => sub { "note $_[0]" }],
    [models => sub { [map { "m$_[0]-$_" } 0 .. $_[0] % 5] }],
);
my @done = concurrently(4, sub {
    my ($name, $sub) = @{ $value[$_[0]] };

    for my $k (1 .. 100) {
        my $v = $sub->($k);
        my $r = patch($n, { $name => $v });
        return "$name $k: " . $r->status if $r->status != 200;
        return "$name is not as it was said"
            if json_encode($r->json->{$name}) ne json_encode($v);
    }

    return 'done';
}, 60);
is_deeply(\@done, [('done') x 4], 'nobody writes over what another one said');
my $m = node($n->{id});
is_deeply([map { $m->{ $_->[0] } } @value], [map { $_->[1]->(100) } @value],
          'the last of each is there');



=== TEST 3: with If-Match no change is made to what one has not seen
--- perl
my $n = add_node({ base_url => url('a') . '/x', models => ['x'],
                   check => false, notes => '0' });

# each adds one to a number: what is written over would be missing

my @tries = concurrently(4, sub {
    my $conflicts = 0;

    for my $k (1 .. 25) {
        while (1) {
            my $r = api('GET', "/nodes/$n->{id}");
            my $new = $r->json->{notes} + 1;
            $r = patch($n, { notes => "$new" },
                       { 'If-Match' => $r->header('etag') });
            last if $r->status == 200;
            return 'status ' . $r->status if $r->status != 412;
            return 'no end' if ++$conflicts > 10_000;
        }
    }

    return { conflicts => $conflicts };
}, 90);
my $conflicts = 0;
$conflicts += ref $_ ? $_->{conflicts} : 0 for @tries;
is(scalar(grep { ref } @tries), 4, 'all come through')
    or diag(explain(\@tries));
cmp_ok($conflicts, '>', 0, 'though they met each other');
is(node($n->{id})->{notes}, 100, 'and not one is missing');



=== TEST 4: one deletes what others change
--- perl
my ($x, $y) = (url('n0'), url('n1'));
my @done = concurrently(3, sub {
    my ($i) = @_;
    my %n;

    for my $k (1 .. 60) {
        my ($n) = grep { $_->{name} eq 'shared' } rows('/nodes?limit=100');
        my $r = $i == 0 && $n ? api('DELETE', "/nodes/$n->{id}")
              : !$n ? api('POST', '/nodes', { name => 'shared', base_url => $x,
                                              models => ['s'], weight => 2,
                                              notes => 'w2',
                                              check => false })
              : patch($n, { weight => 2 + $k, notes => 'w' . (2 + $k) });
        $n{ $r->status }++;
        return 'status ' . $r->status . $r->body
            if $r->status !~ /^(?:20[014]|404)$/;
        my $j = $r->status == 200 ? $r->json : {};
        return "mixed: $j->{weight} $j->{notes}"
            if $j->{notes} && $j->{notes} ne "w$j->{weight}" && $i;
    }

    return { %n };
}, 60);
is(scalar(grep { ref } @done), 3, 'each is done, or is told that it is gone')
    or diag(explain(\@done));
my @left = grep { $_->{name} eq 'shared' } rows('/nodes?limit=100');
cmp_ok(scalar @left, '<=', 1, 'one at most is left');
is(chat()->status, 200, 'all goes on');



=== TEST 5: lists of models that change while they are served
--- http_config eval
$LLMTest::Admin::AdminKey . <<'_EOC_'
    llm_router_health interval=100ms timeout=2s;
    llm_router_key sk-test-0123456789abcdef max_concurrent=1000;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b;
_EOC_
--- slow_stop
--- perl
ok(models_are('m'), 'both are found');
my $chats = begin_load(2, chats(port => port()));
my $other = begin_load(1, chats(port => port(), members => {
    model => 'sometimes' }));

for my $round (1 .. 10) {
    mock_set('a', 'models=m,sometimes');
    ok(models_are(qw(m sometimes)), "round $round: one has another model");
    mock_set('a', 'models=m');
    ok(models_are('m'), 'and no more');
    # once one of them has no m, the other one serves
    mock_set('b', 'models=');
    ok(wait_until(sub { !@{ node('b')->{models} } }), 'the other has none');
    mock_set('b', 'models=m');
    ok(wait_until(sub { "@{ node('b')->{models} }" eq 'm' }), 'and again');
}

my ($x, $y) = $chats->stop;
my ($z) = $other->stop;
my %n = map { $_ => ($x->{$_} // 0) + ($y->{$_} // 0) } keys %$x, keys %$y;
cmp_ok(delete $n{200}, '>', 20, 'what all the time was there was served');
is_deeply(\%n, {}, 'every time');
cmp_ok(delete $z->{200} // 0, '>', 0, 'what came and went, too');
cmp_ok(delete $z->{404} // 0, '>', 0, 'or it was told that it is not there');
is_deeply($z, {}, 'and nothing else');
