# conf/: each example starts and answers with only its paths, ports and
# secrets changed; conf/run starts, says the truth, and leaves nothing behind;
# README.md shows what stands in conf/.

use strict;
use warnings;

use lib 't/lib';
use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use File::Path qw(make_path remove_tree);
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use LLMTest::Client;
use LLMTest::Mock;
use LLMTest::Ports qw(free_port);

if ($ENV{LLMTEST_VALGRIND}) {
    print "1..1\nok 1 # skip these are whole configurations\n";
    exit 0;
}

my $top = abs_path('.');
my $dir = "$top/t/servroot/conf_examples";
my $nginx = $ENV{TEST_NGINX_BINARY} || $ENV{LLMTEST_NGINX}
            || (-x '/usr/sbin/nginx' ? '/usr/sbin/nginx' : 'nginx');
my $module = abs_path($ENV{LLMTEST_MODULE}
                      || 'build/ngx_http_llm_router_module.so');
my $builtin = defined $ENV{TEST_NGINX_LOAD_MODULES}
              && $ENV{TEST_NGINX_LOAD_MODULES} eq '';
my %key = (MY_KEY => 'sk-conf-my-0123456789', OTHER_KEY => 'sk-conf-other-012345',
           hashed => 'sk-conf-hashed-01234');
my %pid;

$SIG{PIPE} = 'IGNORE';
$SIG{INT} = $SIG{TERM} = sub { exit 1 };
END { my $st = $?; kill 'KILL', keys %pid if %pid; $? = $st }

remove_tree($dir);
make_path("$dir/temp");

LLMTest::Mock::start('a', '--models', 'llama3,other');
LLMTest::Mock::start('b', '--models', 'b-model', '--tokens', 3);
LLMTest::Mock::start('c', '--models', 'c', '--prefix', '/base');

minimal();
full();
readme();
browsers();
run_sample();
run_nodes();
run_refused();
run_killed();
done_testing();


# -- the examples ---------------------------------------------------------


sub minimal {
    my $port = start('minimal') or return;
    my $r;

    ok(wait_until(sub { $r = chat($port, 'llama3', 'MY_KEY');
                        $r->status == 200 }), 'minimal: answers');
    like($r->body, qr/"choices"/, 'minimal: in the form of OpenAI');
    is(chat($port, 'llama3', 'OTHER_KEY')->status, 401, 'minimal: 401');
    is(chat($port, 'none', 'MY_KEY')->status, 404, 'minimal: 404');
    finish('minimal');
}


sub full {
    my $text = slurp('conf/full.conf');
    my $table = slurp('ngx_http_llm_router_module.c');
    my $variables = slurp('src/http/ngx_http_llm_variables.c');
    my @directives = $table =~ /ngx_string\("(llm_router\w*)"\)/g;
    my @variables = $variables =~ /ngx_string\("(llm_router_\w+)"\)/g;

    cmp_ok(scalar @directives, '>', 10, 'full: the table of directives');
    cmp_ok(scalar @variables, '>', 5, 'full: the table of variables');
    like($text, qr/^\s*$_\b/m, "full: has $_") for @directives;
    like($text, qr/\$$_\b/, "full: has \$$_") for @variables;

    my $port = start('full') or return;
    my $ids = sub { join ' ', sort map { $_->{id} }
                    @{ get($port, '/v1/models', 'MY_KEY')->json->{data} } };

    ok(wait_until(sub { $ids->() eq 'b-model llama-3.1-8b llama3 llama3:8b '
                                    . 'other' }), 'full: all models')
        or diag($ids->());
    is(chat($port, 'b-model', $_)->status, $_ eq 'OTHER_KEY' ? 403 : 200,
       "full: the key $_") for qw(MY_KEY OTHER_KEY hashed);

    my $r = chat($port, 'gpt-4o', 'OTHER_KEY');
    is($r->status, 200, 'full: an alias');
    is($r->header('x-llm-router-node'), 'fixed', 'full: its node');
    is($r->header('x-ratelimit-limit-requests'), 600, 'full: rpm');
    is($r->header('x-ratelimit-limit-tokens'), 1000000, 'full: tpm');
    is(chat($port, 'team/other', 'MY_KEY')->header('x-llm-router-node'),
       'ollama', 'full: a pattern');
    is(chat($port, 'other', 'MY_KEY', '/batch')->status, 200,
       'full: the other location');

    my $status = get($port, '/status')->json;
    is(scalar @{ $status->{nodes} }, 3, 'full: nodes of the status page');
    is($status->{in_flight}, 0, 'full: nothing is left in flight');

    like(slurp("$dir/llm.log"),
         qr/ 200 result=ok key=me model=b-model node=vllm .*completion=3$/m,
         'full: the access log');
    finish('full');
}


