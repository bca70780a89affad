# SPDX-License-Identifier: Apache-2.0
# Whatever happens around them, programs lose nothing: outputs that are inputs, closed descriptors, signals, limits.
load common

setup_file() {
    export PATH=$PZ_BIN:$PATH
    cd "$BATS_FILE_TMPDIR" || return 1
    awk -F, 'NR == 1 || substr($1, 4, 2) == "40"' "$BATS_TEST_DIRNAME/../../sample-data/interactions.csv" >inter.csv
    pz-import -q -o shop.pzd --interactions inter.csv
    pz-train -q -o home.pzm --no-tune --recipe popularity-count shop.pzd
    pz-deploy publish -q home.pzc home.pzm
}

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    cp -r "$BATS_FILE_TMPDIR"/{inter.csv,shop.pzd,home.pzm,home.pzc} .
}

# refused FILE COMMAND...: usage error that says why, and the file is as it was
refused() {
    local file=$1 before
    shift
    before=$(md5sum <"$file")
    run -2 "$@"
    [[ $output == *"also an input"* ]]
    [ "$(md5sum <"$file")" = "$before" ]
}

@test "an output that is also an input is refused by every program" {
    ln home.pzm link.pzm
    refused inter.csv pz-import -o inter.csv --interactions inter.csv
    refused shop.pzd pz-import --merge -o shop.pzd shop.pzd
    refused inter.csv pz-import -o x.pzd --interactions inter.csv --reject inter.csv
    refused shop.pzd pz-train --no-tune -o shop.pzd shop.pzd
    refused home.pzm pz-train --update home.pzm -o link.pzm shop.pzd
    refused home.pzm pz-eval home.pzm shop.pzd --report ./home.pzm
    refused home.pzm pz-recommend home.pzm --user u0040 -o link.pzm
    refused inter.csv pz-recommend home.pzm --input inter.csv -o inter.csv
    refused home.pzm bash -c 'pz-recommend - --user u0040 -o link.pzm <home.pzm'
    refused inter.csv bash -c 'pz-recommend home.pzm --input inter.csv >>inter.csv'
    refused home.pzm pz-recommend home.pzm --user u0040 --ledger home.pzm
    # all that is in a folder is an input, where the folder is one
    refused home.pzc/versions/0001/model.flat pz-recommend home.pzc --user u0040 -o home.pzc/versions/0001/model.flat
    pz-event put -q home.pzc --user u --item i0001 --type View
    ln -s home.pzc/live store
    refused home.pzc/live/data.mdb pz-event export home.pzc -o store/data.mdb
    refused home.pzc/current pz-eval home.pzm shop.pzd --vs home.pzc --per-user home.pzc/current
    mkdir days && mv inter.csv days
    refused days/inter.csv pz-import -o days/inter.csv --interactions days
    pz-import -q -o days.pzd --interactions days
    run -2 pz-train --no-tune --holdout leave-last --holdout-out a.pzm -o a.pzm shop.pzd
    [[ $output == *"one file"* ]]
}

@test "closed descriptors do not put messages into the store" {
    printf '{"userId":"u","itemId":"i0001","eventType":"View"}\n' >good.jsonl
    pz-event put -q home.pzc good.jsonl
    printf '{"userId":\n' >bad.jsonl
    pz-event put home.pzc bad.jsonl --max-errors 5 0>&- 1>&- 2>&-
    pz-event put -q home.pzc good.jsonl 0>&- 2>&-
    pz-event stats --json home.pzc | jq -e '.events == 2'
    run -74 bash -c 'pz-recommend -q home.pzc --user u0040 >&-'
}

# ends COMMAND...: it waits for a FIFO that nobody writes, and one SIGTERM ends it
ends() {
    local pid i status
    mkfifo fifo
    "$@" 2>err.txt &
    pid=$!
    sleep 0.5
    kill -TERM "$pid"
    for i in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    rm fifo
    [ "$i" -lt 100 ] || { kill -9 "$pid" && return 1; }
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 130 ]
    [ -z "$(find . -name '*.tmp')" ]
}

@test "one SIGTERM ends a program that waits for its input" {
    ends pz-import -o x.pzd --interactions fifo
    ends pz-recommend home.pzm --input fifo
    ends pz-event put home.pzc fifo
    ends pz-import -o x.pzd --interactions inter.csv --schema fifo
}

@test "a limit on the size of files is an error of the write, and leaves nothing" {
    run -74 bash -c 'ulimit -f 1; pz-train -q --no-tune -o big.pzm shop.pzd'
    [[ $output == *"File too large"* ]]
    [ ! -e big.pzm ]
    [ -z "$(find . -name '*.tmp')" ]
}

