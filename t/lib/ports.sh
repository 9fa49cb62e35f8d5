# Ports at which servers of the shell tests can listen; sourced from the
# project's top directory.

# free_ports N: sets $free, N ports of a block that no other test has while
# this one runs (t/lib/LLMTest/Ports.pm)

free_ports() {
    [ -n "${PORTS_PID-}" ] || coproc PORTS {
        exec perl -It/lib -MLLMTest::Ports=free_ports -lne '
            BEGIN { $| = 1 }
            my $first = free_ports($_);
            print join " ", $first .. $first + $_ - 1'
    }

    echo "$1" >&"${PORTS[1]}"
    read -r -a free <&"${PORTS[0]}"
}
