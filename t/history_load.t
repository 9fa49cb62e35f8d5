# The history under load: workers are killed, nginx is reloaded, Redis is
# started anew.  A request that was answered, with whatever status, is recorded
# once; one that was not is recorded once or never.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;
use LLMTest::Load;
use LLMTest::Redis;
use IO::Select;
use IO::Socket::INET;

BEGIN { $ENV{TEST_NGINX_REDIS} = LLMTest::free_port() }

# what Redis says it has written is on disk: append => 1

our $Redis = own_redis($ENV{TEST_NGINX_REDIS}, append => 1);

my ($requests, $rounds) = $ENV{LLMTEST_LONG} ? (100_000, 2) : (5_000, 1);
my $clients = 2;
my $connections = 24;

defaults(
    mock => "a\n",
    http_config => $AdminKey . $Pid . <<'_EOC_',
    access_log off;
    llm_router_key sk-test-0123456789abcdef name=test max_concurrent=1000;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A models=m;
    llm_router_redis 127.0.0.1:$TEST_NGINX_REDIS prefix=t:;
    llm_router_history size=1000000;
_EOC_
    config => "    $Listen\n    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

sub told { return api('GET', '/stats')->json->{history} }


# Requests over connections of this process, one after another on each, not so
# fast that the ring is full while Redis starts: every fourth a stream, every
# fiftieth left by its client.  Its answered[n] is the status of request n, when
# all of its answer came.

my (%conn, $select, @answered);

sub requests {
    my ($client, $call) = @_;

    $select //= IO::Select->new;
    @answered = (0) if !@answered;

    my $end = @answered + 200;

    while (@answered < $end) {
        ask($client) while keys %conn < $connections;
        read_some($conn{ fileno $_ }) for $select->can_read(1);
    }

    return { answered => \@answered };
}

sub ask {
    my ($client, $sock) = @_;
    my $n = @answered;
    my $stream = $n % 4 == 0 ? ',"stream":true' : '';
    my $body = qq({"model":"m","messages":[{"role":"user","content":"hi"}])
               . "$stream}";

    push @answered, 0;
    $sock //= IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                    PeerPort => port()) or return;

    my $sent = syswrite $sock, "POST /v1/chat/completions HTTP/1.1\r\n"
        . "Host: localhost\r\nX-Request-Id: $client-$n\r\n"
        . "Authorization: Bearer sk-test-0123456789abcdef\r\n"
        . "X-Mock: delay=12\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";

    if (!$sent || $n % 50 == 49) {
        over($sock);
        return;
    }

    $select->add($sock);
    $conn{ fileno $sock } = { sock => $sock, n => $n, client => $client,
                              buf => '' };
}

sub read_some {
    my ($c) = @_;

    my $n = sysread $c->{sock}, $c->{buf}, 65536, length $c->{buf};
    return over($c->{sock}) if !$n;

    my ($status, $head, $rest) = $c->{buf}
        =~ m{\AHTTP/1\.1 (\d+) .*?\r\n(.*?\r\n)\r\n(.*)}s or return;

    return if $head =~ /^content-length: (\d+)/im
              ? length $rest < $1 : $rest !~ /(?:^|\n)0\r\n\r\n\z/;

    $answered[ $c->{n} ] = $status;
    delete $conn{ fileno $c->{sock} };
    return over($c->{sock}) if $head =~ /^connection: close/im;
    ask($c->{client}, $c->{sock});
}

sub over {
    my ($sock) = @_;
    $select->remove($sock);
    delete $conn{ fileno $sock };
    close $sock;
}


# what is done meanwhile, in turn

my @events = (
    sub { kill 'KILL', (worker_pids())[0] },
    sub { kill 'HUP', master_pid() },
    sub { $Redis->kill9; $Redis->begin },
    sub { kill 'KILL', worker_pids() },
    sub { kill 'HUP', master_pid(); kill 'KILL', (worker_pids())[-1] },
    sub { $Redis->end; kill 'KILL', (worker_pids())[-1]; $Redis->begin },
    sub { $Redis->freeze; kill 'KILL', worker_pids(); $Redis->thaw },
);

# nothing is to be dropped: what was done last is over

sub room {
    my $told = eval { told() } or return 0;
    return $told->{pending} < 2000;
}

# all of them, and what each client knows

sub under_load {
    my $load = begin_load($clients, \&requests);
    my @all = (@events) x $rounds;

    for my $i (0 .. $#all) {
        my $until = $requests * ($i + 1) / (@all + 1);
        wait_until(sub { total('requests') >= $until && room() });
        $all[$i]->();
    }

    wait_until(sub { total('requests') >= $requests }, 120);
    return $load->stop;
}

# how often each request is in Redis

sub recorded {
    my %n;
    my $from = '-';

    for (;;) {
        my $text = $Redis->ask('XRANGE', 't:history', $from, '+', 'COUNT',
                               10_000);
        $n{$_}++ for $text =~ /"request_id":"([^"]*)"/g;

        my ($last) = $text =~ /.*^(\d+-\d+)$/ms or return \%n;
        $from = "($last";
    }
}

sub compare {
    my ($seen, @answered) = @_;
    my $r = { made => 0, status => {}, lost => [], twice => [] };

    for my $i (0 .. $#answered) {
        for my $n (1 .. $#{ $answered[$i] }) {
            my $status = $answered[$i][$n];
            my $times = delete $seen->{"$i-$n"} // 0;

            $r->{made}++;
            $r->{status}{$status}++;
            push @{ $r->{lost} }, "$i-$n" if $status && !$times;
            push @{ $r->{twice} }, "$i-$n" if $times > 1;
        }
    }

    $r->{other} = [ sort keys %$seen ];
    return $r;
}

sub first { return join ' ', splice @_, 0, 10 }

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: each that was answered is recorded once
--- allow_signal
--- slow_stop
--- timeout: 300
--- perl
ok($main::Redis->begin, 'Redis is there');
ok(wait_until(sub { told()->{source} eq 'redis' }), 'and seen');

my @clients = under_load();

ok(wait_until(sub { told()->{pending} == 0 }, 60), 'all is written');

# what a worker had written down when it died comes within a second

my $r;
wait_until(sub {
    $r = compare(recorded(), map { $_->{answered} } @clients);
    !@{ $r->{lost} };
}, 20);
my $status = $r->{status};

note("$r->{made} requests, by status: ",
     join ', ', map { "$_: $status->{$_}" } sort keys %$status);
cmp_ok($status->{200}, '>', 0.9 * $r->{made}, 'most were answered');
is(first(@{ $r->{lost} }), '', 'each of them is there');
is(first(@{ $r->{twice} }), '', 'none is there twice');
is(first(@{ $r->{other} }), '', 'nothing else is');
is(told()->{dropped}, 0, 'the ring had room');
