# SPDX-License-Identifier: Apache-2.0
# pz-deploy serve handled roughly: slow clients, too many, overload, kill -9, several processes.
load common
load serve

CLIENTS=$BATS_TEST_DIRNAME/../clients

setup_file() {
    export PATH=$PZ_BIN:$PATH
    cd "$BATS_FILE_TMPDIR" || return 1
    serve_campaigns
}

setup() {
    command -v python3 >/dev/null || skip "python3 is not installed"
    cd "$BATS_TEST_TMPDIR" || exit 1
    cp -r "$BATS_FILE_TMPDIR"/*.pzc .
}

teardown() {
    stop || true
}

configure() {
    echo "{\"campaigns\":{\"home\":{\"path\":\"home.pzc\"$2}},$1}" >config.json
    serve --no-auth --config config.json
}

@test "half requests and bodies that trickle end, others are answered meanwhile" {
    configure '"requestTimeoutMs":1000,"idleTimeoutMs":2000' ''
    timeout 60 python3 "$CLIENTS/load.py" half "$PORT"
    stop
}

@test "beyond the limit of connections the longest idle makes room" {
    configure '"connections":100' ''
    timeout 60 python3 "$CLIENTS/load.py" many "$PORT" 300
    [ "$(curl -s "127.0.0.1:$PORT/metrics" | sed -n 's/^pz_connections //p')" -le 110 ]
    stop
}

@test "under overload questions are shed in good form and events are stored" {
    configure '"budgetMs":1,"queue":16' ''
    timeout 100 python3 "$CLIENTS/load.py" overload "$PORT"
    stop
    [ "$(pz-event stats --json home.pzc | jq .events)" -eq 100 ]
}

@test "threads that read and write go before those that score, where that is allowed" {
    nice -n -1 true 2>/dev/null && [ "$(nice -n -1 nice)" = -1 ] || skip "a better nice value is not allowed here"
    configure '"ioThreads":1' ''
    post /recommendations "{\"campaignArn\":\"$ARN:campaign/home\",\"userId\":\"u\"}" >/dev/null
    awk '{ sub(/^.*\) /, ""); print $17 }' /proc/"$SERVER"/task/*/stat | sort -n | uniq -c >nices
    [ "$(awk 'NR == 1 { print $1 }' nices)" -eq 1 ]
    [ "$(awk 'NR == 1 { a = $2 } NR == 2 { print $2 - a }' nices)" -eq 5 ]
    stop
}

@test "a rate limit of a campaign, of the server, of a key" {
    configure '"queue":64' ',"maxTPS":5'
    timeout 60 python3 "$CLIENTS/load.py" rate "$PORT"
    stop
    serve --no-auth --max-tps 5 home.pzc
    timeout 60 python3 "$CLIENTS/load.py" rate "$PORT"
    curl -s "127.0.0.1:$PORT/metrics" >metrics
    [ "$(sed -n 's/^pz_throttled_total //p' metrics)" -gt 0 ]
    stop
}

# A port that is free now, and the next one too.
free_port() {
    python3 -c 'import socket
while True:
    a, b = socket.socket(), socket.socket()
    a.bind(("127.0.0.1", 0))
    try:
        b.bind(("127.0.0.1", a.getsockname()[1] + 1))
    except OSError:
        continue
    print(a.getsockname()[1])
    break'
}

@test "kill -9 under load: clients that try again lose nothing and double nothing" {
    acknowledged=$(timeout 400 python3 "$CLIENTS/kill.py" "${KILLS:-6}" 12 "$(free_port)" 1 \
        pz-deploy serve --no-auth --listen 127.0.0.1:%d home.pzc)
    echo "$acknowledged acknowledged"
    [ "$acknowledged" -gt 0 ]
    [ "$(pz-event stats --json home.pzc | jq .events)" -eq "$acknowledged" ]
}

