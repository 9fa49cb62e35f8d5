# The access log says of the admin API's errors what its clients are told.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Flow;
use LLMTest::Admin;

defaults(
    mock => "a\n",
    http_config => $AdminKey . $LogFormat . <<'_EOC_',
    llm_router_key sk-test-0123456789abcdef name=plain;
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
_EOC_
    config => "    location /v1/ { llm_router on; }\n"
              . "    location /api/ { llm_router_api on; }\n",
);

workers(2);
repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: $llm_router_status
--- perl
my @asked = (
    ['ok', 'GET', '/nodes'],
    ['ok', 'GET', '/health', undef, { no_key => 1 }],
    ['invalid_session', 'GET', '/nodes', undef, { no_key => 1 }],
    ['invalid_session', 'GET', '/nodes', undef,
     { Authorization => 'Bearer sk-wrong' }],
    ['invalid_api_key', 'POST', '/nodes/register', {}, { no_key => 1 }],
    ['forbidden', 'GET', '/nodes', undef, { Authorization => "Bearer $Key" }],
    ['insufficient_scope', 'POST', '/nodes/register', {},
     { Authorization => "Bearer $Key" }],
    ['unknown_url', 'GET', '/nothing'],
    ['method_not_allowed', 'PATCH', '/nodes'],
    ['node_not_found', 'GET', '/nodes/node-0123456789abcdef'],
    ['key_not_found', 'GET', '/keys/key-0123456789abcdef'],
    ['invalid_json', 'POST', '/nodes', '{'],
    ['unknown_field', 'POST', '/nodes', { x => 1 }],
    ['missing_required_parameter', 'POST', '/nodes', {}],
    ['invalid_value', 'POST', '/nodes', { base_url => 'x' }],
    ['name_in_use', 'POST', '/nodes', { base_url => 'http://127.0.0.1:9',
                                        name => 'a' }],
    ['precondition_failed', 'POST', '/keys', {}, { 'If-Match' => '"x"' }],
);

for my $i (0 .. $#asked) {
    my ($code, $method, $path, $body, $headers) = @{ $asked[$i] };
    my $r = api($method, $path, $body, { %{ $headers // {} },
                                         'X-Test-Id' => "r$i" });
    my $told = $r->status == 200 ? 'ok' : $r->json->{error}{code};
    is($told, $code, "$method $path: $code");
    is(log_of("r$i")->{code}, $code, '... as the log says');
}
