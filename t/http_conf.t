# Directives: where they may stand, what they take, and what a wrong value is
# told.  "nginx -t" is asked for each line of the tables.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Conf;

defaults(
    mock => "a --models m\n",
    http_config => <<'_EOC_',
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
_EOC_
    config => "    location /v1/ { llm_router on; }\n",
);

# the base of each configuration: what spares it every warning

sub base {
    return 'llm_router_node http://127.0.0.1:9 models=m; '
           . "llm_router_key env:ROUTER_TEST_KEY;\n";
}

# All lines at once, each in a location of its own, or in the http block.

sub takes_each {
    my ($what, @lines) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $n = 0;
    takes($what, base(), CORE::join("\n", map {
        'location /x' . $n++ . "/ { llm_router on; $_; }" } @lines));
}

sub takes_http {
    my ($what, @lines) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    takes($what, base() . CORE::join("\n", map { "$_;" } @lines), '',
          'llm_router on;');
}

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: a wrong value stops nginx
--- http_config
    llm_router_zone router:3k;
--- must_die
--- error_log
llm_router_zone "router:3k": the size must be 1m or more



=== TEST 2: a wrong value in a location stops it, too
--- config
    location /v1/ { llm_router on; llm_router_max_concurrent none; }
--- must_die
--- error_log
llm_router_max_concurrent: "none" must be a number from 1 to 1000000



=== TEST 3: where each directive may stand
--- perl
my %arg = (
    llm_router => 'on', llm_router_zone => 'r:8m',
    llm_router_node => 'http://127.0.0.1:9 models=m',
    llm_router_key => 'env:ROUTER_TEST_KEY', llm_router_keys_required => 'on',
    llm_router_alias => 'a b', llm_router_max_concurrent => '5',
    llm_router_queue => 'size=1', llm_router_connect_timeout => '1s',
    llm_router_request_timeout => '1s', llm_router_tries => '2',
    llm_router_balance => 'round_robin', llm_router_health => 'fails=1',
);
my %place = (
    llm_router => 'sl',
    (map { $_ => 'h' } qw(llm_router_zone llm_router_node llm_router_key
                          llm_router_health)),
    (map { $_ => 'hsl' } qw(llm_router_keys_required llm_router_alias
                            llm_router_max_concurrent llm_router_queue
                            llm_router_connect_timeout llm_router_tries
                            llm_router_request_timeout llm_router_balance)),
);

for my $name (sort keys %arg) {
    for (['h', 'http', 0], ['s', 'a server', 1], ['l', 'a location', 2]) {
        my ($key, $where, $i) = @$_;
        my @conf = ('', '', '');
        $conf[$i] = "$name $arg{$name};";
        # bare: what is missing may be warned of, and only that
        my ($status, @said) = try_conf(@conf);
        @said = grep { !/\[warn\]/ } @said;
        is_deeply([$status ? 1 : 0, @said],
                  index($place{$name}, $key) >= 0 ? [0]
                  : [1, "[emerg] \"$name\" directive is not allowed here"],
                  "$name in $where");
    }

    refuses("$name without a value",
            "invalid number of arguments in \"$name\" directive",
            $place{$name} =~ /h/ ? "$name;" : '',
            $place{$name} =~ /h/ ? '' : "$name;");
}

refuses("$_ with two values",
        "invalid number of arguments in \"$_\" directive",
        '', '', "$_ $arg{$_} $arg{$_};")
    for qw(llm_router llm_router_keys_required llm_router_max_concurrent
           llm_router_connect_timeout llm_router_request_timeout
           llm_router_tries llm_router_balance);
takes('all of them', base() . CORE::join(' ', map { "$_ $arg{$_};" }
      grep { !/router$|_key$|_node$/ } sort keys %arg), '', 'llm_router on;');



