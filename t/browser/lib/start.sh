# Starts what the tests need: mock nodes, a router for each group of tests, and
# one with users of its own.  Sourced by run.sh and screenshots.sh, from the
# project's top directory.

PATH=$PATH:/usr/sbin
SDK_PREFIX=${BROWSER_PREFIX:-build/browser}

MOCK=${LLMTEST_MOCK:-build/mock_node}
NGINX=${LLMTEST_NGINX:-${TEST_NGINX_BINARY:-nginx}}
export -n NGINX 2>/dev/null    # nginx would take it for sockets that it inherits
MODULE=${LLMTEST_MODULE-build/ngx_http_llm_router_module.so}
NPM=build/browser-npm

. t/sdk/lib/servers.sh


die() {
    echo "browser: $*" >&2
    exit 1
}


install_deps() {
    local lock=t/browser/package-lock.json have

    command -v npm >/dev/null || die "no npm: make deps"
    have=$({ cat $lock; node --version; } | sha256sum)
    [ "$(cat $NPM/.done 2>/dev/null)" != "$have" ] || return 0

    echo "npm      $lock"
    rm -rf $NPM
    mkdir -p $NPM
    cp t/browser/package.json $lock $NPM/
    (cd $NPM && npm ci --silent --no-fund --no-audit)
    echo "$have" >$NPM/.done
}


start_all() {
    CHROMIUM=${CHROMIUM:-$(command -v chromium-headless-shell chromium \
        | head -n 1 || true)}
    [ -n "$CHROMIUM" ] || die "no chromium-headless-shell: make deps"
    [ -x "$MOCK" ] || die "no $MOCK: make mock"
    [ -z "$MODULE" ] || [ -f "$MODULE" ] || die "no $MODULE: make"
    [ -f dashboard/dist/index.html ] || die "no dashboard/dist: make dashboard"

    unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
    trap stop_servers EXIT
    trap 'exit 143' TERM
    trap 'exit 130' INT

    rm -rf $PREFIX
    mkdir -p $PREFIX
    start_mocks
    start_routers
    export CHROMIUM BROWSER_MODULES=$PWD/$NPM BROWSER_OUT=$PWD/$PREFIX
}


# "slow" writes a token each 40 ms; "spare" is in no configuration

start_mocks() {
    start_mock alpha 1 --models chat-model,org/other:7b
    ALPHA=${ports[0]}
    start_mock slow 1 --models slow-model --tokens 400 --pace 40
    SLOW=${ports[0]}
    start_mock spare 1 --models spare-model
    export BROWSER_SPARE=http://127.0.0.1:${ports[0]}
}


# two with admin / test, and one where a viewer may log in

start_routers() {
    free_ports 3
    read -r ONE TWO GUARDED <<<"${free[*]}"

    start_router one "$ONE" ""
    start_router two "$TWO" ""
    start_router guarded "$GUARDED" "llm_router_admin user=boss \
        password=browser-boss; llm_router_admin user=guest \
        password=browser-guest role=viewer;"

    ROUTERS=("http://127.0.0.1:$ONE" "http://127.0.0.1:$TWO")
    export BROWSER_GUARDED=http://127.0.0.1:$GUARDED
}


# start_router NAME PORT ADMINS: serves the page as conf/full.conf says

start_router() {
    local dir=$PREFIX/$1 load= user= page i pid

    mkdir -p "$dir/temp"
    [ "$(id -u)" != 0 ] || user="user root;"
    [ -z "$MODULE" ] || load="load_module $(realpath "$MODULE");"
    page=$(sed -n '/^        location \/ {/,/^        }/p' conf/full.conf \
        | sed "s,/usr/share/llm-router/dashboard,$PWD/dashboard/dist,")
    ! "$NGINX" -V 2>&1 | grep -q gzip_static \
        || page=${page/\# gzip_static/gzip_static}

    {
        sed -e "s,@LOAD_MODULE@,$load," -e "s,@USER@,$user," \
            -e "s,@PORT@,$2," -e "s,@ALPHA@,$ALPHA," -e "s,@SLOW@,$SLOW," \
            -e "s,@ADMINS@,$3," t/browser/lib/nginx.conf.in
        echo "$page"
        sed "s,location / {,location /panel/ {,; s,root \(.*\);,alias \1/;," \
            <<<"$page"
        echo "    }"
        echo "}"
    } >"$dir/nginx.conf"

    "$NGINX" -p "$PWD/$dir/" -c nginx.conf -e error.log \
        >"$dir/nginx.out" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")

    for ((i = 0; i < 1200; i++)); do
        if curl -s -m 2 -H 'Authorization: Bearer sk-browser-test' \
            "http://127.0.0.1:$2/v1/models" 2>/dev/null \
            | grep -q '"slow-model"'
        then
            return 0
        fi

        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done

    cat "$dir/nginx.out" >&2
    tail -5 "$dir/error.log" >&2 2>/dev/null || true
    die "the router \"$1\" does not list its models"
}
