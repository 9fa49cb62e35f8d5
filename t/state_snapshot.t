# The state file: what is made at run time is found again after a restart and
# a binary upgrade, and what is broken is set aside.  Each test has an nginx
# of its own beside that of the harness, which it can stop and start.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Admin qw($Admin $AdminKey);
use File::Path qw(make_path remove_tree);

my $Clear = 'sk-test-0123456789abcdef';

defaults(
    mock => "a --models m\n",
    http_config => <<'_EOC_',
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
_EOC_
    config => "    location /v1/ { llm_router on; }\n",
);

my ($Dir, $Port);

# an nginx with a state file, not started yet

sub own {
    my (%opt) = @_;
    my $load = CORE::join '', map { "load_module $_;\n" }
               split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my $user = $> == 0 ? 'user root;' : '';
    my $static = $opt{static} // '';
    my $zone = $opt{zone} // '8m';
    my $key = $opt{no_key} ? '' : "    llm_router_key $Clear name=static;\n";

    $Dir = "$ENV{TEST_NGINX_SERVROOT}/own";
    $Port ||= LLMTest::free_port();
    remove_tree($Dir) if !$opt{again};
    make_path("$Dir/logs");

    open my $out, '>', "$Dir/nginx.conf" or die "nginx.conf: $!\n";
    print $out <<_EOC_;
$load$user
pid $Dir/nginx.pid;
error_log $Dir/error.log notice;
worker_processes 2;
events { }
http {
    access_log off;
    client_body_temp_path $Dir/temp;
    proxy_temp_path $Dir/temp;
    fastcgi_temp_path $Dir/temp;
    uwsgi_temp_path $Dir/temp;
    scgi_temp_path $Dir/temp;
    llm_router_zone own:$zone;
    llm_router_state state/state.json;
    llm_router_health interval=100ms;
$key$AdminKey
    $static
    server {
        listen 127.0.0.1:$Port;
        location /v1/ { llm_router on; }
        location /api/ { llm_router_api on; }
    }
}
_EOC_
    close $out;
}