=== TEST 4: values that are given twice
--- perl
for (['llm_router on', 'llm_router', 1],
     ['llm_router_keys_required on', 'llm_router_keys_required', 1],
     ['llm_router_max_concurrent 5', 'llm_router_max_concurrent', 1],
     ['llm_router_queue size=1', 'llm_router_queue', 1],
     ['llm_router_connect_timeout 1s', 'llm_router_connect_timeout', 1],
     ['llm_router_request_timeout 1s', 'llm_router_request_timeout', 1],
     ['llm_router_tries 2', 'llm_router_tries', 1],
     ['llm_router_balance least_load', 'llm_router_balance', 1],
     ['llm_router_zone r:8m', 'llm_router_zone', 0],
     ['llm_router_health fails=1', 'llm_router_health', 0])
{
    my ($line, $name, $in) = @$_;
    refuses("$name twice", "\"$name\" directive is duplicate",
            $in ? '' : "$line; $line;", '', $in ? "$line; $line;" : '');
}

my $key = 'llm_router_key env:ROUTER_TEST_KEY';
refuses('a key twice',
        'llm_router_key "key-2" has the same value as "first"',
        "$key name=first; $key;");



=== TEST 5: flags, times, numbers, names
--- perl
for my $name ('llm_router', 'llm_router_keys_required') {
    takes("$name $_", base(), '', "$name $_;") for qw(on off);
    refuses("$name $_", "invalid value \"$_\" in \"$name\" directive, it must "
                        . 'be "on" or "off"', base(), '', "$name $_;")
        for qw(maybe 1 yes);
}

for my $name (qw(llm_router_connect_timeout llm_router_request_timeout)) {
    takes_each("$name with any time",
               map { "$name $_" } qw(1ms 100ms 5 5s 2m 1h 1h30m));
    refuses("$name $_", "$name: \"$_\" is no time of 1ms or more",
            base(), '', "$name $_;")
        for qw(x -1 1x 0 0s 5.5s);
    refuses("$name \"\"", "$name: \"\" is no time of 1ms or more",
            base(), '', "$name \"\";");
}

takes_each('tries', map { "llm_router_tries $_" } 1, 3, 32);
refuses("llm_router_tries $_",
        "llm_router_tries: \"$_\" must be a number from 1 to 32",
        base(), '', "llm_router_tries $_;") for qw(0 33 x -1 1.5 2s);

takes_each('both balances',
           map { "llm_router_balance $_" } qw(least_load round_robin));
refuses("llm_router_balance $_",
        "llm_router_balance: \"$_\" is none of least_load, round_robin",
        base(), '', "llm_router_balance $_;") for qw(fastest LEAST_LOAD least least_loads);

takes_each('limits', map { "llm_router_max_concurrent $_" } 1, 100, 1_000_000);
refuses("llm_router_max_concurrent $_", "llm_router_max_concurrent: \"$_\" "
        . 'must be a number from 1 to 1000000', base(), '',
        "llm_router_max_concurrent $_;") for qw(0 1000001 x -1 1.5);
takes('a limit of its own in 63 places', base()
      . 'llm_router_max_concurrent 5;', CORE::join ' ',
      map { "location /x$_/ { llm_router_max_concurrent 5; }" } 1 .. 63);
refuses('a limit of its own in 64 places', 'llm_router_max_concurrent: at '
        . 'most 63 servers and locations may have their own', base(), CORE::join ' ',
        map { "location /x$_/ { llm_router_max_concurrent 5; }" } 1 .. 64);

takes_each('queues', map { "llm_router_queue $_" }
           'size=0', 'size=16384', 'timeout=1ms', 'timeout=2m',
           'size=5 timeout=5s', 'timeout=5s size=5');
refuses("llm_router_queue $_", "llm_router_queue: \"$_\" is none of size=N "
        . '(0 to 16384), timeout=TIME', base(), '', "llm_router_queue $_;")
    for qw(size=16385 size=-1 size=x size= timeout=0 timeout=x timeout= 5
           length=5 SIZE=5);



