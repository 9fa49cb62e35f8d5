package LLMTest::Engine;

# A small runner for test files written in the section language of
# Test::Nginx::Socket.  It is used when that module is not installed (or not
# wanted): it starts nginx in the foreground, so it need not sleep.
#
# Differences that a test file may notice: blocks run in file order, nginx is
# started anew for every block, two workers and a master are the default (set
# by LLMTest for both engines).  Not here: udp_*, stap*, http3, check-leak
# mode, shutdown_error_log.

use strict;
use warnings;

use Test::Base;
use Time::HiRes qw(sleep);
use LLMTest::Engine::Base;
use LLMTest::Engine::Nginx;
use LLMTest::Engine::Request;
use LLMTest::Engine::Check;
use LLMTest::Engine::Tcp;

our @EXPORT = qw(
    plan blocks run_tests repeat_each workers master_on master_off log_level
    master_process_enabled worker_connections no_shuffle no_long_string
    no_root_location timeout server_port server_root html_dir server_name
    server_addr server_port_for_client config_preamble env_to_nginx bail_out
    add_block_preprocessor add_test_cleanup_handler add_cleanup_handler
    add_response_body_check use_hup check_accum_error_log no_nginx_manager
    ok is isnt like unlike is_deeply cmp_ok skip todo_skip pass fail diag
);

our $Version;

my (@Preprocessors, @TestCleanups, @Cleanups);
my $owner = $$;


sub setting {
    my $name = shift;
    $Set{$name} = shift if @_;
    return $Set{$name};
}


sub repeat_each { return setting('repeat', @_) }
sub workers { return setting('workers', @_) }
sub worker_connections { return setting('connections', @_) }
sub log_level { return setting('log_level', @_) }
sub timeout { return setting('timeout', @_) }
sub server_port { return setting('port', @_) }
sub server_port_for_client { return $Set{port} }
sub server_name { return setting('server_name', @_) }
sub server_addr { return setting('server_addr', @_) }
sub master_on { $Set{master} = 'on' }
sub master_off { $Set{master} = 'off' }
sub no_long_string { $Set{no_long_string} = 1 }
sub no_root_location { $Set{no_root} = 1 }
sub no_shuffle { }
sub use_hup { }
sub no_nginx_manager { }
sub check_accum_error_log { $Set{accumulate} = 1 }
sub config_preamble { $Set{preamble} = shift }
sub env_to_nginx { push @{ $Set{env} }, @_ }
sub server_root { return $Set{root} }
sub html_dir { return "$Set{root}/html" }
sub add_block_preprocessor { unshift @Preprocessors, shift }
sub add_test_cleanup_handler { unshift @TestCleanups, shift }
sub add_cleanup_handler { unshift @Cleanups, shift }


sub master_process_enabled {
    $Set{master} = shift() ? 'on' : 'off' if @_;
    return $Set{master};
}


sub run_tests {
    my $out = `$Set{binary} -V 2>&1`;

    ($Version) = $out =~ m{nginx/(\d+\.\d+\.\d+)}
        or bail_out("cannot run \"$Set{binary} -V\": $out");

    for my $block (Test::Base::blocks()) {
        $_->($block) for @Preprocessors;
        $block->set_value("name", "$0 " . $block->name);
        run_block($block);
        $_->($block) for @TestCleanups;
        stop_tcp_server();
        stop_nginx();
    }

    cleanup();
}


sub cleanup {
    $_->() for splice @Cleanups;
    stop_tcp_server();
    stop_nginx();
}


END {
    if ($$ == $owner) {
        local ($?, $@, $!);
        cleanup();
    }
}


# One block: nginx is started, the requests are sent repeat_each() times.

