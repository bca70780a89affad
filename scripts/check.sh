#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Build with warnings as errors and run every test. Ends with "N passed, N failed, N skipped".
#
# B=DIR where to build (build);  SAN=address,undefined with sanitizers;  UNIT_ONLY=1 without tests/cli
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-deps.sh --test
B=${B:-build}
make -s -j"$(nproc)" WERROR=1 SAN="${SAN:-}" B="$B" all unit
# the same on MPI where it is installed; tests/cli/ranks.bats says so where it is not
if command -v mpicc >/dev/null && [ -z "${SAN:-}${UNIT_ONLY:-}" ]; then
    make -s -j"$(nproc)" WERROR=1 MPI=1 B="$B/mpi" all
fi

out=$(mktemp)
trap 'rm -f "$out" "$out.one"' EXIT
broken=0

# suite NAME COMMAND...: run a suite that prints TAP. It is broken when it prints fewer results than it planned
# (a crash), or ends badly although every result was good (a sanitizer's word at the end).
suite() {
    local name=$1 status=0 planned ran
    shift
    echo "# $name"
    "$@" >"$out.one" 2>&1 || status=$?
    sed -i 's/^not ok \([0-9]*\) # SKIP/ok \1 # SKIP/' "$out.one" # cmocka's way to say it
    tee -a "$out" <"$out.one"
    planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$out.one" | tail -1)
    ran=$(grep -c -E '^(not )?ok ' "$out.one" || true)
    if [ "${planned:-x}" != "$ran" ] || { [ "$status" -ne 0 ] && ! grep -q '^not ok ' "$out.one"; }; then
        echo "$name: ended with $status after $ran of ${planned:-no planned} results"
        broken=$((broken + 1))
    fi
}

export CMOCKA_MESSAGE_OUTPUT=TAP
for test in "$B"/tests/test_*; do
    case $test in *.d | *.o) continue ;; esac
    [ ! -x "$test" ] || suite "${test##*/}" "$test"
done
export PZ_BIN; PZ_BIN=$(cd "$B/bin" && pwd)
[ -n "${UNIT_ONLY:-}" ] || suite "tests/cli" bats --tap tests/cli

skipped=$(grep -c -E '^ok .*# (skip|SKIP)' "$out" || true)
passed=$(($(grep -c -E '^ok ' "$out" || true) - skipped))
failed=$(($(grep -c -E '^not ok ' "$out" || true) + broken))
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
