# Which node a request goes to.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;

workers(4);

sub nodes {
    my (%param) = @_;
    return join '', map {
        my $models = $param{$_} =~ /models=/ ? '' : 'models=m';
        '    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_' . uc($_)
        . " name=$_ check=off $models $param{$_};\n"
    } sort keys %param;
}

my $first_port;

sub first_port { return $first_port //= free_ports(100) }

sub hundred_nodes {
    return join '', map {
        '    llm_router_node http://127.0.0.1:' . (first_port() + $_)
        . " name=n$_ models=m check=off;\n"
    } 0 .. 99;
}

our $Spread = $LogFormat . <<"_EOC_";
    llm_router_key sk-test-0123456789abcdef;
    server { $Listen location /v1/ { llm_router on; } }
_EOC_

sub workers_used {
    my %pid = map { $_->{pid} => 1 } log_fields();
    return scalar keys %pid;
}

defaults(
    config => "    location /v1/ { llm_router on; }\n",
);

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: equal nodes that are idle share exactly, whichever worker asks
--- mock
a --tokens 1
b --tokens 1
c --tokens 1
--- http_config eval
$::Spread . ::nodes(a => '', b => '', c => '')
--- perl
my @order;

for my $round (1 .. 5) {
    my @got = map { served_by(chat({}, {}, port => port())) } 1 .. 9;
    my %n;
    $n{$_}++ for @got;
    is_deeply(\%n, { a => 3, b => 3, c => 3 }, "round $round: 3/3/3");
    push @order, @got;
}

is(scalar(grep { $order[$_] eq $order[$_ + 3] } 0 .. $#order - 3),
   @order - 3, 'they take turns');
cmp_ok(workers_used(), '>=', 2, 'more than one worker was asked');
is_deeply([map { node_row($_)->{requests} } qw(a b c)], [15, 15, 15],
          'the status page counts the same');
--- node_stats
a requests=15 max_in_flight=1
b requests=15 max_in_flight=1
c requests=15 max_in_flight=1



=== TEST 2: round_robin with weights
--- mock
a --tokens 1
b --tokens 1
c --tokens 1
--- http_config eval
$::Spread . ::nodes(a => 'weight=3', b => '', c => 'weight=2')
. "    llm_router_balance round_robin;\n"
--- perl
for my $round (1 .. 3) {
    my $n = share(map { chat({}, {}, port => port()) } 1 .. 12);
    is_deeply($n, { a => 6, b => 2, c => 4 }, "round $round: 6/2/4");
}

cmp_ok(workers_used(), '>=', 2, 'more than one worker was asked');
--- node_stats
a requests=18
b requests=6
c requests=12



=== TEST 3: least_load counts requests under way by weight
--- mock
a --behave delay=1500
b --behave delay=1500
--- http_config eval
$::Spread . ::nodes(a => 'weight=3', b => '')
--- perl
my @r = burst(map { [{}, {}, port => port()] } 1 .. 16);
is_deeply(share(@r), { a => 12, b => 4 }, '12 and 4 of 16');

# and those that decode

my @s;
my %n;

for (1 .. 16) {
    my $s = stream({}, { 'X-Mock' => 'delay=0;tokens=3000;pace=20' },
                   port => port());
    ok(defined read_event($s), 'a stream has begun');
    wait_until(sub { !grep { node_row($_)->{waiting} } qw(a b) });
    $n{ served_by($s) }++;
    push @s, $s;
}

is_deeply(\%n, { a => 12, b => 4 }, '12 and 4 of 16 streams');
$_->close for @s;
--- node_stats
a max_in_flight=12
b max_in_flight=4



=== TEST 4: one that waits for its first token weighs more than any that decodes
--- mock
a
b
--- http_config eval
$::Spread . ::nodes(a => 'models=m,first', b => '')
--- perl
# a decodes three streams
my @s = map { stream({ model => 'first', stream => JSON::PP::true() },
                     { 'X-Mock' => 'tokens=4000;pace=5' }, port => port()) }
        1 .. 3;
is_deeply([map { served_by($_) } @s], [qw(a a a)], 'a has three streams');
ok(defined read_event($_), 'a stream has begun') for @s;
ok(wait_until(sub { my $a = node_row('a');
                    $a->{in_flight} == 3 && $a->{waiting} == 0 }),
   'a decodes: nobody waits there');

# b waits for one first token
my $b = begin_burst([{}, { 'X-Mock' => 'first=3000' }, port => port()]);
ok(wait_until(sub { my $b = node_row('b');
                    $b->{in_flight} == 1 && $b->{waiting} == 1 }),
   'b has one request, and it waits');

is(served_by(chat({}, {}, port => port())), 'a',
   'a newcomer goes to where nobody waits');
is(served_by(chat({}, {}, port => port())), 'a', 'the next one too');
$b->leave;
ok(wait_until(sub { node_row('b')->{in_flight} == 0 }), 'b is idle');
is(served_by(chat({}, {}, port => port())), 'b', 'an idle one is preferred');
close_stream($_) for @s;
--- node_stats
a requests=5 aborted=3
b requests=2 aborted=1



=== TEST 5: an answer that is not streamed waits until its first byte
--- mock
a
--- http_config eval
$::Spread . ::nodes(a => '')
--- perl
my $b = begin_burst([{}, { 'X-Mock' => 'delay=300;tokens=20;drip=5' },
                     port => port()]);
my $is = sub {
    my ($in_flight, $waiting) = @_;
    return wait_until(sub {
        my $a = node_row('a');
        return $a->{in_flight} == $in_flight && $a->{waiting} == $waiting;
    });
};

ok($is->(1, 1), 'it waits');
ok($is->(1, 0), 'it waits no more when the body comes');
my ($r) = $b->wait;
is($r->status, 200, 'answered');
ok($r->complete, 'whole');
ok($is->(0, 0), 'and is gone');



=== TEST 6: a node's max_concurrent holds over all workers
--- mock
a --behave delay=20
b --behave delay=20
--- http_config eval
$::Spread . ::nodes(a => 'max_concurrent=3', b => 'max_concurrent=5')
--- perl
my @r = burst(map { [{}, {}, port => port()] } 1 .. 80);
is(scalar(grep { $_->status == 200 && $_->complete } @r), 80,
   'all are answered');
cmp_ok(workers_used(), '>=', 3, 'by three workers or four');
is(total('queued'), 0, 'nobody is in the queue');
--- node_stats
a max_in_flight=3
b max_in_flight=5



=== TEST 7: the limit holds also when nobody waits for it
--- mock
a --behave delay=1500
--- http_config eval
$::Spread . ::nodes(a => 'max_concurrent=7')
. "    llm_router_queue size=0;\n"
--- perl
my @r = burst(map { [{}, {}, port => port()] } 1 .. 50);
my %n;
$n{ $_->status }++ for @r;
is_deeply(\%n, { 200 => 7, 429 => 43 }, 'seven pass, the others are refused');
--- node_stats
a requests=7 max_in_flight=7



=== TEST 8: only nodes that list the model; "*" lists any
--- mock
a
b
w
--- http_config eval
$::Spread . ::nodes(a => 'models=m,x', b => 'models=m,y', w => 'models=*')
--- perl
my %who = (x => { a => 2, w => 2 }, y => { b => 2, w => 2 },
           z => { w => 4 });
for my $model (sort keys %who) {
    is_deeply(share(map { chat({ model => $model }, {}, port => port()) }
                    1 .. 4),
              $who{$model}, "model $model");
}



=== TEST 9: a hundred nodes, of which each gets its part
--- mock eval
"n --tokens 1 --ports " . ::first_port() . '-' . (::first_port() + 99)
--- http_config eval
$::Spread . ::hundred_nodes()
--- perl
my @r = map { burst(map { [{}, {}, port => port()] } 1 .. 100) } 1 .. 12;
my $n = share(@r);
my ($min, $max, $sum) = (1e9, 0, 0);

for my $node (map { "n$_" } 0 .. 99) {
    my $k = $n->{$node} // 0;
    $min = $k if $k < $min;
    $max = $k if $k > $max;
    $sum += $k;
}

is($sum, 1200, 'all are answered');
cmp_ok($min, '>=', 3, "each node gets some ($min at least)");
cmp_ok($max, '<=', 30, "none gets too many ($max at most)");

my $all = LLMTest::Mock::call('GET', 'n', '/mock/stats?all')->json;
is($all->{requests}, 1200, 'the nodes count the same');
is($all->{aborted} + $all->{malformed}, 0, 'and saw whole requests');
