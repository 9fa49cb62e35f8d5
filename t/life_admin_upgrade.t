# What was made at run time lives through a restart, a kill -9 of everything
# and a binary upgrade; the file that it is kept in is nobody else's, and a
# disk that is full or read-only is told.  (What is in the file, and broken
# files: state_snapshot.t.)

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;
use LLMTest::Load;
use LLMTest::Daemon;

use POSIX ();

defaults(
    mock => "a --models m\n",
    http_config => "    llm_router_node http://127.0.0.1:1 check=off"
                   . " models=x;\n"
                   . "    llm_router_key $Key;\n",
    config => "    location /v1/ { llm_router on; }\n",
);

sub url { return 'http://127.0.0.1:' . mock_port($_[0]) }

sub make_node {
    my ($d, %m) = @_;
    my $r = $d->api('POST', '/nodes', { %m });
    die $r->status . ' ' . $r->body if $r->status != 201;
    return $r->json;
}

sub make_key {
    my ($d, %m) = @_;
    my $r = $d->api('POST', '/keys', { %m });
    die $r->status . ' ' . $r->body if $r->status != 201;
    return $r->json;
}

sub names {
    my ($d, $path) = @_;
    my $r = eval { $d->api('GET', "$path?limit=10000") };
    return CORE::join ' ', sort map { $_->{name} }
                           $r && $r->json ? @{ $r->json->{data} } : ();
}

sub with { return { Authorization => "Bearer $_[0]{key}" } }
sub saved { return CORE::join ' ', sort map { $_->{name} } @{ $_[0]{$_[1]} } }
sub health { return $_[0]->api('GET', '/health')->json }

# the modes of all files in the directory of the state, as they are seen in
# many looks, by another process, until told to stop

sub watch_modes {
    my ($d) = @_;
    my (%mode, %file);

    my $load = begin_load(1, sub {
        for my $path (glob $d->dir . '/state/{,.}*') {
            my @st = lstat $path or next;
            next if -d _;
            $mode{sprintf '%o', $st[2] & 07777}++;
            $file{$path =~ /\.tmp/ ? 'temporary' : $st[1]}++;
        }
        return { modes => \%mode, files => \%file };
    });

    return $load;
}

workers(1);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: a restart: all of it is there again, but what was deleted
--- perl
my $d = own_nginx(http => 'llm_router_node ' . url('a')
                          . '/static name=static models=s;');
my $n = make_node($d, name => 'n', base_url => url('a'), models => ['m'],
                  notes => 'keep me', weight => 7, max_concurrent => 9,
                  api_key => 'sk-of-the-node-0123');
my $o = make_node($d, name => 'drained', base_url => url('a') . '/two',
                  models => ['other'], check => false);
my $p = make_node($d, name => 'gone', base_url => url('a') . '/three',
                  models => ['other'], check => false);
is($d->api('POST', "/nodes/$o->{id}/drain")->json->{state}, 'draining',
   'one is drained');
my $k = make_key($d, name => 'k', rpm => 1000, models => ['m'],
                 expires_at => '2099-01-01T00:00:00Z');
my $g = make_key($d, name => 'gone');
is($d->chat({}, with($_))->status, 200, "$_->{name} is served") for $k, $g;
is($d->api('DELETE', "/keys/$g->{id}")->status, 204, 'a key is deleted');
is($d->api('DELETE', "/nodes/$p->{id}")->status, 204, 'and a node');

my %before = map { $_ => $d->api('GET', $_)->json }
             "/nodes/$n->{id}", "/nodes/$o->{id}", "/keys/$k->{id}";
my $total = http('GET', '/status', {}, undef, port => $d->port)->json;
$d->end;
$d->begin;

for my $path (sort keys %before) {
    my ($was, $is) = ($before{$path}, $d->api('GET', $path)->json);
    delete @$_{qw(checked_at retry_budget tokens_per_second type circuit)}
        for $was, $is;
    is_deeply($is, $was, "$path is as it was");
}

cmp_ok($before{"/keys/$k->{id}"}{requests}, '==', 1, 'with its totals');
ok($before{"/keys/$k->{id}"}{last_used_at}, 'and when it was last used');
is(http('GET', '/status', {}, undef, port => $d->port)->json->{$_},
   $total->{$_}, "all $_, too") for qw(requests prompt_tokens);
is(names($d, '/nodes'), 'drained n static', 'the deleted node is not there');
is(names($d, '/keys'), 'k plain robot', 'nor the key');
is($d->chat({}, with($g))->status, 401, 'which lets nobody in');
is($d->chat({}, with($k))->status, 200, 'the other does');
is(sent('a')->{headers}{authorization}, 'Bearer sk-of-the-node-0123',
   'with the key of the node');
is($d->chat({ model => 'other' })->status, $d->chat({ model => 'other' },
   with($k))->status == 403 ? 503 : 0, 'the drained one gets nothing');
$d->end;



