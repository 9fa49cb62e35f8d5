#!/usr/bin/env bash
#
# Tests the mock node (t/lib/mock_*.c) by itself: starts its own instances,
# prints "ok" and "not ok" lines, ends with 0 when all is ok.
# Needs bash and curl.  MOCK_NODE names another binary than build/mock_node.

set -u

mock=${MOCK_NODE:-build/mock_node}
dir=$(mktemp -d)
pids=()
n=0
failed=0

if [ ! -x "$mock" ]; then
    echo "Bail out! no $mock"
    exit 1
fi

trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$dir"' EXIT


# start NAME option...: sets port_NAME and pid_NAME
start() {
    local name=$1 i port
    shift
    : >"$dir/$name"
    "$mock" --port 0 --name "$name" --parent-death "$@" >"$dir/$name" &
    pids+=($!)
    printf -v "pid_$name" '%s' $!
    for i in $(seq 100); do
        port=$(sed -n 's/^listening on .*://p;q' "$dir/$name")
        [ -n "$port" ] && break
        sleep 0.02
    done
    printf -v "port_$name" '%s' "$port"
}

result() {      # status, name, what was seen
    n=$((n + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n - $2"
    else
        failed=$((failed + 1))
        echo "not ok $n - $2"
        printf '%s\n' "$3" | head -20 | sed 's/^/# /'
    fi
}

has() {         # name, text, fixed string within it
    case $2 in *"$3"*) result 0 "$1" ;; *) result 1 "$1" "wanted: $3
seen: $2" ;; esac
}

hasnt() {
    case $2 in *"$3"*) result 1 "$1" "not wanted: $3
seen: $2" ;; *) result 0 "$1" ;; esac
}

is() {          # name, seen, wanted
    [ "$2" = "$3" ]
    result $? "$1" "wanted: $3
seen: $2"
}

# post path body [directives [curl option...]]
post() {
    local path=$1 body=$2 x=${3:-}
    shift 2
    [ $# -gt 0 ] && shift
    curl -sS -N -m 5 "$u$path" -H 'Content-Type: application/json' \
         -d "$body" ${x:+-H "X-Mock: $x"} "$@" 2>&1
}

stats() { curl -sS -m 5 "$u/mock/stats"; }
reset() { curl -sS -m 5 -X POST "$u/mock/reset" >"$dir/null"; }
set_rules() { curl -sS -m 5 "$u/mock/set" --data-binary "$1"; }

# until the stats hold a text, at most 3 s
stats_until() {
    local i s
    for i in $(seq 150); do
        s=$(stats)
        case $s in *"$2"*) result 0 "$1"; return ;; esac
        sleep 0.02
    done
    result 1 "$1" "wanted: $2
seen: $s"
}

chat='{"model":"a","messages":[{"role":"system","content":"be kind"},
{"role":"user","content":"one two three"}]}'
stream='{"model":"a","stream":true,"stream_options":{"include_usage":true},
"messages":[{"role":"user","content":[{"type":"text","text":"one two"}]}]}'
plain='{"model":"a","stream":true,"messages":[{"role":"user","content":"x"}]}'

start A --models a,b/c:1
u=http://127.0.0.1:$port_A

# the endpoints

r=$(post /v1/chat/completions "$chat" '' -i)
has 'chat: status'   "$r" 'HTTP/1.1 200 OK'
has 'chat: node'     "$r" 'X-Mock-Node: A'
has 'chat: content'  "$r" '"content":"Hello from A. w1 w2 w3 w4 w5 w6 w7"'
has 'chat: model'    "$r" '"model":"a"'
has 'chat: usage'    "$r" '"prompt_tokens":3,"completion_tokens":8,"total_tokens":11'
is  'chat: the same again' "$(post /v1/chat/completions "$chat" '' -i)" "$r"

r=$(post /v1/chat/completions "$stream" tokens=3 -i)
has 'stream: type'   "$r" 'Content-Type: text/event-stream'
has 'stream: token'  "$r" '"delta":{"content":" w2"}'
has 'stream: usage'  "$r" '"choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3'
has 'stream: end'    "$r" 'data: [DONE]'
is  'stream: events' "$(grep -c '^data: ' <<<"$r")" 7

r=$(post /v1/chat/completions "$plain")
hasnt 'stream: no usage unasked' "$r" usage
has 'stream: usage null' \
    "$(post /v1/chat/completions "$stream" usagenull)" '}],"usage":null}'
has 'stream: crlf'   "$(post /v1/chat/completions "$plain" crlf)" $']}\r'

