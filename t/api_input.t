# What comes in: each wrong body is refused with the name of what is wrong,
# and nothing was changed.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;

defaults(
    mock => "a\n",
    http_config => $AdminKey . <<'_EOC_',
    llm_router_key sk-test-0123456789abcdef name=plain;
    llm_router_key sk-nodes-0123456789abcdef name=rack scopes=node;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
_EOC_
    config => "    $Listen\n    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

# All that takes a body: a sub that sends one, and its name.

sub doors {
    my $n = add_node({ base_url => 'http://127.0.0.1:9/n', name => 'n',
                       models => ['z'], check => false });
    my $k = add_key({ name => 'k' });

    return map {
        my ($method, $path, $key) = @$_;
        ["$method $path", sub {
            api($method, $path, $_[0], { $key ? (Authorization =>
                                                 "Bearer $key") : (),
                                         %{ $_[1] || {} } });
        }];
    } ['POST', '/nodes'], ['PATCH', "/nodes/$n->{id}"],
      ['POST', '/nodes/register', 'sk-nodes-0123456789abcdef'],
      ['POST', '/keys'], ['PATCH', "/keys/$k->{id}"],
      ['POST', "/nodes/$n->{id}/drain"], ['POST', "/nodes/$n->{id}/check"];
}

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: what is no JSON object
--- perl
my @doors = doors();
my $shown = shown();

for (@doors) {
    my ($name, $send) = @$_;

    for my $body ('{', '}', 'x', '{"name":}', "{\"name\":\"\0\"}", '{"a":1,}',
                  "{'name':1}", '{"name":"x"} x', '[', 'null', '1', '"x"', '[]',
                  "\xff\xfe", "{\"name\":\"\xff\"}", '{"name":"a","name":"b"}',
                  '{"name":"\ud800"}', '{"name":"\u0000"}', '{"name":NaN}',
                  ' ', '{"name":01}')
    {
        (my $what = "$name: $body") =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge;
        my $param = $body =~ /\{"name":(?!.*[ x]$)/ ? 'name' : undef;
        api_error($send->($body), 400, 'invalid_json', $param, $what);
    }

    # what jansson refuses as a whole is said of the member that it is in

    for (['{"weight":2,"notes":"\\u0000","name":"x"}', 'notes'],
         ['{"notes":"\\ud800"}', 'notes'], ['{"notes":"\\udc00\\ud800"}', 'notes'],
         ['{"models":["a",{"b":["\\u0000"]}],"name":"x"}', 'models'],
         ["{\"name\":\"x\",\n \"notes\": \"a\tb\"}", 'notes'],
         ['{"notes":"a","name":"\\"","notes":"b"}', 'notes'],
         ['{"notes":tru}', 'notes'], ['{"models":["a" "b"]}', 'models'],
         ['{"a\\u0000b":1}', undef], ['{"notes":"x"', 'notes'])
    {
        my $r = $send->($_->[0]);
        api_error($r, 400, 'invalid_json', $_->[1], "$name: $_->[0]");
        like($r->json->{error}{message}, qr/line \d+, column \d+: /, 'where');
    }

    # no number becomes another one without a word

    for my $number ('1e999', '-1e999', '1e-999', '1.00000000000000000001',
                    '9007199254740993', '0.99999999999999999999', '5e-324')
    {
        api_error($send->(qq({"weight":$number,"notes":"x"})), 400,
                  'invalid_value', 'weight', "$name: $number");
        api_error($send->(qq({"models":["a",$number]})), 400,
                  'invalid_value', 'models', "... in a list");
    }

    # a slip of the pen beside a secret
    for my $body ('{"api_key" "sk-so-secret"}', '{"password":"x" "sk-so-secret"',
                  '{"api_key":sk-so-secret}', '{"api_key":"sk-so-secret}')
    {
        my $r = $send->($body);
        api_error($r, 400, 'invalid_json', $r->json->{error}{param},
                  "$name: a secret");
        unlike($r->body, qr/sk-so|secret/, "$name: it is not told back");
    }
}

is(shown(), $shown, 'nothing was changed');



=== TEST 2: deep and large
--- perl
my @doors = doors();
my $shown = shown();

for (@doors) {
    my ($name, $send) = @$_;

    for my $n (1000, 100_000) {
        my $r = $send->('{"name":' . '[' x $n . ']' x $n . '}');
        is($r->status, 400, "$name: $n deep");
        like($r->json->{error}{code}, qr/^(?:invalid_json|invalid_value
                                             |unknown_field)$/x, 'said');
    }

    my $r = $send->('{"x":' . '{"x":' x 500_00 . '1' . '}' x 500_01);
    is($r->status, 400, "$name: objects, deep");

    $r = $send->('{"name":"' . 'x' x (10 * 1024 * 1024) . '"}');
    api_error($r, 413, 'request_too_large', undef, "$name: 10 MB");
    $r = $send->('{"name":"' . 'x' x (1024 * 1024 - 100) . '"}');
    is($r->status, 400, "$name: just under a megabyte");
    $r = $send->('{"' . 'x' x (1024 * 1024 - 100) . '":1}');
    api_error($r, 400, 'unknown_field', undef, "$name: such a name");
    cmp_ok(length $r->body, '<', 2000, 'which is not told back');
    $r = $send->('{"name":[' . '1,' x 100_000 . '1]}');
    api_error($r, 400, 'invalid_value', 'name', "$name: many values");
}

is(shown(), $shown, 'nothing was changed');
is(chat()->status, 200, 'requests go on');
--- timeout: 30



=== TEST 3: wrong types and values of a node
--- perl
my $n = add_node({ base_url => 'http://127.0.0.1:9/n', name => 'n',
                   models => ['z'], check => false });
my $shown = shown();
my $huge = '1' . '0' x 400;

my @bad = (
    [base_url => '1'], [base_url => 'null'], [base_url => '""'],
    [base_url => '[]'], [base_url => '{}'], [base_url => 'true'],
    [name => '1'], [name => '""'], [name => 'null'], [name => '["x"]'],
    [name => '"' . 'x' x 64 . '"'], [name => '"a\\u000ab"'],
    [name => '"a\\rb"'], [name => '"\\u007f"'], [name => '"a\\tb"'],
    [api_key => '1'], [api_key => '"' . 'x' x 256 . '"'],
    [api_key => '"a\\r\\nX-Evil: 1"'], [api_key => '"\\u00e9"'],
    [api_key => '" "'],
    [models => '"m"'], [models => '{}'], [models => '[1]'],
    [models => '[null]'], [models => '[""]'], [models => '["a","a"]'],
    [models => '["' . 'x' x 257 . '"]'], [models => '["a\\nb"]'],
    [models => '[["a"]]'],
    [models => '[' . join(',', map { qq("m$_") } 1 .. 1025) . ']'],
    [max_concurrent => '0'], [max_concurrent => '-1'],
    [max_concurrent => '1.5'], [max_concurrent => '1000001'],
    [max_concurrent => '"5"'], [max_concurrent => '1e300'],
    [max_concurrent => '-1e300'], [max_concurrent => '9223372036854775808'],
    [max_concurrent => '18446744073709551617'], [max_concurrent => 'true'],
    [max_concurrent => '[]'], [max_concurrent => '1e-5'],
    [weight => '0'], [weight => '1001'], [weight => '"x"'],
    [weight => '1.0000001'],
    [type => '"nonsense"'], [type => '""'], [type => '"VLLM"'], [type => '1'],
    [type => '"unknown"'],
    [notes => '1'], [notes => '"' . 'x' x 256 . '"'],
    [notes => '"a\\r\\nb"'], [notes => '"\\u0001"'],
    [check => '1'], [check => '"true"'], [check => 'null'],
);

for (@bad) {
    my ($name, $text) = @$_;
    my $what = "$name " . substr $text, 0, 40;
    my $url = $name eq 'base_url' ? '' : '"base_url":"http://127.0.0.1:9/x",';
    api_error(api('POST', '/nodes', "{$url\"$name\":$text}"), 400,
              'invalid_value', $name, $what);
    api_error(api('PATCH', "/nodes/$n->{id}",
                  qq({"weight":77,"$name":$text}) =~ s/"weight":77,(?="weight")//r),
              400, 'invalid_value', $name, "$what, a change");
}

api_error(api('PATCH', "/nodes/$n->{id}", qq({"weight":$huge})), 400,
          $_, $_ eq 'invalid_json' ? undef : 'weight', 'a huge number')
    for api('PATCH', "/nodes/$n->{id}", qq({"weight":$huge}))
        ->json->{error}{code};

for (qw(id state nmae source has_api_key in_flight Name constructor __proto__))
{
    api_error(api('POST', '/nodes', { base_url => 'http://127.0.0.1:9/x',
                                      $_ => 1 }), 400, 'unknown_field', $_,
              "no field $_");
    api_error(api('PATCH', "/nodes/$n->{id}", { $_ => 1 }), 400,
              'unknown_field', $_, "no field $_, a change");
}

api_error(api('POST', '/nodes', { name => 'x' }), 400,
          'missing_required_parameter', 'base_url', 'no URL');
is(shown(), $shown, 'nothing was changed');
is(api('PATCH', "/nodes/$n->{id}", '{"weight":1e1}')->json->{weight}, 10,
   'a whole number, however it is written');



=== TEST 4: URLs
--- perl
my $n = add_node({ base_url => 'http://127.0.0.1:9/n', name => 'n',
                   models => ['z'], check => false });
my $shown = shown();

for ('127.0.0.1', '//127.0.0.1', 'ftp://127.0.0.1', 'http:/127.0.0.1',
     'http://', 'http:///x', 'https://:80', 'http://127.0.0.1:0',
     'http://127.0.0.1:65536', 'http://127.0.0.1:x', 'http://127.0.0.1:',
     'http://127.0.0.1:80:80', 'http://u@127.0.0.1', 'http://u:p@127.0.0.1',
     'http://127.0.0.1?x=1', 'http://127.0.0.1/x?y', 'http://127.0.0.1/#x',
     'http://127.0.0.1/a b', "http://127.0.0.1/\x{e9}", 'http://[::1',
     'http://[::g]', 'http://::1', 'http://127.0.0.1/../x', 'http://1.2.3',
     'http://a..b', 'http://-a.b', "http://a_\x{e9}.b", 'http://a b',
     'http://' . 'x' x 300, 'http://127.0.0.1/' . 'x' x 200,
     'javascript:alert(1)', 'file:///etc/passwd', 'unix:/tmp/x',
     'http://unix:/tmp/x', 'http://127.0.0.1\\@evil', ' http://127.0.0.1',
     'http://0x7f000001', 'http://2130706433', 'http://127.0.0.1/%zz')
{
    api_error(api('POST', '/nodes', { base_url => $_, models => ['m'],
                                      check => false }),
              400, 'invalid_value', 'base_url', $_);
    api_error(api('PATCH', "/nodes/$n->{id}", { base_url => $_ }), 400,
              'invalid_value', 'base_url', "$_, a change");
}

is(shown(), $shown, 'nothing was changed');



=== TEST 5: no header is added by a name, a note or a URL
--- perl
my $shown = shown();

for my $name (qw(name notes api_key type base_url)) {
    for my $text ("x\r\nX-Evil: 1", "x\nX-Evil: 1", "x\rX-Evil: 1") {
        my $r = api('POST', '/nodes', { base_url => 'http://127.0.0.1:9/x',
                                        $name => $text });
        api_error($r, 400, 'invalid_value', $name, $name);
        unlike($r->head, qr/x-evil/i, 'not in the answer');
    }
}

api_error(api('POST', '/keys', { name => "x\r\nX-Evil: 1" }), 400,
          'invalid_value', 'name', 'nor by a key\'s name');

my $r = api('POST', '/nodes', { "x\r\nX-Evil: 1" => 1 });
is($r->status, 400, 'nor by the name of a field');
unlike($r->head, qr/x-evil/i, 'not in the answer');
is($r->json->{error}{param}, "x\r\nX-Evil: 1", 'where it is text');
unlike(error_log_text(), qr/^X-Evil/m, 'nor a line in the log');
is(shown(), $shown, 'nothing was changed');



=== TEST 6: HTML is text
--- perl
my $evil = '<img src=x onerror="alert(1)">';
my $n = add_node({ base_url => 'http://127.0.0.1:9/x', name => $evil,
                   notes => $evil, models => [$evil], check => false });
my $k = add_key({ name => $evil });

for ("/nodes/$n->{id}", '/nodes', "/keys/$k->{id}", '/keys', '/models') {
    my $r = api('GET', $_);
    is($r->header('content-type'), 'application/json', "$_: JSON");
    is($r->header('x-content-type-options'), 'nosniff', 'nothing else');
}

is(node($n->{id})->{name}, $evil, 'as it was said');
my $r = api('POST', '/nodes', { $evil => 1 });
api_error($r, 400, 'unknown_field', $evil, 'in an error, too');
is($r->header('content-type'), 'application/json', 'JSON');



=== TEST 7: arguments of lists
--- perl
for my $path (qw(/nodes /keys /models)) {
    api_error(api('GET', "$path?$_->[0]=$_->[1]"), 400, 'invalid_value',
              $_->[0], "$path $_->[0]=$_->[1]")
        for ['limit', 0], ['limit', -1], ['limit', 'x'], ['limit', ''],
            ['limit', 10001], ['limit', '9' x 30], ['limit', '1.5'],
            ['cursor', 'x'], ['cursor', -1], ['cursor', '9' x 30];
    is(api('GET', "$path?limit=1")->status, 200, "$path: one");
    is_deeply(api('GET', "$path?cursor=2147483647")->json->{data}, [],
              'nothing after the end');
    is(api('HEAD', $path)->status, 200, 'HEAD');
    is(api('HEAD', $path)->body, '', 'without a body');
}
