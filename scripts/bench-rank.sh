#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One answer inside a running process: pz_rank of 25 items by the parts of a default training (no encoder), a
# user at a time and eight together, in microseconds of processor time of one thread, and how many times the
# floor that is: one pass over as many 8-bit vectors as the model has item vectors, measured in the same run.
# Aims: at most 2 at 27,000 items x 128.
#
# usage: scripts/bench-rank.sh   (SIZES="ROWS:USERS:ITEMS[:DIM] ...", and as in bench.sh)
# shellcheck source=scripts/bench-common.bash
source "$(dirname "$0")/bench-common.bash"
SIZES=${SIZES:-1000000:69000:27000:128 1000000:100000:300000:64}
make -s "$B/scripts/bench-rank" B="$B"
for size in $SIZES; do
    IFS=: read -r rows users items dim <<<"$size"
    data=$(dataset "$rows" "$users" "$items")
    model=$dir/bench-rank.pzm campaign=$dir/bench-rank.pzc
    pz-train -q --no-tune -p sequence=off -p factors=on -p factors.dim="${dim:-64}" -p factors.sweeps=2 -o "$model" "$data"
    rm -rf "$campaign"
    pz-deploy publish -q "$campaign" "$model"
    "$B/scripts/bench-rank" "$campaign/versions/0001/model.flat" 96 6 | tee "$dir/bench-rank.txt"
    [ "${dim:-64}" -ne 128 ] || read -r found _ _ _ floor _ _ _ _ warm _ <"$dir/bench-rank.txt"
    rm -rf "$model" "$campaign"
done
[ -z "${warm:-}" ] || goal_row "one answer in a process, $found items x 128" "$warm" "$floor" \
    "$(awk -v us="$floor" 'BEGIN { print 2 * us }')" 'a pass over as many bytes'
rm -f "$dir/bench-rank.txt"
