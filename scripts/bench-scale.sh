#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Growth with the catalogue: models of the default parts with factors, without encoder, are trained, published and
# asked at several sizes. One call from exec to exit in milliseconds of processor time, least and median, beside that of
# `true`, and the pages it touches; pz_rank inside a process beside one pass over as many vectors of bytes, in
# microseconds of one thread. `growth` is the exponent b of cost ~ items^b from one size to the next, of the column
# before it. Goals, of one call and of pz_rank, and whether they are met, follow the table.
#
# Data without structure are not the worst case: where users like a few of many TOPICS, lengths of vectors tell less
# (doc/measured.md). For a probe they are: there is nothing to predict. So one size in topics is asked by probes, too, at
# the least share that finds .99. BENCH_LARGE=1 adds five million items, which take 16 GB and half an hour.
#
# usage: scripts/bench-scale.sh   (SIZES="ROWS:USERS:ITEMS[:TOPICS] ...", TOPICS of one, CALLS=20, and as in bench.sh)
# shellcheck source=scripts/bench-common.bash
source "$(dirname "$0")/bench-common.bash"
SIZES=${SIZES:-50000:5000:1000 1000000:69000:27000 2000000:200000:500000 6000000:500000:2000000} CALLS=${CALLS:-20}
TOPICS=${TOPICS:-2000000:200000:500000:2500}
[ -z "${BENCH_LARGE:-}" ] || SIZES+=" 30000000:2500000:10000000"
rows=$dir/bench-scale.goals
: >"$rows"

# goals ITEMS CALL-MS TRUE-MS RANK-US FLOOR-US: their rows, for the end
goals() {
    local call=3 rank=2
    [ "$1" -lt 20000 ] && return
    [ "$1" -lt 100000 ] || call=6
    [ "$1" -lt 700000 ] || call=15 rank=6
    [ "$1" -lt 3000000 ] || rank=25
    if [ "$1" -lt 3000000 ]; then goal_row "one call, $1 items, CPU ms" "$2" "$3" "$call" true; fi
    if [ "$1" -lt 700000 ]; then
        goal_row "one answer in a process, $1 items, floors" "$(awk -v a="$4" -v b="$5" 'BEGIN { print a / b }')" 1 "$rank" \
            'a pass over as many bytes'
    else
        goal_row "one answer in a process, $1 items, ms" "$(awk -v us="$4" 'BEGIN { print us / 1000 }')" \
            "$(awk -v us="$5" 'BEGIN { print us / 1000 }')" "$rank" 'a pass over as many bytes'
    fi
}

# probe_goal NAME ARGUMENT...: a row of answers by a probe beside exact ones, and how much of their lists it finds: of
# several shares that --check-probe measures, the least that finds .99, or the largest
probe_goal() {
    local name=$1
    shift
    pz-recommend -q "$campaign" --check-probe "$@" --json |
        jq -rs 'first(.[] | select(.recall >= .99)) // last | "\(.share) \(.cpuMs) \(.exactCpuMs) \(.recall)"' |
        while read -r share ms exact recall; do
            goal_row "--probe $share, $name, ms, recall $recall" "$ms" "$exact" \
                "$(awk -v ms="$exact" -v recall="$recall" 'BEGIN { print recall < .99 ? 0 : ms / 10 }')" 'an exact answer'
        done
}

# publish_size ROWS:USERS:ITEMS[:TOPICS]: a campaign of made data; train, peak and publish become what that took
publish_size() {
    local n_rows users items topics data
    IFS=: read -r n_rows users items topics <<<"$1"
    data=$(dataset "$n_rows" "$users" "$items" ${topics:+1 "$topics"})
    read -r train peak < <(once pz-train -q --no-tune -p sequence=off -p factors=on -p factors.sweeps=2 -o "$model" "$data")
    rm -rf "$campaign"
    read -r publish _ < <(once pz-deploy publish -q "$campaign" "$model")
}

make -s "$B/scripts/bench-rank" "$B/scripts/latency" B="$B"
printf '%9s %8s %6s %8s %9s %6s | %6s %7s %7s %7s %6s | %8s %8s %6s %6s\n' items 'train s' growth 'peak MB' 'publish s' \
    growth true least median pages growth 'floor us' 'rank us' times growth
before="0 0 0 0 0"
model=$dir/bench-scale.pzm campaign=$dir/bench-scale.pzc
for size in $SIZES; do
    publish_size "$size"
    least=$("$B/scripts/latency" -c "$CALLS" true | cut -d' ' -f1)
    read -r one median _ pages < <("$B/scripts/latency" -c "$CALLS" pz-recommend "$campaign" --user 77)
    read -r found _ _ _ floor _ _ _ _ warm _ < <("$B/scripts/bench-rank" "$campaign/versions/0001/model.flat" 48 4)
    now="$found $train $publish $one $warm"
    awk -v before="$before" -v now="$now" -v peak="$peak" -v median="$median" -v pages="$pages" -v least="$least" \
        -v floor="$floor" '
        function growth(i) { return b[1] && b[i] && n[i] ? sprintf("%.2f", log(n[i] / b[i]) / log(n[1] / b[1])) : "-" }
        BEGIN {
            split(before, b, " ")
            split(now, n, " ")
            printf "%9d %8.1f %6s %8.0f %9.2f %6s | %6.2f %7.2f %7.2f %7d %6s | %8.0f %8.0f %6.2f %6s\n", n[1], n[2],
                growth(2), peak, n[3], growth(3), least, n[4], median, pages, growth(4), floor, n[5], n[5] / floor, growth(5)
        }'
    goals "$found" "$one" "$least" "$warm" "$floor" >>"$rows"
    [ "$found" -lt 100000 ] || probe_goal "$found items" --probe 0.001 >>"$rows"
    before=$now
    rm -rf "$model" "$campaign"
done
publish_size "$TOPICS"
probe_goal "items in topics" >>"$rows"
rm -rf "$model" "$campaign"
goal_head
cat "$rows"
rm -f "$rows"
