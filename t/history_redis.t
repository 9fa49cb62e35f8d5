# The history in Redis: a worker that dies just as its answer has left, how much
# is kept and for how long, several routers in one stream, TLS.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;
use LLMTest::Daemon;
use LLMTest::Redis;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX ();

my ($dir, $tls);

BEGIN {
    $dir = tempdir(CLEANUP => 1);
    $tls = LLMTest::free_port();

    $ENV{TEST_NGINX_REDIS} = LLMTest::free_port();
    $ENV{TEST_NGINX_REDIS_TLS} = $tls;
    $ENV{TEST_NGINX_TLS} = $dir;
    $ENV{ROUTER_TEST_REDIS} = 'secret-of-redis';
}

our $Redis = own_redis($ENV{TEST_NGINX_REDIS});

our $Http = $AdminKey . $Pid . <<'_EOC_';
    llm_router_key sk-test-0123456789abcdef name=test;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A models=m;
_EOC_

our $Plain = 'llm_router_redis 127.0.0.1:$TEST_NGINX_REDIS prefix=t:;';
our $Other = 'llm_router_redis 127.0.0.1:$TEST_NGINX_REDIS prefix=o:;';
our $Few = 'llm_router_history size=20 retention=1h;';
our $Locked = 'llm_router_redis 127.0.0.1:$TEST_NGINX_REDIS '
              . 'password=env:ROUTER_TEST_REDIS;';
our $Ca = 'llm_router_trusted_certificate $TEST_NGINX_TLS/ca.crt;';
our $Strange = 'llm_router_trusted_certificate $TEST_NGINX_TLS/strange.crt;';
our $Tls = 'llm_router_redis localhost:$TEST_NGINX_REDIS_TLS tls '
           . 'password=env:ROUTER_TEST_REDIS;';

