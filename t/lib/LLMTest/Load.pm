package LLMTest::Load;

# Work that goes on in processes of its own while a test does something to
# nginx, and administrators who know what they were told.
#
#   my $load = begin_load(N, sub { my ($i, $k) = @_; … });
#       N processes call it, with their number and that of the call, until
#       they are told to stop; one that dies is told as { died => why }
#   my @r = $load->stop($timeout)
#       what each process' last call gave; it ends all of them
#   chats(%options)     a sub for it: chat requests one after another, counted
#       by how they ended: { "200" => n, "0" => those that were cut, … };
#       options as those of http(), and members => { }, headers => { }
#   admin_node($i, %opt), admin_key($i, %opt)     subs for it: a node, a key,
#       that is made, changed and deleted, compared with what was answered:
#       { changes => n, lost => n, bad => [texts], left => what it knows }
#       Options: port; url => sub ($k) of the node; whole => 1: an answer may
#       not get lost
#   ask(METHOD, PATH, BODY, %opt)     api(), but undef when no answer came
#   in_force(left)      are they as left says?  '' or what is wrong

use strict;
use warnings;

use IO::Select;
use POSIX ();
use Storable ();
use Time::HiRes qw(time sleep);
use LLMTest::Api;
use LLMTest::Admin;

use Exporter qw(import);

our @EXPORT = qw(begin_load chats admin_node admin_key ask in_force);

my $slow = $ENV{LLMTEST_VALGRIND} ? 10 : 1;


sub begin_load {
    my ($n, $sub) = @_;
    my $self = bless { child => [] }, __PACKAGE__;

    pipe my $wait, my $hold or die "pipe: $!\n";

    for my $i (0 .. $n - 1) {
        pipe my $r, my $w or die "pipe: $!\n";
        my $pid = fork() // die "fork: $!\n";

        if ($pid == 0) {
            close $r;
            work($i, $sub, $wait, $w);
        }

        close $w;
        push @{ $self->{child} }, [$pid, $r];
    }

    $self->{hold} = $hold;
    return $self;
}


# until there is something in the pipe, which nobody reads

sub work {
    my ($i, $sub, $wait, $out) = @_;
    my $select = IO::Select->new($wait);
    my $last;

    srand($$ ^ int(time * 1000));

    my $ok = eval {
        for (my $k = 0; !$select->can_read(0); $k++) {
            $last = $sub->($i, $k);
        }
        1;
    };

    $last = { died => $@ } if !$ok;
    print $out Storable::freeze([$last]);
    close $out;
    POSIX::_exit(0);
}


