package LLMTest;

# The test harness: declarative blocks as Test::Nginx::Socket knows them, and
# what a router's tests need on top.  Where Test::Nginx::Socket is installed
# that module runs the blocks, else LLMTest::Engine; LLMTEST_REAL=0 or 1
# decides.  The same file passes under both.
#
# Sections added to those of Test::Nginx::Socket:
#
#   --- mock            a line a node: NAME options of build/mock_node;
#                       $TEST_NGINX_NODE_NAME is its port in every section
#   --- node_stats      a line a node: NAME requests=1 aborted=0 …, compared
#                       with its /mock/stats (up to 5 s): one test a line
#   --- perl, --- sdk   Perl run against the running server, after the
#                       block's requests (if any); see LLMTest::Helpers
#   --- env             NAME=value lines: nginx's environment
#   --- allow_signal    a worker may be killed in this block
#   --- allow_log       regexes, one a line, of log lines that are expected
#   --- slots_zero: off no look at the status page at the end
#   --- slow_stop       nginx may take its time to stop
#   --- must_pass       nginx starts; nothing is requested (one test)
#
# In a block with --- perl the error_log sections are checked after it.
#
# After every block, without a section and without a test that a plan counts
# (they only ever fail): nginx stops by itself within some seconds and with
# status 0, error.log holds no alert, emerg, sanitizer report or dead worker,
# neither log holds an API key of the block, every slot is free again, and
# the block made at least one assertion.

use strict;
use warnings;
no warnings 'once';

use Cwd ();
use Fcntl qw(LOCK_EX LOCK_NB);
use File::Basename qw(basename);
use File::Path qw(make_path remove_tree);
use JSON::PP ();
use Test::More ();
use Time::HiRes qw(sleep time);
use LLMTest::Client;
use LLMTest::Helpers;
use LLMTest::Mock;
use LLMTest::Ports;

# The status page: added as a location when the module knows the directive.
# In its JSON every member with one of these names must come back to zero.

our $StatusPath      = '/llm-status';
our $StatusDirective = 'llm_router_status';
our @StatusZero      = qw(in_flight keys_in_flight waiting queued);

our $Module = $ENV{LLMTEST_MODULE} || 'build/ngx_http_llm_router_module.so';

my $real;
my $lock;
my $end_of_block = 0;
my %saved_env;
my $json = JSON::PP->new->utf8->allow_nonref->canonical;

my @bad_lines = (
    qr/\[alert\]/, qr/\[emerg\]/, qr/Sanitizer/, qr/runtime error:/,
    qr/exited with code [1-9]/, qr/exited on signal/,
);


sub import {
    my $caller = caller;

    set_environment();
    $real = load_engine();

    my @names = (@HELPERS, $real ? @Test::Nginx::Socket::EXPORT
                                 : @LLMTest::Engine::EXPORT);
    push @names, qw(ok is isnt like unlike is_deeply cmp_ok skip pass fail
                    diag blocks plan);

    no strict 'refs';
    no warnings qw(redefine prototype);

    for my $name (@names) {
        my $code = LLMTest->can($name);
        $code = engine_sub($name) if !grep { $_ eq $name } @HELPERS;
        *{"${caller}::$name"} = $code if $code;
    }

    *{"${caller}::config_preamble"} = \&preamble;
    $caller->can($_) or die "LLMTest: no $_\n" for qw(plan blocks run_tests);
    configure();
}


sub engine_sub {
    my ($name) = @_;

    for my $class ($real ? qw(Test::Nginx::Socket Test::Nginx::Util)
                         : 'LLMTest::Engine', qw(Test::Base Test::More))
    {
        my $code = $class->can($name);
        return $code if $code;
    }

    return;
}


sub load_engine {
    my $want = $ENV{LLMTEST_REAL};

    if (!defined $want || $want) {
        my $ok = eval { require Test::Nginx::Socket; 1 };
        die $@ if !$ok && $want;
        if ($ok) {
            package LLMTest::Imported;
            Test::Nginx::Socket->import;
            return 1;
        }
    }

    require LLMTest::Engine;
    return 0;
}


# One server root and one port a test file; two runs of the same file at the
# same time get roots of their own.

sub set_environment {
    my $top = Cwd::abs_path('.');

    if (!$ENV{TEST_NGINX_SERVROOT}) {
        my $root = "$top/t/servroot/" . basename($0, '.t');
        make_path("$top/t/servroot");
        open $lock, '>', "$root.lock" or die "$root.lock: $!\n";
        $root .= ".$$" if !flock $lock, LOCK_EX | LOCK_NB;
        $ENV{TEST_NGINX_SERVROOT} = $root;
    }

    srand($$ ^ int(time * 1000));
    $ENV{TEST_NGINX_SERVER_PORT} ||= free_port();
    $ENV{TEST_NGINX_HTML_DIR} = "$ENV{TEST_NGINX_SERVROOT}/html";
    $ENV{TEST_NGINX_TOP} = $top;
    $ENV{TEST_NGINX_BINARY} ||= -x '/usr/sbin/nginx' ? '/usr/sbin/nginx'
                                                     : 'nginx';
    $ENV{TEST_NGINX_LOAD_MODULES} //= -f $Module ? Cwd::abs_path($Module) : '';
    $ENV{PATH} .= ':/usr/sbin';
    $LLMTest::Client::DefaultPort = sub { $ENV{TEST_NGINX_SERVER_PORT} };
}


