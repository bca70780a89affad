# SPDX-License-Identifier: Apache-2.0
# Several hosts on one log in PostgreSQL. A host is a folder, and where it serves a process.
load common
load serve
load log

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    if ! log_tools; then
        skip_file "PostgreSQL is not installed: scripts/install-deps.sh --log"
        return
    fi
    small_shop
    pz-train -q -o home.pzm --no-tune --recipe user-personalization -p sequence=off shop.pzd
    log_make
    log_start
    export PG_BIN PG_USER PG_HOME PGPORT
}

teardown_file() {
    log_remove
}

# hosts NAME...: folders that follow one new log. LOG is its URL.
hosts() {
    LOG=postgresql://pz@127.0.0.1:$PGPORT/t$BATS_TEST_NUMBER
    log_sql "CREATE DATABASE t$BATS_TEST_NUMBER"
    for h in "$@"; do add_host "$h"; done
}

add_host() {
    mkdir -p "$1"
    pz-deploy publish -q "$1/home.pzc" "$BATS_FILE_TMPDIR/home.pzm"
    pz-deploy set "$1/home.pzc" log "$LOG"
    pz-deploy log init -q "$1/home.pzc"
}

in_log() {
    psql -X -A -t -q "$LOG" -c "$1"
}

put() {
    pz-event put -q "$1/home.pzc" --user "$2" --item "$3" --type click --time "${4:-1700000000}" "${@:5}"
}

# all HOST: everything that its store holds, as text.
all() {
    pz-deploy log sync -q "$1/home.pzc"
    for t in interactions items users forgotten; do pz-event export -q --table "$t" "$1/home.pzc"; done
}

@test "two hosts: one order of events, and a repeat is stored once wherever it comes" {
    hosts a b
    put a u1 i0001 1700000001
    put b u1 i0002 1700000002
    put a u2 i0003 1700000003 --event-id same
    put b u2 i0003 1700000003 --event-id same
    put b u3 i0004
    [ "$(all a)" = "$(all b)" ]
    [ "$(pz-event stats --json a/home.pzc | jq .events)" = 4 ]
    [ "$(pz-deploy status --json a/home.pzc | jq -r .log)" = "$LOG" ]
    # the identity is the log's
    [ "$(pz-deploy log status --json a/home.pzc | jq -r .store)" = "$(pz-deploy log status --json b/home.pzc | jq -r .store)" ]
    # a file goes the same way, and what each event came to is known
    printf 'USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,eventId\nu4,i0001,1,click,same\nu4,i0002,2,click,x\n' >more.csv
    [ "$(pz-event put -q --json a/home.pzc more.csv | jq -c '[.read, .stored, .conflicting]')" = '[2,1,1]' ]
}

@test "one model on all hosts counts no event twice" {
    hosts a b
    for i in 1 2 3 4 5; do put a u1 "i000$i" "170000000$i"; put b u2 "i001$i" "170000000$i"; done
    for h in a b; do pz-deploy log sync -q $h/home.pzc; done
    asked() { for u in u1 u2; do pz-recommend -q "$1" --user $u --num 20 --format csv; done; }
    [ "$(asked a/home.pzc)" = "$(asked b/home.pzc)" ]
    pz-event export -q a/home.pzc -o day.pzd
    pz-train -q -o two.pzm --no-tune --recipe user-personalization -p sequence=off "$BATS_FILE_TMPDIR/shop.pzd" day.pzd
    mkdir alone
    for h in a b alone; do pz-deploy publish -q $h/home.pzc two.pzm; done
    # the model alone knows all of them, and the stores add nothing to it
    [ "$(asked a/home.pzc)" = "$(asked alone/home.pzc)" ]
    [ "$(asked b/home.pzc)" = "$(asked alone/home.pzc)" ]
    for h in a b; do [ "$(pz-deploy status --json $h/home.pzc | jq -c '[.live_seen, .backlog]')" = '[10,0]' ]; done
    put b u1 i0020
    pz-deploy log sync -q a/home.pzc
    [ "$(asked a/home.pzc)" = "$(asked b/home.pzc)" ]
    [ "$(asked a/home.pzc)" != "$(asked alone/home.pzc)" ]
}

