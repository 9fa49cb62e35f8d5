# Conditions of a request (RFC 9110, 13): they are obeyed before anything is
# changed, and an answer says what was done.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;

our $Node = 'sk-nodes-0123456789abcdef';

defaults(
    mock => "a --models m\n",
    http_config => $AdminKey . <<'_EOC_',
    llm_router_health interval=10s timeout=1s;
    llm_router_key sk-test-0123456789abcdef name=plain;
    llm_router_key sk-nodes-0123456789abcdef name=rack scopes=node;
    llm_router_admin user=root password=plain-but-long;
_EOC_
    config => "    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

our $Past = 'Thu, 01 Jan 1970 00:00:01 GMT';

sub url { return 'http://127.0.0.1:' . mock_port($_[0]) }
sub tag { return api('GET', $_[0])->header('etag') }

sub announce {
    return api('POST', '/nodes/register', $_[0],
               { Authorization => "Bearer $Node", %{ $_[1] // {} } });
}

sub beat {
    my ($n, $members, $headers) = @_;
    return api('POST', "/nodes/$n->{node_id}/heartbeat", $members,
               { Authorization => "Bearer $n->{node_token}",
                 %{ $headers // {} } });
}

sub login {
    return http('POST', '/api/auth/login', $_[0],
                { username => 'root', password => 'plain-but-long' });
}

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: what is told as refused was not done
--- perl
my $n = add_node({ base_url => url('a'), name => 'n', models => ['m'] });
my $k = add_key({ name => 'k' });
my $r = announce({ base_url => 'http://127.0.0.1:9/r', models => ['r'] })
        ->json;
my $shown = shown();

my @changes = (
    ['POST', '/nodes', { base_url => 'http://127.0.0.1:9/new',
                         models => ['x'] }],
    ['POST', '/nodes', { base_url => url('a'), weight => 9 }],
    ['PATCH', "/nodes/$n->{id}", { weight => 9 }],
    ['DELETE', "/nodes/$n->{id}"],
    (map { ['POST', "/nodes/$n->{id}/$_"] } qw(drain resume)),
    ['POST', "/nodes/$r->{node_id}/approve"],
    ['POST', '/keys', { name => 'new' }],
    ['PATCH', "/keys/$k->{id}", { name => 'other' }],
    ['DELETE', "/keys/$k->{id}"],
);

for my $h ({ 'If-Match' => '"x"' }, { 'If-None-Match' => '*' },
           { 'If-Match' => '"1-2-3", W/"4"' })
{
    my ($said) = map { "$_: $h->{$_}" } keys %$h;
    api_error(api(@$_[0 .. 2], $h), 412, 'precondition_failed', undef,
              "$said: @$_[0, 1]") for @changes;
    api_error(announce({ base_url => 'http://127.0.0.1:9/r' }, $h), 412,
              'precondition_failed', undef, "$said: an announcement");
    api_error(beat($r, { models => ['y'] }, $h), 412, 'precondition_failed',
              undef, "$said: a heartbeat");
    api_error(login($h), 412, 'precondition_failed', undef, "$said: a login");
}

is(shown(), $shown, 'nothing was changed');
is(node($n->{id})->{state} . node($r->{node_id})->{state}, 'onlinepending',
   'nor drained, nor approved');
is(beat($r, {})->status, 200, 'and its token is the one it was told');



=== TEST 2: what was done is told as done
--- perl
my $n = add_node({ base_url => url('a'), name => 'n', models => ['m'] });
my $k = add_key({ name => 'k' });

for my $h ({ 'If-Unmodified-Since' => $::Past }, { 'If-None-Match' => '"x"' },
           { 'If-Modified-Since' => $::Past }, { 'If-Match' => '*' })
{
    my ($said) = map { "$_: $h->{$_}" } keys %$h;
    my $r = api('PATCH', "/nodes/$n->{id}", { weight => 5 }, $h);
    is_deeply([$r->status, $r->json->{weight}], [200, 5], "$said: a node");
    $r = api('PATCH', "/keys/$k->{id}", { rpm => 7 }, $h);
    is_deeply([$r->status, $r->json->{rpm}], [200, 7], '... a key');
    is(api('POST', "/nodes/$n->{id}/drain", undef, $h)->status, 200, 'drained');
    is(api('POST', "/nodes/$n->{id}/resume", undef, $h)->status, 200,
       'resumed');
    $r = announce({ base_url => 'http://127.0.0.1:9/r', models => ['r'] }, $h);
    like($r->status, qr/^20[01]$/, 'announced');
    is(beat($r->json, {}, $h)->status, 200, '... with the token of the answer');
    $r = login($h);
    is($r->status, 200, 'logged in');
    is(api('GET', '/auth/me', undef, { Authorization => 'Bearer '
                                       . $r->json->{token} })->status, 200,
       '... with the token of the answer');
    $r = api('POST', '/keys', { name => "new $said" }, $h);
    is($r->status, 201, 'a key is made');
    is(api('DELETE', "/keys/" . $r->json->{id}, undef, $h)->status, 204,
       'and revoked');

    for my $path ('/nodes', "/nodes/$n->{id}", '/keys', "/keys/$k->{id}",
                  '/models', '/health', '/version', '/stats')
    {
        is(api('GET', $path, undef, $h)->status, 200, "GET $path");
    }
}



=== TEST 3: If-Match counts for all that changes a node
--- perl
my $n = add_node({ base_url => url('a'), name => 'n', models => ['m'] });
my $path = "/nodes/$n->{id}";
my @tags = tag($path);

for my $order (qw(drain resume drain)) {
    my $r = api('POST', "$path/$order", undef, { 'If-Match' => $tags[-1] });
    is($r->status, 200, "$order: it is the one that was read");
    push @tags, $r->header('etag');
    is(tag($path), $tags[-1], '... and has the tag of the answer');
    api_error(api('PATCH', $path, { weight => 9 },
                  { 'If-Match' => $tags[-2] }), 412, 'precondition_failed',
              undef, '... which is another one');
    api_error(api('POST', "$path/$_", undef, { 'If-Match' => $tags[0] }), 412,
              'precondition_failed', undef, "... as $_ is told")
        for qw(drain resume approve);
}

my %all = map { $_ => 1 } @tags;
is(scalar keys %all, 4, 'no tag comes twice');
is(api('POST', "$path/drain")->header('etag'), $tags[-1],
   'drained as it is: the same tag');
is(node($n->{id})->{weight}, 1, 'nothing else was changed');

my $body = { base_url => url('a'), weight => 3 };
api_error(api('POST', '/nodes', $body, { 'If-Match' => $tags[0] }), 412,
          'precondition_failed', undef, 'POST of its URL');
my $r = api('POST', '/nodes', $body, { 'If-Match' => $tags[-1] });
is_deeply([$r->status, $r->json->{weight}], [200, 3], 'by its tag');
api_error(api('POST', '/nodes', { base_url => 'http://127.0.0.1:9/new' },
              { 'If-Match' => '*' }), 412, 'precondition_failed', undef,
          'a URL of which there is nothing to match');
is(scalar(rows('/nodes')), 1, 'nothing was made');

$n = announce({ base_url => 'http://127.0.0.1:9/r', models => ['r'] })->json;
my $tag = tag("/nodes/$n->{node_id}");
$r = api('POST', "/nodes/$n->{node_id}/approve", undef,
         { 'If-Match' => $tag });
is($r->status, 200, 'approved by its tag');
isnt($r->header('etag'), $tag, 'which is another one then');



=== TEST 4: and for a key
--- perl
my $made = api('POST', '/keys', { name => 'k' });
my $path = '/keys/' . $made->json->{id};
my $tag = $made->header('etag');
like($tag, qr/^"[0-9-]+"$/, 'its tag');
is(tag($path), $tag, 'the same');

my $r = api('PATCH', $path, { rpm => 5 }, { 'If-Match' => $tag });
is($r->status, 200, 'it is the one that was read');
isnt($r->header('etag'), $tag, 'another tag');
is(tag($path), $r->header('etag'), 'which it has now');
api_error(api('PATCH', $path, { rpm => 6 }, { 'If-Match' => $tag }), 412,
          'precondition_failed', undef, 'it was changed since');
api_error(api('PATCH', $path, { rpm => 6 },
              { 'If-Match' => 'W/' . $r->header('etag') }), 412,
          'precondition_failed', undef, 'a weak tag');
api_error(api('DELETE', $path, undef, { 'If-Match' => $tag }), 412,
          'precondition_failed', undef, 'nor is it revoked');
is(key('k')->{rpm}, 5, 'nothing was changed');
isnt(tag('/keys/' . add_key({ name => 'l' })->{id}), tag($path),
     'another key, another tag');
is(api('DELETE', $path, undef, { 'If-Match' => tag($path) })->status, 204,
   'revoked by its tag');