defaults(
    mock => "a\n",
    config => "    $Listen\n    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

sub redis { return $Redis }
sub told { return api('GET', '/stats')->json->{history} }
sub named { return { 'x-request-id' => $_[0] } }
sub xlen { return 0 + $Redis->ask('XLEN', ($_[0] // 't:') . 'history') }
sub ids { return join ' ', map { $_->{request_id} } @_ }

sub is_there {
    return $Redis->begin && wait_until(sub { told()->{source} eq 'redis' }, 20);
}


# -- a worker that is stopped at each of its system calls

use constant { ATTACH => 16, DETACH => 17, SYSCALL => 24 };

sub tracing {
    my ($request, $pid) = @_;
    my %number = (x86_64 => 101, aarch64 => 117);
    my $n = $number{ (POSIX::uname())[4] } or return -1;
    return syscall($n, $request, $pid, 0, 0);
}

sub can_trace {
    my ($pid) = worker_pids();

    return 0 if tracing(ATTACH, $pid) != 0;
    waitpid $pid, 0;
    return tracing(DETACH, $pid) == 0;
}

# it is killed at the call after which its answer is whole

sub killed_at_last {
    my ($id, $model, $more) = @_;
    my ($pid) = worker_pids();
    my $answer = '';
    my $body = qq({"model":"$model","messages":[{"role":"user",)
               . qq("content":"hi"}]$more});
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => port()) or return 0;

    tracing(ATTACH, $pid);
    waitpid $pid, 0;
    syswrite $sock, "POST /v1/chat/completions HTTP/1.1\r\n"
        . "Host: localhost\r\nX-Request-Id: $id\r\n"
        . "Authorization: Bearer sk-test-0123456789abcdef\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
    $sock->blocking(0);

    for (1 .. 10_000) {
        last if tracing(SYSCALL, $pid) != 0 || waitpid($pid, 0) != $pid;
        sysread $sock, $answer, 65536, length $answer;
        last if is_whole($answer);
    }

    # its master learns of it after who traces it

    kill 'KILL', $pid;
    waitpid $pid, 0;
    wait_until(sub { my ($new) = worker_pids(); $new && $new != $pid });
    return is_whole($answer);
}

sub is_whole {
    my ($head, $rest) = $_[0] =~ /\A(.*?\r\n)\r\n(.*)/s or return 0;
    return length $rest >= $1 if $head =~ /^content-length: (\d+)/im;
    return $rest =~ /(?:^|\n)0\r\n\r\n\z/;
}


# -- certificates of a CA of our own, and a CA that signed none of them

sub openssl { system("openssl @_ >$dir/log 2>&1") == 0 or die `cat $dir/log` }

for (qw(ca strange)) {
    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$_",
            "-keyout $dir/$_.key -out $dir/$_.crt");
}

for ([ good => 'DNS:localhost' ], [ other => 'DNS:other.test' ]) {
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

# a Redis with that certificate, which wants a password

sub begin_tls {
    my ($name) = @_;

    $Redis->end;
    $Redis->{args} = ['--tls-port', $tls, '--tls-cert-file', "$dir/$name.crt",
                      '--tls-key-file', "$dir/$name.key", '--tls-ca-cert-file',
                      "$dir/ca.crt", '--tls-auth-clients', 'no',
                      '--requirepass', $ENV{ROUTER_TEST_REDIS}];
    return $Redis->begin;
}

sub tls_xlen {
    return 0 + $Redis->ask('-a', $ENV{ROUTER_TEST_REDIS}, '--no-auth-warning',
                           'XLEN', 'llm:history');
}


# -- another router, on a machine of another name where that can be had

sub other_router {
    my $binary = $ENV{TEST_NGINX_BINARY};
    my $can = system('unshare -u hostname two 2>/dev/null') == 0;

    local $ENV{TEST_NGINX_BINARY} = $can
        ? qq{unshare -u sh -c 'hostname two; exec $binary "\$@"' sh} : $binary;

    my $port = mock_port('a');
    my $d = own_nginx(workers => 1, state => '', http =>
        "llm_router_node http://127.0.0.1:$port models=m;\n"
        . "llm_router_redis 127.0.0.1:$ENV{TEST_NGINX_REDIS} prefix=o:;\n");
    return ($d, $can);
}

workers(1);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: a worker is killed when the last byte is just out
--- http_config eval: $::Http . $::Plain
--- allow_signal
--- slow_stop
--- timeout: 120
--- perl
ok(is_there(), 'Redis is there');

if (!can_trace()) {
    note('ptrace() is not allowed here');
    return;
}

for ([ 'answer', 'm', '' ], [ 'stream', 'm', ',"stream":true' ],
     [ 'error', 'none', '' ])
{
    my ($id, @request) = @$_;
    ok(killed_at_last($id, @request), "an $id came wholly");
}

ok(wait_until(sub { xlen() == 3 }), 'they are recorded');
my @all = redis()->records('t:');
is(ids(@all), 'answer stream error', 'each once');
is(CORE::join(' ', map { "$_->{status} $_->{http_status}" } @all),
   'success 200 success 200 error 404', 'with how they ended');
redis()->end;



=== TEST 2: so many are kept, for so long
--- http_config eval: $::Http . $::Plain . $::Few
--- slow_stop
--- perl
my $now = time;
ok(redis()->begin, 'Redis is there');
redis()->ask('XADD', 't:history', ($now - 7200) . '000-0', 'record', '{"n":1}');
redis()->ask('XADD', 't:history', ($now - 3500) . '000-0', 'record', '{"n":2}');
redis()->ask('HSET', 't:history:cursors', 'aaaa', '5 ' . ($now - 7200) . '000');
redis()->ask('HSET', 't:history:cursors', 'bbbb', '5 ' . ($now - 3500) . '000');
redis()->ask('HSET', 't:history:models', 'gone', ($now - 7200) . '000');
redis()->ask('HSET', 't:history:models', 'late', ($now - 3500) . '000');

chat({}, named('r1'));
ok(wait_until(sub { redis()->ask(qw(XRANGE t:history - +)) =~ /"r1"/ }),
   'one more');
is(CORE::join(' ', map { $_->{n} // $_->{request_id} } redis()->records('t:')),
   '2 r1', 'one that is too old is gone');

# who begins looks at it, and then once a minute, though there is nothing new

redis()->ask('DEL', 't:history');
redis()->ask('XADD', 't:history', ($now - 7200) . '000-0', 'record', '{"n":3}');
redis()->ask('XADD', 't:history', ($now - 3500) . '000-0', 'record', '{"n":4}');
reload();
ok(wait_until(sub { xlen() == 1 }), 'also without a new record');
redis()->ask('DEL', 't:history');
redis()->ask('XADD', 't:history', ($now - 3500) . '000-0', 'record', '{"n":2}');

is(redis()->ask('HGET', 't:history:cursors', 'aaaa'), "\n",
   'a ring that was long not heard of, too');
is(redis()->ask('HGET', 't:history:cursors', 'bbbb') =~ /^5 /, 1,
   '... another is not');
is(CORE::join(' ', sort split /\n/, redis()->ask('HKEYS', 't:history:models')),
   'late m', 'and a model');

chat({}, named("r$_")) for 2 .. 30;
ok(wait_until(sub { (redis()->records('t:'))[-1]{request_id} eq 'r30' }),
   'many more');
is(ids(redis()->records('t:')), CORE::join(' ', map { "r$_" } 11 .. 30),
   'as many as are kept');
is(ids(@{ api('GET', '/history?limit=100')->json->{data} }),
   CORE::join(' ', map { "r$_" } reverse 11 .. 30), 'the page has them');
is(api('GET', '/history/r10')->status, 404, '... and not the one before');
redis()->end;



=== TEST 3: nginx ends while several batches wait
--- http_config eval: $::Http . $::Plain
--- slow_stop
--- perl
ok(is_there(), 'Redis is there');
chat({}, named('first'));
ok(wait_until(sub { xlen() == 1 }), 'and is written to');

redis()->freeze;
burst(map { [ {}, named("r$_"), port => port() ] } 1 .. 100) for 1 .. 13;
redis()->thaw;
kill 'QUIT', master_pid();
ok(wait_until(sub { !master_pid() }, 20), 'nginx has ended');
is(xlen(), 1301, 'all are there');
redis()->end;



=== TEST 4: two routers write to one stream
--- http_config eval: $::Http . $::Other
--- slow_stop
--- perl
ok(is_there(), 'Redis is there');

my ($two, $named) = other_router();

for my $n (1 .. 20) {
    chat({}, named("one$n"));
    $two->chat({}, named("two$n"));
}

ok(wait_until(sub { xlen('o:') == 40 }), 'all are written');

my @all = redis()->records('o:');
my %seen;
$seen{ $_->{request_id} }++ for @all;
is(scalar keys %seen, 40, 'each once');

my %ring;
$ring{ $_->{id} =~ s/-.*//r }{ substr $_->{request_id}, 0, 3 }++ for @all;
is(CORE::join(', ', sort map { CORE::join ' ', %$_ } values %ring),
   'one 20, two 20', "their ids tell the routers apart");

if ($named) {
    my %router;
    $router{ $_->{router} eq 'two' ? 'two' : 'one' }
        { substr $_->{request_id}, 0, 3 }++ for @all;
    is_deeply(\%router, { one => { one => 20 }, two => { two => 20 } },
              'each names its router');
}

my @pages = map { [ map { $_->{id} } @{ $_->json->{data} } ] }
    api('GET', '/history?limit=100'), $two->api('GET', '/history?limit=100');
is(scalar @{ $pages[0] }, 40, 'a page has those of both');
is_deeply($pages[1], $pages[0], '... the other router has the same');

$two->end;
redis()->end;



=== TEST 5: over TLS, with a password
--- http_config eval: $::Http . $::Tls . $::Ca
--- slow_stop
--- error_log
the records wait in shared memory
--- perl
ok(begin_tls('good'), 'Redis is there');
chat({}, named('r1'));
ok(wait_until(sub { tls_xlen() == 1 }, 20), 'a record is written');
is(ids(@{ api('GET', '/history')->json->{data} }), 'r1', '... and read');
is(told()->{source}, 'redis', '... there');

ok(begin_tls('other'), 'one with a certificate of another name');
chat({}, named('r2'));
ok(wait_until(sub { (told()->{error} // '') =~ /another host/ }, 20),
   'it is refused');
is(tls_xlen(), 0, '... nothing is written');
is(scalar @{ api('GET', '/history')->json->{data} }, 2, 'the ring has both');

ok(begin_tls('good'), 'the right one again');
ok(wait_until(sub { tls_xlen() == 2 }, 20), 'all is written');
redis()->end;



=== TEST 6: a certificate of another CA
--- http_config eval: $::Http . $::Tls . $::Strange
--- slow_stop
--- error_log
the records wait in shared memory
--- perl
ok(begin_tls('good'), 'Redis is there');
chat({}, named('r1'));
ok(wait_until(sub { (told()->{error} // '') =~ /certificate|handshake/ }, 20),
   'it is refused');
note(told()->{error});
is(tls_xlen(), 0, '... nothing is written');
redis()->end;



=== TEST 7: a wrong password
--- http_config eval: $::Http . $::Locked
--- slow_stop
--- error_log
WRONGPASS
--- perl
local $ENV{ROUTER_TEST_REDIS} = 'another-secret';
ok(begin_tls('good'), 'Redis is there');
ok(wait_until(sub { (told()->{error} // '') =~ /WRONGPASS/ }, 20),
   'it is told');
unlike(told()->{error} . error_log_text(), qr/(?:another|secret)-/,
       '... without it');
redis()->end;
