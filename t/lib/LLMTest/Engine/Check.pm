package LLMTest::Engine::Check;

# Compares a response and the logs with what a block's sections want.

use strict;
use warnings;

use Test::LongString;
use Test::More import => [qw(ok is like unlike)];
use Time::HiRes qw(sleep);
use LLMTest::Engine::Base;

use Exporter qw(import);

our @EXPORT = qw(add_response_body_check check_response check_logs
                 check_error_log check_patterns new_logs same);

my @BodyChecks;
my $ErrLogPos = 0;


sub add_response_body_check { push @BodyChecks, shift }
sub new_logs { $ErrLogPos = 0 }


sub pick {
    my ($block, $value, $idx, $many) = @_;

    return ref $value eq 'ARRAY' ? $value->[$idx] : $value if !$many;
    bail_out($block->name, " - many requests want arrays of expectations")
        if ref $value ne 'ARRAY';
    return $value->[$idx];
}


sub check_response {
    my ($block, $res, $idx, $repeat, $many) = @_;
    my $name = $block->name;

    if (defined $block->error_code_like) {
        my $re = pick($block, $block->error_code_like, $idx, $many);
        like($res->{code}, qr/$re/sm, "$name - status code");

    } else {
        my $code = defined $block->error_code
                   ? pick($block, $block->error_code, $idx, $many) : 200;
        is($res->{code}, $code, "$name - status code");
    }

    if (defined $block->raw_response_headers_like) {
        my $re = pick($block, $block->raw_response_headers_like, $idx, $many);
        like($res->{raw_headers}, qr/$re/s, "$name - raw headers like");
    }

    if (defined $block->raw_response_headers_unlike) {
        my $re = pick($block, $block->raw_response_headers_unlike, $idx,
                      $many);
        unlike($res->{raw_headers}, qr/$re/s, "$name - raw headers unlike");
    }

    check_headers($block, $res, $idx, $many);
    check_body($block, $res, $idx, $repeat, $many);
}