sub slurp { return LLMTest::Helpers::slurp(@_) }
sub clear { return $Clear }
sub port { return $Port }
sub own_dir { return "$Dir/$_[0]" }
sub file { return "$Dir/state/state.json" }
sub log_text { return slurp("$Dir/error.log") // '' }
sub pid_of { return (slurp($_[0] // "$Dir/nginx.pid") // '') =~ /(\d+)/ ? $1 : 0 }
sub mode { return sprintf '%o', (stat $_[0])[2] & 07777 }

sub start {
    my $cmd = "$ENV{TEST_NGINX_BINARY} -e $Dir/error.log -p $Dir/ -c $Dir/nginx.conf";
    return system("$cmd >>$Dir/start.log 2>&1") == 0;
}

sub begin {
    start() or die 'nginx does not start: ' . (slurp("$Dir/start.log") // '');
    wait_until(sub { pid_of() && eval { api('GET', '/version')->status } })
        or die "nginx does not answer\n";
}

sub own_test {
    return `$ENV{TEST_NGINX_BINARY} -t -q -e $Dir/error.log -p $Dir/ -c $Dir/nginx.conf 2>&1`;
}

# what the log tells of a reload; its workers are there, or it was refused

sub again {
    my $n = length log_text();
    kill 'HUP', pid_of();
    wait_until(sub { substr(log_text(), $n) =~ /start worker process \d+\n.*\[notice\].*start worker process|\[emerg\]/s })
        or die 'nginx does not reload: ' . log_text();
    return substr(log_text(), $n);
}

sub send_to {
    my ($signal, $pid) = @_;
    return $pid && kill $signal, $pid;
}

sub gone { my $pid = shift; return wait_until(sub { !kill 0, $pid }) }

sub end {
    my ($allowed) = @_;
    my $pid = pid_of() or return;
    kill 'QUIT', $pid;
    ok(gone($pid), 'nginx stops');
    is_deeply([grep { !$allowed || $_ !~ $allowed }
               log_text() =~ /^.*(?:\[alert\]|\[emerg\]|Sanitizer|on signal).*$/mg],
              [], 'its log has no alert');
}

sub put {
    my ($text) = @_;
    make_path("$Dir/state");
    open my $out, '>', file() or die "state.json: $!\n";
    print $out $text;
    close $out;
    chmod 0600, file();
}

sub api {
    my ($method, $path, $body) = @_;
    my %h = (Authorization => "Bearer $Admin");
    $h{'Content-Type'} = 'application/json' if $body;
    return http($method, "/api$path", \%h, $body && json_encode($body),
                port => $Port);
}

sub chat_by {
    my ($key, $model) = @_;
    return http('POST', '/v1/chat/completions',
                { Authorization => "Bearer $key",
                  'Content-Type' => 'application/json' },
                json_encode({ model => $model, messages => [
                    { role => 'user', content => 'hi' }] }), port => $Port);
}

sub state { return eval { json_decode(slurp(file())) } || {} }

sub written {
    my ($what) = @_;
    return wait_until(sub { my $s = main::state(); $s->{end} && $what->($s) });
}

sub names {
    my ($path) = @_;
    my $r = main::api('GET', $path);
    return CORE::join ' ', sort map { $_->{name} } @{ $r->json->{data} };
}

sub health { return api('GET', '/health')->json }

END {
    kill 'TERM', $_ for grep { $_ } map { pid_of("$Dir/nginx.$_") }
                        $Dir ? qw(pid pid.oldbin) : ();
}

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: what is made is in the file soon, and there after a restart
--- perl
own();
begin();
ok(written(sub { 1 }), 'the file is made at once');
is(mode(file()), '600', '... for nobody else');
is(mode(own_dir("state")), '700', '... in a directory for nobody else');

my $node = api('POST', '/nodes', {
    name => 'one', base_url => 'http://127.0.0.1:' . mock_port('a') . '/v1',
    api_key => 'sk-of-the-node', notes => '<b>"', weight => 3 });
is($node->status, 201, 'a node') or diag($node->body);
my $key = api('POST', '/keys', { name => 'user', rpm => 1000 });
is($key->status, 201, 'a key') or diag($key->body);
my $clear = $key->json->{key};
ok(written(sub { @{ $_[0]{nodes} } == 1 && @{ $_[0]{keys} } == 1 }),
   'both are written');

my $text = slurp(file());
is(mode(file()), '600', '... for nobody else');
is(index($text, $clear), -1, '... without the clear key');
is(index($text, clear()), -1, '... nor that of nginx.conf');
cmp_ok(index($text, 'sk-of-the-node'), '>', 0, '... with that of the node');
is_deeply([grep { !/^state\.json$/ } map { s{.*/}{}r } glob(own_dir("state/*"))],
          [], '... and no other file');

ok(wait_until(sub { chat_by($clear, 'm')->status == 200 }), 'it serves');
is(chat_by($clear, 'm')->status, 200, 'once more');
my $id = $node->json->{id};
end();

my $s = main::state();
cmp_ok($s->{nodes}[0]{requests}, '>=', 2, 'totals are written at the end');
cmp_ok($s->{totals}{requests}, '>=', 2, '... of all, too');

begin();
like(log_text(), qr/state\.json": 1 nodes and 1 keys were read/, 'read again');
my $again = api('GET', "/nodes/$id");
is($again->status, 200, 'the node has its id');
is_deeply([@{ $again->json }{qw(name notes weight)}], ['one', '<b>"', 3],
          '... and what was said of it');
cmp_ok($again->json->{requests}, '>=', 2, '... and its totals');
is(names('/keys'), 'robot static user', 'the key is there');
ok(wait_until(sub { chat_by($clear, 'm')->status == 200 }), '... and passes');
is(api('DELETE', "/nodes/$id")->status =~ /^20/ ? 1 : 0, 1, 'it is removed');
ok(written(sub { @{ $_[0]{nodes} } == 0 }), '... in the file, too');
end();



=== TEST 2: a file made by hand: names are resolved, a node of nginx.conf wins
--- perl
my $p = mock_port('a');
own(static => "llm_router_node http://127.0.0.1:$p name=fixed models=s;");
put('{"version":1,"epoch":41,"new":1,"nodes":['
    . '{"id":"node-0000000000000001","name":"named","base_url":'
    . qq("http://localhost:$p","models":["x"]},)
    . '{"id":"node-0000000000000002","name":"other","base_url":'
    . qq("http://127.0.0.1:$p/v1","weight":7,"requests":5}],"end":true}));
chmod 0644, file();
begin();
like(log_text(), qr/state\.json" was open to others/, 'its mode is told');
like(log_text(), qr/: 1 members are not known here/, '... what is unknown, too');
is(names('/nodes'), 'fixed named', 'the URL of nginx.conf stays its own');
ok(wait_until(sub { chat_by(clear(), 'x')->status == 200 }),
   'a name is resolved');
ok(written(sub { $_[0]{epoch} == 42 }), 'the file is this router\'s');
is(mode(file()), '600', '... for nobody else');
end();



=== TEST 3: broken files are set aside, and it is said why
--- perl
for (['', 'it is empty'], ['{"version":1,"epoch":4,"nodes":[', 'it is truncated'],
     ['{"version":7,"end":true}', 'its version 7 is not known'],
     ["<html>\n", 'line 1: it is no JSON'],
     ['{"version":1,"epoch":4,"nodes":{},"end":true}',
      'its "nodes" must be an array'],
     [undef, 'it is no regular file'], [\1, 'it is a symbolic link'])
{
    my ($text, $why) = @$_;
    own();
    put(ref $text ? '' : $text // '');

    if (!defined $text || ref $text) {
        unlink file();
        ref $text ? symlink('/etc/passwd', file()) : mkdir(file());
    }

    begin();
    my $log = log_text();
    cmp_ok(index($log, "state.json\" can't be used: $why"), '>', 0, $why)
        or diag($log);
    my @aside = glob(file() . '.broken.*');
    is(scalar @aside, 1, '... set aside');
    is($text, slurp($aside[0]), '... as it was') if defined $text && !ref $text;
    ok(written(sub { 1 }), '... a new one is written');
    is(chat_by(clear(), 'm')->status, 503, '... and it serves');
    my $name = $aside[0] =~ s{.*/}{}r;
    is(health()->{status}, 'degraded', '... while health says so');
    is(health()->{state}{error}, "could not be read, set aside as $name",
       '... and why');
    is(index(http('GET', '/api/health', {}, undef, port => port())->body,
             own_dir('')), -1, '... without the directory');
    again();
    is_deeply([health()->{status}, health()->{state}{error}], ['ok', undef],
              '... until the next reload') or diag(log_text());
    end();
}



=== TEST 4: what can't be written is told once, shown, and tried again
--- perl
own();
begin();
ok(written(sub { 1 }), 'well so far');
rename own_dir("state"), own_dir("away");
is(api('POST', '/keys', { name => 'k1' })->status, 201, 'a key is made');
ok(wait_until(sub { health()->{state}{ok} ? 0 : 1 }), 'health shows it');
like(log_text(), qr/\[crit\].*state\.json" could not be written: open\(\)/,
     'the log tells it');
rename own_dir("away"), own_dir("state");
ok(wait_until(sub { health()->{state}{ok} }), 'it is tried again');
ok(written(sub { @{ $_[0]{keys} } == 1 }), '... and written');
like(log_text(), qr/state\.json" is written again/, '... which is told');
is(scalar(() = log_text() =~ /could not be written/g), 1, '... as it was, once');
end();



=== TEST 5: a binary upgrade: the younger router has the file
--- perl
own();
begin();
is(api('POST', '/keys', { name => 'k1' })->status, 201, 'a key is made');
ok(written(sub { @{ $_[0]{keys} } == 1 }), '... and written');
my $epoch = main::state()->{epoch};
my $old = pid_of();

send_to('USR2', $old);
ok(wait_until(sub { -e own_dir("nginx.pid.oldbin") && pid_of() && pid_of() != $old }),
   'a new one starts');
my $new = pid_of();
ok(written(sub { $_[0]{epoch} == $epoch + 1 && $_[0]{pid} == $new }),
   '... and has the file');

# the old one alone serves

send_to('WINCH', $new);
ok(wait_until(sub { eval { api('POST', '/keys', { name => 'o' . rand }) };
                    log_text() =~ /state\.json" is not written: it belongs/ }),
   'the old one does not write');
is(main::state()->{pid}, $new, '... over it');

send_to('QUIT', $new);
ok(gone($new), 'the new one is given up');
ok(written(sub { $_[0]{epoch} == $epoch + 2 && $_[0]{pid} == $old }),
   'the old one has the file again');
cmp_ok(scalar @{ main::state()->{keys} }, '>=', 2, '... with what it made');
ok(wait_until(sub { pid_of() == $old }), '... and its pid file');
end();



=== TEST 6: values that are wrong
--- perl
for (['llm_router_state ""', 'llm_router_state: "" is no name of a file'],
     ['llm_router_state a/', 'llm_router_state: "a/" is no name of a file'],
     ['llm_router_state a; llm_router_state b',
      '"llm_router_state" directive is duplicate'],
     ['llm_router_node_allow 10.0.0.0/33',
      'llm_router_node_allow: "10.0.0.0/33" is no address, CIDR or "all"'],
     ['llm_router_node_allow localhost',
      'llm_router_node_allow: "localhost" is no address, CIDR or "all"'],
     ['llm_router_node_allow 10.0.0.1/8', 'low address bits of "10.0.0.1/8"'],
     ['llm_router_node_allow all; llm_router_node_allow 10.0.0.0/8 ::1', ''])
{
    my ($line, $why) = @$_;
    own(static => "$line;");
    my $conf = slurp(own_dir("nginx.conf"));
    $conf =~ s/^    llm_router_state state.*\n//m if $line =~ /_state/;
    open my $out, '>', own_dir("nginx.conf") or die;
    print $out $conf;
    close $out;
    my $text = own_test();
    $text =~ s/^.*(?:no llm_router_node:|holds a secret in clear).*\n//mg;
    $why eq '' ? is($text, '', $line)
               : cmp_ok(index($text, $why), '>', 0, $line) || diag($text);
}
is(-e file() ? 1 : 0, 0, 'nginx -t touches no state file');



=== TEST 7: what is wrong with one row costs that row
--- perl
own();
put('{"version":1,"epoch":4,"nodes":['
    . '{"id":"node-0000000000000001","name":"one","base_url":"http://10.0.0.1","models":["x"]},'
    . '{"id":"node-0000000000000002","name":"two","base_url":"http://10.0.0.1/v1"},'
    . '{"id":"node-0000000000000003","name":"meta","base_url":"http://169.254.169.254"},'
    . '{"id":"node-0000000000000004","name":"four","base_url":"http://10.0.0.4","models":["x"],"weight":0},'
    . '{"id":"node-0000000000000005","name":"five","base_url":"http://10.0.0.1/v1/v1","models":["x"]}],'
    . '"keys":[{"id":"key-0000000000000001","sha256":"' . 'ab' x 32
    . '","name":"k","scopes":["inference"]}],"end":true}');
my $text = slurp(file());
begin();
is(names('/nodes'), 'five one', 'the others are there');
is(names('/keys'), 'k robot static', 'so are the keys');
my $log = log_text();
for ('nodes[1] "two": "base_url" is that of nodes[0]',
     'nodes[2] "meta": "base_url" has an address at which no node may be',
     'nodes[3] "four": "weight" must be a whole number from 1 to 1000')
{
    cmp_ok(index($log, "state.json\": skipped $_"), '>', 0, $_) or diag($log);
}
my ($kept) = glob(file() . '.broken.*');
ok($kept && slurp($kept) eq $text, 'the file is kept as it was');
is(mode($kept), '600', '... for nobody else');
my $name = $kept =~ s{.*/}{}r;
ok(written(sub { @{ $_[0]{nodes} } == 2 }), 'a new one is written');
is(slurp($kept), $text, '... not over it');
is_deeply([@{ health() }{qw(status)}, health()->{state}{error}],
          ['degraded', "rows of it were skipped, set aside as $name"],
          'health says so');
end();
begin();
is(names('/nodes'), 'five one', 'a restart finds the same');
is_deeply([@{ api('GET', '/nodes/node-0000000000000005')->json }{base_url}],
          ['http://10.0.0.1/v1/v1'], '... with its URL');
is(health()->{status}, 'ok', '... and all is well');
end();



=== TEST 8: a zone that is too small
--- perl
my $p = mock_port('a');
my $keys = CORE::join ',', map { sprintf '{"id":"key-%016x","sha256":"%064x",'
    . '"name":"k%d","scopes":["inference"]}', $_, $_, $_ } 1 .. 500;
my $text = '{"version":1,"epoch":4,"nodes":[{"id":"node-0000000000000001",'
           . qq("name":"n","base_url":"http://127.0.0.1:$p","models":["m"]}],)
           . qq("keys":[$keys],"end":true});
my $why = 'it has 1 nodes and 500 keys, the zone has room for 128 and 407 '
          . 'more: make llm_router_zone 2m or larger';

own(zone => '1m');
put($text);
chmod 0640, file();
like(own_test(), qr/\[emerg\].*state\.json" does not fit: \Q$why\E/,
     'nginx -t sees it');
is(mode(file()), '640', '... and does nothing to the file');
ok(!start(), 'nginx does not start');
like(slurp(own_dir('start.log')), qr/does not fit: \Q$why\E/, '... and says why');
is(slurp(file()), $text, 'the file is as it was');
is_deeply([glob(file() . '.*')], [], '... and alone');

own(again => 1);
unlink own_dir('error.log');
begin();
is(scalar @{ api('GET', '/keys?limit=1000')->json->{data} }, 502,
   'in a larger zone all is there');
my $made = api('POST', '/keys', { name => 'made' })->json;
ok(written(sub { @{ $_[0]{keys} } == 501 }), 'what is made is written');
ok(wait_until(sub { chat_by($made->{key}, 'm')->status == 200 }), '... and good');

own(again => 1, zone => '1m');
like(again(), qr/\[emerg\].*does not fit: it has 1 nodes and 501 keys/,
     'a reload into a smaller one is refused');
is(chat_by($made->{key}, 'm')->status, 200, 'all goes on');
is(names('/nodes'), 'n', '... as it was');
is(api('POST', '/keys', { name => 'after' })->status, 201, '... with changes');
ok(written(sub { @{ $_[0]{keys} } == 502 }), '... that are kept');
is_deeply([glob(file() . '.*')], [], 'the file was not set aside');

own(again => 1, zone => '4m');
unlike(again(), qr/\[emerg\]/, 'a reload into one that has room');
ok(wait_until(sub { (eval { chat_by($made->{key}, 'm')->status } // 0) == 200 }),
   '... has it all');
is(scalar @{ api('GET', '/keys?limit=1000')->json->{data} }, 504, '... indeed');

rename file(), own_dir('well.json');
put('{"version":1,');
own(again => 1, zone => '6m');
like(again(), qr/\[emerg\].*can't be used: it is truncated/,
     'a broken file, where another zone needs it, is no reason to lose all');
is(chat_by($made->{key}, 'm')->status, 200, '... it goes on');
is_deeply([glob(file() . '.*')], [], '... the file is left there');
end(qr/does not fit|can't be used/);



=== TEST 9: what was done to nodes and keys of nginx.conf lasts
--- perl
my $p = mock_port('a');
my $static = "llm_router_node http://127.0.0.1:$p name=n models=m;"
             . "llm_router_node http://127.0.0.1:$p/two name=o models=m;";
own(static => $static);
begin();
my ($n) = grep { $_->{name} eq 'n' } @{ api('GET', '/nodes')->json->{data} };
my ($k) = grep { $_->{name} eq 'static' } @{ api('GET', '/keys')->json->{data} };
is(chat_by(clear(), 'm')->status, 200, 'the key is good');
is(api('POST', "/nodes/$n->{id}/drain")->status, 200, 'a node is drained');
is(api('DELETE', "/keys/$k->{id}")->status, 204, 'a key is revoked');

for ('a restart', 'a resized zone', 'an upgrade') {
    ok(written(sub { (grep { $_->{draining} } @{ $_[0]{static_nodes} })
                     && grep { $_->{revoked} } @{ $_[0]{static_keys} } }),
       'in the file');

    if (/zone/) {
        own(again => 1, static => $static, zone => '9m');
        again();

    } elsif (/upgrade/) {
        my $old = pid_of();
        send_to('USR2', $old);
        ok(wait_until(sub { -e own_dir('nginx.pid.oldbin') && pid_of()
                            && pid_of() != $old }), 'a new one starts');
        my $new = pid_of();
        ok(written(sub { $_[0]{pid} == $new }), '... and has the file');
        send_to('QUIT', $old);
        ok(gone($old), '... the old one ends');

    } else {
        end();
        begin();
    }

    is(api('GET', "/nodes/$n->{id}")->json->{state}, 'draining',
       "$_: the node drains");
    is(chat_by(clear(), 'm')->status, 401, "... the key is refused");
    like(log_text(), qr/\[warn\].*llm key "static" was revoked by the API/,
         '... which is told');
    is(index(log_text(), clear()), -1, '... by its name');
}

is(api('POST', "/nodes/$n->{id}/resume")->status, 200, 'resumed');
own(again => 1, static => $static, no_key => 1, zone => '9m');
again();
is(chat_by(clear(), 'm')->status, 401, 'nginx.conf has the key no more');
is(names('/keys'), 'robot', '... which is forgotten');
own(again => 1, static => $static, zone => '9m');
again();
is(chat_by(clear(), 'm')->status, 200, 'it has it again, and it is good');
ok(written(sub { !grep { $_->{draining} || $_->{revoked} }
                 @{ $_[0]{static_nodes} }, @{ $_[0]{static_keys} } }),
   '... in the file, too');
end();



=== TEST 10: a file that others own, or may write
--- perl
SKIP: {
    skip('who is not root gives no files away', 1) if $> != 0;
    my $text = '{"version":1,"epoch":4,"keys":[{"id":"key-0000000000000001",'
               . '"sha256":"' . 'ab' x 32 . '","name":"planted","scopes":'
               . '["admin"]}],"end":true}';
    own();
    put($text);
    chown 12345, -1, file();
    begin();
    is(names('/keys'), 'robot static', 'what is in it is not believed');
    like(log_text(), qr/\[error\].*can't be used: it belongs to the user 12345/,
         '... it is told');
    my $made = api('POST', '/keys', { name => 'made' })->json;
    is(health()->{status}, 'degraded', '... health says so');
    is(health()->{state}{error}, 'not ours, neither read nor written', '... why');
    is(health()->{state}{pending} ? 1 : 0, 1, '... and that something is not kept');
    select undef, undef, undef, 1.5;
    is(slurp(file()), $text, 'nobody writes over it');
    is_deeply([(stat file())[4], glob(file() . '.*')], [12345],
              '... and it is left there');
    again();
    is(health()->{status}, 'degraded', 'a reload looks again');

    chown 0, -1, file();
    chmod 0666, file();
    again();
    ok(wait_until(sub { names('/keys') eq 'made planted robot static' }),
       'given to us it is read, beside what was made')
        or diag(names('/keys'));
    like(log_text(), qr/\[warn\].*could be written by others, who may have made up/,
         '... others could write it, which is told');
    ok(written(sub { @{ $_[0]{keys} } == 2 }), '... and it is written again');
    is(health()->{status}, 'ok', '... which is well');
    is(mode(file()), '600', '... for nobody else');
    end();
    is(slurp(file()) =~ /made/ ? 1 : 0, 1, 'what was made is kept');
}



=== TEST 11: addresses that nginx.conf allows no more
--- perl
my $p = mock_port('a');
own();
begin();
is(api('POST', '/nodes', { name => 'n', base_url => "http://127.0.0.1:$p",
                           models => ['m'] })->status, 201, 'a node');
ok(wait_until(sub { chat_by(clear(), 'm')->status == 200 }), 'it serves');
my ($id) = map { $_->{id} } @{ api('GET', '/nodes')->json->{data} };
my %conf = (yes => 'llm_router_node_allow 127.0.0.0/8;',
            no => 'llm_router_node_allow 10.0.0.0/8;');

for (qw(no yes no restart yes)) {
    if ($_ eq 'restart') {
        end();
        begin();
    } else {
        own(again => 1, static => $conf{$_});
        again();
    }

    my $may = $_ eq 'yes';
    ok(wait_until(sub { chat_by(clear(), 'm')->status == ($may ? 200 : 503) }),
       "$_: it " . ($may ? 'serves' : 'gets nothing'));
    is(api('GET', "/nodes/$id")->json->{state}, $may ? 'online' : 'offline',
       '... as is shown');
}

is(scalar(() = log_text() =~ /\[warn\].*llm node "n" of the API is offline: llm_router_node_allow does not have its address, http:/g), 3,
   'the log says it each time');
end();



=== TEST 12: who waits for approval waits on, who was heard is silent from now on
--- perl
my $cc = $ENV{CC} || 'cc';
my $clock = "$ENV{TEST_NGINX_SERVROOT}/clock";

# the clock that only goes forward, ahead by as many ms as a file says

sub ahead {
    open my $out, '>', $clock or die "clock: $!\n";
    syswrite $out, pack 'q', $_[0];
}

SKIP: {
    skip('a sanitizer or valgrind has the place of the library', 1)
        if $ENV{LLMTEST_VALGRIND} || $ENV{ASAN_OPTIONS}
           || `$ENV{TEST_NGINX_BINARY} -V 2>&1` =~ /-fsanitize/;

    open my $c, '>', "$clock.c" or die "clock.c: $!\n";
    print $c <<'_EOC_';
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int        fd, rc = syscall(SYS_clock_gettime, id, ts);
    long long  ms = 0;

    if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE) {
        fd = open(CLOCK, O_RDONLY);
        if (pread(fd, &ms, 8, 0) == 8) {
            ts->tv_sec += ms / 1000;
        }
        close(fd);
    }

    return rc;
}
_EOC_
    close $c;
    system("$cc -shared -fPIC -Wall -O1 -DCLOCK='\"$clock\"' -o $clock.so"
           . " $clock.c") == 0 or die "no library\n";
    ahead(0);

    own(static => 'llm_router_key sk-nodes-0123456789abcdef name=nodes scopes=node;');
    my $run = sub { local $ENV{LD_PRELOAD} = "$clock.so"; begin() };
    $run->();

    my $register = sub {
        my ($name, $path) = @_;
        my $r = http('POST', '/api/nodes/register',
                     { Authorization => 'Bearer sk-nodes-0123456789abcdef',
                       'Content-Type' => 'application/json' },
                     json_encode({ name => $name, models => [$name],
                         base_url => 'http://127.0.0.1:' . mock_port('a') . $path }),
                     port => port());
        die $r->status . ' ' . $r->body if $r->status != 201;
        return $r->json->{node_id};
    };
    my ($waits, $heard) = ($register->('waits', '/two'), $register->('heard', ''));
    my $state = sub { api('GET', "/nodes/$_[0]")->json->{state} };

    is(api('POST', "/nodes/$heard/approve")->status, 200, 'one is approved');
    ok(wait_until(sub { $state->($heard) eq 'online' }), '... and online');
    is($state->($waits), 'pending', 'the other waits');
    ahead(50_000);
    end();
    $run->();

    is($state->($waits), 'pending', 'it does so after a restart');
    is(chat_by(clear(), 'waits')->status, 503, '... and gets nothing');
    ok(wait_until(sub { chat_by(clear(), 'heard')->status == 200 }),
       'the other serves');
    ahead(90_000);
    select undef, undef, undef, 2.5;
    is($state->($heard), 'online', 'its silence counts from the restart')
        or diag(log_text());
    ahead(120_000);
    ok(wait_until(sub { $state->($heard) eq 'offline' }), '... and ends it');
    like(log_text(), qr/llm node "heard" is offline: no heartbeat for 60 s/,
         '... as is told');
    end();
}
