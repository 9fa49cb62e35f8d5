# Forms: the model in multipart/form-data, beside files of any size.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use Digest::SHA qw(sha256_hex);

defaults(
    mock => "a --models m\n",
    http_config => <<'_EOC_',
    log_format model escape=none '$llm_router_model|$llm_router_stream';
    access_log logs/llm.log model;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m,whisper-1;
    llm_router_key sk-test-0123456789abcdef;
_EOC_
    config => "    location /v1/ { llm_router on; }\n",
);

sub file_of {
    my ($size) = @_;
    my $text = '';

    # what looks like a boundary, or like a form, and is none
    my $noise = join '', map { chr $_ } 0 .. 255;
    $noise .= "\r\n--xBx\r\n\r\n--\r\n--xB\r\nContent-Disposition: form-data; "
              . "name=\"model\"\r\n\r\nwrong\r\n--xb--\r\n";
    $text .= $noise while length $text < $size;
    return substr $text, 0, $size;
}

sub part {
    my ($name, $value, $more) = @_;
    return qq(Content-Disposition: form-data; name="$name") . ($more // '')
           . "\r\n\r\n$value";
}

sub file_part {
    my ($size, $name) = @_;
    $name //= 'file';
    return qq(Content-Disposition: form-data; name="$name"; )
           . qq(filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n)
           . file_of($size);
}

sub form {
    my ($boundary, @parts) = @_;
    return join('', map { "--$boundary\r\n$_\r\n" } @parts) . "--$boundary--\r\n";
}

sub send_form {
    my ($body, $type, $headers, $url) = @_;
    return post($url // '/v1/audio/transcriptions', $body, {
        'Content-Type' => $type // 'multipart/form-data; boundary=xBxBx',
        %{ $headers || {} } });
}