sub stop {
    my ($self, $timeout) = @_;
    my $end = time + ($timeout // 30) * $slow;
    my @result;

    syswrite delete $self->{hold}, 'x' if $self->{hold};

    for (splice @{ $self->{child} }) {
        my ($pid, $r) = @$_;
        my $bytes = all_of($r, $end);

        kill 'KILL', $pid if !defined $bytes;
        waitpid $pid, 0;
        push @result, $bytes ? Storable::thaw($bytes)->[0]
                             : { died => 'no end' };
    }

    return @result;
}


# undef: it took too long

sub all_of {
    my ($r, $end) = @_;
    my $buf = '';

    while (1) {
        my $left = $end - time;
        return if $left <= 0 || !IO::Select->new($r)->can_read($left);
        my $n = sysread $r, $buf, 65536, length $buf;
        return $buf if !$n;
    }
}


sub DESTROY {
    my ($self) = @_;
    local ($?, $@, $!);
    kill 'KILL', map { $_->[0] } @{ $self->{child} } if $self->{hold};
    waitpid $_->[0], 0 for @{ $self->{child} };
}


sub chats {
    my (%opt) = @_;
    my %n;
    my $members = delete $opt{members};
    my $headers = delete $opt{headers};

    return sub {
        my $r = eval { chat($members, $headers, timeout => 60, %opt) };
        my $status = $r ? $r->status : 0;

        $status = 'timeout' if $r && $r->timed_out;
        $status .= ' cut' if $r && $status =~ /^200/ && !$r->complete;
        $n{$status}++;
        return \%n;
    };
}


sub ask {
    my ($method, $path, $body, %opt) = @_;
    my $r = eval { api($method, $path, $body, delete $opt{headers}, %opt) };

    return if !$r || $r->timed_out || !$r->status;
    return if $r->status != 204 && !$r->complete;
    return $r;
}


# asks until somebody answers

sub surely {
    my ($what, @args) = @_;

    for (1 .. 200) {
        my $r = ask(@args);
        return $r if $r && $r->status < 500;
        sleep 0.01;
    }

    die "no answer to $what\n";
}


# -- one object, of one administrator

# $kind: its path, its words; see the callers below

sub admin {
    my ($i, $kind, %opt) = @_;
    my %me = (changes => 0, lost => 0, bad => [], left => undef);
    my @port = $opt{port} ? (port => $opt{port}) : ();

    return sub {
        my (undef, $k) = @_;
        my $old = $me{left};
        my ($new, @change) = $old ? next_change($kind, $old, $k)
                                  : ($kind->{make}->($k), 'POST',
                                     $kind->{path});

        $me{path} = $kind->{path};
        my $body = ref $change[-1] ? pop @change
                 : !$old ? $kind->{members}->($new) : undef;
        my $r = ask(@change, $body, @port);

        if ($r && $r->status < 300) {
            $me{changes}++;
            answered($kind, \%me, $new, $r, @change);

        } elsif ($r) {
            bad(\%me, "@change: " . $r->status . ' ' . $r->body);
            $me{left} = find($kind, $new, @port) || find($kind, $old, @port);

        } else {
            bad(\%me, "@change was not answered") if $opt{whole};
            $me{lost}++;
            settle($kind, \%me, $old, $new, "@change", @port);
        }

        $kind->{after}->(\%me, $old, $me{left}, @port) if $kind->{after};
        return \%me;
    };
}


sub next_change {
    my ($kind, $old, $k) = @_;
    my $x = rand;
    my $path = "$kind->{path}/$old->{id}";

    return (undef, 'DELETE', $path) if $x < 0.15;

    if ($x < 0.4 && exists $old->{draining}) {
        return ({ %$old, draining => !$old->{draining} || 0 }, 'POST',
                $path . ($old->{draining} ? '/resume' : '/drain'));
    }

    my $new = { %{ $kind->{make}->($k) }, id => $old->{id} };
    $new->{$_} = $old->{$_} for grep { /^(?:draining|key|base_url)$/ }
                                keys %$old;
    my $members = $kind->{members}->($new);
    delete $members->{base_url};
    return ($new, 'PATCH', $path, $members);
}


sub answered {
    my ($kind, $me, $new, $r, @change) = @_;

    if (!$new) {
        $me->{left} = undef;
        return;
    }

    my $json = $r->json;
    $new->{id} //= $json->{id};
    $new->{key} //= $json->{key} if exists $json->{key};
    $me->{left} = $new;

    my ($got, $want) = map { $kind->{text}->($_) } $json, $new;
    bad($me, "@change: $got, not $want") if $got ne $want;
}


# whether it was done is asked: it must have been done whole or not at all

sub settle {
    my ($kind, $me, $old, $new, $what, @port) = @_;
    my $known = $old // $new;
    my $is = find($kind, $new, @port) // find($kind, $old, @port);
    my $got = $is ? $kind->{text}->($is) : 'none';
    my %may = map { ($_ ? $kind->{text}->($_) : 'none') => $_ } $old, $new;

    bad($me, "$what: $got, neither " . join ' nor ', sort keys %may)
        if !exists $may{$got};

    my %left = $is ? (%$is, key => $known->{key}) : ();
    delete $left{key} if !defined $left{key};
    $left{draining} = $is->{state} eq 'draining' || 0
        if $is && exists $known->{draining};
    $me->{left} = $is ? \%left : undef;
}


sub find {
    my ($kind, $what, @port) = @_;
    my $field = $kind->{by};

    return if !$what;
    my $r = surely('a list', 'GET', "$kind->{path}?limit=10000", undef, @port);
    my ($row) = grep { $_->{id} eq ($what->{id} // '')
                       || $field && $_->{$field} eq $what->{$field} }
                @{ $r->json->{data} };
    return $row;
}


sub bad {
    my ($me, $text) = @_;
    push @{ $me->{bad} }, $text if @{ $me->{bad} } < 10;
}


sub admin_node {
    my ($i, %opt) = @_;
    my $url = delete $opt{url};

    return admin($i, {
        path => '/nodes',
        by => 'base_url',
        text => \&node_text,
        make => sub {
            my ($k) = @_;
            return { name => "node$i-$k", base_url => $url->($k),
                     weight => 1 + $k % 1000, max_concurrent => 100 + $k,
                     notes => "note $k" x (1 + $k % 20),
                     models => ['m', "own$i", map { "m$k-$_" } 0 .. $k % 7],
                     draining => 0 };
        },
        members => sub {
            my %m = %{ $_[0] };
            delete @m{qw(id draining)};
            return { %m, check => JSON::PP::false() };
        },
    }, %opt);
}


sub node_text {
    my ($n) = @_;
    my $draining = $n->{draining} // ($n->{state} eq 'draining') || 0;

    return join ' ', 'draining', $draining, map {
        ref $n->{$_} ? join ',', @{ $n->{$_} } : $n->{$_} // '-'
    } qw(name base_url weight max_concurrent notes models);
}


sub admin_key {
    my ($i, %opt) = @_;

    return admin($i, {
        path => '/keys',
        by => 'name',
        text => \&key_text,
        make => sub {
            my ($k) = @_;
            return { name => "key$i-$k", tpm => 1_000_000 + $k,
                     max_concurrent => 1000 + $k, priority => 1 + $k % 100,
                     models => ['m', "m$k*"] };
        },
        members => sub {
            my %m = %{ $_[0] };
            delete @m{qw(id key)};
            return \%m;
        },
        after => \&try_key,
    }, %opt);
}


sub key_text {
    my ($n) = @_;
    return join ' ', map {
        ref $n->{$_} ? join ',', @{ $n->{$_} } : $n->{$_} // '-'
    } qw(name tpm max_concurrent priority models);
}


# What there is lets in; what was deleted does not.

sub try_key {
    my ($me, $old, $left, @port) = @_;
    my $key = ($left // $old // {})->{key} // return;
    my $want = $left ? 200 : 401;

    for (1 .. 200) {
        my $r = eval { chat({}, { Authorization => "Bearer $key" }, @port) };

        # its worker was killed
        next if !$r || !$r->status || $r->status == 200 && !$r->complete;

        bad($me, "$old->{name}: " . $r->status . " instead of $want")
            if $r->status != $want;
        return;
    }

    bad($me, 'its key is not answered');
}


sub in_force {
    my ($me, @port) = @_;
    my $left = $me->{left} or return '';
    my $r = surely('a read', 'GET', "$me->{path}/$left->{id}", undef, @port);
    my $text = $me->{path} eq '/nodes' ? \&node_text : \&key_text;
    my ($got, $want) = ($r->status == 200 ? $text->($r->json) : $r->status,
                        $text->($left));

    return $got eq $want ? '' : "$got, not $want";
}


1;
