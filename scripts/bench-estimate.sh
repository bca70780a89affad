#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a dry run says of a training, and of an update with the newest hundredth, beside what these take: for each set,
# without and with the encoder, the processor seconds said (the mean of a dry run before and one after, as a machine's
# speed drifts) and taken, the peak memory, and what the dry run took itself as a share. Of updates, which are short,
# medians of UPDATES (7) in turns. One thread.
#
# usage: scripts/bench-estimate.sh [SET...]     SET: sample, made (500,000 events), or a folder of PZ_DATA; none: all
#        PZ_DATA=DIR   where the sets are (../shared/data)
#        WAYS="off on" values of -p sequence;  WORK="training update";  UPDATES=7
#        STAGES=1      a row for each stage, too: seconds, and how often a part scores a case, which no clock disturbs
# shellcheck source=scripts/bench-common.bash
source "$(dirname "$0")/bench-common.bash"
PZ_DATA=${PZ_DATA:-../shared/data} WAYS=${WAYS:-off on} WORK=${WORK:-training update} UPDATES=${UPDATES:-7}
export OMP_NUM_THREADS=1
[ $# -gt 0 ] || set -- sample ml-100k deskdrop s3rec-beauty made

# data SET: import it as SET.pzd, and its newest hundredth by itself: SET.base.pzd and SET.day.pzd
data() {
    local from=$PZ_DATA/$1 out=$dir/estimate-$1 rows args=() table by n
    [ ! -s "$out.day.pzd" ] || return 0
    case $1 in
        sample) from=sample-data ;;
        made) from=$dir/made ;;
    esac
    rows=$(ls "$from"/interactions.csv*)
    for table in items users; do
        [ ! -s "$(ls "$from/$table".csv* 2>/dev/null)" ] || args+=("--$table" "$(ls "$from/$table".csv*)")
    done
    zstd -dcqf "$rows" >"$out.csv"
    by=$(head -1 "$out.csv" | tr , '\n' | grep -n '^TIMESTAMP' | cut -d: -f1)
    n=$(($(wc -l <"$out.csv") / 100))
    { head -1 "$out.csv" && tail -n +2 "$out.csv" | sort -s -n -t, -k"$by,$by"; } >"$out.sorted"
    head -n -$n "$out.sorted" >"$out.base.csv"
    { head -1 "$out.csv" && tail -n $n "$out.sorted"; } >"$out.day.csv"
    pz-import -q -o "$out.pzd" --interactions "$out.csv" "${args[@]}"
    pz-import -q -o "$out.base.pzd" --interactions "$out.base.csv" "${args[@]}"
    pz-import -q -o "$out.day.pzd" --interactions "$out.day.csv"
    rm "$out.csv" "$out.sorted" "$out.base.csv" "$out.day.csv"
}

# run LOG OPTION...: train, or say what it takes; what it took goes to LOG.cost, what is said of stages to LOG.err
run() {
    local log=$1
    shift
    rm -f "$log.cost"
    pz-train -v -j1 --ledger "$log.cost" "$@" >"$log.out" 2>"$log.err"
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

# beside NAME LOG OPTION...: a row of what is said and taken, medians of TIMES runs
beside() {
    local name=$1 log=$2 i
    shift 2
    for ((i = 0; i < TIMES; i++)); do
        run "$log.before" -n --json "$@"
        run "$log.run" -o "$log.pzm" "$@"
        run "$log.after" -n --json "$@"
        jq -s -r '"\(.[0].cpu_seconds + .[1].cpu_seconds) \(.[0].memory_mb + .[1].memory_mb) \(.[2].cpu_seconds +
            .[3].cpu_seconds) \(.[4].cpu_seconds) \(.[4].peak_memory_bytes)"' \
            "$log".{before,after}.out "$log".{before,after,run}.cost
    done | awk -v name="$name" '
        function median(x, i, j, t) {
            for (i = 1; i < NR; i++) for (j = i; j > 0 && x[j - 1] > x[j]; j--) { t = x[j]; x[j] = x[j - 1]; x[j - 1] = t }
            return x[int(NR / 2)]
        }
        { said[NR - 1] = $1 / 2; held[NR - 1] = $2 / 2; dry[NR - 1] = $3 / 2; taken[NR - 1] = $4; peak[NR - 1] = $5 / 1e6 }
        END { s = median(said); t = median(taken); m = median(held); p = median(peak)
              printf "%-30s %8.2f %8.2f %6.2f %8.0f %8.0f %6.2f %5.1f%%\n", name, s, t, s / t, m, p, m / p, 100 * median(dry) / t }'
    [ -z "${STAGES:-}" ] || stages "$log.before" "$log.run"
    rm -f "$log.pzm"
}

printf '%-30s %8s %8s %6s %8s %8s %6s %6s\n' '' 'said s' 'taken s' ratio 'said MB' 'peak MB' ratio share
for set; do
    if [ "$set" = made ]; then
        mkdir -p "$dir/made" && ln -sf "$(synthetic 500000)" "$dir/made/interactions.csv"
    fi
    [ "$set" = made ] || [ "$set" = sample ] || [ -d "$PZ_DATA/$set" ] || { echo "$set: not in $PZ_DATA"; continue; }
    data "$set"
    for way in $WAYS; do
        log=$dir/estimate-$set-$way
        if [[ $WORK = *training* ]]; then
            TIMES=1 beside "$set, encoder $way" "$log" -p sequence="$way" "$dir/estimate-$set.pzd"
        fi
        if [[ $WORK = *update* ]]; then
            pz-train -q --no-tune -p sequence="$way" -o "$log.base.pzm" "$dir/estimate-$set.base.pzd"
            TIMES=$UPDATES beside "$set, encoder $way, update" "$log" --update "$log.base.pzm" "$dir/estimate-$set.day.pzd"
            rm "$log.base.pzm"
        fi
    done
done
