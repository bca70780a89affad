# SPDX-License-Identifier: Apache-2.0
# What cannot be read is not absent: a campaign with lost, damaged or edited files loses nothing.
load common

setup_file() {
    export PATH=$PZ_BIN:$PATH
    cd "$BATS_FILE_TMPDIR" || return 1
    awk -F, 'NR == 1 || substr($1, 4, 2) == "40"' "$BATS_TEST_DIRNAME/../../sample-data/interactions.csv" >inter.csv
    pz-import -q -o shop.pzd --interactions inter.csv
    pz-train -q -o home.pzm --no-tune --recipe popularity-count shop.pzd
    pz-train -q -o other.pzm --no-tune --recipe popularity-count --seed 7 -p popularity.half-life=3 shop.pzd ||
        pz-train -q -o other.pzm --no-tune --recipe trending-now shop.pzd
    for i in 1 2 3; do pz-deploy publish -q home.pzc home.pzm; done
    for i in 1 2 3 4; do pz-event put -q home.pzc --user u --item "i000$i" --type View; done
}

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    cp -r "$BATS_FILE_TMPDIR"/* .
}

versions() {
    ls home.pzc/versions | tr '\n' ' '
}

version() {
    pz-deploy status --json home.pzc | jq .version
}

@test "a campaign that lost current is refused, and repaired" {
    rm home.pzc/current
    for command in "publish home.pzc home.pzm" "gc --keep 0 home.pzc" "list home.pzc" "status home.pzc" \
        "set home.pzc num 3" "rollback home.pzc"; do
        run -65 pz-deploy $command
        [[ $output == *"pz-deploy repair home.pzc"* ]]
    done
    run -65 pz-recommend home.pzc --user u0040
    [ "$(versions)" = "0001 0002 0003 " ]
    pz-deploy repair home.pzc
    [ "$(version)" -eq 3 ]
    pz-deploy publish -q home.pzc home.pzm
    [ "$(versions)" = "0001 0002 0003 0004 " ]
}

@test "current is believed only as it was written" {
    cp home.pzc/current good
    for text in "4294967297 0 3" "3 2 3" "1 2 3 0000000000000000" "" "3 2 3 $(cut -d' ' -f4 good)x" \
        "4 2 3 $(cut -d' ' -f4 good)"; do
        printf '%s\n' "$text" >home.pzc/current
        run -65 pz-deploy gc --keep 0 home.pzc
        [[ $output == *"damaged; pz-deploy repair"* ]]
        run -65 pz-recommend home.pzc --user u0040
        run -65 pz-deploy publish home.pzc home.pzm
        [ "$(versions)" = "0001 0002 0003 " ]
    done
    pz-deploy repair home.pzc
    cmp good home.pzc/current
}

@test "a look that fails is not absence" {
    for file in current campaign.json; do
        rm -f "home.pzc/$file"
        ln -s "$file" "home.pzc/$file" # ELOOP
        run ! pz-deploy gc --keep 0 home.pzc
        run ! pz-deploy publish home.pzc home.pzm
        run ! pz-deploy set home.pzc num 3
        [ -L "home.pzc/$file" ]
        [ "$(versions)" = "0001 0002 0003 " ]
        rm "home.pzc/$file"
        pz-deploy repair -q home.pzc
    done
}

# A link that leads to itself stands for whatever cannot be looked at, also by root.
@test "what cannot be looked at is neither missing, nor damaged, nor another thing" {
    ln -s loop.pzc loop.pzc
    for program in "pz-recommend loop.pzc --user u0010" "pz-event put loop.pzc --user u --item i0001 --type View" \
        "pz-deploy publish loop.pzc home.pzm" "pz-deploy repair loop.pzc" "pz-deploy status loop.pzc" \
        "pz-train --update loop.pzc -o x.pzm shop.pzd"; do
        run -66 $program
        [[ $output == *"Too many levels of symbolic links"* ]]
    done
    ln -s loop.pzm loop.pzm
    run -73 pz-train --no-tune -o loop.pzm shop.pzd
    [ -L loop.pzm ]
    cp -r home.pzc a.pzc
    flat=a.pzc/versions/0003/model.flat
    mv $flat kept.flat && ln -s model.flat $flat
    run -66 pz-event put-items a.pzc --item i0001 --properties '{"PRICE":"cheap"}'
    run -66 pz-event put a.pzc --user u --item i0001 --type View --properties '{"DISCOUNT":"cheap"}'
    run -66 pz-event export a.pzc -o day.pzd
    run -66 pz-deploy list a.pzc
    run -66 pz-deploy check a.pzc
    run -66 pz-deploy repair a.pzc
    run -0 pz-event forget --json a.pzc --user u0010
    [[ $output == *"the model is not read"*'"model_events_unused":null'* ]]
    rm $flat
    run -65 pz-event put-items a.pzc --item i0001 --properties '{"PRICE":"cheap"}'
    [[ $output == *"not there; pz-deploy repair"* ]]
    mv kept.flat $flat
    info=a.pzc/versions/0002/info.json
    mv $info kept.json && ln -s info.json $info
    run -66 pz-deploy repair a.pzc
    [ -L $info ]
    run -66 pz-deploy check a.pzc
    mv kept.json $info
    mv a.pzc/versions kept && ln -s versions a.pzc/versions
    for command in list check repair "gc --keep 0"; do
        run -66 pz-deploy $command a.pzc
        [[ $output == *"cannot read a.pzc/versions"* ]]
    done
    run -66 pz-deploy publish a.pzc home.pzm
    rm a.pzc/versions && mv kept a.pzc/versions
    # a store without .pzl in its name is not taken for a campaign in which to make another
    pz-event put -q st.pzl --user u --item i0001 --type View
    mv st.pzl st
    mv st/data.mdb kept.mdb && ln -s data.mdb st/data.mdb
    run -66 pz-event put st --user u --item i0002 --type View
    [ ! -e st/live ]
}

@test "what root replaces keeps its owner and mode" {
    [ "$(id -u)" -eq 0 ] || skip "only root can give files away"
    pz-deploy set -q home.pzc num 5
    pz-event put -q home.pzc --user u --item i0001 --type View
    chown -R 65534:65534 home.pzc
    chmod 640 home.pzc/campaign.json
    pz-deploy set -q home.pzc num 7
    pz-deploy rollback -q home.pzc
    pz-deploy compact -q home.pzc
    [ "$(stat -c '%u:%g %a' home.pzc/campaign.json)" = "65534:65534 640" ]
    for file in home.pzc/current home.pzc/live home.pzc/live/data.mdb home.pzc/live/lock.mdb; do
        [ "$(stat -c %u:%g $file)" = 65534:65534 ]
    done
}

@test "what root makes in somebody's folder belongs to them: a server of their own goes on with it" {
    [ "$(id -u)" -eq 0 ] || skip "only root can give files away"
    mkdir theirs && chown 65534:65534 theirs && chmod 755 theirs
    pz-deploy publish -q theirs/home.pzc home.pzm
    pz-event put -q theirs/shop.pzl --user u --item i0001 --type View
    pz-deploy set -q theirs/home.pzc live ../shop.pzl
    pz-event put -q theirs/home.pzc --user u0001 --item i0002 --type View
    pz-event export -q --for theirs/home.pzc -o theirs/day.pzd theirs/home.pzc
    pz-train -q --update theirs/home.pzc -o theirs/next.pzm theirs/day.pzd
    (umask 077 && pz-deploy publish -q theirs/home.pzc theirs/next.pzm)
    pz-recommend -q theirs/home.pzc --user u -n 1
    pz-deploy compact -q theirs/home.pzc
    pz-deploy offer -q home.pzm offer.json
    pz-deploy pull -q theirs/other.pzc offer.json
    [ -z "$(find theirs ! -user 65534)" ]
    [ -z "$(find theirs ! -group 65534)" ]
    # and in a folder of root's nothing changes hands
    pz-deploy publish -q mine.pzc home.pzm
    [ -z "$(find mine.pzc ! -user 0)" ]
}

@test "gc --events refuses when the current version is not among those it read" {
    mv home.pzc/versions away
    run -65 pz-deploy gc --events --force home.pzc
    [[ $output == *"nothing is removed"* ]]
    mkdir home.pzc/versions
    run -65 pz-deploy gc --events --force home.pzc
    pz-event stats --json home.pzc | jq -e '.events == 4'
    rmdir home.pzc/versions
    mv away home.pzc/versions
    rm home.pzc/versions/0002/info.json
    run -65 pz-deploy gc --keep 0 --events --force home.pzc
    [ "$(versions)" = "0001 0002 0003 " ]
}

@test "what is not ours is not removed, and links are not followed" {
    mkdir foreign home.pzc/versions/0001.keep home.pzc/versions/0012.new
    touch foreign/precious foreign/model.flat home.pzc/versions/{0001.keep/x,notes.txt,0012.new/mine}
    ln -s ../../foreign home.pzc/versions/0009
    ln -s ../../foreign home.pzc/versions/0010.old
    ln -s ../../../foreign/precious home.pzc/versions/0001/link
    touch home.pzc/.notes.tmp
    run -0 pz-deploy gc --keep 0 home.pzc
    [[ $output == *"versions/0012.new stays: Directory not empty"* ]]
    [[ $output == *"versions/0009 stays"* ]]
    [ -e foreign/precious ] && [ -e foreign/model.flat ]
    [ -e home.pzc/versions/0001.keep/x ] && [ -e home.pzc/versions/notes.txt ] && [ -e home.pzc/.notes.tmp ]
    pz-deploy publish -q home.pzc home.pzm
}

@test "info.json is held against the live store" {
    pz-deploy publish -q --live-seen 2 home.pzc home.pzm
    sed -i 's/"live_seen":2/"live_seen":9000/' home.pzc/versions/0004/info.json
    run -65 pz-recommend home.pzc --user u --seen only
    [[ $output == *"up to 9000"*"store's last is 4"*"pz-deploy repair"* ]]
    run -65 pz-deploy gc --keep 0 --events --force home.pzc
    pz-event stats --json home.pzc | jq -e '.events == 4'
    pz-deploy repair home.pzc
    pz-recommend -q home.pzc --user u --seen only >/dev/null
    echo '{"published":1}' >home.pzc/versions/0004/info.json
    run -65 pz-recommend home.pzc --user u
    [[ $output == *"info.json is damaged"* ]]
    pz-deploy list home.pzc | grep -q '^4 .*damaged'
}

@test "settings that nothing can be made of are an error, and can be set again" {
    pz-deploy set home.pzc num 3
    sed -i 's/: 3/: "many"/' home.pzc/campaign.json
    run -65 pz-recommend home.pzc --user u0040
    [[ $output == *'"num" has a value that it cannot have'* ]]
    pz-deploy set home.pzc num 4
    [ "$(pz-recommend -q home.pzc --user u0040 | wc -l)" -eq 5 ]
}

@test "check and status --verify read every byte" {
    pz-deploy check home.pzc
    run -0 pz-deploy status --verify home.pzc
    size=$(stat -c %s home.pzc/versions/0003/model.flat)
    printf '\x55' | dd of=home.pzc/versions/0003/model.flat bs=1 seek=$((size / 2)) conv=notrunc status=none
    run -65 --separate-stderr pz-deploy check --json home.pzc
    jq -e '.versions == 3 and .faults == 1' <<<"$output"
    [[ $stderr == *"0003/model.flat"*"damaged"* ]]
    run -65 pz-deploy status --verify home.pzc
    pz-deploy rollback -q home.pzc
    run -0 pz-deploy status --verify home.pzc
}

@test "a byte that somebody changed is found by whoever answers" {
    flat=home.pzc/versions/0003/model.flat size=$(stat -c %s home.pzc/versions/0003/model.flat)
    right=$(pz-recommend -q home.pzc --user u0040)
    [ -s $flat.seal ]
    for at in 70 $((size / 7)) $((size / 3)) $((size / 2)) $((size - size / 8)); do
        cp $flat whole
        byte=$(od -An -tu1 -j "$at" -N1 whole)
        printf "\\x$(printf %x $((byte ^ 4)))" | dd of=$flat bs=1 seek="$at" conv=notrunc status=none
        run -65 pz-recommend home.pzc --user u0040
        [[ $output == *"model.flat"*damaged* ]]
        run -65 pz-recommend $flat --user u0040
        cp whole $flat
        [ "$(pz-recommend -q home.pzc --user u0040)" = "$right" ]
    done
}

@test "a copy of a campaign is read whole once, and a seal that is wrong is none" {
    cp -r home.pzc copy.pzc
    seal=copy.pzc/versions/0003/model.flat.seal
    cp $seal copied
    pz-recommend -q copy.pzc --user u0040 >/dev/null
    ! cmp -s $seal copied
    cp $seal own
    pz-recommend -q copy.pzc --user u0040 >/dev/null
    cmp $seal own
    for bad in "" "nonsense" "$(tr 1 2 <own)"; do
        printf %s "$bad" >$seal
        pz-recommend -q copy.pzc --user u0040 >/dev/null
        cmp $seal own
    done
    pz-deploy publish -q --force copy.pzc home.pzm
    pz-deploy publish -q --force copy.pzc home.pzm
    pz-deploy gc -q --keep 0 copy.pzc
    [ ! -e copy.pzc/versions/0003 ]
}

@test "a model that is cut off while it is in use is named" {
    [ -z "${SAN:-}" ] || skip "a sanitizer takes the signal itself"
    mkfifo questions
    timeout 20 pz-recommend -q home.pzc --input - -n 1 -f jsonl <questions >out 2>err &
    exec 9>questions
    echo '{"userId":"u0040"}' >&9
    for i in $(seq 100); do
        [ ! -s out ] || break
        sleep 0.1
    done
    truncate -s 4096 home.pzc/versions/0003/model.flat
    echo '{"userId":"u0140"}' >&9
    exec 9>&-
    wait $! || status=$?
    [ "$status" -eq 65 ]
    grep -q 'model.flat is damaged' err
}

# wait_for_map PID: until the process has the model mapped
wait_for_map() {
    for i in $(seq 100); do
        grep -q 'model.flat' "/proc/$1/maps" 2>/dev/null && return
        sleep 0.05
    done
    return 1
}

@test "a model that is edited while it is in use gives no answer, list or figure" {
    flat=home.pzc/versions/0003/model.flat
    cp -p $flat kept
    at=$(grep -abo -m1 'i0001' $flat | head -1 | cut -d: -f1)
    awk 'NR <= 40' inter.csv >t.csv
    pz-import -q -o t.pzd --interactions t.csv
    mkfifo in
    for command in "pz-recommend -q home.pzc --input - -n 1 -f jsonl" "pz-eval -q home.pzc -"; do
        timeout 20 $command <in >out 2>err &
        pid=$!
        exec 9>in
        wait_for_map $pid || wait_for_map "$(pgrep -P $pid)"
        printf x | dd of=$flat bs=1 seek="$at" conv=notrunc 2>/dev/null
        touch -r kept $flat
        if [[ $command == *eval* ]]; then cat t.pzd >&9; else echo '{"userId":"u0040"}' >&9; fi
        exec 9>&-
        status=0
        wait $pid || status=$?
        [ "$status" -eq 65 ]
        grep -q 'model.flat' err
        [ ! -s out ]
        cp kept $flat
        pz-recommend -q home.pzc --user u0040 -n 1 >/dev/null
    done
}

@test "a rollback marks the model as bad: no base, not published again" {
    pz-deploy publish -q home.pzc other.pzm
    pz-deploy rollback -q home.pzc
    [ "$(version)" -eq 3 ]
    [ "$(pz-deploy list --json home.pzc | jq -c '[.[] | select(.bad).version]')" = "[4]" ]
    run -1 pz-deploy publish home.pzc other.pzm
    [[ $output == *"was version 4 and was rolled back as bad"* ]]
    pz-deploy publish -q home.pzc home.pzm
    pz-deploy gc -q --keep 0 home.pzc
    run -1 pz-deploy publish home.pzc other.pzm
    pz-deploy publish -q --force home.pzc other.pzm
    [ "$(pz-deploy list --json home.pzc | jq -c '[.[] | select(.bad).version]')" = "[]" ]
    pz-deploy rollback -q home.pzc
    pz-deploy rollback -q home.pzc # undone: a person takes it back
    [ "$(pz-deploy list --json home.pzc | jq -c '[.[] | select(.bad).version]')" = "[]" ]
}

@test "a model with far fewer items or users asks for --force" {
    head -n 60 inter.csv >few.csv
    pz-import -q -o few.pzd --interactions few.csv
    pz-train -q -o few.pzm --no-tune --recipe popularity-count few.pzd
    run -1 pz-deploy publish home.pzc few.pzm
    [[ $output == *"items and"*"users where the current version has"*"--force"* ]]
    [ "$(version)" -eq 3 ]
    pz-deploy publish -q --force home.pzc few.pzm
    [ "$(version)" -eq 4 ]
}

@test "gc keeps weekly versions and pinned ones" {
    for day in $(seq 0 20); do # 2026-01-05 is a Monday
        SOURCE_DATE_EPOCH=$((1767571200 + day * 86400)) pz-deploy publish -q w.pzc home.pzm
    done
    pz-deploy pin w.pzc 3
    run -66 pz-deploy pin w.pzc 99
    pz-deploy gc -q --keep 2 --keep-weekly 3 w.pzc
    [ "$(pz-deploy list --json w.pzc | jq -c '[.[].version]')" = "[3,7,14,20,21]" ]
    pz-deploy unpin w.pzc 3
    pz-deploy gc -q --keep 2 --keep-weekly 2 w.pzc
    [ "$(pz-deploy list --json w.pzc | jq -c '[.[].version]')" = "[14,20,21]" ]
}

@test "gc --events removes what the datasets named hold" {
    pz-event export -q home.pzc -o day.pzd
    pz-event put -q home.pzc --user u --item i0009 --type View
    pz-deploy publish -q --live-seen 5 home.pzc home.pzm
    pz-deploy publish -q --live-seen 5 home.pzc home.pzm
    run -1 pz-deploy gc --keep 0 --events home.pzc
    run -1 pz-deploy gc --keep 0 --events --data day.pzd home.pzc
    [[ $output == *"1 live events (numbers 5 to 5)"* ]]
    pz-event export -q home.pzc -o day.pzd
    pz-deploy gc -q --keep 0 --events --data day.pzd home.pzc
    pz-event stats --json home.pzc | jq -e '.events == 0'
}

@test "gc --events leaves what another campaign of the same store has not learned" {
    mkdir away
    for c in a b; do
        pz-deploy publish -q $c.pzc home.pzm
        pz-deploy set -q $c.pzc live "$PWD/away/both.pzl"
    done
    for i in 1 2 3 4; do pz-event put -q a.pzc --user u0040 --item i000$i --type View; done
    pz-event export -q a.pzc -o day.pzd
    for i in 1 2; do pz-deploy publish -q --live-seen 4 a.pzc home.pzm; done
    run -0 pz-deploy gc --keep 0 --events --data day.pzd a.pzc
    [[ $output == *"b.pzc shares the live store"*"events up to 0"* ]]
    pz-event stats --json a.pzc | jq -e '.events == 4'
    # what cannot be looked at may be such a campaign
    ln -s loop.pzc loop.pzc
    run -66 pz-deploy gc --keep 0 --events --data day.pzd a.pzc
    [[ $output == *"loop.pzc"* ]]
    rm loop.pzc
    for i in 1 2; do pz-deploy publish -q --live-seen 3 b.pzc home.pzm; done
    pz-deploy gc -q --keep 0 b.pzc
    mv b.pzc away # now beside the store
    ln -s "$PWD/a.pzc" away/link.pzc
    pz-deploy gc -q --keep 0 --events --data day.pzd away/link.pzc
    pz-event stats --json a.pzc | jq -e '.events == 1'
}

@test "who is in nothing that is left is not even known as forgotten" {
    pz-event put -q home.pzc --user gone --item i0001 --type View
    pz-event export -q --for home.pzc -o day.pzd home.pzc
    pz-train -q --update home.pzc -o next.pzm day.pzd
    pz-deploy publish -q home.pzc next.pzm
    printf 'gone\nu0040\n' >ids
    pz-event forget -q --file ids --purge home.pzc
    pz-event put -q home.pzc --user u0041 --item i0001 --type View
    pz-event export -q --for home.pzc -o day2.pzd home.pzc
    pz-train -q --update next.pzm --without ids -o clean.pzm day2.pzd
    pz-import -q --merge -o all.pzd --without ids shop.pzd day.pzd day2.pzd
    for i in 1 2; do # the version before, too
        pz-deploy publish -q home.pzc clean.pzm
    done
    # a dataset that has one of them, as the first one has
    pz-deploy gc -q --keep 0 --events --data day.pzd --data day2.pzd --data shop.pzd home.pzc
    [ "$(pz-event stats --json home.pzc | jq .forgotten)" -eq 2 ]
    pz-import -q --merge -o one.pzd --without <(echo gone) shop.pzd day.pzd day2.pzd
    # another campaign of the same store may know them
    pz-deploy publish -q other.pzc clean.pzm
    pz-deploy set -q other.pzc live ../home.pzc/live
    pz-deploy gc -q --keep 0 --events --data one.pzd home.pzc
    [ "$(pz-event stats --json home.pzc | jq .forgotten)" -eq 2 ]
    rm -r other.pzc
    pz-deploy gc -q --keep 0 --events --data one.pzd home.pzc
    [ "$(pz-event stats --json home.pzc | jq .forgotten)" -eq 1 ]
    run pz-deploy gc --keep 0 --events --data all.pzd home.pzc
    [[ $output == *"1 forgotten users are in nothing that is left"* ]]
    [ "$(pz-event stats --json home.pzc | jq .forgotten)" -eq 0 ]
    # of a store that others see nobody can tell
    pz-event forget -q --user gone home.pzc
    mv home.pzc/live shop.pzl
    pz-deploy set -q home.pzc live ../shop.pzl
    pz-event put -q home.pzc --user u0041 --item i0001 --type View
    pz-event export -q --for home.pzc -o day3.pzd home.pzc
    pz-train -q --update clean.pzm -o last.pzm day3.pzd
    for i in 1 2; do
        pz-deploy publish -q home.pzc last.pzm
    done
    pz-deploy gc -q --keep 0 --events --data all.pzd --data day3.pzd home.pzc
    [ "$(pz-event stats --json home.pzc | jq .forgotten)" -eq 1 ]
}

@test "status judges data, publication and backlog by themselves" {
    newest=$(date -u -d "$(pz-deploy status --json home.pzc | jq -r .newest)" +%s)
    pz-event put -q home.pzc --user u --item i0001 --type View
    SOURCE_DATE_EPOCH=$((newest + 36000)) pz-deploy publish -q home.pzc home.pzm
    export SOURCE_DATE_EPOCH=$((newest + 72000)) # data 20 h old, published 10 h ago
    pz-deploy status --max-age data=26h,publication=11h home.pzc
    run -1 pz-deploy status --max-age data=15h,publication=11h home.pzc
    [[ $output == *"WARNING: the newest interaction of version 4 is 20.0 hours old, more than 15h"* ]]
    run -2 pz-deploy status --max-age data=9h home.pzc
    [[ $output == *CRITICAL* ]]
    run -1 pz-deploy status --max-age data=9h:21h home.pzc
    run -1 pz-deploy status --max-age data=26h,publication=9h home.pzc
    run -2 pz-deploy status --max-age data=26h,nonsense=9h home.pzc
    run -3 pz-deploy status --max-age data=26h nosuch.pzc
    pz-deploy status --json --textfile pz.prom home.pzc | jq -e '.data_age == 72000 and .publication_age == 36000 and .backlog == 5'
    grep -q '^pz_publication_age_seconds{campaign="home.pzc"} 36000$' pz.prom
    grep -q '^pz_backlog_events{campaign="home.pzc"} 5$' pz.prom
}

@test "every program writes its line into the ledger" {
    pz-import -q --ledger l.jsonl -o s.pzd --interactions inter.csv
    pz-train -q --ledger l.jsonl -o m.pzm --no-tune --recipe popularity-count --holdout leave-last --holdout-out t.pzd s.pzd
    run -1 pz-eval -q --ledger l.jsonl m.pzm t.pzd --seen keep --gate 'ndcg@10 >= 2'
    pz-deploy publish -q --ledger l.jsonl home.pzc m.pzm
    pz-recommend -q --ledger l.jsonl home.pzc --user u0040 >/dev/null
    run -66 pz-train -q --ledger l.jsonl --update home.pzc -o n.pzm nosuch.pzd
    [ "$(jq -s -c '[.[].kind]' l.jsonl)" = '["import","train","eval","publish","recommend","update"]' ]
    [ "$(jq -s -c '[.[].exit]' l.jsonl)" = '[0,0,1,0,0,66]' ]
    jq -s -e 'all(.[]; .wall_seconds >= 0 and .cpu_seconds >= 0 and .peak_memory_bytes > 0)' l.jsonl
    jq -s -e '.[1].model == .[3].model and (.[1].rows_in > 0) and (.[0].bytes_in > 0)' l.jsonl
    jq -s -e '.[2].gate == "ndcg@10 >= 2" and .[2].gate_right == 2' l.jsonl
    # a line that could not be written is an error, though the work is done; a failure stays what it was
    for done in "pz-import -o full.pzd --interactions inter.csv" "pz-train -o full.pzm --recipe popularity-count s.pzd" \
        "pz-eval m.pzm t.pzd --seen keep" "pz-deploy publish home.pzc m.pzm" "pz-recommend home.pzc --user u0040" "pz-event export -o e.pzd home.pzc"; do
        run -74 $done -q --ledger /dev/full
        [[ $output == *"writing the ledger /dev/full"* ]]
    done
    [ -s full.pzd ] && [ -s full.pzm ]
    run -66 pz-train -q --ledger /dev/full -o n.pzm nosuch.pzd
    [[ $output == *nosuch.pzd* && $output == *"writing the ledger"* ]]
}

@test "a campaign stands for its current version: --update and --vs" {
    pz-train -q --update home.pzc -o up.pzm other.pzm 2>/dev/null || true
    head -n 1 inter.csv >day.csv && tail -n 5 inter.csv | awk -F, -v OFS=, '{ $3 += 9999; print }' >>day.csv
    pz-import -q -o day.pzd --interactions day.csv
    pz-train -q --update home.pzc -o up.pzm day.pzd
    pz-train -q --update home.pzm -o up2.pzm day.pzd
    # the same model; its bytes differ where frames of a packed model could be copied
    for m in up up2; do pz-recommend -q $m.pzm --all-users --num 10 -o $m.csv; done
    cmp up.csv up2.csv
    pz-eval -q --json home.pzm day.pzd --vs home.pzc --seen keep >/dev/null
    run -66 pz-train -q --update nosuch.pzc -o x.pzm day.pzd
}
