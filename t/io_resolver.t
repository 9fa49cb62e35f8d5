# Names of nodes while nginx serves: each is asked for again every 30 s, by a
# thread.  What names lead to is made up by a library that is loaded into nginx
# before the others, and so is the clock that only goes forward: pushed ahead,
# it makes half a minute pass at once.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;
use File::Temp qw(tempdir);

my $dir = tempdir(CLEANUP => 1);
my $cc = $ENV{CC} || 'cc';

# a sanitizer wants to be the first library itself
if ($ENV{LLMTEST_VALGRIND}) {
    skip_all('there is no worker whose threads could be counted: valgrind');
} elsif (`$ENV{TEST_NGINX_BINARY} -V 2>&1` =~ /-fsanitize/) {
    skip_all('nginx is built with a sanitizer');
}

sub skip_all {
    print "1..1\nok 1 # skip $_[0]\n";
    exit 0;
}

# "names" has a line a name: its addresses, "error", or "mute" for no answer
# until it stands there otherwise; "asked" is told of each question (+) and
# answer (-), "clock" says by how many ms the clock is ahead.

open my $c, '>', "$dir/names.c" or die "$dir/names.c: $!\n";
print $c <<'_EOC_';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef int (*resolve_pt)(const char *, const char *, const struct addrinfo *,
    struct addrinfo **);

static volatile long long  *ahead;

__attribute__((constructor)) static void
begin(void)
{
    int    fd = open(DIR "/clock", O_RDONLY);
    void  *p = mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);

    ahead = (p == MAP_FAILED) ? NULL : p;
    close(fd);
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int        rc = syscall(SYS_clock_gettime, id, ts);
    long long  ms;

    if (ahead && (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE)) {
        ms = *ahead + ts->tv_nsec / 1000000;
        ts->tv_nsec = ts->tv_nsec % 1000000 + ms % 1000 * 1000000;
        ts->tv_sec += ms / 1000;
    }

    return rc;
}

static void
tell(char what, const char *name)
{
    int   fd = open(DIR "/asked", O_WRONLY|O_APPEND|O_CREAT, 0644);
    char  line[300];
    int   n = snprintf(line, sizeof(line), "%c%s\n", what, name);

    if (write(fd, line, n) != n) { }
    close(fd);
}

/* what stands there for a name, without the name */

static void
row(const char *name, char *line, size_t size)
{
    FILE    *in;
    size_t   len = strlen(name);

    line[0] = '\0';
    in = fopen(DIR "/names", "r");

    while (in && fgets(line, size, in)
           && (strncmp(line, name, len) != 0 || line[len] != ' '))
    {
        line[0] = '\0';
    }

    if (in) {
        fclose(in);
    }

    line[strcspn(line, "\n")] = '\0';

    if (line[0]) {
        memmove(line, line + len + 1, strlen(line + len + 1) + 1);
    }
}

int
getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
    struct addrinfo **res)
{
    int                rc;
    char               line[4096], *word, *rest;
    resolve_pt         real;
    struct addrinfo    numeric = *hints, **next = res;

    *(void **) &real = dlsym(RTLD_NEXT, "getaddrinfo");

    if (host == NULL || strstr(host, ".test") == NULL) {
        return real(host, port, hints, res);
    }

    tell('+', host);

    for (row(host, line, sizeof(line)); strcmp(line, "mute") == 0;
         row(host, line, sizeof(line)))
    {
        usleep(5000);
    }

    numeric.ai_flags = AI_NUMERICHOST;
    rc = strcmp(line, "error") == 0 ? EAI_AGAIN : EAI_NONAME;
    word = rc == EAI_AGAIN ? NULL : strtok_r(line, " ", &rest);

    for ( /* void */ ; word; word = strtok_r(NULL, " ", &rest)) {
        rc = real(word, port, &numeric, next);
        if (rc != 0) {
            break;
        }
        next = &(*next)->ai_next;
    }

    tell('-', host);

    return rc;
}
_EOC_
close $c;

system("$cc -shared -fPIC -Wall -Werror -O1 -DDIR='\"$dir\"' -o $dir/names.so"
       . " $dir/names.c -ldl") == 0 or die "no library\n";

$ENV{TEST_NGINX_NAMES} = "$dir/names.so";
$ENV{TEST_NGINX_LD_PRELOAD} = "$dir/names.so";   # Test::Nginx::Socket's own

# the names with what they lead to; those not said stay

my %names;

