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
use Test::LongString;
use File::Path qw(make_path remove_tree);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(:sys_wait_h EAGAIN EINTR);
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
    plan blocks run_tests repeat_each workers master_on master_off log_level
    master_process_enabled worker_connections no_shuffle no_long_string
    no_root_location timeout server_port server_root html_dir server_name
    server_addr server_port_for_client config_preamble env_to_nginx bail_out
    add_block_preprocessor add_test_cleanup_handler add_cleanup_handler
    add_response_body_check use_hup check_accum_error_log no_nginx_manager
    ok is isnt like unlike is_deeply cmp_ok skip todo_skip pass fail diag
);

our $Binary       = $ENV{TEST_NGINX_BINARY} || 'nginx';
our $ServRoot     = $ENV{TEST_NGINX_SERVROOT};
our $ServerPort   = $ENV{TEST_NGINX_SERVER_PORT};
our $Timeout      = $ENV{TEST_NGINX_TIMEOUT} || 3;
our $LogLevel     = $ENV{TEST_NGINX_LOG_LEVEL} || 'debug';
our $LoadModules  = $ENV{TEST_NGINX_LOAD_MODULES};
our $Valgrind     = $ENV{LLMTEST_VALGRIND};
our $ReloadFirst  = $ENV{LLMTEST_RELOAD};
our $Workers      = 1;
our $Master       = 'off';
our $Connections  = 64;
our $RepeatEach   = 1;
our $NoLongString = 0;
our $NoRoot       = 0;
our $Preamble     = '';
our $ServerName   = 'localhost';
our $ServerAddr   = '127.0.0.1';
our $AccumErrLog  = 0;
our $StopTimeout  = 5;
our $NotStarted;
our $ReloadHook;

our ($Pid, $TcpPid, $ErrLogPos, $Version);
our (@EnvToNginx, @Preprocessors, @TestCleanups, @Cleanups, @BodyChecks);
our $RandPorts = {};

my $owner = $$;


sub repeat_each { $RepeatEach = shift if @_; return $RepeatEach }
sub workers { $Workers = shift if @_; return $Workers }
sub worker_connections { $Connections = shift if @_; return $Connections }
sub log_level { $LogLevel = shift if @_; return $LogLevel }
sub timeout { $Timeout = shift if @_; return $Timeout }
sub server_port { $ServerPort = shift if @_; return $ServerPort }
sub server_port_for_client { return $ServerPort }
sub server_name { $ServerName = shift if @_; return $ServerName }
sub server_addr { $ServerAddr = shift if @_; return $ServerAddr }
sub master_on { $Master = 'on' }
sub master_off { $Master = 'off' }
sub no_long_string { $NoLongString = 1 }
sub no_root_location { $NoRoot = 1 }
sub no_shuffle { }
sub use_hup { }
sub no_nginx_manager { }
sub check_accum_error_log { $AccumErrLog = 1 }
sub config_preamble { $Preamble = shift }
sub env_to_nginx { push @EnvToNginx, @_ }
sub server_root { return $ServRoot }
sub html_dir { return "$ServRoot/html" }
sub err_log { return "$ServRoot/logs/error.log" }
sub acc_log { return "$ServRoot/logs/access.log" }
sub pid_file { return "$ServRoot/logs/nginx.pid" }
sub add_block_preprocessor { unshift @Preprocessors, shift }
sub add_test_cleanup_handler { unshift @TestCleanups, shift }
sub add_cleanup_handler { unshift @Cleanups, shift }
sub add_response_body_check { push @BodyChecks, shift }


sub master_process_enabled {
    $Master = shift() ? 'on' : 'off' if @_;
    return $Master;
}


sub bail_out {
    cleanup();
    Test::More::BAIL_OUT(join '', @_);
}