has 'completions'    "$(post /v1/completions '{"model":"a","prompt":"a b"}')" \
                     '"object":"text_completion"'
r=$(post /v1/embeddings '{"model":"a","input":["a b","c"]}')
has 'embeddings'     "$r" '"index":1,"embedding":[-0.75,'
has 'embeddings: usage' "$r" '"prompt_tokens":3'
has 'embeddings: base64' \
    "$(post /v1/embeddings '{"model":"a","input":"x","encoding_format":"base64"}')" \
    '"embedding":"AACAvwAAQL8AAAC/AACAvgAAAAAAAIA+AAAAPwAAQD8="'
r=$(post /v1/responses '{"model":"a","input":"x","stream":true}' tokens=2)
has 'responses: event' "$r" 'event: response.output_text.delta'
has 'responses: usage' "$r" '"usage":{"input_tokens":1,"output_tokens":2'
has 'rerank' "$(post /v1/rerank '{"model":"a","query":"x","documents":["a",{"text":"b"}]}')" \
             '{"index":1,"relevance_score":0.5000}]'
has 'moderations'    "$(post /v1/moderations '{"model":"a","input":"x"}')" \
                     '"flagged":false'
is  'speech'         "$(post /v1/audio/speech '{"model":"a","input":"x"}' size=300 |
                        wc -c)" 300
has 'echo'           "$(post /v1/other '{"model":"a\u0041"}')" \
                     '"path":"/v1/other","node":"A","model":"a\u0041"'

head -c 300000 /dev/urandom >"$dir/file"
r=$(curl -sS -m 5 "$u/v1/audio/transcriptions" -F file=@"$dir/file" -F model=a \
         -i -H 'X-Mock: echo')
has 'multipart: model behind the file' "$r" '"model":"a"'
has 'multipart: form is read' \
    "$(curl -sS -m 5 "$u/v1/audio/transcriptions" -F file=@"$dir/file" \
            -F model=a)" '{"text":"Hello from A.'
has 'multipart: must be closed' \
    "$(curl -sS -m 5 "$u/v1/images/edits" --data-binary $'--x\r\n\r\n' \
            -H 'Content-Type: multipart/form-data; boundary=x')" invalid_json

r=$(curl -sS -m 5 "$u/v1/models")
has 'models'         "$r" '{"id":"b/c:1","object":"model","created":1700000000'
has 'model by id'    "$(curl -sS -m 5 "$u/v1/models/b%2Fc:1")" '{"id":"b/c:1"'
has 'model unknown'  "$(curl -sS -m 5 "$u/v1/models/z")" model_not_found
has 'path unknown'   "$(curl -sS -m 5 "$u/props")" unknown_url
stats_until 'stats: models' '"models_requests":3,"probes":1'

# bodies

post /v1/x '{"model":"a"} ' >"$dir/null"
for body in '{"model":"a"' '{"model":}' '[]' '' '{"a":1,}' '{"a":"\x"}' \
            '{"a":tru}' '{"a" 1}' '{"a":1}}' $'{"a":"\t"}'; do
    has "wrong JSON: $body" "$(post /v1/x "$body")" invalid_json
done

sum=$(sha256sum <"$dir/file" | cut -c1-64)
for h in 'X-A: 1' 'Transfer-Encoding: chunked' 'Expect: 100-continue'; do
    r=$(curl -sS -m 5 "$u/v1/x" --data-binary @"$dir/file" -H "$h" -H 'X-Mock: sha')
    has "sha, $h" "$r" "\"sha256\":\"$sum\",\"length\":300000"
done
for size in 0 1 55 56 63 64 65; do
    head -c $size "$dir/file" >"$dir/part"
    sum=$(sha256sum <"$dir/part" | cut -c1-64)
    has "sha of $size bytes" "$(curl -sS -m 5 "$u/v1/x" -H 'X-Mock: sha' \
        --data-binary @"$dir/part")" "\"sha256\":\"$sum\",\"length\":$size,"
done

{ printf '{"messages":[{"role":"user","content":"'
  head -c 5000000 /dev/zero | tr '\0' x
  printf ' y"}],"model":"late"}'; } >"$dir/big"
r=$(curl -sS -m 5 "$u/v1/chat/completions" --data-binary @"$dir/big")
has 'model behind 5 MB'  "$r" '"model":"late"'
has 'words of 5 MB'      "$r" '"prompt_tokens":2'
r=$(curl -sS -m 5 "$u/mock/last" | wc -c)
[ "$r" -gt 65536 ] && [ "$r" -lt 67000 ]
result $? 'last: 64 KB' "$r"
post /v1/x '{"model":"mark"}' >"$dir/null"
r=$(curl -sS -m 5 "$u/mock/last")
has 'last: head' "$r" 'POST /v1/x HTTP/1.1'
has 'last: body' "$r" '{"model":"mark"}'