sub names {
    %names = (%names, @_);
    spew("$dir/names.new", CORE::join '', map { "$_ $names{$_}\n" }
                                          sort keys %names);
    rename "$dir/names.new", "$dir/names" or die "$dir/names: $!\n";
}

sub spew {
    my ($path, $text) = @_;
    open my $out, '>', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
}

my $ahead = 0;

sub clock {
    open my $out, '+<:raw', "$dir/clock" or die "$dir/clock: $!\n";
    syswrite $out, pack 'q', $ahead;
}

sub pass_by { $ahead += 1000 * $_[0]; clock() }

# how often a name was asked for, and how many questions have no answer

sub asked {
    my ($name) = @_;
    my $n = () = told() =~ /^\+\Q$name\E$/mg;
    return $n;
}

sub open_questions {
    my $text = told();
    my ($plus, $minus) = map { scalar(() = $text =~ /^\Q$_\E/mg) } '+', '-';
    return $plus - $minus;
}

sub told {
    open my $in, '<', "$dir/asked" or return '';
    local $/;
    return <$in> // '';
}

# What was answered is known to nginx: the threads that asked have ended, so
# the loop was told before it got this request.

sub settled {
    my ($pid) = worker_pids();
    return wait_until(sub {
        return !open_questions() && 1 == (() = glob "/proc/$pid/task/*");
    }) && http('GET', '/llmtest-ready')->status == 204;
}

# The first time comes at some time within the interval: time goes by until all
# of them were asked for, after the API did.

sub begun {
    my @names = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $all = sub { !(grep { asked($_) < 2 } @names) && !open_questions() };
    my $ok;

    for (1 .. 20) {
        last if $ok = wait_until($all, 0.25);
        pass_by(10);
    }

    return ok($ok && settled(), 'all names are asked for');
}

# The interval goes by, and the name is asked for once more, and no more than
# that.

sub asked_again {
    my ($name, $seconds) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $n = asked($name);

    $seconds //= 30;
    pass_by($seconds);
    wait_until(sub { asked($name) > $n });
    settled();
    return is(asked($name), $n + 1, "$name: asked for once in $seconds s");
}

sub lines {
    my ($re) = @_;
    my $n = () = error_log_text() =~ /$re/g;
    return $n;
}

sub host { return "http://$_[0]:" . mock_port('a') }

sub make {
    my ($name, %m) = @_;
    return add_node({ base_url => host("$name.test"), name => $name,
                      models => [$name], check => false, %m });
}

sub ask { return chat({ model => $_[0] }) }
sub shows { return CORE::join ' ', @{ node($_[0])->{addresses} } }

sub asks_b {
    return LLMTest::Client->connect(host => '127.0.0.2',
                                    port => mock_port('a'))
           ->http('GET', '/mock/stats', {})->json->{requests};
}

our $Failed = qr/could not be resolved/;
our $Refused = qr/llm_router_node_allow allows none of its addresses/;

our $Http = $AdminKey . <<'_EOC_';
    llm_router_health interval=100ms timeout=2s;
    llm_router_key sk-test-0123456789abcdef name=plain;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
_EOC_

