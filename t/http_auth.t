# Who may ask: keys and where they stand, what they may use, and that they
# go no further than the router.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use Digest::SHA qw(sha256_hex);

defaults(
    mock => "a --models m\n",
    http_config => <<'_EOC_',
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m,n,org/x;
    llm_router_key sk-test-0123456789abcdef name=main;
_EOC_
    config => "    location /v1/ { llm_router on; }\n",
);

sub invalid {
    return (401, 'authentication_error', 'invalid_api_key', undef,
               'Invalid API key');
}

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: where a key may stand
--- perl
for (["Bearer $Key", 'Authorization'],
     ["bearer $Key", 'Authorization'],
     ["BEARER $Key", 'authorization'],
     ["Bearer   $Key", 'Authorization'],
     [$Key, 'x-api-key'],
     [$Key, 'X-API-Key'],
     [$Key, 'api-key'],
     [$Key, 'Api-Key'])
{
    my ($value, $name) = @$_;
    is(chat({}, { $name => $value })->status, 200,
       "$name: " . $value =~ s/sk-.*/KEY/r);
}

is(chat({}, { Authorization => 'Basic dTpw', 'x-api-key' => $Key })->status,
   200, 'another scheme leaves the other header');
--- node_stats
a requests=9 leaked_headers=0 hop_headers=0



=== TEST 2: what is no key
--- perl
my %h = (
    'none' => { no_key => 1 },
    'empty' => { Authorization => '' },
    'the scheme alone' => { Authorization => 'Bearer' },
    'the scheme and a space' => { Authorization => 'Bearer ' },
    'no scheme' => { Authorization => $Key },
    'another scheme' => { Authorization => "Basic $Key" },
    'joined to the scheme' => { Authorization => "Bearer$Key" },
    'unknown' => { Authorization => 'Bearer sk-test-unknown0000' },
    'a part of it' => { Authorization => 'Bearer ' . substr $Key, 0, -1 },
    'one letter more' => { Authorization => "Bearer ${Key}0" },
    'in capitals' => { Authorization => 'Bearer ' . uc $Key },
    'two' => { Authorization => "Bearer $Key $Key" },
    'unknown, x-api-key' => { 'x-api-key' => 'sk-test-unknown0000' },
    'unknown, api-key' => { 'api-key' => 'sk-test-unknown0000' },
    'empty, x-api-key' => { 'x-api-key' => '' },
    'its hash' => { Authorization => 'Bearer ' . sha256_hex($Key) },
    'very long' => { Authorization => 'Bearer ' . 'x' x 7000 },
);

error_is(chat({}, $h{$_}), invalid(), $_) for sort keys %h;

error_is(http('GET', '/v1/models'), invalid(), 'the list of models');
error_is(http('GET', '/v1/models/m'), invalid(), 'one model');
error_is(http('GET', '/v1/nothing'), invalid(), 'an unknown URL');
error_is(http('DELETE', '/v1/models/m'), invalid(), 'a method');
like(error_log_text(), qr/\[info\].*llm request without a valid key/, 'told');
--- node_stats
a requests=0



=== TEST 3: refused before the body is read
--- perl
my $c = http_conn();
$c->start('POST', '/v1/chat/completions',
          { 'Content-Type' => 'application/json', 'Content-Length' => 5_000_000,
            Expect => '100-continue' }, undef);
ok($c->read_head(3), 'an answer without a byte of the body');
is($c->status, 401, "refused");
is(@{ $c->{interim} }, 0, 'no 100 Continue');
$c->close;
--- node_stats
a requests=0



=== TEST 4: an expired key
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-past-1 expires=2020-01-31;
    llm_router_key sk-test-past-2 expires=2020-01-31T12:00:00Z;
    llm_router_key sk-test-past-3 expires=1000000000;
    llm_router_key sk-test-later1 expires=2100-01-31;
    llm_router_key sk-test-later2 expires=2100-01-31T23:59:59Z;
    llm_router_key sk-test-soon-1 expires=4000000000;