@test "a disk that fills changes no answer, and no event is acknowledged that is not stored" {
    shim=$PZ_BIN/../tests/killat.so question="{\"campaignArn\":\"$ARN:campaign/home\",\"userId\":\"u\"}"
    cp -r home.pzc base.pzc
    pz-event put -q base.pzc --user u --item i0001 --type View
    right=$(pz-recommend -q base.pzc --user u -n 3 | tail -n +2 | cut -d, -f2 | tr '\n' ' ')
    for at in 3 6 9 10 11 12 13 14 15 16 18; do
        rm -rf home.pzc && cp -r base.pzc home.pzc
        if ! PZ_FULL_AT=$at LD_PRELOAD=$shim serve --no-auth home.pzc; then
            grep -q 'No space' server.err # or it is not the disk that it ends for
            continue
        fi
        acknowledged=0
        for n in 1 2 3 4 5 6; do
            event='{"eventType":"View","sentAt":1795428000,"itemId":"i0002"}'
            code=$(post /events "{\"trackingId\":\"home\",\"sessionId\":\"s\",\"userId\":\"w\",\"eventList\":[$event]}" \
                -o /dev/null -w '%{http_code}')
            [ "$code" -ne 200 ] || acknowledged=$((acknowledged + 1))
            answer=$(post /recommendations "${question%\}},\"numResults\":3}" | jq -r '.itemList[].itemId' | tr '\n' ' ')
            [ "$answer" = "$right" ]
        done
        stop
        [ "$(pz-event stats --json home.pzc | jq .events)" -ge $((acknowledged + 1)) ]
    done
}

@test "a model that is overwritten under the server is not answered from" {
    serve --no-auth home.pzc
    question="{\"campaignArn\":\"$ARN:campaign/home\",\"userId\":\"u0040\"}"
    flat=home.pzc/versions/0001/model.flat
    [ "$(status /recommendations "$question")" = 200 ]
    cp $flat whole
    size=$(stat -c %s $flat)
    head -c $((size / 4)) /dev/zero | tr '\0' '\101' | dd of=$flat bs=64k seek=$((size / 2)) oflag=seek_bytes conv=notrunc status=none
    sleep 1
    [ "$(status /recommendations "$question" | head -c 3)" = 503 ]
    grep -q 'no answers until it is mended' server.err
    curl -s "127.0.0.1:$PORT/readyz" | grep -q 'home not ready'
    cat whole >$flat
    sleep 1
    [ "$(status /recommendations "$question")" = 200 ]
    stop
}

@test "two processes on one campaign, one killed after the other" {
    acknowledged=$(timeout 400 python3 "$CLIENTS/kill.py" "${KILLS:-6}" 8 "$(free_port)" 2 \
        pz-deploy serve --no-auth --listen 127.0.0.1:%d home.pzc)
    [ "$(pz-event stats --json home.pzc | jq .events)" -eq "$acknowledged" ]
}

# proxy MODE: haproxy as pz-serve(7) has it, before two processes; PROXY is its port, ONE and TWO the processes.
proxy() {
    ONE=$(free_port) TWO=$((ONE + 1))
    PROXY=$(free_port)
    sed -n '/begin haproxy.cfg/,/end haproxy.cfg/p' "$BATS_TEST_DIRNAME/../../man/pz-serve.7" | grep -v '^\.' |
        sed "s/:8080/:$PROXY/; s/:8081/:$ONE/; s/:8082/:$TWO/; $1" >haproxy.cfg
    for p in $ONE $TWO; do
        pz-deploy serve --no-auth --listen "127.0.0.1:$p" home.pzc 2>"server.$p" 3>&- &
        echo $! >"pid.$p"
    done
    haproxy -f haproxy.cfg >haproxy.log 2>&1 3>&- &
    HAPROXY=$!
    for _ in $(seq 200); do
        if curl -s "127.0.0.1:$PROXY/readyz" | grep -q 'home ready'; then break; fi
        sleep 0.05
    done
}

unproxy() {
    kill "$HAPROXY" "$(cat "pid.$ONE")" "$(cat "pid.$TWO")" 2>/dev/null || true
    wait
}

@test "haproxy of the manual: each event is in the next answer, also while a process is killed" {
    command -v haproxy >/dev/null || skip "haproxy is not installed"
    for mode in '' 's/balance hdr.*/balance roundrobin/'; do
        proxy "$mode"
        (sleep 0.5 && kill -9 "$(cat "pid.$ONE")") 3>&- &
        status=0
        timeout 100 python3 "$CLIENTS/load.py" pairs "$PROXY" 60 || status=$?
        unproxy
        [ "$status" -eq 0 ]
    done
}
