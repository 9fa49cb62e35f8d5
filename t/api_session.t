# Logging in to the admin API: passwords, tokens, cookies, who may try how
# often, and what ends a session.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;

use Digest::SHA ();
use IO::Select ();
use IO::Socket::INET ();

our $Users = <<'_EOC_';
    add_header X-Pid $pid always;
    llm_router_admin user=root "password=right horse" role=admin;
    llm_router_admin user=eve password=env:TEST_EVE role=viewer;
    llm_router_key sk-test-0123456789abcdef name=plain;
    llm_router_key sk-test-admin-0123456789 name=robot scopes=admin;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
_EOC_

$ENV{TEST_EVE} = 'viewer-pass';

# a hash that takes its time: what a worker does meanwhile can be seen

$ENV{TEST_NGINX_SLOW_HASH} =
    crypt('slow-pass', '$6$rounds=1000000$testsalt');

defaults(
    mock => "a --models m\n",
    http_config => $Users,
    config => "    $Listen\n    location /api/ { llm_router_api on; }\n",
);

sub body { return { username => $_[0], password => $_[1] } }

sub login {
    my ($user, $password, $headers, %opt) = @_;
    return http('POST', '/api/auth/login', $headers,
                body($user, $password), port => port(), %opt);
}

sub bearer { return { Authorization => "Bearer $_[0]" } }
sub cookie { return { Cookie => "llm_router_session=$_[0]" } }

# A token of this user.

sub token {
    my ($user, $password) = @_;
    my $r = login($user // 'root', $password // 'right horse');
    return $r->status == 200 ? $r->json->{token} : 'no token: ' . $r->status;
}

sub me { return http('GET', '/api/auth/me', $_[0], undef, port => port()) }
sub in { return me(bearer($_[0]))->status }

# The statuses that all workers give for this token.

sub in_all {
    my ($token) = @_;
    my %seen;
    my $want = CORE::join ' ', sort { $a <=> $b } worker_pids();

    # one process without a master, as under valgrind
    return me(bearer($token))->status if $want eq '';

    wait_until(sub {
        my $r = me(bearer($token));
        push @{ $seen{ $r->header('x-pid') } }, $r->status;
        return CORE::join(' ', sort { $a <=> $b } keys %seen) eq $want;
    }) or return 'not all workers were asked';
    my %status = map { $_ => 1 } map { @$_ } values %seen;
    return CORE::join ' ', sort keys %status;
}

# A request from another address of the loopback.

sub from {
    my ($address, $method, $path, $headers, $body) = @_;
    my $sock = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => port(), LocalAddr => $address,
        ) or die "from $address: $!\n";
    $sock->blocking(0);
    my $c = bless { sock => $sock, buf => '', start => time },
            'LLMTest::Client';
    return $c->http($method, $path, $headers, $body);
}

sub login_from {
    my ($address, $user, $password) = @_;
    return from($address, 'POST', '/api/auth/login', {},
                body($user, $password));
}

# An error's whole body, its type and no cookie.

