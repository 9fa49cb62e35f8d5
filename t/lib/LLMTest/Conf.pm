package LLMTest::Conf;

# What "nginx -t" says of a configuration, which is @conf: text in the http
# block, in a server and in a location of it, and options.
#
#   try_conf(@conf)     its status and its messages, less the place in the file
#       Options: listen
#   takes(NAME, @conf)  it passes, and nothing is said
#   refuses(NAME, MESSAGE or qr//, @conf)   the error that it ends with
#   warns(NAME, [MESSAGE, …], @conf)        it passes with just these warnings
#
# env:ROUTER_TEST_KEY is a key that is not in clear: of that nginx would warn.

use strict;
use warnings;

use Test::More ();

use Exporter qw(import);

our @EXPORT = qw(try_conf takes refuses warns);

$ENV{ROUTER_TEST_KEY} = 'sk-test-of-environment';


sub try_conf {
    my ($http, $server, $location, %opt) = @_;
    my $root = $ENV{TEST_NGINX_SERVROOT};
    my $load = join '', map { "load_module $_;\n" }
               split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my $listen = $opt{listen} // "127.0.0.1:$ENV{TEST_NGINX_SERVER_PORT}";

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
    $http
    server {
        listen $listen;
        ${\($server // '')}
        location /v1/ { ${\($location // '')} }
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


sub takes {
    my ($what, @conf) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, @said) = try_conf(@conf);
    return Test::More::is_deeply([$status, @said], [0], "takes $what");
}


sub refuses {
    my ($what, $message, @conf) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, @said) = try_conf(@conf);
    my ($emerg) = grep { s/^\[emerg\] // } @said;

    $status = 1 if $status;
    return Test::More::is_deeply(
        [$status, $emerg],
        [1, ref $message && ($emerg // '') =~ $message ? $emerg : $message],
        "refuses $what");
}


sub warns {
    my ($what, $message, @conf) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, @said) = try_conf(@conf);
    return Test::More::is_deeply(
        [$status, @said], [0, map { "[warn] $_" } @$message], "warns: $what");
}


1;
