package LLMTest::Ports;

# Ports at which servers of the tests can listen.  A test file has a block of
# them for itself, held by a lock, so that files that run at the same time
# never take a port from each other between the look and the bind().  All are
# below those that the kernel takes for outgoing connections.

use strict;
use warnings;

use Fcntl qw(LOCK_EX LOCK_NB);
use File::Path qw(make_path);
use File::Spec;
use IO::Socket::INET;

use Exporter qw(import);

our @EXPORT_OK = qw(free_port free_ports);

my ($low, $size, $blocks) = (12000, 400, 50);

my ($lock, $first);
my $used = 0;


# The first of $n ports in a row that are free.

sub free_ports {
    my ($n) = @_;

    take_block() if !defined $first;

    for (1 .. 2 * $size) {
        $used = 0 if $used + $n > $size;
        my $port = $first + $used;
        my $taken = grep { !is_free($port + $_) } 0 .. $n - 1;
        $used += $taken ? 1 : $n;
        return $port if !$taken;
    }

    die "no $n free ports in a row\n";
}


sub free_port { return free_ports(1) }


sub is_free {
    my ($port) = @_;

    return IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1,
                                 LocalPort => $port, ReuseAddr => 1);
}


# The lock lasts as long as the process.

sub take_block {
    my $dir = File::Spec->catdir(File::Spec->tmpdir, "llmtest-ports-$<");
    my $start = int rand $blocks;

    make_path($dir);

    for my $i (map { ($start + $_) % $blocks } 0 .. $blocks - 1) {
        open $lock, '>', "$dir/$i" or die "$dir/$i: $!\n";
        $first = $low + $i * $size;
        return if flock $lock, LOCK_EX | LOCK_NB;
    }

    die "all ports are taken: $dir\n";
}


1;