@test "rows and forgotten people travel; the log is erased; a new host comes to the same" {
    hosts a b
    pz-event put-items -q a/home.pzc --item i0001 --properties '{"PRICE": 9.5}'
    pz-event put-users -q b/home.pzc --user alice-4711 --properties '{"CITY": "Paris"}'
    pz-event put -q a/home.pzc --session s-4711 --item i0002 --type click --time 1700000001
    put b alice-4711 i0003 1700000002 --session s-4711
    put a bob i0004 1700000003 --session s-4711
    put b carol-4712 i0005
    run -0 pz-event forget --json a/home.pzc --user alice-4711 --user carol-4712 --purge
    put b alice-4711 i0006
    [ "$(all a)" = "$(all b)" ]
    [ "$(in_log "SELECT count(*) FROM pz_log WHERE position('s-4711'::bytea IN body) > 0")" = 1 ] # bob's own
    [ "$(in_log "SELECT count(*) FROM pz_log WHERE position('alice-4711'::bytea IN body) > 0")" = 1 ] # who came back
    [ "$(in_log "SELECT count(*) FROM pz_log WHERE position('carol-4712'::bytea IN body) > 0")" = 0 ]
    [ "$(in_log "SELECT count(*), max(number) FROM pz_log")" = "9|9" ]
    add_host c
    [ "$(all c)" = "$(all a)" ]
    pz-event forget -q b/home.pzc --user bob
    [ "$(pz-event export -q --table forgotten b/home.pzc)" = "$(printf 'USER_ID\nbob')" ]
    [ "$(all c)" = "$(all b)" ]
}

@test "a store that was alone brings what it has; others join empty" {
    LOG=postgresql://pz@127.0.0.1:$PGPORT/t$BATS_TEST_NUMBER
    log_sql "CREATE DATABASE t$BATS_TEST_NUMBER"
    for h in a b; do mkdir $h; pz-deploy publish -q $h/home.pzc "$BATS_FILE_TMPDIR/home.pzm"; done
    put a u1 i0001 1700000001 --event-id x
    put a u2 i0002
    pz-event put-items -q a/home.pzc --item i0001 --properties '{"PRICE": 9.5}'
    pz-event forget -q a/home.pzc --user u2
    before=$(for t in interactions items users forgotten; do pz-event export -q --table $t a/home.pzc; done)
    run -2 pz-deploy log init a/home.pzc
    [[ $output == *"no log is set"* ]]
    pz-deploy set a/home.pzc log "$LOG"
    run -2 put a u3 i0003
    [[ $output == *"pz-deploy log init"* ]]
    run -0 pz-deploy log init a/home.pzc
    [[ $output == *"made the log at"*"at number 4"* ]]
    [ "$(all a)" = "$before" ]
    put b u9 i0009
    pz-deploy set b/home.pzc log "$LOG"
    run -2 pz-deploy log init b/home.pzc
    [[ $output == *"joins it empty"* ]]
    add_host c
    [ "$(all c)" = "$before" ]
    put c u1 i0001 1700000001 --event-id x
    put c u1 i0005 1700000005
    [ "$(all a)" = "$(all c)" ]
    [ "$(pz-event stats --json a/home.pzc | jq .events)" = 2 ]
    run -2 pz-deploy unset c/home.pzc log
    [[ $output == *"is the view of a log"* ]]
}

@test "what is missing or gone is said, and nothing behind a gap is taken" {
    hosts a b
    for i in 1 2 3; do put a u1 "i000$i"; done
    in_log "DELETE FROM pz_log WHERE number = 2"
    run -65 pz-deploy log sync b/home.pzc
    [[ $output == *"the log has number 3 and this store ends at 1"* ]]
    [ "$(pz-event stats --json b/home.pzc | jq .events)" = 1 ]
    in_log "UPDATE pz_head SET n = 1"
    run -65 put a u1 i0004
    [[ $output == *"was put back to an older state"* ]]
    pz-deploy set a/home.pzc log postgresql://pz:secret@127.0.0.1:1/none
    run -69 put a u1 i0004
    [[ $output == *"127.0.0.1:1"* && $output != *secret* ]]
    run -2 pz-deploy set a/home.pzc log mysql://x
    run -2 pz-deploy log look a/home.pzc
    mkdir d
    pz-deploy publish -q d/home.pzc "$BATS_FILE_TMPDIR/home.pzm"
    run -66 pz-deploy log status d/home.pzc
}

@test "without libpq all works but the log, which says what to install" {
    lib=$(ldconfig -p | sed -n 's/.*libpq\.so\.5 .* => //p' | head -1)
    if [ "$(id -u)" -ne 0 ] || ! unshare -m true 2>/dev/null || [ -z "$lib" ]; then skip "needs root, to hide the library"; fi
    mkdir a
    pz-deploy publish -q a/home.pzc "$BATS_FILE_TMPDIR/home.pzm"
    hidden() { unshare -m sh -c 'mount --bind /dev/null "$0" && exec "$@"' "$(readlink -f "$lib")" "$@"; }
    hidden pz-event put -q a/home.pzc --user u --item i0001 --type click
    pz-deploy set a/home.pzc log postgresql://pz@127.0.0.1:1/none
    run -69 hidden pz-deploy log init a/home.pzc
    [[ $output == *"libpq.so.5 (apt-get install libpq5)"* ]]
    # what is not used is not loaded
    ! ldd "$(command -v pz-deploy)" | grep -q libpq
}

