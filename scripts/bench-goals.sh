#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Work that grows with data, each beside its floor in the same run and the goal that it is held to: a batch, answers
# beside live items, events with random ids in bulk, an import, a training. What grows with the catalogue is in
# bench-scale.sh, filters in bench-filter.sh. Figures are processor time of one thread.
#
# usage: scripts/bench-goals.sh   (CALLS=20, and as in bench.sh)
# shellcheck source=scripts/bench-common.bash
source "$(dirname "$0")/bench-common.bash"
CALLS=${CALLS:-20}
export PZ_THREADS=1
model=$dir/bench-goals.pzm campaign=$dir/bench-goals.pzc

# line WORK MEASURED FLOOR GOAL WHAT-THE-FLOOR-IS; the goal is what MEASURED is at most
line() {
    awk -v work="$1" -v is="$2" -v least="$3" -v goal="$4" -v what="$5" 'BEGIN {
        printf "%-44s %9.2f %9.2f %9.2f  %-6s %s\n", work, is, least, goal, is <= goal ? "met" : "MISSED", what
    }'
}

cpu() { measure "$@" | cut -d' ' -f1; }

# one_shot: least milliseconds of one answer of the campaign
one_shot() { "$B/scripts/latency" -c "$CALLS" pz-recommend "$campaign" --user 77 | cut -d' ' -f1; }

publish() {
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

make -s B="$B" "$B/scripts/bench-rank" "$B/scripts/bench-floor" "$B/scripts/latency"
printf '%-44s %9s %9s %9s\n' '' measured floor goal

data=$(dataset 1000000 69000 27000)
pz-train -q --no-tune -p sequence=off -p factors=on -o "$model" "$data"
publish
read -r batch product < <("$B/scripts/bench-rank" "$campaign/versions/0001/model.flat" 96 6 |
    awk '{ for (i = 1; i < NF; i++) { if ($i == "blocks") b = $(i + 1); if ($i == "product") p = $(i + 1) } print b, p }')
line 'batch, us a user, 27,000 items x 64' "$batch" "$product" 400 'vectors times those of 64 users'

alone=$(one_shot)
for n in 10000 100000; do
    publish
    { echo ITEM_ID; seq -f 'new%.0f' "$n"; } >"$dir/bench-items.csv"
    pz-event put-items -q "$campaign" "$dir/bench-items.csv"
    goal=$(awk -v ms="$alone" 'BEGIN { print 1.2 * ms }')
    line "one answer beside $n live items, ms" "$(one_shot)" "$alone" "$goal" 'without them'
    pz-event put-items -q "$campaign" --item one-more --properties '{}'
    sleep 3 # the next answer writes the file anew, though not at once after the last time
    line 'the same after one more put' "$(one_shot)" "$alone" "$goal" 'without them'
done

publish
events 300000 >"$dir/bench-events.csv"
/usr/bin/time -o "$dir/time" -f %O pz-event put -q "$campaign" "$dir/bench-events.csv"
size=$(stat -c %s "$dir/bench-events.csv")
line '300,000 events with random ids, MB written' "$(awk '{ print $1 * 512 / 1e6 }' "$dir/time")" \
    "$(awk -v n="$size" 'BEGIN { print n / 1e6 }')" "$(awk -v n="$size" 'BEGIN { print 3 * n / 1e6 }')" 'their CSV'

csv=$(synthetic 5000000 138000 27000)
line 'import of 5,000,000 rows, CPU s' "$(cpu pz-import -q -o "$dir/bench-goals.pzd" --interactions "$csv")" \
    "$(cpu "$B/scripts/bench-floor" "$csv")" 0.9 'read, split, convert'

for rows in 1000000 5000000; do
    data=$(dataset "$rows" 69000 13500)
    read -r seconds _ kilobytes < <(RUNS=1 measure pz-train -q --no-tune -p sequence=off -o "$model" "$data")
    [ "$rows" -gt 1000000 ] || line 'training without tuning, 1,000,000, CPU s' "$seconds" 0 7 ''
    line "the same, $rows, bytes an interaction" "$(awk -v kb="$kilobytes" -v n="$rows" 'BEGIN { print kb * 1024 / n }')" \
        16 60 'the histories alone'
done
rm -rf "$campaign" "$model" "$dir/bench-goals.pzd" "$dir/bench-items.csv" "$dir/bench-events.csv"