=== TEST 6: the zone
--- perl
takes("llm_router_zone $_", "llm_router_zone $_; " . base())
    for qw(r:1m r:1024k my_router:64m a-b.c:2097152);
refuses("llm_router_zone $_", "llm_router_zone \"$_\" must be name:size",
        "llm_router_zone $_;") for qw(r 8m :8m);
refuses("llm_router_zone $_",
        "llm_router_zone \"$_\": the size must be 1m or more",
        "llm_router_zone $_;") for qw(r:0 r:1023k r:x r: r:-1 r:1mm);

my $many = sub {
    CORE::join '', map { "llm_router_node http://127.0.0.1:" . (10000 + $_)
                         . " models=m;\n" } 1 .. $_[0];
};
takes('128 nodes in 1m', 'llm_router_zone r:1m; ' . base() =~ s/^.*?;//r
                         . $many->(128), '', 'llm_router on;');
refuses('129 nodes in 1m', 'llm_router_zone "r" has room for 128 nodes and 409 '
        . 'keys, there are 129 and 1: make it larger',
        'llm_router_zone r:1m; ' . base() =~ s/^.*?;//r . $many->(129), '',
        'llm_router on;');



=== TEST 7: health checks
--- perl
takes("llm_router_health $_", base() . "llm_router_health $_;")
    for 'interval=100ms', 'interval=1m', 'timeout=1ms', 'fails=1', 'passes=9',
        'interval=5s timeout=1s fails=3 passes=2';
refuses("llm_router_health $_", "llm_router_health: \"$_\" is none of "
        . 'interval=TIME (100ms or more), timeout=TIME, fails=N, passes=N',
        base() . "llm_router_health $_;")
    for qw(interval=99ms interval=0 interval=x interval= timeout=0 timeout=x
           fails=0 fails=x passes=0 passes=-1 5s every=5s on);