sub free_port { return LLMTest::Ports::free_port() }


sub configure {
    my %call = map { $_ => engine_sub($_) } qw(
        workers master_on master_off log_level worker_connections no_shuffle
        add_block_preprocessor add_test_cleanup_handler add_cleanup_handler
        timeout);

    $call{workers}->(2);
    $call{master_on}->();
    $call{log_level}->($ENV{TEST_NGINX_LOG_LEVEL} || 'info');
    $call{worker_connections}->(1024);
    $call{no_shuffle}->();
    $call{timeout}->(5 * $Slow) if !$ENV{TEST_NGINX_TIMEOUT};
    &{ $call{add_block_preprocessor} }(\&before_block);
    $call{add_test_cleanup_handler}->(\&after_block);
    $call{add_cleanup_handler}->(\&LLMTest::Mock::stop_all);
    preamble('');

    if ($real) {
        wrap_server_root();
        # its own may be in use for outgoing connections, or by another file
        no warnings qw(redefine prototype once);
        *Test::Nginx::Util::gen_rand_port = sub (;$$) { return free_port() };

    } else {
        # valgrind follows one process
        $LLMTest::Engine::Base::Set{reload_hook} = \&reload;
        if ($ENV{LLMTEST_VALGRIND}) {
            no warnings 'redefine';
            $call{master_off}->();
            *LLMTest::Engine::master_on = sub { };
        }
    }
}


# Test::Nginx::Socket removes the files it knows and then wants its server
# root empty: a snapshot or a socket made by a test would stop it.

sub wrap_server_root {
    no warnings qw(redefine prototype once);
    my $orig = \&Test::Nginx::Util::setup_server_root;

    *Test::Nginx::Util::setup_server_root = sub ($) {
        my $root = $Test::Nginx::Util::ServRoot;
        remove_tree(grep { !m{/(?:logs|conf|html|cache)$} } glob("$root/*"));
        $orig->(@_);
    };
}


# Locations that every server of a test has: one that answers nothing (asked
# where a block has --- perl and no request), and the status page.

sub preamble {
    my ($text) = @_;
    my $own = "location = /llmtest-ready { access_log off; return 204; }\n";

    $own .= "location = $StatusPath { access_log off; $StatusDirective; }\n"
        if has_status();
    engine_sub('config_preamble')->($own . $text);
}


my $has_status;

