# /api/keys: keys that come, change and go while requests are served.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;

use POSIX ();

defaults(
    mock => "a\n",
    http_config => $AdminKey . $Pid . <<'_EOC_',
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m,n,org/x;
_EOC_
    config => "    $Listen\n    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

sub with {
    my ($key, $members) = @_;
    return chat($members, { 'x-api-key' => ref $key ? $key->{key} : $key });
}

# the statuses that all workers give to this key

sub in_all {
    my ($key, $members) = @_;
    return each_worker(sub {
        chat($members, { 'x-api-key' => $key->{key} }, port => $_[0]);
    });
}

sub patch { return api('PATCH', "/keys/$_[0]{id}", $_[1]) }

sub rfc3339 {
    return POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $_[0]);
}

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: a key is made, shown once, and good at once
--- perl
my $r = api('POST', '/keys', { name => 'alice' });
is($r->status, 201, 'made');
is($r->header('cache-control'), 'no-store', 'not to be kept');
my $k = $r->json;
like($k->{key}, qr/^sk-[A-Za-z0-9_-]{43}$/, 'the clear key');
like($k->{id}, qr/^key-[0-9a-f]{16}$/, 'its id');
is($k->{prefix}, substr($k->{key}, 0, 8), 'how it is known by');
is(in_all($k), '200', 'good in every worker');

# a request is counted when it ends, just after its answer

ok(wait_until(sub { key($k->{id})->{in_flight} == 0 }), 'all ended');

my $got = key($k->{id});
like(delete $got->{$_}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, $_)
    for qw(created_at last_used_at);
my $n = delete $got->{requests};
cmp_ok($n, '>=', $ENV{LLMTEST_VALGRIND} ? 1 : 2, 'its requests');
cmp_ok(delete $got->{$_}, '>', 0, $_) for qw(prompt_tokens completion_tokens);
is_deeply($got, {
    id => $k->{id}, name => 'alice', prefix => $k->{prefix}, source => 'api',
    scopes => ['inference'], models => undef, rpm => undef, tpm => undef,
    max_concurrent => undef, priority => undef, expires_at => undef,
    auto_approve => false, state => 'active', in_flight => 0,
}, 'all of it, but the key');

my @rows = rows('/keys');
is_deeply([sort map { $_->{name} } @rows], ['alice', 'robot'], 'in the list');
my $text = CORE::join '', map { api('GET', $_)->body }
           '/keys', "/keys/$k->{id}", '/nodes', '/models', '/health';
my $hash = do { require Digest::SHA; Digest::SHA::sha256_hex($k->{key}) };
unlike($text, qr/\Q$k->{key}\E|$hash/, 'in no answer, nor its hash');
my @own = grep { !/\[debug\]/ || /\bllm/ } split /\n/, error_log_text();
unlike(CORE::join("\n", @own), qr/\Q$k->{key}/, 'in no log');
like(error_log_text(),
     qr/\[notice\].*llm key "alice" \($k->{id}\) was created by key "robot"/,
     'which says who made it');

my %keys = map { add_key({ name => "k$_" })->{key} => 1 } 1 .. 20;
is(scalar keys %keys, 20, 'each is another one');



=== TEST 2: all that can be said of one
--- perl
my $in_a_day = rfc3339(time + 86400);
my %said = (name => "x\x{e9}\x{4e2d}<b>", scopes => ['inference', 'node'],
            models => ['m', 'org/*'], rpm => 100, tpm => 10_000_000_000,
            max_concurrent => 1_000_000, priority => 100,
            expires_at => $in_a_day, auto_approve => true);
my $k = add_key(\%said);
is_deeply({ map { $_ => $k->{$_} } keys %said }, \%said, 'as it was said');
is(add_key({ name => 'n', expires_at => 4102444800 })->{expires_at},
   '2100-01-01T00:00:00Z', 'a time as a number');
is(add_key({ name => 'd', expires_at => '2100-01-01' })->{expires_at},
   '2100-01-01T00:00:00Z', 'a date');
is(add_key({ name => 'nulls', map { $_ => undef }
             qw(models rpm tpm max_concurrent priority expires_at) })->{rpm},
   undef, 'null is none');
is_deeply(add_key({ name => 'c', models => [('x' x 256), ('y' x 254)] })
          ->{models}, [('x' x 256), ('y' x 254)], '511 bytes of names');



