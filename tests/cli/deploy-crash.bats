# SPDX-License-Identifier: Apache-2.0
# A process that dies at any step of a change leaves a campaign that answers, and the next one tidies up.
load common

KILLAT=$PZ_BIN/../tests/killat.so

# Hundreds of synced writes: in memory where the machine has a place for it.
setup() {
    WORK=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
    cd "$WORK" || exit 1
}

teardown() {
    rm -rf "$WORK"
}

# A campaign base.pzc with two versions of a tiny model.
small_campaign() {
    awk -F, 'NR == 1 || substr($1, 4, 2) == "00"' "$SHOP/interactions.csv" >inter.csv
    pz-import -q -o shop.pzd --interactions inter.csv
    pz-train -q -o home.pzm --no-tune --recipe popularity-count shop.pzd
    pz-deploy publish -q base.pzc home.pzm
    pz-deploy publish -q base.pzc home.pzm
    pz-recommend -q base.pzc --user u0040 -n 3 >answer.csv
}

# steps COMMAND...: how many steps it has
steps() {
    rm -f steps.txt
    PZ_STEPS=$PWD/steps.txt LD_PRELOAD=$KILLAT "$@"
    wc -l <steps.txt
}

# clean CAMPAIGN: nothing half-made is left
clean() {
    [ -z "$(find "$1" -name '*.new' -o -name '*.old' -o -name '*.tmp')" ]
}

# survives COMMAND...: kill it (on a copy c.pzc of base.pzc) at every step; each time the campaign answers, and
# the next publication succeeds and tidies up
survives() {
    local n last
    rm -rf c.pzc && cp -r base.pzc c.pzc
    last=$(steps "$@")
    [ "$last" -gt 3 ]
    for n in $(seq 1 "$last"); do
        rm -rf c.pzc && cp -r base.pzc c.pzc
        run env PZ_KILL_AT="$n" LD_PRELOAD="$KILLAT" "$@"
        [ "$status" -eq 137 ] || { echo "step $n: exit $status" && return 1; }
        pz-recommend -q c.pzc --user u0040 -n 3 >after.csv
        cmp answer.csv after.csv
        pz-deploy publish -q c.pzc home.pzm
        clean c.pzc
        pz-recommend -q c.pzc --user u0040 -n 3 >after.csv
        cmp answer.csv after.csv
    done
}

@test "a publication killed at any step leaves a campaign that answers" {
    small_campaign
    survives pz-deploy publish -q c.pzc home.pzm
}

@test "a first publication killed at any step can be done again" {
    small_campaign
    rm -rf c.pzc
    last=$(steps pz-deploy publish -q c.pzc home.pzm)
    for n in $(seq 1 "$last"); do
        rm -rf c.pzc
        run -137 env PZ_KILL_AT="$n" LD_PRELOAD="$KILLAT" pz-deploy publish -q c.pzc home.pzm
        pz-deploy publish -q c.pzc home.pzm
        clean c.pzc
        pz-recommend -q c.pzc --user u0040 -n 3 | cmp answer.csv -
    done
}

@test "rollback, gc and set killed at any step leave a campaign that answers" {
    small_campaign
    for i in 3 4 5; do pz-deploy publish -q base.pzc home.pzm; done
    survives pz-deploy rollback -q c.pzc
    survives pz-deploy gc -q --keep 0 c.pzc
    survives pz-deploy set -q c.pzc num 7
}

@test "a disk that fills at any step fails the publication and nothing else" {
    [ -z "${SAN:-}" ] || skip "a full disk ends a sanitizer"
    small_campaign
    rm -rf c.pzc && cp -r base.pzc c.pzc
    last=$(steps pz-deploy publish -q c.pzc home.pzm)
    for n in $(seq 3 "$last"); do
        rm -rf c.pzc && cp -r base.pzc c.pzc
        run env PZ_FULL_AT="$n" LD_PRELOAD="$KILLAT" pz-deploy publish -q c.pzc home.pzm
        if [ "$status" -eq 0 ]; then # the lock's text, for people only, is all that failed, or nothing was left
            continue
        fi
        [ "$status" -eq 73 ] || [ "$status" -eq 74 ] || { echo "step $n: $status: $output" && return 1; }
        [[ $output == *"No space left"* ]]
        clean c.pzc
        pz-recommend -q c.pzc --user u0040 -n 3 | cmp answer.csv -
    done
    [ "$n" -gt 20 ]
}