sub run_block {
    my ($block) = @_;
    my $name = $block->name;
    my ($skip, $reason) = skipped($block);

    if ($skip) {
        SKIP: { Test::More::skip("$name - $reason", $skip) }
        return;
    }

    $Set{not_started} = 0;
    $Set{rand_ports} = {};
    local $Set{log_level} = $block->log_level || $Set{log_level};
    setup_root($block);
    write_config($block);

    return must_die($block) if defined $block->must_die;

    start_nginx() or return failed_to_start($name);
    $Set{reload_hook}->() if $Set{reload_first} && $Set{reload_hook};

    if (defined $block->init) {
        eval $block->init;
        bail_out("$name - init failed: $@") if $@;
    }

    new_logs();

    for my $n (0 .. $Set{repeat} - 1) {
        my $tcp = start_tcp_server($block);
        run_requests($block, $n);
        check_tcp_server($block, $tcp);
        stop_tcp_server();
    }
}


# --- skip_nginx: N: < 1.23.0: why, or --- skip_eval: N: perl expression

sub skipped {
    my ($block) = @_;

    if (defined $block->skip_nginx) {
        my ($n, $op, $ver, $why) = $block->skip_nginx
            =~ /^\s*(\d+):\s*([<>]=?)\s*([\d.]+)\s*(?::\s*(.*?))?\s*$/s
            or bail_out($block->name, " - bad skip_nginx");
        my $cmp = version_number($Version) <=> version_number($ver);
        my %is = ('<' => $cmp < 0, '<=' => $cmp <= 0,
                  '>' => $cmp > 0, '>=' => $cmp >= 0);
        return ($n, $why || "nginx $op $ver") if $is{$op};
    }

    if (defined $block->skip_eval) {
        my ($n, $code) = $block->skip_eval =~ /^\s*(\d+)\s*:\s*(.*)/s
            or bail_out($block->name, " - bad skip_eval");
        my $skip = eval $code;
        bail_out($block->name, " - skip_eval: $@") if $@;
        return ($n, 'skip_eval') if $skip;
    }

    return;
}


sub version_number {
    my @n = split /\./, shift;
    return $n[0] * 1_000_000 + $n[1] * 1000 + ($n[2] // 0);
}


sub failed_to_start {
    my ($name) = @_;

    $Set{not_started} = 1;
    fail("$name - nginx does not start");
    diag(join '', map { read_file("$Set{root}/logs/$_") // '' }
                  qw(stderr.log error.log));
}


sub must_die {
    my ($block) = @_;
    my $name = $block->name;
    my $want = $block->must_die;

    for my $n (0 .. $Set{repeat} - 1) {
        new_logs();
        delete $Set{exit_status};
        spawn_nginx();
        wait_for(sub { exited() || -s pid_file() }, 15);
        wait_for(\&exited, 0.2);

        if (!exited()) {
            stop_nginx();
            fail("$name - nginx must die and runs");

        } elsif ($want =~ /^\d+$/) {
            is($Set{exit_status} >> 8, $want, "$name - die with the exit code");

        } else {
            cmp_ok($Set{exit_status} >> 8, '>', 0, "$name - die as expected");
        }

        check_error_log($block, $n);
    }
}


# The requests of a block, in the forms that Test::Nginx::Socket knows: each
# request is a list of packets { value, delay_before }.

sub run_requests {
    my ($block, $repeat) = @_;
    my $name = $block->name;
    my @reqs = request_list($block);
    my $piped = $block->pipelined_requests ? @{ $block->pipelined_requests }
                                           : 0;
    my $total = $piped || @reqs;
    my $idx = 0;

    for my $req (@reqs) {
        my ($raw, $head) = send_request($block, $req);

        for (1 .. $piped || 1) {
            my $res;
            $res = parse_response($name, $raw, $head)
                unless defined $block->ignore_response;
            $raw = $res->{left} if $res;
            check_response($block, $res, $idx, $repeat, $total > 1)
                unless defined $block->ignore_response;

            if (++$idx < $total) {
                sleep($block->wait) if $block->wait;
                check_logs($block, $repeat);
            }
        }
    }

    sleep($block->wait) if $block->wait;
    check_logs($block, $repeat);
}


1;
