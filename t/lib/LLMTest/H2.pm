package LLMTest::H2;

# A small HTTP/2 client without TLS, for what curl can't do: several requests
# on one connection in a given order, frames of a given size, a stream that
# is reset while others go on.
#
#   my $c = LLMTest::H2->connect($port);
#   my $id = $c->request('POST', '/v1/x', { name => value }, $body, %options);
#       options: end => 0 (more data follows), length => 0 (not told),
#       piece => bytes of a DATA frame
#   $c->data($id, $bytes, $end);  $c->reset($id);
#   $c->wait_for(sub { … $c->stream($id) … }, $seconds);
#   $c->stream($id): { status, body, pieces, ended, reset }
#
# Of an answer's header only the status is read: nginx writes that one so
# that no table is needed.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

my %type = (DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4,
            PING => 6, GOAWAY => 7, WINDOW_UPDATE => 8);
my ($end_stream, $end_headers, $ack, $padded) = (1, 4, 1, 8);
my @status = (200, 204, 206, 304, 400, 404, 500);      # indexes 8 to 14


sub connect {
    my ($class, $port) = @_;
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $port, Timeout => 10)
               or die "cannot connect: $!\n";
    my $self = bless { sock => $sock, buf => '', next => 1, stream => {} },
               $class;

    setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;
    $self->write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                 . frame('SETTINGS', 0, 0, pack('nN', 4, 0x7fffffff))
                 . frame('WINDOW_UPDATE', 0, 0, pack('N', 0x7fff0000)));
    return $self;
}


sub frame {
    my ($type, $flags, $id, $payload) = @_;
    return substr(pack('N', length $payload), 1)
           . pack('CCN', $type{$type}, $flags, $id) . $payload;
}


sub write {
    my ($self, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';

    while (length $bytes) {
        my $n = syswrite $self->{sock}, $bytes or return 0;
        substr($bytes, 0, $n) = '';
    }

    return 1;
}


# an integer with a prefix of 7 bits, RFC 7541, 5.1

sub int7 {
    my ($n) = @_;
    return chr $n if $n < 127;

    my $out = chr 127;
    for ($n -= 127; $n >= 128; $n >>= 7) {
        $out .= chr($n % 128 + 128);
    }
    return $out . chr $n;
}


# a literal field that is not indexed, RFC 7541, 6.2.2

sub field {
    my ($name, $value) = @_;
    return "\x00" . int7(length $name) . $name . int7(length $value) . $value;
}


sub request {
    my ($self, $method, $path, $headers, $body, %opt) = @_;
    my $id = $self->{next};
    my $end = $opt{end} // 1;
    my $head = field(':method', $method) . field(':scheme', 'http')
               . field(':path', $path) . field(':authority', 'localhost');

    $self->{next} += 2;
    $self->{stream}{$id} = { status => 0, body => '', pieces => 0,
                             start => time };
    $head .= field('content-length', length $body)
        if defined $body && $end && ($opt{length} // 1);
    $head .= field(lc $_, $headers->{$_}) for sort keys %{ $headers || {} };

    my $flags = $end_headers | (defined $body || !$end ? 0 : $end_stream);
    $self->write(frame('HEADERS', $flags, $id, $head));
    $self->data($id, $body, $end, $opt{piece}) if defined $body;
    return $id;
}


sub data {
    my ($self, $id, $bytes, $end, $piece) = @_;
    my @part = unpack '(a' . ($piece // 16384) . ')*', $bytes;

    @part = ('') if !@part;
    $self->write(frame('DATA', $end && $_ == $#part ? $end_stream : 0, $id,
                       $part[$_])) for 0 .. $#part;
}


sub reset {
    my ($self, $id) = @_;
    $self->write(frame('RST_STREAM', 0, $id, pack 'N', 8));
    $self->{stream}{$id}{left} = 1;
}


sub stream { return $_[0]{stream}{$_[1]} }
sub close { close delete $_[0]{sock} }


# Reads until the condition holds; false when the connection or time ends.

sub wait_for {
    my ($self, $cond, $seconds) = @_;
    my $end = time + ($seconds // 10);

    while (!$cond->()) {
        next if $self->take_frame;
        my $left = $end - time;
        return 0 if $left <= 0
                    || !IO::Select->new($self->{sock})->can_read($left);
        sysread $self->{sock}, $self->{buf}, 65536, length $self->{buf}
            or return 0;
    }

    return 1;
}


sub wait_end {
    my ($self, $id, $seconds) = @_;
    my $s = $self->{stream}{$id};
    return $self->wait_for(sub { $s->{ended} || $s->{reset} }, $seconds);
}


sub take_frame {
    my ($self) = @_;
    my $buf = \$self->{buf};

    return 0 if length $$buf < 9;
    my ($high, $low, $type, $flags, $id) = unpack 'CnCCN', $$buf;
    my $size = ($high << 16) + $low;
    return 0 if length $$buf < 9 + $size;

    my $payload = substr $$buf, 9, $size;
    substr($$buf, 0, 9 + $size) = '';
    $self->got($type, $flags, $id & 0x7fffffff, $payload);
    return 1;
}


sub got {
    my ($self, $type, $flags, $id, $payload) = @_;

    if ($type == $type{SETTINGS}) {
        $self->write(frame('SETTINGS', $ack, 0, '')) if !($flags & $ack);
        return;
    }

    if ($type == $type{PING}) {
        $self->write(frame('PING', $ack, 0, $payload)) if !($flags & $ack);
        return;
    }

    if ($type == $type{GOAWAY}) {
        $self->{goaway} = 1;
        return;
    }

    my $s = $self->{stream}{$id} or return;

    if ($type == $type{HEADERS}) {
        my ($first) = unpack 'C', $payload;
        $s->{status} = $first >= 0x88 && $first <= 0x8e
                       ? $status[$first - 0x88]
                       : $payload =~ /\A\x48\x03(\d{3})/ ? $1 : -1;

    } elsif ($type == $type{DATA}) {
        $s->{body} .= $payload;
        $s->{pieces}++ if length $payload;
        $self->write(frame('WINDOW_UPDATE', 0, 0,
                           pack 'N', length $payload)) if length $payload;

    } elsif ($type == $type{RST_STREAM}) {
        $s->{reset} = 1 if !$s->{ended};
        $s->{code} = unpack 'N', $payload;
    }

    $s->{ended} = 1 if $type <= $type{HEADERS} && $flags & $end_stream;
}


1;
