package LLMTest::Nodes;

# What tests of nodes that fail, rest and come back share.  It stands on
# LLMTest::Flow.
#
#   nodes(PARAMETERS, NAME, …)   for http_config: the log's format, the key,
#                       and nodes of the mock that serve m
#   $Server             the same: a server at port()
#   statuses(@answers)  { status => answers }
#   state(NAME)         of the node, as the status page has it

use strict;
use warnings;

use LLMTest::Api;
use LLMTest::Flow;

use Exporter qw(import);

our @EXPORT = qw(nodes statuses state $Server);

our $Server = "    server { $Listen location /v1/ { llm_router on; } }\n";


sub nodes {
    my ($param, @names) = @_;

    return $LogFormat . "    llm_router_key $Key;\n"
        . join '', map {
            '    llm_router_node http://127.0.0.1:$TEST_NGINX_NODE_' . uc($_)
            . " name=$_ models=m $param;\n"
        } @names;
}


sub statuses {
    my %n;
    $n{ $_->status }++ for @_;
    return \%n;
}


sub state { return node_row($_[0])->{state} }


1;
