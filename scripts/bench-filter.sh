#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a compiled filter of three conditions (categorical, numeric, interactions) adds to a query, in
# microseconds of processor time. fixed: literals; current item: compared with the item asked for, as cached;
# new value: another filter value for every query, bound anew. Aims: fixed under 20 at 27,000 items; a new value
# at most 100 at 1,000,000.
set -euo pipefail
cd "$(dirname "$0")/.."
B=${B:-build}
make -s B="$B" "$B/scripts/bench-filter"
printf '%9s %12s %12s %12s   microseconds a query\n' items fixed 'current item' 'new value'
for n in 27000 1000000; do
    "$B/scripts/bench-filter" "$n"
done