@test "what a rename makes visible is on disk before, and its name after" {
    small_campaign
    steps pz-deploy publish -q new.pzc home.pzm
    # a file has to be synced after its last write and before its rename; then its folder, before anything else
    awk '{ sub(/^.*\/(new\.pzc|\.\/new\.pzc)/, "new.pzc", $2) }
         $1 == "write" { dirty[$2] = 1 }
         $1 == "sync" { delete dirty[$2]; if (wait == $2) wait = "" ; next }
         wait != "" { print "not synced: folder " wait " before: " $0; bad = 1; wait = "" }
         $1 == "rename" { if ($2 in dirty) { print "not synced: " $2; bad = 1 }
                          wait = $3; sub(/\/[^\/]*$/, "", wait) }
         END { if (wait != "") { print "not synced at the end: " wait; bad = 1 } exit bad }' steps.txt
    grep -q '^rename .*current' steps.txt
}

@test "an event put that dies at any step loses nothing acknowledged" {
    small_campaign
    pz-event put base.pzc --user u --item i0001 --type View
    rm -rf c.pzc && cp -r base.pzc c.pzc
    last=$(steps pz-event put -q c.pzc --user u --item i0002 --type View)
    [ "$last" -ge 4 ]
    for n in $(seq 1 "$last"); do
        rm -rf c.pzc && cp -r base.pzc c.pzc
        run -137 env PZ_KILL_AT="$n" LD_PRELOAD="$KILLAT" \
            pz-event put -q c.pzc --user u --item i0002 --type View
        pz-event put c.pzc --user u --item i0003 --type View
        pz-event export -q c.pzc | cut -d, -f2 | grep -v i0002 >items.txt
        printf 'ITEM_ID\ni0001\ni0003\n' | cmp - items.txt
    done
}

@test "an event put on a full disk says so, and loses nothing acknowledged" {
    small_campaign
    pz-event put base.pzc --user u --item i0001 --type View
    for n in 1 2 3 4; do
        rm -rf c.pzc && cp -r base.pzc c.pzc
        run env PZ_FULL_AT="$n" LD_PRELOAD="$KILLAT" pz-event put -q c.pzc --user u --item i0002 --type View
        [ "$status" -eq 74 ] || [ "$status" -eq 0 ]
        if [ "$status" -eq 74 ]; then
            [[ $output == *"No space left"*"acknowledged"* ]]
            [ "$(pz-event stats --json c.pzc | jq .events)" -eq 1 ]
        fi
    done
    run -74 env PZ_FULL_AT=2 LD_PRELOAD="$KILLAT" pz-event put -q c.pzc --user u --item i0002 --type View
}

@test "compaction and repair killed at any step keep every event" {
    small_campaign
    seq 40 | sed 's/.*/{"userId":"v&","itemId":"i0001","eventType":"View","timestamp":1735689600,"eventId":"e&"}/' >many.jsonl
    pz-event put -q base.pzc many.jsonl
    pz-event forget -q base.pzc --user v7
    pz-event export -q base.pzc/live >all.csv
    pz-recommend -q base.pzc --user u0040 -n 3 >answer.csv # i0001 is one that only these events know
    for command in "compact -q c.pzc" "repair -q c.pzc"; do
        rm -rf c.pzc && cp -r base.pzc c.pzc
        [ "${command%% *}" = compact ] || rm c.pzc/current
        last=$(steps pz-deploy $command)
        [ "$last" -gt 5 ]
        for n in $(seq 1 "$last"); do
            rm -rf c.pzc && cp -r base.pzc c.pzc
            [ "${command%% *}" = compact ] || rm c.pzc/current
            run -137 env PZ_KILL_AT="$n" LD_PRELOAD="$KILLAT" pz-deploy $command
            pz-event export -q c.pzc/live | cmp all.csv -
            pz-deploy $command
            pz-event put -q c.pzc many.jsonl # all are known, the forgotten one too
            [ "$(pz-event stats --json c.pzc | jq -c '[.events,.last]')" = '[39,41]' ]
            pz-recommend -q c.pzc --user u0040 -n 3 | cmp answer.csv -
            clean c.pzc
            [ ! -e c.pzc/live.compact ]
        done
    done
}
