#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Quality on real data by the default settings: a row a data set, protocol and metric, beside the best
# published figure, the floor and the aim; then what each tier costs. Folders of zstd CSV, one a set.
#
# usage: scripts/quality.sh [PART...]     parts: see `all` below; none: all whose data are there
#        PZ_DATA=DIR      where the sets are (../shared/data)
#        SEEDS=3          runs of each figure: their median; personalize: SPLITS=10 runs, their mean
#        OPTIONS="..."    more options for training, e.g. --no-tune or "-p sequence=on"
#        THREADS=0        threads to use; KEEP=DIR: leave files there
set -euo pipefail
cd "$(dirname "$0")/.."
B=${B:-build} PZ_DATA=${PZ_DATA:-../shared/data} SEEDS=${SEEDS:-3} SPLITS=${SPLITS:-10}
read -ra options <<<"${OPTIONS:-} -j${THREADS:-0}"
all="beauty lastfm ml-100k ml-100k-personalize gowalla diginetica retailrocket cold update newest tiers"
[ -d "$PZ_DATA" ] || { echo "no data in $PZ_DATA; PZ_DATA=DIR names the folder" >&2; exit 66; }
make -s B="$B" all
dir=${KEEP:-$(mktemp -d)}
[ -n "${KEEP:-}" ] || trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir"
PATH=$PWD/$B/bin:$PATH

# dataset SET [STEM]: import it once; prints the dataset's name
dataset() {
    local from=$PZ_DATA/$1 stem=${2:-interactions} out=$dir/$1.${2:-all}.pzd args=()
    [ ! -s "$from/items.csv.zst" ] || args+=(--items "$from/items.csv.zst")
    [ ! -s "$from/users.csv.zst" ] || args+=(--users "$from/users.csv.zst")
    [ -s "$out" ] || pz-import -q -o "$out" --interactions "$from/$stem.csv.zst" "${args[@]}" >&2
    echo "$out"
}

# run_split NAME SEED OPTION... DATA: train on a part and judge; the report goes to NAME.SEED.json
run_split() {
    local name=$1 seed=$2
    shift 2
    pz-eval -q --json --seed "$seed" --at 10,20,25 "${options[@]}" "$@" >"$dir/$name.$seed.json"
}

# run_test NAME SEED TRAIN TEST [--train OPTION...] [--eval OPTION...]: the same with a given test set
run_test() {
    local name=$1 seed=$2 train=$3 test=$4 what=() how=() to=what word
    shift 4
    for word; do
        case $word in
            --train) to="what" ;;
            --eval) to="how" ;;
            *) if [ "$to" = what ]; then what+=("$word"); else how+=("$word"); fi ;;
        esac
    done
    pz-train -q --json --seed "$seed" "${options[@]}" "${what[@]}" -o "$dir/$name.$seed.pzm" "$train" \
        >"$dir/$name.$seed.train"
    pz-eval -q --json --seed "$seed" -j"${THREADS:-0}" --at 10,20,25 "${how[@]}" "$dir/$name.$seed.pzm" "$test" \
        >"$dir/$name.$seed.eval"
    jq -s '.[0] + {train: .[1]}' "$dir/$name.$seed.eval" "$dir/$name.$seed.train" >"$dir/$name.$seed.json"
    rm -f "$dir/$name.$seed".{pzm,eval,train}
}

# key SHORT: the report's name of ndcg@10, hr@10, ...
key() {
    case $1 in
        ndcg@*) echo "normalized_discounted_cumulative_gain_at_${1#*@}" ;;
        mrr@*) echo "mean_reciprocal_rank_at_${1#*@}" ;;
        hr@*) echo "hit_rate_at_${1#*@}" ;;
        recall@*) echo "recall_at_${1#*@}" ;;
    esac
}

# middle median|mean: of the numbers on standard input
middle() {
    sort -g | awk -v how="$1" '{ x[NR] = $1; sum += $1 }
        END { print how == "mean" ? sum / NR : NR % 2 ? x[(NR + 1) / 2] : (x[NR / 2] + x[NR / 2 + 1]) / 2 }'
}

head_line() {
    printf '%-24s %-14s %-9s %9s %7s %7s %7s %-6s %7s %5s\n' data protocol metric published floor aim got '' \
        'CPU s' MB
}

