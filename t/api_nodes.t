# /api/nodes: nodes that come, change and go while requests are served.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;

defaults(
    mock => "a --models m\nb --models m,n\n",
    http_config => $AdminKey . $Pid . <<'_EOC_',
    llm_router_health interval=10s timeout=1s fails=1;
    llm_router_key sk-test-0123456789abcdef name=plain;
_EOC_
    config => "    $Listen\n    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

sub url { return 'http://127.0.0.1:' . mock_port($_[0]) }

sub patch {
    my ($node, $members, $headers) = @_;
    return api('PATCH', "/nodes/$node->{id}", $members, $headers);
}

sub order { return api('POST', "/nodes/$_[0]{id}/$_[1]", $_[2]) }

sub stream {
    my ($mock) = @_;
    return open_stream('POST', '/v1/chat/completions',
        with_key({ 'X-Mock' => $mock }),
        { model => 'm', stream => true,
          messages => [{ role => 'user', content => 'x' }] });
}

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: a node is created, found online, and serves
--- perl
is_deeply([rows('/nodes')], [], 'there is none');
error_is(chat(), 503, 'service_unavailable', 'no_nodes', undef,
         'No available nodes', 'nobody serves');

my $r = api('POST', '/nodes', { name => 'first', base_url => url('a') . '/v1/',
                                notes => 'rack 3' });
is($r->status, 201, 'created');
my $n = $r->json;
like($n->{id}, qr/^node-[0-9a-f]{16}$/, 'its id');
is($r->header('location'), "/api/nodes/$n->{id}", 'where it is');
like($r->header('etag'), qr/^"[0-9-]+"$/, 'its tag');
is($r->header('cache-control'), 'no-store', 'not to be kept');

ok(state_is($n->{id}, 'online'), 'it is found online');
ok(model_listed('m'), 'with its models');
is(chat()->status, 200, 'it serves');

my $got = node($n->{id});
like(delete $got->{$_}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, $_)
    for qw(checked_at created_at);
delete $got->{tokens_per_second};
is_deeply($got, {
    id => $n->{id}, name => 'first', base_url => url('a'), source => 'api',
    state => 'online', reason => undef, until => undef,
    circuit => { state => 'closed', failures_in_a_row => 0, opened => 0,
                 reason => undef, until => undef },
    cooldown => undef,
    retry_budget => { left => 100, state => 'available', reason => undef,
                      until => undef },
    type => $got->{type}, models => ['m'], models_total => 1,
    discovered => true, check => true, max_concurrent => undef, weight => 1,
    notes => 'rack 3', has_api_key => false, addresses => ['127.0.0.1'],
    in_flight => 0, waiting => 0, requests => 1, failures => 0,
    prompt_tokens => $got->{prompt_tokens},
    completion_tokens => $got->{completion_tokens}, load => undef,
    last_heartbeat => undef,
}, 'all of it');
cmp_ok($got->{completion_tokens}, '>', 0, 'its tokens');
is_deeply([map { $_->{id} } rows('/nodes')], [$n->{id}], 'it is in the list');
like(error_log_text(),
     qr/\[notice\].*llm node "first" \($n->{id}\) was created by key "robot"/,
     'the log says who');



=== TEST 2: in force in every worker when the answer comes
--- perl
for my $round (1 .. 10) {
    my $n = add_node({ base_url => url('a'), models => ["m$round"] });
    is($n->{state}, 'online', 'online until it is found offline');
    is(each_worker(sub { chat({ model => "m$round" }, {}, port => $_[0]) }),
       '200', "every worker knows it, $round");
    is(patch($n, { models => ["other$round"] })->status, 200, 'another list');
    is(each_worker(sub { chat({ model => "other$round" }, {},
                              port => $_[0]) }), '200', 'all know it');
    is(each_worker(sub { chat({ model => "m$round" }, {}, port => $_[0]) }),
       '404', 'and that the old one is gone');
    is(api('DELETE', "/nodes/$n->{id}")->status, 204, 'deleted');
    is(each_worker(sub { chat({ model => "other$round" }, {},
                              port => $_[0]) }), '503', 'all know that');
}



=== TEST 3: the same URL again changes what was given
--- perl
my $n = add_node({ name => 'one', base_url => url('a'), models => ['m'],
                   max_concurrent => 7, weight => 3, notes => 'x',
                   api_key => 'sk-node-00000000', type => 'vllm' });
is_deeply([@$n{qw(name max_concurrent weight notes has_api_key type
                  discovered)}],
          ['one', 7, 3, 'x', true, 'vllm', false], 'as it was said');

my $r = api('POST', '/nodes', { base_url => uc(url('a')) =~ s/HTTP/http/r . '/',
                                weight => 5 });
is($r->status, 200, 'it is there already');
is($r->header('location'), undef, 'nothing was created');
my $m = $r->json;
is_deeply([@$m{qw(id name max_concurrent weight notes has_api_key type)}],
          [$n->{id}, 'one', 7, 5, 'x', true, 'vllm'], 'only the weight is new');
is(scalar(rows('/nodes')), 1, 'one node');



=== TEST 4: a change touches what it names
--- perl
my $n = add_node({ name => 'one', base_url => url('a'), models => ['m'] });

for ([max_concurrent => 9], [max_concurrent => undef], [weight => 1000],
     [notes => "a \"b\" \\ <i>\x{e9}\x{4e2d}</i>"], [notes => ''],
     [name => 'x' x 63], [name => 'two'], [type => 'ollama'],
     [models => ['a', 'b', 'org/x:1']], [check => false])
{
    my ($name, $value) = @$_;
    my %before = %{ node($n->{id}) };
    my $r = patch($n, { $name => $value });
    is($r->status, 200, "$name") or diag($r->body);
    my %after = %{ $r->json };
    is_deeply($after{$name}, $value, 'it is what was said');
    is_deeply(node($n->{id})->{$name}, $value, 'and read again');
    delete @before{$name, qw(models_total state reason)};
    delete @after{$name, qw(models_total state reason)};
    delete @$_{qw(checked_at type)} for \%before, \%after;
    is_deeply(\%after, \%before, 'and nothing else');
}

my $shown = shown();
my $r = patch($n, {});
is($r->status, 200, 'no member');
is(api('PATCH', "/nodes/$n->{id}")->status, 200, 'no body');
is(shown(), $shown, 'changes nothing');
is(patch($n, { check => true })->json->{check}, true, 'checked again');
is(patch($n, { models => undef })->json->{discovered}, true, 'to be discovered');
is(patch($n, { notes => undef, weight => undef, type => undef })->json->{weight},
   1, 'null is the default');
ok(wait_until(sub { "@{ node($n->{id})->{models} }" eq 'm' }),
   'its own list');



=== TEST 5: what is refused, and changes nothing
--- perl
my $n = add_node({ name => 'one', base_url => url('a'), models => ['m'] });
my $o = add_node({ name => 'two', base_url => url('b'), models => ['m'] });
my $shown = shown();

api_error(api('POST', '/nodes', { base_url => 'http://127.0.0.1:9',
                                  name => 'two' }),
          409, 'name_in_use', 'name', 'a name twice');
api_error(patch($n, { name => 'two', weight => 9 }), 409, 'name_in_use',
          'name', 'by a change');
api_error(patch($n, { base_url => url('b'), weight => 9 }), 409,
          'node_exists', 'base_url', 'a URL twice');
api_error(patch($n, { check => false, models => undef }), 400, 'invalid_value',
          'check', 'nobody would ask for its models');
api_error(api('POST', '/nodes', { base_url => 'http://127.0.0.1:9',
                                  check => false }),
          400, 'invalid_value', 'check', 'nor those of a new one');

for my $id (qw(node-0000000000000000 node-0123456789abcdef node- node key-1 1
               node-0123456789ABCDEF), "$n->{id}0", substr($n->{id}, 0, -1))
{
    api_error(api('GET', "/nodes/$id"), 404, 'node_not_found', undef,
              "GET $id");
    api_error(api($_->[0], "/nodes/$id$_->[1]", $_->[2]), 404,
              'node_not_found', undef, "$_->[0] $id$_->[1]")
        for ['PATCH', '', { weight => 2 }], ['DELETE', ''],
            ['POST', '/drain'], ['POST', '/resume'], ['POST', '/check'],
            ['POST', '/approve'];
}

api_error(order($n, $_, { now => true }), 400, 'unknown_field', 'now',
          "$_ takes nothing") for qw(drain resume check approve);
api_error(api('PUT', "/nodes/$n->{id}", {}), 405, 'method_not_allowed', undef,
          'PUT');
is(shown(), $shown, 'nothing was changed');
is(patch($n, { name => 'one' })->status, 200, 'its own name is no conflict');
is(patch($n, { base_url => url('a') })->status, 200, 'nor is its own URL');



=== TEST 6: two who change the same node
--- perl
my $n = add_node({ base_url => url('a'), models => ['m'] });
my @done = concurrently(4, sub {
    my ($i) = @_;
    my $name = (qw(weight max_concurrent notes name))[$i];

    for my $k (1 .. 40) {
        my $v = $name eq 'notes' || $name eq 'name' ? "x$k" : $k;
        my $r = patch($n, { $name => $v });
        return "$name $k: " . $r->status if $r->status != 200;
        return "$name is not $v" if $r->json->{$name} ne $v;
    }

    return 'done';
});
is_deeply(\@done, [('done') x 4], 'each member keeps what was said last');
my $m = node($n->{id});
is_deeply([@$m{qw(weight max_concurrent notes name)}], [40, 40, 'x40', 'x40'],
          'all of them');



=== TEST 7: If-Match
--- perl
my $n = add_node({ base_url => url('a'), models => ['m'] });
my $r = api('GET', "/nodes/$n->{id}");
my $tag = $r->header('etag');
is(api('GET', "/nodes/$n->{id}")->header('etag'), $tag, 'the same');

$r = patch($n, { weight => 2 }, { 'If-Match' => $tag });
is($r->status, 200, 'it is the one that was read');
isnt($r->header('etag'), $tag, 'another tag');
my $new = $r->header('etag');
api_error(patch($n, { weight => 3 }, { 'If-Match' => $tag }), 412,
          'precondition_failed', undef, 'it was changed since');
api_error(patch($n, { weight => 3 }, { 'If-Match' => "W/$new" }), 412,
          'precondition_failed', undef, 'a weak tag');
api_error(api('DELETE', "/nodes/$n->{id}", undef, { 'If-Match' => $tag }), 412,
          'precondition_failed', undef, 'nor is it deleted');
is(node($n->{id})->{weight}, 2, 'nothing was changed');
is(patch($n, { weight => 4 }, { 'If-Match' => '*' })->status, 200, 'any');
$new = api('GET', "/nodes/$n->{id}")->header('etag');
is(patch($n, { models => ['z'] }, { 'If-Match' => qq("x", $new) })->status, 200,
   'one of some');
isnt(api('GET', "/nodes/$n->{id}")->header('etag'), $new,
     'a new list is a change');
is(api('GET', "/nodes/$n->{id}", undef, { 'If-None-Match' => '*' })->status,
   200, 'a read is always answered: its figures have no tag');
is(api('DELETE', "/nodes/$n->{id}", undef,
       { 'If-Match' => api('GET', "/nodes/$n->{id}")->header('etag') })
   ->status, 204, 'deleted by its tag');



=== TEST 8: a deleted node ends what it serves, and is nobody else
--- perl
my $n = add_node({ base_url => url('a'), models => ['m'] });
my $s = stream('tokens=400;pace=50');
ok(read_event($s), 'it serves');
is(node($n->{id})->{in_flight}, 1, 'one in flight');
is(api('DELETE', "/nodes/$n->{id}")->status, 204, 'deleted');
api_error(api('DELETE', "/nodes/$n->{id}"), 404, 'node_not_found', undef,
          'a second time');
api_error(api('GET', "/nodes/$n->{id}"), 404, 'node_not_found', undef,
          'it is gone');
is_deeply([rows('/nodes')], [], 'from the list, too');
is(chat()->status, 503, 'it gets nothing new');

my $m = add_node({ base_url => url('a'), models => ['m'] });
isnt($m->{id}, $n->{id}, 'the same URL is another node');
is($m->{in_flight}, 0, 'without what the old one serves');
is($m->{requests}, 0, 'or has served');
ok(read_event($s), 'which goes on') for 1 .. 3;
close_stream($s);
is(chat()->status, 200, 'the new one serves');

# its place is used again only when it is idle

my %seen = map { $_->{id} => 1 } $n, $m;

for (1 .. 30) {
    my $k = add_node({ name => "k$_", base_url => "http://127.0.0.1:9/$_",
                       models => ['k'] });
    ok(!$seen{ $k->{id} }++, 'an id of its own');
    is($k->{requests} + $k->{in_flight}, 0, 'and figures');
    is(api('DELETE', "/nodes/$k->{id}")->status, 204, 'deleted');
}



=== TEST 9: drain and resume
--- perl
my $n = add_node({ base_url => url('a'), models => ['m'] });
my $s = stream('tokens=400;pace=50');
ok(read_event($s), 'it serves');
my $r = order($n, 'drain');
is($r->status, 200, 'drained');
is($r->json->{state}, 'draining', 'it says so');
like($r->json->{reason}, qr/nothing new/, 'and what that means');
is(each_worker(sub { chat({}, {}, port => $_[0]) }), '503', 'nothing new');
ok(read_event($s), 'what it serves goes on') for 1 .. 3;
is(node($n->{id})->{in_flight}, 1, 'and is counted');
close_stream($s);
is(order($n, 'drain')->status, 200, 'twice is once');
is(patch($n, { weight => 2 })->json->{state}, 'draining',
   'a change does not end it');
is(order($n, 'resume')->json->{state}, 'online', 'resumed');
is(each_worker(sub { chat({}, {}, port => $_[0]) }), '200', 'it serves again');
like(error_log_text(), qr/was $_ by key "robot"/, "$_ is in the log")
    for qw(drained resumed);



=== TEST 10: resume closes the circuit
--- perl
my $n = add_node({ base_url => url('a'), models => ['m'] });
mock_set('a', 'status=500');
ok(wait_until(sub { chat(); node($n->{id})->{circuit}{state} eq 'open' }),
   'its circuit opens');
my $o = node($n->{id});
is($o->{state}, 'cooling', 'it cools');
like($o->{reason}, qr/^circuit open: \d+ failures in a row, the last: status$/,
     'why');
like($o->{until}, qr/^20\d\d-\d\d-\d\dT/, 'until when');
mock_set('a', 'status=200');
$o = order($n, 'resume')->json;
is_deeply([@$o{qw(state reason until)}, $o->{circuit}{state}],
          ['online', undef, undef, 'closed'], 'it is over');
is(chat()->status, 200, 'it serves');



=== TEST 11: check: the answer comes after it
--- perl
my $n = add_node({ base_url => url('a') });
ok(state_is($n->{id}, 'online'), 'online');
mock_stop('a');
my $r = order($n, 'check');
is($r->status, 200, 'checked');
is($r->json->{state}, 'offline', 'and found offline');
is($r->json->{reason}, 'no good answer to the last check', 'why');
mock_start('a');
is(order($n, 'check')->json->{state}, 'online', 'and back');

mock_set('a', 'path=/v1/models;silence');
is(order($n, 'check')->json->{state}, 'offline', 'a mute one ends it, too');

my $o = add_node({ base_url => url('b'), models => ['m'], check => false });
api_error(order($o, 'check'), 409, 'check_off', undef, 'one that is not');



=== TEST 12: one that fails its first check is kept
--- perl
my $n = add_node({ base_url => 'http://127.0.0.1:' . closed_port() });
ok(wait_until(sub { node($n->{id})->{checked_at} }), 'checked');
is(node($n->{id})->{state}, 'offline', 'offline');
is(node($n->{id})->{reason}, 'no good answer to the last check', 'why');



=== TEST 13: names
--- perl
my $n = add_node({ base_url => 'http://LocalHost:' . mock_port('a') . '/' });
is($n->{base_url}, 'http://localhost:' . mock_port('a'), 'in lower case');
ok(state_is($n->{id}, 'online'), 'it is found');
ok((grep { $_ eq '127.0.0.1' } @{ node($n->{id})->{addresses} }),
   'where it is');
is($n->{name}, 'localhost:' . mock_port('a'), 'the default name');

my $o = add_node({ base_url => 'http://no-such-host.invalid:1' });
is_deeply([@$o{qw(state addresses reason)}],
          ['offline', [], 'its name has no address'], 'no address: kept');
my $p = add_node({ base_url => 'http://no-such-host.invalid:1/x',
                   models => ['z'], check => false });
is($p->{state}, 'offline', 'whatever is said of it');
isnt($p->{name}, $o->{name}, 'default names are not in use twice');
is(patch($p, { weight => 3 })->json->{state}, 'offline',
   'a change does not help');
is(patch($p, { base_url => url('b') })->json->{state}, 'online',
   'an address does');



=== TEST 14: where nodes may be
--- http_config
    llm_router_key sk-admin-0123456789abcdef name=robot scopes=admin;
    llm_router_node_allow 127.0.0.0/8 10.0.0.0/8;
    llm_router_node http://192.0.2.1:9 name=static models=s check=off;
--- perl
my $shown = shown();

api_error(api('POST', '/nodes', { base_url => $_ }), 400,
          'address_not_allowed', 'base_url', $_)
    for 'http://192.0.2.7', 'http://169.254.169.254/latest', 'http://[::1]:80',
        'http://[fe80::1]', 'http://[::ffff:169.254.169.254]',
        'http://0.0.0.0:80', 'http://[::ffff:192.0.2.7]';

is(shown(), $shown, 'none was added');
my $n = add_node({ base_url => 'http://10.1.2.3:80', models => ['m'],
                   check => false });
api_error(patch($n, { base_url => 'http://192.0.2.7' }), 400,
          'address_not_allowed', 'base_url', 'nor by a change');
is(node($n->{id})->{base_url}, 'http://10.1.2.3', 'it stays');
is(add_node({ base_url => 'http://localhost:1', models => ['m'],
              check => false })->{addresses}[0], '127.0.0.1',
   'of a name those that are allowed');



=== TEST 15: link-local addresses are never allowed
--- http_config
    llm_router_key sk-admin-0123456789abcdef name=robot scopes=admin;
    llm_router_node_allow 0.0.0.0/0 ::/0;
--- perl
api_error(api('POST', '/nodes', { base_url => $_ }), 400,
          'address_not_allowed', 'base_url', $_)
    for 'http://169.254.169.254', 'http://[fe80::1]', 'http://0.0.0.0',
        'http://[::ffff:a9fe:a9fe]', 'http://100.100.100.200';
is(api('POST', '/nodes', { base_url => 'http://192.0.2.7', models => ['m'],
                           check => false })->status, 201, 'others are');



=== TEST 16: a node's own key is written, never read
--- perl
my $secret = 'node-key-' . 'abcdef0123456789';
my $n = add_node({ base_url => url('a'), models => ['m'],
                   api_key => $secret });
is($n->{has_api_key}, true, 'it has one');
is(chat()->status, 200, 'it serves');
is(sent('a')->{headers}{authorization}, "Bearer $secret", 'and gets it');

# another host gets it only when that is said

my $r = patch($n, { base_url => url('b') });
api_error($r, 400, 'missing_required_parameter', 'api_key',
          'not with a new host');
is(patch($n, { base_url => url('a') . '/base' })->status, 200,
   'another path is the same host');
is(patch($n, { base_url => url('b'), api_key => "$secret-2" })->status, 200,
   'another key with it');
is(chat()->status, 200, 'it serves there');
is(sent('b')->{headers}{authorization}, "Bearer $secret-2", 'with that key');
is(patch($n, { api_key => undef })->json->{has_api_key}, false, 'none');
is(chat()->status, 200, 'serves');
is(sent('b')->{headers}{authorization}, undef, 'without');
is(patch($n, { api_key => '' })->json->{has_api_key}, false, 'none');

api_error(api('POST', '/nodes', { base_url => "http://u:$secret\@127.0.0.1" }),
          400, 'invalid_value', 'base_url', 'no password in a URL');
api_error(patch($n, { api_key => "$secret\x{e9}" }), 400, 'invalid_value',
          'api_key', 'not ASCII');
api_error(patch($n, { api_key => "$secret x" }), 400, 'invalid_value',
          'api_key', 'a blank');

my $all = CORE::join '', map { api('GET', $_)->body }
          '/nodes', "/nodes/$n->{id}", '/models', '/health';
unlike($all, qr/\Q$secret/, 'in no answer');
my @own = grep { !/\[debug\]/ || /\bllm/ } split /\n/, error_log_text();
unlike(CORE::join("\n", @own), qr/\Q$secret/, 'in no log');



=== TEST 17: nodes of nginx.conf
--- http_config
    llm_router_health interval=10s timeout=1s fails=1;
    llm_router_key sk-admin-0123456789abcdef name=robot scopes=admin;
    llm_router_key sk-test-0123456789abcdef name=plain;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    max_concurrent=3;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=n;
--- perl
my ($x, $y) = (node('a'), node('b'));
is_deeply([@$x{qw(source name models max_concurrent discovered)}],
          ['nginx.conf', 'a', ['m'], 3, false], 'shown as such');
is(patch($x, { max_concurrent => 9, notes => 'changed' })->json->{source},
   'nginx.conf', 'changed');
is(node('a')->{max_concurrent}, 9, 'in force');
is(order($x, 'drain')->json->{state}, 'draining', 'drained');
is(api('DELETE', "/nodes/$y->{id}")->status, 204, 'another is deleted');
is(node($y->{id}), undef, 'gone');
my $n = add_node({ base_url => 'http://127.0.0.1:9', models => ['z'],
                   check => false, name => 'mine' });

ok(reload(), 'until the next reload');
ok(wait_until(sub {
    my $a = node($x->{id}) // return;
    return $a->{max_concurrent} == 3 && node($y->{id});
}), 'they are as nginx.conf says');
is(node($x->{id})->{notes}, '', 'in all');
is_deeply(node($n->{id})->{name}, 'mine', 'what was made at run time stays');



=== TEST 18: the zone is full
--- http_config
    llm_router_zone small:1m;
    llm_router_key sk-admin-0123456789abcdef name=robot scopes=admin;
    llm_router_key sk-test-0123456789abcdef name=plain;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m check=off;
--- perl
my ($r, $n);

for (1 .. 2000) {
    $r = api('POST', '/nodes', { base_url => "http://127.0.0.1:9/$_",
                                 models => ["m$_"], check => false });
    last if $r->status != 201;
    $n = $r->json;
}

api_error($r, 507, 'zone_full', undef, 'it is full');
is(chat()->status, 200, 'requests go on');
is(api('GET', '/nodes?limit=1')->status, 200, 'reads, too');
is(patch($n, { weight => 3 })->json->{weight}, 3, 'and changes');
is(api('DELETE', "/nodes/$n->{id}")->status, 204, 'one is deleted');
ok(wait_until(sub {
    api('POST', '/nodes', { base_url => 'http://127.0.0.1:9/again',
                            models => ['again'], check => false })->status == 201
}), 'and its place used again');

# lists that are too long for what is left change nothing

my ($first) = rows('/nodes?limit=1');
my $shown = shown();
$r = patch($first, { models => [map { sprintf '%0250d', $_ } 1 .. 1024],
                     weight => 7 });
api_error($r, 507, 'zone_full', undef, 'no room for a list');
is(shown(), $shown, 'nothing was changed');
$r = api('POST', '/nodes', { base_url => 'http://127.0.0.1:9/again',
                             models => [map { sprintf '%0250d', $_ }
                                        1 .. 1024] });
is($r->status, 507, 'nor for the same node');
is(chat()->status, 200, 'requests go on');
--- timeout: 30



=== TEST 19: lists by pages
--- perl
my @want;
push @want, add_node({ base_url => "http://127.0.0.1:9/$_", name => "n$_",
                       models => ['m'], check => false })->{id} for 1 .. 25;
my (@got, $cursor);

do {
    my $r = api('GET', '/nodes?limit=10' . ($cursor ? "&cursor=$cursor" : ''));
    is($r->json->{total}, 25, 'all of them');
    push @got, map { $_->{id} } @{ $r->json->{data} };
    $cursor = $r->json->{next_cursor};
} while defined $cursor && @got < 100;

is_deeply([sort @got], [sort @want], 'each once');

my $n = add_node({ base_url => 'http://127.0.0.1:9/many', name => 'many',
                   models => [map { "m$_" } 1 .. 300], check => false });
is(scalar @{ node($n->{id})->{models} }, 300, 'all models of one');
my ($row) = grep { $_->{name} eq 'many' } rows('/nodes');
is(scalar @{ $row->{models} }, 100, 'a hundred in a list');
is($row->{models_total}, 300, 'of so many');
is_deeply($row->{models}, [map { "m$_" } 1 .. 100], 'the first');



=== TEST 20: who may not
--- perl
my $n = add_node({ base_url => url('a'), models => ['m'] });
my $shown = shown();

for my $h ({ no_key => 1 }, { Authorization => 'Bearer nonsense' },
           { Authorization => "Bearer $Key" })
{
    my $want = ($h->{Authorization} // '') =~ /sk-test/ ? qr/^40[13]$/
                                                        : qr/^401$/;
    like(api($_->[0], $_->[1], $_->[2], $h)->status, $want, "@$_[0, 1]")
        for ['GET', '/nodes'], ['POST', '/nodes', { base_url => url('b') }],
            ['GET', "/nodes/$n->{id}"], ['PATCH', "/nodes/$n->{id}",
                                         { weight => 2 }],
            ['DELETE', "/nodes/$n->{id}"], ['POST', "/nodes/$n->{id}/drain"],
            ['POST', "/nodes/$n->{id}/check"],
            ['POST', "/nodes/$n->{id}/approve"];
}

is(shown(), $shown, 'nothing was changed');



=== TEST 21: ways round the routes
--- perl
my $n = add_node({ base_url => url('a'), models => ['m'] });
my $shown = shown();

for my $path ("//nodes/$n->{id}", "/nodes//$n->{id}", "/nodes/./$n->{id}",
              "/x/../nodes/$n->{id}", "/NODES/$n->{id}", "/Nodes/$n->{id}",
              "/%6eodes/$n->{id}", "/nodes%2f$n->{id}", "/nodes/$n->{id}/",
              "/nodes/$n->{id}%00", "/nodes/$n->{id}/drain/",
              "/nodes/$n->{id}/%64rain", "/nodes/" . uc $n->{id},
              "/nodes/$n->{id}/Drain", "/nodes/$n->{id};x", "/keys/$n->{id}",
              "/nodes/%2e%2e/nodes/$n->{id}")
{
    like(api($_, $path, $_ eq 'PATCH' ? { weight => 9 } : undef)->status,
         qr/^40[045]$/, "$_ $path") for qw(DELETE PATCH POST);
}

is(shown(), $shown, 'nothing was changed');



=== TEST 22: a change while it serves: the log tells who served
--- http_config eval
$::AdminKey . $::Pid . <<'_EOC_'
    llm_router_key sk-test-0123456789abcdef name=plain;
    log_format who 'pid=$pid node=$llm_router_node addr=$upstream_addr';
    access_log logs/access.log who;
_EOC_
--- perl
my $n = add_node({ name => 'first', base_url => url('a'), models => ['m'],
                   check => false });
my $s = stream('tokens=400;pace=50');
ok(read_event($s), 'it serves');
is(patch($n, { name => 'second' })->status, 200, 'it is another one now');
is(each_worker(sub { chat({}, {}, port => $_[0]) }), '200',
   'as each worker knows');
close_stream($s);

my @first;
ok(wait_until(sub { @first = grep { $_->{node} eq 'first' } log_fields() }),
   'the stream is logged with the name that it began with');
is($first[0]{addr}, '127.0.0.1:' . mock_port('a'), 'and its address');
is(scalar(grep { ($_->{node} || '-') !~ /^(?:first|second|-)$/ }
          log_fields()), 0, 'no other name');



=== TEST 23: what does not concern connections keeps them
--- perl
my $n = add_node({ name => 'kept', base_url => url('a'), models => ['kept'],
                   check => false });
my $all = sub { map { chat({ model => 'kept' }, {}, port => port()) } 1 .. 12 };
my ($was, $asked) = (0, 0);

# without those that this takes
my $connections = sub { mock_stats('a')->{connections} - ++$asked };

# until each worker has one

ok(wait_until(sub {
    my $before = $connections->();
    $all->();
    $was = $connections->();
    return $before == $was;
}), 'each worker keeps its connection');

for my $change ({ weight => 7 }, { notes => 'x' }, { max_concurrent => 5 }) {
    my ($what) = keys %$change;
    is(patch($n, $change)->status, 200, "$what is changed");
    is(scalar(grep { $_->status == 200 } $all->()), 12, '... all are served');
    is($connections->(), $was, '... over the same connections');
}

is(patch($n, { name => 'other' })->status, 200, 'another name');
is(scalar(grep { $_->status == 200
                 && $_->header('x-llm-router-node') eq 'other' } $all->()), 12,
   '... which answers tell at once');
is(patch($n, { api_key => 'sk-of-the-node' })->status, 200, 'another key');
is(scalar(grep { $_->status == 200 } $all->()), 12, '... all are served');
is(sent('a')->{headers}{authorization}, 'Bearer sk-of-the-node', '... with it');



=== TEST 24: a long list of models is said and shown in part
--- mock eval
'a --models ' . CORE::join(',', map { "model-$_" } 1 .. 3000) . "\nb\n"
--- perl
my $n = add_node({ base_url => url('a'), name => 'a' });
ok(wait_until(sub { node($n->{id})->{models_total} == 3000 }), 'all are known');
is(scalar @{ node($n->{id})->{models} }, 1024, 'so many are shown');
is(scalar @{ (rows('/nodes'))[0]{models} }, 100, '... in a list');
is(scalar @{ (api('GET', '/models?limit=10000')->json->{data}) }, 3000,
   'those are all of them');

# the most that can be said

my @many = map { sprintf '%040d', $_ } 1 .. 1024;
my $m = add_node({ base_url => url('b'), name => 'b', models => \@many,
                   check => false });
is_deeply($m->{models}, \@many, 'all are shown');
is(chat({ model => $many[-1] })->status, 200, 'the last is served');
api_error(patch($m, { models => [@many, 'more'] }), 400, 'invalid_value',
          'models', 'one more');
is(node($m->{id})->{models_total}, 1024, 'is not taken');

@many = map { sprintf '%0256d', $_ } 1 .. 1024;
$m = patch($m, { models => \@many })->json;
is($m->{models_total}, 1024, 'long names');
my $shown = @{ $m->{models} };
cmp_ok($shown, '>', 200, 'are shown');
cmp_ok($shown, '<', 400, '... in part');
is_deeply($m->{models}, [@many[0 .. $shown - 1]], 'from the first on');
is(chat({ model => $many[-1] })->status, 200, 'and all are served');