@test "no free descriptor is a reason to try again" {
    run -75 bash -c 'exec 3>&- 4>&-; ulimit -n 4; pz-import -q -o x.pzd --interactions inter.csv --reject r.csv'
    [[ $output == *"Too many open files"* ]]
    [ ! -e x.pzd ]
}

@test "what a killed run left is removed by the next" {
    : >.home.pzm.abcdef.tmp
    : >.other.pzm.abcdef.tmp
    pz-train -q --no-tune --recipe popularity-count -o home.pzm shop.pzd
    [ ! -e .home.pzm.abcdef.tmp ]
    [ -e .other.pzm.abcdef.tmp ]
}

@test "a training under a memory limit ends, with the figure" {
    [ -z "${SAN:-}" ] || skip "a sanitizer wants more address space than that"
    for kb in 120000 150000 200000 260000; do
        run bash -c "ulimit -v $kb; timeout -k 5 60 pz-train -q -j1 --no-tune -o m.pzm shop.pzd"
        [ "$status" -eq 75 ] || [ "$status" -eq 0 ] || [ "$status" -eq 127 ] # 127: not even the libraries
        [ "$status" -ne 75 ] || [[ $output == *MB* ]]
        [ -z "$(find . -name '*.tmp')" ]
    done
}

@test "a run that gets no thread is one to try again" {
    [ -z "${SAN:-}" ] || skip "a sanitizer has threads of its own"
    command -v strace >/dev/null || skip "no strace"
    run strace -f -qq -o /dev/null -e inject=clone3,clone:error=EAGAIN pz-train -q -j4 --no-tune -o m.pzm shop.pzd
    [ "$status" -eq 75 ]
    [ ! -e m.pzm ]
    [ -z "$(find . -name '*.tmp')" ]
}

# What a campaign's store has beside a model is what the next update gets: events N of them.
lacks() {
    pz-event export -q --for "$2" -o day.pzd "$1"
    [ "$(pz-import --info --json day.pzd | jq .interactions)" -eq "$3" ]
}

# learn CAMPAIGN: a model of all that the campaign has, as all.pzm
learn() {
    pz-event export -q -o live.pzd "$1"
    pz-import -q --merge -o all.pzd shop.pzd live.pzd
    pz-train -q -o all.pzm --no-tune --recipe popularity-count all.pzd
}

put() {
    for item in "${@:2}"; do pz-event put -q "$1" --user u0040 --item "$item" --type View; done
}

@test "a campaign that was copied to try something and the original lose nothing to each other" {
    put home.pzc i0001 i0002 i0003
    cp -a home.pzc copy.pzc
    put copy.pzc i0004 i0005
    put home.pzc i0006 i0007 i0008
    learn copy.pzc
    lacks home.pzc all.pzm 3
    pz-deploy publish -q home.pzc all.pzm
    pz-deploy status --json home.pzc | jq -e '.backlog == 3'
    pz-train -q --update all.pzm -o both.pzm day.pzd
    for c in home copy; do
        pz-deploy publish -q $c.pzc both.pzm
        run -1 pz-event export --for both.pzm -o none.pzd $c.pzc
    done
    put copy.pzc i0009
    lacks copy.pzc both.pzm 1
    pz-deploy check -q home.pzc
    pz-deploy check -q copy.pzc
}

@test "a store that was restored as it was yesterday loses none of what comes then" {
    put home.pzc i0001 i0002 i0003
    cp -a home.pzc/live yesterday
    put home.pzc i0004 i0005
    learn home.pzc
    pz-deploy publish -q home.pzc all.pzm
    rm -r home.pzc/live
    cp -a yesterday home.pzc/live
    pz-deploy check -q home.pzc
    pz-deploy publish -q home.pzc all.pzm
    pz-recommend -q home.pzc --user u0040 -n 1
    put home.pzc i0006 i0007
    lacks home.pzc home.pzc 2
    pz-deploy status --json home.pzc | jq -e '.backlog == 2'
    # compacted, it is the same store
    pz-deploy compact -q home.pzc
    lacks home.pzc all.pzm 2
}

@test "a store whose file was written over with an older one is told, and repair lets it lose nothing" {
    put home.pzc i0001 i0002 i0003
    cp home.pzc/live/data.mdb yesterday
    put home.pzc i0004 i0005
    learn home.pzc
    pz-deploy publish -q home.pzc all.pzm
    cat yesterday >home.pzc/live/data.mdb
    run -65 pz-deploy check home.pzc
    [[ $output == *"up to 5 are in the model, but the store's last is 3"* ]]
    run -0 pz-deploy repair home.pzc
    [[ $output == *"it has a new identity"* ]]
    put home.pzc i0006
    lacks home.pzc all.pzm 1
    pz-deploy check -q home.pzc
}