--- perl
error_is(chat({}, { 'x-api-key' => "sk-test-past-$_" }), invalid(), "past $_")
    for 1 .. 3;
is(chat({}, { 'x-api-key' => "sk-test-later$_" })->status, 200, "later $_")
    for 1 .. 2;
is(chat({}, { 'x-api-key' => 'sk-test-soon-1' })->status, 200, 'not yet');

edit_conf(sub { s/4000000000/time + 1/e });
ok(reload(), 'its time is near');
my $r;
ok(wait_until(sub {
    $r = chat({}, { 'x-api-key' => 'sk-test-soon-1' });
    return $r->status != 200;
}), 'it came');
error_is($r, invalid(), 'then it is as unknown');



=== TEST 5: a reload revokes, adds and brings back
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
    llm_router_key sk-test-second-22222;
--- perl
my $other = { Authorization => 'Bearer sk-test-second-22222' };
my $third = { Authorization => 'Bearer sk-test-third-333333' };

is(chat()->status, 200, 'the first');
is(chat({}, $other)->status, 200, 'the second');
error_is(chat({}, $third), invalid(), 'no third yet');

edit_conf(sub { s/sk-test-second-22222/sk-test-third-333333/ });
ok(reload(), 'reloaded');
is(chat()->status, 200, 'the first stays');
is_deeply([map { chat({}, $other)->status } 1 .. 8], [(401) x 8],
          'the second is revoked in every worker');
error_is(chat({}, $other), invalid(), 'as if it had never been');
is(chat({}, $third)->status, 200, 'the third has come');

edit_conf(sub { s/sk-test-third-333333/sk-test-second-22222/ });
ok(reload(), 'reloaded again');
is(chat({}, $other)->status, 200, 'the second is back');
error_is(chat({}, $third), invalid(), 'the third is gone');



=== TEST 6: a stream goes on when its key is revoked
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
    llm_router_key sk-test-second-22222;
--- perl
my $s = open_stream('POST', '/v1/chat/completions',
    { Authorization => 'Bearer sk-test-second-22222',
      'X-Mock' => 'pace=30;tokens=20' },
    { model => 'm', stream => JSON::PP::true(),
      messages => [{ role => 'user', content => 'hi' }] });
