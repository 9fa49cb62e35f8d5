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
