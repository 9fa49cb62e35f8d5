# llm_router_admin: what it takes, and what a wrong value is told.

use lib 't/lib';
use LLMTest;
use LLMTest::Api;

defaults(
    mock => "a --models m\n",
    http_config => <<'_EOC_',
    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_A name=a models=m;
    llm_router_key sk-test-0123456789abcdef;
_EOC_
    config => "    location /api/ { llm_router_api on; }\n",
);

# The status of "nginx -t" and what it said, for text in the http block.

sub try_conf {
    my ($http, $server) = @_;
    my $root = $ENV{TEST_NGINX_SERVROOT};
    my $load = CORE::join '', map { "load_module $_;\n" }
               split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';

    open my $out, '>', "$root/conf/try.conf" or die "try.conf: $!\n";
    print $out <<_EOC_;
${load}pid $root/logs/try.pid;
events { }
http {
    access_log off;
    client_body_temp_path $root/try_temp;
    proxy_temp_path $root/try_temp;
    fastcgi_temp_path $root/try_temp;
    uwsgi_temp_path $root/try_temp;
    scgi_temp_path $root/try_temp;
    llm_router_key env:ROUTER_TEST_KEY;
    $http
    server {
        listen 127.0.0.1:$ENV{TEST_NGINX_SERVER_PORT};
        ${\($server // '')}
        location /api/ { llm_router_api on; }
    }
}
_EOC_
    close $out;

    my $text = `$ENV{TEST_NGINX_BINARY} -t -q -e $root/logs/try.log -p $root/ -c $root/conf/try.conf 2>&1`;
    my $status = $? >> 8;
    my @said = map { s/ in \S+try\.conf:\d+$//r }
               grep { !/configuration file .* test failed/ }
               $text =~ /^nginx: (\[\w+\] .*)$/mg;
    return ($status, @said);
}

$ENV{ROUTER_TEST_KEY} = 'sk-test-of-environment';
$ENV{ROUTER_TEST_PASSWORD} = 'of environment';
$ENV{ROUTER_TEST_HASH} = crypt('x', '$6$rounds=1000$saltsalt');
$ENV{ROUTER_TEST_EMPTY} = '';
$ENV{ROUTER_TEST_TAB} = "a\tb";
$ENV{ROUTER_TEST_LONG} = 'x' x 255;
$ENV{ROUTER_TEST_LONGER} = 'x' x 256;

sub takes {
    my ($what, @lines) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, @said) = try_conf(CORE::join '', map {
        "llm_router_admin $_;\n" } @lines);
    is_deeply([$status, @said], [0], "takes $what");
}

sub refuses {
    my ($what, $message, @lines) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, @said) = try_conf(CORE::join '', map {
        "llm_router_admin $_;\n" } @lines);
    my ($emerg) = grep { s/^\[emerg\] // } @said;

    $status = 1 if $status;
    is_deeply([$status, $emerg], [1, $message], "refuses $what");
}

repeat_each(1);
plan 'no_plan';
run_tests();

__DATA__

=== TEST 1: what it takes
--- perl
my $env = 'password=env:ROUTER_TEST_PASSWORD';

takes('one', "user=a $env");
takes('any order', "role=viewer $env user=a");
takes('both roles', "user=a $env role=admin", "user=b $env role=viewer");
takes('sixteen', map { "user=u$_ $env" } 1 .. 16);
takes('a name with blanks and more', "\"user=Ren\xc3\xa9e :;= \xf0\x9f\xa6\x99\" $env");
takes('a long name', 'user=' . 'x' x 63 . " $env");
takes('a long password', 'user=a password=env:ROUTER_TEST_LONG');
takes('a hash', "user=a password=$ENV{ROUTER_TEST_HASH}");
takes('a hash of the environment', 'user=a password=env:ROUTER_TEST_HASH');

open my $out, '>', "$ENV{TEST_NGINX_SERVROOT}/conf/secret" or die $!;
print $out "of a file\nand more\n";
close $out;
takes('a file', 'user=a password=file:secret');

my @said = try_conf('llm_router_admin user=a password=clear;');
is_deeply(\@said, [0, '[warn] llm_router_admin holds a secret in clear, use '
                      . 'env:NAME or file:path'], 'a clear one is warned of');



=== TEST 2: what it refuses
--- perl
my $env = 'password=env:ROUTER_TEST_PASSWORD';
my $d = 'llm_router_admin';

refuses('no user', "$d wants user= and password=", $env);
refuses('no password', "$d wants user= and password=", 'user=a');
refuses('an empty user', "$d: \"user=\" is empty or too long", "user= $env");
refuses('a longer user', "$d: \"user=" . 'x' x 64 . '" is empty or too long',
        'user=' . 'x' x 64 . " $env");
refuses('a user that is not UTF-8', "$d: \"user=\xff\" is not UTF-8",
        "user=\xff $env");
refuses('half a character', "$d: \"user=a\xc3\" is not UTF-8",
        "user=a\xc3 $env");
refuses('a control character', "$d: \"user=a\tb\" holds a control character",
        "\"user=a\tb\" $env");
refuses('an empty password', "$d: the secret must have 1 to 255 bytes",
        'user=a password=');
refuses('an empty variable',
        "$d: the environment variable \"ROUTER_TEST_EMPTY\" is not set",
        'user=a password=env:ROUTER_TEST_EMPTY');
refuses('no variable',
        "$d: the environment variable \"ROUTER_TEST_NONE\" is not set",
        'user=a password=env:ROUTER_TEST_NONE');
refuses('a longer password', "$d: the secret must have 1 to 255 bytes",
        'user=a password=env:ROUTER_TEST_LONGER');
refuses('a password with a tab', "$d: the password holds a control character",
        'user=a password=env:ROUTER_TEST_TAB');
refuses('another role', "$d: \"role=root\" must be admin or viewer",
        "user=a $env role=root");
refuses('half a role', "$d: \"role=adm\" must be admin or viewer",
        "user=a $env role=adm");
refuses('more of a role', "$d: \"role=admin2\" must be admin or viewer",
        "user=a $env role=admin2");
refuses('what is unknown, which it does not repeat',
        "$d takes user=, password= and role=, and nothing else",
        'user=a secretword');
refuses('the same user again', "$d: there are two users \"a\"",
        "user=a $env", "user=b $env", "user=a $env");
refuses('seventeen', "$d: there may be 16 users",
        map { "user=u$_ $env" } 1 .. 17);

my $hash = "$d: the password of \"a\" begins with \"\$\" and is no whole hash "
           . 'that crypt(3) takes for strong';
refuses("the hash $_->[0]", $hash, "user=a password=$_->[1]")
    for ['of nothing', '$'], ['of another method', '$x$abc$def'],
        ['that was cut', substr $ENV{ROUTER_TEST_HASH}, 0, -1],
        ['without its end', '$y$j9T$'],
        ['of a weak method', '$1$abcdefgh$KXOqOIPMDM1zKvXYpNyQC.'];

my ($status, @said) = try_conf('', "$d user=a $env;");
like("@said", qr/"$d" directive is not allowed here/, 'refused in a server');
($status, @said) = try_conf("$d;");
like("@said", qr/invalid number of arguments in "$d"/, 'refused alone');



=== TEST 3: the environment
--- perl
my $name = 'LLM_ROUTER_ADMIN_USERNAME';
my $password = 'LLM_ROUTER_ADMIN_PASSWORD';

my $with = sub {
    my ($conf, %env) = @_;
    local @ENV{keys %env} = values %env;
    return [try_conf($conf)];
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
