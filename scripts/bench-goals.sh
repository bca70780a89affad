#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Work that grows with data, each beside its floor or peers in the same run and the goal that it is held to. What grows
# with the catalogue is in bench-scale.sh, one answer in a process in bench-rank.sh. Figures are processor time of one
# thread. A part that fails is named; the others are run.
#
# usage: scripts/bench-goals.sh [PART...]   (CALLS=20, and as in bench.sh)
#        PART: batch, live (items put live), busy (a user's live events), put (events in bulk), filter, import,
#        training; none: all
# shellcheck source=scripts/bench-common.bash
source "$(dirname "$0")/bench-common.bash"
CALLS=${CALLS:-20}
export PZ_THREADS=1
model=$dir/bench-goals.pzm campaign=$dir/bench-goals.pzc

cpu() { measure "$@" | cut -d' ' -f1; }

times() { awk -v a="$1" -v b="$2" 'BEGIN { print a * b }'; }

# one_shot [USER]: least milliseconds of one answer of the campaign
one_shot() { "$B/scripts/latency" -c "$CALLS" pz-recommend "$campaign" --user "${1:-77}" | cut -d' ' -f1; }

# least FILE: the least number that a line begins with
least() { sort -n "$1" | head -1 | cut -d' ' -f1; }

# publish: a campaign anew, of a model of 27,000 items
publish() {
    [ -s "$model" ] || pz-train -q --no-tune -p sequence=off -p factors=on -o "$model" "$(dataset 1000000 69000 27000)"
    rm -rf "$campaign"
    pz-deploy publish -q "$campaign" "$model"
}

# events N: a CSV file of events with random ids
events() {
    awk -v n="$1" 'BEGIN {
        srand(1)
        print "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_ID"
        for (i = 0; i < n; i++)
            printf "%d,%d,%d,click,%08x%08x%08x%08x\n", rand() * 60000, rand() * 27000, 1700000000 + i,
                rand() * 2 ^ 32, rand() * 2 ^ 32, rand() * 2 ^ 32, rand() * 2 ^ 32
    }'
}

bench_batch() {
    local batch product
    publish
    read -r batch product < <("$B/scripts/bench-rank" "$campaign/versions/0001/model.flat" 96 6 |
        awk '{ for (i = 1; i < NF; i++) { if ($i == "blocks") b = $(i + 1); if ($i == "product") p = $(i + 1) } print b, p }')
    goal_row 'batch, us a user, 27,000 items x 64' "$batch" "$product" 400 'vectors times those of 64 users'
}

# beside WORK: a row of one answer beside live items, in turns with one of $alone, a campaign without them
beside() {
    local i name floor
    rm -f "$dir"/beside-*.ms
    for ((i = 0; i < 5; i++)); do
        for name in "$campaign" "$alone"; do
            "$B/scripts/latency" -c "$CALLS" pz-recommend "$name" --user 77 >>"$dir/beside-$(basename "$name").ms"
        done
    done
    floor=$(least "$dir/beside-$(basename "$alone").ms")
    goal_row "$1" "$(least "$dir/beside-$(basename "$campaign").ms")" "$floor" \
        "$(times 1.2 "$floor")" 'without them'
    rm -f "$dir"/beside-*.ms
}

bench_live() {
    local alone=$dir/bench-alone.pzc n seconds
    publish
    rm -rf "$alone"
    mv "$campaign" "$alone"
    for n in 10000 100000 1000000; do
        publish
        { echo ITEM_ID; seq -f 'new%.0f' "$n"; } >"$dir/bench-items.csv"
        seconds=$(once pz-event put-items -q "$campaign" "$dir/bench-items.csv" | cut -d' ' -f1)
        [ "$n" -lt 1000000 ] || goal_row 'put-items of 1,000,000 rows, CPU s' "$seconds" - 30 ''
        beside "one answer beside $n live items, ms"
        pz-event put-items -q "$campaign" --item one-more --properties '{}'
        sleep 3 # the next answer writes the file anew, though not at once after the last time
        one_shot >/dev/null
        beside 'the same after one more put'
    done
    rm -rf "$alone" "$dir/bench-items.csv"
}

# batch_of USER [OPTION...]: milliseconds of 1,000 questions of a user in a process, so microseconds of one
batch_of() {
    "$B/scripts/latency" -c 2 pz-recommend -q "$campaign" --input "$dir/busy-$1.csv" --format csv "${@:2}" | cut -d' ' -f1
}

