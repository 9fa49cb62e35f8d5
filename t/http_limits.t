# Limits: how many at once, how many a minute, how many tokens a minute.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;

workers(4);

our $Http = $LogFormat . <<'_EOC_';
    llm_router_key sk-test-0123456789abcdef name=main;
    llm_router_key sk-test-second0000000000 name=second;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m,x
                    check=off;
_EOC_

our $Server = "    server { $Listen location /v1/ { llm_router on; } }\n";

sub second { return { Authorization => 'Bearer sk-test-second0000000000' } }

sub workers_used {
    my %pid = map { $_->{pid} => 1 } log_fields();
    return scalar keys %pid;
}

sub statuses {
    my %n;
    $n{ $_->status }++ for @_;
    return \%n;
}

sub limits_of {
    my ($r, $what) = @_;
    return { map { $_ => $r->header("x-ratelimit-$_-$what") }
             qw(limit remaining reset) };
}

defaults(
    mock => "a --behave delay=20\n",
    config => "    location /v1/ { llm_router on; }\n",
);

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: the router's limit holds over all workers
--- http_config eval
$::Http . "    llm_router_max_concurrent 5;\n" . $::Server
--- perl
my @r = burst(map { [{}, {}, port => port()] } 1 .. 100);
is_deeply(statuses(@r), { 200 => 100 }, 'all are served');
cmp_ok(workers_used(), '>=', 3, 'by three workers or four');
--- node_stats
a requests=100 max_in_flight=5



=== TEST 2: it holds when nobody may wait
--- mock
a --behave delay=1500
--- http_config eval
$::Http . "    llm_router_max_concurrent 6;
    llm_router_queue size=0;\n" . $::Server
--- perl
my @r = burst(map { [{}, {}, port => port()] } 1 .. 60);
is_deeply(statuses(@r), { 200 => 6, 429 => 54 }, 'six pass');
cmp_ok(workers_used(), '>=', 3, 'three workers or four were asked');
my ($r) = grep { $_->status == 429 } @r;
error_is($r, 429, 'rate_limit_error', 'queue_full', undef,
         'The queue is full, try again later', 'the others are refused');
--- node_stats
a requests=6 max_in_flight=6



=== TEST 3: streams count until their end
--- http_config eval
$::Http . "    llm_router_max_concurrent 2;
    llm_router_queue size=0;\n" . $::Server
--- perl
my @s = map { stream({}, { 'X-Mock' => 'tokens=5000;pace=10;delay=0' },
                     port => port()) } 1 .. 2;
ok(defined read_event($_), 'a stream has begun') for @s;
is(total('in_flight'), 2, 'two are under way');
is(chat({}, {}, port => port())->status, 429, 'a third is refused');
$s[0]->close;
ok(totals_are(in_flight => 1), 'one left');
is(chat({}, {}, port => port())->status, 200, 'another is served');
ok(totals_are(in_flight => 1), 'and gone');
$s[1]->reset;



=== TEST 4: http's own limit is one for all servers
--- http_config eval
$::Http . "    llm_router_max_concurrent 4;
    server { $::Listen location /one/v1/ { llm_router on; }
                       location /two/v1/ { llm_router on; } }\n"
--- perl
my @r = burst(map { [{}, {}, $_ % 3 ? (port => port(),
                              path => (qw(/one /two))[$_ % 3 - 1]
                                      . '/v1/chat/completions') : ()] }
              1 .. 60);
is_deeply(statuses(@r), { 200 => 60 }, 'all are served');
--- node_stats
a requests=60 max_in_flight=4



=== TEST 5: servers and locations with limits of their own
--- mock
a --behave delay=250
b --behave delay=40
c --behave delay=40
--- http_config eval
$::LogFormat . '    llm_router_max_concurrent 9;
    llm_router_key sk-test-0123456789abcdef;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=a
                    check=off;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=b
                    check=off;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_C name=c models=c
                    check=off;' . "
    server {
        $::Listen
        llm_router_max_concurrent 3;
        location /one/v1/ { llm_router on; }
        location /two/v1/ { llm_router on; }
        location /own/v1/ {
            llm_router on;
            llm_router_max_concurrent 2;
            location /own/v1/chat/ { }
        }
    }\n"
--- perl
my @r = burst(map { my $k = $_ % 4;
                    [{ model => (qw(a b c c))[$k] }, {},
                     ($k == 0 ? () : (port => port())),
                     path => ('', '/own', '/one', '/two')[$k]
                             . '/v1/chat/completions'] } 1 .. 80);
