package LLMTest::Engine::Request;

# A block's requests, in all the forms that Test::Nginx::Socket knows, and the
# responses to them.

use strict;
use warnings;

use IO::Socket::INET;
use POSIX qw(EAGAIN EINTR);
use Test::More import => [qw(fail diag)];
use Time::HiRes qw(sleep);
use LLMTest::Engine::Base;

use Exporter qw(import);

our @EXPORT = qw(request_list send_request parse_response seconds);


sub request_list {
    my ($block) = @_;
    my $name = $block->name;

    if (defined(my $raw = $block->raw_request)) {
        return [map { { value => $_ } } ref $raw ? @$raw : $raw];
    }

    if (my $list = $block->pipelined_requests) {
        my $all = '';
        for my $i (0 .. $#$list) {
            my $conn = $i < $#$list ? 'keep-alive' : 'close';
            my @bits = build_request($block, expand($list->[$i], $name), $i,
                                     $conn);
            $all .= join '', map { $_->{value} } @bits;
        }
        return [{ value => $all }];
    }

    my $req = $block->request // bail_out("$name - no --- request");
    my $i = 0;
    return map { [build_request($block, $_, $i++, 'close')] }
           ref $req ? @$req : $req;
}


sub build_request {
    my ($block, $req, $idx, $conn) = @_;
    my @packets = ref $req ? @$req : ($req);
    my @value = map { ref $_ ? $_->{value} : $_ } @packets;

    1 while !ref $req && $value[0] =~ s/\A\s*\#[^\n]+\s+|\A\s+//;

    # the packet in which the request line ends gets the headers
    my $k = 0;
    $k++ while $k < $#value && $value[$k] !~ /\n/;
    my ($end, $rest) = $value[$k] =~ /\A([^\n]*?)[ \r]*(?:\n(.*))?\z/s;
    my @line = split ' ', join '', @value[0 .. $k - 1], $end;
    my ($more, $chunked) = more_headers($block, $idx);

    $value[$k] = $rest // '';

    if (!$chunked && $more !~ /^Content-Length:/mi) {
        $value[$k] =~ s/\A\s+//;
        $value[-1] =~ s/\s+\z//;
    }

    my $len = length join '', @value[$k .. $#value];
    my $head = $end . (@line < 2 ? ' /' : '')
               . (@line < 3 ? ' HTTP/1.1' : '') . "\r\n";

    $head .= "Host: $Set{server_name}\r\n" if $more !~ /^Host:/mi;
    $head .= "Connection: $conn\r\n" if $more !~ /^Connection/mi;
    $head .= $more;
    $head .= "Content-Length: $len\r\n"
        if $len && !$chunked && $more !~ /^Content-Length:/mi;
    $value[$k] = "$head\r\n$value[$k]";

    return map { { value => $value[$_],
                   delay_before => ref $packets[$_]
                                   ? $packets[$_]{delay_before} : undef } }
           0 .. $#value;
}


sub more_headers {
    my ($block, $idx) = @_;
    my $text = $block->more_headers // '';
    my ($out, $chunked) = ('', 0);

    $text = $text->[$idx] // bail_out($block->name, " - more_headers too short")
        if ref $text;

    for (split /\n+/, $text) {
        next if /^\s*\#/;
        my ($key, $val) = split /:\s*/, $_, 2;
        $val //= '';
        $chunked = 1 if lc $key eq 'transfer-encoding' && $val eq 'chunked';
        $out .= "$key: $val\r\n";
    }

    return ($out, $chunked);
}


sub send_request {
    my ($block, $packets) = @_;
    my @bits = @$packets;
    my $name = $block->name;
    my $left = seconds(scalar $block->timeout) // $Set{timeout};
    my $head = join('', map { $_->{value} } @bits) =~ /^\s*HEAD\s/;
    my $sock = IO::Socket::INET->new(
        PeerAddr => $block->server_addr_for_client // $Set{server_addr},
        PeerPort => $Set{port}, Timeout => $left);
    my ($out, $in) = ('', '');

    if (!$sock) {
        fail("$name - cannot connect: $!");
        return ('', $head);
    }

    $left *= 10 if $Set{valgrind};
    $sock->blocking(0);
    my $first = 1;

    while (1) {
        if ($out eq '' && @bits) {
            my $bit = shift @bits;
            my $delay = $bit->{delay_before} // $block->raw_request_middle_delay;
            sleep $delay if $delay && !$first;
            ($out, $first) = ($bit->{value}, 0);
            shutdown_side($block, $sock) if $out eq '' && !@bits;
        }

        my $rin = my $win = '';
        vec($rin, fileno $sock, 1) = 1;
        vec($win, fileno $sock, 1) = 1 if $out ne '';
        my $n = select my $r = $rin, my $w = $win, undef, $left;

        if (!$n) {
            close $sock;
            fail("$name - client socket timed out")
                unless defined $block->abort;
            last;
        }

        if (vec $r, fileno $sock, 1) {
            my $got = sysread $sock, $in, 65536, length $in;
            last if defined $got && $got == 0;
            last if !defined $got && $! != EAGAIN && $! != EINTR;
        }

        if ($out ne '' && vec $w, fileno $sock, 1) {
            local $SIG{PIPE} = 'IGNORE';
            my $put = syswrite $sock, $out;
            if (!defined $put) {
                next if $! == EAGAIN || $! == EINTR;
                $in = "write failed: $!" if $in eq '';
                last;
            }
            substr($out, 0, $put) = '';
            shutdown_side($block, $sock) if $out eq '' && !@bits;
        }
    }

    return ($in, $head);
}


sub shutdown_side {
    my ($block, $sock) = @_;
    my $how = $block->shutdown // return;

    shutdown $sock, $how =~ /^\d+$/ ? $how : 1;
}


sub seconds {
    my ($t) = @_;

    return undef if !defined $t;
    $t =~ s/^\s+|\s+$//g;
    return $1 / 1000 if $t =~ /^([\d.]+)ms$/;
    return $1 if $t =~ /^([\d.]+)s?$/;
    return $t;
}


sub parse_response {
    my ($name, $raw, $is_head) = @_;
    my %res = (code => '', raw_headers => '', headers => {}, body => $raw,
               left => '');

    return \%res if $raw !~ s{\A(HTTP/\d\.\d\ (\d{3})[^\r\n]*\r?\n.*?\r?\n)
                              \r?\n}{}sx;

    @res{qw(raw_headers code body)} = ($1, $2, $raw);
    my (undef, @lines) = split /\r?\n/, $res{raw_headers};

    for (@lines) {
        my ($key, $val) = /^([^:]+):[ \t]*(.*?)\s*$/ or next;
        push @{ $res{headers}{lc $key} }, $val;
    }

    return \%res if $is_head || $res{code} =~ /^(?:1\d\d|204|304)$/;

    my $len = $res{headers}{'content-length'}[0];

    if (($res{headers}{'transfer-encoding'}[0] // '') eq 'chunked') {
        dechunk($name, \%res);

    } elsif (defined $len && length $raw >= $len) {
        $res{body} = substr $raw, 0, $len;
        $res{left} = substr $raw, $len;

    } elsif (defined $len) {
        diag("$name - response body truncated: $len expected, got "
             . length $raw);
    }

    return \%res;
}


sub dechunk {
    my ($name, $res) = @_;
    my $raw = $res->{body};
    my $body = '';
    my $at = 0;

    $res->{body} = '';

    while (1) {
        pos($raw) = $at;

        if ($raw !~ /\G[ \t]*([0-9A-Fa-f]+)[^\r\n]*\r\n/gc) {
            my $rest = substr $raw, $at;
            fail("$name - "
                 . ($rest eq '' ? 'no last chunk' : "bad chunk: $rest"));
            last;
        }

        my $size = hex $1;
        $at = pos $raw;

        if ($size == 0) {
            $raw =~ /\G(?:[^\r\n]+\r\n)*\r\n/gc
                or fail("$name - bad end of chunks");
            $res->{left} = substr $raw, pos($raw) // $at;
            last;
        }

        if (substr($raw, $at + $size, 2) ne "\r\n") {
            fail("$name - chunk of $size bytes is not whole");
            last;
        }

        $body .= substr $raw, $at, $size;
        $at += $size + 2;
    }

    $res->{body} = $body;
}


1;