=== TEST 2: kill -9 of everything, again and again
--- perl
my $d = own_nginx();
my (@keys, %deleted);

for my $round (1 .. 6) {
    push @keys, map { make_key($d, name => "k$round-$_") } 1 .. 5;
    my $x = splice @keys, rand @keys, 1;
    is($d->api('DELETE', "/keys/$x->{id}")->status, 204, 'one is deleted');
    $deleted{ $x->{name} } = $x;

    # what is in the file is safe from then on
    my $want = CORE::join ' ', sort map { $_->{name} } @keys;
    ok($d->written(sub { saved($_[0], 'keys') eq $want }),
       "round $round: written");
    my $more = begin_load(2, sub {
        my ($i, $k) = @_;
        ask('POST', '/keys', { name => "late$round-$i-$k" }, port => $d->port);
        return 1;
    });
    select undef, undef, undef, rand 0.5;
    $d->kill9;
    $more->stop;
    ok($d->state && $d->state->{end}, 'the file is whole');
    $d->begin;
    unlike($d->log, qr/can't be used/, 'and was read');

    my %is = map { $_ => 1 } split / /, names($d, '/keys');
    is(CORE::join(' ', grep { !$is{$_} } split / /, $want), '',
       'all that was written is there');
    is(CORE::join(' ', grep { $is{$_} } sort keys %deleted), '',
       'what was deleted is not');
    $d->api('DELETE', "/keys/$_->{id}")
        for grep { $_->{name} =~ /^late/ }
            @{ $d->api('GET', '/keys?limit=10000')->json->{data} };
}

is(scalar(grep { $_->{name} !~ /^k/ } @keys), 0, 'none is of another name');
$d->end;



=== TEST 3: a binary upgrade under load
--- perl
my $d = own_nginx();
my $n = make_node($d, name => 'n', base_url => url('a'), models => ['m']);
my $o = make_node($d, name => 'drained', base_url => url('a') . '/two',
                  models => ['other'], check => false);
$d->api('POST', "/nodes/$o->{id}/drain");
my $k = make_key($d, name => 'k');
my $g = make_key($d, name => 'gone');
is($d->api('DELETE', "/keys/$g->{id}")->status, 204, 'a key is deleted');
ok($d->written(sub { saved($_[0], 'keys') eq 'k'
                     && saved($_[0], 'nodes') eq 'drained n' }), 'written');
is($d->chat({}, with($k))->status, 200, 'served');

my $old = $d->pid;
my $s = open_stream('POST', '/v1/chat/completions',
                    with_key({ 'X-Mock' => 'tokens=4000;pace=20' }),
                    { model => 'm', stream => true, messages => [
                      { role => 'user', content => 'x' }] }, port => $d->port);
ok(read_event($s), 'a stream in the old one');
my $load = begin_load(2, chats(port => $d->port));

kill 'USR2', $old;
ok(wait_until(sub { $d->pid && $d->pid != $old && $d->old_pid == $old
                    && $d->workers == 2 }, 20), 'a new one runs beside it');
my $new = $d->pid;
ok($d->written(sub { $_[0]{pid} == $new }), 'and has the file');

# both serve, so both answer: whoever has the connection

is(names($d, '/nodes'), 'drained n', 'nodes') for 1 .. 10;
is(names($d, '/keys'), 'k plain robot', 'keys') for 1 .. 10;
is($d->chat({}, with($k))->status, 200, 'served') for 1 .. 10;
is($d->chat({}, with($g))->status, 401, 'the deleted key is not') for 1 .. 10;

# the new one does not listen for a while: what is changed at the old one
# does not stand in the newer file

kill 'WINCH', $new;
ok(wait_until(sub { !$d->workers($new) }, 20), 'the new one has no workers');
my $late = make_key($d, name => 'at-the-old-one');
is($d->chat({}, with($late))->status, 200, 'it is good there');
ok(wait_until(sub { $d->log =~ /is not written: it belongs to .* $new,/ },
              10), 'which is told');
is($d->state->{pid}, $new, 'the file is the newer one\'s');
is(saved($d->state, 'keys'), 'k', 'and was not written over');

kill 'HUP', $new;
ok(wait_until(sub { $d->workers($new) == 2 }, 20), 'the new one goes on');
kill 'QUIT', $old;
ok(wait_until(sub { !$d->workers($old) }, 20), 'the old one is told to end');
ok(read_event($s), 'its stream goes on') for 1 .. 3;

my $next = make_key($d, name => 'at-the-new-one');
ok($d->written(sub { saved($_[0], 'keys') eq 'at-the-new-one k' }),
   'later changes are in the file');
is($d->api('PATCH', "/nodes/$n->{id}", { weight => 5 })->status, 200,
   'of nodes, too');
ok($d->written(sub { grep { ($_->{weight} // 1) == 5 } @{ $_[0]{nodes} } }),
   'written');

my ($x, $y) = $load->stop(60);
my %n = map { $_ => ($x->{$_} // 0) + ($y->{$_} // 0) } keys %$x, keys %$y;
cmp_ok(delete $n{200}, '>', 20, 'requests were served all the time');
is_deeply(\%n, {}, 'each of them');
close_stream($s);
ok(wait_until(sub { !LLMTest::Daemon::alive($old) }, 30),
   'then the old one is gone');
is(saved($d->state, 'keys'), 'at-the-new-one k',
   'and wrote nothing when it left');

is($d->api('GET', "/nodes/$o->{id}")->json->{state}, 'draining',
   'the drained node is drained');
is($d->chat({}, with($k))->status, 200, 'all goes on');
$d->end;
$d->begin;
is(names($d, '/keys'), 'at-the-new-one k plain robot', 'after a restart, too');
is($d->api('GET', "/nodes/$n->{id}")->json->{weight}, 5, 'with the change');
$d->end;



=== TEST 4: neither the file nor the temporary one is ever open to others
--- perl
umask 0;
my $d = own_nginx();
my $watch = watch_modes($d);

for my $round (1 .. 12) {
    make_node($d, name => "n$round", base_url => url('a') . "/$round",
              models => [map { "model-$round-$_" } 1 .. 300], check => false);
    ok($d->written(sub { @{ $_[0]{nodes} } == $round }), "write $round");
}

my ($seen) = $watch->stop;
umask 022;
is_deeply([keys %{ $seen->{modes} }], ['600'], 'whenever it was looked at')
    or diag(explain($seen));
cmp_ok(scalar keys %{ $seen->{files} }, '>=', 6, 'many files were seen');
chmod 0644, $d->file;
make_key($d, name => 'k');
ok($d->written(sub { saved($_[0], 'keys') eq 'k' }), 'one that was opened');
is((stat $d->file)[2] & 07777, 0600, 'is closed by the next write');
$d->end;



=== TEST 5: a directory that can't be written to
--- perl
my $d = own_nginx(user => 'nobody');
make_key($d, name => 'before');
ok($d->written(sub { saved($_[0], 'keys') eq 'before' }), 'well so far');
my $dir = $d->dir . '/state';
my ($uid) = (stat $dir)[4];
chown 0, -1, $dir if $> == 0;
chmod 0555, $dir;

my $k = make_key($d, name => 'meanwhile');
is($d->chat({}, with($k))->status, 503, 'it is good, if not in the file');
ok(wait_until(sub { health($d)->{status} eq 'degraded' }), 'health says so');
my $h = health($d)->{state};
is($h->{ok}, false, 'of the state');
is($h->{pending}, true, 'that something is not written');
like($h->{error}, qr/ermission/, 'and why');
like($d->log, qr/\[crit\].*could not be written: open\(\).* must belong to/,
     'the log says what is to do');
is(saved($d->state, 'keys'), 'before', 'the old file is whole');

chown $uid, -1, $dir if $> == 0;
chmod 0755, $dir;
ok($d->written(sub { saved($_[0], 'keys') eq 'before meanwhile' }),
   'it is written as soon as it can be');
ok(wait_until(sub { health($d)->{status} eq 'ok' }), 'health says so');
is(scalar(() = $d->log =~ /could not be written/g), 1, 'it was told once');
is_deeply([glob "$dir/*.tmp*"], [], 'no temporary file is left');
$d->end;



=== TEST 6: a disk that is full
--- perl
my $d = own_nginx();
my $disk = $d->dir . '/disk';
mkdir $disk;

SKIP: {
    skip('no file system can be mounted here', 1)
        if $> != 0 || system("mount -t tmpfs -o size=128k,mode=700 none $disk"
                             . ' 2>/dev/null') != 0;
    $d->end;
    $d->{state} = "$disk/state.json";
    $d->write_conf;
    $d->begin;

    make_key($d, name => 'before');
    ok($d->written(sub { saved($_[0], 'keys') eq 'before' }), 'well so far');
    open my $fill, '>', "$disk/fill" or die "fill: $!\n";
    1 while syswrite $fill, 'x' x 4096;
    close $fill;

    my $k = make_key($d, name => 'meanwhile');
    ok(wait_until(sub { health($d)->{status} eq 'degraded' }),
       'health says so');
    like(health($d)->{state}{error}, qr/No space/, 'and why');
    like($d->log, qr/\[crit\].*could not be written: write\(\)/,
         'the log, too');
    is(saved($d->state, 'keys'), 'before', 'the old file is whole');
    is($d->api('GET', '/keys')->status, 200, 'all goes on');

    unlink "$disk/fill";
    ok($d->written(sub { saved($_[0], 'keys') eq 'before meanwhile' }),
       'it is written as soon as it can be');
    ok(wait_until(sub { health($d)->{status} eq 'ok' }), 'health says so');
    is_deeply([glob "$disk/*.tmp*"], [], 'no temporary file is left');
    system("umount -l $disk");
}

$d->end;