is_deeply(statuses(@r), { 200 => 80 }, 'all are served');
--- node_stats
a requests=20 max_in_flight=9
b requests=20 max_in_flight=2
c requests=40 max_in_flight=3



=== TEST 6: a key's limit
--- mock
a --behave delay=20
b --behave delay=20
--- http_config eval
$::LogFormat . '    llm_router_key sk-test-0123456789abcdef max_concurrent=3;
    llm_router_key sk-test-second0000000000;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=a
                    check=off;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=b
                    check=off;' . "\n$::Server"
--- perl
my @r = burst((map { [{ model => 'a' }, {}, port => port()] } 1 .. 40),
              (map { [{ model => 'b' }, second(), port => port()] } 1 .. 40));
is_deeply(statuses(@r), { 200 => 80 }, 'all are served');
cmp_ok(workers_used(), '>=', 3, 'by three workers or four');
cmp_ok(mock_stats('b')->{max_in_flight}, '>', 3, 'the other key is free');
--- node_stats
a requests=40 max_in_flight=3



=== TEST 7: a key's limit is counted over all places
--- http_config eval
$::LogFormat . '    llm_router_key sk-test-0123456789abcdef max_concurrent=2;
    llm_router_queue size=0;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    check=off;' . "
    server { $::Listen llm_router_max_concurrent 50;
             location /v1/ { llm_router on; }
             location /own/v1/ { llm_router on;
                                 llm_router_max_concurrent 60; } }\n"
--- perl
my @s = (stream({}, { 'X-Mock' => 'first=20000' }, no_head => 1),
         stream({}, { 'X-Mock' => 'first=20000' }, no_head => 1,
                port => port(), path => '/own/v1/chat/completions'));
ok(totals_are(keys_in_flight => 2), 'two are under way');
is(chat({}, {}, port => port())->status, 429, 'a third is refused');
is(post('/own/v1/chat/completions',
        { model => 'm', messages => [{ role => 'user', content => 'x' }] },
        {}, port => port())->status, 429, 'anywhere');
$_->close for @s;
ok(totals_are(keys_in_flight => 0), 'they left');
is(chat({}, {}, port => port())->status, 200, 'now it is served');



=== TEST 8: requests without a key have the router's limit only
--- http_config eval
$::Http . "    llm_router_max_concurrent 3;
    llm_router_keys_required off;\n" . $::Server
--- perl
my @r = burst(map { [{}, { no_key => 1 }, port => port()] } 1 .. 30);
is_deeply(statuses(@r), { 200 => 30 }, 'all are served');
is(total('keys_in_flight'), 0, 'no key is counted');
--- node_stats
a requests=30 max_in_flight=3



=== TEST 9: requests a minute
--- http_config eval
$::LogFormat . '    llm_router_key sk-test-0123456789abcdef rpm=6;
    llm_router_key sk-test-second0000000000;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    check=off;' . "\n$::Server"
--- perl
for my $left (5, 4, 3) {
    my $r = $left == 4 ? stream({}, {}, port => port())
                       : chat({}, {}, port => port());
    is($r->status, 200, "$left left: served");
    my $is = limits_of($r, 'requests');
    is($is->{limit}, 6, "$left left: the limit");
    is($is->{remaining}, $left, "$left left: the rest");
    cmp_ok($is->{reset}, '>', (5 - $left) * 10, "$left left: when it is full");
    cmp_ok($is->{reset}, '<=', (6 - $left) * 10, "$left left: again");
    is($r->header('x-ratelimit-limit-tokens'), undef, "$left left: no tokens");
    is($r->header('retry-after'), undef, "$left left: no Retry-After");
}

is(post('/v1/chat/completions', '{', {}, port => port())->status, 400,
   'a request that is wrong');
is(chat({ model => '' }, {}, port => port())->status, 400, 'and another');
is(http('GET', '/v1/models', with_key(), undef, port => port())->status, 200,
   'and a list of models');
is(limits_of(chat({}, {}, port => port()), 'requests')->{remaining}, 2,
   'do not count');
is(chat({}, {}, port => port())->status, 200, 'served');
is(limits_of(chat({}, {}, port => port()), 'requests')->{remaining}, 0,
   'the last one');

my $r = chat({}, {}, port => port());
error_is($r, 429, 'rate_limit_error', 'rate_limit_exceeded', undef,
         'Rate limit exceeded, try again later', 'the seventh is refused');
