# Starts and stops the mock nodes and the nginx of the SDK tests; sourced by
# run.sh, from the project's top directory.  Whatever was started is in
# $started, as process ids, and stop_servers ends all of it.

PREFIX=${SDK_PREFIX:-build/sdk}
started=()

. t/lib/ports.sh

MODELS=mock-model,org/mock:7b,text-embedding-mock,whisper-mock,image-mock


die() {
    echo "sdk: $*" >&2
    exit 1
}


# start_mock NAME NODES [OPTION ...]: sets $ports, one for each of the nodes

start_mock() {
    local name=$1 nodes=$2 out=$PREFIX/$1.out i pid
    local listen=()
    shift 2

    for ((i = 0; i < nodes; i++)); do listen+=(--port 0); done

    : >"$out"
    "$MOCK" --parent-death --name "$name" "${listen[@]}" "$@" \
        >"$out" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")

    for ((i = 0; i < 3000; i++)); do
        ports=($(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' "$out"))
        [ "${#ports[@]}" -lt "$nodes" ] || return 0
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.01
    done

    cat "$out" >&2
    die "the mock nodes \"$name\" do not start"
}


# nodes for one test each: models NAME-1 .. NAME-N of nodes so called

start_fresh() {
    local name=$1 i

    start_mock "$name" "$2"
    all+=("${ports[@]}")

    for ((i = 0; i < $2; i++)); do
        printf 'llm_router_node http://127.0.0.1:%d name=%s-%d ' \
            "${ports[i]}" "$name" $((i + 1))
        printf 'models=%s-%d check=off;\n' "$name" $((i + 1))
    done >>$PREFIX/nodes.conf
}


# models over-1 .. over-N, of two nodes each, over-Na and over-Nb

start_pairs() {
    local i=0 port

    start_mock over $(($1 * 2))
    all+=("${ports[@]}")

    for port in "${ports[@]}"; do
        printf 'llm_router_node http://127.0.0.1:%d name=over-%d%s ' \
            "$port" $((i / 2 + 1)) "$( ((i % 2)) && echo b || echo a)"
        printf 'models=over-%d check=off;\n' $((i / 2 + 1))
        i=$((i + 1))
    done >>$PREFIX/nodes.conf
}


start_nodes() {
    start_mock main 1 --models "$MODELS"
    MAIN=${ports[0]}
    start_mock pair 2 --models pair
    PAIR_1=${ports[0]} PAIR_2=${ports[1]}
    all=("$MAIN" "$PAIR_1" "$PAIR_2")

    start_fresh py 160
    export SDK_PY="${ports[*]}"
    start_fresh js 48
    export SDK_JS="${ports[*]}"
    start_pairs 6
    export SDK_OVER="${ports[*]}"

    export SDK_NODE_MAIN=http://127.0.0.1:$MAIN
}


SERVERS=(ROUTER FULL QUEUE SHORT_QUEUE IMPATIENT OPEN SMALL)


# fills in the configuration and exports SDK_ROUTER=http://127.0.0.1:PORT ...

write_conf() {
    local load=
    local name edit=()

    free_ports $((1 + ${#SERVERS[@]}))
    read -r DOWN "${SERVERS[@]}" <<<"${free[*]}"
    [ -z "$MODULE" ] || load="load_module $(realpath "$MODULE");"

    edit=(-e "s,@LOAD_MODULE@,$load,")

    for name in MAIN PAIR_1 PAIR_2 DOWN "${SERVERS[@]}"; do
        edit+=(-e "s,@$name@,${!name},")
    done

    for name in "${SERVERS[@]}"; do
        export "SDK_$name=http://127.0.0.1:${!name}"
    done

    sed "${edit[@]}" t/sdk/lib/nginx.conf.in >$PREFIX/nginx.conf
}


# the router, until it lists the models that it found out by itself

start_nginx() {
    local i pid

    write_conf
    "$NGINX" -p "$PWD/$PREFIX/" -c nginx.conf -e error.log \
        >$PREFIX/nginx.out 2>&1 </dev/null &
    pid=$!
    nginx_pid=$pid
    started+=("$pid")

    for ((i = 0; i < 1200; i++)); do
        if curl -s -m 2 -H 'Authorization: Bearer sk-sdk-test' \
            "$SDK_ROUTER/v1/models" 2>/dev/null | grep -q '"mock-model"'
        then
            return 0
        fi

        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done

    cat $PREFIX/nginx.out >&2
    tail -5 $PREFIX/error.log >&2 2>/dev/null || true
    die "the router does not list its models"
}


# stop PID: TERM, and KILL after five seconds

stop() {
    local i

    kill -TERM "$1" 2>/dev/null || return 0

    for ((i = 0; i < 500; i++)); do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.01
    done

    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}


stop_servers() {
    local i

    for ((i = ${#started[@]} - 1; i >= 0; i--)); do
        stop "${started[i]}"
    done

    started=()
}
