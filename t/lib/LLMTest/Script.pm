# A node that says what the test wants, byte by byte: its words come in the
# request's header X-Script, and X-Script-Plain where the request does not ask
# for usage.
#
#     use LLMTest::Script;        $TEST_NGINX_SCRIPT_PORT is its port
#     script(@parts)              the header's value: bytes, and numbers (refs)
#                                 for pauses in ms; \'NxM', N events with M
#                                 bytes of text; \'reset', \'close' and
#                                 \'hold' end it, close is the default
#     sse(@data)                  events, chunked as HTTP wants it
#     chunk($bytes)               a chunk

package LLMTest::Script;

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER);

use LLMTest;

our @EXPORT = qw(script sse chunk HEAD_SSE);

use constant HEAD_SSE => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r"
                         . "\nTransfer-Encoding: chunked\r\n\r\n";

my $listen = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1')
    or die "no port for the scripted node: $!\n";
my $parent = $$;
my $child = fork // die "fork: $!\n";

if ($child == 0) {
    serve();
    POSIX::_exit(0);
}

$ENV{TEST_NGINX_SCRIPT_PORT} = $listen->sockport;
close $listen;

END { kill 'KILL', $child if $child && $$ == $parent }


sub script {
    return join '', map { ref $_ ? "~$$_~" : s/([^ -\$&-}])/sprintf '%%%02X',
                                                ord $1/ger } @_;
}


sub chunk { return sprintf "%x\r\n%s\r\n", length $_[0], $_[0] }


sub sse { return join '', map { chunk("data: $_\n\n") } @_ }


sub serve {
    require POSIX;
    $SIG{CHLD} = 'IGNORE';

    while (kill 0, $parent) {
        my $ready = '';
        vec($ready, fileno $listen, 1) = 1;
        next if select($ready, undef, undef, 1) <= 0;
        my $sock = $listen->accept or next;
        next if fork;
        close $listen;
        1 while play($sock);
        POSIX::_exit(0);
    }
}


# one request and its answer; true: another may follow

sub play {
    my ($sock) = @_;
    my $text = '';

    while ($text !~ /\r\n\r\n/) {
        sysread($sock, $text, 65536, length $text) or return 0;
    }
    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    my ($length) = $head =~ /^content-length: (\d+)/mi;
    while (length $body < ($length // 0)) {
        sysread($sock, $body, 65536, length $body) or return 0;
    }

    my ($plain) = $head =~ /^x-script-plain: (.*?)\r?$/mi;
    my ($says) = $head =~ /^x-script: (.*?)\r?$/mi;
    $says = $plain if defined $plain && $body !~ /include_usage/;

    for my $part (split /(~\w+~)/, $says // '') {
        return 1 if $part eq '~keep~';
        return 0 if $part eq '~close~';
        return reset_of($sock) if $part eq '~reset~';
        if ($part eq '~hold~') {
            sysread $sock, my $none, 1;
            return 0;
        }
        if ($part =~ /^~(\d+)x(\d+)~$/) {
            my $event = chunk('data: {"choices":[{"delta":{"content":"'
                              . 'x' x $2 . "\"}}]}\n\n");
            print {$sock} $event for 1 .. $1;
            next;
        }
        if ($part =~ /^~(\d+)~$/) {
            select undef, undef, undef, $1 / 1000;
            next;
        }
        $part =~ s/%([0-9A-F]{2})/chr hex $1/ge;
        syswrite $sock, $part;
    }
    return 0;
}


sub reset_of {
    my ($sock) = @_;
    setsockopt $sock, SOL_SOCKET, SO_LINGER, pack 'II', 1, 0;
    close $sock;
    return 0;
}

1;
