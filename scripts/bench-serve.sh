#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Answering from a campaign of 27,000 items x 128 factors: one-shot calls from exec to exit, and a batch of
# users. (The Python library implicit, factors alone, did 2,900 to 7,300 users/s on two cores; one query took it
# 390 to 500 µs inside a running process.)
#
# usage: scripts/bench-serve.sh   (CALLS=300, USERS=20000, and as in bench.sh)
# shellcheck source=scripts/bench-common.bash
source "$(dirname "$0")/bench-common.bash"
CALLS=${CALLS:-300} USERS=${USERS:-20000}
make -s "$B/scripts/latency" B="$B"
data=$(dataset 2000000 138000 27000)
model=$dir/bench-serve.pzm campaign=$dir/bench-serve.pzc
pz-train -q --no-tune -p factors.dim=128 -p factors.sweeps=3 -o "$model" "$data"
rm -rf "$campaign"
pz-deploy publish -q "$campaign" "$model"

printf '%-36s %8s %8s %8s\n' 'one call from exec to exit, ms' least median '95 %'
one() {
    local name=$1
    shift
    "$B/scripts/latency" "$CALLS" "$@" | awk -v name="$name" '{ printf "%-36s %8.2f %8.2f %8.2f\n", name, $1, $2, $3 }'
}
one 'true' true
one 'a user' pz-recommend "$campaign" --user 77 --num 25
one 'related items' pz-recommend "$campaign" --item 77 --num 25
one 'a list of 100 in order' pz-recommend "$campaign" --user 77 --rank "$(seq -s, 100)"

{ echo USER_ID; seq "$USERS"; } >"$dir/users.csv"
head_line 'top 10 for many users'
ours=$(measure pz-recommend -q "$campaign" --input "$dir/users.csv" --num 10 --format csv -o "$dir/bench-serve.csv")
row "batch of $USERS users" "$ours" "$(awk -v n="$USERS" '{ printf "%.0f users/s, %.0f µs of CPU each", n / $2, $1 / n * 1e6 }' <<<"$ours")"
rm -rf "$model" "$campaign" "$dir/bench-serve.csv" "$dir/users.csv"
