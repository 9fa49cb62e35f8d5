package LLMTest::Admin;

# What tests of the admin API share.  It stands on LLMTest::Api and
# LLMTest::Flow; requests bear the key $Admin, which a block's configuration
# has to hold with scopes=admin ($AdminKey is that line).
#
#   api(METHOD, '/nodes', { members } or text, \%headers, %options)
#   api_error($r, STATUS, CODE, PARAM, NAME)
#       the whole of an error: its shape, its type, its headers
#   add_node({ members }), add_key({ members })     its JSON
#   node(ID or NAME), key(ID or NAME)               its JSON, or undef
#   rows('/nodes?…')                                the rows of a list
#   shown()             nodes, keys and models as text, less what changes by
#                       itself: two of them are equal when nothing was changed
#   each_worker(sub)    the sub's answers, asked until all workers gave one,
#                       by what it returns: needs $Listen and $Pid

use strict;
use warnings;

use JSON::PP ();
use Test::More ();
use LLMTest::Api;
use LLMTest::Flow;

use Exporter qw(import);

our @EXPORT = qw(api api_error add_node add_key node key rows shown
                 each_worker state_is true false $Admin $AdminKey $Pid);

our $Admin = 'sk-admin-0123456789abcdef';
our $AdminKey = "    llm_router_key $Admin name=robot scopes=admin;\n";
our $Pid = "    add_header X-Pid \$pid always;\n";

my $json = JSON::PP->new->utf8->canonical;

my %types = (401 => 'authentication_error', 403 => 'permission_error',
             429 => 'rate_limit_error');

# what changes by itself

my @figures = qw(checked_at requests failures prompt_tokens in_flight waiting
                 completion_tokens tokens_per_second last_used_at retry_budget
                 state reason type);


sub true { return JSON::PP::true() }
sub false { return JSON::PP::false() }


sub api {
    my ($method, $path, $body, $headers, %opt) = @_;
    my %h = %{ $headers || {} };

    $h{Authorization} = "Bearer $Admin"
        if !delete $h{no_key} && !grep { /^(?:authorization|cookie)$/i } keys %h;
    $h{'Content-Type'} = 'application/json' if defined $body;
    return main::http($method, "/api$path", \%h, $body, %opt);
}


sub api_error {
    my ($r, $status, $code, $param, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $data = eval { $r->json } || {};
    my $e = ref $data->{error} eq 'HASH' ? $data->{error} : {};

    return Test::More::is_deeply(
        [$r->status, $r->header('content-type'), $r->header('cache-control'),
         $r->header('x-content-type-options'), [sort keys %$data],
         [sort keys %$e], @$e{qw(type code param)},
         length($e->{message} // '') > 0 ? 1 : 0],
        [$status, 'application/json', 'no-store', 'nosniff', ['error'],
         [qw(code message param type)],
         $types{$status} // ($status < 500 ? 'invalid_request_error'
                                           : 'server_error'),
         $code, $param, 1],
        $name) || Test::More::diag($r->head . $r->body);
}


sub add {
    my ($path, $members) = @_;
    my $r = api('POST', $path, $members);
    die "POST $path: " . $r->status . ' ' . $r->body if $r->status != 201;
    return $r->json;
}

sub add_node { return add('/nodes', @_) }
sub add_key { return add('/keys', @_) }


sub rows {
    my ($path) = @_;
    my $r = api('GET', $path);
    die "GET $path: " . $r->status . ' ' . $r->head . $r->body
        if $r->status != 200 || !$r->json;
    return @{ $r->json->{data} };
}


sub one {
    my ($path, $what) = @_;
    my ($row) = $what =~ /^(?:node|key)-[0-9a-f]{16}$/ ? () :
                grep { $_->{name} eq $what } rows("$path?limit=10000");
    my $r = api('GET', "$path/" . ($row ? $row->{id} : $what));
    return $r->status == 200 ? $r->json : undef;
}

sub node { return one('/nodes', @_) }
sub key { return one('/keys', @_) }


sub state_is {
    my ($id, $state) = @_;
    return main::wait_until(sub { (node($id) // {})->{state} eq $state });
}


sub shown {
    my %all;

    for my $path (qw(/nodes /keys /models)) {
        $all{$path} = [rows("$path?limit=10000")];
        for my $row (@{ $all{$path} }) {
            delete @$row{@figures, 'capacity'};
            delete @$_{@figures} for @{ $row->{nodes} // [] };
        }
    }

    return $json->encode(\%all);
}


sub each_worker {
    my ($ask) = @_;
    my $want = join ' ', sort { $a <=> $b } main::worker_pids();
    my (%seen, %answer);

    # one process without a master, as under valgrind
    return $ask->(undef)->status if $want eq '';

    main::wait_until(sub {
        my $r = $ask->(port());
        $seen{ $r->header('x-pid') } = 1;
        $answer{ $r->status } = 1;
        return join(' ', sort { $a <=> $b } keys %seen) eq $want;
    }) or return 'not all workers were asked';

    return join ' ', sort keys %answer;
}


1;
