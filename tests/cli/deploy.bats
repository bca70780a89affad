# SPDX-License-Identifier: Apache-2.0
# pz-deploy: versions, settings, the lock.
load common

setup_file() {
    export PATH=$PZ_BIN:$PATH
    cd "$BATS_FILE_TMPDIR" || return 1
    awk -F, 'NR == 1 || substr($1, 4, 2) == "40"' "$BATS_TEST_DIRNAME/../../sample-data/interactions.csv" >inter.csv
    pz-import -q -o shop.pzd --interactions inter.csv
    pz-train -q -o home.pzm --no-tune --recipe popularity-count shop.pzd
}

setup() {
    cd "$BATS_TEST_TMPDIR" || exit 1
    cp "$BATS_FILE_TMPDIR/home.pzm" .
    pz-deploy publish -q home.pzc home.pzm
}

version() {
    pz-deploy status --json home.pzc | jq .version
}

@test "versions count on and are never used again" {
    pz-deploy publish -q home.pzc home.pzm
    pz-deploy publish -q home.pzc home.pzm
    pz-deploy rollback -q home.pzc --to 1
    [ "$(version)" -eq 1 ]
    pz-deploy rollback -q home.pzc
    [ "$(version)" -eq 3 ]
    pz-deploy rollback -q home.pzc --to 1
    pz-deploy gc -q --keep 0 home.pzc
    [ "$(pz-deploy list --json home.pzc | jq -c '[.[].version]')" = "[1,3]" ]
    pz-deploy publish -q home.pzc home.pzm
    [ "$(version)" -eq 4 ]
    [ "$(pz-deploy list --json home.pzc | jq -r '.[] | select(.state == "previous").version')" -eq 1 ]
    run -66 pz-deploy rollback home.pzc --to 2
    [[ $output == *"no version 2"* ]]
}

@test "a damaged model is refused, and leaves nothing" {
    size=$(stat -c %s home.pzm)
    for at in 100 $((size / 2)) $((size - 40)); do
        cp home.pzm bad.pzm
        printf '\x55\xaa\x55' | dd of=bad.pzm bs=1 seek="$at" conv=notrunc status=none
        run -65 pz-deploy publish home.pzc bad.pzm
    done
    run -66 pz-deploy publish home.pzc nosuch.pzm
    [ "$(version)" -eq 1 ]
    [ "$(ls home.pzc/versions)" = 0001 ]
}

@test "one at a time: another waits, then says who holds the lock" {
    exec 8>>home.pzc/lock
    flock 8
    echo "process 42 since noon" >home.pzc/lock
    run -75 pz-deploy publish home.pzc home.pzm
    [[ $output == *"locked by process 42 since noon"* ]]
    run -75 pz-deploy set --lock-wait 0.1 home.pzc num 3
    run -75 pz-deploy gc home.pzc
    run -75 pz-deploy rollback home.pzc
    pz-recommend -q home.pzc --user u0040 >/dev/null
    (sleep 0.3; exec 8>&-) &
    exec 8>&-
    pz-deploy publish -q --lock-wait 30 home.pzc home.pzm
    [ "$(version)" -eq 2 ]
}

@test "settings are checked, listed, kept over publications and removed" {
    pz-deploy set home.pzc num 10
    pz-deploy set home.pzc exploration-weight 0.25
    run -2 pz-deploy publish --seen kee home.pzc home.pzm
    pz-deploy publish -q --seen keep home.pzc home.pzm
    pz-deploy publish -q home.pzc home.pzm
    [ "$(pz-deploy status --json home.pzc | jq -cS .settings)" = '{"exploration-weight":0.25,"num":10,"seen":"keep"}' ]
    run -0 pz-deploy status home.pzc
    [[ $output == *"num = 10"* ]]
    run -2 pz-deploy set home.pzc num 0
    [[ $output == *"from 1 to 1000000"* ]]
    run -2 pz-deploy set home.pzc num 1.5
    run -2 pz-deploy set home.pzc exploration-weight 2
    run -2 pz-deploy set home.pzc seen kee
    [[ $output == *"exclude|keep|only|auto"* ]]
    run -2 pz-deploy set home.pzc exploration-wait 0.5
    [[ $output == *"did you mean exploration-weight?"* ]]
    run -2 pz-deploy set home.pzc num
    pz-deploy unset home.pzc seen
    run -66 pz-deploy unset home.pzc seen
    [ "$(pz-deploy status --json home.pzc | jq -c '.settings | keys')" = '["exploration-weight","num"]' ]
}

@test "settings are what a query does when it does not say" {
    [ "$(pz-recommend -q home.pzc --user u0040 | wc -l)" -eq 26 ]
    pz-deploy set home.pzc num 3
    [ "$(pz-recommend -q home.pzc --user u0040 | wc -l)" -eq 4 ]
    [ "$(pz-recommend -q home.pzc --user u0040 -n 5 | wc -l)" -eq 6 ]
    [ "$(pz-recommend -q home.pzm --user u0040 | wc -l)" -eq 26 ]
    pz-event put home.pzc --user stranger --item i0001 --type View
    pz-deploy set home.pzc seen only
    [ "$(pz-recommend -q home.pzc --user stranger | tail -n +2 | cut -d, -f2)" = i0001 ]
    pz-recommend -q home.pzc --user stranger --seen exclude >answer.csv
    run ! grep -q ,i0001, answer.csv
}

