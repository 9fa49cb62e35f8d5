package LLMTest::Engine::Nginx;

# nginx's files and process: one for each block.

use strict;
use warnings;

use File::Path qw(make_path remove_tree);
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);
use LLMTest::Engine::Base;

use Exporter qw(import);

our @EXPORT = qw(setup_root write_config start_nginx spawn_nginx exited
                 stop_nginx);

my $Pid;


sub setup_root {
    my ($block) = @_;
    my $pid = read_file(pid_file());

    kill 'KILL', $1 if defined $pid && $pid =~ /(\d+)/ && is_nginx($1);
    remove_tree(glob("$Set{root}/*")) if $Set{root} && -d $Set{root};
    make_path("$Set{root}/logs", "$Set{root}/conf", "$Set{root}/html");
    write_file("$Set{root}/html/index.html",
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
        $path = "$Set{root}/html/$path" unless $path =~ m{^/};
        make_path($1) if $path =~ m{(.*)/} && !-d $1;
        write_file($path, expand($body // '', $block->name));
        system('touch', '-t', $date, $path) if $date;
    }
}


sub write_config {
    my ($block) = @_;
    my $name = $block->name;
    my %part = map { $_ => expand($block->$_ // '', $name) }
               qw(main_config http_config config post_main_config);
    my $load = join '', map { "load_module $_;\n" }
               split ' ', $Set{load_modules} // '';
    my $user = $> == 0 ? "user root;\n" : '';
    my $env = join '', map { "env '$_';\n" } @{ $Set{env} };
    my $log = expand($block->error_log_file // err_log(), $name);
    my $server = $block->server_name // $Set{server_name};
    my $temp = join '', map {
        $part{http_config} =~ /\b${_}_temp_path\b/
            ? '' : "    ${_}_temp_path $Set{root}/${_}_temp;\n"
    } qw(client_body proxy fastcgi scgi uwsgi);
    my $root = $Set{no_root} ? ''
        : "location / {\n            root $Set{root}/html;\n"
          . "            index index.html index.htm;\n        }";

    # without a master nobody accepts at the sockets of a second worker
    my $workers = $Set{valgrind} ? 1 : $Set{workers};

    write_file("$Set{root}/conf/nginx.conf", <<_EOC_);
$load
daemon off;
master_process $Set{master};
worker_processes $workers;
error_log $log $Set{log_level};
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
        listen $Set{server_addr}:$Set{port};
        server_name '$server';
        client_max_body_size 30M;

$Set{preamble}

$part{config}

        $root
    }
}

$part{post_main_config}

events {
    accept_mutex off;
    worker_connections $Set{connections};
}
_EOC_
}


# The pid file is written once all sockets listen: waiting for it costs no
# connection that a counter could see.

sub start_nginx {
    my $wait = $Set{valgrind} ? 60 : 15;

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
    my @cmd = ($Set{binary}, '-p', "$Set{root}/", '-e', err_log(),
               '-c', "$Set{root}/conf/nginx.conf");

    unshift @cmd, qw(valgrind -q --leak-check=full --show-leak-kinds=definite
                     --num-callers=30 --keep-debuginfo=yes),
                  "--log-file=$Set{root}/logs/valgrind.%p",
                  (-f 't/valgrind.supp' ? '--suppressions=t/valgrind.supp' : ())
        if $Set{valgrind};

    $Pid = fork() // die "fork: $!\n";
    return if $Pid;

    open STDIN, '<', '/dev/null';
    open STDOUT, '>>', "$Set{root}/logs/stderr.log";
    open STDERR, '>&', \*STDOUT;
    exec { $cmd[0] } @cmd or POSIX::_exit(127);
}


sub exited {
    return 1 if !$Pid;
    return 0 if waitpid($Pid, WNOHANG) != $Pid;
    $Set{exit_status} = $?;
    undef $Pid;
    return 1;
}


# true when nginx went by itself after SIGQUIT, with status 0

sub stop_nginx {
    return 1 if !$Pid;

    for my $sig (qw(QUIT TERM KILL)) {
        kill $sig, $Pid;
        my $wait = $sig eq 'QUIT' ? $Set{stop_timeout} : 2;
        $wait *= 6 if $Set{valgrind};
        my $again = time + 0.3;
        return $sig eq 'QUIT' && $Set{exit_status} == 0
            if wait_for(sub {
                # a process without a master may miss a signal that comes
                # just before it waits for events
                if ($Set{master} eq 'off' && $Pid && time > $again) {
                    kill $sig, $Pid;
                    $again = time + 0.3;
                }
                return exited();
            }, $wait);
    }

    return 0;
}


1;