# The first nginx.conf of README.md is conf/minimal.conf, and is short.

sub readme {
    my ($first) = slurp('README.md') =~ /^```nginx\n(.*?)^```/ms;

    is($first, slurp('conf/minimal.conf'), 'README.md: the smallest nginx.conf');
    cmp_ok(scalar split(/\n/, $first // ''), '<=', 15, 'README.md: 15 lines');
}


# README.md's location for pages of other sites, as a browser asks it.

sub browsers {
    my ($location) = slurp('README.md')
                     =~ /^```nginx\n(location [^`]*Access-Control.*?)^```/ms;
    my $text = slurp('conf/minimal.conf');

    ok($location, 'browsers: the location of README.md') or return;
    $text =~ s{^ *location /v1/ \{.*\}$}{$location}m;

    my $port = start('browsers', $text) or return;
    my $origin = 'https://app.example.org';
    my %ask = (Origin => $origin, 'Access-Control-Request-Method' => 'POST',
               'Access-Control-Request-Headers' =>
               'authorization,content-type,x-stainless-lang');

    my $r = http($port, 'OPTIONS', '/v1/chat/completions', undef, undef, \%ask);
    is($r->status, 204, 'browsers: may it ask?');
    is($r->header('access-control-allow-origin'), $origin, 'browsers: this one');
    is($r->header('access-control-allow-methods'), 'GET, POST',
       'browsers: so');
    is($r->header('access-control-allow-headers'),
       $ask{'Access-Control-Request-Headers'}, 'browsers: with these headers');
    is($r->body, '', 'browsers: no more is said');

    ok(wait_until(sub { $r = chat($port, 'llama3', 'MY_KEY');
                        $r->status == 200 }), 'browsers: an answer');
    my %r = (200 => $r, 401 => chat($port, 'llama3', 'OTHER_KEY'),
             404 => chat($port, 'none', 'MY_KEY'),
             400 => http($port, 'POST', '/v1/any', 'MY_KEY', '{'),
             405 => http($port, 'PUT', '/v1/embeddings', 'MY_KEY', '{}'));

    for (sort keys %r) {
        is($r{$_}->status, $_, "browsers: a $_");
        is($r{$_}->header('access-control-allow-origin'), $origin,
           "browsers: which the page may see, once");
        like($r{$_}->header('access-control-expose-headers'),
             qr/\bx-request-id\b/, 'browsers: with its id');
    }

    $r = http($port, 'POST', '/v1/chat/completions', 'MY_KEY',
              { model => 'llama3', stream => JSON::PP::true(),
                messages => [{ role => 'user', content => 'hi' }] });
    is($r->header('access-control-allow-origin'), $origin, 'browsers: a stream');
    like($r->body, qr/^data: \[DONE\]$/m, 'browsers: whole');
    finish('browsers');
}


# -- conf/run -------------------------------------------------------------


sub run_sample {
    my ($run, $out) = run('sample');
    my ($key) = $out =~ /^API key: +(sk-[\w-]{32,})$/m;
    my ($curl) = $out =~ /^(curl .*)$/m;

    ok($run, 'run: starts') or return diag($out);
    like($out, qr/a sample node\. This is not a model/, 'run: says what it is');
    like($out, qr{^The router runs:  http://localhost:$run->{port}/v1$}m,
         'run: the URL');
    ok($key, 'run: a key');
    is((stat "$run->{dir}/state/api_key")[2] & 07777, 0600, 'run: nobody may read it');
    unlike(processes($run), qr/\Q$key\E/, 'run: no process shows the key');

    my $answer = command($curl);
    like($answer, qr/"content":/, 'run: the curl line works as printed')
        or diag("$curl\n$answer");
    is(get($run->{port}, '/v1/models')->status, 401, 'run: keys are required');

    for my $shown (examples($key, $run->{port})) {
        my ($name, $text, $want) = @$shown;
        like(command($text), $want, "README.md: $name");
    }

    admin_examples($run->{port});

    my ($second, $refused) = run('sample', PORT => free_port());
    ok(!$second, 'run: not twice in one directory');
    like($refused, qr/another one runs in /, 'run: and why');

    gone($run, 'TERM', 'sample', 143);
    unlike(slurp("$run->{dir}/error.log"), qr/\[(?:alert|emerg|crit)\]/,
           'run: error.log');
    unlike(slurp("$run->{dir}/$_"), qr/\Q$key\E/, "run: no key in $_")
        for qw(error.log access.log nginx.conf);
}


sub run_nodes {
    my $a = LLMTest::Mock::port('a');
    my $dead = free_port();
    my ($run, $out) = run('nodes', REDIS => '127.0.0.1:6379',
                          NODES => "http://127.0.0.1:$a,http://127.0.0.1:$dead");

    ok($run, 'NODES: starts') or return diag($out);
    like(slurp("$run->{dir}/nginx.conf"), qr/llm_router_redis 127\.0\.0\.1:6379;/,
         'REDIS: is used');
    like($out, qr/^Node: +127\.0\.0\.1:$a, online$/m, 'NODES: one is online');
    like($out, qr/^Node: +127\.0\.0\.1:$dead, offline$/m, 'NODES: one is not');
    like($out, qr/^Model: +llama3$/m, 'NODES: its models');
    unlike($out, qr/sample/, 'NODES: no sample node');
    like(command($out =~ /^(curl .*)$/m), qr/"content":/, 'NODES: curl');
    gone($run, 'TERM', 'NODES', 143);
}


sub run_refused {
    my $a = LLMTest::Mock::port('a');
    my ($run, $out) = run('refused', PORT => $a);

    ok(!$run, 'a port in use: ends');
    like($out, qr/^run: port $a is in use: .*PORT=\d+/ms, 'a port in use: says so');

    for (['PORT', 'x', qr/PORT=x is no port/],
         ['NODES', 'ftp://x', qr/"ftp:\/\/x" must begin with http/],
         ['NODES', 'http://x;', qr/NODES: "http:\/\/x;" is no URL/],
         ['LLM_ROUTER_QUEUE_MAX', 'x', qr/LLM_ROUTER_QUEUE_MAX="x" must be/],
         ['RUN_DIR', "$dir/temp/..", qr/holds something else/],
         ['MODULE', "$dir/none.so", qr/there is no .*none\.so: make/],
         ['NGINX', "$dir/none", qr/there is no nginx: make deps/])
    {
        my ($name, $value, $why) = @$_;
        ($run, $out) = run('refused', $name => $value);
        ok(!$run, "$name=$value: ends");
        like($out, $why, "$name=$value: says why");
    }

    my @left = grep { (slurp($_) // '') =~ m{\Q$dir\E/refused} }
               glob '/proc/[0-9]*/cmdline';
    is("@left", '', 'refused: nothing is left');
}


sub run_killed {
    my ($run, $out) = run('killed');

    ok($run, 'killed: starts') or return diag($out);
    gone($run, 'KILL', 'killed', 0);
}


# The commands of README.md's chapter on the admin API, in their order, with
# what the user would put into the variables: ids and keys of the answers.

sub admin_examples {
    my ($port) = @_;
    my ($chapter) = slurp('README.md') =~ /^## Admin API\n(.*?)^## /ms;
    my @blocks = ($chapter // '') =~ /^```sh\n(.*?)^```/msg;
    my %var;

    cmp_ok(scalar @blocks, '>=', 12, 'README.md: commands of the admin API');

    for my $block (@blocks) {
        (my $text = $block) =~ s/localhost:8080/localhost:$port/g;
        $text =~ s/ > history\.csv$//m;
        my ($name) = $block =~ m{(/api/[\w/\$?=]+)};
        my $set = join '', map { "$_='$var{$_}'\n" } sort keys %var;
        my $out = command("$set$text" . ($text =~ /^TOKEN=/
                                         ? 'echo "TOKEN is $TOKEN"' : ''));

        unlike($out, qr/"error":\{/, "README.md: $name");
        like($out, qr/"|TOKEN is .|^id,time,/, "README.md: $name answers")
            unless $text =~ /-X DELETE|logout/;

        $var{TOKEN} = $1 if $out =~ /^TOKEN is (\S+)/m;
        $var{NODE} = $1 if $text =~ /base_url/
                           && $out =~ /"(?:node_)?id":"(node-\w+)"/;
        $var{NODE_TOKEN} = $1 if $out =~ /"node_token":"([^"]+)"/;
        $var{KEY} = $1 if $out =~ /"id":"(key-\w+)".*"key":"sk-/;

        # a key that announces nodes is made as any other

        if ($out =~ /^TOKEN is/m) {
            my $made = command($set . "curl -s -H 'Authorization: Bearer "
                               . "$var{TOKEN}' http://localhost:$port/api/keys "
                               . q(-d '{"name":"nodes","scopes":["node"]}'));
            ($var{NODE_KEY}) = $made =~ /"key":"([^"]+)"/;
            ok($var{NODE_KEY}, 'README.md: a key for nodes') or diag($made);
        }
    }
}


# Commands of README.md: what stands in ```sh blocks and begins with curl, but
# for those of the admin API.

sub examples {
    my ($key, $port) = @_;
    my @found;

    for my $block (slurp('README.md') =~ /^```sh\n(curl .*?)^```/msg) {
        next if $block =~ m{/api/};
        (my $text = $block) =~ s/localhost:8080/localhost:$port/g;
        my $want = $text =~ /"stream"/ ? qr/^data: \[DONE\]$/m
                   : $text =~ m{/v1/models} ? qr/"object":"list"/
                   : $text =~ m{/status} ? qr/"in_flight":/ : qr/"object": ?"/;
        my ($name) = $text =~ /(curl .*)/;
        push @found, [$name, "export OPENAI_API_KEY=$key\n$text", $want];
    }

    cmp_ok(scalar @found, '>=', 3, 'README.md: commands');
    return @found;
}


# -- nginx ----------------------------------------------------------------


# Starts conf/NAME.conf, or the text, as it would stand in /etc; its port.

sub start {
    my ($name, $text) = @_;
    my $port = free_port();
    local $ENV{ADMIN_PASSWORD} = 'long-enough-1';
    local $ENV{GUEST_PASSWORD} = 'long-enough-2';
    my %mock = (11434 => 'a', 8000 => 'b', 8081 => 'c');
    my $hash = sha256_hex($key{hashed});

    $text //= slurp("conf/$name.conf");
    my $load = $builtin ? '' : "load_module $module;";
    $text =~ s/^load_module .*;$/$load/m;
    $text =~ s/(http:\/\/127\.0\.0\.1):(\d+)/"$1:" . LLMTest::Mock::port($mock{$2})/ge;
    $text =~ s/127\.0\.0\.1:8080/127.0.0.1:$port/;
    $text =~ s{/var/log/nginx}{$dir};
    $text =~ s{/var/lib/llm-router}{$dir/state};
    $text =~ s{/etc/ssl/certs/ca-certificates\.crt}{$dir/ca.crt};
    $text =~ s/sha256:\w{64}/sha256:$hash/;
    my $temp = join '', map { "    ${_}_temp_path $dir/temp/$_;\n" }
               qw(client_body proxy fastcgi uwsgi scgi);
    $text =~ s/^(http \{\n)/$1$temp/m;

    spew("$dir/$name.conf", $text);
    spew("$dir/ca.crt", authority());

    my $globals = "daemon off; pid $dir/$name.pid; error_log $dir/error.log info;"
                  . ($> == 0 ? ' user root;' : '');
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        @ENV{qw(MY_KEY OTHER_KEY)} = @key{qw(MY_KEY OTHER_KEY)};
        open STDIN, '<', '/dev/null';
        open STDERR, '>', "$dir/$name.stderr";
        exec $nginx, '-e', "$dir/error.log", '-p', $dir,
             '-c', "$dir/$name.conf", '-g', $globals or POSIX::_exit(127);
    }

    $pid{$pid} = $name;
    ok(wait_until(sub { connects($port) }), "$name: starts")
        and return $port;
    diag(slurp("$dir/$name.stderr"));
    return;
}


sub finish {
    my ($name) = @_;
    my ($pid) = grep { $pid{$_} eq $name } keys %pid;

    kill 'QUIT', $pid;
    my $ended = wait_until(sub { waitpid($pid, 1) == $pid }, 10);
    is($ended ? $? : -1, 0, "$name: stops");
    delete $pid{$pid} if $ended;
    is(slurp("$dir/$name.stderr"), '', "$name: no warning");
    unlike(slurp("$dir/error.log"), qr/\[(?:alert|emerg|crit)\]|Sanitizer/,
           "$name: error.log");

    my $logs = slurp("$dir/error.log") . (slurp("$dir/llm.log") // '');
    ok(!(grep { index($logs, $_) >= 0 } values %key), "$name: no key in a log");
}


# -- conf/run, as a process ---------------------------------------------------


# Starts it and waits until it has said all, or ended: ({ pid, port, … }, text)

sub run {
    my ($name, %env) = @_;
    my $port = $env{PORT} // free_port();
    my $out = "$dir/$name.out";
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        delete @ENV{grep { /^LLM_ROUTER_/ } keys %ENV};
        delete @ENV{qw(NODES REDIS)};
        %ENV = (%ENV, PORT => $port, RUN_DIR => "$dir/$name", NGINX => $nginx,
                MODULE => $builtin ? '' : $module, %env);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$out.$$";
        open STDERR, '>&', \*STDOUT;
        exec 'conf/run' or POSIX::_exit(127);
    }

    my $ended;
    $pid{$pid} = $name;
    my $told = wait_until(sub {
        (slurp("$out.$pid") // '') =~ /^Ctrl-C stops it/m
            or $ended = waitpid($pid, 1) == $pid;
    }, 20);

    my $text = slurp("$out.$pid") // '';
    delete $pid{$pid} if $ended;
    return (undef, $text) if $ended || !$told;
    return ({ pid => $pid, port => $port, dir => "$dir/$name",
              children => [children($pid)] }, $text);
}


# It ends by this signal, and all that it started does.

sub gone {
    my ($run, $signal, $name, $code) = @_;
    my @all = ($run->{pid}, @{ $run->{children} });

    cmp_ok(scalar @all, '>=', 3, "$name: processes");
    kill $signal, $run->{pid};
    ok(wait_until(sub { waitpid($run->{pid}, 1) == $run->{pid} }, 10),
       "$name: ends");
    is($? >> 8, $code, "$name: its status");
    delete $pid{ $run->{pid} };
    ok(wait_until(sub { !grep { alive($_) } @all }, 10), "$name: leaves nobody")
        or kill 'KILL', grep { alive($_) } @all;
    ok(!connects($run->{port}), "$name: the port is free");
}


sub children {
    my ($pid) = @_;
    my @found;

    for my $stat (glob '/proc/[0-9]*/stat') {
        my ($child, $parent) = (slurp($stat) // '') =~ /^(\d+) \(.*\) \S (\d+)/s
            or next;
        push @found, $child, children($child) if $parent == $pid;
    }

    return @found;
}


sub processes {
    my ($run) = @_;
    return join "\n", map { slurp("/proc/$_/cmdline") // '' }
                      $run->{pid}, @{ $run->{children} };
}


sub alive { return (slurp("/proc/$_[0]/stat") // ') Z') !~ /\) [ZX]/ }


# -- small things ---------------------------------------------------------


sub chat {
    my ($port, $model, $key, $prefix) = @_;
    return http($port, 'POST', ($prefix // '') . '/v1/chat/completions', $key,
                { model => $model,
                  messages => [{ role => 'user', content => 'hi' }] });
}


sub get { my ($port, $path, $key) = @_; return http($port, 'GET', $path, $key) }


sub http {
    my ($port, $method, $path, $key, $body, $more) = @_;
    my %headers = ($key ? (Authorization => "Bearer $key{$key}") : (),
                   %{ $more || {} });
    return LLMTest::Client->connect(port => $port)
                          ->http($method, $path, \%headers, $body);
}


sub command {
    my ($text) = @_;
    spew("$dir/command", $text);
    return scalar `timeout 20 bash $dir/command 2>&1 </dev/null`;
}


sub connects {
    my ($port) = @_;
    return !!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
}


sub wait_until {
    my ($cond, $seconds) = @_;
    my $end = time + ($seconds // 5);

    while (1) {
        my $v = $cond->();
        return $v if $v;
        return 0 if time >= $end;
        sleep 0.02;
    }
}


sub slurp {
    my ($path) = @_;
    open my $in, '<', $path or return undef;
    local $/;
    return <$in> // '';
}


sub spew {
    my ($path, $text) = @_;
    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
}


# A certificate, of which nothing is wanted but that it can be read.

sub authority {
    return <<'END_PEM';
-----BEGIN CERTIFICATE-----
MIIBeTCCAR+gAwIBAgIUCHZkmEc3NaCFA3JXS9+FfbDUtTswCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyMzAxMzQxMloYDzIxMjYxMDMwMDEz
NDEyWjARMQ8wDQYDVQQDDAZub2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AARbfp/QwKKSGuXC+4IyOgBqqJm//k2JF4Ekgl563gJHHO+nB0zmlu+wkpCM3n9W
mKHwxtWp0fSSXe8kSuAg5JENo1MwUTAdBgNVHQ4EFgQUoD70pfI19wBLhGyRR80E
NB9Ztg4wHwYDVR0jBBgwFoAUoD70pfI19wBLhGyRR80ENB9Ztg4wDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA+kLmIe2/EzhO6QxZXex3BAjdVQ73
vYbiw9yVs8UxYB8CIDUH8/QvoipwEduIE1w5EDPnpvlKAcsrI7amZM/Iisn3
-----END CERTIFICATE-----
END_PEM
}
