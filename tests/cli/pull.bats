# SPDX-License-Identifier: Apache-2.0
# Models on their way to hosts: pz-deploy offer and pull. A host is a folder.
load common

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    small_shop
    for k in 1 2 3; do
        pz-train -q -o "$k.pzm" --no-tune --recipe user-personalization -p sequence=off -p "transitions.window=$((k + 3))" shop.pzd
    done
    mkdir models
}

offer() {
    cp "$BATS_FILE_TMPDIR/$1.pzm" models/
    pz-deploy offer -q "models/$1.pzm" models/home.json
}

version() {
    pz-deploy status --json "$1/home.pzc" | jq .version
}

hash_of() {
    pz-deploy status --json "$1/home.pzc" | jq -r .fingerprint
}

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    mkdir models a b
}

@test "hosts take what is offered, once; the same version is the same bytes everywhere" {
    offer 1
    [ "$(jq -r .sha256 models/home.json)" = "$(sha256sum models/1.pzm | cut -d' ' -f1)" ]
    pz-deploy pull -q a/home.pzc models/home.json
    pz-deploy publish -q b/home.pzc "$BATS_FILE_TMPDIR/2.pzm"
    pz-deploy pull -q b/home.pzc models/home.json
    [ "$(version a) $(version b)" = "1 2" ]
    [ "$(hash_of a)" = "$(hash_of b)" ]
    # as a recommendationId says, behind the number of the version
    ra=$(pz-recommend -q a/home.pzc --user u1 --format json | jq -r .recommendationId)
    rb=$(pz-recommend -q b/home.pzc --user u1 --format json | jq -r .recommendationId)
    [[ $ra == RID-00000001-* && $rb == RID-00000002-* && ${ra:12:10} == "${rb:12:10}" ]]
    [ "$(hash_of a | cut -c1-8)" = "$(cut -d- -f3-4 <<<"$ra" | tr -d -)" ]
    run -0 pz-deploy pull a/home.pzc models/home.json
    [[ $output == *"nothing new"* ]]
    [ "$(version a)" = 1 ]
}

@test "never an older offer by mistake, nor what is not what was offered" {
    offer 1
    cp -r models old
    offer 2
    pz-deploy pull -q a/home.pzc models/home.json
    run -1 pz-deploy pull a/home.pzc old/home.json
    [[ $output == *"older than the last one taken"* ]]
    [ "$(version a)" = 1 ]
    # going back for all: offered again, it is new
    offer 1
    pz-deploy pull -q a/home.pzc models/home.json
    [ "$(version a)" = 2 ]
    # a file that is cut, or another one
    offer 3
    head -c 1000 "$BATS_FILE_TMPDIR/3.pzm" >models/3.pzm
    run -65 pz-deploy pull a/home.pzc models/home.json
    [[ $output == *"where the offer says"* ]]
    cp "$BATS_FILE_TMPDIR/2.pzm" models/3.pzm
    run -65 pz-deploy pull a/home.pzc models/home.json
    [ "$(version a)" = 2 ]
    # what a host went back from is not published by an offer
    offer 2
    cp "$BATS_FILE_TMPDIR/3.pzm" models/
    offer 3
    pz-deploy pull -q a/home.pzc models/home.json
    pz-deploy rollback -q a/home.pzc
    offer 3
    run -1 pz-deploy pull a/home.pzc models/home.json
    [[ $output == *"rolled back as bad"* ]]
    # an offer that is none
    for text in '{' '[]' '{"model":"../../x.pzm","sha256":"'"$(printf '%064d' 0)"'","bytes":1,"offered":1}' '{"model":"1.pzm","sha256":"x","bytes":1,"offered":1}' \
        '{"model":"1.pzm","sha256":"'"$(printf '%064d' 0)"'","bytes":-1,"offered":1}' '{"model":"1.pzm","sha256":"'"$(printf '%064d' 0)"'","bytes":1,"offered":9223372036854775807}'; do
        echo "$text" >bad.json
        run -65 pz-deploy pull a/home.pzc bad.json
    done
    run -66 pz-deploy pull a/home.pzc nowhere.json
    run -2 pz-deploy offer models/1.pzm elsewhere/home.json
}

@test "one host goes first, the others when the offer is old enough" {
    offer 1
    pz-deploy pull -q a/home.pzc models/home.json
    run -0 pz-deploy pull --delay 3600 b/home.pzc models/home.json
    [[ $output == *"too young for this host"* ]]
    [ ! -e b/home.pzc/current ]
    jq -c '.offered -= 3600' models/home.json >m && mv m models/home.json
    pz-deploy pull -q --delay 3600 b/home.pzc models/home.json
    [ "$(hash_of a)" = "$(hash_of b)" ]
}

