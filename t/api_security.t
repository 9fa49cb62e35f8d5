# Who may do what, for every route that there is; ways round the routes; and
# where no secret may ever be seen.  (Wrong bodies: api_input.t; passwords and
# tokens: api_session.t.)

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;

use Digest::SHA ();
use IO::Socket::INET ();

my $NodeKey = 'sk-of-a-node-0123456789';
my $Scope = 'sk-nodes-0123456789abcdef';

our $Http = $AdminKey . <<'_EOC_';
    llm_router_state state/state.json;
    llm_router_admin user=root "password=right horse" role=admin;
    llm_router_admin user=eve password=viewer-pass role=viewer;
    llm_router_key sk-test-0123456789abcdef name=plain;
    llm_router_key sk-nodes-0123456789abcdef name=rack scopes=node;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
_EOC_

defaults(
    mock => "a\n",
    http_config => $Http,
    config => "    $Listen\n    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

# [METHOD, path, ROLE] of each row of the table that the module is made of

sub routes {
    my $text = LLMTest::Helpers::slurp('src/api/ngx_http_llm_api_routes.c')
        // die "no table of routes\n";
    my ($table) = $text =~ /ngx_http_llm_api_routes\[\] = \{\n(.*?)^\};/ms
        or die "no table of routes\n";

    my @rows = $table =~ /\{ NGX_HTTP_(\w+), "([^"]+)", NGX_HTTP_LLM_(\w+),/g;
    my $n = () = $table =~ /^    \{ /mg;
    my @routes;
    push @routes, [splice @rows, 0, 3] while @rows;
    die "not each row of the table was understood\n" if @routes != $n - 1;
    return @routes;
}

sub token {
    my ($user, $password) = @_;
    my $r = http('POST', '/api/auth/login', {},
                 { username => $user, password => $password });
    return $r->json->{token} // die 'no token: ' . $r->status;
}

sub bearer { return { Authorization => "Bearer $_[0]" } }
sub cookie { return { Cookie => "llm_router_session=$_[0]" } }
sub node_key { return $NodeKey }
sub scope_key { return $Scope }

# a node and a key to be changed, and paths with their ids

sub objects {
    my $n = add_node({ name => 'n', base_url => 'http://127.0.0.1:9/n',
                       models => ['z'], check => false });
    my $k = add_key({ name => 'k' });
    return ($n, $k);
}

# the id of a request that is in the history

sub recorded {
    chat({}, { 'x-request-id' => 'recorded' });
    wait_until(sub { @{ api('GET', '/history')->json->{data} } });
    return 'recorded';
}

sub path_of {
    my ($path, $n, $k) = @_;
    my $id = $path =~ m{^/keys} ? $k->{id}
             : $path =~ m{^/history} ? recorded() : $n->{id};
    return $path =~ s/\{id\}/$id/r;
}

sub body_of {
    my ($path) = @_;
    return $path eq '/nodes' || $path eq '/nodes/register'
               ? { base_url => 'http://127.0.0.1:9/new', models => ['y'] }
         : $path eq '/keys' ? { name => 'new' }
         : $path eq '/auth/login' ? { username => 'x', password => 'x' }
         : {};
}

sub send_raw {
    my ($bytes) = @_;
    my $conn = http_conn(port => port());
    return $conn->http('GET', '/', {}, undef, raw => $bytes);
}

sub raw_request {
    my ($line, $headers, $body) = @_;
    my $out = "$line\r\nHost: localhost\r\nConnection: close\r\n";
    $out .= "$_: $headers->{$_}\r\n" for sort keys %$headers;
    $out .= 'Content-Length: ' . length($body) . "\r\n" if defined $body;
    return send_raw("$out\r\n" . ($body // ''));
}

sub text_of_file { return LLMTest::Helpers::slurp($_[0]) // '' }

# lines that nginx itself writes at the level debug hold heads of requests

sub own_lines {
    my @entries = split m{^(?=\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[)}m,
                  error_log_text();
    return CORE::join '', grep {
        !/\[debug\] / || /\[debug\] \d+#\d+: (?:\*\d+ )?llm/
    } @entries;
}

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: nobody gets beyond the open routes without a session
--- perl
my ($n, $k) = objects();
my $shown = shown();
my @routes = routes();
cmp_ok(scalar @routes, '>=', 20, 'the table was read');
my %open = map { ("$_->[0] $_->[1]" => 1) } grep { $_->[2] eq 'OPEN' } @routes;

# who adds an open route says so here, too

is_deeply([sort keys %open],
          ['GET /health', 'GET /version', 'POST /auth/login',
           'POST /nodes/register', 'POST /nodes/{id}/heartbeat'],
          'the open ones are these');

my %nobody = (
    'no key' => {}, 'a wrong key' => bearer('sk-wrong'),
    'no session' => cookie('x' x 86), 'an inference key' => bearer($Key),
    'a node key' => bearer(scope_key()), 'a key in a cookie' => cookie($Admin),
    'a user' => { Authorization => 'Basic cm9vdDpyaWdodCBob3JzZQ==' },
    'an empty key' => { Authorization => 'Bearer ' },
    'a hash' => bearer(Digest::SHA::sha256_hex($Admin)),
);

for my $route (@routes) {
    my ($method, $path, $role) = @$route;
    my $url = '/api' . path_of($path, $n, $k);

    for my $who (sort keys %nobody) {
        # these two look at the key themselves
        next if $path eq '/nodes/register' && $who eq 'a node key';
        my $r = http($method, $url, { %{ $nobody{$who} },
                                      'X-Requested-With' => 'x' },
                     $method eq 'GET' ? undef : body_of($path));
        if ("$method $path" =~ m{^GET /(?:version|health)$}) {
            is($r->status, 200, "$method $path is open to $who");
            next;
        }
        like($r->status, qr/^40[13]$/, "$method $path: not with $who")
            or diag($r->body);
        is($r->json->{error}{type}, $r->status == 401 ? 'authentication_error'
                                                      : 'permission_error',
           'which is told') if $path ne '/auth/login';
    }
}

is(shown(), $shown, 'nothing was changed');



=== TEST 2: a viewer reads, and changes nothing
--- perl
my ($n, $k) = objects();
my $eve = token('eve', 'viewer-pass');
my $shown = shown();

for my $route (routes()) {
    my ($method, $path, $role) = @$route;
    my $url = '/api' . path_of($path, $n, $k);

    for my $as (bearer($eve), { %{ cookie($eve) }, 'X-Requested-With' => 'x' })
    {
        next if $path =~ m{^/auth/log};
        my $r = http($method, $url, $as,
                     $method eq 'GET' ? undef : body_of($path));
        $method eq 'GET'
            ? is($r->status, 200, "GET $path")
            : like($r->status, qr/^40[13]$/, "not $method $path");

        # what it may read must hold no secret; what changes needs the role
        is($role, $method eq 'GET' ? 'VIEWER' : 'ADMIN', "... $role")
            if $role ne 'OPEN';
    }
}

is(shown(), $shown, 'nothing was changed');
is(http('POST', '/api/auth/logout', bearer($eve))->status, 204,
   'but leave it may');



=== TEST 3: with a cookie a change needs X-Requested-With
--- perl
my ($n, $k) = objects();
my $root = token('root', 'right horse');
my $shown = shown();

for my $route (grep { $_->[0] ne 'GET' && $_->[2] ne 'OPEN' } routes()) {
    my ($method, $path) = @$route;
    my $r = http($method, '/api' . path_of($path, $n, $k), cookie($root),
                 body_of($path));
    is($r->status, 403, "$method $path: not without");
    is($r->json->{error}{code}, 'csrf', 'which is told');
}

is(shown(), $shown, 'nothing was changed');

for my $what (["PATCH", "/nodes/$n->{id}", { weight => 2 }],
              ['PATCH', "/keys/$k->{id}", { rpm => 2 }],
              ['POST', "/nodes/$n->{id}/drain"], ['POST', '/auth/logout'])
{
    my ($method, $path, $body) = @$what;
    like(http($method, "/api$path", { %{ cookie($root) },
              'X-Requested-With' => 'fetch' }, $body)->status, qr/^20[04]$/,
         "$method $path: with it");
}



=== TEST 4: paths that only look like one
--- perl
my ($n, $k) = objects();
my $shown = shown();
my %auth = (Authorization => "Bearer $Admin");
my $id = $n->{id};
my @tricks = map { s/ID/$id/gr } (
    '//api/nodes/ID', '/api//nodes/ID', '/api/nodes//ID', '/api/./nodes/ID',
    '/api/x/../nodes/ID', '/v1/../api/nodes/ID', '/./api/nodes/ID',
    '/%61pi/nodes/ID', '/api/%6eodes/ID', '/api%2fnodes%2fID',
    '/api/%2e/nodes/ID', '/api/x/%2e%2e/nodes/ID', '/api/nodes/%2e%2e/nodes/ID',
    '/API/nodes/ID', '/Api/nodes/ID', '/api/Nodes/ID', '/api/NODES/ID',
    '/api/nodes/ID/', '/api/nodes/ID//', '/api/nodes/ID/.', '/api/nodes/ID;x',
    '/api/nodes/ID;/', '/api/nodes;x/ID', '/api;x/nodes/ID', '/api/nodes/ID%00',
    '/api/nodes/ID%20', '/api/nodes/%00ID',
    '/api/nodes/ID%0d%0aX-Evil:%201',
    '/api/nodes/ID%3fx', '/api/nodes/ID%23x', '/api/nodes/ID\\',
    '/api\\nodes\\ID', '/api/nodes/ID/../ID', '/api/nodes/ID/x/..',
    '/api/api/nodes/ID', '/x/api/nodes/ID',
    '/api/nodes/%6eode-0000000000000000',
    '/api/nodes/%252e%252e/nodes/ID', '/api/..%2fapi/nodes/ID',
    '/api/nodes/ID%c0%af', '/api/.nodes/ID', '/api/nodes/.ID',
);

for my $path (@tricks) {
    for my $method (qw(DELETE PATCH)) {
        my $r = raw_request("$method $path HTTP/1.1",
                            { %auth, 'Content-Type' => 'application/json' },
                            $method eq 'PATCH' ? '{"weight":9}' : undef);
        like($r->status, qr/^4\d\d$/, "$method $path");
        unlike($r->head, qr/^x-evil/mi, '... no header of its own')
            if $path =~ /evil/i;
    }
}

for my $path (map { "$_/drain" } "/api/nodes/$id", "/api//nodes/$id") {
    my $r = raw_request('POST ' . ($path =~ s{/drain}{/%64rain}r) . ' HTTP/1.1',
                        \%auth);
    is($r->status, 404, "POST $path, escaped");
}

is(shown(), $shown, 'nothing was changed');

# absolute form: what RFC 9112 says, by the same rules and the same rights

is(raw_request("GET http://localhost/api/nodes/$id HTTP/1.1", \%auth)->status,
   200, 'absolute form');
is(raw_request("DELETE http://localhost/api/nodes/$id HTTP/1.1", {})->status,
   401, '... with the same rights');
like(raw_request("DELETE http://localhost//api/nodes/$id HTTP/1.1",
                 \%auth)->status, qr/^4/, '... and the same paths');
like(raw_request("DELETE http://localhost/%61pi/nodes/$id HTTP/1.1",
                 \%auth)->status, qr/^4/, '... escaped');
is(raw_request("GET /api/nodes/$id?x=/api/keys HTTP/1.1", \%auth)->json->{id},
   $id, 'arguments are no path');
is(raw_request("GET /api/nodes/$id?/../../keys/%00 HTTP/1.1", \%auth)
   ->json->{id}, $id, 'whatever they are');
like(raw_request("GET /api/nodes/$id HTTP/1.0", \%auth)->status, qr/^200$/,
     'HTTP/1.0');
is(shown(), $shown, 'nothing was changed');



=== TEST 5: methods
--- perl
my ($n, $k) = objects();
my $shown = shown();
my %path = map { $_->[1] => 1 } routes();
my %allowed;
push @{ $allowed{ $_->[1] } }, $_->[0] for routes();

for my $path (sort keys %path) {
    my $url = '/api' . path_of($path, $n, $k);
    my %may = map { $_ => 1 } @{ $allowed{$path} };

    for my $method (grep { !$may{$_} }
                    qw(GET POST PATCH DELETE PUT OPTIONS TRACE PROPFIND MKCOL
                       COPY MOVE LOCK CONNECT get Patch))
    {
        # ids are words, too: /nodes/{id} takes /nodes/register
        next if $path eq '/nodes/register';
        my $r = raw_request("$method $url HTTP/1.1",
                            { Authorization => "Bearer $Admin" });
        like($r->status, qr/^40[05]$/, "$method $path");
        is($r->header('allow') // '',
           CORE::join(', ', map { $_ eq 'GET' ? 'GET, HEAD' : $_ }
                grep { $may{$_} } qw(GET POST PATCH DELETE)),
           '... and what may be') if $r->status == 405
                                     && $r->header('allow');
        unlike($r->body, qr/\Q$Admin/, 'what came is not sent back');
    }
}

for my $h ('X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override') {
    my $r = http('POST', "/api/nodes/$n->{id}",
                 { Authorization => "Bearer $Admin", $h => 'DELETE' });
    is($r->status, 405, "$h is not looked at");
}

is(shown(), $shown, 'nothing was changed');



=== TEST 6: no header is added by what is said of an object
--- perl
for my $evil ("x\r\nX-Evil: 1", "x\nX-Evil: 1", "x\rX-Evil: 1",
              "x\x{2028}X-Evil: 1", "x\x{85}X-Evil: 1", "x%0d%0aX-Evil: 1")
{
    my $u = $evil =~ /[\r\n]/ ? 400 : 201;
    my $r = api('POST', '/keys', { name => $evil });
    is($r->status, $u, 'as the name of a key');
    unlike($r->head, qr/^x-evil/mi, '... it is no header');
    api('DELETE', '/keys/' . $r->json->{id}) if $r->status == 201;

    $r = api('POST', '/nodes', { name => $evil, notes => $evil,
        base_url => 'http://127.0.0.1:' . mock_port('a') . '/v2',
        models => [$evil =~ /[\r\n]/ ? 'x' : $evil], check => false });
    is($r->status, $u, 'as that of a node');
    unlike($r->head, qr/^x-evil/mi, '... it is no header');
    next if $r->status != 201;

    # its name stands in x-llm-router-node of what it serves
    my $id = $r->json->{id};
    $r = chat({ model => $evil });
    unlike($r->head, qr/^x-evil/mi, '... nor where it serves');
    is(scalar(() = $r->head =~ /^x-llm-router-node:/mig), 1,
       '... it stands in one') if $r->status == 200;
    is(api('DELETE', "/nodes/$id")->status, 204, 'deleted');
}

my $conn = http_conn(port => port());
my $r = $conn->http('GET', '/', {}, undef, raw =>
    "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    . "X-Request-Id: a\rX-Evil: 1\r\nContent-Length: 0\r\n\r\n");
unlike($r->head, qr/^x-evil|\rX-Evil/mi, 'nor by X-Request-Id');
unlike(chat({}, { 'X-Request-Id' => "a\tb <c>" })->header('x-request-id'),
       qr/[\t <]/, 'which is only taken when it is sane');
unlike(error_log_text(), qr/^X-Evil/m, 'and no line in the log');



=== TEST 7: no secret in any log, error, list, or the state file
--- log_level: debug
--- config eval
"    $LLMTest::Flow::Listen
    access_log logs/all.log combined;
    location /v1/ { llm_router on; }
    location /api/ { llm_router_api on; }
    location = /status { llm_router_status; }
"
--- perl
my $root = token('root', 'right horse');
my $eve = token('eve', 'viewer-pass');
my $k = add_key({ name => 'k' });
my $l = add_key({ name => 'l', scopes => ['admin'] });
my $n = add_node({ name => 'n', base_url => 'http://127.0.0.1:'
                   . mock_port('a') . '/v2', api_key => node_key(),
                   models => ['z'], check => true });
my $reg = api('POST', '/nodes/register',
              { base_url => 'http://127.0.0.1:' . mock_port('a') . '/v3',
                name => 'reg', models => ['y'] }, bearer(scope_key()))->json;
my @answers;
my $say = sub { push @answers, http(@_)->body };

# uses, right and wrong, of each of them

chat({}, bearer($k->{key})) for 1 .. 2;
chat({ model => 'z' });
chat({ model => 'y' });
$say->('GET', '/api/nodes', bearer($_)) for $root, $eve, $l->{key};
$say->('PATCH', "/api/nodes/$n->{id}", bearer($_), { weight => 2 })
    for $root, $eve, $l->{key};
$say->('POST', "/api/nodes/$reg->{node_id}/heartbeat",
       bearer($reg->{node_token}), { load => 1 });
$say->('POST', "/api/nodes/$n->{id}/heartbeat", bearer($reg->{node_token}),
       { load => 1 });
$say->('POST', "/api/nodes/$n->{id}/check", bearer($root));
$say->('GET', $_, bearer($eve))
    for '/api/nodes', '/api/keys', '/api/models', "/api/nodes/$n->{id}",
        "/api/keys/$k->{id}", "/api/nodes/$reg->{node_id}", '/api/auth/me',
        '/api/health', '/status', '/api/nope', '/api/nodes/nope';
$say->('POST', '/api/keys', bearer($root), { name => 'k' });
$say->('POST', '/api/nodes', bearer($root), { base_url =>
       'http://127.0.0.1:9/q', api_key => node_key() . "\n" });
$say->('POST', '/api/nodes', bearer($root), { base_url =>
       'http://u:' . node_key() . '@127.0.0.1:9/q' });
$say->('PATCH', "/api/nodes/$n->{id}", bearer($root), {
       base_url => 'http://127.0.0.1:9/elsewhere' });
$say->('POST', '/api/auth/login', {}, { username => 'root',
       password => 'right horse?' });
$say->('POST', '/v1/chat/completions', bearer("$k->{key}x"), '{}');
api('DELETE', "/keys/$k->{id}");
$say->('POST', '/v1/chat/completions', bearer($k->{key}), '{}');
$say->('POST', '/api/auth/logout', bearer($eve));
$say->('GET', '/api/nodes', bearer($eve));
ok(reload(), 'and a reload');

my $file = "$ENV{TEST_NGINX_SERVROOT}/state/state.json";
ok(wait_until(sub { my $s = eval { json_decode(text_of_file($file)) };
                    $s && @{ $s->{keys} } == 1 }), 'all is written');

my %secret = (
    'the admin key' => $Admin, 'a key' => $k->{key}, 'another' => $l->{key},
    'a key of nginx.conf' => $Key, 'a node key' => scope_key(),
    'a password' => 'right horse', 'the other' => 'viewer-pass',
    'a token' => $root, 'a token that ended' => $eve,
    'a node token' => $reg->{node_token}, 'a node\'s own key' => node_key(),
);
my %place = (
    'error.log' => own_lines(), 'access.log' => access_log_text()
        . text_of_file("$ENV{TEST_NGINX_SERVROOT}/logs/all.log"),
    'an answer' => CORE::join("\n", @answers),
    'the state file' => text_of_file($file),
);
cmp_ok(length $place{$_}, '>', 100, "$_ was read") for sort keys %place;

for my $what (sort keys %secret) {
    my $text = $secret{$what};
    cmp_ok(length $text, '>=', 8, "$what is known");

    for my $where (sort keys %place) {
        # a router must know the key that it shows to a node
        next if $where eq 'the state file' && $what eq 'a node\'s own key';
        is(index($place{$where}, $text), -1, "$what: not in $where");
        # nor the larger half of it
        is(index($place{$where}, substr $text, 0, 20), -1, '... nor a part')
            if length $text > 40;
    }
}

for my $what ('the admin key', 'a key', 'another', 'a token') {
    my $sum = Digest::SHA::sha256_hex($secret{$what});
    is(index($place{$_}, $sum), -1, "the hash of $what: not in $_")
        for 'error.log', 'access.log', 'an answer';
}

cmp_ok(index($place{'the state file'},
             Digest::SHA::sha256_hex($l->{key})), '>', 0,
       'the state file has hashes of keys');
is(sprintf('%o', (stat $file)[2] & 07777), '600', 'and is for nobody else');



=== TEST 8: HTML is text wherever it is shown
--- config
    listen 127.0.0.1:$TEST_NGINX_SPREAD_PORT reuseport;
    location /v1/ { llm_router on; }
    location /api/ { llm_router_api on; }
    location = /status { llm_router_status; }
--- perl
my $evil = '</script><script>alert(1)</script>';
add_node({ name => $evil, notes => $evil, models => [$evil], check => false,
           base_url => 'http://127.0.0.1:9/x' });
add_key({ name => $evil });
my %n;

for my $path ('/api/nodes', '/api/keys', '/api/models', '/status', '/v1/models',
              '/api/nodes?limit=<script>', '/api/<script>', '/v1/<script>',
              '/v1/models/<script>')
{
    my $r = http('GET', $path, bearer($path =~ /^.v1/ ? $Key : $Admin));
    like($r->header('content-type'), qr{^application/json\b}, "$path: JSON");
    ok(defined $r->json, '... it is');
    is($r->header('x-content-type-options'), 'nosniff', '... and no other')
        if $path =~ m{^/api};
    $n{html}++ if $r->body =~ /^\s*</;
}

is_deeply(\%n, {}, 'no page of HTML');
my $r = api('POST', '/nodes', '{"' . $evil . '":1}');
is($r->header('content-type'), 'application/json', 'an error is JSON, too');



=== TEST 9: what is too large is told, in JSON where nginx lets us
--- perl
my $shown = shown();
my $big = 'x' x (10 * 1024 * 1024);

for my $path ('/nodes', '/keys') {
    my $r = api('POST', $path, qq({"name":"$big"}));
    api_error($r, 413, 'request_too_large', undef, "POST $path: 10 MB");
}

my $r = http('POST', '/api/auth/login', {}, qq({"username":"$big"}));
is($r->status, 413, 'also without a session');
is($r->json->{error}{code}, 'request_too_large', 'in JSON');

$r = http('GET', '/api/nodes', { Authorization => "Bearer $Admin",
                                 'X-Large' => 'x' x 100_000 });
is($r->status, 400, 'a header of 100 KB');
$r = http('GET', '/api/nodes', { Authorization => 'Bearer ' . 'x' x 7000 });
is($r->status, 401, 'a key of 7 KB is none');
$r = http('GET', '/api/nodes', cookie('x' x 7000));
is($r->status, 401, 'nor is such a session');
$r = http('GET', '/api/nodes/' . 'x' x 7000, bearer($Admin));
is($r->status, 404, 'an id of 7 KB is none');
$r = http('GET', '/api/nodes?' . 'limit=1&' x 900, bearer($Admin));
is($r->status, 200, 'many arguments');
# (nginx itself tells both in its log, at the level info)
$r = http('GET', '/api/nodes', { Authorization => [("Bearer x") x 2] });
is($r->status, 400, 'two keys are none');
is(shown(), $shown, 'nothing was changed');



=== TEST 10: secrets are compared in constant time
--- perl
# a review, by grep: whoever compares a hash, a token or a secret of another
# kind that came from outside does it by a function that takes the same time
# wherever they differ (nginx.conf may be compared with itself as one likes)

my (@wrong, $right);

for my $file (grep { !/_conf_key\.c$/ } glob('src/*/*.c')) {
    my $n = 0;

    for my $line (split /\n/, text_of_file($file)) {
        $n++;
        $right++ if $line =~ /CRYPTO_memcmp\(|llm_same\(|keys_same\(/;
        push @wrong, "$file:$n: $line"
            if $line =~ /\b(?:ngx_)?(?:mem|str|strn|strcase)cmp\(/
               && $line =~ /secret|->?hash\b|token\b|password|\bmac\b|digest/
               && $line !~ /\busers\[i\]/;
    }
}

cmp_ok($right, '>=', 4, 'such functions are used');
is_deeply(\@wrong, [], 'and no others');
