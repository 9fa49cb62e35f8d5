package LLMTest::Redis;

# A Redis of a test's own: the real one, on a port of 127.0.0.1, with what it
# writes in a directory of the test.
#
#   my $redis = own_redis($port, %options)   not started; append => 1 keeps
#       what it has on disk; args => [more arguments]
#   $redis->begin, ->end, ->kill9            end asks it to shut down
#   $redis->freeze, ->thaw                   SIGSTOP, SIGCONT
#   $redis->ask(COMMAND, ARGUMENTS…)         lines of redis-cli
#   $redis->records(PREFIX)                  all records, as data, oldest first
#
# It ends with the test.

use strict;
use warnings;

use File::Path qw(make_path remove_tree);
use JSON::PP ();

use Exporter qw(import);

our @EXPORT = qw(own_redis);

my $owner = $$;
my @all;


sub own_redis {
    my ($port, %opt) = @_;
    my $dir = "$ENV{TEST_NGINX_SERVROOT}-redis-$port";
    my $self = bless { port => $port, dir => $dir, %opt }, __PACKAGE__;

    remove_tree($dir);
    make_path($dir);
    push @all, $self;
    return $self;
}


sub begin {
    my ($self) = @_;
    my @args = ('--port', $self->{port}, '--bind', '127.0.0.1', '--dir',
                $self->{dir}, '--save', '', '--logfile', "$self->{dir}/log",
                '--appendonly', $self->{append} ? 'yes' : 'no',
                '--appendfsync', 'always', @{ $self->{args} || [] });

    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        exec 'redis-server', @args or POSIX::_exit(127);
    }

    $self->{pid} = $pid;
    return main::wait_until(sub { $self->ask('PING') =~ /PONG|NOAUTH/ });
}


sub end { $_[0]->signal('TERM', 1) }
sub kill9 { $_[0]->signal('KILL', 1) }
sub freeze { $_[0]->signal('STOP') }
sub thaw { $_[0]->signal('CONT') }


sub signal {
    my ($self, $signal, $last) = @_;

    return if !$self->{pid};
    kill $signal, $self->{pid};
    waitpid delete $self->{pid}, 0 if $last;
}


sub ask {
    my ($self, @command) = @_;

    open my $cli, '-|', 'timeout', 20, 'redis-cli', '-p', $self->{port},
        '--raw', @command or die "redis-cli: $!\n";
    local $/;
    my $text = <$cli> // '';
    close $cli;
    return $text;
}


sub records {
    my ($self, $prefix) = @_;

    return map { JSON::PP->new->decode($_) } grep { /^\{/ }
           split /\n/, $self->ask('XRANGE', "${prefix}history", '-', '+');
}


END {
    my $status = $?;    # waitpid() writes to it

    if ($owner == $$) {
        $_->kill9 for @all;
        remove_tree($_->{dir}) for @all;
    }

    $? = $status;
}


1;