is($r->header('x-ratelimit-limit-requests'), 6, 'it tells the limit');
is($r->header('x-ratelimit-remaining-requests'), 0, 'and the rest');
cmp_ok($r->header('retry-after'), '>=', 8, 'and when to come back');
cmp_ok($r->header('retry-after'), '<=', 10, 'not later');
cmp_ok($r->header('retry-after-ms'), '>', 8000, 'in ms as well');
cmp_ok($r->header('retry-after-ms'), '<=', 10000, 'not later');

$r = chat({}, second(), port => port());
is($r->status, 200, 'another key is served');
is($r->header('x-ratelimit-limit-requests'), undef, 'and has no limit');
--- node_stats
a requests=7



=== TEST 10: requests a minute, exact over all workers
--- http_config eval
$::LogFormat . '    llm_router_key sk-test-0123456789abcdef rpm=17;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    check=off;' . "\n$::Server"
--- perl
my @r = burst(map { [{}, {}, port => port()] } 1 .. 60);
is_deeply(statuses(@r), { 200 => 17, 429 => 43 }, '17 of 60 pass');
cmp_ok(workers_used(), '>=', 3, 'three workers or four were asked');

# one comes back each 3.5 s, on a slow machine while they are asked

my %rest = map { $_->header('x-ratelimit-remaining-requests') => 1 }
    grep { $_->status == 200 } @r;
cmp_ok(scalar keys %rest, '>=', 16, 'each has its own rest');
is(scalar(grep { $_->header('retry-after') > 60 }
               grep { $_->status == 429 } @r), 0, 'nobody waits for long');
--- node_stats
a requests=17



=== TEST 11: they come back with time
--- http_config eval
$::LogFormat . '    llm_router_key sk-test-0123456789abcdef rpm=60;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    check=off;' . "\n"
--- perl
my $start = time;
my @r = burst(map { [] } 1 .. 90);
my $n = statuses(@r)->{200};
cmp_ok($n, '>=', 60, 'all of the limit at once');

# a slow machine is given what comes back meanwhile, until one is refused
my $r = chat();
for (; $r->status == 200 && $n < 600; $r = chat()) { $n++ }
cmp_ok($n, '<=', 61 + time - $start, 'and no more than comes back');
is($r->status, 429, 'none is left');
my $ms = $r->header('retry-after-ms');
cmp_ok($ms, '<=', 1000, 'one comes in a second');
select undef, undef, undef, $ms / 1000;
is(chat()->status, 200, 'and is there');



=== TEST 12: tokens a minute: reserved first, then what was used
--- http_config eval
$::LogFormat . '    llm_router_key sk-test-0123456789abcdef tpm=1000;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    check=off;' . "\n$::Server"
--- perl
# a body of 400 bytes and 99 tokens: 400 / 4 + 99 + 1
my $send = sub {
    my ($x, %more) = @_;
    my $body = { model => 'm', max_tokens => 99, user => '', %more,
                 messages => [{ role => 'user', content => 'hi' }] };
    $body->{user} = 'x' x (400 - length json_encode($body));
    totals_are(in_flight => 0);
    return chat($body, { 'X-Mock' => $x }, port => port());
};

my $start = Time::HiRes::time();
my $r = $send->('prompt=30;tokens=20');
is($r->status, 200, 'served');
my $is = limits_of($r, 'tokens');
is($is->{limit}, 1000, 'the limit');
is($is->{remaining}, 800, 'what could be used is reserved');
is($is->{reset}, 12, 'when it is full again');
is($r->header('x-ratelimit-limit-requests'), undef, 'no requests');

# 50 were used; some tokens come back meanwhile: 17 a second
my $back = sub { 20 + 17 * (Time::HiRes::time() - $start) };
my $left = limits_of($send->('prompt=30;tokens=20'), 'tokens')->{remaining};
cmp_ok($left, '>=', 750, 'only what was used is gone');
cmp_ok($left, '<=', 750 + $back->(), 'not less');

$send->('prompt=550;tokens=50');
$left = limits_of($r = $send->('prompt=100;tokens=50'), 'tokens')->{remaining};
is($r->status, 200, 'served');
cmp_ok($left, '>=', 100, 'more than was reserved is counted too');
cmp_ok($left, '<=', 100 + $back->(), 'not less');

# 850 and a little less are used, so that 200 more are too many