@test "fetched by a command: to standard output, or from {} to {}; what fails leaves all as it was" {
    offer 1
    mkdir "far away"
    cp models/* "far away"
    pz-deploy pull -q --with cat a/home.pzc "far away/home.json"
    pz-deploy pull -q --with 'cp {} {}' b/home.pzc "far away/home.json"
    [ "$(hash_of a)" = "$(hash_of b)" ]
    [ -z "$(find a b -name 'pull.pzm' -o -name 'pull.json')" ]
    offer 2
    run -69 pz-deploy pull --with 'cat /nowhere; false' a/home.pzc models/home.json
    [[ $output == *"not fetched"* ]]
    [ "$(version a)" = 1 ]
    command -v python3 >/dev/null || skip "python3 is not installed"
    python3 -u -m http.server --bind 127.0.0.1 -d models 0 >http.out 2>&1 3>&- &
    server=$!
    for _ in $(seq 100); do ! grep -q 'port ' http.out || break; sleep 0.1; done
    port=$(sed -n 's/.* port \([0-9]*\).*/\1/p' http.out)
    taken=0
    pz-deploy pull -q --with 'curl -fsS' a/home.pzc "http://127.0.0.1:$port/home.json" || taken=$?
    run pz-deploy pull -q --with 'curl -fsS' b/home.pzc "http://127.0.0.1:$port/none.json"
    kill "$server"
    [ "$taken $status $(version a)" = "0 69 2" ]
}

# a command that gives the offer as it is, and of the model what the rest of its words do
model_by() {
    printf '#!/bin/sh\ncase $1 in *.json) exec cat "$1";; esac\n%s\n' "$1" >by.sh
    chmod +x by.sh
}

# nothing of a fetch is left in the folder of host a
is_clean() {
    [ -z "$(find a -name 'pull.pzm' -o -name 'pull.json')" ]
}

@test "a command may hang, write without end, or leave half a file: nothing is published or left" {
    offer 1
    run -69 timeout 60 pz-deploy pull --with yes a/home.pzc models/home.json
    [[ $output == *"writes more than there is"* ]]
    is_clean
    for what in 'exec cat "$1" /dev/zero' 'cat "$1"; yes'; do
        model_by "$what"
        run timeout 60 pz-deploy pull --with ./by.sh a/home.pzc models/home.json
        [[ $status = 69 || $status = 65 ]]
        is_clean
    done
    model_by 'echo $$ >pid; sleep 600; exit 0'
    run -69 timeout 60 pz-deploy pull --timeout 1 --with ./by.sh a/home.pzc models/home.json
    [[ $output == *"took too long"* ]]
    ! kill -0 "$(cat pid)"
    is_clean
    model_by 'head -c 1000 "$1"'
    run -65 pz-deploy pull --with ./by.sh a/home.pzc models/home.json
    is_clean
    model_by 'rm -f "$1"; exec cat "$1"'
    cp models/1.pzm kept
    run -69 pz-deploy pull --with ./by.sh a/home.pzc models/home.json
    is_clean
    cp kept models/1.pzm
    [ ! -e a/home.pzc/current ]
    # two at once: one of them
    model_by 'touch begun; sleep 1; exec cat "$1"'
    pz-deploy pull -q --with ./by.sh a/home.pzc models/home.json &
    first=$!
    for _ in $(seq 100); do [ ! -e begun ] || break; sleep 0.1; done
    run -75 pz-deploy pull --with ./by.sh a/home.pzc models/home.json
    wait "$first"
    [ "$(version a)" = 1 ]
}

@test "a pull that is ended ends its command; what a killed one left running spoils nothing" {
    offer 1
    model_by 'echo $$ >pid; head -c 1000 "$1"; sleep 600'
    pz-deploy pull -q --with ./by.sh a/home.pzc models/home.json &
    pull=$!
    for _ in $(seq 100); do [ ! -s pid ] || break; sleep 0.1; done
    kill "$pull"
    ended=0
    wait "$pull" || ended=$?
    [ "$ended" -eq 130 ]
    ! kill -0 "$(cat pid)"
    is_clean
    # killed: its command goes on, into a file that is nobody's once the next one begins
    rm pid
    model_by 'echo $$ >pid; head -c 1000 "$1"; while [ ! -e go ]; do sleep 0.1; done; yes | head -c 3000000; touch gone'
    pz-deploy pull -q --with ./by.sh a/home.pzc models/home.json &
    pull=$!
    for _ in $(seq 100); do [ ! -s pid ] || break; sleep 0.1; done
    kill -9 "$pull"
    ended=0
    wait "$pull" || ended=$?
    [ "$ended" -ne 0 ]
    printf '#!/bin/sh\ncat "$1"\ncase $1 in *.json) exit;; esac\ntouch go; while [ ! -e gone ]; do sleep 0.1; kill -0 %s || break; done\n' "$(cat pid)" >next.sh
    chmod +x next.sh
    pz-deploy pull -q --with ./next.sh a/home.pzc models/home.json
    [ "$(version a)" = 1 ]
    pz-deploy check -q a/home.pzc
    is_clean
}

@test "an empty command is none: the offer is a path, as of a timer without WITH" {
    offer 1
    pz-deploy pull -q --with '' a/home.pzc models/home.json
    ln -s b linked
    pz-deploy pull -q linked/home.pzc models/home.json
    [ "$(version a) $(version b)" = "1 1" ]
}