@test "filters are kept under names" {
    pz-deploy set home.pzc filter bought 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("Purchase")'
    [ "$(pz-deploy status --json home.pzc | jq -r .filters.bought)" = \
        'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("Purchase")' ]
    run -0 pz-deploy status home.pzc
    [[ $output == *"bought = EXCLUDE ItemID"* ]]
    run -2 pz-deploy set home.pzc filter 'no name' 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")'
    run -2 pz-deploy set home.pzc filter x ''
    run -2 pz-deploy set home.pzc filter x
    pz-deploy unset home.pzc filter bought
    [ "$(pz-deploy status --json home.pzc | jq -c .filters)" = '{}' ]
}

@test "gc --events removes what every version left has, and nothing else" {
    for i in 1 2 3; do pz-event put home.pzc --user u --item "i000$i" --type View; done
    pz-event put home.pzc --session nobody --item i0001 --type View
    pz-event put-items home.pzc --item a --properties '{"x":1}'
    pz-event put-items home.pzc --item b --properties '{"x":1}'
    pz-deploy publish -q --live-seen 2 --rows-seen 5 home.pzc home.pzm
    pz-deploy gc -q --events home.pzc
    [ "$(pz-event stats --json home.pzc | jq .events)" -eq 4 ] # version 1 needs all
    pz-deploy publish -q --live-seen 4 --rows-seen 5 home.pzc home.pzm
    run -1 pz-deploy gc -q --keep 0 --events home.pzc
    [[ $output == *"2 live events (numbers 1 to 2) are in no dataset"* ]]
    pz-deploy gc -q --keep 0 --events --force home.pzc
    pz-event stats --json home.pzc | jq -e '.events == 2 and .items == 1 and .last == 6'
    pz-event put home.pzc --user u --session nobody --item i0004 --type View
    [ "$(pz-event export -q home.pzc | wc -l)" -eq 4 ]
}

@test "status tells monitoring when the current version is too old" {
    SOURCE_DATE_EPOCH=1700000000 pz-deploy publish -q home.pzc home.pzm
    SOURCE_DATE_EPOCH=1700090000 pz-deploy status --max-age 26h home.pzc
    SOURCE_DATE_EPOCH=1700100000 run -1 --separate-stderr pz-deploy status --json --max-age 26h home.pzc
    [[ $stderr == *"version 2 was published 27.8 hours ago, more than 26h"* ]]
    jq -e '.version == 2' <<<"$output"
    run -2 pz-deploy status --max-age soon home.pzc
}

@test "errors say what to do" {
    run -66 pz-deploy status nosuch.pzc
    [[ $output == *"see pz-deploy publish"* ]]
    run -66 pz-deploy set nosuch.pzc num 3
    run -2 pz-deploy publish home.pzc
    mkdir empty.pzc
    run -66 pz-recommend empty.pzc --user u
    run -66 pz-deploy rollback home.pzc
    [[ $output == *"no previous version"* ]]
}

