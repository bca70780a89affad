#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run fuzz targets one after the other and print a table: runs, executions a second, findings.
#   fuzz.sh SECONDS TARGET...      B: where they were built; tests/data/TARGET: seeds and past findings
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
shift
found=0
export OMP_NUM_THREADS=1 ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
printf '%-20s %12s %10s %10s\n' target runs runs/s findings
for target in "$@"; do
    corpus=$B/corpus/$target
    finds=$B/finds/$target
    rm -rf "$finds"
    mkdir -p "$corpus" "$finds"
    seeds=()
    [ ! -d "tests/data/$target" ] || seeds=("tests/data/$target")
    "$B/tests/$target" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="$finds/" \
        -rss_limit_mb=2048 -timeout=20 -max_len=1000 -len_control=0 "$corpus" "${seeds[@]}" >"$B/$target.log" 2>&1 || true
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$B/$target.log" | tail -1)
    rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$B/$target.log" | tail -1)
    n=$(find "$finds" -type f | wc -l)
    found=$((found + n))
    printf '%-20s %12s %10s %10s\n' "$target" "${runs:--}" "${rate:--}" "$n"
done
[ "$found" -eq 0 ] || echo "findings in $B/finds, logs in $B/*.log" >&2
[ "$found" -eq 0 ]
