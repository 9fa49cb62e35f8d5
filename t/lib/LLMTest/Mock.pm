package LLMTest::Mock;

# The mock nodes of a block.  --- mock holds one line a node, "NAME options";
# its port stands in the sections as $TEST_NGINX_NODE_NAME (upper case).

use strict;
use warnings;

use IO::Select;
use Text::ParseWords qw(shellwords);
use Time::HiRes qw(sleep time);
use POSIX qw(:sys_wait_h);
use LLMTest::Client;

our $Binary = $ENV{LLMTEST_MOCK} || 'build/mock_node';
our %Node;

my $owner = $$;


sub start_all {
    my ($text) = @_;

    for (grep { /\S/ && !/^\s*#/ } split /\n/, $text) {
        my ($name, @args) = shellwords($_);
        start($name, @args);
    }
}


sub variable {
    my $name = uc shift;
    $name =~ s/[^A-Z0-9]/_/g;
    return "TEST_NGINX_NODE_$name";
}


sub start {
    my ($name, @args) = @_;

    -x $Binary or die "no $Binary: run \"make mock\"\n";
    push @args, '--name', $name if !grep { $_ eq '--name' } @args;
    my @port = grep({ $_ eq '--port' } @args) ? () : ('--port', 0);
    pipe my $r, my $w or die "pipe: $!\n";
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>&', $w;
        close $r;
        exec $Binary, @port, '--parent-death', @args or POSIX::_exit(127);
    }

    close $w;
    my $line = IO::Select->new($r)->can_read(10) ? <$r> // '' : '';

    if ($line !~ /:(\d+)\s*$/) {
        kill 'KILL', $pid;
        waitpid $pid, 0;
        die "mock node \"$name @args\" does not start: \"$line\"\n";
    }

    $Node{$name} = { pid => $pid, port => $1, args => \@args, out => $r };
    $ENV{variable($name)} = $1;
    return $1;
}


sub node {
    my ($name) = @_;
    return $Node{$name} // die "no mock node \"$name\"\n";
}


sub port {
    my ($name) = @_;
    return node($name)->{port};
}


sub stop {
    my ($name) = @_;
    my $node = node($name);
    my $pid = delete $node->{pid} or return;

    kill 'TERM', $pid;
    my $end = time + 2;
    while (waitpid($pid, WNOHANG) == 0) {
        kill 'KILL', $pid if time > $end;
        sleep 0.002;
    }
}


# stopped nodes come back on the port they had

sub restart {
    my ($name, @args) = @_;
    my $node = node($name);
    my @opt = @args ? @args : @{ $node->{args} };

    stop($name);
    @opt = map { $opt[$_] eq '--port' || $_ && $opt[$_ - 1] eq '--port'
                 ? () : $opt[$_] } 0 .. $#opt;
    start($name, '--port', $node->{port}, @opt);
}


sub stop_all {
    return if $$ != $owner;

    for my $name (keys %Node) {
        stop($name);
        delete $ENV{variable($name)};
    }

    %Node = ();
}


sub call {
    my ($method, $name, $path, $body) = @_;
    my $conn = LLMTest::Client->connect(port => port($name));
    my $r = $conn->http($method, $path, {}, $body);

    die "mock node \"$name\": $method $path gave " . $r->status . "\n"
        if $r->status != 200;
    return $r;
}


sub set { return call('POST', $_[0], '/mock/set', $_[1])->body }
sub reset { return call('POST', $_[0], '/mock/reset', '')->body }
sub stats { return call('GET', $_[0], '/mock/stats')->json }
sub last { return call('GET', $_[0], '/mock/last')->body }


END { local ($?, $@, $!); stop_all() }


1;