=== TEST 8: the URL of a node
--- perl
takes_http('URLs', map { "llm_router_node $_ models=x" }
           qw(http://127.0.0.1 http://127.0.0.1:8001 http://127.0.0.1:8002/
              http://127.0.0.1:8003/v1 https://127.0.0.1:8004/base/v1/
              HTTP://localhost:8005 http://[::1]:8006 http://[::1]/x
              https://localhost http://127.0.0.1:8007/a%20b));

for (['ftp://127.0.0.1', 'must begin with http:// or https://'],
     ['127.0.0.1:8000', 'must begin with http:// or https://'],
     ['http:/127.0.0.1', 'must begin with http:// or https://'],
     ['""', 'must begin with http:// or https://'],
     ['http://', 'has no host'], ['http:///v1', 'has no host'],
     ['http://127.0.0.1:0', 'has a port that is no number from 1 to 65535'],
     ['http://127.0.0.1:65536', 'has a port that is no number from 1 to 65535'],
     ['http://127.0.0.1:x', 'has a port that is no number from 1 to 65535'],
     ['http://0x7f.1', 'has a host that ends in a number and is no IPv4 '
      . 'address of four decimal ones'],
     ['http://u:p@127.0.0.1', 'may hold scheme, host, port and path only'],
     ['http://127.0.0.1/?a=b', 'may hold scheme, host, port and path only'],
     ['http://127.0.0.1/#a', 'may hold scheme, host, port and path only'],
     ['http://unix:/tmp/socket',
      'is a unix: socket, which is not supported'],
     ['HTTPS://UNIX:/tmp/socket:/v1',
      'is a unix: socket, which is not supported'],
     ['http://unix:x', 'has a port that is no number from 1 to 65535'],
     ['http://no-such-host.invalid', 'host not found'],
     ['http://127.0.0.1/' . 'x' x 128, 'has too long a path'],
     ['"http://127.0.0.1/a b"',
      'has a character in its path that must be escaped'],
     ["http://127.0.0.1/\xc3\xa9",
      'has a character in its path that must be escaped'])
{
    my ($url, $why) = @$_;
    refuses("llm_router_node $url", "llm_router_node: \""
            . $url =~ s/"//gr . "\" $why", "llm_router_node $url models=x;");
}



=== TEST 9: the parameters of a node
--- perl
my $url = 'http://127.0.0.1:9';
my $port = 100;
takes_http('parameters', map { 'llm_router_node http://127.0.0.1:' . $port++
                               . " $_" }
        '', 'name=x', 'models=a', 'models=a,b/c,d:e', 'models=*',
        'models=' . 'x' x 256, 'name=' . 'x' x 63, 'max_concurrent=1',
        'max_concurrent=1000000', 'weight=1', 'weight=1000', 'check=on',
        'models=a check=off', 'check=off models=a',
        'api_key=env:ROUTER_TEST_KEY',
        (map { "type=$_" } qw(openai llamacpp vllm ollama sglang tgi lmstudio)),
        'name=x models=a max_concurrent=2 weight=3 type=vllm check=on');

for (['name=', 'is empty or too long'],
     ['name=' . 'x' x 64, 'is empty or too long'],
     ["\"name=a\tb\"", 'holds a control character'],
     ['models=', 'is no list of names with up to 256 bytes'],
     ['models=a,,b', 'is no list of names with up to 256 bytes'],
     ['models=a,', 'is no list of names with up to 256 bytes'],
     ['models=' . 'x' x 257, 'is no list of names with up to 256 bytes'],
     ['max_concurrent=0', 'must be a number from 1 to 1000000'],
     ['max_concurrent=1000001', 'must be a number from 1 to 1000000'],
     ['max_concurrent=x', 'must be a number from 1 to 1000000'],
     ['max_concurrent=', 'must be a number from 1 to 1000000'],
     ['weight=0', 'must be a number from 1 to 1000'],
     ['weight=1001', 'must be a number from 1 to 1000'],
     ['weight=-1', 'must be a number from 1 to 1000'],
     ['type=gpt', 'is none of openai, llamacpp, vllm, ollama, sglang, tgi, '
                  . 'lmstudio'],
     ['type=', 'is none of openai, llamacpp, vllm, ollama, sglang, tgi, '
               . 'lmstudio'],
     ['type=unknown', 'is none of openai, llamacpp, vllm, ollama, sglang, '
                      . 'tgi, lmstudio'],
     ['check=maybe', 'is invalid'], ['check=', 'is invalid'],
     ['backup', 'is invalid'], ['wait=5', 'is invalid'],
     ['Name=x', 'is invalid'], ['""', 'is invalid'])
{
    my ($param, $why) = @$_;
    refuses("llm_router_node $param", "llm_router_node: \""
            . $param =~ s/"//gr . "\" $why", "llm_router_node $url $param;");
}

refuses('check=off without models', "llm_router_node \"$url\": check=off needs "
        . 'models=, nobody would ask it for them',
        "llm_router_node $url check=off;");

refuses("a node twice: $_", "llm_router_node \"$_\" is duplicate",
        "llm_router_node http://localhost:8/base models=a; "
        . "llm_router_node $_ models=b;")
    for qw(http://localhost:8/base http://localhost:8/base/
           http://localhost:8/base/v1 http://LOCALHOST:8/base/v1/);
takes('nodes that differ in scheme, host, port or path', base() . CORE::join ' ',
      map { "llm_router_node $_ models=a;" }
      qw(http://localhost:8 https://localhost:8 http://127.0.0.1:8
         http://localhost:7 http://localhost:8/base http://localhost:8/Base));

for (['api_key=env:ROUTER_TEST_NONE', 'llm_router_node api_key=: the '
      . 'environment variable "ROUTER_TEST_NONE" is not set'],
     ['api_key=file:/nonexistent/key', 'llm_router_node api_key=: open() '
      . '"/nonexistent/key" failed (2: No such file or directory)'],
     ['api_key=', 'llm_router_node api_key=: the secret must have 1 to 255 '
      . 'bytes'],
     ['api_key=' . 'x' x 256, 'llm_router_node api_key=: the secret must have '
      . '1 to 255 bytes'],
     ['"api_key=a b"', 'llm_router_node api_key=: the secret holds a character '
      . 'that can\'t stand in a header'])
{
    refuses("llm_router_node $_->[0]", $_->[1],
            "llm_router_node $url models=x $_->[0];");
}



=== TEST 10: keys
--- perl
my $hash = '0123456789abcdef' x 4;
my $key = 'llm_router_key env:ROUTER_TEST_KEY';
my $node = 'llm_router_node http://127.0.0.1:9 models=m; ';
takes("llm_router_key $_", "${node}llm_router_key $_;")
    for 'env:ROUTER_TEST_KEY', "sha256:$hash", 'sha256:' . uc $hash;
my $n = 0;
takes_http('parameters', map { 'llm_router_key sha256:' . sprintf('%064d', ++$n)
                               . " $_" }
        'name=x', 'name=' . 'x' x 63, 'models=a,b*', 'models=' . 'x' x 255,
        'rpm=1', 'tpm=1', 'rpm=1000000 tpm=1000000', 'max_concurrent=1',
        'priority=1', 'priority=100', 'expires=2030-12-31',
        'scopes=inference', 'scopes=node', 'scopes=admin',
        'scopes=node,approve', 'scopes=inference,node,admin,approve',
        'scopes=node,node',
        'expires=2030-12-31T23:59:59Z', 'expires=2000000000',
        'name=a models=b rpm=1 tpm=2 max_concurrent=3 priority=4 '
        . 'expires=2030-01-01');

my $time = 'is no time such as 2030-12-31 or 2030-12-31T23:59:59Z';

for (['name=', 'is empty or too long'], ['models=', 'is empty or too long'],
     ['name=' . 'x' x 64, 'is empty or too long'],
     ["\"name=a\tb\"", 'holds a control character'],
     ['rpm=0', qr/^llm_router_key: "rpm=0" must be a number from 1 to \d+$/],
     ['rpm=x', qr/^llm_router_key: "rpm=x" must be a number from 1 to \d+$/],
     ['tpm=0', qr/^llm_router_key: "tpm=0" must be a number from 1 to \d+$/],
     ['tpm=-5', qr/^llm_router_key: "tpm=-5" must be a number from 1 to \d+$/],
     ['max_concurrent=0', 'must be a number from 1 to 1000000'],
     ['max_concurrent=1000001', 'must be a number from 1 to 1000000'],
     ['priority=0', 'must be a number from 1 to 100'],
     ['priority=101', 'must be a number from 1 to 100'],
     ['priority=high', 'must be a number from 1 to 100'],
     ['expires=tomorrow', $time], ['expires=', $time], ['expires=0', $time],
     ['expires=2030-13-01', $time], ['expires=2030-00-01', $time],
     ['expires=2030-01-32', $time], ['expires=2030-01-01T24:00:00Z', $time],
     ['expires=2030-01-01T00:00:00', $time], ['expires=2030-01', $time],
     ['expires=2030-01-01x', $time], ['expires=1969-01-01', $time],
     ['expires=2030-01-01T00:00:00+01:00', $time],
     (map { ["scopes=$_", 'must be of "inference", "node", "admin", "approve"'] }
          '', 'all', 'nodes', 'Node', 'inference,', ',node', 'node,,admin'),
     ['scopes=approve', 'has "approve" without "node"'],
     ['scopes=admin,approve', 'has "approve" without "node"'],
     ['scope=all', 'is invalid'], ['x', 'is invalid'], ['Name=x', 'is invalid'])
{
    my ($param, $why) = @$_;
    refuses("llm_router_key $param", ref $why ? $why
            : "llm_router_key: \"" . $param =~ s/"//gr . "\" $why",
            "$key $param;");
}

my $hex = 'llm_router_key: sha256: wants 64 hexadecimal digits';
for (['sha256:', $hex], ['sha256:abc', $hex], ["sha256:${hash}0", $hex],
     ['sha256:' . 'x' x 64, $hex], ['sha256:' . substr($hash, 1) . '-', $hex],
     ['""', 'llm_router_key: the secret must have 1 to 1023 bytes'],
     ['x' x 1024, 'llm_router_key: the secret must have 1 to 1023 bytes'],
     ['"a b"', 'llm_router_key: the secret holds a character that can\'t stand '
               . 'in a header'],
     ["\xc3\xa9", 'llm_router_key: the secret holds a character that can\'t '
                  . 'stand in a header'],
     ['env:ROUTER_TEST_NONE', 'llm_router_key: the environment variable '
                              . '"ROUTER_TEST_NONE" is not set'],
     ['file:/nonexistent/key', 'llm_router_key: open() "/nonexistent/key" '
                               . 'failed (2: No such file or directory)'],
     ['file:/', qr/^llm_router_key: read\(\) "\/" failed \(21: /])
{
    refuses('llm_router_key ' . substr($_->[0], 0, 30) =~ s/[^ -~]/?/gr,
            $_->[1], "llm_router_key $_->[0];");
}

open my $out, '>', "$ENV{TEST_NGINX_HTML_DIR}/empty" or die;
close $out;
refuses('an empty file', 'llm_router_key: the secret must have 1 to 1023 bytes',
        "llm_router_key file:$ENV{TEST_NGINX_HTML_DIR}/empty;");

my (undef, @said) = try_conf('llm_router_key "sk-test-bad value"; ');
unlike("@said", qr/sk-test-bad/, 'a secret is never shown');
(undef, @said) = try_conf('llm_router_key sk-test-twice00 name=a; '
                          . 'llm_router_key sk-test-twice00 name=b;');
is_deeply([grep { /emerg/ } @said],
          ['[emerg] llm_router_key "b" has the same value as "a"'], 'twice');
unlike("@said", qr/sk-test/, 'nor then');



=== TEST 11: aliases
--- perl
takes_each('aliases', map { "llm_router_alias $_" }
           'a b', '~^a b', '"~^(.*)-x$" $1', 'a $host', '"a b" "c d"');
refuses('an empty name', '"llm_router_alias" directive has an empty name',
        base() . "llm_router_alias $_;") for '"" b', 'a ""';
refuses('one name', 'invalid number of arguments in "llm_router_alias" '
        . 'directive', base() . 'llm_router_alias a;');
refuses('three names', 'invalid number of arguments in "llm_router_alias" '
        . 'directive', base() . 'llm_router_alias a b c;');
refuses('a bad pattern', qr/^pcre2?_compile\(\) failed: .* in "\(a"/,
        base() . 'llm_router_alias ~(a b;');
refuses('an unknown variable', 'unknown "nothing" variable',
        base() . 'llm_router_alias a $nothing;');



=== TEST 12: the certificates to trust
--- perl
refuses('no file', qr{^cannot load certificate|^SSL_CTX_load_verify_locations\("/nonexistent/ca.pem"\) failed},
        base() . 'llm_router_trusted_certificate /nonexistent/ca.pem;',
        '', 'llm_router on;');
refuses('twice', '"llm_router_trusted_certificate" directive is duplicate',
        'llm_router_trusted_certificate a; llm_router_trusted_certificate b;');
refuses('in a server',
        '"llm_router_trusted_certificate" directive is not allowed here',
        base(), 'llm_router_trusted_certificate a;');



=== TEST 13: warnings
--- perl
my $on = 'llm_router on;';
my ($node, $key) = split /(?<=;) /, base();
my $open = 'llm_router_keys_required is off and nginx listens on more than the '
           . 'loopback: anybody may use the nodes';

warns('a key in clear', ['llm_router_key holds a secret in clear, use env:NAME '
                         . 'or file:path'],
      "$node llm_router_key sk-test-clear-000;", '', $on);
warns('a node\'s key in clear', ['llm_router_node api_key= holds a secret in '
      . 'clear, use env:NAME or file:path'],
      "llm_router_node http://127.0.0.1:9 models=m api_key=clear-secret; $key",
      '', $on);
warns('no node', ['llm_router is on and there is no llm_router_node: each '
                  . 'request will be answered 503'], $key, '', $on);
warns('no key', ['llm_router is on and there is no llm_router_key: each '
                 . 'request will be answered 401'], $node, '', $on);
warns('neither', ['llm_router is on and there is no llm_router_node: each '
                  . 'request will be answered 503',
                  'llm_router is on and there is no llm_router_key: each '
                  . 'request will be answered 401'], '', '', $on);
warns('nothing, where no router is', [], '');
warns('nothing, where it is off', [], '', '', 'llm_router off;');
warns('nothing, when all is well', [], base(), '', $on);

my $port = $ENV{TEST_NGINX_SERVER_PORT};
warns("keys are not required at $_", [$open],
      "$node llm_router_keys_required off;", '', $on, listen => $_)
    for $port, "*:$port", "0.0.0.0:$port", "[::]:$port";
warns("keys are not required at $_", [],
      "$node llm_router_keys_required off;", '', $on, listen => $_)
    for "127.0.0.1:$port", "127.1.2.3:$port", "[::1]:$port", "localhost:$port",
        "unix:$ENV{TEST_NGINX_SERVROOT}/logs/s";
warns('keys are required', [], "$node $key", '', $on, listen => $port);
warns('one location of two', [$open], "$node $key",
      "location /x/ { $on llm_router_keys_required off; }", $on,
      listen => $port);
warns('where no router is', [], "$node $key",
      'location /x/ { llm_router_keys_required off; }', $on, listen => $port);



=== TEST 14: nodes of the environment
--- env
LLM_ROUTER_NODES=http://127.0.0.1:$TEST_NGINX_NODE_A/v1 , ,http://127.0.0.1:$TEST_NGINX_NODE_B
--- mock
a --models m1
b --models m2
--- http_config
    llm_router_key sk-test-0123456789abcdef;
--- perl
ok(model_listed($_), $_) for qw(m1 m2);
is(chat({ model => 'm1' })->header('x-llm-router-node'),
   '127.0.0.1:' . mock_port('a'), 'named by host and port');
is(chat({ model => 'm2' })->status, 200, 'the other');

{
    local $ENV{LLM_ROUTER_NODES} = 'http://127.0.0.1:9,ftp://x';
    refuses('a bad one', 'llm_router_node: "ftp://x" must begin with http:// '
            . 'or https://', 'llm_router_key env:ROUTER_TEST_KEY;', '',
            'llm_router on;');
    takes('it where nodes are configured', base(), '', 'llm_router on;');
}



=== TEST 15: limits of the environment
--- env
LLM_ROUTER_REQUEST_TIMEOUT=1
LLM_ROUTER_MAX_CONCURRENT=1
LLM_ROUTER_QUEUE_MAX=1
LLM_ROUTER_QUEUE_TIMEOUT_SECS=1
LLM_ROUTER_CONNECT_TIMEOUT=2
--- config
    location /v1/ { llm_router on; }
    location /own/ { llm_router on; llm_router_request_timeout 2s;
                     llm_router_max_concurrent 2; }
    location /deep/ { llm_router on; llm_router_queue size=0; }
--- perl
my @silent = ({ model => 'm', messages => [{}] }, { 'X-Mock' => 'silence' });
error_is(post('/v1/chat/completions', @silent), 504, 'gateway_timeout',
         'timeout', undef, 'Request timeout after 1 second', 'a time-out');
error_is(post('/own/v1/chat/completions', @silent), 504, 'gateway_timeout',
         'timeout', undef, 'Request timeout after 2 seconds',
         'the directive wins');

my $s = open_stream('POST', '/v1/chat/completions',
    with_key({ 'X-Mock' => 'pace=50;tokens=100' }),
    { model => 'm', stream => JSON::PP::true(), messages => [{}] });
is($s->status, 200, 'one is under way');
my ($waits, $full) = concurrently(2, sub {
    my ($i) = @_;
    wait_until(sub { status_page()->{queued} == 1 }) if $i;
    my $r = chat();
    return [$r->status, $r->json->{error}{code}];
});
is_deeply($waits, [504, 'queue_timeout'], 'one waits for a second');
is_deeply($full, [429, 'queue_full'], 'no more may wait');
is(post('/deep/v1/chat/completions', { model => 'm', messages => [{}] })
   ->json->{error}{code}, 'queue_full', 'a queue\'s directive wins');
is(post('/own/v1/chat/completions', { model => 'm', messages => [{}] })
   ->status, 200, 'the directive\'s limit wins');
close_stream($s);



=== TEST 16: wrong values in the environment
--- perl
for my $name (qw(LLM_ROUTER_REQUEST_TIMEOUT LLM_ROUTER_CONNECT_TIMEOUT
                 LLM_ROUTER_MAX_CONCURRENT LLM_ROUTER_QUEUE_MAX
                 LLM_ROUTER_QUEUE_TIMEOUT_SECS))
{
    for my $value ('x', '-1', '1.5', '5s', '1000001', ' 5',
                   $name =~ /MAX$/ ? () : '0')
    {
        local $ENV{$name} = $value;
        refuses("$name=$value", "the environment variable $name=\"$value\" "
                . 'must be a whole number up to '
                . ($name =~ /MAX$/ ? 16384 : 1000000),
                base(), '', 'llm_router on;');
    }

    for my $value ('', '1', '1000', $name =~ /MAX$/ ? '0' : ()) {
        local $ENV{$name} = $value;
        takes("$name=$value", base(), '', 'llm_router on;');
    }
}



=== TEST 17: the environment is not asked where there is the directive
--- perl
for (['LLM_ROUTER_REQUEST_TIMEOUT', 'llm_router_request_timeout 5s'],
     ['LLM_ROUTER_CONNECT_TIMEOUT', 'llm_router_connect_timeout 5s'],
     ['LLM_ROUTER_MAX_CONCURRENT', 'llm_router_max_concurrent 5'],
     map { ["LLM_ROUTER_QUEUE_$_", 'llm_router_queue size=5'],
           ["LLM_ROUTER_QUEUE_$_", 'llm_router_queue timeout=5s'],
           ["LLM_ROUTER_QUEUE_$_", 'llm_router_queue size=5 timeout=5s'] }
         qw(MAX TIMEOUT_SECS))
{
    my ($name, $line) = @$_;
    local $ENV{$name} = 'wrong';
    takes("$name beside $line", base() . "$line;", '', 'llm_router on;');
    refuses("$name where a server has it", "the environment variable $name="
            . '"wrong" must be a whole number up to '
            . ($name =~ /QUEUE_MAX/ ? 16384 : 1000000),
            base(), "$line;", 'llm_router on;');
}



=== TEST 18: a configuration without the router is as before
--- http_config
--- config
    location /t { return 200 "plain"; }
--- mock
--- request
GET /t
--- response_body: plain
--- no_error_log
[warn]
[error]



=== TEST 19: a reload with a wrong value leaves all as it was
--- perl
is(chat()->status, 200, 'before');
my @workers = worker_pids();
edit_conf(sub { s/models=m/models=m weight=heavy/ });
kill 'HUP', master_pid();
ok(wait_log(qr/llm_router_node: "weight=heavy" must be a number from 1 to 1000/),
   'told');
is(chat()->status, 200, 'still served');
is_deeply([worker_pids()], \@workers, 'by the same workers');
--- allow_log
weight=heavy
