#!/bin/bash

# Tests the router with the official OpenAI SDKs, as their users would.
#
#   t/sdk/run.sh [deps] [direct] [python] [node]
#
# deps    installs the SDKs (build/venv, build/node_modules) and ends
# direct  asks a mock node instead of the router, and leaves out what only a
#         router can answer: do the tests themselves hold?
# python, node   only these; both when none is named
#
# What a test leaves behind is in build/sdk.  The last line is
# "N passed, N failed".

set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/sbin

MOCK=${LLMTEST_MOCK:-build/mock_node}
NGINX=${LLMTEST_NGINX:-${TEST_NGINX_BINARY:-nginx}}
export -n NGINX 2>/dev/null    # nginx would take it for sockets that it inherits
MODULE=${LLMTEST_MODULE-build/ngx_http_llm_router_module.so}

. t/sdk/lib/servers.sh
. t/sdk/lib/deps.sh

want_deps= want_direct= want_python= want_node=
passed=0 failed=0

for arg; do
    case $arg in
        deps|direct|python|node) declare "want_$arg=1" ;;
        *) die "unknown \"$arg\": deps, direct, python or node" ;;
    esac
done

if [ -z "$want_python$want_node" ]; then
    want_python=1 want_node=1
fi


# count NAME PASSED FAILED

count() {
    printf '%-10s %3d passed, %d failed\n' "$1" "$2" "$3"
    passed=$((passed + $2))
    failed=$((failed + $3))
}


# bounded COMMAND ...: runs it for five minutes at most; in the background,
# so that a signal stops all of it at once

bounded() {
    timeout -k 5 300 "$@" </dev/null &
    started+=($!)
    wait $! || true
}


# Results are written to a file by the reporter of each; without it the run
# itself died, which is a failure.

run_python() {
    local result=$PREFIX/python.result
    rm -f $result

    echo "== Python SDK $(build/venv/bin/python -c \
        'import openai; print(openai.__version__)')"
    PYTHONDONTWRITEBYTECODE=1 SDK_RESULT=$PWD/$result \
        bounded build/venv/bin/python -m pytest -q -p no:cacheprovider \
        --tb=short --color=no -c t/sdk/python/pytest.ini t/sdk/python
    count python $(cat $result 2>/dev/null || echo 0 1)
}


run_node() {
    local result=$PREFIX/node.tap

    echo "== Node SDK $(sed -n 's/.*"version": "\(.*\)".*/\1/p' \
        build/node_modules/openai/package.json)"
    SDK_MODULES=$PWD/build/node_modules \
        bounded node --test --test-reporter=tap t/sdk/node/*.test.mjs \
        >$result 2>&1
    node_report $result
}


# what failed, with its reason

node_report() {
    sed -n '/^ *not ok /,/^ *\.\.\.$/p' "$1" | grep -v '^ *duration_ms' || true
    local ok=$(sed -n 's/^# pass //p' "$1")
    local bad=$(sed -n 's/^# fail //p' "$1")
    local cancelled=$(sed -n 's/^# cancelled //p' "$1")

    if [ "${ok:-0}" = 0 ] && [ "${bad:-0}" = 0 ]; then
        tail -20 "$1"
        bad=1
    fi

    count node "${ok:-0}" $((${bad:-0} + ${cancelled:-0}))
}


# check NAME COMMAND ...: one more test, of what the servers left behind

check() {
    local name=$1
    shift

    if "$@"; then
        count "$name" 1 0
    else
        count "$name" 0 1
    fi
}


log_is_clean() {
    local bad='\[(alert|emerg|crit)\]|Sanitizer|runtime error'

    bad="$bad|exited on signal|exited with code [^0]"
    ! grep -aE "$bad" $PREFIX/error.log
}


log_keeps_secrets() {
    [ -s $PREFIX/error.log ] && [ -s $PREFIX/access.log ] \
        && ! grep -aF sk-sdk- $PREFIX/error.log $PREFIX/access.log
}


# no node saw a client's key, or is still at work

nodes_are_idle() {
    local i port stats bad=0

    for port in "${all[@]}"; do
        for ((i = 0; i < 100; i++)); do
            stats=$(curl -s -m 2 "http://127.0.0.1:$port/mock/stats") || true
            [[ $stats != *'"in_flight":0,'* ]] || break
            sleep 0.02
        done

        if [[ $stats != *'"in_flight":0,'* ]] \
            || [[ $stats != *'"leaked_headers":0,'* ]] \
            || [[ $stats != *'"hop_headers":0,'* ]]
        then
            [ $bad -ge 3 ] || echo "$stats"
            bad=$((bad + 1))
        fi
    done

    [ $bad = 0 ] || echo "$bad nodes of ${#all[@]}"
    [ $bad = 0 ]
}


install_deps

if [ -n "$want_deps" ]; then
    exit 0
fi

[ -x "$MOCK" ] || die "no $MOCK: make mock"
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
trap stop_servers EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

rm -rf $PREFIX
mkdir -p $PREFIX/temp
start_nodes

if [ -n "$want_direct" ]; then
    export SDK_DIRECT=1 SDK_ROUTER=$SDK_NODE_MAIN
else
    [ -z "$MODULE" ] || [ -f "$MODULE" ] || die "no $MODULE: make"
    start_nginx
fi

[ -z "$want_python" ] || run_python
[ -z "$want_node" ] || run_node

if [ -z "$want_direct" ]; then
    check idle nodes_are_idle
    stop "$nginx_pid"
    check log log_is_clean
    check secrets log_keeps_secrets
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