sub passes {
    my ($body, $type, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $r = send_form($body, $type, { 'X-Mock' => 'sha' });
    my $d = $r->json || {};

    is_deeply([$r->status, @$d{qw(length sha256)}],
              [200, length $body, sha256_hex($body)], $name);
}

sub malformed {
    my ($why) = @_;
    return (400, 'invalid_request_error', 'invalid_multipart', undef, $why);
}

sub form_error { malformed("The request body is not valid multipart/form-data: $_[0]") }

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: the model before and after a file, of any size
--- config
    location /v1/ { llm_router on; }
    location /mem/ { llm_router on; client_body_buffer_size 8m; }
--- perl
for my $size (0, 1, 100, 20_000, 5_242_880) {
    passes(form('xBxBx', part('model', 'm'), file_part($size)), undef,
           "before a file of $size bytes");
    passes(form('xBxBx', file_part($size), part('model', 'm')), undef,
           "after a file of $size bytes");
    passes(form('xBxBx', part('a', 'b'), file_part($size, 'model2'),
                part('model', 'm'), part('response_format', 'json')), undef,
           "among others, $size bytes");
}

my $body = form('xBxBx', file_part(5_242_880), part('model', 'm'));
my $r = send_form($body, undef, { 'X-Mock' => 'sha' },
                  '/mem/v1/audio/transcriptions');
is($r->json->{sha256}, sha256_hex($body), 'in memory');
ok(log_has(16), 'all logged');
is(own_log(), "m|0\n" x 16, 'found each time');
--- node_stats
a requests=16 malformed=0 invalid_bodies=0



=== TEST 2: in chunks, and cut at any place
--- perl
my $body = form('xBxBx', file_part(700), part('model', 'm'),
                part('stream', 'false'));
my $te = { 'Transfer-Encoding' => 'chunked', 'X-Mock' => 'sha' };

for my $n (1, 2, 3, 5, 8, 13, 21, 100, 500) {
    my $r = send_form(chunked(unpack "(a$n)*", $body), undef, { %$te });
    is_deeply([$r->status, ($r->json // {})->{sha256}],
              [200, sha256_hex($body)], "chunks of $n bytes");
}



=== TEST 3: how a boundary may be written
--- perl
for (['multipart/form-data; boundary=xBxBx', 'xBxBx'],
     ['multipart/form-data; boundary="xBxBx"', 'xBxBx'],
     ['multipart/form-data;boundary=xBxBx', 'xBxBx'],
     ['multipart/form-data; charset=utf-8; boundary=xBxBx', 'xBxBx'],
     ['multipart/form-data; boundary=xBxBx; charset=utf-8', 'xBxBx'],
     ['Multipart/Form-Data; Boundary=xBxBx', 'xBxBx'],
     ['multipart/form-data; boundary="a b:c/d=e?f(g)"', 'a b:c/d=e?f(g)'],
     ['multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxk',
      '----WebKitFormBoundary7MA4YWxk'],
     ['multipart/form-data; boundary=x', 'x'],
     ['multipart/form-data; boundary=' . 'b' x 70, 'b' x 70])
{
    my ($type, $boundary) = @$_;
    my $body = form($boundary, part('model', 'm'),
                    qq(Content-Disposition: form-data; name="file"; filename="f")
                    . "\r\n\r\ntext");
    my $r = send_form($body, $type, { 'X-Mock' => 'sha' });
    is($r->status, 200, $type);
    is(sent('a')->{headers}{'content-type'}, $type, 'the same type goes on');
}



=== TEST 4: no boundary
--- perl
error_is(send_form(form('xBxBx', part('model', 'm')), $_),
         malformed('The Content-Type has no valid boundary'), $_)
    for 'multipart/form-data', 'multipart/form-data; boundary=',
        'multipart/form-data; boundary=""', 'multipart/form-data; bound=xBxBx',
        'multipart/form-data; boundary="xBxBx',
        'multipart/form-data; boundary=' . 'b' x 71;
--- node_stats
a requests=0



=== TEST 5: malformed forms
--- perl
my $file = file_part(100_000);

for (['', 'no opening boundary'], ['xBxBx', 'no opening boundary'],
     ['--xBxBx', undef],
     [form('other', part('model', 'm')), 'no opening boundary'],
     ['{"model":"m"}', 'no opening boundary'],
     ["--xBxBx\r\n" . part('model', 'm'), 'no closing boundary'],
     ["--xBxBx\r\n" . part('model', 'm') . "\r\n--xBxBx\r\n" . $file,
      'no closing boundary'],
     ["--xBxBx\r\n" . part('model', 'm') . "\r\n--xBxBx", 'no closing boundary'],
     ["--xBxBx\r\n" . part('model', 'm') . "\r\n--xBxBx-", undef],
     [form('xBxBx', part('model', 'm', "\r\nX-Long: " . 'x' x 9000)),
      'too large headers in a part'])
{
    my ($body, $why) = @$_;
    error_is(send_form($body), $why ? form_error($why)
                                    : malformed(qr/not valid multipart/),
             ($why // 'malformed') . ': ' . substr($body, 0, 40) =~ s/\r\n/|/gr);
}
--- node_stats
a requests=0



=== TEST 6: no model, an empty one, one of a file
--- perl
my @want = (400, 'invalid_request_error', 'missing_required_parameter',
            'model', 'Model name is required');

error_is(send_form(form('xBxBx', @$_)), @want, 'none: ' . scalar @$_)
    for [part('a', 'b')], [file_part(5_242_880), part('modelx', 'm')],
        [part('model', '')], [file_part(10, 'model')],
        [part('Model', 'm')], [part('a', 'b', '; x="name=model"')];

error_is(send_form(form('xBxBx', part('model', 'x' x 257))), 400,
         'invalid_request_error', 'invalid_model', 'model',
         'The model name is longer than 256 bytes', 'a long one');
error_is(send_form(form('xBxBx', file_part(9), part('model', 'gone'))), 404,
         'invalid_request_error', 'model_not_found', 'model',
         'The model `gone` does not exist', 'an unknown one');
--- node_stats
a requests=0



=== TEST 7: how its name may be written
--- perl
for (['form-data; name="model"', 'm'], ['form-data; name=model', 'm'],
     ['form-data;name="model"', 'm'], ['Form-Data; Name="model"', 'm'],
     ['form-data; x="y;z"; name="model"', 'm'],
     ['form-data; x="a\\"; name=\\"b"; name="model"', 'm'],
     ['form-data; name="mo\\del"', 'm'])
{
    my ($how) = @$_;
    passes("--xBxBx\r\nContent-Disposition: $how\r\n\r\nm\r\n--xBxBx--\r\n",
           undef, $how);
}

passes("--xBxBx\r\ncontent-disposition: form-data; name=\"model\"\r\n"
       . "Content-Type: text/plain\r\n\r\nm\r\n--xBxBx--\r\n", undef,
       'with other headers');
passes("preamble\r\n--xBxBx\r\n" . part('model', 'm') . "\r\n--xBxBx--\r\nend",
       undef, 'with text around');
passes(form('xBxBx', part('model', 'x'), part('model', 'm')), undef,
       'of two the last');
error_is(send_form(form('xBxBx', part('model', 'm'), part('model', 'x'))), 404,
         'invalid_request_error', 'model_not_found', 'model',
         'The model `x` does not exist', 'of two the last, unknown');



=== TEST 8: stream, and no wish for usage is put in
--- perl
my $body = form('xBxBx', part('stream', 'true'), part('model', 'm'));
my $r = send_form($body, undef, { 'X-Mock' => 'sha' },
                  '/v1/chat/completions');
isnt($r->status, 200, 'a chat wants messages');
$r = send_form($body, undef, { 'X-Mock' => 'sha' });
is($r->json->{sha256}, sha256_hex($body), 'the same bytes');
ok(wait_until(sub { own_log() =~ /^m\|1$/m }), 'the log says it streams');



=== TEST 9: an alias in a form, with the file before it or after
--- http_config
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=whisper-1;
    llm_router_key sk-test-0123456789abcdef;
--- config
    llm_router_alias ear whisper-1;
    llm_router_alias "~^sp(.)$" whisper-1;
    location /v1/ { llm_router on; }
--- perl
for my $size (10, 100_000, 5_242_880) {
    for my $turn (0, 1) {
        for my $alias ('ear', 'sp"') {
            my $make = sub {
                my @p = (part('model', $_[0]), file_part($size));
                return form('xBxBx', part('x', 'y'),
                            $turn ? reverse @p : @p, part('language', 'en'));
            };
            my $want = $make->('whisper-1');
            my $r = send_form($make->($alias), undef, { 'X-Mock' => 'sha' });
            is_deeply([$r->status, @{ $r->json // {} }{qw(length sha256)}],
                      [200, length $want, sha256_hex($want)],
                      "$alias, a file of $size bytes "
                      . ($turn ? 'before' : 'after'));
        }
    }
}
--- node_stats
a requests=12 malformed=0 invalid_bodies=0



=== TEST 10: at another URL, and at one that is unknown
--- perl
my $body = form('xBxBx', file_part(1000, 'image'), part('model', 'm'),
                part('prompt', 'a cat'));
for my $url (qw(images/edits audio/translations images/variations own/thing)) {
    my $r = send_form($body, undef, { 'X-Mock' => 'sha' }, "/v1/$url");
    is($r->status, 200, $url);
    is($r->json->{sha256}, sha256_hex($body), "$url: the same bytes");
    like(sent('a')->{line}, qr{^POST /v1/$url HTTP/1.1$}, "$url: the URL");
}

error_is(send_form(form('xBxBx', part('a', 'b')), undef, {}, '/v1/own/thing'),
         404, 'invalid_request_error', 'unknown_url', undef,
         'Unknown request URL: POST /v1/own/thing', 'no model');
