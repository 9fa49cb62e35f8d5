package LLMTest::Engine::Tcp;

# --- tcp_listen: a server of one connection.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Test::More import => [qw(is like)];
use Time::HiRes qw(sleep);
use LLMTest::Engine::Base;
use LLMTest::Engine::Check;
use LLMTest::Engine::Request;

use Exporter qw(import);

our @EXPORT = qw(start_tcp_server check_tcp_server stop_tcp_server);

my $TcpPid;


sub start_tcp_server {
    my ($block) = @_;
    my $target = expand($block->tcp_listen // return, $block->name);
    my $query = "$Set{root}/logs/tcp_query";
    my $listen;

    $target =~ s/^\s+|\s+$//g;
    unlink $query;
    unlink $target if $target =~ m{/};
    $listen = $target =~ /^\d+$/
        ? IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5,
                                LocalPort => $target, ReuseAddr => 1)
        : IO::Socket::UNIX->new(Local => $target, Listen => 5);
    bail_out($block->name, " - tcp_listen $target: $!") if !$listen;

    $TcpPid = fork() // die "fork: $!\n";

    if ($TcpPid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(TERM INT);
        eval { tcp_server($block, $listen, $query) };
        POSIX::_exit(0);
    }

    close $listen;
    return $query;
}


sub tcp_server {
    my ($block, $listen, $query) = @_;
    my $want = $block->tcp_query_len // length($block->tcp_query // '');
    $want = 1 if ref $block->tcp_query;
    my $client = $listen->accept();
    my $how = $block->tcp_shutdown;
    my $quiet = $block->tcp_query_auto_timeout;
    my $got = '';

    if (defined $how) {
        sleep $block->tcp_shutdown_delay if $block->tcp_shutdown_delay;
        $client->shutdown($how);
    }

    until (defined $how && $how != 1) {
        last if defined $quiet
                && !IO::Select->new($client)->can_read($quiet || 0.1);
        last if !sysread $client, $got, 4096, length $got;
        write_file("$query.tmp", $got);
        rename "$query.tmp", $query;
        last if !defined $quiet && length $got >= $want;
    }

    my $delay = seconds(scalar $block->tcp_reply_delay);
    sleep $delay if $delay;

    my $reply = $block->tcp_reply;
    $reply = $reply->($got) if ref $reply eq 'CODE';
    for (grep { defined } ref $reply ? @$reply : $reply) {
        syswrite $client, $_ if !defined $how || $how == 0;
    }

    sleep 3600 if defined $block->tcp_no_close;
    close $client;
}


sub check_tcp_server {
    my ($block, $query) = @_;

    return if !defined $query;
    my $got = read_file($query) // '';

    my $want = $block->tcp_query;

    if (ref $want) {
        like($got, $want, $block->name . " - tcp_query");

    } elsif (defined $want) {
        same($got, $want, $block->name . " - tcp_query");
    }

    is(length $got, $block->tcp_query_len, $block->name . " - tcp_query_len")
        if defined $block->tcp_query_len;
}


sub stop_tcp_server {
    return if !$TcpPid;
    kill 'KILL', $TcpPid;
    waitpid $TcpPid, 0;
    undef $TcpPid;
}


1;
