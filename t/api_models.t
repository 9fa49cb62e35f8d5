# /api/models: what is served, by whom, and how much of it.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;

defaults(
    mock => "a\n",
    http_config => $AdminKey . <<'_EOC_',
    llm_router_key sk-test-0123456789abcdef name=plain;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a
                    models=m,x/y:z max_concurrent=4;
    llm_router_node http://127.0.0.1:9/b name=b models=m max_concurrent=3
                    check=off;
    llm_router_node http://127.0.0.1:9/c name=c models=* check=off;
_EOC_
    config => "    $Listen\n    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

sub model { my %m = models(); return $m{ $_[0] } // {} }

sub models { return map { $_->{id} => $_ } rows('/models?limit=10000') }

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: the rows
--- perl
my %m = models();
is_deeply([sort keys %m], ['*', 'm', 'x/y:z'], 'by name');
my ($a, $b, $c) = map { node($_)->{id} } qw(a b c);
my $created = $m{'x/y:z'}{created};
like($created, qr/^\d{9,11}$/, 'created');
is_deeply($m{'x/y:z'}, {
    id => 'x/y:z', owned_by => 'llm-router', created => $created,
    nodes => [{ id => $a, name => 'a', state => 'online', in_flight => 0,
                max_concurrent => 4, tokens_per_second => undef }],
    nodes_total => 1, tokens_per_second => undef,
    capacity => { max_concurrent => 4, in_flight => 0, online_nodes => 1 },
}, 'a model');
is_deeply([map { $_->{id} } @{ $m{m}{nodes} }], [$a, $b], 'at two nodes');
is_deeply($m{m}{capacity}, { max_concurrent => 7, in_flight => 0,
                             online_nodes => 2 }, 'together');
is_deeply([@{ $m{'*'} }{qw(owned_by created nodes_total)}], [undef, undef, 1],
          'any model');
is($m{'*'}{capacity}{max_concurrent}, undef, 'without a limit');
is($m{'*'}{nodes}[0]{id}, $c, 'at its node');

my $r = api('GET', '/models');
is($r->json->{total}, 3, 'the total');
is($r->header('x-content-type-options'), 'nosniff', 'its type is its type');



=== TEST 2: what is in flight, online, draining
--- perl
my $s = open_stream('POST', '/v1/chat/completions',
    with_key({ 'X-Mock' => 'tokens=400;pace=20' }),
    { model => 'x/y:z', stream => true,
      messages => [{ role => 'user', content => 'x' }] });
ok(read_event($s), 'a stream');
my $row = model('x/y:z');
is($row->{capacity}{in_flight}, 1, 'in flight');
is($row->{nodes}[0]{in_flight}, 1, 'at its node');
close_stream($s);

chat({ model => 'x/y:z' }, { 'X-Mock' => 'tokens=20;pace=5' });
$s = open_stream('POST', '/v1/chat/completions',
    with_key({ 'X-Mock' => 'tokens=40;pace=5' }),
    { model => 'x/y:z', stream => true,
      messages => [{ role => 'user', content => 'x' }] });
1 while read_event($s);
ok(wait_until(sub { model('x/y:z')->{tokens_per_second} }), 'its speed');
$row = model('x/y:z');
is($row->{tokens_per_second}, $row->{nodes}[0]{tokens_per_second},
   'that of its node');
is($row->{tokens_per_second}, node('a')->{tokens_per_second},
   'where it is shown, too');

api('POST', '/nodes/' . node('a')->{id} . '/drain');
$row = model('x/y:z');
is_deeply([$row->{capacity}{online_nodes}, $row->{nodes}[0]{state},
           $row->{capacity}{max_concurrent}], [0, 'draining', undef],
          'a node that drains is no capacity');
is(http('GET', '/v1/models/x/y:z', with_key())->status, 404,
   'and its models are not for clients');
api('POST', '/nodes/' . node('a')->{id} . '/resume');
is(http('GET', '/v1/models/x/y:z', with_key())->status, 200,
   'until it is resumed');
api('DELETE', '/nodes/' . node('a')->{id});
ok(wait_until(sub { !model('x/y:z')->{id} }), 'the model goes with its node');



=== TEST 3: many nodes of one model, many models of one node
--- perl
add_node({ base_url => "http://127.0.0.1:9/n$_", name => "n$_",
           models => ['big'], check => false }) for 1 .. 120;
add_node({ base_url => 'http://127.0.0.1:9/l', name => 'l', check => false,
           models => [map { "l$_" } 1 .. 900] });

my %m = models();
is(scalar @{ $m{big}{nodes} }, 100, 'a hundred of them');
is($m{big}{nodes_total}, 120, 'of so many');
is($m{big}{capacity}{online_nodes}, 120, 'all of them counted');
is(scalar(keys %m), 904, 'all models');

my (@got, $cursor);

do {
    my $r = api('GET', '/models?limit=100'
                       . ($cursor ? "&cursor=$cursor" : ''));
    push @got, map { $_->{id} } @{ $r->json->{data} };
    $cursor = $r->json->{next_cursor};
} while defined $cursor && @got < 2000;

is_deeply(\@got, [sort @got], 'in the order of their names');
is_deeply(\@got, [sort keys %m], 'each once, over the pages');



=== TEST 4: names are text
--- perl
my $evil = "<script>alert('x')</script>\"\\ \x{e9}";
add_node({ base_url => 'http://127.0.0.1:9/e', name => $evil,
           models => [$evil], check => false });
my $r = api('GET', '/models?limit=1000');
like($r->header('content-type'), qr{^application/json}, 'JSON');
my ($row) = grep { $_->{id} eq $evil } @{ $r->json->{data} };
ok($row, 'as it was said');
is($row->{nodes}[0]{name}, $evil, 'so is its node');



=== TEST 5: nobody is there
--- http_config
    llm_router_key sk-admin-0123456789abcdef name=robot scopes=admin;
--- perl
is_deeply(api('GET', '/models')->json->{data}, [], 'nothing');
api_error(api('POST', '/models', {}), 405, 'method_not_allowed', undef,
          'only read');
like(api('GET', '/models', undef, { no_key => 1 })->status, qr/^401$/,
     'by who may');
