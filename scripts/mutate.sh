#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Are the tests any good? One-line faults, a fixed list (tests/mutations.tsv), put in one at a time: the tests of the
# folder have to notice. Prints a line a fault, then the share that was killed and the survivors.
#
# A line of the list: file TAB line as it stands (without its indent) TAB line with the fault TAB tests, unit tests
# before '|' and command tests behind. A line that the file has no longer, or more than once, is stale.
#
# usage: scripts/mutate.sh [PATTERN]     only files that match;  PART=I/N  every Nth line;  B=DIR (build/mutate)
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD pattern=${1:-.} part=${PART:-1/1} jobs=$(nproc)
work=${B:-$top/build/mutate}
mkdir -p "$work"
git archive HEAD | tar -x -C "$work"
cd "$work"
make -s -j"$jobs" all unit
killed=0 survived=() stale=0 n=0

# put FILE FROM TO: replace the one line; false when it is not there once
put() {
    if awk -v from="$2" -v to="$3" '
        { text = $0; sub(/^[ \t]+/, "", text) }
        text == from { n++; indent = $0; sub(/[^ \t].*/, "", indent); $0 = indent to }
        { print }
        END { exit n != 1 }' "$1" >"$1.mutant"; then
        mv "$1.mutant" "$1"
    else
        rm -f "$1.mutant"
        return 1
    fi
}

# noticed UNIT BATS: whether a test fails, or the build does
noticed() {
    local t targets=(all)
    for t in $1; do targets+=("build/tests/$t"); done
    make -s -j"$jobs" "${targets[@]}" >/dev/null 2>&1 || return 0
    for t in $1; do timeout 120 "build/tests/$t" >/dev/null 2>&1 || return 0; done
    for t in $2; do PZ_BIN=$work/build/bin timeout 600 bats "tests/cli/$t.bats" >/dev/null 2>&1 || return 0; done
    return 1
}

while IFS=$'\t' read -r file from to tests; do
    n=$((n + 1))
    [[ $file =~ $pattern ]] || continue
    [ $((n % ${part#*/})) -eq $((${part%/*} % ${part#*/})) ] || continue
    cp "$file" "$work/original"
    # awk's -v reads escapes: backslashes are doubled
    if ! put "$file" "${from//\\/\\\\}" "${to//\\/\\\\}"; then
        stale=$((stale + 1))
        echo "stale     $file: $from"
    elif noticed "${tests%|*}" "${tests#*|}" </dev/null; then
        killed=$((killed + 1))
        echo "killed    $file: $to"
    else
        survived+=("$file: $from  ->  $to")
        echo "SURVIVED  $file: $to"
    fi
    cp "$work/original" "$file"
done < <(cat "$top/tests/mutations.tsv")
total=$((killed + ${#survived[@]}))
echo "$killed of $total killed ($((total ? 100 * killed / total : 0)) %), $stale stale"
[ ${#survived[@]} -eq 0 ] || printf 'survivor: %s\n' "${survived[@]}"
