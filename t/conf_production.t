# conf/production.conf, llm-router.service and llm-router.logrotate: a copy with
# only paths, ports, the user and what a machine can bear changed is installed
# as conf/README.md says, started by the unit's own commands, asked through both
# of its doors, reloaded, rotated and stopped.

use strict;
use warnings;

use lib 't/lib';
use Cwd qw(abs_path);
use File::Path qw(make_path remove_tree);
use IO::Socket::INET;
use JSON::PP ();
use Test::More;
use LLMTest::Client;
use LLMTest::Helpers qw(wait_until slurp alive);
use LLMTest::Mock;
use LLMTest::Ports qw(free_port);

skip_all('it is started as its unit does, without valgrind')
    if $ENV{LLMTEST_VALGRIND};
skip_all('no openssl to make a certificate')
    if `openssl version 2>/dev/null` !~ /SSL/;

my $top = abs_path('.');
my $dir = "$top/t/servroot/conf_production";
my $nginx = $ENV{TEST_NGINX_BINARY} || $ENV{LLMTEST_NGINX}
            || (-x '/usr/sbin/nginx' ? '/usr/sbin/nginx' : 'nginx');
my $module = abs_path($ENV{LLMTEST_MODULE}
                      || 'build/ngx_http_llm_router_module.so');
my $builtin = defined $ENV{TEST_NGINX_LOAD_MODULES}
              && $ENV{TEST_NGINX_LOAD_MODULES} eq '';
my $user = getpwuid $>;
my $group = getgrgid((split ' ', $))[0]);
my ($tls, $tls6, $inside) = map { free_port() } 1 .. 3;
my ($files) = sort { $a <=> $b } 65536, `sh -c 'ulimit -Hn'` =~ /^(\d+)/;
my $automation = 'sk-automation-0123456789abcdef';
my $master = 0;

# what a copy has in place of what stands there, and how often

my %paths = (
    '/etc/llm-router/'       => "$dir/etc/",
    '/var/log/llm-router/'   => "$dir/log/",
    '/var/lib/llm-router'    => "$dir/state",
    '/run/llm-router.pid'    => "$dir/llm-router.pid",
    '/usr/sbin/nginx'        => $nginx,
    'www-data'               => $user,
);

# a master is a daemon, and its workers would outlive one that is killed

$SIG{INT} = $SIG{TERM} = sub { exit 1 };
END {
    my $st = $?;
    if ($dir and my @left = masters()) {
        kill 'TERM', @left;
        wait_until(sub { !masters() }, 5);
    }
    $? = $st;
}

delete @ENV{'NGINX', grep { /^LLM_ROUTER_/ } keys %ENV};
remove_tree($dir);
make_path(map { "$dir/$_" } qw(etc log temp));
LLMTest::Mock::start('a', '--models', 'llama3', '--tokens', 3);

is(join(' ', glob 'conf/*.conf'),
   'conf/full.conf conf/minimal.conf conf/production.conf',
   'each example has its test: here and in conf_examples.t');

my $unit = unit();

if (install()) {
    started() && asked() && reloaded() && rotated();
    stopped() if $master;
}

logrotate();
done_testing();


# -- the files ------------------------------------------------------------


# The unit as { Section => { Key => [values] } }.

