#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a dry run says of a training beside what the training takes: for each set, without and with the encoder, the
# processor seconds said (the mean of a dry run before and one after, as a machine's speed drifts) and taken, the
# peak memory, and what the dry run took itself as a share of the training. One thread.
#
# usage: scripts/bench-estimate.sh [SET...]     SET: sample, made (500,000 events), or a folder of PZ_DATA; none: all
#        PZ_DATA=DIR   where the sets are (../shared/data)
#        WAYS="off on" values of -p sequence
#        STAGES=1      a row for each stage, too: seconds, and how often a part scores a case, which no clock disturbs
# shellcheck source=scripts/bench-common.bash
source "$(dirname "$0")/bench-common.bash"
PZ_DATA=${PZ_DATA:-../shared/data} WAYS=${WAYS:-off on}
export OMP_NUM_THREADS=1
[ $# -gt 0 ] || set -- sample ml-100k deskdrop s3rec-beauty made

# data SET: the path of the set, imported
data() {
    local from=$PZ_DATA/$1 out=$dir/estimate-$1.pzd suffix=.csv.zst args=() table
    if [ "$1" = made ]; then
        dataset 500000
        return
    fi
    [ "$1" != sample ] || from=sample-data suffix=.csv
    for table in interactions items users; do
        [ ! -s "$from/$table$suffix" ] || args+=("--$table" "$from/$table$suffix")
    done
    [ -s "$out" ] || pz-import -q -o "$out" "${args[@]}" >&2
    echo "$out"
}

# run LOG OPTION...: train, or say what it takes; "cpu kilobytes" go to LOG.cost, what is said of stages to LOG.err
run() {
    local log=$1
    shift
    /usr/bin/time -o "$log.cost" -f '%U %S %M' pz-train -v -j1 "$@" >"$log.out" 2>"$log.err"
}

# stages: a row each, from what is said and what came of it
stages() {
    awk -F': ' '!/ stage: / { next }
        !($3 in at) { at[$3] = n++; name[n - 1] = $3 }
        { did = FILENAME == ARGV[2] }
        match($4, /[0-9.]+ CPU s/) { s[$3, did] = substr($4, RSTART) + 0 }
        match($4, /[0-9]+ cases asked/) { c[$3, did] = substr($4, RSTART) + 0 }
        function ratio(x, key) { return x[key, 1] > 0 ? sprintf("%.2f", x[key, 0] / x[key, 1]) : "-" }
        END { for (i = 0; i < n; i++) { k = name[i]
            printf "    %-20s %8.2f %8.2f %6s   cases %9d %9d %6s\n", k, s[k, 0], s[k, 1], ratio(s, k), c[k, 0], c[k, 1], ratio(c, k) } }' \
        "$1.err" "$2.err"
}

printf '%-22s %8s %8s %6s %8s %8s %6s %6s\n' '' 'said s' 'taken s' ratio 'said MB' 'peak MB' ratio share
for set; do
    [ "$set" = made ] || [ "$set" = sample ] || [ -d "$PZ_DATA/$set" ] || { echo "$set: not in $PZ_DATA"; continue; }
    pzd=$(data "$set")
    for way in $WAYS; do
        log=$dir/estimate-$set-$way
        for step in before run after; do
            ask=(-n --json)
            [ $step != run ] || ask=(-o "$log.pzm")
            run "$log.$step" "${ask[@]}" -p sequence="$way" "$pzd"
        done
        paste <(jq -s -r '"\(map(.cpu_seconds) | add / 2) \(map(.memory_mb) | add / 2)"' "$log.before.out" "$log.after.out") \
            "$log.before.cost" "$log.run.cost" "$log.after.cost" |
            awk -v name="$set, encoder $way" '{ taken = $6 + $7; peak = $8 * 1024 / 1e6
                printf "%-22s %8.2f %8.2f %6.2f %8.0f %8.0f %6.2f %5.1f%%\n", name, $1, taken, $1 / taken, $2, peak,
                    $2 / peak, 100 * ($3 + $4 + $9 + $10) / 2 / taken }'
        [ -z "${STAGES:-}" ] || stages "$log.before" "$log.run"
        rm -f "$log.pzm"
    done
done
