package LLMTest::Helpers;

# What --- perl may call besides the assertions: requests and streams, mock
# nodes, the logs, nginx's processes.

use strict;
use warnings;

use IO::Select;
use JSON::PP ();
use POSIX ();
use Storable ();
use Test::More ();
use Time::HiRes qw(sleep time);
use LLMTest::Client;
use LLMTest::Mock;

use Exporter qw(import);

our @HELPERS = qw(
    http http_conn open_stream read_event close_stream reset_stream
    concurrently wait_until json_encode json_decode
    mock_port mock_set mock_stats mock_last mock_reset mock_stop mock_start
    reload master_pid worker_pids kill9_worker
    error_log_text access_log_text wait_log conf_file status_page
    note explain
);
our @EXPORT = (@HELPERS, qw(@HELPERS alive log_file slurp $Slow));

our $Slow = $ENV{LLMTEST_VALGRIND} ? 10 : 1;

my $json = JSON::PP->new->utf8->allow_nonref->canonical;


sub http {
    my ($method, $path, $headers, $body, %opt) = @_;
    my $conn = LLMTest::Client->connect(%opt);
    return $conn->http($method, $path, $headers, $body, %opt);
}


# A connection that stays: $c->http(METHOD, PATH, {…}, body, keepalive => 1)

sub http_conn { return LLMTest::Client->connect(@_) }


sub open_stream {
    my ($method, $path, $headers, $body, %opt) = @_;
    my $conn = LLMTest::Client->connect(%opt);

    $conn->start($method, $path, $headers, $body, %opt);
    $conn->read_head($opt{timeout}) if !$opt{no_head};
    return $conn;
}


sub read_event { my $s = shift; return $s->read_event(@_) }
sub close_stream { return $_[0]->close }
sub reset_stream { return $_[0]->reset }
sub json_encode { return $json->encode($_[0]) }
sub json_decode { return $json->decode($_[0]) }
sub mock_port { return LLMTest::Mock::port(@_) }
sub mock_set { return LLMTest::Mock::set(@_) }
sub mock_stats { return LLMTest::Mock::stats(@_) }
sub mock_last { return LLMTest::Mock::last(@_) }
sub mock_reset { return LLMTest::Mock::reset(@_) }
sub mock_stop { return LLMTest::Mock::stop(@_) }
sub mock_start { return LLMTest::Mock::restart(@_) }
sub note { return Test::More::note(@_) }
sub explain { return Test::More::explain(@_) }
sub error_log_text { return slurp(log_file('error')) // '' }
sub access_log_text { return slurp(log_file('access')) // '' }
sub conf_file { return "$ENV{TEST_NGINX_SERVROOT}/conf/nginx.conf" }
sub log_file { return "$ENV{TEST_NGINX_SERVROOT}/logs/$_[0].log" }


sub slurp {
    my ($path) = @_;

    open my $in, '<', $path or return undef;
    binmode $in;
    local $/;
    return <$in> // '';
}


# The status page as data; undef where there is none.

sub status_page {
    my $r = eval { http('GET', $LLMTest::StatusPath) };
    return $r && $r->status == 200 ? $r->json : undef;
}


# Runs sub(0) … sub(N - 1) in N processes at once; their results in order.
# A result is any data; one that died or took too long is undef.

sub concurrently {
    my ($n, $sub, $timeout) = @_;
    my (@child, @result);
    my $end = time + ($timeout // 30) * $Slow;

    for my $i (0 .. $n - 1) {
        pipe my $r, my $w or die "pipe: $!\n";
        my $pid = fork() // die "fork: $!\n";

        if ($pid == 0) {
            close $r;
            my $v = eval { [$sub->($i)] };
            print STDERR "# concurrently($i): $@" if $@;
            print $w Storable::freeze($v) if $v;
            close $w;
            POSIX::_exit($v ? 0 : 1);
        }

        close $w;
        push @child, [$pid, $r];
    }

    for (@child) {
        my ($pid, $r) = @$_;
        my $bytes = read_all($r, $end);

        kill 'KILL', $pid if !defined $bytes;
        waitpid $pid, 0;
        my $v = $bytes ? Storable::thaw($bytes) : [undef];
        push @result, @$v > 1 ? $v : $v->[0];
    }

    return @result;
}


sub read_all {
    my ($r, $end) = @_;
    my $buf = '';

    while (1) {
        my $left = $end - time;
        return undef if $left <= 0 || !IO::Select->new($r)->can_read($left);
        my $n = sysread $r, $buf, 65536, length $buf;
        return $buf if !$n;
    }
}


sub wait_until {
    my ($cond, $seconds) = @_;
    my $end = time + ($seconds // 5) * $Slow;

    while (1) {
        my $v = $cond->();
        return $v if $v;
        return 0 if time >= $end;
        sleep 0.005;
    }
}


sub wait_log {
    my ($re, $seconds) = @_;
    return wait_until(sub { error_log_text() =~ $re }, $seconds);
}


sub master_pid {
    my $pid = slurp("$ENV{TEST_NGINX_SERVROOT}/logs/nginx.pid") // return 0;
    return $pid =~ /(\d+)/ && alive($1) ? $1 : 0;
}


# The workers that take new connections (those shutting down are left out).

sub worker_pids {
    my $master = master_pid() or return;
    my @pids;

    for my $pid (children($master)) {
        my $title = slurp("/proc/$pid/cmdline") // next;
        push @pids, $pid if $title =~ /worker process/
                            && $title !~ /shutting down/;
    }

    @pids = sort { $a <=> $b } @pids;
    return @pids;
}


# Not every kernel has a list of them.

sub children {
    my ($parent) = @_;
    my $list = slurp("/proc/$parent/task/$parent/children");

    return split ' ', $list if defined $list;
    return map { /^(\d+) \(.*\) \S (\d+)/s && $2 == $parent ? $1 : () }
           map { slurp($_) // '' } glob('/proc/[0-9]*/stat');
}


# HUP, and the old workers have left the listening socket.

sub reload {
    my ($timeout) = @_;
    my $master = master_pid() or die "nginx does not run\n";
    my %old = map { $_ => 1 } worker_pids();
    my $marks = () = error_log_text() =~ /reconfiguring/g;

    kill 'HUP', $master;

    if (!%old) {
        return wait_until(sub {
            my $n = () = error_log_text() =~ /reconfiguring/g;
            return $n > $marks;
        }, $timeout);
    }

    my $want = LLMTest::engine_sub('workers')->();
    return wait_until(sub {
        my @now = worker_pids();
        return @now >= $want && !grep { $old{$_} } @now;
    }, $timeout);
}


# Kills one worker for good and waits for its successor; its pid is returned.
# Right after a reload there are more workers than there are to be.

sub kill9_worker {
    my ($pid) = @_;
    my $want = LLMTest::engine_sub('workers')->();

    $pid //= (worker_pids())[0];
    kill 'KILL', $pid;
    wait_until(sub {
        my @now = worker_pids();
        return @now >= $want && !grep { $_ == $pid } @now;
    }) or die "no successor for the killed worker\n";
    return $pid;
}


# a daemon that exited may stay as a zombie until init gets to it

sub alive {
    my ($pid) = @_;
    return (slurp("/proc/$pid/stat") // ') Z') !~ /\) [ZX]/;
}


1;
