# The texts of request and answer in the history: no more than is said, no
# payload, no key; and none at all where nothing is said.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;
use LLMTest::Redis;

BEGIN { $ENV{TEST_NGINX_REDIS} = LLMTest::free_port() }

our $Redis = own_redis($ENV{TEST_NGINX_REDIS});
our $Http = $AdminKey . $Pid . <<'_EOC_';
    llm_router_key sk-alice-0123456789abcd name=alice;
    llm_router_key bobs-own-secret name=bob;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
_EOC_

defaults(
    mock => "a\n",
    http_config => "$Http    llm_router_history bodies=1k;\n",
    config => "    $Listen\n    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

our $Key = 'sk-alice-0123456789abcd';

sub with_redis {
    my ($history) = @_;
    return "$Http    llm_router_redis 127.0.0.1:$ENV{TEST_NGINX_REDIS};\n"
           . "    llm_router_history $history;\n";
}

sub asked {
    my ($id, $body, %headers) = @_;
    return http('POST', '/v1/chat/completions',
                { 'Content-Type' => 'application/json', 'x-request-id' => $id,
                  'x-api-key' => $Key, %headers }, $body);
}

sub record {
    my ($id) = @_;
    my $r;

    wait_until(sub { ($r = api('GET', "/history/$id"))->status == 200 });
    return $r->json;
}

sub said {
    my ($text) = @_;
    return json_encode({ model => 'm', messages => [
        { role => 'user', content => $text } ] });
}

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: what is kept
--- perl
my $body = '{"model":"m","messages":[{"role":"user",'
    . '"content":"Say \\"hi\\" to J\u00fcrgen\\n"}]}';
my $answer = asked('plain', $body)->body;
my $r = record('plain');

is($r->{bodies}{request}, $body, 'the request as it came');
is($r->{bodies}{response}, $answer, 'the answer as it went');
ok(!$r->{bodies}{cut}, 'whole');

my $stream = asked('stream', '{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}',
               'X-Mock' => 'tokens=3');
my $all = text_of($stream->events);
is(record('stream')->{bodies}{response}, $all, 'of a stream its words');
cmp_ok(length $all, '>', 3, 'which there are');

asked('bad', '{"model":');
is(record('bad')->{bodies}{request}, '{"model":', 'what was refused');
like(record('bad')->{bodies}{response}, qr/not valid JSON/, 'and how');

asked('gone', '{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}',
      'X-Mock' => 'cut=event');
like(record('gone')->{bodies}{response}, qr/\w/, 'a stream that broke off');

asked('large', said('words ' x 1000));
$r = record('large');
is(length $r->{bodies}{request}, 1024, 'no more than is said');
ok($r->{bodies}{cut}, 'which is told');

my $list = api('GET', '/history')->json->{data};
is(scalar(grep { exists $_->{bodies} } @$list), 0, 'none in lists');

my $file = api('GET', '/history/export')->json->{data};
is(scalar(grep { $_->{bodies} } @$file), 5, 'all in a file');
unlike(api('GET', '/history/export?format=csv')->body, qr/messages/,
       'but not in a table');



=== TEST 2: no payload, no key
--- perl
asked('image', said([ { type => 'image_url', image_url =>
    { url => 'data:image/png;base64,' . 'iVBORw0KGgo/' x 50_000 } },
    { type => 'text', text => 'what is it?' } ]));
my $r = record('image');
like($r->{bodies}{request}, qr/base64,\[base64, 600000 characters\]/, 'length');
like($r->{bodies}{request}, qr/what is it\?/, 'what comes after it');
ok(!$r->{bodies}{cut}, 'all of it');

asked('key', said("is $Key mine, or sk-other-key-0123456789?"));
is(record('key')->{bodies}{request} =~ s/.*"(is [^"]*)".*/$1/r,
   'is [key] mine, or [key]?', 'no keys');

asked('own', said('is bobs-own-secret mine?'),
      'x-api-key' => 'bobs-own-secret');
like(record('own')->{bodies}{request}, qr/is \*{15} mine\?/,
     'nor its own of another form');

my $pad = 'x y ' x 240;
asked('tail', said("${pad}bobs-own-secret" . ' and more' x 10),
      'x-api-key' => 'bobs-own-secret');
unlike(record('tail')->{bodies}{request}, qr/bobs/, 'nor the first half of it');

asked('wrong', said('x'), 'x-api-key' => 'sk-wrong-0123456789abcdefgh');
is(record('wrong')->{http_status}, 401, 'who is refused');
ok(!record('wrong')->{bodies}{request}, 'was not read');

my $all = json_encode([ map { record($_) } qw(image key own tail wrong) ]);
unlike($all, qr/sk-alice|sk-other|sk-wrong|bobs-own/, 'no key anywhere');

my $form = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n"
    . "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n"
    . "\r\n\x00\xff\r\n--b--\r\n";
http('POST', '/v1/audio/transcriptions',
     { 'Content-Type' => 'multipart/form-data; boundary=b',
       'x-api-key' => $Key, 'x-request-id' => 'form' }, $form);
ok(!record('form')->{bodies}{request}, 'of files nothing');



=== TEST 3: none, where nothing is said
--- http_config eval: $main::Http
--- perl
asked('plain', said('hi'));
ok(!exists record('plain')->{bodies}, 'none');



=== TEST 4: through Redis, and over a reload that changes their size
--- http_config eval: main::with_redis('bodies=64k')
--- slow_stop
--- perl
our $Redis;
ok($Redis->begin, 'Redis is there');
ok(wait_until(sub { api('GET', '/stats')->json->{history}{source} eq 'redis' }),
   'and seen');

my $long = join ' ', map { "word$_" } 1 .. 6000;
asked("r$_", said($long)) for 1 .. 20;
ok(wait_until(sub { $Redis->ask('XLEN', 'llm:history') == 20 }), 'written');

like(record('r7')->{bodies}{request}, qr/word1 .* word6000/, 'whole');

my ($cursor, %seen) = ('');

while (defined $cursor) {
    my $page = api('GET', '/history?limit=20'
                   . ($cursor && "&cursor=$cursor"))->json;
    $seen{ $_->{request_id} }++ for @{ $page->{data} };
    $cursor = $page->{next_cursor};
}

is(scalar keys %seen, 20, 'in pages');
is(scalar @{ api('GET', '/history/export')->json->{data} }, 20, 'in a file');

edit_conf(sub { s/bodies=64k/bodies=2k/ });
ok(reload(), 'less of it');
asked('less', said($long));
is(length record('less')->{bodies}{request}, 2048, 'so much');

edit_conf(sub { s/bodies=2k/bodies=off/ });
ok(reload(), 'none of it');
asked('none', said($long));
ok(!exists record('none')->{bodies}, 'none');
ok(wait_until(sub {
    @{ api('GET', '/history/export')->json->{data} // [] } == 22
}), 'all are there');