# row NAME PROTOCOL METRIC PUBLISHED FLOOR AIM [mean]: over the reports NAME.*.json
row() {
    local name=$1 got cpu mb
    got=$(jq ".metrics.$(key "$3")" "$dir/$name".[0-9]*.json | middle "${7:-median}")
    cpu=$(jq .train.cpu_seconds "$dir/$name".[0-9]*.json | middle median)
    mb=$(jq .train.peak_memory_bytes/1e6 "$dir/$name".[0-9]*.json | middle median)
    awk -v n="$name" -v p="$2" -v m="$3" -v pub="$4" -v floor="$5" -v aim="$6" -v got="$got" -v cpu="$cpu" \
        -v mb="$mb" 'BEGIN {
            verdict = floor == "-" ? "" : aim != "-" && got >= aim + 0 ? "aim" : got >= floor + 0 ? "floor" : "BELOW"
            printf "%-24s %-14s %-9s %9s %7s %7s %7.4f %-6s %7.1f %5.0f\n", n, p, m, pub, floor, aim, got,
                verdict, cpu, mb }'
}

part_beauty() {
    local s
    for ((s = 1; s <= SEEDS; s++)); do run_split beauty $s --split leave-last "$(dataset s3rec-beauty)"; done
    row beauty leave-last ndcg@10 .0531 .059 .063
    row beauty leave-last hr@10 .0928 .096 .102
}

part_lastfm() {
    local s
    for ((s = 1; s <= SEEDS; s++)); do run_split lastfm $s --split leave-last "$(dataset s3rec-lastfm)"; done
    row lastfm leave-last ndcg@10 .0427 .048 .056
    row lastfm leave-last hr@10 .0743 .083 .095
}

part_ml-100k() {
    local s
    for ((s = 1; s <= SEEDS; s++)); do run_split ml-100k $s --split leave-last "$(dataset ml-100k)"; done
    row ml-100k leave-last ndcg@10 - .130 .14
    row ml-100k leave-last hr@10 - .243 .26
}

part_ml-100k-personalize() {
    local s
    for ((s = 1; s <= SPLITS; s++)); do
        run_split ml-100k-personalize $s --split personalize "$(dataset ml-100k)"
    done
    row ml-100k-personalize personalize ndcg@25 - .262 .29 mean
    row ml-100k-personalize personalize mrr@25 - .43 .47 mean
}

part_gowalla() {
    local s
    for ((s = 1; s <= SEEDS; s++)); do
        run_test gowalla $s "$(dataset gowalla train)" "$(dataset gowalla test)"
    done
    row gowalla 'given test' ndcg@20 .1580 .152 .164
    row gowalla 'given test' recall@20 .1872 .184 .195
}

# Cases SESSION,PREFIX,TARGET: histories from the prefixes, the target as truth.
part_diginetica() {
    local s from=$PZ_DATA/sessions-diginetica/test.csv.zst
    zstdcat "$from" | awk -F, 'NR == 1 { print "USER_ID,ITEM_ID,TIMESTAMP"; next } { print $1 "," $3 ",1" }' |
        pz-import -q -o "$dir/targets.pzd" --interactions -
    zstdcat "$from" | awk -F, 'NR == 1 { print "USER_ID,ITEM_ID,TIMESTAMP"; next }
        { n = split($2, item, "|"); for (i = 1; i <= n; i++) print $1 "," item[i] "," i }' |
        pz-import -q -o "$dir/prefixes.pzd" --interactions -
    for ((s = 1; s <= SEEDS; s++)); do
        run_test diginetica $s "$(dataset sessions-diginetica train)" "$dir/targets.pzd" \
            --eval --history "$dir/prefixes.pzd" --seen keep
    done
    row diginetica prefixes hr@20 .5420 .500 .55
    row diginetica prefixes mrr@20 .1900 .175 .195
}

part_retailrocket() {
    local s train test
    train=$(dataset retailrocket train) test=$(dataset retailrocket test)
    for ((s = 1; s <= SEEDS; s++)); do
        run_test retailrocket-alike $s "$train" "$test"
        run_test retailrocket-weighted $s "$train" "$test" --train --event buy:weight=1 --event cart:weight=0.5 \
            --event view:weight=0.2
    done
    row retailrocket-alike purchase hr@10 - - -
    row retailrocket-weighted purchase hr@10 - \
        "$(jq .metrics.hit_rate_at_10 "$dir"/retailrocket-alike.[0-9]*.json | middle median | cut -c 1-6)" -
}

# A line for the figures that are not in the reports: cold NAME METRIC PUBLISHED FLOOR AIM GOT
plain_row() {
    awk -v n="$1" -v p="$2" -v m="$3" -v pub="$4" -v floor="$5" -v aim="$6" -v got="$7" 'BEGIN {
        verdict = floor == "-" ? "" : aim != "-" && got >= aim + 0 ? "aim" : got >= floor + 0 ? "floor" : "BELOW"
        printf "%-24s %-14s %-9s %9s %7s %7s %7.4f %-6s\n", n, p, m, pub, floor, aim, got, verdict }'
}

