# GET /v1/models and /v1/models/{id}: what the nodes that are online list,
# as far as the key may use it.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;

defaults(
    config => "    location /v1/ { llm_router on; }\n",
);

sub models {
    my ($headers, %opt) = @_;
    return http('GET', '/v1/models', with_key($headers), undef, %opt);
}

sub ids {
    my $r = models(@_);
    return join ' ', sort map { $_->{id} } @{ $r->json->{data} };
}

sub one {
    my ($id, $headers) = @_;
    return http('GET', "/v1/models/$id", with_key($headers));
}

sub no_model {
    my ($id) = @_;
    return (404, 'invalid_request_error', 'model_not_found', 'model',
            "The model `$id` does not exist");
}

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: merged over nodes, each once
--- mock
a --models m1,shared
b --models m2,shared
c --models shared
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_C name=c models=own,shared;
    llm_router_key sk-test-0123456789abcdef;
--- perl
ok(node_online($_), "$_ is online") for qw(a b c);
ok(wait_until(sub { ids() eq 'm1 m2 own shared' }), 'all of them') or diag(ids());

my $r = models();
is($r->status, 200, 'status');
is($r->header('content-type'), 'application/json', 'type');
is($r->header('content-length'), length $r->body, 'length');
like($r->header('x-request-id'), qr/^[0-9a-f]{32}$/, 'id');
is_deeply([sort keys %{ $r->json }], [qw(data object)], 'members');
is($r->json->{object}, 'list', 'a list');

for my $m (@{ $r->json->{data} }) {
    is_deeply([sort keys %$m], [qw(created id object owned_by)],
              "$m->{id}: members");
    is($m->{object}, 'model', "$m->{id}: object");
    like($m->{created}, qr/^[1-9]\d{8,10}$/, "$m->{id}: created");
    is(ref \$m->{created}, 'SCALAR', "$m->{id}: a number");
    like($m->{owned_by}, qr/^[\w-]+$/, "$m->{id}: owned_by");
    is_deeply(one($m->{id})->json, $m, "$m->{id}: the same alone");
}

like($r->body, qr/"created":\d+,/, 'created is no string');
my ($first) = grep { $_->{id} eq 'm1' } @{ $r->json->{data} };
is_deeply($first, json_decode(http('GET', '/v1/models', {}, undef,
                                   port => mock_port('a'))->body)->{data}[0],
          'created and owned_by are the node\'s own');
--- node_stats
a requests=0
b requests=0
c requests=0



