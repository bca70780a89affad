#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Growth with the catalogue: models of the default parts with factors, without encoder, are trained, published and
# asked at several sizes. One call from exec to exit in milliseconds of processor time, least and median, beside that of
# `true`, and the pages it touches; pz_rank inside a process beside one pass over as many vectors of bytes, in
# microseconds of one thread. `growth` is the exponent b of cost ~ items^b from one size to the next. Goals, of one call
# and of pz_rank, and whether they are met, stand behind a size.
#
# Data without structure are the worst case: nearly all items are about as far from every user. A table of five million
# items takes 16 GB and half an hour: SIZES=30000000:2500000:10000000 scripts/bench-scale.sh
#
# usage: scripts/bench-scale.sh   (SIZES="ROWS:USERS:ITEMS ...", CALLS=20, and as in bench.sh)
# shellcheck source=scripts/bench-common.bash
source "$(dirname "$0")/bench-common.bash"
SIZES=${SIZES:-50000:5000:1000 1000000:69000:27000 2000000:200000:500000 6000000:500000:2000000} CALLS=${CALLS:-20}

# once COMMAND...: its CPU seconds and megabytes
once() {
    /usr/bin/time -o "$dir/time" -f '%U %S %M' "$@" >/dev/null 2>&1
    awk '{ print $1 + $2, $3 / 1024 }' "$dir/time"
}

make -s "$B/scripts/bench-rank" "$B/scripts/latency" B="$B"
printf '%9s %8s %8s %9s | %6s %7s %7s %7s %6s | %8s %8s %6s %6s\n' items 'train s' 'peak MB' 'publish s' \
    true least median pages growth 'floor us' 'rank us' times growth
# most milliseconds of a call, and of pz_rank: times its floor, or milliseconds, from so many items on
goals() {
    awk -v n="$1" -v ms="$2" -v us="$3" -v floor="$4" '
        function said(is, goal) { return goal " " (is <= goal ? "met" : "MISSED") }
        BEGIN {
            if (n < 20000) exit
            call = n < 100000 ? 3 : n < 700000 ? 6 : 15
            printf "%65s goals: a call in ms %s, pz_rank ", "", said(ms, call)
            if (n < 700000) print "times its floor " said(us / floor, 2)
            else print "in ms " said(us / 1000, 6)
        }'
}

n=0 ms=0 us=0
for size in $SIZES; do
    IFS=: read -r rows users items <<<"$size"
    data=$(dataset "$rows" "$users" "$items")
    model=$dir/bench-scale.pzm campaign=$dir/bench-scale.pzc
    trained=$(once pz-train -q --no-tune -p sequence=off -p factors=on -p factors.sweeps=2 -o "$model" "$data")
    rm -rf "$campaign"
    published=$(once pz-deploy publish -q "$campaign" "$model" | cut -d' ' -f1)
    least=$("$B/scripts/latency" -c "$CALLS" true | cut -d' ' -f1)
    read -r one median _ pages < <("$B/scripts/latency" -c "$CALLS" pz-recommend "$campaign" --user 77)
    read -r found _ _ _ floor _ _ _ _ warm _ < <("$B/scripts/bench-rank" "$campaign/versions/0001/model.flat" 48 4)
    awk -v n0="$n" -v ms0="$ms" -v us0="$us" -v n="$found" -v ms="$one" -v median="$median" -v us="$warm" -v floor="$floor" \
        -v trained="$trained" -v published="$published" -v least="$least" -v pages="$pages" '
        function growth(y0, y) { return n0 ? sprintf("%.2f", log(y / y0) / log(n / n0)) : "-" }
        BEGIN {
            split(trained, t, " ")
            printf "%9d %8.1f %8.0f %9.1f | %6.2f %7.2f %7.2f %7d %6s | %8.0f %8.0f %6.2f %6s\n", n, t[1], t[2],
                published, least, ms, median, pages, growth(ms0, ms), floor, us, us / floor, growth(us0, us)
        }'
    goals "$found" "$one" "$warm" "$floor"
    n=$found ms=$one us=$warm
    rm -rf "$model" "$campaign"
done