sub run_tests {
    my $out = `$Binary -V 2>&1`;

    ($Version) = $out =~ m{nginx/(\d+\.\d+\.\d+)}
        or bail_out("cannot run \"$Binary -V\": $out");

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

    $NotStarted = 0;
    $RandPorts = {};
    local $LogLevel = $block->log_level || $LogLevel;
    setup_root($block);
    write_config($block);

    return must_die($block) if defined $block->must_die;

    start_nginx() or return failed_to_start($name);
    $ReloadHook->() if $ReloadFirst && $ReloadHook;

    if (defined $block->init) {
        eval $block->init;
        bail_out("$name - init failed: $@") if $@;
    }

    $ErrLogPos = 0;

    for my $n (0 .. $RepeatEach - 1) {
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


sub setup_root {
    my ($block) = @_;
    my $pid = read_file(pid_file());

    kill 'KILL', $1 if defined $pid && $pid =~ /(\d+)/ && is_nginx($1);
    remove_tree(glob("$ServRoot/*")) if $ServRoot && -d $ServRoot;
    make_path("$ServRoot/logs", "$ServRoot/conf", "$ServRoot/html");
    write_file("$ServRoot/html/index.html",
               '<html><head><title>It works!</title></head>'
               . '<body>It works!</body></html>');

    if (defined $block->post_setup_server_root) {
        eval $block->post_setup_server_root;
        bail_out($block->name, " - post_setup_server_root: $@") if $@;
    }

    write_user_files($block);
}


sub is_nginx {
    my ($pid) = @_;
    return (read_file("/proc/$pid/cmdline") // '') =~ /nginx/;
}


sub write_user_files {
    my ($block) = @_;
    my $files = $block->user_files or return;
    my @files;

    if (ref $files) {
        @files = @$files;

    } else {
        for (split /^(?=>>> )/m, $files) {
            push @files, [$1, $3, $2]
                if /\A>>> (\S+)(?:[ \t]+(\S+))?[^\n]*\n(.*)\z/s;
        }
    }

    for (@files) {
        my ($path, $body, $date) = @$_;
        $path = "$ServRoot/html/$path" unless $path =~ m{^/};
        make_path($1) if $path =~ m{(.*)/} && !-d $1;
        write_file($path, expand($body // '', $block->name));
        system('touch', '-t', $date, $path) if $date;
    }
}


# $TEST_NGINX_NAME in a section is replaced by the environment's value

sub expand {
    my ($text, $name) = @_;

    return $text if !defined $text || ref $text;
    $text =~ s/\$(TEST_NGINX_[_A-Z0-9]+)/variable($1, $name)/eg;
    return $text;
}


sub variable {
    my ($var, $name) = @_;

    return $RandPorts->{$var} ||= free_port()
        if $var =~ /^TEST_NGINX_RAND_PORT_\d+$/;
    return $ENV{$var} // bail_out("$name - no environment $var");
}


# below the range the kernel picks from for outgoing connections

sub free_port {
    for (1 .. 1000) {
        my $port = 12000 + int rand 20000;
        my $sock = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1,
            ReuseAddr => 1) or next;
        close $sock;
        return $port;
    }

    die "no free port\n";
}


sub write_config {
    my ($block) = @_;
    my $name = $block->name;
    my %part = map { $_ => expand($block->$_ // '', $name) }
               qw(main_config http_config config post_main_config);
    my $load = join '', map { "load_module $_;\n" }
               split ' ', $LoadModules // '';
    my $user = $> == 0 ? "user root;\n" : '';
    my $env = join '', map { "env '$_';\n" } @EnvToNginx;
    my $log = expand($block->error_log_file // err_log(), $name);
    my $server = $block->server_name // $ServerName;
    my $temp = join '', map {
        $part{http_config} =~ /\b${_}_temp_path\b/
            ? '' : "    ${_}_temp_path $ServRoot/${_}_temp;\n"
    } qw(client_body proxy fastcgi scgi uwsgi);
    my $root = $NoRoot ? ''
        : "location / {\n            root $ServRoot/html;\n"
          . "            index index.html index.htm;\n        }";

    write_file("$ServRoot/conf/nginx.conf", <<_EOC_);
$load
daemon off;
master_process $Master;
worker_processes $Workers;
error_log $log $LogLevel;
pid @{[pid_file()]};
env ASAN_OPTIONS;
env UBSAN_OPTIONS;
$user$env
$part{main_config}

http {
    access_log @{[acc_log()]};
$temp
    default_type text/plain;
    keepalive_timeout 68s;

$part{http_config}

    server {
        listen $ServerAddr:$ServerPort;
        server_name '$server';
        client_max_body_size 30M;

$Preamble

$part{config}

        $root
    }
}

$part{post_main_config}

events {
    accept_mutex off;
    worker_connections $Connections;
}
_EOC_
}


# The pid file is written once all sockets listen: waiting for it costs no
# connection that a counter could see.

sub start_nginx {
    my $wait = $Valgrind ? 60 : 15;

    for my $try (1 .. 5) {
        spawn_nginx();
        return 1 if wait_for(sub { -s pid_file() || exited() }, $wait)
                    && -s pid_file() && !exited();
        stop_nginx();
        return 0 if (read_file(err_log()) // '') !~ /Address already in use/;
        sleep 0.1 * $try;
        unlink err_log();
    }

    return 0;
}


sub spawn_nginx {
    my @cmd = ($Binary, '-p', "$ServRoot/", '-e', err_log(),
               '-c', "$ServRoot/conf/nginx.conf");

    unshift @cmd, qw(valgrind -q --leak-check=full --show-leak-kinds=definite
                     --num-callers=30 --keep-debuginfo=yes),
                  "--log-file=$ServRoot/logs/valgrind.%p",
                  (-f 't/valgrind.supp' ? '--suppressions=t/valgrind.supp' : ())
        if $Valgrind;

    $Pid = fork() // die "fork: $!\n";
    return if $Pid;

    open STDIN, '<', '/dev/null';
    open STDOUT, '>>', "$ServRoot/logs/stderr.log";
    open STDERR, '>&', \*STDOUT;
    exec { $cmd[0] } @cmd or POSIX::_exit(127);
}


our $ExitStatus;

sub exited {
    return 1 if !$Pid;
    return 0 if waitpid($Pid, WNOHANG) != $Pid;
    $ExitStatus = $?;
    undef $Pid;
    return 1;
}


# true when nginx went by itself after SIGQUIT, with status 0

sub stop_nginx {
    return 1 if !$Pid;

    for my $sig (qw(QUIT TERM KILL)) {
        kill $sig, $Pid;
        my $wait = $sig eq 'QUIT' ? $StopTimeout : 2;
        $wait *= 6 if $Valgrind;
        my $again = time + 0.3;
        return $sig eq 'QUIT' && $ExitStatus == 0
            if wait_for(sub {
                # a process without a master may miss a signal that comes
                # just before it waits for events
                if ($Master eq 'off' && $Pid && time > $again) {
                    kill $sig, $Pid;
                    $again = time + 0.3;
                }
                return exited();
            }, $wait);
    }

    return 0;
}


sub failed_to_start {
    my ($name) = @_;

    $NotStarted = 1;
    fail("$name - nginx does not start");
    diag(join '', map { read_file("$ServRoot/logs/$_") // '' }
                  qw(stderr.log error.log));
}


sub must_die {
    my ($block) = @_;
    my $name = $block->name;
    my $want = $block->must_die;

    for my $n (0 .. $RepeatEach - 1) {
        $ErrLogPos = 0;
        undef $ExitStatus;
        spawn_nginx();
        wait_for(sub { exited() || -s pid_file() }, 15);
        wait_for(\&exited, 0.2);

        if (!exited()) {
            stop_nginx();
            fail("$name - nginx must die and runs");

        } elsif ($want =~ /^\d+$/) {
            is($ExitStatus >> 8, $want, "$name - die with the exit code");

        } else {
            cmp_ok($ExitStatus >> 8, '>', 0, "$name - die as expected");
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


sub request_list {
    my ($block) = @_;
    my $name = $block->name;

    if (defined(my $raw = $block->raw_request)) {
        return [map { { value => $_ } } ref $raw ? @$raw : $raw];
    }

    if (my $list = $block->pipelined_requests) {
        my $all = '';
        for my $i (0 .. $#$list) {
            my $conn = $i < $#$list ? 'keep-alive' : 'close';
            my @bits = build_request($block, expand($list->[$i], $name), $i,
                                     $conn);
            $all .= join '', map { $_->{value} } @bits;
        }
        return [{ value => $all }];
    }

    my $req = $block->request // bail_out("$name - no --- request");
    my $i = 0;
    return map { [build_request($block, $_, $i++, 'close')] }
           ref $req ? @$req : $req;
}


sub build_request {
    my ($block, $req, $idx, $conn) = @_;
    my @packets = ref $req ? @$req : ($req);
    my @value = map { ref $_ ? $_->{value} : $_ } @packets;

    1 while !ref $req && $value[0] =~ s/\A\s*\#[^\n]+\s+|\A\s+//;

    # the packet in which the request line ends gets the headers
    my $k = 0;
    $k++ while $k < $#value && $value[$k] !~ /\n/;
    my ($end, $rest) = $value[$k] =~ /\A([^\n]*?)[ \r]*(?:\n(.*))?\z/s;
    my @line = split ' ', join '', @value[0 .. $k - 1], $end;
    my ($more, $chunked) = more_headers($block, $idx);

    $value[$k] = $rest // '';

    if (!$chunked && $more !~ /^Content-Length:/mi) {
        $value[$k] =~ s/\A\s+//;
        $value[-1] =~ s/\s+\z//;
    }

    my $len = length join '', @value[$k .. $#value];
    my $head = $end . (@line < 2 ? ' /' : '')
               . (@line < 3 ? ' HTTP/1.1' : '') . "\r\n";

    $head .= "Host: $ServerName\r\n" if $more !~ /^Host:/mi;
    $head .= "Connection: $conn\r\n" if $more !~ /^Connection/mi;
    $head .= $more;
    $head .= "Content-Length: $len\r\n"
        if $len && !$chunked && $more !~ /^Content-Length:/mi;
    $value[$k] = "$head\r\n$value[$k]";

    return map { { value => $value[$_],
                   delay_before => ref $packets[$_]
                                   ? $packets[$_]{delay_before} : undef } }
           0 .. $#value;
}


sub more_headers {
    my ($block, $idx) = @_;
    my $text = $block->more_headers // '';
    my ($out, $chunked) = ('', 0);

    $text = $text->[$idx] // bail_out($block->name, " - more_headers too short")
        if ref $text;

    for (split /\n+/, $text) {
        next if /^\s*\#/;
        my ($key, $val) = split /:\s*/, $_, 2;
        $val //= '';
        $chunked = 1 if lc $key eq 'transfer-encoding' && $val eq 'chunked';
        $out .= "$key: $val\r\n";
    }

    return ($out, $chunked);
}


sub send_request {
    my ($block, $packets) = @_;
    my @bits = @$packets;
    my $name = $block->name;
    my $left = seconds(scalar $block->timeout) // $Timeout;
    my $head = join('', map { $_->{value} } @bits) =~ /^\s*HEAD\s/;
    my $sock = IO::Socket::INET->new(
        PeerAddr => $block->server_addr_for_client // $ServerAddr,
        PeerPort => $ServerPort, Timeout => $left);
    my ($out, $in) = ('', '');

    if (!$sock) {
        fail("$name - cannot connect: $!");
        return ('', $head);
    }

    $left *= 10 if $Valgrind;
    $sock->blocking(0);
    my $first = 1;

    while (1) {
        if ($out eq '' && @bits) {
            my $bit = shift @bits;
            my $delay = $bit->{delay_before} // $block->raw_request_middle_delay;
            sleep $delay if $delay && !$first;
            ($out, $first) = ($bit->{value}, 0);
            shutdown_side($block, $sock) if $out eq '' && !@bits;
        }

        my $rin = my $win = '';
        vec($rin, fileno $sock, 1) = 1;
        vec($win, fileno $sock, 1) = 1 if $out ne '';
        my $n = select my $r = $rin, my $w = $win, undef, $left;

        if (!$n) {
            close $sock;
            fail("$name - client socket timed out")
                unless defined $block->abort;
            last;
        }

        if (vec $r, fileno $sock, 1) {
            my $got = sysread $sock, $in, 65536, length $in;
            last if defined $got && $got == 0;
            last if !defined $got && $! != EAGAIN && $! != EINTR;
        }

        if ($out ne '' && vec $w, fileno $sock, 1) {
            local $SIG{PIPE} = 'IGNORE';
            my $put = syswrite $sock, $out;
            if (!defined $put) {
                next if $! == EAGAIN || $! == EINTR;
                $in = "write failed: $!" if $in eq '';
                last;
            }
            substr($out, 0, $put) = '';
            shutdown_side($block, $sock) if $out eq '' && !@bits;
        }
    }

    return ($in, $head);
}


sub shutdown_side {
    my ($block, $sock) = @_;
    my $how = $block->shutdown // return;

    shutdown $sock, $how =~ /^\d+$/ ? $how : 1;
}


sub seconds {
    my ($t) = @_;

    return undef if !defined $t;
    $t =~ s/^\s+|\s+$//g;
    return $1 / 1000 if $t =~ /^([\d.]+)ms$/;
    return $1 if $t =~ /^([\d.]+)s?$/;
    return $t;
}


sub parse_response {
    my ($name, $raw, $is_head) = @_;
    my %res = (code => '', raw_headers => '', headers => {}, body => $raw,
               left => '');

    return \%res if $raw !~ s{\A(HTTP/\d\.\d\ (\d{3})[^\r\n]*\r?\n.*?\r?\n)
                              \r?\n}{}sx;

    @res{qw(raw_headers code body)} = ($1, $2, $raw);
    my (undef, @lines) = split /\r?\n/, $res{raw_headers};

    for (@lines) {
        my ($key, $val) = /^([^:]+):[ \t]*(.*?)\s*$/ or next;
        push @{ $res{headers}{lc $key} }, $val;
    }

    return \%res if $is_head || $res{code} =~ /^(?:1\d\d|204|304)$/;

    my $len = $res{headers}{'content-length'}[0];

    if (($res{headers}{'transfer-encoding'}[0] // '') eq 'chunked') {
        dechunk($name, \%res);

    } elsif (defined $len && length $raw >= $len) {
        $res{body} = substr $raw, 0, $len;
        $res{left} = substr $raw, $len;

    } elsif (defined $len) {
        diag("$name - response body truncated: $len expected, got "
             . length $raw);
    }

    return \%res;
}


sub dechunk {
    my ($name, $res) = @_;
    my $raw = $res->{body};
    my $body = '';
    my $at = 0;

    $res->{body} = '';

    while (1) {
        pos($raw) = $at;

        if ($raw !~ /\G[ \t]*([0-9A-Fa-f]+)[^\r\n]*\r\n/gc) {
            my $rest = substr $raw, $at;
            fail("$name - "
                 . ($rest eq '' ? 'no last chunk' : "bad chunk: $rest"));
            last;
        }

        my $size = hex $1;
        $at = pos $raw;

        if ($size == 0) {
            $raw =~ /\G(?:[^\r\n]+\r\n)*\r\n/gc
                or fail("$name - bad end of chunks");
            $res->{left} = substr $raw, pos($raw) // $at;
            last;
        }

        if (substr($raw, $at + $size, 2) ne "\r\n") {
            fail("$name - chunk of $size bytes is not whole");
            last;
        }

        $body .= substr $raw, $at, $size;
        $at += $size + 2;
    }

    $res->{body} = $body;
}


sub pick {
    my ($block, $value, $idx, $many) = @_;

    return ref $value eq 'ARRAY' ? $value->[$idx] : $value if !$many;
    bail_out($block->name, " - many requests want arrays of expectations")
        if ref $value ne 'ARRAY';
    return $value->[$idx];
}


sub check_response {
    my ($block, $res, $idx, $repeat, $many) = @_;
    my $name = $block->name;

    if (defined $block->error_code_like) {
        my $re = pick($block, $block->error_code_like, $idx, $many);
        like($res->{code}, qr/$re/sm, "$name - status code");

    } else {
        my $code = defined $block->error_code
                   ? pick($block, $block->error_code, $idx, $many) : 200;
        is($res->{code}, $code, "$name - status code");
    }

    if (defined $block->raw_response_headers_like) {
        my $re = pick($block, $block->raw_response_headers_like, $idx, $many);
        like($res->{raw_headers}, qr/$re/s, "$name - raw headers like");
    }

    if (defined $block->raw_response_headers_unlike) {
        my $re = pick($block, $block->raw_response_headers_unlike, $idx,
                      $many);
        unlike($res->{raw_headers}, qr/$re/s, "$name - raw headers unlike");
    }

    check_headers($block, $res, $idx, $many);
    check_body($block, $res, $idx, $repeat, $many);
}


sub check_headers {
    my ($block, $res, $idx, $many) = @_;
    my $name = $block->name;
    my $like = !defined $block->response_headers;
    my $text = $block->response_headers // $block->response_headers_like
               // return;

    for (split /\n/, pick($block, $text, $idx, $many)) {
        s/^\s+|\s+$//g;
        next if $_ eq '';

        if (s/^!\s*//) {
            unlike($res->{raw_headers}, qr/^\s*\Q$_\E\s*:/ms,
                   "$name - no header $_");
            next;
        }

        my ($key, $val) = split /\s*:\s*/, $_, 2;
        my $got = join ', ', @{ $res->{headers}{lc $key} || [] };
        $val = expand($val // '', $name);
        $val =~ s/\$ServerPort(?:ForClient)?\b/$ServerPort/g;

        if ($like) {
            like($got, qr/^$val$/, "$name - header $key like");

        } else {
            is($got, $val, "$name - header $key");
        }
    }
}


sub check_body {
    my ($block, $res, $idx, $repeat, $many) = @_;
    my $name = $block->name;
    my $got = filter_body($block, $res->{body}, $idx);

    if (defined $block->response_body) {
        my $want = pick($block, $block->response_body, $idx, $many);

        if (ref $want) {
            like($got, $want, "$name - response body like");

        } else {
            $want = expand($want, $name);
            $want =~ s/\$ServerPort(?:ForClient)?\b/$ServerPort/g;
            same($got, $want, "$name - response body");
        }

    } elsif (defined $block->response_body_like) {
        my $re = pick($block, $block->response_body_like, $idx, $many);
        $re =~ s/\$ServerPort(?:ForClient)?\b/$ServerPort/g if !ref $re;
        like($got, qr/$re/s, "$name - response body like");

    } elsif (defined $block->response_body_unlike) {
        my $re = pick($block, $block->response_body_unlike, $idx, $many);
        unlike($got, qr/$re/s, "$name - response body unlike");
    }

    $_->($block, $got, $idx, $repeat, 0) for @BodyChecks;
}


sub filter_body {
    my ($block, $body, $idx) = @_;
    my $list = $block->response_body_filters // return $body;

    $list = [split ' ', $list] if !ref $list;
    $list = [$list] if ref $list ne 'ARRAY';
    $list = $list->[$idx] if ref $list->[0] eq 'ARRAY';

    for my $f (@$list) {
        my $code = ref $f ? $f : main->can($f)
                   // { uc => sub { uc $_[0] }, lc => sub { lc $_[0] } }->{$f}
                   // bail_out($block->name, " - no filter $f");
        $body = $code->($body);
    }

    return $body;
}


sub same {
    my ($got, $want, $what) = @_;

    return $NoLongString ? is($got, $want, $what)
                         : is_string($got, $want, $what);
}


# The access log line is written after the last byte was sent: patterns that
# must be there are waited for; for those that must not, one short pause.

sub check_logs {
    my ($block, $repeat) = @_;

    check_error_log($block, $repeat);
    check_access_log($block, $repeat) unless defined $block->ignore_response;
}


sub patterns {
    my ($value) = @_;

    return () if !defined $value;
    return grep { defined } @$value if ref $value eq 'ARRAY';
    return ($value) if ref $value;
    chomp $value;
    return grep { length } split /\n+/, $value;
}


sub matches {
    my ($line, $pat) = @_;
    return ref $pat ? $line =~ $pat : index($line, $pat) >= 0;
}


sub lines_from {
    my ($file, $pos) = @_;

    open my $in, '<', $file or return;
    seek $in, $pos, 0 if $pos;
    return <$in>;
}


sub check_patterns {
    my ($name, $what, $file, $pos, $want, $unwanted, $repeat) = @_;
    my @want = patterns($want);
    my @lines;

    wait_for(sub {
        @lines = lines_from($file, $pos);
        for my $pat (@want) {
            return 0 if !grep { matches($_, $pat) } @lines;
        }
        return 1;
    }, @want ? 1 : 0);

    if (patterns($unwanted)) {
        sleep 0.02;
        @lines = lines_from($file, $pos);
    }

    for my $pat (@want) {
        ok(scalar(grep { matches($_, $pat) } @lines),
           "$name - pattern \"$pat\" matches a line in $what (req $repeat)");
    }

    for my $pat (patterns($unwanted)) {
        my ($line) = grep { matches($_, $pat) } @lines;
        ok(!defined $line,
           "$name - pattern \"$pat\" does not match a line in $what"
           . " (req $repeat)" . (defined $line ? ": $line" : ''));
    }
}


sub check_error_log {
    my ($block, $repeat) = @_;
    my $name = $block->name;
    my $pos = $AccumErrLog ? 0 : $ErrLogPos || 0;

    return if !grep { defined $block->$_ }
              qw(error_log no_error_log grep_error_log);

    check_grep($block, $repeat, $pos) if defined $block->grep_error_log;
    check_patterns($name, 'error.log', err_log(), $pos,
                   scalar $block->error_log, scalar $block->no_error_log,
                   $repeat);
    $ErrLogPos = -s err_log();
}


sub check_grep {
    my ($block, $repeat, $pos) = @_;
    my $pat = $block->grep_error_log;
    my $want = $block->grep_error_log_out
               // bail_out($block->name, " - no grep_error_log_out");
    my $got = '';

    $pat = $pat->[$repeat] if ref $pat eq 'ARRAY';
    $want = $want->[$repeat] if ref $want eq 'ARRAY';
    $want = expand($want, $block->name);
    my $re = ref $pat ? $pat : qr/\Q$pat\E/;

    wait_for(sub {
        $got = join '', map { /($re)/ ? ($1 =~ /\n/ ? '' : "$1\n") : () }
                        lines_from(err_log(), $pos);
        return ref $want ? $got =~ $want : $got eq $want;
    }, 1);

    return like($got, $want, $block->name . " - grep_error_log_out")
        if ref $want;
    same($got, $want, $block->name . " - grep_error_log_out");
}


sub check_access_log {
    my ($block, $repeat) = @_;

    return if !defined $block->access_log && !defined $block->no_access_log;
    check_patterns($block->name, 'access.log', acc_log(), 0,
                   scalar $block->access_log, scalar $block->no_access_log,
                   $repeat);
}


# --- tcp_listen: a server of one connection

sub start_tcp_server {
    my ($block) = @_;
    my $target = expand($block->tcp_listen // return, $block->name);
    my $query = "$ServRoot/logs/tcp_query";
    my $listen;

    $target =~ s/^\s+|\s+$//g;
    unlink $query;
    unlink $target if $target =~ m{/};
    $listen = $target =~ /^\d+$/
        ? IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5,
                                LocalPort => $target, ReuseAddr => 1)
        : IO::Socket::UNIX->new(Local => $target, Listen => 5);
    bail_out($block->name, " - tcp_listen $target: $!") if !$listen;

    $TcpPid = fork() // die "fork: $!\n";

    if ($TcpPid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(TERM INT);
        eval { tcp_server($block, $listen, $query) };
        POSIX::_exit(0);
    }

    close $listen;
    return $query;
}


sub tcp_server {
    my ($block, $listen, $query) = @_;
    my $want = $block->tcp_query_len // length($block->tcp_query // '');
    $want = 1 if ref $block->tcp_query;
    my $client = $listen->accept();
    my $how = $block->tcp_shutdown;
    my $quiet = $block->tcp_query_auto_timeout;
    my $got = '';

    if (defined $how) {
        sleep $block->tcp_shutdown_delay if $block->tcp_shutdown_delay;
        $client->shutdown($how);
    }

    until (defined $how && $how != 1) {
        last if defined $quiet
                && !IO::Select->new($client)->can_read($quiet || 0.1);
        last if !sysread $client, $got, 4096, length $got;
        write_file("$query.tmp", $got);
        rename "$query.tmp", $query;
        last if !defined $quiet && length $got >= $want;
    }

    my $delay = seconds(scalar $block->tcp_reply_delay);
    sleep $delay if $delay;

    my $reply = $block->tcp_reply;
    $reply = $reply->($got) if ref $reply eq 'CODE';
    for (grep { defined } ref $reply ? @$reply : $reply) {
        syswrite $client, $_ if !defined $how || $how == 0;
    }

    sleep 3600 if defined $block->tcp_no_close;
    close $client;
}


sub check_tcp_server {
    my ($block, $query) = @_;

    return if !defined $query;
    my $got = read_file($query) // '';

    my $want = $block->tcp_query;

    if (ref $want) {
        like($got, $want, $block->name . " - tcp_query");

    } elsif (defined $want) {
        same($got, $want, $block->name . " - tcp_query");
    }

    is(length $got, $block->tcp_query_len, $block->name . " - tcp_query_len")
        if defined $block->tcp_query_len;
}


sub stop_tcp_server {
    return if !$TcpPid;
    kill 'KILL', $TcpPid;
    waitpid $TcpPid, 0;
    undef $TcpPid;
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