SKIP: {
    Test::More::skip("so slow that enough tokens came back", 5)
        if $back->() > 90;
    $r = $send->('');
    error_is($r, 429, 'rate_limit_error', 'rate_limit_exceeded', undef,
             'Rate limit exceeded, try again later', 'it is too much');
    is($r->header('x-ratelimit-limit-tokens'), 1000, 'it tells the limit');
    cmp_ok($r->header('retry-after'), '>=', 1, 'and when to come back');
    cmp_ok($r->header('retry-after'), '<=', 3, 'when so much will be free');
    my $refused = mock_stats('a')->{requests};
    is($refused, 4, 'the node did not see it');
}

is(chat({}, {}, port => port())->status, 200, 'a small one still passes');



=== TEST 13: tokens of streams, of failures, of giants
--- http_config eval
$::LogFormat . '    llm_router_key sk-test-0123456789abcdef tpm=1000;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    check=off;' . "\n$::Server"
--- perl
my $under_way = 0;
my $left = sub { totals_are(in_flight => $under_way);
                 return limits_of(chat({ max_tokens => 1 },
                                       { 'X-Mock' => 'prompt=0;tokens=0' },
                                       port => port()), 'tokens')
                        ->{remaining} };
my $near = sub {
    my ($n, $name) = @_;
    my $is = $left->();
    cmp_ok($is, '>=', $n - 30, "$name ($is)");
    cmp_ok($is, '<=', $n + 40, "$name, not more");
};

$near->(975, 'at first');

# more than there ever is: passes when nothing was taken (here: for 3 s)
$left->();
my $r = chat({ max_tokens => 100000 }, { 'X-Mock' => 'prompt=60;tokens=40' },
             port => port());
is($r->status, 429, 'a giant waits until nothing is taken');
cmp_ok($r->header('retry-after'), '<=', 5, 'which is soon');
select undef, undef, undef, $r->header('retry-after') // 0;
$r = chat({ max_tokens => 100000 }, { 'X-Mock' => 'prompt=60;tokens=40' },
          port => port());
is($r->status, 200, 'then it passes');
is(limits_of($r, 'tokens')->{remaining}, 0, 'and takes all');
$near->(875, 'but what it used');

my @data = events(stream({ max_tokens => 300 },
                         { 'X-Mock' => 'prompt=60;tokens=40' },
                         port => port()));
is($data[-1], '[DONE]', 'a stream');
$near->(775, 'counts what it used');

@data = events(stream({ max_tokens => 300 },
                      { 'X-Mock' => 'tokens=100;nousage' }, port => port()));
$near->(675, 'without usage its events count');

is(chat({ max_tokens => 300 }, { 'X-Mock' => 'status=400' },
        port => port())->status, 400, 'a failure');
is(chat({ max_tokens => 300 }, { 'X-Mock' => 'close=before' },
        port => port())->status, 502, 'and another');
$near->(675, 'cost nothing');

my $s = stream({ max_tokens => 300 }, { 'X-Mock' => 'first=20000' },
               port => port(), no_head => 1);
ok(totals_are(in_flight => 1), 'one is under way');
$under_way = 1;
$near->(350, 'its tokens are reserved');
$s->close;
$under_way = 0;
ok(totals_are(in_flight => 0), 'it left');
$near->(675, 'and they are free again');



=== TEST 14: both
--- http_config eval
$::LogFormat . '    llm_router_key sk-test-0123456789abcdef rpm=3 tpm=100000;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    check=off;' . "\n"
--- perl
my @r = map { chat() } 1 .. 4;
is_deeply([map { $_->status } @r], [200, 200, 200, 429], 'three pass');
is_deeply([map { limits_of($_, 'requests')->{remaining} } @r], [2, 1, 0, 0],
          'requests are told');
is(scalar(grep { $_->header('x-ratelimit-limit-tokens') == 100000 } @r), 4,
   'tokens too');
cmp_ok(limits_of($r[2], 'tokens')->{remaining}, '>', 99000, 'of which many');
cmp_ok(limits_of($r[3], 'tokens')->{remaining}, '>', 99000,
       'are left when the requests are not');



=== TEST 15: a wrong key is not limited by a right one's limits
--- http_config eval
$::LogFormat . '    llm_router_key sk-test-0123456789abcdef rpm=2;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    check=off;' . "\n"
--- perl
for (1 .. 10) {
    chat({}, { Authorization => 'Bearer sk-test-unknown0000' });
}

is(chat()->status, 200, 'the first of two');
is(chat()->status, 200, 'the second');
is(chat()->status, 429, 'no third');