# One user with 100,000 live events of 2,000 items and three types, beside one with none, in turns.
bench_busy() {
    local user ordinary busy where filter i
    publish
    awk 'BEGIN {
        srand(2)
        print "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE"
        split("click click click cart buy", type, " ")
        for (i = 0; i < 100000; i++) {
            t = type[1 + int(rand() * 5)]
            printf "77,%d,%d,%s,%s\n", rand() * 2000, 1700000000 + 10 * i, t, t == "buy" ? 1 + int(rand() * 50) : ""
        } }' >"$dir/bench-events.csv"
    pz-event put -q "$campaign" "$dir/bench-events.csv"
    one_shot >/dev/null
    ordinary=$(one_shot 78)
    goal_row '100,000 live events of one user, one answer, ms' "$(one_shot 77)" "$ordinary" "$(times 2 "$ordinary")" \
        'another user'
    for user in 77 78; do
        { echo USER_ID; yes "$user" | head -1000; } >"$dir/busy-$user.csv" || true
    done
    for where in '' 'EVENT_TYPE IN ("buy")' 'TIMESTAMP < 1700500000'; do
        filter=()
        [ -z "$where" ] || filter=(--filter "EXCLUDE ItemID WHERE Interactions.$where")
        rm -f "$dir"/busy-7?.us
        for ((i = 0; i < CALLS / 2; i++)); do
            for user in 77 78; do
                batch_of "$user" ${filter:+"${filter[@]}"} >>"$dir/busy-$user.us"
            done
        done
        busy=$(least "$dir/busy-77.us") ordinary=$(least "$dir/busy-78.us")
        goal_row "the same in a batch, us${where:+, ${where%% *}}" "$busy" "$ordinary" "$(times 2 "$ordinary")" 'another user'
    done
    rm -f "$dir"/busy-7?.* "$dir/bench-events.csv"
}

bench_put() {
    local size
    publish
    events 300000 >"$dir/bench-events.csv"
    /usr/bin/time -o "$dir/time" -f %O pz-event put -q "$campaign" "$dir/bench-events.csv"
    size=$(stat -c %s "$dir/bench-events.csv")
    goal_row '300,000 events with random ids, MB written' "$(awk '{ print $1 * 512 / 1e6 }' "$dir/time")" \
        "$(awk -v n="$size" 'BEGIN { print n / 1e6 }')" "$(awk -v n="$size" 'BEGIN { print 3 * n / 1e6 }')" 'their CSV'
    rm -f "$dir/bench-events.csv"
}

bench_filter() {
    local fixed new
    read -r _ fixed _ new < <("$B/scripts/bench-filter" 1000000)
    goal_row 'a filter, 1,000,000 items, a new value, us' "$new" "$fixed" 100 'the same with a fixed value'
}

# peer NAME PYTHON: a row of a Python library that reads the file of events, where it is installed
peer() {
    local python=${PYTHON:-/usr/bin/python3}
    if "$python" -c "import $1" 2>/dev/null; then
        printf '%-46s %9.2f            (reads alone)\n' "  beside: $1" "$(cpu "$python" -c "$2" "$csv")"
    else
        printf '%-46s %9s            (not installed)\n' "  beside: $1" -
    fi
}

bench_import() {
    csv=$(synthetic 5000000 138000 27000)
    goal_row 'import of 5,000,000 rows, CPU s' "$(cpu pz-import -q -o "$dir/bench-goals.pzd" --interactions "$csv")" \
        "$(cpu "$B/scripts/bench-floor" "$csv")" 0.9 'read, split, convert'
    rm -f "$dir/bench-goals.pzd"
    peer pandas 'import sys, pandas; pandas.read_csv(sys.argv[1])'
    peer polars 'import sys, polars; polars.read_csv(sys.argv[1])'
    peer duckdb 'import sys, duckdb; duckdb.sql("create table t as from read_csv(\"%s\")" % sys.argv[1])'
}

bench_training() {
    local rows data seconds megabytes said
    for rows in 1000000 5000000 ${BENCH_LARGE:+20000000}; do
        data=$(dataset "$rows" 69000 13500)
        said=$(pz-train -n --json --no-tune -p sequence=off "$data" | jq .memory_mb)
        read -r seconds megabytes < <(once pz-train -q --no-tune -p sequence=off -o "$dir/bench-training.pzm" "$data")
        [ "$rows" -gt 1000000 ] || goal_row 'training without tuning, 1,000,000, CPU s' "$seconds" - 7 ''
        [ "$rows" -gt 5000000 ] || goal_row "the same, $rows, bytes an interaction" \
            "$(awk -v mb="$megabytes" -v n="$rows" 'BEGIN { print mb * 1048576 / n }')" 16 60 'the histories alone'
        goal_row "the same, $rows, memory said to taken" "$(awk -v said="$said" -v mb="$megabytes" 'BEGIN {
            r = said * 1e6 / (mb * 1048576)
            print r < 1 ? 1 / r : r }')" 1 1.3 'off by a factor of'
    done
    rm -f "$dir/bench-training.pzm"
}

if [ $# -ne 1 ]; then
    [ $# -gt 0 ] || set -- batch live busy put filter import training
    make -s B="$B" "$B/scripts/bench-rank" "$B/scripts/bench-floor" "$B/scripts/bench-filter" "$B/scripts/latency"
    goal_head
    failed=()
    for part; do
        BENCH_DIR=$dir scripts/bench-goals.sh "$part" || failed+=("$part")
    done
    rm -rf "$campaign" "$model"
    [ ${#failed[@]} -eq 0 ] || { echo "failed parts: ${failed[*]}" >&2; exit 1; }
    exit 0
fi
[ "$(type -t "bench_$1")" = function ] || { echo "there is no part $1" >&2; exit 2; }
make -s B="$B" "$B/scripts/bench-rank" "$B/scripts/bench-floor" "$B/scripts/bench-filter" "$B/scripts/latency"
"bench_$1"
