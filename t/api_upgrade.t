# A router that was started later has the state file, as in a binary upgrade:
# the older one says that it can't keep a change, and makes none.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;
use LLMTest::Daemon;

defaults(
    mock => "a --models m\n",
    http_config => "    llm_router_node http://127.0.0.1:1 check=off"
                   . " models=x;\n    llm_router_key $Key;\n",
    config => "    location /v1/ { llm_router on; }\n",
);

our $Scope = 'sk-nodes-0123456789abcdef';

sub refuses {
    my ($d, $method, $path, $body, $headers) = @_;
    my $r = $d->api($method, $path, $body, $headers);

    api_error($r, 503, 'state_in_use', undef, "$method $path: refused");
    is($r->header('retry-after'), 1, '... and when to ask again');
}

workers(1);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: the older one changes nothing until it has the file again
--- perl
my $d = own_nginx(http => "llm_router_key $::Scope name=rack scopes=node;"
                          . ' llm_router_admin user=root password=long-enough;');
my $n = $d->api('POST', '/nodes', { base_url => 'http://127.0.0.1:'
                                    . mock_port('a'), models => ['m'] })->json;
my $k = $d->api('POST', '/keys', { name => 'k' })->json;
my %as = (Authorization => "Bearer $::Scope");
my $m = $d->api('POST', '/nodes/register', { base_url => 'http://127.0.0.1:9',
                                             models => ['z'] }, \%as)->json;
ok($d->written(sub { @{ $_[0]{keys} } == 1 && @{ $_[0]{nodes} } == 2 }),
   'written');

my $old = $d->pid;
kill 'USR2', $old;
ok(wait_until(sub { $d->pid && $d->pid != $old && $d->old_pid == $old
                    && $d->workers == 2 }, 20), 'a new one runs beside it');
my $new = $d->pid;
ok($d->written(sub { $_[0]{pid} == $new }), 'and has the file');
kill 'WINCH', $new;
ok(wait_until(sub { !$d->workers($new) }, 20), 'the old one serves');

# it learns by its next write whose the file is

$d->api('POST', "/nodes/$n->{id}/resume");
ok(wait_until(sub { $d->log =~ /is not written: it belongs to .* $new,/ },
              10), 'the old one knows');
my $shown = $d->api('GET', '/nodes')->json->{total}
            . $d->api('GET', '/keys')->json->{total};

refuses($d, @$_) for
    ['POST', '/nodes', { base_url => 'http://127.0.0.1:9/new' }],
    ['POST', '/nodes/register', { base_url => 'http://127.0.0.1:9/new' },
     \%as],
    ['PATCH', "/nodes/$n->{id}", { weight => 9 }],
    ['DELETE', "/nodes/$n->{id}"],
    (map { ['POST', "/nodes/$n->{id}/$_"] } qw(drain resume)),
    ['POST', "/nodes/$m->{node_id}/approve"],
    ['POST', '/keys', { name => 'new' }],
    ['PATCH', "/keys/$k->{id}", { name => 'other' }],
    ['DELETE', "/keys/$k->{id}"];

is($d->api('GET', '/nodes')->json->{total}
   . $d->api('GET', '/keys')->json->{total}, $shown, 'nothing was changed');
is($d->api('GET', "/nodes/$n->{id}")->json->{weight}, 1, 'of a node, either');
is($d->api('GET', $_)->status, 200, "$_ is read")
    for '/nodes', "/nodes/$n->{id}", '/keys', '/models', '/health', '/stats';
is($d->api('POST', "/nodes/$n->{id}/check")->status, 200, 'a node is checked');
is($d->api('POST', "/nodes/$m->{node_id}/heartbeat", {},
           { Authorization => "Bearer $m->{node_token}" })->status, 200,
   'and heard');
is(http('POST', '/api/auth/login', {}, { username => 'root',
        password => 'long-enough' }, port => $d->port)->status, 200,
   'who logs in may');
is($d->chat()->status, 200, 'requests are served');

# the upgrade is called off

kill 'QUIT', $new;
ok(wait_until(sub { !LLMTest::Daemon::alive($new) }, 20), 'the new one ends');
ok(wait_until(sub { $d->log =~ /is written again/ }, 20),
   'the old one has its file back');
is($d->api('PATCH', "/nodes/$n->{id}", { weight => 9 })->status, 200,
   'and changes what it is told');
ok($d->written(sub { grep { ($_->{weight} // 1) == 9 } @{ $_[0]{nodes} } }),
   'written');
ok(wait_until(sub { $d->pid == $old }, 10), 'as before');
$d->end;