sub has_status {
    return $has_status if defined $has_status;

    my ($file) = split ' ', $ENV{TEST_NGINX_LOAD_MODULES};
    $file //= $ENV{TEST_NGINX_BINARY};
    $has_status = index(slurp($file) // '', "$StatusDirective\0") >= 0 || 0;
    return $has_status;
}


# -- before a block -------------------------------------------------------

sub before_block {
    my ($block) = @_;

    $end_of_block = Test::More->builder->current_test;
    # a process without a master neither reloads nor has workers
    $block->set_value('skip_eval', '1: 1')
        if $ENV{LLMTEST_VALGRIND} && (perl_code($block) // '')
           =~ /\b(?:reload|kill9_worker|worker_pids|master_pid)\b/;
    return if is_skipped($block);

    if (defined $block->mock) {
        eval { LLMTest::Mock::start_all($block->mock); 1 }
            or engine_sub('bail_out')->($block->name . " - $@");
    }

    for (split /\n/, $block->env // '') {
        my ($key, $val) = /^\s*(\w+)=(.*)$/ or next;
        $saved_env{$key} //= [$ENV{$key}];
        $ENV{$key} = expand($val);
    }

    for my $section (qw(request more_headers raw_request response_headers
                        error_log grep_error_log_out))
    {
        my $text = $block->$section;
        $block->set_value($section, expand($text))
            if defined $text && index(flat($text), '$TEST_NGINX_') >= 0;
    }

    root_location($block);
    prepare_bare($block) if !defined $block->must_die;
}


# Test::Nginx::Socket adds a "location /" to every server: not to one that has
# its own.

my $no_root;

sub root_location {
    my ($block) = @_;
    my $flag = $real ? \$Test::Nginx::Util::NoRootLocation
                     : \$LLMTest::Engine::Base::Set{no_root};

    $no_root //= $$flag;
    $$flag = $no_root
             || ($block->config // '') =~ m{^\s*location\s+/\s*\{}m || 0;
}


# A block without a request still wants nginx started.

sub prepare_bare {
    my ($block) = @_;
    my $code = perl_code($block);

    if (defined $code) {
        for (qw(error_log no_error_log access_log no_access_log)) {
            next if !defined $block->$_;
            $block->set_value("late_$_", $block->$_);
            $block->set_value($_, undef);
        }
    }

    return if grep { defined $block->$_ }
              qw(request raw_request pipelined_requests);
    return if !defined $code && !defined $block->must_pass
              && !defined $block->node_stats;

    $block->set_value('request', "GET /llmtest-ready\n");
    $block->set_value('ignore_response', '');
}


sub perl_code {
    my ($block) = @_;
    my @code = grep { defined } $block->perl, $block->sdk;
    return @code ? join "\n", @code : undef;
}


sub flat {
    my ($v) = @_;
    return ref $v eq 'ARRAY' ? join "\n", map { flat($_) } @$v
         : ref $v eq 'HASH' ? join "\n", map { flat($_) } values %$v
         : $v // '';
}


sub expand {
    my ($v) = @_;

    return [map { expand($_) } @$v] if ref $v eq 'ARRAY';
    return { map { $_ => expand($v->{$_}) } keys %$v } if ref $v eq 'HASH';
    return $v if ref $v || !defined $v;
    $v =~ s/\$(TEST_NGINX_[_A-Z0-9]+)/$ENV{$1} \/\/ "\$$1"/eg;
    return $v;
}


sub is_skipped {
    my ($block) = @_;

    return 1 if defined $block->SKIP;
    return 0 if !defined $block->skip_nginx && !defined $block->skip_eval;

    require LLMTest::Engine;
    no warnings 'once';
    $LLMTest::Engine::Version //=
        `$ENV{TEST_NGINX_BINARY} -v 2>&1` =~ m{nginx/([\d.]+)} ? $1 : 0;
    my ($skip) = LLMTest::Engine::skipped($block);
    return $skip ? 1 : 0;
}


# -- after a block --------------------------------------------------------

sub after_block {
    my ($block) = @_;
    my $name = $block->name;

    if (!is_skipped($block)) {
        if (!defined $block->must_die && master_pid()) {
            run_perl($block);
            check_node_stats($block);
            check_slots($block);
            Test::More::pass("$name - nginx runs")
                if defined $block->must_pass;
            check_stop($block);
        }

        check_log_lines($block) if !$LLMTest::Engine::Base::Set{not_started};
        check_valgrind($block);
        check_keys($block);
        complain("$name - the block asserts nothing")
            if Test::More->builder->current_test == $end_of_block;
    }

    LLMTest::Mock::stop_all();

    for my $key (keys %saved_env) {
        my ($old) = @{ delete $saved_env{$key} };
        defined $old ? ($ENV{$key} = $old) : delete $ENV{$key};
    }
}


# A failure that no plan counts.

sub complain {
    my ($what) = @_;
    Test::More->builder->ok(0, $what);
}


sub run_perl {
    my ($block) = @_;
    my $code = perl_code($block) // return;
    my $name = $block->name;

    # nginx listens before its last worker is there
    my $want = has_master() ? engine_sub('workers')->() : 0;
    wait_until(sub { worker_pids() >= $want }) if $want;

    $name =~ s/[^\w\s.:\/,-]//g;
    my $ok = eval "package main;\n#line 1 \"$name --- perl\"\n$code\n;1";
    complain("$name - --- perl died: $@") if !$ok;
    check_late_logs($block);
}


sub has_master {
    my $on = engine_sub('master_process_enabled')->();
    return $on && $on ne 'off';
}


sub check_late_logs {
    my ($block) = @_;

    require LLMTest::Engine::Check;
    for my $what (qw(error access)) {
        my ($yes, $no) = ("late_${what}_log", "late_no_${what}_log");
        LLMTest::Engine::Check::check_patterns(
            $block->name, "$what.log", log_file($what), 0,
            scalar $block->$yes, scalar $block->$no, 0)
            if defined $block->$yes || defined $block->$no;
    }
}


sub check_node_stats {
    my ($block) = @_;

    for (grep { /\S/ } split /\n/, $block->node_stats // '') {
        my ($node, @want) = map { s/:$//r } split ' ';
        my %got;
        my $ok = wait_until(sub {
            my $stats = mock_stats($node);
            %got = map { $_ => $stats->{$_} } map { /^(\w+)/ } @want;
            return !grep { !stat_is(\%got, $_) } @want;
        });

        Test::More::ok($ok, $block->name . " - node $node: @want")
            or Test::More::diag('got: ', $json->encode(\%got));
    }
}


sub stat_is {
    my ($got, $want) = @_;
    my ($key, $op, $val) = $want =~ /^(\w+)(<=|>=|=|<|>)(\d+)$/
        or die "bad --- node_stats: $want\n";
    my $n = $got->{$key} // return 0;

    return $op eq '=' ? $n == $val : $op eq '<' ? $n < $val
         : $op eq '>' ? $n > $val : $op eq '<=' ? $n <= $val : $n >= $val;
}


sub check_slots {
    my ($block) = @_;
    my $busy;

    return if !has_status() || ($block->slots_zero // '') =~ /^\s*(?:off|0)/;

    wait_until(sub {
        my $page = status_page() or return 1;
        $busy = join ' ', busy_slots($page, '');
        return $busy eq '';
    }) or complain($block->name . " - slots are taken after 5 s: $busy");
}


sub busy_slots {
    my ($node, $path) = @_;

    return map { busy_slots($node->[$_], "$path\[$_]") } 0 .. $#$node
        if ref $node eq 'ARRAY';
    return () if ref $node ne 'HASH';

    my @busy;
    for my $key (sort keys %$node) {
        my $val = $node->{$key};
        if (ref $val) {
            push @busy, busy_slots($val, "$path.$key");
        } elsif ($val && grep { $_ eq $key } @StatusZero) {
            push @busy, "$path.$key=$val";
        }
    }
    return @busy;
}


# A worker tells of open sockets when it exits, so nginx is stopped here.

sub check_stop {
    my ($block) = @_;
    my $name = $block->name;
    my $wait = defined $block->slow_stop ? 30 : 5;
    my $pid = master_pid();

    if (!$real) {
        my $set = \%LLMTest::Engine::Base::Set;
        local $set->{stop_timeout} = $wait;
        delete $set->{exit_status};
        return if LLMTest::Engine::Nginx::stop_nginx();
        my $st = $set->{exit_status} // -1;
        complain("$name - nginx did not stop cleanly within $wait s"
                 . " (status $st)");
        return;
    }

    # the block may have ended it
    return if !$pid;
    kill 'QUIT', $pid;
    return if wait_until(sub { !alive($pid) }, $wait);
    complain("$name - nginx did not stop within $wait s");
    kill 'TERM', $pid;
    wait_until(sub { !alive($pid) }, 2) or kill 'KILL', $pid;
}


sub check_log_lines {
    my ($block) = @_;
    my @allow = map { qr/$_/ } grep { /\S/ } split /\n/, $block->allow_log // '';
    my %seen;

    push @allow, map { ref $_ ? $_ : qr/\Q$_\E/ } grep { defined }
                 map { ref $_ eq 'ARRAY' ? @$_
                       : ref $_ ? $_ : grep { /\S/ } split /\n/ }
                 grep { defined } $block->error_log, $block->late_error_log;
    push @allow, qr/exited on signal/ if defined $block->allow_signal;
    push @allow, qr/\[emerg\]/ if defined $block->must_die;

    for my $line (split /\n/, error_log_text() . stderr_text()) {
        next if !grep { $line =~ $_ } @bad_lines;
        next if grep { $line =~ $_ } @allow;
        (my $key = $line) =~ s/\d+/N/g;
        complain($block->name . " - error.log: $line") if !$seen{$key}++;
        last if keys %seen > 5;
    }

    note(join "\n", grep { !/\[(?:notice|info|debug)\]/ }
                     split /\n/, error_log_text() . stderr_text())
        if grep { /Sanitizer|runtime error/ } keys %seen;
}


sub stderr_text {
    return slurp("$ENV{TEST_NGINX_SERVROOT}/logs/stderr.log") // '';
}


sub check_valgrind {
    my ($block) = @_;

    for (glob("$ENV{TEST_NGINX_SERVROOT}/logs/valgrind.*")) {
        my $text = slurp($_);
        # who dies of its configuration does not tidy up
        next if defined $block->must_die && $text !~ /Invalid|uninitialised/;
        complain($block->name . " - valgrind:\n$text") if $text =~ /\S/;
    }
}


# No clear API key in a log.  The debug log holds the request's head by
# nginx's own hand: there only the module's lines count.

sub check_keys {
    my ($block) = @_;
    my $text = join "\n", map { flat($block->$_) }
               qw(main_config http_config config more_headers request
                  raw_request pipelined_requests env perl sdk mock);
    my %keys = map { $_ => 1 } $text =~ /\b(sk-[A-Za-z0-9_-]{6,})/g;

    for my $what (qw(error access)) {
        for my $line (split /\n/, slurp(log_file($what)) // '') {
            next if $line =~ /\[debug\]/ && $line !~ /\bllm/;
            for my $key (grep { index($line, $_) >= 0 } keys %keys) {
                complain($block->name . " - $what.log holds the key $key");
                delete $keys{$key};
            }
        }
    }
}


1;
