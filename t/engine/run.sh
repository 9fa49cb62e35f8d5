#!/bin/bash

# A real inference engine as a node: llama.cpp's Python server with a tiny
# random model, asked through the router by the OpenAI SDK.  By hand, not part
# of "make test": building the engine takes a quarter of an hour, once.
#
#   t/engine/run.sh [--direct] [TEST …]
#
# The tests run twice: first against the engines themselves, which shows that
# what is expected of them here holds, then through the router.  --direct stops
# after the first.  Everything that is made is under build/; what was started
# is stopped, however this ends.
#
# NGINX=program, MODULE=file, ENGINE_VENV=directory, ENGINE_WHEELS=directory

set -u
cd "$(dirname "$0")/../.." || exit 1

top=$PWD
. t/lib/ports.sh
here=t/engine
venv=${ENGINE_VENV:-build/engine-venv}
wheels=${ENGINE_WHEELS:-build/engine-wheels}
work=$top/build/engine
module=${MODULE:-${LLMTEST_MODULE:-$top/build/ngx_http_llm_router_module.so}}
nginx=${LLMTEST_NGINX:-${NGINX:-$(PATH=$PATH:/usr/sbin command -v nginx)}}
unset NGINX     # nginx would take it for sockets that it inherits
key=sk-engine-test-0123456789abcdef
[[ $module = /* ]] || module=$top/$module
pids=()
direct=
passed=0
failed=0

if [ "${1:-}" = --direct ]; then
    direct=1
    shift
fi

die() {
    echo "$*"
    echo "$passed passed, $((failed + 1)) failed"
    exit 1
}

stop() {
    local pid

    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null
    done
    for pid in "${pids[@]}"; do
        for _ in $(seq 50); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    pids=()
}

trap stop EXIT
trap 'exit 130' INT TERM

# -- what is needed ----------------------------------------------------------

# The engine's shared libraries only: no image support, no programs, and no
# code for this very processor, so that the wheel serves elsewhere too.
build_flags="-DGGML_NATIVE=OFF -DLLAVA_BUILD=OFF"
build_flags+=" -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_TOOLS=OFF"
build_flags+=" -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF"

install() {
    local engine

    cmp -s "$here/requirements.txt" "$venv/.done" && return

    engine=$(sed -n 's/^\(llama-cpp-python\)\[.*\]\(==.*\)/\1\2/p' \
        "$here/requirements.txt")
    echo "# installing into $venv"
    mkdir -p "$wheels"
    [ -x "$venv/bin/pip" ] || python3 -m venv "$venv" || return 1

    if ! ls "$wheels"/llama_cpp_python-"${engine#*==}"-*.whl >/dev/null 2>&1
    then
        echo "# building $engine: a quarter of an hour" \
             "(build/engine-build.log)"
        CMAKE_ARGS=$build_flags nice -n 19 "$venv/bin/pip" wheel -v \
            --no-deps -w "$wheels" "$engine" >build/engine-build.log 2>&1 \
            || { tail -20 build/engine-build.log; return 1; }
    fi

    "$venv/bin/pip" -q install --disable-pip-version-check \
        --find-links "$wheels" -r "$here/requirements.txt" || return 1
    cp "$here/requirements.txt" "$venv/.done"
}

versions() {
    "$venv/bin/python" - <<'EOF'
import importlib.metadata as m
import pathlib

libs = pathlib.Path(m.distribution("llama-cpp-python").locate_file(
    "llama_cpp/lib"))
print("#", *sorted(f.name for f in libs.glob("lib*.so.*.*")))
for p in ("llama-cpp-python", "openai", "fastapi", "sse-starlette",
          "starlette", "uvicorn"):
    print(f"# {p} {m.version(p)}")
EOF
    [ -n "$direct" ] || "$nginx" -v 2>&1 | sed 's/^/# /'
}

# -- engines and router ------------------------------------------------------

# engine NAME PORT MODEL [option …]
engine() {
    local name=$1 port=$2 file=$3

    shift 3
    nice -n 5 env -u HOST -u PORT -u CONFIG_FILE PYTHONUNBUFFERED=1 \
        "$venv/bin/python" -m llama_cpp.server --host 127.0.0.1 \
        --port "$port" --model "$file" --model_alias "$name" \
        --n_threads 1 --n_threads_batch 1 "$@" \
        >"$work/$name.log" 2>&1 </dev/null &
    pids+=($!)
}

# ready URL PATTERN SECONDS: the answer holds the pattern
ready() {
    local end=$((SECONDS + $3))

    until curl -s -m 2 -H "Authorization: Bearer $key" "$1" \
        | grep -q "$2"
    do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}

# Health checks much closer together than the default ones, so that they meet
# an engine at work.  The engine that drops a request for the next one gets one
# at a time and no checks, as README has it.
router_conf() {
    local user=

    [ "$(id -u)" != 0 ] || user="user root;"

    cat <<EOF
load_module $module;
$user
worker_processes 2;
pid $work/nginx.pid;
error_log $work/error.log info;
events {
    worker_connections 256;
}
http {
    log_format engine escape=json '{"uri":"\$request_uri",'
        '"request_id":"\$http_x_request_id",'
        '"status":\$status,'
        '"model":"\$llm_router_model",'
        '"node":"\$llm_router_node",'
        '"router_status":"\$llm_router_status",'
        '"prompt_tokens":"\$llm_router_prompt_tokens",'
        '"completion_tokens":"\$llm_router_completion_tokens",'
        '"ttft":"\$llm_router_ttft",'
        '"attempts":"\$llm_router_attempts",'
        '"stream":"\$llm_router_stream"}';
    access_log $work/access.log engine;

    client_body_temp_path $work/temp/body;
    proxy_temp_path $work/temp/proxy;
    fastcgi_temp_path $work/temp/fastcgi;
    uwsgi_temp_path $work/temp/uwsgi;
    scgi_temp_path $work/temp/scgi;

    llm_router_node http://127.0.0.1:$chat_port name=chat models=tiny-chat
                    max_concurrent=1 check=off;
    llm_router_node http://127.0.0.1:$strict_port/v1 name=strict;
    llm_router_node http://127.0.0.1:$embed_port name=embed;
    llm_router_key $key name=engine;
    llm_router_health interval=1s timeout=1s fails=2 passes=1;

    server {
        listen 127.0.0.1:$router_port;
        location /v1/ {
            llm_router on;
        }
    }
}
EOF
}

start_router() {
    router_conf >"$work/nginx.conf"
    "$nginx" -t -p "$work" -c "$work/nginx.conf" >"$work/nginx-t.log" 2>&1 \
        || { cat "$work/nginx-t.log"; return 1; }
    "$nginx" -p "$work" -c "$work/nginx.conf" -g 'daemon off;' \
        >"$work/nginx.log" 2>&1 </dev/null &
    pids+=($!)
    for name in tiny-chat tiny-strict tiny-embed; do
        ready "http://127.0.0.1:$router_port/v1/models" "\"$name\"" 15 \
            || { echo "the router does not list $name"; return 1; }
    done
}

# tests TITLE [TEST …]: runs them and adds up
tests() {
    local log=$work/$1.out last

    echo "# -- $1"
    shift
    "$venv/bin/python" "$here/test_engine.py" "$@" 2>&1 | tee "$log"
    last=$(tail -1 "$log")
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
    else
        echo "the tests did not end"
        failed=$((failed + 1))
    fi
}

# What no test should find in the error log; only ever adds failures.
check_error_log() {
    local bad

    bad=$(grep -E '\[(alert|emerg|crit)\]|exited on signal|Sanitizer' \
        "$work/error.log")
    [ -n "$bad" ] || return
    echo "not ok - error.log"
    echo "$bad" | head -20 | sed 's/^/# /'
    failed=$((failed + 1))
}

# ----------------------------------------------------------------------------

[ -n "$direct" ] || [ -f "$module" ] || die "no $module: make"
mkdir -p build
install || die "the engine can't be installed"

rm -rf "$work"
mkdir -p "$work/temp"
versions

"$venv/bin/python" "$here/make_gguf.py" "$work/tiny.gguf" \
    && "$venv/bin/python" "$here/make_gguf.py" --pooling "$work/embed.gguf" \
    || die "no model"

free_ports 4
read -r chat_port strict_port embed_port router_port <<<"${free[*]}"
engine tiny-chat "$chat_port" "$work/tiny.gguf" --n_ctx 16384
engine tiny-strict "$strict_port" "$work/tiny.gguf" --n_ctx 16384 \
    --interrupt_requests false
engine tiny-embed "$embed_port" "$work/embed.gguf" --n_ctx 512 \
    --embedding true

export ENGINE_CHAT=http://127.0.0.1:$chat_port
export ENGINE_STRICT=http://127.0.0.1:$strict_port
export ENGINE_EMBED=http://127.0.0.1:$embed_port
export ENGINE_LOGS=$work

for url in "$ENGINE_CHAT" "$ENGINE_STRICT" "$ENGINE_EMBED"; do
    ready "$url/v1/models" '"tiny-' 60 \
        || { tail -20 "$work"/tiny-*.log; die "no engine at $url"; }
done

tests direct "$@"

if [ -z "$direct" ]; then
    export ROUTER=http://127.0.0.1:$router_port
    export ROUTER_KEY=$key
    export ROUTER_LOG=$work/access.log
    start_router || die "no router"
    tests router "$@"
    stop
    check_error_log
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
