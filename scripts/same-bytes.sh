#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A hash of every output of a fixed set of runs: import, training, publication and answers on sample-data/
# and, where PZ_DATA has them, on ml-100k and Amazon Beauty. Two builds that print the same behave the same,
# so that code can be moved and renamed with proof:
#
#   scripts/same-bytes.sh >before;  ... ;  scripts/same-bytes.sh | diff before -
#
# usage: scripts/same-bytes.sh [sample|full]     sample: sample-data/ alone, a few seconds; default full
#        PZ_BIN=DIR    programs of another build (build/bin);  PZ_DATA=DIR  real data (../shared/data)
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${PZ_BIN:-$PWD/${B:-build}/bin} data=${PZ_DATA:-../shared/data} part=${1:-full}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
PATH=$bin:$PATH

# sum NAME FILE: a line of the output; equal files have equal lines
sum() { printf '%s  %s\n' "$(sha256sum <"$2" | cut -c1-16)" "$1"; }

# train NAME DATA OPTION...: a model, its campaign, and what it answers in every shape
train() {
    local name=$1 pzd=$2 pzm=$dir/$1.pzm pzc=$dir/$1.pzc
    shift 2
    pz-train -q --seed 7 "$@" -o "$pzm" "$pzd" 2>/dev/null
    sum "$name model" "$pzm"
    pz-deploy publish -q "$pzc" "$pzm" 2>/dev/null
    sum "$name model.flat" "$pzc"/versions/0001/model.flat
    pz-recommend -q "$pzc" --input "$dir/ask.jsonl" --num 10 --format csv -o "$dir/answers" 2>/dev/null || echo "exit $?" >>"$dir/answers"
    sum "$name answers" "$dir/answers"
    pz-recommend -q "$pzc" --input "$dir/ask.jsonl" --num 10 --explain --json -o "$dir/answers" 2>/dev/null || echo "exit $?" >>"$dir/answers"
    sum "$name explained" "$dir/answers"
    rm -rf "$pzc"
}

# group NAME FILE...: everything on one dataset
group() {
    local name=$1
    shift
    pz-import -q -o "$dir/$name.pzd" "$@" 2>/dev/null
    sum "$name dataset" "$dir/$name.pzd"
    # questions of both kinds: 200 users, 50 items
    pz-import -q --export interactions "$dir/$name.pzd" | awk -F, 'NR > 1 {
        if (!user[$1]++ && ++n <= 200) print "{\"userId\": \"" $1 "\"}"
        if (!item[$2]++ && ++k <= 50) print "{\"itemId\": \"" $2 "\"}" }' >"$dir/ask.jsonl"
    train "$name untuned" "$dir/$name.pzd" --no-tune -p sequence=off
    train "$name encoder" "$dir/$name.pzd" --no-tune -p sequence=on -p sequence.epochs=1
    train "$name related" "$dir/$name.pzd" --no-tune --recipe related-items
    train "$name trending" "$dir/$name.pzd" --no-tune --recipe trending-now
    [ "$part" = sample ] || train "$name tuned" "$dir/$name.pzd" -p sequence=off --tune 6
    [ "$part" = sample ] || train "$name tuned with encoder" "$dir/$name.pzd" --tune 3 -p sequence.epochs=2
    pz-eval -q --json --no-tune --split personalize -p sequence=off "$dir/$name.pzd" 2>/dev/null |
        jq -S 'walk(if type == "object" then with_entries(select(.key | test("seconds|cpu|rss|memory|bytes") | not)) else . end)' \
        >"$dir/eval.json"
    sum "$name verdict" "$dir/eval.json"
}

group sample --interactions sample-data/interactions.csv --items sample-data/items.csv --users sample-data/users.csv
pz-import -q --export interactions "$dir/sample.pzd" >"$dir/out.csv"
sum "sample exported" "$dir/out.csv"
train_live() {
    pz-train -q --seed 7 --no-tune -p sequence=off -o "$dir/l.pzm" "$dir/sample.pzd" 2>/dev/null
    pz-deploy publish -q "$dir/l.pzc" "$dir/l.pzm" 2>/dev/null
    pz-event put -q "$dir/l.pzc" --user u0042 --item i0500 --type Purchase --time 1790000000 >/dev/null 2>&1
    pz-event put-items -q "$dir/l.pzc" --item i9999 --properties '{"CATEGORY": "books"}' >/dev/null 2>&1
    pz-recommend -q "$dir/l.pzc" --user u0042 --num 25 >"$dir/live.csv" 2>/dev/null
    sum "sample live answer" "$dir/live.csv"
    pz-recommend -q "$dir/l.pzc" --user u0042 --num 5 --filter 'INCLUDE ItemID WHERE Items.PRICE < 20 AND Items.STOCK > 0' \
        >"$dir/live.csv" 2>/dev/null
    sum "sample filtered answer" "$dir/live.csv"
}
train_live
if [ "$part" = full ] && [ -d "$data" ]; then
    for set in ml-100k s3rec-beauty; do
        args=(--interactions "$data/$set/interactions.csv.zst")
        for table in items users; do
            [ ! -s "$data/$set/$table.csv.zst" ] || args+=("--$table" "$data/$set/$table.csv.zst")
        done
        group "$set" "${args[@]}"
    done
fi
