# Nodes that announce themselves: a key of scope "node", an approval, a token
# and heartbeats.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;

our $Node = 'sk-nodes-0123456789abcdef';
our $Trusted = 'sk-trust-0123456789abcdef';

defaults(
    mock => "a --models m\nb --models n\n",
    http_config => $AdminKey . $Pid . <<'_EOC_',
    llm_router_health interval=10s timeout=1s fails=1;
    llm_router_key sk-test-0123456789abcdef name=plain;
    llm_router_key sk-nodes-0123456789abcdef name=rack scopes=node;
    llm_router_key sk-trust-0123456789abcdef name=trusted scopes=node,approve;
_EOC_
    config => "    $Listen\n    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

sub url { return 'http://127.0.0.1:' . mock_port($_[0]) }

sub announce {
    my ($members, $key) = @_;
    return api('POST', '/nodes/register', $members,
               { Authorization => 'Bearer ' . ($key // $Node) });
}

sub beat {
    my ($n, $members, $token) = @_;
    return api('POST', "/nodes/$n->{node_id}/heartbeat", $members,
               { Authorization => 'Bearer ' . ($token // $n->{node_token}) });
}

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: announced, approved, serving
--- perl
my $r = announce({ base_url => url('a'), name => 'gpu-1', notes => 'rack 2' });
is($r->status, 201, 'announced');
my $n = $r->json;
like($n->{node_id}, qr/^node-[0-9a-f]{16}$/, 'its id');
like($n->{node_token}, qr/^nt-[A-Za-z0-9_-]{43}$/, 'its token');
is_deeply([sort keys %$n], [qw(heartbeat_interval node_id node_token state)],
          'members');
is_deeply([@$n{qw(state heartbeat_interval)}], ['pending', 20], 'it waits');

my $m = node($n->{node_id});
is_deeply([@$m{qw(name source state reason notes)}],
          ['gpu-1', 'registered', 'pending', 'it waits for approval', 'rack 2'],
          'an operator sees it');
ok(wait_until(sub { node($n->{node_id})->{models_total} == 1 }),
   'it is looked at');
is(each_worker(sub { chat({}, {}, port => $_[0]) }), '503', 'it gets nothing');
is(beat($n, {})->json->{state}, 'pending', 'a heartbeat does not approve');

$r = api('POST', "/nodes/$n->{node_id}/approve");
is($r->status, 200, 'approved');
ok(state_is($n->{node_id}, 'online'), 'online');
ok(model_listed('m'), 'with its models');
is(each_worker(sub { chat({}, {}, port => $_[0]) }), '200', 'it serves');

my $all = CORE::join '', map { api('GET', $_)->body }
          '/nodes', "/nodes/$n->{node_id}", '/models';
unlike($all, qr/\Q$n->{node_token}/, 'no answer shows its token');
my @own = grep { !/\[debug\]/ || /\bllm/ } split /\n/, error_log_text();
unlike(CORE::join("\n", @own), qr/\Q$n->{node_token}/, 'nor the log');
like(error_log_text(),
     qr/llm node "gpu-1" \($n->{node_id}\) was registered by key "rack"/,
     'which says by whose key it came');
like(error_log_text(), qr/was approved by key "robot"/, 'and who let it in');



=== TEST 2: again: another token, the same node
--- perl
my $n = announce({ base_url => url('a'), name => 'gpu-1' })->json;
my $r = announce({ base_url => url('a') . '/', max_concurrent => 5 });
is($r->status, 200, 'it is there');
my $o = $r->json;
is($o->{node_id}, $n->{node_id}, 'the same');
isnt($o->{node_token}, $n->{node_token}, 'another token');
is($o->{state}, 'pending', 'it waits on');
is(node($n->{node_id})->{name}, 'gpu-1', 'what was said stays');
is(node($n->{node_id})->{max_concurrent}, 5, 'what is said now is taken');
api_error(beat($n, {}), 401, 'invalid_node_token', undef, 'the old token');
is(beat($o, {})->status, 200, 'the new one');

api('POST', "/nodes/$n->{node_id}/approve");
is(announce({ base_url => url('a') })->json->{state} eq 'pending', '',
   'who was approved stays so');

is(api('DELETE', "/nodes/$n->{node_id}")->status, 204, 'deleted');
api_error(beat($o, {}), 401, 'invalid_node_token', undef,
          'its heartbeats are nobody\'s');
$r = announce({ base_url => url('a') });
is($r->status, 201, 'it may announce itself again');
isnt($r->json->{node_id}, $n->{node_id}, 'as another one');
is($r->json->{state}, 'pending', 'that waits');



=== TEST 3: a key whose nodes need no approval
--- perl
my $r = announce({ base_url => url('a'), models => ['m', 'x'],
                   max_concurrent => 3, type => 'vllm', weight => 2 },
                 $::Trusted);
is($r->status, 201, 'announced');
is($r->json->{state}, 'online', 'online at once');
is(each_worker(sub { chat({ model => 'x' }, {}, port => $_[0]) }), '200',
   'in every worker');
my $n = node($r->json->{node_id});
is_deeply([@$n{qw(models max_concurrent type weight discovered check)}],
          [['m', 'x'], 3, 'vllm', 2, false, true], 'as it says');

$r = announce({ base_url => url('b') });
is($r->json->{state}, 'pending', 'another key');
is(announce({ base_url => url('b') }, $::Trusted)->json->{state} eq 'pending',
   '', 'this one lets it in');

# who may not approve does not get what another key has

ok(wait_until(sub { node($r->json->{node_id})->{models_total} }),
   'it is looked at');
my $shown = shown();
my $taken = { base_url => url('a'), name => 'taken', models => ['gpt-5'] };
api_error(announce($taken), 409, 'node_exists', 'base_url',
          'a node of another key');
api_error(announce({ base_url => url('b') }), 409, 'node_exists', 'base_url',
          'nor the one that was let in');
is(shown(), $shown, 'nothing was changed');
is(beat($r->json, {})->status, 401, 'its token was the older one');
my $o = announce({ base_url => url('a') }, $::Trusted)->json;
is(beat($o, {})->json->{state}, 'online', 'its own key may say it again');

is(api('DELETE', "/nodes/$n->{id}")->status, 204, 'it is deleted');
is(announce($taken)->json->{state}, 'pending', 'then it is a new one');



=== TEST 4: heartbeats
--- perl
my $n = announce({ base_url => url('a'), models => ['m'] }, $::Trusted)->json;
my $r = beat($n, { in_flight => 4, models => ['m', 'y'],
                   max_concurrent => 8 });
is($r->status, 200, 'heard');
is_deeply($r->json, { state => 'online', next_in => 20 }, 'the answer');
my $m = node($n->{node_id});
is_deeply([@$m{qw(load models max_concurrent)}], [4, ['m', 'y'], 8],
          'what it said');
like($m->{last_heartbeat}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'when');
is(each_worker(sub { chat({ model => 'y' }, {}, port => $_[0]) }), '200',
   'the new model is served in every worker');

my $tag = api('GET', "/nodes/$n->{node_id}")->header('etag');
is(beat($n, { load => 2, models => ['m', 'y'], max_concurrent => 8 })->status,
   200, 'the same again');
is(api('GET', "/nodes/$n->{node_id}")->header('etag'), $tag, 'is no change');
is(node($n->{node_id})->{load}, 2, 'but of its load');
is(beat($n, { models => [] })->status, 200, 'no model');
is(each_worker(sub { chat({ model => 'y' }, {}, port => $_[0]) }), '503',
   'nobody has any');
is(beat($n)->status, 200, 'no body');
is(beat($n, { load => undef })->status, 200, 'nor a load');
is(node($n->{node_id})->{load}, 2, 'which is what it said last');
is(beat($n, { load => 0 })->status, 200, 'none');
is(node($n->{node_id})->{load}, 0, 'is a load, too');

api_error(beat($n, { $_->[0] => $_->[1] }), 400, $_->[2] // 'invalid_value',
          $_->[0], json_encode($_))
    for [load => -1], [load => 'x'], [in_flight => 1e9], [models => 'm'],
        [models => undef], [models => ['a', 'a']], [max_concurrent => 0],
        [weight => 3, 'unknown_field'], [base_url => 'http://127.0.0.1:1',
                                         'unknown_field'],
        [api_key => 'x', 'unknown_field'];

# who asks without the right token learns nothing

my @r = (beat($n, {}, 'nt-' . 'x' x 43), beat($n, {}, $::Node),
         beat($n, {}, $n->{node_token} . 'x'),
         beat($n, {}, substr($n->{node_token}, 0, -1)),
         beat({ node_id => 'node-0123456789abcdef' }, {}, $n->{node_token}),
         beat({ node_id => 'nonsense' }, {}, $n->{node_token}),
         beat($n, { load => 'x' }, 'nt-wrong'),
         api('POST', "/nodes/$n->{node_id}/heartbeat", {}, { no_key => 1 }));
api_error($_, 401, 'invalid_node_token', undef, 'refused') for @r;
my %bodies = map { $_->body => 1 } @r;
is(scalar keys %bodies, 1, 'the same is said to all of them');
my $static = add_node({ base_url => 'http://127.0.0.1:9', models => ['z'],
                        check => false });
api_error(beat({ node_id => $static->{id} }, {}, $n->{node_token}), 401,
          'invalid_node_token', undef, 'a node without heartbeats');



=== TEST 5: checks decide as well
--- http_config
    llm_router_health interval=100ms timeout=1s fails=1;
    llm_router_key sk-trust-0123456789abcdef name=trusted scopes=node,approve;
    llm_router_key sk-admin-0123456789abcdef name=robot scopes=admin;
    llm_router_key sk-test-0123456789abcdef name=plain;
--- perl
my $n = announce({ base_url => url('a') }, $::Trusted)->json;
ok(state_is($n->{node_id}, 'online'), 'online');
mock_stop('a');
ok(state_is($n->{node_id}, 'offline'), 'it does not answer');
is(beat($n, {})->json->{state}, 'offline', 'whatever it says');
mock_start('a');
ok(state_is($n->{node_id}, 'online'), 'and back');



=== TEST 6: who may not
--- http_config
    llm_router_key sk-test-0123456789abcdef name=plain;
    llm_router_key sk-admin-0123456789abcdef name=robot scopes=admin;
    llm_router_key sk-nodes-0123456789abcdef name=rack scopes=node;
    llm_router_key sk-old-000123456789abcdef name=old scopes=node
                   expires=2020-01-01;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=static models=m;
    llm_router_node_allow 127.0.0.0/8;
--- perl
my $made = add_node({ base_url => url('b'), name => 'made', models => ['n'] });
my $shown = shown();
my $body = { base_url => 'http://127.0.0.1:9' };

api_error(api('POST', '/nodes/register', $body, { no_key => 1 }), 401,
          'invalid_api_key', undef, 'no key');
api_error(announce($body, $_), 401, 'invalid_api_key', undef, $_)
    for 'nonsense', 'sk-old-000123456789abcdef';
api_error(announce($body, $_), 403, 'insufficient_scope', undef, $_)
    for $Key, $Admin;
api_error(announce({ x => 1 }, $Key), 403, 'insufficient_scope', undef,
          'before the body is looked at');
api_error(announce({ base_url => url('a') }), 409, 'node_exists', 'base_url',
          'a node of nginx.conf');
api_error(announce({ base_url => url('b') }), 409, 'node_exists', 'base_url',
          'one that the API made');
api_error(announce({ %$body, name => 'made' }), 409, 'name_in_use', 'name',
          'a name twice');
api_error(announce({ base_url => $_ }), 400, 'address_not_allowed', 'base_url',
          $_) for 'http://169.254.169.254', 'http://192.0.2.1';
api_error(announce({ %$body, $_ => 'x' }), 400, 'unknown_field', $_, $_)
    for qw(api_key check pending state token id);
api_error(announce({}), 400, 'missing_required_parameter', 'base_url',
          'no URL');
is(shown(), $shown, 'nothing was changed');

# a node's key is no admin's

for (['GET', '/nodes'], ['GET', '/keys'], ['POST', '/nodes', $body],
     ['DELETE', "/nodes/$made->{id}"], ['POST', "/nodes/$made->{id}/approve"],
     ['POST', '/keys', { name => 'x' }])
{
    like(api(@$_[0, 1, 2], { Authorization => "Bearer $::Node" })->status,
         qr/^40[13]$/, "@$_[0, 1]");
}

is(shown(), $shown, 'nothing was changed');



=== TEST 7: its key is revoked: the node stays, and nobody new comes
--- perl
my $k = add_key({ name => 'temp', scopes => ['node'], auto_approve => true });
my $n = announce({ base_url => url('a'), models => ['m'] }, $k->{key})->json;
is(chat()->status, 200, 'it serves');
is(api('DELETE', "/keys/$k->{id}")->status, 204, 'revoked');
api_error(announce({ base_url => url('b') }, $k->{key}), 401,
          'invalid_api_key', undef, 'nobody new');
is(beat($n, {})->status, 200, 'its own token is good');
is(chat()->status, 200, 'it serves');



=== TEST 8: the table is full
--- http_config
    llm_router_zone small:1m;
    llm_router_key sk-admin-0123456789abcdef name=robot scopes=admin;
    llm_router_key sk-trust-0123456789abcdef name=trusted scopes=node,approve;
--- perl
my ($r, $n);

for (1 .. 2000) {
    $r = announce({ base_url => "http://127.0.0.1:9/$_", models => ["m$_"] },
                  $::Trusted);
    last if $r->status != 201;
    $n = $r->json;
}

api_error($r, 507, 'zone_full', undef, 'it is full');
is(beat($n, {})->status, 200, 'those that are there are heard');
api_error(beat($n, { models => [map { sprintf '%0250d', $_ } 1 .. 1024] }),
          507, 'zone_full', undef, 'a list that finds no room');
is(beat($n, {})->status, 200, 'is left out');
--- timeout: 30