sub check_headers {
    my ($block, $res, $idx, $many) = @_;
    my $name = $block->name;
    my $like = !defined $block->response_headers;
    my $text = $block->response_headers // $block->response_headers_like
               // return;

    for (split /\n/, pick($block, $text, $idx, $many)) {
        s/^\s+|\s+$//g;
        next if $_ eq '';

        if (s/^!\s*//) {
            unlike($res->{raw_headers}, qr/^\s*\Q$_\E\s*:/ms,
                   "$name - no header $_");
            next;
        }

        my ($key, $val) = split /\s*:\s*/, $_, 2;
        my $got = join ', ', @{ $res->{headers}{lc $key} || [] };
        $val = expand($val // '', $name);
        $val =~ s/\$ServerPort(?:ForClient)?\b/$Set{port}/g;

        if ($like) {
            like($got, qr/^$val$/, "$name - header $key like");

        } else {
            is($got, $val, "$name - header $key");
        }
    }
}


sub check_body {
    my ($block, $res, $idx, $repeat, $many) = @_;
    my $name = $block->name;
    my $got = filter_body($block, $res->{body}, $idx);

    if (defined $block->response_body) {
        my $want = pick($block, $block->response_body, $idx, $many);

        if (ref $want) {
            like($got, $want, "$name - response body like");

        } else {
            $want = expand($want, $name);
            $want =~ s/\$ServerPort(?:ForClient)?\b/$Set{port}/g;
            same($got, $want, "$name - response body");
        }

    } elsif (defined $block->response_body_like) {
        my $re = pick($block, $block->response_body_like, $idx, $many);
        $re =~ s/\$ServerPort(?:ForClient)?\b/$Set{port}/g if !ref $re;
        like($got, qr/$re/s, "$name - response body like");

    } elsif (defined $block->response_body_unlike) {
        my $re = pick($block, $block->response_body_unlike, $idx, $many);
        unlike($got, qr/$re/s, "$name - response body unlike");
    }

    $_->($block, $got, $idx, $repeat, 0) for @BodyChecks;
}


sub filter_body {
    my ($block, $body, $idx) = @_;
    my $list = $block->response_body_filters // return $body;

    $list = [split ' ', $list] if !ref $list;
    $list = [$list] if ref $list ne 'ARRAY';
    $list = $list->[$idx] if ref $list->[0] eq 'ARRAY';

    for my $f (@$list) {
        my $code = ref $f ? $f : main->can($f)
                   // { uc => sub { uc $_[0] }, lc => sub { lc $_[0] } }->{$f}
                   // bail_out($block->name, " - no filter $f");
        $body = $code->($body);
    }

    return $body;
}


sub same {
    my ($got, $want, $what) = @_;

    return $Set{no_long_string} ? is($got, $want, $what)
                                : is_string($got, $want, $what);
}


# The access log line is written after the last byte was sent: patterns that
# must be there are waited for; for those that must not, one short pause.

sub check_logs {
    my ($block, $repeat) = @_;

    check_error_log($block, $repeat);
    check_access_log($block, $repeat) unless defined $block->ignore_response;
}


sub patterns {
    my ($value) = @_;

    return () if !defined $value;
    return grep { defined } @$value if ref $value eq 'ARRAY';
    return ($value) if ref $value;
    chomp $value;
    return grep { length } split /\n+/, $value;
}


sub matches {
    my ($line, $pat) = @_;
    return ref $pat ? $line =~ $pat : index($line, $pat) >= 0;
}


sub lines_from {
    my ($file, $pos) = @_;

    open my $in, '<', $file or return;
    seek $in, $pos, 0 if $pos;
    return <$in>;
}


sub check_patterns {
    my ($name, $what, $file, $pos, $want, $unwanted, $repeat) = @_;
    my @want = patterns($want);
    my @lines;

    wait_for(sub {
        @lines = lines_from($file, $pos);
        for my $pat (@want) {
            return 0 if !grep { matches($_, $pat) } @lines;
        }
        return 1;
    }, @want ? 1 : 0);

    if (patterns($unwanted)) {
        sleep 0.02;
        @lines = lines_from($file, $pos);
    }

    for my $pat (@want) {
        ok(scalar(grep { matches($_, $pat) } @lines),
           "$name - pattern \"$pat\" matches a line in $what (req $repeat)");
    }

    for my $pat (patterns($unwanted)) {
        my ($line) = grep { matches($_, $pat) } @lines;
        ok(!defined $line,
           "$name - pattern \"$pat\" does not match a line in $what"
           . " (req $repeat)" . (defined $line ? ": $line" : ''));
    }
}


sub check_error_log {
    my ($block, $repeat) = @_;
    my $name = $block->name;
    my $pos = $Set{accumulate} ? 0 : $ErrLogPos || 0;

    return if !grep { defined $block->$_ }
              qw(error_log no_error_log grep_error_log);

    check_grep($block, $repeat, $pos) if defined $block->grep_error_log;
    check_patterns($name, 'error.log', err_log(), $pos,
                   scalar $block->error_log, scalar $block->no_error_log,
                   $repeat);
    $ErrLogPos = -s err_log();
}


sub check_grep {
    my ($block, $repeat, $pos) = @_;
    my $pat = $block->grep_error_log;
    my $want = $block->grep_error_log_out
               // bail_out($block->name, " - no grep_error_log_out");
    my $got = '';

    $pat = $pat->[$repeat] if ref $pat eq 'ARRAY';
    $want = $want->[$repeat] if ref $want eq 'ARRAY';
    $want = expand($want, $block->name);
    my $re = ref $pat ? $pat : qr/\Q$pat\E/;

    wait_for(sub {
        $got = join '', map { /($re)/ ? ($1 =~ /\n/ ? '' : "$1\n") : () }
                        lines_from(err_log(), $pos);
        return ref $want ? $got =~ $want : $got eq $want;
    }, 1);

    return like($got, $want, $block->name . " - grep_error_log_out")
        if ref $want;
    same($got, $want, $block->name . " - grep_error_log_out");
}


sub check_access_log {
    my ($block, $repeat) = @_;

    return if !defined $block->access_log && !defined $block->no_access_log;
    check_patterns($block->name, 'access.log', acc_log(), 0,
                   scalar $block->access_log, scalar $block->no_access_log,
                   $repeat);
}


1;
