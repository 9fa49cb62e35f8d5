# Nodes behind TLS: the name sent, the certificate verified, by the probe and
# by requests.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use File::Temp qw(tempdir);

my $dir = tempdir(CLEANUP => 1);

sub openssl { system("openssl @_ >$dir/log 2>&1") == 0 or die `cat $dir/log` }

# a CA of our own, and certificates of it for a name and for an address

openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca",
        "-keyout $dir/ca.key -out $dir/ca.crt");

for ([ good => 'DNS:localhost,IP:127.0.0.1' ], [ other => 'DNS:other.test' ]) {
    my ($name, $alt) = @$_;
    open my $f, '>', "$dir/$name.ext" or die $!;
    print $f "subjectAltName=$alt\n";
    close $f;
    openssl("req -newkey rsa:2048 -nodes -subj /CN=$name",
            "-keyout $dir/$name.key -out $dir/$name.csr");
    openssl("x509 -req -in $dir/$name.csr -CA $dir/ca.crt -CAkey $dir/ca.key",
            "-CAcreateserial -days 2 -extfile $dir/$name.ext",
            "-out $dir/$name.crt");
}

$ENV{TEST_NGINX_TLS} = $dir;
$ENV{"TEST_NGINX_TLS_$_"} = LLMTest::free_port() for qw(GOOD OTHER);