sub unit {
    my %unit;
    my $section;

    for (split /\n/, slurp('conf/llm-router.service')) {
        next if /^\s*(?:[#;].*)?$/;
        if (/^\[(\w+)\]$/) {
            ok(!$unit{$1}, "unit: [$1] is there once");
            $section = $unit{$1} = {};
        } elsif ($section && /^([A-Z]\w+)=(\S.*)$/) {
            push @{ $section->{$1} }, $2;
        } else {
            fail("unit: a line that is none: $_");
        }
    }

    is(join(' ', sort keys %unit), 'Install Service Unit',
       'unit: its sections');
    is_deeply([map { scalar @{ $unit{Service}{$_} // [] } }
                   qw(Type PIDFile ExecStart KillSignal)], [1, 1, 1, 1],
              'unit: what is there once');
    is($unit{Service}{Type}[0], 'forking', 'unit: nginx is a daemon');
    is($unit{Service}{KillSignal}[0], 'SIGQUIT', 'unit: it ends by QUIT');
    my ($want) = slurp('conf/production.conf')
                 =~ /^worker_rlimit_nofile (\d+);/m;
    cmp_ok($unit{Service}{LimitNOFILE}[0], '>=', $want // 1e9,
           'unit: as many files as nginx.conf wants');
    is($unit{Install}{WantedBy}[0], 'multi-user.target',
       'unit: when it starts');

    SKIP: {
        skip('no systemd-analyze', 1) if !installed('systemd-analyze');
        my $said = join '', grep { /llm-router/ }
                   `systemd-analyze verify conf/llm-router.service 2>&1`;
        is($said, '', 'unit: systemd finds nothing wrong');
    }

    return \%unit;
}


# A file's text with the paths of the copy; each of these must be in it.

sub copied {
    my ($file, @want) = @_;
    my $text = slurp("conf/$file");

    for my $old (sort @want) {
        my $n = $text =~ s/\Q$old\E/$paths{$old}/g;
        ok($n, "$file: $old");
    }

    return $text;
}


sub install {
    my $text = copied('production.conf', grep { !/sbin/ } keys %paths);
    my $load = $builtin ? '' : "load_module $module;";
    my $a = 'http://127.0.0.1:' . LLMTest::Mock::port('a');
    my $temp = join '', map { "    ${_}_temp_path $dir/temp/$_;\n" }
               qw(client_body proxy fastcgi uwsgi scgi);

    for (['load_module', qr/^load_module .*;$/m, $load],
         ['user', qr/^user \S+;$/m, $> ? '' : "user $user;"],
         ['443', qr/listen 443 ssl;/, "listen 127.0.0.1:$tls ssl;"],
         ['443 of IPv6', qr/listen \[::\]:443 ssl;/,
          "listen 127.0.0.1:$tls6 ssl;"],
         ['8081', qr/listen 127\.0\.0\.1:8081;/, "listen 127.0.0.1:$inside;"],
         ['page', qr{/usr/share/llm-router/dashboard;}, "$dir/page;"],
         ['networks of nodes', qr/(llm_router_node_allow) /,
          'llm_router_node_allow 127.0.0.0/8 '],
         ['files', qr/(?<=worker_rlimit_nofile )65536;/, "$files;"],
         ['connections', qr/(?<=worker_connections )32768;/,
          int($files / 2) . ';'],
         ['temporary files', qr/^http \{\n/m, "http {\n$temp"])
    {
        my ($name, $old, $new) = @$_;
        is(scalar($text =~ s/$old/$new/g), 1, "production.conf: $name");
    }

    (my $left = $text) =~ s/\Q$dir\E\S*|\Q$module\E/HERE/g;
    is(join('', grep { m{/(?:etc|var|run|usr)/} } split /^/, $left), '',
       'production.conf: no path is left');
    spew('etc/nginx.conf', $text);
    spew('etc/admin.password', "long-enough-1\n");
    spew('etc/automation.key', "$automation\n");
    chmod 0600, map { "$dir/etc/$_" } qw(admin.password automation.key);

    return if !Test::More->builder->is_passing;

    my $log = `openssl req -x509 -newkey rsa:2048 -nodes -days 2 \\
        -subj /CN=localhost -addext subjectAltName=DNS:localhost \\
        -keyout $dir/etc/tls.key -out $dir/etc/tls.crt 2>&1`;
    return ok(-s "$dir/etc/tls.crt", 'a certificate') || diag($log) && 0;
}


# -- its life -------------------------------------------------------------


# The commands of the unit, one after another, as systemd would run them.

sub commands {
    my ($key, $pid) = @_;

    for my $command (@{ $unit->{Service}{$key} }) {
        my $run = $command;
        $run =~ s/\Q$_\E/$paths{$_}/g for keys %paths;
        $run =~ s/(-g) \Q$user\E/$1 $group/;
        $run =~ s/\$MAINPID/$pid/ if $pid;
        unlike($run, qr/\$|%/, "$key=$command: no variable is left");
        my $said = `$run 2>&1`;
        is($?, 0, "$key=$command");
        is($said, '', '... says nothing');
    }
}


sub started {
    commands('ExecStartPre');
    is((stat "$dir/state")[2] & 07777, 0700, 'the directory of the state');
    commands('ExecStart');

    my $file = $unit->{Service}{PIDFile}[0];
    is($paths{$file} // '', "$dir/llm-router.pid",
       'the PIDFile of the unit is the pid of nginx.conf');
    wait_until(sub { ($master) = (slurp($paths{$file}) // '') =~ /^(\d+)$/m });
    ok($master && alive($master), 'it runs');
    return ok(wait_until(sub {
        return (inside('GET', '/api/health')->{status} // 0) == 200;
    }), 'and is well');
}


sub asked {
    my $a = 'http://127.0.0.1:' . LLMTest::Mock::port('a');
    my $r;

    # the door of the operators

    is(inside('GET', '/api/nodes', '')->status, 401, 'nobody');
    is(inside('POST', '/api/auth/login', '', {
        username => 'admin', password => 'long-enough-1' })->status, 200,
       'the administrator logs in');
    is(inside('GET', '/status', '')->status, 200, 'the status page');
    is(inside('POST', '/api/nodes', $automation,
              { base_url => $_ })->json->{error}{code}, 'address_not_allowed',
       "a node elsewhere: $_") for 'http://192.0.2.1', 'http://169.254.169.254';
    is(inside('POST', '/api/nodes', $automation, {
        base_url => $a, name => 'a' })->status, 201, 'a node');
    $r = inside('POST', '/api/keys', $automation, { name => 'team' });
    is($r->status, 201, 'a key') or return;
    our $key = $r->json->{key};
    ok(wait_until(sub { inside('GET', '/status', '')->body
                        =~ /"name":"a","state":"online"/ }), 'it is online');

    # the door of the clients

    our %chat = (model => 'llama3', messages => [{ role => 'user',
                                                   content => 'hi' }]);
    my $said = '';
    ok(wait_until(sub { $said = outside($tls, '/v1/chat/completions', $key,
                                        \%chat);
                        $said =~ /^200 / }), 'a chat over TLS')
        or diag($said);
    like($said, qr/"content":/, 'its answer');
    like(outside($tls6, '/v1/models', $key), qr/^200 .*"llama3"/s,
         'at the other address, too');
    like(outside($tls, '/v1/models', 'sk-nobody'), qr/^401 /, 'a wrong key');
    like(outside($tls, '/v1/models', $automation), qr/^403 /,
         'the key of automation is no client\'s');
    like(outside($tls, $_, $automation), qr/^404 /, "no $_ out there")
        for qw(/api/nodes /api/health /api/keys /status / /api/auth/login);
    like(outside($tls, '/api/nodes/register', 'sk-nobody', {
        base_url => $a }), qr/^401 .*invalid_api_key/s,
        'where nodes announce themselves');
    like(outside($tls, '/api/nodes/node-0123456789abcdef/heartbeat', 'x', {}),
         qr/^401 .*invalid_node_token/s, 'and are heard');

    my $state = "$dir/state/state.json";
    ok(wait_until(sub { (slurp($state) // '') =~ /"team"/ }), 'the state');
    is((stat $state)[2] & 07777, 0600, 'is for nobody else');
    unlike(slurp($state), qr/\Q$key\E/, 'and holds no key');
    return 1;
}


sub reloaded {
    my @old = workers();

    cmp_ok(scalar @old, '>=', 1, 'workers');
    commands('ExecReload', $master);
    ok(wait_until(sub { my %now = map { $_ => 1 } workers();
                        %now && !grep { $now{$_} } @old }, 10),
       'others, after a reload');
    ok(alive($master), 'of the same master');
    return like(outside($tls, '/v1/chat/completions', $main::key,
                        \%main::chat), qr/^200 /, 'they serve');
}


# What logrotate would do: the files are moved, then its script runs.

sub rotated {
    my $text = copied('llm-router.logrotate', '/var/log/llm-router/',
                      '/run/llm-router.pid');
    my ($where) = $text =~ /^(\/\S+) \{$/m;
    my ($script) = $text =~ /^\s*postrotate\n(.*?)^\s*endscript$/ms;
    my @logs = glob $where // '';

    is_deeply([map { m{([^/]*)$} } sort @logs], [qw(access.log error.log)],
              'both logs of production.conf are rotated');
    rename $_, "$_.1" or die "$_: $!\n" for @logs;
    spew('postrotate', $script);
    is(`sh -e $dir/postrotate 2>&1`, '', 'the script says nothing');
    is($?, 0, 'and is content');
    ok(wait_until(sub { -f "$dir/log/access.log" && -f "$dir/log/error.log" }),
       'the logs are opened anew');
    ok(wait_until(sub { (slurp("$dir/log/access.log.1") // '')
                        =~ / 200 result=ok key=team model=llama3 node=a / }),
       'what was buffered is in the old one');
    like(outside($tls, '/v1/chat/completions', $main::key, \%main::chat),
         qr/^200 /, 'it serves');

    # that one has no pid file

    rename "$dir/llm-router.pid", "$dir/llm-router.pid.away";
    is(system("sh -e $dir/postrotate"), 0, 'nor does it fail when none runs');
    rename "$dir/llm-router.pid.away", "$dir/llm-router.pid";
}


sub stopped {
    my ($signal) = $unit->{Service}{KillSignal}[0] =~ /^SIG(\w+)$/;
    my @all = ($master, workers());

    kill $signal, $master;
    ok(wait_until(sub { !grep { alive($_) } @all }, 10), 'all end');
    is(join(' ', masters()), '', 'none is left');
    ok(!-e "$dir/llm-router.pid", 'the pid file is gone');

    my @logs = map { slurp($_) // '' } glob "$dir/log/*";
    my $text = join '', @logs;
    is(scalar @logs, 4, 'four logs');
    is(scalar(() = (slurp("$dir/log/access.log") // '') =~ / result=ok /g), 1,
       'the new access log has what came after it');
    is(join('', grep { /\[(?:alert|emerg|crit|error|warn)\]|Sanitizer/ }
                split /^/, $text), '', 'none has an error');
    is(index($text, $_), -1, 'no secret')
        for $main::key, $automation, 'long-enough-1';
}


sub logrotate {
    SKIP: {
        skip('no logrotate', 2) if !installed('logrotate');
        spew('logrotate.conf', copied('llm-router.logrotate',
                                      '/var/log/llm-router/',
                                      '/run/llm-router.pid'));
        chmod 0644, "$dir/logrotate.conf";
        my $said = `logrotate -d -s $dir/rotated $dir/logrotate.conf 2>&1`;
        is($?, 0, 'logrotate takes it');
        is(join('', grep { /^error:/ } split /^/, $said), '',
           'and finds nothing wrong');
    }
}


# -- small things ---------------------------------------------------------


sub skip_all {
    print "1..1\nok 1 # skip $_[0]\n";
    exit 0;
}


sub installed {
    my ($program) = @_;
    return grep { -x "$_/$program" } split(/:/, $ENV{PATH}), '/usr/sbin';
}


sub masters {
    my $conf = $paths{'/etc/llm-router/'} . 'nginx.conf';
    return grep { (slurp("/proc/$_/cmdline") // '')
                  =~ /^nginx: master process \S+ .*\Q$conf\E/ && alive($_) }
           map { m{(\d+)$} } glob '/proc/[0-9]*';
}


sub workers {
    return grep { (slurp("/proc/$_/cmdline") // '') =~ /worker process(?! is)/ }
           LLMTest::Helpers::children($master);
}


sub inside {
    my ($method, $path, $key, $body) = @_;
    my %h = ($key // $automation) ne ''
            ? (Authorization => 'Bearer ' . ($key // $automation)) : ();
    my $conn = eval { LLMTest::Client->connect(port => $inside) } or return {};
    return $conn->http($method, $path, \%h, $body);
}


# The status and the body, over TLS with a certificate that is verified.

sub outside {
    my ($port, $path, $key, $body) = @_;
    my @cmd = (qw(curl -s --max-time 10 -w), '\n%{http_code}', '--cacert',
               "$dir/etc/tls.crt", '-H', "Authorization: Bearer $key",
               "https://localhost:$port$path");

    push @cmd, '-H', 'Content-Type: application/json', '--data-binary',
               JSON::PP->new->encode($body) if $body;
    open my $in, '-|', @cmd or die "curl: $!\n";
    my $text = do { local $/; <$in> } // '';
    close $in;
    return $text =~ s/^(.*)\n(\d+)\z/$2 $1/sr;
}


sub spew {
    my ($path, $text) = @_;
    open my $out, '>', "$dir/$path" or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
}
