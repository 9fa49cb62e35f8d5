# llm_router_admin: what it takes, and what a wrong value is told.

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
    config => "    location /api/ { llm_router_api on; }\n",
);

# text in the http block and in a server, and what each configuration has

sub with_api {
    my ($http, $server) = @_;
    return ("llm_router_key env:ROUTER_TEST_KEY;\n$http",
            ($server // '') . ' location /api/ { llm_router_api on; }');
}

sub users {
    return with_api(CORE::join '', map { "llm_router_admin $_;\n" } @_);
}

$ENV{ROUTER_TEST_PASSWORD} = 'of environment';
$ENV{ROUTER_TEST_HASH} = crypt('x', '$6$rounds=1000$saltsalt');
$ENV{ROUTER_TEST_EMPTY} = '';
$ENV{ROUTER_TEST_TAB} = "a\tb";
$ENV{ROUTER_TEST_LONG} = 'x' x 255;
$ENV{ROUTER_TEST_LONGER} = 'x' x 256;

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: what it takes
--- perl
my $env = 'password=env:ROUTER_TEST_PASSWORD';

takes('one', users("user=a $env"));
takes('any order', users("role=viewer $env user=a"));
takes('both roles', users("user=a $env role=admin", "user=b $env role=viewer"));
takes('sixteen', users(map { "user=u$_ $env" } 1 .. 16));
takes('a name with blanks and more',
      users("\"user=Ren\xc3\xa9e :;= \xf0\x9f\xa6\x99\" $env"));
takes('a long name', users('user=' . 'x' x 63 . " $env"));
takes('a long password', users('user=a password=env:ROUTER_TEST_LONG'));
takes('a hash', users("user=a password=$ENV{ROUTER_TEST_HASH}"));
takes('a hash of the environment',
      users('user=a password=env:ROUTER_TEST_HASH'));

open my $out, '>', "$ENV{TEST_NGINX_SERVROOT}/conf/secret" or die $!;
print $out "of a file\nand more\n";
close $out;
takes('a file', users('user=a password=file:secret'));

my @said = try_conf(users('user=a password=clear'));
is_deeply(\@said, [0, '[warn] llm_router_admin holds a secret in clear, use '
                      . 'env:NAME or file:path'], 'a clear one is warned of');



=== TEST 2: what it refuses
--- perl
my $env = 'password=env:ROUTER_TEST_PASSWORD';
my $d = 'llm_router_admin';

refuses('no user', "$d wants user= and password=", users($env));
refuses('no password', "$d wants user= and password=", users('user=a'));
refuses('an empty user', "$d: \"user=\" is empty or too long",
        users("user= $env"));
refuses('a longer user', "$d: \"user=" . 'x' x 64 . '" is empty or too long',
        users('user=' . 'x' x 64 . " $env"));
refuses('a user that is not UTF-8', "$d: \"user=\xff\" is not UTF-8",
        users("user=\xff $env"));
refuses('half a character', "$d: \"user=a\xc3\" is not UTF-8",
        users("user=a\xc3 $env"));
refuses('a control character', "$d: \"user=a\tb\" holds a control character",
        users("\"user=a\tb\" $env"));
refuses('an empty password', "$d: the secret must have 1 to 255 bytes",
        users('user=a password='));
refuses('an empty variable',
        "$d: the environment variable \"ROUTER_TEST_EMPTY\" is not set",
        users('user=a password=env:ROUTER_TEST_EMPTY'));
refuses('no variable',
        "$d: the environment variable \"ROUTER_TEST_NONE\" is not set",
        users('user=a password=env:ROUTER_TEST_NONE'));
refuses('a longer password', "$d: the secret must have 1 to 255 bytes",
        users('user=a password=env:ROUTER_TEST_LONGER'));
refuses('a password with a tab', "$d: the password holds a control character",
        users('user=a password=env:ROUTER_TEST_TAB'));
refuses('another role', "$d: \"role=root\" must be admin or viewer",
        users("user=a $env role=root"));
refuses('half a role', "$d: \"role=adm\" must be admin or viewer",
        users("user=a $env role=adm"));
refuses('more of a role', "$d: \"role=admin2\" must be admin or viewer",
        users("user=a $env role=admin2"));
refuses('what is unknown, which it does not repeat',
        "$d takes user=, password= and role=, and nothing else",
        users('user=a secretword'));
refuses('the same user again', "$d: there are two users \"a\"",
        users("user=a $env", "user=b $env", "user=a $env"));
refuses('seventeen', "$d: there may be 16 users",
        users(map { "user=u$_ $env" } 1 .. 17));

my $hash = "$d: the password of \"a\" begins with \"\$\" and is no whole hash "
           . 'that crypt(3) takes for strong';
refuses("the hash $_->[0]", $hash, users("user=a password=$_->[1]"))
    for ['of nothing', '$'], ['of another method', '$x$abc$def'],
        ['that was cut', substr $ENV{ROUTER_TEST_HASH}, 0, -1],
        ['without its end', '$y$j9T$'],
        ['of a weak method', '$1$abcdefgh$KXOqOIPMDM1zKvXYpNyQC.'];

my ($status, @said) = try_conf(with_api('', "$d user=a $env;"));
like("@said", qr/"$d" directive is not allowed here/, 'refused in a server');
($status, @said) = try_conf(with_api("$d;"));
like("@said", qr/invalid number of arguments in "$d"/, 'refused alone');



=== TEST 3: the environment
--- perl
my $name = 'LLM_ROUTER_ADMIN_USERNAME';
my $password = 'LLM_ROUTER_ADMIN_PASSWORD';

my $with = sub {
    my ($conf, %env) = @_;
    local @ENV{keys %env} = values %env;
    return [try_conf(with_api($conf))];
};

is_deeply($with->('', $name => 'a', $password => 'b c'), [0], 'both');
is_deeply($with->('', $password => 'b'), [0], 'the password alone');
is_deeply($with->('', $name => '', $password => ''), [0], 'both empty');
is_deeply($with->('', $name => 'a'), [1, '[emerg] the environment variable '
    . "$name is set and $password is not"], 'the name alone');
is_deeply($with->('', $name => 'x' x 64, $password => 'b'),
          [1, '[emerg] llm_router_admin: "user=' . 'x' x 64
              . '" is empty or too long'], 'too long a name');
is_deeply($with->('llm_router_admin user=z password=env:ROUTER_TEST_HASH;',
                  $name => 'a'), [0], 'neither matters beside the directive');