defaults(
    env => "LD_PRELOAD=\$TEST_NGINX_NAMES\n",
    mock => "a --models m\n",
    http_config => $Http . "    llm_router_node_allow 127.0.0.0/8;\n",
    config => "    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

# the node at another address, with the port of the first

sub start_b {
    LLMTest::Mock::start('b', '--host', '127.0.0.2', '--models', 'm',
                         '--port', mock_port('a'));
}

add_block_preprocessor(sub {
    $ahead = 0;
    %names = ();
    spew("$dir/asked", '');
    spew("$dir/clock", "\0" x 8);
    names('static.test' => '127.0.0.1');
});

# one: what blocks it blocks all, and it alone has the lease of probes
workers(1);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: a node whose name leads elsewhere is found there
--- perl
start_b();
names('moves.test' => '127.0.0.1');
my $n = make('moves');
is(shows('moves'), '127.0.0.1', 'one address');
is(ask('moves')->status, 200, 'it serves');
is(mock_stats('a')->{requests}, 1, 'there');

my $s = stream({ model => 'moves' }, { 'X-Mock' => 'tokens=4000;pace=10' });
ok(read_event($s), 'a stream');

begun('moves.test');
names('moves.test' => '127.0.0.2');
is(ask('moves')->status, 200, 'it leads elsewhere');
is(asks_b(), 0, 'which nobody knows yet');
is(shows('moves'), '127.0.0.1', 'nor shows');

asked_again('moves.test');
ok(wait_log(qr/"moves": the addresses of "moves\.test" are 127\.0\.0\.2 now$/m),
   'it is told');
is(shows('moves'), '127.0.0.2', 'then it has the new one');
is(ask('moves')->status, 200, 'it serves') for 1 .. 3;
is(asks_b(), 3, 'there');
is(mock_stats('a')->{requests}, 3, 'and no more where it was');
ok(read_event($s), 'a stream goes on') for 1 .. 3;
close_stream($s);

# the same addresses are no change, in whatever order they come

names('moves.test' => '127.0.0.2 127.0.0.1');
asked_again('moves.test');
my $both = '127.0.0.1 127.0.0.2';
ok(wait_until(sub { shows('moves') eq $both }), 'two addresses');
my $tag = api('GET', "/nodes/$n->{id}")->header('etag');
my $told = lines(qr/the addresses of/);

for my $same ('127.0.0.1 127.0.0.2', '127.0.0.2 127.0.0.1 127.0.0.2') {
    names('moves.test' => $same);
    asked_again('moves.test');
    is(ask('moves')->status, 200, 'it serves');
}

is(api('GET', "/nodes/$n->{id}")->header('etag'), $tag, 'nothing changed');
is(lines(qr/the addresses of/), $told, 'and nothing is said');
is(lines($::Failed), 0, 'no name failed');



=== TEST 2: a name that fails keeps its addresses, and is told of once
--- perl
names('fails.test' => '127.0.0.1', 'gone.test' => '127.0.0.1');
make($_) for qw(fails gone never);
begun(qw(fails.test gone.test never.test));
names('fails.test' => 'error', 'gone.test' => '');

for my $round (1 .. 4) {
    asked_again('fails.test');
    is(ask($_)->status, 200, "round $round: $_ serves") for qw(fails gone);
    is(shows($_), '127.0.0.1', '... at its old address')
        for qw(fails gone);
}

cmp_ok(asked('gone.test'), '>=', 4, 'both were asked for');
is(lines(qr/\[warn\].*"fails": "fails\.test" $::Failed: .*, it keeps its addr/),
   1, 'one is told of once');
is(lines(qr/\[warn\].*"gone": "gone\.test" $::Failed: .*, it keeps its addr/),
   1, 'and so is the other');
is(lines($::Failed), 3, 'nothing else is said');

# one without an address is asked for more often, the others are not

my ($n, $never) = map { asked($_) } qw(fails.test never.test);
pass_by(20);
ok(wait_until(sub { asked('never.test') > $never }) && settled(), '20 s');
is(asked('fails.test'), $n, 'is no interval');

names('fails.test' => '127.0.0.1');
asked_again('fails.test');
is(ask('fails')->status, 200, 'it is back');
is(lines(qr/the addresses of/), 0, 'as it was');
names('fails.test' => 'error');
asked_again('fails.test') for 1 .. 2;
is(ask('fails')->status, 200, 'it fails again');
is(lines(qr/"fails\.test" $::Failed/), 2, 'which is told of again, once');



=== TEST 3: a node whose name is not known yet
--- http_config eval
(my $http = $::Http) =~ s/interval=100ms/interval=1h/;
$http
--- perl
my $n = make('later');
is($n->{state}, 'offline', 'it is made, and is offline');
is_deeply($n->{addresses}, [], 'without an address');
is(ask('later')->status, 503, 'nothing can be served');

my $k = make('probed', models => undef, check => true);
begun('later.test', 'probed.test');
asked_again('later.test', 5) for 1 .. 3;
is(lines(qr/\[warn\].*"later": "later\.test" $::Failed: [^,]*$/m), 1,
   'it is told of once, and keeps nothing');

names('later.test' => '127.0.0.1', 'probed.test' => '127.0.0.1');
asked_again('later.test', 5);
ok(state_is($n->{id}, 'online'), 'it is known: online');
is(ask('later')->status, 200, 'it serves');
ok(state_is($k->{id}, 'online'), 'one that is probed, which is done at once');
is_deeply(node('probed')->{models}, ['m'], 'its models are known');
is(lines(qr/"probed": the addresses of "probed\.test" are 127\.0\.0\.1 now/),
   1, 'as is said');



=== TEST 4: no address is taken that is not allowed
--- perl
start_b();
names('leads.test' => '127.0.0.1', 'stays.test' => '127.0.0.1');
make($_) for qw(leads stays);
begun(qw(leads.test stays.test));

for my $to ('192.0.2.1', '10.0.0.1', '2001:db8::1', '::1', '169.254.169.254',
            'fe80::1', '0.0.0.0', '::', '::ffff:169.254.169.254',
            '64:ff9b::a9fe:a9fe', '::ffff:192.0.2.1',
            '192.0.2.1 169.254.169.254 fe80::1')
{
    my $refused = lines($::Refused);

    names('leads.test' => $to);
    asked_again('leads.test') for 1 .. 2;
    is(ask('leads')->status, 200, "$to: it serves");
    is(shows('leads'), '127.0.0.1', '... where it was');
    is(lines(qr/\[warn\].*"leads\.test" $::Failed: $::Refused, it keeps/),
       $refused + 1, '... which is told once');

    names('leads.test' => '127.0.0.1');
    asked_again('leads.test');
}

is(lines(qr/the addresses of/), 0, 'nothing else was taken');
is(lines($::Refused), 12, 'nothing else is said');

# of several those that are allowed

names('leads.test' => '192.0.2.1 127.0.0.2 169.254.169.254 fe80::1');
asked_again('leads.test');
ok(wait_log(qr/"leads\.test" are 127\.0\.0\.2 now$/m), 'one of four');
is(shows('leads'), '127.0.0.2', 'is shown');
is(ask('leads')->status, 200, 'it serves') for 1 .. 4;
is(asks_b(), 4, 'there');
is(shows('stays'), '127.0.0.1', 'another node is where it was');
unlike(error_log_text(), qr/upstream: "http:\/\/(?!127)/,
       'nobody was asked elsewhere');



=== TEST 5: link-local ones are not, though listed; those of nginx.conf may
--- http_config eval
$::Http . '
    llm_router_node http://static.test:$TEST_NGINX_NODE_A name=static
                    models=static check=off;
    llm_router_node_allow 127.0.0.1 169.254.0.0/16 fe80::/10;
'
--- perl
start_b();
names('leads.test' => '127.0.0.1');
make('leads');
is(ask('static')->status, 200, 'the node of nginx.conf serves');
begun('leads.test', 'static.test');

names('leads.test' => '127.0.0.1 169.254.169.254',
      'static.test' => '127.0.0.2');
asked_again('leads.test');
ok(wait_log(qr/"static": the addresses of "static\.test" are 127\.0\.0\.2/),
   'it is somewhere else');
is(ask('static')->status, 200, 'it serves');
is(asks_b(), 1, 'there, which only nodes of nginx.conf may');

for my $to ('169.254.1.1', 'fe80::1', '127.0.0.2') {
    names('leads.test' => $to, 'static.test' => 'error');
    asked_again('leads.test');
}

is(shows('leads'), '127.0.0.1', 'the other is where it was');
is(lines(qr/"leads\.test" $::Failed: $::Refused/), 1, 'which is told once');
is(ask('static')->status, 200, 'the one of nginx.conf keeps its address, too');
is(lines(qr/"static\.test" $::Failed: .*, it keeps/), 1, 'told once');



=== TEST 6: nor are those of a node of nginx.conf that the API has moved
--- http_config eval
$::Http . '
    llm_router_node http://static.test:$TEST_NGINX_NODE_A name=static
                    models=static check=off;
    llm_router_node_allow 127.0.0.0/8;
'
--- perl
names('leads.test' => '127.0.0.1');
my $n = node('static');
my $r = api('PATCH', "/nodes/$n->{id}", { weight => 3,
                                          base_url => host('static.test') });
is($r->status, 200, 'its own URL, said again');
names('static.test' => '192.0.2.1');
ok(wait_until(sub { pass_by(10); shows('static') eq '192.0.2.1' }),
   'may lead anywhere');

$r = api('PATCH', "/nodes/$n->{id}", { base_url => host('leads.test') });
is($r->status, 200, 'another one');
is(ask('static')->status, 200, 'it serves');
begun('leads.test');

for my $to ('169.254.169.254', '192.0.2.1', 'fe80::1') {
    names('leads.test' => $to);
    asked_again('leads.test');
    is(shows('static'), '127.0.0.1', "$to: it is where it was");
}

is(lines(qr/"leads\.test" $::Failed: $::Refused, it keeps/), 1, 'told once');

# nginx.conf is read again: what it says may be anywhere again

names('static.test' => '127.0.0.1');
reload();
ok(wait_until(sub { node('static')->{base_url} eq host('static.test') }),
   'as it was');
names('static.test' => '192.0.2.1');
ok(wait_until(sub { pass_by(10); shows('static') eq '192.0.2.1' }),
   'which may lead anywhere');



=== TEST 7: nothing said: all but link-local ones
--- http_config eval: $::Http
--- perl
names('leads.test' => '127.0.0.1');
make('leads');
begun('leads.test');

for my $to ('169.254.169.254', 'fe80::1', 'fe80::1 169.254.0.1',
            '100.100.100.200', 'fd00:ec2::254', '::ffff:169.254.169.254')
{
    names('leads.test' => $to);
    asked_again('leads.test');
    is(shows('leads'), '127.0.0.1', "$to: it is where it was");
    is(ask('leads')->status, 200, '... and serves');
}

is(lines($::Refused), 1, 'told once');
names('leads.test' => '127.0.0.2 169.254.169.254');
asked_again('leads.test');
ok(wait_log(qr/"leads\.test" are 127\.0\.0\.2 now$/m), 'the other one is');

for my $to ('169.254.169.254', 'fe80::1', '127.0.0.1 ::ffff:a9fe:a9fe') {
    names('new.test' => $to);
    my $r = api('POST', '/nodes', { base_url => host('new.test'),
                                    name => 'new', models => ['x'] });
    next if $to =~ /^127/;
    api_error($r, 400, 'address_not_allowed', 'base_url', "a new node: $to");
}

is(shows('new'), '127.0.0.1', 'nor of several');



=== TEST 8: nobody answers: requests go on, and other names have their turn
--- perl
start_b();
my @mute = map { "mute$_" } 1 .. 12;
names(map { ("$_.test" => '127.0.0.1') } @mute, 'other', 'good');
make($_) for @mute;
make('good');
my $other = make('other');
my $all_are = sub {
    names(map { ("$_.test" => $_[0]) } @mute);
    pass_by(30);
};
my $served = sub {
    my ($name) = @_;
    is_deeply([map { ask($_)->status } 'm', @mute[0, 11], 'good'],
              [(200) x 4], "$name: requests are served");
    is(api('GET', '/nodes')->status, 200, '... and the API is');
};

# all become mute at once, of which nobody knew before

begun(map { "$_.test" } @mute, 'good', 'other');
$all_are->('mute');
ok(wait_until(sub { open_questions() == 8 }), 'eight are asked for');
$served->('eight are mute');

# neither a new node nor another one's new name holds up the worker

my @c = map { http_conn() } 1 .. 2;
my %admin = (Authorization => "Bearer $Admin",
             'Content-Type' => 'application/json');
$c[0]->start('POST', '/api/nodes', \%admin, json_encode({
    base_url => host('mute1.test') . '/x', name => 'new' }));
$c[1]->start('PATCH', "/api/nodes/$other->{id}", \%admin, json_encode({
    base_url => host('mute2.test') . '/x' }));
ok(wait_until(sub { open_questions() == 10 }), 'two more, by the API');
$served->('two wait');
is(open_questions(), 10, 'no more are asked for');
ok(!$_->read_head(0), 'who has to wait waits') for @c;

# each of them fails

$all_are->('error');
$_->read_head(10) for @c;
is($c[0]{status}, 201, 'a new node is made, without an address');
is($c[1]{status}, 200, 'and one is left without one');
is_deeply(node($_)->{addresses}, [], "... $_") for 'new', 'other';
$_->close for @c;
ok(wait_until(sub { lines($::Failed) == 14 }), 'each has failed');
is(lines(qr/"mute\d+": "mute\d+\.test" $::Failed: .*, it keeps/), 12,
   'which is said of each');
ok(settled(), 'nobody is asked');

# that failed have four places: the others are left to those that answer

for my $to ('127.0.0.2', '127.0.0.1') {
    my $n = asked('good.test');
    names('good.test' => $to);
    $all_are->('mute');
    ok(wait_until(sub { shows('good') eq $to }), 'a good one is found');
    is(asked('good.test'), $n + 1, 'at once');
    is(open_questions(), 4, 'four wait');
    is(lines(qr/"good": the addresses of "good\.test" are \Q$to\E now/), 1,
       'as is said');
    $served->('four are mute');
}

is(lines($::Failed), 14, 'nothing else is said');

# nor does it keep nginx from its end, see below