@test "trim takes what all hosts' models contain and says what stays and why" {
    hosts a b
    for i in 1 2 3 4; do put a u1 "i000$i" "170000000$i"; done
    pz-event export -q a/home.pzc -o day.pzd
    pz-train -q -o two.pzm --no-tune --recipe user-personalization -p sequence=off "$BATS_FILE_TMPDIR/shop.pzd" day.pzd
    in_log "UPDATE pz_log SET at = at - 32 * 86400"
    put a u1 i0005
    pz-deploy publish -q a/home.pzc two.pzm
    # the first version is kept and contains nothing
    run -0 pz-deploy log trim a/home.pzc
    [[ $output == *"events behind 0 stay: the oldest model of"*"/a/home.pzc ends there"* ]]
    [[ $output == *"0 entries removed"* ]]
    pz-deploy publish -q a/home.pzc two.pzm --force
    pz-deploy gc -q --keep 1 a/home.pzc
    run -0 pz-deploy log trim b/home.pzc
    [[ $output == *"/b/home.pzc ends there"* ]]
    host=$(pz-deploy log status --json a/home.pzc | jq -r '.hosts[] | .name | select(endswith("/b/home.pzc"))')
    run -0 pz-deploy log trim --drop "$host" a/home.pzc
    [[ $output == *"events behind 4 stay"* && $output == *"4 entries removed"* ]] || { echo "$output"; false; }
    [ "$(in_log 'SELECT count(*), min(number) FROM pz_log')" = '1|5' ]
    # who was behind, and who comes new, take what there is
    add_host c
    for h in b c; do
        pz-deploy log sync -q $h/home.pzc
        [ "$(pz-event stats --json $h/home.pzc | jq .events)" = 1 ]
    done
    run -66 pz-deploy log trim --drop nobody a/home.pzc
}

# But for those of searches (trials.bats), windows (eval.bats) and MPI (ranks.bats).
@test "the commands of README, Beyond one machine" {
    LOG=postgresql://pz@127.0.0.1:$PGPORT/t$BATS_TEST_NUMBER
    log_sql "CREATE DATABASE t$BATS_TEST_NUMBER"
    sed -n '/^## Beyond one machine/,/^## The programs/p' "$BATS_TEST_DIRNAME/../../README.md" |
        sed -n 's/^    //p' | grep -v -e bin/initdb -e bin/pg_ctl -e --trial -e --with-trials -e --window -e --with-windows -e MPI=1 -e one.pzm -e mpirun | sed "s|postgresql://[^ ]*|$LOG|" >readme.sh
    [ "$(grep -c . readme.sh)" -gt 8 ]
    cp "$BATS_FILE_TMPDIR/home.pzm" .
    bash -euo pipefail readme.sh >out 2>err || { cat err; false; }
    grep -q '^42,i0007,.*click' out
    grep -q '^commits   durable' out
}

# ---- servers ----

# serve_host HOST: PORT_HOST and PID_HOST are set.
serve_host() {
    serve --no-auth "$1/home.pzc"
    mv server.err "$1.err"
    eval "PORT_$1=$PORT PID_$1=$SERVER"
}

put_http() {
    PORT=$1
    status /events '{"trackingId":"home","userId":"'"$2"'","sessionId":"s'"$2"'","eventList":[{"eventType":"click","itemId":"'"$3"'","sentAt":1700000000,"eventId":"'"$4"'"}]}'
}

recommend_http() {
    PORT=$1
    post /recommendations '{"campaignArn":"'$ARN':campaign/home","userId":"'"$2"'","numResults":1}' | jq -r '.itemList[0].itemId'
}

teardown() {
    for p in "${PID_a:-}" "${PID_b:-}"; do [ -z "$p" ] || kill -9 "$p" 2>/dev/null || true; done
}

