# The way of an answer's bytes: streams event by event, answers as they are.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;

sub true { return JSON::PP::true() }

# what the node itself says to the same request

sub direct {
    my ($members, $x_mock, %opt) = @_;
    return chat({ stream => true(), %$members },
                { no_key => 1, 'X-Mock' => $x_mock },
                port => mock_port('a'), %opt);
}

sub routed {
    my ($members, $x_mock, %opt) = @_;
    return chat({ stream => true(), %$members },
                { 'X-Mock' => $x_mock, %{ $opt{headers} || {} } }, %opt);
}

# A stream that broke: whole events, then one that tells of it, and an end.

sub broken_is {
    my ($r, $name, %want) = @_;
    my @data = $r->events;
    my $last = eval { json_decode($data[-1]) };

    is($r->status, 200, "$name: had begun");
    ok($r->complete, "$name: ends as its framing says");
    like($r->body, qr/\n\n\z/, "$name: ends with an event");
    is_deeply($last, { error => {
        message => $want{message}
                   // 'The node could not be reached or broke off',
        type => $want{type} // 'bad_gateway', param => undef,
        code => $want{code} // 'upstream_error' } },
        "$name: the last event tells") or diag($data[-1]);
    unlike($r->body, qr/\[DONE\]/, "$name: no [DONE]");

    my @bad = grep { !eval { json_decode($_); 1 } } @data;
    is_deeply(\@bad, [], "$name: no half event");

    my @blocks = split /\n\n/, $r->body;
    is(scalar(grep { /^data: / } @blocks), scalar(@blocks),
       "$name: each is an event");

    my $text = text_of(@data[0 .. $#data - 1]);
    my $full = $want{full} // text_of(direct({}, $want{x} // '')->events);
    is($text, substr($full, 0, length $text), "$name: what came is kept");
    cmp_ok(length $text, '>=', $want{least} // 1, "$name: and it is some");
    unlike($r->body, qr/"finish_reason":"/, "$name: no made-up end");
}

defaults(
    mock => "a --tokens 6\n",
    http_config => $LogFormat . <<'_EOC_',
    llm_router_key sk-test-0123456789abcdef;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m
                    check=off;
_EOC_
    config => "    location /v1/ { llm_router on; }\n",
);

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: events come one by one, as they are made
--- perl
my $s = stream({}, { 'X-Mock' => 'tokens=8;pace=60' });
is($s->status, 200, 'status');
my (@t, @data);

while (my $e = read_event($s)) {
    push @t, $e->{t};
    push @data, $e->{data};
}

is($data[-1], '[DONE]', 'the last one');
ok($s->complete, 'a clean end');
close_stream($s);
cmp_ok(scalar @data, '>=', 10, 'all of them');
my @gap = map { $t[$_] - $t[$_ - 1] } 1 .. $#t;
cmp_ok(scalar(grep { $_ > 0.03 } @gap), '>=', 7,
       'each token came alone') or diag("@gap");
cmp_ok($t[0], '<', 0.3, 'the first one at once');
my $row = log_row(1);
is($row->{completion}, 8, 'usage is told');
cmp_ok($row->{ttft}, '<', 0.3, 'so is the time to the first byte');
is($row->{stream}, 1, 'a stream');



=== TEST 2: headers of a stream
--- config
    location /v1/ {
        llm_router on;
        gzip on;
        gzip_types *;
        gzip_min_length 1;
        gzip_proxied any;
        gzip_http_version 1.0;
    }
    location = /gzip { gzip on; gzip_types *; gzip_min_length 1;
                       return 200 "0123456789012345678901234567890123456"; }
--- perl
is(http('GET', '/gzip', { 'Accept-Encoding' => 'gzip' })
   ->header('content-encoding'), 'gzip', 'gzip works in this server');

for ('', 'crlf', 'nochunk', 'length', 'coalesce',
     'header=Cache-Control: max-age=99', 'accel') {
    my $r = routed({}, $_, headers => { 'Accept-Encoding' => 'gzip, br' });
    my $name = $_ || 'plain';
    is($r->status, 200, "$name: status");
    is($r->header('content-type'), 'text/event-stream', "$name: type");
    is($r->header('cache-control'), 'no-cache', "$name: not to be cached");
    is($r->header('x-accel-buffering'), 'no', "$name: nor buffered");
    is($r->header('transfer-encoding'), 'chunked', "$name: chunks");
    is($r->header('content-length'), undef, "$name: no length");
    is($r->header('content-encoding'), undef, "$name: no gzip");
    is($r->header('etag'), undef, "$name: no tag");
    is($r->header('x-llm-router-node'), 'a', "$name: the node");
    ok($r->header('x-request-id'), "$name: the id");
    ok($r->complete, "$name: whole");
    is(($r->events)[-1], '[DONE]', "$name: to its end");
}

unlike(mock_last('a'), qr/accept-encoding/i, 'the node is not asked for gzip');

# an answer that is no stream is the server's to compress

my $r = chat({}, { 'Accept-Encoding' => 'gzip' });
is($r->header('content-encoding'), 'gzip', 'a whole answer may be');
--- no_error_log
[error]



=== TEST 3: the bytes are the node's, however it frames them
--- perl
my $n = 0;

for my $way ('', 'crlf', 'coalesce', 'drip=1', 'drip=0', 'drip=0;crlf',
             'nochunk', 'length', 'noterm', 'interim', 'bigheader=3000',
             'coalesce;crlf', 'drip=0;nochunk', 'drip=0;length',
             'size=200', 'usagenull', 'pace=5;crlf')
{
    for my $asked (0, 1) {
        my $members = $asked ? { stream_options => { include_usage => true() } }
                             : {};
        my $want = direct({ %$members }, $way)->body;
        my $r = routed({ %$members }, $way);
        my $name = ($way || 'plain') . ($asked ? ', asked for usage' : '');

        # it is asked for in any case, so that it says null
        $want =~ s/("finish_reason":(?:null|"\w+")\}\])\}/$1,"usage":null}/g
            if $way eq 'usagenull' && !$asked;

        is($r->status, 200, "$name: status");
        ok($r->complete, "$name: whole");
        is($r->body, $want, "$name: the same bytes");

        my $row = log_row(++$n);
        is("$row->{prompt} $row->{completion} $row->{code}", '1 6 ok',
           "$name: usage is counted");
    }
}

is(total('prompt_tokens'), $n, 'the total of prompt tokens');
is(total('completion_tokens'), 6 * $n, 'the total of completion tokens');



=== TEST 4: events of any length, in any pieces
--- perl
my $n = 0;

for my $size (1000, 3900, 4000, 4096, 4200, 8000, 8192, 8300, 20000, 100000,
              1000000)
{
    my $bytes = $size * 3;

    for my $way ("tokens=3;size=$bytes", "tokens=3;size=$bytes;coalesce",
                 "tokens=3;size=$bytes;crlf",
                 "tokens=3;size=$bytes;nochunk")
    {
        my $r = routed({}, $way);
        ok($r->body eq direct({}, $way)->body, "$way: the same bytes");
        ok($r->complete, "$way: whole");
        is(log_row(++$n)->{completion}, 3, "$way: usage is counted");
    }
}



=== TEST 5: long events, and many, byte by byte
--- perl
my $n = 0;

for my $way ('tokens=2;size=7000;drip=0', 'tokens=1;size=9000;drip=0;crlf',
             ('tokens=1;drip=0;crlf') x 40)
{
    my $r = routed({}, $way, timeout => 30);
    ok($r->body eq direct({}, $way)->body, "$way: the same bytes");
    ok($r->complete, "$way: whole");
    like(log_row(++$n)->{completion}, qr/^[12]$/, "$way: usage is counted");
}



=== TEST 6: a long event that the node breaks off is ended
--- config
    location /v1/ { llm_router on; llm_router_request_timeout 500ms; }
--- perl
for my $way ('cut=event') {
    my $r = routed({}, "tokens=3;size=60000;$way");
    my @blocks = split /\n\n/, $r->body;
    my $last = json_decode(substr $blocks[-1], 6);
    is($last->{error}{code}, 'upstream_error', "$way: an error at the end");
    ok($r->complete, "$way: a clean end");
    unlike($r->body, qr/\[DONE\]/, "$way: no [DONE]");
}
--- error_log
broke off a stream



=== TEST 7: stream_options, in each form
--- perl
my $n = 0;
my %forms = (
    '' => 0,
    '"stream_options":null,' => 0,
    '"stream_options":{},' => 0,
    '"stream_options" : { } ,' => 0,
    '"stream_options":{"include_usage":false},' => 0,
    '"stream_options":{"include_usage":null},' => 0,
    '"stream_options":{"include_usage":"x"},' => 0,
    '"stream_options":{"include_usage":1},' => 0,
    '"stream_options":{"include_usage":{}},' => 0,
    '"stream_options":{"include_obfuscation":false},' => 0,
    '"stream_options":{"a":[1,{"include_usage":true}],"b":"}"},' => 0,
    '"stream_options":{"a":1,"include_usage":false,"b":2},' => 0,
    '"stream_options":{"include_usage":true},' => 1,
    '"stream_options":{"include_usage":true,"include_obfuscation":false},' => 1,
    '"stream_options":{"include_obfuscation":false,"include_usage":true},' => 1,
    '"stream_options":{"include_usage":true,"include_usage":false},' => 0,
    '"stream_options":{"include_usage":false,"include_usage":true},' => 1,
    '"stream_options":{"include_usage":true},"stream_options":null,' => 0,
    '"stream_options":{"include_usage":true},"stream_options":{"c":1},' => 0,
    '"stream_options":{"c":1},"stream_options":{"include_usage":true},' => 1,
    '"stream\u005foptions":{"include_usage":false},' => 0,
    '"x":{"stream_options":{"include_usage":true}},' => 0,
    '"x":{"stream_options":{"include_usage":false}},' => 0,
);

for my $form (sort keys %forms) {
    for my $first (0, 1) {
        my $rest = '"model":"m","messages":[{"role":"user","content":"a b"}],'
                   . '"stream":true,"z":[1,2]';
        (my $tail = $form) =~ s/\s*,\s*$//;
        my $body = $form eq '' ? "{$rest}"
                   : $first ? "{$form$rest}" : "{$rest,$tail}";
        my $r = post('/v1/chat/completions', $body);
        my $got = $r->body =~ /"usage":\{/ ? 1 : 0;
        my $name = ($form || 'none') . ($first ? ' first' : ' last');

        is($got, $forms{$form}, "$name: seen only when asked for");
        is(($r->events)[-1], '[DONE]', "$name: to its end");

        my $sent = sent('a')->{body};
        my $data = json_decode($sent);
        ok($data->{stream_options}{include_usage} eq '1',
           "$name: the node is asked") or diag($sent);
        # (the node does not look into an escaped name)
        like(log_row(++$n)->{completion}, $form =~ /u005f/ ? qr/^~/ : qr/^6$/,
             "$name: usage is counted");

        # what else there is
        my $was = json_decode($body);
        my $opt = ref $was->{stream_options} ? $was->{stream_options} : {};
        $was->{stream_options} = { %$opt, include_usage => true() };
        is_deeply($data, $was, "$name: all else is as it was") or diag($sent);
        is($sent, $body, "$name: the same bytes") if $forms{$form};
    }
}



=== TEST 8: who streams not, is not meddled with
--- perl
for my $body ('{"model":"m","messages":[{"role":"user","content":"x"}]}',
              '{"model":"m","stream":false,"messages":[{"role":"user"}]}',
              '{"model":"m","stream":null,"stream_options":{},'
              . '"messages":[{"role":"user"}]}',
              '{"model":"m","messages":[{"stream":true}],"x":{"stream":true}}')
{
    is(post('/v1/chat/completions', $body)->status, 200, 'served');
    is(sent('a')->{body}, $body, 'the same bytes');
}

my $body = '{"model":"m","stream":true,"input":"a b c"}';
my $r = post('/v1/responses', $body, { 'X-Test-Id' => 'responses' });
is(sent('a')->{body}, $body, 'nor a stream of another kind');
like($r->body, qr/^event: response\.completed$/m, 'to its end');
ok($r->complete, 'whole');
my $row = log_of('responses');
is("$row->{prompt} $row->{completion}", '3 6', 'whose usage is counted too');



=== TEST 9: without usage events are counted
--- perl
my $n = 0;

for my $way ('nousage;tokens=20', 'nousage;tokens=20;coalesce',
             'nousage;tokens=20;crlf', 'nousage;tokens=20;size=100000')
{
    my $r = routed({}, $way);
    my @data = grep { $_ ne '[DONE]' } $r->events;
    my ($count) = log_row(++$n)->{completion} =~ /^~(\d+)$/;

    # the role's and the last chunk have no token, some engines put one there
    cmp_ok($count, '>=', 20, "$way: an event a token");
    cmp_ok($count, '<=', @data, "$way: no more than events");
    is(log_row($n)->{prompt}, '-', "$way: nothing is known of the prompt");
}



=== TEST 10: a node that takes no stream_options
--- mock
a --tokens 6 --behave refuse_stream_options
--- perl
my $r = routed({}, '');
is($r->status, 200, 'served');
is(($r->events)[-1], '[DONE]', 'to its end');
is($r->body, direct({}, '')->body, 'the same bytes');
is(mock_stats('a')->{requests}, 3, 'asked again');
is(log_row(1)->{attempts}, 1, 'which is no second attempt');
like(log_row(1)->{completion}, qr/^~\d+$/, 'usage is estimated');
mock_reset('a');
is(routed({}, '')->status, 200, 'served again');
is(mock_stats('a')->{requests}, 1, 'now asked without at once');
unlike(mock_last('a'), qr/stream_options/, 'without');
$r = routed({ stream_options => { include_usage => true() } }, '');
is($r->status, 400, 'who asks for it gets the node\'s answer');
like($r->body, qr/stream_options/, 'whole');
is(node_row('a')->{failures}, 0, 'none of it is a failure');
--- error_log
takes no stream_options



=== TEST 11: a node that breaks off
--- config
    location /v1/ { llm_router on; llm_router_request_timeout 1s; }
--- perl
my %ways = (
    'cut=event' => {},
    'reset=mid' => {},
    'close=mid' => {},
    'kill=mid' => {},
    'nodone;noterm' => {},
    'broken=chunk' => {},
    'cut=event;crlf' => {},
    'cut=event;nochunk' => {},
    'cut=event;length' => {},
    'close=mid;length' => {},
    'close=mid;nochunk' => {},
    'reset=mid;nochunk' => {},
    'reset=mid;drip=1' => {},
    'silence=mid' => { message => 'Request timeout after 1 second',
                       type => 'gateway_timeout', code => 'timeout' },
    'silence=mid;nochunk' => { message => 'Request timeout after 1 second',
                       type => 'gateway_timeout', code => 'timeout' },
);
my $full = text_of(direct({}, 'tokens=8')->events);

for my $way (sort keys %ways) {
    my $x = "tokens=8;" . ($way =~ /mid/ ? 'after=3;' : '') . $way;
    my $r = routed({}, $x, headers => { 'X-Test-Id' => $way });

    if ($way eq 'nodone;noterm') {
        # that is all but its end, whose last chunk is the node's own
        (my $body = $r->body) =~ s/"finish_reason":"stop"/"finish_reason":null/;
        $r->{body} = $body;
    }

    broken_is($r, $way, full => $full, %{ $ways{$way} });
    my $row = log_of($way);
    is($row->{code}, $ways{$way}{code} // 'upstream_error',
       "$way: told in the log");
    is($row->{status}, 200, "$way: with the status that was sent");

    mock_start('a') if $way =~ /kill/;

    # what it answers well in between keeps its circuit closed
    is(routed({}, '')->status, 200, "$way: the node serves again");
}

is(total('errors'), scalar keys %ways, 'each is an error');
--- error_log eval
[qr/llm node "a" broke off a stream/, qr/llm node "a" fell silent/,
 qr/llm node "a" sent an invalid chunk/]



=== TEST 12: events that were whole before it broke are all there
--- perl
my @want = direct({}, 'tokens=12')->events;

for my $way ('reset=mid', 'close=mid') {
    for my $after (1, 5, 11) {
        my $r = routed({}, "tokens=12;after=$after;pace=10;$way");
        my @data = $r->events;
        is_deeply([@data[0 .. $#data - 1]],
                  [@want[0 .. $#data - 1]], "$way after $after: in order");
        is(scalar @data, $after + 2, "$way after $after: all of them")
            if $way eq 'close=mid';

        # so that its circuit stays closed
        is(routed({}, '')->status, 200, "$way after $after: it serves again");
    }
}



=== TEST 13: a stream that ends well without [DONE], and with nothing else
--- perl
for my $way ('nodone', 'noterm', 'nochunk', 'length', 'nodone;length') {
    my $r = routed({}, "tokens=4;$way");
    ok($r->complete, "$way: a clean end");
    unlike($r->body, qr/"error"/, "$way: no error");
    is(text_of($r->events), text_of(direct({}, "tokens=4;$way")->events),
       "$way: all of it");
    is((() = $r->body =~ /\[DONE\]/g) + 0, $way =~ /nodone/ ? 0 : 1,
       "$way: [DONE] only if the node said it");
}



=== TEST 14: the client's connection is good for more after a broken stream
--- perl
my $c = http_conn();
my @arg = ('POST', '/v1/chat/completions',
           { Authorization => "Bearer $Key", 'X-Mock' => 'reset=mid;after=2' },
           { model => 'm', stream => true(),
             messages => [{ role => 'user', content => 'x' }] });
my $r = $c->http(@arg, keepalive => 1);
ok($r->complete, 'it ends');
like($r->body, qr/upstream_error/, 'with the error');
$arg[2]{'X-Mock'} = '';
$r = $c->http(@arg, keepalive => 1);
is($r->status, 200, 'the next request on it');
is(($r->events)[-1], '[DONE]', 'is served');



=== TEST 15: a client that reads slowly gets it all
--- perl
my $s = stream({}, { 'X-Mock' => 'tokens=200;size=3000000;coalesce' });
my ($n, $len, $last) = (0, 0);

while (my $e = read_event($s)) {
    $n++;
    $len += length text_of($e->{data});
    $last = $e->{data};
    select undef, undef, undef, 0.005 if $n % 20 == 0;
}

close_stream($s);
is($last, '[DONE]', 'to its end');
is($len, 3000000, 'each byte');
is(log_row(1)->{completion}, 200, 'usage is counted');



=== TEST 16: a client that reads slowly hears of the break as well
--- perl
my $s = stream({}, { 'X-Mock' =>
                     'tokens=400;size=8000000;coalesce;close=mid;after=300' });
my ($n, $last) = (0);

while (my $e = read_event($s)) {
    $n++;
    $last = $e->{data};
    select undef, undef, undef, 0.005 if $n % 20 == 0;
}

is(json_decode($last)->{error}{code}, 'upstream_error', 'the error at the end');
is($n, 302, 'after each event that came');
ok($s->complete, 'a clean end');



=== TEST 17: 40 streams at the same time are kept apart
--- mock
a --behave pace=3
--- perl
my $true = true();
my @r = burst(map { [{ stream => $true, messages => [{ role => 'user',
                     content => join ' ', ('w') x $_ }] },
                     { 'X-Mock' => "tokens=" . (5 + $_), 'X-Test-Id' => $_ }] }
              1 .. 40);
is(scalar(grep { $_->complete && ($_->events)[-1] eq '[DONE]' } @r), 40,
   'all whole');
my @bad = grep { text_of($r[$_]->events) ne text_of(
                 direct({}, 'tokens=' . (6 + $_) . ';pace=0')->events) }
          0 .. 39;
is_deeply(\@bad, [], 'each with its own text');
ok(wait_until(sub { log_fields() == 40 }), 'all are logged');
my @wrong = grep { $_->{prompt} != $_->{id}
                   || $_->{completion} != 5 + $_->{id} } log_fields();
is_deeply(\@wrong, [], 'each with its own usage');



=== TEST 18: an answer that is not streamed passes as it is
--- perl
my $n = 0;

for my $way ('', 'nochunk', 'broken=json', 'tokens=3;size=600000',
             'drip=1;size=10', 'usagenull', 'nousage', 'status=201',
             'status=400', 'status=404', 'status=500', 'header=X-Own: v')
{
    my $name = $way || 'plain';
    my $want = chat({}, { no_key => 1, 'X-Mock' => $way },
                    port => mock_port('a'));
    my $r = chat({}, { 'X-Mock' => $way });

    ok($r->complete, "$name: whole");
    is($r->status, $want->status, "$name: the same status");
    ok($r->body eq $want->body, "$name: the same bytes");
    is($r->header('content-type'), $want->header('content-type'),
       "$name: the same type");
    is($r->header('content-length'), $want->header('content-length'),
       "$name: the same length");
    is($r->header('x-own'), $want->header('x-own'), "$name: other headers");
    my $row = log_row(++$n);
    is($row->{completion}, $want->json ? $want->json->{usage}{completion_tokens}
                                         // '-' : '-',
       "$name: usage") if $way ne 'broken=json';
}



=== TEST 19: an answer that is cut short is seen to be
--- perl
my $n = 0;

for my $way ('close=mid', 'reset=mid', 'broken=chunk', 'cut=event',
             'close=mid;nochunk', 'reset=mid;nochunk')
{
    my $r = chat({}, { 'X-Mock' => "$way;size=100000" });
    next if $way eq 'close=mid;nochunk';    # nobody can see that
    ok(!$r->complete, "$way: not whole");
    like($r->status, $way eq 'broken=chunk' ? qr/^(?:0|200)$/ : qr/^200$/,
         "$way: it had begun");
    unlike($r->body, qr/data: |<html/, "$way: nothing is put in");
}



=== TEST 20: a silent node in the middle of an answer that is not streamed
--- config
    location /v1/ { llm_router on; llm_router_request_timeout 500ms; }
--- perl
my $r = chat({}, { 'X-Mock' => 'silence=mid;size=100000' });
is($r->status, 200, 'it had begun');
ok(!$r->complete, 'not whole');
ok(!$r->timed_out, 'and not for ever');
ok(wait_until(sub { mock_stats('a')->{aborted} == 1 }), 'the node is told');



=== TEST 21: a stream is not cut by the time-out while events come
--- config
    location /v1/ { llm_router on; llm_router_request_timeout 1s; }
--- perl
my $r = routed({}, 'tokens=10;pace=250');
is(($r->events)[-1], '[DONE]', 'to its end');
cmp_ok($r->time, '>', 2, 'in much more time');
$r = routed({}, 'tokens=3;pace=1500');
is(json_decode(($r->events)[-1])->{error}{code}, 'timeout',
   'unless one stays away');