=== TEST 3: a change is in force for the next request
--- perl
my $k = add_key({ name => 'bob' });
is(with($k)->status, 200, 'good');

is(patch($k, { models => ['n', 'org/*'] })->status, 200, 'other models');
is(in_all($k, { model => 'm' }), '403', 'not this one');
is(in_all($k, { model => $_ }), '200', $_) for 'n', 'org/x';
is_deeply(patch($k, { models => undef })->json->{models}, undef, 'any');
is(in_all($k, { model => 'm' }), '200', 'all');

is_deeply(patch($k, { scopes => ['node'] })->json->{scopes}, ['node'],
          'another scope');
is(in_all($k), '403', 'not for inference');
is(patch($k, { scopes => ['inference'] })->status, 200, 'back');
is(in_all($k), '200', 'good');

is(patch($k, { expires_at => '2020-01-01' })->json->{state}, 'expired',
   'it ends in the past');
is(in_all($k), '401', 'over');
is(patch($k, { expires_at => undef })->json->{state}, 'active', 'never');
is(in_all($k), '200', 'good');

my $before = key($k->{id});
my $r = patch($k, {});
is($r->status, 200, 'no member');
is_deeply($r->json, $before, 'no change');
$r = patch($k, { name => 'carol', priority => 7 });
is_deeply($r->json, { %$before, name => 'carol', priority => 7 },
          'and nothing else was changed');
is($r->json->{key}, undef, 'the clear key is not shown again');
is(with($k)->status, 200, 'it is the same key');
is(patch($k, { name => 'carol' })->status, 200, 'its own name');

is(patch($k, { rpm => 1 })->json->{rpm}, 1, 'a rate');
with($k);
is(with($k)->status, 429, 'in force');
is(patch($k, { rpm => undef })->json->{rpm}, undef, 'none');
is(with($k)->status, 200, 'good again');



=== TEST 4: revoked: the next request of every worker is refused
--- perl
for my $round (1 .. 10) {
    my $k = add_key({ name => 'short' });
    is(in_all($k), '200', "good, $round");
    my $r = api('DELETE', "/keys/$k->{id}");
    is($r->status, 204, 'revoked');
    is($r->body, '', 'nothing more is said');
    is(in_all($k), '401', 'over');
    api_error(api('DELETE', "/keys/$k->{id}"), 404, 'key_not_found', undef,
              'a second time');
    api_error(api('GET', "/keys/$k->{id}"), 404, 'key_not_found', undef,
              'it is gone');
    api_error(patch($k, { rpm => 1 }), 404, 'key_not_found', undef,
              'for good');
}

is_deeply([map { $_->{name} } rows('/keys')], ['robot'], 'one is left');



=== TEST 5: what is under way goes on
--- perl
my $k = add_key({ name => 'dave', max_concurrent => 1 });
my $s = open_stream('POST', '/v1/chat/completions',
    { 'x-api-key' => $k->{key}, 'X-Mock' => 'tokens=400;pace=50' },
    { model => 'm', stream => true, messages => [{ role => 'user',
                                                  content => 'x' }] });
ok(read_event($s), 'a stream');
is(key($k->{id})->{in_flight}, 1, 'in flight');
is(api('DELETE', "/keys/$k->{id}")->status, 204, 'its key is revoked');
is(with($k)->status, 401, 'nothing new');
ok(read_event($s), 'it goes on') for 1 .. 3;

my $n = add_key({ name => 'dave', max_concurrent => 1 });
is($n->{in_flight}, 0, 'another key has nothing of it');
is($n->{requests}, 0, 'nor its totals');
close_stream($s);
ok(wait_until(sub { with($n)->status == 200 }), 'and is good');



=== TEST 6: scopes
--- perl
my $i = add_key({ name => 'i', scopes => ['inference'] });
my $n = add_key({ name => 'n', scopes => ['node'] });
my $a = add_key({ name => 'a', scopes => ['admin'] });

sub status_of {
    my ($k, $method, $path, $body) = @_;
    return api($method, $path, $body,
               { Authorization => "Bearer $k->{key}" })->status;
}

