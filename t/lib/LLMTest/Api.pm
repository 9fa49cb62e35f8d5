package LLMTest::Api;

# What tests of the API surface share: requests with a key and a body, and
# one assertion for a whole error.
#
#   defaults(SECTION => text, …)    what a block has that does not say it
#   post($path, $body, \%headers, %options)
#   chat(\%members, \%headers, %options)
#       with the key unless the headers hold one, or say no_key => 1
#   error_is($r, STATUS, TYPE, CODE, PARAM, MESSAGE or qr//, NAME)
#   sent(NODE)          the last request the node got: { line, headers, body }
#   named_port(NAME)    the port of a "listen" with the comment "# NAME"
#   edit_conf(sub)      the sub changes nginx.conf in $_
#   chunked(@pieces)    a body in chunks
#   node_online(NODE, STATE)   waits for it
#   model_listed(MODEL) waits until it is known
#   own_log()           logs/llm.log
#   log_has(N)          waits until it has so many lines
#   sorted_log()        its lines in order: workers write when they like

use strict;
use warnings;

use JSON::PP ();
use Test::More ();

use Exporter qw(import);

our @EXPORT = qw(defaults post chat error_is sent named_port edit_conf
                 chunked with_key node_online
                 model_listed own_log log_has sorted_log $Key);

our $Key = 'sk-test-0123456789abcdef';

my $json = JSON::PP->new->utf8->allow_nonref->canonical;


sub defaults {
    my (%default) = @_;

    main::add_block_preprocessor(sub {
        my ($block) = @_;

        for my $name (sort keys %default) {
            $block->set_value($name, $default{$name})
                if !defined $block->$name;
        }
    });
}


sub with_key {
    my ($headers) = @_;
    my %h = %{ $headers || {} };

    return \%h if delete $h{no_key}
                  || grep { /^(?:authorization|x-api-key|api-key)$/i }
                     keys %h;
    $h{Authorization} = "Bearer $Key";
    return \%h;
}


sub post {
    my ($path, $body, $headers, %opt) = @_;
    my %h = %{ with_key($headers) };

    $h{'Content-Type'} = 'application/json'
        if !grep { lc eq 'content-type' } keys %h;
    return main::http($opt{method} // 'POST', $path, \%h, $body, %opt);
}


sub chat {
    my ($members, $headers, %opt) = @_;
    my %body = (model => 'm', messages => [{ role => 'user', content => 'hi' }],
                %{ $members || {} });

    delete $body{$_} for grep { !defined $body{$_} } keys %body;
    return post('/v1/chat/completions', \%body, $headers, %opt);
}


# Everything that is the same for each error is looked at in one assertion:
# the framing, the type, the four members and no other, the request's id.

sub error_is {
    my ($r, $status, $type, $code, $param, $message, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $data = eval { $json->decode($r->body) };
    my $got = $data && $data->{error}{message};
    my %want = (
        status => $status,
        type => 'application/json',
        length => length $r->body,
        complete => 1,
        id => 1,
        body => { error => { message => $message, type => $type,
                             param => $param, code => $code } },
    );

    $want{body}{error}{message} = $got
        if ref $message && defined $got && $got =~ $message;

    return Test::More::is_deeply({
        status => $r->status,
        type => $r->header('content-type'),
        length => $r->header('content-length'),
        complete => $r->complete,
        id => ($r->header('x-request-id') // '') =~ /^[\w.-]{1,128}$/ ? 1 : 0,
        body => $data // $r->body,
    }, \%want, $name // "$status $code");
}


sub sent {
    my ($node) = @_;
    my ($head, $body) = split /\r?\n\r?\n/, main::mock_last($node), 2;
    my ($line, @lines) = split /\r?\n/, $head;
    my %h;

    for (@lines) {
        my ($key, $val) = /^([^:]+):\s*(.*)$/ or next;
        $h{lc $key} = defined $h{lc $key} ? "$h{lc $key}, $val" : $val;
    }

    return { line => $line, headers => \%h, body => $body // '' };
}


sub named_port {
    my ($name) = @_;
    my $text = conf_text();

    return $1 if $text =~ /listen\s[^;]*?(\d+)(?:\s[^;]*)?;\s*#\s*\Q$name\E\b/;
    die "no port \"$name\" in nginx.conf\n";
}


sub conf_text {
    open my $in, '<', main::conf_file() or die "nginx.conf: $!\n";
    local $/;
    return <$in>;
}


sub edit_conf {
    my ($change) = @_;
    my $text = conf_text();

    $change->() for $text;
    open my $out, '>', main::conf_file() or die "nginx.conf: $!\n";
    print $out $text;
    close $out or die "nginx.conf: $!\n";
}


sub chunked {
    return join('', map { sprintf "%x\r\n%s\r\n", length, $_ }
                    grep { length } @_) . "0\r\n\r\n";
}


sub own_log {
    open my $in, '<', "$ENV{TEST_NGINX_SERVROOT}/logs/llm.log" or return '';
    local $/;
    return <$in> // '';
}


sub log_has {
    my ($n) = @_;
    return main::wait_until(sub { $n == (() = own_log() =~ /\n/g) });
}


sub sorted_log { return join '', sort split /^/, own_log() }


# waits until the status page says that the node is in this state

sub node_online {
    my ($name, $state) = @_;

    $state //= 'online';
    return main::wait_until(sub {
        my $page = main::status_page() or return 0;
        return grep { $_->{name} eq $name && $_->{state} eq $state }
               @{ $page->{nodes} };
    });
}


# a node is online a moment before its models are known to all

sub model_listed {
    my ($model) = @_;

    return main::wait_until(sub {
        return main::http('GET', "/v1/models/$model", with_key())->status
               == 200;
    });
}


1;
