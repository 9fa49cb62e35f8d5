# Installs the SDKs below build/, once for each version of their lock files;
# sourced by run.sh.


stamp() {
    { cat "$@"; python3 --version; node --version; } | sha256sum
}


install_deps() {
    mkdir -p build
    [ -z "$want_python" ] || install_python
    [ -z "$want_node" ] || install_node
}


install_python() {
    local lock=t/sdk/python/requirements.txt have

    command -v python3 >/dev/null || die "no python3: make deps"
    have=$(stamp $lock)
    [ "$(cat build/venv/.sdk 2>/dev/null)" != "$have" ] || return 0

    echo "venv     $lock"
    rm -rf build/venv
    python3 -m venv build/venv
    build/venv/bin/pip install -q --disable-pip-version-check \
        --require-hashes --only-binary :all: -r $lock
    echo "$have" >build/venv/.sdk
}


install_node() {
    local lock=t/sdk/node/package-lock.json have

    command -v npm >/dev/null || die "no npm: make deps"
    have=$(stamp $lock)
    [ "$(cat build/node_modules/.sdk 2>/dev/null)" != "$have" ] || return 0

    echo "npm      $lock"
    rm -rf build/node_modules
    mkdir -p build/sdk-npm
    cp t/sdk/node/package.json $lock build/sdk-npm/
    (cd build/sdk-npm && npm ci --silent --no-fund --no-audit)
    mv build/sdk-npm/node_modules build/node_modules
    rm -rf build/sdk-npm
    echo "$have" >build/node_modules/.sdk
}
