package LLMTest::Client;

# A raw HTTP/1.1 client over a socket, for the --- perl blocks: it shows what
# came when, and whether an answer was whole.  A connection object serves one
# request after another (keep-alive) or an event stream.
#
#   my $r = http('POST', '/v1/x', { Authorization => '…' }, $body, %options);
#   $r->status  $r->header('Name')  $r->head  $r->body  $r->json
#   $r->chunks      [ { t => seconds since the request, data => bytes }, … ]
#   $r->complete    the answer ended as its framing says
#   $r->time, $r->ttfb, $r->timed_out, $r->reset, $r->interim
#
# Options: port, host, timeout (10 s in all), keepalive, raw (bytes sent as
# they are), after_send (a sub called with the connection).

use strict;
use warnings;

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Socket qw(SOL_SOCKET SO_LINGER IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

our $DefaultPort = sub { die "no server port\n" };
our $Slow = $ENV{LLMTEST_VALGRIND} ? 10 : 1;

my $json = JSON::PP->new->utf8->allow_nonref->canonical;


sub connect {
    my ($class, %opt) = @_;
    my $sock = IO::Socket::INET->new(
        PeerAddr => $opt{host} // '127.0.0.1',
        PeerPort => $opt{port} // $DefaultPort->(),
        Timeout => 10) or die "cannot connect: $!\n";

    setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;
    $sock->blocking(0);
    return bless { sock => $sock, buf => '', start => time }, $class;
}


sub request_bytes {
    my ($method, $path, $headers, $body, %opt) = @_;
    my %h = %{ $headers || {} };
    my %have = map { lc $_ => 1 } keys %h;

    if (ref $body) {
        $body = $json->encode($body);
        $h{'Content-Type'} = 'application/json' if !$have{'content-type'};
    }

    $h{Host} = 'localhost' if !$have{host};
    $h{Connection} = 'close' if !$have{connection} && !$opt{keepalive};
    $h{'Content-Length'} = length $body
        if defined $body && !$have{'content-length'}
           && !$have{'transfer-encoding'};

    my $out = "$method $path HTTP/1.1\r\n";
    for my $k (sort keys %h) {
        $out .= "$k: $_\r\n" for ref $h{$k} ? @{ $h{$k} } : $h{$k};
    }

    return "$out\r\n" . ($body // '');
}


sub send {
    my ($self, $bytes, $timeout) = @_;
    my $end = time + ($timeout // 10) * $Slow;

    local $SIG{PIPE} = 'IGNORE';

    while (length $bytes) {
        my $n = syswrite $self->{sock}, $bytes;

        if (defined $n) {
            substr($bytes, 0, $n) = '';
            next;
        }

        # the peer may have answered before it closed: that can be read still
        return 0 if $! != EAGAIN && $! != EINTR || time > $end;

        # an answer sent before the request is read must not block both
        my $s = IO::Select->new($self->{sock});
        my ($r) = IO::Select::select($s, $s, undef, $end - time);
        $self->fill($end) if $r && @$r;
        return 0 if $self->{eof};
    }

    return 1;
}


sub broken {
    my ($self) = @_;
    $self->{eof} = $self->{was_reset} = 1;
    return 0;
}


# 1: more bytes are in the buffer; 0: the peer closed, or nothing came in time

sub fill {
    my ($self, $end) = @_;

    return 0 if $self->{eof};

    while (1) {
        my $n = sysread $self->{sock}, $self->{buf}, 65536,
                        length $self->{buf};

        if ($n) {
            $self->{first_byte} //= time - $self->{start};
            return 1;
        }

        if (defined $n) {
            $self->{eof} = 1;
            return 0;
        }

        return $self->broken if $! != EAGAIN && $! != EINTR;

        my $left = $end - time;
        if ($left <= 0
            || !IO::Select->new($self->{sock})->can_read($left))
        {
            $self->{timed_out} = 1;
            return 0;
        }
    }
}


sub start {
    my ($self, $method, $path, $headers, $body, %opt) = @_;

    $self->{start} = time;
    $self->{method} = $method;
    delete @$self{qw(first_byte timed_out complete head status headers mode
                     left interim sse)};
    $self->{interim} = [];

    return $self->send($opt{raw} // request_bytes($method, $path, $headers,
                                                  $body, %opt),
                       $opt{timeout});
}


# Reads the answer's head; interim (1xx) heads are kept aside.

sub read_head {
    my ($self, $timeout) = @_;
    my $end = time + ($timeout // 10) * $Slow;

    while (1) {
        while ($self->{buf} !~ /\r?\n\r?\n/) {
            $self->fill($end) or return 0;
        }

        $self->{buf} =~ s/\A(.*?\r?\n)\r?\n//s;
        my $head = $1;

        return 0 if $head !~ m{\AHTTP/1\.[01] (\d{3})};

        if ($1 >= 100 && $1 < 200 && $1 != 101) {
            push @{ $self->{interim} }, $head;
            next;
        }

        $self->{status} = $1;
        $self->{head} = $head;
        $self->parse_head;
        return 1;
    }
}


sub parse_head {
    my ($self) = @_;
    my %h;

    for (split /\r?\n/, $self->{head}) {
        push @{ $h{lc $1} }, $2 if /^([^:\s]+):[ \t]*(.*?)\s*$/;
    }

    $self->{headers} = \%h;

    if ($self->{method} eq 'HEAD' || $self->{status} =~ /^(?:204|304)$/) {
        @$self{qw(mode left)} = ('length', 0);

    } elsif (lc($h{'transfer-encoding'}[0] // '') eq 'chunked') {
        $self->{mode} = 'chunked';

    } elsif (defined $h{'content-length'}) {
        @$self{qw(mode left)} = ('length', $h{'content-length'}[0]);

    } else {
        $self->{mode} = 'eof';
    }
}


# The next piece of the body (one chunk where it is chunked), or undef at its
# end; then {complete} tells a clean end from a cut.

sub next_data {
    my ($self, $timeout) = @_;
    my $end = time + ($timeout // 10) * $Slow;

    return undef if $self->{complete};
    return $self->next_chunk($end) if $self->{mode} eq 'chunked';

    if ($self->{mode} eq 'length') {
        if ($self->{left} == 0) {
            $self->{complete} = 1;
            return undef;
        }

        length $self->{buf} or $self->fill($end) or return undef;
        my $data = substr $self->{buf}, 0, $self->{left}, '';
        $self->{left} -= length $data;
        return $data;
    }

    if (!length $self->{buf} && !$self->fill($end)) {
        $self->{complete} = 1 if $self->{eof} && !$self->{was_reset};
        return undef;
    }

    return substr $self->{buf}, 0, length $self->{buf}, '';
}


sub next_chunk {
    my ($self, $end) = @_;

    while ($self->{buf} !~ /\A[^\n]*\n/) {
        $self->fill($end) or return undef;
    }

    $self->{buf} =~ /\A([0-9A-Fa-f]+)[^\n]*\n/ or return undef;
    my ($size, $head) = (hex $1, $+[0]);

    while (length $self->{buf} < $head + $size + 2) {
        $self->fill($end) or return undef;
    }

    my $data = substr $self->{buf}, $head, $size;
    return undef if substr($self->{buf}, $head + $size, 2) ne "\r\n";

    substr($self->{buf}, 0, $head + $size + 2) = '';
    return $data if $size;

    $self->{complete} = 1;
    return undef;
}


# A whole answer on this connection.

sub http {
    my ($self, @args) = @_;
    my %opt = @args[4 .. $#args];
    my $end = time + ($opt{timeout} // 10);
    my @chunks;

    $self->start(@args);
    $opt{after_send}->($self) if $opt{after_send};

    if ($self->read_head($end - time)) {
        while (defined(my $data = $self->next_data($end - time))) {
            push @chunks, { t => time - $self->{start}, data => $data };
        }
    }

    return bless {
        (map { $_ => $self->{$_} }
             qw(status head headers interim complete timed_out)),
        reset => $self->{was_reset},
        ttfb => $self->{first_byte},
        time => time - $self->{start},
        chunks => \@chunks,
        body => join('', map { $_->{data} } @chunks),
    }, 'LLMTest::Response';
}


sub status { return $_[0]{status} // 0 }
sub head { return $_[0]{head} // '' }
sub complete { return $_[0]{complete} ? 1 : 0 }
sub header { return LLMTest::Response::header(@_) }


# The next event of a stream: { raw, data, event, comment, t }, or undef when
# the stream ended or nothing came in time.

sub read_event {
    my ($self, $timeout) = @_;
    my $end = time + ($timeout // 10);

    $self->{sse} //= '';

    while ($self->{sse} !~ /\r?\n\r?\n/) {
        my $data = $self->next_data($end - time);
        return undef if !defined $data;
        $self->{sse} .= $data;
    }

    $self->{sse} =~ s/\A(.*?)\r?\n\r?\n//s;
    my $raw = $1;
    my %event = (raw => $raw, t => time - $self->{start});
    my @data;

    for (split /\r?\n/, $raw) {
        if (/^:(.*)/) {
            $event{comment} = $1;
            next;
        }
        my ($key, $val) = /^([^:]*):? ?(.*)$/;
        push @data, $val if $key eq 'data';
        $event{event} = $val if $key eq 'event';
    }

    $event{data} = join "\n", @data if @data;
    return \%event;
}


sub close {
    my ($self) = @_;
    CORE::close(delete $self->{sock}) if $self->{sock};
}


sub reset {
    my ($self) = @_;
    setsockopt $self->{sock}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    $self->close;
}


package LLMTest::Response;

sub status { return $_[0]{status} // 0 }
sub head { return $_[0]{head} // '' }
sub headers { return $_[0]{headers} || {} }
sub body { return $_[0]{body} }
sub chunks { return $_[0]{chunks} }
sub complete { return $_[0]{complete} ? 1 : 0 }
sub time { return $_[0]{time} }
sub ttfb { return $_[0]{ttfb} }
sub timed_out { return $_[0]{timed_out} ? 1 : 0 }
sub reset { return $_[0]{reset} ? 1 : 0 }
sub interim { return $_[0]{interim} }


sub header {
    my ($self, $name) = @_;
    my $list = $self->{headers}{lc $name} or return undef;
    return join ', ', @$list;
}


sub json {
    my ($self) = @_;
    return eval { $json->decode($self->{body}) };
}


# the data of all events of an event stream, in order

sub events {
    my ($self) = @_;
    return map { /^data: ?(.*)$/m ? $1 : () }
           split /\r?\n\r?\n/, $self->{body};
}


1;
