#!/bin/bash

# Tests the dashboard in a browser, on a real router with mock nodes.
#
#   t/browser/run.sh [deps] [PATTERN]
#
# deps     installs what the tests need (build/browser-npm) and ends
# PATTERN  only tests whose name matches it
#
# The browser is Debian's chromium-headless-shell, else its chromium, which
# takes twice the time, or CHROMIUM=.  What a test leaves behind is in
# build/browser.  The last line is "N passed, N failed".

set -euo pipefail
cd "$(dirname "$0")/../.."

. t/browser/lib/start.sh

want_deps= pattern= passed=0 failed=0 skipped=0

for arg; do
    case $arg in
        deps) want_deps=1 ;;
        *) pattern=$arg ;;
    esac
done


# Two groups beside each other, each with a browser and a router of its own;
# in this process group, which t/run ends as a whole.

run_tests() {
    local only=() pids=() group

    [ -z "$pattern" ] || only=(--test-name-pattern="$pattern")

    for group in 1 2; do
        BROWSER_ROUTER=${ROUTERS[group - 1]} timeout --foreground -k 5 600 \
            node --test --test-reporter=tap "${only[@]}" \
            t/browser/group$group.mjs >$PREFIX/group$group.tap 2>&1 \
            </dev/null &
        started+=($!)
        pids+=($!)
    done

    wait "${pids[@]}" || true
    report $PREFIX/group1.tap
    report $PREFIX/group2.tap
}


# what failed, with its reason

report() {
    local ok bad

    sed -n '/^ *not ok /,/^ *\.\.\.$/p' "$1" | grep -v '^ *duration_ms' || true
    ok=$(sed -n 's/^# pass //p' "$1")
    bad=$(($(sed -n 's/^# fail //p' "$1") + $(sed -n 's/^# cancelled //p' "$1")))

    if ! grep -q '^# tests ' "$1"; then
        tail -20 "$1"
        bad=1
    fi

    passed=$((passed + ${ok:-0})) failed=$((failed + bad))
    skipped=$((skipped + $(sed -n 's/^# skipped //p' "$1")))
}


log_is_clean() {
    local bad='\[(alert|emerg|crit)\]|Sanitizer|runtime error'

    if ! grep -aE "$bad|exited on signal" $PREFIX/*/error.log; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}


install_deps
[ -z "$want_deps" ] || exit 0

start_all
run_tests
stop_servers
log_is_clean

[ $skipped = 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
