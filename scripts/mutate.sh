#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Are the tests any good? One-line faults, a fixed list (tests/mutations.tsv), put in one at a time: the tests of the
# folder have to notice. Prints a line per fault with its seconds, then the share that was killed and the survivors.
#
# A line of the list: file TAB line as it stands (without its indent) TAB line with the fault TAB tests. The tests are
# unit tests (seconds), then '|', then command tests, which run only when no unit test has noticed: a file of
# tests/cli without its .bats, or file:PATTERN for the tests whose names match it ('.' for a blank). The first test
# that fails ends the fault. A line that the file has no longer, or more than once, is stale; so is the list when a
# fault's tests fail without it, which the first lines of the output say.
#
# usage: scripts/mutate.sh [PATTERN]     only files that match
#        PART=I/N  every Nth line of the list;  B=DIR  where to build (build/mutate; one for each run at a time)
#        LIST=FILE another list;  UNIT_ONLY=1  no command tests
set -euo pipefail
cd "$(dirname "$0")/.."
pattern=${1:-.} part=${PART:-1/1} jobs=${JOBS:-$(nproc)} list=$(realpath "${LIST:-tests/mutations.tsv}")
work=$(realpath -m "${B:-build/mutate}")
mkdir -p "$work"
rm -rf "${work:?}"/{lib,cmd,tests}
git archive HEAD | tar -x -C "$work"
cd "$work"

# Quick to compile rather than quick to run. -s: a fault's programs are linked again, and debug text is most of that.
build() {
    make -s -j"$jobs" B=build CC="${CC:-cc}" CFLAGS=-O1 LDFLAGS=-s "$@"
}

# chosen: the lines of the list that this run takes
chosen() {
    awk -F'\t' -v pattern="$pattern" -v i="${part%/*}" -v n="${part#*/}" \
        'NR % n == i % n && $1 ~ pattern' "$list"
}

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

# unit_fails TEST: a test that does not end has noticed too
unit_fails() {
    ! timeout -k 1 200 "build/tests/$1" >/dev/null 2>&1
}

# bats_fails FILE[:PATTERN]: ends with the first test that fails; its own process group, so that servers end as well
bats_fails() {
    local out=$work/bats.out pid status=0 filter=()
    [ "$1" = "${1#*:}" ] || filter=(-f "${1#*:}")
    : >"$out"
    PZ_BIN=$work/build/bin setsid timeout 600 bats --tap "${filter[@]}" "tests/cli/${1%%:*}.bats" >"$out" 2>&1 &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        if grep -q '^not ok' "$out"; then
            kill -- -$pid 2>/dev/null || true
            break
        fi
        sleep 0.2
    done
    wait $pid || status=$?
    [ $status -ne 0 ] || grep -q '^not ok' "$out"
}

# noticed UNIT BATS: whether a test fails, or the build does; names it in by
noticed() {
    local t targets=()
    for t in $1; do targets+=("build/tests/$t"); done
    by=build
    build "${targets[@]}" >/dev/null 2>&1 || return 0
    for t in $1; do
        by=$t
        ! unit_fails "$t" || return 0
    done
    [ -z "${UNIT_ONLY:-}" ] && [ -n "$2" ] || return 1
    by=build
    build all >/dev/null 2>&1 || return 0
    for t in $2; do
        by=$t
        ! bats_fails "$t" || return 0
    done
    return 1
}

build all unit
for t in $(chosen | cut -f4 | cut -d'|' -f1 | tr ' ' '\n' | sort -u); do
    ! unit_fails "$t" || ! unit_fails "$t" || { echo "$t fails without a fault, twice"; exit 1; }
done
killed=0 survived=() stale=0
while IFS=$'\t' read -r file from to tests; do
    cp "$file" "$work/original"
    start=$SECONDS
    # awk's -v reads escapes: backslashes are doubled
    if ! put "$file" "${from//\\/\\\\}" "${to//\\/\\\\}"; then
        stale=$((stale + 1))
        echo "stale     $file: $from"
    elif noticed "${tests%|*}" "${tests#*|}" </dev/null; then
        killed=$((killed + 1))
        echo "killed    $((SECONDS - start)) s by $by  $file: $to"
    else
        survived+=("$file: $from  ->  $to")
        echo "SURVIVED  $((SECONDS - start)) s  $file: $to"
    fi
    cp "$work/original" "$file"
done < <(chosen)
total=$((killed + ${#survived[@]}))
echo "$killed of $total killed ($((total ? 100 * killed / total : 0)) %), $stale stale"
[ ${#survived[@]} -eq 0 ] || printf 'survivor: %s\n' "${survived[@]}"