# Every 20th item leaves training; its users' first events with it are the cases, ranked among the items gone.
part_cold() {
    local s set pub floor aim
    while read -r set pub floor aim; do
        for ((s = 1; s <= SEEDS; s++)); do run_split "cold-$set" $s --split cold-items:5% "$(dataset "$set")"; done
        row "cold-$set" cold-items hr@10 "$pub" "$floor" "$aim"
    done <<<'s3rec-beauty .1850 .237 .27
ml-100k .3590 .552 .60'
}

# part_update: the newest event of every 20th user of Beauty comes as a delta
part_update() {
    local how
    zstdcat "$PZ_DATA/s3rec-beauty/interactions.csv.zst" | awk -F, -v new="$dir/delta.csv" '
        NR == 1 { print; print >new; next }
        row != "" { if ($1 != user && users++ % 11 == 0) print row >new; else print row }
        { row = $0; user = $1 }
        END { print row }' | pz-import -q -o "$dir/old.pzd" --interactions - --items "$PZ_DATA/s3rec-beauty/items.csv.zst"
    pz-import -q -o "$dir/delta.pzd" --interactions "$dir/delta.csv"
    pz-train -q --no-tune "-j${THREADS:-0}" -o "$dir/old.pzm" "$dir/old.pzd"
    pz-train -q --json "-j${THREADS:-0}" --update "$dir/old.pzm" -o "$dir/new.pzm" "$dir/delta.pzd" >"$dir/update"
    pz-train -q --no-tune --json "-j${THREADS:-0}" -o "$dir/all.pzm" "$dir/old.pzd" "$dir/delta.pzd" >"$dir/whole"
    for how in update whole; do
        plain_row beauty "1% new: $how" 'CPU s' - - - "$(jq .cpu_seconds "$dir/$how")"
    done
    plain_row beauty 'model' 'B/item' - - - "$(awk -v b="$(wc -c <"$dir/all.pzm")" 'BEGIN { print b / 12101 }')"
}

# cut_newest SET N NAME: everything but every user's newest N, and (N = 1) the newest as a test set
cut_newest() {
    zstdcat "$PZ_DATA/$1/interactions.csv.zst" | awk -F, -v n="$2" -v test="$dir/$3.test" '
        NR == 1 { print; print >test; next }
        $1 != user { for (i = 1; i <= kept - n; i++) print row[i]; if (kept > n) print row[kept] >test; kept = 0; user = $1 }
        { row[++kept] = $0 }
        END { for (i = 1; i <= kept - n; i++) print row[i]; if (kept > n) print row[kept] >test }' |
        pz-import -q -o "$dir/$3.pzd" --interactions -
    pz-import -q -o "$dir/$3.test.pzd" --interactions "$dir/$3.test"
}

# What the newest event is worth: the same model, histories with and without it.
part_newest() {
    local how
    cut_newest s3rec-beauty 1 known
    cut_newest s3rec-beauty 2 older
    pz-train -q "${options[@]}" -o "$dir/known.pzm" "$dir/known.pzd"
    for how in known older; do
        pz-eval -q --json --at 10 --history "$dir/$how.pzd" "$dir/known.pzm" "$dir/known.test.pzd" |
            jq .metrics.normalized_discounted_cumulative_gain_at_10 >"$dir/$how.got"
    done
    plain_row beauty 'history whole' ndcg@10 - - - "$(cat "$dir/known.got")"
    plain_row beauty 'newest unseen' ndcg@10 - - - "$(cat "$dir/older.got")"
}

# tier NAME OPTION...: quality and cost of one way to train
tier() {
    local name=$1
    shift
    run_split "tier" 1 "$@"
    jq -r --arg name "$name" '[$name, .metrics.normalized_discounted_cumulative_gain_at_10,
        .baselines.popularity.normalized_discounted_cumulative_gain_at_10, .train.cpu_seconds,
        .train.peak_memory_bytes / 1e6] | @tsv' "$dir/tier.1.json" |
        awk -F'\t' '{ printf "%-34s %9.4f %12.4f %9.1f %16.5f %6.0f\n", $1, $2, $3, $4, ($2 - $3) / $4, $5 }'
}

part_tiers() {
    local set
    printf '\n%-34s %9s %12s %9s %16s %6s\n' tier ndcg@10 popularity 'CPU s' 'gain per CPU s' MB
    for set in s3rec-beauty s3rec-lastfm ml-100k; do
        tier "$set no tuning" --split leave-last --no-tune "$(dataset $set)"
        tier "$set default" --split leave-last "$(dataset $set)"
        [ -z "${ENCODER:-}" ] || tier "$set with encoder" --split leave-last -p sequence=on "$(dataset $set)"
    done
}

[ $# -gt 0 ] || for part in $all; do set -- "$@" "$part"; done
head_line
for part; do
    [ "$(type -t "part_$part")" = function ] || { echo "no part $part; parts: $all" >&2; exit 64; }
    "part_$part"
done
