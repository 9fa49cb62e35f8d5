# llm_router_history and llm_router_redis: what they take, and what a wrong
# value is told.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;
use LLMTest::Conf;

defaults(
    mock => "a --models m\n",
    http_config => <<'_EOC_',
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
_EOC_
    config => "    location /v1/ { llm_router on; }\n",
);

sub conf { return (CORE::join('', map { "$_;\n" }
                              'llm_router_key env:ROUTER_TEST_KEY', @_),
                   '', 'llm_router_api on;') }
sub history { return conf(map { "llm_router_history $_" } @_) }
sub redis { return conf(map { "llm_router_redis $_" } @_) }

sub in_server { return ('', "$_[0];") }
sub in_location { return ('', '', "$_[0];") }

$ENV{ROUTER_TEST_PASSWORD} = 'of environment';
$ENV{ROUTER_TEST_EMPTY} = '';
$ENV{ROUTER_TEST_LONG} = 'x' x 255;
$ENV{ROUTER_TEST_LONGER} = 'x' x 256;

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: llm_router_history: what it takes
--- perl
takes('none', conf());
takes('a size', history('size=1'));
takes('the largest', history('size=10000000'));
takes('a time', history('retention=1s'));
takes('days', history('retention=30d'));
takes('parts of a time', history('"retention=1w 2d 3h"'));
takes('seconds', history('retention=90'));
takes('no bodies', history('bodies=off'));
takes('all, in any order', history('retention=1h bodies=off size=20'));
takes('the last of two', history('size=10 size=20'));



=== TEST 2: llm_router_history: what it refuses
--- perl
my $d = 'llm_router_history';

for my $size (qw(size= size=0 size=-1 size=x size=10k size=10000001
                 size=99999999999999999999))
{
    refuses($size, "$d: \"$size\" must be a number from 1 to 10000000",
            history($size));
}

for my $time (qw(retention= retention=0 retention=0s retention=x
                 retention=1x retention=-1 retention=1ms
                 retention=99999999999999999999))
{
    refuses($time, "$d: \"$time\" is no time of 1s or more", history($time));
}

for my $other (qw(siz=1 SIZE=1 size length=5 off)) {
    refuses($other, qr/^$d: "$other" is none of size=N, retention=TIME, /,
            history($other));
}

refuses('one that is wrong after others',
        qr/^$d: "retentions=1" is none of /, history('size=5 retentions=1'));
refuses('two', qr/"$d" directive is duplicate/, history('size=1', 'size=2'));
refuses('it alone', qr/invalid number of arguments in "$d"/, conf($d));
refuses('it in a server', qr/"$d" directive is not allowed here/,
        in_server("$d size=1"));
refuses('it in a location', qr/"$d" directive is not allowed here/,
        in_location("$d size=1"));



=== TEST 3: llm_router_redis: what it takes
--- perl
my $at = '127.0.0.1:6379';

takes('an address', redis($at));
takes('no port', redis('127.0.0.1'));
takes('a name', redis('localhost:6380'));
takes('IPv6', redis('[::1]:6379'));
takes('a socket', redis('unix:/run/redis.sock'));
takes('a database', redis("$at db=0"));
takes('the last one', redis("$at db=65535"));
takes('a prefix', redis("$at prefix=" . 'p' x 63));
takes('a user', redis("$at user=" . 'u' x 63));
takes('a password', redis("$at password=env:ROUTER_TEST_PASSWORD"));
takes('a long one', redis("$at password=env:ROUTER_TEST_LONG"));
takes('TLS', redis("$at tls"));
takes('TLS to IPv6', redis("[::1] tls"));
takes('all', redis("$at tls prefix=x: password=env:ROUTER_TEST_PASSWORD "
                   . 'user=me db=3'));
takes('it with a history', conf("llm_router_redis $at",
                                'llm_router_history size=5'));
takes('it after a history', conf('llm_router_history size=5',
                                 "llm_router_redis $at"));

