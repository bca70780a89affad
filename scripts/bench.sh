#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Speed: every scripts/bench-*.sh in turn, each a table of its own, or only those named.
#
# usage: scripts/bench.sh [NAME...]     NAME: import, train, serve, ...
#        B=build, RUNS=3: runs to measure (the one with the least CPU time counts)
#        BENCH_DIR=DIR: where made files are kept for the next time; a temporary folder else
# CPU seconds are what to compare: wall time depends on what else the machine does. A bench that fails (a tool that
# is not installed, say) is named in the end; the others are run.
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
for name in "${names[@]}"; do
    [ -x "scripts/bench-$name.sh" ] || { echo "there is no bench $name" >&2; exit 2; }
    printf '\n== %s\n' "$name"
    "scripts/bench-$name.sh" || failed+=("$name")
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }
