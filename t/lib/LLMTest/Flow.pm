package LLMTest::Flow;

# What tests of routing, limits, streams and survival share.  It stands on
# LLMTest::Api: a request has the key of that module unless it says no_key.
#
#   burst([{ members }, { headers }, %options], …)
#       chat requests at the same time, over a connection each, from this
#       one process; their answers in order.  $r->begin and $r->end are
#       seconds of one clock.  Options: port, path, timeout (20 s in all)
#   begin_burst(…)        the same, begun: $b->add(…) more requests,
#                         $b->run(SECONDS | sub) goes on with them meanwhile,
#                         $b->wait gives the answers
#   in_order(@answers)    their indices in the order of their ends
#   stream({ members }, { headers }, %options)   an open event stream
#   events($s)            all that is left of it: their data; it is closed
#   text_of(@data)        the content of a chat's chunks, joined
#   served_by($r)         the node that the answer names
#   share(@answers)       { node => answers with status 200 }
#   node_row(NAME)        its row of the status page
#   total(MEMBER)         a number of the status page
#   totals_are(MEMBER => N, …)   waits for them; dies of nothing
#   models_are(ID, …)     waits until just these are served
#   free_ports(N)         the first of N ports in a row that are free
#   closed_port()         a port at which nobody listens
#   full_port()           a port at which no connection is ever accepted
#   port()                of $Listen, which spreads connections over all
#                         workers by their hash
#   log_fields()          the access log: a list of { name => value }, of
#                         lines that $LogFormat wrote
#   log_row(N)            the Nth of them, waited for; requests of several
#                         connections are logged in any order
#   log_of(ID)            the one of the request with that X-Test-Id

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Socket qw(SOCK_STREAM);
use Time::HiRes qw(time);
use LLMTest::Api;
use LLMTest::Client;
use LLMTest::Ports qw(free_ports);

use Exporter qw(import);

our @EXPORT = qw(burst begin_burst in_order stream events text_of served_by share
                 node_row total totals_are models_are free_ports closed_port
                 full_port port log_fields log_row log_of
                 $LogFormat $Listen);

# for http_config; fields have no spaces

our $LogFormat = <<'_EOC_';
    log_format flow 'pid=$pid status=$status code=$llm_router_status '
                    'node=$llm_router_node model=$llm_router_model '
                    'prompt=$llm_router_prompt_tokens '
                    'completion=$llm_router_completion_tokens '
                    'ttft=$llm_router_ttft queue=$llm_router_queue_time '
                    'attempts=$llm_router_attempts '
                    'stream=$llm_router_stream key=$llm_router_key '
                    'id=$http_x_test_id';
    access_log logs/access.log flow;
_EOC_

$ENV{TEST_NGINX_SPREAD_PORT} = LLMTest::free_port();

our $Listen = 'listen 127.0.0.1:$TEST_NGINX_SPREAD_PORT reuseport;';

my $slow = $ENV{LLMTEST_VALGRIND} ? 10 : 1;


sub chat_bytes {
    my ($members, $headers, %opt) = @_;
    my %body = (model => 'm', messages => [{ role => 'user', content => 'hi' }],
                %{ $members || {} });
    my $body = JSON::PP->new->utf8->canonical->encode(\%body);
    my %h = (%{ LLMTest::Api::with_key($headers) },
             'Content-Type' => 'application/json');

    return ('POST', $opt{path} // '/v1/chat/completions', \%h, $body, %opt);
}


sub burst { return begin_burst(@_)->wait }


sub begin_burst {
    my $self = bless { open => {}, done => [], n => 0,
                       select => IO::Select->new, until => 0 },
                     'LLMTest::Burst';

    $self->add(@_);
    return $self;
}


# (the log is no help: a line is written when the client has closed)

sub in_order {
    my @r = @_;
    return sort { $r[$a]->end <=> $r[$b]->end } 0 .. $#r;
}


sub stream {
    my ($members, $headers, %opt) = @_;
    return main::open_stream(chat_bytes({ stream => JSON::PP::true(),
                                          %{ $members || {} } },
                                        $headers, %opt));
}


sub events {
    my ($s, $timeout) = @_;
    my @data;

    while (my $e = $s->read_event($timeout // 10)) {
        push @data, $e->{data} if defined $e->{data};
    }

    $s->close;
    return @data;
}


sub text_of {
    my $text = '';

    for (grep { $_ ne '[DONE]' } @_) {
        my $data = eval { main::json_decode($_) } // next;
        $text .= $_->{delta}{content} // $_->{message}{content}
                 // $_->{text} // ''
            for @{ $data->{choices} || [] };
    }

    return $text;
}


sub served_by { return $_[0]->header('x-llm-router-node') // '' }


sub share {
    my %n;
    $n{ served_by($_) }++ for grep { $_->status == 200 } @_;
    return \%n;
}


sub node_row {
    my ($name) = @_;
    my $page = main::status_page() or return {};
    my ($row) = grep { $_->{name} eq $name } @{ $page->{nodes} };
    return $row || {};
}


sub total {
    my $page = main::status_page() or return -1;
    return $page->{ $_[0] } // -1;
}


sub totals_are {
    my (%want) = @_;

    return main::wait_until(sub {
        my $page = main::status_page() or return 0;
        return !grep { ($page->{$_} // -1) != $want{$_} } keys %want;
    });
}


# A node that is online serves its models some ms later, when the index has
# them: tests wait for the models.

sub models_are {
    my @want = sort @_;

    return main::wait_until(sub {
        my $r = main::http('GET', '/v1/models', LLMTest::Api::with_key());
        my $list = $r->json or return 0;
        return "@want" eq join ' ', sort map { $_->{id} } @{ $list->{data} };
    });
}


sub port { return $ENV{TEST_NGINX_SPREAD_PORT} }


sub closed_port {
    my $sock = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "listen: $!\n";
    return $sock->sockport;
}


# A listening socket whose backlog is full: a SYN to it is dropped.  It lasts
# as long as what is returned second.

sub full_port {
    my $sock = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1,
                                     ReuseAddr => 1) or die "listen: $!\n";
    my @full = ($sock);

    listen $sock, 0;

    for (1 .. 8) {
        my $c = IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $sock->sockport,
            Blocking => 0) or last;
        push @full, $c;
    }

    return ($sock->sockport, \@full);
}


sub log_fields {
    my @rows;

    for (split /\n/, main::access_log_text()) {
        next if !/^pid=/;
        push @rows, { map { /^(\w+)=(.*)$/ ? ($1 => $2) : () } split / / };
    }

    return @rows;
}


sub log_row {
    my ($n) = @_;
    my @rows;

    main::wait_until(sub { @rows = log_fields(); @rows >= $n })
        or Test::More::diag("no line $n in access.log:\n",
                            main::access_log_text());
    return $rows[$n - 1] // {};
}


sub log_of {
    my ($id) = @_;
    my $row;

    main::wait_until(sub {
        ($row) = grep { ($_->{id} // '') eq $id } log_fields();
        return $row;
    }) or Test::More::diag("no $id in access.log:\n", main::access_log_text());
    return $row // {};
}


package LLMTest::Burst;

use Time::HiRes qw(time);


sub add {
    my ($self, @requests) = @_;

    $self->{until} = time + 20 * $slow;

    for (@requests) {
        my ($members, $headers, %opt) = @$_;
        my $conn = LLMTest::Client->connect(%opt);

        $self->{until} = time + $opt{timeout} * $slow if $opt{timeout};
        $conn->{n} = $self->{n}++;
        $conn->start(LLMTest::Flow::chat_bytes($members, $headers, %opt));
        $self->{open}{ fileno $conn->{sock} } = $conn;
        $self->{select}->add($conn->{sock});
    }
}


# Reads what comes until all is there, or seconds are over, or the sub is
# content.

sub run {
    my ($self, $until) = @_;
    my $end = !defined $until || ref $until ? $self->{until} : time + $until;

    while (%{ $self->{open} }) {
        return 1 if ref $until && $until->();
        my $left = $end - time;
        return 0 if $left <= 0;
        $left = 0.02 if ref $until && $left > 0.02;

        $self->read_some($_) for map { $self->{open}{fileno $_} }
                                 $self->{select}->can_read($left);
    }

    return 1;
}


sub read_some {
    my ($self, $conn) = @_;

    my $n = sysread $conn->{sock}, $conn->{buf}, 65536, length $conn->{buf};
    return if !defined $n && ($!{EAGAIN} || $!{EINTR});

    $conn->{first_byte} //= time - $conn->{start} if $n;
    return if $n;

    $conn->{was_reset} = 1 if !defined $n;
    $self->over($conn);
}


sub over {
    my ($self, $conn) = @_;

    $self->{select}->remove($conn->{sock});
    delete $self->{open}{ fileno $conn->{sock} };

    # nginx lingers, and logs the request only then, while its client stays
    $conn->close;

    $conn->{eof} = 1;
    $conn->{end} = time;
    $self->{done}[ $conn->{n} ] = $conn;
}


sub answered { return scalar grep { defined } @{ $_[0]{done} } }


sub wait {
    my ($self) = @_;

    $self->run;

    for (values %{ $self->{open} }) {
        $_->{timed_out} = 1;
        $self->over($_);
    }

    return map { LLMTest::Burst::answer($_) } @{ $self->{done} };
}


# the client leaves all that is not answered

sub leave {
    my ($self) = @_;
    $_->close for values %{ $self->{open} };
    $self->{open} = {};
}


sub answer {
    my ($conn) = @_;
    my $late = $conn->{timed_out};
    my $body = '';

    delete $conn->{complete};

    if ($conn->read_head(0)) {
        while (defined(my $data = $conn->next_data(0))) {
            $body .= $data;
        }
    }

    return bless {
        (map { $_ => $conn->{$_} }
             qw(status head headers interim complete)),
        timed_out => $late,
        reset => $conn->{was_reset},
        ttfb => $conn->{first_byte},
        time => $conn->{end} - $conn->{start},
        begin => $conn->{start},
        end => $conn->{end},
        chunks => [],
        body => $body,
    }, 'LLMTest::FlowResponse';
}


package LLMTest::FlowResponse;

our @ISA = ('LLMTest::Response');

sub begin { return $_[0]{begin} }
sub end { return $_[0]{end} }


1;