is($s->status, 200, 'a stream');
ok(read_event($s), 'its first event');
edit_conf(sub { s/^.*sk-test-second.*\n//m });
ok(reload(), 'reloaded');
is(chat({}, { 'x-api-key' => 'sk-test-second-22222' })->status, 401,
   'the key is revoked');
my $last;
while (my $e = read_event($s)) { $last = $e }
is($last->{data}, '[DONE]', 'the stream came to its end');
ok($s->complete, 'and cleanly');



=== TEST 7: keys by hash, environment and file
--- env
ROUTER_TEST_KEY=sk-test-of-environment
--- user_files
>>> key
sk-test-of-the-file
--- http_config eval
my $hash = Digest::SHA::sha256_hex('sk-test-of-the-hash');
my $upper = uc Digest::SHA::sha256_hex('sk-test-upper-hash');
<<_EOC_;
    llm_router_node http://127.0.0.1:\$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sha256:$hash name=hashed;
    llm_router_key sha256:$upper;
    llm_router_key env:ROUTER_TEST_KEY;
    llm_router_key file:\$TEST_NGINX_HTML_DIR/key;
_EOC_
--- perl
is(chat({}, { 'x-api-key' => $_ })->status, 200, $_)
    for qw(sk-test-of-the-hash sk-test-upper-hash sk-test-of-environment
           sk-test-of-the-file);
error_is(chat({}, { 'x-api-key' => $_ }), invalid(), "not \"$_\" itself")
    for 'sha256:' . sha256_hex('sk-test-of-the-hash'),
        sha256_hex('sk-test-of-the-hash'),
        'env:ROUTER_TEST_KEY', 'ROUTER_TEST_KEY',
        "file:$ENV{TEST_NGINX_HTML_DIR}/key";
unlike(error_log_text(), qr/in clear/, 'none of them is in clear');

open my $out, '>', "$ENV{TEST_NGINX_HTML_DIR}/key" or die;
print $out "sk-test-another-one\nsk-test-second-line\n";
close $out;
ok(reload(), 'the file is read again by a reload');
is(chat({}, { 'x-api-key' => 'sk-test-another-one' })->status, 200, 'new');
is(chat({}, { 'x-api-key' => 'sk-test-of-the-file' })->status, 401, 'old');
is(chat({}, { 'x-api-key' => 'sk-test-second-line' })->status, 401,
   'the first line only');



=== TEST 8: a relative file is looked for beside nginx.conf
--- user_files eval
[["$ENV{TEST_NGINX_SERVROOT}/conf/router.key" => "sk-test-beside-conf"]]
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key file:router.key;
--- perl
is(chat({}, { 'x-api-key' => 'sk-test-beside-conf' })->status, 200, 'found');



=== TEST 9: keys of the environment alone
--- env
LLM_ROUTER_API_KEYS=sk-test-env-one-1, sk-test-env-two-2 ,,sk-test-env-tri-3
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
--- perl
is(chat({}, { 'x-api-key' => $_ })->status, 200, $_)
    for qw(sk-test-env-one-1 sk-test-env-two-2 sk-test-env-tri-3);
error_is(chat({}, { 'x-api-key' => $_ }), invalid(), "not \"$_\"")
    for '', ' ', ',', 'sk-test-env-one-1, sk-test-env-two-2';



=== TEST 10: keys of nginx.conf win over the environment's
--- env
LLM_ROUTER_API_KEYS=sk-test-env-one-1
--- perl
is(chat()->status, 200, 'the key of nginx.conf');
is(chat({}, { 'x-api-key' => 'sk-test-env-one-1' })->status, 401,
   'the environment is not asked');



=== TEST 11: keys are not required, on each level
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m,n;
    llm_router_key sk-test-0123456789abcdef models=n;
    llm_router_keys_required off;
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;   # other
        llm_router_keys_required on;
        location /v1/ { llm_router on; }
        location /open/ { llm_router on; llm_router_keys_required off; }
    }
--- config
    location /v1/ { llm_router on; }
--- perl
is(chat({}, { no_key => 1 })->status, 200, 'anonymous');
is(http('GET', '/v1/models')->status, 200, 'the models, too');
is(chat({}, { Authorization => 'Bearer sk-test-unknown0000' })->status, 200,
   'an unknown key is as none');
error_is(chat(), 403, 'permission_error', 'model_not_allowed', 'model',
         'This API key may not use the model `m`', 'a known one still counts');
is(chat({ model => 'n' })->status, 200, 'for what it may');

my @other = (port => named_port('other'));
error_is(chat({}, { no_key => 1 }, @other), invalid(), 'the server');
my $body = { model => 'm', messages => [{ role => 'user', content => 'x' }] };
is(post('/open/v1/chat/completions', $body, { no_key => 1 }, @other)->status,
   200, 'the location');



=== TEST 12: a key's models: names and patterns
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a
        models=m,m2,org/x,org/y-instruct,other/x,a:b,*;
    llm_router_key sk-test-exact-00000 models=m,org/x;
    llm_router_key sk-test-glob-000000 models=org/*,*-mini,a*z;
    llm_router_key sk-test-all-0000000 models=*;
    llm_router_key sk-test-none-000000 models=nothing;
--- perl
my %may = (
    'sk-test-exact-00000' => {
        'm' => 200, 'org/x' => 200, 'm2' => 403, 'mm' => 403, 'M' => 403,
        'org/y-instruct' => 403, 'm,org/x' => 403, '*' => 403,
        'nothing' => 403 },
    'sk-test-glob-000000' => {
        'org/x' => 200, 'org/' => 200, 'org/a/b' => 200, 'gpt-mini' => 200,
        '-mini' => 200, 'az' => 200, 'a-to-z' => 200, 'azz' => 200,
        'org' => 403, 'other/x' => 403, 'gpt-mini-2' => 403, 'za' => 403,
        'a' => 403, 'Org/x' => 403 },
    'sk-test-all-0000000' => { 'm' => 200, 'anything' => 200 },
    'sk-test-none-000000' => { 'm' => 403, 'nothing' => 200 },
);

for my $key (sort keys %may) {
    for my $model (sort keys %{ $may{$key} }) {
        my $r = chat({ model => $model }, { 'x-api-key' => $key });
        my $want = $may{$key}{$model};

        is($r->status, 200, "$key: $model"), next if $want == 200;
        error_is($r, 403, 'permission_error', 'model_not_allowed', 'model',
                 "This API key may not use the model `$model`",
                 "$key: not $model");
    }
}



=== TEST 13: the key goes to no node and into no log, even of debug
--- log_level: debug
--- http_config
    log_format all '$remote_user $http_user_agent $llm_router_key '
                   '$llm_router_model $llm_router_status $request';
    access_log logs/llm.log all;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef name=the-name;
--- perl
for my $h ({ Authorization => "Bearer $Key" }, { 'x-api-key' => $Key },
           { 'api-key' => $Key },
           { Authorization => "Bearer $Key", 'x-api-key' => $Key,
             'api-key' => $Key })
{
    my $names = join ', ', sort keys %$h;
    my $r = chat({}, $h);
    is($r->status, 200, $names);
    unlike(mock_last('a'), qr/sk-test|authorization|api-key/i,
           "$names: not at the node");
    unlike($r->head . $r->body, qr/sk-test/, "$names: not in the answer");
}

my $r = chat({ model => 'nowhere' });
unlike($r->head . $r->body, qr/sk-test/, 'not in an error');
chat({}, { Authorization => "Bearer ${Key}x" });
mock_set('a', 'reset=before');
$r = chat();
unlike($r->head . $r->body, qr/sk-test/, 'not in an error of the node');
ok(log_has(7), q(all logged));
like(own_log(), qr/ the-name m ok /, 'its name is');
unlike(own_log(), qr/sk-test/, q(it is not));
unlike(join("\n", grep { !/\[debug\]/ || /\bllm/ } split /\n/,
            error_log_text()), qr/sk-test/, 'nor in the error log');
unlike(join("\n", grep { /\[debug\]/ && /upstream|http proxy|write/ }
                  split /\n/, error_log_text()), qr/sk-test/,
       'nor where nginx writes to a node');
--- node_stats
a requests>4 leaked_headers=0



=== TEST 14: two names, two counts; a thousand keys
--- http_config eval
my $keys = CORE::join '', map { "    llm_router_key sk-test-many-$_ name=k$_;\n" }
           10000 .. 10999;
"    llm_router_node http://127.0.0.1:\$TEST_NGINX_NODE_A name=a models=m;\n"
. $keys . "    log_format key '\$llm_router_key';\n"
. "    access_log logs/llm.log key;\n"
--- perl
for my $n (10000, 10499, 10500, 10999) {
    my $r = chat({}, { 'x-api-key' => "sk-test-many-$n" });
    is($r->status, 200, "key $n");
}
error_is(chat({}, { 'x-api-key' => 'sk-test-many-9999' }), invalid(), 'none');
ok(wait_until(sub { sorted_log() eq "-\nk10000\nk10499\nk10500\nk10999\n" }),
   'each by its name') or diag(own_log());



=== TEST 15: what a key is for
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef scopes=inference,admin;
    llm_router_key sk-test-scope-node scopes=node,approve;
    llm_router_key sk-test-scope-admin scopes=admin;
--- config
    location /v1/ { llm_router on; }
    location /open/ { llm_router on; llm_router_keys_required off; }
--- perl
my @open = ('/open/v1/chat/completions',
            { model => 'm', messages => [{ role => 'user', content => 'x' }] });

is(chat()->status, 200, 'one that is for inference, too');

for my $name ('node', 'admin') {
    my $h = { Authorization => "Bearer sk-test-scope-$name" };
    my @want = (403, 'permission_error', 'insufficient_scope', undef,
                'This API key may not be used for inference');

    error_is(chat({}, $h), @want, "one for $name only");
    error_is(chat({}, $h), @want, "... and again");
    error_is(http('GET', '/v1/models', $h), @want, "... no models either");
    error_is(post(@open, $h), @want, "... where no key is wanted neither");
}

is(post(@open, { no_key => 1 })->status, 200, 'none is needed there');

edit_conf(sub { s/ scopes=node,approve// });
ok(reload(), 'reloaded');
is(chat({}, { 'x-api-key' => 'sk-test-scope-node' })->status, 200,
   'its scopes are what nginx.conf says now');
--- node_stats
a requests=3



=== TEST 16: a key is revoked while the body arrives
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
    llm_router_key sk-test-second-22222;
--- slow_stop
--- perl
my $body = '{"model":"m","messages":[{"role":"user","content":"hi"}]}';

for my $key ($Key, 'sk-test-second-22222') {
    my $c = http_conn();
    $c->start('POST', '/v1/chat/completions',
              { 'Content-Type' => 'application/json', 'x-api-key' => $key,
                'Content-Length' => length $body, Expect => '100-continue' },
              undef);
    ok(wait_until(sub { $c->read_head(0.05); return @{ $c->{interim} } }),
       'it is asked for its body');

    if ($key ne $Key) {
        edit_conf(sub { s/^.*sk-test-second.*\n//m });
        ok(reload(), 'its key is revoked');
    }

    $c->send($body);
    ok($c->read_head, 'an answer');
    is($c->status, $key eq $Key ? 200 : 401, 'it is as it should be');
    $c->close;
}
--- node_stats
a requests=1



=== TEST 17: a key is revoked while its request waits for a slot
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    max_concurrent=1;
    llm_router_key sk-test-0123456789abcdef;
    llm_router_key sk-test-second-22222;
--- config
    location /v1/ { llm_router on; }
    location = /status { llm_router_status; }
--- slow_stop
--- perl
use LLMTest::Flow qw(begin_burst totals_are);

my $second = { 'x-api-key' => 'sk-test-second-22222' };
my $b = begin_burst([ {}, { 'X-Mock' => 'delay=1000' }, timeout => 30 ]);
ok(totals_are(in_flight => 1), 'one is served');

$b->add([ {}, $second, timeout => 30 ]);
$b->add([ {}, {}, timeout => 30 ]);
ok(totals_are(queued => 2), 'two wait');

edit_conf(sub { s/^.*sk-test-second.*\n//m });
ok(reload(), 'the key of one is revoked');

my @r = $b->wait;
is($r[0]->status, 200, 'the one that was served');
error_is($r[1], invalid(), 'the one whose key is gone');
is($r[2]->status, 200, 'the other one');
ok(totals_are(in_flight => 0, queued => 0), 'nothing is held');
--- node_stats
a requests=2



=== TEST 18: satisfy any: what an address lets pass is no error
--- http_config
    log_format status '$request_method $status $llm_router_status';
    access_log logs/llm.log status;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
--- config
    location /v1/ {
        llm_router on;
        client_max_body_size 100;
        satisfy any;
        allow 127.0.0.1;
        deny all;
    }
--- perl
my $no = { no_key => 1 };
is(http('GET', '/v1/models')->status, 200, 'the list');
is(http('GET', '/v1/models/m')->status, 200, 'a model');
is(chat({}, $no)->status, 200, 'a chat');
is(chat()->status, 200, 'one with a key');
error_is(post('/v1/chat/completions', chunked('x' x 200),
              { %$no, 'Transfer-Encoding' => 'chunked' }), 413,
         'invalid_request_error', 'request_too_large', undef,
         'The request body is too large', 'another error is that error');
ok(log_has(5), 'all logged');
is(sorted_log(), "GET 200 ok\n" x 2 . "POST 200 ok\n" x 2
                 . "POST 413 request_too_large\n", 'each as it was');



=== TEST 19: auth_request: who has a key
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
    llm_router_key sk-test-scope-admin scopes=admin;
--- config
    location /v1/ { llm_router on; }
    location /open/ { llm_router on; llm_router_keys_required off; }
    location /site/ { auth_request /v1/models; alias html/; }
    location /free/ { auth_request /open/v1/models; alias html/; }
    location /wrong/ { auth_request /v1/chat/completions; alias html/; }
    location /behind/v1/ { auth_request /v1/models; llm_router on; }
--- user_files
>>> page
of the site
--- perl
my $admin = { 'x-api-key' => 'sk-test-scope-admin' };
my $none = { 'x-api-key' => 'sk-test-nobody' };
my $body = { model => 'm', messages => [{ role => 'user', content => 'x' }] };

for (1 .. 3) {
    is(http('GET', '/site/page', with_key())->body, "of the site\n", 'a key');
    is(http('GET', '/site/page')->status, 401, 'no key');
    is(http('GET', '/site/page', $none)->status, 401, 'one that is none');
    is(http('GET', '/site/page', $admin)->status, 403, 'one for other things');
    is(http('GET', '/free/page')->status, 200, 'where none is needed');
}

is(http('GET', '/wrong/page', with_key())->status, 500, 'no URL to GET');
is(post('/behind/v1/chat/completions', $body)->status, 200, 'a chat behind it');
error_is(post('/behind/v1/chat/completions', $body, { no_key => 1 }),
         invalid(), 'without a key');
is(post('/site/page', 'x' x 50_000, { no_key => 1 })->status, 401,
   'with a body');
is(http('HEAD', '/site/page', with_key())->status, 200, 'HEAD');
--- node_stats
a requests=1
--- allow_log
auth request unexpected status



=== TEST 20: other subrequests
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=shadow
                    max_concurrent=1;
    llm_router_key sk-test-0123456789abcdef max_concurrent=20;
--- mock
a --models m
b --models shadow
--- config
    location /v1/ { llm_router on; mirror /shadow/v1/any; }
    location /shadow/ { internal; llm_router on; llm_router_alias m shadow; }
    location /open/ { llm_router on; llm_router_keys_required off;
                      mirror /shadow/v1/any; }
    location /site/ { ssi on; ssi_types *; alias html/; }
--- user_files
>>> page
<!--# include virtual="/open/v1/models/m" --><!--# include virtual="/v1/models/m" --><!--# include virtual="/v1/chat/completions" -->
--- perl
my $body = { model => 'm', messages => [{ role => 'user', content => 'x' }] };
my $large = { %$body, x => 'x' x 1_000_000 };

is(post('/v1/any', $_)->status, 200, 'an answer') for $body, $large, $body;
ok(wait_until(sub { mock_stats('b')->{requests} == 3 }), 'and its shadow');
is(mock_stats('a')->{requests}, 3, 'at two nodes');

is(post('/open/v1/any', $body, { no_key => 1 })->status, 200, 'no key needed');
is(mock_stats('b')->{requests}, 3, 'but for the shadow');

my $r = http('GET', '/site/page');
is($r->status, 200, 'a page that includes');
is(scalar(() = $r->body =~ /"id":"m"/g), 1, 'what needs no key');
$r = http('GET', '/site/page', with_key());
is(scalar(() = $r->body =~ /"id":"m"/g), 2, 'and what does');
is(mock_stats('a')->{requests}, 4, 'no GET gets to a node');
--- node_stats
b in_flight=0 malformed=0 invalid_bodies=0