our $Servers = $LogFormat . <<'_EOC_';
    log_format tls '$ssl_server_name $ssl_session_reused';
    llm_router_key sk-test-0123456789abcdef;
    llm_router_health interval=200ms timeout=2s;
    server {
        listen 127.0.0.1:$TEST_NGINX_TLS_GOOD ssl;
        ssl_certificate $TEST_NGINX_TLS/good.crt;
        ssl_certificate_key $TEST_NGINX_TLS/good.key;
        access_log logs/tls.log tls;
        location / { proxy_pass http://127.0.0.1:$TEST_NGINX_NODE_A; }
    }
    server {
        listen 127.0.0.1:$TEST_NGINX_TLS_OTHER ssl;
        ssl_certificate $TEST_NGINX_TLS/other.crt;
        ssl_certificate_key $TEST_NGINX_TLS/other.key;
        access_log off;
        location / { proxy_pass http://127.0.0.1:$TEST_NGINX_NODE_A; }
    }
_EOC_

defaults(
    mock => "a --models m\n",
    config => "    location /v1/ { llm_router on; }\n",
);

workers(1);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: a certificate of a CA that is trusted, for the node's name
--- http_config eval
$::Servers . '
    llm_router_trusted_certificate $TEST_NGINX_TLS/ca.crt;
    llm_router_node https://localhost:$TEST_NGINX_TLS_GOOD name=tls;
'
--- perl
ok(models_are('m'), 'the probe gets through');

for my $stream (JSON::PP::false(), JSON::PP::true()) {
    is(chat({ model => 'm', stream => $stream })->status, 200, 'a request too');
}

my $log = join '', `cat $ENV{TEST_NGINX_SERVROOT}/logs/tls.log`;
like($log, qr/^localhost /m, 'the name was sent');
unlike($log, qr/^(?!localhost )/m, 'always');



=== TEST 2: a certificate for another name is refused
--- http_config eval
$::Servers . '
    llm_router_trusted_certificate $TEST_NGINX_TLS/ca.crt;
    llm_router_node https://localhost:$TEST_NGINX_TLS_OTHER name=tls models=m;
'
--- perl
my $r = chat({ model => 'm' });
ok($r->status == 502 || $r->status == 503, 'nobody is asked');
is(mock_stats('a')->{requests}, 0, 'the node saw nothing');
ok(wait_until(sub { node_row('tls')->{state} eq 'offline' }),
   'and the probe takes it away');



=== TEST 3: a CA that is not trusted is refused
--- http_config eval
$::Servers . '
    llm_router_node https://localhost:$TEST_NGINX_TLS_GOOD name=tls models=m;
'
--- perl
my $r = chat({ model => 'm' });
ok($r->status == 502 || $r->status == 503, 'nobody is asked');
is(mock_stats('a')->{requests}, 0, 'the node saw nothing');



=== TEST 4: an address in place of a name
--- http_config eval
$::Servers . '
    llm_router_trusted_certificate $TEST_NGINX_TLS/ca.crt;
    llm_router_node https://127.0.0.1:$TEST_NGINX_TLS_GOOD name=tls;
'
--- perl
ok(models_are('m'), 'the probe gets through');
is(chat({ model => 'm' })->status, 200, 'a request too');



=== TEST 5: sessions are used again, connections are kept
--- http_config eval
my $p = LLMTest::free_port();
$::Servers . '
    llm_router_trusted_certificate $TEST_NGINX_TLS/ca.crt;
    llm_router_node https://localhost:' . $p . ' name=tls models=m check=off;
    log_format reused "$connection_requests $ssl_session_reused $ssl_protocol";
    server {
        listen 127.0.0.1:' . $p . ' ssl;
        keepalive_requests 3;
        ssl_session_cache shared:reused:1m;
        ssl_certificate $TEST_NGINX_TLS/good.crt;
        ssl_certificate_key $TEST_NGINX_TLS/good.key;
        access_log logs/reused.log reused;
        location / { proxy_pass http://127.0.0.1:$TEST_NGINX_NODE_A; }
    }
'
--- perl
is(scalar(grep { $_->status == 200 } map { chat() } 1 .. 9), 9, 'served');
my @log;
ok(wait_until(sub {
    @log = map { [split] } `cat $ENV{TEST_NGINX_SERVROOT}/logs/reused.log`;
    return @log == 9;
}), 'logged');
is_deeply([map { $_->[0] } @log], [(1, 2, 3) x 3],
          'three requests a connection');
my @first = grep { $_->[0] == 1 } @log;
is($first[0][1], '.', 'the first session is new');
is($first[$_][1], 'r', 'the next one is the same') for 1, 2;



=== TEST 6: streams, large bodies, a node that fails behind TLS
--- mock
a --models m
b --models m
--- http_config eval
$::Servers . '
    llm_router_trusted_certificate $TEST_NGINX_TLS/ca.crt;
    llm_router_node https://localhost:$TEST_NGINX_TLS_GOOD name=tls models=m
                    check=off;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_B name=b models=m
                    check=off;
' =~ s/(location \/ \{ proxy_pass)/client_max_body_size 0; $1/gr
--- config
    location /v1/ { llm_router on; client_max_body_size 64m; }
    location /one/v1/ { llm_router on; llm_router_tries 1; }
--- perl
my $n = share(map { chat({ user => 'x' x 500_000 }) } 1 .. 8);
is_deeply($n, { tls => 4, b => 4 }, 'both serve large bodies');

for (1, 2) {
    my @data = events(stream({}, { 'X-Mock' => 'tokens=20;pace=5' }));
    is($data[-1], '[DONE]', 'a stream to its end');
    is(scalar(grep { /"content"/ } @data) >= 20, 1, 'whole');
}

mock_stop('a');
is_deeply(share(map { chat() } 1 .. 4), { b => 4 },
          'a 502 of its front: the other one serves');
mock_start('a');
# one whose answer was read may still hold its slot
is_deeply(share(map { totals_are(in_flight => 0); chat() } 1 .. 4),
          { tls => 2, b => 2 }, 'both again');



=== TEST 7: who speaks no TLS, or only an old one
--- http_config eval
my $p = LLMTest::free_port();
$::Servers . '
    llm_router_trusted_certificate $TEST_NGINX_TLS/ca.crt;
    llm_router_node https://localhost:$TEST_NGINX_NODE_A name=plain models=p
                    check=off;
    llm_router_node https://localhost:' . $p . ' name=old models=o check=off;
    server {
        listen 127.0.0.1:' . $p . ' ssl;
        ssl_protocols TLSv1.1;
        ssl_ciphers DEFAULT@SECLEVEL=0;
        ssl_certificate $TEST_NGINX_TLS/good.crt;
        ssl_certificate_key $TEST_NGINX_TLS/good.key;
        location / { proxy_pass http://127.0.0.1:$TEST_NGINX_NODE_A; }
    }
'
--- perl
for (qw(p o)) {
    my $r = chat({ model => $_ });
    is($r->status, 502, "$_: refused");
    is($r->json->{error}{code}, 'upstream_error', "$_: as unreachable");
}

is(mock_stats('a')->{requests}, 0, 'no node saw anything');
--- error_log
SSL_do_handshake() failed



=== TEST 8: a certificate for another address
--- http_config eval
$::Servers . '
    llm_router_trusted_certificate $TEST_NGINX_TLS/ca.crt;
    llm_router_node https://127.0.0.1:$TEST_NGINX_TLS_OTHER name=x models=m;
'
--- perl
my $r = chat();
ok($r->status == 502 || $r->status == 503, 'nobody is asked');
ok(wait_until(sub { node_row('x')->{state} eq 'offline' }), 'nor probed');
is(mock_stats('a')->{requests} + mock_stats('a')->{models_requests}, 0,
   'the node saw nothing');



=== TEST 9: without verification there is no way in
--- http_config eval
$::Servers . '
    llm_router_trusted_certificate $TEST_NGINX_TLS/no-such-file.crt;
    llm_router_node https://localhost:$TEST_NGINX_TLS_GOOD name=tls;
'
--- must_die
--- error_log
no-such-file.crt