# raw: one byte at a time, two requests at once, what is malformed

raw() {         # bytes -> answer
    local i
    exec 3<>"/dev/tcp/127.0.0.1/$port_A"
    if [ "${2:-}" = slow ]; then
        for ((i = 0; i < ${#1}; i++)); do printf '%s' "${1:i:1}" >&3; done
    else
        printf '%s' "$1" >"$dir/raw"
        cat "$dir/raw" >&3              # one write
    fi
    timeout 1 cat <&3
    exec 3>&-
}

req=$'POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n'
chunks=$'POST /v1/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n'
has 'byte by byte' "$(raw "${req}Connection: close"$'\r\n\r\n{"model":"a"}' slow)" \
    '"object":"echo"'
has 'chunks byte by byte' \
    "$(raw "$chunks"$'2;x=y\r\n{"\r\nB\r\nmodel":"a"}\r\n0\r\nT: x\r\n\r\n' slow)" \
    '"model":"a"'
r=$(raw "$req"$'\r\n{"model":"1"}'"${req}Connection: close"$'\r\n\r\n{"model":"2"}')
has 'two at once: first'  "$r" '"model":"1"'
has 'two at once: second' "$r" '"model":"2"'
exec 3<>"/dev/tcp/127.0.0.1/$port_A"
printf '%s' "$req"$'Expect: 100-continue\r\n\r\n' >&3
IFS= read -r -t 2 line <&3
has 'Expect is answered before the body' "$line" 'HTTP/1.1 100 Continue'
exec 3>&-
for x in $'chunks\r\n\r\n' $'GET /v1/models HTTP/1.1\r\n\r\n' \
         $'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n' \
         $'GET / HTTP/1.1\r\nHost: a\r\nX y\r\n\r\n' \
         $'GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n' \
         "$req"$'Content-Length: 13\r\n\r\n' \
         "$req"$'Transfer-Encoding: chunked\r\n\r\n' \
         "$chunks"$'x\r\n' "$chunks"$'\r\n' "$chunks"$'1\r\nab'; do
    has "malformed: $(printf %q "$x" | tail -c 50)" "$(raw "$x")" '400 Bad Request'
done

# faults; curl: 52 nothing, 56 reset, 18 cut short, 28 timed out, 1 not HTTP

fault() {       # directives, wanted exit code, wanted text or ""
    local out code
    out=$(curl -s -N -m "${4:-5}" "$u/v1/chat/completions" -d "$plain" \
               -H "X-Mock: tokens=4;$1")
    code=$?
    is "$1: curl says" "$code" "$2"
    if [ -n "$3" ]; then has "$1: got" "$out" "$3"
    else is "$1: nothing" "$out" ''; fi
}

reset
fault 'reset=body' 56 ''
fault 'reset=before' 56 ''
fault 'reset=headers' 56 ''
fault 'reset=mid;after=2' 56 '"content":" w1"'
fault 'close=before' 52 ''
fault 'close=headers' 18 ''
fault 'close=mid;after=2' 18 '"content":" w1"'
fault 'cut=event;after=2' 18 '"content":" w1"'
fault 'cut=clean;after=2' 0 '"content":" w1"'
fault 'noterm' 18 'data: [DONE]'
fault 'broken=http' 1 ''
fault 'broken=chunk;after=2' 56 '"content":" w1"'
stats_until 'stats: faults' '"completed":0,"aborted":1,"faulted":11'
fault 'nodone' 0 '"finish_reason":"stop"'
fault 'nochunk' 0 'data: [DONE]'
fault 'length' 0 'data: [DONE]'
fault 'drip=0' 0 'data: [DONE]'
fault 'coalesce' 0 'data: [DONE]'
stats_until 'stats: completed' '"completed":5,"aborted":1,"faulted":11'
fault 'silence' 28 '' 0.3
fault 'silence=headers' 28 '' 0.3
fault 'silence=mid;after=2' 28 '"content":" w1"' 0.3
fault 'delay=60000' 28 '' 0.3
fault 'pace=200' 28 '"content":""' 0.3
stats_until 'stats: aborted' '"completed":5,"aborted":6,"faulted":11'
stats_until 'stats: none is left' '"in_flight":0'
hasnt 'cut short after=2: w2' "$(post /v1/chat/completions "$plain" \
    'close=mid;after=2')" w2

r=$(post /v1/chat/completions "$chat" close=mid -w '%{size_download}')
has 'whole answer, half of it' "$r" 'transfer closed with'
hasnt 'whole answer, not to its end' "$r" usage
hasnt 'broken=json' "$(post /v1/chat/completions "$chat" broken=json)" total_tokens
r=$(post /v1/chat/completions "$chat" \
    'status=429;retry_after=7;header=X-Y: z%3B1;accel;gzip;bigheader=3000' -i)
has 'status'     "$r" 'HTTP/1.1 429 Too Many Requests'
has 'status: type' "$r" '"type":"rate_limit_error"'
has 'retry_after' "$r" 'Retry-After: 7'
has 'header'     "$r" 'X-Y: z;1'
has 'accel'      "$r" 'X-Accel-Redirect: /internal'
has 'gzip'       "$r" 'Content-Encoding: gzip'
has 'bigheader'  "$r" "X-Big: $(printf 'a%.0s' $(seq 3000))"
has 'interim'    "$(post /v1/chat/completions "$chat" interim -i)" 'HTTP/1.1 103 '
has 'close'      "$(post /v1/chat/completions "$chat" close -i)" 'Connection: close'
hasnt 'nousage'  "$(post /v1/chat/completions "$chat" nousage)" usage
has 'prompt'     "$(post /v1/chat/completions "$chat" prompt=99)" '"prompt_tokens":99'
has 'refuse_stream_options' \
    "$(post /v1/chat/completions "$stream" refuse_stream_options)" \
    '"param":"stream_options"'
has 'refuse_stream_options: none there' \
    "$(post /v1/chat/completions "$plain" refuse_stream_options)" '[DONE]'
r=$(post /v1/chat/completions "$chat" size=100000 | wc -c)
[ "$r" -gt 95000 ] && [ "$r" -lt 105000 ]
result $? 'size' "$r"
has 'unknown directive' "$(post /v1/x '{}' nonsense=1)" 'bad mock directive'
has 'times is no directive of a request' "$(post /v1/x '{}' times=1)" \
    'are for /mock/set'
has 'HTTP/1.0: no chunks' \
    "$(post /v1/chat/completions "$plain" '' -i -0)" 'Connection: close'

took() {        # name, at least ms, at most ms, command...
    local name=$1 low=$2 high=$3 t
    shift 3
    t=$(date +%s%N)
    "$@" >"$dir/null"
    t=$((($(date +%s%N) - t) / 1000000))
    [ $t -ge "$low" ] && [ $t -le "$high" ]
    result $? "$name takes $low to $high ms" "$t ms"
}

took delay 200 900 post /v1/chat/completions "$chat" delay=200
took first 200 900 post /v1/chat/completions "$chat" first=200
took pace 200 900 post /v1/chat/completions "$plain" 'tokens=4;pace=50'
took drip 300 3000 post /v1/chat/completions "$chat" 'tokens=1;drip=1'

# eight at once are answered in the order of their times

for i in 5 2 8 1 7 3 6 4; do
    { post /v1/x '{"model":"a"}' "delay=$((i * 150))" >"$dir/null"
      printf '%s ' $i >>"$dir/order"; } &
    waiting[i]=$!
done
wait "${waiting[@]}"
is  'order of delays' "$(cat "$dir/order")" '1 2 3 4 5 6 7 8 '

# rules

reset
set_rules 'status=500;times=2' >"$dir/null"
r=
for i in 1 2 3; do
    r+=$(post /v1/x '{"model":"a"}' '' -o "$dir/null" -w '%{http_code} ')
done
is  'times=2' "$r" '500 500 200 '
set_rules $'path=/v1/models;status=503\nstatus=418' >"$dir/null"
is  'path' "$(curl -s -m 5 -o "$dir/null" -w '%{http_code}' "$u/v1/models")" 503
has 'a second line' "$(post /v1/x '{"model":"a"}')" 'mock status 418'
has 'X-Mock on top' "$(post /v1/x '{"model":"a"}' status=419)" 'mock status 419'
set_rules reset >"$dir/null"
has 'reset forgets'  "$(post /v1/x '{"model":"a"}')" echo
set_rules 'models=x,y' >"$dir/null"
has 'models'         "$(curl -s -m 5 "$u/v1/models")" '"id":"y"'
has 'bad rule'       "$(set_rules 'status=abc')" 'bad mock directive'
set_rules silence >"$dir/null"
curl -s -m 1 "$u/v1/x" -d '{}' >"$dir/null" &
stats_until 'stats while silent' '"in_flight":1,"max_in_flight":1'
wait $!
reset

# keep-alive, refuse, kill

r=$(curl -s -m 5 "$u/v1/models" "$u/v1/models" "$u/v1/models" -w '%{num_connects} ' \
         -o "$dir/null" -o "$dir/null" -o "$dir/null")
is  'connections are kept' "$r" '1 0 0 '
r=$(raw "${req}X-Mock: keepalive_timeout=100"$'\r\n\r\n{"model":"a"}'; stats)
has 'keepalive_timeout' "$r" '"open_connections":1,'

set_rules refuse=300 >"$dir/null"
curl -s -m 5 "$u/mock/stats" >"$dir/null"
is  'refused' $? 7
sleep 0.5
has 'listens again' "$(stats)" '"name":"A"'

# other nodes

start K --key s3cret --type llamacpp --slots 4 --prefix /base
u=http://127.0.0.1:$port_K/base
has 'key: without'  "$(post /v1/x '{"model":"a"}')" invalid_api_key
has 'key: wrong'    "$(post /v1/x '{"model":"a"}' '' -H 'Authorization: Bearer s3cre')" \
    invalid_api_key
has 'key: right'    "$(post /v1/x '{"model":"a"}' '' -H 'Authorization: Bearer s3cret')" \
    '"path":"/v1/x"'
has 'key: models'   "$(curl -s -m 5 "$u/v1/models")" invalid_api_key
has 'props'         "$(curl -s -m 5 "$u/props")" '"total_slots":4'
has 'prefix'        "$(curl -s -m 5 "http://127.0.0.1:$port_K/props")" unknown_url
u=http://127.0.0.1:$port_K
stats_until 'leaked_headers' '"leaked_headers":1,'
stats_until 'unauthorized' '"unauthorized":3,'

for x in ollama,api/tags,models vllm,version,0.8 sglang,get_server_info,max_running \
         tgi,info,model_id lmstudio,api/v0/models,loaded; do
    IFS=, read -r type path want <<<"$x"
    start T --type "$type"
    has "type $type" "$(curl -s -m 5 "http://127.0.0.1:$port_T/$path")" "$want"
    kill "$pid_T"
done

start M --port 0 --port 0 --idle 100 --strict-models --behave 'tokens=1'
mapfile -t ports < <(sed 's/.*://' "$dir/M")
is  'three nodes' ${#ports[@]} 3
u=http://127.0.0.1:${ports[2]}
has 'third node' "$(post /v1/chat/completions '{"model":"mock-model"}')" \
    '"content":"Hello from M-3."'
has 'strict models' "$(post /v1/chat/completions "$chat")" model_not_found
has 'all stats' "$(curl -s "$u/mock/stats?all")" \
    '"nodes":3,"min_requests":0,"max_requests":2,"requests":2'
exec 4<>"/dev/tcp/127.0.0.1/${ports[0]}"
timeout 3 cat <&4
is  'idle connection is closed' $? 0
exec 4>&-

{ post /v1/x '{"model":"mock-model"}' kill; wait "$pid_M"; } >"$dir/null" 2>&1
is  'kill' $? 137
start E --pid-file "$dir/pid"
is  'pid file' "$(cat "$dir/pid")" "$pid_E"
kill "$pid_E"
wait "$pid_E"
is  'SIGTERM' "$? $(ls "$dir/pid" 2>/dev/null)" '0 '

# short of descriptors: idle connections give way, nobody is turned away

start L
exec 4>&2 2>"$dir/null"
prlimit --nofile=12:12 --pid "$pid_L"
exec 2>&4 4>&-
u=http://127.0.0.1:$port_L
for i in 5 6 7 8 9 10 11 12; do
    eval "exec $i<>/dev/tcp/127.0.0.1/$port_L"
    sleep 0.01
done
has 'too many connections' "$(stats)" '"evicted":'
hasnt 'too many connections: evicted' "$(stats)" '"evicted":0'
for i in 5 6 7 8 9 10 11 12; do eval "exec $i>&-"; done

start P
u=http://127.0.0.1:$port_P
fds() { ls "/proc/$pid_P/fd" | wc -l; }
before=$(fds)
for i in $(seq 100); do printf 'url = "%s/v1/x"\ndata = "{}"\n' "$u"; done >"$dir/cfg"
curl -s -m 20 -K "$dir/cfg" -H 'Connection: close' >"$dir/null"
stats_until 'a hundred connections' '"completed":100'
is  'no descriptor is left' "$(fds)" "$before"

echo "1..$n"
[ $failed = 0 ] || echo "# $failed of $n failed"
[ $failed = 0 ]