open my $out, '>', "$ENV{TEST_NGINX_SERVROOT}/conf/redis-secret" or die $!;
print $out "of a file\nand more\n";
close $out;
takes('a file', redis("$at password=file:redis-secret"));

warns('a clear one is warned of',
      ['llm_router_redis holds a secret in clear, use env:NAME or file:path'],
      redis("$at password=clear"));



=== TEST 4: llm_router_redis: what it refuses
--- perl
my $d = 'llm_router_redis';
my $at = '127.0.0.1:6379';

for ([ '127.0.0.1:0', 'invalid port' ], [ '127.0.0.1:x', 'invalid port' ],
     [ '127.0.0.1:65536', 'invalid port' ], [ ':6379', 'no host' ],
     [ 'none.invalid', 'host not found' ], [ 'unix:', 'no path in the unix' ])
{
    my ($where, $why) = @$_;
    refuses($where, qr/^\Q$d: "$where" $why/, redis($where));
}

for my $db (qw(db= db=-1 db=x db=65536 db=1x db=99999999999999999999)) {
    refuses($db, "$d: \"$db\" must be a number from 0 to 65535",
            redis("$at $db"));
}

for my $name (qw(user prefix)) {
    refuses("an empty $name", "$d: \"$name=\" is empty or too long",
            redis("$at $name="));
    refuses("a longer $name",
            "$d: \"$name=" . 'x' x 64 . '" is empty or too long',
            redis("$at $name=" . 'x' x 64));
    refuses("a $name with a tab",
            "$d: \"$name=a\tb\" holds a control character",
            redis("$at \"$name=a\tb\""));
}

refuses('an empty password', "$d: the secret must have 1 to 255 bytes",
        redis("$at password="));
refuses('a longer password', "$d: the secret must have 1 to 255 bytes",
        redis("$at password=env:ROUTER_TEST_LONGER"));
refuses('an empty variable',
        "$d: the environment variable \"ROUTER_TEST_EMPTY\" is not set",
        redis("$at password=env:ROUTER_TEST_EMPTY"));
refuses('no file', qr/^$d: .*no-such-file.*/s,
        redis("$at password=file:no-such-file"));
refuses('TLS over a socket', "$d: \"tls\" is not for unix:",
        redis('unix:/run/redis.sock tls'));

refuses("$_, which it does not repeat",
        "$d takes db=, user=, password=, prefix= and tls, and nothing else",
        redis("$at $_"))
    for qw(tls=on tls1 TLS dB=1 size=1 6379 passwor=d1rectly);

refuses('two', qr/"$d" directive is duplicate/, redis($at, $at));
refuses('it alone', qr/invalid number of arguments in "$d"/, conf($d));
refuses('it in a server', qr/"$d" directive is not allowed here/,
        in_server("$d $at"));
refuses('it in a location', qr/"$d" directive is not allowed here/,
        in_location("$d $at"));



=== TEST 5: the environment
--- perl
my $with = sub {
    my ($value, @conf) = @_;
    local $ENV{LLM_ROUTER_REDIS} = $value;
    return [try_conf(conf(@conf))];
};

my $d = 'llm_router_redis';

is_deeply($with->('127.0.0.1:6379'), [0], 'an address');
is_deeply($with->(' localhost '), [0], 'with blanks');
is_deeply($with->('unix:/run/redis.sock'), [0], 'a socket');
is_deeply($with->(''), [0], 'empty: none');
is_deeply($with->('127.0.0.1:0'),
          [1, "[emerg] $d: \"127.0.0.1:0\" invalid port"], 'a wrong one');
is_deeply($with->('127.0.0.1:0', "$d 127.0.0.1:6379"), [0],
          'it does not matter beside the directive');
is_deeply($with->('127.0.0.1:6379,127.0.0.1:6380'),
          [1, '[emerg] LLM_ROUTER_REDIS holds more than one address'],
          'two are refused');
