# What a check makes of an answer: lists of models in all shapes, and the
# ways in which a node fails; and how often it asks.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use Time::HiRes qw(time);

workers(4);

sub state_is {
    my ($name, $state) = @_;
    return wait_until(sub { (node_row($name)->{state} // '') eq $state });
}

our $Keys = $LogFormat . "    llm_router_key sk-test-0123456789abcdef;\n";

# A server for each answer, as node s0, s1, …  Each row: body, and its
# models, or a word of the log line that says what is wrong with it.

our @Good = (
    [ '{"data":[{"id":"plain"}]}', 'plain' ],
    [ '{"object":"list","data":[{"id":"a0","object":"model","created":1,'
      . '"owned_by":"x"},{"id":"a1","meta":{"id":"not-this"}}]}', 'a0', 'a1' ],
    [ '{"models":[{"name":"ollama:7b","size":1},{"name":"org/second"}]}',
      'ollama:7b', 'org/second' ],
    [ '[{"id":"bare"}]', 'bare' ],
    [ '{"models":[{"name":"not-this-one"}],"data":[{"id":"data-counts"}]}',
      'data-counts' ],
    [ '{"models":[{"name":"of-models"}],"data":[]}', 'of-models' ],
    [ ' { "data" : [ { "owned_by" : null , "id" : "spaces" } ] } ',
      'spaces' ],
    [ '{"data":[{"id":"twice"},{"id":"twice"}]}', 'twice' ],
    [ '{"data":[{"id":"esc\u0061ped\u00e9"}]}', "escaped\x{e9}" ],
    [ '{"data":[1,null,"x",[],{},{"id":5},{"id":""},{"id":"the-rest"}]}',
      'the-rest' ],
    [ '{"data":[{"id":"' . 'l' x 256 . '"},{"id":"' . 'x' x 257 . '"}]}',
      'l' x 256 ],
    [ '{"data":[]}' ],
    [ '{"data":[{"id":"many-0"}'
      . (CORE::join '', map { qq(,{"id":"many-$_"}) } 1 .. 40) . ']}',
      map { "many-$_" } 0 .. 40 ],
);

our @Bad = (
    [ 200, '{"data":[{"id":"cut"}', 'not JSON' ],
    [ 200, '{"data":[{"id":"after"}]}x', 'not JSON' ],
    [ 200, '<html></html>', 'not JSON' ],
    [ 200, '{}', 'not a list of models' ],
    [ 200, '{"error":"no"}', 'not a list of models' ],
    [ 200, '{"data":{"id":"no-array"}}', 'not a list of models' ],
    [ 200, '"text"', 'not a list of models' ],
    [ 200, '17', 'not a list of models' ],
    [ 201, '{"data":[{"id":"created"}]}', 'answered 201' ],
    [ 204, '', 'answered 204' ],
    [ 301, 'http://127.0.0.1:1/', 'answered 301' ],
    [ 400, '{}', 'answered 400' ],
    [ 401, '{"data":[{"id":"no-key"}]}', 'answered 401' ],
    [ 403, '{}', 'answered 403' ],
    [ 404, '{}', 'answered 404' ],
    [ 500, '{}', 'answered 500' ],
    [ 503, '{}', 'answered 503' ],
);

my $first;

sub servers {
    my @rows = @_;
    my $conf = '';
    $first //= free_ports(20);

    for my $i (0 .. $#rows) {
        my ($status, $body) = @{ $rows[$i] };
        my $port = $first + $i;
        $body = "'$body'" if $status !~ /^3/;
        $conf .= "    llm_router_node http://127.0.0.1:$port name=s$i;
    server { listen 127.0.0.1:$port;
             location = /v1/models { access_log off;
                 default_type application/json; return $status $body; } }\n";
    }

    return $conf;
}

sub many_holes {
    my ($port) = @_;
    return CORE::join '', map {
        "    llm_router_node http://127.0.0.1:$port/$_ name=h$_;\n" } 1 .. 40;
}

my $first_port;

sub first_port { return $first_port //= free_ports(150) }

sub many_nodes {
    return CORE::join '', map {
        '    llm_router_node http://127.0.0.1:' . (first_port() + $_)
        . " name=n$_;\n" } 0 .. 149;
}

defaults(
    config => "    location /v1/ { llm_router on; }\n",
);

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: lists of models, in all shapes
--- http_config eval
$::Keys . "    llm_router_health interval=200ms;\n"
. ::servers(map { [ 200, $_->[0] ] } @::Good)
--- perl
use utf8;
my @all = map { my @row = @$_; @row[1 .. $#row] } @::Good;
ok(models_are(@all), 'all are known, and no others')
    or diag(http('GET', '/v1/models', with_key())->body);

for my $i (0 .. $#::Good) {
    ok(state_is("s$i", 'online'), "online: " . substr $::Good[$i][0], 0, 60);
}

like(error_log_text(), qr/llm node "s11" is online, 0 models/,
     'no model at all is told');
like(error_log_text(), qr/llm node "s12" is online, 41 models/, 'many too');
like(error_log_text(), qr/llm node "s10": 1 models are left out/,
     'who has too long a name is told');

my $r = http('GET', '/v1/models/esc%61ped%C3%A9', with_key());
is($r->status, 200, 'one of them by its name');
is($r->json->{id}, "escaped\x{e9}", 'which is that');



=== TEST 2: answers that are no list, and what is said of them
--- http_config eval
$::Keys . "    llm_router_health interval=100ms;\n" . ::servers(@::Bad)
--- perl
for my $i (0 .. $#::Bad) {
    my ($status, $body, $why) = @{ $::Bad[$i] };
    ok(state_is("s$i", 'offline'), "offline: $status $body");
    ok(wait_log(qr/\[warn\].*llm node "s$i" is offline: .*\Q$why\E/),
       "and said why: $why")
        or diag(grep { /"s$i"/ } split /^/, error_log_text());
}

my $r = http('GET', '/v1/models', with_key());
is_deeply($r->json->{data}, [], 'no model is known');

# some rounds later nothing was said twice
select undef, undef, undef, 0.5;
my @said = error_log_text() =~ /llm node "(\w+)" is offline/g;
is(scalar @said, scalar @::Bad, 'once each');



=== TEST 3: a node that fails, in each way; and comes back
--- mock
a --models m
--- http_config eval
$::Keys . '    llm_router_health interval=100ms timeout=400ms fails=2;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;' . "\n"
--- perl
my $n = 0;

for my $way ('status=500', 'status=401', 'broken=json', 'broken=http',
             'broken=chunk', 'close=before', 'reset=before', 'silence=before',
             'silence=headers', 'close=headers', 'reset=headers',
             'close=mid', 'reset=mid', 'bigheader=100000', 'gone')
{
    ok(models_are('m'), "$way: it was online");
    $way eq 'gone' ? mock_stop('a') : mock_set('a', "path=/v1/models;$way");
    ok(state_is('a', 'offline'), "$way: it is offline");
    ok(wait_until(sub { chat()->status == 503 }), "$way: nothing is sent");
    $way eq 'gone' ? mock_start('a') : mock_set('a', 'reset');
    ok(state_is('a', 'online'), "$way: it is back");
    ok(wait_until(sub { chat()->status == 200 }), "$way: and serves");
    $n++;
}

my @off = error_log_text() =~ /llm node "a" is offline: (.*)/g;
is(scalar @off, $n, 'each was told once');
is(scalar(() = error_log_text() =~ /\[notice\].*llm node "a" is online/g),
   $n + 1, 'and each time it came back');
unlike(join("\n", @off), qr/127\.0\.0\.1/, 'without an address');



=== TEST 4: answers that are slow or odd, but right
--- mock
a --models m,org/x:7b
--- http_config eval
$::Keys . '    llm_router_health interval=100ms timeout=2s fails=1;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;' . "\n"
--- perl
ok(models_are('m', 'org/x:7b'), 'online');

for my $way ('drip=0', 'drip=1', 'delay=300', 'first=300', 'interim',
             'nochunk', 'close', 'bigheader=2000', 'accel')
{
    mock_set('a', "path=/v1/models;$way");
    my $n = mock_stats('a')->{models_requests};
    ok(wait_until(sub { mock_stats('a')->{models_requests} >= $n + 3 }),
       "$way: asked three times");
    is(node_row('a')->{state}, 'online', "$way: stays online");
}

ok(models_are('m', 'org/x:7b'), 'the list is the same');
unlike(error_log_text(), qr/is offline/, 'it never was offline');



=== TEST 5: one worker asks, once an interval
--- mock
a --models m
b --models m
--- http_config eval
$::Keys . '    llm_router_health interval=200ms;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a type=openai;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b type=openai;'
. "\n"
--- perl
ok(models_are('m'), 'both are found');
mock_reset($_) for qw(a b);
my $start = time;
ok(wait_until(sub { mock_stats('a')->{models_requests} >= 12 }), 'asked');
my $rounds = (time - $start) / 0.2;
my ($x, $y) = map { mock_stats($_)->{models_requests} } qw(a b);
cmp_ok($x, '<=', $rounds * 1.2 + 2, 'no more than once an interval');
cmp_ok($x, '>=', $rounds * 0.4, 'not much less');
cmp_ok(abs($x - $y), '<=', 2, 'each node as often');



=== TEST 6: fails= and passes=
--- mock
a --models m
--- http_config eval
$::Keys . '    llm_router_health interval=100ms fails=4 passes=3;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a type=openai;'
. "\n"
--- perl
ok(models_are('m'), 'the first one counts at once');
mock_reset('a');
mock_set('a', 'path=/v1/models;status=500;times=3');
ok(wait_until(sub { mock_stats('a')->{models_requests} >= 6 }), 'three fail');
unlike(error_log_text(), qr/is offline/, 'which is not enough');

mock_reset('a');
mock_set('a', 'path=/v1/models;status=500');
ok(state_is('a', 'offline'), 'four are');
cmp_ok(mock_stats('a')->{models_requests}, '>=', 4, 'not before');
mock_reset('a');
ok(state_is('a', 'online'), 'it is back');
cmp_ok(mock_stats('a')->{models_requests}, '>=', 3, 'after three');



=== TEST 7: nodes that never answer do not keep the others from being asked
--- mock
a --models m
--- http_config eval
($::Port, $::Full) = ::full_port();
$::Keys . '    llm_router_health interval=100ms timeout=1s;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;' . "\n"
. ::many_holes($::Port)
--- perl
ok(models_are('m'), 'the one is found');
mock_reset('a');
my $start = time;
ok(wait_until(sub { mock_stats('a')->{models_requests} >= 10 }), 'asked on');
cmp_ok(time - $start, '<', 4, 'at its pace');
is(scalar(grep { $_->{state} eq 'offline' } @{ status_page()->{nodes} }), 40,
   'the others are offline');
ok(wait_until(sub {
    40 == (() = error_log_text() =~ /is offline: \S/g)
}), 'and told');
undef $::Full;



=== TEST 8: many nodes are found at once
--- mock eval
"n --models m --ports " . ::first_port() . '-' . (::first_port() + 149)
--- http_config eval
$::Keys . ::many_nodes()
--- perl
my $start = time;
ok(wait_until(sub {
    150 == grep { $_->{state} eq 'online' } @{ status_page()->{nodes} };
}), 'all are online');
cmp_ok(time - $start, '<', 3, 'soon');
ok(models_are('m'), 'with their model');
my %served;
ok(wait_until(sub {
    my $n = share(burst(map { [] } 1 .. 150));
    $served{$_} = 1 for keys %$n;
    return 150 == keys %served;
}), 'each serves') or diag(scalar keys %served);



=== TEST 9: a node with models= is alive when it speaks HTTP
--- http_config eval
$::Keys . "    llm_router_health interval=100ms fails=1;\n"
. ::servers([ 404, '{}' ], [ 200, 'no list' ], [ 405, '{}' ], [ 401, '{}' ],
            [ 403, '{}' ], [ 500, '{}' ])
  =~ s/name=(s\d)/name=$1 models=of-$1/gr
--- perl
ok(state_is("s$_", 'offline'), "s$_ fails") for 3 .. 5;
ok(models_are(qw(of-s0 of-s1 of-s2)), 'who answers at all is online');
is(node_row("s$_")->{state}, 'online', "s$_ is") for 0 .. 2;



=== TEST 10: a list that changes is known in all workers
--- mock
a --models m
--- http_config eval
$::Keys . "    llm_router_health interval=100ms;\n" . '
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a;' . "
    server { $::Listen location /v1/ { llm_router on; } }\n"
--- perl
for my $i (1 .. 5) {
    mock_set('a', "models=own-$i,both");
    ok(models_are("own-$i", 'both'), "list $i is known");
    my %n;
    $n{ chat({ model => "own-$i" }, {}, port => port())->status }++
        for 1 .. 20;
    is_deeply(\%n, { 200 => 20 }, "list $i: by all workers");
    is(chat({ model => 'own-' . ($i - 1) }, {}, port => port())->status, 404,
       "list $i: the old one is not");
    is(chat({ model => 'both' }, {}, port => port())->status, 200,
       "list $i: what stayed is");
}