is(with($i)->status, 200, 'inference: /v1');
is(with($_)->status, 403, "$_->{name}: not /v1") for $n, $a;
is(status_of($a, 'GET', '/keys'), 200, 'admin: the API');
is(status_of($a, 'POST', '/keys', { name => 'b' }), 201, 'all of it');
like(status_of($_, 'GET', '/keys'), qr/^40[13]$/, "$_->{name}: not the API")
    for $i, $n;
like(status_of($_, 'POST', '/keys', { name => 'c', scopes => ['admin'] }),
     qr/^40[13]$/, "$_->{name}: makes no admin") for $i, $n;
like(status_of($_, 'PATCH', "/keys/$_->{id}", { scopes => ['admin'] }),
     qr/^40[13]$/, "$_->{name}: is no admin") for $i, $n;

is(status_of($a, 'PATCH', "/keys/$a->{id}", { scopes => ['node'] }), 200,
   'an admin may give it up');
like(status_of($a, 'GET', '/keys'), qr/^40[13]$/, 'and is none then');

my $p = add_key({ name => 'p', scopes => ['node'], auto_approve => true });
is($p->{auto_approve}, true, 'may approve');
is(patch($p, { scopes => ['inference'] })->json->{auto_approve}, false,
   'not without the scope');
api_error(patch($p, { auto_approve => true }), 400, 'invalid_value',
          'auto_approve', 'it is said');



=== TEST 7: what is refused, and changes nothing
--- perl
my $k = add_key({ name => 'one' });
add_key({ name => 'two' });
my $shown = shown();

api_error(api('POST', '/keys', { name => 'one' }), 409, 'name_in_use', 'name',
          'a name twice');
api_error(api('POST', '/keys', { name => 'robot' }), 409, 'name_in_use',
          'name', 'that of a key of nginx.conf');
api_error(patch($k, { name => 'two', rpm => 3 }), 409, 'name_in_use', 'name',
          'by a change');
api_error(api('POST', '/keys', { rpm => 3 }), 400,
          'missing_required_parameter', 'name', 'no name');
api_error(api('POST', '/keys'), 400, 'missing_required_parameter', 'name',
          'no body');

for ([scopes => []], [scopes => ['root']], [scopes => ['inference', 'Admin']],
     [scopes => 'admin'], [scopes => undef], [scopes => ['node', 'node']],
     [models => []], [models => ['a,b']], [models => ['']],
     [models => [('x' x 256), ('y' x 255)]], [models => ['x' x 257]],
     [rpm => 0], [rpm => 10_000_000_001], [tpm => -1], [rpm => 1.5],
     [rpm => '5'], [max_concurrent => 1_000_001], [max_concurrent => 0],
     [priority => 101], [priority => 0], [expires_at => 'tomorrow'],
     [expires_at => '2030-02-30'], [expires_at => 1e20], [expires_at => 0],
     [auto_approve => 1], [auto_approve => true])
{
    my ($name, $value) = @$_;
    my $what = "$name " . json_encode($value);
    api_error(api('POST', '/keys', { name => 'new', $name => $value }), 400,
              'invalid_value', $name, $what);
    api_error(patch($k, { rpm => 77, $name => $value }), 400, 'invalid_value',
              $name, "$what in a change");
}

api_error(api('POST', '/keys', { name => 'new', expires_at => '2020-01-01' }),
          400, 'invalid_value', 'expires_at', 'a new one that is over');
api_error(patch($k, { $_ => 'sk-0123456789' }), 400, 'unknown_field', $_,
          "$_ can't be set") for qw(key hash id prefix revoked);

for my $id (qw(key-0000000000000000 key-0123456789abcdef key- node-1 x)) {
    api_error(api($_->[0], "/keys/$id", $_->[1]), 404, 'key_not_found', undef,
              "$_->[0] $id") for ['GET'], ['PATCH', { rpm => 1 }], ['DELETE'];
}

is(shown(), $shown, 'nothing was changed');



=== TEST 8: keys of nginx.conf
--- http_config
    llm_router_key sk-admin-0123456789abcdef name=robot scopes=admin;
    llm_router_key sk-test-0123456789abcdef name=plain models=m rpm=1000;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m,n;
--- perl
my $p = key('plain');
is_deeply([@$p{qw(source name models rpm scopes state)}],
          ['nginx.conf', 'plain', ['m'], 1000, ['inference'], 'active'],
          'shown as such');
