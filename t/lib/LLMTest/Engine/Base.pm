package LLMTest::Engine::Base;

# What the rooms of the engine share: its settings, the names of nginx's files,
# variables in sections, waiting, files.

use strict;
use warnings;

use Test::More ();
use Time::HiRes qw(sleep time);
use LLMTest::Ports;

use Exporter qw(import);

our @EXPORT = qw(%Set err_log acc_log pid_file expand wait_for read_file
                 write_file bail_out);

our %Set = (
    binary       => $ENV{TEST_NGINX_BINARY} || 'nginx',
    root         => $ENV{TEST_NGINX_SERVROOT},
    port         => $ENV{TEST_NGINX_SERVER_PORT},
    timeout      => $ENV{TEST_NGINX_TIMEOUT} || 3,
    log_level    => $ENV{TEST_NGINX_LOG_LEVEL} || 'debug',
    load_modules => $ENV{TEST_NGINX_LOAD_MODULES},
    valgrind     => $ENV{LLMTEST_VALGRIND},
    reload_first => $ENV{LLMTEST_RELOAD},
    workers      => 1,
    master       => 'off',
    connections  => 64,
    repeat       => 1,
    preamble     => '',
    server_name  => 'localhost',
    server_addr  => '127.0.0.1',
    env          => [],         # names that nginx keeps of its environment
    stop_timeout => 5,
    rand_ports   => {},         # of this block
    # no_long_string, no_root, accumulate, reload_hook; of the block that
    # runs: not_started, exit_status
);


sub err_log { return "$Set{root}/logs/error.log" }
sub acc_log { return "$Set{root}/logs/access.log" }
sub pid_file { return "$Set{root}/logs/nginx.pid" }


# what runs is stopped at the process's end

sub bail_out { Test::More::BAIL_OUT(join '', @_) }


# $TEST_NGINX_NAME in a section is replaced by the environment's value

sub expand {
    my ($text, $name) = @_;

    return $text if !defined $text || ref $text;
    $text =~ s/\$(TEST_NGINX_[_A-Z0-9]+)/variable($1, $name)/eg;
    return $text;
}


sub variable {
    my ($var, $name) = @_;

    return $Set{rand_ports}->{$var} ||= LLMTest::Ports::free_port()
        if $var =~ /^TEST_NGINX_RAND_PORT_\d+$/;
    return $ENV{$var} // bail_out("$name - no environment $var");
}


sub wait_for {
    my ($cond, $seconds) = @_;
    my $end = time + $seconds;

    while (1) {
        my $v = $cond->();
        return $v if $v;
        return 0 if time >= $end;
        sleep 0.003;
    }
}


sub read_file {
    my ($path) = @_;

    open my $in, '<', $path or return undef;
    binmode $in;
    local $/;
    return <$in> // '';
}


sub write_file {
    my ($path, $text) = @_;

    open my $out, '>', $path or die "cannot write $path: $!\n";
    binmode $out;
    print $out $text;
    close $out or die "cannot write $path: $!\n";
}


1;