sub refused {
    my ($r, $status, $type, $code, $param, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $data = eval { $r->json } || {};
    my $e = ref $data->{error} eq 'HASH' ? $data->{error} : {};

    is_deeply([$r->status, $r->header('content-type'), [sort keys %$data],
               [sort keys %$e], @$e{qw(type code param)},
               $r->header('set-cookie')],
              [$status, 'application/json', ['error'],
               [qw(code message param type)], $type, $code, $param, undef],
              $name) or diag($r->head . $r->body);
}

# Lines of error.log but for heads of requests and answers, which nginx
# itself writes at the level debug.

sub own_lines {
    my $text = error_log_text();
    my @entries = split m{^(?=\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[)}m, $text;

    return CORE::join '', grep {
        !/\[debug\] / || /\[debug\] \d+#\d+: (?:\*\d+ )?llm/
    } @entries;
}

# Three connections to one worker, whichever it is.

sub same_worker {
    my ($n) = @_;
    my (%by, @found);

    wait_until(sub {
        my $c = http_conn(port => port());
        my $r = $c->http('GET', '/api/version', {}, undef, keepalive => 1);
        my $list = $by{ $r->header('x-pid') } //= [];

        push @$list, $c;
        @found = @$list;
        return @$list == $n;
    }) or die "no $n connections to one worker\n";
    return @found;
}

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: a login and what it gives
--- perl
my $r = login('root', 'right horse');
is($r->status, 200, 'logged in');
is($r->header('content-type'), 'application/json', 'type');
is($r->header('cache-control'), 'no-store', 'nobody keeps it');
my $j = $r->json;
my $token = delete $j->{token};
like($token, qr/^[\w-]{86}$/, 'a token');
is_deeply($j, { expires_in => 86400,
                user => { username => 'root', role => 'admin' } },
          'and whose it is');
is($r->header('set-cookie'),
   "llm_router_session=$token; Max-Age=86400; Path=/; HttpOnly; "
   . 'SameSite=Strict', 'the cookie');

for ([bearer($token), 'the token'], [cookie($token), 'the cookie'],
     [{ Authorization => "bearer   $token" }, 'in lower case'],
     [{ Cookie => "a=b; llm_router_session=$token;c=d" }, 'among others'],
     [{ Cookie => ['x=y', "llm_router_session=no; llm_router_session=$token"] },
      'after a wrong one'])
{
    my ($h, $name) = @$_;
    my $m = me($h);
    is($m->status, 200, "$name is known again");
    my $j = eval { $m->json } || {};
    my $left = delete $j->{expires_in};
    is_deeply($j, { username => 'root', role => 'admin',
                    default_password => JSON::PP::false() }, '... whose it is');
    ok($left > 86000 && $left <= 86400, '... and for how long');
}

is(http('HEAD', '/api/auth/me', bearer($token), undef, port => port())->status,
   200, 'HEAD, too');
is(in_all($token), '200', 'by every worker');

my $e = login('eve', 'viewer-pass')->json;
is_deeply($e->{user}, { username => 'eve', role => 'viewer' }, 'a viewer');
isnt($e->{token}, $token, 'has a token of her own');
is(me(bearer($e->{token}))->json->{role}, 'viewer', '... and her role');
isnt(token(), $token, 'each login another token');
is(in($token), 200, '... the first one lives on');

$r = login('root', 'right horse', { 'X-Forwarded-Proto' => 'https' });
like($r->header('set-cookie'), qr/; Secure$/, 'TLS ends in front of it');



=== TEST 2: who can't log in
--- perl
my $n = 0;
my $try = sub { login_from('127.0.1.' . ++$n, @_) };
my $wrong = $try->('root', 'wrong');

refused($wrong, 401, 'authentication_error', 'invalid_credentials', undef,
        'a wrong password');
my $unknown = $try->('nobody', 'right horse');
is($unknown->body, $wrong->body, 'an unknown user is told the same');

for (['root', 'right horse '], ['root', 'right hors'], ['root', 'Right horse'],
     ['Root', 'right horse'], ['eve', 'right horse'], ['root ', 'right horse'],
     ['root', 'viewer-pass'], ['root', "\x{2028}"], ['*', '*'])
{
    is($try->(@$_)->status, 401, "not @$_[0]: "
       . ($_->[1] =~ /[^ -~]/ ? 'a strange one' : $_->[1]));
}

my $post = sub {
    return http('POST', '/api/auth/login', {}, $_[0], port => port());
};

for ([{ username => 'root' }, 'password', 'missing_required_parameter'],
     [{ password => 'x' }, 'username', 'missing_required_parameter'],
     [{}, 'username', 'missing_required_parameter'],
     [{ username => 1, password => 'x' }, 'username', undef],
     [{ username => 'root', password => ['right horse'] }, 'password', undef],
     [{ username => 'root', password => undef }, 'password', undef],
     [{ username => {}, password => 'x' }, 'username', undef],
     [{ username => '', password => 'x' }, 'username', undef],
     [{ username => 'root', password => '' }, 'password', undef],
     [{ username => 'r' x 64, password => 'x' }, 'username', undef],
     [{ username => 'root', password => 'x' x 256 }, 'password', undef],
     [{ username => "ro\not", password => 'x' }, 'username', undef],
     [{ username => "ro\0ot", password => 'x' }, 'username', 'invalid_json'],
     [{ username => 'root', password => 'right horse', role => 'admin' },
      'role', 'unknown_field'])
{
    my ($body, $param, $code) = @$_;
    my $r = $post->($body);
    my $e = $r->json->{error};
    is_deeply([$r->status, $e->{type}, $e->{param}],
              [400, 'invalid_request_error', $param],
              'refused: ' . json_encode($body));
    is($e->{code}, $code, '... ' . $code) if $code;
    unlike($r->body, qr/right horse/, '... nothing is repeated');
}

is($post->($_)->status, 400, "no object: $_")
    for '[]', '{', '"root"', '{"username":"root","username":"eve"}',
        "\xff\xfe";
is($post->(undef)->status, 400, 'no body');
is(login('root', 'right horse')->status, 200, 'then he logs in');
is(http('GET', '/api/auth/login', {}, undef, port => port())->status, 405,
   'GET does not');



=== TEST 3: who is not logged in, and who may not
--- perl
my $eve = bearer(token('eve', 'viewer-pass'));
my $r = me({});

refused($r, 401, 'authentication_error', 'invalid_session', undef, 'nobody');
is($r->header('www-authenticate'), 'Bearer', '... is told how');
refused(me(bearer('x')), 401, 'authentication_error', 'invalid_session',
        undef, 'a wrong token');
is(me({ Authorization => 'Basic cm9vdDpyaWdodCBob3JzZQ==' })->status, 401,
   'not by basic authentication');
is(me({ Authorization => '' })->status, 401, 'an empty header');
is(me({ Authorization => 'Bearer ' })->status, 401, 'an empty token');
is(me({ Cookie => $_ })->status, 401, "the cookie $_")
    for '', ';', 'llm_router_session', 'llm_router_session=',
        'llm_router_session=;', 'xllm_router_session=a', '=;=;;;';

is(http('GET', '/api/nodes', $eve, undef, port => port())->status, 200,
   'a viewer reads');
for (['POST', '/api/nodes', { base_url => 'http://127.0.0.1:9' }],
     ['POST', '/api/keys', { name => 'x' }],
     ['DELETE', '/api/nodes/node-0000000000000000'])
{
    my ($method, $path, $body) = @$_;
    my %h = (%$eve, 'X-Requested-With' => 'x');
    refused(http($method, $path, \%h, $body, port => port()), 403,
            'permission_error', 'forbidden', undef, "... and no $method $path");
}



=== TEST 4: keys in place of a session
--- perl
my $admin = 'sk-test-admin-0123456789';
my $r = me(bearer($admin));
is_deeply($r->json, { username => 'robot', role => 'admin',
                      expires_in => undef,
                      default_password => JSON::PP::false() },
          'a key with the scope admin');
is(me({ 'x-api-key' => $admin })->status, 200, '... in its other header');
refused(me(bearer('sk-test-0123456789abcdef')), 403, 'permission_error',
        'forbidden', undef, 'a key without it');
refused(me(bearer('sk-test-0123456789abcdee')), 401, 'authentication_error',
        'invalid_session', undef, 'no key');
is(me(cookie($admin))->status, 401, 'a key is no cookie');

my $token = token();
is(me({ %{ cookie($token) }, %{ bearer('sk-nobody') } })->status, 401,
   'a wrong key is not made good by a cookie');
is(me({ %{ cookie($token) }, 'x-api-key' => 'sk-nobody' })->status, 401,
   '... wherever it stands');
is(me({ %{ cookie('x') }, %{ bearer($token) } })->json->{username}, 'root',
   'nor a right token bad by one');
is(me({ %{ cookie($token) }, Authorization => 'Basic eDp5' })->status, 200,
   'what else stands there does not matter');
is(http('POST', '/api/auth/logout', bearer($admin), undef,
        port => port())->status, 204, 'a key logs out of nothing');
is(me(bearer($admin))->status, 200, '... and goes on');



=== TEST 5: the cookie alone changes nothing
--- perl
my $token = token();
my $out = sub {
    my ($headers) = @_;
    return http('POST', '/api/auth/logout', $headers, undef, port => port());
};
my $with = sub { return { %{ cookie($token) }, @_ } };

is(me($with->())->status, 200, 'it reads');
refused($out->($with->()), 403, 'permission_error', 'csrf', undef,
        'and changes nothing');

my $x = 'X-Requested-With';
for (['Sec-Fetch-Site' => 'cross-site'], ['Sec-Fetch-Site' => 'same-site'],
     [Origin => 'http://evil.example'], [Origin => 'null'],
     [Origin => 'http://localhost:81'], [Origin => ''],
     [Origin => 'http://localhost.evil.example'])
{
    refused($out->($with->($x => 'fetch', @$_)), 403, 'permission_error',
            'csrf', undef, "not with @$_");
}

is(in($token), 200, 'the session is still there');
is($out->({ %{ bearer($token) } })->status, 204,
   'a token that a page had to know changes');
is(in($token), 401, '... it did');

for ([], ['Sec-Fetch-Site' => 'same-origin'], ['Sec-Fetch-Site' => 'none'],
     [Origin => 'http://localhost'], [Origin => 'http://LOCALHOST'],
     [Origin => 'https://llm.example', 'X-Forwarded-Host' => 'llm.example'])
{
    $token = token();
    is($out->($with->($x => 'fetch', @$_))->status, 204, "with $x @$_");
    is(in($token), 401, '... it did');
}

refused(login('root', 'right horse', { Origin => 'http://evil.example' }),
        403, 'permission_error', 'csrf', undef,
        'a page of somebody else logs nobody in');
is(login('root', 'right horse', { Origin => 'http://localhost' })->status,
   200, 'an own one does');



=== TEST 6: a client does not choose its token
--- perl
my $old = token('eve', 'viewer-pass');
my $before = me(bearer($old))->json->{expires_in};

for my $sent ($old, 'A' x 86, 'chosen') {
    my $r = login('root', 'right horse', cookie($sent));
    my $new = $r->json->{token};
    isnt($new, $sent, 'another token');
    like($r->header('set-cookie'), qr/^llm_router_session=\Q$new\E;/,
         '... in the cookie, too');
    is(in($sent), $sent eq $old ? 200 : 401, 'what was sent is what it was');
}

is(me(bearer($old))->json->{username}, 'eve', 'an old token keeps its user');
ok(me(bearer($old))->json->{expires_in} <= $before, '... and its end');



=== TEST 7: forged and torn tokens
--- perl
my $token = token();
my $bad = 0;
my @digits = ('A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_');

for my $i (0, 1, 20, 41, 42, 43, 44, 60, 84, 85) {
    my $old = substr $token, $i, 1;
    my ($at) = grep { $digits[$_] eq $old } 0 .. $#digits;

    for my $bit (0 .. 5) {
        substr(my $forged = $token, $i, 1) = $digits[$at ^ (1 << $bit)];
        $bad++ if in($forged) != 401;
        $bad++ if me(cookie($forged))->status != 401;
    }
}

is($bad, 0, 'one bit in either half');
is(in($_->[1]), 401, $_->[0])
    for ['cut', substr $token, 0, 85], ['half', substr $token, 0, 43],
        ['longer', $token . 'A'], ['padded', $token . '='],
        ['turned', substr($token, 43) . substr($token, 0, 43)],
        ['in two', substr($token, 0, 43) . ' ' . substr($token, 43)],
        ['another\'s half', substr($token, 0, 43) . substr(token(), 43)],
        ['long', $token x 40];
is(in($token), 200, 'as it was it is good');



=== TEST 8: out is out, for every worker and after a reload
--- perl
my ($token, $other) = (token(), token());
is(in_all($token), '200', 'in');

my $r = http('POST', '/api/auth/logout',
             { %{ cookie($token) }, 'X-Requested-With' => 'x' }, undef,
             port => port());
is($r->status, 204, 'out');
is($r->body, '', '... nothing more is said');
is($r->header('set-cookie'), 'llm_router_session=; Max-Age=0; Path=/; '
   . 'HttpOnly; SameSite=Strict', '... but that the cookie is to go');
is(in_all($token), '401', 'for every worker');
is(in_all($other), '200', 'the other session goes on');
is(http('POST', '/api/auth/logout', bearer($token), undef,
        port => port())->status, 401, 'there is no second time');

ok(reload(), 'a reload');
is(in_all($token), '401', 'still out');
is(in_all($other), '200', 'the other one still in');

kill9_worker();
is(in_all($other), '200', 'a worker that dies takes no session along');
is(in_all($token), '401', '... and brings none back');
--- allow_signal



=== TEST 9: another password ends the sessions, the same one does not
--- http_config eval: $::Users . "    # more\n"
--- perl
my ($root, $eve) = (token(), token('eve', 'viewer-pass'));

ok(reload(), 'a reload');
is(in_all($_), '200', 'nothing changed, in') for $root, $eve;

edit_conf(sub { s/right horse/new horse/ });
ok(reload(), 'another password for one');
is(in_all($root), '401', 'he is out');
is(in_all($eve), '200', 'she is not');
is(login_from('127.0.1.1', 'root', 'right horse')->status, 401,
   'the old password is no good');
$root = token('root', 'new horse');
is(in_all($root), '200', 'the new one is');

edit_conf(sub { s/new horse/right horse/ });
ok(reload(), 'and back');
is(in_all($root), '401', 'out again');
$root = token();

edit_conf(sub { s/user=root (.*) role=admin/user=root $1 role=viewer/ });
ok(reload(), 'another role');
is(me(bearer($root))->json->{role}, 'viewer', 'is in force at once');

edit_conf(sub { s/(# more\n)/llm_router_admin user=new "password=a b";\n$1/;
                s/^.*user=eve.*\n//m });
ok(reload(), 'one comes, one goes');
is(in_all($eve), '401', 'who is gone is out');
is(login_from('127.0.1.2', 'eve', 'viewer-pass')->status, 401,
   '... and does not come back');
is(in_all($root), '200', 'who is neither is in');
is(login('new', 'a b')->status, 200, 'who came may log in');

edit_conf(sub { s/(# more\n)/llm_router_admin user=eve password=env:TEST_EVE
                             role=viewer;\n$1/ });
ok(reload(), 'and comes again');
is(in_all($eve), '401', 'an old session does not');



=== TEST 10: an address may try so often
--- perl
SKIP: {
skip('under valgrind the rates refill meanwhile', 7) if $ENV{LLMTEST_VALGRIND};
my @r = map { login_from('127.0.1.1', "user$_", 'wrong') } 1 .. 12;
is_deeply([map { $_->status } @r], [(401) x 10, 429, 429], 'ten at once');
refused($r[11], 429, 'rate_limit_error', 'too_many_logins', undef,
        'then it is told to wait');
like($r[11]->header('retry-after'), qr/^[1-6]$/, '... for some seconds');
is(login_from('127.0.1.1', 'root', 'right horse')->status, 429,
   'also with the right password');
is(login_from('127.0.1.2', 'root', 'right horse')->status, 200,
   'another address may');
is(from('127.0.1.1', 'GET', '/api/version', {})->status, 200,
   'what else it asks is answered');

my @ok = map { login_from('127.0.1.3', 'root', 'right horse')->status } 1 .. 25;
is_deeply(\@ok, [(200) x 25], 'who knows the password is not limited');
}



=== TEST 11: a user may be tried so often
--- perl
SKIP: {
skip('under valgrind the rates refill meanwhile', 5) if $ENV{LLMTEST_VALGRIND};
my $began = time;
my @r;
do {
    push @r, login_from('127.0.2.' . int(@r / 8), 'root', 'wrong');
} until $r[-1]->status == 429 || @r == 60;
my $last = pop @r;

# a slow machine: one more each three seconds
is_deeply([map { $_->status } @r[0 .. 19]], [(401) x 20], 'twenty at once');
cmp_ok(scalar @r, '<=', 20 + (time - $began + 1) / 3, '... and no more');
refused($last, 429, 'rate_limit_error', 'too_many_logins', undef,
        'then all are told to wait');
like($last->header('retry-after'), qr/^[1-3]$/, '... for some seconds');
is(login_from('127.0.2.9', 'eve', 'viewer-pass')->status, 200,
   'another user may log in');
}



=== TEST 12: a worker does something else while it looks at a password
--- http_config eval
$::Users . <<'_EOC_';
    llm_router_admin user=slow password=$TEST_NGINX_SLOW_HASH;
    log_format order '$pid $uri $status';
_EOC_
--- config eval
"    $LLMTest::Flow::Listen
    access_log logs/order.log order;
    location /api/ { llm_router_api on; }
"
--- perl
my @c = same_worker(5);
my $order = sub {
    open my $in, '<', "$ENV{TEST_NGINX_SERVROOT}/logs/order.log" or return '';
    local $/;
    return <$in> // '';
};

$c[0]->start('POST', '/api/auth/login', {}, body('slow', 'slow-pass'),
             keepalive => 1);
my $pid;
my $answered = IO::Select->new($c[0]->{sock});
for (1 .. 200) {
    last if $answered->can_read(0);
    my $r = $c[1]->http('GET', '/api/version', {}, undef, keepalive => 1);
    $pid = $r->header('x-pid');
}
$c[0]->read_head(30);
is($c[0]->{status}, 200, 'he is logged in');

my $before;
wait_until(sub { ($before) = $order->() =~ m{\A(.*?)^\d+ /api/auth/login}ms })
    or $before = '';
my $n = () = $before =~ m{^$pid /api/version 200$}mg;
ok($n >= 20, 'others were answered by the same worker before him')
    or diag("$n were");

# two passwords at once, no more

$_->start('POST', '/api/auth/login', {}, body('slow', 'slow-pass'),
          keepalive => 1) for @c[1 .. 4];
$_->read_head(30) for @c[1 .. 4];
is_deeply([sort map { $_->{status} } @c[1 .. 4]], [200, 200, 429, 429],
          'two passwords at once');
my ($late) = grep { $_->{status} == 429 } @c[1 .. 4];
is($late->{headers}{'retry-after'}[0], 1, 'the others try again soon');
is(login('slow', 'slow-pass', {}, timeout => 30)->status, 200,
   '... and may then');



=== TEST 13: who leaves while his password is looked at
--- http_config eval
$::Users . "    llm_router_admin user=slow password=\$TEST_NGINX_SLOW_HASH;\n"
--- perl
for (1 .. 2) {
    my $c = http_conn(port => port());
    $c->start('POST', '/api/auth/login', {}, body('slow', 'slow-pass'));
    $c->reset;
}
ok(wait_until(sub {
    my $n = () = error_log_text() =~ /"slow" logged in/g;
    return $n == 2;
}, 20), 'it is looked at all the same');
is(login('root', 'right horse')->status, 200, 'and others may log in');



=== TEST 14: a reload while a password is looked at
--- http_config eval
$::Users . "    llm_router_admin user=slow password=\$TEST_NGINX_SLOW_HASH;\n"
--- slow_stop
--- perl
my $c = http_conn(port => port());
$c->start('POST', '/api/auth/login', {}, body('slow', 'slow-pass'));
edit_conf(sub { s/^.*user=slow.*\n//m });
# the old worker must have it before it stops to listen
me({}) for 1 .. 20;
ok(reload(30), 'reloaded');
$c->read_head(30);
is($c->{status}, 401, 'he is no more, so he is not logged in');



=== TEST 15: no password is configured
--- http_config
--- perl
my $local = { Host => "localhost:$ENV{TEST_NGINX_SERVER_PORT}" };
my $token = login('admin', 'test', $local)->json->{token};

is(in($token), 200, 'the default user logs in');
ok(me(bearer($token))->json->{default_password}, '... and is told so');
is(me({ %{ bearer($token) }, Host => $_ })->status, 200, "... at $_")
    for '127.0.0.1', '127.1.2.3:80', '[::1]:8080', 'LOCALHOST',
        'llm.localhost';

for my $h (['Host' => 'evil.example'], ['Host' => '192.168.1.1'],
           ['Host' => 'localhost.evil.example'], ['Host' => '128.0.0.1'],
           ['Host' => 'xlocalhost'],
           ['X-Forwarded-For' => '127.0.0.1'],
           ['X-Forwarded-Host' => 'localhost'], ['Forwarded' => 'for=x'],
           ['X-Real-IP' => '127.0.0.1'], ['Via' => '1.1 proxy'])
{
    my $r = login('admin', 'test', { @$h });
    refused($r, 403, 'permission_error', 'loopback_only', undef,
            "... not with @$h");
    is(me({ %{ bearer($token) }, @$h })->status, 403,
       '... nor does a session go on');
}

my $r = login('admin', 'test', { Host => 'evil.example' });
like($r->json->{error}{message}, qr/llm_router_admin.*LLM_ROUTER_ADMIN_PASS/,
     'it is told what to do');
is(login_from('127.0.1.1', 'admin', 'wrong')->status, 401, 'a wrong password');
is(login_from('127.0.1.2', 'root', 'test')->status, 401, 'another user');

edit_conf(sub { s/(http \{)/$1 llm_router_admin user=admin password=test;/ });
ok(reload(), 'a password is configured');
is(in($token), 401, 'what was open is closed');
my $own = login('admin', 'test', { Host => 'llm.example' });
is($own->status, 200, 'now he may log in from anywhere');
ok(!me(bearer($own->json->{token}))->json->{default_password},
   '... it is no default any more');
--- error_log
llm_router_api is on and no password is set



=== TEST 16: the default user from another address
--- skip_eval: 4: `$ENV{TEST_NGINX_BINARY} -V 2>&1` !~ /realip/
--- http_config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Test-Address;
--- perl
my $at = sub { return login('admin', 'test', { 'X-Test-Address' => $_[0] }) };

refused($at->($_), 403, 'permission_error', 'loopback_only', undef,
        "not from $_")
    for '10.0.0.1', '128.0.0.1', '2001:db8::1', '::2', '::ffff:10.0.0.1';
is($at->($_)->status, 200, "from $_")
    for '127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1';



=== TEST 17: an admin of the environment
--- http_config
--- env
LLM_ROUTER_ADMIN_USERNAME=chief
LLM_ROUTER_ADMIN_PASSWORD=of env, "quoted"
--- perl
my $r = login('chief', 'of env, "quoted"', { Host => 'llm.example' });
is($r->status, 200, 'logs in, from anywhere');
is($r->json->{user}{role}, 'admin', 'he is an admin');
is(login_from('127.0.1.1', 'admin', 'test')->status, 401,
   'there is no default user');
ok(reload(), 'a reload');
is(in($r->json->{token}), 200, 'he is still in');
--- no_error_log
[warn]



=== TEST 18: without the API there is no default user, and nothing is said
--- config
    location /v1/ { llm_router on; }
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key env:TEST_SOME_KEY;
--- env
TEST_SOME_KEY=sk-test-0123456789abcdef
--- perl
is(http('GET', '/v1/models', with_key())->status, 200, 'it runs');
--- no_error_log
[warn]



=== TEST 19: passwords and tokens are in no log
--- log_level: debug
--- config eval
"    $LLMTest::Flow::Listen
    access_log logs/all.log combined;
    location /api/ { llm_router_api on; }
"
--- perl
my @secret = ('right horse', 'viewer-pass', 'wrong-pass-word');
push @secret, token(), token('eve', 'viewer-pass');
my $gone = token();

push @secret, $gone;
login_from('127.0.1.1', 'root', 'wrong-pass-word');
login_from('127.0.1.1', 'nobody', 'wrong-pass-word');
login_from('127.0.1.1', 'wrong-pass-word', 'x');
me(bearer($_)) for @secret[3 .. 5];
me(cookie($_)) for @secret[3 .. 5];
http('POST', '/api/auth/logout', bearer($gone), undef, port => port());
me(bearer($gone));
ok(reload(), 'and a reload');

# the name is what was typed into the wrong field, so it is not told either
my $log = own_lines();
open my $in, '<', "$ENV{TEST_NGINX_SERVROOT}/logs/all.log";
$log .= do { local $/; <$in> };
is(index($log, $_), -1, 'not ' . substr($_, 0, 20)) for @secret;
is(index($log, substr $_, 0, 43), -1, 'nor half of it') for @secret[3 .. 5];
is(index(error_log_text(), $_), -1, 'no password anywhere at all')
    for @secret[0 .. 2];
like($log, qr/"root" logged in/, 'but who logged in');



=== TEST 20: a token is not in shared memory
--- skip_eval: 2: !-r '/proc/self/mem'
--- perl
my $token = token();
my $find = sub {
    my ($pid, $what) = @_;
    my ($n, $size) = (0, 0);

    no warnings 'portable';
    open my $maps, '<', "/proc/$pid/maps" or return 'maps: ' . $!;
    open my $mem, '<:raw', "/proc/$pid/mem" or return 'mem: ' . $!;
    for (<$maps>) {
        my ($from, $to) = /^([0-9a-f]+)-([0-9a-f]+) rw/ or next;
        $from = hex $from;
        my $len = hex($to) - $from;
        next if $len > 64 * 1024 * 1024 || !sysseek $mem, $from, 0;
        my $got = sysread $mem, my ($bytes), $len;
        next if !$got;
        $size += $got;
        $n++ while $bytes =~ /\Q$what\E/g;
    }
    return $size > 1024 * 1024 ? $n : 'nothing was read';
};
my $sum = Digest::SHA::sha256($token);

SKIP: {
    my $seen = $find->(master_pid(), $sum);
    skip("another process's memory can't be read here: $seen", 2)
        if $seen =~ /\D/;
    is($seen, 1, 'of a token, its sum');
    is($find->(master_pid(), $token), 0, '... not the token');
}