@test "check --ids: an id is a field or a word, not a part of one, nor an item's" {
    awk 'BEGIN { print "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE"; for (u = 1; u <= 40; u++) for (i = 1; i <= 9; i++) print u "," (u * i) % 47 + 1 "," 1735689600 + u * 100 + i ",View" }' >n.csv
    printf 'USER_ID,TOLD_BY\n1,12\n2,x\n3,see user-7\n' >users.csv
    pz-import -q -o n.pzd --interactions n.csv --users users.csv
    pz-train -q --no-tune -o n.pzm n.pzd
    pz-deploy publish -q n.pzc n.pzm
    for i in 1 2 300 41; do pz-event put -q n.pzc --user "10$i" --item "$i" --type View; done
    pz-event put-items -q n.pzc --item 41 --properties '{}'
    places() { pz-deploy check -q --ids - "$@" | sed 1d; }
    # 41 to 47 are items alone; 4 is a part of many
    gzip -k n.csv
    [ -z "$(seq 41 47 | places n.pzc n.pzm n.pzd)" ]
    [ "$(echo 41 | places n.csv.gz)" = "41,n.csv.gz,text" ] # of a text nobody knows the columns
    echo 4 | places n.pzm | grep -qx '4,n.pzm,users'
    echo 12 | places n.pzm | grep -qx '12,n.pzm,users/TOLD_BY.values'
    [ -z "$(echo user | places n.pzm)" ]
    echo user-7 | places n.pzd | grep -qx 'user-7,n.pzd,users/TOLD_BY.values'
    echo 102 | places n.pzc | grep -q '^102,n.pzc/live/data.mdb,'
    # in free pages too, until they are compacted; a number that begins like it stays
    pz-event put -q n.pzc --user 1029 --item 5 --type View
    pz-event forget -q --purge --user 101 n.pzc
    pz-event forget -q --user 102 n.pzc
    echo 102 | places n.pzc | grep -q data.mdb
    [ -z "$(echo 101 | places n.pzc)" ]
    pz-event forget -q --purge --user 102 n.pzc
    [ -z "$(echo 102 | places n.pzc)" ]
    echo 1029 | places n.pzc | grep -q data.mdb
    # large values have pages of their own
    pz-event put -q n.pzc --user 555 --item 5 --type View --properties "{\"a\":\"$(seq 6000 9000 | tr '\n' ' ')\"}"
    echo 555 | places n.pzc | grep -q data.mdb
    echo 8000 | places n.pzc | grep -q data.mdb
    # what cannot be read is not vouched for
    head -c 3000 n.pzm >cut.pzm
    echo 1 | { run -65 pz-deploy check --ids - cut.pzm; }
    echo 1 | { run -66 pz-deploy check --ids - nosuch; }
    # a store elsewhere, by a link or by its name, belongs to the campaign; one that is away is not clean
    mv n.pzc/live elsewhere
    ln -s ../elsewhere n.pzc/live
    echo 1029 | places n.pzc | grep -q '^1029,n.pzc/live/data.mdb,'
    mv elsewhere away
    echo 1029 | { run -74 pz-deploy check --ids - n.pzc; }
    rm n.pzc/live
    mv away n.pzc/live
    pz-event put -q s.pzl --user 1030 --item 5 --type View
    pz-deploy publish -q o.pzc n.pzm
    pz-deploy set -q o.pzc live ../s.pzl
    echo 1030 | places o.pzc | grep -q '^1030,.*s.pzl/data.mdb,'
    mv s.pzl away.pzl
    echo 1030 | { run -66 pz-deploy check --ids - o.pzc; }
    echo nobody | pz-deploy check --json --ids - n.pzc n.pzd | jq -e '.ids == 1 and .found == 0 and .files > 5'
    echo 7 | { run -1 pz-deploy check -q --json --ids - n.pzd; jq -s -e '.[0].user == "7" and .[0].place == "users" and .[1].found == 1' <<<"${lines[0]}${lines[1]}"; }
}

@test "a live store whose disk is away is missed, not taken for an empty one" {
    small_shop
    pz-train -q --no-tune --recipe popularity-count -o m.pzm shop.pzd
    pz-deploy publish -q away.pzc m.pzm
    pz-event put -q away.pzc --user u --item i0001 --type View
    pz-deploy publish -q away.pzc m.pzm
    run -0 pz-deploy check away.pzc
    [[ $output != *mounted* ]]
    # a mount point without its disk is an empty folder
    mv away.pzc/live disk
    mkdir away.pzc/live
    run -0 pz-deploy check away.pzc
    [[ $output == *"not the one that version 2 was published beside"* ]]
    pz-deploy status away.pzc 2>&1 >/dev/null | grep -q 'is its disk mounted'
    # a link to nowhere is told by everybody
    rmdir away.pzc/live
    ln -s ../nowhere away.pzc/live
    run -65 pz-deploy check away.pzc
    for command in "pz-recommend away.pzc --user u" "pz-event stats away.pzc" "pz-event export away.pzc" \
        "pz-event put away.pzc --user u --item i0001 --type View" "pz-deploy compact away.pzc" "pz-deploy status away.pzc"; do
        run -66 $command
        [[ $output == *"leads nowhere"* ]]
    done
    mv disk nowhere
    pz-event stats away.pzc | grep -q '^events     1 '
}

@test "gc --ids removes versions that know somebody, the previous one too" {
    small_shop
    printf 'u0010\n' >ids
    pz-train -q --no-tune --recipe popularity-count -o with.pzm shop.pzd
    pz-import -q --merge --without ids -o left.pzd shop.pzd
    pz-train -q --no-tune --recipe popularity-count -o left.pzm left.pzd
    pz-deploy publish -q gone.pzc with.pzm
    pz-deploy publish -q gone.pzc with.pzm
    pz-deploy publish -q gone.pzc left.pzm
    pz-deploy pin -q gone.pzc 1
    run -0 --separate-stderr pz-deploy gc --json --ids ids gone.pzc
    [ "$output" = '{"removed":1,"live_removed":0,"marks_removed":0}' ]
    [[ $stderr == *"version 1 stays, as it is pinned"* ]]
    [ "$(ls gone.pzc/versions | tr '\n' ' ')" = "0001 0003 " ]
    run -66 pz-deploy rollback gone.pzc # there is no previous one
    pz-deploy unpin -q gone.pzc 1
    pz-deploy gc -q --ids ids gone.pzc
    pz-deploy check -q --ids ids gone.pzc
    pz-deploy check -q gone.pzc
}
