#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Speed: every scripts/bench-*.sh in turn, each a table of its own, or only those named; then the table of goals, a row
# for each with its figure, its floor or peer in the same run, and whether it is met.
#
# usage: scripts/bench.sh [NAME...]     NAME: goals, scale, import, train, serve, ...
#        B=build, RUNS=3: runs to measure (the one with the least CPU time counts)
#        BENCH_DIR=DIR: where made files are kept for the next time; a temporary folder else
#        BENCH_LIMIT=1200: seconds that one bench may take; BENCH_LARGE=1: tables of 5 million items and 20 million rows,
#        too (16 GB, an hour more; with BENCH_LIMIT=7200)
# CPU seconds are what to compare: wall time depends on what else the machine does. All take about 40 minutes on a quiet
# machine of two cores and 6 GB, at most nine times BENCH_LIMIT. A bench that fails (a tool that is not installed, say)
# or takes too long is named in the end; the others are run.
set -euo pipefail
cd "$(dirname "$0")/.."
export B=${B:-build} RUNS=${RUNS:-3}
if [ -z "${BENCH_DIR:-}" ]; then
    BENCH_DIR=$(mktemp -d)
    trap 'rm -rf "$BENCH_DIR"' EXIT
fi
export BENCH_DIR
mkdir -p "$BENCH_DIR"
make -s B="$B" all

names=("$@")
if [ $# -eq 0 ]; then
    for f in scripts/bench-*.sh; do
        name=${f#scripts/bench-}
        names+=("${name%.sh}")
    done
fi
failed=()
export BENCH_GOALS=$BENCH_DIR/goals.txt
: >"$BENCH_GOALS"
for name in "${names[@]}"; do
    [ -x "scripts/bench-$name.sh" ] || { echo "there is no bench $name" >&2; exit 2; }
    printf '\n== %s\n' "$name"
    timeout -k 10 "${BENCH_LIMIT:-1200}" "scripts/bench-$name.sh" || failed+=("$name")
done
if [ -s "$BENCH_GOALS" ]; then
    printf '\n== goals: %d met, %d missed\n%-46s %9s %9s %9s\n' "$(grep -c '  met    ' "$BENCH_GOALS" || true)" \
        "$(grep -c '  MISSED ' "$BENCH_GOALS" || true)" '' measured floor goal
    cat "$BENCH_GOALS"
fi
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }
