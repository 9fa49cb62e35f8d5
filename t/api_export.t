# The history as a file: whole, or visibly not.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;
use LLMTest::Redis;

BEGIN { $ENV{TEST_NGINX_REDIS} = LLMTest::free_port() }

our $Redis = own_redis($ENV{TEST_NGINX_REDIS});
our $Http = $AdminKey . $Pid . <<'_EOC_';
    llm_router_key sk-alice-0123456789 name=alice max_concurrent=1000;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m,n;
_EOC_

# what the client does not read shall not lie in a buffer of the system

(our $Slow_listen = $Listen) =~ s/;/ sndbuf=4k;/;

defaults(
    mock => "a\n",
    http_config => $Http,
    config => "    $Slow_listen\n    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

sub alice { return ('x-api-key' => 'sk-alice-0123456789') }
sub with_redis { return "$Http    llm_router_redis 127.0.0.1:"
                        . "$ENV{TEST_NGINX_REDIS} prefix=t:;\n" }
sub told { return api('GET', '/stats')->json->{history} }
sub export { return api('GET', '/history/export' . ($_[0] ? "?$_[0]" : '')) }

sub ask_many {
    my ($n) = @_;

    while ($n > 0) {
        my @r = burst(map { [ {}, { alice() }, port => port() ] }
                      1 .. ($n > 100 ? 100 : $n));
        $n -= @r;
    }
}

# the cells of a CSV text (RFC 4180), line by line

sub csv {
    my ($text) = @_;
    my @lines;

    for my $line (split /\r\n/, $text) {
        my @cells;

        while ($line =~ /\G(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/gc) {
            my ($cell, $end) = ($1 // $2, $3 eq '');
            push @cells, $cell =~ s/""/"/gr;
            last if $end;
        }

        push @lines, \@cells;
    }

    return @lines;
}

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: out of the ring: both formats, filters, a bound
--- perl
chat({}, { alice(), 'x-request-id' => 'first' });
chat({ model => "=1+1\"x,\";y" }, { alice() });
chat({ model => $_ }, { alice() }) for '-2', '+2', '@x', "\x{ff1d}1", 'plain';
ok(wait_until(sub { @{ api('GET', '/history')->json->{data} } == 7 }), 'seven');

my $list = api('GET', '/history?limit=7')->json->{data};
my $file = export();
is($file->status, 200, 'json is the default');
is($file->header('content-type'), 'application/json', 'its type');
like($file->header('content-disposition'),
     qr/^attachment; filename="history-\d{8}-\d{6}\.json"$/, 'its name');
is_deeply($file->json, { data => $list, total => 7 }, 'as the list has them');

my $csv = export('format=csv');
like($csv->header('content-type'), qr{^text/csv}, 'CSV');
like($csv->header('content-disposition'), qr/\.csv"$/, 'its name');

my ($names, @rows) = csv($csv->body);
is_deeply([ sort @$names ], [ sort keys %{ $list->[0] } ],
          'a column for each member');
is(scalar @rows, 7, 'seven rows');
is(scalar(grep { @$_ != @$names } @rows), 0, 'each of all columns');

for my $i (0 .. 6) {
    my %row;
    @row{@$names} = @{ $rows[$i] };

    for my $name (@$names) {
        my $want = $list->[$i]{$name} // '';
        $want = $want ? 'true' : 'false' if JSON::PP::is_bool($want);
        utf8::encode($want);
        $want = "'$want" if $want =~ /^(?:[=+\-\@]|\xef\xbc\x9d)/;
        is($row{$name}, $want, "$i $name");
    }
}

is(scalar(() = $csv->body =~ /"'[=+\-\@\xef]/g), 10,
   'five models are no formulas, asked and used');
is(scalar @{ export('key=alice&status=success')->json->{data} }, 1, 'filters');
is(scalar @{ export('limit=3')->json->{data} }, 3, 'so many');
is((csv(export('format=csv&limit=2')->body))[2][0], $list->[1]{id}, 'in order');
is(scalar @{ export('model=nothing')->json->{data} }, 0, 'none');
is(export('model=nothing')->json->{total}, 0, 'and a total of none');
unlike($csv->body . $file->body, qr/sk-/, 'no key in them');

is(export($_)->status, 400, $_) for qw(format=xml format= limit=0 from=x);
is(api('POST', '/history/export', {})->status, 405, 'it is only read');
is(http('GET', '/api/history/export')->status, 401, 'and not by everybody');



=== TEST 2: out of Redis: many pages; Redis dies in between
--- http_config eval: main::with_redis()
--- slow_stop
--- error_log
an export broke off after
the records wait in shared memory
--- perl
our $Redis;
ok($Redis->begin, 'Redis is there');
ok(wait_until(sub { told()->{source} eq 'redis' }), 'and seen');

ask_many(1500);
ok(wait_until(sub { $Redis->ask('XLEN', 't:history') == 1500 }), 'all written');

my $file = export()->json;
is($file->{total}, 1500, 'all are there');
is(scalar @{ $file->{data} }, 1500, 'really');

my %seen;
$seen{ $_->{id} }++ for @{ $file->{data} };
is(scalar keys %seen, 1500, 'each once');
is(scalar(csv(export('format=csv')->body)), 1501, 'as CSV, too');
is(scalar @{ export('limit=777')->json->{data} }, 777, 'a part of them');

my @begun = map { open_stream('GET', "/api/history/export?format=$_",
                              { 'x-api-key' => $LLMTest::Admin::Admin }, undef, port => port()) }
            qw(json csv json);
is($_->status, 200, 'begun') for @begun;

$Redis->kill9;
pop(@begun)->reset;

for my $s (@begun) {
    my $n = 0;
    while (defined(my $data = $s->next_data(10))) { $n += length $data }
    cmp_ok($n, '>', 1000, 'a part of it came');
    ok(!$s->complete, 'that it is not all can be seen');
}

my $r = export();
is($r->status, 503, 'without Redis there is none');
is($r->json->{error}{code}, 'history_unavailable', 'and it says why');
is(api('GET', '/history')->status, 200, 'the list answers all the same');
