#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Real time replayed: the first part of a data set trains a model; then, step by step, the next day (or
# week) of events is learned by a full training, by an update of the model of the step before, and not at
# all, and each model is asked for what the users did in the step after. Settings are the defaults (--no-tune)
# in all, so that the difference is that of the update. Prints, for each step, the events learned, nDCG@25
# by model, and CPU seconds and MB of full and update; at the end nDCG@25 over all user-days, its ratio to
# the full training's, and a paired bootstrap interval of that ratio.
#
# usage: scripts/replay.sh [deskdrop|retailrocket|ml-100k]... (all)
#        STEPS=N      steps, 15 to 30 unless given, so that there are a thousand user-days
#        BASE=share   of the events that the first model has (0.7; ml-100k 0.5)
#        PZ_DATA=DIR  real data (../shared/data);  B=build
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${PZ_BIN:-$PWD/${B:-build}/bin} data=${PZ_DATA:-../shared/data}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
PATH=$bin:$PATH

# events NAME: USER_ID,ITEM_ID,TIMESTAMP in order of time
events() {
    local files=("$data/$1"/interactions.csv.zst)
    [ -f "${files[0]}" ] || files=("$data/$1"/*.csv.zst)
    zstd -dcq "${files[@]}" | awk -F, '/USER_ID/ { for (i = 1; i <= NF; i++) at[$i] = i; next }
        { sub(/\r$/, ""); print $at["USER_ID"] "," $at["ITEM_ID"] "," $at["TIMESTAMP"] }' | sort -s -t, -k3,3n
}

# part FROM TO FILE: the events from <= time < to as a dataset; fails when there are none
part() {
    awk -F, -v a="$1" -v b="$2" 'BEGIN { print "USER_ID,ITEM_ID,TIMESTAMP" } $3 >= a && $3 < b' "$dir/all" >"$dir/part.csv"
    [ "$(wc -l <"$dir/part.csv")" -gt 1 ] && pz-import -q -o "$3" --interactions "$dir/part.csv" 2>/dev/null
}

# cost NAME COMMAND...: runs it; its CPU seconds and MB are left in $dir/cost.NAME
cost() {
    local name=$1
    shift
    "$@" --json >"$dir/json" 2>/dev/null
    jq -r '"\(.cpu_seconds) \(.peak_memory_bytes / 1e6)"' "$dir/json" >"$dir/cost.$name"
}

# judge NAME MODEL STEP: nDCG@25 of the next step's events; every user's goes to $dir/users
judge() {
    pz-eval -q -j1 -k 25 --per-user "$dir/user.tsv" "$2" "$dir/test.pzd" --history "$dir/hist.pzd" >/dev/null 2>&1
    awk -F'\t' -v name="$1" -v step="$3" -v out="$dir/users" 'NR == 1 {
            for (i = 1; i <= NF; i++) { if ($i == "user_id") u = i; if ($i ~ /^normalized/) v = i } next }
        { print name "\t" step "/" $u "\t" $v >>out; sum += $v; n++ }
        END { printf " %.4f", n ? sum / n : 0 }' "$dir/user.tsv"
}

# pool: over all user-days
pool() {
    awk -F'\t' '{ v[$1, $2] = $3; key[$2] = 1; name[$1] = 1 }
        END {
            srand(1)
            for (k in key) id[++n] = k
            printf "%d user-days\n%-10s %8s %8s   95 %% of the ratio\n", n, "", "nDCG@25", "to full"
            for (m in name) {
                for (b = 0; b <= 1000; b++) {
                    x = f = 0
                    for (i = 1; i <= n; i++) { k = id[b ? int(rand() * n) + 1 : i]; x += v[m, k]; f += v["full", k] }
                    if (b) r[b] = f ? x / f : 0
                    else { mean = x / n; ratio = f ? x / f : 0 }
                }
                for (i = 2; i <= 1000; i++) { t = r[i]; for (j = i - 1; j && r[j] > t; j--) r[j + 1] = r[j]; r[j + 1] = t }
                printf "%-10s %8.4f %7.1f %%  [%.1f, %.1f]\n", m, mean, 100 * ratio, 100 * r[25], 100 * r[976]
            }
        }' "$dir/users"
}

# replay NAME SECONDS STEPS BASE
replay() {
    local name=$1 step=$2 steps=${STEPS:-$3} share=${BASE:-$4} s lo hi from last
    events "$name" >"$dir/all"
    rm -f "$dir/users"
    from=$(awk -F, -v share="$share" -v step="$step" '{ t[NR] = $3 } END { print (int(t[int(share * NR)] / step) + 1) * step }' "$dir/all")
    last=$(tail -1 "$dir/all" | cut -d, -f3)
    part 0 "$from" "$dir/base.pzd"
    pz-train -q -j1 --no-tune -o "$dir/base.pzm" "$dir/base.pzd" 2>/dev/null
    cp "$dir/base.pzm" "$dir/chain.pzm"
    echo "$name, a step is $((step / 86400)) d; base until $(date -u -d "@$from" +%F)"
    echo "step events | full update none popularity | full CPU s, MB | update CPU s, MB"
    for ((s = 1, lo = from; s <= steps && lo + step < last; s++, lo += step)); do
        hi=$((lo + step))
        part "$lo" "$hi" "$dir/day.pzd" || continue
        printf '%3d %7d |' "$s" "$(($(wc -l <"$dir/part.csv") - 1))"
        part 0 "$hi" "$dir/hist.pzd"
        cost full pz-train -q -j1 --no-tune -o "$dir/full.pzm" "$dir/hist.pzd"
        cost update pz-train -q -j1 --update "$dir/chain.pzm" -o "$dir/next.pzm" "$dir/day.pzd"
        mv "$dir/next.pzm" "$dir/chain.pzm"
        if part "$hi" "$((hi + step))" "$dir/test.pzd"; then
            pz-train -q -j1 --no-tune -r popularity-count -o "$dir/pop.pzm" "$dir/hist.pzd" 2>/dev/null
            judge full "$dir/full.pzm" "$s"
            judge update "$dir/chain.pzm" "$s"
            judge none "$dir/base.pzm" "$s"
            judge popularity "$dir/pop.pzm" "$s"
        fi
        awk '{ printf " | %.2f %.0f", $1, $2 }' "$dir/cost.full" "$dir/cost.update"
        echo
    done
    pool
}

[ $# -gt 0 ] || set -- deskdrop retailrocket ml-100k
for name in "$@"; do
    [ -d "$data/$name" ] || { echo "replay: no $data/$name (PZ_DATA)" >&2; exit 1; }
    case $name in
        ml-100k) replay "$name" 604800 20 0.5 ;;
        retailrocket) replay "$name" 86400 30 0.7 ;;
        *) replay "$name" 86400 15 0.7 ;;
    esac
done