=== TEST 2: only what the key may use
--- mock
a
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a
        models=m,m2,org/x,org/y,gpt-mini;
    llm_router_key sk-test-0123456789abcdef;
    llm_router_key sk-test-exact-00000 models=m,org/y;
    llm_router_key sk-test-glob-000000 models=org/*,*-mini;
    llm_router_key sk-test-none-000000 models=nothing;
--- perl
is(ids(), 'gpt-mini m m2 org/x org/y', 'all');
is(ids({ 'x-api-key' => 'sk-test-exact-00000' }), 'm org/y', 'names');
is(ids({ 'x-api-key' => 'sk-test-glob-000000' }), 'gpt-mini org/x org/y',
   'patterns');
is(models({ 'x-api-key' => 'sk-test-none-000000' })->body,
   qq({"object":"list","data":[]}\n), 'none');

is(one('m', { 'x-api-key' => 'sk-test-exact-00000' })->status, 200, 'may');
error_is(one('m2', { 'x-api-key' => 'sk-test-exact-00000' }), no_model('m2'),
         'one that it may not use is not there');



=== TEST 3: ids with a slash, a colon, and escapes
--- mock
a
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a
        "models=org/x,llama3:8b,hf.co/org/x:Q4_K_M,a b,50%,q\"s,c\\d,é,a+b,m#1,m?2,models/m";
    llm_router_key sk-test-0123456789abcdef;
--- perl
for (['org/x', 'org/x'], ['org%2Fx', 'org/x'], ['org%2fx', 'org/x'],
     ['llama3:8b', 'llama3:8b'], ['llama3%3A8b', 'llama3:8b'],
     ['hf.co/org/x:Q4_K_M', 'hf.co/org/x:Q4_K_M'],
     ['hf.co%2Forg%2Fx%3AQ4_K_M', 'hf.co/org/x:Q4_K_M'],
     ['a%20b', 'a b'], ['50%25', '50%'], ['q%22s', 'q"s'], ['c%5Cd', 'c\\d'],
     ['%C3%A9', "\x{e9}"], ['a+b', 'a+b'], ['a%2Bb', 'a+b'],
     ['m%231', 'm#1'], ['m%3F2', 'm?2'], ['models/m', 'models/m'],
     ['org/x?a=b', 'org/x'])
{
    my ($url, $id) = @$_;
    my $r = one($url);
    is($r->status, 200, $url);
    is($r->json->{id}, $id, "$url: the id");
}

error_is(one($_->[0]), no_model($_->[1]), "no $_->[0]")
    for ['org', 'org'], ['x', 'x'], ['org/', 'org/'], ['org/x/', 'org/x/'],
        ['Org/x', 'Org/x'], ['llama3', 'llama3'], ['m?2', 'm'],
        ['org%252Fx', 'org%2Fx'];

my $list = models();
is(scalar @{ $list->json->{data} }, 12, 'all in the list');



=== TEST 4: what a client may add to the URL, and what it may not
--- mock
a
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
--- config
    location /v1/ { llm_router on; }
    location /api/ { llm_router on; }
--- perl
is(http('GET', $_, with_key())->status, 200, $_)
    for '/v1/models', '/v1/models?limit=2&after=x', '/v1//models',
        '/v1/x/../models', '/api/v1/models', '/api/org/v1/models/m';
is(http('GET', $_, with_key())->status, 404, $_)
    for '/v1/models/', '/v1/model', '/v1/modelsx', '/V1/models', '/v1',
        '/v1/Models', '/api/models', '/api/v1/';

my $r = http('GET', '/v1/models', with_key(), 'a body that nobody wants');
is($r->status, 200, 'a GET with a body');



=== TEST 5: an offline node's models vanish, and come back
--- mock
a --models m1,shared
b --models m2,shared
--- http_config
    llm_router_health interval=100ms timeout=1s fails=1;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b;
    llm_router_key sk-test-0123456789abcdef;
--- perl
ok(wait_until(sub { ids() eq 'm1 m2 shared' }), 'all') or diag(ids());
mock_stop('a');
ok(wait_until(sub { ids() eq 'm2 shared' }), 'without those of one')
    or diag(ids());
error_is(one('m1'), no_model('m1'), 'nor alone');
is(one('shared')->status, 200, 'the other has it still');
mock_start('a');
ok(wait_until(sub { ids() eq 'm1 m2 shared' }), 'it is back') or diag(ids());
is(one('m1')->status, 200, 'alone, too');
mock_set('b', 'models=m2,m3');
ok(wait_until(sub { ids() eq 'm1 m2 m3 shared' }), 'a new list')
    or diag(ids());
mock_set('b', 'path=/v1/models;status=500');
ok(wait_until(sub { ids() eq 'm1 shared' }), 'an error is as good as offline')
    or diag(ids());
--- error_log
llm node "a" is offline
llm node "b" is offline



=== TEST 6: a reload adds and removes
--- mock
a
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m,n;
    llm_router_key sk-test-0123456789abcdef;
--- perl
is(ids(), 'm n', 'before');
edit_conf(sub { s/models=m,n/models=n,o,p/ });
ok(reload(), 'reloaded');
is(ids(), 'n o p', 'after');
error_is(one('m'), no_model('m'), 'gone');
is(chat({ model => 'p' })->status, 200, 'used at once');



=== TEST 7: anonymous, where keys are not required; "*" is no model
--- mock
a
--- http_config
    llm_router_keys_required off;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m,*;
--- perl
is(http('GET', '/v1/models')->status, 200, 'without a key');
is(ids({ no_key => 1 }), 'm', 'no star in the list');
is(one('anything', { no_key => 1 })->status, 404, 'a star lists no name');
is(chat({ model => 'anything' }, { no_key => 1 })->status, 200,
   'but takes any');



=== TEST 8: many models
--- mock
a
b
--- http_config eval
my ($one, $two) = map {
    my $n = $_;
    CORE::join ',', map { sprintf 'org/model-%05d', $_ }
                    $n * 60 .. $n * 60 + 79
} 0, 1;
<<_EOC_;
    llm_router_node http://127.0.0.1:\$TEST_NGINX_NODE_A name=a models=$one;
    llm_router_node http://127.0.0.1:\$TEST_NGINX_NODE_B name=b models=$two;
    llm_router_key sk-test-0123456789abcdef;
_EOC_
--- perl
my $r = models();
ok($r->complete, 'whole');
is(ids(), CORE::join(' ', map { sprintf 'org/model-%05d', $_ } 0 .. 139),
   'all, each once');
is(one(sprintf 'org/model-%05d', $_)->status, $_ < 140 ? 200 : 404, "model $_")
    for 0, 59, 60, 79, 80, 139, 140;



=== TEST 9: many models of a node that tells them
--- mock eval
'a --models ' . CORE::join ',', map { "org/model-$_" } 1 .. 2000
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;
    llm_router_key sk-test-0123456789abcdef;
--- perl
ok(node_online('a'), 'online');
ok(wait_until(sub { @{ models()->json->{data} } == 2000 }), 'two thousand')
    or diag(scalar @{ models()->json->{data} });
is(one('org/model-2000')->status, 200, 'the last one');



=== TEST 10: HEAD
--- mock
a
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
--- perl
my $c = http_conn();
for my $url ('/v1/models', '/v1/models/m') {
    my $get = $c->http('GET', $url, with_key(), undef, keepalive => 1);
    my $r = $c->http('HEAD', $url, with_key(), undef, keepalive => 1);
    is($r->status, 200, "HEAD $url");
    is($r->header('content-length'), length $get->body, "$url: the length");
}
is($c->http('GET', '/v1/models', with_key(), undef, keepalive => 1)->status,
   200, 'the connection is in step');
$c->close;