@test "servers: what one host acknowledged is in the other's next answer; health and figures" {
    hosts a b
    for h in a b; do pz-deploy set $h/home.pzc seen exclude; serve_host $h; done
    stale=0
    for i in $(seq 10); do
        top=$(recommend_http "$PORT_b" u1)
        [ "$(put_http "$PORT_a" u1 "$top" "e$i")" = 200 ]
        [ "$(recommend_http "$PORT_b" u1)" != "$top" ] || stale=$((stale + 1))
        top=$(recommend_http "$PORT_a" u2)
        [ "$(put_http "$PORT_b" u2 "$top" "f$i")" = 200 ]
        [ "$(recommend_http "$PORT_a" u2)" != "$top" ] || stale=$((stale + 1))
    done
    [ "$stale" = 0 ]
    curl -sS "http://127.0.0.1:$PORT_a/metrics" >metrics
    grep -q '^pz_log{campaign="home",what="connected"} 1$' metrics
    grep -q '^pz_log{campaign="home",what="number"} 20$' metrics
    awk '/^pz_log\{campaign="home",what="lag_seconds"}/ { exit !($2 < 2) }' metrics
    [ "$(curl -sS -o /dev/null -w '%{http_code}' "http://127.0.0.1:$PORT_a/readyz")" = 200 ]
    [ "$(pz-event export -q a/home.pzc)" = "$(pz-event export -q b/home.pzc)" ]
}

@test "servers: the database is killed and away: 503 with Retry-After, answers go on, nothing acknowledged is lost" {
    hosts a b
    echo '{"logLagMs": 2000}' >lag.json
    serve_host a
    serve --no-auth --config lag.json b/home.pzc
    PORT_b=$PORT PID_b=$SERVER
    [ "$(put_http "$PORT_a" u1 i0001 e1)" = 200 ]
    log_kill
    [ "$(put_http "$PORT_a" u1 i0002 e2)" = "503 ServiceUnavailableException" ] || { cat headers; false; }
    grep -qi '^retry-after: 1' headers
    [ "$(put_http "$PORT_a" u1 i0002 e2)" = "503 ServiceUnavailableException" ]
    [ "$(recommend_http "$PORT_a" u1)" != null ]
    sleep 2
    # only who is behind by more than its logLagMs is taken out
    [ "$(curl -sS -o /dev/null -w '%{http_code}' "http://127.0.0.1:$PORT_a/readyz")" = 200 ]
    [ "$(curl -sS -o /dev/null -w '%{http_code}' "http://127.0.0.1:$PORT_b/readyz")" = 503 ]
    log_start
    for _ in $(seq 100); do [ "$(put_http "$PORT_a" u1 i0002 e2)" != 200 ] || break; sleep 0.1; done
    [ "$(put_http "$PORT_b" u1 i0003 e3)" = 200 ]
    kill -9 "$PID_a"
    [ "$(pz-event export -q b/home.pzc | cut -d, -f2 | paste -sd' ')" = "ITEM_ID i0001 i0002 i0003" ]
    [ "$(all a)" = "$(all b)" ]
}

@test "a store that a power cut may have torn is read anew" {
    hosts a
    put a u1 i0001
    before=$(all a)
    # another boot than the one in which it was written
    python3 -c 'import sys' 2>/dev/null || skip "python3 is not installed"
    python3 - a/home.pzc/live/data.mdb <<'PY'
import sys, ctypes
p = sys.argv[1]; b = bytearray(open(p, 'rb').read()); i = -1; n = 0
hash = ctypes.CDLL('libxxhash.so.0').XXH3_64bits
hash.restype, hash.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t]
value = b'\x11' * 8
check = hash(value, 8) + 31 * hash(b'boot', 4) + 8 & 0xffffffff # pz-formats(5)
while (i := b.find(b'boot', i + 1)) >= 0:
    b[i + 4:i + 16] = value + check.to_bytes(4, 'little'); n += 1
assert n
# and one of the two first pages was not written: it is of an older transaction
t = [int.from_bytes(b[4096 * k + 144:4096 * k + 152], 'little') for k in (0, 1)]
k = t.index(min(t)); b[4096 * k + 144:4096 * k + 152] = (t[k] - 2).to_bytes(8, 'little')
open(p, 'wb').write(b)
PY
    in_log "INSERT INTO pz_log SELECT 2, at, kind, NULL, body FROM pz_log WHERE number = 1; UPDATE pz_head SET n = 2"
    [ "$(all a | wc -l)" = "$(($(wc -l <<<"$before") + 1))" ]
}

@test "make check-cluster, in short: pairs by way of haproxy while hosts join, leave and are killed" {
    command -v haproxy >/dev/null || skip "haproxy is not installed"
    command -v python3 >/dev/null || skip "python3 is not installed"
    PAIRS=1500 run -0 timeout 200 python3 "$BATS_TEST_DIRNAME/../cluster/cluster.py" "$PZ_BIN" pairs
    [[ $output == *" 0 stale, 0 lost,"*"the same everywhere: True"* ]]
}
