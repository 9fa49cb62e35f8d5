package LLMTest::Daemon;

# An nginx of a test's own, beside that of the block: it is started, killed,
# upgraded and started again on the same state file.  It is a daemon, for only
# such a one obeys USR2.
#
#   my $d = own_nginx(%options)     written and started; options: http, more
#       text for http { }; workers; user of the workers; state, the path of
#       the state file ("" none); zone
#   $d->begin, $d->end              start, and QUIT; end asserts that no alert
#       was told
#   $d->kill9                       all its processes at once
#   $d->port, ->pid, ->old_pid, ->workers, ->log, ->file, ->dir
#   $d->state                       the state file as data, undef if it is none
#   $d->written(sub)                waits until it holds for that data
#   $d->api(METHOD, PATH, BODY), $d->chat(\%members, \%headers)

use strict;
use warnings;

use File::Path qw(make_path remove_tree);
use Test::More ();
use LLMTest::Admin qw($AdminKey);
use LLMTest::Api qw($Key);

use Exporter qw(import);

our @EXPORT = qw(own_nginx);

my $owner = $$;
my @all;


sub own_nginx {
    my (%opt) = @_;
    my $dir = "$ENV{TEST_NGINX_SERVROOT}/own";
    my $self = bless { dir => $dir, port => LLMTest::free_port(),
                       workers => 2, zone => '8m', %opt }, __PACKAGE__;

    remove_tree($dir);
    make_path("$dir/logs", "$dir/state");
    # nginx's user is to write there, and nobody else to look into it
    chown scalar(getpwnam($opt{user})), -1, "$dir/state"
        if $opt{user} && $> == 0;
    chmod 0711, $dir;
    $self->{state} //= "$dir/state/state.json";
    $self->write_conf;
    push @all, $self;
    $self->begin;
    return $self;
}


sub write_conf {
    my ($self) = @_;
    my $dir = $self->{dir};
    my $load = join '', map { "load_module $_;\n" }
               split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my $user = $self->{user} // 'root';
    my $group = getgrgid((getpwnam($user))[3] // 0);
    my $state = $self->{state} eq '' ? ''
                                     : "llm_router_state $self->{state};";
    my $temp = join '', map { "    ${_}_temp_path $dir/logs/$_;\n" }
               qw(client_body proxy fastcgi scgi uwsgi);

    $user = $> == 0 ? "user $user $group;" : '';
    open my $out, '>', "$dir/nginx.conf" or die "nginx.conf: $!\n";
    print $out <<_EOC_;
$load$user
daemon on;
pid $dir/nginx.pid;
error_log $dir/logs/error.log info;
worker_processes $self->{workers};
env ASAN_OPTIONS;
env UBSAN_OPTIONS;
events { worker_connections 1024; }
http {
    access_log off;
$temp
    llm_router_zone own:$self->{zone};
    $state
$AdminKey
    llm_router_key $Key name=plain;
@{[ $self->{http} // '' ]}
    server {
        listen 127.0.0.1:$self->{port};
        location /v1/ { llm_router on; }
        location /api/ { llm_router_api on; }
        location = /status { llm_router_status; }
    }
}
_EOC_
    close $out or die "nginx.conf: $!\n";
}


sub begin {
    my ($self) = @_;
    my $dir = $self->{dir};
    my $cmd = "$ENV{TEST_NGINX_BINARY} -e $dir/logs/error.log -p $dir/"
              . " -c $dir/nginx.conf >>$dir/logs/start.log 2>&1 </dev/null";

    unlink "$dir/nginx.pid";
    system($cmd) == 0 or die 'nginx does not start: '
                             . slurp("$dir/logs/start.log");
    main::wait_until(sub { $self->pid && $self->workers >= $self->{workers} },
                     20)
        or die 'nginx does not run: ' . $self->log;
}


sub end {
    my ($self, $name) = @_;
    my $pid = $self->pid;

    kill 'QUIT', $pid if $pid;
    Test::More::ok($pid && main::wait_until(sub { !alive($pid) }, 30),
                   $name // 'nginx ends');
    Test::More::is(join("\n", grep { /\[alert\]|\[emerg\]|Sanitizer/
                                     && !/exited on signal 9/ }
                              split /\n/, $self->log),
                   '', '... and has told no alert');
}


sub kill9 {
    my ($self) = @_;
    my @pids = ($self->pid, $self->old_workers);

    # first the master, who would start others
    kill 'KILL', $_ for @pids;
    main::wait_until(sub { !grep { alive($_) } @pids }, 10)
        or die "nginx lives after kill -9\n";
}


sub slurp {
    my ($path) = @_;

    open my $in, '<', $path or return;
    local $/;
    return scalar <$in>;
}


# a killed daemon may stay as a zombie until init gets to it

sub alive {
    return (slurp("/proc/$_[0]/stat") // ') Z') !~ /\) [ZX]/;
}


sub of_file {
    my ($pid) = (slurp($_[0]) // '') =~ /(\d+)/;
    return $pid && alive($pid) ? $pid : 0;
}

sub pid { return of_file("$_[0]{dir}/nginx.pid") }
sub old_pid { return of_file("$_[0]{dir}/nginx.pid.oldbin") }
sub port { return $_[0]{port} }
sub dir { return $_[0]{dir} }
sub file { return $_[0]{state} }
sub log { return slurp("$_[0]{dir}/logs/error.log") // '' }


sub old_workers {
    my ($self, $pid) = @_;
    my $master = $pid // $self->pid or return;
    my @pids;

    for (map { slurp($_) // '' } glob('/proc/[0-9]*/stat')) {
        push @pids, $1 if /^(\d+) \(.*\) [^ZX] (\d+)/s && $2 == $master;
    }

    return @pids;
}


# those that serve

sub workers {
    my ($self, $pid) = @_;
    my @pids = grep {
        my $title = slurp("/proc/$_/cmdline") // '';
        $title =~ /worker process/ && $title !~ /shutting down/;
    } $self->old_workers($pid);
    return @pids;
}


sub state {
    my ($self) = @_;
    my $text = slurp($self->{state}) // return;
    return eval { main::json_decode($text) };
}


sub written {
    my ($self, $what) = @_;

    return main::wait_until(sub {
        my $s = $self->state;
        return $s && $s->{end} && $what->($s);
    }, 15);
}


sub api {
    my ($self, $method, $path, $body, $headers) = @_;
    return LLMTest::Admin::api($method, $path, $body, $headers,
                               port => $self->{port});
}


sub chat {
    my ($self, $members, $headers) = @_;
    return LLMTest::Api::chat($members, $headers, port => $self->{port});
}


# What was started by a test that died ends, too.

sub stop_all {
    return if $$ != $owner;

    for my $self (splice @all) {
        for my $pid (grep { $_ } $self->pid, $self->old_pid) {
            kill 'TERM', $pid;
            main::wait_until(sub { !alive($pid) }, 5) or kill 'KILL', $pid;
        }
    }
}


END { local ($?, $@, $!); stop_all() }


1;