unlike(json_encode($p), qr/0123456789/, 'not the key');
is(chat({ model => 'n' })->status, 403, 'not this model');
is(patch($p, { models => ['n'] })->status, 200, 'changed');
is(chat({ model => 'n' })->status, 200, 'in force');
is(api('DELETE', "/keys/$p->{id}")->status, 204, 'revoked');
is(chat()->status, 401, 'in force');
is(key($p->{id})->{state}, 'revoked', 'it is shown');
api_error(patch($p, { rpm => 3 }), 409, 'key_revoked', undef,
          'a change does not bring it back');
is(chat()->status, 401, 'no');
my $n = add_key({ name => 'mine' });

ok(reload(), 'nginx.conf still has it');
is(chat()->status, 401, 'it is revoked for all that');
is(key($p->{id})->{state}, 'revoked', 'as is shown');
is_deeply(key($p->{id})->{models}, ['m'], 'with what nginx.conf says');
like(error_log_text(), qr/\[warn\].*llm key "plain" was revoked by the API/,
     'the log says so');
unlike(error_log_text(), qr/sk-test-0123456789abcdef/, 'by its name');
is(with($n)->status, 200, 'what was made at run time is good');



=== TEST 9: the zone is full
--- http_config
    llm_router_zone small:1m;
    llm_router_key sk-admin-0123456789abcdef name=robot scopes=admin;
    llm_router_key sk-test-0123456789abcdef name=plain;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m check=off;
--- perl
my ($r, $k);
my $c = http_conn();

for (1 .. 3000) {
    $r = $c->http('POST', '/api/keys',
                  { Authorization => "Bearer $Admin",
                    'Content-Type' => 'application/json' },
                  { name => "k$_" }, keepalive => 1);
    last if $r->status != 201;
    $c = http_conn() if $_ % 50 == 0;
    $k = $r->json;
}

api_error($r, 507, 'zone_full', undef, 'it is full');
is(chat()->status, 200, 'requests go on');
is(with($k)->status, 200, 'with the newest key, too');
is(patch($k, { rpm => 1000 })->json->{rpm}, 1000, 'changes as well');
is(api('DELETE', "/keys/$k->{id}")->status, 204, 'one is revoked');
is(with($k)->status, 401, 'at once');
--- timeout: 30



=== TEST 10: many at the same time
--- perl
my @done = concurrently(4, sub {
    my ($i) = @_;

    for my $k (1 .. 25) {
        my $n = api('POST', '/keys', { name => "k$i-$k" });
        return "created $k: " . $n->status if $n->status != 201;
        my $s = with($n->json)->status;
        return "good $k: $s" if $s != 200;
        $s = api('PATCH', '/keys/' . $n->json->{id}, { rpm => $k })->status;
        return "changed $k: $s" if $s != 200;
        next if $k % 2;
        $s = api('DELETE', '/keys/' . $n->json->{id})->status;
        return "deleted $k: $s" if $s != 204;
        $s = with($n->json)->status;
        return "over $k: $s" if $s != 401;
    }

    return 'done';
});
is_deeply(\@done, [('done') x 4], 'each is its own');
my %rpm = map { $_->{name} => $_->{rpm} } rows('/keys?limit=1000');
is_deeply(\%rpm, { robot => undef,
                   map { my $i = $_;
                         map { ("k$i-$_" => $_) } grep { $_ % 2 } 1 .. 25 }
                   0 .. 3 }, 'those that were left, as they were changed');

# one name, asked for by all at once

@done = sort(concurrently(6, sub {
    api('POST', '/keys', { name => 'one for all' })->status
}));
is_deeply(\@done, [201, (409) x 5], 'one gets it');



=== TEST 11: a list counts what it holds, page by page
--- perl
my %id = map { $_ => add_key({ name => $_ })->{id} } qw(a b c d e);
is(api('DELETE', "/keys/$id{$_}")->status, 204, "$_ goes") for qw(b d);

my (@names, $cursor);
for (1 .. 10) {
    my $page = api('GET', '/keys?limit=2' . ($cursor ? "&cursor=$cursor" : ''))
               ->json;
    is($page->{total}, 4, 'the total');
    cmp_ok(scalar @{ $page->{data} }, '<=', 2, 'no more than wanted');
    push @names, map { $_->{name} } @{ $page->{data} };
    last unless defined($cursor = $page->{next_cursor});
}
is("@names", 'robot a c e', 'each once');
